import json

import numpy as np
import pytest
from pydantic import ValidationError
from tests.at_hand import defer_to_night

from spark_model_monitor.documents.statistics import (
    Bucket,
    Categorical,
    CategoryBucket,
    Common,
    Dataset,
    Distribution,
    FeatureStatistics,
    InferredType,
    Kll,
    NumericalStatistics,
    Sketch,
    SketchParameters,
    Statistics,
    StringStatistics,
    VectorStatistics,
)
from spark_model_monitor.errors import BadDocument


def feature(**members):
    return {"name": "Age", "inferred_type": "Integral"} | members


def document(*features, **members):
    return {"version": 0.0, "dataset": {"item_count": 4}, "features": list(features)} | members


def read(content) -> Statistics:
    return Statistics.from_json(json.dumps(content))


def test_a_constructed_document_is_written_with_the_members_of_the_newer_generation_in_order():
    # Names, order and number forms as in G1 and G2.
    statistics = Statistics(
        dataset=Dataset(item_count=4),
        features=(
            FeatureStatistics(
                name="Age",
                inferred_type=InferredType.INTEGRAL,
                numerical_statistics=NumericalStatistics(
                    distribution=Distribution(
                        kll=Kll(
                            buckets=(Bucket(lower_bound=1, upper_bound=2, count=4),),
                            sketch=Sketch(
                                parameters=SketchParameters(c=0.64, k=2048), data=(np.array([1.0, 2e7]), np.array([]))
                            ),
                        )
                    ),
                    completeness=1.0,
                    approximate_num_distinct_values=np.int64(2),
                    max=np.float64(2.0),
                    min=1,
                    std_dev=0.5,
                    sum=6.0,
                    mean=1.5,
                    common=Common(num_present=4, num_missing=0),
                ),
            ),
            FeatureStatistics(
                name="State",
                inferred_type=InferredType.STRING,
                string_statistics=StringStatistics(
                    common=Common(num_present=3, num_missing=1),
                    distinct_count=1.0,
                    completeness=0.75,
                    distribution=Distribution(categorical=Categorical(buckets=(CategoryBucket(value="NM", count=3),))),
                ),
            ),
        ),
    )

    kll = '{"buckets": [{"lower_bound": 1.0, "upper_bound": 2.0, "count": 4.0}], '
    kll += '"sketch": {"parameters": {"c": 0.64, "k": 2048.0}, "data": [[1.0, 20000000.0], []]}}'
    assert json.dumps(json.loads(statistics.to_json())) == (
        '{"version": 0.0, "dataset": {"item_count": 4}, "features": ['
        '{"name": "Age", "inferred_type": "Integral", "numerical_statistics": {'
        '"common": {"num_present": 4, "num_missing": 0}, "mean": 1.5, "sum": 6.0, "std_dev": 0.5, "min": 1.0, "max": 2.0, '
        f'"approximate_num_distinct_values": 2, "completeness": 1.0, "distribution": {{"kll": {kll}}}}}}}, '
        '{"name": "State", "inferred_type": "String", "string_statistics": {'
        '"common": {"num_present": 3, "num_missing": 1}, "distinct_count": 1.0, "completeness": 0.75, '
        '"distribution": {"categorical": {"buckets": [{"value": "NM", "count": 3}]}}}}]}'
    )


@pytest.mark.parametrize("undefined", [None, float("nan"), float("inf")])
def test_an_undefined_number_is_none_and_is_written_as_null(undefined):
    numbers = NumericalStatistics(common=Common(num_present=0, num_missing=4), mean=undefined, min=undefined)

    assert numbers.mean is None
    assert numbers.plain() == {"common": {"num_present": 0, "num_missing": 4}, "mean": None, "min": None}


def test_the_text_nan_is_read_as_undefined():  # C11e
    numbers = {"common": {"num_present": 0, "num_missing": 4}, "mean": "NaN"}
    statistics = read(document(feature(numerical_statistics=numbers)))

    assert statistics.feature("Age").numerical_statistics.mean is None
    assert statistics.plain()["features"][0]["numerical_statistics"]["mean"] == "NaN"


def test_the_older_generation_lacks_members_and_none_is_put_in():
    numbers = {"common": {"num_present": 3, "num_missing": 1}, "mean": 2.0, "sum": 6.0, "distribution": {}}
    older = document(feature(numerical_statistics=numbers))

    statistics = read(older)

    assert statistics.plain() == older
    assert statistics.feature("Age").numerical_statistics.approximate_num_distinct_values is None
    assert statistics.feature("Age").completeness == 0.75  # 3 of 3 + 1


