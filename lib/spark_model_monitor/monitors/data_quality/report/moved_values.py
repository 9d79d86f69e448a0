"""What moved in a feature's values, in words: the fact that the deciding test saw, in the units of the data. Pure.

A test combines many differences; a person wants the one that they would notice. Of categories it is the value whose share
changed most among those that the evidence is about. Of numbers it is one value, if its share explains the change; else the
numbers outside the baseline's range, those of a tail, or the mean, the median or the standard deviation.
Called by `sentences.describe_change`, on the driver.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import itemgetter

import numpy as np

from spark_model_monitor.documents.change_description import NEW_VALUES, ONE_VALUE, describe_move
from spark_model_monitor.documents.check_results import CheckResult
from spark_model_monitor.documents.page import format_number, format_percent
from spark_model_monitor.monitors.data_quality.checks.facts import count_beyond
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distributions import (
    Counts,
    NumericDistribution,
    Pooled,
    StepCdf,
    align_categories,
)
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.ends import VALUES_PER_END
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT, NEARLY_ALL
from spark_model_monitor.statistics.verdicts.design_effect import ratio_or_zero
from spark_model_monitor.value_class import value_class

MIN_NEW_VALUES_RATIO = 2  # new values together are named if their share is this many times the largest other change
MAX_FLAG_VALUES = 2  # most distinct numbers of a flag
SMALL_CHANGE_DEVIATIONS = 0.2  # in standard deviations: how far a few outliers can move the mean or the deviation
MIN_CLEAR_SHARE = 2 / 3  # of the clearest value's score: the test isn't about values with smaller scores
MIN_COMPARABLE_SHARE = 0.5  # of the largest change: a new value that changed so much is named before other values
MAX_CODES = 20  # most distinct numbers of a column of codes, which stand for categories
MIN_SHARE_EXPLAINED_BY_CODE = 0.5  # of the largest gap: a code, several of which may change, explains it
MIN_TAIL_NUMBERS = 5  # fewest numbers in a tail, baseline and window together
VALUE_DIGITS = 10  # digits of a value in a sentence, enough to search for it


@value_class
class ValueChange:
    """A change in words. text: the words that follow the feature's name, without categories. values: the categories that the
    text is about. range_text: the ends of the baseline's range, as the text has them.
    """

    text: str
    values: Sequence[str] = ()
    range_text: str = ""


ANOTHER_DISTRIBUTION = ValueChange("has another distribution")


def describe_missing(baseline: FeatureDistribution, current: FeatureDistribution) -> ValueChange:
    """The sentence on how the share of missing values changed."""
    missing_before = format_percent(1 - baseline.completeness)
    text_before = f"{missing_before} before"
    if missing_before == "0 %":
        text_before = "where none was"
    return ValueChange(f"is missing in {format_percent(1 - current.completeness)} of the records, {text_before}")


def describe_moved_value(
    drift: CheckResult,
    baseline: FeatureDistribution,
    current: FeatureDistribution,
    current_profile: FeatureProfile | None,
    max_domain_size: int,
) -> ValueChange:
    """The sentence on what changed in the values of a drifted feature. current: its states, if compared with the baseline."""
    if drift.component == "missing" and baseline.rows and current.rows:
        return describe_missing(baseline, current)
    if baseline.numbers is not None and current.numbers is not None:
        return _describe_moved_numbers(drift, baseline, current, current_profile)
    if baseline.categories and current.categories:
        return _describe_moved_categories(drift, baseline, current, max_domain_size)
    return ANOTHER_DISTRIBUTION


def name_denominator(baseline: FeatureDistribution, current: FeatureDistribution) -> str:
    """The noun for what shares of present values are shares of: `records`, unless some records have no value."""
    is_complete = baseline.present == baseline.num_rows and current.present == current.num_rows
    if is_complete:
        return "records"
    return "present values"


def _describe_moved_categories(
    drift: CheckResult, baseline: FeatureDistribution, current: FeatureDistribution, max_domain_size: int
) -> ValueChange:
    categories_before = baseline.categories or {}
    categories_now = current.categories or {}
    counts_before, counts_now = align_categories(categories_before, categories_now)
    names = sorted({*categories_before, *categories_now})
    shares_before = counts_before / counts_before.sum()
    shares_now = counts_now / counts_now.sum()

    # Many new values, each rare. The share of rows that always have new values is taken off: that of values that occur once
    is_new = counts_before == 0
    new_share = float(shares_now[is_new].sum()) - baseline.count_rare() / counts_before.sum()
    is_about_new = drift.component == "unseen" and is_new.sum() > 1
    if is_about_new or new_share >= MIN_NEW_VALUES_RATIO * abs(shares_now - shares_before).max():
        new_values = []
        if len(categories_now) <= max_domain_size:
            new_values = [names[new] for new in np.flatnonzero(is_new)]
        return _describe_new_values(shares_now[is_new], new_values)

    # One value, by its name if there are few categories
    index = find_clearest_value(counts_before, counts_now)
    num_categories = len(categories_now)
    if counts_before[index]:
        num_categories = len(categories_before)
    values = []
    if num_categories <= max_domain_size:
        values = [names[index]]
    return _describe_value(shares_before[index], shares_now[index], values, name_denominator(baseline, current))


def find_clearest_value(baseline: Counts, current: Counts) -> int:
    """The index of the value to name. baseline, current: how often each occurs, on no side all zero.

    Of the values whose change is nearly as clear as the clearest one's, the one that changed most; new values come first.
    """
    num_before = baseline.sum()
    num_now = current.sum()
    gaps = np.round(current / num_now - baseline / num_before, 9)
    scores = _score_gaps(gaps, (baseline + current) / (num_before + num_now), num_before, num_now)
    # Only clear changes count; new values come first, then the largest change
    is_clear = scores >= MIN_CLEAR_SHARE * scores.max()
    sizes = np.where(is_clear, np.abs(gaps), -1.0)
    is_new = is_clear & (baseline == 0) & (sizes >= MIN_COMPARABLE_SHARE * sizes.max())
    # lexsort sorts by its last key first
    return int(np.lexsort((gaps, sizes, is_new))[-1])


def _score_gaps(gaps: Doubles, pooled_shares: Doubles, num_before: float, num_now: float) -> Doubles:
    """The absolute differences of shares in standard errors: z scores of two proportions."""
    errors = np.sqrt(pooled_shares * (1 - pooled_shares) * (1 / num_before + 1 / num_now))
    return ratio_or_zero(np.abs(gaps), errors)


def _describe_new_values(shares: Doubles, values: Sequence[str]) -> ValueChange:
    """The sentence on values that the baseline never had. shares: the share of each value. values: empty if they are too many."""
    most_frequent = sorted(zip(-shares, values, strict=False), key=itemgetter(0))
    text = f"has {format_percent(float(shares.sum()))} {NEW_VALUES}"
    return ValueChange(text, [value for _, value in most_frequent])


def _describe_value(share_before: float, share_now: float, values: Sequence[str], denominator: str) -> ValueChange:
    """The sentence on how the share of one value changed."""
    if not share_now:
        return ValueChange(
            f"no longer has {ONE_VALUE}, which was in {format_percent(share_before)} of the {denominator}", values
        )
    text_before = "none"
    if share_before:
        text_before = format_percent(share_before)
    return ValueChange(
        f"has {ONE_VALUE} in {format_percent(share_now)} of the {denominator}, in {text_before} before", values
    )


def _describe_moved_numbers(
    drift: CheckResult,
    baseline: FeatureDistribution,
    current: FeatureDistribution,
    current_profile: FeatureProfile | None,
) -> ValueChange:
    """The first of these that explains the change: another unit, one value, numbers outside the range, a tail, a moment."""
    assert baseline.numbers is not None
    assert current.numbers is not None
    cdf_before = baseline.numbers.cdf
    cdf_now = current.numbers.cdf
    # The number whose share changed most clearly
    pooled = cdf_now.pool_with(cdf_before)
    counts_before, counts_now = pooled.counts
    clearest = find_clearest_value(counts_before, counts_now)
    shares_before = counts_before / counts_before.sum()
    shares_now = counts_now / counts_now.sum()
    gaps = shares_now - shares_before
    gap = abs(gaps[clearest])
    denominator = name_denominator(baseline, current)
    name = format_number(pooled.values[clearest], VALUE_DIGITS)
    change_of_clearest = _describe_value(shares_before[clearest], shares_now[clearest], [name], denominator)
    if len(pooled.values) <= MAX_FLAG_VALUES:
        return change_of_clearest
    # All numbers in another unit
    from spark_model_monitor.monitors.data_quality.causes.numeric_change import NumericChange
    from spark_model_monitor.monitors.data_quality.causes.unit_conversions import find_unit_factor

    numbers = NumericChange.of(cdf_before, cdf_now)
    if numbers is not None and find_unit_factor(numbers) is not None:
        return _describe_moments(drift, baseline, current, cdf_before, cdf_now)

    # One value, such as that of a sensor that stopped, or one that is written for missing values
    same_direction = np.sort(gaps * np.sign(gaps[clearest]))
    is_alone = same_direction[-2] <= MIN_COMPARABLE_SHARE * gap
    is_large = gap >= max(MIN_EFFECT, NEARLY_ALL * pooled.largest_gap)
    if is_alone and is_large and math.isfinite(pooled.values[clearest]):
        return change_of_clearest

    # Numbers outside the baseline's range, which many tests see
    if current_profile is not None and are_unusual(baseline.numbers, current.numbers):
        unusual = describe_unusual(baseline, current_profile)
        if unusual is not None:
            return unusual
    are_codes = drift.component in ("value", "sixteenth") and len(pooled.values) <= MAX_CODES
    if are_codes and gap >= max(MIN_EFFECT, MIN_SHARE_EXPLAINED_BY_CODE * pooled.largest_gap):
        return change_of_clearest
    if drift.component in ("value", "sixteenth", "tail") and not _has_moved(cdf_before, cdf_now):
        tail = _describe_tail(pooled, baseline, current_profile, denominator)
        if tail is not None:
            return tail
    return _describe_moments(drift, baseline, current, cdf_before, cdf_now)


def describe_new_kind(
    share: CheckResult, baseline: FeatureDistribution, current: FeatureDistribution, max_domain_size: int
) -> ValueChange | None:
    """The sentence on texts of a kind that the baseline never had; None if the values aren't known one by one."""
    if share.threshold or not baseline.categories or not current.categories or not current.present:
        return None
    # The values that the baseline lacks, as shares of the present ones
    counts = {value: count for value, count in current.categories.items() if value not in baseline.categories}
    shares = np.array([count / current.present for count in counts.values()])
    # Texts of a new kind are new values, but not every new value has to be of that kind
    if not math.isclose(float(shares.sum()), share.observed or 0.0, rel_tol=1e-6):
        return None
    values = []
    if len(current.categories) <= max_domain_size:
        values = [*counts]
    if len(counts) == 1:
        return _describe_value(0.0, float(shares[0]), values, name_denominator(baseline, current))
    # If codes come and go, every window has new ones: then only their form is worth a sentence
    if not values:
        return None
    return _describe_new_values(shares, values)


