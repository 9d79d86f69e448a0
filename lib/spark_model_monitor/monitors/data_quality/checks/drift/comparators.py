"""Comparators: distances that constraints.json or a run requests for single features instead of the drift check; and
thresholds of single features that are given to a run. Pure.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from spark_model_monitor.documents.check_results import DRIFT, PRESENCE, UPPER_LIMIT, CheckStatus
from spark_model_monitor.documents.constraints import Constraints, FeatureConstraints
from spark_model_monitor.documents.json_text import Json
from spark_model_monitor.documents.monitoring_settings import (
    PLAIN_DISTANCE,
    Comparator,
    DistributionConstraints,
    MonitoringConfig,
    MonitoringSettings,
    Switch,
)
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import NOT_IN_BASELINE
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.drift.baseline_drift import (
    NOISE_METHODS,
    compare_distributions,
    explain_unjudged_drift,
    judge_by_threshold,
    withhold_drift,
)
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift import DISTANCES
from spark_model_monitor.statistics.drift.distributions import align_categories

_TFDV = {
    "l_infinity_categorical": ("COMPARATOR_L_INFTY_HIGH", "Linfty distance"),
    "normalized_abs_difference": ("COMPARATOR_NORMALIZED_ABSOLUTE_DIFFERENCE_HIGH", "normalized absolute difference"),
    "js_divergence": ("COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "approximate Jensen-Shannon divergence"),
}
"""The distances of TFDV in its order, with the names of their violations and its words for them."""


def name_check(distance: str) -> str:
    """The check name in violations of a comparator of this distance."""
    if distance in _TFDV:
        return _TFDV[distance][0]
    return DRIFT


def find_unfit_comparators(constraints: Constraints, *, as_service: bool) -> Iterator[str]:
    """An error line for each comparator whose distance doesn't fit its feature's kind. For the service, TFDV's distances always
    fit: they are 0 then.
    """
    for index, feature in enumerate(constraints.features):
        value_type = "categorical"
        if feature.inferred_type.is_numeric:
            value_type = "numeric"
        elif feature.inferred_type is not InferredType.STRING:
            continue
        for comparator in constraints.settings_for(feature.name).comparators or ():
            distance = comparator.distance
            if not DISTANCES.get(distance).facts[value_type] and not (as_service and distance in _TFDV):
                yield (
                    f"constraints.json: features[{index}] is {feature.inferred_type.value}, and a comparator of its has the "
                    f"distance {distance!r}, which does not take that; write 'js_divergence', in "
                    "monitoring_config_overrides of the feature if others are to keep theirs"
                )


def judge_comparators(feature: FeatureComparison) -> Iterator[tuple[str, Finding]]:
    """The finding of each comparator in force, TFDV's distances first, by the names of its violations.

    Only a distance above the threshold is a violation. If a baseline has data but lacks this feature, that is one
    violation instead of all.
    """
    comparators = feature.settings.comparators or ()
    missing_references = set()
    order = list(_TFDV)
    for comparator in sorted(comparators, key=lambda requested: (*order, requested.distance).index(requested.distance)):
        reference = comparator.against
        baseline = feature.baseline_feature.references.get(reference)
        if reference == BASELINE:
            baseline = feature.baseline_distribution
        # If a reference lacks the feature, all of its comparators are one violation
        if baseline is not None and baseline.reason == NOT_IN_BASELINE and feature.settings.perform_comparison:
            if reference not in missing_references:
                text = messages.control_data_missing(reference)
                finding = Finding(CheckStatus.VIOLATED, decided_by=PRESENCE, against=reference, description=text)
                yield "COMPARATOR_CONTROL_DATA_MISSING", finding
            missing_references.add(reference)
            continue
        finding = _judge_comparator(feature, baseline, comparator)
        yield name_check(comparator.distance), finding.copy_with(against=comparator.against, method=comparator.distance)


def _judge_comparator(
    feature: FeatureComparison, baseline: FeatureDistribution | None, comparator: Comparator
) -> Finding:
    """The finding of one comparator. baseline: the feature in the comparator's reference; None if that doesn't exist."""
    distance = comparator.distance
    threshold = comparator.threshold
    current = feature.current_distribution
    if not feature.settings.perform_comparison:
        return withhold_drift(feature, threshold, explain_unjudged_drift(feature) or "")
    # A distance may take only numbers, or only texts
    distance_facts = DISTANCES.get(distance).facts
    reason: str | None = f"there are no earlier windows for {comparator.against}"
    are_numbers = current.numbers is not None
    if baseline is not None:
        are_numbers = are_numbers or baseline.numbers is not None
        reason = explain_unjudged_drift(replace(feature, baseline_distribution=baseline, against=comparator.against))
        if reason is None and not (are_numbers or distance_facts["categorical"]):
            reason = "the distance takes numbers only"
    if baseline is None or reason is not None:
        return Finding.not_judged(threshold, reason)
    if are_numbers and not distance_facts["numeric"]:
        return Finding(
            threshold=threshold,
            observed=0.0,
            reason="numbers have no counts by value, so that TFDV finds no distance",
            decided_by=UPPER_LIMIT,
            limit=threshold,
        )
    compared = compare_distributions(baseline, current, distance, distance)
    finding = judge_by_threshold(compared, threshold, baseline.rows, current.rows)
    if not finding.is_violated or distance not in _TFDV or finding.observed is None:
        return finding
    value = None
    if not distance_facts["numeric"]:
        value = _find_most_different(distance, baseline, current)
    title = _TFDV[distance][1]
    text = messages.comparator_high(title, finding.observed, threshold, value, reference=comparator.against)
    return finding.copy_with(description=text)


def _find_most_different(distance: str, baseline: FeatureDistribution, current: FeatureDistribution) -> str:
    """The text with the largest difference, which determines the distance; the first in the alphabet if there are several."""
    counts = (baseline.categories or {}, current.categories or {})
    baseline_counts, current_counts = align_categories(*counts)
    if distance == "l_infinity_categorical":
        # Whole numbers in proportion to the shares, so that ties stay ties
        totals = (baseline_counts.sum(), current_counts.sum())
        baseline_counts = baseline_counts * totals[1]
        current_counts = current_counts * totals[0]
    return sorted({*counts[0], *counts[1]})[int(np.abs(baseline_counts - current_counts).argmax())]


# Thresholds of single features that a run is given, instead of the thresholds of its constraints.


SHARES = {
    "completeness_check": "completeness",
    "data_type_check": "datatype_check_threshold",
    "categorical_values_check": "domain_content_threshold",
}
"""Checks of a share, with the members that hold their thresholds."""

DRIFT_LIMITS = ("comparison_threshold", "categorical_comparison_threshold")
ALL_FEATURES = "*"


def set_thresholds(constraints: Constraints, thresholds: Json) -> Constraints:
    """The constraints with other thresholds, by feature and check, each of them requested. The drift check means all
    comparators, if any, otherwise the plain distance. `*` means each feature that is compared and has no such threshold.

    Raises BadConfiguration if they are not numbers, BadDocument or BadConfiguration for an unknown feature or check.
    """
    if not isinstance(thresholds, dict) or not all(isinstance(checks, dict) for checks in thresholds.values()):
        raise BadConfiguration(f'is no object of objects; write {{"FEATURE": {{"{DRIFT}": 0.3}}}}')
    edited = {
        name: _set_limits(constraints, constraints.feature(name), limits_by_check)
        for name, limits_by_check in _name_all_features(constraints, thresholds).items()
    }
    features = tuple(edited.get(feature.name, feature) for feature in constraints.features)
    return constraints.model_copy(update={"features": features})


def _name_all_features(
    constraints: Constraints, thresholds: Mapping[str, Mapping[str, Json]]
) -> Mapping[str, Mapping[str, Json]]:
    """The thresholds by feature, with those of `*` for each feature, unless a feature has this name."""
    limits_of_all = thresholds.get(ALL_FEATURES)
    names = [feature.name for feature in constraints.features]
    if limits_of_all is None or ALL_FEATURES in names:
        return thresholds
    settings = constraints.settings_by_feature()
    limits = {name: limits_of_all for name in names if settings[name].left_out is None}
    for name, named_limits in thresholds.items():
        if name != ALL_FEATURES:
            limits[name] = {**limits.get(name, {}), **named_limits}
    return limits


def _set_limits(
    constraints: Constraints, feature: FeatureConstraints, limits_by_check: Mapping[str, Json]
) -> FeatureConstraints:
    settings = constraints.settings_for(feature.name)
    comparators = settings.comparators
    comparator_checks = [name_check(comparator.distance) for comparator in comparators or ()]
    checks = list(dict.fromkeys((*SHARES, DRIFT, *comparator_checks)))
    for check, limit in limits_by_check.items():
        largest = 1 if check in SHARES else sys.float_info.max
        if check not in checks or type(limit) not in (int, float) or not 0 <= limit <= largest:
            raise BadConfiguration(
                f"{feature.name}: {check} is {limit!r}; write a number, 0 or more (a share up to 1), for one of: "
                f"{', '.join(checks)}"
            )
    # Limits of shares
    shares = {member: limits_by_check[check] for check, member in SHARES.items() if check in limits_by_check}
    requested_limits = [*shares]
    completeness = {}
    if "completeness" in shares:
        completeness = {"completeness": shares.pop("completeness")}
    # Limits of drift
    drift: dict[str, Json] = {}
    drift_limit = limits_by_check.get(DRIFT)
    if comparators is not None:
        edited = []
        for comparator in comparators:
            limit = limits_by_check.get(name_check(comparator.distance), drift_limit)
            if limit is not None:
                comparator = comparator.model_copy(update={"threshold": limit})
            edited.append(comparator)
        drift["comparators"] = tuple(edited)
    elif drift_limit is not None:
        drift = _create_drift_members(settings, drift_limit)
        requested_limits += DRIFT_LIMITS
    # The feature's own settings
    config = feature.monitoring_config_overrides or MonitoringConfig()
    members: dict[str, Json] = {**shares, "requested_limits": (*(config.requested_limits or ()), *requested_limits)}
    if drift:
        distribution = config.distribution_constraints or DistributionConstraints()
        members["distribution_constraints"] = distribution.model_copy(update=drift)
    overrides = config.model_copy(update=members)
    return feature.model_copy(update={**completeness, "monitoring_config_overrides": overrides})


def _create_drift_members(settings: MonitoringSettings, limit: float) -> dict[str, Json]:
    """The settings for a limit of drift. A method that subtracts noise is replaced by the plain distance, and a feature that the
    baseline's suggestion left out is compared.
    """
    members: dict[str, Json] = dict.fromkeys(DRIFT_LIMITS, limit)
    if settings.comparison_method in NOISE_METHODS:
        members["comparison_method"] = PLAIN_DISTANCE
    if settings.categorical_drift_method in NOISE_METHODS:
        members["categorical_drift_method"] = PLAIN_DISTANCE
    if settings.left_out is not None:
        members["perform_comparison"] = Switch.ENABLED
    return members
