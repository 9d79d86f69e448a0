"""The SDK's classes of explanations, member for member as the SDK writes them."""

from pathlib import Path

import pytest

from spark_model_monitor import sagemaker
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.sagemaker import (
    UNAVAILABLE_CLASSES,
    BiasConfig,
    DataConfig,
    ModelConfig,
    ModelPredictedLabelConfig,
    PDPConfig,
    SegmentationConfig,
    SHAPConfig,
)
from spark_model_monitor.sagemaker.analyses import MODEL, build_model_variables, collect_methods

ROOT = Path(__file__).resolve().parents[3]


OF_MODEL = (
    "endpoint_name model_name instance_type instance_count accept_type content_type content_template record_template "
    "custom_attributes accelerator_type endpoint_name_prefix target_model"
)
OF_DATA = (
    "dataset_type features headers label joinsource facet_dataset_uri facet_headers predicted_label_dataset_uri "
    "predicted_label_headers predicted_label excluded_columns"
)
OF_SHAP = "use_logit save_local_shap_values baseline num_samples agg_method seed features_to_explain"
RENAMED = {"joinsource": "joinsource_name_or_index", "instance_count": "initial_instance_count"}
"""Arguments whose member the SDK calls otherwise."""


def with_values(arguments):
    return {name: f"value of {name}" for name in arguments.split()}


def rename(arguments):
    """The members in the SDK's order."""
    return [(RENAMED.get(name, name), value) for name, value in with_values(arguments).items()]


def test_arguments_are_members_in_the_order_of_the_sdk():
    model = ModelConfig(**with_values(OF_MODEL))
    data = DataConfig("data", "out", **with_values(OF_DATA))
    shap = SHAPConfig(**with_values(OF_SHAP))

    assert [*model.get_predictor_config().items()] == rename(OF_MODEL)
    assert [*data.get_config().items()] == rename(OF_DATA)
    assert [*shap.get_explainability_config()["shap"].items()] == rename(OF_SHAP)


def test_members_without_a_value_have_the_defaults_of_the_sdk():
    methods = collect_methods([SHAPConfig(num_clusters=2), PDPConfig(["age"])])

    assert ModelConfig("churn").get_predictor_config() == {"model_name": "churn"}
    assert DataConfig("data", "out").get_config() == {"dataset_type": "text/csv"}
    assert methods["shap"] == {"use_logit": False, "save_local_shap_values": True, "num_clusters": 2}
    assert methods["pdp"] == {"grid_resolution": 15, "top_k_features": 10, "features": ["age"]}


def test_segments_may_have_a_name_for_the_rest():
    segments = [["[18, 30)"], ["[30, 50)"]]
    ages = SegmentationConfig("age", segments, "ages", ["young", "old", "others"])
    data = DataConfig("data", "out", segmentation_config=[ages])

    names = {"config_name": "ages", "display_aliases": ["young", "old", "others"]}
    assert ages.to_dict() == {"name_or_index": "age", "segments": segments, **names}
    assert SegmentationConfig("age", segments, None, ["a", "b"]).to_dict()["display_aliases"] == ["a", "b"]
    assert data.get_config()["segment_config"] == [ages.to_dict()]
    assert data.segmentation_configs == [ages]


@pytest.mark.parametrize(
    ("name", "segments", "aliases"),
    [(None, [[1]], None), ("age", [], None), ("age", [[1]], []), ("age", [[1]], ["a"] * 3)],
)
def test_segments_that_say_nothing_are_the_sdks_error(name, segments, aliases):
    with pytest.raises(ValueError, match="segments|name_or_index"):
        SegmentationConfig(name, segments, None, aliases)


def test_values_are_of_one_facet_or_dealt_out_to_several():
    of_sex = BiasConfig([1], "sex", [0])
    of_both = BiasConfig([1], ["sex", "age"], [[0], [40]], "region")
    without_values = BiasConfig([1], ["sex", "age"])

    sex = {"name_or_index": "sex", "value_or_threshold": [0]}
    age = {"name_or_index": "age", "value_or_threshold": [40]}
    assert of_sex.get_config() == {"label_values_or_threshold": [1], "facet": [sex]}
    assert of_both.get_config() == {"label_values_or_threshold": [1], "facet": [sex, age], "group_variable": "region"}
    facets = without_values.get_config()["facet"]
    assert facets == [{"name_or_index": "sex"}, {"name_or_index": "age"}]
    with pytest.raises(ValueError, match="number of facet names"):
        BiasConfig([1], ["sex", "age"], [[0]])


def test_an_answer_has_a_threshold_that_is_a_number():
    answer = ModelPredictedLabelConfig("label", "score", "0.5", ["a", "b"])

    members = {"label": "label", "probability": "score", "label_headers": ["a", "b"]}
    assert answer.get_predictor_config() == ("0.5", members)
    with pytest.raises(TypeError, match="cast to float"):
        ModelPredictedLabelConfig(probability_threshold="half")


def test_a_class_made_of_one_of_the_sdk_gives_no_members_of_its_own():
    class Named(ModelConfig):
        def __init__(self, owner, **members):
            self.owner = owner
            super().__init__(**members)

    class Seeded(SHAPConfig):
        def __init__(self, owner, **members):
            self.owner = owner
            super().__init__(**members)

    assert Named("anna", model_name="churn").get_predictor_config() == {"model_name": "churn"}
    assert "owner" not in Seeded("anna", baseline=[["a row"]]).get_explainability_config()["shap"]
    assert "a row" not in repr(SHAPConfig(baseline=[["a row"]]))


@pytest.mark.parametrize(
    ("methods", "sentence"), [([], "at least one"), ([PDPConfig(), PDPConfig()], "Duplicate")], ids=("none", "twice")
)
def test_none_and_the_same_twice_are_the_sdks_errors(methods, sentence):
    with pytest.raises(ValueError, match=sentence):
        collect_methods(methods)


@pytest.mark.parametrize(
    "refused",
    [
        lambda: SHAPConfig(text_config=object()),
        lambda: SHAPConfig(image_config=object()),
        lambda: ModelConfig("churn", time_series_model_config=object()),
    ],
)
def test_texts_images_and_time_series_are_refused_by_a_sentence(refused):
    with pytest.raises(BadConfiguration, match="explained by this package"):
        refused()


@pytest.mark.parametrize("name", UNAVAILABLE_CLASSES)
def test_a_class_that_nothing_stands_for_says_so_when_it_is_made(name):
    with pytest.raises(BadConfiguration, match=f"^{name}: .* "):
        getattr(sagemaker, name)(image_uri="image")
    assert f"`{name}`" in (ROOT / "docs" / "from-sagemaker.md").read_text(encoding="utf-8")


def test_baseline_and_clusters_together_are_the_sdks_error():
    with pytest.raises(ValueError, match="cannot be provided together"):
        SHAPConfig(baseline=[[1]], num_clusters=3)


@pytest.mark.parametrize(
    ("predictor", "variables"),
    [
        ({"model_name": "models/churn.json"}, {MODEL: str(Path.cwd() / "models" / "churn.json")}),
        ({"model_name": "scoring:score"}, {MODEL: "scoring:score"}),
        (
            {"model_name": "churn", "endpoint_name": "http://127.0.0.1:8080/invocations"},
            {MODEL: "http://127.0.0.1:8080/invocations"},
        ),
        ({"model_name": "DEMO-xgb-churn-pred"}, {}),
    ],
)
def test_a_model_that_our_jobs_load_is_meant_by_its_name(predictor, variables):
    assert build_model_variables({"predictor": predictor}) == variables
