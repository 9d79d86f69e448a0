"""The bins of cells whose type is another one than the baseline's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.profiling import row_sample, scan
from spark_model_monitor.data.profiling.gathering import MOST_SAMPLED_ROWS, RESERVOIR_ROW_BYTES
from spark_model_monitor.data.profiling.row_sample import (
    MISSING,
    BinnedColumn,
    draw_row_sample,
    read_sampled_rows,
)
from spark_model_monitor.data.reading.data import read_data
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.monitors.data_quality.feature_scan import scan_data_set
from spark_model_monitor.statistics.states.profile import Measures

OTHERS = 1
OF_NUMBERS = BinnedColumn(0, cuts=(1.0, 2.0))
OF_TEXTS = BinnedColumn(0, values=("a", "b"))


@pytest.mark.parametrize("binned", [OF_NUMBERS, OF_TEXTS], ids=["numbers", "texts"])
@pytest.mark.parametrize("cells", [[[1.0], None], [{"a": 1}, None], [b"\xff", None]], ids=["list", "struct", "bytes"])
def test_cells_that_have_no_value_of_the_bins_are_others(binned, cells):
    """A column that became lists ended the search for causes on Spark, and the job with it."""
    assert binned.bin_cells(pa.array(cells)).tolist() == [OTHERS, MISSING]


@pytest.mark.parametrize("values", [("false", "true"), ("False", "True")])
def test_flags_have_the_bin_of_their_value_however_they_are_written(values):
    cells = pa.array(["False", "true", "TRUE", None, "truth"])

    assert BinnedColumn(0, values=values).bin_cells(cells).tolist() == [2, 3, 3, MISSING, OTHERS]
    assert BinnedColumn(0, values=values).bin_cells(pa.array([True, False])).tolist() == [3, 2]


@pytest.mark.parametrize("kind", [pa.timestamp("us"), pa.date32()], ids=str)
def test_times_are_no_numbers_and_have_texts(kind):
    cells = pa.array([datetime(2026, 1, 2), None]).cast(kind)

    assert OF_NUMBERS.bin_cells(cells).tolist() == [OTHERS, MISSING]
    assert OF_TEXTS.bin_cells(cells).tolist() == [OTHERS, MISSING]


def test_numbers_are_binned_by_the_cuts_and_texts_by_their_values():
    assert OF_NUMBERS.bin_cells(pa.array([0, 1, 2, 3, None])).tolist() == [2, 2, 3, 4, MISSING]
    assert OF_TEXTS.bin_cells(pa.array(["b", "c", None])).tolist() == [3, OTHERS, MISSING]


def test_of_few_rows_all_are_drawn():
    table = pa.table({"a": ["x", None, "y"], "b": [1.5, 2.0, None]})

    assert read_sampled_rows(read_data(table, engine="local"), 3, 2_000).to_pydict() == {
        "a": ["x", None, "y"],
        "b": ["1.5", "2.0", None],
    }


def test_some_texts_share_a_bin():
    column = BinnedColumn(0, values=("a",), grouped=("b", "c"))

    assert column.bins == 4
    assert column.bin_cells(pa.array(["a", "b", "c", "d", None])).tolist() == [2, 3, 3, OTHERS, MISSING]


@pytest.mark.parametrize("sizes", [(20_000,), (9_000, 0, 10_000, 1_000)], ids=["a partition", "uneven partitions"])
def test_the_sample_of_kept_rows_is_the_one_that_reading_all_rows_again_draws(monkeypatch, sizes):
    for module in (row_sample, scan):
        monkeypatch.setattr(module, "MOST_SAMPLED_ROWS", 1_000)
    data = make_data_set(sizes)
    columns = [BinnedColumn(0, cuts=(-0.5, 0.5)), BinnedColumn(1, values=("a", "b")), BinnedColumn(3, values=("true",))]
    sample = draw_row_sample(data, columns, sum(sizes), time=2)

    reservoir = scan_data_set(Measures(fills_reservoir=True), data, None).reservoir
    emptied = replace(make_data_set(()), reservoir=reservoir)
    sample_of_kept = draw_row_sample(emptied, columns, sum(sizes), time=2)

    assert 800 < len(sample.bins) < 1_200
    assert len(reservoir.rows) <= 4 * 1_000
    assert np.array_equal(sample_of_kept.bins, sample.bins)
    assert sample_of_kept.said == sample.said


@pytest.mark.parametrize("position", [0, 4], ids=["most rows in one of many partitions", "a column of lists"])
def test_rows_are_read_again_where_those_kept_are_not_enough(monkeypatch, position):
    for module in (row_sample, scan):
        monkeypatch.setattr(module, "MOST_SAMPLED_ROWS", 1_000)
    sizes = (20_000,) if position else (20_000, *[10] * 19)
    data = make_data_set(sizes)
    reservoir = scan_data_set(Measures(fills_reservoir=True), data, None).reservoir
    column = BinnedColumn(position, cuts=(0.0,))

    sample = draw_row_sample(replace(data, reservoir=reservoir), [column], sum(sizes))

    assert np.array_equal(sample.bins, draw_row_sample(data, [column], sum(sizes)).bins)
    emptied = replace(make_data_set(()), reservoir=reservoir)
    assert not len(draw_row_sample(emptied, [column], sum(sizes)).bins)


def test_of_long_texts_fewer_rows_are_kept():
    texts = pa.array([f"{number:06d}" * 40 for number in range(3 * MOST_SAMPLED_ROWS)])
    columns = {f"c{position}": texts for position in range(6)}

    data = read_data(pa.table(columns), engine="local")
    reservoir = scan_data_set(Measures(fills_reservoir=True), data, None).reservoir

    assert 0 < len(reservoir.rows) * 6 * 240 < 4 * MOST_SAMPLED_ROWS * RESERVOIR_ROW_BYTES * 1.1


def make_data_set(sizes: Sequence[int]) -> Dataset:
    """Partitions of these sizes, of numbers, texts, times, flags and lists."""
    random = np.random.default_rng(7)
    batches = []
    for size in sizes:
        texts = pa.array(random.choice(["a", "b", "c"], size)).cast(pa.string())
        times = pa.array(random.integers(0, 10**15, size)).cast(pa.timestamp("us"))
        flags = pa.array(random.random(size) < 0.5, mask=random.random(size) < 0.1)
        lists = pa.array([[1.0]] * size, pa.list_(pa.float64()))
        arrays = [pa.array(random.normal(size=size)), texts, times, flags, lists]
        batches.append(pa.RecordBatch.from_arrays(arrays, SCHEMA.names))
    rows = LocalEngine(processes=1).make_partitions(SCHEMA, [[batch] for batch in batches])
    return Dataset(rows, ("number", "text", "time", "flag", "list"), partitions_at_most=max(1, len(sizes)))


SCHEMA = pa.schema(
    [
        *(("c0", pa.float64()), ("c1", pa.string()), ("c2", pa.timestamp("us"))),
        *(("c3", pa.bool_()), ("c4", pa.list_(pa.float64()))),
    ]
)
