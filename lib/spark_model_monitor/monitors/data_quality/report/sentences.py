"""The results of violated data-quality checks in words for people. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import (
    COMPLETENESS,
    EXPECTATION,
    ONE_SEGMENT,
    SEGMENT_DRIFT,
    CheckResult,
    CheckStatus,
    plain_words,
)
from spark_model_monitor.documents.headline import BETWEEN_COLUMNS, DRIFT, ONE_VALUE, moved
from spark_model_monitor.documents.page import number_text, percent
from spark_model_monitor.monitors.data_quality.baseline.documents import find_domain
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.causes.renamed_columns import find_renamed_columns
from spark_model_monitor.monitors.data_quality.checks.guard import beyond
from spark_model_monitor.monitors.data_quality.checks.guard.values import SURPLUS
from spark_model_monitor.monitors.data_quality.distribution.always_new import count_singletons
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    as_counted,
    from_feature_profile,
)
from spark_model_monitor.monitors.data_quality.messages import (
    COMPARATOR_VALUE,
    EXTRA_COLUMNS,
    HIDDEN,
    MISSING_COLUMNS,
    negative,
)
from spark_model_monitor.statistics.drift.distributions import Ranks, StepCdf, Values, category_cells
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.states.ends import KEPT
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT

MOST_VALUES = 5
LONGEST = 60
SEVERAL = 2  # times the largest change of one value, which new values together need to be said instead
MOST_OF_FLAG = 2  # distinct numbers
ALIKE = 0.2  # of a standard deviation: the change of a mean, or of the standard deviation, that outliers make
UNUSUAL_CHECKS = ("infinity_check", "range_check", "sign_check")
MOST_NAMED_NUMBERS = 20  # distinct numbers of a feature whose values are named, as categories are

DOMAIN = "categorical_values_check"
_PLAIN = {
    "missing_column_check": "{name} is not in the data any more",
    "extra_column_check": "{name} is in the data but not in the baseline",
    "row_count_check": "there are {observed:,.0f} rows, about {threshold:,.0f} are usual at that time",
    "freshness_check": "the newest row came {observed:,.3g} minutes before the window's end, about {threshold:,.2g} are usual",
    "new_values_check": "{name} has {observed:,.0f} new values, about {threshold:,.2g} are usual",
    "non_negative_check": "{name} has negative numbers, it had none",
}
_OF_COLUMNS = "the data has {observed:,.0f} columns and the baseline {threshold:,.0f}, so no feature was compared"

Side = FeatureDistribution | None


@dataclass(frozen=True, slots=True)
class ViolationMessage:
    """The result of a violated check. words: a sentence. values: the categories it mentions. change: the words after
    the name. short: before and after. by: the size of the change in everyday terms. ends: of the baseline's range, as they
    stand in words and change.
    """

    words: str
    values: Sequence[str] = ()
    change: str | None = None
    short: str = ""
    by: str = ""
    ends: str = ""


def with_words(
    results: Sequence[CheckResult], profile: Profile, known: QualityBaseline, *, max_domain_size: int, hide_values: bool
) -> tuple[CheckResult, ...]:
    """The results; violated ones in words. hide_values: without categories, and without values in their texts."""
    features = {feature.name: feature for feature in reversed(profile.features)}

    violated = (each for each in results if each.status is CheckStatus.VIOLATED and each.check != SEGMENT_DRIFT)
    bad = {each.feature: features[each.feature] for each in violated if each.feature in features}
    guesses: dict[str, str] = {}
    if bad:
        from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import (
            guess_mistake,
            list_suspects,
        )

        now = {name: from_feature_profile(feature) for name, feature in bad.items()}
        if known.profile is None:
            before = {}
        else:
            before = {feature.name: feature for feature in known.profile.features}
        for suspect in list_suspects(bad, before, known.distributions, now):
            if guess := guess_mistake(replace(suspect, with_values=not hide_values)):
                guesses[suspect.name] = guess[1]

    # Of renamed columns the log speaks, too: such a guess names columns, and no value
    renamed: dict[str, str] = {}
    if known.profile is not None:
        renamed = find_renamed_columns(results, known.profile, profile)
        guesses |= renamed

    def told(result: CheckResult) -> CheckResult:
        violation_message = create_violation_message(result, features.get(result.feature or ""), known, max_domain_size)
        shown = tuple(
            value if len(value) <= LONGEST else value[:LONGEST] + "…"
            for value in violation_message.values[:MOST_VALUES]
        )
        values = None if hide_values else shown or None
        members: dict[str, Any] = {
            "words": violation_message.words,
            "values": values,
            "change": violation_message.change,
        }
        if result.feature in renamed:
            members["words"] += f"; {renamed[result.feature]}"
        if hide_values and result.description:
            members["description"] = _without_values(result.description)
        if hide_values and violation_message.ends:
            members["words"] = violation_message.words.replace(violation_message.ends, "")
            members["change"] = (violation_message.change or "").replace(violation_message.ends, "")
        if result.check != SEGMENT_DRIFT:
            members["guess"] = guesses.get(result.feature or "")
        else:
            from spark_model_monitor.monitors.data_quality.checks.drift.segments import find_cut

            cut = find_cut(features.get(result.feature or ""), result.segment or "")
            members["where"] = f"only in {ONE_SEGMENT}{cut}"
        return result.model_copy(update=members)

    found = tuple(told(result) if result.status is CheckStatus.VIOLATED else result for result in results)
    if not hide_values:
        return found
    from spark_model_monitor.monitors.data_quality.checks.drift.segments import without_segments

    return tuple(map(without_segments, found))


def sides(
    result: CheckResult, current: FeatureProfile | None, known: QualityBaseline
) -> tuple[FeatureDistribution | None, FeatureDistribution | None]:
    """Both sides of a check: the feature in the baseline, or another reference, and now; or in the check's segment."""
    name = result.feature or ""
    if result.check != SEGMENT_DRIFT or result.segment is None or known.profile is None:
        before = known.references.get(result.against or "", known.distributions).get(name)
        return before, from_feature_profile(current) if current is not None else None
    from spark_model_monitor.monitors.data_quality.checks.drift.segments import select_segment

    whole = next((feature for feature in known.profile.features if feature.name == name), None)
    found = (select_segment(each, result.segment) for each in (whole, current))
    first, second = (from_feature_profile(each) if each is not None else None for each in found)
    return first, second


