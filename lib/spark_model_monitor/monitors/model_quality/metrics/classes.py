"""Metrics of classes, from the confusion matrix. Pure.

As in Spark's MLlib, precision is 0 if no row was predicted to have the class, and F is 0 if precision and recall are. The
rate of a class without rows is undefined, and a class that isn't among the labels has weight 0.

Source: C5.1, G20.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from spark_model_monitor.documents.model_quality import ComparisonOperator
from spark_model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    ClassEvidence,
    MulticlassEvidence,
    predict_most_frequent_class,
)
from spark_model_monitor.monitors.model_quality.metrics import BINARY, MULTICLASS, Metric, register_metric
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero

LOWER_IS_WORSE = ComparisonOperator.LESS_THAN
HIGHER_IS_WORSE = ComparisonOperator.GREATER_THAN


@register_metric(BINARY, "recall", operator=LOWER_IS_WORSE)
def recall(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the positive rows predicted positive."""
    hits = evidence.true_positives
    return FractionEstimate.from_count(hits, hits + evidence.false_negatives)


@register_metric(BINARY, "precision", operator=LOWER_IS_WORSE)
def precision(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the rows predicted positive that are positive; 0 without such rows."""
    hits = evidence.true_positives
    return FractionEstimate.from_count(hits, hits + evidence.false_positives, without_rows=0.0)


@register_metric(BINARY, "accuracy", operator=LOWER_IS_WORSE)
def accuracy(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of rows predicted correctly."""
    return FractionEstimate.from_count(evidence.true_positives + evidence.true_negatives, evidence.rows)


@register_metric(BINARY, "true_positive_rate", operator=LOWER_IS_WORSE, family="recall")
def true_positive_rate(evidence: BinaryEvidence) -> Estimate:
    """Another name for recall."""
    return recall(evidence)


@register_metric(BINARY, "true_negative_rate", operator=LOWER_IS_WORSE)
def true_negative_rate(evidence: BinaryEvidence) -> Estimate:
    """Specificity: 1 - false positive rate, computed so."""
    return complement(false_positive_rate(evidence))


@register_metric(BINARY, "false_positive_rate", operator=HIGHER_IS_WORSE, family="true_negative_rate")
def false_positive_rate(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the negative rows predicted positive."""
    misses = evidence.false_positives
    return FractionEstimate.from_count(misses, misses + evidence.true_negatives)


@register_metric(BINARY, "false_negative_rate", operator=HIGHER_IS_WORSE, family="recall")
def false_negative_rate(evidence: BinaryEvidence) -> Estimate:
    """1 - recall, computed so."""
    return complement(recall(evidence))


def complement(rate: Estimate) -> Estimate:
    """The estimate of 1 - rate."""
    return replace(rate, value=1 - rate.value)


def f_score(evidence: BinaryEvidence, beta: float) -> FractionEstimate:
    """F-beta; undefined without positive rows. The variance is computed by the delta method for multinomial counts.

    F = (1 + β²)·TP / D with D = (1 + β²)·TP + β²·FN + FP. Its derivatives are (1 + β²)(1 - F)/D, -β²·F/D and -F/D.
    """
    hits = evidence.true_positives
    false_positives = evidence.false_positives
    false_negatives = evidence.false_negatives
    rows = hits + false_positives + false_negatives
    beta_squared = beta * beta
    recall_value = recall(evidence).value
    precision_value = precision(evidence).value
    weighted = beta_squared * precision_value + recall_value
    value = 0.0
    if weighted != 0:
        value = (1 + beta_squared) * precision_value * recall_value / weighted
    # The derivatives by the three counts, and the variance that follows from them
    denominator = (1 + beta_squared) * hits + beta_squared * false_negatives + false_positives
    if not denominator:
        return FractionEstimate(value, 0, 0, "delta method")
    slopes = ((1 + beta_squared) * (1 - value), -beta_squared * value, -value)
    counts = (hits, false_negatives, false_positives)
    variance = sum(count * slope * slope for count, slope in zip(counts, slopes, strict=True)) / denominator**2
    # The number of trials behind the error: the hits, plus the number of the rarer kind of error
    units = hits + min(false_positives, false_negatives)
    return FractionEstimate.from_variance(value, variance, int(rows), method="delta method", fallback=rows, units=units)


def register_f_score(name: str, beta: float, summary: str) -> None:
    """Register an F-beta score. beta: how many times as much recall counts as precision. summary: for the reference."""

    def compute_f_score(evidence: BinaryEvidence) -> FractionEstimate:
        return f_score(evidence, beta)

    compute_f_score.__doc__ = summary
    register_metric(BINARY, name, operator=LOWER_IS_WORSE)(compute_f_score)


register_f_score("f0_5", 0.5, "Like f1, with more weight on precision.")
register_f_score("f1", 1.0, "Harmonic mean of precision and recall.")
register_f_score("f2", 2.0, "Like f1, with more weight on recall.")


# Many classes: each against all others, weighted by its share of the labels. Variances are computed by the delta method for
# multinomial counts


@register_metric(MULTICLASS, "accuracy", operator=LOWER_IS_WORSE)
def accuracy_of_classes(evidence: MulticlassEvidence) -> FractionEstimate:
    """Share of rows predicted correctly."""
    # An estimate without labels has expected hits by class, but no full matrix
    if evidence.estimated is not None:
        return FractionEstimate.from_count(float(evidence.estimated[0].sum()), evidence.rows)
    return FractionEstimate.from_count(int(np.trace(evidence.matrix)), evidence.rows)


@register_metric(MULTICLASS, "weighted_recall", operator=LOWER_IS_WORSE, family="accuracy")
def weighted_recall(evidence: MulticlassEvidence) -> Estimate:
    """Recall of each class, weighted by its share of the labels: accuracy."""
    return accuracy_of_classes(evidence)


def register_mean_of_classes(
    name: str, summary: str, *, label_weight: float, prediction_weight: float = 1, by_labels: bool
) -> None:
    """Register the mean over classes of (l + p)·hits / (l·labels + p·predictions), with l = label_weight and
    p = prediction_weight: F if both are above 0, precision for l = 0, recall for p = 0. by_labels: whether a class counts by
    its share of the labels, as in the service, or all classes equally. summary: for the reference.
    """

    def compute_mean_of_classes(evidence: MulticlassEvidence) -> FractionEstimate:
        rows = evidence.rows
        if not rows:
            return FractionEstimate(math.nan, 0, 0, "delta method")
        hits, labels, predictions = _shares(evidence)
        weights = labels
        # All classes among labels or predictions count equally, even if they are rare
        if not by_labels:
            occurs = labels + predictions > 0
            weights = occurs / max(np.count_nonzero(occurs), 1)
        denominators = label_weight * labels + prediction_weight * predictions
        class_scores = ratio_or_zero((label_weight + prediction_weight) * hits, denominators)
        value = float(np.sum(weights * class_scores))
        # Derivatives of the mean by a class's share of labels, hits and predictions. If `by_labels`, the weights depend on
        # the labels, too
        per_row = ratio_or_zero(weights, denominators)
        at_label = class_scores * (by_labels - label_weight * per_row)
        at_hit = (label_weight + prediction_weight) * per_row
        at_prediction = -class_scores * prediction_weight * per_row
        # Only the pairs of classes that occur, because with many classes most cells are empty
        label_index, prediction_index = np.nonzero(evidence.matrix)
        shares = evidence.matrix[label_index, prediction_index] / rows
        # The influence function: the change of the mean by one more row of each pair
        influence = (
            at_label[label_index]
            + at_prediction[prediction_index]
            + np.where(label_index == prediction_index, at_hit[label_index], 0.0)
        )
        spread = np.sum(shares * influence**2) - np.sum(shares * influence) ** 2
        return FractionEstimate.from_variance(value, float(spread) / rows, rows, method="delta method", fallback=rows)

    compute_mean_of_classes.__doc__ = summary
    register_metric(MULTICLASS, name, operator=LOWER_IS_WORSE, ours=not by_labels)(compute_mean_of_classes)


WEIGHTED = "{} of each class, weighted by its share of the labels."

register_mean_of_classes("weighted_precision", WEIGHTED.format("Precision"), label_weight=0, by_labels=True)
register_mean_of_classes("weighted_f0_5", WEIGHTED.format("F0.5"), label_weight=0.25, by_labels=True)
register_mean_of_classes("weighted_f1", WEIGHTED.format("F1"), label_weight=1, by_labels=True)
register_mean_of_classes("weighted_f2", WEIGHTED.format("F2"), label_weight=4, by_labels=True)
register_mean_of_classes(
    "macro_f1", "Mean F1 of the classes among labels or predictions, however rare.", label_weight=1, by_labels=False
)
register_mean_of_classes(
    "macro_precision", "Mean precision of the classes of macro_f1.", label_weight=0, by_labels=False
)
register_mean_of_classes(
    "macro_recall", "Mean recall of the classes of macro_f1.", label_weight=1, prediction_weight=0, by_labels=False
)


def _shares(evidence: MulticlassEvidence) -> tuple[Doubles, Doubles, Doubles]:
    """For each class, the shares of rows that are hits, that have it as their label, and that have it as their prediction."""
    if evidence.estimated is not None:
        # Expected counts, shape (3, classes)
        hits, labels, predictions = evidence.estimated / max(evidence.rows, 1)
        return hits, labels, predictions
    shares = evidence.matrix / max(evidence.rows, 1)
    return np.diagonal(shares), shares.sum(axis=1), shares.sum(axis=0)


def register_best_constant(registry: Registry[Metric], name: str) -> None:
    """Register a metric of the classifier that always predicts the most frequent class."""
    metric = registry.get(name)

    @registry.register(f"{name}_best_constant_classifier")
    def best_constant(evidence: ClassEvidence) -> Estimate:
        """The same metric for a classifier that always predicts the most frequent class.

        Source: C11.11.
        """
        estimate: Estimate = metric(predict_most_frequent_class(evidence))
        return estimate


# The metrics that the service also computes for constant predictions
for binary_name in ("recall", "precision", "accuracy", "f0_5", "f1", "f2"):
    register_best_constant(BINARY, binary_name)
for multiclass_name in ("accuracy", *("weighted_" + name for name in ("recall", "precision", "f0_5", "f1", "f2"))):
    register_best_constant(MULTICLASS, multiclass_name)
