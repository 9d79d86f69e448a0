"""JSON as Python reads it, but for whole numbers of any length, and as Arrow reads many lines of it. Pure; runs on executors."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.json


def json_value(text: str, **options: Any) -> Any:
    """The value that a text of JSON is. A whole number that is too long for Python is the text of its digits.

    Arrow, which parses most lines, reads such a number as well, so that nothing else depends on who parses a line.
    options: of `json.loads`. Raises ValueError or RecursionError for a text that is no JSON, or nested too deep.
    """
    try:
        return json.loads(text, **options)
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads up to 4,300 digits (sys.get_int_max_str_digits)
        return json.loads(text, **options, parse_int=_whole)


def _whole(digits: str) -> int | str:
    try:
        return int(digits)
    except ValueError:
        return digits


def table_of_json(content: bytes | pa.Buffer, schema: pa.Schema) -> pa.Table | None:
    """What the schema names of the objects in a text, a row for each, by Arrow's parser; None where it refuses one."""
    if not len(content):
        return schema.empty_table()
    try:
        return pyarrow.json.read_json(
            pa.BufferReader(content),
            pyarrow.json.ReadOptions(use_threads=False, block_size=len(content) + 1),
            pyarrow.json.ParseOptions(schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowException:
        return None
