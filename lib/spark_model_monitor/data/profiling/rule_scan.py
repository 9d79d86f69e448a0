"""A user's rules: finds and counts a block's rows that offend against each rule. Runs on executors.

Each rule is a tree over the columns of a row, with three-valued logic, as in SQL. Null and NaN cells are missing; only
`null` judges them. Texts that are numbers are compared as numbers. A rule about one column of texts examines the
distinct texts of a block, if there are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import convert_to_doubles, format_texts
from spark_model_monitor.data.profiling.scan_plan import Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.event_times import parse_microseconds
from spark_model_monitor.documents.row_rules import Tree
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.offences import MOST_IDS, Offences
from spark_model_monitor.statistics.states.pair_moments import PairMoments, measure_pair

Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule. kind: what somebody wrote. positions: positions of its columns. operand: its formula; None if the scan
    doesn't count it."""

    kind: str
    positions: tuple[int, ...]
    operand: Any


@dataclass(frozen=True, slots=True)
class RowFormula:
    """What is computed from the cells of a row. names: of its columns, in the order of the rule's positions.

    tree: true or false for a row, or a number. where: true for the rows that count; None: all do. second: the number that `tree`
    is correlated with.
    """

    tree: Tree
    names: tuple[str, ...]
    where: Tree | None = None
    second: Tree | None = None


NOT_NULL = "not_null"
OF_TEXTS = frozenset({"in", "matches", "length", "max_share_of", "row", "numbers", "newer_than"})
"""Kinds of rules that need texts uncut."""

