from __future__ import annotations

import json

import pyarrow as pa

from spark_model_monitor.documents.statistics import RequestStatistics
from spark_model_monitor.reports.history.state_files import create_request_metrics, request_statistics
from spark_model_monitor.statistics.states import Requests, RequestsBuilder


def make_requests(statuses, latencies) -> Requests:
    builder = RequestsBuilder()
    builder.update(pa.array(statuses), pa.array(latencies, pa.float64()), pa.array([50.0] * len(statuses)))
    return builder.state()


def test_the_document_counts_requests_and_says_how_long_they_took():
    requests = make_requests([200] * 97 + [404, 500, 599], [float(number) for number in range(1, 101)])
    document = json.loads(request_statistics(requests).to_json())

    assert document == {  # by hand
        "version": 0.0,
        "requests": 100,
        "estimated_requests": 200.0,
        "success_share": 0.97,
        "client_errors": 1,
        "server_errors": 2,
        "statuses": {"200": 97, "404": 1, "500": 1, "599": 1},
        "latency_ms": {"p50": 50.0, "p95": 95.0, "p99": 99.0, "mean": 50.5, "max": 100.0, "rank_error": 0.0},
    }


def test_the_document_is_read_as_it_was_written():
    document = request_statistics(make_requests([200, 500], [1.0, 2.0]))

    assert RequestStatistics.from_json(document.to_json()) == document


def test_latencies_that_nobody_measured_are_neither_written_nor_published():
    statistics = request_statistics(make_requests([200], [None]))

    assert json.loads(statistics.to_json())["latency_ms"] == {"rank_error": 0.0}
    assert {metric.name: metric.value for metric in create_request_metrics(statistics)} == {
        "request_count": 1.0,
        "request_success_share": 1.0,
    }


def test_what_is_published_has_its_unit():
    statistics = request_statistics(make_requests([200, 200, 503, 200], [10.0, 20.0, 30.0, 40.0]))

    assert [(metric.name, metric.value, metric.unit) for metric in create_request_metrics(statistics)] == [
        ("request_count", 4.0, "Count"),
        ("request_success_share", 0.75, "None"),
        ("request_latency_p50", 20.0, "Milliseconds"),
        ("request_latency_p95", 40.0, "Milliseconds"),
        ("request_latency_p99", 40.0, "Milliseconds"),
    ]
