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

from spark_model_monitor.data.engine.protocol import LINE_KEY
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, keys_of, uri_of
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.statistics.states.hashing import xxhash64_of_texts
from spark_model_monitor.storage import is_local
from spark_model_monitor.storage.files import Storage, in_folders, opened_without_spark

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
        return uri_of(self.path)


def input_name(path: str) -> str:
    """The file's name in Spark's `input_file_name`."""
    if is_local(path):
        return f"file://{uri_of(path).removeprefix('file:')}"
    return uri_of(path)


def listed(places: Sequence[str]) -> tuple[File, ...]:
    """The non-empty files at or below these paths, in Spark's order."""
    return tuple(
        File(file.path, file.size_bytes)
        for place in places
        for file in in_folders(_storage(place).walk(place), _storage(place).resolved(place))
        if file.size_bytes
    )


def source_of(path: str) -> Path | BinaryIO:
    """The path or stream from which to read a file."""
    return _storage(path).open(path)


def _storage(path: str) -> Storage:
    storage = opened_without_spark(path)
    if storage is None:
        raise NeedsSpark(path)
    return storage


def pieces(file: File, piece_bytes: int) -> list[Piece]:
    """The pieces of a text file; a compressed file is one piece."""
    if file.path.endswith(OTHER_CODECS):
        raise NeedsSpark(f"{file.path}: its compression")
    whole = file.path.endswith(tuple(WHOLE))
    if file.path.endswith(".bz2") and file.size_bytes > piece_bytes:  # Hadoop cuts it at its blocks
        raise NeedsSpark(f"{file.path}: a bzip2 file of more than {piece_bytes:,} bytes")
    return in_pieces(file, file.size_bytes if whole else piece_bytes)


def whole(file: File, _: int) -> list[Piece]:
    """The file as one piece of any size."""
    return in_pieces(file, file.size_bytes)


def in_pieces(file: File, size: int) -> list[Piece]:
    """The file cut into pieces of `size` bytes."""
    return [Piece(file.path, start, min(size, file.size_bytes - start)) for start in range(0, file.size_bytes, size)]


def is_readable(path: str) -> bool:
    """Whether a file can be read completely."""
    try:
        with closing(_opened(path)) as file:
            while file.read(READ_BYTES):
                pass
    except (OSError, EOFError, ValueError):
        return False
    except Exception:  # zlib.error
        return False
    return True


def lines_of_piece(
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
        texts = _whole(piece)
    else:
        texts = _texts(piece, max_bytes)
    for lines in texts:
        if not with_blank:
            lines = _not_blank(lines)
        if max_bytes is not None and (pc.max(lengths := pc.binary_length(lines)).as_py() or 0) > max_bytes:
            lines = lines.filter(pc.less_equal(lengths, max_bytes))
        for start in range(0, len(lines), rows):
            some = lines.slice(start, rows)
            yield pa.RecordBatch.from_arrays([_column(name, some, piece) for name in names], names=list(names))


def _not_blank(lines: pa.Array) -> pa.Array:
    """The lines that have anything but spaces."""
    texts = lines.view(pa.string())
    if not pc.any(pc.or_(pc.equal(pc.binary_length(lines), 0), pc.starts_with(texts, " "))).as_py():
        return lines
    return lines.filter(pc.greater(pc.binary_length(pc.ascii_trim(texts, " ")), 0))


def _column(name: str, lines: pa.Array, piece: Piece) -> pa.Array:
    if name == LINE:
        return lines.view(pa.string())
    if name == LINE_KEY:
        return pa.array(xxhash64_of_texts(lines.view(pa.string())).view(np.int64))
    return location_column(name, piece, len(lines))


def location_column(name: str, piece: Piece, rows: int) -> pa.Array:
    """FILE, BLOCK_START or FILE_KEY of the rows of a piece."""
    known = {FILE: piece.uri, BLOCK_START: piece.start, FILE_KEY: _file_key(piece.path)}
    return pa.repeat(known[name], rows)


@cache
def _file_key(path: str) -> int:
    return keys_of([input_name(path)])[0]


def _opened(path: str) -> IO[bytes]:
    source = source_of(path)
    for suffix, opened in WHOLE.items():
        if path.endswith(suffix):
            return opened(source, "rb")  # type: ignore[operator,no-any-return]
    if isinstance(source, Path):
        return source.open("rb")
    return source


def _whole(piece: Piece) -> Iterator[pa.Array]:
    with closing(_opened(piece.path)) as file:
        yield pa.array([file.read()], pa.binary())


def _texts(piece: Piece, max_bytes: int | None) -> Iterator[pa.Array]:
    """The lines of a piece as binary arrays, a few megabytes at a time; longer lines than `max_bytes` are not held."""
    compressed = piece.path.endswith(tuple(WHOLE))
    with closing(_opened(piece.path)) as file:
        if piece.start:
            file.seek(piece.start)
        place = piece.start  # offset of the first byte that is held
        # the last offset at which a line of it may begin
        last = None
        if not compressed:
            last = piece.start + piece.size_bytes
        held = b""
        skips_first = piece.start > 0
        first = piece.start == 0
        while True:
            as_much = min(len(held), max_bytes or len(held))  # for a long line, as much as is held
            read = file.read(max(READ_BYTES, as_much))
            held += read
            if first and held.startswith(BYTE_ORDER_MARK):
                # its bytes are not part of the first line, but count for offsets
                held = held[len(BYTE_ORDER_MARK) :]
                place = len(BYTE_ORDER_MARK)
            ended = not read
            # a carriage return at the end may be half of a line end
            if ended:
                end = len(held)
            else:
                end = max(held.rfind(b"\n"), held.rfind(b"\r", 0, len(held) - 1)) + 1
            if end:
                lines, starts = _split(held[:end])
                starts = starts + place
                if first:
                    starts[0], first = 0, False
                if skips_first and len(lines):
                    lines = lines.slice(1)
                    starts = starts[1:]
                    skips_first = False
                if last is not None:
                    lines = lines.slice(0, int(np.searchsorted(starts, last, side="right")))
                    ended = ended or len(lines) < len(starts)
                if len(lines):
                    yield lines
                held = held[end:]
                place = place + end
            elif max_bytes is not None and held and (skips_first or len(held) > max_bytes + 1):
                held, place = held[-1:], place + len(held) - 1  # may be half of a line end
                skips_first = True
                first = False
                ended = ended or (last is not None and place > last)
            if ended:
                return


def _split(content: bytes) -> tuple[pa.Array, NDArray[np.int64]]:
    """The lines of a text and their start offsets; a line ends at a line feed, a carriage return, or both."""
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
    offsets = np.concatenate([[0], ends - breaks_before]).astype(np.int32)
    data = content.replace(b"\n", b"").replace(b"\r", b"")
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]), starts
