"""DuckDB's SUMMARIZE, polars' or pandas' describe of a folder, DuckDB's counts of its texts, or its join of captures with labels,
timed.

In an environment of its own.

python dataframes_describe.py duckdb|polars|pandas|texts FOLDER     prints the seconds on the clock and those of processor cores
python dataframes_describe.py merge CAPTURES LABELS
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from processor_time import ProcessorTime


def summarize(files: str) -> None:
    import duckdb

    duckdb.connect().execute(f"SUMMARIZE SELECT * FROM '{files}'").fetchall()


TEXTS = r"""approx_count_distinct({0}), approx_top_k({0}, 100), histogram(least(length({0}), 61)),
    count(*) FILTER (regexp_matches({0}, '^[-+]? ?\d+$')), count(*) FILTER ({0} IN ('true', 'false')),
    count(*) FILTER (regexp_matches({0}, '^[-+]? ?\d+(\.\d+|(\.\d+)?[Ee][-+]?\d+)$'))"""
"""What a baseline counts of a text, as far as DuckDB has it: distinct and frequent values, lengths, and what they look like."""


def count_texts(files: str) -> None:
    import duckdb

    session = duckdb.connect()
    names = [name for name, *_ in session.execute(f"DESCRIBE SELECT * FROM '{files}'").fetchall()]
    session.execute(f"SELECT {', '.join(map(TEXTS.format, names))} FROM '{files}'").fetchall()


def describe(files: str) -> None:
    import polars

    if files.endswith(".csv"):
        table = polars.read_csv(files)
    else:
        table = polars.read_parquet(files)
    table.describe()
    table.select(polars.all().n_unique())


def describe_with_distinct(files: str) -> None:
    import pandas

    folder = Path(files).parent
    if files.endswith(".csv"):
        read = pandas.read_csv
    else:
        read = pandas.read_parquet
    table = pandas.concat([read(path) for path in sorted(folder.glob(Path(files).name))])
    table.describe(include="all"), table.nunique()


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

    with tempfile.TemporaryDirectory(prefix="spark-model-monitor-benchmark-") as output:
        duckdb.connect().execute(JOINED.format(captures, labels, output))


def main(name: str, folder: str, *options: str) -> None:
    runs = {"duckdb": summarize, "texts": count_texts, "polars": describe, "pandas": describe_with_distinct}
    run = {**runs, "merge": merge}[name]
    if options:
        words = (folder, *options)
    else:
        words = (f"{folder}/*.{folder.rsplit('-', 1)[1]}",)
    run(*words)
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    run(*words)
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
