"""The design effect of neighbouring rows: how many rows count as one because neighbours are alike. Pure numpy.

Model: rows in order are a stationary series with autocorrelations r(1), r(2), …; the variance of a mean of n rows is the
design effect, 1 + 2 (r(1) + r(2) + …), times that of n independent rows (Kish 1965, "Survey Sampling"). For groups of m
neighbours with intra-class correlation r it is 1 + (m - 1) r.

Statistic: the variance ratio of b neighbours, the variance of their sum over b times the variance of one row (Cochrane
1988, "How big is the random walk in GNP?"). Its variance for independent rows is from Lo and MacKinlay 1988, "Stock
market prices do not follow random walks", theorem 1.

Assumptions: a difference between runs of neighbours, and the two largest changes of level within runs, such as the begin
and the end of one bad file, are changes and no dependence. A column that is sorted, or follows the clock, gets a large
design effect, which is its own and says nothing about other columns. Not for groups whose rows are scattered:
`intra_class_correlation.py` has these.

Used by: data quality for columns and their missing values, model quality for outcomes, bias for facets, attributions.
Source: D4.16.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.statistics import Doubles, Flags, Integers
from spark_model_monitor.statistics.drift.special_functions import normal_survival
from spark_model_monitor.statistics.states.hash_samples import unique_with_inverse
from spark_model_monitor.statistics.verdicts.between_window_variance import MAX_DISPERSED, NOISE_LEVEL
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values
from spark_model_monitor.statistics.verdicts.tail_probabilities import find_standstills
from spark_model_monitor.value_class import value_class

BLOCK_SIZES = (2, 4, 8, 16, 32, 64, 128, 256)  # numbers of neighbours whose sums are compared with rows
LONG_GROUP = 64  # rows of a group that is taken to be long, for the error of an estimate
SHORT_BLOCK = 32  # longer blocks are used only if there are enough of them
NORMAL_975 = 1.96  # standard deviations that a normal variable exceeds in one of 40 cases
DEPENDENCE_LEVEL = 0.005  # largest share of tables of independent rows in which a column is taken to be dependent
CUT_GROUPS_MARGIN = 1.1  # blocks cut groups of rows in two, so estimates are too small by about this factor
# fewest groups, blocks or rows that show how alike rows are; with fewer groups, each counts as one row
MIN_GROUPS = 16
MIN_FLAGGED_GROUPS = 3  # fewest groups of flagged rows that count as scattered
# changes of level that don't count as dependence, and the variance that both explain relative to one
REMOVED_CHANGES = 2
TWO_CHANGES_RATIO = 1.5
QUANTILES = 8  # a number's score is the eighth of the values that it is in
FREQUENT_VALUES = 7  # the most frequent values of a text, each with a score of its own
COLUMNS_AT_ONCE = 16  # more columns don't fit into the processor's cache
SAMPLED_VALUES = 512  # values of a text that are sampled to find the most frequent ones


class DesignEffect(NamedTuple):
    """rows: how many rows count as one. p: the p-value of this estimate, if rows are independent. skewness: the squared
    skewness of the scores, which is large for rare values.
    """

    rows: float
    p: float
    skewness: float = 0.0


INDEPENDENT = DesignEffect(1.0, 1.0)


class ScoredColumn(NamedTuple):
    """A column's scores, shape (scores, rows), each with a mean of 0; missing values have a score of 0.

    answers: the first score of each answer; the scores of an answer are combined.
    """

    scores: Doubles
    answers: Sequence[int] = (0,)

    @classmethod
    def from_numbers(cls, values: Doubles, is_present: Flags | None = None) -> ScoredColumn:
        """The rank of each number and its square: two answers, for the level and for the spread."""
        quantiles = np.sort(values)[len(values) * np.arange(1, QUANTILES) // QUANTILES]
        # Numbers that equal a quantile get a cell of their own
        bounds = np.concatenate((quantiles, np.nextafter(quantiles, -np.inf)))
        cells = (values > bounds[:, None]).sum(axis=0, dtype=np.int8)
        counts = np.bincount(cells, minlength=2 * QUANTILES - 1)
        ranks = (counts.cumsum() - counts / 2) / len(values) - 0.5
        cell_scores = np.stack((ranks, ranks**2))
        cell_scores -= (cell_scores @ counts / len(values))[:, None]
        return cls(_put_into_rows(cell_scores[:, cells], is_present), (0, 1))

    @classmethod
    def from_texts(cls, values: NDArray[np.generic], is_present: Flags | None = None) -> ScoredColumn:
        """The indicators of the most frequent values, which are one answer. values: hashes or codes."""
        step = max(1, len(values) // SAMPLED_VALUES)
        distinct_values, index = unique_with_inverse(values[::step])
        most_frequent = distinct_values[np.argsort(-np.bincount(index), kind="stable")[:FREQUENT_VALUES]]
        if len(distinct_values) == 2:  # the second indicator follows from the first
            most_frequent = most_frequent[:1]
        scores = (values == most_frequent[:, None]).astype(np.float64)
        scores -= scores.mean(axis=1, keepdims=True)
        return cls(_put_into_rows(scores, is_present))

    @classmethod
    def from_flags(cls, flags: Flags) -> ScoredColumn:
        """Whether each row has some property."""
        return cls((flags - flags.mean())[None])


def _put_into_rows(scores: Doubles, is_present: Flags | None) -> Doubles:
    if is_present is None:
        return scores
    row_scores = np.zeros((len(scores), len(is_present)))
    row_scores[:, is_present] = scores
    return row_scores


def estimate_column_design_effects(columns: Iterable[ScoredColumn], run_sizes: Integers) -> list[DesignEffect]:
    """The design effect of each column: the largest of its answers. columns: all with the same runs of rows."""
    if not len(run_sizes) or run_sizes.sum() < MIN_GROUPS:
        return [INDEPENDENT for _ in columns]
    effects: list[DesignEffect] = []
    remaining_columns = iter(columns)
    while batch := [*islice(remaining_columns, COLUMNS_AT_ONCE)]:
        answer_effects = iter(compute_design_effects(batch, run_sizes))
        for column in batch:
            # The largest answer counts, so the p-value allows for their number
            rows, p_values, skewness = zip(*islice(answer_effects, len(column.answers)), strict=True)
            effects.append(DesignEffect(max(rows), min(1.0, len(rows) * min(p_values)), max(skewness)))
    return effects


def compute_design_effects(columns: Sequence[ScoredColumn], run_sizes: Integers) -> list[DesignEffect]:
    """The design effect of each answer of each column, from the variance ratios of its scores.

    columns: their rows run after run. Sums of b rows cut groups at their ends. Twice the ratio of 2 b less that of b has no
    such bias, if groups are no longer than b.
    The largest estimate counts, of blocks up to twice the size that shows the dependence best, and of longer ones as far as
    each adds more than noise does. Source: Politis and Romano 1995, "Bias-corrected nonparametric spectral estimation".
    """
    moments = ScoreMoments.of(columns)
    run_sizes = run_sizes[run_sizes > 0]
    scores = np.concatenate([column.scores for column in columns])
    # The sums of all rows before each, without the largest changes
    sums = _compute_cumulative_sums(scores, run_sizes)
    for _ in range(REMOVED_CHANGES):
        _remove_largest_change(sums, run_sizes)
    ratios_by_size: list[Doubles] = []
    z_by_size: list[Doubles] = []
    errors: list[float] = []  # the relative error of a ratio
    for block_size in BLOCK_SIZES:
        if block_size > max(SHORT_BLOCK, scores.shape[1] / MIN_GROUPS):
            break
        block_squares, expected, rows = _compute_squared_block_sums(sums, run_sizes, block_size)
        if not expected:
            continue
        ratios = ratio_or_zero(np.add.reduceat(block_squares, moments.answers), expected * moments.variance)
        # Lo and MacKinlay's variance; the ratio is less certain because the largest changes were removed
        variance = 2 * (2 * block_size - 1) * (block_size - 1) / (3 * block_size * rows)
        variance /= 1 - _estimate_share_of_changes(block_size, rows)
        # The cubed weights of all pairs of neighbours; a pair's weight in the ratio is 2 (1 - distance / block_size) / rows
        pairs_cubed = 2 * (block_size - 1) ** 2 / block_size / rows**2
        ratios_by_size.append(ratios)
        errors.append(math.sqrt(variance))
        z_by_size.append(moments.normal_score(ratios, variance, pairs_cubed))
    if not z_by_size:
        return [INDEPENDENT] * len(moments.answers)
    z = np.stack(z_by_size)
    estimates = np.stack(ratios_by_size)
    estimates[1:] += np.diff(estimates, axis=0)
    is_usable = np.arange(len(z))[:, None] <= z.argmax(axis=0) + 1
    for index in range(1, len(z)):
        is_larger = estimates[index] * (1 - NORMAL_975 * errors[index]) > estimates[index - 1]
        is_usable[index] |= is_usable[index - 1] & is_larger
    estimates[~is_usable] = 0
    return [
        DesignEffect(float(rows), min(1.0, len(z) * normal_survival(float(largest_z))), float(skewness))
        for rows, largest_z, skewness in zip(estimates.max(axis=0), z.max(axis=0), moments.skewness, strict=True)
    ]


def estimate_score_design_effects(scores: Doubles, run_sizes: Integers) -> Doubles:
    """How many neighbouring rows count as one for each score, with the margin for cut groups; 1 for independent rows.

    scores: shape (scores, rows), run after run.
    """
    centred = scores - scores.mean(axis=1, keepdims=True)
    effects = compute_design_effects([ScoredColumn(centred, range(len(centred)))], run_sizes)
    return np.array([max(CUT_GROUPS_MARGIN * effect.rows, 1.0) for effect in effects])


@value_class
class ScoreMoments:
    """Moments of the scores of each answer.

    answers: the index of each answer's first score, among the scores of all columns. variance: the variance of one row's
    scores. effective_scores: how many scores of equal variance are as informative. skewness: the sum of squared third moments,
    over the cube of the variance.
    """

    answers: Sequence[int]
    variance: Doubles
    effective_scores: Doubles
    skewness: Doubles

    @classmethod
    def of(cls, columns: Sequence[ScoredColumn]) -> ScoreMoments:
        """The moments of the answers of all columns."""
        answers: list[int] = []
        variances: list[float] = []
        third_moments: list[float] = []
        # One column at a time: memory layouts differ, so sums over several columns' scores may differ in the last digit
        for column in columns:
            answers += [len(variances) + answer for answer in column.answers]
            squares = column.scores**2
            variances += squares.mean(axis=1).tolist()
            third_moments += (np.einsum("sr,sr->s", squares, column.scores) / squares.shape[1]).tolist()
        # The sums over each answer's scores
        variance = np.add.reduceat(variances, answers)
        effective_scores = ratio_or_zero(variance**2, np.add.reduceat(np.square(variances), answers))
        # of several indicators one follows from the others
        effective_scores -= np.diff([*answers, len(variances)]) > 1
        skewness = ratio_or_zero(np.add.reduceat(np.square(third_moments), answers), variance**3)
        return cls(answers, variance, np.maximum(effective_scores, 1.0), skewness)

    def normal_score(self, ratios: Doubles, variance: float, pairs_cubed: float) -> Doubles:
        """The normal score of each answer's design effect, which is 1 for independent rows; -inf for a constant.

        variance: of the design effect of one normal score. pairs_cubed: the sum of the cubed weights of all pairs of rows
        in it. Design effects of normal scores are nearly gamma variables; pairs of rare values make them more skew.
        Source: Wilson and Hilferty 1931, "The distribution of chi-square", for the cube root of a gamma variable.
        """
        effect_variance = variance / self.effective_scores
        third_cumulant = 2 * effect_variance**2 + pairs_cubed * self.skewness
        shape = 4 * effect_variance**3 / third_cumulant**2
        scaled = np.maximum(1 + (ratios - 1) / np.sqrt(shape * effect_variance), 0.0)
        z = (np.cbrt(scaled) - (1 - 1 / (9 * shape))) * 3 * np.sqrt(shape)
        return np.where(self.variance > 0, z, -np.inf)


def _compute_cumulative_sums(scores: Doubles, run_sizes: Integers) -> Doubles:
    """The cumulative sums within runs, less each run's mean, so that they end at 0; shape (scores, runs, longest run + 1)."""
    rows = np.arange(run_sizes.max() + 1)
    sizes = run_sizes[:, None]
    sums = np.zeros((len(scores), len(run_sizes), len(rows)))
    sums[:, (rows > 0) & (rows <= sizes)] = scores
    np.cumsum(sums, axis=2, out=sums)
    sums -= sums[:, :, -1:] * (np.minimum(rows, sizes) / sizes)
    return sums