def create_violation_message(
    result: CheckResult, current: FeatureProfile | None, known: QualityBaseline, max_domain_size: int
) -> ViolationMessage:
    """The result of a violated data-quality check. current: the feature in the window, None if the window lacks it."""
    name = result.feature or ""
    if result.check == EXPECTATION:
        return ViolationMessage(plain_words(result), change=result.change, short=result.reason or "")
    if result.check in BETWEEN_COLUMNS:
        return _describe_relation(result)
    if result.check == "repeated_rows_check":
        words = _describe_surplus(result)
        return ViolationMessage(words, (), None, words)
    before, now = sides(result, current, known)
    template = _PLAIN.get(result.check)
    if _counts_columns_only(result, current, known):
        template = _OF_COLUMNS
    if template is not None:
        words = template.format(name=name, observed=result.observed or 0, threshold=result.threshold or 0)
        change = None
        if name and words.startswith(name):
            change = words.removeprefix(f"{name} ")
        return ViolationMessage(words, (), change, change or words)
    if current is None or before is None or now is None or result.observed is None:
        return ViolationMessage(plain_words(result))
    if result.check == COMPLETENESS:
        return _missing(name, before, now)
    if result.check == DOMAIN:
        domains = {feature.name: feature.domains or () for feature in known.constraints.features}
        listed = as_counted(domains.get(name, ()))
        new = [value for value in find_domain(current, max_domain_size) or () if value not in listed]
        share = percent(1 - result.observed)
        if len(new) == 1:
            change = f"has {ONE_VALUE} that was not there before in {share} of the records"
        else:
            change = f"has {share} of values that were not there before"
        return ViolationMessage(
            f"{name}: {share} are values that are not in the baseline", new, change, f"new values: {share}"
        )
    if result.check == "data_type_check":
        if before.times:
            type_before = "no dates or times"
        else:
            type_before = f"not {before.inferred_type.value}"
        what = f"{percent(1 - result.observed)} are {type_before} any more"
        return ViolationMessage(f"{name}: {what}", (), f"changed its type: {what}", what)
    if result.check in (DRIFT, SEGMENT_DRIFT) or result.method is not None:
        drift = _describe_moved_value(result, before, now, max_domain_size)
        is_of_baseline = result.check == DRIFT and result.against in (None, "baseline")
        if is_of_baseline and _are_unusual(result, before, now):
            drift = _describe_unusual(before, current) or drift
        words = f"{name} {_drifted(result)}{drift.words and f': {drift.words}'}"
        return replace(drift, words=words, change=drift.change or "has another distribution")
    if result.check in UNUSUAL_CHECKS and (unusual := _describe_unusual(before, current)) is not None:
        return replace(unusual, words=unusual.words.replace(" values ", f" values of {name} ", 1))
    if result.threshold is None or result.formula is None:
        return ViolationMessage(plain_words(result))
    shown = percent if result.formula.startswith("share") else number_text
    was = shown(result.threshold)
    is_now = shown(result.observed)
    what = f"{result.formula} went from {was} to {is_now}"
    return ViolationMessage(f"{name}: its {what}", (), f"changed: its {what}", f"{result.formula} {was} → {is_now}")


