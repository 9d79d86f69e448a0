"""The rules of a DQDL file, bound to the columns of a data set before its scan: the metrics of each rule, and what to count.

`rule_verdicts.py` judges them. Runs on the driver only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.records.windows import count_microseconds
from spark_model_monitor.documents.dqdl import ANOMALIES, Condition, DataRule, Operand, OperandKind, RuleSet
from spark_model_monitor.documents.dqdl_types import parse_aggregate
from spark_model_monitor.documents.row_rules import Tree, list_columns
from spark_model_monitor.documents.rules_file import match_whole
from spark_model_monitor.errors import suggest_names
from spark_model_monitor.monitors.data_quality.rule_conditions import evaluate_formula
from spark_model_monitor.monitors.data_quality.rule_table import RuleTable, is_present, parse_moment
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.value_class import value_class

MICROSECONDS = 1_000_000

_ORDERED = frozenset({">", ">=", "<", "<=", "between", "not between"})
_VALUE_TYPES = frozenset(
    {"Uniqueness", "IsUnique", "IsPrimaryKey", "UniqueValueRatio", "DistinctValuesCount", "Entropy"}
)
_NUMBER_TYPES = frozenset({"Mean", "Sum", "StandardDeviation", "Variance", "ColumnCorrelation", "AggregateMatch"})
_EXTREMES = frozenset({"Minimum", "Maximum", "MinimumLength", "MaximumLength"})
"""Metrics by which rules on all values are judged: their smallest and largest value or length."""
_ANY_ROW: Tree = ("==", ("constant", 0), ("constant", 0))
_OF_ANY_COLUMN = frozenset({"Completeness", "IsComplete", "ColumnExists"})


@value_class
class RuleMetric:
    """A number that a rule is about. name: later runs find the metric by it. type: the type of rule that has this metric.

    condition_index, number_indices, value_index: the positions of its counts in the rule table. constant: the metric itself,
    if only the columns' names decide it.
    """

    name: str
    type: str
    condition_index: int | None = None
    number_indices: tuple[int, ...] = ()
    value_index: int | None = None
    constant: float | None = None


@value_class
class BoundRule:
    """A rule bound to the columns of a data set. fault: why this data can't meet it; empty if it can."""

    rule: DataRule
    metrics: tuple[RuleMetric, ...] = ()
    fault: str = ""


def bind_rules(
    rule_set: RuleSet, table: RuleTable, types: Mapping[str, ColumnType], now: datetime
) -> dict[str, BoundRule]:
    """The rules of a file by their texts, with their metrics in the table.

    types: the types of columns whose cells are not texts. now: the time that `now()` stands for.
    """
    binder = _RuleBinder(table, types, count_microseconds(now))
    return {rule.text: binder.bind(rule) for rule in rule_set.data_rules}


