"""Moments of vectors of equal length: of each component, and of a few random projections. A hash chooses the directions.

Projections make long vectors short and still add. They move if many components move a little, or if correlations of
components change. Source: Achlioptas 2003, "Database-friendly random projections".
"""

from __future__ import annotations

import math
from dataclasses import field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, create_empty_doubles
from spark_model_monitor.statistics.states.encoding import Parameters, State, register_state
from spark_model_monitor.statistics.states.hashing import PRIME_1, mix_bits
from spark_model_monitor.value_class import value_class

DIRECTIONS = 32
MAX_COMPONENTS = 4096
# Values of `width` that aren't lengths: vectors had different lengths, or were too long
SEVERAL = MAX_COMPONENTS + 1
TOO_LONG = MAX_COMPONENTS + 2
MAX_ELEMENT = 1e100  # a vector with a larger element is left out, because its square could overflow
# Number of vectors processed together; numbers of neighbours over which means are compared
BLOCK_VECTORS = 256
STRETCHES = (32, 256, 2048)


@register_state
@value_class(eq=False)
class VectorMoments(State):
    """Means and sums of squared deviations of several quantities of vectors with one length.

    width: length of the vectors; 0 without vectors; SEVERAL or TOO_LONG if nothing else is known.
    unfit: number of vectors that were left out, because an element is missing, no number or huge.
    moments: shape (1 + 2 Q,), number of rows, then Q means and Q sums of squared deviations. The Q quantities are each
        component, its absolute value, each projection's absolute value, each projection.
    together: shape (K, K), sums of products of the projections' deviations.
    stretches: shape (3, 1 + 2 K), the same as moments, for means of the K projections over neighbours.
    """

    KIND = "vector_moments"

    width: int = 0
    unfit: int = 0
    moments: Doubles = field(default_factory=create_empty_doubles)
    together: Doubles = field(default_factory=lambda: np.zeros((0, 0)))
    stretches: Doubles = field(default_factory=lambda: np.zeros((len(STRETCHES), 0)))

    @property
    def count(self) -> int:
        """The number of vectors that were analysed."""
        if len(self.moments):
            return int(self.moments[0])
        return 0

    def __add__(self, addend: VectorMoments) -> VectorMoments:
        unfit = self.unfit + addend.unfit
        if not self.width or not addend.width:
            nonempty = self if self.width else addend
            return VectorMoments(nonempty.width, unfit, nonempty.moments, nonempty.together, nonempty.stretches)
        if self.width != addend.width or self.width > MAX_COMPONENTS:
            return VectorMoments(SEVERAL if self.width != addend.width else self.width, unfit)
        rows = self.moments[0]
        added_rows = addend.moments[0]
        size = len(self.together)
        mean_end = (len(self.moments) + 1) // 2
        mean_difference = (addend.moments[:mean_end] - self.moments[:mean_end])[-size:]
        between_products = np.outer(mean_difference, mean_difference) * (rows * added_rows / (rows + added_rows))
        return VectorMoments(
            self.width,
            unfit,
            _merge_moments(self.moments, addend.moments),
            self.together + addend.together + between_products,
            np.stack([_merge_moments(*pair) for pair in zip(self.stretches, addend.stretches, strict=True)]),
        )

    def mean_and_variance(self) -> tuple[Doubles, Doubles]:
        """The mean and the sample variance of each quantity."""
        mean, squares = np.split(self.moments[1:], 2)
        return mean, squares / max(self.count - 1, 1)

    def payload(self) -> tuple[Parameters, bytes]:
        """Moments, products and stretches as doubles, in row-major order."""
        numbers = np.concatenate([self.moments, self.together.ravel(), self.stretches.ravel()])
        return {"unfit": self.unfit, "width": self.width}, (numbers + 0.0).astype("<f8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> VectorMoments:
        width = parameters["width"]
        unfit = parameters["unfit"]
        numbers = np.frombuffer(payload, "<f8").astype(np.float64)
        if not 0 < width <= MAX_COMPONENTS:
            return cls(width, unfit, numbers)
        size = min(DIRECTIONS, width)
        ends = np.cumsum([1 + 4 * (width + size), size * size])
        moments, products, stretches = np.split(numbers, ends)
        return cls(width, unfit, moments, products.reshape(size, size), stretches.reshape(len(STRETCHES), 1 + 2 * size))

    def is_consistent(self) -> bool:
        if not 0 < self.width <= MAX_COMPONENTS:
            return not len(self.moments) and self.width <= TOO_LONG
        are_finite = all(np.isfinite(numbers).all() for numbers in (self.moments, self.together, self.stretches))
        counts = [self.moments[0], *self.stretches[:, 0]]
        return are_finite and all(count >= 0 and count == int(count) for count in counts) and bool(counts[0] > 0)


def _merge_moments(first: Doubles, second: Doubles) -> Doubles:
    """Number of rows, means and squared deviations of both sides together, by the formula of `moments._merge_totals`."""
    n = first[0]
    m = second[0]
    if not n or not m:
        return second if m else first
    mean, squares = np.split(first[1:], 2)
    second_mean, second_squares = np.split(second[1:], 2)
    difference = second_mean - mean
    total_squares = squares + second_squares + difference * difference * (n * m / (n + m))
    return np.concatenate([[n + m], mean + difference * (m / (n + m)), total_squares])


def _compute_moments(rows: Doubles) -> Doubles:
    """Number of rows, means and squared deviations. rows: shape (rows, Q)."""
    if not len(rows):
        return np.zeros(1 + 2 * rows.shape[1])
    mean = rows.sum(axis=0) / len(rows)
    return np.concatenate([[len(rows)], mean, ((rows - mean) ** 2).sum(axis=0)])


@lru_cache(8)
def directions(width: int) -> Doubles:
    """The projection matrix for vectors of this length, shape (width, K): random signs, columns of norm 1. Short vectors
    are not projected.
    """
    if width <= DIRECTIONS:
        return np.identity(width)
    numbers = np.arange(1, width * DIRECTIONS + 1, dtype=np.uint64) * PRIME_1
    signs: Doubles = (mix_bits(numbers) >> np.uint64(63)).astype(np.float64) * 2 - 1
    return signs.reshape(width, DIRECTIONS) / math.sqrt(width)


class VectorMomentsBuilder:
    """Computes moments of vectors in blocks of equal size, whatever the sizes of the calls."""

    def __init__(self) -> None:
        self._moments = VectorMoments()
        self._pending: list[Doubles] = []
        self._block_means: list[Doubles] = []  # means of the blocks in the longest stretch that isn't complete yet

    def update(self, elements: Doubles, lengths: NDArray[np.int32]) -> None:
        """Take vectors. elements: the elements of all vectors, concatenated; NaN for a missing element. lengths: one per
        vector.
        """
        if not len(lengths):
            return
        width = int(lengths[0])
        if (lengths != width).any() or self._moments.width not in (0, width):
            width = SEVERAL
        elif width > MAX_COMPONENTS:
            width = TOO_LONG
        if not 0 < width <= MAX_COMPONENTS:
            self._moments += VectorMoments(width)
            self._pending = []
            return
        # Leave out vectors with missing elements, or whose squares would overflow
        rows: Doubles = elements.reshape(-1, width)
        is_usable = (np.abs(rows) <= MAX_ELEMENT).all(axis=1)
        self._moments += VectorMoments(unfit=int((~is_usable).sum()))
        if not is_usable.all():
            rows = rows[is_usable]
        if not len(rows):
            return
        if not self._moments.width:
            self._moments = VectorMoments(width, self._moments.unfit)
        self._pending.append(rows)
        if sum(map(len, self._pending)) >= BLOCK_VECTORS:
            rows = np.concatenate(self._pending)
            num_taken = len(rows) // BLOCK_VECTORS * BLOCK_VECTORS
            for start in range(0, num_taken, BLOCK_VECTORS):
                self._add_block(rows[start : start + BLOCK_VECTORS])
            self._pending = [rows[num_taken:].copy()]

    def state(self) -> VectorMoments:
        """The moments of all vectors so far."""
        if self._pending and len(remaining_rows := np.concatenate(self._pending)):
            self._add_block(remaining_rows)
        self._pending = []
        is_empty = 0 < self._moments.width <= MAX_COMPONENTS and not self._moments.count
        if is_empty:
            return VectorMoments(unfit=self._moments.unfit)
        return self._moments

    def _add_block(self, rows: Doubles) -> None:
        projections = rows @ directions(rows.shape[1])
        quantities = np.concatenate([rows, np.abs(rows), np.abs(projections), projections], axis=1)
        moments = _compute_moments(quantities)
        mean = moments[1 : 1 + quantities.shape[1]][-projections.shape[1] :]
        # Means over neighbours: their variance shows whether neighbouring rows depend on each other
        stretches = [_compute_moments(_compute_means(projections, stretch)) for stretch in STRETCHES[:2]]
        if len(rows) == BLOCK_VECTORS:
            self._block_means.append(mean)
        longest_means = np.zeros((0, len(mean)))
        if len(self._block_means) * BLOCK_VECTORS == STRETCHES[2]:
            longest_means = np.mean(self._block_means, axis=0)[None]
            self._block_means = []
        stretches.append(_compute_moments(longest_means))
        deviations = projections - mean
        # For one component numpy's own sum is used, because the result of BLAS depends on memory alignment
        if projections.shape[1] > 1:
            products = deviations.T @ deviations
        else:
            products = (deviations**2).sum(axis=0)[None]
        block = VectorMoments(rows.shape[1], 0, moments, products, np.stack(stretches))
        unfit = VectorMoments(unfit=self._moments.unfit)
        if self._moments.count:
            self._moments = self._moments + block
        else:
            self._moments = unfit + block


def _compute_means(projections: Doubles, stretch: int) -> Doubles:
    num_stretches = len(projections) // stretch
    means: Doubles = (
        projections[: num_stretches * stretch].reshape(num_stretches, stretch, projections.shape[1]).mean(axis=1)
    )
    return means
