"""Guesses which mistake is behind a violated feature: another unit, a shifted clock, filled gaps. Pure.

Each guess is a registered rule. It changes the baseline's values as the mistake would, and holds if the window's values look like
the result. The rules are tried in the order of this module, the most specific first. `report.sentences` calls this.

Source: D4.14.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property

import numpy as np

from spark_model_monitor.documents.page import format_noun_count, format_number, format_percent
from spark_model_monitor.monitors.data_quality.causes.numeric_change import (
    MAX_UNEXPLAINED_SHARE,
    NumericChange,
    estimate_noise,
)
from spark_model_monitor.monitors.data_quality.causes.unit_conversions import (
    FittedConversion,
    find_conversion,
    find_conversion_outside_range,
    find_unit_factor,
)
from spark_model_monitor.monitors.data_quality.checks.facts.times import select_times
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    create_distribution,
)
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.date_forms import read_dates
from spark_model_monitor.statistics.drift.distributions import StepCdf, align_categories
from spark_model_monitor.statistics.spellings import fold_spelling
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.time_counts import HOUR, Ages
from spark_model_monitor.statistics.text_forms import PLAIN_NUMBER
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.value_class import value_class

FILLERS = (0.0, -1.0, -99.0, -999.0, 999.0, 9999.0, -9999.0)  # values that programs write for missing numbers
FILLING_TEXT = re.compile(r"(?i)null|none|nan|n/a|na|#n/a|nil|-|\?|unknown|")
COMMA = re.compile(r"[-+]?\d+,\d+")
DRESSED_NUMBER = re.compile(r"[^\d\s]{0,4} ?[-+]?\d{1,3}([,' ]?\d{3})*(\.\d+)?\s?[^\d\s]{0,6}")  # `$1,234.50`, `12 kg`
FIRST_SECOND = 3e8  # seconds since 1970, in 1979; smaller numbers are not taken for times
HOURS = (3600.0, 3.6e6, 3.6e9)  # an hour in seconds, milliseconds and microseconds
END_TOLERANCE = 0.2  # of an hour: how far the ends of two samples may differ from their common shift
MAX_HOURS = 14  # the largest shift between two time zones
HOURS_OF_DAY: Doubles = np.arange(24, dtype=np.float64)
FEW_HOURS = 6  # numbers up to 23 are taken for hours of the day only with more distinct values than this
THOUSANDS = (1e3, 1024.0, 1 / 1e3, 1 / 1024.0)  # factors of which a broad distribution fits two

MAX_UNEXPLAINED_SWAP = 0.6  # as MAX_UNEXPLAINED_SHARE, for the opposite sign, and for the sum over two swapped features
# a held value has at least MIN_HELD_SHARE, plus HELD_RATIO times the largest share of a value before
MIN_HELD_SHARE = 0.1
HELD_RATIO = 2
STEPS = tuple(float(f"1e{power}") for power in range(6, -5, -1))  # steps of rounding, the coarsest first
MIN_ROWS = 20  # fewest rows of the baseline, and of the window
VALUE_DIGITS = 10  # digits of a value in a sentence, enough to search for it


@value_class(slots=False)
class ViolatedFeature:
    """A violated feature.

    baseline, current: its distributions in the baseline and in the window.
    text_counts: the number of the window's cells by text.
    violated_features: both distributions of every violated feature, by name.
    shows_values: whether sentences may show values.
    ages: the ages of times relative to the times of their rows, in baseline and window, if known.
    """

    name: str
    baseline: FeatureDistribution
    current: FeatureDistribution
    text_counts: Mapping[str, int]
    violated_features: Mapping[str, tuple[FeatureDistribution, FeatureDistribution]]
    shows_values: bool = True
    ages: tuple[Ages, Ages] | None = None

    @cached_property
    def numeric_change(self) -> NumericChange | None:
        """The finite numbers of baseline and window, if each has some."""
        return _compare_numbers(self.baseline, self.current)

    @cached_property
    def categories(self) -> tuple[Counter[str], Counter[str]] | None:
        """The counts by category of baseline and window, if each has some."""
        baseline = self.baseline.categories
        current = self.current.categories
        if baseline and current:
            return Counter(baseline), Counter(current)
        return None


def _compare_numbers(baseline: FeatureDistribution, current: FeatureDistribution) -> NumericChange | None:
    if baseline.numbers is None or current.numbers is None:
        return None
    return NumericChange.of(baseline.numbers.cdf, current.numbers.cdf)


@value_class
class LikelyMistake:
    """A mistake that explains a change. rule: the name of the rule that holds. words: the sentence on it."""

    rule: str
    words: str


Guess = Callable[[ViolatedFeature], str | None]

GUESSES: Registry[Guess] = Registry("guess")
"""The rules, in the order in which they are tried. A rule returns a sentence, or None if it doesn't hold."""


