"""Thresholds of single features that a run is told, in place of those of its constraints. Pure."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from model_monitor.data_quality.comparators import DRIFT, check_of
from model_monitor.documents.constraints import (
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
)
from model_monitor.errors import BadConfiguration

SHARES = {
    "completeness_check": "completeness",
    "data_type_check": "datatype_check_threshold",
    "categorical_values_check": "domain_content_threshold",
}
"""Checks of a share, with the members that say which."""


def with_thresholds(constraints: Constraints, given: Any) -> Constraints:
    """The constraints with other thresholds, by feature and check; the drift check is all comparators where there are some.

    Raises BadConfiguration if they are no numbers, BadDocument or BadConfiguration for a feature or a check that is not there.
    """
    if not isinstance(given, dict) or not all(isinstance(checks, dict) for checks in given.values()):
        raise BadConfiguration(f'is no object of objects; write {{"FEATURE": {{"{DRIFT}": 0.3}}}}')
    told = {name: _told(constraints, constraints.feature(name), checks) for name, checks in given.items()}
    return constraints.model_copy(
        update={"features": tuple(told.get(feature.name, feature) for feature in constraints.features)}
    )


def _told(constraints: Constraints, feature: FeatureConstraints, given: Mapping[str, Any]) -> FeatureConstraints:
    comparators = constraints.monitoring_of(feature.name).comparators
    checks = list(dict.fromkeys((*SHARES, DRIFT, *(check_of(each.distance) for each in comparators or ()))))
    for check, number in given.items():
        most = 1 if check in SHARES else sys.float_info.max
        if check not in checks or type(number) not in (int, float) or not 0 <= number <= most:
            raise BadConfiguration(
                f"{feature.name}: {check} is {number!r}; write a number, 0 or more (a share up to 1), for one of: "
                f"{', '.join(checks)}"
            )
    drift: dict[str, Any] = {}
    if comparators is not None:
        limits = [given.get(check_of(each.distance), given.get(DRIFT, each.threshold)) for each in comparators]
        drift["comparators"] = tuple(
            each.model_copy(update={"threshold": limit}) for each, limit in zip(comparators, limits, strict=True)
        )
    elif DRIFT in given:
        drift = dict.fromkeys(("comparison_threshold", "categorical_comparison_threshold"), given[DRIFT])
    config = feature.monitoring_config_overrides or MonitoringConfig()
    members = {member: given[check] for check, member in SHARES.items() if check in given}
    completeness = {name: members.pop(name) for name in ("completeness",) if name in members}
    distribution = (config.distribution_constraints or DistributionConstraints()).model_copy(update=drift)
    overrides = config.model_copy(update={**members, "distribution_constraints": distribution})
    return feature.model_copy(update={**completeness, "monitoring_config_overrides": overrides})
