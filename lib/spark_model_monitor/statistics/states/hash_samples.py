"""Repeated rows or values in a data set, from a bounded sample of distinct ones. The hash decides which are in the
sample, so all partitions select the same.
"""

from __future__ import annotations

from dataclasses import field
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Hashes, Integers
from spark_model_monitor.statistics.states.encoding import State, register_state
from spark_model_monitor.statistics.states.kll import find_last_equals
from spark_model_monitor.value_class import value_class

Item = TypeVar("Item", bound=np.generic)  # an array's scalar type


def unique_with_inverse(values: NDArray[Item]) -> tuple[NDArray[Item], Integers]:
    """The distinct values, ascending, and the index of each value among them.

    Like numpy's `unique` with inverse, for values without NaN, but faster for few values, because it takes fewer steps.
    """
    order = values.argsort()
    ordered = values[order]
    are_new = np.ones(len(values), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=are_new[1:])
    inverse = np.empty(len(values), np.int64)
    inverse[order] = are_new.cumsum() - 1
    return ordered[are_new], inverse


def sum_counts(values: NDArray[Item], counts: Integers) -> tuple[NDArray[Item], Integers]:
    """The distinct values, ascending, and the sum of the counts of each."""
    distinct, inverse = unique_with_inverse(values)
    return distinct, np.bincount(inverse, counts, minlength=len(distinct)).astype(np.int64)


MAX_HASHES = 2048  # maximum number of distinct hashes that are kept
BITS = 53  # bits of a hash that are used; counts are also below 2^53
EMPTY_LEVEL = BITS + 1  # the level at which no hash is kept

RepeatsType = TypeVar("RepeatsType", bound="Repeats")


@register_state
@value_class(eq=False)
class Repeats(State):
    """The distinct hashes below 2^53 / 2^level, ascending, with their counts: all of them while they are few.

    Whether a hash is kept only depends on itself and the level, and the level only on the distinct hashes, so states
    add in any order. Source: Flajolet 1990, "On adaptive sampling".
    """

    KIND = "repeats"
    MAX_REPEATED = 0.5  # a builder gives up if a larger share of the distinct hashes is repeated
    BUFFER_SIZE = MAX_HASHES  # number of hashes that a builder buffers before it adds them

    level: int = 0
    hashes: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Integers = field(default_factory=lambda: np.empty(0, np.int64))

    def add_values(self: RepeatsType, hashes: Hashes, counts: Integers | None = None) -> RepeatsType:
        """The state with the hashes of more values. counts: how often each hash occurs; None: once."""
        if self.level == EMPTY_LEVEL:
            return self
        if self.level:
            is_accepted = hashes < np.uint64(first_rejected_hash(self.level) << (64 - BITS))
            hashes = hashes[is_accepted]
            counts = None if counts is None else counts[is_accepted]
        if counts is None:
            # If rows are of few kinds, it is twice as fast to sort and count these hashes alone before they are merged
            hashes = np.sort(hashes)
            ends = find_last_equals(hashes)
            hashes = hashes[ends]
            counts = np.diff(ends, prepend=-1)
        return self._merge_counts((hashes >> np.uint64(64 - BITS)).astype(np.int64), counts)

    def __add__(self: RepeatsType, addend: RepeatsType) -> RepeatsType:
        low, high = sorted((self, addend), key=lambda state: state.level)
        is_accepted = low.hashes < first_rejected_hash(high.level)
        if high.level < EMPTY_LEVEL:
            return high._merge_counts(low.hashes[is_accepted], low.counts[is_accepted])
        return high

    @property
    def different(self) -> int:
        """The number of distinct hashes kept."""
        return len(self.hashes)

    @property
    def repeated(self) -> int:
        """The number of hashes kept that occur more than once."""
        return int((self.counts > 1).sum())

    def _merge_counts(self: RepeatsType, hashes: Integers, counts: Integers) -> RepeatsType:
        distinct, sums = sum_counts(np.concatenate((self.hashes, hashes)), np.concatenate((self.counts, counts)))
        level = self.level
        while len(distinct) > MAX_HASHES:  # hashes are ascending, so the accepted ones come first
            level += 1
            distinct = distinct[: int(distinct.searchsorted(first_rejected_hash(level)))]
        return type(self)(level, distinct, sums[: len(distinct)])

    def is_consistent(self) -> bool:
        is_ascending = self.hashes[1:] > self.hashes[:-1]
        # At EMPTY_LEVEL every hash is rejected
        is_accepted = self.level <= EMPTY_LEVEL and self.hashes < first_rejected_hash(self.level)
        is_sample = len(self.hashes) <= MAX_HASHES
        return is_sample and bool(is_ascending.all() and np.all(is_accepted) and (self.counts > 0).all())