def _has_moved(cdf_before: StepCdf, cdf_now: StepCdf) -> bool:
    """Whether the mean or the standard deviation of the finite numbers changed by more than a few outliers can change them."""
    cdfs = cdf_before.drop_infinite(), cdf_now.drop_infinite()
    if not all(cdf.total for cdf in cdfs):
        return False
    moments, moments_now = (cdf.compute_mean_and_deviation() for cdf in cdfs)
    smallest_change = SMALL_CHANGE_DEVIATIONS * moments[1]
    return any(abs(after - before) > smallest_change for before, after in zip(moments, moments_now, strict=True))


def _describe_tail(
    pooled: Pooled, baseline: FeatureDistribution, current_profile: FeatureProfile | None, denominator: str
) -> ValueChange | None:
    """The sentence on the tail whose share changed most clearly; None without such a tail.

    A tail of numbers that the baseline never had is described as numbers outside of its range.
    """
    num_before = float(pooled.before[-1])
    num_now = float(pooled.after[-1])
    # The shares at or below each value, except the last value, at or below which all numbers are
    shares_before = pooled.before[:-1] / num_before
    shares_now = pooled.after[:-1] / num_now
    num_at_most = pooled.before[:-1] + pooled.after[:-1]
    shares = num_at_most / (num_before + num_now)
    has_enough = np.minimum(num_at_most, num_before + num_now - num_at_most) >= MIN_TAIL_NUMBERS
    # The clearest tail
    scores = has_enough * _score_gaps(shares_now - shares_before, shares, num_before, num_now)
    if not len(scores) or not scores.max():
        return None
    index = int(scores.argmax())
    tail = "low"
    direction = "below"
    bound = pooled.values[index + 1]
    share_before = float(shares_before[index])
    share_now = float(shares_now[index])
    if shares[index] > 0.5:
        tail = "high"
        direction = "above"
        bound = pooled.values[index]
        share_before = 1 - share_before
        share_now = 1 - share_now
    # The tail may be new; else it grew or shrank
    if not share_before and current_profile is not None:
        return describe_unusual(baseline, current_profile)
    more = "fewer"
    if share_now > share_before:
        more = "more"
    ends = f" {direction} {format_number(bound, VALUE_DIGITS)}"
    shares_in_words = f"{format_percent(share_now)} of the {denominator}{ends}, {format_percent(share_before)} before"
    return ValueChange(f"has {more} {tail} values: {shares_in_words}", (), ends)


