"""--time-column: how a baseline varies is told from neighbours in time, whatever the order of its rows. Without a JVM."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.formats import parse_format
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.reading.readers import select_window
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, NeedsSpark
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.inputs.run_inputs import why_spark_runs
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


WINDOW = ("--start-time", "2026-03-02T05:00:00Z", "--end-time", "2026-03-02T06:00:00Z")


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (("--dataset-format", "parquet", "--time-column", "at", *WINDOW), "a window by --time-column is its"),
        (("--dataset-format", "parquet", "--time-column", "at"), None),
        (("--dataset-format", "parquet", *WINDOW), None),
        (("--dataset-format", "capture", "--time-column", "at", *WINDOW), None),
    ],
)
def test_the_engine_is_spark_where_nobody_chose_one_and_a_window_is_reported_by_the_column(
    flags, reason, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "spark_model_monitor.data.reading.data.get_running_session", lambda: None
    )  # that of another test
    flags = ("--dataset-source", str(tmp_path), "--baseline", "known", "--output-path", "report", *flags)
    config = build_config("monitor", read_sources(flags, {}), in_container=False)

    assert why_spark_runs(config, None) == reason


def test_the_engine_without_a_jvm_names_the_window_that_it_can_not_tell(tmp_path):
    path = tmp_path / "orders.parquet"
    pd.DataFrame({"at": TIMES["times"].astype("datetime64[us]")}).to_parquet(path)
    window = Window(*sorted(TIMES["times"][:2].tz_localize("UTC").to_pydatetime()))

    with pytest.raises(NeedsSpark, match="a window by --time-column needs Spark; write --engine spark"):
        select_window(read_path(LocalEngine(), str(path), parse_format("parquet")), "at", window)


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
