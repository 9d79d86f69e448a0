"""A person's own rules in a data-quality run: planned before data is read, counted in its scan, judged after it.

They need no statistics, and none of the budget of false alarms: a rule is met, or a result counts the offending rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from spark_model_monitor.data.profiling.partition import column_type
from spark_model_monitor.data.profiling.rule_scan import CompiledRule, RowFormula, Rules
from spark_model_monitor.data.reading.paths import INFERENCE_ID
from spark_model_monitor.data.records.windows import parse_time
from spark_model_monitor.documents.check_results import (
    EXPECTATION,
    LIMITS,
    PRESENCE,
    UPPER_LIMIT,
    CheckResult,
    CheckStatus,
    Hint,
)
from spark_model_monitor.documents.row_rules import list_columns, parse_rule
from spark_model_monitor.documents.rules_file import (
    Columns,
    Expectations,
    FeatureExpectations,
    Severity,
    match_whole,
    parse_duration,
)
from spark_model_monitor.errors import BadConfiguration, did_you_mean
from spark_model_monitor.monitors.data_quality.messages import EXTRA_COLUMNS, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import NO_VALUES, NOT_EXPECTED, Finding, Judged
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.offences import Offences

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset
    from spark_model_monitor.monitors.data_quality.rule_binding import RuleSetPlan

MOST_LISTED_NAMES = 5  # columns that a sentence names

_VERBS = {"rows": "is", "column": "is", "columns": "are"}  # the verb between what is judged and its fault

UNIQUE = "unique"  # the one rule that takes a pass of its own


@dataclass(frozen=True, slots=True)
class RequestedRule:
    """One rule, and the words for its result.

    name: the column, or the rule about rows. label: which of its rules. fault: what offending values are, in words.
    things: what is counted. allowed: the largest share that may offend.
    """

    name: str
    label: str
    fault: str
    rule: CompiledRule
    allowed: float = 0.0
    level: Severity = Severity.ERROR
    unit: str = "values"


@dataclass(frozen=True, slots=True)
class ExpectationPlan:
    """All rules of a run, bound to the columns of its data.

    lacking: rules about columns of the baseline that the data lacks: name and label. extra: columns that may be absent. rule_set:
    rules of a DQDL file, which are counted after the others.
    """

    expectations: Expectations
    requested: tuple[RequestedRule, ...]
    lacking: tuple[tuple[str, Severity], ...] = ()
    extra: tuple[str, ...] = ()
    ids: int | None = None
    rule_set: RuleSetPlan | None = None

    @property
    def counted(self) -> tuple[RequestedRule, ...]:
        """The rules that the scan counts."""
        return tuple(rule for rule in self.requested if rule.rule.kind != UNIQUE)

    @property
    def rules(self) -> Rules:
        """The rules that executors count."""
        counted = tuple(rule.rule for rule in self.counted)
        if self.rule_set is None:
            return Rules(counted, self.ids)
        return Rules((*counted, *self.rule_set.offences), self.ids, self.rule_set.numbers)

    @property
    def unique(self) -> tuple[int, ...]:
        """The positions of columns whose values must be unique."""
        return tuple(dict.fromkeys(rule.rule.positions[0] for rule in self.requested if rule.rule.kind == UNIQUE))


def plan_rules(
    expectations: Expectations, dataset: Dataset, baseline_names: Sequence[str] = (), end: datetime | None = None
) -> ExpectationPlan:
    """The rules for a data set. baseline_names: the columns of its baseline. end: of its window.

    Raises BadConfiguration, a line for each error: a column that neither the data nor the baseline has, a rule about
    texts for a numeric column, a time span without a window.
    """
    positions = {name: position for position, name in reversed(list(enumerate(dataset.names)))}
    types = read_column_types(dataset)
    # All errors are reported together
    faults: list[str] = []
    requested: list[RequestedRule] = []
    lacking: dict[str, Severity] = {}

    def is_there(name: str, where: str, level: Severity) -> bool:
        if name in positions:
            return True
        if name in baseline_names:
            lacking.setdefault(name, level)
        else:
            instead = did_you_mean(name, dataset.names, f"the columns are {', '.join(dataset.names[:20])}")
            faults.append(f"expectations: {where}: there is no column {name!r}; {instead}")
        return False

    # Rules about columns, then about rows
    for name, listed in expectations.features.items():
        for rules in listed:
            if is_there(name, f"features.{name}", rules.level):
                rules_of_entry = list(_plan_column(name, positions[name], rules, end, faults))
                faults += _find_unfit_rules(name, types.get(name), rules_of_entry)
                requested += rules_of_entry
    # A rule about rows counts for all its columns
    for index, row_rule in enumerate(expectations.row_rules):
        tree = parse_rule(row_rule.rule)
        names = tuple(dict.fromkeys(list_columns(tree)))
        if all(is_there(name, f"row_rules[{index}]", row_rule.level) for name in names):
            rule = CompiledRule("row", tuple(positions[name] for name in names), RowFormula(tree, names))
            allowed = _compute_allowed_share(row_rule.share)
            words = (row_rule.rule, "row_rule", "that break it")
            requested_rule = RequestedRule(*words, rule, allowed, row_rule.level, "rows")
            # By the first of its columns whose cells are not texts
            column_kind = next((types[name] for name in names if name in types), None)
            faults += _find_unfit_rules(row_rule.rule, column_kind, [requested_rule])
            requested.append(requested_rule)
    if faults:
        raise BadConfiguration.gathered(list(dict.fromkeys(faults)))
    # Where columns are closed, those that no rule is about are extra
    extra: tuple[str, ...] = ()
    if expectations.columns is Columns.CLOSED:
        with_rules = {*expectations.features}
        for requested_rule in requested:
            if requested_rule.unit == "rows":
                with_rules.update(requested_rule.rule.operand.names)
        extra = tuple(name for name in dataset.names if name not in with_rules)
    return ExpectationPlan(expectations, tuple(requested), tuple(lacking.items()), extra, positions.get(INFERENCE_ID))


def read_column_types(dataset: Dataset) -> Mapping[str, ColumnType]:
    """The types, by name, of columns whose cells are not texts; empty for lines, whose cells are."""
    if dataset.lines is not None:
        return {}
    schema = dataset.table.schema
    return {name: column_type(schema.field(f"c{index}").type) for index, name in enumerate(dataset.names)}


_NUMBERS = (ColumnType.INTEGRAL, ColumnType.FRACTIONAL)
_UNJUDGED = (ColumnType.VECTOR, ColumnType.NESTED)


def _find_unfit_rules(name: str, column_kind: ColumnType | None, requested: Sequence[RequestedRule]) -> Iterator[str]:
    for rule in requested:
        if column_kind in _UNJUDGED and rule.rule.kind != "not_null":
            yield f"expectations: {name}: {rule.label} is of single values, and a column is {column_kind.value}; leave not_null"
        elif column_kind in _NUMBERS and rule.rule.kind in ("matches", "length"):
            yield f"expectations: {name}: {rule.label} is of texts, and the column is {column_kind.value}; write min, max or in"


def _plan_column(
    name: str, position: int, rules: FeatureExpectations, end: datetime | None, faults: list[str]
) -> Iterator[RequestedRule]:
    def request(kind: str, operand: Any, label: str, fault: str, allowed: float | None = None) -> RequestedRule:
        allowed_share = _compute_allowed_share(rules.share) if allowed is None else allowed
        return RequestedRule(name, label, fault, CompiledRule(kind, (position,), operand), allowed_share, rules.level)

    if rules.min is not None or rules.max is not None:
        low = -math.inf
        high = math.inf
        bounds = []
        expected = ""
        if rules.min is not None:
            low = rules.min
            bounds.append(f"min {low:g}")
            expected = f"{low:g} or more"
        if rules.max is not None:
            high = rules.max
            bounds.append(f"max {high:g}")
            expected = f"{high:g} or less"
        if len(bounds) > 1:
            expected = f"from {low:g} to {high:g}"
        yield request("range", (low, high), ", ".join(bounds), f"not {expected}")
    # Values in a domain, of a form, of a type
    if rules.domain is not None:
        size = len(rules.domain)
        yield request("in", _normalize_values(rules.domain), f"in {size}", f"not among the {size} allowed")
    if rules.matches is not None:
        yield request("matches", match_whole(rules.matches), f"matches {rules.matches}", "unlike the pattern")
    if rules.type is not None:
        yield request("type", rules.type.value, f"type {rules.type.value}", f"not {rules.type.value}")
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
        yield request("length", (shortest, longest), f"length {expected}", f"not of {expected} characters")
    # How many rows have a value, and how often one occurs
    if rules.not_null is not None:
        allowed = _compute_allowed_share(rules.not_null)
        yield request("not_null", None, f"not_null {rules.not_null:g}", "missing", allowed)
    if rules.unique:
        yield request(UNIQUE, None, UNIQUE, "there more than once")
    for value, share in (rules.max_share_of or {}).items():
        fault = f"equal to {value!r}, at most {share:g} of them are expected"
        yield request("max_share_of", _normalize_values([value]), f"max_share_of {value}", fault, share)
    if rules.newer_than is not None:
        since = _parse_moment(rules.newer_than, end)
        if since is None:
            faults.append(
                f"expectations: features.{name}.newer_than is {rules.newer_than!r}, before the end of a window, and the run "
                "has none; write --start-time and --end-time, or a time"
            )
        else:
            microseconds = (since - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
            fault = f"not after {since:%Y-%m-%dT%H:%M:%SZ}"
            yield request("newer_than", microseconds, f"newer_than {rules.newer_than}", fault)


def _compute_allowed_share(share: float | None) -> float:
    """The share that may offend, given the share that must meet a rule."""
    if share is None:
        return 0.0
    return round(1 - share, 12)


def _parse_moment(text: str, end: datetime | None) -> datetime | None:
    if text.startswith("P"):
        if end is None:
            return None
        return end - parse_duration(text)
    # A day begins at midnight of UTC
    if "T" not in text and " " not in text:
        text = f"{text}T00:00:00Z"
    return parse_time(text)


def _normalize_values(values: Sequence[str | bool | float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Values as texts, and numbers, or texts of numbers, as numbers."""
    texts = tuple(value for value in values if isinstance(value, str))
    for value in values:
        # Booleans are written in three ways
        if isinstance(value, bool):
            word = str(value)
            texts += (word.lower(), word, word.upper())
    written = parse_numbers(pa.array(texts, pa.string())).tolist()
    numbers = [float(value) for value in values if not isinstance(value, str | bool)]
    return texts, (*numbers, *(number for number in written if not math.isnan(number)))


