"""States as the service's Spark and Deequ compute them, to the last digit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.statistics.states import KllBuilder, MomentsBuilder


@pytest.mark.parametrize(
    ("values", "count", "count_of_deequ"),
    [
        # -4.1 + (6.3 - -4.1) is 6.299999999999999: Deequ leaves the maximum out
        pytest.param([-4.1, 6.3], 1, 0, id="the bound rounds below the maximum"),
        pytest.param([0.0, 1.0], 1, 1, id="the bound is the maximum"),
        pytest.param([7.0, 7.0], 2, 2, id="a constant"),
    ],
)
def test_the_last_bucket_of_deequ_ends_at_its_bound(values, count, count_of_deequ):
    builder = KllBuilder()
    builder.update(np.array(values))
    sketch = builder.state()

    assert sketch.buckets(min(values), max(values))[-1].count == count
    assert sketch.buckets(min(values), max(values), as_deequ=True)[-1].count == count_of_deequ


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.integers(0, 60))
def test_value_by_value_is_the_recurrence_of_spark_however_the_values_are_cut(values, cut):
    """CentralMomentAgg of Spark, value for value; every other moment is as without."""
    mean = 0.0
    m2 = 0.0
    for count, value in enumerate(values, start=1):
        deviation = value - mean
        step = deviation / count
        mean += step
        m2 += deviation * (deviation - step)
    builder = MomentsBuilder(value_by_value=True)
    builder.update(np.array(values[:cut]))
    builder.update(np.array(values[cut:]))

    moments = builder.state()

    assert moments.m2 == m2
    assert math.isnan(moments.mean) if not values else moments.mean == mean
    blockwise = MomentsBuilder()
    blockwise.update(np.array(values))
    expected = blockwise.state()
    assert (moments.count, moments.sum) == (expected.count, expected.sum)
