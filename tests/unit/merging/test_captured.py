"""Captured lines as a merge takes them, many at once, held against Python's own JSON parser."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from tests.spark.merging.records import FIRST, make_capture
from tests.unit.merging.lines import capture_rows, counts_in, list_locations, read_batches
from tests.unit.records.captured_lines import some_lines

from spark_model_monitor.data.records import REQUEST_METADATA
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.running.merging.captured import (
    REFUSED_CAPTURES,
    Captures,
    RequestDecoder,
    parse_captured_record,
)
from spark_model_monitor.running.merging.labelling_sample import Score
from spark_model_monitor.running.merging.merge_rows import Role


def decoded(lines):
    """Reason and key of each line."""
    records = RequestDecoder()(pa.array(lines, pa.binary()).view(pa.string()))
    return list(zip(records.reasons.tolist(), records.keys.to_pylist(), strict=True))


@pytest.fixture
def read(tmp_path):
    """`read(lines)` gives the rows of captured lines in the folder of the tests' first hour, and why others are refused."""

    def reading(lines, folder="2024/03/04/00", hours=None):
        path = tmp_path / folder / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        rows = capture_rows(tmp_path, hours=hours)
        captures = [row for batch in rows for row in batch.to_pylist() if row["role"] == Role.CAPTURE]
        return captures, [reason for (reason,) in counts_in(rows).select(REFUSED_CAPTURES)]

    return reading


def expected(line: bytes) -> tuple[int, str | None]:
    """Why a line is refused, 0 if it isn't, and the id that it is joined by: C3.1 and C6.2a in plain Python."""
    try:
        document = json.loads(line.decode())
    except UnicodeDecodeError:
        return Refusal.NOT_UTF_8, None
    except ValueError:
        return Refusal.NOT_A_JSON_OBJECT, None
    if not isinstance(document, dict):
        return Refusal.NOT_A_JSON_OBJECT, None
    data = document.get("captureData")
    metadata = document.get("eventMetadata") or {}
    halves = None
    if isinstance(data, dict):
        halves = data.get("endpointOutput") or {}
    if not isinstance(halves, dict) or not isinstance(metadata, dict):
        return Refusal.NOT_A_CAPTURE, None
    key = metadata.get("inferenceId") or metadata.get("eventId")
    if key and data == {} and document.get(REQUEST_METADATA) is not None:
        return Refusal.WITHOUT_DATA, None
    if key:
        return (0, key)
    return (Refusal.NO_ID, None)


def test_every_kind_of_line_is_taken_as_pythons_parser_takes_it():
    lines = sorted(set(some_lines(seed=3, count=1500)))
    decoded_lines = dict(zip(lines, decoded(lines), strict=True))
    keyed = {line: expected(line) for line in lines}

    assert [line for line in lines if decoded_lines[line][0] != keyed[line][0]] == []
    assert [line for line in lines if not keyed[line][0] and decoded_lines[line] != keyed[line]] == []
    assert {reason for reason, _ in keyed.values()} >= {
        *(0, Refusal.NOT_A_JSON_OBJECT, Refusal.NOT_A_CAPTURE, Refusal.NO_ID, Refusal.NOT_UTF_8)
    }


def test_lines_that_are_alike_are_taken_as_each_of_them_alone():
    """By the thousand, beside one that differs, and one by one."""
    documents = [make_capture(number, inference_id=f"id {number}" if number % 3 else None) for number in range(100)]
    documents[7]["eventMetadata"] = {"eventId": ""}
    documents[8]["futureMember"] = {"a": [1, 2.50]}
    documents[9]["eventMetadata"]["eventId"] = 'quoted "id"'
    documents[10]["eventMetadata"]["inferenceId"] = 10.50
    lines = [json.dumps(document).encode() for document in documents]
    alone = [parse_captured_record(line) for line in lines]

    assert decoded(lines) == [(line.reason, line.key) for line in alone]
    assert [decoded([line])[0] for line in lines] == decoded(lines)
    assert decoded(lines)[7:11] == [(Refusal.NO_ID, None), (0, "id 8"), (0, 'quoted "id"'), (0, "10.5")]


