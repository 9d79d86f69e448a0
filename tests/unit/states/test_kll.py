"""KLL sketches by hand; that they are Deequ's to the bit is tested in tests/spark and tests/golden."""

from __future__ import annotations

import math
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_model_monitor.statistics.states import HistogramBin, KllBuilder, KllSketch, add_states
from spark_model_monitor.statistics.states.kll import count_ranks


def build_sketch(values, k: int = 2048, c: float = 0.64, cuts: tuple[int, ...] = ()) -> KllSketch:
    builder = KllBuilder(k, c)
    for block in np.split(np.asarray(values, dtype=np.float64), cuts):
        builder.update(block)
    return builder.state()


def levels(sketch: KllSketch) -> list[list[float]]:
    return [level.tolist() for level in sketch.levels]


def test_levels_by_hand():
    """k = 2 and c = 0.5: every level holds 2 · (⌈2 · 0.5^h / 2⌉ + 1) = 4 items before it is full."""
    first_four_and_one = [5, 1, 4, 2, 3]
    assert levels(build_sketch(first_four_and_one[:4], 2, 0.5)) == [[5, 1, 4, 2]]

    compacted = build_sketch(
        first_four_and_one, 2, 0.5
    )  # the fifth value: 1 and 4 of 1 2 4 5 go up, 3 came last and stays
    assert (levels(compacted), compacted.compactions, compacted.offsets) == ([[3], [1, 4]], (1, 0), (0, 0))

    six_more = [*first_four_and_one, 9, 8, 7, 6, 10, 11]  # now 3 6 7 8 9 10 gives its second, fourth and sixth
    twice = build_sketch(six_more, 2, 0.5)
    assert (levels(twice), twice.compactions, twice.offsets) == ([[11], [1, 4, 6, 8, 10]], (2, 0), (1, 0))


def test_a_sum_by_hand():
    left = build_sketch([1, 2], 2, 0.5)
    right = build_sketch([4, 3], 2, 0.5)

    assert levels(left + right) == [[], [1, 3]]  # four are full: a merge compacts at the limit, an update above it


def test_the_default_level_takes_2050_values():
    """2 · (⌈2048 / 2⌉ + 1); the 2,051st value stays behind alone. Source: C4.1."""
    assert [len(level) for level in build_sketch(range(2050)).levels] == [2050]
    assert levels(build_sketch(range(2051))) == [[2050.0], list(range(0, 2050, 2))]


@settings(deadline=None)
@given(st.integers(0, 9000), st.lists(st.integers(0, 9000), max_size=6), st.integers(0, 2**32 - 1))
def test_the_cuts_between_blocks_do_not_matter(rows, cuts, seed):
    values = np.random.default_rng(seed).normal(size=rows).round(1)

    assert build_sketch(values, k=32, cuts=tuple(sorted(cuts))) == build_sketch(values, k=32)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_sketches_added_in_one_builder_are_those_added_one_by_one(sizes, seed):
    rng = np.random.default_rng(seed)
    sketches = [build_sketch(rng.normal(size=size).round(1), k=32) for size in sizes]

    assert add_states(sketches) == reduce(add, sketches)


@settings(deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=6), st.integers(1, 64), st.sampled_from([0.3, 0.64, 0.9]))
def test_no_weight_is_lost_in_compactions_and_sums(sizes, k, c):
    total = KllSketch(k=k, c=c)
    for size in sizes:
        total += build_sketch(np.arange(size), k, c)

    assert total.count == sum(sizes)


