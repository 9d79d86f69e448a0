"""--time-column on both engines: the same parts of the same files, from texts and from times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest
from tests.both_engines import list_engines

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_readers import select_window
from spark_model_monitor.data.reading.formats import parse_format
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.reports.history.state_files import encode_block_variation
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_both_engines_put_rows_in_the_same_order(spark, tmp_path, kind):
    hours = np.random.default_rng(3).permutation(4_000)
    frame = pd.DataFrame(
        {"x": np.sin(hours / 300), "at": pd.Timestamp("2026-03-01") + pd.to_timedelta(hours, unit="h")}
    )
    path = tmp_path / f"rows.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, coerce_timestamps="us")
    monitor = DataQualityMonitor(time_column="at")

    baselines = [run_baseline(path, monitor, **where) for where in list_engines(spark)]

    assert encode_block_variation(baselines[0].variation) == encode_block_variation(baselines[1].variation)
    assert np.mean(baselines[0].variation.past["x"]["location"] ** 2) > 10  # of parts in no order it would be 1
    current = run_monitoring(path, monitor, baselines[0], spark=spark, engine="local").current

    newest = datetime(2026, 3, 1, tzinfo=timezone.utc) + timedelta(hours=3_999)
    assert current.ledger.newest == newest
    assert run_monitoring(path, monitor, baselines[0], spark=spark, engine="spark").current.ledger.newest == newest


def test_both_engines_say_to_the_last_digit_how_old_times_are(spark, tmp_path):
    """Executors may have another numpy's arcsinh, as one that uses other instructions: a state has sums and products alone."""
    random = np.random.default_rng(4)
    times = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(3_000) * 7, unit="s")
    created = times - pd.to_timedelta(random.exponential(400, 3_000), unit="s")
    frame = pd.DataFrame({"at": times, "made": created, "seconds": created.astype("int64") / 1e9})
    frame.to_parquet(tmp_path / "rows.parquet", coerce_timestamps="us", allow_truncated_timestamps=True)
    monitor = DataQualityMonitor(time_column="at")

    runs = [run_baseline(tmp_path / "rows.parquet", monitor, **where) for where in list_engines(spark)]
    states = [run.state for run in runs]

    assert {"ages", "vector_moments"} <= states[0].features[1].states.keys() & states[0].features[2].states.keys()
    assert states[0].to_bytes() == states[1].to_bytes()


def test_both_engines_cut_the_same_rows_by_time(spark, tmp_path):
    minutes = np.random.default_rng(5).permutation(9_000)
    first = pd.Timestamp("2026-03-01", tz="UTC")
    times = first + pd.to_timedelta(minutes, unit="min")
    frame = pd.DataFrame({"at": times, "x": np.sqrt(np.arange(9_000))})
    frame.to_parquet(tmp_path / "rows.parquet", coerce_timestamps="us", row_group_size=500)
    window = Window(*(datetime(2026, 3, day, 5, tzinfo=timezone.utc) for day in (3, 4)))
    states = []
    for engine in (LocalEngine(), SparkEngine(spark)):
        rows = read_path(engine, str(tmp_path), parse_format("parquet"))
        data = select_window(rows, "at", window)
        states.append(run_baseline(data, DataQualityMonitor(time_column="at")).state)

    assert states[0].item_count == 24 * 60
    assert states[0].to_bytes() == states[1].to_bytes()


@pytest.mark.parametrize("kind", ["timestamp_ltz", "timestamp_ntz", "string"])
def test_the_newest_row_is_reported_in_utc_whatever_the_time_zone_of_the_session(spark, kind):
    """Times without a zone are UTC, as everywhere."""
    before = spark.conf.get("spark.sql.session.timeZone")
    if kind == "timestamp_ltz":
        time_expression = "TIMESTAMP_LTZ'2026-03-01 00:00:00Z'"
    else:
        time_expression = "TIMESTAMP_NTZ'2026-03-01 00:00:00'"
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        frame = spark.sql(
            f"SELECT CAST({time_expression} + make_interval(0, 0, 0, 0, id) AS {kind}) AS at FROM range(10)"
        )
        monitor = DataQualityMonitor(time_column="at")
        current = run_monitoring(frame, monitor, run_baseline(frame, monitor, spark=spark), spark=spark).current
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)

    assert current.ledger.newest == datetime(2026, 3, 1, 9, tzinfo=timezone.utc)