GOOD = json.dumps(make_capture(1))
FAILED = {"status": 500}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(GOOD + "  \t", 0, id="blanks behind it"),
        pytest.param(GOOD + " x", Refusal.NOT_A_JSON_OBJECT, id="something behind it"),
        pytest.param(GOOD + "x}", Refusal.NOT_A_JSON_OBJECT, id="an end behind it"),
        pytest.param(GOOD[:-1], Refusal.NOT_A_JSON_OBJECT, id="cut by a brace"),
        pytest.param(str(make_capture(1)), Refusal.NOT_A_JSON_OBJECT, id="single quotes"),
        pytest.param(f"[{GOOD}]", Refusal.NOT_A_JSON_OBJECT, id="an array"),
        pytest.param(GOOD.replace("31,5", "31,'5'"), 0, id="an apostrophe in the data"),
        pytest.param(GOOD.replace("31,5", "31\t5"), Refusal.NOT_A_JSON_OBJECT, id="a tab in the data"),
        pytest.param(json.dumps(make_capture(1, captureData=None)), Refusal.NOT_A_CAPTURE, id="no data"),
        pytest.param(json.dumps(make_capture(1, eventMetadata=5)), Refusal.NOT_A_CAPTURE, id="a number for the metadata"),
        pytest.param(json.dumps(make_capture(1, eventMetadata={"eventId": ""})), Refusal.NO_ID, id="an empty id"),
        pytest.param(json.dumps(make_capture(1, captureData={}, requestMetadata=FAILED)), Refusal.WITHOUT_DATA, id="failed"),
    ],
)  # fmt: skip
def test_a_line_is_one_object_to_its_end(read, line, reason):
    rows, reasons = read([line.encode()])

    assert [(row["key"], row["text"] + "}") for row in rows] == ([] if reason else [("event-1", line.strip())])
    assert reasons == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("2024-03-04T00:10:00Z", 600),
        ("2024-03-04T00:10:00.250000", 600.25),
        ("2024-03-04T02:10:00+02:00", 600),
        ("2024-03-04 00:10:00", 600),
        ("2024-03-03T23:59:59Z", -1),
        ("12:30", 0),
        ("yesterday", 0),
        (None, 0),
    ],
)
def test_times_are_read_and_others_are_the_beginning_of_the_folders_hour(read, written, seconds):
    record = make_capture(1)
    record["eventMetadata"]["inferenceTime"] = written
    [row], _ = read([json.dumps(record).encode()])

    assert row["hour"] == FIRST
    assert row["time"] == (FIRST * 3600 + seconds) * 1_000_000


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2024-03-04T00:10:00Z", 0),
        ("2024-03-04T01:00:00Z", Refusal.OUTSIDE_WINDOW),
        ("12:30", Refusal.UNREADABLE_TIME),
        (None, Refusal.UNREADABLE_TIME),
    ],
)
def test_outside_hour_folders_the_time_decides(read, written, reason):
    record = make_capture(1)
    record["eventMetadata"]["inferenceTime"] = written
    rows, reasons = read([json.dumps(record).encode()], folder="flat", hours=[FIRST])

    assert [row["hour"] for row in rows] == ([] if reason else [FIRST])
    assert reasons == ([reason] if reason else [])


def test_bytes_that_are_no_text_are_refused_and_kept_as_they_are(tmp_path):
    path = tmp_path / "2024/03/04/00/a.jsonl"
    path.parent.mkdir(parents=True)
    bad = GOOD.encode().replace(b"31,5", b"31,\xff5")
    path.write_bytes(b"\n".join([bad, *[GOOD.encode()] * 20]) + b"\n")
    [refused] = Captures(RequestDecoder(), list_locations(tmp_path)).refused(read_batches(tmp_path))

    assert refused.column("__line").view(pa.binary()).to_pylist() == [bad]
    assert refused.select(["__reason", "__file"]).to_pylist() == [
        {"__reason": Refusal.NOT_UTF_8, "__file": f"file:{path}"}
    ]
    assert len(capture_rows(tmp_path)[1]) == 20


HALVES_OF_A_PAIR = ["\ud800", "\udc00"]


@pytest.mark.parametrize("half", HALVES_OF_A_PAIR)
@pytest.mark.parametrize("before", [0, 40])
@pytest.mark.parametrize(
    "event",
    [
        pytest.param(lambda half: {"eventId": f"event {half}"}, id="the event's id"),
        pytest.param(lambda half: {"eventId": "event", "inferenceId": half}, id="the id that is joined by"),
        pytest.param(lambda half: {"eventId": half, "inferenceId": "id"}, id="the event's id beside it"),
        pytest.param(lambda half: {"eventId": [half]}, id="an id that is no text"),
    ],
)
def test_an_id_with_half_a_pair_of_surrogates_is_no_id_but_a_reason(event, half, before):
    """With a mark in its place two events would be one: what UTF-8 can't spell is refused, as all readers of records do."""
    lines = [json.dumps(make_capture(number)).encode() for number in range(before)]

    decoded_lines = decoded([*lines, json.dumps(make_capture(1, eventMetadata=event(half))).encode()])

    assert decoded_lines[before:] == [(Refusal.NOT_UTF_8, None)]
    assert {reason for reason, _ in decoded_lines[:before]} <= {0}


def test_half_a_pair_of_surrogates_elsewhere_is_merged_as_it_stands(read):
    line = json.dumps(make_capture(1) | {"more": "\ud800"}).replace("31,5", "31,\\ud800")

    rows, reasons = read([line.encode()])

    assert [row["text"] + "}" for row in rows] == [line]
    assert reasons == []


@pytest.mark.parametrize(
    ("encoding", "reply"), [("CSV", "0.5\ud800"), ("JSON", '{"0": "\ud800"}'), ("JSON", '["\\ud800"]')]
)
def test_a_score_that_is_no_text_is_none(reply, encoding):
    record = make_capture(1)
    record["captureData"]["endpointOutput"] = {"data": reply, "encoding": encoding}
    lines = pa.array([json.dumps(record).encode()], pa.binary()).view(pa.string())

    records = RequestDecoder(Score("0"))(lines)

    assert not any(records.scores.to_pylist())
    assert records.reasons.tolist() == [0]
