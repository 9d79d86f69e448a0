"""Outputs of batch transforms in JSON: id and time are taken out, everything else stays to the last character."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from model_monitor.merging.transform_lines import TransformOutput, split_outputs, transform_output


def test_id_and_time_are_cut_out_of_the_text():
    rest = '"SageMakerOutput":{"score":0.10,"n":1E5},"features":[1, 2.0]}'
    text = '{"SageMakerInferenceId":"i","SageMakerInferenceTime":"t",' + rest

    assert transform_output(text) == TransformOutput("i", "t", "{" + rest)


IN_A_TEXT = '{"a":"\\"SageMakerInferenceId\\":\\"x\\""}'
FURTHER_IN = '{"a":{"SageMakerInferenceId":"x"}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('{"a": 1 , "SageMakerInferenceId" : "i"}', TransformOutput("i", None, '{"a": 1}'), id="last"),
        pytest.param(' {\n "SageMakerInferenceId": "i" }\n', TransformOutput("i", None, "{}"), id="nothing else"),
        pytest.param(IN_A_TEXT, TransformOutput(None, None, IN_A_TEXT), id="in a text"),
        pytest.param(FURTHER_IN, TransformOutput(None, None, FURTHER_IN), id="further in"),
        pytest.param('{"SageMakerInferenceId":7}', TransformOutput("7", None, "{}"), id="a number"),
        pytest.param("{}", TransformOutput(None, None, "{}"), id="empty"),
    ],
)
def test_members_stay_as_they_are(text, expected):
    assert transform_output(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "[1]", '{"a":1', '{"a":1,}', '{"a" 1}', '{"a":1} x', "{5:1}", '{"a":}', "{,}"]
)
def test_what_is_no_object_is_said_to_be_none(text):
    assert transform_output(text) == TransformOutput(is_json=False)


@pytest.mark.parametrize("text", ['{"a": {"b": [1, {"c": "}"}]}, "d": null}', ' { "a" : true } '])
def test_an_object_is_taken_apart_exactly_when_json_reads_it(text):
    assert json.loads(transform_output(text).data) == json.loads(text)


def test_batches_keep_their_other_columns_and_bytes_that_are_no_text():
    lines = pa.array([b'{"SageMakerInferenceId":"i"}', b"\xff"], pa.binary()).view(pa.string())
    batch = pa.RecordBatch.from_arrays([lines, pa.array([1, 2])], names=["__line", "n"])

    [found] = split_outputs([batch])

    assert found.schema.names == ["__key", "__written", "__data", "__is_json", "__line", "n"]
    assert found.column(0).to_pylist() == ["i", None]
    assert found.column(3).to_pylist() == [True, False]
    assert found.column(5).to_pylist() == [1, 2]
