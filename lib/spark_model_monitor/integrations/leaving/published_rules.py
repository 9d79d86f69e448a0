"""The rules that AWS recommends in place of the service, on the statistics of a baseline and of a window.

All three count the columns that Evidently's DataDriftPreset, with its defaults, calls drifted. For a baseline of at most 1,000
rows: Kolmogorov-Smirnov for numbers, chi-square for three to five values and for texts, a z-test of shares for two values, each
at .05. Above: the Wasserstein distance in standard deviations of the baseline for numbers, the Jensen-Shannon distance (natural
logarithm) for the rest, each at .1. Integers with at most ten values in the window are judged as texts. The Kolmogorov-Smirnov
p-value is the limiting distribution's with Stephens' correction, where Evidently's is exact; texts with more values than
statistics.json lists are not compared.

Source: Evidently 0.7.23, `infer_column_type`, `_get_default_stattest` and its tests. The rules stand in
aws-samples/sample-aiops-on-amazon-sagemakerai and aws-samples/amazon-sagemaker-from-idea-to-production.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.documents.statistics import InferredType, Statistics
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    read_distributions,
)
from spark_model_monitor.statistics.drift.distances import js_distance, wasserstein_normalised
from spark_model_monitor.statistics.drift.distributions import Counts, StepCdf, align_categories
from spark_model_monitor.statistics.drift.special_functions import (
    chi_square_survival,
    kolmogorov_survival,
    normal_survival,
)
from spark_model_monitor.value_class import value_class

SMALL_BASELINE = 1000
FEW_VALUES = 5
FEW_INTEGERS = 10
P_VALUE = 0.05
DISTANCE = 0.1

RULES = {"any column": 0.0, "more than 5 % of columns": 0.05, "more than 30 % of columns": 0.3}
"""The share of drifted columns above which each rule sends its mail."""


@value_class
class DriftedColumns:
    """The columns that drifted, of those that could be compared."""

    columns: tuple[str, ...]
    compared: int

    def alarms(self) -> dict[str, bool]:
        """Whether each rule sends its mail."""
        return {name: len(self.columns) > limit * self.compared for name, limit in RULES.items()}


def find_drifted_columns(baseline: Statistics, window: Statistics) -> DriftedColumns:
    """The columns of a window whose values drifted."""
    after = read_distributions(window)
    # Evidently takes tests for a small reference and distances for a large one
    is_small = baseline.dataset.item_count <= SMALL_BASELINE
    drifted_columns = []
    compared = 0
    for name, before in read_distributions(baseline).items():
        # A column that the window lacks can't be compared
        if name not in after:
            continue
        verdict = has_drifted(before, after[name], is_small)
        if verdict is not None:
            compared += 1
        if verdict:
            drifted_columns.append(name)
    return DriftedColumns(tuple(drifted_columns), compared)


def has_drifted(before: FeatureDistribution, after: FeatureDistribution, is_small: bool) -> bool | None:
    """Whether a column drifted by Evidently's default test; None if the statistics of a side have no values of the column."""
    if before.numbers and after.numbers:
        baseline = before.numbers.cdf
        window = after.numbers.cdf
        # If a value is missing, pandas makes the column floats
        are_integers = after.inferred_type is InferredType.INTEGRAL and after.present == after.rows
        if are_integers and len(window.values) <= FEW_INTEGERS:
            return have_values_drifted(baseline, window, is_small)
        return have_numbers_drifted(baseline, window, is_small)
    if before.categories and after.categories:
        return have_counts_drifted(*align_categories(before.categories, after.categories), is_small)
    return None


def have_numbers_drifted(before: StepCdf, after: StepCdf, is_small: bool) -> bool:
    """Whether numbers drifted; numbers with at most five values are compared as categories."""
    if len(np.union1d(before.values, after.values)) <= FEW_VALUES:
        return have_values_drifted(before, after, is_small)
    if is_small:
        return kolmogorov_smirnov_p_value(before, after) < P_VALUE
    return wasserstein_normalised(before, after) >= DISTANCE


def have_values_drifted(before: StepCdf, after: StepCdf, is_small: bool) -> bool:
    """Whether numbers drifted, compared as categories."""
    values = np.union1d(before.values, after.values)
    return have_counts_drifted(before.counts_at(values), after.counts_at(values), is_small)


def have_counts_drifted(before: Counts, after: Counts, is_small: bool) -> bool:
    """Whether categories drifted. before, after: the counts of the same values on both sides."""
    if not is_small:
        return js_distance(before, after) * math.sqrt(math.log(2)) >= DISTANCE
    if len(before) > 2:
        return chi_square_p_value(before, after) < P_VALUE
    return shares_p_value(before, after) < P_VALUE


def kolmogorov_smirnov_p_value(before: StepCdf, after: StepCdf) -> float:
    """The two-sided p-value of the two-sample Kolmogorov-Smirnov test, from its limiting distribution."""
    values = np.union1d(before.values, after.values)
    # The largest distance between the two step functions
    gap = float(np.abs(before.shares_at(values) - after.shares_at(values)).max())
    root = math.sqrt(before.total * after.total / (before.total + after.total))
    # Stephens' correction for a limited number of rows
    return kolmogorov_survival(gap * (root + 0.12 + 0.11 / root))


def chi_square_p_value(before: Counts, after: Counts) -> float:
    """The p-value of Pearson's chi-square test that the window's counts have the baseline's shares: the sum of
    (observed - expected)² / expected. It is 0 if the window has a value that the baseline lacks.
    """
    # The counts that the window would have with the baseline's shares
    expected = before * after.sum() / before.sum()
    if ((expected == 0) & (after > 0)).any():
        return 0.0
    # A value that neither side has adds nothing, but would divide by 0
    has_expected = expected > 0
    squares = ((after - expected)[has_expected] ** 2 / expected[has_expected]).sum()
    return chi_square_survival(float(squares), len(before) - 1)


def shares_p_value(before: Counts, after: Counts) -> float:
    """The two-sided p-value of the z-test of two proportions, the shares of the second of two values; 1 if there is one value."""
    if len(before) < 2:
        return 1.0
    # Both samples have the pooled share if nothing changed
    pooled_share = (before[1] + after[1]) / (before.sum() + after.sum())
    error = math.sqrt(pooled_share * (1 - pooled_share) * (1 / before.sum() + 1 / after.sum()))
    return 2 * normal_survival(abs(before[1] / before.sum() - after[1] / after.sum()) / error)
