"""What a model server captured, read by our jobs: the data of its requests, and how they went."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from tests.unit.reading.read_data_sets import ENGINE

from spark_model_monitor.capture import CaptureLimits, CaptureOptions, CaptureWriter, LocalFolder, Payload
from spark_model_monitor.capture.account import Clock
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_monitoring
from spark_model_monitor.running.runs.state_merge import merge_runs

START = datetime(2024, 3, 4, 12, tzinfo=timezone.utc)


class Served:
    """A model server of a test: `request` is asked at `seconds` after noon, answered after so many milliseconds."""

    def __init__(self, folder, **capture_options) -> None:
        self.time = START
        self.seconds = 0.0
        options = CaptureOptions(endpoint="churn", **{"with_metadata": True} | capture_options)
        clock = Clock(lambda: self.time, lambda: self.seconds)
        self.writer = CaptureWriter(LocalFolder(folder), options, CaptureLimits(flush_seconds=3600), clock)

    def request(self, row: str, seconds: float = 0, *, milliseconds: float = 1.0, status=200, content="text/csv"):
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


def monitor_hour(folder, hour=0, engine=ENGINE, **options):
    """The findings of an hour of the captures, without anything to hold them against."""
    window = Window(START + timedelta(hours=hour), START + timedelta(hours=hour + 1))
    options = ReadOptions(("p", "a", "b"), window, **options)
    with read_captures(engine, list_captures(engine, str(folder), window), CaptureFormat(), options) as data:
        return run_monitoring(data, DataQualityMonitor(), None, max_quarantined_share=1.0)


@pytest.mark.parametrize("as_service", [False, True])
def test_requests_are_counted_and_timed_whatever_becomes_of_their_data(server, tmp_path, as_service):
    for number in range(90):
        server.request(f"{number},x", seconds=number, milliseconds=number + 1)
    server.request("1,2\n3,4\n5,6", seconds=100, milliseconds=91)  # three rows are one request
    server.request("1,2,3,4", seconds=101, milliseconds=92)  # refused, but it was answered
    for number in range(93, 101):
        server.request("1,x", seconds=number, milliseconds=number, status=503)
    server.request("1,x", seconds=-1, milliseconds=10_000)  # before the window
    server.request("1,x", seconds=3600, milliseconds=10_000)  # after it
    server.writer.close()
    findings = monitor_hour(tmp_path, as_service=as_service)
    ledger = findings.current.ledger
    files = findings.files()

    assert findings.current.profile.feature("a").moments.sum == sum(range(90)) + 1 + 3 + 5
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
    assert (published["request_count"], published["request_latency_p99"]) == (100, 99.0)


def test_records_without_metadata_leave_nothing_of_their_requests_until_some_have_them(tmp_path):
    def serve(seconds, *, with_metadata):
        served = Served(tmp_path, with_metadata=with_metadata)
        served.request("1,x", seconds=seconds)
        served.writer.close()
        return monitor_hour(tmp_path)

    findings = serve(0, with_metadata=False)
    assert findings.current.requests is None
    names = [*findings.files(), *(metric.name for metric in findings.published)]
    assert [name for name in names if name.startswith("request")] == []
    assert serve(60, with_metadata=True).current.requests.count == 1


def test_the_requests_of_two_windows_add_up(server, tmp_path):
    for hour in range(2):
        for number in range(50):
            server.request(f"{number},x", seconds=3600 * hour + number, milliseconds=50 * hour + number + 1)
    server.writer.close()
    runs = [str(tmp_path / f"_run{hour}") for hour in range(2)]
    for hour, run in enumerate(runs):
        monitor_hour(tmp_path, hour).write(run)
    merge_runs(runs, str(tmp_path / "_merged"))
    merged = json.loads((tmp_path / "_merged" / "requests.json").read_text())

    latencies = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "mean": 50.5, "max": 100.0, "rank_error": 0.0}
    assert (merged["requests"], merged["latency_ms"]) == (100, latencies)
