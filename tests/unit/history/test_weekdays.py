"""Daily windows of columns whose weekdays differ: these are learnt in two or three weeks, and no odd day is taken for one."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
BASELINE_DAYS = 28
LEARNT_DAYS = 18
ROWS = 500
FIRST_DAY = BASELINE_DAYS + LEARNT_DAYS  # a Friday


def draw_day(number, *, is_off=None):
    random = np.random.default_rng(number)
    is_off = number % 7 > 4 if is_off is None else is_off
    return {"x": random.normal(is_off, 1, ROWS), "calm": random.normal(size=ROWS)}


@pytest.fixture(scope="module")
def start():
    """Makes the verdicts on daily windows beside a baseline."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        laws = importlib.import_module("laws")
        contestants = importlib.import_module("contestants")
    return lambda days: contestants.Product(laws.Law(None), days)


@pytest.fixture(scope="module")
def product(start):
    """The verdicts on daily windows, after two weeks and a half."""
    product = start([draw_day(number) for number in range(BASELINE_DAYS)])
    for number in range(BASELINE_DAYS, FIRST_DAY):
        product.judge(draw_day(number), number)
        product.remember()
    return product


def test_weekdays_weekends_and_a_holiday_are_silent(product):
    later = product.fork()
    for number in range(FIRST_DAY, FIRST_DAY + 7):
        # a Monday
        if number == FIRST_DAY + 3:
            window = draw_day(number, is_off=True)
        else:
            window = draw_day(number)
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


def test_an_ordinary_day_a_week_after_a_pay_day_is_silent(start):
    pay_days = {2, 5, 11, 20, 26, 30, 36, 37, 41, 42}  # every few days one, some of them a week apart

    def draw(number):
        return draw_day(number, is_off=number in pay_days)

    product = start([draw(number) for number in range(30)])
    for number in range(30, 52):
        assert not product.judge(draw(number), number), number
        product.remember()


def test_a_fault_is_found_where_one_weekday_is_special(start):
    def draw(number):
        return draw_day(number, is_off=number % 7 == 3)

    product = start([draw(number) for number in range(BASELINE_DAYS)])
    first = BASELINE_DAYS + 31
    for number in range(BASELINE_DAYS, first):
        assert not product.judge(draw(number), number), number
        product.remember()
    for number in range(first, first + 4):  # a Wednesday, the special day, two others
        window = draw(number)
        assert not product.fork().judge(window, number), number
        window["x"] += 0.6
        assert product.fork().judge(window, number) == {"x"}, number


def test_the_first_weeks_beside_a_shuffled_baseline_cannot_tell_a_weekday_from_a_change(start):
    days = [draw_day(number) for number in range(BASELINE_DAYS)]
    values = np.concatenate([day["x"] for day in days])
    shuffled = np.random.default_rng(1).permutation(values).reshape(BASELINE_DAYS, ROWS)
    product = start([{**day, "x": x} for day, x in zip(days, shuffled, strict=True)])
    alarms = {}
    for number in range(BASELINE_DAYS, FIRST_DAY):
        alarms[number] = product.judge(draw_day(number), number)
        product.remember()
    # The first of all is judged as any window is
    assert {number for number in alarms if alarms[number]} <= {BASELINE_DAYS}

    # The other column was healthy: a change of it is found at once
    window = draw_day(FIRST_DAY)
    window["calm"] += 0.6
    assert product.judge(window, FIRST_DAY) == {"calm"}


def test_many_missing_values_on_a_weekday_are_never_unchanged(start):
    def draw(number, extra=0.0):
        day = draw_day(number)
        random = np.random.default_rng(10_000 + number)
        share = 0.05
        if number % 7 > 4:
            share = 0.15
        day["x"][random.random(ROWS) < share] = np.nan
        day["x"][random.random(ROWS) < extra] = np.nan
        return day

    product = start([draw(number) for number in range(BASELINE_DAYS)])
    for number in range(BASELINE_DAYS, FIRST_DAY):
        product.judge(draw(number), number)
        product.remember()
    for number in range(FIRST_DAY, FIRST_DAY + 3):  # from a Friday on
        assert not product.fork().judge(draw(number), number)
        later = product.fork()
        assert later.judge(draw(number, extra=0.3), number) == {"x"} or later.is_unsure, number
