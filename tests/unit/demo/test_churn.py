"""The made-up customers: one seed, one table; the columns have the shapes that a profile has to tell apart."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.integrations.demo.churn import (
    FEATURES,
    MODEL,
    TRUTH,
    Law,
    baseline_table,
    decide,
    draw_customers,
    to_csv,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return baseline_table(20_000, seed=7)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    first_csv, same_csv, other_csv = (to_csv(baseline_table(500, seed=seed), header=True) for seed in (7, 7, 8))

    assert first_csv == same_csv
    assert first_csv != other_csv


def test_label_and_score_stand_before_the_features(table):
    assert list(table.columns) == ["churned", "churn_probability", *FEATURES]
    assert len(table) == 20_000


def test_the_csv_text_reads_back_as_the_same_table(table):
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(to_csv(table, header=True))), table)


@pytest.mark.parametrize(
    "column",
    ["churned", "has_roaming", "tenure_months", "day_calls", "voicemail_messages", "support_calls"],
)
def test_a_count_or_flag_is_written_as_a_whole_number(table, column):
    assert _cells(table, column).str.fullmatch(r"\d+").all()


@pytest.mark.parametrize(
    "column",
    [
        "churn_probability",
        "day_minutes",
        "evening_minutes",
        "international_minutes",
        "data_gigabytes",
        "monthly_charge_eur",
    ],
)
def test_a_fractional_number_always_has_its_point_and_never_an_exponent(table, column):
    assert _cells(table, column).str.fullmatch(r"\d+\.\d+").all()


def test_two_features_have_missing_values_and_no_other_column_has(table):
    missing = table.isna().mean()

    assert set(missing[missing > 0].index) == {"payment_method", "satisfaction"}
    assert missing[missing > 0].to_list() == pytest.approx([0.08, 0.08], abs=0.01)


def test_texts_are_of_few_values_or_of_nearly_as_many_as_rows(table):
    assert table["plan"].nunique() == 5
    assert table["payment_method"].nunique() == 3
    assert table["customer_ref"].nunique() > 19_900
    assert not table["customer_ref"].str.fullmatch(r"[\d.]+").any()


def test_most_voicemail_counts_are_zero_and_the_others_are_not_small(table):
    counts = table["voicemail_messages"]

    assert (counts == 0).mean() == pytest.approx(0.72, abs=0.01)
    assert counts[counts > 0].mean() == pytest.approx(28, abs=0.5)


def test_a_law_is_the_logistic_function_of_its_weighted_features():
    customers = draw_customers(4, np.random.default_rng(1), missing_share=0.0).assign(
        support_calls=[1.6, 2.9, 1.6, 9e9], plan=["basic", "basic", "prepaid", "basic"]
    )
    law = Law(intercept=0.0, weights={"support_calls": 1.0, "plan=prepaid": 2.0})

    # 1 / (1 + exp(-x)) at x = 0, 1 spread, the plan's 2, and the limit of 3 spreads
    assert law.probability(customers) == pytest.approx([0.5, 0.731059, 0.880797, 0.952574], abs=1e-6)


def test_a_missing_number_counts_as_its_centre():
    customers = draw_customers(2, np.random.default_rng(1), missing_share=0.0).assign(satisfaction=[7.0, np.nan])
    law = Law(intercept=0.4, weights={"satisfaction": -1.6})

    centre, missing = law.probability(customers)

    assert missing == centre


def test_the_model_is_nearly_right_and_not_quite(table):
    labels = table["churned"].to_numpy()
    scores = table["churn_probability"].to_numpy()
    truth = TRUTH.probability(table)

    assert np.corrcoef(truth, scores)[0, 1] > 0.95
    assert np.abs(truth - scores).max() > 0.2
    assert labels.mean() == pytest.approx(truth.mean(), abs=0.01)
    # monitors compare the predicted label with the label column by position: they are near enough to be no fault
    assert decide(scores).mean() == pytest.approx(labels.mean(), abs=0.05)
    assert set(MODEL.weights) < set(TRUTH.weights)


def test_the_decision_needs_more_than_the_threshold():
    assert decide(np.array([0.4999, 0.5, 0.5001])).tolist() == [0, 0, 1]


def _cells(table: pd.DataFrame, column: str) -> pd.Series:
    return pd.Series(to_csv(table[[column]], header=False).splitlines())
