"""Sums that add, distances between distributions, and what noise may do.

`states/`: summaries of the data, and how they add. `drift/`: how far apart two distributions are. `verdicts/`: how rare a
difference is in healthy data, and how small a difference could have been detected.

This module has the types of arrays, by the type of their elements. The name of an array or a docstring says its shape. It
also creates the arrays without elements with which a state begins.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Elements have 64 bits, except flags and bytes
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
# Places in another array
Indexes: TypeAlias = NDArray[np.intp]
# Hashes of values or rows
Hashes: TypeAlias = NDArray[np.uint64]
# Bytes of texts
Bytes: TypeAlias = NDArray[np.uint8]


def create_empty_integers() -> Integers:
    return np.empty(0, np.int64)


def create_empty_doubles() -> Doubles:
    return np.empty(0)