def _remove_largest_change(sums: Doubles, run_sizes: Integers) -> None:
    """Remove from each score the one change of level, within a run, that explains most of its variance.

    Source: Hawkins 1977, "Testing a sequence of observations for a shift in location".
    """
    # What a change after so many rows explains: the squared sum up to there, over its variance
    rows = np.arange(sums.shape[2])
    variances = rows * (1 - rows / run_sizes[:, None])
    gains = ratio_or_zero(sums**2, variances)
    largest_gain = gains.reshape(len(sums), -1).argmax(axis=1)
    run, changed_row = np.divmod(largest_gain[:, None], len(rows))
    # Less the means of both sides: the cumulative sum is 0 at the change, too; without a change nothing is removed
    size = run_sizes[run]
    shares = np.minimum(rows / np.maximum(changed_row, 1), (size - rows) / np.maximum(size - changed_row, 1))
    index = np.arange(len(sums))[:, None]
    sums[index[:, 0], run[:, 0]] -= sums[index, run, changed_row] * np.maximum(shares, 0.0)


def _estimate_share_of_changes(block_size: int, rows: int) -> float:
    """The share of the variance of block sums that the largest changes of independent rows explain: 1.5 log(blocks) / blocks.

    By simulation of 128 to 4,000 rows in one to 31 runs, this is within a third for blocks of 16 rows and more. For shorter
    blocks in several runs the share, which is below .08 there, may be 1.6 times as much.
    """
    blocks = rows / block_size
    return TWO_CHANGES_RATIO * math.log(blocks) / blocks


