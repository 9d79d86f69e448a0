"""A feature's values compared with a limit of constraints.json: in the domain, present, of the type, not negative."""

from __future__ import annotations

import math
from functools import partial
from operator import attrgetter

import pyarrow as pa

from spark_model_monitor.documents.check_results import LIMIT_DECIDES, LOWER_LIMIT, WITHIN_LIMIT
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.documents.statistics import InferredType
from spark_model_monitor.monitors.data_quality import COMPLETENESS, CONTENTS, messages
from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks import FEATURE_CHECKS
from spark_model_monitor.monitors.data_quality.checks.facts.text_form import estimate_group_size
from spark_model_monitor.monitors.data_quality.distribution.always_new import has_whole_numbers
from spark_model_monitor.monitors.data_quality.distribution.calibration import judge_missing
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import explain_missing_state
from spark_model_monitor.monitors.protocol import NO_VALUES, Finding, judge_share
from spark_model_monitor.statistics.states import DataTypeCounts, FeatureProfile, Frequencies, Moments
from spark_model_monitor.statistics.verdicts.between_window_variance import STRICT_LEVEL
from spark_model_monitor.statistics.verdicts.tail_probabilities import exact_tail


def get_required_share(feature: FeatureComparison) -> float | None:
    """`domain_content_threshold`; None for a feature without a domain."""
    if feature.constraints.domains is None:
        return None
    return feature.settings.domain_content_threshold


