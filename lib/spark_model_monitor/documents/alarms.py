"""Alarms: all violations with the same cause are one alarm with one sentence. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from spark_model_monitor.documents.change_description import describe_evidence, describe_finding, name_change
from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    CheckResult,
    cause,
    compute_severity,
    name_check,
    rank_severity,
)
from spark_model_monitor.documents.outcome import group_by
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.value_class import value_class


@value_class
class Alarm:
    """All violations with one cause, the clearest first."""

    results: tuple[CheckResult, ...]

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
        same_causes = [name for name in dict.fromkeys(map(cause, further)) if name != cause(first)]
        if same_causes:
            sentence += f"; the same of {list_names(same_causes)}"
        values_by_check: dict[str, str] = {}
        for violation in further:
            values = ", ".join(map(repr, violation.values or ()))
            values_by_check[name_check(violation)] = f" ({values})" if values else ""
        values_by_check.pop(name_check(first), None)
        if values_by_check:
            sentence += f"; also {list_names([name + values for name, values in values_by_check.items()])}"
        # The time comes last, so that sentences of one alarm begin with the same words in every window
        if self.since:
            sentence += f"; since {self.since}"
        return sentence


def group_into_alarms(check_results: Iterable[CheckResult], since: Mapping[str, str]) -> tuple[CheckResult, ...]:
    """The results, in which each violation gets the number of its alarm (1 is the largest), its words, and the alarm's
    beginning.

    since: the beginning of each cause's alarm, from the previous window.
    """
    check_results = tuple(check_results)
    # All violations with one cause form one alarm
    causes = group_by((violation for violation in check_results if violation.is_violation), cause)
    alarms: dict[Hashable, list[CheckResult]] = {}
    for name, violations in causes.items():
        key: Hashable = name
        lacking = next((violation for violation in violations if violation.check == COMPLETENESS), None)
        # If several features have the same number of missing values, probably the same rows lack all of them
        if lacking is not None:
            key = (lacking.check, lacking.observed, lacking.m)
        alarms.setdefault(key, []).extend(violations)

    def rank(violations: list[CheckResult]) -> float:
        # A metric that repeats another in other units, such as a norm, doesn't count for the size
        of_own_units = [violation for violation in violations if violation.same_as is None] or violations
        return -max(map(compute_severity, of_own_units))

    # The number of an alarm is its rank: alarm 1 has the largest severity
    ordered = sorted(alarms.values(), key=rank)
    numbers = {id(violation): number for number, violations in enumerate(ordered, start=1) for violation in violations}

    # Store the alarm's number, words and beginning in each violation
    results_with_alarms = []
    for violation in check_results:
        if violation.is_violated:
            # The earlier of both times: if a window is run again, the beginning must not move
            start_times = [time for time in (since.get(cause(violation)), violation.since) if time]
            members: dict[str, Any] = {"since": min(start_times, default=None)}
            if id(violation) in numbers:
                members |= {"alarm": numbers[id(violation)], "words": violation.words or name_change(violation)}
            violation = violation.model_copy(update=members)
        results_with_alarms.append(violation)
    return tuple(results_with_alarms)


def list_alarm_starts(check_results: Iterable[CheckResult], began: str) -> dict[str, str]:
    """The beginning of each cause's alarm, the largest alarm first; stored for the next window. began: this window's start."""
    violations = [check_result for check_result in check_results if check_result.is_violated]
    # Results of checks in BESIDE have no number and come last
    largest_first = sorted(violations, key=lambda violation: violation.alarm or float("inf"))
    return {cause(violation): violation.since or began for violation in largest_first}


def collect_alarms(check_results: Iterable[CheckResult]) -> list[Alarm]:
    """The alarms of a run, the largest first."""
    numbered = (violation for violation in check_results if violation.alarm is not None)
    alarms = group_by(numbered, lambda violation: violation.alarm or 0)
    return [Alarm(_sort_alarm(violations)) for _, violations in sorted(alarms.items())]


def _sort_alarm(alarm: list[CheckResult]) -> tuple[CheckResult, ...]:
    """The alarm's results: a common cause of several features comes first, then the largest."""
    ordered = sorted(alarm, key=rank_severity)
    if len(set(map(cause, alarm))) > 1:
        ordered.sort(key=lambda violation: violation.check != COMPLETENESS)
    return tuple(ordered)
