"""baseline_drift_check: a feature is distributed as in the baseline. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from spark_model_monitor.documents.check_results import LOWER_LIMIT, UPPER_LIMIT, CheckStatus
from spark_model_monitor.documents.page import format_number
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality import messages
from spark_model_monitor.monitors.data_quality.baseline.baseline_feature import NOT_GIVEN
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from spark_model_monitor.monitors.data_quality.checks.limits import data_type, explain_user_limit
from spark_model_monitor.monitors.data_quality.distribution.always_new import RISING
from spark_model_monitor.monitors.data_quality.distribution.calibration import NAME_TIME, judge_drift
from spark_model_monitor.monitors.data_quality.distribution.column_tests import LONGER_WINDOWS
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    find_direction,
)
from spark_model_monitor.monitors.data_quality.distribution.window_history import BASELINE, FOLLOW
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.drift import DistanceComparison as DriftComparison
from spark_model_monitor.statistics.drift import NumericDistribution, Ties, compare_categorical, compare_numeric
from spark_model_monitor.statistics.drift.comparison import describe_empty_samples

COMPARISON_DISABLED = "perform_comparison is Disabled"
NOISE_METHODS = "Robust", "LInfinity"  # methods whose distance is 0 if chance explains the gap for independent rows
NOTHING = NumericDistribution(levels=())


def select_threshold(feature: FeatureComparison) -> float | None:
    """`comparison_threshold`, or `categorical_comparison_threshold` for a text; None if comparators are requested."""
    settings = feature.settings
    if settings.comparators is not None:
        return None
    if feature.baseline_distribution.inferred_type is InferredType.STRING:
        return settings.categorical_comparison_threshold
    return settings.comparison_threshold


@FEATURE_CHECKS.register("baseline_drift_check", threshold=select_threshold)
def baseline_drift(feature: FeatureComparison, threshold: float) -> Finding:
    """The column's tests together are not as rare as the family's level: violated if `adjusted_p` is at most `level`.

    `adjusted_p` is the p-value of all tests (`components.COLUMN_TESTS`), combined by Cauchy's rule and adjusted for
    all columns by Benjamini and Hochberg; a test whose effect is below its least effect has p = 1. The rarest test is named.
    So a suggested threshold is judged where rows are independent or earlier windows show how they vary.

    Otherwise, and where a person wrote the threshold, the distance decides: violated if it is above the threshold, or if the
    p-value of `ChiSquared` is below it. Numbers are compared by `comparison_method`, texts by `categorical_drift_method`.
    Integral and Fractional are both numbers.

    Not judged if one side has numbers and the other texts, or if a side has no values or no exact distribution.
    Source: C4.4, C11.3, C11.23, C11.31; D2, D3.1, D3.2, D3.4, D4.1 to D4.4 and D4.7; G16.
    """
    # Distributions that can't be compared get a reason instead of a verdict
    reason = explain_unjudged_drift(feature) or _explain_natural_change(feature)
    if reason is not None:
        return withhold_drift(feature, threshold, reason)
    finding = _judge_distance(feature, threshold)
    # The service's reports never have both violations for one feature
    if feature.comparison.as_service and finding.is_violated and _is_type_violated(feature):
        return Finding.not_judged(threshold, "data_type_check is violated")
    # The column's own tests decide, if verdicts allow for noise
    calibration = feature.calibration
    if calibration is None:
        return finding
    column = calibration.drift_by_column.get((feature.against or BASELINE, feature.name))
    if column is None:
        return _explain_limit(feature, threshold, finding)
    finding = judge_drift(finding, threshold, column, calibration, feature.settings.change_that_matters)
    if not finding.is_judged:  # such as without values on one side
        return finding.as_cannot_tell(finding.reason or "", LONGER_WINDOWS)
    return finding


def _judge_distance(feature: FeatureComparison, threshold: float) -> Finding:
    """The finding by the distance of the file's method, compared with the threshold."""
    baseline = feature.baseline_distribution
    current = feature.current_distribution
    settings = feature.settings
    # The service counts equal numbers once
    ties = Ties.SUMMED
    if feature.comparison.as_service:
        ties = Ties.LOST
    compared = compare_distributions(
        baseline, current, settings.comparison_method, settings.categorical_drift_method, ties
    )
    finding = judge_by_threshold(compared, threshold, baseline.rows, current.rows)
    return finding.copy_with(direction=find_direction(baseline.mean, current.mean))


