"""Which states a monitor wants a scan to make."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measures:
    """What a scan makes beyond the profile of every feature, and how it takes texts for numbers.

    accept_exponents: whether a text like `1e-5` is a number. counted: numeric features whose values are counted one by one,
    as those of text features always are. column_metrics: names of the metrics of numeric columns to gather (column_metrics.py).
    keeps_runs: whether runs of neighbouring rows are kept, as of a baseline. time_column: the feature that tells who is a
    neighbour, and when the newest row came; None: as they stand.
    """

    accept_exponents: bool = True
    counted: frozenset[str] = frozenset()
    column_metrics: tuple[str, ...] = ()
    keeps_runs: bool = False
    time_column: str | None = None
