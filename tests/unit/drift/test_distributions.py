"""The forms in which distributions are compared: step CDFs of sketches, and counts over the same cells."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from spark_model_monitor.statistics.drift.distributions import (
    DIGITS_OF_PRECISIONS,
    NumericDistribution,
    StepCdf,
    align_categories,
    align_precision,
)
from spark_model_monitor.statistics.drift.histograms import (
    Histogram,
    compute_decile_edges,
    count_decile_cells,
    count_histogram_cells,
)
from spark_model_monitor.statistics.states import HistogramBin, KllBuilder, MomentsBuilder

LARGEST = float(np.finfo(np.float64).max)


def list_cells(pair: tuple[np.ndarray, np.ndarray]) -> list[list[float]]:
    return [counts.tolist() for counts in pair]


def test_a_step_cdf_adds_up_the_weights_of_equal_items_of_all_levels():
    cdf = NumericDistribution([[2.0, 1.0, 2.0], [3.0, 2.0]]).cdf

    assert cdf.values.tolist() == [1, 2, 3]
    assert cdf.cumulative.tolist() == [1, 5, 7]  # 2 weighs 1 + 1 + 2, 3 weighs 2
    assert cdf.total == 7


SINGLES = np.random.default_rng(5).normal(size=500).astype(np.float32).astype(float)
DOUBLES = np.random.default_rng(6).normal(size=500)


@pytest.mark.parametrize(
    ("coarse", "is_aligned"),
    [(SINGLES, True), (np.arange(500.0), False), (np.arange(500.0) / 4, False), (DOUBLES.round(2), False)],
    ids=["32 bits", "whole numbers", "quarters", "cents"],
)
@pytest.mark.parametrize("is_before", [True, False])
def test_doubles_lose_digits_beside_numbers_of_32_bits_alone(coarse, is_aligned, is_before):
    pair = NumericDistribution([coarse]), NumericDistribution([DOUBLES])
    if not is_before:
        pair = pair[::-1]

    assert (align_precision(*pair) != pair) is is_aligned


def write_digits(values: np.ndarray, digits: int) -> np.ndarray:
    return np.array([float(f"{value:.{digits}g}") for value in values])


def create_sessions(values: np.ndarray) -> np.ndarray:
    """As the rows of a few users, who come in sessions."""
    return np.repeat(values, 10)[: len(values)]


HEALTHY: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "doubles": lambda rng, rows: rng.lognormal(0, 3, rows),
    "six decimals": lambda rng, rows: rng.normal(size=rows).round(6),
    "seven decimals": lambda rng, rows: rng.normal(size=rows).round(7),
    "large numbers of six decimals": lambda rng, rows: rng.normal(0, 3000, rows).round(6),
    "eight digits": lambda rng, rows: write_digits(rng.lognormal(0, 3, rows), 8),
    "32 bits as texts": lambda rng, rows: np.array([float(str(x)) for x in rng.normal(size=rows).astype(np.float32)]),
    "whole numbers and fractions": lambda rng, rows: np.where(
        rng.random(rows) < 0.7, rng.integers(0, 9, rows), rng.random(rows)
    ),
    "users": lambda rng, rows: create_sessions(rng.normal(size=rows)),
    "users, six decimals": lambda rng, rows: create_sessions(rng.normal(size=rows).round(6)),
}


@pytest.mark.parametrize("law", HEALTHY)
def test_numbers_of_one_law_have_one_precision_in_windows_of_any_size(law):
    """The last digit of one value in ten is 0: of a window's only one, too."""
    rng = np.random.default_rng(23)
    for baseline_rows in (20, 1_000):
        before = NumericDistribution([HEALTHY[law](rng, baseline_rows)])
        for rows in (1, 1, 1, 2, 2, 5, 20, 100, 1_000) * 3:
            pair = before, NumericDistribution([HEALTHY[law](rng, rows)])
            assert align_precision(*pair) == pair, (baseline_rows, rows)


@pytest.mark.parametrize("digits", [6, 8, 12])
@pytest.mark.parametrize("rows", [5, 20, 1_000])
def test_numbers_that_lost_digits_are_known_by_a_few(digits, rows):
    rng = np.random.default_rng(24)
    before = NumericDistribution([rng.normal(size=1_000)])
    now = NumericDistribution([write_digits(rng.normal(size=rows), digits)])

    aligned_before, aligned_now = align_precision(before, now)
    assert aligned_before.cdf.precisions >= {digits}
    assert aligned_now.cdf.values.tolist() == now.cdf.values.tolist()


def test_a_short_list_that_lost_digits_is_the_same_list():
    """Eight different numbers each, of which two are whole."""
    rng = np.random.default_rng(25)
    thirds = rng.integers(1, 9, (2, 400)) / 3
    # As a program writes them that has %g
    pair = NumericDistribution([thirds[0]]), NumericDistribution([write_digits(thirds[1], 6)])

    aligned = [distribution.cdf.values.tolist() for distribution in align_precision(*pair)]
    assert aligned[0] == aligned[1]


