"""DuckDB's SUMMARIZE or polars' describe of a folder, or DuckDB's join of captures with labels, timed. In its own environment.

python dataframes_describe.py duckdb|polars FOLDER     prints the seconds on the clock and those of processor cores
python dataframes_describe.py merge CAPTURES LABELS
"""

from __future__ import annotations

import sys
import tempfile
import time

from processor_time import ProcessorTime


def summarize(files: str) -> None:
    import duckdb

    duckdb.connect().execute(f"SUMMARIZE SELECT * FROM '{files}'").fetchall()


def describe(files: str) -> None:
    import polars

    (polars.read_csv if files.endswith(".csv") else polars.read_parquet)(files).describe()


HALF = "STRUCT(data VARCHAR, encoding VARCHAR, mode VARCHAR, observedContentType VARCHAR)"
EVENT = "STRUCT(eventId VARCHAR, inferenceId VARCHAR, inferenceTime VARCHAR)"
JOINED = f"""COPY (
    SELECT captures.*, labels.groundTruthData
    FROM read_json('{{}}/**/*.jsonl', columns={{{{captureData: 'STRUCT(endpointInput {HALF}, endpointOutput {HALF})',
        eventMetadata: '{EVENT}', eventVersion: 'VARCHAR'}}}}) AS captures
    JOIN read_json('{{}}/**/*.jsonl', columns={{{{groundTruthData: 'STRUCT(data VARCHAR, encoding VARCHAR)',
        eventMetadata: 'STRUCT(eventId VARCHAR)'}}}}) AS labels
    ON coalesce(captures.eventMetadata.inferenceId, captures.eventMetadata.eventId) = labels.eventMetadata.eventId
) TO '{{}}/merged.jsonl' (FORMAT JSON)"""


def merge(captures: str, labels: str) -> None:
    import duckdb

    with tempfile.TemporaryDirectory(prefix="model-monitor-benchmark-") as output:
        duckdb.connect().execute(JOINED.format(captures, labels, output))


def main(name: str, folder: str, *others: str) -> None:
    run = {"duckdb": summarize, "polars": describe, "merge": merge}[name]
    words = (folder, *others) if others else (f"{folder}/*.{folder.rsplit('-', 1)[1]}",)
    run(*words)
    processor_time = ProcessorTime()
    began, began_cores = time.perf_counter(), processor_time.seconds()
    run(*words)
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
