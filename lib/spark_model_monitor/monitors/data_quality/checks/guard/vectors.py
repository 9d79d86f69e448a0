"""vector_length_check, vector_gaps_check, vector_norm_check and vector_components_check: vectors keep their number of
elements, have none missing, and keep their length and direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from spark_model_monitor.monitors.data_quality.checks.guard import GROUP, GUARDS, Evidence, Mean, of_means, of_share
from spark_model_monitor.monitors.data_quality.comparison import FeatureComparison
from spark_model_monitor.statistics.drift.special_functions import chi_square_above, normal_above, normal_quantile
from spark_model_monitor.statistics.states import FeatureProfile, VectorCounts
from spark_model_monitor.statistics.states.vectors import (
    MOST_COMPONENTS,
    SEVERAL,
    STRETCHES,
    TOO_LONG,
    Numbers,
    VectorMoments,
)

FEWEST_VECTORS = 30
FEWEST_STRETCHES = 8  # whose means show how much neighbours have in common
GAPS_ALIEN = 0.01
LEAST_SHIFT = 0.1  # of a component, in standard deviations, to be relevant
LEAST_DISTANCE = 0.2  # of the mean vector, likewise, in the directions of its movement
WHY_NOT = {
    SEVERAL: "its vectors have several lengths",
    TOO_LONG: f"its vectors have more than {MOST_COMPONENTS:,} components, which are not looked at one by one",
}


@GUARDS.register("vector_length_check", needs=VectorCounts)
def vector_length(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No vector has a different length, if all of the baseline's vectors have the same length.

    Source: D4.9.
    """
    old, new = before.vectors, feature.current.vectors
    if old is None or new is None or old.shortest != old.longest:
        return None
    current = _others(new, old.shortest), new.vectors
    return of_share("share of vectors of another length", (0, old.vectors), current, is_kind=True)