def _describe_moments(
    drift: CheckResult,
    baseline: FeatureDistribution,
    current: FeatureDistribution,
    cdf_before: StepCdf,
    cdf_now: StepCdf,
) -> ValueChange:
    """The sentence on how the mean, the median or the standard deviation changed, whichever the test is about."""
    deviation = find_deviation(cdf_before)
    moments = {
        "mean": (baseline.mean, current.mean),
        "standard deviation": (deviation, find_deviation(cdf_now)),
    }
    # If a column has a long tail, its mean hardly moves even if all numbers do
    is_mean_still = False
    if baseline.mean is not None and current.mean is not None and deviation is not None:
        is_mean_still = abs(current.mean - baseline.mean) < SMALL_CHANGE_DEVIATIONS / 2 * deviation
    location = "median"
    if drift.component == "location" and not is_mean_still:
        location = "mean"
    elif drift.component == "location":
        # The largest values of a long tail decide its standard deviation, but not the ranks that were tested
        moments = {}
        deviation = None
    if drift.component in ("location", "sixteenth") and is_mean_still:
        moments["median"] = (cdf_before.quantiles([0.5])[0], cdf_now.quantiles([0.5])[0])
    # Moments whose change a reader can see in four digits
    changes = {}
    for name, (moment_before, moment_now) in moments.items():
        if moment_before is not None and moment_now is not None and f"{moment_before:,.4g}" != f"{moment_now:,.4g}":
            changes[name] = (moment_before, moment_now)
    if not changes:
        return ANOTHER_DISTRIBUTION
    # The largest change, unless the change of location is at least comparable
    sizes = {name: abs(after - before) for name, (before, after) in changes.items()}
    name = max(sizes, key=sizes.__getitem__)
    if sizes.get(location, 0.0) >= MIN_COMPARABLE_SHARE * sizes[name]:
        name = location
    value_before, value_now = changes[name]
    # The size of a change is given in standard deviations, except that of a changed standard deviation
    numbers = f"{name} {format_number(value_before)} → {format_number(value_now)}"
    if name == "standard deviation":
        size = describe_move(value_before, value_now).removeprefix("is ")
        return ValueChange(f"has another spread: {size} ({numbers})")
    return ValueChange(f"{describe_move(value_before, value_now, deviation)} ({numbers})")


