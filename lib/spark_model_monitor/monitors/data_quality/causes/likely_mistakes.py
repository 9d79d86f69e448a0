"""Guesses at the cause of a violated feature, as a person would make first: another unit, a shifted clock, a filled gap. Pure.

A guess is a registered rule: it changes the baseline as such a mistake would, and holds if the window looks like the result.
Guesses are tried in order, the most specific first, and only for violated features.

Source: D4.14.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np

from spark_model_monitor.documents.page import number_text, percent
from spark_model_monitor.monitors.data_quality.checks.guard.time_unit import read_ages
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import FeatureDistribution
from spark_model_monitor.registry import Registry
from spark_model_monitor.statistics.drift.distributions import StepCdf, Values
from spark_model_monitor.statistics.states import FeatureProfile
from spark_model_monitor.statistics.states.ages import HOUR, Ages
from spark_model_monitor.statistics.verdicts.components import LEAST_EFFECT

UNITS = (10.0, 100.0, 1e3, 1024.0, 1e4, 1e5, 1e6, 1e9, 60.0, 3600.0, 1.609344, 2.20462, 2.54, 4.184)
"""Factors between units that people confuse."""

THOUSANDS = (1e3, 1024.0, 1 / 1e3, 1 / 1024.0)

PART_UNITS = (10.0, 100.0, 1e3, 1e6, 60.0, 3600.0)  # factors that tell even a part of the values from the others
CONVERSIONS = {
    "as if turned from °C to °F": (1.8, 32.0),
    "as if turned from °F to °C": (1 / 1.8, -32 / 1.8),
    "as if turned from °C to K": (1.0, 273.15),
    "as if turned from K to °C": (1.0, -273.15),
}
"""Factors and offsets, by what the numbers then are."""

TEMPERATURES = {
    "as if turned from °C to °F": (-60.0, 60.0),
    "as if turned from °F to °C": (-76.0, 140.0),
    "as if turned from °C to K": (-60.0, 60.0),
    "as if turned from K to °C": (213.15, 333.15),
}
"""Between which the mean of temperatures lies; otherwise a factor or a shift may look like a conversion."""

for _unit in PART_UNITS:
    CONVERSIONS[f"about {_unit:,.0f} times a usual one"] = (_unit, 0.0)
    CONVERSIONS[f"about 1/{_unit:,.0f} of a usual one"] = (1 / _unit, 0.0)

LEAST_PART = 0.05  # of the values, in another unit
FEWEST_OUTSIDE = 30  # numbers outside the baseline's range that show their unit
IN_SOME_ROWS = "about {share} of them are {name}: another unit in some rows?"

FILLERS = (0.0, -1.0, -99.0, -999.0, 999.0, 9999.0, -9999.0)  # values that programs write for missing numbers
FILLING_TEXT = re.compile(r"(?i)null|none|nan|n/a|na|#n/a|nil|-|\?|unknown|")
COMMA = re.compile(r"[-+]?\d+,\d+")
HOURS = (3600.0, 3.6e6, 3.6e9)  # in seconds, milli- and microseconds
NEAR = 0.2  # of an hour: tolerance for the ends of two samples besides their shift
MOST_HOURS = 14  # of a time zone relative to another
FEW_HOURS = 6  # with fewer different ones, numbers up to 23 are not hours of the day

CHANCE = 1.63  # the largest gap of 99 % of the samples of one distribution, in units of sqrt(1/n + 1/m)
EXPLAINED = 0.4  # the largest gap that a guess may leave, as a share of the one that it explains
EXPLAINED_BY_PART = 0.25  # likewise for a part of the values, since its size is fitted, too
SWAPPED = 0.6  # the same for the other sign, and for two features together, each compared with the other's baseline
KNOWN = 0.75  # of the window's values that are the baseline's, times a factor
# the share of one value that is held, beyond this multiple of the largest one before
HELD = 0.1
HELD_TIMES = 2
STEPS = tuple(float(f"1e{power}") for power in range(6, -5, -1))  # that numbers are rounded to, the coarsest first
FEWEST = 20  # rows of a side
DIGITS = 10  # of a value that is named, which a reader may look for
OF_ONE_VALUE = 0.9  # of the largest gap: the change of one value that explains it without a conversion
LARGEST = 1e200  # of numbers, which some units would take beyond the largest double


Sides: TypeAlias = tuple[StepCdf, StepCdf]


@dataclass(frozen=True)
class Suspect:
    """A violated feature on both sides. others: the other violated ones, by name. texts: a column's present texts.
    ages: of times, relative to those of their rows.
    """

    name: str
    before: FeatureDistribution
    now: FeatureDistribution
    texts: Mapping[str, int]
    others: Mapping[str, tuple[FeatureDistribution, FeatureDistribution]]
    with_values: bool = True
    ages: tuple[Ages, Ages] | None = None

    @property
    def numbers(self) -> Sides | None:
        """The finite numbers of both sides, if each has some."""
        return _numbers(self.before, self.now)

    @property
    def categories(self) -> tuple[Counter[str], Counter[str]] | None:
        sides = self.before.categories, self.now.categories
        if sides[0] and sides[1]:
            return (Counter(sides[0]), Counter(sides[1]))
        return None

    @property
    def filled(self) -> float:
        """The share of the rows that lacked a value and no longer do."""
        was, found = (1 - side.present / side.rows if side.rows else 0.0 for side in (self.before, self.now))
        return was - found


GUESSES: Registry[Callable[..., str | None]] = Registry("guess")
"""In the order in which they are tried; a sentence, or None. of: optional members of a suspect that a rule takes."""


def guess_mistake(suspect: Suspect) -> tuple[str, str] | None:
    """The first rule that holds, and its sentence."""
    if min(suspect.before.rows, suspect.now.rows) < FEWEST:
        return None
    for rule in GUESSES.values():
        members = [getattr(suspect, name) for name in rule.facts.get("of", ())]
        if None not in members and (told := rule(suspect, *members)):
            return rule.name, told
    return None


def list_suspects(
    names: Mapping[str, FeatureProfile],
    known: Mapping[str, FeatureProfile],
    before: Mapping[str, FeatureDistribution],
    now: Mapping[str, FeatureDistribution],
) -> Iterator[Suspect]:
    """Suspects for violated features, by name with their states. known: states of the baseline, if available."""
    both = {name: (before[name], now[name]) for name in names if name in before and name in now}
    for name, (was, found) in both.items():
        frequencies = names[name].frequencies
        others = {other: pair for other, pair in both.items() if other != name}
        ages = None
        if name in known:
            ages = read_ages(known[name], names[name])
        yield Suspect(name, was, found, frequencies.counts if frequencies is not None else {}, others, ages=ages)


@GUESSES.register("frozen")
def frozen(suspect: Suspect) -> str | None:
    """All values are the same, where there were several values."""
    numbers = suspect.numbers
    counts = suspect.categories
    if numbers is not None and len(numbers[1].values) == 1 < len(numbers[0].values):
        if suspect.with_values:
            value = number_text(float(numbers[1].values[0]))
        else:
            value = "the same"
        return f"all values are {value}: is it frozen?"
    if counts and len(counts[1]) == 1 < len(counts[0]):
        return "all values are the same: is it frozen?"
    return None


@GUESSES.register("decimal_comma")
def decimal_comma(suspect: Suspect) -> str | None:
    """Values are texts with a decimal comma, where there were numbers."""
    if not suspect.before.is_numeric or not suspect.texts:
        return None
    commas = sum(count for text, count in suspect.texts.items() if COMMA.fullmatch(text.strip()))
    if commas > 0.5 * sum(suspect.texts.values()):
        return "numbers are written with a decimal comma?"
    return None


@GUESSES.register("swapped")
def swapped(suspect: Suspect) -> str | None:
    """Another violated feature looks like this feature did, and this feature looks like that one did."""
    for other, (was, found) in suspect.others.items():
        crossed = _numbers(was, suspect.now), _numbers(suspect.before, found)
        own = suspect.numbers, _numbers(was, found)
        pairs = [[side for side in pair if side is not None] for pair in (crossed, own)]
        if all(len(pair) == 2 for pair in pairs):
            across, apart = (sum(_gap(side[0].values, side) for side in pair) for pair in pairs)
            if across < SWAPPED * apart and all(_looks(side[0].values, side) for side in pairs[0]):
                return f"it looks like {other!r} did, and that like this: have they changed places?"
        elif was.categories and suspect.now.categories and suspect.before.categories and found.categories:
            own_gap = _total_variation(suspect.before.categories, suspect.now.categories)
            gaps = (
                _total_variation(was.categories, suspect.now.categories),
                _total_variation(suspect.before.categories, found.categories),
            )
            if own_gap > 0.5 and max(gaps) < EXPLAINED * own_gap:
                return f"it looks like {other!r} did, and that like this: have they changed places?"
    return None


@GUESSES.register("rounded", of=("numbers",))
def rounded(suspect: Suspect, sides: Sides) -> str | None:
    """Numbers are rounded, to whole numbers or to some digits, and were not before."""
    for step in STEPS:
        scaled = [side.values / step for side in sides]
        whole = [float((np.abs(each - np.rint(each)) < 1e-6 * np.maximum(1, np.abs(each))).mean()) for each in scaled]
        if whole[1] == 1.0 and whole[0] < 0.5 and len(sides[1].values) > 2:
            ways = np.rint, np.floor, np.ceil, np.trunc
            if any(_looks(way(scaled[0]) * step, sides) for way in ways):
                return f"all of them are whole {'number' if step == 1 else f'{step:,.7g}'}s: rounded?"
    return None


@GUESSES.register("filled")
def filled(suspect: Suspect) -> str | None:
    """A filler value that programs write for missing values replaces those no longer missing; or a value that was never there."""
    texts = [text for text in suspect.texts if FILLING_TEXT.fullmatch(text.strip())]
    known = suspect.before.categories or {}
    share = sum(suspect.texts[text] for text in texts if text not in known) / max(suspect.now.rows, 1)
    if texts and share >= LEAST_EFFECT:
        return f"{percent(share)} of the values are a text that is written for missing ones"
    numbers = suspect.numbers
    if numbers is None or len(numbers[0].values) <= 2:
        return None
    for value in FILLERS:
        was, found = (_value_share(number, value) for number in numbers)
        is_new = value not in (0.0, -1.0) or value < float(numbers[0].values[0])
        is_new &= _value_share(numbers[0], -value) < found / 2  # no other sign
        if found - was < LEAST_EFFECT or not (suspect.filled > 0.5 * (found - was) or (is_new and not was)):
            continue
        if not suspect.with_values:
            return "a value that is written for missing ones?"
        return f"{number_text(value)} is in {percent(found)} of the values, {percent(was)} before: written for missing ones?"
    return None


@GUESSES.register("clock")
def clock(suspect: Suspect) -> str | None:
    """Times, or hours of the day, are shifted by some whole hours against the baseline."""
    if suspect.ages is not None and (older := _hours_older(*suspect.ages)):
        return f"all of them are about {_hours(abs(older))} {'older' if older > 0 else 'younger'}: another time zone?"
    numbers = suspect.numbers
    if numbers is None:
        return None
    before, now = numbers
    hours: Values = np.arange(24, dtype=np.float64)
    if len(before.values) > FEW_HOURS and all(np.isin(number.values, hours).all() for number in numbers):
        was, found = (np.diff(number.shares_at(hours), prepend=0.0) for number in numbers)
        apart = [abs(np.roll(was, shift) - found).sum() for shift in range(24)]
        best = int(np.argmin(apart))
        if best <= 12:
            told = f"{best} later"
        else:
            told = f"{24 - best} earlier"
        fits = apart[best] < apart[0] / 3
        if fits:
            return f"the hours of the day are those of the baseline, {told}: a shifted clock?"
        return None
    moves = [count * unit for unit in HOURS for count in range(-MOST_HOURS, MOST_HOURS + 1) if count]
    _, move = min((_gap(before.values + move, numbers), move) for move in moves)
    at_ends = np.array([now.values[place] - before.values[place] for place in (0, -1)])
    by_ends = [unit * round(float(at_ends.mean()) / unit) for unit in HOURS if np.ptp(at_ends) < NEAR * unit]
    ends_moved = [by_end for by_end in by_ends if by_end in moves and np.abs(at_ends - by_end).max() < NEAR * 3600]
    if ends_moved and _looks(before.values + ends_moved[0], numbers):
        move = ends_moved[0]
    elif not _explains(before.values + move, numbers):
        return None
    unit = next(unit for unit in reversed(HOURS) if abs(move) >= unit)
    if not ends_moved and any(_looks(before.values + move + half, numbers) for half in (-unit / 2, unit / 2)):
        return None  # whole hours can't be told from others
    count = round(move / unit)
    return f"all of them are about {_hours(abs(count))} {'later' if count > 0 else 'earlier'}: another time zone?"


def _hours(count: int) -> str:
    return f"{count} hour{'s' * (count > 1)}"


def _hours_older(before: Ages, now: Ages) -> int | None:
    """By how many whole hours the window's times are older than the baseline's, if that explains their ages."""
    steps = [hours for hours in range(-MOST_HOURS, MOST_HOURS + 1) if hours]
    gap, hours = min((before.gap_after(hours * HOUR, now), hours) for hours in steps)
    noise = _noise(before.total, now.total) + LEAST_EFFECT / 2
    if gap <= min(noise, EXPLAINED * before.gap_after(0.0, now)):
        return hours
    return None


@GUESSES.register("sign", of=("numbers",))
def sign(suspect: Suspect, sides: Sides) -> str | None:
    """All numbers have the opposite sign, or those below zero lost it."""
    before, now = sides
    if _explains(-before.values, sides, SWAPPED):
        return "all of them have the other sign?"
    if before.values[0] < 0 <= now.values[0] and _explains(np.abs(before.values), sides):
        return "none is below zero any more, as if they lost their sign?"
    return None


@GUESSES.register("factor", of=("numbers",))
def factor(suspect: Suspect, sides: Sides) -> str | None:
    """All numbers are multiplied by one factor, as in another unit."""
    unit = find_unit_factor(*sides)
    if unit is None:
        return None
    factors = [unit]
    if unit in THOUSANDS:
        # A broad distribution can't tell them apart
        factors = [factor for factor in THOUSANDS if _explains(factor * sides[0].values, sides)]
    if unit > 1:
        multiple = " or ".join(number_text(factor, 4) for factor in factors) + " times"
    else:
        multiple = " or ".join(f"1/{number_text(1 / factor, 4)}" for factor in factors) + " of"
    return f"all of them are about {multiple} a usual one: another unit?"


@GUESSES.register("converted", of=("numbers",))
def converted(suspect: Suspect, numbers: Sides) -> str | None:
    """Numbers are on another scale of temperature, or some of them are in another unit and the others as before."""
    before, now = numbers
    if len(before.values) < FEW_HOURS:  # a few numbers fit any conversion
        return None
    points = np.concatenate((before.values, now.values))
    points += 1e-9 * np.abs(points)  # the rounding error of products
    shares_before = before.shares_at(points)
    change = now.shares_at(points) - shares_before
    largest = float(np.abs(change).max())

    def fit_part(factor: float, offset: float) -> tuple[float, float]:
        """The gap that such a conversion leaves, and the part of the window that it explains best."""
        after = StepCdf(factor * before.values + offset, before.cumulative)
        moved = after.shares_at(points) - shares_before
        squares = float(moved @ moved)
        if squares:
            part = float(moved @ change) / squares
        else:
            part = 0.0
        return float(np.abs(change - part * moved).max()), part

    # One value that became more frequent needs no conversion to be explained
    values = np.concatenate((before.values, now.values))
    gaps_of_values = now.counts_at(values) / now.total - before.counts_at(values) / before.total
    if float(np.abs(gaps_of_values).max()) >= OF_ONE_VALUE * largest:
        return None

    conversion = _find_conversion(before, CONVERSIONS, fit_part)
    noise = _noise(before.total, now.total)
    if conversion is None or largest <= noise or conversion.part < LEAST_PART:
        return None
    if conversion.gap > min(noise, EXPLAINED_BY_PART * largest):
        return None
    factor, offset = CONVERSIONS[conversion.name]
    if _explains(factor * before.values + offset, numbers):
        return f"all of them are {conversion.name}: another unit?"
    return IN_SOME_ROWS.format(share=percent(round(conversion.part, 2)), name=conversion.name)


@GUESSES.register("converted_in_few_rows", of=("numbers",))
def converted_in_few_rows(suspect: Suspect, numbers: Sides) -> str | None:
    """The numbers outside the baseline's range are on another scale of temperature."""
    before, now = numbers
    low, high = before.values[[0, -1]].tolist()

    def choose_outside(values: Values, cdf: StepCdf) -> StepCdf:
        is_outside = (values < low) | (values > high)
        return StepCdf(values[is_outside], np.diff(cdf.cumulative, prepend=0)[is_outside].cumsum())

    outside = choose_outside(now.values, now)
    if outside.total < FEWEST_OUTSIDE or len(before.values) < FEW_HOURS:
        return None

    # Both sides have numbers outside, the baseline as soon as it is converted
    def fit_outside(factor: float, offset: float) -> tuple[float, float]:
        """The gap to the numbers that such a conversion takes outside, and the part of the window that it is of then."""
        converted = choose_outside(factor * before.values + offset, before)
        if converted.total < FEWEST_OUTSIDE:
            return math.inf, 0.0
        part = outside.total / now.total / (converted.total / before.total)
        return _gap(converted.values, (converted, outside)), part

    conversion = _find_conversion(before, TEMPERATURES, fit_outside)
    if conversion is None or conversion.gap > _noise(before.total, outside.total):
        return None
    return IN_SOME_ROWS.format(share=percent(round(conversion.part, 2)), name=conversion.name)


