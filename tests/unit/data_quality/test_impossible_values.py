"""Impossible values are found with nothing set, however few; far values of heavy tails are silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring


def draw_table(random, rows, values):
    return pd.DataFrame({"x": values, "y": random.normal(size=rows), "plan": random.choice([*"abcd"], rows)})


def find_violated(random, baseline_values, values):
    baseline = draw_table(random, len(baseline_values), baseline_values)
    window = draw_table(random, len(values), values)
    monitored = run_baseline(baseline, DataQualityMonitor(find_causes=False), engine="local")
    findings = run_monitoring(window, DataQualityMonitor(find_causes=False), monitored, engine="local")
    return {finding.feature for finding in findings.results if finding.is_violation}


def draw_ages(random, rows):
    return random.normal(42, 15, rows).clip(0, 89).round()


def draw_amounts(random, rows):
    return random.lognormal(3, 1, rows)


def draw_flags(random, rows):
    return (random.random(rows) < 0.03).astype(float)


@pytest.mark.parametrize(
    ("draw", "rows", "impossible"),
    [
        pytest.param(draw_ages, 2_000, [900] * 5, id="900 years"),
        pytest.param(draw_ages, 2_000, [-1] * 5, id="-1 years"),
        pytest.param(draw_ages, 2_000, [900, 900, 900, -1, -1], id="both"),
        pytest.param(draw_amounts, 2_000, [np.inf] * 5, id="infinities"),
        pytest.param(draw_amounts, 200, [-9_999] * 2, id="negative"),
        pytest.param(draw_ages, 200, [9_999] * 2, id="a default"),
        pytest.param(draw_flags, 2_000, [0] * 2_000, id="a flag that became 0"),
    ],
)
def test_impossible_values_are_found(draw, rows, impossible):
    random = np.random.default_rng(7)
    baseline = draw(random, 20_000)
    values = draw(random, rows)
    changed = values.copy()
    changed[: len(impossible)] = impossible

    assert find_violated(random, baseline, values) == set()
    assert find_violated(random, baseline, changed) == {"x"}


def test_far_values_of_a_heavy_tail_are_silent():
    random = np.random.default_rng(10)
    baseline = random.pareto(0.8, 20_000)
    violated = set()
    for _ in range(10):
        violated |= find_violated(random, baseline, random.pareto(0.8, 2_000))

    assert violated == set()


@pytest.mark.parametrize("draw", [draw_ages, draw_amounts])
def test_one_far_value_is_silent(draw):
    random = np.random.default_rng(8)
    baseline = draw(random, 20_000)
    values = draw(random, 200)
    values[0] = 1e6 * baseline.max()

    assert find_violated(random, baseline, values) == set()


def test_rows_in_groups_may_lie_far_outside():
    """A new user's forty rows, all of them twice as far as any before."""
    random = np.random.default_rng(9)
    baseline = np.repeat(random.lognormal(3, 1, 500), 40)
    values = np.repeat(random.lognormal(3, 1, 50), 40)
    values[:40] = 2 * baseline.max()

    assert find_violated(random, baseline, values) == set()
