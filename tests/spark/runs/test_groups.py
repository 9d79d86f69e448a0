"""--group-column on both engines: the same groups of rows that lie scattered over files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model_monitor.documents.constraints import MonitoringSettings
from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.running.runs.run import run_baseline, run_monitoring

USERS, ROWS = 60, 3_000


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("named_by", [str, int])
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
    for number, part in enumerate(np.array_split(np.arange(ROWS), 4)):
        of_file = rows.iloc[part]
        path = tmp_path / f"{number}.{kind}"
        of_file.to_csv(path, index=False) if kind == "csv" else of_file.to_parquet(path)
    monitor = DataQualityMonitor(settings=MonitoringSettings(group_column="user"))
    baseline = run_baseline(tmp_path, monitor, dataset_format=kind, engine="local")

    groups = [
        run_monitoring(tmp_path, monitor, baseline, dataset_format=kind, spark=spark, engine=engine).known.groups
        for engine in ("spark", "local")
    ]

    assert set(groups[0]) == {"x", "user"}
    assert groups[0]["x"][0] == pytest.approx(ROWS / USERS, rel=0.1)
    assert groups[1] == groups[0]
