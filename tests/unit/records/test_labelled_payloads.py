"""Rows with labels and predictions from records and documents: each shape, and each way one can be bad."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timezone

import pyarrow as pa
import pytest

from spark_model_monitor.data.records.decoding import Reading, RecordSelection
from spark_model_monitor.data.records.locations import FILE_KEY, LINE, FilesByKey
from spark_model_monitor.data.records.outcome_records import LabelledRecords, decode_document, decode_merged_record
from spark_model_monitor.data.records.outcome_values import OUTCOMES, FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.statistics.states.outcome_plan import THRESHOLD

PATH = "file:/data/2026/01/31/22/a.jsonl"
FILES = FilesByKey.of([PATH])


def half(data, encoding="CSV"):
    return {"data": data if isinstance(data, str) else json.dumps(data), "encoding": encoding}


def record(features="41,F", output="1,0.9", truth="0", **halves):
    captured = {"endpointInput": half(features), "endpointOutput": half(output), **halves}
    document = {
        "captureData": {name: value for name, value in captured.items() if value is not None},
        "eventMetadata": {"eventId": "e", "inferenceTime": "2026-01-31T22:10:00Z"},
    }
    if truth is not None:
        document["groundTruthData"] = truth if isinstance(truth, dict) else half(truth)
    return json.dumps(document).encode()


def reading(label=None, prediction="0", probability=None, *, features=None, window=None, **members):
    records = Reading(("endpointInput", "endpointOutput", "batchTransformOutput"), selection=RecordSelection(window))
    where = FeatureReading(features)
    return OutcomeReading(
        label, prediction, probability, allows_missing=True, records=records, features=where, **members
    )


def rows(line, record_reading=None, *, threshold=THRESHOLD, documents=False):
    """The rows of a line, with as many features as it has itself, or why it is refused."""
    row_reading = record_reading or reading()
    if documents:
        alone = decode_document(line, row_reading)
    else:
        alone = decode_merged_record(line, PATH, row_reading)
    if alone.reason is not None:
        return alone.reason
    fixed = replace(row_reading, features=replace(row_reading.features, columns=len(alone.rows[0]) - 3))
    lines = pa.array([line], pa.binary()).view(pa.string())
    batch = pa.RecordBatch.from_pydict({LINE: lines, FILE_KEY: [FILES.keys[0]]})
    decoded = LabelledRecords(fixed, FILES, threshold, documents).rows(batch)
    [reason] = set(decoded.reasons.tolist())
    if reason:
        return Refusal(reason)
    return list(zip(*(column.to_pylist() for column in decoded.columns), strict=True))


def test_a_record_is_its_features_its_label_and_its_prediction():
    assert rows(record()) == [("41", "F", "0", "1")]


def test_several_rows_come_in_order():
    assert rows(record("41,F\n33,M\n", "1,0.9\n0,0.2\n", "0\n1\n")) == [("41", "F", "0", "1"), ("33", "M", "1", "0")]


@pytest.mark.parametrize(("probability", "predicted"), [("0.51", "1"), ("0.5", "0"), ("0.49", "0")])
def test_a_probability_above_the_threshold_predicts_1(probability, predicted):
    assert rows(record(output=probability), reading(prediction=None, probability="0")) == [("41", "F", "0", predicted)]


def test_the_threshold_can_be_another():
    assert rows(record(output="0.6"), reading(prediction=None, probability="0"), threshold=0.8)[0][-1] == "0"


def test_json_payloads_are_found_by_their_paths():
    line = record(
        features=None,
        endpointInput=half({"instances": [{"features": [41, "F"]}, {"features": [33, None]}]}, "JSON"),
        endpointOutput=half({"predictions": [{"label": 1}, {"label": 0}]}, "JSON"),
        truth=half({"labels": [0, 1]}, "JSON"),
    )
    paths = reading("labels", "predictions[*].label", features="instances[*].features")

    assert rows(line, paths) == [("41", "F", "0", "1"), ("33", None, "1", "0")]


@pytest.mark.parametrize(
    ("members", "cells"),
    [
        pytest.param({"sex": "F", "age": 41}, ("41", "F"), id="in another order"),
        pytest.param({"city": "Bern", "sex": "F", "age": 41}, ("41", "F"), id="one more"),
        pytest.param({"years": 41, "sex": "F"}, (None, "F"), id="one of another name"),
        pytest.param({"Age": 41, "Sex": "F"}, ("41", "F"), id="headers for people"),
    ],
)
def test_members_of_an_object_are_found_by_name_if_they_have_one_of_the_names(members, cells):
    named = reading(prediction="p", features="f")
    named = replace(named, features=replace(named.features, columns=2, names=("age", "sex")))

    assert decode_document(json.dumps({"f": members, "p": 1}).encode(), named).rows[0][OUTCOMES:] == cells


def test_a_batch_transform_has_everything_in_its_output():
    output = {"instances": [{"features": [41, 0]}], "SageMakerOutput": {"predictions": [{"label": 1}]}}
    line = record(endpointInput=None, endpointOutput=None, batchTransformOutput=half(output, "JSON"), truth="1")

    row_found = rows(line, reading(None, "SageMakerOutput.predictions[*].label", features="instances[*].features"))

    assert row_found == [("41", "0", "1", "1")]


def test_captured_records_have_no_label():
    assert rows(record(truth=None), reading(with_label=False)) == [("41", "F", "1")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        pytest.param(b"{", Refusal.NOT_A_JSON_OBJECT, id="cut"),
        pytest.param(b"{}", Refusal.NOT_A_CAPTURE, id="something else"),
        pytest.param(record(truth=None), Refusal.NO_LABEL, id="no ground truth"),
        pytest.param(record(endpointOutput=None), Refusal.NO_PAYLOAD, id="no output"),
        pytest.param(
            record("41,F\n33,M", "1", "0"), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES, id="fewer outputs than inputs"
        ),
        pytest.param(
            record("41,F\n33,M", '""', "0\n1"), Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES, id="one output, which is empty"
        ),
        pytest.param(record("41,F\n33", "1\n0", "0\n1"), Refusal.WRONG_NUMBER_OF_CELLS, id="rows of different lengths"),
        pytest.param(record(endpointInput=half("{", "JSON")), Refusal.PAYLOAD_NOT_JSON, id="payload cut"),
    ],
)
def test_a_record_that_does_not_fit_is_refused(line, reason):
    assert rows(line) is reason


def test_a_record_outside_the_window_is_left_out():
    later = datetime(2027, 1, 1, tzinfo=timezone.utc)
    window = Window(later, later.replace(hour=1))

    assert rows(record(), reading(window=window)) is Refusal.OUTSIDE_WINDOW


def document(value, record_reading):
    return rows(json.dumps(value).encode(), record_reading, documents=True)


def test_a_document_holds_many_rows():
    row_found = document(
        {"rows": [{"f": [1, "a"], "y": 1}, {"f": [2.5, None], "y": None}]},
        reading("rows[*].y", None, features="rows[*].f"),
    )

    # what JMESPath projects leaves nulls out, so a label that is missing there is one too few
    assert row_found is Refusal.UNEQUAL_NUMBERS_OF_OUTCOMES


def test_a_line_of_json_is_one_row():
    row_found = document({"f": [1, True], "y": "no", "p": "yes"}, reading("y", "p", features="f"))

    assert row_found == [("1", "true", "no", "yes")]


def test_a_missing_label_of_a_line_stays_missing():
    assert document({"f": [1]}, reading("y", "p", features="f")) == [("1", None, None)]


def test_a_byte_order_mark_is_no_part_of_a_document():
    assert rows(b'\xef\xbb\xbf{"f": [1]}', reading(features="f"), documents=True) == [("1", None, None)]


def test_bytes_that_are_no_text_are_refused_where_they_matter():
    assert rows(record("41,Ü").decode().replace("\\u00dc", "Ü").encode("latin-1")) is Refusal.NOT_UTF_8
    assert rows(record("41,\ufffd")) == [("41", "\ufffd", "0", "1")]  # written so by whoever sent it


def test_half_a_surrogate_pair_is_no_text():
    assert rows(record("41,\ud800")) is Refusal.NOT_UTF_8
    assert document({"f": ["\ud800"]}, reading(features="f")) is Refusal.NOT_UTF_8
