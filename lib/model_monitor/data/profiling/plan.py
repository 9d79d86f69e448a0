"""The plan of a scan, and its blocks of rows: which columns there are, what is gathered of each, the cells and texts of a block.

Pickled to the executors. Texts are counted as they are up to 256 bytes, longer ones as their beginning and their hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.records.arrays import bytes_of
from model_monitor.statistics.states import ColumnType
from model_monitor.statistics.states.data_types import classify, parse_numbers
from model_monitor.statistics.states.hashing import Hashes, buffers_of, xxhash64_of_texts

REASON = "reason"
CELLS = "cells"
VALUE = "v"
HASH = "h"
LIST = "list_of_{}"
NULL_ELEMENTS = "n"
NAN_ELEMENTS = "a"
NORM = "s"
ELEMENTS = "e"
PREDICATE = "p"
WHOLE = "t"
TIME = "time"
"""Names of the scanned frame's columns; those of a feature are followed by its position (`v0`, `h0`), and the cells of a wide
table's columns of one type stand in a list (block.py)."""

FEATURE_OF_ROWS = -1  # in a row of states: not of a feature, but of the rows themselves

COLUMNS_TOGETHER = 250  # of a source that has its data column by column, in one pass

TEXT_TYPES = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP})
"""Columns whose cells reach the executors' Python as texts."""


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """One feature column. hashed_by_spark: its hashes come along. counted: keep its counts by value.

    listed: the list in which its cells come, None if they are a column of their own; slot: its place in the list.
    """

    position: int
    column_type: ColumnType
    hashed_by_spark: bool
    counted: bool = False
    listed: str | None = None
    slot: int = 0

    @property
    def is_text(self) -> bool:
        return self.column_type in TEXT_TYPES


NO_GROUPS = "--group-column has lists or maps, which name no groups; write another column"
CUT_NO_ROWS = "segments: {name!r} has lists or maps, which cut no rows; write another column"


@dataclass(frozen=True, slots=True)
class LineMetadata:
    """What tells the requests behind captured lines.

    line: the column with the lines. read: from lines, and the reasons for refusing their records, to statuses, latencies and
    percentages as `RequestsBuilder.update` takes them; shipped by name. None if the lines are wanted for their times alone.
    """

    line: str
    read: Callable[[pa.Array, NDArray[np.int32]], tuple[pa.Array, pa.Array, pa.Array]] | None