class Conversion(NamedTuple):
    """A conversion by its name; the gap that it leaves, and the part of the numbers that are converted."""

    gap: float
    part: float
    name: str


def _find_conversion(
    before: StepCdf, names: Iterable[str], fit: Callable[[float, float], tuple[float, float]]
) -> Conversion | None:
    """The conversion that explains most; of temperatures only where the baseline has such, and if no factor explains more."""
    mean = float(np.average(before.values, weights=np.diff(before.cumulative, prepend=0)))
    fits = []
    for name in names:
        lowest, highest = TEMPERATURES.get(name, (-math.inf, math.inf))
        if lowest <= mean <= highest:
            fits.append(Conversion(*fit(*CONVERSIONS[name]), name))
    if not fits:
        return None
    closest = min(fits)
    factor, offset = CONVERSIONS[closest.name]
    if offset and mean:
        # A factor, or a shift, that moves the mean about as far must not explain more
        shift = (factor - 1) * mean + offset
        alternatives = [(1 + shift / mean, 0.0), (1.0, 0.9 * shift), (1.0, 1.1 * shift)]
        if any(fit(*alternative)[0] < closest.gap for alternative in alternatives):
            return None
    return closest


@GUESSES.register("clipped", of=("numbers",))
def clipped(suspect: Suspect, sides: Sides) -> str | None:
    """No number exceeds a bound any more, and as many numbers as exceeded it lie at the bound."""
    before, now = sides
    if len(now.values) <= 2:
        return None
    low = float(now.values[0])
    high = float(now.values[-1])
    at_ends = [_value_share(now, end) - _value_share(before, end) for end in (low, high)]
    inside = [low > before.values[0], high < before.values[-1]]
    if not any(share >= LEAST_EFFECT / 2 and is_in for share, is_in in zip(at_ends, inside, strict=True)):
        return None
    cuts = [share >= LEAST_EFFECT / 2 for share in at_ends]
    found = np.clip(before.values, low if cuts[0] else -np.inf, high if cuts[1] else np.inf)
    if _looks(found, sides):
        return "numbers beyond an end lie at the end: clipped?"
    return None


