"""The plan of a scan (its columns, and the states to compute), and the blocks of rows with their cells and texts.

Plans are pickled for the executors. Texts up to 256 bytes are counted unchanged, longer texts by their beginning and hash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.partitions import MAX_COLUMNS_PER_PASS
from spark_model_monitor.data.records.arrays import are_missing, find_utf_8, view_text_bytes
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY
from spark_model_monitor.statistics import Doubles, Flags, Hashes, Integers
from spark_model_monitor.statistics.states import ColumnType
from spark_model_monitor.statistics.states.data_types import parse_numbers
from spark_model_monitor.statistics.states.hashing import hash_texts, read_buffers
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.profiling.file_order import FileOrder

VALUE = "v"
HASH = "h"
LIST_COLUMN = "list_of_{}"
PREDICATE = "p"
UNCUT_TEXT = "t"
TIME = "time"
"""Names of the scanned frame's columns; a feature's columns end with its position (`v0`, `h0`), and in a wide table,
cells of columns of one type are in a list (`Block`)."""

FEATURE_OF_ROWS = -1  # the "feature" of states of the rows themselves

MIN_ORDER_CORRELATION = 0.9  # rank correlation of rows with times; above it, rows count as in order, and some as late

TEXT_TYPES = frozenset({ColumnType.TEXT, ColumnType.BOOLEAN, ColumnType.DATE, ColumnType.TIMESTAMP})
"""Types of columns whose cells are examined as texts."""

HASHED_TYPES = TEXT_TYPES - {ColumnType.TEXT}
"""Types of columns whose values are hashed, not their texts: Spark's hash of a time isn't the hash of its text."""

# Texts of errors about columns that can't group or cut the rows
NO_GROUPS = "--group-column has lists or maps, which name no groups; write another column"
CUT_NO_ROWS = "segments: {name!r} has lists or maps, which cut no rows; write another column"

KEY_BYTES = 256  # bytes of the longest text that is its own key
KEY_PREFIX_CHARACTERS = 60  # characters of a longer text that begin its key: at most 240 bytes of UTF-8
KEY_SEPARATOR = "…#"  # the separator between the beginning and the hash in the key of a longer text
_KEY_HASH_PATTERN = rf"{KEY_SEPARATOR}(?P<hash>[0-9a-f]{{1,16}})$"
_MIN_CUT_KEY_BYTES = KEY_PREFIX_CHARACTERS + len(KEY_SEPARATOR.encode()) + 1

Cell = TypeVar("Cell", bound=np.generic)
Holder = TypeVar("Holder")
Cached = TypeVar("Cached")

TRANSPOSED_COLUMNS = 64
"""The number of columns that are extracted together from a list of numbers: enough to use whole cache lines of a row,
and few enough to stay in the processor's cache."""


@value_class
class ColumnPlan:
    """The plan of a feature's column.

    position: its index among the features.
    hashed_by_spark: whether batches have Spark's hashes of its values.
    counted: whether its values are counted one by one.
    listed: the list column that contains its cells; None if the cells are a separate column.
    slot: its index in the list.
    """

    position: int
    column_type: ColumnType
    hashed_by_spark: bool
    counted: bool = False
    listed: str | None = None
    slot: int = 0

    @property
    def is_text(self) -> bool:
        """Whether its cells are examined as texts."""
        return self.column_type in TEXT_TYPES


@value_class
class LineMetadata:
    """How to read the requests behind captured lines.

    line: the column with the lines.
    read: takes lines and the reasons for refusing their records, and returns statuses, latencies and percentages for
    `RequestsBuilder.update`. Pickled by name; None if only the lines' times are needed.
    """

    line: str
    read: Callable[[pa.Array, NDArray[np.int32]], tuple[pa.Array, pa.Array, pa.Array]] | None


