"""number_share_check and text_share_check: texts are no numbers all at once, and numbers no texts."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile

ALIEN = 0.01


@GUARDS.register("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of numbers among the texts is not above the baseline's; if that is 0, numbers are a new kind of value.

    `data_type_check` accepts numbers, because a number is also a String; drift is not judged if all values are numbers.
    Source: D4.9.
    """
    if before.is_numeric or not feature.are_texts:
        return None
    sides = (
        (each.integral + each.fractional, each.present) for each in (before.data_types, feature.current.data_types)
    )
    return of_share("share of numbers among the texts", *sides, alien=ALIEN, is_kind=True)


@GUARDS.register("text_share_check", same_as=("baseline_drift_check", "data_type_check"))
def text_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """No value of a column of numbers is a text that is not a number, however small the share of such texts.

    If `data_type_check` is violated, that check decides; a baseline for small windows sets its limit low.
    Source: D4.9.
    """
    if not before.is_numeric or not feature.are_texts:
        return None
    types = feature.current.data_types
    others = types.present - types.integral - types.fractional, types.present
    return of_share("share of texts among the numbers", (0, before.num_present), others, is_kind=True)
