"""A user's Deequ checks: loads them from `module:function` or JSON, plans them, and judges them on metrics from a scan's states.

The function is called with the session and returns pydeequ's Checks. Their assertions are Python functions, which the JVM calls
back; a JSON list of checks needs no callback. Runs on the driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pyspark.sql.functions as F
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.types import BooleanType

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.monitors.user_checks.check_evidence import choose_plain_names
from spark_model_monitor.monitors.user_checks.check_loading import FORMS, JsonCheck, JsonChecks
from spark_model_monitor.monitors.user_checks.check_plan import Analyzer, CheckPlan
from spark_model_monitor.monitors.user_checks.suite import ConstraintResult, SuiteResults, judge_constraint
from spark_model_monitor.registry import load_function
from spark_model_monitor.spark.deequ.jvm import Deequ, find_fitting_deequ, list_items
from spark_model_monitor.spark.deequ.states import CheckMetrics, DeequStates
from spark_model_monitor.statistics.states.kll import SHRINKING_FACTOR, SKETCH_SIZE
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from py4j.java_gateway import JavaObject

    from spark_model_monitor.statistics.states.profile import Profile


log = logging.getLogger(__name__)


def require_conditions(frame: DataFrame, conditions: Iterable[str]) -> None:
    """Check that every SQL condition is a boolean expression over `frame`, whose columns have the user's names.

    Raises BadConfiguration with one line for every condition that isn't.
    """
    BadConfiguration.raise_for(filter(None, (_find_fault(frame, condition) for condition in conditions)))


def _find_fault(frame: DataFrame, condition: str) -> str | None:
    try:
        # The query is only analysed: Spark finds unknown columns and functions without reading a row
        data_type = frame.select(F.expr(condition).alias("condition")).schema["condition"].dataType
    except PySparkException as error:
        return f"--checks: the condition {condition!r} can't be used: {str(error).strip().splitlines()[0]}"
    if not isinstance(data_type, BooleanType):
        return (
            f"--checks: the condition {condition!r} is of type {data_type.simpleString()}; it has to be true or false"
        )
    return None


HISTOGRAM_BINS = 1000
"""Number of bins for which Deequ's Histogram stores values; further bins are only counted. Source: Histogram, Deequ 2.1.0."""


def make_java_analyzer(deequ: Deequ, analyzer: Analyzer) -> JavaObject:
    """Deequ's Java object for an analyzer of the JSON form."""
    make = deequ[f"analyzers.{analyzer.name}"]
    # Java callers don't get Scala's default values, so every parameter is passed
    where = deequ.make_option(analyzer.where)
    none = deequ.none
    match analyzer.name:
        case "Size":
            return make(where)
        case "Compliance":
            return make(analyzer.instance, analyzer.expression, where, deequ.make_sequence([]), none)
        case "Correlation":
            return make(*analyzer.columns, where)
        case "CountDistinct":
            return make(deequ.make_sequence(analyzer.columns))
        case "Distinctness" | "MutualInformation":
            return make(deequ.make_sequence(analyzer.columns), where)
        case "Uniqueness" | "UniqueValueRatio":
            return make(deequ.make_sequence(analyzer.columns), where, none)
    # All other analyzers have exactly one column; that was checked when the JSON was read
    [column] = analyzer.columns
    match analyzer.name:
        case "Completeness" | "Minimum" | "Maximum" | "MinLength" | "MaxLength":
            return make(column, where, none)
        case "ApproxQuantile":
            return make(column, analyzer.quantile, analyzer.relative_error, where)
        case "PatternMatch":
            return make(column, deequ.find_class("scala.util.matching.Regex")(analyzer.pattern, None), where, none)
        # The default of the last parameter is a Scala object, which only a generated method returns
        case "Histogram":
            return make(column, none, HISTOGRAM_BINS, where, False, getattr(make, "apply$default$6")())
    return make(column, where)


