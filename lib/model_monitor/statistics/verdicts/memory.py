"""What adds up over windows: small changes that last, as evidence beside what would have been seen if nothing had changed. Pure.

Each window leaves signed scores of its location, spread and missing values beside the baseline. Sums over the last 2, 3, …
windows are held against how such sums vary: by the rows, by the baseline's own error, which all windows share, and by the
wobble between windows, which may last for hours. Of each sum there is an e-value, a number whose mean is 1 at most
where nothing changed, so that their mean is above 1/a in a share a of the healthy windows at most, whatever depends on what.

Source: D4.15; Shin, Ramdas and Rinaldo 2022, "E-detectors"; Grünwald, de Heide and Koolen 2024, "Safe testing", 4.3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.drift.special_functions import normal_quantile

MISSING = "missing"
SIGNED = ("location", "spread", MISSING)
"""The statistics of a window that say which way it went. Fewer missing values than before are no fault."""

LENGTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 72, 120, 200, 336)
LAG, OF_LAG = (
    12,
    1.6,
)  # windows apart whose differences show what lasts for hours, and 1 / (0.9 - 0.9^12) of such a wobble
LASTS = 0.9  # the correlation from window to window that a wobble may have
MEDIAN = 0.4549  # of a squared normal number
WIDTH = 100.0  # how much further than chance a change may be, in variances
FEWEST, LEAST_SHIFT = 8, 0.05  # windows before anything is told, and standard deviations that are worth a word
ENDED = math.log(100)  # the last windows are so many times likelier without the change than with it
AWAY, LONG_AWAY = (
    4,
    24,
)  # windows in a row beyond the threshold that are told, and that are a violation whatever the spread
OF_THRESHOLD = 2.45  # the shift in standard deviations of a normal distribution, for each unit of its distance
SUSPECT = 20.0  # evidence from which on windows are no example of what is ordinary

POWER = 1.2816  # normal quantile of 90 %

Matrix: TypeAlias = NDArray[np.float64]  # shape (windows, columns)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A change that lasts. p: 1 / evidence. since: when its first window began. windows: that have it. shift: its size in
    standard deviations of ranks, or of missing rows. away: windows in a row beyond the threshold. smallest: the shift that is
    found nine times in ten once it has stayed for 24 windows; infinite if none is.
    """

    p: float
    since: str
    windows: int
    component: str
    shift: float
    away: int = 0
    smallest: float = math.inf


@dataclass(frozen=True, eq=False)
class Memory:
    """Windows in the order of their times. begins: when each began. columns: their names. scores: by statistic, NaN where
    there is none. rows, effective: of each window and column. fine: which were no alarm.
    """

    begins: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Mapping[str, Matrix]
    rows: Matrix
    effective: Matrix
    fine: NDArray[np.bool_]

    @property
    def says_something(self) -> bool:
        """Whether there are enough windows."""
        return len(self.begins) >= FEWEST

    def with_window(self, began: str, now: Mapping[str, Mapping[str, float]]) -> Memory:
        """The memory with one window more, of which the raw statistics are given by column."""

        def row(field: str) -> Matrix:
            return np.array([[now[name][field] if name in now else math.nan for name in self.columns]])

        scores = {field: np.vstack((found, row(field))) for field, found in self.scores.items()}
        rows, effective = (np.vstack((getattr(self, field), row(field))) for field in ("rows", "effective"))
        fine = np.vstack((self.fine, np.ones((1, len(self.columns)), bool)))
        return Memory((*self.begins, began), self.columns, scores, rows, effective, fine)

    @cached_property
    def _sums(self) -> dict[str, _Sums]:
        return {name: _Sums.of(self, found) for name, found in self.scores.items()}

    def lasting(self, thresholds: Mapping[str, float] | None = None, level: float = 1.0) -> dict[str, Lasting]:
        """What the windows up to the last one say together, by column. thresholds: distances that people set. level: of each
        column, for the smallest change.
        """
        if len(self.begins) <= FEWEST:
            return {}
        with np.errstate(all="ignore"):
            sums = self._sums
            evidence = np.stack(
                [each.evidence(rises=name == MISSING) for name, each in sums.items()]
            )  # components, lengths, columns
            known = np.isfinite(evidence)
            total = np.where(known, evidence, 0.0).sum(axis=(0, 1)) / np.maximum(known.any(axis=1).sum(axis=0), 1)
            total /= evidence.shape[1]
            of_component = np.where(known, evidence, 0.0).max(axis=1).argmax(axis=0)
        names, result = list(sums), {}
        limits = np.array([OF_THRESHOLD * (thresholds or {}).get(name, math.inf) for name in self.columns])
        away = sums["location"].windows_beyond(limits)
        with np.errstate(all="ignore"):
            smallest = sums["location"].smallest(LONG_AWAY, math.log(len(sums) * len(LENGTHS) / level))
        for place, name in enumerate(self.columns):
            component = names[of_component[place]]
            windows, shift = sums[component].strongest(place)
            if away[place] >= LONG_AWAY and total[place] < SUSPECT:
                component, windows = "location", int(away[place])
                shift = sums[component].mean(windows, place)
            began = self.begins[-windows]
            p = 1 / max(float(total[place]), 1.0)
            result[name] = Lasting(p, began, windows, component, shift, int(away[place]), float(smallest[place]))
        return result

    def suspects(self) -> dict[str, str]:
        """Columns that lead away from the baseline, by when the first window that does began."""
        return {name: each.since for name, each in self.lasting().items() if each.p * SUSPECT <= 1}


