"""At which hours of the day times are, compared with a baseline. Pure.

Model: the times of each day fall into its hours with shares that vary from day to day, and from one weekday to another. A
window may cover some hours more often than others, so the baseline's times at each hour are weighted by how often the window
covers it: each hour of the week, if the baseline has two weeks.
Statistic: the scores of `window_statistics.py`, of the hours. How much they vary is estimated from the baseline's own days.
Assumptions: a stretch covers all the time from its begin to its end; the caller leaves out times that came late.
Used by: the facts of times. Source: D4.9.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.time_counts import HOURS_OF_DAY, SECONDS_OF_HOUR, TimeCounts
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    MIN_WINDOWS,
    PastWindows,
    ScoreVariance,
    WindowSize,
    judge_change,
)
from spark_model_monitor.statistics.verdicts.components import Component
from spark_model_monitor.statistics.verdicts.window_statistics import (
    FIELDS,
    LEVELS,
    StatisticChange,
    WindowStatistics,
    compare_values,
)
from spark_model_monitor.value_class import value_class

HOURS_OF_WEEK = 7 * HOURS_OF_DAY
MAX_BLOCKS = 32  # most blocks of a baseline's days
MIN_WEIGHT = 1e-300  # replaces a largest weight of 0, if the sides have no hour in common
MIN_COVERED = 0.5  # smallest part of an hour that the baseline has to cover, so that the hour is compared


@value_class
class Stretch:
    """Times between two seconds since the year 1. starts, width: the starts and the width of bins, in hours. counts: the number
    of times in each bin.
    """

    starts: Integers
    counts: Integers
    width: int
    begin: float
    end: float


def find_largest_stretch(times: TimeCounts, longest_gap: float) -> Stretch:
    """The largest group of times without a gap longer than the longest gap, in hours."""
    # Bins without a gap between them
    gaps = np.diff(times.starts) - times.width
    stretch_of_bin = np.append(0, np.cumsum(gaps > longest_gap))
    largest = int(np.bincount(stretch_of_bin, times.counts).argmax())
    is_in_stretch = stretch_of_bin == largest
    starts = times.starts[is_in_stretch]
    # The first and the last bin begin and end with a time
    begin = max(float(times.first), float(starts[0] * SECONDS_OF_HOUR))
    end = min(times.last + 1.0, float((starts[-1] + times.width) * SECONDS_OF_HOUR))
    return Stretch(starts, times.counts[is_in_stretch], times.width, begin, end)


def count_far(times: TimeCounts, longest_gap: float, seconds: float) -> int:
    """The number of times outside of the largest stretch that, together with it, span more than so many seconds."""
    largest = find_largest_stretch(times, longest_gap)
    # Each bin's first and last second
    begins = times.starts * SECONDS_OF_HOUR
    ends = begins + times.width * SECONDS_OF_HOUR
    is_apart = (ends <= largest.begin) | (begins >= largest.end)
    is_far = (begins < largest.end - seconds) | (ends > largest.begin + seconds)
    return int(times.counts[is_apart & is_far].sum())


@value_class
class HourCounts:
    """The number of times at each hour of the day or the week, and how often the hour is covered. Shape (hours,), or (blocks,
    hours).
    """

    counts: Doubles
    covered: Doubles

    def merge_weekdays(self) -> HourCounts:
        """The same at each hour of the day, for all blocks together."""
        return HourCounts(_merge_weekdays(self.counts), _merge_weekdays(self.covered))


def _merge_weekdays(hours: Doubles) -> Doubles:
    # Shape (weekdays, hours), or (blocks x weekdays, hours)
    hours_of_day: Doubles = hours.reshape(-1, HOURS_OF_DAY).sum(axis=0)
    return hours_of_day


def choose_period(stretch: Stretch) -> int:
    """The hours of a week, if each of its days is covered twice; else those of a day."""
    if stretch.end - stretch.begin >= 2 * HOURS_OF_WEEK * SECONDS_OF_HOUR:
        return HOURS_OF_WEEK
    return HOURS_OF_DAY


def count_hours(stretch: Stretch, period: int) -> tuple[HourCounts, HourCounts]:
    """The number of times at each hour of a period: in total, and by blocks of whole days. stretch: with bins of an hour."""
    # Every hour from the first to the last one, with how much of it is covered
    first_hour = int(stretch.begin // SECONDS_OF_HOUR)
    last_hour = math.ceil(stretch.end / SECONDS_OF_HOUR) - 1
    hours = np.arange(first_hour, last_hour + 1)
    begins = np.maximum(hours * SECONDS_OF_HOUR, stretch.begin)
    ends = np.minimum((hours + 1) * SECONDS_OF_HOUR, stretch.end)
    covered = (ends - begins) / SECONDS_OF_HOUR
    counts = np.bincount(stretch.starts - first_hour, stretch.counts, minlength=len(hours))
    # By block of days and hour of the period
    days = hours // HOURS_OF_DAY
    days -= days[0]
    days_of_block = math.ceil((int(days[-1]) + 1) / MAX_BLOCKS)
    blocks = days // days_of_block
    cells = blocks * period + hours % period
    size = (int(blocks[-1]) + 1) * period
    shape = (-1, period)
    counts_by_block = np.bincount(cells, counts, minlength=size).reshape(shape)
    covered_by_block = np.bincount(cells, covered, minlength=size).reshape(shape)
    block_counts = HourCounts(counts_by_block.astype(float), covered_by_block.astype(float))
    return HourCounts(block_counts.counts.sum(axis=0), block_counts.covered.sum(axis=0)), block_counts


def align(before: HourCounts, now: HourCounts) -> tuple[Doubles, Doubles]:
    """The baseline's times by hour of the day, weighted by how often the window covers the hour; and the window's times at hours
    that both sides cover.
    """
    # The hour that the window covers most, relative to the baseline, keeps all of the baseline's times
    is_covered = (before.covered >= MIN_COVERED) & (now.covered > 0)
    ratios = now.covered / np.maximum(before.covered, MIN_COVERED)
    weights = np.where(is_covered, ratios, 0.0)
    largest = float(weights.max(initial=MIN_WEIGHT))
    weighted_counts = np.rint(before.counts * weights / largest)
    counts_now = np.where(is_covered, now.counts, 0.0)
    return _merge_weekdays(weighted_counts), _merge_weekdays(counts_now)


def compare_hours(before: HourCounts, now: HourCounts) -> list[StatisticChange]:
    """How the window's shares of the hours differ; empty if they can't be compared."""
    counts = np.array(align(before, now))
    # Each side needs some times, and each hour on one of the sides
    has_times = counts.sum(axis=0) > 0
    if not counts.sum(axis=1).all():
        return []
    changes = compare_values(np.flatnonzero(has_times), counts[:, has_times], np.empty(0))
    return [change for change in changes if change.field in LEVELS]


def score_days(before: HourCounts, blocks: HourCounts) -> WindowStatistics:
    """The scores of the baseline's blocks of days, each compared with the others."""
    rows = []
    for counts, covered in zip(blocks.counts, blocks.covered, strict=True):
        block = HourCounts(counts, covered)
        other_blocks = HourCounts(before.counts - counts, before.covered - covered)
        changes = compare_hours(other_blocks, block)
        if changes:
            # The numbers of times at hours that both sides cover
            n, m = (float(hours.sum()) for hours in align(other_blocks, block))
            scores = {change.field: change.score() for change in changes}
            rows.append({"rows": m, "effective": n * m / (n + m)} | scores)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in FIELDS}


