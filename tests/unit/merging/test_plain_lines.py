"""Of plain lines the merge gets its texts; every other line stays as it is, for Spark's parser."""

from __future__ import annotations

import calendar
import json

import pyarrow as pa
import pytest

from model_monitor.merging.plain_lines import (
    DATA,
    ENCODING,
    EVENT_ID,
    INFERENCE_ID,
    INFERENCE_TIME,
    OPENED,
    TIMESTAMP,
    plain_captures,
    plain_labels,
)
from model_monitor.records.places import FILE_KEY, LINE

ROWS = 40


def captured(number, **event):
    output = {"data": f"0.{number}\n", "encoding": "CSV"}
    told = {"eventId": f"event-{number}", "inferenceTime": "2026-01-31T22:10:00Z", **event}
    return {"captureData": {"endpointOutput": output}, "eventMetadata": told}


def label(number, data="1", encoding="CSV", event=None):
    truth = {"data": data, "encoding": encoding}
    return {"groundTruthData": truth, "eventMetadata": {"eventId": event or f"event-{number}"}}


def batch_of(lines):
    columns = {
        LINE: pa.array(lines),
        FILE_KEY: pa.array([47] * len(lines)),
        "hour": pa.array(range(len(lines))),
    }
    return pa.RecordBatch.from_pydict(columns)


def rows_of(plain, lines):
    [batch] = plain([batch_of(lines)])
    return batch.to_pylist()


def test_the_texts_of_captures_are_cut_and_the_line_is_let_go():
    documents = [captured(number, inferenceId=f"id {number}") for number in range(ROWS)]
    lines = [json.dumps(document) for document in documents]

    rows = rows_of(plain_captures(with_data=True), lines)

    assert rows == [
        {
            OPENED: line[:-1],
            EVENT_ID: document["eventMetadata"]["eventId"],
            INFERENCE_ID: document["eventMetadata"]["inferenceId"],
            INFERENCE_TIME: None,
            TIMESTAMP: 1_000_000 * calendar.timegm((2026, 1, 31, 22, 10, 0)),
            ENCODING: "CSV",
            DATA: document["captureData"]["endpointOutput"]["data"],
            LINE: None,
            FILE_KEY: 47,
            "hour": number,
        }
        for number, (line, document) in enumerate(zip(lines, documents, strict=True))
    ]


@pytest.mark.parametrize(
    "odd",
    ["2026-01-31T22:10:00.25Z", "2026-01-31T22:10:00+02:00", "2026-13-31T22:10:00Z", "2026-01-31T22:10Z  ", "noon"],
)
def test_a_time_that_is_written_otherwise_is_left_to_spark_with_those_beside_it(odd):
    lines = [json.dumps(captured(number)) for number in range(ROWS)]
    lines[7] = json.dumps(captured(7, inferenceTime=odd))

    rows = rows_of(plain_captures(with_data=False), lines)

    assert {row[TIMESTAMP] for row in rows} == {None}
    assert (rows[6][INFERENCE_TIME], rows[7][INFERENCE_TIME]) == ("2026-01-31T22:10:00Z", odd)


def test_the_texts_of_labels_are_cut():
    [row, *_] = rows_of(plain_labels(), [json.dumps(label(number)) for number in range(ROWS)])

    assert (OPENED in row, row[LINE], row[FILE_KEY]) == (False, None, 47)
    assert (row[EVENT_ID], row[DATA], row[ENCODING]) == ("event-0", "1", "CSV")


@pytest.mark.parametrize(
    ("plain", "usual", "odd"),
    [
        pytest.param(plain_captures(with_data=False), captured, captured(7, eventId=""), id="a capture without an id"),
        pytest.param(
            plain_captures(with_data=False), captured, captured(7) | {"more": "x"}, id="a capture with a member more"
        ),
        pytest.param(plain_labels(), label, label(7, data=" "), id="an empty label"),
        pytest.param(plain_labels(), label, label(7, encoding="XML"), id="an encoding that there is not"),
        pytest.param(plain_labels(), label, label(7, data="1\n"), id="a label with a line break, which JSON escapes"),
        pytest.param(plain_labels(), label, label(7, data="1\t2"), id="a label with a tab"),
        pytest.param(plain_labels(), label, label(7) | {"more": "x"}, id="a label with a member more"),
    ],
)
def test_another_line_stays_as_it_is(plain, usual, odd):
    lines = [json.dumps(usual(number)) for number in range(ROWS)]
    lines[7] = json.dumps(odd)

    rows = rows_of(plain, lines)

    assert [number for number, row in enumerate(rows) if row[LINE] is not None] == [7]
    assert (rows[7][LINE], rows[7][FILE_KEY], rows[7][EVENT_ID]) == (lines[7], 47, None)
    assert rows[8][EVENT_ID] == "event-8"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param("event \ufffd", id="what decoding makes of bad bytes, which Python has to look at"),
        pytest.param('quoted "id"', id="an escape"),
    ],
)
def test_an_unusual_id_of_a_label_is_not_cut(event):
    lines = [json.dumps(label(number), ensure_ascii=False) for number in range(ROWS)]
    lines[7] = json.dumps(label(7, event=event), ensure_ascii=False)

    rows = rows_of(plain_labels(), lines)

    assert [number for number, row in enumerate(rows) if row[LINE] is not None] == [7]


def test_a_blank_behind_the_end_is_left_to_spark():
    rows = rows_of(plain_labels(), [json.dumps(label(number)) + " " for number in range(ROWS)])

    assert all(row[DATA] is None and row[LINE] for row in rows)


def test_labels_without_data_are_left_to_spark():
    lines = [json.dumps({"groundTruthData": {}, "eventMetadata": {"eventId": f"event-{n}"}}) for n in range(ROWS)]

    assert [row[LINE] for row in rows_of(plain_labels(), lines)] == lines


def test_where_no_line_is_alike_all_stay():
    rows = rows_of(plain_labels(), ["[]", "[]"])

    assert [(row[DATA], row[LINE]) for row in rows] == [(None, "[]")] * 2
