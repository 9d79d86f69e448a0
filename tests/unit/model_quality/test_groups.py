"""Rows that belong together say less of a model than so many rows by themselves, and a worse model is still found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model_monitor import ModelQualityMonitor, OutcomePlan, ProblemType, run_baseline, run_monitoring


def classified(random, groups, size, worse=0.0):
    """So many equal rows of each group. worse: the share of groups whose label is the other one."""
    score = random.random(groups)
    happened = random.random(groups) < score
    label = np.where(random.random(groups) < worse, ~happened, happened).astype(int)
    return pd.DataFrame({"label": label.repeat(size), "prediction": (score > 0.5).astype(int).repeat(size)})


def predicted(random, groups, size, worse=0.0):
    value = random.standard_normal(groups)
    label = value + random.standard_normal(groups) * (1 + 2 * worse)
    return pd.DataFrame({"label": label.repeat(size), "prediction": value.repeat(size)})


@pytest.mark.parametrize(
    ("rows_of", "problem"),
    [(classified, ProblemType.BINARY_CLASSIFICATION), (predicted, ProblemType.REGRESSION)],
    ids=["classes", "numbers"],
)
def test_groups_of_ten_equal_rows_are_silent_and_a_worse_model_is_found(rows_of, problem):
    monitor, random = ModelQualityMonitor(OutcomePlan(problem)), np.random.default_rng(3)
    baseline = run_baseline(rows_of(random, 2000, 10), monitor, engine="local")

    def found(**of):
        return run_monitoring(rows_of(random, 200, 10, **of), monitor, baseline, engine="local")

    healthy = [found() for _ in range(20)]
    assert [each.violations.violations for each in healthy] == [()] * 20
    assert all(found(worse=0.5).violations.violations for _ in range(5))
    reasons = [each.reason or "" for window in healthy for each in window.results]
    assert any("neighbouring rows count as one" in reason for reason in reasons)


def test_rows_by_themselves_count_each():
    monitor, random = ModelQualityMonitor(OutcomePlan(ProblemType.REGRESSION)), np.random.default_rng(4)
    baseline = run_baseline(predicted(random, 2000, 1), monitor, engine="local")

    found = run_monitoring(predicted(random, 2000, 1), monitor, baseline, engine="local")
    assert found.known.groups == 1.0
