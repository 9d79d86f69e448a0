"""All that `make test` leaves out, step after step, with a line of result each: `python -m tests.nightly [STEP ...]`.

A step that fails doesn't end the others; what it said is in build/nightly/STEP.log. Seeds begin with the day's date, so that
each night plays others: `DATE=2026-11-29 python -m tests.nightly tests` plays those of a night again. `wide` names all steps
that begin so; `slow`, which takes days, runs by its name alone.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path

from tests.at_hand import DEMANDED

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "nightly"

CLIENTS = sorted(path.stem for path in (ROOT / "tests" / "clients").glob("*.txt") if path.stem != "public_record")
WIDE = ("3.10", "3.12", "3.11+spark-3.5", "3.13+spark-4.0")
"""A Python each, and behind a + a list of requirements/ with a Spark that is not the pinned one."""
WIDE_TESTS = "tests/unit tests/golden_open tests/spark/states tests/spark/reading tests/spark/runs"

EVERYDAY = "-m 'not nightly and not slow'"

SEEDS_A_NIGHT = 1000
SECONDS_A_NIGHT = "600"
"""For windows, and for months of each kind."""

CLOSING_LINE = re.compile(r"^=+ (.*(?:passed|failed|error).*) =+$", re.MULTILINE)
"""Pytest's last line."""


@dataclass(frozen=True)
class NightlyStep:
    """words: of `make`. before: targets that are made first, as a part of the step. variables: of its environment.

    by_name: no part of a night.
    """

    name: str
    words: tuple[str, ...]
    before: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    by_name: bool = False

    def is_named(self, names: Sequence[str]) -> bool:
        if names:
            return any(f"{self.name}-".startswith(f"{name}-") for name in names)
        return not self.by_name


def list_steps() -> tuple[NightlyStep, ...]:
    clients = tuple(f"build/clients/{name}/.made" for name in CLIENTS)
    other_sparks = (".venv-4.0/.made", ".venv-4.1/.made")
    wide = [
        NightlyStep(
            f"wide-{name}",
            ("test", f"RUNS=build/wide/{name}/bin/python", f"ARGS={WIDE_TESTS} {EVERYDAY}"),
            (f"build/wide/{name}/.made",),
            {"ENGINES": "both"},
        )
        for name in WIDE
    ]
    return (
        NightlyStep(
            "tests",
            ("test", "ARGS=tests -m 'nightly and not slow'"),
            ("environments", "environment", "site", "build/pins/.made", *other_sparks, *clients),
        ),
        NightlyStep("engines", ("test", "ARGS=tests/golden tests/golden_open"), variables={"ENGINES": "both"}),
        NightlyStep("demo", ("demo", "SPARK=1", "ARGS=--output build/nightly/demo")),
        NightlyStep("site", ("site",)),
        NightlyStep("spark-4.0", ("test", "SPARK=4.0")),
        NightlyStep("connect-4.0", ("test", "SPARK=4.0", "REMOTE=1", f"ARGS=tests/spark --dist load {EVERYDAY}")),
        NightlyStep("spark-4.1", ("test", "SPARK=4.1")),
        *wide,
        NightlyStep("leaderboard", ("leaderboard", "ARGS=--trial --hours .02 --laws normal SEA")),
        NightlyStep("advisories", ("advisories",)),
        NightlyStep("slow", ("test", "ARGS=tests -m slow"), ("environments",), by_name=True),
    )


def main(words: Sequence[str]) -> int:
    steps = list_steps()
    names = [step.name for step in steps]
    parser = argparse.ArgumentParser(prog="python -m tests.nightly", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("steps", nargs="*", metavar="STEP", help=f"by default all but slow: {', '.join(names)}")
    options = parser.parse_args(words)
    for name in options.steps:
        if not any(step.is_named([name]) for step in steps):
            parser.error(f"no such step: {name}; there are {', '.join(names)}")
    night = date.fromisoformat(os.environ.get("DATE") or date.today().isoformat())
    LOGS.mkdir(parents=True, exist_ok=True)
    print(f"the night of {night}, seeds from {first_seed(night)} on", flush=True)

    statuses = [run_step(step, night) for step in steps if step.is_named(options.steps)]
    return int(any(statuses))


def first_seed(night: date) -> int:
    return night.toordinal() * SEEDS_A_NIGHT


def run_step(step: NightlyStep, night: date) -> int:
    """The exit status of a step, whose line is printed."""
    start_time = time.monotonic()
    log = LOGS / f"{step.name}.log"
    seeds = {"FUZZ_FIRST": str(first_seed(night)), "MONTHS_FIRST": str(first_seed(night))}
    seconds = {"FUZZ_SECONDS": SECONDS_A_NIGHT, "MONTHS_SECONDS": SECONDS_A_NIGHT}
    environment = seconds | os.environ | seeds | {"HYPOTHESIS_EXAMPLES": "150"} | dict(step.variables)
    if (ROOT.parent / "shared").is_dir():
        environment[DEMANDED] = "1"
    # ARGS of `make nightly` are the names of steps
    make = ("make", "--no-print-directory", "-C", str(ROOT), "ARGS=")
    with log.open("w", encoding="utf-8") as log_file:
        run = partial(subprocess.call, env=environment, stdout=log_file, stderr=log_file)
        status = run([*make, *step.before]) if step.before else 0
        if status == 0:
            status = run([*make, *step.words])
    minutes = (time.monotonic() - start_time) / 60
    outcome = "passed" if status == 0 else f"FAILED ({status})"
    closing_lines = CLOSING_LINE.findall(log.read_text(encoding="utf-8", errors="replace"))
    print(f"{step.name:12} {outcome:12} {minutes:5.1f} min  {'; '.join(closing_lines)}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
