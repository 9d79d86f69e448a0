"""Finds the parts of the rows that contribute most to a change. Pure.

A change is a shift of rows between bins, either of a feature or of something computed from the outcome. A key (a column, the
file, the hour) divides the rows into parts. Each part contributes w (F_W - F_B) to the change, as in `segments`: w is
its share of the rows, F_W its current distribution, and F_B the baseline's: in the same part, if its rows can be read. A part
is named if it contributes most of the change with few of the rows, and noise alone would not do so in any of the keys
examined.

Source: D4.19.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero
from spark_model_monitor.value_class import value_class

Codes: TypeAlias = Integers  # shape (rows,)

MIN_SHARE_ALONE = 0.8  # from this share of a change on, the change counts as being only in a segment
MIN_SHARE_OF_CHANGE = 0.5  # from this share of a change on, the change counts as being mostly in a segment
MIN_PART_ROWS = 10  # a part with fewer rows is not named
MAX_CHANGE_OF_REST = 0.2  # maximum change of all other rows, as a share of the change in the named parts
NOISE_DEVIATIONS = 2.0  # what other parts changed counts beyond so many standard deviations
MAX_UNEXPLAINED_CHANGE = 0.25  # maximum share of a change that may remain if another column's shares explain it
MAX_UNKNOWN_SHARE = 0.02  # maximum share of rows whose value of that column hardly occurs in the baseline
MIN_PARTS = 5  # minimum number of parts from which their variance can be estimated
CHI_SQUARE_QUARTILE = 0.1015  # lower quartile of the square of a standard normal variable
MAX_CHOICES = 10**300  # more than 10**308 is no float


@value_class
class Culprit:
    """Parts of a key that contribute most of a change.

    parts: indexes of the parts.
    share: their share of the change.
    rows: their share of the rows.
    z: the number of standard errors by which they changed more than the other parts.
    p: the p-value, adjusted for all parts that were searched.
    excess_share: their share of the change minus their share of the rows, or of a change that is the same everywhere,
        whichever is larger.
    """

    parts: Sequence[int]
    share: float
    rows: float
    z: float
    p: float
    excess_share: float


@value_class
class Key:
    """A way to divide rows.

    codes: for each row, the index of its part.
    codes_before: the same for the baseline's rows; None if the key doesn't divide these.
    labels: the names of the parts, if these are values of the data.
    describe: otherwise, a function that describes parts in words.
    is_ordered: whether only neighbouring parts may be named together.
    may_be_several: whether any parts may be named together.
    columns: the columns that divide the rows.
    have_ranges: whether a column is divided into ranges.
    """

    name: str
    codes: Codes
    num_parts: int
    labels: tuple[str, ...] = ()
    describe: Callable[[Sequence[int]], str] | None = None
    codes_before: Codes | None = None
    is_ordered: bool = False
    may_be_several: bool = False
    columns: tuple[str, ...] = ()
    have_ranges: bool = False

    def label(self, culprit: Culprit) -> str:
        """The name of the culprit's first part."""
        return self.labels[culprit.parts[0]]


