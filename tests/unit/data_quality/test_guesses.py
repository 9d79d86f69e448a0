"""What a violated feature may have become: each mistake is named by its own rule, and a real change by none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, MonitoringSettings, run_baseline, run_monitoring

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
        }
    )


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(orders(1), DataQualityMonitor(settings=MonitoringSettings(rows="independent")), engine="local")


def guessed(baseline, column, change, **monitor):
    data = orders(2)
    data[column] = change(data[column])
    findings = run_monitoring(data, DataQualityMonitor(**monitor), baseline, engine="local")
    bad = [each for each in findings.results if each.is_violation and each.feature == column]
    assert bad
    return bad[0].guess


@pytest.mark.parametrize(
    ("column", "change", "told"),
    [
        pytest.param(
            "price", lambda x: x * 100, "all of them are about 100 times a usual one: another unit?", id="cents"
        ),
        pytest.param("price", lambda x: x * 0.45359237, "1/2.205 of a usual one", id="pounds"),
        pytest.param("price", lambda x: x / 1024, "1/1,024 of a usual one", id="kibibytes"),
        pytest.param("debt", lambda x: -x, "the other sign", id="sign"),
        pytest.param(
            "steps", lambda x: x * 1.609344, "about 1.609 times a usual one", id="a lattice around zero in km"
        ),
        pytest.param("steps", lambda x: -x, "the other sign", id="sign of what was -1"),
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
            "as frequent as a new one is: another name?",
            id="renamed",
        ),
        pytest.param("plan", lambda x: x.str[:3], "texts end after 3 characters: cut off?", id="truncated"),
    ],
)
def test_a_mistake_is_named(baseline, column, change, told):
    assert told in guessed(baseline, column, change)


def test_columns_that_changed_places_name_each_other(baseline):
    data = orders(2).rename(columns={"price": "debt", "debt": "price"})
    findings = run_monitoring(data, DataQualityMonitor(), baseline, engine="local")
    guesses = {each.feature: each.guess for each in findings.results if each.is_violation}

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


def test_no_value_is_told_where_values_are_hidden(baseline):
    assert (
        guessed(baseline, "price", lambda x: x * 0 + 3.5, hide_values=True) == "all values are the same: is it frozen?"
    )
    assert (
        guessed(baseline, "gap", lambda x: x.fillna(0), hide_values=True) == "a value that is written for missing ones?"
    )
