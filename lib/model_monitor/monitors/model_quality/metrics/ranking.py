"""Metrics of two classes, from the scores: how well they rank the rows. Pure. Only where there are probabilities."""

from __future__ import annotations

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality import ranking
from model_monitor.monitors.model_quality.estimates import FractionEstimate
from model_monitor.monitors.model_quality.evidence import BinaryEvidence
from model_monitor.monitors.model_quality.metrics import BINARY
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


def _scores(evidence: BinaryEvidence) -> ScoreCounts:
    assert evidence.scores is not None  # `given` says so
    return evidence.scores
