"""The summary of a run, which later runs and pages compare: a row for each feature, metric, group or attribution. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from spark_model_monitor.value_class import value_class

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Bins = Mapping[str, Sequence[Any]]
"""By feature, the bins in which the baseline's shares are counted: the edges of 20 bins of equal width, or the most
frequent values.
"""


@value_class
class SummaryRow:
    """One row of a summary: a feature, a metric, a metric of a group, or a feature's attribution.

    part: the metric's group as `facet=value`, or the output; else empty.
    kind: `number`, `category`, `metric`, `bias` or `attribution`.
    quantiles: the quantiles at `QUANTILES`; None if unknown.
    shares: the shares in the baseline's bins; None if unknown.
    value, low, high: a metric's value and the ends of its interval.
    """

    name: str
    part: str = ""
    kind: str = "metric"
    present: int | None = None
    missing: int | None = None
    distinct: int | None = None
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Sequence[float] | None = None
    shares: Sequence[float] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@value_class
class Summary:
    """The summary of a run. bins: the baseline's bins; the run's own bins if there is no baseline."""

    rows: tuple[SummaryRow, ...] = ()
    bins: Bins = field(default_factory=dict)
