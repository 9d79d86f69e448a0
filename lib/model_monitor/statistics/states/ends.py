"""What is exact where sketches and bounded counts are not: a column's smallest and largest numbers, and how long its texts are.

A window has them before anybody knows the bounds that it will be compared with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.statistics.states.encoding import Parameters, State, registered
from model_monitor.statistics.states.moments import Values

KEPT = 64
"""Values of each end. Fewer of them show that a window of m rows has what n rows before it had not, unless it is four times as
large: (m / (n + m))^64 is below one in a million then."""

LONGEST = 61  # characters of all longer texts: of what is above 256 bytes a scan has 60 characters and a hash


@registered
@dataclass(frozen=True, slots=True, eq=False)
class Ends(State):
    """The `KEPT` smallest finite numbers and as many of the largest, equal ones each for itself; both ascending."""

    KIND: ClassVar[str] = "ends"
    VERSION: ClassVar[int] = 1

    smallest: Values = field(default_factory=lambda: np.empty(0))
    largest: Values = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, values: Values) -> Ends:
        """The ends of finite values."""
        few = values if len(values) <= KEPT else np.partition(values, (KEPT - 1, len(values) - KEPT))
        return cls(np.sort(few[:KEPT] + 0.0), np.sort(few[-KEPT:] + 0.0))  # -0.0 becomes 0.0, whichever came first

    def and_of(self, values: Values) -> Ends:
        """The ends with those of more finite values, of which few are further out than all that are kept."""
        if len(self.smallest) == KEPT:
            values = values[(values < self.smallest[-1]) | (values > self.largest[0])]
        return self + Ends.of(values) if len(values) else self

    def beyond(self, below: float, above: float) -> tuple[int, bool]:
        """How many numbers lie outside; and whether those are all of them, as no end has more than are kept."""
        low, high = int((self.smallest < below).sum()), int((self.largest > above).sum())
        return low + high, max(low, high) < KEPT

    def __add__(self, other: Ends) -> Ends:
        low, high = (self.smallest, other.smallest), (self.largest, other.largest)
        return Ends(np.sort(np.concatenate(low))[:KEPT], np.sort(np.concatenate(high))[-KEPT:])

    def payload(self) -> tuple[Parameters, bytes]:
        """The smallest, then the largest."""
        return {}, np.concatenate((self.smallest, self.largest)).astype("<f8").tobytes()

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> Ends:
        smallest, largest = np.frombuffer(payload, "<f8").astype(np.float64).reshape(2, -1)
        return cls(smallest, largest)

    def contradiction(self) -> str | None:
        low, high = self.smallest, self.largest
        are_whole = np.array_equal(low, high) if len(low) < KEPT else len(low) == KEPT and bool((low <= high).all())
        rise = all(bool((np.diff(side) >= 0).all() and np.isfinite(side).all()) for side in (low, high))
        return None if are_whole and rise else "they are no ends"


@registered
@dataclass(frozen=True, slots=True)
class TextLengths(State):
    """How many texts have each length in characters; 61 of those that are longer, too."""

    KIND: ClassVar[str] = "text_lengths"
    VERSION: ClassVar[int] = 1

    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: pa.Array, counts: NDArray[np.int64] | None = None) -> TextLengths:
        """The lengths of texts without null. counts: how often each occurs; once if absent."""
        are_ascii = pc.all(pc.string_is_ascii(texts)).as_py()  # then where they begin tells it
        lengths = np.minimum((pc.binary_length if are_ascii else pc.utf8_length)(texts).to_numpy(), LONGEST)
        found = np.bincount(lengths, counts, minlength=1).astype(np.int64)
        return cls({int(length): int(found[length]) for length in np.flatnonzero(found)})

    def __add__(self, other: TextLengths) -> TextLengths:
        lengths = sorted(self.counts.keys() | other.counts.keys())
        return TextLengths({each: self.counts.get(each, 0) + other.counts.get(each, 0) for each in lengths})

    def payload(self) -> tuple[Parameters, bytes]:
        """Of each length that occurs itself and its count, ascending."""
        return {}, np.array(sorted(self.counts.items()), dtype="<i8").tobytes()

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> TextLengths:
        lengths, counts = np.frombuffer(payload, "<i8").reshape(-1, 2).T.tolist()
        return cls(dict(zip(lengths, counts, strict=True))) if len({*lengths}) == len(lengths) else cls({-1: 0})

    def contradiction(self) -> str | None:
        are_lengths = all(0 <= length <= LONGEST and count for length, count in self.counts.items())
        return None if are_lengths else "a length occurs twice, never, or is none"
