"""The README's example, word for word but for where its frames are: prints what came out, as a line of JSON for each ground.

python grounds_run.py FOLDER GROUND [GROUND …]

"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parents[2] / "README.md"
FOLDER = Path(sys.argv[1])
LIBRARIES = ("pyspark", "pyspark-client", "pysail", "pandas", "polars", "duckdb", "pyarrow")

Over = Callable[..., Any]
"""Runs a function of the example on its frame, a frame of pandas, as this ground has it."""


def frames(create_frame: Callable[[Any], Any]) -> Over:
    """Runs on frames that somebody keeps, as the README's example does."""
    frames_kept = []

    def over(run: Callable[..., Any], frame: Any, *more: Any) -> Any:
        frames_kept.append(create_frame(frame))
        return run(frames_kept[-1], *more)

    return over


def as_duckdb(orders: Any) -> Any:
    import duckdb

    return duckdb.sql("FROM orders")


def as_polars(orders: Any) -> Any:
    import polars

    return polars.from_dict({name: orders[name].to_list() for name in orders})


def as_arrow(orders: Any) -> Any:
    import pyarrow

    return pyarrow.Table.from_pandas(orders, preserve_index=False)


@contextmanager
def session(**settings: str) -> Iterator[Any]:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    started = builder.config(map={name.replace("_", "."): text for name, text in settings.items()}).getOrCreate()
    try:
        yield started
    finally:
        started.stop()


@contextmanager
def open_session_frames(**settings: str) -> Iterator[Over]:
    with session(**settings) as spark:
        yield frames(lambda orders: spark.createDataFrame(orders).coalesce(1))


def with_jar() -> Any:
    from spark_model_monitor.spark.launch.deequ_jar import provide_jar

    return open_session_frames(spark_jars=str(provide_jar(os.environ)))


@contextmanager
def open_server_frames(address: str) -> Iterator[Over]:
    from pyspark.sql import SparkSession

    os.environ |= {
        "SPARK_TESTING": "1",
        "PYSPARK_PYTHON": sys.executable,
    }  # a server of this process: a free port, our Python
    spark = SparkSession.builder.remote(address).getOrCreate()
    try:
        yield frames(lambda orders: spark.createDataFrame(orders).coalesce(1))
    finally:
        spark.stop()


@contextmanager
def on_sail() -> Iterator[Over]:
    from sail_server import sail

    with sail() as address, open_server_frames(address) as over:
        yield over


@contextmanager
def batches() -> Iterator[Over]:
    """The function runs on the micro-batch of a stream of Parquet files."""
    with session() as spark:

        def over(run: Callable[..., Any], orders: Any, *more: Any) -> Any:
            runs_of_batch: list[Any] = []
            landing = FOLDER / f"landing-{run.__name__}"
            landing.mkdir()
            orders.to_parquet(landing / "orders.parquet")
            source = spark.readStream.schema(spark.read.parquet(str(landing)).schema).parquet(str(landing))
            sink = source.writeStream.foreachBatch(lambda rows, batch: runs_of_batch.append(run(rows, *more)))
            query = sink.option("checkpointLocation", f"{landing}-checkpoint").trigger(availableNow=True).start()
            query.awaitTermination()
            [only] = runs_of_batch
            return only

        yield over


@contextmanager
def local(create_frame: Callable[[Any], Any] = lambda orders: orders) -> Iterator[Over]:
    yield frames(create_frame)
    assert "py4j" not in sys.modules, "a session was started"


GROUNDS: dict[str, Callable[[], Any]] = {
    "pandas": local,
    "polars": lambda: local(as_polars),
    "DuckDB": lambda: local(as_duckdb),
    "pyarrow": lambda: local(as_arrow),
    "session": open_session_frames,
    "JAR": with_jar,
    "Connect": lambda: open_server_frames("local[1]"),
    "Sail": on_sail,
    "foreachBatch": batches,
}


def results(over: Over) -> dict[str, Any]:
    [example] = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    edited_example, times = re.subn(r"\b(run_baseline|run_monitoring)\(", r"over(\1, ", example)
    assert times == 2, "the example makes a baseline and monitors"
    names = {"over": over}
    exec(compile(edited_example, "README.md", "exec"), names)
    baseline = names["baseline"]
    findings = names["findings"]
    files = {("baseline", *file) for file in baseline.files().items()} | {
        ("monitoring", *file) for file in findings.files().items()
    }
    return {
        "deequ": json.loads(findings.files()["run.json"])["deequ"],
        "violated": sorted({violation.feature_name for violation in findings.violations.violations}),
        "documents": {f"{run}/{name}": hashlib.sha256(content).hexdigest() for run, name, content in files},
    }


def versions() -> dict[str, str]:
    versions_by_name = {}
    for name in LIBRARIES:
        try:
            versions_by_name[name] = version(name)
        except PackageNotFoundError:
            continue
    return versions_by_name


if __name__ == "__main__":
    os.chdir(FOLDER)
    for name in sys.argv[2:]:
        with GROUNDS[name]() as run_job:
            print(json.dumps({"ground": name, "versions": versions(), **results(run_job)}), flush=True)