def _counts_columns_only(violation: CheckResult, current: FeatureProfile | None, baseline: QualityBaseline) -> bool:
    """Whether columns couldn't be identified, so that only their number counts. A column may have such a name, too."""
    if violation.check == "missing_column_check":
        baseline_names = {feature.name for feature in baseline.constraints.features}
        return violation.feature == MISSING_COLUMNS and MISSING_COLUMNS not in baseline_names
    return violation.check == "extra_column_check" and violation.feature == EXTRA_COLUMNS and current is None


def _describe_surplus(surplus: CheckResult) -> str:
    """How many rows are surplus, and were; `about` so many if it is an estimate."""
    observed = surplus.observed or 0.0
    share = percent(observed)
    if surplus.formula != SURPLUS:
        share = f"about {percent(float(f'{observed:.2g}'))}"
    if surplus.threshold:
        were = f"{percent(float(f'{surplus.threshold:.2g}'))} were"
    else:
        were = "none were"
    return f"{share} of the rows are surplus copies of other rows, {were}"


def _describe_relation(result: CheckResult) -> ViolationMessage:
    """The change in a relation between columns. change: for a relation, what it was."""
    was = result.threshold or 0.0
    now = result.observed or 0.0
    if result.change is not None:
        change = f"{result.change} in {'all rows' if not was else percent(1 - was)}, now in {percent(1 - now)}"
        return ViolationMessage(
            f"{result.feature}: {change}", (), f"broke a rule: {change}", f"broken in {percent(now)}"
        )
    change = f"how strongly they go together went from {was:.2f} to {now:.2f}"
    return ViolationMessage(f"{result.feature}: {change}", (), change, f"together {was:.2f} → {now:.2f}")


def _drifted(result: CheckResult) -> str:
    if result.against not in (None, "baseline"):
        against = f" from {result.against}"
    else:
        against = ""
    observed = result.observed or 0.0
    threshold = result.threshold or 0.0
    if not result.observes_p_value and result.adjusted_p is not None and observed <= threshold:
        return f"drifted{against}, p-value {result.adjusted_p:,.4g}"
    if result.observes_p_value:
        what = "p-value"
    else:
        what = "distance"
    return f"drifted{against}, {what} {observed:,.4g} (threshold {threshold:,.4g})"


def _describe_moved_value(
    result: CheckResult, before: FeatureDistribution, now: FeatureDistribution, max_domain_size: int
) -> ViolationMessage:
    if result.component == "missing" and before.rows and now.rows:
        return _missing("", before, now)
    if before.numbers is not None and now.numbers is not None:
        return _moved_numbers(result, before, now)
    if not before.categories or not now.categories:
        return ViolationMessage("")
    b, c = category_cells(before.categories, now.categories)
    names = sorted({*before.categories, *now.categories})
    shares_before = b / b.sum()
    shares_now = c / c.sum()
    place = _largest(shares_before, shares_now)
    is_listed = len(before.categories if b[place] else now.categories) <= max_domain_size

    # Many new values that are rare alone, beyond those that are always new: as many as occur once in the baseline
    new_share = float(shares_now[b == 0].sum()) - count_singletons(before.categories) / b.sum()
    if new_share >= SEVERAL * abs(shares_now - shares_before)[place]:
        new_values = [names[index] for index in np.flatnonzero(b == 0)]
        return _describe_new_values(shares_now[b == 0], new_values, len(now.categories) <= max_domain_size)
    return _describe_value(float(shares_before[place]), float(shares_now[place]), [names[place]] if is_listed else [])


