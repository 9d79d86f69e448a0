"""Spark's xxhash64 of numbers and of texts, in numpy, for distinct counts that equal Spark's. Runs on executors.

Each step of the algorithm works on all values of an array at once.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.statistics import Bytes, Doubles, Flags, Hashes, Integers

SEED = 42  # the default seed of Spark SQL's xxhash64()

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)

_PRIME_1, _PRIME_2, _PRIME_3, _PRIME_4, _PRIME_5 = map(int, (PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5))
_SEEDS = np.array([SEED], np.uint64)
_PRIME_AND_WORD = np.uint64(int(PRIME_5) + 8)

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def xxhash64(values: pa.Array | NDArray[np.generic]) -> Hashes:
    """The hash of each present value, in order. Nulls are left out (Spark would give each null the seed).

    values: booleans, integers, floats, dates or timestamps; a numpy array has no nulls. The hash depends on the column's
        type: 1 as an int and 1 as a long have different hashes. All NaNs have the same hash, and so have 0.0 and -0.0.

    Raises TypeError for any other type.
    """
    if isinstance(values, pa.Array):
        numbers = _extract_numbers(values)
    else:
        numbers = values
    if numbers.dtype == np.float64:
        return _hash_longs(_normalize(numbers).view(np.uint64))
    if numbers.dtype == np.float32:
        return _hash_ints(_normalize(numbers).view(np.uint32).astype(np.uint64))
    if numbers.dtype == np.int64:
        return _hash_longs(np.ascontiguousarray(numbers).view(np.uint64))
    if numbers.dtype.kind in "bi":
        return _hash_ints(numbers.astype(np.int32, copy=False).view(np.uint32).astype(np.uint64))
    raise TypeError(f"values of type {numbers.dtype} have no hash here; hash them with Spark's xxhash64")


def hash_arrays(arrays: Sequence[NDArray[np.generic]]) -> list[Hashes]:
    """`xxhash64` of each array of numbers. Arrays of the same type are hashed together, because each step has a fixed cost."""
    hashes_by_array: list[Hashes] = [np.empty(0, np.uint64)] * len(arrays)
    for data_type in {numbers.dtype for numbers in arrays}:
        indices = [index for index, numbers in enumerate(arrays) if numbers.dtype == data_type]
        ends = [0, *accumulate(len(arrays[index]) for index in indices)]
        hashes = xxhash64(np.concatenate([arrays[index] for index in indices]))
        for index, (start, end) in zip(indices, pairwise(ends), strict=True):
            hashes_by_array[index] = hashes[start:end]
    return hashes_by_array


def chain_hashes(columns: Sequence[Doubles], are_present: Sequence[Flags]) -> Hashes:
    """The hash of each row of doubles, like Spark's xxhash64 of several columns: the hash of one column is the seed of the
    next.

    are_present: flags of the cells that have a value; a null leaves the hash unchanged.
    """
    hashes: Hashes = np.full(len(are_present[0]), SEED, np.uint64)
    for numbers, is_present in zip(columns, are_present, strict=True):
        words = _normalize(numbers).view(np.uint64)
        hashes = np.where(is_present, _hash_longs(words, hashes), hashes)
    return hashes


def _extract_numbers(values: pa.Array) -> NDArray[Any]:
    """The present values as numbers. Dates become days and timestamps microseconds, as in Spark."""
    if values.null_count:
        present = values.drop_null()
    else:
        present = values
    data_type = present.type
    if pa.types.is_date32(data_type):
        return np.asarray(present.view(pa.int32()))
    if pa.types.is_timestamp(data_type):
        times = np.asarray(present.view(pa.int64()))
        if data_type.unit == "ns":
            return times // 1_000
        return times * _MICROSECONDS[data_type.unit]
    if pa.types.is_boolean(data_type) or pa.types.is_integer(data_type) or pa.types.is_floating(data_type):
        return np.asarray(present.to_numpy(zero_copy_only=False))
    raise TypeError(f"values of type {data_type} have no hash here; hash them with Spark's xxhash64")


def _normalize(numbers: NDArray[Any]) -> NDArray[Any]:
    """A copy with one bit pattern for NaN and one for zero. Source: NormalizeFloatingNumbers of Spark."""
    canonical: NDArray[Any] = numbers + numbers.dtype.type(0)  # -0.0 + 0.0 is 0.0
    not_a_number = np.isnan(canonical)
    if not_a_number.any():
        canonical[not_a_number] = np.nan
    return canonical


def _hash_longs(bits: Hashes, seeds: Hashes = _SEEDS) -> Hashes:
    """The hash of 64-bit values. Source: XXH64.hashLong of Spark 3.5."""
    hashes = bits * PRIME_2
    hashes = rotate_bits(hashes, 31)
    hashes *= PRIME_1
    hashes ^= seeds + _PRIME_AND_WORD
    hashes = rotate_bits(hashes, 27)
    hashes *= PRIME_1
    hashes += PRIME_4
    return mix_bits(hashes)


def _hash_ints(bits: Hashes) -> Hashes:
    """The hash of 32-bit values. bits: each value in the lower half, the upper half zero. Source: XXH64.hashInt of Spark
    3.5.
    """
    hashes = bits * PRIME_1
    hashes ^= np.uint64((SEED + int(PRIME_5) + 4) % 2**64)
    hashes = rotate_bits(hashes, 23)
    hashes *= PRIME_2
    hashes += PRIME_3
    return mix_bits(hashes)


def rotate_bits(hashes: Hashes, bits: int) -> Hashes:
    """The hashes with their bits rotated left. `hashes` itself is overwritten."""
    rotated = hashes << np.uint64(bits)
    hashes >>= np.uint64(64 - bits)
    rotated |= hashes
    return rotated


def mix_bits(hashes: Hashes) -> Hashes:
    """The hashes after the final mixing step, in place. Source: XXH64.fmix of Spark 3.5."""
    hashes ^= hashes >> np.uint64(33)
    hashes *= PRIME_2
    hashes ^= hashes >> np.uint64(29)
    hashes *= PRIME_3
    hashes ^= hashes >> np.uint64(32)
    return hashes


HALF_WORD_BYTES = 4
# Texts of at least this many bytes are read in stripes of four words, one word for each of four lanes
STRIPE_BYTES = 32

FEW_TEXTS = 8
"""With so few texts left, Python's integers are faster than numpy's arrays: a cell of 10 MB takes half a second."""

_LANE_SEEDS = (int(PRIME_1) + int(PRIME_2), int(PRIME_2), 0, -int(PRIME_1))  # are added to the text's seed
_LANE_ROTATIONS = (1, 7, 12, 18)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF_WORD_BITS = np.uint64(8 * HALF_WORD_BYTES)
_LOW_BYTE = np.uint64(0xFF)
_BYTE_BITS = np.uint64(8)
_64_BITS = 2**64 - 1


TEXTS_AT_ONCE = 2**14
"""The number of texts hashed at once: their words fit in a core's cache, and the fixed cost of a numpy step is small per
text."""


def hash_texts(texts: pa.StringArray, seed: int = SEED) -> Hashes:
    """The hash of each text, in order. texts: without null, in UTF-8. seed: the hash of the preceding columns, if there
    are any.
    """
    if len(texts) <= FEW_TEXTS:
        contents = texts.view(pa.binary()).to_pylist()
        if all(len(text) < STRIPE_BYTES for text in contents):
            return np.array([_hash_short_text(text, seed) for text in contents], np.uint64)
    starts = range(0, max(1, len(texts)), TEXTS_AT_ONCE)
    return np.concatenate([_hash_texts(texts.slice(start, TEXTS_AT_ONCE), seed) for start in starts])


def _hash_texts(texts: pa.StringArray, seed: int) -> Hashes:
    starts, lengths, content = _copy_contents(texts)
    hashes: Hashes = np.full(len(texts), (seed + int(PRIME_5)) % 2**64, dtype=np.uint64)
    stripes = lengths >> 5
    long_texts = np.flatnonzero(stripes)
    if len(long_texts) == len(texts):
        hashes = _hash_stripes(content, starts, stripes, seed)
    elif len(long_texts):
        hashes[long_texts] = _hash_stripes(content, starts[long_texts], stripes[long_texts], seed)
    hashes += lengths.view(np.uint64)
    words = _read_stripes(content, starts + (stripes << 5))
    word_counts = (lengths & 31) >> 3
    for step in range(int(word_counts.max(initial=0))):  # at most three
        _add_words(hashes, word_counts > step, _update_lane(None, words[:, step]), 27, PRIME_1, PRIME_4)
    _add_remainders(hashes, words.ravel()[np.arange(0, words.size, len(_LANE_SEEDS)) + word_counts], lengths & 7)
    return mix_bits(hashes)


def read_buffers(texts: pa.StringArray) -> tuple[NDArray[np.int32], Bytes]:
    """The offset at which each text begins and the last one ends, shape (texts + 1,), and the bytes, which may also hold
    other texts.
    """
    if not len(texts):
        # Arrow may omit the only offset of an empty array
        return np.zeros(1, np.int32), np.empty(0, np.uint8)
    _, offsets, data = texts.buffers()
    return np.frombuffer(offsets, np.int32, len(texts) + 1, 4 * texts.offset), np.frombuffer(data or b"", np.uint8)


def _hash_short_text(text: bytes, seed: int) -> int:
    """The hash of a text shorter than a stripe, in Python's integers: for few texts, numpy's steps take longer."""
    text_hash = seed + _PRIME_5 + len(text)
    remainder = text[len(text) & ~7 :]
    words = struct.iter_unpack("<Q", text[: len(text) & ~7])
    steps = [(_rotate_integer(word * _PRIME_2, 31) * _PRIME_1, 27, _PRIME_1, _PRIME_4) for (word,) in words]
    if len(remainder) >= HALF_WORD_BYTES:
        steps.append((int.from_bytes(remainder[:HALF_WORD_BYTES], "little") * _PRIME_1, 23, _PRIME_2, _PRIME_3))
    steps += [(byte * _PRIME_5, 11, _PRIME_1, 0) for byte in remainder[len(remainder) & HALF_WORD_BYTES :]]
    for step_word, bits, prime, constant in steps:
        text_hash = _rotate_integer(text_hash ^ step_word, bits) * prime + constant
    for bits, prime in ((33, _PRIME_2), (29, _PRIME_3), (32, 1)):
        text_hash = (text_hash ^ (text_hash & _64_BITS) >> bits) * prime & _64_BITS
    return text_hash


def _rotate_integer(number: int, bits: int) -> int:
    """The lowest 64 bits of a number, rotated left."""
    return (number << bits | (number & _64_BITS) >> 64 - bits) & _64_BITS


def _copy_contents(texts: pa.StringArray) -> tuple[Integers, Integers, Bytes]:
    """The offset of each text, its length in bytes, and a copy of all bytes with a spare stripe at the end."""
    bounds, data = read_buffers(texts)
    offsets = bounds.astype(np.int64)
    first = int(offsets[0])
    last = int(offsets[-1])
    content = np.empty(last - first + STRIPE_BYTES, np.uint8)
    content[last - first :] = 0
    content[: last - first] = data[first:last]
    return offsets[:-1] - first, np.diff(offsets), content


def _read_stripes(content: Bytes, starts: Integers) -> Hashes:
    """The stripe that begins at each of these offsets, shape (offsets, 4)."""
    shape = (len(content) - STRIPE_BYTES + 1,)
    stripes: NDArray[np.void] = np.ndarray(shape, f"V{STRIPE_BYTES}", buffer=content, strides=(1,))
    return stripes[starts].view("<u8").reshape(-1, len(_LANE_SEEDS))


def _add_remainders(hashes: Hashes, remainders: Hashes, lengths: Integers) -> None:
    """Process the up to seven bytes after a text's last whole word: first four at once, then one by one."""
    has_half = lengths >= HALF_WORD_BYTES
    if has_half.any():
        _add_words(hashes, has_half, (remainders & _LOW_HALF) * PRIME_1, 23, PRIME_2, PRIME_3)
        remainders >>= has_half * _HALF_WORD_BITS
    lengths = lengths & 3
    for step in range(int(lengths.max(initial=0))):
        _add_words(hashes, lengths > step, (remainders & _LOW_BYTE) * PRIME_5, 11, PRIME_1)
        remainders >>= _BYTE_BITS


