"""Lines of files as the tasks of a merge get them, and what becomes of them in one bucket. No Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from tests.engine_in_process import InProcess

from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY, LINE, compute_file_keys
from spark_model_monitor.running.merging.captured import Captures, RequestDecoder
from spark_model_monitor.running.merging.hourly_sources import (
    FileLocations,
    FileNumbers,
    HourFolder,
    LineKind,
    format_uri,
    list_hours,
)
from spark_model_monitor.running.merging.joining import Join
from spark_model_monitor.running.merging.labels import ARRAY_FILES, GroundTruth
from spark_model_monitor.running.merging.merge_rows import Counts

ENGINE = InProcess()


def list_locations(root: Path) -> FileLocations:
    """Where the files below a folder stand."""
    source = list_hours(ENGINE, str(root), None)
    return FileLocations.of(source.files, source.branches)


def read_batches(root: Path, *, whole_files: bool = False):
    """The lines of the files below a folder, a batch for each file, whatever bytes they hold."""
    for file in list_hours(ENGINE, str(root), None).stored_files:
        content = Path(file.path.removeprefix("file:")).read_bytes()
        if whole_files:
            lines = [content]
        else:
            lines = [line for line in content.split(b"\n") if line.strip()]
        columns = {
            LINE: pa.array(lines, pa.binary()).view(pa.string()),
            FILE_KEY: pa.repeat(compute_file_keys([format_uri(file.path)])[0], len(lines)),
            BLOCK_START: pa.repeat(0, len(lines)),
        }
        yield pa.RecordBatch.from_pydict(columns)


def truth_rows(root: Path, **options) -> list[pa.RecordBatch]:
    """Rows of the labels below a folder, files that are arrays as a whole."""
    task = GroundTruth(list_locations(root), **options)
    batches = list(task(read_batches(root)))
    arrays = [rank for (rank,) in counts_in(batches).select(ARRAY_FILES)]
    if not arrays:
        return batches
    batches = list(GroundTruth(task.locations, array_files=arrays, **options)(read_batches(root)))
    whole_task = GroundTruth(task.locations, whole_files=True, **options)
    return [
        *batches,
        *whole_task(batch for rank, batch in enumerate(read_batches(root, whole_files=True)) if rank in arrays),
    ]


def counts_in(rows: list[pa.RecordBatch]) -> Counts:
    counts = Counts()
    for batch in rows:
        for text in batch.filter(pa.compute.equal(batch.column("role"), 0)).column("text").to_pylist():
            counts.update(Counts.parse_text(text))
    return counts


def capture_rows(root: Path, **options) -> list[pa.RecordBatch]:
    """Rows of the captures below a folder."""
    return list(Captures(RequestDecoder(), list_locations(root), **options)(read_batches(root)))


def joined(
    rows: list[pa.RecordBatch], parts: FileNumbers, **options
) -> tuple[dict[tuple[LineKind, HourFolder], list[str]], Counts]:
    """The lines that a bucket makes of rows, by their kind and hour, and what it counted."""
    table = pa.Table.from_batches(rows).sort_by("role")
    lines: dict[tuple[LineKind, HourFolder], list[str]] = {}
    counts = Counts()
    for line in pa.Table.from_batches(Join(parts, **options)(table.to_batches(max_chunksize=7))).to_pylist():
        kind, hour, _ = parts.read(line["part"])
        if kind is LineKind.COUNTS:
            counts.update(Counts.parse_text(line["text"]))
        else:
            lines.setdefault((kind, hour), []).append(line["text"])
    return lines, counts


def read_truth(line: str) -> str:
    return json.loads(line)["groundTruthData"]["data"]
