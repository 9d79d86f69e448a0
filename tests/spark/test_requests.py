"""What a model server captured, read by our jobs: the data of its requests, and how they went."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.capture import CaptureLimits, CaptureOptions, CaptureWriter, LocalFolder, Payload
from spark_model_monitor.capture.options import Clock
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.merging import merge_runs
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.spark.engine.spark import SparkEngine

START = datetime(2024, 3, 4, 12, tzinfo=timezone.utc)
HOUR = Window(START, START + timedelta(hours=1))


class Served:
    """A model server of a test: `request` is asked at `seconds` after noon, answered after so many milliseconds."""

    def __init__(self, folder, **capture_options) -> None:
        self.time = START
        self.seconds = 0.0
        options = CaptureOptions(endpoint="churn", **{"with_metadata": True} | capture_options)
        clock = Clock(lambda: self.time, lambda: self.seconds)
        self.writer = CaptureWriter(LocalFolder(folder), options, CaptureLimits(flush_seconds=3600), clock)

    def request(
        self, row: str, seconds: float = 0, *, milliseconds: float = 1.0, status: int = 200, content="text/csv"
    ):
        self.time = START + timedelta(seconds=seconds)
        exchange = self.writer.begin()
        self.seconds += milliseconds / 1000
        if content == "text/csv":
            answer = "\n".join(["0.5"] * len(row.splitlines()))
        else:
            answer = '{"p": 0.5}'
        self.writer.end(exchange, Payload(row.encode(), content), Payload(answer.encode(), content), status=status)


@pytest.fixture
def server(tmp_path):
    served = Served(tmp_path)
    yield served
    served.writer.close()


@pytest.fixture
def monitored(spark, tmp_path):
    """The findings of a window of the captures, without anything to hold them against."""

    def monitoring(window=HOUR, names=("p", "a", "b"), **options):
        source = list_captures(SparkEngine(spark), str(tmp_path), window)
        with read_captures(SparkEngine(spark), source, CaptureFormat(), ReadOptions(names, window, **options)) as data:
            return run_monitoring(data, DataQualityMonitor(), None, max_quarantined_share=1.0)

    return monitoring


def test_what_a_server_captures_is_what_the_job_reads(server, monitored):
    for number in range(40):
        server.request(f"{number},x", seconds=number)
    server.writer.close()
    findings = monitored()

    assert findings.current.ledger.kept == 40
    assert findings.current.profile.feature("a").moments.sum == sum(range(40))
    assert findings.current.requests.count == 40


@pytest.mark.parametrize("partitions", ["1", "as many as there are files"])
def test_requests_are_counted_and_timed_whatever_becomes_of_their_data(server, monitored, partitions):
    for number in range(90):
        server.request(f"{number},x", seconds=number, milliseconds=number + 1)
    server.request("1,2\n3,4\n5,6", seconds=100, milliseconds=91)  # three rows are one request
    server.request("1,2,3,4", seconds=101, milliseconds=92)  # refused, but it was answered
    for number in range(93, 101):
        server.request("1,x", seconds=number, milliseconds=number, status=503)
    server.request("1,x", seconds=-1, milliseconds=10_000)  # before the window
    server.request("1,x", seconds=3600, milliseconds=10_000)  # after it
    server.writer.close()
    findings = monitored(as_service=partitions == "1")
    ledger = findings.current.ledger
    files = findings.files()

    assert (ledger.read, ledger.kept, ledger.rows, ledger.without_data) == (101, 91, 93, 8)
    assert (ledger.outside_window, dict(ledger.refused)) == (1, {"wrong number of cells": 1})
    assert json.loads(files["requests.json"]) == {  # latencies are 1, 2, …, 100 ms
        "version": 0.0,
        "requests": 100,
        "estimated_requests": 100.0,
        "success_share": 0.92,
        "client_errors": 0,
        "server_errors": 8,
        "statuses": {"200": 92, "503": 8},
        "latency_ms": {"p50": 50.0, "p95": 95.0, "p99": 99.0, "mean": 50.5, "max": 100.0, "rank_error": 0.0},
    }
    published = {metric.name: metric.value for metric in findings.published}
    assert published["request_count"] == 100
    assert published["request_latency_p99"] == 99.0


def test_requests_in_json_are_counted_as_well(server, monitored):
    for number in range(10):
        server.request(json.dumps({"a": number, "b": "x"}), seconds=number, content="application/json")
    server.request("{}", status=400, content="application/json")
    server.writer.close()
    findings = monitored()

    assert findings.current.ledger.kept == 10
    assert findings.current.requests.statuses == {200: 10, 400: 1}


def test_a_sample_says_how_many_requests_it_stands_for(tmp_path, monitored):
    served = Served(tmp_path, sampling_percentage=25)
    for number in range(400):
        served.request("1,x", seconds=number)
    served.writer.close()
    requests = monitored().current.requests

    assert requests.count == served.writer.counts.recorded
    assert requests.estimated == 4 * requests.count


def test_records_without_metadata_leave_nothing_of_their_requests(tmp_path, monitored):
    served = Served(tmp_path, with_metadata=False)
    served.request("1,x")
    served.writer.close()
    findings = monitored()

    assert findings.current.requests is None
    assert [name for name in findings.files() if "requests" in name] == []
    assert [metric.name for metric in findings.published if metric.name.startswith("request")] == []


def test_metadata_that_begin_within_the_window_are_found(tmp_path, monitored):
    for number, with_metadata in enumerate([False, True]):
        served = Served(tmp_path, with_metadata=with_metadata)
        served.request("1,x", seconds=60 * number)
        served.writer.close()

    assert monitored().current.requests.count == 1


def test_requests_are_counted_in_the_one_scan(spark, server, count_spark_jobs, tmp_path):
    for number in range(10):
        server.request(f"{number},x")
    server.writer.close()
    source = list_captures(SparkEngine(spark), str(tmp_path), HOUR)
    dataset = read_captures(SparkEngine(spark), source, CaptureFormat(), ReadOptions(("p", "a", "b"), HOUR))
    with count_spark_jobs() as jobs:
        baseline = run_baseline(dataset, DataQualityMonitor())

    assert baseline.requests.count == 10
    assert len(jobs) <= 2  # two where executors add the states


def test_the_requests_of_two_windows_add_up(server, monitored, tmp_path):
    for hour in range(2):
        for number in range(50):
            server.request(f"{number},x", seconds=3600 * hour + number, milliseconds=50 * hour + number + 1)
    server.writer.close()
    runs = []
    for hour in range(2):
        start = START + timedelta(hours=hour)
        runs.append(str(tmp_path / f"_run{hour}"))
        monitored(Window(start, start + timedelta(hours=1))).write(runs[-1])
    merge_runs(runs, str(tmp_path / "_merged"))
    merged = json.loads((tmp_path / "_merged" / "requests.json").read_text())

    assert merged["requests"] == 100
    assert merged["latency_ms"] == {
        "p50": 50.0,
        "p95": 95.0,
        "p99": 99.0,
        "mean": 50.5,
        "max": 100.0,
        "rank_error": 0.0,
    }
