"""Distinguishes patterns of the hour of the day or the weekday from lasting changes. Pure.

An alarm at the same hour of earlier days that stands out from other hours may be seasonal. What all hours have in
common is a level, which is never seasonal, however long it lasts.

Model: scores of windows are normal around the mean of their hour; hours differ by a variance of their own.
Statistic: the variance between hours, or weekdays, relative to that within them (an F statistic without its table: the
limits are far beyond noise), and the distance of this hour's alarms from the level of all.
Assumptions: hours are those of one time zone, which may change its clocks twice a year.
Used by: the evaluation of data quality, to compare a window with the same hour of earlier days. Source: D4.18.
"""

from __future__ import annotations

from calendar import SUNDAY, monthcalendar
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.value_class import value_class

Scores: TypeAlias = Doubles  # shape (windows, scores)

SCORES = ("location", "spread", "missing")  # the raw statistics of a window that show the direction of a change
# a day in minutes, a week in days
DAY = 1440
WEEK = 7
MAX_NEIGHBOUR_MINUTES = 60  # minutes; windows that are so near in time of day count as the same hour
DAYS_BACK = 14  # days with windows to compare with
# the fewest days with an alarm, and their smallest share of the days since the first alarm
MIN_ALARMED_DAYS = 5
MIN_ALARMED_SHARE = 0.7
HOURS_DIFFER = 5.0
WEEKDAYS_DIFFER = 25.0
"""Limits for the variance between hours, or weekdays, relative to that within them and of rows: beyond noise."""
STANDS_OUT = 3.0  # distance from the level, in standard deviations
MEDIAN_OF_NORMAL = 0.6745  # the median of a standard normal variable's absolute value
# sums of squared scores by which windows are closer to one hour than to another: probably, and certainly
MIN_CLOSER = 9.0
MIN_CERTAIN = 18.0
WINSORIZED_QUANTILES = (0.05, 0.95)
# with at least so many groups of several units, the ODD_GROUPS most variable groups may be left out
MIN_GROUPS = 6
ODD_GROUPS = 2
MAX_WEEKS = 3  # weeks of daily windows that show a weekday
CALM_GROUPS_RATIO = 5.0  # the remaining groups, which are the least variable, then have to differ by this factor more

CLOCK_DAY = "clock:day"
CLOCK_WEEK = "clock:week"
FORWARD = "+1h"
BACK = "-1h"
CLOCK = tuple(reference + suffix for suffix in ("", FORWARD, BACK) for reference in (CLOCK_DAY, CLOCK_WEEK))
"""References of the same hour: the days before, the weekday, and both shifted by a clock change since then."""

CLOCKS_CHANGE = {FORWARD: (-60, ((3, 1), (3, -1), (9, 0), (9, -1), (10, 0))), BACK: (60, ((4, 0), (10, -1), (11, 0)))}
"""The shift of an hour in minutes, and the Sundays (month, index) on which clocks change somewhere in the world."""


@value_class
class Season:
    """A column's pattern at this hour.

    Attributes
    ----------
    days
        The number of earlier days with an alarm that stood out.
    back
        The minutes from the end of the first of these windows to this one's.
    learnt
        Whether the column has followed the clock for a week.
    stands_out
        Whether this hour, or weekday, differs from the others.
    weekly
        Whether the window a week ago was an alarm that stood out.
    is_new
        Whether too few days are known to tell an hour from a change.
    since
        When the first window with an alarm began.
    like
        The closest reference of an hour, another one after a clock change.
    unlike
        The references that are certainly further away since the clock change.
    lasting_values
        Values that the baseline lacks and each window of a week has: since when, in how many rows, and of how many rows.
    """

    days: int = 0
    back: int = 0
    learnt: bool = False
    stands_out: bool = False
    weekly: bool = False
    is_new: bool = False
    since: str | None = None
    like: str = CLOCK_DAY
    unlike: frozenset[str] = frozenset()
    lasting_values: tuple[str, float, float] | None = None


