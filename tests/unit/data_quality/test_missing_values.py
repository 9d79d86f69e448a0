"""The share of missing values changes in either direction: what is found, its words, and what stays silent."""

import numpy as np
import pandas as pd
import pytest
from tests.at_hand import defer_to_night
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.page import format_percent

MONITOR = DataQualityMonitor(find_causes=False)
PLANS = np.array(["basic", "plus", "pro"])


def draw_rows(seed, count):
    """4 % have no minutes, no wait and no plan; one in twenty had no call."""
    random = np.random.default_rng(seed)
    minutes = random.gamma(3, 20, count).round(1)
    calls = np.where(random.random(count) < 0.05, 0.0, minutes)
    return pd.DataFrame(
        {
            "minutes": np.where(random.random(count) < 0.04, np.nan, calls),
            "waited": np.where(random.random(count) < 0.04, np.nan, 5 + minutes),
            "plan": np.where(random.random(count) < 0.04, None, random.choice(PLANS, count)),
        }
    )


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(draw_rows(1, 16_000), MONITOR, engine="local")


def violations(baseline, window):
    check_results = run_monitoring(window, MONITOR, baseline, engine="local").results
    return [check_result for check_result in check_results if check_result.is_violation]


@every_combination(
    filled=[
        *[("minutes", value) for value in (0.0, 60.123, -99.0, "mean")],
        *[("waited", value) for value in (0.0, -1.0, 9999.0, "mean")],
        *[("plan", value) for value in ("basic", "unknown")],
    ],
    rows=[1_000, 4_000],
)
def test_missing_values_that_became_a_value_are_found(baseline, filled, rows):
    column, value = filled
    for seed in (2, 3, 4):
        window = draw_rows(seed, rows)
        if value == "mean":
            filler = window[column].mean()
        else:
            filler = value
        violated_checks = violations(baseline, window.fillna({column: filler}))
        assert {check_result.feature for check_result in violated_checks} == {column}


def test_fewer_missing_values_are_said_in_one_sentence(baseline):
    window = draw_rows(2, 4_000)
    window["minutes"] = window["minutes"].fillna(draw_rows(3, 4_000)["waited"] - 5)
    findings = run_monitoring(window, MONITOR, baseline, engine="local")

    [drift] = [check_result for check_result in findings.results if check_result.is_violation]
    assert (drift.component, drift.direction) == ("missing", "down")
    before = draw_rows(1, 16_000)["minutes"].isna().mean()
    now = window["minutes"].isna().mean()
    assert drift.change == f"is missing in {format_percent(now)} of the records, {format_percent(before)} before"
    text = f"1 of 3 features changed: minutes is missing in {format_percent(now)} of the records, "
    text += f"{format_percent(before)} before."
    assert findings.headline().text == text
    assert not [hint for hint in findings.hints if hint.hint == "fewer_missing"]  # drift says it


def test_more_missing_values_are_one_violation(baseline):
    window = draw_rows(2, 4_000)
    window.loc[::5, "minutes"] = np.nan

    assert {check_result.check for check_result in violations(baseline, window)} == {"completeness_check"}


@pytest.mark.parametrize("rows", [200, 1_000, 4_000])
def test_healthy_windows_are_silent(baseline, rows):
    for seed in range(10, 20):
        assert not violations(baseline, draw_rows(seed, rows))


def storm_rows(random, rows, wobble):
    """The logarithm of the share of missing values goes up and down from window to window."""
    share = min(0.03 * np.exp(wobble * random.normal()), 0.9)
    values = random.lognormal(3, 1, rows)
    return pd.DataFrame({"x": np.where(random.random(rows) < share, np.nan, values), "y": random.normal(size=rows)})


@pytest.mark.long
@pytest.mark.parametrize("wobble", [0.6, defer_to_night(0.3)])
def test_healthy_windows_whose_share_of_missing_values_varies_are_silent(wobble):
    alarms = 0
    for seed in range(4):
        random = np.random.default_rng([seed, 7])
        table = pd.concat([storm_rows(random, 512, wobble) for _ in range(32)], ignore_index=True)
        baseline = run_baseline(table, MONITOR, engine="local")
        alarms += sum(bool(violations(baseline, storm_rows(random, 1_000, wobble))) for _ in range(10))
    assert alarms <= 1  # 99 % of such experiments at 1/720 have at most one
