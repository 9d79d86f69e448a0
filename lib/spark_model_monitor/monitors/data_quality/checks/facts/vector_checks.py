"""vector_length_check, vector_gaps_check, vector_norm_check and vector_components_check: vectors keep their number of
elements, have none missing, and keep their length and direction.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.documents.check_results import HOTELLING, NORMAL
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    MIN_MEAN_VALUES,
    FactEvidence,
    Mean,
    compare_means,
    compare_shares,
    compute_skewed_tail,
    register_fact,
    select_clearest,
)
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.special_functions import chi_square_survival, normal_quantile
from spark_model_monitor.statistics.states import FeatureProfile, Moments, VectorCounts
from spark_model_monitor.statistics.states.moments import ROUNDING
from spark_model_monitor.statistics.states.vectors import (
    MAX_COMPONENTS,
    SEVERAL,
    STRETCHES,
    TOO_LONG,
    VectorMoments,
    directions,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import MIN_WINDOWS

MIN_SHIFT = 0.1  # smallest relevant shift of a component, in standard deviations
MIN_DISTANCE = 0.2  # smallest relevant distance of the mean vector, in standard deviations
FLATTEST = 1e-9  # of the largest variance: axes that vary less are combinations of other axes
REASON_BY_WIDTH = {
    SEVERAL: "its vectors have several lengths",
    TOO_LONG: f"its vectors have more than {MAX_COMPONENTS:,} components, which are not looked at one by one",
}


@register_fact("vector_length_check", needs=VectorCounts)
def vector_length(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No vector has a different length, if all of the baseline's vectors have the same length.

    Source: D4.9.
    """
    baseline_counts = baseline_profile.vectors
    current_counts = feature.current_profile.vectors
    if baseline_counts is None or current_counts is None or baseline_counts.shortest != baseline_counts.longest:
        return None
    current = (_count_other_lengths(current_counts, baseline_counts.shortest), current_counts.vectors)
    return compare_shares("share of vectors of another length", (0, baseline_counts.vectors), current)


