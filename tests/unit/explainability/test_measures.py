"""What a configuration asks for, and what of it is refused."""

import json

import pytest

from spark_model_monitor.documents.analysis_config import Aggregation, AnalysisConfig
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.explainability.attribution_measures import (
    AttributionMeasures,
    AttributionPlan,
    plan_attributions,
)

NAMES = ("id", "age", "income", "town", "hired", "guess")


def make_measures(**members):
    config = AnalysisConfig.from_json(json.dumps({"methods": {"shap": {}}, **members}))
    return AttributionMeasures.of(config, lambda frame: frame["age"])


def test_features_are_what_is_nothing_else():
    measures = make_measures(
        label="hired", predicted_label=-0 + 5, excluded_columns=["town"], joinsource_name_or_index=0
    )

    assert plan_attributions(measures, NAMES) == AttributionPlan(("age", "income"), ("age", "income"), 2, "id")


def test_some_features_may_be_written_and_all_play():
    methods = {
        "shap": {"features_to_explain": ["income", 0], "num_samples": 9},
        "pdp": {"grid_resolution": 5, "features": ["town"]},
    }

    plan = plan_attributions(make_measures(methods=methods, label="hired"), NAMES)

    assert plan.features == ("id", "age", "income", "town", "guess")
    assert (plan.explained_features, plan.dependent, plan.samples) == (("id", "income"), ("town",), 9)


@pytest.mark.parametrize("shap", [{"agg_method": "mean"}, {"agg_method": "MEAN_ABS"}, {}])
def test_the_mean_of_public_configurations_is_that_of_absolute_values(shap):
    assert make_measures(methods={"shap": shap}).aggregation is Aggregation.MEAN_ABS


def test_a_label_that_the_window_lacks_is_no_fault():
    assert plan_attributions(make_measures(label="hired"), ("age", "income")).features == ("age", "income")


def test_columns_that_are_not_there_are_reported_together():
    measures = make_measures(excluded_columns=["twon"], methods={"shap": {"features_to_explain": ["agee"]}})

    with pytest.raises(BadConfiguration, match="did you mean 'town'"):
        plan_attributions(measures, NAMES)


def test_no_feature_left_is_a_fault():
    with pytest.raises(BadConfiguration, match="no column is left that is a feature; the columns are hired"):
        plan_attributions(make_measures(label="hired"), ("hired",))


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"methods": {"shap": {"text_config": {"granularity": "token"}}}}, "shap.text_config: texts are not explained"),
        ({"methods": {"shap": {"image_config": {"model_type": "x"}}}}, "shap.image_config: images are not explained"),
        ({"methods": {"asymmetric_shapley_value": {}}}, "time series are not explained"),
        ({"time_series_data_config": {}}, "time_series_data_config: time series"),
        ({"dataset_type": "application/x-image"}, "images are not explained"),
        ({"methods": {"shap": {"baseline": [[1]], "num_clusters": 2}}}, "baseline and num_clusters"),
        ({"methods": {"report": {}}}, "neither shap nor pdp"),
        ({"methods": {"pdp": {"grid_resolution": 5}}}, "pdp.features is missing"),
    ],
)
def test_what_is_out_of_scope_is_refused_by_name(members, sentence):
    with pytest.raises(BadConfiguration, match=f"analysis_config.json: .*{sentence}"):
        make_measures(**members)
