"""A column metric from data to documents: asked for, it stands in baselines, windows and merges; else nothing changes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import skew

from spark_model_monitor.documents.statistics import Statistics
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.merging import merge_runs
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

WITH = DataQualityMonitor(column_metrics=("skewness",))


def make_orders(seed, rows=9_000):
    """Numbers of a numeric type and as texts, some of them missing, and words."""
    rng = np.random.default_rng(seed)
    amount = rng.lognormal(size=rows)
    amount[::10] = np.nan
    code = [f"{number:.3f}" for number in rng.gamma(2.0, size=rows)]
    return pd.DataFrame({"amount": amount, "code": code, "plan": rng.choice(["basic", "gold"], rows)})


def compute_skewness(table):
    return {
        "amount": {"skewness": pytest.approx(skew(table["amount"].dropna()), rel=1e-9)},
        "code": {"skewness": pytest.approx(skew(table["code"].astype(float)), rel=1e-9)},
        "plan": None,
    }


def list_metrics(statistics):
    return {feature.name: feature.column_metrics for feature in statistics.features}


def test_a_metric_that_is_asked_for_stands_in_baselines_windows_and_merges(spark, tmp_path):
    # Rows of several partitions
    before = make_orders(1)
    later = make_orders(2)
    frame = spark.createDataFrame(before).repartition(3)
    baseline = run_baseline(frame, WITH)
    findings = run_monitoring(spark.createDataFrame(later), WITH, baseline)
    for name, run in (("baseline", baseline), ("window", findings)):
        run.write(str(tmp_path / name))
    merge_runs([str(tmp_path / "baseline"), str(tmp_path / "window")], str(tmp_path / "both"))

    merged = Statistics.from_json((tmp_path / "both" / "statistics.json").read_text())
    assert list_metrics(baseline.statistics) == compute_skewness(before)
    assert list_metrics(findings.current.statistics) == compute_skewness(later)
    assert list_metrics(merged) == compute_skewness(pd.concat([before, later]))
    assert baseline.to_pandas().loc["amount", "skewness"] == pytest.approx(skew(before["amount"].dropna()))


def test_a_metric_that_is_not_there_is_refused_before_the_scan(spark, count_spark_jobs):
    with count_spark_jobs() as jobs, pytest.raises(BadConfiguration, match="'skewnes'; write one of: skewness"):
        run_baseline(spark.range(3), DataQualityMonitor(column_metrics=("skewnes",)))

    assert jobs == []
