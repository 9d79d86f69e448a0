"""Whether the scores are of the other class than the positive one: predictions and scores then contradict each other. Pure.

Predictions come from scores by a threshold, so among the rows of each label as many are predicted positive as have a
score above it. If instead as many have a score below it, the score is of the other class, and a good model has an area
under the curve of .18. Counts by label are all that a scan keeps, and enough: no threshold fits both ways, unless
scores or predictions say nothing about the label.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence
from spark_model_monitor.statistics.states.scores import Counts

FEWEST_ROWS = 30  # rows below which predictions fit a threshold by chance
NEARLY_NONE = 0.05  # share of the rows that a threshold may leave unexplained
MANY = 0.1  # share of the rows that no threshold of the score itself explains


def require_scores_of_positive_class(evidence: BinaryEvidence) -> None:
    """Raise BadInput if nearly all predictions are those of the reversed score."""
    scores = evidence.scores
    if scores is None or evidence.rows < FEWEST_ROWS:
        return
    predicted = evidence.matrix[:, 1]
    forward = _unexplained(scores.negatives, scores.positives, predicted)
    backward = _unexplained(scores.negatives[::-1], scores.positives[::-1], predicted)
    # What predictions that have nothing to do with the score leave unexplained by chance
    by_chance = 2 / math.sqrt(evidence.rows)
    if backward <= NEARLY_NONE and forward >= backward + max(MANY, by_chance):
        raise BadInput(
            "score and prediction contradict each other in nearly all rows: where the positive class is predicted the score is "
            "low, so it is the score of the other class; write --positive-label with the class that the score is of, or give the "
            "score of the positive class as probability_attribute"
        )


def _unexplained(negatives: Counts, positives: Counts, predicted: Counts) -> float:
    """The smallest share of rows that any threshold predicts otherwise. negatives, positives: by ascending score."""
    rows = float(negatives.sum() + positives.sum())
    # Rows above each threshold, from the highest score down
    negatives_above = np.concatenate([[0], np.cumsum(negatives[::-1])])
    positives_above = np.concatenate([[0], np.cumsum(positives[::-1])])
    distance = np.abs(negatives_above - predicted[0]) + np.abs(positives_above - predicted[1])
    return float(distance.min()) / rows
