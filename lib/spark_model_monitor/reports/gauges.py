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
    # A gauge can't be a text, so what is true has the value 1
    labels = {
        "analysis_type": report.run.analysis_type,
        "endpoint": report.run.model or "",
        "monitoring_schedule": report.run.schedule or "",
    }
    is_alert = report.alert.status is AlertStatus.IN_ALERT
    is_unsure = report.verdict.outcome is Outcome.CANNOT_TELL
    numbers = {
        "violations": ("Violations of the last monitoring run.", float(report.verdict.violations)),
        "alert": ("1 while the alert is InAlert.", float(is_alert)),
        "cannot_tell": ("1 if the last monitoring run could not tell whether something changed.", float(is_unsure)),
        "last_run_timestamp_seconds": ("When the last monitoring run ended.", report.time.timestamp()),
    }
    # Each of these gauges has one sample, with the labels of the run
    for name, (meaning, number) in numbers.items():
        yield Gauge(f"model_monitor_{name}", meaning, ((labels, number),))
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
