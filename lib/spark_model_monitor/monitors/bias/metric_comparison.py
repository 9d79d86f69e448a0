"""One metric of a window and its baseline: the input of every bias check. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist

from spark_model_monitor.arguments import require_count, require_share
from spark_model_monitor.documents.check_results import FACET_VALUE, CheckResult
from spark_model_monitor.documents.clarify_files import BiasMetric
from spark_model_monitor.monitors.bias.bias_analysis import BiasAnalysis, GroupAnalysis, MetricsOfRows
from spark_model_monitor.monitors.bias.bias_baseline import STAGES, BiasBaseline, Segment
from spark_model_monitor.monitors.bias.choices import MISSING_SHOWN, Choice
from spark_model_monitor.monitors.bias.intervals import (
    LEVEL,
    MIN_ERROR,
    RATIOS,
    ROOTS,
    Interval,
    Spread,
    compute_intervals,
    estimate_design_effects,
    estimate_spreads,
    fewest_groups,
    to_even_scale,
)
from spark_model_monitor.statistics.drift.special_functions import student_above
from spark_model_monitor.statistics.states.contingency_plan import normalize_code
from spark_model_monitor.statistics.states.segments import MISSING
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class

NORMAL = NormalDist().inv_cdf((1 + LEVEL) / 2)  # ends of a spread, in standard errors


def format_segment_label(cut: str, name: str) -> str:
    """The name of a segment in results: `plan=business`, `30<=age<50`."""
    column, _, bounds = cut.partition(":")
    if bounds and name != MISSING:
        return name
    return f"{column}={name}"


STAGE = "stage"  # a member of a bias check's result, besides `FACET_VALUE` and the common ones


def metric_key(result: CheckResult) -> tuple[str, ...]:
    """The subject of a result, whatever its rows are: check, stage, facet, facet value and metric."""
    members = result.model_extra or {}
    return result.check, members[STAGE], result.feature or "", members[FACET_VALUE], result.metric or ""


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How bias metrics are judged; by default, chance does not count as bias.

    Parameters
    ----------
    with_intervals : bool, default True
        Whether a metric has drifted only if chance can't explain it. The service judges only the value. A limit that you
        edited in analysis.json decides alone in any case.
    min_rows : int, default 0
        Minimum number of rows on each side for a verdict.
    neutral_di : bool, default True
        Whether disparate impact is measured from 1, its neutral value. The service measures from 0.
    ranges : mapping of str to (float, float)
        Ranges that metrics must stay in, whatever the baseline says. The value decides alone.
    false_alarm_budget : float, default 1/720
        With intervals: share of healthy runs in which any metric may have drifted.

    Examples
    --------
    >>> from spark_model_monitor import Tolerances
    >>> Tolerances(min_rows=100, ranges={"DPL": (-0.1, 0.1)}).min_rows
    100
    """

    with_intervals: bool = True
    min_rows: int = 0
    neutral_di: bool = True
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    false_alarm_budget: float = BUDGET

    def __post_init__(self) -> None:
        require_count("min_rows", self.min_rows)
        require_share("false_alarm_budget", self.false_alarm_budget)


@value_class
class ComparedGroup:
    """Whose metrics are compared. rows: of the group, and of the rest. segment: of the rows; None for all rows."""

    stage: str
    facet: str
    facet_value: str
    rows: tuple[int, int]
    segment: Segment | None = None


@value_class
class MetricNoise:
    """How far noise moves a metric.

    interval: None if there is none, or if not requested.
    spread: of the window's value.
    of_baseline: the same for the baseline's value, None if its counts, or those of its flip test, are unavailable.
    design_effect: how many rows of the window count as one.
    groups: of the smaller side, of window or baseline.
    """

    interval: Interval | None = None
    spread: Spread | None = None
    of_baseline: Spread | None = None
    design_effect: float = 1.0
    groups: float = math.inf


