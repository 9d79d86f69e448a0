"""What attributions say: global values of each feature with their errors, made of the sums of blocks of rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model_monitor.documents.analysis_config import Aggregation
from model_monitor.explainability.partial_dependence import Grid
from model_monitor.statistics.states import Attributions, KllSketch
from model_monitor.statistics.states.attributions import ABSOLUTE, SIGNED, SQUARED

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Dependent:
    """The mean answers over a feature's grid, shape (outputs, values)."""

    feature: str
    grid: Grid
    answers: Numbers
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OutputAnalysis:
    """The attributions for one output, by feature.

    expected: what the baseline rows get. values: global values. errors: standard errors of them, None where nobody can tell.
    means: of the signed values.
    """

    name: str
    expected: float
    values: Mapping[str, float]
    errors: Mapping[str, float | None]
    means: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class AttributionAnalysis:
    """What a run says of a model. exact: rows with all coalitions. files: what is kept beside the documents."""

    rows: int
    exact: int
    aggregation: Aggregation
    outputs: tuple[OutputAnalysis, ...]
    dependence: tuple[Dependent, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    def largest(self, count: int) -> tuple[str, ...]:
        """The features with the largest global values, on average over the outputs."""
        names = list(self.outputs[0].values) if self.outputs else []
        totals = {name: sum(abs(output.values[name]) for output in self.outputs) for name in names}
        return tuple(sorted(names, key=lambda name: -totals[name])[:count])


def analysis_of(state: Attributions) -> AttributionAnalysis:
    """The analysis of added attributions."""
    aggregation = Aggregation(state.aggregation or Aggregation.MEAN_ABS.value)
    outputs = tuple(_output(state, place) for place in range(len(state.outputs)))
    return AttributionAnalysis(state.count, state.exact, aggregation, outputs)


def aggregated(state: Attributions, output: int, weights: Numbers | None = None) -> Numbers | None:
    """Global values of the features for an output, with each block counted as often as its weight says; None of medians.

    weights: shape (blocks,) or (draws, blocks). Returns shape (features,) or (draws, features).
    """
    if state.aggregation == Aggregation.MEDIAN.value:
        return None
    sums = state.sums[SQUARED if state.aggregation == Aggregation.MEAN_SQ.value else ABSOLUTE, output]
    taken = np.ones(len(state.rows)) if weights is None else weights
    found: Numbers = (taken @ sums.T) / np.maximum(taken @ state.rows, 1)[..., None]
    return found


def _output(state: Attributions, place: int) -> OutputAnalysis:
    values, errors = aggregated(state, place), errors_of(state, place)
    if values is None:
        sketches = state.sketches[place * len(state.features) : (place + 1) * len(state.features)]
        values = np.array([_median(sketch) for sketch in sketches])
    means = state.sums[SIGNED, place].sum(axis=1) / max(1, state.count)
    expected = float(state.expected[place]) if len(state.expected) else 0.0
    by_name = [dict(zip(state.features, found.tolist(), strict=True)) for found in (values, means)]
    return OutputAnalysis(state.outputs[place], expected, by_name[0], errors, by_name[1])


def _median(sketch: KllSketch) -> float:
    """The middle value, or the mean of the two in the middle; exact while the sketch was not compacted."""
    values, cumulative = sketch.step_cdf()
    if not len(values):
        return 0.0
    middle = (int(cumulative[-1]) + 1) // 2, int(cumulative[-1]) // 2 + 1
    return float(values[np.searchsorted(cumulative, middle)].mean())


def errors_of(state: Attributions, place: int) -> Mapping[str, float | None]:
    """Standard errors of an output's global values by leaving out one block at a time.

    Source: P17; Efron and Tibshirani 1993, "An introduction to the bootstrap".
    """
    filled = np.flatnonzero(state.rows)
    without = aggregated(state, place, 1 - np.eye(len(state.rows))[filled])
    if without is None or len(filled) < 2:
        return dict.fromkeys(state.features)
    spread = ((without - without.mean(axis=0)) ** 2).sum(axis=0) * (len(filled) - 1) / len(filled)
    return dict(zip(state.features, np.sqrt(spread).tolist(), strict=True))
