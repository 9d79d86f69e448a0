"""The cuts of rows into segments that a user writes: `plan` by value, `age:30:50` by range, `ordered:hour` by hour of the day,
`plan*has_roaming` by both. `segment_scan.py` computes states in the segments.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states.segments import BY_HOUR, format_rest_label
from spark_model_monitor.value_class import value_class

AND = " & "  # separates the values of a combination


@value_class
class CutColumn:
    """A column that cuts the rows.

    position, name: of the column in the data.
    cuts: the bounds between ranges, ascending; empty to cut by value.
    by_hour: whether to cut by hour of the day.
    """

    position: int
    name: str
    cuts: tuple[float, ...] = ()
    by_hour: bool = False

    def list_ranges(self) -> list[str]:
        """The names of the ranges between the cuts: `age<30`, `30<=age<50`, `age>=50`."""
        ends = [f"{cut:.15g}" for cut in self.cuts]
        between = [f"{low}<={self.name}<{high}" for low, high in itertools.pairwise(ends)]
        return [f"{self.name}<{ends[0]}", *between, f"{self.name}>={ends[-1]}"]


@value_class
class Cut:
    """A way to cut the rows into segments.

    name: the cut as the user wrote it.
    columns: the columns whose values, ranges or hours are combined.
    labels: the segments of the baseline; rows of all other segments form one segment, the rest.
    """

    name: str
    columns: tuple[CutColumn, ...]
    labels: tuple[str, ...] = ()

    @property
    def rest(self) -> str:
        """The name of the segment for rows of all other segments."""
        return format_rest_label(self.name)


def parse_cuts(
    written: Sequence[str], names: Sequence[str], labels: Mapping[str, Sequence[str]] | None = None
) -> list[Cut]:
    """The cuts that the user wrote, for columns with these names. labels: by cut, the segments of the baseline.

    Raises BadConfiguration for an absent column, and for bounds that aren't ascending numbers.
    """
    labels = labels or {}
    return [Cut(text, _parse_columns(text, names), tuple(labels.get(text, ()))) for text in dict.fromkeys(written)]


def _parse_columns(written: str, names: Sequence[str]) -> tuple[CutColumn, ...]:
    # The name of a column may have a `*` or `:`
    if written in names:
        return (CutColumn(names.index(written), written),)
    return tuple(_parse_column(text, written, names) for text in written.split("*"))


def _parse_column(text: str, written: str, names: Sequence[str]) -> CutColumn:
    """The column, with its bounds if the text has any. written: the whole cut, for errors."""
    if text in names:
        return CutColumn(names.index(text), text)
    name, *bounds = text.split(":")
    if name not in names:
        raise BadConfiguration(
            f"segments: {name!r} of {written!r} is no column of the data; they are {', '.join(names[:20])}; write a column, "
            "COLUMN:30:50 for ranges, COLUMN:hour for hours of the day, or COLUMN*COLUMN for combinations"
        )
    if text == f"{name}{BY_HOUR}":
        return CutColumn(names.index(name), name, by_hour=True)
    try:
        cuts = tuple(map(float, bounds))
    except ValueError:
        cuts = (math.nan,)
    # Infinite bounds are refused, because a range would have no rows; so is NaN, because a comparison with it is false
    are_ascending = all(low < high for low, high in itertools.pairwise((-math.inf, *cuts, math.inf)))
    if not are_ascending:
        raise BadConfiguration(f"segments: the bounds of {text!r} are no rising numbers; write {name}:30:50")
    return CutColumn(names.index(name), name, cuts)
