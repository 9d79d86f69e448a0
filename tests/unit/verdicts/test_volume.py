"""How many rows are usual, and how fresh: healthy windows are silent, half the rows and a silent third are found."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from scipy.stats import linregress, t

from spark_model_monitor.statistics.verdicts.expected_row_count import (
    ExpectedFreshness,
    RowCountHistory,
    convert_to_minutes,
)

START = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday
LEVEL = 1 / 720 / 4
"""Of one of four families."""


def alarms(rows, step, judged):
    """Which of the judged windows would alarm, each beside those before it. rows: of each window."""
    times = [START + step * number for number in range(len(rows))]
    alarm_positions = []
    for position in judged:
        history = RowCountHistory(
            times[position], tuple(zip(times[:position], rows[:position], rows[:position], strict=True))
        ).expected_row_count
        if history is not None and history.p_value(rows[position]) <= LEVEL:
            alarm_positions.append(position)
    return alarm_positions


def hourly(random, days, wobble):
    """Six times as many rows by day as by night, and half of them on weekends."""
    hours = np.arange(days * 24)
    by_hour = 1_000 * (1 + 5 * np.sin(np.pi * (hours % 24) / 24) ** 2)
    by_day = np.where((hours // 24) % 7 >= 5, 0.5, 1.0)
    return random.poisson(by_hour * by_day * np.exp(random.normal(0, wobble, len(hours)))).astype(float)


@pytest.mark.nightly
@pytest.mark.parametrize("wobble", [0.0, 0.1, 0.3])
def test_healthy_hours_and_days_are_silent_in_every_season(wobble):
    """1/720 of four families: of 20 x (288 + 60) windows 2.4 would be expected to alarm at the level, 9 in one of 1,000 tries."""
    random = np.random.default_rng(11)
    alarm_count = 0
    for _ in range(20):
        alarm_count += len(alarms(hourly(random, 14, wobble), timedelta(hours=1), range(24, 336, 2)))
        daily = hourly(random, 90, wobble).reshape(-1, 24).sum(axis=1)
        alarm_count += len(alarms(daily, timedelta(days=1), range(8, 90)))

    assert alarm_count <= 9


def test_half_the_usual_rows_are_found():
    random = np.random.default_rng(12)
    alarm_count = 0
    for _ in range(50):
        rows = random.poisson(1_000 * np.exp(random.normal(0, 0.1, 31))).astype(float)
        rows[-1] /= 2
        alarm_count += bool(alarms(rows, timedelta(days=1), [30]))

    assert alarm_count >= 48


def growing(random, days, wobble, a_day=0.015, hours=24):
    """Traffic that grows by so much a day."""
    growth = (1 + a_day) ** (np.arange(days * 24) / 24)
    rows = hourly(random, days, wobble) * growth
    return rows.reshape(-1, 24 // hours if hours < 24 else 24).sum(axis=1)


@pytest.mark.parametrize("wobble", [0.0, 0.1, 0.3])
@pytest.mark.parametrize("a_day", [0.015, -0.015])
def test_what_grows_or_shrinks_is_silent(wobble, a_day):
    """Of 20 x 82 windows at 1/720 of four families .6 would be expected to alarm, 4 in one of 1,000 tries."""
    random = np.random.default_rng(13)
    alarm_count = sum(
        len(alarms(growing(random, 90, wobble, a_day), timedelta(days=1), range(8, 90))) for _ in range(20)
    )

    assert alarm_count <= 4


@pytest.mark.parametrize("a_day", [0.015, -0.015])
def test_half_the_rows_are_found_where_traffic_grows(a_day):
    random = np.random.default_rng(14)
    alarm_count = 0
    for _ in range(100):
        rows = random.poisson(5_000 * (1 + a_day) ** np.arange(61) * np.exp(random.normal(0, 0.1, 61))).astype(float)
        rows[-1] /= 2
        alarm_count += bool(alarms(rows, timedelta(days=1), [60]))

    assert alarm_count >= 95


def expect_row_count(days, logs):
    """What is usual at `START`, of windows that ended so many days before."""
    earlier = [(START + timedelta(days=day), np.exp(log) - 0.5, 0.0) for day, log in zip(days, logs, strict=True)]
    return RowCountHistory(START, tuple(earlier)).expected_row_count


def test_a_line_is_the_one_of_least_squares():
    """The expected rows and the interval of a new window, by SciPy's regression."""
    days = np.arange(-20.0, 0.0)
    logs = 12 + 0.03 * days + np.resize([0.05, -0.02, -0.05, 0.02], 20)
    line = linregress(days, logs)
    residuals = logs - line.intercept - line.slope * days
    deviation = np.sqrt(
        residuals @ residuals / 18 * (1 + 1 / 20 + days.mean() ** 2 / ((days - days.mean()) ** 2).sum())
    )
    expected_count = expect_row_count(days, logs)

    assert expected_count.rows + 0.5 == pytest.approx(np.exp(line.intercept))
    assert expected_count.p_value(np.exp(line.intercept - 0.5) - 0.5) == pytest.approx(2 * t.sf(0.5 / deviation, 18))


def test_the_chance_is_students():
    """Of the logarithms: mean 0 and standard deviation s of 8, a window at log 2."""
    expected_count = expect_row_count(
        np.arange(-8.0, 0.0), [np.log(1_000) + deviation for deviation in [-0.2, 0.2] * 4]
    )
    deviation = np.std([-0.2, 0.2] * 4, ddof=1) * np.sqrt(1 + 1 / 8)

    assert expected_count.rows == pytest.approx(999.5)
    assert expected_count.p_value(1_999.5) == pytest.approx(2 * t.sf(np.log(2) / deviation, 7))
    assert expected_count.p_value(1_100) == 1.0


