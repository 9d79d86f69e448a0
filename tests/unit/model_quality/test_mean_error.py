"""Predictions that are too high or too low on average, which the size of the errors hardly shows."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.monitors.protocol import Sample

from .outcomes_made import REGRESSION, make_outcomes, measured


def rows_off(rows: int, offset: float, seed: int):
    """Labels and predictions, which are off by `offset` standard deviations of the errors."""
    random = np.random.default_rng(seed)
    labels = random.normal(50, 10, rows)
    return labels, labels + 4 * random.standard_normal(rows) + 4 * offset


def judge(rows: int, offset: float, seed: int):
    """The result of the check on a window, beside a baseline of 5,000 rows."""
    monitor = ModelQualityMonitor(REGRESSION)
    baseline = make_outcomes(REGRESSION, *rows_off(5000, 0.0, 0))
    constraints = monitor.documents(baseline, monitor.metrics(baseline))[1]
    window = make_outcomes(REGRESSION, *rows_off(rows, offset, seed))
    reference = monitor.stored_baseline(constraints, None, baseline, constraints)
    judgement = monitor.judge(Sample(window, monitor.metrics(window)), reference)
    return next(check_result for check_result in judgement.results if check_result.metric == "mean_error")


def test_the_metric_is_signed():
    metrics = measured(REGRESSION, np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0])).metrics

    assert metrics["mean_error"].value == 1.0  # (1 + 0 + 2) / 3


@pytest.mark.parametrize(("rows", "at_least"), [(100, 3), (500, 8), (2000, 8)])
@pytest.mark.parametrize(("offset", "words"), [(0.35, "too high"), (-0.35, "too low")])
def test_a_third_of_a_standard_deviation_is_found(rows, at_least, offset, words):
    windows = [judge(rows, offset, seed) for seed in range(1, 9)]

    violated = [check_result for check_result in windows if check_result.status is CheckStatus.VIOLATED]
    assert len(violated) >= at_least
    assert all(words in check_result.change for check_result in violated)
    assert all(check_result.description.startswith("Mean error is not") for check_result in violated)


@pytest.mark.parametrize("rows", [100, 500, 2000])
def test_healthy_windows_have_no_violation(rows):
    statuses = {judge(rows, 0.0, seed).status for seed in range(1, 31)}

    assert CheckStatus.VIOLATED not in statuses


def test_a_window_too_small_to_tell_says_so():
    check_result = judge(40, 0.0, 1)

    assert check_result.status is CheckStatus.CANNOT_TELL
    assert "may go unseen" in check_result.reason
