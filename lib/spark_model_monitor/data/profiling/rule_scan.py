"""A user's rules: counts the rows of a block that meet a condition or don't, and sums up numbers of rows. Runs on executors.

Conditions are trees (`documents/row_rules.py`), in three-valued logic as in SQL. Null and NaN cells are missing. Texts that are
numbers are compared as numbers. A condition on one column of texts is evaluated once for each distinct text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import format_texts
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers
from spark_model_monitor.statistics.states.rule_counts import MOST_IDS, PairSums, RuleCounts, measure_pair

Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RowFormula:
    """What is computed from the cells of a row; its columns are positions.

    tree: true or false for a row, or a number. where: true for the rows that count; None: all do. second: the number that `tree`
    is correlated with.
    """

    tree: Tree
    where: Tree | None = None
    second: Tree | None = None

    @property
    def trees(self) -> list[Tree]:
        return [tree for tree in (self.tree, self.where, self.second) if tree is not None]

    @property
    def compared_columns(self) -> set[int]:
        """The columns whose values it looks at, not only whether they are missing."""
        return {position for tree in self.trees for position in list_positions(tree, with_missing=False)}


def list_positions(tree: Tree, *, with_missing: bool = True) -> Iterator[int]:
    """The columns of a formula. with_missing: also those of which it only asks whether they are missing."""
    if tree[0] == "column":
        yield tree[1]
    elif tree[0] != "null" or with_missing:
        for part in tree[1:]:
            if isinstance(part, tuple):
                yield from list_positions(part, with_missing=with_missing)


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a scan. conditions: whose rows are counted. numbers: whose moments are computed.

    ids: position of the column with row ids; None if rows have no ids. whole_texts: the columns whose texts are needed uncut.
    """

    conditions: tuple[RowFormula, ...] = ()
    numbers: tuple[RowFormula, ...] = ()
    ids: int | None = None
    whole_texts: frozenset[int] = frozenset()


