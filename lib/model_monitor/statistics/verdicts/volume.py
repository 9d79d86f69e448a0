"""How many rows a window should have, and how fresh they should be, learnt from earlier windows. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from model_monitor.statistics.drift.distributions import Values
from model_monitor.statistics.drift.special_functions import student_above
from model_monitor.statistics.verdicts.variation import FEWEST_WINDOWS, lomax_above, moderation

LEAST_CHANGE = math.log(1.25)  # a change by less than a quarter is not worth a word

STEADY = 1e-3  # a line through earlier windows as steep as chance makes one more rarely is growth

LEAST_GAP, FINEST_GAP = 0.1, 1e-4
"""Shares of a window's length: by how much the newest row has to be older than usual, and what is as good as nothing."""

Earlier: TypeAlias = Sequence[tuple[datetime, float, float]]
"""Of each window when it ended, its rows, and the minutes from the newest one to that end."""

_SEASONS: tuple[Callable[[datetime], Any], ...] = (lambda time: (time.weekday(), time.hour), lambda time: time.hour)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many rows earlier windows had, and how fresh they were. start, time: when the window begins, if it is known, and ends.
    fresh: those of the earlier ones whose newest row is known. newest: the window's own. until: up to when rows are there, of a
    window under way. by_then: the rows that earlier ones had as long after they began.
    """

    time: datetime
    earlier: Earlier
    start: datetime | None = None
    fresh: Earlier = ()
    newest: datetime | None = None
    until: datetime | None = None
    by_then: Earlier = ()

    @property
    def usual(self) -> Usual | None:
        """The rows that the window should have, by now if it is under way and earlier ones tell that; None if too few do."""
        earlier = self.by_then if self._knows_by_then else self.earlier
        season = _season(self.time, earlier)
        return None if season is None else _usual(self.time, earlier, season)

    @property
    def _knows_by_then(self) -> bool:
        return _season(self.time, self.by_then) is not None

    @property
    def usual_gap(self) -> UsualGap | None:
        """How long after its newest row a window ends; None if too few earlier ones tell."""
        if self.start is None or (season := _season(self.time, self.fresh)) is None:
            return None
        rows, gaps = np.array([known for time, *known in self.fresh if season(time) == season(self.time)]).T
        return UsualGap(rows, gaps, in_minutes(self.time - self.start))

    @property
    def gap(self) -> float | None:
        """Minutes from the newest row to the end of the window, or of what is there of it."""
        return None if self.newest is None else in_minutes((self.until or self.time) - self.newest)

    def chance_of(self, rows: float, usual: Usual) -> float:
        """The probability of so many rows. A window under way may have fewer than a whole one; more are too many already."""
        is_of_whole = self.until is not None and not self._knows_by_then
        return 1.0 if is_of_whole and rows < usual.rows else usual.chance_of(rows)

    def rows_of_all(self, rows: float) -> float:
        """The rows that the window has if they come as those that are there."""
        return rows * ((self.time - self.start) / (self.until - self.start)) if self.until and self.start else rows


def in_minutes(age: timedelta) -> float:
    """How old a row is; 0 of one that came after the window."""
    return max(0.0, age / timedelta(minutes=1))


def _season(now: datetime, earlier: Earlier) -> Callable[[datetime], Any] | None:
    """What windows like this one have in common: the hour of the weekday if enough ended then, else the hour, else nothing
    if they cover a day. None if too few do.
    """
    times = [time for time, *_ in earlier]
    for season in _SEASONS:
        if sum(season(time) == season(now) for time in times) >= FEWEST_WINDOWS:
            return season
    covers_a_day = len(times) >= FEWEST_WINDOWS and max(times) - min(times) >= timedelta(days=1)
    return (lambda time: None) if covers_a_day else None


@dataclass(frozen=True, slots=True)
class Usual:
    """The rows of a window, as earlier ones had them. log: the expected logarithm. deviation: how far from it a window is, with
    so many degrees of freedom. windows: of the season.
    """

    log: float
    deviation: float
    freedom: float
    windows: int

    @property
    def rows(self) -> float:
        return math.exp(self.log) - 0.5

    def chance_of(self, rows: float) -> float:
        """The two-sided probability of so many rows, or so few; 1 for a change that is too small."""
        change = abs(math.log(rows + 0.5) - self.log)
        return 1.0 if change < LEAST_CHANGE else min(1.0, 2 * student_above(change / self.deviation, self.freedom))


def _usual(now: datetime, earlier: Earlier, season: Callable[[datetime], Any]) -> Usual:
    """Geometric means of the seasons on one line of growth, which is followed where it is steeper than chance makes one.

    Sources: of the line Draper and Smith 1998, "Applied Regression Analysis", 1.4 and 14; of the variance `moderation`.
    """
    seasons = [season(time) for time, *_ in earlier]
    names = [season(now), *({*seasons} - {season(now)})]
    of = np.array([names.index(each) for each in seasons])
    days = np.array([(time - now) / timedelta(days=1) for time, *_ in earlier])
    logs = np.log(np.array([rows for _, rows, _ in earlier]) + 0.5)
    windows = np.bincount(of)
    middle, mean = np.bincount(of, days) / windows, np.bincount(of, logs) / windows
    days, rest = days - middle[of], logs - mean[of]
    squares, freedom = float(days @ days), len(logs) - len(names) - 1
    slope = float(days @ rest) / squares if squares else 0.0
    around = rest - slope * days
    error = math.sqrt(max(float(around @ around), 1e-12) / max(1, freedom) / max(squares, 1e-12))
    if freedom < FEWEST_WINDOWS - 2 or 2 * student_above(abs(slope) / error, freedom) > STEADY:
        slope, error, around = 0.0, 0.0, rest
    expected = float(mean[0] - slope * middle[0])
    squares_of = np.bincount(of, around**2).astype(float)
    freedoms = windows.astype(float) - 1 - (slope != 0) / len(names)
    more, prior = moderation(squares_of, freedoms)
    free = float(freedoms[0]) + more
    variance = (float(squares_of[0]) + more * prior) / free
    variance = max(variance, math.exp(-expected))  # of independent rows at least
    deviation = math.sqrt(variance * (1 + 1 / windows[0]) + (error * middle[0]) ** 2)
    return Usual(expected, deviation, free, int(windows[0]))


@dataclass(frozen=True, slots=True)
class UsualGap:
    """Rows and gaps of earlier windows, and how long a window is; times in minutes."""

    rows: Values
    gaps: Values
    length: float

    @property
    def minutes(self) -> float:
        """The geometric mean."""
        return math.exp(float(self._logs.mean())) - self._finest

    @property
    def _finest(self) -> float:
        return FINEST_GAP * self.length

    @property
    def _logs(self) -> Values:
        return np.log(self.gaps + self._finest)

    def chance_of(self, gap: float, rows: float) -> float:
        """The probability of so long a gap, if gaps vary as those did, or the rows that would have come in them; 1 for a change
        that is too small.
        """
        if gap < self.minutes + LEAST_GAP * self.length:
            return 1.0
        logs = self._logs
        spread = math.sqrt(max(float(logs.var(ddof=1)), FINEST_GAP) * (1 + 1 / len(logs)))
        by_gap = student_above((math.log(gap + self._finest) - float(logs.mean())) / spread, len(logs) - 1)
        return max(by_gap, lomax_above(gap * rows, self.gaps * self.rows, self._finest))