@value_class
class _RuleBinder:
    table: RuleTable
    types: Mapping[str, ColumnType]
    now: int

    def bind(self, rule: DataRule) -> BoundRule:
        """The rule with its metrics, or with the reason why this data has none."""
        fault = self._find_fault(rule)
        if fault:
            return BoundRule(rule, fault=fault)
        metric_type = rule.type
        columns = rule.parameters
        # DetectAnomalies is about the metric that its first parameter names
        if rule.type == ANOMALIES:
            metric_type = rule.parameters[0]
            columns = rule.parameters[1:]
        is_by_extremes = metric_type in ("ColumnValues", "ColumnLength") and (
            rule.condition is None or rule.past_runs > 0
        )
        if not is_by_extremes:
            return BoundRule(rule, (self._bind_metric(rule, metric_type, columns),))
        # A condition on all values is a condition on the smallest or the largest value
        suffix = metric_type.removeprefix("Column").removeprefix("Values")
        ends = [f"Minimum{suffix}", f"Maximum{suffix}"]
        if rule.condition is not None:
            is_lower_limit = rule.condition.operator.startswith(">")
            ends.pop(is_lower_limit)
        return BoundRule(rule, tuple(self._bind_metric(rule, end, columns) for end in ends))

    def _find_fault(self, rule: DataRule) -> str:
        names = _list_columns(rule)
        if rule.where is not None:
            names += list_columns(rule.where)
        for name in names:
            # Columns of lists have a metric only if it needs no single values
            if name not in self.table.positions:
                columns = ", ".join(self.table.names[:20])
                return f"there is no column {name!r}; " + suggest_names(
                    name, self.table.names, f"the columns are {columns}"
                )
            is_nested = self.types.get(name) in (ColumnType.VECTOR, ColumnType.NESTED)
            if is_nested and rule.type not in _OF_ANY_COLUMN:
                return f"{name!r} is a column of lists or maps, which has no single values"
        return ""

    def _bind_metric(self, rule: DataRule, metric_type: str, columns: Sequence[str]) -> RuleMetric:
        # Later runs find a metric by its name, so equal names have to mean equal metrics
        name = " ".join([metric_type, *(f'"{column}"' for column in columns)])
        if rule.where_text:
            name += f' where "{rule.where_text}"'
        where = rule.where
        # Metrics of columns' names need no scan
        if metric_type in ("ColumnCount", "ColumnExists", "ColumnNamesMatchPattern"):
            return RuleMetric(name, metric_type, constant=self._measure_names(metric_type, columns))
        if metric_type in _VALUE_TYPES:
            # The pass over values counts values, and the scan counts rows that have them
            are_present = ("and", *(is_present(("column", column)) for column in columns))
            condition = self.table.count_rows(are_present, where)
            return RuleMetric(name, metric_type, condition, value_index=self.table.count_values(columns, where))
        # Metrics that are computed from numbers, or from rows
        if metric_type in _NUMBER_TYPES or metric_type in _EXTREMES:
            return RuleMetric(name, metric_type, number_indices=self._sum_up_numbers(rule, metric_type, columns))
        if metric_type == "RowCount":
            # All rows are counted anyway
            if where is None:
                return RuleMetric(name, metric_type)
            return RuleMetric(name, metric_type, self.table.count_rows(_ANY_ROW, where))
        return RuleMetric(
            name, metric_type, self.table.count_rows(self._build_row_tree(rule, metric_type, columns[0]), where)
        )

    def _measure_names(self, metric_type: str, parameters: Sequence[str]) -> float:
        names = self.table.names
        if metric_type == "ColumnCount":
            return float(len(names))
        if metric_type == "ColumnExists":
            return float(parameters[0] in self.table.positions)
        matches = pc.match_substring_regex(pa.array(names, pa.string()), parameters[0])
        return float(pc.sum(matches).as_py() or 0) / len(names)

    def _sum_up_numbers(self, rule: DataRule, metric_type: str, columns: Sequence[str]) -> tuple[int, ...]:
        if metric_type == "AggregateMatch":
            return tuple(self.table.sum_up_numbers(("column", column)) for column in _list_columns(rule))
        # The number of each row, and for a correlation a second number
        value: Tree = ("column", columns[0])
        if metric_type.endswith("Length"):
            value = ("length", value)
        second: Tree | None = None
        if metric_type == "ColumnCorrelation":
            second = ("column", columns[1])
        return (self.table.sum_up_numbers(value, rule.where, second),)

    # Conditions that a row has to meet

    def _build_row_tree(self, rule: DataRule, metric_type: str, name: str) -> Tree:
        column: Tree = ("column", name)
        condition = rule.condition
        # Completeness, IsComplete, and metrics that are measured without a condition
        if condition is None or metric_type in ("Completeness", "IsComplete"):
            return is_present(column)
        if metric_type == "ColumnDataType":
            return ("and", is_present(column), ("cast", column, condition.operands[0].text.lower()))
        if metric_type == "ColumnLength":
            return self._compare(("length", column), condition)
        if metric_type == "DataFreshness":
            time: Tree = ("time", column)
            return ("and", is_present(time), self._compare(("-", ("constant", self.now), time), condition))
        return self._build_value_tree(column, condition, self.types.get(name, ColumnType.TEXT))

    def _build_value_tree(self, column: Tree, condition: Condition, column_type: ColumnType) -> Tree:
        """The condition of a ColumnValues rule. Unless it is listed, NULL meets only `!=` and `not in`.

        Source: AWS Glue, "DQDL rule type reference".
        """
        operands = condition.operands
        if condition.operator.endswith("matches"):
            match: Tree = ("match", column, match_whole(operands[0].text))
            if condition.operator == "not matches":
                match = ("not", match)
            return ("and", is_present(column), match)
        # Times are compared as microseconds
        if condition.operator in _ORDERED:
            value: Tree = ("time", column)
            if operands[0].kind is OperandKind.NUMBER:
                value = column
            return ("and", is_present(value), self._compare(value, condition))
        # A list of values, which may contain NULL
        lists_null = any(operand.kind is OperandKind.NULL for operand in operands)
        is_listed = self._list_values(column, operands, column_type)
        if condition.operator in ("=", "in"):
            if lists_null:
                return ("or", ("null", column), is_listed)
            return ("and", is_present(column), is_listed)
        if lists_null:
            return ("and", is_present(column), ("not", is_listed))
        return ("or", ("null", column), ("not", is_listed))

    def _list_values(self, column: Tree, operands: Sequence[Operand], column_type: ColumnType) -> Tree:
        """The condition that a column has one of these values, apart from NULL."""
        texts = []
        numbers = []
        conditions: list[Tree] = []
        for operand in operands:
            kind = operand.kind
            if kind is OperandKind.WHITESPACE:
                conditions.append(("match", column, match_whole(r"\s+")))
            elif kind is OperandKind.NUMBER:
                numbers.append(evaluate_formula(operand.number, ()))
            # A text is read as the column's type
            elif kind is OperandKind.TEXT and column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL):
                numbers += _parse_number(operand.text)
            elif kind is OperandKind.MOMENT or (
                column_type is ColumnType.TIMESTAMP and parse_moment(operand.text) is not None
            ):
                conditions.append(("==", ("time", column), ("constant", self._measure(operand))))
            elif kind is not OperandKind.NULL:
                texts.append(operand.text)  # EMPTY has an empty text
        return ("or", ("in", column, frozenset(texts), frozenset(numbers)), *conditions)

    def _compare(self, value: Tree, condition: Condition) -> Tree:
        """The condition of a comparison; `between` excludes its ends. Source: AWS Glue, "DQDL rule expressions"."""
        constants = [("constant", self._measure(operand)) for operand in condition.operands]
        operator = condition.operator
        if operator == "between":
            return ("and", (">", value, constants[0]), ("<", value, constants[1]))
        if operator == "not between":
            return ("or", ("<=", value, constants[0]), (">=", value, constants[1]))
        # `in` becomes one comparison per element, joined by or
        if operator.endswith("in"):
            is_listed: Tree = ("or", *(("==", value, constant) for constant in constants))
            if operator == "in":
                return is_listed
            return ("not", is_listed)
        return ({"=": "=="}.get(operator, operator), value, constants[0])

    def _measure(self, operand: Operand) -> float:
        """An operand as a number: times and durations in microseconds."""
        if operand.kind is OperandKind.NUMBER:
            return evaluate_formula(operand.number, ())
        if operand.kind is OperandKind.DURATION:
            return operand.seconds * MICROSECONDS
        moment = parse_moment(operand.text)
        if moment is not None:
            return count_microseconds(moment)
        return self.now + round(operand.seconds * MICROSECONDS)


def _list_columns(rule: DataRule) -> list[str]:
    if rule.type in ("RowCount", "ColumnCount", "ColumnExists", "ColumnNamesMatchPattern"):
        return []
    if rule.type == "AggregateMatch":
        return [aggregate[1] for aggregate in map(parse_aggregate, rule.parameters) if aggregate is not None]
    if rule.type == ANOMALIES:
        return list(rule.parameters[1:])
    return list(rule.parameters)


def _parse_number(text: str) -> list[float]:
    try:
        return [float(text)]
    except ValueError:
        return []
