"""How much a column varies from window to window, estimated from healthy windows, and the p-value of a change given that. Pure.

Model: the variance of a score is that of independent rows times an overdispersion factor of its own. A window that is larger
than past windows has a larger factor, as with a random effect for each window; a smaller window has the same factor.
Statistic: the mean squared score of past windows (McCullagh and Nelder 1989), shrunk towards the same column's other scores
and never towards other columns (Smyth 2004). If all scores together vary as those of independent rows do, their mean counts.
Neighbouring windows that are alike count as fewer windows. If past windows have outliers, Student's t gets fewer degrees of
freedom, and so heavier tails.
Assumptions: past windows are healthy; `seasonality.py` compares windows of one hour.
Used by: the calibration of data quality; the expected number of rows. Source: D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from itertools import compress
from typing import NamedTuple

import numpy as np

from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.drift.special_functions import normal_quantile, normal_survival, student_survival
from spark_model_monitor.statistics.verdicts.components import (
    COLUMN_TESTS,
    MIN_EFFECT,
    MIN_RATIO,
    Component,
    two_sided_p_value,
)
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail
from spark_model_monitor.statistics.verdicts.window_statistics import (
    LEVELS,
    MEANS,
    SCORES_OF_VALUES,
    StatisticChange,
    WindowStatistics,
)
from spark_model_monitor.value_class import value_class

SCORES = ("missing", *SCORES_OF_VALUES)
MIN_WINDOWS = 8  # the fewest earlier windows that estimate a column's variation. Source: D4.2.

MAX_DISPERSED = 1.3
"""Chi-square per degree of freedom: 1 for independent rows, within 0.06 for 32 parts and 20 scores."""

MAX_NOISE_RATIO = 1.5  # a factor within which noise explains a difference of design effects
MIN_PRIOR_GROUPS = 5  # fewest groups that show how similar their variances are
NOISE_LEVEL = 0.05  # significance level: with a smaller p-value, a variation, delay or cluster is more than noise
STRICT_LEVEL = 1e-3  # significance level of the tests for outliers, for neighbours that are alike, and for a trend
MIN_PROBABILITY = 1e-200
MIN_COVERAGE = 0.96  # 32 parts and a rest smaller than one of them have more of the rows
ERROR_OF_GROUPS = 8 / 27
"""A ninth of 8/3, the squared relative error of a design effect that one group shows (D4.16): the cube root's error."""
MAX_EXACT_P = 0.01  # a larger p-value of a count is approximated by a normal score


@value_class
class ScoreVariance:
    """The variance of a score relative to independent rows, at least 1, and the degrees of freedom of its estimate."""

    factor: float = 1.0
    freedom: float = math.inf

    def with_groups(self, rows_of_group: float, rows: float) -> ScoreVariance:
        """The variance if `rows_of_group` of the window's rows count as one, if that is more than the past shows."""
        if rows_of_group <= MAX_NOISE_RATIO * self.factor:
            return self
        return ScoreVariance(rows_of_group, min(self.freedom, max(rows / rows_of_group - 1, 1.0)))

    def p_value(self, score: float) -> float:
        """The two-sided p-value of a score that is standard normal for independent rows."""
        return min(1.0, 2 * student_survival(abs(score) / math.sqrt(self.factor), self.freedom))

    def p_value_of_count(self, before: int, n: int, now: int, m: int) -> float:
        """The two-sided p-value of a count: that of Fisher's exact test, with all counts divided by the factor."""
        grouped_now = math.ceil(now / self.factor)
        if now / m > before / n:
            grouped_now = math.floor(now / self.factor)
        p = two_sided_p_value(round(before / self.factor), round(n / self.factor), grouped_now, round(m / self.factor))
        if math.isinf(self.freedom):
            return p
        # The factor is an estimate, so the normal score of p is compared with Student's t
        return min(1.0, 2 * student_survival(-normal_quantile(max(p, MIN_PROBABILITY) / 2), self.freedom))


INDEPENDENT_WINDOWS = ScoreVariance()