@dataclass(frozen=True, eq=False)
class _Sums:
    """The sums over the last windows of one statistic, the last window first: of length L in row L - 1. shifts: in standard
    deviations. weights: of each window. weight, moved, noise: sums of weights, weighted shifts, and what variance rows give them.
    wobble, error: variance of what lasts for hours, and of the baseline. freedom: windows that say so.
    """

    shifts: Matrix
    weights: Matrix
    noises: Matrix
    wobble: Matrix
    error: Matrix
    freedom: Matrix

    @classmethod
    def of(cls, memory: Memory, scores: Matrix) -> _Sums:
        """Differences of neighbours show what rows do, those of windows half a day apart what lasts. Medians of both, less that
        of the differences: neither a fault, nor a step, nor a steady drift widens them.
        """
        with np.errstate(all="ignore"):
            shifts = scores / np.sqrt(memory.effective)
            noise = 1 / memory.rows
            learnt = np.where(memory.fine, shifts, np.nan)
            factor = np.maximum(1.0, _spread(learnt, noise, 1))
            lag = max(1, min(LAG, len(shifts) // 2))
            beyond = np.maximum(0.0, _spread(learnt, noise, lag) - factor) * OF_LAG
            per_window = _median(noise)
            error = factor * _median(1 / memory.effective - noise)
        usual = float(np.median(beyond)) if beyond.size else 0.0  # one column alone knows little
        wobble = np.nan_to_num(np.maximum(beyond, usual) * per_window)
        known = np.isfinite(shifts) & np.isfinite(noise)
        noises = np.where(known, factor * noise, 0.0)
        with np.errstate(all="ignore"):
            weights = np.where(known, 1 / (noises + wobble), 0.0)
        freedom = np.maximum(np.isfinite(learnt).sum(axis=0) / 2, 1.0)
        return cls(np.where(known, shifts, 0.0)[::-1], weights[::-1], noises[::-1], wobble, error, freedom)

    @cached_property
    def weight(self) -> Matrix:
        return self.weights.cumsum(axis=0)

    @cached_property
    def moved(self) -> Matrix:
        return (self.weights * self.shifts).cumsum(axis=0)

    @cached_property
    def noise(self) -> Matrix:
        return (self.weights**2 * self.noises).cumsum(axis=0)

    @cached_property
    def lasts(self) -> NDArray[np.float64]:
        """By how much less the mean of so many windows wobbles than one does."""
        lengths = np.arange(1, len(self.shifts) + 1)
        later = LASTS * (lengths - (1 - LASTS**lengths) / (1 - LASTS)) / (1 - LASTS)
        return (lengths + 2 * later) / lengths**2

    def squares(self, lengths: NDArray[np.int64]) -> Matrix:
        """How far each sum is from nothing, squared and in variances; shape (lengths, columns)."""
        rows = lengths - 1
        common = self.weight[rows] ** 2 * (self.wobble * self.lasts[rows, None] + self.error)
        found: Matrix = self.moved[rows] ** 2 / (self.noise[rows] + common)
        return found

    def mean(self, length: int, place: int) -> float:
        return float(self.moved[length - 1, place] / self.weight[length - 1, place])

    def evidence(self, *, rises: bool = False) -> Matrix:
        """The e-value of each length, NaN where nothing is known, 0 where the last windows say that it is over; shape (lengths,
        columns). rises: whether less than before is none.
        """
        lengths = np.array([length for length in LENGTHS if length <= len(self.shifts)])
        found = np.exp(np.minimum(self._log_evidence(self.squares(lengths)), 600.0))
        shift = self.moved[lengths - 1] / self.weight[lengths - 1]
        found[(shift if rises else np.abs(shift)) < LEAST_SHIFT] = 0.0
        over = np.zeros(found.shape, bool)
        for ended in (1, *LENGTHS):
            if ended <= len(self.shifts):
                last, moved = self.weight[ended - 1], self.moved[ended - 1]
                before = (self.moved[lengths - 1] - moved) / (self.weight[lengths - 1] - last)
                without = before**2 / 2 * last - before * moved
                over |= (lengths[:, None] > ended) & (without >= ENDED) & (found >= SUSPECT)
        found[np.logical_or.accumulate(over)] = 0.0  # longer sums have the same windows
        found[:, self.weight[-1] == 0] = np.nan
        return np.vstack((found, np.zeros((len(LENGTHS) - len(found), found.shape[1]))))

    def _log_evidence(self, squares: Matrix) -> Matrix:
        """Of Student's test of sums so far from nothing, squared and in variances."""
        free = self.freedom
        rises = np.log1p(squares / free) - np.log1p(squares / ((1 + WIDTH) * free))
        found: Matrix = (free + 1) / 2 * rises - math.log1p(WIDTH) / 2
        return found

    def smallest(self, length: int, log_evidence: float) -> NDArray[np.float64]:
        """The shift of each column that has so much evidence nine times in ten after so many windows; infinite if none has.
        The change itself widens what seems to wobble: of differences so far apart it moves a part, and their median.
        """
        length = min(length, len(self.shifts))
        moved = min(LAG / max(len(self.shifts) + length - LAG, 2 * LAG), 0.45)
        wider = normal_quantile(0.5 + 0.25 / (1 - moved)) ** 2 / MEDIAN - 1
        wobble = self.wobble + wider * (OF_LAG * _median(self.noises) + self.wobble)
        low, high = np.zeros_like(self.freedom), np.full_like(self.freedom, 1e6)
        for _ in range(60):
            middle = (low + high) / 2
            is_enough = self._log_evidence(middle) >= log_evidence
            low, high = np.where(is_enough, low, middle), np.where(is_enough, middle, high)
        whole = self.weight[length - 1]
        common = wobble * self.lasts[length - 1] + self.error
        deviation = np.sqrt(self.noise[length - 1] / whole**2 + common)
        found = np.maximum((np.sqrt(high) + POWER) * deviation, LEAST_SHIFT)
        known: NDArray[np.float64] = np.where((high < 1e6) & np.isfinite(found), found, math.inf)
        return known

    def strongest(self, place: int) -> tuple[int, float]:
        """How many windows a change of one column lasts, and how large it is."""
        lengths = np.arange(2, len(self.shifts) + 1)
        with np.errstate(all="ignore"):
            square = np.nan_to_num(self.squares(lengths)[:, place])
        length = int(lengths[square.argmax()])
        return length, self.mean(length, place) if self.weight[length - 1, place] else 0.0

    def windows_beyond(self, limits: NDArray[np.float64]) -> NDArray[np.int64]:
        """How many of the last windows in a row are beyond a shift on one side, and beyond what rows may do."""
        reach = np.abs(self.shifts) - 2 * np.sqrt(self.noises + self.error) > limits
        same = np.sign(self.shifts) == np.sign(self.shifts[:1])
        found: NDArray[np.int64] = np.logical_and.accumulate(reach & same, axis=0).sum(axis=0)
        return found


def _spread(shifts: Matrix, noise: Matrix, lag: int) -> Matrix:
    """The variance of windows that lie so far apart, in units of what independent rows would give; 0 where nothing tells."""
    apart = shifts[lag:] - shifts[:-lag]
    squares = (apart - _median(apart)) ** 2 / (noise[lag:] + noise[:-lag])
    return np.nan_to_num(_median(squares)) / MEDIAN


def _median(values: Matrix) -> Matrix:
    """The median of what is known in each column, NaN where nothing is; faster than numpy's own for columns with gaps."""
    ordered = np.sort(values, axis=0)  # NaN last
    known = np.isfinite(ordered).sum(axis=0)
    low, high = (known - 1) // 2, known // 2
    every = np.arange(values.shape[1])
    found: Matrix = (ordered[low, every] + ordered[np.minimum(high, len(ordered) - 1), every]) / 2
    return found
