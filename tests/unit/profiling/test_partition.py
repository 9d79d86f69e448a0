"""How the rows of a partition are cut into blocks."""

from __future__ import annotations

import pyarrow as pa
import pytest

from model_monitor.profiling.partition import blocks, rows_of_block


@pytest.mark.parametrize(
    ("columns", "rows"), [(0, 32_768), (1, 32_768), (16, 32_768), (20, 26_214), (64, 8192), (65, 8192), (10_000, 8192)]
)
def test_a_block_of_a_narrow_table_has_more_rows(columns: int, rows: int):
    assert rows_of_block(columns) == rows


@pytest.mark.parametrize("batch_rows", [1, 3, 7, 10, 100])
def test_blocks_do_not_depend_on_the_batches(batch_rows: int):
    batches = pa.table({"row": range(23)}).to_batches(max_chunksize=batch_rows)

    found = [block.column("row").to_pylist() for block in blocks(batches, 10)]

    assert found == [[*range(10)], [*range(10, 20)], [20, 21, 22]]
