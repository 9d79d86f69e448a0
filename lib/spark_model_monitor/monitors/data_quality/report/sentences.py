"""The results of violated data-quality checks in words for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    DRIFT,
    EXPECTATION,
    HIDDEN,
    ONE_SEGMENT,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    describe_violation,
    remove_values,
)
from spark_model_monitor.documents.outcome import BETWEEN_COLUMNS
from spark_model_monitor.documents.page import format_noun_count, format_number, format_percent
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.causes.renamed_columns import find_renamed_columns
from spark_model_monitor.monitors.data_quality.checks.facts.repeats import SURPLUS
from spark_model_monitor.monitors.data_quality.checks.facts.times import MEAN_HOUR
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    from_feature_profile,
)
from spark_model_monitor.monitors.data_quality.messages import (
    COMPARATOR_VALUE,
    EXTRA_COLUMNS,
    MISSING_COLUMNS,
    negative,
)
from spark_model_monitor.monitors.data_quality.report.violation_message import ViolationMessage
from spark_model_monitor.statistics.states import FeatureProfile, Profile

MOST_VALUES, LONGEST = 5, 60
SHARES_OF_ROWS = tuple(f"share of {rows} " for rows in ("dates", "times", "values", "texts", "vectors"))  # formulas
MINUTES_OF_HOUR = 60
MINUTES_OF_DAY = 1_440
NEW_KINDS = ("code_length_check", "empty_text_check", "text_form_check", "number_share_check")  # of texts
UNUSUAL_CHECKS = ("infinity_check", "range_check", "sign_check")

DOMAIN = "categorical_values_check"
LIMITS = (COMPLETENESS, DOMAIN, "data_type_check")  # of shares, in constraints.json
_PLAIN = {
    "missing_column_check": "{name} is not in the data any more",
    "extra_column_check": "{name} is in the data but not in the baseline",
    "row_count_check": "there are {observed:,.0f} rows, about {threshold:,.0f} are usual at that time",
    "freshness_check": "the newest row came {observed_time} before the window's end, about {usual_time} are usual",
    "new_values_check": "{name} has {observed:,.0f} new values, about {threshold:,.2g} are usual",
    "non_negative_check": "{name} has negative numbers, it had none",
}
_OF_COLUMNS = "the data has {observed:,.0f} columns and the baseline {threshold:,.0f}, so no feature was compared"

OptionalDistribution = FeatureDistribution | None


def with_words(
    results: Sequence[CheckResult],
    profile: Profile,
    baseline: QualityBaseline,
    *,
    max_domain_size: int,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violated ones in words. hide_values: without categories, and without values in their texts."""
    features = {feature.name: feature for feature in reversed(profile.features)}

    # What may explain each violated feature: a known kind of mistake
    violated = (
        check_result
        for check_result in results
        if check_result.status is CheckStatus.VIOLATED and check_result.check != SEGMENT_DRIFT
    )
    bad = {
        check_result.feature: features[check_result.feature]
        for check_result in violated
        if check_result.feature in features
    }
    guesses: dict[str, str] = {}
    if bad:
        from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import (
            guess_mistake,
            list_suspects,
        )

        now = {name: from_feature_profile(feature) for name, feature in bad.items()}
        if baseline.profile is None:
            before = {}
        else:
            before = {feature.name: feature for feature in baseline.profile.features}
        for suspect in list_suspects(bad, before, baseline.distributions, now):
            num_categories = max(len(suspect.before.categories or ()), len(suspect.now.categories or ()))
            is_listed = num_categories <= max_domain_size
            if guess := guess_mistake(replace(suspect, with_values=is_listed and not hide_values)):
                guesses[suspect.name] = guess[1]

    # Of renamed columns the log speaks, too: such a guess names columns, and no value
    renamed: dict[str, str] = {}
    if baseline.profile is not None:
        renamed = find_renamed_columns(results, baseline.profile, profile)
        guesses |= renamed

    def add_words(result: CheckResult) -> CheckResult:
        violation_message = create_violation_message(
            result, features.get(result.feature or ""), baseline, max_domain_size
        )
        # A few values, each shortened
        values = None
        if violation_message.values and not hide_values:
            values = tuple(map(_shorten_value, violation_message.values[:MOST_VALUES]))
        members: dict[str, Any] = {
            "words": violation_message.words,
            "values": values,
            "change": violation_message.change,
        }
        if result.feature in renamed:
            members["words"] += f"; {renamed[result.feature]}"
        if hide_values and violation_message.ends:
            members["words"] = violation_message.words.replace(violation_message.ends, "")
            members["change"] = (violation_message.change or "").replace(violation_message.ends, "")
        if result.check != SEGMENT_DRIFT:
            members["guess"] = guesses.get(result.feature or "")
        else:
            from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import find_cut

            cut = find_cut(features.get(result.feature or ""), result.segment or "")
            members["where"] = f"only in {ONE_SEGMENT}{cut}"
        return result.model_copy(update=members)

    check_results = []
    for check_result in results:
        if check_result.status is CheckStatus.VIOLATED:
            check_results.append(add_words(check_result))
        else:
            check_results.append(check_result)
    if hide_values:
        return tuple(map(remove_described_values, check_results))
    return tuple(check_results)


