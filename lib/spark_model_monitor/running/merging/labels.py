"""Ground truth: its records, and the task that turns its lines into rows to join with captures. Pure; executors import this."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import field, replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Batches
from spark_model_monitor.data.reading.ledger import NUMBER
from spark_model_monitor.data.records import ENCODINGS
from spark_model_monitor.data.records.arrays import Reasons, concat_rows, get_column, is_utf_8, is_writable, take_rows
from spark_model_monitor.data.records.captured_payloads import format_json_value
from spark_model_monitor.data.records.json_lines import (
    JsonRecord,
    JsonValue,
    has_many_names,
    iterate_records,
    parse_json,
    parse_literal,
)
from spark_model_monitor.data.records.line_templates import parse_table
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY, LINE
from spark_model_monitor.data.records.refusals import NumberedText, Refusal, decode_ranges
from spark_model_monitor.documents.json_text import NAN_TEXTS
from spark_model_monitor.running.merging import merge_rows
from spark_model_monitor.running.merging.captured import HALF_TYPE, REFUSED_SCHEMA
from spark_model_monitor.running.merging.hourly_sources import FileLocations
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.value_class import value_class


class Repair(NumberedText):
    """How a record that is not valid JSON was repaired. In tables, 0 means that it wasn't repaired."""

    PYTHON_LITERAL = 1, "written by Python's str(dict), not as JSON"
    JOINED_BY_COMMAS = 2, "joined by commas"


@value_class
class Label:
    """One ground-truth record.

    Attributes
    ----------
    event_id: The id of its capture; None if it is refused.
    truth: The JSON text of its `groundTruthData`; None if it is refused.
    reason: Why it is refused; 0 if it isn't.
    repair: How it was repaired; 0 if it wasn't.
    line: The line that contains it.
    content: Its own text, instead of a line, if it is an element of a multi-line array.
    """

    event_id: str | None = None
    truth: str | None = None
    reason: int = 0
    repair: int = 0
    line: bytes | None = None
    content: str | None = None


def parse_label_line(line: bytes, *, repairing: bool = True) -> list[Label]:
    """The records of one line; a line with an unreadable record is one refused record."""
    if has_many_names(line):
        return [Label(reason=Refusal.TOO_MANY_NAMES, line=line)]
    text = line.decode("utf-8", "replace").strip()
    # The replacement character may also be a valid character of the file
    if "\ufffd" in text and not is_utf_8(line):
        return [Label(reason=Refusal.NOT_UTF_8, line=line)]
    values, repair = _parse_values(text, repairing=repairing)
    if values is None:
        # The line is refused; if only the commas between records are wrong, the reason says so
        reason = Refusal.NOT_A_JSON_OBJECT
        if not repairing and _parse_values(text, repairing=True)[1] == Repair.JOINED_BY_COMMAS:
            reason = Refusal.SEVERAL_JSON_OBJECTS
        return [Label(reason=reason, line=line)]
    # An empty array has no record
    if not values:
        return [Label(reason=Refusal.NOT_GROUND_TRUTH, line=line)]
    labels = [replace(_parse_label(value), repair=repair, line=line) for value in values]
    # One bad record refuses its whole line
    for label in labels:
        if label.reason:
            return [label]
    return labels


def parse_label_file(content: bytes, *, repairing: bool = True) -> list[Label]:
    """The records of a file that begins with an array: the array's elements or, if the array is broken, the records by line."""
    text = content.decode("utf-8-sig", "replace").strip()
    repair = 0
    records: list[JsonRecord] | None = None
    try:
        records = list(iterate_records(text, parse_float=_Number.of))
    except ValueError:
        values, repair = _parse_values(text, repairing=repairing)
        if values is not None:
            records = [JsonRecord("", value) for value in values]
    # A broken array is read by line, so that one bad element is refused instead of the file
    if records is None or repair == Repair.JOINED_BY_COMMAS or not is_utf_8(content):
        labels: list[Label] = []
        for line in content.split(b"\n"):
            if line.strip():
                labels += parse_label_line(line.rstrip(b"\r"), repairing=repairing)
        return labels
    return [_parse_record(record, repair) for record in records]


def _parse_record(record: JsonRecord, repair: int) -> Label:
    if record.reason:
        return Label(reason=record.reason, content=record.text)
    return replace(_parse_label(record.value), repair=repair, content=_format_content(record.value))


def _parse_values(text: str, *, repairing: bool) -> tuple[list[JsonValue] | None, int]:
    """The records in a text, and the necessary repairs; None if they can't be read."""
    json_values = _read_values(_parse_json, text)
    if json_values is not None:
        return json_values, 0
    if not repairing:
        return None, 0
    # Files that were concatenated by hand have commas between objects, or after the last one
    joined_values = _read_values(_parse_json, f"[{text.rstrip(', ')}]")
    if joined_values is not None:
        return joined_values, Repair.JOINED_BY_COMMAS
    # Python scripts often write str() of a dictionary, with single quotes
    return _read_values(parse_literal, text.rstrip(", ")), Repair.PYTHON_LITERAL


