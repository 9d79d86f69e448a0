"""What follows the clock is told from a change that stays: by hand-made scores of hourly windows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from spark_model_monitor.statistics.verdicts.hours_of_day import HourCounts, align
from spark_model_monitor.statistics.verdicts.seasonality import (
    BACK,
    CLOCK_DAY,
    CLOCK_WEEK,
    DAY,
    FORWARD,
    PastHours,
    compare_with_hour,
    select_hour_windows,
)

JUNE = datetime(2026, 6, 22)
CLOCK_LATER = CLOCK_DAY + FORWARD
CLOCK_EARLIER = CLOCK_DAY + BACK
# of a day, when they ended
LAST_HOUR = datetime(2026, 6, 20)
FIRST_HOUR = datetime(2026, 6, 20, 1)
HOURS = range(60, 21 * DAY, 60)  # of hourly windows that are all there


def make_past_hours(scores, *, alarmed=None, without=()):
    """Hourly windows up to now, the last one last; hours as of a Monday's midnight. without: hours that are missing."""
    scores = np.asarray(scores, dtype=float)
    is_present = np.array([hour not in without for hour in range(len(scores))])
    if alarmed is None:
        alarmed = np.abs(scores) > 4.5
    else:
        alarmed = np.asarray(alarmed)
    back = 60 * (len(scores) - np.arange(len(scores)))
    noise_columns = np.random.default_rng(len(scores)).standard_normal((2, len(scores)))
    return PastHours(back[is_present], alarmed[is_present], np.column_stack((scores, *noise_columns))[is_present])


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
        season = make_past_hours(sine(24 * days + 6)).season(JUNE)  # at six o'clock it is highest
        assert (season.days, season.learnt, season.stands_out) == (days, learnt, True)
        assert season.back == DAY * days


def test_a_season_too_weak_for_alarms_is_known_and_so_is_one_with_missing_hours():
    assert make_past_hours(sine(24 * 9, size=4), alarmed=np.zeros(24 * 9, bool)).season(JUNE).learnt
    assert make_past_hours(sine(24 * 9), without={*range(30, 40), 100, 150, 151}).season(JUNE).learnt


@pytest.mark.parametrize(("missing_days", "expected"), [((), True), ((2, 5), True), ((2, 4, 5), False)])
def test_an_hour_has_moved_if_it_was_an_alarm_on_five_days_of_the_week(missing_days, expected):
    scores = noise(24 * 8)
    scores[-24 * np.arange(1, 8)] += 30

    past_hours = make_past_hours(scores, without=[24 * 8 - 24 * day for day in missing_days])

    assert past_hours.has_moved() is expected


@pytest.mark.parametrize(("first_day", "expected"), [(10, True), (11, False)])
def test_a_season_is_known_by_an_hour_that_was_an_alarm_on_seven_of_ten_days(first_day, expected):
    scores = noise(24 * 12)
    # By days back from now, which is midnight
    is_odd = np.isin(np.arange(24 * 12, 0, -1), 24 * np.array([1, 2, 3, 4, 5, 6, first_day]))

    assert make_past_hours(scores + 5 * is_odd, alarmed=is_odd).season(JUNE).learnt is expected


def test_healthy_hours_are_no_season():
    assert not any(make_past_hours(noise(24 * 10, seed)).may_be_seasonal for seed in range(50))


@pytest.mark.parametrize("size", [2.6, 8.0, 60.0])
@pytest.mark.parametrize("days", [1, 2, 5, 8, 13])
def test_a_change_of_level_is_never_a_season(size, days):
    scores = noise(24 * 14)
    scores[-24 * days :] += size
    season = make_past_hours(scores, alarmed=np.arange(24 * 14) >= 24 * (14 - days)).season(JUNE)
    assert not (season.learnt and season.stands_out)
    assert days < 7 or not season.stands_out


def test_a_level_beside_which_one_fault_lies_is_no_season_either():
    scores = noise(24 * 14) + 3
    scores[-30:-24] += 50
    season = make_past_hours(scores, alarmed=np.ones(24 * 14, bool)).season(JUNE)
    assert not (season.learnt and season.stands_out)


def test_a_nightly_fault_is_counted_by_its_days_and_no_example_before_there_is_a_week_of_them():
    for days in range(1, 14):
        windows = make_past_hours(nightly(20, since=20 - days))
        season = windows.season(JUNE)
        assert (season.days, season.back, season.stands_out) == (days, DAY * days, True)
        assert (DAY in select_hour_windows(windows, JUNE, HOURS)[CLOCK_DAY]) == (days >= 7)


