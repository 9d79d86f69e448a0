"""The bias checks: each a registered function that compares one metric with its baseline. Pure.

Registered under its `constraint_check_type`. A check returns a `Finding`, or None if there is nothing to check. It
never logs and never raises because of the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.bias.comparison import MetricComparison
from spark_model_monitor.monitors.bias.intervals import Interval
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry

DRIFT = "Metric value {current} doesn't meet the baseline constraint requirement {baseline}"
OUT_OF_RANGE = "Metric value {current} is not within the allowed range {low} to {high}"
NO_GROUP = "the baseline does not have this metric of this group"
UNDEFINED = "the metric is undefined in the baseline"
NO_INTERVAL = "the metric has no interval"
NO_RESAMPLES = f"{NO_INTERVAL}: it is undefined in too many resamples of the window"
IN_GROUPS = "; about {rows:.0f} rows of this window count as one"
OVERLAPS = "the interval of the metric reaches across the allowed range's ends"
OVERLAPS_RANGE = "the interval of the metric reaches across the range's ends"

CHECKS: Registry[Callable[[MetricComparison], Finding | None]] = Registry("bias check")


@CHECKS.register("bias_drift_check")
def drift(metric: MetricComparison) -> Finding | None:
    """The metric's distance from 0, on either side, is at most the baseline's distance; the same for all metrics.

    The service measures disparate impact from 0, too; with `neutral_di` it is measured from 1. With intervals, a metric has
    drifted if it is farther away than the baseline by more than chance explains, and has not drifted if its whole interval is
    within the baseline's distance; otherwise the verdict is `cannot tell`.
    Source: B5.2, B5.3; G23.
    """
    if metric.baseline is None:
        return Finding.not_judged(None, UNDEFINED if metric.in_baseline else NO_GROUP)
    value, unjudged = metric.current.value, _unjudged(metric, metric.baseline)
    if unjudged is not None or value is None:
        return unjudged
    measured = "|value - 1|" if metric.neutral else "|value|"
    finding = Finding(CheckStatus.VIOLATED, metric.baseline, formula=f"{measured} against that of the baseline")
    beyond, within = metric.beyond_noise, metric.interval
    if not metric.tolerances.with_intervals:
        beyond = within = value, value
    groups = IN_GROUPS.format(rows=metric.likeness) if round(metric.likeness) > 1 else ""
    if beyond is None or within is None:
        return finding.but(status=CheckStatus.CANNOT_TELL, reason=NO_RESAMPLES + groups)
    allowed, neutral = abs(metric.baseline - metric.neutral), metric.neutral
    from_neutral = [(low - neutral, high - neutral) for low, high in (beyond, within)]
    status = _beside((-allowed, allowed), *from_neutral)
    if status is CheckStatus.VIOLATED:
        return finding.but(description=DRIFT.format(current=number(value), baseline=number(metric.baseline)))
    return finding.but(status=status, reason=OVERLAPS + groups if status is CheckStatus.CANNOT_TELL else None)


@CHECKS.register("bias_range_check")
def within_range(metric: MetricComparison) -> Finding | None:
    """The metric is within its configured range. With intervals, only an interval that lies wholly outside is a violation.

    A metric without a range is not checked.
    Source: B5.2.
    """
    allowed = metric.tolerances.ranges.get(metric.current.name)
    if allowed is None:
        return None
    value, unjudged = metric.current.value, _unjudged(metric, None)
    if unjudged is not None or value is None:
        return unjudged
    low, high = map(number, allowed)
    finding = Finding(CheckStatus.VIOLATED, None, formula=f"{low} <= value <= {high}")
    ends = metric.interval if metric.tolerances.with_intervals else (value, value)
    if ends is None:
        return finding.but(status=CheckStatus.CANNOT_TELL, reason=NO_INTERVAL)
    status = _beside(allowed, ends, ends)
    if status is CheckStatus.VIOLATED:
        return finding.but(description=OUT_OF_RANGE.format(current=number(value), low=low, high=high))
    return finding.but(status=status, reason=OVERLAPS_RANGE if status is CheckStatus.CANNOT_TELL else None)


def _unjudged(metric: MetricComparison, threshold: float | None) -> Finding | None:
    """The verdict on a metric without a value, or from too few rows; None if it can be judged."""
    if metric.current.value is None:
        return Finding.not_judged(threshold, metric.current.error)
    least = metric.tolerances.min_rows
    if min(metric.rows) < least:
        found = f"{metric.rows[0]:,} rows of the group and {metric.rows[1]:,} of the rest"
        return Finding(CheckStatus.CANNOT_TELL, threshold, reason=f"{found}; at least {least:,} of each are asked for")
    return None


def _beside(allowed: Interval, beyond: Interval, within: Interval) -> CheckStatus:
    """Violated if `beyond` lies wholly outside the allowed interval, passed if `within` lies inside it."""
    if beyond[0] > allowed[1] or beyond[1] < allowed[0]:
        return CheckStatus.VIOLATED
    inside = allowed[0] <= within[0] and within[1] <= allowed[1]
    return CheckStatus.PASSED if inside else CheckStatus.CANNOT_TELL


def number(value: float) -> str:
    """A number as Python prints it; infinities as the service writes them."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))