def test_integers_in_the_place_of_doubles_come_back_as_they_stood_unless_they_change():
    text = {"common": {"num_present": 4, "num_missing": 0}, "distinct_count": 7}
    statistics = read(document({"name": "a", "inferred_type": "String", "string_statistics": text}, version=0))

    assert '"version" : 0,' in statistics.to_json()
    assert '"distinct_count" : 7\n' in statistics.to_json()
    assert '"version" : 1.0' in statistics.model_copy(update={"version": 1.0}).to_json()
    assert statistics.version == 0.0


def test_unknown_members_nulls_and_the_order_of_the_file_are_preserved():
    text = (
        '{"later": {"deep": [1, 2.5, {"x": null}]}, "features": [{"inferred_type": "Unknown", "_order": 1, "name": "a",'
        ' "numerical_statistics": null, "model_config": {}, "string_statistics":'
        ' {"extra": "é", "common": {"num_missing": 4, "num_present": 0, "num_nan": 3}}}], "dataset": {"item_count": 4}}'
    )

    assert json.dumps(json.loads(Statistics.from_json(text).to_json())) == json.dumps(json.loads(text))


def test_a_changed_copy_writes_the_change_and_keeps_the_rest():
    statistics = read({"note": "kept", "features": [feature(mine=1)], "dataset": {"item_count": 4, "bytes": 9}})
    (age,) = statistics.features

    renamed = statistics.model_copy(update={"features": (age.model_copy(update={"name": "age"}),)})

    assert renamed.plain() == statistics.plain() | {"features": [feature(name="age", mine=1)]}


def test_documents_are_equal_if_they_say_the_same():
    parsed = read(
        {"features": [{"inferred_type": "Integral", "name": "Age"}], "dataset": {"item_count": 4}, "version": 0}
    )
    constructed = Statistics(
        dataset=Dataset(item_count=4), features=(FeatureStatistics(name="Age", inferred_type=InferredType.INTEGRAL),)
    )

    assert parsed == constructed
    assert parsed != constructed.model_copy(update={"dataset": Dataset(item_count=5)})
    assert constructed.dataset != {"item_count": 4}


def test_documents_are_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        read(document()).version = 1.0


def test_vectors_have_statistics_of_their_own():
    vectors = VectorStatistics(
        common=Common(num_present=2, num_missing=0),
        completeness=1.0,
        num_elements=6,
        num_null_elements=1,
        num_nan_elements=0,
        shortest=3,
        longest=3,
    )
    embedding = FeatureStatistics(name="e", inferred_type=InferredType.UNKNOWN, vector_statistics=vectors)

    assert list(embedding.plain()) == ["name", "inferred_type", "vector_statistics"]
    assert embedding.common == Common(num_present=2, num_missing=0)
    assert embedding.completeness == 1.0
    assert embedding.distribution is None


def test_a_feature_of_which_nothing_is_known_has_no_counts():
    unknown = FeatureStatistics(name="e", inferred_type=InferredType.UNKNOWN)

    assert (unknown.common, unknown.completeness, unknown.num_distinct) == (None, None, None)
    assert Common(num_present=0, num_missing=0).completeness is None


def test_feature_names_the_nearest_one():
    statistics = read(document(feature(name="Day Mins"), feature(name="Churn")))

    assert statistics.feature("Churn").name == "Churn"
    with pytest.raises(BadDocument, match=r"no feature 'Day Min' among its 2; did you mean 'Day Mins'\?"):
        statistics.feature("Day Min")
    with pytest.raises(BadDocument, match="no feature 'x' among its 2; name one that it has"):
        statistics.feature("x")


@pytest.mark.parametrize("count", [30, defer_to_night(300)])
def test_hundreds_of_sketches_are_written_and_read_back(count):
    rng = np.random.default_rng(7)
    features = [
        FeatureStatistics(
            name=f"c{column}",
            inferred_type=InferredType.FRACTIONAL,
            numerical_statistics=NumericalStatistics(
                common=Common(num_present=1, num_missing=0),
                distribution=Distribution(
                    kll=Kll(
                        buckets=(),
                        sketch=Sketch(
                            parameters=SketchParameters(c=0.64, k=2048.0),
                            data=tuple(rng.normal(size=2000 - 150 * level) for level in range(6)),
                        ),
                    )
                ),
            ),
        )
        for column in range(count)
    ]
    text = Statistics(dataset=Dataset(item_count=1), features=features).to_json()
    parsed = Statistics.from_json(text)

    assert len(text) > 0.18e6 * count
    assert parsed.features[-1] == features[-1]


