"""What is published of a model-quality run: every metric that is a number, and the number of violations. Pure.

Source: C9.2, G20.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from model_monitor.documents.check_results import CheckResult, CheckStatus, Summary, SummaryRow
from model_monitor.model_quality.estimates import interval_of
from model_monitor.model_quality.measurement import Measurement
from model_monitor.runs.protocol import PublishedMetric


def published_metrics(measurement: Measurement, results: Iterable[CheckResult]) -> Iterator[PublishedMetric]:
    """The metrics that are defined, by their names in statistics.json and metrics.json."""
    for name, measured in measurement.metrics.items():
        if measured.value is not None:
            yield PublishedMetric(name, measured.value)
    violated = sum(result.status is CheckStatus.VIOLATED for result in results)
    yield PublishedMetric("total_number_of_violations", violated, unit="Count")


def summary_of(measurement: Measurement) -> Summary:
    """A row for each metric."""
    rows = []
    for name, measured in measurement.metrics.items():
        low, high = interval_of(measured.estimate) or (None, None)
        rows.append(SummaryRow(name, value=measured.value, low=low, high=high))
    return Summary(tuple(rows))
