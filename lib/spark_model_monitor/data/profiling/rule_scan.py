"""A user's rules: finds and counts a block's rows that offend against each rule. Runs on executors.

Null and NaN cells are missing; only `not_null` judges them. Texts that are numbers are compared as numbers. A rule
examines the distinct values of a block, or its extremes, before it examines rows.
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
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.states.data_types import classify, parse_numbers
from spark_model_monitor.statistics.states.offences import MOST_IDS, Offences
from spark_model_monitor.statistics.states.pair_moments import PairMoments, measure_pair

Flags: TypeAlias = NDArray[np.bool_]
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """One rule. kind: a name in RULES. positions: positions of its columns. operand: what the kind compares with."""

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
    def num_missing(self) -> int:
        if self.is_text or not pa.types.is_floating(self._cells.type):
            return int(self._cells.null_count)
        return int(np.count_nonzero(self.missing))

    @cached_property
    def encoded(self) -> pa.DictionaryArray:
        return self._cells.dictionary_encode()

    @property
    def texts(self) -> pa.Array:
        """The distinct texts of a text column."""
        return self.encoded.dictionary

    @cached_property
    def kinds(self) -> NDArray[np.int8]:
        """The data type of each distinct text."""
        return classify(self.texts, accept_exponents=self._accept_exponents)

    @cached_property
    def different_numbers(self) -> Numbers:
        """The distinct texts as numbers, NaN for other texts."""
        return parse_numbers(self.texts, self.kinds)

    @cached_property
    def numbers(self) -> Numbers:
        """Of each row, NaN where there is none."""
        if self.is_text:
            return self.expand_to_rows(self.different_numbers, np.nan)
        return convert_to_doubles(self._cells)

    @cached_property
    def strings(self) -> pa.Array:
        """The text of each row."""
        return self._cells if self.is_text else format_texts(self._cells)

    @cached_property
    def range(self) -> tuple[float, float, bool]:
        """The smallest and the largest number, and whether all present cells are numbers."""
        if self.is_text:
            numbers = self.different_numbers
        else:
            numbers = self.numbers
        is_none = np.isnan(numbers)
        none = int(is_none.sum())
        if none == len(numbers):
            return np.inf, -np.inf, none == (0 if self.is_text else self.num_missing)
        numbers = numbers[~is_none] if none else numbers
        return float(numbers.min()), float(numbers.max()), none == (0 if self.is_text else self.num_missing)

    def expand_to_rows(self, by_text: PerText, missing: bool | float) -> PerText:
        """Results for distinct texts, expanded to rows. missing: the result for rows without a text."""
        # A missing cell gets the entry behind those of the texts
        codes = self.encoded.indices
        if codes.null_count:
            codes = pc.fill_null(codes, len(by_text))
            by_text = np.append(by_text, missing)
        by_row: PerText = by_text[codes.to_numpy(zero_copy_only=False)]
        return by_row

    def flag_others(self, meets: Flags) -> Flags | None:
        """Flags of rows whose text doesn't meet a rule; None if all do. meets: flags of the distinct texts."""
        if meets.all():
            return None
        return self.expand_to_rows(~meets, False)


OfColumn: TypeAlias = Callable[[RuleCells, Any], Flags | None]

RULES: Registry[OfColumn] = Registry("rule")
"""A rule returns flags of the offending rows, or None if there are none; missing cells don't offend."""

BOOLEAN_WORDS = ("true", "false", "t", "f", "yes", "no", "y", "n", "on", "off", "1", "0", "1.0", "0.0")
"""How booleans are written, in lower case; the last two by pandas, beside missing ones."""

OF_TEXTS = frozenset({"in", "matches", "length", "max_share_of", "row", "numbers", "newer_than"})


@RULES.register("range")
def _range(cells: RuleCells, bounds: tuple[float, float]) -> Flags | None:
    """Numbers between two bounds, both included."""
    low, high = bounds
    # Most blocks have no offending row, which their extremes show without a look at rows
    smallest, largest, all_numbers = cells.range
    if all_numbers and low <= smallest and largest <= high:
        return None
    if cells.is_text:
        numbers = cells.different_numbers
        return cells.flag_others((numbers >= low) & (numbers <= high))
    numbers = cells.numbers
    return ~((numbers >= low) & (numbers <= high)) & ~cells.missing


@RULES.register("in")
def _in(cells: RuleCells, allowed: tuple[tuple[str, ...], tuple[float, ...]]) -> Flags | None:
    """A value from a list of texts and numbers."""
    texts, numbers = allowed
    if cells.is_text:
        meets = pc.is_in(cells.texts, pa.array(texts, pa.string())).to_numpy(zero_copy_only=False)
        return cells.flag_others(meets | np.isin(cells.different_numbers, numbers) if numbers else meets)
    return ~np.isin(cells.numbers, numbers) & ~cells.missing


