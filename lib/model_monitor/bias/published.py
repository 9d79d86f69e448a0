"""The metrics of an analysis as a platform is told of them. Pure.

Source: C9.2; B5.2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from model_monitor.bias.analysis import BiasAnalysis
from model_monitor.documents.check_results import CheckResult, CheckStatus, Summary, SummaryRow, part_of
from model_monitor.runs.protocol import PublishedMetric

LARGEST_VALUE = 2.0**360
"""What an infinite value is published as: the 2.348543e108 of C9.2, the largest that CloudWatch takes."""

STAGES = (("Post-Training", "post_training"), ("Pre-training", "pre_training"))


def published_metrics(analysis: BiasAnalysis, results: Iterable[CheckResult]) -> Iterator[PublishedMetric]:
    """Every defined metric as `bias_metric_<NAME>`, and the number of violations. A metric that is undefined has none."""
    for stage, part in STAGES:
        for group in analysis.groups:
            dimensions = {
                "BiasStage": stage,
                "Label": analysis.label,
                "LabelValue": analysis.positives.configured,
                "Facet": group.facet,
                "FacetValue": group.choice.configured,
            }
            for metric in getattr(group, part) or ():
                if metric.value is not None:
                    yield PublishedMetric(f"bias_metric_{metric.name}", _finite(metric.value), dimensions=dimensions)
    violated = sum(result.status is CheckStatus.VIOLATED for result in results)
    yield PublishedMetric("total_number_of_violations", violated, "Count")


def summary_of(analysis: BiasAnalysis) -> Summary:
    """A row for each metric of each sensitive group."""
    return Summary(
        tuple(
            SummaryRow(metric.name, part_of(group.facet, group.choice.configured), "bias", value=metric.value)
            for group in analysis.groups
            for metric in group.metrics
        )
    )


def _finite(value: float) -> float:
    return math.copysign(LARGEST_VALUE, value) if math.isinf(value) else value
