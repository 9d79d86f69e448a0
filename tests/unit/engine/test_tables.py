"""Rows that travel with the tasks."""

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.spark.engine.arrow_slices import SLICE_BYTES, _pack_slice, split_table
from spark_model_monitor.spark.engine.worker import unpack


@pytest.mark.parametrize(
    ("rows", "pieces"),
    [(0, 1), (1, 1), (SLICE_BYTES // 8, 1), (SLICE_BYTES // 8 + 1, 2), (SLICE_BYTES // 8 * 3, 3)],
)
def test_a_table_is_cut_by_its_size_alone(rows, pieces):
    """A column of doubles takes 8 bytes a row."""
    table = pa.table({"x": np.zeros(rows)})
    cut = split_table(table)

    assert len(cut) == pieces
    assert sum(piece.num_rows for piece in cut) == rows
    assert all(piece.nbytes <= SLICE_BYTES for piece in cut)


def test_what_is_packed_is_unpacked():
    rows = pa.table({"x": [1, None], "y": ["a", "é"]})
    column = pa.record_batch({"slice": [bytes(_pack_slice(rows)), bytes(_pack_slice(rows.slice(1)))]})

    assert pa.Table.from_batches(unpack([column])).to_pylist() == [*rows.to_pylist(), {"x": None, "y": "é"}]
