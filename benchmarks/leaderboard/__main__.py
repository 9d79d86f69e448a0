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
from concurrent.futures import ThreadPoolExecutor
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
from streams import AS_THEY_ARE, HEALTHY_WINDOWS, STREAM_LAWS, list_tables  # noqa: E402

WIDTHS = (20, 100)
SEEDS = 12  # 720 healthy windows of a law; one for dear entrants and real tables, and the smaller width
FAULTY_SEEDS = 8  # in which faults are tried, in tables of the smaller width
TRIAL_WINDOWS = 6
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Batch(NamedTuple):
    """Streams of some laws that an entrant plays one after the other."""

    entrant: str
    columns: int
    seed: int
    has_faults: bool
    laws: list[str]


def start_python(environment: str | None, *words: str) -> subprocess.Popen[str]:
    """Python of an entrant's environment, None for this one."""
    path = [FOLDER, FOLDER.parent]
    python = BUILD / str(environment) / "bin" / "python"
    if environment is None:
        path.append(ROOT / "lib")
        python = Path(sys.executable)
    variables = {**os.environ, **ONE_THREAD, "PYTHONPATH": os.pathsep.join(map(str, path))}
    return subprocess.Popen([python, *words], stdout=subprocess.PIPE, text=True, env=variables)


@cache
def find_package_version(environment: str | None, package: str) -> str:
    """Nothing if it isn't installed."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        return start_python(environment, "-c", program).communicate()[0].strip()
    except OSError:
        return ""


@cache
def find_version(name: str) -> str | None:
    """The version of an entrant; None if it isn't installed. Ours has that of the tree, not what is released."""
    entrant = ENTRANTS[name]
    version = find_package_version(entrant.environment, entrant.package)
    if version and entrant.package == "spark_model_monitor":
        command = ["git", "rev-parse", "--short=10", "HEAD:lib"]
        tree = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        return f"{version} ({tree.stdout.strip() or 'no git'})"
    return f"{entrant.package} {version}" if version else None


def list_batches(laws: list[str], entrants: list[str], first_seed: int, is_trial: bool) -> Iterator[Batch]:
    """All laws with one seed before the next seed; a real table is played once, as it is."""
    for index, columns, name in product(range(SEEDS), WIDTHS, entrants):
        entrant = ENTRANTS[name]
        is_first = index == 0 and columns == WIDTHS[0]
        is_wide_again = columns > WIDTHS[0]
        played = [law for law in laws if law in (entrant.laws or laws)]
        if not is_first:
            is_once = is_trial or entrant.is_dear
            played = [law for law in played if law in STREAM_LAWS and not is_once]
        if is_wide_again:
            played = [law for law in played if law not in AS_THEY_ARE]
        has_faults = index < FAULTY_SEEDS and not is_wide_again
        yield Batch(name, columns, first_seed + index, has_faults, played)


def run_batch(batch: Batch, windows: int, ends: float, file: Path) -> None:
    """Append the rows of each law to the file as soon as it is played."""
    seconds = ends - time.monotonic()
    if not batch.laws or seconds <= 0:
        return
    numbers = (batch.columns, batch.seed, windows, int(batch.has_faults), seconds)
    words = [str(FOLDER / "play.py"), batch.entrant, *map(str, numbers), *batch.laws]
    process = start_python(ENTRANTS[batch.entrant].environment, *words)
    version = find_version(batch.entrant)
    for line in process.stdout or ():
        if line.startswith("{"):
            row = {**json.loads(line), "version": version}
            with file.open("a", encoding="utf-8") as row_file:
                row_file.write(json.dumps(row) + "\n")


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
    # Who plays
    ends = time.monotonic() + arguments.seconds
    absent = [name for name in ENTRANTS if find_version(name) is None]
    if absent:
        print(f"not installed, so left out: {', '.join(absent)} (make leaderboard-peers)", file=sys.stderr)
    # And what
    is_trial = arguments.laws is not None
    laws = (arguments.streams or [*STREAM_LAWS, *list_tables()])[: arguments.laws]
    file = BUILD / ("trials" if is_trial else "results") / f"{arguments.date}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_trial:
        file.unlink(missing_ok=True)
    # Play what is not played yet
    done = {(row["entrant"], row["columns"], row["seed"], row["law"]) for row in read_rows(file)}
    entrants = [name for name in arguments.entrants if name not in absent]
    first_seed = 100 * int(arguments.date.replace("-", ""))
    batches = list_batches(laws, entrants, first_seed, is_trial)
    windows = TRIAL_WINDOWS if is_trial else HEALTHY_WINDOWS
    # Each batch in a process of its own
    with ThreadPoolExecutor(arguments.processes) as pool:
        playing = []
        for batch in batches:
            waiting = [law for law in batch.laws if (*batch[:3], law) not in done]
            playing.append(pool.submit(run_batch, batch._replace(laws=waiting), windows, ends, file))
    for played in playing:
        played.result()  # raises what it has raised
    # What came out
    rows = read_rows(file)
    write_pages(file.parent if is_trial else arguments.page, rows, arguments.date, absent)
    has_played = any(row["entrant"] == OURS and "error" not in row for row in rows)
    return int(not has_played)


if __name__ == "__main__":
    sys.exit(main())
