"""The rows of captures and labels before they are joined, and the ids of captures that are stored between runs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Batches, Engine
from spark_model_monitor.data.records.arrays import has_letters
from spark_model_monitor.data.records.json_lines import parse_json_table
from spark_model_monitor.data.records.locations import FILE_KEY, LINE
from spark_model_monitor.running.merging.hourly_sources import FileLocations, HourFolder, HourlyFile, HourlySource
from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.statistics.states.encoding import DECODING_ERRORS
from spark_model_monitor.storage import StoredFile, join
from spark_model_monitor.value_class import value_class

KEY = "key"
ROLE = "role"
TEXT = "text"

SCHEMA = pa.schema(
    [
        (KEY, pa.string()),  # the join key
        (ROLE, pa.int8()),
        (TEXT, pa.string()),  # a capture without its closing brace; the JSON of a label's truth; the JSON of counts
        ("branch", pa.int32()),  # the branch's number
        ("hour", pa.int64()),  # since 1970; null for a label outside hour folders
        ("time", pa.int64()),  # microseconds since 1970
        ("event", pa.string()),  # the capture's own id
        ("score", pa.string()),
        ("label", pa.int64()),  # the hash of a remembered capture's label; null while it waits
        ("absent", pa.bool_()),  # true if the label is the absent label
        ("rank", pa.int32()),  # a label's position among all labels: the rank of its file, its block, its record
        ("block", pa.int64()),
        ("record", pa.int64()),
    ]
)


ESCAPED_CHARACTERS = b'"\\' + bytes(range(32))  # characters that JSON texts escape

PENDING_FOLDER = "pending"  # the folder of remembered hours, below the output

ID_SCHEMA = pa.schema([("id", pa.string()), ("label", pa.int64()), ("absent", pa.bool_()), ("score", pa.string())])
"""What is stored of a capture: its join key; the hash of its label, null if it has no label; true if that is the absent label;
the text of its score, if scores are requested."""


class Role(IntEnum):
    """What a row is, in the order in which a bucket processes rows.

    EARLIER: a remembered capture of an hour that may have changed. BEFORE: a remembered capture of an hour that is merged again.
    """

    COUNTS = 0
    LABEL = 1
    EARLIER = 2
    BEFORE = 3
    CAPTURE = 4


class Counts(Counter[tuple[Any, ...]]):
    """Counts by name and numbers, such as `("merged", branch, hour)`; the counts of several buckets can be added."""

    def select(self, name: str) -> Mapping[tuple[int, ...], int]:
        """The counts of one name, by their numbers."""
        return {key[1:]: count for key, count in self.items() if key[0] == name}

    def get_total(self, name: str) -> int:
        """The count of a name without numbers."""
        return self[(name,)]

    def count_rows(self, name: str, *numbers: NDArray[Any]) -> None:
        """Count rows by the numbers in these arrays."""
        if not len(numbers[0]):
            return
        rows = np.stack(numbers)  # shape (numbers, rows)
        # Records of an hour are adjacent, so runs of equal rows are counted; a run ends where a number differs from the next
        differs_from_next = (rows[:, 1:] != rows[:, :-1]).any(axis=0)
        ends = np.append(np.flatnonzero(differs_from_next) + 1, rows.shape[1])
        run_lengths = np.diff(ends, prepend=0)
        self.add(name, run_lengths, *rows[:, ends - 1])

    def add(self, name: str, counts: Integers, *numbers: Integers) -> None:
        """Add counts by their numbers."""
        for *values, count in zip(*(column.tolist() for column in (*numbers, counts)), strict=True):
            key = (name, *values)
            self[key] += count

    @property
    def text(self) -> str:
        """The counts as JSON text, which `parse_text` reads."""
        return json.dumps([[*key, count] for key, count in sorted(self.items()) if count])

    @classmethod
    def parse_text(cls, text: str) -> Counts:
        """The counts in a JSON text that `text` returned."""
        return cls({tuple(key): count for *key, count in json.loads(text)})

    def rows(self) -> Batches:
        """One row with the counts, if there are any."""
        if self:
            yield make_rows(Role.COUNTS, {TEXT: pa.array([self.text])})


Columns: TypeAlias = Mapping[str, pa.Array]


def make_rows(role: Role, columns: Columns, selected: Flags | None = None) -> pa.RecordBatch:
    """Rows of a role with these columns, optionally only some rows; the other columns are null."""
    count = len(next(iter(columns.values())))
    given_columns = {**columns, ROLE: pa.repeat(pa.scalar(int(role), pa.int8()), count)}
    arrays = [
        given_columns[field.name] if field.name in given_columns else pa.nulls(count, field.type) for field in SCHEMA
    ]
    rows = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)
    if selected is None or selected.all():
        return rows
    return rows.filter(pa.array(selected))


def format_json_texts(texts: pa.StringArray) -> pa.StringArray:
    """Texts in JSON notation, with quotes; null stays null."""
    quoted_texts = pc.binary_join_element_wise('"', texts, '"', "")
    # Few texts have characters to escape; only these are formatted by Python
    is_escaped = has_letters(texts, ESCAPED_CHARACTERS)
    if not is_escaped.any():
        return quoted_texts
    escaped_texts = [json.dumps(text, ensure_ascii=False) for text in texts.filter(pa.array(is_escaped)).to_pylist()]
    return pc.replace_with_mask(quoted_texts, pa.array(is_escaped), pa.array(escaped_texts, pa.string()))


def has_text(texts: pa.StringArray) -> Flags:
    """Which texts are neither null nor empty."""
    return np.asarray(pc.fill_null(pc.not_equal(texts, ""), False))


class PendingHours:
    """The remembered hours of a merge's output: the ids of their captures, stored until no more labels are expected."""

    def __init__(self, engine: Engine, output_path: str) -> None:
        self._storage = engine.storage(output_path)
        self.folder = join(output_path, PENDING_FOLDER)

    @property
    def hours(self) -> Collection[HourFolder]:
        """The remembered hours."""
        return self._files.keys()

    def source(self, hours: Iterable[HourFolder]) -> HourlySource:
        """The files of the given hours that are remembered."""
        files = [HourlyFile(self._files[hour], hour.branch, hour.hour) for hour in sorted(hours) if hour in self._files]
        return HourlySource(self.folder, tuple(files), tuple(file.file.path for file in files))

    def remember(self, ids: Mapping[HourFolder, list[str]]) -> None:
        """Store the files as the ids of these hours.

        Raises OutputFailed if they can't be written.
        """
        for hour, files in ids.items():
            self._storage.assemble(files, join(self.folder, hour.id_path))

    def forget(self, hours: Collection[HourFolder]) -> None:
        """Delete the ids of these hours, for which no more labels are expected."""
        for hour in hours:
            self._storage.delete(join(self.folder, hour.id_path))

    @cached_property
    def _files(self) -> Mapping[HourFolder, StoredFile]:
        if not self._storage.exists(self.folder):
            return {}
        top = self._storage.resolved(self.folder)
        files = self._storage.list_files(self.folder)
        # Files with other names are not ours
        hour_files = [(HourFolder.parse_id_path(file.path.removeprefix(top).lstrip("/")), file) for file in files]
        return {hour: file for hour, file in hour_files if hour is not None}


