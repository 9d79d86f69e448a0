"""One metric of a window together with its baseline: the input of every bias check. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist

from spark_model_monitor.arguments import require_count, require_share
from spark_model_monitor.data.records.refusals import MAX_QUARANTINED_SHARE
from spark_model_monitor.documents.check_results import FACET_VALUE, CheckResult
from spark_model_monitor.documents.clarify_files import BiasMetric
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.monitors.bias.bias_analysis import BiasAnalysis, GroupAnalysis, MetricsOfRows
from spark_model_monitor.monitors.bias.bias_baseline import STAGES, BiasBaseline, Segment
from spark_model_monitor.monitors.bias.bias_metrics import PRE_TRAINING, FacetCounts, Rate
from spark_model_monitor.monitors.bias.choices import MISSING_SHOWN
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
    to_symmetric_scale,
)
from spark_model_monitor.statistics.drift.special_functions import student_survival
from spark_model_monitor.statistics.states.contingency_plan import normalize_code
from spark_model_monitor.statistics.states.segments import MISSING
from spark_model_monitor.statistics.user_choices import ValueKind
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail
from spark_model_monitor.value_class import value_class

ERRORS_PER_SPREAD = NormalDist().inv_cdf(
    (1 + LEVEL) / 2
)  # distance from the value to the end of a spread, in standard errors


def format_segment_label(cut: str, name: str) -> str:
    """The name of a segment in results: `plan=business`, `30<=age<50`."""
    column, _, bounds = cut.partition(":")
    if bounds and name != MISSING:
        return name
    return f"{column}={name}"


STAGE = "stage"  # a member of a bias check's result, in addition to `FACET_VALUE` and the members of all results


def metric_key(result: CheckResult) -> tuple[str, ...]:
    """The subject of a result, without the segment: check, stage, facet, facet value and metric."""
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
    """The group whose metrics are compared. rows: of the group, and of the rest. segment: of the rows; None for all rows."""

    stage: str
    facet: str
    facet_value: str
    rows: tuple[int, int]
    segment: Segment | None = None


@value_class
class MetricNoise:
    """The noise of a metric.

    interval: None if there is none, or if none was requested.
    window_spread: of the window's value.
    baseline_spread: the spread of the baseline's value; None if its counts, or those of its flip test, are unavailable.
    design_effect: how many rows of the window count as one.
    groups: the number of groups of the smaller side, in the window or the baseline, whichever has fewer.
    """

    interval: Interval | None = None
    window_spread: Spread | None = None
    baseline_spread: Spread | None = None
    design_effect: float = 1.0
    groups: float = math.inf


@value_class
class MetricComparison:
    """A metric of one group.

    baseline: the metric's value in the baseline; None if it was undefined.
    in_baseline: whether the baseline has this group and metric.
    is_requested: whether a person wrote this limit into the baseline's file, or confirmed it.
    tests: number of tests that share the budget.
    obstacle: what prevents a comparison, such as no row of the group or of one of its values; None if nothing does. With an
        obstacle metrics have no meaning, even if they are 0.
    window_rows: the rows that were measured; None if the window lacks the group.
    """

    group: ComparedGroup
    current: BiasMetric
    baseline: float | None
    in_baseline: bool
    noise: MetricNoise
    tolerances: Tolerances
    tests: int = 1
    is_requested: bool = False
    obstacle: Obstacle | None = None
    window_rows: MetricsOfRows | None = None

    @property
    def neutral(self) -> float:
        """The value that means no bias; distances are measured from it."""
        return 1.0 if self.tolerances.neutral_di and self.current.name in RATIOS else 0.0

    @property
    def allows_for_chance(self) -> bool:
        """Whether the metric counts as drifted only if chance can't explain the change."""
        return self.tolerances.with_intervals and not self.is_requested

    @property
    def errors(self) -> tuple[float, float]:
        """How much the value may be too high, and too low, with 95 % probability, including the baseline's own error."""
        window_spread = self.noise.window_spread
        assert window_spread is not None
        # If the baseline's counts are unknown, its error is assumed to be the same
        baseline_spread = self.noise.baseline_spread or window_spread
        baseline_error = max(baseline_spread.below, baseline_spread.above)  # of both, because a distance ends at 0
        return math.hypot(window_spread.below, baseline_error), math.hypot(window_spread.above, baseline_error)

    @property
    def level(self) -> float:
        """The level of one test among all tests."""
        return self.tolerances.false_alarm_budget / self.tests

    @property
    def score(self) -> float | None:
        """How far the value is beyond the baseline's distance from neutral, in standard errors; None if unknown. Source:
        B5.3.
        """
        name = self.current.name
        value = self.current.value
        window_spread = self.noise.window_spread
        if value is None or window_spread is None or self.baseline is None or math.isinf(value):
            return None
        # A ratio of 0 has no logarithm, so the ratio with a prior replaces it
        if name in RATIOS:
            value = value or window_spread.value
        allowed = abs(self.baseline - self.neutral)
        below, above = self.errors
        highest = self.neutral + allowed
        lowest = self.neutral - allowed
        scale_minimum = 0.0 if name in RATIOS else -math.inf  # the lower end of the scale
        # Measure both directions on the scale on which errors are symmetric; the larger distance decides
        scaled_value = to_symmetric_scale(name, value)
        distances = [math.inf]
        if highest > scale_minimum:
            distances = [(scaled_value - to_symmetric_scale(name, highest)) / max(below, MIN_ERROR)]
        if lowest > scale_minimum and name not in ROOTS:
            distances.append((to_symmetric_scale(name, lowest) - scaled_value) / max(above, MIN_ERROR))
        return max(distances) * ERRORS_PER_SPREAD

    @property
    def chance(self) -> float | None:
        """The two-sided p-value that noise moves the value this far beyond the baseline's; None if unknown. Source: B5.3."""
        score = self.score
        if score is None:
            return None
        return min(1.0, 2 * student_survival(score, self.freedom))

    @property
    def freedom(self) -> int:
        """Degrees of freedom of Student's t: the effective number of rows, or of groups if it is smaller, of the smaller
        side, minus 1.
        """
        rows = min(self.group.rows) / self.noise.design_effect
        return int(max(min(rows, self.noise.groups) - 1, 1))


