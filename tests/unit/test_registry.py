"""The registry: names are unique, documented, and found or nearly found."""

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.registry import Registry


@pytest.fixture
def distances():
    registry = Registry("distance")

    @registry.register("l_infinity", symmetric=True)
    def l_infinity():
        """The largest difference.

        More words.
        """
        return "called"

    return registry


def test_an_entry_is_called_and_tells_its_facts_and_first_line(distances):
    entry = distances.get("l_infinity")

    assert entry() == "called"
    assert entry.facts == {"symmetric": True}
    assert entry.summary == "The largest difference."


def test_an_unknown_name_is_answered_with_the_nearest(distances):
    with pytest.raises(BadConfiguration, match="there is no distance called 'linfinity'; write one of: l_infinity"):
        distances.get("linfinity")


def test_a_name_is_registered_once(distances):
    with pytest.raises(ValueError, match="distance 'l_infinity' is registered twice"):
        distances.register("l_infinity")(test_a_name_is_registered_once)


def test_an_entry_needs_a_docstring(distances):
    def silent():
        return None

    with pytest.raises(ValueError, match="distance 'silent' has no docstring"):
        distances.register("silent")(silent)
