"""The results of violated data-quality checks in words for people. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import numpy as np

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
from spark_model_monitor.monitors.data_quality.baseline.documents import domain_of
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.causes.renamed_columns import find_renamed_columns
from spark_model_monitor.monitors.data_quality.distribution.always_new import seen_once
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
from spark_model_monitor.statistics.drift.distributions import StepCdf, Values, category_cells
from spark_model_monitor.statistics.states import FeatureProfile, Profile
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT

MOST_VALUES, LONGEST = 5, 60
SEVERAL = 2  # times the largest change of one value, which new values together need to be said instead
MOST_NAMED_NUMBERS = 20  # distinct numbers of a feature whose values are named, as categories are

DOMAIN = "categorical_values_check"
_PLAIN = {
    "missing_column_check": "{name} is not in the data any more",
    "extra_column_check": "{name} is in the data but not in the baseline",
    "row_count_check": "there are {observed:,.0f} rows, about {threshold:,.0f} are usual at that time",
    "freshness_check": "the newest row came {observed:,.3g} minutes before the window's end, about {threshold:,.2g} are usual",
    "repeated_rows_check": "{observed:.1%} of the rows are surplus copies of other rows, {threshold:.1%} were",
    "new_values_check": "{name} has {observed:,.0f} new values, about {threshold:,.2g} are usual",
    "non_negative_check": "{name} has negative numbers, it had none",
}
_OF_COLUMNS = "the data has {observed:,.0f} columns and the baseline {threshold:,.0f}, so no feature was compared"

Side = FeatureDistribution | None


@dataclass(frozen=True, slots=True)
class Said:
    """The result of a violated check. words: a sentence. values: the categories it mentions. change: the words after
    the name. short: before and after. by: the size of the change in everyday terms.
    """

    words: str
    values: Sequence[str] = ()
    change: str | None = None
    short: str = ""
    by: str = ""


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
            guess_of,
            suspects_of,
        )

        now = {name: from_feature_profile(feature) for name, feature in bad.items()}
        before = {} if known.profile is None else {each.name: each for each in known.profile.features}
        for suspect in suspects_of(bad, before, known.distributions, now):
            if guess := guess_of(replace(suspect, with_values=not hide_values)):
                guesses[suspect.name] = guess[1]

    if known.profile is not None:
        guesses |= find_renamed_columns(results, known.profile, profile)

    def told(result: CheckResult) -> CheckResult:
        found = said_of(result, features.get(result.feature or ""), known, max_domain_size)
        shown = tuple(value if len(value) <= LONGEST else value[:LONGEST] + "…" for value in found.values[:MOST_VALUES])
        values = None if hide_values else shown or None
        members: dict[str, Any] = {"words": found.words, "values": values, "change": found.change}
        if hide_values and result.description:
            members["description"] = _without_values(result.description)
        if result.check != SEGMENT_DRIFT:
            members["guess"] = guesses.get(result.feature or "")
        else:
            from spark_model_monitor.monitors.data_quality.checks.drift.segments import cut_of

            cut = cut_of(features.get(result.feature or ""), result.segment or "")
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
    from spark_model_monitor.monitors.data_quality.checks.drift.segments import segment_of

    whole = next((each for each in known.profile.features if each.name == name), None)
    found = (segment_of(each, result.segment) for each in (whole, current))
    first, second = (from_feature_profile(each) if each is not None else None for each in found)
    return first, second


def said_of(result: CheckResult, current: FeatureProfile | None, known: QualityBaseline, max_domain_size: int) -> Said:
    """The result of a violated data-quality check. current: the feature in the window, None if the window lacks it."""
    name = result.feature or ""
    if result.check == EXPECTATION:
        return Said(plain_words(result), change=result.change, short=result.reason or "")
    if result.check in BETWEEN_COLUMNS:
        return _together(result)
    before, now = sides(result, current, known)
    template = _PLAIN.get(result.check)
    # A feature may be called so, too
    if name in (MISSING_COLUMNS, EXTRA_COLUMNS) and result.check in ("missing_column_check", "extra_column_check"):
        template = _OF_COLUMNS
    if template is not None:
        words = template.format(name=name, observed=result.observed or 0, threshold=result.threshold or 0)
        change = words.removeprefix(f"{name} ") if name and words.startswith(name) else None
        return Said(words, (), change, change or words)
    if current is None or before is None or now is None or result.observed is None:
        return Said(plain_words(result))
    if result.check == COMPLETENESS:
        return _missing(name, before, now)
    if result.check == DOMAIN:
        domains = {feature.name: feature.domains or () for feature in known.constraints.features}
        listed = as_counted(domains.get(name, ()))
        new = [value for value in domain_of(current, max_domain_size) or () if value not in listed]
        share = percent(1 - result.observed)
        if len(new) == 1:
            change = f"has {ONE_VALUE} that was not there before in {share} of the records"
        else:
            change = f"has {share} of values that were not there before"
        return Said(f"{name}: {share} are values that are not in the baseline", new, change, f"new values: {share}")
    if result.check == "data_type_check":
        what = f"{percent(1 - result.observed)} are not {before.inferred_type.value} any more"
        return Said(f"{name}: {what}", (), f"changed its type: {what}", what)
    if result.check in (DRIFT, SEGMENT_DRIFT) or result.method is not None:
        found = _moved(result, before, now, max_domain_size)
        words = f"{name} {_drifted(result)}{found.words and f': {found.words}'}"
        return Said(words, found.values, found.change or "has another distribution", found.short, found.by)
    if result.threshold is None or result.formula is None:
        return Said(plain_words(result))
    shown = percent if result.formula.startswith("share") else number_text
    was, is_now = shown(result.threshold), shown(result.observed)
    what = f"{result.formula} went from {was} to {is_now}"
    return Said(f"{name}: its {what}", (), f"changed: its {what}", f"{result.formula} {was} → {is_now}")


def _together(result: CheckResult) -> Said:
    """The change in a relation between columns. change: for a relation, what it was."""
    was, now = result.threshold or 0.0, result.observed or 0.0
    if result.change is not None:
        change = f"{result.change} in {'all rows' if not was else percent(1 - was)}, now in {percent(1 - now)}"
        return Said(f"{result.feature}: {change}", (), f"broke a rule: {change}", f"broken in {percent(now)}")
    change = f"how strongly they go together went from {was:.2f} to {now:.2f}"
    return Said(f"{result.feature}: {change}", (), change, f"together {was:.2f} → {now:.2f}")


def _drifted(result: CheckResult) -> str:
    against = f" from {result.against}" if result.against not in (None, "baseline") else ""
    observed = result.observed or 0.0
    threshold = result.threshold or 0.0
    if result.statistic is None and result.adjusted_p is not None and observed <= threshold:
        return f"drifted{against}, p-value {result.adjusted_p:,.4g}"
    what = "p-value" if result.statistic is not None else "distance"
    return f"drifted{against}, {what} {observed:,.4g} (threshold {threshold:,.4g})"


def _moved(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution, max_domain_size: int) -> Said:
    if result.component == "missing" and before.rows and now.rows:
        return _missing("", before, now)
    if before.numbers is not None and now.numbers is not None:
        return _moved_numbers(result, before, now)
    if not before.categories or not now.categories:
        return Said("")
    b, c = category_cells(before.categories, now.categories)
    names = sorted({*before.categories, *now.categories})
    shares_before = b / b.sum()
    shares_now = c / c.sum()
    place = _largest(shares_before, shares_now)
    is_listed = len(before.categories if b[place] else now.categories) <= max_domain_size

    # Many new values that are rare alone, beyond those that are always new: as many as occur once in the baseline
    new_share = float(shares_now[b == 0].sum()) - seen_once(before.categories) / b.sum()
    if new_share >= SEVERAL * abs(shares_now - shares_before)[place]:
        new_values = [names[index] for index in np.flatnonzero(b == 0)]
        return _describe_new_values(shares_now[b == 0], new_values, len(now.categories) <= max_domain_size)
    return _of_one(float(shares_before[place]), float(shares_now[place]), [names[place]] if is_listed else [])


def _describe_new_values(shares: Values, values: Sequence[str], is_listed: bool) -> Said:
    """Values that the baseline never had. shares: of each."""
    share = percent(float(shares.sum()))
    most_frequent = [values[index] for index in np.argsort(-shares, kind="stable")]
    change = f"has {share} of values that were not there before"
    words = f"{share} are {len(values):,} values that are not in the baseline"
    return Said(words, most_frequent if is_listed else [], change, f"new values: {share}")


def _largest(before: Values, now: Values) -> int:
    """The location of the largest difference; of equal ones, that of a rise."""
    apart = np.round(now - before, 9)
    return int(np.lexsort((apart, abs(apart)))[-1])


def _of_one(was: float, now: float, values: Sequence[str]) -> Said:
    words = f"the share of {ONE_VALUE} went from {percent(was)} to {percent(now)}"
    change = f"has {ONE_VALUE} in {percent(now)} of the records, in {percent(was) if was else 'none'} before"
    return Said(words, values, change, f"share of {ONE_VALUE}: {percent(was)} → {percent(now)}")


def _moved_numbers(result: CheckResult, before: FeatureDistribution, now: FeatureDistribution) -> Said:
    """The share of one value if cells show one; else the mean or the standard deviation, whichever moved more."""
    assert before.numbers is not None
    assert now.numbers is not None
    sides = before.numbers.step_cdf(), now.numbers.step_cdf()
    if result.component in ("cell", "chi2"):
        values = np.union1d(sides[0].values, sides[1].values)
        was, found = (np.diff(side.ranks_at(values), prepend=0) / side.total for side in sides)
        place = _largest(was, found)
        if abs(was - found)[place] >= LEAST_EFFECT:
            named = [number_text(float(values[place]))] if len(values) <= MOST_NAMED_NUMBERS else []
            return _of_one(float(was[place]), float(found[place]), named)
    told = {"mean": (before.mean, now.mean), "standard deviation": (_deviation(sides[0]), _deviation(sides[1]))}
    known = ((what, b, c) for what, (b, c) in told.items() if b is not None and c is not None)
    apart = [(abs(c - b), what, b, c) for what, b, c in known if f"{b:,.4g}" != f"{c:,.4g}"]
    if not apart:
        return Said("")
    _, what, was_, is_ = max(apart, key=itemgetter(0))
    change, by = moved(was_, is_, _deviation(sides[0]) if what == "mean" else None)
    change += " (another unit?)" if what == "mean" and _is_unit(*sides) else ""
    change = change if what == "mean" else f"has another spread: its {what} {change}"
    shown = f"{what} {number_text(was_)} → {number_text(is_)}"
    return Said(f"its {what} went from {was_:,.4g} to {is_:,.4g}", (), change, shown, by)


def _is_unit(before: StepCdf, now: StepCdf) -> bool:
    from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import unit_of

    return unit_of(before, now) is not None


def _deviation(values: StepCdf) -> float | None:
    """None if there are no numbers, or they lie too far apart."""
    finite = values.finite()
    found = finite.deviation if finite.total else math.nan
    return found if math.isfinite(found) else None


def _missing(name: str, before: FeatureDistribution, now: FeatureDistribution) -> Said:
    missing_before = percent(_missing_share(before))
    missing_now = percent(_missing_share(now))
    earlier = "where none was" if missing_before == "0 %" else f"{missing_before} before"
    change = f"is missing in {missing_now} of the records, {earlier}"
    short = f"missing {missing_before} → {missing_now}"
    if name:
        return Said(f"{name}: {missing_now} are missing, {missing_before} were", (), change, short)
    return Said(f"{missing_now} of values are missing, {missing_before} before", (), change, short)


def _missing_share(side: FeatureDistribution) -> float:
    return 1 - side.present / side.rows if side.rows else 0.0


def _without_values(description: str) -> str:
    for text in (COMPARATOR_VALUE, negative):
        said, mark, value = description.partition(text.partition("{")[0])
        if value:
            return said + mark + HIDDEN
    return description
