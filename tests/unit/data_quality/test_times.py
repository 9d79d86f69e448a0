"""Columns of times: how old their values are beside their rows."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.statistics.states.time_counts import Ages

ROWS = 1_000
HOUR = 3_600.0
BEGAN = pd.Timestamp("2026-03-02", tz="UTC")
MONITOR = DataQualityMonitor(time_column="came")
CHECKS = {"time_age_check", "time_future_check"}


def table(rows, seed, begin=0.0, hours=24.0, older=lambda old: old, shown="text"):
    """Rows of some hours, each with a time that is some minutes older."""
    random = np.random.default_rng(seed)
    came = np.sort((begin + random.random(rows) * hours) * HOUR)
    seen_at = came - older(random.lognormal(5, 1, rows))
    times = BEGAN + pd.to_timedelta(seen_at.round(), unit="s")
    written_times = {
        "text": times.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "with blanks": times.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "times": times.tz_localize(None),
        "milliseconds": times.astype("int64") // 10**6,
        "seconds as texts": (times.astype("int64") // 10**9).astype(str),
    }
    return pd.DataFrame(
        {"came": (BEGAN + pd.to_timedelta(came, unit="s")).tz_localize(None), "seen": written_times[shown]}
    )


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(table(10_000, 1), MONITOR, engine="local")


def find_violations(baseline, window, monitor=MONITOR):
    results = run_monitoring(window, monitor, baseline, engine="local").results
    return [finding for finding in results if finding.check in CHECKS and finding.is_violation]


FAULTS = {
    "five hours older": (
        lambda old: old + 5 * HOUR,
        "time_age_check",
        "all of them are about 5 hours older: another time zone?",
    ),
    "three hours younger": (
        lambda old: old - 3 * HOUR,
        "time_age_check",
        "all of them are about 3 hours younger: another time zone?",
    ),
    "some tomorrow": (lambda old: np.where(np.arange(ROWS) % 40, old, -86_400.0), "time_future_check", None),
    "nothing new": (lambda old: old + np.random.default_rng(3).uniform(6, 9, ROWS) * HOUR, "time_age_check", None),
    "six times as old": (lambda old: 8 * old, "time_age_check", None),
}


@pytest.mark.parametrize(("older", "check", "guess"), FAULTS.values(), ids=FAULTS)
def test_times_that_are_older_or_younger_than_they_were_are_found(baseline, older, check, guess):
    [result] = find_violations(baseline, table(ROWS, 2, 30.0, 1.0, older))

    assert (result.feature, result.check) == ("seen", check)
    if guess is not None:
        assert result.guess == guess


def test_later_windows_of_the_same_kind_are_silent(baseline):
    alarms = [find_violations(baseline, table(ROWS, seed, 24.0 + seed, 1.0)) for seed in range(10, 30)]

    assert not any(alarms)


@pytest.mark.parametrize("shown", ["with blanks", "times", "milliseconds", "seconds as texts"])
def test_a_time_is_as_old_however_it_is_written(baseline, shown):
    other_ages = run_baseline(table(10_000, 1, shown=shown), MONITOR, engine="local").state.feature("seen").state(Ages)

    assert other_ages == baseline.state.feature("seen").state(Ages)
    assert other_ages.total == 10_000


def test_days_are_compared_with_days():
    """Whatever the hour of the row, its own day is no time old."""
    rows = table(2_000, 4)
    rows["seen"] = rows["came"].dt.strftime("%Y-%m-%d")
    ages = run_baseline(rows, MONITOR, engine="local").state.feature("seen").state(Ages)

    assert ages.count_beyond(0.0, 1.0) == 0
    assert ages.total == 2_000


def test_rows_without_a_time_of_their_own_tell_no_age(baseline):
    rows = table(ROWS, 5, 24.0, 1.0)
    plain = run_monitoring(rows.drop(columns="came"), DataQualityMonitor(), baseline, engine="local")

    assert plain.current.state.feature("seen").state(Ages) is None
    assert not [finding for finding in plain.results if finding.check in CHECKS]


def test_values_that_are_no_times_are_left_out():
    rows = table(ROWS, 6)
    rows.loc[::2, "seen"] = "soon"
    rows.loc[1::4, "seen"] = None
    ages = run_baseline(rows, MONITOR, engine="local").state.feature("seen").state(Ages)

    assert ages.total == ROWS // 4


def test_captured_records_say_when_they_came(tmp_path):
    rows = table(ROWS, 7)
    lines = [format_capture(f"{row.seen},1", "0.5", "x", row.came) for row in rows.itertuples()]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    state = run_baseline(str(tmp_path), DataQualityMonitor(), dataset_format="capture", engine="local").state
    [ages] = [feature.state(Ages) for feature in state.features if feature.state(Ages)]

    assert ages.total == ROWS
    assert np.abs(ages.quantiles(np.array([0.5])) - np.exp(5)) < 60


# When times are, without a time of the row

DAY = 24 * HOUR
FIRST_DAY = 1_772_409_600  # 2026-03-02, in seconds since 1970


def draw_days(days, rows, seed, first=0):
    """Times from 8 to 18 o'clock of some days, in seconds since 1970."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(first, first + days), rows)
    return FIRST_DAY + day * DAY + random.uniform(8 * HOUR, 18 * HOUR, days * rows).round()


