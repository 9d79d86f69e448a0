"""Reads header lines of CSV files: names of columns, Excel's line with the separator, and checks for headers. Driver only."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice, pairwise, takewhile

import pyarrow as pa

from spark_model_monitor.data.reading.file_heads import (
    HEAD_BYTES,
    find_first_line,
    find_nonblank_file,
    read_head,
    split_lines,
)
from spark_model_monitor.data.reading.formats import CsvFormat, format_csv_option
from spark_model_monitor.data.records.csv_rows import (
    DECIMAL_COMMA,
    RFC_4180_ESCAPE,
    SPARK_ESCAPE,
    is_header,
    is_number,
    parse_rows,
    split_row,
)
from spark_model_monitor.data.records.refusals import format_spark_reader
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics.spellings import describe_difference, match_spellings
from spark_model_monitor.storage import Storage, StoredFile

log = logging.getLogger(__name__)

MAX_NAME_LENGTH = 131_072  # characters of a column's name; a quote that isn't closed makes longer names
MAX_LISTED_NAMES = 10  # names that a sentence lists; the rest are counted
SAMPLED_LINES = 1_000  # first lines, by which separator, decimal mark and escapes are detected
SAMPLED_HEADER_LINES = 20  # first lines, by which a header is distinguished from data
HEADERS_READ_AT_ONCE = 8  # number of threads; they wait for the storage most of the time

OTHER_SEPARATORS = (";", "\t", "|")
SEPARATOR_LINE = re.compile(r'"?sep=([;,|\t])"?', re.IGNORECASE)
"""Excel's own first line, which names the character between cells."""


def read_first_cells(file: StoredFile, head: bytes, separator: str = ",") -> list[str]:
    """The cells of the first non-blank line of a CSV file.

    Raises BadInput if there is no such line, or if it isn't UTF-8, has another separator, or is a title, a comment or JSON.
    """
    try:
        text = head.decode()
    except UnicodeDecodeError as fault:
        text = head[: fault.start].decode()
        ends_within_letter = fault.start >= len(head) - 4 and len(head) >= HEAD_BYTES
        if "\n" not in text and not ends_within_letter:
            problem = f"line 1 is not UTF-8 (byte {fault.start}); convert the file to UTF-8"
            raise BadInput(f"{file.path}: {problem}") from fault
    text = _skip_separator_line(text)
    line = find_first_line(text)
    if line is None:
        raise BadInput(f"{file.path}: has no line that isn't blank")
    _reject_lines_above(file, text, separator)
    # The first line has no end within the 4 MiB that were read
    if len(head) >= HEAD_BYTES and text.endswith(line):
        raise BadInput(f"{file.path}: line 1 is longer than 4 MiB; is this a CSV file, with a line for each record?")
    if line.lstrip().startswith(("{", "[{")):
        raise BadInput(
            f"{file.path}: line 1 looks like JSON, and the format says CSV; write --dataset-format jsonl "
            "(one object a line) or json (one document a file)"
        )
    cells = _split_cells(line, separator)
    if len(cells) > 1 or separator != ",":
        return cells
    # If the line is a single cell, the file may have another separator
    for other_separator in OTHER_SEPARATORS:
        if len(_split_cells(line, other_separator)) > 1:
            csv_format = detect_csv_format(head, other_separator) or CsvFormat(header=True, separator=other_separator)
            raise BadInput(
                f"{file.path}: line 1 has no comma but {other_separator!r}; for files with that separator write "
                f"--dataset-format '{format_csv_option(csv_format)}'"
            )
    return cells


def _reject_lines_above(file: StoredFile, text: str, separator: str) -> None:
    """Raises BadInput if the file begins with titles or comments.

    A title is a line above a header that fills at most half of the cells. A comment is a line that begins with `#`, above
    lines with other numbers of cells or above a header.
    """
    rows = _read_first_rows(text, separator)
    titles = [*takewhile(lambda row: 2 * sum(map(bool, row)) <= len(rows[-1]), rows)]
    below_titles = rows[len(titles) :]
    # A line with an open quote is the beginning of a name with a line break, not a title
    is_name = not titles or rows[0][0][:1] in ("", "#") or str(find_first_line(text)).count('"') % 2
    if not is_name and below_titles and is_header(below_titles):
        raise BadInput(f"{file.path}: line 1 is no header but a title; take off what is above the names of columns")
    # A single `#` line with as many cells as the next line is itself the header, unless a header follows
    comments = [row for row in rows if row[0].lstrip().startswith("#")]
    if not comments or comments[0] is not rows[0] or len(rows) == 1:
        return
    lines_below = rows[len(comments) :] or comments
    is_wide_enough = len(comments) == 1 and len(rows[0]) == len(lines_below[0])
    if not is_wide_enough or is_header(lines_below):
        reader = format_spark_reader({"comment": "#"})
        raise BadInput(f"{file.path}: line 1 is a comment; take off the lines that begin with #, or write {reader}")