@value_class
class RowPlan:
    """The states of the rows themselves.

    counted: whether this plan counts them; otherwise another plan for the same rows does.
    reasons: the number of possible reasons for refusing a row.
    predicates: the number of boolean columns to count.
    counts_cells: whether a column has the number of cells of each record, so that these are counted.
    rules: the user's rules, whose offending rows are counted (`rule_scan.Rules`); None without rules.
    metadata: how to read the requests behind the lines; None if not requested.
    newest: computes the latest time, in microseconds since 1970, from texts in captured lines or the time column; None if not
    requested.
    read_times: reads the times in captured lines, which rows get as a column TIME; None for other rows.
    """

    counted: bool = True
    reasons: int = 0
    predicates: int = 0
    counts_cells: bool = False
    rules: Any = None
    metadata: LineMetadata | None = None
    newest: Callable[[pa.Array], int] | None = None
    read_times: Callable[[pa.Array], pa.Array] | None = None

    @property
    def whole_texts(self) -> frozenset[int]:
        """The positions of columns whose long texts are also needed uncut."""
        return self.rules.whole_texts if self.rules is not None else frozenset()


ROWS = RowPlan()  # the plan that only counts rows


@value_class
class ScanPlan:
    """The states that one scan computes.

    columns: the plans of the columns.
    frequency_limit: the maximum number of values that are counted individually per column.
    accept_exponents: whether `1e-5` is a number.
    rows: the states of the rows themselves.
    run_rows: the minimum number of rows in a sampled run; 0: no runs are sampled.
    time_position: the position of the column that orders a block's rows for runs; None: the order in the data.
    group_position: the position of the column that names groups of rows; if given, groups are sampled instead of runs.
    all_columns: the number of columns in all plans for the rows.
    cuts: the cuts of the rows into segments (`segment_cuts.Cut`); states of the columns are also computed in each segment.
    pairs: counts over several columns, and their positions (`pair_scan.locate_pairs`).
    value_by_value: how moments are computed (`MomentsBuilder`).
    file_order: the order of the files; batches then have the columns FILE_KEY and BLOCK_START. None: the order in the data.
    """

    columns: tuple[ColumnPlan, ...] = ()
    frequency_limit: int = 0
    accept_exponents: bool = True
    rows: RowPlan = ROWS
    run_rows: int = 0
    time_position: int | None = None
    group_position: int | None = None
    all_columns: int = 1
    cuts: tuple[Any, ...] = ()
    pairs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    value_by_value: bool = False
    file_order: FileOrder | None = None

    @property
    def needs_whole_rows(self) -> bool:
        """Whether all columns have to be read together."""
        return bool(self.rows.rules or self.cuts or self.pairs)

    @property
    def has_whole_rows(self) -> bool:
        """Whether the plan's columns identify a row: the plan has all columns of the data, and the values of all columns are
        examined.
        """
        nested = any(column.column_type is ColumnType.NESTED for column in self.columns)
        return 0 < len(self.columns) == self.all_columns <= MAX_COLUMNS_PER_PASS and not nested

    @property
    def run_columns(self) -> tuple[ColumnPlan, ...]:
        """The columns whose runs are sampled."""
        value_types = TEXT_TYPES | {ColumnType.INTEGRAL, ColumnType.FRACTIONAL}
        return tuple(column for column in self.columns if self.run_rows and column.column_type in value_types)

    @property
    def time_column(self) -> ColumnPlan | None:
        """The column that orders the rows for their runs."""
        return self._get_column(self.time_position)

    @property
    def group_column(self) -> ColumnPlan | None:
        """The column that names the groups of rows."""
        return self._get_column(self.group_position)

    def _get_column(self, position: int | None) -> ColumnPlan | None:
        if position is None:  # returned early, because this is called for each column
            return None
        return next((column for column in self.columns if column.position == position), None)

    def drop_row_states(self) -> ScanPlan:
        """The same plan without the states of the rows, which another plan computes."""
        rows = replace(self.rows, counted=False, predicates=0, counts_cells=False, rules=None, metadata=None)
        return replace(self, rows=rows)