@dataclass(frozen=True, slots=True)
class ScanPlan:
    """What one scan gathers.

    frequency_limit: most values that are counted apart in one column.
    accept_exponents: whether `1e-5` is a number. reasons: how many reasons there are for refusing a row. predicates: how many
    boolean columns are counted. counts_cells: whether a column says how many cells a record has, to be counted by number.
    metadata: how to tell the requests behind the lines; None if nobody asks for them. counts_rows: whether the rows themselves
    are counted; another plan for the same rows does so else. column_metrics: names of those that are asked for. run_rows: of the
    shortest run of rows that is kept; 0: none are. time_position: of the column that orders the rows of a block for them, None
    for the order as it is. group_position: of the column that names the groups of rows, of which some are kept in place of runs.
    all_columns: how many columns all plans for the rows have. newest: the latest time, in microseconds
    since 1970, of texts: what captured lines say, or the time column; None if nobody asks. times_of: what captured lines say
    of their times, which rows get as a column TIME; None for other rows. rules: a person's own, whose
    offending rows are counted (`expectations.Rules`); None without any. cuts: ways to cut the rows into segments
    (`segments.Cut`), in each of which the columns are gathered, too. pairs: what is counted of several columns, and their
    positions (`pairs.pairs_of`).
    """

    columns: tuple[ColumnPlan, ...]
    frequency_limit: int
    accept_exponents: bool = True
    reasons: int = 0
    predicates: int = 0
    counts_cells: bool = False
    metadata: LineMetadata | None = None
    counts_rows: bool = True
    column_metrics: tuple[str, ...] = ()
    run_rows: int = 0
    time_position: int | None = None
    group_position: int | None = None
    all_columns: int = 1
    newest: Callable[[pa.Array], int] | None = None
    times_of: Callable[[pa.Array], pa.Array] | None = None
    rules: Any = None
    cuts: tuple[Any, ...] = ()
    pairs: tuple[tuple[str, tuple[int, ...]], ...] = ()

    @property
    def whole_texts(self) -> frozenset[int]:
        """The positions of columns whose long texts come along whole, too."""
        return self.rules.whole_texts if self.rules is not None else frozenset()

    @property
    def has_whole_rows(self) -> bool:
        """Whether its columns tell a row from others: all are here, as they always are of so few, and all have
        values that we look into.
        """
        nested = any(column.column_type is ColumnType.NESTED for column in self.columns)
        return 0 < len(self.columns) == self.all_columns <= COLUMNS_TOGETHER and not nested

    @property
    def run_columns(self) -> tuple[ColumnPlan, ...]:
        """Those of whose rows runs are kept."""
        of_values = TEXT_TYPES | {ColumnType.INTEGRAL, ColumnType.FRACTIONAL}
        return tuple(column for column in self.columns if self.run_rows and column.column_type in of_values)

    @property
    def time_column(self) -> ColumnPlan | None:
        """The column that orders the rows for their runs."""
        return self._at(self.time_position)

    @property
    def group_column(self) -> ColumnPlan | None:
        """The column that names the groups of rows."""
        return self._at(self.group_position)

    def _at(self, position: int | None) -> ColumnPlan | None:
        if position is None:  # each column asks
            return None
        return next((column for column in self.columns if column.position == position), None)

    def without_rows(self) -> ScanPlan:
        """The same plan where another one counts what is to be counted of the rows."""
        return replace(self, predicates=0, counts_cells=False, metadata=None, counts_rows=False, rules=None)


KEY_BYTES = 256
KEY_PREFIX_CHARACTERS = 60  # at most 240 bytes of UTF-8
CUT_MARK = "…#"

_HASH_OF_CUT = rf"{CUT_MARK}(?P<hash>[0-9a-f]{{1,16}})$"
_SHORTEST_CUT = KEY_PREFIX_CHARACTERS + len(CUT_MARK.encode()) + 1


def keys_of(texts: pa.StringArray) -> pa.StringArray:
    """The keys of some cells, null where one is missing."""
    if _longest(texts) <= KEY_BYTES:
        return texts
    too_long = pc.fill_null(pc.greater(pc.binary_length(texts), KEY_BYTES), False)
    long = texts.filter(too_long)
    hashes = pa.array([f"{number:x}" for number in xxhash64_of_texts(long).tolist()])
    beginnings = pc.utf8_slice_codeunits(long, 0, KEY_PREFIX_CHARACTERS)
    return pc.replace_with_mask(texts, too_long, pc.binary_join_element_wise(beginnings, hashes, CUT_MARK))


def hashes_of(keys: pa.StringArray) -> Hashes:
    """Spark's hashes of the texts that the keys stand for. keys: without null."""
    hashes = xxhash64_of_texts(keys)
    for place, text in hashes_of_cut(keys).items():
        hashes[place] = int(text, 16)
    return hashes


def hashes_of_cut(keys: pa.StringArray) -> dict[int, str]:
    """The places of keys that stand for longer texts, and the hashes in them."""
    if _longest(keys) < _SHORTEST_CUT:
        return {}
    letters, mark = bytes_of(keys), CUT_MARK.encode()[0]
    if letters.max(initial=0) < mark or not (letters == mark).any():
        return {}
    may_be_cut = pc.greater_equal(pc.binary_length(keys), _SHORTEST_CUT)
    found = pc.struct_field(pc.extract_regex(keys.filter(may_be_cut), _HASH_OF_CUT), "hash").to_pylist()
    places = zip(np.flatnonzero(may_be_cut).tolist(), found, strict=True)
    return {place: text for place, text in places if text is not None}


def _longest(texts: pa.StringArray) -> int:
    """Bytes of the longest text."""
    return int(np.diff(buffers_of(texts)[0]).max(initial=0))


