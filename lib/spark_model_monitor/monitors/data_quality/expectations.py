"""A person's own rules in a data-quality run: planned before data is read, counted in its scan, judged after it.

They need no statistics, and none of the budget of false alarms: a rule is met, or a result counts the offending rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

import pyarrow as pa

from spark_model_monitor.data.profiling.partition import column_type
from spark_model_monitor.data.records.windows import count_microseconds
from spark_model_monitor.documents.check_results import (
    EXPECTATION,
    LIMITS,
    PRESENCE,
    ROW_RULE,
    UPPER_LIMIT,
    CheckResult,
    Hint,
)
from spark_model_monitor.documents.row_rules import Tree, list_columns, parse_rule
from spark_model_monitor.documents.rules_file import (
    Columns,
    Expectations,
    FeatureExpectations,
    Severity,
    ValueType,
    match_whole,
    parse_duration,
)
from spark_model_monitor.errors import BadConfiguration, suggest_names
from spark_model_monitor.monitors.data_quality.hints import list_quoted
from spark_model_monitor.monitors.data_quality.messages import EXTRA_COLUMNS, NUMBER_OF_ROWS
from spark_model_monitor.monitors.data_quality.rule_binding import BoundRule, bind_rules
from spark_model_monitor.monitors.data_quality.rule_table import Measurements, RuleTable, is_present, parse_moment
from spark_model_monitor.monitors.protocol import NO_VALUES, Finding, RuleOutcomes
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.documents.dqdl import RuleSet


_VERBS = {"rows": "is", "column": "is", "columns": "are"}  # the verb between a sentence's subject and its fault

_CASTS = {
    ValueType.INTEGRAL: "whole number",
    ValueType.FRACTIONAL: "double",
    ValueType.BOOLEAN: "boolean",
    ValueType.TIME: "timestamp",
}


@value_class
class RequestedRule:
    """One rule, and the words for its result.

    Attributes
    ----------
    name
        The column, or the rule about rows.
    label
        The rule in short, such as `min 0`.
    fault
        What offending values are, in words.
    allowed
        The largest share of values that may offend.
    level
        Whether offending values are a violation or a hint.
    condition_index
        The index, in the rule table, of the condition that values have to meet; None for `unique`.
    value_index
        The index of the counted values; only for `unique`.
    columns
        The columns of a rule about rows.
    """

    name: str
    label: str
    fault: str
    allowed: float = 0.0
    level: Severity = Severity.ERROR
    condition_index: int | None = None
    value_index: int | None = None
    columns: tuple[str, ...] = ()


@value_class
class ExpectationPlan:
    """All rules of a run, bound to the columns of its data.

    missing_columns: the columns of the baseline that have rules and that the data lacks, and the severity of their rules.
    extra_columns: the columns without a rule, if columns are closed. rule_set: rules in DQDL. bound_rules: these rules by
    their text, bound to the columns. table: what the scan and the pass over values count.
    """

    expectations: Expectations
    requested_rules: tuple[RequestedRule, ...]
    missing_columns: tuple[tuple[str, Severity], ...]
    extra_columns: tuple[str, ...]
    rule_set: RuleSet | None
    bound_rules: Mapping[str, BoundRule]
    table: RuleTable


def plan_rules(
    expectations: Expectations,
    rule_set: RuleSet | None,
    dataset: Dataset,
    baseline_names: Sequence[str],
    end: datetime | None,
) -> ExpectationPlan:
    """The rules for a data set.

    rule_set: further rules in DQDL. baseline_names: the columns of the baseline. end: the end of the window.

    Raises BadConfiguration, a line for each error: a column that neither the data nor the baseline has, a rule about
    texts for a numeric column, a time span without a window.
    """
    table = RuleTable(dataset.names)
    types = read_column_types(dataset)
    # All errors are reported together
    faults: list[str] = []
    requested_rules: list[RequestedRule] = []
    missing_columns: dict[str, Severity] = {}

    def has_column(name: str, where: str, level: Severity) -> bool:
        if name in table.positions:
            return True
        if name in baseline_names:
            missing_columns.setdefault(name, level)
        else:
            columns = f"the columns are {', '.join(dataset.names[:20])}"
            if where.startswith("row_rules"):
                columns += f"; a text stands in quotes, as '{name}'"
            instead = suggest_names(name, dataset.names, columns)
            faults.append(f"expectations: {where}: there is no column {name!r}; {instead}")
        return False

    # Rules about columns, then about rows
    for name, rules_of_feature in expectations.features.items():
        for rules in rules_of_feature:
            if has_column(name, f"features.{name}", rules.level):
                rules_of_entry = list(_plan_column(name, rules, end, table, faults))
                faults += _find_unfit_rules(name, types.get(name), rules_of_entry)
                requested_rules += rules_of_entry
    # A rule about rows needs all of its columns
    for index, row_rule in enumerate(expectations.row_rules):
        tree = parse_rule(row_rule.rule)
        names = tuple(dict.fromkeys(list_columns(tree)))
        if all(has_column(name, f"row_rules[{index}]", row_rule.level) for name in names):
            allowed = _compute_allowed_share(row_rule.share)
            condition = table.count_rows(tree)
            requested_rule = RequestedRule(
                row_rule.rule, ROW_RULE, "that break it", allowed, row_rule.level, condition, columns=names
            )
            # The rule has to fit the type of its first column whose cells are not texts
            column_kind = next((types[name] for name in names if name in types), None)
            faults += _find_unfit_rules(row_rule.rule, column_kind, [requested_rule])
            requested_rules.append(requested_rule)
    BadConfiguration.raise_for(dict.fromkeys(faults))
    extra_columns = _list_extra_columns(expectations, requested_rules, dataset.names)
    # Rules in DQDL; `now()` is the end of the window
    bound_rules: Mapping[str, BoundRule] = {}
    if rule_set is not None:
        bound_rules = bind_rules(rule_set, table, types, end or datetime.now(timezone.utc))
    return ExpectationPlan(
        expectations,
        tuple(requested_rules),
        tuple(missing_columns.items()),
        extra_columns,
        rule_set,
        bound_rules,
        table,
    )


def _list_extra_columns(
    expectations: Expectations, requested_rules: Sequence[RequestedRule], names: Sequence[str]
) -> tuple[str, ...]:
    """The columns without a rule, if columns are closed."""
    if expectations.columns is not Columns.CLOSED:
        return ()
    columns_with_rules = {*expectations.features}
    # A rule about rows is one of each of its columns
    for rule in requested_rules:
        columns_with_rules.update(rule.columns)
    return tuple(name for name in names if name not in columns_with_rules)


def read_column_types(dataset: Dataset) -> Mapping[str, ColumnType]:
    """The types, by name, of columns whose cells are not texts; empty for lines of text."""
    if dataset.lines is not None:
        return {}
    schema = dataset.table.schema
    return {name: column_type(schema.field(f"c{index}").type) for index, name in enumerate(dataset.names)}


def _find_unfit_rules(name: str, column_kind: ColumnType | None, requested: Sequence[RequestedRule]) -> Iterator[str]:
    for rule in requested:
        # The label begins with the member of the file
        member = rule.label.partition(" ")[0]
        if column_kind in (ColumnType.VECTOR, ColumnType.NESTED) and member != "not_null":
            yield f"expectations: {name}: {rule.label} is of single values, and a column is {column_kind.value}; leave not_null"
        elif column_kind in (ColumnType.INTEGRAL, ColumnType.FRACTIONAL) and member in ("matches", "length"):
            yield f"expectations: {name}: {rule.label} is of texts, and the column is {column_kind.value}; write min, max or in"


def _plan_column(
    name: str, rules: FeatureExpectations, end: datetime | None, table: RuleTable, faults: list[str]
) -> Iterator[RequestedRule]:
    column: Tree = ("column", name)
    allowed_share = _compute_allowed_share(rules.share)

    # A missing value is judged by `not_null` alone: it meets no condition, and breaks none
    def request(
        label: str, fault: str, condition: Tree, allowed: float = allowed_share, where: Tree | None = None
    ) -> RequestedRule:
        return RequestedRule(name, label, fault, allowed, rules.level, table.count_rows(condition, where))

    bounds = []
    expected = ""
    limits: list[Tree] = []
    for member, operator, bound, words in (("min", ">=", rules.min, "or more"), ("max", "<=", rules.max, "or less")):
        if bound is not None:
            bounds.append(f"{member} {bound:g}")
            expected = f"{bound:g} {words}"
            limits.append((operator, column, ("constant", bound)))
    if len(bounds) > 1:
        expected = f"from {rules.min:g} to {rules.max:g}"
    if bounds:
        yield request(", ".join(bounds), f"not {expected}", ("and", *limits))
    # Rules about single values: their domain, pattern, type and length
    if rules.domain is not None:
        size = len(rules.domain)
        yield request(f"in {size}", f"not among the {size} allowed", _list_values(column, rules.domain))
    if rules.matches is not None:
        yield request(f"matches {rules.matches}", "unlike the pattern", ("match", column, match_whole(rules.matches)))
    if rules.type is not None:
        yield request(f"type {rules.type.value}", f"not {rules.type.value}", ("cast", column, _CASTS[rules.type]))
    if rules.length is not None:
        shortest = rules.length.min or 0
        longest = math.inf
        if rules.length.max is not None:
            longest = rules.length.max
        if shortest == longest:
            expected = f"{shortest}"
        elif math.isinf(longest):
            expected = f"{shortest} or more"
        else:
            expected = f"{shortest} to {longest:g}"
        length: Tree = ("length", column)
        fits: Tree = ("and", (">=", length, ("constant", shortest)), ("<=", length, ("constant", longest)))
        yield request(f"length {expected}", f"not of {expected} characters", fits, where=is_present(column))
    # How many rows have a value, and how often one occurs
    if rules.not_null is not None:
        allowed = _compute_allowed_share(rules.not_null)
        yield request(f"not_null {rules.not_null:g}", "missing", is_present(column), allowed)
    if rules.unique:
        fault = "there more than once"
        yield RequestedRule(name, "unique", fault, allowed_share, rules.level, value_index=table.count_values([name]))
    for value, share in (rules.max_share_of or {}).items():
        fault = f"equal to {value!r}, at most {share:g} of them are expected"
        yield request(f"max_share_of {value}", fault, ("not", _list_values(column, [value])), share)
    if rules.newer_than is not None:
        since = _find_moment(rules.newer_than, end)
        if since is None:
            fault = "which is no time; write one such as 2026-01-31T08:00:00Z"
            if rules.newer_than.startswith("P"):
                fault = "before the end of a window, and the run has none; write --start-time and --end-time, or a time"
            faults.append(f"expectations: features.{name}.newer_than is {rules.newer_than!r}, {fault}")
        else:
            # A text that isn't a time breaks the rule, too
            time: Tree = ("time", column)
            is_newer: Tree = ("and", is_present(time), (">", time, ("constant", count_microseconds(since))))
            fault = f"not after {since:%Y-%m-%dT%H:%M:%SZ}"
            yield request(f"newer_than {rules.newer_than}", fault, is_newer, where=is_present(column))


def _compute_allowed_share(share: float | None) -> float:
    """The share that may offend, given the share that must meet a rule."""
    if share is None:
        return 0.0
    return round(1 - share, 12)


def _find_moment(text: str, end: datetime | None) -> datetime | None:
    """The time that `newer_than` means; None for a time span before the window's end if the run has no window."""
    if not text.startswith("P"):
        return parse_moment(text)
    if end is None:
        return None
    return end - parse_duration(text)


