"""A user's expectations of data, as rules: the file of `--expectations`, and our own members of constraints.json.

    {"features": {"age": {"min": 0, "max": 120}}, "row_rules": ["start <= end"]}

A rule needs no statistics and doesn't use the false-alarm budget. Driver only, pure.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BeforeValidator, Field, Strict, TypeAdapter, create_model

from spark_model_monitor.documents.document import Count, Document, Expected, Flag, Name, Number, Share, StrictSection
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.row_rules import BadRule, parse_rule
from spark_model_monitor.errors import BadConfiguration, BadDocument, explain_missing_import

if TYPE_CHECKING:
    from yaml import Node


class Severity(Enum):
    """What a rule that is not met is: a violation, or a hint."""

    ERROR = "error"
    WARNING = "warning"


class ValueType(Enum):
    """What every present value has to be. A number is Fractional whether it has digits behind the point or not."""

    INTEGRAL = "Integral"
    FRACTIONAL = "Fractional"
    BOOLEAN = "Boolean"
    TIME = "Time"


class Columns(Enum):
    """Whether a data set may have other columns than those that have rules."""

    OPEN = "open"
    CLOSED = "closed"


def _require_re2(pattern: str) -> str:
    if not is_pattern(pattern):
        raise ValueError("no expression of RE2")
    return pattern


def is_pattern(text: str) -> bool:
    """Whether a text is a regular expression in RE2's syntax."""
    try:
        pc.match_substring_regex(pa.array([""]), match_whole(text))
    except pa.ArrowInvalid:
        return False
    return True


def match_whole(pattern: str) -> str:
    """The RE2 expression that matches only a whole text."""
    return rf"\A(?:{pattern})\z"


def _require_rule(text: str) -> str:
    try:
        parse_rule(text)
    except BadRule as fault:
        raise ValueError(str(fault)) from None
    return text


def _expand_bounds(value: Json) -> Json:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"min": value, "max": value}
    return value


def _wrap_in_list(value: Json) -> Json:
    if isinstance(value, Mapping | StrictSection):
        return [value]
    return value


def _expand_rule(value: Json) -> Json:
    if isinstance(value, str):
        return {"rule": value}
    return value


def _convert_to_share(value: Json) -> Json:
    # `not_null: true` asks for all values, a share of 1
    if isinstance(value, bool):
        return float(value)
    return value


_TIME = r"^(\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?|P(\d+D)?(T(\d+H)?(\d+M)?(\d+S)?)?)$"


def parse_duration(text: str) -> timedelta:
    """The duration in `newer_than`, in ISO 8601: P1D, PT2H."""
    return TypeAdapter(timedelta).validate_python(text)


Scalar = Annotated[
    str | Annotated[bool, Strict()] | Annotated[float, Strict(), Field(allow_inf_nan=False)],
    Expected("a text, a number, true or false"),
]


class Bounds(StrictSection):
    """From `min` to `max`, both included; None: no bound."""

    min: Count | None = None
    max: Count | None = None


_Bounds = Annotated[Bounds, BeforeValidator(_expand_bounds), Expected('a whole number, or {"min": 1, "max": 10}')]

_WithDomain: Any = create_model(  # `in` is a keyword, so a class statement can't have an attribute of this name
    "_WithDomain",
    __base__=StrictSection,
    **{"in": (Annotated[tuple[Scalar, ...] | None, Expected("a list of texts, numbers, true or false")], None)},  # type: ignore[call-overload]
)


class FeatureExpectations(_WithDomain):  # type: ignore[misc]
    """What is expected of the values of one column. A missing value is judged by `not_null` alone.

    min, max: bounds, included, of numbers; a text that is no number breaks them. in: all allowed values.
    matches: what the whole text has to match, an expression of RE2.
    not_null: true, or the least share that is present.
    unique: no present value occurs twice.
    type: of every value.
    length: of texts in characters.
    max_share_of: by value, the largest share of the present ones.
    newer_than: a time, or how long before the window's end, as P1D.
    share: the least share of the present values that has to meet the others, all by default.
    """

    min: Number | None = None
    max: Number | None = None
    matches: (
        Annotated[str, Strict(), BeforeValidator(_require_re2), Expected("a regular expression in RE2's syntax")] | None
    ) = None
    not_null: Annotated[Share, BeforeValidator(_convert_to_share)] | None = None
    unique: Flag | None = None
    type: ValueType | None = None
    length: _Bounds | None = None
    max_share_of: Mapping[Name, Share] | None = None
    newer_than: (
        Annotated[str, Strict(), Field(pattern=_TIME), Expected("a time such as 2026-01-31T08:00:00Z, or P1D, PT2H")]
        | None
    ) = None
    share: Share | None = None
    level: Severity = Severity.ERROR

    @property
    def domain(self) -> tuple[str | bool | float, ...] | None:
        """The allowed values."""
        return getattr(self, "in")  # type: ignore[no-any-return]


