"""A user's checks as data, that is, analyzers with assertions, written as a JSON list; and loading what `--checks` names: the
path of such a file, or `module:function`, which returns Deequ's own checks. All checks are planned before any data is read.

`read_checks` converts the text of a file into `JsonChecks` and reports all its faults. Analyzers have Deequ's meaning. An
assertion is not a function as in Deequ but a comparison of the metric with numbers, so that the JVM needn't call Python. Pure
Python, driver only.
"""

from __future__ import annotations

import json
import operator
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from importlib.machinery import PathFinder
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import BadConfiguration, BadInput, NeedsSpark, suggest_names
from spark_model_monitor.monitors.user_checks.check_plan import (
    Analyzer,
    CheckPlan,
    Checks,
    list_second_scan_analyzers,
    plan_checks,
)
from spark_model_monitor.registry import load_function
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.engine.engine_protocol import Engine
    from spark_model_monitor.data.reading.dataset import Dataset


class Level(Enum):
    """The level of a check: what its status becomes if a constraint fails. Source: com.amazon.deequ.checks.CheckLevel of
    Deequ 2.1.0.
    """

    ERROR = "Error"
    WARNING = "Warning"


COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}

_COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@value_class
class Assertion:
    """A condition on a metric: one or several comparisons with numbers, all of which have to hold, as in ">= 0.2 and <=
    0.8".
    """

    text: str
    comparisons: tuple[tuple[str, float], ...]

    @classmethod
    def of(cls, text: str) -> Assertion:
        """The assertion in a text. Raises ValueError if the text isn't one."""
        comparisons = []
        for part in re.split(r"\band\b", text):
            match = _COMPARISON.fullmatch(part)
            if match is None:
                raise ValueError(f"{text!r} is no comparison")
            comparisons.append((match[1], float(match[2])))
        return cls(text, tuple(comparisons))

    def holds(self, metric: float) -> bool:
        """Whether every comparison holds. NaN only satisfies `!=`."""
        return all(COMPARISONS[sign](metric, number) for sign, number in self.comparisons)


@value_class
class JsonCheck:
    """One entry of the list. data_type: for the analyzer DataType, the type whose share is compared."""

    analyzer: Analyzer
    assertion: Assertion
    level: Level = Level.ERROR
    hint: str | None = None
    data_type: str | None = None

    def __str__(self) -> str:
        share = ""
        if self.data_type:
            share = f" share of {self.data_type}"
        return f"{self.analyzer}{share} {self.assertion.text}"


@value_class
class JsonChecks:
    """The checks of a JSON file, in its order."""

    checks: tuple[JsonCheck, ...]

    @property
    def analyzers(self) -> tuple[Analyzer, ...]:
        return tuple(dict.fromkeys(check.analyzer for check in self.checks))


@value_class
class EntryMembers:
    """The members of an analyzer's entry, in addition to `analyzer`, `assertion`, `level` and `hint`."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ("where",)

    @property
    def members(self) -> tuple[str, ...]:
        return ("analyzer", *self.required, *self.optional, "assertion", "level", "hint")


_ONE_COLUMN = EntryMembers(("column",))
_SEVERAL_COLUMNS = EntryMembers(("columns",))

FORMS: Mapping[str, EntryMembers] = {
    "Size": EntryMembers(),
    **dict.fromkeys(("Completeness", "Mean", "Sum", "StandardDeviation", "Minimum", "Maximum"), _ONE_COLUMN),
    **dict.fromkeys(("MinLength", "MaxLength", "ApproxCountDistinct"), _ONE_COLUMN),
    "ApproxQuantile": EntryMembers(("column", "quantile"), ("relative_error", "where")),
    "DataType": EntryMembers(("column", "type")),
    "Compliance": EntryMembers(("expression",), ("instance", "where")),
    "PatternMatch": EntryMembers(("column", "pattern")),
    **dict.fromkeys(("Uniqueness", "Distinctness", "UniqueValueRatio"), _SEVERAL_COLUMNS),
    "CountDistinct": EntryMembers(("columns",), ()),
    **dict.fromkeys(("Entropy", "Histogram"), _ONE_COLUMN),
    **dict.fromkeys(("Correlation", "MutualInformation"), _SEVERAL_COLUMNS),
}
"""The analyzers of the JSON form. Source: com.amazon.deequ.analyzers of Deequ 2.1.0. `columns` may be one `column`."""

PAIRS = frozenset({"Correlation", "MutualInformation"})  # analyzers that need exactly two columns

DATA_TYPES = ("Unknown", "Fractional", "Integral", "Boolean", "String")
"""The types whose shares Deequ's DataType gives; Unknown is null. Source: DataTypeInstances of Deequ 2.1.0."""

