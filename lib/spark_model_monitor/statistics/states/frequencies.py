"""Frequencies: the count of each value of a feature. Counts are exact up to a limit of distinct values; above it, their error
is bounded.

Above the limit they are a Misra-Gries summary: the count of the (limit + 1)-th most frequent value is subtracted from
all counts, and counts of 0 or less are dropped. A true count lies between the kept count and the kept count + `bound`.
`FrequenciesBuilder` takes counted values on executors; `Frequencies` is the finished state.

Source: P15; Misra and Gries 1982, "Finding repeated elements"; Agarwal et al. 2012, "Mergeable
summaries".
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.statistics import Flags, Hashes, Integers
from spark_model_monitor.statistics.states.encoding import Parameters, State, pack_texts, register_state, unpack_texts
from spark_model_monitor.value_class import value_class

LIMIT = 4096  # P15

KEY_BYTES = 256  # a longer value is kept as its first bytes and a hash of the whole (P15)

FLAGS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}
"""The spellings of booleans in files, and the texts by which a column of booleans counts them."""

HASH_SLOTS = 2**17
"""The number of hash slots: large enough that most values of one call share no slot with a repeated value."""

_SLOT_BITS = np.uint64(HASH_SLOTS - 1)
_CUT_MARK = "…#"
_HASH_BYTES = 8
_MAX_KEY_BYTES = KEY_BYTES + len(_CUT_MARK.encode()) + 2 * _HASH_BYTES


@register_state
@value_class
class Frequencies(State):
    """Counts by value.

    counts: the kept values with their counts, at most `limit` values.
    total: the number of all values.
    bound: the largest error of a count. A count may be too small by this much but is never too large; a value not in `counts`
        occurred at most this often. The bound is at most total / (limit + 1), unless a builder gave up counting.
    """

    KIND = "frequencies"

    counts: Mapping[str, int] = field(default_factory=dict)
    total: int = 0
    limit: int = LIMIT
    bound: int = 0

    @property
    def exact(self) -> bool:
        """Whether `counts` has all values with their exact counts."""
        return self.bound == 0

    @property
    def dropped(self) -> int:
        """The number of values, of the `total`, that no count contains."""
        return self.total - sum(self.counts.values())

    def __add__(self, addend: Frequencies) -> Frequencies:
        """Exact up to `limit` values; above it within the bound, which grows.

        Raises BadState if the limits differ.
        """
        self.require_same(addend, "limit")
        counts = self.sum_of_counts(self.counts, addend.counts)
        cut = 0
        if len(counts) > self.limit:
            cut = sorted(counts.values(), reverse=True)[self.limit]  # the largest count that doesn't fit
            counts = {key: count - cut for key, count in counts.items() if count > cut}
        return Frequencies(counts, self.total + addend.total, self.limit, self.bound + addend.bound + cut)

    def payload(self) -> tuple[Parameters, bytes]:
        """Number of keys, total, bound, counts, lengths of the keys, keys; sorted by key."""
        keys = sorted(self.counts)
        numbers = [len(keys), self.total, self.bound, *(self.counts[key] for key in keys)]
        return {"limit": self.limit}, pack_texts(numbers, keys)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Frequencies:
        key_count = int(np.frombuffer(payload, "<i8", 1)[0])
        (_, total, bound, *counts), keys = unpack_texts(payload, 3 + key_count, key_count)
        return cls(dict(zip(keys, counts, strict=True)), total, parameters["limit"], bound)


def unify_flags(counts: Mapping[str, int]) -> Mapping[str, int]:
    """The counts with the spellings in `FLAGS` replaced by `true` and `false`; the same object if there are none of them."""
    if counts.keys().isdisjoint(FLAGS):
        return counts
    unified: Counter[str] = Counter()
    for value, count in counts.items():
        unified[FLAGS.get(value, value)] += count
    return unified


class FrequenciesBuilder:
    """Builds frequencies from counted values.

    Above the limit, counts depend on how rows are split into calls, so callers split them at fixed numbers of rows.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._counted = _CountedValues(pa.nulls(0, pa.string()), np.zeros(0, np.int64), np.zeros(0, np.uint64))
        self._pending: list[_CountedValues] = []
        self._pending_keys = self._total = self._bound = 0
        self.given_up = False  # whether values are only added to the total from now on
        # False once something was dropped or may have to be; pending calls may not have been examined yet
        self.exact = True

    def update(
        self, keys: pa.Array | Sequence[str], counts: Integers | None = None, hashes: Hashes | None = None
    ) -> None:
        """Take values without null, and how often each occurred.

        counts: None if each occurred once; then a value may be repeated in the call. With counts the values have to be
            distinct.
        hashes: of the values, equal for equal values; if they are known, counting is faster."""
        value_count = len(keys) if counts is None else int(counts.sum())
        if self.given_up:
            self.skip(value_count)
            return
        if isinstance(keys, pa.Array):
            texts = keys
        else:
            texts = pa.array(keys, pa.string())
        self._has_distinct_keys = counts is not None and not len(self._counted.counts)  # if this remains the only call
        if counts is None:
            counts = np.ones(len(texts), dtype=np.int64)
        else:
            self.exact &= len(texts) <= self._limit
        self._pending.append(_CountedValues(_shorten_texts(texts), counts, hashes))
        self._pending_keys += len(texts)
        self._total += value_count
        if self._pending_keys > 8 * self._limit or len(self._pending) >= 256:
            self._counted, self._bound = self._add_pending()
            self.exact &= self._bound == 0
            self._pending = []
            self._pending_keys = 0

    def give_up(self) -> None:
        """Drop all counts of a column whose counts turn out to be useless. The bound becomes the total."""
        self.given_up = True
        self._counted = self._counted.select(np.zeros(len(self._counted.counts), dtype=bool))
        self._pending = []
        self._pending_keys = 0
        self._bound = self._total

    def skip(self, value_count: int) -> None:
        """Count values in the total only. May be called only after `give_up`."""
        self._total += value_count
        self._bound += value_count

    def state(self) -> Frequencies:
        """The frequencies of all values so far, sorted by key."""
        counted, bound = self._add_pending()
        counts: dict[str, int] = {}
        for key, count in sorted(zip(decode_texts(counted.keys), counted.counts.tolist(), strict=True)):
            counts[key] = counts.get(key, 0) + count
        return Frequencies(counts, self._total, self._limit, bound)

    def _add_pending(self) -> tuple[_CountedValues, int]:
        """The counts after the pending calls, of at most `limit` distinct keys, and the bound."""
        if not self._pending:
            return self._counted, self._bound
        if len(self._pending) == 1 and self._has_distinct_keys and self._pending_keys <= self._limit:
            return self._pending[0], self._bound
        parts = [self._counted, *self._pending]
        is_single = _find_values_counted_once(parts)
        # If there are more values with count 1 than the limit, all of these are dropped: the cut is at least 1 then
        drops_singles = int(np.count_nonzero(is_single)) > self._limit
        if drops_singles:
            ends = np.cumsum([len(part.counts) for part in parts])[:-1]
            parts = [part.select(~flags) for part, flags in zip(parts, np.split(is_single, ends), strict=True)]
        folded = _CountedValues.concat(parts).add_equal_values()
        if len(folded.counts) > self._limit:
            cut = int(np.partition(folded.counts, -self._limit - 1)[-self._limit - 1])  # the (limit + 1)-th largest
        else:
            cut = int(drops_singles)
        folded.counts -= cut
        return folded.select(folded.counts > 0) if cut else folded, self._bound + cut


