"""The bias checks: each a registered function in the file named after it. Pure.

Registered under its `constraint_check_type`. A check takes one metric beside its baseline and gives a `Finding`, or None where
nothing was asked of it. It never logs and never raises for data; a new file in this folder is found by being there.
"""

from __future__ import annotations

from collections.abc import Callable

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.bias.comparison import MetricComparison
from model_monitor.monitors.protocol import Finding
from model_monitor.registry import Registry

BiasCheck = Callable[[MetricComparison], Finding | None]

CHECKS: Registry[BiasCheck] = Registry("bias check")


def unknown(metric: MetricComparison, threshold: float | None) -> Finding | None:
    """The verdict on a metric that has no value, or comes from too few rows; None if it can be judged."""
    if metric.current.value is None:
        return Finding.not_judged(threshold, metric.current.error)
    least = metric.tolerances.min_rows
    if metric.fewest_rows < least:
        found = f"{metric.rows[0]:,} rows of the group and {metric.rows[1]:,} of the rest"
        return Finding(CheckStatus.CANNOT_TELL, threshold, reason=f"{found}; at least {least:,} of each are asked for")
    return None
