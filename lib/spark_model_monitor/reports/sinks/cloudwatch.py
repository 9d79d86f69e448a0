"""cloudwatch[:NAMESPACE]: the run's metrics, by PutMetricData."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from urllib.parse import quote_plus

from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.errors import SinkFailed
from spark_model_monitor.monitors.protocol import PublishedMetric
from spark_model_monitor.reports.notices import Report, select_sendable
from spark_model_monitor.reports.outputs.cloudwatch_metrics import MetricContext, create_cloudwatch_metrics
from spark_model_monitor.reports.sinks import Environment, register_sink, translate_aws_errors

log = logging.getLogger(__name__)

MAX_METRICS = 1_000
MAX_BYTES = 1_000_000  # most bytes of one request. Source: CloudWatch's quotas of PutMetricData: 1,000 metrics, 1 MB.
LONGEST_NAME = 255  # characters of a metric's name or a namespace. Source: CloudWatch's API model.

NUMBER_OF_VIOLATIONS = "total_number_of_violations"
LAST_RUN = "last_run_timestamp_seconds"  # the metric with the end of the last run, named as for Prometheus


def _check_namespace(namespace: str) -> str:
    if namespace.startswith("AWS/"):
        raise ValueError("is a namespace of AWS's own; write another, or cloudwatch alone")
    is_plain = namespace.isprintable() and namespace.isascii()
    if len(namespace) > LONGEST_NAME or namespace.startswith(":") or not is_plain:
        raise ValueError(f"is no namespace; write at most {LONGEST_NAME} ASCII characters, or cloudwatch alone")
    return namespace


def _check_ready(namespace: str, environment: Environment) -> None:
    environment.aws("cloudwatch", None)


@register_sink(
    "cloudwatch",
    spelling="cloudwatch[:NAMESPACE]",
    examined=_check_namespace,
    ready=_check_ready,
    every_run=True,
    adds_up=True,
)
def cloudwatch(report: Report, namespace: str, environment: Environment) -> None:
    """The run's metrics, with the service's names and dimensions.

    The default namespace is the service's, so existing alarms keep working. Numbers that CloudWatch doesn't accept (NaN,
    infinity) and metrics whose name or dimensions it refuses are left out and counted in the log.

    Raises SinkFailed.
    Source: C9.2.
    """
    client = environment.aws("cloudwatch", None)
    metrics = select_sendable(_add_violation_count(report))
    # CloudWatch would refuse a whole request because of one metric
    accepted = [metric for metric in metrics if _is_accepted(metric)]
    if len(accepted) < len(metrics):
        log.warning("left out %d metrics whose names CloudWatch does not take", len(metrics) - len(accepted))
    with translate_aws_errors("CloudWatch"):
        for batch in split_batches(accepted):
            client.put_metric_data(Namespace=namespace or find_namespace(report), MetricData=batch)


def find_namespace(report: Report) -> str:
    """The service's namespace: that of an endpoint's schedule or, without an endpoint, of a batch transform's schedule.

    Raises SinkFailed for an analysis without a namespace of the service.
    """
    if report.namespace is None:
        raise SinkFailed(f"the service has no namespace for {report.run.analysis_type}; write cloudwatch:NAMESPACE")
    source = "ModelMonitoring"
    if report.run.endpoint:
        source = "Endpoints"
    return f"aws/sagemaker/{source}/{report.namespace}"


def split_batches(metrics: Iterable[Mapping[str, Json]]) -> Iterator[list[Mapping[str, Json]]]:
    """The metrics in their order, divided so that each batch is one request within CloudWatch's limits."""
    batch: list[Mapping[str, Json]] = []
    size = 0
    for metric in metrics:
        # The size in a form-encoded request before compression, which is the longest format that CloudWatch accepts
        beginning = f"&MetricData.member.{MAX_METRICS}."
        added_bytes = sum(len(f"{beginning}{key}={quote_plus(text)}") for key, text in _list_leaves(metric, ""))
        # A metric that is too large by itself gets its own request, so that only this metric is refused
        if batch and (len(batch) == MAX_METRICS or size + added_bytes > MAX_BYTES):
            yield batch
            batch = []
            size = 0
        batch.append(metric)
        size += added_bytes
    if batch:
        yield batch


def _add_violation_count(report: Report) -> list[Mapping[str, Json]]:
    """The run's metrics after two others. The first is the number of violations, even if the run's metrics lack it
    (`emit_metrics` may be Disabled). The second is the time of the run, stamped with that time: its absence can raise an alarm.
    """
    violation_metric = next((metric for metric in report.metrics if metric["MetricName"] == NUMBER_OF_VIOLATIONS), None)
    violations = PublishedMetric(NUMBER_OF_VIOLATIONS, float(report.verdict.violations), "Count")
    # 0 is sent, too: users have alarms on this metric, and without it the data would look missing
    total = violation_metric or _create_metric(report, violations, report.run.start or report.time)
    last_run = _create_metric(report, PublishedMetric(LAST_RUN, report.time.timestamp(), "Seconds"), report.time)
    return [total, last_run, *(metric for metric in report.metrics if metric is not total)]


def _create_metric(report: Report, metric: PublishedMetric, time: datetime) -> Mapping[str, Json]:
    [cloudwatch_metric] = create_cloudwatch_metrics(
        [metric], MetricContext(time, report.run.endpoint, report.run.schedule)
    )
    return cloudwatch_metric


def _is_accepted(metric: Mapping[str, Json]) -> bool:
    """Whether CloudWatch accepts the names in a metric. One metric that it doesn't accept makes it refuse the whole request."""
    values = (dimension["Value"] for dimension in metric["Dimensions"])
    are_plain = all(value.isascii() and value.isprintable() and value.strip() for value in values)
    return are_plain and len(metric["MetricName"]) <= LONGEST_NAME


def _list_leaves(value: Json, key: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _list_leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for position, inner in enumerate(value, start=1):
            yield from _list_leaves(inner, f"{key}.member.{position}")
    else:
        yield key, str(value)
