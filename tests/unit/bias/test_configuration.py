"""Which metrics are asked for, and what is refused before any data is read."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.bias.bias_measures import resolve_methods

POST = ("AD", "CDDPL", "DAR", "DCA", "DCR", "DI", "DPPL", "DRR", "FT", "GE", "RD", "SD", "TE")
PRE = ("CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD")
"""Every metric of the service in the order of its files (G21)."""

FACETS = {"facet": [{"name_or_index": "sex"}], "label_values_or_threshold": [1]}


def resolve_config(*, has_predictions=True, **members):
    config = AnalysisConfig.from_json(json.dumps({**FACETS, **members}))
    return resolve_methods(config, has_predictions=has_predictions, where="analysis_config.json")


def test_a_monitor_asks_for_everything():
    methods = resolve_config()

    assert (methods.pre_training, methods.post_training) == (PRE, POST)


def test_without_predictions_a_monitor_asks_for_what_labels_give():
    methods = resolve_config(has_predictions=False)

    assert (methods.pre_training, methods.post_training) == (PRE, None)


def test_metrics_are_listed_by_name():
    methods = resolve_config(
        methods={"pre_training_bias": {"methods": ["KL", "CI"]}, "post_training_bias": {"methods": "all"}}
    )

    assert (methods.pre_training, methods.post_training) == (("CI", "KL"), POST)


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"facet": None}, "facet is missing; name a column with a sensitive group"),
        ({"label_values_or_threshold": []}, "label_values_or_threshold is missing; list the positive outcomes"),
        (
            {"methods": {"pre_training_bias": {"methods": ["CY"]}}},
            "methods.pre_training_bias.methods names 'CY', which is no such metric; write all, or some of CDDL, CI",
        ),
        ({"methods": {"pre_training_bias": {"methods": []}}}, "methods.pre_training_bias.methods is empty"),
        ({"methods": {"shap": {}}}, "methods asks for no bias metric"),
        ({"dataset_type": "application/x-image"}, "bias of images is not analysed"),
        ({"time_series_data_config": {"item_id": "i"}}, "bias of time series is not analysed"),
        ({"facet_dataset_uri": "s3://b/f"}, "facet_headers is missing; name the columns of facet_dataset_uri"),
        (
            {"segment_config": [{"name_or_index": 0, "segments": [["a"]], "display_aliases": ["1", "2", "3"]}]},
            "segment_config[0].display_aliases has 3 names; write 1, or 2 with one for the rest",
        ),
    ],
)
def test_what_is_missing_or_out_of_scope_is_a_sentence(members, sentence):
    with pytest.raises(BadConfiguration) as caught:
        resolve_config(**members)

    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("predictor", "remedy"),
    [
        (None, "needs the model's predictions; name their column as predicted_label"),
        ({"model_name": "m"}, "or write --model with the file of the model m, its address or module:function"),
    ],
)
def test_post_training_metrics_without_predictions_are_refused(predictor, remedy):
    methods = {"post_training_bias": {"methods": "all"}}

    with pytest.raises(BadConfiguration, match=remedy):
        resolve_config(has_predictions=False, methods=methods, predictor=predictor)


def test_all_faults_are_reported_at_once():
    with pytest.raises(BadConfiguration) as caught:
        resolve_config(facet=[], label_values_or_threshold=[], dataset_type="application/x-image")

    assert len(str(caught.value).splitlines()) == 3