def decode_texts(keys: pa.StringArray) -> list[str]:
    """The keys as Python texts. Invalid UTF-8, which Parquet may hold, is replaced by U+FFFD."""
    try:
        texts: list[str] = keys.to_pylist()
    except UnicodeDecodeError:
        texts = [key.decode("utf-8", "replace") for key in keys.view(pa.binary()).to_pylist()]
    return texts


@dataclass(slots=True)
class _CountedValues:
    """Values, their counts, and their hashes if known; all have the same length."""

    keys: pa.Array
    counts: Integers
    hashes: Hashes | None

    @classmethod
    def concat(cls, parts: Sequence[_CountedValues]) -> _CountedValues:
        hashes = [part.hashes for part in parts if part.hashes is not None]
        return cls(
            pa.concat_arrays([part.keys for part in parts]),
            np.concatenate([part.counts for part in parts]),
            np.concatenate(hashes) if len(hashes) == len(parts) else None,
        )

    def add_equal_values(self) -> _CountedValues:
        """The distinct values, each with the sum of its counts."""
        texts = self.keys.dictionary_encode()
        codes = texts.indices.to_numpy()
        distinct_count = len(texts.dictionary)
        # bincount adds doubles, which are exact up to 2^53
        counts = np.bincount(codes, self.counts, minlength=distinct_count).astype(np.int64)
        hashes = None
        if self.hashes is not None:
            hashes = np.empty(distinct_count, np.uint64)
            hashes[codes] = self.hashes
        return _CountedValues(texts.dictionary, counts, hashes)

    def select(self, is_chosen: Flags) -> _CountedValues:
        """The chosen values."""
        hashes = None
        if self.hashes is not None:
            hashes = self.hashes[is_chosen]
        if 8 * np.count_nonzero(is_chosen) < len(is_chosen):
            return _CountedValues(self.keys.take(pa.array(np.flatnonzero(is_chosen))), self.counts[is_chosen], hashes)
        return _CountedValues(self.keys.filter(pa.array(is_chosen)), self.counts[is_chosen], hashes)


def _find_values_counted_once(parts: Sequence[_CountedValues]) -> Flags:
    """Flags of the values that certainly occurred once: no repeated value has a hash in the same slot."""
    counts = np.concatenate([part.counts for part in parts])
    hashes_by_part = [part.hashes for part in parts if part.hashes is not None]
    # A few values are counted quickly without this
    if len(hashes_by_part) < len(parts) or len(counts) < HASH_SLOTS // 8:
        return np.zeros(len(counts), dtype=bool)
    hashes = np.concatenate(hashes_by_part)
    is_single: Flags = counts == 1
    ordered = np.sort(hashes)
    repeated_hashes = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated_hashes):
        has_repeated_hash = np.zeros(HASH_SLOTS, dtype=bool)
        has_repeated_hash[_compute_slots(repeated_hashes)] = True
        is_single &= ~has_repeated_hash[_compute_slots(hashes)]
    return is_single


def _compute_slots(hashes: Hashes) -> Integers:
    return (hashes & _SLOT_BITS).view(np.int64)


def _shorten_texts(texts: pa.Array) -> pa.Array:
    """The texts; a text that is too long is replaced by its beginning and a hash of the whole text."""
    if texts.type != pa.string():
        texts = texts.cast(pa.string())
    longest = pc.max(pc.binary_length(texts)).as_py()
    if longest is None or longest <= _MAX_KEY_BYTES:
        return texts
    return pa.array([_shorten_text(text) for text in texts.to_pylist()], pa.string())


def _shorten_text(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _MAX_KEY_BYTES:
        return text
    beginning = encoded[:KEY_BYTES].decode(errors="ignore")  # a truncated character is dropped
    return beginning + _CUT_MARK + hashlib.blake2b(encoded, digest_size=_HASH_BYTES).hexdigest()
