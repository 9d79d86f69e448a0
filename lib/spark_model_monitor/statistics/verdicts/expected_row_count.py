"""The expected number and freshness of a window's rows, estimated from earlier windows. Pure.

Model: the logarithm of a window's rows is normal around the mean of its season, such as the hour of the weekday, with a common
trend if it is significant; so is the logarithm of the time from the newest row to the window's end.
Statistic: the distance from the season's mean in its standard deviations, Student distributed; the deviation is shrunk
towards that of all hours (`between_window_variance.estimate_variance_prior`).
Assumptions: eight earlier windows of the hour, or of any hour on more than a day, are healthy.
Used by: row_count_check and freshness_check of data quality. Source: D4.10.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.special_functions import student_survival
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    MIN_WINDOWS,
    STRICT_LEVEL,
    estimate_variance_prior,
    lomax_upper_tail,
)
from spark_model_monitor.value_class import value_class

MIN_CHANGE = math.log(1.25)  # a change by less than a quarter is not reported

MIN_EXCESS_GAP = 0.1
MIN_MEASURED_GAP = 1e-4
"""Shares of a window's length: by how much the newest row must be older than usual, and the shortest gap that is measured."""

Earlier: TypeAlias = Sequence[tuple[datetime, float, float]]
"""For each window: when it ended, its rows, and the minutes from the newest row to its end."""

Season: TypeAlias = Callable[[datetime], Hashable]
"""What windows of one season share: the hour of the weekday, the hour, or nothing."""

_SEASONS: tuple[Season, ...] = (lambda time: (time.weekday(), time.hour), lambda time: time.hour)


@value_class
class RowCountHistory:
    """The rows and freshness of earlier windows. start, time: when this window begins, if known, and ends. fresh: the earlier
    windows whose newest row is known. newest: the time of this window's newest row.
    """

    time: datetime
    earlier: Earlier
    start: datetime | None = None
    fresh: Earlier = ()
    newest: datetime | None = None

    @property
    def expected_row_count(self) -> ExpectedRowCount | None:
        """The expected rows of the window; None with too few earlier windows."""
        season = _select_season(self.time, self.earlier)
        if season is None:
            return None
        return _estimate_row_count(self.time, self.earlier, season)

    @property
    def length(self) -> timedelta:
        """The window's length. If its beginning is unknown, because only its hour was given: the least time between two
        windows, or an hour.
        """
        if self.start is not None:
            return self.time - self.start
        times = sorted({self.time, *(time for time, *_ in self.earlier)})
        return min((later - earlier for earlier, later in pairwise(times)), default=timedelta(hours=1))

    @property
    def expected_freshness(self) -> ExpectedFreshness | None:
        """The usual time from a window's newest row to its end; None with too few earlier windows."""
        if self.start is None:
            return None
        season = _select_season(self.time, self.fresh)
        if season is None:
            return None
        rows, gaps = np.array([sizes for time, *sizes in self.fresh if season(time) == season(self.time)]).T
        return ExpectedFreshness(rows, gaps, convert_to_minutes(self.time - self.start))

    @property
    def gap(self) -> float | None:
        """Minutes from the newest row to the end of the window."""
        if self.newest is None:
            return None
        return convert_to_minutes(self.time - self.newest)


def convert_to_minutes(age: timedelta) -> float:
    """A row's age in minutes; 0 if it came after the window."""
    return max(0.0, age / timedelta(minutes=1))


def _select_season(now: datetime, earlier: Earlier) -> Season | None:
    """The season of windows like this one: the hour of the weekday if enough windows ended then, else the hour; else all windows
    if they cover a day; None with too few windows.
    """
    times = [time for time, *_ in earlier]
    for season in _SEASONS:
        if sum(season(time) == season(now) for time in times) >= MIN_WINDOWS:
            return season
    if len(times) >= MIN_WINDOWS and max(times) - min(times) >= timedelta(days=1):
        return lambda time: None
    return None


@value_class
class ExpectedRowCount:
    """The expected rows of a window, from earlier windows. log: the expected logarithm of the rows. deviation: its standard
    deviation, with `freedom` degrees of freedom. windows: the number of earlier windows of the season.
    """

    log: float
    deviation: float
    freedom: float
    windows: int

    @property
    def rows(self) -> float:
        return math.exp(self.log) - 0.5

    def change_to(self, rows: float) -> float:
        """The absolute difference between the logarithms of this number of rows and of the expected number."""
        return abs(math.log(rows + 0.5) - self.log)

    def p_value(self, rows: float) -> float:
        """The two-sided p-value of this number of rows; 1 if the change is too small."""
        change = self.change_to(rows)
        if change < MIN_CHANGE:
            return 1.0
        return min(1.0, 2 * student_survival(change / self.deviation, self.freedom))


