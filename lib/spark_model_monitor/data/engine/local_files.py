"""Local and S3 files as Spark's readers see them: the order and pieces of files, and the lines of a piece. Pure.

Source: InMemoryFileIndex and PartitionedFileUtil of Spark 3.5, LineRecordReader of Hadoop 3.3.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import LINE_KEY
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, compute_file_keys, format_uri
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.storage import is_local
from spark_model_monitor.storage.file_system import Storage, open_without_spark, order_like_spark

READ_BYTES = 2**21
BYTE_ORDER_MARK = "\ufeff".encode()
FEED = 10
RETURN = 13


WHOLE = {".gz": gzip.open, ".bz2": bz2.open, ".zst": lambda source, _: pa.input_stream(source, compression="zstd")}
OTHER_CODECS = (".deflate", ".lz4", ".snappy")  # other suffixes that Hadoop decompresses


@dataclass(frozen=True, slots=True)
class File:
    """A file. path: the storage's path, `file:/data/x` or `s3a://bucket/x`."""

    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file from offset `start`."""

    path: str
    start: int
    size_bytes: int

    @property
    def uri(self) -> str:
        """The file's name in Spark's `_metadata.file_path`."""
        return format_uri(self.path)


def format_input_name(path: str) -> str:
    """The file's name in Spark's `input_file_name`."""
    if is_local(path):
        return f"file://{format_uri(path).removeprefix('file:')}"
    return format_uri(path)


def list_files(paths: Sequence[str]) -> tuple[File, ...]:
    """The non-empty files at or below these paths, in Spark's order."""
    return tuple(
        File(file.path, file.size_bytes)
        for path in paths
        for file in order_like_spark(_storage(path).walk(path), _storage(path).resolved(path))
        if file.size_bytes
    )


def open_source(path: str) -> Path | BinaryIO:
    """The path or stream from which to read a file."""
    return _storage(path).open(path)


def _storage(path: str) -> Storage:
    # Only local files and S3 are opened here
    storage = open_without_spark(path)
    if storage is None:
        raise NeedsSpark(path)
    return storage


def split_text_file(file: File, piece_bytes: int) -> list[Piece]:
    """The pieces of a text file; a compressed file is one piece."""
    if file.path.endswith(OTHER_CODECS):
        raise NeedsSpark(f"{file.path}: its compression")
    # A compressed file can't be read from its middle
    is_compressed = file.path.endswith(tuple(WHOLE))
    if file.path.endswith(".bz2") and file.size_bytes > piece_bytes:  # Hadoop cuts it at its blocks
        raise NeedsSpark(f"{file.path}: a bzip2 file of more than {piece_bytes:,} bytes")
    return split_file(file, file.size_bytes if is_compressed else piece_bytes)


def make_whole_piece(file: File, _: int) -> list[Piece]:
    """The file as one piece of any size."""
    return split_file(file, file.size_bytes)


def split_file(file: File, size: int) -> list[Piece]:
    """The file cut into pieces of `size` bytes."""
    return [Piece(file.path, start, min(size, file.size_bytes - start)) for start in range(0, file.size_bytes, size)]


def is_readable(path: str) -> bool:
    """Whether a file can be read completely."""
    try:
        with closing(_open_file(path)) as file:
            while file.read(READ_BYTES):
                pass
    except (OSError, EOFError, ValueError):
        return False
    except Exception:  # zlib.error
        return False
    return True


