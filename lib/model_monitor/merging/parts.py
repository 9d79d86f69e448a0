"""The folders that staged lines are written to: one for each kind of line, hour, branch and slice of the hour, by one number.

One number, because rows are spread, sorted and written by it, and a comparison of four takes longer. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_monitor.merging.hours import SECONDS, HourFolder

PART = "part"
"""Name of the folders, `part=45504003`."""


class Kind(IntEnum):
    """What a staged line is: a merged record; the id of a capture that has a label, has the label that says that none came,
    or waits; what was counted of a bucket."""

    MERGED = 0
    LABELLED = 1
    ABSENT = 2
    WAITING = 3
    COUNTS = 4


ID_KINDS = (Kind.LABELLED, Kind.ABSENT, Kind.WAITING)


@dataclass(frozen=True, slots=True)
class Parts:
    """How the numbers are made. branches: by their own numbers. slices: how many an hour is cut into, by time."""

    branches: tuple[str, ...]
    slices: int

    def numbers(
        self, kind: Kind, branches: NDArray[np.integer[Any]], hours: NDArray[np.int64], seconds: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """The numbers of lines of a kind, shape (lines,). seconds: within the hour; those of neighbouring hours go to the first
        or the last slice."""
        slices = np.clip(seconds, 0, SECONDS - 1) * self.slices // SECONDS
        numbers: NDArray[np.int64] = ((hours * len(self.branches) + branches) * len(Kind) + kind) * self.slices + slices
        return numbers

    @property
    def of_counts(self) -> int:
        """The number of lines that are in no hour."""
        return int(Kind.COUNTS) * self.slices

    def read(self, number: int) -> tuple[Kind, HourFolder, int]:
        """Kind, hour and slice of a number."""
        rest, slice_ = divmod(number, self.slices)
        rest, kind = divmod(rest, len(Kind))
        hour, branch = divmod(rest, len(self.branches))
        return Kind(kind), HourFolder(self.branches[branch], hour), slice_
