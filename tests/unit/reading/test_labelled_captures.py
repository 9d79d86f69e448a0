"""Captures whose features, label and prediction are columns of one table."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.captures import list_captures
from spark_model_monitor.data.reading.labelled_records import read_labelled
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.errors import BadConfiguration

RECORD = {
    "captureData": {
        "endpointInput": {"data": "31,basic", "encoding": "CSV"},
        "endpointOutput": {"data": "0.7", "encoding": "CSV"},
    },
    "groundTruthData": {"data": "1", "encoding": "CSV"},
    "eventMetadata": {"eventId": "1", "inferenceTime": "2024-03-04T20:10:00Z"},
}


def read_names(folder, headers):
    file = folder / "merged.jsonl"
    file.write_text(json.dumps(RECORD) + "\n")
    # The label comes from outside, the prediction is the first cell of the output
    engine = LocalEngine()
    records = Reading(("endpointInput", "endpointOutput"))
    reading = OutcomeReading(None, "0", None, records=records, features=FeatureReading())
    with read_labelled(engine, list_captures(engine, str(folder)), reading, headers) as dataset:
        return list(dataset.names)


@pytest.mark.parametrize(
    ("headers", "first_names"),
    [
        pytest.param(None, ["column_0", "column_1"], id="none"),
        pytest.param(["age", "plan"], ["age", "plan"], id="of the features"),
        pytest.param(["age", "plan", "churned"], ["age", "plan", "churned"], id="with the label's"),
        pytest.param(["age", "plan", "churned", "score"], ["age", "plan", "churned", "score"], id="with both"),
    ],
)
def test_headers_name_the_features_first_and_then_label_and_prediction(tmp_path, headers, first_names):
    names = read_names(tmp_path, headers)

    assert names[: len(first_names)] == first_names
    assert len(names) == len(set(names)) == 4


@pytest.mark.parametrize("headers", [["age"], ["age", "plan", "churned", "score", "more"]])
def test_too_few_or_too_many_headers_are_refused(tmp_path, headers):
    with pytest.raises(BadConfiguration, match=r"a record has 2 features; write 2 names, or 4 with those of label"):
        read_names(tmp_path, headers)
