"""How much of a ranking is left: the normalised discounted cumulative gain of attributions beside those of a baseline. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray


def ndcg(baseline: Mapping[str, float], live: Mapping[str, float]) -> float:
    """From 0 to 1: 1 where the live values rank the features as the baseline does.

    The gain of a feature is its baseline value, its place that of its live value. Features of equal live values share their
    places; of negative values, as medians may be, the amount counts. A feature that one side lacks has the value 0 there.
    Source: E6.1; Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques".
    """
    names = list(dict.fromkeys([*baseline, *live]))
    gains = np.abs([baseline.get(name, 0.0) for name in names])
    ranked_by = np.array([abs(live[name]) if name in live else -1.0 for name in names])
    best = _discounted(gains, gains)
    return _discounted(gains, ranked_by) / best if best else 1.0


def _discounted(gains: NDArray[np.float64], ranked_by: NDArray[np.float64]) -> float:
    """The gains in the order of some values, each divided by the logarithm of its place; equal values share their places."""
    _, place, counts = np.unique(-ranked_by, return_inverse=True, return_counts=True)
    shared = np.bincount(place, gains) / counts
    discounts = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(len(gains)) + 2))])
    ends = np.cumsum(counts)
    return float((shared * (discounts[ends] - discounts[ends - counts])).sum())
