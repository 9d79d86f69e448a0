"""Numbers are as finite as before, keep their sign and their range, and are not texts; and texts are not numbers."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.guard import (
    GUARDS,
    GuardEvidence,
    count_beyond,
    distance_factor,
    has_numbers,
    share_evidence,
)
from spark_model_monitor.monitors.data_quality.checks.guard.text_form import are_mixed_codes
from spark_model_monitor.monitors.data_quality.distribution.always_new import why_always_new
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.drift.distributions import Values
from spark_model_monitor.statistics.drift.special_functions import normal_quantile
from spark_model_monitor.statistics.states import Ends, FeatureProfile, KllSketch, Moments
from spark_model_monitor.statistics.states.ends import VALUES_PER_END

ALIEN = 0.01  # of a window
SHARP = 0.5  # of the distance from the first tenth to the middle: a lowest tenth below it is a sharp end
# in widths of the baseline's range; NEAR where surely no group of rows lies so near
FAR_WIDTHS = 2.0
NEAR_WIDTHS = 0.5
STEEPEST_TAIL = 4.0  # exponent of a tail that steps or a bound make look steeper
SHORT_TAIL = 0.15  # of the inner eight tenths: ends are sharp if the wider outer tenth is below it
LONG_TAIL = 0.01  # of normal columns so few have a tail that is long for their number of values


@GUARDS.register("infinity_check", needs=Moments)
def infinity(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of infinities among the numbers is not above the baseline's; if that is 0, infinities are a new kind of value.

    Source: D4.9.
    """
    old = before.moments
    new = feature.current.moments
    if old is None or new is None or not (before.is_numeric and feature.current.is_numeric):
        return None
    baseline = (old.present - old.count, old.present)
    current = (new.present - new.count, new.present)
    return share_evidence("share of infinities", baseline, current, alien=ALIEN, is_kind=True)


