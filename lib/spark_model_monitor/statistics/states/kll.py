"""KLL sketches: the distribution of a numeric feature in a few thousand numbers, equal to the sketch that Deequ would keep.

A sketch is a list of levels; an item of level h stands for 2^h values. Values enter level 0 in arrival order; when all
levels together exceed their capacity, the lowest full level is sorted and every second item moves up one level.
Nothing is random, so one partition in file order gives Deequ's sketch bit for bit, as published by the service.
`KllBuilder` takes values on executors; `KllSketch` is the finished state, added and queried on the driver. Pure numpy.

Source: QuantileNonSample and NonSampleCompactor of Deequ 2.1.0 (Apache-2.0); Karnin, Lang and Liberty 2016, "Optimal
quantile approximation in streams".
"""

from __future__ import annotations

import functools
import itertools
import math
import struct
from collections.abc import Callable, Iterable, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

import numpy as np

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics import Doubles, Hashes, Integers
from spark_model_monitor.statistics.states.encoding import (
    LARGEST_COUNT,
    Parameters,
    State,
    get_number_size,
    is_count,
    pack_numbers,
    register_state,
    require_equal,
    unpack_numbers,
)
from spark_model_monitor.value_class import value_class

Values: TypeAlias = Doubles  # shape (values,), finite

SKETCH_SIZE = 2048  # the default k of the service's documents (G5)
SHRINKING_FACTOR = 0.64  # the default c of the service's documents (G5)
MAX_SKETCH_SIZE = 2**16  # maximum k of sketches that are read: each level allocates this many items in advance
MAX_LEVELS = 54  # an item of the highest level stands for more values than can exist
BUCKETS = 10  # number of buckets of every distribution in statistics.json (C4.1)

_NEGATIVE_ZERO_BITS = np.int64(-(2**63))

_LEVEL_HEADER = struct.Struct("<QQB")  # length, compactions, offset


@value_class
class HistogramBin:
    """A range of values [lower_bound, upper_bound) and the number of values in it; the last bucket includes its upper bound."""

    lower_bound: float
    upper_bound: float
    count: int


