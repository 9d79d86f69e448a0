"""Fifty models beside one, windows from the first to the last, the page of a thousand, and what ten thousand would cost.

python benchmarks/fleet.py [--quick | --costs]

--costs measures seconds of a processor alone, which other work on the machine leaves as they are, and computes the rest.

One model and fifty are watched in turns, each in a Python of its own, over the same hour of 200 captures. Then one model's hours
are made up for one after the other, and each is timed.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path

import numpy as np
from side_by_side import quick_asked

from model_monitor.integrations.demo.fleet import FLEET, write_fleet
from model_monitor.reports.history_page.fleet import SeenWindow, State, Watched, page_of_all
from model_monitor.reports.page.html import html_of
from model_monitor.running.scheduling.command import Request, run_due
from model_monitor.running.scheduling.fleet import read_fleet
from model_monitor.running.scheduling.plan import JobCommand
from model_monitor.running.scheduling.runs import LOADED, start_process
from model_monitor.running.scheduling.runs import _run as run_forked
from model_monitor.running.scheduling.side_by_side import cores
from model_monitor.storage import LocalStorage

ROOT = Path(__file__).resolve().parent.parent
MODELS, ROUNDS, AT_MOST = 50, 3, 4.0
WINDOWS, MEASURED = 400, 40
FLAT = 1.25
LARGE, LARGEST = 1_000, 5_000_000
HOUR = datetime(2024, 3, 4, 1, tzinfo=timezone.utc)


def watch(folder: str, hours: int) -> None:
    """What a call does, at a time of the traffic; prints how long each window's job took."""
    took: list[float] = []

    def launch(command, note):  # type: ignore[no-untyped-def]
        began = time.monotonic()
        status = start_process(command, note)
        took.append(time.monotonic() - began)
        return status

    top = Path(folder)
    request = Request((top / FLEET,), top / "state", at_once=cores(), page=top / "index.html")
    status = run_due(request, StringIO(), launch=launch, now=lambda: HOUR + timedelta(hours=hours - 1, minutes=5))
    assert status == 0, f"a window failed with {status}"
    print(json.dumps(took))


