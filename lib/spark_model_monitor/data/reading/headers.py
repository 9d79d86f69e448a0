"""Reads the beginning of files: their header line, their detected format, and what to write for other formats."""

from __future__ import annotations

import json
import logging
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from io import BufferedIOBase, BytesIO
from itertools import chain, islice, pairwise, takewhile
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_files import COMPRESSED_OPENERS
from spark_model_monitor.data.reading.formats import CsvFormat, format_csv_option
from spark_model_monitor.data.reading.lines import read_text_pieces
from spark_model_monitor.data.reading.listing import (
    CUT_SHORT,
    PUBLISHED,
    PathOrPaths,
    list_dataset,
    list_paths,
    list_record_folders,
    list_window_folders,
)
from spark_model_monitor.data.records.csv_rows import (
    BYTE_ORDER_MARK,
    DECIMAL_COMMA,
    RFC_4180_ESCAPE,
    SPARK_ESCAPE,
    is_header,
    parse_rows,
    split_row,
)
from spark_model_monitor.data.records.refusals import format_spark_reader
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import NO_DATA, BadConfiguration, BadInput, InputUnavailable, MonitorError, NoData
from spark_model_monitor.storage import Storage, StoredFile, is_local, join
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

HEAD_BYTES = 4 * 2**20  # more than any header line: 20,480 columns (Spark's limit) with names of 200 characters
ZSTD_BYTES = 2**16  # bytes of text read at once; of a cut file, the text behind the last whole chunk is lost
FORMAT_SAMPLE_RECORDS = 31  # first readable records, whose majority determines the format of all
FORMAT_SAMPLE_FILES = 10  # number of files in which they are searched
LONGEST_NAME = 131_072  # characters of a column name; an unclosed quote makes longer ones

LINE_END = re.compile(r"\r\n|[\r\n]")

