"""The configuration of a bias analysis is the one that the real SDK writes."""

import json
from pathlib import Path

import pytest
from tests.programs import run_program

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.sagemaker import BiasConfig, DataConfig, ModelPredictedLabelConfig, SegmentationConfig
from spark_model_monitor.sagemaker.clarify import build_analysis_config

WRITER = Path(__file__).with_name("sdk_bias_config.py")

PLACES = {"s3_data_input_path": "s3://b/in", "s3_output_path": "s3://b/out", "predicted_label": "p"}
CALLS = {
    "one facet": [
        {**PLACES, "label": "y", "headers": ["a", "y", "p"], "dataset_type": "text/csv"},
        {"label_values_or_threshold": [1], "facet_name": "a", "facet_values_or_threshold": [0], "group_name": "g"},
        None,
    ],
    "a facet without values": [PLACES, {"label_values_or_threshold": [1.5], "facet_name": 0}, None],
    "several facets": [
        {**PLACES, "features": "f", "joinsource": 3, "excluded_columns": [1], "dataset_type": "application/jsonlines"},
        {"label_values_or_threshold": ["x"], "facet_name": ["a", "b"], "facet_values_or_threshold": [[40], None]},
        {"label": "l", "probability": 1, "probability_threshold": 0.8, "label_headers": ["no", "yes"]},
    ],
    "segments": [
        {**PLACES, "label": "y"},
        {"label_values_or_threshold": [1], "facet_name": "a"},
        None,
        {
            "name_or_index": "b",
            "segments": [["[1, 4]", "(5, 6]"], ["(7, 9)"]],
            "display_aliases": ["low", "high", "rest"],
        },
        {"name_or_index": 2, "segments": [["x", 3]], "config_name": "kind"},
    ],
    "several facets without values": [PLACES, {"label_values_or_threshold": [0], "facet_name": ["a", "b"]}, None],
}


@pytest.fixture(scope="module")
def theirs(sdk_python, tmp_path_factory):
    quiet = {"SAGEMAKER_SUPPRESS_V2_WARNING": "1", "HOME": str(tmp_path_factory.mktemp("home")), "LC_ALL": "C.UTF-8"}
    command = [str(sdk_python), str(WRITER)]
    calls = json.dumps(list(CALLS.values()))
    done = run_program(command, input=calls, env=quiet)
    assert done.returncode == 0, done.stderr
    return dict(zip(CALLS, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("name", CALLS)
def test_a_configuration_is_the_sdks(theirs, name):
    data, bias, predicted, *segments = CALLS[name]
    label = None
    if predicted is not None:
        label = ModelPredictedLabelConfig(**predicted)

    ours = build_analysis_config(
        DataConfig(**data, segmentation_config=[SegmentationConfig(**segment) for segment in segments] or None),
        BiasConfig(**bias),
        None,
        label,
        pre_training_methods="all",
        post_training_methods=["DI", "RD"],
    )

    assert ours == theirs[name]
    AnalysisConfig.from_json(json.dumps(ours))


def test_facets_and_values_of_different_numbers_are_refused_in_the_sdks_words():
    with pytest.raises(ValueError, match="The number of facet names doesn't match the number of facet values"):
        BiasConfig([1], ["a", "b"], [[1]])


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"name_or_index": None, "segments": [["a"]]}, "`name_or_index` cannot be None"),
        ({"name_or_index": 0, "segments": ["a"]}, "`segments` must be a list of lists of values or intervals."),
        ({"name_or_index": 0, "segments": []}, "`segments` must be a list of lists of values or intervals."),
        (
            {"name_or_index": 0, "segments": [["a"]], "display_aliases": ["x", "y", "z"]},
            "Number of `display_aliases` must",
        ),
    ],
)
def test_segments_that_are_none_are_refused_in_the_sdks_words(keywords, words):
    with pytest.raises(ValueError, match=words):
        SegmentationConfig(**keywords)