@value_class
class MetricComparison:
    """A metric of one group.

    baseline: its value there; None if it was undefined.
    in_baseline: whether the baseline has the group and metric.
    is_requested: whether a person wrote this value into the baseline's file, or insists on it.
    tests: number of tests that share the budget.
    reason_empty: why the window or the baseline has nothing to compare, such as no row of the group; None if both have.
    is_label_unknown: whether that is because no label is positive, of which some metrics are 0 and none means anything.
    window_rows: those that were measured; None if the window lacks the group.
    """

    group: ComparedGroup
    current: BiasMetric
    baseline: float | None
    in_baseline: bool
    noise: MetricNoise
    tolerances: Tolerances
    tests: int = 1
    is_requested: bool = False
    reason_empty: str | None = None
    is_label_unknown: bool = False
    window_rows: MetricsOfRows | None = None

    @property
    def neutral(self) -> float:
        """The value of no bias, which distances are measured from."""
        return 1.0 if self.tolerances.neutral_di and self.current.name in RATIOS else 0.0

    @property
    def allows_for_chance(self) -> bool:
        """Whether the metric has drifted only if chance can't explain it."""
        return self.tolerances.with_intervals and not self.is_requested

    @property
    def errors(self) -> tuple[float, float]:
        """By how much the value may be too high and too low, 19 times in 20, with the baseline's own error."""
        spread = self.noise.spread
        assert spread is not None
        of_baseline = self.noise.of_baseline or spread  # assumes the same error if the counts are unknown
        past = max(of_baseline.below, of_baseline.above)  # the larger one, as a distance ends at 0
        return math.hypot(spread.below, past), math.hypot(spread.above, past)

    @property
    def level(self) -> float:
        """The level of one among all tests."""
        return self.tolerances.false_alarm_budget / self.tests

    @property
    def score(self) -> float | None:
        """How far the value is beyond the baseline's distance, in standard errors; None if unknown. Source: B5.3."""
        name = self.current.name
        value = self.current.value
        spread = self.noise.spread
        if value is None or spread is None or self.baseline is None or math.isinf(value):
            return None
        # A ratio of 0 has no logarithm; the value of the counts with a prior stands for it
        if name in RATIOS:
            value = value or spread.value
        allowed = abs(self.baseline - self.neutral)
        below, above = self.errors
        highest = self.neutral + allowed
        lowest = self.neutral - allowed
        ends = 0.0 if name in RATIOS else -math.inf  # limit of the even scale
        # Both directions are measured on a scale on which errors are even; the farther one decides
        position = to_even_scale(name, value)
        distances = [(position - to_even_scale(name, highest)) / max(below, MIN_ERROR) if highest > ends else math.inf]
        if lowest > ends and name not in ROOTS:
            distances.append((to_even_scale(name, lowest) - position) / max(above, MIN_ERROR))
        return max(distances) * NORMAL

    @property
    def chance(self) -> float | None:
        """Probability that noise takes the value so far beyond the baseline's; None if unknown. Source: B5.3."""
        score = self.score
        if score is None:
            return None
        return min(1.0, 2 * student_above(score, self.freedom))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of Student's t: effective rows of the smaller side, or groups if fewer, less one."""
        rows = min(self.group.rows) / self.noise.design_effect
        return int(max(min(rows, self.noise.groups) - 1, 1))


RARELY = 0.001
"""The probability up to which a window has no row of a group, or no positive label, not by chance."""

WITHOUT_LABELS = frozenset({"CI"})
"""Metrics that don't depend on labels."""


def find_reason_empty(choice: Choice, past: MetricsOfRows | None) -> str | None:
    """Why there is no group to compare; None if the window and the baseline have rows of it, as far as is known."""
    if choice.reason_empty is not None:
        return choice.reason_empty
    if not isinstance(past, GroupAnalysis):
        return None
    if past.choice.error is not None:
        return f"the baseline lacks this group: {past.choice.error}"
    if not past.choice.keys and choice.kind is ValueKind.CONTINUOUS:
        return f"no number of the baseline is above the configured threshold {choice.configured}"
    if not past.choice.keys and choice.configured != MISSING_SHOWN:
        return f"no row of the baseline has the configured value {choice.configured!r}"
    return None


