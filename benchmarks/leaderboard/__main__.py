"""The leaderboard of drift detectors: plays every entrant on every stream, and writes the page. README.md says how to add one.

python benchmarks/leaderboard [--seconds N] [--laws N] [--entrants NAME ...] [--date YYYY-MM-DD] [--page FOLDER]

A run goes on where it stopped: what the results of its date hold isn't played again. An entrant with an environment of its own
takes part if that is there (make leaderboard-peers). With --laws it is a trial of few windows, below build/leaderboard/trials.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BUILD = ROOT / "build" / "leaderboard"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

from detectors import ENTRANTS, OURS  # noqa: E402 - the folder is on the path by now
from page import write_pages  # noqa: E402
from scores import Row  # noqa: E402
from streams import AS_THEY_ARE, STREAM_LAWS, list_tables  # noqa: E402

WIDTHS = (20, 100)
SEEDS = 12  # one for dear entrants, and the smaller width
WINDOWS = 60  # healthy ones of a law and seed: 720 in all
TRIAL_WINDOWS = 6
LONGEST = 1_800.0  # seconds of a job
GRACE = 120.0  # of the last one
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Job(NamedTuple):
    entrant: str
    law: str
    columns: int
    seed: int


def run_python(
    environment: str | None, words: list[str], seconds: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Python of an entrant's environment, None for this one."""
    path = [FOLDER, FOLDER.parent]
    python = BUILD / str(environment) / "bin" / "python"
    if environment is None:
        path.append(ROOT / "lib")
        python = Path(sys.executable)
    variables = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.run([python, *words], capture_output=True, text=True, env=variables, timeout=seconds)


@cache
def find_package_version(environment: str | None, package: str) -> str:
    """Nothing if it isn't installed."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        return run_python(environment, ["-c", program]).stdout.strip()
    except OSError:
        return ""


@cache
def find_version(name: str) -> str | None:
    """The version of an entrant; None if it isn't installed. Ours has that of the tree, not what is released."""
    entrant = ENTRANTS[name]
    version = find_package_version(entrant.environment, entrant.package)
    if version and entrant.package == "spark_model_monitor":
        tree = subprocess.run(["git", "rev-parse", "--short=10", "HEAD:lib"], capture_output=True, text=True, cwd=ROOT)
        return f"{version} ({tree.stdout.strip() or 'no git'})"
    return f"{entrant.package} {version}" if version else None


def list_jobs(laws: list[str], entrants: list[str], first_seed: int, is_trial: bool) -> Iterator[Job]:
    """All laws with one seed before the next seed; a real table is played once, as it is."""
    for index, columns, law, name in product(range(SEEDS), WIDTHS, laws, entrants):
        entrant = ENTRANTS[name]
        is_first = index == 0 and columns == WIDTHS[0]
        is_wide_again = law in AS_THEY_ARE and columns > WIDTHS[0]
        is_once = is_trial or entrant.is_dear or law not in STREAM_LAWS
        if (is_once and not is_first) or is_wide_again or law not in (entrant.laws or laws):
            continue
        yield Job(name, law, columns, first_seed + index)


def play(job: Job, windows: int, ends: float) -> list[Row]:
    """The rows of a job; one with an error if it fails. Nothing if the time is over."""
    left = ends - time.monotonic()
    if left <= 0:
        return []
    # What has begun on a busy machine may end
    seconds = min(LONGEST, left + GRACE)
    try:
        process = run_python(
            ENTRANTS[job.entrant].environment, [str(FOLDER / "play.py"), *map(str, job), str(windows)], seconds
        )
    except subprocess.TimeoutExpired:
        return [{"error": f"above {LONGEST} s"}] if seconds == LONGEST else []
    if process.returncode:
        return [{"error": (process.stderr.strip().splitlines() or ["no message"])[-1][:200]}]
    return [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]


def read_rows(file: Path) -> list[Row]:
    """The rows of today's versions."""
    if not file.exists():
        return []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [row for row in rows if find_version(row["entrant"]) in (None, row["version"])]


def find_day() -> str:
    """The day of the last run, today if there is none."""
    days = sorted(path.stem for path in (BUILD / "results").glob("????-??-??.jsonl"))
    return days[-1] if days else date.today().isoformat()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8 * 3600.0, help="after which nothing more is played")
    parser.add_argument("--laws", type=int, metavar="N", help="the first N laws alone, and no real tables")
    parser.add_argument("--streams", nargs="+", metavar="NAME", help="these laws and real tables alone")
    parser.add_argument("--entrants", nargs="+", choices=ENTRANTS, default=[*ENTRANTS], metavar="NAME")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument(
        "--date", default=find_day(), help="of the run that goes on or begins; its seeds follow from it"
    )
    parser.add_argument(
        "--page", type=Path, default=BUILD, help="the folder of leaderboard.md and static/leaderboard.html"
    )
    arguments = parser.parse_args()
    # Who plays what
    ends = time.monotonic() + arguments.seconds
    absent = [name for name in ENTRANTS if find_version(name) is None]
    if absent:
        print(f"not installed, so left out: {', '.join(absent)} (make leaderboard-peers)", file=sys.stderr)
    is_trial = arguments.laws is not None
    laws = (arguments.streams or [*STREAM_LAWS, *list_tables()])[: arguments.laws]
    file = BUILD / ("trials" if is_trial else "results") / f"{arguments.date}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_trial:
        file.unlink(missing_ok=True)
    # What is not played yet
    done = {Job(*(row[name] for name in Job._fields)) for row in read_rows(file)}
    entrants = [name for name in arguments.entrants if name not in absent]
    jobs = list_jobs(laws, entrants, 100 * int(arguments.date.replace("-", "")), is_trial)
    # Play it, and keep the rows of each job
    windows = TRIAL_WINDOWS if is_trial else WINDOWS
    with ThreadPoolExecutor(arguments.processes) as pool:
        playing = {pool.submit(play, job, windows, ends): job for job in jobs if job not in done}
        for future in as_completed(playing):
            job = playing[future]
            facts = {**job._asdict(), "version": find_version(job.entrant)}
            rows = [json.dumps({**row, **facts}) + "\n" for row in future.result()]
            with file.open("a", encoding="utf-8") as result_file:
                result_file.writelines(rows)
            if rows:
                print(*job, sep=", ", file=sys.stderr, flush=True)
    rows = read_rows(file)
    write_pages(file.parent if is_trial else arguments.page, rows, arguments.date, absent)
    return 0 if any(row["entrant"] == OURS and "error" not in row for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