class _Number(float):
    """A number with a fraction, in its original notation."""

    text = ""

    @classmethod
    def of(cls, text: str) -> _Number:
        number = cls(text)
        number.text = text
        return number


_parse_json = partial(parse_json, parse_float=_Number.of)


def _read_values(parse: Callable[[str], JsonValue], text: str) -> list[JsonValue] | None:
    try:
        value = parse(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, (list, tuple)):
        return list(value)
    return [value]


def _parse_label(value: JsonValue) -> Label:
    truth = value.get("groundTruthData") if isinstance(value, dict) else None
    if not isinstance(truth, dict):
        return Label(reason=Refusal.NOT_GROUND_TRUTH)
    metadata = value.get("eventMetadata")
    if not isinstance(metadata, dict):
        return Label(reason=Refusal.NO_ID)
    event_id = metadata.get("eventId")
    if event_id is None or event_id == "":
        # Some writers use the id's name in the capture
        event_id = metadata.get("inferenceId")
    if event_id is None or event_id == "":
        return Label(reason=Refusal.NO_ID)
    data = truth.get("data")
    # Ids and labels stay the texts that were written, also if they are numbers
    try:
        id_text = _format_value(event_id)
        text = _format_value(data)
        encoding = str(truth.get("encoding") or "CSV")
    except NOT_WRITTEN:
        return Label(reason=Refusal.NOT_GROUND_TRUTH)
    # The first reason that applies is reported
    if data is None or text.strip() in ("", *NAN_TEXTS):
        return Label(reason=Refusal.NO_LABEL)
    if encoding.upper() not in ENCODINGS:
        return Label(reason=Refusal.UNKNOWN_ENCODING)
    if not is_writable(text) or not is_writable(id_text):
        return Label(reason=Refusal.NOT_UTF_8)
    return Label(id_text, json.dumps({"data": text, "encoding": encoding}, separators=(",", ":"), ensure_ascii=False))


NOT_WRITTEN = (TypeError, ValueError, RecursionError)
"""What `json.dumps` raises for values it can't write: Python's literals include bytes, sets and huge numbers."""


def _format_value(value: JsonValue) -> str:
    """A value as text: a text itself, another value as JSON. Raises NOT_WRITTEN if JSON can't represent it."""
    if isinstance(value, _Number):
        return value.text
    return format_json_value(value)


def _format_content(value: JsonValue) -> str:
    """An element of an array for the quarantine: as JSON, otherwise as Python's literal, otherwise its type."""
    for write in (_format_json, json.dumps, repr):
        try:
            text = write(value)
        except NOT_WRITTEN:
            continue
        if is_writable(text):
            return text
    return type(value).__name__


def _format_json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


REFUSED_LABELS = "refused labels"
REPAIRED_LABELS = "repaired labels"
ARRAY_FILES = "array files"
"""Names of `Counts` by `Refusal`, by `Repair`, and by the rank of the file."""

ELEMENT_SCHEMA = pa.schema([*REFUSED_SCHEMA, (NUMBER, pa.int64()), (BLOCK_START, pa.int64())])
"""Refused elements of a file's array: their own texts, and their positions in it, from 1."""

ACCOUNTED = ("ids", "repeated", "contradicted", "outside_window")

ARRAY_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[")

LABEL_SCHEMA = pa.schema([("groundTruthData", HALF_TYPE), ("eventMetadata", pa.struct([("eventId", pa.string())]))])


@value_class
class LabelAccount:
    """The counts of labels, before they are matched with captures.

    Attributes
    ----------
    read: All labels: `outside_window + ids + repeated + contradicted` and the refused ones.
    ids: Distinct ids, each with a last label.
    repeated: Labels that are not the last of their id, if all labels of the id are equal.
    contradicted: Labels that are not the last of their id, if labels of the id differ.
    outside_window: Labels of hours outside the window.
    refused: Refused labels, by reason.
    repaired: Repaired labels, by repair.
    """

    read: int = 0
    ids: int = 0
    repeated: int = 0
    contradicted: int = 0
    outside_window: int = 0
    refused: Mapping[Refusal, int] = field(default_factory=dict)
    repaired: Mapping[Repair, int] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: merge_rows.Counts) -> LabelAccount:
        """The account in the sum of the buckets' counts."""
        refused_counts = {Refusal(reason): count for (reason,), count in counts.select(REFUSED_LABELS).items()}
        repaired = {Repair(repair): count for (repair,), count in counts.select(REPAIRED_LABELS).items()}
        # Each label that was read is in exactly one of these counts, or refused
        totals = {name: counts.get_total(f"labels {name}") for name in ACCOUNTED}
        read = sum(totals.values()) + sum(refused_counts.values())
        return cls(read, refused=refused_counts, repaired=repaired, **totals)


