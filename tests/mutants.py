"""Damages of one line that a developer could make, and whether the tests notice them: `python -m tests.mutants --seed 1`.

They are drawn by the seed (`tests.mutations`) and put into copies of HEAD. First all unit tests run once, and it is noted which
lines each of them runs (ten minutes, kept for the commit). Of these the files that run a damaged line are tried on it, the
nearest of them. What these let live is tried on all that `make unit` runs, and then on the rest of `make test`, several
damages at a time: each test that fails is tried on each of them. With `--kinds tests/spark/reading tests/jobs` these are tried
on each damage, whatever noticed it before. Read each survivor: it is a missing test, or a damage that changes nothing, for
which `tests.mutations` may have a rule. No other target runs it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue

from tests.covered_lines import UNIT_TESTS, CoveredLines, cover_lines
from tests.floors import PACKAGE
from tests.mutations import Damage, draw_damages
from tests.names import check_out
from tests.quick import ROOT

ROOMS = (
    "statistics/verdicts",
    "statistics/drift",
    "monitors/data_quality",
    "running/scheduling",
    "running/merging",
    "data/records",
    "data/reading",
)
COUNT = 40
MINIMUM_DETECTED = 0.95
TREES = 2
"""Copies that are damaged at a time; each takes a core and 2 GB."""

NEAREST_FILES = 10
"""Files of tests that are tried on a damage alone: most damages are noticed there."""
DAMAGES_AT_ONCE = 8
MAX_FAILING = 12
"""Failing tests of a run with several damages that are looked at; the damages that are left are tried again without others."""

ENDLESS = ("--timeout=60",)
"""A damage may make a loop endless, which a test notices as well."""
UNIT = "not nightly and not slow and not session"
REST = "not nightly and not slow"
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m")

FAILING = re.compile(r"^(?:FAILED|ERROR) (tests/\S+\.py(?:::.*?)?)(?: - .*)?$", re.MULTILINE)
"""How pytest names a test that fails."""
PASSED = re.compile(r"^\d+ passed", re.MULTILINE)
ENDED = re.compile(r" in \d+\.\d+s", re.MULTILINE)
"""Pytest's last line, which it prints if it could begin."""

BY_UNIT = "unit"
BY_TEST = "test"
LIVES = "LIVES"


@dataclass
class Trial:
    """What became of a damage. target: what noticed it first; test: by which test; kinds: those of `--kinds` that did."""

    number: int
    damage: Damage
    target: str = LIVES
    test: str = ""
    seconds: float = 0.0
    kinds: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        path = (ROOT / self.damage.file).relative_to(PACKAGE)
        lines = [
            f"{self.number:3}  {self.target:5}  {self.seconds:4.0f} s  {path}:{self.damage.line}  {self.damage.kind}",
            f"       - {self.damage.old.strip()}",
            f"       + {self.damage.new.strip()}",
            *([f"       {self.test}"] if self.test else []),
            *([f"       by kind: {', '.join(self.kinds)}"] if self.kinds else []),
        ]
        return "\n".join(lines)


class PruneSelection:
    """Copies of a commit; a thread takes one and gives it back."""

    def __init__(self, trees: Sequence[Path]) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        for tree in trees:
            self._free.put(tree)

    @contextmanager
    def take(self) -> Iterator[Path]:
        tree = self._free.get()
        try:
            yield tree
        finally:
            self._free.put(tree)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", default=ROOMS, help=f"below the package; by default {', '.join(ROOMS)}")
    parser.add_argument("--seed", type=int, help="which damages; by default others each time")
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many lines; by default {COUNT}")
    parser.add_argument("--only", nargs="+", type=int, metavar="NUMBER", help="which of them, from 1 on")
    parser.add_argument("--unit-alone", action="store_true", help="leave out the rest of `make test`")
    parser.add_argument("--kinds", nargs="+", default=(), metavar="FOLDER", help="tests that are tried on each damage")
    options = parser.parse_args(words)
    if options.seed is None:
        options.seed = int(time.time())
    print(f"seed {options.seed}", flush=True)
    with ExitStack() as checked_out:
        trees = [checked_out.enter_context(check_out("HEAD")) for _ in range(TREES)]
        trials = draw_trials(trees[0], options)
        try_all(trials, trees, options.kinds, options.unit_alone)
    return print_tally(trials, options.kinds)


def draw_trials(tree: Path, options: argparse.Namespace) -> list[Trial]:
    """Damages of a tree's files, whose paths are below it."""
    package = tree / PACKAGE.relative_to(ROOT)
    files = [file for folder in options.folders for file in sorted((package / folder).rglob("*.py"))]
    damages = [
        replace(damage, file=damage.file.relative_to(tree))
        for damage in draw_damages(files, options.seed, options.count)
    ]
    return [Trial(number, damages[number - 1]) for number in options.only or range(1, len(damages) + 1)]


