"""CloudWatch: what an emulator of AWS has afterwards, CloudWatch's limits, and what its refusals mean."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from tests.servers import http_server

from spark_model_monitor.errors import BadConfiguration, SinkFailed
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.monitors.model_quality.monitor import ModelQualityMonitor
from spark_model_monitor.reports.sinks import SINKS, create_aws_client
from spark_model_monitor.reports.sinks.cloudwatch import cloudwatch, find_namespace, split_batches

from .conftest import metric

NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
DIMENSIONS = {"Endpoint": "churn", "MonitoringSchedule": "hourly"}


class Recorder:
    """Stands for a client of CloudWatch."""

    def __init__(self):
        self.requests = []

    def put_metric_data(self, **request):
        self.requests.append(request)


def sent(report, environment, namespace=""):
    """The requests that a report becomes."""
    recorder = Recorder()
    cloudwatch(report, namespace, environment(aws=lambda service, region: recorder))
    return recorder.requests


def test_metrics_arrive_in_the_services_namespace_names_and_dimensions(emulator, report, environment):
    drift = metric("feature_baseline_drift_plan", 0.25, **DIMENSIONS)
    cloudwatch(report(violations=3, metrics=(drift,)), "", environment())

    client = emulator.client("cloudwatch")
    listed = client.list_metrics(Namespace=NAMESPACE)["Metrics"]
    names = {"total_number_of_violations", "last_run_timestamp_seconds", "feature_baseline_drift_plan"}
    assert {metric["MetricName"] for metric in listed} == names
    for found in listed:
        assert {dimension["Name"]: dimension["Value"] for dimension in found["Dimensions"]} == DIMENSIONS
    [point] = client.get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="total_number_of_violations",
        Dimensions=[{"Name": name, "Value": value} for name, value in DIMENSIONS.items()],
        StartTime=datetime(2026, 1, 31, 21, tzinfo=timezone.utc),
        EndTime=datetime(2026, 1, 31, 23, tzinfo=timezone.utc),
        Period=3600,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert point["Maximum"] == 3.0


def test_no_violation_is_a_number_too(report, environment):
    [request] = sent(report(violations=0), environment)

    total = request["MetricData"][0]
    assert (total["MetricName"], total["Value"]) == ("total_number_of_violations", 0.0)


def test_the_number_of_violations_is_sent_once_and_first(report, environment):
    metrics = (metric("a", 1.0), metric("total_number_of_violations", 3.0))
    [request] = sent(report(violations=3, metrics=metrics), environment)

    names = ["total_number_of_violations", "last_run_timestamp_seconds", "a"]
    assert [metric["MetricName"] for metric in request["MetricData"]] == names


def test_the_last_run_stands_at_its_own_time_whatever_its_window(report, environment):
    [request] = sent(report(), environment)

    [last] = [metric for metric in request["MetricData"] if metric["MetricName"] == "last_run_timestamp_seconds"]
    assert (last["Timestamp"], last["Value"]) == ("2026-01-31T23:05:00Z", 1769900700)  # `date -u +%s`
    assert {dimension["Name"]: dimension["Value"] for dimension in last["Dimensions"]} == DIMENSIONS


@pytest.mark.parametrize(
    ("kind", "endpoint", "namespace"),  # C9.2
    [
        (DataQualityMonitor, "churn", "aws/sagemaker/Endpoints/data-metrics"),
        (DataQualityMonitor, None, "aws/sagemaker/ModelMonitoring/data-metrics"),
        (ModelQualityMonitor, "churn", "aws/sagemaker/Endpoints/model-metrics"),
        (ModelQualityMonitor, None, "aws/sagemaker/ModelMonitoring/model-metrics"),
        (BiasMonitor, "churn", "aws/sagemaker/Endpoints/bias-metrics"),
    ],
)
def test_each_monitor_has_the_services_namespace(report, kind, endpoint, namespace):
    assert find_namespace(report(namespace=kind.NAMESPACE, endpoint=endpoint)) == namespace


def test_a_namespace_of_ones_own_is_taken(report, environment):
    [request] = sent(report(), environment, "Team/Churn")

    assert request["Namespace"] == "Team/Churn"


def test_numbers_and_names_that_cloudwatch_refuses_are_left_out_and_counted(report, environment, caplog):
    metrics = (
        metric("not a number", float("nan")),
        metric("infinite", float("-inf")),
        metric("n" * 256, 1.0),
        metric("facet", 1.0, FacetValue="größer"),
        metric("good", 1.0),
    )
    [request] = sent(report(metrics=metrics), environment)

    assert [metric["MetricName"] for metric in request["MetricData"]] == [
        *("total_number_of_violations", "last_run_timestamp_seconds", "good")
    ]
    assert "left out 2 metrics that are not finite numbers" in caplog.text
    assert "left out 2 metrics whose names CloudWatch does not take" in caplog.text


def test_a_request_has_at_most_a_thousand_metrics(report, environment):
    requests = sent(report(metrics=tuple(metric(f"m{index}", 1.0) for index in range(2_500))), environment)

    assert [len(request["MetricData"]) for request in requests] == [1_000, 1_000, 502]


def test_a_request_has_at_most_a_megabyte_however_long_the_names_are():
    metrics = [metric("ü" * 250, 1.0, **{f"Dimension{index}": "v" * 200 for index in range(9)}) for _ in range(900)]
    cut = list(split_batches(metrics))

    assert [metric for batch in cut for metric in batch] == metrics
    assert len(cut) > 1
    assert all(len(json.dumps(batch).encode()) <= 1_000_000 for batch in cut)


def throttled(handler):
    """CloudWatch's answer to too many requests, in the protocol that it was asked in."""
    body = json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}).encode()
    handler.send_response(400)
    handler.send_header("x-amzn-query-error", "Throttling;Sender")
    for name, text in {"Content-Type": "application/x-amz-json-1.0", "Content-Length": str(len(body))}.items():
        handler.send_header(name, text)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize("answer", [throttled, 503], ids=["throttled", "away"])
def test_a_throttled_request_is_tried_again_by_boto3(credentials, report, environment, answer):
    credentials.setenv("AWS_MAX_ATTEMPTS", "1")  # ours counts
    with http_server(answer, 200) as server:
        credentials.setenv("AWS_ENDPOINT_URL", server.url)
        cloudwatch(report(), "", environment())

    assert len(server.requests) == 2


def test_a_refusal_is_reported_by_its_code(credentials, report, environment):
    def denied(handler):
        handler.send_response(403)
        handler.send_header("x-amzn-query-error", "AccessDenied;Sender")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    with http_server(denied) as server:
        credentials.setenv("AWS_ENDPOINT_URL", server.url)
        with pytest.raises(SinkFailed, match="CloudWatch refused it"):
            cloudwatch(report(), "", environment())


def test_without_credentials_the_sentence_says_so(monkeypatch, tmp_path, report, environment):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with pytest.raises(SinkFailed, match=r"could not be asked \(NoCredentialsError\); check credentials"):
        cloudwatch(report(), "", environment())


def test_without_a_region_nothing_is_begun(monkeypatch, tmp_path, environment):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(BadConfiguration, match="needs a region; set the variable AWS_DEFAULT_REGION"):
        SINKS.get("cloudwatch").facts["ready"]("", environment())


def test_a_client_retries_by_boto3s_standard_rules(credentials):
    assert create_aws_client("cloudwatch").meta.config.retries == {"mode": "standard", "total_max_attempts": 5}