@register_state
@value_class(eq=False)
class KllSketch(State):
    """A finished sketch.

    levels: the items of each level; an item of level h has weight 2^h. Level 0 is in arrival order.
    compactions: the number of compactions of each level.
    offsets: 0 or 1: the offset at which each level's last selection of every second item began.
    k, c: sketch size and shrinking factor.
    """

    KIND = "kll"
    VERSION = 2

    levels: tuple[Values, ...] = field(default_factory=lambda: (np.empty(0),))
    compactions: tuple[int, ...] = (0,)
    offsets: tuple[int, ...] = (0,)
    k: int = SKETCH_SIZE
    c: float = SHRINKING_FACTOR
    _cdf: list[tuple[Values, Integers]] = field(default_factory=list, init=False, repr=False)
    # A cache, because every window asks for the same quantiles of the baseline
    _quantiles: dict[float, float] = field(default_factory=dict, init=False, repr=False)

    @property
    def count(self) -> int:
        """The exact number of values in the sketch: compactions keep the total weight."""
        # An item of level h stands for 2^h values
        return sum(len(level) << height for height, level in enumerate(self.levels))

    @property
    def error(self) -> float:
        """An upper bound, found by measurement, of a rank's error as a share of `count`; 0 before any compaction. Source:
        D1b.
        """
        if len(self.levels) == 1:
            return 0.0
        doublings = math.log2(self.count * self.k / (4096 * 2048))
        return 0.00035 * (2048 / self.k) * max(1.0, doublings)

    def step_cdf(self) -> tuple[Values, Integers]:
        """The distinct items in order, and the number of values at or below each; the last number is `count`.

        Source: D1a (weights of equal items are added up).
        """
        if not self._cdf:
            items = np.concatenate(self.levels)
            # Zeros of both signs compare equal and must keep their order, so their sort has to be stable; the default sort
            # is faster
            kind: Literal["stable"] | None = "stable" if _count_negative_zeros(items) else None
            if len(self.levels) == 1:
                items = np.sort(items, kind=kind)
                last = find_last_equals(items)
                cumulative = last + 1
            else:
                weights = np.left_shift(1, np.arange(len(self.levels), dtype=np.int64))
                order = np.argsort(items, kind=kind)
                items = items[order]
                last = find_last_equals(items)
                cumulative = np.cumsum(np.repeat(weights, [*map(len, self.levels)])[order])[last]
            self._cdf.append((items[last], cumulative))
        return self._cdf[0]

    def quantile(self, share: float) -> float:
        """The smallest item that at least `share` (0 to 1) of all values are less than or equal to; NaN without values."""
        if share not in self._quantiles:
            values, cumulative = self.step_cdf()
            self._quantiles[share] = math.nan
            if len(values):
                index = int(cumulative.searchsorted(share * cumulative[-1]))
                self._quantiles[share] = float(values[min(index, len(values) - 1)])
        return self._quantiles[share]

    def buckets(self, minimum: float, maximum: float, *, as_deequ: bool = False) -> list[HistogramBin]:
        """Ten buckets of equal width from `minimum` to `maximum` (of the data, exact); none for an empty sketch.

        Counts are differences of the sketch's ranks and add up to `count`: the last bucket has the maximum, also where
        rounding puts its bound below it. as_deequ: lose the maximum there, as Deequ does. A constant feature has all
        its mass in the last bucket.
        Source: C4.1, G4 and G5.
        """
        cdf = self.step_cdf()
        if not len(cdf[0]):
            return []
        bounds = _compute_bounds(minimum, maximum)
        ranks = count_ranks(cdf, bounds, "left")
        if as_deequ:
            maximum_bound = bounds[-1]
        else:
            maximum_bound = max(bounds[-1], maximum)
        ranks[-1] = count_ranks(cdf, [maximum_bound], "right")[0]  # the last bucket is closed
        counts = np.diff(ranks)
        return [HistogramBin(*edge) for edge in zip(bounds[:-1], bounds[1:], counts.tolist(), strict=True)]

    def __add__(self, addend: KllSketch) -> KllSketch:
        """Deequ's merge, whose result depends on the order; an empty sketch is neutral. Raises BadState if k or c differ."""
        return self.add_all([addend])

    def add_all(self, addends: Iterable[KllSketch]) -> KllSketch:
        """The sum with all addends in turn, in one builder. This avoids the copies that `self + first + second + …` would
        make.

        Raises BadState if k or c differ.
        """
        builder = None
        for addend in addends:
            if builder is None:
                builder = KllBuilder(self.k, self.c)
                builder.merge(self)
            builder.merge(addend)
        return builder.state() if builder else self

    def payload(self) -> tuple[Parameters, bytes]:
        """For each level its length, compactions and offset; then all items (see `pack_numbers`)."""
        level_sizes = zip(map(len, self.levels), self.compactions, self.offsets, strict=True)
        headers = itertools.starmap(_LEVEL_HEADER.pack, level_sizes)
        parameters, items = pack_numbers(np.concatenate(self.levels))
        return {"k": self.k, "c": self.c, **parameters}, b"".join((bytes([len(self.levels)]), *headers, items))

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> KllSketch:
        k = parameters["k"]
        c = parameters["c"]
        # Check before memory is allocated
        if not is_count(k, MAX_SKETCH_SIZE) or not k or not isinstance(c, float) or not 0 < c <= 1:
            raise BadState(
                f"state bytes: a {cls.KIND!r} has no sketch size from 1 to {MAX_SKETCH_SIZE} and a factor from 0 to 1"
            )
        # The items follow the number of levels and a header for each level
        items_start = 1 + payload[0] * _LEVEL_HEADER.size
        lengths, compactions, offsets = zip(*_LEVEL_HEADER.iter_unpack(payload[1:items_start]), strict=True)
        cls.require_size(payload, items_start + get_number_size(parameters) * sum(lengths))
        items = unpack_numbers(parameters, payload[items_start:])
        ends = itertools.accumulate(lengths, initial=0)
        return cls(tuple(items[start:end] for start, end in itertools.pairwise(ends)), compactions, offsets, k, c)

    def is_consistent(self) -> bool:
        if len(self.levels) > MAX_LEVELS or self.count > LARGEST_COUNT or set(self.offsets) - {0, 1}:
            return False
        return all(np.isfinite(level).all() for level in self.levels)


