"""Rows that are drawn evenly: about so many, the same on both engines, and none that does not count."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spark_model_monitor.data.profiling.row_sample import read_sampled_rows
from spark_model_monitor.data.reading.data import read_data

ROWS = 20_000
MOST = 2_000


@pytest.fixture(scope="module")
def drawn(spark, tmp_path_factory):
    """What each engine draws of the same file."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    numbers = np.arange(ROWS)
    pq.write_table(pa.table({"place": numbers, "kind": pa.array(numbers % 3 == 0).cast(pa.string())}), path)
    return [
        read_sampled_rows(read_data(str(path), spark=spark, engine=engine), ROWS, MOST) for engine in ("local", "spark")
    ]


def test_about_so_many_rows_are_drawn_from_all_over_the_data_whole_and_in_their_order(drawn):
    positions = np.array(drawn[0]["place"].to_pylist(), dtype=np.int64)

    assert abs(len(positions) - MOST) < 5 * (MOST * 0.9) ** 0.5  # a binomial number of 20,000 at a tenth
    assert (np.diff(positions) > 0).all()
    assert np.histogram(positions, 4, (0, ROWS))[0].min() > MOST / 4 * 0.8
    assert drawn[0]["kind"].to_pylist() == [str(position % 3 == 0).lower() for position in positions]


def test_both_engines_draw_the_same_rows(drawn):
    assert drawn[0].equals(drawn[1])


def test_of_few_rows_all_are_drawn():
    table = pa.table({"a": ["x", None, "y"], "b": [1.5, 2.0, None]})

    assert read_sampled_rows(read_data(table, engine="local"), 3, MOST).to_pydict() == {
        "a": ["x", None, "y"],
        "b": ["1.5", "2.0", None],
    }