def _describe_new_values(shares: Values, values: Sequence[str], is_listed: bool) -> ViolationMessage:
    """Values that the baseline never had. shares: of each."""
    share = percent(float(shares.sum()))
    most_frequent = [values[index] for index in np.argsort(-shares, kind="stable")]
    change = f"has {share} of values that were not there before"
    words = f"{share} are {len(values):,} values that are not in the baseline"
    return ViolationMessage(words, most_frequent if is_listed else [], change, f"new values: {share}")


def _largest(before: Values, now: Values) -> int:
    """The location of the largest difference; of equal ones, that of a rise."""
    apart = np.round(now - before, 9)
    return int(np.lexsort((apart, abs(apart)))[-1])


def _describe_value(was: float, now: float, values: Sequence[str]) -> ViolationMessage:
    words = f"the share of {ONE_VALUE} went from {percent(was)} to {percent(now)}"
    change = f"has {ONE_VALUE} in {percent(now)} of the records, in {percent(was) if was else 'none'} before"
    return ViolationMessage(words, values, change, f"share of {ONE_VALUE}: {percent(was)} → {percent(now)}")


def _moved_numbers(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution) -> ViolationMessage:
    """The share of one value if cells show one; else the mean or the standard deviation, whichever moved more."""
    assert before.numbers is not None
    assert now.numbers is not None
    sides = before.numbers.step_cdf(), now.numbers.step_cdf()
    is_flag = _is_flag(before, now)
    if is_flag or result.component in ("cell", "chi2"):
        values = np.union1d(sides[0].values, sides[1].values)
        was, found = (np.diff(side.ranks_at(values), prepend=0) / side.total for side in sides)
        place = _largest(was, found)
        if is_flag or abs(was - found)[place] >= LEAST_EFFECT:
            if len(values) <= MOST_NAMED_NUMBERS:
                named = [number_text(float(values[place]))]
            else:
                named = []
            return _describe_value(float(was[place]), float(found[place]), named)
    told = {"mean": (before.mean, now.mean), "standard deviation": (_deviation(sides[0]), _deviation(sides[1]))}
    known = ((what, b, c) for what, (b, c) in told.items() if b is not None and c is not None)
    apart = [(abs(c - b), what, b, c) for what, b, c in known if f"{b:,.4g}" != f"{c:,.4g}"]
    if not apart:
        return ViolationMessage("")
    _, what, was_, is_ = max(apart, key=itemgetter(0))
    change, by = moved(was_, is_, _deviation(sides[0]) if what == "mean" else None)
    change += " (another unit?)" if what == "mean" and _is_unit(*sides) else ""
    if what != "mean":
        change = f"has another spread: its {what} {change}"
    shown = f"{what} {number_text(was_)} → {number_text(is_)}"
    return ViolationMessage(f"its {what} went from {was_:,.4g} to {is_:,.4g}", (), change, shown, by)


def _describe_unusual(before: FeatureDistribution, current: FeatureProfile) -> ViolationMessage | None:
    """The numbers that are infinite, and those outside the baseline's range; None if there are none, or it is unknown."""
    numbers = before.numbers
    moments = current.moments
    sketch = current.kll
    if numbers is None or numbers.minimum is None or numbers.maximum is None or moments is None or sketch is None:
        return None
    infinite_before = numbers.negative_infinite + numbers.positive_infinite
    num_infinite = moments.present - moments.count
    clauses = []
    if num_infinite * numbers.total > infinite_before * moments.present:
        if infinite_before:
            were = f" ({percent(infinite_before / numbers.total)} were)"
        else:
            were = ""
        clauses.append((f"{num_infinite:,}", f"are infinite{were}"))

    # The states know exactly how many numbers are outside, unless these are many in a large window
    if moments.count:
        num_above = beyond(current, above=numbers.maximum)[0]
    else:
        num_above = 0
    if moments.count:
        num_below = beyond(current, below=numbers.minimum)[0]
    else:
        num_below = 0
    for count, direction in ((num_above, "above"), (num_below, "below")):
        if count:
            verb = "lies" if count == 1 else "lie"
            at_least = "at least " * (count >= KEPT and sketch.error > 0)
            clauses.append((f"{at_least}{count:,}", f"{verb} {direction}"))
    if not clauses:
        return None
    # The first count is of all values
    words = f"{clauses[0][0]} of {moments.present:,} values {clauses[0][1]}"
    for number, verb in clauses[1:]:
        words += f", {number} {verb}"
    ends = ""
    if num_above or num_below:
        words += " the baseline's range"
        ends = f" {number_text(numbers.minimum)} to {number_text(numbers.maximum)}"
    change = words.replace("lies ", "").replace("lie ", "").replace("are infinite", "that are infinite")
    return ViolationMessage(words + ends, (), f"has {change}{ends}", words, "", ends)


