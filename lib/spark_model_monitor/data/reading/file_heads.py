"""Reads the beginning of text files; the error for a file of another kind says what to write instead. Driver only."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedIOBase, BytesIO
from itertools import chain, islice
from pathlib import PurePosixPath

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_files import COMPRESSED_OPENERS
from spark_model_monitor.data.reading.csv_lines import read_text_pieces
from spark_model_monitor.data.reading.listing import CUT_SHORT
from spark_model_monitor.data.records.csv_rows import BYTE_ORDER_MARK
from spark_model_monitor.errors import NO_DATA, BadInput, InputUnavailable, NoData
from spark_model_monitor.storage import Storage, StoredFile

HEAD_BYTES = 4 * 2**20  # more than any header line: 20,480 columns (Spark's limit) with names of 200 characters
ZSTD_READ_BYTES = 2**16  # read at once; if a file is cut short, the text after the last full read is lost
SAMPLED_LONG_LINES = 4  # lines longer than a head that are passed over before the search for shorter ones ends
FORMAT_SAMPLE_FILES = 10  # files whose first records are sampled
FORMAT_SAMPLE_RECORDS = 31  # readable records that are sampled; the majority decides, and an odd number has fewer ties

LINE_END = re.compile(r"\r\n|[\r\n]")

BINARY_FORMATS = (
    (b"PAR1", "a Parquet file", "parquet"),
    (b"ORC", "an ORC file", '{"spark": {"format": "orc"}}'),
    (b"Obj\x01", "an Avro file", '{"spark": {"format": "avro"}}'),
)
"""First bytes of binary files that can be read, what they are, and their `--dataset-format`."""

COMPRESSIONS = ((b"\x1f\x8b", "gzip", ".gz"), (b"BZh", "bzip2", ".bz2"), (b"\x28\xb5\x2f\xfd", "zstd", ".zst"))
"""First bytes of compressed files that can be read, the compression, and the suffix that their names need."""

ZIP_MAGIC = b"PK\x03\x04"
WORKBOOK_MEMBERS = (b"xl/", b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
"""Texts near the beginning of a zip file that show that it is a workbook of Excel or OpenDocument."""

UNREADABLE_FORMATS = (
    (b"ARROW1", "an Arrow or Feather file", "write Parquet, as pandas.read_feather(…).to_parquet(…) does"),
    (b"FEA1", "a Feather file", "write Parquet, as pandas.read_feather(…).to_parquet(…) does"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save its sheet as CSV"),
    (b"\x89HDF", "an HDF5 file", "write Parquet, as pandas.read_hdf(…).to_parquet(…) does"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself, as git lfs pull does"),
    (b"SQLite format 3", "an SQLite database", "write the table as CSV or Parquet"),
    ((b"\x80\x04\x95", b"\x80\x05\x95"), "a pickle", "write Parquet, as pandas.read_pickle(…).to_parquet(…) does"),
    (ZIP_MAGIC, "compressed with zip", "compress it with gzip or bzip2"),
    (b"\xfd7zXZ\x00", "compressed with xz", "compress it with gzip or bzip2"),
)
"""First bytes of files that can't be read, what they are, and what to do instead."""

PAGE_BEGINNING = re.compile(rb"[\xef\xbb\xbf\s]{0,64}<(?:!doctype |\?)?(?P<kind>html|xml)[\s>]", re.IGNORECASE)


def read_head(storage: Storage, file: StoredFile, *, refuse_nul: bool = True) -> bytes:
    """The first bytes of a text file without a byte order mark, decompressed if its name has the suffix of a compression, as
    in Hadoop.

    refuse_nul: whether NUL bytes at line ends are an error, because they are a sign of UTF-16.

    Raises BadInput if the file is not text, or if it is compressed and its name lacks the suffix.
    """
    # Hadoop decides by the name whether to decompress; the content only serves to say what is wrong
    head = storage.read(file.path, HEAD_BYTES)
    suffix = PurePosixPath(file.path).suffix
    open_file = COMPRESSED_OPENERS.get(suffix)
    if open_file is None:
        _reject_other_formats(file, head)
    else:
        read_bytes = ZSTD_READ_BYTES if suffix == ".zst" else HEAD_BYTES
        head = _decompress(file, open_file(BytesIO(head), "rb"), read_bytes)
    if refuse_nul and _is_utf_16(head):
        raise BadInput(f"{file.path}: holds NUL bytes, so it is not UTF-8 text; convert it (UTF-16 is a common cause)")
    return head.removeprefix(BYTE_ORDER_MARK)


def _reject_other_formats(file: StoredFile, head: bytes) -> None:
    for magic, kind, dataset_format in BINARY_FORMATS:
        if head.startswith(magic):
            raise BadInput(f"{file.path}: is {kind}, not text; write --dataset-format {dataset_format}")
    for magic, kind, suffix in COMPRESSIONS:
        if head.startswith(magic):
            raise BadInput(
                f"{file.path}: is compressed with {kind}; its name has to end in {suffix} (.gz, .bz2 and .zst are read)"
            )
    if page := PAGE_BEGINNING.match(head):
        kind = page["kind"].decode().upper()
        instead = "download the file itself (a page to sign in, or that says why it can't be had, is a common cause)"
        raise BadInput(f"{file.path}: is {kind}, a page and not data; {instead}")
    # A workbook is a zip file, too, but the remedy is another one
    if head.startswith(ZIP_MAGIC) and any(member in head[:4096] for member in WORKBOOK_MEMBERS):
        raise BadInput(f"{file.path}: is an Excel workbook, which is not read; save its sheet as CSV")
    for unreadable_magic, kind, instead in UNREADABLE_FORMATS:
        if head.startswith(unreadable_magic):
            raise BadInput(f"{file.path}: is {kind}, which is not read; {instead}")


