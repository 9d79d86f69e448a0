"""Metrics of many classes, from the confusion matrix: each class against the rest, weighted by its share of the labels. Pure.

As in Spark's MLlib, the precision of a class that was never predicted is 0, and a class that is no label has no weight.
Variances are those of the delta method under multinomial counts.

Source: C5.1, G20.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate
from model_monitor.monitors.model_quality.evidence import MulticlassEvidence
from model_monitor.monitors.model_quality.metrics import MULTICLASS, Metric

LESS = ComparisonOperator.LESS_THAN

Numbers = NDArray[np.float64]


@MULTICLASS.register("accuracy", operator=LESS, family="accuracy")
def accuracy(evidence: MulticlassEvidence) -> FractionEstimate:
    """Share of the rows that were predicted right."""
    if evidence.estimated is not None:
        return FractionEstimate.of_count(float(evidence.estimated[0].sum()), evidence.rows)
    return FractionEstimate.of_count(int(np.trace(evidence.matrix)), evidence.rows)


@MULTICLASS.register("weighted_recall", operator=LESS, family="accuracy")
def weighted_recall(evidence: MulticlassEvidence) -> Estimate:
    """Recall of each class, weighted by its share of the labels: the accuracy by another name."""
    return accuracy(evidence)


@MULTICLASS.register("weighted_precision", operator=LESS, family="weighted_precision")
def weighted_precision(evidence: MulticlassEvidence) -> FractionEstimate:
    """Precision of each class, weighted by its share of the labels."""
    hits, labels, predictions = _shares(evidence)
    of_class = _divided(hits, predictions)
    per_prediction = _divided(labels, predictions)
    return _weighted(
        evidence,
        labels,
        of_class,
        at_label=of_class,
        at_hit=per_prediction,
        at_prediction=-of_class * per_prediction,
    )


@MULTICLASS.register("weighted_f0_5", operator=LESS, family="weighted_f0_5")
def weighted_f0_5(evidence: MulticlassEvidence) -> FractionEstimate:
    """F of each class in which precision weighs more, weighted by the class's share of the labels."""
    return _weighted_f_score(evidence, 0.5)


@MULTICLASS.register("weighted_f1", operator=LESS, family="weighted_f1")
def weighted_f1(evidence: MulticlassEvidence) -> FractionEstimate:
    """F of each class, weighted by the class's share of the labels."""
    return _weighted_f_score(evidence, 1.0)


@MULTICLASS.register("weighted_f2", operator=LESS, family="weighted_f2")
def weighted_f2(evidence: MulticlassEvidence) -> FractionEstimate:
    """F of each class in which recall weighs more, weighted by the class's share of the labels."""
    return _weighted_f_score(evidence, 2.0)


@MULTICLASS.register("macro_f1", operator=LESS, family="macro_f1", ours=True)
def macro_f1(evidence: MulticlassEvidence) -> FractionEstimate:
    """Mean of the F1 of each class that is a label or a prediction, however rare."""
    hits, labels, predictions = _shares(evidence)
    whole = labels + predictions
    weights = _of_equal_weight(labels, predictions)
    of_class = _divided(2 * hits, whole)
    at_either = -_divided(weights * of_class, whole)
    return _weighted(
        evidence,
        weights,
        of_class,
        at_label=at_either,
        at_hit=_divided(2 * weights, whole),
        at_prediction=at_either,
    )


@MULTICLASS.register("macro_precision", operator=LESS, family="macro_precision", ours=True)
def macro_precision(evidence: MulticlassEvidence) -> FractionEstimate:
    """Mean of the precision of each class that is a label or a prediction, however rare."""
    hits, labels, predictions = _shares(evidence)
    weights = _of_equal_weight(labels, predictions)
    of_class, at_hit = _divided(hits, predictions), _divided(weights, predictions)
    of_none = np.zeros_like(at_hit)
    return _weighted(evidence, weights, of_class, at_label=of_none, at_hit=at_hit, at_prediction=-of_class * at_hit)


@MULTICLASS.register("macro_recall", operator=LESS, family="macro_recall", ours=True)
def macro_recall(evidence: MulticlassEvidence) -> FractionEstimate:
    """Mean of the recall of each class that is a label or a prediction, however rare."""
    hits, labels, predictions = _shares(evidence)
    weights = _of_equal_weight(labels, predictions)
    of_class, at_hit = _divided(hits, labels), _divided(weights, labels)
    of_none = np.zeros_like(at_hit)
    return _weighted(evidence, weights, of_class, at_label=-of_class * at_hit, at_hit=at_hit, at_prediction=of_none)


def _of_equal_weight(labels: Numbers, predictions: Numbers) -> Numbers:
    there = labels + predictions > 0
    weights: Numbers = there / max(np.count_nonzero(there), 1)
    return weights


def _weighted_f_score(evidence: MulticlassEvidence, beta: float) -> FractionEstimate:
    hits, labels, predictions = _shares(evidence)
    square = beta * beta
    whole = square * labels + predictions
    of_class = _divided((1 + square) * hits, whole)
    per_row = _divided(labels, whole)
    return _weighted(
        evidence,
        labels,
        of_class,
        at_label=of_class * (1 - square * per_row),
        at_hit=(1 + square) * per_row,
        at_prediction=-of_class * per_row,
    )


def _weighted(
    evidence: MulticlassEvidence,
    weights: Numbers,
    of_class: Numbers,
    *,
    at_label: Numbers,
    at_hit: Numbers,
    at_prediction: Numbers,
) -> FractionEstimate:
    """The mean of a metric of each class, and its variance.

    at_label, at_hit, at_prediction: by how much the mean grows with the share of rows that have the class as a label, are
    right, or have it as a prediction; shape (classes,).
    """
    rows = evidence.rows
    if not rows:
        return FractionEstimate(math.nan, 0, 0, "delta method")
    value = float(np.sum(weights * of_class))
    left, right = np.nonzero(evidence.matrix)
    shares = evidence.matrix[left, right] / rows
    influence = at_label[left] + at_prediction[right] + np.where(left == right, at_hit[left], 0.0)
    spread = np.sum(shares * influence**2) - np.sum(shares * influence) ** 2
    return FractionEstimate.of_variance(value, float(spread) / rows, rows, method="delta method", fallback=rows)


def _shares(evidence: MulticlassEvidence) -> tuple[Numbers, Numbers, Numbers]:
    """Of each class the shares of all rows that are right, have it as a label, have it as a prediction."""
    if evidence.estimated is not None:
        hits, labels, predictions = evidence.estimated / max(evidence.rows, 1)
        return hits, labels, predictions
    shares = evidence.matrix / max(evidence.rows, 1)
    return np.diagonal(shares), shares.sum(axis=1), shares.sum(axis=0)


def _divided(numerator: Numbers, denominator: Numbers) -> Numbers:
    """Quotients, 0 where nothing is to be divided by."""
    return np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)


def _register_best_constant(name: str, metric: Metric) -> None:
    @MULTICLASS.register(f"{name}_best_constant_classifier")
    def best_constant(evidence: MulticlassEvidence) -> Estimate:
        """The same metric, had the most frequent class been predicted for all rows.

        Source: C11.11.
        """
        return metric(evidence.constant())


for _name in ("accuracy", "weighted_recall", "weighted_precision", "weighted_f0_5", "weighted_f1", "weighted_f2"):
    _register_best_constant(_name, MULTICLASS.get(_name).function)
