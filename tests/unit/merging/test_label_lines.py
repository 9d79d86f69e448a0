"""Ground truth that is no plain JSON: what is repaired, what is refused, and what for."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.labels import Label, Repair, parse_label_file, parse_label_line

RECORD = {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "a"}, "eventVersion": "0"}
OTHER = {"groundTruthData": {"data": "0", "encoding": "CSV"}, "eventMetadata": {"eventId": "b"}, "eventVersion": "0"}
TRUTH = '{"data":"1","encoding":"CSV"}'
OTHER_TRUTH = '{"data":"0","encoding":"CSV"}'


def summarize_labels(labels: list[Label]) -> list[tuple[str | None, str | None, int, int]]:
    return [(label.event_id, label.truth, label.reason, label.repair) for label in labels]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(json.dumps(RECORD), [("a", TRUTH, 0, 0)], id="plain"),
        pytest.param(json.dumps([RECORD, OTHER]), [("a", TRUTH, 0, 0), ("b", OTHER_TRUTH, 0, 0)], id="an array"),
        # aws/sagemaker-python-sdk#3224: written by str(dict), and joined by ","
        pytest.param(str(RECORD), [("a", TRUTH, 0, Repair.PYTHON_LITERAL)], id="str(dict)"),
        pytest.param(
            ",".join([json.dumps(RECORD), json.dumps(OTHER)]),
            [("a", TRUTH, 0, Repair.JOINED_BY_COMMAS), ("b", OTHER_TRUTH, 0, Repair.JOINED_BY_COMMAS)],
            id="joined by commas",
        ),
        pytest.param(json.dumps(RECORD) + ",", [("a", TRUTH, 0, Repair.JOINED_BY_COMMAS)], id="a comma behind it"),
        pytest.param(
            f"{RECORD}, {OTHER}",
            [("a", TRUTH, 0, Repair.PYTHON_LITERAL), ("b", OTHER_TRUTH, 0, Repair.PYTHON_LITERAL)],
            id="several str(dict)",
        ),
        pytest.param(
            '{"groundTruthData": {"data": 1.5}, "eventMetadata": {"eventId": 7}}',
            [("7", '{"data":"1.5","encoding":"CSV"}', 0, 0)],
            id="numbers for texts",
        ),
        pytest.param(
            '{"groundTruthData": {"data": {"label": 1}, "encoding": "JSON"}, "eventMetadata": {"eventId": "a"}}',
            [("a", '{"data":"{\\"label\\":1}","encoding":"JSON"}', 0, 0)],
            id="an object for a text",
        ),
    ],
)
def test_what_people_write_is_read(line, expected):
    assert summarize_labels(parse_label_line(line.encode())) == expected


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"yes", Refusal.NOT_A_JSON_OBJECT, id="no JSON"),
        pytest.param(b'{"groundTruthData": {"da', Refusal.NOT_A_JSON_OBJECT, id="cut"),
        pytest.param(b"5", Refusal.NOT_GROUND_TRUTH, id="a number"),
        pytest.param(b"[]", Refusal.NOT_GROUND_TRUTH, id="no record"),
        pytest.param(b'{"captureData": {}}', Refusal.NOT_GROUND_TRUTH, id="a capture"),
        pytest.param(b'{"groundTruthData": "1"}', Refusal.NOT_GROUND_TRUTH, id="a text for the label"),
        pytest.param(b'{"groundTruthData": {"data": "1"}}', Refusal.NO_ID, id="no id"),
        pytest.param(
            b'{"groundTruthData": {"data": "1"}, "eventMetadata": {"eventId": ""}}', Refusal.NO_ID, id="empty id"
        ),
        pytest.param(
            b'{"groundTruthData": {"data": " "}, "eventMetadata": {"eventId": "a"}}', Refusal.NO_LABEL, id="blank"
        ),
        pytest.param(
            b'{"groundTruthData": {"data": "NaN"}, "eventMetadata": {"eventId": "a"}}', Refusal.NO_LABEL, id="NaN"
        ),
        pytest.param(
            b'{"groundTruthData": {"data": "1", "encoding": "XML"}, "eventMetadata": {"eventId": "a"}}',
            Refusal.UNKNOWN_ENCODING,
            id="encoding",
        ),
        pytest.param(b'{"eventMetadata": {"eventId": "\xff"}}', Refusal.NOT_UTF_8, id="not UTF-8"),
        pytest.param(b"__import__('os').getcwd()", Refusal.NOT_A_JSON_OBJECT, id="a program is not run"),
    ],
)
def test_what_is_no_label_is_refused_for_its_reason(line, reason):
    assert parse_label_line(line) == [Label(reason=reason, line=line)]


def test_a_line_of_several_records_is_refused_as_a_whole():
    line = json.dumps([RECORD, {"groundTruthData": {"data": "1"}}]).encode()

    assert parse_label_line(line) == [Label(reason=Refusal.NO_ID, line=line)]


def test_nothing_is_repaired_where_that_is_not_wanted():
    joined = ",".join([json.dumps(RECORD), json.dumps(OTHER)]).encode()

    assert parse_label_line(str(RECORD).encode(), repairing=False)[0].reason == Refusal.NOT_A_JSON_OBJECT
    assert parse_label_line(joined, repairing=False)[0].reason == Refusal.SEVERAL_JSON_OBJECTS


@pytest.mark.parametrize("write", [lambda records: json.dumps(records, indent=2), str], ids=["JSON", "str(list)"])
def test_a_file_that_is_one_array_gives_its_elements(write):
    labels = parse_label_file(write([RECORD, OTHER, {"eventVersion": "0"}]).encode())

    assert [(label.event_id, label.reason) for label in labels] == [
        ("a", 0),
        ("b", 0),
        (None, Refusal.NOT_GROUND_TRUTH),
    ]
    assert labels[2].content == '{"eventVersion": "0"}'


def test_a_file_that_only_begins_as_an_array_is_read_line_by_line():
    labels = parse_label_file(f"[{json.dumps(RECORD)}]\n{json.dumps(OTHER)}\n".encode())

    assert [label.event_id for label in labels] == ["a", "b"]


def record_with(data="1", event_id="a", encoding="CSV"):
    return {"groundTruthData": {"data": data, "encoding": encoding}, "eventMetadata": {"eventId": event_id}}


def refused(labels):
    """Reason and line of labels that say nothing else."""
    assert [(label.event_id, label.truth, label.content) for label in labels] == [(None, None, None)] * len(labels)
    return [(label.reason, label.line) for label in labels]


HALVES_OF_A_PAIR = ["\ud800", "\udc00"]


@pytest.mark.parametrize("half", HALVES_OF_A_PAIR)
@pytest.mark.parametrize("write", [json.dumps, str, lambda record: json.dumps(record) + ","], ids=["JSON", "str", ","])
@pytest.mark.parametrize(
    "record",
    [
        pytest.param(lambda half: record_with(half), id="the label"),
        pytest.param(lambda half: record_with({"a": half}, encoding="JSON"), id="in the label"),
        pytest.param(lambda half: record_with("1", f"a{half}"), id="the id"),
    ],
)
def test_half_a_pair_of_surrogates_is_no_label_and_no_id(record, write, half):
    line = write(record(half)).encode()

    assert refused(parse_label_line(line)) == [(Refusal.NOT_UTF_8, line)]


NO_JSON = {
    "bytes": b"1",
    "bytes in an object": {"a": b"1"},
    "a set": {1, 2},
    "a tuple for a name": {(1, 2): 3},
    "a complex number": 3j,
    "an ellipsis": ...,
}


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in NO_JSON.items()])
@pytest.mark.parametrize("member", ["data", "event_id"])
def test_a_value_that_json_can_not_write_is_of_another_type(value, member):
    line = str(record_with(**{member: value})).replace("Ellipsis", "...").encode()

    assert refused(parse_label_line(line)) == [(Refusal.NOT_GROUND_TRUTH, line)]


@pytest.mark.parametrize("value", [pytest.param(value, id=name) for name, value in NO_JSON.items()])
@pytest.mark.parametrize("wrap", [lambda value: record_with(value), lambda value: {"x": value}, lambda value: [value]])
def test_an_element_that_json_can_not_write_is_kept_as_text_and_its_neighbours_are_read(value, wrap):
    content = str([RECORD, wrap(value), OTHER]).replace("Ellipsis", "...").encode()

    labels = parse_label_file(content)

    assert [label.reason for label in labels] == [0, Refusal.NOT_GROUND_TRUTH, 0]
    assert all(label.content.encode() for label in labels)


def test_an_element_with_half_a_pair_of_surrogates_is_kept_as_json_spells_it():
    labels = parse_label_file(json.dumps([RECORD, {"x": "\ud800"}], indent=1).encode())

    assert labels[1].content == '{"x": "\\ud800"}'


@pytest.mark.parametrize("member", ["data", "event_id", "encoding"])
def test_a_number_that_python_will_not_write_is_of_another_type(member):
    line = str(record_with(**{member: "number"})).replace("'number'", "0x1" + "0" * 5_000).encode()

    assert refused(parse_label_line(line)) == [(Refusal.NOT_GROUND_TRUTH, line)]
    assert [label.reason for label in parse_label_file(b"[" + line + b",\n 1]")] == [Refusal.NOT_GROUND_TRUTH] * 2
