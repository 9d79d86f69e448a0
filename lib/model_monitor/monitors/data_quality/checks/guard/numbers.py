"""Numbers are as finite as they were, have the sign and the range that they had, and are no texts, as texts are no numbers."""

from __future__ import annotations

import math

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, beyond, has_numbers, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.distributions import why_always_new
from model_monitor.statistics.states import FeatureProfile, Moments

ALIEN = 0.01  # of a window
SHARP = 0.5  # of the way from the first tenth to the middle: a lowest tenth that takes less is the end of the numbers
FAR, NEAR = 2.0, 0.5  # so many widths of the baseline's range, and where it is known that no group of rows lies so near
SHORT_TAIL, LONGEST_TAIL = 0.15, 1.2
"""Of the inner eight tenths: ends are sharp if the wider outer one takes less than the first, tails go on from the second."""


@GUARDS.register("infinity_check", needs=Moments)
def infinity(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of infinities among the numbers is not above the baseline's; where it had none, they are a kind of their own.

    Source: D4.9.
    """
    old, new = before.moments, feature.current.moments
    if old is None or new is None or not (before.is_numeric and feature.current.is_numeric):
        return None
    sides = ((side.present - side.count, side.present) for side in (old, new))
    return of_share("share of infinities", *sides, alien=ALIEN, is_kind=True)


@GUARDS.register("sign_check", needs=Moments)
def sign(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of negative numbers is still none; `non_negative_check` has the word where it is Enabled.

    Negative numbers are a kind of their own if the numbers end at 0 or above, or far above it: the tail of others may reach it.
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
    """No numbers lie two widths of the baseline's range or more outside of it, but for those of rows, which go on; where it has
    sharp ends, or each row stands for itself, none half a width. They are a kind of their own unless its tails are long.

    Where drift tests independent rows, its component `range` has the word.
    Source: D4.9.
    """
    old, sketch = before.moments, before.kll
    tested = feature.settings.rows_are_independent and feature.is_drift_calibrated
    if tested or not has_numbers(before, feature.current) or old is None or sketch is None:
        return None
    width = old.maximum - old.minimum
    if not 0 < width < math.inf or why_always_new(before) or feature.rises:
        return None
    first, last = sketch.quantile(0.1), sketch.quantile(0.9)
    tail, inner = max(old.maximum - last, first - old.minimum), last - first
    by = (NEAR if feature.rows_stand_alone or tail < SHORT_TAIL * inner else FAR) * width
    low = -math.inf if old.minimum >= 0 else old.minimum - by  # negative numbers are sign_check's
    current, is_kind = beyond(feature.current, below=low, above=old.maximum + by), tail <= LONGEST_TAIL * inner
    return of_share("share of numbers far outside of the range", (0, old.count), current, is_kind=is_kind)


@GUARDS.register("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of numbers among the texts is not above the baseline's; where it had none, they are a kind of their own.

    `data_type_check` lets them pass, since a number fits in a text; their drift is not judged where all of them are numbers.
    Source: D4.9.
    """
    if before.is_numeric or not feature.are_texts:
        return None
    types = before.data_types, feature.current.data_types
    sides = ((each.integral + each.fractional, each.present) for each in types)
    return of_share("share of numbers among the texts", *sides, alien=ALIEN, is_kind=True)


@GUARDS.register("text_share_check", same_as=("baseline_drift_check", "data_type_check"))
def text_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """None of the values of a column that has numbers in place of texts is another text, however small the share.

    `data_type_check` has the word where its limit is broken, which a baseline made for small windows sets low.
    Source: D4.9.
    """
    if not before.is_numeric or not feature.are_texts:
        return None
    types = feature.current.data_types
    others = types.present - types.integral - types.fractional, types.present
    return of_share("share of texts among the numbers", (0, before.num_present), others, is_kind=True)
