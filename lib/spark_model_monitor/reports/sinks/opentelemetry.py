"""opentelemetry:URL: the run's numbers to a collector, by OTLP over HTTP."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spark_model_monitor.reports.gauges import list_gauges
from spark_model_monitor.reports.notices import Report
from spark_model_monitor.reports.sinks import Environment, TemporaryFailure, check_url, register_sink, require_library

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData

PATH = "v1/metrics"  # the path of metrics at a collector, in OTLP/HTTP
LIBRARY = "opentelemetry"


@register_sink(
    "opentelemetry",
    spelling="opentelemetry:URL",
    examined=partial(check_url, LIBRARY),
    ready=require_library("opentelemetry", "opentelemetry.exporter.otlp.proto.http.metric_exporter", "its exporter"),
    every_run=True,
)
def opentelemetry(report: Report, url: str, environment: Environment) -> None:
    """The gauges that Prometheus gets, to a collector at this address, by OTLP over HTTP.

    Raises SinkFailed.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics.export import MetricExportResult

    address = f"{url.rstrip('/')}/{PATH}"
    exporter = OTLPMetricExporter(address, timeout=environment.timeout_seconds)
    try:
        # The exporter itself tries again; it is silenced, because its log would have the whole address
        with _silence_library():
            answer = exporter.export(_collect_gauges(report))
    finally:
        exporter.shutdown()
    # The library gives the reason of a failure only in its log
    if answer is not MetricExportResult.SUCCESS:
        host = urlsplit(url).hostname
        raise TemporaryFailure(
            f"{host} did not take the metrics; check the URL, to which /{PATH} is added, and the collector"
        )


def _collect_gauges(report: Report) -> MetricsData:
    """The gauges in the form that the library sends."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.resources import Resource

    # An in-memory reader collects once, and needs no thread, unlike a periodic reader
    reader = InMemoryMetricReader()
    resource = Resource({"service.name": "spark-model-monitor"})
    provider = MeterProvider([reader], resource, shutdown_on_exit=False)
    meter = provider.get_meter("spark_model_monitor")
    # Labels without a text are left out
    for gauge in list_gauges(report):
        instrument = meter.create_gauge(gauge.name, description=gauge.meaning)
        for labels, number in gauge.samples:
            instrument.set(number, {name: label for name, label in labels.items() if label})
    metrics = reader.get_metrics_data()
    provider.shutdown()
    assert metrics is not None  # gauges were set
    return metrics


@contextmanager
def _silence_library() -> Iterator[None]:
    logger = logging.getLogger(LIBRARY)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