def read_lines_of_piece(
    piece: Piece,
    *,
    names: tuple[str, ...],
    rows: int,
    with_blank: bool = False,
    max_bytes: int | None = None,
    whole: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The lines of a piece with these columns, in batches of at most `rows`. whole: the file is one line.

    max_bytes: longer lines are skipped. A line belongs to the piece in which it begins; a line that begins directly
    after a piece belongs to that piece.
    """
    if whole:
        texts = _read_whole(piece)
    else:
        texts = _read_texts(piece, max_bytes)
    for lines in texts:
        # Spark's readers skip blank and overlong lines
        if not with_blank:
            lines = _drop_blank_lines(lines)
        if max_bytes is not None and (pc.max(lengths := pc.binary_length(lines)).as_py() or 0) > max_bytes:
            lines = lines.filter(pc.less_equal(lengths, max_bytes))
        # In batches of a size that doesn't depend on the file
        for start in range(0, len(lines), rows):
            batch_lines = lines.slice(start, rows)
            yield pa.RecordBatch.from_arrays(
                [_build_column(name, batch_lines, piece) for name in names], names=list(names)
            )


def _drop_blank_lines(lines: pa.Array) -> pa.Array:
    """The lines that have anything but spaces."""
    texts = lines.view(pa.string())
    # Most texts have no line that begins with a blank
    if not pc.any(pc.or_(pc.equal(pc.binary_length(lines), 0), pc.starts_with(texts, " "))).as_py():
        return lines
    return lines.filter(pc.greater(pc.binary_length(pc.ascii_trim(texts, " ")), 0))


def _build_column(name: str, lines: pa.Array, piece: Piece) -> pa.Array:
    if name == LINE:
        return lines.view(pa.string())
    if name == LINE_KEY:
        return pa.array(hash_texts(lines.view(pa.string())).view(np.int64))
    return make_location_column(name, piece, len(lines))


def make_location_column(name: str, piece: Piece, rows: int) -> pa.Array:
    """FILE, BLOCK_START or FILE_KEY of the rows of a piece."""
    values = {FILE: piece.uri, BLOCK_START: piece.start, FILE_KEY: _file_key(piece.path)}
    return pa.repeat(values[name], rows)


@cache
def _file_key(path: str) -> int:
    return compute_file_keys([format_input_name(path)])[0]


def _open_file(path: str) -> IO[bytes]:
    source = open_source(path)
    for suffix, open_compressed in WHOLE.items():
        if path.endswith(suffix):
            return open_compressed(source, "rb")  # type: ignore[operator,no-any-return]
    if isinstance(source, Path):
        return source.open("rb")
    return source


def _read_whole(piece: Piece) -> Iterator[pa.Array]:
    with closing(_open_file(piece.path)) as file:
        yield pa.array([file.read()], pa.binary())


def _read_texts(piece: Piece, max_bytes: int | None) -> Iterator[pa.Array]:
    """The lines of a piece as binary arrays, a few megabytes at a time; longer lines than `max_bytes` are not held."""
    compressed = piece.path.endswith(tuple(WHOLE))
    with closing(_open_file(piece.path)) as file:
        if piece.start:
            file.seek(piece.start)
        offset = piece.start  # offset of the first byte that is held
        # The last offset at which a line of the piece may begin
        last = None
        if not compressed:
            last = piece.start + piece.size_bytes
        # The bytes that were read and are no whole line yet
        content = b""
        skips_first = piece.start > 0
        first = piece.start == 0
        while True:
            as_much = min(len(content), max_bytes or len(content))  # for a long line, as much as is held
            read = file.read(max(READ_BYTES, as_much))
            content += read
            if first and content.startswith(BYTE_ORDER_MARK):
                # Its bytes are not part of the first line, but count for offsets
                content = content[len(BYTE_ORDER_MARK) :]
                offset = len(BYTE_ORDER_MARK)
            ended = not read
            # A carriage return at the end may be half of a line end
            if ended:
                end = len(content)
            else:
                end = max(content.rfind(b"\n"), content.rfind(b"\r", 0, len(content) - 1)) + 1
            if end:
                lines, starts = _split_lines(content[:end])
                starts = starts + offset
                if first:
                    starts[0], first = 0, False
                # The piece before has the line that goes on here
                if skips_first and len(lines):
                    lines = lines.slice(1)
                    starts = starts[1:]
                    skips_first = False
                # A line that begins behind the piece belongs to the next one
                if last is not None:
                    lines = lines.slice(0, int(np.searchsorted(starts, last, side="right")))
                    ended = ended or len(lines) < len(starts)
                if len(lines):
                    yield lines
                content = content[end:]
                offset = offset + end
            elif max_bytes is not None and content and (skips_first or len(content) > max_bytes + 1):
                content, offset = content[-1:], offset + len(content) - 1  # may be half of a line end
                skips_first = True
                first = False
                ended = ended or (last is not None and offset > last)
            if ended:
                return


def _split_lines(content: bytes) -> tuple[pa.Array, NDArray[np.int64]]:
    """The lines of a text and their start offsets; a line ends at a line feed, a carriage return, or both."""
    # A line ends at \\n, \\r or both; positions of all of these
    letters = np.frombuffer(content, np.uint8)
    breaks = last_of_end = np.flatnonzero(letters == FEED)
    if RETURN in content:
        breaks = np.flatnonzero((letters == FEED) | (letters == RETURN))
        is_half = (letters[breaks[:-1]] == RETURN) & (letters[breaks[1:]] == FEED) & (np.diff(breaks) == 1)
        last_of_end = breaks[np.append(~is_half, True)]
    ends = last_of_end + 1
    if not len(ends) or ends[-1] < len(letters):
        ends = np.append(ends, len(letters))
    starts = np.concatenate([[0], ends[:-1]])
    breaks_before = np.arange(len(ends)) + 1 if breaks is last_of_end else np.searchsorted(breaks, ends)
    breaks_before = np.minimum(breaks_before, len(breaks))  # the last line may have no line end
    # Without the line ends, in one copy of the text
    offsets = np.concatenate([[0], ends - breaks_before]).astype(np.int32)
    data = content.replace(b"\n", b"").replace(b"\r", b"")
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]), starts
