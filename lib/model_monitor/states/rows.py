"""What is counted of a scan's rows as a whole: kept, refused by reason, and matching a caller's predicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, require_equal, unpack


@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of one scan. refused: rows not kept, by reason. matches: kept rows for which each predicate is true."""

    KIND: ClassVar[str] = "rows"
    VERSION: ClassVar[int] = 1

    kept: int = 0
    refused: tuple[int, ...] = ()
    matches: tuple[int, ...] = ()

    @classmethod
    def zero(cls, *, reasons: int, predicates: int) -> RowCounts:
        """The counts of no rows, of which so many reasons and predicates are counted."""
        return cls(0, (0,) * reasons, (0,) * predicates)

    @property
    def total(self) -> int:
        """All rows, kept or refused."""
        return self.kept + sum(self.refused)

    def __add__(self, other: RowCounts) -> RowCounts:
        """Raises BadState if the numbers of reasons or of predicates differ."""
        require_equal(self.KIND, "the number of reasons", len(self.refused), len(other.refused))
        require_equal(self.KIND, "the number of predicates", len(self.matches), len(other.matches))
        return RowCounts(
            self.kept + other.kept,
            tuple(mine + theirs for mine, theirs in zip(self.refused, other.refused, strict=True)),
            tuple(mine + theirs for mine, theirs in zip(self.matches, other.matches, strict=True)),
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: 64-bit integers, kept rows first."""
        parameters = {"reasons": len(self.refused), "predicates": len(self.matches)}
        numbers = np.array([self.kept, *self.refused, *self.matches], dtype="<i8")
        return pack(self.KIND, self.VERSION, parameters, numbers.tobytes())

    @classmethod
    def from_bytes(cls, blob: bytes) -> RowCounts:
        """The counts that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        reasons, predicates = parameters["reasons"], parameters["predicates"]
        size = 8 * (1 + reasons + predicates)
        if len(payload) != size:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes; it has to have {size}")
        kept, *counts = np.frombuffer(payload, "<i8").tolist()
        return cls(kept, tuple(counts[:reasons]), tuple(counts[reasons:]))