def _list_values(column: Tree, values: Sequence[str | bool | float]) -> Tree:
    """The condition that a column has one of these values; numbers, and texts of numbers, are compared as numbers."""
    texts = [value for value in values if isinstance(value, str)]
    for value in values:
        # Booleans are written in three ways
        if isinstance(value, bool):
            spelled_boolean = str(value)
            texts += [spelled_boolean.lower(), spelled_boolean, spelled_boolean.upper()]
    parsed_numbers = parse_numbers(pa.array(texts, pa.string())).tolist()
    numbers = [float(value) for value in values if not isinstance(value, str | bool)]
    numbers += [number for number in parsed_numbers if not math.isnan(number)]
    return ("in", column, frozenset(texts), frozenset(numbers))


def judge_expectations(plan: ExpectationPlan, measured: Measurements) -> RuleOutcomes:
    """The results of the rules: unmet errors as violations, and unmet warnings as hints."""
    results: list[CheckResult] = list(_judge_data_set(plan, measured.rows))
    hints: list[Hint] = []
    for rule in plan.requested_rules:
        # Rows that break a condition, or values that occur more than once
        if rule.condition_index is not None:
            offending, total, ids = measured.get_offences(rule.condition_index)
        else:
            assert rule.value_index is not None
            counts = measured.values[rule.value_index]
            offending = counts.rows - counts.num_singletons
            total = counts.rows
            ids = ()
        finding = _judge_offences(rule, offending, total)
        if rule.level is Severity.ERROR:
            results.append(finding.copy_with(ids=ids or None).result(EXPECTATION, feature=rule.name))
        elif finding.is_violated:
            names = rule.columns or (rule.name,)
            hints.append(Hint(hint="expectation", features=names, description=f"{rule.name}: {finding.reason}"))
    return RuleOutcomes(tuple(results), tuple(hints), plan.expectations.digest)


