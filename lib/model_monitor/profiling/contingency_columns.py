"""The columns that a contingency scan groups by, as Spark expressions.

A cell is seen in three ways: what kind it is, the number it is or reads as, and its text. Its key is made of them
(`states.contingency`). Every expression is null-safe: a missing cell has kind MISSING and stands to no value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_

import pyspark.sql.functions as F
from pyspark.sql import Column
from pyspark.sql import types as T

from model_monitor.profiling.columns import FRACTIONAL, INTEGRAL
from model_monitor.statistics.states.contingency import (
    FALSEHOODS,
    TRUTHS,
    CellKind,
    Interval,
    Scalar,
    Segmentation,
    Standing,
    ValuedColumn,
    ValueKind,
    number_of,
)

INTEGER = r"^\s*[+-]?[0-9]+\s*$"
NUMBER = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
NOT_A_NUMBER = ("NaN", "nan")
"""Texts that are a missing number where texts stand for whatever they look like."""


@dataclass(frozen=True)
class TypedColumn:
    """A column's cells: kind (a `CellKind`), number and text, both null where there is none. number is 0 or 1 for booleans.

    declared: the kind of every present cell, None if it has to be told cell by cell.
    """

    kind: Column
    number: Column | None
    text: Column
    declared: CellKind | None

    @property
    def may_be_text(self) -> bool:
        """Whether texts may be what its values are told by; numbers and booleans never are."""
        return self.declared in (None, CellKind.TEXT, CellKind.OTHER)


def typed_column(
    value: Column, data_type: T.DataType, *, untyped_texts: bool, may_be_integers: bool = True
) -> TypedColumn:
    """The column as its type says or, where texts stand for whatever they look like, as they look.

    may_be_integers: whether it matters that texts by their type read as integers; looking costs as much as the rest.
    """
    if isinstance(data_type, INTEGRAL):
        return _of_numbers(value, CellKind.INTEGRAL)
    if isinstance(data_type, FRACTIONAL):
        return _of_numbers(F.when(~F.isnan(value), value), CellKind.FRACTIONAL)
    if isinstance(data_type, T.DecimalType):
        kind = CellKind.INTEGRAL if data_type.scale == 0 else CellKind.FRACTIONAL
        return _of_numbers(value.cast("double"), kind)
    if isinstance(data_type, T.BooleanType):
        text = F.when(value, "True").when(~value, "False")
        return TypedColumn(_kind(value, F.lit(int(CellKind.BOOLEAN))), value.cast("int"), text, CellKind.BOOLEAN)
    if isinstance(data_type, (T.StringType, T.VarcharType, T.CharType)):
        if untyped_texts:
            return _of_untyped_texts(value)
        return _of_texts(value) if may_be_integers else _of_other(value, CellKind.TEXT)
    return _of_other(value.cast("string"), CellKind.OTHER)


def key_of(cell: TypedColumn, column: ValuedColumn) -> Column:
    """The key that a cell is counted by: how it stands to the configured values, or its text if there are none."""
    if not column.values:
        # fractions without a threshold are no cases of their own, and there may be as many as rows
        of_fractions = cell.declared is CellKind.FRACTIONAL and column.taken_as is not ValueKind.CATEGORICAL
        return F.lit(None).cast("string") if of_fractions else cell.text
    standing = [
        (cell.text.isin(list(column.texts)), Standing.SAME_TEXT) if cell.may_be_text else None,
        (_is_one_of(cell, column), Standing.SAME_NUMBER) if cell.number is not None else None,
    ]
    if cell.number is not None and column.threshold is not None:
        standing.append((cell.number > F.lit(_exact(column.threshold)), Standing.ABOVE))
    flags = (F.when(holds, int(flag)).otherwise(0) for holds, flag in filter(None, standing))
    return reduce(lambda low, high: low + high, flags)


def segment_of(cell: TypedColumn, segmentation: Segmentation) -> Column:
    """The place of the first segment that a cell is in; one past the last for a cell that is in none."""
    place = F.lit(len(segmentation.segments))
    for number in reversed(range(len(segmentation.segments))):
        within = reduce(or_, (_is_within(cell, item) for item in segmentation.segments[number]), F.lit(False))
        place = F.when(within, number).otherwise(place)
    return place


def _of_numbers(number: Column, kind: CellKind) -> TypedColumn:
    return TypedColumn(_kind(number, F.lit(int(kind))), number, number.cast("string"), kind)


def _of_other(text: Column, kind: CellKind) -> TypedColumn:
    return TypedColumn(_kind(text, F.lit(int(kind))), None, text, kind)


def _of_texts(text: Column) -> TypedColumn:
    is_integer = text.rlike(INTEGER)
    kind = F.when(is_integer, int(CellKind.INTEGER_TEXT)).otherwise(int(CellKind.TEXT))
    return TypedColumn(_kind(text, kind), F.when(is_integer, _double(text)), text, None)


def _of_untyped_texts(text: Column) -> TypedColumn:
    present = F.when(~text.isin(*NOT_A_NUMBER), text)
    truth = present.isin(*TRUTHS)
    kind = (
        F.when(present.rlike(INTEGER), int(CellKind.INTEGRAL))
        .when(present.rlike(NUMBER), int(CellKind.FRACTIONAL))
        .when(truth | present.isin(*FALSEHOODS), int(CellKind.BOOLEAN))
        .otherwise(int(CellKind.TEXT))
    )
    number = F.when(present.rlike(NUMBER), _double(present)).when(truth, 1.0).when(present.isin(*FALSEHOODS), 0.0)
    return TypedColumn(_kind(present, kind), number, present, None)


def _double(text: Column) -> Column:
    return F.trim(text).cast("double")


def _kind(value: Column, kind: Column) -> Column:
    return F.when(value.isNull(), int(CellKind.MISSING)).otherwise(kind)


def _is_one_of(cell: TypedColumn, column: ValuedColumn) -> Column:
    """Whether a number is one of the configured numbers, or a boolean one of the configured truths."""
    truths = cell.number.isin([float(truth) for truth in column.truths])  # type: ignore[union-attr]
    numbers = cell.number.isin([_exact(number) for number in column.numbers])  # type: ignore[union-attr]
    if cell.declared is not None:
        return truths if cell.declared is CellKind.BOOLEAN else numbers
    boolean = cell.kind == int(CellKind.BOOLEAN)
    return (boolean & truths) | (~boolean & numbers)


def _exact(number: float) -> int | float:
    """A whole number as such: a column of integers is then compared without being converted."""
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def _is_within(cell: TypedColumn, item: Scalar | Interval) -> Column:
    if isinstance(item, Interval):
        if cell.number is None:
            return F.lit(False)
        above = cell.number >= item.low if item.with_low else cell.number > item.low
        below = cell.number <= item.high if item.with_high else cell.number < item.high
        return F.coalesce(above & below, F.lit(False))
    same = cell.text == str(item)
    number = number_of(item)
    if number is not None and cell.number is not None:
        same = same | (cell.number == number)
    return F.coalesce(same, F.lit(False))
