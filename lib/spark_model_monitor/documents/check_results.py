"""The results of all checks of a run: checks.json, and constraint_violations.json. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeAlias

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.document import Count, Document, Flag, Name, Number, Section, UndefinableNumber
from spark_model_monitor.documents.outcome import FeatureOutcome, Outcome
from spark_model_monitor.value_class import value_class


class CheckStatus(Enum):
    """The verdict of a check."""

    VIOLATED = "violated"
    PASSED = "passed"
    NOT_JUDGED = "not judged"
    CANNOT_TELL = "cannot tell"
    """Not violated, but a change that matters may have been missed: `reason` says why, `advice` what to do."""


WORST_FIRST = (CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL, CheckStatus.PASSED, CheckStatus.NOT_JUDGED)


LOWER_LIMIT = "lower limit"
UPPER_LIMIT = "upper limit"
LIMITS = "limits"
INTERVAL = "interval"  # both ends of `interval`; it is violated if both lie beyond the same one of `limits`
PRESENCE = "presence of the column"  # something exists or doesn't, without a number
ASSERTION = "assertion"  # a condition holds or doesn't, without a number
INFINITE = "infinite value"  # an infinite value is beyond every limit, and JSON has no number for it
FISHER = "Fisher's exact test"
GEOMETRIC = "geometric law of stretches"
STUDENT = "Student's t-test"
CHI_SQUARE = "Pearson's chi-square test"
HOTELLING = "Hotelling's test"
NORMAL = "normal test"
"""Values of `decided_by`: what decides a check. A test that only one monitor has is named there."""


BESIDE = frozenset({"attribution_change_check"})
"""Checks that never count as violations of a run and never raise an alarm. Source: E6.2."""


ONE_SEGMENT = "one segment of "  # the cut follows; the segment itself is named only where values may be shown
IN_SEGMENT = f"in {ONE_SEGMENT}"  # the beginning of `where` in the result of a single segment
SEGMENT_DRIFT = "segment_drift_check"

COMPLETENESS = "completeness_check"
DRIFT = "baseline_drift_check"
CODE_CHECKS = frozenset({"code_length_check", "text_form_check"})
"""Checks of how codes are written. Models seldom use this, so of two large changes, the other one comes first."""

EXPECTATION = "expectation_check"
ROW_RULE = "row_rule"
DQDL = "dqdl"
RULES_OF_ROWS = frozenset({ROW_RULE, DQDL})
"""The components of rules whose text is stored as the feature."""
LIMIT_DECIDES = "your limit {limit} decides"
WITHIN_LIMIT = "moved, within your limit {limit}"
"""Reasons for a feature that changed beyond chance: a person's own limit is violated, or the change is within it."""

FACET_VALUE = "facet_value"  # member of a bias check's result: the facet's sensitive value
LABEL = "label"  # member of an attribution check's result: the model's output
WITHOUT_GROUP = frozenset({"GE"})
"""Bias metrics of all rows: their results are the same for every group, and so they are one subject."""


class SegmentPart(Section):
    """A segment's contribution to a distance.

    cut: how rows are divided into segments.
    rows: the segment's share of the window's rows.
    within: the part of the distance that comes from changed values in the segment.
    mix: the part that comes from the segment's changed share of rows.
    """

    cut: Name
    segment: Name
    rows: Number
    within: Number
    mix: Number


class Cause(Section):
    """What the rows that changed have in common.

    key: the property by which rows were grouped: file, time, a member of the capture, ….
    words: a description without values of records.
    value: the value of the property that these rows share.
    share: their share of the change.
    rows: their share of all rows.
    p: the p-value, adjusted for all properties tried.
    """

    key: Name
    words: Name
    value: Name | None = None
    share: Number
    rows: Number
    p: Number


@value_class(slots=False, kw_only=True)
class Subject:
    """The subject of a check.

    feature: its name, or the name that the service uses for violations of the whole data set.
    metric: its name in statistics.json, if a metric was checked.
    check: the check's `constraint_check_type`.
    """

    feature: Name | None = None
    metric: Name | None = None
    check: Name