def _compute_squared_block_sums(sums: Doubles, run_sizes: Integers, block_size: int) -> tuple[Doubles, float, int]:
    """The sum of each score's squared block sums; what is expected of it, for independent rows of variance 1; and the
    rows of the runs that are at least two blocks long. Blocks overlap by three quarters.
    """
    step = max(1, block_size // 4)
    is_long = run_sizes >= 2 * block_size
    # Blocks that end within such a run
    ends = np.arange(block_size, sums.shape[2], step)
    is_within = (ends <= run_sizes[:, None]) & is_long[:, None]
    blocks = sums[:, :, block_size::step] - sums[:, :, :-block_size:step]
    blocks *= is_within
    squares = np.einsum("srb,srb->s", blocks, blocks)
    expected = float((block_size * (1 - block_size / run_sizes)) @ is_within.sum(axis=1))
    rows = int(run_sizes[is_long].sum())
    if expected:
        expected *= 1 - _estimate_share_of_changes(block_size, rows)
    return squares, expected, rows


def ratio_or_zero(numerators: Doubles, denominators: Doubles) -> Doubles:
    """The quotients, 0 for a denominator of 0."""
    quotients: Doubles = np.divide(numerators, denominators, out=np.zeros(numerators.shape), where=denominators > 0)
    return quotients


def find_dependent_columns(p_values: Sequence[float]) -> list[bool]:
    """Whether the rows of each column are dependent, at a false discovery rate (Benjamini-Hochberg) of `DEPENDENCE_LEVEL`: if
    all columns are independent, that is the probability that any of them is taken for dependent.
    """
    return [p_value <= DEPENDENCE_LEVEL for p_value in adjust_p_values(p_values)]


def find_group_estimates(effects: Sequence[DesignEffect]) -> list[float]:
    """The design effects that show that rows come in groups; none unless two columns do. effects: of the columns that are
    not alike for another reason, such as a sorted one.
    """
    columns = len(effects)
    p_values = sorted(effect.p for effect in effects)
    if columns < 2 or columns * p_values[0] > DEPENDENCE_LEVEL or (columns - 1) * p_values[1] > NOISE_LEVEL:
        return []
    return [effect.rows for effect in effects if columns * effect.p <= NOISE_LEVEL]


def combine_design_effects(
    effects: Sequence[DesignEffect],
    rows: int,
    group_estimates: Sequence[float],
    limits: Sequence[float] = (),
) -> list[float]:
    """How many rows of a window count as one in each column; 1 if its rows are independent. rows: the number of sampled rows.
    group_estimates: see `find_group_estimates`. limits: the largest design effect that each column can have, if known.

    A column has its own design effect. If columns show groups, an estimate that may be as large as theirs, given its error,
    is raised to that, because its rows don't show that the column is independent of the groups. A limit below theirs shows it.
    """
    are_dependent = find_dependent_columns([effect.p for effect in effects])
    counts = [effect.rows if is_dependent else 1.0 for effect, is_dependent in zip(effects, are_dependent, strict=True)]
    if group_estimates:
        smallest_group = min(group_estimates)
        typical_effect = typical_design_effect(group_estimates)
        for index, effect in enumerate(effects):
            upper_limit = _compute_upper_limit(effect, rows)
            if are_dependent[index] or upper_limit >= smallest_group:
                counts[index] = max(effect.rows, min(typical_effect, upper_limit))
            if limits and limits[index] < smallest_group:
                counts[index] = max(effect.rows, 1.0)
    return [add_margin_for_cut_groups(count) for count in counts]


def _compute_upper_limit(effect: DesignEffect, rows: int) -> float:
    """The design effect whose estimates are as small as this one in one of 40 windows of so many rows.

    The squared sums of long groups are a chi-square variable. Those of a rare value have the variance of its fourth moment.
    Source: Wilson and Hilferty 1931, "The distribution of chi-square".
    """
    freedom = 3 * rows / (2 * LONG_GROUP) * min(1.0, 2 / max(effect.skewness, 1e-9))
    smallest_ratio = max(0.01, 1 - 2 / (9 * freedom) - NORMAL_975 * math.sqrt(2 / (9 * freedom))) ** 3
    return max(effect.rows, 1.0) / smallest_ratio


def limit_flag_design_effect(flags: Flags, run_sizes: Integers, group_size: float) -> float:
    """The largest design effect that flagged rows can have in groups of neighbours; infinite if they are in too few places.

    Groups with g(1), g(2), … flagged rows have the design effect (g(1)² + g(2)² + …) / flagged rows, of which the numerator is
    at most the number of pairs of flagged rows that are nearer than a group is long. flags: of the rows, run after run; a group
    that lies in two runs is a group in each. group_size: the design effect of other rows; groups are taken to be no longer than
    twice that, which those whose rows are partly alike may be.
    """
    longest = math.ceil(2 * group_size)
    if not flags.any() or longest > run_sizes.max():
        return math.inf
    # Rows of two runs lie apart; a row makes one pair with itself, and two with each later one that is near
    rows = np.flatnonzero(flags) + (longest * np.repeat(np.arange(len(run_sizes)), run_sizes))[flags]
    near_rows = rows.searchsorted(rows + longest) - np.arange(len(rows))
    limit = float((2 * near_rows - 1).mean())
    # A few rows in one or two places may be one group, or what is left of one at the window's begin
    if len(rows) < MIN_FLAGGED_GROUPS * limit:
        return math.inf
    return limit


def measure_flag_stretches(flags: Flags, run_sizes: Integers) -> float:
    """How many rows the stretch of flagged neighbours has that a flagged row is in, on average; 1 without flagged rows."""
    first_rows, lengths = find_standstills(flags, run_sizes)
    flagged_lengths = lengths[flags[first_rows]]
    if not len(flagged_lengths):
        return 1.0
    return float((flagged_lengths**2).sum() / flagged_lengths.sum())


def typical_design_effect(group_estimates: Sequence[float]) -> float:
    """The median of the design effects that show groups; 1 if there are none."""
    return float(np.median(group_estimates or (1.0,)))


def add_margin_for_cut_groups(rows: float) -> float:
    """The design effect with the margin for cut groups; 1 if independent rows may show as much."""
    if rows > MAX_DISPERSED:
        return CUT_GROUPS_MARGIN * rows
    return 1.0


def estimate_neighbour_design_effect(columns: Sequence[ScoredColumn], run_sizes: Integers) -> float:
    """The largest number of rows that count as one in any of the columns; 1 if all their rows are independent."""
    effects = estimate_column_design_effects(columns, run_sizes)
    return max(combine_design_effects(effects, int(run_sizes.sum()), find_group_estimates(effects)), default=1.0)


def is_constant_in_runs(values: NDArray[np.generic]) -> bool:
    """Whether rows are sorted by these values: equal ones are all adjacent, there are at least two, and most repeat."""
    stretches = 1 + np.count_nonzero(values[1:] != values[:-1])
    return 1 < stretches <= len(values) / 2 and stretches == len(unique_with_inverse(values)[0])
