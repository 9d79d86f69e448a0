"""Captured lines as Spark takes them for a merge, held against Python's own JSON parser."""

from __future__ import annotations

import json

import pytest
from tests.spark.merging.records import FIRST, captured, write_lines
from tests.unit.records.captured_lines import some_lines

from model_monitor.merging.captured import HOUR, KEY, LINE, OPENED, TIME, captured_records
from model_monitor.merging.sources import list_hours
from model_monitor.records.refusals import REASON, Refusal
from model_monitor.records.request_metadata import MEMBER


@pytest.fixture
def read(spark, tmp_path):
    """`read(lines)` gives the rows of captured lines in the folder of the tests' first hour."""

    def reading(lines, folder="2024/03/04/00", hours=None):
        path = tmp_path / folder / "a.jsonl"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        return captured_records(spark, list_hours(spark, str(tmp_path), None), hours=hours).collect()

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
    data, metadata = document.get("captureData"), document.get("eventMetadata") or {}
    halves = data.get("endpointOutput") or {} if isinstance(data, dict) else None
    if not isinstance(halves, dict) or not isinstance(metadata, dict):
        return Refusal.NOT_A_CAPTURE, None
    key = metadata.get("inferenceId") or metadata.get("eventId")
    if key and data == {} and document.get(MEMBER) is not None:
        return Refusal.WITHOUT_DATA, None
    return (0, key) if key else (Refusal.NO_ID, None)


def test_every_kind_of_line_is_taken_as_pythons_parser_takes_it(read):
    lines = sorted({line for line in some_lines(seed=3, count=1500) if _is_text(line)})
    found = {row[LINE].encode(): (row[REASON], row[KEY]) for row in read(lines)}

    assert [line for line in lines if found[line] != expected(line)] == []
    assert {expected(line)[0] for line in lines} >= {0, Refusal.NOT_A_JSON_OBJECT, Refusal.NOT_A_CAPTURE, Refusal.NO_ID}


def _is_text(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


GOOD = json.dumps(captured(1))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(GOOD + "  \t", 0, id="blanks behind it"),
        pytest.param(GOOD + " x", Refusal.NOT_A_JSON_OBJECT, id="something behind it"),
        pytest.param(GOOD + "}", Refusal.NOT_A_JSON_OBJECT, id="a brace behind it"),
        pytest.param(GOOD + GOOD, Refusal.NOT_A_JSON_OBJECT, id="two of them"),
        pytest.param(GOOD + "x}", Refusal.NOT_A_JSON_OBJECT, id="an end behind it"),
        pytest.param(GOOD[:-1], Refusal.NOT_A_JSON_OBJECT, id="cut by a brace"),
        pytest.param(GOOD[:-2], Refusal.NOT_A_JSON_OBJECT, id="cut by two"),
        pytest.param(str(captured(1)), Refusal.NOT_A_JSON_OBJECT, id="single quotes"),
        pytest.param(f"[{GOOD}]", Refusal.NOT_A_JSON_OBJECT, id="an array"),
        pytest.param(GOOD.replace("31,5", "31,'5'"), 0, id="an apostrophe in the data"),
        pytest.param(GOOD.replace("31,5", "31\t5"), Refusal.NOT_A_JSON_OBJECT, id="a tab in the data"),
        pytest.param(json.dumps(captured(1, captureData=None)), Refusal.NOT_A_CAPTURE, id="no data"),
        pytest.param(json.dumps(captured(1, captureData="x")), Refusal.NOT_A_CAPTURE, id="a text for the data"),
        pytest.param(json.dumps(captured(1, eventMetadata=5)), Refusal.NOT_A_CAPTURE, id="a number for the metadata"),
        pytest.param(json.dumps(captured(1, eventMetadata={"eventId": ""})), Refusal.NO_ID, id="an empty id"),
        pytest.param(json.dumps(captured(1, eventMetadata={})), Refusal.NO_ID, id="no id"),
        pytest.param("{ }", Refusal.NOT_A_CAPTURE, id="nothing in it"),
        pytest.param(json.dumps(captured(1, captureData={}, requestMetadata={"status": 500})), Refusal.WITHOUT_DATA, id="failed"),
    ],
)  # fmt: skip
def test_a_line_is_one_object_to_its_end(read, line, reason):
    [row] = read([line.encode()])

    assert row[REASON] == reason
    assert row[KEY] == ("event-1" if reason == 0 else None)
    assert reason != 0 or row[OPENED] + "}" == line.strip()


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
    record = captured(1)
    record["eventMetadata"]["inferenceTime"] = written
    [row] = read([json.dumps(record).encode()])

    assert row[HOUR] == FIRST
    assert row[TIME] == (FIRST * 3600 + seconds) * 1_000_000


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
    record = captured(1)
    record["eventMetadata"]["inferenceTime"] = written
    [row] = read([json.dumps(record).encode()], folder="flat", hours=[FIRST])

    assert row[REASON] == reason
    assert row[HOUR] == (FIRST if reason == 0 else None)


def test_bytes_that_are_no_text_are_refused(spark, tmp_path):
    path = write_lines(tmp_path / "2024/03/04/00/a.jsonl", [GOOD])
    path.write_bytes(path.read_bytes().replace(b"31,5", b"31,\xff5"))
    frame = captured_records(spark, list_hours(spark, str(tmp_path), None), hours=None)

    assert [row[REASON] for row in frame.select(REASON).collect()] == [Refusal.NOT_UTF_8]