def watched(folder: Path, hours: int = 1) -> tuple[float, list[float]]:
    """The seconds of a call in a Python of its own, and of each window in it."""
    for name in ("state", "reports"):
        shutil.rmtree(folder / name, ignore_errors=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    words = [sys.executable, __file__, "--watch", str(folder), str(hours)]
    began = time.monotonic()
    ended = subprocess.run(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return time.monotonic() - began, json.loads(ended.stdout)


def fifty_beside_one(top: Path) -> float:
    """Prints the mark; gives the seconds of a window of fifty."""
    one, many = top / "one", top / "many"
    write_fleet(one, models=1)
    write_fleet(many, models=MODELS)
    turns = [(watched(one)[0], watched(many)[0]) for _ in range(ROUNDS)]
    alone, together = (statistics.median(each) for each in zip(*turns, strict=True))
    ratio = statistics.median(second / first for first, second in turns)
    print(f"one model {alone:.1f} s, {MODELS} models {together:.1f} s, on {cores()} cores, {ROUNDS} rounds")
    print(f"{ratio:.2f} times, at most {AT_MOST:g} wanted: {'reached' if ratio <= AT_MOST else 'missed'}")
    return (together - alone) / (MODELS - 1)


def windows(top: Path, count: int) -> None:
    """Prints what a window costs at first and at last; its captures are those of one hour under other hours' names."""
    folder = top / "windows"
    write_fleet(folder, models=1)
    hours = folder / "captures" / "shop-00" / "AllTraffic"
    lines = [path.read_text() for path in sorted((hours / "2024/03/04/00").iterdir())]
    shutil.rmtree(hours)
    for number in range(count):
        hour = HOUR + timedelta(hours=number - 1)
        place = hours / f"{hour:%Y/%m/%d/%H}"
        place.mkdir(parents=True)
        for part, text in enumerate(lines):
            (place / f"{part}.jsonl").write_text(text.replace("2024-03-04T00:", f"{hour:%Y-%m-%dT%H}:"))
    said = json.loads((folder / FLEET).read_text())
    said["defaults"]["catch_up"] = count
    (folder / FLEET).write_text(json.dumps(said))
    _, took = watched(folder, count)
    first, last = (statistics.median(part) for part in (took[1 : MEASURED + 1], took[-MEASURED:]))
    print(f"a window at first {first:.2f} s, after {count:,} windows {last:.2f} s")
    verdict = "reached" if last <= FLAT * first else "missed"
    print(f"{last / first:.2f} times, at most {FLAT:g} wanted: {verdict}")


CELLS, STATE_KIB, ADD_MS = 0.106, 23.9, 1.55
"""Core seconds of a million cells of Parquet, KiB of states of a column of a partition, and milliseconds to add them, as
benchmarks/scale.py measures them."""

WIDE = ((1, 10_000_000_000, 5_000), (10_000, 1_000_000, 50), (10_000, 10_000_000_000, 5_000))
PARTITIONS, COLUMNS_AT_ONCE = 2_000, 640  # of a job at most (docs/decisions/0010-partition-size.md)
HOURS_OF_A_MONTH = 720


def costs(top: Path) -> None:
    """Prints the constants of a fleet, and what follows from them."""
    folder = top / "costs"
    write_fleet(folder, models=8)
    plans = [entry.plan for entry in read_fleet([folder / FLEET]).entries]
    loading = f"import importlib; [importlib.import_module(name) for name in {LOADED}]"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    used = [0.0]
    for _ in range(ROUNDS):
        subprocess.run([sys.executable, "-c", loading], env=environment, check=True)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(spent.ru_utime + spent.ru_stime)
    start = 2 * min(np.diff(used))  # of the command, and of the process that jobs are forked off
    for module in LOADED:
        importlib.import_module(module)
    window = statistics.median(_of_a_fork(plan.command(plan.entry.jobs[0], HOUR)) for plan in plans if plan)
    storage = LocalStorage()
    (folder / "listed").mkdir()
    for number in range(5_000):
        (folder / "listed" / f"{number}.jsonl").touch()
    began = time.process_time()
    listed = len(list(storage.list_files(str(folder / "listed"))))
    listing = (time.process_time() - began) / listed
    many = (start + MODELS * window / cores()) / (start + window)
    print(
        f"start {2 * start:.1f} s of a processor, a window of 200 captures {window:.2f} s, a file listed {1e6 * listing:.0f} µs"
    )
    print(f"{MODELS} models on {cores()} idle cores: {many:.2f} times one, at most {AT_MOST:g} wanted (computed)")
    print(
        f"{LARGE:,} models x 24 hours: {LARGE * 24 * window / cores() / 60:.0f} minutes on {cores()} cores (computed)"
    )
    print(
        "| models | rows an hour x columns | core hours an hour | states, GiB | core hours to add them | core hours a month |"
    )
    for models, rows, columns in WIDE:
        scanned = models * (CELLS * rows * columns / 1e6 + window) / 3600
        at_once = -(-columns // -(-columns // COLUMNS_AT_ONCE))
        most = PARTITIONS * at_once // columns
        parts = models * columns * min(most, max(1, rows * 8 * at_once // 2**27))
        added = parts * ADD_MS / 3.6e6
        states = parts * STATE_KIB / 2**20
        print(
            f"| {models:,} | {rows:,} x {columns:,} | {scanned:,.1f} | {states:,.1f} | {added:,.1f} "
            f"| {HOURS_OF_A_MONTH * (scanned + added):,.0f} |"
        )


def _of_a_fork(command: JobCommand) -> float:
    """The seconds of a processor that a job takes which is forked off this process."""
    reader, writer = os.pipe()
    if child := os.fork():
        os.close(writer)
        with os.fdopen(reader) as told:
            seconds = float(told.read())
        os.waitpid(child, 0)
        return seconds
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    began = time.process_time()
    with suppress(SystemExit):
        run_forked(command)
    os.write(writer, str(time.process_time() - began).encode())
    os._exit(0)


def page() -> None:
    causes = tuple(f"a_feature_of_a_usual_name_{number}" for number in range(5))
    seen = tuple(SeenWindow(f"2024-03-04T{hour:02}:00:00Z", hour, causes) for hour in range(24))
    kinds = ("DATA_QUALITY", "MODEL_QUALITY", "MODEL_BIAS", "MODEL_EXPLAINABILITY")
    many = [
        Watched(
            *(f"model-{number}", State.IN_ALERT if number % 3 == 0 else State.OK, kind, f"model-{number}"),
            *(f"owner-{number % 7}", ("cards", "eu"), "2024-03-04T01:00:00Z"),
            windows=seen,
            page=f"reports/model-{number}/{kind}/2024/03/04/20/report.html",
        )
        for number in range(LARGE)
        for kind in kinds
    ]
    began = time.monotonic()
    size = len(html_of(page_of_all(many, "shop")).encode())
    verdict = "reached" if size <= LARGEST else "missed"
    print(f"the page of {LARGE:,} models x {len(kinds)} monitors: {time.monotonic() - began:.1f} s")
    print(f"{size / 1e6:.1f} MB, at most {LARGEST / 1e6:g} wanted: {verdict}")


def main() -> None:
    if sys.argv[1:] == ["--costs"]:
        with tempfile.TemporaryDirectory() as folder:
            costs(Path(folder))
        return
    quick = quick_asked(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        each = fifty_beside_one(Path(folder))
        print(
            f"so {LARGE:,} models x 24 hours take {LARGE * 24 * each / 60:.0f} minutes ({each:.2f} s a window; computed)"
        )
        windows(Path(folder), WINDOWS // (4 if quick else 1))
    page()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--watch"]:
        watch(sys.argv[2], int(sys.argv[3]))
    else:
        main()