def _add_words(
    hashes: Hashes,
    is_chosen: Flags,
    words: Hashes,
    bits: int,
    prime: np.uint64,
    constant: np.uint64 | None = None,
) -> None:
    """Mix one word into the hash of each chosen text. For few texts the hashes are selected; else all are computed and only
    the chosen ones are stored, which is faster."""
    count = np.count_nonzero(is_chosen)
    if 4 * count < len(is_chosen):
        selected: slice | Integers = np.flatnonzero(is_chosen)
        words = words[selected]
    else:
        selected = slice(None)
    words ^= hashes[selected]
    words = rotate_bits(words, bits)
    words *= prime
    if constant is not None:
        words += constant
    if isinstance(selected, slice) and count < len(is_chosen):
        np.putmask(hashes, is_chosen, words)
    else:
        hashes[selected] = words


def _hash_stripes(content: Bytes, starts: Integers, counts: Integers, seed: int) -> Hashes:
    """The hashes after `counts` stripes of each text."""
    lanes = [np.full(len(starts), (seed + lane_seed) % 2**64, np.uint64) for lane_seed in _LANE_SEEDS]
    stripe = 0
    active_texts = np.arange(len(starts))
    while len(active_texts) > FEW_TEXTS:
        selected: slice | Integers = slice(None) if len(active_texts) == len(starts) else active_texts
        words = _read_stripes(content, starts[selected] + STRIPE_BYTES * stripe)
        for lane, word in zip(lanes, words.T, strict=True):
            lane[selected] = _update_lane(lane[selected], word)
        stripe += 1
        active_texts = active_texts[counts[active_texts] > stripe]
    # The few longest texts are finished one by one
    for text in active_texts.tolist():
        start = int(starts[text]) + STRIPE_BYTES * stripe
        end = int(starts[text] + STRIPE_BYTES * counts[text])
        updated_lanes = _update_lanes_of_text(content[start:end], [int(lane[text]) for lane in lanes])
        for lane, number in zip(lanes, updated_lanes, strict=True):
            lane[text] = number
    # Combine the four lanes into one hash
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for lane, bits in zip(lanes, _LANE_ROTATIONS, strict=True):
        hashes += lane << np.uint64(bits)
        hashes += lane >> np.uint64(64 - bits)
    for lane in lanes:
        hashes ^= _update_lane(None, lane)
        hashes *= PRIME_1
        hashes += PRIME_4
    return hashes


def _update_lane(lane: Hashes | None, word: Hashes) -> Hashes:
    """A lane after its next word. Source: a round of XXH64 in Spark 3.5."""
    updated = word * PRIME_2
    if lane is not None:
        updated += lane
    updated = rotate_bits(updated, 31)
    updated *= PRIME_1
    return updated


def _update_lanes_of_text(stripes: Bytes, lanes: list[int]) -> list[int]:
    """The four lanes of one text after further stripes."""
    for lane in range(4):
        value = lanes[lane]
        for word in np.frombuffer(stripes.tobytes(), "<u8")[lane::4].tolist():
            value = _rotate_integer(value + word * _PRIME_2, 31) * _PRIME_1 & _64_BITS
        lanes[lane] = value
    return lanes
