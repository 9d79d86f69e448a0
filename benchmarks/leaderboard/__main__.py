"""The leaderboard of drift detectors: plays every entrant on every stream, and writes the page. README.md says how to add one.

python benchmarks/leaderboard [--seconds N] [--laws N] [--entrants NAME ...] [--date YYYY-MM-DD] [--page FOLDER]

A run goes on where it stopped: what the results of its date hold isn't played again. An entrant with an environment of its own
takes part if that is there (make leaderboard-peers). With --laws it is a trial of few windows, with results of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BUILD = ROOT / "build" / "leaderboard"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

from detectors import ENTRANTS, OURS, Entrant  # noqa: E402 - the folder is on the path by now
from page import write_pages  # noqa: E402
from streams import AS_THEY_ARE, STREAM_LAWS, list_tables  # noqa: E402

WIDTHS = (20, 100)
SEEDS = 6
WINDOWS = 120  # healthy ones of a law and seed: 720 in all
DEAR_WINDOWS = 60  # of one seed and the smaller width
TRIAL_WINDOWS = 6
LONGEST = 1_800  # seconds of a job
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Row = dict[str, Any]


@dataclass(frozen=True)
class Job:
    entrant: str
    law: str
    columns: int
    seed: int
    windows: int

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.entrant, self.law, self.columns, self.seed


def find_python(entrant: Entrant) -> Path:
    if entrant.environment is None:
        return Path(sys.executable)
    return BUILD / entrant.environment / "bin" / "python"


def list_variables(entrant: Entrant) -> dict[str, str]:
    path = [FOLDER, FOLDER.parent, ROOT / "lib"] if entrant.environment is None else [FOLDER, FOLDER.parent]
    return {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(map(str, path))}


@cache
def find_version(name: str) -> str | None:
    """The version of an entrant; None if it isn't installed."""
    entrant = ENTRANTS[name]
    python = find_python(entrant)
    if not python.exists():
        return None
    program = f"from importlib.metadata import version; print(version({entrant.package!r}))"
    asked = subprocess.run([python, "-c", program], capture_output=True, text=True, env=list_variables(entrant))
    if asked.returncode:
        return None
    if entrant.package != "spark_model_monitor":
        return f"{entrant.package} {asked.stdout.strip()}"
    # What is in the tree, not what is released
    tree = subprocess.run(["git", "rev-parse", "--short=10", "HEAD:lib"], capture_output=True, text=True, cwd=ROOT)
    return f"{asked.stdout.strip()} ({tree.stdout.strip() or 'no git'})"


def list_jobs(laws: list[str], entrants: list[str], first_seed: int, is_trial: bool) -> Iterator[Job]:
    """All laws with one seed before the next seed; a real table is played once, as it is."""
    windows = TRIAL_WINDOWS if is_trial else WINDOWS
    for index in range(1 if is_trial else SEEDS):
        for columns in WIDTHS[:1] if is_trial else WIDTHS:
            for law in laws:
                is_law = law in STREAM_LAWS
                for name in entrants:
                    entrant = ENTRANTS[name]
                    repeats = index > 0 or columns > WIDTHS[0]
                    if repeats and (entrant.is_dear or not is_law or (law in AS_THEY_ARE and columns > WIDTHS[0])):
                        continue
                    if entrant.laws and law not in entrant.laws:
                        continue
                    most = DEAR_WINDOWS if entrant.is_dear else windows
                    yield Job(name, law, columns, first_seed + index, min(windows, most))


def play_job(job: Job, seconds: float) -> list[Row]:
    """The rows of a job; one with an error if it fails. Nothing if the time was over."""
    entrant = ENTRANTS[job.entrant]
    words = (job.entrant, job.law, job.columns, job.seed, job.windows)
    command = [find_python(entrant), FOLDER / "play.py", *map(str, words)]
    try:
        process = subprocess.run(
            command, capture_output=True, text=True, env=list_variables(entrant), timeout=min(seconds, LONGEST)
        )
    except subprocess.TimeoutExpired:
        return [{"error": f"above {LONGEST} s"}] if seconds > LONGEST else []
    if process.returncode:
        return [{"error": (process.stderr.strip().splitlines() or ["no message"])[-1][:200]}]
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


class Run:
    """A run of a date, whose results are in a file."""

    def __init__(self, day: str, folder: Path) -> None:
        self.day = day
        self.file = folder / f"{day}.jsonl"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()

    @property
    def first_seed(self) -> int:
        return 100 * int(self.day.replace("-", ""))

    def read(self) -> list[Row]:
        """The rows of today's versions."""
        if not self.file.exists():
            return []
        rows = [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]
        return [row for row in rows if find_version(row["entrant"]) in (None, row["version"])]

    def play(self, jobs: list[Job], processes: int, ends: float) -> None:
        done = {(row["entrant"], row["law"], row["columns"], row["seed"]) for row in self.read()}
        with ThreadPoolExecutor(processes) as pool:
            [*pool.map(lambda job: self.add(job, ends), [job for job in jobs if job.key not in done])]

    def add(self, job: Job, ends: float) -> None:
        seconds = ends - time.monotonic()
        if seconds <= 0:
            return
        began = time.monotonic()
        rows = play_job(job, seconds)
        facts = {"entrant": job.entrant, "law": job.law, "columns": job.columns, "seed": job.seed}
        lines = [json.dumps({**row, **facts, "version": find_version(job.entrant)}) + "\n" for row in rows]
        with self.lock, self.file.open("a", encoding="utf-8") as file:
            file.writelines(lines)
        took = f"{time.monotonic() - began:.0f} s"
        print(f"{job.entrant}: {job.law}, {job.columns} columns, seed {job.seed}: {took}", file=sys.stderr, flush=True)


def find_day() -> str:
    """The day of the last run, today if there is none."""
    days = sorted(path.stem for path in (BUILD / "results").glob("????-??-??.jsonl"))
    return days[-1] if days else date.today().isoformat()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8 * 3600.0, help="after which nothing more is played")
    parser.add_argument("--laws", type=int, metavar="N", help="the first N laws alone, and no real tables")
    parser.add_argument("--entrants", nargs="+", choices=ENTRANTS, default=[*ENTRANTS], metavar="NAME")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--date", default=find_day(), help="of the run that goes on or begins; its seeds follow from it"
    )
    parser.add_argument("--page", type=Path, default=BUILD, help="the folder of leaderboard.md and leaderboard.html")
    arguments = parser.parse_args()
    ends = time.monotonic() + arguments.seconds
    absent = [name for name in arguments.entrants if find_version(name) is None]
    if absent:
        print(f"not installed, so left out: {', '.join(absent)} (make leaderboard-peers)", file=sys.stderr)
    laws = [*STREAM_LAWS, *list_tables()]
    if arguments.laws is not None:
        laws = laws[: arguments.laws]
    is_trial = arguments.laws is not None
    run = Run(arguments.date, BUILD / ("trials" if is_trial else "results"))
    entrants = [name for name in arguments.entrants if name not in absent]
    run.play([*list_jobs(laws, entrants, run.first_seed, is_trial)], arguments.processes, ends)
    rows = run.read()
    write_pages(arguments.page, rows, run.day, absent)
    return 0 if any(row["entrant"] == OURS and "error" not in row for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
