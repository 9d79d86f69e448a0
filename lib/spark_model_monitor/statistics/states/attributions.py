"""Attributions of a model's outputs to features, summed over rows in 64 blocks, with a sketch of each feature's values.

Runs on executors; pure numpy.
"""

from __future__ import annotations

import json
from dataclasses import field, replace

import numpy as np

from spark_model_monitor.statistics import Doubles, create_empty_doubles
from spark_model_monitor.statistics.states.blocks import (
    BLOCKS,
    Keys,
    add_by_block,
    are_counts,
    assign_blocks,
    read_doubles,
)
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    join_parts,
    register_state,
    require_equal,
    split_parts,
)
from spark_model_monitor.statistics.states.kll import KllBuilder, KllSketch
from spark_model_monitor.value_class import value_class

SIGNED, ABSOLUTE, SQUARED = range(3)  # what is summed: the value, its absolute value, its square


@register_state
@value_class(eq=False)
class Attributions(State):
    """Sums of the local values of features for outputs.

    baseline: the rows that the attributions are relative to, as CSV.
    aggregation: how global values are computed from local ones.
    expected: the outputs for the baseline rows.
    rows: number of rows in each block.
    sums: shape (3, outputs, features, blocks); the first axis is SIGNED, ABSOLUTE, SQUARED.
    sketches: the distribution of the values, by output and feature.
    exact: number of rows for which all coalitions were tried.
    group_column: the column whose groups are assigned to blocks as a whole; empty if single rows are.
    """

    KIND = "attributions"

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    aggregation: str = ""
    baseline: str = ""
    expected: Doubles = field(default_factory=create_empty_doubles)
    rows: Doubles = field(default_factory=lambda: np.zeros(BLOCKS))
    sums: Doubles = field(default_factory=lambda: np.zeros((3, 0, 0, BLOCKS)))
    sketches: tuple[KllSketch, ...] = ()
    exact: int = 0
    group_column: str = ""

    def __add__(self, addend: Attributions) -> Attributions:
        """Exact for rows, else up to rounding, by order of addition; empty attributions leave the other side unchanged.

        Raises BadState if features, outputs or the baseline rows differ.
        """
        if not self.features or not addend.features:
            return self if self.features else addend
        self.require_same(addend, "features", "outputs", "aggregation", "baseline", "group_column")
        require_equal(self.KIND, "expected", self.expected.tolist(), addend.expected.tolist())
        return replace(
            self,
            rows=self.rows + addend.rows,
            sums=self.sums + addend.sums,
            sketches=tuple(first + second for first, second in zip(self.sketches, addend.sketches, strict=True)),
            exact=self.exact + addend.exact,
        )

    def payload(self) -> tuple[Parameters, bytes]:
        """Names as JSON, then doubles (expected, rows, sums), then each sketch."""
        names = json.dumps([self.features, self.outputs, self.aggregation, self.baseline], ensure_ascii=False)
        numbers = np.concatenate([self.expected, self.rows, self.sums.reshape(-1)]).astype("<f8").tobytes()
        parts = [names.encode(), numbers, *(sketch.to_bytes() for sketch in self.sketches)]
        optional_parameters = {}
        if self.group_column:
            optional_parameters = {"group_column": self.group_column}
        return {"exact": self.exact, **optional_parameters}, join_parts(parts)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Attributions:
        name_bytes, number_bytes, *sketches = split_parts(payload)
        features, outputs, aggregation, baseline = json.loads(name_bytes)
        # Expected outputs, rows and sums follow each other in one array of doubles
        shape = (3, len(outputs), len(features), BLOCKS)
        numbers = read_doubles(cls, number_bytes, (len(outputs) + BLOCKS + int(np.prod(shape)),))
        expected, rows, sums = np.split(numbers, [len(outputs), len(outputs) + BLOCKS])
        # The members in the order of the class
        members = (tuple(features), tuple(outputs), aggregation, baseline, expected, rows, sums.reshape(shape))
        values = tuple(map(KllSketch.from_bytes, sketches))
        return cls(*members, values, parameters["exact"], parameters.get("group_column", ""))

    def is_consistent(self) -> bool:
        are_named = all(isinstance(name, str) for name in (*self.features, *self.outputs))
        have_sketches = len(self.sketches) == len(self.features) * len(self.outputs)
        are_finite = bool(np.isfinite(self.sums).all() and np.isfinite(self.expected).all())
        return are_named and have_sketches and are_finite and are_counts(self.rows)

    @property
    def count(self) -> int:
        """The number of all rows."""
        return int(self.rows.sum())


class AttributionsBuilder:
    """Sums the local values of a partition's rows. empty: the attributions of no rows, from which the builder starts."""

    def __init__(self, empty: Attributions) -> None:
        self._empty = empty
        self._rows = np.zeros(BLOCKS)
        self._sums = np.zeros((3, len(empty.outputs), len(empty.features), BLOCKS))
        self._sketches = [KllBuilder() for _ in range(len(empty.features) * len(empty.outputs))]
        self._exact = 0

    def update(self, values: Doubles, keys: Keys, exact: int) -> None:
        """Take the local values of rows, shape (rows, outputs, features). keys: determine the block of each row."""
        blocks = assign_blocks(keys)
        self._rows += add_by_block(blocks)
        for index, column in enumerate(np.ascontiguousarray(values.reshape(len(values), -1).T)):
            sums = self._sums.reshape(3, -1, BLOCKS)[:, index]  # a view: additions change the whole array
            for statistic, terms in ((SIGNED, column), (ABSOLUTE, np.abs(column)), (SQUARED, column * column)):
                sums[statistic] += add_by_block(blocks, terms)
            self._sketches[index].update(column)
        self._exact += exact

    def state(self) -> Attributions:
        """The attributions of all rows so far."""
        sketches = tuple(sketch.state() for sketch in self._sketches)
        return replace(self._empty, rows=self._rows, sums=self._sums, sketches=sketches, exact=self._exact)
