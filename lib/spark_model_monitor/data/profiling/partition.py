"""The executor's part of a scan: takes batches of rows, and returns states.

`compute_partition_states` computes the states of rows, or of lines after decoding them. It is pickled by name and takes a
plan that can be pickled; this module imports neither pyspark nor pydeequ. Rows are cut into blocks of `choose_block_rows`
rows, whatever the size of Arrow's batches, so that states depend only on the partition's rows (P1). `prepare_batches` adds
the keys of texts, hashes and counts of elements to typed columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Context
from itertools import chain
from operator import attrgetter
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.casts import convert_decimals, format_texts
from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, StateRow
from spark_model_monitor.data.engine.partitions import MAX_BATCH_ROWS, group_by_size
from spark_model_monitor.data.profiling.age_scan import RowTimes, TimesGatherer
from spark_model_monitor.data.profiling.gathering import Gatherer, RowRepeatsGatherer, build_gatherers
from spark_model_monitor.data.profiling.row_runs import RowRunsGatherer, RunSampler
from spark_model_monitor.data.profiling.scan_plan import (
    FEATURE_OF_ROWS,
    HASH,
    PREDICATE,
    TEXT_TYPES,
    TIME,
    UNCUT_TEXT,
    VALUE,
    Block,
    ColumnPlan,
    RowPlan,
    ScanPlan,
    make_keys,
)
from spark_model_monitor.data.records.arrays import are_missing
from spark_model_monitor.data.records.locations import select_file_columns
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.statistics import Hashes
from spark_model_monitor.statistics.states import ColumnType, Requests, RequestsBuilder, RowCounts
from spark_model_monitor.statistics.states.hashing import hash_texts, xxhash64
from spark_model_monitor.statistics.states.row_counts import count_widths

Decode: TypeAlias = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Makes rows from a batch of lines: the features as texts, the reason for refusing the row, and, if cells are counted,
the number of cells under which to count it."""

MIN_BLOCK_ROWS = 2**13
MAX_BLOCK_ROWS = MAX_BATCH_ROWS
BLOCK_BYTES = 2**27
"""Bounds of a block: large enough to make numpy's fixed cost negligible, small enough for a column to stay in a core's
cache and for a block of many columns to fit into memory."""

# Lines of small files are decoded together until they have this size, because each call has a fixed cost
MIN_DECODED_BYTES = 2**20

NUMBER_BYTES = 8
TEXT_BYTES = 64
VECTOR_BYTES = 8192
"""The assumed size of a cell when the size of a block is chosen."""

# Spark hashes decimals with at most so many digits as 64-bit numbers. Source: HashExpression of Spark 3.5.
MAX_LONG_DIGITS = 18

HASHED_TYPE_TESTS = (pa.types.is_decimal, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)
"""Types of cells whose hashes are prepared; numbers of fixed width and texts are hashed by their gatherers."""


def compute_partition_states(plan: ScanPlan, decode: Decode | None, batches: Batches) -> Iterator[StateRow]:
    """The states of a partition's rows. A partition without rows has no states.

    decode: makes rows from the batches; None if the batches have rows already.
    """
    # Lines of captures are decoded; batches of rows are only passed on
    row_plan = plan.rows
    requests = RequestsBuilder()
    times = list[int]()
    if decode is not None:
        groups = group_by_size(batches, MIN_DECODED_BYTES, attrgetter("nbytes"))
        batches = map(pa.concat_batches, groups)
    batches = (_read_rows(batch, row_plan, decode, requests, times) for batch in batches)
    numbers, gatherers = build_gatherers(plan)
    rows = RowCounts.zero(reasons=row_plan.reasons, predicates=row_plan.predicates)
    row_times = RowTimes(plan)
    partition: int | None = None
    for pieces in split_into_pieces(batches, choose_block_rows(plan.columns)):
        if partition is None:
            # The other gatherers are made when the first rows arrive, because the partition's number seeds their samples
            partition = pieces[0].column(PARTITION)[0].as_py()
            gatherers += _build_dependent_gatherers(plan, partition, row_times)
        # Refused rows are counted by reason; only accepted rows have states
        accepted_pieces = []
        for piece in pieces:
            accepted_rows, counted = _select_accepted_rows(piece, row_plan)
            rows += counted
            if accepted_rows.num_rows:
                accepted_pieces.append(accepted_rows)
        if accepted_pieces:
            block = Block(accepted_pieces)
            if row_plan.newest and not row_plan.read_times and plan.time_column is not None:
                times.append(_find_newest(block, plan.time_column, row_plan.newest, row_times))
            numbers.update(block)
            for _, gatherer in gatherers:
                gatherer.update(block)
    if partition is None:
        return
    # The states of the rows come first, then the states of each column
    if row_plan.counted:
        rows = replace(rows, newest=max(times, default=0))
        yield StateRow(FEATURE_OF_ROWS, rows.KIND, partition, rows)
    if row_plan.metadata is not None:
        yield StateRow(FEATURE_OF_ROWS, Requests.KIND, partition, requests.state())
    column_states = ((position, state) for position, gatherer in gatherers for state in gatherer.states())
    for position, state in chain(numbers.states(), column_states):
        yield StateRow(position, state.KIND, partition, state)


