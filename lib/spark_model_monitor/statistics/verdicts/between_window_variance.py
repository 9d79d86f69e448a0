"""How much a column varies from window to window, estimated from healthy windows. Pure.

Model: the variance of a window's score is that of independent rows, plus a variance between windows that grows with their
rows, as in a model with a random effect for each window.
Statistic: the mean squared score of past windows, weighted by size, over what independent rows would have: Pearson's
dispersion (McCullagh and Nelder 1989). With few windows it is shrunk towards that of all columns (Smyth 2004).
Assumptions: past windows are healthy and independent of each other; `seasonality.py` compares windows of one hour.
Used by: `variance_adjustment.py`, which computes p-values with it; the expected number of rows.
Source: D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.drift.special_functions import (
    map_values,
    normal_above,
    normal_quantile,
)
from spark_model_monitor.statistics.verdicts.components import COLUMN_TESTS
from spark_model_monitor.statistics.verdicts.window_statistics import WindowStatistics

FEWEST_WINDOWS = 8  # the fewest earlier windows that estimate a column's variation. Source: D4.2.

MANY_WINDOWS = 32
LARGEST_GROWTH = 1.5
"""With this many past windows, smaller ones, whose variance would be extrapolated, are left out. Source: D4.2."""

ENOUGH_WINDOWS = 16
"""From this many on, with fractions for smaller windows, windows are weighted by information. Source: D4.2."""

MOST_DISPERSED = 1.3
"""Chi-square per degree of freedom: 1 for independent rows, within 0.06 for 32 parts and 20 cells."""

FEWEST_ALIKE = 5  # groups, or columns, that show how similar their variances are
ONE_SIDED_95 = 1.645  # normal quantile
CERTAIN = 3.09  # standard deviations: of 1,000 columns of independent rows one seems to vary more

OUTLIER = 5.0  # modified z-scores; of 32 normal windows one in 250 columns has such a one
NORMAL_MAD = 1.4826  # the standard deviation of a normal distribution over its median absolute deviation

POWERS = {"chi2": 1}  # for a statistic that is already squared
LEAST_PROBABILITY = 1e-200
SHARE_OF_LARGEST = 0.28
"""The mean square of the largest of K normal scores is that of the upper 0.28 / K quantile. Source: D4.2."""


class PastWindows(dict[str, Values]):
    """The raw statistics of past windows. Results are cached for the next window, which mostly has the same size."""

    def __init__(self, raw: WindowStatistics) -> None:
        super().__init__(raw)
        self._effective = math.nan
        self._similar: PastWindows | None = None
        self._estimates: dict[str, Dispersions] = {}
        self._outliers: dict[str, float | None] = {}

    @cached_property
    def group_size(self) -> float:
        freedom = float(self["freedom"].sum())
        if freedom:
            size = float(self["chi2"].sum()) / freedom
        else:
            size = math.nan
        return 1.0 if size <= MOST_DISPERSED else size

    def select_similar_size(self, effective: float) -> PastWindows:
        """The windows of about this size or larger if there are many, else all windows."""
        self._set_size(effective)
        if self._similar is None:
            is_similar = _compute_growth(effective, self) <= LARGEST_GROWTH
            are_many = is_similar.sum() >= MANY_WINDOWS
            if are_many:
                self._similar = PastWindows({name: values[is_similar] for name, values in self.items()})
            else:
                self._similar = self
        return self._similar

    def get_dispersion(self, name: str, effective: float, pooled: PooledVariance | None) -> Dispersion:
        """The dispersion of a statistic for a window of this size, shrunk towards that of the other columns."""
        self._set_size(effective)
        if name not in self._estimates:
            self._estimates[name] = estimate_dispersion(name, effective, self)
        # With few windows, one column's variance is hardly known
        prior = NO_PRIOR
        if pooled is not None:
            prior = pooled.prior(name)
        return _shrink(self._estimates[name], prior)

    def find_outlier(self, name: str) -> float | None:
        """How far the furthest window lies from the reference, if the column has outliers: an odd day moves all tests of
        values, though not each of them shows it. None if there is none.
        """
        if name not in self._outliers:
            tests = [name]
            if name in COLUMN_TESTS and COLUMN_TESTS[name].is_of_values:
                # An odd day moves all tests of values, though not each of them shows it
                tests = [
                    test_name for test_name, test in COLUMN_TESTS.items() if test.is_of_values and test_name in self
                ]
            is_odd = any(has_outlier(test, self) or has_serial_correlation(test, self) for test in tests)
            self._outliers[name] = _find_furthest(name, self) if is_odd else None
        return self._outliers[name]

    def _set_size(self, effective: float) -> None:
        if effective != self._effective:
            self._effective = effective
            self._similar = None
            self._estimates = {}


def _select_scores(name: str, past: WindowStatistics) -> Values:
    """The scores of past windows. Of missing values, Pearson's residuals around the windows' own share, if files have counts."""
    if name != "missing" or "nulls" not in past:
        return past[name]
    share = compute_missing_share(past)
    if not 0 < share < 1:
        return past[name]
    rows = past["of"]
    missing = past["nulls"]
    residuals = (missing - rows * share) / np.sqrt(rows * share * (1 - share))
    return np.where(np.isnan(missing), past[name], residuals)


def compute_missing_share(past: WindowStatistics) -> float:
    """The share of missing values in all windows whose counts are known."""
    is_counted = ~np.isnan(past["nulls"])
    return float(past["nulls"][is_counted].sum()) / max(float(past["of"][is_counted].sum()), 1.0)


def _square_scores(name: str, past: WindowStatistics) -> Values:
    return _select_scores(name, past) ** POWERS.get(name, 2)


def as_past_windows(past: WindowStatistics) -> PastWindows:
    if isinstance(past, PastWindows):
        return past
    return PastWindows(past)


def has_outlier(name: str, past: WindowStatistics) -> bool:
    """Whether a past window is an outlier among the others: windows then don't vary normally, and only one much further
    out is unlike them.

    Cube roots of squares are nearly normal, whatever their degrees of freedom (Wilson and Hilferty 1931).
    Source: Iglewicz and Hoaglin 1993, "How to detect and handle outliers": modified z-scores.
    """
    if len(past["effective"]) < ENOUGH_WINDOWS or not np.isfinite(past[name]).all():
        return False
    expected = _compute_expected_squares(name, past)
    if not expected.all():  # a single cell can't vary
        return False
    ratios = _square_scores(name, past) / expected
    error = 2 / 9 / _freedom_of_square(name, expected)
    if (np.cbrt(ratios) <= 1 - error + CERTAIN * np.sqrt(error)).all():
        return False  # so far out are independent rows, too, whose counts are few and make the others seem alike
    between = max(0.0, float((ratios - 1).sum() / past["effective"].sum()))  # variance per row
    ratios /= 1 + between * past["effective"]
    scores = np.cbrt(ratios)
    if name == "cell":
        scores = np.array([*map(_score_of_largest, ratios.tolist(), past["cells"].tolist())])
    middle = float(np.median(scores))
    deviation = NORMAL_MAD * float(np.median(np.abs(scores - middle)))
    return bool(scores.max() - middle > OUTLIER * deviation)


def has_serial_correlation(name: str, past: WindowStatistics) -> bool:
    """Whether past windows vary, and neighbours are alike: how far the level may go is then known from few of them.

    Source: Anderson 1942, "Distribution of the serial correlation coefficient".
    """
    scores = _select_scores(name, past)
    deviations = scores - scores.mean()
    squares = float(deviations @ deviations)
    if len(scores) < ENOUGH_WINDOWS or not squares > 0:  # NaN where a window has no score
        return False
    serial_correlation = float(deviations[1:] @ deviations[:-1]) / squares
    is_dispersed = _square_scores(name, past).sum() > MOST_DISPERSED * _compute_expected_squares(name, past).sum()
    return bool(is_dispersed) and serial_correlation * math.sqrt(len(scores)) > ONE_SIDED_95


def _find_furthest(name: str, past: WindowStatistics) -> float:
    squares = _square_scores(name, past)
    return max(
        map(remove_noise, squares.tolist(), _compute_expected_squares(name, past).tolist(), past["effective"].tolist())
    )


def _score_of_largest(ratio: float, cells: float) -> float:
    """The normal score of the largest squared score of so many cells. ratio: of the square to what is expected."""
    of_one = 2 * normal_above(math.sqrt(ratio * largest_squared_score(cells)))
    p = -math.expm1(cells * math.log1p(-min(of_one, 1 - 1e-9)))
    return -normal_quantile(min(max(p, LEAST_PROBABILITY), 1 - 1e-9))


def remove_noise(square: float, expected: float, effective: float) -> float:
    return math.sqrt(max(0.0, square - expected) / effective)


def select_similar_size(now: Mapping[str, float], past: WindowStatistics) -> WindowStatistics:
    """The past windows of about this size or larger if there are many, else all of them."""
    return as_past_windows(past).select_similar_size(now["effective"])


def overdispersion_factor(
    name: str,
    now: Mapping[str, float],
    past: WindowStatistics,
    groups: float = 1.0,
    pooled: PooledVariance | None = None,
) -> float:
    """The ratio of a score's variance to that of independent rows, at least 1."""
    return compute_dispersion(name, now, past, pooled).factor(groups)


