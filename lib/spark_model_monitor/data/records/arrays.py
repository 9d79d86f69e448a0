"""Vectorized operations on the bytes of texts, and on dataclasses of arrays. Pure; runs on executors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.statistics import Bytes, Flags, Integers
from spark_model_monitor.statistics.states.hashing import read_buffers

Reasons: TypeAlias = NDArray[np.int32]  # 0 or a Refusal

Rows = TypeVar("Rows")

LONG_LINE_PARTS = 8  # only with more parts is it worth releasing the memory of a long line

REPLACED = "\ufffd"  # replacement for bytes that are not UTF-8
MAX_ASCII = 0x7F
BACKSLASH, BLANK = b"\\ "
WINDOW_BYTES = 4 * 2**20  # bytes that are examined together
CHUNK_BYTES = 16 * 2**20  # bytes of lines that are decoded at once: decoding takes a few times as much memory


def concat_rows(parts: list[Rows]) -> Rows:
    """The rows of all parts, concatenated. Empties the list of parts, so that few rows are held twice."""
    if len(parts) == 1:
        return parts[0]
    row_type: Any = type(parts[0])
    size = len(parts)
    # Member by member, so that the parts' arrays are freed one after the other
    columns = [[getattr(part, member.name) for part in parts] for member in fields(row_type)]
    parts.clear()
    rows: Rows = row_type(*(_concat_columns(columns.pop(0)) for _ in range(len(columns))))
    if size > LONG_LINE_PARTS:  # Arrow would keep the memory of the parts
        pa.default_memory_pool().release_unused()
    return rows


def drop_nulls(cells: pa.Array) -> pa.Array:
    """The cells that aren't null; if no cell is null, the array itself without a copy."""
    if cells.null_count:
        return cells.drop_null()
    return cells


def select_rows(rows: Rows, is_selected: Flags) -> Rows:
    """The rows whose flag is set."""
    if is_selected.all():
        return rows
    return take_rows(rows, np.flatnonzero(is_selected))


def take_rows(rows: Rows, indices: Integers) -> Rows:
    """The rows at these indices, in this order."""
    row_type: Any = type(rows)
    taken: Rows = row_type(*(_take_column(getattr(rows, member.name), indices) for member in fields(row_type)))
    return taken


def _concat_columns(column: list[Any]) -> Any:
    # Some members are tuples of columns, such as the features
    if isinstance(column[0], tuple):
        inner_columns = [[*inner_column] for inner_column in zip(*column, strict=True)]
        column.clear()
        return tuple(_concat_columns(inner_columns.pop(0)) for _ in range(len(inner_columns)))
    # Members that weren't requested are None
    if column[0] is None:
        return None
    if isinstance(column[0], np.ndarray):
        return np.concatenate(column)
    return pa.concat_arrays(column)


def _take_column(column: Any, indices: Integers) -> Any:
    if isinstance(column, tuple):
        return tuple(_take_column(inner_column, indices) for inner_column in column)
    if column is None:
        return None
    if isinstance(column, np.ndarray):
        return column[indices]
    return column.take(indices)


def are_missing(cells: pa.Array) -> Flags:
    """Flags of null cells."""
    return np.asarray(cells.is_null())


def combine_chunks(column: pa.ChunkedArray) -> pa.Array:
    """A table's column as one array."""
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks()


def get_column(table: pa.Table, name: str) -> pa.Array:
    """A column of a table as one array."""
    return combine_chunks(table.column(name))


def find_utf_8(lines: pa.StringArray) -> Flags | None:
    """Flags of the lines that are UTF-8; None if all lines are, which is cheap to check."""
    if view_text_bytes(lines).max(initial=0) <= MAX_ASCII:
        return None
    try:
        # Arrow validates all lines at once; only if this fails is each line checked
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


def has_letters(texts: pa.StringArray, letters: bytes) -> Flags:
    """Flags of the texts that contain one of the ASCII characters; False for null."""
    starts = compute_text_starts(texts)
    # A text contains such a character if more of them precede its end than its start
    flags = np.zeros(len(texts), np.bool_)
    for positions in _find_by_windows(texts, partial(_match_letters, letters)):
        flags |= np.diff(np.searchsorted(positions, starts)) > 0
    return flags


def find_letters(texts: pa.StringArray, letters: bytes) -> Integers:
    """The positions of these ASCII characters in `view_text_bytes`."""
    return _join_positions(_find_by_windows(texts, partial(_match_letters, letters)))


def find_backslashes_and_controls(texts: pa.StringArray) -> Integers:
    """The positions of backslashes and control characters."""
    return _join_positions(_find_by_windows(texts, lambda window: (window == BACKSLASH) | (window < BLANK)))


def _join_positions(windows: Iterator[Integers]) -> Integers:
    positions = list(windows)
    # The positions of a single window need no copy
    if len(positions) == 1:
        return positions[0]
    return np.concatenate([np.zeros(0, np.int64), *positions])


def _match_letters(letters: bytes, window: Bytes) -> Flags:
    flags: Flags = window == letters[0]
    for letter in letters[1:]:
        flags |= window == letter
    return flags


def _find_by_windows(texts: pa.StringArray, find_in_window: Callable[[Bytes], Flags]) -> Iterator[Integers]:
    """The positions in the texts, window by window, so that a text of any length takes little memory."""
    content = view_text_bytes(texts)
    for start in range(0, len(content), WINDOW_BYTES):
        positions = np.flatnonzero(find_in_window(content[start : start + WINDOW_BYTES]))
        yield positions + start if start else positions


def split_into_chunks(lines: pa.StringArray, chunk_bytes: int) -> Iterator[tuple[int, int]]:
    """Ranges of lines that have at most `chunk_bytes` in total; a longer line is a range of its own."""
    ends = np.cumsum(np.asarray(pc.binary_length(lines), np.int64))
    start = 0
    while start < len(lines):
        # The number of bytes of all lines before this range
        before = int(ends[start - 1]) if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + chunk_bytes, side="right")))
        yield start, end
        start = end


def get_text_buffer(texts: pa.StringArray) -> pa.Buffer:
    """The bytes of all texts, concatenated."""
    first, last = read_buffers(texts)[0][[0, -1]].tolist()
    if last > first:
        return texts.buffers()[2].slice(first, last - first)
    return pa.py_buffer(b"")


def view_text_bytes(texts: pa.StringArray) -> Bytes:
    """The bytes of all texts, concatenated, as a numpy array of shape (bytes,)."""
    return np.frombuffer(get_text_buffer(texts), np.uint8)


def compute_text_starts(texts: pa.StringArray) -> Integers:
    """The start of each text in `view_text_bytes`, followed by the end of the last text; shape (texts + 1,)."""
    offsets = read_buffers(texts)[0].astype(np.int64)
    offsets -= offsets[0]
    return offsets
