"""Guesses which mistake is behind a violated feature: another unit, a shifted clock, filled gaps. Pure.

Each guess is a registered rule. It changes the baseline's values as the mistake would, and holds if the window's values look like
the result. The rules are tried in the order of this module, the most specific first. `report.sentences` calls this.

Source: D4.14.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from spark_model_monitor.documents.page import format_noun_count, format_number, format_percent
from spark_model_monitor.monitors.data_quality.checks.facts.times import select_times
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import (
    FeatureDistribution,
    align_distributions,
    create_distribution,
)
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.date_forms import read_dates
from spark_model_monitor.statistics.drift.distributions import StepCdf, Values, align_categories
from spark_model_monitor.statistics.spellings import fold_spelling
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.time_counts import HOUR, Ages
from spark_model_monitor.statistics.verdicts.components import MIN_EFFECT
from spark_model_monitor.value_class import value_class

UNITS = (10.0, 100.0, 1e3, 1024.0, 1e4, 1e5, 1e6, 1e9, 60.0, 3600.0, 1.609344, 2.20462, 2.54, 4.184)
"""Factors between units that people confuse."""

THOUSANDS = (1e3, 1024.0, 1 / 1e3, 1 / 1024.0)


@value_class
class Conversion:
    """A change of scale. words: how a sentence describes the converted numbers.

    lowest_mean, highest_mean: of the baselines that it applies to; elsewhere a factor or a shift may look like it.
    """

    words: str
    factor: float
    offset: float = 0.0
    lowest_mean: float = -math.inf
    highest_mean: float = math.inf

    def convert(self, values: Values) -> Values:
        return self.factor * values + self.offset


TEMPERATURES = (
    Conversion("as if turned from °C to °F", 1.8, 32.0, -60.0, 60.0),
    Conversion("as if turned from °F to °C", 1 / 1.8, -32 / 1.8, -76.0, 140.0),
    Conversion("as if turned from °C to K", 1.0, 273.15, -60.0, 60.0),
    Conversion("as if turned from K to °C", 1.0, -273.15, 213.15, 333.15),
)

# Factors that are recognised even if only some of the values have another unit
OTHER_UNIT_FACTORS = (10.0, 100.0, 1e3, 1e6, 60.0, 3600.0)
CONVERSIONS = (
    *TEMPERATURES,
    *(Conversion(f"about {factor:,.0f} times a usual one", factor) for factor in OTHER_UNIT_FACTORS),
    *(Conversion(f"about 1/{factor:,.0f} of a usual one", 1 / factor) for factor in OTHER_UNIT_FACTORS),
)

MIN_OTHER_UNIT_SHARE = 0.05  # smallest share of values in another unit
MIN_OUTSIDE_NUMBERS = 30  # numbers outside the baseline's range that show their unit

FILLERS = (0.0, -1.0, -99.0, -999.0, 999.0, 9999.0, -9999.0)  # values that programs write for missing numbers
FILLING_TEXT = re.compile(r"(?i)null|none|nan|n/a|na|#n/a|nil|-|\?|unknown|")
COMMA = re.compile(r"[-+]?\d+,\d+")
PLAIN_NUMBER = re.compile(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?")
DRESSED_NUMBER = re.compile(r"[^\d\s]{0,4} ?[-+]?\d{1,3}([,' ]?\d{3})*(\.\d+)?\s?[^\d\s]{0,6}")  # `$1,234.50`, `12 kg`
FIRST_SECOND = 3e8  # seconds since 1970, in 1979; smaller numbers are not taken for times
HOURS = (3600.0, 3.6e6, 3.6e9)  # an hour in seconds, milliseconds and microseconds
END_TOLERANCE = 0.2  # of an hour: how far the ends of two samples may differ from their common shift
MAX_HOURS = 14  # the largest shift between two time zones
HOURS_OF_DAY: Values = np.arange(24, dtype=np.float64)
FEW_HOURS = 6  # numbers up to 23 are taken for hours of the day only with more distinct values than this
FEW_VALUES = 6  # fewer distinct numbers fit any conversion

CHANCE_GAP = 1.63  # 99 % of Kolmogorov-Smirnov gaps without a change are smaller, in units of sqrt(1/n + 1/m)
MAX_UNEXPLAINED_SHARE = 0.4  # the largest gap that a guess may leave, as a share of the gap that it explains
MAX_SHARE_UNEXPLAINED_BY_PART = 0.25  # the same for a part of the values; smaller, since the part's size is fitted
MAX_UNEXPLAINED_SWAP = 0.6  # the same for the opposite sign, and for the sum over two swapped features
MIN_MATCHING_SHARE = 0.75  # smallest share of the window's values that are a baseline's value times the factor
# a held value has at least MIN_HELD_SHARE, plus HELD_RATIO times the largest share of a value before
MIN_HELD_SHARE = 0.1
HELD_RATIO = 2
STEPS = tuple(float(f"1e{power}") for power in range(6, -5, -1))  # steps of rounding, the coarsest first
MIN_ROWS = 20  # fewest rows of the baseline, and of the window
VALUE_DIGITS = 10  # digits of a value in a sentence, enough to search for it
MIN_SHARE_OF_ONE_VALUE = 0.9  # of the largest gap: one value's change that is larger explains it without a conversion
MAX_MAGNITUDE = 1e200  # larger numbers times a factor could exceed the largest double


Sides: TypeAlias = tuple[StepCdf, StepCdf]


@value_class
class ViolatedFeature:
    """A violated feature, in the baseline (before) and in the window (now).

    text_counts: the number of the window's cells by text. violated_features: the baseline's and the window's distribution of
    every violated feature, by name. shows_values: whether sentences may show values. ages: the ages of times relative to
    the times of their rows, if known.
    """

    name: str
    baseline: FeatureDistribution
    current: FeatureDistribution
    text_counts: Mapping[str, int]
    violated_features: Mapping[str, tuple[FeatureDistribution, FeatureDistribution]]
    shows_values: bool = True
    ages: tuple[Ages, Ages] | None = None

    @property
    def numbers(self) -> Sides | None:
        """The finite numbers of both sides, if each has some."""
        return _get_numbers(self.baseline, self.current)

    @property
    def categories(self) -> tuple[Counter[str], Counter[str]] | None:
        baseline = self.baseline.categories
        current = self.current.categories
        if baseline and current:
            return Counter(baseline), Counter(current)
        return None


Guess = Callable[..., str | None]

GUESSES: Registry[Guess] = Registry("guess")
"""The rules, in the order in which they are tried. A rule returns a sentence, or None if it doesn't hold."""


