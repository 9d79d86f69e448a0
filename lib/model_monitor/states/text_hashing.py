"""Spark's xxhash64 of texts, in numpy: every step of the algorithm for all texts of an array at once. Runs on executors.

A text is read in words of eight bytes. Texts of fewer words drop out of the steps that they have no word for.

Source: XXH64.hashUnsafeBytes of Spark 3.5 (Apache-2.0), seed 42, of Yann Collet's algorithm.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.states.hashing import PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5, SEED, Hashes, mixed, rotated

Bytes: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]  # little endian
Places: TypeAlias = NDArray[np.int64]  # shape (texts,), byte offsets

WORD_BYTES, HALF_WORD_BYTES = 8, 4
STRIPE_BYTES = 32
"""Texts of so many bytes and more begin with stripes of four words, one for each of four lanes."""

FEW_TEXTS = 8
"""With so few texts left, Python's own integers are faster than numpy's arrays: a cell of 10 MB takes half a second."""

_LANES = np.array(
    [(SEED + int(PRIME_1) + int(PRIME_2)) % 2**64, SEED + int(PRIME_2), SEED, (SEED - int(PRIME_1)) % 2**64],
    dtype=np.uint64,
)
_LANE_ROTATIONS = (1, 7, 12, 18)
_LOW_HALF = np.uint64(0xFFFFFFFF)
_HALF_WORD_BITS = np.uint64(8 * HALF_WORD_BYTES)
_LOW_BYTE = np.uint64(0xFF)
_64_BITS = 2**64 - 1


def xxhash64_of_texts(texts: pa.StringArray) -> Hashes:
    """The hash of each text, in order. texts: without null, UTF-8."""
    starts, lengths, content = _laid_out(texts)
    hashes = np.full(len(texts), (SEED + int(PRIME_5)) % 2**64, dtype=np.uint64)
    long = np.flatnonzero(lengths >= STRIPE_BYTES)
    places = starts.copy()
    if len(long):
        hashes[long] = _hashes_of_stripes(content, starts[long], lengths[long] // STRIPE_BYTES)
        places[long] += lengths[long] // STRIPE_BYTES * STRIPE_BYTES
    hashes += lengths.view(np.uint64)
    _take_words(hashes, content, places, (starts + lengths - places) >> 3)
    _take_rest(hashes, content, starts + (lengths & ~7), lengths & 7)
    return mixed(hashes)


def _laid_out(texts: pa.StringArray) -> tuple[Places, Places, Bytes]:
    """Where each text begins, its length in bytes, and the bytes of all, with a word to spare behind them."""
    _, places, data = texts.buffers()
    offsets = np.frombuffer(places, np.int32, len(texts) + 1, 4 * texts.offset).astype(np.int64)
    first, last = int(offsets[0]), int(offsets[-1])
    content = np.empty(last - first + WORD_BYTES, np.uint8)
    content[last - first :] = 0
    if last > first:
        content[: last - first] = np.frombuffer(data, np.uint8, last - first, first)
    return offsets[:-1] - first, np.diff(offsets), content


def _words_at(content: Bytes, places: Places) -> Words:
    """The eight bytes that begin at each place."""
    shape = (len(content) - WORD_BYTES + 1,)
    words: NDArray[np.void] = np.ndarray(shape, f"V{WORD_BYTES}", buffer=content, strides=(1,))
    return words[places].view("<u8")


def _take_words(hashes: Hashes, content: Bytes, places: Places, counts: Places) -> None:
    """Go on with `counts` words of each text, from `places`."""
    step = 0
    while (longer := _those(counts > step)) is not None:
        found = hashes[longer]
        found ^= _lane_after(None, _words_at(content, places[longer] + WORD_BYTES * step))
        found = rotated(found, 27)
        found *= PRIME_1
        found += PRIME_4
        hashes[longer] = found
        step += 1


def _take_rest(hashes: Hashes, content: Bytes, places: Places, lengths: Places) -> None:
    """Go on with the up to seven bytes behind a text's last whole word: four of them at once, then one by one."""
    rest = _words_at(content, places)
    bytes_left = lengths.astype(np.uint8)
    half = _those(bytes_left >= HALF_WORD_BYTES)
    if half is not None:
        found = hashes[half]
        found ^= (rest[half] & _LOW_HALF) * PRIME_1
        found = rotated(found, 23)
        found *= PRIME_2
        found += PRIME_3
        hashes[half] = found
        rest[half] >>= _HALF_WORD_BITS
        bytes_left %= HALF_WORD_BYTES
    step = 0
    while (longer := _those(bytes_left > step)) is not None:
        found = hashes[longer]
        byte = rest[longer] >> np.uint64(8 * step)
        byte &= _LOW_BYTE
        byte *= PRIME_5
        found ^= byte
        found = rotated(found, 11)
        found *= PRIME_1
        hashes[longer] = found
        step += 1


def _those(chosen: NDArray[np.bool_]) -> slice | Places | None:
    """The places of what is chosen, None if nothing is. All are a slice, as picking takes longer and texts are often alike."""
    count = np.count_nonzero(chosen)
    if not count:
        return None
    return slice(None) if count == len(chosen) else np.flatnonzero(chosen)


def _hashes_of_stripes(content: Bytes, starts: Places, counts: Places) -> Hashes:
    """What `counts` stripes of each text come to."""
    lanes = np.repeat(_LANES[:, np.newaxis], len(starts), axis=1)
    step = 0
    active = np.arange(len(starts))
    while len(active) > FEW_TEXTS:
        for lane in range(4):
            places = starts[active] + STRIPE_BYTES * step + WORD_BYTES * lane
            lanes[lane, active] = _lane_after(lanes[lane, active], _words_at(content, places))
        step += 1
        active = active[counts[active] > step]
    for text in active.tolist():
        begin, end = int(starts[text]) + STRIPE_BYTES * step, int(starts[text] + STRIPE_BYTES * counts[text])
        lanes[:, text] = _lanes_of_one(content[begin:end], lanes[:, text].tolist())
    hashes = np.zeros(len(starts), dtype=np.uint64)
    for lane, bits in zip(lanes, _LANE_ROTATIONS, strict=True):
        hashes += rotated(lane.copy(), bits)
    for lane in lanes:
        hashes ^= _lane_after(None, lane)
        hashes *= PRIME_1
        hashes += PRIME_4
    return hashes


def _lane_after(lane: Words | None, word: Words) -> Words:
    """A lane after its next word. Source: a round of XXH64 in Spark 3.5."""
    after = word * PRIME_2
    if lane is not None:
        after += lane
    after = rotated(after, 31)
    after *= PRIME_1
    return after


def _lanes_of_one(stripes: Bytes, lanes: list[int]) -> list[int]:
    """The four lanes of one text after further stripes."""
    prime_1, prime_2 = int(PRIME_1), int(PRIME_2)
    for lane in range(4):
        value = lanes[lane]
        for word in np.frombuffer(stripes.tobytes(), "<u8")[lane::4].tolist():
            value = (value + word * prime_2) & _64_BITS
            value = ((value << 31) | (value >> 33)) * prime_1 & _64_BITS
        lanes[lane] = value
    return lanes
