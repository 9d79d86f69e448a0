"""Surplus rows: how many rows of a window are copies of other rows, beyond those that repeat by nature.

Pure numpy, on the driver, for `repeated_rows_check`. Model: a kind of row (one hash) has W rows in the window and B in the
baseline, and W given W + B is binomial if windows differ by chance alone. Copies make W vary more. Not for windows that
came from other rows than the baseline: their kinds differ, too, so `drift` has to say how far.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np

from spark_model_monitor.statistics import Doubles, Integers
from spark_model_monitor.statistics.states.hash_samples import LEVEL_OF_NONE, RowRepeats, first_rejected_hash
from spark_model_monitor.value_class import value_class

Counts: TypeAlias = Doubles | Integers  # shape (kinds,), whole numbers

OF_DRIFT = 4.0
"""The mean squared change of a density, for a gap of 1 between cumulative distributions, halved: a shift by s standard
deviations is a gap of .4 s and a change of s² (8 would be .64 / .08)."""


MARGIN = 1.5  # standard deviations below the estimate that surely are natural copies
ONE_SIDED_90 = 1.28  # normal quantile
MAX_BY_NATURE = 0.1  # of the rows may repeat by nature, if some of the baseline's may
LARGEST_RATIO = 5  # of natural copies in two samples, such as retries of 2 and 10 % of the requests


@value_class
class SurplusRows:
    """The fractions of surplus rows in a window and its baseline.

    excess: their difference.
    error: the standard deviation of their difference if rows are independent.
    most_by_nature: the largest fraction that a window may have by nature, as the baseline shows it.
    repeated: how many kinds of rows the window has more than once.
    """

    current: float
    baseline: float
    error: float
    most_by_nature: float
    repeated: int

    @property
    def excess(self) -> float:
        return self.current - self.baseline

    @property
    def deviations(self) -> float:
        """The excess in standard deviations; 0 if there is none."""
        if self.error > 0:
            return self.excess / self.error
        return 0.0

    @property
    def least_excess(self) -> float:
        """From which the window has twice the baseline's fraction, and surely more than natural copies may make in a window."""
        return max(self.baseline, self.most_by_nature + ONE_SIDED_90 * self.error - self.baseline)


def estimate_surplus_rows(
    baseline: RowRepeats, current: RowRepeats, rows: tuple[int, int], drift: float = 0.0
) -> SurplusRows | None:
    """The surplus rows of a window and its baseline; None if either state has no rows.

    rows: of the baseline and of the window. drift: the sum of the columns' squared distances, beyond chance.

    The copies of a kind are its second Krawtchouk polynomial, W (W - 1) - 2 r W B + r² B (B - 1) with r the ratio of the
    rows: 0 on average by chance, with a variance of 2 t (t - 1) r² for t = W + B. Divided by t - 1, frequent kinds don't
    drown the rare ones, which tell the most. Each copy of a row that is there twice makes a pair.
    Source: Szegő 1975, "Orthogonal polynomials", 2.82.
    """
    if LEVEL_OF_NONE in (baseline.level, current.level) or not all(rows):
        return None
    before, now = _align_counts(baseline, current)
    if not before.any() or not now.any():
        return None
    ratio = rows[1] / rows[0]
    total = before + now
    weights = 1 / np.maximum(total - 1, 1)
    rows_before = float(weights @ before)
    rows_now = float(weights @ now)

    # Pairs in the window, beyond those by chance. A single large group is no evidence: its square is its variance.
    pairs_before = before * (before - 1)
    expected_pairs = ratio**2 * pairs_before
    cross_pairs = ratio * now * before
    pairs = now * (now - 1) - 2 * cross_pairs + expected_pairs
    chance_variance = 2 * ratio**2 * float(weights**2 @ (total * (total - 1)))
    group_variance = float(((weights * pairs) ** 2).sum()) / 2
    variance = max(chance_variance, group_variance)
    error = math.sqrt(variance) / (2 * rows_now)

    # Pairs of the baseline that are no pairs with the window: natural copies, such as retries
    natural = float(weights @ (pairs_before - before * now / ratio))
    natural_variance = 2 * pairs_before + now * before**2 / ratio**2
    natural_error = math.sqrt(float(weights**2 @ natural_variance)) / (2 * rows_before)
    natural_fraction = max(0.0, natural / (2 * rows_before))
    fraction_before = max(0.0, natural_fraction - MARGIN * natural_error)
    most_by_nature = max(natural_fraction + 2 * natural_error, LARGEST_RATIO * natural_fraction)

    # Pairs that drift makes, where rows repeat by nature
    twins = max(float(weights @ cross_pairs), float(weights @ expected_pairs)) / rows_now
    by_drift = OF_DRIFT * twins * drift
    fraction_now = float(weights @ pairs) / (2 * rows_now)
    fraction_now -= ratio * fraction_before + by_drift

    # A row that is there three times makes three pairs, and two of the rows are copies
    return SurplusRows(
        current=max(0.0, min(fraction_now, compute_fraction_of_copies(now))),
        baseline=min(fraction_before, compute_fraction_of_copies(before)),
        error=error,
        most_by_nature=min(MAX_BY_NATURE, most_by_nature),
        repeated=int((now > 1).sum()),
    )


def compute_fraction_of_copies(counts: Counts) -> float:
    """The fraction of rows that are copies of others, by nature or not. counts: of each kind of row."""
    return 1 - np.count_nonzero(counts) / float(counts.sum())


def _align_counts(baseline: RowRepeats, current: RowRepeats) -> tuple[Counts, Counts]:
    """How often each hash occurs on either side, for the hashes that both sides would have kept."""
    limit = first_rejected_hash(max(baseline.level, current.level))
    states = [(state.hashes[state.hashes < limit], state.counts[state.hashes < limit]) for state in (baseline, current)]
    kinds = np.union1d(states[0][0], states[1][0])
    counts = np.zeros((2, len(kinds)))
    for row, (hashes, occurrences) in zip(counts, states, strict=True):
        row[kinds.searchsorted(hashes)] = occurrences
    return counts[0], counts[1]
