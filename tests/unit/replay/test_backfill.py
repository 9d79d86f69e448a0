"""`spark-model-monitor backfill`: every hour of captures, one after the other, and the page of all; no JVM."""

from __future__ import annotations

import json
import os
import re
import sys
from subprocess import CompletedProcess

import boto3
import pandas as pd
import pytest
from tests.programs import LIB, run_program
from tests.servers import aws_emulator
from tests.unit.records.captured_lines import format_capture

from spark_model_monitor import DataQualityMonitor, cli, run_baseline
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.replay.replay_command import read_backfill

HOURS = ("22", "23")


def record(hour, number, age):
    time = f"2026-03-03T{hour}:{number % 60:02d}:00Z"
    return format_capture(str(age), str(number % 2), f"{hour}-{number}", time).rstrip()


@pytest.fixture
def captures_folder(tmp_path, monkeypatch):
    """A baseline of ages, an hour like it and one of ages a hundred times as large, a day apart."""
    monkeypatch.chdir(tmp_path)
    ages = [20 + number % 40 for number in range(400)]
    frame = pd.DataFrame({"answer": [number % 2 for number in range(400)], "age": ages})
    run_baseline(frame, DataQualityMonitor(), engine="local").write("known")
    for hour, factor in zip(HOURS, (1, 100), strict=True):
        folder = tmp_path / "captures" / "2026" / "03" / "03" / hour
        folder.mkdir(parents=True)
        lines = [record(hour, number, age * factor) for number, age in enumerate(ages)]
        (folder / "a.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def damage(captures_folder, hour):
    (captures_folder / "captures" / "2026" / "03" / "03" / hour / "a.jsonl").write_text('{"captureData\n' * 40)


@pytest.fixture
def run(capsys):
    """`run("captures", …)` runs the command in this process, and says how it ended."""

    def run_here(*words, command="backfill"):
        try:
            status = cli.main([command, *words])
        except SystemExit as end:
            status = end.code
        printed = capsys.readouterr()
        return CompletedProcess(words, status, printed.out, printed.err)

    return run_here


@pytest.mark.long
def test_every_hour_is_monitored_and_the_page_has_all_of_them(captures_folder):
    """As a process."""
    words = ["backfill", "captures", "--baseline", "known", "--fail-on-violations"]
    ended = run_program(
        [sys.executable, "-m", "spark_model_monitor", *words], env={**os.environ, "PYTHONPATH": str(LIB)}
    )

    healthy, broken, page = ended.stdout.splitlines()
    assert healthy.startswith(
        "2026-03-03T22:00:00Z/2026-03-03T23:00:00Z  Completed: Job completed successfully with no violations."
    )
    assert broken.startswith("2026-03-03T23:00:00Z/2026-03-04T00:00:00Z  CompletedWithViolations: ")
    assert page.startswith("captures-history/history.html: 2 runs in 2 windows")
    assert ended.returncode == 4
    assert ended.stderr == ""
    for folder, rows in (("2026/03/03/23", 400), ("2026/03/04/00", 400)):
        statistics = json.loads((captures_folder / "captures-history" / folder / "statistics.json").read_text())
        assert statistics["dataset"]["item_count"] == rows


@pytest.mark.long
def test_an_hour_that_has_not_ended_is_left_out_by_name(captures_folder, run):
    hour = pd.Timestamp.now("UTC").floor("h") + pd.Timedelta(hours=1)
    folder = captures_folder / "captures" / f"{hour:%Y/%m/%d/%H}"
    folder.mkdir(parents=True)
    (folder / "a.jsonl").write_text(record("23", 1, 30) + "\n")

    ended = run("captures", "--baseline", "known")

    *windows, left_out, page = ended.stdout.splitlines()
    assert left_out == f"{hour:%Y-%m-%dT%H:00:00Z} and later: left out, because it ends after now"
    assert [window.split("/")[0] for window in windows] == ["2026-03-03T22:00:00Z", "2026-03-03T23:00:00Z"]
    assert page.startswith("captures-history/history.html: 2 runs in 2 windows")
    assert not (captures_folder / "captures-history" / f"{hour + pd.Timedelta(hours=1):%Y/%m/%d/%H}").exists()


@pytest.mark.long
def test_captures_on_s3_are_read_where_they_are(captures_folder, monkeypatch, run):
    credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    with aws_emulator() as url:
        for name, value in {**credentials, "AWS_ENDPOINT_URL": url, "JAVA_HOME": "nowhere"}.items():
            monkeypatch.setenv(name, value)
        store = boto3.session.Session().client("s3")
        store.create_bucket(Bucket="team")
        for file in captures_folder.glob("captures/**/*.jsonl"):
            store.upload_file(str(file), "team", file.relative_to(captures_folder).as_posix())

        where = ("--dataset-format", "capture", "--output-path", "s3://team/history", "--set", "s3_encryption=SSE-KMS")
        ended = run("s3://team/captures", "--baseline", "known", *where)
        store.put_object(Bucket="team", Key="empty/2026/03/03/22/")  # which marks a folder
        empty = run("s3://team/empty", "--baseline", "known", *where[:2], "--output-path", "s3://team/nothing")
        written = [
            stored_object["Key"]
            for stored_object in store.list_objects_v2(Bucket="team", Prefix="history/")["Contents"]
        ]
        encrypted = {key: store.head_object(Bucket="team", Key=key).get("ServerSideEncryption") for key in written}

    assert ended.stdout.splitlines()[2].startswith("s3://team/history/history.html: 2 runs in 2 windows"), ended.stderr
    assert ended.returncode == 0
    assert (empty.returncode, "no run here" in empty.stderr) == (3, False)
    assert [key for key, how in encrypted.items() if how != "aws:kms"] == []


@pytest.fixture
def rows_with_times(captures_folder):
    """Ages of three hours in one Parquet file, those of the last hour a hundred times as large; the first is the baseline."""
    ages = [20 + number % 40 for number in range(400)]
    hours = []
    for hour, factor in enumerate((1, 1, 100)):
        begin = pd.Timestamp(2026, 3, 3, 20 + hour, tz="UTC")
        frame = pd.DataFrame({"at": pd.date_range(begin, periods=400, freq="s")})
        frame["answer"] = frame.index % 2
        frame["age"] = [age * factor for age in ages]
        hours.append(frame)
    pd.concat(hours, ignore_index=True).to_parquet(captures_folder / "orders.parquet")
    run_baseline(hours[0], DataQualityMonitor(), engine="local").write("orders")
    return captures_folder


def test_rows_with_times_need_no_hour_folders(rows_with_times, run):
    times = ("--start-time", "2026-03-03T20:00:00Z", "--end-time", "2026-03-03T23:00:00Z")

    ended = run("orders.parquet", "--baseline", "orders", "--time-column", "at", *times, "--fail-on-violations")

    *windows, page = ended.stdout.splitlines()
    messages = [window.split("  ")[1] for window in windows]
    assert [message.split(":")[0] for message in messages] == ["Completed", "Completed", "CompletedWithViolations"]
    assert page.startswith("orders-history/history.html: 3 runs in 3 windows")
    assert ended.returncode == 4


@pytest.mark.parametrize(
    ("times", "status", "fault"),
    [
        ([], 2, "no hour folders .*, so windows are cut by at: name --start-time and --end-time"),
        (["--start-time", "2026-03-03T20:00:00Z"], 2, "name --start-time and --end-time"),
        (
            ["--start-time", "2026-03-03T20:10:00Z", "--end-time", "2026-03-03T21:10:00Z"],
            3,
            "no window of 1:00:00 lies between",
        ),
    ],
)
def test_windows_of_rows_with_times_need_bounds(times, status, fault, rows_with_times, run):
    ended = run("orders.parquet", "--baseline", "orders", "--time-column", "at", *times)

    assert ended.returncode == status
    assert re.search(fault, ended.stdout + ended.stderr)


@pytest.mark.long
def test_what_every_hour_would_fail_by_ends_it_at_once(captures_folder, run):
    ended = run("captures")

    assert ended.returncode == 2
    assert len(ended.stdout.splitlines()) == 1
    assert "no baseline is named" in ended.stdout


@pytest.mark.long
def test_a_damaged_hour_keeps_no_later_one_from_being_monitored(captures_folder, run):
    third = captures_folder / "captures" / "2026" / "03" / "04" / "00"
    third.mkdir(parents=True)
    (third / "a.jsonl").write_text(
        "".join(f"{record('23', number, 30)}\n".replace("03T23", "04T00") for number in range(400))
    )
    damage(captures_folder, "23")

    ended = run("captures", "--baseline", "known")

    before, damaged, later, page = ended.stdout.splitlines()
    # The hour before reads the damaged folder, too, since records come late
    assert before.startswith("2026-03-03T22:00:00Z/2026-03-03T23:00:00Z  Completed")
    assert "40 of 440 records were refused" in damaged
    assert later.startswith("2026-03-04T00:00:00Z/2026-03-04T01:00:00Z  Completed")
    assert page.startswith("captures-history/history.html: 2 runs in 2 windows")
    assert ended.returncode == 2


@pytest.mark.long
def test_a_window_of_damaged_captures_is_not_judged_by_those_of_other_hours(captures_folder, run):
    damage(captures_folder, "23")
    times = ("--start-time", "2026-03-03T23:00:00Z", "--end-time", "2026-03-04T00:00:00Z")

    ended = run("captures", "--baseline", "known", *times, command="monitor")

    assert "40 of 40 records were refused" in ended.stderr
    assert ended.returncode == 2


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ([], "dataset_source is missing; write --dataset-source PATH"),
        (["captures", "--start-time", "yesterday"], "--start-time is 'yesterday'"),
        (["captures", "--baseline", "knwn"], "--baseline is 'knwn'.*did you mean known"),
        (["captures", "--bseline", "known"], "--bseline is no flag of this job; did you mean --baseline"),
        (
            ["s3://bucket/captures", "--dataset-format", "capture"],
            "output_path is missing; write --output-path DIRECTORY",
        ),
        (["captures", "--schedule", "NOW"], "--schedule is 'NOW', which runs once"),
        (["captures", "--dataset-format", "csv"], "captures: every hour would be of all of its rows"),
    ],
)
def test_what_is_wrong_is_reported_before_an_hour_is_looked_at(words, fault, captures_folder):
    with pytest.raises(BadConfiguration, match=fault):
        read_backfill(words)