@value_class
class LabelRows:
    """The records of some lines, in arrays with one element each.

    Attributes
    ----------
    line_indices: The index of the record's line.
    reasons: Why the record is refused; 0 if it isn't.
    event_ids, truths: As in `Label`; null for a refused record.
    repairs: How the record was repaired; 0 if it wasn't.
    positions_in_line: The record's position within its line.
    contents: The record's own text, if it is a refused element of a file's array.
    lines: The record's line; null for plain records.
    """

    line_indices: Integers
    reasons: Reasons
    event_ids: pa.StringArray
    truths: pa.StringArray
    repairs: NDArray[np.int32]
    positions_in_line: Integers
    contents: pa.StringArray
    lines: pa.BinaryArray

    @classmethod
    def decode_lines(
        cls, lines: pa.StringArray, indices: Integers, decode: Callable[[bytes], list[Label]]
    ) -> LabelRows:
        """The records of the lines with these indices, decoded one by one."""
        texts = lines.take(indices).cast(pa.binary()).to_pylist()  # bytes, because a line may not be UTF-8
        labels: list[Label] = []
        line_indices: list[int] = []
        positions_in_line: list[int] = []
        for index, text in zip(indices.tolist(), texts, strict=True):
            line_labels = decode(text)
            labels += line_labels
            line_indices += [index] * len(line_labels)
            positions_in_line += range(len(line_labels))
        return cls(
            np.array(line_indices, np.int64),
            np.array([label.reason for label in labels], np.int32),
            pa.array([label.event_id for label in labels], pa.string()),
            pa.array([label.truth for label in labels], pa.string()),
            np.array([label.repair for label in labels], np.int32),
            np.array(positions_in_line, np.int64),
            pa.array([label.content for label in labels], pa.string()),
            pa.array([label.line for label in labels], pa.binary()),
        )

    @classmethod
    def refuse_line(cls, lines: pa.StringArray, index: int, reason: Refusal) -> LabelRows:
        """The record of a line that can't be decoded."""
        return cls.decode_lines(lines, np.array([index]), lambda line: [Label(reason=reason, line=line)])

    def merge_plain_rows(
        self, plain_line_indices: Integers, event_ids: pa.StringArray, truths: pa.StringArray
    ) -> LabelRows:
        """These records and one plain record for each of these lines, in the order of all lines."""
        count = len(plain_line_indices)
        zeros = np.zeros(count, np.int32)
        zero_positions = np.zeros(count, np.int64)
        contents = pa.nulls(count, pa.string())
        lines = pa.nulls(count, pa.binary())
        plain_rows = LabelRows(plain_line_indices, zeros, event_ids, truths, zeros, zero_positions, contents, lines)
        rows = concat_rows([plain_rows, self])
        # A stable sort: records of one line stay in their order
        return take_rows(rows, np.argsort(rows.line_indices, kind="stable"))


