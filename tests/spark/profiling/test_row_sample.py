"""Rows that are drawn evenly: about so many, the same on both engines, and none that does not count."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.spark_lines import driver_context

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.data.profiling.row_sample import read_sampled_rows
from spark_model_monitor.data.reading.data import read_data

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


def test_a_violated_window_is_read_once_and_its_baseline_once_more(spark, tmp_path):
    """Rows that Spark's tasks read of files, by the metrics of its stages: the scan keeps those of the sample."""
    numbers = np.arange(ROWS)
    plans = np.array(["basic", "family", "student", "business"])[numbers % 4]
    amounts = np.random.default_rng(1).lognormal(size=ROWS)
    pq.write_table(pa.table({"plan": plans, "amount": amounts}), tmp_path / "before.parquet")
    pq.write_table(
        pa.table({"plan": plans, "amount": np.where(plans == "student", 100 * amounts, amounts)}),
        tmp_path / "after.parquet",
    )
    monitor = DataQualityMonitor()
    baseline = run_baseline(str(tmp_path / "before.parquet"), monitor, spark=spark)
    read_before = count_rows_read()

    findings = run_monitoring(str(tmp_path / "after.parquet"), monitor, baseline, spark=spark)

    assert "plan=student" in {check_result.segment for check_result in findings.results}
    assert count_rows_read() - read_before == 2 * ROWS


def count_rows_read() -> int:
    context = driver_context()
    jvm = context._jvm
    no_list = jvm.java.util.ArrayList()
    no_quantiles = context._gateway.new_array(jvm.double, 0)
    stages = context._jsc.sc().statusStore().stageList(no_list, False, False, no_quantiles, no_list)
    return sum(stages.apply(index).inputRecords() for index in range(stages.size()))
