"""A defect of ours refuses the record on which it shows, by the class of its exception, and no other."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain

import numpy as np
import pyarrow as pa
import pytest
from tests.unit.merging.lines import list_locations
from tests.unit.records.captured_lines import captured, encode_line
from tests.unit.records.merged_lines import merged

from spark_model_monitor.data.reading.csv_lines import CsvLines
from spark_model_monitor.data.records.arrays import split_into_chunks
from spark_model_monitor.data.records.captured_lines import CapturedLines
from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.decoding import Reading, RecordSelection, decode, open_record
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.outcome_records import (
    ColumnDecoder,
    LabelledRecords,
    LineDecoder,
    decode_document,
    decode_merged_record,
)
from spark_model_monitor.data.records.outcome_values import FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import UNFORESEEN, Refusal, decode_in_halves
from spark_model_monitor.running.merging.captured import RequestDecoder as Captures
from spark_model_monitor.running.merging.captured import TransformDecoder
from spark_model_monitor.running.merging.labels import GroundTruth

BAD = {3, 4, 11}


def failing(start, end):
    if BAD & set(range(start, end)):
        raise OverflowError("a value of the data")
    return [(number, None) for number in range(start, end)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 12, 13])
def test_elements_on_which_it_raises_are_refused_and_their_neighbours_decoded(count):
    parts = decode_in_halves(0, count, failing, lambda number, reason: [(number, reason)])

    assert [pair for part in parts for pair in part] == [
        (number, Refusal.UNREADABLE_OVERFLOW_ERROR if number in BAD else None) for number in range(count)
    ]


def test_one_element_among_many_costs_few_tries():
    tries = []

    def decoding(start, end):
        tries.append((start, end))
        if start <= 700 < end:
            raise ValueError
        return end - start

    assert sum(decode_in_halves(0, 1024, decoding, lambda *_: 1)) == 1024
    assert len(tries) == 21  # two for each halving


def test_what_fails_without_any_element_is_reported():
    with pytest.raises(ZeroDivisionError):
        list(decode_in_halves(0, 0, lambda start, end: 1 // (end - start), lambda *_: 0))


class OfOurOwn(KeyError):
    pass


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (ValueError("secret"), "unreadable (ValueError)"),
        (pa.ArrowInvalid("secret"), "unreadable (ValueError)"),
        (UnicodeEncodeError("utf-8", "secret", 0, 1, "secret"), "unreadable (UnicodeError)"),
        (OfOurOwn("secret"), "unreadable (KeyError)"),
        (RecursionError("secret"), "unreadable (RecursionError)"),
        (ZeroDivisionError("secret"), "unreadable"),
    ],
)
def test_the_nearest_class_that_has_a_number_is_reported_and_never_the_text(fault, text):
    assert Refusal.of(fault).text == text
    assert Refusal.of(fault).is_fault


def test_reasons_are_numbered_without_a_gap():
    """Their counts are an array (`RowCounts`)."""
    assert sorted(Refusal) == list(range(1, len(Refusal) + 1))
    assert len({reason.text for reason in Refusal}) == len(Refusal)
    assert set(UNFORESEEN.values()) <= set(Refusal)


def test_lines_of_a_chunk_are_refused_alone():
    lines = pa.array([f"line {number}" for number in range(12)])

    def decoding(part):
        some = lines[part]
        rows = failing(*(int(some[index].as_py()[5:]) + index % 2 * -1 for index in (0, -1)))
        numbers = [int(text.as_py()[5:]) for text in some]
        if BAD & set(numbers):
            raise OverflowError
        assert len(numbers) >= len(rows)
        count = len(numbers)
        return DecodedRows((some,), np.arange(count), np.zeros(count, np.int32), np.ones(count, np.int32))

    rows = DecodedRows.decode_ranges(split_into_chunks(lines, 40), decoding, 1)

    assert rows.lines.tolist() == list(range(12))
    assert rows.columns[0].to_pylist() == [None if number in BAD else f"line {number}" for number in range(12)]
    assert np.flatnonzero(rows.reasons).tolist() == sorted(BAD)


@pytest.mark.parametrize("numbers", [[[0, 1], [2]], [[2], [0, 0]], [[1, 2], [0]], [[0, 2], [1]], [[3], [2], [], [1]]])
def test_rows_of_parts_are_in_the_order_of_their_lines(numbers):
    parts = []
    for lines in numbers:
        texts = pa.array(map(str, lines), pa.string())
        nothing = np.zeros(len(lines), np.int32)
        part = DecodedRows((texts,), np.array(lines, int), nothing, nothing)
        parts.append(part)
    expected = sorted(chain.from_iterable(numbers))

    rows = DecodedRows.merge_in_order(parts, 1)

    assert rows.lines.tolist() == expected
    assert rows.columns[0].to_pylist() == [str(line) for line in expected]


HALVES = ("endpointInput", "endpointOutput")
NO_FRACTION = RecordSelection(sample={})
DEFECT = 5
"""A number where the decoders want a text or nothing: what they do then nobody foresaw."""


def make_batch(*lines):
    return pa.RecordBatch.from_arrays([pa.array(lines, pa.binary()).view(pa.string())], names=[LINE])


LINES = make_batch(*[encode_line(captured() | merged())] * 6)
BROKEN = OutcomeReading("y", DEFECT, None, records=Reading(("endpointOutput",)))


@pytest.mark.parametrize(
    "reasons",
    [
        pytest.param(
            lambda: CapturedLines(Reading(HALVES, columns=3, selection=NO_FRACTION)).rows(LINES).reasons, id="captures"
        ),
        pytest.param(
            lambda: LabelledRecords(replace(BROKEN, label="0", features=FeatureReading(columns=2))).rows(LINES).reasons,
            id="labelled",
        ),
        pytest.param(lambda: LineDecoder(replace(BROKEN, label="0"))(LINES).reasons, id="outcomes"),
        pytest.param(
            lambda: LineDecoder(BROKEN, documents=True)(make_batch(*[b'{"y": 1}'] * 6)).reasons, id="documents"
        ),
        pytest.param(lambda: CsvLines((DEFECT,) * 3, header=True).rows(make_batch(*[b"1,2,3"] * 6)).reasons, id="CSV"),
        pytest.param(lambda: Captures(DEFECT)(LINES.column(0)).reasons, id="a merge's captures"),
        pytest.param(
            lambda: (
                TransformDecoder("JSON", DEFECT)(make_batch(*[b'{"SageMakerInferenceId": "a"}'] * 6).column(0)).reasons
            ),
            id="outputs of a transform",
        ),
    ],
)
def test_a_defect_refuses_every_record_and_raises_nothing(reasons):
    reason_numbers = reasons().tolist()

    assert len(reason_numbers) == 6
    assert set(reason_numbers) <= {Refusal.UNREADABLE, *UNFORESEEN.values()}


def test_a_defect_in_one_line_of_a_tables_columns_refuses_its_row():
    columns = {"label": pa.array(["1"] * 4), "prediction": pa.array(["1"] * 4), "__reason": pa.array([0] * 4)}
    outcomes = ColumnDecoder(replace(BROKEN, numeric=DEFECT), ())(
        pa.RecordBatch.from_pydict(columns | {"label": pa.array([1, 2, 3, 4])})
    )

    assert set(outcomes.reasons.tolist()) <= {Refusal.UNREADABLE, *UNFORESEEN.values()}


def test_the_driver_looks_at_lines_as_executors_do():
    line = encode_line(captured())
    record = encode_line(merged())

    assert decode(line, Reading(HALVES, selection=NO_FRACTION)).reason is Refusal.UNREADABLE_TYPE_ERROR
    assert open_record(line, Reading(HALVES, selection=NO_FRACTION)) is Refusal.UNREADABLE_TYPE_ERROR
    assert decode_merged_record(record, "", replace(BROKEN, label="0")).reason is Refusal.UNREADABLE_ATTRIBUTE_ERROR
    assert decode_document(b'{"y": 1}', BROKEN).reason in UNFORESEEN.values()


def test_a_label_on_which_nobody_knows_what_to_do_is_kept_in_the_quarantine(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"{}\n")
    lines = pa.array([b'{"a": 1}', b'{"b": 1}'], pa.binary()).view(pa.string())
    labels = GroundTruth(list_locations(tmp_path), repairing=Undecided())._decode(lines)

    assert labels.reasons.tolist() == [Refusal.NOT_GROUND_TRUTH] * 2
    labels = GroundTruth(list_locations(tmp_path), repairing=Undecided())._decode(pa.array(["no JSON", '{"b": 1}']))
    assert labels.reasons.tolist() == [Refusal.UNREADABLE_KEY_ERROR, Refusal.NOT_GROUND_TRUTH]
    assert labels.line_indices.tolist() == [0, 1]
    assert labels.lines.to_pylist() == [b"no JSON", b'{"b": 1}']


class Undecided:
    """Neither true nor false."""

    def __bool__(self):
        raise KeyError("a value of the data")