class WindowSize(NamedTuple):
    """effective: n m / (n + m) for n rows of the reference and m rows of the window. value_design_effect,
    missing_design_effect: how many of the window's rows count as one, for values and for missing values. level_varies: whether
    the level varies from window to window by more than chance, judged among all columns of a table; None for a single
    column. columns: the number of columns.
    """

    effective: float
    value_design_effect: float = 1.0
    missing_design_effect: float = 1.0
    level_varies: bool | None = None
    columns: int = 1


@value_class(slots=False, eq=False)
class Dispersion:
    """How much each score of past windows varies, relative to independent rows.

    names: the names of the scores. scores: shape (scores, windows), NaN where unknown. ratios: chi-square per degree of
    freedom. windows: the effective number of windows behind each ratio. growths: by what factor the next window is larger than
    these. effective: the size of the next window, as in `WindowSize`.
    """

    names: tuple[str, ...]
    scores: Doubles
    ratios: Doubles
    windows: Doubles
    growths: Doubles
    effective: float

    @cached_property
    def is_level(self) -> Flags:
        """Which of the scores vary if the column's level varies."""
        return np.array([name in LEVELS for name in self.names])

    @cached_property
    def mean_ratio(self) -> float:
        """The mean ratio of the scores that vary with the column's level."""
        return float(self.ratios[self.is_level].mean())

    @cached_property
    def freedom(self) -> float:
        """The degrees of freedom of the mean ratio: several scores of one level say little more than one of them."""
        # Only scores that vary
        scores = np.nan_to_num(self.scores[self.is_level])
        scores = scores[scores.any(axis=1)]
        count, windows = scores.shape
        if not count:
            return float(self.windows.max())
        # Squared correlations of independent scores have the mean 1 / windows
        products = scores @ scores.T
        squares = float((products**2 / np.outer(np.diag(products), np.diag(products))).sum())
        excess = max(0.0, squares - count - count * (count - 1) / windows)
        return float(self.windows[self.is_level].mean()) * count**2 / (count + excess)

    def compute_p(self, rows_of_group: float) -> float:
        """The p-value of the variation of a column's level, if groups of rows are independent: of all its scores together, and
        of each mean, which may vary alone (Bonferroni).
        """
        ratios_of_means = [
            (ratio, windows)
            for name, ratio, windows in zip(self.names, self.ratios, self.windows, strict=True)
            if name in MEANS
        ]
        ratios = [(self.mean_ratio, self.freedom), *ratios_of_means]
        return min(1.0, len(ratios) * min(self.compute_chance(*ratio, rows_of_group) for ratio in ratios))

    def compute_chance(self, ratio: float, freedom: float, rows_of_group: float) -> float:
        """The p-value of a variance ratio, if groups of rows are independent; their size is an estimate from the next window.

        Its normal score is ((ratio / rows_of_group)^(1/3) - 1 + error) / sqrt(error), with 2 / (9 freedom) as the error.
        Source: Wilson and Hilferty 1931, for the upper tail of a chi-square over its degrees of freedom.
        """
        error = 2 / 9 / freedom
        if rows_of_group > 1:
            error += ERROR_OF_GROUPS * rows_of_group / self.effective
        # The cube root of such a ratio is nearly normal
        return normal_survival(((ratio / rows_of_group) ** (1 / 3) - 1 + error) / math.sqrt(error))