class ColumnCells:
    """The cells of one column, in the forms that formulas need, each computed once; null where they are missing."""

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
        """Of each row, NaN for a text that is none."""
        if not self.is_text:
            return self._cells.cast(pa.float64(), safe=False)
        return self.distinct.numbers.take(self.codes)

    @property
    def texts(self) -> pa.Array | None:
        """The text of each row; None for a column of numbers, which are not compared with texts."""
        if self.is_text:
            return self._cells
        return None

    @cached_property
    def strings(self) -> pa.Array:
        """The text of each row, also of numbers."""
        if self.is_text:
            return self._cells
        return format_texts(self._cells)

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        return self._cells.dictionary_encode()

    @cached_property
    def distinct(self) -> ColumnCells:
        """The distinct texts, and a missing one behind them."""
        texts = pa.concat_arrays([self._encoded.dictionary, pa.nulls(1, self._cells.type)])
        return DistinctCells(texts, is_text=True, accept_exponents=self._accept_exponents)

    @cached_property
    def codes(self) -> pa.Int32Array:
        """The position of each row's text among the distinct ones."""
        return pc.fill_null(self._encoded.indices, len(self._encoded.dictionary))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many rows have each of the distinct texts."""
        return np.bincount(self.codes, minlength=len(self._encoded.dictionary) + 1)


class DistinctCells(ColumnCells):
    """Texts of which no two are alike."""

    @cached_property
    def numbers(self) -> pa.DoubleArray:
        kinds = classify(self._cells, accept_exponents=self._accept_exponents)
        return pc.if_else(self.missing, None, parse_numbers(self._cells, kinds))


BOOLEAN_WORDS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "1.0", "0.0")
"""How booleans are written, in lower case; the last two by pandas, beside missing ones."""


def _parse_times(texts: pa.Array) -> pa.Array:
    """Times in microseconds since 1970, for a day its beginning; null for texts that are not times."""
    # A day alone is no time to the parser
    days = pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d$")
    return parse_microseconds(pc.if_else(days, pc.binary_join_element_wise(texts, "T00:00:00Z", ""), texts))


@dataclass(frozen=True, slots=True)
class _Value:
    """A number of each row, or of all rows; null where it is missing, NaN for a text. texts: if it may be compared as a text.

    is_boolean: true or false in the rule itself, which stands for True and TRUE, too.
    """

    numbers: pa.DoubleArray | pa.DoubleScalar
    texts: pa.StringScalar | None = None
    is_boolean: bool = False

    @property
    def missing(self) -> pa.BooleanArray | pa.BooleanScalar:
        return pc.is_null(self.numbers)


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


class FormulaEvaluator:
    """Evaluates formulas over rows. cells: of the column at a position. rows: how many."""

    def __init__(self, cells: Callable[[int], ColumnCells], rows: int) -> None:
        self._cells = cells
        self._rows = rows

    def flag_rows(self, condition: Tree, where: Tree | None = None) -> pa.BooleanArray:
        """Whether a condition is true in each row; null where nobody can tell, or where `where` isn't true."""
        flags = self._evaluate(condition)
        if where is not None:
            flags = pc.if_else(self._evaluate(where), flags, pa.scalar(None, pa.bool_()))
        # A condition on constants alone
        if isinstance(flags, pa.Scalar):
            return pa.repeat(flags, self._rows)
        return flags

    def compute_numbers(self, formula: RowFormula) -> tuple[Numbers, Numbers]:
        """The numbers x and y of the rows that count and have them, NaN for texts; a single number is paired with itself."""
        x = self._compute_value(formula.tree).numbers
        y = x if formula.second is None else self._compute_value(formula.second).numbers
        chosen = pc.and_(x.is_valid(), y.is_valid())
        if formula.where is not None:
            chosen = pc.and_(chosen, pc.fill_null(self.flag_rows(formula.where), False))
        return x.filter(chosen).to_numpy(), y.filter(chosen).to_numpy()

    def _evaluate(self, tree: Tree) -> pa.BooleanArray | pa.BooleanScalar:
        operation, *parts = tree
        if operation == "not":
            return pc.invert(self._evaluate(parts[0]))
        if operation in ("and", "or"):
            return reduce(_OPERATIONS[operation], map(self._evaluate, parts))
        if operation in _COMPARISONS:
            return _compare(operation, self._compute_value(parts[0]), self._compute_value(parts[1]))
        if operation == "null":
            return self._compute_value(parts[0]).missing
        if operation == "near":
            left = self._compute_value(parts[0]).numbers
            right = self._compute_value(parts[1]).numbers
            # the tolerance in decimal terms: .30 is .01 away from .31, despite the rounding of doubles
            slack = pc.multiply(4 * np.finfo(float).eps, pc.add(pc.abs(left), pc.abs(right)))
            return pc.less_equal(pc.abs(pc.subtract(left, right)), pc.add(parts[2], slack))
        # What is asked of the cells of a single column
        column = self._cells(parts[0][1])
        if operation == "match":
            return pc.match_substring_regex(column.strings, parts[1])
        meets = _can_be_cast(column, parts[1]) if operation == "cast" else _is_listed(column, *parts[1:])
        return pc.if_else(column.missing, pa.scalar(None, pa.bool_()), meets)

    def _compute_value(self, tree: Tree) -> ColumnCells | _Value:
        operation, *parts = tree
        if operation == "column":
            return self._cells(parts[0])
        if operation == "length":  # a missing text has none
            lengths = pc.fill_null(pc.utf8_length(self._cells(parts[0][1]).strings), 0)
            return _Value(lengths.cast(pa.float64()))
        if operation == "time":
            times = _parse_times(self._cells(parts[0][1]).strings)
            return _Value(times.cast(pa.float64(), safe=False))
        # A constant is a value that each row has
        if operation == "constant" and isinstance(parts[0], str | bool):
            is_boolean = isinstance(parts[0], bool)
            text = str(parts[0]).lower() if is_boolean else parts[0]
            return _Value(pa.scalar(math.nan), pa.scalar(text), is_boolean)
        if operation == "constant":
            return _Value(pa.scalar(float(parts[0])))
        left, right = (self._compute_value(part).numbers for part in parts)
        return _Value(_OPERATIONS[operation](left, right))


def _compare(
    operation: str, left: ColumnCells | _Value, right: ColumnCells | _Value
) -> pa.BooleanArray | pa.BooleanScalar:
    compare = _COMPARISONS[operation]
    left_texts = left.texts
    right_texts = right.texts
    if left_texts is None or right_texts is None:
        return compare(left.numbers, right.numbers)
    # A boolean of the rule stands for each spelling of it
    constants = [value for value in (left, right) if isinstance(value, _Value)]
    if any(constant.is_boolean for constant in constants):
        left_texts = pc.utf8_lower(left_texts)
        right_texts = pc.utf8_lower(right_texts)
    by_text = compare(left_texts, right_texts)
    if constants:
        return by_text
    # Two values are compared as texts if one of them is no number
    are_texts = pc.or_(pc.is_nan(left.numbers), pc.is_nan(right.numbers))
    return pc.if_else(are_texts, by_text, compare(left.numbers, right.numbers))


