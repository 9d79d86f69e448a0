"""Room for chance: suggested limits so wide that healthy windows keep them, and no drift of what is new by nature. Pure.

A limit is the share that a window of so many rows falls short of with a probability of the family's level, shared by its limits.
It stands where a person would write one: in a feature's `completeness` and its overrides.

Source: D4.6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from model_monitor.data_quality.keys import seen_once, why_always_new
from model_monitor.documents.constraints import (
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
    MonitoringSettings,
    Role,
    Switch,
)
from model_monitor.statistics.states import FeatureProfile
from model_monitor.statistics.verdicts.components import fewest_beyond_chance
from model_monitor.statistics.verdicts.multiplicity import shared

DRIFT, PREDICTIONS, COMPLETENESS, CONTENTS = "drift", "prediction drift", "completeness", "contents"
VOLUME = "volume"


def families_of(features: Iterable[FeatureConstraints]) -> tuple[str, ...]:
    """The families of checks that share the budget of a run with these features."""
    told = any(feature.role is Role.PREDICTION for feature in features)
    return (DRIFT, *((PREDICTIONS,) if told else ()), COMPLETENESS, CONTENTS)


LEAST_SHARE = 0.98
"""No suggested limit of a domain or a type is below it: what a window lacks beyond that is a matter for its own test."""

OFTEN = 30
"""A domain whose values all were seen so often is complete."""


def with_room(
    features: Iterable[tuple[FeatureConstraints, FeatureProfile]],
    settings: MonitoringSettings,
    window_rows: int | None = None,
) -> tuple[FeatureConstraints, ...]:
    """Suggested constraints with room for chance. window_rows: of a later window; None: as many as here."""
    pairs = [(*_by_nature(constraints, profile), profile) for constraints, profile in features]
    levels = shared(settings.false_alarm_budget, families_of(constraints for constraints, _, _ in pairs))
    contents = sum((constraints.domains is not None) + profile.is_numeric for constraints, _, profile in pairs)
    for_completeness, for_contents = levels[COMPLETENESS] / max(len(pairs), 1), levels[CONTENTS] / max(contents, 1)
    made = []
    for constraints, overrides, profile in pairs:
        update: dict[str, Any] = {}
        rows = profile.data_types.total
        limit = _limit(profile.num_missing, rows, window_rows, for_completeness) if rows else None
        if limit is not None:  # else no window of so few rows could break one, and the bare share stays
            update["completeness"] = limit
        overrides |= dict(_contents(constraints, profile, settings, for_contents, window_rows))
        if overrides:
            update["monitoring_config_overrides"] = MonitoringConfig(**overrides)
        made.append(constraints.model_copy(update=update))
    return tuple(made)


def _by_nature(constraints: FeatureConstraints, profile: FeatureProfile) -> tuple[FeatureConstraints, dict[str, Any]]:
    """What is new by nature has no domain, and overrides that leave it out of drift."""
    new = why_always_new(profile)
    if new is None:
        return constraints, {}
    drift = DistributionConstraints(perform_comparison=Switch.DISABLED, reason=new)
    return constraints.model_copy(update={"string_constraints": None}), {"distribution_constraints": drift}


def _contents(
    constraints: FeatureConstraints,
    profile: FeatureProfile,
    settings: MonitoringSettings,
    level: float,
    window_rows: int | None,
) -> Iterator[tuple[str, float]]:
    """The limits of domain and type, but for those that the whole file was asked to have.

    The values seen once say how many there are that nobody has seen. Source: Good 1953, "The population frequencies of species".
    """
    present = profile.num_present
    rows = max(1, round(window_rows * profile.completeness)) if window_rows and present else None
    if constraints.domains is not None and settings.domain_content_threshold == 1:
        counts = profile.exact_domain or {}
        limit = max(_limit(seen_once(counts), present, rows, level) or LEAST_SHARE, LEAST_SHARE)
        yield "domain_content_threshold", 1.0 if min(counts.values(), default=0) >= OFTEN else limit
    if profile.is_numeric and present and settings.datatype_check_threshold == 1:
        yield "datatype_check_threshold", max(_limit(0, present, rows, level) or LEAST_SHARE, LEAST_SHARE)


def _limit(lacking: int, rows: int, window_rows: int | None, level: float) -> float | None:
    """The least share of a window's rows that don't lack it; None if there is none."""
    window_rows = window_rows or rows
    fewest = fewest_beyond_chance(lacking, rows, window_rows, level)
    return None if fewest is None else (window_rows - fewest + 1) / window_rows
