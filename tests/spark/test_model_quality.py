"""Model quality from Python: a table of outcomes, a later one beside it, and weeks that are merges."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.data.reading.outcome_tables import outcomes
from spark_model_monitor.errors import BadConfiguration, BadInput, BadState, ScriptFailed
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.reports.history import baselines
from spark_model_monitor.running.runs.merging import merge_runs
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.statistics.states.outcomes import OutcomePlan, ProblemType

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
MONITOR = ModelQualityMonitor(BINARY)


def table(rows=1_000, seed=1, skill=0.8):
    """Labels, the model's predictions, right for a share `skill` of the rows, and its scores."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    predictions = np.where(rng.random(rows) < skill, labels, 1 - labels)
    return pd.DataFrame(
        {"label": labels, "prediction": predictions, "probability": 0.25 + predictions / 2 + rng.random(rows) / 8}
    )


def read_metrics(baseline):
    return baseline.statistics.body_dict["binary_classification_metrics"]


def test_a_frame_of_outcomes_becomes_a_baseline(spark):
    """10 rows by hand: 3 true positives, 1 false, 2 missed, 4 true negatives."""
    rows = [(1, 1)] * 3 + [(0, 1)] * 1 + [(1, 0)] * 2 + [(0, 0)] * 4
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    baseline = run_baseline(spark.createDataFrame(rows, "label int, prediction int"), ModelQualityMonitor(plan))
    metrics = read_metrics(baseline)

    assert metrics["confusion_matrix"] == {"0": {"0": 4, "1": 1}, "1": {"0": 2, "1": 3}}
    assert metrics["precision"]["value"] == 3 / 4
    assert metrics["recall"]["value"] == 3 / 5
    assert metrics["accuracy"]["value"] == 7 / 10
    assert "auc" not in metrics
    assert baseline.statistics.body_dict["dataset"]["item_count"] == 10


def test_a_baseline_shows_itself_in_notebooks(spark):
    baseline = run_baseline(spark.createDataFrame(table()), MONITOR)
    shown = baseline.to_pandas()

    assert shown.loc["accuracy", "value"] == pytest.approx((table()["label"] == table()["prediction"]).mean())
    assert baseline._repr_html_().startswith(f"<p>1,000 rows, {len(shown)} metrics</p>")
    assert set(baseline.body_dict) == {"statistics", "constraints", "metrics"}


def test_columns_have_the_names_they_have(spark):
    frame = spark.createDataFrame(table()).toDF("churned.later", "predicted", "p")
    data = outcomes(frame, BINARY, label="churned.later", prediction="1", probability="_c2")

    assert read_metrics(run_baseline(data, MONITOR)) == read_metrics(
        run_baseline(spark.createDataFrame(table()), MONITOR)
    )


def test_a_column_that_is_absent_is_named_with_the_nearest(spark):
    with pytest.raises(
        BadConfiguration, match="inference_attribute is 'predictoin', which is no column .*'prediction'"
    ):
        outcomes(spark.createDataFrame(table()), BINARY, prediction="predictoin")


def test_a_fall_in_quality_is_found_and_a_healthy_window_is_quiet(spark):
    baseline = run_baseline(spark.createDataFrame(table()), MONITOR)
    healthy = run_monitoring(spark.createDataFrame(table(seed=2)), MONITOR, baseline)
    worse = run_monitoring(spark.createDataFrame(table(seed=3, skill=0.6)), MONITOR, baseline)

    assert healthy.count == 0
    assert {"accuracy", "f1", "auc"} <= {violation.metric_name for violation in worse.violations.violations}
    assert {"accuracy", "total_number_of_violations"} <= {metric.name for metric in worse.published}
    assert worse.to_pandas().query("status == 'violated'")["metric"].tolist()


def test_a_window_with_few_rows_is_not_judged(spark):
    baseline = run_baseline(spark.createDataFrame(table()), MONITOR)
    monitor = ModelQualityMonitor(BINARY, min_samples=100)
    findings = run_monitoring(spark.createDataFrame(table(rows=50, skill=0.2)), monitor, baseline)

    assert findings.count == 0
    assert "cannot tell" in {outcome.status.value for outcome in findings.results}