@value_class
class BinnedChange:
    """The change of a violated feature, in a sample of rows.

    bins: the bin of each row.
    bins_before: the bins of the baseline's rows, if they were read.
    shares_before: the baseline's share of each bin.
    tests: which bins are tested together, shape (bins, tests).
    are_categories: whether bins are values without an order.
    """

    bins: NDArray[np.int16]
    shares_before: Doubles
    tests: Flags
    bins_before: NDArray[np.int16] | None = None
    are_categories: bool = False

    @property
    def shares_now(self) -> Doubles:
        """The share of each bin in the window."""
        return compute_shares(self.bins, len(self.shares_before))

    def measure_gaps(self) -> tuple[Doubles, int]:
        """The change of the share in each test, and the index of the clearest test. In a tail, the clearest change isn't the
        largest.
        """
        before = self.shares_before @ self.tests
        shares_now = self.shares_now @ self.tests
        # Scores are in standard deviations of a single row; a share counts as at least that of one row
        pooled = ((before + shares_now) / 2).clip(1 / len(self.bins), 1 - 1 / len(self.bins))
        deviations = np.sqrt(pooled * (1 - pooled))
        scores = ratio_or_zero(np.abs(shares_now - before), deviations)
        return shares_now - before, int(scores.argmax())

    def list_changed_bins(self) -> tuple[int, ...]:
        """The bins of the rows behind the change: bins that grew, on the side of the clearest test that grew."""
        gaps, clearest = self.measure_gaps()
        grew_together = self.tests[:, clearest]
        if gaps[clearest] <= 0:
            grew_together = ~grew_together
        has_grown = self.shares_now > self.shares_before
        return tuple(np.flatnonzero(grew_together & has_grown).tolist())

    def search(self, key: Key, num_tests: int) -> Culprit | None:
        """The parts of a key with most of the change, beyond their share of the rows. num_tests: number of all searches."""
        gaps, clearest = self.measure_gaps()
        if not gaps[clearest]:
            return None
        # The window's rows in each part and bin
        table = self._count_by_bin(key.codes, self.bins, key.num_parts)
        rows = table.sum(axis=1)
        test = self.tests[:, clearest]
        hits = table @ test
        weights = rows / rows.sum()
        # The baseline's rows in the same part, if enough of these were read; else as many of all its rows as the window has
        table_before = np.tile(self.shares_before * len(self.bins), (key.num_parts, 1))
        baseline_rows: Doubles = np.full(key.num_parts, np.inf)
        proportional = weights
        if self.bins_before is not None and key.codes_before is not None:
            part_table = self._count_by_bin(key.codes_before, self.bins_before, key.num_parts)
            part_rows = part_table.sum(axis=1)
            are_enough = part_rows >= MIN_PART_ROWS
            table_before[are_enough] = part_table[are_enough]
            baseline_rows[are_enough] = part_rows[are_enough]
            proportional = self._proportional_change(part_table, weights)
        expected = table_before @ test / table_before.sum(axis=1)
        # In the direction of the change
        excesses = (hits - rows * expected) * np.sign(gaps[clearest])
        change = abs(gaps[clearest]) * rows.sum()
        contributions = _Contributions(
            key=key,
            rows=rows,
            hits=hits,
            expected=expected,
            baseline_rows=baseline_rows,
            excesses=excesses,
            change=change,
            excess_squares=measure_excess_squares(table_before, table),
            proportional=proportional,
            are_categories=self.are_categories,
        )
        candidates = [
            contributions.describe(chosen, num_tests) for chosen in _choose_parts(key, excesses / change - weights)
        ]
        return max(candidates, key=_rank_parts)

    def _proportional_change(self, part_table: Doubles, weights: Doubles) -> Doubles:
        """The share of the change in each part, if every value that became rarer lost the same fraction of its rows
        everywhere.

        If a value disappears, it does so in the parts that had it, which says nothing about these parts. part_table: the
        baseline's rows in each part and bin. weights: the parts' shares of the rows.
        """
        # The fraction that each value lost; small losses are noise
        losses = np.maximum(self.shares_before - self.shares_now, 0.0)
        losses[losses < losses.max() / 10] = 0.0
        fractions_lost = ratio_or_zero(losses, self.shares_before)
        expected_losses = weights * (part_table @ fractions_lost) / np.maximum(part_table.sum(axis=1), 1)
        total = float(expected_losses.sum())
        if not total:
            return weights
        shares: Doubles = expected_losses / total
        return shares

    def follows_from(self, column: BinnedChange) -> bool:
        """Whether the feature is unchanged for each value of a column whose shares changed."""
        if self.bins_before is None or column.bins_before is None:
            return False
        table = self._count_by_bin(column.bins_before.astype(np.int64), self.bins_before, len(column.shares_before))
        rows_before = table.sum(axis=1)
        if column.shares_now[rows_before < MIN_PART_ROWS].sum() > MAX_UNKNOWN_SHARE:
            return False
        # The shares of the feature if only the shares of the column had changed
        expected = column.shares_now @ (table / np.maximum(rows_before, 1)[:, None])
        change = np.abs((self.shares_now - self.shares_before) @ self.tests).max()
        unexplained = np.abs((self.shares_now - expected) @ self.tests).max()
        return bool(unexplained <= MAX_UNEXPLAINED_CHANGE * change)

    def _count_by_bin(self, codes: Codes, bins: NDArray[np.int16], num_parts: int) -> Doubles:
        """The number of rows of each part in each bin, shape (parts, bins)."""
        size = len(self.shares_before)
        counts = np.bincount(codes * size + bins, minlength=num_parts * size)
        return counts.reshape(num_parts, size).astype(float)