def _are_unusual(drift: CheckResult, before: FeatureDistribution, now: FeatureDistribution) -> bool:
    """Whether a drift is one of numbers that are infinite or outside the baseline's range, and the others are as before."""
    if before.numbers is None or now.numbers is None or _is_flag(before, now):
        return False
    if drift.component == "range":
        return True
    # The numbers inside the range, beside all finite ones
    low, high = before.numbers.ends
    cdf = now.numbers.step_cdf()
    weights = np.diff(cdf.cumulative, prepend=0)
    is_inside = (cdf.values >= low) & (cdf.values <= high)
    cdf_before = before.numbers.step_cdf().finite()
    if not is_inside.any() or not cdf_before.total or not math.isfinite(high - low):
        return False
    mean_before, deviation_before = _mean_and_deviation(cdf_before.values, np.diff(cdf_before.cumulative, prepend=0))

    def is_alike(chosen: NDArray[np.bool_]) -> bool:
        mean, deviation = _mean_and_deviation(cdf.values[chosen], weights[chosen])
        is_near = abs(mean - mean_before) <= ALIKE * deviation_before
        return is_near and abs(deviation - deviation_before) <= ALIKE * deviation_before

    is_finite = np.isfinite(cdf.values)
    return is_alike(is_inside) and not (is_finite.all() and is_alike(is_finite))


def _mean_and_deviation(values: Values, weights: Values | Ranks) -> tuple[float, float]:
    with np.errstate(over="ignore", invalid="ignore"):  # of huge values
        mean = float(np.average(values, weights=weights))
        return mean, math.sqrt(float(np.average((values - mean) ** 2, weights=weights)))


def _is_flag(before: FeatureDistribution, now: FeatureDistribution) -> bool:
    """Whether both sides together have so few different numbers."""
    if before.numbers is None or now.numbers is None:
        return False
    values = np.union1d(before.numbers.step_cdf().values, now.numbers.step_cdf().values)
    return len(values) <= MOST_OF_FLAG


def _is_unit(before: StepCdf, now: StepCdf) -> bool:
    from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import find_unit_factor

    return find_unit_factor(before, now) is not None


def _deviation(values: StepCdf) -> float | None:
    """None if there are no numbers, or they lie too far apart."""
    finite = values.finite()
    found = finite.deviation if finite.total else math.nan
    return found if math.isfinite(found) else None


def _missing(name: str, before: FeatureDistribution, now: FeatureDistribution) -> ViolationMessage:
    missing_before = percent(_missing_share(before))
    missing_now = percent(_missing_share(now))
    if missing_before == "0 %":
        earlier = "where none was"
    else:
        earlier = f"{missing_before} before"
    change = f"is missing in {missing_now} of the records, {earlier}"
    short = f"missing {missing_before} → {missing_now}"
    if name:
        return ViolationMessage(f"{name}: {missing_now} are missing, {missing_before} were", (), change, short)
    return ViolationMessage(f"{missing_now} of values are missing, {missing_before} before", (), change, short)


def _missing_share(side: FeatureDistribution) -> float:
    if side.rows:
        return 1 - side.present / side.rows
    return 0.0


def _without_values(description: str) -> str:
    for text in (COMPARATOR_VALUE, negative):
        said, mark, value = description.partition(text.partition("{")[0])
        if value:
            return said + mark + HIDDEN
    return description