@GUESSES.register("held", of=("numbers",))
def describe_held_value(suspect: Suspect, sides: Sides) -> str | None:
    """One value among others has many more rows than before: a sensor that stopped, or yesterday's values."""
    if not sides[0].total > len(sides[1].values) > 2:
        return None
    place = int(np.diff(sides[1].cumulative, prepend=0).argmax())
    value = float(sides[1].values[place])
    was, found = (_value_share(side, value) for side in sides)
    usual = float(np.diff(sides[0].cumulative, prepend=0).max() / sides[0].total)  # of the value with the most
    if found < HELD + HELD_TIMES * usual or place in (0, len(sides[1].values) - 1):
        return None
    what = number_text(value, DIGITS) if suspect.with_values else "one value"
    return f"{what} is in {percent(found)} of the values, {percent(was)} before: held, or repeated?"


@GUESSES.register("spelling", of=("categories",))
def spelling(suspect: Suspect, sides: tuple[Counter[str], Counter[str]]) -> str | None:
    """Categories differ from the baseline's only in case, white space or Unicode form."""
    before, now = sides
    new = _new(before, now)
    plain = {_plain(text) for text in before}
    known = sum(count for text, count in new.items() if _plain(text) in plain)
    if not new or known <= 0.9 * new.total():
        return None
    if suspect.with_values:
        name = new.most_common(1)[0][0]
        written = [text for text in before if _plain(text) == _plain(name)]
        if written:
            return f"{name!r} differs from {written[0]!r} in case, spaces or form of letters alone"
    return "new values differ from known ones in case, spaces or form of letters alone"


