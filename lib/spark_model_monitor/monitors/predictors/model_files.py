"""Bounds of a model's file, checked before a library reads it: how deep its JSON is, and how large what it packs is.

Libraries read such files as a whole and by recursion: a deep one ends the process without a word, and a small one may take
gigabytes. Pure; driver and executors.
"""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np

from spark_model_monitor.errors import BadConfiguration

DEEPEST = 1_000  # objects and arrays within each other; models of XGBoost have about ten
MOST_EXPANSION = 200  # times the file; deflate reaches a thousand for a file of one letter, models stay below fifty
SMALL_BYTES = 32 * 2**20  # what any archive may hold
CHUNK_BYTES = 2**20

_JSON_BEGINNING = re.compile(rb'\s*(\[|\{\s*["}])')  # UBJSON has the type of a name's length instead
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def require_shallow_json(name: str, content: bytes) -> None:
    """Raises BadConfiguration for JSON that is nested deeper than any model; UBJSON and others are left to their reader."""
    if not _JSON_BEGINNING.match(content):
        return
    if measure_json_depth(content) > DEEPEST and measure_json_depth(_TEXT.sub(b"", content)) > DEEPEST:
        raise BadConfiguration(f"the model {name} is nested deeper than {DEEPEST:,} levels; save it again")


def measure_json_depth(content: bytes) -> int:
    """The deepest level of brackets and braces in a text, also of those in quotes."""
    depth = deepest = 0
    for start in range(0, len(content), CHUNK_BYTES):
        # Bytes, not characters: none of UTF-8's longer ones contains a bracket
        letters = np.frombuffer(content[start : start + CHUNK_BYTES], np.uint8)
        opened = (letters == ord("{")) | (letters == ord("["))
        closed = (letters == ord("}")) | (letters == ord("]"))
        depths = depth + np.cumsum(opened.astype(np.int64) - closed)
        depth = int(depths[-1])
        deepest = max(deepest, int(depths.max()))
    return deepest


def require_small_archive(name: str, content: bytes) -> None:
    """Raises BadConfiguration for a zip file that is much smaller than what it holds. Other files are left to their reader."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size_bytes = sum(member.file_size for member in archive.infolist())
    except zipfile.BadZipFile:
        return
    require_small_member(name, size_bytes, len(content))


def require_small_member(name: str, size_bytes: int, packed_bytes: int) -> None:
    """Raises BadConfiguration if so many bytes of an archive take too few packed ones."""
    if size_bytes > max(SMALL_BYTES, MOST_EXPANSION * packed_bytes):
        raise BadConfiguration(
            f"the model {name} holds {size_bytes:,} bytes in {packed_bytes:,}, more than any model does; save it again"
        )
