"""Windows with few labels are judged together with those before them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import (
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    read_baseline,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.documents.run_description import BaselineReference
from spark_model_monitor.reports.history.baselines import create_reference_to_run, read_earlier_states

BUDGET = 1 / 720
MONITOR = ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True), find_causes=False)


def draw_outcomes(random, rows, *, distance=1.5, flipped=0.0):
    """Labels and scores, whose classes are so many deviations apart; a share of the labels is wrong."""
    label = (random.random(rows) < 0.5).astype(int)
    score = 1 / (1 + np.exp(-distance * random.normal(distance * (label - 0.5), 1)))
    is_flipped = random.random(rows) < flipped
    columns = {"label": np.where(is_flipped, 1 - label, label), "prediction": (score > 0.5).astype(int)}
    return pd.DataFrame({**columns, "probability": score})


@pytest.fixture(scope="module")
def baseline_folder(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("model") / "baseline")
    run_baseline(draw_outcomes(np.random.default_rng(1), 10_000), MONITOR, engine="local").write(folder)
    return folder


@pytest.fixture(scope="module")
def baseline(baseline_folder):
    return read_baseline(baseline_folder, MONITOR)


def judge(window, baseline, earlier=()):
    return run_monitoring(window, MONITOR, baseline.with_earlier(earlier), engine="local")


@pytest.mark.parametrize("fault", [{"distance": 1.2}, {"flipped": 0.1}], ids=["classes nearer", "wrong labels"])
def test_eight_windows_show_what_one_of_two_hundred_labels_does_not(baseline, fault):
    random = np.random.default_rng(88)
    windows = [draw_outcomes(random, 200, **fault) for _ in range(8)]
    without_verdicts = [run_monitoring(window, MONITOR, None, engine="local") for window in windows[:-1]]
    states = tuple(findings.current.state for findings in without_verdicts)

    alone = judge(windows[-1], baseline)
    pooled = judge(windows[-1], baseline, states)

    assert "auc" not in {check.metric for check in alone.results if check.is_violation}
    [check] = [check for check in pooled.results if check.metric == "auc"]
    assert check.is_violation
    assert check.reason == "the last 8 windows together, of 1,600 rows"
    assert check.m == 1_600


def test_windows_together_have_a_part_of_the_budget(baseline):
    random = np.random.default_rng(2)
    first = judge(draw_outcomes(random, 200), baseline)
    second = judge(draw_outcomes(random, 200), baseline, (first.current.state,))

    assert [family.family for family in first.budget.families] == ["model quality"]
    assert [family.family for family in second.budget.families] == ["model quality", "windows together"]
    assert sum(family.level for family in second.budget.families) == pytest.approx(BUDGET)
    assert first.count == second.count == 0


def test_windows_of_another_plan_are_not_added(baseline):
    random = np.random.default_rng(3)
    other_monitor = replace(MONITOR, plan=OutcomePlan(ProblemType.BINARY_CLASSIFICATION))
    earlier = run_monitoring(draw_outcomes(random, 200), other_monitor, None, engine="local")

    findings = judge(draw_outcomes(random, 200), baseline, (earlier.current.state,))

    assert [family.family for family in findings.budget.families] == ["model quality"]


def test_the_last_windows_without_violations_of_this_baseline_are_those_before(baseline, baseline_folder, tmp_path):
    reference = create_reference_to_run(baseline_folder, MONITOR)
    random = np.random.default_rng(4)
    windows = {hour: draw_outcomes(random, 300) for hour in range(5)}
    windows[2] = draw_outcomes(random, 300, flipped=0.5)
    for hour, window in windows.items():
        judge(window, baseline).write(str(tmp_path / f"model/2026/01/05/{hour:02}"), baseline=reference)

    def count_earlier(hour, windows, compared_with=reference):
        folder = str(tmp_path / f"model/2026/01/05/{hour:02}")
        return len(read_earlier_states(folder, MONITOR, compared_with, windows))

    assert count_earlier(4, 7) == 3
    assert count_earlier(4, 1) == 1
    assert count_earlier(0, 7) == 0
    assert count_earlier(4, 7, BaselineReference(run_id="another")) == 0
