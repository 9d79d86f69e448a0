"""The distribution of a column's times: how many are in each hour, and how many are whole days, hours, minutes or seconds.
Also the distribution of their ages, relative to the time of each row.
"""

from __future__ import annotations

from dataclasses import field
from datetime import date

import numpy as np

from spark_model_monitor.statistics import Doubles, Integers, create_empty_integers
from spark_model_monitor.statistics.states.encoding import LARGEST_COUNT, Parameters, State, register_state
from spark_model_monitor.statistics.states.hash_samples import sum_counts
from spark_model_monitor.value_class import value_class

HOURS_OF_DAY = 24
SECONDS_OF_HOUR = 3600
WIDTHS = (1, HOURS_OF_DAY, 64 * HOURS_OF_DAY)
"""Widths of bins in hours. The smallest width with at most MAX_BINS filled bins is used, so the order of additions
doesn't matter.
"""

# Seconds from the year 1, which began on a Monday, to 1970
BEFORE_1970 = (date(1970, 1, 1) - date.min).days * HOURS_OF_DAY * SECONDS_OF_HOUR
MAX_BINS = 2**14  # nearly two years of hours

ROUND_TIMES = (HOURS_OF_DAY * SECONDS_OF_HOUR, SECONDS_OF_HOUR, 60, 1)
"""In seconds: a round time is a multiple of one of these. The largest comes first."""

MIN_RESOLUTION_SHARE = 0.99  # this share of the times has to be multiples