def register_guess(name: str, *, takes: Literal["numbers", "categories"] | None = None) -> Callable[[Guess], Guess]:
    """Decorator that enters a rule. takes: a member of the feature that is the rule's second argument, and must not be None."""
    return GUESSES.register(name, takes=takes)


def guess_mistake(feature: ViolatedFeature) -> tuple[str, str] | None:
    """The first rule that holds, and its sentence."""
    if min(feature.baseline.rows, feature.current.rows) < MIN_ROWS:
        return None
    for rule in GUESSES.values():
        members = [getattr(feature, rule.facts["takes"])] if rule.facts["takes"] else []
        if None not in members and (sentence := rule(feature, *members)):
            return rule.name, sentence
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
    numbers = feature.numbers
    counts = feature.categories
    if numbers is not None and len(numbers[1].values) == 1 < len(numbers[0].values):
        value = "the same"
        if feature.shows_values:
            value = format_number(float(numbers[1].values[0]))
        return f"all values are {value}: is it frozen?"
    # A single new value is a new version rather than an old value that no longer changes
    if counts and len(counts[1]) == 1 < len(counts[0]) and not _select_new_values(*counts):
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
    commas = sum(count for text, count in texts.items() if COMMA.fullmatch(text))
    if commas > 0.5 * sum(texts.values()):
        return "numbers are written with a decimal comma?"
    dressed = sum(count for text, count in texts.items() if DRESSED_NUMBER.fullmatch(text))
    if dressed > 0.5 * sum(texts.values()):
        return "numbers are written with a unit, a currency or signs of thousands?"
    return None


@register_guess("time_form")
def guess_time_form(feature: ViolatedFeature) -> str | None:
    """Times are counted since 1970 where they were dates, or the other way."""
    distributions = (feature.baseline, feature.current)
    are_counts = [
        distribution.numbers is not None and distribution.list_values()[0] >= FIRST_SECOND
        for distribution in distributions
    ]
    are_dates = [
        bool(distribution.time_type) or all(map(read_dates, list(distribution.categories or ("",))[:MIN_ROWS]))
        for distribution in distributions
    ]
    if are_dates[0] and are_counts[1]:
        return "dates became seconds or milliseconds since 1970: does pandas' to_json write them, without date_format='iso'?"
    if are_counts[0] and are_dates[1]:
        return "seconds or milliseconds since 1970 became dates: are times written in another form?"
    return None


