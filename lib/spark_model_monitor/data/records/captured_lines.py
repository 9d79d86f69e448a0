"""Decodes captured records: rows of texts, CSV payloads, and the objects for scripts. Pure; runs on executors."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.records import INDEX_NAMES
from spark_model_monitor.data.records.arrays import CHUNK_BYTES, Flags, buffer_of, chunks, holding, places_of, where
from spark_model_monitor.data.records.capture_documents import Documents, documents_of
from spark_model_monitor.data.records.csv_rows import NUMBER_CELL, parsed_rows
from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.decoding import CSV, JSON, Reading, decode
from spark_model_monitor.data.records.locations import LINE, NO_FILES, FilesByKey
from spark_model_monitor.data.records.missing_values import without_missing_values
from spark_model_monitor.data.records.refusals import Refusal

LONG_PAYLOAD = 2**20  # bytes of a half above which a record's rows are decoded in pieces
ROWS_OF_PIECE = 2**15  # rows of a piece


def rows_of_csv(documents: Documents, are_csv: Flags, reading: Reading) -> Iterator[DecodedRows]:
    """The rows of plain documents with CSV in all halves. are_csv: flags of documents with CSV."""
    payloads = [half.chomped() for half in documents.halves.values()]
    has_several = np.zeros(len(are_csv), dtype=np.bool_)
    is_odd = ~are_csv
    for payload in payloads:
        has_several |= holding(payload, b"\r\n")
        is_odd |= np.asarray(pc.fill_null(pc.equal(payload, ""), False))
    one_row = ~is_odd & ~has_several
    if one_row.any():
        yield _of_one_row(_chosen(payloads, one_row), np.flatnonzero(one_row), reading)
    if not (has_several & ~is_odd).any():
        return
    for payload in payloads:
        is_odd |= holding(payload, b'\r"')
        if not reading.exact_keys:
            is_odd |= _may_begin_with_header(payload, has_several & ~is_odd)
    several = ~is_odd & has_several
    if several.any():
        yield _of_several_rows(_chosen(payloads, several), np.flatnonzero(several), reading)


_NUMBER_IN_ROW = rf"([^\n]*,)?{NUMBER_CELL}(,|\n|$)"


def _may_begin_with_header(payload: pa.StringArray, has_several: Flags) -> Flags:
    """Which payloads of several rows have a number in their second row and none in their first, as below a header."""
    indices = np.flatnonzero(has_several)
    for pattern, is_wanted in ((f"^{_NUMBER_IN_ROW}", False), (rf"^[^\n]*\n{_NUMBER_IN_ROW}", True)):
        matches = pc.match_substring_regex(payload.take(pa.array(indices)), pattern)
        indices = indices[np.asarray(pc.fill_null(matches, not is_wanted)) == is_wanted]
    flags = np.zeros(len(has_several), dtype=np.bool_)
    flags[indices] = True
    return flags


def _chosen(payloads: Sequence[pa.Array], flags: Flags) -> Sequence[pa.Array]:
    if flags.all():
        return payloads
    return [payload.filter(pa.array(flags)) for payload in payloads]


def _of_one_row(payloads: Sequence[pa.StringArray], lines: NDArray[np.int64], reading: Reading) -> DecodedRows:
    """The rows of single-row records. payloads: the texts of each half, null if it was not captured."""
    columns = reading.columns or 0
    found = parsed_rows(_side_by_side(payloads), columns, escape=reading.escape)
    reasons = np.where(found.widths == columns, 0, Refusal.WRONG_NUMBER_OF_CELLS).astype(np.int32)
    return DecodedRows(found.columns, lines, reasons, found.widths.astype(np.int32))


def _of_several_rows(payloads: Sequence[pa.StringArray], lines: NDArray[np.int64], reading: Reading) -> DecodedRows:
    """The rows of records whose halves have equally many rows, all with the right number of cells."""
    columns = reading.columns or 0
    parts = []
    bad = []
    for sides, of_line in rows_of_halves(payloads, lines):
        found = parsed_rows(_side_by_side(sides), columns)
        nothing = np.zeros(len(of_line), np.int32)
        parts.append(DecodedRows(found.columns, of_line, nothing, nothing))
        bad += of_line[found.widths != columns].tolist()
    rows = DecodedRows.in_order(parts, columns)
    if bad:
        rows = where(rows, ~np.isin(rows.lines, bad))
    is_first = np.diff(rows.lines, prepend=-1) > 0
    return replace(rows, cells=np.where(is_first, np.int32(columns), np.int32(0)))


def rows_of_halves(
    halves: Sequence[pa.StringArray], records: NDArray[np.int64]
) -> Iterator[tuple[list[pa.StringArray], NDArray[np.int64]]]:
    """The rows of records whose halves have equally many rows, side by side, and the index of each row's record.

    halves: without quotes and without final line ends; null if a record lacks the half. Long records are yielded in
    pieces, since all rows at once would take many times their memory.
    """
    sizes = [pc.fill_null(pc.binary_length(half), 0).to_numpy(zero_copy_only=False) for half in halves]
    are_long = np.max(sizes, axis=0) > LONG_PAYLOAD
    for number in np.flatnonzero(are_long).tolist():
        for pieces in _pieces_of([half.slice(number, 1) for half in halves]):
            pa.default_memory_pool().release_unused()  # temporary memory of the parser or the previous piece
            yield pieces, np.full(len(pieces[0]), records[number])
    halves = _chosen(halves, ~are_long)
    records = records[~are_long]
    if not any(holding(half, b"\n").any() for half in halves):
        yield list(halves), records
        return
    sides = [pc.split_pattern(half, "\n") for half in halves]
    counts = [pc.fill_null(pc.list_value_length(side), 0).to_numpy(zero_copy_only=False) for side in sides]
    rows = np.max(counts, axis=0)
    are_equal = np.all([(count == rows) | (count == 0) for count in counts], axis=0)
    rows = rows[are_equal]
    yield [_flattened(side, rows) for side in _chosen(sides, are_equal)], np.repeat(records[are_equal], rows)


def _pieces_of(halves: Sequence[pa.StringArray]) -> Iterator[list[pa.StringArray]]:
    """The rows of one record, in pieces of `ROWS_OF_PIECE`; none if its halves have different numbers of rows."""
    there = [half for half in halves if not half.null_count]
    bounds = [_bounds_of(half) for half in there]
    numbers = {rows for rows, _ in bounds}
    if numbers == {0}:
        yield list(halves)
    elif len(numbers) == 1:
        sides = [_cut_at(half, ends) for half, (_, ends) in zip(there, bounds, strict=True)]
        for pieces in zip(*sides, strict=True):
            own = iter(pieces)
            yield [pa.nulls(len(pieces[0]), pa.string()) if half.null_count else next(own) for half in halves]


def _bounds_of(payload: pa.StringArray) -> tuple[int, list[int]]:
    """The number of line ends in a payload, and the position of every `ROWS_OF_PIECE`th."""
    ends = places_of(payload, b"\n")
    return len(ends), ends[ROWS_OF_PIECE - 1 :: ROWS_OF_PIECE].tolist()


def _cut_at(payload: pa.StringArray, ends: list[int]) -> Iterator[pa.StringArray]:
    """The rows of a payload, cut at these line ends."""
    content = buffer_of(payload)
    for start, end in zip([0, *(end + 1 for end in ends)], [*ends, content.size], strict=True):
        piece = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([start, end], np.int32)), content)
        yield pc.split_pattern(piece, "\n").flatten()


def _flattened(side: pa.ListArray, rows: NDArray[np.int64]) -> pa.StringArray:
    """The rows of each record's half, concatenated; as many nulls for an absent half."""
    flat = side.flatten()
    if not side.null_count:
        return flat
    is_there = np.repeat(side.is_valid(), rows)
    return flat.take(pa.array(np.cumsum(is_there) - 1, mask=~is_there))