def register_guess(name: str) -> Callable[[Guess], Guess]:
    """Decorator that enters a rule."""
    return GUESSES.register(name)


def guess_mistake(feature: ViolatedFeature) -> LikelyMistake | None:
    """The first rule that holds, with its sentence."""
    if min(feature.baseline.rows, feature.current.rows) < MIN_ROWS:
        return None
    # In the order of their registration
    for rule in GUESSES.values():
        words = rule(feature)
        if words:
            return LikelyMistake(rule.name, words)
    return None


def list_violated_features(
    states: Mapping[str, FeatureProfile],
    baseline_states: Mapping[str, FeatureProfile],
    baseline: Mapping[str, FeatureDistribution],
) -> Iterator[ViolatedFeature]:
    """The violated features that the baseline has.

    states: the window's states of all violated features, by name. baseline_states: the baseline's states, if available.
    baseline: the baseline's distributions.
    """
    # Both distributions in one precision, so that a value is the same value on both sides
    pairs = {
        name: align_distributions(baseline[name], create_distribution(state))
        for name, state in states.items()
        if name in baseline
    }
    for name, pair in pairs.items():
        frequencies = states[name].frequencies
        text_counts: Mapping[str, int] = {}
        if frequencies is not None:
            text_counts = frequencies.counts
        ages = None
        if name in baseline_states:
            ages = select_times(baseline_states[name], states[name], Ages)
        yield ViolatedFeature(name, *pair, text_counts, pairs, ages=ages)


@register_guess("frozen")
def guess_frozen_value(feature: ViolatedFeature) -> str | None:
    """All values are the same, where there were several values."""
    change = feature.numeric_change
    if change is not None and len(change.current.values) == 1 < len(change.baseline.values):
        value = "the same"
        if feature.shows_values:
            value = format_number(float(change.current.values[0]))
        return f"all values are {value}: is it frozen?"
    if feature.categories is None:
        return None
    # A single new value is a new version rather than an old value that no longer changes
    baseline, current = feature.categories
    if len(current) == 1 < len(baseline) and not _select_new_values(baseline, current):
        return "all values are the same: is it frozen?"
    return None


@register_guess("decimal_comma")
def guess_written_form(feature: ViolatedFeature) -> str | None:
    """Values are numbers with a decimal comma, a unit, a currency or signs of thousands, where there were plain ones."""
    if not feature.baseline.is_numeric or not feature.text_counts:
        return None
    # Only texts that aren't plain numbers
    texts = {
        text.strip(): count for text, count in feature.text_counts.items() if not PLAIN_NUMBER.fullmatch(text.strip())
    }
    half = 0.5 * sum(texts.values())
    commas = sum(count for text, count in texts.items() if COMMA.fullmatch(text))
    if commas > half:
        return "numbers are written with a decimal comma?"
    dressed = sum(count for text, count in texts.items() if DRESSED_NUMBER.fullmatch(text))
    if dressed > half:
        return "numbers are written with a unit, a currency or signs of thousands?"
    return None


@register_guess("time_form")
def guess_time_form(feature: ViolatedFeature) -> str | None:
    """Times are counted since 1970 where they were dates, or the other way."""
    if _has_dates(feature.baseline) and _has_counted_times(feature.current):
        return "dates became seconds or milliseconds since 1970: does pandas' to_json write them, without date_format='iso'?"
    if _has_counted_times(feature.baseline) and _has_dates(feature.current):
        return "seconds or milliseconds since 1970 became dates: are times written in another form?"
    return None


def _has_counted_times(distribution: FeatureDistribution) -> bool:
    """Whether all numbers may be seconds since 1970, or fractions of a second."""
    return distribution.numbers is not None and bool(distribution.list_values()[0] >= FIRST_SECOND)