@RULES.register("max_share_of")
def _one_value(cells: RuleCells, value: tuple[tuple[str, ...], tuple[float, ...]]) -> Flags | None:
    """Maximum share of rows for a single value."""
    has_other_value = _in(cells, value)
    if has_other_value is None:
        return ~cells.missing
    return ~(has_other_value | cells.missing)


@RULES.register("matches")
def _matches(cells: RuleCells, pattern: str) -> Flags | None:
    """Texts that match an RE2 expression."""
    return cells.flag_others(pc.match_substring_regex(cells.texts, pattern).to_numpy(zero_copy_only=False))


@RULES.register("length")
def _length(cells: RuleCells, bounds: tuple[int, float]) -> Flags | None:
    """Texts with a given number of characters."""
    lengths = pc.utf8_length(cells.texts).to_numpy(zero_copy_only=False)
    return cells.flag_others((lengths >= bounds[0]) & (lengths <= bounds[1]))


@RULES.register("type")
def _type(cells: RuleCells, name: str) -> Flags | None:
    """Whole numbers, numbers, booleans or times."""
    if name == "Integral":
        return _flag_unmet_numbers(cells, lambda numbers: numbers == np.floor(numbers))
    if name == "Fractional":
        return _flag_unmet_numbers(cells, lambda numbers: ~np.isnan(numbers))
    if name == "Boolean":
        return _flag_other_than_booleans(cells)
    if not cells.is_text:
        return ~cells.missing
    return cells.flag_others(_parse_times(cells.texts).is_valid().to_numpy(zero_copy_only=False))


def _flag_other_than_booleans(cells: RuleCells) -> Flags | None:
    if not cells.is_text:
        return _flag_unmet_numbers(cells, lambda numbers: np.isin(numbers, (0, 1)))
    words = pc.utf8_lower(cells.texts)
    are_booleans = pc.is_in(words, pa.array(BOOLEAN_WORDS))
    return cells.flag_others(are_booleans.to_numpy(zero_copy_only=False))


def _parse_times(texts: pa.Array) -> pa.Array:
    """Times in microseconds since 1970, for a day its beginning; null for texts that are not times."""
    # A day alone is no time to the parser
    days = pc.match_substring_regex(texts, r"^\d{4}-\d\d-\d\d$")
    return parse_microseconds(pc.if_else(days, pc.binary_join_element_wise(texts, "T00:00:00Z", ""), texts))


def _flag_unmet_numbers(cells: RuleCells, meets: Callable[[Numbers], Flags]) -> Flags | None:
    if cells.is_text:
        return cells.flag_others(meets(cells.different_numbers))
    offending: Flags = ~meets(cells.numbers) & ~cells.missing
    return offending if offending.any() else None


@RULES.register("not_null")
def _not_null(cells: RuleCells, _: None) -> Flags | None:
    """Cells that are present."""
    if cells.num_missing:
        return cells.missing
    return None


@RULES.register("newer_than")
def _newer(cells: RuleCells, since: int) -> Flags | None:
    """Times after a given time, in microseconds since 1970; a text that is not a time doesn't meet the rule."""
    if not cells.is_text:
        return ~cells.missing
    times = _parse_times(cells.texts)
    return cells.flag_others(pc.fill_null(pc.greater(times, since), False).to_numpy(zero_copy_only=False))


# Rules about rows: three-valued logic, as in SQL. A value has numbers (NaN for none), flags of missing ones, and texts.


