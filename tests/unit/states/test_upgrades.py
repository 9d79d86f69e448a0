"""State bytes of older versions are taken through every step up to today's."""

import pytest

from spark_model_monitor.errors import BadState
from spark_model_monitor.statistics.states.blocks import RegressionSums
from spark_model_monitor.statistics.states.encoding import (
    UPGRADES,
    find_state_type,
    join_parts,
    list_kinds,
    pack,
    register_upgrade,
    unpack,
)
from spark_model_monitor.statistics.states.estimated import EstimatedOutcomes
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.scores import ScoreCounts

IN_NO_FILE = {"rows"}
"""Kinds that only travel from the executors to the driver, both of one release."""


@pytest.fixture
def steps():
    """Two steps of a kind that is there for one test: version 2 has the unit in its parameters, version 3 has it no more."""

    @register_upgrade("weights", 1)
    def with_unit(parameters, payload):
        return {**parameters, "unit": "kg"}, payload + b" in kg"

    @register_upgrade("weights", 2)
    def without_unit(parameters, payload):
        return {key: value for key, value in parameters.items() if key != "unit"}, payload.upper()

    yield
    del UPGRADES["weights", 1], UPGRADES["weights", 2]


def test_bytes_are_taken_from_version_to_version(steps):
    assert unpack(pack("weights", 1, {"k": 1}, b"five"), "weights", 3) == ({"k": 1}, b"FIVE IN KG")
    assert unpack(pack("weights", 1, {"k": 1}, b"five"), "weights", 2) == ({"k": 1, "unit": "kg"}, b"five in kg")
    assert unpack(pack("weights", 3, {"k": 1}, b"five"), "weights", 3) == ({"k": 1}, b"five")


def test_a_step_that_is_missing_is_named(steps):
    with pytest.raises(BadState, match="'weights' has version 3, which no release wrote"):
        unpack(pack("weights", 1, {}, b""), "weights", 4)


def test_every_state_reads_every_version_that_it_ever_had():
    missing = [
        (kind, version)
        for kind in list_kinds()
        for version in range(1, find_state_type(kind).VERSION)
        if (kind, version) not in UPGRADES and kind not in IN_NO_FILE
    ]

    assert missing == []


def test_an_estimate_of_numbers_whose_errors_another_version_summed_has_none():
    """Version 2 had a `regression` in the place of today's sums, which is another state."""
    parts = [Outcomes().to_bytes(), ScoreCounts().to_bytes(), b"", RegressionSums().to_bytes()]

    read = EstimatedOutcomes.from_bytes(pack("estimated_outcomes", 2, {}, join_parts(parts)))

    assert read == EstimatedOutcomes()