def _side_by_side(payloads: Sequence[pa.StringArray]) -> pa.StringArray:
    """The rows of all captured halves, joined."""
    return pc.binary_join_element_wise(*payloads, ",", null_handling="skip")


@dataclass(frozen=True, slots=True)
class CapturedLines:
    """The decoder of captured records. reading: must have a number of columns. files: the lines' files."""

    reading: Reading
    files: FilesByKey = NO_FILES
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = True  # also of kept records: metadata is read from the lines

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.inputs

    @property
    def features(self) -> int:
        return self.reading.columns or 0

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each line: one for each row of a payload, or one for a refused record."""
        lines = batch.column(LINE)
        paths = self.files.behind(batch)
        parts = chunks(lines, self.chunk_bytes)
        rows = DecodedRows.by_parts(parts, lambda part: _rows(lines[part], paths[part], self.reading), self.features)
        if not self.reading.missing_values:
            return rows
        columns = [without_missing_values(column, self.reading.missing_values) for column in rows.columns]
        return replace(rows, columns=tuple(columns))


def _rows(lines: pa.StringArray, paths: pa.StringArray, reading: Reading) -> DecodedRows:
    documents = documents_of(lines, reading)
    are_known, left_out = documents.judged_by_their_events(reading)
    is_taken = left_out > 0
    features = reading.columns or 0
    parts = [DecodedRows.refused(np.flatnonzero(is_taken), left_out[is_taken], features)]
    are_csv = documents.are_of(CSV) & (reading.encoding != JSON)  # with JSON, CSV records are refused
    for part in rows_of_csv(documents, are_known & ~is_taken & are_csv, reading):
        parts.append(part)
        is_taken[part.lines] = True
    parts.append(_one_by_one(lines, paths, np.flatnonzero(~is_taken), reading))
    return DecodedRows.in_order(parts, features)


def _one_by_one(
    lines: pa.StringArray, paths: pa.StringArray, numbers: NDArray[np.int64], reading: Reading
) -> DecodedRows:
    chosen = pa.array(numbers)
    texts = zip(lines.cast(pa.binary()).take(chosen).to_pylist(), paths.take(chosen).to_pylist(), strict=True)
    found = [decode(line, reading, path) for line, path in texts]
    return DecodedRows.one_by_one(found, numbers, reading.columns or 0)


class _Document:
    """A JSON object of a record."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = dict(document)

    def as_dict(self) -> dict[str, Any]:
        return dict(self._document)

    def __str__(self) -> str:
        return json.dumps(self._document, ensure_ascii=False)