Cell = TypeVar("Cell", bound=np.generic)
Holder = TypeVar("Holder")
Made = TypeVar("Made")

TURNED_AT_A_TIME = 64
"""Columns of a list of numbers that are taken out of its rows together: enough for what memory hands over of a row at once,
and few enough to be in the processor's cache when their turn comes."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The present cells of a block's text column, as its gatherer found them.

    dictionary, codes: the different ones, and which of them each cell is; all of them, and None, where they were not sorted out.
    kinds, numbers, hashes: of the dictionary's. numbers: NaN where a text is none; None if none is. hashes: None if nobody asked.
    """

    dictionary: pa.Array
    codes: NDArray[np.int32] | None
    kinds: NDArray[np.int8]
    numbers: NDArray[np.float64] | None
    hashes: Hashes | None = None

    @property
    def numbers_of_cells(self) -> NDArray[np.float64] | None:
        return self.numbers if self.numbers is None or self.codes is None else self.numbers[self.codes]

    @property
    def hashes_of_cells(self) -> Hashes:
        """As the column's gatherer has asked for them."""
        assert self.hashes is not None
        return self.hashes if self.codes is None else self.hashes[self.codes]

    def at(self, places: NDArray[np.int64], *, hashed: bool = True) -> tuple[NDArray[np.float64], Hashes]:
        """Numbers and hashes of the present cells at some places. hashed: whether the hashes that are there are of texts; Spark's
        are of the values that they stand for.
        """
        found = places if self.codes is None else self.codes[places]
        numbers = np.full(len(found), np.nan) if self.numbers is None else self.numbers[found]
        if hashed:
            assert self.hashes is not None  # the gatherer's are
            return numbers, self.hashes[found]
        different, back = np.unique(found, return_inverse=True)
        return numbers, hashes_of(self.dictionary.take(pa.array(different)))[back]