def _read_first_rows(text: str, separator: str) -> list[list[str]]:
    """The cells of the first `SAMPLED_HEADER_LINES` lines of a text that aren't blank."""
    lines = (line for line in split_lines(text) if line.strip())
    return [_split_cells(line, separator) for line in islice(lines, SAMPLED_HEADER_LINES)]


def _split_cells(line: str, separator: str = ",") -> list[str]:
    return [cell or "" for cell in split_row(line, separator=separator)]


def match_separator_line(text: str) -> re.Match[str] | None:
    """Excel's line `sep=;`, if it is the first line that isn't blank; group 1 of the match is the separator."""
    return SEPARATOR_LINE.fullmatch(find_first_line(text) or "")


def _skip_separator_line(text: str) -> str:
    separator_line = match_separator_line(text)
    if separator_line is None:
        return text
    return text.partition(separator_line[0])[2]


def find_header_line_number(head: bytes) -> int:
    """The number of the line with the names of columns, from 1: blank lines and Excel's separator line may be above it."""
    text = head.decode("utf-8", "replace")
    header = find_first_line(_skip_separator_line(text))
    if header is None:
        return 1
    return list(split_lines(text)).index(header) + 1


def detect_csv_format(head: bytes, separator: str) -> CsvFormat | None:
    """The CSV format with this separator; None unless all lines have the same number of cells, and the first line has
    no comma outside quotes.

    Numbers have a decimal comma if some numbers have a comma and none has a point.
    """
    lines = select_whole_lines(head)
    rows = [_split_cells(line, separator) for line in lines]
    if len(rows) < 2 or len(_split_cells(lines[0])) > 1 or len(rows[0]) < 2 or len({len(row) for row in rows}) > 1:
        return None
    # Decimal commas are assumed only if no number has a decimal point
    cells = {cell for row in rows for cell in row}
    has_points = any("." in cell and is_number(cell) for cell in cells)
    decimal_mark = "."
    if not has_points and any(re.fullmatch(DECIMAL_COMMA, cell) for cell in cells):
        decimal_mark = ","
    first, second = ([cell.replace(decimal_mark, ".") for cell in row] for row in rows[:2])
    return CsvFormat(header=is_header_line(first, second), separator=separator, decimal=decimal_mark)


def is_header_line(first: Sequence[str], second: Sequence[str | None]) -> bool:
    """Whether the first line of a CSV is a header.

    It is a header if it has a text above a number, or if all of its numbers are increasing integers (column numbers, years).
    """
    # A text above a number in any column shows a header
    if any(
        is_number(cell_below) and not is_number(cell_above)
        for cell_above, cell_below in zip(first, second, strict=False)
    ):
        return True
    numbers = [cell.strip() for cell in first if is_number(cell)]
    if len(numbers) == 1 or not all(map(str.isdigit, numbers)):
        return False
    return all(int(number) < int(next_number) for number, next_number in pairwise(numbers))


def select_whole_lines(head: bytes) -> list[str]:
    """The first whole lines of a file that aren't blank, up to `SAMPLED_LINES`, without Excel's separator line."""
    text = head.decode("utf-8", "replace")
    if len(head) >= HEAD_BYTES:
        text = text.rpartition("\n")[0]
    lines = (line for line in split_lines(_skip_separator_line(text)) if line.strip())
    return [*islice(lines, SAMPLED_LINES)]


