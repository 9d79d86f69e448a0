"""A user's checks as Deequ's own: those of `module:function`, and our descriptions of analyzers as Java's objects.

The function is called with the session and returns pydeequ's Checks. Their assertions are Python functions which the JVM
calls back; a JSON list of checks needs no call back. Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.dataset import Dataset
from model_monitor.errors import BadConfiguration, MissingDependency
from model_monitor.monitors.user_checks.checks import Analyzer, CheckPlan
from model_monitor.monitors.user_checks.loading import FORMS
from model_monitor.registry import function_of
from model_monitor.spark.deequ.jvm import Deequ, is_without_deequ, items_of
from model_monitor.spark.deequ.predicates import require_conditions
from model_monitor.statistics.states.kll import SHRINKING_FACTOR, SKETCH_SIZE

HISTOGRAM_BINS = 1000
"""Bins that Deequ's Histogram keeps values of; how many there are it counts beyond that. Source: Histogram, Deequ 2.1.0."""


def java_analyzer(deequ: Deequ, analyzer: Analyzer) -> Any:
    """Deequ's Java object for an analyzer of the JSON form."""
    make = _CONSTRUCTORS.get(analyzer.name, _of_a_column)
    return make(deequ, deequ[f"analyzers.{analyzer.name}"], analyzer, deequ.option(analyzer.where))


def description_of(java: Any) -> Analyzer:
    """Our description of an analyzer that a user's Check asks for. One that we don't know is `special`."""
    name = str(java.getClass().getSimpleName())
    describe = _DESCRIPTIONS.get(name)
    if describe is not None:
        return describe(name, java)
    required = FORMS[name].required if name in FORMS else ()
    if "column" in required:
        return Analyzer(name, (plain_name(java.column()),), where=_where(java))
    if "columns" in required:
        columns = tuple(plain_name(column) for column in items_of(java.columns()))
        return Analyzer(name, columns, where=None if name == "CountDistinct" else _where(java))
    return Analyzer(name, special=java.toString())


def plain_name(column: str) -> str:
    """A column's name without the back quotes that Deequ wants around `a.b`."""
    if len(column) > 2 and column.startswith("`") and column.endswith("`"):
        return column[1:-1]
    return column


def _where(java: Any) -> str | None:
    found = java.where()
    return None if found.isEmpty() else str(found.get())


def _pattern_match(name: str, java: Any) -> Analyzer:
    return Analyzer(name, (plain_name(java.column()),), pattern=java.pattern().toString(), where=_where(java))


def _approx_quantile(name: str, java: Any) -> Analyzer:
    column = plain_name(java.column())
    return Analyzer(name, (column,), quantile=java.quantile(), relative_error=java.relativeError(), where=_where(java))


def _histogram(name: str, java: Any) -> Analyzer:
    own_bins = java.binningUdf().isDefined() or java.aggregateFunction().toString() != "Count"
    return Analyzer(
        name, (plain_name(java.column()),), where=_where(java), special=java.toString() if own_bins else None
    )


def _kll_sketch(name: str, java: Any) -> Analyzer:
    parameters = java.kllParameters()
    other_size = parameters.isDefined() and (
        (parameters.get().sketchSize(), parameters.get().shrinkingFactor()) != (SKETCH_SIZE, SHRINKING_FACTOR)
    )
    return Analyzer(name, (plain_name(java.column()),), special=java.toString() if other_size else None)


_DESCRIPTIONS: dict[str, Callable[[str, Any], Analyzer]] = {
    "Size": lambda name, java: Analyzer(name, where=_where(java)),
    "Compliance": lambda name, java: Analyzer(
        name, instance=java.instance(), expression=java.predicate(), where=_where(java)
    ),
    "PatternMatch": _pattern_match,
    "ApproxQuantile": _approx_quantile,
    "Histogram": _histogram,
    "KLLSketch": _kll_sketch,
    "Correlation": lambda name, java: Analyzer(
        name, (plain_name(java.firstColumn()), plain_name(java.secondColumn())), where=_where(java)
    ),
}


def _of_a_column(_: Deequ, java_class: Any, analyzer: Analyzer, where: Any) -> Any:
    return java_class(analyzer.columns[0], where)


def _with_options(deequ: Deequ, java_class: Any, analyzer: Analyzer, where: Any) -> Any:
    return java_class(analyzer.columns[0], where, deequ.none)