@FEATURE_CHECKS.register("categorical_values_check", threshold=get_required_share)
def categorical_values(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of present values that are in `domains` is at least `domain_content_threshold`: violated below it.

    A suggested threshold has to be missed by more than chance, too: violated if the p-value of Fisher's exact test is at most
    `level`. The values that occur once in the baseline show how many values the baseline lacks (Good 1953).

    A feature without domains is not checked. Above the limit of exact counts, only bounds of the share are known; the share is
    judged if both bounds are on the same side of the threshold.
    Source: C4.4, C11.1, D4.6.
    """
    present = feature.current_profile.num_present
    bounds = _count_in_domain(feature)
    calibration = feature.find_calibration("domain_content_threshold")
    reason = None
    if calibration is not None:
        reason = feature.new_values_reason
    if not present:
        reason = NO_VALUES
    elif bounds is None and reason is None:
        reason = explain_missing_state(feature.current_profile, Frequencies)
        reason = reason or "the current data's column is not a text, so its values were not counted one by one"
    # The verdict is clear only if both bounds of the share are on the same side of the threshold
    lowest_share, highest_share = (count / max(present, 1) for count in bounds or (0, 0))
    inexact = "there are more distinct values than can be counted exactly; the share is"
    if reason is None and lowest_share < threshold <= highest_share:
        reason = f"{inexact} between {lowest_share} and {highest_share}"
    if reason is not None:
        return Finding.not_judged(threshold, reason)
    finding = Finding(
        threshold=threshold,
        observed=lowest_share,
        m=present,
        formula="values in the domain / present values",
        decided_by=LOWER_LIMIT,
        limit=threshold,
    )
    if lowest_share < highest_share:
        bound = "least" if lowest_share >= threshold else "most"
        finding = finding.copy_with(reason=f"{inexact} at {bound} the one observed")
    if lowest_share >= threshold:
        return explain_user_share(finding, feature, "domain_content_threshold", lacking=0)
    description = messages.requirement_not_met(highest_share)
    finding = finding.mark_violated(description).copy_with(observed=highest_share)
    counts = feature.baseline_distribution.categories
    if calibration is None or counts is None:
        return finding
    # More new values than by chance, if the domain was suggested
    groups = estimate_group_size(feature, lambda text: text not in feature.baseline_feature.domain)
    # As many rows as have values of one group, or as were new in a stretch of the baseline
    rows = feature.baseline_distribution.present
    most_new_rows = math.ceil(rows * feature.baseline_feature.largest_in_blocks["unseen"])
    lacking = max(feature.baseline_distribution.count_rare(groups), most_new_rows)
    return calibration.judge_suggested_limit(
        finding, CONTENTS, lacking, rows, groups=groups, group_advice=feature.group_advice
    )


def _count_in_domain(feature: FeatureComparison) -> tuple[int, int] | None:
    """Bounds for the number of present values in the domain; None if unknown.

    Counts are too small by at most `bound`. Inexact counts mean that there are more distinct values than the limit, each of which
    occurs at least once.
    """
    domain = feature.baseline_feature.domain
    frequencies = feature.current_profile.frequencies
    if frequencies is None:
        # If the domain has no numbers, no number of the window is in it
        types = DataTypeCounts.of(pa.array(list(domain), pa.string()))
        if feature.current_profile.is_numeric and not types.integral + types.fractional:
            return 0, 0
        return None
    inside = sum(count for value, count in frequencies.counts.items() if value in domain)
    if frequencies.exact:
        return inside, inside
    kept_outside = sum(frequencies.counts.values()) - inside
    outside = max(kept_outside, frequencies.limit + 1 - len(domain))
    return inside, min(inside + frequencies.bound * len(domain), frequencies.total - outside)


@FEATURE_CHECKS.register("completeness_check", threshold=attrgetter("constraints.completeness"))
def completeness(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of values that are neither null nor NaN is at least the one in constraints.json: violated below it.

    A suggested share has to be missed by more than chance, too: violated if the p-value of Fisher's exact test, or that of how
    windows and groups of rows vary if it is larger, is at most `level`. A feature without a `completeness` entry is not checked.
    Source: C4.4, C11.6, D4.6.
    """
    baseline = feature.baseline_distribution
    current = feature.current_profile
    finding = judge_share(
        current.num_present,
        current.num_present + current.num_missing,
        threshold,
        formula="present values / rows",
        description=messages.requirement_not_met,
        no_values="the current data has no rows",
    )
    calibration = feature.find_calibration("completeness")
    if calibration is None:
        all_rows = feature.baseline_feature.distribution
        return explain_user_share(finding, feature, "completeness", all_rows.rows - all_rows.present)
    # A suggested limit has to be missed by more than chance, given how windows and groups of rows vary
    lacking = baseline.rows - baseline.present
    least_p = 0.0
    if finding.is_violated and not calibration.rows_are_independent:
        least_p = feature.chance_of_missing
    group_advice = None
    if feature.window_design_effect.missing_design_effect > 1:
        group_advice = feature.group_advice
    finding = calibration.judge_suggested_limit(
        finding,
        COMPLETENESS,
        lacking,
        baseline.num_rows,
        least_p=least_p,
        group_advice=group_advice,
    )
    # If the check has passed, a change may have gone unseen
    phi = 1.0
    if not calibration.rows_are_independent:
        phi = feature.variance_of_missing.factor
    return judge_missing(finding, baseline, calibration, feature.settings.change_that_matters, phi, group_advice)


def explain_user_share(finding: Finding, feature: FeatureComparison, name: str, lacking: int) -> Finding:
    """The finding, with the reason that a person's limit decides, or that the share moved within it by more than chance.

    lacking: the number of the baseline's values that don't meet the limit.
    """
    if feature.calibration is None or not feature.baseline_feature.is_user_limit(name):
        return finding
    # A reason that is there already stays; an unknown share has none
    rows = finding.m
    if finding.reason or finding.observed is None or finding.threshold is None or not rows:
        return finding
    lacking_now = round((1 - finding.observed) * rows)
    p = exact_tail(lacking_now, rows, lacking, feature.baseline_feature.distribution.num_rows)
    return explain_user_limit(finding, format_percent(1 - finding.threshold), has_moved=p <= STRICT_LEVEL)


def explain_user_limit(finding: Finding, limit: str, *, has_moved: bool) -> Finding:
    """The finding, with the reason that a person's limit decides, or that values moved within it. has_moved: beyond chance."""
    reason = LIMIT_DECIDES
    if has_moved and finding.has_passed:
        reason = WITHIN_LIMIT
    return finding.copy_with(reason=reason.format(limit=limit))


FRACTIONAL = (
    "the others are fractional numbers; pandas makes them of all integers of a column in which one is missing (81.0), "
    "unless its type is Int64"
)


@FEATURE_CHECKS.register("data_type_check", threshold=attrgetter("settings.datatype_check_threshold"))
def data_type(feature: FeatureComparison, threshold: float) -> Finding:
    """The share of present values that fit `inferred_type` is at least `datatype_check_threshold`: violated below it.

    A suggested threshold has to be missed by more than chance, too: violated if the p-value of Fisher's exact test is at most
    `level`.

    A type includes narrower types: Integral ⊂ Fractional ⊂ String. With `--compat service`, a value counts only for its own
    type: `12` is then neither a String nor Fractional. Booleans are Strings in both cases. A suggested threshold
    allows for the floats that pandas makes of integers when a first one is missing. Values that the threshold allows are
    counted; what compares numbers leaves them out.
    Where the baseline's column has a type of dates or times, texts that are dates fit in it, too. Lists and structs have the
    type Unknown; they fit if they are of the baseline's kind.
    Source: C4.4, C11.1, C11.29, C11.32, C11.34; G14; D4.6.
    """
    expected = feature.constraints.inferred_type
    if expected is InferredType.UNKNOWN and not feature.baseline_distribution.present:
        return Finding(
            threshold=threshold,
            reason="the baseline had no value that shows a type, so any will do",
        )
    current = feature.current_profile
    types = current.data_types
    num_others = current.num_others
    exact = feature.comparison.as_service
    name = expected.value
    count = _count_values_of_type(current, expected, exact=exact)
    if expected is InferredType.UNKNOWN:
        count = types.unknown
        current_kinds = _find_nested_kinds(current)
        if feature.baseline_profile and current_kinds.isdisjoint(_find_nested_kinds(feature.baseline_profile)):
            count = 0
    # Texts that are dates fit in a type of dates
    if not exact and feature.date_columns is not None:
        baseline_dates, window_dates = feature.date_columns
        if baseline_dates.is_typed:
            name = "date or time"
            count = round(window_dates.share_of_dates * types.present)
    finding = judge_share(
        count,
        types.present,
        threshold,
        formula=f"values that {'are exactly' if exact else 'fit in'} {name} / present values",
        description=partial(messages.data_type, name, threshold),
    )
    calibration = feature.find_calibration("datatype_check_threshold")
    if calibration is not None:
        baseline = feature.baseline_distribution
        finding = calibration.judge_suggested_limit(
            finding,
            CONTENTS,
            baseline.other_cells,
            baseline.present + baseline.other_cells,
            groups=feature.texts_design_effect,
            group_advice=feature.group_advice,
        )
        is_violated = finding.is_violated and expected is InferredType.INTEGRAL
        # Columns of dates have their own checks for values that aren't dates
        has_others = num_others > 0 and feature.date_columns is None
        if is_violated and not has_others and has_whole_numbers(current):
            # The kind of the numbers decides, without a test
            return (
                finding.without_test()
                .mark_passed()
                .copy_with(reason="all are whole numbers, written as fractions (81.0)")
            )
    are_numbers = types.integral + types.fractional == types.present
    if finding.is_violated and expected is InferredType.INTEGRAL and are_numbers:
        return finding.copy_with(reason=FRACTIONAL)
    if finding.has_passed and num_others:
        reason = f"{num_others:,} of {types.present:,} values are no numbers"
        return finding.copy_with(reason=f"{reason}; the others are compared")
    return finding


def _count_values_of_type(current: FeatureProfile, expected: InferredType, *, exact: bool) -> int:
    """The number of present values that fit a type. exact: only values of no narrower type."""
    types = current.data_types
    if expected is InferredType.INTEGRAL:
        return types.integral
    if expected is InferredType.FRACTIONAL:
        if exact:
            return types.fractional
        return current.num_numbers
    texts = types.text + types.boolean
    if exact:
        return texts
    return texts + types.integral + types.fractional


def _find_nested_kinds(feature: FeatureProfile) -> set[str]:
    """What the cells are, as far as their states show it: structs, lists of numbers, or lists of other values."""
    lists = feature.vectors
    norms = feature.moments
    if lists is None:
        return {"structs"}
    # Lists of numbers have norms, unless each of them lacks an element
    if norms is not None and norms.present:
        return {"numbers"}
    if norms is None or lists.null_elements + lists.nan_elements >= min(lists.elements, lists.vectors):
        return {"numbers", "others"}
    return {"others"}


def get_least_number(feature: FeatureComparison) -> float | None:
    """0 if `non_negative_check` is Enabled and the constraints say `is_non_negative`; else None."""
    constraints = feature.constraints.num_constraints
    is_requested = feature.settings.non_negative_check and constraints is not None and constraints.is_non_negative
    if is_requested:
        return 0.0
    return None


@FEATURE_CHECKS.register("non_negative_check", threshold=get_least_number)
def non_negative(feature: FeatureComparison, threshold: float) -> Finding:
    """The smallest number is at least 0: violated below it. -inf is smaller than all numbers, and is not shown as a number.

    The service suggests `is_non_negative` but never evaluates it, so `monitoring_config.non_negative_check` (ours) has to
    be Enabled. A feature whose `is_non_negative` is false or absent is not checked.
    Source: C11.5.
    """
    current = feature.current_profile
    moments = current.moments
    if moments is None or not current.num_present or not current.is_numeric:
        reason = NO_VALUES
        if current.num_present:
            reason = explain_missing_state(current, Moments) or "the current data's values are not all numbers"
        return Finding.not_judged(threshold, reason)
    # Without finite numbers, infinities decide; JSON can't hold them
    minimum = math.inf
    if moments.count:
        minimum = moments.minimum
    if moments.negative_infinite:
        minimum = -math.inf
    observed = None
    if math.isfinite(minimum):
        observed = minimum
    finding = Finding(
        threshold=threshold,
        observed=observed,
        m=current.num_present,
        formula="minimum",
        decided_by=LOWER_LIMIT,
        limit=threshold,
    )
    if minimum < threshold:
        return finding.mark_violated(messages.negative(minimum))
    return finding
