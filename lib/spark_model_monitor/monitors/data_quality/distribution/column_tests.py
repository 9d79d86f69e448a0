"""The tests of columns: what is compared with what, how much windows vary, and the p-value of each statistic. Pure.

`calibration.py` judges them. Source: D4.1, D4.2.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spark_model_monitor.documents.outcome import ALTERNATIVE
from spark_model_monitor.monitors.data_quality import DRIFT
from spark_model_monitor.monitors.data_quality.distribution.design_effects import INDEPENDENT_ROWS, FeatureDesignEffect
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import compare_with_reference, count_unseen
from spark_model_monitor.statistics.drift.distances import l_infinity_categorical
from spark_model_monitor.statistics.drift.distributions import align_categories
from spark_model_monitor.statistics.verdicts.between_window_variance import (
    NOISE_LEVEL,
    PastWindows,
    ScoreVariance,
    WindowSize,
    judge_change,
    judge_largest,
    judge_unseen,
)
from spark_model_monitor.statistics.verdicts.components import Component, Samples
from spark_model_monitor.statistics.verdicts.multiple_testing import adjust_p_values, combine_p_values
from spark_model_monitor.statistics.verdicts.window_statistics import FIELDS, MEANS
from spark_model_monitor.value_class import value_class

NO_PAST = PastWindows(dict.fromkeys(FIELDS, np.empty(0)))
LONGER_WINDOWS = "take longer windows"
LONGER_AND_EARLIER = f"{LONGER_WINDOWS}, and judge earlier ones of that length, too (spark-model-monitor backfill)"
LONGER_OR_INDEPENDENT = (
    f"{LONGER_WINDOWS}{ALTERNATIVE}make the baseline with --rows independent if no rows belong together"
)


@value_class
class ColumnRequest:
    """A feature's baseline (or other reference) and window, whose drift is tested.

    Attributes
    ----------
    baseline, current
        The distributions of the reference and of the window.
    design_effect
        How many of the window's rows count as one.
    family
        The family whose level the column shares.
    unfit_reason
        Why the baseline's parts may not show how windows vary; None if they do.
    is_tested
        Whether tests count even if nothing shows how windows vary, because rows are independent.
    past
        The raw statistics of earlier windows, for which the tests allow; None if there are too few.
    earlier_distribution
        Another distribution, whose values don't count as new.
    group_column
        The column that explains why the window's rows are alike, if nobody named it.
    group_advice
        What to do so that a window whose rows form groups can be judged.
    """

    baseline: FeatureDistribution
    current: FeatureDistribution
    design_effect: FeatureDesignEffect = INDEPENDENT_ROWS
    family: str = DRIFT
    unfit_reason: str | None = None
    is_tested: bool = False
    past: PastWindows | None = None
    earlier_distribution: FeatureDistribution | None = None
    group_column: str | None = None
    group_advice: str = LONGER_OR_INDEPENDENT

    @property
    def has_past(self) -> bool:
        """Whether earlier windows count; they don't if rows are known to be independent."""
        return self.past is not None and not self.is_tested and bool(self.baseline.present and self.current.present)

    @property
    def past_windows(self) -> PastWindows:
        """The past windows, if they count; otherwise none."""
        if not self.has_past or self.past is None:
            return NO_PAST
        return self.past

    @property
    def windows(self) -> PastWindows:
        """The past windows, with parts of the baseline joined to windows as large as this one."""
        return self.past_windows.join_parts(self.baseline.present, self.current.present)


@dataclass
class ColumnDrift:
    """What two samples of a feature show of its drift.

    Attributes
    ----------
    components
        The tests of the column.
    samples, distance
        The sizes of both samples, and the largest gap between them; None if a side has no values.
    most_frequent_share
        The share of the baseline's most frequent value, for texts and flags; None for other numbers.
    unseen_share
        The share of values that the baseline lacks, beyond the share that is new by nature.
    adjusted_p
        The p-value of all tests, adjusted for the columns of the family.
    window_count
        The number of earlier windows, or parts of the baseline, that show how much the column varies.
    overdispersion, degrees_of_freedom
        By what factor the column varies more than independent rows, and the degrees of freedom of this estimate.
    design_effect
        How many rows count as one.
    """

    request: ColumnRequest
    components: tuple[Component, ...] = ()
    samples: Samples | None = None
    distance: float | None = None
    most_frequent_share: float | None = None
    unseen_share: float = 0.0
    adjusted_p: float = 1.0
    window_count: int = 0
    overdispersion: float = 1.0
    degrees_of_freedom: float = math.inf
    design_effect: float = 1.0

    @cached_property
    def p(self) -> float:
        return combine_p_values(self.components)

    @property
    def completeness(self) -> float:
        """The share of the baseline's rows that have a value."""
        return self.request.baseline.completeness

    @property
    def rarest(self) -> Component | None:
        """The component with the smallest p-value."""
        return min(self.components, key=lambda component: component.p, default=None)


