"""The types of arrays, by their elements; of which shape one is, and of what, its name or a docstring says.

Also arrays without elements, with which a state begins.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

# Elements of 64 bits, but for flags and bytes
Doubles: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.int64]
Flags: TypeAlias = NDArray[np.bool_]
# Of values or rows
Hashes: TypeAlias = NDArray[np.uint64]
# Of texts
Bytes: TypeAlias = NDArray[np.uint8]


def create_empty_integers() -> Integers:
    return np.empty(0, np.int64)


def create_empty_doubles() -> Doubles:
    return np.empty(0)
