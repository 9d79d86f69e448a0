"""Columns that were probably renamed: a missing and an extra column with the same values. Pure, after the verdicts.

Like every guess, it is a question; it is added to the violations of both columns, `missing_column_check` and
`extra_column_check`.
"""

from __future__ import annotations

from collections.abc import Sequence

from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.monitors.data_quality.distribution.column_values import MIN_PRESENT, compute_new_share
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution
from spark_model_monitor.monitors.data_quality.hints.swapped_columns import FIT
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.distances import l_infinity_categorical, l_infinity_numeric
from spark_model_monitor.statistics.drift.distributions import align_categories
from spark_model_monitor.statistics.states import FeatureProfile, Profile, TextLengths

MAX_COLUMNS = 100  # most missing columns, and most extra columns, that are compared with each other
MAX_DIFFERENT = 0.5  # with more distinct texts, as a share of the values, columns are compared by the texts' lengths


def find_renamed_columns(check_results: Sequence[CheckResult], baseline: Profile, current: Profile) -> dict[str, str]:
    """The guess for each missing or extra column that has a partner, by name."""
    missing = find_columns("missing_column_check", check_results, baseline)
    extra = find_columns("extra_column_check", check_results, current)
    position_before = {feature.name: index for index, feature in enumerate(baseline.features)}
    position_now = {feature.name: index for index, feature in enumerate(current.features)}
    # All pairs of a missing and an extra column with similar values
    pairs = []
    for old_index, old in enumerate(missing):
        for new_index, new in enumerate(extra):
            # Any two columns of dates have similar values, so they are partners only in the same position
            is_in_place = position_before[old.name] == position_now[new.name]
            gap = measure_gap(old, new)
            if gap <= FIT and (is_in_place or recognise_dates(old) is None):
                # Among equally near values, the nearest position comes first
                rank = round(gap, 1), abs(old_index - new_index), gap
                pairs.append((rank, old.name, new.name))

    # The closest pairs first; a column has one partner
    guesses: dict[str, str] = {}
    for _, old_name, new_name in sorted(pairs):
        if old_name not in guesses and new_name not in guesses:
            guesses[old_name] = f"{new_name!r} has its values: renamed?"
            guesses[new_name] = f"it has the values of {old_name!r}: renamed?"
    return guesses


def find_columns(check: str, check_results: Sequence[CheckResult], profile: Profile) -> list[FeatureProfile]:
    """The first columns that a check reports, in their order."""
    names = {
        check_result.feature
        for check_result in check_results
        if check_result.check == check and check_result.is_violation
    }
    return [feature for feature in profile.features if feature.name in names][:MAX_COLUMNS]


def measure_gap(old: FeatureProfile, new: FeatureProfile) -> float:
    """How far the values of two columns are apart, from 0 (alike) to 1 (different, of other kinds, or unknown).

    Days and times in one form are alike: a window's are later ones. Texts that hardly ever repeat are compared by length.
    """
    baseline = create_distribution(old)
    current = create_distribution(new)
    if min(baseline.present, current.present) < MIN_PRESENT:
        return 1.0
    if baseline.is_numeric != current.is_numeric or baseline.time_type != current.time_type:
        return 1.0
    dates_before = recognise_dates(old)
    dates_now = recognise_dates(new)
    if dates_before is not None or dates_now is not None:
        is_one_form = dates_before is not None and dates_now is not None and dates_before.form == dates_now.form
        return 0.0 if is_one_form else 1.0
    if baseline.numbers is not None and current.numbers is not None:
        return l_infinity_numeric(baseline.numbers.cdf, current.numbers.cdf)
    if baseline.categories and current.categories and len(baseline.categories) <= MAX_DIFFERENT * baseline.present:
        # Among many texts each has a small share, even if the two columns have none in common
        share_gap = l_infinity_categorical(*align_categories(baseline.categories, current.categories))
        return max(share_gap, compute_new_share(baseline.categories, current.categories))
    # Keys and free texts
    old_lengths = old.state(TextLengths)
    new_lengths = new.state(TextLengths)
    if old_lengths is None or new_lengths is None:
        return 1.0
    counts_before = {str(length): count for length, count in old_lengths.counts.items()}
    counts_now = {str(length): count for length, count in new_lengths.counts.items()}
    return l_infinity_categorical(*align_categories(counts_before, counts_now))
