"""Deequ's analyzers between two languages: from our description of one to the Java object, and back. Driver only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from model_monitor.deequ.jvm import Deequ, items_of
from model_monitor.monitors.user_checks.checks import Analyzer
from model_monitor.monitors.user_checks.checks_json import FORMS
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
