"""Lines that are flat JSON objects, as columns by Arrow's parser: some ten times as fast as one by one. Pure; runs on executors.

It is asked for lines of which it says what `json_features` says; where that is not certain there is no answer.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.records.arrays import buffer_of, bytes_of, starts_of, utf_8_flags

OPENING, CLOSING = b"{}"
OPENING_LIST = ord("[")
MOST_OPENED = (
    100  # objects and lists of a line: Arrow's parser goes down into each, until its stack ends and the process with it
)

READ_ANOTHER_WAY = (b"\\u", b"NaN", b"Inf")  # half a surrogate pair, and numbers that JSON has not
ZERO_WITH_SIGN = re.compile(rb"-0[^.\d]")  # a whole number has none

NAME = re.compile(rb'"([^"\\]*)"\s*:')
MOST_CELLS, MEMBER_BYTES = 20_000_000, len('"a":1')
"""Of a table, with those of members that a line has not: lines of a batch whose members are mostly there have fewer."""
LONGEST_LINES, LINES_LOOKED_AT = 16, 256


def columns_of(lines: pa.Array, schema: pa.Schema | None = None) -> pa.Table | None:
    """The members of all objects, or those in a schema and no others; None where it is left to `json_features`.

    lines: without line ends. Those that begin and end as an object does can't go on in the next one: if there are as many objects
    as lines, each is one.
    """
    import pyarrow.json

    ends = starts_of(lines)
    letters = bytes_of(lines)
    if not len(lines) or (np.diff(ends) < len("{}")).any():
        return None
    if (letters[ends[:-1]] != OPENING).any() or (letters[ends[1:] - 1] != CLOSING).any():
        return None
    texts, content = lines.view(pa.string()), letters.tobytes()
    if content.count(b"{") + content.count(b"[") > len(lines):
        opened = np.flatnonzero((letters == OPENING) | (letters == OPENING_LIST))
        if np.diff(np.searchsorted(opened, ends)).max() > MOST_OPENED:
            return None
    if any(each in content for each in READ_ANOTHER_WAY) or utf_8_flags(texts) is not None:
        return None
    if b"-0" in content and ZERO_WITH_SIGN.search(content):
        return None
    if schema is None and _is_sparse(lines, ends):
        return None
    document = buffer_of(pc.binary_join_element_wise(texts, "", "\n"))
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(document),
            pyarrow.json.ReadOptions(use_threads=False, block_size=document.size + 1),
            pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error" if schema else "infer"),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None
    return table if len(table) == len(lines) else None


def _is_sparse(lines: pa.Array, ends: NDArray[np.int64]) -> bool:
    """Whether the lines have so many names, each in a few of them, that a table would be too large: its longest lines, and some
    from all over.
    """
    if len(lines) * int(ends[-1] - ends[0]) < MOST_CELLS * MEMBER_BYTES:
        return False
    longest = np.argsort(np.diff(ends))[-LONGEST_LINES:]
    places = np.union1d(longest, np.linspace(0, len(lines) - 1, LINES_LOOKED_AT).astype(np.int64))
    some = lines.take(pa.array(places)).cast(pa.binary()).to_pylist()
    return len({name for line in some for name in NAME.findall(line)}) * len(lines) > MOST_CELLS
