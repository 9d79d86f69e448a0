"""A profile as constraints.json: what to ask of later data, one registered rule for each kind of constraint.

Every rule is made so that a data set passes the constraints suggested from it. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from model_monitor.data_quality.room import DRIFT, families_of, with_room
from model_monitor.data_quality.statistics import MAX_DOMAIN_SIZE, domain_of
from model_monitor.documents.constraints import (
    Constraints,
    FeatureConstraints,
    MonitoringSettings,
    NumConstraints,
    Role,
    StringConstraints,
)
from model_monitor.documents.statistics import InferredType
from model_monitor.errors import BadConfiguration
from model_monitor.registry import Registry
from model_monitor.statistics.drift import CATEGORICAL_METHODS
from model_monitor.statistics.states import FeatureProfile, Profile
from model_monitor.statistics.verdicts.multiplicity import shared

Rule = Callable[[FeatureProfile, int], Mapping[str, Any]]
"""Members of a feature's constraints, suggested from its profile and the largest size of a domain; none if none fit."""

SUGGESTIONS: Registry[Rule] = Registry("suggestion rule")

DEFAULT_SETTINGS = MonitoringSettings()
"""The `monitoring_config` of new baselines: the service's (G12), whose limits leave room for chance; drift is measured as
docs/decisions/0005-comparison-method.md says.
"""


def suggest(
    profile: Profile,
    settings: MonitoringSettings = DEFAULT_SETTINGS,
    *,
    max_domain_size: int = MAX_DOMAIN_SIZE,
    window_rows: int | None = None,
    predictions: Collection[str] = (),
) -> Constraints:
    """The constraints that a data set with this profile passes, and other healthy ones if the settings are calibrated.

    window_rows: of a later window; None: as many as here. predictions: features that the model puts out.
    Raises BadConfiguration if one of them is not there.
    Source: C4.2, G11 and G12; D4.6.
    """
    names = [feature.name for feature in profile.features]
    if unknown := [name for name in predictions if name not in names]:
        raise BadConfiguration(
            f"--predictions: {unknown[0]!r} is no feature of the data; they are {', '.join(names[:20])}"
        )
    features = []
    for feature in profile.features:
        members: dict[str, Any] = {}
        for rule in SUGGESTIONS.values():
            members |= rule(feature, max_domain_size)
        if feature.name in predictions:
            members["role"] = Role.PREDICTION
        features.append(FeatureConstraints(name=feature.name, **members))
    if settings.is_calibrated:
        features = list(with_room(zip(features, profile.features, strict=True), settings, window_rows))
        settings = _with_level(settings, features)
    return Constraints(features=tuple(features), monitoring_config=settings.as_config())


def _with_level(settings: MonitoringSettings, features: Sequence[FeatureConstraints]) -> MonitoringSettings:
    """The limit of a p-value is the level of the family, for each feature, unless the caller chose another one."""
    method = CATEGORICAL_METHODS.get(settings.categorical_drift_method)
    usual = settings.categorical_comparison_threshold == method.facts["threshold"]
    if method.facts["higher_is_more"] or not usual:
        return settings
    level = shared(settings.false_alarm_budget, families_of(features))[DRIFT] / max(len(features), 1)
    return replace(settings, categorical_comparison_threshold=level)


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