@value_class(slots=False)
class CheckDecision:
    """The verdict, and the test that decided it.

    decided_by: the test, or the kind of limit; None if nothing was judged. A check is violated if all conditions hold whose
        numbers are given here and in `CheckNumbers`: the p-value (adjusted_p, or else p) is at most level; effect is at least
        least_effect; observed is below limit (`lower limit`) or above it (`upper limit`), or outside of limits; for
        `interval`, both of its ends are beyond the same one of limits.
    statistic, degrees_of_freedom: of a test that has them.
    adjusted_p: p adjusted for the columns that are tested together.
    component: if p combines several tests of a column, the test with the smallest p-value; decided_by, statistic and
        effect belong to it.
    direction: whether the mean of numbers went `up` or `down`; for the component `missing`, the share of missing
        values.
    """

    status: CheckStatus
    decided_by: Name | None = None
    statistic: UndefinableNumber = None
    degrees_of_freedom: Count | None = None
    p: UndefinableNumber = None
    adjusted_p: UndefinableNumber = None
    level: UndefinableNumber = None
    component: Name | None = None
    effect: UndefinableNumber = None
    least_effect: UndefinableNumber = None
    direction: Name | None = None

    # Findings that have no subject yet have this property, too
    @property
    def is_violated(self) -> bool:
        return self.status is CheckStatus.VIOLATED

    @property
    def has_passed(self) -> bool:
        return self.status is CheckStatus.PASSED

    @property
    def is_judged(self) -> bool:
        return self.status is not CheckStatus.NOT_JUDGED

    @property
    def decisive_p_value(self) -> float | None:
        """The p-value that is compared with the level: the adjusted one if several columns are tested together."""
        if self.adjusted_p is None:
            return self.p
        return self.adjusted_p

    @property
    def is_unsure(self) -> bool:
        """Whether a change that matters may have been missed."""
        return self.status is CheckStatus.CANNOT_TELL


@value_class(slots=False)
class CheckNumbers:
    """The measured number, and the limits.

    observed: the share, distance, p-value or number that is compared with `threshold`; None if there is none.
    interval: the ends of its interval, if it has one.
    threshold: None if the baseline left it undefined.
    n, m: the numbers of baseline values and current values.
    formula: how observed was computed.
    """

    limit: UndefinableNumber = None
    limits: tuple[UndefinableNumber, UndefinableNumber] | None = None
    observed: UndefinableNumber = None
    interval: tuple[Number, Number] | None = None
    threshold: UndefinableNumber = None
    n: Count | None = None
    m: Count | None = None
    formula: Name | None = None


@value_class(slots=False)
class DriftEvidence:
    """The distance between two distributions, and the smallest change that would be detected.

    method: the drift method, as in constraints.json.
    ties: `lost` if equal values were counted once, as the service did.
    distance: the largest gap between the two cumulative distributions.
    distance_low, distance_high: the ends of its confidence interval.
    smallest_change: the change that is detected with 90 % power: for numbers a shift in standard deviations, for texts a
        difference of shares.
    fewest: for a limit of a share, the smallest number of the window's values outside it that would be a violation; None if
        even all values would be none.
    against: the reference with which a comparator compared the window.
    """

    method: Name | None = None
    ties: Name | None = None
    distance: UndefinableNumber = None
    distance_low: UndefinableNumber = None
    distance_high: UndefinableNumber = None
    smallest_change: UndefinableNumber = None
    fewest: Count | None = None
    against: Name | None = None


@value_class(slots=False)
class CheckReasons:
    """The reasons for the status.

    reason: why the check is not judged, or a remark on its status.
    accepted: whether a person accepted this change; the reason then says who, when and why.
    advice: what to do if the check can't tell.
    possible_change: whether there is a change that may be chance.
    description: the text of the violation; None if there is no violation.
    """

    reason: Name | None = None
    advice: Name | None = None
    possible_change: Flag | None = None
    accepted: Flag | None = None
    description: Name | None = None


@value_class(slots=False)
class AlarmDetails:
    """What alarms, pages and mails say of a change.

    same_as: the metric that this one repeats in other units.
    alarm: the number of its alarm, the same for all results with one cause; 1 is the largest.
    words: what it was and what it is now, without values of records.
    change: for a violation, what changed, in words that follow the name; for other drift, `smallest_change` in words.
    values: the categories concerned, most frequent first.
    since: the beginning of the first consecutive window with this violation; None if this window is the first.
    hour: what earlier days say about drift at this hour: `usual`; `recurring`: an alarm that occurred at this hour before;
        `open`: would be recurring if more days were known; `said`: drift relative to this hour is violated; `new`: a
        change that this hour may explain, in the first days of a schedule.
    impact: the severity multiplied by the feature's share of attribution; None without attributions.
    """

    same_as: Name | None = None
    alarm: Count | None = None
    words: Name | None = None
    change: Name | None = None
    values: tuple[Name, ...] | None = None
    since: Name | None = None
    hour: Name | None = None
    impact: UndefinableNumber = None


@value_class(slots=False)
class RuleDetails:
    """Details of a user's rule.

    ids: the ids of the first records that break it, if records have ids.
    labels: the labels of a rule in DQDL.
    metrics: its numbers by name; later runs compare theirs with these.
    """

    ids: tuple[Name, ...] | None = None
    labels: Mapping[Name, str] | None = None
    metrics: Mapping[Name, Number] | None = None


