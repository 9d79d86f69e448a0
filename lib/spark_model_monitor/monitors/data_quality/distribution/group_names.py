"""The values of a feature as names of groups: how many rows of a window share one, and how many of them are new. Pure.

Names of groups, such as those of users, are mostly missing from a window, which has more rows of the others
(`intra_class_correlation.NameShares`). Source: D4.21, D4.23.
"""

from __future__ import annotations

import numpy as np

from spark_model_monitor.monitors.data_quality.distribution.always_new import explain_always_new, has_whole_numbers
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.profile import cache_with_feature
from spark_model_monitor.statistics.verdicts.design_effect import add_margin_for_cut_groups
from spark_model_monitor.statistics.verdicts.intra_class_correlation import MIN_NAMES, MIN_ROWS_PER_NAME, NameShares


@cache_with_feature
def _compute_value_shares(feature: FeatureProfile) -> NameShares | None:
    """How the rows are spread over the values of a feature; None if unknown."""
    sketch = feature.kll
    frequencies = feature.frequencies
    present = feature.num_present
    if feature.is_numeric and sketch is not None:
        present = feature.num_numbers
        counts = np.diff(sketch.step_cdf()[1], prepend=0)
        if sketch.error:  # only values that a sketch keeps often have known counts
            counts = counts[counts > 2 ** len(sketch.levels)]
    elif not feature.is_numeric and frequencies is not None:
        counts = np.fromiter(frequencies.counts.values(), np.int64)
    else:
        return None
    # Values that the states don't list are rare
    if feature.distinct is None or not present:
        return None
    unseen_values = 0.0
    if counts.sum() < present:
        unseen_values = max(float(feature.distinct.estimate() - len(counts)), 1.0)
    return NameShares(counts / present, unseen_values)


def estimate_rows_of_value(baseline: FeatureProfile, current: FeatureProfile) -> float:
    """How many rows of a window share a value beyond chance, as those of a user do: by what factor independent baseline rows
    would have more values, or all rows of each value if that is 2; but no more than the baseline's rows per value; 1 if unknown.
    """
    shares = _compute_value_shares(baseline)
    if shares is None or shares.diversity < MIN_NAMES or current.distinct is None:
        return 1.0
    observed = max(current.distinct.estimate(), 1)
    rows_of_value = shares.expected_names(current.num_present) / observed
    # Many independent rows may have all values of a column, such as ages, so there the factor is too small
    if rows_of_value >= 2:
        rows_of_value = current.num_present / observed
    rows_per_value = baseline.num_present / (len(shares.counted) + shares.uncounted_names)
    return add_margin_for_cut_groups(min(rows_of_value, rows_per_value))


def estimate_new_values(baseline: FeatureProfile | None, current: FeatureProfile) -> float:
    """The share of a window's different values that the baseline lacks, up to the error of the numbers of different values."""
    if baseline is None or baseline.distinct is None or current.distinct is None:
        return 0.0
    added = (baseline.distinct + current.distinct).estimate() - baseline.distinct.estimate()
    return added / max(current.distinct.estimate(), 1)


@cache_with_feature
def _compute_name_shares(baseline: FeatureProfile) -> NameShares | None:
    """How the baseline's rows are spread over the values of a feature; None if these can't be names of groups."""
    shares = _compute_value_shares(baseline)
    is_whole = not baseline.is_numeric or has_whole_numbers(baseline)
    if shares is None or not is_whole or explain_always_new(baseline) is not None:
        return None
    # Keys have one row each
    names = len(shares.counted) + shares.uncounted_names
    repeats = baseline.num_present >= MIN_ROWS_PER_NAME * names
    if repeats and shares.diversity >= MIN_NAMES:
        return shares
    return None


def count_group_names(baseline_feature: FeatureProfile, current_feature: FeatureProfile) -> float | None:
    """The number of the feature's values in the window, if these are names of groups; None if the window shares as many
    with the baseline as independent rows would.
    """
    shares = _compute_name_shares(baseline_feature)
    if shares is None or current_feature.distinct is None or baseline_feature.is_numeric != current_feature.is_numeric:
        return None
    # The baseline's names are texts or whole numbers, so the window's have to be, too
    if current_feature.is_numeric and not has_whole_numbers(current_feature):
        return None
    names = float(current_feature.distinct.estimate())
    num_shared = names
    if baseline_feature.column_type is current_feature.column_type:  # else equal values have other hashes
        num_shared -= names * estimate_new_values(baseline_feature, current_feature)
    if shares.has_too_few(num_shared, current_feature.num_present):
        return names
    return None
