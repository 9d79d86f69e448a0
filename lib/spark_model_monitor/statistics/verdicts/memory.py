"""Evidence for small changes that last: they add up over windows. Pure.

Each window leaves signed scores of its location, spread and missing values relative to the baseline. Sums over the last
2, 3, … windows are compared with their variance: noise of rows, error of the baseline (shared by all windows), and
wobble between windows, which may last for hours. Each sum gives an e-value: its mean is at most 1 if nothing has
changed, so the mean of all e-values exceeds 1/a in at most a share a of healthy windows, under any dependence.

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

from spark_model_monitor.statistics.drift.special_functions import normal_quantile

MISSING = "missing"
SIGNED = ("location", "spread", MISSING)
"""The statistics of a window that show the direction of a change. Fewer missing values than before are not a fault."""

LENGTHS = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 72, 120, 200, 336)
LAG, OF_LAG = (
    12,
    1.6,
)  # the lag, in windows, whose differences show wobble that lasts for hours, and 1 / (0.9 - 0.9^12) for such wobble
LASTS = 0.9  # the highest correlation of wobble between successive windows
MEDIAN = 0.4549  # of a squared standard normal variable
WIDTH = 100.0  # the variance of changes in the alternative, relative to that of noise
FEWEST, LEAST_SHIFT = 8, 0.05  # the fewest windows for a report, and the smallest reported shift in standard deviations
ENDED = math.log(100)  # log of the likelihood ratio of the last windows, without the change to with it
AWAY, LONG_AWAY = (
    4,
    24,
)  # windows in a row beyond the threshold that are reported, and that are a violation whatever the spread
OF_THRESHOLD = 2.45  # the shift of a normal distribution, in standard deviations, per unit of distance
SUSPECT = 20.0  # with this much evidence, windows are no longer examples of normal variation

POWER = 1.2816  # normal quantile of 90 %

Matrix: TypeAlias = NDArray[np.float64]  # shape (windows, columns)


@dataclass(frozen=True, slots=True)
class Lasting:
    """A change that lasts. p: 1 / evidence. since: when its first window began. windows: the number of windows with it.
    shift: its size in standard deviations of ranks, or of missing rows. away: the number of last windows in a row
    beyond the threshold. smallest: the shift detected with 90 % power after 24 windows; infinite if none is.
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
    """Windows in order of time. begins: when each began. columns: column names. scores: by statistic, NaN where
    undefined. rows, effective: of each window and column. fine: whether each was free of alarms.
    """

    begins: tuple[str, ...]
    columns: tuple[str, ...]
    scores: Mapping[str, Matrix]
    rows: Matrix
    effective: Matrix
    fine: NDArray[np.bool_]

    @property
    def says_something(self) -> bool:
        """Whether there are enough windows for a result."""
        return len(self.begins) >= FEWEST

    def with_window(self, began: str, now: Mapping[str, Mapping[str, float]]) -> Memory:
        """The memory with one more window. began: when it began. now: its raw statistics by column."""

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
        """The lasting change of each column, from all windows up to the last one. thresholds: distances set by users.
        level: the level of each column, for the smallest detectable change.
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
        """Columns that have moved away from the baseline; for each, when the first such window began."""
        return {name: each.since for name, each in self.lasting().items() if each.p * SUSPECT <= 1}


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums of one statistic over the last windows, the last window first; row L - 1 has length L. shifts: in standard
    deviations. weights: of each window. weight, moved, noise: sums of weights, of weighted shifts, and of their
    variance from rows. wobble, error: variances of wobble and of the baseline. freedom: degrees of freedom.
    """

    shifts: Matrix
    weights: Matrix
    noises: Matrix
    wobble: Matrix
    error: Matrix
    freedom: Matrix

    @classmethod
    def of(cls, memory: Memory, scores: Matrix) -> _Sums:
        """Estimate noise from differences of neighbours, wobble from differences of windows half a day apart. Medians
        of squares, centred on the median difference, are robust to a fault, a step and a steady drift.
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
        usual = float(np.median(beyond)) if beyond.size else 0.0  # one column alone is a poor estimate
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
        """The variance of the mean wobble over each number of windows, relative to one window."""
        lengths = np.arange(1, len(self.shifts) + 1)
        later = LASTS * (lengths - (1 - LASTS**lengths) / (1 - LASTS)) / (1 - LASTS)
        return (lengths + 2 * later) / lengths**2

    def squares(self, lengths: NDArray[np.int64]) -> Matrix:
        """The squared distance of each sum from 0, in units of its variance; shape (lengths, columns)."""
        rows = lengths - 1
        common = self.weight[rows] ** 2 * (self.wobble * self.lasts[rows, None] + self.error)
        found: Matrix = self.moved[rows] ** 2 / (self.noise[rows] + common)
        return found

    def mean(self, length: int, place: int) -> float:
        return float(self.moved[length - 1, place] / self.weight[length - 1, place])

    def evidence(self, *, rises: bool = False) -> Matrix:
        """The e-value of each length; NaN without data, 0 if the last windows show that the change is over; shape
        (lengths, columns). rises: whether only increases count.
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
        found[np.logical_or.accumulate(over)] = 0.0  # longer sums include the same windows
        found[:, self.weight[-1] == 0] = np.nan
        return np.vstack((found, np.zeros((len(LENGTHS) - len(found), found.shape[1]))))

    def _log_evidence(self, squares: Matrix) -> Matrix:
        """The log e-value of a Student test. squares: squared distances from 0 in units of the variance."""
        free = self.freedom
        rises = np.log1p(squares / free) - np.log1p(squares / ((1 + WIDTH) * free))
        found: Matrix = (free + 1) / 2 * rises - math.log1p(WIDTH) / 2
        return found

    def smallest(self, length: int, log_evidence: float) -> NDArray[np.float64]:
        """The shift of each column that reaches this log evidence with 90 % power after `length` windows; infinite if
        none does. The change itself inflates the estimated wobble: it moves some differences, and so their median.
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
        """The number of windows that one column's strongest change has lasted, and its size."""
        lengths = np.arange(2, len(self.shifts) + 1)
        with np.errstate(all="ignore"):
            square = np.nan_to_num(self.squares(lengths)[:, place])
        length = int(lengths[square.argmax()])
        return length, self.mean(length, place) if self.weight[length - 1, place] else 0.0

    def windows_beyond(self, limits: NDArray[np.float64]) -> NDArray[np.int64]:
        """The number of last windows in a row beyond a shift on one side, by more than the noise of rows."""
        reach = np.abs(self.shifts) - 2 * np.sqrt(self.noises + self.error) > limits
        same = np.sign(self.shifts) == np.sign(self.shifts[:1])
        found: NDArray[np.int64] = np.logical_and.accumulate(reach & same, axis=0).sum(axis=0)
        return found


def _spread(shifts: Matrix, noise: Matrix, lag: int) -> Matrix:
    """The variance between windows at this lag, relative to independent rows; 0 where unknown."""
    apart = shifts[lag:] - shifts[:-lag]
    squares = (apart - _median(apart)) ** 2 / (noise[lag:] + noise[:-lag])
    return np.nan_to_num(_median(squares)) / MEDIAN


def _median(values: Matrix) -> Matrix:
    """The median of each column's finite values, NaN if there are none; faster than np.nanmedian."""
    ordered = np.sort(values, axis=0)  # NaN last
    known = np.isfinite(ordered).sum(axis=0)
    low, high = (known - 1) // 2, known // 2
    every = np.arange(values.shape[1])
    found: Matrix = (ordered[low, every] + ordered[np.minimum(high, len(ordered) - 1), every]) / 2
    return found