@GUARDS.register("vector_gaps_check", needs=VectorCounts)
def vector_gaps(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of vectors with elements that are missing or not finite is not above the baseline's; if that is 0, such vectors
    are a new kind of value.

    Source: D4.9.
    """
    sides = [each.state(VectorMoments) for each in (before, feature.current)]
    if before.vectors is None or any(each is None or not 0 < each.width <= MOST_COMPONENTS for each in sides):
        return None
    counts = ((each.unfit, each.unfit + each.count) for each in sides if each is not None)
    return of_share("share of vectors with missing elements", *counts, alien=GAPS_ALIEN, is_kind=True)


@GUARDS.register("vector_norm_check", needs=VectorCounts, same_as=("vector_components_check",))
def vector_norm(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The vectors have the baseline's mean norm.

    Source: D4.9.
    """
    sides = [each.moments if each.vectors is not None else None for each in (before, feature.current)]
    old, new = (Mean(each.count, each.mean, each.m2 / each.count) if each and each.count else None for each in sides)
    return of_means("mean norm of the vectors", old, new) if old and new else None


@GUARDS.register("vector_components_check", needs=VectorCounts)
def vector_components(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The mean vector is the baseline's, and so are the mean absolute values of the components and along 32 directions.

    Three tests share the level: Hotelling's test of the mean along the directions, by Bartlett's approximation; each component
    and its absolute value; each direction's absolute value, which detects components that swapped places although their means
    are alike. Rows count for fewer if means of neighbours differ more than means of unrelated rows.
    Source: D4.9; Hotelling 1931, "The generalization of Student's ratio"; Bartlett 1938, "Further aspects of multiple
    regression".
    """
    what = "distance of the mean vector in standard deviations"
    old, new = before.state(VectorMoments), feature.current.state(VectorMoments)
    if before.vectors is None or old is None or new is None or not old.width or not new.width:
        return None
    n, m = before.num_present, feature.current.num_present
    if why := WHY_NOT.get(old.width, WHY_NOT.get(new.width)):
        return Evidence(what, math.nan, 0.0, n, m, reason=why)
    return compared(what, old, new)


def compared(what: str, old: VectorMoments, new: VectorMoments) -> Evidence | None:
    """The means of both sides; None if a side has few vectors, or vectors of another length."""
    if old.width != new.width or min(old.count, new.count) < FEWEST_VECTORS:
        return None
    known = _rows_as_one(old, new.count), _rows_as_one(new, new.count)
    first, second = (found[0] if found is not None else None for found in known)
    if known[0] is not None and known[1] is not None:  # the baseline shows longer correlations than a window
        second = max(known[0][0], known[1][1])
    own = first or 1.0, second or first or 1.0
    alone, grouped = (_tested(what, old, new, groups) for groups in (own, (GROUP, GROUP)))
    of_known = None not in known  # neighbours show how many rows count as one
    return replace(alone, grouped_p=alone.p if of_known else grouped.p, is_alien=of_known)


def _rows_as_one(of: VectorMoments, rows: int) -> tuple[float, float] | None:
    """How many of this many rows count as one, by the means of neighbours along the directions; and for the neighbours
    alone. None if there are too few.

    Evidence below noise level counts as far as noise does not explain it: vectors with many directions measure it
    finely, ages coarsely. Correlation over longer windows is assumed to grow as it did from stretches of 32 or 256 to
    the next ones, at most up to the bound known for it.
    Source: James and Stein 1961, "Estimation with quadratic loss", the positive part.
    """
    size, spread = len(of.together), float(np.diag(of.together).sum())
    if spread <= 0:
        return None
    variance, found = spread / max(of.count - 1, 1), [1.0]
    chance = float((of.together**2).sum()) / spread**2  # of a squared ratio, beside one direction's
    longest, before, most = 1, 1.0, None
    for stretch, moments in zip(STRETCHES, of.stretches, strict=True):
        count = moments[0]
        if count >= FEWEST_STRETCHES and (stretch <= rows or most is None):
            ratio = float(moments[1 + size :].sum() / (count - 1) * stretch / variance)
            error = 2 * math.sqrt(2 / (count - 1))
            upto, growth = ratio * (1 + error), 1.0 if most is None else 0.0
            if most is not None and upto > before:
                growth = min(1.0, math.log(upto / before) / math.log(stretch / longest))
            more, is_clear = ratio - 1, ratio > 1 + error
            ratio = ratio if is_clear else 1 + max(0.0, more - chance * 2 / (count - 1) / more) if more > 0 else 1.0
            most = (upto if growth < 1 else ratio) * max(1.0, rows / stretch) ** growth if is_clear else ratio
            longest, before = stretch, max(ratio, 1.0)
            found.append(ratio)
    return None if most is None else (max(most, *found), max(found))


def _tested(what: str, old: VectorMoments, new: VectorMoments, groups: Sequence[float]) -> Evidence:
    """The clearest of three tests. groups: how many rows count as one, for each side."""
    width, size = old.width, len(old.together)
    (mean, variance), (now, variance_now) = old.mean_and_variance(), new.mean_and_variance()
    n, m = (max(1.0, each.count / group) for each, group in zip((old, new), groups, strict=True))
    pooled = (variance * (old.count - 1) + variance_now * (new.count - 1)) / (old.count + new.count - 2)
    apart, fewest = now - mean, min(n, m)
    errors = np.sqrt(np.maximum(pooled * (1 / n + 1 / m), variance / n + variance_now / m))
    moved = np.abs(apart) > np.maximum(1e-9 * np.abs(mean), 0)
    z = np.divide(np.abs(apart), errors, out=np.where(moved, math.inf, 0.0), where=errors > 0)
    effects = np.divide(np.abs(apart), np.sqrt(pooled), out=np.where(moved, math.inf, 0.0), where=pooled > 0)
    found = []
    for start, end in ((0, 2 * width), (2 * width, 2 * width + size)):
        place = start + int(z[start:end].argmax())
        p = 2 * (end - start) * _widened(float(z[place]), fewest)
        named = f"mean of component {place + 1}", f"mean amount of component {place - width + 1}"
        name = named[place >= width] if end == 2 * width else "mean amount of the vectors along a direction"
        found.append((p, float(effects[place]) >= LEAST_SHIFT, name, float(now[place]), float(mean[place])))
    p, distance = _hotelling(apart[-size:], old.together + new.together, n, m, old.count + new.count - 2)
    found.append((p, distance >= LEAST_DISTANCE, what, distance, 0.0))
    p, is_large, name, observed, expected = min(found, key=lambda each: (not each[1], each[0]))
    p = min(1.0, 3 * p)
    return Evidence(name, observed, expected, old.count, new.count, p, p, is_large)


def _hotelling(apart: Numbers, together: Numbers, n: float, m: float, freedom: int) -> tuple[float, float]:
    """The p-value of two samples' means, and their distance in standard deviations. together: products of deviations."""
    values, along = np.linalg.eigh(together / freedom)
    there = values > values.max(initial=0.0) * 1e-9
    rank, of = int(there.sum()), n + m - 2
    squared = float(((along[:, there].T @ apart) ** 2 / values[there]).sum()) if rank else 0.0
    left = of + 1 - (rank + 2) / 2
    if not rank or left <= rank:
        return 1.0, math.sqrt(squared)
    p = chi_square_above(left * math.log1p(squared * n * m / (n + m) / of), rank)
    return _widened(-normal_quantile(p) if p > 0 else math.inf, min(n, m)), math.sqrt(squared)


def _widened(z: float, fewest: float) -> float:
    """The upper tail, widened like that of a mean of numbers with a skewness of 2."""
    if z <= 0 or math.isinf(z):
        return normal_above(z)
    return normal_above(z / math.sqrt(1 + z * 2 / (3 * math.sqrt(fewest))))


def _others(counts: VectorCounts, length: int) -> int:
    """A lower bound for the number of vectors with another length, from what is known of all their lengths."""
    apart = counts.elements - counts.vectors * length
    if not counts.shortest <= length <= counts.longest:
        return counts.vectors
    shorter, longer = length - counts.shortest, counts.longest - length
    reach = longer if apart > 0 else shorter
    return max((shorter > 0) + (longer > 0), math.ceil(abs(apart) / reach) if apart else 0)