MAX_CHANCE = 0.001
"""If the probability of a window without rows of a group, or without positive labels, is at most this, it isn't chance."""

GROUP = "group"

POSITIVES = {"label": "positives", "prediction": "predicted_positives"}
"""The members of `OutcomeCounts` with the positive rows, by outcome: in the order of `FacetCounts.missing`."""

INDEPENDENT = {
    "label": frozenset({"CI", "CDDPL", "DI", "DPPL", "FT"}),
    "prediction": frozenset(PRE_TRAINING),
}
"""By outcome: the metrics that don't depend on it."""

RENAMED = (
    "check whether the {} were renamed, and write them as the data has them; if the baseline lacks them, make it again"
)

FACET_VALUES = "values of the facet have another unit or"


@value_class
class Obstacle:
    """Why a metric can't be compared with the baseline, and what to do about it."""

    reason: str
    remedy: str


def find_reason_empty(group: GroupAnalysis, baseline_rows: GroupAnalysis | None, design_effect: float) -> str | None:
    """The reason why there is no group to compare; None if, as far as is known, both window and baseline have rows of it.

    A value without a row is a reason if chance doesn't explain how few rows the group has. design_effect: how many rows count
        as one.
    """
    choice = group.choice
    if not choice.keys and choice.reason_empty is not None:
        return choice.reason_empty
    if baseline_rows is None:
        return None
    if baseline_rows.choice.error is not None:
        return f"the baseline lacks this group: {baseline_rows.choice.error}"
    if not baseline_rows.choice.keys and choice.kind is ValueKind.CONTINUOUS:
        return f"no number of the baseline is above the configured threshold {choice.configured}"
    if not baseline_rows.choice.keys and choice.configured != MISSING_SHOWN:
        return f"no row of the baseline has the configured value {choice.configured!r}"
    # Rows of a lost value belong to the rest, which then has more rows than in the baseline
    counts = group.counts
    before = baseline_rows.counts
    p = exact_tail(int(counts.a.rows), int(counts.all.rows), int(before.a.rows), int(before.all.rows), design_effect)
    if p <= MAX_CHANCE:
        return choice.reason_empty
    return None


