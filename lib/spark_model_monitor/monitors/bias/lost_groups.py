"""Groups of the baseline that a window has no row of any more, where every value of a facet is a group. Pure.

A configured group without a row is in the window's own analysis. A group by value is there only if a row has its value,
so that `F` renamed to `Female` is a new group without a baseline, and the old one would go unseen.
"""

from __future__ import annotations

from collections.abc import Iterator

from spark_model_monitor.monitors.bias.bias_analysis import BiasAnalysis, GroupAnalysis
from spark_model_monitor.monitors.bias.intervals import RATIOS
from spark_model_monitor.monitors.bias.metric_comparison import (
    RARELY,
    STAGES,
    BiasBaseline,
    MetricComparison,
    Tolerances,
)

LOST = "no row has the value of this group any more"


def find_lost_groups(analysis: BiasAnalysis, baseline: BiasBaseline) -> Iterator[GroupAnalysis]:
    """The baseline's groups that the window lacks, unless it may lack them by chance."""
    window_facets = {group.facet for group in analysis.groups}
    window_groups = {(group.facet, group.choice.configured) for group in analysis.groups}
    for group in baseline.groups:
        is_in_window = (group.facet, group.choice.configured) in window_groups
        # A facet that the configuration no longer names has lost no group
        if is_in_window or group.facet not in window_facets or not group.choice.keys:
            continue
        all_rows = float(group.counts.all.rows)
        if all_rows:
            share = float(group.counts.d.rows) / all_rows
        else:
            share = 0.0
        # The probability that none of the window's rows is of a group with this share
        chance = (1 - share) ** analysis.rows
        if chance <= RARELY:
            yield group


def compare_lost_groups(
    analysis: BiasAnalysis, baseline: BiasBaseline, tolerances: Tolerances
) -> Iterator[MetricComparison]:
    """The metrics of the lost groups, which are undefined in the window."""
    for group in find_lost_groups(analysis, baseline):
        for stage in STAGES:
            report_part = getattr(baseline.constraints, f"{stage}_bias_metrics")
            limits = baseline.values(report_part, group.facet, group.choice) or {}
            for metric in getattr(group, stage) or ():
                yield MetricComparison(
                    stage,
                    group.facet,
                    group.choice.configured,
                    metric.model_copy(update={"value": None, "error": LOST}),
                    baseline=limits.get(metric.name),
                    in_baseline=metric.name in limits,
                    neutral=1.0 if tolerances.neutral_di and metric.name in RATIOS else 0.0,
                    rows=(0, analysis.rows),
                    interval=None,
                    tolerances=tolerances,
                    reason_empty=LOST,
                )