class RowRule(StrictSection):
    """One condition on the columns of a row, not judged where it is null. share: the least share of rows that meets it."""

    rule: Annotated[
        str,
        Strict(),
        BeforeValidator(_require_rule),
        Expected("a rule such as start <= end, of columns, numbers, texts and comparisons; it calls no function"),
    ]
    share: Share | None = None
    level: Severity = Severity.ERROR


FeatureRules = Annotated[
    tuple[FeatureExpectations, ...], BeforeValidator(_wrap_in_list), Expected("an object with rules, or a list of them")
]


class DataSetExpectations(StrictSection):
    """What is expected of the rows as a whole. rows: how many. columns: closed if no other column may be there."""

    rows: _Bounds | None = None
    columns: Columns | None = None
    row_rules: tuple[Annotated[RowRule, BeforeValidator(_expand_rule)], ...] = ()


class Expectations(
    Document,
    DataSetExpectations,
    file="expectations.json",
    meant="file of expectations",
    title="Expectations of spark-model-monitor",
):
    """The file of `--expectations`. features: rules by column; a list where some of them are warnings."""

    features: Mapping[Name, FeatureRules] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there are no rules."""
        return not (self.rows or self.columns or self.row_rules or self.features)

    @property
    def digest(self) -> str:
        """The identity of the rules: the SHA-256 of their content."""
        # Sorted, so that the order of members doesn't matter
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()

    def contradictions(self) -> Iterator[str]:
        """Rules that contradict each other: no value, or no number of rows, meets all of them."""
        # Only rules for all values can contradict each other; rules with shares may hold for different rows
        yield from _find_empty_bounds("rows", [self.rows])
        for name, rules in self.features.items():
            if not all(rule.model_fields_set.difference(("share", "level")) for rule in rules):
                yield f'features.{name}: has no rule; write one, such as "not_null": true, or leave the column out'
            yield from _find_contradictions(f"features.{name}", [rule for rule in rules if rule.share is None])
            yield from _find_empty_bounds(f"features.{name}.length", [rule.length for rule in rules])

    def merge_rules(self, added: Expectations) -> Expectations:
        """These rules and the added ones. Raises BadConfiguration if they contradict each other."""
        # All rules apply; if both have a limit for the whole data set, the added one is taken
        names = dict.fromkeys([*self.features, *added.features])
        expectations = Expectations(
            rows=added.rows or self.rows,
            columns=added.columns or self.columns,
            row_rules=(*self.row_rules, *added.row_rules),
            features={name: (*self.features.get(name, ()), *added.features.get(name, ())) for name in names},
        )
        BadConfiguration.raise_for(
            f"--expectations and constraints.json: {fault}" for fault in expectations.contradictions()
        )
        return expectations


def _find_empty_bounds(where: str, bounds: list[Bounds | None]) -> Iterator[str]:
    # The strictest of all bounds on each side
    low = max((bound.min for bound in bounds if bound and bound.min is not None), default=0)
    high = min((bound.max for bound in bounds if bound and bound.max is not None), default=None)
    if high is not None and low > high:
        yield f"{where}: min is {low} and max is {high}; no number is both, change one of them"


def _find_contradictions(where: str, rules: list[FeatureExpectations]) -> Iterator[str]:
    low = max((rule.min for rule in rules if rule.min is not None), default=None)
    high = min((rule.max for rule in rules if rule.max is not None), default=None)
    if low is not None and high is not None and low > high:
        yield f"{where}: min is {low:g} and max is {high:g}; no number is both, change one of them"
    # Without a list of values, only the bounds can be checked
    domains = [set(map(_normalize_value, rule.domain)) for rule in rules if rule.domain is not None]
    if not domains:
        return
    # The values that all lists allow; some of them must meet the other rules
    allowed = set.intersection(*domains)
    numbers = {value for value in allowed if isinstance(value, float)}
    texts = pa.array(sorted(allowed - numbers), pa.string())
    for rule in rules:
        numbers = {value for value in numbers if rule.type is not ValueType.INTEGRAL or value.is_integer()}
        # A text that isn't a number breaks every rule about numbers
        if rule.type in (ValueType.INTEGRAL, ValueType.FRACTIONAL) or not (rule.min is rule.max is None):
            texts = texts.slice(0, 0)
        if rule.matches is not None and len(texts):
            texts = texts.filter(pc.match_substring_regex(texts, match_whole(rule.matches)))
    numbers = {value for value in numbers if (low is None or value >= low) and (high is None or value <= high)}
    if not numbers and not len(texts):
        yield f"{where}: no value of `in` meets the other rules of the column; change one of them"


def _normalize_value(value: str | bool | float) -> str | float:
    """The form in which a value of `in` is compared: a number for a numeric text."""
    # CSV files have `true`, not `True`
    if isinstance(value, bool):
        return str(value).lower()
    try:
        return float(value)
    except ValueError:
        return value


def parse_expectations(content: bytes | str, where: str) -> Expectations:
    """The rules in a file: YAML if its name ends so, else JSON. where: its path.

    Raises BadDocument with one line for each fault; MissingDependency for YAML without PyYAML.
    """
    if where.lower().endswith((".yaml", ".yml")):
        content = convert_yaml_to_json(content, where)
    return Expectations.from_json(content, where)


MAX_YAML_CHARACTERS = 2**24


def _measure_expanded(node: Node, sizes: dict[int, float]) -> float:
    """The characters of a YAML node with its aliases replaced; infinite for one that contains itself.

    sizes: of nodes that were counted, by identity. Each is counted once, however many aliases it has.
    """
    if id(node) not in sizes:
        sizes[id(node)] = math.inf  # infinite until it is known; only a node that contains itself is asked for before
        children = node.value
        if isinstance(children, str):
            sizes[id(node)] = len(children) + 1
        else:
            # Mappings contain pairs of nodes, lists contain nodes
            pairs = [child if isinstance(child, tuple) else (child,) for child in children]
            sizes[id(node)] = 1 + sum(_measure_expanded(child, sizes) for pair in pairs for child in pair)
    return sizes[id(node)]


def convert_yaml_to_json(content: bytes | str, where: str) -> str:
    """The content as JSON. Raises BadDocument for a repeated member or invalid YAML, MissingDependency without PyYAML."""
    with explain_missing_import(
        f"{where}: to read YAML PyYAML is needed; pip install 'spark-model-monitor[yaml]', or write it as JSON"
    ):
        import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        """Refuses repeated names, which YAML's own loader accepts."""

    def construct_members(loader: Any, node: Any) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name_node, value_node in node.value:
            name = str(name_node.value)  # also of a column that is called true or 010
            if name in members:
                raise BadDocument(f"{where}: the member {json.dumps(name)} stands twice; keep one of them")
            members[name] = loader.construct_object(value_node, deep=True)
        return members

    # The size is checked on the loader's nodes first, because aliases may expand to more than fits in memory. A repeated
    # name is nearly always a mistake, and YAML's own loader would silently take the last one
    Loader.add_constructor("tag:yaml.org,2002:map", construct_members)
    # As in YAML 1.2 only `true` and `false` are flags: NO is a country, and `on` a column. Words of these letters may be null
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers
    Loader.yaml_implicit_resolvers = resolvers | dict.fromkeys("yYnNoO", resolvers["~"])
    try:
        loader = Loader(content)
        node = loader.get_single_node()
        # An empty file has no node
        if node is None:
            return "null"
        if _measure_expanded(node, {}) > MAX_YAML_CHARACTERS:
            raise BadDocument(
                f"{where}: has more than {MAX_YAML_CHARACTERS:,} characters once its aliases are replaced; write what they "
                "stand for fewer times"
            )
        return json.dumps(loader.construct_document(node), default=str)
    # Impossible dates and numbers raise the last two
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as fault:
        mark = getattr(fault, "problem_mark", None)
        position = ""
        if mark:
            position = f"line {mark.line + 1}, column {mark.column + 1}: "
        raise BadDocument(f"{where}: {position}is no YAML; correct it there, or write JSON") from None