def describe_unusual(baseline: FeatureDistribution, current_profile: FeatureProfile) -> ValueChange | None:
    """The sentence on infinite numbers and numbers outside the baseline's range; None without any, or if that is unknown."""
    numbers = baseline.numbers
    moments = current_profile.moments
    sketch = current_profile.kll
    if numbers is None or numbers.minimum is None or numbers.maximum is None or moments is None or sketch is None:
        return None
    # Infinite numbers, if their share is larger than before
    infinite_before = numbers.negative_infinite + numbers.positive_infinite
    num_infinite = moments.present - moments.count
    amounts = {}
    if num_infinite * numbers.total > infinite_before * moments.present:
        text_before = ""
        if infinite_before:
            text_before = f" ({format_percent(infinite_before / numbers.total)} were)"
        amounts[f"that are infinite{text_before}"] = f"{num_infinite:,}"

    # The states count numbers outside exactly, unless there are many in a large window
    ends = ""
    for direction, low, high in (("above", -math.inf, numbers.maximum), ("below", numbers.minimum, math.inf)):
        count = 0
        if moments.count:
            count, _ = count_beyond(current_profile, below=low, above=high)
        if not count:
            continue
        ends = f" {format_number(numbers.minimum)} to {format_number(numbers.maximum)}"
        amounts[direction] = f"{count:,}"
        # For many numbers, the sketch estimates their share to two digits
        if count >= VALUES_PER_END and sketch.error > 0:
            share = StepCdf(*sketch.step_cdf()).count_outside(low, high) / moments.present
            amounts[direction] = f"about {format_percent(float(f'{share:.2g}'))}"
    if not amounts:
        return None
    # Only the first amount is given with the number of all values
    (location, amount), *further = amounts.items()
    text = f"has {amount} of {moments.present:,} values {location}"
    for location, amount in further:
        text += f", {amount} {location}"
    if ends:
        text += f" the baseline's range{ends}"
    return ValueChange(text, (), ends)


def are_unusual(baseline: NumericDistribution, current: NumericDistribution) -> bool:
    """Whether only numbers that are infinite or outside the baseline's range drifted, and the others are as before."""
    low, high = baseline.ends
    cdf = current.cdf
    is_inside = (cdf.values >= low) & (cdf.values <= high)
    if not is_inside.any() or not math.isfinite(high - low):
        return False
    # If all finite numbers together are as before, the few outside explain nothing
    explains_nothing = np.isfinite(cdf.values).all() and not _has_moved(baseline.cdf, cdf)
    return not (explains_nothing or _has_moved(baseline.cdf, cdf.select(is_inside)))


def find_deviation(values: StepCdf) -> float | None:
    """The standard deviation of the finite numbers; None without numbers, or if it is too large for a double."""
    finite = values.drop_infinite()
    if not finite.total or not math.isfinite(finite.deviation):
        return None
    return finite.deviation