@GUESSES.register("truncated", of=("categories",))
def truncated(suspect: Suspect, sides: tuple[Counter[str], Counter[str]]) -> str | None:
    """Texts are beginnings of the baseline's texts, cut at the same length."""
    before, now = sides
    longest = max(map(len, now))
    if longest >= max(map(len, before)) or not longest:
        return None
    cut: Counter[str] = Counter()
    for text, count in before.items():
        cut[text[:longest]] += count
    fits = _total_variation(cut, now) <= _noise(before.total(), now.total()) * math.sqrt(len(cut)) and _new(before, now)
    if fits:
        return f"texts end after {longest} characters: cut off?"
    return None


@GUESSES.register("renamed", of=("categories",))
def renamed(suspect: Suspect, sides: tuple[Counter[str], Counter[str]]) -> str | None:
    """Each new value is as frequent as one value that disappeared; later dates are new by nature."""
    if suspect.before.times:
        return None
    before, now = sides
    n = before.total()
    m = now.total()
    gone = Counter({text: count for text, count in before.items() if text not in now and count / n > 3 / m})
    new = _new(before, now)
    pairs = list(zip(gone.most_common(), new.most_common(), strict=False))
    if not pairs or len(gone) != len(new):
        return None
    for (_, was), (_, found) in pairs:
        share = (was + found) / (n + m)
        if abs(was / n - found / m) > 3 * math.sqrt(share * (1 - share) * (1 / n + 1 / m)):
            return None
    if len(pairs) > 1:
        return f"{len(pairs)} values that are gone were as frequent as new ones are: another name?"
    (name_gone, _), (name_new, _) = pairs[0]
    if suspect.with_values:
        return f"{name_gone!r}, which is gone, was as frequent as {name_new!r} is: another name?"
    return "a value that is gone was as frequent as a new one is: another name?"