RELATIVE_ERROR = 0.01  # Deequ's default for ApproxQuantile


def read_checks(text: str, where: str) -> JsonChecks:
    """The checks in the text of a JSON file.

    where: the file's name, for errors.

    Raises BadConfiguration with one line for every fault.
    """
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadConfiguration(f"{where} is no JSON: {error}; it has to be a list of objects") from error
    if not isinstance(entries, list) or not entries:
        raise BadConfiguration(
            f'{where} holds no list of checks; write [{{"analyzer": "Completeness", "column": "…", "assertion": ">= 0.95"}}]'
        )
    # All faults are reported at once, so that the file can be corrected in one step
    faults: list[str] = []
    checks = []
    for index, entry in enumerate(entries):
        entry_faults = list(_find_faults(entry))
        faults += [f"{where}[{index}]{fault}" for fault in entry_faults]
        if not entry_faults:
            checks.append(_read_check(entry))
    BadConfiguration.raise_for(faults)
    return JsonChecks(tuple(checks))


def _find_faults(entry: Json) -> Iterator[str]:
    """The faults of one entry; each begins with the member's position in the entry."""
    if not isinstance(entry, dict):
        yield f" is {entry!r}; it has to be an object with analyzer and assertion"
        return
    name = entry.get("analyzer")
    if not isinstance(name, str) or name not in FORMS:
        yield f".analyzer is {name!r}, which is none that a JSON list can ask for; {_suggest_nearest(name, list(FORMS))}"
        return
    # The analyzer is known now, and so are its allowed and required members
    form = FORMS[name]
    for member in entry:
        # `column` is a short form of `columns` with one name
        if member not in form.members and not (member == "column" and "columns" in form.required):
            yield f".{member} is no member of {name}; {_suggest_nearest(member, list(form.members))}"
    for member in (*form.required, "assertion"):
        if entry.get(member) is None and not (member == "columns" and entry.get("column") is not None):
            yield f" has no {member!r}, which {name} needs"
    for member, value in entry.items():
        if value is not None and member in _MEMBER_TESTS:
            # The test of the value, and the words for what it has to be
            is_valid, expected = _MEMBER_TESTS[member]
            if not is_valid(value):
                yield f".{member} is {value!r}; it has to be {expected}"
    columns = entry.get("columns")
    if name in PAIRS and isinstance(columns, list) and len(columns) != 2:
        yield f".columns are {len(columns)}; {name} is of two columns"


def _is_text(value: Json) -> bool:
    return isinstance(value, str) and bool(value)


def _is_share(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def _is_assertion(value: Json) -> bool:
    try:
        Assertion.of(value)
    except (TypeError, ValueError):
        return False
    return True


_MEMBER_TESTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "assertion": (
        _is_assertion,
        f"a comparison with a number by one of {' '.join(COMPARISONS)}, as in '>= 0.95', or several joined by and",
    ),
    "level": (
        lambda value: value in [level.value for level in Level],
        " or ".join(repr(level.value) for level in Level),
    ),
    **dict.fromkeys(
        ("column", "expression", "hint", "instance", "pattern", "where"), (_is_text, "a text that is not empty")
    ),
    "columns": (
        lambda value: isinstance(value, list) and bool(value) and all(map(_is_text, value)),
        "a list of names",
    ),
    "quantile": (_is_share, "a number from 0 to 1 (the median is 0.5)"),
    "relative_error": (_is_share, "a number from 0 to 1"),
    "type": (lambda value: value in DATA_TYPES, f"one of {', '.join(DATA_TYPES)}"),
}


