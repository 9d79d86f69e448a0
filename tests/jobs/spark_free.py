"""Jobs that need no Spark, as functions of the folder that they work in, for tests that kill them."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow.dataset  # noqa: F401 - what a job loads when it needs it, each child would again
from tests.s3 import traffic

import spark_model_monitor.monitors.data_quality.feature_scan  # noqa: F401
from jobs import baseline, monitor
from spark_model_monitor.machine import current_machine
from spark_model_monitor.reports.history.decisions import promote, read_promotions, roll_back
from spark_model_monitor.reports.history.maintenance import PruneSelection, find_prunable, prune
from spark_model_monitor.reports.outputs.run_files import publish
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.storage import LocalStorage, holding

NOW = datetime(2024, 3, 4, 22, 7, tzinfo=timezone.utc)
LATER = datetime(2024, 3, 4, 23, 7, tzinfo=timezone.utc)

BASELINE = traffic.baseline_flags(".", "out")
MONITOR = (*traffic.monitor_flags(".", "out", "baseline"), "--set", "publish_cloudwatch_metrics=Enabled")
"""What a job is given that works in the folder, on either engine."""


def published(folder: str, item_count: int = 2) -> None:
    publish(
        {
            "statistics.json": b'{"item_count": %d}' % item_count,
            "constraints.json": b"{}",
            "states/profile.parquet": b"PAR1" * item_count,
            **({"ledger.json": b"{}"} if item_count == 1 else {}),
        },
        f"{folder}/out",
    )


def promoted(folder: str) -> None:
    promote(f"{folder}/run", "8", f"{folder}/out", LATER)


def rolled_back(folder: str) -> None:
    """Unless that is done: once more would be one version further."""
    with holding(LocalStorage(), f"{folder}/out"):
        if len(read_promotions(f"{folder}/out").standing) == 2:
            roll_back(f"{folder}/out", LATER)


def pruned(folder: str) -> None:
    trees = PruneSelection((f"{folder}/captures",), (f"{folder}/out",), (f"{folder}/reports",))
    prune(find_prunable(trees, NOW), outputs=(*trees.merged, *trees.reports))


def _launch(command, note):
    """Stands for the process of a job, which ends with the one that started it."""
    note(process=str(current_machine().process()))
    output = str(command.folder / command.output_path)
    with holding(LocalStorage(), output):
        publish({"statistics.json": b"{}"}, output)
        LocalStorage().write(f"{output}/message", b"Completed: Job completed successfully.\n")
    return 0


def ran_what_is_due(folder: str, now: datetime = LATER) -> int:
    request = Request((Path(folder) / "out" / "churn-hourly.schedule.json",), retry_failed=True)
    return run_due(request, io.StringIO(), launch=_launch, now=lambda: now, environment=Environment({}))


def _monitor_here(command, note):
    """Stands for the process of a job of a fleet."""
    note(process=str(current_machine().process()))
    return monitor.main([*command.words[1:], "--engine", "local"])


def watched(folder: str) -> int:
    """What is due of a fleet of two models, and the page of all."""
    now = traffic.START + timedelta(hours=1, minutes=5)
    request = Request((Path(folder) / "shop.fleet.json",), Path(folder) / "state", page=Path(folder) / "index.html")
    request = replace(request, retry_failed=True)
    return run_due(request, io.StringIO(), launch=_monitor_here, now=lambda: now, environment=Environment({}))


def baselined(folder: str) -> int:
    return baseline.main([*BASELINE, "--engine", "local"])


def monitored(folder: str) -> int:
    return monitor.main([*MONITOR, "--engine", "local"])
