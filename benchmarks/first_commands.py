"""What a newcomer's first commands cost: `make demo` and `make package` in a fresh clone, beside those of another commit.

    .venv/bin/python benchmarks/first_commands.py [COMMIT]

Each command gets a clone and a home of its own, so that no cache has anything for it. Printed are the core seconds of all its
processes, and what the clone and the home hold afterwards beside the repository itself. It downloads 1.5 GB.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from performance import note

ROOT = Path(__file__).resolve().parents[1]
COMMIT = "1e0eaef9"
"""The last one whose demo installed Spark."""
MEGABYTE = 1_000_000
MARKS = {"demo": (1 / 3, 400), "package": (1 / 5, 40)}
"""Of each command: the ratio of core seconds, and the megabytes that it may leave."""


@dataclass(frozen=True)
class Cost:
    """core_seconds: of all processes. size_bytes: what the command left in the clone and below its home."""

    core_seconds: float
    size_bytes: int


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("commit", nargs="?", default=COMMIT, help="what HEAD is compared with")
    commit = parser.parse_args(words).commit
    for command, (most_seconds, most_megabytes) in MARKS.items():
        before = measure(commit, command)
        now = measure("HEAD", command)
        work = f"make {command}, fresh clone"
        print(note(work, f"{commit}", now.core_seconds, before.core_seconds, most_seconds), flush=True)
        print(
            note(f"{work}: left on disk", "", now.size_bytes / MEGABYTE, at_most=most_megabytes, unit="MB"), flush=True
        )
        print(f"    {before.size_bytes / MEGABYTE:.0f} MB at {commit}", flush=True)


def measure(commit: str, command: str) -> Cost:
    with tempfile.TemporaryDirectory(prefix="first-commands-") as folder:
        clone = Path(folder) / "clone"
        home = Path(folder) / "home"
        home.mkdir()
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        subprocess.run(["git", "-C", str(clone), "checkout", "--quiet", commit], check=True)
        empty_bytes = measure_size(Path(folder))
        hidden = ("VIRTUAL_ENV", "PYTHONPATH", "SPARK_HOME", "MODEL_MONITOR_CACHE", "XDG_CACHE_HOME", "UV_CACHE_DIR")
        environment = {name: text for name, text in os.environ.items() if name not in hidden}
        environment |= {"HOME": str(home), "PIP_CACHE_DIR": str(home / "pip"), "PYTHON": sys._base_executable}
        before = read_processor_seconds()
        done = subprocess.run(
            ["make", command], cwd=clone, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"make {command} at {commit} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return Cost(read_processor_seconds() - before, measure_size(Path(folder)) - empty_bytes)


def read_processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_size(folder: Path) -> int:
    """What the files below a folder take on the disk; links to one file count once."""
    states = {(state.st_dev, state.st_ino): state for state in map(os.lstat, folder.rglob("*"))}
    return sum(state.st_blocks * 512 for state in states.values())


if __name__ == "__main__":
    main(sys.argv[1:])
