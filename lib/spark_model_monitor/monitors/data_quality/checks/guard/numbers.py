"""Numbers are as finite as before, keep their sign and their range, and are not texts; and texts are not numbers."""

from __future__ import annotations

import math

from spark_model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from spark_model_monitor.monitors.data_quality.comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.distributions import why_always_new
from spark_model_monitor.statistics.date_columns import recognise_dates
from spark_model_monitor.statistics.states import FeatureProfile, Moments

ALIEN = 0.01  # of a window
SHARP = 0.5  # of the distance from the first tenth to the middle: a lowest tenth below it is a sharp end
FAR, NEAR = 2.0, 0.5  # in widths of the baseline's range; NEAR where surely no group of rows lies so near
SHORT_TAIL, LONGEST_TAIL = 0.15, 1.2
"""Of the inner eight tenths: ends are sharp if the wider outer tenth is below the first; tails exceed the second."""


@GUARDS.register("infinity_check", needs=Moments)
def infinity(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of infinities among the numbers is not above the baseline's; if that is 0, infinities are a new kind of value.

    Source: D4.9.
    """
    old, new = before.moments, feature.current.moments
    if old is None or new is None or not (before.is_numeric and feature.current.is_numeric):
        return None
    sides = ((side.present - side.count, side.present) for side in (old, new))
    return of_share("share of infinities", *sides, alien=ALIEN, is_kind=True)


@GUARDS.register("sign_check", needs=Moments)
def sign(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """There are still no negative numbers; if `non_negative_check` is Enabled, that check decides.

    Negative numbers are a new kind if the baseline's numbers end sharply or stay far from 0; otherwise their tail may reach 0.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    if feature.settings.non_negative_check or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    if old.minimum < 0:
        return None
    tenth, middle = sketch.quantile(0.1), sketch.quantile(0.5)
    tail = tenth - old.minimum
    is_end = not old.minimum or 2 * old.minimum > tail or tail < SHARP * (middle - tenth)
    return of_share("share of negative numbers", (0, old.count), beyond(feature.current, below=0.0), is_kind=is_end)


@GUARDS.register("range_check", needs=Moments, same_as=("baseline_drift_check",))
def far_outside(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No numbers lie outside the baseline's range by two of its widths, or by half a width if the range has sharp ends or each
    row stands for itself; numbers that rise from row to row are not judged. Far numbers are a new kind unless tails are
    long.

    If drift tests independent rows, its component `range` decides.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    tested = feature.settings.rows_are_independent and feature.known.is_drift_calibrated
    if tested or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    width = old.maximum - old.minimum
    if not 0 < width < math.inf or why_always_new(before) or feature.known.rises:
        return None
    first, last = sketch.quantile(0.1), sketch.quantile(0.9)
    tail, inner = max(old.maximum - last, first - old.minimum), last - first
    by = (NEAR if feature.has_independent_rows or tail < SHORT_TAIL * inner else FAR) * width
    low = -math.inf if old.minimum >= 0 else old.minimum - by  # negative numbers are left to sign_check
    current, is_kind = beyond(feature.current, below=low, above=old.maximum + by), tail <= LONGEST_TAIL * inner
    return of_share("share of numbers far outside of the range", (0, old.count), current, is_kind=is_kind)


@GUARDS.register("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of numbers among the texts is not above the baseline's; if that is 0, numbers are a new kind of value.

    `data_type_check` accepts numbers, because a number is also a String; drift is not judged if all values are numbers.
    Source: D4.9.
    """
    if before.is_numeric or not feature.are_texts:
        return None
    if recognise_dates(before):  # date_form_check finds numbers
        return None
    types = before.data_types, feature.current.data_types
    sides = ((each.integral + each.fractional, each.present) for each in types)
    return of_share("share of numbers among the texts", *sides, alien=ALIEN, is_kind=True)


@GUARDS.register("text_share_check", same_as=("baseline_drift_check", "data_type_check"))
def text_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
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
    baseline = before.num_others, before.num_present
    return of_share("share of texts among the numbers", baseline, (texts, current.num_present), is_kind=True)