COMMON = {"num_present": 4, "num_missing": 0}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        pytest.param([], "statistics.json is a list of length 0; it has to be a JSON object", id="a list"),
        pytest.param("text", "statistics.json is a text of length 4; it has to be a JSON object", id="a text"),
        pytest.param({"features": []}, "statistics.json: dataset is missing; it has to be an object", id="no dataset"),
        pytest.param(
            {"dataset": {"item_count": 4}},
            "statistics.json: features is missing; it has to be a list",
            id="no features",
        ),
        pytest.param(
            document(feature(), {"inferred_type": "String"}),
            "statistics.json: features[1].name is missing; it has to be a text",
            id="a feature without a name",
        ),
        pytest.param(document(feature(name=7)), "features[0].name is 7; it has to be a text", id="number for a name"),
        pytest.param(
            document(feature(inferred_type="integral")),
            'features[0].inferred_type is "integral"; it has to be one of "Integral", "Fractional", "String", "Unknown"; '
            'did you mean "Integral"?',
            id="type in lower case",
        ),
        pytest.param(
            document(dataset={"item_count": True}),
            "dataset.item_count is true; it has to be a whole number, 0 or more",
            id="boolean for a count",
        ),
        pytest.param(
            document(dataset={"item_count": -1}),
            "dataset.item_count is -1; it has to be a whole number, 0 or more",
            id="negative count",
        ),
        pytest.param(
            document(dataset={"item_count": 4.5}),
            "dataset.item_count is 4.5; it has to be a whole number, 0 or more",
            id="half a row",
        ),
        pytest.param(
            document(dataset={"item_count": "4"}),
            'dataset.item_count is "4"; it has to be a whole number, 0 or more',
            id="number as text",
        ),
        pytest.param(
            document(feature(numerical_statistics={"common": COMMON, "mean": False})),
            "features[0].numerical_statistics.mean is false; it has to be a number, or null if it is not defined",
            id="boolean for a number",
        ),
        pytest.param(
            document(feature(numerical_statistics={"common": COMMON, "completeness": "NaN"})),
            'features[0].numerical_statistics.completeness is "NaN"; it has to be a number from 0 to 1 (95 % is 0.95)',
            id="NaN for a share",
        ),
        pytest.param(
            document(feature(numerical_statistics=[1])),
            "features[0].numerical_statistics is a list of length 1; it has to be an object",
            id="list for an object",
        ),
        pytest.param(
            document(feature(string_statistics={"common": COMMON, "distribution": {"categorical": {"buckets": {}}}})),
            "features[0].string_statistics.distribution.categorical.buckets is an object; it has to be a list",
            id="object for a list",
        ),
        pytest.param(
            {"version": 0.0, "features": [], "monitoring_config": {}},
            "statistics.json has a member monitoring_config, so it is a constraints.json; "
            "give a statistics.json of a data-quality baseline here",
            id="the other document of the pair",
        ),
        pytest.param(
            document(regression_metrics={}),
            "statistics.json has a member regression_metrics, so it is the statistics.json of a model-quality job; "
            "give a statistics.json of a data-quality baseline here",
            id="statistics of another monitor",
        ),
    ],
)
def test_bad_statistics_name_the_path_the_fault_and_the_remedy(content, fault):
    with pytest.raises(BadDocument) as raised:
        read(content)

    assert str(raised.value).endswith(fault)
    assert str(raised.value).startswith("statistics.json")


def test_two_features_of_one_name_are_refused():
    with pytest.raises(BadDocument) as raised:
        read(document(feature(), feature(name="b"), feature()))

    assert str(raised.value) == (
        'statistics.json: features[2].name is "Age", as is features[0].name; '
        "it has to be another name, or one of the two entries has to go"
    )


def test_all_faults_are_gathered_up_to_a_limit():
    with pytest.raises(BadDocument) as raised:
        read(document(*[feature(name=str(number), inferred_type=number) for number in range(25)], version="one"))

    lines = str(raised.value).splitlines()
    assert lines[0] == "statistics.json: version is a text of length 3; it has to be a number"
    assert lines[1].startswith("statistics.json: features[0].inferred_type is 0; ")
    assert len(lines) == 21
    assert lines[20] == "statistics.json: and 6 more faults"  # 26 faults, 20 shown


def test_an_error_never_shows_a_value_that_stood_in_the_data():
    buckets = [{"value": 4111111111111111, "count": 1}, {"value": ["4111111111111111"], "count": 1}]
    numbers = {"common": COMMON, "min": "4111111111111111"}
    categories = {"common": COMMON, "distribution": {"categorical": {"buckets": buckets}}}

    with pytest.raises(BadDocument) as raised:
        read(document(feature(numerical_statistics=numbers, string_statistics=categories)))

    assert len(str(raised.value).splitlines()) == 3
    assert "4111" not in str(raised.value)
    assert "min is a text of length 16; it has to be a number, or null" in str(raised.value)
    assert "buckets[0].value is a number; it has to be a text" in str(raised.value)


def test_errors_call_the_file_as_the_caller_does():
    with pytest.raises(BadDocument, match=r"s3://bucket/baseline/statistics\.json: dataset is missing"):
        Statistics.from_json('{"features": []}', "s3://bucket/baseline/statistics.json")
