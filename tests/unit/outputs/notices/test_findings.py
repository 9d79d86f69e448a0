"""The largest finding in a sentence."""

from __future__ import annotations

from model_monitor.documents.check_results import CheckResult, CheckStatus
from model_monitor.outputs.notices.findings import in_words, largest

VIOLATED = CheckStatus.VIOLATED


def test_drift_says_how_far_and_how_the_mean_moved():
    drifted = CheckResult(
        feature="monthly_charge_eur", check="baseline_drift_check", status=VIOLATED, observed=0.87209, threshold=0.1
    )

    assert in_words(drifted, {"monthly_charge_eur": (64.21, 6421.0)}) == (
        "monthly_charge_eur drifted, distance 0.8721 (threshold 0.1): its mean went from 64.21 to 6,421"
    )
    assert in_words(drifted, {}) == "monthly_charge_eur drifted, distance 0.8721 (threshold 0.1)"


def test_a_p_value_is_called_one():
    drifted = CheckResult(
        feature="plan", check="baseline_drift_check", status=VIOLATED, observed=0.001, threshold=0.1, statistic=31.0
    )

    assert in_words(drifted, {}) == "plan drifted, p-value 0.001 (threshold 0.1)"


def test_another_check_says_what_is_and_what_was_asked_for():
    incomplete = CheckResult(feature="age", check="completeness_check", status=VIOLATED, observed=0.714, threshold=1.0)
    worse = CheckResult(metric="auc", check="LessThanThreshold", status=VIOLATED, observed=0.61, threshold=0.8)

    assert in_words(incomplete, {}) == "age: completeness_check, 0.714 where the baseline asks for 1"
    assert in_words(worse, {}) == "auc: LessThanThreshold, 0.61 where the baseline asks for 0.8"


def test_a_check_without_numbers_is_named():
    missing = CheckResult(feature="Missing columns", check="missing_column_check", status=VIOLATED, threshold=None)

    assert in_words(missing, {}) == "Missing columns: missing_column_check"
    assert largest([], {}) is None