@register_guess("swapped")
def guess_swapped_features(feature: ViolatedFeature) -> str | None:
    """Another violated feature looks like this feature did, and this feature looks like that one did."""
    counts = feature.categories
    # The feature itself is among them, and looks no more like itself than it does
    for other_name, (other_before, other_now) in feature.violated_features.items():
        crossed_numbers = _get_numbers(other_before, feature.current), _get_numbers(feature.baseline, other_now)
        straight_numbers = feature.numbers, _get_numbers(other_before, other_now)
        pairs = [[cdf for cdf in pair if cdf is not None] for pair in (crossed_numbers, straight_numbers)]
        if all(len(pair) == 2 for pair in pairs):
            crossed_gap, straight_gap = (sum(_measure_gap(cdf[0].values, cdf) for cdf in pair) for pair in pairs)
            if crossed_gap < MAX_UNEXPLAINED_SWAP * straight_gap and all(
                _looks_like(cdf[0].values, cdf) for cdf in pairs[0]
            ):
                return f"it looks like {other_name!r} did, and that like this: have they changed places?"
        elif counts is not None and other_before.categories and other_now.categories:
            straight_distance = _measure_total_variation(*counts)
            crossed_distances = (
                _measure_total_variation(other_before.categories, counts[1]),
                _measure_total_variation(counts[0], other_now.categories),
            )
            if straight_distance > 0.5 and max(crossed_distances) < MAX_UNEXPLAINED_SHARE * straight_distance:
                return f"it looks like {other_name!r} did, and that like this: have they changed places?"
    return None


@register_guess("rounded", takes="numbers")
def guess_rounding(feature: ViolatedFeature, cdfs: Sides) -> str | None:
    """Numbers are rounded, to whole numbers or to some digits, and were not before."""
    for step in STEPS:
        scaled = [cdf.values / step for cdf in cdfs]
        shares_of_whole = [
            float((np.abs(numbers - np.rint(numbers)) < 1e-6 * np.maximum(1, np.abs(numbers))).mean())
            for numbers in scaled
        ]
        if shares_of_whole[1] == 1.0 and shares_of_whole[0] < 0.5 and len(cdfs[1].values) > 2:
            roundings = np.rint, np.floor, np.ceil, np.trunc
            if any(_looks_like(rounding(scaled[0]) * step, cdfs) for rounding in roundings):
                return f"all of them are whole {'number' if step == 1 else f'{step:,.7g}'}s: rounded?"
    return None


@register_guess("clock")
def guess_shifted_clock(feature: ViolatedFeature) -> str | None:
    """Times, or hours of the day, are shifted by some whole hours against the baseline."""
    direction = "older"
    opposite = "younger"
    hours = None
    if feature.ages is not None:
        hours = _find_hours_older(*feature.ages)
    numbers = feature.numbers
    if hours is None and numbers is not None:
        # Whole numbers up to 23 are hours of the day, others may be times
        are_hours = [np.isin(cdf.values, HOURS_OF_DAY).all() for cdf in numbers]
        if len(numbers[0].values) > FEW_HOURS and all(are_hours):
            return _describe_shifted_hours_of_day(*numbers)
        direction = "later"
        opposite = "earlier"
        hours = _find_hours_later(numbers)
    if hours is None:
        return None
    if hours < 0:
        direction = opposite
    return f"all of them are about {format_noun_count(abs(hours), 'hour')} {direction}: another time zone?"


def _describe_shifted_hours_of_day(baseline: StepCdf, current: StepCdf) -> str | None:
    """The sentence on the best of all circular shifts, if it leaves a third of the difference at most."""
    shares_before, shares_now = (np.diff(cdf.shares_at(HOURS_OF_DAY), prepend=0.0) for cdf in (baseline, current))
    differences = [abs(np.roll(shares_before, shift) - shares_now).sum() for shift in range(24)]
    best_shift = int(np.argmin(differences))
    direction = f"{best_shift} later"
    if best_shift > 12:
        direction = f"{24 - best_shift} earlier"
    if differences[best_shift] < differences[0] / 3:
        return f"the hours of the day are those of the baseline, {direction}: a shifted clock?"
    return None


