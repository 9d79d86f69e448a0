"""The order of several files' rows, whatever the order in which a partition has them."""

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.engine_protocol import PARTITION
from spark_model_monitor.data.engine.local_files import format_input_name
from spark_model_monitor.data.profiling.file_order import FileOrder
from spark_model_monitor.data.profiling.partition import compute_partition_states
from spark_model_monitor.data.profiling.scan_plan import VALUE, ColumnPlan, ScanPlan
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY, compute_file_keys, format_uri
from spark_model_monitor.statistics.states import ColumnType, RowRuns
from spark_model_monitor.statistics.states.row_counts import MAX_DISTINCT_PIECES, MIN_ROWS, read_values
from spark_model_monitor.storage import StoredFile

MIB = 2**20


def list_files(names, sizes=None):
    sizes = sizes or [9] * len(names)
    return [StoredFile(f"file:/data/{name}", size, 0) for name, size in zip(names, sizes, strict=True)]


def rank_files(order, files, starts=None):
    keys = np.array(compute_file_keys([format_input_name(file.path) for file in files]))
    return order.rank_rows(keys, np.array(starts or [0] * len(files))).tolist()


@pytest.mark.parametrize(
    "names",
    [
        ["2026-01-02.csv", "2026-01-10.csv", "2026-02-01.csv"],
        ["day-1.csv", "day-9.csv", "day-10.csv", "day-10b.csv", "day-100.csv"],
        ["dt=2026-1-2/b.csv", "dt=2026-1-12/a.csv", "dt=2026-1-12/b.csv"],
        ["a b.csv", "a%b.csv", "é.csv"],
    ],
)
def test_files_are_in_the_order_of_their_names_and_numbers(names):
    files = list_files(names)
    order = FileOrder.from_files(files[::-1])

    assert rank_files(order, files) == list(range(len(names)))
    by_uri = np.array(compute_file_keys([format_uri(file.path) for file in files]))
    assert order.rank_rows(by_uri, np.zeros(len(files), np.int64)).tolist() == list(range(len(names)))


def test_pieces_of_a_file_are_in_order_and_before_those_of_the_next():
    small, large, last = list_files(["a", "b", "c"], [1, 70 * MIB, 5])
    order = FileOrder.from_files([small, large, last])

    ranks = rank_files(order, [small, large, large, large, last], [0, 0, 32 * MIB, 64 * MIB, 0])

    assert ranks == sorted(set(ranks))


def test_a_single_file_and_rows_of_unknown_files_have_no_order():
    files = list_files(["a", "b"])

    assert FileOrder.from_files(files[:1]) is None
    order = FileOrder.from_files(files)
    assert order.rank_rows(np.array([order.keys[0], 1]), np.array([0, 0])) is None


def test_of_very_many_files_neighbours_share_a_place():
    files = list_files([f"{number}" for number in range(3 * MAX_DISTINCT_PIECES)])
    order = FileOrder.from_files(files)

    positions = order.scale_ranks(np.arange(len(files)))
    assert (np.diff(positions) >= 0).all()
    assert np.bincount(positions).tolist() == [3] * MAX_DISTINCT_PIECES


ROWS = 1_000
COLUMN = ColumnPlan(0, ColumnType.INTEGRAL, hashed_by_spark=False)
FILES = list_files(["1", "2", "3", "4", "5"])
SIZES = [40, 300, 7, 600, 53]
BOUNDS = np.cumsum([0, *SIZES])


def keep_runs(files_as_read, *, order, partition=0):
    """The runs of a partition that reads these of the files, one after the other; a cell is the number of its row."""
    rows = np.concatenate([np.arange(BOUNDS[file], BOUNDS[file + 1]) for file in files_as_read])
    keys = np.array(compute_file_keys([format_input_name(file.path) for file in FILES]))
    columns = {
        PARTITION: np.full(len(rows), partition, np.int32),
        f"{VALUE}0": rows,
        FILE_KEY: np.repeat(keys[files_as_read], np.array(SIZES)[files_as_read]),
        BLOCK_START: np.zeros(len(rows), np.int64),
    }
    batch = pa.RecordBatch.from_pydict({name: pa.array(values) for name, values in columns.items()})
    plan = ScanPlan((COLUMN,), 10, run_rows=MIN_ROWS, file_order=order)
    [state] = [row.state for row in compute_partition_states(plan, None, [batch]) if row.kind == RowRuns.KIND]
    return state


def rows_in_order(runs):
    """The rows of the runs, in the order in which these begin."""
    in_order = sorted(runs.runs, key=lambda run: run.place)
    return [read_values([run], numeric=True)[0].astype(int).tolist() for run in in_order]


def test_runs_of_several_files_are_those_of_one_file_with_the_same_rows():
    order = FileOrder.from_files(FILES)

    assert keep_runs([3, 1, 4, 0, 2], order=order) == keep_runs([0, 1, 2, 3, 4], order=None)
    assert keep_runs([3, 1, 4, 0, 2], order=None) != keep_runs([0, 1, 2, 3, 4], order=None)


def test_runs_of_several_partitions_are_in_the_order_of_the_files():
    order = FileOrder.from_files(FILES)

    runs = keep_runs([3, 0], order=order) + keep_runs([1, 4, 2], order=order, partition=1)

    rows = rows_in_order(runs)
    assert len(rows) == 32
    assert rows == sorted(rows)
    assert all(run == list(range(run[0], run[-1] + 1)) for run in rows), "no run has rows of files that are apart"


def test_rows_that_another_block_had_before_are_counted(monkeypatch):
    """A file of several blocks, and another file in the same partition that comes before it."""
    monkeypatch.setattr("spark_model_monitor.data.profiling.partition.choose_block_rows", lambda columns: 256)

    rows = rows_in_order(keep_runs([3, 1], order=FileOrder.from_files(FILES)))

    assert rows == sorted(rows)
