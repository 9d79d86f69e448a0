"""Files that outlast runs: _alerts.json with monitored windows and notifications, people's decisions about alarms, and
_promotions.json of versions.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus, Hint, cause, identify_subject
from spark_model_monitor.documents.document import Count, Document, Name, Number, Section
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome


class AlertStatus(Enum):
    """Whether enough recent windows had violations, in the service's words. CANNOT_TELL, ours: there is no alert, and
    the last window could not tell whether something changed.
    """

    OK = "OK"
    CANNOT_TELL = "CannotTell"
    IN_ALERT = "InAlert"


class MonitoredWindow(Section):
    """One window that a run completed.

    window: its identity: its times, its hour folder, or the run's id; a rerun has the same. time: when it ended;
    windows are ordered by it. violations: the number found. records: the number kept; None for runs before it was
    recorded. notified: sinks that have this run's numbers and must not get them twice. since: by cause of an alarm, when
    the first of the consecutive windows with it began. recurring: whether all alarms also came at the same hour of
    earlier days. outcome: None if nothing was judged, or for runs of earlier releases. unsure: the first features or
    metrics of which nobody can tell whether they changed.
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
    """A change of the alert. time, window: of the last window monitored when it changed."""

    time: Name
    window: Name
    status: AlertStatus


class Notified(Section):
    """A sink's last notification. sink: its name and a hash of its target, which may be a secret. missed: changes that
    it could not be notified of since then.
    """

    sink: Name
    status: AlertStatus
    missed: tuple[Transition, ...] | None = None


class Alerts(Document, file="_alerts.json", meant="_alerts.json of monitoring runs"):
    """_alerts.json. windows: the most recent ones, in order of time. transitions: the oldest first."""

    version: Number = 0.0
    status: AlertStatus = AlertStatus.OK
    windows: tuple[MonitoredWindow, ...] = ()
    transitions: tuple[Transition, ...] = ()
    notifications: tuple[Notified, ...] = ()

    @classmethod
    def rename_former_members(cls, content: dict[str, Json]) -> dict[str, Json]:
        """`told` was the former name of `notifications`, and of a window's `notified`."""
        renamed = _rename_member(content, "told", "notifications")
        windows = renamed.get("windows")
        if isinstance(windows, list):
            renamed["windows"] = [
                _rename_member(window, "told", "notified") if isinstance(window, dict) else window for window in windows
            ]
        return renamed

    def find_alarm_starts(self, time: str) -> Mapping[str, str]:
        """The alarms of the last window that ended before a time, and when each began."""
        return next((window.since or {} for window in reversed(self.windows) if window.time < time), {})

    def find_last_status(self, sink: str) -> AlertStatus:
        """The status that `sink` was last notified of; OK if it never was."""
        return next((notified.status for notified in self.notifications if notified.sink == sink), AlertStatus.OK)

    def find_missed(self, sink: str) -> tuple[Transition, ...]:
        """The changes that `sink` could not be notified of since its last notification, the oldest first."""
        return next((notified.missed or () for notified in self.notifications if notified.sink == sink), ())


def _rename_member(members: Mapping[str, Json], former: str, name: str) -> dict[str, Json]:
    """The members in the same order, one of them by its new name."""
    return {name if member == former else member: value for member, value in members.items()}


TWO_SIDED_95 = 1.96

FARTHER = 0.25
"""Relative tolerance within which an accepted change counts as the same, if it has no interval: of rows, of a mean."""

OF_VALUES = "values"
TESTS_OF_VALUES = frozenset({"ks", "location", "spread", "chi2", "cell"})
"""Components that say the same of a change; those of `verdicts.components.COLUMN_TESTS` that are of values."""


class Decision(Document, file="decision.json", meant="a decision of `spark-model-monitor accept`"):
    """_decisions/<time>-<run id>.json: a person looked at a run's alarms and accepted them.

    window: its name in the history, None without one. features: the accepted ones; empty for all. alarms: the
    violations at that time. by, why: who decided, and the reason, if given.
    """

    version: Number = 1.0
    run_id: Name
    window: Name | None = None
    features: tuple[Name, ...] = ()
    time: Name
    by: Name | None = None
    why: Name | None = None
    alarms: tuple[CheckResult, ...]

    def covers(self, violation: CheckResult) -> bool:
        """Whether a violation repeats one of the alarms: same subject, same direction, and not larger."""
        # Any of them: one decision may accept the alarms of several features
        return any(_is_repeated(violation, alarm) for alarm in self.alarms)


def apply_decisions(check_results: Iterable[CheckResult], decisions: Sequence[Decision]) -> tuple[CheckResult, ...]:
    """The results; violations that a decision covers are not judged."""
    return tuple(_apply_decision(check_result, decisions) for check_result in check_results)


