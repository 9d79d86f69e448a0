"""How many rows are usual: healthy windows are silent whatever the season, half the rows are found."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from scipy.stats import t

from model_monitor.verdicts.volume import Volume, chance_of_rows, usual

START = datetime(2026, 3, 2, tzinfo=timezone.utc)  # a Monday
LEVEL = 1 / 720 / 4
"""Of one of four families."""


def alarms(rows, step, judged):
    """Which of the judged windows would alarm, each beside those before it. rows: of each window."""
    times = [START + step * place for place in range(len(rows))]
    found = []
    for place in judged:
        alike = Volume(times[place], tuple(zip(times[:place], rows[:place], strict=True))).alike
        if alike is not None and chance_of_rows(rows[place], alike) <= LEVEL:
            found.append(place)
    return found


def hourly(random, days, wobble):
    """Six times as many rows by day as by night, and half of them on weekends."""
    hours = np.arange(days * 24)
    by_hour = 1_000 * (1 + 5 * np.sin(np.pi * (hours % 24) / 24) ** 2)
    by_day = np.where((hours // 24) % 7 >= 5, 0.5, 1.0)
    return random.poisson(by_hour * by_day * np.exp(random.normal(0, wobble, len(hours)))).astype(float)


@pytest.mark.parametrize("wobble", [0.0, 0.1, 0.3])
def test_healthy_hours_and_days_are_silent_in_every_season(wobble):
    """1/720 of four families: of 20 x (288 + 60) windows 2.4 would be expected to alarm at the level, 9 in one of 1,000 tries."""
    random = np.random.default_rng(11)
    found = 0
    for _ in range(20):
        found += len(alarms(hourly(random, 14, wobble), timedelta(hours=1), range(24, 336, 2)))
        daily = hourly(random, 90, wobble).reshape(-1, 24).sum(axis=1)
        found += len(alarms(daily, timedelta(days=1), range(8, 90)))

    assert found <= 9


def test_half_the_usual_rows_are_found():
    random = np.random.default_rng(12)
    found = 0
    for _ in range(50):
        rows = random.poisson(1_000 * np.exp(random.normal(0, 0.1, 31))).astype(float)
        rows[-1] /= 2
        found += bool(alarms(rows, timedelta(days=1), [30]))

    assert found >= 48


def test_the_chance_is_students():
    """Of the logarithms: mean 0 and standard deviation s of 8, a window at log 2."""
    alike = np.exp([-0.2, 0.2] * 4) * 1_000 - 0.5
    deviation = np.std([-0.2, 0.2] * 4, ddof=1) * np.sqrt(1 + 1 / 8)

    assert usual(alike) == pytest.approx(999.5)
    assert chance_of_rows(1_999.5, alike) == pytest.approx(2 * t.sf(np.log(2) / deviation, 7))
    assert chance_of_rows(1_100, alike) == 1.0


def test_few_windows_and_those_of_less_than_a_day_tell_nothing():
    """Eight hours of the night say nothing of the morning."""
    night = tuple((START + timedelta(hours=hour), 100.0) for hour in range(8))

    assert Volume(START + timedelta(hours=8), night).alike is None
    assert Volume(START + timedelta(days=9), tuple((START + timedelta(days=d), 1.0) for d in range(7))).alike is None


def test_windows_without_rows_among_the_earlier_ones_are_numbers_like_others():
    assert 0 < chance_of_rows(50, np.array([0.0, 10.0] * 8)) <= 1
