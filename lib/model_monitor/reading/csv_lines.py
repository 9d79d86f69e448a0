"""CSV lines as columns of texts, and the lines that are no record. Pure; runs on executors.

Around the parser stands what parsers accept in silence: missing and extra cells, header lines in the middle, a file whose
columns stand in another order, and bytes that aren't UTF-8 (P5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.records.csv_rows import RFC_4180_ESCAPE, Cells, parsed_rows
from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.line_bytes import utf_8_flags
from model_monitor.records.places import LINE
from model_monitor.records.refusals import Refusal

Reasons: TypeAlias = NDArray[np.int32]  # shape (lines,), 0 or a Refusal


@dataclass(frozen=True, slots=True)
class CsvLines:
    """The decoder of CSV files.

    names: the features' names, of which there are as many as cells. header: whether lines that repeat them are refused.
    escape: what stands before a quote within quotes.
    """

    names: tuple[str, ...]
    header: bool
    escape: str = RFC_4180_ESCAPE

    inputs = (LINE,)
    counts_cells = False
    keeps_lines = False

    @property
    def features(self) -> int:
        return len(self.names)

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """Each line is a row."""
        lines = batch.column(LINE)
        return DecodedRows.by_parts([(0, len(lines))], lambda part: self._rows(lines[part]), self.features)

    def _rows(self, lines: pa.StringArray) -> DecodedRows:
        is_text = utf_8_flags(lines)
        if is_text is not None:
            lines = pc.if_else(pa.array(is_text), lines, "")
        cells = parsed_rows(lines, len(self.names), escape=self.escape)
        reasons = self._reasons(lines, is_text, cells)
        return DecodedRows(cells.columns, np.arange(len(lines)), reasons, np.zeros(len(lines), np.int32))

    def _reasons(self, lines: pa.StringArray, is_text: NDArray[np.bool_] | None, cells: Cells) -> Reasons:
        reasons = np.where(cells.widths == len(self.names), 0, Refusal.WRONG_NUMBER_OF_CELLS).astype(np.int32)
        if (
            self.escape == RFC_4180_ESCAPE
        ):  # a cell with a line break in it: its first half would be taken for a whole cell
            for number, line in _chosen(lines, cells.odd):
                if line.count('"') % 2:
                    reasons[number] = Refusal.UNFINISHED_QUOTE
        if is_text is not None:
            reasons[~is_text] = Refusal.NOT_UTF_8
        if self.header:
            for number in self._rows_of_names(cells):
                if not reasons[number]:
                    reasons[number] = self._refusal_of_names([column[number].as_py() or "" for column in cells.columns])
        return reasons

    def _rows_of_names(self, cells: Cells) -> list[int]:
        """Numbers of the rows that hold nothing but names of columns, found out cell by cell: most rows end at the first."""
        names = pa.array(self._written_names())
        found = np.arange(len(cells.widths))
        for column in cells.columns:
            left = column if len(found) == len(column) else column.take(pa.array(found))
            found = found[np.asarray(pc.is_in(pc.fill_null(left, ""), names))]
            if not len(found):
                break
        return found.tolist()

    def _refusal_of_names(self, written: list[str]) -> int:
        expected = self._written_names()
        if written == expected:
            return Refusal.REPEATED_HEADER
        return Refusal.COLUMNS_IN_ANOTHER_ORDER if sorted(written) == sorted(expected) else 0

    def _written_names(self) -> list[str]:
        """The names as the header line has them: a column without one is called by its position (`heads.names_of`)."""
        return ["" if name == f"_c{position}" else name for position, name in enumerate(self.names)]


def _chosen(lines: pa.StringArray, numbers: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
    return zip(numbers.tolist(), lines.take(pa.array(numbers)).to_pylist(), strict=True)
