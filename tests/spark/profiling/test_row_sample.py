"""Rows that are drawn evenly: about so many, the same on both engines, and none that does not count."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from spark_model_monitor.data.profiling.row_sample import read_sampled_rows
from spark_model_monitor.data.reading.data_reader import read_data

ROWS = 20_000
MOST = 2_000


def test_both_engines_draw_the_same_rows_from_all_over_the_data_whole_and_in_their_order(spark, tmp_path):
    path = tmp_path / "rows.parquet"
    numbers = np.arange(ROWS)
    pq.write_table(pa.table({"place": numbers, "kind": pa.array(numbers % 3 == 0).cast(pa.string())}), path)
    local, of_spark = (
        read_sampled_rows(read_data(str(path), spark=spark, engine=engine), ROWS, MOST) for engine in ("local", "spark")
    )
    positions = np.array(local["place"].to_pylist(), dtype=np.int64)

    assert of_spark.equals(local)
    assert abs(len(positions) - MOST) < 5 * (MOST * 0.9) ** 0.5  # a binomial number of 20,000 at a tenth
    assert (np.diff(positions) > 0).all()
    assert np.histogram(positions, 4, (0, ROWS))[0].min() > MOST / 4 * 0.8
    assert local["kind"].to_pylist() == [str(position % 3 == 0).lower() for position in positions]