class PastWindows(dict[str, Doubles]):
    """The raw statistics of past windows. Results are cached for one size of the next window, which mostly stays the same."""

    def __init__(self, raw: WindowStatistics) -> None:
        super().__init__(raw)
        # Cached results, of the size that was asked for last
        self._dispersion: dict[float, Dispersion | None] = {}
        self._variances: dict[WindowSize, dict[str, ScoreVariance]] = {}
        self._joined: dict[tuple[int, int], PastWindows] = {}

    def dispersion(self, effective: float) -> Dispersion | None:
        """How much the scores vary, with a next window of this size; None if too few windows have scores."""
        if effective not in self._dispersion:
            self._dispersion = {effective: measure_dispersion(self, effective)}
        return self._dispersion[effective]

    def variance(self, field: str, size: WindowSize) -> ScoreVariance:
        """The variance of a score in a window of this size; for a score that past windows lack, the column's mean variance."""
        if size not in self._variances:
            self._variances = {size: estimate_variances(self, size)}
        variances = self._variances[size]
        return variances.get(field) or variances.get("", INDEPENDENT_WINDOWS)

    @property
    def rows_of_group(self) -> float:
        """The number of rows that count as one: 1 for independent rows; NaN if too few windows show it.

        Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5: Pearson's statistic per degree of freedom.
        """
        dispersion = measure_dispersion(self, 1.0)
        if dispersion is None:
            return math.nan
        if dispersion.mean_ratio > MAX_DISPERSED:
            return dispersion.mean_ratio
        return 1.0

    def join_parts(self, reference_rows: int, rows: int) -> PastWindows:
        """The past windows, with neighbouring parts of the reference joined to windows of `rows` rows, or of fewer rows if too
        few windows would be left. Parts that are only a sample of the reference's rows don't adjoin, and stay as they are.
        """
        size = reference_rows, rows
        if size not in self._joined:
            self._joined = {size: self._join_parts(*size)}
        return self._joined[size]

    def _join_parts(self, reference_rows: int, rows: int) -> PastWindows:
        # The parts together have nearly all rows of the reference; the rows of earlier windows are not among these
        part_rows = self["rows"]
        all_rows = part_rows**2 / (part_rows - self["effective"])
        are_parts = (all_rows > MIN_COVERAGE * reference_rows) & (all_rows < reference_rows + 1)
        parts = int(are_parts.sum())
        window_count = max(MIN_WINDOWS, min(parts, round(reference_rows / rows)))
        if window_count >= parts:
            return self
        # The score of joined parts is the sum of their scores, weighted by the roots of their sizes
        window_of_part = np.arange(parts) * window_count // parts
        rows_of_window = np.bincount(window_of_part, part_rows[are_parts])
        effective = rows_of_window * (1 - rows_of_window / reference_rows)
        roots = np.sqrt(self["effective"][are_parts])
        scores = np.array([self[name] for name in SCORES])
        window_of_score = window_of_part + window_count * np.arange(len(SCORES))[:, None]
        sums = np.bincount(window_of_score.ravel(), (roots * scores[:, are_parts]).ravel()).reshape(-1, window_count)
        scores = np.concatenate((sums / np.sqrt(effective), scores[:, ~are_parts]), axis=1)
        return PastWindows(
            {
                "rows": np.concatenate((rows_of_window, part_rows[~are_parts])),
                "effective": np.concatenate((effective, self["effective"][~are_parts])),
                **dict(zip(SCORES, scores, strict=True)),
            }
        )


def measure_dispersion(past: WindowStatistics, effective: float) -> Dispersion | None:
    """Pearson's dispersion of each score; None if too few windows have a score. effective: the size of the next window."""
    # Shape (scores, windows)
    scores = np.array([past[name] for name in SCORES])
    has_enough = np.isfinite(scores).sum(axis=1) >= MIN_WINDOWS
    names = tuple(compress(SCORES, has_enough))
    if not any(name in LEVELS for name in names):
        return None
    scores = scores[has_enough]
    is_known = np.isfinite(scores)
    # Windows weigh less if the next window is larger than they are
    squares = np.nan_to_num(scores) ** 2
    growth = np.maximum(1.0, effective / past["effective"])
    weights = growth**-2.0
    if weights.sum() ** 2 < MIN_WINDOWS * (weights**2).sum():
        weights = np.ones_like(growth)
    # Pearson's dispersion of each score, its degrees of freedom, and by how much this window is larger
    known_weights = np.where(is_known, weights, 0.0)
    weighted_growth = growth * known_weights
    weight_sums = known_weights.sum(axis=1)
    growth_sums = weighted_growth.sum(axis=1)
    ratios = (weighted_growth * squares).sum(axis=1) / growth_sums
    windows = weight_sums**2 / (known_weights**2).sum(axis=1)  # effective number of windows (Kish)
    return Dispersion(names, scores, ratios, windows, growth_sums / weight_sums, effective)


