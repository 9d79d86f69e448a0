"""No decoder raises, whatever a line holds, nor does it come to what nobody foresaw."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.records.odd_lines import cells, odd_lines, payloads, values, with_odd_lines

from spark_model_monitor.data.reading.csv_lines import CsvLines
from spark_model_monitor.data.records.capture_documents import read_request_metadata
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from spark_model_monitor.data.records.decoding import Reading, RecordSelection
from spark_model_monitor.data.records.locations import FILE_KEY, LINE, FilesByKey
from spark_model_monitor.data.records.outcome_records import (
    LABEL,
    PREDICTION,
    PROBABILITY,
    ColumnDecoder,
    LabelledRecords,
    LineDecoder,
)
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import REASON, UNFORESEEN, Refusal
from spark_model_monitor.data.records.windows import Window

pytestmark = pytest.mark.long

WINDOW = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))
FILES = FilesByKey.of(["file:/x/2022/04/18/00/a.jsonl"])
HALVES = ("endpointInput", "endpointOutput")
ALL_HALVES = (*HALVES, "batchTransformOutput")


def make_batch(lines):
    columns = [pa.array(lines, pa.binary()).view(pa.string()), pa.array([FILES.keys[0]] * len(lines), pa.int64())]
    return pa.RecordBatch.from_arrays(columns, names=[LINE, FILE_KEY])


def require_foreseen(reasons, sources, lines):
    """Every line has an answer, and none of them is that nobody foresaw it."""
    reasons = np.asarray(reasons)
    assert set(np.asarray(sources).tolist()) == set(range(len(lines)))
    assert not np.isin(reasons, [Refusal.UNREADABLE, *UNFORESEEN.values()]).any()


CAPTURES = Reading(HALVES, ("p", "a", "b"), 3)


CAPTURE_READINGS = [
    CAPTURES,
    replace(CAPTURES, selection=RecordSelection(WINDOW, 0.5), escape=SPARK_ESCAPE),
    replace(CAPTURES, encoding="JSON", flatten_json=True),
    replace(CAPTURES, encoding=None, exact_keys=True, selection=RecordSelection(sample=0.5)),
]


@with_odd_lines
@given(st.sampled_from(CAPTURE_READINGS), odd_lines())
def test_captures(reading, lines):
    rows = CapturedLines(reading, FILES).rows(make_batch(lines))

    require_foreseen(rows.reasons, rows.lines, lines)
    for column in rows.columns:
        column.validate(full=True)


OUTCOMES = OutcomeReading(None, "0", "1", records=Reading(ALL_HALVES))
READINGS = [
    OUTCOMES,
    replace(OUTCOMES, label="y", prediction="a", probability="p", binary=True),
    replace(OUTCOMES, prediction=None, probability="b[0]", positive_label="1"),
    replace(OUTCOMES, numeric=True, probability=None, records=Reading(ALL_HALVES, selection=RecordSelection(WINDOW))),
]


@with_odd_lines
@given(st.sampled_from(READINGS), odd_lines())
def test_outcomes_of_records(reading, lines):
    rows = LineDecoder(reading, FILES)(make_batch(lines))

    require_foreseen(rows.reasons, rows.sources, lines)


FEATURES = [FeatureReading(columns=2), FeatureReading("a", 1), FeatureReading(None, 2, ("a", "b"))]


@with_odd_lines
@given(st.sampled_from(READINGS), st.sampled_from(FEATURES), st.booleans(), odd_lines(), st.booleans())
def test_features_with_their_outcomes(reading, features, documents, lines, allows_missing):
    reading = replace(reading, features=features, allows_missing=allows_missing and not reading.numeric, numeric=False)
    rows = LabelledRecords(reading, FILES, documents=documents).rows(make_batch(lines))

    require_foreseen(rows.reasons, rows.lines, lines)
    for column in rows.columns:
        column.validate(full=True)


@with_odd_lines
@given(st.sampled_from(READINGS), odd_lines(st.dictionaries(st.sampled_from(["y", "a", "b", "p", "0", "1"]), values)))
def test_outcomes_of_documents(reading, lines):
    rows = LineDecoder(replace(reading, label="y"), documents=True)(make_batch(lines))

    require_foreseen(rows.reasons, rows.sources, lines)


texts = (cells | payloads).map(lambda text: text.encode("utf-8", "replace").decode()) | st.none()


@with_odd_lines
@given(st.booleans(), st.lists(st.tuples(texts, texts, texts), min_size=1, max_size=5))
def test_outcomes_of_columns(numeric, rows):
    names = (LABEL, PREDICTION, PROBABILITY)
    columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    block = pa.RecordBatch.from_arrays([*columns, pa.array([0] * len(rows), pa.int32())], names=[*names, REASON])
    outcomes = ColumnDecoder(OutcomeReading("0", "1", "2", numeric=numeric), names)(block)

    require_foreseen(outcomes.reasons, outcomes.sources, rows)


@with_odd_lines
@given(
    st.sampled_from([RFC_4180_ESCAPE, SPARK_ESCAPE]),
    st.lists(st.binary(max_size=12) | payloads.map(lambda text: text.encode("utf-8", "surrogatepass")), min_size=1),
)
def test_csv(escape, lines):
    lines = [line.replace(b"\n", b" ").replace(b"\r", b" ") for line in lines]
    rows = CsvLines(("a", "b"), True, escape).rows(make_batch(lines))

    require_foreseen(rows.reasons, rows.lines, lines)
    for column in rows.columns:
        column.validate(full=True)


@with_odd_lines
@given(odd_lines())
def test_metadata_of_requests(lines):
    rows = CapturedLines(CAPTURES, FILES).rows(make_batch(lines))
    first = np.unique(rows.lines, return_index=True)[1]
    statuses, latencies, percentages = read_request_metadata(make_batch(lines).column(0), rows.reasons[first])

    assert len(statuses) == len(latencies) == len(percentages) <= len(lines)
