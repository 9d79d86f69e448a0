"""Fixtures of tests that run on a local session."""

from __future__ import annotations

import pytest
from tests.spark_lines import driver_context


@pytest.fixture
def sorts_that_spill(spark):
    """Sorts leave memory every 50 rows, so that rows which are equal in all that is sorted by come in any order."""
    name = "spark.shuffle.spill.numElementsForceSpillThreshold"
    settings = driver_context()._jvm.org.apache.spark.SparkEnv.get().conf()
    settings.set(name, "50")
    yield
    settings.remove(name)


@pytest.fixture(scope="session")
def address(spark):
    """Of the Spark Connect server that the tests' session talks to; its token is in the environment."""
    return f"sc://{spark.client._builder.endpoint}"
