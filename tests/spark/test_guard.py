"""The guard, from frames to violations: each planted fault is found by its check alone, and the healthy window is silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring

ROWS = 2_000


def frame(seed):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": random.integers(0, 90, ROWS),
            "charge": random.normal(50, 10, ROWS),
            "order": [f"order {number}" for number in random.integers(0, 10_000, ROWS)],
            "session": [f"{number:012d}x" for number in random.integers(0, 10**12, ROWS)],
            "embedding": random.normal(0, 1, (ROWS, 4)).tolist(),
        }
    )


@pytest.fixture(scope="module")
def baseline(spark):
    return run_baseline(
        pd.concat([frame(seed) for seed in range(5)], ignore_index=True), DataQualityMonitor(), spark=spark
    )


def test_a_catalog_that_grew_along_the_rows_of_several_partitions_is_known_on_spark(spark):
    random = np.random.default_rng(8)
    products = [f"p{number:03d}" for day in range(41) for number in random.integers(30 + 2 * day, size=200)]
    before, window = (pd.DataFrame({"product": some}) for some in (products[:8_000], products[8_000:]))
    baseline = run_baseline(spark.createDataFrame(before).coalesce(2), DataQualityMonitor(), spark=spark)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark)

    assert not findings.violations.violations
    assert "new_values_check" in {outcome.check for outcome in findings.results}