def _decompress(file: StoredFile, reader: BufferedIOBase, read_bytes: int) -> bytes:
    """The beginning of a compressed file's text. A file may have several compressed members, which may be empty.

    read_bytes: bytes that are read at once; if the file is cut short, a failed read loses as many.
    """
    text = bytearray()
    try:
        while len(text) < HEAD_BYTES and (piece := reader.read1(min(read_bytes, HEAD_BYTES - len(text)))):
            text += piece
    except EOFError as fault:
        if (
            not text and file.size_bytes <= HEAD_BYTES
        ):  # a larger file ends early here, since only its beginning was read
            raise InputUnavailable(f"{file.path}: {CUT_SHORT}") from fault
    except (zlib.error, OSError) as fault:
        if not text:  # otherwise the beginning is readable, and reading the whole file will report the fault
            raise BadInput(
                f"{file.path}: its name says that it is compressed, but it can't be decompressed ({type(fault).__name__}); "
                "compress it, or take the ending off its name"
            ) from fault
    return bytes(text)


def _is_utf_16(head: bytes) -> bool:
    """Whether line ends have a NUL byte, as in UTF-16: after most line ends, or before all of them."""
    lines = head.splitlines()
    if len(head) == HEAD_BYTES:
        lines.pop()  # the last line may be cut off
    num_behind = sum(line.startswith(b"\x00") for line in lines[1:] or lines)
    num_before = sum(line.endswith(b"\x00") for line in lines)
    return 2 * num_behind > len(lines[1:]) or 0 < num_before == len(lines)


def find_nonblank_file(storage: Storage, files: Sequence[StoredFile]) -> tuple[StoredFile, bytes]:
    """The first file with a line that isn't blank, and its beginning.

    Raises BadInput as `read_head` does, NoData if no file has such a line.
    """
    for file in files:
        head = read_head(storage, file)
        if head.strip():
            return file, head
    other_files = ", nor have the others" if len(files) > 1 else ""
    raise NoData(f"{NO_DATA}: {files[0].path} has no line that isn't blank{other_files}")


def measure_longest_line(storage: Storage, file: StoredFile) -> int:
    """The number of bytes of the longest line at the beginning of a text file. Raises BadInput if the file is not text."""
    return max(map(len, read_head(storage, file, refuse_nul=False).splitlines()), default=0)


def read_first_lines(engine: Engine, file: StoredFile) -> Iterator[bytes]:
    """The first lines of a text file, lazily, up to `HEAD_BYTES` in total. Lines longer than that are skipped; one comes last.

    Raises BadInput as `read_head` does.
    """
    storage = engine.storage(file.path)
    head = read_head(storage, file, refuse_nul=False)
    lines = head.splitlines()
    if file.size_bytes <= HEAD_BYTES and len(head) < HEAD_BYTES - len(BYTE_ORDER_MARK):
        yield from lines  # the head is the whole file
        return
    whole_lines = lines[:-1]
    yield from whole_lines
    long_lines: list[bytes] = []
    read_bytes = sum(map(len, whole_lines))
    # A line of megabytes shows little about the other lines, so at most one of them is returned, as the last
    further_lines = split_pieces(read_text_pieces(storage, file, HEAD_BYTES), engine.max_line_bytes)
    for line in islice(further_lines, len(whole_lines), None):
        if read_bytes >= HEAD_BYTES or len(long_lines) == SAMPLED_LONG_LINES:
            break
        if len(line) > HEAD_BYTES:
            long_lines.append(line)
        else:
            read_bytes += len(line)
            yield line
    yield from long_lines[:1]


def split_pieces(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[bytes]:
    """The lines of a text that is read in pieces; lines longer than `max_line_bytes` are skipped."""
    line = bytearray()  # the part of the current line that was read
    for piece in chain(pieces, [b"\n"]):
        # The last line of a piece may go on in the next piece; a line that is too long already is not held in memory
        *ends, beginning = piece.split(b"\n")
        for end in ends:
            if len(line) + len(end) <= max_line_bytes:
                yield from bytes(line + end).splitlines() or [b""]
            line.clear()
        if len(line) <= max_line_bytes:
            line += beginning


def find_first_line(text: str) -> str | None:
    """The first line of a text that isn't blank; None if there is none."""
    return next((line for line in split_lines(text) if line.strip()), None)


def split_lines(text: str) -> Iterator[str]:
    """The lines of a text, which end as in Spark; `str.splitlines` would also split at form feeds and other characters.

    The lines come lazily, because a caller may need only a line or two of megabytes of text.
    """
    start = 0
    for end in LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]
