"""The product from Python, in a session of the caller's."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.documents.constraints import Constraints
from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import NoData
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.archive import from_parquet, to_parquet
from spark_model_monitor.running.runs.merging import merge_runs, read_state
from spark_model_monitor.running.runs.monitoring_run import run_baseline


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


def test_a_frame_becomes_a_baseline(churn):
    baseline = run_baseline(churn, DataQualityMonitor())

    assert [feature.inferred_type.value for feature in baseline.statistics.features] == [
        "Integral",
        "Fractional",
        "String",
    ]
    assert baseline.statistics.dataset.item_count == 4_000
    assert baseline.constraints.feature("plan").domains == tuple(
        row["plan"] for row in churn.groupBy("plan").count().orderBy("count", ascending=False).collect()
    )


def test_a_baseline_shows_itself_in_notebooks(churn):
    baseline = run_baseline(churn, DataQualityMonitor())
    table = baseline.to_pandas()

    assert list(table.index) == ["churned", "charge", "plan"]
    assert table.loc["charge", "completeness"] == 1.0
    assert table.loc["charge", "mean"] == pytest.approx(churn.toPandas()["charge"].mean(), rel=1e-12)
    assert baseline._repr_html_().startswith("<p>4,000 rows, 3 features</p>")


def test_names_of_features_are_escaped_where_they_are_shown(spark):
    frame = spark.createDataFrame([(1,)], ["<script>alert(1)</script>"])

    assert "<script>" not in run_baseline(frame, DataQualityMonitor())._repr_html_()


def test_documents_are_dictionaries_too_as_the_sdk_gives_them(churn):
    body = run_baseline(churn, DataQualityMonitor()).body_dict

    assert body["statistics"]["dataset"] == {"item_count": 4_000}
    assert body["constraints"]["monitoring_config"]["datatype_check_threshold"] == 1.0


def test_a_baseline_is_written_and_read_again(churn, tmp_path):
    baseline = run_baseline(churn, DataQualityMonitor())
    run = baseline.write(str(tmp_path))

    assert Statistics.from_json((tmp_path / "statistics.json").read_bytes()) == baseline.statistics
    assert Constraints.from_json((tmp_path / "constraints.json").read_bytes()) == baseline.constraints
    assert read_state(str(tmp_path)) == baseline.profile
    assert json.loads((tmp_path / "ledger.json").read_text())["records"]["kept"] == 4_000
    assert set(run.digests) == {
        *("statistics.json", "constraints.json", "ledger.json", "run.json", "report.html", "states/profile.parquet"),
        *("summary.parquet", "parts.parquet"),
    }


def test_a_rerun_writes_the_same_bytes(churn, tmp_path):
    frame = churn.coalesce(3).cache()
    runs = {run_baseline(frame, DataQualityMonitor()).write(str(tmp_path)).run_id for _ in range(2)}
    frame.unpersist()

    assert len(runs) == 1


def test_states_survive_the_archive(churn):
    profile = run_baseline(churn, DataQualityMonitor()).profile

    assert from_parquet(to_parquet(profile), "here").to_bytes() == profile.to_bytes()


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


def test_an_empty_frame_is_no_baseline(spark):
    with pytest.raises(NoData, match="Job inputs had no data: no record is left of 0"):
        run_baseline(spark.createDataFrame([], "age int"), DataQualityMonitor())


def test_a_frame_in_which_everything_is_missing_has_a_baseline(spark):
    baseline = run_baseline(spark.createDataFrame([(None, None)] * 3, "age double, plan string"), DataQualityMonitor())

    assert baseline.statistics.feature("age").numerical_statistics.mean is None
    assert baseline.constraints.feature("plan").inferred_type.value == "Unknown"
    assert [feature.completeness for feature in baseline.constraints.features] == [0.0, 0.0]


def test_nothing_of_the_callers_session_is_changed(spark, churn):
    before = {row["key"]: row["value"] for row in spark.sql("SET").collect()}
    run_baseline(churn, DataQualityMonitor())

    assert {row["key"]: row["value"] for row in spark.sql("SET").collect()} == before


def test_sketches_are_left_out_of_wide_documents_only(spark):
    wide = spark.createDataFrame(pd.DataFrame({f"x{number}": [1.0, 2.0] for number in range(301)}))
    features = run_baseline(wide, DataQualityMonitor()).statistics.features
    asked_for = run_baseline(wide, DataQualityMonitor(with_sketches=True)).statistics.features
    less_wide = run_baseline(wide.drop("x300"), DataQualityMonitor()).statistics.features

    assert all(feature.distribution.kll.sketch is None for feature in features)
    assert all(feature.distribution.kll.sketch is not None for feature in asked_for)
    assert len(less_wide) == 300
    assert all(feature.distribution.kll.sketch is not None for feature in less_wide)
