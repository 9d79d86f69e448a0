"""Decodes lines of text as rows of CSV cells, and finds lines that exceed the maximum length.

Spark's reader silently skips long lines, so `find_long_lines` searches for them.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_files import COMPRESSED_OPENERS
from spark_model_monitor.data.reading.ledger import LongLine
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.arrays import Reasons, find_utf_8
from spark_model_monitor.data.records.csv_rows import (
    BYTE_ORDER_MARK,
    RFC_4180_ESCAPE,
    CsvCells,
    parse_rows,
)
from spark_model_monitor.data.records.decoded_rows import DecodedRows
from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.missing_values import replace_missing_values
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics import Flags
from spark_model_monitor.storage import Storage, StoredFile
from spark_model_monitor.value_class import value_class

PIECE_BYTES = 8 * 2**20  # bytes of a text that are read at once
PROBE_BYTES = 64 * 1024  # bytes read first on either side of an offset, since most lines end within them

MIN_PROBED_BYTES = 64 * PROBE_BYTES
"""A limit below which reading a whole file is about as cheap as probing every multiple of the limit."""

MAX_DEFLATE_RATIO = 1032  # maximum bytes of text per byte of gzip. Source: zlib, "Technical Details".
GZIP_MAGIC = b"\x1f\x8b\x08"  # the first bytes of each member of a gzip file, which may have several members

MAX_COMPRESSED_LINE_BYTES = 2**31 - 1
"""Maximum bytes of a line that Hadoop's reader can count in a compressed file; it fails on longer lines.
Source: `LineReader` of Hadoop, which Spark 3.5 brings."""

SEARCH_THREADS = 8  # number of threads; they wait for the storage most of the time


@value_class
class CsvLines:
    """Decodes lines of CSV files.

    names: the names of the features, one for each cell.
    header: whether the files have a header line, so that lines with the names are refused.
    escape: the character before a quote within quotes.
    separator, decimal: as in `CsvFormat`.
    separator_line: the line in which Excel names the separator; None if there is none.
    missing_values: texts that stand for a missing value.
    """

    names: tuple[str, ...]
    header: bool
    escape: str = RFC_4180_ESCAPE
    separator: str = ","
    decimal: str = "."
    separator_line: str | None = None
    missing_values: tuple[str, ...] = ()

    inputs = (LINE,)
    counts_cells = False
    keeps_lines = False

    @property
    def features(self) -> int:
        """The number of features."""
        return len(self.names)

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """One row for each line."""
        lines = batch.column(LINE)
        return DecodedRows.decode_ranges(
            [(0, len(lines))], lambda chunk: self._decode_chunk(lines[chunk]), self.features
        )

    def _decode_chunk(self, lines: pa.StringArray) -> DecodedRows:
        is_text = find_utf_8(lines)
        if is_text is not None:
            lines = pc.if_else(is_text, lines, "")
        cells = parse_rows(lines, len(self.names), escape=self.escape, separator=self.separator, decimal=self.decimal)
        reasons = self._find_reasons(lines, is_text, cells)
        columns = tuple(replace_missing_values(column, self.missing_values) for column in cells.columns)
        return DecodedRows(columns, np.arange(len(lines)), reasons, np.zeros(len(lines), np.int32))

    def _find_reasons(self, lines: pa.StringArray, is_text: Flags | None, cells: CsvCells) -> Reasons:
        reasons = np.where(cells.widths == len(self.names), 0, Refusal.WRONG_NUMBER_OF_CELLS).astype(np.int32)
        if self.escape == RFC_4180_ESCAPE:
            # A quote that doesn't end in its line belongs to a cell with a line break, of which the line has only a part
            irregular_lines = lines.take(cells.irregular_rows).to_pylist()
            for row, line in zip(cells.irregular_rows.tolist(), irregular_lines, strict=True):
                if line.count('"') % 2:
                    reasons[row] = Refusal.UNFINISHED_QUOTE
        if is_text is not None:
            reasons[~is_text] = Refusal.NOT_UTF_8
        # Refuse rows of column names; a row that was refused before keeps its reason
        if self.header:
            for row in self._find_rows_of_names(cells):
                if not reasons[row]:
                    reasons[row] = self._find_reason_for_names([column[row].as_py() or "" for column in cells.columns])
        if self.separator_line is not None:
            is_separator_line = np.asarray(pc.equal(lines, self.separator_line))
            reasons[is_separator_line] = Refusal.SEPARATOR_LINE
        return reasons

    def _find_rows_of_names(self, cells: CsvCells) -> list[int]:
        """Indices of the rows that have only column names. Checked column by column: the first cell rules out most rows."""
        names = pa.array(self._get_written_names())
        candidates = np.arange(len(cells.widths))
        for column in cells.columns:
            # Only rows whose previous cells are names can still be rows of names
            cells_left = column.take(candidates) if len(candidates) < len(column) else column
            candidates = candidates[np.asarray(pc.is_in(pc.fill_null(cells_left, ""), names))]
            if not len(candidates):
                break
        return candidates.tolist()

    def _find_reason_for_names(self, written: list[str]) -> int:
        expected = self._get_written_names()
        if written == expected:
            return Refusal.REPEATED_HEADER
        if sorted(written) == sorted(expected):
            return Refusal.COLUMNS_IN_ANOTHER_ORDER
        return 0

    def _get_written_names(self) -> list[str]:
        """The names in the header line; empty for columns that are named by position (`csv_headers.read_names`)."""
        return ["" if name == f"_c{position}" else name for position, name in enumerate(self.names)]


def find_long_lines(engine: Engine, files: Iterable[StoredFile]) -> tuple[LongLine, ...]:
    """The lines that exceed the session's limit, sorted by path and line number. Starts no Spark job.

    Raises BadInput if a compressed file has a line that no reader can skip.
    """
    max_line_bytes = engine.max_line_bytes  # one call of Spark for any number of files
    # In most data sets no file is large enough for such a line, so nothing is read
    candidates = [file for file in files if _may_have_long_line(file, max_line_bytes)]
    if not candidates:
        return ()
    # Several files are searched at once, since a search mostly waits for the storage
    search = partial(_find_long_lines_of_file, engine, max_line_bytes)
    with ThreadPoolExecutor(min(SEARCH_THREADS, os.cpu_count() or 1, len(candidates))) as threads:
        return tuple(
            sorted(line for long_lines_of_file in threads.map(search, candidates) for line in long_lines_of_file)
        )


def find_listed_long_lines(engine: Engine, listing: Listing) -> tuple[LongLine, ...]:
    """The lines that exceed the session's limit, in listed captures and in the request log that they were made from. Those in the
    folder of an hour outside the window are left out.
    """
    long_lines = (*listing.long_lines_of_log, *find_long_lines(engine, listing.files))
    window = listing.window
    return tuple(line for line in long_lines if window is None or window.may_contain_folder(line.path))


def _may_have_long_line(file: StoredFile, max_line_bytes: int) -> bool:
    """Whether a file is large enough to contain a line that is too long."""
    if file.path.endswith(".gz"):
        return file.size_bytes * MAX_DEFLATE_RATIO > max_line_bytes
    return file.is_compressed or file.size_bytes > max_line_bytes


def _find_long_lines_of_file(engine: Engine, max_line_bytes: int, file: StoredFile) -> list[LongLine]:
    storage = engine.storage(file.path)
    if (
        not file.is_compressed
        and max_line_bytes >= MIN_PROBED_BYTES
        and not _may_have_line_across(storage, max_line_bytes, file)
    ):
        return []
    if file.path.endswith(".gz") and _is_short(storage, file, max_line_bytes):
        return []
    # Otherwise measure all lines of the text, which is read in pieces
    long_lines = [
        LongLine(file.path, *long_line)
        for long_line in measure_long_lines(read_text_pieces(storage, file, max_line_bytes), max_line_bytes)
    ]
    for line in long_lines:
        if file.is_compressed and line.size_bytes > MAX_COMPRESSED_LINE_BYTES:
            raise BadInput(
                f"{file.path}: line {line.number} has {line.size_bytes:,} bytes, and no line of a compressed file can be passed "
                "over that has more than 2 GiB; take the file away, or decompress it"
            )
    return long_lines


def measure_long_lines(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[tuple[int, int, int]]:
    """Number, start and size of the lines of a text that are longer than `max_line_bytes`, in order.

    pieces: the text in pieces, each at most one byte longer than `max_line_bytes`.
    """
    offset = line_start = 0
    line_number = 1
    after_return = False
    for piece in pieces:
        # A piece may begin with a byte order mark, or within the end of a line
        text_start = 0
        if not offset and piece.startswith(BYTE_ORDER_MARK):
            text_start = line_start = len(BYTE_ORDER_MARK)
        elif after_return and piece.startswith(b"\n"):  # the second byte of the line end \r\n
            text_start = 1
            line_start = offset + 1
        end = _find_first_end(piece, text_start)
        # Only the first line that ends here may be too long: the others lie within the piece, which isn't longer than the limit
        if end >= 0:
            if offset + end - line_start > max_line_bytes:
                yield line_number, line_start, offset + end - line_start
            line_number += (
                piece.count(b"\n", text_start) + piece.count(b"\r", text_start) - piece.count(b"\r\n", text_start)
            )
            line_start = offset + max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        after_return = piece.endswith(b"\r")
        offset += len(piece)
    if offset - line_start > max_line_bytes:
        yield line_number, line_start, offset - line_start


def _find_first_end(piece: bytes, start: int = 0) -> int:
    """The position at which the first line of a piece ends; -1 if no line ends in the piece."""
    line_feed = piece.find(b"\n", start)
    # A line ends at a line feed or a carriage return, whichever comes first
    carriage_return = piece.find(b"\r", start, line_feed if line_feed >= 0 else len(piece))
    if carriage_return < 0:
        return line_feed
    return carriage_return


def _may_have_line_across(storage: Storage, max_line_bytes: int, file: StoredFile) -> bool:
    """Whether a line may be too long: such a line spans a multiple of `max_line_bytes` and has half of them on one side of it."""
    half = max_line_bytes // 2
    return any(
        not _has_line_end(storage, file, offset, min(file.size_bytes, offset + half))
        or not _has_line_end(storage, file, max(0, offset - half), offset, backwards=True)
        for offset in range(0, file.size_bytes, max_line_bytes)
    )


def _has_line_end(storage: Storage, file: StoredFile, start: int, end: int, *, backwards: bool = False) -> bool:
    """Whether a line ends within these bytes, or the file begins or ends there. backwards: whether to read from the end."""
    # Read larger and larger pieces, since most lines end within the first
    size = PROBE_BYTES
    while start < end:
        size = min(size, end - start)
        piece = storage.read(file.path, size, end - size if backwards else start)
        if _find_first_end(piece) >= 0 or not piece:
            return True
        if backwards:
            end -= size
        else:
            start += size
        size = min(PIECE_BYTES, 4 * size)
    if backwards:
        return start == 0
    return end == file.size_bytes


def _is_short(storage: Storage, file: StoredFile, max_line_bytes: int) -> bool:
    """Whether the trailer of a single-member gzip says that its text is at most as long as the maximum line.

    The trailer has 32 bits; a size below that of the file is not a trailer but data behind the member.
    """
    if file.size_bytes * MAX_DEFLATE_RATIO >= 2**32:
        return False
    content = storage.read(file.path)
    text_bytes = int.from_bytes(content[-4:], "little")
    return content.find(GZIP_MAGIC, 1) < 0 and file.size_bytes <= text_bytes <= max_line_bytes


def read_text_pieces(storage: Storage, file: StoredFile, maximum_bytes: int) -> Iterator[bytes]:
    """The bytes of a file's text, in pieces of at most `maximum_bytes`.

    The text of a damaged file ends where it can't be read; reading the whole data set reports the damage.
    """
    size = max(1, min(PIECE_BYTES, maximum_bytes))
    if not file.is_compressed:
        yield from (storage.read(file.path, size, start) for start in range(0, file.size_bytes, size))
        return
    open_file = COMPRESSED_OPENERS[PurePosixPath(file.path).suffix]
    with suppress(zlib.error, OSError, EOFError), open_file(storage.open(file.path), "rb") as text:
        yield from iter(partial(text.read1, size), b"")
