"""Values in blocks of 4,096: sums of doubles depend on how they are grouped, so they are always grouped so. Pure numpy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]  # shape (values,)

BLOCK_VALUES = 4096  # P1


class ValueBlocks:
    """Values in arrival order, cut into blocks whatever the sizes of the calls."""

    def __init__(self) -> None:
        self._pending: Values = np.empty(BLOCK_VALUES)
        self._size = 0

    def cut(self, values: Values) -> Iterator[Values]:
        """Every block that these values complete, each to be used before the next one is asked for."""
        taken, total = 0, len(values)
        while taken < total:
            if not self._size and total - taken >= BLOCK_VALUES:
                yield values[taken : taken + BLOCK_VALUES]
                taken += BLOCK_VALUES
                continue
            step = min(BLOCK_VALUES - self._size, total - taken)
            end = self._size + step
            self._pending[self._size : end] = values[taken : taken + step]
            self._size = end % BLOCK_VALUES
            taken += step
            if end == BLOCK_VALUES:
                yield self._pending

    @property
    def rest(self) -> Values:
        """The values behind the last block."""
        return self._pending[: self._size]
