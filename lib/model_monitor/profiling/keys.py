"""Texts as they are counted: as they are up to 256 bytes, longer ones as their beginning and their hash. Runs on executors.

A huge cell is never carried around, compared or written into a state (P7 and P15). What comes as a column of
its own is cut by Spark (`columns`), what is decoded from lines here; the keys are the same.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.statistics.states.hashing import Hashes, xxhash64_of_texts

KEY_BYTES = 256
KEY_PREFIX_CHARACTERS = 60  # at most 240 bytes of UTF-8
CUT_MARK = "…#"

_HASH_OF_CUT = rf"{CUT_MARK}(?P<hash>[0-9a-f]{{1,16}})$"
_SHORTEST_CUT = KEY_PREFIX_CHARACTERS + len(CUT_MARK.encode()) + 1


def keys_of(texts: pa.StringArray) -> pa.StringArray:
    """The keys of some cells, null where one is missing."""
    if _longest(texts) <= KEY_BYTES:
        return texts
    too_long = pc.fill_null(pc.greater(pc.binary_length(texts), KEY_BYTES), False)
    long = texts.filter(too_long)
    hashes = pa.array([f"{number:x}" for number in xxhash64_of_texts(long).tolist()])
    beginnings = pc.utf8_slice_codeunits(long, 0, KEY_PREFIX_CHARACTERS)
    return pc.replace_with_mask(texts, too_long, pc.binary_join_element_wise(beginnings, hashes, CUT_MARK))


def hashes_of(keys: pa.StringArray) -> Hashes:
    """Spark's hashes of the texts that the keys stand for. keys: without null."""
    hashes = xxhash64_of_texts(keys)
    if _longest(keys) < _SHORTEST_CUT:
        return hashes
    may_be_cut = pc.greater_equal(pc.binary_length(keys), _SHORTEST_CUT)
    found = pc.struct_field(pc.extract_regex(keys.filter(may_be_cut), _HASH_OF_CUT), "hash").to_pylist()
    for place, text in zip(np.flatnonzero(may_be_cut).tolist(), found, strict=True):
        if text is not None:
            hashes[place] = int(text, 16)
    return hashes


def _longest(texts: pa.StringArray) -> int:
    """Bytes of the longest text."""
    if not len(texts):
        return 0
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset)
    return int(np.diff(offsets).max())
