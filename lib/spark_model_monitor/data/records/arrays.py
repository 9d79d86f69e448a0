"""Vectorized operations on the bytes of texts, and on dataclasses of arrays. Pure; runs on executors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.statistics.states.hashing import buffers_of

Rows = TypeVar("Rows")

MANY = 8  # more parts than this belong to a long line


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts, concatenated. Empties the list of parts, so that little is held twice."""
    if len(parts) == 1:
        return parts[0]
    kind: Any = type(parts[0])
    size = len(parts)
    columns = [[getattr(part, member.name) for part in parts] for member in fields(kind)]
    parts.clear()
    rows: Rows = kind(*(_concatenated(columns.pop(0)) for _ in range(len(columns))))
    if size > MANY:  # Arrow would keep the memory of the parts
        pa.default_memory_pool().release_unused()
    return rows


def where(rows: Rows, wanted: NDArray[np.bool_]) -> Rows:
    """The wanted rows."""
    if wanted.all():
        return rows
    return at(rows, np.flatnonzero(wanted))


def at(rows: Rows, places: NDArray[np.int64]) -> Rows:
    """The rows at these indices, in this order."""
    kind: Any = type(rows)
    found: Rows = kind(*(_taken(getattr(rows, member.name), places) for member in fields(kind)))
    return found


def _concatenated(column: list[Any]) -> Any:
    if isinstance(column[0], tuple):
        inner = [[*same] for same in zip(*column, strict=True)]
        column.clear()
        return tuple(_concatenated(inner.pop(0)) for _ in range(len(inner)))
    if column[0] is None:
        return None
    if isinstance(column[0], np.ndarray):
        return np.concatenate(column)
    return pa.concat_arrays(column)


def _taken(column: Any, places: NDArray[np.int64]) -> Any:
    if isinstance(column, tuple):
        return tuple(_taken(one, places) for one in column)
    if column is None:
        return None
    if isinstance(column, np.ndarray):
        return column[places]
    return column.take(pa.array(places))


def are_missing(cells: pa.Array) -> Flags:
    """Flags of null cells."""
    return np.asarray(cells.is_null().to_numpy(zero_copy_only=False))


def in_one_piece(column: pa.ChunkedArray) -> pa.Array:
    """A table's column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()


Flags: TypeAlias = NDArray[np.bool_]  # shape (texts,)
Bytes: TypeAlias = NDArray[np.uint8]

REPLACED = "\ufffd"  # replacement for bytes that are not UTF-8

LAST_OF_ASCII = 0x7F

WINDOW_BYTES = 4 * 2**20  # bytes that are examined together
CHUNK_BYTES = 16 * 2**20  # bytes of lines that are decoded at once: decoding takes a few times as much memory


def utf_8_flags(lines: pa.StringArray) -> Flags | None:
    """Flags of the lines that are UTF-8; None if all are, which is cheap to check."""
    if bytes_of(lines).max(initial=0) <= LAST_OF_ASCII:
        return None
    try:
        lines.validate(full=True)
    except pa.ArrowInvalid:
        return np.array([is_utf_8(line) for line in lines.cast(pa.binary()).to_pylist()])
    return None


def is_utf_8(line: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_writable(text: str) -> bool:
    """Whether a text can be written as UTF-8: JSON may contain half a surrogate pair, which is not a character."""
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def holding(texts: pa.StringArray, letters: bytes) -> Flags:
    """Flags of the texts that contain one of the ASCII characters; False for null."""
    return counts_of(texts, letters) > 0


def counts_of(texts: pa.StringArray, letters: bytes) -> NDArray[np.int64]:
    """The number of these ASCII characters in each text."""
    return np.diff(np.searchsorted(places_of(texts, letters), starts_of(texts)))


def places_of(texts: pa.StringArray, letters: bytes) -> NDArray[np.int64]:
    """The positions of these ASCII characters in `bytes_of`. Takes little memory for a text of any length."""
    content = bytes_of(texts)
    found: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    for start in range(0, len(content), WINDOW_BYTES):
        window = content[start : start + WINDOW_BYTES]
        are_there = window == letters[0]
        for letter in letters[1:]:
            are_there |= window == letter
        found.append(np.flatnonzero(are_there) + start if start else np.flatnonzero(are_there))
    if len(found) == 2:
        return found[1]
    return np.concatenate(found)


def chunks(lines: pa.StringArray, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges of lines with at most `chunk_bytes` in total, or of one line."""
    ends = np.cumsum(pc.binary_length(lines).to_numpy(zero_copy_only=False).astype(np.int64))
    start = 0
    while start < len(lines):
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + chunk_bytes, side="right")))
        yield start, end
        start = end


def buffer_of(texts: pa.StringArray) -> pa.Buffer:
    """The bytes of all texts, concatenated."""
    first, last = buffers_of(texts)[0][[0, -1]].tolist()
    if last > first:
        return texts.buffers()[2].slice(first, last - first)
    return pa.py_buffer(b"")


def bytes_of(texts: pa.StringArray) -> Bytes:
    """The same for numpy, shape (bytes,)."""
    return np.frombuffer(buffer_of(texts), np.uint8)


def starts_of(texts: pa.StringArray) -> NDArray[np.int64]:
    """The start of each text in `bytes_of`, and the end of the last one, shape (texts + 1,)."""
    offsets = buffers_of(texts)[0].astype(np.int64)
    offsets -= offsets[0]
    return offsets
