"""Metrics of errors: how far predicted numbers are off, and whether probabilities are calibrated. Pure.

All are computed from sums of blocks of rows, and undefined (NaN) if the divisor is 0. The service has no metrics of
probabilities.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.monitors.model_quality.estimates import (
    IncludedBlocks,
    JackknifeEstimate,
    Scale,
    jackknife,
    jackknife_quotient,
    sum_blocks,
)
from spark_model_monitor.monitors.model_quality.evidence import (
    BinaryEvidence,
    ClassEvidence,
    MulticlassEvidence,
    RegressionEvidence,
)
from spark_model_monitor.monitors.model_quality.metrics import BINARY, MULTICLASS, REGRESSION, register_metric
from spark_model_monitor.monitors.model_quality.metrics.classes import HIGHER_IS_WORSE, LOWER_IS_WORSE
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states.blocks import BlockSums
from spark_model_monitor.statistics.states.scores import LOG_LOSS, SQUARED_ERROR, calibration


def has_probabilities(evidence: ClassEvidence) -> bool:
    """Whether the rows have probabilities."""
    return evidence.probabilities is not None


@register_metric(BINARY, "log_loss", operator=HIGHER_IS_WORSE, ours=True, requires=has_probabilities)
def log_loss(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Mean of -ln(probability of the label), in nats; 0 counts as 2.2e-16, as in scikit-learn."""
    return _mean(_sums(evidence), LOG_LOSS)


