"""Sums of doubles depend on how they are grouped: of values in blocks of 4,096, of rows in 64 blocks by each row's key. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from model_monitor.errors import BadState
from model_monitor.statistics.states.encoding import MOST, pack, registered, require_equal, unpack

Values: TypeAlias = NDArray[np.float64]  # shape (values,)

BLOCK_VALUES = 4096  # P1


class ValueBlocks:
    """Values in arrival order, cut into blocks whatever the sizes of the calls."""

    def __init__(self) -> None:
        self._pending: Values = np.empty(BLOCK_VALUES)
        self._size = 0

    def cut(self, values: Values) -> Iterator[Values]:
        """Every block that these values complete, each to be used before the next one is asked for."""
        taken, total = 0, len(values)
        while taken < total:
            if not self._size and total - taken >= BLOCK_VALUES:
                yield values[taken : taken + BLOCK_VALUES]
                taken += BLOCK_VALUES
                continue
            step = min(BLOCK_VALUES - self._size, total - taken)
            end = self._size + step
            self._pending[self._size : end] = values[taken : taken + step]
            self._size = end % BLOCK_VALUES
            taken += step
            if end == BLOCK_VALUES:
                yield self._pending

    @property
    def rest(self) -> Values:
        """The values behind the last block."""
        return self._pending[: self._size]


# Sums of the rows of a scan in 64 blocks, by the hash of each row's key.


Keys: TypeAlias = NDArray[np.uint64]  # shape (rows,), a hash of what identifies a row
Blocks: TypeAlias = NDArray[np.int64]  # shape (rows,), the number of each row's block
Numbers: TypeAlias = NDArray[np.float64]

BLOCKS = 64  # P17

_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / phi, of splitmix64 (Steele, Lea and Flood 2014)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def blocks_of(keys: Keys) -> Blocks:
    """The block of each row, from 0 to 63. Mixed once more, so that keys that are merely numbered fall evenly too.

    Source: splitmix64, Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators".
    """
    mixed = keys.astype(np.uint64) + _GOLDEN_RATIO
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(58)).astype(np.int64)


@registered
@dataclass(frozen=True, slots=True, eq=False)
class BlockSums:
    """Sums by name and block, shape (names, blocks)."""

    KIND: ClassVar[str] = "block_sums"
    VERSION: ClassVar[int] = 1

    names: tuple[str, ...] = ()
    sums: Numbers = field(default_factory=lambda: np.zeros((0, BLOCKS)))

    @classmethod
    def zero(cls, names: tuple[str, ...]) -> BlockSums:
        """The sums of no rows."""
        return cls(names, np.zeros((len(names), BLOCKS)))

    def of(self, name: str) -> Numbers:
        """The sums called `name`, shape (blocks,)."""
        row: Numbers = self.sums[self.names.index(name)]
        return row

    def __add__(self, other: BlockSums) -> BlockSums:
        """Exact for sums of whole numbers, else up to rounding, in the order of adding.

        Raises BadState if the names differ; sums of nothing at all leave the other side as it is.
        """
        if not self.names or not other.names:
            return self if self.names else other
        require_equal(self.KIND, "names", ", ".join(self.names), ", ".join(other.names))
        return BlockSums(self.names, self.sums + other.sums)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BlockSums) and self.to_bytes() == other.to_bytes()

    def to_bytes(self) -> bytes:
        """The state's bytes: doubles, those of a name together."""
        return pack(self.KIND, self.VERSION, {"names": json.dumps(self.names)}, self.sums.astype("<f8").tobytes())

    @classmethod
    def from_bytes(cls, blob: bytes) -> BlockSums:
        """The sums that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        names = tuple(json.loads(parameters.get("names", "[]")))
        return cls(names, doubles(cls.KIND, payload, (len(names), BLOCKS)))

    def fault(self) -> str | None:
        """What keeps bytes from being sums, beyond their members' types."""
        if not all(isinstance(name, str) for name in self.names):
            return "a name is no text"
        counted = [sums for name, sums in zip(self.names, self.sums, strict=True) if "rows" in name.split(".")]
        return None if all(map(are_counts, counted)) else "a block has no number of rows"


def are_counts(sums: Numbers) -> bool:
    """Whether all of these doubles are numbers of rows."""
    return bool(((sums >= 0) & (sums <= MOST) & (sums == np.rint(sums))).all())


def doubles(kind: str, payload: bytes, shape: tuple[int, ...]) -> Numbers:
    """The doubles of a payload in an array of this shape.

    Raises BadState if there are more or fewer.
    """
    size = 8 * int(np.prod(shape))
    if len(payload) != size:
        raise BadState(f"state bytes: the payload of {kind!r} has {len(payload)} bytes; it has to have {size}")
    return np.frombuffer(payload, "<f8").reshape(shape).astype(np.float64)


def summed(blocks: Blocks, values: NDArray[Any] | None = None) -> Numbers:
    """How many rows each block has, or the sum of a value of theirs, shape (blocks,)."""
    return np.bincount(blocks, values, minlength=BLOCKS).astype(np.float64)
