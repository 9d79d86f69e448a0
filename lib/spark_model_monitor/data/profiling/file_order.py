"""The order of the rows of several files: by path, then by their order in the file.

An engine packs files into partitions by their sizes, so the order of a partition's rows has no meaning. The driver makes a
`FileOrder` of the listed files, in which executors look up the rank of each row's piece of a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.records.locations import compute_file_keys, format_uri
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.states.row_counts import MAX_DISTINCT_PIECES
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.storage import StoredFile

Ranks = Integers  # for each row: the number of pieces of files that come before its piece


@value_class(eq=False)
class FileOrder:
    """The ranks of the pieces of several files.

    keys: the keys of the files, sorted; a file has a key for each spelling of its path.
    first_ranks: the rank of the first piece of each file.
    unit_bytes: the number of neighbouring bytes of a file that have the same rank.
    ranks: the number of different ranks.
    """

    keys: Integers
    first_ranks: Ranks
    unit_bytes: int
    ranks: int

    @classmethod
    def from_files(cls, files: Sequence[StoredFile]) -> FileOrder | None:
        """The order of these files by their paths, in which numbers are compared as numbers; None for fewer than two files."""
        if len(files) < 2:
            return None
        from spark_model_monitor.data.engine.local_files import format_input_name  # imported on the driver only

        files = sorted(files, key=lambda file: _make_natural_sort_key(file.path))
        unit_bytes = max(1, partitions.MIN_PARTITION_BYTES // 2)  # a file isn't cut into smaller pieces than this
        sizes = np.array([file.size_bytes for file in files], np.int64)
        rank_ends = np.cumsum(-(-sizes // unit_bytes))
        first_ranks = np.concatenate(([0], rank_ends[:-1]))
        # Spark spells a path in two ways: one in `input_file_name`, another in `_metadata.file_path`
        keys = np.array(
            compute_file_keys(
                [format_input_name(file.path) for file in files] + [format_uri(file.path) for file in files]
            )
        )
        keys, indices = np.unique(keys, return_index=True)
        return cls(keys, np.tile(first_ranks, 2)[indices], unit_bytes, int(rank_ends[-1]))

    def rank_rows(self, file_keys: Integers, block_starts: Integers) -> Ranks | None:
        """The rank of each row; None if a row belongs to none of the files."""
        # Rows of one piece are neighbours, so only the first of them is looked up
        is_new_piece = (file_keys[1:] != file_keys[:-1]) | (block_starts[1:] != block_starts[:-1])
        first_rows = np.concatenate(([0], np.flatnonzero(is_new_piece) + 1))
        keys = file_keys[first_rows]
        indices = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        if (self.keys[indices] != keys).any():
            return None
        ranks = self.first_ranks[indices] + block_starts[first_rows] // self.unit_bytes
        return np.repeat(ranks, np.diff(np.append(first_rows, len(file_keys))))

    def scale_ranks(self, ranks: Ranks) -> Ranks:
        """The ranks in the range that `encode_lot` can distinguish; several ranks become one if there are more."""
        if self.ranks > MAX_DISTINCT_PIECES:
            return ranks * MAX_DISTINCT_PIECES // self.ranks
        return ranks


def _make_natural_sort_key(path: str) -> list[str | int]:
    """The texts and numbers in a path, alternating, so that `day-9` comes before `day-10`."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split("([0-9]+)", path))]
