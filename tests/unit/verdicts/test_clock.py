"""What follows the clock is told from a change that stays: by hand-made scores of hourly windows."""

from __future__ import annotations

import numpy as np
import pytest

from model_monitor.statistics.verdicts.clock import (
    CLOCK_DAY,
    CLOCK_EARLIER,
    CLOCK_LATER,
    CLOCK_WEEK,
    DAY,
    PastHours,
    like_this_hour,
)

JUNE, OCTOBER = 6, 10


def told(scores, *, alarmed=None, without=()):
    """Hourly windows up to now, the last one last; hours as of a Monday's midnight. without: hours that are missing."""
    scores = np.asarray(scores, dtype=float)
    kept = np.array([hour not in without for hour in range(len(scores))])
    alarmed = np.abs(scores) > 4.5 if alarmed is None else np.asarray(alarmed)
    back = 60 * (len(scores) - np.arange(len(scores)))
    others = np.random.default_rng(len(scores)).standard_normal((2, len(scores)))
    return PastHours(back[kept], alarmed[kept], np.column_stack((scores, *others))[kept])


def noise(hours, seed=5):
    return np.random.default_rng(seed).standard_normal(hours)


def sine(hours, size=20):
    return size * np.sin(2 * np.pi * np.arange(hours) / 24) + noise(hours)


def nightly(days, since, size=30.0):
    """A job that is broken at two o'clock from a day on; now it is two o'clock."""
    scores = noise(24 * days + 2)
    scores[24 * since + 2 :: 24] += size
    return scores


def test_a_sine_is_a_season_that_is_known_after_a_week():
    for days, learnt in ((2, False), (6, False), (7, True), (14, True)):
        season = told(sine(24 * days + 6)).season()  # at six o'clock it is highest
        assert (season.days, season.learnt, season.stands_out) == (days, learnt, True)
        assert season.back == DAY * days


def test_a_season_too_weak_for_alarms_is_known_and_so_is_one_with_missing_hours():
    assert told(sine(24 * 9, size=4), alarmed=np.zeros(24 * 9, bool)).season().learnt
    assert told(sine(24 * 9), without={*range(30, 40), 100, 150, 151}).season().learnt


def test_healthy_hours_are_no_season():
    assert not any(told(noise(24 * 10, seed)).may_be_seasonal for seed in range(50))


@pytest.mark.parametrize("size", [2.6, 8.0, 60.0])
@pytest.mark.parametrize("days", [2, 5, 8, 13])
def test_a_change_of_level_is_never_a_season(size, days):
    scores = noise(24 * 14)
    scores[-24 * days :] += size
    season = told(scores, alarmed=np.arange(24 * 14) >= 24 * (14 - days)).season()
    assert not (season.learnt and season.stands_out)
    assert days < 7 or not season.stands_out


def test_a_level_beside_which_one_fault_lies_is_no_season_either():
    scores = noise(24 * 14) + 3
    scores[-30:-24] += 50
    season = told(scores, alarmed=np.ones(24 * 14, bool)).season()
    assert not (season.learnt and season.stands_out)


def test_a_nightly_fault_is_counted_by_its_days_and_no_example_before_there_is_a_week_of_them():
    for days in range(1, 14):
        windows = told(nightly(20, since=20 - days))
        season = windows.season()
        assert (season.days, season.back, season.stands_out) == (days, DAY * days, True)
        assert (DAY in like_this_hour(windows, JUNE)[CLOCK_DAY]) == (days >= 7)


def test_a_weekend_is_known_a_week_later_and_a_level_since_then_is_not():
    hours = np.arange(24 * 12)  # up to the midnight before the second Saturday
    weekend = hours // 24 % 7 > 4
    assert told(noise(len(hours)) + 20 * weekend).season().weekly
    assert not told(noise(len(hours)) + 20 * (hours >= 24 * 5)).season().weekly


def test_windows_that_were_unlike_their_hour_are_no_examples():
    scores = noise(24 * 14)
    scores[-48] = 9.0
    found = like_this_hour(told(scores), JUNE)
    assert found == {CLOCK_DAY: tuple(DAY * day for day in (1, *range(3, 15)))}


def test_a_hour_that_was_unlike_its_hour_a_week_ago_is_held_against_that_too():
    scores = noise(24 * 14)
    scores[-24 * 7] = 9.0
    assert like_this_hour(told(scores), JUNE)[CLOCK_WEEK] == (7 * DAY, 14 * DAY)


def test_a_week_of_one_hour_makes_a_new_season_and_a_week_of_all_hours_does_not():
    days_of_week = tuple(DAY * day for day in range(1, 8))
    one_hour = noise(24 * 14)
    one_hour[-24 * 7 :: 24] += 20
    every_hour = noise(24 * 14)
    every_hour[-24 * 7 :] += 20

    assert like_this_hour(told(one_hour), JUNE)[CLOCK_DAY] == days_of_week
    assert not set(like_this_hour(told(every_hour), JUNE)[CLOCK_DAY]) & set(days_of_week)


def test_hours_beside_it_are_looked_at_when_clocks_change():
    assert set(like_this_hour(None, JUNE)) == {CLOCK_DAY}
    found = like_this_hour(None, OCTOBER)
    assert (found[CLOCK_LATER][0], found[CLOCK_EARLIER][0]) == (DAY - 60, DAY + 60)
