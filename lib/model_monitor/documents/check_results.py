"""The result of every check of a run: checks.json, constraint_violations.json, rows of all, and alarms: one change is one alarm,
violations with one cause, in words. Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from model_monitor.documents.document import Count, Document, Name, Number, Section, UndefinableNumber


class CheckStatus(Enum):
    """What became of a check."""

    VIOLATED = "violated"
    PASSED = "passed"
    NOT_JUDGED = "not judged"
    CANNOT_TELL = "cannot tell"
    """Nothing broke a limit, and something may have changed that so few rows, or so little history, can't show."""


WORST_FIRST = (CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL, CheckStatus.PASSED, CheckStatus.NOT_JUDGED)


BESIDE = frozenset({"attribution_change_check"})
"""Checks whose findings are no violations of a run and alarm nobody. Source: E6.2."""


class SegmentPart(Section):
    """What a segment adds to a distance. cut: the way that the rows are cut. rows: its share of the window's.

    within: as values changed in it. mix: as its share of the rows did.
    """

    cut: Name
    segment: Name
    rows: Number
    within: Number
    mix: Number


class Cause(Section):
    """What is the same about the rows behind a change. key: what tells them from others, as file, time, or a member of captures.

    words: without a value of any record. value: the one that all of them have. share: of the change. rows: their share of all.
    p: by chance alone, for all keys that were looked at.
    """

    key: Name
    words: Name
    value: Name | None = None
    share: Number
    rows: Number
    p: Number


class CheckResult(Section):
    """One check of one feature or metric.

    feature: its name, or what violations of the whole data set are called. metric: its name in statistics.json, where a
    metric was checked. check: its `constraint_check_type`. observed: the share, distance, p-value or number that was held
    against `threshold`; None if there is none. interval: its ends, if it has one. threshold: None where the baseline left it
    undefined. n, m: how many values of the baseline and of the current data it was made from. formula: how. method: of drift, as
    constraints.json calls it. ties: `lost` if equal values were counted once, as the service did. statistic,
    degrees_of_freedom: of a test that has them. reason: why the check is not judged, or what else has to be known of its
    status. description: the violation's text, None unless violated. against: of a comparator, what it compares with.

    Where chance is allowed for: p: of the check's own test; adjusted_p: for the columns that were tested with it. component: the
    test of a column that is least likely by chance; effect: how large what it saw is, as a share. direction: whether the mean
    of numbers went `up` or `down`, or where one value stands for missing ones, on which side of the baseline's mean that is.
    distance: the largest gap between both distributions; distance_low, distance_high: of the interval that has the true one.
    smallest_change: what is found nine times in ten, of numbers a shift in standard deviations, of texts a difference of shares;
    smallest_lasting: of one that stays for a day, where earlier windows tell. fewest: of a share that the guard looks at the
    fewest values of the window that would be a violation; None if not even all would.
    same_as: of a metric that is another one in other units, the name of that.

    Of a violated one: alarm: the number of its alarm, which other results of the same cause share; 1 is the largest. words: what
    was and what is, without a value of any record. values: categories that these are about, most frequent first. since: when the
    first of the windows in a row that had it began; None if that is this one. Where the status is another one, the alarm of the
    window before is not over.

    change: of a violated one what changed, in words that follow the name; of another of drift `smallest_change` in words.

    impact: how bad it is, times the feature's share in what moves the model; None where nobody gave attributions.

    ids: of an expectation the first records that offend, where records have ids.

    segment: which one a check is of, or a change is in. where: in words. parts: of a distance what each segment adds to it.

    guess: of a violated one what it may have become, as a person would guess first. cause: what is the same about its rows, the
    clearest first. hour: what earlier days say of drift at this one: `usual`, `recurring` of an alarm that came then, too,
    `open` of what would be one were more of them known, `said` where drift beside that hour is violated.
    """

    feature: Name | None = None
    metric: Name | None = None
    check: Name
    status: CheckStatus
    observed: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    threshold: UndefinableNumber
    n: Count | None = None
    m: Count | None = None
    formula: Name | None = None
    method: Name | None = None
    ties: Name | None = None
    statistic: UndefinableNumber = None
    degrees_of_freedom: Count | None = None
    p: UndefinableNumber = None
    adjusted_p: UndefinableNumber = None
    component: Name | None = None
    effect: UndefinableNumber = None
    direction: Name | None = None
    distance: UndefinableNumber = None
    distance_low: UndefinableNumber = None
    distance_high: UndefinableNumber = None
    smallest_change: UndefinableNumber = None
    smallest_lasting: UndefinableNumber = None
    fewest: Count | None = None
    reason: Name | None = None
    description: Name | None = None
    against: Name | None = None
    same_as: Name | None = None
    alarm: Count | None = None
    words: Name | None = None
    change: Name | None = None
    values: tuple[Name, ...] | None = None
    since: Name | None = None
    hour: Name | None = None
    impact: UndefinableNumber = None
    ids: tuple[Name, ...] | None = None
    segment: Name | None = None
    where: Name | None = None
    parts: tuple[SegmentPart, ...] | None = None
    guess: Name | None = None
    cause: tuple[Cause, ...] | None = None

    @property
    def is_violation(self) -> bool:
        """Whether it counts as one: what a check beside the others finds stands in checks.json alone."""
        return self.status is CheckStatus.VIOLATED and self.check not in BESIDE


