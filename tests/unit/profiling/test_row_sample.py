"""The bins of cells whose type is another one than the baseline's."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pytest

from spark_model_monitor.data.profiling.row_sample import MISSING, BinnedColumn, read_sampled_rows
from spark_model_monitor.data.reading.data_reader import read_data

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