def _explain_limit(feature: FeatureComparison, threshold: float, finding: Finding) -> Finding:
    """The finding by a threshold; if it is a person's, with the reason that it decides without the column's own tests."""
    if not feature.baseline_feature.has_user_drift_limit or not finding.is_judged:
        return finding
    compared = compare_distributions(feature.baseline_distribution, feature.current_distribution, *NOISE_METHODS)
    return explain_user_limit(finding, format_number(threshold), has_moved=bool(compared.distance))


def explain_unjudged_drift(feature: FeatureComparison) -> str | None:
    """Why the feature isn't compared with a reference; None if it is."""
    if not feature.settings.perform_comparison:
        return feature.settings.left_out or COMPARISON_DISABLED
    reason = explain_incomparable(feature.baseline_distribution, feature.current_distribution)
    other_cells = feature.current_distribution.other_cells
    if reason is None and other_cells and _is_type_violated(feature):
        cells = feature.current_distribution.present + other_cells
        return f"{other_cells:,} of {cells:,} values are no numbers, more than data_type_check allows"
    return reason


def _explain_natural_change(feature: FeatureComparison) -> str | None:
    """Why the feature's distribution changes by nature; None if it doesn't."""
    baseline_feature = feature.baseline_feature
    if not feature.against and baseline_feature.is_drift_calibrated and feature.new_values_reason:
        return feature.new_values_reason
    if feature.calibration is not None and baseline_feature.has_rising_keys and not baseline_feature.is_drift_requested:
        return RISING
    return None


def withhold_drift(feature: FeatureComparison, threshold: float, reason: str) -> Finding:
    """The finding for distributions that are not compared: not judged if they change by nature; unsure if they should have been
    compared, such as for a person's limit.
    """
    finding = Finding.not_judged(threshold, reason)
    doubt = _explain_doubt(feature, threshold, reason)
    if doubt is None:
        return finding
    return finding.as_cannot_tell(doubt.reason, doubt.advice, is_change_seen=doubt.is_change_seen)


class _Doubt(NamedTuple):
    """Why distributions should have been compared, what to do about it, and whether there is a change that may be chance."""

    reason: str
    advice: str
    is_change_seen: bool = False


def _explain_doubt(feature: FeatureComparison, threshold: float, reason: str) -> _Doubt | None:
    """None if the distributions need not be compared. reason: why they aren't."""
    if reason == FOLLOW:
        return _Doubt(reason, NAME_TIME, is_change_seen=True)
    if feature.calibration is None:
        return None
    # A person's limit should have been checked
    settings = feature.settings
    has_limit = "comparison_threshold" in settings.requested_limits or settings.comparators
    if reason == COMPARISON_DISABLED and has_limit:
        reason = f"your limit {format_number(threshold)} is not checked, because {COMPARISON_DISABLED}"
        return _Doubt(reason, "set perform_comparison to Enabled, or leave the limit out")
    baseline = feature.baseline_distribution
    current = feature.current_distribution
    # What changes by nature, or by request, needs no comparison
    is_by_nature = reason != explain_incomparable(baseline, current)
    if is_by_nature or feature.baseline_feature.is_drift_requested:
        return None
    # If there are too many values to compare, the frequent values may still show a loss
    advice = "look at its values; make the baseline again if they are as they should be"
    if baseline.is_never_compared or current.is_never_compared:
        lost_share = _compute_lost_share(feature)
        if lost_share <= settings.change_that_matters.share(baseline.completeness):
            return None
        reason = f"the baseline's frequent values have at least {lost_share:.0%} fewer of the records"
        return _Doubt(reason, advice, is_change_seen=True)
    # Statistics may only have been forgotten
    if baseline.reason == NOT_GIVEN:
        advice = "put the baseline's statistics.json beside constraints.json, or name it (--baseline-statistics)"
    return _Doubt(reason, advice)


