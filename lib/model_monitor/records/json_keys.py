"""JSON objects that have a key twice: the last one counts, as for every reader of JSON. Runs on executors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa

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