def describe_analyzer(java: JavaObject) -> Analyzer:
    """Our description of an analyzer in a user's Check. An unknown analyzer is `special`."""
    name = str(java.getClass().getSimpleName())
    match name:
        case "Size":
            return Analyzer(name, where=_get_where(java))
        case "Compliance":
            return Analyzer(name, instance=java.instance(), expression=java.predicate(), where=_get_where(java))
        case "Correlation":
            return Analyzer(
                name, (plain_name(java.firstColumn()), plain_name(java.secondColumn())), where=_get_where(java)
            )
        case "KLLSketch":
            # A sketch of another size can't be made from our sketch and needs a second scan
            special = None
            if not _has_our_size(java.kllParameters()):
                special = java.toString()
            return Analyzer(name, (plain_name(java.column()),), special=special)
    # A class of the user's, or an analyzer for which a scan has no state
    if name not in FORMS:
        return Analyzer(name, special=java.toString())
    # Only the analyzer CountDistinct has several columns and no condition
    if "columns" in FORMS[name].required:
        columns = tuple(plain_name(column) for column in list_items(java.columns()))
        return Analyzer(name, columns, where=None if name == "CountDistinct" else _get_where(java))
    column = (plain_name(java.column()),)
    match name:
        case "PatternMatch":
            return Analyzer(name, column, pattern=java.pattern().toString(), where=_get_where(java))
        case "ApproxQuantile":
            relative_error = java.relativeError()
            return Analyzer(
                name, column, quantile=java.quantile(), relative_error=relative_error, where=_get_where(java)
            )
        case "Histogram":
            # Counts by value can't be turned into bins that a user's function makes
            has_user_bins = java.binningUdf().isDefined() or java.aggregateFunction().toString() != "Count"
            return Analyzer(name, column, where=_get_where(java), special=java.toString() if has_user_bins else None)
    return Analyzer(name, column, where=_get_where(java))


def _has_our_size(kll_parameters: JavaObject) -> bool:
    """Whether Deequ's sketch with these parameters has the size of a scan's sketches."""
    if not kll_parameters.isDefined():
        return True
    parameters = kll_parameters.get()
    return bool((parameters.sketchSize(), parameters.shrinkingFactor()) == (SKETCH_SIZE, SHRINKING_FACTOR))


def plain_name(column: str) -> str:
    """A column's name without backquotes, which Deequ requires around a name such as `a.b`."""
    if len(column) > 2 and column.startswith("`") and column.endswith("`"):
        return column[1:-1]
    return column


def _get_where(java: JavaObject) -> str | None:
    condition = java.where()
    if condition.isEmpty():
        return None
    return str(condition.get())


@value_class
class DeequChecks:
    """Checks that pydeequ made, which exist in the JVM.

    required: pairs of our description and Deequ's object for each analyzer that the checks need, without duplicates.
    """

    checks: tuple[JavaObject, ...]
    required: tuple[tuple[Analyzer, JavaObject], ...]

    @property
    def analyzers(self) -> tuple[Analyzer, ...]:
        """The descriptions of the required analyzers, without duplicates."""
        return tuple(dict.fromkeys(analyzer for analyzer, _ in self.required))


def require_runnable(dataset: Dataset, planned: CheckPlan) -> None:
    """Check that Spark understands the plan's conditions, and that Deequ is available if the plan needs a second scan.

    Raises BadConfiguration or MissingDependency if not.
    """
    frame = dataset.get_named_frame()
    assert frame is not None  # Deequ's checks are planned for Spark's rows only
    require_conditions(frame, planned.predicates)
    # Without Deequ, the second scan would fail only after the first scan
    if planned.second_scan:
        if isinstance(fault := find_fitting_deequ(frame.sparkSession), MissingDependency):
            raise MissingDependency(f"--checks: {planned.second_scan[0]} takes a scan of Deequ: {fault}")
        log.warning("checks that need a second scan: %s", ", ".join(map(str, planned.second_scan)))


def load_deequ_checks(engine: Engine, reference: str) -> DeequChecks:
    """The checks that the user's function returns. reference: `module:function`.

    py4j's callback server is started first, in the same way as Spark Streaming does: on a free port, with threads that end with
    the process. pydeequ would start a server on a fixed port, whose threads keep the process alive (awslabs/python-deequ#7).
    The server isn't shut down, because the shutdown would hang: it waits for a connection that the JVM keeps open.
    """
    from pyspark.java_gateway import ensure_callback_server_started

    spark = engine.spark
    Deequ(spark)  # sets SPARK_VERSION, without which the import of pydeequ in the user's module raises
    function = load_function(
        reference, "--checks", expected_form="module:function, of a function(spark), or the path of a .json file"
    )
    ensure_callback_server_started(spark.sparkContext._gateway)  # type: ignore[no-untyped-call]
    try:
        checks = function(spark)
    except Exception as error:
        raise BadConfiguration(f"--checks: {reference} raised {type(error).__name__}: {error}") from error
    _require_checks(checks, reference)
    # Keyed by their texts: Deequ computes an analyzer once even if several checks need it
    required = {
        java.toString(): java for check in checks for java in list_items(check._Check.requiredAnalyzers().toSeq())
    }
    return DeequChecks(tuple(checks), tuple((describe_analyzer(java), java) for java in required.values()))


