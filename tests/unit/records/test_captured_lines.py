"""Captured lines by the thousand: the same rows, reasons and numbers of cells as line by line, in the lines' order."""

from __future__ import annotations

import base64
import json
import random
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from tests.unit.records.captured_lines import MAKERS, captured, encode_line, some_json_lines, some_lines

from spark_model_monitor.data.records.capture_documents import parse_documents
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.decoding import Reading, RecordSelection, decode
from spark_model_monitor.data.records.locations import FILE_KEY, LINE, FilesByKey
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window

BOTH = ("endpointInput", "endpointOutput")
READING = Reading(BOTH, ("p", "a", "b"), 3)
SAMPLED = {"selection": RecordSelection(sample=0.5)}
WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))
PATH = "file:/x/2022/04/18/00/a.jsonl"
FILES = FilesByKey.of([PATH])
KEY = FILES.keys[0]


def decoded(lines, reading, **options):
    """(number of the line, reason, number of cells, cells) of every row."""
    columns = [pa.array(lines, pa.binary()).view(pa.string()), pa.array([KEY] * len(lines), pa.int64())]
    rows = CapturedLines(reading, FILES, **options).rows(pa.RecordBatch.from_arrays(columns, names=[LINE, FILE_KEY]))
    cells = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    return list(zip(rows.lines.tolist(), rows.reasons.tolist(), rows.record_widths.tolist(), cells, strict=True))


def one_by_one(lines, reading):
    rows = []
    for number, line in enumerate(lines):
        record = decode(line, reading, PATH)
        for row_number, cells in enumerate(record.rows or ((None,) * 3,)):
            rows.append((number, int(record.reason or 0), 0 if row_number else record.width, cells))
    return rows


@pytest.mark.parametrize("seed", range(30))
def test_lines_of_all_kinds_are_decoded_as_one_by_one(seed):
    is_json = seed % 3 == 2
    if is_json:
        lines = some_json_lines(seed, 300)
    else:
        lines = some_lines(seed, 300)
    models = {1: "1.tar.gz", 2: "-"}
    reading = Reading(
        BOTH,
        ("p", "a", "b"),
        3,
        encoding=None if seed % 8 == 7 else "JSON" if is_json else "CSV",
        selection=RecordSelection(
            window=WINDOW if seed % 4 else None,
            sample=0.4 if seed % 5 == 4 else None,
            target_model=models.get(seed % 7),
        ),
    )

    assert decoded(lines, reading) == one_by_one(lines, reading)


def test_a_record_of_csv_among_those_of_json_is_refused_whatever_lies_beside_it():
    of_csv = encode_line(captured("1,2", "0.5"))
    of_json = encode_line(captured('{"a": 1, "b": 2}', '{"p": 0.5}', encoding="JSON"))
    reading = Reading(BOTH, ("p", "a", "b"), 3, encoding="JSON")

    for neighbour in (of_json, b"[1", of_csv):
        assert next(row[1] for row in decoded([of_csv, neighbour], reading)) == Refusal.ANOTHER_ENCODING


@pytest.mark.parametrize("seed", range(10))
def test_payloads_of_several_rows_are_decoded_as_one_by_one(seed):
    rows = ["1,2", "3,4", "5,", '6,"x, y"', "7", "8,9\r"]
    lines = []
    for number in range(200):
        count = 1 + (seed + number) % 4
        data = "\n".join(rows[(seed * number + row * row) % (5 if number % 3 else 3)] for row in range(count))
        output = "\n".join(["0.5"] * (count if number % 5 else 2))
        lines.append(encode_line(captured(data + "\n" * (number % 2), None if number % 7 == 0 else output)))

    assert decoded(lines, READING) == one_by_one(lines, READING)


def test_a_window_of_base64_has_the_rows_of_its_csv():
    texts = [(f"{number},x" + ",y\n3,4" * (number % 7 == 0), "0.5") for number in range(400)]
    closed = [[base64.b64encode(text.encode()).decode() for text in pair] for pair in texts]

    rows_of_base64 = decoded([encode_line(captured(*pair, encoding="BASE64")) for pair in closed], READING)

    assert rows_of_base64 == decoded([encode_line(captured(*pair)) for pair in texts], READING)
    assert [row for _, reason, _, row in rows_of_base64 if not reason][:2] == [("0.5", "1", "x"), ("0.5", "2", "x")]