def write_times(seconds, form):
    times = pd.to_datetime(pd.Series(seconds), unit="s")
    if "%" in form:
        return pd.DataFrame({"seen": times.dt.strftime(form), "x": np.random.default_rng(0).normal(size=len(times))})
    forms = {
        "typed": times,
        "ISO": times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": pd.Series(seconds).astype("int64"),
        "milliseconds": pd.Series(seconds * 1_000).astype("int64"),
    }
    return pd.DataFrame({"seen": forms[form], "x": np.random.default_rng(0).normal(size=len(times))})


def swap_day_and_month(seconds):
    swapped = [
        moment.replace(day=moment.month, month=moment.day) if moment.day <= 12 else moment
        for moment in pd.to_datetime(seconds, unit="s")
    ]
    return pd.DatetimeIndex(swapped).astype("int64").to_numpy() // 10**9


def move_a_fifth_to_night(seconds):
    is_moved = np.arange(len(seconds)) % 5 == 0
    return np.where(is_moved, seconds - seconds % DAY + 3 * HOUR + np.arange(len(seconds)), seconds)


def leave_two_hours_out(seconds):
    hours = seconds % DAY / HOUR
    return seconds[(hours < 10) | (hours >= 12)]


WHEN = {
    "six hours later": (lambda seconds: seconds + 6 * HOUR, "time_of_day_check"),
    "a fifth at night": (move_a_fifth_to_night, "time_of_day_check"),
    "no rows from 10 to 12": (leave_two_hours_out, "time_of_day_check"),
    "day and month swapped": (swap_day_and_month, "time_range_check"),
    "all seconds 0": (lambda seconds: seconds - seconds % 60, "time_precision_check"),
    "all at midnight": (lambda seconds: seconds - seconds % DAY, "time_precision_check"),
    "ten times": (lambda seconds: seconds[np.arange(len(seconds)) % 10], "time_of_day_check"),
}


@pytest.mark.parametrize(
    "form",
    [
        *("typed", "seconds", "%a, %d %b %Y %H:%M:%S GMT", "%d-%b-%y %I.%M.%S %p"),
        *map(defer_to_night, ("ISO", "milliseconds", "%Y/%m/%d %I:%M:%S %p", "%Y%m%dT%H%M%S+0000")),
        defer_to_night("%Y年%m月%d日 %H时%M分%S秒"),
    ],
)
def test_what_a_plot_of_times_shows_is_found_however_they_are_written_and_healthy_days_are_silent(form):
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(write_times(draw_days(28, 500, 1), form), monitor, engine="local")

    def list_checks(seconds):
        findings = run_monitoring(write_times(seconds, form), monitor, baseline, engine="local")
        return {violated.check: violated.change for violated in findings.results if violated.is_violation}

    checks = {name: list_checks(change(draw_days(7, 150, 2, 28))) for name, (change, _) in WHEN.items()}

    assert {name: [*violated] for name, violated in checks.items()} == {
        name: [check] for name, (_, check) in WHEN.items()
    }
    assert checks["six hours later"]["time_of_day_check"] == "is 6 hours later in the day"
    assert not any(list_checks(draw_days(1, 300, seed, 28 + seed)) for seed in range(5))


@pytest.mark.parametrize(
    "form",
    [
        *("%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p"),
        *map(defer_to_night, ("%d.%m.%Y %H:%M:%S", "%m/%d/%y %H:%M")),
    ],
)
def test_times_lose_their_clock_though_day_and_month_may_be_swapped_and_healthy_days_are_silent(form):
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(write_times(draw_days(28, 500, 1), form), monitor, engine="local")

    def list_checks(seconds):
        findings = run_monitoring(write_times(seconds, form), monitor, baseline, engine="local")
        return [violated.check for violated in findings.results if violated.is_violation]

    # Without the hour, and without the minute
    later_days = draw_days(7, 150, 2, 28)
    assert list_checks(later_days - later_days % DAY) == ["time_precision_check"]
    assert list_checks(later_days - later_days % HOUR) == ["time_precision_check"]
    assert not any(list_checks(draw_days(days, 300, 3, 28)) for days in (1, 7, 28))


