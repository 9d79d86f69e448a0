"""Areas under curves: MLlib's own, DeLong's variance by its definition, and what binning can matter."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from spark_model_monitor.monitors.model_quality.metrics import ranking
from spark_model_monitor.monitors.model_quality.metrics.ranking import Curve
from spark_model_monitor.statistics.states.scores import UNLIMITED, ScoreCounts


def counted(scores, positive, limit=UNLIMITED) -> ScoreCounts:
    return ScoreCounts.of(np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool), limit)


@st.composite
def both_classes(draw):
    rows = draw(
        st.lists(st.tuples(st.sampled_from([0.1, 0.1, 0.2, 0.7, 1.0]) | st.floats(0, 1), st.booleans()), min_size=4)
    )
    scores = np.array([row[0] for row in rows])
    positive = np.array([row[1] for row in rows])
    assume(2 <= positive.sum() <= len(rows) - 2)
    return scores, positive


def test_a_curve_has_a_point_for_every_score_from_0_0_to_1_1():
    false_rates, true_rates = Curve.of(counted([0.9, 0.8, 0.8, 0.1], [True, True, False, False])).roc()

    assert false_rates.tolist() == [0.0, 0.0, 0.5, 1.0, 1.0]
    assert true_rates.tolist() == [0.0, 0.5, 1.0, 1.0, 1.0]


def test_precision_over_recall_begins_with_the_first_precision():
    recalls, precisions = Curve.of(counted([0.9, 0.8, 0.8, 0.1], [True, True, False, False])).precision_recall()

    assert recalls.tolist() == [0.0, 0.5, 1.0, 1.0]
    assert precisions.tolist() == pytest.approx([1.0, 1.0, 2 / 3, 0.5])


@pytest.mark.parametrize(
    ("points", "maximum_points"),
    [
        pytest.param(1_999, 1_999, id="fewer than twice as many: not thinned"),
        pytest.param(2_000, 1_000, id="every second"),
        pytest.param(2_001, 1_001, id="the rest is a point"),
        pytest.param(4_119, 1_030, id="groups of four, and one of three"),
    ],
)
def test_a_curve_is_thinned_as_mllib_thins_it(points, maximum_points):
    curve = Curve.of(counted(np.arange(points) / points, np.arange(points) % 3 == 0))

    thinned_curve = curve.thin(1_000)

    assert len(thinned_curve.true_positives) == maximum_points
    assert (thinned_curve.positives, thinned_curve.negatives) == (curve.positives, curve.negatives)


@pytest.mark.long
@given(both_classes())
def test_the_area_is_the_share_of_pairs_in_order(rows):
    scores, positive = rows
    pairs = [
        1.0 if high > low else 0.5 if high == low else 0.0
        for high, low in itertools.product(scores[positive], scores[~positive])
    ]

    assert ranking.area_under_roc(counted(*rows)) == pytest.approx(np.mean(pairs), abs=1e-12)
    assert ranking.trapezoids(*Curve.of(counted(*rows)).roc()) == pytest.approx(np.mean(pairs), abs=1e-12)


@pytest.mark.long
@given(both_classes())
def test_the_variance_is_that_of_the_structural_components(rows):
    scores, positive = rows
    kernel = np.array(
        [[1.0 if high > low else 0.5 if high == low else 0.0 for low in scores[~positive]] for high in scores[positive]]
    )
    # DeLong et al. 1988, equations 4 to 6: variances of the row and column means of the kernel
    expected = kernel.mean(axis=1).var(ddof=1) / len(kernel) + kernel.mean(axis=0).var(ddof=1) / kernel.shape[1]

    assert ranking.variance_of_roc(counted(*rows)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.long
@given(both_classes())
def test_bounds_hold_what_binning_has_changed(rows):
    exact = counted(*rows)
    binned = counted(*rows, limit=1)
    assume(binned.binned)

    off = ranking.area_under_roc(binned) - ranking.area_under_roc(exact)
    assert abs(off) <= ranking.bound_of_roc(binned) + 1e-12
    off = ranking.area_under_precision_recall(binned) - ranking.area_under_precision_recall(exact)
    assert abs(off) <= ranking.bound_of_precision_recall(binned) + 1e-12


def test_bounds_of_many_close_scores_hold_too():
    random = np.random.default_rng(6)
    scores = np.clip(0.5 + random.normal(0, 0.0004, 20_000), 0, 1)  # thousands of scores in a few bins
    positive = random.random(20_000) < 1 / (1 + np.exp(-(scores - 0.5) * 2_000))
    exact = counted(scores, positive)
    binned = counted(scores, positive, limit=10)

    for area, bound in (
        (ranking.area_under_roc, ranking.bound_of_roc),
        (ranking.area_under_precision_recall, ranking.bound_of_precision_recall),
    ):
        assert 0 < abs(area(binned) - area(exact)) <= bound(binned) < 0.1


def test_the_bound_of_ordinary_scores_is_small():
    random = np.random.default_rng(8)
    scores = random.random(300_000)
    binned = counted(scores, random.random(300_000) < scores, limit=16_384)

    assert binned.binned
    assert ranking.bound_of_roc(binned) < 1e-4
    assert ranking.bound_of_precision_recall(binned) < 1e-3


def test_nothing_is_bounded_that_is_exact():
    exact = counted([0.1, 0.9], [False, True])

    assert ranking.bound_of_roc(exact) is None
    assert ranking.bound_of_precision_recall(exact) is None


@pytest.mark.parametrize("positive", [[True, True], [False, False]])
def test_one_class_has_no_area(positive):
    assert math.isnan(ranking.area_under_roc(counted([0.1, 0.9], positive)))
    assert math.isnan(ranking.variance_of_roc(counted([0.1, 0.9], positive)))