def certain_overdispersion_factor(
    name: str,
    now: Mapping[str, float],
    past: WindowStatistics,
    groups: float = 1.0,
    pooled: PooledVariance | None = None,
) -> float:
    """`overdispersion_factor` as far as past windows certainly show it."""
    dispersion = compute_dispersion(name, now, past, pooled)
    return replace(dispersion, ratio=dispersion.certain_ratio).factor(groups)


def compute_dispersion(
    name: str, now: Mapping[str, float], past: WindowStatistics, pooled: PooledVariance | None
) -> Dispersion:
    return as_past_windows(past).get_dispersion(name, now["effective"], pooled)


NO_PRIOR = 0.0, 1.0  # degrees of freedom and variance that other columns add to a column's own


class PooledVariance:
    """The variation of all columns, for shrinkage: 32 windows estimate one column poorly. effective: the window's.

    Source: D4.2; Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", 6.2.
    """

    def __init__(self, pasts: Sequence[WindowStatistics], effective: float) -> None:
        self._effective = effective
        self._pasts = [as_past_windows(past).select_similar_size(effective) for past in pasts]
        self._priors: dict[str, tuple[float, float]] = {}

    def prior(self, name: str) -> tuple[float, float]:
        """The degrees of freedom that the columns add to one of them (0 if they are too few or differ too much), and
        their variance.
        """
        if name not in self._priors:
            self._priors[name] = self._estimate_prior(name)
        return self._priors[name]

    def _estimate_prior(self, name: str) -> tuple[float, float]:
        # Columns with equally many windows, as most have
        usable = [
            past
            for past in self._pasts
            if not np.isnan(past[name]).any() and _compute_expected_squares(name, past).all()
        ]
        counts = [len(past["rows"]) for past in usable]
        usual_count = max(counts, key=counts.count, default=0)
        if counts.count(usual_count) < FEWEST_ALIKE:
            return NO_PRIOR
        fields = name, "effective", {"cell": "cells", "chi2": "freedom"}.get(name, "rows")
        columns = [past for past in usable if len(past["rows"]) == usual_count]
        past = {field: np.stack([_select_scores(field, column) for column in columns]) for field in fields}
        estimate = estimate_dispersion(name, self._effective, past)
        # Columns that vary together count once
        ratios = _square_scores(name, past) / _compute_expected_squares(name, past)
        between_columns = float(ratios.mean(axis=0).var()) / max(float(ratios.var(axis=1).mean()), 1e-300)
        different_columns = min(1 / max(between_columns, 1e-9), len(ratios))
        freedoms = estimate.windows * estimate.freedom_of_window
        freedom, variance = estimate_variance_prior(freedoms * estimate.ratio, freedoms)
        return max(0.0, min(freedom, (different_columns - 1) * float(freedoms.mean()))), variance


