"""The locations of records: columns with line, file and block, and numbers that stand for files, since paths are long.
Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from spark_model_monitor.statistics import Flags, Integers
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.value_class import value_class

LINE = "__line"
FILE = "__file"
BLOCK_START = "__block_start"
"""The columns with a line, its file, and the byte offset of the block of the file in which Spark read the line."""

FILE_KEY = "__file_key"  # a number for the file (`compute_file_keys`)

MAX_RECORD_BYTES = 256 * 2**20
"""The default maximum number of bytes of a record's line, without its line end."""

LOCATION_COLUMNS = (LINE, FILE, BLOCK_START)
LOCATION_FIELDS = (pa.field(LINE, pa.string()), pa.field(FILE, pa.string()), pa.field(BLOCK_START, pa.int64()))

KEY_FOLDERS = 6
"""The number of folders above a file whose names are kept: enough for its hour (`windows.HOUR_FOLDER`)."""

NOT_IN_A_URI = re.compile(r"[\x00-\x20\x7f\"#%<>?\[\]\\^`{|}]")
"""Characters that Java percent-encodes in the path of a URI; it leaves non-ASCII letters unchanged."""

_NO_PATH = pa.StringArray.from_buffers(1, pa.py_buffer(bytes(8)), pa.py_buffer(b""))
"""One empty text. `pa.array` would load pandas, which takes 0.2 s."""


@value_class(eq=False)
class FilesByKey:
    """The ends of files' paths, found by FILE_KEY, which is Spark's xxhash64 of the whole path.

    keys: sorted, shape (files,).
    paths: shape (files + 1,); the last path is empty and stands for unknown keys.
    """

    keys: Integers
    paths: pa.StringArray

    @classmethod
    def of(cls, paths: Sequence[str]) -> FilesByKey:
        """The files with these paths."""
        keys = np.array(compute_file_keys(paths), np.int64)
        order = np.argsort(keys, kind="stable")
        # The hour is in the last folders; whole paths would take much memory
        path_ends = ["/".join(paths[index].rsplit("/", KEY_FOLDERS)[-KEY_FOLDERS:]) for index in order.tolist()]
        return cls(keys[order], pa.array([*path_ends, ""], pa.string()))

    def get_paths(self, lines: pa.RecordBatch) -> pa.Array:
        """The path of each line's file; empty if the lines have no FILE_KEY, or if the key is unknown."""
        if FILE_KEY not in lines.schema.names:
            return pa.repeat("", lines.num_rows)
        indices, is_known = find_file_indices(self.keys, lines)
        # Unknown files get the last path, which is empty
        path_indices = np.where(is_known, indices, len(self.keys)).astype(np.int32)
        return pa.DictionaryArray.from_arrays(path_indices, self.paths)


def find_file_indices(keys: Integers, lines: pa.RecordBatch) -> tuple[Integers, Flags]:
    """The index of each line's FILE_KEY in sorted keys, and whether the keys contain it."""
    file_keys = lines.column(FILE_KEY).to_numpy()
    indices = np.searchsorted(keys, file_keys)
    # For a key larger than all others, searchsorted returns an index beyond the end
    has_index = indices < len(keys)
    is_known = np.zeros(len(file_keys), np.bool_)
    is_known[has_index] = keys[indices[has_index]] == file_keys[has_index]
    return indices, is_known


def select_file_columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    """FILE_KEY and BLOCK_START of rows (0 for whole files) by name; empty if the rows' files are unknown."""
    names = batch.schema.names
    if FILE_KEY in names:
        file_keys = batch.column(FILE_KEY)
    elif FILE in names:
        file_keys = pa.array(hash_texts(batch.column(FILE)).view(np.int64))
    else:
        return {}
    if BLOCK_START in names:
        block_starts = batch.column(BLOCK_START)
    else:
        block_starts = pa.repeat(0, batch.num_rows)
    return {FILE_KEY: file_keys, BLOCK_START: block_starts}


def compute_file_keys(paths: Sequence[str]) -> list[int]:
    """The `FILE_KEY` of files with these paths in Spark."""
    keys: list[int] = hash_texts(pa.array(paths, pa.string())).view(np.int64).tolist()
    return keys


def format_uri(path: str) -> str:
    """A listed path as Spark's `_metadata.file_path` spells it: with `%20` for a blank."""
    return NOT_IN_A_URI.sub(lambda match: f"%{ord(match[0]):02X}", path)


NO_FILES = FilesByKey(np.empty(0, np.int64), _NO_PATH)  # for readers that don't need a line's file
