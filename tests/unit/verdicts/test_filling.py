"""Missing values that became a value, as a test of two chances: by hand, and beside scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spark_model_monitor.statistics.verdicts.components import Samples, fewer_are_missing
from spark_model_monitor.statistics.verdicts.filling import FEWEST_WINDOWS, filled, risen
from spark_model_monitor.statistics.verdicts.variation import ALONE, FIELDS, PastWindows

ALL = np.ones(3, bool)
SAMPLES = Samples(10_000, 1_000)


def past_of(nulls, of=1_000, windows=32, **raw):
    """Windows without any spread but in what they lack."""
    usual = dict.fromkeys(FIELDS, 0.0) | {"effective": 900.0, "cells": 3.0, "unseen": math.nan, "of": of}
    return PastWindows({name: np.full(windows, value) for name, value in {**usual, "nulls": nulls, **raw}.items()})


NOW = {"rows": 1_000.0, "effective": 909.0, "cells": 3.0}


def zeros(before, after):
    return risen(np.array([before, 5_000.0, 5_000.0]), np.array([after, 500.0, 500.0]), ALL, SAMPLES)


@pytest.mark.parametrize(("before", "after"), [(500.0, 90.0), (0.0, 12.0), (40.0, 20.0)])
def test_the_rise_of_a_value_has_the_tail_of_the_hypergeometric_distribution(before, after):
    found = zeros(before, after)

    expected = stats.hypergeom.sf(after - 1, 11_000, int(before + after), 1_000)
    assert found.p == pytest.approx(expected, rel=0.3)  # a gain is rounded down to whole rows
    assert (found.place, found.known) == (0, before > 0)


def test_no_value_has_risen_where_all_fell():
    assert risen(np.array([500.0, 500.0]), np.array([50.0, 50.0]), np.ones(2, bool), SAMPLES) is None


@pytest.mark.parametrize(
    ("lacking", "are_fewer"),
    [
        (((300, 10_000), (0, 1_000)), True),
        (((300, 10_000), (14, 1_000)), True),  # less than a half
        (((300, 10_000), (20, 1_000)), False),  # by one point
        (((1_500, 10_000), (120, 1_000)), True),  # by three
        (((300, 10_000), (40, 1_000)), False),
        (((0, 10_000), (0, 1_000)), False),
        (((0, 0), (0, 0)), False),
    ],
)
def test_which_fewer_missing_values_are_worth_a_word(lacking, are_fewer):
    assert fewer_are_missing(lacking) == are_fewer


def test_two_chances_of_independent_rows_are_one_by_fishers_method():
    value, lacking = zeros(500.0, 90.0), ((300, 10_000), (0, 1_000))

    both = stats.hypergeom.cdf(0, 11_000, 300, 1_000) * value.p * value.tests
    assert filled(value, lacking, SAMPLES).p == pytest.approx(2 * stats.chi2.sf(-2 * math.log(both), 4), rel=1e-6)


def test_missing_values_that_never_varied_are_fewer_as_poisson_has_it():
    value = zeros(0.0, 30.0)  # of which nobody doubts that it has risen
    found = filled(value, ((300, 10_000), (0, 1_000)), SAMPLES, NOW, past_of(29.5), ALONE)

    both = math.exp(-30) * value.p * value.tests
    assert found.p == pytest.approx(2 * both * (1 - math.log(both)), rel=1e-6)


def test_missing_values_that_vary_much_are_fewer_by_chance():
    random = np.random.default_rng(1)
    some, many = (np.exp(random.normal(3, sd, 32)) for sd in (0.3, 1.5))
    value, lacking = zeros(0.0, 30.0), ((300, 10_000), (0, 1_000))

    p = [filled(value, lacking, SAMPLES, NOW, past_of(0.0) | {"nulls": each}, ALONE) for each in (some, many)]
    assert p[0].p < 1e-3 * p[1].p
    rare = np.append(np.zeros(28), 30 * np.ones(4))  # most windows lack nothing
    assert filled(value, lacking, SAMPLES, NOW, past_of(0.0) | {"nulls": rare}, ALONE) is None


@pytest.mark.parametrize(
    ("value", "past"),
    [
        pytest.param(zeros(500.0, 55.0), past_of(29.5), id="no value has more rows: they were mended"),
        pytest.param(zeros(500.0, 400.0), past_of(29.5), id="a value has more rows than ever were missing"),
        pytest.param(zeros(500.0, 90.0), past_of(29.5, windows=FEWEST_WINDOWS - 1), id="too few windows"),
        pytest.param(zeros(500.0, 90.0), past_of(math.nan), id="an earlier release told nothing"),
    ],
)
def test_what_is_no_filling(value, past):
    assert filled(value, ((300, 10_000), (0, 1_000)), SAMPLES, NOW, past, ALONE, is_zero=True) is None


def test_zeros_that_go_with_missing_values_say_less():
    logs = np.random.default_rng(2).standard_normal(32)
    found = []
    for zero in (np.roll(logs, 7), -logs):  # which vary as much
        past = past_of(0.0) | {"nulls": np.exp(3 + 0.5 * logs), "zero": zero}
        found.append(filled(zeros(500.0, 90.0), ((300, 10_000), (0, 1_000)), SAMPLES, NOW, past, ALONE, is_zero=True))
    assert found[0].p < 0.01 * found[1].p
