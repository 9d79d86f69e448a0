"""Counts rows by kind, over all facets, labels, predictions, groups and segments, in one pass over Arrow batches."""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.casts import is_number, number_of, text_of, without_nan
from spark_model_monitor.data.engine.local import batches_in_order
from spark_model_monitor.data.engine.protocol import Partitions
from spark_model_monitor.data.records.decoded_rows import with_reasons, with_refused
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency import (
    FACET,
    FALSEHOODS,
    LABEL,
    PREDICTION,
    TRUTHS,
    Cell,
    CellKind,
    ColumnMetadata,
    Contingency,
    ContingencyPlan,
    Interval,
    Key,
    Scalar,
    Segmentation,
    Standing,
    ValuedColumn,
    ValueKind,
    places_of,
)
from spark_model_monitor.statistics.states.contingency import number_of as number_of_value
from spark_model_monitor.statistics.states.hashing import xxhash64_of_texts
from spark_model_monitor.statistics.states.rows import MOST_RUNS, ROWS_OF_A_WINDOW, first_runs_of

COLUMN_BITS = 6
"""Bits of one column in the packed number: three for the kind of its cell, three for its relation to the values."""
STANDING_BITS = 3
COLUMNS_PER_NUMBER = 10  # in 60 bits

CODE = "code{}"
TEXT = "text{}"
SEGMENT = "segment{}"
GROUP = "group"
BLOCK = "block"
REFUSED = "refused"
WIDTH = "width"
ROWS = "rows"
MINIMUM = "minimum{}"
MAXIMUM = "maximum{}"

Counted: TypeAlias = Mapping[str, Any]  # a kind of rows, by column name

KINDS = {int(kind): kind for kind in CellKind}


def row_counts(counted: Sequence[Counted], reasons: int) -> RowCounts:
    """The counts of all rows. reasons: number of reasons for refusing a row."""
    refused: Counter[int] = Counter()
    widths: Counter[int] = Counter()
    for row in counted:
        refused[row[REFUSED]] += row[ROWS]
        if row[WIDTH] > 0:
            widths[row[WIDTH]] += row[ROWS]
    kept, *others = (refused[reason] for reason in range(reasons + 1))
    return RowCounts(kept, tuple(others), (), tuple(sorted(widths.items())))


def contingency_of(kept: Sequence[Counted], plan: ContingencyPlan) -> Contingency:
    """The counts as tables per facet; a column's kind is removed from its key and counted in its facts."""
    facts = [_FactsOfColumn(column, place) for place, column in enumerate(plan.valued)]
    tables: list[Counter[Cell]] = [Counter() for _ in plan.facets]
    last = [SEGMENT.format(part) for part in range(len(plan.segmentations))]
    last += [] if plan.group_column is None else [BLOCK]
    for row in kept:
        keys = [fact.taken(row) for fact in facts]
        label = keys[len(plan.facets)]
        prediction = None
        if plan.prediction:
            prediction = keys[len(plan.facets) + 1]
        behind = [row[name] for name in last]
        for table, key in zip(tables, keys, strict=False):
            cell = (key, label, prediction, row.get(GROUP), *behind)
            table[cell] += row[ROWS]
    return Contingency(tuple(map(dict, tables)), tuple(fact.facts() for fact in facts), plan.text)


