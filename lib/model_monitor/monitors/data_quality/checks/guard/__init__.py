"""The guard: what would pass in silence, since no limit of constraints.json is about it. Pure.

A guard takes one feature of which the baseline's states are known, and gives the `Evidence` of its window, or None where there is
nothing to ask. It runs where chance is allowed for, within the budget of the family "contents"; a new file in this folder is
found by being there. One that sees what drift sees says so by `is_drift`: it is no second violation beside it.

Source: D4.9.
"""

from __future__ import annotations

from collections.abc import Callable

from model_monitor.monitors.data_quality.comparison import FeatureComparison
from model_monitor.monitors.data_quality.evidence import Evidence
from model_monitor.registry import Registry
from model_monitor.statistics.states import FeatureProfile

Guard = Callable[[FeatureComparison, FeatureProfile], Evidence | None]

GUARDS: Registry[Guard] = Registry("guard")


def evidence_of(feature: FeatureComparison) -> dict[str, Evidence]:
    """What the guards saw of a feature, by the name of their check; nothing if the baseline's states are not at hand."""
    before = feature.before
    if before is None or not feature.is_compared:
        return {}
    found = ((guard.name, guard(feature, before)) for guard in GUARDS.values())
    return {name: evidence for name, evidence in found if evidence is not None}
