"""Sums over a scan's rows in 64 blocks: sums by name, and sums of regression errors. A row's block follows from its key's
hash.

A key has the same block wherever its row is, because a sum of doubles depends on how the rows are grouped. Runs on executors.
"""

from __future__ import annotations

import json
from dataclasses import field
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from spark_model_monitor.statistics import Doubles, Flags, Hashes, Integers
from spark_model_monitor.statistics.states.encoding import LARGEST_COUNT, Parameters, State, register_state
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.value_class import value_class

Keys: TypeAlias = Hashes  # shape (rows,), a hash of what identifies a row
Blocks: TypeAlias = Integers  # shape (rows,), the number of each row's block

BLOCKS = 64  # P17

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / phi, of splitmix64 (Steele, Lea and Flood 2014)
_MIX_MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)


def replace_keys_by_group(keys: Keys, names: pa.Array) -> Keys:
    """The hash of each row's group; the row's own key if it has no group."""
    has_name = names.is_valid().to_numpy(zero_copy_only=False)
    keys[has_name] = hash_texts(names.drop_null().cast(pa.string()))
    return keys


def assign_blocks(keys: Keys) -> Blocks:
    """The block of each row, from 0 to 63. Keys are mixed again, so that consecutive numbers are evenly distributed.

    Source: splitmix64, Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
    """
    mixed = keys.astype(np.uint64) + _GOLDEN_RATIO
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_MULTIPLIER_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_MULTIPLIER_2
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(58)).astype(np.int64)  # the upper 6 of 64 bits


@register_state
@value_class(eq=False)
class BlockSums(State):
    """Sums by name and block, shape (names, blocks)."""

    KIND = "block_sums"

    names: tuple[str, ...] = ()
    sums: Doubles = field(default_factory=lambda: np.zeros((0, BLOCKS)))

    @classmethod
    def zero(cls, names: tuple[str, ...]) -> BlockSums:
        """The sums of no rows."""
        return cls(names, np.zeros((len(names), BLOCKS)))

    def of(self, name: str) -> Doubles:
        """The sums called `name`, shape (blocks,)."""
        row: Doubles = self.sums[self.names.index(name)]
        return row

    def __add__(self, addend: BlockSums) -> BlockSums:
        """Exact for sums of whole numbers, else up to rounding, depending on the order of addition.

        Raises BadState if the names differ; empty sums leave the other side unchanged.
        """
        if not self.names or not addend.names:
            return self if self.names else addend
        self.require_same(addend, "names")
        return BlockSums(self.names, self.sums + addend.sums)

    def payload(self) -> tuple[Parameters, bytes]:
        """The doubles, grouped by name."""
        return {"names": json.dumps(self.names)}, self.sums.astype("<f8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> BlockSums:
        names = tuple(json.loads(parameters.get("names", "[]")))
        return cls(names, read_doubles(cls, payload, (len(names), BLOCKS)))

    def is_consistent(self) -> bool:
        # Only sums of rows are counts; their names have `rows` as one part
        row_counts = [sums for name, sums in zip(self.names, self.sums, strict=True) if "rows" in name.split(".")]
        return all(map(are_counts, row_counts))


def are_counts(sums: Doubles) -> bool:
    """Whether all of these doubles are valid row counts."""
    return bool(((sums >= 0) & (sums <= LARGEST_COUNT) & (sums == np.rint(sums))).all())


def read_doubles(state: type[State], payload: bytes, shape: tuple[int, ...]) -> Doubles:
    """The doubles of a payload in an array of this shape. Raises BadState if there are more or fewer."""
    state.require_size(payload, 8 * int(np.prod(shape)))
    return np.frombuffer(payload, "<f8").reshape(shape).astype(np.float64)


def add_by_block(blocks: Blocks, values: Doubles | Flags | None = None) -> Doubles:
    """The number of rows in each block, or the sum of their values, shape (blocks,)."""
    return np.bincount(blocks, values, minlength=BLOCKS).astype(np.float64)


def _create_sums() -> Doubles:
    return np.zeros(BLOCKS)


@register_state
@value_class(eq=False)
class RegressionSums(State):
    """Sums by block, each of shape (blocks,).

    rows: number of rows in the block.
    absolute, squared: sums of |label - prediction| and of its square.
    label_mean: mean of the labels; 0 without rows.
    label_m2: sum of the labels' squared deviations from their mean.
    absolute_label: sum of |label|.
    relative: sum of |label - prediction| / |label| over the `nonzero` rows whose label is not 0.
    """

    KIND = "regression"

    rows: Doubles = field(default_factory=_create_sums)
    absolute: Doubles = field(default_factory=_create_sums)
    squared: Doubles = field(default_factory=_create_sums)
    label_mean: Doubles = field(default_factory=_create_sums)
    label_m2: Doubles = field(default_factory=_create_sums)
    absolute_label: Doubles = field(default_factory=_create_sums)
    relative: Doubles = field(default_factory=_create_sums)
    nonzero: Doubles = field(default_factory=_create_sums)

    @classmethod
    def of(cls, labels: Doubles, predictions: Doubles, blocks: Blocks) -> RegressionSums:
        """The sums of rows, from finite numbers and the block of each."""
        with np.errstate(over="ignore", invalid="ignore"):  # sums of huge values become infinite
            errors = np.abs(labels - predictions)
            rows = add_by_block(blocks)
            means = add_by_block(blocks, labels) / np.maximum(rows, 1)  # a block without rows gets 0
            deviations = labels - means[blocks]
            is_nonzero = labels != 0
            relative = np.divide(errors, np.abs(labels), out=np.zeros_like(errors), where=is_nonzero)
            return cls(
                rows=rows,
                absolute=add_by_block(blocks, errors),
                squared=add_by_block(blocks, errors * errors),
                label_mean=means,
                label_m2=add_by_block(blocks, deviations * deviations),
                absolute_label=add_by_block(blocks, np.abs(labels)),
                relative=add_by_block(blocks, relative),
                nonzero=add_by_block(blocks, is_nonzero),
            )

    def __add__(self, addend: RegressionSums) -> RegressionSums:
        """Exact for rows, else up to rounding, depending on the order of addition.

        Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
        """
        with np.errstate(over="ignore", invalid="ignore"):
            rows = self.rows + addend.rows
            share = addend.rows / np.maximum(rows, 1)  # 0 where neither side has rows
            mean_difference = addend.label_mean - self.label_mean
            return self.add_members(
                addend,
                label_mean=np.where(self.rows == 0, addend.label_mean, self.label_mean + mean_difference * share),
                label_m2=self.label_m2 + addend.label_m2 + mean_difference * mean_difference * self.rows * share,
            )

    def is_consistent(self) -> bool:
        return len(self.rows) == BLOCKS and are_counts(self.rows) and are_counts(self.nonzero)
