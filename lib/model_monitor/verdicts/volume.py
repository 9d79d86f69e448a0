"""Whether a window has as many rows as is usual at its time, learnt from earlier ones. Pure.

Source: D4.10.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from model_monitor.drift.distributions import Values
from model_monitor.verdicts.variation import FEWEST_WINDOWS, student_above

LEAST_CHANGE = math.log(1.25)
"""A change by less than a quarter is not worth a word."""

_SEASONS: tuple[Callable[[datetime], Any], ...] = (lambda time: (time.weekday(), time.hour), lambda time: time.hour)


@dataclass(frozen=True, slots=True)
class Volume:
    """How many rows earlier windows had. time: when the window ends. earlier: of each window when it ended, and its rows."""

    time: datetime
    earlier: tuple[tuple[datetime, float], ...]

    @property
    def alike(self) -> Values | None:
        """The rows of the windows that ended at the same hour of the same weekday, if there are enough of them; else of the same
        hour; else of all, if they cover a day. None if too few do.
        """
        for season in _SEASONS:
            found = [rows for time, rows in self.earlier if season(time) == season(self.time)]
            if len(found) >= FEWEST_WINDOWS:
                return np.array(found)
        times = [time for time, _ in self.earlier]
        if len(times) < FEWEST_WINDOWS or max(times) - min(times) < timedelta(days=1):
            return None
        return np.array([rows for _, rows in self.earlier])


def chance_of_rows(rows: float, alike: Values) -> float:
    """The two-sided probability of so many rows, or so few, if windows vary as those did; 1 for a change that is too small."""
    logs = np.log(alike + 0.5)
    change = math.log(rows + 0.5) - float(logs.mean())
    if abs(change) < LEAST_CHANGE:
        return 1.0
    variance = max(float(logs.var(ddof=1)), 1 / (usual(alike) + 0.5))  # of independent rows at least
    return 2 * student_above(abs(change) / math.sqrt(variance * (1 + 1 / len(logs))), len(logs) - 1)


def usual(alike: Values) -> float:
    """How many rows are usual: the geometric mean."""
    return float(np.exp(np.log(alike + 0.5).mean()) - 0.5)
