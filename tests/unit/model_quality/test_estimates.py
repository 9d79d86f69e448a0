"""Intervals and limits: published numbers, end points, and how often they hold on simulated rows."""

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.monitors.model_quality.estimates import (
    FractionEstimate,
    JackknifeEstimate,
    Scale,
    Side,
    confidence_interval,
    jackknife,
    jackknife_quotient,
)
from spark_model_monitor.statistics.states.blocks import BLOCKS

from .outcomes_made import BINARY, BY_THRESHOLD, MULTICLASS, REGRESSION, measured


@pytest.mark.parametrize(
    ("hits", "rows", "interval"),
    [
        # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3
        pytest.param(81, 263, (0.2553, 0.3662), id="81 of 263"),
        pytest.param(15, 148, (0.0624, 0.1605), id="15 of 148"),
        pytest.param(0, 20, (0.0, 0.1611), id="none of 20"),
        pytest.param(1, 29, (0.0061, 0.1718), id="1 of 29"),
        pytest.param(29, 29, (0.8830, 1.0), id="29 of 29"),
    ],
)
def test_the_interval_of_a_share_is_that_of_wilson(hits, rows, interval):
    assert confidence_interval(FractionEstimate.from_count(hits, rows)) == pytest.approx(interval, abs=5e-5)


def test_a_share_of_no_rows_has_no_interval():
    nothing = FractionEstimate.from_count(0, 0)

    assert math.isnan(nothing.value)
    assert confidence_interval(nothing) is None
    assert nothing.limit(Side.LOW, 0.05, 1.0) is None


@pytest.mark.parametrize("growth", [0.2, 1.0, 50.0])
@pytest.mark.parametrize("hits", [3, 40, 97, 100])
def test_the_limit_of_a_share_is_where_a_test_of_equal_shares_has_its_level(hits, growth):
    estimate = FractionEstimate.from_count(hits, 100)
    level = 0.01

    limit = estimate.limit(Side.LOW, level, growth)

    if limit:
        pooled = (hits + 100 * growth * limit) / (100 + 100 * growth)
        error = math.sqrt(pooled * (1 - pooled) * (1 / 100 + 1 / (100 * growth)))
        assert (hits / 100 - limit) / error == pytest.approx(stats.norm.isf(level))


def test_larger_windows_and_rarer_alarms_move_the_limit():
    estimate = FractionEstimate.from_count(90, 100)

    limits = [estimate.limit(Side.LOW, 0.01, growth) for growth in (0.1, 1, 10, 1e9)]

    assert limits == sorted(limits)
    assert limits[-1] == pytest.approx(estimate.end(Side.LOW, 0.01), abs=1e-4)  # only the baseline's error is left
    assert estimate.limit(Side.LOW, 0.001, 1) < estimate.limit(Side.LOW, 0.01, 1) < 0.9


def test_the_jackknife_of_a_mean_is_its_standard_error():
    random = np.random.default_rng(1)
    values = random.normal(5, 2, BLOCKS)  # one row for each block: the classical jackknife

    estimate = jackknife_quotient(values, np.ones(BLOCKS), scale=Scale.LINEAR)

    assert estimate.value == pytest.approx(values.mean())
    assert estimate.standard_error == pytest.approx(stats.sem(values))
    assert estimate.freedom <= BLOCKS - 1
    low, high = confidence_interval(estimate)
    assert high - low == pytest.approx(2 * stats.t.isf(0.025, estimate.freedom) * stats.sem(values))


def test_empty_blocks_are_no_blocks():
    rows = np.zeros(BLOCKS)
    rows[:8] = 1

    estimate = jackknife_quotient(np.where(rows > 0, np.arange(BLOCKS), 0.0), rows, scale=Scale.LINEAR)

    assert estimate.value == 3.5
    assert estimate.standard_error == pytest.approx(stats.sem(np.arange(8)))


