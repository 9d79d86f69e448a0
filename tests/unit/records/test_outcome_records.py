"""Merged records by blocks: the plain way and the one-by-one way say the same of every line."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.records.merged_lines import encode_line, merged

from spark_model_monitor.data.records.decoding import Reading, RecordSelection
from spark_model_monitor.data.records.outcome_records import (
    build_decoded_rows,
    decode_documents,
    decode_merged_lines,
    decode_merged_record,
)
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading, validate_outcomes
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window

WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))
SCORES = OutcomeReading(None, None, "0", records=Reading(("endpointOutput",), selection=RecordSelection(WINDOW)))
BOTH = replace(SCORES, prediction="1")
PATH = "file:/data/2022/04/18/00/part-0.jsonl"


def read_outcomes(lines, reading=SCORES):
    rows = decode_merged_lines(as_spark_sends(lines), pa.array([PATH] * len(lines)), reading)
    are_accepted = rows.kept.tolist()
    return [
        (source, Refusal(reason) if not keeps else (label, score))
        for source, reason, keeps, label, score in zip(
            rows.sources.tolist(),
            rows.reasons.tolist(),
            are_accepted,
            rows.labels.to_pylist(),
            rows.scores.tolist(),
            strict=True,
        )
    ]


def as_spark_sends(lines):
    """Spark calls whatever bytes there were a string."""
    raw = pa.array([line if isinstance(line, bytes) else line.encode() for line in lines], pa.binary())
    return pa.StringArray.from_buffers(len(raw), raw.buffers()[1], raw.buffers()[2])


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        (encode_line(merged("1", "0.25\n")), ("1", 0.25)),
        (encode_line(merged("0", "0.25,no")), ("0", 0.25)),
        (encode_line(merged("1,2", "0.25")), ("1", 0.25)),
        (encode_line(merged(' "yes, sir" ', "0.25")), ('"yes', 0.25)),  # a blank before it: no quoted cell (RFC 4180)
        (encode_line(merged('"yes, sir"', "0.25")), ("yes, sir", 0.25)),
        (encode_line(merged("1", '"0.25"')), ("1", 0.25)),
        (encode_line(merged("1", "0.25", label_encoding="csv", encoding="csv")), ("1", 0.25)),
        (encode_line(merged(1, "0.25")), ("1", 0.25)),
        (encode_line(merged("1", "0.25", time="2022-04-18T02:30:00+02:00")), ("1", 0.25)),
        (encode_line(merged("1", "0.25", time=None)), ("1", 0.25)),  # the hour of the folder counts
        (encode_line(merged("1", "0.25", time="2022-04-18T01:00:00Z")), Refusal.OUTSIDE_WINDOW),
        (encode_line(merged("1", "0.25", time="2022-04-17T23:59:59Z")), Refusal.OUTSIDE_WINDOW),
        (encode_line(merged("1", "0.25", time="yesterday")), Refusal.UNREADABLE_TIME),
        (encode_line(merged("1", "0.25", time="2022-13-41T00:00:00Z")), Refusal.UNREADABLE_TIME),
        (encode_line(merged(None, "0.25")), Refusal.NO_LABEL),
        (encode_line(merged("", "0.25")), Refusal.NO_LABEL),
        (encode_line(merged("1", "1.25")), Refusal.PROBABILITY_OUT_OF_RANGE),
        (encode_line(merged("1", "NaN")), Refusal.PROBABILITY_NOT_A_NUMBER),
        (encode_line(merged("1", "")), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES),
        (encode_line(merged("1", None)), Refusal.NO_PAYLOAD),
        (encode_line(merged('{"label": 1}', "0.25", label_encoding="JSON")), Refusal.LABEL_WITHOUT_PATH),
        (encode_line(merged("1", "MC4y", encoding="BASE64")), Refusal.BASE64_WITHOUT_SCRIPT),
        (encode_line({"groundTruthData": {"data": "1", "encoding": "CSV"}}), Refusal.NOT_A_CAPTURE),
        (encode_line(merged("1", "0.25", groundTruthData=[1])), Refusal.NOT_A_CAPTURE),
        (encode_line(merged("1", "0.25")) + " and more", Refusal.NOT_A_JSON_OBJECT),
        (encode_line(merged("1", "0.25")) * 2, Refusal.NOT_A_JSON_OBJECT),
        (encode_line(merged("1", "0.25"))[:-40], Refusal.NOT_A_JSON_OBJECT),
        ("[]", Refusal.NOT_A_CAPTURE),
        (encode_line(merged("ü", "0.25")).encode("latin-1"), Refusal.NOT_UTF_8),
        (json.dumps(merged("\ud800", "0.25")), Refusal.NOT_UTF_8),
    ],
)
def test_what_a_merged_line_is(line, outcome):
    assert read_outcomes([line]) == [(0, outcome)]
    assert read_outcomes([encode_line(merged("0", "0.5"))] * 40 + [line]) == [
        *((source, ("0", 0.5)) for source in range(40)),
        (40, outcome),
    ]


def test_a_models_answer_in_base64_is_read_unless_the_service_is_replayed():
    record = merged("1", "MC4yNQ==", encoding="BASE64")  # 0.25, by coreutils' base64
    record["captureData"]["endpointOutput"]["observedContentType"] = "text/csv; charset=utf-8"
    as_service = replace(SCORES, records=replace(SCORES.records, opens_base64=False))

    assert read_outcomes([encode_line(record)]) == [(0, ("1", 0.25))]
    assert read_outcomes([encode_line(record)], as_service) == [(0, Refusal.BASE64_WITHOUT_SCRIPT)]


@pytest.mark.parametrize(
    ("digits", "of_json", "of_csv"),
    [
        (400, Refusal.PROBABILITY_NOT_A_NUMBER, Refusal.PROBABILITY_NOT_A_NUMBER),
        (5_000, Refusal.PAYLOAD_NOT_JSON, Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES),  # more than Python reads
    ],
)
def test_probabilities_of_hundreds_of_digits_are_no_numbers(digits, of_json, of_csv):
    probabilities = f"[0.1, {'9' * digits}]"
    in_json = encode_line(merged("a", f'{{"p": ["a", "b"], "s": {probabilities}}}', encoding="JSON"))
    in_csv = encode_line(merged("a", f"\"['a', 'b']\",\"{probabilities}\""))

    assert read_outcomes([in_json], replace(SCORES, prediction="p", probability="s")) == [(0, of_json)]
    assert read_outcomes([in_csv], replace(SCORES, prediction="0", probability="1")) == [(0, of_csv)]


def test_rows_of_a_record_stay_together_and_in_order():
    lines = [encode_line(merged("1", "0.1")), encode_line(merged("1\n0", "0.2\n0.3")), encode_line(merged("0", "0.4"))]

    assert read_outcomes(lines) == [(0, ("1", 0.1)), (1, ("1", 0.2)), (1, ("0", 0.3)), (2, ("0", 0.4))]


def test_a_cell_that_no_record_has_is_no_prediction():
    assert read_outcomes([encode_line(merged("1", "0.5")), encode_line(merged("1", "0.5,yes"))], BOTH) == [
        (0, Refusal.NO_PREDICTION),
        (1, ("1", 0.5)),
    ]


def test_the_output_of_a_transform_is_taken_where_the_endpoints_is_absent():
    reading = replace(SCORES, records=Reading(("endpointOutput", "batchTransformOutput")))
    lines = [encode_line(merged("1", "0.5")), encode_line(merged("0", "0.25", half="batchTransformOutput"))]

    assert read_outcomes(lines, reading) == [(0, ("1", 0.5)), (1, ("0", 0.25))]


def test_a_sample_is_the_same_share_of_the_events_every_time():
    reading = replace(SCORES, records=Reading(("endpointOutput",), selection=RecordSelection(sample=0.25)))
    lines = [encode_line(merged("1", "0.5", eventMetadata={"eventId": f"event-{number}"})) for number in range(2000)]
    taken = [source for source, outcome in read_outcomes(lines, reading) if outcome is not Refusal.SAMPLED_OUT]

    assert 400 < len(taken) < 600
    assert taken == [source for source, outcome in read_outcomes(lines, reading) if outcome is not Refusal.SAMPLED_OUT]


texts = st.one_of(
    st.sampled_from(
        ["", "1", "0.5", "a,b", '"a,b",0.25', "0.5\n0.25", "1\n", "1\r\n", "[1, 2]", " 0.5 ", "NaN", '"', ","]
    ),
    st.text(alphabet='01.,"\n\r [é', max_size=8),
)
records = st.builds(
    merged,
    texts,
    texts,
    label_encoding=st.sampled_from(["CSV", "CSV", "csv", "JSON", None]),
    encoding=st.sampled_from(["CSV", "CSV", "JSON", "XML"]),
    time=st.sampled_from(["2022-04-18T00:10:00Z", "2022-04-18 00:10:00", "2022-04-19T00:00:00Z", "x", None]),
)


@pytest.mark.long
@given(st.lists(records, min_size=1, max_size=6), st.sampled_from([SCORES, BOTH]))
def test_blocks_say_what_one_line_after_the_other_says(lines, reading):
    joint_outcomes = read_outcomes([encode_line(record) for record in lines], reading)
    single_outcomes = [
        (number, outcome)
        for number, record in enumerate(lines)
        for _, outcome in read_outcomes([encode_line(record)], reading)
    ]

    assert joint_outcomes == single_outcomes
    for number, record in enumerate(lines):
        alone = decode_merged_record(encode_line(record).encode(), PATH, reading)
        outcomes = [outcome for source, outcome in joint_outcomes if source == number]
        if alone.reason is not None:
            assert outcomes == [alone.reason]
        elif not any(isinstance(outcome, Refusal) for outcome in outcomes):
            assert [label for label, _ in outcomes] == [label.strip() for label, _, _ in alone.rows]


def merged_rows(label, output, request):
    halves = {"endpointInput": request, "endpointOutput": output}
    return merged(label, captureData={name: {"data": data, "encoding": "CSV"} for name, data in halves.items()})


several = st.lists(st.text(alphabet="01.,[ ", max_size=4), min_size=1, max_size=3).map("\n".join)


@pytest.mark.long
@given(st.lists(st.builds(merged_rows, several, several, several), max_size=6), st.booleans())
def test_rows_by_columns_are_those_of_one_record_after_the_other(records, allows_missing):
    records = [merged_rows("1\n0", "0.5\n0.25", "1,a\n2,b"), *records]
    reading = replace(SCORES, records=Reading(("endpointInput", "endpointOutput")), features=FeatureReading(columns=2))
    reading = replace(reading, allows_missing=allows_missing)
    lines = as_spark_sends(map(encode_line, records))
    files = pa.array([PATH] * len(records))
    by_columns = decode_merged_lines(lines, files, reading)
    alone = [decode_merged_record(line.as_py(), PATH, reading) for line in lines.cast(pa.binary())]
    one_by_one = validate_outcomes(build_decoded_rows(alone, np.arange(len(records)), reading), reading)

    assert by_columns.reasons.tolist() == one_by_one.reasons.tolist()
    assert by_columns.kept[:2].all()
    assert by_columns.sources.tolist() == one_by_one.sources.tolist()
    assert by_columns.where(by_columns.kept).features == one_by_one.where(one_by_one.kept).features
    assert by_columns.where(by_columns.kept).labels == one_by_one.where(one_by_one.kept).labels
    np.testing.assert_array_equal(by_columns.where(by_columns.kept).scores, one_by_one.where(one_by_one.kept).scores)


def test_json_lines_with_labels_are_outcomes():
    lines = ['{"y": 1, "p": {"score": 0.25}}', '{"y": [0, 1], "p": [{"score": 0.5}]}', "[1]", '{"p": {"score": 0.5}}']
    reading = OutcomeReading("y", None, "p.score")
    rows = decode_documents(as_spark_sends(lines), reading)

    assert rows.reasons.tolist() == [
        0,
        Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES,
        Refusal.NOT_A_JSON_OBJECT,
        Refusal.NO_LABEL,
    ]
    assert (rows.labels[0].as_py(), rows.scores[0]) == ("1", 0.25)


def test_a_document_with_a_list_of_no_labels_is_refused_and_does_not_vanish():
    lines = pa.array([b'{"y": [], "p": []}', b'{"y": 1, "p": 0.5}'], pa.binary())

    rows = decode_documents(lines, OutcomeReading("y", None, "p"))

    assert (rows.sources.tolist(), rows.reasons.tolist()) == ([0, 1], [Refusal.NO_LABEL, 0])


UNLABELLED = replace(BOTH, records=Reading(("endpointOutput",)), with_label=False)


def unlabelled(output, reading=UNLABELLED, encoding="CSV"):
    """Prediction and score of each row of one captured record, or why it is refused."""
    line = json.dumps(
        {
            "captureData": {"endpointOutput": {"data": output, "encoding": encoding, "mode": "OUTPUT"}},
            "eventMetadata": {"eventId": "a", "inferenceTime": "2022-04-18T00:10:00Z"},
            "eventVersion": "0",
        }
    )
    rows = decode_merged_lines(as_spark_sends([line]), pa.array([PATH]), reading)
    if not rows.kept.all():
        return Refusal(int(rows.reasons[0]))
    return list(zip(rows.predictions.to_pylist(), rows.scores.tolist(), strict=True))


JSON_ADDRESSES = replace(UNLABELLED, prediction="label", probability="score")


@pytest.mark.parametrize(
    ("output", "reading", "encoding", "expected"),
    [
        pytest.param("0.25,no", UNLABELLED, "CSV", [("no", 0.25)], id="a row of CSV"),
        pytest.param("0.25,no\n0.75,yes", UNLABELLED, "CSV", [("no", 0.25), ("yes", 0.75)], id="rows of CSV"),
        pytest.param("1.25,no", UNLABELLED, "CSV", Refusal.PROBABILITY_OUT_OF_RANGE, id="no probability"),
        pytest.param("no,0.25", UNLABELLED, "CSV", Refusal.PROBABILITY_NOT_A_NUMBER, id="a text for a score"),
        pytest.param("", UNLABELLED, "CSV", Refusal.NO_PAYLOAD, id="nothing"),
        pytest.param('{"label": "no", "score": 0.25}', JSON_ADDRESSES, "JSON", [("no", 0.25)], id="one row of JSON"),
        pytest.param(
            '{"label": ["no", "yes"], "score": [0.25, 0.5]}',
            JSON_ADDRESSES,
            "JSON",
            [("no", 0.25), ("yes", 0.5)],
            id="two rows of JSON",
        ),
        pytest.param(
            '{"label": ["no", "yes"], "score": [0.25, 0.75]}',
            replace(JSON_ADDRESSES, binary=True, positive_label="yes"),
            "JSON",
            [("yes", 0.75)],
            id="all classes of one row, whose shares are 1 together",
        ),
        pytest.param('{"label": [], "score": []}', JSON_ADDRESSES, "JSON", Refusal.NO_PAYLOAD, id="no row"),
    ],
)
def test_records_without_labels_have_as_many_rows_as_predictions(output, reading, encoding, expected):
    assert unlabelled(output, reading, encoding) == expected


def test_documents_without_labels_have_as_many_rows_as_predictions():
    lines = as_spark_sends(['{"label": "no", "score": 0.25}', '{"label": "yes"}'])
    rows = decode_documents(lines, JSON_ADDRESSES)

    assert rows.reasons.tolist() == [0, Refusal.NO_PROBABILITY]
    assert rows.predictions.to_pylist()[0] == "no"
