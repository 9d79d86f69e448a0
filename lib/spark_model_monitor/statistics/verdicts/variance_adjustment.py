"""P-values of a column's tests that allow for how much healthy windows vary. Pure.

Model: a score over the root of its variance (`between_window_variance.py`) is Student distributed, with the degrees of
freedom of that variance; a chi-square statistic is noncentral; new values and values beyond the range are exponential.
Statistic: the window's own scores (`window_statistics.py`), for the same tests as `components.py` has. A test's p-value is
the largest of that of independent rows, that beside past windows, and that of rows in groups.
Assumptions: past windows are healthy. Where one of them is an outlier, only a window much further out has a small p.
Used by: `distribution/calibration.py` of data quality, and the first days of a schedule.
Source: D4.2, D4.16.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spark_model_monitor.statistics.drift.distributions import Counts, Values
from spark_model_monitor.statistics.drift.special_functions import (
    chi_square_above,
    normal_above,
    normal_quantile,
    normals_above,
    student_above,
    student_densities,
)
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    ENOUGH_WINDOWS,
    FEWEST_WINDOWS,
    LEAST_PROBABILITY,
    POWERS,
    SHARE_OF_LARGEST,
    PastWindows,
    PooledVariance,
    as_past_windows,
    compute_dispersion,
    compute_missing_share,
    group_size,
    largest_squared_score,
    overdispersion_factor,
    remove_noise,
)
from spark_model_monitor.statistics.verdicts.components import (
    LEAST_EFFECT,
    Component,
    Samples,
    chance_of_more,
    two_sided_p_values,
)
from spark_model_monitor.statistics.verdicts.window_statistics import VALUES, WindowStatistics

LEAST_SCORE = 3.0  # a frequent value with a smaller score is not tested on its own
MUCH_MORE = 2.0  # times the largest share of missing values, or the furthest outlier, of the past windows
RARE = 0.01  # above this p-value outliers of the past don't matter
_NODES: Values = np.logspace(-2, 3, 81).astype(float)
_STEPS = np.gradient(_NODES)


@dataclass(frozen=True, slots=True)
class Groups:
    """The number of a window's rows that count as one, estimated from neighbours. of_values, of_missing: the feature's.
    new_values: where past windows don't show it, else 1. new_missing: likewise; the maximum over features.
    """

    of_values: float = 1.0
    of_missing: float = 1.0
    new_values: float = 1.0
    new_missing: float = 1.0

    def design_effect(self, component: str) -> float:
        """That of rows whose past windows show it."""
        if component == "missing":
            return self.of_missing
        return self.of_values

    def new_design_effect(self, component: str) -> float:
        """That of rows whose past windows don't show it."""
        if component == "missing":
            return self.new_missing
        return self.new_values


ALONE = Groups()


def adjust_for_between_window_variance(
    component: Component,
    now: Mapping[str, float],
    past: WindowStatistics,
    groups: Groups = ALONE,
    pooled: PooledVariance | None = None,
) -> Component:
    """The component with its p-value given the variation of past windows. now: the window's own raw statistics.
    pooled: the variation of other columns.
    """
    if component.p >= 1:
        return component
    # If means vary, counts are no longer hypergeometric, and all cells are comparisons
    if component.comparisons is not None:
        moves = "location" not in past or np.isnan(past["location"]).any()
        if moves:
            row_share = 0.0
        else:
            row_share = 1 / overdispersion_factor("location", now, past, groups.of_values, pooled) ** 2
        comparisons = component.tests + (component.comparisons - component.tests) * row_share
        component = replace(component, p=component.p / component.comparisons * comparisons, comparisons=comparisons)
    p = _p_value_given_past(component, now, past, groups.design_effect(component.name), pooled)
    p = min(1.0, max(component.p, p, _p_value_of_groups(component, now, groups.new_design_effect(component.name))))
    return replace(component, p=p, comparisons=None)


def _p_value_given_past(
    component: Component, now: Mapping[str, float], past: WindowStatistics, groups: float, pooled: PooledVariance | None
) -> float:
    """The component's p-value if windows vary as past ones did; 0 if they vary as independent rows do."""
    name = component.name
    if name == "range":
        return _p_value_of_range(now, past)
    if name == "chi2":
        p = _p_value_of_chi_square(now, past, groups, pooled)
    elif name == "missing":
        p = _p_value_of_missing(component, now, past, groups, pooled)
    else:
        p = _p_value_of_score(component, now, past, groups, pooled)
    # Where a past window is an outlier, that law doesn't hold
    is_rare = max(p, component.p) <= RARE
    outlier = None
    if is_rare:
        outlier = as_past_windows(past).find_outlier(name)
    if outlier is None:
        return p
    if name == "missing" and not np.isnan(past["nulls"]).all():
        return _p_value_beyond_outages(now, past, groups)
    if _compute_distance(name, now) <= MUCH_MORE * outlier:
        return 1.0
    return p