def _find_hours_later(numbers: Sides) -> int | None:
    """By how many whole hours the window's times are later than the baseline's, if that explains them."""
    baseline, current = numbers
    moves = [count * unit for unit in HOURS for count in range(-MAX_HOURS, MAX_HOURS + 1) if count]
    # The shift that both ends of the range have, or the shift that leaves the smallest gap
    end_moves = current.values[[0, -1]] - baseline.values[[0, -1]]
    units = [unit for unit in HOURS if np.ptp(end_moves) < END_TOLERANCE * unit]
    rounded_end_moves = [unit * round(float(end_moves.mean()) / unit) for unit in units]
    matching_end_moves = [
        move for move in rounded_end_moves if move in moves and np.abs(end_moves - move).max() < END_TOLERANCE * 3600
    ]
    if matching_end_moves and _looks_like(baseline.values + matching_end_moves[0], numbers):
        move = matching_end_moves[0]
    else:
        _, move = min((_measure_gap(baseline.values + move, numbers), move) for move in moves)
        if not _is_explained_by(baseline.values + move, numbers):
            return None
    # Half hours must not fit as well
    unit = next(unit for unit in reversed(HOURS) if abs(move) >= unit)
    half_hours = (-unit / 2, unit / 2)
    if not matching_end_moves and any(_looks_like(baseline.values + move + half, numbers) for half in half_hours):
        return None  # whole hours can't be told from others
    return round(move / unit)


def _find_hours_older(baseline: Ages, current: Ages) -> int | None:
    """By how many whole hours the window's times are older than the baseline's, if that explains their ages."""
    steps = [hours for hours in range(-MAX_HOURS, MAX_HOURS + 1) if hours]
    gap, hours = min((baseline.compute_gap(hours * HOUR, current), hours) for hours in steps)
    noise = _estimate_noise(baseline.total, current.total) + MIN_EFFECT / 2
    if gap <= min(noise, MAX_UNEXPLAINED_SHARE * baseline.compute_gap(0.0, current)):
        return hours
    return None


@register_guess("sign", takes="numbers")
def guess_sign_change(feature: ViolatedFeature, cdfs: Sides) -> str | None:
    """All numbers have the opposite sign, or those below zero lost it."""
    baseline, current = cdfs
    if _is_explained_by(-baseline.values, cdfs, MAX_UNEXPLAINED_SWAP):
        return "all of them have the other sign?"
    if baseline.values[0] < 0 <= current.values[0] and _is_explained_by(np.abs(baseline.values), cdfs):
        return "none is below zero any more, as if they lost their sign?"
    return None


@register_guess("factor", takes="numbers")
def guess_unit_factor(feature: ViolatedFeature, cdfs: Sides) -> str | None:
    """All numbers are multiplied by one factor, as in another unit."""
    unit = find_unit_factor(*cdfs)
    if unit is None:
        return None
    factors = [unit]
    if unit in THOUSANDS:
        # A broad distribution fits a factor of 1000 and one of 1024
        factors = [factor for factor in THOUSANDS if _is_explained_by(factor * cdfs[0].values, cdfs)]
    if unit > 1:
        multiple = " or ".join(format_number(factor, 4) for factor in factors) + " times"
    else:
        multiple = " or ".join(f"1/{format_number(1 / factor, 4)}" for factor in factors) + " of"
    return f"all of them are about {multiple} a usual one: another unit?"


