"""The bias metrics: values worked out by hand, and what holds for every registered one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.monitors.bias.bias_metrics import (
    POST_TRAINING,
    PRE_TRAINING,
    FacetCounts,
    FlipTest,
    divide,
    subtract,
)
from spark_model_monitor.monitors.bias.intervals import compute_intervals

METRICS = {**{m.name: m for m in PRE_TRAINING.values()}, **{m.name: m for m in POST_TRAINING.values()}}


def make_counts(rest_outcomes, group, *, subgroups=None):
    """rest, group: (TP, FP, FN, TN) of each side; subgroups: the same pairs for each subgroup instead."""
    pairs = subgroups or [(rest_outcomes, group)]
    cells = np.zeros((2, 2, 2, len(pairs) + 1))
    for index, pair in enumerate(pairs):
        for facet, (tp, fp, fn, tn) in enumerate(pair):
            cells[facet, :, :, index] = [[tn, fp], [fn, tp]]
    return FacetCounts(cells, has_groups=True, flips=FlipTest(np.asarray(3.0), np.asarray(1.0), 10, 30, 30))


EXAMPLE = make_counts((20, 5, 10, 15), (4, 1, 2, 3))
"""Rest: 50 rows, 30 positive, 25 predicted so. Group: 10 rows, 6 positive, 5 predicted so."""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CI", 40 / 60),
        ("DPL", 30 / 50 - 6 / 10),
        ("KL", 0.0),
        ("JS", 0.0),
        ("LP", 0.0),
        ("TVD", 0.0),
        ("KS", 0.0),
        ("CDDL", 4 / 24 - 6 / 36),
        ("DPPL", 25 / 50 - 5 / 10),
        ("DI", 1.0),
        ("DCA", 30 / 25 - 6 / 5),
        ("DCR", 4 / 5 - 20 / 25),
        ("DAR", 20 / 25 - 4 / 5),
        ("DRR", 3 / 5 - 15 / 25),
        ("RD", 20 / 30 - 4 / 6),
        ("SD", 3 / 4 - 15 / 20),
        ("AD", 35 / 50 - 7 / 10),
        ("TE", 2 / 1 - 10 / 5),
        ("CDDPL", 5 / 30 - 5 / 30),
        ("FT", (3 - 1) / 10),
        # 6 rows of benefit 2, 12 of 0, 42 of 1: mean 0.9; ((6·4 + 42)/0.81 - 60) / 120, by hand
        ("GE", (66 / 0.81 - 60) / 120),
    ],
)
def test_a_metric_of_two_sides_that_are_treated_alike(name, value):
    assert float(METRICS[name](EXAMPLE)) == pytest.approx(value, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DPL", 0.5),
        ("KL", 0.75 * math.log(0.75 / 0.25) + 0.25 * math.log(0.25 / 0.75)),
        ("JS", 0.75 * math.log(1.5) + 0.25 * math.log(0.5)),
        ("LP", math.sqrt(2) * 0.5),
        ("TVD", 0.5),
        ("KS", 0.5),
        ("CDDL", 3 / 4 - 1 / 4),
    ],
)
def test_a_metric_of_labels_that_differ(name, value):
    """Three in four of the rest are positive, and one in four of the group."""
    assert float(METRICS[name](make_counts((3, 0, 0, 1), (1, 0, 0, 3)))) == pytest.approx(value)


def test_disparity_is_averaged_over_subgroups_by_size():
    """Of 8 rows in the first subgroup the group has all rejections (D 1, A 0), of 4 in the second the same of both (0.5)."""
    first = ((4, 0, 0, 0), (0, 0, 0, 4))
    second = ((1, 0, 0, 1), (1, 0, 0, 1))

    assert float(METRICS["CDDL"](make_counts(None, None, subgroups=[first, second]))) == pytest.approx(
        (8 * 1 + 4 * 0) / 12
    )


def test_rows_without_a_subgroup_are_in_no_disparity():
    counts = make_counts((4, 0, 0, 0), (0, 0, 0, 4))
    counts.cells[:, :, :, -1] = 100

    assert float(METRICS["CDDL"](counts)) == 1.0
    assert float(METRICS["CI"](counts)) == 0.0


@pytest.mark.parametrize(("x", "y", "result"), [(0, 0, 0), (1, 0, math.inf), (-1, 0, -math.inf), (1, 4, 0.25)])
def test_a_quotient_by_zero_is_zero_or_infinite(x, y, result):
    assert float(divide(np.asarray(float(x)), np.asarray(float(y)))) == result


def test_a_difference_of_infinities_is_zero():
    infinite = np.asarray(math.inf)
    ones = np.asarray(1.0)

    assert float(subtract(infinite, infinite)) == 0.0
    assert float(subtract(infinite, ones)) == math.inf
    assert float(subtract(ones, infinite)) == -math.inf


small = st.tuples(*[st.integers(0, 5)] * 4)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@given(rest_outcomes=small, group=small)
def test_every_metric_is_a_number_or_says_why_not(metric, rest_outcomes, group):
    counts = make_counts(rest_outcomes, group)
    if all(holds(counts) for holds in metric.facts["requires"].values()):
        with np.errstate(all="ignore"):
            assert not math.isnan(float(metric(counts)))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_metric_takes_many_data_sets_at_once(metric):
    second_counts = make_counts((9, 3, 1, 7), (2, 2, 5, 1))
    stacked_counts = FacetCounts(np.stack([EXAMPLE.cells, second_counts.cells]), has_groups=True, flips=EXAMPLE.flips)

    assert np.broadcast_to(metric(stacked_counts), 2).tolist() == pytest.approx(
        [float(metric(EXAMPLE)), float(metric(second_counts))]
    )


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_the_interval_of_every_metric_holds_its_value(metric):
    counts = make_counts((200, 50, 100, 150), (90, 40, 30, 60))
    counts = FacetCounts(
        counts.cells, has_groups=True, flips=FlipTest(np.asarray(30.0), np.asarray(9.0), 220, 500, 500)
    )

    [(low, high)] = compute_intervals(counts, {metric.name: 1.0}).values()

    value = float(metric(counts))
    if metric.name in ("KL", "JS", "LP", "TVD", "KS"):  # a resample is hardly ever nearer to 0 than a value near 0
        assert low - 0.02 <= value <= high
    else:
        assert low < value < high


def test_the_interval_of_a_share_is_that_of_theory():
    """DPL of two sides of 1,000 rows at one half: standard error √(0.25/1000 · 2) = 0.02236, 1.96 of it is 0.0438."""
    counts = make_counts((500, 0, 0, 500), (500, 0, 0, 500))

    [(low, high)] = compute_intervals(counts, {"DPL": 1.0}, resamples=20_000).values()

    assert (low, high) == pytest.approx((-0.0438, 0.0438), abs=0.002)


def test_the_interval_of_a_metric_without_counts_is_unknown():
    assert compute_intervals(make_counts((5, 0, 0, 5), (0, 0, 0, 0)), {"DPL": 1.0}) == {"DPL": None}


def test_intervals_are_the_same_in_every_run():
    counts = make_counts((20, 5, 10, 15), (4, 1, 2, 3))

    ones = {"RD": 1.0, "TE": 1.0}
    assert compute_intervals(counts, ones) == compute_intervals(counts, ones)
