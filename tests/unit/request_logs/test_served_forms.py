"""Requests and answers of public model servers are read beside a baseline of training data, and columns have their names.

The forms are in request_logs/served_forms.jsonl: two rows and their scores, as the server's documents or its test suite, which
`source` names, have them.
"""

from __future__ import annotations

import base64
import json
import struct

import pytest
from tests.request_log_samples import FOLDER
from tests.unit.reading.read_data_sets import ENGINE, read_account, sort_rows
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.records.refusals import REMEDIES, Refusal

NAMES = ("age", "income", "plan")
ROWS = [("41", "2.5", "3"), ("52", "7.5", "3")]
FORMS = [json.loads(line) for line in (FOLDER / "served_forms.jsonl").read_text().splitlines()]


def read_form(folder, lines):
    (folder / "a.jsonl").write_bytes(b"\n".join(map(encode_line, lines)))
    return read_captures(ENGINE, list_captures(ENGINE, str(folder)), CaptureFormat(), ReadOptions(NAMES))


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form["name"])
def test_a_form_gives_the_columns_of_training_and_names_its_answers(form, tmp_path):
    request = json.dumps(form["request"])
    answer = json.dumps(form["answer"])
    dataset = read_form(tmp_path, [captured(request, answer, encoding="JSON")] * 3)
    _, ledger, _ = read_account(dataset)
    rows = [row[: len(NAMES)] for row in sort_rows(dataset)]

    # Every row is read, and its cells stand where training had them
    assert ledger.refused == {}
    assert dataset.names == (*NAMES, *form["answers"])
    assert rows == sorted(ROWS * 3)
    assert form["source"]


# One row, in an object that a client, a function's argument or a model names
OUTER_MEMBERS = ["applicant", "body", "features", "arguments", "input", "inputs"]


@pytest.mark.parametrize("outer", OUTER_MEMBERS)
def test_members_of_one_object_are_the_columns_of_training(outer, tmp_path):
    row = dict(zip(NAMES, ROWS[0], strict=True))
    request = {"request_id": "a1", outer: row}
    line = captured(json.dumps(request), '{"score": 0.5}', encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "score", "request_id")
    assert sort_rows(dataset) == [(*ROWS[0], "0.5", "a1")]


def test_an_object_whose_members_stand_beside_columns_of_their_names_is_no_row(tmp_path):
    row = dict(zip(NAMES, ROWS[0], strict=True))
    request = {**row, "previous": row}
    line = captured(json.dumps(request), '{"score": 0.5}', encoding="JSON")
    names = read_form(tmp_path, [line]).names

    assert names[:4] == (*NAMES, "score")
    assert names[4:] == tuple(f"previous.{name}" for name in NAMES)


def test_a_tensor_of_one_dimension_with_one_answer_is_a_row(tmp_path):
    """Triton's models without batches have no dimension for rows (its guide, "Model Configuration")."""
    tensor = {"name": "x", "shape": [3], "datatype": "FP32"}
    tensor["data"] = [41, 2.5, 3]
    answer = {"name": "y", "shape": [1], "datatype": "FP32"}
    answer["data"] = [0.5]
    request = json.dumps({"inputs": [tensor]})
    line = captured(request, json.dumps({"outputs": [answer]}), encoding="JSON")
    dataset = read_form(tmp_path, [line])

    assert dataset.names == (*NAMES, "y")
    assert sort_rows(dataset) == [(*ROWS[0], "0.5")]


def make_binary_request():
    """Triton's binary extension: the values stand behind the JSON, whose parameters have their sizes."""
    values = struct.pack("<3f", 41.0, 2.5, 3.0)
    tensor = {"name": "input__0", "shape": [1, 3], "datatype": "FP32", "parameters": {"binary_data_size": len(values)}}
    inputs = [tensor]
    text = json.dumps({"inputs": inputs})
    return text.encode(), values


@pytest.mark.parametrize("content_type", ["application/octet-stream", "application/json"])
def test_tensors_behind_their_json_are_read_by_the_sizes_in_it(tmp_path, content_type):
    content = b"".join(make_binary_request())
    data = base64.b64encode(content).decode()
    line = captured(data, None, encoding="BASE64")
    halves = line["captureData"]
    halves["endpointInput"]["observedContentType"] = content_type
    # The answer has its values in JSON
    halves["endpointOutput"] = {"data": '{"y": 0.5}', "encoding": "JSON"}

    assert sort_rows(read_form(tmp_path, [line])) == [("41.0", "2.5", "3.0", "0.5")]


@pytest.mark.parametrize(
    ("payload", "reason", "server"),
    [
        (make_binary_request()[0].decode(), Refusal.TENSORS_WITHOUT_VALUES, "Triton"),
        ('{"binData": "AAAA"}', Refusal.BYTES_OF_SELDON, "Seldon"),
        ('{"binData": "AAAA", "meta": {}}', Refusal.BYTES_OF_SELDON, "Seldon"),
    ],
)
def test_a_payload_without_its_values_is_refused_with_the_servers_name(tmp_path, payload, reason, server):
    line = captured(payload, '{"p": 1}', encoding="JSON")
    _, ledger, _ = read_account(read_form(tmp_path, [line]))

    assert ledger.refused == {reason.text: 1}
    assert server in reason.text
    assert reason in REMEDIES
