"""The bias checks: each is a registered function that compares one metric with its baseline. Pure.

A check is registered under its `constraint_check_type`. It returns a `Finding`, or None if there is nothing to check. It
never logs, and never raises because of the data.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from spark_model_monitor.documents.check_results import LIMITS, STUDENT
from spark_model_monitor.documents.outcome import IN_GROUPS, METRIC_CHANGE, RATIO_CHANGE
from spark_model_monitor.monitors.bias.metric_comparison import MetricComparison
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.registry import Registry

UNDEFINED = "the metric is undefined in the baseline"
NO_INTERVAL = "the metric has no interval"
NO_RESAMPLES = f"{NO_INTERVAL}: it is undefined in too many resamples of the window"
LONGER_WINDOWS = "take longer windows, with more rows of each group"
MAY_BE_CHANCE = "it is farther from 0 than in the baseline by no more than chance allows"

UNBOUNDED = frozenset({"DI", "DCA", "TE"})
"""Metrics that can be larger than 1."""

CHECKS: Registry[Callable[[MetricComparison], Finding | None]] = Registry("bias check")


@CHECKS.register("bias_drift_check")
def drift(metric: MetricComparison) -> Finding | None:
    """The metric's distance from 0, on either side, is at most the baseline's distance; the same for all metrics.

    The service measures disparate impact from 0, too; with `neutral_di` it is measured from 1. With intervals, it is violated
    if `p`, that chance takes the value so much farther away than the baseline's, is at most `level`. If it is farther away by
    a change that matters, which may be chance, or if its interval is wider than that, the verdict is `cannot tell`. A
    baseline's value that a person edited decides alone.
    Source: B5.2, B5.3; G23.
    """
    # The file has no value of this metric, or nothing about this group
    baseline = metric.baseline
    if baseline is None and metric.obstacle is None:
        reason = UNDEFINED
        if not metric.in_baseline:
            reason = "the baseline does not have this metric of this group"
        return Finding.not_judged(None, reason)
    value = metric.current.value
    unjudged = _explain_unjudged(metric, baseline)
    if unjudged is not None or value is None or baseline is None:
        return unjudged
    neutral = metric.neutral
    measured = "|value - 1|" if neutral else "|value|"
    finding = Finding(threshold=baseline, formula=f"{measured} against that of the baseline")
    description = (
        f"Metric value {format_number(value)} doesn't meet the baseline constraint requirement "
        f"{format_number(baseline)}"
    )
    distance = abs(value - neutral)
    allowed = abs(baseline - neutral)
    if metric.allows_for_chance:
        return _judge_by_chance(metric, finding, description, distance, allowed)
    # A value that a person wrote is a limit that decides alone
    finding = finding.copy_with(decided_by=LIMITS, limits=(neutral - allowed, neutral + allowed))
    if distance > allowed:
        return finding.mark_violated(description)
    return finding


def _judge_by_chance(
    metric: MetricComparison, finding: Finding, description: str, distance: float, allowed: float
) -> Finding:
    """The finding on a value that may differ by chance. distance, allowed: from the neutral value, now and in the baseline."""
    p = metric.chance
    score = metric.score
    if score is not None and not math.isfinite(score):
        score = None
    finding = finding.copy_with(decided_by=STUDENT, statistic=score, p=p, level=metric.level)
    groups = ""
    if round(metric.noise.design_effect) > 1:
        groups = IN_GROUPS.format(rows=metric.noise.design_effect)
    if metric.noise.window_spread is None or metric.noise.interval is None:
        return finding.as_cannot_tell(NO_RESAMPLES + groups, LONGER_WINDOWS)
    if p is not None and p <= metric.level:
        return finding.mark_violated(description)
    # Not violated, but a change that matters may have been missed, or may be chance
    low, high = metric.noise.interval
    if metric.neutral - allowed <= low and high <= metric.neutral + allowed:
        return finding
    size = RATIO_CHANGE if metric.current.name in UNBOUNDED else METRIC_CHANGE
    farther = distance - allowed
    if farther > size:
        reason = f"it is much farther from 0 than in the baseline, which may be chance{groups}"
        return finding.as_cannot_tell(reason, LONGER_WINDOWS, is_change_seen=True)
    if (high - low) / 2 > size:
        return finding.as_cannot_tell(
            f"its interval reaches farther than {size:g} to either side" + groups, LONGER_WINDOWS
        )
    if farther > 0:
        return finding.copy_with(reason=MAY_BE_CHANCE + groups)
    return finding


@CHECKS.register("bias_range_check")
def within_range(metric: MetricComparison) -> Finding | None:
    """The metric's value is within its configured range, which decides alone.

    A metric without a range is not checked.
    Source: B5.2.
    """
    allowed = metric.tolerances.ranges.get(metric.current.name)
    if allowed is None:
        return None
    value = metric.current.value
    unjudged = _explain_unjudged(metric, None)
    if unjudged is not None or value is None:
        return unjudged
    low, high = map(format_number, allowed)
    formula = f"{low} <= value <= {high}"
    # An infinite end is no limit, and JSON has no infinity
    minimum, maximum = (end if math.isfinite(end) else None for end in allowed)
    passed = Finding(decided_by=LIMITS, limits=(minimum, maximum), formula=formula)
    if allowed[0] <= value <= allowed[1]:
        return passed
    description = f"Metric value {format_number(value)} is not within the allowed range {low} to {high}"
    return passed.mark_violated(description)


def _explain_unjudged(metric: MetricComparison, threshold: float | None) -> Finding | None:
    """The verdict on a metric without a value, or from too few rows; None if the metric can be judged."""
    obstacle = metric.obstacle
    if obstacle is not None:
        # If the group, one of its values or the label has disappeared, a longer window doesn't help
        unjudged = Finding.not_judged(threshold, obstacle.reason)
        if metric.baseline is not None or metric.tolerances.with_intervals:
            return unjudged.as_cannot_tell(obstacle.reason, obstacle.remedy)
        return unjudged
    # The metric is undefined with few rows although the baseline has it; a longer window may help
    if metric.current.value is None:
        unjudged = Finding.not_judged(threshold, metric.current.error)
        if metric.tolerances.with_intervals and metric.baseline is not None:
            return unjudged.as_cannot_tell(metric.current.error or NO_INTERVAL, LONGER_WINDOWS)
        return unjudged
    min_rows = metric.tolerances.min_rows
    if min(metric.group.rows) < min_rows:
        group_rows, rest_rows = metric.group.rows
        reason = f"{group_rows:,} rows of the group and {rest_rows:,} of the rest; at least {min_rows:,} of each are asked for"
        return Finding(threshold=threshold).as_cannot_tell(reason, LONGER_WINDOWS)
    return None


def format_number(value: float) -> str:
    """A number in Python's format; infinities in the service's words."""
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(float(value))
