"""Numbers in the bytes of states: the very same numbers come back, and those of few decimals take half the room."""

import numpy as np
import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.encoding import pack_numbers, unpack_numbers

DOUBLES = {
    "thirds": [1 / 3],
    "seven decimals": [0.1234567],
    "a large integer": [2.0**31],
    "a negative zero": [1.0, -0.0],
    "the last one": [*np.arange(40.0), 0.1 + 0.2],
    "tiny": [5e-324],
    "huge": [1.7e308],
}
DECIMALS = {
    "integers": ([3.0, -7.0, 2.0**31 - 1], 0),
    "amounts": ([19.99, -0.01, 1e6], 2),
    "six decimals": ([0.000001, 2147.483647], 6),
    "none": ([], 0),
}


@pytest.mark.parametrize("numbers", DOUBLES.values(), ids=DOUBLES)
def test_other_numbers_stay_doubles(numbers):
    parameters, content = pack_numbers(np.array(numbers))

    assert parameters == {}
    assert content == np.array(numbers, "<f8").tobytes()
    assert unpack_numbers(parameters, content).tobytes() == content


@pytest.mark.parametrize(("numbers", "decimals"), DECIMALS.values(), ids=DECIMALS)
def test_numbers_of_few_decimals_are_integers(numbers, decimals):
    parameters, content = pack_numbers(np.array(numbers, float))

    assert parameters == {"decimals": decimals}
    assert len(content) == 4 * len(numbers)
    assert unpack_numbers(parameters, content).tobytes() == np.array(numbers, "<f8").tobytes()


@pytest.mark.parametrize("decimals", [-1, 7, 1.0, "1", True])
def test_a_number_of_decimals_that_nothing_writes_is_a_fault(decimals):
    with pytest.raises(BadState, match="decimals is no number from 0 to 6"):
        unpack_numbers({"decimals": decimals}, b"")
