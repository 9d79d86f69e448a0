"""The window of a table by its time column. The rows are an hour apart, so those of a window can be counted by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from tests.spark_lines import explain_plan

from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.format_readers import select_window
from spark_model_monitor.data.reading.formats import parse_format
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.spark.engine.spark import SparkEngine

DAY = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOURS = "SELECT id, TIMESTAMP_LTZ'2026-03-01 00:00:00Z' + make_interval(0, 0, 0, 0, id) AS at FROM range(72)"


def count_rows(frame, start, end, column="at"):
    return select_window(Dataset.of(frame), column, Window(start, end)).frame.count()


@pytest.mark.parametrize("kind", ["timestamp_ltz", "timestamp_ntz"])
@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_a_window_has_its_first_moment_and_not_its_last(spark, kind, zone):
    before = spark.conf.get("spark.sql.session.timeZone")
    if kind == "timestamp_ltz":
        time_expression = "at"
    else:
        time_expression = "to_utc_timestamp(at, current_timezone())"
    try:
        spark.conf.set("spark.sql.session.timeZone", zone)
        frame = spark.sql(
            f"SELECT id, CAST({time_expression} AS {kind}) AS at FROM ({HOURS}) UNION ALL SELECT 100, NULL"
        )
        row_count = count_rows(frame, DAY + timedelta(hours=3), DAY + timedelta(hours=5, minutes=1))
    finally:
        spark.conf.set("spark.sql.session.timeZone", before)

    assert row_count == 3  # 03:00, 04:00 and 05:00


def test_days_have_windows_of_days(spark):
    frame = spark.sql(f"SELECT id, CAST(at AS date) AS at FROM ({HOURS})")

    assert count_rows(frame, DAY + timedelta(days=1), DAY + timedelta(days=2)) == 24
    with pytest.raises(BadConfiguration, match="'at' has days; a window of them begins and ends at 00:00 UTC"):
        count_rows(frame, DAY, DAY + timedelta(hours=5))


def test_spark_reads_what_may_lie_in_the_window_alone(spark, tmp_path):
    spark.sql(HOURS).write.parquet(str(tmp_path / "hours"))
    dataset = read_path(SparkEngine(spark), str(tmp_path / "hours"), parse_format("parquet"))
    window_rows = select_window(dataset, "at", Window(DAY, DAY + timedelta(hours=1)))
    plan = explain_plan(window_rows.frame)

    assert window_rows.frame.count() == 1
    assert "GreaterThanOrEqual(at,2026-03-01 00:00:00.0), LessThan(at,2026-03-01 01:00:00.0)" in plan


@pytest.mark.parametrize(
    ("column", "sentence"),
    [("when", "'when' is no column; they are id, at"), ("id", "'id' is of type int64; a window needs a timestamp")],
)
def test_a_column_that_has_no_times_is_reported(spark, column, sentence):
    with pytest.raises(BadConfiguration, match=f"time_column: {sentence}"):
        count_rows(spark.sql(HOURS), DAY, DAY + timedelta(hours=1), column)


def test_texts_have_no_window(spark, tmp_path):
    (tmp_path / "rows.csv").write_text("id,at\n1,2026-03-01T00:00:00Z\n")
    dataset = read_path(SparkEngine(spark), str(tmp_path / "rows.csv"), parse_format("csv"))

    with pytest.raises(BadConfiguration, match="time_column: 'at' is text, as all of CSV"):
        select_window(dataset, "at", Window(DAY, DAY + timedelta(hours=1)))
