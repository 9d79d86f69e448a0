"""Labels, predictions and probabilities of a frame of Spark, prepared in its SQL. Driver only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql import types as T

from model_monitor.data.engine import partitions_of
from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.records.refusals import REASON


def prepared_by_spark(
    table: Partitions, columns: Mapping[str, tuple[int, bool]], reason: str | None, places: Sequence[str]
) -> Partitions:
    """The columns as executors want them, as `outcomes` has them of other engines."""
    fields = table.frame.schema.fields
    cells = [
        _prepared(F.col(f"c{place}"), fields[place].dataType, as_number=as_number).alias(name)
        for name, (place, as_number) in columns.items()
    ]
    account = F.col(reason) if reason else F.lit(0).alias(REASON)
    return partitions_of(table.frame.select(*cells, account, *places))


def _prepared(column: Column, data_type: T.DataType, *, as_number: bool) -> Column:
    if isinstance(data_type, T.StringType):
        return column
    if isinstance(data_type, T.ArrayType):
        return column.cast("array<double>" if as_number else "array<string>")
    if isinstance(data_type, (T.FloatType, T.DoubleType)):
        column = F.when(~F.isnan(column), column)
    if as_number and isinstance(data_type, T.NumericType):
        return column.cast("double")
    return column.cast("string")
