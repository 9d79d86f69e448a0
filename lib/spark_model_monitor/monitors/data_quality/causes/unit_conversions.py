"""Conversions of units that explain how numbers changed: of all numbers, of a part of them, or of those outside the range. Pure.

Source: D4.14.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from spark_model_monitor.monitors.data_quality.causes.numeric_change import ROUNDING, NumericChange
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.drift.distributions import StepCdf
from spark_model_monitor.value_class import value_class

UNITS = (10.0, 100.0, 1e3, 1024.0, 1e4, 1e5, 1e6, 1e9, 60.0, 3600.0, 1.609344, 2.20462, 2.54, 4.184)
"""Factors between units that people confuse."""


@value_class
class Conversion:
    """A change of scale.

    words: how a sentence describes the converted numbers.
    lowest_mean, highest_mean: the means of the baselines that it applies to; elsewhere a factor or a shift may look like it.
    """

    words: str
    factor: float
    offset: float = 0.0
    lowest_mean: float = -math.inf
    highest_mean: float = math.inf

    def convert(self, values: Doubles) -> Doubles:
        return self.factor * values + self.offset


TEMPERATURES = (
    Conversion("as if turned from °C to °F", 1.8, 32.0, -60.0, 60.0),
    Conversion("as if turned from °F to °C", 1 / 1.8, -32 / 1.8, -76.0, 140.0),
    Conversion("as if turned from °C to K", 1.0, 273.15, -60.0, 60.0),
    Conversion("as if turned from K to °C", 1.0, -273.15, 213.15, 333.15),
)

OTHER_UNIT_FACTORS = (10.0, 100.0, 1e3, 1e6, 60.0, 3600.0)
"""Factors that are recognised even if only some of the values have another unit."""

CONVERSIONS = (
    *TEMPERATURES,
    *(Conversion(f"about {factor:,.0f} times a usual one", factor) for factor in OTHER_UNIT_FACTORS),
    *(Conversion(f"about 1/{factor:,.0f} of a usual one", 1 / factor) for factor in OTHER_UNIT_FACTORS),
)

MIN_OTHER_UNIT_SHARE = 0.05  # smallest share of values in another unit
MIN_OUTSIDE_NUMBERS = 30  # numbers outside the baseline's range that show their unit
FEW_VALUES = 6  # fewer distinct numbers fit any conversion
MIN_SHARE_OF_ONE_VALUE = 0.9  # of the largest gap: one value's change that is larger explains it without a conversion
MAX_SHARE_UNEXPLAINED_BY_PART = 0.25  # of the largest gap; smaller than for all values, since the part's size is fitted
MIN_MATCHING_SHARE = 0.75  # smallest share of the window's values that are a baseline's value times the factor


def find_unit_factor(change: NumericChange) -> float | None:
    """The factor by which all numbers have changed, if it is one between units; None if no unit explains it.

    Around zero a wider spread looks like a small factor, and isn't one, unless the same values recur, times the factor.
    """
    before = change.baseline.values
    mean, deviation = change.baseline.compute_mean_and_deviation()
    is_centred = abs(mean) < 0.5 * deviation
    # Around zero, only large factors count, and factors with which the same values recur
    units = [
        unit
        for unit in (*UNITS, *(1 / unit for unit in UNITS))
        if not is_centred or not 0.2 < unit < 5 or _has_known_values(before * unit, change.current.values)
    ]
    _, unit = min((change.measure_gap(before * unit), unit) for unit in units)
    if change.is_explained_by(before * unit):
        return unit
    return None


def _has_known_values(values: Doubles, current: Doubles) -> bool:
    """Whether nearly all of the window's values are in `values`, which are sorted and differ by more than rounding."""
    indices = np.minimum(values.searchsorted(current * (1 - 1e-5 * np.sign(current))), len(values) - 1)
    return bool((np.abs(values[indices] - current) <= 2e-5 * np.abs(current)).mean() >= MIN_MATCHING_SHARE)


class FittedConversion(NamedTuple):
    """A conversion, the gap that it leaves, and the part of the window's numbers that is converted."""

    conversion: Conversion
    gap: float
    converted_share: float


