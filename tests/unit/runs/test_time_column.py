"""--time-column: how a baseline varies is told from neighbours in time, whatever the order of its rows. Without a JVM."""

from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.format_readers import select_window
from spark_model_monitor.data.reading.formats import parse_format
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

ROWS = 16_000
RANDOM = np.random.default_rng(5)
HOURS = RANDOM.permutation(ROWS) / ROWS * 240  # ten days in no order
WOBBLING = 0.4 * np.sin(HOURS / 24 * 2 * np.pi) + RANDOM.standard_normal(ROWS)
"""Higher by day than by night: a window of six hours is off by up to 0.4."""

TIMES = {
    "times": pd.Timestamp("2026-03-01") + pd.to_timedelta(HOURS, unit="h"),
    "ISO 8601": (pd.Timestamp("2026-03-01") + pd.to_timedelta(HOURS, unit="h")).strftime("%Y-%m-%dT%H:%M:%S"),
    "numbers": HOURS * 3600,
    "texts of numbers": [f"{hours * 3600:.0f}" for hours in HOURS],
}


def make_baseline(times, **options):
    frame = pd.DataFrame({"at": times, "x": WOBBLING})
    return run_baseline(frame, DataQualityMonitor(**options), engine="local")


def x_drift(baseline, values):
    window = pd.DataFrame({"at": TIMES["numbers"][: len(values)], "x": values})
    findings = run_monitoring(window, baseline.monitor, baseline, engine="local")
    return next(
        outcome for outcome in findings.results if (outcome.feature, outcome.check) == ("x", "baseline_drift_check")
    )


def varies(baseline):
    return float(np.mean(baseline.variation.past["x"]["location"] ** 2))


@pytest.mark.parametrize("kind", TIMES)
def test_parts_are_neighbours_in_time_however_times_are_written(kind):
    """Squared scores of parts of rows in no order have mean 1; 512 rows of eight hours are off by up to 9 standard errors."""
    assert varies(make_baseline(TIMES[kind])) < 3
    assert varies(make_baseline(TIMES[kind], time_column="at")) > 10


def test_a_healthy_quarter_of_a_day_alarms_beside_shuffled_parts_and_not_beside_those_in_time():
    quarter = 0.4 + np.random.default_rng(6).standard_normal(1_000)

    assert x_drift(make_baseline(TIMES["numbers"]), quarter).status.value == "violated"
    assert x_drift(make_baseline(TIMES["numbers"], time_column="at"), quarter).status.value != "violated"


def test_rows_that_come_in_the_order_of_time_keep_it_though_some_are_late():
    """What arrives on each of ten days, in no order, a fifth of it eight hours late or so: such days are alike, and sorted parts
    of eight hours are not.
    """
    random = np.random.default_rng(8)
    # The day of arrival is the day of most events
    hours = np.sort(HOURS) // 24 * 24 + random.uniform(0, 24, ROWS)
    hours -= random.exponential(8, ROWS) * (random.random(ROWS) < 0.2)
    values = 0.4 * np.sin(hours / 24 * 2 * np.pi) + random.standard_normal(ROWS)
    arrived = pd.DataFrame({"at": hours * 3600, "x": values})
    shuffled = arrived.sample(frac=1, random_state=9)

    def score(frame):
        return varies(run_baseline(frame, DataQualityMonitor(time_column="at"), engine="local"))

    assert score(arrived) < 3
    assert score(shuffled) > 10


def test_a_column_that_changes_with_time_is_no_sorted_one():
    baseline = make_baseline(TIMES["numbers"], time_column="at")

    assert dict(baseline.variation.unfit) == {}
    in_order = pd.DataFrame({"x": np.sort(WOBBLING)})
    assert set(run_baseline(in_order, DataQualityMonitor(), engine="local").variation.unfit) == {"x"}


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(BadConfiguration, match="--time-column: 'when' is no column; they are at, x"):
        make_baseline(TIMES["numbers"], time_column="when")


MARCH = datetime(2026, 3, 1, tzinfo=timezone.utc)
HOURLY = pa.array([*range(72), None], pa.int64())
"""The hours of three days, and a row without a time."""


def select_hours(path, kind, start, end):
    """The rows between two hours of a table of hours and their numbers, in a column of this type."""
    # An hour is a row
    micros = pc.add(pc.multiply(HOURLY, 3_600_000_000), int(MARCH.timestamp() * 1_000_000))
    times = micros.cast(pa.timestamp("us")).cast(kind, safe=False)
    pq.write_table(pa.table({"number": HOURLY, "at": times}), path, row_group_size=7)
    # Cut an hour or more out of it
    window = Window(MARCH + timedelta(hours=start), MARCH + timedelta(hours=end))
    return select_window(read_path(LocalEngine(), str(path), parse_format("parquet")), "at", window)


@pytest.mark.parametrize(
    "kind", [pa.timestamp("us", "UTC"), pa.timestamp("us", "Asia/Tokyo"), pa.timestamp("ms")], ids=str
)
@pytest.mark.parametrize("features", [("number",), ("number", "at")], ids=["alone", "with its time"])
def test_a_window_has_its_first_moment_and_not_its_last_without_spark(kind, features, tmp_path):
    rows = select_hours(tmp_path / "hours.parquet", kind, 3, 5.5).select_features(features).table

    assert [batch.column("c0").to_pylist() for batch in rows.batches()] == [[3, 4, 5]]


def test_days_have_windows_of_days_without_spark(tmp_path):
    day = select_hours(tmp_path / "hours.parquet", pa.date32(), 24, 48).table

    assert [number for batch in day.batches() for number in batch.column("c0").to_pylist()] == [*range(24, 48)]
    with pytest.raises(BadConfiguration, match="'at' has days; a window of them begins and ends at 00:00 UTC"):
        select_hours(tmp_path / "hours.parquet", pa.date32(), 0, 5)


def test_a_column_without_times_has_no_window(tmp_path):
    with pytest.raises(BadConfiguration, match="'at' is of type int64; a window needs a timestamp or a date"):
        select_hours(tmp_path / "hours.parquet", pa.int64(), 0, 5)


def test_flags_that_the_data_gives_nothing_to_are_reported(tmp_path, caplog):
    (tmp_path / "orders.csv").write_text("at,x\n1,2\n")
    options = {"dataset-source": tmp_path / "orders.csv", "dataset-format": "csv", "output-path": "out"}
    options |= {"time-column": "when", "sample": "0.5", "allow-mixed-encodings": "true"}
    sources = read_sources([f"--{name}={text}" for name, text in options.items()], {})

    read_source(LocalEngine(), build_config("monitor", sources, in_container=False))

    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "without effect on this data, of another format or problem, or without a window: --sample, allow_mixed_encodings",
        "--time-column: 'when' is no column of this data; nothing is judged by the time of rows",
    ]
