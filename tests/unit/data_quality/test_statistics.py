"""A profile as statistics.json: G1 to G9 on columns small enough to check by hand."""

import pytest

from spark_model_monitor.monitors.data_quality.baseline.documents import create_statistics
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, VectorCounts
from spark_model_monitor.statistics.states.profile import compute_metrics

from .conftest import numbers_feature, texts_feature


def plain(profile, **options):
    return create_statistics(profile, compute_metrics(profile), **options).plain()["features"]


def test_numbers_have_moments_buckets_and_the_sketch(make_profile):
    [feature] = plain(make_profile(numbers_feature("age", [1.0, 2.0, 3.0, 10.0], missing=1)))
    statistics = feature["numerical_statistics"]

    assert statistics["common"] == {"num_present": 4, "num_missing": 1}
    assert (statistics["sum"], statistics["mean"], statistics["min"], statistics["max"]) == (16.0, 4.0, 1.0, 10.0)
    assert statistics["std_dev"] == pytest.approx(3.535533905932738)  # sqrt((9 + 4 + 1 + 36) / 4)
    assert statistics["completeness"] == 0.8
    buckets = statistics["distribution"]["kll"]["buckets"]
    assert [bucket["count"] for bucket in buckets] == [1, 1, 1, 0, 0, 0, 0, 0, 0, 1]
    assert buckets[0] == {"lower_bound": 1.0, "upper_bound": 1.9, "count": 1.0}
    assert statistics["distribution"]["kll"]["sketch"] == {
        "parameters": {"c": 0.64, "k": 2048.0},
        "data": [[1.0, 2.0, 3.0, 10.0]],
    }


def test_sketches_can_be_left_out(make_profile):
    [feature] = plain(make_profile(numbers_feature("age", [1.0, 2.0])), with_sketches=False)

    assert list(feature["numerical_statistics"]["distribution"]["kll"]) == ["buckets"]


def test_texts_have_their_counts_where_they_are_few(make_profile):
    [feature] = plain(make_profile(texts_feature("plan", {"gold": 1, "basic": 3}, missing=1)))

    assert feature["string_statistics"]["common"] == {"num_present": 4, "num_missing": 1}
    assert feature["string_statistics"]["distribution"]["categorical"]["buckets"] == [
        {"value": "basic", "count": 3},
        {"value": "gold", "count": 1},
    ]


def test_the_largest_domain_is_the_callers(make_profile):
    [feature] = plain(make_profile(texts_feature("plan", {"gold": 1, "basic": 3})), max_domain_size=1)

    assert "distribution" not in feature["string_statistics"]


def test_a_feature_without_a_value_has_its_counts_only(make_profile):
    nothing = FeatureProfile.of("nothing", ColumnType.TEXT, [DataTypeCounts(missing=4)])

    assert plain(make_profile(nothing)) == [
        {
            "name": "nothing",
            "inferred_type": "Unknown",
            "string_statistics": {"common": {"num_present": 0, "num_missing": 4}},
        }
    ]


def test_numbers_that_are_all_missing_are_null(make_profile):
    [feature] = plain(make_profile(numbers_feature("age", [], missing=3)))

    assert feature == {
        "name": "age",
        "inferred_type": "Fractional",
        "numerical_statistics": {
            "common": {"num_present": 0, "num_missing": 3},
            "mean": None,
            "sum": None,
            "std_dev": None,
            "min": None,
            "max": None,
            "completeness": 0.0,
        },
    }


def test_vectors_have_counts_of_their_elements(make_profile):
    vectors = VectorCounts(vectors=2, missing=1, elements=5, null_elements=1, nan_elements=2, shortest=2, longest=3)
    types = DataTypeCounts(missing=1, unknown=2)
    [feature] = plain(make_profile(FeatureProfile.of("embedding", ColumnType.VECTOR, [types, vectors])))

    assert feature["inferred_type"] == "Unknown"
    assert feature["vector_statistics"] == {
        "common": {"num_present": 2, "num_missing": 1},
        "completeness": 2 / 3,
        "num_elements": 5,
        "num_null_elements": 1,
        "num_nan_elements": 2,
        "shortest": 2,
        "longest": 3,
    }
