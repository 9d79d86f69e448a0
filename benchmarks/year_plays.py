"""Hours of models that benchmarks/year.py has the code of `watch` run, one after the other, and what each took and left.

They have a clock of their own, faults and retention. Core seconds are of all processes; requests are calls of the storage. It is
imported by the processes that play, and by the one that jobs are forked off, so that all of them count their requests.
"""

from __future__ import annotations

import ctypes
import json
import multiprocessing.forkserver
import os
import resource
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import wraps
from io import StringIO
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
import pandas as pd

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.running.scheduling import job_processes
from spark_model_monitor.running.scheduling.parallel_jobs import default_job_count
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.storage import LocalStorage

START = datetime(2025, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
ROWS = 250
FLEET = "year.fleet.json"
KEPT_WINDOWS = 400
PAGE_DAYS = 7
STATE_DAYS = 10
FAULTY_SHARE = 0.02  # of the hours, for each of the faults that come by chance
MEASURED = "hours.jsonl"
KINDS = ("shifted", "late", "other")
REQUESTS = "BENCHMARK_REQUESTS"
"""The file that gets a byte for each call of the storage; where it isn't set, none are counted."""

COUNTED = (
    *("exists", "walk", "list_folders", "list_by_prefix", "read", "open"),
    *("write", "assemble", "copy", "delete"),
)
P = ParamSpec("P")
T = TypeVar("T")

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


def count_requests(path: str) -> None:
    """From now on each call of the local storage, apart from those that it makes itself, adds a byte to a file."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    calls = threading.local()

    def count_calls(method: Callable[P, T]) -> Callable[P, T]:
        @wraps(method)
        def call(*arguments: P.args, **named: P.kwargs) -> T:
            is_inner = getattr(calls, "is_under_way", False)
            if not is_inner:
                os.write(file, b".")
            calls.is_under_way = True
            try:
                return method(*arguments, **named)
            finally:
                calls.is_under_way = is_inner

        return call

    for name in COUNTED:
        setattr(LocalStorage, name, count_calls(getattr(LocalStorage, name)))


if REQUESTS in os.environ:  # in the processes that play, and in those that they start
    count_requests(os.environ[REQUESTS])


@dataclass(frozen=True)
class Play:
    """Hours of some models. killed_every, measured_every: hours between two killed passes, and between two counts of files."""

    models: int
    hours: int
    killed_every: int
    measured_every: int = 1

    def is_killed(self, hour: int) -> bool:
        """Whether the pass of this hour is killed."""
        return hour % self.killed_every == self.killed_every // 2


@dataclass(frozen=True)
class Faults:
    """What is wrong with an hour of a model: no captures, some an hour late, a broken line, a feature that shifted."""

    is_empty: bool = False
    is_late: bool = False
    is_damaged: bool = False
    is_shifted: bool = False

    @property
    def kind(self) -> str:
        """Which of `KINDS` it is: of what alarms, or should."""
        if self.is_shifted:
            return "shifted"
        return "late" if self.is_late else "other"


def plan_faults(model: int, hour: int) -> Faults:
    """What is wrong with an hour, the same each time."""
    is_empty, is_late, is_damaged = np.random.default_rng([model, hour, 1]).random(3) < FAULTY_SHARE
    # Eight hours of every ten days, at another time for each model
    is_shifted = (hour + 37 * model) % 240 >= 232
    return Faults(bool(is_empty), bool(is_late), bool(is_damaged), is_shifted)


def draw_rows(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """The model's answer, and its features."""
    amount = random.lognormal(3, 0.6, rows).round(2)
    age = random.integers(18, 80, rows)
    visits = random.poisson(3, rows)
    country = random.choice(["DE", "FR", "PL", "ES"], rows, p=[0.5, 0.3, 0.15, 0.05])
    score = (1 / (1 + np.exp((age - 45) / 20 - visits / 3 + amount / 40))).round(4)
    columns = {"score": score, "amount": amount, "age": age, "visits": visits, "country": country}
    return pd.DataFrame(columns)


def write_captures(folder: Path, model: int, hour: int) -> None:
    """Write what has arrived when an hour is judged, and what arrives late of the hour before."""
    on_time, _ = split_lines(model, hour)
    write_lines(folder, model, hour, "first", on_time)
    if hour:
        _, late = split_lines(model, hour - 1)
        write_lines(folder, model, hour - 1, "late", late)


def split_lines(model: int, hour: int) -> tuple[list[str], list[str]]:
    """The captured lines of an hour that arrive in time, and those that don't."""
    faults = plan_faults(model, hour)
    if faults.is_empty:
        return [], []
    lines = make_lines(model, hour, faults)
    in_time = ROWS // 2 if faults.is_late else ROWS
    return lines[:in_time], lines[in_time:]


def make_lines(model: int, hour: int, faults: Faults) -> list[str]:
    """All captured lines of an hour."""
    rows = draw_rows(np.random.default_rng([model, hour]), ROWS)
    if faults.is_shifted:
        rows["amount"] *= 100
    began = START + hour * HOUR
    lines = []
    for number, row in enumerate(rows.itertuples()):
        half = {"observedContentType": "text/csv", "encoding": "CSV"}
        features = f"{row.amount:.2f},{row.age},{row.visits},{row.country}"
        captured = {
            "endpointInput": {**half, "mode": "INPUT", "data": features},
            "endpointOutput": {**half, "mode": "OUTPUT", "data": str(row.score)},
        }
        time_of_row = began + timedelta(seconds=number * 3600 / ROWS)
        event = {"eventId": f"{model}-{hour}-{number}", "inferenceTime": f"{time_of_row:%Y-%m-%dT%H:%M:%SZ}"}
        lines.append(json.dumps({"captureData": captured, "eventMetadata": event, "eventVersion": "0"}))
    if faults.is_damaged:
        lines[0] = lines[0][:40]
    return lines


def write_lines(folder: Path, model: int, hour: int, name: str, lines: list[str]) -> None:
    if lines:
        file = folder / "captures" / f"model-{model:03}" / f"{START + hour * HOUR:%Y/%m/%d/%H}" / f"{name}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n")


