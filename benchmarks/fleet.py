"""Fifty models beside one, windows from the first to the last, the page of a thousand, and what ten thousand would cost.

python benchmarks/fleet.py [--quick | --costs | --idle | --windows]

--costs measures seconds of a processor alone, which other work on the machine leaves as they are, and computes the rest.
--idle measures passes that find nothing to do, --windows the first and the last windows.

One model and fifty are watched in turns by the command, over the same hour of 200 captures: by the engine of this machine, then
by one Spark for all. Then one model's hours are made up for one after the other. Have nothing else run meanwhile, or go before
it: `setsid -w sh -c 'echo -19 > /proc/self/autogroup; nice -n -19 python benchmarks/fleet.py'`.
"""

from __future__ import annotations

import ctypes
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
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from io import StringIO
from pathlib import Path

import numpy as np
from performance import note
from side_by_side import Took, is_quick_run

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.schedule import ExecutionStatus
from spark_model_monitor.integrations.demo.traffic import Traffic
from spark_model_monitor.reports.history_page.fleet_page import (
    FleetMonitor,
    MonitorState,
    WindowOutcome,
    create_fleet_page,
)
from spark_model_monitor.reports.page.page_files import render_html
from spark_model_monitor.running.runtime.status import COMPLETED, ExitStatus
from spark_model_monitor.running.scheduling.fleet import read_fleet
from spark_model_monitor.running.scheduling.job_processes import JOBS_OF_A_PROCESS, PRELOADED_MODULES
from spark_model_monitor.running.scheduling.job_processes import _run_and_exit as run_forked
from spark_model_monitor.running.scheduling.parallel_jobs import count_cores
from spark_model_monitor.running.scheduling.record import MAX_EXECUTIONS, Record
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand
from spark_model_monitor.storage import LocalStorage

sys.path.append(str(Path(__file__).resolve().parent.parent))  # for the fleet of the tests
from tests.example_fleet import FLEET, write_fleet

ROOT = Path(__file__).resolve().parent.parent
MODELS = 50
ROUNDS = 3
AT_MOST = 4.0
WINDOWS = 400
MEASURED = 40
LAST = 10_000
FLAT = 1.25
LARGE = 1_000
LARGEST = 5_000_000
COMMAND = ("-m", "spark_model_monitor", "watch", FLEET, "--state", "state", "--page", "index.html")
ENTRIES = 10_000
EMPTY_MODELS = 200
MAX_GIGABYTES = 0.5
EMPTY_AT_MOST = 1.0
IDLE_SCHEDULES = 1_000
IDLE_AT_MOST = 1.5
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
HOUR = datetime(2024, 3, 4, 1, tzinfo=timezone.utc)


def watched(folder: Path) -> Took:
    """What the command takes over what is due in a folder, all processes that it starts included."""
    for name in ("state", "reports"):
        shutil.rmtree(folder / name, ignore_errors=True)
    return took(COMMAND, folder)


def took(words: Sequence[str], folder: Path, statuses: Sequence[int] = (0,)) -> Took:
    """What a Python takes in a folder until it ends; the processes that outlive it for a moment count by the core.

    statuses: how it may end.
    """
    began = time.monotonic()
    before = _measure_ended()
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'lib'}{os.pathsep}{ROOT / 'benchmarks'}"}
    # As an installed package is: its modules are compiled, by the first call here
    environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    with (folder / "log").open("w+") as log:
        ended = subprocess.run([sys.executable, *words], cwd=folder, env=environment, stdout=log, stderr=log)
        seconds = time.monotonic() - began
    assert ended.returncode in statuses, (folder / "log").read_text()[-2_000:]
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
    return Took(seconds, _measure_ended() - before)


def _measure_ended() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def write_record(folder: Path, record: dict[str, Json]) -> None:
    text = json.dumps(record)
    (folder / FLEET).write_text(text)


def fifty_beside_one(top: Path, engine: str, rounds: int) -> float:
    """Prints the mark; gives the clock's seconds of a window of fifty."""
    folders = [top / f"{engine}-{models}" for models in (1, MODELS)]
    hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    for folder, models in zip(folders, (1, MODELS), strict=True):
        write_fleet(folder, models=models, traffic=Traffic(hours=1, start=hour - timedelta(hours=1)))
        record = json.loads((folder / FLEET).read_text())
        hours = f"{(hour - timedelta(hours=1)).hour},{hour.hour}"  # nothing else falls due meanwhile
        record["defaults"]["cron"] = f"0 {hours} {hour.day} {hour.month} *"
        record["defaults"]["variables"]["engine"] = engine
        write_record(folder, record)
    turns = [[watched(folder) for folder in folders] for _ in range(rounds)]
    alone, shared = ([turn[index] for turn in turns] for index in (0, 1))
    for unit, member in (("s by the clock", "seconds"), ("core s", "core_seconds")):
        single, fifty = (
            statistics.median(getattr(measurement, member) for measurement in turn) for turn in (alone, shared)
        )
        ratio = statistics.median(getattr(second, member) / getattr(first, member) for first, second in turns)
        print(f"{engine}: one model {single:.1f} {unit}, {MODELS} models {fifty:.1f}: {ratio:.2f} times")
        if member == "seconds":
            verdict = "reached" if ratio <= AT_MOST else "missed"
            print(
                f"{engine}: at most {AT_MOST:g} times by the clock wanted: {verdict}; {_conditions()}, {rounds} rounds"
            )
            per_model = (fifty - single) / (MODELS - 1)
    return per_model


