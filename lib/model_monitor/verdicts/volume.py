"""Whether a window has as many rows, and as fresh ones, as is usual at its time, learnt from earlier ones. Pure.

Source: D4.10, D4.11.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import numpy as np

from model_monitor.drift.distributions import Values
from model_monitor.verdicts.variation import FEWEST_WINDOWS, lomax_above, student_above

LEAST_CHANGE = math.log(1.25)
"""A change by less than a quarter is not worth a word."""

LEAST_GAP, FINEST_GAP = 0.1, 1e-4
"""Shares of a window's length: by how much the newest row has to be older than usual, and what is as good as nothing."""

Earlier: TypeAlias = Sequence[tuple[datetime, float, float]]
"""Of each window when it ended, its rows, and the minutes from the newest one to that end."""

_SEASONS: tuple[Callable[[datetime], Any], ...] = (lambda time: (time.weekday(), time.hour), lambda time: time.hour)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many rows earlier windows had, and how fresh they were. start, time: when the window begins, if it is known, and ends.
    fresh: those of the earlier ones whose newest row is known. newest: the window's own.
    """

    time: datetime
    earlier: Earlier
    start: datetime | None = None
    fresh: Earlier = ()
    newest: datetime | None = None

    @property
    def alike(self) -> Values | None:
        """The rows of the earlier windows of the season."""
        found = _alike(self.time, self.earlier)
        return None if found is None else found[0]

    @property
    def gaps_alike(self) -> Values | None:
        """Rows and gaps of the earlier windows of the season, shape (2, windows)."""
        return _alike(self.time, self.fresh) if self.start is not None else None

    @property
    def gap(self) -> float | None:
        """Minutes from the newest row to the end of the window."""
        return None if self.newest is None else in_minutes(self.time - self.newest)

    @property
    def minutes(self) -> float:
        """How long the window is."""
        return 0.0 if self.start is None else in_minutes(self.time - self.start)


def in_minutes(age: timedelta) -> float:
    """How old a row is; 0 of one that came after the window."""
    return max(0.0, age / timedelta(minutes=1))


def _alike(now: datetime, earlier: Earlier) -> Values | None:
    """Rows and gaps of the windows that ended at the same hour of the same weekday, if there are enough of them; else of the same
    hour; else of all, if they cover a day. None if too few do.
    """
    for season in _SEASONS:
        found = [known for time, *known in earlier if season(time) == season(now)]
        if len(found) >= FEWEST_WINDOWS:
            return np.array(found).T
    times = [time for time, *_ in earlier]
    if len(times) < FEWEST_WINDOWS or max(times) - min(times) < timedelta(days=1):
        return None
    return np.array([known for _, *known in earlier]).T


def chance_of_rows(rows: float, alike: Values) -> float:
    """The two-sided probability of so many rows, or so few, if windows vary as those did; 1 for a change that is too small."""
    logs = np.log(alike + 0.5)
    change = math.log(rows + 0.5) - float(logs.mean())
    if abs(change) < LEAST_CHANGE:
        return 1.0
    variance = max(float(logs.var(ddof=1)), 1 / (usual(alike) + 0.5))  # of independent rows at least
    return 2 * student_above(abs(change) / math.sqrt(variance * (1 + 1 / len(logs))), len(logs) - 1)


def chance_of_gap(gap: float, rows: float, alike: Values, minutes: float) -> float:
    """The probability of so long a gap, if gaps vary as those of `gaps_alike` did, or the rows that would have come in them; 1
    for a change that is too small. minutes: of the window.
    """
    rows_then, gaps = alike
    if gap < usual_gap(alike, minutes) + LEAST_GAP * minutes:
        return 1.0
    finest = FINEST_GAP * minutes
    logs = np.log(gaps + finest)
    spread = math.sqrt(max(float(logs.var(ddof=1)), FINEST_GAP) * (1 + 1 / len(logs)))
    by_gap = student_above((math.log(gap + finest) - float(logs.mean())) / spread, len(logs) - 1)
    return max(by_gap, lomax_above(gap * rows, gaps * rows_then, minutes * FINEST_GAP))


def usual_gap(alike: Values, minutes: float) -> float:
    """How long a gap is usual: the geometric mean."""
    return float(np.exp(np.log(alike[1] + FINEST_GAP * minutes).mean()) - FINEST_GAP * minutes)


def usual(alike: Values) -> float:
    """How many rows are usual: the geometric mean."""
    return float(np.exp(np.log(alike + 0.5).mean()) - 0.5)
