"""Distances between two distributions of one feature, each a registered function of (baseline, current).

The chi-square test of counts by category is Deequ's; the service's cumulative distribution, in which each distinct value counts
once, is for `--compat service` only.
"""

from __future__ import annotations

import bisect
import math
import sys
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distributions import Counts, Levels, StepCdf, require_values
from spark_model_monitor.statistics.drift.special_functions import chi_square_cdf
from spark_model_monitor.value_class import value_class


def build_tie_losing_cdf(levels: Levels) -> StepCdf:
    """The step CDF over distinct items, each with the weight 2^h of the highest level h that has it.

    Its `total` is the n that the service's correction takes. Infinities are left out: the service takes such a cell for
    text.
    """
    weights: dict[float, int] = {}
    for height, level in enumerate(levels):
        weights.update(dict.fromkeys(np.asarray(level, dtype=np.float64).tolist(), 1 << height))
    values = sorted(weights)
    cumulative = np.cumsum([weights[value] for value in values], dtype=np.int64)
    return StepCdf(np.array(values, dtype=np.float64), cumulative)


Distance: TypeAlias = Callable[..., float]

DISTANCES: Registry[Distance] = Registry("distance")


def register_distance(
    name: str,
    *,
    formula: str,
    numeric: Literal["step_cdf", "deciles", "histogram"] | None = None,
    categorical: bool = False,
    symmetric: bool = True,
    range: tuple[float, float] = (0.0, 1.0),
    higher_is_more: bool = True,
    threshold: float | None = None,
    service: str | None = None,
) -> Callable[[Distance], Distance]:
    """Decorator that enters a distance, with what comparisons, tests and docs/drift.md know of it.

    formula: in words that checks.json shows. numeric: the form in which it takes numbers; None: it takes none.
    categorical: whether it takes counts by category. symmetric: whether both sides may change places.
    range: its least and its largest value. higher_is_more: False for a p-value.
    threshold: its usual limit; None: constraints.json can't choose it for all features.
    service: its name in the service's files; `Simple` is the service's for numbers, and ours for texts.
    """
    facts = {"formula": formula, "numeric": numeric, "categorical": categorical, "symmetric": symmetric, "range": range}
    return DISTANCES.register(name, **facts, higher_is_more=higher_is_more, threshold=threshold, service=service)


CRITICAL_VALUE = 1.8
"""c of the robust distance; a level of 0.003. Source: Distance.scala of Deequ 2.1.0, after Knuth, TAOCP 2, 3.3.1."""

MIN_DEVIATION = 0.001
"""The smallest standard deviation that a baseline is taken to have. Source: Evidently's normed Wasserstein distance."""

_ROBUST = "max(0, {distance} - 1.8 * sqrt((n + m) / (n * m)))"
_CDF_GAP = "max |F_baseline - F_current|"
_SHARE_GAP = "max |p_baseline - p_current|"


@register_distance("l_infinity_numeric", numeric="step_cdf", threshold=0.1, service="Simple", formula=_CDF_GAP)
def l_infinity_numeric(baseline: StepCdf, current: StepCdf) -> float:
    """Largest gap between two cumulative distributions (Kolmogorov-Smirnov): 0 if they are equal, 1 if they don't overlap.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.numericalDistance of Deequ 2.1.0, `linfSimple`; `comparison_method: Simple` of constraints.json, whose
    limit all distances of the service share (C4.2).
    """
    require_values(baseline.total, current.total)
    return current.pool_with(baseline).largest_gap


@register_distance(
    "l_infinity_numeric_robust",
    numeric="step_cdf",
    threshold=0.1,
    service="Robust",
    formula=_ROBUST.format(distance=_CDF_GAP),
)
def l_infinity_numeric_robust(baseline: StepCdf, current: StepCdf) -> float:
    """Largest gap between two cumulative distributions, minus the gap that chance explains at this sample size; at least 0.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.numericalDistance of Deequ 2.1.0, `linfRobust`; C4.2, `comparison_method: Robust`.
    """
    return _remove_noise(l_infinity_numeric(baseline, current), baseline.total, current.total)


@register_distance("l_infinity_categorical", categorical=True, threshold=0.1, service="Simple", formula=_SHARE_GAP)
def l_infinity_categorical(baseline: Counts, current: Counts) -> float:
    """Largest difference between the shares of a category: 0 if all are equal, 1 if each side has a single category of its own.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.categoricalDistance of Deequ 2.1.0, `linfSimple`; the same is TFDV's `infinity_norm`.
    """
    p, q = _normalize_counts(baseline, current)
    return float(np.abs(p - q).max())


@register_distance(
    "l_infinity_categorical_robust",
    categorical=True,
    threshold=0.1,
    service="LInfinity",
    formula=_ROBUST.format(distance=_SHARE_GAP),
)
def l_infinity_categorical_robust(baseline: Counts, current: Counts) -> float:
    """Largest difference between the shares of a category, minus what chance explains at this sample size; at least 0.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.categoricalDistance of Deequ 2.1.0, `linfRobust`; C4.2, `categorical_drift_method: LInfinity`.
    """
    gap = l_infinity_categorical(baseline, current)
    return _remove_noise(gap, float(baseline.sum()), float(current.sum()))


