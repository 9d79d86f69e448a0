"""Outputs of batch transforms in JSON: id and time are taken out, everything else stays to the last character."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from spark_model_monitor.data.records import JSON
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import (
    TransformDecoder,
    TransformOutput,
    parse_csv_output,
    parse_transform_output,
)
from spark_model_monitor.running.merging.labelling_sample import Score


def test_id_and_time_are_cut_out_of_the_text():
    other_members = '"SageMakerOutput":{"score":0.10,"n":1E5},"features":[1, 2.0]}'
    text = '{"SageMakerInferenceId":"i","SageMakerInferenceTime":"t",' + other_members

    assert parse_transform_output(text) == TransformOutput("i", "t", "{" + other_members)


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
    assert parse_transform_output(text) == expected


@pytest.mark.parametrize(
    "text", ["", "5", "[1]", '{"a":1', '{"a":1,}', '{"a" 1}', '{"a":1} x', "{5:1}", '{"a":}', "{,}"]
)
def test_what_is_no_object_is_said_to_be_none(text):
    assert parse_transform_output(text) == TransformOutput(is_json=False)


@pytest.mark.parametrize("text", ['{"a": {"b": [1, {"c": "}"}]}, "d": null}', ' { "a" : true } '])
def test_an_object_is_taken_apart_exactly_when_json_reads_it(text):
    assert json.loads(parse_transform_output(text).data) == json.loads(text)


def test_an_output_without_an_id_is_refused_for_that_whatever_its_time_is():
    lines = ['{"SageMakerInferenceTime": "\\ud800"}', '{"SageMakerInferenceId": "i"}']
    records = TransformDecoder(JSON)(pa.array(lines))

    assert records.reasons.tolist() == [Refusal.NO_ID, 0]


def test_an_output_that_is_no_text_is_refused_beside_a_good_one():
    lines = pa.array([b'{"SageMakerInferenceId":"i","x":"\t"}'.replace(b"\t", b"\\t"), b"\xff", b"[]"], pa.binary())

    records = TransformDecoder(JSON)(lines.view(pa.string()))

    assert records.reasons.tolist() == [0, Refusal.NOT_UTF_8, Refusal.NOT_A_JSON_OBJECT]
    texts = json.loads(records.texts[0].as_py() + "}")
    assert texts["captureData"]["batchTransformOutput"] == {"data": '{"x":"\\t"}', "encoding": "JSON"}


@pytest.mark.parametrize(
    ("line", "output"),
    [
        ('7,"a, b",0.10, i ,2024-03-04T00:49:15Z', TransformOutput("i", "2024-03-04T00:49:15Z", '7,"a, b",0.10')),
        ('7,"i" , "2024-03-04T00:49:15Z" ', TransformOutput("i", "2024-03-04T00:49:15Z", "7")),
        ("8,0.2,0.3,0.4", TransformOutput()),
        ("8", TransformOutput()),
    ],
)
def test_the_last_two_cells_of_a_line_are_its_id_and_time_if_the_last_one_is_a_time(line, output):
    assert parse_csv_output(line) == output


HALVES_OF_A_PAIR = ["\ud800", "\udc00"]


@pytest.mark.parametrize("half", HALVES_OF_A_PAIR)
def test_an_id_with_half_a_pair_of_surrogates_is_refused_and_data_with_one_stays_as_it_is(half):
    good = {"SageMakerInferenceId": "i", "score": half}
    lines = [json.dumps(record).encode() for record in ({"SageMakerInferenceId": f"i{half}", "score": 1}, good)]

    records = TransformDecoder(JSON, Score("score"))(pa.array(lines, pa.binary()).view(pa.string()))

    assert records.reasons.tolist() == [Refusal.NOT_UTF_8, 0]
    assert records.keys.to_pylist() == [None, "i"]
    assert records.scores.to_pylist()[1] is None
    texts = json.loads(records.texts[1].as_py() + "}")
    assert json.loads(texts["captureData"]["batchTransformOutput"]["data"]) == {"score": half}
