"""Runs of rows: neighbours, spread over partitions, the same rows of every column, and none of a monitoring run."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.engine_protocol import PARTITION
from spark_model_monitor.data.profiling.partition import compute_partition_states
from spark_model_monitor.data.profiling.scan_plan import VALUE, ColumnPlan, ScanPlan
from spark_model_monitor.statistics.states import ColumnType, RowRuns
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS, count_value_rows, read_values

NUMBERS = ColumnPlan(0, ColumnType.INTEGRAL, hashed_by_spark=False)
TEXTS = ColumnPlan(1, ColumnType.TEXT, hashed_by_spark=False)


def compute_runs(rows, partition=0, *, columns=(NUMBERS, TEXTS), run_rows=MIN_ROWS, texts=str):
    """The runs of a partition whose cells are the numbers of its rows. texts: what the text column has of each."""
    plan = ScanPlan(columns, 10, run_rows=run_rows, all_columns=len(columns))
    cells = [np.full(len(rows), partition, np.int32), np.array(rows, dtype=np.int64), pa.array(list(map(texts, rows)))]
    batch = pa.RecordBatch.from_arrays(
        [pa.array(column_cells) for column_cells in cells], names=[PARTITION, f"{VALUE}0", f"{VALUE}1"]
    )
    partition_states = compute_partition_states(plan, None, [batch])
    return {row.feature: row.state for row in partition_states if row.kind == RowRuns.KIND}


def numbers(state, *, numeric=True):
    return [read_values([run], numeric=numeric)[0].astype(int).tolist() for run in state.runs]


def test_runs_are_neighbours_and_the_same_rows_of_every_column():
    column_runs = compute_runs(range(1000))

    runs = numbers(column_runs[0])
    assert (len(runs), {len(run) for run in runs}) == (32, {31})
    assert all(run == list(range(run[0], run[0] + 31)) for run in runs)
    assert numbers(column_runs[1]) == runs


@pytest.mark.parametrize(("rows", "runs"), [(7, 0), (8, 1), (64, 8), (100, 12), (255, 31), (256, 32)])
def test_a_run_has_eight_rows_at_least(rows, runs):
    assert len(compute_runs(range(rows))[0].runs) == runs


def test_partitions_have_their_parts_of_the_sum():
    states = [compute_runs(range(1000 * number, 1000 * number + 1000), number)[0] for number in range(5)]
    total = sum(states, RowRuns())

    by_partition = np.bincount([run[0] // 1000 for run in numbers(total)])
    assert len(total.runs) == 32
    assert by_partition.tolist() == [7, 7, 7, 7, 4]  # the last one has four only
    assert sum(reversed(states), RowRuns()) == total


def test_of_many_partitions_few_send_runs():
    run_counts = [len(compute_runs(range(100), number)[0].runs) for number in range(0, 2000, 7)]

    assert 0 < sum(run_counts[10:]) < 60


def test_texts_that_are_no_numbers_are_distinguished_by_hashes():
    row_runs = compute_runs(range(800), texts=lambda row: "abc"[row % 3])[1]

    assert numbers(row_runs) == [[]] * 32
    assert {len(set(read_values([run], numeric=False)[0].tolist())) for run in row_runs.runs} == {3}


def test_texts_among_numbers_are_left_out_of_them():
    def text_of_row(row):
        if row % 5 == 0:
            return "n/a"
        if row % 5 == 1:
            return None
        return str(row)

    mixed = compute_runs(range(800), texts=text_of_row)[1]

    for run, run_numbers in zip(mixed.runs, numbers(mixed), strict=True):
        assert run.rows == 25
        assert len(run_numbers) == 15
        assert all(number % 5 > 1 for number in run_numbers)
        hashes, _ = read_values([run], numeric=False)
        assert len(hashes) == 20
    assert count_value_rows(mixed.runs, numeric=True).tolist() == [20.0] * 32
    assert count_value_rows(mixed.runs, numeric=False).tolist() == [25.0] * 32


def test_a_run_with_fewer_numbers_than_texts_has_no_numbers():
    cells = [str(row) for row in range(800)]
    for row in range(800):
        if row % 5 > 1:
            cells[row] = "n/a"
    mixed = compute_runs(range(800), texts=cells.__getitem__)[1]

    assert numbers(mixed) == [[]] * 32


def test_missing_cells_are_rows_without_a_value():
    row_runs = compute_runs(range(800), texts=lambda row: None if row % 5 == 0 else "1.5")[1]

    assert {(run.rows, len(read_values([run], numeric=True)[0])) for run in row_runs.runs} == {(25, 20)}


def test_nobody_else_keeps_runs():
    assert compute_runs(range(1000), run_rows=0) == {}
    vector = ColumnPlan(0, ColumnType.NESTED, hashed_by_spark=False)
    assert ScanPlan((vector,), 10, run_rows=MIN_ROWS).run_columns == ()