@pytest.mark.parametrize("is_before", [True, False])
def test_rounding_errors_of_sums_are_no_digits(is_before):
    amounts = np.random.default_rng(26).integers(1, 10_000, 500)
    sums = amounts / 100 + 0.1 - 0.1
    pair = [NumericDistribution([amounts / 100]), NumericDistribution([sums])]
    assert (sums != amounts / 100).any()

    before, now = align_precision(*(pair if is_before else pair[::-1]))
    assert before.cdf.values.tolist() == now.cdf.values.tolist() == np.unique(amounts / 100).tolist()


@pytest.mark.parametrize("values", [[], [np.inf], [2.5e-150], [1.5, np.inf]])
def test_numbers_that_32_bits_cannot_hold_stay(values):
    pair = NumericDistribution([[2.0287781933262867e-150]]), NumericDistribution([values])

    assert align_precision(*pair) == pair


@pytest.mark.parametrize("position", [0, 100, 101, 499])
def test_a_precision_is_one_of_all_numbers(position):
    """Also of those that no sample has."""
    values = np.arange(500) / 1000 + 100  # six digits
    all_but_one = values.copy()
    all_but_one[position] += 1 / 3000

    precisions = [NumericDistribution([numbers]).cdf.precisions for numbers in (values, all_but_one)]

    assert precisions == [{*DIGITS_OF_PRECISIONS}, set()]


def test_ranks_and_shares_count_up_to_a_point():
    cdf = NumericDistribution([[1.0, 2.0, 2.0, 5.0]]).cdf

    assert cdf.ranks_at(np.array([0.0, 2.0, 3.0, 9.0])).tolist() == [0, 3, 3, 4]
    assert cdf.shares_at(np.array([0.0, 2.0, 3.0, 9.0])).tolist() == [0, 0.75, 0.75, 1]


@pytest.mark.parametrize("levels", [[], [[]], [[], []]], ids=["no level", "an empty level", "two empty levels"])
def test_a_sketch_without_items_is_a_step_cdf_of_no_values(levels):
    assert NumericDistribution(levels).cdf.total == 0


def test_two_samples_are_pooled_over_the_values_of_both():
    baseline = StepCdf(np.array([-math.inf, 2.0, 4.0]), np.array([1, 3, 4]))
    window = StepCdf(np.array([2.0, 3.0]), np.array([2, 5]))

    pooled = window.pool_with(baseline)

    # Counts are cumulative; the gap is that at 2
    assert pooled.values.tolist() == [-math.inf, 2, 3, 4]
    assert pooled.before.tolist() == [1, 3, 3, 4]
    assert pooled.after.tolist() == [0, 2, 5, 5]
    assert pooled.largest_gap == pytest.approx(3 / 4 - 2 / 5)  # at 2


def test_two_samples_are_pooled_once_and_each_pair_on_its_own():
    window = StepCdf(np.array([1.0]), np.array([1]))
    baselines = [StepCdf(np.array([1.0]), np.array([1])), StepCdf(np.array([2.0]), np.array([1]))]

    assert window.pool_with(baselines[0]) is window.pool_with(baselines[0])
    assert [window.pool_with(baseline).largest_gap for baseline in baselines] == [0, 1]


def test_infinities_stand_at_the_ends_of_a_step_cdf_and_finite_takes_them_away():
    cdf = NumericDistribution([[1.0, 2.0]], negative_infinite=3, positive_infinite=4).cdf

    assert cdf.values.tolist() == [-math.inf, 1, 2, math.inf]
    assert cdf.cumulative.tolist() == [3, 4, 5, 9]
    assert cdf.drop_infinite().values.tolist() == [1, 2]
    assert cdf.drop_infinite().cumulative.tolist() == [1, 2]


def test_the_deviation_is_the_known_one_or_else_that_of_the_items_with_their_weights():
    levels = [[1.0, 4.0], [6.0]]

    assert NumericDistribution(levels, deviation=7.5).cdf.deviation == 7.5
    assert NumericDistribution(levels, positive_infinite=1).cdf.deviation == pytest.approx(np.std([1.0, 4.0, 6.0, 6.0]))


def test_a_distribution_of_states_knows_range_deviation_and_infinities_exactly_and_leaves_nan_out():
    moments = MomentsBuilder()
    sketch = KllBuilder(k=4)
    values = np.array([math.nan, math.inf, -math.inf, -math.inf, *range(50)])
    sketch.update(moments.update(values))

    distribution = NumericDistribution.of(sketch.state(), moments.state())

    assert (distribution.negative_infinite, distribution.positive_infinite) == (2, 1)
    assert (distribution.minimum, distribution.maximum) == (0, 49)
    assert distribution.deviation == pytest.approx(np.std(range(50)))
    assert distribution.cdf.total == 53


def test_a_distribution_of_states_without_finite_values_knows_no_range():
    moments = MomentsBuilder()
    sketch = KllBuilder()
    sketch.update(moments.update(np.array([math.nan, math.inf])))

    distribution = NumericDistribution.of(sketch.state(), moments.state())

    assert (distribution.minimum, distribution.maximum, distribution.deviation) == (None, None, None)
    assert distribution.cdf.total == 1


