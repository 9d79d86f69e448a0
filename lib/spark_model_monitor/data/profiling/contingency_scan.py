"""Counts rows by kind, over all facets, labels, predictions, groups and segments, in one pass over Arrow batches; and refuses
records with stray cells.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import Batches, Partitions
from spark_model_monitor.data.engine.local_engine import iterate_batches
from spark_model_monitor.data.profiling.contingency_cells import (
    TypedCells,
    assign_blocks,
    classify_cells,
    compute_keys,
    find_segments,
)
from spark_model_monitor.data.records.decoded_rows import add_reason_field, reject_records
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal, drop_rejected, read_reasons
from spark_model_monitor.errors import BadInput
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.states.contingency import (
    FACET,
    LABEL,
    PREDICTION,
    Cell,
    CellKind,
    ColumnMetadata,
    Contingency,
    Key,
    number_keys,
)
from spark_model_monitor.statistics.states.contingency_plan import (
    ContingencyPlan,
    ValuedColumn,
)
from spark_model_monitor.statistics.states.row_counts import MAX_RUNS, WINDOW_RUN_ROWS, build_first_runs
from spark_model_monitor.value_class import value_class

COLUMN_BITS = 6
"""Bits of one column in the packed number: three for the kind of its cell, three for its relation to the values."""

MATCH_BITS = 3  # bits for a cell's relation to the configured values
MATCH_MASK = (1 << MATCH_BITS) - 1
KIND_MASK = (1 << COLUMN_BITS - MATCH_BITS) - 1
COLUMNS_PER_NUMBER = 10  # columns whose codes share one integer, with 60 bits

# Names of the columns of counted rows; those in braces end with the index of a column of the data
CODE_COLUMN = "code{}"
TEXT_COLUMN = "text{}"
SEGMENT_COLUMN = "segment{}"
GROUP_COLUMN = "group"
BLOCK_COLUMN = "block"
REFUSED_COLUMN = "refused"
WIDTH_COLUMN = "width"
ROWS_COLUMN = "rows"
MINIMUM_COLUMN = "minimum{}"
MAXIMUM_COLUMN = "maximum{}"

RowKind: TypeAlias = Mapping[str, Any]  # a kind of rows: its members by column name

CELL_KINDS = {int(kind): kind for kind in CellKind}

log = logging.getLogger(__name__)

MAX_STRAY_SHARE = 0.01
"""The share of rows up to which cells of another kind than all others don't affect the column's type."""

INTEGER_KINDS = {CellKind.INTEGRAL, CellKind.INTEGER_TEXT}

MAX_ROW_KINDS = 1_000_000
"""The maximum number of kinds of rows: more means that a group variable or a facet is nearly an identifier."""


def count_rows(rows: Partitions, names: Sequence[str], plan: ContingencyPlan) -> tuple[Contingency, RowCounts]:
    """The number of rows of each kind, and the counts of all rows. One Spark job. names: of the first columns, by position.

    Raises BadInput if there are too many kinds of rows.
    """
    start_time = time.monotonic()
    # The limit is one more than allowed: an engine can stop there, and the result shows that there are too many
    row_kinds = rows.engine.find_implementation(count_kinds)(rows, names, plan, MAX_ROW_KINDS + 1)
    if len(row_kinds) > MAX_ROW_KINDS:
        raise BadInput(_describe_excess(plan))
    row_counts = build_row_counts(row_kinds, len(Refusal) if REASON in rows.columns else 0)
    accepted = [row for row in row_kinds if row[REFUSED_COLUMN] == 0]
    state = build_contingency(accepted, plan)
    log.info(f"counted {row_counts.kept:,} rows by {len(accepted):,} kinds, {time.monotonic() - start_time:.1f} s")
    return state, row_counts


def count_kinds(rows: Partitions, names: Sequence[str], plan: ContingencyPlan, limit: int) -> list[RowKind]:
    """Each kind of rows with its number of rows. limit: number of kinds at which an engine may stop."""
    batches = rows.map_batches(CountTask(plan, tuple(names)), pa.schema([])).batches()
    if not batches:
        return []
    row_kinds: list[RowKind] = sum_rows(pa.Table.from_batches(batches)).to_pylist()
    return row_kinds


def _describe_excess(plan: ContingencyPlan) -> str:
    reasons = [f"facet {facet.name!r} without values" for facet in plan.facets if not facet.values]
    if plan.group is not None:
        reasons.append(f"group_variable {plan.group!r}")
    groups = ""
    if plan.group_column is not None:
        groups = f"; with --group-column there are up to {BLOCKS} times as many"
    return (
        f"there are more than {MAX_ROW_KINDS:,} kinds of rows to count; {' or '.join(reasons) or 'a column'} has too many "
        f"different values: bin them first, or name the facet's values{groups}"
    )


@value_class
class CountTask:
    """Counts the rows of a partition by kind.

    names: the names of the features.
    """

    plan: ContingencyPlan
    names: tuple[str, ...]

    def __call__(self, batches: Batches) -> Batches:
        """One batch for each batch of the partition, with the number of rows of each kind (`sum_rows`)."""
        for batch in batches:
            if batch.num_rows:
                yield from sum_rows(self.build_group_columns(batch)).to_batches()

    def build_group_columns(self, batch: pa.RecordBatch) -> pa.Table:
        """The columns by which the rows of a batch are grouped, and the numbers whose extremes are computed."""
        plan = self.plan
        cells_by_name = {name: self.read_cells(batch, name) for name in plan.columns}
        refused = pa.array(read_reasons(batch))
        # For each column: the kind of the cell and its relation to the configured values, in a few bits
        codes = []
        for column in plan.valued:
            code = cells_by_name[column.name].kind << MATCH_BITS
            if column.values:
                code = code | compute_keys(cells_by_name[column.name], column).to_numpy()
            codes.append(code)
        # The codes of several columns share one number, so that rows are grouped by fewer columns
        columns: dict[str, pa.Array] = {}
        for start in range(0, len(codes), COLUMNS_PER_NUMBER):
            group_codes = enumerate(codes[start : start + COLUMNS_PER_NUMBER])
            number = sum(code << (COLUMN_BITS * index) for index, code in group_codes)
            columns[CODE_COLUMN.format(start // COLUMNS_PER_NUMBER)] = pa.array(number)
        # The keys of columns without configured values are their texts
        for index, column in enumerate(plan.valued):
            if not column.values:
                columns[TEXT_COLUMN.format(index)] = compute_keys(cells_by_name[column.name], column)
        for index, segment_plan in enumerate(plan.segmentations):
            columns[SEGMENT_COLUMN.format(index)] = find_segments(cells_by_name[segment_plan.column], segment_plan)
        if plan.group is not None:
            columns[GROUP_COLUMN] = cells_by_name[plan.group].text
        if plan.group_column is not None:
            columns[BLOCK_COLUMN] = assign_blocks(cells_by_name[plan.group_column].text)
        # The numbers whose extremes are computed for each kind of rows
        for index, column in enumerate(plan.valued):
            cells = cells_by_name[column.name]
            if cells.number is not None:
                numbers = pa.array(cells.number, mask=~cells.has_number)
                columns |= {MINIMUM_COLUMN.format(index): numbers, MAXIMUM_COLUMN.format(index): numbers}
        # The kinds of refused rows differ only in their reason and number of cells
        is_accepted = pc.equal(refused, 0)
        columns = {name: pc.if_else(is_accepted, values, None) for name, values in columns.items()}
        columns[REFUSED_COLUMN] = refused
        columns[WIDTH_COLUMN] = pa.repeat(0, batch.num_rows)
        if CELLS in batch.schema.names:
            columns[WIDTH_COLUMN] = batch.column(CELLS)
        columns[ROWS_COLUMN] = pa.repeat(1, batch.num_rows)
        return pa.table(columns)

    def read_cells(self, batch: pa.RecordBatch, name: str) -> TypedCells:
        """The cells of the column with this name, with their kinds."""
        values = batch.column(f"c{self.names.index(name)}")
        return classify_cells(
            values, untyped_texts=self.plan.untyped_texts, may_be_integers=self.plan.may_have_integers(name)
        )


def sum_rows(rows: pa.Table) -> pa.Table:
    """For each kind of rows: the number of rows, and the extremes of their numbers."""
    # The name of a column without its number says how to aggregate it; columns without an aggregation are keys
    aggregations = {ROWS_COLUMN: "sum", MINIMUM_COLUMN.format(""): "min", MAXIMUM_COLUMN.format(""): "max"}
    keys = []
    aggregated = {}
    for name in rows.column_names:
        aggregation = aggregations.get(name.rstrip("0123456789"))
        if aggregation is None:
            keys.append(name)
        else:
            aggregated[name] = aggregation
    sums = rows.group_by(keys).aggregate(list(aggregated.items()))
    columns = [*keys, *(f"{name}_{aggregation}" for name, aggregation in aggregated.items())]
    return sums.select(columns).rename_columns([*keys, *aggregated])


def build_row_counts(row_kinds: Sequence[RowKind], reasons: int) -> RowCounts:
    """The counts of all rows. reasons: number of reasons for refusing a row."""
    refused: Counter[int] = Counter()
    widths: Counter[int] = Counter()
    for row in row_kinds:
        refused[row[REFUSED_COLUMN]] += row[ROWS_COLUMN]
        if row[WIDTH_COLUMN] > 0:
            widths[row[WIDTH_COLUMN]] += row[ROWS_COLUMN]
    accepted, *rejected = (refused[reason] for reason in range(reasons + 1))
    return RowCounts(accepted, tuple(rejected), (), tuple(sorted(widths.items())))


def build_contingency(row_kinds: Sequence[RowKind], plan: ContingencyPlan) -> Contingency:
    """The counts as one table for each facet. The kinds of cells are counted in the metadata of their columns."""
    builders = [_ColumnMetadataBuilder(column, index) for index, column in enumerate(plan.valued)]
    tables: list[Counter[Cell]] = [Counter() for _ in plan.facets]
    # A key in the table ends with the segments and the block of the rows
    extra_columns = [SEGMENT_COLUMN.format(part) for part in range(len(plan.segmentations))]
    if plan.group_column is not None:
        extra_columns.append(BLOCK_COLUMN)
    for row in row_kinds:
        # The columns with values are the facets, then the label, then the prediction
        keys = [builder.add_row(row) for builder in builders]
        label = keys[len(plan.facets)]
        prediction = None
        if plan.prediction:
            prediction = keys[len(plan.facets) + 1]
        extra_keys = [row[name] for name in extra_columns]
        # Each facet has its own table, in which all rows count once
        for table, key in zip(tables, keys, strict=False):
            cell = (key, label, prediction, row.get(GROUP_COLUMN), *extra_keys)
            table[cell] += row[ROWS_COLUMN]
    return Contingency(tuple(map(dict, tables)), tuple(builder.build_metadata() for builder in builders), plan.text)


class _ColumnMetadataBuilder:
    """Computes the metadata of one column from the counted rows."""

    def __init__(self, column: ValuedColumn, index: int) -> None:
        self._column = column
        # Several columns share one number
        number, bits = divmod(index, COLUMNS_PER_NUMBER)
        self._shift = bits * COLUMN_BITS
        self._code = CODE_COLUMN.format(number)
        self._text = TEXT_COLUMN.format(index)
        self._minimum = MINIMUM_COLUMN.format(index)
        self._maximum = MAXIMUM_COLUMN.format(index)
        self._kinds: Counter[CellKind] = Counter()
        self._extremes: list[float] = []
        self._texts: set[str] = set()

    def key(self, row: RowKind) -> Key:
        """The row's key in this column; if there are configured values, the key of a missing cell is 0."""
        if self._column.values:
            return int(row[self._code] >> self._shift & MATCH_MASK)
        text: str | None = row[self._text]
        return text

    def add_row(self, row: RowKind) -> Key:
        """The row's key in this column; also adds the cell to the metadata."""
        # Of the column's bits in the number, the upper bits are the kind, and the lower bits the relation to values
        kind = CELL_KINDS[row[self._code] >> self._shift + MATCH_BITS & KIND_MASK]
        self._kinds[kind] += row[ROWS_COLUMN]
        minimum = row.get(self._minimum)
        if minimum is not None and kind not in (CellKind.BOOLEAN, CellKind.TEXT):
            self._extremes += [minimum, row[self._maximum]]
        # Only a missing cell has the key None, so that rows without a facet can be left out
        if kind is CellKind.MISSING:
            return None
        key = self.key(row)
        if isinstance(key, str):
            self._texts.add(key)
        return key

    def build_metadata(self) -> ColumnMetadata:
        """The column's counts by kind, extremes and counts by value, over all added rows."""
        # Extremes are doubles, but extremes of integers are written without a fraction
        is_integral = set(self._kinds) - {CellKind.MISSING} <= INTEGER_KINDS
        numbers = [int(number) if is_integral else float(number) for number in self._extremes]
        present = sum(count for kind, count in self._kinds.items() if kind is not CellKind.MISSING)
        # Texts of a column with configured values aren't counted, so the number of distinct values has only bounds
        at_least = min(present, 1)
        at_most = None
        if not self._column.values:
            at_least = at_most = len(self._texts)
        minimum = min(numbers, default=None)
        maximum = max(numbers, default=None)
        return ColumnMetadata(dict(self._kinds), minimum, maximum, at_least, at_most)


