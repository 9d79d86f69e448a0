"""A user's checks, judged on the metrics that Deequ computes from one scan's states, and what became of each. Driver only."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from model_monitor.documents.json_text import java_double
from model_monitor.errors import NeedsSpark
from model_monitor.monitors.user_checks.checks import CheckPlan, Source
from model_monitor.monitors.user_checks.checks_json import JsonCheck, JsonChecks, Level
from model_monitor.spark.deequ import twin
from model_monitor.spark.deequ.jvm import Deequ, is_without_deequ, items_of
from model_monitor.spark.deequ.loading import DeequChecks, java_analyzer
from model_monitor.spark.deequ.metrics import CheckMetrics, plain_names, second_scan_refused
from model_monitor.spark.deequ.states import Evidence, NeedsSecondScan

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from model_monitor.statistics.states.profile import Profile


SUCCESS, WARNING, ERROR, FAILURE = "Success", "Warning", "Error", "Failure"
"""Deequ's words: the first three are a check's status, Success and Failure a constraint's."""


@dataclass(frozen=True, slots=True)
class ConstraintResult:
    """One constraint of one check. The fields that pydeequ's `checkResultsAsDataFrame` has too have its names.

    metric: the number that was judged, None if there is none or it is no single number. served_by: where it came from.
    """

    check: str
    check_level: str
    check_status: str
    constraint: str
    constraint_status: str
    constraint_message: str
    metric: float | None
    served_by: str


@dataclass(frozen=True, slots=True)
class SuiteResults:
    """The results of all checks, in the user's order."""

    constraints: tuple[ConstraintResult, ...]

    @property
    def status(self) -> str:
        """The worst status of a check: Error before Warning before Success."""
        found = {result.check_status for result in self.constraints}
        return next((status for status in (ERROR, WARNING) if status in found), SUCCESS)

    @property
    def failed(self) -> tuple[ConstraintResult, ...]:
        """The constraints that do not hold."""
        return tuple(result for result in self.constraints if result.constraint_status == FAILURE)

    def to_json_dict(self) -> dict[str, Any]:
        """What checks_deequ.json holds. A metric that is not finite is null."""
        return {
            "status": self.status,
            "constraints": [
                {
                    **asdict(each),
                    "metric": each.metric if each.metric is not None and math.isfinite(each.metric) else None,
                }
                for each in self.constraints
            ],
        }


# A user's checks, judged on the metrics that Deequ computes from one scan's states.


NOT_MET = "Value: {value} does not meet the constraint requirement!"
"""Source: AnalysisBasedConstraint of Deequ 2.1.0."""


def run_checks(
    spark: SparkSession | None,
    plan: CheckPlan,
    profile: Profile,
    matches: Mapping[str, int],
    frame: DataFrame | None = None,
) -> SuiteResults:
    """The results of the plan's checks on the profile of the scan that it was made for; the twin's where Deequ is not.

    spark: None for the engine without a JVM. matches: rows in which each of `plan.predicates` was true. frame: the data under the
    user's column names, for a second scan; needed only if one is allowed. Deequ's grouping analyzers start a small
    Spark job each, over their counts by value.

    Raises MissingDependency if Deequ's JAR, or pydeequ, is missing or does not fit.
    """
    checks = plan.checks
    if spark is None or is_without_deequ(spark):
        assert isinstance(checks, JsonChecks)  # the others are Deequ's own
        return SuiteResults(tuple(_judged_by_twin(check, plan, profile, matches) for check in checks.checks))
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
    return _judged(check, number, fault, metrics.source_of(java))


def _judged_by_twin(
    check: JsonCheck, plan: CheckPlan, profile: Profile, matches: Mapping[str, int]
) -> ConstraintResult:
    served = plan.served[check.analyzer]
    try:
        return _judged(check, twin.number_of(served, profile, matches, check.data_type), "", served.source.value)
    except twin.NoMetric as fault:
        return _judged(check, None, str(fault), served.source.value)
    except NeedsSecondScan as fault:
        if plan.second_scan_allowed:
            raise NeedsSpark(f"--checks: {check.analyzer}: {fault}: a second scan") from fault
        return _judged(check, None, second_scan_refused(fault), Source.SECOND_SCAN.value)


def _judged(check: JsonCheck, number: float | None, fault: str, served_by: str) -> ConstraintResult:
    """fault: why there is no number."""
    holds = number is not None and check.assertion.holds(number)
    message = fault if number is None else "" if holds else NOT_MET.format(value=java_double(number))
    failed = not holds
    status = (ERROR if check.level is Level.ERROR else WARNING) if failed else SUCCESS
    return ConstraintResult(
        check=check.hint or str(check),
        check_level=check.level.value,
        check_status=status,
        constraint=str(check),
        constraint_status=FAILURE if failed else SUCCESS,
        constraint_message=" ".join(filter(None, [message, check.hint])) if failed else "",
        metric=number,
        served_by=served_by,
    )


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