class _FactsOfColumn:
    """Computes the facts of one column from the counted rows."""

    def __init__(self, column: ValuedColumn, place: int) -> None:
        self._column = column
        number, bits = divmod(place, COLUMNS_PER_NUMBER)
        self._shift = bits * COLUMN_BITS
        self._code, self._text = CODE.format(number), TEXT.format(place)
        self._minimum, self._maximum = MINIMUM.format(place), MAXIMUM.format(place)
        self._kinds: Counter[CellKind] = Counter()
        self._extremes: list[float] = []
        self._texts: set[str] = set()

    def key(self, row: Counted) -> Key:
        """The row's key in this column."""
        if self._column.values:
            return int(row[self._code] >> self._shift & ((1 << STANDING_BITS) - 1))
        text: str | None = row[self._text]
        return text

    def taken(self, row: Counted) -> Key:
        """The row's key in this column; also adds its facts."""
        kind = KINDS[row[self._code] >> self._shift + STANDING_BITS & ((1 << COLUMN_BITS - STANDING_BITS) - 1)]
        self._kinds[kind] += row[ROWS]
        minimum = row.get(self._minimum)
        if minimum is not None and kind not in (CellKind.BOOLEAN, CellKind.TEXT):
            self._extremes += [minimum, row[self._maximum]]
        key = self.key(row)
        if isinstance(key, str):
            self._texts.add(key)
        return key

    def facts(self) -> ColumnMetadata:
        whole = set(self._kinds) - {CellKind.MISSING} <= {CellKind.INTEGRAL, CellKind.INTEGER_TEXT}
        numbers = [int(number) if whole else float(number) for number in self._extremes]
        present = sum(count for kind, count in self._kinds.items() if kind is not CellKind.MISSING)
        counted = None if self._column.values else len(self._texts)
        return ColumnMetadata(
            dict(self._kinds),
            min(numbers, default=None),
            max(numbers, default=None),
            min(present, 1) if counted is None else counted,
            counted,
        )


BLANK = r"[ \t\n\x0b\f\r]*"
INTEGER = re.compile(rf"{BLANK}[+-]?[0-9]+{BLANK}")
NUMBER = re.compile(rf"{BLANK}[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?{BLANK}")
NOT_A_NUMBER = ("NaN", "nan")

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Cells:
    """A column's cells, as `TypedColumn` for Spark's columns.

    kind: each cell's `CellKind`. number: None without numbers; has_number: flags of numbers. source: of the texts.
    """

    kind: NDArray[np.int64]
    number: NDArray[np.float64] | NDArray[np.int64] | None
    has_number: Flags
    source: pa.Array
    declared: CellKind | None

    def __len__(self) -> int:
        return len(self.source)

    @cached_property
    def text(self) -> pa.StringArray:
        """The cells as texts; null if missing."""
        return text_of(self.source)

    @property
    def may_be_text(self) -> bool:
        return self.declared in (None, CellKind.TEXT, CellKind.OTHER)


def typed_cells(values: pa.Array, *, untyped_texts: bool, may_be_integers: bool = True) -> Cells:
    """The cells with the column's type or, for untyped texts, with the kinds that they look like."""
    if is_number(values.type):
        decimal = pa.types.is_decimal(values.type)
        integral = pa.types.is_integer(values.type) or (decimal and values.type.scale == 0)
        numbers = number_of(without_nan(values))
        source = values if integral else numbers  # an integral decimal is written 7, its double 7.0
        return _of_numbers(numbers, source, CellKind.INTEGRAL if integral else CellKind.FRACTIONAL)
    if pa.types.is_boolean(values.type):
        return _of_numbers(values.cast(pa.int64()), pc.if_else(values, "True", "False"), CellKind.BOOLEAN)
    if pa.types.is_string(values.type) and (untyped_texts or may_be_integers):
        return _of_texts(values, untyped=untyped_texts)
    return _of_other(values, CellKind.TEXT if pa.types.is_string(values.type) else CellKind.OTHER)


def key_of(cells: Cells, column: ValuedColumn) -> pa.Array:
    """The key of each cell: its relation to the configured values, or its text if there are none."""
    if not column.values:
        of_fractions = cells.declared is CellKind.FRACTIONAL and column.taken_as is not ValueKind.CATEGORICAL
        if of_fractions:
            return pa.nulls(len(cells), pa.string())
        return cells.text
    standing = np.zeros(len(cells), np.int64)
    if cells.may_be_text:
        standing += Standing.SAME_TEXT * _among(cells.text, column.texts)
    if cells.number is not None:
        standing += Standing.SAME_NUMBER * (_is_one_of(cells, column) & cells.has_number)
        if column.threshold is not None:
            standing += Standing.ABOVE * ((cells.number > _exact(column.threshold)) & cells.has_number)
    return pa.array(standing)