def find_outcome_obstacle(
    outcome: str, configured: str, counts: FacetCounts, before: FacetCounts, design_effect: float
) -> Obstacle | None:
    """The obstacle that labels, or predictions, are missing, or that none or all of them are positive; None if the baseline's
    are alike, or chance explains it.

    outcome: a key of `POSITIVES`. configured: the positive values. design_effect: how many rows count as one.
    """
    # Missing ones count as negative, as in the service, so a metric would show which rows lack them
    column = [*POSITIVES].index(outcome)
    for group, *numbers in zip(
        ("rest", GROUP),
        *(side_counts.missing[:, column].tolist() for side_counts in (counts, before)),
        *(side_counts.cells.sum(axis=(1, 2, 3)).tolist() for side_counts in (counts, before)),
        strict=True,
    ):
        missing, missing_before, rows, rows_before = map(int, numbers)
        share = missing / max(rows, 1)
        share_before = missing_before / max(rows_before, 1)
        p = exact_tail(missing, rows, missing_before, rows_before, design_effect)
        # As few are no obstacle as a run may refuse
        if share - share_before > MAX_QUARANTINED_SHARE and p <= MAX_CHANCE:
            return Obstacle(
                f"the {outcome} is missing in {format_percent(share)} of the rows of the {group}, and was in "
                f"{format_percent(share_before)}; these rows count as negative",
                f"wait for the {outcome}s, or leave out the rows without one",
            )
    # Renamed values leave no positive row, or only positive ones
    positive_rate = Rate(POSITIVES[outcome], "rows")
    share = float(positive_rate.compute(counts.all))
    share_before = float(positive_rate.compute(before.all))
    by_value = f"positive, by the configured value {configured!r}"
    if float(before.all.rows) and not share_before:
        return Obstacle(f"no {outcome} of the baseline is {by_value}", RENAMED.format(f"{outcome}s"))
    # The probability that all rows are alike, if the share of the baseline holds
    chance = (1 - abs(share - share_before)) ** (float(counts.all.rows) / design_effect)
    if share not in (0, 1) or chance > MAX_CHANCE:
        return None
    return Obstacle(
        f"{format_percent(share)} of the window's {outcome}s are {by_value}, and {format_percent(share_before)} were",
        f"check whether the {outcome}s have another form now, such as names or scores; if they are right look at the page of "
        "data quality of the same window",
    )


def adopt_spellings(analysis: BiasAnalysis, baseline: BiasBaseline) -> BiasAnalysis:
    """The analysis, with the baseline's spelling for groups whose value is the same code: `1` for `1.0`."""
    window_groups = {group.key for group in analysis.groups}
    # Spellings that only the baseline uses, by the normalised code
    spellings: dict[tuple[str, str], str] = {}
    for group in baseline.groups:
        if group.choice.keys and group.key not in window_groups:
            spellings[group.facet, normalize_code(group.choice.configured)] = group.choice.configured
    groups = []
    for group in analysis.groups:
        # pop, so that no two groups of the window get the same spelling
        spelling = spellings.pop((group.facet, normalize_code(group.choice.configured)), None)
        if spelling is not None:
            group = replace(group, choice=replace(group.choice, configured=spelling, shown=spelling))
        groups.append(group)
    return replace(analysis, groups=tuple(groups))


def compare_with_baseline(
    analysis: BiasAnalysis, baseline: BiasBaseline, tolerances: Tolerances
) -> Iterator[MetricComparison]:
    """Every metric of the window, post-training ones first, by facet, group and name; then those of the segments in the same
    order.

    If there are segments, all rows get half of the budget and the segments get the other half.
    Source: D4.6.
    """
    baseline_groups: dict[tuple[str, str], GroupAnalysis] = {}
    if tolerances.with_intervals:
        baseline_groups = {group.key: group for group in baseline.groups}
    overall_comparisons: list[MetricComparison] = []
    segment_comparisons: list[MetricComparison] = []
    for group in {group.key: group for group in analysis.groups}.values():
        comparer = _GroupComparer(analysis, group, baseline, baseline_groups.get(group.key), tolerances)
        segments = _index_rows(group)
        overall_comparisons += comparer.compare_rows(None, segments.pop(None))
        # Without intervals, chance would violate most segments
        if tolerances.with_intervals:
            for segment, window_rows in segments.items():
                segment_comparisons += comparer.compare_rows(segment, window_rows)
    # All rows are one family of tests and all segments another; both have the same share of the budget
    share = 1
    if any(comparison.noise.interval is not None and comparison.in_baseline for comparison in segment_comparisons):
        share = 2
    for family in (overall_comparisons, segment_comparisons):
        tested = [comparison.noise.interval is not None and not comparison.is_requested for comparison in family]
        tests = share * max(1, sum(tested))
        for stage in STAGES:
            for comparison in family:
                if comparison.group.stage == stage:
                    yield replace(comparison, tests=tests)


