"""Structured Streaming: every micro-batch leaves the states of its rows, and an hour is the sum of its parts.

    spark-submit examples/streaming/orders_stream.py LANDING HOME

LANDING gets JSON Lines with country, items and at, the time of the order. Below HOME lie the parts, by the hour of their rows
and the number of their batch, the windows that they add up to, and the stream's checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming import StreamingQuery

from spark_model_monitor import DataQualityMonitor, merge_runs, run_baseline

ROWS = "country STRING, items BIGINT, amount DOUBLE, at TIMESTAMP"


def add(rows: DataFrame, batch: int, home: Path) -> None:
    """The parts of one micro-batch, and the windows that they change: those of late rows as well."""
    rows = rows.selectExpr("*", "date_format(at, 'yyyy/MM/dd/HH') AS hour").persist()
    try:
        for hour in sorted(row.hour for row in rows.select("hour").distinct().collect()):
            of_hour = rows.where(rows.hour == hour).drop("at", "hour")
            # A batch that ran before its driver was killed runs again by the same number, and takes the place of its part.
            run_baseline(of_hour, DataQualityMonitor()).write(home / "parts" / hour / f"{batch:010}")
            restate(hour, home)
    finally:
        rows.unpersist()


def restate(hour: str, home: Path) -> Path:
    """Where the hour's window lies: the sum of its parts, or the part if there is one only."""
    parts = sorted((home / "parts" / hour).iterdir())
    if len(parts) == 1:
        return parts[0]
    merge_runs([str(part) for part in parts], str(home / "windows" / hour))
    return home / "windows" / hour


def stream(spark: SparkSession, landing: Path, home: Path) -> StreamingQuery:
    """Takes all files that have landed, one a micro-batch, and ends; with another trigger it goes on."""
    return watch(spark.readStream.schema(ROWS).option("maxFilesPerTrigger", 1).json(str(landing)), home)


def orders_of(spark: SparkSession, servers: str, topic: str) -> DataFrame:
    """The orders of a topic of Kafka, from its beginning; for `--packages` see README.md."""
    options = {"kafka.bootstrap.servers": servers, "subscribe": topic, "startingOffsets": "earliest"}
    records = spark.readStream.format("kafka").options(**options).load()
    return records.selectExpr(f"from_json(CAST(value AS STRING), '{ROWS}') AS order").select("order.*")


def watch(orders: DataFrame, home: Path) -> StreamingQuery:
    """Takes all orders that there are, and ends."""
    sink = orders.writeStream.foreachBatch(lambda rows, batch: add(rows, batch, home))
    return sink.option("checkpointLocation", str(home / "checkpoint")).trigger(availableNow=True).start()


if __name__ == "__main__":
    session = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
    stream(session, Path(sys.argv[1]), Path(sys.argv[2])).awaitTermination()
