"""A user's rules: counts the rows of a block that meet a condition or don't, and computes moments of numbers. Runs on executors.

Conditions are trees (`documents/row_rules.py`), in three-valued logic as in SQL. Null and NaN cells are missing. Texts that
are numbers are compared as numbers. Functions of texts are computed once for each distinct text of a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cache, cached_property, partial, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import format_texts
from spark_model_monitor.data.profiling.scan_plan import Block, ScanPlan
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers
from spark_model_monitor.statistics.states.rule_counts import MAX_IDS, RuleCounts, measure_pair
from spark_model_monitor.value_class import value_class

BOOLEAN_TEXTS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "1.0", "0.0")
"""Spellings of booleans, in lower case. pandas writes the last two if a column also has missing cells."""

_OPERATIONS = {
    "and": pc.and_kleene,
    "or": pc.or_kleene,
    "+": pc.add,
    "-": pc.subtract,
    "*": pc.multiply,
    "/": pc.divide,
}

_COMPARISONS = {
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
    "==": pc.equal,
    "!=": pc.not_equal,
}


@value_class
class RowFormula:
    """A formula over the cells of a row, in which columns are given by their positions.

    tree: a condition, or a number.
    where: the condition that rows must meet to count; None if all rows count.
    second: the number that `tree` is correlated with; None without a correlation.
    """

    tree: Tree
    where: Tree | None = None
    second: Tree | None = None

    @property
    def trees(self) -> list[Tree]:
        """The trees that the formula has."""
        return [tree for tree in (self.tree, self.where, self.second) if tree is not None]

    @property
    def compared_columns(self) -> set[int]:
        """The columns whose values the formula needs, without columns of which it needs only whether cells are missing."""
        return {position for tree in self.trees for position in list_positions(tree, with_missing=False)}


def list_positions(tree: Tree, *, with_missing: bool = True) -> Iterator[int]:
    """The columns of a formula. with_missing: whether to include columns of which it needs only whether cells are missing."""
    if tree[0] == "column":
        yield tree[1]
    elif tree[0] != "null" or with_missing:
        for operand in tree[1:]:
            if isinstance(operand, tuple):
                yield from list_positions(operand, with_missing=with_missing)


@value_class
class Rules:
    """All rules of a scan.

    conditions: conditions; the rows that don't meet them are counted.
    numbers: numbers whose moments are computed.
    ids: the position of the column with row ids; None if rows have no ids.
    whole_texts: the positions of the columns whose texts are needed uncut.
    """

    conditions: tuple[RowFormula, ...] = ()
    numbers: tuple[RowFormula, ...] = ()
    ids: int | None = None
    whole_texts: frozenset[int] = frozenset()


class ColumnCells:
    """The cells of a column in the forms that formulas need. Each form is computed once; a missing cell is null."""

    def __init__(self, cells: pa.Array, *, is_text: bool, accept_exponents: bool) -> None:
        if pa.types.is_floating(cells.type) and pc.any(pc.is_nan(cells)).as_py():
            cells = pc.if_else(pc.is_nan(cells), None, cells)
        self._cells = cells
        self._accept_exponents = accept_exponents
        self.is_text = is_text

    @cached_property
    def missing(self) -> pa.BooleanArray:
        return self._cells.is_null()

    @cached_property
    def numbers(self) -> pa.DoubleArray:
        """One number per row; NaN for a text that isn't a number."""
        if not self.is_text:
            return self._cells.cast(pa.float64(), safe=False)
        return self.map_texts(self._parse_numbers)

    def _parse_numbers(self, texts: pa.Array) -> pa.DoubleArray:
        return pa.array(parse_numbers(texts, classify(texts, accept_exponents=self._accept_exponents)))

    @property
    def texts(self) -> pa.Array | None:
        """One text per row; None for a column of numbers, because numbers aren't compared with texts."""
        if self.is_text:
            return self._cells
        return None

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        if self.is_text:
            return self._cells.dictionary_encode()
        return format_texts(self._cells).dictionary_encode()

    def map_texts(self, compute: Callable[[pa.Array], pa.Array]) -> pa.Array:
        """The result of a function of each row's text; the texts of numbers count, too. Null for a missing cell."""
        return pc.take(compute(self._encoded.dictionary), self._encoded.indices, boundscheck=False)


