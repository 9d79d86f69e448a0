"""The results of all checks of a run: checks.json, constraint_violations.json, and summary rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from enum import Enum
from typing import Any

from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.document import Count, Document, Flag, Name, Number, Section, UndefinableNumber
from spark_model_monitor.documents.outcome import FeatureOutcome, Outcome, group_by
from spark_model_monitor.value_class import value_class


class CheckStatus(Enum):
    """The verdict of a check."""

    VIOLATED = "violated"
    PASSED = "passed"
    NOT_JUDGED = "not judged"
    CANNOT_TELL = "cannot tell"
    """Not violated, but a change that matters may have gone unseen: `reason` says why, `advice` what to do."""


WORST_FIRST = (CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL, CheckStatus.PASSED, CheckStatus.NOT_JUDGED)


LOWER_LIMIT = "lower limit"
UPPER_LIMIT = "upper limit"
LIMITS = "limits"
INTERVAL = "interval"  # both ends of `interval`, which must not lie beyond the same one of `limits`
PRESENCE = "presence of the column"  # what is or is not, without a number
ASSERTION = "assertion"  # likewise
INFINITE = "infinite value"  # likewise: it is beyond every limit, and JSON has no number for it
FISHER = "Fisher's exact test"
GEOMETRIC = "geometric law of stretches"
STUDENT = "Student's t-test"
CHI_SQUARE = "Pearson's chi-square test"
HOTELLING = "Hotelling's test"
NORMAL = "normal test"
"""What decides a check (`decided_by`), if it is no test that one monitor alone has."""


BESIDE = frozenset({"attribution_change_check"})
"""Checks that never count as violations of a run and never raise an alarm. Source: E6.2."""


ONE_SEGMENT = "one segment of "  # followed by the cut; the segment is named where values may be shown
IN_SEGMENT = f"in {ONE_SEGMENT}"  # how `where` begins for a segment's own result
SEGMENT_DRIFT = "segment_drift_check"


class SegmentPart(Section):
    """A segment's contribution to a distance.

    cut: how rows are cut into segments.
    rows: its share of the window.
    within: the part from changed values in the segment.
    mix: the part from its changed share of rows.
    """

    cut: Name
    segment: Name
    rows: Number
    within: Number
    mix: Number


class Cause(Section):
    """What the rows behind a change have in common.

    key: what distinguishes them: file, time, a capture's member, ….
    words: a description without a value of any record.
    value: the value they share.
    share: their share of the change.
    rows: their share of all rows.
    p: the p-value, adjusted for all keys tried.
    """

    key: Name
    words: Name
    value: Name | None = None
    share: Number
    rows: Number
    p: Number


@value_class(slots=False, kw_only=True)
class Subject:
    """What was checked.

    feature: its name, or the name that violations of the whole data set have.
    metric: its name in statistics.json, if a metric was checked.
    check: its `constraint_check_type`.
    """

    feature: Name | None = None
    metric: Name | None = None
    check: Name


@value_class(slots=False)
class CheckDecision:
    """The verdict, and the test that decided.

    decided_by: the test, or the kind of limit; None if nothing was judged. A check is violated if all that is given
        here and in `CheckNumbers` holds: the p-value (adjusted_p, or else p) is at most level; effect is at least
        least_effect; observed is below limit (`lower limit`) or above it (`upper limit`), or outside of limits; for
        `interval`, both of its ends are beyond the same one of limits.
    statistic, degrees_of_freedom: of a test that has them.
    adjusted_p: p adjusted for the columns tested with it.
    component: of a column's tests, which p combines, the one with the smallest p-value, which decided_by, statistic and
        effect are of.
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

    # Asked of findings, too, before they have a subject
    @property
    def is_violated(self) -> bool:
        return self.status is CheckStatus.VIOLATED

    @property
    def decisive_p_value(self) -> float | None:
        """The p-value that the level applies to: the adjusted one, where several columns are tested together."""
        if self.adjusted_p is None:
            return self.p
        return self.adjusted_p

    @property
    def is_unsure(self) -> bool:
        """Whether a change that matters may have gone unseen."""
        return self.status is CheckStatus.CANNOT_TELL


