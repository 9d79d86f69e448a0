"""State bytes of older versions are taken through every step up to today's."""

import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.encoding import UPGRADES, pack, unpack


@pytest.fixture
def steps():
    """Two steps of a kind that is there for one test: version 2 has the unit in its parameters, version 3 has it no more."""

    def add_unit(parameters, payload):
        return {**parameters, "unit": "kg"}, payload + b" in kg"

    def remove_unit(parameters, payload):
        return {key: value for key, value in parameters.items() if key != "unit"}, payload.upper()

    UPGRADES["weights", 1] = add_unit
    UPGRADES["weights", 2] = remove_unit
    yield
    del UPGRADES["weights", 1], UPGRADES["weights", 2]


def test_bytes_are_taken_from_version_to_version(steps):
    oldest = pack("weights", 1, {"k": 1}, b"five")
    newest = pack("weights", 3, {"k": 1}, b"five")

    assert unpack(oldest, "weights", 3) == ({"k": 1}, b"FIVE IN KG")
    assert unpack(oldest, "weights", 2) == ({"k": 1, "unit": "kg"}, b"five in kg")
    assert unpack(newest, "weights", 3) == ({"k": 1}, b"five")


def test_a_step_that_is_missing_is_named(steps):
    with pytest.raises(BadState, match="'weights' has version 3, which no release wrote"):
        unpack(pack("weights", 1, {}, b""), "weights", 4)
