"""The cells of a column with their kinds, and what they are counted by: keys, segments and blocks. Pure; runs on executors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_decimals, format_texts, is_number, replace_nan
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.documents.json_text import NAN_TEXTS
from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency import CellKind, CellMatch
from spark_model_monitor.statistics.states.contingency_plan import (
    FALSEHOODS,
    TRUTHS,
    Interval,
    Scalar,
    Segmentation,
    ValuedColumn,
    make_exact,
    parse_number,
)
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.value_class import value_class

# Texts of numbers that Python's float accepts, without words and underscores
BLANK = r"[ \t\n\x0b\f\r]*"
INTEGER = re.compile(rf"{BLANK}[+-]?[0-9]+{BLANK}")
NUMBER = re.compile(rf"{BLANK}[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?{BLANK}")

TEXT_KINDS = (None, CellKind.TEXT, CellKind.OTHER)
"""Declared kinds of columns whose values may be identified by their text; numbers and booleans never are."""


@value_class(slots=False)
class TypedCells:
    """A column's cells, in the same form as `TypedColumn` for Spark's columns.

    kind: the `CellKind` of each cell.
    number: the number of each cell; None if the column has no numbers.
    has_number: flags of the cells that are numbers.
    source: the cells whose texts are used.
    declared: the kind that follows from the column's type; None for texts that may look like other kinds.
    """

    kind: Integers
    number: Doubles | Integers | None
    has_number: Flags
    source: pa.Array
    declared: CellKind | None

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def text(self) -> pa.StringArray:
        """The cells as texts; null if missing."""
        return format_texts(self.source)


def classify_cells(values: pa.Array, *, untyped_texts: bool, may_be_integers: bool = True) -> TypedCells:
    """The cells with their kinds: by the column's type or, for untyped texts, by the form of each text."""
    if is_number(values.type):
        numbers = convert_decimals(replace_nan(values))
        is_integral_decimal = pa.types.is_decimal(values.type) and values.type.scale == 0
        if pa.types.is_integer(values.type) or is_integral_decimal:
            # The text of an integral decimal is 7, but the text of its double would be 7.0
            return _build_number_cells(numbers, values, CellKind.INTEGRAL)
        return _build_number_cells(numbers, numbers, CellKind.FRACTIONAL)
    if pa.types.is_boolean(values.type):
        return _build_number_cells(values.cast(pa.int64()), pc.if_else(values, "True", "False"), CellKind.BOOLEAN)
    if not pa.types.is_string(values.type):
        return _build_other_cells(values, CellKind.OTHER)
    if untyped_texts or may_be_integers:
        return _parse_text_cells(values, untyped=untyped_texts)
    return _build_other_cells(values, CellKind.TEXT)


def _build_number_cells(values: pa.Array, source: pa.Array, kind: CellKind) -> TypedCells:
    present = ~are_missing(values)
    wide_values = values.cast(pa.int64() if pa.types.is_integer(values.type) else pa.float64())
    numbers = np.asarray(pc.fill_null(wide_values, 0))
    return TypedCells(np.where(present, int(kind), int(CellKind.MISSING)), numbers, present, source, kind)


def _build_other_cells(texts: pa.Array, kind: CellKind) -> TypedCells:
    present = ~are_missing(texts)
    has_no_number = np.zeros(len(texts), bool)
    return TypedCells(np.where(present, int(kind), int(CellKind.MISSING)), None, has_no_number, texts, kind)


def _parse_text_cells(texts: pa.StringArray, *, untyped: bool) -> TypedCells:
    """The cells of texts. Each distinct text is examined once."""
    # pandas writes NaN for missing numbers
    if untyped:
        texts = pc.if_else(pc.is_in(texts, pa.array(NAN_TEXTS)), None, texts)
    encoded = texts.dictionary_encode()
    kinds_and_numbers = [_parse_text(text, untyped=untyped) for text in encoded.dictionary.to_pylist()]
    # The last entry is for missing cells
    kinds = np.array([*(int(kind) for kind, _ in kinds_and_numbers), int(CellKind.MISSING)], np.int64)
    numbers = np.array([*(np.nan if number is None else number for _, number in kinds_and_numbers), np.nan], np.float64)
    codes = np.asarray(pc.fill_null(encoded.indices, len(kinds_and_numbers)))
    has_number = ~np.isnan(numbers[codes])
    return TypedCells(
        kinds[codes], np.nan_to_num(numbers[codes], posinf=np.inf, neginf=-np.inf), has_number, texts, None
    )