@register_distance(
    "normalized_abs_difference", categorical=True, formula="max |baseline count - current count| / (n + m)"
)
def normalized_abs_difference(baseline: Counts, current: Counts) -> float:
    """Largest difference between the counts of a category, as a share of both totals; also detects a change of volume.

    Raises EmptyDistribution if either side counts nothing.
    Source: NormalizedAbsoluteDifference of TFDV's anomalies/metrics.cc.
    """
    require_values(baseline.sum(), current.sum())
    return float(np.abs(baseline - current).max() / (baseline.sum() + current.sum()))


@register_distance(
    "js_divergence",
    numeric="histogram",
    categorical=True,
    threshold=0.3,
    formula="(KL(p | mean) + KL(q | mean)) / 2, in bits",
)
def js_divergence(baseline: Counts, current: Counts) -> float:
    """Jensen-Shannon divergence in bits: 0 for proportional counts, 1 for disjoint ones.

    Cells that are empty on both sides add nothing. The *distance* is the square root of this divergence.

    Raises EmptyDistribution if either side counts nothing.
    Source: Lin 1991, "Divergence measures based on the Shannon entropy", equal weights; base 2, and numeric features
    over their aligned histograms, as TFDV has it, without a default limit. Vertex AI has this one.
    """
    p, q = _normalize_counts(baseline, current)
    middle = (p + q) / 2
    divergence = (_compute_relative_entropy(p, middle) + _compute_relative_entropy(q, middle)) / 2
    return min(max(divergence, 0.0), 1.0)


@register_distance(
    "js_distance",
    numeric="deciles",
    categorical=True,
    threshold=0.1,
    formula="sqrt((KL(p | mean) + KL(q | mean)) / 2), in bits",
)
def js_distance(baseline: Counts, current: Counts) -> float:
    """Jensen-Shannon distance with base-2 logarithms: 0 for proportional counts, 1 for disjoint ones.

    Raises EmptyDistribution if either side counts nothing.
    Source: Endres and Schindelin 2003, "A new metric for probability distributions"; base 2 as NannyML and Azure.
    The limit is NannyML's and Evidently's default.
    """
    return math.sqrt(js_divergence(baseline, current))


@register_distance(
    "psi",
    numeric="deciles",
    categorical=True,
    range=(0.0, math.inf),
    threshold=0.2,
    formula="sum((q - p) * ln(q / p)), 1 added to every count",
)
def population_stability_index(baseline: Counts, current: Counts) -> float:
    """Population stability index: 0 if the smoothed shares are equal; no upper bound.

    Cells that are empty on both sides are left out, and 1 is added to each other count, so that a cell that is empty on
    one side does not make the index infinite. Different totals move the index a little even if the shares are equal.

    Raises EmptyDistribution if either side counts nothing.
    Source: D3.5; Deequ's own has no smoothing. The limit is common practice; Siddiqi 2006, "Credit Risk
    Scorecards", calls less than 0.1 no change and more than 0.25 a large one.
    """
    require_values(baseline.sum(), current.sum())
    is_filled = (baseline > 0) | (current > 0)
    # With 1 added, no cell is empty, so no logarithm is infinite
    p, q = _normalize_counts(baseline[is_filled] + 1, current[is_filled] + 1)
    return float(np.sum((q - p) * np.log(q / p)))


@register_distance(
    "hellinger", numeric="deciles", categorical=True, threshold=0.1, formula="sqrt(sum((sqrt(p) - sqrt(q))^2) / 2)"
)
def hellinger(baseline: Counts, current: Counts) -> float:
    """Hellinger distance: 0 for equal shares, 1 for disjoint ones.

    Raises EmptyDistribution if either side counts nothing.
    Source: D3.5; as NannyML. The limit is Evidently's default.
    """
    p, q = _normalize_counts(baseline, current)
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2))


def wasserstein(baseline: StepCdf, current: StepCdf) -> float:
    """First Wasserstein distance of the finite values, in the feature's own unit: by how much values moved on average.

    Raises EmptyDistribution if either side has no finite values.
    Source: D3.5, D2.
    """
    # The area between the two step functions; infinities, which have no finite distance, are left out
    before = baseline.drop_infinite()
    after = current.drop_infinite()
    require_values(before.total, after.total, "finite values")
    pooled = after.pool_with(before)
    return 2 * float(
        np.sum(pooled.gaps[:-1] * np.diff(pooled.values / 2))
    )  # halves: the widest range overflows a double


