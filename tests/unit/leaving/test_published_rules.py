"""The rules that AWS publishes: the tests and distances are SciPy's, which Evidently's defaults are made of."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.integrations.leaving.published_rules import (
    DriftedColumns,
    chi_square_p_value,
    find_drifted_columns,
    has_drifted,
    have_counts_drifted,
    have_numbers_drifted,
    kolmogorov_smirnov_p_value,
    shares_p_value,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import read_distributions
from spark_model_monitor.statistics.drift.distributions import StepCdf

SEEDS = range(40)


def make_step_cdf(values):
    distinct, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    return StepCdf(distinct, counts.cumsum())


def draw_pairs(rows, moved):
    """Two samples of numbers for each seed; every other one is moved."""
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        yield random.normal(size=rows), random.normal(moved * (seed % 2), 1, size=300)


def test_numbers_of_a_small_baseline_are_judged_by_kolmogorov_and_smirnov():
    verdicts = []
    for before, after in draw_pairs(800, 0.2):
        exact = stats.ks_2samp(before, after).pvalue
        baseline = make_step_cdf(before)
        window = make_step_cdf(after)
        limiting = kolmogorov_smirnov_p_value(baseline, window)
        assert limiting == pytest.approx(exact, abs=0.012)
        verdict = have_numbers_drifted(baseline, window, is_small=True)
        verdicts.append(verdict)
        # Near the level, the two p-values may be on different sides
        if abs(exact - 0.05) > 0.01:
            assert verdict == (exact < 0.05)
    assert 10 < sum(verdicts) < 35


def test_numbers_of_a_large_baseline_are_judged_by_how_far_they_moved():
    verdicts = []
    for before, after in draw_pairs(1500, 0.2):
        distance = stats.wasserstein_distance(before, after) / np.std(before)
        verdict = have_numbers_drifted(make_step_cdf(before), make_step_cdf(after), is_small=False)
        verdicts.append(verdict)
        assert verdict == (distance >= 0.1)
    assert 10 < sum(verdicts) < 40


def test_numbers_with_at_most_five_values_are_judged_as_categories():
    before = [1] * 500 + [2] * 300 + [3] * 200
    after = [1] * 45 + [2] * 35 + [3] * 20
    assert stats.chisquare([45, 35, 20], [50, 30, 20]).pvalue > 0.05
    baseline = make_step_cdf(before)
    assert not have_numbers_drifted(baseline, make_step_cdf(after), is_small=True)
    with_a_new_value = make_step_cdf([*after, 4])
    assert have_numbers_drifted(baseline, with_a_new_value, is_small=True)


@pytest.mark.parametrize(
    ("kind", "missing", "drifted"),
    [
        pytest.param("Integral", 0, True, id="integers: chi-square, and the baseline lacks 10"),
        pytest.param("Integral", 1, False, id="with a gap they are floats: Kolmogorov-Smirnov"),
        pytest.param("Fractional", 0, False, id="floats"),
    ],
)
def test_integers_of_few_values_are_categories_whatever_the_baseline_has(kind, missing, drifted):
    """What Evidently 0.7.23 says of these columns, as integers, as integers and a None, and as floats."""
    before = list(range(10)) * 20
    after = [*range(9), 10] * 10
    assert stats.ks_2samp(before, after).pvalue > 0.05
    # Both as statistics.json has them
    baseline = make_statistics(make_number_feature("x", [before]))
    feature = make_number_feature("x", [after])
    feature["inferred_type"] = kind
    window = make_statistics(feature)
    # The window's rows, with one that has no value
    distribution = read_distributions(window)["x"]
    distribution = replace(distribution, rows=distribution.present + missing)

    assert has_drifted(read_distributions(baseline)["x"], distribution, is_small=True) is drifted


def test_categories_of_a_large_baseline_are_judged_by_jensen_and_shannon():
    verdicts = []
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        before = random.multinomial(2000, [0.5, 0.3, 0.2]).astype(float)
        # Every other window has fewer of the first value
        shift = 0.2 * (seed % 2)
        after = random.multinomial(400, [0.5 - shift, 0.3, 0.2 + shift]).astype(float)
        verdict = have_counts_drifted(before, after, is_small=False)
        verdicts.append(verdict)
        distance = jensenshannon(before / 2000, after / 400)
        assert verdict == (distance >= 0.1)
    assert sum(verdicts) == 20


def test_shares_are_judged_by_chi_square_and_by_z():
    before = np.array([500.0, 300.0, 200.0])
    after = np.array([45.0, 35.0, 20.0])
    exact = stats.chisquare(after, before / 10).pvalue
    assert chi_square_p_value(before, after) == pytest.approx(exact)
    without_second_value = np.array([10.0, 0.0, 5.0])
    assert chi_square_p_value(without_second_value, np.ones(3)) == 0
    # of 1,000 and 100 rows: (.3 - .4) / sqrt(p (1 - p) (1 / 1000 + 1 / 100)), p = 340 / 1100
    pooled = 340 / 1100
    error = math.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 100))
    exact = 2 * stats.norm.sf(0.1 / error)
    p_value = shares_p_value(np.array([700.0, 300.0]), np.array([60.0, 40.0]))
    assert p_value == pytest.approx(exact)
    assert shares_p_value(np.array([700.0]), np.array([60.0])) == 1


@pytest.mark.parametrize(
    ("drifted", "alarms"),
    [(0, [False, False, False]), (1, [True, False, False]), (2, [True, True, False]), (7, [True, True, True])],
)
def test_each_rule_counts_drifted_columns(drifted, alarms):
    """One of 20 columns is 5 %, which is not more than that; 6 of 20 would be 30 %."""
    columns = ("x",) * drifted
    assert list(DriftedColumns(columns, 20).alarms().values()) == alarms
    without_columns = DriftedColumns((), 0)
    assert not any(without_columns.alarms().values())


def make_number_feature(name, levels):
    sketch = {"parameters": {"c": 0.64, "k": 2048.0}, "data": levels}
    buckets = [{"lower_bound": 0.0, "upper_bound": 1.0, "count": 1.0}]
    rows = sum(len(level) * 2**height for height, level in enumerate(levels))
    return {
        "name": name,
        "inferred_type": "Fractional",
        "numerical_statistics": {
            "common": {"num_present": rows, "num_missing": 0},
            "mean": 0.0,
            "sum": 0.0,
            "std_dev": 1.0,
            "min": 0.0,
            "max": 1.0,
            "distribution": {"kll": {"buckets": buckets, "sketch": sketch}},
        },
    }


def make_text_feature(name, **counts):
    buckets = [{"value": value, "count": count} for value, count in counts.items()]
    statistics = {"common": {"num_present": 100, "num_missing": 0}, "distinct_count": 100.0}
    if buckets:
        statistics["distribution"] = {"categorical": {"buckets": buckets}}
    return {"name": name, "inferred_type": "String", "string_statistics": statistics}


def make_statistics(*features):
    document = {"version": 0.0, "dataset": {"item_count": 100}, "features": features}
    return Statistics.from_json(json.dumps(document), "statistics.json")


def test_columns_that_a_window_lacks_or_whose_values_are_not_kept_are_not_compared():
    values = np.linspace(0, 10, 50).tolist()
    levels = [[], values]  # each stands for two
    baseline = make_statistics(
        make_number_feature("moved", levels),
        make_number_feature("same", levels),
        make_number_feature("gone", levels),
        make_text_feature("free"),
        make_text_feature("few", a=50, b=50),
    )
    window = make_statistics(
        make_number_feature("moved", [[], [value + 5 for value in values]]),
        make_number_feature("same", levels),
        make_text_feature("free"),
        make_text_feature("few", a=99, b=1),
    )

    drifted = find_drifted_columns(baseline, window)

    assert drifted == DriftedColumns(("moved", "few"), 3)