UNREAD_NAMED = 5  # members that one hint names; the rest are counted


class Hint(Section):
    """What looks wrong with the data and breaks no constraint. hint: the rule's name. features: those it is about, if any."""

    hint: Name
    features: tuple[Name, ...]
    description: Name

    @classmethod
    def of_unread(cls, constraints: Document) -> tuple[Hint, ...]:
        """That somebody wrote members into the constraints that nothing reads; none if all are known."""
        found = [*constraints.unknown_members()]
        more = f"; and {len(found) - UNREAD_NAMED} more" if len(found) > UNREAD_NAMED else ""
        said = f"of {constraints.FILE_NAME} nothing reads: {'; '.join(found[:UNREAD_NAMED])}{more}"
        return (cls(hint="unknown_members", features=(), description=said),) if found else ()


class Family(Section):
    """Checks that share a part of the budget. level: that part. tests: how many checks share it."""

    family: Name
    level: Number
    tests: Count


class BudgetLedger(Section):
    """Who may raise how many false alarms: the levels of the families add up to the budget. rows: as constraints.json has it."""

    false_alarm_budget: Number
    rows: Name
    families: tuple[Family, ...]

    @classmethod
    def of_one(cls, family: str, budget: float, tests: int) -> BudgetLedger:
        """One family, which has all of the budget, of independent rows. Source: D4.6."""
        found = Family(family=family, level=budget, tests=tests)
        return cls(false_alarm_budget=budget, rows="independent", families=(found,))


class CheckResults(Document, file="checks.json", meant="checks.json of a monitoring run"):
    """checks.json; the data set's own checks first, then by feature in the order of constraints.json, then by check.

    budget: None where chance is not allowed for. hints: None if there are none.
    """

    version: Number = 0.0
    budget: BudgetLedger | None = None
    checks: tuple[CheckResult, ...]
    hints: tuple[Hint, ...] | None = None


class Violation(Section):
    """One constraint that is not met.

    feature_name: None in files of monitors that name a metric instead. description: the sentence that clients parse.
    metric_name: of model quality, bias and explainability.
    """

    feature_name: Name | None = None
    constraint_check_type: Name
    description: Name
    metric_name: Name | None = None


class Violations(Document, file="constraint_violations.json", meant="constraint_violations.json of a monitoring run"):
    """constraint_violations.json; without violations an empty list (C4.3, C11.7)."""

    violations: tuple[Violation, ...] = ()


