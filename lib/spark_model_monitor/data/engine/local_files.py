"""Local and S3 files as Spark's readers see them: the order and pieces of files, and the lines of a piece.

Source: InMemoryFileIndex and PartitionedFileUtil of Spark 3.5, LineRecordReader of Hadoop 3.3.
"""

from __future__ import annotations

import bz2
import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import LINE_KEY, Batches
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, LINE, compute_file_keys, format_uri
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.storage import is_local
from spark_model_monitor.storage.file_system import Storage, find_storage_without_spark, sort_like_spark
from spark_model_monitor.value_class import value_class

READ_BYTES = 2**21
BYTE_ORDER_MARK = "\ufeff".encode()
MAX_SMALL_FILE_BYTES = 2**16  # largest size of a file that is read together with others
PARALLEL_REQUESTS = 10  # parallel requests for small files of a store; boto3 keeps as many connections
LINE_FEED = 10
CARRIAGE_RETURN = 13


COMPRESSED_OPENERS: Mapping[str, Any] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".zst": lambda source, _: pa.input_stream(source, compression="zstd"),
}
HADOOP_SUFFIXES = (".deflate", ".lz4", ".snappy")  # other suffixes of files that Hadoop decompresses


@value_class
class File:
    """A file. path: the path in its storage, such as `file:/data/x` or `s3a://bucket/x`."""

    path: str
    size_bytes: int


@value_class
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
        for file in sort_like_spark(_find_storage(path).walk(path), _find_storage(path).resolved(path))
        if file.size_bytes
    )


def open_source(path: str) -> Path | BinaryIO:
    """The path or stream from which to read a file."""
    return _find_storage(path).open(path)


def read_beginning(path: str, size_bytes: int) -> bytes:
    """The first bytes of a file."""
    return _find_storage(path).read(path, size_bytes)


def _find_storage(path: str) -> Storage:
    # This module opens only local files and files on S3
    storage = find_storage_without_spark(path)
    if storage is None:
        raise NeedsSpark(path)
    return storage


def split_text_file(file: File, piece_bytes: int) -> list[Piece]:
    """The pieces of a text file; a compressed file is one piece."""
    if file.path.endswith(HADOOP_SUFFIXES):
        raise NeedsSpark(f"{file.path}: its compression")
    # A compressed file can't be read from its middle
    is_compressed = file.path.endswith(tuple(COMPRESSED_OPENERS))
    if file.path.endswith(".bz2") and file.size_bytes > piece_bytes:  # Hadoop would cut it at its blocks
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
    except Exception:  # an error of the file system or of a decompressor
        return False
    return True


def read_lines_of_pieces(
    pieces: Sequence[Piece],
    *,
    names: tuple[str, ...],
    max_rows: int,
    with_blank: bool = False,
    max_bytes: int | None = None,
    is_one_line: bool = False,
) -> Batches:
    """The lines of pieces as from `read_lines_of_piece`, one piece after the other.

    Many small files are read together, because an endpoint writes hundreds of thousands of them and each read has a fixed cost.
    For files of five records, this takes two fifths of the time. On S3, a file then needs one request instead of two, and the
    requests run in parallel.
    """
    read_piece = partial(
        read_lines_of_piece,
        names=names,
        max_rows=max_rows,
        with_blank=with_blank,
        max_bytes=max_bytes,
        whole=is_one_line,
    )
    groups: Iterable[list[Piece]] = _group_small_files(pieces)
    if is_one_line:
        groups = [[piece] for piece in pieces]
    for group in groups:
        # A large file, or a single small file
        if len(group) == 1:
            yield from read_piece(group[0])
            continue
        contents = zip(group, _read_contents(group), strict=True)
        # If the length of a file has changed since it was listed, it is read up to its listed end
        for is_as_listed, files in groupby(contents, lambda file: len(file[1]) == file[0].size_bytes):
            if is_as_listed:
                lines, file_indices, small_files = _join_files(files)
                accepted = _find_accepted_lines(lines, with_blank, max_bytes)
                if accepted is not None:
                    lines = lines.filter(accepted)
                    file_indices = file_indices.filter(accepted)
                yield from _make_batches(lines, names, max_rows, small_files, file_indices)
            else:
                for piece, _ in files:
                    yield from read_piece(piece)


def read_lines_of_piece(
    piece: Piece,
    *,
    names: tuple[str, ...],
    max_rows: int,
    with_blank: bool = False,
    max_bytes: int | None = None,
    whole: bool = False,
) -> Batches:
    """The lines of a piece with these columns, in batches of at most `max_rows`. whole: whether the file is one line.

    max_bytes: longer lines are skipped. A line belongs to the piece in which it begins; a line that begins directly after a piece
    belongs to that piece, too.
    """
    if whole:
        texts = _read_whole(piece)
    else:
        texts = _read_texts(piece, max_bytes)
    for lines in texts:
        accepted = _find_accepted_lines(lines, with_blank, max_bytes)
        if accepted is not None:
            lines = lines.filter(accepted)
        yield from _make_batches(lines, names, max_rows, [piece])


