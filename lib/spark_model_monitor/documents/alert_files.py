"""Files that are kept across runs: _alerts.json with windows and notifications, decisions of people about alarms, and
_promotions.json with versions of a baseline.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from spark_model_monitor.documents.check_results import (
    DRIFT,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    Hint,
    Results,
    name_cause,
)
from spark_model_monitor.documents.column_roles import ColumnRoles
from spark_model_monitor.documents.document import Count, Document, Name, Number, Section
from spark_model_monitor.documents.outcome import Outcome, group_by


class AlertStatus(Enum):
    """Whether enough recent windows had violations, in the service's words. CANNOT_TELL (not in the service): there is no
    alert, and the last window could not tell whether something changed.
    """

    OK = "OK"
    CANNOT_TELL = "CannotTell"
    IN_ALERT = "InAlert"


class MonitoredWindow(Section):
    """One window that a run completed.

    window: what identifies the window: its times, its hour folder, or the run's id; a rerun has the same identity.
    time: when the window ended; windows are ordered by it.
    violations: number of violations.
    records: number of accepted records; None for runs of releases that didn't store it.
    notified: sinks that already have this run's numbers and must not get them twice.
    since: by cause, the beginning of the first consecutive window with its alarm.
    recurring: whether all alarms also occurred at the same hour of earlier days.
    outcome: None if no check was judged.
    unsure: the first features or metrics for which the checks can't tell whether they changed.
    """

    window: Name
    time: Name
    violations: Count
    run_id: Name
    records: Count | None = None
    notified: tuple[Name, ...] = ()
    since: Mapping[str, Name] | None = None
    recurring: bool | None = None
    outcome: Outcome | None = None
    unsure: tuple[Name, ...] | None = None


class Transition(Section):
    """A change of the alert's status. time, window: of the last window that was monitored at the change."""

    time: Name
    window: Name
    status: AlertStatus


class Notified(Section):
    """A sink's last notification. sink: its name and a hash of its target, which may be secret. missed: later changes of
    which the sink could not be notified.
    """

    sink: Name
    status: AlertStatus
    missed: tuple[Transition, ...] | None = None


class Alerts(Document, file="_alerts.json", meant="_alerts.json of monitoring runs"):
    """_alerts.json.

    windows: the most recent windows, in order of time.
    transitions: the oldest first.
    roles: roles of captured columns, as the first window determined them.
    """

    version: Number = 0.0
    status: AlertStatus = AlertStatus.OK
    windows: tuple[MonitoredWindow, ...] = ()
    transitions: tuple[Transition, ...] = ()
    notifications: tuple[Notified, ...] = ()
    roles: ColumnRoles | None = None

    def find_last_status(self, sink: str) -> AlertStatus:
        """The status of which `sink` was last notified; OK if it never was."""
        for notification in self.notifications:
            if notification.sink == sink:
                return notification.status
        return AlertStatus.OK

    def find_missed(self, sink: str) -> tuple[Transition, ...]:
        """The changes since the last notification of which `sink` could not be notified, the oldest first."""
        for notification in self.notifications:
            if notification.sink == sink:
                return notification.missed or ()
        return ()


TWO_SIDED_95 = 1.96

MAX_GROWTH = 0.25
"""Relative tolerance for a number of rows or a mean without an interval: a change up to this much larger still counts as
accepted.
"""

TESTS_OF_VALUES = frozenset({"location", "spread", "sixteenth", "tail", "value", "even", "round", "largest", "mix"})
"""Components of the drift test that all show a change of the values' distribution."""

ANY_TEST_OF_VALUES = "values"
"""Stands for any of these components."""

NEW_VALUES = "unseen"
RANGE = "range_check"
CHECKS_OF_NEW_VALUES = (RANGE, "categorical_values_check")
"""The component for values that the baseline lacks, and the checks that give the number of such values, for numbers and for
texts. It is chance which of the tests decides, unless there are more of these values than before.
"""
MOST_ROWS = 0.5
"""If the distance is larger, most rows changed, and it doesn't matter which test of values found the change."""


class Decision(Document, file="decision.json", meant="a decision of `spark-model-monitor accept`"):
    """_decisions/<time>-<run id>.json: a person has accepted alarms of a run.

    window: the window's name in the history, None without one.
    features: the accepted features; empty for all.
    alarms: the violations at that time.
    unviolated: the other results of the same features, whose numbers belong to the accepted change.
    by, why: the person and the reason, if given.
    """

    version: Number = 1.0
    run_id: Name
    window: Name | None = None
    features: tuple[Name, ...] = ()
    time: Name
    by: Name | None = None
    why: Name | None = None
    alarms: Results
    unviolated: Results = ()

    @property
    def accepted_results(self) -> Results:
        """All results of the accepted features, the alarms first."""
        return (*self.alarms, *self.unviolated)

    def covers(self, violation: CheckResult, window_results: Sequence[CheckResult] = ()) -> bool:
        """Whether a violation repeats what was accepted: same subject, same direction, and not larger.

        window_results: all results of the violation's window about the same subject.
        """
        return any(
            self._was_accepted(accepted) and _is_repeated(violation, accepted, window_results, self.accepted_results)
            for accepted in self.accepted_results
        )

    def _was_accepted(self, check_result: CheckResult) -> bool:
        """Whether a result belongs to the accepted change: it is a violation, or it wasn't judged because of another
        violation."""
        if check_result.is_violated:
            return True
        if not check_result.is_judged:
            p_value = check_result.decisive_p_value
            return p_value is not None and check_result.level is not None and p_value <= check_result.level
        if check_result.check != DRIFT:
            return False
        # It is chance whether new values or the drift that they cause become the alarm
        return any(
            alarm.check in CHECKS_OF_NEW_VALUES and alarm.subject == check_result.subject for alarm in self.alarms
        )


