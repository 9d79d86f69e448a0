"""`merge(…)` on Spark."""

from __future__ import annotations

import pytest
from tests.spark.merging.records import make_merge

from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.fixture
def merge(spark, tmp_path):
    return make_merge(SparkEngine(spark), tmp_path)
