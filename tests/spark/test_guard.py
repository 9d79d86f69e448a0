"""The guard, from frames to violations: each planted fault is found by its check alone, and the healthy window is silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.checks.guard import GUARDS
from spark_model_monitor.monitors.protocol import select_violations

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


def with_infinities(window):
    window.loc[:39, "charge"] = np.inf


def with_old_ages(window):
    window.loc[:9, "age"] = 900


def with_negative_ages(window):
    window.loc[:39, "age"] = -1


def with_a_new_text(window):
    window.loc[:159, "order"] = "n/a"


def with_repeated_sessions(window):
    window["session"] = window["session"].iloc[np.arange(ROWS) % 300].tolist()


def with_shorter_embeddings(window):
    window["embedding"] = window["embedding"].map(lambda vector: vector[:3])


def with_moved_embeddings(window):
    window["embedding"] = window["embedding"].map(lambda vector: [5 * element + 3 for element in vector])


@pytest.fixture(scope="module")
def baseline(spark):
    return run_baseline(
        pd.concat([frame(seed) for seed in range(5)], ignore_index=True), DataQualityMonitor(), spark=spark
    )


@pytest.mark.parametrize(
    ("plant", "where"),
    [
        (lambda window: None, set()),
        (with_infinities, {("charge", "infinity_check")}),
        (with_negative_ages, {("age", "sign_check")}),
        (with_a_new_text, {("order", "frequent_value_check")}),
        (with_repeated_sessions, {("session", "distinct_share_check")}),
        (with_moved_embeddings, {("embedding", "vector_components_check")}),
        (with_shorter_embeddings, {("embedding", "vector_length_check")}),
    ],
)
def test_a_fault_is_found_by_its_check_alone(spark, baseline, plant, where):
    window = frame(99)
    plant(window)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark)

    assert {
        (outcome.feature, outcome.check) for outcome in select_violations(findings.results) if outcome.check in GUARDS
    } == where


def test_ages_that_nobody_has_are_a_drift_and_no_second_violation_beside_it(spark, baseline):
    window = frame(99)
    with_old_ages(window)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark)

    outcome = {result.check: result for result in findings.results if result.feature == "age"}
    assert (outcome["baseline_drift_check"].status.value, outcome["baseline_drift_check"].component) == (
        "violated",
        "range",
    )
    assert outcome["range_check"].reason == "baseline_drift_check is violated, and this is the same change"


def test_a_catalog_that_grew_along_the_rows_of_several_partitions_is_known_on_spark(spark):
    random = np.random.default_rng(8)
    products = [f"p{number:03d}" for day in range(41) for number in random.integers(30 + 2 * day, size=200)]
    before, window = (pd.DataFrame({"product": some}) for some in (products[:8_000], products[8_000:]))
    baseline = run_baseline(spark.createDataFrame(before).coalesce(2), DataQualityMonitor(), spark=spark)

    findings = run_monitoring(window, DataQualityMonitor(), baseline, spark=spark)

    assert not findings.violations.violations
    assert "new_values_check" in {outcome.check for outcome in findings.results}
