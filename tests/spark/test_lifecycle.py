"""Versions of a baseline, and age limits, on a file system that only Hadoop opens: a mount table over a local folder."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from tests.spark_lines import on_a_jvm

from spark_model_monitor.reports.history.decisions import promote, roll_back
from spark_model_monitor.reports.history.maintenance import Trees, find_prunable, prune
from spark_model_monitor.reports.outputs.run_files import publish, read_current_run
from spark_model_monitor.storage import opened_by

NOW = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)


@pytest.fixture
def elsewhere(spark, tmp_path):
    """A path of another scheme, whose files are those of `tmp_path`."""
    hadoop = spark.sparkContext._jsc.hadoopConfiguration()
    name = f"life{abs(hash(tmp_path))}"
    hadoop.set(f"fs.viewfs.mounttable.{name}.link./data", tmp_path.as_uri())
    with opened_by(spark):
        yield f"viewfs://{name}/data"


@on_a_jvm("Hadoop's file systems are in the server's JVM")
def test_a_baseline_is_promoted_and_rolled_back(elsewhere):
    for version in ("1", "2"):
        publish({"constraints.json": version.encode()}, f"{elsewhere}/run-{version}")
        promote(f"{elsewhere}/run-{version}", version, f"{elsewhere}/baselines", NOW)
    counts = read_current_run(f"{elsewhere}/baselines")
    assert counts.folder.startswith(f"{elsewhere}/baselines/2/_runs/")

    roll_back(f"{elsewhere}/baselines", NOW)
    counts = read_current_run(f"{elsewhere}/baselines")
    assert counts.folder.startswith(f"{elsewhere}/baselines/1/_runs/")


@on_a_jvm("Hadoop's file systems are in the server's JVM")
def test_old_hours_and_quarantines_go(elsewhere, tmp_path):
    for path in (
        "captures/churn/2026/01/31/10/a.jsonl",
        "captures/churn/2026/01/31/12/b.jsonl",
        "reports/2026/01/31/10/quarantine/00000.jsonl",
        "reports/2026/01/31/10/statistics.json",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("{}")
    # Hadoop sees these local files below its own scheme
    trees = Trees(captures=[f"{elsewhere}/captures"], reports=[f"{elsewhere}/reports"])
    prune(find_prunable(trees, NOW))

    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == [
        "captures/churn/2026/01/31/12/b.jsonl",
        "reports/2026/01/31/10/statistics.json",
    ]