_CONSTRUCTORS: dict[str, Callable[[Deequ, Any, Analyzer, Any], Any]] = {
    "Size": lambda deequ, java_class, analyzer, where: java_class(where),
    **dict.fromkeys(("Completeness", "Minimum", "Maximum", "MinLength", "MaxLength"), _with_options),
    **dict.fromkeys(
        ("Distinctness", "MutualInformation"),
        lambda deequ, java_class, analyzer, where: java_class(deequ.sequence(analyzer.columns), where),
    ),
    **dict.fromkeys(
        ("Uniqueness", "UniqueValueRatio"),
        lambda deequ, java_class, analyzer, where: java_class(deequ.sequence(analyzer.columns), where, deequ.none),
    ),
    "CountDistinct": lambda deequ, java_class, analyzer, where: java_class(deequ.sequence(analyzer.columns)),
    "Correlation": lambda deequ, java_class, analyzer, where: java_class(*analyzer.columns, where),
    "ApproxQuantile": lambda deequ, java_class, analyzer, where: java_class(
        analyzer.columns[0], analyzer.quantile, analyzer.relative_error, where
    ),
    "Compliance": lambda deequ, java_class, analyzer, where: java_class(
        analyzer.instance, analyzer.expression, where, deequ.sequence([]), deequ.none
    ),
    "PatternMatch": lambda deequ, java_class, analyzer, where: java_class(
        analyzer.columns[0], deequ.java("scala.util.matching.Regex")(analyzer.pattern, None), where, deequ.none
    ),
    "Histogram": lambda deequ, java_class, analyzer, where: java_class(
        analyzer.columns[0], deequ.none, HISTOGRAM_BINS, where, False, getattr(java_class, "apply$default$6")()
    ),
}


# The checks of a user's function.


log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeequChecks:
    """Checks made by pydeequ, alive in the JVM.

    required: the analyzers they need, each once: our description and Deequ's object.
    """

    checks: tuple[Any, ...]
    required: tuple[tuple[Analyzer, Any], ...]

    @property
    def analyzers(self) -> tuple[Analyzer, ...]:
        """The descriptions of what the checks need, each once."""
        return tuple(dict.fromkeys(analyzer for analyzer, _ in self.required))


def require_answerable(dataset: Dataset, planned: CheckPlan) -> None:
    """Make sure that Spark understands the plan's conditions, and that there is a Deequ for a second scan.

    Raises BadConfiguration, or MissingDependency.
    """
    frame = dataset.named_frame()
    assert frame is not None  # the rows are Spark's
    require_conditions(frame, planned.predicates.values())
    if planned.second_scan and is_without_deequ(frame.sparkSession):
        raise MissingDependency(f"--checks: {planned.second_scan[0]} takes a scan of Deequ, and this Spark has none")
    if planned.second_scan:
        log.warning("checks that need a second scan: %s", ", ".join(map(str, planned.second_scan)))


def checks_of_function(engine: Engine, reference: str) -> DeequChecks:
    """Call the user's function.

    py4j's callback server is started first, as Spark Streaming does it: on a free port, by threads that end with the
    process. pydeequ would start one on a fixed port whose threads keep the process alive (awslabs/python-deequ#7).
    It is not shut down, since that waits for a connection the JVM keeps open, and hangs.
    """
    from pyspark.java_gateway import ensure_callback_server_started

    spark = engine.spark
    Deequ(spark)  # the user's module imports pydeequ, which raises unless SPARK_VERSION is set
    function = function_of(
        reference, "--checks", wanted="module:function, of a function(spark), or the path of a .json file"
    )
    ensure_callback_server_started(spark.sparkContext._gateway)  # type: ignore[no-untyped-call]
    try:
        checks = function(spark)
    except Exception as error:
        raise BadConfiguration(f"--checks: {reference} raised {type(error).__name__}: {error}") from error
    _require_checks(checks, reference)
    required = {
        java.toString(): java for check in checks for java in items_of(check._Check.requiredAnalyzers().toSeq())
    }
    return DeequChecks(tuple(checks), tuple((description_of(java), java) for java in required.values()))


def _require_checks(found: Any, reference: str) -> None:
    """Raises BadConfiguration unless `found` is a list of pydeequ's Checks, and at least one."""
    from pydeequ.checks import Check

    if isinstance(found, (list, tuple)) and found and all(isinstance(check, Check) for check in found):
        return
    kind = f"a {type(found).__name__}"
    if isinstance(found, (list, tuple)):
        kind += f" of {', '.join(sorted({type(check).__name__ for check in found})) or 'nothing'}"
    raise BadConfiguration(f"--checks: {reference} returned {kind}; it has to return a list of pydeequ.checks.Check")
