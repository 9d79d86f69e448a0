"""One change is one alarm: violations with one cause, in words; _alerts.json has what was monitored and who was notified.
Pure.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from model_monitor.documents.check_results import CheckResult, whose
from model_monitor.documents.document import Count, Document, Name, Number, Section

COMPLETENESS = "completeness_check"

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
        said += f"; the same of {_some(alike)}" if alike else ""
        said += f"; also {_some([name + values for name, values in also.items()])}" if also else ""
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
    return tuple(
        result.model_copy(
            update={
                "alarm": numbers[id(result)],
                "words": result.words or plain_words(result),
                "since": since.get(cause(result)),
            }
        )
        if id(result) in numbers
        else result
        for result in results
    )


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


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


# _alerts.json: the windows that were monitored, whether there is an alert, when that changed, and who was told.


class AlertStatus(Enum):
    """Whether enough of the last windows had violations, in the service's words."""

    OK = "OK"
    IN_ALERT = "InAlert"


class MonitoredWindow(Section):
    """One window that a run completed.

    window: what tells it from others: its times, its hour folder, or the run's id; a rerun has the same. time: when it ended,
    by which windows are ordered. violations: how many the run found. records: how many the run kept; None of a run before they
    were noted. told: sinks that have this run's numbers and must not get them twice. since: by an alarm's cause when the first
    of the windows in a row that had it began.
    """

    window: Name
    time: Name
    violations: Count
    run_id: Name
    records: Count | None = None
    told: tuple[Name, ...] = ()
    since: Mapping[str, Name] | None = None


class Transition(Section):
    """A change of the alert. time, window: of the window that was monitored last when it changed."""

    time: Name
    window: Name
    status: AlertStatus


class Told(Section):
    """What a sink was last told. sink: its name and a hash of its target, which may be a secret."""

    sink: Name
    status: AlertStatus


class Alerts(Document):
    """_alerts.json. windows: the last ones, in the order of their times. transitions: the oldest first."""

    FILE_NAME: ClassVar[str] = "_alerts.json"
    MEANT: ClassVar[str] = "_alerts.json of monitoring runs"

    version: Number = 0.0
    status: AlertStatus = AlertStatus.OK
    windows: tuple[MonitoredWindow, ...] = ()
    transitions: tuple[Transition, ...] = ()
    told: tuple[Told, ...] = ()

    def since_before(self, time: str) -> Mapping[str, str]:
        """The alarms of the last window that ended before a time, and since when there were."""
        return next((window.since or {} for window in reversed(self.windows) if window.time < time), {})

    def told_of(self, sink: str) -> AlertStatus:
        """What `sink` was last told; OK if it never was told anything."""
        return next((told.status for told in self.told if told.sink == sink), AlertStatus.OK)