def test_a_weekend_is_known_a_week_later_and_a_level_since_then_is_not():
    hours = np.arange(24 * 12)  # up to the midnight before the second Saturday
    weekend = hours // 24 % 7 > 4
    assert make_past_hours(noise(len(hours)) + 20 * weekend).season(JUNE).weekly
    assert not make_past_hours(noise(len(hours)) + 20 * (hours >= 24 * 5)).season(JUNE).weekly


def test_windows_that_were_unlike_their_hour_are_no_examples():
    scores = noise(24 * 14)
    scores[-48] = 9.0
    hour_windows = select_hour_windows(make_past_hours(scores), JUNE, HOURS)
    assert hour_windows == {CLOCK_DAY: tuple(DAY * day for day in (1, *range(3, 15)))}


def test_a_week_of_one_hour_makes_a_new_season_and_a_week_of_all_hours_does_not():
    days_of_week = tuple(DAY * day for day in range(1, 8))
    one_hour = noise(24 * 14)
    one_hour[-24 * 7 :: 24] += 20
    every_hour = noise(24 * 14)
    every_hour[-24 * 7 :] += 20

    assert select_hour_windows(make_past_hours(one_hour), JUNE, HOURS)[CLOCK_DAY] == days_of_week
    assert not set(select_hour_windows(make_past_hours(every_hour), JUNE, HOURS)[CLOCK_DAY]) & set(days_of_week)


