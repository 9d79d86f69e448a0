"""An analysis as analysis.json, which is also what a later window is asked to fulfil. Pure.

The suggestion of a bias baseline is the analysis itself: every metric is to stay as near to 0 as it is here, so a data set
passes the constraints suggested from it.
"""

from __future__ import annotations

from collections.abc import Iterable

from model_monitor.bias.analysis import BiasAnalysis, GroupAnalysis, MetricValue, SegmentAnalysis
from model_monitor.documents.clarify import BiasMetric, BiasPart, BiasReport, GroupMetrics, SegmentMetrics

PRE_TRAINING, POST_TRAINING = "pre_training", "post_training"


def report_of(analysis: BiasAnalysis) -> BiasReport:
    """analysis.json of an analysis; a part that was not asked for is left out.

    Source: B3.
    """
    return BiasReport(
        version="1.0",
        post_training_bias_metrics=_part(analysis, POST_TRAINING),
        pre_training_bias_metrics=_part(analysis, PRE_TRAINING),
    )


def _part(analysis: BiasAnalysis, part: str) -> BiasPart | None:
    if all(getattr(group, part) is None for group in analysis.groups):
        return None
    facets: dict[str, tuple[GroupMetrics, ...]] = {}
    for group in analysis.groups:
        facets[group.facet] = (*facets.get(group.facet, ()), _group(group, part))
    return BiasPart(label=analysis.label, facets=facets, label_value_or_threshold=analysis.positives.shown)


def _group(group: GroupAnalysis, part: str) -> GroupMetrics:
    segments = tuple(_segment(segment, part) for segment in group.segments)
    return GroupMetrics(
        value_or_threshold=group.choice.shown, metrics=_metrics(getattr(group, part)), segments=segments or None
    )


def _segment(segment: SegmentAnalysis, part: str) -> SegmentMetrics:
    return SegmentMetrics(
        segmentation=segment.segmentation, segment=segment.name, metrics=_metrics(getattr(segment, part))
    )


def _metrics(values: Iterable[MetricValue]) -> tuple[BiasMetric, ...]:
    return tuple(
        BiasMetric(name=value.name, description=value.description, value=value.value, error=value.error)
        for value in values
    )