def _conditions() -> str:
    return f"{count_cores()} cores, load {os.getloadavg()[0]:.0f}"


def watch(hours: int) -> None:
    """Run what is due at an hour of the traffic in this folder."""
    request = Request((Path(FLEET),), Path("state"), page=Path("index.html"))
    status = run_due(request, StringIO(), now=lambda: HOUR + timedelta(hours=hours - 1, minutes=5))
    assert status == 0, f"a window failed with {status}"


def windows(top: Path, count: int) -> None:
    """Prints what a window costs at first and at last.

    Nothing that a window reads or writes grows from the thousandth on but the number of folders: a history has 336 windows, a
    record 1,000 runs. So the folders and runs between `count` and `LAST` are put there, and those at the end are run.
    """
    folder = top / "windows"
    write_fleet(folder, models=1, traffic=Traffic(hours=count + MEASURED + 1))
    hours = folder / "captures" / "shop-00" / "AllTraffic"
    for number in range(MEASURED + 1):  # those at the end bear the names of their hours
        baseline_hour, hour = (HOUR + timedelta(hours=offset + number - 1) for offset in (count, LAST - MEASURED - 1))
        folder_of_hour = hours / f"{hour:%Y/%m/%d/%H}"
        folder_of_hour.mkdir(parents=True)
        for part in (hours / f"{baseline_hour:%Y/%m/%d/%H}").iterdir():
            (folder_of_hour / part.name).write_text(
                part.read_text().replace(f"{baseline_hour:%Y-%m-%dT%H}:", f"{hour:%Y-%m-%dT%H}:")
            )
    record = json.loads((folder / FLEET).read_text())
    record["defaults"]["catch_up"] = count
    write_record(folder, record)

    def cost(until: int) -> float:
        return took(["-c", f"import fleet; fleet.watch({until})"], folder).core_seconds

    start = cost(1)
    first = (cost(1 + MEASURED) - start) / MEASURED
    cost(count - MEASURED)
    full = (cost(count) - start) / MEASURED
    _age(folder, count)
    cost(LAST - MEASURED)
    last = (cost(LAST) - start) / MEASURED
    print(
        f"a window at first {first:.2f} core s, after {count:,} windows {full:.2f}, after {LAST:,} {last:.2f}; {_conditions()}"
    )
    work = "a window of 200 captures after a year of hours"
    verdict = note(work, "the first windows", last, first, FLAT)
    print(
        f"{last / first:.2f} times, at most {FLAT:g} wanted: {verdict}; {last / full:.2f} times one with a whole history"
    )


def _age(folder: Path, count: int) -> None:
    """Put the runs of all windows between `count` and the last ones there, each a copy of one, and enter them in the record."""
    reports = folder / "reports" / "shop-00"
    run = reports / f"{HOUR + timedelta(hours=count - 1):%Y/%m/%d/%H}"
    times = [HOUR + timedelta(hours=number) for number in range(count, LAST - MEASURED - 1)]
    for time_of_run in times:
        shutil.copytree(run, reports / f"{time_of_run:%Y/%m/%d/%H}", copy_function=os.link)
    record = Record.read(folder / "state", "shop-00")
    for time_of_run in times[-MAX_EXECUTIONS:]:
        window = Window(time_of_run - timedelta(hours=1), time_of_run)
        record.put(record.begin(time_of_run, window), status=ExecutionStatus.COMPLETED, exit_message=COMPLETED)


CELLS = 0.106
STATE_KIB = 23.9
ADD_MS = 1.55
"""Core seconds of a million cells of Parquet, KiB of states of a column of a partition, and milliseconds to add them, as
benchmarks/scale.py measures them."""

WIDE = ((1, 10_000_000_000, 5_000), (10_000, 1_000_000, 50), (10_000, 10_000_000_000, 5_000))
# of a job at most (docs/decisions/0010-partition-size.md)
PARTITIONS = 2_000
COLUMNS_AT_ONCE = 640
HOURS_OF_A_MONTH = 720


