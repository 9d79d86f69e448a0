"""A sample of the texts of a column of dates or codes, which may have too many different ones to be counted one by one.

Texts are chosen by their hash, the same ones everywhere. A block of rows whose first texts are numbers, but no dates, is not
sampled, so that columns of numbers cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.statistics.date_forms import keep_dates, read_dates
from spark_model_monitor.statistics.states.distinct import sum_counts, unique_with_inverse
from spark_model_monitor.statistics.states.encoding import Parameters, State, pack_texts, register_state, unpack_texts
from spark_model_monitor.statistics.states.hashing import Hashes, hash_texts
from spark_model_monitor.statistics.text_forms import is_like_number
from spark_model_monitor.value_class import value_class

SAMPLE_SIZE = 512  # texts; a share of them is known to about 2 %
TESTED_TEXTS = 8  # texts of a block
HASH_BITS = 53  # of a hash that count; a count of ours has no more

Numbers = NDArray[np.int64]


@register_state
@value_class(eq=False)
class DateTexts(State):
    """The `SAMPLE_SIZE` different texts with the lowest hashes, and how often each occurs; in place of a text that doesn't look
    like a date there is its form (`write_form`). skipped: number of values in blocks that were not sampled.

    Which texts are kept depends only on the texts, so states add in any order. Source: Beyer et al. 2007, "On synopses for
    distinct-value estimation under multiset operations".
    """

    KIND: ClassVar[str] = "date_texts"

    hashes: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    counts: Numbers = field(default_factory=lambda: np.empty(0, np.int64))
    texts: tuple[str, ...] = ()
    skipped: int = 0

    def __add__(self, addend: DateTexts) -> DateTexts:
        text_by_hash = addend.text_by_hash | self.text_by_hash
        hashes = np.concatenate((self.hashes, addend.hashes))
        counts = np.concatenate((self.counts, addend.counts))
        hashes, counts = _keep_lowest(hashes, counts)
        texts = tuple(text_by_hash[number] for number in hashes.tolist())
        return DateTexts(hashes, counts, texts, self.skipped + addend.skipped)

    @property
    def text_by_hash(self) -> dict[int, str]:
        """The kept texts by their hash."""
        return dict(zip(self.hashes.tolist(), self.texts, strict=True))

    @property
    def count_by_text(self) -> Mapping[str, int]:
        """The kept texts with their counts; all that are no dates by their forms."""
        counts: dict[str, int] = {}
        for text, count in zip(self.texts, self.counts.tolist(), strict=True):
            counts[text] = counts.get(text, 0) + count
        return counts

    def payload(self) -> tuple[Parameters, bytes]:
        """The numbers of skipped values and of texts, hashes, counts, lengths of the texts, and the texts; ascending by hash."""
        numbers = np.concatenate(([self.skipped, len(self.texts)], self.hashes, self.counts))
        return {}, pack_texts(numbers.tolist(), self.texts)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> DateTexts:
        number = int(np.frombuffer(payload, "<i8", 2)[1])
        (skipped, _, *numbers), texts = unpack_texts(payload, 2 + 2 * number, number)
        hashes, counts = np.array(numbers, np.int64).reshape(2, -1)
        return cls(hashes, counts, tuple(texts), skipped)

    def contradiction(self) -> str | None:
        are_alike = len(self.hashes) == len(self.counts) == len(self.texts)
        if not are_alike or len(self.hashes) > SAMPLE_SIZE:
            return "it is no sample of texts"
        is_ascending = self.hashes[1:] > self.hashes[:-1]
        if not is_ascending.all():
            return "its hashes are in no order"
        if (self.counts > 0).all():
            return None
        return "a text occurs never"


class DateTextsBuilder:
    """Builds such a sample from blocks of texts."""

    def __init__(self) -> None:
        self._hashes: Numbers = np.empty(0, np.int64)
        self._counts: Numbers = np.empty(0, np.int64)
        self._text_by_hash: dict[int, str] = {}
        self._skipped = 0

    def update(self, texts: pa.Array, hashes: Hashes | None, counts: Numbers | None) -> None:
        """Take a block of texts without null. hashes: None if unknown. counts: how often each occurs; None for once each, and
        then one may be there several times.
        """
        first_texts = _decode(texts.slice(0, TESTED_TEXTS))
        if all(is_like_number(text) and not read_dates(text) for text in first_texts):
            self._skipped += len(texts) if counts is None else int(counts.sum())
            return
        if hashes is None:
            hashes = hash_texts(texts)
        numbers: Numbers = (hashes >> np.uint64(64 - HASH_BITS)).view(np.int64)
        indices: Numbers = np.arange(len(numbers))
        if len(self._hashes) == SAMPLE_SIZE:  # only lower ones come in
            indices = np.flatnonzero(numbers <= self._hashes[-1])
            if not len(indices):  # as in most blocks of many texts
                return
            numbers = numbers[indices]
        occurrences: Numbers = np.ones(len(indices), np.int64)
        if counts is not None:
            occurrences = counts[indices]
        all_numbers = np.concatenate((self._hashes, numbers))
        all_counts = np.concatenate((self._counts, occurrences))
        self._hashes, self._counts = _keep_lowest(all_numbers, all_counts)
        # The texts of the new hashes
        is_sampled = numbers <= self._hashes[-1]
        sampled_texts = _decode(texts.take(pa.array(indices[is_sampled])))
        self._text_by_hash.update(zip(numbers[is_sampled].tolist(), sampled_texts, strict=True))

    def state(self) -> DateTexts:
        """The sample of all texts so far."""
        texts = [self._text_by_hash[number] for number in self._hashes.tolist()]
        return DateTexts(self._hashes, self._counts, keep_dates(texts), self._skipped)


def _decode(texts: pa.Array) -> list[str]:
    """The texts, with a sign in the place of bytes that are not UTF-8, as Parquet files may have."""
    return [content.decode("utf-8", "replace") for content in texts.cast(pa.large_binary()).to_pylist()]


def _keep_lowest(hashes: Numbers, counts: Numbers) -> tuple[Numbers, Numbers]:
    """The `SAMPLE_SIZE` lowest different hashes, ascending, and the sum of the counts of each."""
    if len(hashes) > 8 * SAMPLE_SIZE:
        # Most can be left out without sorting, unless few of the lowest differ
        limit = np.partition(hashes, 4 * SAMPLE_SIZE)[4 * SAMPLE_SIZE]
        is_low = hashes <= limit
        lowest, _ = unique_with_inverse(hashes[is_low])
        if len(lowest) >= SAMPLE_SIZE:
            hashes = hashes[is_low]
            counts = counts[is_low]
    different, sums = sum_counts(hashes, counts)
    return different[:SAMPLE_SIZE], sums[:SAMPLE_SIZE]