def select_first_runs(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, state: Contingency
) -> tuple[RowRuns, ...]:
    """Runs of the first rows: for each facet, for the label and for the prediction, the index of each row's key among all keys.

    One Spark job, which reads only these rows. Source: B5.4.
    """
    # The kinds of the first rows
    first_rows = rows.engine.find_implementation(read_first_kinds)(rows, names, plan, WINDOW_RUN_ROWS * MAX_RUNS)
    # The keys of these rows, as positions among all keys of their column; missing cells count as cells without a value
    builders = [_ColumnMetadataBuilder(column, index) for index, column in enumerate(plan.valued)]
    positions = [
        *(number_keys(table, FACET) for table in state.tables),
        *(number_keys(state.tables[0], position) for position in (LABEL, PREDICTION)),
    ]
    numbers = (
        np.array(
            [positions_of_keys.get(builder.key(row), positions_of_keys.get(None, 0)) for row in first_rows],
            np.float64,
        )
        for builder, positions_of_keys in zip(builders, positions, strict=False)
    )
    return tuple(map(build_first_runs, numbers))


def read_first_kinds(rows: Partitions, names: Sequence[str], plan: ContingencyPlan, limit: int) -> list[RowKind]:
    """The kinds of the first `limit` accepted rows, in the rows' order."""
    task = CountTask(plan, tuple(names))
    kinds = list[RowKind]()
    for batch in iterate_batches(rows):
        accepted = drop_rejected(batch)
        if accepted.num_rows:
            kinds += task.build_group_columns(accepted.slice(0, limit - len(kinds))).to_pylist()
        if len(kinds) >= limit:
            break
    return kinds


