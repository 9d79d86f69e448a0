"""The leaderboard of drift detectors: plays every entrant on every law, and writes the page. README.md says how to add one.

python benchmarks/leaderboard [--hours N] [--laws NAME ...] [--entrants NAME ...] [--add NAME=FILE.py:CLASS ...] [--page FOLDER]
python benchmarks/leaderboard --check N    # replays N published streams, drawn at random, and compares
python benchmarks/leaderboard --trial [...]    # few windows, below build/leaderboard/trials

The commit that is played draws the laws, the cells and the seeds; played.tsv lists all of them. A run goes on where it stopped,
law by law: each has windows that set the limits, three sets of seeds, and more while cells are open. An entrant with an
environment of its own takes part if that is there (make leaderboard-peers), one of a file if that is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parents[1]
BUILD = ROOT / "build" / "leaderboard"
sys.path[:0] = [str(FOLDER), str(FOLDER.parent)]

import pandas as pd  # noqa: E402 - the folder is on the path by now
from entrants import ENTRANTS, OURS, Entrant  # noqa: E402
from page import PARQUET, read_published, write_pages  # noqa: E402
from play import CALIBRATION, PLAY, Line, Task, find_entrant  # noqa: E402
from published_laws import ERRORS  # noqa: E402
from scores import STREAM, apply_limits, compare_cells, list_windows  # noqa: E402
from streams import HEALTHY_WINDOWS, draw_laws, draw_number, find_table, list_tables  # noqa: E402

PLAYED = FOLDER / "played.tsv"
NO_PART = ("__main__", "page", "scores", "real_tables")
CODE = (
    "lib",
    "benchmarks/*laws.py",
    "benchmarks/contestants.py",
    "benchmarks/leaderboard/*.py",
    *(f":!benchmarks/leaderboard/{name}.py" for name in NO_PART),
)
"""What a play depends on."""
SETS = 3  # of seeds, whose orders are compared
MAX_SEEDS = 9  # of a law
CALIBRATION_WINDOWS = 2_000
TRIAL_WINDOWS = 20
ENOUGH = 0.75  # of a law's cells are resolved
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def run_git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def list_played() -> list[str]:
    """The commits whose boards were played, the last one last."""
    lines = PLAYED.read_text(encoding="utf-8").splitlines()[1:] if PLAYED.exists() else []
    return [line.split("\t")[0] for line in lines]


def find_commit(*, is_trial: bool) -> str:
    """The last one played if neither the package nor the board has changed since; else today's, which is written down first."""
    commit = run_git("rev-parse", "HEAD")
    if is_trial:
        return commit
    if run_git("status", "--porcelain", "--", *CODE):
        raise SystemExit("commit what is changed below lib and benchmarks: the commit draws what is played")
    for played in list_played()[-1:]:
        command = ["git", "diff", "--quiet", played, "HEAD", "--", *CODE]
        if subprocess.run(command, cwd=ROOT, capture_output=True).returncode == 0:
            return played
    today = datetime.now(timezone.utc).date()
    table = PLAYED.read_text(encoding="utf-8") if PLAYED.exists() else "commit\tfirst played\n"
    PLAYED.write_text(f"{table}{commit}\t{today}\n", encoding="utf-8")
    return commit


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
    program = f"from importlib.metadata import version; print(version({package!r}))"
    try:
        return start_python(environment, "-c", program).communicate()[0].strip()
    except OSError:
        return ""


def find_absence(name: str, entrant: Entrant) -> str:
    """Why an entrant doesn't take part; nothing if it does."""
    if not all(file.exists() for file in entrant.files):
        return f"{name}: no file {entrant.files[0].name}"
    if not find_package_version(entrant.environment, entrant.package):
        return f"{name}: {entrant.package} is not installed (make leaderboard-peers)"
    return ""


