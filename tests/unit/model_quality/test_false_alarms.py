"""Healthy windows keep the thresholds of the interval rule and break those of the service. A small form of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.model_quality.checks import ModelBaseline, check_all
from spark_model_monitor.monitors.model_quality.measurement import BARE, INTERVAL, suggest

from .outcomes_made import BY_THRESHOLD, REGRESSION, measured

BASELINES, WINDOWS = 40, 5
MOST_ALARMS = 18  # of 200 at 5 %: mean 10, standard deviation 3.1 if the windows were independent


def two_classes(random, rows):
    truth = random.random(rows) < 0.2
    return truth.astype(int), None, 1 / (1 + np.exp(-random.normal(np.where(truth, 0.5, -1.5), 1.2)))


def numbers(random, rows):
    labels = random.normal(10, 3, rows)
    return labels, labels + random.standard_t(6, rows)


def alarms(plan, sample, window_rows):
    """Windows with a violation by the service's rule, by the interval rule, and those in which the latter can't tell."""
    random = np.random.default_rng(31)
    counted = np.zeros(3, dtype=int)
    for _ in range(BASELINES):
        baseline = measured(plan, *sample(random, 1_000))
        known = [ModelBaseline(suggest(baseline, tolerance)) for tolerance in (BARE, INTERVAL)]
        for _ in range(WINDOWS):
            window = measured(plan, *sample(random, window_rows))
            bare, interval = ({outcome.status for outcome in check_all(window, its)} for its in known)
            told = CheckStatus.VIOLATED in interval
            counted += [CheckStatus.VIOLATED in bare, told, not told and CheckStatus.CANNOT_TELL in interval]
    return counted.tolist()


@pytest.mark.parametrize(
    ("plan", "sample"), [(BY_THRESHOLD, two_classes), (REGRESSION, numbers)], ids=["classes", "numbers"]
)
@pytest.mark.parametrize("window_rows", [200, 1_000, 4_000])
def test_healthy_windows_break_the_thresholds_of_the_service_and_keep_ours(plan, sample, window_rows):
    service, ours, cannot_tell = alarms(plan, sample, window_rows)

    assert service > BASELINES * WINDOWS * 0.4
    assert ours <= MOST_ALARMS
    assert (cannot_tell > 0) == (window_rows < 1_000)


def test_a_model_that_got_much_worse_is_found_in_every_window():
    random = np.random.default_rng(32)
    known = ModelBaseline(suggest(measured(BY_THRESHOLD, *two_classes(random, 1_000)), INTERVAL))

    for _ in range(30):
        truth, _, scores = two_classes(random, 400)
        window = measured(BY_THRESHOLD, random.permutation(truth), None, scores)
        violated = {outcome.metric for outcome in check_all(window, known) if outcome.status is CheckStatus.VIOLATED}
        assert "auc" in violated