def test_a_histogram_has_the_buckets_of_statistics_json_and_a_point_for_each_infinity():
    histogram = Histogram.from_numbers(
        NumericDistribution([[0.0, 5.0, 10.0]], negative_infinite=7, positive_infinite=8)
    )

    assert histogram.counts.tolist() == [7, 1, 0, 0, 0, 0, 1, 0, 0, 0, 1, 8]
    assert histogram.lower.tolist() == [-math.inf, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, math.inf]
    assert histogram.upper.tolist() == [-math.inf, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, math.inf]


def test_a_histogram_spans_the_known_range_where_the_sketch_lost_the_ends():
    histogram = Histogram.from_numbers(NumericDistribution([[2.0, 8.0]], minimum=0.0, maximum=10.0))

    assert (histogram.lower[0], histogram.upper[-1]) == (0, 10)
    assert histogram.counts.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 1, 0]


def test_category_cells_are_the_categories_of_both_sides():
    assert list_cells(align_categories({"b": 2, "a": 1}, {"c": 4, "b": 3})) == [[1, 2, 0], [0, 3, 4]]


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        pytest.param(range(1, 21), [2, 4, 6, 8, 10, 12, 14, 16, 18], id="twenty values"),
        pytest.param([3.0] * 7, [3], id="a constant"),
        pytest.param([0] * 8 + [1, 2], [0, 1], id="eight of ten are zero"),
        pytest.param([5, 6], [5, 6], id="two values"),
        pytest.param([], [], id="no value"),
    ],
)
def test_decile_edges_are_the_values_at_which_each_tenth_is_first_reached(values, edges):
    assert compute_decile_edges(NumericDistribution([list(map(float, values))]).cdf).tolist() == edges


def test_decile_cells_end_at_the_deciles_of_the_baseline_and_the_last_is_open():
    baseline = NumericDistribution([[1.0, 2.0]]).cdf
    current = NumericDistribution([[0.0, 1.0, 1.5, 2.5, 3.0]]).cdf

    assert list_cells(count_decile_cells(baseline, current)) == [[1, 1, 0], [2, 1, 2]]


def test_infinities_have_decile_cells_of_their_own():
    baseline = NumericDistribution([[1.0, 2.0]], negative_infinite=3).cdf
    current = NumericDistribution([[9.0]], positive_infinite=5).cdf

    # -inf | up to 1 | up to 2 | above 2 | inf
    assert list_cells(count_decile_cells(baseline, current)) == [[3, 1, 1, 0, 0], [0, 0, 0, 1, 5]]


def test_histogram_cells_spread_a_bucket_evenly_over_the_edges_of_both_sides():
    baseline = Histogram.of([HistogramBin(0.0, 2.0, 4), HistogramBin(2.0, 4.0, 2)])
    current = Histogram.of([HistogramBin(1.0, 3.0, 6)])

    # 0 to 1, 1 to 2, 2 to 3, 3 to 4
    assert list_cells(count_histogram_cells(baseline, current)) == [
        [2, 2, 1, 1],
        [0, 3, 3, 0],
    ]


def test_buckets_of_no_width_are_matched_by_value_and_with_nothing_else():
    baseline = Histogram.of([HistogramBin(7.0, 7.0, 0)] * 9 + [HistogramBin(7.0, 7.0, 20)])
    current = Histogram.of([HistogramBin(6.0, 8.0, 5), HistogramBin(7.0, 7.0, 1), HistogramBin(9.0, 9.0, 2)])

    # 6 to 8, the point 7, the point 9
    assert list_cells(count_histogram_cells(baseline, current)) == [
        [0, 20, 0],
        [5, 1, 2],
    ]


def test_infinities_that_were_counted_are_matched_by_value():
    baseline = Histogram.of(
        [HistogramBin(-math.inf, -math.inf, 3), HistogramBin(0.0, 1.0, 2), HistogramBin(math.inf, math.inf, 4)]
    )
    current = Histogram.of([HistogramBin(-math.inf, -math.inf, 5), HistogramBin(0.0, 1.0, 6)])

    # 0 to 1, the points -inf and inf
    assert list_cells(count_histogram_cells(baseline, current)) == [
        [2, 3, 4],
        [6, 5, 0],
    ]


def test_the_widest_range_of_doubles_is_spread_too():
    widest = Histogram.of([HistogramBin(-LARGEST, LARGEST, 8)])
    half = Histogram.of([HistogramBin(0.0, LARGEST, 3)])

    assert list_cells(count_histogram_cells(widest, half)) == [[4, 4], [0, 3]]


def test_values_outside_two_ends_are_counted_and_the_ends_are_not():
    steps = StepCdf(np.array([1.0, 2.0, 3.0, 4.0, 5.0]), np.array([1, 3, 6, 10, 15]))

    assert steps.count_outside(2.0, 4.0) == 1 + 5
    assert steps.count_outside(-np.inf, 3.0) == 4 + 5