def _judge_offences(rule: RequestedRule, offending: int, total: int) -> Finding:
    if not total:
        return Finding.not_judged(rule.allowed, NO_VALUES).copy_with(component=rule.label)
    share = offending / total
    finding = Finding(
        threshold=rule.allowed,
        observed=share,
        m=total,
        formula="offending / judged",
        component=rule.label,
        decided_by=UPPER_LIMIT,
        limit=rule.allowed,
    )
    if share <= rule.allowed:
        return finding
    noun = "values"
    if rule.columns:
        noun = "rows"
    return _report_violation(finding, f"{offending:,} of {total:,} {noun} {rule.fault}")


def _report_violation(finding: Finding, reason: str) -> Finding:
    return finding.mark_unmet(reason, f"{_VERBS.get(finding.component or '', 'has')} {reason}", reason)


def _judge_data_set(plan: ExpectationPlan, rows: int) -> Iterator[CheckResult]:
    bounds = plan.expectations.rows
    if bounds is not None:
        low = bounds.min or 0
        high = bounds.max
        expected = f"{low:,} or more"
        highest = None
        if high is not None:
            expected += f" and at most {high:,}"
            highest = float(high)
        # The bound that is broken, or the upper one
        bound = highest
        if rows < low or highest is None:
            bound = float(low)
        finding = Finding(
            threshold=bound,
            observed=float(rows),
            decided_by=LIMITS,
            limits=(float(low), highest),
            component="rows",
        )
        if rows < low or (high is not None and rows > high):
            finding = _report_violation(finding, f"{rows:,}, expected are {expected}")
        yield finding.result(EXPECTATION, feature=NUMBER_OF_ROWS)
    # Missing columns, and extra columns
    for name, level in plan.missing_columns:
        if level is Severity.ERROR:
            finding = Finding(decided_by=PRESENCE, component="column")
            yield _report_violation(finding, "not in the data").result(EXPECTATION, feature=name)
    if plan.extra_columns:
        finding = Finding(
            threshold=0.0,
            observed=float(len(plan.extra_columns)),
            component="columns",
            decided_by=UPPER_LIMIT,
            limit=0.0,
        )
        yield _report_violation(finding, f"{list_quoted(plan.extra_columns)}, of which there is no rule").result(
            EXPECTATION, feature=EXTRA_COLUMNS
        )
