"""Metrics of two classes, from the confusion matrix. Pure.

As in Spark's MLlib, precision is 0 where nothing was predicted positive, and F is 0 where precision and recall are; a rate of a
class without rows is not defined.

Source: C5.1, G20.
"""

from __future__ import annotations

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality.estimates import Estimate, FractionEstimate
from model_monitor.monitors.model_quality.evidence import BinaryEvidence
from model_monitor.monitors.model_quality.metrics import BINARY, Metric

LESS, GREATER = ComparisonOperator.LESS_THAN, ComparisonOperator.GREATER_THAN


@BINARY.register("recall", operator=LESS, family="recall")
def recall(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the positive rows that were predicted positive."""
    return _share_of_positives_found(evidence)


@BINARY.register("precision", operator=LESS, family="precision")
def precision(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the rows predicted positive that are positive; 0 if none was predicted so."""
    hits = evidence.true_positives
    return FractionEstimate.of_count(hits, hits + evidence.false_positives, without_rows=0.0)


@BINARY.register("accuracy", operator=LESS, family="accuracy")
def accuracy(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the rows that were predicted right."""
    return FractionEstimate.of_count(evidence.true_positives + evidence.true_negatives, evidence.rows)


@BINARY.register("true_positive_rate", operator=LESS, family="recall")
def true_positive_rate(evidence: BinaryEvidence) -> Estimate:
    """Recall by another name."""
    return recall(evidence)


@BINARY.register("true_negative_rate", operator=LESS, family="true_negative_rate")
def true_negative_rate(evidence: BinaryEvidence) -> FractionEstimate:
    """Specificity: share of the negative rows that were predicted negative; 1 - false positive rate, computed so."""
    return _share_of_negatives_missed(evidence).complement()


@BINARY.register("false_positive_rate", operator=GREATER, family="true_negative_rate")
def false_positive_rate(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the negative rows that were predicted positive."""
    return _share_of_negatives_missed(evidence)


@BINARY.register("false_negative_rate", operator=GREATER, family="recall")
def false_negative_rate(evidence: BinaryEvidence) -> FractionEstimate:
    """Share of the positive rows that were predicted negative: 1 - recall, computed so."""
    return _share_of_positives_found(evidence).complement()


@BINARY.register("f0_5", operator=LESS, family="f0_5")
def f0_5(evidence: BinaryEvidence) -> FractionEstimate:
    """Harmonic mean of precision and recall in which precision weighs more."""
    return f_score(evidence, 0.5)


@BINARY.register("f1", operator=LESS, family="f1")
def f1(evidence: BinaryEvidence) -> FractionEstimate:
    """Harmonic mean of precision and recall."""
    return f_score(evidence, 1.0)


@BINARY.register("f2", operator=LESS, family="f2")
def f2(evidence: BinaryEvidence) -> FractionEstimate:
    """Harmonic mean of precision and recall in which recall weighs more."""
    return f_score(evidence, 2.0)


def f_score(evidence: BinaryEvidence, beta: float) -> FractionEstimate:
    """F for a beta; not defined without positive rows. Its variance is that of the delta method under multinomial counts.

    F = (1 + β²)·TP / ((1 + β²)·TP + β²·FN + FP), so that its derivatives are (1 + β²)(1 - F)/D, -β²·F/D and -F/D.
    """
    hits, found_falsely, missed = evidence.true_positives, evidence.false_positives, evidence.false_negatives
    rows, square = hits + found_falsely + missed, beta * beta
    share, exactness = recall(evidence).value, precision(evidence).value
    weighted = square * exactness + share
    value = 0.0 if weighted == 0 else (1 + square) * exactness * share / weighted
    whole = (1 + square) * hits + square * missed + found_falsely
    if not whole:
        return FractionEstimate(value, 0, 0, "delta method")
    slopes = ((1 + square) * (1 - value), -square * value, -value)
    counts = (hits, missed, found_falsely)
    variance = sum(count * slope * slope for count, slope in zip(counts, slopes, strict=True)) / whole**2
    units = hits + min(found_falsely, missed)
    return FractionEstimate.of_variance(value, variance, int(rows), method="delta method", fallback=rows, units=units)


def _share_of_positives_found(evidence: BinaryEvidence) -> FractionEstimate:
    hits = evidence.true_positives
    return FractionEstimate.of_count(hits, hits + evidence.false_negatives)


def _share_of_negatives_missed(evidence: BinaryEvidence) -> FractionEstimate:
    misses = evidence.false_positives
    return FractionEstimate.of_count(misses, misses + evidence.true_negatives)


def _register_best_constant(name: str, metric: Metric) -> None:
    @BINARY.register(f"{name}_best_constant_classifier")
    def best_constant(evidence: BinaryEvidence) -> Estimate:
        """The same metric, had the more frequent class been predicted for all rows.

        Source: C11.11.
        """
        return metric(evidence.constant())


for _name in ("recall", "precision", "accuracy", "f0_5", "f1", "f2"):
    _register_best_constant(_name, BINARY.get(_name).function)