def _has_dates(distribution: FeatureDistribution) -> bool:
    if distribution.time_type:
        return True
    texts = list(distribution.categories or ())[:MIN_ROWS]
    return bool(texts) and all(map(read_dates, texts))


@register_guess("swapped")
def guess_swapped_features(feature: ViolatedFeature) -> str | None:
    """Another violated feature looks like this feature did, and this feature looks like that one did."""
    # The feature itself is among them, and looks no more like itself than it does
    for other_name, (other_before, other_now) in feature.violated_features.items():
        has_swapped_numbers = _has_swapped_numbers(feature, other_before, other_now)
        if has_swapped_numbers or _has_swapped_categories(feature, other_before, other_now):
            return f"it looks like {other_name!r} did, and that like this: have they changed places?"
    return None


def _has_swapped_numbers(
    feature: ViolatedFeature, other_before: FeatureDistribution, other_now: FeatureDistribution
) -> bool:
    # Each feature compared with itself, and with the other
    own_change = feature.numeric_change
    other_change = _compare_numbers(other_before, other_now)
    from_other = _compare_numbers(other_before, feature.current)
    to_other = _compare_numbers(feature.baseline, other_now)
    if own_change is None or other_change is None or from_other is None or to_other is None:
        return False
    is_nearer = from_other.gap + to_other.gap < MAX_UNEXPLAINED_SWAP * (own_change.gap + other_change.gap)
    return is_nearer and all(change.is_near(change.baseline.values) for change in (from_other, to_other))


def _has_swapped_categories(
    feature: ViolatedFeature, other_before: FeatureDistribution, other_now: FeatureDistribution
) -> bool:
    if feature.categories is None or not other_before.categories or not other_now.categories:
        return False
    baseline, current = feature.categories
    own_distance = _measure_total_variation(baseline, current)
    distance_from_other = _measure_total_variation(other_before.categories, current)
    distance_to_other = _measure_total_variation(baseline, other_now.categories)
    # Both distances have to be far smaller, since features with few categories are often alike
    return own_distance > 0.5 and max(distance_from_other, distance_to_other) < MAX_UNEXPLAINED_SHARE * own_distance


@register_guess("rounded")
def guess_rounding(feature: ViolatedFeature) -> str | None:
    """Numbers are rounded, to whole numbers or to some digits, and were not before."""
    change = feature.numeric_change
    if change is None or len(change.current.values) <= 2:
        return None
    for step in STEPS:
        # All numbers are multiples of the step now, and fewer than half of them were
        scaled = change.baseline.values / step
        if _compute_whole_share(change.current.values / step) < 1 or _compute_whole_share(scaled) >= 0.5:
            continue
        if any(change.is_near(rounding(scaled) * step) for rounding in (np.rint, np.floor, np.ceil, np.trunc)):
            unit = f"{step:,.7g}"
            if step == 1:
                unit = "number"
            return f"all of them are whole {unit}s: rounded?"
    return None


def _compute_whole_share(values: Doubles) -> float:
    """The share of whole numbers among distinct values."""
    return float((np.abs(values - np.rint(values)) < 1e-6 * np.maximum(1, np.abs(values))).mean())


@register_guess("clock")
def guess_shifted_clock(feature: ViolatedFeature) -> str | None:
    """Times, or hours of the day, are shifted by some whole hours against the baseline."""
    direction = "older"
    opposite = "younger"
    hours = None
    if feature.ages is not None:
        hours = _find_hours_older(*feature.ages)
    change = feature.numeric_change
    if hours is None and change is not None:
        # Whole numbers up to 23 are hours of the day, others may be times
        are_hours = [np.isin(cdf.values, HOURS_OF_DAY).all() for cdf in (change.baseline, change.current)]
        if len(change.baseline.values) > FEW_HOURS and all(are_hours):
            return _describe_shifted_hours_of_day(change)
        direction = "later"
        opposite = "earlier"
        hours = _find_hours_later(change)
    if hours is None:
        return None
    if hours < 0:
        direction = opposite
    return f"all of them are about {format_noun_count(abs(hours), 'hour')} {direction}: another time zone?"


