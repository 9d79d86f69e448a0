"""The result of every check of a run: checks.json, constraint_violations.json, what people decided about alarms, and rows
of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

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
    of numbers went `up` or `down`. distance: the largest gap
    between both distributions; distance_low, distance_high: of the interval that has the true one. smallest_change: what is
    found nine times in ten, of numbers a shift in standard deviations, of texts a difference of shares.
    same_as: of a metric that is another one in other units, the name of that.

    Of a violated one: alarm: the number of its alarm, which other results of the same cause share; 1 is the largest. words: what
    was and what is, without a value of any record. values: categories that these are about, most frequent first. since: when the
    first of the windows in a row that had it began; None if that is this one.

    change: of a violated one what changed, in words that follow the name; of another of drift `smallest_change` in words.

    impact: how bad it is, times the feature's share in what moves the model; None where nobody gave attributions.
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
    reason: Name | None = None
    description: Name | None = None
    against: Name | None = None
    same_as: Name | None = None
    alarm: Count | None = None
    words: Name | None = None
    change: Name | None = None
    values: tuple[Name, ...] | None = None
    since: Name | None = None
    impact: UndefinableNumber = None

    @property
    def is_violation(self) -> bool:
        """Whether it counts as one: what a check beside the others finds stands in checks.json alone."""
        return self.status is CheckStatus.VIOLATED and self.check not in BESIDE


class Hint(Section):
    """What looks wrong with the data and breaks no constraint. hint: the rule's name. features: those it is about, if any."""

    hint: Name
    features: tuple[Name, ...]
    description: Name


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


class CheckResults(Document):
    """checks.json; the data set's own checks first, then by feature in the order of constraints.json, then by check.

    budget: None where chance is not allowed for. hints: None if there are none.
    """

    FILE_NAME: ClassVar[str] = "checks.json"
    MEANT: ClassVar[str] = "checks.json of a monitoring run"

    version: Number = 0.0
    budget: BudgetLedger | None = None
    checks: tuple[CheckResult, ...]
    hints: tuple[Hint, ...] | None = None


# constraint_violations.json: what a monitoring run found that breaks the baseline's constraints.


class Violation(Section):
    """One constraint that is not met.

    feature_name: None in files of monitors that name a metric instead. description: the sentence that clients parse.
    metric_name: of model quality, bias and explainability.
    """

    feature_name: Name | None = None
    constraint_check_type: Name
    description: Name
    metric_name: Name | None = None


class Violations(Document):
    """constraint_violations.json; without violations an empty list (C4.3, C11.7)."""

    FILE_NAME: ClassVar[str] = "constraint_violations.json"
    MEANT: ClassVar[str] = "constraint_violations.json of a monitoring run"

    violations: tuple[Violation, ...] = ()


# summary.parquet and checks.parquet as rows: what a run found of every feature or metric, and the result of every
# check.


FACET_VALUE = "facet_value"
"""The member of a bias check's result that says whose it is, beside the facet."""

LABEL = "label"
"""The member of an attribution check's result that says which of the model's outputs it is about."""

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


def part_of(facet: str, value: str) -> str:
    """What a sensitive group is called."""
    return f"{facet}={value}"


# _decisions/<time>-<run id>.json: a person looked at a run's alarms and says that they are fine.


TWO_SIDED_95 = 1.96

FARTHER = 0.25
"""By so much more of an accepted change it is the same one, where no interval says it: of rows, of a mean."""

OF_VALUES, _TESTS_OF_VALUES = "values", frozenset({"ks", "location", "spread", "chi2", "cell"})


class Decision(Document):
    """One decision. window: the name that the history has for it, None without one. features: those that were named; none of
    all. alarms: what was violated then. by, why: who decided, and the reason, if they said so.
    """

    FILE_NAME: ClassVar[str] = "decision.json"
    MEANT: ClassVar[str] = "a decision of `model-monitor accept`"

    version: Number = 1.0
    run_id: Name
    window: Name | None = None
    features: tuple[Name, ...] = ()
    time: Name
    by: Name | None = None
    why: Name | None = None
    alarms: tuple[CheckResult, ...]

    def covers(self, result: CheckResult) -> bool:
        """Whether a violated result is one of the alarms again: of the same, in the same direction, and no larger."""
        return any(_is_again(result, alarm) for alarm in self.alarms)


def accepted(results: Iterable[CheckResult], decisions: Sequence[Decision]) -> tuple[CheckResult, ...]:
    """The results; what somebody found to be fine before has no verdict."""
    return tuple(_unless_accepted(result, decisions) for result in results)


def _unless_accepted(result: CheckResult, decisions: Sequence[Decision]) -> CheckResult:
    covering = (each for each in decisions if result.status is CheckStatus.VIOLATED and each.covers(result))
    decision = next(covering, None)
    if decision is None:
        return result
    said = [f"accepted at {decision.time}", *([f"by {decision.by}"] if decision.by else [])]
    reason = " ".join(said) + (f": {decision.why}" if decision.why else "")
    return result.model_copy(update={"status": CheckStatus.NOT_JUDGED, "reason": reason, "description": None})


def _is_again(result: CheckResult, alarm: CheckResult) -> bool:
    if whose(result) != whose(alarm) or _kind(result) != _kind(alarm):
        return False
    now, then, limit = _size(result), _size(alarm), 0.0 if alarm.distance is not None else alarm.threshold
    if now is None or then is None or limit is None:
        return now == then
    low, high = _interval(alarm, then, limit)
    return (limit <= now <= high) if then >= limit else (low <= now <= limit)


def _kind(result: CheckResult) -> tuple[str | None, ...]:
    """What is the same in the same alarm. Which test of the values sees a change first is a matter of chance."""
    component = OF_VALUES if result.component in _TESTS_OF_VALUES else result.component
    return result.check, result.against, component, result.direction


def _size(result: CheckResult) -> float | None:
    return result.observed if result.distance is None else result.distance


def _interval(alarm: CheckResult, size: float, limit: float) -> tuple[float, float]:
    """Where the true size may be: the interval of its distance, its own, or that of a share; else what is as far from the limit,
    or by a quarter farther, as the rows of later windows are not the same number.
    """
    if alarm.distance_low is not None and alarm.distance_high is not None:
        return alarm.distance_low, alarm.distance_high
    if alarm.interval is not None:
        return alarm.interval
    if alarm.m and 0 <= size <= 1:
        reach = TWO_SIDED_95 * math.sqrt(size * (1 - size) / alarm.m)
        return size - reach, size + reach
    reach = FARTHER * abs(size - limit)
    return size - reach, size + reach