def apply_decisions(check_results: Iterable[CheckResult], decisions: Sequence[Decision]) -> Results:
    """The results, in which violations that a decision covers are marked as not judged."""
    window_results = tuple(check_results)
    results_by_subject = group_by(window_results, lambda check_result: check_result.subject)
    decided_results = []
    for check_result in window_results:
        if check_result.is_violated:
            subject_results = results_by_subject[check_result.subject]
            for decision in decisions:
                if decision.covers(check_result, subject_results):
                    check_result = _mark_accepted(check_result, decision)
                    break
        decided_results.append(check_result)
    return tuple(decided_results)


def _mark_accepted(violation: CheckResult, decision: Decision) -> CheckResult:
    """The violation as a result that isn't judged and raises no alarm; its reason says who accepted it."""
    # The page shows this sentence in place of the alarm
    reason = f"accepted at {decision.time}"
    if decision.by:
        reason += f" by {decision.by}"
    if decision.why:
        reason += f": {decision.why}"
    return violation.model_copy(
        update={
            "status": CheckStatus.NOT_JUDGED,
            "decided_by": None,
            "reason": reason,
            "description": None,
            "accepted": True,
        }
    )


def _is_repeated(
    violation: CheckResult,
    accepted: CheckResult,
    window_results: Sequence[CheckResult],
    accepted_results: Sequence[CheckResult],
) -> bool:
    """Whether a violation repeats an accepted result. window_results, accepted_results: all results of the two windows."""
    if violation.subject != accepted.subject:
        return False
    if _identify_alarm(violation) != _identify_alarm(accepted):
        return False
    if _find_direction(violation, window_results) != _find_direction(accepted, accepted_results):
        return False
    # A few values far outside and many values that moved a little can have the same distance, but they are different changes
    if violation.check == DRIFT:
        shares_now = _count_new_values(violation, window_results)
        shares_then = _count_new_values(accepted, accepted_results)
        if _has_more_new_values(shares_now, shares_then):
            return False
        if violation.component != accepted.component:
            # Two tests of values may have found the same change, unless one of them is about new values and their number
            # is unknown
            is_number_unknown = not shares_then and NEW_VALUES in (violation.component, accepted.component)
            # If most rows changed in both windows, the component doesn't matter
            smaller_distance = min(violation.distance or 0.0, accepted.distance or 0.0)
            if is_number_unknown and smaller_distance <= MOST_ROWS:
                return False
    return _is_within_accepted_change(violation, accepted)


def _has_more_new_values(
    shares_now: Mapping[str, tuple[float, int]], shares_then: Mapping[str, tuple[float, int]]
) -> bool:
    """Whether the new values of any check are more than before, beyond chance: the two Wilson intervals don't overlap."""
    for check in shares_now.keys() & shares_then.keys():
        lower_end = _compute_wilson_end(*shares_now[check], sign=-1)
        if lower_end > _compute_wilson_end(*shares_then[check], sign=1):
            return True
    return False


def _identify_alarm(violation: CheckResult) -> tuple[str | None, ...]:
    """The parts that identify an alarm. All tests of values count as one: it is chance which one detects a change first."""
    component = violation.component
    if violation.check == DRIFT and component in TESTS_OF_VALUES | {NEW_VALUES}:
        component = ANY_TEST_OF_VALUES
    segment = None
    if violation.check == SEGMENT_DRIFT:
        segment = violation.segment
    return violation.check, violation.against, component, segment


def _find_direction(check_result: CheckResult, window_results: Sequence[CheckResult]) -> str | None:
    """The direction of a change. A share of numbers beyond the range has no direction; the mean's direction stands for it."""
    if check_result.check != RANGE:
        return check_result.direction
    subject = check_result.subject
    for drift in window_results:
        is_of_subject = drift.check == DRIFT and drift.subject == subject
        if is_of_subject and drift.component != "missing":
            return drift.direction
    return None


