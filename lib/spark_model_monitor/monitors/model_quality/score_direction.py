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
from spark_model_monitor.monitors.model_quality.metrics.ranking import area_under_roc
from spark_model_monitor.statistics.states.scores import Counts

MIN_ROWS = 30  # rows below which predictions fit a threshold by chance
MAX_UNEXPLAINED_SHARE = 0.1  # share of the rows of the rarer prediction that a threshold may leave unexplained
MIN_UNEXPLAINED_SHARE = 0.2  # share of the rows of the rarer prediction that no threshold of the score itself explains
MIN_PREDICTIONS = 9  # rows of the rarer prediction below which predictions don't show what the score is of
MAX_REVERSED_AREA = 0.35  # under the ROC curve; a weak model has about 0.5
MIN_ERRORS_BELOW = 5.0  # standard errors below an area of 0.5 from which a score is surely reversed

REMEDY = (
    "so it is the score of the other class; write --positive-label with the class that the score is of, or give the score of "
    "the positive class as probability_attribute"
)


def require_scores_of_positive_class(evidence: BinaryEvidence) -> None:
    """Raise BadInput if nearly all predictions are those of the reversed score, whatever their threshold is.

    Distances are compared with the rarer prediction: of a threshold of .95, few rows are predicted positive, and a
    threshold that predicts none explains all others.
    """
    scores = evidence.scores
    if scores is None or evidence.rows < MIN_ROWS:
        return
    predicted = evidence.matrix[:, 1]
    rarer_rows = _rarer_rows(evidence)
    forward = _fewest_unexplained_rows(scores.negatives, scores.positives, predicted)
    backward = _fewest_unexplained_rows(scores.negatives[::-1], scores.positives[::-1], predicted)
    # What predictions that have nothing to do with the score leave unexplained by chance
    by_chance = 3 * math.sqrt(rarer_rows)
    clear_difference = max(MIN_UNEXPLAINED_SHARE * rarer_rows, by_chance, 1)
    if backward <= MAX_UNEXPLAINED_SHARE * rarer_rows and forward >= backward + clear_difference:
        raise BadInput(
            "score and prediction contradict each other in nearly all rows: where the positive class is predicted the score is "
            f"low, {REMEDY}"
        )


def require_labels_follow_scores(evidence: BinaryEvidence, *, has_predictions: bool) -> None:
    """Raise BadInput if labels clearly contradict the score, and there are no predictions that say what it is of.

    has_predictions: whether the model's own predictions are known, which otherwise follow from the score.
    """
    scores = evidence.scores
    if scores is None or (has_predictions and _rarer_rows(evidence) >= MIN_PREDICTIONS):
        return
    negatives = float(scores.negatives.sum())
    positives = float(scores.positives.sum())
    if not negatives or not positives:
        return
    area = area_under_roc(scores)
    # Mann and Whitney 1947
    standard_error = math.sqrt((negatives + positives + 1) / (12 * negatives * positives))
    if area <= MAX_REVERSED_AREA and area <= 0.5 - MIN_ERRORS_BELOW * standard_error:
        raise BadInput(
            f"score and label contradict each other: the area under the curve is {area:.2f}, {REMEDY}; "
            "--compat service measures it as it is"
        )


def _rarer_rows(evidence: BinaryEvidence) -> float:
    """The rows of the class that is predicted less often."""
    predicted_positive = float(evidence.matrix[:, 1].sum())
    return min(predicted_positive, evidence.rows - predicted_positive)


def _fewest_unexplained_rows(negatives: Counts, positives: Counts, predicted: Counts) -> float:
    """The fewest rows that any threshold predicts otherwise. negatives, positives: number of rows by ascending score.
    predicted: those predicted positive, of negative and of positive rows.
    """
    negatives_predicted, positives_predicted = predicted
    # Rows above each threshold, from the highest score down
    negatives_above = np.concatenate([[0], np.cumsum(negatives[::-1])])
    positives_above = np.concatenate([[0], np.cumsum(positives[::-1])])
    # A threshold that predicts as many rows of each label leaves none unexplained
    negatives_differ = np.abs(negatives_above - negatives_predicted)
    positives_differ = np.abs(positives_above - positives_predicted)
    return float((negatives_differ + positives_differ).min())
