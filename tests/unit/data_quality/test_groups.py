"""Rows of users: they say less than so many rows by themselves, whatever the order of the baseline was."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from model_monitor.statistics.states import RowRuns

MONITOR = DataQualityMonitor()


def of_users(random, users, *, missing=0.1, new=0.0, shift=0.0):
    """Sessions of 20 rows, in which everything is that of their user."""
    plans = np.where(random.random(users) < new, "gold", random.choice(["basic", "plus"], users, p=[0.7, 0.3]))
    rows = {
        "age": np.repeat(random.standard_normal(users) + shift, 20),
        "tenure": np.repeat(random.standard_normal(users), 20),
        "plan": np.repeat(plans, 20),
        "income": np.where(np.repeat(random.random(users) < missing, 20), np.nan, random.standard_normal(20 * users)),
    }
    return pd.DataFrame(rows)


@pytest.fixture(scope="module", params=["in order", "shuffled"])
def baseline(request):
    rows = of_users(np.random.default_rng(1), 1000)
    rows = rows.sample(frac=1, random_state=1) if request.param == "shuffled" else rows
    return run_baseline(rows.reset_index(drop=True), MONITOR, engine="local")


def violated(baseline, rows):
    found = run_monitoring(rows, MONITOR, baseline, engine="local")
    return {(each.feature_name, each.constraint_check_type) for each in found.violations.violations}


def test_healthy_windows_of_users_are_silent_on_the_first_day(baseline):
    random = np.random.default_rng(2)
    assert [violated(baseline, of_users(random, 50)) for _ in range(12)] == [set()] * 12


@pytest.mark.parametrize(
    ("fault", "feature"), [({"shift": 2.0}, "age"), ({"missing": 0.6}, "income"), ({"new": 0.4}, "plan")]
)
def test_what_changed_is_found(baseline, fault, feature):
    random = np.random.default_rng(3)
    for _ in range(3):
        assert {name for name, _ in violated(baseline, of_users(random, 100, **fault))} == {feature}


def test_a_window_says_how_many_of_its_rows_count_as_one(baseline):
    found = run_monitoring(of_users(np.random.default_rng(4), 50, shift=2.0), MONITOR, baseline, engine="local")

    [reason] = [each.reason for each in found.results if (each.feature, each.check) == ("age", "baseline_drift_check")]
    assert "neighbouring rows of this window count as one" in reason
    assert 15 <= float(reason.split("about ")[1].split()[0]) <= 30


def test_runs_of_a_window_are_not_kept_and_a_replay_has_none(baseline):
    found = run_monitoring(of_users(np.random.default_rng(4), 50), MONITOR, baseline, engine="local")

    assert found.current.runs == ()
    assert DataQualityMonitor(as_service=True).measures().run_rows == 0
    assert MONITOR.grouped(found.known, found.current.state, [RowRuns()] * 4) is found.known
