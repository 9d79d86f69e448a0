"""Metrics from states alone; that they are Deequ's is proved in tests/spark/profiling/test_deequ.py."""

import numpy as np
import pytest

from spark_model_monitor.statistics.states import (
    ColumnType,
    DataTypeCounts,
    DistinctBuilder,
    FeatureProfile,
    MomentsBuilder,
    Profile,
)
from spark_model_monitor.statistics.states.hashing import xxhash64
from spark_model_monitor.statistics.states.profile import FeatureMetrics, compute_metrics


def build_profile(values, *, missing=0, text_counts=None):
    doubles = np.array(values, dtype=np.float64)
    moments = MomentsBuilder()
    distinct = DistinctBuilder()
    moments.update(doubles, missing=missing)
    distinct.update(xxhash64(doubles[~np.isnan(doubles)]))
    moments_state = moments.state()
    counts = text_counts or DataTypeCounts(missing=moments_state.absent, fractional=moments_state.present)
    if text_counts:
        column_type = ColumnType.TEXT
    else:
        column_type = ColumnType.FRACTIONAL
    feature = FeatureProfile.of("a.b", column_type, [counts, moments_state, distinct.state()])
    return Profile(len(values) + missing, (feature,))


def test_metrics_of_a_numeric_feature_are_those_of_its_finite_values():
    metrics = compute_metrics(build_profile([2, 4, 4, 4, 5, 5, 7, 9], missing=2))["a.b"]

    assert metrics == FeatureMetrics(  # the textbook example of a standard deviation of 2
        completeness=0.8, mean=5.0, sum=40.0, standard_deviation=2.0, minimum=2.0, maximum=9.0, approx_count_distinct=5
    )


def test_nan_is_missing_and_infinity_is_present_but_in_no_moment():
    metrics = compute_metrics(build_profile([1, 3, np.nan, np.inf]))["a.b"]

    assert (metrics.completeness, metrics.mean, metrics.maximum) == (0.75, 2.0, 3.0)


@pytest.mark.parametrize(
    ("values", "missing", "completeness"),
    [
        pytest.param([], 0, None, id="no rows"),
        pytest.param([], 5, 0.0, id="only nulls"),
        pytest.param([np.nan], 0, 0.0, id="only NaN"),
    ],
)
def test_a_feature_without_values_has_no_moments(values, missing, completeness):
    metrics = compute_metrics(build_profile(values, missing=missing))["a.b"]

    assert metrics == FeatureMetrics(completeness=completeness, approx_count_distinct=0)


def test_numbers_among_other_texts_are_no_metrics():
    metrics = compute_metrics(build_profile([1, 2, np.nan], text_counts=DataTypeCounts(fractional=2, text=1)))["a.b"]

    assert metrics == FeatureMetrics(completeness=1.0, approx_count_distinct=2)


def test_a_sum_beyond_the_largest_double_is_not_computable():
    metrics = compute_metrics(build_profile([1.7e308, 1.7e308]))["a.b"]

    assert (metrics.sum, metrics.mean, metrics.maximum) == (None, None, 1.7e308)