def _parse_times(texts: pa.Array) -> pa.Array:
    """Times in microseconds since 1970; a day is its beginning, and a text that isn't a time is null."""
    # The parser doesn't accept days without a time
    return parse_microseconds(pc.replace_substring_regex(texts, r"^(\d{4}-\d\d-\d\d)$", r"\1T00:00:00Z"))


@value_class
class _FormulaValue:
    """One number per row, or the same for all rows; null if it is missing, NaN for a text. texts: the value as a text; None if it
    isn't compared as a text. is_boolean: whether it is `true` or `false` in the rule, which also stands for True and TRUE.
    """

    numbers: pa.DoubleArray | pa.DoubleScalar
    texts: pa.StringScalar | None = None
    is_boolean: bool = False

    @property
    def missing(self) -> pa.BooleanArray | pa.BooleanScalar:
        return pc.is_null(self.numbers)


class FormulaEvaluator:
    """Evaluates formulas over rows. cells: returns the cells of the column at a position. rows: the number of rows."""

    def __init__(self, cells: Callable[[int], ColumnCells], rows: int) -> None:
        self._cells = cache(cells)
        self._rows = rows

    def flag_rows(self, condition: Tree, where: Tree | None = None) -> pa.BooleanArray:
        """For each row, whether a condition is true; null if missing cells leave it open, or if `where` isn't true."""
        flags = self._evaluate(condition)
        if where is not None:
            flags = pc.if_else(self._evaluate(where), flags, pa.scalar(None, pa.bool_()))
        # The condition has only constants
        if isinstance(flags, pa.Scalar):
            return pa.repeat(flags, self._rows)
        return flags

    def compute_numbers(self, formula: RowFormula) -> tuple[Doubles, Doubles]:
        """The numbers x and y of the rows that count and have both; NaN for texts. Without a second number, y is x."""
        x = self._compute_value(formula.tree).numbers
        y = x if formula.second is None else self._compute_value(formula.second).numbers
        is_counted = pc.and_(x.is_valid(), y.is_valid())
        if formula.where is not None:
            is_counted = pc.and_(is_counted, pc.fill_null(self.flag_rows(formula.where), False))
        return x.filter(is_counted).to_numpy(), y.filter(is_counted).to_numpy()

    def _evaluate(self, tree: Tree) -> pa.BooleanArray | pa.BooleanScalar:
        operation, *operands = tree
        if operation == "not":
            return pc.invert(self._evaluate(operands[0]))
        if operation in ("and", "or"):
            return reduce(_OPERATIONS[operation], map(self._evaluate, operands))
        if operation in _COMPARISONS:
            return _compare(operation, self._compute_value(operands[0]), self._compute_value(operands[1]))
        if operation == "null":
            return self._compute_value(operands[0]).missing
        if operation == "near":
            left = self._compute_value(operands[0]).numbers
            right = self._compute_value(operands[1]).numbers
            # Extra tolerance for the rounding of doubles, so that .30 is .01 away from .31
            tolerance = pc.multiply(4 * np.finfo(float).eps, pc.add(pc.abs(left), pc.abs(right)))
            return pc.less_equal(pc.abs(pc.subtract(left, right)), pc.add(operands[2], tolerance))
        # The other operations are about the cells of one column
        column = self._cells(operands[0][1])
        if operation == "match":
            return column.map_texts(lambda texts: pc.match_substring_regex(texts, operands[1]))
        if operation == "cast":
            return _can_be_cast(column, operands[1])
        return _is_listed(column, *operands[1:])

    def _compute_value(self, tree: Tree) -> ColumnCells | _FormulaValue:
        operation, *operands = tree
        if operation == "column":
            return self._cells(operands[0])
        if operation == "length":  # a missing text has no length
            lengths = self._cells(operands[0][1]).map_texts(pc.utf8_length)
            return _FormulaValue(pc.fill_null(lengths, 0).cast(pa.float64()))
        if operation == "time":
            return _FormulaValue(self._cells(operands[0][1]).map_texts(_parse_times).cast(pa.float64(), safe=False))
        # A constant is the value of each row
        if operation == "constant" and isinstance(operands[0], str | bool):
            is_boolean = isinstance(operands[0], bool)
            text = str(operands[0]).lower() if is_boolean else operands[0]
            return _FormulaValue(pa.scalar(math.nan), pa.scalar(text), is_boolean)
        if operation == "constant":
            return _FormulaValue(pa.scalar(float(operands[0])))
        left, right = (self._compute_value(operand).numbers for operand in operands)
        return _FormulaValue(_OPERATIONS[operation](left, right))


