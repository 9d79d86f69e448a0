"""A profile as statistics.json: G1 to G9 on columns small enough to check by hand."""

from spark_model_monitor.monitors.data_quality.baseline.documents import create_statistics
from spark_model_monitor.statistics.states import ColumnType, DataTypeCounts, FeatureProfile, VectorCounts
from spark_model_monitor.statistics.states.profile import compute_metrics

from .conftest import numbers_feature, texts_feature


def plain(profile, **options):
    return create_statistics(profile, compute_metrics(profile), **options).plain()["features"]


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
