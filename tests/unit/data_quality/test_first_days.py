"""The first days of an hourly schedule: what an hour of the baseline's days can be is not told from a change, all else is."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor import DataQualityMonitor, read_baseline, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.statistics.verdicts.seasonality import Season

MONITOR = DataQualityMonitor(find_causes=False)
END = datetime(2026, 1, 5, 7, tzinfo=timezone.utc)
ROWS_OF_AN_HOUR = 300


def draw_hour(random, hour, rows=ROWS_OF_AN_HOUR):
    wave = np.sin(2 * np.pi * hour / 24)
    share = 0.5 + 0.4 * wave
    return {
        "load": random.normal(wave, 1, rows),
        "hour": np.full(rows, float(hour)),
        "plan": np.where(random.random(rows) < share, "basic", "plus").astype(object),
    }


def as_table(columns):
    return pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """Two days of hours, in any order."""
    random = np.random.default_rng(1)
    hours = [draw_hour(random, hour % 24) for hour in range(48)]
    order = random.permutation(48 * ROWS_OF_AN_HOUR)
    columns = {name: np.concatenate([hour[name] for hour in hours])[order] for name in hours[0]}
    folder = str(tmp_path_factory.mktemp("baseline"))
    run_baseline(as_table(columns), MONITOR, engine="local").write(folder)
    return read_baseline(folder, MONITOR)


def judge(baseline, columns, *, hours=1, is_new=True, earlier_rows=ROWS_OF_AN_HOUR):
    """The window's findings. is_new: whether it is one of the first days."""
    season = Season(is_new=is_new)
    baseline = baseline.with_history({}, {}, dict.fromkeys(columns, season))
    if earlier_rows:
        earlier = [(END - timedelta(hours=3), earlier_rows, 0.0)]
    else:
        earlier = []
    baseline = baseline.with_volume(END, earlier, END - timedelta(hours=hours))
    return run_monitoring(as_table(columns), MONITOR, baseline, engine="local")


def violated(findings):
    return {check.feature for check in findings.results if check.is_violation}


def test_what_may_be_an_hour_is_no_violation_in_the_first_days_and_one_later(baseline):
    window = draw_hour(np.random.default_rng(2), 6)

    first = judge(baseline, window)

    assert not violated(first)
    assert first.outcome is Outcome.CANNOT_TELL
    withheld = {check.feature: check for check in first.results if check.hour == "new"}
    assert {*withheld} == {*window}
    assert withheld["load"].advice == "wait for a week, or run earlier windows (spark-model-monitor backfill)"
    assert violated(judge(baseline, window, is_new=False)) == {*window}


def test_the_first_window_of_a_whole_day_is_judged_and_later_ones_may_be_a_day_of_the_week(baseline):
    window = draw_hour(np.random.default_rng(2), 6)
    assert violated(judge(baseline, window, hours=24, earlier_rows=0)) == {*window}
    assert violated(judge(baseline, window, hours=7 * 24)) == {*window}

    later = judge(baseline, window, hours=24)
    # The baseline has a 24th of its rows at an hour, and on a weekday a seventh
    assert violated(later) == {"hour"}
    withheld = {check.feature: check for check in later.results if check.hour == "new"}
    assert {*withheld} == {"load", "plan"}
    assert "first days of a schedule" in withheld["load"].reason
    assert "two weeks" in withheld["load"].advice


def test_a_window_without_a_beginning_is_as_long_as_the_time_between_windows(baseline):
    window = draw_hour(np.random.default_rng(2), 6)
    seasons = dict.fromkeys(window, Season(is_new=True))
    of_new_features = baseline.with_history({}, {}, seasons)
    for days, alarms in ((0, set()), (1, {"hour"}), (7, {*window})):
        if days:
            earlier = [(END - timedelta(days=days), ROWS_OF_AN_HOUR, 0.0)]
        else:
            earlier = []
        findings = run_monitoring(as_table(window), MONITOR, of_new_features.with_volume(END, earlier), engine="local")
        assert violated(findings) == alarms, days


def test_an_hour_of_little_traffic_may_have_a_value_of_its_own(baseline):
    window = draw_hour(np.random.default_rng(2), 6, rows=100)
    assert not violated(judge(baseline, window, earlier_rows=300))