def _compute_lost_share(feature: FeatureComparison) -> float:
    """The least loss of the values that were frequent in the baseline, as a share of the present values.

    If a text has many values, only frequent ones are counted one by one.
    """
    # Counts of a text with many values are lower bounds, so the loss is one, too
    baseline = None
    if feature.baseline_profile is not None:
        baseline = feature.baseline_profile.frequencies
    current = feature.current_profile.frequencies
    if baseline is None or current is None or not baseline.total or not current.total or not current.exact:
        return 0.0
    frequent_before = sum(baseline.counts.values())
    frequent_now = sum(count for value, count in current.counts.items() if value in baseline.counts)
    return frequent_before / baseline.total - frequent_now / current.total


def judge_reference(feature: FeatureComparison, reference: str) -> Finding:
    """The same check against another reference of the feature."""
    baseline, current = feature.align_with_reference(reference)
    feature_of_reference = replace(
        feature, baseline_distribution=baseline, current_distribution=current, against=reference
    )
    return replace(
        baseline_drift(feature_of_reference, select_threshold(feature_of_reference) or 0.0), against=reference
    )


def judge_by_threshold(compared: DriftComparison, threshold: float, baseline_rows: int, current_rows: int) -> Finding:
    """Drift if the distance is above the threshold, or a p-value below it; no drift exactly at the threshold.

    Not judged: a side without rows; values on one side only (missing values are left to the completeness check); a
    distance that is not computable. If all values are missing on both sides, there is no drift.
    Source: D2; C11.23.
    """
    distance = compared.distance
    finding = Finding(
        threshold=threshold,
        observed=distance,
        n=compared.n,
        m=compared.m,
        formula=compared.formula,
        method=compared.method,
        ties=None if compared.ties is Ties.SUMMED else compared.ties.value,
        statistic=compared.statistic,
        degrees_of_freedom=compared.degrees_of_freedom,
    )
    finding_by_limit = finding.copy_with(
        decided_by=UPPER_LIMIT if compared.higher_is_more else LOWER_LIMIT, limit=threshold
    )
    # Values that are missing on both sides have not changed
    reason = compared.reason
    if not (baseline_rows and current_rows):
        reason = f"no data: {describe_empty_samples(baseline_rows, current_rows, 'rows')}"
    elif not (compared.n or compared.m):
        return finding_by_limit.copy_with(reason="all values are missing on both sides")
    if reason is not None or distance is None:
        return finding.copy_with(status=CheckStatus.NOT_JUDGED, reason=reason)
    # A p-value is small where a distance is large
    has_drifted = distance > threshold
    message = messages.drift
    if not compared.higher_is_more:
        has_drifted = distance < threshold
        message = messages.drift_p_value
    if has_drifted:
        return finding_by_limit.mark_violated(message(distance, threshold))
    return finding_by_limit


def explain_incomparable(baseline: FeatureDistribution, current: FeatureDistribution) -> str | None:
    """Why the two can't be compared; None if they can."""
    for data_name, distribution in (("baseline", baseline), ("current data", current)):
        if distribution.reason:
            return f"{data_name}: {distribution.reason}"
    if baseline.present and current.present and baseline.is_numeric != current.is_numeric:
        return (
            f"the feature is {baseline.inferred_type.value} in the baseline "
            f"and {current.inferred_type.value} in the current data"
        )
    return None


def _is_type_violated(feature: FeatureComparison) -> bool:
    return data_type(feature, feature.settings.datatype_check_threshold).is_violated


def compare_distributions(
    baseline: FeatureDistribution,
    current: FeatureDistribution,
    of_numbers: str,
    of_texts: str,
    ties: Ties = Ties.SUMMED,
) -> DriftComparison:
    """The comparison by the method for numbers or for texts; a side without values is an empty distribution."""
    if baseline.numbers or current.numbers:
        return compare_numeric(baseline.numbers or NOTHING, current.numbers or NOTHING, method=of_numbers, ties=ties)
    return compare_categorical(baseline.categories or {}, current.categories or {}, method=of_texts)
