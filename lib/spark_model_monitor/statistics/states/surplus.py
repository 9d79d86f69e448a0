"""Surplus rows: the rows of a window that are copies of other rows, beyond the copies that are natural in this data.

Pure numpy, on the driver, for `repeated_rows_check`. Model: a kind of row (one hash) has W rows in the window and B in the
baseline. If windows differ only by chance, W given W + B is binomial. Copies increase the variance of W. If the window's rows
come from another distribution, kinds differ for this reason, too; so `drift` has to say by how much the columns changed.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.hash_samples import EMPTY_LEVEL, RowRepeats, first_rejected_hash
from spark_model_monitor.value_class import value_class

Counts: TypeAlias = Doubles | Integers  # shape (kinds,), whole numbers

MARGIN = 1.5  # standard deviations below the estimate; copies up to there are certainly natural
ONE_SIDED_90 = 1.28  # normal quantile
MAX_NATURAL_FRACTION = 0.1  # maximum fraction of natural copies in a window, if the baseline has some
MAX_NATURAL_RATIO = (
    5  # maximum ratio of natural copies in two samples, such as retries of 2 and of 10 % of the requests
)


@value_class
class SurplusRows:
    """The fractions of surplus rows in a window and its baseline.

    excess: the window's fraction minus the baseline's.
    error: the standard deviation of this difference if rows are independent.
    max_natural_fraction: the largest natural fraction that a window may have, estimated from the baseline.
    repeated: number of kinds of rows that the window has more than once.
    """

    current: float
    baseline: float
    error: float
    max_natural_fraction: float
    repeated: int

    @property
    def excess(self) -> float:
        return self.current - self.baseline

    @property
    def deviations(self) -> float:
        """The excess in standard deviations; 0 if the error is 0."""
        if self.error > 0:
            return self.excess / self.error
        return 0.0

    @property
    def min_excess(self) -> float:
        """The minimum excess for a violation: twice the baseline's fraction, and certainly more than natural copies can
        explain.
        """
        return max(self.baseline, self.max_natural_fraction + ONE_SIDED_90 * self.error - self.baseline)


def estimate_surplus_rows(
    baseline: RowRepeats, current: RowRepeats, rows: tuple[int, int], drift: float = 0.0
) -> SurplusRows | None:
    """The surplus rows of a window and its baseline; None if either state has no rows.

    rows: number of rows in the baseline and in the window. drift: the sum of the columns' changes (`measure_change`).

    The copies of a kind are measured by its second Krawtchouk polynomial, W (W - 1) - 2 r W B + r² B (B - 1), with r the
    ratio of the rows. By chance it is 0 on average, with a variance of 2 t (t - 1) r² for t = W + B. It is divided by t - 1,
    so that frequent kinds don't outweigh rare ones, which are the best evidence. Each copy of a row that occurs twice makes a
    pair.
    Source: Szegő 1975, "Orthogonal polynomials", 2.82.
    """
    if EMPTY_LEVEL in (baseline.level, current.level) or not all(rows):
        return None
    before, now = _align_counts(baseline, current)
    if not before.any() or not now.any():
        return None
    ratio = rows[1] / rows[0]
    weights, pairs, natural_pairs, deviation = _compare_pairs(before, now, ratio)
    rows_before = float(weights @ before)
    rows_now = float(weights @ now)
    error = float(deviation) / (2 * rows_now)

    # Pairs within the baseline that don't occur between baseline and window: natural copies, such as retries
    pairs_before = before * (before - 1)
    natural_pairs_before = float(weights @ (pairs_before - before * now / ratio))
    natural_variance = 2 * pairs_before + now * before**2 / ratio**2
    natural_error = math.sqrt(float(weights**2 @ natural_variance)) / (2 * rows_before)
    natural_fraction = max(0.0, natural_pairs_before / (2 * rows_before))
    fraction_before = max(0.0, natural_fraction - MARGIN * natural_error)
    max_natural_fraction = max(natural_fraction + 2 * natural_error, MAX_NATURAL_RATIO * natural_fraction)

    # Where rows repeat naturally, a part of the pairs is due to drift
    fraction_now = float(pairs - drift * natural_pairs) / (2 * rows_now)
    fraction_now -= ratio * fraction_before

    # A row that occurs three times makes three pairs, but only two of its rows are copies
    return SurplusRows(
        current=max(0.0, min(fraction_now, compute_fraction_of_copies(now))),
        baseline=min(fraction_before, compute_fraction_of_copies(before)),
        error=error,
        max_natural_fraction=min(MAX_NATURAL_FRACTION, max_natural_fraction),
        repeated=int((now > 1).sum()),
    )


def measure_change(before: Counts, now: Counts) -> tuple[Doubles, Doubles]:
    """The mean squared relative change of the shares of a column's values, beyond chance, and its standard error: the
    pairs of equal values in the window beyond those that are natural, as a fraction of these; 0 and 0 without any.

    before, now: how often each value occurs in the baseline and in the window, shape (…, values); neither is empty.
    """
    ratio = now.sum(axis=-1, keepdims=True) / before.sum(axis=-1, keepdims=True)
    _, pairs, natural_pairs, deviation = _compare_pairs(before, now, ratio)
    natural_pairs = np.where(natural_pairs > 0, natural_pairs, np.inf)
    return np.maximum(pairs / natural_pairs, 0.0), deviation / natural_pairs


def _compare_pairs(before: Counts, now: Counts, ratio: Doubles | float) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """The weight of each kind; the weighted pairs in the window, beyond chance; those that are natural; and the standard
    deviation of the first. A single large group is no evidence: its square goes into the variance.
    """
    total = before + now
    weights: Doubles = 1 / np.maximum(total - 1, 1)
    expected_pairs = weights * ratio**2 * before * (before - 1)
    cross_pairs = weights * ratio * now * before
    pairs = weights * now * (now - 1) - 2 * cross_pairs + expected_pairs
    chance_variance = 2 * (ratio**2 * weights**2 * total * (total - 1)).sum(axis=-1)
    variance = np.maximum(chance_variance, (pairs**2).sum(axis=-1) / 2)
    natural_pairs = np.maximum(cross_pairs.sum(axis=-1), expected_pairs.sum(axis=-1))
    return weights, pairs.sum(axis=-1), natural_pairs, np.sqrt(variance)


def compute_fraction_of_copies(counts: Counts) -> float:
    """The fraction of rows that are copies of others, natural or not. counts: number of rows of each kind."""
    return 1 - np.count_nonzero(counts) / float(counts.sum())


def _align_counts(baseline: RowRepeats, current: RowRepeats) -> tuple[Counts, Counts]:
    """The counts of each hash in the baseline and in the window, for the hashes that both samples would have kept."""
    limit = first_rejected_hash(max(baseline.level, current.level))
    states = [(state.hashes[state.hashes < limit], state.counts[state.hashes < limit]) for state in (baseline, current)]
    all_hashes = np.union1d(states[0][0], states[1][0])
    counts = np.zeros((2, len(all_hashes)))
    for row, (hashes, occurrences) in zip(counts, states, strict=True):
        row[all_hashes.searchsorted(hashes)] = occurrences
    return counts[0], counts[1]