@register_state
@value_class(eq=False)
class TimeCounts(State):
    """The number of times in each bin, and of those that are round.

    width: width of a bin in hours.
    starts: the beginnings of the non-empty bins, ascending, in hours since the year 1.
    counts: number of times in each bin.
    round_times: for each of ROUND_TIMES the number of times that are its multiples.
    first, last: earliest and latest time, in seconds since the year 1.
    """

    KIND = "time_counts"

    width: int = WIDTHS[0]
    starts: Integers = field(default_factory=create_empty_integers)
    counts: Integers = field(default_factory=create_empty_integers)
    round_times: tuple[int, ...] = (0,) * len(ROUND_TIMES)
    first: int = LARGEST_COUNT
    last: int = 0

    @classmethod
    def of(cls, seconds: Doubles, occurrences: Integers) -> TimeCounts:
        """The counts of times in seconds since 1970. occurrences: how often each time occurs."""
        if not len(seconds):
            return cls()
        whole_seconds = np.floor(seconds).astype(np.int64)
        is_whole = whole_seconds == seconds
        whole_seconds = np.clip(whole_seconds + BEFORE_1970, 0, LARGEST_COUNT)
        round_times = [int(occurrences[is_whole & (whole_seconds % unit == 0)].sum()) for unit in ROUND_TIMES]
        starts, counts = sum_counts(whole_seconds // SECONDS_OF_HOUR, occurrences)
        first = int(whole_seconds.min())
        last = int(whole_seconds.max())
        return cls(WIDTHS[0], starts, counts, tuple(round_times), first, last)._widen(WIDTHS[0])

    def __add__(self, addend: TimeCounts) -> TimeCounts:
        width = max(self.width, addend.width)
        starts = np.concatenate((self.starts, addend.starts)) // width * width
        starts, counts = sum_counts(starts, np.concatenate((self.counts, addend.counts)))
        round_times = tuple(count + added for count, added in zip(self.round_times, addend.round_times, strict=True))
        first = min(self.first, addend.first)
        last = max(self.last, addend.last)
        return TimeCounts(width, starts, counts, round_times, first, last)._widen(width)

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def find_resolution(self) -> int | None:
        """The largest unit in seconds of which nearly all times are multiples; None if times have fractions of seconds."""
        for unit, count in zip(ROUND_TIMES, self.round_times, strict=True):
            if count >= MIN_RESOLUTION_SHARE * self.total:
                return unit
        return None

    def _widen(self, width: int) -> TimeCounts:
        """The same counts in wider bins, if there are more than MAX_BINS."""
        next_width = next((next_width for next_width in WIDTHS if next_width > width), None)
        if len(self.starts) <= MAX_BINS or next_width is None:
            return self
        starts, counts = sum_counts(self.starts // next_width * next_width, self.counts)
        return TimeCounts(next_width, starts, counts, self.round_times, self.first, self.last)._widen(next_width)

    def payload(self) -> tuple[Parameters, bytes]:
        """The width, the numbers of round times, the first and the last second; then the starts and the counts."""
        numbers = np.concatenate(((self.width, *self.round_times, self.first, self.last), self.starts, self.counts))
        return {}, numbers.astype("<i8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> TimeCounts:
        width, *numbers = np.frombuffer(payload, "<i8").tolist()
        round_times = tuple(numbers[: len(ROUND_TIMES)])
        first, last, *bins = numbers[len(ROUND_TIMES) :]
        starts, counts = np.array(bins, np.int64).reshape(2, -1)
        return cls(width, starts, counts, round_times, first, last)

    def is_consistent(self) -> bool:
        if self.width not in WIDTHS or (self.starts % self.width).any() or (np.diff(self.starts) <= 0).any():
            return False
        return max(self.round_times) <= self.total and bool((self.counts > 0).all())


HOUR = 3600.0
DAY = 86400.0
DAY_UNKNOWN = date.max.toordinal() * DAY - BEFORE_1970
"""The day after 9999-12-31, in seconds since 1970: it has the times of texts whose order of day and month isn't known."""

QUARTERS = 60  # number of quarters of an hour on each side of 0
_DAY_EDGES = DAY * 2.0 ** np.arange(0, 15, 0.5)
EDGES = np.unique(
    np.concatenate(
        [np.arange(-QUARTERS, QUARTERS + 1) * (HOUR / 4), (-60.0, 1.0, 5.0, 15.0, 60.0, 300.0), -_DAY_EDGES, _DAY_EDGES]
    )
)
"""Edges of the age bins in seconds: a few below a quarter of an hour, every quarter up to fifteen hours, then days by
factors of 1.4.
"""

FUTURE = int(EDGES.searchsorted(-60.0))  # the last bin of times that are more than a minute after their rows


@register_state
@value_class(eq=False)
class Ages(State):
    """The number of values in each age bin. counts: for the bins between `EDGES`; the first and the last bin are open."""

    KIND = "ages"

    counts: Integers = field(default_factory=lambda: np.zeros(len(EDGES) + 1, np.int64))

    @classmethod
    def of(cls, ages: Doubles) -> Ages:
        """The counts of ages in seconds; an age is negative if the time is after its row."""
        return cls(np.bincount(EDGES.searchsorted(ages, side="right"), minlength=len(EDGES) + 1))

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def in_future(self) -> int:
        """The number of times that are more than a minute after their rows."""
        return int(self.counts[: FUTURE + 1].sum())

    def quantiles(self, shares: Doubles) -> Doubles:
        """The quantiles in seconds, interpolated linearly within bins. shares: from 0 to 1."""
        ends = np.concatenate(([EDGES[0]], EDGES, [EDGES[-1]]))
        cumulative = np.concatenate(([0], self.counts.cumsum()))
        target_counts = np.maximum(
            shares * self.total, 1e-9
        )  # above 0, so that the smallest quantile is the first value's
        bins = np.minimum(cumulative[1:].searchsorted(target_counts), len(self.counts) - 1)
        bin_fractions = (target_counts - cumulative[bins]) / np.maximum(self.counts[bins], 1)
        return np.asarray(ends[bins] + bin_fractions * (ends[bins + 1] - ends[bins]))

    def count_beyond(self, young: float, old: float) -> int:
        """The number of values certainly younger than `young` or older than `old`, in seconds."""
        youngest = EDGES.searchsorted(young, side="right")
        oldest = EDGES.searchsorted(old) + 1
        return int(self.counts[:youngest].sum() + self.counts[oldest:].sum())

    def compute_gap(self, seconds: float, later: Ages) -> float:
        """The Kolmogorov-Smirnov distance between these ages plus `seconds` and the later ages."""
        shares, later_shares = (np.cumsum(ages.counts)[:-1] / max(ages.total, 1) for ages in (self, later))
        return float(np.abs(np.interp(EDGES - seconds, EDGES, shares) - later_shares).max())

    def is_consistent(self) -> bool:
        return len(self.counts) == len(EDGES) + 1 and bool((self.counts >= 0).all())