def try_all(trials: Sequence[Trial], trees: Sequence[Path], kinds: Sequence[str], unit_alone: bool) -> None:
    """Tries each damage on the unit tests nearest to its line and on the kinds, and what is still alive on all other tests."""
    covered = read_covered_lines(trees[0])
    free_trees = PruneSelection(trees)
    with ThreadPoolExecutor(len(trees)) as pool:
        for trial in pool.map(lambda trial: try_nearest(trial, free_trees, covered, kinds), trials):
            print(trial, flush=True)
    without_unit = [f"--ignore={folder}" for folder in UNIT_TESTS]
    runs = {BY_UNIT: (UNIT, *UNIT_TESTS), BY_TEST: (REST, *without_unit, "tests")}
    if unit_alone:
        del runs[BY_TEST]
    for target, words in runs.items():
        alive = [trial for trial in trials if trial.target == LIVES]
        for start in range(0, len(alive), DAMAGES_AT_ONCE):
            try_together(alive[start : start + DAMAGES_AT_ONCE], trees[0], target, words)


def print_tally(trials: Sequence[Trial], kinds: Sequence[str]) -> int:
    tally = Counter(trial.target for trial in trials)
    detected = tally[BY_UNIT]
    print(f"of {len(trials)}: make unit notices {detected}, make test {detected + tally[BY_TEST]}")
    for kind in kinds:
        noticed = [trial for trial in trials if kind in trial.kinds]
        alone = [str(trial.number) for trial in noticed if trial.target == LIVES and trial.kinds == [kind]]
        print(f"{kind}: {len(noticed)}, of which nothing else noticed {len(alone)}: {', '.join(alone) or '-'}")
    return int(detected < MINIMUM_DETECTED * len(trials))


def read_covered_lines(tree: Path) -> CoveredLines:
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    data_file = ROOT / ".cache" / f"covered-lines-{commit.strip()[:12]}"
    return cover_lines(tree, data_file, tree / PACKAGE.relative_to(ROOT), "-m", UNIT, "-n", "2", "--dist", "loadfile")


def try_nearest(trial: Trial, free_trees: PruneSelection, covered: CoveredLines, kinds: Sequence[str]) -> Trial:
    """Tries a damage on the unit tests that are nearest to its line, and on each kind."""
    start_time = time.monotonic()
    path = trial.damage.file.as_posix()
    test_files = covered.find_test_files(path, trial.damage.line)
    with free_trees.take() as tree:
        if not test_files:
            test_files = list_importing_tests(tree, path, trial.damage)
        if test_files:
            trial.test = find_failing_test(trial.damage, tree, UNIT, test_files[:NEAREST_FILES])
        if trial.test:
            trial.target = BY_UNIT
        trial.kinds = [kind for kind in kinds if find_failing_test(trial.damage, tree, REST, [kind])]
    trial.seconds = time.monotonic() - start_time
    return trial


def list_importing_tests(tree: Path, path: str, damage: Damage) -> list[str]:
    """The unit tests that import a file whose damaged line runs while it is imported, nearest first."""
    with applied(tree / path, damage):
        listed = run(tree, "-m", "tests.quick", "--list")
    return [line.partition(" ")[2] for line in listed.splitlines()]


def find_failing_test(damage: Damage, tree: Path, marks: str, files: Sequence[str]) -> str:
    """A test that fails with a damage, and passes without; empty if there is none."""
    path = tree / damage.file
    deselected: list[str] = []
    while True:
        with applied(path, damage):
            printed = run(tree, *PYTEST, marks, "-x", *ENDLESS, *files, *(f"--deselect={test}" for test in deselected))
        failing = [test for test in FAILING.findall(printed) if test not in deselected]
        for test in failing:
            if PASSED.search(run(tree, *PYTEST, "", test)):
                return test
        if not failing:
            # Where the damaged package can't even be imported, pytest ends before any test
            return "" if ENDED.search(printed) else "every test"
        deselected += failing


def try_together(group: Sequence[Trial], tree: Path, target: str, words: Sequence[str]) -> None:
    """Tries several damages at once, and finds out whose damage fails which test, until no other is found.

    words: of pytest, the first of them an expression of marks.
    """
    start_time = time.monotonic()
    alive = list(group)
    while alive:
        with ExitStack() as damaged:
            for trial in alive:
                damaged.enter_context(applied(tree / trial.damage.file, trial.damage))
            printed = run(tree, *PYTEST, words[0], "-n", "2", "--dist", "loadfile", *ENDLESS, *words[1:])
        for test in FAILING.findall(printed)[:MAX_FAILING]:
            for trial in alive:
                if not trial.test and find_failing_test(trial.damage, tree, "", [test]):
                    trial.target = target
                    trial.test = test
        noticed = [trial for trial in alive if trial.test]
        alive = [trial for trial in alive if not trial.test]
        if not noticed:
            break
    seconds = (time.monotonic() - start_time) / len(group)
    for trial in group:
        trial.seconds += seconds
        print(trial, flush=True)


@contextmanager
def applied(file: Path, damage: Damage) -> Iterator[None]:
    """While this is open, the file has the damage."""
    text = file.read_text(encoding="utf-8")
    file.write_text(damage.apply_to(text), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def run(tree: Path, *words: str) -> str:
    """What a program of Python's says in the tree, whose package its own processes import too."""
    environment = os.environ | {"PYTHONPATH": str(tree / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