@value_class
class RememberedIds:
    """The task that turns lines of remembered hours into rows of `merge_rows.SCHEMA`. role: EARLIER or BEFORE."""

    locations: FileLocations
    role: Role

    inputs = (LINE, FILE_KEY)

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            lines, ranks = self.locations.keep_listed(batch)
            remembered = _parse_ids(lines.column(LINE))
            columns = {
                KEY: remembered.column("id"),
                "branch": self.locations.branches.take(ranks),
                "hour": self.locations.hours.take(ranks),
                "label": remembered.column("label"),
                "absent": remembered.column("absent"),
            }
            yield make_rows(self.role, columns, np.asarray(remembered.column("id").is_valid()))


def parse_id_lines(batches: Batches) -> Batches:
    """The task that turns lines of ids into rows of `ID_SCHEMA`."""
    for batch in batches:
        rows = _parse_ids(batch.column(0))
        yield rows.filter(rows.column("id").is_valid())


def _parse_ids(texts: pa.StringArray) -> pa.RecordBatch:
    """The ids on some lines, one row each; all null for an invalid line."""
    lines = texts.cast(pa.binary()).to_pylist()
    table = parse_json_table(b"\n".join(lines), ID_SCHEMA)
    # If a line is damaged, lines are parsed one by one, so that only its id is lost
    if table is None or table.num_rows != len(lines):
        table = pa.Table.from_pylist([_parse_id(line) for line in lines], ID_SCHEMA)
    if lines:
        return table.combine_chunks().to_batches()[0]
    return pa.RecordBatch.from_pylist([], ID_SCHEMA)


def _parse_id(line: bytes) -> Mapping[str, str | None]:
    try:
        row: Mapping[str, str | None] = pa.Table.from_pylist([json.loads(line)], ID_SCHEMA).to_pylist()[0]
    except (pa.ArrowException, *DECODING_ERRORS):
        return {}
    return row
