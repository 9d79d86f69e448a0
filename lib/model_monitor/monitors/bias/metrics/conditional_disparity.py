"""Conditional demographic disparity: whether the sensitive group has more of the rejections than of the acceptances, subgroup
by subgroup.

Rows without a subgroup are in no sum.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.bias import choices
from model_monitor.monitors.bias.metrics import POST_TRAINING, PRE_TRAINING, SENSITIVE, Counts, FacetCounts, quotient


def has_groups(counts: FacetCounts) -> NDArray[np.bool_]:
    return np.asarray(counts.has_groups)


@PRE_TRAINING.register(
    "CDDL",
    description="Conditional Demographic Disparity in Labels (CDDL)",
    requires={
        choices.NO_GROUP_VARIABLE: has_groups,
        choices.NO_POSITIVE_LABEL: lambda counts: counts.all.positives > 0,
        choices.NO_NEGATIVE_LABEL: lambda counts: counts.all.negatives > 0,
    },
)
def disparity_in_labels(counts: FacetCounts) -> Counts:
    """The sensitive group's share of negative labels less that of positive ones, averaged over subgroups by size, -1 to 1.

    A subgroup without negative (positive) labels has a share of 0 there.
    """
    return _disparity(counts.by_label(predicted=False))


@POST_TRAINING.register(
    "CDDPL",
    description="Conditional Demographic Disparity in Predicted Labels (CDDPL)",
    requires={
        choices.NO_GROUP_VARIABLE: has_groups,
        choices.NO_POSITIVE_LABEL: lambda counts: counts.all.predicted_positives > 0,
        choices.NO_NEGATIVE_LABEL: lambda counts: counts.all.predicted_negatives > 0,
    },
)
def disparity_in_predicted_labels(counts: FacetCounts) -> Counts:
    """CDDL with predicted labels in the place of observed ones."""
    return _disparity(counts.by_label(predicted=True))


def _disparity(rows: Counts) -> Counts:
    """rows: shape (…, side, label, subgroup)."""
    of_both = rows.sum(axis=-3)
    shares = quotient(rows[..., SENSITIVE, :, :], of_both)
    sizes = of_both.sum(axis=-2)
    return quotient((sizes * (shares[..., 0, :] - shares[..., 1, :])).sum(axis=-1), np.asarray(sizes.sum(axis=-1)))