def write_fleet(folder: Path, models: int) -> None:
    baseline = draw_rows(np.random.default_rng(0), 10_000)
    run_baseline(baseline, DataQualityMonitor(), engine="local").write(folder / "baseline")
    variables = {
        "dataset_source": "captures/{name}",
        "dataset_format": "capture",
        "baseline": "baseline",
        "output_path": "reports/{name}",
    }
    fleet = {
        "defaults": {"cron": "0 * * * *", "starts": f"{START + HOUR:%Y-%m-%dT%H:%M:%SZ}", "variables": variables},
        "entries": [{"name": f"model-{number:03}"} for number in range(models)],
        "keep": {"windows": KEPT_WINDOWS, "pages": f"{PAGE_DAYS} days", "states": f"{STATE_DAYS} days"},
    }
    (folder / FLEET).write_text(json.dumps(fleet))


def watch_hour(folder: Path, hour: int) -> None:
    """A pass five minutes after an hour."""
    request = Request((folder / FLEET,), folder / "state", at_once=default_job_count(), page=folder / "index.html")
    run_due(request, StringIO(), now=lambda: START + (hour + 1) * HOUR + timedelta(minutes=5))


def watch_and_kill(folder: Path, hour: int) -> None:
    """Start a pass by another process, kill it soon after it began to write, and wait for what it started."""
    earlier_children = list_children()
    began = time.time()
    state = folder / "state"
    words = f"import year_plays; year_plays.watch_hour(year_plays.Path({str(folder)!r}), {hour})"
    process = subprocess.Popen([sys.executable, "-c", words])
    while process.poll() is None and state.stat().st_mtime < began:
        time.sleep(0.01)
    time.sleep(np.random.default_rng(hour).uniform(0, 0.3))
    process.kill()
    process.wait()
    # Its processes become this one's, and end with the job that they are at
    while list_children() - earlier_children:
        with suppress(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)
        time.sleep(0.01)


def list_children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def list_files(folder: Path) -> Iterator[Path]:
    for name, _, files in os.walk(folder):
        yield from (Path(name, file) for file in files)


def play_hours(folder: Path, play: Play) -> None:
    """Play the hours that were not yet measured, and add a line for each."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    if not (folder / FLEET).exists():
        write_fleet(folder, play.models)
    (folder / "state").mkdir(exist_ok=True)
    # Jobs are forked off a process that has loaded this module too, and so counts their requests
    job_processes.PRELOADED_MODULES = (*job_processes.PRELOADED_MODULES, "year_plays")
    for hour in range(len(read_hours(folder)), play.hours):
        for model in range(play.models):
            write_captures(folder, model, hour)
        seconds_before = core_seconds()
        requests_before = count_requests_so_far()
        if play.is_killed(hour):
            watch_and_kill(folder, hour)
        watch_hour(folder, hour)
        measured = {
            "hour": hour,
            "core_seconds": round(core_seconds() - seconds_before, 4),
            "requests": count_requests_so_far() - requests_before,
        }
        if (hour + 1) % play.measured_every == 0:
            sizes = [file.stat().st_size for part in ("reports", "state") for file in list_files(folder / part)]
            measured |= {"files": len(sizes), "bytes": sum(sizes)}
        with (folder / MEASURED).open("a") as file:
            file.write(json.dumps(measured) + "\n")


def count_requests_so_far() -> int:
    return os.stat(os.environ[REQUESTS]).st_size


def core_seconds() -> float:
    """Of this process, of those it waited for, and of the one that jobs are forked off, once the jobs have ended."""
    total = time.process_time()
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    total += ended.ru_utime + ended.ru_stime
    server = multiprocessing.forkserver._forkserver._forkserver_pid
    if server is not None:
        while Path(f"/proc/{server}/task/{server}/children").read_text():
            time.sleep(0.001)
        fields = Path(f"/proc/{server}/stat").read_text().rpartition(")")[2].split()
        # Of itself and of its ended children, in user and in system mode
        total += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return total


def count_verdicts(folder: Path, play: Play) -> Counter[str]:
    """The windows of the latest hours, none of which retention deletes: those that were lost, and those that alarm."""
    counts: Counter[str] = Counter()
    for model in range(play.models):
        for hour in range(max(0, play.hours - KEPT_WINDOWS), play.hours):
            faults = plan_faults(model, hour)
            if faults.is_empty:
                continue
            kind = faults.kind
            counts[kind] += 1
            run = folder / "reports" / f"model-{model:03}" / f"{START + (hour + 1) * HOUR:%Y/%m/%d/%H}"
            if not (run / "_current.json").exists():
                counts["lost"] += 1
            elif json.loads((run / "constraint_violations.json").read_text())["violations"]:
                counts[f"{kind} alarms"] += 1
    return counts


def read_hours(folder: Path) -> list[dict[str, float]]:
    """What was measured of each hour."""
    with suppress(FileNotFoundError):
        return [json.loads(line) for line in (folder / MEASURED).read_text().splitlines()]
    return []
