"""What follows the hour of the day or the weekday, told from a change that stays. Pure.

A window that was an alarm at the same hour of earlier days, and stands out from the other hours, may be a season. What all
hours have in common is a level, which never is one, however long it lasts.

Source: D4.18.
"""

from __future__ import annotations

from calendar import SUNDAY, monthcalendar
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Scores: TypeAlias = NDArray[np.float64]  # shape (windows, scores)

DAY, WEEK = 1440, 7  # minutes, days
LOOKED_BACK = 14  # days
FEWEST_DAYS, MOST_OF_THEM = 5, 0.7  # that were an alarm, and of those since the first one
HOURS_DIFFER, WEEKDAYS_DIFFER = 5.0, 25.0
"""The variance between hours, or weekdays, beside that within them, and beside that of rows: more than chance makes."""
STANDS_OUT = 3.0  # normal scores from the level
CLOSER, CERTAIN = 9.0, 18.0  # squared scores of a column's windows together, to one hour than to another
FEW = (0.05, 0.95)
FEWEST_GROUPS, ODD_GROUPS = 6, 2  # with more than one unit, for so many of them to be left out
CHOSEN = 5.0  # by how much more the others have to differ then, as it is those that vary the least

CLOCK_DAY, CLOCK_WEEK = "clock:day", "clock:week"
FORWARD, BACK = "+1h", "-1h"
CLOCK_LATER, CLOCK_EARLIER = CLOCK_DAY + FORWARD, CLOCK_DAY + BACK
CLOCK = tuple(each + by for by in ("", FORWARD, BACK) for each in (CLOCK_DAY, CLOCK_WEEK))
"""What windows of the same hour say: those of the days before, of the weekday, and both if clocks were changed since."""

CLOCKS_CHANGE = {FORWARD: (-60, ((3, 2), (3, -1), (9, 1), (9, -1), (10, 1))), BACK: (60, ((4, 1), (10, -1), (11, 1)))}
"""By how much earlier an hour was, in minutes, and the Sundays of a month on which somewhere in the world clocks are changed."""