@value_class(slots=False)
class CheckNumbers:
    """What was measured, and the limits.

    observed: the share, distance, p-value or number compared with `threshold`; None if there is none.
    interval: its ends, if it has one.
    threshold: None if the baseline left it undefined.
    n, m: the numbers of baseline and current values.
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
    """How far two distributions are apart, and which change would be seen.

    method: the drift method, as in constraints.json.
    ties: `lost` if equal values were counted once, as the service did.
    distance: the largest gap between both distributions.
    distance_low, distance_high: the ends of its confidence interval.
    smallest_change: the change detected with 90 % power: for numbers a shift in standard deviations, for texts a
        difference of shares.
    fewest: the fewest values of the window that would violate a fact of a share, as far outside as those that it has;
        None if not even all would.
    against: the reference of a comparator.
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
    """Why the status is what it is.

    reason: why the check is not judged, or a remark on its status.
    accepted: whether a person accepted this change; the reason then says who, when and why.
    advice: what to do where nobody can tell.
    possible_change: whether a change is seen there, which may be chance.
    description: the violation's text, None unless violated.
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
    alarm: the number of its alarm, shared by results with the same cause; 1 is the largest.
    words: what was and what is, without a value of any record.
    change: for a violation, what changed, in words that follow the name; for other drift, `smallest_change` in words.
    values: the categories concerned, most frequent first.
    since: when the first of the consecutive windows with it began; None if this is the first.
    hour: what earlier days say about drift at this hour: `usual`; `recurring`: an alarm that came at this hour before;
        `open`: would be recurring if more days were known; `said`: drift relative to this hour is violated; `new`: a
        change that this hour may explain, in the first days of a schedule.
    impact: the severity, times the feature's share of attribution; None without attributions.
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
    """ids: the first records that break an expectation, if records have ids. labels: of a rule in DQDL. metrics: its numbers
    by name, with which later runs compare theirs.
    """

    ids: tuple[Name, ...] | None = None
    labels: Mapping[Name, str] | None = None
    metrics: Mapping[Name, Number] | None = None


@value_class(slots=False)
class Origin:
    """The rows that a change comes from.

    segment: the segment that was checked, or has the change.
    where: in words.
    parts: each segment's part of a distance.
    guess: for a violation, the most likely explanation.
    cause: what its rows have in common, the clearest first.
    """

    segment: Name | None = None
    where: Name | None = None
    parts: tuple[SegmentPart, ...] | None = None
    guess: Name | None = None
    cause: tuple[Cause, ...] | None = None


# As frozen as its parts by the configuration of sections, which mypy doesn't read
class CheckResult(  # type: ignore[misc]
    Section, Origin, RuleDetails, AlarmDetails, CheckReasons, DriftEvidence, CheckNumbers, CheckDecision, Subject
):
    """The result of one check of one feature or metric: an entry of checks.json, whose members are those of its parts."""

    @property
    def is_violation(self) -> bool:
        """Whether it counts as a violation; results of the checks in BESIDE only appear in checks.json."""
        return self.is_violated and self.check not in BESIDE

    @property
    def is_judged(self) -> bool:
        return self.status is not CheckStatus.NOT_JUDGED

    @property
    def observes_p_value(self) -> bool:
        """Whether `observed` is no distance but the p-value of a drift method, which has degrees of freedom."""
        return self.degrees_of_freedom is not None

    @property
    def is_rule_of_rows(self) -> bool:
        """Whether it is a rule of a person that is about several columns, or all rows, and has its text as the feature."""
        return self.check == EXPECTATION and self.component in RULES_OF_ROWS

    @property
    def is_skipped_rule(self) -> bool:
        """Whether it is a rule that was not evaluated, as the run was allowed."""
        return self.check == EXPECTATION and self.is_unsure

    @property
    def counts_for_outcome(self) -> bool:
        """Whether it takes part in the outcome of its feature: it is judged, and about all rows or a violation."""
        if not self.is_judged or self.check in BESIDE:
            return False
        # A segment may be too small to tell, which says nothing about all rows
        return self.is_violation or not self.is_of_one_segment

    @property
    def is_of_one_segment(self) -> bool:
        """Whether it is about the rows of one segment only."""
        return self.check == SEGMENT_DRIFT or (self.where or "").startswith(IN_SEGMENT)

    @property
    def full_name(self) -> str:
        """The name in histories of runs."""
        return join_name(*identify_subject(self))


UNREAD_NAMED = 5  # the number of members that a hint names; the rest are counted


class Hint(Section):
    """Something that looks wrong but breaks no constraint. hint: the rule's name. features: those concerned, if any."""

    hint: Name
    features: tuple[Name, ...]
    description: Name

    @classmethod
    def from_unread_members(cls, constraints: Document) -> tuple[Hint, ...]:
        """A hint about members of the constraints that nothing reads; empty if all are known."""
        unknown_members = [*constraints.unknown_members()]
        if not unknown_members:
            return ()
        named = unknown_members[:UNREAD_NAMED]
        if len(unknown_members) > UNREAD_NAMED:
            named.append(f"and {len(unknown_members) - UNREAD_NAMED} more")
        # A misspelt setting would otherwise change nothing and be noticed by nobody
        description = f"of {constraints.FILE_NAME} nothing reads: {'; '.join(named)}"
        return (cls(hint="unknown_members", features=(), description=description),)


