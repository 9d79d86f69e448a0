"""What is gathered of texts that mostly differ, whose blocks are not sorted out one by one, is what they are."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from model_monitor.profiling.block import Block
from model_monitor.profiling.gathering import TextGatherer
from model_monitor.profiling.keys import hashes_of
from model_monitor.profiling.plan import VALUE, ColumnPlan, ScanPlan
from model_monitor.states import ColumnType, DataTypeCounts, DistinctBuilder, DistinctRegisters, Frequencies

LIMIT, ROWS = 100, 1_000
COLUMN = ColumnPlan(0, ColumnType.TEXT, hashed_by_spark=False)
IDS = [f"id {number}" for number in range(ROWS)]
HALF_COMMON = [text if row % 2 else "common" for row, text in enumerate(f"later {number}" for number in range(ROWS))]
WITH_NUMBERS = [str(row) if row % 4 == 0 else None if row % 4 == 1 else f"text {row}" for row in range(ROWS)]


@pytest.fixture(scope="module")
def states():
    gatherer = TextGatherer(COLUMN, ScanPlan((COLUMN,), frequency_limit=LIMIT))
    for cells in (IDS, HALF_COMMON, WITH_NUMBERS):
        gatherer.update(Block(pa.RecordBatch.from_arrays([pa.array(cells)], names=[f"{VALUE}0"])))
    return {type(state): state for state in gatherer.states()}


def test_kinds_are_counted_cell_by_cell(states):
    quarter = ROWS // 4
    assert states[DataTypeCounts] == DataTypeCounts(missing=quarter, integral=quarter, text=2 * ROWS + 2 * quarter)


def test_a_text_that_becomes_common_later_is_counted_within_the_bound(states):
    found = states[Frequencies]
    true = Counter(IDS) + Counter(HALF_COMMON) + Counter(cell for cell in WITH_NUMBERS if cell)

    assert found.total == true.total()
    assert 0 < found.bound <= found.total / (LIMIT + 1)
    assert "common" in found.counts
    assert all(count <= true[text] <= count + found.bound for text, count in found.counts.items())


def test_distinct_values_are_those_of_all_cells(states):
    builder = DistinctBuilder()
    for cells in (IDS, HALF_COMMON, WITH_NUMBERS):
        builder.update(hashes_of(pa.array([cell for cell in cells if cell is not None])))
    assert states[DistinctRegisters] == builder.state()
    assert np.count_nonzero(builder.state().registers)