def _describe_shifted_hours_of_day(change: NumericChange) -> str | None:
    """The sentence on the best of all circular shifts, if it leaves a third of the difference at most."""
    shares_before = np.diff(change.baseline.shares_at(HOURS_OF_DAY), prepend=0.0)
    shares_now = np.diff(change.current.shares_at(HOURS_OF_DAY), prepend=0.0)
    differences = [abs(np.roll(shares_before, shift) - shares_now).sum() for shift in range(24)]
    best_shift = int(np.argmin(differences))
    direction = f"{best_shift} later"
    if best_shift > 12:
        direction = f"{24 - best_shift} earlier"
    if differences[best_shift] < differences[0] / 3:
        return f"the hours of the day are those of the baseline, {direction}: a shifted clock?"
    return None


def _find_hours_later(change: NumericChange) -> int | None:
    """By how many whole hours the window's times are later than the baseline's, if that explains them."""
    before = change.baseline.values
    moves = [count * unit for unit in HOURS for count in range(-MAX_HOURS, MAX_HOURS + 1) if count]
    # The shift that both ends of the range have, or the shift that leaves the smallest gap
    end_moves = change.current.values[[0, -1]] - before[[0, -1]]
    units = [unit for unit in HOURS if np.ptp(end_moves) < END_TOLERANCE * unit]
    rounded_end_moves = [unit * round(float(end_moves.mean()) / unit) for unit in units]
    matching_end_moves = [
        move for move in rounded_end_moves if move in moves and np.abs(end_moves - move).max() < END_TOLERANCE * 3600
    ]
    if matching_end_moves and change.is_near(before + matching_end_moves[0]):
        move = matching_end_moves[0]
    else:
        _, move = min((change.measure_gap(before + move), move) for move in moves)
        if not change.is_explained_by(before + move):
            return None
    # Half hours must not fit as well, since whole hours can't be told from others then
    unit = next(unit for unit in reversed(HOURS) if abs(move) >= unit)
    if not matching_end_moves and any(change.is_near(before + move + half) for half in (-unit / 2, unit / 2)):
        return None
    return round(move / unit)


def _find_hours_older(baseline: Ages, current: Ages) -> int | None:
    """By how many whole hours the window's times are older than the baseline's, if that explains their ages."""
    steps = [hours for hours in range(-MAX_HOURS, MAX_HOURS + 1) if hours]
    gap, hours = min((baseline.compute_gap(hours * HOUR, current), hours) for hours in steps)
    noise = estimate_noise(baseline.total, current.total) + MIN_EFFECT / 2
    if gap <= min(noise, MAX_UNEXPLAINED_SHARE * baseline.compute_gap(0.0, current)):
        return hours
    return None


@register_guess("sign")
def guess_sign_change(feature: ViolatedFeature) -> str | None:
    """All numbers have the opposite sign, or those below zero lost it."""
    change = feature.numeric_change
    if change is None:
        return None
    before = change.baseline.values
    if change.is_explained_by(-before, MAX_UNEXPLAINED_SWAP):
        return "all of them have the other sign?"
    if before[0] < 0 <= change.current.values[0] and change.is_explained_by(np.abs(before)):
        return "none is below zero any more, as if they lost their sign?"
    return None


@register_guess("factor")
def guess_unit_factor(feature: ViolatedFeature) -> str | None:
    """All numbers are multiplied by one factor, as in another unit."""
    change = feature.numeric_change
    if change is None:
        return None
    unit = find_unit_factor(change)
    if unit is None:
        return None
    factors = [unit]
    if unit in THOUSANDS:
        # A broad distribution fits a factor of 1000 and one of 1024
        factors = [factor for factor in THOUSANDS if change.is_explained_by(factor * change.baseline.values)]
    if unit > 1:
        multiple = " or ".join(format_number(factor, 4) for factor in factors) + " times"
    else:
        multiple = " or ".join(f"1/{format_number(1 / factor, 4)}" for factor in factors) + " of"
    return f"all of them are about {multiple} a usual one: another unit?"