class Family(Section):
    """Checks that share a part of the budget. level: that part. tests: the number of checks that share it."""

    family: Name
    level: Number
    tests: Count


class BudgetLedger(Section):
    """How the budget of false alarms is divided: the families' levels add up to it. rows: as in constraints.json."""

    false_alarm_budget: Number
    rows: Name
    families: tuple[Family, ...]

    @classmethod
    def with_one_family(cls, family: str, budget: float, tests: int) -> BudgetLedger:
        """A ledger with one family, which has the whole budget, for independent rows. Source: D4.6."""
        only_family = Family(family=family, level=budget, tests=tests)
        return cls(false_alarm_budget=budget, rows="independent", families=(only_family,))


class CheckResults(Document, file="checks.json", meant="checks.json of a monitoring run"):
    """checks.json: the data set's own checks first, then by feature in the order of constraints.json, then by check.

    budget: None if chance is not allowed for.
    outcome: of the run, None if nothing was judged.
    outcomes: of each feature or metric; the file names those that are not unchanged.
    hints: None if there are none.
    """

    version: Number = 0.0
    outcome: Outcome | None = None
    outcomes: tuple[FeatureOutcome, ...] | None = None
    budget: BudgetLedger | None = None
    checks: tuple[CheckResult, ...]
    hints: tuple[Hint, ...] | None = None

    def to_json(self) -> str:
        """The file's text: an entry a line."""
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
    description: the sentence that clients parse.
    metric_name: in files of model quality, bias and explainability.
    """

    feature_name: Name | None = None
    constraint_check_type: Name
    description: Name
    metric_name: Name | None = None


class Violations(Document, file="constraint_violations.json", meant="constraint_violations.json of a monitoring run"):
    """constraint_violations.json; an empty list without violations (C4.3, C11.7)."""

    violations: tuple[Violation, ...] = ()


FACET_VALUE = "facet_value"  # the member of a bias check's result with the facet's sensitive value
LABEL = "label"  # the member of an attribution check's result with the model's output

QUANTILES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

Bins = Mapping[str, Sequence[Any]]
"""The bins of a baseline's shares, by feature: the edges of 20 bins of equal width, or the most frequent values."""


@value_class
class SummaryRow:
    """A feature, a metric, a metric of a group, or a feature's attribution.

    part: the metric's group as `facet=value`, or the output; else empty.
    kind: `number`, `category`, `metric`, `bias` or `attribution`.
    quantiles: at `QUANTILES`; None if unknown.
    shares: in the baseline's bins; None if unknown.
    value, low, high: of a metric.
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


@value_class
class Summary:
    """The summary of a run, in rows. bins: the baseline's bins, or its own without a baseline."""

    rows: tuple[SummaryRow, ...] = ()
    bins: Bins = field(default_factory=dict)


def identify_subject(result: CheckResult) -> tuple[str, str]:
    """The name and the part that a check's result belongs to, as in summaries."""
    members = result.model_extra or {}
    value = members.get(FACET_VALUE)
    # Bias has a group, attributions an output, other monitors neither
    if value is None:
        part = str(members.get(LABEL, ""))
    else:
        part = format_group(result.feature or "", str(value))
    return result.metric or result.feature or "", part


def join_name(name: str, part: str) -> str:
    """A summary's name and part as one text."""
    return f"{name} ({part})" if part else name


def format_group(facet: str, value: str) -> str:
    """The name of a sensitive group."""
    return f"{facet}={value}"


HIDDEN = "(hidden)"  # stands in the place of a value


