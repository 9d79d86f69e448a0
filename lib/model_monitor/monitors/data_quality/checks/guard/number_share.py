"""number_share_check: texts are no numbers all at once."""

from __future__ import annotations

from model_monitor.monitors.data_quality.checks.guard import GUARDS, Evidence, of_share
from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.statistics.states import ColumnType, FeatureProfile

ALIEN = 0.01


@GUARDS.register("number_share_check", is_drift=True)
def number_share(feature: FeatureComparison, before: FeatureProfile) -> Evidence | None:
    """The share of numbers among the texts is not above the baseline's, where no domain has the word.

    `data_type_check` lets them pass, since a number fits in a text; their drift is not judged where all of them are numbers.
    Source: D4.9.
    """
    texts = before.column_type is feature.current.column_type is ColumnType.TEXT and not before.is_numeric
    if not texts or feature.constraints.domains is not None:
        return None
    sides = (
        (each.integral + each.fractional, each.present) for each in (before.data_types, feature.current.data_types)
    )
    return of_share("share of numbers among the texts", *sides, alien=ALIEN)
