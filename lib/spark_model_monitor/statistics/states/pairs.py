"""Dependence between columns: counts of each kind of row, for pairs or relations that a baseline selected."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from spark_model_monitor.statistics.states.encoding import Parameters, State, register_state
from spark_model_monitor.value_class import value_class


@register_state
@value_class
class Pairs(State):
    """Rows by kind, for pairs and relations that begin with this feature; the keys are those of `data.profiling.pair_scan`.

    For an association: the rows of each pair of cells, row by row of the table. For a relation: the rows it applies to,
    and those that break it. A baseline counts a sample of its rows, a window counts all.
    """

    KIND = "pairs"

    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Mapping[str, tuple[int, ...]]) -> Pairs:
        return cls(dict(sorted(counts.items())))

    def __add__(self, addend: Pairs) -> Pairs:
        """If one side has not counted something, the other side's count is kept."""
        counts_by_key = dict(self.counts)
        for key, counts in addend.counts.items():
            mine = counts_by_key.get(key, (0,) * len(counts))
            counts_by_key[key] = tuple(a + b for a, b in zip(mine, counts, strict=True))
        return Pairs.of(counts_by_key)

    def payload(self) -> tuple[Parameters, bytes]:
        """The number of counts of each, then all counts as 64-bit integers."""
        numbers = [number for counts in self.counts.values() for number in counts]
        sizes = [[key, len(counts)] for key, counts in self.counts.items()]
        return {"counted": sizes}, np.array(numbers, "<i8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Pairs:
        numbers = np.frombuffer(payload, "<i8").tolist()
        counts: dict[str, tuple[int, ...]] = {}
        for key, size in parameters.get("counted", ()):
            counts[key] = tuple(numbers[:size])
            numbers = numbers[size:]
        if not numbers:
            return cls.of(counts)
        return cls({"": (-1,)})

    def is_consistent(self) -> bool:
        return all(is_valid(json.loads(key), len(counts)) for key, counts in self.counts.items())


def is_valid(key: Any, numbers: int) -> bool:
    """Whether a key that was read is valid and has this many numbers."""
    columns = key["columns"]
    if "cells" not in key:
        return numbers == 2 and 2 <= len(columns) <= 3
    return len(columns) == 2 and numbers == int(np.prod([count_cells(cells) for cells in key["cells"]]))


def count_cells(cells: Mapping[str, Any]) -> int:
    """The number of a column's cells: between its cuts, or its values and all others; plus one for missing values."""
    if "cuts" in cells:
        return len(cells["cuts"]) + 2
    return len(cells["values"]) + 2
