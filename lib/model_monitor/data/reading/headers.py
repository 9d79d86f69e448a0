"""The beginning of a file: its header line, whether it is what the format says, and what to write instead."""

from __future__ import annotations

import bz2
import csv
import gzip
import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from io import BytesIO

from model_monitor.data.records.csv_rows import BYTE_ORDER_MARK, cells_of
from model_monitor.data.records.refusals import Refusal
from model_monitor.errors import NO_DATA, BadInput, NoData
from model_monitor.storage import Storage, StoredFile


def read_by_spark(options: Mapping[str, object]) -> str:
    """The flag that has Spark read CSV files with these options, a quote inside quotes being doubled, as pandas writes it."""
    reader = {"format": "csv", "options": {**options, "header": True, "escape": '"'}}
    return f"--dataset-format '{json.dumps({'spark': reader})}'"


MEND = "mend them"

REMEDIES = {
    Refusal.UNFINISHED_QUOTE: f"if cells have line breaks write {read_by_spark({'multiLine': True})}",
    Refusal.BASE64_WITHOUT_SCRIPT: "decode BASE64 of other content types than CSV and JSON, or all of it under --compat "
    "service, by a --record-preprocessor-script",
    Refusal.TOO_LONG: "if they are no accident give a larger --max-record-size, and more --driver-memory with it",
}
"""By reason, where there is more to do than to mend the records."""


def remedy(reasons: Collection[str]) -> str:
    """What to do about records that were refused for these reasons, given in words."""
    return "; ".join([text for refusal, text in REMEDIES.items() if refusal.text in reasons] or [MEND])


# The beginning of a file: its header line, and whether it is what the format says.


HEAD_BYTES = 4 * 2**20
"""More than any header line: 20,480 columns (Spark's limit) with names of 200 characters."""

LONGEST_NAME = 131_072
"""Letters of a column's name; a quote that isn't closed makes longer ones."""

CUT_SHORT = "is cut short or damaged, it can't be decompressed to its end; copy it again"

LINE_END = re.compile(r"\r\n|[\r\n]")