@dataclass(frozen=True, slots=True)
class Dispersion:
    """How much a statistic varies from window to window: the Pearson dispersion of McCullagh and Nelder.

    ratio: the mean squared score of past windows, relative to independent rows. degrees_of_freedom: of its
    estimate. growth: the factor for the excess in a window of this size. freedom_of_window: the degrees of freedom of
    one window's square: of many cells, as many as vary, by the variance of the squares (Satterthwaite).
    """

    ratio: float
    degrees_of_freedom: float
    growth: float
    freedom_of_window: float

    def factor(self, groups: float) -> float:
        """The variance of a score relative to independent rows, at least 1. Variance between windows grows with their
        rows, variance from groups of rows does not: what the groups of the window's rows explain is attributed to them.
        """
        return 1 + self.excess_of_groups(groups) + self.excess_of_windows(groups)

    @property
    def certain_ratio(self) -> float:
        """The lower limit of the ratio. Source: Wilson and Hilferty 1931, "The distribution of chi-square"."""
        error = 2 / 9 / (self.degrees_of_freedom * max(self.freedom_of_window, 1.0))
        return self.ratio / (1 - error + CERTAIN * math.sqrt(error)) ** 3

    def excess_of_groups(self, groups: float) -> float:
        return min(max(0.0, self.ratio - 1), groups - 1)

    def excess_of_windows(self, groups: float) -> float:
        excess = max(0.0, self.ratio - 1)
        return (excess - self.excess_of_groups(groups)) * self.growth


class Dispersions(NamedTuple):
    """The members of `Dispersion` for several columns."""

    ratio: Values
    windows: Values
    growth: Values
    freedom_of_window: Values