@value_class(slots=False)
class Origin:
    """The rows in which the change happened.

    segment: the segment that was checked, or that has the change.
    where: the location in words.
    parts: each segment's part of a distance.
    guess: for a violation, the most likely explanation.
    cause: what the changed rows have in common, the clearest first.
    """

    segment: Name | None = None
    where: Name | None = None
    parts: tuple[SegmentPart, ...] | None = None
    guess: Name | None = None
    cause: tuple[Cause, ...] | None = None


# The configuration of sections freezes this class like its parts, but mypy doesn't read the configuration
class CheckResult(  # type: ignore[misc]
    Section, Origin, RuleDetails, AlarmDetails, CheckReasons, DriftEvidence, CheckNumbers, CheckDecision, Subject
):
    """The result of one check of one feature or metric: an entry of checks.json, whose members are those of its parts."""

    @property
    def is_violation(self) -> bool:
        """Whether it counts as a violation; results of the checks in BESIDE appear in checks.json only."""
        return self.is_violated and self.check not in BESIDE

    @property
    def observes_p_value(self) -> bool:
        """Whether `observed` is the p-value of a drift method (one with degrees of freedom), not a distance."""
        return self.degrees_of_freedom is not None

    @property
    def is_rule_of_rows(self) -> bool:
        """Whether it is a user's rule about several columns or all rows. Its text is then stored as the feature."""
        return self.check == EXPECTATION and self.component in RULES_OF_ROWS

    @property
    def is_skipped_rule(self) -> bool:
        """Whether it is a rule that was not evaluated, which the run's options allow."""
        return self.check == EXPECTATION and self.is_unsure

    @property
    def counts_for_outcome(self) -> bool:
        """Whether it affects its feature's outcome: it is judged, and it is a violation or about all rows."""
        if not self.is_judged or self.check in BESIDE:
            return False
        # A segment may be too small for a verdict, which says nothing about all rows
        return self.is_violation or not self.is_of_one_segment

    @property
    def is_of_one_segment(self) -> bool:
        """Whether it is about the rows of only one segment."""
        return self.check == SEGMENT_DRIFT or (self.where or "").startswith(IN_SEGMENT)

    @property
    def subject(self) -> tuple[str, str]:
        """The name and the part of its subject, as in summaries."""
        members = self.model_extra or {}
        value = members.get(FACET_VALUE)
        # Bias results have a group and attribution results have an output; other results have neither
        if value is None or self.metric in WITHOUT_GROUP:
            part = str(members.get(LABEL, ""))
        else:
            part = format_group(self.feature or "", str(value))
        return self.metric or self.feature or "", part

    @property
    def full_name(self) -> str:
        """The name in histories of runs."""
        return join_name(*self.subject)

    @property
    def severity(self) -> float:
        """The severity from 0 to 1, or the impact if there are attributions.

        It is |observed - threshold| / max(1, |threshold|), at most 1, so that shares, distances and p-values are comparable. It
        is 1 without a number, the larger of distance and effect for a test, and half as much for checks of how codes are written.
        """
        # If attributions are known, the impact includes them
        if self.impact is not None:
            return self.impact
        # For a test the size of the change counts, because its p-value depends on the number of rows
        if self.adjusted_p is not None:
            return max(self.distance or 0.0, min(self.effect or 0.0, 1.0))
        # Without a number, as for a missing column, the severity is the highest
        if self.observed is None or self.threshold is None:
            return 1.0
        # Large thresholds, such as numbers of rows, are divided out
        severity = min(abs(self.observed - self.threshold) / max(1.0, abs(self.threshold)), 1.0)
        if self.check in CODE_CHECKS:
            return severity / 2
        return severity


def join_name(name: str, part: str) -> str:
    """A summary's name and part in one text."""
    return f"{name} ({part})" if part else name


def format_group(facet: str, value: str) -> str:
    """The name of a sensitive group, as `facet=value`."""
    return f"{facet}={value}"


WINDOW_NAME = "the window"


def name_cause(result: CheckResult) -> str:
    """The name of what changed, which is the same in every window: a feature, or one of several equivalent metrics."""
    name, part = result.subject
    # Metrics that are the same in other units have one cause
    name = result.same_as or name or WINDOW_NAME
    return f"{name} of {part}" if part else name


HIDDEN = "(hidden)"  # replaces a value that may not be shown


