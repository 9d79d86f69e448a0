"""Numbers in the bytes of a state. Most data has few decimals: as integers of four bytes such numbers take less than half the
room of doubles, and a quarter once compressed. Pure numpy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.errors import BadState

Numbers = NDArray[np.float64]

DECIMALS = "decimals"  # the parameter: how many decimal places integers stand for; without it the numbers are doubles
MOST_DECIMALS = 6
INTEGER_BYTES = 4
LARGEST = 2**31 - 1
TRIED_FIRST = 16  # numbers, which rule out most numbers of decimals


def pack_numbers(numbers: Numbers) -> tuple[dict[str, int], bytes]:
    """The parameter and the bytes of finite numbers, from which `unpack_numbers` makes the very same numbers."""
    for decimals in range(MOST_DECIMALS + 1):
        if _has_decimals(numbers[:TRIED_FIRST], decimals) and _has_decimals(numbers, decimals):
            integers = np.rint(numbers * 10.0**decimals).astype("<i4")
            # First the first byte of each, and so on: the last ones are nearly all alike
            return {DECIMALS: decimals}, integers.view(np.uint8).reshape(-1, INTEGER_BYTES).T.tobytes()
    return {}, np.asarray(numbers, dtype="<f8").tobytes()


def unpack_numbers(parameters: Mapping[str, int | float | str | None], content: bytes) -> Numbers:
    """Raises BadState for bytes that `pack_numbers` does not make."""
    decimals = parameters.get(DECIMALS)
    if decimals is None:
        return np.frombuffer(content, dtype="<f8").astype(np.float64, copy=False)
    if type(decimals) is not int or not 0 <= decimals <= MOST_DECIMALS:
        raise BadState(f"state bytes: {DECIMALS} is no number from 0 to {MOST_DECIMALS}")
    planes = np.frombuffer(content, dtype=np.uint8).reshape(INTEGER_BYTES, -1)
    return np.ascontiguousarray(planes.T).view("<i4").ravel() / 10.0**decimals


def measure_number(parameters: Mapping[str, int | float | str | None]) -> int:
    """The bytes of one number."""
    return 8 if parameters.get(DECIMALS) is None else INTEGER_BYTES


def _has_decimals(numbers: Numbers, decimals: int) -> bool:
    """Whether integers of four bytes give exactly these numbers; they have no negative zero."""
    with np.errstate(over="ignore", invalid="ignore"):
        integers = np.rint(numbers * 10.0**decimals)
        are_equal = (integers / 10.0**decimals == numbers) & (np.abs(integers) <= LARGEST)
    is_negative_zero = (numbers == 0) & np.signbit(numbers)
    return bool(are_equal.all() and not is_negative_zero.any())
