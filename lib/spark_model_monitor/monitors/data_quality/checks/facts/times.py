"""time_unit_check, time_future_check and time_age_check: times as numbers keep their unit (seconds since 1970, or
thousandths, millionths, billionths of them), and their age relative to the times of their rows.
"""

from __future__ import annotations

import math

import numpy as np

from spark_model_monitor.monitors.data_quality.baseline_comparison import FeatureComparison
from spark_model_monitor.monitors.data_quality.checks.facts import (
    FactEvidence,
    compare_shares,
    count_beyond,
    has_numbers,
    register_fact,
)
from spark_model_monitor.monitors.data_quality.checks.facts.vector_checks import compare_mean_vectors
from spark_model_monitor.monitors.data_quality.distribution.always_new import unit_of_times
from spark_model_monitor.statistics.states import FeatureProfile, Moments
from spark_model_monitor.statistics.states.ages import HOUR, Ages
from spark_model_monitor.statistics.states.data_types import FIRST_SECOND, LAST_SECOND
from spark_model_monitor.statistics.states.vectors import VectorMoments

NEARLY_ALL = 0.99  # of the values of a column of times are times
TENTHS = {"median age": 0.5, "age of the newest tenth": 0.1, "age of the oldest tenth": 0.9}
PART = 0.25  # of an hour, and of an age: the smallest relevant change
LARGE_SHARE = 0.2  # of a window
WIDER = 4.0  # units are 1,000 apart: up to this factor beyond the usual years, a number is still a time


@register_fact("time_unit_check", needs=Moments, same_as=("baseline_drift_check", "range_check", "sign_check"))
def time_unit(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """No number is a time in another unit, or no time, if all of the baseline's numbers are times of this century in one unit.

    Source: D4.9.
    """
    unit = unit_of_times(before)
    moments = before.moments
    if unit is None or moments is None or not has_numbers(before, feature.current):
        return None
    first = FIRST_SECOND * unit / WIDER
    last = LAST_SECOND * unit * WIDER
    current = count_beyond(feature.current, below=first, above=last)
    return compare_shares("share of times in another unit", (0, moments.count), current)


def read_ages(before: FeatureProfile, current: FeatureProfile) -> tuple[Ages, Ages] | None:
    """The ages on both sides; None if few of the baseline's values are times, or rows have no times to compare with."""
    old = before.state(Ages)
    new = current.state(Ages)
    if old and new and old.total >= NEARLY_ALL * before.num_present and new.total:
        return (old, new)
    return None


@register_fact("time_future_check", needs=Ages, same_as=("time_age_check",))
def time_future(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """The share of times that are more than a minute later than their rows is not above the baseline's; if that is 0, such times
    are a new kind of value.

    Source: D4.9.
    """
    ages = read_ages(before, feature.current)
    if ages is None:
        return None
    old, new = ages
    counts_before = (old.in_future, old.total)
    counts_now = (new.in_future, new.total)
    return compare_shares("share of times in the future", counts_before, counts_now, feature.baseline_design_effect)


@register_fact("time_age_check", needs=Ages)
def time_age(feature: FeatureComparison, before: FeatureProfile) -> FactEvidence | None:
    """Times are as old as the baseline's, relative to their rows: the median, the newest tenth and the oldest tenth. No times are
    far from all of the baseline's ages, as after a shift by whole hours.

    Source: D4.9.
    """
    moments = (before.state(VectorMoments), feature.current.state(VectorMoments))
    ages = read_ages(before, feature.current)
    if ages is None or moments[0] is None or moments[1] is None:
        return None
    # A shift by whole hours puts all times far from any age of the baseline
    old, new = ages
    young, oldest = old.quantiles(np.array([0.0, 1.0]))
    num_far = new.beyond(young - HOUR / 2 - PART * abs(young), oldest + HOUR / 2 + PART * abs(oldest))
    if num_far >= LARGE_SHARE * new.total:
        far = compare_shares("share of times far from all ages", (0, old.total), (num_far, new.total))
        if far is not None:
            return far
    evidence = compare_mean_vectors("age", moments[0], moments[1])
    if evidence is None:
        return None
    # The first of the quantiles that changed by more than ages may; the test is that of the means
    shares = np.array([*TENTHS.values()])
    before_ages = old.quantiles(shares)
    now_ages = new.quantiles(shares)
    changes = np.abs(now_ages - before_ages)
    slack = PART * (HOUR + np.abs(before_ages))
    index = int((changes > slack).argmax())
    evidence.quantity = f"{[*TENTHS][index]} in hours"
    evidence.observed = now_ages[index] / HOUR
    evidence.expected = before_ages[index] / HOUR
    evidence.effect = float(changes[index]) / HOUR
    evidence.least_effect = math.nextafter(float(slack[index] / HOUR), math.inf)  # an age may move by that much
    return evidence
