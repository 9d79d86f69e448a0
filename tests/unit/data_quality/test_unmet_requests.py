"""What a person asked for and a window can't do is no silence: the run can't tell, and says why."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import Highlight
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import set_thresholds

ROWS = 4_000


def draw_orders(seed):
    random = np.random.default_rng(seed)
    times = pd.Timestamp("2026-03-01") + pd.to_timedelta(random.integers(0, 86_400, ROWS), unit="s")
    country = random.choice(["DE", "FR"], ROWS)
    return pd.DataFrame({"amount": random.normal(50, 9, ROWS), "country": country, "time": times})


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(draw_orders(1), DataQualityMonitor(), engine="local")


@pytest.mark.parametrize(
    ("requested", "reason", "advice"),
    [
        pytest.param({"pairs": True}, "the baseline has none", "make the baseline with --with-pairs", id="relations"),
        pytest.param({"time_column": "country"}, "country holds none", "name a column of times", id="no times"),
        pytest.param({"time_column": "day"}, "day is no column", "name a column of times", id="no such column"),
    ],
)
def test_a_request_that_cannot_be_met_is_not_green(baseline, requested, reason, advice):
    findings = run_monitoring(draw_orders(2), DataQualityMonitor(**requested), baseline, engine="local")
    headline = findings.headline()

    assert findings.outcome is Outcome.CANNOT_TELL
    assert headline.mark is Highlight.UNSURE
    assert reason in headline.text
    assert headline.next_step.startswith(advice)


@pytest.mark.parametrize("requested", [{}, {"pairs": False}, {"time_column": "time"}])
def test_a_request_that_can_be_met_says_nothing(baseline, requested):
    findings = run_monitoring(draw_orders(2), DataQualityMonitor(**requested), baseline, engine="local")

    assert findings.outcome is Outcome.UNCHANGED


@pytest.mark.parametrize("limits", [{"amount": {"baseline_drift_check": 0.01}}, None], ids=["a limit", "none"])
def test_a_limit_of_a_comparison_that_is_off_is_not_green(limits):
    orders = draw_orders(1)
    switched_off = DataQualityMonitor(settings=MonitoringSettings(perform_comparison=False))
    baseline = run_baseline(orders, switched_off, engine="local")
    _, constraints = switched_off.documents(baseline.state, baseline.metrics)
    stored = switched_off.stored_baseline(constraints, None, baseline.state, None)
    if limits:
        stored = stored.with_limits(set_thresholds(stored.constraints, limits))
    findings = run_monitoring(draw_orders(2), DataQualityMonitor(), stored, engine="local")

    assert (findings.outcome is Outcome.CANNOT_TELL) == bool(limits)
    assert ("your limit 0.01 is not checked" in findings.headline().text) == bool(limits)