def _parse_text(text: str, *, untyped: bool) -> tuple[CellKind, float | None]:
    if NUMBER.fullmatch(text) and np.isfinite(float(text)):
        is_integer = INTEGER.fullmatch(text) is not None
        if untyped:
            return CellKind.INTEGRAL if is_integer else CellKind.FRACTIONAL, float(text)
        if is_integer:
            return CellKind.INTEGER_TEXT, float(text)
    elif untyped and text in TRUTHS + FALSEHOODS:
        return CellKind.BOOLEAN, float(text in TRUTHS)
    return CellKind.TEXT, None


def compute_keys(cells: TypedCells, column: ValuedColumn) -> pa.Array:
    """The key of each cell: its relations to the configured values or, without configured values, its text."""
    if not column.values:
        # In a column that isn't used by value, each fraction would get its own key
        if cells.declared is CellKind.FRACTIONAL and column.taken_as is not ValueKind.CATEGORICAL:
            return pa.nulls(len(cells), pa.string())
        return cells.text
    # The key is a sum of flags, because a cell can equal a value as a text and as a number
    cell_match = np.zeros(len(cells), np.int64)
    if cells.declared in TEXT_KINDS:
        cell_match += CellMatch.SAME_TEXT * _match_texts(cells.text, column.texts)
    if cells.number is not None:
        cell_match += CellMatch.SAME_NUMBER * (_match_values(cells, column) & cells.has_number)
        if column.threshold is not None:
            cell_match += CellMatch.ABOVE * ((cells.number > make_exact(column.threshold)) & cells.has_number)
    return pa.array(cell_match)


def _match_values(cells: TypedCells, column: ValuedColumn) -> Flags:
    assert cells.number is not None
    truths = np.isin(cells.number, [float(truth) for truth in column.truths])
    numbers = np.isin(cells.number, [make_exact(number) for number in column.numbers])
    # `true` doesn't equal 1: a boolean equals only configured booleans
    boolean = cells.kind == CellKind.BOOLEAN
    return np.asarray((boolean & truths) | (~boolean & numbers))


def find_segments(cells: TypedCells, segmentation: Segmentation) -> pa.Array:
    """The index of each cell's first segment; the number of segments for cells in no segment. For segments by value: its text."""
    if not segmentation.segments:
        return cells.text
    segment_index = np.full(len(cells), len(segmentation.segments))
    # Assigned in reverse order, so that the first of overlapping segments wins
    for number in reversed(range(len(segmentation.segments))):
        for member in segmentation.segments[number]:
            segment_index[_is_within(cells, member)] = number
    return pa.array(segment_index)


def _is_within(cells: TypedCells, member: Scalar | Interval) -> Flags:
    if isinstance(member, Interval):
        if cells.number is None:
            return np.zeros(len(cells), bool)
        above = cells.number > member.low
        if member.with_low:
            above = cells.number >= member.low
        below = cells.number < member.high
        if member.with_high:
            below = cells.number <= member.high
        return above & below & cells.has_number
    is_same = _match_texts(cells.text, [str(member)])
    number = parse_number(member)
    if number is not None and cells.number is not None:
        is_same = is_same | ((cells.number == number) & cells.has_number)
    return is_same


def _match_texts(texts: pa.StringArray, listed: Sequence[str]) -> Flags:
    return np.asarray(pc.is_in(texts, pa.array(listed, pa.string())))


def assign_blocks(names: pa.StringArray) -> pa.Array:
    """The block of each row by the name of its group; null without a group. Source: B5.4."""
    has_name = ~are_missing(names)
    blocks = np.zeros(len(names), np.int64)
    blocks[has_name] = hash_texts(names.drop_null()) % np.uint64(BLOCKS)
    return pa.array(blocks, mask=~has_name)