@register_guess("converted", takes="numbers")
def guess_conversion(feature: ViolatedFeature, numbers: Sides) -> str | None:
    """Numbers are on another scale of temperature, or some of them are in another unit and the others as before."""
    baseline, current = numbers
    if len(baseline.values) < FEW_VALUES:
        return None
    points = np.concatenate((baseline.values, current.values))
    points += 1e-9 * np.abs(points)  # the rounding error of products
    shares_before = baseline.shares_at(points)
    change = current.shares_at(points) - shares_before
    largest = float(np.abs(change).max())

    def fit_part(conversion: Conversion) -> tuple[float, float]:
        """The gap that a conversion leaves, and the part of the window that is converted, fitted by least squares."""
        after = StepCdf(conversion.convert(baseline.values), baseline.cumulative)
        moved = after.shares_at(points) - shares_before
        squares = float(moved @ moved)
        converted_share = 0.0
        if squares:
            converted_share = float(moved @ change) / squares
        return float(np.abs(change - converted_share * moved).max()), converted_share

    # One value that became more frequent needs no conversion to be explained
    values = np.concatenate((baseline.values, current.values))
    gaps_of_values = current.counts_at(values) / current.total - baseline.counts_at(values) / baseline.total
    if float(np.abs(gaps_of_values).max()) >= MIN_SHARE_OF_ONE_VALUE * largest:
        return None

    fit = _find_conversion(baseline, CONVERSIONS, fit_part)
    noise = _estimate_noise(baseline.total, current.total)
    if fit is None or largest <= noise or fit.converted_share < MIN_OTHER_UNIT_SHARE:
        return None
    if fit.gap > min(noise, MAX_SHARE_UNEXPLAINED_BY_PART * largest):
        return None
    if _is_explained_by(fit.conversion.convert(baseline.values), numbers):
        return f"all of them are {fit.conversion.words}: another unit?"
    return fit.describe()


@register_guess("filled")
def guess_filler(feature: ViolatedFeature) -> str | None:
    """A filler value that programs write for missing values replaces those no longer missing; or a value that was never there."""
    texts = [text for text in feature.text_counts if FILLING_TEXT.fullmatch(text.strip())]
    categories = feature.baseline.categories or {}
    share = sum(feature.text_counts[text] for text in texts if text not in categories) / max(feature.current.rows, 1)
    if texts and share >= MIN_EFFECT:
        return f"{format_percent(share)} of the values are a text that is written for missing ones"
    numbers = feature.numbers
    if numbers is None or len(numbers[0].values) <= 2:
        return None
    share_filled = feature.current.completeness - feature.baseline.completeness
    for value in FILLERS:
        share_before, share_now = (_compute_value_share(number, value) for number in numbers)
        is_new = value not in (0.0, -1.0) or value < float(numbers[0].values[0])
        is_new &= _compute_value_share(numbers[0], -value) < share_now / 2  # else its sign may have changed
        if share_now - share_before < MIN_EFFECT or not (
            share_filled > 0.5 * (share_now - share_before) or (is_new and not share_before)
        ):
            continue
        if not feature.shows_values:
            return "a value that is written for missing ones?"
        shares = f"{format_percent(share_now)} of the values, {format_percent(share_before)} before"
        return f"{format_number(value)} is in {shares}: written for missing ones?"
    return None


@register_guess("converted_in_few_rows", takes="numbers")
def guess_conversion_of_few_rows(feature: ViolatedFeature, numbers: Sides) -> str | None:
    """The numbers outside the baseline's range are on another scale of temperature."""
    baseline, current = numbers
    low, high = baseline.values[[0, -1]].tolist()

    def choose_outside(cdf: StepCdf) -> StepCdf:
        return cdf.select((cdf.values < low) | (cdf.values > high))

    outside = choose_outside(current)
    if outside.total < MIN_OUTSIDE_NUMBERS or len(baseline.values) < FEW_VALUES:
        return None

    # The baseline has numbers outside of its range, too, once it is converted
    def fit_outside(conversion: Conversion) -> tuple[float, float]:
        """The gap between the window's outside numbers and the converted baseline's, and the part of the window converted."""
        converted = choose_outside(StepCdf(conversion.convert(baseline.values), baseline.cumulative))
        if converted.total < MIN_OUTSIDE_NUMBERS:
            return math.inf, 0.0
        converted_share = outside.total / current.total / (converted.total / baseline.total)
        return _measure_gap(converted.values, (converted, outside)), converted_share

    fit = _find_conversion(baseline, TEMPERATURES, fit_outside)
    if fit is None or fit.gap > _estimate_noise(baseline.total, outside.total):
        return None
    return fit.describe()


class FittedConversion(NamedTuple):
    """A conversion, the gap that it leaves, and the part of the numbers that is converted."""

    gap: float
    converted_share: float
    conversion: Conversion

    def describe(self) -> str:
        share = format_percent(round(self.converted_share, 2))
        return f"about {share} of them are {self.conversion.words}: another unit in some rows?"


