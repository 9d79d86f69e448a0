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
    Switch,
)
from model_monitor.states import FeatureProfile
from model_monitor.verdicts import fewest_beyond_chance, shared

DRIFT, COMPLETENESS, CONTENTS = FAMILIES = ("drift", "completeness", "contents")
"""The families of checks that share a run's budget."""

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
    pairs = [(constraints, profile, why_always_new(profile)) for constraints, profile in features]
    levels = shared(settings.false_alarm_budget, FAMILIES)
    contents = sum(_has_domain(*pair) + pair[1].is_numeric for pair in pairs)
    for_each = {COMPLETENESS: levels[COMPLETENESS] / max(len(pairs), 1), CONTENTS: levels[CONTENTS] / max(contents, 1)}
    return tuple(
        constraints.model_copy(
            update={
                **_completeness(constraints, profile, for_each[COMPLETENESS], window_rows),
                **({} if _has_domain(constraints, profile, new) else {"string_constraints": None}),
                "monitoring_config_overrides": _overrides(
                    dict(_contents(constraints, profile, new, settings, for_each[CONTENTS], window_rows)), new
                ),
            }
        )
        for constraints, profile, new in pairs
    )


def _has_domain(constraints: FeatureConstraints, profile: FeatureProfile, new: str | None) -> bool:
    return constraints.domains is not None and new is None


def _completeness(
    constraints: FeatureConstraints, profile: FeatureProfile, level: float, window_rows: int | None
) -> dict[str, float]:
    """The limit of missing values; the bare share where no window of so few rows could break one."""
    if constraints.completeness is None:
        return {}
    limit = _limit(profile.num_missing, profile.data_types.total, window_rows, level)
    return {} if limit is None else {"completeness": limit}


def _contents(
    constraints: FeatureConstraints,
    profile: FeatureProfile,
    new: str | None,
    settings: MonitoringSettings,
    level: float,
    window_rows: int | None,
) -> Iterator[tuple[str, float]]:
    """The limits of domain and type, but for those that the whole file was asked to have.

    The values seen once say how many there are that nobody has seen. Source: Good 1953, "The population frequencies of species".
    """
    present = profile.num_present
    rows = window_rows and max(1, round(window_rows * profile.completeness))
    if _has_domain(constraints, profile, new) and settings.domain_content_threshold == 1:
        counts = profile.exact_domain or {}
        limit = max(_limit(seen_once(counts), present, rows, level) or LEAST_SHARE, LEAST_SHARE)
        yield "domain_content_threshold", 1.0 if min(counts.values(), default=0) >= OFTEN else limit
    if profile.is_numeric and present and settings.datatype_check_threshold == 1:
        yield "datatype_check_threshold", max(_limit(0, present, rows, level) or LEAST_SHARE, LEAST_SHARE)


def _limit(lacking: int, rows: int, window_rows: int | None, level: float) -> float | None:
    """The least share of a window's rows that don't lack it."""
    window_rows = window_rows or rows
    fewest = fewest_beyond_chance(lacking, rows, window_rows, level)
    return None if fewest is None else (window_rows - fewest + 1) / window_rows


def _overrides(limits: dict[str, Any], new: str | None) -> MonitoringConfig | None:
    if new is not None:
        limits["distribution_constraints"] = DistributionConstraints(perform_comparison=Switch.DISABLED, reason=new)
    return MonitoringConfig(**limits) if limits else None
