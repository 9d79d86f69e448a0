"""Facts of kind are found in a shuffled table, a sorted one and one of sessions, and their healthy twins are silent."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.distribution.window_history import find_longest_standstills
from spark_model_monitor.statistics.states import RowRun, RowRuns
from spark_model_monitor.statistics.states.row_counts import encode_lot

from .comparisons import make_profile, number_feature

MONITOR = DataQualityMonitor(find_causes=False)


def draw_sensor(random, rows):
    """Neighbours are alike."""
    noise = random.normal(0, np.sqrt(1 - 0.98**2), rows)
    level = 0.0
    series = []
    for step in noise:
        level = 0.98 * level + step
        series.append(level)
    return (67 + 13 * np.array(series)).clip(24, 110).round(1)


def draw_places(random, rows):
    return random.uniform(-60, 70, rows).round(5)


def draw_ages(random, rows):
    return random.integers(0, 90, rows).astype(float)


def put(values, count, number):
    changed = values.astype(float)
    changed[np.linspace(0, len(values) - 1, count).astype(int)] = number
    return changed


def freeze(values):
    third = len(values) // 3
    frozen = values.copy()
    frozen[third : 2 * third] = values[third]
    return frozen


def find_violated(random, draw, rows, change, arrange=lambda values: values):
    """The violated columns of a healthy window, and of the same one with a change."""

    def make_table(values):
        return pd.DataFrame({"x": values, "y": np.random.default_rng(len(values)).normal(size=len(values))})

    baseline = run_baseline(make_table(arrange(draw(random, 10 * rows))), MONITOR, engine="local")
    healthy = arrange(draw(random, rows))
    windows = [make_table(healthy), make_table(change(healthy))]
    findings = [run_monitoring(window, MONITOR, baseline, engine="local").violations.violations for window in windows]
    return [{violation.feature_name for violation in violations} for violations in findings]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("draw", "rows", "change"),
    [
        pytest.param(draw_sensor, 508, freeze, id="a third of a sensor's rows stands still"),
        pytest.param(draw_sensor, 508, lambda values: put(values, 25, -999.0), id="25 of -999"),
        pytest.param(draw_ages, 2_000, lambda values: put(values, 3, -1.0), id="three ages of -1"),
        pytest.param(draw_ages, 1_000, lambda values: values + 5.5, id="ages beyond the range"),
        pytest.param(
            lambda random, rows: random.poisson(3, rows), 1_000, lambda values: put(values, 20, -1.0), id="counts"
        ),
        pytest.param(draw_places, 1_000, lambda values: put(values, 10, 0.0), id="1 % of places at 0"),
    ],
)
def test_a_fact_of_kind_is_found_and_its_healthy_twin_is_silent(draw, rows, change, seed):
    assert find_violated(np.random.default_rng([seed, 88]), draw, rows, change) == [set(), {"x"}]


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(np.sort, id="sorted"),
        pytest.param(lambda values: np.repeat(values, 20)[: len(values)], id="sessions of twenty equal rows"),
    ],
)
def test_a_fact_in_a_shuffled_table_is_one_in_a_sorted_one_and_in_sessions(arrange):
    random = np.random.default_rng(7)

    def change(values):
        return put(values, 100, -1.0)

    assert find_violated(random, draw_ages, 2_000, change, arrange)[1] == {"x"}


def test_decimals_that_are_no_longer_written_are_no_change():
    random = np.random.default_rng(8)
    prices = random.uniform(50, 99, 4_000).round(2)
    written = pd.DataFrame({"price": [f"{price:.2f}" for price in prices]})
    baseline = run_baseline(written, MONITOR, engine="local")
    window = pd.DataFrame({"price": [str(price) for price in prices[:1_000]]})

    assert not run_monitoring(window, MONITOR, baseline, engine="local").violations.violations


@pytest.mark.parametrize(("second_row", "length"), [(128, 12), (256, 7)], ids=["next", "elsewhere"])
def test_a_standstill_goes_on_in_the_run_of_the_next_rows(second_row, length):
    numbers = np.random.default_rng(1).normal(size=256)
    numbers[123:135] = 2.5
    runs = [
        RowRun(encode_lot(0.5, 0, first_row), 128, part.tobytes())
        for first_row, part in zip((0, second_row), np.split(numbers, 2), strict=True)
    ]
    profile = make_profile(number_feature("x", numbers.tolist()))

    assert find_longest_standstills(profile, [RowRuns(tuple(runs))])["x"][:2] == (length, 2.5)


def draw_days(numbers, first, count):
    """Each day's rows have one number, and another column varies."""
    random = np.random.default_rng([first, 9])
    days = [np.full(random.integers(200, 400), numbers[day]) for day in range(first, first + count)]
    values = np.concatenate(days)
    return pd.DataFrame({"x": values, "y": random.normal(size=len(values))})


@pytest.mark.parametrize(
    "numbers",
    [
        pytest.param(np.arange(80) % 7, id="weekdays"),
        pytest.param(np.arange(80) % 31 + 1, id="days of the month"),
        pytest.param(np.random.default_rng(1).uniform(1.0, 1.2, 80).round(4), id="rates"),
    ],
)
@pytest.mark.parametrize("days", [35, 64])
def test_a_number_that_stays_for_a_day_is_no_frozen_one(numbers, days):
    """Each day of the baseline is as constant, though none of its parts begins and ends with a day."""
    baseline = run_baseline(draw_days(numbers, 0, days), MONITOR, engine="local")

    def list_violated(window):
        violations = run_monitoring(window, MONITOR, baseline, engine="local").violations.violations
        return {violation.feature_name for violation in violations}

    window = draw_days(numbers, days, 1)
    is_sentinel = np.random.default_rng(2).random(len(window)) < 0.3
    assert list_violated(window) == set()
    assert list_violated(window.assign(x=100 * window["x"] + 100)) == {"x"}
    assert list_violated(window.assign(x=window["x"].mask(is_sentinel, -999.0))) == {"x"}
