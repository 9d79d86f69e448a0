"""Texts for people: makes names, paths and errors from outside printable, and formats plain-text tables for a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SIGNS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Control characters, line and paragraph separators, direction marks, invisible characters and half surrogate pairs.

These are Unicode's categories Cc, Zl, Zp and Cs, and those characters of Cf that no script needs.
"""

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def printable(text: str) -> str:
    """The text on one line, with invisible characters as Python's escapes: `\\n`, `\\x1b`, `\\u202e`."""
    if text.isascii() and text.isprintable():
        return text
    return _SIGNS.sub(_format_escape, text)


def printable_lines(text: str) -> str:
    """The lines of one of our own texts, each printable. Lines after the first are indented, so that they can't look like another
    message.
    """
    first, *further_lines = text.split("\n")
    return "\n".join([printable(first), *(f"  {printable(line)}" for line in further_lines)])


def format_error(error: Exception) -> str:
    """The text that a command writes to standard error for an error that we raise on purpose."""
    return f"Error: {printable_lines(str(error))}\n"


def escape_in_json(text: str) -> str:
    """A line of JSON with invisible characters as JSON's escapes, so that programs read the same. line: has no line breaks."""
    return _SIGNS.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text)


def _format_escape(sign: re.Match[str]) -> str:
    code = ord(sign[0])
    if code < 0x100:
        return _SHORT.get(sign[0], f"\\x{code:02x}")
    return f"\\u{code:04x}"


Cell = str | int | float | None  # None and NaN mean that there is no value, which is shown as "-"

GAP = "  "
SHORTEST_NAME = 8  # characters that remain of the first column when the table is too wide


def format_table(
    header: Sequence[str], rows: Sequence[Sequence[Cell]], *, width: int = 100, shortest_name: int = SHORTEST_NAME
) -> str:
    """The table's lines, each ending in a newline: the header, a rule, one line per row.

    Columns with numbers are right-aligned. If the lines were longer than `width` characters, the texts of the first
    column are shortened, down to `shortest_name`; other columns are never cut.
    """
    numeric = [any(isinstance(row[column], (int, float)) for row in rows) for column in range(len(header))]
    # The width that every column needs, and by how much the lines are too long
    cells = [list(header), *([_format_cell(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(header))]
    too_long = sum(widths) + len(GAP) * (len(widths) - 1) - width
    if too_long > 0:
        shortest = max(shortest_name, widths[0] - too_long)
        widths[0] = min(widths[0], shortest)
    # A rule below the header
    cells.insert(1, ["-" * column_width for column_width in widths])
    lines = [GAP.join(map(_align_cell, line, widths, numeric)).rstrip() for line in cells]
    return "".join(f"{line}\n" for line in lines)


def _align_cell(cell: str, width: int, is_number: bool) -> str:
    if is_number:
        return cell.rjust(width)
    return truncate_text(cell, width).ljust(width)


def _format_cell(cell: Cell) -> str:
    """Integers in full; other numbers with four significant digits, in at most ten characters."""
    if cell is None or cell != cell:  # NaN differs from itself
        return "-"
    if isinstance(cell, str):
        return printable(cell)
    if isinstance(cell, int):
        return f"{cell:d}"
    if cell != 0 and not 1e-3 <= abs(cell) < 1e6:
        return f"{cell:.3e}"
    if abs(cell) >= 1000:
        return f"{cell:.1f}"
    return f"{cell:.4g}"


def truncate_text(text: str, width: int) -> str:
    """The text in at most `width` characters."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…"
