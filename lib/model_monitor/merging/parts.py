"""The folders that staged lines are written to: one for each kind of line, hour, branch and slice of the hour, by one number.

One number, because rows are spread, sorted and written by it, and a comparison of four takes longer.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

import pyspark.sql.functions as F
from pyspark.sql import Column

from model_monitor.merging.hours import SECONDS, HourFolder

PART = "part"
"""Name of the folders, `part=45504003`."""


class Kind(IntEnum):
    """What a staged line is: a merged record; the id of a capture that has a label, has the label that says that none came,
    or waits; the reason of a refused capture; a label without a capture."""

    MERGED = 0
    LABELLED = 1
    ABSENT = 2
    WAITING = 3
    REFUSED = 4
    LONE = 5


ID_KINDS = (Kind.LABELLED, Kind.ABSENT, Kind.WAITING)


@dataclass(frozen=True, slots=True)
class Parts:
    """How the numbers are made. branches: by their own numbers. slices: how many an hour is cut into, by time."""

    branches: tuple[str, ...]
    slices: int

    def number(self, kind: Column, branch: Column, hour: Column, slice_: Column) -> Column:
        """The number of a line; 0 stands for a branch or an hour that it has none of."""
        hours = F.coalesce(hour, F.lit(0)) * len(self.branches) + F.coalesce(branch, F.lit(0))
        return (hours * len(Kind) + kind) * self.slices + F.coalesce(slice_, F.lit(0))

    def slice_of(self, second: Column) -> Column:
        """The slice of a second of the hour; those of neighbouring hours go to the first or the last one."""
        within = F.least(F.greatest(second, F.lit(0)), F.lit(SECONDS - 1))
        return F.floor(within * self.slices / SECONDS)

    def read(self, number: int) -> tuple[Kind, HourFolder, int]:
        """Kind, hour and slice of a number."""
        rest, slice_ = divmod(number, self.slices)
        rest, kind = divmod(rest, len(Kind))
        hour, branch = divmod(rest, len(self.branches))
        return Kind(kind), HourFolder(self.branches[branch], hour), slice_

    def kind_is(self, kinds: Collection[Kind]) -> Column:
        """Whether a row's number is of one of these kinds."""
        return (F.floor(F.col(PART) / self.slices) % len(Kind)).isin(*map(int, kinds))

    @property
    def branch_and_hour(self) -> tuple[Column, Column]:
        """The number of the branch, and the hour, of a row's number."""
        rest = F.floor(F.col(PART) / (self.slices * len(Kind)))
        return (rest % len(self.branches)).cast("int"), F.floor(rest / len(self.branches))
