"""Where the files behind lines stand in the order of all files. Pure; executors import this module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.records.locations import keys_of, places_among, uri_of

if TYPE_CHECKING:
    from model_monitor.merging.sources import HourlyFile


@dataclass(frozen=True, slots=True, eq=False)
class FilePlaces:
    """Where the files of a source stand, by the key that their lines come with. Pure; executors look at it.

    keys: sorted, shape (spellings,). ranks: the file behind each key. uris, branches, hours: of the files, by their rank;
    an hour is null of a file in no hour's folder.
    """

    keys: NDArray[np.int64]
    ranks: NDArray[np.int32]
    uris: pa.StringArray
    branches: pa.Int32Array
    hours: pa.Int64Array

    @classmethod
    def of(cls, files: Sequence[HourlyFile], branches: Sequence[str]) -> FilePlaces:
        """branches: by their own numbers."""
        number = {branch: index for index, branch in enumerate(branches)}
        uris = [uri_of(file.file.path) for file in files]
        spelled = [(spelling, rank) for rank, uri in enumerate(uris) for spelling in spellings_of(uri)]
        keys = np.array(keys_of([spelling for spelling, _ in spelled]), np.int64)
        order = np.argsort(keys, kind="stable")
        return cls(
            keys[order],
            np.array([rank for _, rank in spelled], np.int32)[order],
            pa.array(uris, pa.string()),
            pa.array([number.get(file.branch, 0) for file in files], pa.int32()),
            pa.array([file.hour for file in files], pa.int64()),
        )

    def listed(self, lines: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Int32Array]:
        """The lines of files that were listed, and the rank of each; a file that came after the listing is passed over."""
        places, known = places_among(self.keys, lines)
        if not known.all():
            lines, places = lines.filter(pa.array(known)), places[known]
        return lines, pa.array(self.ranks[places], pa.int32())


def spellings_of(uri: str) -> tuple[str, ...]:
    """What `input_file_name()` may call a file: where no host is named, Spark writes one slash or three."""
    scheme, slashes, path = uri.partition(":/")
    return (uri,) if not slashes or path.startswith("/") else (uri, f"{scheme}:///{path}")
