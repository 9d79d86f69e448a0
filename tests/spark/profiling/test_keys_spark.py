"""Keys that Spark cuts for columns of its own are those that executors cut for decoded ones."""

from __future__ import annotations

import pyarrow as pa
import pyspark.sql.functions as F

from spark_model_monitor.data.profiling.scan_plan import make_keys
from spark_model_monitor.spark.engine.rows import build_key_sql

TEXTS = ["", "a", None, "é" * 128, "é" * 128 + "x", "x" * 257, "😀" * 100, "tail …#ab", "0" * 10_000]


def test_a_text_has_one_key_whoever_cuts_it(spark):
    frame = spark.createDataFrame([(text,) for text in TEXTS], "text string").coalesce(1)

    assert [row[0] for row in frame.select(F.expr(build_key_sql("text"))).collect()] == make_keys(
        pa.array(TEXTS)
    ).to_pylist()
