"""What sketches and bounded counts don't keep: a column's smallest and largest numbers exactly, and the lengths and kinds of
characters of its texts.

A window keeps them because the bounds with which it will be compared aren't known when it is scanned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.statistics import Bytes, Flags, Integers, create_empty_doubles
from spark_model_monitor.statistics.states.encoding import (
    Parameters,
    State,
    pack_numbers,
    register_state,
    unpack_numbers,
)
from spark_model_monitor.statistics.states.hashing import read_buffers
from spark_model_monitor.statistics.states.moments import Values
from spark_model_monitor.value_class import value_class

VALUES_PER_END = 64
"""Number of values kept at each end. If a window of m rows has so many values beyond all of n earlier rows, that isn't chance
unless the window is four times as large: the probability (m / (n + m))^64 is otherwise below one in a million."""

# The length that is recorded for all longer texts: of a text above 256 bytes, a scan has 60 characters and a hash
MAX_LENGTH = 61


@register_state
@value_class(eq=False)
class Ends(State):
    """The `VALUES_PER_END` smallest and the `VALUES_PER_END` largest finite numbers, with repetitions; both ascending."""

    KIND = "ends"
    VERSION = 2

    smallest: Values = field(default_factory=create_empty_doubles)
    largest: Values = field(default_factory=create_empty_doubles)

    @classmethod
    def of(cls, values: Values) -> Ends:
        """The smallest and largest of these finite values."""
        ordered = np.sort(values)  # faster than a partition
        # -0.0 becomes 0.0, so that the result doesn't depend on the order
        return cls(ordered[:VALUES_PER_END] + 0.0, ordered[-VALUES_PER_END:] + 0.0)

    def add_values(self, values: Values) -> Ends:
        """The ends after more finite values; fast if few of these are beyond the kept values."""
        if len(self.smallest) < VALUES_PER_END:
            if len(self.smallest):
                return self + Ends.of(values)
            return Ends.of(values)
        # Most values lie between the ends, so most blocks change nothing
        low = values[values < self.smallest[-1]] + 0.0
        high = values[values > self.largest[0]] + 0.0
        if len(low) or len(high):
            return self + Ends(low, high)
        return self

    def count_beyond(self, below: float, above: float) -> tuple[int, bool]:
        """The number of values outside these bounds, and whether it is exact: it isn't if all values kept at an end are
        outside.
        """
        low = int((self.smallest < below).sum())
        high = int((self.largest > above).sum())
        return low + high, max(low, high) < VALUES_PER_END

    def __add__(self, addend: Ends) -> Ends:
        low = (self.smallest, addend.smallest)
        high = (self.largest, addend.largest)
        return Ends(np.sort(np.concatenate(low))[:VALUES_PER_END], np.sort(np.concatenate(high))[-VALUES_PER_END:])

    def payload(self) -> tuple[Parameters, bytes]:
        """The smallest, then the largest."""
        return pack_numbers(np.concatenate((self.smallest, self.largest)))

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> Ends:
        smallest, largest = unpack_numbers(parameters, payload).reshape(2, -1)
        return cls(smallest, largest)

    def is_consistent(self) -> bool:
        smallest = self.smallest
        largest = self.largest
        if len(smallest) < VALUES_PER_END:
            have_valid_lengths = np.array_equal(smallest, largest)
        else:
            have_valid_lengths = len(smallest) == VALUES_PER_END and bool((smallest <= largest).all())
        are_ascending = all(bool((end[1:] >= end[:-1]).all() and np.isfinite(end).all()) for end in (smallest, largest))
        return have_valid_lengths and are_ascending


@register_state
@value_class
class TextLengths(State):
    """The number of texts of each length in characters; the length 61 stands for all longer texts."""

    KIND = "text_lengths"

    counts: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, texts: pa.Array, counts: Integers | None = None) -> TextLengths:
        """The lengths of texts without null. counts: how often each text occurs; None: once."""
        offsets, data = read_buffers(texts)
        are_ascii = data[offsets[0] : offsets[-1]].max(initial=0) < 0x80
        if are_ascii:
            lengths = np.diff(offsets)
        else:
            lengths = pc.utf8_length(texts).to_numpy()
        count_by_length = np.bincount(np.minimum(lengths, MAX_LENGTH), counts, minlength=1).astype(np.int64)
        return cls({int(length): int(count_by_length[length]) for length in np.flatnonzero(count_by_length)})

    def __add__(self, addend: TextLengths) -> TextLengths:
        return TextLengths(dict(sorted(self.sum_of_counts(self.counts, addend.counts).items())))

    def payload(self) -> tuple[Parameters, bytes]:
        """Each length that occurs, with its count, ascending."""
        return {}, np.array(sorted(self.counts.items()), dtype="<i8").tobytes()

    @classmethod
    def from_payload(cls, parameters: Parameters, payload: bytes) -> TextLengths:
        lengths, counts = np.frombuffer(payload, "<i8").reshape(-1, 2).T.tolist()
        if len({*lengths}) == len(lengths):
            return cls(dict(zip(lengths, counts, strict=True)))
        return cls({-1: 0})

    def is_consistent(self) -> bool:
        return all(0 <= length <= MAX_LENGTH and count for length, count in self.counts.items())


LONG = 256  # bytes; longer texts aren't analysed, because a scan has only their beginning
SHARES = 1000  # a share of a text's bytes is counted in whole thousandths, so that sums are exact


@register_state
@value_class
class TextShapes(State):
    """The composition of texts that are neither numbers nor booleans: sums and sums of squares over the texts.

    texts: number of texts of up to 256 bytes.
    long: number of longer texts, which aren't analysed.
    letters, digits: shares of a text's bytes, in thousandths; bytes of non-Latin alphabets count as letters.
    words: number of words, which blanks separate.
    """

    KIND = "text_shapes"

    texts: int = 0
    long: int = 0
    characters: int = 0
    characters_squared: int = 0
    words: int = 0
    words_squared: int = 0
    letters: int = 0
    letters_squared: int = 0
    digits: int = 0
    digits_squared: int = 0

    @classmethod
    def of(cls, texts: pa.StringArray, are_long: Flags, counts: Integers) -> TextShapes:
        """The sums of texts without null.

        are_long: whether each text is the beginning of a longer one. counts: how often each text occurs.
        """
        measures = _measure_texts(texts)
        short_counts = np.where(are_long, 0, counts)
        sums = []
        for values in measures:
            sums += [int(values @ short_counts), int(values * values @ short_counts)]
        return cls(int(short_counts.sum()), int(counts.sum() - short_counts.sum()), *sums)


def _measure_texts(texts: pa.StringArray) -> list[Integers]:
    """Four arrays with one number per text: characters, words, letters and digits; the last two in thousandths of the
    text's bytes.
    """
    offsets, data = read_buffers(texts)
    content = data[offsets[0] : offsets[-1]]
    lengths = np.diff(offsets).astype(np.int64)
    is_nonempty = lengths > 0
    starts = (offsets[:-1] - offsets[0])[is_nonempty]
    # Adding up bytes without a cast is twice as fast
    count_type = np.uint8 if lengths.max(initial=0) < 2**8 else np.uint16

    def count(flags: Flags) -> Integers:
        counts = np.zeros(len(texts), np.int64)
        if flags.any():
            counts[is_nonempty] = np.add.reduceat(flags.view(np.uint8), starts, dtype=count_type)
        return counts

    # A word begins at a character that isn't blank and follows a blank or the beginning of the text
    is_word = ~_is_between(content, " ", " ")
    for low, high in (("\t", "\r"), ("\x1c", "\x1f")):
        is_word &= ~_is_between(content, low, high)
    begins_word = is_word.copy()
    begins_word[1:] &= ~is_word[:-1]
    begins_word[starts] = is_word[starts]
    is_non_ascii = content >= 0x80  # bytes of characters outside ASCII
    letters = _is_between(content | np.uint8(0x20), "a", "z") | is_non_ascii
    characters = lengths
    if is_non_ascii.any():
        characters = count((content & np.uint8(0xC0)) != 0x80)
    byte_counts = np.maximum(lengths, 1)
    digits = _is_between(content, "0", "9")
    return [
        characters,
        count(begins_word),
        SHARES * count(letters) // byte_counts,
        SHARES * count(digits) // byte_counts,
    ]


def _is_between(content: Bytes, low: str, high: str) -> Flags:
    """Flags of the bytes in this range."""
    return content - np.uint8(ord(low)) <= ord(high) - ord(low)  # a byte below `low` wraps around to a large number