def estimate_variances(past: PastWindows, size: WindowSize) -> dict[str, ScoreVariance]:
    """The variance of each score in a window of this size, and under the empty name that of the level's scores together."""
    dispersion = past.dispersion(size.effective)
    if dispersion is None:
        return {}
    level_varies = size.level_varies
    if level_varies is None:
        level_varies = dispersion.compute_p(size.value_design_effect) <= NOISE_LEVEL
    # If the level varies, each score may vary; else one of many scores and columns has to vary beyond chance
    single_test_level = NOISE_LEVEL / len(dispersion.names) / size.columns
    # Shrunk towards the column's other scores
    is_level = dispersion.is_level
    squares = dispersion.windows * dispersion.ratios
    prior_freedom, prior_ratio = estimate_variance_prior(squares[is_level], dispersion.windows[is_level])
    variances = {}
    for index, name in enumerate(dispersion.names):
        ratio = float(dispersion.ratios[index])
        freedom = float(dispersion.windows[index])
        # Scores of missing values and of digits have nothing in common with the scores of the level
        noise_level = single_test_level
        if name in LEVELS:
            if level_varies:
                noise_level = NOISE_LEVEL
            prior_weight = min(prior_freedom, freedom, max(0.0, dispersion.freedom - freedom))
            ratio = (freedom * ratio + prior_weight * prior_ratio) / (freedom + prior_weight)
            freedom += prior_weight
        # Groups of m rows explain a variance ratio of m
        rows_of_group = size.missing_design_effect if name == "missing" else size.value_design_effect
        if dispersion.compute_chance(ratio, freedom, rows_of_group) > noise_level:
            # Noise explains it, so the scores have the one common variance of rows
            variances[name] = _predict_from_rows(min(ratio, dispersion.mean_ratio), dispersion.freedom)
            continue
        # Otherwise windows vary, and larger windows vary more
        scores = dispersion.scores[index]
        known_scores = scores[np.isfinite(scores)]
        variances[name] = _predict_between_windows(
            ratio, freedom, float(dispersion.growths[index]), rows_of_group, known_scores
        )
    # Only numbers have scores of digits
    are_numbers = bool(np.isfinite(past["even"]).any())
    return variances | _find_level_variances(variances, levels_vary=are_numbers and level_varies)


def _predict_from_rows(ratio: float, freedom: float) -> ScoreVariance:
    """The variance of the next score, if noise explains the variance of past scores. The variance of independent rows is known
    to be 1; only the excess is an estimate, so there are more degrees of freedom. Source: Satterthwaite 1946.
    """
    factor = max(1.0, ratio)
    excess = factor * (1 + math.sqrt(2 / freedom)) - 1
    return ScoreVariance(factor, freedom * max(1.0, factor / excess) ** 2)


def _find_level_variances(variances: Mapping[str, ScoreVariance], *, levels_vary: bool) -> dict[str, ScoreVariance]:
    """The mean variance of a column's level, under the empty name. If the level of numbers varies, each of its scores has at
    least this variance, since a shift of the level moves all scores. Digits don't follow the level, and the values of a text
    don't follow each other.
    """
    levels = {name: variance for name, variance in variances.items() if name in LEVELS}
    widest = max(levels.values(), key=lambda variance: variance.factor)
    mean = ScoreVariance(sum(variance.factor for variance in levels.values()) / len(levels), widest.freedom)
    if not levels_vary:
        return {"": mean}
    raised_variances = {
        name: ScoreVariance(max(variance.factor, mean.factor), min(variance.freedom, mean.freedom))
        for name, variance in levels.items()
    }
    return {"": mean, **raised_variances}


