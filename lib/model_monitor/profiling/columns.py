"""What of each column goes to the executors' Python: the plan of a scan, and the Spark expressions that prepare it.

The plan (`ScanPlan`, `ColumnPlan`) is pickled to the executors; columns are known by position there, because `Age` beside
`age` and `a.b` are names that Spark itself can't address safely (production rule 9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyspark.sql.functions as F
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from model_monitor.profiling.plan import (
    CELLS,
    HASH,
    HASHES,
    NAN_ELEMENTS,
    NULL_ELEMENTS,
    PARTITION,
    PREDICATE,
    REASON,
    TEXTS,
    VALUE,
    ColumnPlan,
    ScanPlan,
)
from model_monitor.states import ColumnType

KEY_BYTES = 256
"""Texts up to this length are counted as they are; longer ones as their beginning and their hash (production rule 15)."""

KEY_PREFIX_CHARACTERS = 60  # at most 240 bytes of UTF-8

INTEGRAL = (T.ByteType, T.ShortType, T.IntegerType, T.LongType)
FRACTIONAL = (T.FloatType, T.DoubleType)


def column_type(data_type: T.DataType) -> ColumnType:
    """The kind of column a Spark type is to us. Maps, structs and binary values are NESTED: only their presence counts."""
    if isinstance(data_type, (T.StringType, T.VarcharType, T.CharType)):
        return ColumnType.TEXT
    if isinstance(data_type, INTEGRAL):
        return ColumnType.INTEGRAL
    if isinstance(data_type, FRACTIONAL):
        return ColumnType.FRACTIONAL
    if isinstance(data_type, T.DecimalType):
        return ColumnType.INTEGRAL if data_type.scale == 0 else ColumnType.FRACTIONAL
    if isinstance(data_type, T.BooleanType):
        return ColumnType.BOOLEAN
    if isinstance(data_type, T.DateType):
        return ColumnType.DATE
    if isinstance(data_type, (T.TimestampType, T.TimestampNTZType)):
        return ColumnType.TIMESTAMP
    if isinstance(data_type, T.ArrayType) or data_type.typeName() == "vectorudt":
        return ColumnType.VECTOR
    return ColumnType.NESTED


def plan_of(
    frame: DataFrame,
    names: Sequence[str],
    *,
    frequency_limit: int,
    counted: frozenset[str],
    accept_exponents: bool,
    reasons: int,
    predicates: int,
    counts_cells: bool = False,
) -> ScanPlan:
    """The plan for scanning the first `len(names)` columns of `frame`, which are the features in order."""
    columns = []
    text_columns = 0
    for position, (name, field) in enumerate(zip(names, frame.schema.fields, strict=False)):
        listed = isinstance(field.dataType, T.StringType)
        columns.append(
            ColumnPlan(
                position,
                column_type(field.dataType),
                hashed_by_spark=_is_hashed_by_spark(field.dataType),
                counted=name in counted,
                slot=text_columns if listed else None,
            )
        )
        text_columns += listed
    return ScanPlan(
        tuple(columns),
        text_columns=text_columns,
        frequency_limit=frequency_limit,
        accept_exponents=accept_exponents,
        reasons=reasons,
        predicates=predicates,
        counts_cells=counts_cells,
    )


def prepared(
    frame: DataFrame,
    plan: ScanPlan,
    predicates: Mapping[str, Column],
    reason: str | None,
    cells: str | None = None,
) -> DataFrame:
    """`frame` as the executors' Python wants it: clipped texts, hashes, counts of elements, and the partition's number.

    reason: the name of an integer column that is 0 for rows to keep, or None to keep all. cells: the name of an integer
    column with the number of cells to count a row under, 0 for a row not to count so.
    """
    selected: list[Column] = [F.spark_partition_id().alias(PARTITION)]
    selected.append((F.col(reason) if reason else F.lit(0)).cast("int").alias(REASON))
    if cells:
        selected.append(F.col(cells).cast("int").alias(CELLS))
    texts = [F.col(f"`{frame.columns[column.position]}`") for column in plan.columns if column.slot is not None]
    if texts:
        selected += [
            F.transform(F.array(*texts), _key).alias(TEXTS),
            F.transform(F.array(*texts), lambda text: F.xxhash64(text)).alias(HASHES),
        ]
    for column in plan.columns:
        if column.slot is None:
            field = frame.schema.fields[column.position]
            selected += _expressions(F.col(f"`{field.name}`"), field.dataType, column)
    selected += [predicate.alias(f"{PREDICATE}{index}") for index, predicate in enumerate(predicates.values())]
    return frame.select(*selected)


def _is_hashed_by_spark(data_type: T.DataType) -> bool:
    """Numbers of fixed width are hashed by the executors' numpy; moving one more long per value would cost more."""
    return column_type(data_type) not in (ColumnType.VECTOR, ColumnType.NESTED) and not isinstance(
        data_type, INTEGRAL + FRACTIONAL
    )


def _expressions(value: Column, data_type: T.DataType, plan: ColumnPlan) -> list[Column]:
    at = plan.position
    if plan.column_type is ColumnType.NESTED:
        return [F.when(value.isNotNull(), F.lit(True)).alias(f"{VALUE}{at}")]
    if plan.column_type is ColumnType.VECTOR:
        return _vector_expressions(value, data_type, at)
    expressions = []
    if plan.is_text:
        expressions.append(_key(value.cast("string")).alias(f"{VALUE}{at}"))
    elif isinstance(data_type, T.DecimalType):
        expressions.append(value.cast("double").alias(f"{VALUE}{at}"))
    else:
        expressions.append(value.alias(f"{VALUE}{at}"))
    if plan.hashed_by_spark:
        # xxhash64(null) is the seed, 42, and not null (production rule 8)
        expressions.append(F.when(value.isNotNull(), F.xxhash64(value)).alias(f"{HASH}{at}"))
    return expressions


def _key(text: Column) -> Column:
    """A text short enough to be counted; huge cells never reach Arrow (production rule 7)."""
    cut = F.concat(F.substring(text, 1, KEY_PREFIX_CHARACTERS), F.lit("…#"), F.lower(F.hex(F.xxhash64(text))))
    return F.when(F.octet_length(text) <= KEY_BYTES, text).otherwise(cut)


def _vector_expressions(value: Column, data_type: T.DataType, at: int) -> list[Column]:
    if isinstance(data_type, T.ArrayType):
        elements, element_type = value, data_type.elementType
    else:
        elements, element_type = vector_to_array(value), T.DoubleType()
    missing = F.size(F.filter(elements, lambda element: element.isNull()))
    not_a_number = (
        F.size(F.filter(elements, lambda element: F.isnan(element)))
        if isinstance(element_type, FRACTIONAL)
        else F.when(value.isNotNull(), F.lit(0))
    )
    present = value.isNotNull()
    return [
        F.when(present, F.size(elements)).alias(f"{VALUE}{at}"),
        F.when(present, missing).alias(f"{NULL_ELEMENTS}{at}"),
        F.when(present, not_a_number).alias(f"{NAN_ELEMENTS}{at}"),
    ]
