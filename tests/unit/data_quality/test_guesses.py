"""What a violated feature may have become: each mistake is named by its own rule, and a real change by none."""

import numpy as np
import pandas as pd
import pytest
from tests.rotation import every_combination

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring
from spark_model_monitor.monitors.data_quality.causes.likely_mistakes import ViolatedFeature, guess_mistake
from spark_model_monitor.monitors.data_quality.distribution.feature_distribution import create_distribution

from .comparisons import number_feature

ROWS = 800
PLANS = np.array(["small plan", "middle plan", "large plan"])


def orders(seed):
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "price": random.gamma(4, 5.123, ROWS),
            "debt": random.normal(-300, 50, ROWS),
            "at": random.uniform(1.7e5, 1.7e5 + 86_400, ROWS),
            "gap": np.where(random.random(ROWS) < 0.2, np.nan, random.normal(50, 9, ROWS)),
            "steps": np.where(random.random(ROWS) < 0.4, 1, random.integers(-4, 25, ROWS) / 2),
            "plan": random.choice(PLANS, ROWS, p=[0.5, 0.3, 0.2]),
            "code": np.where(random.random(ROWS) < 0.4, 999, random.normal(700, 90, ROWS)),
            "listed": random.choice([0.99, 4.99, 9.99, 19.99, 49.0, 99.0], ROWS, p=[0.2, 0.2, 0.25, 0.15, 0.1, 0.1]),
        }
    )


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(orders(1), DataQualityMonitor(settings=MonitoringSettings(rows="independent")), engine="local")


def guessed(baseline, column, change, **monitor):
    data = orders(2)
    data[column] = change(data[column])
    findings = run_monitoring(data, DataQualityMonitor(**monitor), baseline, engine="local")
    bad = [finding for finding in findings.results if finding.is_violation and finding.feature == column]
    assert bad
    return bad[0].guess


@pytest.mark.parametrize(
    ("column", "change", "message"),
    [
        pytest.param(
            "price", lambda x: x * 100, "all of them are about 100 times a usual one: another unit?", id="cents"
        ),
        pytest.param(
            "listed", lambda x: x * 100, "times a usual one: another unit?", id="cents, of which some are 999"
        ),
        pytest.param("price", lambda x: x * 0.45359237, "1/2.205 of a usual one", id="pounds"),
        pytest.param("price", lambda x: x / 1024, "1/1,024 of a usual one", id="kibibytes"),
        pytest.param("debt", lambda x: -x, "the other sign", id="sign"),
        pytest.param(
            "steps", lambda x: x * 1.609344, "about 1.609 times a usual one", id="a lattice around zero in km"
        ),
        pytest.param("steps", lambda x: -x, "the other sign", id="sign of what was -1"),
        pytest.param("code", lambda x: -x, "the other sign", id="sign of what was 999"),
        pytest.param("debt", lambda x: x.where(x.index < 400, -301.5), "−301.5 is in 50 % of the values", id="held"),
        pytest.param("at", lambda x: x + 7200, "2 hours later: another time zone?", id="time zone"),
        pytest.param("at", lambda x: x - 5 * 3600, "5 hours earlier", id="time zone west"),
        pytest.param("gap", lambda x: x.fillna(0), "0 is in ", id="nulls as 0"),
        pytest.param("gap", lambda x: x.fillna(-1), "−1 is in ", id="nulls as -1"),
        pytest.param(
            "gap",
            lambda x: x.map(repr).replace("nan", "N/A"),
            "a text that is written for missing ones",
            id="nulls as N/A",
        ),
        pytest.param("price", lambda x: x * 0 + 3.5, "all values are 3.5: is it frozen?", id="frozen"),
        pytest.param("price", lambda x: x.clip(upper=25), "lie at the end: clipped?", id="clipped"),
        pytest.param("price", lambda x: x.round(-1), "whole 10s: rounded?", id="rounded"),
        pytest.param("at", lambda x: x.round(-4), "whole 10,000s: rounded?", id="rounded to few"),
        pytest.param(
            "price", lambda x: x.map("{:.2f}".format).str.replace(".", ","), "a decimal comma?", id="decimal comma"
        ),
        pytest.param("plan", lambda x: x.str.upper(), "in case, spaces or form of letters alone", id="case"),
        pytest.param("plan", lambda x: x + "  ", "in case, spaces", id="space"),
        pytest.param(
            "plan",
            lambda x: x.replace({"small plan": "basic"}),
            "'small plan', which is gone, was as frequent as 'basic' is: another name?",
            id="renamed",
        ),
        pytest.param("plan", lambda x: x.str[:3], "texts end after 3 characters: cut off?", id="truncated"),
    ],
)
def test_a_mistake_is_named(baseline, column, change, message):
    assert message in guessed(baseline, column, change)


def test_columns_that_changed_places_name_each_other(baseline):
    data = orders(2).rename(columns={"price": "debt", "debt": "price"})
    findings = run_monitoring(data, DataQualityMonitor(), baseline, engine="local")
    guesses = {finding.feature: finding.guess for finding in findings.results if finding.is_violation}

    assert guesses["price"] == "it looks like 'debt' did, and that like this: have they changed places?"
    assert "'price'" in guesses["debt"]


