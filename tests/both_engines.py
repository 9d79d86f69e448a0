"""Jobs on both engines, compared: `ENGINES=both make test ARGS=tests/golden` runs every job of these tests without a JVM and on
Spark, and holds what one writes against what the other wrote, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from tests.running_jobs import Finished
    from typing_extensions import NotRequired

NEEDS_SPARK = "needs Spark; write --engine spark"

OF_A_MOMENT = ("message", "_lease", "_alerts", "cloudwatch_metrics")
"""Beginnings of files' names that are no results, or that say where and when a run was."""


class EngineArguments(TypedDict):
    engine: str
    spark: NotRequired[SparkSession]


def list_engines(spark: SparkSession) -> list[EngineArguments]:
    """The arguments by which a run from Python has each engine; the one without a JVM comes first."""
    return [{"engine": "local"}, {"engine": "spark", "spark": spark}]


def require_same(local: Mapping[str, bytes], of_spark: Mapping[str, bytes]) -> None:
    """Raises AssertionError for a file that one engine writes otherwise, or not at all."""
    assert local.keys() == of_spark.keys()
    for name in local:
        assert by_anyone(local[name]) == by_anyone(of_spark[name]), name


def are_asked_for() -> bool:
    """Whether tests are to run on both engines."""
    return os.environ.get("ENGINES") == "both"


def run_on_both(run: Callable[[Sequence[str]], Finished], folder: Path, flags: Sequence[str]) -> Finished:
    """What the job came to on Spark. run: the job with some flags; folder: where relative paths begin.

    Raises AssertionError for a file that the other engine writes otherwise, or for another end.
    """
    output_path = read_output_path(flags)
    if output_path is None or "://" in output_path:
        return run(flags)
    output = folder / output_path
    local_folder = output.with_name(f"{output.name}-local")
    before = output.with_name(f"{output.name}-before")
    for left in (before, local_folder):
        shutil.rmtree(left, ignore_errors=True)
    if output.is_dir():
        shutil.copytree(output, before)
    local_end = run([*flags, "--engine", "local"])
    # Both write to the same place, which files name
    if output.is_dir():
        output.rename(local_folder)
    if before.is_dir():
        before.rename(output)
    ended = run([*flags, "--engine", "spark"])
    if NEEDS_SPARK not in local_end.said:
        assert local_end.status == ended.status, f"local: {local_end}\nSpark: {ended}"
        spark_files = files_below(output)
        local_files = files_below(local_folder)
        for name in sorted({*spark_files, *local_files}):
            assert local_files.get(name) == spark_files.get(name), f"{name} of {local_folder} is not that of {output}"
    return ended


def files_below(folder: Path) -> dict[str, bytes]:
    """The results below a folder, by their paths there."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(OF_A_MOMENT)]
    return {str(path.relative_to(folder)): by_anyone(path.read_bytes()) for path in sorted(files)}


EVALUATED_BY = rb"<li>metrics evaluated by <strong>[^<]*</strong></li>"


def by_anyone(content: bytes) -> bytes:
    """A file without the lines of run.json and of the page that say who evaluated the states, and without run.json's digest."""
    return re.sub(rb',\n  "deequ" : [^\n]*|"run\.json": "[0-9a-f]{64}"|' + EVALUATED_BY, b"", content)


def read_output_path(flags: Sequence[str]) -> str | None:
    """Where a job with these flags writes."""
    positions = [position for position, word in enumerate(flags) if word == "--output-path"]
    if positions:
        return flags[positions[-1] + 1]
    return None
