"""Nulls that became a value: what is told, in which words, and what is not."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.alerts import Decision
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.distributions import from_profile

MONITOR = DataQualityMonitor(find_causes=False)
PLANS = np.array(["basic", "plus", "pro"])


def rows(seed, count):
    """4 % have no minutes and no plan; one in twenty had no call."""
    random = np.random.default_rng(seed)
    there, minutes = random.random(count) >= 0.04, random.gamma(3, 20, count).round(1)
    return pd.DataFrame(
        {
            "minutes": np.where(there, np.where(random.random(count) < 0.05, 0.0, minutes), np.nan),
            "waited": np.where(random.random(count) >= 0.04, 5 + minutes, np.nan),
            "plan": np.where(random.random(count) >= 0.04, random.choice(PLANS, count), None),
        }
    )


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(rows(1, 8_000), MONITOR, engine="local")


def drift_of(baseline, window, column, monitor=MONITOR):
    results = run_monitoring(window, monitor, baseline, engine="local").results
    return next(each for each in results if (each.feature, each.check) == (column, "baseline_drift_check"))


@pytest.mark.parametrize(
    ("column", "value"),
    [("minutes", 0.0), ("minutes", 60.123), ("waited", 0.0), ("waited", -1.0), ("waited", 9999.0)],
)
def test_nulls_that_became_a_value_are_found(baseline, column, value):
    window = rows(2, 4_000)

    found = drift_of(baseline, window.assign(**{column: window[column].fillna(value)}), column)
    assert (found.status, found.component) == (CheckStatus.VIOLATED, "filled")


def test_the_words_say_what_became_what(baseline):
    window = rows(2, 4_000)
    found = drift_of(baseline, window.fillna({"minutes": 0.0}), "minutes")

    assert "missing values became one value: 0 % are missing, 3.9" in found.words
    assert "has one value where values were missing" in found.change
    assert found.values == ("0",)
    hidden = drift_of(baseline, window.fillna({"minutes": 0.0}), "minutes", DataQualityMonitor(hide_values=True))
    assert hidden.values is None


@pytest.mark.parametrize("text", ["", "unknown"])
def test_a_text_for_missing_ones_is_told_once(baseline, text):
    window = rows(2, 4_000)
    results = run_monitoring(window.fillna({"plan": text}), MONITOR, baseline, engine="local").results

    [told] = [each.check for each in results if each.feature == "plan" and each.is_violation]
    assert told == "categorical_values_check"


def test_the_reason_has_both_chances(baseline):
    window = rows(2, 4_000)
    found = drift_of(baseline, window.fillna({"minutes": 60.123}), "minutes")

    few, more = re.search(
        r"so few are missing in (\S+) of the windows, .* have one value in (\S+)$", found.reason
    ).groups()
    # neither is rarer than by rows alone: no one of 4,000 where 314 of 8,000 were, and 150 or so that nobody had
    lacked = int(rows(1, 8_000)["minutes"].isna().sum())
    assert stats.hypergeom.cdf(0, 12_000, lacked, 4_000) <= float(few) < 1e-6
    assert 0 < float(more) < 1e-6


@pytest.mark.parametrize("is_the_mean", [False, True], ids=["beside it", "itself"])
def test_one_decision_is_enough_for_a_value_near_the_mean(baseline, is_the_mean):
    """The mean of a window goes up or down by chance; the value is above the baseline's or below it."""
    mean = from_profile(baseline.state)["minutes"].mean

    def filled(seed, value):
        window = rows(seed, 2_000)
        return drift_of(baseline, window.fillna({"minutes": value}), "minutes")

    found = [filled(seed, mean if is_the_mean else 60.123) for seed in range(100, 108)]
    means = {float(rows(seed, 2_000)["minutes"].mean()) > rows(1, 8_000)["minutes"].mean() for seed in range(100, 108)}
    decision = Decision(run_id="r", time="2026-03-05T09:30:00Z", alarms=(found[0],))

    assert means == {True, False}
    assert all(decision.covers(each) for each in found)
    assert decision.covers(found[1].model_copy(update={"component": "cell"}))
    assert not decision.covers(found[1].model_copy(update={"component": "range"}))
    assert not decision.covers(filled(100, 0.0))


def test_a_sentence_does_not_say_that_a_feature_looks_as_it_did_of_which_fewer_are_missing(baseline):
    window = rows(2, 4_000)
    mended = window[window["waited"].notna()]
    findings = run_monitoring(mended.fillna({"minutes": 60.123}), MONITOR, baseline, engine="local")

    assert findings.headline().text.startswith("1 of 3 features changed: minutes has")
    assert findings.headline().detail == "The other 1 feature looks as it did. Fewer values are missing in waited."
    calm = run_monitoring(mended, MONITOR, baseline, engine="local").headline()
    assert calm.text == "No other change seen in 3 features."
    assert calm.detail.startswith("Fewer values are missing in waited. A change of")


def test_values_that_are_there_again_are_a_hint_and_no_drift(baseline):
    mended = rows(3, 4_000).dropna()
    findings = run_monitoring(mended, MONITOR, baseline, engine="local")

    assert not [each.feature for each in findings.results if each.is_violation]


def test_healthy_windows_are_silent(baseline):
    for seed in range(10, 16):
        results = run_monitoring(rows(seed, 1_000), MONITOR, baseline, engine="local").results
        assert not [each for each in results if each.is_violation or each.component == "filled"]
