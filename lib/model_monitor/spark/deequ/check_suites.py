"""A user's checks, judged on the metrics that Deequ computes from one scan's states, and what became of each. Driver only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from model_monitor.data.reading.dataset import Dataset
from model_monitor.monitors.user_checks.answers import plain_names
from model_monitor.monitors.user_checks.checks import CheckPlan
from model_monitor.monitors.user_checks.loading import JsonCheck, JsonChecks
from model_monitor.monitors.user_checks.suite import ConstraintResult, SuiteResults, judged
from model_monitor.monitors.user_checks.suite import checked as checked_by_twin
from model_monitor.spark.deequ.jvm import Deequ, is_without_deequ, items_of
from model_monitor.spark.deequ.loading import DeequChecks, java_analyzer
from model_monitor.spark.deequ.metrics import CheckMetrics
from model_monitor.spark.deequ.states import Evidence

if TYPE_CHECKING:
    from model_monitor.statistics.states.profile import Profile


# A user's checks, judged on the metrics that Deequ computes from one scan's states.


def checked(plan: CheckPlan, dataset: Dataset, profile: Profile, matches: Mapping[str, int]) -> SuiteResults:
    """The results of the plan's checks on the profile of the scan that it was made for; the twin's where Deequ is not.

    matches: rows in which each of `plan.predicates` was true. The data set is scanned again only where that is allowed. Deequ's
    grouping analyzers start a small Spark job each, over their counts by value.

    Raises MissingDependency if Deequ's JAR, or pydeequ, is missing or does not fit.
    """
    spark, frame = dataset.engine.spark, dataset.named_frame()
    if is_without_deequ(spark):
        return checked_by_twin(plan, dataset, profile, matches)
    checks = plan.checks
    deequ = Deequ(spark)
    evidence = Evidence(spark, deequ, profile, matches)
    if isinstance(checks, DeequChecks):
        metrics = CheckMetrics(evidence, plan, {})
        metrics.compute(checks.required, frame)
        return SuiteResults(tuple(_judged_by_deequ(checks, metrics)))
    assert isinstance(checks, JsonChecks)  # there are no others
    names = [feature.name for feature in profile.features]
    aliases = plain_names((column for analyzer in checks.analyzers for column in analyzer.columns), names)
    required = {
        analyzer: java_analyzer(
            deequ, replace(analyzer, columns=tuple(aliases.get(column, column) for column in analyzer.columns))
        )
        for analyzer in checks.analyzers
    }
    metrics = CheckMetrics(evidence, plan, aliases)
    metrics.compute(list(required.items()), frame)
    return SuiteResults(tuple(_judged_by_metric(check, required[check.analyzer], metrics) for check in checks.checks))


def _judged_by_deequ(checks: DeequChecks, metrics: CheckMetrics) -> Iterator[ConstraintResult]:
    """Every constraint as Deequ's VerificationSuite judges it: `Check.evaluate` over the metrics."""
    for check in checks.checks:
        result = check._Check.evaluate(metrics.context)
        for found in items_of(result.constraintResults()):
            constraint, message, metric = found.constraint(), found.message(), found.metric()
            yield ConstraintResult(
                check=check.description,
                check_level=check.level.value,
                check_status=result.status().toString(),
                constraint=constraint.toString(),
                constraint_status=found.status().toString(),
                constraint_message=message.get() if message.isDefined() else "",
                metric=_number(metric.get()) if metric.isDefined() else None,
                served_by=metrics.source_of(_analyzer_of(constraint)),
            )


def _judged_by_metric(check: JsonCheck, java: Any, metrics: CheckMetrics) -> ConstraintResult:
    metric = metrics.of(java)
    number = _number(metric, check.data_type)
    fault = str(metric.value().failed().get().getMessage()) if number is None else ""
    return judged(check, number, fault, metrics.source_of(java))


def _number(metric: Any, data_type: str | None = None) -> float | None:
    """A metric's number: its value, the number of a histogram's bins, or a type's share. None if it failed or has none."""
    if metric.value().isFailure():
        return None
    value = metric.value().get()
    if isinstance(value, (int, float)):
        return float(value)
    if data_type is not None:
        return float(value.apply(data_type).ratio())
    if metric.getClass().getSimpleName() == "HistogramMetric":
        return float(value.numberOfBins())
    return None


def _analyzer_of(constraint: Any) -> Any:
    """The analyzer inside a constraint, which may be wrapped in others for its name and its rows."""
    while constraint.getClass().getSimpleName() != "AnalysisBasedConstraint":
        constraint = constraint.inner()
    return constraint.analyzer()
