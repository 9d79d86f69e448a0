"""prometheus:PATH: a text file for the node exporter's textfile collector."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.errors import OutputFailed, SinkFailed, needing
from spark_model_monitor.reports.notices import Report, select_sendable
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.sinks import Environment, register_sink
from spark_model_monitor.storage import LocalStorage, is_local

if TYPE_CHECKING:
    from prometheus_client import Metric


def _check_path(path: str) -> str:
    if not is_local(path) or not path.endswith(".prom"):
        raise ValueError("is no local path that ends in .prom, which is all that the node exporter reads")
    return path


def _check_ready(path: str, environment: Environment) -> None:
    with needing(
        "the sink prometheus needs prometheus-client; install it: pip install 'spark-model-monitor[prometheus]'"
    ):
        import prometheus_client  # noqa: F401


@register_sink(
    "prometheus", spelling="prometheus:PATH", examined=_check_path, ready=_check_ready, every_run=True, adds_up=False
)
def prometheus(report: Report, path: str, environment: Environment) -> None:
    """A text file of the run's numbers for the node exporter, on the driver's machine, replaced by each run.

    One gauge each for the number of violations, the alert (1 or 0), whether the run can't tell (1 or 0) and the time of the
    run, and `model_monitor_metric` for the metrics, labelled by name. Numbers that are not finite are left out and counted
    in the log.

    Raises SinkFailed.
    """
    from prometheus_client import generate_latest

    metrics = select_sendable(report.metrics)
    # The file is replaced at once: the exporter may read it at any moment
    content = generate_latest(_Collected([*_create_run_gauges(report), _create_metric_gauge(metrics, report)]))
    try:
        LocalStorage().write(path, content)
    except OutputFailed as error:
        raise SinkFailed(str(error)) from error


class _Collected:
    """Finished metrics, in the form that generate_latest expects."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _create_run_gauges(report: Report) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    # Numbers, since Prometheus has no texts: 1 for yes
    labels = _create_run_labels(report)
    is_alert = report.alert.status is AlertStatus.IN_ALERT
    is_unsure = report.outcome is Outcome.CANNOT_TELL
    unsure_text = "1 if the last monitoring run could not tell whether something changed."
    numbers = {
        "violations": ("Violations of the last monitoring run.", float(report.violations)),
        "alert": ("1 while the alert is InAlert.", float(is_alert)),
        "cannot_tell": (unsure_text, float(is_unsure)),
        "last_run_timestamp_seconds": ("When the last monitoring run ended.", report.time.timestamp()),
    }
    for name, (meaning, number) in numbers.items():
        gauge = GaugeMetricFamily(f"model_monitor_{name}", meaning, labels=list(labels))
        gauge.add_metric([printable(label) for label in labels.values()], number)
        yield gauge


def _create_metric_gauge(metrics: Iterable[Mapping[str, Json]], report: Report) -> Metric:
    """One gauge for all metrics; a label that a metric lacks is empty."""
    from prometheus_client.core import GaugeMetricFamily

    # A set of statistics becomes one sample for each of its numbers
    rows = [
        ({**_create_run_labels(report), **_create_labels(metric), "statistic": statistic}, number)
        for metric in metrics
        for statistic, number in _list_numbers(metric)
    ]
    # All samples of a gauge need the same labels
    names = list(dict.fromkeys(name for labels, _ in rows for name in labels)) or ["metric"]
    gauge = GaugeMetricFamily("model_monitor_metric", "A metric of the last monitoring run.", labels=names)
    for labels, number in rows:
        # Names of features may have line breaks, which would break the format
        gauge.add_metric([printable(labels.get(name, "")) for name in names], number)
    return gauge


def _create_run_labels(report: Report) -> dict[str, str]:
    return {
        "analysis_type": report.analysis_type,
        "endpoint": report.model or "",
        "monitoring_schedule": report.schedule or "",
    }


def _create_labels(metric: Mapping[str, Json]) -> dict[str, str]:
    dimensions = {_format_label(dimension["Name"]): dimension["Value"] for dimension in metric["Dimensions"]}
    return {**dimensions, "metric": metric["MetricName"]}


def _format_label(dimension: str) -> str:
    """`monitoring_schedule` of `MonitoringSchedule`."""
    return re.sub(r"\W", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", dimension), flags=re.ASCII).lower()


def _list_numbers(metric: Mapping[str, Json]) -> Iterator[tuple[str, float]]:
    if "Value" in metric:
        yield "value", metric["Value"]
    else:
        for name, number in metric["StatisticValues"].items():
            yield _format_label(name), number