def find_unit_factor(before: StepCdf, now: StepCdf) -> float | None:
    """The factor by which all numbers have changed, if it is one between units; None if no unit explains it.

    Around zero a wider spread looks like a small factor, and isn't one, unless the same values recur, times the factor.
    """
    sides = before.finite(), now.finite()
    if not all(side.total and np.abs(side.values[[0, -1]]).max() < LARGEST for side in sides):
        return None
    weights = np.diff(sides[0].cumulative, prepend=0)
    mean = float(np.average(sides[0].values, weights=weights))
    is_centred = abs(mean) < 0.5 * math.sqrt(float(np.average((sides[0].values - mean) ** 2, weights=weights)))
    units = [
        unit
        for unit in (*UNITS, *(1 / unit for unit in UNITS))
        if not is_centred or not 0.2 < unit < 5 or _has_known_values(sides[0].values * unit, sides[1].values)
    ]
    _, unit = min((_gap(sides[0].values * unit, sides), unit) for unit in units)
    if _explains(sides[0].values * unit, sides):
        return unit
    return None


def _numbers(before: FeatureDistribution, now: FeatureDistribution) -> Sides | None:
    if before.numbers is None or now.numbers is None:
        return None
    sides = before.numbers.step_cdf().finite(), now.numbers.step_cdf().finite()
    usable = min(side.total for side in sides) and max(np.abs(side.values[[0, -1]]).max() for side in sides) < LARGEST
    return sides if usable else None


