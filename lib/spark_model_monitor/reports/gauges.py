"""The numbers of a run as gauges: the one table of what Prometheus and OpenTelemetry get. Reads no file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from spark_model_monitor.documents.alert_files import AlertStatus
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.reports.notices import Report, get_numbers, select_sendable
from spark_model_monitor.value_class import value_class


@value_class
class Gauge:
    """A named number of a run, for each set of labels. samples: the values by their labels."""

    name: str
    meaning: str
    samples: tuple[tuple[Mapping[str, str], float], ...]


def list_gauges(report: Report) -> Iterator[Gauge]:
    """A gauge for each number that describes the run, and one gauge for all of its metrics, whose labels have the metrics' names.
    Values that aren't finite are left out.
    """
    # Every sample has these labels; they are empty where a run has no such name
    labels = {
        "analysis_type": report.run.analysis_type,
        "endpoint": report.run.model or "",
        "monitoring_schedule": report.run.schedule or "",
    }

    def describe_run(name: str, meaning: str, number: float) -> Gauge:
        """A gauge with one sample, which has the labels of the run."""
        return Gauge(f"model_monitor_{name}", meaning, ((labels, float(number)),))

    yield describe_run("violations", "Violations of the last monitoring run.", report.verdict.violations)
    # The value of a gauge is a number, so 1 stands for true
    yield describe_run("alert", "1 while the alert is InAlert.", report.alert.status is AlertStatus.IN_ALERT)
    yield describe_run(
        "cannot_tell",
        "1 if the last monitoring run could not tell whether something changed.",
        report.verdict.outcome is Outcome.CANNOT_TELL,
    )
    yield describe_run("last_run_timestamp_seconds", "When the last monitoring run ended.", report.time.timestamp())
    # A set of statistics becomes one sample for each of its numbers
    samples = []
    for metric in select_sendable(report.metrics):
        dimensions = {_format_label(dimension["Name"]): dimension["Value"] for dimension in metric["Dimensions"]}
        metric_labels = {**labels, **dimensions, "metric": metric["MetricName"]}
        for statistic, number in get_numbers(metric).items():
            samples.append(({**metric_labels, "statistic": _format_label(statistic)}, number))
    yield Gauge("model_monitor_metric", "A metric of the last monitoring run.", tuple(samples))


def _format_label(dimension: str) -> str:
    """The dimension's name in snake case: `MonitoringSchedule` becomes `monitoring_schedule`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", dimension)
    # Prometheus allows letters, digits and underscores
    label = re.sub(r"\W", "_", words, flags=re.ASCII)
    return label.lower()