@pytest.mark.parametrize("rows", [20_000, 500_000])
def test_ranks_stay_within_the_error(rows):
    values = np.random.default_rng(rows).permutation(rows).astype(float)
    sketch = build_sketch(values[: rows // 2]) + build_sketch(values[rows // 2 :])

    some = range(0, rows, rows // 1000)
    ranks = count_ranks(sketch.step_cdf(), some, "right")
    worst = max(abs(rank - (value + 1)) for value, rank in zip(some, ranks, strict=True))

    assert 0 < worst <= sketch.error * rows


def test_error_follows_the_formula():
    """0.00035 · max(1, log2(n · k / (4096 · 2048))), for k = 2048. Source: D1b."""
    assert build_sketch(range(2050)).error == 0.0
    assert build_sketch(range(2051)).error == pytest.approx(0.00035)
    assert build_sketch(range(4096 * 16)).error == pytest.approx(0.00035 * 4)
    assert build_sketch(range(4096 * 16), k=1024).error == pytest.approx(0.0007 * 3)


def test_ranks_cdf_and_quantiles_weigh_items_by_their_level():
    sketch = KllSketch((np.array([3.0, 1.0, 3.0]), np.array([2.0, 3.0])), (1, 0), (0, 0))  # 1 2 2 3 3 3 3

    values, cumulative = sketch.step_cdf()
    assert (values.tolist(), cumulative.tolist()) == ([1.0, 2.0, 3.0], [1, 3, 7])
    assert sketch.count == 7
    assert count_ranks(sketch.step_cdf(), (0.9, 1, 2, 2.5, 3, 4), "right").tolist() == [0, 1, 3, 3, 7, 7]
    assert count_ranks(sketch.step_cdf(), (1, 2, 3, 4), "left").tolist() == [0, 1, 3, 7]
    assert [sketch.quantile(share) for share in (0, 1 / 7, 0.2, 3 / 7, 0.5, 1)] == [1, 1, 2, 2, 3, 3]


def test_an_empty_sketch_has_no_buckets_and_no_quantiles():
    values, cumulative = KllSketch().step_cdf()

    assert (len(values), len(cumulative)) == (0, 0)
    assert count_ranks(KllSketch().step_cdf(), [1.0], "right").tolist() == [0]
    assert KllSketch().buckets(math.nan, math.nan) == []
    assert math.isnan(KllSketch().quantile(0.5))


def test_buckets_are_open_at_the_right_except_the_last():
    counts = [bucket.count for bucket in build_sketch([0, 1, 1, 1.5, 9, 9.9, 10]).buckets(0.0, 10.0)]

    assert counts == [1, 3, 0, 0, 0, 0, 0, 0, 0, 3]


def test_bounds_have_the_services_last_bits():
    """350.8 · 3 / 10 is 105.24000000000001 and 350.8 · 0.3 is 105.24. Source: C4.1."""
    buckets = build_sketch([0.0, 350.8]).buckets(0.0, 350.8)

    assert [bucket.lower_bound for bucket in buckets][:4] == [0.0, 35.08, 70.16, 105.24000000000001]
    assert (buckets[2].upper_bound, buckets[-1].upper_bound) == (105.24000000000001, 350.8)


def test_the_last_bucket_has_the_maximum_even_where_rounding_puts_its_bound_below():
    """-4.1 + (6.3 - -4.1) is 6.299999999999999; Deequ's own count leaves 6.3 out."""
    last = build_sketch([-4.1, 6.3]).buckets(-4.1, 6.3)[-1]

    assert (last.upper_bound, last.count) == (6.299999999999999, 1)


def test_a_constant_has_all_its_mass_in_the_last_bucket():
    assert build_sketch([7.0] * 5).buckets(7.0, 7.0) == [HistogramBin(7.0, 7.0, 0)] * 9 + [HistogramBin(7.0, 7.0, 5)]


def test_a_range_beyond_the_largest_double_still_has_finite_bounds():
    buckets = build_sketch([-1.7e308, 0.0, 1.7e308]).buckets(-1.7e308, 1.7e308)

    assert all(math.isfinite(bucket.lower_bound) for bucket in buckets)
    assert [bucket.count for bucket in buckets] == [1, 0, 0, 0, 0, 1, 0, 0, 0, 1]


def test_of_zeros_of_two_signs_the_last_one_to_arrive_is_the_value():
    for zeros in ([0.0, -0.0], [-0.0, 0.0]):
        sketch = KllSketch((np.array([5.0, *zeros]),))
        assert np.signbit(sketch.step_cdf()[0]).tolist() == [math.copysign(1, zeros[1]) < 0, False]


def test_zeros_keep_their_signs_and_the_negative_ones_come_first():
    """As java.lang.Double.compare orders them; numpy's own sort mixes them."""
    zeros = np.tile([0.0, -0.0, 0.0], 1000)

    sketch = build_sketch(zeros)

    compacted = np.signbit(sketch.levels[1])
    assert compacted.sum() == math.ceil(np.signbit(zeros[:2050]).sum() / 2)
    assert np.array_equal(compacted, np.sort(compacted)[::-1])


def test_a_state_is_not_changed_by_later_values():
    builder = KllBuilder()
    builder.update(np.arange(3.0))
    before = builder.state()

    builder.update(np.arange(5000.0))

    assert levels(before) == [[0.0, 1.0, 2.0]]
