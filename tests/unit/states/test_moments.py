"""Moments against hand-made numbers, exact sums and the standard library."""

from __future__ import annotations

import math
import statistics
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_model_monitor.statistics.states import Moments, MomentsBuilder


def build_moments(values, missing: int = 0, cuts: tuple[int, ...] = ()) -> Moments:
    builder = MomentsBuilder()
    for block in np.split(np.asarray(values, dtype=np.float64), cuts):
        builder.update(block)
    builder.update(np.empty(0), missing=missing)
    return builder.state()


def test_moments_by_hand():
    """Mean 5; squared deviations 9 1 1 1 0 0 4 16 add up to 32."""
    moments = build_moments([2, 4, 4, 4, 5, 5, 7, 9], missing=3)

    assert moments == Moments(count=8, missing=3, sum=40.0, mean=5.0, m2=32.0, minimum=2.0, maximum=9.0)
    assert (moments.average, moments.standard_deviation) == (5.0, 2.0)


def test_nan_is_absent_and_infinities_are_present_but_in_no_sum():
    moments = build_moments([1.0, math.nan, math.inf, 3.0, -math.inf, math.inf, math.nan], missing=4)

    assert (moments.count, moments.nan, moments.positive_infinite, moments.negative_infinite) == (2, 2, 2, 1)
    assert (moments.present, moments.absent) == (5, 6)
    assert (moments.sum, moments.average, moments.minimum, moments.maximum) == (4.0, 2.0, 1.0, 3.0)


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]], ids=["none", "NaN", "infinities"])
def test_without_finite_values_nothing_can_be_computed(values):
    moments = build_moments(values)

    assert (moments.count, moments.sum) == (0, 0.0)
    for number in (moments.average, moments.mean, moments.standard_deviation, moments.minimum, moments.maximum):
        assert math.isnan(number)


def test_huge_values_that_are_all_the_same_do_not_deviate():
    """Their sum is no double; their mean is what each of them is."""
    moments = build_moments([1.5e308] * 4)

    assert (moments.mean, moments.standard_deviation, moments.sum) == (1.5e308, 0.0, math.inf)


def test_update_gives_the_finite_values_back():
    builder = MomentsBuilder()
    all_finite = np.array([1.0, 2.0])

    assert builder.update(all_finite) is all_finite
    assert builder.update(np.array([3.0, math.nan, -math.inf, 4.0])).tolist() == [3.0, 4.0]
    assert builder.update(np.array([math.nan])).tolist() == []


def test_the_sum_is_the_plain_one_in_arrival_order():
    """0.1 added ten times is 0.9999999999999999; pairwise or exact adding gives 1.0."""
    assert build_moments([0.1] * 10).sum == 0.9999999999999999

    values = np.random.default_rng(5).normal(1e6, 1e3, size=20_000).tolist()
    plain = 0.0
    for value in values:
        plain += value
    assert build_moments(values).sum == plain != math.fsum(values)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_the_sum_is_the_plain_one_to_the_bit(values):
    plain = 0.0
    for value in values:
        plain += value

    assert struct.pack("d", build_moments(values).sum) == struct.pack("d", plain) or math.isnan(plain)


@pytest.mark.parametrize("zeros", [[-0.0, -0.0], [0.0, -0.0], [3.5, -3.5]])
def test_a_sum_of_zero_has_no_sign(zeros):
    assert math.copysign(1, build_moments(zeros).sum) == 1


@settings(deadline=None)
@given(st.integers(0, 13_000), st.lists(st.integers(0, 13_000), max_size=6), st.integers(0, 2**32 - 1))
def test_the_cuts_between_calls_do_not_change_a_bit(rows, cuts, seed):
    values = np.random.default_rng(seed).lognormal(sigma=3, size=rows)
    values[::17] = math.nan

    assert build_moments(values, cuts=tuple(sorted(cuts))) == build_moments(values)


@pytest.mark.parametrize(
    ("shift", "tolerance"),
    [
        pytest.param(0.0, 1e-13, id="around zero"),
        pytest.param(1e9, 1e-9, id="a billion above, where a mean is known to 1e-7"),
    ],
)
def test_the_spread_is_that_of_the_standard_library(shift, tolerance):
    values = (np.random.default_rng(3).normal(size=30_001) + shift).tolist()

    assert build_moments(values).standard_deviation == pytest.approx(statistics.pstdev(values), rel=tolerance)


@given(st.lists(st.floats(-1e6, 1e6), max_size=50), st.lists(st.floats(-1e6, 1e6), max_size=50))
def test_a_sum_has_the_moments_of_all_values(left, right):
    joint = build_moments(left + right)
    added = build_moments(left) + build_moments(right)

    assert (added.count, repr(added.minimum), repr(added.maximum)) == (
        joint.count,
        repr(joint.minimum),
        repr(joint.maximum),
    )
    assert added.sum == pytest.approx(joint.sum, rel=1e-12, abs=1e-6)
    assert added.mean == pytest.approx(joint.mean, rel=1e-12, abs=1e-6, nan_ok=True)
    assert added.m2 == pytest.approx(joint.m2, rel=1e-9, abs=1e-3)


def test_a_constant_has_no_spread():
    assert build_moments([0.1] * 10_000).standard_deviation == pytest.approx(0.0, abs=1e-16)


def test_sums_beyond_the_largest_double_are_infinite_and_silent(recwarn):
    moments = build_moments([1.7e308] * 5000)

    assert moments.sum == math.inf
    assert moments.maximum == 1.7e308
    assert not recwarn


def test_a_negative_zero_is_no_smaller_than_zero():
    for values in ([0.0, -0.0], [-0.0, 0.0]):
        assert math.copysign(1, build_moments(values).minimum) == 1.0


def test_state_may_be_asked_for_at_any_time():
    builder = MomentsBuilder()
    values = np.random.default_rng(1).normal(size=10_000)
    for block in np.split(values, 10):
        builder.update(block)
        builder.state()

    assert builder.state() == build_moments(values)
