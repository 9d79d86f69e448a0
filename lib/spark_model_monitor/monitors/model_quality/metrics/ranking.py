"""Metrics of how well scores rank the rows: areas under curves, their variances, and the possible effect of binning. Pure.

They need probabilities. All are computed from counts by score, in ascending order (`statistics/states/scores.py`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.monitors.model_quality.estimates import FractionEstimate
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence, ClassEvidence, MulticlassEvidence
from spark_model_monitor.monitors.model_quality.metrics import BINARY, MULTICLASS, register_metric
from spark_model_monitor.monitors.model_quality.metrics.classes import LOWER_IS_WORSE
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.scores import ScoreCounts
from spark_model_monitor.value_class import value_class

# Number of points to which the service reduces curves before it computes areas. Source: G20; MLlib's default.
SERVICE_BINS = 1000


@value_class
class Curve:
    """Confusion counts at every threshold, the highest first: the number of rows of each class with at least this score."""

    true_positives: Doubles
    false_positives: Doubles

    @classmethod
    def of(cls, scores: ScoreCounts) -> Curve:
        """The curve with one point for each distinct score."""
        return cls(
            np.cumsum(scores.positives[::-1]).astype(np.float64), np.cumsum(scores.negatives[::-1]).astype(np.float64)
        )

    @property
    def positives(self) -> float:
        return float(self.true_positives.max(initial=0.0))

    @property
    def negatives(self) -> float:
        return float(self.false_positives.max(initial=0.0))

    def thin(self, points: int) -> Curve:
        """The curve reduced to about this many points, as Spark's MLlib does: the last point of each group of equal size is
        kept.

        A curve with fewer than twice this many points is unchanged.
        Source: numBins of BinaryClassificationMetrics, Spark 3.5 (org/apache/spark/mllib/evaluation).
        """
        size = len(self.true_positives)
        grouping = size // points
        if grouping < 2:
            return self
        # The last point is always kept; otherwise the area would lack its last part
        kept_points = np.unique(np.append(np.arange(grouping - 1, size, grouping), size - 1))
        return Curve(self.true_positives[kept_points], self.false_positives[kept_points])

    def roc(self) -> tuple[Doubles, Doubles]:
        """False and true positive rates from (0, 0) to (1, 1); both ends are added as in MLlib. A class without rows has rate
        0.

        Source: C5.1; BinaryClassificationMetrics.roc of Spark.
        """
        false_rates = self.false_positives / max(self.negatives, 1.0)
        true_rates = self.true_positives / max(self.positives, 1.0)
        return np.concatenate([[0.0], false_rates, [1.0]]), np.concatenate([[0.0], true_rates, [1.0]])

    def precision_recall(self) -> tuple[Doubles, Doubles]:
        """Recalls and precisions, beginning at recall 0 with the first precision; empty without rows.

        Source: C5.1; BinaryClassificationMetrics.pr of Spark.
        """
        precisions = self.true_positives / (self.true_positives + self.false_positives)
        recalls = self.true_positives / max(self.positives, 1.0)
        return np.concatenate([[0.0], recalls])[: len(recalls) + 1], np.concatenate([precisions[:1], precisions])


def trapezoids(horizontal: Doubles, vertical: Doubles) -> float:
    """The area under a curve by trapezoids, added in the order of the curve as in MLlib's AreaUnderCurve; 0 for fewer
    than two points.
    """
    if len(horizontal) < 2:
        return 0.0
    return float(np.add.accumulate(np.diff(horizontal) * (vertical[1:] + vertical[:-1]) / 2.0)[-1])


def area_under_roc(scores: ScoreCounts) -> float:
    """The share of pairs of a positive and a negative row in which the positive row has the higher score; ties count half.

    NaN if a class has no rows. Scores in one bin count as ties.
    """
    positives = float(scores.positives.sum())
    negatives = float(scores.negatives.sum())
    if not (positives and negatives):
        return math.nan
    # For each score, the number of negative rows with a lower score
    below = np.cumsum(scores.negatives) - scores.negatives
    return float(np.dot(scores.positives.astype(np.float64), below + scores.negatives / 2) / (positives * negatives))


def bound_of_roc(scores: ScoreCounts) -> float | None:
    """The largest possible change of the area by binning; None if nothing was binned.

    Pairs within a bin count half, but may really count fully or not at all.
    Source: P16.
    """
    if not scores.binned:
        return None
    positives = scores.positives.astype(np.float64)
    negatives = scores.negatives.astype(np.float64)
    pairs = float(positives.sum() * negatives.sum())
    if not pairs:
        return None
    # Pairs of a positive and a negative row within a bin
    return float(np.dot(positives, negatives) / (2 * pairs))


def variance_of_roc(scores: ScoreCounts) -> float:
    """DeLong's variance of the area under the ROC curve; NaN if a class has fewer than two rows.

    Rows with equal scores have equal components, so counts by score are enough.
    Source: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves".
    """
    p = scores.positives.astype(np.float64)
    n = scores.negatives.astype(np.float64)
    positives = p.sum()
    negatives = n.sum()
    if positives < 2 or negatives < 2:
        return math.nan
    positive_ranks, negative_ranks = compute_ranks(p, n)
    area = np.dot(p, positive_ranks) / positives
    spread_of_positives = np.dot(p, (positive_ranks - area) ** 2) / (positives - 1)
    spread_of_negatives = np.dot(n, (negative_ranks - area) ** 2) / (negatives - 1)
    return float(spread_of_positives / positives + spread_of_negatives / negatives)


def compute_ranks(positives: NDArray[np.number], negatives: NDArray[np.number]) -> tuple[Doubles, Doubles]:
    """For a positive and for a negative row at each score, the share of the other class against which it is ranked correctly;
    ties count half. positives, negatives: number of rows at each score; both classes must have rows.
    """
    total = positives.sum()
    positive_ranks = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    return positive_ranks, (total - np.cumsum(positives) + positives / 2) / total


def area_under_precision_recall(scores: ScoreCounts) -> float:
    """The area under the precision-recall curve by trapezoids; NaN without positive rows."""
    curve = Curve.of(scores)
    if curve.positives:
        return trapezoids(*curve.precision_recall())
    return math.nan


def bound_of_precision_recall(scores: ScoreCounts) -> float | None:
    """The largest possible change of the area under the precision-recall curve by binning; None if nothing was binned.

    Within a bin that begins at (t0, f0) true and false positives and ends at (t1, f1), the precision at t true positives is
    between t/(t + f1) and t/(t + f0). Both are concave in t, so trapezoids are above the chord of the first and below the
    integral of the second, (t1 - t0) - f0·ln((t1 + f0)/(t0 + f0)).
    """
    curve = Curve.of(scores)
    if not scores.binned or not curve.positives:
        return None
    t1 = curve.true_positives
    f1 = curve.false_positives
    # A bin begins where the preceding one ends
    t0 = np.concatenate([[0.0], t1[:-1]])
    f0 = np.concatenate([[0.0], f1[:-1]])
    chords = (t1 - t0) * (t1 / (t1 + f1) + t0 / np.maximum(t0 + f1, 1.0)) / 2
    before = np.maximum(t0 + f0, 1.0)  # if this sum is 0, f0 is 0, too
    arches = (t1 - t0) - f0 * np.log(np.maximum(t1 + f0, 1.0) / before)
    area = trapezoids(*curve.precision_recall())
    return float(max(arches.sum() / curve.positives - area, area - chords.sum() / curve.positives, 0.0))


# The registered metrics


def has_scores(evidence: ClassEvidence) -> bool:
    """Whether the rows have probabilities; with many classes, those of all classes."""
    return evidence.scores is not None


@register_metric(BINARY, "auc", operator=LOWER_IS_WORSE, requires=has_scores)
def auc(evidence: BinaryEvidence) -> FractionEstimate:
    """Area under the ROC curve: share of the pairs of a positive and a negative row in which the positive one scores higher.

    Not defined without rows of both classes. The service computes it from MLlib's thinned curve.
    Source: C5.1, C11.9; DeLong, DeLong and Clarke-Pearson 1988 for the variance.
    """
    scores = _scores(evidence)
    value = area_under_roc(scores)
    if evidence.as_service:
        value = trapezoids(*Curve.of(scores).thin(SERVICE_BINS).roc())
    positives = int(scores.positives.sum())
    negatives = int(scores.negatives.sum())
    return FractionEstimate.from_variance(
        value,
        variance_of_roc(scores),
        positives + negatives,
        method="DeLong",
        fallback=min(positives, negatives),
        bound=bound_of_roc(scores),
    )


@register_metric(BINARY, "au_prc", operator=LOWER_IS_WORSE, requires=has_scores)
def au_prc(evidence: BinaryEvidence) -> FractionEstimate:
    """Area under the precision-recall curve, by trapezoids; undefined without positive rows.

    The interval is the interval of a share of the positive rows.
    Source: C5.1; Boyd, Eng and Page 2013, "Area under the precision-recall curve: point estimates and
    confidence intervals".
    """
    scores = _scores(evidence)
    value = area_under_precision_recall(scores)
    if evidence.as_service:
        value = trapezoids(*Curve.of(scores).thin(SERVICE_BINS).precision_recall())
    # Recall changes in steps of one positive row, so positive rows are the trials
    positives = int(scores.positives.sum())
    rows = positives + int(scores.negatives.sum())
    return FractionEstimate(value, rows, positives, "binomial", bound_of_precision_recall(scores))


@register_metric(MULTICLASS, "macro_auc", operator=LOWER_IS_WORSE, ours=True, requires=has_scores)
def macro_auc(evidence: MulticlassEvidence) -> FractionEstimate:
    """Mean one-vs-rest area under the ROC curve of the classes that some but not all labels have.

    Source: scikit-learn's roc_auc_score, `multi_class="ovr"`, `average="macro"`. The errors of the areas are taken as fully
    correlated, so that the interval is never too short.
    """
    return _mean_area(evidence, by_labels=False)


@register_metric(MULTICLASS, "weighted_auc", operator=LOWER_IS_WORSE, ours=True, requires=has_scores)
def weighted_auc(evidence: MulticlassEvidence) -> FractionEstimate:
    """Like macro_auc, weighted by each class's share of the labels.

    Source: scikit-learn's roc_auc_score, `multi_class="ovr"`, `average="weighted"`.
    """
    return _mean_area(evidence, by_labels=True)


def _mean_area(evidence: MulticlassEvidence, *, by_labels: bool) -> FractionEstimate:
    judged_classes = [
        class_scores
        for class_scores in evidence.scores or ()
        if class_scores.positives.sum() and class_scores.negatives.sum()
    ]
    if not judged_classes:
        return FractionEstimate(math.nan, 0, 0, "DeLong")
    labels = np.array([class_scores.positives.sum() for class_scores in judged_classes], np.float64)
    # Weighted by frequency as in `weighted_f1`, or all classes equally
    if by_labels:
        weights = labels / labels.sum()
    else:
        weights = np.full(len(judged_classes), 1 / len(judged_classes))
    areas = [*map(area_under_roc, judged_classes)]
    # The areas are computed from the same rows, so standard errors are added as if they were fully correlated
    errors = np.sqrt([*map(variance_of_roc, judged_classes)])
    bounds = [*map(bound_of_roc, judged_classes)]
    bound = None
    if any(bounds):
        bound = sum(weight * (area_bound or 0.0) for weight, area_bound in zip(weights.tolist(), bounds, strict=True))
    return FractionEstimate.from_variance(
        float(weights @ areas),
        float(weights @ errors) ** 2,
        evidence.rows,
        method="DeLong",
        fallback=float(labels.min()),
        bound=bound,
    )


def _scores(evidence: BinaryEvidence) -> ScoreCounts:
    assert evidence.scores is not None  # ensured by `requires`
    return evidence.scores