FOREIGN_BEGINNINGS = (
    (b"PAR1", "a Parquet file", "parquet"),
    (b"ORC", "an ORC file", '{"spark": {"format": "orc"}}'),
    (b"Obj\x01", "an Avro file", '{"spark": {"format": "avro"}}'),
)
OTHER_SEPARATORS = (";", "\t", "|")
COMPRESSED_BEGINNINGS = ((b"\x1f\x8b", "gzip", ".gz"), (b"BZh", "bzip2", ".bz2"))
NOT_READ = ((b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip"), (b"\xfd7zXZ\x00", "xz"))


def head_of(storage: Storage, file: StoredFile, *, refuse_nul: bool = True) -> bytes:
    """The first bytes of a text file, decompressed if its name says that it is compressed, without a byte order mark, as
    Hadoop reads it.

    refuse_nul: take NUL bytes in the first line for a sign of UTF-16; others are a fault of the lines that hold them.

    Raises BadInput if the file is of another kind than text, or compressed without saying so in its name.
    """
    head = storage.read(file.path, HEAD_BYTES)
    if file.path.endswith(".gz"):
        return _decompressed(file, gzip.GzipFile(fileobj=BytesIO(head)))
    if file.path.endswith(".bz2"):
        return _decompressed(file, bz2.BZ2File(BytesIO(head)))
    for beginning, kind, written in FOREIGN_BEGINNINGS:
        if head.startswith(beginning):
            raise BadInput(f"{file.path}: is {kind}, not text; write --dataset-format {written}")
    for beginning, kind, suffix in COMPRESSED_BEGINNINGS:
        if head.startswith(beginning):
            raise BadInput(
                f"{file.path}: is compressed with {kind}; its name has to end in {suffix} (.gz and .bz2 are read)"
            )
    for beginning, kind in NOT_READ:
        if head.startswith(beginning):
            raise BadInput(f"{file.path}: is compressed with {kind}, which is not read; compress it with gzip or bzip2")
    if refuse_nul and b"\x00" in head.lstrip(b"\xff\xfe\r\n").partition(b"\n")[0][:1024]:
        raise BadInput(f"{file.path}: holds NUL bytes, so it is not UTF-8 text; convert it (UTF-16 is a common cause)")
    return head.removeprefix(BYTE_ORDER_MARK)


def first_with_a_line(storage: Storage, files: Sequence[StoredFile]) -> tuple[StoredFile, bytes]:
    """The first file that has a line that isn't blank, and its beginning.

    Raises BadInput as `head_of` does, NoData if no file has one.
    """
    for file in files:
        if (head := head_of(storage, file)).strip():
            return file, head
    raise NoData(f"{NO_DATA}: {files[0].path} has no line that isn't blank{', nor have the others' * (len(files) > 1)}")


def _decompressed(file: StoredFile, reader: gzip.GzipFile | bz2.BZ2File) -> bytes:
    """The beginning of a compressed file, of all members that lie in it: they may be empty, or end within a line."""
    text = bytearray()
    try:
        while len(text) < HEAD_BYTES and (piece := reader.read1(HEAD_BYTES - len(text))):
            text += piece
    except EOFError as fault:
        if not text and file.size_bytes <= HEAD_BYTES:  # of a larger file this is the beginning
            raise BadInput(f"{file.path}: {CUT_SHORT}") from fault
    except (zlib.error, OSError) as fault:
        if not text:  # else it is behind a sound beginning, and whoever reads all of it decides
            raise BadInput(
                f"{file.path}: its name says that it is compressed, but it can't be decompressed ({type(fault).__name__})"
            ) from fault
    return bytes(text).removeprefix(BYTE_ORDER_MARK)


def longest_line(storage: Storage, file: StoredFile) -> int:
    """The bytes of the longest line at the beginning of a text file. Raises BadInput if it is no text."""
    return max(map(len, head_of(storage, file, refuse_nul=False).splitlines()), default=0)


def first_cells(file: StoredFile, head: bytes) -> list[str]:
    """The cells of the first line of a CSV file that is not blank.

    Raises BadInput if there is none, if it isn't UTF-8, or if it looks like JSON.
    """
    try:
        text = head.decode()
    except UnicodeDecodeError as fault:
        if fault.start < len(head) - 4 or len(head) < HEAD_BYTES:  # else the head just ends within a character
            text = head[: fault.start].decode()
            if "\n" not in text:
                raise BadInput(
                    f"{file.path}: line 1 is not UTF-8 (byte {fault.start}); convert the file to UTF-8"
                ) from fault
        else:
            text = head[: fault.start].decode()
    line = first_line(text)
    if line is None:
        raise BadInput(f"{file.path}: has no line that isn't blank")
    if len(head) >= HEAD_BYTES and text.endswith(line):
        raise BadInput(f"{file.path}: line 1 is longer than 4 MiB; is this a CSV file, with a line for each record?")
    if line.lstrip().startswith(("{", "[{")):
        raise BadInput(
            f"{file.path}: line 1 looks like JSON, and the format says CSV; write --dataset-format jsonl "
            "(one object a line) or json (one document a file)"
        )
    cells = _cells(line)
    for separator in OTHER_SEPARATORS if len(cells) == 1 else ():
        if separator in line:
            raise BadInput(
                f"{file.path}: line 1 has no comma but {separator!r}; "
                f"for files with that separator write {read_by_spark({'sep': separator})}"
            )
    return cells


def first_line(text: str) -> str | None:
    """The first line of a text that isn't blank, None if there is none.

    Lines end where they do for Spark: to `str.splitlines` a form feed and other letters are ends as well.
    """
    return next((line for line in LINE_END.split(text) if line.strip()), None)


def _cells(line: str) -> list[str]:
    try:
        return next(csv.reader([line], strict=False))
    except csv.Error:  # a cell of more letters than it takes
        return [cell or "" for cell in cells_of(line)]


def names_of(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Feature names from a header line; an empty cell becomes `_cN` as in Spark.

    Raises BadInput if a name occurs twice, or is longer than any.
    """
    for position, name in enumerate(cells, start=1):
        if len(name) > LONGEST_NAME:
            raise BadInput(
                f"{where}: the name of column {position} has {len(name):,} letters; end the quote that it begins with, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
    names = tuple(cell or f"_c{position}" for position, cell in enumerate(cells))
    places: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in places:
            raise BadInput(
                f"{where}: columns {places[name]} and {position} are both called {name!r}; rename one, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
        places[name] = position
    return names
