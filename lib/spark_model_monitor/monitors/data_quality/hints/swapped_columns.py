"""swapped_columns, shifted_columns: columns that are matched by position have changed places, or columns moved by one.

The values of each column fit another column's baseline, and not their own. States and the baseline's distributions show it,
without a scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from spark_model_monitor.monitors.data_quality.distribution.column_values import ColumnValues, measure_distance
from spark_model_monitor.monitors.data_quality.hints import HintSentences, ObservedData, list_quoted, register_hint
from spark_model_monitor.value_class import value_class

MISFIT = 0.6
"""A misfit's smallest distance from its own baseline. By chance, one of 20,000 columns of 30 values has such a distance."""

FIT = 0.2  # the largest distance of a column from another column's baseline that it fits: a third of MISFIT

MIN_SHIFTED = 3  # fewest columns that fit a neighbour's baseline and not their own; two may be swapped, or drifted
MOSTLY_SHIFTED = (
    0.75  # smallest share of the moved columns that a shift explains; others may have drifted, or be inserted
)
MAX_MISFITS = 50  # with more misfits, columns weren't swapped in pairs


@value_class
class MatchedColumn:
    """A column of the baseline, with the column at its position in the current data. position: its position, from 1."""

    position: int
    name: str
    baseline: ColumnValues
    current: ColumnValues

    @property
    def baseline_gap(self) -> float:
        """The distance from its own baseline; 0 if it is unknown."""
        return measure_distance(self.baseline, self.current) or 0.0

    @property
    def is_misfit(self) -> bool:
        """Whether it is far from its own baseline."""
        return self.baseline_gap >= MISFIT

    def is_like_neighbour(self, neighbour: MatchedColumn) -> bool:
        """Whether the values fit a neighbour's baseline, and better than their own. True, too, if the distance is unknown, as for
        two texts that hardly ever repeat.
        """
        gap = measure_distance(neighbour.baseline, self.current)
        return gap is None or gap <= min(FIT, self.baseline_gap / 2)


@register_hint("swapped_columns")
def swapped_columns(data: ObservedData) -> HintSentences:
    """Two columns that are matched by position are both far from their own baseline and close to the other's.

    The distance of numbers is the largest gap between the cumulative distributions; of texts, and of numbers with few distinct
    values, the share of values that the baseline lacks; of a text and a number, 1. Texts that hardly ever repeat are recognised
    only as texts; the other column must then have numbers that fit.
    Source: M15.
    """
    if not data.layout.by_position:
        return
    misfits = [column for column in _match_columns(data) if column.is_misfit]
    if len(misfits) > MAX_MISFITS or find_shift(data)[1]:
        return
    pairs: list[tuple[float, MatchedColumn, MatchedColumn]] = []
    for first, second in combinations(misfits, 2):
        gap = _measure_gap(first, second)
        if gap is not None:
            pairs.append((gap, first, second))
    # The nearest pairs first; no column has changed places twice
    swapped_numbers: set[int] = set()
    for _, first, second in sorted(pairs, key=lambda pair: (pair[0], pair[1].position, pair[2].position)):
        positions = {first.position, second.position}
        if not swapped_numbers & positions:
            swapped_numbers |= positions
            names = f"columns {first.position} ({first.name!r}) and {second.position} ({second.name!r}) look swapped"
            why = "the values of each fit the baseline of the other and not their own"
            yield (first.name, second.name), f"{names}: {why}; write the columns in the baseline's order"


@register_hint("shifted_columns")
def shifted_columns(data: ObservedData) -> HintSentences:
    """Columns hold the values of their neighbours, all on the same side.

    Captures have the output first and then the input, training data often the label last; a file may have an index before the
    cells that its header names.
    Source: M15.
    """
    direction, columns, neighbours = find_shift(data)
    if columns:
        shift = f"the columns look shifted by one to the {direction}"
        neighbour = (
            f"{len(columns):,} of them hold the values of their neighbour ({columns[0]!r} those of {neighbours[0]!r})"
        )
        advice = "write each value below its own name; the rows may have an index that the header lacks"
        if data.layout.by_position:
            advice = "write the baseline's columns in the order of these records; captures have the output first, then the input"
        # The first column of captures that have one more is taken for an answer; the columns before an inserted one then move
        if direction == "left" and data.comparison and data.comparison.new_columns:
            advice = (
                f"the new column is not {list_quoted(data.comparison.new_columns)}: it looks inserted behind "
                f"{neighbours[-1]!r}; leave it out"
            )
        yield columns, f"{shift}: {neighbour}; {advice}"


def find_shift(data: ObservedData) -> tuple[str, list[str], list[str]]:
    """The direction of a shift by one, the columns, and the neighbours whose values they hold; empty without a shift.

    The shift has to explain nearly all columns that don't fit their own baseline, and at least one of these has to be a misfit,
    since neighbouring columns may be alike.
    """
    columns = {column.position: column for column in _match_columns(data)}
    moved_columns = [column for column in columns.values() if column.baseline_gap > FIT]
    if len(moved_columns) < MIN_SHIFTED or not any(column.is_misfit for column in moved_columns):
        return "", [], []
    for direction, step in (("right", -1), ("left", 1)):
        num_compared = 0
        names = []
        neighbours = []
        for column in moved_columns:
            neighbour = columns.get(column.position + step)
            if neighbour is None:
                continue
            num_compared += 1
            if column.is_like_neighbour(neighbour):
                names.append(column.name)
                neighbours.append(neighbour.name)
        if len(names) >= max(MIN_SHIFTED, MOSTLY_SHIFTED * num_compared):
            return direction, names, neighbours
    return "", [], []


def _match_columns(data: ObservedData) -> Iterator[MatchedColumn]:
    for number, feature in enumerate(data.compared_features, start=1):
        if feature.unmatched is None:
            baseline = ColumnValues.of(feature.baseline_distribution)
            current = ColumnValues.of(feature.current_distribution)
            if baseline is not None and current is not None:
                yield MatchedColumn(number, feature.name, baseline, current)


def _measure_gap(first: MatchedColumn, second: MatchedColumn) -> float | None:
    """The sum of the columns' distances from each other's baselines; None if one of them doesn't fit."""
    measured = (
        measure_distance(first.baseline, second.current),
        measure_distance(second.baseline, first.current),
    )
    gaps = [gap for gap in measured if gap is not None]
    if not gaps or max(gaps) > FIT:
        return None
    return sum(gaps)
