"""Sums that add, distances between distributions, and what noise may do.

`states/`: what is gathered of the data, and how it adds. `drift/`: how far apart two distributions are. `verdicts/`: how
rare a difference is in healthy data, and what could have been seen.

Here are the types of arrays, by their elements; the shape of an array is said by its name or a docstring. Also arrays without
elements, with which a state begins.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Elements of 64 bits, but for flags and bytes
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
# Hashes of values or rows
Hashes: TypeAlias = NDArray[np.uint64]
# Bytes of texts
Bytes: TypeAlias = NDArray[np.uint8]


def create_empty_integers() -> Integers:
    return np.empty(0, np.int64)


def create_empty_doubles() -> Doubles:
    return np.empty(0)