FACET_VALUE = "facet_value"  # the member of a bias check's result that says whose it is, beside the facet
LABEL = "label"  # the member of an attribution check's result that says which of the model's outputs it is about

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Bins = Mapping[str, Sequence[Any]]
"""What a baseline's shares are counted in, by feature: the ends of 20 bins of equal width, or its most frequent values."""


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """A feature, a metric, a metric of a group, or a feature's attribution.

    part: whose metric it is, as `facet=value`, or the output; else empty. kind: `number`, `category`, `metric`, `bias` or
    `attribution`. quantiles, shares: of `QUANTILES`, and in the baseline's bins; None where they are not known. value, low,
    high: of a metric.
    """

    name: str
    part: str = ""
    kind: str = "metric"
    present: int | None = None
    missing: int | None = None
    distinct: int | None = None
    mean: float | None = None
    sd: float | None = None
    min: float | None = None
    max: float | None = None
    quantiles: Sequence[float] | None = None
    shares: Sequence[float] | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run is like, in rows. bins: those of its baseline, or of itself without one."""

    rows: tuple[SummaryRow, ...] = ()
    bins: Bins = field(default_factory=dict)


def whose(result: CheckResult) -> tuple[str, str]:
    """The name and the part that a check's result is of, as summaries have them."""
    members = result.model_extra or {}
    value = members.get(FACET_VALUE)
    part = str(members.get(LABEL, "")) if value is None else part_of(result.feature or "", str(value))
    return result.metric or result.feature or "", part


def name_of(result: CheckResult) -> str:
    """What a check's result is of, as histories of runs call it."""
    return shown_name(*whose(result))


def shown_name(name: str, part: str) -> str:
    """A summary's name and part together."""
    return f"{name} ({part})" if part else name


def part_of(facet: str, value: str) -> str:
    """What a sensitive group is called."""
    return f"{facet}={value}"


COMPLETENESS = "completeness_check"
EXPECTATION = "expectation_check"

OF_THE_WINDOW = "the window"
NAMED = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """The violations of one cause, the one that says it first."""

    results: tuple[CheckResult, ...]

    @property
    def since(self) -> str | None:
        """When the first of the windows in a row that have it began; None if that is this one."""
        return min((result.since for result in self.results if result.since), default=None)

    def sentence(self, *, with_values: bool = True) -> str:
        """What was, what is, since when, without a full stop. with_values: whether values of records are named, too."""
        first, *others = self.results
        said = (first.words or plain_words(first)) + (_values(first) if with_values else "")
        alike = [name for name in dict.fromkeys(map(cause, others)) if name != cause(first)]
        also = {each.metric or check_in_words(each): _values(each) if with_values else "" for each in others}
        also.pop(first.metric or check_in_words(first), None)
        said += f"; the same of {some_of(alike)}" if alike else ""
        said += f"; also {some_of([name + values for name, values in also.items()])}" if also else ""
        return said + (f"; since {self.since}" if self.since else "")


def in_alarms(results: Iterable[CheckResult], since: Mapping[str, str]) -> tuple[CheckResult, ...]:
    """The results; violated ones have the number of their alarm, 1 of the largest, words, and since when there is that alarm.

    since: by cause, of the window before.
    """
    results = tuple(results)
    causes: dict[str, list[CheckResult]] = {}
    for result in results:
        if result.is_violation:
            causes.setdefault(cause(result), []).append(result)
    alarms: dict[Hashable, list[CheckResult]] = {}
    for name, found in causes.items():
        lacking = (each for each in found if each.check == COMPLETENESS)
        # most likely the same rows lack all of them
        key = next(((each.check, each.observed, each.m) for each in lacking), name)
        alarms.setdefault(key, []).extend(found)
    ordered = sorted(alarms.values(), key=lambda found: -max(map(excess, found)))
    numbers = {id(result): number for number, found in enumerate(ordered, start=1) for result in found}

    def told(result: CheckResult) -> CheckResult:
        if result.status is not CheckStatus.VIOLATED:
            return result.model_copy(update={"since": since.get(cause(result))}) if result.since else result
        known = [time for time in (since.get(cause(result)), result.since) if time]
        members: dict[str, Any] = {"since": min(known, default=None)}
        if id(result) in numbers:
            members |= {"alarm": numbers[id(result)], "words": result.words or plain_words(result)}
        return result.model_copy(update=members)

    return tuple(map(told, results))