@pytest.mark.parametrize(
    ("column", "change"),
    [
        pytest.param("price", lambda x: x + 13.7, id="a shift"),
        pytest.param("debt", lambda x: -300 + 2.7 * (x + 300), id="a spread"),
        pytest.param("price", lambda x: x.mask(np.arange(ROWS) % 3 == 0), id="missing values"),
        pytest.param("plan", lambda x: x.mask(np.arange(ROWS) % 2 == 0, "small plan"), id="other shares"),
    ],
)
def test_a_real_change_has_no_name(baseline, column, change):
    assert guessed(baseline, column, change) is None


def test_no_value_is_reported_where_values_are_hidden(baseline):
    assert (
        guessed(baseline, "price", lambda x: x * 0 + 3.5, hide_values=True) == "all values are the same: is it frozen?"
    )
    assert (
        guessed(baseline, "gap", lambda x: x.fillna(0), hide_values=True) == "a value that is written for missing ones?"
    )


# other units


LAWS = {
    "normal": lambda random, rows: random.normal(20, 6, rows),
    "lognormal": lambda random, rows: random.lognormal(3, 0.8, rows),
    "uniform": lambda random, rows: random.uniform(5, 40, rows),
}
CONVERSIONS = {
    "°C to °F": (lambda x: 1.8 * x + 32, "as if turned from °C to °F"),
    "°F to °C": (lambda x: (x - 32) / 1.8, "as if turned from °F to °C"),
    "°C to K": (lambda x: x + 273.15, "as if turned from °C to K"),
    "x 10": (lambda x: 10 * x, "about 10 times a usual one"),
    "x 100": (lambda x: 100 * x, "about 100 times a usual one"),
    "/ 60": (lambda x: x / 60, "about 1/60 of a usual one"),
}


def guess_numbers(before, now):
    """The guess for a column of numbers that is taken for violated."""
    distributions = [create_distribution(number_feature("x", values)) for values in (before, now)]
    guess = guess_mistake(ViolatedFeature("x", *distributions, {}, {}))
    return guess and guess.words


@pytest.mark.parametrize(("different", "is_named"), [(6, False), (7, True)])
def test_a_few_whole_numbers_are_no_hours_of_the_day(different, is_named):
    """Those of a die, or grades, are not. The first is the most frequent, the last the rarest."""
    numbers = np.arange(1, different + 1)
    before = numbers.repeat(10 * numbers[::-1])
    now = before + 5
    guess = guess_numbers(before.tolist(), now.tolist()) or ""

    assert guess.startswith("the hours of the day are those of the baseline, 5 later") == is_named


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("convert", "words"), CONVERSIONS.values(), ids=CONVERSIONS)
def test_another_unit_is_named_for_all_rows_and_for_a_part(convert, words, law, seed):
    random = np.random.default_rng([seed, 65])
    before = LAWS[law](random, 2_000)
    now = LAWS[law](random, 1_000)
    of_one_client = random.random(1_000) < random.uniform(0.15, 0.4)

    assert guess_numbers(before, convert(now)) == f"all of them are {words}: another unit?"
    guess = guess_numbers(before, np.where(of_one_client, convert(now), now))
    share = float(guess.removeprefix("about ").partition(" %")[0])
    assert guess.endswith(f" % of them are {words}: another unit in some rows?")
    assert share == pytest.approx(100 * of_one_client.mean(), abs=8)


@pytest.mark.parametrize("law", LAWS)
def test_a_thousand_and_the_sign_are_named(law):
    random = np.random.default_rng(66)
    before = LAWS[law](random, 2_000)
    now = LAWS[law](random, 1_000)

    assert "about 1,0" in guess_numbers(before, 1_000 * now)  # or 1,024: a broad law can't tell them apart
    assert guess_numbers(before, -now) == "all of them have the other sign?"


def test_lost_signs_are_named_and_a_bound_at_zero_is_not():
    random = np.random.default_rng(69)
    before = random.normal(10, 20, 2_000)
    now = random.normal(10, 20, 1_000)

    assert guess_numbers(before, abs(now)) == "none is below zero any more, as if they lost their sign?"
    assert "clipped" in guess_numbers(before, now.clip(min=0))
    assert guess_numbers(before, now[now >= 0]) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("factor", [0.4, 2.0])
def test_another_factor_in_some_rows_is_no_conversion_of_temperatures(factor, seed):
    random = np.random.default_rng([seed, 70])
    before = random.gamma(4, 33, 4_000)
    now = random.gamma(4, 33, 2_000)

    assert guess_numbers(before, np.where(random.random(2_000) < 0.3, factor * now, now)) is None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("mean", "deviation"), [(18, 6), (22, 2), (37, 0.5)])
