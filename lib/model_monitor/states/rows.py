"""What is counted of a scan's rows as a whole: kept, refused by reason, and matching a caller's predicates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from model_monitor.errors import BadState
from model_monitor.states.encoding import pack, require_equal, unpack
from model_monitor.states.kinds import registered


@registered
@dataclass(frozen=True, slots=True)
class RowCounts:
    """Rows of one scan. refused: rows not kept, by reason. matches: kept rows for which each predicate is true.

    widths: (number of cells, records with so many cells), by number of cells; empty unless the scan was asked for it.
    newest: the latest time of a kept row, in microseconds since 1970; 0 if nobody knows.
    """

    KIND: ClassVar[str] = "rows"
    VERSION: ClassVar[int] = 2

    kept: int = 0
    refused: tuple[int, ...] = ()
    matches: tuple[int, ...] = ()
    widths: tuple[tuple[int, int], ...] = ()
    newest: int = 0

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
            _added(self.widths, other.widths),
            max(self.newest, other.newest),
        )

    def to_bytes(self) -> bytes:
        """The state's bytes: 64-bit integers, kept rows first, pairs of widths last."""
        parameters = {"reasons": len(self.refused), "predicates": len(self.matches), "widths": len(self.widths)}
        if self.newest:
            parameters["newest"] = self.newest
        pairs = [number for pair in self.widths for number in pair]
        numbers = np.array([self.kept, *self.refused, *self.matches, *pairs], dtype="<i8")
        return pack(self.KIND, self.VERSION, parameters, numbers.tobytes())

    @classmethod
    def from_bytes(cls, blob: bytes) -> RowCounts:
        """The counts that `to_bytes` wrote.

        Raises BadState naming what is wrong with the bytes.
        """
        parameters, payload = unpack(blob, cls.KIND, cls.VERSION)
        reasons, predicates, widths = (parameters.get(name, 0) for name in ("reasons", "predicates", "widths"))
        size = 8 * (1 + reasons + predicates + 2 * widths)
        if len(payload) != size:
            raise BadState(f"state bytes: the payload of {cls.KIND!r} has {len(payload)} bytes; it has to have {size}")
        kept, *counts = np.frombuffer(payload, "<i8").tolist()
        matches, pairs = counts[reasons : reasons + predicates], counts[reasons + predicates :]
        return cls(
            kept,
            tuple(counts[:reasons]),
            tuple(matches),
            tuple(zip(pairs[::2], pairs[1::2], strict=True)),
            parameters.get("newest", 0),
        )


def _added(mine: tuple[tuple[int, int], ...], theirs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    total = Counter(dict(mine))
    total.update(dict(theirs))
    return tuple(sorted(total.items()))