def segment_of(cells: Cells, segmentation: Segmentation) -> pa.Array:
    """The index of each cell's first segment, one past the last for cells in none; by value, the cell's text."""
    if not segmentation.segments:
        return cells.text
    place = np.full(len(cells), len(segmentation.segments))
    for number in reversed(range(len(segmentation.segments))):
        for item in segmentation.segments[number]:
            place[_is_within(cells, item)] = number
    return pa.array(place)


def block_of(names: pa.StringArray) -> pa.Array:
    """The block of each row by the name of its group; null without a group. Source: B5.4."""
    has_name = names.is_valid().to_numpy(zero_copy_only=False)
    blocks = np.zeros(len(names), np.int64)
    blocks[has_name] = xxhash64_of_texts(names.drop_null()) % np.uint64(BLOCKS)
    return pa.array(blocks, mask=~has_name)


@dataclass(frozen=True)
class CountTask:
    """Counts the rows of a partition by kind. names: feature names; reason, cells: columns for counting, if any."""

    plan: ContingencyPlan
    names: tuple[str, ...]
    reason: str | None
    cells: str | None

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One batch for each batch of the partition, with the number of rows of each kind (`summed`)."""
        for batch in batches:
            if batch.num_rows:
                yield from summed(self.keys(batch)).to_batches()

    def keys(self, batch: pa.RecordBatch) -> pa.Table:
        plan = self.plan
        found = {name: self.typed(batch, name) for name in self.plan.columns}
        if self.reason:
            refused = batch.column(self.reason)
        else:
            refused = pa.array(np.zeros(batch.num_rows, np.int32))
        kept = pc.equal(refused, 0)
        codes = [
            found[column.name].kind << STANDING_BITS
            | (key_of(found[column.name], column).to_numpy() if column.values else 0)
            for column in plan.valued
        ]
        columns: dict[str, pa.Array] = {}
        for start in range(0, len(codes), COLUMNS_PER_NUMBER):
            part = codes[start : start + COLUMNS_PER_NUMBER]
            packed = sum(code << (COLUMN_BITS * place) for place, code in enumerate(part))
            columns[CODE.format(start // COLUMNS_PER_NUMBER)] = pa.array(packed)
        for place, column in enumerate(plan.valued):
            if not column.values:
                columns[TEXT.format(place)] = key_of(found[column.name], column)
        for place, part_of in enumerate(plan.segmentations):
            columns[SEGMENT.format(place)] = segment_of(found[part_of.column], part_of)
        if plan.group is not None:
            columns[GROUP] = found[plan.group].text
        if plan.group_column is not None:
            columns[BLOCK] = block_of(found[plan.group_column].text)
        for place, column in enumerate(plan.valued):
            cells = found[column.name]
            if cells.number is not None:
                numbers = pa.array(cells.number, mask=~cells.has_number)
                columns |= {MINIMUM.format(place): numbers, MAXIMUM.format(place): numbers}
        columns = {name: pc.if_else(kept, values, None) for name, values in columns.items()}
        columns[REFUSED] = refused
        columns[WIDTH] = batch.column(self.cells) if self.cells else pa.array(np.zeros(batch.num_rows, np.int32))
        columns[ROWS] = pa.array(np.ones(batch.num_rows, np.int64))
        return pa.table(columns)

    def typed(self, batch: pa.RecordBatch, name: str) -> Cells:
        asked = [column for column in self.plan.valued if column.name == name]
        may_be_integers = any(not column.values or column.threshold is not None for column in asked)
        values = batch.column(f"c{self.names.index(name)}")
        return typed_cells(values, untyped_texts=self.plan.untyped_texts, may_be_integers=may_be_integers)


def summed(rows: pa.Table) -> pa.Table:
    """The number of rows of each kind, and the extremes of their numbers."""
    extremes = {name: name.rstrip("0123456789") for name in rows.column_names}
    added = {
        name: {ROWS: "sum", MINIMUM.format(""): "min", MAXIMUM.format(""): "max"}[kind]
        for name, kind in extremes.items()
        if kind in (ROWS, MINIMUM.format(""), MAXIMUM.format(""))
    }
    keys = [name for name in rows.column_names if name not in added]
    found = rows.group_by(keys).aggregate(list(added.items()))
    return found.select([*keys, *(f"{name}_{how}" for name, how in added.items())]).rename_columns([*keys, *added])


@dataclass(frozen=True)
class IdentityTask:
    """The distinct values of a plan's columns in each partition: keys that identify them, with the column's index."""

    count: CountTask
    wanted: tuple[int, ...]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if self.count.reason:
                kept = batch.filter(pc.equal(batch.column(self.count.reason), 0))
            else:
                kept = batch
            for place in self.wanted:
                cells = self.count.typed(kept, self.count.plan.valued[place].name)
                texts = cells.text
                if cells.number is not None:
                    numbers = text_of(pa.array(cells.number, mask=~cells.has_number))
                    texts = pc.if_else(pa.array(cells.kind == CellKind.INTEGRAL), numbers, texts)
                found = texts.drop_null().unique()
                yield pa.RecordBatch.from_arrays([pa.repeat(place, len(found)), found], names=["place", "text"])


STRAY_SHARE = 0.01
"""The share of rows up to which cells of another kind than all others don't affect the column's type."""

WHOLE = (CellKind.INTEGRAL, CellKind.INTEGER_TEXT)


def strays_of(column: ValuedColumn, facts: ColumnMetadata) -> frozenset[CellKind]:
    """The kinds of few cells that would change the type of the whole column: a text among numbers, a fraction among
    integers. Texts that may be separate groups don't count."""
    counts = facts.kinds
    rows = facts.present + facts.missing
    found = {kind for kind, count in counts.items() if count}
    may_stay = {CellKind.MISSING}
    for usual in ({WHOLE[0]}, {WHOLE[1]}, {CellKind.BOOLEAN}, {CellKind.INTEGRAL, CellKind.FRACTIONAL}):
        if sum(counts.get(kind, 0) for kind in usual) >= (1 - STRAY_SHARE) * rows:
            if usual & {*WHOLE} and len(usual) == 1:
                may_stay = may_stay - {CellKind.MISSING}
            if not column.values:
                may_stay = may_stay | {CellKind.TEXT}
            return frozenset(found - usual - may_stay)
    return frozenset()