def _build_dependent_gatherers(plan: ScanPlan, partition: int, row_times: RowTimes) -> list[tuple[int, Gatherer]]:
    """The gatherers that run after those of the columns and reuse their results, each with the position of its column."""
    gatherers: list[tuple[int, Gatherer]] = []
    if plan.rows.rules is not None:
        from spark_model_monitor.data.profiling.rule_scan import RulesGatherer

        gatherers.append((FEATURE_OF_ROWS, RulesGatherer(plan)))
    # Groups of rows are sampled if a column names them, otherwise runs of neighbouring rows
    if plan.group_column is not None:
        from spark_model_monitor.data.profiling.row_groups import RowGroupsGatherer, SampledGroups

        groups = SampledGroups(plan.group_column)
        gatherers += [(column.position, RowGroupsGatherer(column, groups)) for column in plan.run_columns]
    else:
        sampler = RunSampler(plan, partition)
        gatherers += [(column.position, RowRunsGatherer(column, sampler)) for column in plan.run_columns]
    if plan.cuts:
        from spark_model_monitor.data.profiling.segment_scan import Segments, SegmentsGatherer

        segments = Segments(plan, partition)
        gatherers += [(column.position, SegmentsGatherer(column, plan, segments)) for column in plan.columns]
    # Ages need the time of each row, so the time column itself has none
    has_times = plan.rows.read_times is not None or plan.time_column is not None
    for column in plan.run_columns:
        has_ages = has_times and column != plan.time_column
        gatherers.append((column.position, TimesGatherer(column, row_times if has_ages else None)))
    if plan.has_whole_rows:
        gatherers.append((plan.columns[0].position, RowRepeatsGatherer(plan)))
    if plan.pairs:
        from spark_model_monitor.data.profiling.pair_scan import PairsGatherer

        first_positions = sorted({positions[0] for _, positions in plan.pairs})
        gatherers += [(position, PairsGatherer(plan, position)) for position in first_positions]
    return gatherers


def _find_newest(block: Block, time: ColumnPlan, read_newest: Callable[[pa.Array], int], row_times: RowTimes) -> int:
    """The newest time in a block's time column, in microseconds since 1970; 0 if there is none."""
    newest = 0
    if time.is_text:
        newest = read_newest(block.cells(time))
    return newest or row_times.find_newest(block)