@value_class(slots=False, eq=False)
class PastHours:
    """Earlier windows of one column, compared with one reference. back: how many minutes before this window each one ended.
    alarmed: whether each was an alarm. scores: their signed scores, shape (windows, scores).
    """

    back: Integers
    alarmed: Flags
    scores: Scores

    @cached_property
    def _days(self) -> Integers:
        """The number of days back; 1 for the last 24 hours."""
        return -(-self.back // DAY)

    def _has_distinct_median(self, windows: Flags, days: int = WEEK) -> bool:
        """Whether the windows' median differs from the winsorized mean of some days: a few extreme hours are clipped."""
        scores = self.scores[self._days <= days]
        level = scores.clip(*np.quantile(scores, WINSORIZED_QUANTILES, axis=0)).mean(axis=0)
        difference = np.abs(np.median(self.scores[windows], axis=0) - level)
        return bool(np.any(difference > np.maximum(np.abs(level), STANDS_OUT)))

    @cached_property
    def _is_far(self) -> Flags:
        is_far: Flags = np.abs(self.scores).max(axis=1) > STANDS_OUT
        return is_far

    @property
    def is_new(self) -> bool:
        """Whether too few days are known to tell a pattern of the hour from a change: less than one day; or less than a week
        with alarms, in which yesterday's windows about this hour stood out.
        """
        oldest = self.back.max()
        return bool(oldest < DAY or (oldest < WEEK * DAY and self._has_distinct_day(1)))

    @property
    def is_new_weekday(self) -> bool:
        """Whether too few days are known to tell a pattern of the weekday from a change: less than a week with alarms, of which
        most days were unlike the baseline; or less than two weeks with alarms, in which this weekday stood out a week ago.

        All windows have to end at one hour.
        """
        oldest = self.back.max()
        if oldest < WEEK * DAY:
            return bool(self.alarmed.any() and self._is_far.mean() >= MIN_ALARMED_SHARE)
        return bool(oldest < DAYS_BACK * DAY and self._has_distinct_day(WEEK))

    def _has_distinct_day(self, days: int) -> bool:
        """Whether there were alarms, and the windows of that many days ago, about this hour, were unlike the days since."""
        windows = self._is_far & (np.abs(self.back - days * DAY) <= MAX_NEIGHBOUR_MINUTES)
        return bool(self.alarmed.any() and windows.any()) and self._has_distinct_median(windows, days)

    def _is_recurring(self, cell: Flags) -> bool:
        """Whether these windows of one hour have been alarms for a week."""
        days = self._days[cell & self.alarmed]
        if len(days) < MIN_ALARMED_DAYS or days.max() < WEEK or self.back.max() < WEEK * DAY:
            return False
        since_then = np.count_nonzero(cell & (self._days <= days.max()))
        return len(days) >= MIN_ALARMED_SHARE * since_then and self._has_distinct_median(cell & self.alarmed)

    @cached_property
    def _hours_differ(self) -> bool:
        """Whether a score varies more between hours than between days at one hour (an F statistic)."""
        _, hours = np.unique(self.back % DAY, return_inverse=True)
        return _compute_largest_variance_ratio(self.scores, hours, np.arange(len(hours))) > HOURS_DIFFER

    @cached_property
    def weekdays_differ(self) -> bool:
        """Whether days resemble the same weekday of the week before, but not each other. A day is 24 hours up to now, and has
        most of its windows.
        """
        windows = np.bincount(self._days)[self._days]
        is_complete = (self._days <= self.back.max() // DAY) & (windows >= MIN_ALARMED_SHARE * windows.max())
        days = self._days[is_complete]
        return _compute_largest_variance_ratio(self.scores[is_complete], days % WEEK, days) > WEEKDAYS_DIFFER

    @property
    def alarmed_backs(self) -> set[int]:
        return set(self.back[self.alarmed].tolist())

    @cached_property
    def _by_weekday(self) -> Doubles:
        """The scores by week and weekday, from one day back on, NaN where missing. All windows have to end at one hour."""
        by_day = np.full((MAX_WEEKS * WEEK, len(SCORES)), np.nan)
        is_recent = self._days <= len(by_day)
        by_day[self._days[is_recent] - 1] = self.scores[is_recent]
        return by_day.reshape(MAX_WEEKS, WEEK, len(SCORES))

    @cached_property
    def _days_that_stand_out(self) -> tuple[Doubles, Doubles]:
        """For each weekday, the differences of its scores from the median of all days, in that of the last two weeks in which
        they are smaller; and the largest absolute difference.
        """
        by_weekday = self._by_weekday
        median = np.nanmedian(by_weekday.reshape(-1, len(SCORES)), axis=0)
        differences = np.nan_to_num(by_weekday[:2] - median)
        distances = np.abs(differences).max(axis=2)
        # A missing day is never the closer one
        is_missing = np.isnan(by_weekday[:2]).any(axis=2)
        closer_week = np.where(is_missing, np.inf, distances).argmin(axis=0)
        weekdays = np.arange(WEEK)
        return differences[closer_week, weekdays], distances[closer_week, weekdays]

    def find_free_days(self) -> tuple[int, ...]:
        """The windows that a holiday may be like, in minutes back: in both of the last two weeks, the weekday that differs most
        from the others, and weekdays that are closer to it than to the others. All windows have to end at one hour.
        """
        differences, distances = self._days_that_stand_out
        farthest = differences[distances.argmax()]
        is_free = np.abs(differences - farthest).max(axis=1) < distances
        last_week = DAY * (1 + np.flatnonzero(is_free))
        return (*last_week.tolist(), *(last_week + WEEK * DAY).tolist())

    def find_similar_weeks(self) -> tuple[int, ...]:
        """The weeks, of the last three, in which the windows of this weekday are alike: at least two weeks, or all three if this
        weekday alone stands out; otherwise none. All windows have to end at one hour.
        """
        by_weekday = self._by_weekday
        # The expected difference between a weekday's windows of two weeks: a robust standard deviation
        differences = np.abs(by_weekday[0] - by_weekday[1])
        differences = differences[~np.isnan(differences).any(axis=1)]
        maximum = np.full(len(SCORES), np.sqrt(2))
        if len(differences):
            maximum = np.maximum(maximum, np.median(differences, axis=0) / MEDIAN_OF_NORMAL)
        maximum *= STANDS_OUT
        # The largest group of weeks that are like one of them
        weekday_scores = by_weekday[:, -1]
        groups = []
        for scores in weekday_scores:
            is_alike = (np.abs(weekday_scores - scores) <= maximum).all(axis=1)
            groups.append(tuple(1 + int(week) for week in np.flatnonzero(is_alike)))
        weeks = max(groups, key=len)
        # A weekday that stands out alone may be odd in two weeks by chance
        needed = 2
        if self.find_free_days() == (WEEK * DAY, DAYS_BACK * DAY):
            needed = MAX_WEEKS
        return weeks if len(weeks) >= needed else ()

    @cached_property
    def may_be_seasonal(self) -> bool:
        """Whether hours differ, or there was an alarm twice at one hour, or at this hour yesterday or a week ago."""
        back = self.back[self.alarmed]
        _, counts = np.unique(back % DAY, return_counts=True)
        return (
            bool((counts > 1).any() or np.isin(back, (DAY, WEEK * DAY)).any())
            or self._hours_differ
            or self.weekdays_differ
        )

    def season(self, ended: datetime) -> Season:
        """The season at the hour of the window that ended at `ended`."""
        hours = self.back % DAY
        is_this_hour = hours == 0
        is_alarmed_now = is_this_hour & self.alarmed
        learnt = self.back.max() >= WEEK * DAY and (self._hours_differ or self.weekdays_differ)
        learnt = learnt or any(self._is_recurring(hours == hour) for hour in np.unique(hours[self.alarmed]))
        a_week_ago = self.alarmed & np.isin(self.back, _select_weekday_windows(self.back, ended))
        weekly = bool(a_week_ago.any()) and self._has_distinct_median(a_week_ago)
        days = is_alarmed_now.any() and self._has_distinct_median(is_alarmed_now)
        stands_out = bool(days or weekly or (learnt and is_this_hour.any() and self._has_distinct_median(is_this_hour)))
        if not days:
            return Season(learnt=learnt, stands_out=stands_out, weekly=weekly)
        return Season(int(is_alarmed_now.sum()), int(self.back[is_alarmed_now].max()), learnt, stands_out, weekly)

    def has_moved(self) -> bool:
        """Whether this hour was an alarm on every day of a week and stood out from the other hours."""
        week = (self.back % DAY == 0) & (self._days <= WEEK)
        return (
            np.count_nonzero(week) >= MIN_ALARMED_DAYS
            and bool(self.alarmed[week].all())
            and self._has_distinct_median(week)
        )


def compare_with_hour(
    past_by_reference: Mapping[str, PastHours], ended: datetime
) -> tuple[str, frozenset[str], PastHours | None]:
    """The hour that a column follows, since clocks may have changed.

    Returns the closest reference; the references that no longer apply; and the windows compared with the same hour, without
    alarms where the shifted hour fits.

    past_by_reference: windows of the last two weeks. ended: when this window ended.
    """
    same_hour = past_by_reference.get(CLOCK_DAY)
    unlike = set[str]()
    if same_hour is None:
        return CLOCK_DAY, frozenset(), None
    like = CLOCK_DAY
    alarmed = same_hour.alarmed
    closest = MIN_CLOSER
    last_change_by_suffix = {suffix: last_change for suffix, _, _, last_change in _find_clock_changes(ended)}
    for suffix in CLOCKS_CHANGE:
        shifted_hour = past_by_reference.get(CLOCK_DAY + suffix)
        if shifted_hour is None:
            continue
        # By how much each window that both hours have is closer to the shifted one, in squared scores
        backs = same_hour.back, shifted_hour.back
        back, same_index, shifted_index = np.intersect1d(*backs, assume_unique=True, return_indices=True)
        distance_gain = (
            _compute_squares(past_by_reference, "")[same_index]
            - _compute_squares(past_by_reference, suffix)[shifted_index]
        )
        since_change = float(distance_gain.cumsum().max(initial=0.0))  # the most recent windows come first
        # The evidence of all windows since the last change, clipped so that no window is enough alone
        is_after_change = back < last_change_by_suffix.get(suffix, 0)
        certainty = float(distance_gain[is_after_change].clip(-MIN_CLOSER, MIN_CLOSER).sum())
        if since_change > closest:
            like = CLOCK_DAY + suffix
            closest = since_change
            alarmed = same_hour.alarmed.copy()
            alarmed[same_index] &= shifted_hour.alarmed[shifted_index]
            if certainty >= MIN_CERTAIN:
                unlike |= {CLOCK_DAY, CLOCK_WEEK}
        if certainty <= -MIN_CERTAIN:
            unlike |= {CLOCK_DAY + suffix, CLOCK_WEEK + suffix}
    return like, frozenset(unlike), replace(same_hour, alarmed=alarmed)


def _compute_squares(past_by_reference: Mapping[str, PastHours], suffix: str) -> Doubles:
    """The squared scores of each window relative to its hour, or to its weekday if smaller."""
    squares: Doubles = np.square(past_by_reference[CLOCK_DAY + suffix].scores).sum(axis=1)
    if (week := past_by_reference.get(CLOCK_WEEK + suffix)) is not None:
        backs = past_by_reference[CLOCK_DAY + suffix].back, week.back
        _, day_index, week_index = np.intersect1d(*backs, assume_unique=True, return_indices=True)
        squares[day_index] = np.minimum(squares[day_index], np.square(week.scores[week_index]).sum(axis=1))
    return squares


def select_hour_windows(
    past_hours: PastHours | None,
    ended: datetime,
    windows: Collection[int],
    odd_windows: Collection[int] = (),
    *,
    weekly: bool = False,
) -> dict[str, tuple[int, ...]]:
    """The windows that a column is compared with, by reference, in minutes before the window that ended at `ended`. A
    window unlike the days before it is excluded, unless a week of them makes a new season. past_hours: windows compared with
    `clock:day`. windows: all windows. odd_windows: windows unlike their weekday. weekly: whether weekdays are known to differ.
    """
    alarmed_backs = set() if past_hours is None else past_hours.alarmed_backs
    has_moved = past_hours is not None and past_hours.has_moved()
    week = _select_weekday_windows(windows, ended)
    # The same hour of earlier days
    examples = tuple(_select_examples(alarmed_backs))
    if has_moved or (weekly and {*examples}.isdisjoint(windows)):  # every weekday differs from the days before it
        examples = tuple(DAY * day for day in range(1, WEEK + 1))
    windows_by_reference = {CLOCK_DAY: examples}
    weeks_by_suffix = {"": week}
    # The same for the hours that it may be after a clock change
    for suffix, minutes, first_change, last_change in () if has_moved else _find_clock_changes(ended):
        days = (DAY * day for day in range(1, DAYS_BACK + 1))
        same_hours = _list_windows_at_hour(days, minutes, first_change, last_change)
        windows_by_reference[CLOCK_DAY + suffix] = tuple(back for back in same_hours if back not in alarmed_backs)
        weeks_by_suffix[suffix] = tuple(_list_windows_at_hour(week, minutes, first_change, last_change))
    # The same hour of the weekday, where weekdays differ or one of them was an alarm
    for suffix, same_weekdays in weeks_by_suffix.items():
        if weekly or not alarmed_backs.isdisjoint(same_weekdays):
            usual_weekdays = tuple(back for back in same_weekdays if back in windows and back not in odd_windows)
            windows_by_reference[CLOCK_WEEK + suffix] = usual_weekdays or same_weekdays
    return windows_by_reference


def _select_weekday_windows(windows: Collection[int], ended: datetime) -> tuple[int, ...]:
    """The windows at this hour of the same weekday. If the window of a week ago is missing, its neighbours replace it; if these
    are missing, too, the neighbours of two weeks ago. The last resort is a neighbouring hour on another day.
    """
    minute = (60 * ended.hour + ended.minute - 1) % DAY
    # The neighbouring hour that belongs to another day, if there is one
    other_day = 0
    if minute < 60:
        other_day = 60
    elif minute >= DAY - 60:
        other_day = -60
    neighbours = [minutes for minutes in (-60, 60) if minutes != other_day]
    last_week: tuple[int, ...] = (WEEK * DAY,)
    if WEEK * DAY not in windows:
        last_week = tuple(WEEK * DAY + minutes for minutes in neighbours)
    week_before = tuple(DAYS_BACK * DAY + minutes for minutes in neighbours)
    for candidates in ((*last_week, DAYS_BACK * DAY), week_before):
        if not {*candidates}.isdisjoint(windows):
            return candidates
    return WEEK * DAY + other_day, DAYS_BACK * DAY + other_day


def _find_clock_changes(ended: datetime) -> Iterator[tuple[str, int, int, int]]:
    """Clock changes in the last two weeks: suffix, shift in minutes, and the minutes since before the first possible
    change and since after the last one.
    """
    for suffix, (shift, sundays) in CLOCKS_CHANGE.items():
        recent_changes = []
        for month, index in sundays:
            noon = datetime(ended.year, month, _find_sunday(ended.year, month, index), 12)
            minutes_ago = (ended.replace(tzinfo=None) - noon) // timedelta(minutes=1)
            if -DAY < minutes_ago < (DAYS_BACK - 1) * DAY:
                recent_changes.append(minutes_ago)
        if recent_changes:
            yield suffix, shift, max(recent_changes) + DAY, min(recent_changes)


def _find_sunday(year: int, month: int, index: int) -> int:
    sundays = [week[SUNDAY] for week in monthcalendar(year, month) if week[SUNDAY]]
    return sundays[index]


def _list_windows_at_hour(backs: Iterable[int], minutes: int, first_change: int, last_change: int) -> Iterator[int]:
    """The windows at the same local hour; none between the possible clock changes, because the place is unknown."""
    for back in backs:
        if back <= last_change:
            yield back
        elif back + minutes >= first_change:
            yield back + minutes


def _select_examples(alarmed_backs: Collection[int]) -> Iterator[int]:
    """The windows at this hour, except those before a change that has become normal."""
    num_examples = 0
    consecutive_alarms = 0
    for back in range(DAY, DAYS_BACK * DAY + 1, DAY):
        consecutive_alarms = consecutive_alarms + 1 if back in alarmed_backs else 0
        if num_examples and consecutive_alarms >= MIN_ALARMED_DAYS:
            return
        if back not in alarmed_backs:
            num_examples += 1
            yield back


def _compute_largest_variance_ratio(scores: Scores, groups: Integers, units: Integers) -> float:
    """The largest F statistic of the scores: the variance between groups of units over that of units within groups, or over 1 if
    that is smaller; 0 with too few groups. An odd day may lie in two groups, so the two most variable groups may be left out.
    """
    _, units = np.unique(units, return_inverse=True)
    sizes = np.bincount(units).astype(float)
    group_of_unit = np.zeros(len(sizes), dtype=np.int64)
    group_of_unit[units] = groups
    weights = np.bincount(group_of_unit, sizes).astype(float)
    freedom = np.bincount(group_of_unit) - 1
    is_week = np.count_nonzero(freedom > 0) >= MIN_GROUPS
    ratios = [0.0]
    for score in scores.T:
        # Means of units and of groups, and the variation of units within groups
        unit_means = np.bincount(units, score) / sizes
        group_means = np.bincount(group_of_unit, unit_means * sizes) / np.maximum(weights, 1)
        squares = np.bincount(group_of_unit, sizes * (unit_means - group_means[group_of_unit]) ** 2)
        # Groups from the least variable on, with and without those that may be odd
        calmest_groups = np.argsort(np.where(weights > 0, squares, np.inf), kind="stable")[: np.count_nonzero(weights)]
        sums = np.stack([group_means, weights, squares, freedom])[:, calmest_groups]
        ratios.append(_compute_variance_ratio(*sums))
        if is_week:
            ratios.append(_compute_variance_ratio(*sums[:, :-ODD_GROUPS]) / CALM_GROUPS_RATIO)
    return max(ratios)


def _compute_variance_ratio(means: Doubles, weights: Doubles, squares: Doubles, freedom: Doubles) -> float:
    if len(means) < 2 or not freedom.any():
        return 0.0
    deviations = means - weights @ means / weights.sum()
    return float(weights @ deviations**2 / (len(means) - 1) / max(squares.sum() / freedom.sum(), 1.0))
