"""A schedule whose record is on S3 alone: two machines work on it, whose clocks differ, and one is killed in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from random import Random

import pandas as pd
import pytest
from tests.s3.conftest import CREDENTIALS, ROOT
from tests.servers import http_server
from tests.unit.records.captured_lines import format_capture
from tests.waiting import wait_for

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.documents.run_description import format_moment

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

BUCKET = "shared"

WINDOWS = 6
BROKEN_FROM = 3
"""The window in which ages have tripled, as in all after it: the one alert is of this one, and this one is killed."""

AHEAD = timedelta(minutes=5)
SOON = timedelta(minutes=4)
"""The next run is due in this time: by the clock that is ahead it is due at once."""

HOUR = timedelta(hours=1)


def captures(first: datetime) -> dict[str, str]:
    """Each hour's captures by their keys, and those of two hours more, should the test last so long."""
    draw = Random(1)
    objects = {}
    for window in range(WINDOWS + 2):
        hour = first + window * HOUR
        factor = 3 if window >= BROKEN_FROM else 1
        ages = [factor * draw.randrange(20, 70) for _ in range(400)]
        lines = [format_capture(str(age), "0.25", f"event-{row}", hour) for row, age in enumerate(ages)]
        objects[f"captures/churn/AllTraffic/{hour:%Y/%m/%d/%H}/a.jsonl"] = "".join(lines)
    return objects


def baseline_objects(folder: Path) -> dict[str, bytes]:
    draw = Random(2)
    frame = pd.DataFrame({"score": [0.25] * 3000, "age": draw.choices(range(20, 70), k=3000)})
    run_baseline(frame, DataQualityMonitor()).write(str(folder))
    return {f"baseline/{path.relative_to(folder)}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_fleet(file: Path, minute: int, starts: datetime, webhook: str) -> None:
    file.parent.mkdir()
    schedule = {
        "name": "churn",
        "cron": f"{minute} * * * *",
        "starts": f"{starts:%Y-%m-%dT%H:%M:%SZ}",
        "variables": {
            "dataset_source": f"s3://{BUCKET}/captures/churn",
            "dataset_format": "capture",
            "baseline": f"s3://{BUCKET}/baseline",
            "output_path": f"s3://{BUCKET}/reports/churn",
            "sink": f"webhook:{webhook}/alerts",
        },
    }
    file.write_text(json.dumps({"entries": [schedule]}))


def start(name: str, ahead: timedelta, folder: Path, url: str) -> subprocess.Popen[bytes]:
    variables = {
        **os.environ,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lib"), str(ROOT)]),
    }
    words = [name, str(ahead.total_seconds()), str(folder / "churn.fleet.json"), f"s3://{BUCKET}/state"]
    with (folder / "log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.s3.elsewhere", *words], cwd=folder, env=variables, stderr=log
        )


def test_no_window_and_no_alert_comes_twice_and_none_is_lost(s3, tmp_path):
    next_run = (datetime.now(timezone.utc) + SOON).replace(second=0, microsecond=0)
    starts = next_run - WINDOWS * HOUR
    first = starts.replace(minute=0) - HOUR
    s3.put(BUCKET, {**captures(first), **baseline_objects(tmp_path / "baseline")})

    times = [starts + window * HOUR for window in range(WINDOWS)]

    def find_files(time: datetime, name: str) -> list[str]:
        """The files of this name in the output of a run; listed, because this server hangs on reads during a write."""
        return [key for key in s3.keys(BUCKET, f"reports/churn/{time:%Y/%m/%d/%H}/") if name in key]

    def read_outcomes(name: str, time: datetime) -> list[str]:
        """What a process has said of a run that it saw end."""
        log_lines = (tmp_path / name / "log").read_text().splitlines()
        return [line for line in log_lines if f"the run of {format_moment(time)} is " in line]

    # Two processes watch the same fleet, one of them by a clock that is ahead
    with http_server(200) as webhook, ExitStack() as at_end:
        processes = {}
        for name, ahead in (("punctual", timedelta(0)), ("ahead", AHEAD)):
            folder = tmp_path / name
            write_fleet(folder / "churn.fleet.json", next_run.minute, starts, webhook.url)
            processes[name] = start(name, ahead, folder, s3.url)
            at_end.callback(processes[name].wait)
            at_end.callback(processes[name].kill)
        # The one that has begun the window says so in its lease; it is stopped first, so that nobody writes this meanwhile
        [lease] = wait_for(lambda: find_files(times[BROKEN_FROM], "_lease-"), "the window", *processes.values())
        for process in processes.values():
            process.send_signal(signal.SIGSTOP)
        killed = json.loads(s3.read(BUCKET, lease))["host"]
        processes[killed].kill()
        for process in processes.values():
            process.send_signal(signal.SIGCONT)
        wait_for(lambda: find_files(times[-1], "message"), "the last window", pause_seconds=0.1)
        # The handler says of each run when it has ended, and before the next one begins
        alive = next(name for name in processes if name != killed)
        wait_for(lambda: read_outcomes(alive, times[-1]), "the last window's end", processes[alive])
        processes[alive].kill()
        processes[alive].wait()
        alerts = [json.loads(body) for _, _, body in webhook.requests]

    # The one that is left ran every window, and the killed one's again
    runs = json.loads(s3.read(BUCKET, "state/churn/executions.json"))["executions"][:WINDOWS]
    assert [run["scheduled_time"] for run in runs] == [format_moment(time) for time in times]
    assert [run["status"] for run in runs] == (
        ["Completed"] * BROKEN_FROM + ["CompletedWithViolations"] * (WINDOWS - BROKEN_FROM)
    )
    assert [run["attempts"] for run in runs] == [2 if index == BROKEN_FROM else 1 for index in range(WINDOWS)]
    assert [len(read_outcomes(name, times[BROKEN_FROM])) for name in (alive, killed)] == [1, 0]
    assert [(alert["alert"]["status"], alert["alert"]["changed"], alert["window"]["start"]) for alert in alerts] == [
        ("InAlert", True, format_moment(first + BROKEN_FROM * HOUR))
    ]

    # By the store's clock, no run began before it was due
    listed = s3.client.list_objects_v2(Bucket=BUCKET, Prefix="reports/churn/")["Contents"]
    messages = {file["Key"]: file["LastModified"] for file in listed if file["Key"].endswith("/message")}
    assert len(messages) >= WINDOWS
    for key, modified in messages.items():
        hour = datetime.strptime(key, "reports/churn/%Y/%m/%d/%H/message").replace(tzinfo=timezone.utc)
        assert modified >= hour.replace(minute=next_run.minute)
