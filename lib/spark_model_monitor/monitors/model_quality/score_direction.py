"""Detects scores of the negative class instead of the positive one: predictions and scores then contradict each other. Pure.

Predictions follow from scores by a threshold. So for each label, as many rows are predicted positive as have a score
above the threshold. If instead as many rows have a score below it, the score belongs to the other class, and a good model has
an area under the curve of .18. Counts by label, which are all that a scan keeps, are enough to see this: thresholds in both
directions can fit only if scores or predictions don't depend on the label.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.monitors.model_quality.evidence import BinaryEvidence
from spark_model_monitor.monitors.model_quality.metrics.ranking import area_under_roc
from spark_model_monitor.statistics.states.scores import Counts

MIN_ROWS = 30  # with fewer rows, predictions fit a threshold by chance
# Share of the rows with the rarer prediction that a threshold of the reversed score may leave unexplained
MAX_UNEXPLAINED_SHARE = 0.1
MIN_UNEXPLAINED_SHARE = 0.2  # minimum share of these rows that no threshold of the score itself explains
MIN_PREDICTIONS = 9  # with fewer rows of the rarer prediction, predictions don't show the direction of the score
MAX_REVERSED_AREA = 0.35  # maximum area under the ROC curve of a reversed score; a weak model has about 0.5
MIN_ERRORS_BELOW = 5.0  # a score counts as reversed if its area is this many standard errors below 0.5

INVERTED = "so the score or the labels may be inverted"
OTHER_CLASS = (
    "so it is the score of the other class; write --positive-label with the class that the score is of, or give the score of "
    "the positive class as probability_attribute; --compat service measures it as it is"
)


def describe_reversed_score(evidence: BinaryEvidence, *, has_predictions: bool, is_window: bool) -> str | None:
    """What shows that the score is of the other class: nearly all predictions, whatever the threshold is; or clearly the
    labels, in a window, or if there are no predictions that show its direction. None if nothing does.

    has_predictions: whether the model's own predictions are known; otherwise predictions follow from the score. is_window:
        whether a baseline has fixed which class is positive.

    The number of rows that a threshold leaves unexplained is compared with the rarer prediction. With a threshold of .95, for
    example, few rows are predicted positive, and a threshold that predicts none would explain all other rows.
    """
    scores = evidence.scores
    if scores is None:
        return None
    remedy = INVERTED if is_window else OTHER_CLASS
    predicted = evidence.matrix[:, 1]
    # The number of rows with the prediction that is made less often
    predicted_positive = float(predicted.sum())
    rarer_rows = min(predicted_positive, evidence.rows - predicted_positive)
    if has_predictions and evidence.rows >= MIN_ROWS:
        forward = _fewest_unexplained_rows(scores.negatives, scores.positives, predicted)
        backward = _fewest_unexplained_rows(scores.negatives[::-1], scores.positives[::-1], predicted)
        # The number of rows that would be unexplained by chance if predictions didn't depend on the score
        chance_rows = 3 * math.sqrt(rarer_rows)
        clear_difference = max(MIN_UNEXPLAINED_SHARE * rarer_rows, chance_rows, 1)
        if backward <= MAX_UNEXPLAINED_SHARE * rarer_rows and forward >= backward + clear_difference:
            return (
                "score and prediction contradict each other in nearly all rows: where the positive class is predicted the "
                f"score is low, {remedy}"
            )
    negatives = float(scores.negatives.sum())
    positives = float(scores.positives.sum())
    if not negatives or not positives or (has_predictions and not is_window and rarer_rows >= MIN_PREDICTIONS):
        return None
    area = area_under_roc(scores)
    # Standard error of the Mann-Whitney statistic (Mann and Whitney 1947)
    standard_error = math.sqrt((negatives + positives + 1) / (12 * negatives * positives))
    if area <= MAX_REVERSED_AREA and area <= 0.5 - MIN_ERRORS_BELOW * standard_error:
        return f"score and label contradict each other: the area under the curve is {area:.2f}, {remedy}"
    return None


def _fewest_unexplained_rows(negatives: Counts, positives: Counts, predicted: Counts) -> float:
    """The smallest number of rows that the best threshold predicts differently. negatives, positives: number of rows by
    ascending score. predicted: number of negative and of positive rows that are predicted positive.
    """
    negatives_predicted, positives_predicted = predicted
    # The number of rows above each threshold, from the highest score down
    negatives_above = np.concatenate([[0], np.cumsum(negatives[::-1])])
    positives_above = np.concatenate([[0], np.cumsum(positives[::-1])])
    # A threshold that predicts equally many rows of each label leaves no row unexplained
    negatives_differ = np.abs(negatives_above - negatives_predicted)
    positives_differ = np.abs(positives_above - positives_predicted)
    return float((negatives_differ + positives_differ).min())