def make_keys(texts: pa.StringArray) -> pa.StringArray:
    """The keys of cells; a missing cell is null."""
    if _find_max_length(texts) <= KEY_BYTES:
        return texts
    is_long = pc.fill_null(pc.greater(pc.binary_length(texts), KEY_BYTES), False)
    long_texts = texts.filter(is_long)
    hashes = pa.array([f"{number:x}" for number in hash_texts(long_texts).tolist()])
    if find_utf_8(long_texts) is not None:  # a text in Parquet may have any bytes
        long_texts = pa.array([text.decode(errors="replace") for text in long_texts.cast(pa.binary()).to_pylist()])
    prefixes = pc.utf8_slice_codeunits(long_texts, 0, KEY_PREFIX_CHARACTERS)
    return pc.replace_with_mask(texts, is_long, pc.binary_join_element_wise(prefixes, hashes, KEY_SEPARATOR))


def hash_keys(keys: pa.StringArray) -> Hashes:
    """Spark's hashes of the texts with these keys. keys: has no nulls."""
    # The key of a long text ends with the hash of the text
    hashes = hash_texts(keys)
    for index, text in find_cut_hashes(keys).items():
        hashes[index] = int(text, 16)
    return hashes


def find_cut_hashes(keys: pa.StringArray) -> dict[int, str]:
    """By index: the hashes in the keys of texts that were cut."""
    if _find_max_length(keys) < _MIN_CUT_KEY_BYTES:
        return {}
    # Most blocks have no cut text; one look at all bytes shows that faster than a search in each text
    octets = view_text_bytes(keys)
    mark = KEY_SEPARATOR.encode()[0]
    if octets.max(initial=0) < mark or not (octets == mark).any():
        return {}
    # An uncut text may contain the mark, so only a key that ends with a hash counts
    may_be_cut = pc.greater_equal(pc.binary_length(keys), _MIN_CUT_KEY_BYTES)
    hash_texts = pc.struct_field(pc.extract_regex(keys.filter(may_be_cut), _KEY_HASH_PATTERN), "hash").to_pylist()
    pairs = zip(np.flatnonzero(may_be_cut).tolist(), hash_texts, strict=True)
    return {index: text for index, text in pairs if text is not None}


def _find_max_length(texts: pa.StringArray) -> int:
    """The number of bytes of the longest text."""
    return int(np.diff(read_buffers(texts)[0]).max(initial=0))


@value_class
class Texts:
    """The present cells of a block's text column, as its gatherer has examined them.

    dictionary: the distinct texts; all texts if they weren't deduplicated.
    codes: the index of each cell's text in the dictionary; None if the texts weren't deduplicated.
    kinds, hashes: the `DataType` and the hash of each text in the dictionary.
    numbers: the number of each text in the dictionary; NaN for a text that isn't a number; None if no text is a number.
    """

    dictionary: pa.Array
    codes: NDArray[np.int32] | None
    kinds: NDArray[np.int8]
    numbers: Doubles | None
    hashes: Hashes

    @property
    def cell_numbers(self) -> Doubles | None:
        """The number of each cell, NaN for a text that isn't a number; None if no text is a number."""
        if self.numbers is None or self.codes is None:
            return self.numbers
        return self.numbers[self.codes]

    @property
    def cell_hashes(self) -> Hashes:
        """The hashes of all cells; the column's gatherer decides whether they are hashes of texts."""
        if self.codes is None:
            return self.hashes
        return self.hashes[self.codes]

    def take(self, positions: Integers, *, has_text_hashes: bool = True) -> tuple[Doubles, Hashes]:
        """The numbers and hashes of the present cells at some indices. has_text_hashes: whether the existing
        hashes are hashes of texts; Spark's are hashes of values.
        """
        indices = positions if self.codes is None else self.codes[positions]
        numbers = np.full(len(indices), np.nan) if self.numbers is None else self.numbers[indices]
        if has_text_hashes:
            return numbers, self.hashes[indices]
        distinct, inverse = np.unique(indices, return_inverse=True)
        return numbers, hash_keys(self.dictionary.take(distinct))[inverse]