@pytest.mark.parametrize("filled", [0, 1])
def test_fewer_than_two_blocks_have_no_interval(filled):
    rows = np.zeros(BLOCKS)
    rows[:filled] = 9

    assert confidence_interval(jackknife_quotient(rows, rows)) is None


@pytest.mark.parametrize(
    ("scale", "value", "inside"),
    [
        (Scale.LINEAR, -3.0, lambda x: True),
        (Scale.LOG, 0.01, lambda x: x >= 0),
        (Scale.COMPLEMENT, 0.99, lambda x: x <= 1),
    ],
)
def test_intervals_stay_where_the_metric_can_be(scale, value, inside):
    for error in (0.001, 0.5):
        low, high = confidence_interval(JackknifeEstimate(value, 100, error, 63, scale))

        assert low < value < high
        assert inside(low)
        assert inside(high)


def test_a_metric_without_any_error_has_an_interval_of_no_width():
    assert confidence_interval(JackknifeEstimate(0.0, 100, 0.0, 63, Scale.LOG)) == (0.0, 0.0)


def test_a_metric_at_the_end_of_its_scale_is_reported_linearly():
    assert confidence_interval(JackknifeEstimate(0.0, 100, 1.0, 1e9, Scale.LOG)) == pytest.approx((0.0, 1.959964))


def test_nothing_is_left_out_of_one_block_alone():
    requested = []

    def statistic(choices):
        requested.append(choices.shape)
        return choices.sum(axis=-1).astype(float)

    estimate = jackknife(statistic, np.eye(1, BLOCKS)[0])

    assert requested == [(1, BLOCKS)]
    assert math.isnan(estimate.standard_error)


def test_the_jackknife_passes_blocks_by_choice():
    is_first = np.arange(BLOCKS) < 3

    estimate = jackknife(lambda choices: choices.sum(axis=-1).astype(float), np.ones(BLOCKS), is_first)

    assert (estimate.value, estimate.n) == (3.0, 3)


def draw_samples(plan, truth_of, count=400, rows=600):
    random = np.random.default_rng(17)
    return [measured(plan, *truth_of(random, rows)).metrics for _ in range(count)]


def two_classes(random, rows):
    truth = random.random(rows) < 0.2
    return truth.astype(int), np.where(random.random(rows) < 0.15, ~truth, truth).astype(int)


def with_scores(random, rows):
    truth = random.random(rows) < 0.3
    return truth.astype(int), None, 1 / (1 + np.exp(-random.normal(np.where(truth, 1, -1), 1.2)))


def many_classes(random, rows):
    truth, other_classes = random.integers(0, 4, (2, rows))
    return truth, np.where(random.random(rows) < 0.6, truth, other_classes)


def numbers(random, rows):
    labels = random.normal(0, 3, rows)
    return labels, labels + random.standard_t(8, rows)


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("plan", "truth_of", "names"),
    [
        pytest.param(BINARY, two_classes, ("recall", "precision", "accuracy", "f0_5", "f1", "f2"), id="two classes"),
        pytest.param(BY_THRESHOLD, with_scores, ("auc", "log_loss", "brier_score", "normalized_entropy"), id="scores"),
        pytest.param(
            MULTICLASS,
            many_classes,
            ("accuracy", "weighted_precision", "weighted_f1", "weighted_f2", "macro_f1"),
            id="many classes",
        ),
        pytest.param(REGRESSION, numbers, ("mae", "mse", "rmse", "r2", "wape"), id="numbers"),
    ],
)
def test_intervals_of_95_percent_hold_the_true_value_about_so_often(plan, truth_of, names):
    # the true value: of a sample of 400,000 rows, whose own error is a 25th of a sample's
    truth = measured(plan, *truth_of(np.random.default_rng(99), 400_000)).metrics
    samples = draw_samples(plan, truth_of)

    for name in names:
        intervals = [confidence_interval(sample[name].estimate) for sample in samples]
        covered = np.mean([low <= truth[name].value <= high for low, high in intervals])
        assert 0.915 <= covered <= 0.985, name  # binomial, 400 trials of 0.95: four standard errors are 0.044
