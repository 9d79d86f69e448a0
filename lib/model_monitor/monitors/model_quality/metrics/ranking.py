"""Metrics from the scores: how well they rank the rows. Pure. Only where there are probabilities."""

from __future__ import annotations

import math

import numpy as np

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality import ranking
from model_monitor.monitors.model_quality.estimates import FractionEstimate
from model_monitor.monitors.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from model_monitor.monitors.model_quality.metrics import BINARY, MULTICLASS
from model_monitor.statistics.states.scores import ScoreCounts

SERVICE_BINS = 1000  # points of the curves that the service computes its areas from. Source: G20; MLlib's default.


def has_scores(evidence: BinaryEvidence) -> bool:
    """Whether the rows came with probabilities."""
    return evidence.scores is not None


@BINARY.register("auc", operator=ComparisonOperator.LESS_THAN, family="auc", given=has_scores)
def auc(evidence: BinaryEvidence) -> FractionEstimate:
    """Area under the ROC curve: the share of pairs of a positive and a negative row that the scores have in order.

    Not defined without rows of both classes. The service's is that of MLlib's thinned curve.
    Source: C5.1, C11.9; DeLong, DeLong and Clarke-Pearson 1988 for the variance.
    """
    scores = _scores(evidence)
    if evidence.as_service:
        value = ranking.trapezoids(*ranking.Curve.of(scores).thinned(SERVICE_BINS).roc())
    else:
        value = ranking.area_under_roc(scores)
    positives, negatives = int(scores.positives.sum()), int(scores.negatives.sum())
    return FractionEstimate.of_variance(
        value,
        ranking.variance_of_roc(scores),
        positives + negatives,
        method="DeLong",
        fallback=min(positives, negatives),
        bound=ranking.bound_of_roc(scores),
    )


@BINARY.register("au_prc", operator=ComparisonOperator.LESS_THAN, family="au_prc", given=has_scores)
def au_prc(evidence: BinaryEvidence) -> FractionEstimate:
    """Area under precision over recall, by trapezoids. Not defined without positive rows.

    Its interval is that of a share of the positive rows.
    Source: C5.1; Boyd, Eng and Page 2013, "Area under the precision-recall curve: point estimates and
    confidence intervals".
    """
    scores = _scores(evidence)
    if evidence.as_service:
        value = ranking.trapezoids(*ranking.Curve.of(scores).thinned(SERVICE_BINS).precision_recall())
    else:
        value = ranking.area_under_precision_recall(scores)
    rows, positives = int(scores.positives.sum() + scores.negatives.sum()), int(scores.positives.sum())
    return FractionEstimate(value, rows, positives, "binomial", ranking.bound_of_precision_recall(scores))


def has_scores_of_classes(evidence: MulticlassEvidence) -> bool:
    """Whether the rows came with the probabilities of all classes."""
    return evidence.scores is not None


@MULTICLASS.register(
    "macro_auc", operator=ComparisonOperator.LESS_THAN, family="macro_auc", ours=True, given=has_scores_of_classes
)
def macro_auc(evidence: MulticlassEvidence) -> FractionEstimate:
    """Mean area under the ROC curve of each class against the rest, of those that are not all or none of the labels.

    Source: scikit-learn's roc_auc_score, `multi_class="ovr"`, `average="macro"`. The areas' errors are taken as if they went
    together, so that the interval is no shorter than it should be.
    """
    return _mean_area(evidence, by_labels=False)


@MULTICLASS.register(
    "weighted_auc", operator=ComparisonOperator.LESS_THAN, family="weighted_auc", ours=True, given=has_scores_of_classes
)
def weighted_auc(evidence: MulticlassEvidence) -> FractionEstimate:
    """The same mean, each class weighted by its share of the labels.

    Source: scikit-learn's roc_auc_score, `multi_class="ovr"`, `average="weighted"`.
    """
    return _mean_area(evidence, by_labels=True)


def _mean_area(evidence: MulticlassEvidence, *, by_labels: bool) -> FractionEstimate:
    both = [each for each in evidence.scores or () if each.positives.sum() and each.negatives.sum()]
    if not both:
        return FractionEstimate(math.nan, 0, 0, "DeLong")
    labels = np.array([each.positives.sum() for each in both], np.float64)
    weights = labels / labels.sum() if by_labels else np.full(len(both), 1 / len(both))
    areas, variances = (
        np.array([of(each) for each in both]) for of in (ranking.area_under_roc, ranking.variance_of_roc)
    )
    bounds = [ranking.bound_of_roc(each) for each in both]
    return FractionEstimate.of_variance(
        float(weights @ areas),
        float(weights @ np.sqrt(variances)) ** 2,
        evidence.rows,
        method="DeLong",
        fallback=float(labels.min()),
        bound=sum(w * (b or 0.0) for w, b in zip(weights.tolist(), bounds, strict=True)) if any(bounds) else None,
    )


def _scores(evidence: BinaryEvidence) -> ScoreCounts:
    assert evidence.scores is not None  # `given` says so
    return evidence.scores
