"""`spark-model-monitor demo --fleet`: twenty models of which two break, watched by one call: one page of all, and one message."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TextIO

from spark_model_monitor.integrations.demo import churn
from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, captures
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.running.scheduling.side_by_side import default_at_once
from spark_model_monitor.storage import LocalStorage

MODELS = 20
BROKEN = ("shop-07", "shop-13")
OWNERS = ("anna", "ben", "chi")
# of traffic, and the one in which the fault begins
HOURS = 4
FAULTY = 3
PAGE = "index.html"
FLEET = "demo.fleet.json"


TRAFFIC = Traffic(hours=HOURS)


def write_fleet(folder: Path, sinks: str | None = None, models: int = MODELS, traffic: Traffic = TRAFFIC) -> None:
    """Captures of all models, their baseline and the fleet's file. traffic: of each, but for its seed and fault."""
    rows = churn.baseline_table(2_000)
    run_baseline(rows, DataQualityMonitor(), engine="local").write(folder / "baseline")
    for number in range(models):
        name = f"shop-{number:02}"
        fault = None
        # The same fault in two models is one cause, and so one message
        if name in BROKEN:
            fault = replace(FAULT, first_hour=FAULTY)
        for path, text in captures(replace(traffic, seed=number, fault=fault)).items():
            LocalStorage().write(str(folder / "captures" / name / path.partition("/")[2]), text.encode())
    entries = [
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
    fleet = {"defaults": {"cron": "0 * * * *", "starts": starts, "variables": variables}, "entries": entries}
    text = json.dumps(fleet | ({"sinks": sinks} if sinks else {}), indent=1)
    LocalStorage().write(str(folder / FLEET), text.encode())


def main(folder: Path, out: TextIO) -> int:
    """Write the fleet, monitor it, and print the messages."""
    messages: list[str] = []
    started = time.monotonic()
    with _chat(messages) as url:
        write_fleet(folder, f"webhook:{url}")
        out.write(f"1/2 {MODELS} models with {HOURS} hours of captures each in {folder}, {_since(started)}\n")
        started = time.monotonic()
        out.write(f"2/2 spark-model-monitor watch {folder / FLEET} --page {folder / PAGE}\n")
        out.flush()
        # A clock of the demo's own: all hours have ended, with some minutes for late files
        now = TRAFFIC.start + timedelta(hours=HOURS, minutes=5)
        request = Request((folder / FLEET,), folder / "state", at_once=default_at_once(), page=folder / PAGE)
        status = run_due(request, out, now=lambda: now)
    out.write(f"    {_since(started)}\n\n{len(messages)} message to the chat: {'; '.join(messages)}\n")
    out.write(f"See all of them: {(folder / PAGE).resolve().as_uri()}\n")
    return status


def _since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


@contextmanager
def _chat(messages: list[str]) -> Iterator[str]:
    """A local chat server that keeps its messages; its address."""

    class Chat(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            messages.append(str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    # Port 0: the system chooses a free one
    server = ThreadingHTTPServer(("127.0.0.1", 0), Chat)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
