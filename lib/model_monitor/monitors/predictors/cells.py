"""Cells of the features as numpy has them: doubles where all features are numbers, else objects. Pure; runs on executors.

Source: E1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.errors import BadInput


def cells_of(columns: Sequence[pa.Array], names: Sequence[str], numeric: Sequence[bool]) -> NDArray[Any]:
    """The cells of some columns of numbers or texts, shape (rows, columns). numeric: which are taken as numbers.

    Raises BadInput naming the feature whose cell is no number and has to be.
    """
    found = [
        _numbers(column, name) if is_number else _texts(column)
        for column, name, is_number in zip(columns, names, numeric, strict=True)
    ]
    if all(numeric):
        return np.column_stack(found)
    cells = np.empty((len(found[0]), len(found)), dtype=object)
    for place, (column, is_number) in enumerate(zip(found, numeric, strict=True)):
        cells[:, place] = _with_none(column) if is_number else column
    return cells


def are_numbers(column: pa.Array) -> bool:
    """Whether all cells of a column are numbers, or look like them; one that has none is taken for a column of numbers."""
    if not pa.types.is_string(column.type):
        return True
    try:
        _numbers(column, "")
    except BadInput:
        return False
    return True


def plain(column: pa.Array) -> pa.Array:
    """Cells as doubles or texts."""
    kind = column.type
    if (
        pa.types.is_boolean(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
    ):
        return pc.cast(column, pa.float64(), safe=False)
    return column if pa.types.is_string(kind) else pc.cast(column, pa.string())


def texts_of(cells: NDArray[Any]) -> list[str | None]:
    """Cells as a file has them: whole numbers without a point, None where nothing is."""
    return [_text(cell) for cell in cells.tolist()]


def _text(cell: Any) -> str | None:
    if cell is None or cell != cell:
        return None
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 2**53 else str(cell)


def _numbers(column: pa.Array, name: str) -> NDArray[np.float64]:
    if pa.types.is_string(column.type):
        trimmed = pc.utf8_trim_whitespace(column)
        present = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
        try:
            column = pc.cast(present, pa.float64())
        except pa.ArrowInvalid:
            raise BadInput(
                f"feature {name!r} has a text where its baseline rows have numbers; leave it out by excluded_columns, or give "
                "baseline rows with its texts"
            ) from None
    found: NDArray[np.float64] = pc.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return found.astype(np.float64)


def _with_none(numbers: NDArray[np.float64]) -> NDArray[Any]:
    cells: NDArray[Any] = numbers.astype(object)
    cells[np.isnan(numbers)] = None
    return cells


def _texts(column: pa.Array) -> NDArray[Any]:
    """Texts; an empty one is a missing one, as in a file."""
    found: NDArray[Any] = np.array(column.to_pylist(), dtype=object)
    found[found == ""] = None
    return found
