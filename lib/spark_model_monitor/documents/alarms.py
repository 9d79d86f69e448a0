"""Alarms: all violations with one cause are one change, and one sentence. Pure."""

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
    """The violations with one cause, the clearest first."""

    results: tuple[CheckResult, ...]

    @property
    def since(self) -> str | None:
        """When the first of the consecutive windows with it began; None if this is the first."""
        return min((violation.since for violation in self.results if violation.since), default=None)

    def sentence(self) -> str:
        """What was, what is, since when, without a full stop."""
        first, *further = self.results
        sentence = describe_finding(first)
        # How far two distributions are apart; other changes have their numbers in them
        if first.method is not None:
            sentence += f"; {describe_evidence(first)}"
        # Other features with the same cause, then other checks that say more of it
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
        # Last, so that every sentence of one alarm begins alike from window to window
        if self.since:
            sentence += f"; since {self.since}"
        return sentence


def group_into_alarms(check_results: Iterable[CheckResult], since: Mapping[str, str]) -> tuple[CheckResult, ...]:
    """The results; violations get the number of their alarm (1 is the largest), words, and since when the alarm exists.

    since: when each cause's alarm began, from the previous window.
    """
    check_results = tuple(check_results)
    # All violations of one cause are one alarm
    causes = group_by((violation for violation in check_results if violation.is_violation), cause)
    alarms: dict[Hashable, list[CheckResult]] = {}
    for name, violations in causes.items():
        key: Hashable = name
        lacking = next((violation for violation in violations if violation.check == COMPLETENESS), None)
        # Probably the same rows lack all features of which as many values are missing
        if lacking is not None:
            key = (lacking.check, lacking.observed, lacking.m)
        alarms.setdefault(key, []).extend(violations)

    def rank(violations: list[CheckResult]) -> float:
        # What repeats another metric in other units, such as a norm, says nothing of the size
        of_own_units = [violation for violation in violations if violation.same_as is None] or violations
        return -max(map(compute_severity, of_own_units))

    # The number of an alarm is its rank: 1 has the largest severity
    ordered = sorted(alarms.values(), key=rank)
    numbers = {id(violation): number for number, violations in enumerate(ordered, start=1) for violation in violations}

    # The alarm's number, its words, and its beginning
    results_with_alarms = []
    for violation in check_results:
        if violation.is_violated:
            # The earlier of both: a repeated window must not move the beginning
            start_times = [time for time in (since.get(cause(violation)), violation.since) if time]
            members: dict[str, Any] = {"since": min(start_times, default=None)}
            if id(violation) in numbers:
                members |= {"alarm": numbers[id(violation)], "words": violation.words or name_change(violation)}
            violation = violation.model_copy(update=members)
        results_with_alarms.append(violation)
    return tuple(results_with_alarms)


def list_alarm_starts(check_results: Iterable[CheckResult], began: str) -> dict[str, str]:
    """When the alarm of each cause began, the largest alarm first, for the next window. began: this window's start."""
    violations = [check_result for check_result in check_results if check_result.is_violated]
    # BESIDE results have no number and come last
    largest_first = sorted(violations, key=lambda violation: violation.alarm or float("inf"))
    return {cause(violation): violation.since or began for violation in largest_first}


def collect_alarms(check_results: Iterable[CheckResult]) -> list[Alarm]:
    """The alarms of a run, the largest first."""
    numbered = (violation for violation in check_results if violation.alarm is not None)
    alarms = group_by(numbered, lambda violation: violation.alarm or 0)
    return [Alarm(_sort_alarm(violations)) for _, violations in sorted(alarms.items())]


def _sort_alarm(alarm: list[CheckResult]) -> tuple[CheckResult, ...]:
    """The results with what several features have in common first, else the largest first."""
    ordered = sorted(alarm, key=rank_severity)
    if len(set(map(cause, alarm))) > 1:
        ordered.sort(key=lambda violation: violation.check != COMPLETENESS)
    return tuple(ordered)
