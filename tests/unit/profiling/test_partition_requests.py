from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.profiling import partition
from spark_model_monitor.data.profiling.partition import compute_partition_states
from spark_model_monitor.data.profiling.scan_plan import ColumnPlan, LineMetadata, RowPlan, ScanPlan
from spark_model_monitor.data.records.capture_documents import read_request_metadata
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.statistics.states import ColumnType, Requests, RowCounts

LINE = "the line"
PLAN = ScanPlan(
    (ColumnPlan(0, ColumnType.TEXT, hashed_by_spark=False),),
    frequency_limit=10,
    rows=RowPlan(reasons=len(Refusal), counts_cells=True, metadata=LineMetadata(LINE, read_request_metadata)),
)


def line(status: int, latency: float) -> str:
    return f'{{"requestMetadata": {{"status": {status}, "latencyMs": {latency}}}}}'


LINES = [line(200, 1), line(200, 2), line(503, 3), line(200, 4), line(200, 5)]
ROWS = [
    # line, cell, reason, cells
    (0, "a", 0, 1),
    (1, "b", 0, 1),  # a record of three rows
    (1, "c", 0, 0),
    (1, "d", 0, 0),
    (2, None, Refusal.WITHOUT_DATA, 0),
    (3, None, Refusal.WRONG_NUMBER_OF_CELLS, 7),
    (4, None, Refusal.OUTSIDE_WINDOW, 0),
]
NUMBERS, VALUES, REASONS, WIDTHS = zip(*ROWS, strict=True)


def compute_requests(batches, decoder=None) -> Requests:
    [requests] = [row.state for row in compute_partition_states(PLAN, decoder, batches) if row.kind == Requests.KIND]
    return requests


def rows_with_lines(first: int, last: int) -> pa.RecordBatch:
    """Some rows as Spark prepares them, each with its line."""
    columns = {
        "partition": pa.array([0] * (last - first), pa.int32()),
        REASON: pa.array(REASONS[first:last], pa.int32()),
        CELLS: pa.array(WIDTHS[first:last], pa.int32()),
        "v0": pa.array(VALUES[first:last], pa.string()),
        LINE: pa.array([LINES[number] for number in NUMBERS[first:last]]),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def lines_only() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([0] * len(LINES), pa.int32()), pa.array(LINES)], ["partition", LINE])


def decoded(batch: pa.RecordBatch) -> pa.RecordBatch:
    """All rows of `lines_only`."""
    columns = [pa.array(VALUES), pa.array(REASONS, pa.int32()), pa.array(WIDTHS, pa.int32())]
    return pa.RecordBatch.from_arrays(columns, ["c0", REASON, CELLS])


def test_the_newest_time_is_that_of_the_lines_of_kept_records():
    """The first two lines, whichever way they are decoded; the largest of their lengths stands for it."""

    def longest(lines):
        return max(map(len, lines.to_pylist()), default=0)

    rows = replace(PLAN.rows, metadata=LineMetadata(LINE, None), newest=longest, read_times=lambda lines: lines)
    plan = replace(PLAN, rows=rows)
    for batches, decoder in (([rows_with_lines(0, 2), rows_with_lines(2, len(ROWS))], None), ([lines_only()], decoded)):
        states = [row.state for row in compute_partition_states(plan, decoder, batches)]

        assert [state.newest for state in states if isinstance(state, RowCounts)] == [len(LINES[0])]
        assert [state.count for state in states if isinstance(state, Requests)] == [0]


def test_a_request_is_counted_by_the_first_row_of_its_record():
    requests = compute_requests([rows_with_lines(0, len(ROWS))])

    assert requests.statuses == {200: 3, 503: 1}  # the fifth is outside of the window
    assert requests.moments.sum == 1 + 2 + 3 + 4


def test_batches_that_begin_within_a_record_change_nothing():
    parts = [rows_with_lines(first, first + 1) for first in range(len(ROWS))]

    assert compute_requests(parts) == compute_requests([rows_with_lines(0, len(ROWS))])


def test_lines_that_executors_decode_give_the_same_requests():
    assert compute_requests([lines_only()], decoded) == compute_requests([rows_with_lines(0, len(ROWS))])


def test_lines_of_small_files_are_decoded_at_once_and_those_of_large_ones_are_not(monkeypatch):
    calls = []

    def counted(batch):
        calls.append(batch.num_rows)
        columns = [
            pa.array([cell] * batch.num_rows, kind)
            for cell, kind in (("a", pa.string()), (0, pa.int32()), (1, pa.int32()))
        ]
        return pa.RecordBatch.from_arrays(columns, ["c0", REASON, CELLS])

    one_by_one = [lines_only().slice(number, 1) for number in range(len(LINES))]
    joint_requests = compute_requests(one_by_one, counted)
    monkeypatch.setattr(partition, "MIN_DECODED_BYTES", 1)

    assert compute_requests(one_by_one, counted) == joint_requests
    assert calls == [len(LINES), *[1] * len(LINES)]


def test_nobody_asks_for_requests_without_metadata():
    rows = RowPlan(reasons=len(Refusal), counts_cells=True)
    plan = ScanPlan(PLAN.columns, rows=rows)
    batch = rows_with_lines(0, len(ROWS)).drop_columns([LINE])
    kinds = [row.kind for row in compute_partition_states(plan, None, [batch])]

    assert "requests" not in kinds
    assert np.isin(["rows", "data_types"], kinds).all()
