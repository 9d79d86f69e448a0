"""missing_column_check and extra_column_check: the texts of G15."""

from __future__ import annotations

import json

import pytest

from model_monitor.data_quality.evaluation import check_all, violations_of
from model_monitor.documents.check_results import CheckStatus

from .comparisons import compared, outcomes_of, texts

BASELINE = texts(**{f"f{number}": ["1", "2"] for number in range(21)})


@pytest.mark.parametrize(
    ("columns", "violation"),
    [
        (
            7,
            {
                "feature_name": "Missing columns",
                "constraint_check_type": "missing_column_check",
                "description": "There are missing columns in current dataset. Number of columns in current dataset: 7, "
                "Number of columns in baseline constraints: 21",
            },
        ),
        (
            27,
            {
                "feature_name": "Extra columns",
                "constraint_check_type": "extra_column_check",
                "description": "There are extra columns in current dataset. Number of columns in current dataset: 27, "
                "Number of columns in baseline constraints: 21",
            },
        ),
    ],
)
def test_another_number_of_columns_is_the_only_violation(columns, violation):
    current = texts(**{f"f{number}": ["x"] for number in range(columns)})

    outcomes = check_all(compared(BASELINE, current))

    assert json.loads(violations_of(outcomes).to_json()) == {"violations": [violation]}
    rest = [outcome for outcome in outcomes if outcome.feature.startswith("f")]
    assert len(rest) == 21 * 3
    assert {outcome.status for outcome in rest} == {CheckStatus.NOT_JUDGED}
    assert {outcome.reason for outcome in rest} == {
        f"the current data has {columns} columns and constraints.json 21, so no feature was held against another"
    }


def test_as_many_columns_pass_both_checks():
    outcomes = outcomes_of(compared(BASELINE, BASELINE))

    for key in (("Missing columns", "missing_column_check"), ("Extra columns", "extra_column_check")):
        assert outcomes[key].status is CheckStatus.PASSED
        assert (outcomes[key].observed, outcomes[key].threshold) == (21.0, 21.0)


def test_the_records_own_number_of_columns_counts_where_it_is_known():
    outcomes = outcomes_of(compared(BASELINE, texts(), current_columns=23))

    assert outcomes["Extra columns", "extra_column_check"].observed == 23.0


def test_a_column_that_is_called_otherwise_is_not_judged_and_hides_no_other():
    outcomes = outcomes_of(compared(texts(a=["1"], b=["2"]), texts(a=["x"], c=["2"])))

    assert outcomes["a", "data_type_check"].status is CheckStatus.VIOLATED
    assert outcomes["b", "data_type_check"].reason == (
        "the current data has no column of this name; its columns have to be named as in constraints.json"
    )
