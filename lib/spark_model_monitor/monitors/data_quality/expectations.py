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

from spark_model_monitor.data.profiling.expectations import Rule, Rules
from spark_model_monitor.data.profiling.partition import column_type
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
from spark_model_monitor.documents.expectations import (
    Columns,
    Expectations,
    FeatureExpectations,
    Severity,
    time_span,
    whole,
)
from spark_model_monitor.documents.row_rules import columns_of, rule_of
from spark_model_monitor.errors import BadConfiguration, did_you_mean
from spark_model_monitor.monitors.data_quality.messages import EXTRA_COLUMNS, NUMBER_OF_ROWS
from spark_model_monitor.monitors.protocol import NO_VALUES, NOT_EXPECTED, Finding, Judged
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.offences import Offences

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.dataset import Dataset

NAMED = 5  # columns that a sentence names

_VERBS = {"rows": "is", "column": "is", "columns": "are"}  # the verb between what is judged and its fault

UNIQUE = "unique"  # the one rule that takes a pass of its own


@dataclass(frozen=True, slots=True)
class Requested:
    """One rule, and the words for its result.

    name: the column, or the rule about rows. label: which of its rules. fault: what offending values are, in words.
    things: what is counted. allowed: the largest share that may offend.
    """

    name: str
    label: str
    fault: str
    rule: Rule
    allowed: float = 0.0
    level: Severity = Severity.ERROR
    things: str = "values"


@dataclass(frozen=True, slots=True)
class Plan:
    """All rules of a run, bound to the columns of its data.

    lacking: rules about columns of the baseline that the data lacks: name and label. extra: columns that may be absent.
    """

    expectations: Expectations
    asked: tuple[Requested, ...]
    lacking: tuple[tuple[str, Severity], ...] = ()
    extra: tuple[str, ...] = ()
    ids: int | None = None

    @property
    def counted(self) -> tuple[Requested, ...]:
        """The rules that the scan counts."""
        return tuple(each for each in self.asked if each.rule.kind != UNIQUE)

    @property
    def rules(self) -> Rules:
        """The rules that executors count."""
        return Rules(tuple(each.rule for each in self.counted), self.ids)

    @property
    def unique(self) -> tuple[int, ...]:
        """The positions of columns whose values must be unique."""
        return tuple(dict.fromkeys(each.rule.positions[0] for each in self.asked if each.rule.kind == UNIQUE))


def planned(
    expectations: Expectations, dataset: Dataset, known: Sequence[str] = (), end: datetime | None = None
) -> Plan:
    """The rules for a data set. known: the columns of its baseline. end: of its window.

    Raises BadConfiguration, a line for each error: a column that neither the data nor the baseline has, a rule about
    texts for a numeric column, a time span without a window.
    """
    positions = {name: position for position, name in reversed(list(enumerate(dataset.names)))}
    types = _types(dataset)
    faults: list[str] = []
    asked: list[Requested] = []
    lacking: dict[str, Severity] = {}

    def is_there(name: str, where: str, level: Severity) -> bool:
        if name in positions:
            return True
        if name in known:
            lacking.setdefault(name, level)
        else:
            instead = did_you_mean(name, dataset.names, f"the columns are {', '.join(dataset.names[:20])}")
            faults.append(f"expectations: {where}: there is no column {name!r}; {instead}")
        return False

    for name, listed in expectations.features.items():
        for rules in listed:
            if is_there(name, f"features.{name}", rules.level):
                found = list(_plan_column(name, positions[name], rules, end, faults))
                faults += _unfit(name, types.get(name), found)
                asked += found
    for place, each in enumerate(expectations.row_rules):
        tree = rule_of(each.rule)
        names = tuple(dict.fromkeys(columns_of(tree)))
        if all(is_there(name, f"row_rules[{place}]", each.level) for name in names):
            rule = Rule("row", tuple(positions[name] for name in names), (tree, names))
            found = [Requested(each.rule, "row_rule", "that break it", rule, _rest(each.share), each.level, "rows")]
            faults += _unfit(each.rule, next((types[name] for name in names if name in types), None), found)
            asked += found
    if faults:
        raise BadConfiguration.gathered(list(dict.fromkeys(faults)))
    of_rows = (name for each in asked if each.things == "rows" for name in each.rule.operand[1])
    of_rules = {*expectations.features, *of_rows}
    closed = expectations.columns is Columns.CLOSED
    extra = tuple(name for name in dataset.names if closed and name not in of_rules)
    return Plan(expectations, tuple(asked), tuple(lacking.items()), extra, positions.get(INFERENCE_ID))


