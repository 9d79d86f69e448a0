"""What a detector of drift is here: made for a stream, fitted to its baseline, it checks windows in the order of time.

numpy alone. README.md says how to add one; entrants.py has the table of all.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from laws import Columns, Values

# What detectors call faults of the whole table
ROW_COUNT = "number of rows"
REPEATED_ROWS = "repeated rows"
NEWEST_ROW = "newest row"


@dataclass(frozen=True)
class StreamDescription:
    """What a detector may know of a stream beforehand. columns: how many. hours: from window to window."""

    name: str
    columns: int
    hours: int
    time_column: str | None


class Window(NamedTuple):
    number: int
    columns: Columns


class Alarms(NamedTuple):
    """Whether a window alarms by its authors' defaults, and which columns are named. scores: how far columns are from usual, the
    higher the farther, if there are such numbers: the leaderboard then also judges them by a limit of its own.
    """

    window: bool
    columns: set[str]
    scores: Mapping[str, float] = {}


class Detector:
    """What judges the windows of a stream. takes_times: whether it is given the column with the times of the rows.

    `fit(baseline)` takes the windows of the baseline. `check(window)` gives its Alarms, and remembers it if the detector learns.
    `accept()` follows a healthy window that has alarmed.
    """

    takes_times = False
    fit: Callable[[list[Columns]], None]
    check: Callable[[Window], Alarms]

    def __init__(self, stream: StreamDescription) -> None:
        self.stream = stream

    def fork(self) -> Detector:
        """A copy that goes on by itself."""
        return copy.deepcopy(self)

    def accept(self) -> None:
        pass


class ScoreDetector(Detector):
    """A detector that scores each column alone. default: the limit above which its authors alarm."""

    default: float
    compute_score: Callable[[str, Values], float]

    def check(self, window: Window) -> Alarms:
        scores = {name: self.compute_score(name, values) for name, values in window.columns.items()}
        return make_alarms(scores, self.default)


def make_alarms(scores: Mapping[str, float], limit: float) -> Alarms:
    named = {name for name, score in scores.items() if score > limit}
    return Alarms(bool(named), named, scores)


def is_text(values: Values) -> bool:
    return values.dtype == object


def drop_missing(values: Values) -> Values:
    if is_text(values):
        return values[values != None]  # noqa: E711 -- of each value
    return values[~np.isnan(values)]


def transform_p_value(p_value: float) -> float:
    """As a score: the higher the farther from usual."""
    return -math.log(max(p_value, 1e-300))
