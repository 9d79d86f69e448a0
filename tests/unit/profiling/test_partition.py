"""How the rows of a partition are cut into blocks, and what is left out of one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.engine_protocol import PARTITION
from spark_model_monitor.data.profiling.partition import choose_block_rows, compute_partition_states, split_into_blocks
from spark_model_monitor.data.profiling.scan_plan import FEATURE_OF_ROWS, ColumnPlan, RowPlan, ScanPlan
from spark_model_monitor.data.records.refusals import REASON
from spark_model_monitor.statistics.states import ColumnType, Moments, RowCounts


@pytest.mark.parametrize(
    ("numbers", "texts", "rows"),
    [
        pytest.param(0, 0, 32_768, id="nothing"),
        pytest.param(10, 3, 32_768, id="narrow"),
        pytest.param(1000, 0, 16_384, id="wide"),
        pytest.param(0, 128, 16_384, id="texts, which take more"),
        pytest.param(10_000, 1000, 8192, id="never fewer"),
    ],
)
def test_a_block_of_a_wide_table_has_fewer_rows(numbers: int, texts: int, rows: int):
    types = [ColumnType.FRACTIONAL] * numbers + [ColumnType.TEXT] * texts
    columns = [ColumnPlan(position, column_type, False) for position, column_type in enumerate(types)]

    assert choose_block_rows(columns) == rows


@pytest.mark.parametrize("batch_rows", [1, 3, 7, 10, 100])
def test_blocks_do_not_depend_on_the_batches(batch_rows: int):
    batches = pa.table({"row": range(23)}).to_batches(max_chunksize=batch_rows)

    row_blocks = [block.column("row").to_pylist() for block in split_into_blocks(batches, 10)]

    assert row_blocks == [[*range(10)], [*range(10, 20)], [20, 21, 22]]


def test_a_batch_of_refused_rows_leaves_the_others_of_its_block():
    columns = tuple(ColumnPlan(slot, ColumnType.FRACTIONAL, False, listed="l", slot=slot) for slot in range(2))
    rows = pa.table(
        {
            PARTITION: pa.array([3, 3, 3, 3], pa.int32()),
            REASON: pa.array([0, 1, 1, 0], pa.int32()),
            "l": pa.array([[1.0, 2.0], [9.0, 9.0], [9.0, 9.0], [3.0, None]]),
        }
    )

    partition_states = compute_partition_states(
        ScanPlan(columns, frequency_limit=1, rows=RowPlan(reasons=1)), None, rows.to_batches(max_chunksize=1)
    )

    states = {(row.feature, row.kind): row.state for row in partition_states}
    assert states[FEATURE_OF_ROWS, RowCounts.KIND] == RowCounts(kept=2, refused=(2,))
    assert [(states[slot, Moments.KIND].sum, states[slot, Moments.KIND].missing) for slot in range(2)] == [
        (4, 0),
        (2, 1),
    ]


def test_numeric_columns_have_the_states_that_each_has_alone():
    """Of whatever type, with missing values and without, in one block and in several."""
    random = np.random.default_rng(1)
    numbers = random.normal(size=9000)
    some = random.random(9000) < 0.1
    odd = np.where(some, random.choice([np.inf, -np.inf, np.nan, -0.0], 9000), numbers)
    cells = [
        *(pa.array(numbers), pa.array(numbers + 1, mask=some), pa.array(odd), pa.array(numbers.astype(np.float32))),
        *(pa.array(random.integers(0, 99, 9000), pa.int8()), pa.array(np.arange(9000)), pa.nulls(9000, pa.float64())),
    ]
    kinds = [
        ColumnType.INTEGRAL if pa.types.is_integer(column_cells.type) else ColumnType.FRACTIONAL
        for column_cells in cells
    ]
    columns = tuple(ColumnPlan(number, kind, False) for number, kind in enumerate(kinds))
    named = {
        PARTITION: pa.array(np.zeros(9000, np.int32)),
        **{f"v{column_cells}": each for column_cells, each in enumerate(cells)},
    }

    def states(*some: ColumnPlan, rows: int) -> dict[tuple[int, str], bytes]:
        plan = ScanPlan(some, frequency_limit=9, rows=RowPlan(counted=False), all_columns=99, run_rows=8)
        partition_states = compute_partition_states(plan, None, pa.table(named).slice(0, rows).to_batches())
        return {(row.feature, row.kind): row.blob for row in partition_states}

    for rows in (1, 100, 9000):
        alone = {key: blob for column in columns for key, blob in states(column, rows=rows).items()}
        assert states(*columns, rows=rows) == alone
