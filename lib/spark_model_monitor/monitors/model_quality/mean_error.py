"""Checks whether predictions became too high or too low on average. Metrics of absolute or squared errors don't show this.
Pure.

If all predictions are off by a third of the errors' standard deviation, the mean squared error grows only by a tenth, which
is within its noise for thousands of rows. The signed mean error shows the change in a hundred rows. Model: errors of
different rows are independent, or have the design effect `groups`, and their mean is normal. Source: D4.12.
"""

from __future__ import annotations

import math
from operator import attrgetter

from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.documents.page import format_number
from spark_model_monitor.monitors.model_quality.estimates import Side, compare_estimates, smallest_change
from spark_model_monitor.monitors.model_quality.evidence import Evidence, RegressionEvidence
from spark_model_monitor.monitors.model_quality.metrics.error_metrics import has_residuals, mean_error
from spark_model_monitor.monitors.model_quality.outcome_baseline import ModelBaseline
from spark_model_monitor.monitors.model_quality.quality_checks import LONGER_WINDOWS
from spark_model_monitor.monitors.protocol import Finding

CHANGE_THAT_MATTERS = 0.5  # in standard deviations of the baseline's errors, as for a feature (D4.7)
MIN_ERRORS = 30  # minimum number of errors on each side, so that means are nearly normal


def is_mean_error_judged(baseline: ModelBaseline, window: Evidence) -> bool:
    """Whether both sides have the distribution of their errors. If a column names groups, there is no check, because the
    similarity of errors within groups is unknown."""
    return baseline.group_column is None and _has_enough(baseline.evidence) and _has_enough(window)


def _has_enough(evidence: Evidence | None) -> bool:
    return isinstance(evidence, RegressionEvidence) and has_residuals(evidence) and evidence.rows >= MIN_ERRORS


def judge_mean_error(
    baseline: RegressionEvidence, window: RegressionEvidence, level: float, groups: float
) -> CheckResult:
    """The check of the mean error: violated if the mean error moved away from 0 beyond chance.

    groups: the design effect: how many rows count as one.
    """
    # The change of the mean in both directions, and the smallest change that would be detected
    before = mean_error(baseline)
    now = mean_error(window).reduce_to_groups(groups)
    test = min((compare_estimates(before, now, direction) for direction in Side), key=attrgetter("p"))
    p = min(1.0, 2 * test.p)
    smallest = max(smallest_change(before, now, direction, level / 2) for direction in Side)
    low, high = (now.end(direction, 0.025) for direction in Side)
    size = abs(now.value)
    finding = Finding(
        threshold=before.value,
        observed=now.value,
        interval=None if low is None or high is None else (low, high),
        n=before.n,
        m=now.n,
        smallest_change=smallest if math.isfinite(smallest) else None,
        decided_by=test.name,
        statistic=test.statistic,
        p=p,
        level=level,
        effect=size - abs(before.value),
        least_effect=0.0,
    )
    # Only a change away from 0 is for the worse; changes are measured in standard deviations of the errors
    spread = math.sqrt(before.unit_variance)
    if p <= level and size > abs(before.value):
        mean_now = format_number(now.value)
        mean_before = format_number(before.value)
        direction = "too high" if now.value > 0 else "too low"
        by_how_much = f"{direction} by {format_number(size)} on average"
        change = f"says that predictions are {by_how_much}: it is {mean_now}, it was {mean_before}"
        description = f"Mean error is not the baseline's. Observed: {mean_now}, in the baseline: {mean_before}"
        finding = finding.mark_violated(description).copy_with(change=change)
    elif smallest > CHANGE_THAT_MATTERS * spread:
        reason = f"of {now.n:,} rows a change of the mean error by less than {smallest:.2g} may go unseen"
        finding = finding.as_cannot_tell(reason, LONGER_WINDOWS)
    # In checks.json this is a check of its own, not a limit of a metric
    return finding.result("mean_error_check", metric="mean_error")