def _shorten_value(value: str) -> str:
    if len(value) <= LONGEST:
        return value
    return value[:LONGEST] + "…"


def select_sides(
    result: CheckResult, current: FeatureProfile | None, baseline: QualityBaseline
) -> tuple[FeatureDistribution | None, FeatureDistribution | None]:
    """Both sides of a check: the feature in the baseline, or another reference, and now; or in the check's segment."""
    name = result.feature or ""
    if result.check != SEGMENT_DRIFT or result.segment is None or baseline.profile is None:
        distributions = baseline.references.get(result.against or "", baseline.distributions)
        return distributions.get(name), _create_distribution(current)
    from spark_model_monitor.monitors.data_quality.checks.drift.segment_shares import select_segment

    feature_before = next((feature for feature in baseline.profile.features if feature.name == name), None)
    segment_before = select_segment(feature_before, result.segment)
    segment_now = select_segment(current, result.segment)
    return _create_distribution(segment_before), _create_distribution(segment_now)


def _create_distribution(feature: FeatureProfile | None) -> FeatureDistribution | None:
    if feature is None:
        return None
    return from_feature_profile(feature)


def create_violation_message(
    result: CheckResult, current: FeatureProfile | None, baseline: QualityBaseline, max_domain_size: int
) -> ViolationMessage:
    """The result of a violated data-quality check. current: the feature in the window, None if the window lacks it."""
    name = result.feature or ""
    if result.check == EXPECTATION:
        return ViolationMessage(describe_violation(result), change=result.change, short=result.reason or "")
    if result.check in BETWEEN_COLUMNS:
        return _describe_relation(result)
    if result.check == "repeated_rows_check":
        words = _describe_surplus(result)
        return ViolationMessage(words, (), None, words)
    # Keys of few records, which are counted
    if result.check == "extra_column_check" and result.reason:
        return ViolationMessage(result.reason, (), None, result.reason)
    # Checks with a plain sentence
    before, now = select_sides(result, current, baseline)
    template = _PLAIN.get(result.check)
    if _counts_columns_only(result, current, baseline):
        template = _OF_COLUMNS
    if template is not None:
        observed = result.observed or 0
        threshold = result.threshold or 0
        times = {"observed_time": _format_minutes(observed), "usual_time": _format_minutes(threshold)}
        words = template.format(name=name, observed=observed, threshold=threshold, **times)
        change = None
        if name and words.startswith(name):
            change = words.removeprefix(f"{name} ")
        return ViolationMessage(words, (), change, change or words)
    if current is None or before is None or now is None or result.observed is None:
        return ViolationMessage(describe_violation(result))
    if result.check in LIMITS:
        from spark_model_monitor.monitors.data_quality.report.limit_sentences import describe_limit

        return describe_limit(result, before, now, current, baseline, max_domain_size)
    if result.check in (DRIFT, SEGMENT_DRIFT) or result.method is not None:
        from spark_model_monitor.monitors.data_quality.report.moved_values import describe_moved_value

        # Only of the whole window, compared with the baseline, the states know what lies outside the range
        states = None
        if result.check == DRIFT and result.against in (None, "baseline"):
            states = current
        drift = describe_moved_value(result, before, now, states, max_domain_size)
        words = f"{name} {_describe_drift(result)}"
        if drift.words:
            words += f": {drift.words}"
        return replace(drift, words=words, change=drift.change or "has another distribution")
    # Checks of the values' form and range
    if result.check in UNUSUAL_CHECKS:
        from spark_model_monitor.monitors.data_quality.report.moved_values import describe_unusual

        unusual = describe_unusual(before, current)
        if unusual is not None:
            return replace(unusual, words=unusual.words.replace(" values ", f" values of {name} ", 1))
    if result.threshold is None or result.formula is None:
        return ViolationMessage(describe_violation(result))
    if result.check in NEW_KINDS:
        from spark_model_monitor.monitors.data_quality.report.moved_values import describe_new_kind

        new_kind = describe_new_kind(result, before, now, max_domain_size)
        if new_kind is not None:
            return replace(new_kind, words=f"{name}: {new_kind.words}")
    if result.check == "distinct_share_check":
        from spark_model_monitor.monitors.data_quality.report.moved_values import describe_repeated_values

        repeated = describe_repeated_values(result, before, now)
        return replace(repeated, words=f"{name}: {repeated.words}")
    if result.formula == MEAN_HOUR:
        return _describe_turned_hours(name, round(result.observed - result.threshold))
    # Another quantity, before and now
    if result.formula.startswith("share"):
        was = format_percent(result.threshold)
        is_now = format_percent(result.observed)
    else:
        was = format_number(result.threshold)
        is_now = format_number(result.observed)
    short = f"{result.formula} {was} → {is_now}"
    if result.formula.startswith(SHARES_OF_ROWS):
        change = f"has {is_now} {result.formula.removeprefix('share ')}, {was} before"
        return ViolationMessage(f"{name}: {short}", (), change, short)
    return ViolationMessage(f"{name}: {short}", (), f"has another {short}", short)


