"""A sample of a column's texts, for columns of dates that have too many different texts to be counted one by one.

Texts are chosen by their hash, the same ones everywhere. Only those that are dates are kept as texts.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.statistics.date_forms import read_dates
from spark_model_monitor.statistics.states.distinct import told_apart
from spark_model_monitor.statistics.states.encoding import Parameters, State, registered
from spark_model_monitor.statistics.states.hashing import Hashes

KEPT = 256  # texts; a share of them is known to about 3 %
HASH_BITS = 53  # of a hash that count; a count of ours has no more

Numbers = NDArray[np.int64]


@registered
@dataclass(frozen=True, slots=True, eq=False)
class DateTexts(State):
    """The `KEPT` different texts with the lowest hashes, and how often each occurs; a text that is no date is empty here.

    Which texts are kept depends only on the texts, so states add in any order. Source: Beyer et al. 2007, "On synopses for
    distinct-value estimation under multiset operations".
    """

    KIND: ClassVar[str] = "date_texts"

    hashes: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    texts: tuple[str, ...] = ()

    def __add__(self, other: DateTexts) -> DateTexts:
        text_by_hash = dict(zip(other.hashes.tolist(), other.texts, strict=True))
        text_by_hash.update(zip(self.hashes.tolist(), self.texts, strict=True))
        hashes = np.concatenate((self.hashes, other.hashes))
        hashes, counts = _keep_lowest(hashes, np.concatenate((self.counts, other.counts)))
        return DateTexts(hashes, counts, tuple(text_by_hash[number] for number in hashes.tolist()))

    @property
    def count_by_text(self) -> Mapping[str, int]:
        """The kept texts with their counts; all that are no dates as an empty one."""
        counts: dict[str, int] = {}
        for text, count in zip(self.texts, self.counts.tolist(), strict=True):
            counts[text] = counts.get(text, 0) + count
        return counts

    def payload(self) -> tuple[Parameters, bytes]:
        """The number of texts, hashes, counts, lengths of the texts, and the texts; ascending by hash."""
        encoded = [text.encode() for text in self.texts]
        lengths = np.array([len(text) for text in encoded], np.int64)
        numbers = np.concatenate(([len(encoded)], self.hashes, self.counts, lengths)).astype("<i8")
        return {}, numbers.tobytes() + b"".join(encoded)

    @classmethod
    def of_payload(cls, parameters: Parameters, payload: bytes) -> DateTexts:
        number = int(np.frombuffer(payload, "<i8", 1)[0])
        hashes, counts, lengths = np.frombuffer(payload, "<i8", 3 * number, offset=8).astype(np.int64).reshape(3, -1)
        start = 8 + 24 * number
        ends = [start, *(start + np.cumsum(lengths)).tolist()]
        cls.require_size(payload, ends[-1])
        texts = tuple(payload[begin:end].decode() for begin, end in itertools.pairwise(ends))
        return cls(hashes, counts, texts)

    def contradiction(self) -> str | None:
        are_sampled = len(self.hashes) == len(self.counts) == len(self.texts) <= KEPT
        are_ascending = bool((self.hashes[1:] > self.hashes[:-1]).all())
        are_sound = are_sampled and are_ascending and bool((self.counts > 0).all())
        return None if are_sound else "it is no sample of texts"


class DateTextsBuilder:
    """Builds such a sample from blocks of texts. Neither order nor blocks change the result."""

    def __init__(self) -> None:
        self._hashes = self._counts = np.empty(0, np.int64)
        self._text_by_hash: dict[int, str] = {}

    def update(self, texts: pa.Array, hashes: Hashes, counts: Numbers | None) -> None:
        """Take texts without null. counts: how often each occurs; None for once each, and then one may be there several times."""
        numbers = (hashes >> np.uint64(64 - HASH_BITS)).astype(np.int64)
        if len(self._hashes) == KEPT:
            indices = np.flatnonzero(numbers <= self._hashes[-1])
            if not len(indices):  # as in most blocks of many texts
                return
            numbers = numbers[indices]
        else:
            indices = np.arange(len(numbers))
        occurrences = np.ones(len(indices), np.int64) if counts is None else counts[indices]
        self._hashes, self._counts = _keep_lowest(
            np.concatenate((self._hashes, numbers)), np.concatenate((self._counts, occurrences))
        )
        # The texts of the new hashes
        is_kept = numbers <= self._hashes[-1] if len(self._hashes) else numbers == numbers
        kept_texts = texts.take(pa.array(indices[is_kept])).to_pylist()
        self._text_by_hash.update(zip(numbers[is_kept].tolist(), kept_texts, strict=True))

    def state(self) -> DateTexts:
        """The sample of all texts so far."""
        texts = (self._text_by_hash[number] for number in self._hashes.tolist())
        return DateTexts(self._hashes, self._counts, tuple(text if read_dates(text) else "" for text in texts))


def _keep_lowest(hashes: Numbers, counts: Numbers) -> tuple[Numbers, Numbers]:
    """The `KEPT` lowest different hashes, ascending, and the sum of the counts of each."""
    if len(hashes) > 8 * KEPT:
        # Most can be left out without sorting, unless few of the lowest differ
        limit = np.partition(hashes, 4 * KEPT)[4 * KEPT]
        is_low = hashes <= limit
        lowest, _ = told_apart(hashes[is_low])
        if len(lowest) >= KEPT:
            hashes, counts = hashes[is_low], counts[is_low]
    different, index = told_apart(hashes)
    sums = np.bincount(index, counts, minlength=len(different)).astype(np.int64)
    return different[:KEPT], sums[:KEPT]