def test_a_few_rows_in_another_unit_of_temperature_are_recognised(mean, deviation, seed):
    random = np.random.default_rng([seed, 65])
    before = random.normal(mean, deviation, 20_000)
    now = random.normal(mean, deviation, 3_000)
    is_converted = random.random(3_000) < random.uniform(0.05, 0.3)
    in_fahrenheit = np.where(is_converted, now * 1.8 + 32, now)
    # A shift and a factor that move the mean as far
    shift = 0.8 * mean + 32
    shifted = np.where(is_converted, now + shift, now)
    scaled = np.where(is_converted, now * (1 + shift / mean), now)
    share = 100 * is_converted.mean()

    guess = guess_numbers(before, in_fahrenheit)

    assert " are as if turned from °C to °F: another unit in some rows?" in guess
    assert float(guess.split()[1]) == pytest.approx(share, abs=3)
    assert "°" not in str(guess_numbers(before, shifted))
    assert "°" not in str(guess_numbers(before, scaled))


def test_whole_hours_that_can_not_be_distinguished_from_others_are_no_time_zone():
    random = np.random.default_rng(71)
    before = random.normal(500_000, 20_000, 1_000)
    now = random.normal(500_000, 20_000, 1_000)

    assert guess_numbers(before, now + 5 * 3600 - 1200) is None
    exact = random.normal(500_000, 1_000, 1_000)
    assert guess_numbers(exact, random.permutation(exact) + 5 * 3600).startswith("all of them are about 5 hours later")


@every_combination(law=LAWS, size=[0.0, 0.4, 0.9, -1.7, 3.1, 6.2], seed=range(3))
def test_a_plain_shift_of_all_rows_or_a_part_is_no_unit(law, size, seed):
    random = np.random.default_rng([seed, 67])
    before = LAWS[law](random, 2_000)
    now = LAWS[law](random, 1_000)
    shifted = now + size * before.std()

    assert guess_numbers(before, shifted) is None
    assert guess_numbers(before, np.where(random.random(1_000) < 0.3, shifted, now)) is None


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("factor", [0.4, 0.7, 1.4, 2.3])
def test_another_spread_is_no_unit(law, factor):
    random = np.random.default_rng(68)
    before = LAWS[law](random, 2_000)
    now = LAWS[law](random, 1_000)

    assert guess_numbers(before, now.mean() + factor * (now - now.mean())) is None


MOMENTS = pd.Series(pd.date_range("2026-01-01", periods=ROWS, freq="min"))
OF_PANDAS = "does pandas' to_json write them, without date_format='iso'?"
OTHER_FORM = "are times written in another form?"


@pytest.mark.parametrize(
    ("before", "now", "question"),
    [
        pytest.param(MOMENTS.astype(str), MOMENTS.astype("int64") // 10**6, OF_PANDAS, id="texts as milliseconds"),
        pytest.param(MOMENTS, MOMENTS.astype("int64") // 10**6, OF_PANDAS, id="times as milliseconds"),
        pytest.param(MOMENTS.dt.date.astype(str), MOMENTS.astype("int64") // 10**9, OF_PANDAS, id="days as seconds"),
        pytest.param(MOMENTS.astype("int64") // 10**6, MOMENTS.astype(str), OTHER_FORM, id="milliseconds as texts"),
        pytest.param(MOMENTS.astype("int64") // 10**6, MOMENTS, OTHER_FORM, id="milliseconds as times"),
        pytest.param(MOMENTS.astype(str), MOMENTS.index + 7, None, id="small numbers"),
        pytest.param(np.resize(PLANS, ROWS), MOMENTS.astype("int64") // 10**6, None, id="no dates"),
    ],
)
def test_another_form_of_times_is_named(before, now, question):
    baseline = run_baseline(pd.DataFrame({"at": before}), DataQualityMonitor(), engine="local")
    findings = run_monitoring(pd.DataFrame({"at": now}), DataQualityMonitor(), baseline, engine="local")
    guesses = [finding.guess for finding in findings.results if finding.is_violation]

    assert guesses
    assert [guess.rpartition(": ")[2] if guess else None for guess in guesses] == [question] * len(guesses)


# the precision of numbers


def test_a_value_in_another_precision_is_the_same_value():
    """Doubles, of which a quarter are 9.99, and numbers of 32 bits, of which seven tenths are."""
    random = np.random.default_rng(5)
    prices = [9.99, 19.99, 29.99, 4.49]
    before = pd.DataFrame({"price": random.choice(prices, 2_000)})
    now = pd.DataFrame({"price": random.choice(prices, 2_000, p=[0.7, 0.1, 0.1, 0.1]).astype(np.float32)})
    findings = run_monitoring(
        now, DataQualityMonitor(), run_baseline(before, DataQualityMonitor(), engine="local"), engine="local"
    )
    [violation] = [finding for finding in findings.results if finding.is_violation]

    share_before, share_now = (f"{100 * (np.abs(data.price - 9.99) < 1e-3).mean():.1f} %" for data in (before, now))
    assert violation.change == f"has one value in {share_now} of the records, in {share_before} before"
    assert violation.guess is None or "0 % before" not in violation.guess