def find_root(name: str, changes: Mapping[str, BinnedChange]) -> str | None:
    """The violated column of categories whose change of shares explains the change of this feature; None if there is none.

    If both are columns of categories, the one with the larger alarm is the root.
    """
    change = changes[name]
    for column, shares in changes.items():
        if column == name and change.are_categories:
            return None
        if column != name and shares.are_categories and change.follows_from(shares):
            return column
    return None


@value_class(eq=False)
class _Contributions:
    """The contributions of a key's parts to a change.

    hits, expected: number of rows in the bins of the clearest test, and the fraction that is expected there.
    baseline_rows: number of the baseline's rows in each part; infinite if they are too few to be used.
    excesses: number of rows beyond those expected there, in the direction of the change.
    change: the number of rows that changed in total.
    excess_squares: how much the bins of each part changed, as `measure_excess_squares`.
    proportional: each part's share of a change that is the same everywhere.
    """

    key: Key
    rows: Doubles
    hits: Doubles
    expected: Doubles
    baseline_rows: Doubles
    excesses: Doubles
    change: float
    excess_squares: Doubles
    proportional: Doubles
    are_categories: bool

    def describe(self, chosen: Flags, num_tests: int) -> Culprit:
        """The chosen parts with the evidence for them. num_tests: number of all searches."""
        # All other parts must look unchanged: each of them, because their changes may cancel out in total
        share = 0.0
        squares, variance = self.excess_squares[:, ~chosen].sum(axis=1)
        change_of_others = squares - NOISE_DEVIATIONS * math.sqrt(variance)
        if change_of_others <= MAX_CHANGE_OF_REST * self.excess_squares[0, chosen].sum():
            share = min(1.0, float(self.excesses[chosen].sum() / self.change))
        z = self._compute_z(chosen)
        # One-sided p-value, adjusted for all parts that could have been chosen in all searches (Bonferroni)
        p_value = math.erfc(z / math.sqrt(2)) / 2
        adjusted_p = min(1.0, p_value * _count_choices(self.key, int(chosen.sum())) * num_tests)
        # If numbers changed for a single value of a key, they may occur only there
        is_alone = share >= MIN_SHARE_ALONE and not self.are_categories and not self.key.have_ranges
        share_of_rows = float(self.rows[chosen].sum() / self.rows.sum())
        expected_share = share_of_rows
        if not is_alone:
            expected_share = max(expected_share, float(self.proportional[chosen].sum()))
        return Culprit(np.flatnonzero(chosen).tolist(), share, share_of_rows, z, adjusted_p, share - expected_share)

    def _compute_z(self, chosen: Flags) -> float:
        """The number of standard errors by which the chosen parts changed more than all others."""
        difference = 0.0
        variance = 0.0
        # The chosen parts, less the others
        for parts, sign in ((chosen, 1), (~chosen, -1)):
            rows = self.rows[parts]
            num_rows = float(rows.sum())
            if num_rows < MIN_PART_ROWS:
                return 0.0
            difference += sign * self.excesses[parts].sum() / num_rows
            # The variance of the window's sample, and that of the baseline's
            fraction = (self.hits[parts].sum() + 1) / (num_rows + 2)
            variance += fraction * (1 - fraction) / num_rows
            expected = self.expected[parts]
            variance += (expected * (1 - expected) / self.baseline_rows[parts] * (rows / num_rows) ** 2).sum()
        return difference / math.sqrt(self._estimate_overdispersion() * variance)

    def _estimate_overdispersion(self) -> float:
        """The factor by which the variance between parts exceeds that of independent rows, from the lower quartile of
        squared deviations.
        """
        is_large = self.rows >= MIN_PART_ROWS
        if is_large.sum() < MIN_PARTS:
            return 1.0
        excesses = self.excesses[is_large] / self.rows[is_large]
        fractions = ((self.hits + 1) / (self.rows + 2))[is_large]
        # Squared deviations divided by those that independent rows would have
        window_variances = fractions * (1 - fractions) / self.rows[is_large]
        baseline_variances = (self.expected * (1 - self.expected) / self.baseline_rows)[is_large]
        squares = (excesses - np.median(excesses)) ** 2 / (window_variances + baseline_variances)
        return max(1.0, float(np.quantile(squares, 0.25)) / CHI_SQUARE_QUARTILE)