def _estimate_row_count(now: datetime, earlier: Earlier, season: Season) -> ExpectedRowCount:
    """Geometric means by season with a common growth trend, if the trend is significant.

    Model: log(rows + 1/2) = mean of the window's season + slope * days since that season's mean day.

    Sources: for the trend Draper and Smith 1998, "Applied Regression Analysis", 1.4 and 14; for the variance
    `estimate_variance_prior`.
    """
    # The season of each window; the season of the judged window comes first
    seasons = [season(time) for time, *_ in earlier]
    distinct_seasons = [season(now), *({*seasons} - {season(now)})]
    season_index = np.array([distinct_seasons.index(season) for season in seasons])
    days = np.array([(time - now) / timedelta(days=1) for time, *_ in earlier])
    log_rows = np.log(np.array([rows for _, rows, _ in earlier]) + 0.5)

    # Least squares within the seasons
    windows = np.bincount(season_index)
    mean_day = np.bincount(season_index, days) / windows
    mean_log = np.bincount(season_index, log_rows) / windows
    x = days - mean_day[season_index]
    y = log_rows - mean_log[season_index]
    sum_xx = float(x @ x)
    freedom = len(log_rows) - len(distinct_seasons) - 1
    slope = float(x @ y) / sum_xx if sum_xx else 0.0
    residuals = y - slope * x

    # The trend is kept only if it is significant
    slope_error = math.sqrt(max(float(residuals @ residuals), 1e-12) / max(1, freedom) / max(sum_xx, 1e-12))
    if freedom < MIN_WINDOWS - 2 or 2 * student_survival(abs(slope) / slope_error, freedom) > STRICT_LEVEL:
        slope = 0.0
        slope_error = 0.0
        residuals = y
    expected = float(mean_log[0] - slope * mean_day[0])

    # The variance of this season, shrunk towards that of all seasons, which share the slope's degree of freedom
    squares = np.bincount(season_index, residuals**2).astype(float)
    freedoms = windows.astype(float) - 1 - (slope != 0) / len(distinct_seasons)
    prior_freedom, prior_variance = estimate_variance_prior(squares, freedoms)
    total_freedom = float(freedoms[0]) + prior_freedom
    variance = (float(squares[0]) + prior_freedom * prior_variance) / total_freedom
    variance = max(variance, math.exp(-expected))  # at least that of independent rows
    deviation = math.sqrt(variance * (1 + 1 / windows[0]) + (slope_error * mean_day[0]) ** 2)
    return ExpectedRowCount(expected, deviation, total_freedom, int(windows[0]))


@value_class
class ExpectedFreshness:
    """Rows and gaps of earlier windows, and the length of a window; times in minutes."""

    rows: Doubles
    gaps: Doubles
    length: float

    @property
    def minutes(self) -> float:
        """The geometric mean of the gaps."""
        return math.exp(float(self._logs.mean())) - self._resolution

    @property
    def least_delay(self) -> float:
        """The minutes by which a gap has to be longer than usual."""
        return MIN_EXCESS_GAP * self.length

    @property
    def _resolution(self) -> float:
        return MIN_MEASURED_GAP * self.length

    @property
    def _logs(self) -> Doubles:
        return np.log(self.gaps + self._resolution)

    def p_value(self, gap: float, rows: float) -> float:
        """The p-value of a gap this long; 1 if the change is too small.

        It is the larger of two p-values: of Student's t for the logarithms of earlier gaps, and of the rows expected in a gap.
        """
        if gap < self.minutes + self.least_delay:
            return 1.0
        logs = self._logs
        spread = math.sqrt(max(float(logs.var(ddof=1)), MIN_MEASURED_GAP) * (1 + 1 / len(logs)))
        gap_p_value = student_survival((math.log(gap + self._resolution) - float(logs.mean())) / spread, len(logs) - 1)
        return max(gap_p_value, lomax_upper_tail(gap * rows, self.gaps * self.rows, self._resolution))
