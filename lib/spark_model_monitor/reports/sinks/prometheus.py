"""prometheus:PATH: a text file for the node exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from spark_model_monitor.errors import OutputFailed, SinkFailed
from spark_model_monitor.reports.gauges import Gauge, list_gauges
from spark_model_monitor.reports.notices import Report
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.sinks import Environment, register_sink, require_library
from spark_model_monitor.storage import LocalStorage, is_local

if TYPE_CHECKING:
    from prometheus_client import Metric


def _check_path(path: str) -> str:
    if not is_local(path) or not path.endswith(".prom"):
        raise ValueError("is no local path that ends in .prom, which is all that the node exporter reads")
    return path


@register_sink(
    "prometheus",
    spelling="prometheus:PATH",
    examined=_check_path,
    ready=require_library("prometheus", "prometheus_client", "prometheus-client"),
    every_run=True,
)
def prometheus(report: Report, path: str, environment: Environment) -> None:
    """A text file of the run's numbers for the node exporter, on the driver's machine, replaced by each run.

    One gauge each for the number of violations, the alert (1 or 0), whether the run can't tell (1 or 0) and the time of the
    run, and `model_monitor_metric` for the metrics, labelled by name. Numbers that are not finite are left out and counted
    in the log.

    Raises SinkFailed.
    """
    from prometheus_client import generate_latest

    # The file is replaced in one step, because the exporter may read it at any moment
    content = generate_latest(_Collected(map(_make_family, list_gauges(report))))
    try:
        LocalStorage().write(path, content)
    except OutputFailed as error:
        raise SinkFailed(str(error)) from error


class _Collected:
    """A registry of given metrics, in the form that generate_latest expects."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _make_family(gauge: Gauge) -> Metric:
    """A gauge in Prometheus' form, in which all samples have the same labels. A label that a sample lacks is empty."""
    from prometheus_client.core import GaugeMetricFamily

    names = list(dict.fromkeys(name for labels, _ in gauge.samples for name in labels)) or ["metric"]
    family = GaugeMetricFamily(gauge.name, gauge.meaning, labels=names)
    for labels, number in gauge.samples:
        # Names of features may have line breaks, which would break the format
        family.add_metric([printable(labels.get(name, "")) for name in names], number)
    return family
