"""`spark-model-monitor demo --fleet`: a month of twenty models of which two break, watched by one call: one page of all, and one
message. The latest three weeks are kept.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TextIO

from spark_model_monitor.documents.json_text import Json
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
KEEP = {"windows": 3, "pages": "10 days"}
WEEK_HOURS = 7 * 24
PAGE = "index.html"
FLEET = "demo.fleet.json"


TRAFFIC = Traffic(hours=4)
MONTH = Traffic(hours=4, hours_apart=WEEK_HOURS)  # an hour of each week


def write_fleet(
    folder: Path,
    sinks: str | None = None,
    models: int = MODELS,
    traffic: Traffic = TRAFFIC,
    first_faulty: int = 3,
    keep: Mapping[str, Json] | None = None,
) -> None:
    """Captures of all models, their baseline and the fleet's file.

    traffic: of each, but for its seed and fault. first_faulty: the index of the hour in which that begins. keep: what stays.
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
    if traffic.hours_apart == WEEK_HOURS:
        cron = f"0 {traffic.start.hour + 1} * * {traffic.start.isoweekday()}"
    else:
        cron = "0 * * * *"
    shared = {"sinks": sinks, "keep": keep}
    fleet = {
        "defaults": {"cron": cron, "starts": starts, "variables": variables},
        "entries": entries,
        **{name: members for name, members in shared.items() if members},
    }
    text = json.dumps(fleet, indent=1)
    LocalStorage().write(str(folder / FLEET), text.encode())


def main(folder: Path, out: TextIO) -> int:
    """Write the fleet, monitor it, and print the messages."""
    messages: list[str] = []
    started = time.monotonic()
    with _chat(messages) as url:
        write_fleet(folder, f"webhook:{url}", traffic=MONTH, first_faulty=MONTH.hours - 1, keep=KEEP)
        out.write(f"1/2 {MODELS} models with captures of {MONTH.hours} weeks each in {folder}, {_since(started)}\n")
        started = time.monotonic()
        out.write(f"2/2 spark-model-monitor watch {folder / FLEET} --page {folder / PAGE}\n")
        out.flush()
        # A clock of the demo's own: all windows have ended, with some minutes for late files
        now = MONTH.start + timedelta(weeks=MONTH.hours - 1, hours=1, minutes=5)
        request = Request((folder / FLEET,), folder / "state", at_once=default_at_once(), page=folder / PAGE)
        status = run_due(request, out, now=lambda: now)
    out.write(f"    {_since(started)}\n\n{len(messages)} message to the chat: {'; '.join(messages)}\n")
    windows = sum(1 for _ in folder.glob("reports/*/*/*/*/*/run.json"))
    pages = sum(1 for _ in folder.glob("reports/*/*/*/*/*/report.html"))
    out.write(f"Kept of {MODELS * MONTH.hours} windows: {windows}, and {pages} pages of them\n")
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
