"""One metric of a window beside its baseline: what every bias check looks at. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np

from model_monitor.documents.clarify import BiasPart, BiasReport, GroupMetrics
from model_monitor.monitors.bias.analysis import BiasAnalysis, GroupAnalysis, MetricValue
from model_monitor.monitors.bias.choices import Choice
from model_monitor.monitors.bias.intervals import LEVEL, RATIOS, Interval, Spread, intervals_of, spreads_of
from model_monitor.monitors.bias.metrics import POST_TRAINING, PRE_TRAINING
from model_monitor.monitors.protocol import StoredBaseline
from model_monitor.statistics.states.contingency import ValueKind, number_of
from model_monitor.statistics.verdicts.multiplicity import BUDGET

_ENDS = re.compile(r"\((.+), (.+)\]")


@dataclass(frozen=True)
class BiasBaseline(StoredBaseline):
    """What later data is held against. groups: those of its counts, none if these are not at hand."""

    constraints: BiasReport
    groups: tuple[GroupAnalysis, ...] = ()

    def without(self, excluded: Collection[str]) -> BiasBaseline:
        """The same without some of its facets."""
        parts = {
            name: None
            if part is None
            else part.model_copy(
                update={"facets": {facet: groups for facet, groups in part.facets.items() if facet not in excluded}}
            )
            for name, part in (
                ("post_training_bias_metrics", self.constraints.post_training_bias_metrics),
                ("pre_training_bias_metrics", self.constraints.pre_training_bias_metrics),
            )
        }
        return BiasBaseline(self.constraints.model_copy(update=parts), self.groups)

    def values(self, part: BiasPart | None, facet: str, choice: Choice) -> Mapping[str, float | None] | None:
        """The values of a group's metrics by name, None for one that was undefined; None if the baseline has no such group, or
        has a value for what is a threshold here.
        """
        kinds = {
            each.choice.kind
            for each in self.groups
            if (each.facet, each.choice.configured) == (facet, choice.configured)
        }
        if kinds and choice.kind not in kinds:
            return None
        groups = part.facets.get(facet, ()) if part else ()
        group = _same(groups, choice)
        return None if group is None else {metric.name: metric.value for metric in group.metrics}


def _same(groups: Collection[GroupMetrics], choice: Choice) -> GroupMetrics | None:
    """The group with the same configured values. Of an interval the threshold counts: its other end moves with the data.

    A number that is a value here, as each has many rows, is not the interval above it.
    Source: B5.2.
    """
    for group in groups:
        if group.value_or_threshold in (choice.shown, choice.configured):
            return group
    threshold = number_of(choice.configured) if choice.kind is ValueKind.CONTINUOUS else None
    for group in groups:
        ends = _ENDS.fullmatch(group.value_or_threshold)
        if threshold is not None and ends is not None and threshold in map(number_of, ends.groups()):
            return group
        if threshold is not None and group.value_or_threshold == "" and len(groups) == 1:
            return group  # the threshold was the maximum, so the interval is empty
    return None


# One metric of a window beside its baseline: what every bias check looks at.


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How bias metrics are judged; by default so that chance is no bias.

    Parameters
    ----------
    with_intervals : bool, default True
        Whether a metric has drifted only if chance can't explain it. The service judges the value alone.
    min_rows : int, default 0
        Fewer rows on either side are too few to tell.
    neutral_di : bool, default True
        Distances of disparate impact are measured from 1, where it is neutral. The service measures from 0.
    ranges : mapping of str to (float, float)
        What a metric has to lie in, whatever the baseline says.
    false_alarm_budget : float, default 1/720
        With intervals: the share of the healthy runs in which any metric may have drifted.

    Examples
    --------
    >>> from model_monitor import Tolerances
    >>> Tolerances(min_rows=100, ranges={"DPL": (-0.1, 0.1)}).min_rows
    100
    """

    with_intervals: bool = True
    min_rows: int = 0
    neutral_di: bool = True
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    false_alarm_budget: float = BUDGET


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """A metric of one group.

    baseline: its value there; None if it was undefined. in_baseline: whether the baseline has the group and metric at all.
    neutral: the value that distances are measured from. interval: None if there is none, or if it was not asked for.
    spread: how far chance takes the value; of_baseline: and the baseline's, None if its counts, or those of its flip test,
    are not at hand. tests: how many metrics share the budget.
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
    spread: Spread | None = None
    of_baseline: Spread | None = None
    tests: int = 1

    @property
    def beyond_chance(self) -> Interval | None:
        """Ends within which the value may be by chance, both errors counted, at the level of one of so many metrics.

        Source: B5.3.
        """
        value = self.current.value
        if value is None or self.spread is None:
            return None
        if math.isinf(value):  # how large it might be else, nobody knows
            return -math.inf, math.inf
        of_baseline = self.of_baseline or self.spread  # of unknown counts, as far as here
        past = max(of_baseline.below, of_baseline.above)  # both, as a distance ends at 0
        level = self.tolerances.false_alarm_budget / self.tests / 2
        wider = NormalDist().inv_cdf(1 - level) / NormalDist().inv_cdf((1 + LEVEL) / 2)
        below, above = (wider * math.hypot(side, past) for side in (self.spread.below, self.spread.above))
        if self.current.name in RATIOS:
            value = value or self.spread.value
            with np.errstate(over="ignore"):
                return value * float(np.exp(-below)), value * float(np.exp(above))
        return value - below, value + above

    @property
    def fewest_rows(self) -> int:
        """Rows of the smaller side."""
        return min(self.rows)


def comparisons_of(analysis: BiasAnalysis, known: BiasBaseline, tolerances: Tolerances) -> Iterator[MetricComparison]:
    """Every metric of the window, post-training ones first, by facet, group and name."""
    intervals = {id(group): _intervals(group, tolerances) for group in analysis.groups}
    before = known.groups if tolerances.with_intervals else ()
    spreads = {id(group): _spreads(group, tolerances) for group in analysis.groups}
    past = {(group.facet, group.choice.configured): _spreads(group, tolerances) for group in before}
    tests = max(1, sum(interval is not None for found in intervals.values() for interval in found.values()))
    constraints = known.constraints
    parts = (
        ("post_training", constraints.post_training_bias_metrics),
        ("pre_training", constraints.pre_training_bias_metrics),
    )
    for stage, part in parts:
        for group in analysis.groups:
            of_baseline = past.get((group.facet, group.choice.configured), {})
            for metric in _of_group(stage, part, group, known, intervals[id(group)], tolerances):
                name = metric.current.name
                spread = spreads[id(group)].get(name)
                yield replace(metric, spread=spread, of_baseline=of_baseline.get(name), tests=tests)


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
            1.0 if tolerances.neutral_di and metric.name in RATIOS else 0.0,
            (int(group.counts.d.rows), int(group.counts.a.rows)),
            intervals.get(metric.name),
            tolerances,
        )


def _intervals(group: GroupAnalysis, tolerances: Tolerances) -> Mapping[str, Interval | None]:
    return intervals_of(group.counts, _defined(group)) if tolerances.with_intervals else {}


def _spreads(group: GroupAnalysis, tolerances: Tolerances) -> Mapping[str, Spread | None]:
    return spreads_of(group.counts, _defined(group)) if tolerances.with_intervals else {}


def _defined(group: GroupAnalysis) -> list[str]:
    """The metrics of the group that have a value."""
    known = (metric.name for metric in group.metrics if metric.value is not None)
    return [name for name in known if name in PRE_TRAINING or name in POST_TRAINING]
