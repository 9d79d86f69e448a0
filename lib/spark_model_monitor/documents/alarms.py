"""Alarms: all violations with the same cause are one alarm with one sentence. Pure."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from spark_model_monitor.documents.change_description import (
    describe_evidence,
    describe_finding,
    format_check,
    name_change,
)
from spark_model_monitor.documents.check_results import COMPLETENESS, EXPECTATION, CheckResult, Results, name_cause
from spark_model_monitor.documents.outcome import group_by
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.value_class import value_class


@value_class
class Alarm:
    """All violations with one cause, the clearest first."""

    results: Results

    @property
    def since(self) -> str | None:
        """The beginning of the first consecutive window with this alarm; None if this window is the first."""
        return min((violation.since for violation in self.results if violation.since), default=None)

    def sentence(self) -> str:
        """A sentence without a full stop: what it was, what it is now, and since when."""
        first, *further = self.results
        sentence = describe_finding(first)
        # The distance between two distributions is added; sentences about other changes contain their numbers
        if first.method is not None:
            sentence += f"; {describe_evidence(first)}"
        # Then other features with the same cause, and other checks of the first feature
        same_causes = [name for name in dict.fromkeys(map(name_cause, further)) if name != name_cause(first)]
        if same_causes:
            sentence += f"; the same of {list_names(same_causes)}"
        # By check, its name followed by the values that it found
        check_names: dict[str, str] = {}
        for violation in further:
            name = name_check(violation)
            check_names[name] = name
            if violation.values:
                check_names[name] += f" ({', '.join(map(repr, violation.values))})"
        check_names.pop(name_check(first), None)
        if check_names:
            sentence += f"; also {list_names([*check_names.values()])}"
        # The time comes last, so that sentences of one alarm begin with the same words in every window
        if self.since:
            sentence += f"; since {self.since}"
        return sentence


def group_into_alarms(check_results: Iterable[CheckResult], since: Mapping[str, str]) -> Results:
    """The results, in which each violation gets the number of its alarm (1 is the largest), its words, and the alarm's
    beginning.

    since: the beginning of each cause's alarm, from the previous window.
    """
    check_results = tuple(check_results)
    # The number of an alarm is its rank: alarm 1 has the largest severity
    alarms = sorted(_group_violations(check_results), key=_compute_alarm_severity, reverse=True)
    alarm_number_by_id: dict[int, int] = {}
    for number, violations in enumerate(alarms, start=1):
        alarm_number_by_id |= dict.fromkeys(map(id, violations), number)

    # Store the alarm's number, words and beginning in each violation
    results_with_alarms = []
    for violation in check_results:
        if violation.is_violated:
            # The earlier of both times: if a window is run again, the beginning must not move
            start_times = [time for time in (since.get(name_cause(violation)), violation.since) if time]
            members: dict[str, Any] = {"since": min(start_times, default=None)}
            alarm_number = alarm_number_by_id.get(id(violation))
            if alarm_number is not None:
                members |= {"alarm": alarm_number, "words": violation.words or name_change(violation)}
            violation = violation.model_copy(update=members)
        results_with_alarms.append(violation)
    return tuple(results_with_alarms)


def _group_violations(check_results: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """The violations of each alarm: all violations with one cause are one alarm."""
    causes = group_by((violation for violation in check_results if violation.is_violation), name_cause)
    alarms: dict[Hashable, list[CheckResult]] = {}
    for name, violations in causes.items():
        key: Hashable = name
        for violation in violations:
            # If several features have the same number of missing values, probably the same rows lack all of them
            if violation.check == COMPLETENESS:
                key = (violation.observed, violation.m)
                break
        alarms.setdefault(key, []).extend(violations)
    return list(alarms.values())


def _compute_alarm_severity(violations: Sequence[CheckResult]) -> float:
    # A metric that repeats another in other units, such as a norm, doesn't count for the size
    originals = [violation for violation in violations if violation.same_as is None]
    return max(violation.severity for violation in originals or violations)


def list_alarm_starts(check_results: Iterable[CheckResult], window_start: str) -> dict[str, str]:
    """The beginning of each cause's alarm, the largest alarm first; stored for the next window."""
    violations = [check_result for check_result in check_results if check_result.is_violated]
    # Results of checks in BESIDE have no number and come last
    violations.sort(key=lambda violation: violation.alarm or math.inf)
    return {name_cause(violation): violation.since or window_start for violation in violations}


def collect_alarms(check_results: Iterable[CheckResult]) -> list[Alarm]:
    """The alarms of a run, the largest first."""
    numbered = (violation for violation in check_results if violation.alarm is not None)
    alarms = group_by(numbered, lambda violation: violation.alarm or 0)
    return [Alarm(_sort_alarm(violations)) for _, violations in sorted(alarms.items())]


def group_by_cause(results: Iterable[CheckResult]) -> list[list[CheckResult]]:
    """The violations by cause, the largest violation first."""
    violations = [check_result for check_result in results if check_result.is_violated]
    violations.sort(key=lambda violation: (violation.alarm or math.inf, *rank_severity(violation)))
    return list(group_by(violations, name_cause).values())


def rank_severity(violation: CheckResult) -> tuple[bool, float, bool]:
    """A sort key: by severity, metrics that repeat another one last; at equal severity a user's own rule comes first."""
    return violation.same_as is not None, -violation.severity, violation.check != EXPECTATION


def name_check(check_result: CheckResult) -> str:
    """The metric's name, or else the check's."""
    return check_result.metric or format_check(check_result)


def _sort_alarm(alarm: list[CheckResult]) -> Results:
    """The alarm's results: a common cause of several features comes first, then the largest."""
    sorted_alarm = sorted(alarm, key=rank_severity)
    if len(set(map(name_cause, alarm))) > 1:
        sorted_alarm.sort(key=lambda violation: violation.check != COMPLETENESS)
    return tuple(sorted_alarm)
