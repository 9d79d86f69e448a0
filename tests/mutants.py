"""Sixteen faults that a developer could make, and whether the tests notice them: `python -m tests.mutants`.

Each is put into a copy of HEAD. `make quick` has to notice at least QUICK of them within its 20 s, `make unit` all; what quick's
tests notice, unit's do. It takes five minutes and more on two idle cores; no other target runs it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.floors import PACKAGE
from tests.names import tree_of
from tests.quick import SECONDS

QUICK = 12
FAILING = re.compile(r"^(?:fails:|FAILED|ERROR) (tests/\S+\.py(?:::.*?)?)(?: - .*)?$", re.MULTILINE)
"""How `tests.quick` and pytest name a test that fails."""

ANCHORS = "tests/unit/test_quick.py::test_what_a_mutant_changes_stands_once_in_its_file"
"""It fails by any of them."""


@dataclass(frozen=True)
class Mutant:
    """One fault. file: below the package. old: a text that stands there once, and becomes `new`. breaks: what goes wrong."""

    file: str
    old: str
    new: str
    breaks: str


MUTANTS = (
    Mutant(
        "statistics/states/moments.py",
        "m2 + other_m2 + apart * apart",
        "m2 + other_m2 - apart * apart",
        "the deviation of merged parts: a swapped sign",
    ),
    Mutant(
        "statistics/states/frequencies.py",
        "[-self._limit - 1])",
        "[-self._limit])",
        "which values a full table keeps: an off-by-one",
    ),
    Mutant(
        "statistics/states/kll.py",
        "        return self.plus([other])",
        "        return self.plus([])",
        "the sketch of the second part is dropped",
    ),
    Mutant(
        "statistics/drift/distributions.py",
        "apart = np.abs(ranks[0] / np.repeat(ranks[0][ends], many) - ranks[1] / np.repeat(ranks[1][ends], many))",
        "apart = ranks[0] / np.repeat(ranks[0][ends], many) - ranks[1] / np.repeat(ranks[1][ends], many)",
        "drift to one side only is seen",
    ),
    Mutant(
        "data/records/csv_rows.py",
        "cells.append(cell or None)",
        "cells.append(cell)",
        "an empty cell is no missing value",
    ),
    Mutant(
        "data/records/windows.py",
        "return self.start <= time < self.end",
        "return self.start <= time <= self.end",
        "a record at the full hour belongs to two windows",
    ),
    Mutant(
        "data/records/decoding.py",
        "tuple(half for half in COLUMN_ORDER if half in self.halves)",
        "tuple(half for half in reversed(COLUMN_ORDER) if half in self.halves)",
        "the input's columns stand before the output's",
    ),
    Mutant(
        "data/records/captured_lines.py",
        "bad += of_line[found.widths != columns].tolist()",
        "bad += of_line[found.widths < columns].tolist()",
        "a row with a cell too many is accepted",
    ),
    Mutant(
        "storage/local.py",
        "                file.flush()\n                os.fsync(file.fileno())\n",
        "                file.flush()\n",
        "a file is in place before its bytes are on the disk: a lost fsync",
    ),
    Mutant(
        "storage/lease.py",
        "mine.modified_ms - file.modified_ms > LIFE_SECONDS * 1000",
        "mine.modified_ms - file.modified_ms > LIFE_SECONDS",
        "the lease of a living run is taken over: seconds for milliseconds",
    ),
    Mutant(
        "storage/lease.py",
        "if first < self._name:",
        "if first > self._name:",
        "of two runs that wait neither steps back",
    ),
    Mutant(
        "storage/local.py",
        "for part in parts if len(parts) > 1 else ():",
        "for part in parts[1:] if len(parts) > 1 else ():",
        "of files that are put together the first is dropped",
    ),
    Mutant(
        "statistics/verdicts/components.py",
        "np.minimum(2 * np.minimum(in_window, in_baseline), 1.0)",
        "np.minimum(np.minimum(in_window, in_baseline), 1.0)",
        "a p-value of one side is taken for that of two",
    ),
    Mutant(
        "statistics/verdicts/multiple_testing.py",
        "least = min(least, p_values[place] * tests / rank)",
        "least = min(least, p_values[place] * tests / (rank + 1))",
        "many tests are allowed for too little: an off-by-one",
    ),
    Mutant(
        "statistics/verdicts/multiple_testing.py",
        "return max(0.0, distance - reach), min(1.0, distance + reach)",
        "return max(0.0, distance - reach), min(1.0, distance - reach)",
        "the interval of a distance ends below it: a swapped sign",
    ),
    Mutant(
        "statistics/verdicts/between_window_variance.py",
        "is_similar = _growth(effective, self) <= LARGEST_GROWTH",
        "is_similar = _growth(effective, self) >= LARGEST_GROWTH",
        "windows of another size say how much this one may vary",
    ),
)


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("numbers", nargs="*", type=int, help="which of them, from 1 on; all by default")
    parser.add_argument("--seconds", default=str(SECONDS), help="what make quick gets; more on a machine that is busy")
    given = parser.parse_args(words)
    chosen = sorted(given.numbers) or range(1, len(MUTANTS) + 1)
    quick = ("-m", "tests.quick", "--no-lint", "--first", "--seconds", given.seconds)
    noticed = {"quick": 0, "unit": 0, "LIVES": 0}
    with tree_of("HEAD") as tree:
        for number in chosen:
            mutant, began = MUTANTS[number - 1], time.monotonic()
            how, test = "quick", by(mutant, tree, *quick)
            if not test:
                how, test = "unit", by(mutant, tree, "-m", "pytest", "-x", "-q", "-m", "not rest and not slow")
            noticed[how if test else "LIVES"] += 1
            sys.stdout.write(
                f"{number:2}  {how if test else 'LIVES':5}  {time.monotonic() - began:4.0f} s  {mutant.breaks}\n"
            )
            sys.stdout.write(f"{'':18}{test}\n" if test else "")
            sys.stdout.flush()
    everything = noticed["quick"] + noticed["unit"]
    sys.stdout.write(f"of {len(chosen)}: make quick notices {noticed['quick']}, make unit {everything}\n")
    return int(everything < len(chosen) or noticed["quick"] < QUICK - (len(MUTANTS) - len(chosen)))


@contextmanager
def applied(mutant: Mutant, tree: Path) -> Iterator[None]:
    """The tree with the fault in it."""
    file = tree / PACKAGE.relative_to(PACKAGE.parents[1]) / mutant.file
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(whole, encoding="utf-8")


def by(mutant: Mutant, tree: Path, *words: str) -> str:
    """The test by which a program notices the fault: one that fails with it, and passes without; empty if none does."""
    leaving_out = [ANCHORS]
    while True:
        with applied(mutant, tree):
            files = [] if "tests.quick" in words else reaching(tree)
            said = run(tree, *words, *(f"--deselect={test}" for test in leaving_out), *files).stdout
        failing = [test for test in FAILING.findall(said) if test not in leaving_out]
        others = [test for test in failing if run(tree, "-m", "pytest", "-q", test).returncode == 0]
        if others or not failing:
            return "".join(others[:1])
        leaving_out += failing


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A program of Python's, in the tree."""
    return subprocess.run([sys.executable, *words], cwd=tree, capture_output=True, text=True, check=False)


def reaching(tree: Path) -> list[str]:
    """The files of tests that the tree's change reaches, nearest first; no other can notice it."""
    return [line.partition(" ")[2] for line in run(tree, "-m", "tests.quick", "--list").stdout.splitlines()]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
