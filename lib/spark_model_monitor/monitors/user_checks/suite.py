"""The results of a user's checks: one for each constraint; the document `checks_deequ.json`; and the metrics behind them if
Deequ isn't available. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.documents.check_results import ASSERTION, EXPECTATION, Hint, Results
from spark_model_monitor.documents.json_text import Json, format_java_double
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.monitors.user_checks.check_evidence import (
    NeedsSecondScan,
    RowFraction,
    SketchedNumbers,
    choose_plain_names,
    explain_refused_second_scan,
    find_evidence,
    list_type_counts,
    list_weighted_values,
)
from spark_model_monitor.monitors.user_checks.check_loading import DATA_TYPES, FORMS, JsonCheck, JsonChecks, Level
from spark_model_monitor.monitors.user_checks.check_plan import Analyzer, CheckPlan, Source, choose_source
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.states.data_types import DataTypeCounts
from spark_model_monitor.statistics.states.distinct import DistinctRegisters
from spark_model_monitor.statistics.states.moments import Moments
from spark_model_monitor.statistics.states.profile import ColumnType, Profile
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset


SUCCESS = "Success"
WARNING = "Warning"
ERROR = "Error"
FAILURE = "Failure"
"""Deequ's words: Success, Warning and Error are the status of a check, Success and Failure the status of a constraint."""


@value_class
class ConstraintResult:
    """The result of one constraint of a check. Fields that pydeequ's `checkResultsAsDataFrame` has, too, have the same names.

    metric: the number that was judged, None if there is none or it is not a single number. served_by: the source of the
        metric.
    """

    check: str
    check_level: str
    check_status: str
    constraint: str
    constraint_status: str
    constraint_message: str
    metric: float | None
    served_by: str


@value_class
class SuiteResults:
    """The results of all checks, in the user's order."""

    constraints: tuple[ConstraintResult, ...]

    @property
    def status(self) -> str:
        """The worst status of all checks: Error, then Warning, then Success."""
        statuses = {result.check_status for result in self.constraints}
        return next((status for status in (ERROR, WARNING) if status in statuses), SUCCESS)

    @property
    def failed(self) -> tuple[ConstraintResult, ...]:
        """The constraints that don't hold."""
        return tuple(result for result in self.constraints if result.constraint_status == FAILURE)

    def to_json_dict(self) -> dict[str, Json]:
        """The content of checks_deequ.json. A metric that is not finite becomes null."""
        constraints = [*map(asdict, self.constraints)]
        for members in constraints:
            if members["metric"] is not None and not math.isfinite(members["metric"]):
                members["metric"] = None
        return {"status": self.status, "constraints": constraints}


def judge_constraint(check: JsonCheck, number: float | None, fault: str, served_by: str) -> ConstraintResult:
    """The result of one constraint. fault: the reason why there is no number."""
    check_status = SUCCESS
    constraint_status = SUCCESS
    message = ""
    # As in Deequ, a constraint fails if its metric fails
    if number is None or not check.assertion.holds(number):
        check_status = ERROR if check.level is Level.ERROR else WARNING
        constraint_status = FAILURE
        # Deequ's own text
        if number is not None:
            fault = f"Value: {format_java_double(number)} does not meet the constraint requirement!"
        message = " ".join(filter(None, [fault, check.hint]))
    return ConstraintResult(
        check=check.hint or str(check),
        check_level=check.level.value,
        check_status=check_status,
        constraint=str(check),
        constraint_status=constraint_status,
        constraint_message=message,
        metric=number,
        served_by=served_by,
    )


