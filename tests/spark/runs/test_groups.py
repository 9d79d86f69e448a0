"""--group-column on both engines: the same groups of rows that lie scattered over files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.both_engines import list_engines, require_same
from tests.rotation import every_combination

from spark_model_monitor import (
    AnalysisConfig,
    AttributionMeasures,
    BiasMeasures,
    BiasMonitor,
    ExplainabilityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
)
from spark_model_monitor.documents.monitoring_settings import MonitoringSettings
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

USERS = 60
ROWS = 3_000


def write_files(rows, folder, kind, files):
    """The rows in so many files, which lie there in their order."""
    for number, positions in enumerate(np.array_split(np.arange(len(rows)), files)):
        path = folder / f"{number}.{kind}"
        if kind == "csv":
            rows.iloc[positions].to_csv(path, index=False)
        else:
            rows.iloc[positions].to_parquet(path, index=False)


def run_monitoring_on_both(spark, monitor, folder, kind):
    """What both engines find beside one baseline."""
    baseline = run_baseline(folder, monitor, dataset_format=kind, engine="local")
    return [run_monitoring(folder, monitor, baseline, dataset_format=kind, **where) for where in list_engines(spark)]


@every_combination(kind=["csv", "parquet"], named_by=[str, int])
def test_both_engines_count_the_same_groups(spark, tmp_path, kind, named_by):
    random = np.random.default_rng(4)
    user = random.integers(0, USERS, ROWS)
    rows = pd.DataFrame(
        {
            "x": random.standard_normal(USERS)[user],
            "y": random.standard_normal(ROWS),
            "user": pd.Series(user * 7).astype(named_by),
        }
    )
    write_files(rows, tmp_path, kind, files=4)
    monitor = DataQualityMonitor(settings=MonitoringSettings(group_column="user"))

    runs = run_monitoring_on_both(spark, monitor, tmp_path, kind)

    groups = [run.judgement.comparison.design_effects.by_feature for run in runs]

    assert set(groups[0]) == {"x", "user"}
    assert groups[0]["x"][0] == pytest.approx(ROWS / USERS, rel=0.1)
    assert groups[1] == groups[0]


OF_BIAS = """{"label": "label", "label_values_or_threshold": [1], "facet": [{"name_or_index": "sex"}],
    "segment_config": [{"name_or_index": "plan", "segments": []}], "group_variable": "plan",
    "methods": {"pre_training_bias": {"methods": "all"}}}"""
OF_ATTRIBUTIONS = """{"excluded_columns": ["user", "sex", "plan", "label", "prediction", "probability"],
    "methods": {"shap": {"baseline": [[0, 0]]}}}"""


def test_both_engines_see_the_same_neighbours_of_attributions(spark, tmp_path):
    random = np.random.default_rng(7)
    rows = pd.DataFrame({name: np.repeat(random.integers(0, 9, 200), 20) for name in ("x", "y")})
    write_files(rows, tmp_path, "parquet", files=1)
    measures = AttributionMeasures.of(
        AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[0, 0]]}}}'), weigh_columns
    )
    monitor = ExplainabilityMonitor(measures)

    runs = run_monitoring_on_both(spark, monitor, tmp_path, "parquet")

    assert 14 <= runs[0].baseline.design_effects.mean() <= 30
    assert runs[1].baseline.design_effects.tolist() == runs[0].baseline.design_effects.tolist()
    require_same(*(run_result.files() for run_result in runs))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_both_engines_see_the_same_neighbours(spark, tmp_path, kind):
    random = np.random.default_rng(6)
    user = np.repeat(np.arange(600), 10)
    rows = pd.DataFrame(
        {
            "sex": random.choice(["f", "m"], 600)[user],
            "plan": random.choice(["basic", "plus"], len(user)),
            "label": random.integers(0, 2, 600)[user],
        }
    )
    write_files(rows, tmp_path, kind, files=3)
    monitor = BiasMonitor(replace(BiasMeasures.of(AnalysisConfig.from_json(OF_BIAS)), untyped_texts=kind == "csv"))

    runs = run_monitoring_on_both(spark, monitor, tmp_path, kind)

    assert 8 <= runs[0].baseline.design_effects["sex"]["DPL"] <= 16
    assert runs[1].baseline.design_effects == runs[0].baseline.design_effects
    require_same(*(run_result.files() for run_result in runs))


def weigh_columns(rows):
    return 2 * rows["x"] + rows["y"]


@every_combination(monitored=["bias", "attributions", "outcomes"], file=[("csv", str), ("parquet", int)])
def test_both_engines_put_the_same_groups_into_the_same_blocks(spark, tmp_path, file, monitored):
    kind, named_by = file
    random = np.random.default_rng(5)
    user = random.integers(0, USERS, ROWS)
    rows = pd.DataFrame(
        {
            "x": random.integers(0, 9, USERS)[user],
            "y": random.integers(0, 9, ROWS),
            "sex": random.choice(["f", "m"], USERS)[user],
            "plan": random.choice(["basic", "plus"], ROWS),
            "label": random.integers(0, 2, USERS)[user],
            "prediction": random.integers(0, 2, ROWS),
            "probability": random.integers(0, 9, ROWS) / 8,
            "user": pd.Series(user * 7 + 2**60).astype(named_by),
        }
    )
    rows["user"] = rows["user"].where(rows["y"] > 0).astype(object if named_by is str else "Int64")  # some have no name
    write_files(rows, tmp_path, kind, files=4)
    if monitored == "bias":
        measures = BiasMeasures.of(AnalysisConfig.from_json(OF_BIAS))
        monitor = BiasMonitor(replace(measures, group_column="user", untyped_texts=kind == "csv"))
    elif monitored == "outcomes":
        plan = {"with_scores": True, "group_column": "user", "segments": ("plan",)}
        monitor = ModelQualityMonitor(OutcomePlan(ProblemType.BINARY_CLASSIFICATION, **plan))
    else:
        measures = AttributionMeasures.of(AnalysisConfig.from_json(OF_ATTRIBUTIONS), weigh_columns)
        monitor = ExplainabilityMonitor(replace(measures, group_column="user"))
    files_by_engine = []
    for where in list_engines(spark):
        # Each beside a baseline of its own
        baseline = run_baseline(tmp_path, monitor, dataset_format=kind, **where)
        findings = run_monitoring(tmp_path, monitor, baseline, dataset_format=kind, **where)
        files_by_engine.append(baseline.files() | findings.files())

    require_same(*files_by_engine)
