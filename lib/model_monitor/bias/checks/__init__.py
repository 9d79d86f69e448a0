"""The bias checks: each a registered function in the file named after it. Pure.

Registered under its `constraint_check_type`. A check takes one metric beside its baseline and gives a `Verdict`, or None where
nothing was asked of it. It never logs and never raises for data; a new file in this folder is found by being there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from model_monitor.bias.comparison import MetricComparison
from model_monitor.documents.outcomes import CheckStatus
from model_monitor.registry import Registry


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. threshold: the number that the metric was held against, None without one."""

    status: CheckStatus
    threshold: float | None = None
    reason: str | None = None
    description: str | None = None
    formula: str | None = None


BiasCheck = Callable[[MetricComparison], Verdict | None]

CHECKS: Registry[BiasCheck] = Registry("bias check")


def unknown(metric: MetricComparison, threshold: float | None) -> Verdict | None:
    """The verdict on a metric that has no value, or comes from too few rows; None if it can be judged."""
    if metric.current.value is None:
        return Verdict(CheckStatus.NOT_JUDGED, threshold, metric.current.error)
    least = metric.tolerances.min_rows
    if metric.fewest_rows < least:
        found = f"{metric.rows[0]:,} rows of the group and {metric.rows[1]:,} of the rest"
        return Verdict(CheckStatus.CANNOT_TELL, threshold, f"{found}; at least {least:,} of each are asked for")
    return None