def since_of(results: Iterable[CheckResult], began: str) -> dict[str, str]:
    """Since when each cause is there, the largest alarm first, for the window that follows one which `began` then."""
    found = (each for each in results if each.status is CheckStatus.VIOLATED or each.since)
    return {cause(each): each.since or began for each in sorted(found, key=lambda each: each.alarm or float("inf"))}


def alarms_of(results: Iterable[CheckResult]) -> list[Alarm]:
    """The alarms of a run, the largest first."""
    found: dict[int, list[CheckResult]] = {}
    for result in results:
        if result.alarm is not None:
            found.setdefault(result.alarm, []).append(result)
    return [Alarm(_first_said_first(found[number])) for number in sorted(found)]


def cause(result: CheckResult) -> str:
    """Whose change it is, in the same words in every window: a feature, or one metric of those that say the same."""
    name, part = whose(result)
    name = result.same_as or name or OF_THE_WINDOW
    return f"{name} of {part}" if part else name


def by_cause(results: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """The violated ones by their cause, the largest first."""
    found: dict[str, list[CheckResult]] = {}
    violated = (each for each in results if each.status is CheckStatus.VIOLATED)
    for each in sorted(violated, key=lambda each: (each.alarm or float("inf"), -excess(each))):
        found.setdefault(cause(each), []).append(each)
    return list(found.values())


def excess(result: CheckResult) -> float:
    """How bad it is: how far the observed number is beyond its threshold, in units of the threshold where that is above 1, and
    at most 1. So shares, distances and p-values are comparable as they are. Without a number it is as bad as can be; what a test
    saw is as large as its distance or effect. Where attributions are at hand, by impact.
    """
    if result.impact is not None:
        return result.impact
    if result.adjusted_p is not None:
        return max(result.distance or 0.0, min(result.effect or 0.0, 1.0))
    if result.observed is None or result.threshold is None:
        return 1.0
    return min(abs(result.observed - result.threshold) / max(1.0, abs(result.threshold)), 1.0)


def plain_words(result: CheckResult) -> str:
    """What a violated check found, as far as its own numbers say it."""
    name, part = whose(result)
    subject = " of ".join(word for word in (name or OF_THE_WINDOW, part) if word)
    if result.check == EXPECTATION:
        return f"{subject}: {result.reason}"
    if result.observed is None or result.threshold is None:
        return f"{subject}: {check_in_words(result)}"
    now, asked = f"{result.observed:,.4g}", f"{result.threshold:,.4g}"
    if result.check in _OPERATORS:
        return f"{subject} is {now}, the baseline asks for {_OPERATORS[result.check]} {asked}"
    if result.check == "bias_drift_check":
        return f"{subject} is {now}, it was {asked} in the baseline"
    return f"{subject}: {check_in_words(result)}, {now} where the baseline asks for {asked}"


def check_in_words(result: CheckResult) -> str:
    """`completeness` of `completeness_check`."""
    return result.check.removesuffix("_check").replace("_", " ")


_OPERATORS = {"LessThanThreshold": "at least", "GreaterThanThreshold": "at most"}


def _first_said_first(alarm: list[CheckResult]) -> tuple[CheckResult, ...]:
    """What several features have in common, else the largest."""
    common = len({*map(cause, alarm)}) > 1
    return tuple(sorted(alarm, key=lambda each: (common and each.check != COMPLETENESS, -excess(each))))


def _values(result: CheckResult) -> str:
    return f" ({', '.join(map(repr, result.values))})" if result.values else ""


def some_of(names: Sequence[str], most: int = NAMED) -> str:
    """The first of some names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")
