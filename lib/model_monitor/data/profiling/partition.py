"""What an executor does with its partition: batches of rows in, one row per state out.

`states_of_partition` makes the states, of rows or of lines that it decodes itself. It is shipped by name and takes a picklable
plan; there is neither pyspark nor pydeequ here. Rows are cut into blocks of `rows_of_block` whatever the size of Arrow's
batches, so that states depend on the partition's rows alone (P1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.data.engine.partitions import MAX_BATCH_ROWS
from model_monitor.data.engine.protocol import PARTITION, STATES_PER_BATCH, StateRow, batch_of_states
from model_monitor.data.profiling.gathering import Gatherer, gatherer_of
from model_monitor.data.profiling.plan import (
    CELLS,
    FEATURE_OF_ROWS,
    PREDICATE,
    REASON,
    VALUE,
    Block,
    ColumnPlan,
    RowRunsGatherer,
    ScanPlan,
    keys_of,
)
from model_monitor.statistics.states import RequestsBuilder, RowCounts

Decode: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Makes rows of a batch of lines: the features as texts, the reason for refusing the row, and, if they are counted, the
number of cells to count it under."""

LEAST_BLOCK_ROWS, MOST_BLOCK_ROWS, BLOCK_BYTES = 2**13, MAX_BATCH_ROWS, 2**27
"""Of a block: large enough for numpy's fixed cost not to show, small enough for a column of it to stay in a core's cache and
for a block of many columns in memory."""

BYTES_OF_NUMBER, BYTES_OF_TEXT = 8, 64
"""What a cell is taken for where the size of a block is chosen."""


def states_of_partition(
    plan: ScanPlan, decode: Decode | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """The states of one partition's rows. A partition without rows has none.

    decode: what makes rows of the batches; None if they are rows, prepared by Spark.
    """
    requests, times = RequestsBuilder(), list[int]()
    batches = (_rows_of_batch(batch, plan, decode, requests, times) for batch in batches)
    gatherers: list[tuple[int, Gatherer]] = [(column.position, gatherer_of(column, plan)) for column in plan.columns]
    rows = RowCounts.zero(reasons=plan.reasons, predicates=plan.predicates)
    partition: int | None = None
    for pieces in pieces_of_blocks(batches, rows_of_block(plan.columns)):
        if partition is None:
            partition = pieces[0].column(PARTITION)[0].as_py()
            gatherers += [(column.position, RowRunsGatherer(column, plan, partition)) for column in plan.run_columns]
        kept = []
        for piece in pieces:
            of_piece, counted = _without_refused_rows(piece, plan)
            rows += counted
            if of_piece.num_rows:
                kept.append(of_piece)
        if kept:
            block = Block(kept)
            if plan.newest is not None and plan.time_column is not None and plan.time_column.is_text:
                times.append(plan.newest(block.cells(plan.time_column)))
            for _, gatherer in gatherers:
                gatherer.update(block)
    if partition is None:
        return
    found = []
    if plan.counts_rows:
        rows = replace(rows, newest=max(times, default=0))
        found.append(StateRow(FEATURE_OF_ROWS, rows.KIND, partition, rows.to_bytes()))
    if plan.metadata is not None:
        state = requests.state()
        found.append(StateRow(FEATURE_OF_ROWS, state.KIND, partition, state.to_bytes()))
    for position, gatherer in gatherers:
        found += [StateRow(position, state.KIND, partition, state.to_bytes()) for state in gatherer.states()]
        if len(found) >= STATES_PER_BATCH:
            yield batch_of_states(found)
            found = []
    yield batch_of_states(found)


def rows_of_block(columns: Sequence[ColumnPlan]) -> int:
    """The rows that gatherers take at a time of a table with these columns."""
    row_bytes = sum(BYTES_OF_TEXT if column.is_text else BYTES_OF_NUMBER for column in columns)
    fitting = BLOCK_BYTES // max(1, row_bytes)
    return min(MOST_BLOCK_ROWS, max(1, fitting // LEAST_BLOCK_ROWS) * LEAST_BLOCK_ROWS)


def blocks(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same rows in blocks of exactly `rows`, the last one shorter."""
    for pieces in pieces_of_blocks(batches, rows):
        yield pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)


def pieces_of_blocks(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """Those blocks, each as the pieces of batches that it is made of."""
    held: list[pa.RecordBatch] = []
    room = rows
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, room)
            held.append(piece)
            start += piece.num_rows
            room -= piece.num_rows
            if room == 0:
                yield held
                held, room = [], rows
    if held:
        yield held


def _rows_of_batch(
    batch: pa.RecordBatch, plan: ScanPlan, decode: Decode | None, requests: RequestsBuilder, times: list[int]
) -> pa.RecordBatch:
    """The rows of a batch; the requests behind its lines are counted on the way, also those whose data is refused, and the newest
    time of those that are kept is noted.
    """
    rows = batch if decode is None else _decoded(batch, decode, plan)
    if plan.metadata is None:
        return rows
    lines = batch.column(plan.metadata.line)
    reasons = rows.column(REASON).to_numpy(zero_copy_only=False)
    # a record is counted by its first row: a kept one has its number of cells there, a refused one has no other
    is_first = (reasons > 0) | (rows.column(CELLS).to_numpy(zero_copy_only=False) > 0)
    if decode is None:
        lines = lines.filter(pa.array(is_first))
        rows = rows.drop_columns([plan.metadata.line])
    if plan.metadata.read is not None:
        requests.update(*plan.metadata.read(lines, reasons[is_first]))
    if plan.newest is not None:
        times.append(plan.newest(lines.filter(pa.array(reasons[is_first] == 0))))
    return rows


def _decoded(lines: pa.RecordBatch, decode: Decode, plan: ScanPlan) -> pa.RecordBatch:
    """A batch of lines as the rows that Spark would have prepared of them. lines: with their partition's number in front."""
    rows = decode(lines)
    *texts, last = rows.columns
    partition = pa.array(np.full(rows.num_rows, lines.column(PARTITION)[0].as_py() if lines.num_rows else 0, np.int32))
    columns = {PARTITION: partition, REASON: last}
    if plan.counts_cells:
        columns[REASON] = texts.pop()
        columns[CELLS] = last
    columns |= {f"{VALUE}{position}": keys_of(cells) for position, cells in enumerate(texts)}
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _without_refused_rows(piece: pa.RecordBatch, plan: ScanPlan) -> tuple[pa.RecordBatch, RowCounts]:
    """The rows of a piece that count, and how many did not by reason. Never a filter before the parse (P4)."""
    kept, refused = piece, [0] * plan.reasons
    if REASON in piece.schema.names:
        reasons = piece.column(REASON).to_numpy(zero_copy_only=False)
        refused = np.bincount(reasons, minlength=plan.reasons + 1)[1:].tolist()
        if any(refused):
            kept = piece.filter(pa.array(reasons == 0))
    matches = tuple(_matches(kept.column(f"{PREDICATE}{index}")) for index in range(plan.predicates))
    widths = _widths(piece.column(CELLS)) if plan.counts_cells else ()
    return kept, RowCounts(kept=kept.num_rows, refused=tuple(refused), matches=matches, widths=widths)


def _widths(cells: pa.Array) -> tuple[tuple[int, int], ...]:
    numbers, counts = np.unique(cells.to_numpy(zero_copy_only=False), return_counts=True)
    return tuple((int(number), int(count)) for number, count in zip(numbers, counts, strict=True) if number > 0)


def _matches(predicate: pa.Array) -> int:
    return pc.sum(predicate, min_count=0).as_py() or 0