@dataclass
class BoardPlay:
    """What is played of a commit, line by line in a file. processes end when `ends` comes."""

    commit: str
    laws: int
    file: Path
    ends: float
    entrants: dict[str, Entrant]
    healthy: int = HEALTHY_WINDOWS
    calibration: int = CALIBRATION_WINDOWS
    maximum_seeds: int = MAX_SEEDS
    added: dict[str, str] = field(default_factory=dict)

    def read_lines(self) -> list[Line]:
        """Each stream once, although two programs may have played it at the same time."""
        text = self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        lines = [json.loads(line) for line in text.splitlines()]
        return [*{tuple(line[name] for name in STREAM): line for line in lines}.values()]

    def list_entrants(self, law: str) -> list[str]:
        """Those for a model's errors play these alone, dear ones a third of the laws."""
        is_of_errors = law in ERRORS
        is_drawn = draw_number(self.commit, law, "dear") % 3 == 0
        return [
            name
            for name, entrant in self.entrants.items()
            if (is_of_errors or not entrant.of_errors) and (is_drawn or not entrant.is_dear)
        ]

    def play_law(self, law: str) -> None:
        """First the windows that set the limits, then three seeds, then more until enough cells are resolved."""
        names = self.list_entrants(law)
        scored = [name for name in names if self.entrants[name].has_scores]
        self.play(law, CALIBRATION, [*range(-(-self.calibration // self.healthy))], scored)
        self.play(law, PLAY, [*range(min(SETS, self.maximum_seeds))], names)
        for seed in range(SETS, self.maximum_seeds):
            if not (faults := self.list_open_faults(law)):
                break
            self.play(law, PLAY, [seed], names, faults)

    def list_open_faults(self, law: str) -> list[str]:
        """The kinds whose cells are open, if there are too many of them."""
        lines = [line for line in self.read_lines() if line["law"] == law]
        cells = compare_cells(apply_limits(list_windows(lines)))
        open_faults = cells.loc[cells["outcome"] == "open", "fault"].tolist()
        return open_faults if len(open_faults) > (1 - ENOUGH) * len(cells) else []

    def play(self, law: str, part: str, seeds: list[int], names: list[str], faults: list[str] | None = None) -> None:
        """Play what is not played yet, in a process for each environment."""
        done = [
            [line["entrant"], line["seed"]] for line in self.read_lines() if (line["law"], line["part"]) == (law, part)
        ]
        for environment in dict.fromkeys(self.entrants[name].environment for name in names):
            group = [name for name in names if self.entrants[name].environment == environment]
            is_waiting = any([name, seed] not in done for name in group for seed in seeds)
            left = self.ends - time.monotonic()
            if is_waiting and left > 0:
                task = Task(self.commit, law, self.laws, part, seeds, group, done, faults or [])
                self.run_task(environment, replace(task, healthy=self.healthy, seconds=left, added=self.added))

    def run_task(self, environment: str | None, task: Task) -> None:
        process = start_python(environment, str(FOLDER / "play.py"), json.dumps(asdict(task)))
        for line in process.stdout or ():
            if line.startswith("{"):
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(line)

    def check(self, count: int, file: Path) -> int:
        """Replay streams of the published windows, and compare all but seconds."""
        # Draw some
        published = read_published(file)
        keys = published[STREAM].drop_duplicates()
        is_here = [law not in list_tables() or find_table(law).exists() for law in keys["law"]]
        keys = keys[is_here]
        keys = keys[keys["entrant"].isin([*self.entrants])]
        chosen = keys.sample(min(count, len(keys)), random_state=random.randrange(2**32))
        differing = 0
        for law, part, seed, name in chosen.itertuples(index=False):
            # As they were published
            rows = published[(published[STREAM] == [law, part, seed, name]).all(axis=1)]
            faults = sorted({*rows["fault"]} - {""}) if seed >= SETS else []
            commit = str(rows["commit"].iloc[0])
            task = Task(commit, law, self.laws, part, [int(seed)], [name], faults=faults, healthy=self.healthy)
            # And again
            process = start_python(self.entrants[name].environment, str(FOLDER / "play.py"), json.dumps(asdict(task)))
            lines = [json.loads(line) for line in process.communicate()[0].splitlines()]
            replayed = list_windows(lines)
            is_equal = compare_windows(rows, replayed)
            differing += not is_equal
            word = "equal" if is_equal else "DIFFERENT"
            print(f"{word}: {name} on {law}, {part} {seed}, {len(rows)} windows", flush=True)
        print(f"{len(chosen) - differing} of {len(chosen)} streams are equal")
        return int(differing > 0)


def compare_windows(published: pd.DataFrame, replayed: pd.DataFrame) -> bool:
    order = ["fault", "size", "first", "window"]
    names = [*order, "alarm", "named", "score", "error"]
    tables = [table.sort_values(order)[names].reset_index(drop=True) for table in (published, replayed)]
    try:
        pd.testing.assert_frame_equal(*tables, check_dtype=False, rtol=1e-4)
    except AssertionError:
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=8.0, help="after which nothing more is played")
    parser.add_argument("--laws", nargs="+", metavar="NAME", help="these alone")
    parser.add_argument("--entrants", nargs="+", choices=ENTRANTS, default=[*ENTRANTS], metavar="NAME")
    parser.add_argument("--add", nargs="+", default=[], metavar="NAME=FILE.py:CLASS", help="an entrant of a file")
    parser.add_argument("--calibration", type=int, default=CALIBRATION_WINDOWS, help="windows that set a limit")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--trial", action="store_true", help="few windows of one seed, below build/leaderboard/trials")
    parser.add_argument("--trials", type=Path, default=BUILD / "trials", help="the folder of trials")
    parser.add_argument("--check", type=int, metavar="N", help="replay so many of the published streams")
    parser.add_argument("--page", type=Path, default=BUILD, help="the folder of leaderboard.md and static/")
    arguments = parser.parse_args()
    # Who plays
    added = dict(word.split("=", 1) for word in arguments.add)
    chosen = {name: find_entrant(name, added) for name in (*arguments.entrants, *added)}
    absences = {name: find_absence(name, entrant) for name, entrant in chosen.items()}
    absent = [reason for reason in absences.values() if reason]
    print("\n".join(f"left out: {reason}" for reason in absent), file=sys.stderr)
    entrants = {name: entrant for name, entrant in chosen.items() if not absences[name]}
    # And what
    commit = find_commit(is_trial=arguments.trial or arguments.check is not None)
    laws = draw_laws(commit)
    missing = [name for name in list_tables() if not find_table(name).exists()]
    for name in missing:
        print(f"not played, because not there: {name} (make leaderboard-peers)", file=sys.stderr)
    folder = arguments.trials if arguments.trial else BUILD / "results"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{commit}.jsonl"
    run = BoardPlay(commit, len(laws), file, time.monotonic() + 3_600 * arguments.hours, entrants, added=added)
    run.calibration = arguments.calibration
    if arguments.check is not None:
        return run.check(arguments.check, ROOT / "docs" / PARQUET)
    if arguments.trial:
        file.unlink(missing_ok=True)
        run.healthy = run.calibration = TRIAL_WINDOWS
        run.maximum_seeds = 1
    # Some laws at a time
    with ThreadPoolExecutor(arguments.processes) as pool:
        for _ in pool.map(run.play_law, [law for law in arguments.laws or laws if law not in missing]):
            pass
    # What came out
    lines = run.read_lines()
    for line in lines:
        if "error" in line:
            print(f"{line['entrant']} failed on {line['law']}: {line['error']}", file=sys.stderr)
    versions = {name: find_package_version(entrant.environment, entrant.package) for name, entrant in entrants.items()}
    write_pages(folder if arguments.trial else arguments.page, lines, commit, versions, absent)
    return int(not any(line["entrant"] == OURS and line["rows"] for line in lines))


if __name__ == "__main__":
    sys.exit(main())