def _gap(values: Values, sides: Sides) -> float:
    """The largest gap between the window and the baseline with its values replaced by `values`."""
    before, now = sides
    order = np.argsort(values, kind="stable")
    counts = np.diff(before.cumulative, prepend=0)[order].cumsum()
    values = values[order]
    points = np.concatenate((now.values, values))
    points += 1e-9 * np.abs(points)  # the rounding error of products
    shares = np.concatenate(([0], counts))[np.searchsorted(values, points, side="right")] / before.total
    return float(np.abs(shares - now.shares_at(points)).max())


def _noise(n: float, m: float) -> float:
    return CHANCE * math.sqrt(1 / n + 1 / m)


def _looks(values: Values, sides: Sides) -> bool:
    """Whether the window looks like the baseline with these values."""
    return _gap(values, sides) <= _noise(sides[0].total, sides[1].total) + LEAST_EFFECT / 2


def _explains(values: Values, sides: Sides, most: float = EXPLAINED) -> bool:
    """… and far more so than like the baseline itself."""
    return _looks(values, sides) and _gap(values, sides) <= most * _gap(sides[0].values, sides)


def _has_known_values(values: Values, now: Values) -> bool:
    """Whether nearly all of the window's values are in `values`, which are sorted and differ by more than rounding."""
    places = np.minimum(values.searchsorted(now * (1 - 1e-5 * np.sign(now))), len(values) - 1)
    return bool((np.abs(values[places] - now) <= 2e-5 * np.abs(now)).mean() >= KNOWN)


def _value_share(side: StepCdf, value: float) -> float:
    below = np.nextafter(value, -np.inf)
    return float(np.diff(side.shares_at(np.array([below, value])))[0])


def _total_variation(before: Mapping[str, int], now: Mapping[str, int]) -> float:
    """Half the sum of the differences between shares."""
    n = sum(before.values())
    m = sum(now.values())
    names = before.keys() | now.keys()
    return sum(abs(before.get(name, 0) / n - now.get(name, 0) / m) for name in names) / 2


def _new(before: Mapping[str, int], now: Mapping[str, int]) -> Counter[str]:
    return Counter({text: count for text, count in now.items() if text not in before})


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().replace("_", " ").split())
