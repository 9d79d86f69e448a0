"""Typed Arrow columns as Spark casts them to texts and to doubles. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.documents.json_text import PLAIN_BELOW, PLAIN_FROM, scientific
from model_monitor.errors import NeedsSpark

FRACTION_OF_ZEROS = r"\.?0+$"

ONE_TEXT_FROM, ONE_TEXT_BELOW = 1e-9, 1e16
"""Magnitudes of doubles that have one text, whatever the release of Java (`java_text.java_double`)."""


def is_number(data_type: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(data_type) or types.is_floating(data_type) or types.is_decimal(data_type))


def text_of(cells: pa.Array) -> pa.StringArray:
    """Cells as texts: times in UTC, doubles as Java writes them."""
    types = pa.types
    if types.is_floating(cells.type):
        return _of_floats(cells)
    if types.is_timestamp(cells.type):
        texts = pc.cast(pc.cast(cells, pa.timestamp("us")), pa.string())
        return _with_sign(pc.replace_substring_regex(texts, FRACTION_OF_ZEROS, ""))
    if types.is_date(cells.type):
        return _with_sign(pc.cast(cells, pa.string()))
    if types.is_string(cells.type) or types.is_integer(cells.type) or types.is_boolean(cells.type):
        return pc.cast(cells, pa.string())
    raise NeedsSpark(f"a column of {cells.type}, whose texts are wanted,")


def number_of(cells: pa.Array) -> pa.Array:
    """Numbers as they are, decimals as doubles, rounded correctly as Java does."""
    return pc.cast(pc.cast(cells, pa.string()), pa.float64()) if pa.types.is_decimal(cells.type) else cells


def double_of(cells: pa.Array) -> pa.Array:
    """Cells as doubles; texts that are no numbers are null."""
    if not pa.types.is_string(cells.type):
        return pc.cast(number_of(cells), pa.float64())
    encoded = cells.dictionary_encode()
    return pa.array(map(_parsed, encoded.dictionary.to_pylist()), pa.float64()).take(encoded.indices)


def _parsed(text: str) -> float | None:
    """A double as Java's parser reads it."""
    stripped = text.strip("".join(map(chr, range(33))))
    if stripped[-1:] in tuple("dDfF") and stripped[-2:-1] in tuple("0123456789."):
        stripped = stripped[:-1]
    try:
        return None if "_" in stripped or not stripped.isascii() else float(stripped)
    except ValueError:
        return None


def without_nan(cells: pa.Array) -> pa.Array:
    """Numbers with null in the place of NaN."""
    return pc.if_else(pc.is_nan(cells), None, cells) if pa.types.is_floating(cells.type) else cells


def _with_sign(texts: pa.StringArray) -> pa.StringArray:
    """Years of five digits have a sign in Spark."""
    return pc.replace_substring_regex(texts, r"^(\d{5,})", r"+\1")


def _of_floats(cells: pa.Array) -> pa.StringArray:
    encoded = cells.dictionary_encode()
    texts = pa.array(map(_of_float, encoded.dictionary.to_numpy(zero_copy_only=False)), pa.string())
    return texts.take(encoded.indices)


def _of_float(value: np.floating[Any]) -> str:
    """value: of 32 or 64 bits, which have digits of their own."""
    if not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    text, magnitude = str(value), abs(float(value))
    if value == 0 or PLAIN_FROM <= magnitude < PLAIN_BELOW:
        return text
    if not ONE_TEXT_FROM <= magnitude < ONE_TEXT_BELOW:
        raise NeedsSpark("a column of very large or small doubles, whose texts are wanted,")
    return scientific(text)
