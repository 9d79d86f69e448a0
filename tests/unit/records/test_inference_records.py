"""A captured record as scripts written for the service ask for it."""

from __future__ import annotations

import json

import pytest
from tests.unit.records.captured_lines import captured

from spark_model_monitor.data.records.script_records import InferenceRecord


def test_every_attribute_of_the_contract():
    document = {**captured("1,2", "0.5", inferenceId="7", customAttributes=["x"]), "groundTruthData": {"data": "1"}}
    record = InferenceRecord(document)

    assert (record.endpoint_input.data, record.endpoint_input.encoding, record.endpoint_input.mode) == (
        "1,2",
        "CSV",
        "INPUT",
    )
    assert record.endpoint_input.observedContentType == "text/csv"
    assert record.endpoint_output.as_dict() == document["captureData"]["endpointOutput"]
    assert record.batch_transform_output is None
    assert record.ground_truth.data == "1"
    assert (record.event_metadata.event_id, record.event_metadata.inference_id) == ("a", "7")
    assert record.event_metadata.event_time == "2022-04-18T00:10:00Z"
    assert record.event_metadata.custom_attribute == ["x"]
    assert (record.event_version, record.event_dict, record.as_dict()) == ("0", document, document)
    assert json.loads(str(record)) == document
    assert json.loads(str(record.endpoint_input)) == document["captureData"]["endpointInput"]


def test_the_form_of_2019():
    record = InferenceRecord(captured("1,2", "0.5"))

    assert record.event_data.endpointInput.encoding == "CSV"
    assert record.event_data.endpointOutput.data == "0.5"


def test_what_was_not_captured_is_none():
    record = InferenceRecord({"captureData": {}})

    assert record.endpoint_input is None
    assert record.endpoint_output is None
    assert record.ground_truth is None
    assert record.event_metadata.event_id is None


@pytest.mark.parametrize("metadata", [{}, {"customAttributes": None}, {"customAttributes": []}])
def test_a_record_without_custom_attributes_has_none_for_published_scripts(metadata):
    record = InferenceRecord(captured("1,2", "0.5", **metadata))
    attributes = record.event_metadata.custom_attribute

    assert (json.loads(attributes[0]) if attributes is not None else None) is None
