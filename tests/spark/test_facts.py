"""The guard on Spark, where a baseline's rows lie in several partitions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring


def test_a_catalog_that_grew_along_the_rows_of_several_partitions_is_known_on_spark(spark):
    random = np.random.default_rng(8)
    products = [f"p{number:03d}" for day in range(41) for number in random.integers(30 + 2 * day, size=200)]
    before, window = (pd.DataFrame({"product": some}) for some in (products[:8_000], products[8_000:]))
    baseline = run_baseline(spark.createDataFrame(before).coalesce(2), DataQualityMonitor(), spark=spark)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark)

    assert not findings.violations.violations
    assert "new_values_check" in {outcome.check for outcome in findings.results}