def _read_check(entry: Mapping[str, Json]) -> JsonCheck:
    """The check in an entry without faults."""
    name = entry["analyzer"]
    column = entry.get("column")
    expression = entry.get("expression")
    quantile = entry.get("quantile")
    relative_error = None
    # Only quantiles have a relative error; by default it is Deequ's
    if quantile is not None:
        quantile = float(quantile)
        relative_error = entry.get("relative_error")
        relative_error = RELATIVE_ERROR if relative_error is None else float(relative_error)
    columns = entry.get("columns") or ()
    if not columns and column is not None:
        columns = [column]
    analyzer = Analyzer(
        name,
        columns=tuple(columns),
        where=entry.get("where"),
        instance=entry.get("instance") or expression,
        expression=expression,
        pattern=entry.get("pattern"),
        quantile=quantile,
        relative_error=relative_error,
    )
    level = Level(entry.get("level") or Level.ERROR.value)
    return JsonCheck(analyzer, Assertion.of(entry["assertion"]), level, entry.get("hint"), entry.get("type"))


def _suggest_nearest(name: Json, names: list[str]) -> str:
    return suggest_names(str(name), names, f"write one of: {', '.join(names)}")


# Loading the checks that `--checks` names


def load_planned_checks(reference: str, dataset: Dataset, *, second_scan_allowed: bool = False) -> CheckPlan:
    """The plan for the checks that `reference` names, on a data set. Reads no data.

    Raises BadConfiguration for checks that can't be loaded, or can't be answered for this data.
    """
    engine = dataset.engine
    planned = plan_checks(load_checks(engine, reference), dataset.names, second_scan_allowed=second_scan_allowed)
    engine.find_implementation(require_runnable)(dataset, planned)
    return planned


def load_checks(engine: Engine, reference: str) -> Checks:
    """The checks that `reference` names. Reads no data.

    Raises BadConfiguration if there are none, or if the file has faults. For checks of a function, also MissingDependency
    without a suitable Deequ, and NeedsSpark without a session.
    """
    # A `module:function` returns checks that are objects of Deequ
    if not reference.endswith(".json"):
        return engine.find_implementation(load_deequ_checks)(engine, reference)
    try:
        text = engine.storage(reference).read(reference).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as fault:
        raise BadConfiguration(f"--checks: {fault}") from fault
    return read_checks(text, reference.rsplit("/", 1)[-1])


def load_deequ_checks(engine: Engine, reference: str) -> Checks:
    """Raises NeedsSpark, because the function returns objects of Deequ in a JVM."""
    raise NeedsSpark(f"--checks {reference}: a function, whose checks are Deequ's own,")


def require_runnable(dataset: Dataset, planned: CheckPlan) -> None:
    """Raises NeedsSpark for a check that can't be answered from states."""
    for analyzer in list_second_scan_analyzers(planned.checks):
        raise NeedsSpark(f"--checks: {analyzer}")


def reason_spark_is_needed(reference: str) -> str | None:
    """The reason why the checks need Spark; None if every engine can answer them, or if they can't be loaded, which is
    reported later. Raises BadConfiguration for a function whose module doesn't exist, for which Spark needn't start.
    """
    if not reference.endswith(".json"):
        # The module itself is imported later, because that of pydeequ needs Spark
        package = reference.partition(":")[0].partition(".")[0]
        if package not in sys.modules and not (find_spec(package) or PathFinder.find_spec(package, [os.getcwd()])):
            load_function(reference, "--checks")
        return "--checks are a function's, of Deequ"
    with suppress(BadConfiguration):
        for analyzer in list_second_scan_analyzers(load_checks(LocalEngine(), reference)):
            return f"of --checks {analyzer} takes more than states"
    return None
