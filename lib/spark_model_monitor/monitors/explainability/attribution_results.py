"""The results of attributions: each feature's global values with standard errors, and their comparison with a baseline.
Pure.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from heapq import nlargest

import numpy as np

from spark_model_monitor.arguments import require_count, require_share
from spark_model_monitor.documents.analysis_config import Aggregation
from spark_model_monitor.documents.clarify_files import AttributionReport
from spark_model_monitor.monitors.explainability.attribution_partition import Grid
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.special_functions import student_quantile
from spark_model_monitor.statistics.states import KllSketch
from spark_model_monitor.statistics.states.attributions import ABSOLUTE, SIGNED, SQUARED, Attributions
from spark_model_monitor.statistics.states.blocks import BLOCKS
from spark_model_monitor.statistics.verdicts.intra_class_correlation import estimate_block_design_effects
from spark_model_monitor.statistics.verdicts.multiple_testing import BUDGET
from spark_model_monitor.value_class import value_class


@value_class(eq=False)
class PartialDependence:
    """Partial dependence on a feature. answers: the mean answers over its grid, shape (outputs, values)."""

    feature: str
    grid: Grid
    answers: Doubles
    outputs: tuple[str, ...]


@value_class
class OutputAnalysis:
    """The attributions for one output, by feature.

    expected: the mean answer to the baseline rows.
    values: global values.
    errors: standard errors of the global values, None if unknown.
    means: means of the signed local values.
    """

    name: str
    expected: float
    values: Mapping[str, float]
    errors: Mapping[str, float | None]
    means: Mapping[str, float]


@value_class(eq=False)
class AttributionAnalysis:
    """A run's analysis of a model. exact: number of rows for which all coalitions were tried. files: stored in addition
    to the documents.
    """

    rows: int
    exact: int
    aggregation: Aggregation
    outputs: tuple[OutputAnalysis, ...]
    dependence: tuple[PartialDependence, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    def largest(self, count: int) -> tuple[str, ...]:
        """The features with the largest sums of absolute global values over the outputs."""
        totals: dict[str, float] = {}
        for output in self.outputs:
            for name, value in output.values.items():
                totals[name] = totals.get(name, 0.0) + abs(value)
        return tuple(nlargest(count, totals, key=totals.__getitem__))


def analyse_attributions(state: Attributions) -> AttributionAnalysis:
    """The analysis of summed attributions."""
    aggregation = Aggregation(state.aggregation or Aggregation.MEAN_ABS.value)
    outputs = tuple(_analyse_output(state, output_index) for output_index in range(len(state.outputs)))
    return AttributionAnalysis(state.count, state.exact, aggregation, outputs)


def aggregate_values(state: Attributions, output: int, weights: Doubles | None = None) -> Doubles | None:
    """Global values of the features for an output, from weighted blocks; None for medians, which sums don't give.

    weights: shape (blocks,) or (draws, blocks). Returns shape (features,) or (draws, features).
    """
    if state.aggregation == Aggregation.MEDIAN.value:
        return None
    kind = SQUARED if state.aggregation == Aggregation.MEAN_SQ.value else ABSOLUTE
    # Without weights, each block counts once
    if weights is None:
        weights = np.ones(len(state.rows))
    sums = weights @ state.sums[kind, output].T
    global_values: Doubles = sums / np.maximum(weights @ state.rows, 1)[..., None]
    return global_values


def _analyse_output(state: Attributions, output_index: int) -> OutputAnalysis:
    values = aggregate_values(state, output_index)
    errors = estimate_errors(state, output_index)
    # Medians come from the sketches, which are sorted by output, then by feature
    if values is None:
        sketches = state.sketches[output_index * len(state.features) : (output_index + 1) * len(state.features)]
        values = np.array([_median(sketch) for sketch in sketches])
    means = state.sums[SIGNED, output_index].sum(axis=1) / max(1, state.count)
    expected = 0.0
    if len(state.expected):
        expected = float(state.expected[output_index])
    # Documents have the values by name
    values_by_name = dict(zip(state.features, values.tolist(), strict=True))
    means_by_name = dict(zip(state.features, means.tolist(), strict=True))
    return OutputAnalysis(state.outputs[output_index], expected, values_by_name, errors, means_by_name)


def _median(sketch: KllSketch) -> float:
    """The middle value, or the mean of both middle values; exact unless the sketch was compacted."""
    values, cumulative = sketch.step_cdf()
    if not len(values):
        return 0.0
    center = (int(cumulative[-1]) + 1) // 2, int(cumulative[-1]) // 2 + 1
    return float(values[np.searchsorted(cumulative, center)].mean())


def estimate_errors(state: Attributions, output_index: int) -> Mapping[str, float | None]:
    """Standard errors of an output's global values, from leaving out one block at a time.

    Source: P17; Efron and Tibshirani 1993, "An introduction to the bootstrap".
    """
    filled = np.flatnonzero(state.rows)
    # One row of weights for each block that has rows: 0 for this block, 1 for all others
    values_without_block = aggregate_values(state, output_index, 1 - np.eye(len(state.rows))[filled])
    if values_without_block is None or len(filled) < 2:
        return dict.fromkeys(state.features)
    variances = (
        ((values_without_block - values_without_block.mean(axis=0)) ** 2).sum(axis=0) * (len(filled) - 1) / len(filled)
    )
    return dict(zip(state.features, np.sqrt(variances).tolist(), strict=True))


def ndcg(baseline: Mapping[str, float], live: Mapping[str, float]) -> float:
    """The normalised discounted cumulative gain, from 0 to 1: 1 if the live values rank the features like the baseline's
    values.

    A feature's gain is its baseline value; its rank is that of its live value. Features with equal live values share their
    ranks. Negative values, which medians may be, count by their absolute value. A feature that is absent on one side has
    value 0 there.
    Source: E6.1; Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques".
    """
    names = list(dict.fromkeys([*baseline, *live]))
    gains = np.abs([baseline.get(name, 0.0) for name in names])
    # A feature that is absent in the window ranks after features with value 0
    ranking_values = np.array([abs(live[name]) if name in live else -1.0 for name in names])
    largest_gain = _discounted_gain(gains, gains)
    if largest_gain:
        return _discounted_gain(gains, ranking_values) / largest_gain
    return 1.0


def _discounted_gain(gains: Doubles, ranking_values: Doubles) -> float:
    """Σ gain / log2(rank + 1), with ranks by descending `ranking_values`; features with equal values share the mean of their
    terms.
    """
    _, ranks, counts = np.unique(-ranking_values, return_inverse=True, return_counts=True)
    # Features with equal values share gains and ranks, so their order doesn't matter
    shared = np.bincount(ranks, gains) / counts
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(len(gains)) + 2))])
    ends = np.cumsum(counts)
    return float((shared * (discounts[ends] - discounts[ends - counts])).sum())


@value_class
class AttributionBaseline(StoredBaseline):
    """The baseline with which later data is compared. design_effects: how many rows of the window count as one, by output and
    feature, estimated from neighbours; None if unknown."""

    constraints: AttributionReport
    state: Attributions | None = None
    design_effects: Doubles | None = None

    def drop_features(self, excluded: Collection[str]) -> AttributionBaseline:
        remaining_attributions = {}
        for output, attributions in (self.constraints.explanations.kernel_shap or {}).items():
            values = {name: value for name, value in attributions.global_shap_values.items() if name not in excluded}
            remaining_attributions[output] = attributions.model_copy(update={"global_shap_values": values})
        explanations = self.constraints.explanations.model_copy(update={"kernel_shap": remaining_attributions})
        return replace(self, constraints=self.constraints.model_copy(update={"explanations": explanations}))


RESAMPLES = 1000
LEVEL = (2.5, 97.5)  # percentiles of the ends of a 95 % interval


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How attributions are judged.

    threshold: minimum of the normalised discounted cumulative gain.
    min_rows: minimum number of rows for a verdict.
    with_changes: whether each feature's attribution is judged, too: violated if the whole interval of its change lies
        beyond `relative` of its baseline value and beyond `absolute` of the sum of all values.
    budget: the share of healthy runs in which any attribution may be violated.
    """

    threshold: float = 0.9
    min_rows: int = 100
    with_changes: bool = True
    budget: float = BUDGET
    relative: float = 0.25
    absolute: float = 0.02

    def __post_init__(self) -> None:
        require_count("min_rows", self.min_rows)
        require_share("threshold", self.threshold)
        require_share("budget", self.budget)