FOREIGN_BEGINNINGS = (
    (b"PAR1", "a Parquet file", "parquet"),
    (b"ORC", "an ORC file", '{"spark": {"format": "orc"}}'),
    (b"Obj\x01", "an Avro file", '{"spark": {"format": "avro"}}'),
)
OTHER_SEPARATORS = (";", "\t", "|")
COMPRESSED_BEGINNINGS = ((b"\x1f\x8b", "gzip", ".gz"), (b"BZh", "bzip2", ".bz2"), (b"\x28\xb5\x2f\xfd", "zstd", ".zst"))
COMPRESSED_AS_ZIP = b"PK\x03\x04"
COMPRESSED_AS_XZ = b"\xfd7zXZ\x00"
WORKBOOK_PARTS = (b"xl/", b"[Content_Types].xml", b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet")
NOT_READ = (
    (b"ARROW1", "an Arrow or Feather file", "write Parquet, as pandas.read_feather(…).to_parquet(…) does"),
    (b"FEA1", "a Feather file", "write Parquet, as pandas.read_feather(…).to_parquet(…) does"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save its sheet as CSV"),
    (b"\x89HDF", "an HDF5 file", "write Parquet, as pandas.read_hdf(…).to_parquet(…) does"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself, as git lfs pull does"),
    (b"SQLite format 3", "an SQLite database", "write the table as CSV or Parquet"),
    (b"\x80\x04\x95", "a pickle", "write Parquet, as pandas.read_pickle(…).to_parquet(…) does"),
    (b"\x80\x05\x95", "a pickle", "write Parquet, as pandas.read_pickle(…).to_parquet(…) does"),
)
"""Beginnings of other files, what they are, and what to write instead."""


PAGE_BEGINNING = re.compile(rb"[\xef\xbb\xbf\s]{0,64}<(?:!doctype |\?)?(?P<kind>html|xml)[\s>]", re.IGNORECASE)


def read_head(storage: Storage, file: StoredFile, *, refuse_nul: bool = True) -> bytes:
    """The first bytes of a text file without a byte order mark, decompressed if its name has such a suffix, as Hadoop
    reads it.

    refuse_nul: treat NUL bytes at line ends as a sign of UTF-16; others are of the lines that contain them.

    Raises BadInput if the file is not text, or is compressed without such a suffix.
    """
    # By the name, as Hadoop decides; by the content only to say what is wrong
    head = storage.read(file.path, HEAD_BYTES)
    suffix = PurePosixPath(file.path).suffix
    open_file = COMPRESSED_OPENERS.get(suffix)
    if open_file is None:
        _reject_other_kinds(file, head)
    else:
        read_bytes = ZSTD_BYTES if suffix == ".zst" else HEAD_BYTES
        head = _decompress(file, open_file(BytesIO(head), "rb"), read_bytes)
    if refuse_nul and _is_utf_16(head):
        raise BadInput(f"{file.path}: holds NUL bytes, so it is not UTF-8 text; convert it (UTF-16 is a common cause)")
    return head.removeprefix(BYTE_ORDER_MARK)


def _is_utf_16(head: bytes) -> bool:
    """Whether line ends have a NUL byte, as in UTF-16: behind most of them, or before each."""
    lines = head.splitlines()
    if len(head) == HEAD_BYTES:
        lines.pop()
    behind = sum(line.startswith(b"\x00") for line in lines[1:] or lines)
    before = sum(line.endswith(b"\x00") for line in lines)
    return 2 * behind > len(lines[1:]) or 0 < before == len(lines)


def _reject_other_kinds(file: StoredFile, head: bytes) -> None:
    for beginning, kind, written in FOREIGN_BEGINNINGS:
        if head.startswith(beginning):
            raise BadInput(f"{file.path}: is {kind}, not text; write --dataset-format {written}")
    for beginning, kind, suffix in COMPRESSED_BEGINNINGS:
        if head.startswith(beginning):
            raise BadInput(
                f"{file.path}: is compressed with {kind}; its name has to end in {suffix} (.gz, .bz2 and .zst are read)"
            )
    if page := PAGE_BEGINNING.match(head):
        kind = page["kind"].decode().upper()
        instead = "download the file itself (a page to sign in, or that says why it can't be had, is a common cause)"
        raise BadInput(f"{file.path}: is {kind}, a page and not data; {instead}")
    for beginning, kind, instead in NOT_READ:
        if head.startswith(beginning):
            raise BadInput(f"{file.path}: is {kind}, which is not read; {instead}")
    # A workbook is a zip, too, but another tool opens it
    if head.startswith(COMPRESSED_AS_ZIP) and any(part in head[:4096] for part in WORKBOOK_PARTS):
        raise BadInput(f"{file.path}: is an Excel workbook, which is not read; save its sheet as CSV")
    for beginning, kind in ((COMPRESSED_AS_ZIP, "zip"), (COMPRESSED_AS_XZ, "xz")):
        if head.startswith(beginning):
            raise BadInput(f"{file.path}: is compressed with {kind}, which is not read; compress it with gzip or bzip2")


def find_first_with_line(storage: Storage, files: Sequence[StoredFile]) -> tuple[StoredFile, bytes]:
    """The first file with a line that isn't blank, and its beginning.

    Raises BadInput as `read_head` does, NoData if no file has such a line.
    """
    for file in files:
        head = read_head(storage, file)
        if head.strip():
            return file, head
    fault = f"{files[0].path} has no line that isn't blank"
    if len(files) > 1:
        fault += ", nor have the others"
    raise NoData(f"{NO_DATA}: {fault}")


def _decompress(file: StoredFile, reader: BufferedIOBase, read_bytes: int) -> bytes:
    """The beginning of a compressed file, over all members in it: they may be empty, or end within a line.

    read_bytes: bytes that are read at once; a reader may keep those before the end.
    """
    text = bytearray()
    try:
        while len(text) < HEAD_BYTES and (piece := reader.read1(min(read_bytes, HEAD_BYTES - len(text)))):
            text += piece
    except EOFError as fault:
        if not text and file.size_bytes <= HEAD_BYTES:  # of a larger file, this is only the beginning
            raise InputUnavailable(f"{file.path}: {CUT_SHORT}") from fault
    except (zlib.error, OSError) as fault:
        if not text:  # otherwise the beginning is sound, and the full read decides
            raise BadInput(
                f"{file.path}: its name says that it is compressed, but it can't be decompressed ({type(fault).__name__}); "
                "compress it, or take the ending off its name"
            ) from fault
    return bytes(text)


def measure_longest_line(storage: Storage, file: StoredFile) -> int:
    """The bytes of the longest line at the beginning of a text file. Raises BadInput if it is not text."""
    return max(map(len, read_head(storage, file, refuse_nul=False).splitlines()), default=0)


def read_first_lines(engine: Engine, file: StoredFile) -> Iterator[bytes]:
    """The first lines of a text file, lazily: `HEAD_BYTES` of them. Longer lines are passed over, or at least come last.

    Raises BadInput as `read_head` does.
    """
    storage = engine.storage(file.path)
    head = read_head(storage, file, refuse_nul=False)
    # The beginning is the whole file, or is followed by the rest, read in pieces
    lines = head.splitlines()
    if file.size_bytes <= HEAD_BYTES and len(head) < HEAD_BYTES - len(BYTE_ORDER_MARK):
        yield from lines
        return
    whole_lines = lines[:-1]
    yield from whole_lines
    long_lines: list[bytes] = []
    seen_bytes = sum(map(len, whole_lines))
    # Lines of megabytes say little about the others, so one of them comes last, if at all
    further_lines = read_lines(read_text_pieces(storage, file, HEAD_BYTES), engine.max_line_bytes)
    for line in islice(further_lines, len(whole_lines), None):
        if seen_bytes >= HEAD_BYTES or len(long_lines) == SAMPLED_LONG_LINES:
            break
        if len(line) > HEAD_BYTES:
            long_lines.append(line)
        else:
            seen_bytes += len(line)
            yield line
    yield from long_lines[:1]


SAMPLED_LONG_LINES = 4


def read_lines(pieces: Iterable[bytes], maximum_bytes: int) -> Iterator[bytes]:
    """The lines of a text that comes in pieces, without those of more than so many bytes."""
    line = bytearray()  # as far as it was read
    for piece in chain(pieces, [b"\n"]):
        # A line ends in this piece, or goes on; one that is already too long is not held
        *ends, beginning = piece.split(b"\n")
        for end in ends:
            if len(line) + len(end) <= maximum_bytes:
                yield from bytes(line + end).splitlines() or [b""]
            line.clear()
        if len(line) <= maximum_bytes:
            line += beginning


def read_first_cells(file: StoredFile, head: bytes, separator: str = ",") -> list[str]:
    """The cells of the first non-blank line of a CSV file.

    Raises BadInput if there is no such line, if it isn't UTF-8, or if it looks like JSON.
    """
    try:
        text = head.decode()
    except UnicodeDecodeError as fault:
        text = head[: fault.start].decode()
        just_ends_there = fault.start >= len(head) - 4 and len(head) >= HEAD_BYTES  # within a character
        if "\n" not in text and not just_ends_there:
            problem = f"line 1 is not UTF-8 (byte {fault.start}); convert the file to UTF-8"
            raise BadInput(f"{file.path}: {problem}") from fault
    text = _skip_separator_line(text)
    line = find_first_line(text)
    if line is None:
        raise BadInput(f"{file.path}: has no line that isn't blank")
    _reject_lines_above(file, text, separator)
    # The first line has no end in 4 MiB
    if len(head) >= HEAD_BYTES and text.endswith(line):
        raise BadInput(f"{file.path}: line 1 is longer than 4 MiB; is this a CSV file, with a line for each record?")
    if line.lstrip().startswith(("{", "[{")):
        raise BadInput(
            f"{file.path}: line 1 looks like JSON, and the format says CSV; write --dataset-format jsonl "
            "(one object a line) or json (one document a file)"
        )
    cells = _split_cells(line, separator)
    # One cell alone: maybe the file has another separator
    for other_separator in OTHER_SEPARATORS if len(cells) == 1 and separator == "," else ():
        if len(_split_cells(line, other_separator)) > 1:
            written = format_csv_option(
                _detect_csv_format(head, other_separator) or CsvFormat(header=True, separator=other_separator)
            )
            raise BadInput(
                f"{file.path}: line 1 has no comma but {other_separator!r}; for files with that separator write "
                f"--dataset-format '{written}'"
            )
    return cells


SEPARATOR_LINE = re.compile(r'"?sep=([;,|\t])"?', re.IGNORECASE)
"""Excel's own first line, which names the character between cells."""


def find_separator_line(head: bytes) -> str | None:
    """The first line that isn't blank, if it names the separator and does nothing else."""
    line = find_first_line(head.decode("utf-8", "replace"))
    if line is None or SEPARATOR_LINE.fullmatch(line) is None:
        return None
    return line


def find_header_number(head: bytes) -> int:
    """The number of the line with the names of columns, from 1: blank lines and Excel's own line may be above it."""
    text = head.decode("utf-8", "replace")
    header = find_first_line(_skip_separator_line(text))
    if header is None:
        return 1
    numbered = enumerate(_split_lines(text), start=1)
    return next(number for number, line in numbered if line == header)


def _skip_separator_line(text: str) -> str:
    line = find_first_line(text)
    if line is None or SEPARATOR_LINE.fullmatch(line) is None:
        return text
    return text.partition(line)[2]


def _reject_lines_above(file: StoredFile, text: str, separator: str) -> None:
    """Raises BadInput if the file begins with comments: `#` before lines with other cells, or before a header; or with a title,
    which fills at most half of the cells, before a header.
    """
    rows = _read_first_rows(text, separator)
    titles = [*takewhile(lambda row: 2 * sum(map(bool, row)) <= len(rows[-1]), rows)]
    below_titles = rows[len(titles) :]
    # With a quote that doesn't end there, the line is the beginning of a name
    is_name = not titles or rows[0][0][:1] in ("", "#") or str(find_first_line(text)).count('"') % 2
    if not is_name and below_titles and is_header(below_titles):
        raise BadInput(f"{file.path}: line 1 is no header but a title; take off what is above the names of columns")
    # Comments stand above the header: a line of `#` with as many cells as the others is one itself
    comments = [row for row in rows if row[0].lstrip().startswith("#")]
    if not comments or comments[0] is not rows[0] or len(rows) == 1:
        return
    below = rows[len(comments) :] or comments
    is_wide_enough = len(comments) == 1 and len(rows[0]) == len(below[0])
    if not is_wide_enough or is_header(below):
        reader = format_spark_reader({"comment": "#"})
        raise BadInput(f"{file.path}: line 1 is a comment; take off the lines that begin with #, or write {reader}")


SAMPLED_LINES = 1_000


def _detect_csv_format(head: bytes, separator: str) -> CsvFormat | None:
    """The CSV format with this separator; None unless all lines have equally many cells, and the first line has no
    comma outside quotes.

    Numbers have a decimal comma if some have one and none has a point.
    """
    lines = _select_whole_lines(head)
    rows = [_split_cells(line, separator) for line in lines]
    if len(rows) < 2 or len(_split_cells(lines[0])) > 1 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return None
    # A decimal comma, unless a number with a point says otherwise
    cells = {cell for row in rows for cell in row}
    has_points = any("." in cell and NUMBER.fullmatch(cell) for cell in cells)
    decimal = "."
    if not has_points and any(re.fullmatch(DECIMAL_COMMA, cell) for cell in cells):
        decimal = ","
    first, second = ([cell.replace(decimal, ".") for cell in row] for row in rows[:2])
    return CsvFormat(header=_is_header_line(first, second), separator=separator, decimal=decimal)


def _select_whole_lines(head: bytes) -> list[str]:
    """The whole lines at the beginning of a file that aren't blank, up to `SAMPLED_LINES`, without Excel's own."""
    text = head.decode("utf-8", "replace")
    if len(head) < HEAD_BYTES:
        whole_lines = text
    else:
        whole_lines = text.rpartition("\n")[0]
    lines = (line for line in _split_lines(_skip_separator_line(whole_lines)) if line.strip())
    return [*islice(lines, SAMPLED_LINES)]


def has_escapes_by_backslash(head: bytes, separator: str) -> bool:
    """Whether quotes within quotes follow a backslash, as Spark writes them: some lines can't be read otherwise, and all
    lines have equally many cells if read so.
    """
    if b'\\"' not in head:
        return False
    lines = _select_whole_lines(head)
    columns = len(_split_cells(lines[0], separator))
    texts = pa.array(lines, pa.string())
    # Both readings of the first lines; the one that gives equally many cells is the file's
    by_quotes = parse_rows(texts, columns, escape=RFC_4180_ESCAPE, separator=separator)
    by_backslashes = parse_rows(texts, columns, escape=SPARK_ESCAPE, separator=separator)
    are_odd = any('\\"' in lines[index] for index in by_quotes.odd.tolist())
    return are_odd and bool((by_backslashes.widths == columns).all())


def find_first_line(text: str) -> str | None:
    """The first non-blank line of a text; None if there is none.

    Lines end as in Spark; `str.splitlines` would also split at form feeds and other characters.
    """
    return next((line for line in _split_lines(text) if line.strip()), None)


def _split_lines(text: str) -> Iterator[str]:
    """The lines, lazily: of megabytes of text, only a line or two are needed."""
    start = 0
    for end in LINE_END.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def _split_cells(line: str, separator: str = ",") -> list[str]:
    return [cell or "" for cell in split_row(line, separator=separator)]


def read_names(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Feature names from a header line; an empty cell becomes `_cN` as in Spark.

    Raises BadInput if a name occurs twice, is too long or holds a NUL byte.
    """
    for position, name in enumerate(cells, start=1):
        if "\x00" in name:
            raise BadInput(
                f"{where}: the name of column {position} holds a NUL byte; the file is damaged, write it again"
            )
        # An unclosed quote makes one name of many lines
        if len(name) > LONGEST_NAME:
            raise BadInput(
                f"{where}: the name of column {position} has {len(name):,} letters; end the quote that it begins with, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
    names = tuple(cell or f"_c{position}" for position, cell in enumerate(cells))
    # Features with one name could not be told apart
    positions: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in positions:
            raise BadInput(
                f"{where}: columns {positions[name]} and {position} are both called {name!r}; rename one, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
        positions[name] = position
    return names


HEADERS_READ_AT_ONCE = 8


def require_one_header(storage: Storage, files: Sequence[StoredFile], separator: str) -> None:
    """Check that no file begins with other column names than the first file. Files without a header line are fine.

    Reads the beginning of all files.
    Raises BadInput for the first file with other names, in which cells belong to other features, or are written so.
    """

    def read_rows(file: StoredFile) -> list[list[str]]:
        text = read_head(storage, file, refuse_nul=False).decode("utf-8", "replace")
        return _read_first_rows(_skip_separator_line(text), separator)

    first, _ = find_first_with_line(storage, files)
    names = read_rows(first)[0]
    # Reading heads is waiting for the storage, so several at once
    with ThreadPoolExecutor(HEADERS_READ_AT_ONCE) as threads:
        for file, rows in zip(files, threads.map(read_rows, files), strict=True):
            if not rows or rows[0] == names or not is_header(rows, names):
                continue
            difference = _describe_difference(rows[0], names, first)
            raise BadInput(f"{file.path}: its header line {difference}; write all files with the same names of columns")


MAX_LISTED_NAMES = 10  # names that a sentence lists; the rest are counted


def _describe_difference(written: Sequence[str], names: Sequence[str], first: StoredFile) -> str:
    """How a header line differs from the names in the first file. Says no other cell of it, which may be one of data."""
    # Names are compared without case and blanks, to tell a misspelling from another name
    known_cells = {cell.strip().lower() for cell in written}
    known_names = {name.strip().lower() for name in names}
    absent = [repr(name) for name in names if name.strip().lower() not in known_cells]
    misspelt = [repr(name) for name in names if name not in written and name.strip().lower() in known_cells]
    unknown = [str(position) for position, cell in enumerate(written, 1) if cell.strip().lower() not in known_names]
    differences = []
    if misspelt:
        differences.append(
            f"writes {list_names(misspelt, MAX_LISTED_NAMES)} with other capitals or blanks than {first.path}"
        )
    if absent:
        differences.append(f"lacks {list_names(absent, MAX_LISTED_NAMES)}, which {first.path} has")
    if unknown:
        differences.append(f"has names that {first.path} lacks, in position {list_names(unknown, MAX_LISTED_NAMES)}")
    return ", and ".join(differences) or f"repeats names that {first.path} has once"


def _read_first_rows(text: str, separator: str) -> list[list[str]]:
    """The cells of a text's first lines that aren't blank, as many as tell a header from data."""
    lines = (line for line in _split_lines(text) if line.strip())
    return [_split_cells(line, separator) for line in islice(lines, SAMPLED_HEADER_LINES)]


SAMPLED_HEADER_LINES = 20


WORDS_BY_SUFFIX = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".orc": '{"spark": {"format": "orc"}}',
}

COMPRESSED = frozenset({".gz", ".bz2", ".zst"})
NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")
MAGIC_BYTES = 4


def detect_format(engine: Engine, path: PathOrPaths, window: Window | None = None) -> str:
    """The detected format of the files at or below `path`, as `--dataset-format` takes it. window: only files of its hours
    are looked at, if there are some.

    Raises BadConfiguration if it can't be detected, or if there are several formats.
    """
    first = list_paths(path)[0]
    storage = engine.storage(first)
    is_delta = storage.exists(join(first, "_delta_log"))
    files: tuple[StoredFile, ...] = ()
    if window is not None and not is_delta and first == path and storage.exists(first):
        hours = list_window_folders(storage, path, window)
        files = tuple(file for hour in hours for file in storage.list_files(hour) if file.size_bytes)
    files = files or list_dataset(engine, path).files
    if is_delta:  # the table's data files also contain deleted rows
        return _recognize_table(files) or "delta"
    # A merge leaves documents beside the records that it wrote
    if storage.exists(join(first, PUBLISHED)):
        folders = tuple(join(storage.resolved(folder), "") for folder in list_record_folders(storage, first))
        files = tuple(file for file in files if file.path.startswith(folders)) or files
    # By the names of the files, if these agree; else by the content of the first
    suffixes = sorted({_get_suffix(file.path) for file in files})
    words = {WORDS_BY_SUFFIX.get(suffix, "") for suffix in suffixes}
    word = words.pop()
    if not words and word == "parquet":
        return _recognize_table(files) or word
    if not words and word not in ("", "csv", "json", "jsonl"):
        return word
    detected_word = None
    if not words:
        detected_word = _detect_by_beginning(engine, files, word)
    if detected_word is None:
        ends = ", ".join(suffix or "nothing" for suffix in suffixes)
        tabs = format_csv_option(CsvFormat(header=True, separator="\t"))
        instead = "'csv', 'jsonl', 'parquet' or 'capture'"
        if suffixes == [".tsv"]:
            instead = f"'{tabs}'"
        raise BadConfiguration(
            f"{path}: names of files end in {ends}, which doesn't show their format; write --dataset-format (in Python "
            f"dataset_format=), such as {instead}"
        )
    return detected_word


def _recognize_table(files: Sequence[StoredFile]) -> str | None:
    """The server whose request log has the columns of the first readable table; None if no one's has, or for files that
    aren't here.
    """
    from spark_model_monitor.data.engine.local_tables import read_schema
    from spark_model_monitor.data.request_logs import recognize_server

    tables = [file.path for file in files if file.path.endswith(".parquet") and is_local(file.path)]
    for path in tables[:FORMAT_SAMPLE_FILES]:
        with suppress(MonitorError):  # reported when the table is read
            return recognize_server(read_schema(path, "parquet").names)
    return None


def _get_suffix(path: str) -> str:
    suffixes = [suffix.lower() for suffix in PurePosixPath(path).suffixes]
    while suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _detect_by_beginning(engine: Engine, files: Sequence[StoredFile], by_name: str) -> str | None:
    """The format detected from contents. by_name: the text format of the file's suffix, or an empty text."""
    storage = engine.storage(files[0].path)
    # A name that says text is believed: such a file is never Parquet
    magic = b""
    if not by_name:
        magic = storage.read(files[0].path, MAGIC_BYTES)
    for beginning, _, written in FOREIGN_BEGINNINGS:
        if magic.startswith(beginning):
            return written
    if by_name != "csv":
        word = _detect_json(engine, files, by_name)
        if word is not None:
            return word
    file, head = find_first_with_line(storage, files)
    if by_name in ("json", "jsonl"):
        return by_name
    first, second = [*_select_whole_lines(head)[:2], "", ""][:2]
    if not by_name and "," not in first:
        return None
    # Excel's CSV in locales with a decimal comma, or as its own first line says; then comma-separated text
    excel_line = SEPARATOR_LINE.fullmatch(find_separator_line(head) or "")
    separator = excel_line[1] if excel_line else ";"
    if separator != "," and by_name:
        csv_format = _detect_csv_format(head, separator)
        if csv_format is not None:
            return format_csv_option(csv_format)
    header = _is_header_line(read_first_cells(file, head), split_row(second))
    escape = RFC_4180_ESCAPE
    if has_escapes_by_backslash(head, ","):
        escape = SPARK_ESCAPE
    return format_csv_option(CsvFormat(header=header, escape=escape))


ORIENTS_OF_PANDAS = (
    (
        "split",
        re.compile(r'\A\s*\{\s*"(columns|index)"\s*:\s*\[.*?\]\s*,\s*"(columns|index|data)"\s*:\s*\[', re.DOTALL),
    ),
    ("table", re.compile(r'\A\s*\{\s*"schema"\s*:\s*\{\s*"fields"\s*:')),
    ("index", re.compile(r'\A\s*\{\s*"0"\s*:\s*\{')),
    ("columns", re.compile(r'\A\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{\s*"0"\s*:')),
    ("values", re.compile(r"\A\s*\[\s*\[")),
)


def require_records(file: StoredFile, head: bytes) -> None:
    """Raises BadInput for a document in which pandas wrote a table in another way than a record for each row."""
    text = head.decode("utf-8", "replace")
    records = [*islice((line for line in _split_lines(text) if line.startswith("{")), 2)]
    if len(records) > 1:  # one on each line
        members = [*_read_members(records[0])]
        if len(members) == 1 and members[0].holds_rows:
            raise BadInput(_describe_rows_within(file, members[0], "each line"))
        return
    members = [*_read_members(text)]
    # A single object within the document may hold the rows
    if len(members) == 1 and members[0].is_object:
        members = [*_read_members(text[members[0].start :])]
    if _has_list_for_each_column(members):
        raise BadInput(
            f'{file.path}: has a list for each column, as pandas gives it by to_dict("list"); write a record for each row, by '
            'to_json(…, orient="records", lines=True), and --dataset-format jsonl'
        )
    within = next(
        (member for member in members if member.holds_records or (len(members) == 1 and member.holds_rows)), None
    )
    for orient, beginning in ORIENTS_OF_PANDAS:
        if beginning.match(text):
            instead = 'to_json(…, orient="records", lines=True), and --dataset-format jsonl'
            raise BadInput(f'{file.path}: is a table as pandas writes it with orient="{orient}"; write {instead}')
    if within is not None:
        raise BadInput(_describe_rows_within(file, within, "the document"))


@value_class
class _JsonMember:
    """A member of a JSON object. start: where its value begins. first: the first element of an array; None of another value,
    and of an empty array. size: number of elements; None if the text ends before.
    """

    name: str
    start: int
    is_array: bool
    is_object: bool
    first: Any = None
    size: int | None = 0

    @property
    def holds_records(self) -> bool:
        """Whether it is an array of objects, and not of one alone."""
        return self.is_array and isinstance(self.first, dict) and self.size != 1

    @property
    def holds_rows(self) -> bool:
        """Whether it is an array of objects, or one of arrays by a name that requests give to rows."""
        is_named = self.name in ("instances", "inputs", "data", "records", "rows", "dataframe_records")
        return self.is_array and (isinstance(self.first, dict) or (is_named and isinstance(self.first, list)))


def _read_members(text: str) -> Iterator[_JsonMember]:
    """The members of the object with which a text begins, as far as the text goes."""
    decoder = json.JSONDecoder()
    position = _skip_blanks(text, 0)
    # Each member begins with `{` or a comma
    while text[position : position + 1] in ("{", ","):
        try:
            name, position = decoder.raw_decode(text, _skip_blanks(text, position + 1))
        except (ValueError, RecursionError):
            return
        start = _skip_blanks(text, _skip_blanks(text, position) + 1)  # behind the colon
        member = _JsonMember(str(name), start, text[start : start + 1] == "[", text[start : start + 1] == "{")
        if member.is_array:
            with suppress(ValueError, RecursionError):
                first, _ = decoder.raw_decode(text, _skip_blanks(text, start + 1))
                member = replace(member, first=first)
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            yield replace(member, size=None)
            return
        yield replace(member, size=len(value) if member.is_array else 0)
        position = _skip_blanks(text, position)


def _skip_blanks(text: str, position: int) -> int:
    while text[position : position + 1].isspace():
        position += 1
    return position


def _has_list_for_each_column(members: Sequence[_JsonMember]) -> bool:
    """Whether all members are equally long lists of cells, more than one."""
    # The text may end within the last list, whose size is then unknown
    sizes = {member.size for member in members if member.size is not None}
    are_lists = all(member.is_array and not isinstance(member.first, (dict, list)) for member in members)
    return bool(members) and are_lists and len(sizes) <= 1 and max(sizes, default=2) > 1


def _describe_rows_within(file: StoredFile, member: _JsonMember, unit: str) -> str:
    return (
        f"{file.path}: {unit} has its rows in a list, its member {member.name!r}; write the rows alone, one on each line (jq -c "
        f"'.{member.name}[]'), and --dataset-format jsonl"
    )


def _detect_json(engine: Engine, files: Sequence[StoredFile], by_name: str) -> str | None:
    """The format of JSON that most of the first files have: any of them may be damaged. None if they have none."""
    words: Counter[str] = Counter()
    for file in files[:FORMAT_SAMPLE_FILES]:
        with suppress(BadInput):  # reported when the file is read
            lines = (line.decode("utf-8", "replace").strip() for line in read_first_lines(engine, file))
            word = _detect_json_lines([*islice(filter(None, lines), FORMAT_SAMPLE_RECORDS)])
            if word is not None:
                words[word] += 1
    if not words:
        return None
    word = words.most_common(1)[0][0]
    if word == "json" and by_name == "jsonl":
        return "jsonl"
    return word


def _detect_json_lines(lines: Sequence[str]) -> str | None:
    """The format of the first lines of a file; None if most of them are no JSON."""
    if not lines:
        return None
    words = Counter(filter(None, map(_recognize_record, lines)))
    # A log or captures may have records that say nothing, other files none that say that
    if 2 * words.total() >= len(lines):
        return min(words, key=lambda word: (word in ("jsonl", "json"), -words[word]))
    if lines[0].startswith(("{", "[")):
        return "json"
    return None


def _recognize_record(line: str) -> str | None:
    """The format of a line by its record; None if it is no JSON object or array."""
    try:
        record: Any = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, (dict, list)):
        return None
    if isinstance(record, dict) and "captureData" in record:
        if "groundTruthData" in record:
            return "merged"
        return "capture"
    event = record
    if isinstance(record, list) and record:
        event = record[0]
    if isinstance(event, dict):
        from spark_model_monitor.data.request_logs import recognize_server

        server = recognize_server(event, event.get("type"))
        if server is not None:
            return server
    if isinstance(record, dict):
        return "jsonl"
    return "json"


def require_no_header(file: StoredFile, head: bytes, csv_format: CsvFormat, names: Sequence[str]) -> None:
    """Check that a CSV that has no header line by its format begins with none: a warning, or an error if it has the baseline's
    names. names: these, empty without a baseline.
    """
    rows = [_split_cells(line, csv_format.separator) for line in _select_whole_lines(head)]
    if not is_header(rows, names):
        return
    finding = f"{file.path}: line 1 looks like the names of columns, and by its format the file has none"
    sentence = f"{finding}; write --dataset-format '{format_csv_option(replace(csv_format, header=True))}'"
    if not {*names}.isdisjoint(rows[0]):
        raise BadInput(sentence)
    log.warning("%s", sentence)


def _is_header_line(first: Sequence[str], second: Sequence[str | None]) -> bool:
    """Whether the first line of a CSV is a header: it has texts above numbers, or no numbers except column numbers or
    years."""
    are_numbers = [NUMBER.fullmatch(cell.strip()) is not None for cell in first]
    below = [NUMBER.fullmatch((cell or "").strip()) is not None for cell in second]
    # A text above a number, in any column
    if any(now and not before for before, now in zip(are_numbers, below, strict=False)):
        return True
    numbers = [cell.strip() for cell, is_number in zip(first, are_numbers, strict=True) if is_number]
    counts = [int(number) for number in numbers if number.isdigit()]
    return len(counts) == len(numbers) != 1 and all(count < next_ for count, next_ in pairwise(counts))
