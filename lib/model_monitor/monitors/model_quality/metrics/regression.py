"""Metrics of predicted numbers, from sums of blocks of rows. Pure. Not defined (NaN) where there is nothing to divide by."""

from __future__ import annotations

import numpy as np

from model_monitor.documents.model_quality import ComparisonOperator
from model_monitor.monitors.model_quality.estimates import JackknifeEstimate, Kept, Scale, chosen, jackknifed, quotient
from model_monitor.monitors.model_quality.evidence import RegressionEvidence
from model_monitor.monitors.model_quality.metrics import REGRESSION
from model_monitor.statistics.states.blocks import Numbers

LESS, GREATER = ComparisonOperator.LESS_THAN, ComparisonOperator.GREATER_THAN


@REGRESSION.register("mae", operator=GREATER, family="mae")
def mae(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of |label - prediction|."""
    return quotient(evidence.sums.absolute, evidence.sums.rows, kept=evidence.kept)


@REGRESSION.register("mse", operator=GREATER, family="mse")
def mse(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of (label - prediction)²."""
    return quotient(evidence.sums.squared, evidence.sums.rows, kept=evidence.kept)


@REGRESSION.register("rmse", operator=GREATER, family="mse")
def rmse(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Square root of the mean squared error."""
    sums = evidence.sums

    def statistic(kept: Kept) -> Numbers:
        return np.sqrt(chosen(kept, sums.squared) / chosen(kept, sums.rows))

    return jackknifed(statistic, sums.rows, evidence.kept, Scale.LOG)


@REGRESSION.register("r2", operator=LESS, family="r2")
def r2(evidence: RegressionEvidence) -> JackknifeEstimate:
    """1 - sum of squared errors / sum of squared deviations of the labels from their mean. Not defined for equal labels."""
    sums = evidence.sums

    def statistic(kept: Kept) -> Numbers:
        middle = chosen(kept, sums.rows * sums.label_mean) / chosen(kept, sums.rows)
        apart = sums.rows * (sums.label_mean - middle[:, np.newaxis]) ** 2
        spread = chosen(kept, sums.label_m2) + np.where(kept, apart, 0.0).sum(axis=-1)
        return np.where(spread > 0, 1 - chosen(kept, sums.squared) / spread, np.nan)

    return jackknifed(statistic, sums.rows, evidence.kept, Scale.COMPLEMENT)


@REGRESSION.register("mape", operator=GREATER, family="mape", ours=True)
def mape(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Mean of |label - prediction| / |label| over the rows whose label is not 0; a share, 0.05 is 5 %."""
    return quotient(evidence.sums.relative, evidence.sums.nonzero, kept=evidence.kept)


@REGRESSION.register("wape", operator=GREATER, family="wape", ours=True)
def wape(evidence: RegressionEvidence) -> JackknifeEstimate:
    """Sum of |label - prediction| over the sum of |label|; a share, 0.05 is 5 %. Not defined if all labels are 0."""
    return quotient(evidence.sums.absolute, evidence.sums.absolute_label, rows=evidence.sums.rows, kept=evidence.kept)
