"""Which limit of drift decides: that of a flag for the feature, of a flag for all, of the feature in the file, or of the file."""

import itertools

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import set_thresholds

MONITOR = DataQualityMonitor(find_causes=False)
MOVED_WITHIN = "No change seen in 1 feature; moved, within your limit: {name}; not compared"
LIMITS = (None, 0.01, 0.5)
FLAGS = (None, "x", "*")
DISABLED = (None, "x", "*")


def draw_rows(seed, shift=0.0):
    """y has the same values in each."""
    x = np.random.default_rng(seed).normal(50 + 9 * shift, 9, 3_000)
    return pd.DataFrame({"x": x, "y": np.random.default_rng(0).normal(size=3_000)})


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(draw_rows(1), MONITOR, engine="local")


def write_constraints(baseline, of_file, of_feature, disabled):
    """The suggested constraints with limits and switches as a person writes them."""
    _, constraints = MONITOR.documents(baseline.state, baseline.metrics)
    document = constraints.plain()
    of_all = document["monitoring_config"]["distribution_constraints"]
    of_x = {}
    if of_file is not None:
        of_all["comparison_threshold"] = of_file
    if of_feature is not None:
        of_x["comparison_threshold"] = of_feature
    if disabled is not None:
        switches = {"x": of_x, "*": of_all}
        switches[disabled]["perform_comparison"] = "Disabled"
    if of_x:
        document["features"][0]["monitoring_config_overrides"] = {"distribution_constraints": of_x}
    return Constraints.model_validate(document)


def compare(baseline, constraints, flag, shift):
    stored = MONITOR.stored_baseline(constraints, None, baseline.state, None)
    if flag is not None:
        stored = stored.with_limits(set_thresholds(stored.constraints, flag))
    findings = run_monitoring(draw_rows(2, shift), MONITOR, stored, engine="local")
    [drift] = [check for check in findings.results if (check.feature, check.check) == ("x", "baseline_drift_check")]
    return findings, drift


@every_combination(flag=FLAGS, disabled=DISABLED)
def test_one_limit_decides_and_is_named(baseline, flag, disabled):
    for of_file, of_feature, of_flag in itertools.product(LIMITS, LIMITS, LIMITS[1:]):
        constraints = write_constraints(baseline, of_file, of_feature, disabled)
        flags = None
        if flag is not None:
            flags = {flag: {"baseline_drift_check": of_flag}}
        findings, drift = compare(baseline, constraints, flags, shift=0.4)

        # A flag wins over the file, and the feature's limit over that of all
        strongest_first = [of_feature, of_file]
        if flag is not None:
            strongest_first.insert(0, of_flag)
        limit = next((limit for limit in strongest_first if limit is not None), None)
        case = (of_file, of_feature, flags, disabled)
        if disabled is not None:
            # What a flag asks for and can't be done is never green; what the file switches off is named
            assert (drift.status is CheckStatus.NOT_JUDGED) == (flag is None), case
            assert (drift.status is CheckStatus.CANNOT_TELL) == (flag is not None), case
            assert (findings.outcome is Outcome.CANNOT_TELL) == (flag is not None), case
            assert flag is not None or "No change seen in 2" not in findings.headline().text, case
        elif limit is None:
            assert drift.status is CheckStatus.VIOLATED, case
            assert "your limit" not in (drift.reason or ""), case
        elif limit < 0.1:
            assert (drift.status, drift.threshold) == (CheckStatus.VIOLATED, limit), case
            assert drift.reason == f"your limit {limit} decides", case
        else:
            assert (drift.status, drift.threshold) == (CheckStatus.PASSED, limit), case
            assert drift.reason == f"moved, within your limit {limit}", case
            assert "No change seen in 1 feature; moved, within your limit: x" in findings.headline().text, case


@pytest.mark.parametrize("flag", ["x", "*"])
def test_what_did_not_move_is_no_move_within_a_limit(baseline, flag):
    constraints = write_constraints(baseline, None, None, None)
    findings, drift = compare(baseline, constraints, {flag: {"baseline_drift_check": 0.5}}, shift=0.0)

    assert drift.reason == "your limit 0.5 decides"
    assert findings.headline().text.startswith("No change seen in 2 features; not compared")


def draw_shares(seed, new=None, missing=0.0):
    random = np.random.default_rng(seed)
    plans = random.choice(["a", "b", "c"], 3_000, p=[0.5, 0.3, 0.2]).astype(object)
    amounts = random.normal(size=3_000)
    amounts[random.random(3_000) < missing] = np.nan
    if new is not None:
        plans[random.random(3_000) < 0.03] = new
    return pd.DataFrame({"plan": plans, "amount": amounts})


@pytest.mark.parametrize(
    ("name", "limit", "window", "is_within"),
    [
        ("plan", 0.95, {"new": "d"}, True),
        ("plan", 0.95, {"new": "a new plan"}, True),
        ("plan", 0.99, {"new": "d"}, False),
        ("amount", 0.9, {"missing": 0.05}, True),
        ("amount", 0.99, {"missing": 0.05}, False),
    ],
)
def test_what_a_limit_of_a_share_allows_alarms_in_no_other_check(name, limit, window, is_within):
    baseline = run_baseline(draw_shares(1), MONITOR, engine="local")
    checks = {"plan": "categorical_values_check", "amount": "completeness_check"}
    constraints = set_thresholds(baseline.constraints, {name: {checks[name]: limit}})
    # As a file that a person edited
    stored = baseline.stored_for(MONITOR).with_limits(constraints)
    findings = run_monitoring(draw_shares(2, **window), MONITOR, stored, engine="local")

    if is_within:
        assert findings.headline().text.startswith(MOVED_WITHIN.format(name=name))
    else:
        [violated] = [check for check in findings.results if check.is_violation]
        assert (violated.feature, violated.threshold) == (name, limit)
