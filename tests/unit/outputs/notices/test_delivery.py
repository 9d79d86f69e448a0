"""Delivery: a sink that fails keeps none of the others from being told, and its sentence holds no secret."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from tests.servers import http_server

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.reports.alerts import deliver, read_destinations
from spark_model_monitor.reports.notices import AlertReport, Report, ReportedRun
from spark_model_monitor.reports.sinks import Environment


@pytest.fixture
def report():
    time = datetime(2026, 1, 31, 23, 5, tzinfo=timezone.utc)
    return Report(ReportedRun("DATA_QUALITY", "0123456789abcdef"), time, AlertReport(AlertStatus.IN_ALERT))


def test_the_others_are_reported_when_one_fails(report, tmp_path):
    with http_server(404) as broken, http_server(200) as healthy:
        text = f"webhook:{broken.url}/T123,webhook:{healthy.url},prometheus:{tmp_path}/a.prom"
        delivery = deliver(report, read_destinations(text), Environment({}, pause=lambda seconds: None))

    assert [destination.name for destination in delivery.reached] == ["webhook", "prometheus"]
    assert list(delivery.failures) == [
        "the sink webhook was not notified: 127.0.0.1 answered 404; check the URL and what the server expects"
    ]
    assert len(healthy.requests) == 1
    assert (tmp_path / "a.prom").exists()


def test_of_a_fault_that_nobody_foresaw_only_the_type_is_reported(report):
    def client(service, region):
        raise RuntimeError("T123 is the secret")

    delivery = deliver(report, read_destinations("cloudwatch"), Environment({}, aws=client))

    assert delivery.failures == ("the sink cloudwatch was not notified: unexpected RuntimeError",)
