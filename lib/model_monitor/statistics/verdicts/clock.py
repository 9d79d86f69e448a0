"""What follows the hour of the day or the weekday, told from a change that stays. Pure.

A window that was an alarm at the same hour of earlier days, and stands out from the other hours, may be a season. What all
hours have in common is a level, which never is one, however long it lasts.

Source: D4.18.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
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
FEW = (0.05, 0.95)

CLOCK_DAY, CLOCK_WEEK = "clock:day", "clock:week"
CLOCK_LATER, CLOCK_EARLIER = "clock:day+1h", "clock:day-1h"
CLOCK = (CLOCK_DAY, CLOCK_WEEK, CLOCK_LATER, CLOCK_EARLIER)
"""What windows of the same hour say: those of the days before, of the weekday, and of the hours beside it when clocks change."""

CLOCKS_CHANGE = (3, 4, 9, 10, 11)
"""Months of the days on which somewhere in the world clocks are put forward or back, and of the two weeks after them."""


@dataclass(frozen=True, slots=True)
class Season:
    """What a column is like at this hour. days: earlier ones on which it was an alarm and stood out. since: when the first of
    them began, `back` minutes before this one. learnt: whether the column is known to follow the clock for a week. stands_out:
    whether this hour is unlike the others, or the weekday is.
    """

    days: int = 0
    back: int = 0
    learnt: bool = False
    stands_out: bool = False
    weekly: bool = False
    since: str | None = None


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
    def _weekdays_differ(self) -> bool:
        """Whether days of 24 hours up to now are like those a week before, and not like each other."""
        whole = self._days <= self.back.max() // DAY
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
            or self._weekdays_differ
        )

    def season(self) -> Season:
        """What the windows say of this hour."""
        hours = self.back % DAY
        here = hours == 0
        now = here & self.alarmed
        learnt = self.back.max() >= WEEK * DAY and (self._hours_differ or self._weekdays_differ)
        learnt = learnt or any(self._recurs(hours == hour) for hour in np.unique(hours[self.alarmed]))
        a_week_ago = now & (self.back % (WEEK * DAY) == 0)
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


def like_this_hour(told: PastHours | None, month: int) -> dict[str, tuple[int, ...]]:
    """Which windows a column is compared with, by reference: minutes before this one, the latest first. told: of the windows
    beside `clock:day`. Those that were unlike the days before them are no examples, but where a week of them makes a new season.
    """
    off = set() if told is None else set(told.back[told.alarmed].tolist())
    if told is not None and told.has_moved():
        return {CLOCK_DAY: tuple(DAY * day for day in range(1, WEEK + 1))}
    found = {CLOCK_DAY: tuple(_examples(off))}
    if WEEK * DAY in off:
        found[CLOCK_WEEK] = (WEEK * DAY, LOOKED_BACK * DAY)
    if month in CLOCKS_CHANGE:
        found |= {
            name: tuple(DAY * day + by for day in range(1, LOOKED_BACK + 1) if DAY * day + by not in off)
            for name, by in ((CLOCK_LATER, -60), (CLOCK_EARLIER, 60))
        }
    return found


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
    """The variance between groups of units of each score, beside that of units in them and beside 1; 0 where too few tell."""
    _, units = np.unique(units, return_inverse=True)
    sizes = np.bincount(units).astype(float)
    of = np.zeros(len(sizes), dtype=np.int64)
    of[units] = groups
    weights = np.bincount(of, sizes)
    freedom = len(sizes) - np.count_nonzero(weights), np.count_nonzero(weights) - 1
    if not all(freedom):
        return np.zeros(scores.shape[1])
    found = []
    for score in scores.T:
        means = np.bincount(units, score) / sizes
        whole = np.bincount(of, means * sizes) / np.maximum(weights, 1)
        within = float(sizes @ (means - whole[of]) ** 2) / freedom[0]
        found.append(float(weights @ (whole - score.mean()) ** 2) / freedom[1] / max(within, 1.0))
    return np.array(found)