def find_conversion(change: NumericChange) -> FittedConversion | None:
    """The conversion of all numbers, or of a part of them while the others are as before, that explains the change."""
    baseline = change.baseline
    current = change.current
    if len(baseline.values) < FEW_VALUES:
        return None
    values = np.concatenate((baseline.values, current.values))
    points = values + ROUNDING * np.abs(values)
    shares_before = baseline.shares_at(points)
    share_changes = current.shares_at(points) - shares_before
    largest = float(np.abs(share_changes).max())
    # One value that became more frequent needs no conversion to be explained
    gaps_of_values = current.counts_at(values) / current.total - baseline.counts_at(values) / baseline.total
    if float(np.abs(gaps_of_values).max()) >= MIN_SHARE_OF_ONE_VALUE * largest:
        return None

    def fit_part(conversion: Conversion) -> FittedConversion:
        """The part of the window that is converted is fitted by least squares."""
        after = StepCdf(conversion.convert(baseline.values), baseline.cumulative)
        moved = after.shares_at(points) - shares_before
        squares = float(moved @ moved)
        converted_share = 0.0
        if squares:
            converted_share = float(moved @ share_changes) / squares
        return FittedConversion(
            conversion, float(np.abs(share_changes - converted_share * moved).max()), converted_share
        )

    # The change and the part have to be more than noise, and the conversion has to leave little of the change
    fitted = _choose_conversion(baseline, CONVERSIONS, fit_part)
    if fitted is None or largest <= change.noise or fitted.converted_share < MIN_OTHER_UNIT_SHARE:
        return None
    if fitted.gap > min(change.noise, MAX_SHARE_UNEXPLAINED_BY_PART * largest):
        return None
    return fitted


def find_conversion_outside_range(change: NumericChange) -> FittedConversion | None:
    """The conversion of temperatures that explains the window's numbers outside the baseline's range."""
    baseline = change.baseline
    low, high = baseline.values[[0, -1]].tolist()

    def select_outside(cdf: StepCdf) -> StepCdf:
        return cdf.select((cdf.values < low) | (cdf.values > high))

    # A few numbers outside, or a few values, fit any conversion
    outside = select_outside(change.current)
    if outside.total < MIN_OUTSIDE_NUMBERS or len(baseline.values) < FEW_VALUES:
        return None

    def fit_outside(conversion: Conversion) -> FittedConversion:
        """The baseline has numbers outside of its range, too, once it is converted."""
        converted = select_outside(StepCdf(conversion.convert(baseline.values), baseline.cumulative))
        if converted.total < MIN_OUTSIDE_NUMBERS:
            return FittedConversion(conversion, math.inf, 0.0)
        converted_share = outside.total / change.current.total / (converted.total / baseline.total)
        return FittedConversion(conversion, NumericChange(converted, outside).gap, converted_share)

    fitted = _choose_conversion(baseline, TEMPERATURES, fit_outside)
    if fitted is None or fitted.gap > NumericChange(baseline, outside).noise:
        return None
    return fitted


def _choose_conversion(
    baseline: StepCdf, conversions: Sequence[Conversion], fit: Callable[[Conversion], FittedConversion]
) -> FittedConversion | None:
    """The conversion that leaves the smallest gap; None if a plain factor or shift leaves a smaller one.

    Temperatures are converted only if the baseline's mean is a plausible temperature.
    """
    mean, _ = baseline.compute_mean_and_deviation()
    fits = [fit(conversion) for conversion in conversions if conversion.lowest_mean <= mean <= conversion.highest_mean]
    if not fits:
        return None
    best = min(fits, key=lambda fitted: (fitted.gap, fitted.converted_share, fitted.conversion.words))
    conversion = best.conversion
    if conversion.offset and mean:
        # A factor, or a shift, that moves the mean about as far must not explain more
        shift = (conversion.factor - 1) * mean + conversion.offset
        alternatives = (
            Conversion("", 1 + shift / mean),
            Conversion("", 1.0, 0.9 * shift),
            Conversion("", 1.0, 1.1 * shift),
        )
        if any(fit(alternative).gap < best.gap for alternative in alternatives):
            return None
    return best
