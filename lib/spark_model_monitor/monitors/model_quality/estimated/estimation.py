"""Expected metrics without labels, and how far the real metrics may be from them. Pure numpy.

Every row counts partly as positive, with the probability of its score, and partly as negative. The estimate is the
metric of these fractional rows. It assumes that scores have the same meaning as in the baseline.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate, JackknifeEstimate, Scale
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, ClassEvidence, MulticlassEvidence
from spark_model_monitor.monitors.model_quality.metrics import METRICS, applicable_metrics
from spark_model_monitor.monitors.model_quality.score_calibration import GROUPS, Calibration, merge_neighbouring_scores
from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.blocks import BLOCKS, BlockSums
from spark_model_monitor.statistics.states.scores import CALIBRATION_BINS, NAMES, ScoreCounts
from spark_model_monitor.value_class import value_class

REPEATS = 200  # number of draws of labels and baseline; the error is then accurate to 5 %
SEED = 20
BUSINESS_VALUE = "business_value"
METHOD = "simulation"
CLASS_MEAN_METRICS = ("macro_auc", "weighted_auc", "macro_f1", "macro_precision", "macro_recall")
EDGES = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]


@value_class
class Cells:
    """Rows by score and predicted class. rows: shape (2, scores), first the rows predicted negative, then those predicted
    positive.
    """

    scores: Doubles
    rows: Integers

    @classmethod
    def of(cls, counts: ScoreCounts) -> Cells:
        """The cells of counts in which the prediction takes the place of the label."""
        return cls(counts.scores, np.stack([counts.negatives, counts.positives]))

    def pool_neighbours(self) -> Cells:
        """Fewer cells: neighbouring scores are merged, at their mean score. Used only to estimate the error."""
        total = self.rows.sum(axis=0)
        if not len(total):
            return self
        group = (np.cumsum(total) - total) // max(1, int(total.sum()) // GROUPS)
        starts = np.flatnonzero(np.diff(group, prepend=-1))
        rows = np.add.reduceat(self.rows, starts, axis=1)
        return Cells(np.add.reduceat(self.scores * total, starts) / rows.sum(axis=0), rows)

    def evidence(self, positives: NDArray[Any], classes: tuple[str, ...] = ("0", "1")) -> BinaryEvidence:
        """The evidence if this many rows of each cell are positive. positives: may be fractions; the same shape as rows."""
        hits = positives.sum(axis=0)
        rows = self.rows.sum(axis=0)
        matrix = np.stack([self.rows.sum(axis=1) - positives.sum(axis=1), positives.sum(axis=1)])
        counts = ScoreCounts(self.scores, rows - hits, hits)
        return BinaryEvidence(matrix, classes, counts, _probability_sums(self.scores, rows, hits))


def _probability_sums(scores: Doubles, rows: Doubles, hits: Doubles) -> BlockSums:
    """The sums of `add_probabilities`, all in one block."""
    # A score of exactly 0 or 1 could make the loss infinite
    clipped_scores = np.clip(scores, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
    log_losses = -(hits * np.log(clipped_scores) + (rows - hits) * np.log(1 - clipped_scores))
    squared_errors = hits * (1 - scores) ** 2 + (rows - hits) * scores**2
    bins = np.searchsorted(EDGES, scores, side="left")
    sums_by_bin = [np.bincount(bins, weights, minlength=CALIBRATION_BINS) for weights in (rows, hits, rows * scores)]
    sums = np.zeros((len(NAMES), BLOCKS))
    sums[:, 0] = np.concatenate([[log_losses.sum(), squared_errors.sum()], *sums_by_bin])
    return BlockSums(NAMES, sums)


@value_class
class Estimation:
    """The result of an estimation. evidence: the expected evidence. estimates: the estimate of each metric, by name."""

    evidence: ClassEvidence
    estimates: Mapping[str, Estimate]


EvidenceBuilder = Callable[[Sequence[Cells], Sequence[NDArray[Any]]], ClassEvidence]
"""Returns the evidence if this many rows of each cell are positive. Cells and positives are given for each class against
all others.
"""


def estimate_two_classes(
    predictions: ScoreCounts,
    reference: ScoreCounts,
    classes: tuple[str, ...] = ("0", "1"),
    costs: Mapping[str, float] | None = None,
) -> Estimation:
    """Every metric of a window without labels, each with the error that it will have when labels arrive.

    predictions: rows by score and predicted class.
    reference: the baseline's rows by score and label.
    costs: the worth of a true positive, a false positive, …, by `tp`, `fp`, `tn` and `fn`.

    Source: the estimate is NannyML's CBPE (nannyml.readthedocs.io, "Estimation of performance of the monitored model"). The
        error comes from repeated draws: of the baseline's labels, with a new calibration each time, and of the window's
        labels.
    """
    return _build_estimation([Cells.of(predictions)], [reference], make_two_class_builder(classes), costs)


def estimate_classes(
    predictions: Sequence[ScoreCounts],
    reference: Sequence[ScoreCounts],
    classes: tuple[str, ...],
    rows: Integers,
) -> Estimation:
    """Every metric of a window with many classes, each against all others. rows: how often each class is predicted.

    Classes are drawn independently, although a row has only one. With c equally frequent classes, labels of two classes have
    correlation -1/(c - 1), and so do scores. So errors have the square of this correlation, and the variance of a mean of all
    classes is c/(c - 1) times as large.
    """
    dependence_factor = math.sqrt(len(classes) / max(1, len(classes) - 1))
    cells = [*map(Cells.of, predictions)]
    return _build_estimation(cells, reference, make_multiclass_builder(classes, rows), None, dependence_factor)


def make_two_class_builder(classes: tuple[str, ...] = ("0", "1")) -> EvidenceBuilder:
    return lambda cells, positives: cells[0].evidence(positives[0], classes)


def make_multiclass_builder(classes: tuple[str, ...], rows: Integers) -> EvidenceBuilder:
    """The evidence of many classes, each drawn by itself; labels are scaled to add up to the number of rows."""

    def build_evidence(cells: Sequence[Cells], positives: Sequence[NDArray[Any]]) -> MulticlassEvidence:
        # The number of rows with the label, of correct predictions, and of rows at each score
        labels = np.array([float(class_positives.sum()) for class_positives in positives])
        hits = np.array([float(class_positives[1].sum()) for class_positives in positives])
        scores = []
        for class_cells, class_positives in zip(cells, positives, strict=True):
            positives_by_score = class_positives.sum(axis=0)
            negatives_by_score = class_cells.rows.sum(axis=0) - positives_by_score
            scores.append(ScoreCounts(class_cells.scores, negatives_by_score, positives_by_score))
        # Each class is drawn by itself, so the sum of labels may differ from the number of rows
        labels *= rows.sum() / (labels.sum() or 1.0)
        counts = np.stack([hits, labels, rows])
        return MulticlassEvidence(np.diag(rows), classes, scores=tuple(scores), estimated=counts)

    return build_evidence


def _build_estimation(
    cells: Sequence[Cells],
    reference: Sequence[ScoreCounts],
    build_evidence: EvidenceBuilder,
    costs: Mapping[str, float] | None,
    dependence_factor: float = 1.0,
) -> Estimation:
    """The expected metrics with their errors. dependence_factor: multiplies the errors of metrics that are means over
    classes.
    """
    expected = compute_expected_evidence(cells, reference, build_evidence)
    values = compute_metric_values(expected, costs)
    deviations = simulate_differences(cells, reference, build_evidence, values, costs)
    # An undefined metric has no estimate
    estimates = {}
    for name, value in values.items():
        error_factor = dependence_factor if name in CLASS_MEAN_METRICS else 1.0
        if math.isfinite(value):
            estimates[name] = _build_estimate(name, value, error_factor * deviations[name], expected)
    return Estimation(expected, estimates)


def compute_expected_evidence(
    cells: Sequence[Cells], reference: Sequence[ScoreCounts], build_evidence: EvidenceBuilder
) -> ClassEvidence:
    """The expected evidence of the cells, if scores mean the same as in the reference."""
    # Rows of each cell times the probability of its score
    expected_positives = [
        class_cells.rows * Calibration.of(class_counts)(class_cells.scores)
        for class_cells, class_counts in zip(cells, reference, strict=True)
    ]
    return build_evidence(cells, expected_positives)


def simulate_differences(
    cells: Sequence[Cells],
    reference: Sequence[ScoreCounts],
    build_evidence: EvidenceBuilder,
    names: Mapping[str, float],
    costs: Mapping[str, float] | None = None,
) -> dict[str, Doubles]:
    """The real minus the estimated value of each metric in each draw, if they differ only by noise; NaN if undefined."""
    random = np.random.default_rng(SEED)
    # Scores are pooled before drawing, which is faster and gives the same variance
    pooled_cells = [cell.pool_neighbours() for cell in cells]
    merged_counts = [*map(merge_neighbouring_scores, reference)]
    calibrations = [*map(Calibration.of, merged_counts)]
    deviations: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(REPEATS):
        # Draw another baseline that might have been, and labels that the window might get
        redrawn_counts = [
            redraw_counts(random, counts, calibration)
            for counts, calibration in zip(merged_counts, calibrations, strict=True)
        ]
        drawn_positives = [
            random.binomial(class_cells.rows, calibration(class_cells.scores))
            for class_cells, calibration in zip(pooled_cells, calibrations, strict=True)
        ]
        # The metrics that these labels would give, and their estimates
        realised = build_evidence(pooled_cells, drawn_positives)
        realised_values = compute_metric_values(realised, costs)
        expected = compute_expected_evidence(pooled_cells, redrawn_counts, build_evidence)
        estimated_values = compute_metric_values(expected, costs)
        for name, values in deviations.items():
            values.append(realised_values.get(name, math.nan) - estimated_values.get(name, math.nan))
    return {name: np.array(values) for name, values in deviations.items()}


def redraw_counts(random: np.random.Generator, counts: ScoreCounts, calibration: Calibration) -> ScoreCounts:
    """The rows of each score with new labels, drawn with the probability of the score."""
    rows = counts.negatives + counts.positives
    hits = random.binomial(rows, calibration(counts.scores))
    return replace(counts, negatives=rows - hits, positives=hits)


def compute_metric_values(evidence: ClassEvidence, costs: Mapping[str, float] | None = None) -> dict[str, float]:
    """Every metric of the evidence, except metrics of a constant classifier, which say nothing about the model."""
    with np.errstate(all="ignore"):
        model_metrics = (metric for metric in applicable_metrics(evidence) if "operator" in metric.facts)
        values = {metric.name: float(metric(evidence).value) for metric in model_metrics}
    if costs and isinstance(evidence, BinaryEvidence):
        counts = {"tp": evidence.true_positives, "fp": evidence.false_positives}
        counts |= {"tn": evidence.true_negatives, "fn": evidence.false_negatives}
        total = sum(cost * counts[name] for name, cost in costs.items())
        values[BUSINESS_VALUE] = total / evidence.matrix.sum().item()
    return values


def _build_estimate(name: str, value: float, deviations: Doubles, expected: ClassEvidence) -> Estimate:
    defined_deviations = deviations[np.isfinite(deviations)]
    # A metric that is undefined in most draws has no useful error
    error = math.nan
    if len(defined_deviations) > REPEATS / 2:
        error = float(np.sqrt(np.mean(defined_deviations**2)))
    plain_estimate = None
    if name != BUSINESS_VALUE:
        plain_estimate = METRICS[expected.PROBLEM_TYPE].get(name)(expected)
    # A share is treated as binomial, with the number of trials that gives this error, so that its interval stays within 0
    # and 1
    if isinstance(plain_estimate, FractionEstimate):
        trials = plain_estimate.trials
        if error and 0 < value < 1:
            trials = value * (1 - value) / error**2
        units = plain_estimate.units or plain_estimate.n
        return FractionEstimate(value, plain_estimate.n, trials, METHOD, plain_estimate.bound, units)
    scale = Scale.LINEAR
    if plain_estimate is not None:
        scale = plain_estimate.scale
    rows = round(expected.matrix.sum().item())
    return JackknifeEstimate(value, rows, error, REPEATS - 1, scale, METHOD)
