"""JSON as Python and Arrow read it: whole numbers of any length, keys that stand twice, Python's literals. Runs on executors."""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.json

_DECODER = json.JSONDecoder()
BLANKS = " \t\r\n"


def with_keys_once(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Texts with the last value of each key of their objects; one that is no JSON as it is, and nothing of one that is nested
    too deep to be read.

    As for Spark, which infers the schema, the first value of a text counts, whatever stands behind it.
    """
    for batch in batches:
        texts = [text.decode(errors="replace") for text in batch.column(0).view(pa.binary()).to_pylist()]
        yield pa.RecordBatch.from_pydict({"value": pa.array(map(_with_keys_once, texts), pa.string())})


def _with_keys_once(text: str) -> str:
    try:
        return json.dumps(_DECODER.raw_decode(text.lstrip(BLANKS))[0])
    except ValueError:
        return text
    except RecursionError:
        return "null"


def nested_object(name: str, where: str) -> str:
    """Why a feature that is an object can't be read."""
    return (
        f"{where}: feature {name!r} is a nested object; write --flatten-json to make a feature of each of its "
        f"members ({name}.…), or use a preprocessor script"
    )


# JSON as Python reads it, but for whole numbers of any length, and as Arrow reads many lines of it. Pure; runs on
# executors.


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


# Literals of Python's in ground truth and in cells of predictions, as `str(value)` wrote them. Pure; runs on
# executors.


def python_literal(text: str) -> Any:
    """The value of a literal. Raises ValueError if it is none.

    Python warns of odd backslashes with the text before its eyes, and a warning of this one would be a record's value in a log.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError("no literal of Python's") from None