@register_distance(
    "wasserstein_normalised",
    numeric="step_cdf",
    symmetric=False,
    range=(0.0, math.inf),
    threshold=0.1,
    formula="integral of |F_baseline - F_current| over the finite values / max(standard deviation of the baseline, 0.001)",
)
def wasserstein_normalised(baseline: StepCdf, current: StepCdf) -> float:
    """First Wasserstein distance: how far values moved on average, in population standard deviations of the baseline.

    At most the largest double, since a file can't hold an infinity; NaN if both the distance and the deviation are infinite.

    Raises EmptyDistribution if either side has no finite values.
    Source: as Evidently, with its default limit; Azure takes the sample's deviation and a limit of 0.5.
    """
    # In the unit of the baseline's deviation, which makes one limit fit all features
    moved = wasserstein(baseline, current)
    with np.errstate(over="ignore"):
        return min(moved / max(baseline.deviation, MIN_DEVIATION), sys.float_info.max)


def _normalize_counts(baseline: Counts, current: Counts) -> tuple[Doubles, Doubles]:
    require_values(baseline.sum(), current.sum())
    return baseline / baseline.sum(), current / current.sum()


def _remove_noise(gap: float, n: float, m: float) -> float:
    return max(0.0, gap - CRITICAL_VALUE * math.sqrt((n + m) / (n * m)))


def _compute_relative_entropy(p: Doubles, q: Doubles) -> float:
    is_filled = p > 0  # 0 · log 0 is 0, and q > 0 wherever p > 0
    return float(np.sum(p[is_filled] * np.log2(p[is_filled] / q[is_filled])))


MIN_EXPECTED = 5.0  # least expected count of a cell. Source: Deequ's defaultAbsThresholdYates, after Moore and McCabe.

MIN_EXPECTED_OF_TWO = 10.0
"""The same if there are only two cells. Source: Deequ's defaultAbsThresholdCochran, after Cochran 1952."""

MAX_SMALL_CELLS = 0.2
"""Share of the cells that may expect less, if there are more than two. Source: Deequ's defaultPercThresholdYates."""


@value_class
class ChiSquareTest:
    """The result of a chi-square test. statistic and p_value are NaN if the counts don't allow a test."""

    statistic: float
    p_value: float
    degrees_of_freedom: int


class _Cell(NamedTuple):
    """A category, or several joined categories. Cells are ordered by their expected count, then by their position."""

    expected: float
    position: int
    observed: float


def goodness_of_fit(baseline: Counts, current: Counts) -> ChiSquareTest:
    """Pearson's test of the current counts against the baseline's shares, which are taken as exact, as Deequ does it.

    Categories that the baseline does not have are not counted. While too many cells expect too few, the one that expects
    least is joined to the next (equal ones in the order of the counts; Deequ's order is that of a hash map). Not
    computable with fewer than two cells left.

    Raises EmptyDistribution if either side counts nothing.
    Source: Distance.categoricalChiSquareTest of Deequ 2.1.0 and MLlib's ChiSqTest; D3.4.
    """
    require_values(baseline.sum(), current.sum())
    # A category that the baseline lacks has no expected count
    is_in_baseline = baseline > 0
    compared_total = current[is_in_baseline].sum()
    expected = baseline[is_in_baseline] / baseline.sum() * compared_total
    observed = current[is_in_baseline]
    cells = _join_small_cells(sorted(map(_Cell, expected.tolist(), range(len(expected)), observed.tolist())))
    if len(cells) < 2:
        return ChiSquareTest(math.nan, math.nan, 0)
    statistic = sum((cell.observed - cell.expected) ** 2 / cell.expected for cell in cells)
    freedom = len(cells) - 1
    # 1 - cdf as in MLlib, which is 0 below 1e-16; the survival function would go on.
    return ChiSquareTest(statistic, 1.0 - chi_square_cdf(statistic, freedom), freedom)


@register_distance(
    "chi_squared",
    categorical=True,
    symmetric=False,
    higher_is_more=False,
    threshold=0.1,
    service="ChiSquared",
    formula="p-value of Pearson's chi-squared test of the current counts against the baseline's shares",
)
def chi_squared(baseline: Counts, current: Counts) -> float:
    """p-value of Pearson's chi-squared test against the baseline's shares: 1 if the shares are equal; NaN if not computable.

    Raises EmptyDistribution if either side counts nothing.
    Source: C4.2, `categorical_drift_method: ChiSquared`; C11.23. The limit is the service's default (C4.2).
    """
    return goodness_of_fit(baseline, current).p_value


def _join_small_cells(cells: list[_Cell]) -> list[_Cell]:
    """The sorted cells after joining, as Deequ's regroupCategories."""
    while len(cells) > 1:
        least_expected = MIN_EXPECTED_OF_TWO
        allowed = 0
        if len(cells) > 2:
            least_expected = MIN_EXPECTED
            allowed = int(MAX_SMALL_CELLS * len(cells))
        if bisect.bisect_left(cells, least_expected, key=lambda cell: cell.expected) <= allowed:
            break
        # The two cells with the smallest expected counts become one, at the position of the second
        smallest = cells.pop(0)
        next_smallest = cells.pop(0)
        bisect.insort(
            cells,
            _Cell(
                next_smallest.expected + smallest.expected,
                next_smallest.position,
                next_smallest.observed + smallest.observed,
            ),
        )
    return cells
