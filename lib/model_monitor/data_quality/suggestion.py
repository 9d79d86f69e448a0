"""A profile as constraints.json: what to ask of later data, one registered rule for each kind of constraint.

Every rule is made so that a data set passes the constraints suggested from it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from model_monitor.data_quality.statistics import MAX_DOMAIN_SIZE, domain_of
from model_monitor.documents.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringSettings,
    NumConstraints,
    StringConstraints,
)
from model_monitor.documents.statistics import InferredType
from model_monitor.registry import Registry
from model_monitor.states import FeatureProfile, Profile

Rule = Callable[[FeatureProfile, int], Mapping[str, Any]]
"""Members of a feature's constraints, suggested from its profile and the largest size of a domain; none if none fit."""

SUGGESTIONS: Registry[Rule] = Registry("suggestion rule")

COMPARISON_METHOD = "Robust"
"""How a new baseline asks for drift to be measured (docs/decisions/0005-comparison-method.md)."""

DEFAULT_SETTINGS = MonitoringSettings(comparison_method=COMPARISON_METHOD)
"""The `monitoring_config` of a new baseline (G12)."""


def suggest(
    profile: Profile, settings: MonitoringSettings = DEFAULT_SETTINGS, *, max_domain_size: int = MAX_DOMAIN_SIZE
) -> Constraints:
    """The constraints that a data set with this profile passes.

    Source: C4.2, G11 and G12.
    """
    features = []
    for feature in profile.features:
        members: dict[str, Any] = {}
        for rule in SUGGESTIONS.values():
            members |= rule(feature, max_domain_size)
        features.append(FeatureConstraints(name=feature.name, **members))
    return Constraints(features=tuple(features), monitoring_config=settings.as_config())


@SUGGESTIONS.register("inferred_type")
def inferred_type(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Later values have the type that these have.

    Source: G8.
    """
    return {"inferred_type": InferredType(feature.inferred_type)}


@SUGGESTIONS.register("completeness")
def completeness(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """The share of values present is at least the one observed here; without rows none was.

    Source: G11.
    """
    return {"completeness": feature.completeness} if feature.data_types.total else {}


@SUGGESTIONS.register("is_non_negative")
def is_non_negative(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Whether no number was negative; written for every numeric feature, also when it is false.

    A numeric feature without a single finite value gets none: nothing was observed.
    Source: G11.
    """
    if not feature.is_numeric or feature.moments is None or not feature.moments.count:
        return {}
    non_negative = feature.moments.minimum >= 0 and not feature.moments.negative_infinite
    return {"num_constraints": NumConstraints(is_non_negative=non_negative)}


@SUGGESTIONS.register("domains")
def domains(feature: FeatureProfile, max_domain_size: int) -> Mapping[str, Any]:
    """Later values of a text feature with few values are among those seen.

    Source: G9 and G11.
    """
    domain = domain_of(feature, max_domain_size)
    return {"string_constraints": StringConstraints(domains=tuple(domain))} if domain else {}