PerText = TypeVar("PerText", NDArray[np.float64], NDArray[np.bool_])  # a result for each distinct text


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a scan. ids: position of the column with row ids; None if rows have no ids.

    numbers: rules of the kind `numbers`, whose moments are computed.
    """

    rules: tuple[CompiledRule, ...] = ()
    ids: int | None = None
    numbers: tuple[CompiledRule, ...] = ()

    @property
    def whole_texts(self) -> frozenset[int]:
        """The columns whose texts a rule needs uncut."""
        rules = (*self.rules, *self.numbers)
        return frozenset(position for rule in rules if rule.kind in OF_TEXTS for position in rule.positions)


class RuleCells:
    """The cells of one column in a block, in the forms that rules need, each computed once."""

    is_boolean = False

    def __init__(self, cells: pa.Array, *, is_text: bool, accept_exponents: bool, are_different: bool = False) -> None:
        self._cells = cells
        self._are_different = are_different
        self._accept_exponents = accept_exponents
        self.is_text = is_text

    @cached_property
    def missing(self) -> Flags:
        if not self.is_text and pa.types.is_floating(self._cells.type):
            return np.isnan(self.numbers)
        return np.asarray(self._cells.is_null().to_numpy(zero_copy_only=False))

    @cached_property
    def encoded(self) -> pa.DictionaryArray:
        return self._cells.dictionary_encode()

    @cached_property
    def different(self) -> RuleCells:
        """The distinct texts of a text column, and a missing one behind them."""
        texts = self.encoded.dictionary
        texts = pa.concat_arrays([texts, pa.nulls(1, texts.type)])
        return RuleCells(texts, is_text=True, accept_exponents=self._accept_exponents, are_different=True)

    @cached_property
    def numbers(self) -> Numbers:
        """Of each row, NaN where there is none."""
        if not self.is_text:
            return convert_to_doubles(self._cells)
        if self._are_different:
            return parse_numbers(self._cells, accept_exponents=self._accept_exponents)
        numbers = parse_numbers(self.encoded.dictionary, accept_exponents=self._accept_exponents)
        return self.expand_to_rows(np.append(numbers, np.nan))

    @cached_property
    def strings(self) -> pa.Array:
        """The text of each row."""
        return self._cells if self.is_text else format_texts(self._cells)

    def expand_to_rows(self, by_text: PerText) -> PerText:
        """Results for the distinct texts, and a last one for a missing text, expanded to rows."""
        codes = self.encoded.indices
        if codes.null_count:
            codes = pc.fill_null(codes, len(by_text) - 1)
        by_row: PerText = by_text[codes.to_numpy(zero_copy_only=False)]
        return by_row


BOOLEAN_WORDS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "1.0", "0.0")
"""How booleans are written, in lower case; the last two by pandas, beside missing ones."""

TYPES_OF_TEXTS = ("date", "timestamp", "boolean")  # which a text can be cast to by its letters; to others by its number


def _parse_times(texts: pa.Array) -> pa.Array:
    """Times in microseconds since 1970, for a day its beginning; null for texts that are not times."""
    # A day alone is no time to the parser
    days = pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d$")
    return parse_microseconds(pc.if_else(days, pc.binary_join_element_wise(texts, "T00:00:00Z", ""), texts))


# A value is a column, or is computed: numbers (NaN for none), flags of missing ones, and texts.


@dataclass(frozen=True, slots=True)
class _Value:
    numbers: Numbers
    missing: Flags
    strings: pa.Array | None = None
    is_boolean: bool = False  # true or false in the rule itself, which stands for True and TRUE, too

    @property
    def is_text(self) -> bool:
        return self.strings is not None


Value: TypeAlias = RuleCells | _Value

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


class RowRuleEvaluator:
    """One rule about rows, over the cells of a block."""

    def __init__(self, cells: Callable[[int], RuleCells], positions: dict[str, int], rows: int) -> None:
        self._cells = cells
        self._positions = positions
        self._rows = rows

    def evaluate(self, tree: Tree) -> Truth:
        operation, *parts = tree
        # Not of an unknown value is unknown
        if operation == "not":
            is_true, is_compared = self.evaluate(parts[0])
            return is_compared & ~is_true, is_compared
        if operation in ("and", "or"):
            return self._combine(operation, [self.evaluate(part) for part in parts])
        if operation == "null":
            return self._compute_value(parts[0]).missing, np.ones(self._rows, bool)
        # What is asked of one value
        if operation in ("match", "cast", "listed", "whole"):
            value = self._compute_value(parts[0])
            return _test_value(operation, value, *parts[1:]) & ~value.missing, ~value.missing
        left = self._compute_value(parts[0])
        right = self._compute_value(parts[1])
        is_compared = ~(left.missing | right.missing)
        with np.errstate(all="ignore"):
            if operation == "near":
                # the tolerance in decimal terms: .30 is .01 away from .31, despite the rounding of doubles
                slack = 4 * np.finfo(float).eps * (np.abs(left.numbers) + np.abs(right.numbers))
                return is_compared & (np.abs(left.numbers - right.numbers) <= parts[2] + slack), is_compared
            return self._compare(operation, left, right) & is_compared, is_compared

    def _compare(self, operation: str, left: Value, right: Value) -> Flags:
        compare_numbers, compare_texts = _COMPARISONS[operation]
        by_number: Flags = compare_numbers(left.numbers, right.numbers)
        if not left.is_text or not right.is_text:
            return by_number
        # Two texts are compared as such if one of them is no number
        not_numbers = np.isnan(left.numbers) | np.isnan(right.numbers)
        if not not_numbers.any():
            return by_number
        left_texts = left.strings
        right_texts = right.strings
        # A boolean of the rule stands for each spelling of it
        if left.is_boolean or right.is_boolean:
            left_texts = pc.utf8_lower(left_texts)
            right_texts = pc.utf8_lower(right_texts)
        by_text = _convert_to_flags(pc.fill_null(compare_texts(left_texts, right_texts), False))
        return np.where(not_numbers, by_text, by_number)

    def _combine(self, operation: str, parts: Sequence[Truth]) -> Truth:
        decides = operation == "or"  # one true part decides an "or", one false part an "and"
        is_decided = np.logical_or.reduce([is_compared & (true == decides) for true, is_compared in parts])
        is_compared = is_decided | np.logical_and.reduce([is_compared for _, is_compared in parts])
        return (is_decided if decides else is_compared & ~is_decided), is_compared

    def compute_numbers(self, tree: Tree) -> tuple[Numbers, Flags]:
        """The number of each row, NaN for none, and flags of rows without a value."""
        value = self._compute_value(tree)
        return value.numbers, value.missing

    def _compute_value(self, tree: Tree) -> Value:
        operation, *parts = tree
        if operation == "column":
            return self._cells(self._positions[parts[0]])
        if operation == "length":  # a missing text has none
            texts = self._compute_value(parts[0]).strings
            lengths = pc.fill_null(pc.utf8_length(texts), 0).to_numpy(zero_copy_only=False)
            return _Value(lengths.astype(np.float64), np.zeros(self._rows, bool))
        if operation == "time":
            times = _parse_times(self._compute_value(parts[0]).strings)
            micros = pc.fill_null(times.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
            return _Value(micros, np.isnan(micros))
        # A constant is a value that each row has
        if operation == "constant":
            none = np.broadcast_to(np.False_, self._rows)
            if isinstance(parts[0], str | bool):
                is_boolean = isinstance(parts[0], bool)
                text = str(parts[0]).lower() if is_boolean else parts[0]
                return _Value(np.broadcast_to(np.nan, self._rows), none, pa.repeat(text, self._rows), is_boolean)
            return _Value(np.broadcast_to(float(parts[0]), self._rows), none)
        left, right = map(self._compute_value, parts)
        with np.errstate(all="ignore"):
            numbers = _ARITHMETIC[operation](left.numbers, right.numbers)
        return _Value(numbers, left.missing | right.missing)


def _test_value(operation: str, value: Value, *operands: Any) -> Flags:
    """Whether each value matches a pattern, can be cast to a type, is listed, or is a whole number. As in Spark, a text of any
    number can be cast to an integer.
    """
    if operation == "whole":
        return np.asarray(value.numbers == np.floor(value.numbers))
    if operation == "listed":
        texts, numbers = operands
        are_listed: Flags = np.isin(value.numbers, numbers)
        if not value.is_text:
            return are_listed
        return are_listed | _convert_to_flags(pc.is_in(value.strings, pa.array(texts, pa.string())))
    if operation == "match":
        return _convert_to_flags(pc.fill_null(pc.match_substring_regex(value.strings, operands[0]), False))
    data_type = operands[0]
    if data_type == "boolean":
        return _convert_to_flags(pc.is_in(pc.utf8_lower(value.strings), pa.array(BOOLEAN_WORDS)))
    if data_type in TYPES_OF_TEXTS:
        return _convert_to_flags(_parse_times(value.strings).is_valid())
    return ~np.isnan(value.numbers)


def _convert_to_flags(booleans: pa.BooleanArray) -> Flags:
    return np.asarray(booleans.to_numpy(zero_copy_only=False))


class BlockCells:
    """The cells of a block's columns, each made once."""

    def __init__(self, block: Block, columns: Mapping[int, ColumnPlan], accept_exponents: bool) -> None:
        self._block = block
        self._columns = columns
        self._accept_exponents = accept_exponents
        self._cells: dict[int, RuleCells] = {}

    def __call__(self, position: int) -> RuleCells:
        if position not in self._cells:
            column = self._columns[position]
            cells = self._block.whole_texts(column)
            self._cells[position] = RuleCells(cells, is_text=column.is_text, accept_exponents=self._accept_exponents)
        return self._cells[position]