@value_class(slots=False)
class OutputComparison:
    """The comparison of one output.

    current: its attributions in the window.
    baseline: its global values in the baseline, by feature; None if the baseline lacks the output.
    state: the attributions of all outputs in the window.
    output_index: the index of the output in `state`.
    baseline_state: the attributions of the baseline; None if it only has documents.
    neighbours: by feature, the design effect estimated from neighbouring rows; None if unknown.
    """

    current: OutputAnalysis
    baseline: Mapping[str, float] | None
    tolerances: Tolerances
    state: Attributions
    output_index: int
    baseline_state: Attributions | None
    neighbours: Doubles | None = None

    @property
    def rows(self) -> tuple[int | None, int]:
        """The number of rows in the baseline, if known, and in the window."""
        baseline_rows = self.baseline_state.count if self.baseline_state else None
        return baseline_rows, self.state.count

    @cached_property
    def design_effect(self) -> float:
        """How many rows count as one (Kish's design effect); 1 unless it is known which rows belong together. Source: E6.6."""
        if not self.state.group_column and self.neighbours is None:
            return 1.0
        # The mean over features, weighted by the variation of their attributions
        design_effects, squares = _design_effects_in_blocks(self.state, self.output_index)
        if self.neighbours is not None:
            design_effects = self.neighbours
        if squares.any():
            return float(np.average(design_effects, weights=squares))
        return float(design_effects.max(initial=1.0))

    def _widening_factors(self, state: Attributions, output_index: int) -> Doubles:
        """By feature, the factor by which similar neighbours increase the errors that are estimated from blocks. Source:
        E6.6.
        """
        if self.neighbours is None:
            return np.ones(len(state.features))
        design_effects, _ = _design_effects_in_blocks(state, output_index)
        return np.asarray(np.sqrt(np.maximum(self.neighbours / design_effects, 1)))

    @cached_property
    def _states(self) -> list[tuple[Attributions, int]]:
        """The window's state, and the baseline's if it has this output and the same features; each with the index of the
        output.
        """
        states = [(self.state, self.output_index)]
        baseline_state = self.baseline_state
        name = self.current.name
        if (
            baseline_state is not None
            and name in baseline_state.outputs
            and baseline_state.features == self.state.features
        ):
            states.append((baseline_state, baseline_state.outputs.index(name)))
        return states

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the errors: the number of blocks minus 1. If there are groups, only non-empty blocks count."""
        counts = [np.count_nonzero(state.rows) if state.group_column else BLOCKS for state, _ in self._states]
        return min(counts) - 1

    @cached_property
    def before(self) -> Mapping[str, float]:
        """The baseline's values of the features, in the document's order."""
        return self.baseline or {}

    @cached_property
    def ndcg(self) -> float:
        return ndcg(self.before, self.current.values)

    @cached_property
    def ndcg_interval(self) -> tuple[float, float] | None:
        """The bootstrap 95 % interval of the gain, from resampled blocks of baseline and window; None for medians."""
        names = self.state.features
        random = np.random.default_rng(0)
        # The window comes first, then the baseline if it has a state
        now, *resampled_baseline = [self._resample_values(random, *state) for state in self._states]
        if now is None:
            return None
        # If the baseline has no state, the values in its document count as exact
        before = np.tile([self.before.get(name, 0.0) for name in names], (RESAMPLES, 1))
        for values in resampled_baseline:
            if values is not None:
                before = values
        gains = []
        for values_before, values_now in zip(before.tolist(), now.tolist(), strict=True):
            baseline_values = dict(zip(names, values_before, strict=True))
            window_values = dict(zip(names, values_now, strict=True))
            gains.append(ndcg(baseline_values, window_values))
        low, high = np.percentile(gains, LEVEL)
        return float(low), float(high)

    @cached_property
    def changes(self) -> Mapping[str, tuple[float, float]] | None:
        """By feature, the interval of the change from the baseline's value, at the level of the whole family; None for
        medians.

        Source: E6.2; Dunn 1961, "Multiple comparisons among means".
        """
        errors = [estimate_errors(*state) for state in self._states]
        if any(error is None for by_name in errors for error in by_name.values()):
            return None
        # Bonferroni: each feature of each output gets an equal part of the budget, on two sides
        tests = len(self.state.outputs) * len(self.state.features)
        critical_value = -student_quantile(self.freedom, self.tolerances.budget / tests / 2)
        widening_factors = [self._widening_factors(*state) for state in self._states]
        # The standard errors of both sides are independent, so their squares add
        intervals = {}
        for index, name in enumerate(self.state.features):
            change = self.current.values[name] - self.before.get(name, 0.0)
            standard_errors = [
                (by_name[name] or 0.0) * factors[index]
                for by_name, factors in zip(errors, widening_factors, strict=True)
            ]
            half_width = critical_value * math.hypot(*standard_errors)
            intervals[name] = (change - half_width, change + half_width)
        return intervals

    def _resample_values(self, random: np.random.Generator, state: Attributions, output_index: int) -> Doubles | None:
        """Global values in resamples of the state's blocks, shape (RESAMPLES, features); None for medians."""
        # How often each block is drawn, shape (RESAMPLES, BLOCKS)
        weights = random.multinomial(BLOCKS, np.full(BLOCKS, 1 / BLOCKS), RESAMPLES).astype(float)
        resampled_values = aggregate_values(state, output_index, weights)
        if resampled_values is None or self.neighbours is None:
            return resampled_values
        # If neighbours are similar, blocks vary too little, so deviations are multiplied by the root of the design effect
        center = resampled_values.mean(axis=0)
        widened: Doubles = center + (resampled_values - center) * self._widening_factors(state, output_index)
        return widened


def _design_effects_in_blocks(state: Attributions, output_index: int) -> tuple[Doubles, Doubles]:
    """By feature, the design effect estimated from blocks, and the sum of squared deviations of the absolute values."""
    rows = max(state.count, 1)
    sums = state.sums[ABSOLUTE, output_index]
    squares = state.sums[SQUARED, output_index].sum(axis=1)
    means = sums.sum(axis=1, keepdims=True) / rows
    # Centred by the overall mean; rounding could make the sum for a constant slightly negative
    squares = np.maximum(squares - means[:, 0] ** 2 * rows, 0)
    return estimate_block_design_effects(sums - means * state.rows, squares, state.rows), squares


def compare_outputs(
    state: Attributions, analysis: AttributionAnalysis, baseline: AttributionBaseline, tolerances: Tolerances
) -> Iterator[OutputComparison]:
    """Yield each output of a window with its baseline."""
    for output_index, output in enumerate(analysis.outputs):
        values = baseline.constraints.values.get(output.name)
        neighbours = None
        if baseline.design_effects is not None:
            neighbours = baseline.design_effects[output_index]
        yield OutputComparison(output, values, tolerances, state, output_index, baseline.state, neighbours)
