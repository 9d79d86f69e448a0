"""number_share_check and text_share_check: texts are no numbers all at once, and numbers no texts."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import FeatureProfile

ALIEN = 0.01


@GUARDS.register("number_share_check", same_as=("baseline_drift_check", "categorical_values_check"))
def number_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of numbers among the texts is not above the baseline's; where it had none, they are a kind of their own.

    `data_type_check` lets them pass, since a number fits in a text; their drift is not judged where all of them are numbers.
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
    """None of the values of a column that has numbers in place of texts is another text, however small the share.

    `data_type_check` has the word where its limit is broken, which a baseline made for small windows sets low.
    Source: D4.9.
    """
    if not before.is_numeric or not feature.are_texts:
        return None
    types = feature.current.data_types
    others = types.present - types.integral - types.fractional, types.present
    return of_share("share of texts among the numbers", (0, before.num_present), others, is_kind=True)
