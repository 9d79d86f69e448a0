"""How the rows of a partition are cut into blocks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from model_monitor.profiling.partition import blocks, rows_of_block
from model_monitor.profiling.plan import ColumnPlan
from model_monitor.states import ColumnType


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

    assert rows_of_block(columns) == rows


@pytest.mark.parametrize("batch_rows", [1, 3, 7, 10, 100])
def test_blocks_do_not_depend_on_the_batches(batch_rows: int):
    batches = pa.table({"row": range(23)}).to_batches(max_chunksize=batch_rows)

    found = [block.column("row").to_pylist() for block in blocks(batches, 10)]

    assert found == [[*range(10)], [*range(10, 20)], [20, 21, 22]]
