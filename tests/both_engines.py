"""Jobs on both engines, compared: `ENGINES=both make test ARGS=tests/golden` runs every job of these tests a second time, without
a JVM, and holds what it writes against what Spark's wrote, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

JOBS = ("baseline", "monitor", "merge")

NEEDS_SPARK = "needs Spark; write --engine spark"

OF_A_MOMENT = ("message", "_lease", "_alerts", "cloudwatch_metrics")
"""Beginnings of files' names that are no results, or that say where and when a run was."""

Ended = TypeVar("Ended")


def are_asked_for(job: str, flags: Sequence[str]) -> bool:
    """Whether a job with these flags is to run on both engines."""
    output = _output(flags)
    return (
        os.environ.get("ENGINES") == "both"
        and job in JOBS
        and "--engine" not in flags
        and output is not None
        and "://" not in output
    )


def run_on_both(run: Callable[[Sequence[str]], Ended], folder: Path, flags: Sequence[str]) -> Ended:
    """What the job came to on Spark. run: the job with some flags; folder: where relative paths begin.

    Raises AssertionError for a file that the other engine writes otherwise, or for another end.
    """
    output = folder / str(_output(flags))
    before, of_spark_alone, local_folder = (
        output.with_name(f"{output.name}-{name}") for name in ("before", "spark", "local")
    )
    for left in (before, local_folder):
        shutil.rmtree(left, ignore_errors=True)
    if output.is_dir():
        shutil.copytree(output, before)
    ended = run([*flags, "--engine", "spark"])
    if output.is_dir():
        output.rename(of_spark_alone)
    if before.is_dir():
        before.rename(output)
    local_end = run([*flags, "--engine", "local"])  # to the same place, which files name
    for source_path, target_path in ((output, local_folder), (of_spark_alone, output)):
        if source_path.is_dir():
            source_path.rename(target_path)
    if NEEDS_SPARK not in str(local_end):
        assert getattr(local_end, "status", None) == getattr(ended, "status", None), (
            f"local: {local_end}\nSpark: {ended}"
        )
        of_spark = files_below(output)
        local = files_below(local_folder)
        assert local.keys() == of_spark.keys()
        for name in of_spark:
            assert local[name] == of_spark[name], f"{name} of {local_folder} is not that of {output}"
    return ended


def files_below(folder: Path) -> dict[str, bytes]:
    """The results below a folder, by their paths there."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(OF_A_MOMENT)]
    return {str(path.relative_to(folder)): by_anyone(path.read_bytes()) for path in sorted(files)}


EVALUATED_BY = rb"<li>metrics evaluated by <strong>[^<]*</strong></li>"


def by_anyone(content: bytes) -> bytes:
    """A file without the lines of run.json and of the page that say who evaluated the states, and without run.json's digest."""
    return re.sub(rb',\n  "deequ" : [^\n]*|"run\.json": "[0-9a-f]{64}"|' + EVALUATED_BY, b"", content)


def _output(flags: Sequence[str]) -> str | None:
    positions = [position for position, word in enumerate(flags) if word == "--output-path"]
    if positions:
        return flags[positions[-1] + 1]
    return None
