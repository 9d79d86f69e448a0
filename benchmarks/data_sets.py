"""The data of the benchmarks: made from a seed, the same bytes on every machine, kept in the cache directory.

Doubles are log-normal, all different, and a few are missing in every seventh column. Texts have 4, 51 and 100,000
different values: a plan, a state of the USA and a customer.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from spark_model_monitor.running.product_layout import cache_directory

SEED = 20240501
VERSION = "3"
"""Part of the folder's name: another content has to have another one."""

CHUNK_CELLS = 10_000_000
ROW_GROUP_CELLS = 2_000_000
"""Cells of a file and of a row group: 80 MB and 16 MB of doubles, so that every partition has some."""

EVERY_SEVENTH = 7
MISSING_SHARE = 0.03
TEXTS = {"plan": 4, "state": 51, "customer": 100_000}
"""Text columns and how many different values they have."""

WORDS = [f"{stem}{two}" for stem in ("de", "la", "order", "ship") for two in ("", "ed", "ing", "ment", "s")]
REMARK_WORDS = 8
"""What remarks are made of, and how many of them: 2.6e10 remarks are possible."""

Write = Callable[[pa.Table, Path], None]


def mixed_parquet(rows: int) -> Path:
    """The folder with `rows` rows of 10 doubles and 3 texts as Parquet files."""
    return _write_tables(f"mixed-{rows}-parquet", lambda: _tables(rows, 10, TEXTS), _write_parquet, ".parquet")


def mixed_csv(rows: int) -> Path:
    """The rows of `mixed_parquet` as CSV files with a header line each."""
    return _write_tables(f"mixed-{rows}-csv", lambda: _tables(rows, 10, TEXTS), _write_csv, ".csv")


def mixed_json(rows: int) -> Path:
    """The rows of `mixed_parquet` as JSON Lines; a missing number is no member."""
    return _write_tables(f"mixed-{rows}-jsonl", lambda: _tables(rows, 10, TEXTS), _write_json, ".jsonl")


def texts_parquet(rows: int) -> Path:
    """The folder with `rows` rows of texts that hardly repeat, as Parquet files: an id, a URL, a remark of some words."""
    return _write_tables(f"texts-{rows}-parquet", lambda: _different_texts(rows), _write_parquet, ".parquet")


def texts_csv(rows: int) -> Path:
    """The rows of `texts_parquet` as CSV files with a header line each."""
    return _write_tables(f"texts-{rows}-csv", lambda: _different_texts(rows), _write_csv, ".csv")


def numeric_parquet(rows: int, columns: int) -> Path:
    """The folder with `rows` rows of `columns` doubles as Parquet files."""
    return _write_tables(
        f"numeric-{rows}x{columns}-parquet", lambda: _tables(rows, columns, {}), _write_parquet, ".parquet"
    )


def size_bytes(folder: Path) -> int:
    """What the files of a data set take on disk, those in its folders included."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def fill_folder(name: str, fill: Callable[[Path], None]) -> Path:
    """The folder of a data set, filled if it is not there yet; whole or not at all."""
    folder = cache_directory(os.environ) / "benchmarks" / f"v{VERSION}-{name}"
    if not folder.is_dir():
        growing = folder.with_name(f".{folder.name}-{os.getpid()}")
        growing.mkdir(parents=True)
        try:
            fill(growing)
            growing.rename(folder)
        finally:
            shutil.rmtree(growing, ignore_errors=True)
    return folder


def _write_tables(name: str, tables: Callable[[], Iterator[pa.Table]], write: Write, suffix: str) -> Path:
    """The folder of a data set of tables, a file for each."""

    def fill(folder: Path) -> None:
        for number, table in enumerate(tables()):
            write(table, folder / f"part-{number:03d}{suffix}")

    return fill_folder(name, fill)


def _tables(rows: int, doubles: int, texts: dict[str, int]) -> Iterator[pa.Table]:
    """The rows in tables of a million rows of ten columns, or as many cells."""
    chunk = CHUNK_CELLS // doubles
    for start in range(0, rows, chunk):
        yield _table(min(chunk, rows - start), doubles, texts, np.random.default_rng([SEED, start]))


def _table(rows: int, doubles: int, texts: dict[str, int], rng: np.random.Generator) -> pa.Table:
    columns = {f"x{position}": _doubles(rows, position, rng) for position in range(doubles)}
    for name, distinct in texts.items():
        values = pa.array([f"{name} {number:06d}" for number in range(distinct)])
        columns[name] = values.take(pa.array(rng.integers(0, distinct, rows)))
    return pa.table(columns)


def _different_texts(rows: int) -> Iterator[pa.Table]:
    """Tables of a million rows. Of ids in hexadecimal letters more than half begin with a digit; remarks hold commas."""
    for start in range(0, rows, CHUNK_CELLS // 10):
        rng = np.random.default_rng([SEED, start])
        count = min(CHUNK_CELLS // 10, rows - start)
        ids = [rng.bytes(16).hex() for _ in range(count)]
        urls = [
            f"https://shop.example/item/{number}?from={page}" for number, page in rng.integers(0, 10**8, (count, 2))
        ]
        words = np.array([f"{word}," if index % 9 == 0 else word for index, word in enumerate(WORDS)])
        remarks = [" ".join(words[chosen]) for chosen in rng.integers(0, len(words), (count, REMARK_WORDS))]
        yield pa.table({"id": ids, "url": urls, "remark": remarks})


def _doubles(rows: int, position: int, rng: np.random.Generator) -> pa.Array:
    missing = None
    if position % EVERY_SEVENTH == 0:
        missing = rng.random(rows) < MISSING_SHARE
    return pa.array(rng.lognormal(mean=position % 5, size=rows), mask=missing)


def _write_parquet(table: pa.Table, path: Path) -> None:
    """As Spark writes: no dictionary for numbers that are all different."""
    rows = ROW_GROUP_CELLS // len(table.column_names)
    pa.parquet.write_table(
        table, path, row_group_size=rows, use_dictionary=[name for name in table.column_names if name in TEXTS]
    )


def _write_csv(table: pa.Table, path: Path) -> None:
    pa.csv.write_csv(table, path, pa.csv.WriteOptions(quoting_style="needed"))


def _write_json(table: pa.Table, path: Path) -> None:
    with path.open("w") as file:
        for batch in table.to_batches(10_000):
            for row in batch.to_pylist():
                file.write(json.dumps({name: value for name, value in row.items() if value is not None}) + "\n")