def lose(random, values):
    nothing = None if values.dtype == object else np.nan
    return np.where(random.random(len(values)) < 0.7, nothing, values)


def add_new_value(random, values):
    new = "new" if values.dtype == object else -999.0
    return np.where(random.random(len(values)) < 0.3, new, values)


def add_many_new_values(random, values):
    """A tenth of the rows has a text of its own each."""
    names = np.array([f"plan {row}" for row in range(len(values))], dtype=object)
    return np.where(random.random(len(values)) < 0.1, names, values)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        *((name, change) for name in ("load", "hour", "plan") for change in (lose, add_new_value)),
        ("plan", add_many_new_values),
        ("load", lambda random, values: values + 6),
        ("load", lambda random, values: np.full(len(values), values[0])),
        ("load", lambda random, values: values / 50),  # most rows of the baseline lie below, or above
        ("hour", lambda random, values: values + 0.5),
    ],
)
def test_what_no_hour_of_the_baseline_can_be_is_found_in_the_first_days(baseline, name, change):
    random = np.random.default_rng(3)
    window = draw_hour(random, 6)
    window[name] = change(random, window[name])
    assert violated(judge(baseline, window)) == {name}


@pytest.mark.parametrize(
    ("values", "new"),
    [pytest.param(["basic"] * 500, "elite", id="text"), pytest.param([1.0, 2.0] * 250, -999.0, id="number")],
)
def test_a_value_that_a_small_baseline_never_had_is_found_in_the_first_hour(values, new):
    """Some twenty rows of the baseline are of such an hour: too few to tell of any other kind of row."""
    stored = run_baseline(pa.table({"plan": values}), MONITOR, engine="local")
    constraints = stored.constraints
    baseline = MONITOR.stored_baseline(constraints, None, stored.state, constraints).with_block_variation(
        stored.variation
    )
    window = [*values[:360], *[new] * 40]

    assert violated(judge(baseline, {"plan": window})) == {"plan"}


def test_a_rounded_number_that_a_few_rows_share_is_none_of_an_hour_that_changed():
    """Some three of 150 rounded numbers are equal by chance, and the baseline, or its sketch, may lack that one."""
    random = np.random.default_rng(4)
    waves = [10 * np.sin(2 * np.pi * (hour % 24) / 24) for hour in range(7 * 24)]
    values = np.concatenate([np.round(random.normal(50 + wave, 5, 150), 2) for wave in waves])
    values = random.permutation(values[values != 41.1])
    stored = run_baseline(pa.table({"load": values}), MONITOR, engine="local")
    baseline = MONITOR.stored_baseline(stored.constraints, None, stored.state, stored.constraints).with_block_variation(
        stored.variation
    )
    window = np.round(random.normal(40, 5, 150), 2)

    assert not violated(judge(baseline, {"load": [*window[:147], *[41.1] * 3]}, earlier_rows=150))
    assert violated(judge(baseline, {"load": [*window[:120], *[41.1] * 30]}, earlier_rows=150)) == {"load"}


@pytest.mark.parametrize("is_in_order", [True, False])
def test_a_steady_column_has_no_first_days_if_another_goes_up_and_down_along_the_rows(is_in_order, tmp_path):
    random = np.random.default_rng(1)
    # Three days of hours; in any other order nobody knows what follows them
    rows = 72 * ROWS_OF_AN_HOUR
    hours = np.repeat(np.arange(72.0) % 24, ROWS_OF_AN_HOUR)
    if is_in_order:
        order = np.arange(rows)
    else:
        order = random.permutation(rows)
    columns = {"steady": random.normal(size=rows), "hour": hours[order]}
    run_baseline(as_table(columns), MONITOR, engine="local").write(str(tmp_path))
    baseline = read_baseline(str(tmp_path), MONITOR)
    window = {"steady": random.normal(0.5, 1, ROWS_OF_AN_HOUR), "hour": np.full(ROWS_OF_AN_HOUR, 6.0)}

    findings = judge(baseline, window)

    assert violated(findings) == ({"steady"} if is_in_order else set())
    assert "hour" in {check.feature for check in findings.results if check.status is CheckStatus.CANNOT_TELL}
