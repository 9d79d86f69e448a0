"""Lines of files as the tasks of a merge get them, and what becomes of them in one bucket. No Spark."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
from tests.engine_in_process import InProcess

from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY, LINE, compute_file_keys
from spark_model_monitor.running.merging.captured import CapturedLines, Captures
from spark_model_monitor.running.merging.joining import Join
from spark_model_monitor.running.merging.labels import ARRAY_FILES, GroundTruth
from spark_model_monitor.running.merging.rows import Counts
from spark_model_monitor.running.merging.sources import FileLocations, HourFolder, Kind, Parts, format_uri, list_hours

ENGINE = InProcess()


def places_of(root: Path) -> FileLocations:
    """Where the files below a folder stand."""
    source = list_hours(ENGINE, str(root), None)
    return FileLocations.of(source.files, source.branches)


def batches_of(root: Path, *, whole_files: bool = False):
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
    task = GroundTruth(places_of(root), **options)
    found = list(task(batches_of(root)))
    arrays = [rank for (rank,) in counts_in(found).of(ARRAY_FILES)]
    if not arrays:
        return found
    found = list(GroundTruth(task.places, apart=arrays, **options)(batches_of(root)))
    whole = GroundTruth(task.places, whole_files=True, **options)
    return [*found, *whole(batch for rank, batch in enumerate(batches_of(root, whole_files=True)) if rank in arrays)]


def counts_in(rows: list[pa.RecordBatch]) -> Counts:
    found = Counts()
    for batch in rows:
        for text in batch.filter(pa.compute.equal(batch.column("role"), 0)).column("text").to_pylist():
            found.update(Counts.of_text(text))
    return found


def capture_rows(root: Path, **options) -> list[pa.RecordBatch]:
    """Rows of the captures below a folder."""
    return list(Captures(CapturedLines(), places_of(root), **options)(batches_of(root)))


def joined(
    rows: list[pa.RecordBatch], parts: Parts, **options
) -> tuple[dict[tuple[Kind, HourFolder], list[str]], Counts]:
    """The lines that a bucket makes of rows, by their kind and hour, and what it counted."""
    table = pa.Table.from_batches(rows).sort_by("role")
    lines: dict[tuple[Kind, HourFolder], list[str]] = {}
    counts = Counts()
    for line in pa.Table.from_batches(Join(parts, **options)(table.to_batches(max_chunksize=7))).to_pylist():
        kind, hour, _ = parts.read(line["part"])
        if kind is Kind.COUNTS:
            counts.update(Counts.of_text(line["text"]))
        else:
            lines.setdefault((kind, hour), []).append(line["text"])
    return lines, counts


def truth_of(line: str) -> str:
    return json.loads(line)["groundTruthData"]["data"]