def find_reason_no_positive(analysis: BiasAnalysis, past: MetricsOfRows | None) -> str | None:
    """Why no label is positive, in the baseline or in a window of which chance doesn't explain it."""
    if past is None:
        return None
    rows = float(past.counts.all.rows)
    positives = float(past.counts.all.positives)
    configured = analysis.positives.configured
    if rows and not positives:
        return f"no label of the baseline is positive, by the configured value {configured!r}"
    # The probability that none of the window's rows is positive if its rate is the baseline's
    chance = (1 - positives / max(rows, 1.0)) ** analysis.rows
    if not analysis.positives.keys and chance <= RARELY:
        return f"no label of the window is positive, by the configured value {configured!r}"
    return None


def adopt_spellings(analysis: BiasAnalysis, baseline: BiasBaseline) -> BiasAnalysis:
    """The analysis, in which a group by value has the baseline's spelling of its code: `1` for `1.0`."""
    window_groups = {group.key for group in analysis.groups}
    # Codes that only the baseline writes so, by their normalised form
    spellings: dict[tuple[str, str], str] = {}
    for group in baseline.groups:
        if group.choice.keys and group.key not in window_groups:
            spellings[group.facet, normalize_code(group.choice.configured)] = group.choice.configured
    groups = []
    for group in analysis.groups:
        # Popped, so that no two groups of the window get the same spelling
        spelling = spellings.pop((group.facet, normalize_code(group.choice.configured)), None)
        if spelling is not None:
            group = replace(group, choice=replace(group.choice, configured=spelling, shown=spelling))
        groups.append(group)
    return replace(analysis, groups=tuple(groups))


_RowsKey = tuple[str, str, Segment | None]  # facet, its value and the segment, None for all rows


def compare_with_baseline(
    analysis: BiasAnalysis, baseline: BiasBaseline, tolerances: Tolerances
) -> Iterator[MetricComparison]:
    """Every metric of the window, post-training ones first, by facet, group and name; then those of segments likewise.

    If rows are divided, all rows have half of the budget, and their segments the other half.
    Source: D4.6.
    """
    before: dict[_RowsKey, MetricsOfRows] = {}
    if tolerances.with_intervals:
        before = dict(_iterate_measured_rows(baseline.groups))
    comparer = _Comparer(analysis, baseline, tolerances, before)
    overall: list[MetricComparison] = []
    by_segment: list[MetricComparison] = []
    for rows_key, window_rows in dict(_iterate_measured_rows(analysis.groups)).items():
        if rows_key[2] is None:
            overall += comparer.compare_rows(rows_key, window_rows)
        # Without intervals most segments would be violated by chance
        elif tolerances.with_intervals:
            by_segment += comparer.compare_rows(rows_key, window_rows)
    # All rows are one family of tests, their segments another with as much of the budget
    share = 1
    if any(comparison.noise.interval is not None and comparison.in_baseline for comparison in by_segment):
        share = 2
    for family in (overall, by_segment):
        tested = [comparison.noise.interval is not None and not comparison.is_requested for comparison in family]
        tests = share * max(1, sum(tested))
        for stage in STAGES:
            for comparison in family:
                if comparison.group.stage == stage:
                    yield replace(comparison, tests=tests)


