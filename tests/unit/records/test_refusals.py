"""A refusal names the first bad place, and what is wrong there, without a value."""

from __future__ import annotations

import json

import pytest
from tests.unit.records.captured_lines import captured, encode_line

from spark_model_monitor import BadInput, CaptureFormat, DataQualityMonitor, run_baseline
from spark_model_monitor.data.reading.ledger import describe_first_rejected
from spark_model_monitor.data.records.record_faults import describe_fault
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.storage import get_storage


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ('{"a": 1},', "a comma stands after the object"),
        ("[1, 2]", "an array stands"),
        ('{"a": 1', "character 8 is no JSON"),
        ('{"a": "b', "the object doesn't end in this line"),
        ("{", "goes over several lines; write --dataset-format json"),
        ('[{"a": 1},', "goes over several lines; write --dataset-format json"),
        ("{", "if the file is one document, else each object in one line"),
        ('{"a": 1,', "the object doesn't end in this line"),
        ("{'a': 1}", "character 2 is no JSON: single quotes"),
        ('{"a": None}', "a word of Python; write null"),
        ('{"a": 1, "b": nan}', "write null"),
        ("{a: 1}", "a name without quotes"),
        ('{"a": 1} {"a": 2}', "another value follows"),
        ('{"a": 1};', "something stands after the object"),
        ('INFO {"a": 1}', "something stands before the object"),
        ('"{\\"a\\": 1}"', "encoded twice"),
        ('{"a": [1,], "b": 2}', "a comma stands before the end"),
        ('{"a": "x\ty"}', "write it as \\t"),
        ('{"captureData": {"endpointInput": {"data": "1"}, "endpointOutput": {}}}', "has no encoding"),
        ('{"captureData": {"endpointInput": {}}}', "the record has no output"),
        ('{"captureData": {"endpointOutput": {}}}', "the record has no input"),
    ],
)
def test_a_fault_says_what_is_wrong(line, fault):
    assert fault in describe_fault(line)


HALF = {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,2,3", "encoding": "CSV"}
ANSWER = {**HALF, "data": "0.5", "mode": "OUTPUT"}


def write_capture(request: dict[str, str], answer: dict[str, str]) -> str:
    halves = {"endpointInput": request}
    halves["endpointOutput"] = answer
    return json.dumps({"captureData": halves})


CAPTURE = write_capture(HALF, ANSWER)
TWO_ROWS = write_capture({**HALF, "data": "1\n2"}, ANSWER)
NO_ROW = write_capture(HALF, {**ANSWER, "data": ""})
JSON_HALF = {**HALF, "encoding": "JSON"}
PYTHON = write_capture({**JSON_HALF, "data": "{'a': 1}"}, ANSWER)
PYTHON_ANSWER = write_capture(HALF, {**ANSWER, "encoding": "JSON", "data": "{'a': 1}"})
HUGE_INTEGER = write_capture({**JSON_HALF, "data": f'{{"a": {"9" * 5_000}}}'}, ANSWER)


@pytest.mark.parametrize(
    ("reason", "line", "fault"),
    [
        (Refusal.WRONG_NUMBER_OF_CELLS, '1,"2,3",4,5', "the number of cells is 4, not 3"),
        (Refusal.WRONG_NUMBER_OF_CELLS, CAPTURE, "the number of cells is 4, not 3"),
        (Refusal.NOT_A_CAPTURE, '{"a": 1}', "the object has no captureData"),
        (Refusal.UNEQUAL_NUMBERS_OF_ROWS, TWO_ROWS, "the number of rows is 2 in the input and 1 in the output"),
        (Refusal.UNEQUAL_NUMBERS_OF_ROWS, NO_ROW, "the output's data is empty"),
        (Refusal.PAYLOAD_NOT_JSON, PYTHON_ANSWER, "the output's encoding is JSON, but its data isn't: character 2"),
        (Refusal.PAYLOAD_NOT_JSON, HUGE_INTEGER, "the input's data is nested too deep, or has an integer of too many"),
        (Refusal.PAYLOAD_NOT_JSON, PYTHON, "the input's encoding is JSON, but its data isn't: character 2 is no JSON"),
    ],
)
def test_a_fault_says_what_its_reason_means_in_the_line(reason, line, fault):
    assert fault in describe_fault(line, reason.text, width=3)


@pytest.mark.parametrize(
    "line",
    ['{"a": 1}', "1,2,3", "", '{"captureData": {"endpointInput": 1, "endpointOutput": 2}}', f'{{"a": {"9" * 5_000}}}'],
)
def test_lines_without_such_a_fault_get_no_word(line):
    assert describe_fault(line) == ""


def test_lines_with_commas_between_them_are_no_objects(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": 1},\n' * 9, encoding="utf-8")
    with pytest.raises(
        BadInput, match="rows.jsonl: no line is a JSON object; in the first, a comma stands after the object"
    ):
        run_baseline(path, DataQualityMonitor())


@pytest.mark.parametrize(
    ("record", "text"),
    [
        pytest.param({"line_number": 7, "line": "x" * 17 * 2**20}, ", the first from line 7 of a.jsonl", id="long"),
        pytest.param({"line_number": 0, "line": "[1]"}, "", id="of a request log"),
    ],
)
def test_the_first_of_a_quarantine_is_described_as_far_as_its_line_is_known(tmp_path, record, text):
    (tmp_path / "00000.jsonl").write_text(json.dumps({"file": "a.jsonl", **record}) + "\n")
    assert describe_first_rejected(get_storage(str(tmp_path)), str(tmp_path)) == text


def test_requests_without_an_answer_are_named_by_the_first(tmp_path):
    lines = [encode_line(captured(output=None if index in (3, 7) else "0.5")) for index in range(20)]
    (tmp_path / "captures").mkdir()
    (tmp_path / "captures" / "00.jsonl").write_bytes(b"\n".join(lines))
    with pytest.raises(BadInput, match=r"the first from line 4 of .*00.jsonl, where the record has no output"):
        run_baseline(
            str(tmp_path / "captures"),
            DataQualityMonitor(),
            dataset_format=CaptureFormat(),
            output_path=str(tmp_path / "out"),
        )