@value_class
class _GroupComparer:
    """Compares rows of a group with the same rows of the baseline. before: the group there; None without intervals."""

    analysis: BiasAnalysis
    group: GroupAnalysis
    baseline: BiasBaseline
    before: GroupAnalysis | None
    tolerances: Tolerances

    def compare_rows(self, segment: Segment | None, window_rows: MetricsOfRows) -> Iterator[MetricComparison]:
        """Yield the metrics of the group in all rows, or in a segment."""
        facet, configured = self.group.key
        counts = window_rows.counts
        # Design effects in the baseline and in the window
        neighbours = self.baseline.design_effects.get(facet)
        baseline_rows = None if self.before is None else _index_rows(self.before).get(segment)
        design_effects: dict[str, float] = {}
        baseline_spreads: Mapping[str, Spread | None] = {}
        baseline_values: dict[str, float | None] = {}
        if baseline_rows is not None:
            baseline_values = {metric.name: metric.value for metric in baseline_rows.metrics}
            baseline_effects = estimate_design_effects(
                baseline_rows.counts, _defined_metrics(baseline_rows), neighbours
            )
            baseline_spreads = estimate_spreads(baseline_rows.counts, baseline_effects)
        if self.tolerances.with_intervals:
            grouped_counts = counts
            # If no row of the window has the name of a group, the design effects come from the baseline's rows
            if baseline_rows is not None and counts.blocks is not None and not counts.blocks[:-1].any():
                grouped_counts = baseline_rows.counts
            design_effects = estimate_design_effects(grouped_counts, _defined_metrics(window_rows), neighbours)
        # Intervals of the window's values, and their noise
        intervals = compute_intervals(counts, design_effects)
        spreads = estimate_spreads(counts, design_effects)
        # Obstacles to a comparison: an empty group, or labels and predictions that are missing or all alike
        rows = int(counts.d.rows), int(counts.a.rows)
        choice = self.group.choice
        design_effect = max(design_effects.values(), default=1.0)
        obstacles: dict[str, Obstacle | None] = {}
        reason_empty = find_reason_empty(self.group, self.before, design_effect)
        if reason_empty is not None:
            obstacles[GROUP] = Obstacle(reason_empty, RENAMED.format(FACET_VALUES))
        groups = min(fewest_groups(counts), min(rows) / max((neighbours or {}).values(), default=1.0))
        if baseline_rows is not None:
            groups = min(groups, fewest_groups(baseline_rows.counts))
            configured_positives = self.analysis.positives.configured
            for outcome in POSITIVES:
                obstacles[outcome] = find_outcome_obstacle(
                    outcome, configured_positives, counts, baseline_rows.counts, design_effect
                )
        for stage in STAGES:
            group = ComparedGroup(stage, facet, configured, rows, segment)
            # Limits in the file; one that a person edited differs from the baseline's own value and from the copy
            limits = self.baseline.values(self.baseline.constraints, stage, facet, choice, segment)
            copied_values = self.baseline.values(self.baseline.copy, stage, facet, choice, segment)
            requested = self.baseline.requested_metrics(limits, baseline_values, copied_values)
            for metric in getattr(window_rows, stage) or ():
                name = metric.name
                noise = MetricNoise(
                    intervals.get(name),
                    spreads.get(name),
                    baseline_spreads.get(name),
                    design_effects.get(name, 1.0),
                    groups,
                )
                metric_obstacles = [
                    obstacles[outcome] for outcome in obstacles if name not in INDEPENDENT.get(outcome, ())
                ]
                yield MetricComparison(
                    group,
                    metric,
                    baseline=limits.get(name),
                    in_baseline=name in limits,
                    noise=noise,
                    tolerances=self.tolerances,
                    is_requested=name in requested,
                    obstacle=next(filter(None, metric_obstacles), None),
                    window_rows=window_rows,
                )


def _index_rows(group: GroupAnalysis) -> dict[Segment | None, MetricsOfRows]:
    """The group in all rows, whose key is None, and in each segment."""
    return {None: group, **{(segment.segmentation, segment.name): segment for segment in group.segments}}


def _defined_metrics(measured_rows: MetricsOfRows) -> list[str]:
    """The names of the metrics that have a value."""
    return [metric.name for metric in measured_rows.metrics if metric.value is not None]


LOST = "no row has the value of this group any more"


def compare_lost_groups(
    analysis: BiasAnalysis, baseline: BiasBaseline, tolerances: Tolerances
) -> Iterator[MetricComparison]:
    """The metrics of the baseline's groups that the window lacks beyond chance; these metrics are undefined.

    The window's own analysis has a configured group even if it has no rows. But if each value is a group, a missing group
    isn't in it, and `F` renamed to `Female` is a new group without a baseline.
    """
    window_facets = {group.facet for group in analysis.groups}
    window_groups = {group.key for group in analysis.groups}
    for group in baseline.groups:
        # If the configuration no longer names a facet, no group of it is lost
        if group.key in window_groups or group.facet not in window_facets or not group.choice.keys:
            continue
        # The probability that none of the window's rows belongs to a group with this share
        share = float(group.counts.d.rows) / max(float(group.counts.all.rows), 1.0)
        if (1 - share) ** analysis.rows > MAX_CHANCE:
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
                    obstacle=Obstacle(LOST, RENAMED.format(FACET_VALUES)),
                )
