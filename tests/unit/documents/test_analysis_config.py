"""analysis_config.json: everything the service takes is taken, and nothing else."""

import json

import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig, ContentType, DatasetType
from spark_model_monitor.errors import BadDocument

EVERYTHING = {
    "version": "1.0",
    "dataset_type": "TEXT/CSV",
    "dataset_uri": "s3://bucket/data",
    "headers": ["age", "sex", "y"],
    "label": "y",
    "predicted_label": 3,
    "features": "instances[*].features",
    "label_values_or_threshold": [1, 1.5, "yes"],
    "probability_threshold": 0.8,
    "facet": [{"name_or_index": 0, "value_or_threshold": [40, "x", True]}, {"name_or_index": "sex"}],
    "group_variable": "age",
    "segment_config": [
        {"config_name": "c", "name_or_index": "age", "segments": [["[1, 4]"], [5, 6]], "display_aliases": ["a", "b"]}
    ],
    "facet_dataset_uri": "s3://f",
    "facet_headers": ["f"],
    "predicted_label_dataset_uri": "s3://p",
    "predicted_label_headers": ["p"],
    "joinsource_name_or_index": "id",
    "excluded_columns": [1, "id"],
    "time_series_data_config": {"target_time_series": 1, "item_id": 2, "timestamp": 3},
    "methods": {
        "shap": {
            "baseline": [[1, "a", None]],
            "num_samples": 100,
            "use_logit": True,
            "agg_method": "MEAN_ABS",
            "save_local_shap_values": False,
            "seed": -1,
            "features_to_explain": [0, "age"],
            "text_config": {"granularity": "token", "language": "english"},
            "image_config": {"num_segments": 20},
        },
        "pre_training_bias": {"methods": "all"},
        "post_training_bias": {"methods": ["DI"]},
        "pdp": {"grid_resolution": 15, "features": [0], "top_k_features": 10},
        "report": {"name": "report", "title": "T"},
        "asymmetric_shapley_value": {"direction": "chronological", "granularity": "timewise"},
    },
    "predictor": {
        "endpoint_name": "e",
        "endpoint_name_prefix": "p",
        "model_name": "m",
        "target_model": "t",
        "instance_type": "ml.m5.xlarge",
        "initial_instance_count": 1,
        "accelerator_type": "a",
        "content_type": "application/x-npy",
        "accept_type": "text/csv",
        "label": 0,
        "probability": "predictions[*].score",
        "label_headers": ["a", 1],
        "content_template": '{"instances":$records}',
        "record_template": "$features",
        "custom_attributes": "c",
        "time_series_predictor_config": {"forecast": "f"},
    },
}


def test_every_member_of_the_service_is_recognised():
    config = AnalysisConfig.from_json(json.dumps(EVERYTHING))

    assert config.dataset_type is DatasetType.CSV
    assert config.predictor.content_type is ContentType.NUMPY
    assert config.facet[0].value_or_threshold == (40, "x", True)
    assert config.methods.pre_training_bias.methods == ("all",)


def test_a_file_keeps_the_types_of_its_values():
    config = AnalysisConfig.from_json(json.dumps(EVERYTHING))

    assert [type(value) for value in config.label_values_or_threshold] == [int, float, str]
    assert [type(value) for value in config.facet[0].value_or_threshold] == [int, str, bool]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"lable": 1}', "analysis_config.json: lable is unknown; did you mean label?"),
        ('{"bias_ci": 1}', "analysis_config.json: bias_ci is unknown; it may have version, dataset_type"),
        ('{"facet": [{"name": 1}]}', "facet[0].name is unknown; it may have name_or_index, value_or_threshold"),
        ('{"methods": {"shap": {"samples": 1}}}', "methods.shap.samples is unknown; did you mean num_samples?"),
        ('{"version": "2.0"}', 'version is "2.0"; it has to be "1.0"'),
        ('{"dataset_type": "csv"}', 'dataset_type is "csv"; it has to be one of "text/csv", '),
        ('{"label": -1}', "label is -1; it has to be a column's name, its index from 0, or a JMESPath"),
        ('{"label": true}', "label is true; it has to be"),
        ('{"facet": {"name_or_index": 1}}', "facet is an object; it has to be a list"),
        ('{"label_values_or_threshold": [null]}', "label_values_or_threshold[0] is null"),
        ('{"label_values_or_threshold": {}}', "label_values_or_threshold is an object; it has to be a list"),
        ('{"probability_threshold": 80}', "probability_threshold is 80; it has to be a number from 0 to 1"),
        ('{"violations": []}', "so it is a constraint_violations.json; give a Clarify analysis_config.json here"),
    ],
)
def test_a_fault_is_reported_by_its_place(text, sentence):
    with pytest.raises(BadDocument) as caught:
        AnalysisConfig.from_json(text)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "bias-oracle/adult/analysis_config.json",
        "bias-adult-batch-json/baseline/analysis_config.json",
        "clarify-german-credit/analysis_config.json",
        "shap-adult-batch-json/analysis_config.json",
    ],
)
def test_real_configurations_are_read(golden, path):
    text = (golden / path).read_text()

    assert AnalysisConfig.from_json(text).body_dict.keys() == json.loads(text).keys()


@pytest.mark.parametrize(
    "config",
    [
        {"facet": [{"name_or_index": "a", "value_or_threshold": 0}]},
        {"facet": [{"name_or_index": "a", "value_or_threshold": [0, "NaN"]}]},
        {"label_values_or_threshold": 0.5},
        {"methods": {"pre_training_bias": {"methods": "all"}, "post_training_bias": {"methods": ["DPPL"]}}},
        {"methods": {"shap": {"agg_method": "mean"}}},
    ],
)
def test_what_public_configurations_write_without_brackets_comes_back_as_it_was(config):
    read = AnalysisConfig.from_json(json.dumps(config))

    assert json.loads(read.to_json()) == config
    assert read.facet is None or isinstance(read.facet[0].value_or_threshold, tuple)


@pytest.mark.parametrize(
    ("member", "method"), [("pdp.features", {"grid_resolution": 9, "features": "*"}), ("shap.features_to_explain", {})]
)
def test_a_star_for_all_features_is_answered_by_what_to_write(member, method):
    name = member.partition(".")[2]
    document = {"methods": {member.partition(".")[0]: {**method, name: "*"}}}

    with pytest.raises(BadDocument, match="a list of names, indexes or JMESPaths of features; leave it out for all"):
        AnalysisConfig.from_json(json.dumps(document))
