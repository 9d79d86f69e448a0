"""Where a record stands: the columns with its file and line, and the files by a number, since a path is longer than many a
line. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.records.arrays import Flags
from model_monitor.statistics.states.hashing import xxhash64_of_texts

LINE = "__line"
FILE = "__file"
BLOCK_START = "__block_start"
"""A line, the file it is from, and the byte at which the block of that file begins that Spark read it in."""

MAX_RECORD_BYTES = 256 * 2**20
"""The longest line that is taken as a record, without its end, unless a job is told another size."""

FILE_KEY = "__file_key"  # a number for the file (`files_by_key`)

PLACES = (LINE, FILE, BLOCK_START)
PLACE_FIELDS = (pa.field(LINE, pa.string()), pa.field(FILE, pa.string()), pa.field(BLOCK_START, pa.int64()))

FOLDERS_KEPT = 6
"""Names from a path's end that are kept: enough for the hour that its folders name (`windows.HOUR_FOLDER`)."""

NOT_IN_A_URI = re.compile(r"[\x00-\x20\x7f\"#%<>?\[\]\\^`{|}]")
"""What Java percent-encodes in the path of a URI; it leaves letters beyond ASCII as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class FilesByKey:
    """Files' paths, cut to their last names, by Spark's xxhash64 of the whole paths.

    keys: sorted, shape (files,). paths: shape (files + 1,), of which the last, for a key that is not there, is empty.
    """

    keys: NDArray[np.int64]
    paths: pa.StringArray

    @classmethod
    def of(cls, paths: Sequence[str]) -> FilesByKey:
        keys = np.array(keys_of(paths), np.int64)
        order = np.argsort(keys, kind="stable")
        ends = ["/".join(paths[place].rsplit("/", FOLDERS_KEPT)[-FOLDERS_KEPT:]) for place in order.tolist()]
        return cls(keys[order], pa.array([*ends, ""], pa.string()))

    def behind(self, lines: pa.RecordBatch) -> pa.Array:
        """The path of each line's file; empty where the lines come without their FILE_KEY, or it is not known."""
        if FILE_KEY not in lines.schema.names:
            return pa.repeat("", lines.num_rows)
        places, known = places_among(self.keys, lines)
        return pa.DictionaryArray.from_arrays(np.where(known, places, len(self.keys)).astype(np.int32), self.paths)


def places_among(keys: NDArray[np.int64], lines: pa.RecordBatch) -> tuple[NDArray[np.int64], Flags]:
    """Where the FILE_KEY of each line stands among sorted keys, and whether it is there at all."""
    wanted = lines.column(FILE_KEY).to_numpy()
    places = np.searchsorted(keys, wanted)
    known = places < len(keys)
    known[known] = keys[places[known]] == wanted[known]
    return places, known


def keys_of(paths: Sequence[str]) -> list[int]:
    """The `FILE_KEY` of files that Spark calls so."""
    keys: list[int] = xxhash64_of_texts(pa.array(paths, pa.string())).view(np.int64).tolist()
    return keys


def uri_of(path: str) -> str:
    """A listed path as Spark's `_metadata.file_path` spells it."""
    return NOT_IN_A_URI.sub(lambda found: f"%{ord(found[0]):02X}", path)


_NO_PATH = pa.StringArray.from_buffers(1, pa.py_buffer(bytes(8)), pa.py_buffer(b""))
"""One empty text. `pa.array` loads pandas, which takes a command 0.2 s."""

NO_FILES = FilesByKey(np.empty(0, np.int64), _NO_PATH)  # where nobody asks for a line's file
