"""What scores are worth as a ranking: areas under curves, their errors, and what binning can matter. Pure numpy.

Everything is made of counts by score, the scores ascending (`states.scores`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_monitor.statistics.states.scores import ScoreCounts

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Curve:
    """Confusion counts at every threshold, the highest first: rows at or above it, of each class."""

    true_positives: Numbers
    false_positives: Numbers

    @classmethod
    def of(cls, scores: ScoreCounts) -> Curve:
        """One point for each distinct score."""
        return cls(
            np.cumsum(scores.positives[::-1]).astype(np.float64), np.cumsum(scores.negatives[::-1]).astype(np.float64)
        )

    @property
    def positives(self) -> float:
        return float(self.true_positives[-1]) if len(self.true_positives) else 0.0

    @property
    def negatives(self) -> float:
        return float(self.false_positives[-1]) if len(self.false_positives) else 0.0

    def thinned(self, points: int) -> Curve:
        """About so many of the points, as Spark's MLlib thins a curve: of every so many points the last is kept.

        A curve of fewer than twice so many points stays as it is.
        Source: numBins of BinaryClassificationMetrics, Spark 3.5 (org/apache/spark/mllib/evaluation).
        """
        size = len(self.true_positives)
        grouping = size // points
        if grouping < 2:
            return self
        kept = np.unique(np.append(np.arange(grouping - 1, size, grouping), size - 1))
        return Curve(self.true_positives[kept], self.false_positives[kept])

    def roc(self) -> tuple[Numbers, Numbers]:
        """False and true positive rates, from (0, 0) to (1, 1), both ends added as MLlib does; a class without rows has rate 0.

        Source: C5.1; BinaryClassificationMetrics.roc of Spark.
        """
        false_rates = self.false_positives / max(self.negatives, 1.0)
        true_rates = self.true_positives / max(self.positives, 1.0)
        return np.concatenate([[0.0], false_rates, [1.0]]), np.concatenate([[0.0], true_rates, [1.0]])

    def precision_recall(self) -> tuple[Numbers, Numbers]:
        """Recalls and precisions, from recall 0 with the first precision on; no points for no rows.

        Source: C5.1; BinaryClassificationMetrics.pr of Spark.
        """
        precisions = self.true_positives / (self.true_positives + self.false_positives)
        recalls = self.true_positives / max(self.positives, 1.0)
        return np.concatenate([[0.0], recalls])[: len(recalls) + 1], np.concatenate([precisions[:1], precisions])


def trapezoids(horizontal: Numbers, vertical: Numbers) -> float:
    """The area under a curve, added up in its order as MLlib's AreaUnderCurve does; 0 for fewer than two points."""
    if len(horizontal) < 2:
        return 0.0
    return float(np.add.accumulate(np.diff(horizontal) * (vertical[1:] + vertical[:-1]) / 2.0)[-1])


def area_under_roc(scores: ScoreCounts) -> float:
    """The share of pairs of a positive and a negative row in which the positive one has the higher score, ties half.

    NaN if a class has no rows. The scores of a bin are taken as equal.
    """
    positives, negatives = float(scores.positives.sum()), float(scores.negatives.sum())
    if not (positives and negatives):
        return math.nan
    below = np.cumsum(scores.negatives) - scores.negatives
    return float(np.dot(scores.positives.astype(np.float64), below + scores.negatives / 2) / (positives * negatives))


def bound_of_roc(scores: ScoreCounts) -> float | None:
    """Most that binning can have changed the area; None if nothing was binned.

    The pairs of a bin count half each, and are worth nothing or all in truth.
    Source: P16.
    """
    if not scores.binned:
        return None
    positives, negatives = float(scores.positives.sum()), float(scores.negatives.sum())
    within = np.dot(scores.positives.astype(np.float64), scores.negatives.astype(np.float64))
    return float(within / (2 * positives * negatives)) if positives and negatives else None


def variance_of_roc(scores: ScoreCounts) -> float:
    """Variance of the area under the ROC curve; NaN if a class has fewer than two rows.

    Rows of equal score have equal components, so counts by score are enough.
    Source: DeLong, DeLong and Clarke-Pearson 1988, "Comparing the areas under two or more correlated receiver operating
    characteristic curves".
    """
    p, n = scores.positives.astype(np.float64), scores.negatives.astype(np.float64)
    positives, negatives = p.sum(), n.sum()
    if positives < 2 or negatives < 2:
        return math.nan
    of_positives = (np.cumsum(n) - n / 2) / negatives
    of_negatives = (positives - np.cumsum(p) + p / 2) / positives
    area = np.dot(p, of_positives) / positives
    spread_of_positives = np.dot(p, (of_positives - area) ** 2) / (positives - 1)
    spread_of_negatives = np.dot(n, (of_negatives - area) ** 2) / (negatives - 1)
    return float(spread_of_positives / positives + spread_of_negatives / negatives)


def area_under_precision_recall(scores: ScoreCounts) -> float:
    """The area under precision over recall, by trapezoids; NaN without positive rows."""
    curve = Curve.of(scores)
    return trapezoids(*curve.precision_recall()) if curve.positives else math.nan


def bound_of_precision_recall(scores: ScoreCounts) -> float | None:
    """Most that binning can have changed the area under precision over recall; None if nothing was binned.

    Within a bin that begins at (t0, f0) true and false positives and ends at (t1, f1), precision at t true positives lies
    between t/(t + f1) and t/(t + f0). Both are concave in t: trapezoids lie above the chord of the first and below the integral
    of the second, (t1 - t0) - f0·ln((t1 + f0)/(t0 + f0)).
    """
    curve = Curve.of(scores)
    if not scores.binned or not curve.positives:
        return None
    t1, f1 = curve.true_positives, curve.false_positives
    t0, f0 = np.concatenate([[0.0], t1[:-1]]), np.concatenate([[0.0], f1[:-1]])
    chords = (t1 - t0) * (t1 / (t1 + f1) + t0 / np.maximum(t0 + f1, 1.0)) / 2
    before = np.maximum(t0 + f0, 1.0)  # where it is 0, f0 is 0 too
    arches = (t1 - t0) - f0 * np.log(np.maximum(t1 + f0, 1.0) / before)
    area = trapezoids(*curve.precision_recall())
    return float(max(arches.sum() / curve.positives - area, area - chords.sum() / curve.positives, 0.0))