@dataclass(frozen=True, slots=True)
class Season:
    """What a column is like at this hour. days: earlier ones on which it was an alarm and stood out. since: when the first of
    them began, `back` minutes before this one. learnt: whether the column is known to follow the clock for a week. stands_out:
    whether this hour is unlike the others, or the weekday is. like: the reference of an hour that its windows are closest to,
    another one where clocks were changed. unlike: those that they are known to be further from since then.
    """

    days: int = 0
    back: int = 0
    learnt: bool = False
    stands_out: bool = False
    weekly: bool = False
    since: str | None = None
    like: str = CLOCK_DAY
    unlike: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class PastHours:
    """Earlier windows of one column beside one reference. back: minutes before this one. alarmed: which were an alarm.
    scores: the signed ones of each, shape (windows, scores).
    """

    back: NDArray[np.int64]
    alarmed: NDArray[np.bool_]
    scores: Scores

    @cached_property
    def _days(self) -> NDArray[np.int64]:
        """How many days back, 1 of the last 24 hours."""
        return -(-self.back // DAY)

    @cached_property
    def _level(self) -> NDArray[np.float64]:
        """The mean of each score in a week, in which a few hours that are unlike all others count as the next ones."""
        week = self.scores[self._days <= WEEK]
        found: NDArray[np.float64] = week.clip(*np.quantile(week, FEW, axis=0)).mean(axis=0)
        return found

    def _stands_out(self, those: NDArray[np.bool_]) -> bool:
        level = np.abs(self._level)
        apart = np.abs(np.median(self.scores[those], axis=0) - self._level)
        return bool(np.any(apart > np.maximum(level, STANDS_OUT)))

    def _recurs(self, cell: NDArray[np.bool_]) -> bool:
        """Whether these windows of one hour were alarms for a week."""
        days = self._days[cell & self.alarmed]
        if len(days) < FEWEST_DAYS or days.max() < WEEK or self.back.max() < WEEK * DAY:
            return False
        since_then = np.count_nonzero(cell & (self._days <= days.max()))
        return len(days) >= MOST_OF_THEM * since_then and self._stands_out(cell & self.alarmed)

    @cached_property
    def _hours_differ(self) -> bool:
        """Whether a score depends on the hour, more than one hour does on the day."""
        _, hours = np.unique(self.back % DAY, return_inverse=True)
        return bool(np.any(_by_variance(self.scores, hours, np.arange(len(hours))) > HOURS_DIFFER))

    @cached_property
    def weekdays_differ(self) -> bool:
        """Whether days of 24 hours up to now that are mostly there are like those a week before, and not like each other."""
        windows = np.bincount(self._days)[self._days]
        whole = (self._days <= self.back.max() // DAY) & (windows >= MOST_OF_THEM * windows.max())
        days = self._days[whole]
        return bool(np.any(_by_variance(self.scores[whole], days % WEEK, days) > WEEKDAYS_DIFFER))

    @cached_property
    def may_be_seasonal(self) -> bool:
        """Whether hours differ, or anything was an alarm at the same hour twice, at this hour yesterday, or a week ago."""
        back = self.back[self.alarmed]
        _, counts = np.unique(back % DAY, return_counts=True)
        return (
            bool((counts > 1).any() or np.isin(back, (DAY, WEEK * DAY)).any())
            or self._hours_differ
            or self.weekdays_differ
        )

    def season(self, ended: datetime) -> Season:
        """What the windows say of the hour of the one that ended then."""
        hours = self.back % DAY
        here = hours == 0
        now = here & self.alarmed
        learnt = self.back.max() >= WEEK * DAY and (self._hours_differ or self.weekdays_differ)
        learnt = learnt or any(self._recurs(hours == hour) for hour in np.unique(hours[self.alarmed]))
        a_week_ago = self.alarmed & np.isin(self.back, _weeks_ago(self.back, ended))
        weekly = bool(a_week_ago.any()) and self._stands_out(a_week_ago)
        days = now.any() and self._stands_out(now)
        stands_out = bool(days or weekly or (learnt and here.any() and self._stands_out(here)))
        if not days:
            return Season(learnt=learnt, stands_out=stands_out, weekly=weekly)
        return Season(int(now.sum()), int(self.back[now].max()), learnt, stands_out, weekly)

    def has_moved(self) -> bool:
        """Whether this hour was an alarm on each day of a week, and other hours were not so alike."""
        week = (self.back % DAY == 0) & (self._days <= WEEK)
        return np.count_nonzero(week) >= FEWEST_DAYS and bool(self.alarmed[week].all()) and self._stands_out(week)


def beside_its_hour(told: Mapping[str, PastHours], ended: datetime) -> tuple[str, frozenset[str], PastHours | None]:
    """Which reference of an hour a column's windows are closest to since clocks may have changed, which it has nothing to do with
    any more, and what it was beside its hour: no alarm where it was as usual at another one. told: windows of the last two weeks,
    by reference. ended: when this one did.
    """
    of_day, unlike = told.get(CLOCK_DAY), set[str]()
    if of_day is None:
        return CLOCK_DAY, frozenset(), None
    like, alarmed, closest = CLOCK_DAY, of_day.alarmed, CLOSER
    changed = {by: known for by, _, _, known in _clocks_changed(ended)}
    for by in CLOCKS_CHANGE:
        if (other := told.get(CLOCK_DAY + by)) is None:
            continue
        back, here, there = np.intersect1d(of_day.back, other.back, assume_unique=True, return_indices=True)
        closer = _squares(told, "")[here] - _squares(told, by)[there]
        since = float(closer.cumsum().max(initial=0.0))  # the last windows are the first ones here
        certain = float(closer[back < changed.get(by, 0)].clip(-CLOSER, CLOSER).sum())  # no window says it alone
        if since > closest:
            like, closest = CLOCK_DAY + by, since
            alarmed = of_day.alarmed.copy()
            alarmed[here] &= other.alarmed[there]
            unlike |= {CLOCK_DAY, CLOCK_WEEK} if certain >= CERTAIN else set()
        if certain <= -CERTAIN:
            unlike |= {CLOCK_DAY + by, CLOCK_WEEK + by}
    return like, frozenset(unlike), replace(of_day, alarmed=alarmed)


def _squares(told: Mapping[str, PastHours], by: str) -> NDArray[np.float64]:
    """The squared scores of each window beside an hour, or beside its weekday if they are smaller."""
    found: NDArray[np.float64] = np.square(told[CLOCK_DAY + by].scores).sum(axis=1)
    if (week := told.get(CLOCK_WEEK + by)) is not None:
        backs = told[CLOCK_DAY + by].back, week.back
        _, here, there = np.intersect1d(*backs, assume_unique=True, return_indices=True)
        found[here] = np.minimum(found[here], np.square(week.scores[there]).sum(axis=1))
    return found


def like_this_hour(
    told: PastHours | None, ended: datetime, there: Collection[int], odd: Collection[int] = (), *, weekly: bool = False
) -> dict[str, tuple[int, ...]]:
    """Which windows a column is compared with, by reference: minutes before the one that ended then. told: those
    beside `clock:day`. What was unlike the days before it is no example, but where a week of them makes a new season. there: all
    windows. odd: those that were unlike their weekday. weekly: whether weekdays are known to differ.
    """
    off = set() if told is None else set(told.back[told.alarmed].tolist())
    has_moved = told is not None and told.has_moved()
    week, examples = _weeks_ago(there, ended), tuple(_examples(off))
    if has_moved or (weekly and {*examples}.isdisjoint(there)):  # each weekday is unlike the days before it
        examples = tuple(DAY * day for day in range(1, WEEK + 1))
    found = {CLOCK_DAY: examples}
    weeks = {"": week}
    for by, minutes, changed, known in () if has_moved else _clocks_changed(ended):
        days = (DAY * day for day in range(1, LOOKED_BACK + 1))
        found[CLOCK_DAY + by] = tuple(back for back in _at_that_hour(days, minutes, changed, known) if back not in off)
        weeks[by] = tuple(_at_that_hour(week, minutes, changed, known))
    for by, those in weeks.items():
        if weekly or not off.isdisjoint(those):
            found[CLOCK_WEEK + by] = tuple(back for back in those if back in there and back not in odd) or those
    return found


def _weeks_ago(there: Collection[int], ended: datetime) -> tuple[int, ...]:
    """Windows of this hour of the weekday; where that of a week ago is missing, those beside it; where all of these are, those
    beside that of two weeks ago; where all are, those beside that are of another day.
    """
    minute = (60 * ended.hour + ended.minute - 1) % DAY
    of_another_day = 60 if minute < 60 else -60 if minute >= DAY - 60 else 0
    last, before = (tuple(DAY * days + by for by in (-60, 60) if by != of_another_day) for days in (WEEK, LOOKED_BACK))
    last = (WEEK * DAY,) if WEEK * DAY in there else last
    for found in ((*last, LOOKED_BACK * DAY), before):
        if not {*found}.isdisjoint(there):
            return found
    return WEEK * DAY + of_another_day, LOOKED_BACK * DAY + of_another_day


def _clocks_changed(ended: datetime) -> Iterator[tuple[str, int, int, int]]:
    """Of changes in the last two weeks: what is said of them, by how much earlier an hour was before, and how many minutes ago
    all of them were to come, and had come.
    """
    for by, (minutes, sundays) in CLOCKS_CHANGE.items():
        noons = (datetime(ended.year, month, _sunday(ended.year, month, which), 12) for month, which in sundays)
        ago = [(ended.replace(tzinfo=None) - noon) // timedelta(minutes=1) for noon in noons]
        ago = [each for each in ago if -DAY < each < (LOOKED_BACK - 1) * DAY]
        if ago:
            yield by, minutes, max(ago) + DAY, min(ago)


def _sunday(year: int, month: int, which: int) -> int:
    found = [week[SUNDAY] for week in monthcalendar(year, month) if week[SUNDAY]]
    return found[which - (which > 0)]


def _at_that_hour(backs: Iterable[int], minutes: int, changed: int, known: int) -> Iterator[int]:
    """Windows of the same hour of people: what lies between is of neither, as nobody knows where they are."""
    for back in backs:
        if back <= known:
            yield back
        elif back + minutes >= changed:
            yield back + minutes


def _examples(off: Collection[int]) -> Iterator[int]:
    """Windows of this hour, but for those before a change that has become usual since."""
    found, in_a_row = 0, 0
    for back in range(DAY, LOOKED_BACK * DAY + 1, DAY):
        in_a_row = in_a_row + 1 if back in off else 0
        if found and in_a_row >= FEWEST_DAYS:
            return
        if back not in off:
            found += 1
            yield back


def _by_variance(scores: Scores, groups: NDArray[np.int64], units: NDArray[np.int64]) -> NDArray[np.float64]:
    """The variance between groups of units of each score, beside that of units in them and beside 1; 0 where too few tell. An odd
    day, which may lie in two groups, is not held against the others: without the two whose units differ the most it may be more.
    """
    _, units = np.unique(units, return_inverse=True)
    sizes = np.bincount(units).astype(float)
    of = np.zeros(len(sizes), dtype=np.int64)
    of[units] = groups
    weights, freedom = np.bincount(of, sizes).astype(float), np.bincount(of) - 1
    found = []
    for score in scores.T:
        means = np.bincount(units, score) / sizes
        whole = np.bincount(of, means * sizes) / np.maximum(weights, 1)
        squares = np.bincount(of, sizes * (means - whole[of]) ** 2)
        calm = np.argsort(np.where(weights > 0, squares, np.inf), kind="stable")[: np.count_nonzero(weights)]
        every, most_of_them = (
            _between(whole[those], weights[those], squares[those].sum(), freedom[those].sum())
            for those in (calm, calm[:-ODD_GROUPS])
        )
        is_week = np.count_nonzero(freedom > 0) >= FEWEST_GROUPS
        found.append(max(every, most_of_them / CHOSEN if is_week else 0.0))
    return np.array(found)


def _between(means: NDArray[np.float64], weights: NDArray[np.float64], within: float, freedom: int) -> float:
    if len(means) < 2 or not freedom:
        return 0.0
    apart = means - weights @ means / weights.sum()
    return float(weights @ apart**2) / (len(means) - 1) / max(within / freedom, 1.0)
