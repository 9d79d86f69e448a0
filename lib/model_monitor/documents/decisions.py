"""_decisions/<time>-<run id>.json: a person looked at a run's alarms and says that they are fine.

Ours, above the hour folders; one file for each decision. Times are UTC, `2021-05-06T22:00:00Z`. Driver only, pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from pydantic import Field

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.documents.document import Document
from model_monitor.documents.summary import whose
from model_monitor.documents.values import Name, Number

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
    FOREIGN: ClassVar[Mapping[str, str]] = {"checks": "a checks.json"}

    version: Number = Field(default=1.0)
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
