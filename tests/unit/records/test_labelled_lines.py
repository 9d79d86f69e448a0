"""Records by chunks: plain ones by columns say what one record after the other says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor.data.records.decoded_rows import Decoding
from spark_model_monitor.data.records.decoding import Reading, RecordSelection
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, FilesByKey
from spark_model_monitor.data.records.outcome_records import (
    LabelledRecords,
    build_decoded_rows,
    decode_merged_record,
    fill_predictions,
)
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading, validate_outcomes
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.statistics.states.outcome_plan import THRESHOLD

WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))
HALVES = ("endpointInput", "endpointOutput", "batchTransformOutput")
PATH = "file:/data/2022/04/18/00/part-0.jsonl"
FILES = FilesByKey.of([PATH])

SCORES = OutcomeReading(
    *(None, None, "0"),
    allows_missing=True,
    records=Reading(HALVES, selection=RecordSelection(WINDOW)),
    features=FeatureReading(columns=2),
)
LABELS = replace(SCORES, prediction="1", records=Reading(HALVES))
SAMPLED = replace(SCORES, records=Reading(HALVES, selection=RecordSelection(sample=0.5)))
CAPTURES = replace(SCORES, with_label=False)
READINGS = (SCORES, LABELS, SAMPLED, CAPTURES, replace(SCORES, probability=None))


def make_batch(lines):
    file_columns = {FILE: [PATH] * len(lines), BLOCK_START: [0] * len(lines), FILE_KEY: [FILES.keys[0]] * len(lines)}
    return pa.RecordBatch.from_pydict({LINE: lines, **file_columns})


def read_outcomes(lines, reading, **options):
    """Of each line its rows, or why it is refused."""
    rows = LabelledRecords(reading, FILES, **options).rows(make_batch(lines))
    cells = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
    outcomes = {}
    columns = (rows.lines, rows.reasons, rows.record_widths)
    numbers = zip(*(column.tolist() for column in columns), strict=True)
    for (line, reason, counted), row in zip(numbers, cells, strict=True):
        assert counted == (reason == 0 and line not in outcomes), "a kept record's first row, and no other"
        outcomes[line] = Refusal(reason) if reason else [*outcomes.get(line, []), row]
    assert sorted(outcomes) == list(outcomes) == list(range(len(lines)))
    return list(outcomes.values())


def alone(line, reading):
    """The same of one line, without the way that plain ones take."""
    rows = validate_outcomes(
        build_decoded_rows([decode_merged_record(line.encode(), PATH, reading)], np.arange(1), reading), reading
    )
    if rows.reasons[0]:
        return Refusal(int(rows.reasons[0]))
    columns = [*rows.features, *[rows.labels] * reading.with_label]
    columns += [fill_predictions(rows, THRESHOLD)] * reading.with_prediction
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


KEPT_LINES = [
    (encode_line(merged("1", "0.75\n")), [("31", "basic", "1", "1")]),
    (encode_line(merged("1", "0.5")), [("31", "basic", "1", "0")]),
    (encode_line(merged("1,2", "0.75,no")), [("31", "basic", "1", "1")]),
    (encode_line(merged('"yes, sir"', "0.75")), [("31", "basic", "yes, sir", "1")]),
    (encode_line(merged("1", " 0.75")), [("31", "basic", "1", "1")]),  # Python takes it for a number
    (encode_line(merged(" 1 ", "0.75")), [("31", "basic", "1", "1")]),
    (encode_line(merged("NaN", "0.75")), [("31", "basic", None, "1")]),
    (encode_line(merged("1", ",0.75")), [("31", "basic", "1", None)]),
    (encode_line(merged(",1", "0.75")), [("31", "basic", None, "1")]),
    (encode_line(merged("1", "[0.75]", encoding="JSON")), [("31", "basic", "1", "1")]),
    (encode_line(merged("1", "0.75", time=None)), [("31", "basic", "1", "1")]),  # the hour of the folder counts
]
REFUSED_LINES = [
    (encode_line(merged("1\n0", "0.75\n0.25")), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES),
    (encode_line(merged("1", "inf")), Refusal.PROBABILITY_NOT_A_NUMBER),
    (encode_line(merged("1", "37")), Refusal.PROBABILITY_OUT_OF_RANGE),
    (encode_line(merged("1", "much")), Refusal.PROBABILITY_NOT_A_NUMBER),
    (encode_line(merged("1", "0.75", time="2022-04-18T01:00:00Z")), Refusal.OUTSIDE_WINDOW),
    (encode_line(merged("1", "0.75", time="yesterday")), Refusal.UNREADABLE_TIME),
    (encode_line(merged(None, "0.75")), Refusal.NO_LABEL),
    (encode_line(merged("1", None)), Refusal.NO_PAYLOAD),
    (encode_line(merged("1", "0.75")) + " and more", Refusal.NOT_A_JSON_OBJECT),
    ("[]", Refusal.NOT_A_CAPTURE),
    (json.dumps(merged("\ud800", "0.75")), Refusal.NOT_UTF_8),
]


@pytest.mark.parametrize(("line", "outcome"), [*KEPT_LINES, *REFUSED_LINES])
def test_what_a_record_is_alone_and_among_plain_ones(line, outcome):
    plain = encode_line(merged("0", "0.25"))

    assert read_outcomes([line], SCORES) == [outcome]
    assert read_outcomes([plain] * 40 + [line], SCORES) == [*[[("31", "basic", "0", "0")]] * 40, outcome]


def test_rows_come_in_the_order_of_their_records():
    lines = [encode_line(merged("1", "0.75")), "nothing", encode_line(merged("0", "0.25"))]
    table = pa.Table.from_batches(
        Decoding(LabelledRecords(SCORES), (0, 3)).decode_with_locations([make_batch(lines), make_batch(lines[:1])])
    ).to_pydict()

    assert table["c0"] == ["31", None, "31", "31"]
    assert table["c1"] == ["1", None, "0", "1"]
    assert table[REASON] == [0, int(Refusal.NOT_A_JSON_OBJECT), 0, 0]
    assert table[CELLS] == [1, 0, 1, 1]
    assert table[LINE] == [None, "nothing", None, None], "the quarantine wants those of refused records"


@pytest.mark.long
def test_a_document_of_many_rows_is_counted_once_and_does_not_come_with_each_of_them():
    reading = OutcomeReading("y", None, None, allows_missing=True, features=FeatureReading("rows", columns=1))
    document = json.dumps({"rows": [[number] for number in range(70_000)], "y": [1] * 70_000})
    batches = list(
        Decoding(LabelledRecords(reading, documents=True), (0, 1)).decode_with_locations([make_batch([document, "{"])])
    )
    table = pa.Table.from_batches(batches).to_pydict()

    assert len(batches) == 2
    assert table["c0"] == [*map(str, range(70_000)), None]
    assert sum(table[CELLS]) == table[CELLS][0] == 1
    assert table[LINE] == [None] * 70_000 + ["{"]


texts = st.one_of(
    st.sampled_from(
        ["", "1", "0.75", "a,b", '"a,b",0.25', "0.5\n0.25", "1\n", "1\r\n", "[1, 2]", " 0.5 ", "NaN", '"', ",", "1e3,"]
    ),
    st.text(alphabet='01.,"\n\r [éeE+-_', max_size=8),
)
records = st.builds(
    lambda features, **members: merged(**members) | ({} if features is None else {"features": features}),
    st.none() | texts,
    label=st.none() | texts,
    output=st.none() | texts,
    label_encoding=st.sampled_from(["CSV", "CSV", "csv", "JSON", None]),
    encoding=st.sampled_from(["CSV", "CSV", "JSON", "XML"]),
    time=st.sampled_from(["2022-04-18T00:10:00Z", "2022-04-18 00:10:00", "2022-04-19T00:00:00Z", "x", None]),
)


def with_features(record):
    """The generated text as the record's input."""
    features = record.pop("features", None)
    if features is not None:
        record["captureData"]["endpointInput"]["data"] = features
    return encode_line(record)


@pytest.mark.long
@given(st.lists(records, min_size=1, max_size=6), st.sampled_from(READINGS), st.sampled_from([1, 400, 10**6]))
def test_chunks_say_what_one_record_after_the_other_says(some, reading, chunk_bytes):
    lines = [with_features(dict(record)) for record in some]

    assert read_outcomes(lines, reading, chunk_bytes=chunk_bytes) == [alone(line, reading) for line in lines]


@pytest.mark.long
@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(texts, texts, texts), min_size=40, max_size=60), st.sampled_from(READINGS))
def test_lines_of_one_writer_say_what_one_record_after_the_other_says(payloads, reading):
    lines = [with_features(merged(label, output) | {"features": features}) for features, label, output in payloads]

    assert read_outcomes(lines, reading) == [alone(line, reading) for line in lines]