def _apply_decision(check_result: CheckResult, decisions: Sequence[Decision]) -> CheckResult:
    covering = (
        decision
        for decision in decisions
        if check_result.status is CheckStatus.VIOLATED and decision.covers(check_result)
    )
    decision = next(covering, None)
    if decision is None:
        return check_result
    # The page shows this sentence in place of the alarm
    reason_parts = [f"accepted at {decision.time}", *([f"by {decision.by}"] if decision.by else [])]
    reason = " ".join(reason_parts) + (f": {decision.why}" if decision.why else "")
    # An accepted violation is not judged, so that it raises no alarm, and says who accepted it
    unjudged = {"status": CheckStatus.NOT_JUDGED, "decided_by": None, "reason": reason, "description": None}
    return check_result.model_copy(update=unjudged)


def _is_repeated(violation: CheckResult, alarm: CheckResult) -> bool:
    if identify_subject(violation) != identify_subject(alarm) or _identify_alarm(violation) != _identify_alarm(alarm):
        return False
    now = _select_size(violation)
    then = _select_size(alarm)
    # A distance is one from the baseline, whatever its threshold
    limit = 0.0 if alarm.distance is not None else alarm.threshold
    # Without numbers, such as for a missing column, it is the same if neither has one
    if now is None or then is None or limit is None:
        return now == then
    # On the same side of the limit, and no further from it than the accepted change may have been
    low, high = _estimate_interval(alarm, then, limit)
    if then >= limit:
        return limit <= now <= high
    return low <= now <= limit


def _identify_alarm(violation: CheckResult) -> tuple[str | None, ...]:
    """What identifies an alarm. Tests of values count as one: which of them detects a change first is chance."""
    component = OF_VALUES if violation.component in TESTS_OF_VALUES else violation.component
    return violation.check, violation.against, component, violation.direction


def _select_size(violation: CheckResult) -> float | None:
    if violation.distance is None:
        return violation.observed
    return violation.distance


def _estimate_interval(alarm: CheckResult, size: float, limit: float) -> tuple[float, float]:
    """The plausible range of the true size: the interval of its distance, its own, or that of a share; else a quarter
    of its distance from the limit on both sides, as later windows have other numbers of rows.
    """
    # The interval of the distance, or of the number itself
    if alarm.distance_low is not None and alarm.distance_high is not None:
        return alarm.distance_low, alarm.distance_high
    if alarm.interval is not None:
        return alarm.interval
    # A share, by its normal approximation
    if alarm.m and 0 <= size <= 1:
        reach = TWO_SIDED_95 * math.sqrt(size * (1 - size) / alarm.m)
        return size - reach, size + reach
    # Neither interval nor share: later windows have other numbers of rows, so some room is needed
    reach = FARTHER * abs(size - limit)
    return size - reach, size + reach


class Promotion(Section):
    """One promotion of a baseline version.

    source: the output path of the run that it copies. taken_back: when it was rolled back, None if it wasn't.
    """

    model_version: Name
    run_id: Name
    source: Name
    time: Name
    taken_back: Name | None = None


class Promotions(Document, file="_promotions.json", meant="_promotions.json of `spark-model-monitor promote`"):
    """_promotions.json: promoted versions of a baseline, the oldest first; the last not rolled back is active."""

    version: Number = 1.0
    promotions: tuple[Promotion, ...] = ()

    @property
    def standing(self) -> tuple[Promotion, ...]:
        """The promotions that were not rolled back; the last one is active."""
        return tuple(promotion for promotion in self.promotions if promotion.taken_back is None)


def report_ended_alarms(
    check_results: Iterable[CheckResult], since: Mapping[str, str], began: str | None = None
) -> tuple[Hint, ...]:
    """Hints for alarms of the previous window that are over in this one; each is reported once, in its first window.

    since: when each cause's alarm began, from the previous window. began: when this window began.
    """
    # A cause is over if some of its checks were judged and none of them is violated
    judged: dict[str, bool] = {}
    for check_result in check_results:
        if check_result.status is not CheckStatus.NOT_JUDGED and since:
            is_over = check_result.status is not CheckStatus.VIOLATED
            judged[cause(check_result)] = judged.get(cause(check_result), True) and is_over
    back = f"back {f'since {began}' if began else 'in this window'}, it was an alarm since"
    # A cause that no check judged in this window may still be there
    ended_alarms = ((name, start) for name, start in since.items() if judged.get(name, False))
    return tuple(
        Hint(hint="alarm_ended", features=(name,), description=f"{name}: {back} {start}")
        for name, start in ended_alarms
    )