@GUARDS.register("sign_check", needs=Moments)
def sign(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """There are still no negative numbers; if `non_negative_check` is Enabled, that check decides.

    Negative numbers are a new kind if the baseline's numbers end sharply or stay far from 0; otherwise their tail may reach 0.
    Source: D4.9.
    """
    old = before.moments
    sketch = before.kll
    if feature.settings.non_negative_check or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    if old.minimum < 0:
        return None
    negative = count_beyond(feature.current, below=0.0)
    is_end = _is_sharp_end(old.minimum, sketch)
    evidence = share_evidence("share of negative numbers", (0, old.count), negative, is_kind=is_end)
    return _with_distances(evidence, feature, before, negative[0])


def _is_sharp_end(minimum: float, sketch: KllSketch) -> bool:
    """Whether numbers that are not negative end sharply, or far from 0, so that no tail leads below it."""
    tenth = sketch.quantile(0.1)
    tail = tenth - minimum
    return not minimum or 2 * minimum > tail or tail < SHARP * (sketch.quantile(0.5) - tenth)


@GUARDS.register("range_check", needs=Moments, same_as=("baseline_drift_check",))
def far_outside(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """No numbers lie outside the baseline's range by two of its widths, or by half a width if the range has sharp ends or each
    row stands for itself; numbers that rise from row to row are not judged. Far numbers are a new kind unless a tail is longer
    than that of so many normal numbers. Negative ones count with them, if the range ends sharply above 0.

    If drift tests independent rows, its component `range` decides.
    Source: D4.9.
    """
    old = before.moments
    sketch = before.kll
    tested = feature.settings.rows_are_independent and feature.baseline_feature.is_drift_calibrated
    if tested or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    width = old.maximum - old.minimum
    if not 0 < width < math.inf or why_always_new(before) or feature.baseline_feature.rises:
        return None
    # How sharply the range ends: the wider outer tenth, compared with what lies between
    first = sketch.quantile(0.1)
    last = sketch.quantile(0.9)
    tail = max(old.maximum - last, first - old.minimum)
    inner = last - first
    widths = FAR_WIDTHS
    if feature.has_independent_rows or tail < SHORT_TAIL * inner:
        widths = NEAR_WIDTHS
    high = old.maximum + widths * width
    low = old.minimum - widths * width
    if old.minimum >= 0:  # negative numbers alone are left to sign_check
        has_both = count_beyond(feature.current, above=high)[0] > 0 and _is_sharp_end(old.minimum, sketch)
        low = -math.inf
        if has_both:
            low = 0.0
    outside = count_beyond(feature.current, below=low, above=high)
    is_kind = tail <= _longest_normal_tail(old.count) * inner
    evidence = share_evidence("share of numbers far outside of the range", (0, old.count), outside, is_kind=is_kind)
    return _with_distances(evidence, feature, before, outside[0])


@lru_cache(4096)
def _longest_normal_tail(count: int) -> float:
    """How long the outer tenth of so many normal numbers may be, relative to the eight tenths between the outer ones."""
    last_tenth = -normal_quantile(0.1)
    furthest = -normal_quantile(LONG_TAIL / (2 * count))
    return (furthest - last_tenth) / (2 * last_tenth)


def _with_distances(
    evidence: GuardEvidence | None, feature: FeatureComparison, before: FeatureProfile, count: int
) -> GuardEvidence | None:
    """The evidence of so many numbers, where each row stands for itself: how far they lie outside counts, too."""
    if evidence is not None and count > 1 and feature.has_independent_rows:
        evidence.rarity = compute_rarity(before, feature.current, count)
        evidence.p *= distance_factor(evidence.rarity, count)
    return evidence


def compute_rarity(before: FeatureProfile, current: FeatureProfile, count: int) -> float:
    """The probability that a number lies at least as far outside as the `count` furthest of a window, if it lies outside.

    Model: the distance from the median has a tail that falls at least as a power of it, as exponential tails and powers do. Its
    exponent is Hill's estimate from the baseline's furthest numbers, less two standard errors.
    Source: D4.9; Hill 1975, "A simple general approach to inference about the tail of a distribution".
    """
    sketch = before.kll
    middle = 0.0
    if sketch is not None:
        middle = sketch.quantile(0.5)
    baseline = _furthest_distances(before, middle)
    furthest = _furthest_distances(current, middle)[-count:]
    if not len(baseline) or not len(furthest) or furthest[0] <= baseline[-1]:
        return 1.0
    # Hill's estimate, less two standard errors
    mean_log = float(np.log(baseline / baseline[0]).mean())
    exponent = max(0.0, 1 - 2 / math.sqrt(len(baseline))) / max(mean_log, 1 / STEEPEST_TAIL)
    rarity = math.pow(furthest[0] / baseline[-1], -exponent)
    # Of more numbers than the ends hold, the distances of these count
    return math.pow(rarity, len(furthest) / count)


def _furthest_distances(feature: FeatureProfile, middle: float) -> Values:
    """The largest distances from a number, ascending; empty if the ends are unknown."""
    ends = feature.state(Ends)
    if ends is None:
        return np.empty(0)
    below = middle - ends.smallest[ends.smallest < middle]
    above = ends.largest[ends.largest > middle] - middle
    return np.sort(np.concatenate((below, above)))[-VALUES_PER_END:]


RARE_NUMBERS = 0.01  # of texts


@GUARDS.register("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of numbers among the texts is not above the baseline's; if that is 0, numbers are a new kind of value.

    `data_type_check` accepts numbers, because a number is also a String; drift is not judged if all values are numbers.
    Source: D4.9.
    """
    if before.is_numeric or not feature.are_texts:
        return None
    if recognise_dates(before):  # date_form_check finds numbers
        return None
    types = before.data_types
    types_now = feature.current.data_types
    baseline = (types.integral + types.fractional, types.present)
    current = (types_now.integral + types_now.fractional, types_now.present)
    # A hexadecimal number is a number by chance, unless all are
    are_some = types_now.present > current[0] and baseline[0] > RARE_NUMBERS * baseline[1]
    if are_some and are_mixed_codes(before):
        return None
    return share_evidence("share of numbers among the texts", baseline, current, alien=ALIEN, is_kind=True)


@GUARDS.register("text_share_check", same_as=("baseline_drift_check", "data_type_check"))
def text_share(feature: FeatureComparison, before: FeatureProfile) -> GuardEvidence | None:
    """The share of texts among numbers is not above the baseline's; if that is 0, texts are a new kind of value.

    If `data_type_check` is violated, that check decides; a baseline for small windows sets its limit low. Dates have
    date_value_check.
    Source: D4.9.
    """
    if not before.is_numeric or not feature.are_texts:
        return None
    if recognise_dates(before):
        return None
    current = feature.current
    texts = current.num_present - current.num_numbers
    baseline = (before.num_others, before.num_present)
    return share_evidence("share of texts among the numbers", baseline, (texts, current.num_present), is_kind=True)