def has_escapes_by_backslash(head: bytes, separator: str) -> bool:
    """Whether quotes within quotes follow a backslash, as Spark writes them.

    That is assumed if some line can't be read with doubled quotes, and all lines have the same number of cells when they
    are read with backslashes.
    """
    if b'\\"' not in head:
        return False
    lines = select_whole_lines(head)
    columns = len(_split_cells(lines[0], separator))
    texts = pa.array(lines, pa.string())
    # Read the first lines in both ways
    by_quotes = parse_rows(texts, columns, escape=RFC_4180_ESCAPE, separator=separator)
    by_backslashes = parse_rows(texts, columns, escape=SPARK_ESCAPE, separator=separator)
    are_odd = any('\\"' in lines[index] for index in by_quotes.irregular_rows.tolist())
    return are_odd and bool((by_backslashes.widths == columns).all())


def read_names(cells: Sequence[str], where: str) -> tuple[str, ...]:
    """Feature names from a header line; an empty cell becomes `_cN` as in Spark.

    Raises BadInput if a name occurs twice, is too long or holds a NUL byte.
    """
    for position, name in enumerate(cells, start=1):
        if "\x00" in name:
            raise BadInput(
                f"{where}: the name of column {position} holds a NUL byte; the file is damaged, write it again"
            )
        # A quote that isn't closed turns many lines into one name
        if len(name) > MAX_NAME_LENGTH:
            raise BadInput(
                f"{where}: the name of column {position} has {len(name):,} letters; end the quote that it begins with, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
    names = tuple(cell or f"_c{position}" for position, cell in enumerate(cells))
    # Two features with the same name couldn't be distinguished
    positions: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        if name in positions:
            raise BadInput(
                f"{where}: columns {positions[name]} and {position} are both called {name!r}; rename one, "
                "or write --dataset-format csv-without-header if this is no header line"
            )
        positions[name] = position
    return names


def require_one_header(storage: Storage, files: Sequence[StoredFile], separator: str) -> None:
    """Check that no file begins with other column names than the first file. Files without a header line are fine.

    Reads the beginning of all files.
    Raises BadInput for the first file with other names or other spellings, since its cells would get into wrong features.
    """

    def read_rows(file: StoredFile) -> list[list[str]]:
        text = read_head(storage, file, refuse_nul=False).decode("utf-8", "replace")
        return _read_first_rows(_skip_separator_line(text), separator)

    first, _ = find_nonblank_file(storage, files)
    names = read_rows(first)[0]
    with ThreadPoolExecutor(HEADERS_READ_AT_ONCE) as threads:
        for file, rows in zip(files, threads.map(read_rows, files), strict=True):
            if not rows or rows[0] == names or not is_header(rows, names):
                continue
            difference = _describe_difference(rows[0], names, first)
            raise BadInput(f"{file.path}: its header line {difference}; write all files with the same names of columns")


def _describe_difference(header: Sequence[str], names: Sequence[str], first: StoredFile) -> str:
    """How a header line differs from the names in the first file. Its unknown cells are not shown: they may be data."""
    spellings = match_spellings(names, header)
    absent_names = [repr(name) for name in names if name not in {*header, *spellings}]
    known_cells = {*names, *spellings.values()}
    unknown_positions = [str(position) for position, cell in enumerate(header, 1) if cell not in known_cells]
    differences = []
    if spellings:
        misspelt_names = list_names([*map(repr, spellings)], MAX_LISTED_NAMES)
        differences.append(f"writes {misspelt_names} with other {describe_difference(spellings)} than {first.path}")
    if absent_names:
        differences.append(f"lacks {list_names(absent_names, MAX_LISTED_NAMES)}, which {first.path} has")
    if unknown_positions:
        differences.append(
            f"has names that {first.path} lacks, in position {list_names(unknown_positions, MAX_LISTED_NAMES)}"
        )
    return ", and ".join(differences) or f"repeats names that {first.path} has once"


def require_no_header(file: StoredFile, head: bytes, csv_format: CsvFormat, names: Sequence[str]) -> None:
    """Check that a CSV whose format says that it has no header line begins with data.

    Logs a warning if the first line looks like a header. names: the baseline's; empty without a baseline.
    Raises BadInput if the line has names of the baseline.
    """
    rows = [_split_cells(line, csv_format.separator) for line in select_whole_lines(head)]
    if not is_header(rows, names):
        return
    finding = f"{file.path}: line 1 looks like the names of columns, and by its format the file has none"
    sentence = f"{finding}; write --dataset-format '{format_csv_option(replace(csv_format, header=True))}'"
    if not {*names}.isdisjoint(rows[0]):
        raise BadInput(sentence)
    log.warning("%s", sentence)