# The results of the rules.


def judge_expectations(
    plan: ExpectationPlan, offences: Offences, rows: int, repeated: Mapping[int, int], present: Mapping[int, int]
) -> Judged:
    """The results of the rules: unmet errors as violations, and unmet warnings as hints.

    rows: of the data. repeated, present: by column position, the rows whose value recurs, and those with a value.
    """
    results: list[CheckResult] = list(_judge_data_set(plan, rows))
    hints: list[Hint] = []
    # In the order of the rules that the scan counted; those of a rule set come last
    counted = iter(zip(offences.offending, offences.judged, offences.ids, strict=True))
    for rule in plan.requested:
        ids: tuple[str, ...] = ()
        if rule.rule.kind == UNIQUE:
            position = rule.rule.positions[0]
            finding = _judge_offences(rule, repeated[position], present[position])
        else:
            offending, total, ids = next(counted)
            finding = _judge_offences(rule, offending, total)
        if rule.level is Severity.ERROR:
            results.append(finding.result(EXPECTATION, feature=rule.name).model_copy(update={"ids": ids or None}))
        elif finding.status is CheckStatus.VIOLATED:
            names = (rule.name,)
            if rule.unit == "rows":
                names = rule.rule.operand.names
            hints.append(Hint(hint="expectation", features=names, description=f"{rule.name}: {finding.reason}"))
    return Judged(tuple(results), tuple(hints), plan.expectations.digest)


