"""Numbers are as finite as before, keep their sign and their range, and are not texts; and texts are not numbers."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    compare_shares,
    count_beyond,
    has_numbers,
    register_fact,
)
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import are_mixed_codes, estimate_group_size
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.statistics.states import Ends, FeatureProfile, Moments
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail, has_steep_end, steep_end_tail

MIN_DISTANCE = 0.05  # smallest relevant distance beyond the range, in widths of the range
RARE_NUMBERS = 0.01  # largest share of numbers among texts that counts as rare
HALVINGS = np.arange(40, -1, -1)  # how often a width is halved, to compare the tails at these distances


@register_fact("infinity_check", needs=Moments)
def infinity(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of infinities among the numbers is not above the baseline's; if that is 0, infinities are a new kind of value.

    Source: D4.9.
    """
    if not (baseline_profile.is_numeric and feature.current_profile.is_numeric):
        return None
    baseline = _count_infinities(baseline_profile.moments)
    current = _count_infinities(feature.current_profile.moments)
    groups = feature.limit_design_effect(feature.baseline_design_effect, np.isinf)
    return compare_shares("share of infinities", baseline, current, groups)


def _count_infinities(moments: Moments | None) -> tuple[int, int]:
    if moments is None:
        return 0, 0
    return moments.present - moments.count, moments.present