class KllBuilder:
    """Builds a sketch block by block. The result does not depend on how values are split into blocks."""

    def __init__(self, k: int = SKETCH_SIZE, c: float = SHRINKING_FACTOR) -> None:
        self._k = k
        self._c = c
        self._levels: list[_Level] = []
        self._size = self._limit = 0  # the number of items in all levels, and its limit
        self._negative_zeros = False
        self._add_levels(1)

    def update(self, values: Values) -> None:
        """Take finite values in arrival order."""
        self._find_negative_zeros(values)
        position = 0
        total = len(values)
        while position < total:
            # Deequ compacts after the value that exceeds the limit, so values are appended only up to this value
            block_size = min(self._limit - self._size + 1, total - position)
            self._levels[0].append(values[position : position + block_size])
            self._size += block_size
            position += block_size
            if self._size > self._limit:
                self._compact_lowest()

    def merge(self, sketch: KllSketch) -> None:
        """Add a finished sketch, level by level, and compact while the levels are full.

        Raises BadState if k or c differ.
        """
        require_equal(KllSketch.KIND, "k", self._k, sketch.k)
        require_equal(KllSketch.KIND, "c", self._c, sketch.c)
        if not sketch.count:
            return
        was_empty = not self._size
        self._add_levels(len(sketch.levels))
        self._find_negative_zeros(np.concatenate(sketch.levels))
        for level, items in zip(self._levels, sketch.levels, strict=False):
            level.append(items)
            self._size += len(items)
        if was_empty:
            # Deequ would keep the counters of the empty sketch; taking the other sketch's counters makes the empty one
            # neutral
            for level, compactions, offset in zip(self._levels, sketch.compactions, sketch.offsets, strict=True):
                level.compactions = compactions
                level.offset = offset
            return
        while self._size >= self._limit:  # ≥ here but > in update, as in Deequ
            self._compact_lowest()

    def state(self) -> KllSketch:
        """The sketch of all values so far; later updates do not change it."""
        levels = tuple(level.items().copy() for level in self._levels)
        compactions = tuple(level.compactions for level in self._levels)
        return KllSketch(levels, compactions, tuple(level.offset for level in self._levels), self._k, self._c)

    def _compact_lowest(self) -> None:
        """Compact the lowest full level and no other level."""
        for height, level in enumerate(self._levels):
            if level.length >= level.capacity:
                self._add_levels(height + 2)
                self._size -= level.compact_into(self._levels[height + 1], self._choose_sort(height))
                return

    def _choose_sort(self, height: int) -> Callable[[Values], None]:
        """The in-place sort of a level. Items from the level below arrive in sorted runs, which numpy's stable sort
        merges quickly.
        """
        sort = _sort_signed_zeros if self._negative_zeros else np.ndarray.sort
        if height:
            return functools.partial(sort, kind="stable")
        return sort

    def _find_negative_zeros(self, values: Values) -> None:
        """Note whether there are negative zeros. Most features have none, and then the faster sort can be used."""
        if not self._negative_zeros:
            self._negative_zeros = _count_negative_zeros(np.ascontiguousarray(values)) > 0

    def _add_levels(self, height: int) -> None:
        for new in range(len(self._levels), height):
            self._levels.append(_Level(_compute_capacity(new, self._k, self._c)))
            self._limit += self._levels[new].capacity