@pytest.mark.parametrize(
    ("ended", "by", "expected_hours"),
    [
        (datetime(2026, 3, 31, 9), -1, FORWARD),  # Europe, on the 29th
        (datetime(2026, 3, 10, 9), -1, FORWARD),  # the United States, on the 8th
        (datetime(2026, 10, 27, 9), 1, BACK),  # Europe, on the 25th
        (datetime(2026, 10, 6, 9), -1, FORWARD),  # Australia, on the 4th, a week after New Zealand
    ],
)
def test_after_clocks_were_changed_the_same_hour_of_people_is_looked_at_too(ended, by, expected_hours):
    hours = [back // 60 for back in select_hour_windows(None, ended, HOURS)[CLOCK_DAY + expected_hours]]
    assert hours[0] == 24  # of Monday, or Tuesday
    assert hours[-5:] == [24 * day + by for day in range(10, 15)]


def test_between_two_days_on_which_clocks_are_put_back_an_hour_is_nobodys():
    hours = [back // 60 for back in select_hour_windows(None, datetime(2026, 11, 3, 9), HOURS)[CLOCK_EARLIER]]
    assert hours == [24, *(24 * day + 1 for day in range(10, 15))]


def test_other_days_have_one_hour():
    for ended in (JUNE, datetime(2026, 3, 28, 11), datetime(2026, 4, 22), datetime(2026, 9, 1), datetime(2026, 11, 20)):
        assert set(select_hour_windows(None, ended, HOURS)) == {CLOCK_DAY}


def test_a_column_goes_by_the_hour_of_people_if_its_windows_are_closer_to_that():
    day = make_past_hours(sine(240))
    earlier = make_past_hours(noise(240))
    like, _, hour_scores = compare_with_hour({CLOCK_DAY: day, CLOCK_LATER: earlier}, JUNE)
    assert (like, hour_scores.alarmed.any()) == (CLOCK_LATER, False)
    like, _, hour_scores = compare_with_hour({CLOCK_DAY: earlier, CLOCK_LATER: day}, JUNE)
    assert (like, hour_scores.alarmed.any()) == (CLOCK_DAY, False)
    moved = make_past_hours(noise(240) + 20)  # a level is one beside each hour
    *_, hour_scores = compare_with_hour(
        {CLOCK_DAY: moved, CLOCK_EARLIER: make_past_hours(sine(240, size=4) + 20)}, JUNE
    )
    assert hour_scores.alarmed.all()


def test_an_hour_that_is_like_its_weekday_is_not_another_hour():
    day = make_past_hours(sine(240))
    later = make_past_hours(sine(240, size=4))

    assert compare_with_hour({CLOCK_DAY: day, CLOCK_LATER: later}, JUNE)[0] == CLOCK_LATER
    week = make_past_hours(noise(240))
    assert compare_with_hour({CLOCK_DAY: day, CLOCK_WEEK: week, CLOCK_LATER: later}, JUNE)[0] == CLOCK_DAY


def test_once_a_day_has_shown_which_hour_is_its_own_no_other_one_explains_a_window():
    near = make_past_hours(noise(240))
    further = make_past_hours(sine(240, size=3))
    one_odd = noise(240)
    one_odd[-5] = 30.0  # one window, whatever it was, says nothing alone
    day = {CLOCK_DAY, CLOCK_WEEK}
    earlier = {CLOCK_EARLIER, CLOCK_WEEK + BACK}
    a_day_later = datetime(2026, 10, 26, 15)  # than clocks were put back in Europe

    def unlike(of_day, of_earlier, ended=a_day_later):
        return compare_with_hour({CLOCK_DAY: of_day, CLOCK_EARLIER: of_earlier}, ended)[1]

    assert (unlike(further, near), unlike(near, further)) == (day, earlier)
    for ended in (datetime(2026, 10, 25, 13), datetime(2026, 10, 31, 15), JUNE):  # on that day, before the next one
        assert not unlike(further, near, ended) | unlike(near, further, ended)
    assert not unlike(make_past_hours(one_odd), near) | unlike(near, make_past_hours(one_odd))


@pytest.mark.parametrize(
    ("odd_days", "days"),
    [([], (7, 14)), ([7], (14,)), ([7, 14], (7, 14))],
    ids=["unlike a week ago", "a holiday", "two"],
)
def test_a_holiday_is_no_example_a_week_later(odd_days, days):
    scores = noise(24 * 14)
    scores[-24 * 7] = 9.0
    odd_windows = {DAY * day for day in odd_days}
    windows = select_hour_windows(make_past_hours(scores), JUNE, HOURS, odd_windows=odd_windows)

    assert windows[CLOCK_WEEK] == tuple(DAY * day for day in days)


@pytest.mark.parametrize("odd_day", range(15))
def test_a_weekend_is_known_in_spite_of_a_holiday(odd_day):
    days = np.arange(24 * 14) // 24
    shown = np.where(days == odd_day, 12, days)  # it is lived as a Saturday
    assert make_past_hours(noise(24 * 14) + 6 * (shown % 7 > 4), alarmed=np.zeros(24 * 14, bool)).season(JUNE).learnt


def test_a_column_of_weekdays_is_known_in_spite_of_hours_that_are_missing():
    hours = np.arange(24 * 14 + 12)
    random = np.random.default_rng(3)
    missing = {*range(24 * 9, 24 * 9 + 36), *np.flatnonzero(random.random(len(hours)) < 0.1).tolist()}
    assert make_past_hours(10.0 * (hours // 24 % 7), without=missing).season(JUNE).learnt


def test_where_the_hour_of_a_week_ago_is_missing_those_beside_it_stand_for_it():
    hours = np.arange(24 * 12)  # up to the midnight before the second Saturday
    weekend = noise(len(hours)) + 20 * (hours // 24 % 7 > 4)
    windows = make_past_hours(weekend, without={24 * 5})
    assert windows.season(FIRST_HOUR).weekly
    present_hours = set(HOURS) - {7 * DAY}
    nine = datetime(2026, 6, 20, 9)
    assert select_hour_windows(windows, nine, present_hours)[CLOCK_WEEK] == (7 * DAY - 60, 7 * DAY + 60, 14 * DAY)
    assert select_hour_windows(windows, nine, present_hours - {7 * DAY + 60, 14 * DAY})[CLOCK_WEEK] == (7 * DAY - 60,)
    all_of_a_week_ago = present_hours - {7 * DAY - 60, 7 * DAY + 60, 14 * DAY}
    assert select_hour_windows(None, nine, all_of_a_week_ago, weekly=True)[CLOCK_WEEK] == (14 * DAY - 60, 14 * DAY + 60)


@pytest.mark.parametrize(("ended", "same", "expected_hours"), [(FIRST_HOUR, -60, 60), (LAST_HOUR, 60, -60)])
def test_an_hour_of_the_day_before_stands_for_a_missing_one_only_if_there_is_no_other(ended, same, expected_hours):
    present_hours = set(HOURS) - {7 * DAY}

    def week(without):
        return select_hour_windows(None, ended, present_hours - without, weekly=True)[CLOCK_WEEK]

    assert week(set()) == (7 * DAY + same, 14 * DAY)
    assert week({7 * DAY + same}) == (14 * DAY,)
    assert week({7 * DAY + same, 14 * DAY}) == (14 * DAY + same,)
    assert week({7 * DAY + same, 14 * DAY, 14 * DAY + same}) == (7 * DAY + expected_hours, 14 * DAY + expected_hours)


def test_a_column_of_which_each_day_is_unlike_those_before_it_has_a_reference_of_its_hour_if_weekdays_differ():
    weekdays = make_past_hours(10.0 * (1 + np.arange(24 * 14) // 24 % 7), alarmed=np.ones(24 * 14, bool))
    assert select_hour_windows(weekdays, JUNE, HOURS, weekly=True)[CLOCK_DAY] == tuple(DAY * day for day in range(1, 8))
    level = make_past_hours(noise(24 * 14) + 20)  # after two weeks of an alarm only the baseline is left
    assert select_hour_windows(level, JUNE, HOURS)[CLOCK_DAY] == ()


def test_an_hour_is_unknown_for_a_day_and_for_a_week_if_yesterdays_hour_stood_out():
    assert make_past_hours(noise(20)).is_new
    assert not make_past_hours(noise(30)).is_new
    assert make_past_hours(sine(30)).is_new  # at six o'clock it is highest
    assert make_past_hours(sine(6 * 24 + 6)).is_new
    assert not make_past_hours(sine(7 * 24 + 6)).is_new


def test_a_change_of_all_hours_of_a_day_is_no_unknown_hour():
    changed = noise(60)
    changed[30:] += 20

    assert not make_past_hours(changed[:40]).is_new  # yesterday at this hour it had not begun
    assert not make_past_hours(changed).is_new
    assert not make_past_hours(noise(60)).is_new


def daily(scores):
    """Windows of whole days up to now, the last one last."""
    days = len(scores)
    back = DAY * (days - np.arange(days))
    return PastHours(back, np.zeros(days, bool), np.column_stack((scores, noise(days, 6), noise(days, 7))))


def test_free_days_are_those_that_differ_in_both_weeks():
    scores = noise(14)
    scores[[5, 6, 12, 13]] += 30  # the weekends, if the first day is a Monday
    scores[8] += 90  # a fault on a Tuesday

    free = daily(scores).find_free_days()

    assert sorted(free) == [DAY * day for day in (1, 2, 8, 9)]
    assert sorted(daily(scores[1:]).find_free_days()) == [DAY * day for day in (1, 2, 8, 9)]


@pytest.mark.parametrize("weekdays", [(4,), (5, 6), (4, 5, 6)])
def test_free_days_are_as_many_as_stand_out(weekdays):
    scores = noise(14)
    off = np.isin(np.arange(14) % 7, weekdays)
    scores[off] += 30

    days_back = [DAY * (14 - day) for day in np.flatnonzero(off)]

    assert sorted(daily(scores).find_free_days()) == sorted(days_back)


def test_a_weekday_that_is_less_unlike_the_others_is_no_free_day_with_the_farthest():
    scores = noise(14)
    scores[[5, 12]] += 10
    scores[[6, 13]] += 30

    assert sorted(daily(scores).find_free_days()) == [DAY, 8 * DAY]


@pytest.mark.parametrize(
    ("special", "weeks", "similar_weeks"),
    [
        pytest.param((), 1, (), id="one week"),
        pytest.param((), 2, (1, 2), id="two"),
        pytest.param((7,), 2, (), id="odd a week ago"),
        pytest.param((14,), 2, (), id="odd two weeks ago"),
        pytest.param((7,), 3, (2, 3), id="odd once in three weeks"),
        pytest.param((7, 14), 3, (1, 2), id="odd twice, as the other weekends are"),
    ],
)
def test_a_weekday_is_known_by_most_of_its_weeks(special, weeks, similar_weeks):
    # Weekends, and this weekday, which is as they are on some days
    back = np.arange(7 * weeks, 0, -1)
    scores = noise(len(back))
    scores[np.isin(back % 7, (1, 2))] += 30
    scores[np.isin(back, special)] += 30
    assert daily(scores).find_similar_weeks() == similar_weeks


@pytest.mark.parametrize("weeks", [2, 3])
def test_a_weekday_that_alone_stands_out_is_known_in_three_weeks(weeks):
    scores = noise(7 * weeks)
    scores[::7] += 30
    assert daily(scores).find_similar_weeks() == ((1, 2, 3) if weeks == 3 else ())


def test_weekdays_are_unknown_while_every_day_is_unlike_the_baseline_or_this_one_stood_out_a_week_ago():
    def are_new(scores):
        days = daily(scores)
        return replace(days, alarmed=np.abs(days.scores[:, 0]) > 4.5).is_new_weekday

    # Monday to Sunday beside the mean of the whole week
    week = np.array([-8, -8, -8, -8, -8, 20, 20])
    assert all(are_new(np.tile(week, 2)[:days] + noise(days)) for days in range(1, 14))
    assert not are_new(np.tile(week, 2) + noise(14))
    # A change that began later, and one that stays
    assert not are_new(np.array([0.0, 1.0, 20.0]))
    assert not are_new(noise(8) + 20)


def test_each_hour_of_the_baseline_counts_as_often_as_the_window_has_it():
    """The first hour is covered twice as often as the second, which the window has as often as the third: none is there."""
    counts, covered, covered_now = np.zeros((3, 24))
    counts[:2] = 20
    covered[:2] = 4, 2
    covered_now[:3] = 1
    before_counts, counts_now = align(HourCounts(counts, covered), HourCounts(np.ones(24), covered_now))

    assert before_counts[:3].tolist() == [10, 20, 0]
    assert counts_now[:3].tolist() == [1, 1, 0]
