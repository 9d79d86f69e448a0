"""Rows at hand as frames, for joins by broadcast."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

import pyspark.sql.functions as F
from pyspark.sql import DataFrame, SparkSession


def small_table(spark: SparkSession, rows: Iterable[Sequence[str | int | None]], schema: str) -> DataFrame:
    """A frame of few rows, `schema` in the form `name: type, …`.

    The rows go with the plan, as JSON: `createDataFrame` would start a Python worker to read them back.
    """
    names = [column.split(":")[0].strip() for column in schema.split(",")]
    text = json.dumps([dict(zip(names, row, strict=True)) for row in rows])
    one_row = spark.range(0, 1, 1, 1)
    return one_row.select(F.inline(F.from_json(F.lit(text), f"array<struct<{schema}>>")))