def test_few_windows_and_those_of_less_than_a_day_tell_nothing():
    """Eight hours of the night say nothing of the morning."""
    night = tuple((START + timedelta(hours=hour), 100.0, 0.0) for hour in range(8))

    assert RowCountHistory(START + timedelta(hours=8), night).expected_row_count is None
    assert (
        RowCountHistory(
            START + timedelta(days=9), tuple((START + timedelta(days=d), 1.0, 0.0) for d in range(7))
        ).expected_row_count
        is None
    )


def test_windows_without_rows_among_the_earlier_ones_are_numbers_like_others():
    assert 0 < expect_row_count(np.arange(-16.0, 0.0), np.log(np.array([0.0, 10.0] * 8) + 0.5)).p_value(50) <= 1


def stale(rows, gaps, judged):
    """Which of the judged hours would alarm, each beside those before it. gaps: in minutes, of each hour; NaN without a row."""
    times = [START + timedelta(hours=number + 1) for number in range(len(rows))]
    arrivals_before = list(zip(times, rows, gaps, strict=True))
    alarm_positions = []
    for position in judged:
        earlier = tuple(arrival for arrival in arrivals_before[:position] if arrival[1])
        expected_freshness = RowCountHistory(
            times[position], (), times[position] - timedelta(hours=1), earlier
        ).expected_freshness
        if (
            rows[position]
            and expected_freshness is not None
            and expected_freshness.p_value(gaps[position], rows[position]) <= LEVEL / 2
        ):
            alarm_positions.append(position)
    return alarm_positions


def arrivals(random, days, per_hour, kind):
    """Rows of each hour and the minutes from the last one to its end. sessions: up to 39 rows within nine minutes of each other.
    closing: few rows at night and on Sundays, none in the half hour after 18:30, nor after 14:24 on Saturdays.
    """
    counts = []
    gaps = []
    for hour in range(days * 24):
        of_day = hour % 24
        of_week = hour // 24 % 7
        rate = per_hour * (0.05 + np.sin(np.pi * of_day / 24) ** 2) * (0.5 if of_week >= 5 else 1.0)
        times = random.uniform(0, 1, random.poisson(rate))
        if kind == "sessions":
            starts = random.uniform(-0.2, 1, random.poisson(rate / 10))
            lasting = [start + random.uniform(0, 0.15, random.integers(1, 40)) for start in starts]
            times = np.concatenate([*lasting, []])
        elif kind == "closing":
            saturday = of_week == 5 and of_day == 14
            is_shut = of_day < 7 or of_day > 18 or (of_week == 5 and of_day > 14) or of_week == 6
            if is_shut:
                times = random.uniform(0, 1, random.poisson(2))
            else:
                times = times * (0.4 if saturday else 1.0)
            if of_day == 18 and not is_shut:
                times = times * 0.5
        times = times[(times >= 0) & (times < 1)]
        counts.append(float(len(times)))
        gaps.append(60 * (1 - times.max()) if len(times) else np.nan)
    return counts, gaps


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["seasonal", "sessions", "closing"])
def test_healthy_hours_are_as_fresh_as_ever(kind):
    """Of 3 x 3 x 480 hours 0.75 would be expected to alarm at half the level, 5 in one of 1,000 tries."""
    random = np.random.default_rng(13)
    alarm_count = 0
    for per_hour in (5, 60, 1_000):
        for _ in range(3):
            alarm_count += len(stale(*arrivals(random, 21, per_hour, kind), range(24, 504)))

    assert alarm_count <= 5


def test_a_last_third_without_a_row_is_found_after_three_weeks():
    random = np.random.default_rng(14)
    alarm_count = 0
    for _ in range(10):
        rows, gaps = arrivals(random, 22, 1_000, "seasonal")
        noon = 21 * 24 + 12
        rows[noon], gaps[noon] = rows[noon] * 2 / 3, 20 + gaps[noon] * 2 / 3
        alarm_count += bool(stale(rows, gaps, [noon]))

    assert alarm_count == 10


def test_the_chance_of_a_gap_is_the_larger_one_of_student_and_lomax():
    """Of the logarithms of 8 gaps, mean 0 and standard deviation s, and 0.006 minutes more; of rows (1 + x / sum) ** -8."""
    gaps = np.exp([-0.2, 0.2] * 4) - 0.006
    rows = np.full(8, 100.0)
    deviation = np.std([-0.2, 0.2] * 4, ddof=1) * np.sqrt(1 + 1 / 8)
    lomax = (1 + 30 * 100 / ((gaps * 100).sum() + 0.006)) ** -8
    expected_delay = ExpectedFreshness(rows, gaps, 60)

    assert expected_delay.minutes == pytest.approx(1 - 0.006)
    assert expected_delay.p_value(30, 100) == pytest.approx(lomax)
    assert expected_delay.p_value(30, 1e6) == pytest.approx(t.sf(np.log(30.006) / deviation, 7))
    assert expected_delay.p_value(6.9, 100) == 1.0


def test_a_row_behind_the_window_is_no_older_than_its_end():
    assert convert_to_minutes(timedelta(seconds=-3)) == 0.0
    assert convert_to_minutes(timedelta(seconds=90)) == 1.5