def select_rule_rows(
    rule: CompiledRule, cells: Callable[[int], RuleCells], rows: int
) -> tuple[RowRuleEvaluator, Flags]:
    """The evaluation of a rule about rows, and flags of the rows that it counts."""
    formula: RowFormula = rule.operand
    evaluator = RowRuleEvaluator(cells, dict(zip(formula.names, rule.positions, strict=True)), rows)
    # Without a condition all rows count
    if formula.where is None:
        return evaluator, np.ones(rows, bool)
    return evaluator, evaluator.evaluate(formula.where)[0]


def judge_rows(rule: CompiledRule, cells: Callable[[int], RuleCells], rows: int) -> Truth:
    """Whether each row meets a rule, and whether the rule judges it."""
    # Of one column with few texts these are judged, not each row
    column = cells(rule.positions[0]) if len(rule.positions) == 1 else None
    if column is None or not column.is_text or rule.kind == NOT_NULL or 2 * len(column.encoded.dictionary) > rows:
        return _judge_each_row(rule, cells, rows)
    texts = column.different
    is_true, is_judged = _judge_each_row(rule, lambda _: texts, len(column.encoded.dictionary) + 1)
    return column.expand_to_rows(is_true), column.expand_to_rows(is_judged)


def _judge_each_row(rule: CompiledRule, cells: Callable[[int], RuleCells], rows: int) -> Truth:
    evaluator, is_counted = select_rule_rows(rule, cells, rows)
    is_true, is_compared = evaluator.evaluate(rule.operand.tree)
    return is_true, is_compared & is_counted


class OffencesGatherer:
    """Counts, block by block, the rows that offend against each rule."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rules: Rules = plan.rules
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        self._offending = np.zeros(len(self._rules.rules), np.int64)
        self._judged = np.zeros(len(self._rules.rules), np.int64)
        self._ids: list[list[str]] = [[] for _ in self._rules.rules]

    def update(self, block: Block) -> None:
        cells = BlockCells(block, self._columns, self._accept_exponents)
        for index, rule in enumerate(self._rules.rules):
            is_true, is_judged = judge_rows(rule, cells, block.rows)
            offending = is_judged & ~is_true
            self._judged[index] += np.count_nonzero(is_judged)
            if not offending.any():
                continue
            # The first offending rows are named by their ids
            self._offending[index] += np.count_nonzero(offending)
            missing_ids = MOST_IDS - len(self._ids[index])
            if self._rules.ids is not None and missing_ids:
                first = pa.array(np.flatnonzero(offending)[:missing_ids])
                ids = block.cells(self._columns[self._rules.ids]).take(first)
                self._ids[index] += [str(row_id) for row_id in ids.to_pylist() if row_id is not None]

    def states(self) -> Iterator[Offences]:
        ids = tuple(tuple(rule_ids) for rule_ids in self._ids)
        yield Offences(tuple(self._offending.tolist()), tuple(self._judged.tolist()), ids)


class PairMomentsGatherer:
    """The moments, block by block, of the numbers of each rule of the kind `numbers`."""

    def __init__(self, plan: ScanPlan) -> None:
        self._rules: tuple[CompiledRule, ...] = plan.rules.numbers
        self._columns = {column.position: column for column in plan.columns}
        self._accept_exponents = plan.accept_exponents
        self._moments = PairMoments()

    def update(self, block: Block) -> None:
        cells = BlockCells(block, self._columns, self._accept_exponents)
        moments = []
        for rule in self._rules:
            evaluator, counted = select_rule_rows(rule, cells, block.rows)
            formula: RowFormula = rule.operand
            # A single number is paired with itself
            x, x_missing = evaluator.compute_numbers(formula.tree)
            y, y_missing = (x, x_missing) if formula.second is None else evaluator.compute_numbers(formula.second)
            chosen = counted & ~(x_missing | y_missing)
            moments.append(measure_pair(x[chosen], y[chosen]))
        self._moments += PairMoments(tuple(moments))

    def states(self) -> Iterator[PairMoments]:
        yield self._moments