class Block:
    """Accepted rows of a partition, in the pieces in which they arrived; no piece is empty.

    texts_by_position: by position of a text column, its texts, which its gatherer has computed and later gatherers reuse.
    """

    def __init__(self, pieces: Sequence[pa.RecordBatch]) -> None:
        self._pieces = pieces
        self._lists: dict[str, _TextList | _NumberList] = {}
        self._computed: dict[object, Any] = {}
        self.texts_by_position: dict[int, Texts] = {}

    def compute_once(self, key: object, compute: Callable[[], Cached]) -> Cached:
        """The result of `compute` for these rows, which is computed only once for each key."""
        if key not in self._computed:
            self._computed[key] = compute()
        computed: Cached = self._computed[key]
        return computed

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(piece.num_rows for piece in self._pieces)

    def cells(self, column: ColumnPlan) -> pa.Array:
        """The column's cells; a missing cell is null."""
        if column.listed is None:
            return self._read_column(f"{VALUE}{column.position}")
        if column.listed not in self._lists:
            values = [piece.column(column.listed).flatten() for piece in self._pieces]
            kind = _TextList if pa.types.is_string(values[0].type) else _NumberList
            self._lists[column.listed] = kind(values, [piece.num_rows for piece in self._pieces])
        return self._lists[column.listed].column(column.slot)

    def order_by(self, time: ColumnPlan) -> Integers:
        """The indices of the rows in the order of a column, missing values last; computed once for all columns. If rows are in
        this order except some late rows, they keep their order.
        """

        def sort_rows() -> Integers:
            cells = self.cells(time)
            if time.is_text and np.isnan(numbers := parse_numbers(cells)).sum() == cells.null_count:
                cells = pa.array(numbers)
            indices = pc.array_sort_indices(cells).to_numpy().astype(np.int64)
            in_order = np.arange(len(indices))
            if len(indices) > 1 and np.corrcoef(indices, in_order)[0, 1] > MIN_ORDER_CORRELATION:
                return in_order
            return np.asarray(indices)

        return self.compute_once(time, sort_rows)

    def rank_by_file(self, order: FileOrder | None) -> Integers | None:
        """The rank of each row in the order of the files; None if the file of a row is unknown. Computed once."""
        if order is None or FILE_KEY not in self._pieces[0].schema.names:
            return None

        def rank_rows() -> Integers | None:
            return order.rank_rows(self._read_column(FILE_KEY).to_numpy(), self._read_column(BLOCK_START).to_numpy())

        return self.compute_once(order, rank_rows)

    def find_row_order(
        self, time: ColumnPlan | None, files: FileOrder | None
    ) -> tuple[Integers | None, Integers | None]:
        """The indices of the rows in the order of a column or, without a column, of their files; None if they already have this
        order. Also the rank of each row if the order is that of the files.
        """
        if time is not None:
            return self.order_by(time), None
        ranks = self.rank_by_file(files)
        if ranks is None or (ranks[1:] >= ranks[:-1]).all():
            return None, ranks
        return np.argsort(ranks, kind="stable"), ranks

    def record_times(self) -> pa.Array | None:
        """The times in captured records; None for other rows."""
        if TIME in self._pieces[0].schema.names:
            return self._read_column(TIME)
        return None

    def whole_texts(self, column: ColumnPlan) -> pa.Array:
        """The column's cells, with long texts uncut if the plan requested them."""
        name = f"{UNCUT_TEXT}{column.position}"
        if name in self._pieces[0].schema.names:
            return self._read_column(name)
        return self.cells(column)

    def hashes(self, column: ColumnPlan) -> Hashes:
        """Spark's hashes of the column's present cells, if the batches contain them."""
        hashes: Integers = self._read_column(f"{HASH}{column.position}").drop_null().to_numpy()
        return hashes.view(np.uint64)

    def _read_column(self, name: str) -> pa.Array:
        cells = [piece.column(name) for piece in self._pieces]
        if len(cells) == 1:
            return cells[0]
        return pa.concat_arrays(cells)


