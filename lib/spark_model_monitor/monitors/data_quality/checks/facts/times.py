"""Times keep their unit, their age relative to the times of their rows, their precision and their hours of the day, and are not
scattered.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    MIN_SHARE_CHANGE,
    FactEvidence,
    compare_shares,
    count_beyond,
    has_numbers,
    register_fact,
    select_clearest,
)
from spark_model_monitor.monitors.data_quality.checks.facts.vector_checks import compare_mean_vectors
from spark_model_monitor.monitors.data_quality.distribution.always_new import find_time_unit
from spark_model_monitor.statistics import Flags
from spark_model_monitor.statistics.states import FeatureProfile, Moments
from spark_model_monitor.statistics.states.data_types import FIRST_SECOND, LAST_SECOND
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.states.time_counts import (
    BEFORE_1970,
    DAY,
    HOUR,
    HOURS_OF_DAY,
    SECONDS_OF_HOUR,
    Ages,
    TimeCounts,
)
from spark_model_monitor.statistics.states.vectors import VectorMoments
from spark_model_monitor.statistics.verdicts import hours_of_day
from spark_model_monitor.statistics.verdicts.between_window_variance import NOISE_LEVEL
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS
from spark_model_monitor.statistics.verdicts.expected_row_count import RowCountHistory
from spark_model_monitor.statistics.verdicts.hours_of_day import HourCounts, Stretch
from spark_model_monitor.statistics.verdicts.multiple_testing import combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import WindowStatistics

MIN_TIMES_SHARE = 0.99  # smallest share of times among the values of a column of times
TENTHS = {"median age": 0.5, "age of the newest tenth": 0.1, "age of the oldest tenth": 0.9}
PART = 0.25  # of an hour and of an age: the smallest relevant change; of times: the share that shows when a window was
MIN_FAR_SHARE = 0.2  # smallest relevant share of a window's times that are far from all ages of the baseline
DATE_CHECKS = (
    "data_type_check",
    "date_form_check",
    "date_range_check",
    "date_sentinel_check",
    "date_value_check",
    "single_date_check",
    "time_unit_check",
)
ROUND_TIME_NAMES = ("midnight", "whole hours", "whole minutes", "whole seconds")
MAX_PAUSE_HOURS = 7 * HOURS_OF_DAY  # longest gap between times that belong together
CHANCE_GAPS = 14  # of times at random one gap in a million is longer than 14 mean gaps: exp(-14)
MAX_SEASON_GAP_HOURS = 62 * HOURS_OF_DAY  # the same in a baseline; beyond a longer gap are sentinels and the like
MEAN_HOUR = "mean hour of the day"
ONE_DAY = timedelta(days=1)
MIN_COVERED_SHARE = 0.75  # smallest share of the baseline's hours of the day that a window has to cover
UNIT_TOLERANCE = 4.0  # units are 1,000 apart: up to this factor beyond the usual years, a number is still a time


@register_fact("time_unit_check", needs=Moments, same_as=("baseline_drift_check", "range_check", "sign_check"))
def time_unit(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No number is a time in another unit, or no time, if all of the baseline's numbers are times of this century in one unit.

    Source: D4.9.
    """
    unit = find_time_unit(baseline_profile)
    moments = baseline_profile.moments
    if unit is None or moments is None or not has_numbers(baseline_profile, feature.current_profile):
        return None
    first = FIRST_SECOND * unit / UNIT_TOLERANCE
    last = LAST_SECOND * unit * UNIT_TOLERANCE
    current = count_beyond(feature.current_profile, below=first, above=last)
    return compare_shares("share of times in another unit", (0, moments.count), current)


TimesT = TypeVar("TimesT", Ages, TimeCounts)


def select_times(
    baseline_profile: FeatureProfile, current_profile: FeatureProfile, kind: type[TimesT]
) -> tuple[TimesT, TimesT] | None:
    """The times of baseline and window, or their ages. None if few of the baseline's values are times, if the window has none,
    or if rows have no times to compare with.
    """
    baseline = baseline_profile.state(kind)
    current = current_profile.state(kind)
    if baseline and current and baseline.total >= MIN_TIMES_SHARE * baseline_profile.num_present and current.total:
        return baseline, current
    return None


