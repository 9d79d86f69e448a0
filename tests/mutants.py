"""Damages of one line that a developer could make, and whether the tests notice them: `python -m tests.mutants --seed 1`.

They are drawn by the seed (`tests.mutations`) and put into a copy of HEAD, one at a time. `make quick` gets its 20 s for each,
and what its tests don't notice is tried on all unit tests that the file reaches. Read each survivor: it is a missing test, or
a damage that changes nothing, for which `tests.mutations` may have a rule. No other target runs it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.floors import PACKAGE
from tests.mutations import Damage, draw_damages
from tests.names import check_out
from tests.quick import SECONDS

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
UNIT_SECONDS = 900.0
ENDLESS = ("--timeout=60",)
"""A damage may make a loop endless, which a test notices as well."""

FAILING = re.compile(r"^(?:fails:|FAILED|ERROR) (tests/\S+\.py(?:::.*?)?)(?: - .*)?$", re.MULTILINE)
"""How `tests.quick` and pytest name a test that fails."""
PASSED = re.compile(r"^\d+ passed", re.MULTILINE)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", default=ROOMS, help=f"below the package; by default {', '.join(ROOMS)}")
    parser.add_argument("--seed", type=int, help="which damages; by default others each time")
    parser.add_argument("--count", type=int, default=COUNT, help=f"how many lines; by default {COUNT}")
    parser.add_argument(
        "--only", nargs="+", type=int, metavar="NUMBER", help="which of them, from 1 on; by default all"
    )
    parser.add_argument("--seconds", default=str(SECONDS), help="what make quick gets; more on a machine that is busy")
    parser.add_argument("--unit-seconds", type=float, default=UNIT_SECONDS, help="what make unit gets; 0 leaves it out")
    options = parser.parse_args(words)
    if options.seed is None:
        seed = int(time.time())
    else:
        seed = options.seed
    sys.stdout.write(f"seed {seed}\n")
    tally: Counter[str] = Counter()

    with check_out("HEAD") as tree:
        # The damages of the seed
        package = tree / PACKAGE.relative_to(PACKAGE.parents[1])
        files = [file for folder in options.folders for file in sorted((package / folder).rglob("*.py"))]
        damages = draw_damages(files, seed, options.count)
        chosen = options.only or range(1, len(damages) + 1)

        # Each of them in turn, with its test
        for number in chosen:
            damage = damages[number - 1]
            start_time = time.monotonic()
            target, test = find_test(damage, tree, options.seconds, options.unit_seconds)
            tally[target] += 1
            seconds = time.monotonic() - start_time
            path = damage.file.relative_to(package)
            sys.stdout.write(f"{number:3}  {target:5}  {seconds:4.0f} s  {path}:{damage.line}  {damage.kind}\n")
            sys.stdout.write(f"       - {damage.old.strip()}\n       + {damage.new.strip()}\n")
            sys.stdout.write(f"       {test}\n" if test else "")
            sys.stdout.flush()
    detected = tally["quick"] + tally["unit"]
    sys.stdout.write(f"of {len(chosen)}: make quick notices {tally['quick']}, make unit {detected}\n")
    return int(detected < MINIMUM_DETECTED * len(chosen))


def find_test(damage: Damage, tree: Path, quick_seconds: str, unit_seconds: float) -> tuple[str, str]:
    """Which of `make quick` and `make unit` notices a damage, and by which test; LIVES and no test if neither does."""
    damaged_text = damage.apply_to(damage.file.read_text(encoding="utf-8"))
    with applied(damage.file, damaged_text):
        reached_files = list_reaching(tree)
    quick = ("-m", "tests.quick", "--no-lint", "--first", "--seconds", quick_seconds)
    test = find_failing_test(damage.file, damaged_text, tree, quick, None)
    if test:
        return "quick", test
    if unit_seconds:
        unit = ("-m", "pytest", "-x", "-q", "-m", "not rest and not slow", *ENDLESS, *reached_files)
        test = find_failing_test(damage.file, damaged_text, tree, unit, unit_seconds)
        if test:
            return "unit", test
    return "LIVES", ""


def find_failing_test(file: Path, damaged_text: str, tree: Path, command: Sequence[str], seconds: float | None) -> str:
    """A test that fails with a file damaged, and passes without; empty if there is none."""
    deselected: list[str] = []
    while True:
        with applied(file, damaged_text):
            printed = run(tree, *command, *(f"--deselect={test}" for test in deselected), seconds=seconds)
        failing = [test for test in FAILING.findall(printed) if test not in deselected]
        for test in failing:
            if PASSED.search(run(tree, "-m", "pytest", "-q", test)):
                return test
        if not failing:
            return ""
        deselected += failing


@contextmanager
def applied(file: Path, damaged_text: str) -> Iterator[None]:
    """While this is open, the file has another text."""
    text = file.read_text(encoding="utf-8")
    file.write_text(damaged_text, encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def run(tree: Path, *words: str, seconds: float | None = None) -> str:
    """What a program of Python's says in the tree; it is stopped after so many seconds."""
    with subprocess.Popen(
        [sys.executable, *words], cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    return printed


def list_reaching(tree: Path) -> list[str]:
    """The files of tests that the tree's change reaches, nearest first; no other can notice it."""
    return [line.partition(" ")[2] for line in run(tree, "-m", "tests.quick", "--list").splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