def test_label_sets_that_do_not_meet_are_refused_with_both_described(spark):
    frame = spark.createDataFrame([("yes", 1, 0.5), ("no", 0, 0.5)], "label string, prediction int, probability double")

    with pytest.raises(BadInput, match="the labels are 2 texts of 2 to 3 letters and the predictions 2 numbers"):
        run_baseline(frame, ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, positive_label="yes")))


@pytest.mark.parametrize("schema", ["label string, prediction double", "label double, prediction string"])
def test_labels_that_are_the_same_numbers_are_the_same_classes(spark, schema):
    kind = [str if "string" in column else float for column in schema.split(", ")]
    rows = [tuple(make(value) for make, value in zip(kind, pair, strict=True)) for pair in [(1, 1), (0, 1), (0, 0)]]
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    metrics = read_metrics(run_baseline(spark.createDataFrame(rows, schema), ModelQualityMonitor(plan)))

    assert metrics["accuracy"]["value"] == pytest.approx(2 / 3)


def test_rows_that_are_refused_are_reported_by_reason(spark):
    rows = [(1, 1, 0.5)] * 200 + [(0, 0, 1.5), (None, 0, 0.5)]
    frame = spark.createDataFrame(rows, "label int, prediction int, probability double")
    baseline = run_baseline(frame, MONITOR)

    assert baseline.ledger.refused == {"probability outside 0 to 1": 1, "no label": 1}
    assert (baseline.ledger.read, baseline.ledger.kept) == (202, 200)


def test_too_many_refused_rows_fail_with_their_reasons(spark, tmp_path):
    frame = spark.createDataFrame([(1, 1, 7.0)] * 3, "label int, prediction int, probability double")

    with pytest.raises(BadInput, match="3 of 3 records were refused .probability outside 0 to 1: 3."):
        run_baseline(frame, MONITOR, output_path=str(tmp_path))


def test_a_metric_of_the_users_own_is_the_mean_of_its_values(spark):
    def gain(rows):
        """10 for a churner who was called, -1 for everybody else who was."""
        called = rows["prediction"] == "1"
        return np.where(called, np.where(rows["label"] == "1", 10.0, -1.0), np.nan)

    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, values=("gain",))
    frame = spark.createDataFrame([(1, 1), (0, 1), (0, 1), (0, 0)], "label int, prediction int")
    baseline = run_baseline(outcomes(frame, plan, metrics={"gain": gain}), ModelQualityMonitor(plan))

    assert baseline.to_pandas().loc["gain", "value"] == pytest.approx((10 - 1 - 1) / 3)


def test_a_metric_that_raises_is_named(spark):
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, values=("broken",))
    frame = spark.createDataFrame([(1, 1)], "label int, prediction int")
    data = outcomes(frame, plan, metrics={"broken": lambda rows: rows["nothing"]})

    with pytest.raises(Exception, match=f"{ScriptFailed.__name__}: metric 'broken' raised KeyError"):
        run_baseline(data, ModelQualityMonitor(plan))


def test_a_weeks_quality_is_a_merge(spark, tmp_path):
    days = [table(rows=300, seed=day) for day in range(3)]
    for number, day in enumerate(days):
        run_baseline(spark.createDataFrame(day), MONITOR).write(str(tmp_path / f"day{number}"))
    union_run = run_baseline(spark.createDataFrame(pd.concat(days)), MONITOR)
    merge_runs([str(tmp_path / f"day{number}") for number in range(3)], str(tmp_path / "week"))
    merged = json.loads((tmp_path / "week" / "statistics.json").read_text())

    for name, metric in read_metrics(union_run).items():
        merged_metric = merged["binary_classification_metrics"][name]
        assert merged_metric.get("value", merged_metric) == metric.get("value", metric), name
    assert {"statistics.json", "constraints.json", "metrics.json"} <= {
        path.name for path in (tmp_path / "week").iterdir()
    }
    assert baselines.read_run_baseline(str(tmp_path / "week"), monitor=MONITOR).constraints.body_dict


def test_runs_of_different_kinds_are_not_merged(spark, tmp_path):
    from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor

    frame = spark.createDataFrame(table())
    run_baseline(frame, MONITOR).write(str(tmp_path / "quality"))
    run_baseline(frame, DataQualityMonitor()).write(str(tmp_path / "data"))

    with pytest.raises(BadState, match="data can't be added to .*quality: it has a 'profile' and not a 'outcomes'"):
        merge_runs([str(tmp_path / "quality"), str(tmp_path / "data")], str(tmp_path / "both"))
