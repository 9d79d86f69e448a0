"""The rules of a DQDL file in a data-quality run: bound to columns before the scan, counted in it, judged after it.

Each rule has metrics, which are numbers that the scan, or the pass that counts values, computes; a rule is met if its condition
holds for them. Null rows are judged as AWS's guide says. Driver only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.profiling.expectations import RowFormula, Rule
from spark_model_monitor.data.profiling.uniqueness import ValueCounts, ValueQuestion
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents.check_results import ASSERTION, EXPECTATION, CheckResult, CheckStatus
from spark_model_monitor.documents.dqdl import (
    AGGREGATE,
    ANOMALIES,
    ROW_TYPES,
    AnyRule,
    CompositeRule,
    Condition,
    DataRule,
    Operand,
    OperandKind,
    RuleSet,
    count_runs,
)
from spark_model_monitor.documents.expectations import whole
from spark_model_monitor.documents.row_rules import Tree, columns_of
from spark_model_monitor.errors import did_you_mean
from spark_model_monitor.monitors.protocol import NO_VALUES, NOT_EXPECTED, Finding
from spark_model_monitor.statistics.drift.special_functions import student_above
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.offences import MOST_IDS, Offences
from spark_model_monitor.statistics.states.pair_moments import PairMoments, PairSums

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

MICROSECONDS = 1_000_000
ANOMALY_LEVEL = 0.01  # of DetectAnomalies: how often a run like the earlier ones is an anomaly
FEWEST_RUNS = 3  # that DetectAnomalies learns from; with fewer, the spread of runs isn't known

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
class Metric:
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
    metrics: tuple[Metric, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class RuleSetPlan:
    """The rules of a file, bound to a data set. bound: by the rule's text. offences, numbers: what the scan counts.

    questions: what the pass over values counts.
    """

    rule_set: RuleSet
    bound: Mapping[str, BoundRule]
    offences: tuple[Rule, ...]
    numbers: tuple[Rule, ...]
    questions: tuple[ValueQuestion, ...]


@dataclass(frozen=True, slots=True)
class Measurements:
    """What the scan and the pass over values counted. rows: of the data."""

    rows: int
    offences: Offences
    moments: PairMoments
    values: Sequence[ValueCounts]


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
        self.offences: list[Rule] = []
        self.numbers: list[Rule] = []
        self.questions: list[ValueQuestion] = []

    def bind(self, rule: DataRule) -> BoundRule:
        """The rule with its metrics, or with the reason why this data has none."""
        fault = self._find_fault(rule)
        if fault:
            return BoundRule(rule, fault=fault)
        kind = rule.parameters[0] if rule.type == ANOMALIES else rule.type
        columns = rule.parameters[1:] if rule.type == ANOMALIES else rule.parameters
        is_by_extremes = kind in ("ColumnValues", "ColumnLength") and (
            rule.type == ANOMALIES or (rule.condition is not None and rule.condition.past_runs > 0)
        )
        if not is_by_extremes:
            return BoundRule(rule, (self._bind_metric(rule, kind, columns),))
        suffix = "Length" if kind == "ColumnLength" else ""
        ends = [f"Minimum{suffix}", f"Maximum{suffix}"]
        if rule.condition is not None:
            ends = ends[:1] if rule.condition.operator.startswith(">") else ends[1:]
        return BoundRule(rule, tuple(self._bind_metric(rule, end, columns) for end in ends))

    def _find_fault(self, rule: DataRule) -> str:
        for name in [*self._list_columns(rule), *(columns_of(rule.where) if rule.where else ())]:
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
            return [match[2] for match in map(AGGREGATE.fullmatch, rule.parameters) if match]
        if rule.type == ANOMALIES:
            return [] if rule.parameters[0] == "RowCount" else list(rule.parameters[1:])
        return list(rule.parameters)

    def _bind_metric(self, rule: DataRule, kind: str, columns: Sequence[str]) -> Metric:
        name = " ".join([kind, *(f'"{column}"' for column in columns)])
        if rule.where_text:
            name += f' where "{rule.where_text}"'
        if kind in ("ColumnCount", "ColumnExists", "ColumnNamesMatchPattern"):
            return Metric(name, kind, constant=self._measure_names(kind, columns))
        if kind in _VALUE_TYPES:
            positions = tuple(self._positions[column] for column in columns)
            where = None if rule.where is None else self._make_rule("row", None, rule.where)
            self.questions.append(ValueQuestion(positions, where))
            present = ("and", *(("not", ("null", ("column", column))) for column in columns))
            return Metric(name, kind, self._add_offences(present, rule.where), values=len(self.questions) - 1)
        if kind in _NUMBER_TYPES or kind in _EXTREMES:
            return Metric(name, kind, numbers=self._add_numbers(rule, kind, columns))
        if kind == "RowCount":
            # Without a condition all rows are counted anyway
            everything: Tree = ("==", ("constant", 0), ("constant", 0))
            return Metric(name, kind, None if rule.where is None else self._add_offences(everything, rule.where))
        return Metric(name, kind, self._add_offences(self._build_row_tree(rule, kind, columns[0]), rule.where))

    def _measure_names(self, kind: str, parameters: Sequence[str]) -> float:
        if kind == "ColumnCount":
            return float(len(self._names))
        if kind == "ColumnExists":
            return float(parameters[0] in self._positions)
        matches = pc.match_substring_regex(pa.array(self._names, pa.string()), parameters[0])
        return float(pc.sum(matches).as_py() or 0) / len(self._names)

    def _make_rule(self, kind: str, tree: Tree | None, where: Tree | None, second: Tree | None = None) -> Rule:
        formula = tree or ("constant", 0)
        trees = [part for part in (formula, where, second) if part is not None]
        names = tuple(dict.fromkeys(name for part in trees for name in columns_of(part)))
        positions = tuple(self._positions[name] for name in names)
        return Rule(kind, positions, RowFormula(formula, names, where, second))

    def _add_offences(self, tree: Tree, where: Tree | None) -> int:
        self.offences.append(self._make_rule("row", tree, where))
        return len(self.offences) - 1

    def _add_numbers(self, rule: DataRule, kind: str, columns: Sequence[str]) -> tuple[int, ...]:
        first = len(self.numbers)
        if kind == "AggregateMatch":
            for column in self._list_columns(rule):
                self.numbers.append(self._make_rule("numbers", ("column", column), None))
            return first, first + 1
        value: Tree = ("column", columns[0])
        if kind.endswith("Length"):
            value = ("length", value)
        second: Tree | None = ("column", columns[1]) if kind == "ColumnCorrelation" else None
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
            return _all_of(_is_present(column), ("cast", column, condition.operands[0].text.lower()))
        if kind == "ColumnLength":
            return _compare(("length", column), condition, _number_constant)
        if kind == "DataFreshness":
            time: Tree = ("time", column)
            age: Tree = ("-", ("constant", self._now), time)
            return _all_of(_is_present(time), _compare(age, condition, _duration_constant))
        return self._build_value_tree(column, condition, self._types.get(name, ColumnType.TEXT))

    def _build_value_tree(self, column: Tree, condition: Condition, column_type: ColumnType) -> Tree:
        """Of ColumnValues. NULL meets `!=` and `not in` alone, unless it is listed. Source: the guide's ColumnValues."""
        operands = condition.operands
        if condition.operator.endswith("matches"):
            match: Tree = ("match", column, whole(operands[0].text))
            return _all_of(_is_present(column), ("not", match) if condition.operator == "not matches" else match)
        if condition.operator in _ORDERED:
            is_time = operands[0].kind is not OperandKind.NUMBER
            value: Tree = ("time", column) if is_time else column
            return _all_of(_is_present(value), _compare(value, condition, self._time_or_number))
        lists_null = any(operand.kind is OperandKind.NULL for operand in operands)
        values = [operand for operand in operands if operand.kind is not OperandKind.NULL]
        equal = ("or", *(self._build_equality(column, operand, column_type) for operand in values)) if values else None
        if condition.operator in ("=", "in"):
            if lists_null:
                return ("or", ("null", column), equal) if equal else ("null", column)
            return _all_of(_is_present(column), equal or ("null", column))
        if lists_null:
            return _all_of(_is_present(column), ("not", equal)) if equal else _is_present(column)
        return ("or", ("null", column), ("not", equal or ("null", column)))

    def _build_equality(self, column: Tree, operand: Operand, column_type: ColumnType) -> Tree:
        if operand.kind is OperandKind.EMPTY:
            return ("==", column, ("constant", ""))
        if operand.kind is OperandKind.WHITESPACE:
            return ("match", column, whole(r"\s+"))
        if operand.kind is OperandKind.TEXT:
            if column_type is ColumnType.TIMESTAMP and parse_moment(operand.text) is not None:
                return ("==", ("time", column), self._time_or_number(operand))
            if column_type in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL):
                return ("==", column, ("constant", _parse_number(operand.text)))
            return ("==", column, ("constant", operand.text))
        value: Tree = ("time", column) if operand.kind is OperandKind.MOMENT else column
        return ("==", value, self._time_or_number(operand))

    def _time_or_number(self, operand: Operand) -> Tree:
        if operand.kind is OperandKind.NUMBER:
            return _number_constant(operand)
        moment = parse_moment(operand.text) if operand.kind is OperandKind.TEXT else None
        if moment is not None:
            return ("constant", (moment - _EPOCH) // timedelta(microseconds=1))
        return ("constant", self._now + round(operand.seconds * MICROSECONDS))


def _all_of(*parts: Tree) -> Tree:
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
    """The tree of a comparison; the ends of between don't belong to it. Source: the guide's expressions."""
    constants = [constant(operand) for operand in condition.operands]
    if condition.operator == "between":
        return ("and", (">", value, constants[0]), ("<", value, constants[1]))
    if condition.operator == "not between":
        return ("or", ("<=", value, constants[0]), (">=", value, constants[1]))
    if condition.operator.endswith("in"):
        member: Tree = ("or", *(("==", value, each_constant) for each_constant in constants))
        return member if condition.operator == "in" else ("not", member)
    return ("==" if condition.operator == "=" else condition.operator, value, constants[0])


def plan_rule_set(rule_set: RuleSet, dataset: Dataset, types: Mapping[str, ColumnType], now: datetime) -> RuleSetPlan:
    """The rules bound to a data set. types: of columns whose cells are not texts. now: what `now()` stands for."""
    binder = RuleBinder(dataset.names, types, now)
    bound = {rule.text: binder.bind(rule) for rule in rule_set.data_rules}
    return RuleSetPlan(rule_set, bound, tuple(binder.offences), tuple(binder.numbers), tuple(binder.questions))


# After the scan.


def rule_set_results(plan: RuleSetPlan, measured: Measurements) -> list[CheckResult]:
    """A result for each rule, and one for each analyzer, which nobody judges."""
    judged = {text: _judge_rule(bound, plan.rule_set.past_metrics, measured) for text, bound in plan.bound.items()}
    results = [_join_parts(rule, judged) for rule in plan.rule_set.rules]
    for rule in plan.rule_set.analyzers:
        verdict = judged[rule.text]
        results.append(replace(verdict, status=CheckStatus.NOT_JUDGED, reason=verdict.reason or "it is an analyzer"))
    rules = (*plan.rule_set.rules, *plan.rule_set.analyzers)
    return [verdict.describe(rule) for rule, verdict in zip(rules, results, strict=True)]


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """What a rule's metrics say. reason: what is wrong, or why it isn't judged. observed: the metric of a single rule, and rows
    that it rests on. metrics: by name, for later runs. ids: of the first rows that break it.
    """

    status: CheckStatus
    reason: str = ""
    observed: float | None = None
    rows: int | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    ids: tuple[str, ...] = ()

    def describe(self, rule: AnyRule) -> CheckResult:
        """The result in checks.json."""
        finding = Finding(self.status, None, self.observed, m=self.rows, component="dqdl")
        if self.reason:
            finding = finding.but(reason=self.reason)
        if self.status is not CheckStatus.NOT_JUDGED:
            finding = finding.but(decided_by=ASSERTION)
        if self.status is CheckStatus.VIOLATED:
            description = NOT_EXPECTED.format(f"{rule.text}: {self.reason}")
            finding = finding.but(change=f"is not met: {self.reason}", description=description)
        members = {"ids": self.ids or None, "labels": dict(rule.labels) or None, "metrics": dict(self.metrics) or None}
        return finding.result(EXPECTATION, feature=rule.text).model_copy(update=members)


def _join_parts(rule: AnyRule, judged: Mapping[str, RuleVerdict]) -> RuleVerdict:
    """The verdict on a rule. A composite one names the parts that fail, or that nobody could judge."""
    if isinstance(rule, DataRule):
        return judged[rule.text]
    verdicts = [_join_parts(part, judged) for part in rule.parts]
    statuses = {verdict.status for verdict in verdicts}
    # One violated part decides an `and`, one passed part an `or`
    decisive = CheckStatus.VIOLATED if rule.operator == "and" else CheckStatus.PASSED
    status = CheckStatus.PASSED if rule.operator == "and" else CheckStatus.VIOLATED
    if decisive in statuses:
        status = decisive
    elif CheckStatus.NOT_JUDGED in statuses:
        status = CheckStatus.NOT_JUDGED
    # What later runs compare with, and which parts it is about
    metrics: dict[str, float] = {}
    reasons = []
    ids: dict[str, None] = {}
    for part, verdict in zip(rule.parts, verdicts, strict=True):
        metrics |= verdict.metrics
        if verdict.status is status and status is not CheckStatus.PASSED:
            reasons.append(f"{part.text}: {verdict.reason}")
            ids |= dict.fromkeys(verdict.ids)
    return RuleVerdict(status, "; ".join(reasons), metrics=metrics, ids=tuple(ids)[:MOST_IDS])


def _judge_rule(bound: BoundRule, past_metrics: Mapping[str, tuple[float, ...]], measured: Measurements) -> RuleVerdict:
    """The verdict on one rule. A second metric, as of DetectAnomalies, has to meet it, too."""
    if bound.fault:
        return RuleVerdict(CheckStatus.VIOLATED, bound.fault)
    verdict = RuleVerdict(CheckStatus.PASSED)
    metrics: dict[str, float] = {}
    for metric in bound.metrics:
        previous = verdict
        verdict = _judge_metric(bound.rule, metric, past_metrics.get(metric.name, ()), measured)
        metrics |= verdict.metrics
        if previous.status is not CheckStatus.PASSED:
            verdict = previous
    return replace(verdict, metrics=metrics)


def _judge_metric(rule: DataRule, metric: Metric, past: tuple[float, ...], measured: Measurements) -> RuleVerdict:
    ids: tuple[str, ...] = ()
    offending = 0
    rows = measured.rows
    if metric.offences is not None:
        offending = measured.offences.offending[metric.offences]
        rows = measured.offences.judged[metric.offences]
        ids = measured.offences.ids[metric.offences]
    if metric.numbers:
        sums = [measured.moments.pairs[index] for index in metric.numbers]
        rows = round(min(each_sums.rows for each_sums in sums))
        not_numbers = round(sum(each_sums.not_numbers for each_sums in sums))
        if not_numbers:
            return RuleVerdict(CheckStatus.VIOLATED, f"{not_numbers:,} values are no numbers", rows=rows)
    if not rows and metric.type != "RowCount" and metric.constant is None:
        return RuleVerdict(CheckStatus.NOT_JUDGED, NO_VALUES)
    value = _compute_metric(rule, metric, measured, rows, offending)
    if not math.isfinite(value):
        return RuleVerdict(CheckStatus.NOT_JUDGED, f"{metric.name} can't be computed from these values", rows=rows)
    verdict = RuleVerdict(CheckStatus.PASSED, "", value, rows, {metric.name: value}, ids)
    if rule.type == ANOMALIES:
        return _judge_anomaly(verdict, metric.name, past)
    is_of_rows = metric.type in ROW_TYPES or metric.type == "IsComplete"
    condition = rule.threshold if is_of_rows else rule.condition
    if condition is None:
        meets = value == 1.0 and not (metric.type == "IsPrimaryKey" and offending)
    else:
        if condition.past_runs > len(past):
            reason = f"it compares with {condition.past_runs:,} earlier runs, and {len(past):,} have this metric"
            return replace(verdict, status=CheckStatus.NOT_JUDGED, reason=reason)
        meets = meets_condition(value, condition, past)
    if meets:
        return replace(verdict, ids=())
    reason = f"{metric.name} is {value:.6g}"
    if is_of_rows:
        reason = f"{offending:,} of {rows:,} rows don't meet it"
    elif metric.type == "IsPrimaryKey" and value == 1.0:
        reason = f"{offending:,} of {rows:,} rows have no value"
    return replace(verdict, status=CheckStatus.VIOLATED, reason=reason)


def _compute_metric(rule: DataRule, metric: Metric, measured: Measurements, rows: int, offending: int) -> float:
    """The metric; NaN if it can't be computed. Source: the analyzers of Deequ 2.1.0, whose spreads are of a population."""
    if metric.constant is not None:
        return metric.constant
    if metric.values is not None:
        counts = measured.values[metric.values]
        if metric.type == "DistinctValuesCount":  # NULL is a value
            return float(counts.distinct + (offending > 0))
        if not counts.rows:
            return math.nan
        if metric.type == "Entropy":
            return counts.entropy
        return counts.single / (counts.distinct if metric.type == "UniqueValueRatio" else counts.rows)
    if metric.type == "RowCount":
        return float(rows)
    if not metric.numbers:
        return (rows - offending) / rows
    sums = measured.moments.pairs[metric.numbers[0]]
    if metric.type == "AggregateMatch":
        totals = [_aggregate(text, measured.moments.pairs[at]) for text, at in zip(rule.parameters, metric.numbers)]
        return totals[0] / totals[1] if totals[1] else math.nan
    values = {
        "Mean": sums.sum_x / sums.rows,
        "Sum": sums.sum_x,
        "Variance": sums.m2_x / sums.rows,
        "StandardDeviation": math.sqrt(sums.m2_x / sums.rows),
        "ColumnCorrelation": sums.correlation,
    }
    return values.get(metric.type, sums.smallest if metric.type.startswith("Minimum") else sums.largest)


def _aggregate(text: str, sums: PairSums) -> float:
    return sums.sum_x if text.strip().lower().startswith("sum") else sums.sum_x / sums.rows


def _judge_anomaly(verdict: RuleVerdict, name: str, past: tuple[float, ...]) -> RuleVerdict:
    """Whether a metric is outside the prediction interval of earlier runs (Student's, of one more value)."""
    if len(past) < FEWEST_RUNS:
        reason = f"it compares with at least {FEWEST_RUNS} earlier runs, and {len(past):,} have this metric"
        return replace(verdict, status=CheckStatus.NOT_JUDGED, reason=reason)
    assert verdict.observed is not None
    runs = len(past)
    mean = sum(past) / runs
    deviation = math.sqrt(sum((value - mean) ** 2 for value in past) / (runs - 1))
    distance = abs(verdict.observed - mean)
    # Runs without any spread make each other value an anomaly
    score = distance / (deviation * math.sqrt(1 + 1 / runs)) if deviation else math.inf
    if not distance or 2 * student_above(score, runs - 1) > ANOMALY_LEVEL:
        return verdict
    reason = f"{name} is {verdict.observed:.6g}; it was {mean:.6g} on average in {runs} earlier runs"
    return replace(verdict, status=CheckStatus.VIOLATED, reason=reason)


# Conditions on a metric.


def meets_condition(value: float, condition: Condition, past: tuple[float, ...]) -> bool:
    """Whether a metric meets a condition; the ends of between don't belong to it. past: the metric in earlier runs."""
    limits = [evaluate_formula(operand.number, past) for operand in condition.operands]
    operator = condition.operator
    if operator.endswith("between"):
        is_inside = limits[0] < value < limits[1]
        return is_inside if operator == "between" else not is_inside
    if operator.endswith("in"):
        return (value in limits) == (operator == "in")
    if operator in ("=", "!="):
        return (value == limits[0]) == (operator == "=")
    is_above = value > limits[0] if operator.startswith(">") else value < limits[0]
    return is_above or (operator.endswith("=") and value == limits[0])


def evaluate_formula(formula: Tree, past: tuple[float, ...]) -> float:
    """The number of a formula; NaN if it divides by 0. past: the metric in earlier runs, the newest last."""
    values = _evaluate(formula, past)
    return values[-1] if values else math.nan


def _evaluate(formula: Tree, past: tuple[float, ...]) -> tuple[float, ...]:
    """The values of a formula: those of `last(n)`, the newest last, else a single one."""
    operation, *arguments = formula
    if operation == "number":
        return (arguments[0],)
    if operation == "call":
        name, parameters = arguments
        if name == "last":
            return past[-count_runs(formula) :]
        values = _evaluate(parameters[0], past)
        second = evaluate_formula(parameters[1], past) if len(parameters) > 1 else 0.0
        return (_call_function(name, values, second),)
    left, right = (evaluate_formula(argument, past) for argument in arguments)
    if operation == "/":
        return (left / right if right else math.nan,)
    return ({"+": left + right, "-": left - right, "*": left * right}[operation],)


def _call_function(name: str, values: tuple[float, ...], second: float) -> float:
    if name == "index":  # 0 is the newest run
        return values[-1 - int(second)] if 0 <= second < len(values) else math.nan
    if name == "percentile":
        return float(np.quantile(values, second if second <= 1 else second / 100))
    if name == "abs":
        return abs(values[-1])
    numbers = np.array(values)
    summaries = {
        "avg": numbers.mean(),
        "min": numbers.min(),
        "max": numbers.max(),
        "sum": numbers.sum(),
        "std": numbers.std(),
        "median": np.median(numbers),
    }
    return float(summaries[name])


def parse_moment(text: str) -> datetime | None:
    """The time that a text in a rule is; a day is its beginning. None if it is no time."""
    return parse_time(text if "T" in text or " " in text else f"{text}T00:00:00Z")