@pytest.mark.parametrize("kind", MAKERS)
def test_one_unusual_line_costs_its_neighbours_nothing(kind):
    good = [encode_line(captured(f"{number},x", "0.5")) for number in range(600)]
    lines = [*good[:300], MAKERS[kind](random.Random(5)), *good[300:]]

    rows = decoded(lines, READING)
    are_parsed = parse_documents(pa.array(lines, pa.binary()).view(pa.string()), READING).are_known

    assert [cells for number, _, _, cells in rows if number != 300] == [
        ("0.5", f"{number}", "x") for number in range(600)
    ]
    assert sum(~are_parsed) <= 1


@pytest.mark.parametrize("chunk_bytes", [1, 2_000])
def test_lines_are_decoded_in_chunks_of_so_many_bytes(chunk_bytes):
    lines = some_lines(3, 200)

    assert decoded(lines, READING, chunk_bytes=chunk_bytes) == one_by_one(lines, READING)


def test_members_that_nobody_asks_for_may_be_anything():
    record = captured("1,2", "0.5") | {"extra": [{"captureData": 5}], "eventMetadata": "x", "eventVersion": 1e400}
    line = json.dumps(record).replace("Infinity", "1e999").encode()

    assert decoded([line], READING) == [(0, 0, 3, ("0.5", "1", "2"))]


HALVES_OF_A_PAIR = ["\ud800", "\udc00", "\udc00\ud800"]


@pytest.mark.parametrize("half", HALVES_OF_A_PAIR)
@pytest.mark.parametrize("before", [0, 40])
@pytest.mark.parametrize(
    ("write", "options"),
    [
        pytest.param(lambda half: captured(f"1,{half}"), {}, id="in a cell"),
        pytest.param(lambda half: captured(f'1,"{half}"\n2,3', "5\n6"), {}, id="in a quoted cell of several rows"),
        pytest.param(
            lambda half: captured(json.dumps({"a": half, "b": 1}), '{"p": 1}', encoding="JSON"),
            {"encoding": "JSON"},
            id="in a payload of JSON",
        ),
        pytest.param(
            lambda half: captured(json.dumps({"a": [half], "b": 1}), '{"p": 1}', encoding="JSON"),
            {"encoding": "JSON", "flatten_json": True},
            id="in a list of it",
        ),
        pytest.param(lambda half: captured(eventId=f"event {half}"), SAMPLED, id="in an id that is sampled by"),
        pytest.param(lambda half: captured(eventId=[half]), SAMPLED, id="in an id that is no text"),
    ],
)
def test_half_a_pair_of_surrogates_in_a_text_that_counts_is_not_utf_8(write, options, half, before):
    """JSON can spell it, and UTF-8 can't."""
    reading = Reading(BOTH, ("p", "a", "b"), 3, **options)
    lines = [*[encode_line(captured(f"{number},x")) for number in range(before)], json.dumps(write(half)).encode()]

    assert decoded(lines, reading)[-1] == (before, Refusal.NOT_UTF_8, 0, (None,) * 3)


def test_half_a_pair_of_surrogates_where_nobody_looks_refuses_nothing():
    record = captured("1,2", eventId="event \ud800", customAttributes=["\ud800"])

    assert decoded([json.dumps(record).encode()], READING) == [(0, 0, 3, ("0.5", "1", "2"))]


def test_a_whole_pair_of_surrogates_is_a_letter():
    assert decoded([json.dumps(captured("1,\U0001f600")).encode()], READING)[0][3] == ("0.5", "1", "\U0001f600")


def test_no_lines_are_no_rows():
    assert decoded([], READING) == []


def test_values_that_go_on_on_the_next_line_are_no_records_and_lend_them_none():
    """As many values as lines are not yet a value a line: `{"captureData":`, its object, and two records on one line."""
    good = [encode_line(captured(f"{number},x")) for number in range(300)]
    whole_line = encode_line(captured("7,y"))
    cut = whole_line.index(b":") + 1
    odd = [whole_line[:cut], whole_line[cut:], good[0] + good[1]]

    reasons = [row[1] for row in decoded([*good[:150], *odd, *good[150:]], READING)]

    assert [number for number, reason in enumerate(reasons) if reason] == [150, 151, 152]


@pytest.mark.parametrize("before", [0, 40])
def test_a_byte_order_mark_is_a_letter_of_a_payload_wherever_it_stands(before):
    lines = [
        *[encode_line(captured(f"{number},x")) for number in range(before)],
        encode_line(captured("1,x", "\ufeff5")),
    ]

    assert decoded(lines, READING)[-1] == (before, 0, 3, ("\ufeff5", "1", "x"))
