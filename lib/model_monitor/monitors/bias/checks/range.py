"""bias_range_check: a metric lies in the range that the user allows it, whatever the baseline was. Ours."""

from __future__ import annotations

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.bias import choices
from model_monitor.monitors.bias.checks import CHECKS, unknown
from model_monitor.monitors.bias.comparison import MetricComparison
from model_monitor.monitors.protocol import Finding


@CHECKS.register("bias_range_check")
def within_range(metric: MetricComparison) -> Finding | None:
    """The metric is within the range configured for it. With intervals only a whole interval outside is a violation.

    A metric without a range is not checked.
    Source: B5.2.
    """
    allowed = metric.tolerances.ranges.get(metric.current.name)
    if allowed is None:
        return None
    unjudged = unknown(metric, None)
    if unjudged is not None or metric.current.value is None:
        return unjudged
    low, high = allowed
    formula = f"{choices.number(low)} <= value <= {choices.number(high)}"
    least, most = (metric.interval or (None, None)) if metric.tolerances.with_intervals else (metric.current.value,) * 2
    if least is None or most is None:
        return Finding(CheckStatus.CANNOT_TELL, None, reason="the metric has no interval", formula=formula)
    if most < low or least > high:
        description = choices.out_of_range(metric.current.value, low, high)
        return Finding(CheckStatus.VIOLATED, None, description=description, formula=formula)
    if low <= least and most <= high:
        return Finding(CheckStatus.PASSED, None, formula=formula)
    return Finding(
        CheckStatus.CANNOT_TELL,
        None,
        reason="the interval of the metric reaches across the range's ends",
        formula=formula,
    )