@register_guess("converted")
def guess_conversion(feature: ViolatedFeature) -> str | None:
    """Numbers are on another scale of temperature, or some of them are in another unit and the others as before."""
    change = feature.numeric_change
    if change is None:
        return None
    fitted = find_conversion(change)
    if fitted is None:
        return None
    if change.is_explained_by(fitted.conversion.convert(change.baseline.values)):
        return f"all of them are {fitted.conversion.words}: another unit?"
    return _describe_partial_conversion(fitted)


def _describe_partial_conversion(fitted: FittedConversion) -> str:
    share = format_percent(round(fitted.converted_share, 2))
    return f"about {share} of them are {fitted.conversion.words}: another unit in some rows?"


@register_guess("filled")
def guess_filler(feature: ViolatedFeature) -> str | None:
    """A filler value that programs write for missing values replaces those no longer missing; or a value that was never there."""
    # Texts, which may stand among numbers, too
    texts = [text for text in feature.text_counts if FILLING_TEXT.fullmatch(text.strip())]
    categories = feature.baseline.categories or {}
    share = sum(feature.text_counts[text] for text in texts if text not in categories) / max(feature.current.rows, 1)
    if texts and share >= MIN_EFFECT:
        return f"{format_percent(share)} of the values are a text that is written for missing ones"
    change = feature.numeric_change
    if change is None or len(change.baseline.values) <= 2:
        return None
    share_filled = feature.current.completeness - feature.baseline.completeness
    # Numbers
    for value in FILLERS:
        share_before = _compute_value_share(change.baseline, value)
        share_now = _compute_value_share(change.current, value)
        gain = share_now - share_before
        if gain < MIN_EFFECT:
            continue
        # A value that was never there is a filler, unless it is the opposite of a frequent one, whose sign may have changed
        is_new = not share_before and (value not in (0.0, -1.0) or value < float(change.baseline.values[0]))
        is_new = is_new and _compute_value_share(change.baseline, -value) < share_now / 2
        if share_filled <= 0.5 * gain and not is_new:
            continue
        if not feature.shows_values:
            return "a value that is written for missing ones?"
        shares = f"{format_percent(share_now)} of the values, {format_percent(share_before)} before"
        return f"{format_number(value)} is in {shares}: written for missing ones?"
    return None


def _compute_value_share(cdf: StepCdf, value: float) -> float:
    return float(cdf.counts_at(np.array([value]))[0] / cdf.total)


@register_guess("converted_in_few_rows")
def guess_conversion_of_few_rows(feature: ViolatedFeature) -> str | None:
    """The numbers outside the baseline's range are on another scale of temperature."""
    if feature.numeric_change is None:
        return None
    fitted = find_conversion_outside_range(feature.numeric_change)
    if fitted is None:
        return None
    return _describe_partial_conversion(fitted)


@register_guess("clipped")
def guess_clipping(feature: ViolatedFeature) -> str | None:
    """No number exceeds a bound any more, and as many numbers as exceeded it lie at the bound."""
    change = feature.numeric_change
    if change is None or len(change.current.values) <= 2:
        return None
    # At which ends values became more frequent
    before = change.baseline.values
    low, high = change.current.values[[0, -1]].tolist()
    is_cut_low = _measure_share_gain(change, low) >= MIN_EFFECT / 2
    is_cut_high = _measure_share_gain(change, high) >= MIN_EFFECT / 2
    if not (is_cut_low and low > before[0]) and not (is_cut_high and high < before[-1]):
        return None
    # The baseline's numbers, clipped at these ends
    clipped_values = before
    if is_cut_low:
        clipped_values = np.maximum(clipped_values, low)
    if is_cut_high:
        clipped_values = np.minimum(clipped_values, high)
    if change.is_near(clipped_values):
        return "numbers beyond an end lie at the end: clipped?"
    return None


def _measure_share_gain(change: NumericChange, value: float) -> float:
    return _compute_value_share(change.current, value) - _compute_value_share(change.baseline, value)


@register_guess("held")
def guess_held_value(feature: ViolatedFeature) -> str | None:
    """One value among others has many more rows than before: a sensor that stopped, or yesterday's values."""
    change = feature.numeric_change
    if change is None:
        return None
    num_values = len(change.current.values)
    if not change.baseline.total > num_values > 2:
        return None
    index = int(change.current.counts.argmax())
    value = float(change.current.values[index])
    share_before = _compute_value_share(change.baseline, value)
    share_now = _compute_value_share(change.current, value)
    largest_before = float(change.baseline.counts.max() / change.baseline.total)  # the most frequent value's share
    if share_now < MIN_HELD_SHARE + HELD_RATIO * largest_before or index in (0, num_values - 1):
        return None
    value_in_words = "one value"
    if feature.shows_values:
        value_in_words = format_number(value, VALUE_DIGITS)
    shares = f"{format_percent(share_now)} of the values, {format_percent(share_before)} before"
    return f"{value_in_words} is in {shares}: held, or repeated?"