def _p_value_of_score(
    component: Component, now: Mapping[str, float], past: WindowStatistics, groups: float, pooled: PooledVariance | None
) -> float:
    name = component.name
    dispersion = compute_dispersion(name, now, past, pooled)
    factor = dispersion.factor(groups)
    if factor <= 1:
        return 0.0
    tests = component.tests
    if name == "cell":  # the largest of all cells was expected; only so many of them vary
        of_all = largest_squared_score(now["cells"])
        of_varying = max(1.0, min(of_all, (1 + dispersion.freedom_of_window) / 2))
        factor *= of_all / of_varying
        tests = min(tests, max(1.0, SHARE_OF_LARGEST / normal_above(math.sqrt(of_varying))))
    # a deviation's part that is due to independent rows; with few windows the reference's own error dominates
    if dispersion.degrees_of_freedom >= ENOUGH_WINDOWS - 1:
        row_share = 1 / factor
    else:
        row_share = 1.0
    return _two_sided_p_value(component, now, factor, dispersion.degrees_of_freedom, tests, row_share)


def _p_value_of_missing(
    component: Component,
    now: Mapping[str, float],
    past: WindowStatistics,
    groups: float,
    pooled: PooledVariance | None,
) -> float:
    """The p-value of more missing values. Fewer are judged by their score, and so are all if groups of rows explain how
    much past windows vary.

    Model: the logit of the share is normal from window to window, as in a binomial regression with a random effect of each
    window, because storms and outages multiply it. Its variance follows from that of the share, if `before` is the mean.
    Groups of rows are sampled like rows. Source: Williams 1982, "Extra-binomial variation in logistic linear models".
    """
    before = compute_missing_share(past)
    share = now["nulls"] / now["of"]
    dispersion = compute_dispersion("missing", now, past, pooled)
    if not 0 < before < share or dispersion.certain_ratio <= groups:
        return _p_value_of_score(component, now, past, groups, pooled)
    variance_of_rows = 1 / (before * (1 - before) * now["effective"])  # of the logit, for independent rows
    between_windows = math.log1p(dispersion.excess_of_windows(groups) * variance_of_rows)
    of_rows = (1 + dispersion.excess_of_groups(groups)) * variance_of_rows * before / share
    rise = math.log(share / before) - math.log(max(1 - share, LEAST_PROBABILITY) / (1 - before))
    score = (rise + between_windows / 2) / math.sqrt(between_windows + of_rows)  # from the median
    return 2 * student_above(score, dispersion.degrees_of_freedom)


def _compute_distance(name: str, now: Mapping[str, float]) -> float:
    """How far a window lies from the reference, whatever its number of rows."""
    expected = 1.0
    if name == "chi2":
        expected = now["freedom"]
    elif name == "cell":
        expected = largest_squared_score(now["cells"])
    return remove_noise(now[name] ** POWERS.get(name, 2), expected, now["effective"])


def _p_value_beyond_outages(now: Mapping[str, float], past: WindowStatistics, groups: float) -> float:
    """The p-value of the missing values beside the past window that lacked most of all; 1 if the share is not much
    larger, or if there are fewer than 16 windows. Asked only where the past has an outlier.
    """
    is_counted = ~np.isnan(past["nulls"])
    if np.count_nonzero(is_counted) < ENOUGH_WINDOWS:
        return 1.0
    missing = past["nulls"][is_counted]
    rows = past["of"][is_counted]
    worst = int((missing / rows).argmax())
    if now["nulls"] / now["of"] <= MUCH_MORE * missing[worst] / rows[worst]:
        return 1.0
    before = math.ceil(missing[worst] / groups), int(rows[worst] / groups)
    return chance_of_more(*before, int(now["nulls"] / groups), int(now["of"] / groups))


def _two_sided_p_value(
    component: Component, now: Mapping[str, float], factor: float, freedom: float, tests: float, row_share: float
) -> float:
    """The p-value of a score with its variance multiplied by `factor`, which `freedom` degrees of freedom estimate. For
    small counts the exact p-value is better than the score. row_share: the share of a deviation due to independent rows.
    """
    p = component.p / (component.comparisons or component.tests)
    score = abs(now[component.name])
    if p > LEAST_PROBABILITY:
        exact = -normal_quantile(p / 2)
        score = min(exact, score + (exact - score) * row_share)
    return tests * 2 * student_above(score / math.sqrt(factor), freedom)


def _p_value_of_groups(component: Component, now: Mapping[str, float], groups: float) -> float:
    """The component's p-value if `groups` rows of the window count as one; 0 if rows are independent."""
    if groups <= 1:
        return 0.0
    name = component.name
    rows = now["rows"]
    if name in ("range", "unseen"):
        share: float = 1 - now["effective"] / rows  # the window's share of all values
        return 2 * math.pow(share, component.effect * rows / groups)
    if name == "chi2":
        return _p_value_of_cells_of_groups(now, groups)
    return _two_sided_p_value(component, now, groups, max(rows / groups - 1, 1.0), component.tests, 1 / groups)


