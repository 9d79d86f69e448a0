"""summary.parquet and checks.parquet as rows: what a run found of every feature or metric, and the result of every check. Pure.

One table each for all monitors, so that the history of many runs, pages and queries are views of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_monitor.documents.check_results import CheckResult

FACET_VALUE = "facet_value"
"""The member of a bias check's result that says whose it is, beside the facet."""

LABEL = "label"
"""The member of an attribution check's result that says which of the model's outputs it is about."""

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Bins = Mapping[str, Sequence[Any]]
"""What a baseline's shares are counted in, by feature: the ends of 20 bins of equal width, or its most frequent values."""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A feature, a metric, a metric of a group, or a feature's attribution.

    part: whose metric it is, as `facet=value`, or the output; else empty. kind: `number`, `category`, `metric`, `bias` or
    `attribution`. quantiles, shares: of `QUANTILES`, and in the baseline's bins; None where they are not known. value, low,
    high: of a metric.
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


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run is like, in rows. bins: those of its baseline, or of itself without one."""

    rows: tuple[SummaryRow, ...] = ()
    bins: Bins = field(default_factory=dict)


def whose(result: CheckResult) -> tuple[str, str]:
    """The name and the part that a check's result is of, as summaries have them."""
    members = result.model_extra or {}
    value = members.get(FACET_VALUE)
    part = str(members.get(LABEL, "")) if value is None else part_of(result.feature or "", str(value))
    return result.metric or result.feature or "", part


def part_of(facet: str, value: str) -> str:
    """What a sensitive group is called."""
    return f"{facet}={value}"
