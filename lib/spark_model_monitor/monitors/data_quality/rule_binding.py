"""The rules of a DQDL file, bound to the columns of a data set before its scan: which numbers each is about, and what to count.

Each rule has metrics: numbers that the scan computes, or the pass that counts values. `rule_verdicts.py` judges them. Runs on
the driver only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.profiling.rule_scan import CompiledRule, RowFormula
from spark_model_monitor.data.profiling.uniqueness import ValueQuestion
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents.dqdl import (
    ANOMALIES,
    Condition,
    DataRule,
    Operand,
    OperandKind,
    RuleSet,
    parse_aggregate,
)
from spark_model_monitor.documents.row_rules import Tree, list_columns
from spark_model_monitor.documents.rules_file import match_whole
from spark_model_monitor.errors import did_you_mean
from spark_model_monitor.monitors.data_quality.rule_conditions import evaluate_formula
from spark_model_monitor.statistics.states import ColumnType

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

MICROSECONDS = 1_000_000

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_ORDERED = frozenset({">", ">=", "<", "<=", "between", "not between"})
_VALUE_TYPES = frozenset(
    {"Uniqueness", "IsUnique", "IsPrimaryKey", "UniqueValueRatio", "DistinctValuesCount", "Entropy"}
)
_NUMBER_TYPES = frozenset({"Mean", "Sum", "StandardDeviation", "Variance", "ColumnCorrelation", "AggregateMatch"})
_EXTREMES = frozenset({"Minimum", "Maximum", "MinimumLength", "MaximumLength"})
"""Metrics of rules that compare all values by their smallest or largest one."""
_OF_ANY_COLUMN = frozenset({"Completeness", "IsComplete", "ColumnExists"})


@dataclass(frozen=True, slots=True)
class RuleMetric:
    """A number that a rule is about. name: under which later runs find it. type: of the rule that has it.

    offences, values: positions of what the scan and the pass count for it. numbers: positions of the moments. constant: a
    metric of the columns' names.
    """

    name: str
    type: str
    offences: int | None = None
    numbers: tuple[int, ...] = ()
    values: int | None = None
    constant: float | None = None


@dataclass(frozen=True, slots=True)
class BoundRule:
    """A rule bound to the columns of a data set. fault: why this data can't meet it; empty if it can."""

    rule: DataRule
    metrics: tuple[RuleMetric, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RuleSetPlan:
    """The rules of a file, bound to a data set. bound: by the rule's text. offences, numbers: what the scan counts.

    questions: what the pass over values counts.
    """

    rule_set: RuleSet
    bound: Mapping[str, BoundRule]
    offences: tuple[CompiledRule, ...]
    numbers: tuple[CompiledRule, ...]
    questions: tuple[ValueQuestion, ...]


# Before the scan.


class RuleBinder:
    """Binds rules to the columns of a data set, and lists what has to be counted.

    types: of columns whose cells are not texts. now: the time that `now()` stands for.
    """

    def __init__(self, names: Sequence[str], types: Mapping[str, ColumnType], now: datetime) -> None:
        self._names = names
        self._positions = {name: position for position, name in reversed(list(enumerate(names)))}
        self._types = types
        self._now = (now - _EPOCH) // timedelta(microseconds=1)
        self.offences: list[CompiledRule] = []
        self.numbers: list[CompiledRule] = []
        self.questions: list[ValueQuestion] = []

    def bind(self, rule: DataRule) -> BoundRule:
        """The rule with its metrics, or with the reason why this data has none."""
        fault = self._find_fault(rule)
        if fault:
            return BoundRule(rule, fault=fault)
        kind = rule.type
        columns = rule.parameters
        # DetectAnomalies is about the metric that its first parameter names
        if rule.type == ANOMALIES:
            kind = rule.parameters[0]
            columns = rule.parameters[1:]
        is_by_extremes = kind in ("ColumnValues", "ColumnLength") and (rule.condition is None or rule.past_runs > 0)
        if not is_by_extremes:
            return BoundRule(rule, (self._bind_metric(rule, kind, columns),))
        # A condition on all values is one on their smallest or largest
        suffix = kind.removeprefix("Column").removeprefix("Values")
        ends = [f"Minimum{suffix}", f"Maximum{suffix}"]
        if rule.condition is not None:
            is_lower_limit = rule.condition.operator.startswith(">")
            ends.pop(is_lower_limit)
        return BoundRule(rule, tuple(self._bind_metric(rule, end, columns) for end in ends))

    def _find_fault(self, rule: DataRule) -> str:
        names = self._list_columns(rule)
        if rule.where is not None:
            names += list_columns(rule.where)
        for name in names:
            # Columns of lists have a metric only where no single value counts
            if name not in self._positions:
                return f"there is no column {name!r}; " + did_you_mean(
                    name, self._names, f"the columns are {', '.join(self._names[:20])}"
                )
            is_nested = self._types.get(name) in (ColumnType.VECTOR, ColumnType.NESTED)
            if is_nested and rule.type not in _OF_ANY_COLUMN:
                return f"{name!r} is a column of lists or maps, which has no single values"
        return ""

    def _list_columns(self, rule: DataRule) -> list[str]:
        if rule.type in ("RowCount", "ColumnCount", "ColumnExists", "ColumnNamesMatchPattern"):
            return []
        if rule.type == "AggregateMatch":
            return [aggregate[1] for aggregate in map(parse_aggregate, rule.parameters) if aggregate is not None]
        if rule.type == ANOMALIES:
            return list(rule.parameters[1:])
        return list(rule.parameters)

    def _bind_metric(self, rule: DataRule, kind: str, columns: Sequence[str]) -> RuleMetric:
        # Equal names are equal metrics, which later runs find by them
        name = " ".join([kind, *(f'"{column}"' for column in columns)])
        if rule.where_text:
            name += f' where "{rule.where_text}"'
        # What the names of columns say needs no scan
        if kind in ("ColumnCount", "ColumnExists", "ColumnNamesMatchPattern"):
            return RuleMetric(name, kind, constant=self._measure_names(kind, columns))
        if kind in _VALUE_TYPES:
            # Values are counted by the pass, and rows that have them by the scan
            positions = tuple(self._positions[column] for column in columns)
            where = None
            if rule.where is not None:
                where = self._make_rule("row", None, rule.where)
            self.questions.append(ValueQuestion(positions, where))
            present = ("and", *(("not", ("null", ("column", column))) for column in columns))
            return RuleMetric(name, kind, self._add_offences(present, rule.where), values=len(self.questions) - 1)
        # What is computed from numbers, or from rows
        if kind in _NUMBER_TYPES or kind in _EXTREMES:
            return RuleMetric(name, kind, numbers=self._add_numbers(rule, kind, columns))
        if kind == "RowCount":
            if rule.where is None:  # all rows are counted anyway
                return RuleMetric(name, kind)
            return RuleMetric(name, kind, self._add_offences(("==", ("constant", 0), ("constant", 0)), rule.where))
        return RuleMetric(name, kind, self._add_offences(self._build_row_tree(rule, kind, columns[0]), rule.where))

    def _measure_names(self, kind: str, parameters: Sequence[str]) -> float:
        if kind == "ColumnCount":
            return float(len(self._names))
        if kind == "ColumnExists":
            return float(parameters[0] in self._positions)
        matches = pc.match_substring_regex(pa.array(self._names, pa.string()), parameters[0])
        return float(pc.sum(matches).as_py() or 0) / len(self._names)

    def _make_rule(self, kind: str, tree: Tree | None, where: Tree | None, second: Tree | None = None) -> CompiledRule:
        formula = tree or ("constant", 0)
        # Executors find columns by their positions
        trees = [part for part in (formula, where, second) if part is not None]
        names = tuple(dict.fromkeys(name for part in trees for name in list_columns(part)))
        positions = tuple(self._positions[name] for name in names)
        return CompiledRule(kind, positions, RowFormula(formula, names, where, second))

    def _add_offences(self, tree: Tree, where: Tree | None) -> int:
        self.offences.append(self._make_rule("row", tree, where))
        return len(self.offences) - 1

    def _add_numbers(self, rule: DataRule, kind: str, columns: Sequence[str]) -> tuple[int, ...]:
        first = len(self.numbers)
        if kind == "AggregateMatch":
            for column in self._list_columns(rule):
                self.numbers.append(self._make_rule("numbers", ("column", column), None))
            return first, first + 1
        # The number of a row, and a second one that it is correlated with
        value: Tree = ("column", columns[0])
        if kind.endswith("Length"):
            value = ("length", value)
        second: Tree | None = None
        if kind == "ColumnCorrelation":
            second = ("column", columns[1])
        self.numbers.append(self._make_rule("numbers", value, rule.where, second))
        return (first,)

    # What has to be true for a row

    def _build_row_tree(self, rule: DataRule, kind: str, name: str) -> Tree:
        column: Tree = ("column", name)
        condition = rule.condition
        if condition is None:  # Completeness, IsComplete, and what is only measured
            return ("not", ("null", column))
        if kind in ("Completeness", "IsComplete"):
            return ("not", ("null", column))
        if kind == "ColumnDataType":
            return _join_all(_is_present(column), ("cast", column, condition.operands[0].text.lower()))
        if kind == "ColumnLength":
            return _compare(("length", column), condition, _number_constant)
        if kind == "DataFreshness":
            time: Tree = ("time", column)
            age: Tree = ("-", ("constant", self._now), time)
            return _join_all(_is_present(time), _compare(age, condition, _duration_constant))
        return self._build_value_tree(column, condition, self._types.get(name, ColumnType.TEXT))

    def _build_value_tree(self, column: Tree, condition: Condition, column_type: ColumnType) -> Tree:
        """Of ColumnValues. NULL meets `!=` and `not in` alone, unless it is listed.

        Source: AWS Glue, "DQDL rule type reference".
        """
        operands = condition.operands
        if condition.operator.endswith("matches"):
            match: Tree = ("match", column, match_whole(operands[0].text))
            if condition.operator == "not matches":
                match = ("not", match)
            return _join_all(_is_present(column), match)
        # Times are compared as microseconds
        if condition.operator in _ORDERED:
            value = column
            if operands[0].kind is not OperandKind.NUMBER:
                value = ("time", column)
            return _join_all(_is_present(value), _compare(value, condition, self._time_or_number))
        # A list of values, in which NULL may stand
        lists_null = any(operand.kind is OperandKind.NULL for operand in operands)
        values = [operand for operand in operands if operand.kind is not OperandKind.NULL]
        equalities = [self._build_equality(column, operand, column_type) for operand in values]
        if condition.operator in ("=", "in"):
            if lists_null:
                return ("or", ("null", column), *equalities)
            return _join_all(_is_present(column), ("or", *equalities))
        differences = [("not", equality) for equality in equalities]
        if lists_null:
            return _join_all(_is_present(column), *differences)
        return ("or", ("null", column), ("and", *differences))

    def _build_equality(self, column: Tree, operand: Operand, column_type: ColumnType) -> Tree:
        if operand.kind is OperandKind.EMPTY:
            return ("==", column, ("constant", ""))
        if operand.kind is OperandKind.WHITESPACE:
            return ("match", column, match_whole(r"\s+"))
        if operand.kind is OperandKind.TEXT:
            # A text is read as what the column holds
            if column_type is ColumnType.TIMESTAMP and parse_moment(operand.text) is not None:
                return ("==", ("time", column), self._time_or_number(operand))
            if column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL):
                return ("==", column, ("constant", _parse_number(operand.text)))
            return ("==", column, ("constant", operand.text))
        value = column
        if operand.kind is OperandKind.MOMENT:
            value = ("time", column)
        return ("==", value, self._time_or_number(operand))

    def _time_or_number(self, operand: Operand) -> Tree:
        if operand.kind is OperandKind.NUMBER:
            return _number_constant(operand)
        moment = parse_moment(operand.text)
        if moment is not None:
            return ("constant", (moment - _EPOCH) // timedelta(microseconds=1))
        return ("constant", self._now + round(operand.seconds * MICROSECONDS))


def _join_all(*parts: Tree) -> Tree:
    return ("and", *parts)


def _is_present(value: Tree) -> Tree:
    return ("not", ("null", value))


def _number_constant(operand: Operand) -> Tree:
    return ("constant", evaluate_formula(operand.number, ()))


def _duration_constant(operand: Operand) -> Tree:
    return ("constant", operand.seconds * MICROSECONDS)


def _parse_number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _compare(value: Tree, condition: Condition, constant: Callable[[Operand], Tree]) -> Tree:
    """The tree of a comparison; the ends of between don't belong to it. Source: AWS Glue, "DQDL rule expressions"."""
    constants = [constant(operand) for operand in condition.operands]
    if condition.operator == "between":
        return ("and", (">", value, constants[0]), ("<", value, constants[1]))
    if condition.operator == "not between":
        return ("or", ("<=", value, constants[0]), (">=", value, constants[1]))
    # A list is met by any of its values
    if condition.operator.endswith("in"):
        equalities = [("==", value, limit) for limit in constants]
        if condition.operator == "in":
            return ("or", *equalities)
        return ("not", ("or", *equalities))
    operator = {"=": "=="}.get(condition.operator, condition.operator)
    return (operator, value, constants[0])


def plan_rule_set(rule_set: RuleSet, dataset: Dataset, types: Mapping[str, ColumnType], now: datetime) -> RuleSetPlan:
    """The rules bound to a data set. types: of columns whose cells are not texts. now: what `now()` stands for."""
    binder = RuleBinder(dataset.names, types, now)
    bound = {rule.text: binder.bind(rule) for rule in rule_set.data_rules}
    return RuleSetPlan(rule_set, bound, tuple(binder.offences), tuple(binder.numbers), tuple(binder.questions))


def parse_moment(text: str) -> datetime | None:
    """The time that a text in a rule is; a day is its beginning. None if it is no time."""
    return parse_time(text if "T" in text or " " in text else f"{text}T00:00:00Z")
