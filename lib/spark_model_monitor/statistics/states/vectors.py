"""Moments of vectors of one length: of each component, and of a few random projections (directions) chosen by a hash.

Projections shorten long vectors and still add: they move if many components move a little, or if their correlations
change. Source: Achlioptas 2003, "Database-friendly random projections".
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics.states.encoding import Parameters, State, registered
from spark_model_monitor.statistics.states.hashing import PRIME_1, mixed

Numbers: TypeAlias = NDArray[np.float64]

DIRECTIONS = 32
MOST_COMPONENTS = 4096
# in place of a length: several lengths, or too long
SEVERAL = MOST_COMPONENTS + 1
TOO_LONG = MOST_COMPONENTS + 2
LARGEST = 1e100  # a vector with a larger element is left out: squares must not overflow
# vectors taken together, numbers of neighbours whose means are compared
BLOCK = 256
STRETCHES = (32, 256, 2048)


@registered
@dataclass(frozen=True, slots=True, eq=False)
class VectorMoments(State):
    """The mean and the sum of squared deviations of several quantities of vectors of one length.

    width: their length; 0 without vectors; SEVERAL or TOO_LONG if nothing else is known. unfit: vectors left out, with
    missing, non-numeric or huge elements. moments: shape (1 + 2 Q,), rows, then means and squared deviations of Q
    quantities: each component, its absolute value, each direction's absolute value, each direction. together: shape
    (K, K), products of directions' deviations. stretches: shape (3, 1 + 2 K), likewise for means over neighbours.
    """

    KIND: ClassVar[str] = "vector_moments"

    width: int = 0
    unfit: int = 0
    moments: Numbers = field(default_factory=lambda: np.zeros(0))
    together: Numbers = field(default_factory=lambda: np.zeros((0, 0)))
    stretches: Numbers = field(default_factory=lambda: np.zeros((len(STRETCHES), 0)))

    @property
    def count(self) -> int:
        """The number of vectors analysed."""
        if len(self.moments):
            return int(self.moments[0])
        return 0

    def __add__(self, other: VectorMoments) -> VectorMoments:
        unfit = self.unfit + other.unfit
        if not self.width or not other.width:
            mine = self if self.width else other
            return VectorMoments(mine.width, unfit, mine.moments, mine.together, mine.stretches)
        if self.width != other.width or self.width > MOST_COMPONENTS:
            return VectorMoments(SEVERAL if self.width != other.width else self.width, unfit)
        n = self.moments[0]
        m = other.moments[0]
        size = len(self.together)
        middle = (len(self.moments) + 1) // 2
        apart = (other.moments[:middle] - self.moments[:middle])[-size:]
        return VectorMoments(
            self.width,
            unfit,
            _sum(self.moments, other.moments),
            self.together + other.together + np.outer(apart, apart) * (n * m / (n + m)),
            np.stack([_sum(*pair) for pair in zip(self.stretches, other.stretches, strict=True)]),
        )

    def mean_and_variance(self) -> tuple[Numbers, Numbers]:
        """The mean and the variance of each quantity."""
        mean, squares = np.split(self.moments[1:], 2)
        return mean, squares / max(self.count - 1, 1)

    def payload(self) -> tuple[Parameters, bytes]:
        """Moments, products and stretches as doubles, row by row."""
        numbers = np.concatenate([self.moments, self.together.ravel(), self.stretches.ravel()])
        return {"unfit": self.unfit, "width": self.width}, (numbers + 0.0).astype("<f8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> VectorMoments:
        width = parameters["width"]
        unfit = parameters["unfit"]
        numbers = np.frombuffer(payload, "<f8").astype(np.float64)
        if not 0 < width <= MOST_COMPONENTS:
            return cls(width, unfit, numbers)
        size = min(DIRECTIONS, width)
        ends = np.cumsum([1 + 4 * (width + size), size * size])
        moments, together, stretches = np.split(numbers, ends)
        return cls(width, unfit, moments, together.reshape(size, size), stretches.reshape(len(STRETCHES), 1 + 2 * size))

    def contradiction(self) -> str | None:
        if not 0 < self.width <= MOST_COMPONENTS:
            if len(self.moments) or self.width > TOO_LONG:
                return "it has numbers and no length"
            return None
        numbers = np.concatenate([self.moments, self.together.ravel(), self.stretches.ravel()])
        counts = [self.moments[0], *self.stretches[:, 0]]
        sound = np.isfinite(numbers).all() and all(count >= 0 and count == int(count) for count in counts)
        if sound and self.moments[0] > 0:
            return None
        return "its numbers are none"


def _sum(left: Numbers, right: Numbers) -> Numbers:
    """Rows, means and squared deviations of both sides together, as in `moments._merged`."""
    n = left[0]
    m = right[0]
    if not n or not m:
        return right if m else left
    (mean, squares), (others, more) = np.split(left[1:], 2), np.split(right[1:], 2)
    apart = others - mean
    return np.concatenate([[n + m], mean + apart * (m / (n + m)), squares + more + apart * apart * (n * m / (n + m))])


def _of_rows(rows: Numbers) -> Numbers:
    """Rows, means and squared deviations. rows: shape (rows, Q)."""
    if not len(rows):
        return np.zeros(1 + 2 * rows.shape[1])
    mean = rows.sum(axis=0) / len(rows)
    return np.concatenate([[len(rows)], mean, ((rows - mean) ** 2).sum(axis=0)])


@lru_cache(8)
def directions(width: int) -> Numbers:
    """The projection matrix for a length, shape (width, K): signs, of equal norm; short vectors are not projected."""
    if width <= DIRECTIONS:
        return np.identity(width)
    places = np.arange(1, width * DIRECTIONS + 1, dtype=np.uint64) * PRIME_1
    signs: Numbers = (mixed(places) >> np.uint64(63)).astype(np.float64) * 2 - 1
    return signs.reshape(width, DIRECTIONS) / math.sqrt(width)


class VectorMomentsBuilder:
    """Computes moments of vectors, in blocks of equal size whatever the sizes of the calls."""

    def __init__(self) -> None:
        self._found = VectorMoments()
        self._waiting: list[Numbers] = []
        self._stretch: list[Numbers] = []  # means of the blocks of the longest unfinished stretch

    def update(self, elements: Numbers, lengths: NDArray[np.int32]) -> None:
        """Take vectors. elements: those of all vectors, concatenated; NaN where missing."""
        if not len(lengths):
            return
        width = int(lengths[0])
        several = bool((lengths != width).any()) or self._found.width not in (0, width)
        if several:
            known = SEVERAL
        elif width > MOST_COMPONENTS:
            known = TOO_LONG
        else:
            known = width
        if not 0 < known <= MOST_COMPONENTS:
            self._found = self._found + VectorMoments(known)
            self._waiting = []
            return
        rows: Numbers = elements.reshape(-1, width)
        fit = (np.abs(rows) <= LARGEST).all(axis=1)
        self._found += VectorMoments(unfit=int((~fit).sum()))
        if not fit.all():
            rows = rows[fit]
        if not len(rows):
            return
        if not self._found.width:
            self._found = VectorMoments(width, self._found.unfit)
        else:
            self._found = self._found
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= BLOCK:
            rows = np.concatenate(self._waiting)
            whole = len(rows) // BLOCK * BLOCK
            for start in range(0, whole, BLOCK):
                self._take(rows[start : start + BLOCK])
            self._waiting = [rows[whole:].copy()]

    def state(self) -> VectorMoments:
        """The moments of all vectors so far."""
        if self._waiting and len(rest := np.concatenate(self._waiting)):
            self._take(rest)
        self._waiting = []
        is_empty = 0 < self._found.width <= MOST_COMPONENTS and not self._found.count
        if is_empty:
            return VectorMoments(unfit=self._found.unfit)
        return self._found

    def _take(self, rows: Numbers) -> None:
        along = rows @ directions(rows.shape[1])
        quantities = np.concatenate([rows, np.abs(rows), np.abs(along), along], axis=1)
        moments = _of_rows(quantities)
        mean = moments[1 : 1 + quantities.shape[1]][-along.shape[1] :]
        stretches = [_of_rows(_means(along, stretch)) for stretch in STRETCHES[:2]]
        if len(rows) == BLOCK:
            self._stretch.append(mean)
        longest = np.zeros((0, len(mean)))
        if len(self._stretch) * BLOCK == STRETCHES[2]:
            longest = np.mean(self._stretch, axis=0)[None]
            self._stretch = []
        stretches.append(_of_rows(longest))
        apart = along - mean
        # for one component, numpy's own sum: the result of BLAS depends on memory alignment
        if along.shape[1] > 1:
            together = apart.T @ apart
        else:
            together = (apart**2).sum(axis=0)[None]
        block = VectorMoments(rows.shape[1], 0, moments, together, np.stack(stretches))
        unfit = VectorMoments(unfit=self._found.unfit)
        if self._found.count:
            self._found = self._found + block
        else:
            self._found = unfit + block


def _means(along: Numbers, stretch: int) -> Numbers:
    whole = len(along) // stretch
    found: Numbers = along[: whole * stretch].reshape(whole, stretch, along.shape[1]).mean(axis=1)
    return found
