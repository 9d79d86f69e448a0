"""The order of the rows of several files: by path, then as they stand in the file.

An engine packs files into partitions by their sizes, so the rows of a partition come in an order that means nothing.
The driver makes a `FileOrder` of the listed files; executors look up the rank of each row's piece of a file in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.records.locations import compute_file_keys, format_uri
from spark_model_monitor.statistics import Integers
from spark_model_monitor.statistics.states.row_counts import MAX_PLACES
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.storage import StoredFile

Ranks = Integers  # of each row: how many pieces of files come before its own


@value_class(eq=False)
class FileOrder:
    """The ranks of the pieces of several files.

    keys: of the files, sorted; a file has one for each spelling of its path.
    first_ranks: the rank of the first piece of each file.
    unit_bytes: the bytes of a file that share a rank.
    ranks: the number of ranks.
    """

    keys: Integers
    first_ranks: Ranks
    unit_bytes: int
    ranks: int

    @classmethod
    def from_files(cls, files: Sequence[StoredFile]) -> FileOrder | None:
        """The order of these files by their paths, in which numbers are compared as numbers; None of fewer than two."""
        if len(files) < 2:
            return None
        from spark_model_monitor.data.engine.local_files import format_input_name  # on the driver alone

        files = sorted(files, key=lambda file: _make_natural_sort_key(file.path))
        unit_bytes = max(1, partitions.MIN_PARTITION_BYTES // 2)  # no piece of a file that is cut has fewer
        sizes = np.array([file.size_bytes for file in files], np.int64)
        ends = np.cumsum(-(-sizes // unit_bytes))
        first_ranks = np.concatenate(([0], ends[:-1]))
        # Spark names a file in two ways: one for `input_file_name`, one for `_metadata.file_path`
        keys = np.array(
            compute_file_keys(
                [format_input_name(file.path) for file in files] + [format_uri(file.path) for file in files]
            )
        )
        keys, indices = np.unique(keys, return_index=True)
        return cls(keys, np.tile(first_ranks, 2)[indices], unit_bytes, int(ends[-1]))

    def rank_rows(self, file_keys: Integers, block_starts: Integers) -> Ranks | None:
        """The rank of each row; None if a row is of none of the files."""
        # Rows of one piece stand together, so few of them are looked up
        is_other = (file_keys[1:] != file_keys[:-1]) | (block_starts[1:] != block_starts[:-1])
        firsts = np.concatenate(([0], np.flatnonzero(is_other) + 1))
        keys = file_keys[firsts]
        indices = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        if (self.keys[indices] != keys).any():
            return None
        ranks = self.first_ranks[indices] + block_starts[firsts] // self.unit_bytes
        return np.repeat(ranks, np.diff(np.append(firsts, len(file_keys))))

    def scale_ranks(self, ranks: Ranks) -> Ranks:
        """The ranks as `encode_lot` takes them: fewer if there are more than it tells apart."""
        if self.ranks > MAX_PLACES:
            return ranks * MAX_PLACES // self.ranks
        return ranks


def _make_natural_sort_key(path: str) -> list[str | int]:
    """Its texts and numbers in turn: `day-9` comes before `day-10`."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split("([0-9]+)", path))]
