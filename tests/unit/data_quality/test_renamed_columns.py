"""A missing and an extra column with the same values: renamed? One of other values is not."""

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from spark_model_monitor.documents.alarms import collect_alarms

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while"]


def draw_customers(seed, rows):
    random = np.random.default_rng(seed)
    seconds = 1_700_000_000 + random.integers(0, 3_000_000, rows)
    return pd.DataFrame(
        {
            "age": random.integers(18, 90, rows),
            "income": random.lognormal(10, 1, rows),
            "first score": random.normal(0, 1, rows),
            "second score": random.normal(0, 1, rows),
            "plan": random.choice(["basic", "plus", "trial"], rows, p=[0.6, 0.3, 0.1]),
            "city": random.choice([f"city {number}" for number in range(60)], rows),
            "paid": random.random(rows) < 0.3,
            "id": [f"{number:012x}" for number in random.integers(0, 2**48, rows)],
            "note": [" ".join(random.choice(WORDS, count)) for count in random.poisson(6, rows).clip(1)],
            "day": pd.to_datetime(seconds, unit="s").strftime("%Y-%m-%d"),
            "seen": pd.to_datetime(seconds, unit="s"),
        }
    )


COLUMNS = [*draw_customers(0, 1)]


@pytest.fixture(scope="module")
def baseline():
    return run_baseline(draw_customers(1, 1_000), DataQualityMonitor(), engine="local")


def read_guesses(baseline, window):
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
    return {check.feature: check.guess for check in findings.results if check.is_violation}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_renamed_column_of_each_type_is_named_beside_both_violations(baseline, column):
    window = draw_customers(2, 500).rename(columns={column: "new"})

    assert read_guesses(baseline, window) == {
        column: "'new' has its values: renamed?",
        "new": f"it has the values of {column!r}: renamed?",
    }


def test_all_columns_renamed_find_their_partners_even_two_of_one_law(baseline):
    guesses = read_guesses(baseline, draw_customers(3, 500).add_suffix("_x"))

    assert {name: guesses[name] for name in COLUMNS} == {
        name: f"'{name}_x' has its values: renamed?" for name in COLUMNS
    }


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(lambda random, rows: random.normal(3, 1, rows), id="other numbers"),
        pytest.param(lambda random, rows: random.choice(["basic", "plus", "gold"], rows), id="other texts"),
        pytest.param(
            lambda random, rows: random.choice([f"shop {number}" for number in range(60)], rows),
            id="as many texts, none in common",
        ),
        pytest.param(
            lambda random, rows: [f"{number:05x}" for number in random.integers(2**16, 2**20, rows)], id="ids"
        ),
        pytest.param(lambda random, rows: random.integers(10**11, 10**12, rows), id="numbers as long as the ids"),
        pytest.param(lambda random, rows: random.random(rows) < 0.9, id="a flag that is set more often"),
        pytest.param(lambda random, rows: [None] * (rows - 20) + [50] * 20, id="hardly any values"),
    ],
)
def test_columns_of_other_values_are_not_renamed(baseline, values):
    window = draw_customers(4, 500).drop(columns=COLUMNS[:9]).assign(new=values(np.random.default_rng(5), 500))

    assert set(read_guesses(baseline, window).values()) == {None}


def test_another_column_of_dates_in_another_position_is_not_renamed(baseline):
    """Two columns of dates always have alike values, as later ones are new."""
    customers = draw_customers(7, 500)
    window = customers.drop(columns="day").assign(delivered=customers["day"])
    in_another_form = customers.rename(columns={"day": "new"})
    in_another_form["new"] = customers["seen"].dt.strftime("%d/%m/%Y")

    assert set(read_guesses(baseline, window).values()) == {None}
    assert set(read_guesses(baseline, in_another_form).values()) == {None}


def test_the_log_says_renamed(baseline):
    """Alarms without values are what is logged."""
    window = draw_customers(8, 500).rename(columns={"age": "years"})
    findings = run_monitoring(window, DataQualityMonitor(), baseline, engine="local")
    sentences = [alarm.sentence() for alarm in collect_alarms(findings.without_values.results)]

    assert sorted(sentences) == [
        "age is not in the data any more; 'years' has its values: renamed?",
        "years is in the data but not in the baseline; it has the values of 'age': renamed?",
    ]


def test_a_missing_column_alone_has_no_guess(baseline):
    assert read_guesses(baseline, draw_customers(6, 500).drop(columns="age")) == {"age": None}