@dataclass(frozen=True)
class StrayTask:
    """Refuses records with a stray cell. strays: stray kinds by column."""

    count: CountTask
    strays: Mapping[str, frozenset[CellKind]]
    schema: pa.Schema

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            stray = np.zeros(batch.num_rows, bool)
            for name, kinds in self.strays.items():
                stray |= np.isin(self.count.typed(batch, name).kind, [*kinds])
            yield with_refused(batch, stray, Refusal.STRAY, self.count.cells, self.schema)


def without_strays(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, state: Contingency, cells: str | None
) -> Partitions | None:
    """The rows, with records that have a stray cell refused; None if no record has. rows: with their lines, if any."""
    strays: dict[str, frozenset[CellKind]] = {}
    for column, facts in zip(plan.valued, state.facts, strict=True):
        if column.name in names and column.taken_as is None and (kinds := strays_of(column, facts)):
            strays[column.name] = strays.get(column.name, frozenset()) | kinds
    if not strays:
        return None
    schema = with_reasons(rows.schema)
    return rows.mapped(StrayTask(CountTask(plan, tuple(names), REASON, cells), strays, schema), schema)


def _of_numbers(values: pa.Array, source: pa.Array, kind: CellKind) -> Cells:
    present = values.is_valid().to_numpy(zero_copy_only=False)
    wide = values.cast(pa.int64() if pa.types.is_integer(values.type) else pa.float64())
    numbers = pc.fill_null(wide, 0).to_numpy(zero_copy_only=False)
    return Cells(np.where(present, int(kind), int(CellKind.MISSING)), numbers, present, source, kind)