def frequent_value_test(
    before: Counts,
    after: Counts,
    samples: Samples,
    now: Mapping[str, float],
    past: WindowStatistics,
    groups: Groups,
    pooled: PooledVariance | None,
) -> Component | None:
    """The test of the most frequent values, each with the dispersion of its own past scores; None if the past doesn't
    show these. One dispersion for all cells hides a value that has always been there and is gone, if others vary.

    before, after: the values' counts in the baseline and in the window.
    """
    components = []
    for rank, name in enumerate(VALUES[: len(before)]):
        is_known = ~np.isnan(past[name])
        if np.count_nonzero(is_known) < FEWEST_WINDOWS:
            continue
        gap = abs(after[rank] / samples.m - before[rank] / samples.n)
        if abs(now[name]) < LEAST_SCORE or gap < LEAST_EFFECT:
            components.append(Component("cell", 1.0, gap))
            continue
        counts = np.array([[before[rank] + after[rank]], [after[rank]], [samples.n], [samples.m]])
        p = float(two_sided_p_values(*counts)[0])
        if is_known.all():
            shown = past
        else:
            shown = PastWindows({key: values[is_known] for key, values in past.items()})
        tests = float(len(before))
        value = Component(name, min(1.0, tests * p), gap, tests, statistic=after[rank], least_effect=LEAST_EFFECT)
        components.append(replace(adjust_for_between_window_variance(value, now, shown, groups, pooled), name="cell"))
    return min(components, key=lambda component: component.p, default=None)


def unseen_category_test(
    now: Mapping[str, float],
    past: WindowStatistics,
    share: float,
    groups: Groups = ALONE,
    unseen_share: float | None = None,
) -> Component:
    """The test of categories that the reference lacks; without it, an unstable share of one category hides a new one.

    share: the window's share of all values. unseen_share: the share of the categories that count, if not all do.
    """
    unseen_share = now["unseen"] if unseen_share is None else unseen_share
    error = math.sqrt(unseen_share / now["rows"])
    if unseen_share + error < LEAST_EFFECT:
        return Component("unseen", 1.0, unseen_share)
    count = unseen_share * now["rows"]
    by_noise = share**count
    p = max(by_noise, lomax_upper_tail(unseen_share, past["unseen"], 1 / now["rows"]))
    bare = Component("unseen", p, unseen_share, statistic=count, least_effect=max(0.0, LEAST_EFFECT - error))
    return replace(bare, p=min(1.0, max(p, _p_value_of_groups(bare, now, groups.new_values))))


def _p_value_of_range(now: Mapping[str, float], past: WindowStatistics) -> float:
    windows = len(past["beyond"])
    rank = (1 + int((past["beyond"] >= now["beyond"]).sum())) / (windows + 1)
    if not now["far"]:
        return rank
    rows = now["rows"]
    share_of_all = 1 - now["effective"] / rows
    by_groups: float = 2 * share_of_all ** (now["beyond"] * rows / max(1.0, group_size(past)))
    return max(min(rank, lomax_upper_tail(now["far"], past["far"], 1 / rows)), by_groups)


def lomax_upper_tail(value: float, past: Values, smallest_unit: float) -> float:
    """The predictive tail of an exponential variable, given past values. smallest_unit: is added to their sum."""
    return float((1 + value / (past.sum() + smallest_unit)) ** -len(past))


def _p_value_of_chi_square(
    now: Mapping[str, float], past: WindowStatistics, groups: float, pooled: PooledVariance | None
) -> float:
    """The tail of a noncentral chi-square with noncentrality as in past windows. Source: Abdel-Aty 1954."""
    freedom = now["freedom"]
    dispersion = compute_dispersion("chi2", now, past, pooled)
    # What groups of rows explain: in all cells alike, so less if the windows' squares differ more than that
    by_groups = 2 / max(freedom, 1.0)
    of_few_cells = max(0.0, (min(2 / dispersion.freedom_of_window, 2.0) - by_groups) / max(2 - by_groups, 1e-9))
    of_groups = max(1.0, min(group_size(past), groups, dispersion.ratio * (1 - math.sqrt(of_few_cells))))
    if of_groups > 1:
        p_of_groups = _p_value_of_cells_of_groups(now, of_groups)
    else:
        p_of_groups = 0.0
    noncentral = max(0.0, dispersion.ratio / of_groups - 1) * dispersion.growth
    if not noncentral or not freedom:
        return p_of_groups
    # The rest, averaged over the error of its estimate
    weights = 2 * student_densities(_NODES, dispersion.degrees_of_freedom) * _STEPS
    shift = noncentral * _NODES**2
    width = 2 / 9 * (1 + shift / (freedom + shift)) / (freedom + shift)  # of the cube root, which is nearly normal
    root = np.cbrt(now["chi2"] / of_groups / (freedom + shift))
    tails = normals_above((root - (1 - width)) / np.sqrt(width))
    return min(1.0, max(p_of_groups, float(weights @ tails)))


def _p_value_of_cells_of_groups(now: Mapping[str, float], groups: float) -> float:
    """The tail of the chi-square statistic for groups of rows, few per cell."""
    z = -normal_quantile(max(chi_square_above(now["chi2"] / groups, int(now["freedom"])), 1e-300))
    rare = math.sqrt(groups * (now["freedom"] + 1) / now["rows"])
    return student_above(z / math.sqrt(1 + max(z, 0.0) * rare / 3), max(now["rows"] / groups - 1, 1.0))
