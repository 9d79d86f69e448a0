"""Daily windows of a column whose weekends are one standard deviation higher: its weekdays are learnt in two weeks."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
BASELINE_DAYS, LEARNT_DAYS, ROWS = 28, 18, 500
FIRST_DAY = BASELINE_DAYS + LEARNT_DAYS  # a Friday


def draw_day(number, *, is_off=None):
    random = np.random.default_rng(number)
    is_off = number % 7 > 4 if is_off is None else is_off
    return {"x": random.normal(is_off, 1, ROWS), "calm": random.normal(size=ROWS)}


@pytest.fixture(scope="module")
def product():
    """The verdicts on daily windows, after two weeks and a half."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        laws = importlib.import_module("laws")
        contestants = importlib.import_module("contestants")
    product = contestants.Product(laws.Law(None), [draw_day(number) for number in range(BASELINE_DAYS)])
    for number in range(BASELINE_DAYS, FIRST_DAY):
        product.judge(draw_day(number), number)
        product.remember()
    return product


def test_weekdays_weekends_and_a_holiday_are_silent(product):
    later = product.fork()
    for number in range(FIRST_DAY, FIRST_DAY + 7):
        window = draw_day(number, is_off=True) if number == FIRST_DAY + 3 else draw_day(number)  # a Monday
        assert not later.judge(window, number), number
        later.remember()


@pytest.mark.parametrize("shift", [0.6, -0.6, 1.6, -1.6])
@pytest.mark.parametrize("days", [0, 1, 3])
def test_a_fault_between_weekday_and_weekend_and_beyond_is_found(product, shift, days):
    number = FIRST_DAY + days
    window = draw_day(number)
    window["x"] += shift
    assert product.fork().judge(window, number) == {"x"}


def test_a_weekend_that_looks_like_no_weekend_is_found(product):
    number = FIRST_DAY + 1
    assert product.fork().judge(draw_day(number, is_off=False), number) == {"x"}