def _predict_between_windows(
    ratio: float, freedom: float, growth: float, rows_of_group: float, scores: Doubles
) -> ScoreVariance:
    """The variance of the next window's score. Variance between windows grows with their rows; variance from groups of rows
    does not. ratio: the variance ratio of past windows. growth: by what factor the next window is larger.

    Source: Anderson 1942, "Distribution of the serial correlation coefficient".
    """
    windows = len(scores)
    factor = max(1.0, ratio)
    if ratio > rows_of_group:
        factor += (growth - 1) * (ratio - rows_of_group)
        freedom *= (factor / (growth * ratio)) ** 2  # the estimate's error grows, too (Satterthwaite 1946)
    # Neighbouring windows that are alike count as fewer windows, and their variance around the mean is too small
    deviations = scores - scores.mean()
    correlation = float(deviations[1:] @ deviations[:-1]) / max(float(deviations @ deviations), MIN_PROBABILITY)
    if correlation * math.sqrt(windows) > -normal_quantile(STRICT_LEVEL):
        correlation = min(correlation + (1 + 3 * correlation) / windows, 1.0)  # Kendall 1954: its bias
        independent_windows = max(windows * (1 - correlation) / (1 + correlation), 2.0)
        factor *= (1 + 1 / independent_windows) / (1 - 1 / independent_windows)
        freedom = min(freedom, independent_windows - 1)
    # A past with an outlier has the tails of Student's t with the same kurtosis
    squares = scores**2
    mean_of_other_windows = (float(squares.sum()) - float(squares.max())) / (windows - 1)
    if float(squares.max()) > normal_quantile(STRICT_LEVEL / 2 / windows) ** 2 * max(mean_of_other_windows, 1.0):
        kurtosis = windows * float((squares**2).sum()) / float(squares.sum()) ** 2
        freedom = min(freedom, 4 + 6 / max(kurtosis - 3, 1e-9))
    return ScoreVariance(factor, freedom)


def estimate_variance_prior(squares: Doubles, freedoms: Doubles) -> tuple[float, float]:
    """The prior for each group's variance, estimated from all groups: its degrees of freedom, more for more similar
    groups, and its variance; 0 and 1 if there are few groups.

    Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", section 6.2.
    """
    is_usable = (freedoms >= 2) & (squares > 0)
    if is_usable.sum() < MIN_PRIOR_GROUPS:
        return 0.0, 1.0
    halves = freedoms[is_usable] / 2
    # Less the bias of a logarithm, from series of the digamma function, and its variance, from the trigamma function
    logs = np.log(squares[is_usable] / freedoms[is_usable]) + 1 / (2 * halves) + 1 / (12 * halves**2)
    noise = (1 / halves + 1 / (2 * halves**2) + 1 / (6 * halves**3)).mean()
    excess = float(logs.var(ddof=1) - noise)
    prior_freedom = min(1 + 2 / excess if excess > 0 else math.inf, float(freedoms[is_usable].sum()))
    return prior_freedom, math.exp(float(logs.mean()) - 1 / prior_freedom - 1 / (3 * prior_freedom**2))


def _measure_mean_effect(change: StatisticChange) -> tuple[float, float, float]:
    """The size of the effect, the least size that is reported, and the score's factor for errors of sketches."""
    effect_of_score = COLUMN_TESTS[change.test].effect_of_score
    # A sketch's error adds to the variance of a mean of ranks
    sketch_factor = change.error / max(math.hypot(change.error, change.sketch_error), MIN_PROBABILITY)
    effect = abs(change.difference) * effect_of_score
    return effect, MIN_EFFECT - change.error * effect_of_score, sketch_factor


def _measure_share_effect(change: StatisticChange, before: int, n: int, now: int, m: int) -> tuple[float, float, float]:
    """As `_measure_mean_effect`, for a share."""
    effect = max(0.0, abs(change.difference) - change.sketch_error)
    # For a rare value, a doubled share is a large enough change, too
    half = 0.5 / min(n, m)
    smaller_share, larger_share = sorted((before / n + half, now / m + half))
    ratio_effect = smaller_share * (MIN_RATIO - 1)
    if now / m < before / n:
        ratio_effect = larger_share * (1 - 1 / MIN_RATIO)
    sketch_factor = 1.0
    if change.difference:
        sketch_factor = effect / abs(change.difference)
    return effect, min(MIN_EFFECT - change.error, ratio_effect), sketch_factor


