"""Distances between the label distributions of the two sides.

Labels are positive or not before any distance is taken. Only a label value that both sides have counts; with both values on
both sides TVD and KS are |DPL|, and LP is √2 times it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model_monitor.monitors.bias import choices
from model_monitor.monitors.bias.metrics import PRE_TRAINING, Counts, FacetCounts, Outcomes


def _shares(outcomes: Outcomes) -> Counts:
    """Shape (…, 2): shares of negative and positive labels; 0 without rows."""
    labels = np.stack([outcomes.negatives, outcomes.positives], axis=-1)
    rows = outcomes.rows[..., np.newaxis]
    shares: Counts = labels / np.where(rows == 0, 1.0, rows)
    return shares


def _common(counts: FacetCounts) -> tuple[Counts, Counts, NDArray[np.bool_]]:
    """Shares of the rest and of the sensitive group, and which label values both have."""
    a, d = _shares(counts.a), _shares(counts.d)
    return a, d, (a > 0) & (d > 0)


def some_label_in_common(counts: FacetCounts) -> NDArray[np.bool_]:
    return np.asarray(_common(counts)[2].any(axis=-1))


_REQUIRES = {choices.NO_COMMON_LABEL: some_label_in_common}


@PRE_TRAINING.register("KL", description="Kullback-Liebler Divergence (KL)", requires=_REQUIRES)
def kullback_leibler(counts: FacetCounts) -> Counts:
    """Divergence of the rest's labels from the sensitive group's, in nats.

    Can be negative where a label value is left out.
    """
    a, d, common = _common(counts)
    return _sum(a * _log_ratio(a, d, common), common)


@PRE_TRAINING.register("JS", description="Jensen-Shannon Divergence (JS)", requires=_REQUIRES)
def jensen_shannon(counts: FacetCounts) -> Counts:
    """Jensen-Shannon divergence of the two sides' labels, in nats: 0 to ln 2.

    Reports of 2021 follow another formula (G21).
    """
    a, d, common = _common(counts)
    middle = (a + d) / 2
    return _sum(a * _log_ratio(a, middle, common) + d * _log_ratio(d, middle, common), common) / 2


@PRE_TRAINING.register("LP", description="L-p Norm (LP)", requires=_REQUIRES)
def euclidean(counts: FacetCounts) -> Counts:
    """Euclidean distance of the two sides' label shares, 0 to √2."""
    a, d, common = _common(counts)
    distance: Counts = np.sqrt(_sum((a - d) ** 2, common))
    return distance


@PRE_TRAINING.register("TVD", description="Total Variation Distance (TVD)", requires=_REQUIRES)
def total_variation(counts: FacetCounts) -> Counts:
    """Half the sum of the differences of the two sides' label shares, 0 to 1."""
    a, d, common = _common(counts)
    return _sum(np.abs(a - d), common) / 2


@PRE_TRAINING.register("KS", description="Kolmogorov-Smirnov Distance (KS)", requires=_REQUIRES)
def kolmogorov_smirnov(counts: FacetCounts) -> Counts:
    """The largest difference of the two sides' label shares, 0 to 1."""
    a, d, common = _common(counts)
    largest: Counts = np.where(common, np.abs(a - d), 0.0).max(axis=-1)
    return largest


def _log_ratio(p: Counts, q: Counts, common: NDArray[np.bool_]) -> Counts:
    ratio: Counts = np.log(np.where(common, p, 1.0) / np.where(common, q, 1.0))
    return ratio


def _sum(terms: Counts, common: NDArray[np.bool_]) -> Counts:
    total: Counts = np.where(common, terms, 0.0).sum(axis=-1)
    return total
