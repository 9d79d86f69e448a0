"""Model quality from Python: a table of outcomes, a later one beside it, and weeks that are merges."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.data.reading.outcome_tables import outcomes
from spark_model_monitor.errors import ScriptFailed
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.user_choices import ProblemType

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION, with_scores=True)
MONITOR = ModelQualityMonitor(BINARY)


def make_table(rows=1_000, seed=1, skill=0.8):
    """Labels, the model's predictions, right for a share `skill` of the rows, and its scores."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    predictions = np.where(rng.random(rows) < skill, labels, 1 - labels)
    return pd.DataFrame(
        {"label": labels, "prediction": predictions, "probability": 0.25 + predictions / 2 + rng.random(rows) / 8}
    )


def read_metrics(baseline):
    return baseline.statistics.body_dict["binary_classification_metrics"]


def test_columns_have_the_names_they_have(spark):
    frame = spark.createDataFrame(make_table()).toDF("churned.later", "predicted", "p")
    data = outcomes(frame, BINARY, label="churned.later", prediction="1", probability="_c2")

    assert read_metrics(run_baseline(data, MONITOR)) == read_metrics(
        run_baseline(spark.createDataFrame(make_table()), MONITOR)
    )


@pytest.mark.parametrize("schema", ["label string, prediction double", "label double, prediction string"])
def test_labels_that_are_the_same_numbers_are_the_same_classes(spark, schema):
    kind = [str if "string" in column else float for column in schema.split(", ")]
    rows = [tuple(make(value) for make, value in zip(kind, pair, strict=True)) for pair in [(1, 1), (0, 1), (0, 0)]]
    # Whatever type each side has, 1 and 1.0 are one class
    plan = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)
    frame = spark.createDataFrame(rows, schema)
    baseline = run_baseline(frame, ModelQualityMonitor(plan))
    metrics = read_metrics(baseline)

    assert metrics["accuracy"]["value"] == pytest.approx(2 / 3)


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
