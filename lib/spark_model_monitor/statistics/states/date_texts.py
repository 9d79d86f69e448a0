"""A sample of the texts of a column of dates or codes. Such a column may have too many different texts to count them all.

Texts are selected by their hash, so every partition selects the same ones. A block of rows whose first texts are numbers that
aren't dates is not sampled, so that columns of numbers cost nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import field, replace

import numpy as np
import pyarrow as pa

from spark_model_monitor.statistics import Hashes, Integers, create_empty_integers
from spark_model_monitor.statistics.date_forms import keep_dates, read_dates
from spark_model_monitor.statistics.states.encoding import Parameters, State, pack_texts, register_state, unpack_texts
from spark_model_monitor.statistics.states.hash_samples import sum_counts
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.text_forms import is_like_number
from spark_model_monitor.value_class import value_class

SAMPLE_SIZE = 512  # texts; from this many, a share is known within about 2 %
EXAMINED_TEXTS = 8  # texts at the beginning of a block that are tested
HASH_BITS = 53  # the bits of a hash that are used; counts are also below 2^53


@register_state
@value_class(eq=False)
class DateTexts(State):
    """The `SAMPLE_SIZE` different texts with the lowest hashes, and how often each occurs (bottom-k sample). A text that
    doesn't look like a date is replaced by its form (`write_form`). skipped: number of values in blocks that were not
    sampled.

    The selection depends only on the texts, so states can be added in any order. Source: Beyer et al. 2007, "On synopses for
    distinct-value estimation under multiset operations".
    """

    KIND = "date_texts"

    hashes: Integers = field(default_factory=create_empty_integers)
    counts: Integers = field(default_factory=create_empty_integers)
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
        """The sampled texts by their hash."""
        return dict(zip(self.hashes.tolist(), self.texts, strict=True))

    def count_rare_texts(self, maximum_count: int) -> Counter[str]:
        """The counts of the sampled texts that occur at most `maximum_count` times; texts that aren't dates are given by
        their forms.
        """
        counts: Counter[str] = Counter()
        for text, count in zip(self.texts, self.counts.tolist(), strict=True):
            if count <= maximum_count:
                counts[text] += count
        return counts

    def payload(self) -> tuple[Parameters, bytes]:
        """The number of skipped values, the number of texts, hashes, counts, lengths of the texts, and the texts;
        ascending by hash.
        """
        numbers = np.concatenate(([self.skipped, len(self.texts)], self.hashes, self.counts))
        return {}, pack_texts(numbers.tolist(), self.texts)

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> DateTexts:
        text_count = int(np.frombuffer(payload, "<i8", 2)[1])
        (skipped, _, *numbers), texts = unpack_texts(payload, 2 + 2 * text_count, text_count)
        hashes, counts = np.array(numbers, np.int64).reshape(2, -1)
        return cls(hashes, counts, tuple(texts), skipped)

    def is_consistent(self) -> bool:
        is_sample = len(self.hashes) == len(self.counts) == len(self.texts) <= SAMPLE_SIZE
        is_ascending = self.hashes[1:] > self.hashes[:-1]
        return is_sample and bool(is_ascending.all() and (self.counts > 0).all())


class DateTextsBuilder:
    """Builds the sample from blocks of texts."""

    def __init__(self) -> None:
        self._state = DateTexts()

    def update(self, texts: pa.Array, hashes: Hashes | None, counts: Integers | None) -> None:
        """Take a block of texts without null.

        hashes: of the texts; None if unknown.
        counts: how often each text occurs; None if each occurs once in the block and may be repeated in it.
        """
        first_texts = _decode(texts.slice(0, EXAMINED_TEXTS))
        if all(is_like_number(text) and not read_dates(text) for text in first_texts):
            self._state += DateTexts(skipped=len(texts) if counts is None else int(counts.sum()))
            return
        if hashes is None:
            hashes = hash_texts(texts)
        numbers: Integers = (hashes >> np.uint64(64 - HASH_BITS)).view(np.int64)
        indices: Integers = np.arange(len(numbers))
        # Only texts with lower hashes than the highest of the sample can enter it
        if len(self._state.hashes) == SAMPLE_SIZE:
            indices = np.flatnonzero(numbers <= self._state.hashes[-1])
            if not len(indices):  # usual for a column with many different texts
                return
            numbers = numbers[indices]
        occurrences: Integers = np.ones(len(indices), np.int64)
        if counts is not None:
            occurrences = counts[indices]
        lowest, sums = _keep_lowest(numbers, occurrences)
        # The texts with the lowest hashes
        is_sampled = numbers <= lowest[-1]
        sampled_texts = _decode(texts.take(pa.array(indices[is_sampled])))
        text_by_hash = dict(zip(numbers[is_sampled].tolist(), sampled_texts, strict=True))
        self._state += DateTexts(lowest, sums, tuple(text_by_hash[number] for number in lowest.tolist()))

    def state(self) -> DateTexts:
        """The sample of all texts so far."""
        return replace(self._state, texts=keep_dates(self._state.texts))


def _decode(texts: pa.Array) -> list[str]:
    """The texts as Python strings. Bytes that aren't UTF-8, which Parquet files may have, are replaced by U+FFFD."""
    return [content.decode("utf-8", "replace") for content in texts.cast(pa.large_binary()).to_pylist()]


def _keep_lowest(hashes: Integers, counts: Integers) -> tuple[Integers, Integers]:
    """The `SAMPLE_SIZE` lowest different hashes, ascending, and the sum of the counts of each."""
    distinct, sums = sum_counts(hashes, counts)
    return distinct[:SAMPLE_SIZE], sums[:SAMPLE_SIZE]
