"""How much of a data set repeats: a bounded sample of the different rows, or values, that the same hash chooses everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.states.distinct import Hashes, told_apart
from model_monitor.statistics.states.encoding import Parameters, State, registered

KEPT = 2048  # different hashes, at most
BITS = 53  # of a hash that count; a count of ours has no more
GIVEN_UP = BITS + 1  # the level at which none is kept
MOSTLY = 0.5  # the share of different ones below which nobody wants to know

R = TypeVar("R", bound="Repeats")


@registered
@dataclass(frozen=True, slots=True, eq=False)
class Repeats(State):
    """The different hashes below 2^53 / 2^level, ascending, and how often each occurs: all of them while they are few.

    Whether a hash is kept depends on itself and the level alone, and the level on the different hashes alone: states add in
    any order. Source: Flajolet 1990, "On adaptive sampling".
    """

    KIND: ClassVar[str] = "repeats"

    level: int = 0
    hashes: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    counts: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))

    def and_of(self: R, hashes: Hashes, counts: NDArray[np.int64] | None = None) -> R:
        """The same with those of more values. counts: how often each of the hashes occurs; once if absent."""
        if self.level == GIVEN_UP:
            return self
        if self.level:
            kept = hashes < np.uint64(_limit(self.level) << (64 - BITS))
            hashes, counts = hashes[kept], None if counts is None else counts[kept]
        found = (hashes >> np.uint64(64 - BITS)).astype(np.int64)
        return self._with(found, np.ones(len(hashes), np.int64) if counts is None else counts)

    def __add__(self: R, other: R) -> R:
        low, high = sorted((self, other), key=lambda each: each.level)
        kept = low.hashes < _limit(high.level)
        return high._with(low.hashes[kept], low.counts[kept]) if high.level < GIVEN_UP else high

    @property
    def different(self) -> int:
        """How many different ones are kept."""
        return len(self.hashes)

    @property
    def repeated(self) -> int:
        """How many of them occur more than once."""
        return int((self.counts > 1).sum())

    def _with(self: R, hashes: NDArray[np.int64], counts: NDArray[np.int64]) -> R:
        found, places = told_apart(np.concatenate((self.hashes, hashes)))
        sums = np.bincount(places, np.concatenate((self.counts, counts)), minlength=len(found)).astype(np.int64)
        level = self.level
        while len(found) > KEPT:  # ascending: what stays comes first
            level += 1
            found = found[: int(found.searchsorted(_limit(level)))]
        return type(self)(level, found, sums[: len(found)])

    def payload(self) -> tuple[Parameters, bytes]:
        """The hashes, then the counts, as 64-bit integers."""
        return {"level": self.level}, np.concatenate((self.hashes, self.counts)).astype("<i8").tobytes()

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> Repeats:
        hashes, counts = np.frombuffer(payload, "<i8").astype(np.int64).reshape(2, -1)
        return cls(parameters.get("level", 0), hashes, counts)

    def contradiction(self) -> str | None:
        rise = bool((self.hashes[1:] > self.hashes[:-1]).all()) and bool((self.counts > 0).all())
        limits = self.level <= GIVEN_UP and len(self.hashes) <= KEPT
        below = not len(self.hashes) or (self.level < GIVEN_UP and int(self.hashes[-1]) < _limit(self.level))
        return None if rise and limits and below else "they are no hashes of its level"


@registered
@dataclass(frozen=True, slots=True, eq=False)
class RowRepeats(Repeats):
    """The same of whole rows; the first feature has it."""

    KIND: ClassVar[str] = "row_repeats"


@registered
@dataclass(frozen=True, slots=True, eq=False)
class Words(Repeats):
    """The same of the words in texts of several, in small letters: which there are, and how often."""

    KIND: ClassVar[str] = "words"

    def new_in(self, other: Words) -> tuple[tuple[int, int], tuple[int, int]]:
        """Of the words that both sides would have kept those that stand here once, of how many; those of the other side that
        stand nowhere here, of how many. As many as stand once are likely to be new. Source: Good 1953, "The population
        frequencies of species".
        """
        limit = _limit(max(self.level, other.level))
        (known, often), (words, counts) = (
            (each.hashes[each.hashes < limit], each.counts[each.hashes < limit]) for each in (self, other)
        )
        new = int(counts[~np.isin(words, known)].sum())
        return (int((often == 1).sum()), int(often.sum())), (new, int(counts.sum()))


class RepeatsBuilder:
    """Repeats that wait until there are many. Gives up where most values are no new ones."""

    def __init__(self, of: type[Repeats] = Repeats) -> None:
        self._of, self._found = of, of()
        self._waiting: list[tuple[Hashes, NDArray[np.int64] | None]] = []
        self._waits = 0

    def give_up(self) -> None:
        """Keep nothing, whatever comes."""
        self._waiting, self._found = [], self._of(GIVEN_UP)

    def update(self, hashes: Hashes, counts: NDArray[np.int64] | None = None) -> None:
        """Take values; counts as `Repeats.and_of` has them."""
        if self._found.level == GIVEN_UP:
            return
        self._waiting.append((hashes, counts))
        self._waits += len(hashes)
        if self._waits >= KEPT:
            self._look()

    def state(self) -> Repeats:
        """Those of all values so far."""
        self._look()
        return self._found

    def _look(self) -> None:
        for hashes, counts in self._waiting:
            self._found = self._found.and_of(hashes, counts)
        self._waiting, self._waits = [], 0
        if self._found.different < MOSTLY * int(self._found.counts.sum()):
            self.give_up()


def _limit(level: int) -> int:
    """The first hash that is not kept."""
    return 1 << (BITS - level) if level <= BITS else 0