def _is_listed(column: ColumnCells, texts: frozenset[str], numbers: frozenset[float]) -> pa.BooleanArray:
    """Whether each cell is one of these texts, or of these numbers; a number is no text."""
    if not column.is_text or not texts:
        return _are_numbers_in(column, numbers)
    is_text_listed = pc.is_in(column.strings, pa.array(texts, pa.string()))
    if not numbers:
        return is_text_listed
    return pc.or_(is_text_listed, _are_numbers_in(column, numbers))


def _are_numbers_in(column: ColumnCells, numbers: Iterable[float]) -> pa.BooleanArray:
    # -0 is 0
    return pc.is_in(pc.add(column.numbers, 0.0), pa.array([number + 0.0 for number in numbers], pa.float64()))


def _can_be_cast(column: ColumnCells, data_type: str) -> pa.BooleanArray:
    """Whether each cell can be cast to a type. As in Spark, a text of any number can be cast to an integer."""
    if data_type in ("date", "timestamp"):
        return _parse_times(column.strings).is_valid()
    if data_type == "boolean" and column.is_text:
        return pc.is_in(pc.utf8_lower(column.strings), pa.array(BOOLEAN_WORDS))
    if data_type == "boolean":
        return _are_numbers_in(column, [0.0, 1.0])
    if data_type == "whole number":
        return pc.equal(column.numbers, pc.floor(column.numbers))
    return pc.invert(pc.is_nan(column.numbers))


class BlockCells:
    """The cells of a block's columns, each made once."""

    def __init__(self, block: Block, columns: Mapping[int, ColumnPlan], accept_exponents: bool) -> None:
        self._block = block
        self._columns = columns
        self._accept_exponents = accept_exponents
        self._cells: dict[int, ColumnCells] = {}

    def __call__(self, position: int) -> ColumnCells:
        if position not in self._cells:
            column = self._columns[position]
            cells = self._block.whole_texts(column)
            self._cells[position] = ColumnCells(cells, is_text=column.is_text, accept_exponents=self._accept_exponents)
        return self._cells[position]


class RulesGatherer:
    """Counts, block by block, the rows that don't meet each condition, and sums up the numbers of each rule about them."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rules: Rules = plan.rules
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        conditions = self._rules.conditions
        self._text_columns = [self._find_text_column(condition) for condition in conditions]
        self._offending = [0] * len(conditions)
        self._judged = [0] * len(conditions)
        self._ids: list[list[str]] = [[] for _ in conditions]
        self._sums = [PairSums()] * len(self._rules.numbers)

    def _find_text_column(self, condition: RowFormula) -> int | None:
        """The only column of a condition if it has texts that are looked at."""
        positions = {position for tree in condition.trees for position in list_positions(tree)}
        texts = [position for position in condition.compared_columns if self._columns[position].is_text]
        return texts[0] if texts and len(positions) == 1 else None

    def update(self, block: Block) -> None:
        cells = BlockCells(block, self._columns, self._accept_exponents)
        evaluator = FormulaEvaluator(cells, block.rows)
        for index, condition in enumerate(self._rules.conditions):
            text_column = self._text_columns[index]
            if text_column is None:
                flags = evaluator.flag_rows(condition.tree, condition.where)
                self._judged[index] += len(flags) - flags.null_count
                self._offending[index] += flags.false_count
            else:
                flags = self._count_texts(index, condition, cells(text_column))
            # The first offending rows are named by their ids
            missing_ids = MOST_IDS - len(self._ids[index])
            if self._rules.ids is not None and missing_ids and flags.false_count:
                first = pc.indices_nonzero(pc.invert(flags))[:missing_ids]
                ids = block.cells(self._columns[self._rules.ids]).take(first)
                self._ids[index] += [str(row_id) for row_id in ids.to_pylist() if row_id is not None]
        for index, formula in enumerate(self._rules.numbers):
            self._sums[index] = self._sums[index].merge(measure_pair(*evaluator.compute_numbers(formula)))

    def _count_texts(self, index: int, condition: RowFormula, column: ColumnCells) -> pa.BooleanArray:
        """The flags of rows for a condition on one column, evaluated once for each of its texts."""
        evaluator = FormulaEvaluator(lambda _: column.distinct, len(column.counts))
        flags = evaluator.flag_rows(condition.tree, condition.where)
        self._judged[index] += int(column.counts[flags.is_valid()].sum())
        self._offending[index] += int(column.counts[pc.equal(flags, False).fill_null(False)].sum())
        if self._rules.ids is None:
            return flags
        return flags.take(column.codes)

    def states(self) -> Iterator[RuleCounts]:
        ids = tuple(tuple(row_ids) for row_ids in self._ids)
        yield RuleCounts(tuple(self._offending), tuple(self._judged), ids, tuple(self._sums))
