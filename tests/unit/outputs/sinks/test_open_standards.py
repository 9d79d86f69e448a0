"""OpenLineage and OpenTelemetry, by their own clients, to a server on this machine."""

import json
import logging

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from tests.servers import http_server

from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.reports.gauges import list_gauges
from spark_model_monitor.reports.sinks import SINKS
from spark_model_monitor.reports.sinks.openlineage import openlineage
from spark_model_monitor.reports.sinks.opentelemetry import opentelemetry

from .conftest import metric


def test_opentelemetry_gets_the_gauges_of_prometheus(report, environment):
    run = report(violations=3, metrics=(metric("feature_completeness_plan", 0.5, Endpoint="churn"),))
    with http_server(200) as server:
        opentelemetry(run, f"{server.url}/secret", environment())
    [(path, _, body)] = server.requests
    received = ExportMetricsServiceRequest.FromString(body).resource_metrics[0].scope_metrics[0].metrics
    # By name and number
    numbers = set()
    for gauge in received:
        numbers |= {(gauge.name, point.as_double) for point in gauge.gauge.data_points}

    assert path == "/secret/v1/metrics"
    assert numbers == {(gauge.name, number) for gauge in list_gauges(run) for _, number in gauge.samples}
    [point] = next(gauge.gauge.data_points for gauge in received if gauge.name == "model_monitor_metric")
    assert ("metric", "feature_completeness_plan") in {
        (label.key, label.value.string_value) for label in point.attributes
    }


@pytest.mark.parametrize(
    ("violations", "outcome", "success"),
    [(0, Outcome.UNCHANGED, True), (0, Outcome.CANNOT_TELL, False), (3, Outcome.CHANGED, False)],
)
def test_openlineage_gets_the_verdict_and_the_violations_as_assertions(
    report, environment, violations, outcome, success
):
    run = report(violations=violations, outcome=outcome)
    with http_server(201) as server:
        openlineage(run, server.url, environment(OPENLINEAGE_API_KEY="key", OPENLINEAGE_NAMESPACE="shop"))
    [(path, headers, body)] = server.requests
    event = json.loads(body)
    [data_set] = event["inputs"]
    verdict, *failures = data_set["inputFacets"]["dataQualityAssertions"]["assertions"]

    assert (path, headers["Authorization"], event["eventType"]) == ("/api/v1/lineage", "Bearer key", "COMPLETE")
    assert (data_set["namespace"], data_set["name"]) == ("shop", "churn")
    assert (verdict["assertion"], verdict["success"]) == ("no_change", success)
    # The conftest's violation
    [failure] = failures
    assert (failure["assertion"], failure["column"], failure["success"]) == ("data_type_check", "plan", False)


@pytest.mark.parametrize("sink", [openlineage, opentelemetry])
def test_a_refusal_names_the_host_and_no_path(sink, report, environment, caplog):
    with http_server(403) as server, pytest.raises(SinkFailed, match=r"^127\.0\.0\.1 ") as failure:
        sink(report(), f"{server.url}/secret", environment())
    assert "secret" not in f"{failure.value}{caplog.text}"
    assert logging.getLogger("opentelemetry").level == logging.NOTSET


@pytest.mark.parametrize("name", ["openlineage", "opentelemetry"])
def test_a_password_in_the_url_is_refused(name):
    with pytest.raises(ValueError, match="has a user or password in it"):
        SINKS.get(name).facts["examined"]("https://me:secret@host")