@register_fact("sign_check", needs=Moments)
def sign(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """There are still no negative numbers; if `non_negative_check` is Enabled, that check decides.

    Source: D4.9.
    """
    baseline = baseline_profile.moments
    if baseline is None or baseline.minimum < 0 or feature.settings.non_negative_check:
        return None
    if not has_numbers(baseline_profile, feature.current_profile):
        return None
    return _judge_numbers_outside("share of negative numbers", feature, baseline_profile, below=0.0)


@register_fact("range_check", needs=Moments, same_as=("baseline_drift_check", "sign_check"))
def outside_range(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """No numbers lie outside the baseline's range by a twentieth of its width, or by twice as far as the levels of its own halves
    lie apart; numbers that rise from row to row are not judged, nor those whose drift has a limit of a person's own.

    Source: D4.9.
    """
    baseline = baseline_profile.moments
    if not has_numbers(baseline_profile, feature.current_profile) or baseline is None:
        return None
    width = baseline.maximum - baseline.minimum
    if not 0 < width < math.inf or feature.has_new_numbers:
        return None
    if feature.baseline_feature.has_user_drift_limit:
        return None
    # A window may be further from the baseline's middle than its halves are
    margin = width * max(MIN_DISTANCE, 2 * feature.baseline_feature.largest_in_blocks["reach"])
    quantity = "share of numbers far outside of the range"
    return _judge_numbers_outside(
        quantity, feature, baseline_profile, below=baseline.minimum - margin, above=baseline.maximum + margin
    )


def _judge_numbers_outside(
    quantity: str,
    feature: FeatureComparison,
    baseline_profile: FeatureProfile,
    *,
    below: float,
    above: float = math.inf,
) -> FactEvidence | None:
    """The evidence that more numbers are outside than by chance, in clusters as large as the baseline's. How far they are outside
    counts, too.
    """
    current = feature.current_profile
    baseline = baseline_profile.moments
    assert baseline is not None
    count, rows = count_beyond(current, below=below, above=above)
    # Clusters are as large as in the baseline, but no larger than rows that are near each other here
    standstill = feature.baseline_feature.rarest_standstill
    groups = max(standstill, feature.baseline_design_effect)
    ends = current.state(Ends)
    cluster = 1
    rows_within = 0.0
    widths = 1.0

    def is_outside(values: Doubles) -> Flags:
        return np.asarray((values < below) | (values > above))

    if ends is not None and count:
        numbers = np.concatenate((ends.smallest[ends.smallest < below], ends.largest[ends.largest > above]))
        # One repeated number: only stretches of equal neighbours of the baseline are like it, not its groups
        if len(numbers) and (numbers == numbers[0]).all():
            groups = standstill
        groups = max(groups, feature.rows_of_value)
        cluster = int(feature.limit_design_effect(groups, is_outside))
        rows_within = _count_within(baseline_profile, numbers, cluster)
        if baseline.minimum < baseline.maximum:
            beyond = np.maximum(baseline.minimum - numbers, numbers - baseline.maximum).min(initial=math.inf)
            widths = max(1.0, float(beyond) / (baseline.maximum - baseline.minimum))

    tail = partial(
        _compute_tail,
        rows=rows,
        baseline_rows=baseline.count,
        cluster=cluster,
        rows_within=rows_within,
        widths=widths,
    )
    return compare_shares(quantity, (0, baseline.count), (count, rows), tail=tail)


def _compute_tail(
    count: int, *, rows: int, baseline_rows: int, cluster: int, rows_within: float, widths: float
) -> float:
    """The p-value of a number of rows outside, in clusters."""
    p = exact_tail(count, rows, 0, baseline_rows, cluster)
    clusters = int(count / cluster)
    # A single cluster shows nothing, unless it is most of the window
    if rows_within > 1 and (clusters > 1 or 1 < rows < 2 * count):
        sizes = max(1, clusters), int(rows / cluster), int(baseline_rows / cluster)
        p = min(p, steep_end_tail(*sizes, rows_within, widths))
    return p


def _count_within(baseline_profile: FeatureProfile, numbers: Doubles, cluster: float) -> float:
    """How many clusters of the baseline's rows are as near to its end as the nearest of these numbers is beyond it, if the tail
    falls steeply there, otherwise 0; the smaller number of both ends.
    """
    baseline = baseline_profile.moments
    assert baseline is not None
    clusters_within = []
    for distances, is_low in ((baseline.minimum - numbers, True), (numbers - baseline.maximum, False)):
        distances_outside = distances[distances > 0]
        if len(distances_outside):
            # The range's width (or the distance, if larger), halved again and again; and the distance itself
            nearest = float(distances_outside.min())
            widest = max(nearest, baseline.maximum - baseline.minimum)
            steps = np.append(widest / 2.0**HALVINGS, nearest)
            counts = _count_near_end(baseline_profile, steps, is_low=is_low) / cluster
            is_steep = has_steep_end(counts[:-1])
            clusters_within.append(float(counts[-1]) if is_steep else 0.0)
    return min(clusters_within, default=0.0)


def _count_near_end(baseline_profile: FeatureProfile, distances: Doubles, *, is_low: bool) -> Doubles:
    """The number of the baseline's rows within each distance from an end of its numbers."""
    sketch = baseline_profile.kll
    baseline = baseline_profile.moments
    assert sketch is not None
    assert baseline is not None
    cdf = StepCdf(*sketch.step_cdf())
    if is_low:
        rows_near = cdf.ranks_at(np.nextafter(baseline.minimum + distances, -math.inf))
    else:
        rows_near = cdf.total - cdf.ranks_at(baseline.maximum - distances)
    return rows_near.astype(float)


@register_fact("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of numbers among the texts is not above the baseline's; if that is 0, numbers are a new kind of value.

    `data_type_check` accepts numbers, because a number is also a String; drift is not judged if all values are numbers.
    Source: D4.9.
    """
    if baseline_profile.is_numeric or not feature.are_texts:
        return None
    if recognise_dates(baseline_profile):  # date_form_check finds numbers
        return None
    types = baseline_profile.data_types
    types_now = feature.current_profile.data_types
    baseline = (types.integral + types.fractional, types.present)
    current = (types_now.integral + types_now.fractional, types_now.present)
    # A few hexadecimal codes have only digits by chance, but not all codes
    had_some = baseline[0] > RARE_NUMBERS * baseline[1]
    if had_some and current[0] < current[1] and are_mixed_codes(baseline_profile):
        return None
    group = estimate_group_size(feature, lambda text: not text.strip("+-.0123456789"))
    return compare_shares("share of numbers among the texts", baseline, current, group)


@register_fact("text_share_check", same_as=("baseline_drift_check", "data_type_check"))
def text_share(feature: FeatureComparison, baseline_profile: FeatureProfile) -> FactEvidence | None:
    """The share of texts among numbers is not above the baseline's; if that is 0, texts are a new kind of value.

    If `data_type_check` is violated, that check decides; a baseline for small windows sets its limit low. Dates have
    date_value_check.
    Source: D4.9.
    """
    if not baseline_profile.is_numeric or not feature.are_texts:
        return None
    if recognise_dates(baseline_profile):
        return None
    current = feature.current_profile
    texts = current.num_present - current.num_numbers
    baseline = (baseline_profile.num_others, baseline_profile.num_present)
    return compare_shares(
        "share of texts among the numbers", baseline, (texts, current.num_present), feature.texts_design_effect
    )