def _find_conversion(
    baseline: StepCdf, conversions: Iterable[Conversion], fit: Callable[[Conversion], tuple[float, float]]
) -> FittedConversion | None:
    """The conversion that leaves the smallest gap; None if a plain factor or shift leaves a smaller one.

    Temperatures are converted only if the baseline's mean is a plausible temperature.
    """
    mean, _ = baseline.compute_mean_and_deviation()
    fits = [
        FittedConversion(*fit(conversion), conversion)
        for conversion in conversions
        if conversion.lowest_mean <= mean <= conversion.highest_mean
    ]
    if not fits:
        return None
    best_fit = min(fits, key=lambda fitted: (fitted.gap, fitted.converted_share, fitted.conversion.words))
    conversion = best_fit.conversion
    if conversion.offset and mean:
        # A factor, or a shift, that moves the mean about as far must not explain more
        shift = (conversion.factor - 1) * mean + conversion.offset
        alternatives = [(1 + shift / mean, 0.0), (1.0, 0.9 * shift), (1.0, 1.1 * shift)]
        if any(fit(Conversion("", *alternative))[0] < best_fit.gap for alternative in alternatives):
            return None
    return best_fit


@register_guess("clipped", takes="numbers")
def guess_clipping(feature: ViolatedFeature, cdfs: Sides) -> str | None:
    """No number exceeds a bound any more, and as many numbers as exceeded it lie at the bound."""
    baseline, current = cdfs
    if len(current.values) <= 2:
        return None
    low = float(current.values[0])
    high = float(current.values[-1])
    share_gains = [_compute_value_share(current, end) - _compute_value_share(baseline, end) for end in (low, high)]
    are_inside = [low > baseline.values[0], high < baseline.values[-1]]
    if not any(share >= MIN_EFFECT / 2 and is_in for share, is_in in zip(share_gains, are_inside, strict=True)):
        return None
    are_cut = [share >= MIN_EFFECT / 2 for share in share_gains]
    clipped_values = baseline.values
    if are_cut[0]:
        clipped_values = np.maximum(clipped_values, low)
    if are_cut[1]:
        clipped_values = np.minimum(clipped_values, high)
    if _looks_like(clipped_values, cdfs):
        return "numbers beyond an end lie at the end: clipped?"
    return None


@register_guess("held", takes="numbers")
def guess_held_value(feature: ViolatedFeature, cdfs: Sides) -> str | None:
    """One value among others has many more rows than before: a sensor that stopped, or yesterday's values."""
    baseline, current = cdfs
    num_values = len(current.values)
    if not baseline.total > num_values > 2:
        return None
    index = int(current.counts.argmax())
    value = float(current.values[index])
    share_before, share_now = (_compute_value_share(cdf, value) for cdf in cdfs)
    largest_before = float(baseline.counts.max() / baseline.total)  # the most frequent value's share
    if share_now < MIN_HELD_SHARE + HELD_RATIO * largest_before or index in (0, num_values - 1):
        return None
    value_in_words = "one value"
    if feature.shows_values:
        value_in_words = format_number(value, VALUE_DIGITS)
    shares = f"{format_percent(share_now)} of the values, {format_percent(share_before)} before"
    return f"{value_in_words} is in {shares}: held, or repeated?"


@register_guess("spelling", takes="categories")
def guess_spelling(feature: ViolatedFeature, counts: tuple[Counter[str], Counter[str]]) -> str | None:
    """Categories differ from the baseline's only in case, white space or Unicode form."""
    baseline, current = counts
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


@register_guess("truncated", takes="categories")
def guess_truncation(feature: ViolatedFeature, counts: tuple[Counter[str], Counter[str]]) -> str | None:
    """Texts are beginnings of the baseline's texts, cut at the same length."""
    baseline, current = counts
    max_length = max(map(len, current))
    if max_length >= max(map(len, baseline)) or not max_length:
        return None
    cut_counts: Counter[str] = Counter()
    for text, count in baseline.items():
        cut_counts[text[:max_length]] += count
    # If a column has many distinct values, most are new by chance, cut or not
    num_known = sum(count for text, count in current.items() if text in cut_counts)
    if num_known <= current.total() / 2:
        return None
    is_cut = _measure_total_variation(cut_counts, current) <= _estimate_noise(
        baseline.total(), current.total()
    ) * math.sqrt(len(cut_counts)) and _select_new_values(baseline, current)
    if is_cut:
        return f"texts end after {max_length} characters: cut off?"
    return None