def _types(dataset: Dataset) -> Mapping[str, ColumnType]:
    """The types, by name, of columns whose cells are not texts; empty for lines, whose cells are."""
    if dataset.lines is not None:
        return {}
    schema = dataset.table.schema
    return {name: column_type(schema.field(f"c{place}").type) for place, name in enumerate(dataset.names)}


_NUMBERS = (ColumnType.INTEGRAL, ColumnType.FRACTIONAL)
_UNJUDGED = (ColumnType.VECTOR, ColumnType.NESTED)


def _unfit(name: str, found: ColumnType | None, asked: Sequence[Requested]) -> Iterator[str]:
    for each in asked:
        if found in _UNJUDGED and each.rule.kind != "not_null":
            yield f"expectations: {name}: {each.label} is of single values, and a column is {found.value}; leave not_null"
        elif found in _NUMBERS and each.rule.kind in ("matches", "length"):
            yield f"expectations: {name}: {each.label} is of texts, and the column is {found.value}; write min, max or in"


def _plan_column(
    name: str, position: int, rules: FeatureExpectations, end: datetime | None, faults: list[str]
) -> Iterator[Requested]:
    def asks(kind: str, operand: Any, label: str, fault: str, allowed: float | None = None) -> Requested:
        rest = _rest(rules.share) if allowed is None else allowed
        return Requested(name, label, fault, Rule(kind, (position,), operand), rest, rules.level)

    if rules.min is not None or rules.max is not None:
        low = -math.inf if rules.min is None else rules.min
        high = math.inf if rules.max is None else rules.max
        bounds = [f"{word} {bound:g}" for word, bound in (("min", low), ("max", high)) if math.isfinite(bound)]
        wanted = {"min": f"{low:g} or more", "max": f"{high:g} or less"}.get(bounds[0][:3], "")
        if len(bounds) == 1:
            within = wanted
        else:
            within = f"from {low:g} to {high:g}"
        yield asks("range", (low, high), ", ".join(bounds), f"not {within}")
    if rules.domain is not None:
        size = len(rules.domain)
        yield asks("in", _normalize_values(rules.domain), f"in {size}", f"not among the {size} allowed")
    if rules.matches is not None:
        yield asks("matches", whole(rules.matches), f"matches {rules.matches}", "unlike the pattern")
    if rules.type is not None:
        yield asks("type", rules.type.value, f"type {rules.type.value}", f"not {rules.type.value}")
    if rules.length is not None:
        least = rules.length.min or 0
        if rules.length.max is None:
            most = math.inf
        else:
            most = rules.length.max
        if least == most:
            wanted = f"{least}"
        elif math.isinf(most):
            wanted = f"{least} or more"
        else:
            wanted = f"{least} to {most:g}"
        yield asks("length", (least, most), f"length {wanted}", f"not of {wanted} characters")
    if rules.not_null is not None:
        yield asks("not_null", None, f"not_null {rules.not_null:g}", "missing", _rest(rules.not_null))
    if rules.unique:
        yield asks(UNIQUE, None, UNIQUE, "there more than once")
    for value, share in (rules.max_share_of or {}).items():
        fault = f"equal to {value!r}, at most {share:g} of them are expected"
        yield asks("max_share_of", _normalize_values([value]), f"max_share_of {value}", fault, share)
    if rules.newer_than is not None:
        since = _moment(rules.newer_than, end)
        if since is None:
            faults.append(
                f"expectations: features.{name}.newer_than is {rules.newer_than!r}, before the end of a window, and the run "
                "has none; write --start-time and --end-time, or a time"
            )
        else:
            micros = (since - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(microseconds=1)
            yield asks("newer_than", micros, f"newer_than {rules.newer_than}", f"not after {since:%Y-%m-%dT%H:%M:%SZ}")


def _rest(share: float | None) -> float:
    """The share that may offend, given the share that must meet a rule."""
    if share is None:
        return 0.0
    return round(1 - share, 12)


def _moment(text: str, end: datetime | None) -> datetime | None:
    if text.startswith("P"):
        if end is None:
            return None
        return end - time_span(text)
    return parse_time(text if "T" in text or " " in text else f"{text}T00:00:00Z")


def _normalize_values(values: Sequence[str | bool | float]) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Values as texts, and numbers, or texts of numbers, as numbers."""
    texts = tuple(value for value in values if isinstance(value, str))
    for value in values:
        if isinstance(value, bool):
            word = str(value)
            texts += (word.lower(), word, word.upper())
    written = parse_numbers(pa.array(texts, pa.string())).tolist()
    numbers = [float(value) for value in values if not isinstance(value, str | bool)]
    return texts, (*numbers, *(number for number in written if not math.isnan(number)))


# The results of the rules.


def expectation_results(
    plan: Plan, offences: Offences, rows: int, repeated: Mapping[int, int], present: Mapping[int, int]
) -> Judged:
    """The results of the rules: unmet errors as violations, and unmet warnings as hints.

    rows: of the data. repeated, present: by column position, the rows whose value recurs, and those with a value.
    """
    results: list[CheckResult] = list(_data_set_results(plan, rows))
    hints: list[Hint] = []
    counted = iter(zip(offences.offending, offences.judged, offences.ids, strict=True))
    for each in plan.asked:
        ids: tuple[str, ...] = ()
        if each.rule.kind == UNIQUE:
            position = each.rule.positions[0]
            finding = _judge_offences(each, repeated[position], present[position])
        else:
            offending, total, ids = next(counted)
            finding = _judge_offences(each, offending, total)
        if each.level is Severity.ERROR:
            results.append(finding.result(EXPECTATION, feature=each.name).model_copy(update={"ids": ids or None}))
        elif finding.status is CheckStatus.VIOLATED:
            if each.things == "values":
                names = (each.name,)
            else:
                names = each.rule.operand[1]
            hints.append(Hint(hint="expectation", features=names, description=f"{each.name}: {finding.reason}"))
    return Judged(tuple(results), tuple(hints), plan.expectations.digest)


def _judge_offences(asked: Requested, offending: int, total: int) -> Finding:
    if not total:
        return Finding(CheckStatus.NOT_JUDGED, asked.allowed, component=asked.label, reason=NO_VALUES)
    share = offending / total
    formula = "offending / judged"
    finding = Finding(CheckStatus.PASSED, asked.allowed, share, m=total, formula=formula, component=asked.label)
    finding = finding.but(decided_by=UPPER_LIMIT, limit=asked.allowed)
    if share > asked.allowed:
        return _violated(finding, f"{offending:,} of {total:,} {asked.things} {asked.fault}")
    return finding


def _violated(finding: Finding, reason: str) -> Finding:
    return replace(
        finding,
        status=CheckStatus.VIOLATED,
        reason=reason,
        change=f"{_VERBS.get(finding.component or '', 'has')} {reason}",
        description=NOT_EXPECTED.format(reason),
    )


def _data_set_results(plan: Plan, rows: int) -> Iterator[CheckResult]:
    bounds = plan.expectations.rows
    if bounds is not None:
        low = bounds.min or 0
        high = math.inf if bounds.max is None else bounds.max
        bound = float(low if rows < low or math.isinf(high) else high)
        limits = float(low), None if math.isinf(high) else float(high)
        finding = Finding(CheckStatus.PASSED, bound, float(rows), decided_by=LIMITS, limits=limits, component="rows")
        if not low <= rows <= high:
            if math.isinf(high):
                most = ""
            else:
                most = f" and at most {high:,}"
            finding = _violated(finding, f"{rows:,}, expected are {low:,} or more{most}")
        yield finding.result(EXPECTATION, feature=NUMBER_OF_ROWS)
    for name, level in plan.lacking:
        if level is Severity.ERROR:
            finding = Finding(CheckStatus.PASSED, None, decided_by=PRESENCE, component="column")
            yield _violated(finding, "not in the data").result(EXPECTATION, feature=name)
    if plan.extra:
        if len(plan.extra) > NAMED:
            more = f" and {len(plan.extra) - NAMED} more"
        else:
            more = ""
        named = ", ".join(map(repr, plan.extra[:NAMED])) + more
        finding = Finding(CheckStatus.PASSED, 0.0, float(len(plan.extra)), component="columns")
        finding = finding.but(decided_by=UPPER_LIMIT, limit=0.0)
        yield _violated(finding, f"{named}, of which there is no rule").result(EXPECTATION, feature=EXTRA_COLUMNS)