def choose_block_rows(columns: Sequence[ColumnPlan]) -> int:
    """The number of rows in a block, for a table with these columns."""
    bytes_by_type = {ColumnType.VECTOR: VECTOR_BYTES, **dict.fromkeys(TEXT_TYPES, TEXT_BYTES)}
    row_bytes = sum(bytes_by_type.get(column.column_type, NUMBER_BYTES) for column in columns)
    max_rows = BLOCK_BYTES // max(1, row_bytes)
    return min(MAX_BLOCK_ROWS, max(1, max_rows // MIN_BLOCK_ROWS) * MIN_BLOCK_ROWS)


def split_into_blocks(batches: Batches, rows: int) -> Batches:
    """The same rows in blocks of exactly `rows` rows; the last block may be shorter."""
    for pieces in split_into_pieces(batches, rows):
        yield pieces[0] if len(pieces) == 1 else pa.concat_batches(pieces)


def split_into_pieces(batches: Batches, rows: int) -> Iterator[list[pa.RecordBatch]]:
    """The blocks of `split_into_blocks`, each as a list of pieces of batches."""
    pieces: list[pa.RecordBatch] = []
    free_rows = rows
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            piece = batch.slice(start, free_rows)
            pieces.append(piece)
            start += piece.num_rows
            free_rows -= piece.num_rows
            if free_rows == 0:
                yield pieces
                pieces = []
                free_rows = rows
    if pieces:
        yield pieces


def _read_rows(
    batch: pa.RecordBatch, row_plan: RowPlan, decode: Decode | None, requests: RequestsBuilder, times: list[int]
) -> pa.RecordBatch:
    """The rows of a batch. Also counts the requests behind its lines, including lines with refused data, and records the newest
    time of accepted rows.
    """
    rows = batch
    if decode is not None:
        rows = _decode_lines(batch, decode, row_plan)
    if row_plan.metadata is None:
        return rows
    lines = batch.column(row_plan.metadata.line)
    reasons = np.asarray(rows.column(REASON))
    # A record is counted at its first row, which has the number of cells; a refused record has only one row
    is_first_row = (reasons > 0) | (np.asarray(rows.column(CELLS)) > 0)
    if decode is None:
        lines = lines.filter(pa.array(is_first_row))
        rows = rows.drop_columns([row_plan.metadata.line])
    if row_plan.metadata.read is not None:
        requests.update(*row_plan.metadata.read(lines, reasons[is_first_row]))
    if row_plan.read_times is None:
        return rows
    record_times = row_plan.read_times(batch.column(row_plan.metadata.line))
    if len(record_times) != rows.num_rows:  # then some lines have several rows
        record_times = record_times.take(np.cumsum(is_first_row) - 1)
    if row_plan.newest is not None:
        times.append(row_plan.newest(record_times.filter(pa.array(reasons == 0))))
    return rows.append_column(TIME, record_times)


def _decode_lines(lines: pa.RecordBatch, decode: Decode, row_plan: RowPlan) -> pa.RecordBatch:
    """The rows of a batch of lines, in the form that Spark would give them. lines: the first column is the partition number."""
    rows = decode(lines)
    file_columns = select_file_columns(rows)
    *texts, last = rows.drop_columns([*file_columns]).columns  # the columns that the decoder made
    partition = pa.array(np.full(rows.num_rows, lines.column(PARTITION)[0].as_py() if lines.num_rows else 0, np.int32))
    columns = {PARTITION: partition, REASON: last}
    if row_plan.counts_cells:
        columns[REASON] = texts.pop()
        columns[CELLS] = last
    columns |= {f"{VALUE}{position}": make_keys(cells) for position, cells in enumerate(texts)}
    columns |= {f"{UNCUT_TEXT}{position}": texts[position] for position in row_plan.whole_texts}
    columns |= file_columns
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _select_accepted_rows(piece: pa.RecordBatch, row_plan: RowPlan) -> tuple[pa.RecordBatch, RowCounts]:
    """The accepted rows of a piece, and the counts of refused rows by reason. Rows must not be filtered before parsing (P4)."""
    accepted = piece
    refused = [0] * row_plan.reasons
    if REASON in piece.schema.names:
        reasons = np.asarray(piece.column(REASON))
        refused = np.bincount(reasons, minlength=row_plan.reasons + 1)[1:].tolist()
        if any(refused):
            accepted = piece.filter(pa.array(reasons == 0))
    predicates = (accepted.column(f"{PREDICATE}{index}") for index in range(row_plan.predicates))
    matches = tuple(pc.sum(predicate, min_count=0).as_py() or 0 for predicate in predicates)
    widths = count_widths(piece.column(CELLS)) if row_plan.counts_cells else ()
    return accepted, RowCounts(kept=accepted.num_rows, refused=tuple(refused), matches=matches, widths=widths)


def column_type(data_type: pa.DataType) -> ColumnType:
    """The column type for an Arrow type; `rows.column_type` does this for Spark's types."""
    types = pa.types
    if types.is_string(data_type) or types.is_large_string(data_type):
        return ColumnType.TEXT
    if types.is_integer(data_type):
        return ColumnType.INTEGRAL
    if types.is_floating(data_type):
        return ColumnType.FRACTIONAL
    if types.is_decimal(data_type):
        if data_type.scale == 0:
            return ColumnType.INTEGRAL
        return ColumnType.FRACTIONAL
    if types.is_boolean(data_type):
        return ColumnType.BOOLEAN
    if types.is_date(data_type):
        return ColumnType.DATE
    if types.is_timestamp(data_type):
        return ColumnType.TIMESTAMP
    if types.is_list(data_type):
        return ColumnType.VECTOR
    return ColumnType.NESTED


def plan_typed_columns(
    schema: pa.Schema, names: Sequence[str], counted: frozenset[str], positions: Iterable[int]
) -> tuple[ColumnPlan, ...]:
    """The plans of the columns at some positions; `rows.prepare_typed_columns` does this for Spark's columns."""
    plans = []
    for position in positions:
        data_type = schema.field(f"c{position}").type
        hashed = any(is_kind(data_type) for is_kind in HASHED_TYPE_TESTS)
        plans.append(ColumnPlan(position, column_type(data_type), hashed, names[position] in counted))
    return tuple(plans)


def prepare_batches(plan: ScanPlan, batches: Batches) -> Batches:
    """A partition's batches with the columns that the plan's gatherers need."""
    for batch in batches:
        # The columns about the rows stay unchanged; each other column gets the form that its gatherer needs
        columns = dict(zip(batch.schema.names, batch.columns, strict=True))
        if plan.file_order is not None:
            columns |= select_file_columns(batch)
        for column in plan.columns:
            if column.listed is None:
                values = columns.pop(f"c{column.position}")
                columns |= _prepare_column(values, column)
                # Spark has cut long texts already, and sends another column with the texts that are needed uncut
                if column.position in plan.rows.whole_texts and column.column_type is ColumnType.TEXT:
                    columns.setdefault(f"{UNCUT_TEXT}{column.position}", values.cast(pa.string()))
        yield pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def _prepare_column(cells: pa.Array, plan: ColumnPlan) -> dict[str, pa.Array]:
    if plan.column_type is ColumnType.NESTED:
        values = pc.if_else(cells.is_valid(), True, None)
    elif plan.is_text:
        values = make_keys(format_texts(cells))
    else:
        values = convert_decimals(cells)
    columns = {f"{VALUE}{plan.position}": values}
    if plan.hashed_by_spark:
        hashes = np.zeros(len(cells), np.int64)
        hashes[~are_missing(cells)] = _hash_cells(cells.drop_null()).view(np.int64)
        columns[f"{HASH}{plan.position}"] = pa.array(hashes, mask=are_missing(cells))
    return columns


def _hash_cells(present: pa.Array) -> Hashes:
    if not pa.types.is_decimal(present.type):
        return xxhash64(present)
    precision = present.type.precision
    scale = present.type.scale
    if precision <= MAX_LONG_DIGITS:
        # The lower of the two 64-bit words of the unscaled number
        decimals = present.cast(pa.decimal128(precision, scale))
        words = np.frombuffer(decimals.buffers()[1], np.int64, 2 * len(decimals), 16 * decimals.offset)
        return xxhash64(words[::2])
    # Spark hashes the bytes of Java's BigInteger
    encoded = present.dictionary_encode()
    context = Context(prec=precision)  # Python's default context rounds to 28 digits
    unscaled = [int(value.scaleb(scale, context)) for value in encoded.dictionary.to_pylist()]
    sizes = [(number + (number < 0)).bit_length() // 8 + 1 for number in unscaled]
    encoded_numbers = [number.to_bytes(size, "big", signed=True) for number, size in zip(unscaled, sizes, strict=True)]
    hashes = hash_texts(pa.array(encoded_numbers, pa.binary()).view(pa.string()))
    row_hashes: Hashes = hashes[encoded.indices.to_numpy()]
    return row_hashes