class CapturedPart(_Document):
    """One half of the record: request, reply, transform output or ground truth."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.encoding: str | None = document.get("encoding")
        self.data: str | None = document.get("data")
        self.observedContentType: str | None = document.get("observedContentType")
        self.mode: str | None = document.get("mode")


class EventMetadata(_Document):
    """Request metadata. event_time: the text of `inferenceTime`; custom_attribute: list of `customAttributes`, None if
    there are none, since published scripts ask `is not None` before they take the first.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.event_id: str | None = document.get("eventId")
        self.event_time: str | None = document.get("inferenceTime")
        self.inference_id: str | None = document.get("inferenceId")
        self.custom_attribute: list[str] | None = list(document.get("customAttributes") or ()) or None


class InferenceRecord(_Document):
    """The whole record. Halves that were not captured are None. event_data: the halves by their names in the file, for
    scripts of 2019 and 2020.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        captured = document.get("captureData") or {}
        halves = {name: _half(captured.get(name)) for name in INDEX_NAMES}
        super().__init__(document)
        self.event_dict = self._document
        self.event_version: str | None = document.get("eventVersion")
        self.event_metadata = EventMetadata(document.get("eventMetadata") or {})
        self.event_data = SimpleNamespace(**halves)
        self.endpoint_input = halves["endpointInput"]
        self.endpoint_output = halves["endpointOutput"]
        self.batch_transform_output = halves["batchTransformOutput"]
        self.ground_truth = _half(document.get("groundTruthData"))


def has_known_types(document: Mapping[str, Any]) -> bool:
    """Whether a record's metadata has the types that scripts expect: an object, in which attributes are an array."""
    event = document.get("eventMetadata")
    if event is None:
        return True
    return isinstance(event, Mapping) and isinstance(event.get("customAttributes"), (list, type(None)))


def _half(document: object) -> CapturedPart | None:
    if isinstance(document, Mapping):
        return CapturedPart(document)
    return None
