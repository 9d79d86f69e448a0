"""Comparators: distances that constraints.json or a run requests for single features instead of the drift check; and
thresholds of single features that are given to a run. Pure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.documents.constraints import (
    Comparator,
    Constraints,
    DistributionConstraints,
    FeatureConstraints,
    MonitoringConfig,
)
from spark_model_monitor.documents.headline import DRIFT
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.checks.baseline_drift import (
    SWITCHED_OFF,
    compared_by,
    judged,
    why_not_compared,
)
from spark_model_monitor.monitors.data_quality.comparison import NOT_IN_BASELINE, FeatureComparison
from spark_model_monitor.monitors.data_quality.distributions import BASELINE, FeatureDistribution
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift import DISTANCES
from spark_model_monitor.statistics.drift.distributions import category_cells

CONTROL_DATA_MISSING = "COMPARATOR_CONTROL_DATA_MISSING"
NO_COUNTS_OF_NUMBERS = "numbers have no counts by value, so that TFDV finds no distance"
NO_SUCH_WINDOWS = "there are no earlier windows for {reference}"
NUMBERS_ONLY = "the distance takes numbers only"

_TFDV = {
    "l_infinity_categorical": ("COMPARATOR_L_INFTY_HIGH", "Linfty distance"),
    "normalized_abs_difference": ("COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH", "normalized absolute difference"),
    "js_divergence": ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "approximate Jensen-Shannon divergence"),
}
"""The distances of TFDV in its order, with the names of their violations and its words for them."""


def check_of(distance: str) -> str:
    """The check name in violations of a comparator of this distance."""
    return _TFDV[distance][0] if distance in _TFDV else DRIFT


def unfit_comparators(constraints: Constraints, *, as_service: bool) -> Iterator[str]:
    """An error line for each comparator whose distance doesn't fit its feature's kind; TFDV's own are 0 then."""
    for index, feature in enumerate(constraints.features):
        kind = "numeric" if feature.inferred_type.is_numeric else "categorical"
        if not feature.inferred_type.is_numeric and feature.inferred_type is not InferredType.STRING:
            continue
        for distance in (each.distance for each in constraints.monitoring_of(feature.name).comparators or ()):
            if not DISTANCES.get(distance).facts[kind] and not (as_service and distance in _TFDV):
                yield (
                    f"constraints.json: features[{index}] is {feature.inferred_type.value}, and a comparator of its has the "
                    f"distance {distance!r}, which does not take that; write 'js_divergence', in "
                    "monitoring_config_overrides of the feature if others are to keep theirs"
                )


def compared(feature: FeatureComparison) -> Iterator[tuple[str, Finding]]:
    """The finding of each comparator in force, TFDV's distances first, by the names of its violations.

    Only a distance above the threshold is a violation. If a baseline has data but lacks this feature, that is one
    violation instead of all.
    """
    comparators = feature.settings.comparators or ()
    missing = set()
    order = list(_TFDV)
    for comparator in sorted(comparators, key=lambda each: (*order, each.distance).index(each.distance)):
        reference = comparator.against
        before = feature.baseline if reference == BASELINE else feature.references.get(reference)
        if before is not None and before.reason == NOT_IN_BASELINE and feature.settings.perform_comparison:
            if reference not in missing:
                text = messages.control_data_missing(reference)
                yield CONTROL_DATA_MISSING, Finding(CheckStatus.VIOLATED, None, against=reference, description=text)
            missing.add(reference)
            continue
        finding = Finding.not_judged(comparator.threshold, NO_SUCH_WINDOWS.format(reference=reference))
        if before is not None:
            finding = _finding(replace(feature, baseline=before, against=reference), comparator)
        yield check_of(comparator.distance), finding.but(against=comparator.against, method=comparator.distance)


def _finding(feature: FeatureComparison, comparator: Comparator) -> Finding:
    distance, threshold = comparator.distance, comparator.threshold
    if not feature.settings.perform_comparison:
        return Finding.not_judged(threshold, SWITCHED_OFF)
    baseline, current = feature.baseline, feature.now
    reason = why_not_compared(baseline, current)
    if reason:
        return Finding.not_judged(threshold, reason)
    takes_numbers = DISTANCES.get(distance).facts["numeric"] is not None
    if baseline.numbers or current.numbers:
        if not takes_numbers:
            return Finding(CheckStatus.PASSED, threshold, 0.0, reason=NO_COUNTS_OF_NUMBERS)
    elif not DISTANCES.get(distance).facts["categorical"]:
        return Finding.not_judged(threshold, NUMBERS_ONLY)
    finding = judged(compared_by(baseline, current, distance, distance), threshold, baseline, current)
    if finding.status is not CheckStatus.VIOLATED or distance not in _TFDV or finding.observed is None:
        return finding
    value = None if takes_numbers else _most_different(distance, baseline, current)
    text = messages.comparator_high(
        _TFDV[distance][1], finding.observed, threshold, value, reference=comparator.against
    )
    return finding.but(description=text)


def _most_different(distance: str, baseline: FeatureDistribution, current: FeatureDistribution) -> str:
    """The text with the largest difference, which determines the distance; of several the first by the alphabet."""
    sides = baseline.categories or {}, current.categories or {}
    before, after = category_cells(*sides)
    if distance == "l_infinity_categorical":
        before, after = before * after.sum(), after * before.sum()  # in proportion to shares, but whole numbers
    return sorted({*sides[0], *sides[1]})[int(np.abs(before - after).argmax())]


# Thresholds of single features that are given to a run, instead of those of its constraints.


SHARES = {
    "completeness_check": "completeness",
    "data_type_check": "datatype_check_threshold",
    "categorical_values_check": "domain_content_threshold",
}
"""Checks of a share, with the members that hold their thresholds."""


def with_thresholds(constraints: Constraints, given: Any) -> Constraints:
    """The constraints with other thresholds, by feature and check; the drift check means all comparators, if any.

    Raises BadConfiguration if they are not numbers, BadDocument or BadConfiguration for an unknown feature or check.
    """
    if not isinstance(given, dict) or not all(isinstance(checks, dict) for checks in given.values()):
        raise BadConfiguration(f'is no object of objects; write {{"FEATURE": {{"{DRIFT}": 0.3}}}}')
    edited = {name: _edited(constraints, constraints.feature(name), checks) for name, checks in given.items()}
    features = tuple(edited.get(feature.name, feature) for feature in constraints.features)
    return constraints.model_copy(update={"features": features})


def _edited(constraints: Constraints, feature: FeatureConstraints, given: Mapping[str, Any]) -> FeatureConstraints:
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
        limits = ((each, given.get(check_of(each.distance), given.get(DRIFT, each.threshold))) for each in comparators)
        drift["comparators"] = tuple(each.model_copy(update={"threshold": limit}) for each, limit in limits)
    elif DRIFT in given:
        drift = dict.fromkeys(("comparison_threshold", "categorical_comparison_threshold"), given[DRIFT])
    config = feature.monitoring_config_overrides or MonitoringConfig()
    members = {member: given[check] for check, member in SHARES.items() if check in given}
    completeness = {name: members.pop(name) for name in ("completeness",) if name in members}
    distribution = (config.distribution_constraints or DistributionConstraints()).model_copy(update=drift)
    overrides = config.model_copy(update={**members, "distribution_constraints": distribution})
    return feature.model_copy(update={**completeness, "monitoring_config_overrides": overrides})