def find_strays(column: ValuedColumn, metadata: ColumnMetadata) -> frozenset[CellKind]:
    """The kinds of stray cells: a few cells that would change the type of the whole column, such as a text among numbers, or a
    fraction among integers. Texts that may be separate groups aren't strays."""
    counts = metadata.kinds
    rows = metadata.present + metadata.missing
    present_kinds = {kind for kind, count in counts.items() if count}
    tolerated_kinds = {CellKind.MISSING}
    for common_kinds in (
        {CellKind.INTEGRAL},
        {CellKind.INTEGER_TEXT},
        {CellKind.BOOLEAN},
        {CellKind.INTEGRAL, CellKind.FRACTIONAL},
    ):
        if sum(counts.get(kind, 0) for kind in common_kinds) >= (1 - MAX_STRAY_SHARE) * rows:
            # pandas reads a column of integers with a missing cell as fractions
            if common_kinds <= INTEGER_KINDS:
                tolerated_kinds = tolerated_kinds - {CellKind.MISSING}
            if not column.values:
                tolerated_kinds = tolerated_kinds | {CellKind.TEXT}
            return frozenset(present_kinds - common_kinds - tolerated_kinds)
    return frozenset()


@value_class
class RejectStrayCells:
    """Refuses records that have a stray cell. count: reads the cells. stray_kinds: by column, the kinds of stray cells."""

    count: CountTask
    stray_kinds: Mapping[str, frozenset[CellKind]]
    schema: pa.Schema

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            has_stray = np.zeros(batch.num_rows, bool)
            for name, kinds in self.stray_kinds.items():
                has_stray |= np.isin(self.count.read_cells(batch, name).kind, [*kinds])
            yield reject_records(batch, has_stray, Refusal.STRAY, self.schema)


def reject_strays(
    rows: Partitions, names: Sequence[str], plan: ContingencyPlan, state: Contingency
) -> Partitions | None:
    """The rows, with records refused that have a stray cell; None if there is no stray cell. rows: with their lines, if any."""
    stray_kinds: dict[str, frozenset[CellKind]] = {}
    for column, metadata in zip(plan.valued, state.metadata, strict=True):
        if column.name in names and column.taken_as is None and (kinds := find_strays(column, metadata)):
            stray_kinds[column.name] = stray_kinds.get(column.name, frozenset()) | kinds
    if not stray_kinds:
        return None
    schema = add_reason_field(rows.schema)
    return rows.map_batches(RejectStrayCells(CountTask(plan, tuple(names)), stray_kinds, schema), schema)
