"""What attributions say: global values of each feature with their errors, as analysis.json and as published numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from model_monitor.documents.analysis_config import Aggregation
from model_monitor.documents.check_results import LABEL, CheckResult, Summary, SummaryRow
from model_monitor.documents.clarify import AttributionReport, Dependence, Explanations, OutputAttributions
from model_monitor.monitors.explainability.partition import Grid
from model_monitor.monitors.protocol import PublishedMetric, violated
from model_monitor.statistics.states import KllSketch
from model_monitor.statistics.states.attributions import ABSOLUTE, SIGNED, SQUARED, Attributions

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


# The attributions of a run as analysis.json.


def report_of(analysis: AttributionAnalysis) -> AttributionReport:
    """The document of an analysis; features and outputs in their order.

    Source: B3; E5.
    """
    outputs = {
        output.name: OutputAttributions(global_shap_values=dict(output.values), expected_value=output.expected)
        for output in analysis.outputs
    }
    dependence = tuple(map(_dependence, analysis.dependence))
    return AttributionReport(explanations=Explanations(kernel_shap=outputs, pdp=dependence or None))


def _dependence(found: Dependent) -> Dependence:
    return Dependence(
        feature_name=found.feature,
        data_type="numerical" if found.grid.is_numeric else "categorical",
        feature_values=found.grid.values,
        model_predictions=tuple(tuple(answers) for answers in found.answers.tolist()),
        data_distribution=found.grid.shares,
        label_headers=found.outputs,
    )


# The attributions of a run as a platform is told of them.


METHOD = "KernelShap"


def published_metrics(analysis: AttributionAnalysis, results: Iterable[CheckResult]) -> Iterator[PublishedMetric]:
    """Every global value as `feature_<name>`, the expected values, each output's gain, and the number of violations."""
    found = list(results)
    for output in analysis.outputs:
        whose = {"ExplainabilityMethod": METHOD, "Label": output.name}
        for name, value in output.values.items():
            yield PublishedMetric(f"feature_{name}", value, dimensions={**whose, "ValueType": "GlobalShapValues"})
        yield PublishedMetric("ExpectedValue", output.expected, dimensions={**whose, "ValueType": "ExpectedValue"})
    for result in found:
        if result.metric is not None and result.observed is not None:
            yield PublishedMetric(
                result.metric, result.observed, dimensions={"Label": (result.model_extra or {})[LABEL]}
            )
    yield PublishedMetric("total_number_of_violations", len(list(violated(found))), "Count")


def summary_of(analysis: AttributionAnalysis) -> Summary:
    """A row for each feature and output."""
    return Summary(
        tuple(
            SummaryRow(name, output.name, "attribution", value=value)
            for output in analysis.outputs
            for name, value in output.values.items()
        )
    )
