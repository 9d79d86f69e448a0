"""A user's rules: counts the rows of a block that meet a condition or don't, and sums up numbers of rows. Runs on executors.

Conditions are trees (`documents/row_rules.py`), in three-valued logic as in SQL. Null and NaN cells are missing. Texts that are
numbers are compared as numbers. A condition on one column of texts is evaluated once for each distinct text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles, format_texts
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers
from spark_model_monitor.statistics.states.offences import MOST_IDS, Offences
from spark_model_monitor.statistics.states.pair_moments import PairMoments, measure_pair

Flags: TypeAlias = NDArray[np.bool_]
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
    """The cells of one column, in the forms that formulas need, each computed once."""

    is_constant = False
    is_boolean = False

    def __init__(self, cells: pa.Array, *, is_text: bool, accept_exponents: bool) -> None:
        self._cells = cells
        self._accept_exponents = accept_exponents
        self.is_text = is_text

    @cached_property
    def missing(self) -> Flags:
        if not self.is_text and pa.types.is_floating(self._cells.type):
            return np.isnan(self.numbers)
        return np.asarray(self._cells.is_null().to_numpy(zero_copy_only=False))

    @cached_property
    def numbers(self) -> Numbers:
        """Of each row, NaN where there is none."""
        if not self.is_text:
            return convert_to_doubles(self._cells)
        return self.distinct.numbers[self.codes]

    @property
    def texts(self) -> pa.Array | None:
        """The text of each row; None for a column of numbers, which are not compared with texts."""
        return self._cells if self.is_text else None

    @cached_property
    def strings(self) -> pa.Array:
        """The text of each row, also of numbers."""
        return self._cells if self.is_text else format_texts(self._cells)

    @cached_property
    def _encoded(self) -> pa.DictionaryArray:
        return self._cells.dictionary_encode()

    @cached_property
    def distinct(self) -> ColumnCells:
        """The distinct texts, and a missing one behind them."""
        texts = pa.concat_arrays([self._encoded.dictionary, pa.nulls(1, self._cells.type)])
        return DistinctCells(texts, is_text=True, accept_exponents=self._accept_exponents)

    @cached_property
    def codes(self) -> NDArray[np.int32]:
        """The position of each row's text among the distinct ones."""
        indices = self._encoded.indices
        if indices.null_count:
            indices = pc.fill_null(indices, len(self._encoded.dictionary))
        return np.asarray(indices.to_numpy(zero_copy_only=False))

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How many rows have each of the distinct texts."""
        return np.bincount(self.codes, minlength=len(self._encoded.dictionary) + 1)


class DistinctCells(ColumnCells):
    """Cells of which no two are alike."""

    @cached_property
    def numbers(self) -> Numbers:
        return parse_numbers(self._cells, classify(self._cells, accept_exponents=self._accept_exponents))


BOOLEAN_WORDS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "1.0", "0.0")
"""How booleans are written, in lower case; the last two by pandas, beside missing ones."""


def _parse_times(texts: pa.Array) -> pa.Array:
    """Times in microseconds since 1970, for a day its beginning; null for texts that are not times."""
    # A day alone is no time to the parser
    days = pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d$")
    return parse_microseconds(pc.if_else(days, pc.binary_join_element_wise(texts, "T00:00:00Z", ""), texts))


@dataclass(frozen=True, slots=True)
class _Value:
    """A value of each row, or one of all rows. texts: if it may be compared as a text. is_boolean: true or false in the rule
    itself, which stands for True and TRUE, too.
    """

    numbers: Numbers
    missing: Flags
    texts: pa.Array | pa.Scalar | None = None
    is_constant: bool = False
    is_boolean: bool = False


_NONE_MISSING = np.zeros(1, bool)
_NO_NUMBER = np.full(1, np.nan)

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
_COMPARISONS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "<": (np.less, pc.less),
    "<=": (np.less_equal, pc.less_equal),
    ">": (np.greater, pc.greater),
    ">=": (np.greater_equal, pc.greater_equal),
    "==": (np.equal, pc.equal),
    "!=": (np.not_equal, pc.not_equal),
}

Truth: TypeAlias = tuple[Flags, Flags]  # whether each row's result is true, and whether it is known


class FormulaEvaluator:
    """Evaluates formulas over rows. cells: of the column at a position. Results of constants alone have a single row."""

    def __init__(self, cells: Callable[[int], ColumnCells]) -> None:
        self._cells = cells

    def evaluate(self, tree: Tree) -> Truth:
        operation, *parts = tree
        # Not of an unknown value is unknown
        if operation == "not":
            is_true, is_compared = self.evaluate(parts[0])
            return is_compared & ~is_true, is_compared
        if operation in ("and", "or"):
            return self._combine(operation, [self.evaluate(part) for part in parts])
        if operation in ("near", *_COMPARISONS):
            return self._compare_values(operation, parts)
        if operation == "null":
            return self._compute_value(parts[0]).missing, ~_NONE_MISSING
        # What is asked of the cells of a single column
        column = self._cells(parts[0][1])
        if operation == "match":
            meets = pc.fill_null(pc.match_substring_regex(column.strings, parts[1]), False)
            return meets.to_numpy(zero_copy_only=False), ~column.missing
        meets = _can_be_cast(column, parts[1]) if operation == "cast" else _is_listed(column, *parts[1:])
        return meets & ~column.missing, ~column.missing

    def _combine(self, operation: str, parts: Sequence[Truth]) -> Truth:
        decides = operation == "or"  # one true part decides an "or", one false part an "and"
        is_decided: Flags = _NONE_MISSING
        are_all_compared: Flags = ~_NONE_MISSING
        for is_true, is_compared in parts:
            is_decided = is_decided | (is_compared & (is_true == decides))
            are_all_compared = are_all_compared & is_compared
        is_known = is_decided | are_all_compared
        return (is_decided if decides else is_known & ~is_decided), is_known

    def _compare_values(self, operation: str, parts: Sequence[Tree]) -> Truth:
        left = self._compute_value(parts[0])
        right = self._compute_value(parts[1])
        is_compared = ~(left.missing | right.missing)
        if operation != "near":
            return _compare(operation, left, right) & is_compared, is_compared
        with np.errstate(all="ignore"):
            # the tolerance in decimal terms: .30 is .01 away from .31, despite the rounding of doubles
            slack = 4 * np.finfo(float).eps * (np.abs(left.numbers) + np.abs(right.numbers))
            return is_compared & (np.abs(left.numbers - right.numbers) <= parts[2] + slack), is_compared

    def compute_numbers(self, tree: Tree) -> tuple[Numbers, Flags]:
        """The number of each row, NaN for none, and flags of rows without a value."""
        value = self._compute_value(tree)
        return value.numbers, value.missing

    def _compute_value(self, tree: Tree) -> ColumnCells | _Value:
        operation, *parts = tree
        if operation == "column":
            return self._cells(parts[0])
        if operation == "length":  # a missing text has none
            lengths = pc.fill_null(pc.utf8_length(self._cells(parts[0][1]).strings), 0)
            return _Value(lengths.to_numpy(zero_copy_only=False).astype(np.float64), _NONE_MISSING)
        if operation == "time":
            times = _parse_times(self._cells(parts[0][1]).strings)
            micros = pc.fill_null(times.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
            return _Value(micros, np.isnan(micros))
        # A constant is a value that each row has
        if operation == "constant" and isinstance(parts[0], bool):
            return _Value(
                _NO_NUMBER, _NONE_MISSING, pa.scalar(str(parts[0]).lower()), is_constant=True, is_boolean=True
            )
        if operation == "constant" and isinstance(parts[0], str):
            return _Value(_NO_NUMBER, _NONE_MISSING, pa.scalar(parts[0]), is_constant=True)
        if operation == "constant":
            return _Value(np.full(1, float(parts[0])), _NONE_MISSING, is_constant=True)
        left, right = map(self._compute_value, parts)
        with np.errstate(all="ignore"):
            numbers = _ARITHMETIC[operation](left.numbers, right.numbers)
        return _Value(numbers, left.missing | right.missing)


def _compare(operation: str, left: ColumnCells | _Value, right: ColumnCells | _Value) -> Flags:
    compare_numbers, compare_texts = _COMPARISONS[operation]
    by_text: Flags | None = None
    if left.texts is not None and right.texts is not None:
        # A boolean of the rule stands for each spelling of it
        left_texts = left.texts
        right_texts = right.texts
        if left.is_boolean or right.is_boolean:
            left_texts = pc.utf8_lower(left_texts)
            right_texts = pc.utf8_lower(right_texts)
        are_met = pc.fill_null(compare_texts(left_texts, right_texts), False)
        by_text = np.asarray(are_met if isinstance(are_met, pa.Array) else [are_met.as_py()])
        if left.is_constant or right.is_constant:
            return by_text
    by_number: Flags = compare_numbers(left.numbers, right.numbers)
    if by_text is None:
        return by_number
    # Two values are compared as texts if one of them is no number
    not_numbers = np.isnan(left.numbers) | np.isnan(right.numbers)
    return np.where(not_numbers, by_text, by_number)


def _is_listed(column: ColumnCells, texts: frozenset[str], numbers: frozenset[float]) -> Flags:
    """Whether each cell is one of these texts, or of these numbers; a number is no text."""
    is_listed: Flags = np.isin(column.numbers, list(numbers)) if numbers else np.zeros(len(column.missing), bool)
    if texts and column.is_text:
        is_listed = is_listed | pc.is_in(column.strings, pa.array(texts, pa.string())).to_numpy(zero_copy_only=False)
    return is_listed


def _can_be_cast(column: ColumnCells, data_type: str) -> Flags:
    """Whether each cell can be cast to a type. As in Spark, a text of any number can be cast to an integer."""
    if data_type in ("date", "timestamp"):
        times: Flags = _parse_times(column.strings).is_valid().to_numpy(zero_copy_only=False)
        return times
    if data_type == "boolean" and column.is_text:
        words = pc.is_in(pc.utf8_lower(column.strings), pa.array(BOOLEAN_WORDS))
        booleans: Flags = words.to_numpy(zero_copy_only=False)
        return booleans
    if data_type == "boolean":
        return np.isin(column.numbers, (0, 1))
    are_numbers: Flags = ~np.isnan(column.numbers)
    if data_type == "whole number":
        are_numbers &= column.numbers == np.floor(column.numbers)
    return are_numbers


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


def flag_rows(where: Tree | None, cells: Callable[[int], ColumnCells], rows: int) -> Flags:
    """The rows that meet a condition; all without one."""
    if where is None:
        return np.ones(rows, bool)
    return np.broadcast_to(FormulaEvaluator(cells).evaluate(where)[0], rows)


def _find_offences(condition: RowFormula, cells: Callable[[int], ColumnCells], rows: int) -> tuple[Flags, Flags]:
    """The rows of which it is known whether they meet a condition, and those that don't."""
    is_true, is_compared = FormulaEvaluator(cells).evaluate(condition.tree)
    is_judged = is_compared & flag_rows(condition.where, cells, rows)
    return is_judged, is_judged & ~is_true