def checked(plan: CheckPlan, dataset: Dataset, profile: Profile, matches: Mapping[str, int]) -> SuiteResults:
    """The results of the plan's checks on a profile, computed with Deequ's formulas but without Deequ.

    matches: for each of `plan.predicates`, the number of rows in which it is true. If a suitable Deequ is loaded, the engine
        uses it instead.
    """

    def judge_check(check: JsonCheck) -> ConstraintResult:
        served_by = choose_source(check.analyzer).value
        try:
            return judge_constraint(check, compute_metric(check, profile, matches), "", served_by)
        except NoMetric as fault:
            return judge_constraint(check, None, str(fault), served_by)
        except NeedsSecondScan as fault:
            # Only Deequ can make a second scan, so a user who allowed one needs Spark
            if plan.second_scan_allowed:
                raise NeedsSpark(f"--checks: {check.analyzer}: {fault}: a second scan") from fault
            return judge_constraint(check, None, explain_refused_second_scan(fault), Source.SECOND_SCAN.value)

    assert isinstance(plan.checks, JsonChecks)  # all other checks are Deequ's own
    return SuiteResults(tuple(map(judge_check, plan.checks.checks)))


def convert_to_results(suite_results: SuiteResults) -> tuple[Results, tuple[Hint, ...]]:
    """The constraints of checks with level Error as results, in which failures are violations; failures with level
    Warning as hints.
    """
    results = []
    hints = []
    for constraint in suite_results.constraints:
        name = constraint.constraint
        message = constraint.constraint_message
        # Checks with level Error give results; checks with level Warning only give hints
        if constraint.check_level == Level.ERROR.value:
            finding = Finding(observed=constraint.metric, decided_by=ASSERTION, component="deequ")
            if constraint.constraint_status == FAILURE:
                reason = message or "does not hold"
                finding = finding.mark_unmet(reason, f"is not met: {reason}", f"{name}: {reason}")
            results.append(finding.result(EXPECTATION, feature=name))
        elif constraint.constraint_status == FAILURE:
            hints.append(Hint(hint="expectation", features=(), description=f"{name}: {message}"))
    return tuple(results), tuple(hints)


# The metrics of a user's checks without Deequ: computed from the same states by Deequ's formulas; failures have Deequ's
# texts. Deequ lists the numeric types in another order in every process; here the order is fixed. Source:
# `computeMetricFrom` and `preconditions` of the analyzers of Deequ 2.1.0


_NUMERIC = "LongType,org.apache.spark.sql.types.DecimalType,IntegerType,DoubleType,ByteType,FloatType,ShortType"
_NESTED = {ColumnType.VECTOR: "ArrayType(DoubleType,true)", ColumnType.NESTED: "ArrayType(StringType,true)"}
_FLAT_TYPES = {ColumnType.BOOLEAN: "BooleanType", ColumnType.DATE: "DateType", ColumnType.TIMESTAMP: "TimestampType"}
_WITH_OPTIONS = {"Completeness", "Minimum", "Maximum", "Uniqueness", "UniqueValueRatio", "Compliance", "PatternMatch"}


class NoMetric(Exception):
    """An analyzer has no metric; the text is Deequ's failure message."""


def compute_metric(check: JsonCheck, profile: Profile, matches: Mapping[str, int]) -> float:
    """The metric of a check.

    Raises NoMetric if Deequ's metric would be a failure, NeedsSecondScan if the states can't answer it.
    """
    analyzer = check.analyzer
    _require_type(analyzer, profile)
    evidence = find_evidence(analyzer, profile, matches)
    # Without values, two metrics are 0 and all others fail
    if evidence is None or (evidence == {} and analyzer.name not in ("CountDistinct", "Histogram")):
        raise _create_empty_state_error(analyzer, profile)
    if isinstance(evidence, RowFraction):
        if analyzer.name == "Size":
            return float(evidence.matching)
        return evidence.matching / evidence.rows
    if isinstance(evidence, DistinctRegisters):
        return float(evidence.estimate_of_deequ())
    if isinstance(evidence, DataTypeCounts):
        return list_type_counts(evidence)[DATA_TYPES.index(check.data_type or "")] / evidence.total
    # First metrics of numbers, then metrics of counted values
    if isinstance(evidence, SketchedNumbers):
        return _compute_quantile(analyzer, evidence)
    if isinstance(evidence, Moments):
        return _MOMENT_METRICS[analyzer.name](evidence)
    return _COUNT_METRICS[analyzer.name](np.array(list(evidence.values())))


