"""A fleet of similar models with captures, their baseline and the fleet's file; two of the models may break."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, captures
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

BROKEN = ("shop-01", "shop-02")
OWNERS = ("anna", "ben", "chi")
PAGE = "index.html"
FLEET = "demo.fleet.json"
TRAFFIC = Traffic(hours=4)


def write_fleet(
    folder: Path, sinks: str | None = None, models: int = 4, traffic: Traffic = TRAFFIC, first_faulty: int = 3
) -> None:
    """Captures of all models, their baseline and the fleet's file.

    traffic: of each, but for its seed and fault. first_faulty: the index of the hour in which that begins.
    """
    rows = churn.baseline_table(2_000)
    run_baseline(rows, DataQualityMonitor(), engine="local").write(folder / "baseline")
    for number in range(models):
        name = f"shop-{number:02}"
        fault = None
        # The same fault in two models is one cause, and so one message
        if name in BROKEN:
            fault = replace(FAULT, first_hour=first_faulty)
        for path, text in captures(replace(traffic, seed=number, fault=fault)).items():
            file = folder / "captures" / name / path.partition("/")[2]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    models_of_fleet = [
        {"name": f"shop-{number:02}", "owner": OWNERS[number % len(OWNERS)], "tags": ["eu" if number % 2 else "us"]}
        for number in range(models)
    ]
    variables = {
        "dataset_source": "captures/{name}",
        "dataset_format": "capture",
        "baseline": "baseline",
        "output_path": "reports/{name}",
    }
    # The first window has ended an hour after the traffic's start
    starts = f"{traffic.start + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    fleet = {"defaults": {"cron": "0 * * * *", "starts": starts, "variables": variables}, "entries": models_of_fleet}
    if sinks:
        fleet["sinks"] = sinks
    (folder / FLEET).write_text(json.dumps(fleet, indent=1))