@register_fact("time_future_check", same_as=("time_age_check",))
def time_future(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of times that are more than a minute later than their rows is not above the baseline's; if that is 0, such times
    are a new kind of value. Of the rows' own times none are an hour after the window's end, if those of earlier windows weren't.

    Source: D4.9.
    """
    ages = select_times(baseline_profile, feature.current_profile, Ages)
    if ages is None:
        return _compare_with_window_end(feature, baseline_profile)
    baseline, current = ages
    counts_before = (baseline.in_future, baseline.total)
    counts_now = (current.in_future, current.total)
    return compare_shares("share of times in the future", counts_before, counts_now, feature.baseline_design_effect)


def _compare_with_window_end(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The evidence on times after the window's end; None unless the newest row of each earlier window came before its end."""
    volume = feature.comparison.volume
    times = select_times(baseline_profile, feature.current_profile, TimeCounts)
    if times is None or volume is None or volume.newest is None or volume.expected_freshness is None:
        return None
    # Only the column with the times of the rows, whose newest time each earlier window left
    _, current = times
    newest = volume.newest.timestamp() + BEFORE_1970
    least_age = min(age for _, _, age in volume.fresh)
    if abs(newest - current.last) > 1 or least_age <= 0:
        return None
    # Times in hours that begin at least an hour after the end
    end = volume.time.timestamp() + BEFORE_1970
    first_hour = end / SECONDS_OF_HOUR + 1
    counts_after_end = current.counts[current.starts >= first_hour]
    num_after = int(counts_after_end.sum())
    earlier_rows = round(sum(rows for _, rows, _ in volume.fresh))
    quantity = "share of times after the window's end"
    return compare_shares(quantity, (0, earlier_rows), (num_after, current.total))


@register_fact("time_age_check", needs=Ages)
def time_age(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """Times are as old as the baseline's, relative to their rows: the median, the newest tenth and the oldest tenth. No times are
    far from all of the baseline's ages, as after a shift by whole hours.

    Source: D4.9.
    """
    moments = (baseline_profile.state(VectorMoments), feature.current_profile.state(VectorMoments))
    ages = select_times(baseline_profile, feature.current_profile, Ages)
    if ages is None or moments[0] is None or moments[1] is None:
        return None
    # A shift by whole hours puts all times far from any age of the baseline
    baseline, current = ages
    young, oldest = baseline.quantiles(np.array([0.0, 1.0]))
    num_far = current.count_beyond(young - HOUR / 2 - PART * abs(young), oldest + HOUR / 2 + PART * abs(oldest))
    if num_far >= MIN_FAR_SHARE * current.total:
        return compare_shares(
            "share of times that are much older or younger, beside the time of their row, than any before",
            (0, baseline.total),
            (num_far, current.total),
        )
    evidence = compare_mean_vectors("age", moments[0], moments[1])
    if evidence is None:
        return None
    # The evidence names the first quantile with a change beyond the slack; the test itself compares means
    shares = np.array([*TENTHS.values()])
    before_ages = baseline.quantiles(shares)
    now_ages = current.quantiles(shares)
    changes = np.abs(now_ages - before_ages)
    slack = PART * (HOUR + np.abs(before_ages))
    index = int((changes > slack).argmax())
    # Just above what an age may move by
    least_effect = math.nextafter(float(slack[index] / HOUR), math.inf)
    return replace(
        evidence,
        quantity=f"{[*TENTHS][index]} in hours",
        observed=now_ages[index] / HOUR,
        expected=before_ages[index] / HOUR,
        effect=float(changes[index]) / HOUR,
        least_effect=least_effect,
    )


@register_fact("time_precision_check", needs=TimeCounts, same_as=DATE_CHECKS)
def time_precision(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The shares of times at midnight, at whole hours, minutes and seconds are not above the baseline's.

    Source: D4.9.
    """
    times = select_times(baseline_profile, feature.current_profile, TimeCounts)
    if times is None:
        return None
    baseline, current = times
    # Each kind of round time is a test of its own
    changes = []
    group = _estimate_rows_per_time(baseline_profile)
    for name, num_before, num_now in zip(ROUND_TIME_NAMES, baseline.round_times, current.round_times, strict=True):
        quantity = f"share of times at {name}"
        changes.append(
            compare_shares(
                quantity, (num_before, baseline.total), (num_now, current.total), group, least_effect=MIN_SHARE_CHANGE
            )
        )
    return select_clearest(*changes)


@register_fact("time_range_check", needs=TimeCounts, same_as=(*DATE_CHECKS, "time_age_check"))
def time_range(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """Times are not scattered: no larger share than in the baseline is apart from the others, by a week, twice as long as the
    baseline ever has no times, and longer than by chance, so that all together are over a longer time than the baseline's. Not
    judged if most windows have such times.

    Source: D4.9.
    """
    times = select_times(baseline_profile, feature.current_profile, TimeCounts)
    if times is None:
        return None
    baseline, current = times
    stretch = _find_stretch(baseline_profile)
    group = _estimate_rows_per_time(baseline_profile)
    mean_gap = (current.last - current.first) / SECONDS_OF_HOUR / current.total * group
    longest_gap = max(MAX_PAUSE_HOURS, 2 * float(np.diff(stretch.starts).max(initial=0)), CHANCE_GAPS * mean_gap)
    # The baseline's rare times, such as the earliest births, belong to the others across gaps of that length
    all_times = hours_of_day.find_largest_stretch(baseline, longest_gap)
    seconds = all_times.end - all_times.begin
    far_before = hours_of_day.count_far(baseline, longest_gap, seconds)
    if far_before * current.total >= baseline.total:  # most windows have such times, and their number may vary
        return None
    counts_now = (hours_of_day.count_far(current, longest_gap, seconds), current.total)
    return compare_shares("share of times far from the others", (far_before, baseline.total), counts_now, group)


@cache_with_feature
def _estimate_rows_per_time(baseline_profile: FeatureProfile) -> float:
    """How many of the baseline's rows have the same time, beyond chance: rows of one event or user may."""
    times = baseline_profile.state(TimeCounts)
    if baseline_profile.distinct is None or times is None:
        return 1.0
    expected = float(times.total)
    distinct = max(baseline_profile.distinct.estimate(), 1)
    # Times of whole days or hours have only k possible values: n rows have k (1 - exp(-n/k)) distinct ones
    resolution = times.find_resolution()
    if resolution is not None:
        stretch = _find_stretch(baseline_profile)
        possible_times = (stretch.end - stretch.begin) / resolution
        # Texts whose days aren't known are different texts at the same times of a day
        if distinct < 2 * possible_times:
            expected = -possible_times * math.expm1(-times.total / possible_times)
    return max(1.0, expected / distinct)


@cache_with_feature
def _find_stretch(baseline_profile: FeatureProfile) -> Stretch:
    """The largest stretch of the baseline's times, without sentinels and other times far away."""
    times = baseline_profile.state(TimeCounts)
    assert times is not None
    # Few different times, such as births, leave longer gaps by chance, whose median is the mean times log 2
    typical_gap = float(np.median(np.diff(times.starts, prepend=times.starts[0])))
    longest_gap = max(MAX_SEASON_GAP_HOURS, CHANCE_GAPS / math.log(2) * typical_gap)
    return hours_of_day.find_largest_stretch(times, longest_gap)


@register_fact(
    "time_of_day_check",
    needs=TimeCounts,
    same_as=(*DATE_CHECKS, "time_age_check", "time_precision_check", "time_range_check"),
)
def time_of_day(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The times are at the baseline's hours of the day. Of hours that a window does not cover nothing is said, nor of windows of
    hours anything but that their times are at hours that have some.

    Source: D4.9.
    """
    times = select_times(baseline_profile, feature.current_profile, TimeCounts)
    if times is None or times[0].find_resolution() == DAY:
        return None
    # All times except those far from the others
    stretch_before = _find_stretch(baseline_profile)
    longest_gap = float(np.diff(stretch_before.starts).max(initial=0))
    stretch = hours_of_day.find_largest_stretch(times[1], max(MAX_PAUSE_HOURS, longest_gap))
    if not stretch_before.width == stretch.width == 1:
        return None
    # A baseline of one day doesn't show how days vary; on other days it only has times that came late
    begin, end = _find_covered_time(stretch_before, None)
    day = begin // DAY * DAY
    if end <= day + DAY:
        return _compare_with_one_day(baseline_profile, day, stretch)
    return _compare_with_days(baseline_profile, stretch, feature.comparison.volume)


def _compare_with_days(
    baseline_profile: FeatureProfile, stretch: Stretch, volume: RowCountHistory | None
) -> FactEvidence | None:
    """The evidence on times at new hours, or at hours with another share, of a window compared with several days."""
    # The baseline's hours, and how much its days vary
    hours_before, past = _count_hours(baseline_profile)
    hours_now = _count_hours_of_window(stretch, volume, len(hours_before.counts))
    changed_shares = None
    if volume is None or volume.length >= ONE_DAY:
        changed_shares = _compare_hours(hours_before, hours_now, past)
    hours_of_baseline = hours_before.merge_weekdays()
    hours_of_window = hours_now.merge_weekdays()
    new_hours = _count_new_hours(baseline_profile, hours_of_baseline, hours_of_window)
    clearest = select_clearest(new_hours, changed_shares)
    if clearest is None:
        return None
    # If all times moved by the same hours, the mean hour describes the change
    counts = hours_of_baseline.counts
    shifted_hours = hours_of_day.find_hour_shift(counts, hours_of_window.counts)
    if shifted_hours:
        mean_hour = float(counts @ np.arange(HOURS_OF_DAY) / counts.sum()) + 0.5
        clearest = replace(clearest, quantity=MEAN_HOUR, expected=mean_hour, observed=mean_hour + shifted_hours)
    # If all times are in a part of the day, the window may be short, or lack the other times
    covered_share = float(counts[hours_of_window.covered > 0].sum() / counts.sum())
    is_window_known = volume is not None and volume.start is not None
    if is_window_known or covered_share >= MIN_COVERED_SHARE:
        return clearest
    if clearest.p <= NOISE_LEVEL:
        return clearest
    return replace(clearest, reason="nobody said from when to when the window is; name its --start-time and --end-time")


def _count_hours_of_window(stretch: Stretch, volume: RowCountHistory | None, period: int) -> HourCounts:
    """The number of times at each hour of the period, and how often the window covers that hour.

    Times before the window came late; they count at their hour of its first day, as in a baseline of many days.
    """
    begin, end = _find_covered_time(stretch, volume)
    hours, _ = hours_of_day.count_hours(_select_hours(stretch, begin, end), period)
    # All times count, also those that came late
    first_hour = int(begin // SECONDS_OF_HOUR)
    in_first_day = first_hour + (stretch.starts - first_hour) % HOURS_OF_DAY
    in_window = np.where(stretch.starts < first_hour, in_first_day, stretch.starts)
    counts = np.bincount(in_window % period, stretch.counts, minlength=period)
    return replace(hours, counts=counts.astype(float))


def _find_covered_time(stretch: Stretch, volume: RowCountHistory | None) -> tuple[float, float]:
    """The begin and the end of the window, in seconds: the given ones, if a quarter of the times lie between them; else the
    begin of the first hour and the end of the last hour that have a quarter of the times of a typical hour.
    """
    if volume is not None and volume.start is not None:
        begin = volume.start.timestamp() + BEFORE_1970
        end = volume.time.timestamp() + BEFORE_1970
        is_within = _are_within(stretch, begin, end)
        times_within = stretch.counts[is_within].sum()
        if times_within >= PART * stretch.counts.sum():
            return begin, end
    # Three in four times are in hours at least as full as a typical hour; times that came late are in emptier hours
    ascending = np.sort(stretch.counts)
    quarter = np.searchsorted(ascending.cumsum(), ascending.sum() / 4)
    dense_hours = stretch.starts[stretch.counts >= PART * ascending[quarter]]
    first_second = float(dense_hours[0] * SECONDS_OF_HOUR)
    end_second = float((dense_hours[-1] + 1) * SECONDS_OF_HOUR)
    return max(stretch.begin, first_second), min(stretch.end, end_second)


def _are_within(stretch: Stretch, begin: float, end: float) -> Flags:
    """Which hours of a stretch have a time from one second to another."""
    first_seconds = stretch.starts * SECONDS_OF_HOUR
    return (first_seconds > begin - SECONDS_OF_HOUR) & (first_seconds < end)


def _select_hours(stretch: Stretch, begin: float, end: float) -> Stretch:
    """The hours of a stretch from one second to another."""
    is_within = _are_within(stretch, begin, end)
    return replace(stretch, starts=stretch.starts[is_within], counts=stretch.counts[is_within], begin=begin, end=end)


@cache_with_feature
def _count_hours(baseline_profile: FeatureProfile) -> tuple[HourCounts, WindowStatistics]:
    """The baseline's hours of the day or the week, with the scores of its days."""
    # The first and the last day may only have times that came late
    stretch = _find_stretch(baseline_profile)
    stretch = _select_hours(stretch, *_find_covered_time(stretch, None))
    counts, days = hours_of_day.count_hours(stretch, hours_of_day.choose_period(stretch))
    return counts, hours_of_day.score_days(counts, days)


def _compare_hours(baseline: HourCounts, current: HourCounts, past: WindowStatistics) -> FactEvidence | None:
    """The evidence that the times' distribution over the hours changed; None if there are too few days to show how days vary."""
    components = hours_of_day.judge_hours(hours_of_day.compare_hours(baseline, current), past, current)
    if not components:
        return None
    rarest = min(components, key=lambda component: component.p)
    # The neighbouring hours whose share changed most
    counts_of_baseline, counts_of_window = hours_of_day.align(baseline, current)
    first, last = hours_of_day.find_changed_hours(counts_of_baseline, counts_of_window)
    return FactEvidence(
        f"share of times from {first} to {last} o'clock",
        observed=float(counts_of_window[first:last].sum() / counts_of_window.sum()),
        expected=float(counts_of_baseline[first:last].sum() / counts_of_baseline.sum()),
        n=int(baseline.counts.sum()),
        m=int(current.counts.sum()),
        p=combine_p_values(components),
        effect=rarest.effect,
        least_effect=rarest.least_effect or 0.0,
        test=COLUMN_TESTS[rarest.name].words,
        statistic=rarest.statistic,
    )


def _count_new_hours(
    baseline_profile: FeatureProfile, baseline: HourCounts, current: HourCounts
) -> FactEvidence | None:
    """The evidence on times at hours without any in the baseline, nor at the neighbouring hours."""
    has_times = baseline.counts > 0
    has_none = ~(has_times | np.roll(has_times, 1) | np.roll(has_times, -1))
    counts_before = (0, int(baseline.counts.sum()))
    counts_now = (
        int(current.counts[has_none & (baseline.covered >= 1)].sum()),
        int(current.counts.sum()),
    )
    quantity = "share of times at hours of the day that had none"
    return compare_shares(quantity, counts_before, counts_now, _estimate_rows_per_time(baseline_profile))


def _compare_with_one_day(baseline_profile: FeatureProfile, day: float, stretch: Stretch) -> FactEvidence | None:
    """The evidence on times at hours that a baseline of one day lacks; only for a window of another day and similar length."""
    stretch_before = _find_stretch(baseline_profile)
    first_seconds = _select_hours(stretch_before, day, day + DAY).starts * SECONDS_OF_HOUR
    end = min(stretch_before.end, float(first_seconds[-1] + SECONDS_OF_HOUR))
    span = end - max(stretch_before.begin, float(first_seconds[0]))
    if stretch.end - stretch.begin < MIN_COVERED_SHARE * span or abs(stretch.begin - end) < span:
        return None
    # The baseline counts as covering its whole day once
    counts = np.bincount(stretch_before.starts % HOURS_OF_DAY, stretch_before.counts, minlength=HOURS_OF_DAY)
    baseline = HourCounts(counts.astype(float), np.ones(HOURS_OF_DAY))
    current, _ = hours_of_day.count_hours(stretch, HOURS_OF_DAY)
    return _count_new_hours(baseline_profile, baseline, current)