def compute_once_per_block(method: Callable[[Holder, Block], Cached]) -> Callable[[Holder, Block], Cached]:
    """Decorator of a method: its result for a block is computed once, for all columns."""

    @wraps(method)
    def compute_or_reuse(holder: Holder, block: Block) -> Cached:
        return block.compute_once((holder, method), lambda: method(holder, block))

    return compute_or_reuse


class _TextList:
    """The columns of a list column of texts. values: by piece, the cells row after row. rows: by piece, the number of rows."""

    def __init__(self, values: Sequence[pa.StringArray], rows: Sequence[int]) -> None:
        self._rows = sum(rows)
        # All columns are transposed together, over all pieces, so that the cells of a column are neighbours
        row_after_row = np.arange(sum(map(len, values))).reshape(self._rows, -1)
        self._column_after_column = pa.concat_arrays(values).take(row_after_row.T.ravel())

    def column(self, slot: int) -> pa.StringArray:
        return self._column_after_column.slice(slot * self._rows, self._rows)


class _NumberList:
    """The columns of a list column of numbers. values: by piece, the cells row after row. rows: by piece, the number of rows."""

    def __init__(self, values: Sequence[pa.Array], rows: Sequence[int]) -> None:
        self._numbers = [_view_buffer(piece).reshape(count, -1) for piece, count in zip(values, rows, strict=True)]
        self._missing: list[Flags] | None = None
        if any(piece.null_count for piece in values):
            self._missing = [are_missing(piece).reshape(count, -1) for piece, count in zip(values, rows, strict=True)]
        self._first_slot = -TRANSPOSED_COLUMNS
        self._transposed: NDArray[np.generic] = np.empty(0)
        self._transposed_missing: Flags | None = None

    def column(self, slot: int) -> pa.Array:
        if not self._first_slot <= slot < self._first_slot + TRANSPOSED_COLUMNS:
            # Some neighbouring columns are transposed together, because they are needed one after the other
            self._first_slot = slot - slot % TRANSPOSED_COLUMNS
            positions = slice(self._first_slot, self._first_slot + TRANSPOSED_COLUMNS)
            self._transposed = _transpose(self._numbers, positions)
            if self._missing is None:
                self._transposed_missing = None
            else:
                self._transposed_missing = _transpose(self._missing, positions)
        missing = None
        if self._transposed_missing is not None:
            missing = self._transposed_missing[slot - self._first_slot]
        has_missing = missing is not None and missing.any()
        return pa.array(self._transposed[slot - self._first_slot], mask=missing if has_missing else None)


def _view_buffer(values: pa.Array) -> NDArray[np.generic]:
    """The numbers of an array; the value for a missing number is arbitrary."""
    numbers: NDArray[np.generic] = pa.Array.from_buffers(
        values.type, len(values), [None, values.buffers()[1]], offset=values.offset
    ).to_numpy()
    return numbers


def _transpose(pieces: Sequence[NDArray[Cell]], positions: slice) -> NDArray[Cell]:
    """The columns at these positions, shape (columns, rows of all pieces). pieces: each has the shape (rows, all columns)."""
    transposed = [piece[:, positions].T for piece in pieces]
    columns = np.empty((len(transposed[0]), sum(map(len, pieces))), transposed[0].dtype)
    return np.concatenate(
        transposed, axis=1, out=columns
    )  # without `out`, the layout would be row-major, like the pieces