def remove_values(check_result: CheckResult) -> CheckResult:
    """The result without the members that name values of the data: categories, segments, and what rows have in common."""
    # Most results name none
    if not (check_result.values or check_result.segment or check_result.parts or check_result.cause):
        return check_result
    parts = check_result.parts
    if parts:
        parts = tuple(part.model_copy(update={"segment": HIDDEN}) for part in parts)
    causes = check_result.cause
    if causes:
        causes = tuple(a_cause.model_copy(update={"value": None}) for a_cause in causes)
    # The sentence of a violation in a segment ends with the segment's name
    description = check_result.description
    in_segment = f", in {check_result.segment}"
    if description and check_result.segment and description.endswith(in_segment):
        description = f"{description.removesuffix(in_segment)}, {check_result.where}"
    members = {"values": None, "segment": None, "parts": parts, "cause": causes, "description": description}
    return check_result.model_copy(update=members)


def locate_without_values(unnamed: CheckResult, before: CheckResult, located: CheckResult) -> CheckResult:
    """A result without values, with the location of its change. before, located: the same with values, without and with it."""
    # Nothing was located, so there is nothing to carry over
    if located is before:
        return remove_values(unnamed)
    names = ("where", "cause", "parts", "guess")
    members = {name: getattr(located, name) for name in names if getattr(located, name) != getattr(before, name)}
    return remove_values(unnamed.model_copy(update=members))


COMPLETENESS = "completeness_check"
DRIFT = "baseline_drift_check"
CODE_CHECKS = frozenset({"code_length_check", "text_form_check"})
"""Checks of how codes are written, which models seldom use: of two large changes, the other comes first."""

EXPECTATION = "expectation_check"
ROW_RULE = "row_rule"
DQDL = "dqdl"
RULES_OF_ROWS = frozenset({ROW_RULE, DQDL})
"""The components of rules whose text stands in the place of a feature."""
LIMIT_DECIDES = "your limit {limit} decides"
WITHIN_LIMIT = "moved, within your limit {limit}"
"""The reason of a feature that differs by more than chance, by less than a person's own limit."""

NOT_CHECKED = "not checked: "
"""How the reason of a rule begins that was skipped."""

OF_THE_WINDOW = "the window"


def cause(result: CheckResult) -> str:
    """The name of what changed, the same in every window: a feature, or one of several equivalent metrics."""
    name, part = identify_subject(result)
    # Metrics that are one another in other units are one cause
    name = result.same_as or name or OF_THE_WINDOW
    return f"{name} of {part}" if part else name


def group_by_cause(results: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """The violations by cause, the largest first."""
    violated = [violation for violation in results if violation.status is CheckStatus.VIOLATED]
    violated.sort(key=lambda violation: (violation.alarm or float("inf"), *rank_severity(violation)))
    return list(group_by(violated, cause).values())


def compute_severity(result: CheckResult) -> float:
    """The severity: how far the observed number is beyond its threshold, relative to a threshold above 1, and at most
    1, so that shares, distances and p-values are comparable. It is 1 without a number, the larger of distance and
    effect for a test, half as much for the form of codes, and the impact if there are attributions.
    """
    # Where attributions are known, they weigh the change
    if result.impact is not None:
        return result.impact
    # A test: by the size of the change, since a p-value depends on the number of rows
    if result.adjusted_p is not None:
        return max(result.distance or 0.0, min(result.effect or 0.0, 1.0))
    # What is or is not, such as a column, is as bad as can be
    if result.observed is None or result.threshold is None:
        return 1.0
    # Thresholds above 1, such as numbers of rows, are divided out
    severity = min(abs(result.observed - result.threshold) / max(1.0, abs(result.threshold)), 1.0)
    if result.check in CODE_CHECKS:
        return severity / 2
    return severity


def name_check(check_result: CheckResult) -> str:
    """The metric, or what else was checked."""
    return check_result.metric or format_check(check_result)


def format_check(result: CheckResult) -> str:
    """`completeness` of `completeness_check`."""
    return result.check.removesuffix("_check").replace("_", " ")


def rank_severity(violation: CheckResult) -> tuple[bool, float, bool]:
    """By severity, what repeats a metric in other units last; of two that are as bad, a person's own rule comes first."""
    return violation.same_as is not None, -compute_severity(violation), violation.check != EXPECTATION


def count_rules(check_results: Iterable[CheckResult]) -> str:
    """How many rules hold, and how many were skipped; empty if none was."""
    rules = [check_result for check_result in check_results if check_result.check == EXPECTATION]
    passed = sum(rule.status is CheckStatus.PASSED for rule in rules)
    skipped = sum(rule.is_skipped_rule for rule in rules)
    if not skipped:
        return ""
    hold = "rule holds" if passed == 1 else "rules hold"
    were = "was" if skipped == 1 else "were"
    return f"{passed:,} {hold}, {skipped:,} {were} not checked"