@register_metric(BINARY, "brier_score", operator=HIGHER_IS_WORSE, ours=True, requires=has_probabilities)
def brier_score(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Mean squared difference of probability and label (1 or 0).

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", in its form for two classes.
    """
    return _mean(_sums(evidence), SQUARED_ERROR)


@register_metric(BINARY, "normalized_entropy", operator=HIGHER_IS_WORSE, ours=True, requires=has_probabilities)
def normalized_entropy(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Log loss divided by that of always predicting the share of positives.

    Below 1, the model is better than that constant prediction. Not defined if all rows have the same class.
    Source: He et al. 2014, "Practical lessons from predicting clicks on ads at Facebook".
    """
    sums = _sums(evidence)
    rows, hits, _ = (part.sum(axis=0) for part in calibration(sums))

    def statistic(included: IncludedBlocks) -> Doubles:
        total = sum_blocks(included, rows)
        # The log loss of the constant prediction is the entropy of the labels
        share = sum_blocks(included, hits) / total
        entropy = -(share * np.log(share) + (1 - share) * np.log1p(-share))  # NaN if all rows have one class
        normalized: Doubles = sum_blocks(included, sums.of(LOG_LOSS)) / total / entropy
        return normalized

    return jackknife(statistic, rows, scale=Scale.LOG)


@register_metric(BINARY, "calibration_error", operator=HIGHER_IS_WORSE, ours=True, requires=has_probabilities)
def calibration_error(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Expected calibration error: mean gap of probability and share of positives over ten bins, weighted by rows.

    Source: Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    return _expected_calibration_error(evidence)


@register_metric(MULTICLASS, "calibration_error", operator=HIGHER_IS_WORSE, ours=True, requires=has_probabilities)
def confidence_calibration_error(evidence: MulticlassEvidence) -> JackknifeEstimate:
    """Expected calibration error of the predicted class: mean gap of its probability and the share of correct predictions.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 2.
    """
    return _expected_calibration_error(evidence)


def _expected_calibration_error(evidence: ClassEvidence) -> JackknifeEstimate:
    rows, hits, scores = calibration(_sums(evidence))
    block_rows = rows.sum(axis=0)

    def statistic(included: IncludedBlocks) -> Doubles:
        # For each bin of scores, the rows with the event minus the rows that the scores promise
        deviations = np.abs(sum_blocks(included, hits) - sum_blocks(included, scores))
        error: Doubles = deviations.sum(axis=0) / sum_blocks(included, block_rows)
        return error

    return jackknife(statistic, block_rows, scale=Scale.LOG)


def _mean(sums: BlockSums, name: str) -> JackknifeEstimate:
    rows, _, _ = calibration(sums)
    return jackknife_quotient(sums.of(name), rows.sum(axis=0))


def _sums(evidence: ClassEvidence) -> BlockSums:
    assert evidence.probabilities is not None  # ensured by `requires`
    return evidence.probabilities


# Metrics of numbers


@register_metric(REGRESSION, "mae", operator=HIGHER_IS_WORSE)
def mae(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of |label - prediction|."""
    return jackknife_quotient(evidence.sums.absolute, evidence.sums.rows, included=evidence.included)


@register_metric(REGRESSION, "mse", operator=HIGHER_IS_WORSE)
def mse(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of (label - prediction)²."""
    return jackknife_quotient(evidence.sums.squared, evidence.sums.rows, included=evidence.included)


@register_metric(REGRESSION, "rmse", operator=HIGHER_IS_WORSE, family="mse")
def rmse(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Square root of the mean squared error."""
    sums = evidence.sums

    def statistic(included: IncludedBlocks) -> Doubles:
        return np.sqrt(sum_blocks(included, sums.squared) / sum_blocks(included, sums.rows))

    return jackknife(statistic, sums.rows, evidence.included, Scale.LOG)


@register_metric(REGRESSION, "r2", operator=LOWER_IS_WORSE)
def r2(evidence: RegressionEvidence) -> JackknifeEstimate:
    """1 - sum of squared errors / sum of the labels' squared deviations from their mean; undefined if all are equal."""
    sums = evidence.sums

    def statistic(included: IncludedBlocks) -> Doubles:
        # Sum of squares about the common mean: within blocks, plus that of the blocks' means
        mean_label = sum_blocks(included, sums.rows * sums.label_mean) / sum_blocks(included, sums.rows)
        squared_distances = sums.rows * (sums.label_mean - mean_label[:, np.newaxis]) ** 2
        spread = sum_blocks(included, sums.label_m2) + np.where(included, squared_distances, 0.0).sum(axis=-1)
        return np.where(spread > 0, 1 - sum_blocks(included, sums.squared) / spread, np.nan)

    return jackknife(statistic, sums.rows, evidence.included, Scale.COMPLEMENT)


@register_metric(REGRESSION, "mape", operator=HIGHER_IS_WORSE, ours=True)
def mape(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of |label - prediction| / |label| over labels other than 0; 0.05 is 5 %."""
    return jackknife_quotient(evidence.sums.relative, evidence.sums.nonzero, included=evidence.included)


@register_metric(REGRESSION, "wape", operator=HIGHER_IS_WORSE, ours=True)
def wape(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Sum of |label - prediction| / sum of |label|; 0.05 is 5 %; undefined if all labels are 0."""
    return jackknife_quotient(
        evidence.sums.absolute, evidence.sums.absolute_label, rows=evidence.sums.rows, included=evidence.included
    )


def has_residuals(evidence: RegressionEvidence) -> bool:
    """Whether the distribution of the errors of all rows is known."""
    return evidence.residuals is not None and evidence.residuals.count > 0


@register_metric(REGRESSION, "mean_error", operator=HIGHER_IS_WORSE, ours=True, requires=has_residuals)
def mean_error(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of prediction - label; judged to both sides of 0."""
    assert evidence.residuals is not None  # ensured by `requires`
    rows = evidence.residuals.count
    # Exact up to 2,050 rows, beyond that within the sketch's error. With fsum the order of rows doesn't matter
    sums = [math.fsum(level) * 2**height for height, level in enumerate(evidence.residuals.levels)]
    # A residual is label - prediction, so the sign is reversed
    mean = -math.fsum(sums) / rows
    mean_square = math.fsum(evidence.sums.squared) / rows
    variance = max(mean_square - mean * mean, 0.0)
    error = math.sqrt(variance / rows)
    return JackknifeEstimate(mean, rows, error, rows - 1, method="standard error of the mean")
