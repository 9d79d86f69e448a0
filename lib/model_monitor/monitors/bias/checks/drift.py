"""bias_drift_check: a metric is no farther from its neutral value than in the baseline."""

from __future__ import annotations

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.bias import choices
from model_monitor.monitors.bias.checks import CHECKS, unknown
from model_monitor.monitors.bias.comparison import MetricComparison
from model_monitor.monitors.protocol import Finding

NO_GROUP = "the baseline does not have this metric of this group"
UNDEFINED = "the metric is undefined in the baseline"
NO_INTERVAL = "the metric has no interval: it is undefined in too many resamples of the window"
IN_GROUPS = "; about {rows:.0f} rows of this window count as one"
OVERLAPS = "the interval of the metric reaches across the allowed range's ends"


@CHECKS.register("bias_drift_check")
def drift(metric: MetricComparison) -> Finding | None:
    """The metric's distance from 0 is at most the baseline's, whichever side it is on, for all metrics alike.

    The service measures disparate impact from 0, too; with `neutral_di` it is measured from 1. With intervals a metric has
    drifted if it is farther away than the baseline beyond chance, and has not if its whole interval is as near; between the
    two it can't be told.
    Source: B5.2, B5.3; G23.
    """
    if not metric.in_baseline:
        return Finding.not_judged(None, NO_GROUP)
    if metric.baseline is None:
        return Finding.not_judged(None, UNDEFINED)
    unjudged = unknown(metric, metric.baseline)
    if unjudged is not None:
        return unjudged
    status, reason = _status(metric, abs(metric.baseline - metric.neutral))
    description = None
    if status is CheckStatus.VIOLATED and metric.current.value is not None:
        description = choices.drift(metric.current.value, metric.baseline)
    measured = "|value - 1|" if metric.neutral else "|value|"
    return Finding(
        status,
        metric.baseline,
        reason=reason,
        description=description,
        formula=f"{measured} against that of the baseline",
    )


def _status(metric: MetricComparison, allowed: float) -> tuple[CheckStatus, str | None]:
    value = metric.current.value
    if not metric.tolerances.with_intervals:
        drifted = value is not None and abs(value - metric.neutral) > allowed
        return (CheckStatus.VIOLATED if drifted else CheckStatus.PASSED), None
    groups = IN_GROUPS.format(rows=metric.likeness) if round(metric.likeness) > 1 else ""
    if metric.interval is None or metric.beyond_noise is None:
        return CheckStatus.CANNOT_TELL, NO_INTERVAL + groups
    low, high = (end - metric.neutral for end in metric.beyond_noise)
    if low > allowed or high < -allowed:
        return CheckStatus.VIOLATED, None
    low, high = (end - metric.neutral for end in metric.interval)
    if -allowed <= low and high <= allowed:
        return CheckStatus.PASSED, None
    return CheckStatus.CANNOT_TELL, OVERLAPS + groups
