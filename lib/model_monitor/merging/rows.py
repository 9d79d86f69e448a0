"""What the two sides of a merge are brought to before they meet: rows of one schema, by the id that they are joined by. Pure.

All rows of an id come to one bucket, the labels before the captures (`joining.Join`). What is only counted of a batch comes
as one row with the text of its `Counts`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.records.arrays import Flags, holding

KEY, ROLE, TEXT = "key", "role", "text"

SCHEMA = pa.schema(
    [
        (KEY, pa.string()),  # the id that is joined by
        (ROLE, pa.int8()),
        (TEXT, pa.string()),  # a capture without its closing brace; the JSON of a label's truth; the JSON of counts
        ("branch", pa.int32()),  # by its number
        ("hour", pa.int64()),  # since 1970; null of a label in no hour's folder
        ("time", pa.int64()),  # microseconds since 1970
        ("event", pa.string()),  # the capture's own id
        ("score", pa.string()),
        ("label", pa.int64()),  # the hash of the label that a remembered capture has; null while it waits
        ("absent", pa.bool_()),  # true if that label says that none came
        ("rank", pa.int32()),  # a label's place in the order of all: its file, block, and record
        ("block", pa.int64()),
        ("record", pa.int64()),
    ]
)


class Role(IntEnum):
    """What a row is, in the order in which a bucket looks at them.

    EARLIER, BEFORE: remembered captures, of hours that may have news, and of hours that are merged again.
    """

    COUNTS = 0
    LABEL = 1
    EARLIER = 2
    BEFORE = 3
    CAPTURE = 4


class Counts(Counter[tuple[Any, ...]]):
    """How many there are of something, by its name and numbers: `("merged", branch, hour)`. They add."""

    def of(self, name: str) -> Mapping[tuple[int, ...], int]:
        """Those of one name, by their numbers."""
        return {key[1:]: count for key, count in self.items() if key[0] == name}

    def by(self, name: str, *numbers: NDArray[Any]) -> None:
        """Count the rows of arrays by their numbers."""
        if len(numbers[0]):
            found, times = np.unique(np.stack(numbers), axis=1, return_counts=True)
            for *place, count in zip(*found.tolist(), times.tolist(), strict=True):
                key = (name, *place)
                self[key] += count

    @property
    def text(self) -> str:
        return json.dumps([[*key, count] for key, count in sorted(self.items()) if count])

    @classmethod
    def of_text(cls, text: str) -> Counts:
        return cls({tuple(key): count for *key, count in json.loads(text)})

    def rows(self) -> Iterator[pa.RecordBatch]:
        """One row with them, if there are any."""
        if self:
            yield rows_of(Role.COUNTS, {TEXT: pa.array([self.text])})


Columns: TypeAlias = Mapping[str, pa.Array]


def rows_of(role: Role, columns: Columns) -> pa.RecordBatch:
    """Rows of a role with these columns; the others are null."""
    count = len(next(iter(columns.values())))
    told = {**columns, ROLE: pa.repeat(pa.scalar(int(role), pa.int8()), count)}
    arrays = [told[field.name] if field.name in told else pa.nulls(count, field.type) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def json_texts(texts: pa.StringArray) -> pa.StringArray:
    """Texts as JSON writes them, with their quotes; null stays null."""
    plain = pc.binary_join_element_wise('"', texts, '"', "")
    odd = holding(texts, ESCAPED)
    if not odd.any():
        return plain
    written = [json.dumps(text, ensure_ascii=False) for text in texts.filter(pa.array(odd)).to_pylist()]
    return pc.replace_with_mask(plain, pa.array(odd), pa.array(written, pa.string()))


ESCAPED = b'"\\' + bytes(range(32))


def are_there(texts: pa.StringArray) -> Flags:
    """Which texts are there, and not empty."""
    flags: Flags = np.asarray(pc.fill_null(pc.not_equal(texts, ""), False))
    return flags
