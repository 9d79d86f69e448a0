"""The SDK's classes of explanations, member for member as the SDK writes them."""

from pathlib import Path

import pytest

from spark_model_monitor import sagemaker
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.sagemaker import UNAVAILABLE_CLASSES, ModelConfig, PDPConfig, SHAPConfig
from spark_model_monitor.sagemaker.analyses import MODEL, collect_methods, model_variables

ROOT = Path(__file__).resolve().parents[3]


def test_members_are_those_of_the_sdk():
    model = ModelConfig("churn", 1, "ml.m5.xlarge", accept_type="text/csv", content_type="text/csv")

    assert model.get_predictor_config() == {
        "model_name": "churn",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": 1,
        "accept_type": "text/csv",
        "content_type": "text/csv",
    }
    assert collect_methods([SHAPConfig([[1]], 5, "mean_abs"), PDPConfig(["age"])]) == {
        "shap": {
            "use_logit": False,
            "save_local_shap_values": True,
            "baseline": [[1]],
            "num_samples": 5,
            "agg_method": "mean_abs",
        },
        "pdp": {"grid_resolution": 15, "top_k_features": 10, "features": ["age"]},
    }


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
    assert model_variables({"predictor": predictor}) == variables