def judge_change(change: StatisticChange, variance: ScoreVariance = INDEPENDENT_WINDOWS) -> Component:
    """The test of one statistic, given how much windows vary. A change below the least effect has p = 1."""
    test = change.test
    if change.counts is None:
        effect, least_effect, sketch_factor = _measure_mean_effect(change)
    else:
        effect, least_effect, sketch_factor = _measure_share_effect(change, *change.counts)
    direction = None
    if test == "missing":
        direction = "down"
        if change.difference > 0:
            direction = "up"
    if not effect or effect < least_effect:
        return Component(test, 1.0, effect, direction)
    statistic = change.score(variance.factor)
    p = variance.p_value(statistic * sketch_factor)
    if change.counts is not None:
        statistic = float(change.counts[2])
        # Small counts are not normal
        if p < MAX_EXACT_P:
            exact_p = variance.p_value_of_count(*change.counts)
            # In few groups, as overdispersion makes them, the exact test can't show that all values are missing
            if direction == "up" and variance.factor > 1:
                p = min(p, exact_p)
            # The counts don't show the error of a sketch
            elif exact_p > p or not change.sketch_error:
                p = exact_p
    return Component(test, p, effect, direction, statistic, max(0.0, least_effect))


def judge_largest(change: StatisticChange, values: int, past: Doubles, rows_of_group: float) -> Component:
    """The exact test of the window's largest share of a value, compared with the largest shares of past windows, whichever
    values had these.

    values: the number of distinct values of the window; its p-value is multiplied by it (Bonferroni). past: the largest shares.
    """
    assert change.counts is not None
    before, n, now, m = change.counts
    expected = max(before / n, float(np.max(past, initial=0.0)))
    effect = now / m - expected - change.sketch_error
    least_effect = max(MIN_EFFECT, (MIN_RATIO - 1) * expected)
    if effect < least_effect:
        return Component("largest", 1.0, max(0.0, effect))
    p = exact_tail(now, m, math.ceil(expected * n), n, rows_of_group)
    return Component("largest", min(1.0, values * p), effect, statistic=float(now), least_effect=least_effect)


def judge_unseen(seen_once: int, n: int, unseen: float, rows: float, past: Doubles, rows_of_group: float) -> Component:
    """The test of the rows with values that the reference lacks: whether independent rows, or past windows, have as many.

    Model of rows: a row has an unseen value as often as a row of the reference has a value that occurs once (Good 1953).
    Model of the past: -log(share of known values) is exponential; unlike a share, it has no upper end.

    seen_once, n: the reference's rows with values that occur once, and all its rows. unseen: the share of the window's rows
    with unseen values. past: these shares in past windows.
    """
    error = math.sqrt(unseen / rows)
    if unseen + error < MIN_EFFECT:
        return Component("unseen", 1.0, unseen)
    p = exact_tail(round(unseen * rows), int(rows), seen_once, n, rows_of_group)
    if len(past):
        # At least half a row counts as known, so that the logarithm is finite
        known_shares = 1 - np.minimum([unseen, *past], 1 - 0.5 / rows)
        losses = -np.log(known_shares)
        p = max(p, lomax_upper_tail(float(losses[0]), losses[1:], 1 / rows))
    return Component("unseen", p, unseen, statistic=unseen * rows, least_effect=max(0.0, MIN_EFFECT - error))


def lomax_upper_tail(value: float, past: Doubles, smallest_unit: float) -> float:
    """The predictive (Lomax) tail of an exponential variable: (1 + value / sum of n past values)^-n. smallest_unit is added to
    the sum.
    """
    return float((1 + value / (past.sum() + smallest_unit)) ** -len(past))