def _rank_parts(parts: Culprit) -> tuple[bool, bool, float]:
    """A sort key. Parts that are clearer, but leave much of the change to others, are not the whole cause, so the share
    comes first.
    """
    return parts.share >= MIN_SHARE_ALONE, parts.share >= MIN_SHARE_OF_CHANGE, parts.z


def _count_choices(key: Key, chosen: int) -> float:
    """The number of ways to choose this many parts."""
    if key.is_ordered:
        return key.num_parts * (key.num_parts + 1) / 2
    return key.num_parts * min(math.comb(key.num_parts, chosen), MAX_CHOICES) / chosen


def _choose_parts(key: Key, excesses: Doubles) -> Iterator[Flags]:
    """Yield parts that may be named. excesses: by part, the share of the change minus the share of the rows.

    For an ordered key, this is the stretch with the largest sum. Otherwise it is the part with the largest excess, and for
    keys that aren't values of a column also all parts that contribute clearly more than their share of the rows.
    """
    chosen = np.zeros(key.num_parts, bool)
    if key.is_ordered:
        chosen[_find_stretch(excesses)] = True
    else:
        chosen[excesses.argmax()] = True
    # A part with less than a tenth of the largest excess doesn't belong to the cause
    if key.may_be_several and excesses.max() > 0:
        yield excesses > float(excesses.max()) / 10
    yield chosen


def _find_stretch(excesses: Doubles) -> slice:
    """The neighbouring parts with the largest sum: the largest rise of the cumulative sum."""
    sums = np.concatenate(([0.0], np.cumsum(excesses)))
    end = 1 + (sums[1:] - np.minimum.accumulate(sums[:-1])).argmax()
    return slice(sums[:end].argmin(), end)


def measure_excess_squares(before: Doubles, now: Doubles) -> Doubles:
    """The change of each part's bins by Pearson's chi-square, less its mean without a change; and its variance. Shape (2, parts).
    before, now: the number of rows of each part in each bin.
    """
    rows_before = before.sum(axis=1, keepdims=True)
    rows = now.sum(axis=1, keepdims=True)
    totals = before + now
    gaps = ratio_or_zero(now, rows) - before / rows_before
    squares = ratio_or_zero(rows * rows_before * gaps**2, totals).sum(axis=1)
    freedom = (np.count_nonzero(totals, axis=1) - 1) * (rows[:, 0] > 0)
    return np.array([squares - freedom, 2 * freedom])


def compute_shares(bins: NDArray[np.int16], size: int) -> Doubles:
    return np.bincount(bins, minlength=size) / max(len(bins), 1)


def create_ordered_tests(bins: int) -> Flags:
    """Tests of ordered bins: for each bin except the last, all bins up to it. Shape (bins, tests)."""
    # The first two bins, for missing and for other values, are in no test
    is_below = np.tri(bins, dtype=bool).T
    is_below[:2] = False
    return is_below[:, 2:-1]