@register_fact("vector_gaps_check", needs=VectorCounts)
def vector_gaps(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of vectors with elements that are missing or not finite is not above the baseline's; if that is 0, such vectors
    are a new kind of value.

    Source: D4.9.
    """
    baseline_moments = baseline_profile.state(VectorMoments)
    current_moments = feature.current_profile.state(VectorMoments)
    if baseline_profile.vectors is None or baseline_moments is None or current_moments is None:
        return None
    # The width is 0 if all vectors have missing elements
    if not (
        0 < baseline_moments.width <= MAX_COMPONENTS
        and current_moments.width <= MAX_COMPONENTS
        and current_moments.unfit + current_moments.count
    ):
        return None
    baseline = (baseline_moments.unfit, baseline_moments.unfit + baseline_moments.count)
    current = (current_moments.unfit, current_moments.unfit + current_moments.count)
    return compare_shares("share of vectors with missing elements", baseline, current)


@register_fact("vector_norm_check", needs=VectorCounts, same_as=("vector_components_check",))
def vector_norm(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The vectors have the baseline's mean norm.

    Source: D4.9.
    """
    if baseline_profile.vectors is None or feature.current_profile.vectors is None:
        return None
    baseline = _create_mean_norm(baseline_profile.moments)
    current = _create_mean_norm(feature.current_profile.moments)
    if baseline is None or current is None:
        return None
    return compare_means(
        "mean norm of the vectors", baseline, current, _estimate_design_effect(baseline_profile.state(VectorMoments))
    )


def _create_mean_norm(norms: Moments | None) -> Mean | None:
    if norms is None or not norms.count:
        return None
    return Mean(norms.count, norms.mean, norms.m2 / norms.count)


@register_fact("vector_components_check", needs=VectorCounts)
def vector_components(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The mean vector is the baseline's, and so are the mean absolute values of the components and along 32 directions.

    Three tests share the level: Hotelling's test of the mean along the directions, by Bartlett's approximation; each component
    and its absolute value; each direction's absolute value, which detects components that swapped places although their means
    are alike. Rows count for fewer if means of neighbours differ more than means of unrelated rows.
    Source: D4.9; Hotelling 1931, "The generalization of Student's ratio"; Bartlett 1938, "Further aspects of multiple
    regression".
    """
    quantity = "distance of the mean vector in standard deviations"
    baseline = baseline_profile.state(VectorMoments)
    current = feature.current_profile.state(VectorMoments)
    if (
        baseline_profile.vectors is None
        or baseline is None
        or current is None
        or not baseline.width
        or not current.width
    ):
        return None
    n = baseline_profile.num_present
    m = feature.current_profile.num_present
    if why := REASON_BY_WIDTH.get(baseline.width, REASON_BY_WIDTH.get(current.width)):
        return FactEvidence(quantity, math.nan, 0.0, n, m, reason=why)
    return compare_mean_vectors(quantity, baseline, current)


def compare_mean_vectors(quantity: str, baseline: VectorMoments, current: VectorMoments) -> FactEvidence | None:
    """The evidence on the mean vectors, the clearest of three tests; None if a side has too few vectors, or if vectors have
    another length.
    """
    if baseline.width != current.width or min(baseline.count, current.count) < MIN_MEAN_VALUES:
        return None
    width = baseline.width
    size = len(baseline.together)
    # How many independent rows each side counts for
    design_effect = _estimate_design_effect(baseline)
    n = max(1.0, baseline.count / design_effect)
    m = max(1.0, current.count / design_effect)
    baseline_mean, baseline_variance = baseline.mean_and_variance()
    current_mean, current_variance = current.mean_and_variance()
    freedom = baseline.count + current.count - 2
    pooled = (baseline_variance * (baseline.count - 1) + current_variance * (current.count - 1)) / freedom
    # Differences that rounding explains are set to 0; rounding errors grow with the numbers behind each quantity
    amounts = np.maximum(baseline_mean, current_mean)[width : 2 * width]
    direction_amounts = amounts @ np.abs(directions(width))
    magnitudes = np.concatenate([amounts, amounts, direction_amounts, direction_amounts])
    shifts = current_mean - baseline_mean
    shifts[np.abs(shifts) <= ROUNDING * magnitudes] = 0.0
    # Each shift in standard errors
    pooled_squares = pooled * (1 / n + 1 / m)
    separate_squares = baseline_variance / n + current_variance / m
    errors = np.sqrt(np.maximum(pooled_squares, separate_squares))
    without_spread = np.where(shifts != 0, math.inf, 0.0)
    z = np.divide(np.abs(shifts), errors, out=without_spread, where=errors > 0)
    tests: list[FactEvidence] = []
    # The clearest component or absolute value of a component; then the clearest direction (Bonferroni)
    for start, end in ((0, 2 * width), (2 * width, 2 * width + size)):
        index = start + int(z[start:end].argmax())
        p = 2 * (end - start) * compute_skewed_tail(float(z[index]), min(n, m))
        name = "mean amount of the vectors along a direction"
        if index < width:
            name = f"mean of component {index + 1}"
        elif index < 2 * width:
            name = f"mean amount of component {index - width + 1}"
        deviation = math.sqrt(float(pooled[index]))
        tests.append(
            FactEvidence(
                name,
                float(current_mean[index]),
                float(baseline_mean[index]),
                baseline.count,
                current.count,
                p,
                effect=abs(float(shifts[index])),
                least_effect=MIN_SHIFT * deviation,
                test=NORMAL,
                statistic=float(z[index]),
            )
        )
    # All directions together
    p, distance = _test_hotelling(
        shifts[-size:], baseline.together + current.together, magnitudes[-size:], n, m, freedom
    )
    tests.append(
        FactEvidence(
            quantity,
            distance,
            0.0,
            baseline.count,
            current.count,
            p,
            effect=distance,
            least_effect=MIN_DISTANCE,
            test=HOTELLING,
            statistic=distance,
        )
    )
    return select_clearest(*tests)


def _estimate_design_effect(moments: VectorMoments | None) -> float:
    """How many rows of a baseline count as one: the variance ratio of means of neighbouring rows along the directions, if it is
    beyond noise; 1 with too few of these means.
    """
    if moments is None or not moments.count:
        return 1.0
    size = len(moments.together)
    variance = float(np.diag(moments.together).sum()) / max(moments.count - 1, 1)
    largest = 1.0
    for stretch, stretch_moments in zip(STRETCHES, moments.stretches, strict=True):
        count = stretch_moments[0]
        if count < MIN_WINDOWS or not variance:
            continue
        # The variance of the stretches' means over that of independent rows has to exceed 1 by two standard errors
        ratio = float(stretch_moments[1 + size :].sum() / (count - 1) * stretch / variance)
        if ratio > 1 + 2 * math.sqrt(2 / (count - 1)):
            largest = max(largest, ratio)
    return largest


def _test_hotelling(
    shifts: Doubles, products: Doubles, magnitudes: Doubles, n: float, m: float, freedom: int
) -> tuple[float, float]:
    """The p-value of the difference of two samples' means (Hotelling), and the means' distance in standard deviations.

    shifts: the differences of the means. products: the sums of products of deviations. magnitudes: how large the numbers behind
    each mean are.
    """
    scale = np.where(magnitudes > 0, magnitudes, 1.0)
    # Distances along the axes in which the quantities vary independently, without axes that hardly vary
    variances, axes = np.linalg.eigh(products / freedom / np.outer(scale, scale))
    varies = variances > max(FLATTEST * float(variances.max(initial=0.0)), ROUNDING**2)
    rank = int(varies.sum())
    if not rank:
        return 1.0, 0.0
    squared = float(((axes[:, varies].T @ (shifts / scale)) ** 2 / variances[varies]).sum())
    rows = n + m - 2
    # With Bartlett's factor the logarithm is nearly chi-square distributed
    corrected_rows = rows + 1 - (rank + 2) / 2
    if corrected_rows <= rank:
        return 1.0, math.sqrt(squared)
    p = chi_square_survival(corrected_rows * math.log1p(squared * n * m / (n + m) / rows), rank)
    z = math.inf
    if p > 0:
        z = -normal_quantile(p)
    return compute_skewed_tail(z, min(n, m)), math.sqrt(squared)


def _count_other_lengths(counts: VectorCounts, length: int) -> int:
    """A lower bound for the number of vectors with another length, from the sum and the extremes of all lengths."""
    if not counts.shortest <= length <= counts.longest:
        return counts.vectors
    fewest = (counts.shortest < length) + (counts.longest > length)
    # A surplus of elements needs longer vectors, and a lack shorter ones: fewest if these have the extreme length
    surplus = counts.elements - counts.vectors * length
    if surplus > 0:
        return max(fewest, math.ceil(surplus / (counts.longest - length)))
    if surplus < 0:
        return max(fewest, math.ceil(-surplus / (length - counts.shortest)))
    return fewest
