"""The product from Python, in a session of the caller's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runs.state_merge import merge_runs


@pytest.fixture
def churn(spark):
    rng = np.random.default_rng(11)
    rows = 4_000
    return spark.createDataFrame(
        pd.DataFrame(
            {
                "churned": rng.integers(0, 2, rows),
                "charge": rng.lognormal(size=rows),
                "plan": rng.choice(["basic", "gold", "<b>bold</b>"], rows),
            }
        )
    )


def test_a_rerun_writes_the_same_bytes(churn, tmp_path):
    frame = churn.coalesce(3).cache()
    runs = {run_baseline(frame, DataQualityMonitor()).write(str(tmp_path)).run_id for _ in range(2)}
    frame.unpersist()

    assert len(runs) == 1


def test_merged_states_give_the_documents_of_the_union(churn, tmp_path):
    monday = churn.where("churned = 0")
    tuesday = churn.where("churned = 1")
    for name, frame in {"monday": monday, "tuesday": tuesday}.items():
        run_baseline(frame, DataQualityMonitor()).write(str(tmp_path / name))
    union_run = run_baseline(churn, DataQualityMonitor())
    merge_runs([str(tmp_path / "monday"), str(tmp_path / "tuesday")], str(tmp_path / "both"))
    merged = Statistics.from_json((tmp_path / "both" / "statistics.json").read_bytes())

    assert Constraints.from_json((tmp_path / "both" / "constraints.json").read_bytes()) == union_run.constraints
    for ours, theirs in zip(merged.features, union_run.statistics.features, strict=True):
        if ours.name == "plan":
            assert ours == theirs
            continue
        mine = ours.numerical_statistics
        theirs_numbers = theirs.numerical_statistics
        assert (mine.min, mine.max, mine.common) == (theirs_numbers.min, theirs_numbers.max, theirs_numbers.common)
        assert mine.approximate_num_distinct_values == theirs_numbers.approximate_num_distinct_values
        assert mine.mean == pytest.approx(theirs_numbers.mean, rel=1e-12)
        assert mine.std_dev == pytest.approx(theirs_numbers.std_dev, rel=1e-12)
        # D1b: the error of a sketch of 4,000 values is at most 0.0004 on each rank
        for bucket, same in zip(mine.distribution.kll.buckets, theirs_numbers.distribution.kll.buckets, strict=True):
            assert abs(bucket.count - same.count) <= 4 * 0.0004 * 4_000 + 1


def test_a_frame_in_which_everything_is_missing_has_a_baseline(spark):
    baseline = run_baseline(spark.createDataFrame([(None, None)] * 3, "age double, plan string"), DataQualityMonitor())

    assert baseline.statistics.feature("age").numerical_statistics.mean is None
    assert baseline.constraints.feature("plan").inferred_type.value == "Unknown"
    assert [feature.completeness for feature in baseline.constraints.features] == [0.0, 0.0]


def test_nothing_of_the_callers_session_is_changed(spark, churn):
    before = {row["key"]: row["value"] for row in spark.sql("SET").collect()}
    run_baseline(churn, DataQualityMonitor())

    assert {row["key"]: row["value"] for row in spark.sql("SET").collect()} == before
