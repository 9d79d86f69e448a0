"""What varies hides nothing else: outages that are worse than all before, and a value that is gone.

Tables of windows by laws; a baseline has 32 of them, one a day, with their times.
"""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.page import format_percent

MONITOR = DataQualityMonitor(find_causes=False, time_column="at")
DAYS = 32


def draw_outages(random, rows, fault=False):
    """1 % of x are missing, in one window of ten 5 to 30 %; the fault is 70 %."""
    if random.random() < 0.1:
        share = random.uniform(0.05, 0.3)
    else:
        share = 0.01
    is_missing = random.random(rows) < (0.7 if fault else share)
    return {"x": np.where(is_missing, np.nan, random.normal(size=rows))}


def draw_zeros(random, rows, fault=False):
    """14 % of x are 0, and all other numbers go up and down from window to window; in the fault no zero is left."""
    amounts = random.lognormal(random.normal(0, 0.5), 1, rows).round(2) + 0.01
    is_zero = (random.random(rows) < 0.14) & (not fault)
    return {"x": np.where(is_zero, 0.0, amounts)}


def draw_plans(random, rows, fault=False):
    """14 % of x are one plan, and the others change places from window to window; in the fault that plan is gone."""
    share = 0.0 if fault else 0.14
    other_shares = (1 - share) * random.dirichlet(15 * np.array([0.4, 0.3, 0.2, 0.1]))
    return {"x": random.choice(np.array(list("abcde"), object), rows, p=[share, *other_shares])}


def draw_paydays(random, rows, fault=False):
    """Amounts are larger in one window of ten; in the fault twice as large as on any such day."""
    level = 1.2 if fault else 0.3 * (random.random() < 0.1)
    return {"x": random.lognormal(3 + level, 1, rows)}


LAWS = {"outages": draw_outages, "zeros": draw_zeros, "plans": draw_plans, "pay days": draw_paydays}


def as_table(columns, random, day):
    rows = len(columns["x"])
    times = (
        pd.Timestamp("2026-01-01") + pd.Timedelta(days=day) + pd.to_timedelta(np.sort(random.random(rows)), unit="D")
    )
    return pd.DataFrame({**columns, "y": random.normal(size=rows), "at": times})


def find_violated_features(window, baseline):
    findings = run_monitoring(window, MONITOR, baseline, engine="local")
    return {check.feature for check in findings.results if check.is_violation}


@pytest.mark.nightly
@pytest.mark.parametrize("law", LAWS)
def test_a_fault_that_no_window_had_is_found_and_healthy_windows_are_silent(law):
    draw = LAWS[law]
    rows = 1_000
    found_faults = alarms = tries = 0
    for seed in range(4):
        random = np.random.default_rng([seed, 31])
        days = [as_table(draw(random, rows), random, day) for day in range(DAYS)]
        baseline = run_baseline(pd.concat(days, ignore_index=True), MONITOR, engine="local")
        # Each day without the fault, then with it
        for day in range(DAYS, DAYS + 5):
            healthy = as_table(draw(random, rows, False), random, day)
            alarms += bool(find_violated_features(healthy, baseline))
            faulty = as_table(draw(random, rows, True), random, day)
            found_faults += "x" in find_violated_features(faulty, baseline)
            tries += 1

    assert found_faults >= 0.9 * tries
    assert alarms <= 1


@pytest.mark.parametrize("share", [0.9, 1.0])
def test_a_column_that_is_nearly_empty_is_found_though_it_has_outages(share):
    """Stretches of about 30 missing values are an eighth of the rows: far fewer than in a window."""
    monitor = DataQualityMonitor(find_causes=False)
    random = np.random.default_rng(5)

    def draw_stretches(rows):
        values = random.normal(5, 1, rows)
        end = 0
        while end < rows:
            begin = end + int(random.exponential(180))
            end = begin + int(random.exponential(30))
            values[begin:end] = np.nan
        return pd.DataFrame({"x": values, "y": random.normal(size=rows)})

    for _ in range(4):
        baseline = run_baseline(draw_stretches(14_000), monitor, engine="local")
        healthy = draw_stretches(400)
        assert run_monitoring(healthy, monitor, baseline, engine="local").violations.violations == ()
        faulty = healthy.assign(x=healthy["x"].mask(random.random(400) < share))
        violations = run_monitoring(faulty, monitor, baseline, engine="local").violations.violations
        assert "x" in {violation.feature_name for violation in violations}


@pytest.mark.parametrize("values", [5.0, 0.0, "a"])
def test_values_in_a_column_that_never_had_one_are_found(values):
    monitor = DataQualityMonitor(find_causes=False)
    random = np.random.default_rng(6)

    def draw_empty(rows):
        return pd.DataFrame({"x": np.full(rows, None, object), "y": random.normal(size=rows)})

    baseline = run_baseline(draw_empty(12_000), monitor, engine="local")
    for share in (1.0, 0.5):
        window = draw_empty(400)
        window.loc[random.random(400) < share, "x"] = values
        findings = run_monitoring(window, monitor, baseline, engine="local")
        [drift] = [check for check in findings.results if check.is_violation and check.check == "baseline_drift_check"]
        missing = format_percent(window["x"].isna().mean())
        assert drift.change == f"is missing in {missing} of the records, 100 % before"
    # Neither none, nor one that may be a mistake
    for count in (0, 1):
        window = draw_empty(400)
        window.loc[: count - 1, "x"] = values
        assert run_monitoring(window, monitor, baseline, engine="local").violations.violations == ()
