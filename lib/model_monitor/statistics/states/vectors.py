"""What is counted of a column of arrays or vectors: their lengths, and how many elements are null or NaN."""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.states.encoding import pack, registered, unpack, unpack_numbers

_NUMBERS = struct.Struct("<7q")


@registered
@dataclass(frozen=True, slots=True)
class VectorCounts:
    """Counts of one column's vectors. missing: null vectors. shortest, longest: lengths; 0 if there are no vectors."""

    KIND: ClassVar[str] = "vectors"
    VERSION: ClassVar[int] = 1

    vectors: int = 0
    missing: int = 0
    elements: int = 0
    null_elements: int = 0
    nan_elements: int = 0
    shortest: int = 0
    longest: int = 0

    @classmethod
    def of(
        cls, lengths: NDArray[Any], null_elements: NDArray[Any], nan_elements: NDArray[Any], *, missing: int = 0
    ) -> VectorCounts:
        """The counts of present vectors, from one number per vector each, shape (vectors,), and of `missing` others."""
        if not len(lengths):
            return cls(missing=missing)
        return cls(
            vectors=len(lengths),
            missing=missing,
            elements=int(lengths.sum(dtype=np.int64)),
            null_elements=int(null_elements.sum(dtype=np.int64)),
            nan_elements=int(nan_elements.sum(dtype=np.int64)),
            shortest=int(lengths.min()),
            longest=int(lengths.max()),
        )

    def __add__(self, other: VectorCounts) -> VectorCounts:
        return VectorCounts(
            vectors=self.vectors + other.vectors,
            missing=self.missing + other.missing,
            elements=self.elements + other.elements,
            null_elements=self.null_elements + other.null_elements,
            nan_elements=self.nan_elements + other.nan_elements,
            shortest=min((counts.shortest for counts in (self, other) if counts.vectors), default=0),
            longest=max(self.longest, other.longest),
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: seven 64-bit integers."""
        return pack(self.KIND, self.VERSION, {}, _NUMBERS.pack(*astuple(self)))

    @classmethod
    def from_bytes(cls, blob: bytes) -> VectorCounts:
        """The counts that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        _, payload = unpack(blob, cls.KIND, cls.VERSION)
        return cls(*unpack_numbers(cls.KIND, _NUMBERS, payload))

    def fault(self) -> str | None:
        """What keeps bytes from being counts, beyond their members' types."""
        undefined = self.null_elements + self.nan_elements
        return (
            None if undefined <= self.elements and self.shortest <= self.longest else "its counts contradict each other"
        )
