"""Metrics of predicted probabilities: their loss, and whether they mean what they say. Pure.

Ours: the service has none of them. They are made of sums of blocks of rows.
"""

from __future__ import annotations

import numpy as np

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality.estimates import JackknifeEstimate, Kept, Scale, chosen, jackknifed, quotient
from model_monitor.monitors.model_quality.evidence import BinaryEvidence, MulticlassEvidence
from model_monitor.monitors.model_quality.metrics import BINARY, MULTICLASS
from model_monitor.statistics.states.blocks import BlockSums, Numbers
from model_monitor.statistics.states.scores import LOG_LOSS, SQUARED_ERROR, calibration

GREATER = ComparisonOperator.GREATER_THAN


def has_probabilities(evidence: BinaryEvidence | MulticlassEvidence) -> bool:
    """Whether the rows came with probabilities."""
    return evidence.probabilities is not None


@BINARY.register("log_loss", operator=GREATER, family="log_loss", ours=True, given=has_probabilities)
def log_loss(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Mean of -ln(probability of what happened), in nats; a probability of 0 is taken as 2.2e-16, as scikit-learn does."""
    return _mean(_sums(evidence), LOG_LOSS)


@BINARY.register("brier_score", operator=GREATER, family="brier_score", ours=True, given=has_probabilities)
def brier_score(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Mean squared difference of the probability and what happened (1 or 0).

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", in its form for two classes.
    """
    return _mean(_sums(evidence), SQUARED_ERROR)


@BINARY.register(
    "normalized_entropy", operator=GREATER, family="normalized_entropy", ours=True, given=has_probabilities
)
def normalized_entropy(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Log loss over that of always saying the share of positives: 1 less the relative information gain.

    Below 1 the model knows more than the share. Not defined if all rows are of one class.
    Source: He et al. 2014, "Practical lessons from predicting clicks on ads at Facebook".
    """
    sums = _sums(evidence)
    rows, hits, _ = (part.sum(axis=0) for part in calibration(sums))

    def statistic(kept: Kept) -> Numbers:
        total, share = chosen(kept, rows), chosen(kept, hits) / chosen(kept, rows)
        entropy = -(share * np.log(share) + (1 - share) * np.log1p(-share))  # NaN for one class
        normalized: Numbers = chosen(kept, sums.of(LOG_LOSS)) / total / entropy
        return normalized

    return jackknifed(statistic, rows, scale=Scale.LOG)


@BINARY.register("calibration_error", operator=GREATER, family="calibration_error", ours=True, given=has_probabilities)
def calibration_error(evidence: BinaryEvidence) -> JackknifeEstimate:
    """Expected calibration error: how far probability and share of positives are apart, over ten bins weighted by their rows.

    Source: Naeini, Cooper and Hauskrecht 2015, "Obtaining well calibrated probabilities using Bayesian binning".
    """
    return _expected_calibration_error(_sums(evidence))


@MULTICLASS.register(
    "calibration_error", operator=GREATER, family="calibration_error", ours=True, given=has_probabilities
)
def confidence_calibration_error(evidence: MulticlassEvidence) -> JackknifeEstimate:
    """Expected calibration error of the predicted class: how far its probability and the share of right answers are apart.

    Source: Guo et al. 2017, "On calibration of modern neural networks", section 2.
    """
    return _expected_calibration_error(_sums(evidence))


def _expected_calibration_error(sums: BlockSums) -> JackknifeEstimate:
    rows, hits, scores = calibration(sums)
    by_block = rows.sum(axis=0)

    def statistic(kept: Kept) -> Numbers:
        apart = np.abs(chosen(kept, hits) - chosen(kept, scores))
        error: Numbers = apart.sum(axis=0) / chosen(kept, by_block)
        return error

    return jackknifed(statistic, by_block, scale=Scale.LOG)


def _mean(sums: BlockSums, name: str) -> JackknifeEstimate:
    rows, _, _ = calibration(sums)
    return quotient(sums.of(name), rows.sum(axis=0))


def _sums(evidence: BinaryEvidence | MulticlassEvidence) -> BlockSums:
    assert evidence.probabilities is not None  # `given` says so
    return evidence.probabilities
