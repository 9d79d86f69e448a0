"""checks.json: the result of every check of a monitoring run, with its numbers, whether it was violated or not.

Ours; the service writes the violations only. Driver only, pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.document import Document, Section
from model_monitor.documents.values import Count, Name, Number, UndefinableNumber


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
    FOREIGN: ClassVar[Mapping[str, str]] = {
        "violations": "a constraint_violations.json",
        "monitoring_config": "a constraints.json",
        "dataset": "a statistics.json",
    }

    version: Number = Field(default=0.0)
    budget: BudgetLedger | None = None
    checks: tuple[CheckResult, ...]
    hints: tuple[Hint, ...] | None = None