def costs(top: Path) -> None:
    """Prints the constants of a fleet, and what follows from them."""
    folder = top / "costs"
    write_fleet(folder, models=JOBS_OF_A_PROCESS)
    plans = [entry.plan for entry in read_fleet([folder / FLEET]).entries]
    loading = f"import importlib; [importlib.import_module(name) for name in {PRELOADED_MODULES}]"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    used = [0.0]
    for _ in range(ROUNDS):
        subprocess.run([sys.executable, "-c", loading], env=environment, check=True)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        used.append(spent.ru_utime + spent.ru_stime)
    start = min(np.diff(used))  # of the command; what jobs are forked off is loaded beside it
    for module in PRELOADED_MODULES:
        importlib.import_module(module)
    jobs = [plan.command(plan.entry.jobs[0], HOUR) for plan in plans if plan]
    seconds = []
    for _ in range(ROUNDS):
        shutil.rmtree(folder / "reports", ignore_errors=True)
        seconds.append(_measure_process(jobs))
    window = statistics.median(seconds)
    storage = LocalStorage()
    (folder / "listed").mkdir()
    for number in range(5_000):
        (folder / "listed" / f"{number}.jsonl").touch()
    began = time.process_time()
    listed = len(list(storage.list_files(str(folder / "listed"))))
    listing = (time.process_time() - began) / listed
    speed_up = (start + MODELS * window / count_cores()) / (start + window)
    print(
        f"start {2 * start:.1f} s of a processor, a window of 200 captures {window:.2f} s, a file listed {1e6 * listing:.0f} µs"
    )
    print(
        f"{MODELS} models on {count_cores()} idle cores: {speed_up:.2f} times one, at most {AT_MOST:g} wanted (computed)"
    )
    print(
        f"{LARGE:,} models x 24 hours: {LARGE * 24 * window / count_cores() / 60:.0f} minutes on {count_cores()} cores (computed)"
    )
    print(
        "| models | rows an hour x columns | core hours an hour | states, GiB | core hours to add them | core hours a month |"
    )
    for models, rows, columns in WIDE:
        scanned = models * (CELLS * rows * columns / 1e6 + window) / 3600
        at_once = -(-columns // -(-columns // COLUMNS_AT_ONCE))
        maximum = PARTITIONS * at_once // columns
        parts = models * columns * min(maximum, max(1, rows * 8 * at_once // 2**27))
        added = parts * ADD_MS / 3.6e6
        states = parts * STATE_KIB / 2**20
        print(
            f"| {models:,} | {rows:,} x {columns:,} | {scanned:,.1f} | {states:,.1f} | {added:,.1f} "
            f"| {HOURS_OF_A_MONTH * (scanned + added):,.0f} |"
        )


def _measure_process(commands: Sequence[JobCommand]) -> float:
    """The seconds of a processor of each of the jobs that a process runs one after the other, which is forked off this one."""
    if not (child := os.fork()):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        for command in commands:
            with suppress(SystemExit):
                run_forked(command)
        os._exit(0)
    _, _, spent = os.wait4(child, 0)
    return (spent.ru_utime + spent.ru_stime) / len(commands)


def many_entries(top: Path) -> None:
    """Prints what a call costs over entries of which nothing is due; the second one finds the records of the first."""
    folder = top / "entries"
    write_fleet(folder, models=1)
    record = json.loads((folder / FLEET).read_text())
    record["defaults"]["starts"] = "2999-01-01T00:00:00Z"
    record["entries"] = [{"name": f"shop-{number}", "owner": "anna", "tags": ["eu"]} for number in range(ENTRIES)]
    write_record(folder, record)
    calls = [took(COMMAND, folder) for _ in range(2)][1]
    size = (folder / "index.html").stat().st_size
    print(
        f"{ENTRIES:,} entries of which nothing is due: {calls.seconds:.1f} s by the clock, {calls.core_seconds:.1f} core s, "
        f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024:,.0f} MiB at most, a page of {size / 1e6:.1f} MB; "
        f"{_conditions()}"
    )


def idle_passes(top: Path) -> None:
    """Prints what a pass takes over models whose hour is empty, and over schedules of which nothing is due, after a year."""
    hour = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    hours = f"{(hour - timedelta(hours=1)).hour},{hour.hour}"  # nothing else falls due meanwhile
    # The first call compiles; one model is what each call costs, whatever it finds
    for models in (1, 1, EMPTY_MODELS):
        folder = top / "empty"
        shutil.rmtree(folder, ignore_errors=True)
        write_schedules(folder, models, hour - timedelta(hours=1), f"0 {hours} {hour.day} {hour.month} *")
        empty = took(COMMAND, folder, (ExitStatus.NO_DATA,))
        kibibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        most_memory = kibibytes / 1024
        print(f"{models} models whose hour is empty: {empty.core_seconds:.2f} core s, {most_memory:.0f} MiB at most")
    work = f"a pass of `watch` over {EMPTY_MODELS} models whose hour is empty, after a year"
    print(note(work, "", empty.core_seconds, at_most=EMPTY_AT_MOST))
    print(note(f"{work}: memory", "", kibibytes * 1024 / 1e9, at_most=MAX_GIGABYTES, unit="GB"))

    folder = top / "idle"
    write_schedules(folder, IDLE_SCHEDULES, hour, "0 * * * *")
    command = ("-m", "spark_model_monitor", "run-due", "--schedule", FLEET, "--state", "state")
    idle = took(command, folder)
    most_memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{IDLE_SCHEDULES:,} schedules of which none is due: {idle.core_seconds:.2f} core s, {most_memory:.0f} MiB at most"
    )
    print(
        note(
            f"`run-due` of {IDLE_SCHEDULES:,} idle schedules, after a year", "", idle.core_seconds, at_most=IDLE_AT_MOST
        )
    )


def write_schedules(folder: Path, models: int, last: datetime, cron: str) -> None:
    """A fleet with the records of a year of hours up to `last`, and captures of an hour long ago."""
    write_fleet(folder, models=1)
    record = json.loads((folder / FLEET).read_text())
    record["defaults"] |= {"cron": cron, "starts": f"{last - timedelta(days=365):%Y-%m-%dT%H:%M:%SZ}"}
    record["entries"] = [{"name": f"shop-{number:04}"} for number in range(models)]
    write_record(folder, record)
    recorded = Record.read(folder / "state", "shop-0000", lambda: last)
    for hours in reversed(range(MAX_EXECUTIONS)):
        window = Window(last - timedelta(hours=hours + 1), last - timedelta(hours=hours))
        recorded.put(recorded.begin(window.end, window), status=ExecutionStatus.COMPLETED, exit_message=COMPLETED)
    for name in (f"shop-{number:04}" for number in range(models)):
        for path in (folder / "state").glob("shop-0000.*"):
            with suppress(shutil.SameFileError):
                shutil.copy(path, path.with_name(path.name.replace("shop-0000", name)))
        captures = folder / "captures" / name / "AllTraffic" / f"{last - timedelta(days=30):%Y/%m/%d/%H}"
        captures.mkdir(parents=True)
        (captures / "00.jsonl").write_text("{}\n")


def page() -> None:
    causes = tuple(f"a_feature_of_a_usual_name_{number}" for number in range(5))
    seen_windows = tuple(WindowOutcome(f"2024-03-04T{hour:02}:00:00Z", hour, causes) for hour in range(24))
    kinds = ("DATA_QUALITY", "MODEL_QUALITY", "MODEL_BIAS", "MODEL_EXPLAINABILITY")
    models = [
        FleetMonitor(
            *(
                f"model-{number}",
                MonitorState.IN_ALERT if number % 3 == 0 else MonitorState.OK,
                kind,
                f"model-{number}",
            ),
            *(f"owner-{number % 7}", ("cards", "eu"), "2024-03-04T01:00:00Z"),
            windows=seen_windows,
            page=f"reports/model-{number}/{kind}/2024/03/04/20/report.html",
        )
        for number in range(LARGE)
        for kind in kinds
    ]
    began = time.monotonic()
    size = len(render_html(create_fleet_page(models, "shop")).encode())
    verdict = "reached" if size <= LARGEST else "missed"
    print(f"the page of {LARGE:,} models x {len(kinds)} monitors: {time.monotonic() - began:.1f} s")
    print(f"{size / 1e6:.1f} MB, at most {LARGEST / 1e6:g} wanted: {verdict}")


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # what outlives the command is waited for here, and counted
    parts = {"--costs": costs, "--idle": idle_passes, "--windows": partial(windows, count=WINDOWS)}
    if len(sys.argv) == 2 and sys.argv[1] in parts:
        with tempfile.TemporaryDirectory() as folder:
            parts[sys.argv[1]](Path(folder))
        return
    quick = is_quick_run(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        many_entries(Path(folder))  # first, since the most memory of all processes until then is told
        seconds = fifty_beside_one(Path(folder), "local", ROUNDS)
        print(
            f"so {LARGE:,} models x 24 hours take {LARGE * 24 * seconds / 60:.0f} minutes ({seconds:.2f} s a window; computed)"
        )
        fifty_beside_one(Path(folder), "spark", 1 if quick else 2)
        idle_passes(Path(folder))
        windows(Path(folder), WINDOWS // (4 if quick else 1))
    page()


if __name__ == "__main__":
    main()
