"""The rows of captures and labels before they are joined, and what is counted of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import Batches
from spark_model_monitor.data.records.arrays import has_letters
from spark_model_monitor.statistics import Flags, Integers

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