def estimate_dispersion(name: str, effective: float, past: WindowStatistics) -> Dispersions:
    """The dispersion of past windows, along the last axis.

    Source: D4.2; McCullagh and Nelder 1989, "Generalized Linear Models", 4.5; Satterthwaite 1946, "An approximate
    distribution of estimates of variance components".
    """
    growth = _compute_growth(effective, past)
    expected = _compute_expected_squares(name, past)
    weights = _compute_weights(growth)
    loads = growth * weights
    total_weight = weights.sum(axis=-1)
    scale = np.maximum((loads * expected).sum(axis=-1), 1e-300)
    squares = _square_scores(name, past)
    ratio = (loads * squares).sum(axis=-1) / scale
    # The degrees of freedom of one window: those of independent rows, or fewer if squares vary by more than chance
    mean_expected = scale / loads.sum(axis=-1)
    freedom = _freedom_of_square(name, mean_expected)
    means = ratio[..., None] * expected
    variance = (weights * (growth * (squares - means)) ** 2).sum(axis=-1)
    variance /= np.maximum((weights * (growth * means) ** 2).sum(axis=-1), 1e-300)
    by_chance = np.exp(-ONE_SIDED_95 * np.sqrt((2 + 4 / freedom) / total_weight))
    varying = 2 / np.maximum(variance * by_chance, 1e-9)
    freedom = np.maximum(np.minimum(freedom, varying), 1.0)
    return Dispersions(ratio, total_weight - 1, scale / total_weight, freedom)


def _freedom_of_square(name: str, expected: Values) -> Values:
    """The degrees of freedom of a squared score whose expected value is this, for independent rows."""
    return np.maximum(2 * expected - 1 if name == "cell" else expected, 1.0)


def _shrink(estimate: Dispersions, prior: tuple[float, float]) -> Dispersion:
    """A column's dispersion, shrunk towards that of the others. A column that varies significantly more than they do,
    at the 5 % level, keeps its own (Wilson and Hilferty 1931).
    """
    ratio = float(estimate.ratio)
    windows = float(estimate.windows)
    freedom = float(estimate.freedom_of_window)
    prior_freedom, prior_ratio = prior
    if prior_freedom:
        root = (ratio / prior_ratio) ** (1 / 3)
        error = 2 / 9 / (windows * freedom)
        prior_error = 2 / 9 / prior_freedom
        excess = (1 - prior_error) * root - (1 - error)
        if excess <= ONE_SIDED_95 * math.sqrt(error + prior_error * root**2):
            added = prior_freedom / freedom
            ratio = (windows * ratio + added * prior_ratio) / (windows + added)
            windows += added
    return Dispersion(ratio, windows, float(estimate.growth), freedom)


def estimate_variance_prior(squares: Values, freedoms: Values) -> tuple[float, float]:
    """The prior for each group's variance, estimated from all groups: its degrees of freedom, more for more similar
    groups, and its variance; 0 and 1 if there are few groups.

    Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression", section 6.2.
    """
    is_usable = (freedoms >= 2) & (squares > 0)
    if is_usable.sum() < FEWEST_ALIKE:
        return 0.0, 1.0
    halves = freedoms[is_usable] / 2
    logs = (
        np.log(squares[is_usable] / freedoms[is_usable]) + 1 / (2 * halves) + 1 / (12 * halves**2)
    )  # minus digamma's bias
    beyond = float(logs.var(ddof=1) - (1 / halves + 1 / (2 * halves**2) + 1 / (6 * halves**3)).mean())  # trigamma
    prior_freedom = min(1 + 2 / beyond if beyond > 0 else math.inf, float(freedoms[is_usable].sum()))
    return prior_freedom, math.exp(float(logs.mean()) - 1 / prior_freedom - 1 / (3 * prior_freedom**2))


def group_size(past: WindowStatistics) -> float:
    """The number of rows that count as one, estimated from past windows: 1 for independent rows; NaN if unknown.

    Source: McCullagh and Nelder 1989, "Generalized Linear Models", 4.5: Pearson's statistic per degree of freedom.
    """
    return as_past_windows(past).group_size


def _compute_growth(effective: float, past: WindowStatistics) -> Values:
    growth: Values = np.maximum(1.0, effective / past["effective"])  # larger windows are not scaled down
    return growth


def _compute_weights(growth: Values) -> Values:
    """The weight of each past window. Scaling up a smaller window's variance scales up its noise, too."""
    weights = growth**-2
    weights_or_ones: Values = np.where(weights.sum(axis=-1, keepdims=True) >= ENOUGH_WINDOWS, weights, 1.0)
    return weights_or_ones


def _compute_expected_squares(name: str, past: WindowStatistics) -> Values:
    """The expected value of a squared score, or of a statistic, for independent rows."""
    if name == "chi2":
        return past["freedom"]
    if name != "cell":
        return np.ones(past[name].shape)
    return map_values(largest_squared_score, past["cells"])


@cache
def largest_squared_score(cells: float) -> float:
    if cells <= 2:
        return 1.0
    return normal_quantile(SHARE_OF_LARGEST / cells) ** 2