def _compute_quantile(analyzer: Analyzer, numbers: SketchedNumbers) -> float:
    """The first value whose rank is as close to the requested rank as the weights allow. Source: QuantileSummaries.query
    of Spark 3.5.
    """
    quantile = analyzer.quantile or 0.0
    error = analyzer.relative_error or 0.0
    values, weights = list_weighted_values(numbers.sketch, numbers.moments)
    # Spark returns the smallest or largest value if the requested rank is within the error of it
    if quantile <= error or len(values) == 1:
        return float(values[0])
    ranks = np.cumsum(weights)
    # The closest possible ranks are those within half the largest weight
    tolerance = int(weights.max()) // 2
    rank_errors = np.abs(ranks - math.ceil(quantile * int(ranks[-1])))
    indexes = np.flatnonzero(rank_errors <= tolerance)
    if quantile >= 1 - error or not len(indexes):
        return float(values[-1])
    return float(values[indexes[0]])


def _require_type(analyzer: Analyzer, profile: Profile) -> None:
    """Raises NoMetric if Deequ's precondition of an analyzer refuses the type of the column."""
    if choose_source(analyzer) is not Source.STATES or analyzer.name in ("Size", "ApproxCountDistinct"):
        return
    feature = profile.feature(analyzer.columns[0])
    name = _name_in_deequ(feature.name, profile)
    nested_type = _NESTED.get(feature.column_type)
    if analyzer.name in ("Completeness", "DataType"):
        if nested_type is not None:
            raise NoMetric(f"Unsupported nested column type of column {name}: {nested_type}!")
        return
    # All other metrics need numbers
    if not (feature.is_numeric or feature.column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL)):
        deequ_type = nested_type or _FLAT_TYPES.get(feature.column_type, "StringType")
        raise NoMetric(f"Expected type of column {name} to be one of ({_NUMERIC}), but found {deequ_type} instead!")


def _create_empty_state_error(analyzer: Analyzer, profile: Profile) -> NoMetric:
    column = "".join(_name_in_deequ(column, profile) for column in analyzer.columns)
    # The text repeats Scala's form of the analyzer, which users compare with Deequ's
    parameters = (analyzer.quantile, analyzer.relative_error)
    numbers = [format_java_double(parameter) for parameter in parameters if parameter is not None]
    subject = column or analyzer.expression
    if "columns" in FORMS[analyzer.name].required:
        subject = f"List({column})"
    where = "None"
    if analyzer.where:
        where = f"Some({analyzer.where})"
    options = []
    if analyzer.name == "Compliance":
        options.append("List()")
    if analyzer.name in _WITH_OPTIONS:
        options.append("None")
    arguments = [analyzer.instance, subject, analyzer.pattern, *numbers, where, *options]
    text = ",".join(argument for argument in arguments if argument is not None)
    return NoMetric(f"Empty state for analyzer {analyzer.name}({text}), all input values were NULL.")


def _name_in_deequ(column: str, profile: Profile) -> str:
    return choose_plain_names([column], [feature.name for feature in profile.features]).get(column, column)


_MOMENT_METRICS: Mapping[str, Callable[[Moments], float]] = {
    "Mean": lambda moments: moments.sum / moments.count,
    "Sum": lambda moments: moments.sum,
    "StandardDeviation": lambda moments: math.sqrt(moments.m2 / moments.count),
    "Minimum": lambda moments: moments.minimum,
    "Maximum": lambda moments: moments.maximum,
}

_COUNT_METRICS: Mapping[str, Callable[[Integers], float]] = {
    "Uniqueness": lambda counts: float((counts == 1).sum() / counts.sum()),
    "Distinctness": lambda counts: float(len(counts) / counts.sum()),
    "UniqueValueRatio": lambda counts: float((counts == 1).mean()),
    "CountDistinct": lambda counts: float(len(counts)),
    "Entropy": lambda counts: float(-(counts / counts.sum() * np.log(counts / counts.sum())).sum()),
    "Histogram": lambda counts: float(len(counts)),
}
