"""One metric of a window beside its baseline: what every bias check looks at. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from model_monitor.bias.analysis import BiasAnalysis, GroupAnalysis, MetricValue
from model_monitor.bias.baseline import BiasBaseline
from model_monitor.bias.intervals import Interval, intervals_of
from model_monitor.bias.metrics import POST_TRAINING, PRE_TRAINING
from model_monitor.documents.bias_report import BiasPart

DISPARATE_IMPACT = "DI"


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How bias metrics are judged; by default as the service judges them.

    Parameters
    ----------
    with_intervals : bool, default False
        Only what the interval of a metric tells for certain is a verdict.
    min_rows : int, default 0
        Fewer rows on either side are too few to tell.
    neutral_di : bool, default False
        Distances of disparate impact are measured from 1, where it is neutral.
    ranges : mapping of str to (float, float)
        What a metric has to lie in, whatever the baseline says.

    Examples
    --------
    >>> from model_monitor import Tolerances
    >>> Tolerances(min_rows=100, ranges={"DPL": (-0.1, 0.1)}).min_rows
    100
    """

    with_intervals: bool = False
    min_rows: int = 0
    neutral_di: bool = False
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """A metric of one group.

    baseline: its value there; None if it was undefined. in_baseline: whether the baseline has the group and metric at all.
    neutral: the value that distances are measured from. interval: None if there is none, or if it was not asked for.
    """

    stage: str
    facet: str
    facet_value: str
    current: MetricValue
    baseline: float | None
    in_baseline: bool
    neutral: float
    rows: tuple[int, int]
    interval: Interval | None
    tolerances: Tolerances

    @property
    def fewest_rows(self) -> int:
        """Rows of the smaller side."""
        return min(self.rows)


def comparisons_of(analysis: BiasAnalysis, known: BiasBaseline, tolerances: Tolerances) -> Iterator[MetricComparison]:
    """Every metric of the window, post-training ones first, by facet, group and name."""
    intervals = {id(group): _intervals(group, tolerances) for group in analysis.groups}
    constraints = known.constraints
    parts = (
        ("post_training", constraints.post_training_bias_metrics),
        ("pre_training", constraints.pre_training_bias_metrics),
    )
    for stage, part in parts:
        for group in analysis.groups:
            yield from _of_group(stage, part, group, known, intervals[id(group)], tolerances)


def _of_group(
    stage: str,
    part: BiasPart | None,
    group: GroupAnalysis,
    known: BiasBaseline,
    intervals: Mapping[str, Interval | None],
    tolerances: Tolerances,
) -> Iterator[MetricComparison]:
    baseline = known.values(part, group.facet, group.choice)
    for metric in getattr(group, stage) or ():
        yield MetricComparison(
            stage,
            group.facet,
            group.choice.configured,
            metric,
            (baseline or {}).get(metric.name),
            baseline is not None and metric.name in baseline,
            1.0 if tolerances.neutral_di and metric.name == DISPARATE_IMPACT else 0.0,
            (int(group.counts.d.rows), int(group.counts.a.rows)),
            intervals.get(metric.name),
            tolerances,
        )


def _intervals(group: GroupAnalysis, tolerances: Tolerances) -> Mapping[str, Interval | None]:
    if not tolerances.with_intervals:
        return {}
    defined = [metric.name for metric in group.metrics if metric.value is not None]
    return intervals_of(group.counts, [name for name in defined if name in PRE_TRAINING or name in POST_TRAINING])