def _of_other(texts: pa.StringArray, kind: CellKind) -> Cells:
    present = texts.is_valid().to_numpy(zero_copy_only=False)
    nowhere = np.zeros(len(texts), bool)
    return Cells(np.where(present, int(kind), int(CellKind.MISSING)), None, nowhere, texts, kind)


def _of_texts(texts: pa.StringArray, *, untyped: bool) -> Cells:
    """The cells of texts; examines each distinct text once."""
    if untyped:
        texts = pc.if_else(pc.is_in(texts, pa.array(NOT_A_NUMBER)), None, texts)
    encoded = texts.dictionary_encode()
    found = [_looked_at(text, untyped=untyped) for text in encoded.dictionary.to_pylist()]
    kinds = np.array([*(int(kind) for kind, _ in found), int(CellKind.MISSING)], np.int64)
    numbers = np.array([*(np.nan if number is None else number for _, number in found), np.nan], np.float64)
    places = pc.fill_null(encoded.indices, len(found)).to_numpy(zero_copy_only=False)
    has_number = ~np.isnan(numbers[places])
    return Cells(kinds[places], np.nan_to_num(numbers[places], posinf=np.inf, neginf=-np.inf), has_number, texts, None)


def _looked_at(text: str, *, untyped: bool) -> tuple[CellKind, float | None]:
    if NUMBER.fullmatch(text) and np.isfinite(float(text)):
        is_integer = INTEGER.fullmatch(text) is not None
        if untyped:
            return CellKind.INTEGRAL if is_integer else CellKind.FRACTIONAL, float(text)
        if is_integer:
            return (CellKind.INTEGER_TEXT, float(text))
        return (CellKind.TEXT, None)
    if not untyped:
        return CellKind.TEXT, None
    if text in TRUTHS or text in FALSEHOODS:
        return CellKind.BOOLEAN, float(text in TRUTHS)
    return CellKind.TEXT, None


def _is_one_of(cells: Cells, column: ValuedColumn) -> Flags:
    assert cells.number is not None
    truths = np.isin(cells.number, [float(truth) for truth in column.truths])
    numbers = np.isin(cells.number, [_exact(number) for number in column.numbers])
    boolean = cells.kind == CellKind.BOOLEAN
    found: Flags = (boolean & truths) | (~boolean & numbers)
    return found


def _exact(number: float) -> int | float:
    if number.is_integer() and abs(number) < 2**53:
        return int(number)
    return number


def _is_within(cells: Cells, item: Scalar | Interval) -> Flags:
    if isinstance(item, Interval):
        if cells.number is None:
            return np.zeros(len(cells), bool)
        if item.with_low:
            above = cells.number >= item.low
        else:
            above = cells.number > item.low
        if item.with_high:
            below = cells.number <= item.high
        else:
            below = cells.number < item.high
        return above & below & cells.has_number
    same = _among(cells.text, [str(item)])
    number = number_of_value(item)
    if number is not None and cells.number is not None:
        same = same | ((cells.number == number) & cells.has_number)
    return same


def _among(texts: pa.StringArray, wanted: Sequence[str]) -> Flags:
    found: Flags = pc.is_in(texts, pa.array(wanted, pa.string())).to_numpy(zero_copy_only=False)
    return found


log = logging.getLogger(__name__)

MOST_CELLS = 1_000_000
"""The maximum number of kinds of rows: more means that a group variable or a facet is nearly an identifier."""