def judge_hours(changes: list[StatisticChange], past: WindowStatistics, now: HourCounts) -> list[Component]:
    """The test of each change, given how the baseline's blocks vary; empty with fewer than two. now: the window's hours."""
    blocks = len(past["rows"])
    if blocks < 2:
        return []
    if blocks >= MIN_WINDOWS:
        # Each of the window's days varies as the baseline's do
        days = max(1.0, float(now.covered.sum()) / HOURS_OF_DAY)
        rows_of_day = WindowSize(float(now.counts.sum()) / days)
        windows = PastWindows(past)
        return [judge_change(change, _find_variance(windows, change.field, rows_of_day)) for change in changes]
    # With few blocks, only the mean variance of all scores can be estimated
    scores = np.array([past[name] for name in LEVELS])
    factor = max(1.0, float(np.nanmean(scores**2)))
    return [judge_change(change, ScoreVariance(factor, blocks - 1.0)) for change in changes]


def _find_variance(past: PastWindows, field: str, size: WindowSize) -> ScoreVariance:
    """The variance of a score, or the mean variance of all scores if it is larger."""
    return max(past.variance(field, size), past.variance("", size), key=lambda variance: variance.factor)


def find_hour_shift(before: Doubles, now: Doubles) -> int:
    """By how many hours all of the window's times are later (earlier if negative); 0 if they differ in another way."""
    # The circular shift that brings both sides nearest, from half a day earlier to half a day later
    shares = before / before.sum()
    shares_now = now / now.sum()
    half = len(shares) // 2
    distances = [float(np.abs(np.roll(shares, shift) - shares_now).sum()) for shift in range(1 - half, half + 1)]
    nearest = int(np.argmin(distances))
    if distances[nearest] < distances[half - 1] / 2:
        return nearest + 1 - half
    return 0


def find_changed_hours(before: Doubles, now: Doubles) -> tuple[int, int]:
    """The neighbouring hours whose common share changed most: the first hour, and the hour after the last."""
    shares = before / before.sum()
    shares_now = now / now.sum()
    differences = np.append(0.0, np.cumsum(shares_now - shares))
    highest = int(differences.argmax())
    lowest = int(differences.argmin())
    return min(highest, lowest), max(highest, lowest)
