"""Runs of neighbouring rows of a column: of a large data set some short stretches, from places all over it.

They show how much a column varies between parts of the data, where rows that belong together lie together. Which runs are kept
is drawn by lot, evenly over partitions; a sum keeps `MOST_RUNS` of both sides. Runs on executors.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, unpack
from model_monitor.states.kinds import registered
from model_monitor.states.parts import joined, split

MOST_RUNS = 32
"""Of a data set. Source: D4.8."""

FEWEST_ROWS = 8
"""Of a run. Source: D4.8."""

_HEAD = struct.Struct("<dqq")


@dataclass(frozen=True, slots=True)
class Run:
    """Some neighbouring rows. lot: the runs with the smallest ones are kept. rows: how many.

    numbers: the present cells as doubles; empty if not all of them are numbers. hashes: of the present cells of a text column.
    """

    lot: float
    rows: int
    numbers: bytes = b""
    hashes: bytes = b""

    def values(self, *, numeric: bool) -> NDArray[np.float64] | NDArray[np.uint64]:
        """The present cells in their order, as numbers or as what tells texts apart."""
        return np.frombuffer(self.numbers, np.float64) if numeric else np.frombuffer(self.hashes, np.uint64)


@registered
@dataclass(frozen=True, slots=True)
class RowRuns:
    """The runs of a column, by their lots."""

    KIND: ClassVar[str] = "row_runs"
    VERSION: ClassVar[int] = 1

    runs: tuple[Run, ...] = ()

    def __add__(self, other: RowRuns) -> RowRuns:
        """Those with the smallest lots."""
        both = sorted({*self.runs, *other.runs}, key=lambda run: (run.lot, run.rows, run.numbers, run.hashes))
        return RowRuns(tuple(both[:MOST_RUNS]))

    def to_bytes(self) -> bytes:
        """The state's bytes: of each run its lot, its rows, how many numbers there are, numbers, hashes."""
        parts = (_HEAD.pack(run.lot, run.rows, len(run.numbers) // 8) + run.numbers + run.hashes for run in self.runs)
        return pack(self.KIND, self.VERSION, {}, joined(parts))

    @classmethod
    def from_bytes(cls, blob: bytes) -> RowRuns:
        """The runs that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        runs = []
        for part in split(cls.KIND, unpack(blob, cls.KIND, cls.VERSION)[1]):
            lot, rows, numbers = _HEAD.unpack_from(part)
            end = _HEAD.size + 8 * numbers
            if not 0 <= numbers <= rows or len(part) - end not in range(0, 8 * rows + 1, 8):
                raise BadState(f"state bytes: a part of {cls.KIND!r} has other values than rows")
            runs.append(Run(lot, rows, part[_HEAD.size : end], part[end:]))
        return cls(tuple(runs))
