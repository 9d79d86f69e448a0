"""Spark's xxhash64 of numbers, in numpy, for distinct counts that equal Spark's.

Here are the types of fixed width; `text_hashing` has the texts. Runs on executors.

Source: XXH64 and XxHash64Function of Spark 3.5 (Apache-2.0), seed 42, of Yann Collet's algorithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes: TypeAlias = NDArray[np.uint64]  # shape (present values,)

SEED = 42  # of Spark SQL's xxhash64()

PRIME_1 = np.uint64(0x9E3779B185EBCA87)
PRIME_2 = np.uint64(0xC2B2AE3D27D4EB4F)
PRIME_3 = np.uint64(0x165667B19E3779F9)
PRIME_4 = np.uint64(0x85EBCA77C2B2AE63)
PRIME_5 = np.uint64(0x27D4EB2F165667C5)

_SEEDED = np.array([SEED], np.uint64)
_PRIME_AND_WORD = np.uint64(int(PRIME_5) + 8)

_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}


def xxhash64_of(values: pa.Array | NDArray[Any]) -> Hashes:
    """The hash of each present value, in order; nulls are left out (Spark would give each the seed).

    values: booleans, integers, floats, dates or timestamps (without nulls if a numpy array). A column hashes by its
    type: 1 as an int and 1 as a long are two hashes. All NaN hash alike, and so do 0.0 and -0.0.

    Raises TypeError for any other type.
    """
    numbers = _present_numbers(values) if isinstance(values, pa.Array) else values
    if numbers.dtype == np.float64:
        return _hash_longs(_canonical(numbers).view(np.uint64))
    if numbers.dtype == np.float32:
        return _hash_ints(_canonical(numbers).view(np.uint32).astype(np.uint64))
    if numbers.dtype == np.int64:
        return _hash_longs(np.ascontiguousarray(numbers).view(np.uint64))
    if numbers.dtype.kind in "bi":
        return _hash_ints(numbers.astype(np.int32, copy=False).view(np.uint32).astype(np.uint64))
    raise TypeError(f"values of type {numbers.dtype} have no hash here; hash them with Spark's xxhash64")


def chained_hashes(columns: Sequence[NDArray[np.float64]], known: Sequence[NDArray[np.bool_]]) -> Hashes:
    """The hash of each row of doubles, as xxhash64 of several columns has it: the hash of one is the seed of the next.

    known: where there is a value; what is null leaves the hash as it was.
    """
    hashes: Hashes = np.full(len(known[0]), SEED, np.uint64)
    for numbers, is_known in zip(columns, known, strict=True):
        words = _canonical(numbers).view(np.uint64)
        hashes = np.where(is_known, _hash_longs(words, hashes), hashes)
    return hashes


def _present_numbers(values: pa.Array) -> NDArray[Any]:
    """The values that are not null, dates as days and timestamps as microseconds, as Spark keeps them."""
    present = values.drop_null() if values.null_count else values
    kind = present.type
    if pa.types.is_date32(kind):
        return np.asarray(present.view(pa.int32()))
    if pa.types.is_timestamp(kind):
        ticks = np.asarray(present.view(pa.int64()))
        return ticks // 1_000 if kind.unit == "ns" else ticks * _MICROSECONDS[kind.unit]
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return np.asarray(present.to_numpy(zero_copy_only=False))
    raise TypeError(f"values of type {kind} have no hash here; hash them with Spark's xxhash64")


def _canonical(numbers: NDArray[Any]) -> NDArray[Any]:
    """A copy with one bit pattern for NaN and one for zero. Source: NormalizeFloatingNumbers of Spark."""
    canonical: NDArray[Any] = numbers + numbers.dtype.type(0)  # -0.0 + 0.0 is 0.0
    not_a_number = np.isnan(canonical)
    if not_a_number.any():
        canonical[not_a_number] = np.nan
    return canonical


def _hash_longs(bits: Hashes, seeds: Hashes = _SEEDED) -> Hashes:
    """Source: XXH64.hashLong of Spark 3.5."""
    hashes = bits * PRIME_2
    hashes = rotated(hashes, 31)
    hashes *= PRIME_1
    hashes ^= seeds + _PRIME_AND_WORD
    hashes = rotated(hashes, 27)
    hashes *= PRIME_1
    hashes += PRIME_4
    return mixed(hashes)


def _hash_ints(bits: Hashes) -> Hashes:
    """bits: the 32 bits of each value, the upper half zero. Source: XXH64.hashInt of Spark 3.5."""
    hashes = bits * PRIME_1
    hashes ^= np.uint64((SEED + int(PRIME_5) + 4) % 2**64)
    hashes = rotated(hashes, 23)
    hashes *= PRIME_2
    hashes += PRIME_3
    return mixed(hashes)


def rotated(hashes: Hashes, bits: int) -> Hashes:
    """The hashes with their bits rotated left; what was in `hashes` is lost."""
    rotated = hashes << np.uint64(bits)
    hashes >>= np.uint64(64 - bits)
    rotated |= hashes
    return rotated


def mixed(hashes: Hashes) -> Hashes:
    """The hashes after the last step, in place. Source: XXH64.fmix of Spark 3.5."""
    hashes ^= hashes >> np.uint64(33)
    hashes *= PRIME_2
    hashes ^= hashes >> np.uint64(29)
    hashes *= PRIME_3
    hashes ^= hashes >> np.uint64(32)
    return hashes
