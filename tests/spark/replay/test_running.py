"""A replay of the example's traffic: two hours without a fault, one with it (integrations/demo/traffic.py)."""

import json

import pytest

from spark_model_monitor.integrations.demo.traffic import FAULT, Traffic, write_data_set
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.replay.replay_run import replay
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.scheduling.schedules import Recurrence
from spark_model_monitor.spark.engine.spark import SparkEngine

HOURLY = Recurrence(0, 1)


@pytest.fixture(scope="module")
def example(spark, tmp_path_factory):
    """Captures of 16:00 to 19:00 of the example's day, whose fault begins at 18:00, and a baseline."""
    folder = tmp_path_factory.mktemp("example")
    write_data_set(folder, rows=1_000, traffic=Traffic(hours=FAULT.first_hour + 1, per_hour=100))
    frame = spark.read.csv(str(folder / "baseline.csv"), header=True)
    run_baseline(frame, DataQualityMonitor()).write(str(folder / "baseline"), spark)
    return folder


@pytest.fixture
def engine(spark):
    return SparkEngine(spark)


def config(example, output_path, *flags):
    options = {
        "--dataset-source": example / "captures",
        "--dataset-format": "capture",
        "--baseline": example / "baseline",
        "--output-path": output_path,
        "--start-time": "2024-03-04T16:00:00Z",
    }
    words = [str(word) for pair in options.items() for word in pair]
    return build_config("monitor", read_sources([*words, *flags], {}), in_container=False)


def test_every_window_between_the_bounds_is_run_and_the_fault_is_seen_in_the_last(engine, example, tmp_path):
    certificate = replay(engine, config(example, tmp_path), HOURLY, None)

    assert [window_report.window.start.hour for window_report in certificate.windows] == [16, 17, 18]
    assert [len(window_report.default.violations) > 0 for window_report in certificate.windows] == [False, False, True]
    assert "monthly_charge_eur" in {
        window_report.subject for window_report in certificate.windows[2].default.violations
    }


def test_reports_lie_beside_their_windows_and_what_has_no_counterpart_is_named(engine, example, tmp_path):
    drift = {
        "feature_name": "churned",
        "constraint_check_type": "baseline_drift_check",
        "description": "Baseline drift distance: 0.5 exceeds threshold: 0.1",
    }
    for hour, violations in ((17, []), (18, [drift]), (23, [])):
        folder = tmp_path / f"reports/churn/hourly/2024/03/04/{hour}"
        folder.mkdir(parents=True)
        (folder / "constraint_violations.json").write_text(json.dumps({"violations": violations}))

    certificate = replay(engine, config(example, tmp_path / "out"), HOURLY, str(tmp_path / "reports"))

    quiet, last_window, without = certificate.windows
    assert certificate.compare_window(quiet) == ()
    assert [window_report.kind.value for window_report in certificate.compare_window(last_window)] == ["fewer"]
    assert certificate.compare_window(without) is None
    assert certificate.unmatched == (str(tmp_path / "reports/churn/hourly/2024/03/04/23"),)
    assert certificate.summary().splitlines()[0] == "1 of 2 windows equal; 1 differs: drift on discrete columns"


def test_an_interrupted_replay_goes_on_where_it_was(engine, example, tmp_path, count_spark_jobs):
    first = replay(engine, config(example, tmp_path), HOURLY, None)
    [journal] = (tmp_path / "journal").iterdir()
    (journal / "20240304T1800Z.json").unlink()
    (journal / "20240304T1700Z.json").write_text('{"inputs": ')  # a disk that lost its end

    with count_spark_jobs() as some:
        second = replay(engine, config(example, tmp_path), HOURLY, None)
    with count_spark_jobs() as none:
        third = replay(engine, config(example, tmp_path), HOURLY, None)

    assert first.windows == second.windows == third.windows
    assert some
    assert none == []


@pytest.mark.parametrize("changed_input", ["option", "baseline", "captures"])
def test_what_the_verdicts_rest_on_is_not_taken_from_the_journal_when_it_changed(
    engine, example, tmp_path, count_spark_jobs, changed_input
):
    copy = tmp_path / "copy"
    for name in ("captures", "baseline"):
        for file in sorted(path for path in (example / name).rglob("*") if path.is_file()):
            if name == "baseline" or "/04/16/" in str(file):
                target = copy / file.relative_to(example)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
    replay(engine, config(copy, tmp_path / "out"), HOURLY, None)
    flags = ["--set=lenient_window=yes"] if changed_input == "option" else []
    if changed_input == "baseline":
        path = copy / "baseline" / "constraints.json"
        path.write_text(path.read_text().replace('"comparison_threshold" : 0.1', '"comparison_threshold" : 0.2'))
    if changed_input == "captures":
        file = next((copy / "captures").rglob("*.jsonl"))
        file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))

    with count_spark_jobs() as jobs:
        replay(engine, config(copy, tmp_path / "out", *flags), HOURLY, None)

    assert jobs


def test_a_window_that_fails_is_said_and_tried_again(engine, example, tmp_path):
    captures = tmp_path / "captures/churn/AllTraffic/2024/03/04"
    for hour, content in ((16, "no capture\n"), (18, "")):
        (captures / str(hour)).mkdir(parents=True)
        (captures / str(hour) / "a.jsonl").write_text(content)
    (tmp_path / "baseline").symlink_to(example / "baseline")

    certificate = replay(engine, config(tmp_path, tmp_path / "out"), HOURLY, None)

    broken, empty = certificate.windows
    assert "records were refused" in broken.service.failure
    assert "Job inputs had no data" in empty.service.failure
    assert not list((tmp_path / "out").rglob("*.json"))