@dataclass(frozen=True, slots=True)
class _Value:
    numbers: Numbers
    missing: Flags
    strings: pa.Array | None = None
    is_boolean: bool = False  # true or false in the rule itself, which stands for True and TRUE, too


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
        # What is asked of a text
        if operation in ("match", "cast"):
            value = self._compute_value(parts[0], with_texts=True)
            meets = _match_texts(value, parts[1]) if operation == "match" else _can_be_cast(value, parts[1])
            return meets & ~value.missing, ~value.missing
        left = self._compute_value(parts[0])
        right = self._compute_value(parts[1])
        is_compared = ~(left.missing | right.missing)
        with np.errstate(all="ignore"):
            if operation == "near":
                # the tolerance in decimal terms: .30 is .01 away from .31, despite the rounding of doubles
                slack = 4 * np.finfo(float).eps * (np.abs(left.numbers) + np.abs(right.numbers))
                return is_compared & (np.abs(left.numbers - right.numbers) <= parts[2] + slack), is_compared
            return self._compare(operation, left, right) & is_compared, is_compared

    def _compare(self, operation: str, left: _Value, right: _Value) -> Flags:
        compare_numbers, compare_texts = _COMPARISONS[operation]
        by_number: Flags = compare_numbers(left.numbers, right.numbers)
        # Two values are compared as texts if one of them is no number
        not_numbers = np.isnan(left.numbers) | np.isnan(right.numbers)
        if left.strings is not None and right.strings is not None and not_numbers.any():
            left_texts = left.strings
            right_texts = right.strings
            # A boolean of the rule stands for each spelling of it
            if left.is_boolean or right.is_boolean:
                left_texts = pc.utf8_lower(left_texts)
                right_texts = pc.utf8_lower(right_texts)
            by_text = pc.fill_null(compare_texts(left_texts, right_texts), False)
            texts = by_text.to_numpy(zero_copy_only=False)
            return np.where(not_numbers, texts, by_number)
        return by_number if operation == "!=" else by_number & ~not_numbers

    def _combine(self, operation: str, parts: Sequence[Truth]) -> Truth:
        decides = operation == "or"  # one true part decides an "or", one false part an "and"
        is_decided = np.logical_or.reduce([is_compared & (true == decides) for true, is_compared in parts])
        is_compared = is_decided | np.logical_and.reduce([is_compared for _, is_compared in parts])
        return (is_decided if decides else is_compared & ~is_decided), is_compared

    def compute_numbers(self, tree: Tree) -> tuple[Numbers, Flags]:
        """The number of each row, NaN for none, and flags of rows without a value."""
        value = self._compute_value(tree)
        return value.numbers, value.missing

    def _compute_value(self, tree: Tree, *, with_texts: bool = False) -> _Value:
        operation, *parts = tree
        if operation == "column":
            cells = self._cells(self._positions[parts[0]])
            return _Value(cells.numbers, cells.missing, cells.strings if cells.is_text or with_texts else None)
        if operation == "length":  # a missing text has none
            texts = self._compute_value(parts[0], with_texts=True).strings
            lengths = pc.fill_null(pc.utf8_length(texts), 0).to_numpy(zero_copy_only=False)
            return _Value(lengths.astype(np.float64), np.zeros(self._rows, bool))
        if operation == "time":
            times = _parse_times(self._compute_value(parts[0], with_texts=True).strings)
            micros = pc.fill_null(times.cast(pa.float64(), safe=False), np.nan).to_numpy(zero_copy_only=False)
            return _Value(micros, np.isnan(micros))
        # A constant is a value that each row has
        if operation == "constant":
            none = np.zeros(self._rows, bool)
            if isinstance(parts[0], str | bool):
                is_boolean = isinstance(parts[0], bool)
                text = str(parts[0]).lower() if is_boolean else parts[0]
                return _Value(np.full(self._rows, np.nan), none, pa.repeat(text, self._rows), is_boolean)
            return _Value(np.full(self._rows, float(parts[0])), none)
        left, right = map(self._compute_value, parts)
        with np.errstate(all="ignore"):
            numbers = _ARITHMETIC[operation](left.numbers, right.numbers)
        return _Value(numbers, left.missing | right.missing)


def _match_texts(value: _Value, pattern: str) -> Flags:
    matches = pc.match_substring_regex(value.strings, pattern)
    flags: Flags = pc.fill_null(matches, False).to_numpy(zero_copy_only=False)
    return flags


def _can_be_cast(value: _Value, data_type: str) -> Flags:
    """Whether each text can be cast to a type. As in Spark, a text of any number can be cast to an integer."""
    if data_type in ("date", "timestamp"):
        times: Flags = _parse_times(value.strings).is_valid().to_numpy(zero_copy_only=False)
        return times
    if data_type != "boolean":
        return ~np.isnan(value.numbers)
    words = pc.is_in(pc.utf8_lower(value.strings), pa.array(BOOLEAN_WORDS))
    flags: Flags = words.to_numpy(zero_copy_only=False)
    return flags


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
        rows = block.rows
        cells = BlockCells(block, self._columns, self._accept_exponents)
        for index, rule in enumerate(self._rules.rules):
            # Which rows the rule judges, and which of these offend against it
            offending: Flags | None
            if rule.kind == "row":
                evaluator, is_counted = select_rule_rows(rule, cells, rows)
                is_true, is_compared = evaluator.evaluate(rule.operand.tree)
                is_judged = is_compared & is_counted
                judged = int(is_judged.sum())
                offending = is_judged & ~is_true
            else:
                column_cells = cells(rule.positions[0])
                if rule.kind == "not_null":
                    judged = rows
                else:
                    judged = rows - column_cells.num_missing
                offending = RULES.get(rule.kind)(column_cells, rule.operand)
            self._judged[index] += judged
            if offending is None:
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
