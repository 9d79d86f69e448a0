"""Counts a Spark frame's rows by kind: one aggregation for all facets, labels, predictions, groups and segments."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from operator import add, or_

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame
from pyspark.sql import types as T

from spark_model_monitor.data.engine.engine_protocol import Partitions
from spark_model_monitor.data.profiling.contingency_cells import TEXT_KINDS
from spark_model_monitor.data.profiling.contingency_scan import (
    BLOCK_COLUMN,
    CODE_COLUMN,
    COLUMN_BITS,
    COLUMNS_PER_NUMBER,
    GROUP_COLUMN,
    MATCH_BITS,
    MAXIMUM_COLUMN,
    MINIMUM_COLUMN,
    REFUSED_COLUMN,
    ROWS_COLUMN,
    SEGMENT_COLUMN,
    TEXT_COLUMN,
    WIDTH_COLUMN,
    RowKind,
)
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.documents.json_text import NAN_TEXTS
from spark_model_monitor.spark.engine.rows import FRACTIONAL, INTEGRAL
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency import CellKind, CellMatch
from spark_model_monitor.statistics.states.contingency_plan import (
    FALSEHOODS,
    TRUTHS,
    ContingencyPlan,
    Interval,
    Scalar,
    Segmentation,
    ValuedColumn,
    make_exact,
    parse_number,
)
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

INTEGER = r"^\s*[+-]?[0-9]+\s*$"
NUMBER = r"^\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"


@value_class
class TypedColumn:
    """A column's cells as Spark columns: kind (a `CellKind`), number and text. number or text is null for a cell that has none;
    a boolean has the number 0 or 1.

    declared: the kind of every present cell; None if each cell must be inspected.
    """

    kind: Column
    number: Column | None
    text: Column
    declared: CellKind | None


def type_column(value: Column, data_type: T.DataType, *, untyped_texts: bool, may_be_integers: bool) -> TypedColumn:
    """The column's cells with their kinds, by the column's type or, if texts are untyped, by the form of each text.

    may_be_integers: whether it matters that texts of a text column are integers. Checking this costs as much as everything else.
    """
    if isinstance(data_type, INTEGRAL):
        return _type_numbers(value, CellKind.INTEGRAL)
    # NaN counts as missing, because it is neither above nor below any threshold
    if isinstance(data_type, FRACTIONAL):
        return _type_numbers(F.when(~F.isnan(value), value), CellKind.FRACTIONAL)
    if isinstance(data_type, T.DecimalType):
        if data_type.scale == 0:
            kind = CellKind.INTEGRAL
        else:
            kind = CellKind.FRACTIONAL
        # Doubles represent integers up to 2^53 exactly; for longer ids, the text distinguishes them
        numeric_column = _type_numbers(value.cast("double"), kind)
        if data_type.scale:
            return numeric_column
        return replace(numeric_column, text=value.cast("string"))
    if isinstance(data_type, T.BooleanType):
        text = F.when(value, "True").when(~value, "False")
        return TypedColumn(
            _mask_missing_kind(value, F.lit(int(CellKind.BOOLEAN))), value.cast("int"), text, CellKind.BOOLEAN
        )
    if isinstance(data_type, (T.StringType, T.VarcharType, T.CharType)):
        # CSV files have no types: "1" is a number there, while it is a text in a Parquet file
        if untyped_texts:
            return _type_untyped_texts(value)
        if may_be_integers:
            return _type_texts(value)
        return _type_other_cells(value, CellKind.TEXT)
    return _type_other_cells(value.cast("string"), CellKind.OTHER)


def compute_key(cell: TypedColumn, column: ValuedColumn) -> Column:
    """The key by which a cell is counted: its relations to the configured values or, without configured values, its text."""
    if not column.values:
        # fractions without a threshold share one key, because there may be as many fractions as rows
        is_fraction = cell.declared is CellKind.FRACTIONAL and column.taken_as is not ValueKind.CATEGORICAL
        if is_fraction:
            return F.lit(None).cast("string")
        return cell.text
    # Each relation is one bit, so the sum of the flags stores all relations
    relations = []
    if cell.declared in TEXT_KINDS:
        relations.append((cell.text.isin(list(column.texts)), CellMatch.SAME_TEXT))
    if cell.number is not None:
        relations.append((_is_configured_value(cell, column), CellMatch.SAME_NUMBER))
        if column.threshold is not None:
            relations.append((cell.number > F.lit(make_exact(column.threshold)), CellMatch.ABOVE))
    flags = (F.when(holds, int(relation)).otherwise(0) for holds, relation in relations)
    return reduce(add, flags)


def find_segment(cell: TypedColumn, segmentation: Segmentation) -> Column:
    """The index of the first segment with the cell; the number of segments if none has it. For segments by value: its text."""
    if not segmentation.segments:
        return cell.text
    index = F.lit(len(segmentation.segments))
    # Conditions are nested from the last segment to the first, so that the first matching segment wins
    for number in reversed(range(len(segmentation.segments))):
        is_within = reduce(or_, (_is_within(cell, member) for member in segmentation.segments[number]), F.lit(False))
        index = F.when(is_within, number).otherwise(index)
    return index


def _type_numbers(number: Column, kind: CellKind) -> TypedColumn:
    return TypedColumn(_mask_missing_kind(number, F.lit(int(kind))), number, number.cast("string"), kind)


def _type_other_cells(text: Column, kind: CellKind) -> TypedColumn:
    return TypedColumn(_mask_missing_kind(text, F.lit(int(kind))), None, text, kind)


def _type_texts(text: Column) -> TypedColumn:
    is_integer = text.rlike(INTEGER) & _is_finite(text)
    kind = F.when(is_integer, int(CellKind.INTEGER_TEXT)).otherwise(int(CellKind.TEXT))
    return TypedColumn(_mask_missing_kind(text, kind), F.when(is_integer, _to_double(text)), text, None)


def _type_untyped_texts(text: Column) -> TypedColumn:
    present = F.when(~text.isin(*NAN_TEXTS), text)
    truth = present.isin(*TRUTHS)
    # "1e999" has the form of a number, but its value would be infinity, so it stays a text
    is_number = present.rlike(NUMBER) & _is_finite(present)
    kind = (
        F.when(is_number & present.rlike(INTEGER), int(CellKind.INTEGRAL))
        .when(is_number, int(CellKind.FRACTIONAL))
        .when(truth | present.isin(*FALSEHOODS), int(CellKind.BOOLEAN))
        .otherwise(int(CellKind.TEXT))
    )
    number = F.when(is_number, _to_double(present)).when(truth, 1.0).when(present.isin(*FALSEHOODS), 0.0)
    return TypedColumn(_mask_missing_kind(present, kind), number, present, None)


def _to_double(text: Column) -> Column:
    return F.trim(text).cast("double")


def _is_finite(text: Column) -> Column:
    return F.abs(_to_double(text)) < F.lit(math.inf)


def _mask_missing_kind(value: Column, kind: Column) -> Column:
    return F.when(value.isNull(), int(CellKind.MISSING)).otherwise(kind)


def _is_configured_value(cell: TypedColumn, column: ValuedColumn) -> Column:
    """Whether the cell is a number among the configured numbers, or a boolean among the configured truth values."""
    truths = cell.number.isin([float(truth) for truth in column.truths])  # type: ignore[union-attr]
    numbers = cell.number.isin([make_exact(number) for number in column.numbers])  # type: ignore[union-attr]
    # A column's type decides for all rows; only untyped texts need a condition for each row
    if cell.declared is not None:
        if cell.declared is CellKind.BOOLEAN:
            return truths
        return numbers
    boolean = cell.kind == int(CellKind.BOOLEAN)
    return (boolean & truths) | (~boolean & numbers)


def _is_within(cell: TypedColumn, member: Scalar | Interval) -> Column:
    if isinstance(member, Interval):
        # Texts of a text column are in no interval, even if they look like numbers
        if cell.number is None:
            return F.lit(False)
        if member.with_low:
            above = cell.number >= member.low
        else:
            above = cell.number > member.low
        if member.with_high:
            below = cell.number <= member.high
        else:
            below = cell.number < member.high
        # The comparison of a missing cell gives null, which counts as outside
        return F.coalesce(above & below, F.lit(False))
    is_same = cell.text == str(member)
    # The value "1" of a segment also means the numbers 1 and 1.0, whose texts differ
    number = parse_number(member)
    if number is not None and cell.number is not None:
        is_same = is_same | (cell.number == number)
    return F.coalesce(is_same, F.lit(False))


class ContingencyColumns:
    """The columns of a plan as expressions over a frame whose columns are c0, c1, …. names: their names on the driver."""

    def __init__(self, frame: DataFrame, names: Sequence[str], plan: ContingencyPlan) -> None:
        self.plan = plan
        self._frame = frame
        self._positions = {name: position for position, name in enumerate(names)}
        self.cells = {name: self._type_column(name) for name in plan.columns}

    def make_key(self, column: ValuedColumn) -> Column:
        """The key by which a row is counted in a facet, label or prediction."""
        return compute_key(self.cells[column.name], column)

    def pack_codes(self) -> list[Column]:
        """Kinds and keys of the facets, label and prediction; several of them are packed into one number."""
        codes = [self._pack_code(column) for column in self.plan.valued]
        # Spark hashes and shuffles a few long integers much faster than dozens of small columns
        code_groups = [codes[start : start + COLUMNS_PER_NUMBER] for start in range(0, len(codes), COLUMNS_PER_NUMBER)]
        packed_columns = []
        for code_group in code_groups:
            shifted_codes = (F.shiftleft(code, COLUMN_BITS * index) for index, code in enumerate(code_group))
            packed_columns.append(reduce(add, shifted_codes))
        return packed_columns

    def _type_column(self, name: str) -> TypedColumn:
        field = self._frame.schema.fields[self._positions[name]]
        return type_column(
            F.col(f"c{self._positions[name]}"),
            field.dataType,
            untyped_texts=self.plan.untyped_texts,
            may_be_integers=self.plan.may_have_integers(name),
        )

    def _pack_code(self, column: ValuedColumn) -> Column:
        kind = F.shiftleft(self.cells[column.name].kind, MATCH_BITS)
        code = kind + self.make_key(column) if column.values else kind
        return code.cast("long")


def count_kinds(rows: Partitions, names: Sequence[str], plan: ContingencyPlan, limit: int) -> list[RowKind]:
    """At most `limit` kinds of rows, with their counts. One Spark job."""
    frame = rows.frame
    columns = ContingencyColumns(frame, names, plan)
    # a filter after the limit makes it one job; with the limit last, Spark would try partition after partition
    kinds = _count_groups(frame, columns).limit(limit).where(F.col(ROWS_COLUMN) > 0).collect()
    return [row.asDict() for row in kinds]  # dicts, because a Row searches all its names for each name


def read_first_kinds(rows: Partitions, names: Sequence[str], plan: ContingencyPlan, limit: int) -> list[RowKind]:
    """The kinds of the first `limit` accepted rows. Spark reads partition after partition until it has enough."""
    frame = rows.frame
    if REASON in frame.columns:
        frame = frame.where(F.col(REASON) == 0)
    columns = ContingencyColumns(frame, names, plan)
    return [row.asDict() for row in frame.select(*_select_kinds(columns)).limit(limit).collect()]


def _count_groups(frame: DataFrame, columns: ContingencyColumns) -> DataFrame:
    plan = columns.plan
    has_reasons = REASON in frame.columns
    refused = F.col(REASON) if has_reasons else F.lit(0)

    # The cells of a refused row become null, so that they don't add kinds; only its reason is stored
    def mask_refused(value: Column) -> Column:
        if has_reasons:
            return F.when(refused == 0, value)
        return value

    keys = _select_kinds(columns, mask_refused)
    keys += [
        mask_refused(find_segment(columns.cells[part.column], part)).alias(SEGMENT_COLUMN.format(index))
        for index, part in enumerate(plan.segmentations)
    ]
    if plan.group is not None:
        keys.append(mask_refused(columns.cells[plan.group].text).alias(GROUP_COLUMN))
    if plan.group_column is not None:
        # The block of a row's group; null without a group. Source: B5.4
        group = columns.cells[plan.group_column].text
        block = F.when(group.isNotNull(), F.pmod(F.xxhash64(group), F.lit(BLOCKS)))
        keys.append(mask_refused(block).alias(BLOCK_COLUMN))
    # Refused rows are counted here by reason and width, which saves a second pass over the rows
    width = F.col(CELLS) if CELLS in frame.columns else F.lit(0)
    keys += [refused.alias(REFUSED_COLUMN), width.alias(WIDTH_COLUMN)]
    numbers = [
        (index, mask_refused(number))
        for index, column in enumerate(plan.valued)
        if (number := columns.cells[column.name].number) is not None
    ]
    # The extremes within each kind, from which the values' ranges follow without another scan
    extremes = [
        extreme(number).alias(name.format(index))
        for index, number in numbers
        for extreme, name in ((F.min, MINIMUM_COLUMN), (F.max, MAXIMUM_COLUMN))
    ]
    return frame.groupBy(*keys).agg(F.count(F.lit(1)).alias(ROWS_COLUMN), *extremes)


def _select_kinds(
    columns: ContingencyColumns, mask_refused: Callable[[Column], Column] = lambda value: value
) -> list[Column]:
    """The stored columns of facets, label and prediction: their codes, and the texts of columns without configured values."""
    valued = columns.plan.valued
    codes = [mask_refused(code).alias(CODE_COLUMN.format(index)) for index, code in enumerate(columns.pack_codes())]
    texts = {
        TEXT_COLUMN.format(index): columns.make_key(column) for index, column in enumerate(valued) if not column.values
    }
    return [*codes, *(mask_refused(text).alias(name) for name, text in texts.items())]