def _format_minutes(minutes: float) -> str:
    """`45 minutes`, `8 hours`, `3 days`."""
    if minutes >= 2 * MINUTES_OF_DAY:
        return f"{format_number(minutes / MINUTES_OF_DAY, 2)} days"
    if minutes >= 2 * MINUTES_OF_HOUR:
        return f"{format_number(minutes / MINUTES_OF_HOUR, 2)} hours"
    return f"{format_number(minutes, 2)} minutes"


def _counts_columns_only(violation: CheckResult, current: FeatureProfile | None, baseline: QualityBaseline) -> bool:
    """Whether columns couldn't be identified, so that only their number counts. A column may have such a name, too."""
    if violation.check == "missing_column_check":
        baseline_names = {feature.name for feature in baseline.constraints.features}
        return violation.feature == MISSING_COLUMNS and MISSING_COLUMNS not in baseline_names
    return violation.check == "extra_column_check" and violation.feature == EXTRA_COLUMNS and current is None


def _describe_turned_hours(name: str, hours: int) -> ViolationMessage:
    """All times are so many hours later, or earlier if less than 0."""
    direction = "later"
    if hours < 0:
        direction = "earlier"
    short = f"{format_noun_count(abs(hours), 'hour')} {direction} in the day"
    return ViolationMessage(f"{name} is {short}", (), f"is {short}", short)


def _describe_surplus(surplus: CheckResult) -> str:
    """How many rows are surplus, and were; `about` so many if it is an estimate."""
    observed = surplus.observed or 0.0
    share = format_percent(observed)
    if surplus.formula != SURPLUS:
        share = f"about {format_percent(float(f'{observed:.2g}'))}"
    if surplus.threshold:
        were = f"{format_percent(float(f'{surplus.threshold:.2g}'))} were"
    else:
        were = "none were"
    return f"{share} of the rows are surplus copies of other rows, {were}"


def _describe_relation(result: CheckResult) -> ViolationMessage:
    """The change in a relation between columns. change: for a relation, what it was."""
    was = result.threshold or 0.0
    now = result.observed or 0.0
    if result.change is not None:
        # A rule, which is broken in these shares of the rows
        held_in = "all rows"
        if was:
            held_in = format_percent(1 - was)
        change = f"{result.change} in {held_in}, now in {format_percent(1 - now)}"
        short = f"broken in {format_percent(now)}"
        return ViolationMessage(f"{result.feature}: {change}", (), f"broke a rule: {change}", short)
    change = f"how strongly they go together went from {was:.2f} to {now:.2f}"
    return ViolationMessage(f"{result.feature}: {change}", (), change, f"together {was:.2f} → {now:.2f}")


def _describe_drift(result: CheckResult) -> str:
    if result.against not in (None, "baseline"):
        against = f" from {result.against}"
    else:
        against = ""
    observed = result.observed or 0.0
    threshold = result.threshold or 0.0
    if not result.observes_p_value and result.adjusted_p is not None and observed <= threshold:
        return f"drifted{against}, p-value {result.adjusted_p:,.4g}"
    if result.observes_p_value:
        measure = "p-value"
    else:
        measure = "distance"
    return f"drifted{against}, {measure} {observed:,.4g} (threshold {threshold:,.4g})"


def remove_described_values(check_result: CheckResult) -> CheckResult:
    """The result without values of the data, in its sentences, too."""
    for text in (COMPARATOR_VALUE, negative):
        beginning, mark, value = (check_result.description or "").partition(text.partition("{")[0])
        if value:
            check_result = check_result.model_copy(update={"description": beginning + mark + HIDDEN})
    return remove_values(check_result)
