"""Configured values that no row has, and whether a value of the data is nearly one of them. Pure.

A facet that lists `f` where the data has `F` has an empty sensitive group, of which every metric is undefined. The
data's own values are never part of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from spark_model_monitor.statistics.states.contingency import Scalar, ValuedColumn, normalize_code

BY_BLANKS = "by blanks alone"
BY_CASE = "by case alone"
BY_BOTH = "by case and blanks alone"
BY_ZEROS = "by leading zeros alone"


@dataclass(frozen=True, slots=True)
class UnmatchedValue:
    """A configured value that no row has. differs: how the nearest value of the data differs; None if none is near."""

    value: Scalar
    differs: str | None = None

    def __str__(self) -> str:
        sentence = f"no row has the configured value {self.value!r}"
        if self.differs is None:
            return sentence
        return f"{sentence}; a value of the data differs from it {self.differs}: write the value as the data has it"


def find_unmatched(column: ValuedColumn, texts: Iterable[str], *, is_empty: bool = False) -> Iterator[UnmatchedValue]:
    """The configured values of a column that are none of `texts`, the distinct values of the data. is_empty: whether it is
    known that no row has any of them.
    """
    texts = frozenset(texts)
    codes = {normalize_code(text) for text in texts}
    for value in column.values:
        if is_empty or normalize_code(value) not in codes:
            yield UnmatchedValue(value, _nearest(str(value), texts))


def _nearest(value: str, texts: Iterable[str]) -> str | None:
    """How the text that differs least differs from `value`; None if all differ by more than case and blanks."""
    # The kinds of difference, whose order of precedence is that of the result
    differences = set()
    for text in texts:
        if text.strip() == value.strip():
            differences.add(BY_BLANKS)
        elif text.casefold() == value.casefold():
            differences.add(BY_CASE)
        elif text.strip().casefold() == value.strip().casefold():
            differences.add(BY_BOTH)
        elif text.isdigit() and text.lstrip("0") == value.lstrip("0"):
            differences.add(BY_ZEROS)
    return next(
        (difference for difference in (BY_BLANKS, BY_CASE, BY_BOTH, BY_ZEROS) if difference in differences), None
    )
