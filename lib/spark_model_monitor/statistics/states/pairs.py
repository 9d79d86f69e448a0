"""Dependence between columns: counts of rows for the pairs and relations of columns that a baseline selected."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import field
from typing import Any

import numpy as np

from spark_model_monitor.statistics.states.encoding import Parameters, State, register_state
from spark_model_monitor.value_class import value_class


@register_state
@value_class
class Pairs(State):
    """Counts for the pairs and relations whose first column is this feature; the keys are those of
    `data.profiling.pair_scan`.

    An association has the number of rows of each pair of cells, in row-major order of the table. A relation has two counts:
    the rows to which it applies, and the rows that break it. A baseline counts a sample of its rows, a window counts all.
    """

    KIND = "pairs"

    counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, counts: Mapping[str, tuple[int, ...]]) -> Pairs:
        return cls(dict(sorted(counts.items())))

    def __add__(self, addend: Pairs) -> Pairs:
        """Add counts by key. If only one side counted something, that count is kept."""
        sums = dict(self.counts)
        for key, counts in addend.counts.items():
            if key in sums:
                counts = tuple(a + b for a, b in zip(sums[key], counts, strict=True))
            sums[key] = counts
        return Pairs.of(sums)

    def payload(self) -> tuple[Parameters, bytes]:
        """For each key the number of its counts, then all counts as 64-bit integers."""
        numbers = [number for counts in self.counts.values() for number in counts]
        sizes = [[key, len(counts)] for key, counts in self.counts.items()]
        return {"counted": sizes}, np.array(numbers, "<i8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Pairs:
        numbers = np.frombuffer(payload, "<i8").tolist()
        counts: dict[str, tuple[int, ...]] = {}
        start = 0
        for key, size in parameters.get("counted", ()):
            counts[key] = tuple(numbers[start : start + size])
            start += size
        cls.require_size(payload, 8 * start)
        return cls.of(counts)

    def is_consistent(self) -> bool:
        return all(is_valid(json.loads(key), len(counts)) for key, counts in self.counts.items())


def is_valid(relation: Mapping[str, Any], num_counts: int) -> bool:
    """Whether a relation that was read has the number of columns and counts that its kind needs."""
    columns = relation["columns"]
    # A relation without cells has two counts, and two columns; a sum or a product has three
    if "cells" not in relation:
        return num_counts == 2 and 2 <= len(columns) <= 3
    return len(columns) == 2 and num_counts == math.prod(map(count_cells, relation["cells"]))


def count_cells(cells: Mapping[str, Any]) -> int:
    """The number of cells of one column: one per interval between cuts or per listed value, plus one for missing or other
    values.
    """
    if "cuts" in cells:
        return len(cells["cuts"]) + 2
    return len(cells["values"]) + 2