def _judge_offences(rule: RequestedRule, offending: int, total: int) -> Finding:
    if not total:
        return Finding(CheckStatus.NOT_JUDGED, rule.allowed, component=rule.label, reason=NO_VALUES)
    share = offending / total
    formula = "offending / judged"
    finding = Finding(CheckStatus.PASSED, rule.allowed, share, m=total, formula=formula, component=rule.label)
    finding = finding.but(decided_by=UPPER_LIMIT, limit=rule.allowed)
    if share > rule.allowed:
        return _report_violation(finding, f"{offending:,} of {total:,} {rule.unit} {rule.fault}")
    return finding


def _report_violation(finding: Finding, reason: str) -> Finding:
    return replace(
        finding,
        status=CheckStatus.VIOLATED,
        reason=reason,
        change=f"{_VERBS.get(finding.component or '', 'has')} {reason}",
        description=NOT_EXPECTED.format(reason),
    )


def _judge_data_set(plan: ExpectationPlan, rows: int) -> Iterator[CheckResult]:
    bounds = plan.expectations.rows
    if bounds is not None:
        low = bounds.min or 0
        high: float = math.inf
        highest: float | None = None
        if bounds.max is not None:
            high = bounds.max
            highest = float(high)
        # The bound that is broken, or the upper one
        bound = float(high)
        if rows < low or highest is None:
            bound = float(low)
        limits = (float(low), highest)
        finding = Finding(CheckStatus.PASSED, bound, float(rows), decided_by=LIMITS, limits=limits, component="rows")
        if not low <= rows <= high:
            maximum = ""
            if highest is not None:
                maximum = f" and at most {high:,}"
            finding = _report_violation(finding, f"{rows:,}, expected are {low:,} or more{maximum}")
        yield finding.result(EXPECTATION, feature=NUMBER_OF_ROWS)
    # Columns that are missing, and columns too many
    for name, level in plan.lacking:
        if level is Severity.ERROR:
            finding = Finding(CheckStatus.PASSED, None, decided_by=PRESENCE, component="column")
            yield _report_violation(finding, "not in the data").result(EXPECTATION, feature=name)
    if plan.extra:
        named = ", ".join(map(repr, plan.extra[:MOST_LISTED_NAMES]))
        if len(plan.extra) > MOST_LISTED_NAMES:
            named += f" and {len(plan.extra) - MOST_LISTED_NAMES} more"
        finding = Finding(CheckStatus.PASSED, 0.0, float(len(plan.extra)), component="columns")
        finding = finding.but(decided_by=UPPER_LIMIT, limit=0.0)
        yield _report_violation(finding, f"{named}, of which there is no rule").result(
            EXPECTATION, feature=EXTRA_COLUMNS
        )