def remove_values(check_result: CheckResult) -> CheckResult:
    """The result without the members that contain values of the data: categories, segments, and what rows have in common."""
    # Most results contain no values
    if not (check_result.values or check_result.segment or check_result.parts or check_result.cause):
        return check_result
    parts = check_result.parts
    if parts:
        parts = tuple(part.model_copy(update={"segment": HIDDEN}) for part in parts)
    causes = check_result.cause
    if causes:
        causes = tuple(a_cause.model_copy(update={"value": None}) for a_cause in causes)
    # A violation in a segment has a sentence that ends with the segment's name
    description = check_result.description
    in_segment = f", in {check_result.segment}"
    if description and check_result.segment and description.endswith(in_segment):
        description = f"{description.removesuffix(in_segment)}, {check_result.where}"
    members = {"values": None, "segment": None, "parts": parts, "cause": causes, "description": description}
    return check_result.model_copy(update=members)


def copy_location_without_values(unnamed: CheckResult, before: CheckResult, located: CheckResult) -> CheckResult:
    """A result without values but with the location of its change. before, located: the result with values, before and
    after it was located.
    """
    # Nothing was located, so there is nothing to copy
    if located is before:
        return remove_values(unnamed)
    names = ("where", "cause", "parts", "guess")
    members = {name: getattr(located, name) for name in names if getattr(located, name) != getattr(before, name)}
    return remove_values(unnamed.model_copy(update=members))


MAX_LISTED_MEMBERS = 5  # maximum number of members that a hint names; further ones are counted


class Hint(Section):
    """Something that looks wrong but violates no constraint. hint: the rule's name. features: the features concerned, if
    any.
    """

    hint: Name
    features: tuple[Name, ...]
    description: Name

    @classmethod
    def from_unread_members(cls, constraints: Document) -> tuple[Hint, ...]:
        """A hint about members of the constraints that no code reads; empty if all members are known."""
        unknown_members = [*constraints.unknown_members()]
        if not unknown_members:
            return ()
        listed_members = unknown_members[:MAX_LISTED_MEMBERS]
        if len(unknown_members) > MAX_LISTED_MEMBERS:
            listed_members.append(f"and {len(unknown_members) - MAX_LISTED_MEMBERS} more")
        # Otherwise nobody would notice a misspelt setting, which changes nothing
        description = f"of {constraints.FILE_NAME} nothing reads: {'; '.join(listed_members)}"
        return (cls(hint="unknown_members", features=(), description=description),)


class Family(Section):
    """Checks that share a part of the false-alarm budget. level: this part. tests: the number of these checks."""

    family: Name
    level: Number
    tests: Count


class BudgetLedger(Section):
    """How the false-alarm budget is divided: the levels of the families add up to it. rows: as in constraints.json."""

    false_alarm_budget: Number
    rows: Name
    families: tuple[Family, ...]

    @classmethod
    def with_one_family(cls, family: str, budget: float, tests: int) -> BudgetLedger:
        """A ledger for independent rows with one family, which gets the whole budget. Source: D4.6."""
        only_family = Family(family=family, level=budget, tests=tests)
        return cls(false_alarm_budget=budget, rows="independent", families=(only_family,))


Results: TypeAlias = tuple[CheckResult, ...]


class CheckResults(Document, file="checks.json", meant="checks.json of a monitoring run"):
    """checks.json: the data set's own checks first, then by feature in the order of constraints.json, then by check.

    budget: None if the run doesn't allow for chance.
    outcome: the outcome of the run, None if nothing was judged.
    outcomes: the outcome of each feature or metric; the file lists only those that changed.
    hints: None if there are none.
    """

    version: Number = 0.0
    outcome: Outcome | None = None
    outcomes: tuple[FeatureOutcome, ...] | None = None
    budget: BudgetLedger | None = None
    checks: Results
    hints: tuple[Hint, ...] | None = None

    def to_json(self) -> str:
        """The file's text, one entry per line."""
        content = self.plain()
        checks = content.pop("checks")
        outcomes = content.pop("outcomes", ())
        changed = [member for member in outcomes if member["outcome"] != Outcome.UNCHANGED.value]
        if changed:
            content["outcomes"] = changed
        return json_text.dump_lines({**content, "checks": checks})


class Violation(Section):
    """One constraint that is not met.

    feature_name: None in files of monitors that name a metric instead.
    description: the sentence that clients of the service parse.
    metric_name: in files of model quality, bias and explainability.
    """

    feature_name: Name | None = None
    constraint_check_type: Name
    description: Name
    metric_name: Name | None = None


class Violations(Document, file="constraint_violations.json", meant="constraint_violations.json of a monitoring run"):
    """constraint_violations.json; it has an empty list if there are no violations (C4.3, C11.7)."""

    violations: tuple[Violation, ...] = ()