@register_guess("spelling")
def guess_spelling(feature: ViolatedFeature) -> str | None:
    """Categories differ from the baseline's only in case, white space or Unicode form."""
    if feature.categories is None:
        return None
    baseline, current = feature.categories
    new_counts = _select_new_values(baseline, current)
    folded_texts = set(map(fold_spelling, baseline))
    num_matching = sum(count for text, count in new_counts.items() if fold_spelling(text) in folded_texts)
    if not new_counts or num_matching <= 0.9 * new_counts.total():
        return None
    if feature.shows_values:
        name = new_counts.most_common(1)[0][0]
        written = [text for text in baseline if fold_spelling(text) == fold_spelling(name)]
        if written:
            return (
                f"{name!r} differs from {written[0]!r} in case, spaces or form of letters alone: written another way?"
            )
    return "new values differ from known ones in case, spaces or form of letters alone: written another way?"


@register_guess("truncated")
def guess_truncation(feature: ViolatedFeature) -> str | None:
    """Texts are beginnings of the baseline's texts, cut at the same length."""
    if feature.categories is None:
        return None
    baseline, current = feature.categories
    max_length = max(map(len, current))
    if max_length >= max(map(len, baseline)) or not max_length:
        return None
    # The baseline's texts, cut at this length
    cut_counts: Counter[str] = Counter()
    for text, count in baseline.items():
        cut_counts[text[:max_length]] += count
    # If a column has many distinct values, most are new by chance, cut or not
    num_known = sum(count for text, count in current.items() if text in cut_counts)
    if num_known <= current.total() / 2:
        return None
    noise = estimate_noise(baseline.total(), current.total()) * math.sqrt(len(cut_counts))
    if _measure_total_variation(cut_counts, current) <= noise and _select_new_values(baseline, current):
        return f"texts end after {max_length} characters: cut off?"
    return None


@register_guess("renamed")
def guess_renamed_value(feature: ViolatedFeature) -> str | None:
    """Each new value is as frequent as one value that disappeared; later dates are new by nature."""
    if feature.baseline.time_type or feature.categories is None:
        return None
    baseline, current = feature.categories
    n = baseline.total()
    m = current.total()
    # The rows of values that are gone, and of new values
    gone_counts = Counter(
        {text: count for text, count in baseline.items() if text not in current and count / n > 3 / m}
    )
    new_counts = _select_new_values(baseline, current)
    pairs = list(zip(gone_counts.most_common(), new_counts.most_common(), strict=False))
    if not pairs or len(gone_counts) != len(new_counts):
        return None
    # Each pair is as frequent, within three standard errors
    for (_, count_before), (_, count_now) in pairs:
        share = (count_before + count_now) / (n + m)
        if abs(count_before / n - count_now / m) > 3 * math.sqrt(share * (1 - share) * (1 / n + 1 / m)):
            return None
    if len(pairs) > 1:
        return f"{len(pairs)} values that are gone were as frequent as new ones are: another name?"
    (name_gone, _), (name_new, _) = pairs[0]
    if feature.shows_values:
        return f"{name_gone!r}, which is gone, was as frequent as {name_new!r} is: another name?"
    return "a value that is gone was as frequent as a new one is: another name?"


def _measure_total_variation(baseline: Mapping[str, int], current: Mapping[str, int]) -> float:
    """The total variation distance: half the sum of the absolute differences between shares."""
    counts_before, counts_now = align_categories(baseline, current)
    gaps = counts_before / counts_before.sum() - counts_now / counts_now.sum()
    return float(np.abs(gaps).sum()) / 2


def _select_new_values(baseline: Mapping[str, int], current: Mapping[str, int]) -> Counter[str]:
    return Counter({text: count for text, count in current.items() if text not in baseline})