class OffencesGatherer:
    """Counts, block by block, the rows that don't meet each condition."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rules: Rules = plan.rules
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        conditions = self._rules.conditions
        self._text_columns = [self._find_text_column(condition) for condition in conditions]
        self._offending = np.zeros(len(conditions), np.int64)
        self._judged = np.zeros(len(conditions), np.int64)
        self._ids: list[list[str]] = [[] for _ in conditions]

    def _find_text_column(self, condition: RowFormula) -> int | None:
        """The only column of a condition if it has texts that are looked at."""
        positions = {position for tree in condition.trees for position in list_positions(tree)}
        texts = [position for position in condition.compared_columns if self._columns[position].is_text]
        return texts[0] if texts and len(positions) == 1 else None

    def update(self, block: Block) -> None:
        cells = BlockCells(block, self._columns, self._accept_exponents)
        for index, condition in enumerate(self._rules.conditions):
            text_column = self._text_columns[index]
            if text_column is None:
                is_judged, offending = _find_offences(condition, cells, block.rows)
                self._judged[index] += np.count_nonzero(is_judged)
                self._offending[index] += np.count_nonzero(offending)
            else:
                # Each distinct text stands for a number of rows
                texts = cells(text_column)
                is_judged, offending = _find_offences(
                    condition, {text_column: texts.distinct}.__getitem__, len(texts.counts)
                )
                self._judged[index] += texts.counts[is_judged].sum()
                self._offending[index] += texts.counts[offending].sum()
            # The first offending rows are named by their ids
            missing_ids = MOST_IDS - len(self._ids[index])
            if self._rules.ids is not None and missing_ids and offending.any():
                offending_rows = offending if text_column is None else offending[cells(text_column).codes]
                first = pa.array(np.flatnonzero(offending_rows)[:missing_ids])
                ids = block.cells(self._columns[self._rules.ids]).take(first)
                self._ids[index] += [str(row_id) for row_id in ids.to_pylist() if row_id is not None]

    def states(self) -> Iterator[Offences]:
        ids = tuple(tuple(rule_ids) for rule_ids in self._ids)
        yield Offences(tuple(self._offending.tolist()), tuple(self._judged.tolist()), ids)


class PairMomentsGatherer:
    """The moments, block by block, of the numbers of each rule about them."""

    def __init__(self, plan: ScanPlan) -> None:
        self._formulas: tuple[RowFormula, ...] = plan.rules.numbers
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        self._moments = PairMoments()

    def update(self, block: Block) -> None:
        cells = BlockCells(block, self._columns, self._accept_exponents)
        evaluator = FormulaEvaluator(cells)
        moments = []
        for formula in self._formulas:
            # A single number is paired with itself
            x, x_missing = evaluator.compute_numbers(formula.tree)
            y, y_missing = (x, x_missing) if formula.second is None else evaluator.compute_numbers(formula.second)
            chosen = flag_rows(formula.where, cells, block.rows) & ~(x_missing | y_missing)
            moments.append(measure_pair(x[chosen], y[chosen]))
        self._moments += PairMoments(tuple(moments))

    def states(self) -> Iterator[PairMoments]:
        yield self._moments