@register_state
@value_class(eq=False)
class RowRepeats(Repeats):
    """The repeats of whole rows; stored with the states of the first feature."""

    KIND = "row_repeats"
    # Rows of a few columns often repeat, and all do if a file comes twice, so the builder never gives up
    MAX_REPEATED = 1.0
    BUFFER_SIZE = 8 * MAX_HASHES


@register_state
@value_class(eq=False)
class Words(Repeats):
    """The words in texts of several words, in lower case, with their counts."""

    KIND = "words"

    def count_new_words(self, window: Words, rare: float = 1.0) -> tuple[tuple[int, int], tuple[int, int]]:
        """Counts of rare words here and of new words in the window, among the words that both states would have kept.

        Returns two pairs: occurrences of words that occur at most `rare` times here, and all occurrences here; occurrences in
        the window of words that don't occur here, and all occurrences in the window. The share of words that occur once
        estimates the share of new words (Good-Turing). Source: Good 1953, "The population frequencies of species".
        """
        first_rejected = first_rejected_hash(max(self.level, window.level))
        words = self.hashes[self.hashes < first_rejected]
        occurrences = self.counts[self.hashes < first_rejected]
        is_accepted = window.hashes < first_rejected
        is_new = ~np.isin(window.hashes[is_accepted], words)
        window_occurrences = window.counts[is_accepted]
        new_occurrences = int(window_occurrences[is_new].sum())
        rare_counts = int(occurrences[occurrences <= rare].sum()), int(occurrences.sum())
        return rare_counts, (new_occurrences, int(window_occurrences.sum()))


class RepeatsBuilder:
    """Builds repeats, with a buffer of hashes. Gives up if most values repeat."""

    def __init__(self, state_type: type[Repeats] = Repeats) -> None:
        self._state_type = state_type
        self._state = state_type()
        self._buffer: list[tuple[Hashes, Integers | None]] = []
        self._buffered_hashes = 0

    def give_up(self) -> None:
        """Drop all hashes and keep none from now on."""
        self._buffer = []
        self._state = self._state_type(EMPTY_LEVEL)

    def update(self, hashes: Hashes, counts: Integers | None = None) -> None:
        """Take values. counts: as in `Repeats.add_values`."""
        if self._state.level == EMPTY_LEVEL:
            return
        self._buffer.append((hashes, counts))
        self._buffered_hashes += len(hashes)
        if self._buffered_hashes >= self._state_type.BUFFER_SIZE:
            self._add_buffered()

    def state(self) -> Repeats:
        """The repeats of all values so far."""
        self._add_buffered()
        return self._state

    def _add_buffered(self) -> None:
        single_hashes = [hashes for hashes, counts in self._buffer if counts is None]
        if single_hashes:
            self._state = self._state.add_values(np.concatenate(single_hashes))
        for hashes, counts in self._buffer:
            if counts is not None:
                self._state = self._state.add_values(hashes, counts)
        self._buffer = []
        self._buffered_hashes = 0
        if self._state.repeated > self._state_type.MAX_REPEATED * self._state.different:
            self.give_up()


def first_rejected_hash(level: int) -> int:
    """The smallest hash that this level doesn't keep."""
    if level <= BITS:
        return 1 << (BITS - level)
    return 0