class _Level:
    """One compactor: a growing buffer of which the first `length` items are in use."""

    __slots__ = ("buffer", "capacity", "compactions", "length", "offset")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer: Values = np.empty(capacity)
        self.length = self.compactions = self.offset = 0

    def items(self) -> Values:
        return self.buffer[: self.length]

    def append(self, items: Values) -> None:
        end = self.length + len(items)
        if end > len(self.buffer):
            grown = np.empty(max(end, 2 * len(self.buffer)))
            grown[: self.length] = self.buffer[: self.length]
            self.buffer = grown
        self.buffer[self.length : end] = items
        self.length = end

    def compact_into(self, next_level: _Level, sort: Callable[[Values], None]) -> int:
        """Sort the items, move every second item to the level above and keep an odd last item. Returns the decrease in the
        number of items.

        The odd item is the last that *arrived*, not the largest. Every second compaction starts at the other offset.
        """
        even_length = self.length - self.length % 2  # an odd last item stays in this level
        if self.compactions % 2 == 1:
            self.offset = 1 - self.offset
        items = self.buffer[:even_length]
        sort(items)
        next_level.append(items[self.offset :: 2])
        if even_length < self.length:
            self.buffer[0] = self.buffer[even_length]  # the odd item moves to the front
        self.length -= even_length
        self.compactions += 1
        return even_length // 2  # one item of each pair moved up


def find_last_equals(items: Values | Hashes) -> Integers:
    """The index of the last item in each run of equal items."""
    are_last = np.ones(len(items), bool)
    np.not_equal(items[1:], items[:-1], out=are_last[:-1])
    return are_last.nonzero()[0]


def _sort_signed_zeros(items: Values, kind: Literal["stable"] | None = None) -> None:
    """Sort in place, with -0.0 before 0.0 as in java.lang.Double.compare.

    numpy treats the two as equal, and its vectorised sort may even turn one into the other. So they are counted before the
    sort.
    """
    negative_zeros = _count_negative_zeros(items)
    items.sort(kind=kind)
    if negative_zeros:
        zeros = items[items.searchsorted(0.0) : items.searchsorted(0.0, side="right")]
        zeros[:negative_zeros] = -0.0
        zeros[negative_zeros:] = 0.0


def _count_negative_zeros(items: Values) -> int:
    return int(np.count_nonzero(items.view(np.int64) == _NEGATIVE_ZERO_BITS))


@functools.cache
def _compute_capacity(height: int, k: int, c: float) -> int:
    """The number of items at which a level is full: 2 (⌈k c^height / 2⌉ + 1). Source: QuantileNonSample.capacity of Deequ."""
    return 2 * (math.ceil(k * math.pow(c, height) / 2) + 1)


def _compute_bounds(minimum: float, maximum: float) -> list[float]:
    """The eleven edges, computed in the service's order of operations (G4: another order changes the last bits)."""
    width = maximum - minimum
    bounds = [minimum + width * i / 10.0 for i in range(BUCKETS)] + [minimum + width * BUCKETS / 10.0]
    if all(map(math.isfinite, bounds)):
        return bounds
    # The service's formula overflows for ranges above 1.8e307; this formula doesn't
    return [minimum / 10 * (BUCKETS - i) + maximum / 10 * i for i in range(BUCKETS + 1)]


def count_ranks(cdf: tuple[Values, Integers], values: Sequence[float], bound_side: str) -> Integers:
    """For each of `values`, the number of items below it ("left"), or less than or equal to it ("right")."""
    items, cumulative = cdf
    positions = np.searchsorted(items, values, side=bound_side)  # type: ignore[call-overload]
    ranks: Integers = np.concatenate(([0], cumulative))[positions]
    return ranks
