"""`merge(…)` on the engine without a JVM."""

from __future__ import annotations

import pytest
from tests.spark.merging.records import make_merge

from spark_model_monitor.data.engine.local_engine import LocalEngine


@pytest.fixture
def merge(tmp_path):
    return make_merge(LocalEngine(processes=1), tmp_path)