@value_class
class GroundTruth:
    """The task that turns lines of ground truth into rows of `merge_rows.SCHEMA`.

    locations: the locations of the files. repairing: whether to repair records that aren't valid JSON. array_files: the ranks
    of files that are read as a whole. whole_files: whether each of these lines is such a file.
    """

    locations: FileLocations
    repairing: bool = True
    array_files: Collection[int] = ()
    whole_files: bool = False

    inputs = (LINE, FILE_KEY, BLOCK_START)

    def __call__(self, batches: Batches) -> Batches:
        # Records are numbered through the partition, to find the last label of an id
        num_records = 0
        last_rank = -1
        for lines, ranks, blocks in self._read(batches):
            counts = merge_rows.Counts()
            if not self.whole_files:
                # The first scan finds files that begin with an array, and a second one reads them as a whole
                counts.count_rows(ARRAY_FILES, self._find_array_files(lines, ranks, blocks, last_rank))
                last_rank = ranks[-1]
            rows = self._decode(lines)
            counts.count_rows(REFUSED_LABELS, rows.reasons[rows.reasons > 0])
            counts.count_rows(REPAIRED_LABELS, rows.repairs[(rows.repairs > 0) & (rows.reasons == 0)])
            yield from counts.rows()
            files = pa.array(ranks[rows.line_indices])
            columns = {
                merge_rows.KEY: rows.event_ids,
                merge_rows.TEXT: rows.truths,
                "hour": self.locations.hours.take(files),
                "rank": files,
                "block": pa.array(blocks[rows.line_indices]),
                "record": pa.array(np.arange(num_records, num_records + len(rows.line_indices))),
            }
            num_records += len(rows.line_indices)
            yield merge_rows.make_rows(merge_rows.Role.LABEL, columns, rows.reasons == 0)

    def refused(self, batches: Batches) -> Batches:
        """The refused lines alone, as rows of `REFUSED_SCHEMA`."""
        for rows, uris in self._refused(batches):
            columns = [pa.array(rows.reasons), uris, rows.lines.view(pa.string())]
            yield pa.RecordBatch.from_arrays(columns, schema=REFUSED_SCHEMA).filter(rows.contents.is_null())

    def refused_elements(self, batches: Batches) -> Batches:
        """The refused elements of multi-line arrays, as rows of `ELEMENT_SCHEMA`."""
        for rows, uris in self._refused(batches):
            positions = pa.array(rows.positions_in_line + 1)
            columns = [pa.array(rows.reasons), uris, rows.contents, positions, pa.repeat(0, len(uris))]
            yield pa.RecordBatch.from_arrays(columns, schema=ELEMENT_SCHEMA).filter(rows.contents.is_valid())

    def _refused(self, batches: Batches) -> Iterator[tuple[LabelRows, pa.StringArray]]:
        for lines, ranks, _ in self._read(batches):
            rows = self._decode(lines)
            rows = take_rows(rows, np.flatnonzero(rows.reasons))
            yield rows, self.locations.uris.take(ranks[rows.line_indices])

    def _read(self, batches: Batches) -> Iterator[tuple[pa.StringArray, NDArray[np.int32], Integers]]:
        for batch in batches:
            listed_lines, ranks = self.locations.keep_listed(batch)
            # Files with an array are the input of another task
            if len(self.array_files) and not self.whole_files:
                is_by_line = ~np.isin(ranks.to_numpy(), list(self.array_files))
                listed_lines = listed_lines.filter(pa.array(is_by_line))
                ranks = ranks.filter(pa.array(is_by_line))
            if listed_lines.num_rows:
                yield listed_lines.column(LINE), ranks.to_numpy(), listed_lines.column(BLOCK_START).to_numpy()

    def _decode(self, lines: pa.StringArray) -> LabelRows:
        return decode_ranges(
            [(0, len(lines))],
            decode=lambda part: self._parse_lines(lines[part]),
            refused=partial(LabelRows.refuse_line, lines),
            numbers="line_indices",
        )

    def _parse_lines(self, lines: pa.StringArray) -> LabelRows:
        decode = partial(parse_label_file if self.whole_files else parse_label_line, repairing=self.repairing)
        if self.whole_files:
            return LabelRows.decode_lines(lines, np.arange(len(lines)), decode)
        # Only lines without the usual form are parsed one by one
        are_plain, event_ids, truths = parse_plain_labels(lines)
        parsed_rows = LabelRows.decode_lines(lines, np.flatnonzero(~are_plain), decode)
        plain = pa.array(are_plain)
        return parsed_rows.merge_plain_rows(np.flatnonzero(are_plain), event_ids.filter(plain), truths.filter(plain))

    def _find_array_files(
        self, lines: pa.StringArray, ranks: NDArray[np.int32], blocks: Integers, last_rank: int
    ) -> NDArray[np.int32]:
        """The ranks of files whose first line begins with an array. last_rank: the rank of the file before these lines."""
        is_first = (ranks != np.concatenate([[last_rank], ranks[:-1]])) & (blocks == 0)
        first_ranks = ranks[is_first].tolist()
        first_lines = lines.filter(pa.array(is_first)).cast(pa.binary()).to_pylist()
        array_ranks = [rank for rank, line in zip(first_ranks, first_lines, strict=True) if ARRAY_BEGINNING.match(line)]
        return np.array(array_ranks, np.int32)


def parse_plain_labels(lines: pa.StringArray) -> tuple[Flags, pa.StringArray, pa.StringArray]:
    """For each line, whether it is a single record with an id and a label in a known encoding; its id; and its truth."""
    table = parse_table(lines, LABEL_SCHEMA)
    truths = get_column(table, "groundTruthData")
    data = pc.struct_field(truths, "data")
    encodings = pc.struct_field(truths, "encoding")
    ids = pc.struct_field(get_column(table, "eventMetadata"), "eventId")
    # A label without an encoding is CSV
    is_known_encoding = pc.is_in(pc.utf8_upper(encodings), pa.array([*ENCODINGS, None]))
    flags: Flags = (
        np.asarray(is_known_encoding) & merge_rows.has_text(pc.utf8_trim_whitespace(data)) & merge_rows.has_text(ids)
    )
    encoding_texts = pc.fill_null(encodings, "CSV")
    return (
        flags,
        ids,
        pc.binary_join_element_wise(
            '{"data":', merge_rows.format_json_texts(data), ',"encoding":"', encoding_texts, '"}', ""
        ),
    )
