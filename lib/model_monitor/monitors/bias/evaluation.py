"""All checks over an analysis beside its baseline, and the violations among their results. Pure."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from dataclasses import replace

from model_monitor.documents.check_results import FACET_VALUE, CheckResult, CheckStatus
from model_monitor.documents.clarify import BiasViolation, BiasViolations
from model_monitor.monitors.bias import checks
from model_monitor.monitors.bias.analysis import BiasAnalysis
from model_monitor.monitors.bias.checks import CHECKS
from model_monitor.monitors.bias.comparison import BiasBaseline, MetricComparison, Tolerances, comparisons_of
from model_monitor.monitors.protocol import Finding, violated
from model_monitor.registry import import_all

import_all(checks)

log = logging.getLogger(__name__)

STAGE = "stage"
"""A member of a bias check's result beside `FACET_VALUE` and those that all checks have."""

SAME_AS = {"DI": "DPPL", **dict.fromkeys(("JS", "KL", "KS", "LP", "TVD"), "DPL")}
"""Metrics that compare the same two shares of labels as another one does."""


def check_all(analysis: BiasAnalysis, known: BiasBaseline, tolerances: Tolerances) -> tuple[CheckResult, ...]:
    """The result of every check of every metric, in the order of analysis.json: post-training metrics first."""
    results = []
    for metric in comparisons_of(analysis, known, tolerances):
        for check in sorted(CHECKS.values(), key=lambda check: check.name):
            finding = check(metric)
            if finding is not None:
                results.append(_result(check.name, metric, finding))
    unjudged = sum(result.status is CheckStatus.NOT_JUDGED for result in results)
    if unjudged:
        log.warning("%d of %d metrics could not be judged; checks.json says why", unjudged, len(results))
    return tuple(results)


def violations_of(results: Iterable[CheckResult]) -> BiasViolations:
    """The violations among the results, in their order."""
    return BiasViolations(
        version="1.0",
        violations=tuple(
            BiasViolation(
                facet=result.feature or "",
                facet_value=(result.model_extra or {})[FACET_VALUE],
                metric_name=result.metric or "",
                constraint_check_type=result.check,
                description=result.description or "",
            )
            for result in violated(results)
        ),
    )


def _result(check: str, metric: MetricComparison, finding: Finding) -> CheckResult:
    ends = metric.interval if metric.interval and all(map(math.isfinite, metric.interval)) else None
    value = metric.current.value
    infinite = "the value is infinite" if value is not None and math.isinf(value) else None
    n, m = metric.rows
    whole = replace(finding, observed=value, interval=ends, n=n, m=m, reason=finding.reason or infinite)
    whose = {FACET_VALUE: metric.facet_value, STAGE: metric.stage}
    name = metric.current.name
    return whole.result(check, feature=metric.facet, metric=name, same_as=SAME_AS.get(name), **whose)