def count_rows(
    rows: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    *,
    reason: str | None = None,
    reasons: int = 0,
    cells: str | None = None,
) -> tuple[Contingency, RowCounts]:
    """The rows by kind, and their counts. One Spark job.

    names: names of the first columns, by position. reason, reasons, cells: as in `profiling.scan`.

    Raises BadInput if there are too many kinds of rows.
    """
    started = time.monotonic()
    counted = rows.engine.way(count_kinds)(rows, names, plan, reason, cells, MOST_CELLS + 1)
    if len(counted) > MOST_CELLS:
        raise BadInput(_sentence_on_cells(plan))
    account = row_counts(counted, reasons)
    kept = [row for row in counted if row[REFUSED] == 0]
    state = contingency_of(kept, plan)
    log.info("counted %s rows by %s kinds, %.1f s", f"{account.kept:,}", f"{len(kept):,}", time.monotonic() - started)
    return state, account


def count_kinds(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, cells: str | None, most: int
) -> list[dict[str, Any]]:
    """Each kind of rows with the number of rows. most: number of kinds at which an engine may stop."""
    parts = rows.mapped(CountTask(plan, tuple(names), reason, cells), pa.schema([])).batches()
    return summed(pa.Table.from_batches(parts)).to_pylist() if parts else []


def first_runs(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, state: Contingency
) -> tuple[RowRuns, ...]:
    """Runs of the first rows: for each facet, the label and the prediction, the index of each row's key among all keys.

    One Spark job that reads only these rows. Source: B5.4.
    """
    found = rows.engine.way(first_kinds)(rows, names, plan, reason, ROWS_OF_A_WINDOW * MOST_RUNS)
    told = [_FactsOfColumn(column, place) for place, column in enumerate(plan.valued)]
    places = [
        *(places_of(table, FACET) for table in state.tables),
        *(places_of(state.tables[0], side) for side in (LABEL, PREDICTION)),
    ]
    numbers = (
        np.array([of.get(each.key(row), 0) for row in found], np.float64)
        for each, of in zip(told, places, strict=False)
    )
    return tuple(map(first_runs_of, numbers))


def first_kinds(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, reason: str | None, most: int
) -> list[dict[str, Any]]:
    """The kinds of the first `most` kept rows, in order."""
    task = CountTask(plan, tuple(names), reason, None)
    found = list[dict[str, Any]]()
    for batch in batches_in_order(rows):
        if reason:
            kept = batch.filter(pc.equal(batch.column(reason), 0))
        else:
            kept = batch
        found += task.keys(kept.slice(0, most - len(found))).to_pylist() if kept.num_rows else []
        if len(found) >= most:
            break
    return found


def count_distinct(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, wanted: Sequence[int], reason: str | None = None
) -> Mapping[int, int]:
    """The number of distinct values of columns of `plan.valued`, by index. One Spark job."""
    return rows.engine.way(distinct_values)(rows, names, plan, wanted, reason)


def distinct_values(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, wanted: Sequence[int], reason: str | None
) -> Mapping[int, int]:
    """`count_distinct` on any engine."""
    task = IdentityTask(CountTask(plan, tuple(names), reason, None), tuple(wanted))
    parts = rows.mapped(task, pa.schema([])).batches()
    values = {(row["place"], row["text"]) for part in parts for row in part.to_pylist()}
    return {place: sum(of == place for of, _ in values) for place in wanted}


def _sentence_on_cells(plan: ContingencyPlan) -> str:
    listed = [f"facet {facet.name!r} without values" for facet in plan.facets if not facet.values]
    if plan.group is not None:
        listed.append(f"group_variable {plan.group!r}")
    if plan.group_column is None:
        groups = ""
    else:
        groups = f"; with --group-column there are up to {BLOCKS} times as many"
    return (
        f"there are more than {MOST_CELLS:,} kinds of rows to count; {' or '.join(listed) or 'a column'} has too many "
        f"different values: bin them first, or name the facet's values{groups}"
    )