@register_guess("renamed", takes="categories")
def guess_renamed_value(feature: ViolatedFeature, counts: tuple[Counter[str], Counter[str]]) -> str | None:
    """Each new value is as frequent as one value that disappeared; later dates are new by nature."""
    if feature.baseline.time_type:
        return None
    baseline, current = counts
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


def find_unit_factor(baseline: StepCdf, current: StepCdf) -> float | None:
    """The factor by which all numbers have changed, if it is one between units; None if no unit explains it.

    Around zero a wider spread looks like a small factor, and isn't one, unless the same values recur, times the factor.
    """
    cdfs = _drop_infinite(baseline, current)
    if cdfs is None:
        return None
    numbers_before = cdfs[0].values
    mean, deviation = cdfs[0].compute_mean_and_deviation()
    is_centred = abs(mean) < 0.5 * deviation
    # Around zero, only large factors count, and factors with which the same values recur
    units = [
        unit
        for unit in (*UNITS, *(1 / unit for unit in UNITS))
        if not is_centred or not 0.2 < unit < 5 or _has_known_values(numbers_before * unit, cdfs[1].values)
    ]
    _, unit = min((_measure_gap(numbers_before * unit, cdfs), unit) for unit in units)
    if _is_explained_by(numbers_before * unit, cdfs):
        return unit
    return None


def _get_numbers(baseline: FeatureDistribution, current: FeatureDistribution) -> Sides | None:
    if baseline.numbers is None or current.numbers is None:
        return None
    return _drop_infinite(baseline.numbers.cdf, current.numbers.cdf)


def _drop_infinite(baseline: StepCdf, current: StepCdf) -> Sides | None:
    """The finite numbers of both sides; None if a side has none, or has numbers too large to be multiplied."""
    cdfs = baseline.drop_infinite(), current.drop_infinite()
    if all(cdf.total and np.abs(cdf.values[[0, -1]]).max() < MAX_MAGNITUDE for cdf in cdfs):
        return cdfs
    return None


def _measure_gap(values: Values, cdfs: Sides) -> float:
    """The Kolmogorov-Smirnov distance between the window and the baseline with its values replaced by `values`."""
    baseline, current = cdfs
    order = np.argsort(values, kind="stable")
    counts = baseline.counts[order].cumsum()
    values = values[order]
    points = np.concatenate((current.values, values))
    points += 1e-9 * np.abs(points)  # the rounding error of products
    shares = np.concatenate(([0], counts))[np.searchsorted(values, points, side="right")] / baseline.total
    return float(np.abs(shares - current.shares_at(points)).max())


def _estimate_noise(n: float, m: float) -> float:
    return CHANCE_GAP * math.sqrt(1 / n + 1 / m)


def _looks_like(values: Values, cdfs: Sides) -> bool:
    """Whether the window looks like the baseline with these values, within chance."""
    return _measure_gap(values, cdfs) <= _estimate_noise(cdfs[0].total, cdfs[1].total) + MIN_EFFECT / 2


def _is_explained_by(values: Values, cdfs: Sides, max_unexplained_share: float = MAX_UNEXPLAINED_SHARE) -> bool:
    """Whether the window looks like the baseline with these values, and far more so than like the baseline itself."""
    return _looks_like(values, cdfs) and _measure_gap(values, cdfs) <= max_unexplained_share * _measure_gap(
        cdfs[0].values, cdfs
    )


def _has_known_values(values: Values, current: Values) -> bool:
    """Whether nearly all of the window's values are in `values`, which are sorted and differ by more than rounding."""
    indices = np.minimum(values.searchsorted(current * (1 - 1e-5 * np.sign(current))), len(values) - 1)
    return bool((np.abs(values[indices] - current) <= 2e-5 * np.abs(current)).mean() >= MIN_MATCHING_SHARE)


def _compute_value_share(cdf: StepCdf, value: float) -> float:
    return float(cdf.counts_at(np.array([value]))[0] / cdf.total)


def _measure_total_variation(baseline: Mapping[str, int], current: Mapping[str, int]) -> float:
    """The total variation distance: half the sum of the absolute differences between shares."""
    counts_before, counts_now = align_categories(baseline, current)
    gaps = counts_before / counts_before.sum() - counts_now / counts_now.sum()
    return float(np.abs(gaps).sum()) / 2


def _select_new_values(baseline: Mapping[str, int], current: Mapping[str, int]) -> Counter[str]:
    return Counter({text: count for text, count in current.items() if text not in baseline})