def compute_window_sizes(requests: Mapping[tuple[str, str], ColumnRequest]) -> dict[tuple[str, str], WindowSize]:
    """The window's size for each column with a past, and whether the column's level varies by more than chance.

    The false discovery rate is `NOISE_LEVEL`, since among many columns of independent rows some seem to vary.
    """
    sizes = {}
    p_values = {}
    for key, request in requests.items():
        if not request.has_past:
            continue
        samples = Samples(request.baseline.present, request.current.present)
        sizes[key] = WindowSize(samples.effective, *request.design_effect)
        dispersion = request.windows.dispersion(samples.effective)
        if dispersion is not None:
            p_values[key] = dispersion.compute_p(request.design_effect.value_design_effect)
    adjusted = dict(zip(p_values, adjust_p_values([*p_values.values()]), strict=True))
    return {
        key: size._replace(level_varies=adjusted.get(key, 1.0) <= NOISE_LEVEL, columns=len(sizes))
        for key, size in sizes.items()
    }


def compute_column_tests(request: ColumnRequest, size: WindowSize | None = None) -> ColumnDrift | None:
    """The tests of a request's column; None if a side is unknown, or if one side is numeric and the other text. size: the
    window's size, for a column with a past.
    """
    column = _create_column(request)
    # No part of a baseline without values has any, so their number is tested, too
    baseline = request.baseline
    is_tested = request.is_tested or not baseline.present
    if column is None or not (is_tested or request.past is not None):
        return column
    changes = compare_with_reference(baseline, request.current)
    # No test of missing values if neither side has any
    changes = {name: change for name, change in changes.items() if name != "missing" or change.error}
    if column.samples is None:
        if is_tested:
            variance = ScoreVariance(request.design_effect.missing_design_effect)
            column.components = tuple(judge_change(change, variance) for change in changes.values())
        return column
    # Each test allows for how its statistic varied in the past, and for groups of the window's rows
    m = column.samples.m
    past = request.past_windows
    is_text = baseline.categories is not None
    windows = request.windows
    size = size or WindowSize(column.samples.effective)
    components = []
    # The order of hashes has no meaning, so texts have no means; the mix of numbers only shows which rows repeat
    untested = MEANS if is_text else ("mix",)
    for name, change in changes.items():
        rows_of_group = size.missing_design_effect if name == "missing" else size.value_design_effect
        variance = windows.variance(name, size).with_groups(rows_of_group, m)
        # If shares vary, this score grows with the rows, not with their root as others do
        if name == "mix" and request.has_past:
            growth = m / float(past["rows"].mean())
            variance = replace(variance, factor=variance.factor * max(1.0, growth))
        if name == "largest":
            shares = past["largest"][~np.isnan(past["largest"])]
            components.append(judge_largest(change, request.current.num_values, shares, rows_of_group))
        elif name not in untested:
            components.append(judge_change(change, variance))
    # Texts that the baseline lacks; numbers beyond its range are facts
    if is_text:
        unseen = count_unseen(request.current, baseline, request.earlier_distribution) / m
        shares = past["unseen"][~np.isnan(past["unseen"])]
        # The values that occur in one group of the baseline show how many new ones to expect
        known_rows = baseline.count_rare(size.value_design_effect), column.samples.n
        components.append(judge_unseen(*known_rows, unseen, m, shares, size.value_design_effect))
    column.components = tuple(components)
    if past is NO_PAST:
        return column
    column.window_count = len(past["rows"])
    # The variance of the location, or of the most frequent value, stands for the column
    variance = windows.variance("value1" if is_text else "location", size).with_groups(size.value_design_effect, m)
    column.overdispersion = variance.factor
    column.degrees_of_freedom = variance.freedom
    column.design_effect = size.value_design_effect
    return column


def _create_column(request: ColumnRequest) -> ColumnDrift | None:
    baseline = request.baseline
    current = request.current
    if baseline.reason or current.reason or not baseline.rows or not current.rows:
        return None
    column = ColumnDrift(request)
    # If the threshold decides, only the window's own rows show how they are grouped
    if request.past is None and not request.is_tested:
        column.overdispersion = column.design_effect = request.design_effect.value_design_effect
    if not (baseline.present and current.present):
        return column
    column.samples = Samples(baseline.present, current.present, baseline.sketch_error + current.sketch_error)
    if baseline.numbers is not None and current.numbers is not None:
        # For a flag that is written as numbers, changes are changes of a share
        cdf = baseline.numbers.cdf
        pooled = current.numbers.cdf.pool_with(cdf)
        if len(pooled.values) <= 2:
            num_lowest = cdf.cumulative[0]
            column.most_frequent_share = max(num_lowest, cdf.total - num_lowest) / cdf.total
        column.distance = pooled.largest_gap
    elif baseline.categories is not None and current.categories is not None:
        counts = align_categories(baseline.categories, current.categories)
        column.distance = l_infinity_categorical(*counts)
        column.most_frequent_share = float(counts[0].max() / counts[0].sum())
        # As many values are new by chance as occur in one group of the baseline (Good 1953)
        new_by_nature = baseline.count_rare(request.design_effect.value_design_effect) / baseline.present
        column.unseen_share = count_unseen(current, baseline) / current.present - new_by_nature
    else:
        return None
    return column


def adjust_columns(columns: Collection[ColumnDrift]) -> None:
    """Adjust the columns' p-values within each family."""
    for family in {column.request.family for column in columns}:
        # Benjamini and Hochberg, for all columns that share the family's level
        members = [column for column in columns if column.request.family == family]
        for column, p in zip(members, adjust_p_values([column.p for column in members]), strict=True):
            column.adjusted_p = p