@value_class
class _Comparer:
    """Compares rows of the window with the same ones of the baseline. before: the baseline's; empty without intervals."""

    analysis: BiasAnalysis
    baseline: BiasBaseline
    tolerances: Tolerances
    before: Mapping[_RowsKey, MetricsOfRows]

    def compare_rows(self, rows_key: _RowsKey, window_rows: MetricsOfRows) -> Iterator[MetricComparison]:
        """The metrics of one group in all rows, or in a segment."""
        facet, configured, segment = rows_key
        # How many rows count as one, in the window and in the baseline
        neighbours = self.baseline.design_effects.get(facet)
        past = self.before.get(rows_key)
        design_effects: dict[str, float] = {}
        of_baseline: Mapping[str, Spread | None] = {}
        past_values: dict[str, float | None] = {}
        if past is not None:
            past_values = {metric.name: metric.value for metric in past.metrics}
            past_effects = estimate_design_effects(past.counts, _defined_metrics(past), neighbours)
            of_baseline = estimate_spreads(past.counts, past_effects)
        if self.tolerances.with_intervals:
            named_rows = window_rows
            blocks = window_rows.counts.blocks
            # The baseline's rows show how many count as one if no row of the window has the name of a group
            if past is not None and blocks is not None and not blocks[:-1].any():
                named_rows = past
            design_effects = estimate_design_effects(named_rows.counts, _defined_metrics(window_rows), neighbours)
        # Intervals of the window's values, and how far noise moves them
        intervals = compute_intervals(window_rows.counts, design_effects)
        spreads = estimate_spreads(window_rows.counts, design_effects)
        # Why a metric may have no value: an empty group, or no positive label
        rows = int(window_rows.counts.d.rows), int(window_rows.counts.a.rows)
        choice = next(group.choice for group in reversed(self.analysis.groups) if group.key == (facet, configured))
        all_rows_past = self.before.get((facet, configured, None))
        reason_empty = find_reason_empty(choice, all_rows_past)
        reason_no_positive = find_reason_no_positive(self.analysis, all_rows_past)
        groups = fewest_groups(window_rows.counts)
        if past is not None:
            groups = min(groups, fewest_groups(past.counts))
        groups = min(groups, min(rows) / max((neighbours or {}).values(), default=1.0))
        for stage in STAGES:
            group = ComparedGroup(stage, facet, configured, rows, segment)
            # The file's values; one that a person edited differs from the run's own and its copy
            limits = self.baseline.values(self.baseline.constraints, stage, facet, choice, segment)
            copied_values = self.baseline.values(self.baseline.copy, stage, facet, choice, segment)
            requested = self.baseline.requested_metrics(limits, past_values, copied_values)
            for metric in getattr(window_rows, stage) or ():
                noise = MetricNoise(
                    intervals.get(metric.name),
                    spreads.get(metric.name),
                    of_baseline.get(metric.name),
                    design_effects.get(metric.name, 1.0),
                    groups,
                )
                reason_no_label = None
                if metric.name not in WITHOUT_LABELS:
                    reason_no_label = reason_no_positive
                yield MetricComparison(
                    group,
                    metric,
                    baseline=limits.get(metric.name),
                    in_baseline=metric.name in limits,
                    noise=noise,
                    tolerances=self.tolerances,
                    is_requested=metric.name in requested,
                    reason_empty=reason_empty or reason_no_label,
                    is_label_unknown=reason_no_label is not None,
                    window_rows=window_rows,
                )


def _iterate_measured_rows(groups: Iterable[GroupAnalysis]) -> Iterator[tuple[_RowsKey, MetricsOfRows]]:
    for group in groups:
        yield (*group.key, None), group
        for segment in group.segments:
            yield (*group.key, (segment.segmentation, segment.name)), segment


def _defined_metrics(measured_rows: MetricsOfRows) -> list[str]:
    """The metrics with a value."""
    return [metric.name for metric in measured_rows.metrics if metric.value is not None]


LOST = "no row has the value of this group any more"


def compare_lost_groups(
    analysis: BiasAnalysis, baseline: BiasBaseline, tolerances: Tolerances
) -> Iterator[MetricComparison]:
    """The metrics of the baseline's groups that the window lacks, unless it may lack them by chance: they are undefined.

    A configured group without a row is in the window's own analysis; a group by value isn't, and `F` renamed to `Female`
    is a new one without a baseline.
    """
    window_facets = {group.facet for group in analysis.groups}
    window_groups = {group.key for group in analysis.groups}
    for group in baseline.groups:
        is_in_window = group.key in window_groups
        # A facet that the configuration no longer names has lost no group
        if is_in_window or group.facet not in window_facets or not group.choice.keys:
            continue
        # The probability that none of the window's rows is of a group with this share
        share = float(group.counts.d.rows) / max(float(group.counts.all.rows), 1.0)
        if (1 - share) ** analysis.rows > RARELY:
            continue
        for stage in STAGES:
            limits = baseline.values(baseline.constraints, stage, group.facet, group.choice)
            compared = ComparedGroup(stage, *group.key, (0, analysis.rows))
            for metric in getattr(group, stage) or ():
                yield MetricComparison(
                    compared,
                    metric.model_copy(update={"value": None, "error": LOST}),
                    baseline=limits.get(metric.name),
                    in_baseline=metric.name in limits,
                    noise=MetricNoise(),
                    tolerances=tolerances,
                    reason_empty=LOST,
                )
