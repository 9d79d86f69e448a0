"""--time-column on both engines: the same parts of the same files, from texts and from times."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from model_monitor.reports.history.archive import parts_file
from model_monitor.running.runs.run import run_baseline, run_monitoring


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

    found = [run_baseline(path, monitor, spark=spark, engine=engine) for engine in ("spark", "local")]

    assert parts_file(found[0].variation) == parts_file(found[1].variation)
    assert np.mean(found[0].variation.past["x"]["location"] ** 2) > 10  # of parts in no order it would be 1
    current = run_monitoring(path, monitor, found[0], spark=spark, engine="local").current

    newest = datetime(2026, 3, 1, tzinfo=timezone.utc) + timedelta(hours=3_999)
    assert current.ledger.newest == newest
    assert run_monitoring(path, monitor, found[0], spark=spark, engine="spark").current.ledger.newest == newest


@pytest.mark.parametrize("kind", ["timestamp_ltz", "timestamp_ntz", "string"])
def test_the_newest_row_is_told_in_utc_whatever_the_time_zone_of_the_session(spark, kind):
    """Times without a zone are UTC, as everywhere."""
    before = spark.conf.get("spark.sql.session.timeZone")
    at = "TIMESTAMP_LTZ'2026-03-01 00:00:00Z'" if kind == "timestamp_ltz" else "TIMESTAMP_NTZ'2026-03-01 00:00:00'"
    try:
        spark.conf.set("spark.sql.session.timeZone", "America/New_York")
        frame = spark.sql(f"SELECT CAST({at} + make_interval(0, 0, 0, 0, id) AS {kind}) AS at FROM range(10)")
        monitor = DataQualityMonitor(time_column="at")
        current = run_monitoring(frame, monitor, run_baseline(frame, monitor, spark=spark), spark=spark).current
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)

    assert current.ledger.newest == datetime(2026, 3, 1, 9, tzinfo=timezone.utc)