def _require_checks(returned: JavaObject, reference: str) -> None:
    """Raises BadConfiguration unless `returned` is a non-empty list of pydeequ's Checks."""
    from pydeequ.checks import Check

    if isinstance(returned, (list, tuple)) and returned and all(isinstance(check, Check) for check in returned):
        return
    # The error names the returned type, because the usual mistake is a Check that isn't in a list
    returned_type = f"a {type(returned).__name__}"
    if isinstance(returned, (list, tuple)):
        returned_type += f" of {', '.join(sorted({type(check).__name__ for check in returned})) or 'nothing'}"
    raise BadConfiguration(
        f"--checks: {reference} returned {returned_type}; it has to return a list of pydeequ.checks.Check"
    )


def checked(plan: CheckPlan, dataset: Dataset, profile: Profile, matches: Mapping[str, int]) -> SuiteResults:
    """The results that Deequ gives for the plan's checks, from the profile of the scan that the plan was made for.

    matches: for each of `plan.predicates`, the number of rows in which it was true. The data set is scanned again only if the
    plan allows it. Each of Deequ's grouping analyzers starts a small Spark job over its counts by value.

    Raises MissingDependency if Deequ's JAR or pydeequ is missing or doesn't fit.
    """
    spark = dataset.engine.spark
    frame = dataset.get_named_frame()
    checks = plan.checks
    deequ = Deequ(spark)
    states = DeequStates(spark, deequ, profile, matches)
    # Checks written in Python have Java analyzers already, and Deequ itself judges them
    if isinstance(checks, DeequChecks):
        metrics = CheckMetrics(states, plan, {})
        metrics.compute(checks.required, frame)
        return SuiteResults(tuple(_judge_by_deequ(checks, metrics)))
    assert isinstance(checks, JsonChecks)  # there are no other kinds of checks
    names = [feature.name for feature in profile.features]
    # Deequ parses names as SQL, so a name with dots or spaces is replaced by a plain name
    aliases = choose_plain_names((column for analyzer in checks.analyzers for column in analyzer.columns), names)
    required = {
        analyzer: make_java_analyzer(
            deequ, replace(analyzer, columns=tuple(aliases.get(column, column) for column in analyzer.columns))
        )
        for analyzer in checks.analyzers
    }
    metrics = CheckMetrics(states, plan, aliases)
    metrics.compute(list(required.items()), frame)
    return SuiteResults(tuple(_judge_by_metric(check, required[check.analyzer], metrics) for check in checks.checks))


def _judge_by_deequ(checks: DeequChecks, metrics: CheckMetrics) -> Iterator[ConstraintResult]:
    """The result of every constraint, as Deequ's VerificationSuite judges it: by `Check.evaluate` over the metrics."""
    for check in checks.checks:
        result = check._Check.evaluate(metrics.context)
        for constraint_result in list_items(result.constraintResults()):
            constraint = constraint_result.constraint()
            # Message and metric are Scala Options: a constraint that holds has no message, a failed metric has no number
            message = constraint_result.message()
            metric = constraint_result.metric()
            yield ConstraintResult(
                check=check.description,
                check_level=check.level.value,
                check_status=result.status().toString(),
                constraint=constraint.toString(),
                constraint_status=constraint_result.status().toString(),
                constraint_message=message.get() if message.isDefined() else "",
                metric=_read_metric_number(metric.get()) if metric.isDefined() else None,
                served_by=metrics.describe_source(_unwrap_analyzer(constraint)),
            )


def _judge_by_metric(check: JsonCheck, java: JavaObject, metrics: CheckMetrics) -> ConstraintResult:
    metric = metrics.of(java)
    number = _read_metric_number(metric, check.data_type)
    fault = ""
    if number is None:
        fault = str(metric.value().failed().get().getMessage())
    return judge_constraint(check, number, fault, metrics.describe_source(java))


def _read_metric_number(metric: JavaObject, data_type: str | None = None) -> float | None:
    """A metric's number: its value, a histogram's number of bins, or a data type's share; None if the metric failed or isn't a
    number.
    """
    if metric.value().isFailure():
        return None
    value = metric.value().get()
    # py4j converts Java's numbers; any other value is one of Deequ's distributions
    if isinstance(value, (int, float)):
        return float(value)
    if data_type is not None:
        return float(value.apply(data_type).ratio())
    if metric.getClass().getSimpleName() == "HistogramMetric":
        return float(value.numberOfBins())
    return None


def _unwrap_analyzer(constraint: JavaObject) -> JavaObject:
    """The analyzer inside a constraint. Deequ may wrap a constraint in others, for its name and its rows."""
    while constraint.getClass().getSimpleName() != "AnalysisBasedConstraint":
        constraint = constraint.inner()
    return constraint.analyzer()
