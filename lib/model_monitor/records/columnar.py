"""Dataclasses that hold one element for each of some rows: all of their arrays taken or joined together. Pure; runs on executors.

A member is an array of numpy or of Arrow, a tuple of them, or None for what nobody asks for.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Rows = TypeVar("Rows")

MANY = 8
"""More parts than this are those of a long line."""


def joined(parts: list[Rows]) -> Rows:
    """The rows of all parts, one behind the other. The parts are taken out of their list, so that little is held twice."""
    if len(parts) == 1:
        return parts[0]
    kind: Any = type(parts[0])
    size = len(parts)
    columns = [[getattr(part, member.name) for part in parts] for member in fields(kind)]
    parts.clear()
    rows: Rows = kind(*(_concatenated(columns.pop(0)) for _ in range(len(columns))))
    if size > MANY:  # Arrow would keep what the parts took for later ones
        pa.default_memory_pool().release_unused()
    return rows


def where(rows: Rows, wanted: NDArray[np.bool_]) -> Rows:
    """Some of the rows."""
    return rows if wanted.all() else at(rows, np.flatnonzero(wanted))


def at(rows: Rows, places: NDArray[np.int64]) -> Rows:
    """The rows at some places, in this order."""
    kind: Any = type(rows)
    found: Rows = kind(*(_taken(getattr(rows, member.name), places) for member in fields(kind)))
    return found


def _concatenated(column: list[Any]) -> Any:
    if isinstance(column[0], tuple):
        inner = [[*same] for same in zip(*column, strict=True)]
        column.clear()
        return tuple(_concatenated(inner.pop(0)) for _ in range(len(inner)))
    if column[0] is None:
        return None
    return np.concatenate(column) if isinstance(column[0], np.ndarray) else pa.concat_arrays(column)


def _taken(column: Any, places: NDArray[np.int64]) -> Any:
    if isinstance(column, tuple):
        return tuple(_taken(one, places) for one in column)
    if column is None:
        return None
    return column[places] if isinstance(column, np.ndarray) else column.take(pa.array(places))
