"""Parses rows of CSV into columns of texts, an array of rows at a time. Pure; runs on executors.

Arrow parses at once all rows whose quotes follow RFC 4180: quotes surround a whole cell and are doubled within it. The
other rows, usually few, are parsed one by one by `split_row`, which returns what Spark's parser would.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from spark_model_monitor.data.records.arrays import (
    combine_chunks,
    compute_text_starts,
    find_letters,
    get_text_buffer,
    has_letters,
    view_text_bytes,
)
from spark_model_monitor.data.records.missing_values import is_missing_word
from spark_model_monitor.statistics import Integers
from spark_model_monitor.value_class import value_class

Row: TypeAlias = tuple["str | None", ...]

BYTE_ORDER_MARK = "\ufeff".encode()
RFC_4180_ESCAPE = '"'  # a quote inside quotes is doubled, as pandas and spreadsheets write it
SPARK_ESCAPE = "\\"  # Spark's default, which the service used

_SPECIAL = {RFC_4180_ESCAPE: re.compile('"'), SPARK_ESCAPE: re.compile(r'["\\]')}
"""By escape character: the characters that have a special meaning within quotes."""

DECIMAL_COMMA = r"[-+]?\d+,\d+([eE][-+]?\d+)?"  # a number without thousands separators

NUMBER_CELL = r"[ \t]*[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?[ \t]*"  # a cell that is a number

QUOTE, LINE_END = b'"\n'

BEGINNINGS_OF_LISTS = ("[", "(", "array(", "np.array(", "tensor(")
_INNERMOST_LIST = re.compile(r"\[([^\[\]()]*)\]|\(([^\[\]()]*,[^\[\]()]*)\)")
_NUMBER_OF_NUMPY = re.compile(r"np\.(?:float|int)\d+\(([^()]*)\)")
_AROUND_LISTS = re.compile(r"(?:(?:np\.)?array|tensor|,\s*dtype=[\w.]+|[\[\](),\s])*")
_PRINTED_NUMBER = re.compile(r"[-+]?(?:(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?|nan|inf)")
_BETWEEN_NUMBERS = re.compile(r"\s*,\s*|\s+")


@value_class
class CsvCells:
    """The cells of some rows.

    columns: the cells of each column; null if missing, or if the row has another number of cells.
    widths: the number of cells of each row, shape (rows,).
    irregular_rows: the indices of the rows whose quotes don't follow RFC 4180.
    """

    columns: tuple[pa.StringArray, ...]
    widths: Integers
    irregular_rows: Integers


def parse_rows(
    rows: pa.StringArray, columns: int, *, escape: str = RFC_4180_ESCAPE, separator: str = ",", decimal: str = "."
) -> CsvCells:
    """The cells of rows that should have `columns` cells. rows: UTF-8, without null and line ends.

    decimal: for a comma, decimal commas of numbers are replaced by points.
    """
    lines = pc.binary_join_element_wise(rows, "", "\n")
    del rows  # so that a long row is not held twice
    irregular_rows = _find_irregular_rows(lines, escape, separator)
    if not len(irregular_rows):
        cells, widths = _parse_by_arrow(lines, columns, separator)
    else:
        is_plain = np.ones(len(lines), dtype=np.bool_)
        is_plain[irregular_rows] = False
        plain_cells, plain_widths = _parse_by_arrow(lines.filter(pa.array(is_plain)), columns, separator)
        irregular_cells, irregular_widths = _parse_one_by_one(lines.take(irregular_rows), columns, escape, separator)
        # Put both back in the order of the rows: `order` has each row's index in the plain rows followed by the irregular ones
        order = np.argsort(np.concatenate([np.flatnonzero(is_plain), irregular_rows]))
        both_cells = zip(plain_cells, irregular_cells, strict=True)
        cells = tuple(pa.concat_arrays(parts).take(order) for parts in both_cells)
        widths = np.concatenate([plain_widths, irregular_widths])[order]
    if decimal == ",":
        cells = tuple(_replace_decimal_commas(column) for column in cells)
    return CsvCells(cells, widths, irregular_rows)


def _replace_decimal_commas(cells: pa.StringArray) -> pa.StringArray:
    are_numbers = pc.match_substring_regex(cells, f"^{DECIMAL_COMMA}$")
    return pc.if_else(are_numbers, pc.replace_substring(cells, ",", "."), cells)


def extract_cells(rows: pa.StringArray, index: int | None) -> pa.StringArray:
    """The cells at an index of rows without quotes; null if a row is too short, or if the index is None."""
    missing_cells = pa.nulls(len(rows), pa.string())
    if index is None:
        return missing_cells
    if index == 0 and not has_letters(rows, b",").any():
        return rows
    cells = pc.split_pattern(rows, ",")
    has_cell = pc.greater(pc.list_value_length(cells), index)
    if pc.all(has_cell, min_count=0).as_py():
        return pc.list_element(cells, index)
    return pc.replace_with_mask(missing_cells, has_cell, pc.list_element(cells.filter(has_cell), index))


def split_row(row: str, escape: str = RFC_4180_ESCAPE, separator: str = ",") -> Row:
    """The cells of one row; an empty cell is missing, quoted or not.

    Blanks after a closing quote are dropped; anything else there makes the cell a plain text up to the next separator.
    Source: from_csv of Spark 3.5 (univocity's STOP_AT_DELIMITER), compared for all short rows by the tests.
    """
    cells: list[str | None] = []
    start = 0
    while start <= len(row):
        if row.startswith('"', start):
            cell, end = _read_quoted_cell(row, start, escape, separator)
        else:
            end = _find_separator(row, start, separator)
            cell = row[start:end]
        cells.append(cell or None)
        start = end + 1
    return tuple(cells)


def _read_quoted_cell(row: str, start: int, escape: str, separator: str) -> tuple[str, int]:
    """The cell that begins with a quote at `start`, and its end position."""
    content = []
    position = start + 1
    for special in _SPECIAL[escape].finditer(row, position):
        special_position = special.start()
        if special_position < position:  # escaped by the previous character
            continue
        # Add the text up to the special character, then the character that it stands for
        content.append(row[position:special_position])
        letter = row[special_position]
        next_letter = row[special_position + 1 : special_position + 2]
        position = special_position
        if letter == escape and next_letter and next_letter in ('"', escape):
            content.append(next_letter)
            position += 2
        elif letter == '"' and next_letter != '"':
            break
        else:
            content.append(letter)
            position += 1
    else:
        content.append(row[position:])
        position = len(row)
    text = "".join(content)
    # Without a closing quote, the rest of the row is the cell
    if position >= len(row):
        return text or '"', len(row)
    end = position + 1
    # Blanks after the closing quote are dropped; other text there makes the quotes part of the cell
    while end < len(row) and row[end] <= " " and row[end] != separator:
        end += 1
    if end == len(row) or row[end] == separator:
        return text, end
    end = _find_separator(row, end, separator)
    return f'"{text}{row[position:end]}', end


def _find_separator(row: str, start: int, separator: str) -> int:
    end = row.find(separator, start)
    return len(row) if end < 0 else end


def _parse_by_arrow(lines: pa.StringArray, columns: int, separator: str) -> tuple[tuple[pa.StringArray, ...], Integers]:
    """Cells and widths of rows that each have a line end, and whose quotes, if any, are as in RFC 4180."""
    widths = np.full(len(lines), columns, dtype=np.int64)
    skipped_rows: list[pyarrow.csv.InvalidRow] = []

    # Called by Arrow for each row with another number of cells
    def skip(row: pyarrow.csv.InvalidRow) -> str:
        skipped_rows.append(row)
        return "skip"

    names = [f"c{position}" for position in range(columns)]
    content = get_text_buffer(lines)
    if bytes(memoryview(content)[: len(BYTE_ORDER_MARK)]) == BYTE_ORDER_MARK:
        content = pa.py_buffer(BYTE_ORDER_MARK + content.to_pybytes())  # Arrow drops one mark, so the text's own stays
    if not content.size:
        return (pa.nulls(0, pa.string()),) * columns, widths
    table = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        pyarrow.csv.ReadOptions(use_threads=False, block_size=content.size + 1, column_names=names),
        pyarrow.csv.ParseOptions(delimiter=separator, ignore_empty_lines=False, invalid_row_handler=skip),
        pyarrow.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    )
    cells = tuple(combine_chunks(column) for column in table.columns)
    # An empty row has one cell, for which Arrow returns a missing cell in each column
    is_empty = np.diff(compute_text_starts(lines)) == 1
    widths[is_empty] = 1
    if skipped_rows:
        numbers = np.array([row.number - 1 for row in skipped_rows])
        widths[numbers] = [row.actual_columns for row in skipped_rows]
        is_skipped = np.zeros(len(lines), dtype=np.bool_)
        is_skipped[numbers] = True
        # The index of each row among the parsed rows; null for skipped rows, whose cells become null
        parsed_indices = pa.array(np.cumsum(~is_skipped) - 1, mask=is_skipped)
        cells = tuple(column.take(parsed_indices) for column in cells)
    return cells, widths


def _parse_one_by_one(
    lines: pa.StringArray, columns: int, escape: str, separator: str
) -> tuple[tuple[pa.StringArray, ...], Integers]:
    """Cells and widths of rows with any quotes, parsed by `split_row`."""
    cells_of_rows = [split_row(line[:-1], escape, separator) for line in lines.to_pylist()]
    widths = np.array([len(cells) for cells in cells_of_rows])
    # Rows with another number of cells get null in all columns
    missing_row = (None,) * columns
    full_rows = [cells if len(cells) == columns else missing_row for cells in cells_of_rows]
    return tuple(pa.array(column, pa.string()) for column in zip(*full_rows, strict=True)), widths


def _find_irregular_rows(lines: pa.StringArray, escape: str, separator: str) -> Integers:
    """Indices of the rows for which Arrow's parser can't be used. lines: rows with their line ends."""
    content = view_text_bytes(lines)
    quotes = find_letters(lines, b'"')
    if not len(quotes):
        return np.zeros(0, np.int64)
    # The number of quotes before each row, and within it
    quotes_before = np.searchsorted(quotes, compute_text_starts(lines))
    num_quotes = np.diff(quotes_before)
    if escape != RFC_4180_ESCAPE:
        return np.flatnonzero(num_quotes)
    is_irregular = (num_quotes & 1) == 1  # the lowest bit, which is faster than a remainder
    # Every second quote of a row closes a cell; positions count from the row's first quote unless all rows have even numbers
    positions = np.arange(len(quotes))
    if (quotes_before & 1).any():
        positions -= np.repeat(quotes_before[:-1], num_quotes)
    is_closing = (positions & 1) == 1
    # The byte before an opening quote, or after a closing one; for the first byte, index -1 is the last line end
    neighbours = content[np.where(is_closing, quotes + 1, quotes - 1)]
    is_regular = (neighbours == QUOTE) | (neighbours == ord(separator)) | (neighbours == LINE_END)
    if not is_regular.all():
        row_of_quote = np.repeat(np.arange(len(lines)), num_quotes)
        is_irregular[row_of_quote[~is_regular]] = True
    return np.flatnonzero(is_irregular)


def split_csv_rows(data: str) -> list[str]:
    """The rows of a CSV payload: split at line ends outside quotes."""
    text = data.rstrip("\r\n")
    if not text:
        return []
    # Most payloads have no quotes, and can be split simply
    if '"' not in text:
        return [row.removesuffix("\r") for row in text.split("\n")]
    # Every second piece lies within quotes; its line breaks don't end a row
    pieces = text.split('"')
    pieces[1::2] = [piece.replace("\n", "\uffff") for piece in pieces[1::2]]
    return [row.removesuffix("\r").replace("\uffff", "\n") for row in '"'.join(pieces).split("\n")]


def read_printed_list(data: str) -> list[str] | None:
    """The CSV rows of a printed list of numbers (of Python, numpy or PyTorch), such as `[0.1, 0.9]`; None for other texts."""
    if not data.startswith(BEGINNINGS_OF_LISTS):
        return None
    data = _NUMBER_OF_NUMPY.sub(r"\1", data)
    if not _AROUND_LISTS.fullmatch(_INNERMOST_LIST.sub("", data)):
        return None
    # Each innermost list is a row
    rows = []
    for match in _INNERMOST_LIST.finditer(data):
        cells = _BETWEEN_NUMBERS.split((match[1] or match[2] or "").strip(" ,\r\n\t"))
        if not all(map(_PRINTED_NUMBER.fullmatch, cells)):
            return None
        rows.append(",".join(cells))
    return rows or None


def is_header(rows: Sequence[Sequence[str | None]], names: Collection[str] = ()) -> bool:
    """Whether the first of these rows is a header.

    Its cells must be different texts, no numbers or words for missing values. At least half of them must be among `names`,
    ignoring case, or one must stand above a column of numbers. A single name among several cells isn't enough, since data may
    have the name of a column as a value.
    """
    header = rows[0]
    texts = [(cell or "").strip().lower() for cell in header]
    present_texts = [text for text in texts if text]
    if not present_texts or len(set(present_texts)) < len(present_texts):
        return False
    if any(map(is_number, header)):
        return False
    if any(is_missing_word(text) for text in present_texts):
        return False
    # At least half of the cells are names, and at least two, unless there is only one
    lowered_names = {name.strip().lower() for name in names}
    num_names = len(lowered_names.intersection(present_texts))
    fewest_names = min(2, len(present_texts))
    if num_names >= fewest_names and 2 * num_names >= len(present_texts):
        return True
    # Otherwise, a text above a column of numbers shows a header
    rows_below = [row for row in rows[1:] if len(row) == len(header)]
    columns_below = zip(*rows_below, strict=True)
    return any(text and _are_numbers(cells) for text, cells in zip(texts, columns_below, strict=False))


def _are_numbers(cells: Iterable[str | None]) -> bool:
    """Whether most cells that aren't blank are numbers."""
    present_cells = [cell for cell in cells if cell and cell.strip()]
    num_numbers = sum(map(is_number, present_cells))
    return 2 * num_numbers > len(present_cells)


def is_number(cell: str | None) -> bool:
    """Whether a cell is a number, with a decimal point if it has a fraction."""
    return re.fullmatch(NUMBER_CELL, cell or "") is not None