class Block:
    """Some rows of a partition, all of them kept; in pieces, as they came, none of which is empty.

    found: by position, what the gatherers of columns of texts found of these rows, for whoever looks at them next.
    """

    def __init__(self, pieces: Sequence[pa.RecordBatch]) -> None:
        self._pieces = pieces
        self._lists: dict[str, _Texts | _Numbers] = {}
        self._made: dict[object, Any] = {}
        self.found: dict[int, Texts] = {}

    def once(self, key: object, make: Callable[[], Made]) -> Made:
        """What is made of these rows once, whoever asks for it."""
        if key not in self._made:
            self._made[key] = make()
        made: Made = self._made[key]
        return made

    @property
    def rows(self) -> int:
        return sum(piece.num_rows for piece in self._pieces)

    def cells(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, null where one is missing."""
        if column.listed is None:
            return self._column(f"{VALUE}{column.position}")
        if column.listed not in self._lists:
            values = [piece.column(column.listed).flatten() for piece in self._pieces]
            kind = _Texts if pa.types.is_string(values[0].type) else _Numbers
            self._lists[column.listed] = kind(values, [piece.num_rows for piece in self._pieces])
        return self._lists[column.listed].column(column.slot)

    def texts(self, column: ColumnPlan, accept_exponents: bool) -> Texts:
        """The present cells of a text column."""
        if column.position in self.found:
            return self.found[column.position]
        encoded = self.cells(column).drop_null().dictionary_encode()
        texts, kinds = encoded.dictionary, classify(encoded.dictionary, accept_exponents=accept_exponents)
        return Texts(texts, encoded.indices.to_numpy(), kinds, parse_numbers(texts, kinds))

    def order_by(self, time: ColumnPlan) -> pa.Array:
        """The places of the rows in the order of a column, those without a value last; found once for all columns."""
        if time not in self._made:
            cells = self.cells(time)
            if time.is_text and np.isnan(numbers := parse_numbers(cells)).sum() == cells.null_count:
                cells = pa.array(numbers)
            self._made[time] = pc.array_sort_indices(cells)
        return self._made[time]

    def said_times(self) -> pa.Array | None:
        """When captured records say that they came; None of other rows."""
        return self._column(TIME) if TIME in self._pieces[0].schema.names else None

    def whole_texts(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, long texts not cut if the plan asked for them."""
        name = f"{WHOLE}{column.position}"
        return self._column(name) if name in self._pieces[0].schema.names else self.cells(column)

    def hashes(self, column: ColumnPlan) -> NDArray[np.uint64]:
        """Spark's hashes of the column's present cells, where they came along."""
        hashes: NDArray[np.int64] = self._column(f"{HASH}{column.position}").drop_null().to_numpy()
        return hashes.view(np.uint64)

    def counts(self, name: str, column: ColumnPlan) -> pa.Array:
        """One of the further columns that a column brings along."""
        return self._column(f"{name}{column.position}")

    def _column(self, name: str) -> pa.Array:
        cells = [piece.column(name) for piece in self._pieces]
        return cells[0] if len(cells) == 1 else pa.concat_arrays(cells)


def once_a_block(find: Callable[[Holder, Block], Made]) -> Callable[[Holder, Block], Made]:
    """Decorator of a method: what it finds in a block it finds once, for whichever column asks first."""

    @wraps(find)
    def found(holder: Holder, block: Block) -> Made:
        return block.once((holder, find), lambda: find(holder, block))

    return found


class _Texts:
    """The columns of a list of texts. values: row after row, of each piece. rows: of each piece."""

    def __init__(self, values: Sequence[pa.StringArray], rows: Sequence[int]) -> None:
        self._rows = sum(rows)
        row_after_row = np.arange(sum(map(len, values))).reshape(self._rows, -1)
        self._column_after_column = pa.concat_arrays(values).take(pa.array(row_after_row.T.ravel()))

    def column(self, slot: int) -> pa.StringArray:
        return self._column_after_column.slice(slot * self._rows, self._rows)


class _Numbers:
    """The columns of a list of numbers of one type. values: row after row, of each piece. rows: of each piece."""

    def __init__(self, values: Sequence[pa.Array], rows: Sequence[int]) -> None:
        self._numbers = [_as_they_lie(each).reshape(count, -1) for each, count in zip(values, rows, strict=True)]
        self._missing: list[NDArray[np.bool_]] | None = None
        if any(each.null_count for each in values):
            self._missing = [
                each.is_null().to_numpy(zero_copy_only=False).reshape(count, -1)
                for each, count in zip(values, rows, strict=True)
            ]
        self._first = -TURNED_AT_A_TIME
        self._turned: NDArray[np.generic] = np.empty(0)
        self._turned_missing: NDArray[np.bool_] | None = None

    def column(self, slot: int) -> pa.Array:
        if not self._first <= slot < self._first + TURNED_AT_A_TIME:
            self._first = slot - slot % TURNED_AT_A_TIME
            places = slice(self._first, self._first + TURNED_AT_A_TIME)
            self._turned = _columns(self._numbers, places)
            self._turned_missing = None if self._missing is None else _columns(self._missing, places)
        missing = None if self._turned_missing is None else self._turned_missing[slot - self._first]
        some_missing = missing is not None and missing.any()
        return pa.array(self._turned[slot - self._first], mask=missing if some_missing else None)


def _as_they_lie(values: pa.Array) -> NDArray[np.generic]:
    """Numbers, whatever stands where one is missing."""
    numbers: NDArray[np.generic] = pa.Array.from_buffers(
        values.type, len(values), [None, values.buffers()[1]], offset=values.offset
    ).to_numpy()
    return numbers


def _columns(pieces: Sequence[NDArray[Cell]], places: slice) -> NDArray[Cell]:
    """The columns at these places; shape (columns, rows of all pieces). pieces: shape (rows, all columns) each."""
    turned = [piece[:, places].T for piece in pieces]
    columns = np.empty((len(turned[0]), sum(map(len, pieces))), turned[0].dtype)
    return np.concatenate(turned, axis=1, out=columns)  # without `out` it would lie row after row, as the pieces do