@pytest.mark.parametrize("form", ["typed", "ISO"])
def test_rare_births_are_not_far_from_the_others_and_births_to_come_are(form):
    """The earliest of many births are decades before most of them, and one may be alone in the baseline."""
    monitor = DataQualityMonitor(find_causes=False)

    def draw_births(rows, seed):
        births = FIRST_DAY + np.random.default_rng(seed).normal(-46 * 365, 5_000, rows).round() * DAY
        return births - births % DAY

    for seed in (0, 1_000, 2_000):
        baseline = run_baseline(write_times(draw_births(9_000, seed), form), monitor, engine="local")

        def list_checks(births, baseline=baseline):
            findings = run_monitoring(write_times(births, form), monitor, baseline, engine="local")
            return [violated.check for violated in findings.results if violated.is_violation]

        healthy = [draw_births(300, seed + number) for number in range(1, 9)]
        assert not any(map(list_checks, healthy))
        for births in healthy[:3]:
            births[::10] = FIRST_DAY + 64 * 365 * DAY
            assert list_checks(births) == ["time_range_check"]


def test_texts_whose_order_of_day_and_month_is_unknown_are_no_times_of_rows():
    rows = write_times(draw_days(7, 100, 1), "ISO").assign(
        came=write_times(draw_days(7, 100, 1), "%d/%m/%Y %H:%M")["seen"]
    )
    # The column itself as the time of rows, and as a column beside it
    for time_column in ("came", "seen"):
        monitor = DataQualityMonitor(time_column=time_column)
        current = run_baseline(rows, monitor, engine="local")
        assert not any(feature.state(Ages) for feature in current.profile.features)


def test_hours_of_the_day_and_one_day_are_no_change():
    """A window of an hour beside days, and one of a day beside one day."""
    monitor = DataQualityMonitor(find_causes=False)
    seconds = draw_days(1, 4_000, 3, 40)
    windows = [seconds[(seconds % DAY) // HOUR == hour] for hour in range(8, 18)]
    for days in (1, 10):
        baseline = run_baseline(write_times(draw_days(days, 1_000, 1), "typed"), monitor, engine="local")
        for window in (seconds, *windows):
            findings = run_monitoring(write_times(window, "typed"), monitor, baseline, engine="local")
            assert not findings.violations.violations


def test_other_hours_than_those_of_one_day_are_found_though_some_of_its_times_came_late():
    monitor = DataQualityMonitor(find_causes=False)
    one_day = np.concatenate([draw_days(1, 10, 2, -1), draw_days(1, 1_000, 1)])
    baseline = run_baseline(write_times(one_day, "typed"), monitor, engine="local")
    later_day = draw_days(1, 1_000, 7, 8)
    for seconds, checks in ((later_day, []), (later_day + 6 * HOUR, ["time_of_day_check"])):
        findings = run_monitoring(write_times(seconds, "typed"), monitor, baseline, engine="local")
        assert [violated.check for violated in findings.results if violated.is_violation] == checks


@pytest.mark.parametrize("shown", ["text", "times", "milliseconds", "seconds as texts"])
def test_the_newest_time_is_known_in_whatever_form_a_time_column_is(shown):
    window = table(500, 9, shown=shown)
    newest = pd.to_datetime(table(500, 9, shown="times")["seen"]).max()

    monitor = DataQualityMonitor(time_column="seen")
    findings = run_monitoring(window, monitor, run_baseline(window, monitor, engine="local"), engine="local")
    assert findings.current.ledger.newest == newest.tz_localize("UTC")


def test_days_have_no_newest_time():
    days = pd.DataFrame({"day": BEGAN.timestamp() + 86_400 * np.arange(30), "x": np.arange(30)})
    monitor = DataQualityMonitor(time_column="day")
    findings = run_monitoring(days, monitor, run_baseline(days, monitor, engine="local"), engine="local")
    assert findings.current.ledger.newest is None


def draw_weeks(weeks, seed, first=0):
    """Times of office hours on workdays, and of some evenings at weekends."""
    random = np.random.default_rng(seed)
    days = []
    for day in range(7 * first, 7 * (first + weeks)):
        hours = random.uniform(8, 16, 150)
        if day % 7 >= 5:
            hours = random.uniform(14, 23, 60)
        days.append(FIRST_DAY + day * DAY + (hours * HOUR).round())
    return np.concatenate(days)


def test_weekdays_are_compared_with_themselves():
    """Weekends that differ from workdays hide no change of all days, and a single one of either is healthy."""
    monitor = DataQualityMonitor(find_causes=False)
    baseline = run_baseline(write_times(draw_weeks(5, 1), "typed"), monitor, engine="local")

    def list_checks(seconds):
        findings = run_monitoring(write_times(seconds, "typed"), monitor, baseline, engine="local")
        return [violated.check for violated in findings.results if violated.is_violation]

    week = draw_weeks(1, 2, 5)
    days = (week - FIRST_DAY) // DAY % 7
    assert list_checks(week[days < 5] + 3 * HOUR) == ["time_of_day_check"]
    assert list_checks(leave_two_hours_out(week)) == ["time_of_day_check"]
    assert list_checks(week) == []
    assert not any(list_checks(week[days == day]) for day in range(7))