def _group_small_files(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces in their order, in groups: small files of one storage together, up to `READ_BYTES`; every other piece alone."""
    group: list[Piece] = []
    group_bytes = 0
    # A group ends before a large file, a file of another storage, or a file that doesn't fit
    for piece in pieces:
        is_small = (
            piece.start == 0
            and piece.size_bytes <= MAX_SMALL_FILE_BYTES
            and not piece.path.endswith(tuple(COMPRESSED_OPENERS))
        )
        scheme = piece.path.partition(":")[0]
        is_full = group_bytes + piece.size_bytes > READ_BYTES
        if group and (not is_small or is_full or scheme != group[0].path.partition(":")[0]):
            yield group
            group = []
            group_bytes = 0
        if is_small:
            group.append(piece)
            group_bytes += piece.size_bytes
        else:
            yield [piece]
    if group:
        yield group


def _read_contents(pieces: Sequence[Piece]) -> Iterable[bytes]:
    """The contents of files of one storage. If a file has grown since it was listed, one more byte shows that."""
    storage = _find_storage(pieces[0].path)

    def read(piece: Piece) -> bytes:
        return storage.read(piece.path, piece.size_bytes + 1)

    if is_local(pieces[0].path):
        return map(read, pieces)
    # Requests to a store run in parallel threads
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(PARALLEL_REQUESTS) as threads:
        return list(threads.map(read, pieces))


def _join_files(files: Iterable[tuple[Piece, bytes]]) -> tuple[pa.Array, pa.Array, list[Piece]]:
    """The lines of files, the index of each line's file, and the files."""
    pieces: list[Piece] = []
    texts: list[bytes] = []
    for piece, content in files:
        text = content.removeprefix(BYTE_ORDER_MARK)
        # A last line without a line end gets a line feed; after a carriage return, the line feed doesn't add a line
        if text and not text.endswith(b"\n"):
            text += b"\n"
        pieces.append(piece)
        texts.append(text)
    # If no file has text, there are no lines
    lines = pa.array([], pa.binary())
    starts = np.array([], np.int64)
    if any(texts):
        lines, starts = _split_lines(b"".join(texts))
    # A line belongs to the first file that ends after the line's start
    ends = np.cumsum([len(text) for text in texts])
    return lines, pa.array(np.searchsorted(ends, starts, side="right")), pieces


def _find_accepted_lines(lines: pa.Array, with_blank: bool, max_bytes: int | None) -> pa.BooleanArray | None:
    """Which lines are neither blank nor too long, because Spark's readers skip such lines; None if all lines are accepted."""
    texts = lines.view(pa.string())
    lengths = pc.binary_length(lines)
    accepted = None
    # Only lines that are empty or begin with a blank are examined, because most texts have none
    may_be_blank = pc.or_(pc.equal(lengths, 0), pc.starts_with(texts, " "))
    if not with_blank and pc.any(may_be_blank).as_py():
        accepted = pc.greater(pc.binary_length(pc.ascii_trim(texts, " ")), 0)
    if max_bytes is not None and (pc.max(lengths).as_py() or 0) > max_bytes:
        are_short = pc.less_equal(lengths, max_bytes)
        if accepted is None:
            return are_short
        return pc.and_(accepted, are_short)
    return accepted


def _make_batches(
    lines: pa.Array,
    names: tuple[str, ...],
    max_rows: int,
    pieces: Sequence[Piece],
    piece_indices: pa.Array | None = None,
) -> Batches:
    """The lines with these columns, in batches whose size doesn't depend on the file.

    piece_indices: the index of each line's piece; None if there is one piece.
    """
    for start in range(0, len(lines), max_rows):
        batch_lines = lines.slice(start, max_rows)
        # A column has the line itself, its key, or its location
        columns = []
        for name in names:
            if name == LINE:
                column = batch_lines.view(pa.string())
            elif name == LINE_KEY:
                column = pa.array(hash_texts(batch_lines.view(pa.string())).view(np.int64))
            elif piece_indices is None:
                column = make_location_column(name, pieces[0], len(batch_lines))
            else:
                column = _locate_pieces(name, pieces).take(piece_indices.slice(start, max_rows))
            columns.append(column)
        yield pa.RecordBatch.from_arrays(columns, names=list(names))


def make_location_column(name: str, piece: Piece, row_count: int) -> pa.Array:
    """The column FILE, BLOCK_START or FILE_KEY for the rows of a piece."""
    return pa.repeat(_locate_pieces(name, [piece])[0], row_count)


def _locate_pieces(name: str, pieces: Sequence[Piece]) -> pa.Array:
    """The value of FILE, BLOCK_START or FILE_KEY for each piece."""
    if name == FILE:
        return pa.array([piece.uri for piece in pieces], pa.string())
    if name == BLOCK_START:
        return pa.array([piece.start for piece in pieces], pa.int64())
    return pa.array(compute_file_keys([format_input_name(piece.path) for piece in pieces]), pa.int64())


def _open_file(path: str) -> IO[bytes]:
    source = open_source(path)
    for suffix, open_compressed in COMPRESSED_OPENERS.items():
        if path.endswith(suffix):
            return open_compressed(source, "rb")  # type: ignore[no-any-return]
    if isinstance(source, Path):
        return source.open("rb")
    return source


def _read_whole(piece: Piece) -> Iterator[pa.Array]:
    with closing(_open_file(piece.path)) as file:
        yield pa.array([file.read()], pa.binary())


def _read_texts(piece: Piece, max_bytes: int | None) -> Iterator[pa.Array]:
    """The lines of a piece as binary arrays, a few megabytes at a time. Lines longer than `max_bytes` aren't held in memory."""
    is_compressed = piece.path.endswith(tuple(COMPRESSED_OPENERS))
    with closing(_open_file(piece.path)) as file:
        if piece.start:
            file.seek(piece.start)
        # The bytes that were read and don't form a whole line yet, and the offset of their first byte in the file
        content = b""
        offset = piece.start
        # The last offset at which a line of the piece may begin; None for a piece without an end
        last_start = None
        if not is_compressed:
            last_start = piece.start + piece.size_bytes
        # The first line continues a line of the piece before, to which it belongs
        skips_line = piece.start > 0
        is_file_start = piece.start == 0
        is_finished = False
        while not is_finished:
            # Of a long line, as many bytes are read as are held
            held_bytes = min(len(content), max_bytes or len(content))
            added = file.read(max(READ_BYTES, held_bytes))
            content += added
            is_finished = not added
            if is_file_start and content.startswith(BYTE_ORDER_MARK):
                # The byte order mark isn't part of the first line, but its bytes count in offsets
                content = content[len(BYTE_ORDER_MARK) :]
                offset = len(BYTE_ORDER_MARK)
            # Only whole lines are split, except at the end of the file
            end = len(content)
            if not is_finished:
                end = _find_last_end(content)
            if end:
                lines, starts = _split_lines(content[:end])
                starts = starts + offset
                if is_file_start:
                    starts[0] = 0
                if skips_line:
                    lines = lines.slice(1)
                    starts = starts[1:]
                # A line that begins after the piece belongs to the next piece
                if last_start is not None:
                    lines = lines.slice(0, int(np.searchsorted(starts, last_start, side="right")))
                    is_finished = is_finished or len(lines) < len(starts)
                if len(lines):
                    yield lines
                content = content[end:]
                offset += end
                skips_line = is_file_start = False
            elif max_bytes is not None and content and (skips_line or len(content) > max_bytes + 1):
                # Of a long line, only the last byte is held, because it may be the first half of a line end
                offset += len(content) - 1
                content = content[-1:]
                skips_line = True
                is_file_start = False
                is_finished = is_finished or (last_start is not None and offset > last_start)


def _find_last_end(content: bytes) -> int:
    """The end of the last whole line; 0 if there is none. A carriage return at the end may be the first half of a line end."""
    return max(content.rfind(b"\n"), content.rfind(b"\r", 0, len(content) - 1)) + 1


def _split_lines(content: bytes) -> tuple[pa.Array, Integers]:
    """The lines of a text, and the offset of each line's start. A line ends at a line feed, a carriage return, or both."""
    # The positions of all \\n and \\r
    octets = np.frombuffer(content, np.uint8)
    breaks = last_end_bytes = np.flatnonzero(octets == LINE_FEED)
    if CARRIAGE_RETURN in content:
        breaks = np.flatnonzero((octets == LINE_FEED) | (octets == CARRIAGE_RETURN))
        is_crlf_return = (
            (octets[breaks[:-1]] == CARRIAGE_RETURN) & (octets[breaks[1:]] == LINE_FEED) & (np.diff(breaks) == 1)
        )
        last_end_bytes = breaks[np.append(~is_crlf_return, True)]
    ends = last_end_bytes + 1
    if not len(ends) or ends[-1] < len(octets):
        ends = np.append(ends, len(octets))
    starts = np.concatenate([[0], ends[:-1]])
    breaks_before = np.arange(len(ends)) + 1 if breaks is last_end_bytes else np.searchsorted(breaks, ends)
    breaks_before = np.minimum(breaks_before, len(breaks))  # the last line may have no end
    # The offsets of the lines in a copy of the text without line ends
    offsets = np.concatenate([[0], ends - breaks_before]).astype(np.int32)
    data = content.replace(b"\n", b"").replace(b"\r", b"")
    return pa.Array.from_buffers(pa.binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]), starts