def _count_new_values(drift: CheckResult, window_results: Sequence[CheckResult]) -> dict[str, tuple[float, int]]:
    """By check, the share of values that the baseline lacks, and the number of values of the window."""
    # The keys are names of checks
    shares = {}
    subject = drift.subject
    for check_result in window_results:
        counts_new_values = check_result.check in CHECKS_OF_NEW_VALUES
        if not counts_new_values or check_result.subject != subject:
            continue
        if check_result.observed is not None and check_result.m:
            # One check gives the share of new values, the other the share of known ones
            share = check_result.observed
            if check_result.check != RANGE:
                share = 1 - share
            shares[check_result.check] = (share, check_result.m)
    return shares


def _compute_wilson_end(share: float, rows: int, *, sign: int) -> float:
    """The lower (sign -1) or upper (sign 1) end of Wilson's 95 % score interval of a share: (p + z²/2n ± z √(p(1-p)/n +
    z²/4n²)) / (1 + z²/n). Source: Wilson 1927."""
    square = TWO_SIDED_95**2 / rows
    variance = share * (1 - share) / rows + square / (4 * rows)
    half_width = TWO_SIDED_95 * math.sqrt(variance)
    return (share + square / 2 + sign * half_width) / (1 + square)


def _is_within_accepted_change(violation: CheckResult, accepted: CheckResult) -> bool:
    """Whether a number is on the same side of its limit as the accepted one, and isn't farther from the limit, within
    chance.
    """
    now = _select_size(violation)
    then = _select_size(accepted)
    # A distance is measured from the baseline, whatever its threshold
    limit = 0.0 if accepted.distance is not None else accepted.threshold
    # If numbers are absent, as for a missing column, both results have to lack them
    if now is None or then is None or limit is None:
        return now == then
    # It may be farther from the limit than the accepted number by chance in both windows
    sign = 1 if then >= limit else -1
    margin_then = _estimate_margin_of_error(accepted, then, sign)
    # Without an interval or a share, a relative tolerance is used, because later windows have other numbers of rows
    if margin_then is None:
        margin_then = MAX_GROWTH * abs(then - limit)
    margin_now = _estimate_margin_of_error(violation, now, -sign) or 0.0
    farthest = then + sign * math.hypot(margin_then, margin_now)
    return min(limit, farthest) <= now <= max(limit, farthest)


def _select_size(violation: CheckResult) -> float | None:
    if violation.distance is None:
        return violation.observed
    return violation.distance


def _estimate_margin_of_error(check_result: CheckResult, size: float, sign: int) -> float | None:
    """How far a size may be off by chance, above (sign 1) or below (sign -1). The margin comes from the interval of the
    distance, the interval of the number, or the normal approximation of a share; None if there is none of these.
    """
    # Use the interval of the distance, or else of the number itself
    ends = check_result.interval
    if check_result.distance_low is not None and check_result.distance_high is not None:
        ends = check_result.distance_low, check_result.distance_high
    if ends is not None:
        low, high = ends
        if sign > 0:
            return abs(high - size)
        return abs(low - size)
    # Half-width of the 95 % interval of a share by the normal approximation
    if check_result.m and 0 <= size <= 1:
        return TWO_SIDED_95 * math.sqrt(size * (1 - size) / check_result.m)
    return None


class Promotion(Section):
    """One promotion of a baseline version.

    source: the output path of the run whose baseline is promoted. taken_back: when the promotion was rolled back, None if it
        wasn't.
    """

    model_version: Name
    run_id: Name
    source: Name
    time: Name
    taken_back: Name | None = None


class Promotions(Document, file="_promotions.json", meant="_promotions.json of `spark-model-monitor promote`"):
    """_promotions.json: promoted versions of a baseline, the oldest first; the last one that wasn't rolled back is active."""

    version: Number = 1.0
    promotions: tuple[Promotion, ...] = ()

    @property
    def standing(self) -> tuple[Promotion, ...]:
        """The promotions that were not rolled back; the last one is active."""
        return tuple(promotion for promotion in self.promotions if promotion.taken_back is None)


def report_ended_alarms(
    check_results: Iterable[CheckResult], since: Mapping[str, str], window_start: str | None = None
) -> tuple[Hint, ...]:
    """Hints about alarms of the previous window that have ended in this one. Each is reported once, in the first window
    without it.

    since: the beginning of each cause's alarm, from the previous window.
    """
    # An alarm has ended if some checks of its cause were judged and none is violated
    judged_causes = set()
    open_causes = set()
    for check_result in check_results:
        # An accepted change still exists
        if check_result.is_violated or check_result.accepted:
            open_causes.add(name_cause(check_result))
        elif check_result.is_judged:
            judged_causes.add(name_cause(check_result))
    period = "in this window"
    if window_start:
        period = f"since {window_start}"
    hints = []
    # If no check of a cause was judged in this window, its alarm may still exist
    for name, start in since.items():
        if name in judged_causes - open_causes:
            description = f"{name}: back {period}, it was an alarm since {start}"
            hints.append(Hint(hint="alarm_ended", features=(name,), description=description))
    return tuple(hints)
