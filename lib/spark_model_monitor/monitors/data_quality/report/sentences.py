"""What violated data-quality checks found, in words that follow the name of the feature. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from spark_model_monitor.documents.change_description import NEW_VALUES, ONE_VALUE, OUTSIDE_LIST, compare_with_limit
from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    DRIFT,
    HIDDEN,
    ONE_SEGMENT,
    SEGMENT_DRIFT,
    CheckResult,
    Results,
    remove_values,
)
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS
from spark_model_monitor.documents.page import format_noun_count, format_number, format_percent
from spark_model_monitor.monitors.data_quality.baseline.documents import find_domain
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.causes.renamed_columns import find_renamed_columns
from spark_model_monitor.monitors.data_quality.checks.drift.comparators import SHARES
from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import find_cut, select_segment
from spark_model_monitor.monitors.data_quality.checks.facts.repeats import SURPLUS
from spark_model_monitor.monitors.data_quality.checks.facts.times import MEAN_HOUR
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    create_distribution,
    truncate_values,
)
from spark_model_monitor.monitors.data_quality.messages import COMPARATOR_VALUE, negative
from spark_model_monitor.monitors.data_quality.report.moved_values import (
    ValueChange,
    describe_missing,
    describe_moved_value,
    describe_new_kind,
    describe_unusual,
    name_denominator,
)
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.frequencies import unify_flags

MAX_VALUES = 5
MAX_VALUE_LENGTH = 60
OTHER_FORMS = "share of dates that are not written as "  # the formula of date_form_check, before the forms
SHARES_OF_ROWS = tuple(f"share of {rows} " for rows in ("dates", "times", "values", "texts", "vectors"))  # formulas
MINUTES_OF_HOUR = 60
MINUTES_OF_DAY = 1_440
NEW_KINDS = ("code_length_check", "empty_text_check", "text_form_check", "number_share_check")  # of texts
UNUSUAL_CHECKS = ("infinity_check", "range_check", "sign_check")

_PLAIN = {
    "row_count_check": "is {observed:,.0f}, about {threshold:,.0f} are usual at that time",
    "freshness_check": "came {observed_time} before the window's end, about {usual_time} are usual",
    "new_values_check": "has {observed:,.0f} new values, about {threshold:,.2g} are usual",
    "non_negative_check": "has negative numbers, it had none",
}


def add_sentences(
    results: Sequence[CheckResult],
    profile: Profile,
    baseline: QualityBaseline,
    *,
    max_domain_size: int,
    hide_values: bool,
) -> Results:
    """The results, with a sentence for each violated one. hide_values: whether sentences leave out values of the data."""
    features = profile.by_name
    guesses = _guess_mistakes(results, features, baseline, max_domain_size, hide_values=hide_values)

    # The log has the guess of a renamed column, too, since it names columns and no value
    guesses_of_renamed: dict[str, str] = {}
    if baseline.profile is not None:
        guesses_of_renamed = find_renamed_columns(results, baseline.profile, profile)

    def add_words(violation: CheckResult) -> CheckResult:
        if not violation.is_violated:
            return violation
        name = violation.feature or ""
        change = describe_change(violation, features.get(name), baseline, max_domain_size)
        text = change.text
        if hide_values and change.range_text:
            text = text.replace(change.range_text, "")
        # A few values, each shortened
        values = None
        if change.values and not hide_values:
            values = tuple(map(_shorten_value, change.values[:MAX_VALUES]))
        members: dict[str, Any] = {"change": text, "values": values}
        if violation.check == SEGMENT_DRIFT:
            members["where"] = f"only in {ONE_SEGMENT}{find_cut(features.get(name), violation.segment or '')}"
        elif name in guesses_of_renamed:
            members |= {"guess": guesses_of_renamed[name], "words": f"{name} {text}; {guesses_of_renamed[name]}"}
        else:
            members["guess"] = guesses.get(name)
        return violation.model_copy(update=members)

    with_words = map(add_words, results)
    if hide_values:
        with_words = map(remove_described_values, with_words)
    return tuple(with_words)


def _guess_mistakes(
    results: Sequence[CheckResult],
    features: dict[str, FeatureProfile],
    baseline: QualityBaseline,
    max_domain_size: int,
    *,
    hide_values: bool,
) -> dict[str, str]:
    """The likely mistake behind each violated feature, in words, by name."""
    violated_features = {}
    for check_result in results:
        is_violated = check_result.is_violated and check_result.check != SEGMENT_DRIFT
        if is_violated and check_result.feature in features:
            violated_features[check_result.feature] = features[check_result.feature]
    if not violated_features:
        return {}
    from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import guess_mistake, list_violated_features

    baseline_features = {}
    if baseline.profile is not None:
        baseline_features = baseline.profile.by_name
    # Sentences may name values only if there are few
    guesses = {}
    for feature in list_violated_features(violated_features, baseline_features, baseline.distributions):
        num_categories = max(len(feature.baseline.categories or ()), len(feature.current.categories or ()))
        is_listed = num_categories <= max_domain_size
        guess = guess_mistake(replace(feature, shows_values=is_listed and not hide_values))
        if guess:
            guesses[feature.name] = guess.words
    return guesses


def _shorten_value(value: str) -> str:
    if len(value) <= MAX_VALUE_LENGTH:
        return value
    return value[:MAX_VALUE_LENGTH] + "…"


def select_sides(
    violation: CheckResult, current: FeatureProfile | None, baseline: QualityBaseline
) -> tuple[FeatureDistribution | None, FeatureDistribution | None]:
    """The two distributions that a check compared: the feature in the baseline, or in another reference, and in the window; or
    in a segment of them.
    """
    name = violation.feature or ""
    if violation.check != SEGMENT_DRIFT or violation.segment is None or baseline.profile is None:
        distributions = baseline.references.get(violation.against or "", baseline.distributions)
        return distributions.get(name), _find_distribution(current)
    segment_before = select_segment(baseline.profile.by_name.get(name), violation.segment)
    segment_now = select_segment(current, violation.segment)
    return _find_distribution(segment_before), _find_distribution(segment_now)


def _find_distribution(feature: FeatureProfile | None) -> FeatureDistribution | None:
    if feature is None:
        return None
    return create_distribution(feature)


def describe_change(
    violation: CheckResult, current_profile: FeatureProfile | None, baseline: QualityBaseline, max_domain_size: int
) -> ValueChange:
    """The sentence on what a violated check found. current_profile: the feature in the window; None if the window lacks it."""
    check = violation.check
    if check in BETWEEN_COLUMNS:
        return ValueChange(_describe_relation(violation))
    # Some checks write the sentence themselves
    if violation.change is not None:
        return ValueChange(violation.change)
    if check == "repeated_rows_check":
        return ValueChange(_describe_surplus(violation))
    # Checks with a plain sentence
    observed = violation.observed or 0.0
    threshold = violation.threshold or 0.0
    template = _PLAIN.get(check)
    if template is not None:
        times = {"observed_time": _format_minutes(observed), "usual_time": _format_minutes(threshold)}
        return ValueChange(template.format(observed=observed, threshold=threshold, **times))
    reference, current = select_sides(violation, current_profile, baseline)
    has_no_number = violation.observed is None and violation.component is None
    if current_profile is None or reference is None or current is None or has_no_number:
        return ValueChange(compare_with_limit(violation))
    reference, current = align_distributions(reference, current)
    if check == COMPLETENESS:
        return _describe_completeness(violation, reference, current, baseline)
    if check == "data_type_check":
        return _describe_type(violation, reference, baseline)
    if check == "categorical_values_check":
        return _describe_domain(violation, reference, current, current_profile, baseline, max_domain_size)
    if check in (DRIFT, SEGMENT_DRIFT) or violation.method is not None:
        is_from_baseline = violation.against in (None, "baseline")
        # States know numbers outside the range only for the whole window, compared with the baseline
        if check == DRIFT and is_from_baseline:
            return describe_moved_value(violation, reference, current, current_profile, max_domain_size)
        change = describe_moved_value(violation, reference, current, None, max_domain_size)
        if is_from_baseline:
            return change
        return replace(change, text=f"{change.text}, compared with {violation.against}")
    # Checks of the values' form and range
    change_of_kind = None
    if check in UNUSUAL_CHECKS:
        change_of_kind = describe_unusual(reference, current_profile)
    elif check in NEW_KINDS:
        change_of_kind = describe_new_kind(violation, reference, current, max_domain_size)
    return change_of_kind or ValueChange(_describe_quantity(violation))


def _describe_quantity(violation: CheckResult) -> str:
    """The sentence on a quantity before and now."""
    formula = violation.formula
    if violation.threshold is None or violation.observed is None or formula is None:
        return compare_with_limit(violation)
    if formula == MEAN_HOUR:
        hours = round(violation.observed - violation.threshold)
        direction = "later"
        if hours < 0:
            direction = "earlier"
        return f"is {format_noun_count(abs(hours), 'hour')} {direction} in the day"
    # Shares as percentages
    format_quantity: Callable[[float], str] = format_number
    if formula.startswith("share"):
        format_quantity = format_percent
    text_before = format_quantity(violation.threshold)
    text_now = format_quantity(violation.observed)
    clause_before = f"{text_before} before"
    if not violation.threshold:
        clause_before = "none before"
    if violation.check == "date_form_check":
        expected_form, _, form = formula.removeprefix(OTHER_FORMS).partition(" but as ")
        as_form = ""
        if form:
            as_form = f" as {form}"
        return f"has dates written another way: {text_now}{as_form}, {clause_before}, instead of {expected_form}"
    if violation.check == "date_sentinel_check":
        return f"has {text_now} of {formula.removeprefix('share of ')}, {clause_before}"
    if formula.startswith(SHARES_OF_ROWS):
        return f"has {text_now} {formula.removeprefix('share ')}, {clause_before}"
    return f"has another {formula} {text_before} → {text_now}"


def _describe_completeness(
    violation: CheckResult,
    reference: FeatureDistribution,
    current: FeatureDistribution,
    baseline: QualityBaseline,
) -> ValueChange:
    limit = _describe_user_limit(violation, baseline)
    if not limit:
        return describe_missing(reference, current)
    return ValueChange(f"is missing in {_format_outside(violation)} of the records{limit}")


def _describe_type(violation: CheckResult, reference: FeatureDistribution, baseline: QualityBaseline) -> ValueChange:
    share = _format_outside(violation)
    constrained_type = baseline.constraints.feature(violation.feature or "").inferred_type
    if reference.time_type:
        change = f"changed its type: {share} are no dates or times any more"
    elif reference.type_name == constrained_type.value == "Unknown":
        change = f"changed its type: {share} are no lists or structs of the same kind any more"
    elif constrained_type is not reference.inferred_type:
        # A person wrote the type, so the baseline may have had no value of it
        change = f"has another type: {share} are not {constrained_type.value}, the type of your constraints"
    else:
        change = f"changed its type: {share} are not {reference.inferred_type.value} any more"
    # A limit of all values needs no words
    if (violation.threshold or 0.0) < 1:
        change += _describe_user_limit(violation, baseline)
    return ValueChange(change)


def _describe_domain(
    violation: CheckResult,
    reference: FeatureDistribution,
    current: FeatureDistribution,
    current_profile: FeatureProfile,
    baseline: QualityBaseline,
    max_domain_size: int,
) -> ValueChange:
    name = violation.feature or ""
    share = _format_outside(violation)
    # The values that the constraint doesn't list; a limit of all values needs no words
    listed = truncate_values(baseline.constraints.feature(name).domains or ())
    outside_values = [value for value in find_domain(current_profile, max_domain_size) or () if value not in listed]
    limit = ""
    if (violation.threshold or 0.0) < 1:
        limit = _describe_user_limit(violation, baseline)
    listed_values = unify_flags(dict.fromkeys(listed, 1)).keys()
    if listed_values != (reference.categories or {}).keys() and baseline.suggested_limits.get(name) is not None:
        # A person wrote the list, so the baseline may have had these values
        return ValueChange(f"has {share} {OUTSIDE_LIST}{limit}", outside_values)
    if len(outside_values) == 1:
        denominator = name_denominator(reference, current)
        return ValueChange(
            f"has {ONE_VALUE} that was not there before in {share} of the {denominator}{limit}", outside_values
        )
    return ValueChange(f"has {share} {NEW_VALUES}{limit}", outside_values)


def _format_outside(violation: CheckResult) -> str:
    """The share of values that are missing, of another type, or outside the list."""
    return format_percent(1 - (violation.observed or 0.0))


def _describe_user_limit(violation: CheckResult, baseline: QualityBaseline) -> str:
    """The limit in words, if a person wrote it. Empty if the baseline suggested it, or if that is unknown."""
    suggested_limits = baseline.suggested_limits.get(violation.feature or "")
    is_user_limit = suggested_limits is not None and SHARES[violation.check] not in suggested_limits
    if is_user_limit and violation.threshold is not None:
        return f"; your limit is {format_percent(1 - violation.threshold)}"
    return ""


def _format_minutes(minutes: float) -> str:
    """`45 minutes`, `8 hours`, `3 days`."""
    if minutes >= 2 * MINUTES_OF_DAY:
        return f"{format_number(minutes / MINUTES_OF_DAY, 2)} days"
    if minutes >= 2 * MINUTES_OF_HOUR:
        return f"{format_number(minutes / MINUTES_OF_HOUR, 2)} hours"
    return f"{format_number(minutes, 2)} minutes"


def _describe_surplus(surplus: CheckResult) -> str:
    """The sentence on the share of surplus rows, now and before; with `about` for an estimate."""
    observed = surplus.observed or 0.0
    share_now = format_percent(observed)
    if surplus.formula != SURPLUS:
        share_now = f"about {format_percent(float(f'{observed:.2g}'))}"
    share_before = "none"
    if surplus.threshold:
        share_before = format_percent(float(f"{surplus.threshold:.2g}"))
    return f"are {share_now} of the rows, surplus copies of other rows; {share_before} were"


def _describe_relation(violation: CheckResult) -> str:
    """The sentence on a changed relation between columns. For an exact relation, `violation.change` says what it was."""
    threshold = violation.threshold or 0.0
    observed = violation.observed or 0.0
    if violation.change is None:
        return f"how strongly they go together went from {threshold:.2f} to {observed:.2f}"
    # A rule, which is broken in these shares of the rows
    held_in = "all rows"
    if threshold:
        held_in = format_percent(1 - threshold)
    return f"broke a rule: {violation.change} in {held_in}, now in {format_percent(1 - observed)}"


def remove_described_values(check_result: CheckResult) -> CheckResult:
    """The result without values of the data, also in its description."""
    for text in (COMPARATOR_VALUE, negative):
        beginning, mark, value = (check_result.description or "").partition(text.partition("{")[0])
        if value:
            check_result = check_result.model_copy(update={"description": beginning + mark + HIDDEN})
    return remove_values(check_result)