def _compare(
    operation: str, left: ColumnCells | _FormulaValue, right: ColumnCells | _FormulaValue
) -> pa.BooleanArray | pa.BooleanScalar:
    compare = _COMPARISONS[operation]
    left_texts = left.texts
    right_texts = right.texts
    if left_texts is None or right_texts is None:
        return compare(left.numbers, right.numbers)
    # A boolean in the rule stands for all of its spellings
    constants = [value for value in (left, right) if isinstance(value, _FormulaValue)]
    if any(constant.is_boolean for constant in constants):
        left_texts = pc.utf8_lower(left_texts)
        right_texts = pc.utf8_lower(right_texts)
    text_result = compare(left_texts, right_texts)
    if constants:
        return text_result
    # Two values are compared as texts if one of them isn't a number
    are_texts = pc.or_(pc.is_nan(left.numbers), pc.is_nan(right.numbers))
    return pc.if_else(are_texts, text_result, compare(left.numbers, right.numbers))


def _is_listed(column: ColumnCells, texts: frozenset[str], numbers: frozenset[float]) -> pa.BooleanArray:
    """For each cell, whether it is one of these texts or one of these numbers; a number doesn't count as a text."""
    if not column.is_text or not texts:
        return _are_numbers_in(column, numbers)
    listed_texts = pa.array(sorted(texts), pa.string())
    are_listed = column.map_texts(lambda texts: pc.is_in(texts, listed_texts))
    if not numbers:
        return are_listed
    return pc.or_(are_listed, _are_numbers_in(column, numbers))


def _are_numbers_in(column: ColumnCells, numbers: Iterable[float]) -> pa.BooleanArray:
    # Adding 0 turns -0 into 0
    are_listed = pc.is_in(pc.add(column.numbers, 0.0), pa.array([number + 0.0 for number in numbers], pa.float64()))
    return pc.if_else(column.missing, pa.scalar(None, pa.bool_()), are_listed)


def _can_be_cast(column: ColumnCells, data_type: str) -> pa.BooleanArray:
    """For each cell, whether it can be cast to a type. As in Spark, the text of any number can be cast to an integer."""
    if data_type in ("date", "timestamp"):
        return column.map_texts(lambda texts: _parse_times(texts).is_valid())
    if data_type == "boolean" and column.is_text:
        return column.map_texts(lambda texts: pc.is_in(pc.utf8_lower(texts), pa.array(BOOLEAN_TEXTS)))
    if data_type == "boolean":
        return _are_numbers_in(column, (0.0, 1.0))
    if data_type == "whole number":
        return pc.equal(column.numbers, pc.floor(column.numbers))
    return pc.invert(pc.is_nan(column.numbers))


class RulesGatherer:
    """Counts, block by block, the rows that don't meet each condition, and computes the moments of each rule's numbers."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rules: Rules = plan.rows.rules
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        self._counts = RuleCounts.zero(len(self._rules.conditions), len(self._rules.numbers))

    def update(self, block: Block) -> None:
        evaluator = FormulaEvaluator(partial(self._read_cells, block), block.rows)
        offending = []
        counts = []
        ids = []
        for condition in self._rules.conditions:
            flags = evaluator.flag_rows(condition.tree, condition.where)
            offending.append(flags.false_count)
            counts.append(len(flags) - flags.null_count)
            ids.append(self._list_offending_ids(block, flags))
        sums = tuple(measure_pair(*evaluator.compute_numbers(formula)) for formula in self._rules.numbers)
        self._counts += RuleCounts(tuple(offending), tuple(counts), tuple(ids), sums)

    def _read_cells(self, block: Block, position: int) -> ColumnCells:
        column = self._columns[position]
        cells = block.whole_texts(column)
        return ColumnCells(cells, is_text=column.is_text, accept_exponents=self._accept_exponents)

    def _list_offending_ids(self, block: Block, flags: pa.BooleanArray) -> tuple[str, ...]:
        """The ids of the first rows that don't meet a condition; empty if rows have no ids."""
        if self._rules.ids is None or not flags.false_count:
            return ()
        first = pc.indices_nonzero(pc.invert(flags))[:MAX_IDS]
        ids = block.cells(self._columns[self._rules.ids]).take(first)
        return tuple(str(row_id) for row_id in ids.to_pylist() if row_id is not None)

    def states(self) -> Iterator[RuleCounts]:
        yield self._counts
