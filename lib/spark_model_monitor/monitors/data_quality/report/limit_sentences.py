"""Violated limits of constraints.json in words: what was before, or the limit, if a person wrote it. Pure."""

from __future__ import annotations

from spark_model_monitor.documents.change_description import NEW_VALUES, ONE_VALUE, OUTSIDE_LIST
from spark_model_monitor.documents.check_results import COMPLETENESS, CheckResult
from spark_model_monitor.documents.page import format_percent
from spark_model_monitor.monitors.data_quality.baseline.documents import find_domain
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import SHARES
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution, as_counted
from spark_model_monitor.monitors.data_quality.report.moved_values import name_denominator
from spark_model_monitor.monitors.data_quality.report.violation_message import ViolationMessage, describe_missing
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.frequencies import unify_flags


def describe_limit(
    check_result: CheckResult,
    before: FeatureDistribution,
    now: FeatureDistribution,
    current: FeatureProfile,
    baseline: QualityBaseline,
    max_domain_size: int,
) -> ViolationMessage:
    """A violated limit of a share: of present values, of values in the domain, of values of the type."""
    name = check_result.feature or ""
    share = format_percent(1 - (check_result.observed or 0.0))
    is_own = _is_own_limit(check_result, baseline)
    limit = ""
    # A completeness of 1 is a limit, too; a type or a list asks for all values anyway
    asks_for_less = check_result.check == COMPLETENESS or (check_result.threshold or 0.0) < 1
    if is_own and check_result.threshold is not None and asks_for_less:
        limit = f"; your limit is {format_percent(1 - check_result.threshold)}"
    # A share that is missing, of another type, or outside the list
    if check_result.check == COMPLETENESS:
        if not limit:
            return describe_missing(name, before, now)
        change = f"is missing in {share} of the records{limit}"
        return ViolationMessage(f"{name}: {share} are missing{limit}", (), change, f"missing {share}{limit}")
    if check_result.check == "data_type_check":
        return _describe_type(name, f"{share} are", limit, before, baseline)
    return _describe_domain(name, share, limit, before, now, current, baseline, max_domain_size)


def _is_own_limit(check_result: CheckResult, baseline: QualityBaseline) -> bool:
    """Whether a person wrote the limit; unknown, as not, where none is told apart from what a baseline suggests."""
    suggested_limits = baseline.suggested_limits.get(check_result.feature or "")
    return suggested_limits is not None and SHARES[check_result.check] not in suggested_limits


def _describe_domain(
    name: str,
    share: str,
    limit: str,
    before: FeatureDistribution,
    now: FeatureDistribution,
    current: FeatureProfile,
    baseline: QualityBaseline,
    max_domain_size: int,
) -> ViolationMessage:
    # The values that the constraint doesn't list, and the share of records with them
    listed = as_counted(baseline.constraints.feature(name).domains or ())
    outside = [value for value in find_domain(current, max_domain_size) or () if value not in listed]
    listed_values = unify_flags(dict.fromkeys(listed, 1)).keys()
    if listed_values != (before.categories or {}).keys() and baseline.suggested_limits.get(name) is not None:
        # A person wrote the list: the baseline may have had these values
        change = f"has {share} {OUTSIDE_LIST}{limit}"
        words = f"{name}: {share} are values outside your list{limit}"
        return ViolationMessage(words, outside, change, f"outside your list: {share}{limit}")
    if len(outside) == 1:
        denominator = name_denominator(before, now)
        change = f"has {ONE_VALUE} that was not there before in {share} of the {denominator}{limit}"
    else:
        change = f"has {share} {NEW_VALUES}{limit}"
    words = f"{name}: {share} are values that are not in the baseline{limit}"
    return ViolationMessage(words, outside, change, f"new values: {share}{limit}")


def _describe_type(
    name: str, share: str, limit: str, before: FeatureDistribution, baseline: QualityBaseline
) -> ViolationMessage:
    own_type = baseline.constraints.feature(name).inferred_type
    if own_type is not before.inferred_type and not before.times:
        # A person wrote the type: the baseline may have had none of it
        change = f"{share} not {own_type.value}, the type of your constraints{limit}"
        return ViolationMessage(f"{name}: {change}", (), f"has another type: {change}", change)
    if before.times:
        type_before = "no dates or times"
    else:
        type_before = f"not {before.inferred_type.value}"
    change = f"{share} {type_before} any more{limit}"
    return ViolationMessage(f"{name}: {change}", (), f"changed its type: {change}", change)
