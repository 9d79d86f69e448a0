"""missing_column_check and extra_column_check: the texts of G15, and which columns they are of."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.data_quality.evaluation import check_all
from spark_model_monitor.monitors.protocol import create_violations

from .comparisons import collect_outcomes, compare_profiles, make_profile, text_feature, texts

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
def test_another_number_of_columns_that_nobody_can_tell_is_the_only_violation(columns, violation):
    current = texts(**{f"f{number}": ["x"] for number in range(columns)})

    outcomes = check_all(compare_profiles(BASELINE, current, is_matched=False))

    assert json.loads(create_violations(outcomes).to_json()) == {"violations": [violation]}
    feature_outcomes = [outcome for outcome in outcomes if outcome.feature.startswith("f")]
    assert len(feature_outcomes) == 21 * 3
    assert {outcome.status for outcome in feature_outcomes} == {CheckStatus.NOT_JUDGED}
    assert {outcome.reason for outcome in feature_outcomes} == {
        f"the current data has {columns} columns and constraints.json 21, so no feature was compared"
    }


def test_as_many_columns_pass_both_checks():
    outcomes = collect_outcomes(compare_profiles(BASELINE, BASELINE))

    for key in (("Missing columns", "missing_column_check"), ("Extra columns", "extra_column_check")):
        assert outcomes[key].status is CheckStatus.PASSED
        assert (outcomes[key].observed, outcomes[key].threshold) == (21.0, 21.0)


def test_the_number_of_columns_counts_where_none_can_be_identified():
    window = texts(**{f"column {position}": ["x"] for position in range(23)})
    outcomes = collect_outcomes(compare_profiles(BASELINE, window, is_matched=False))

    assert outcomes["Extra columns", "extra_column_check"].observed == 23.0


def test_a_column_that_is_called_otherwise_is_not_judged_and_hides_no_other():
    outcomes = collect_outcomes(compare_profiles(texts(a=["1"], b=["2"]), texts(a=["x"], c=["2"])))

    assert outcomes["a", "data_type_check"].status is CheckStatus.VIOLATED
    assert outcomes["b", "data_type_check"].reason == (
        "the current data has no column of this name; its columns have to be named as in constraints.json"
    )


MISSING = "missing_column_check"
EXTRA = "extra_column_check"
KNOWN = {"plan": ["x", "y"] * 20, "age": ["1", "2"] * 20, "city": ["u", None] * 20}


def violated(current, baseline=KNOWN):
    """(feature, check) of every violation. current: (name, cells) of each column in its order."""
    comparison = compare_profiles(texts(**baseline), make_profile(*[text_feature(*column) for column in current]))
    return [
        (outcome.feature, outcome.check) for outcome in check_all(comparison) if outcome.status is CheckStatus.VIOLATED
    ]


@pytest.mark.parametrize(
    ("names", "cells", "expected"),
    [
        pytest.param(["plan", "age", "city"], {}, [], id="the same"),
        pytest.param(["city", "plan", "age"], {}, [], id="in another order"),
        pytest.param(["plan", "more", "age", "city"], {}, [("more", EXTRA)], id="one is added"),
        pytest.param(["plan", "city"], {}, [("age", MISSING)], id="one is dropped"),
        pytest.param(["plan", "years", "city"], {"years": "age"}, [("years", EXTRA), ("age", MISSING)], id="renamed"),
        pytest.param(["plan", "Age", "city"], {"Age": "age"}, [("Age", EXTRA), ("age", MISSING)], id="other letters"),
        pytest.param(["more", "plan", "age"], {}, [("more", EXTRA), ("city", MISSING)], id="one dropped, one added"),
        pytest.param(
            ["a", "b", "c"], {}, [*((n, EXTRA) for n in "abc"), *((n, MISSING) for n in KNOWN)], id="all others"
        ),
        pytest.param(["plan", "age", "city", "age"], {}, [("age", EXTRA)], id="one is there twice"),
        pytest.param(["plan", "plan", "city"], {}, [("plan", EXTRA), ("age", MISSING)], id="one twice, one dropped"),
        pytest.param([], {}, [(name, MISSING) for name in KNOWN], id="no column"),
        pytest.param(
            ["more", "age", "city"],
            {"age": "plan"},
            [("more", EXTRA), ("plan", MISSING), ("age", "data_type_check")],
            id="what is left is judged",
        ),
    ],
)
def test_each_column_that_only_one_side_has_is_a_violation_and_the_others_are_judged(names, cells, expected):
    """cells: whose cells a column has, where they are not its own."""
    current = [(name, KNOWN.get(cells.get(name, name), ["z"] * 40)) for name in names]

    assert violated(current) == expected


def test_a_column_that_is_not_there_has_the_services_text_and_the_two_numbers():
    outcomes = collect_outcomes(compare_profiles(BASELINE, texts(f0=["1", "2"], more=["x"])))

    assert outcomes["more", EXTRA].description == (
        "There are extra columns in current dataset. Number of columns in current dataset: 2, "
        "Number of columns in baseline constraints: 21"
    )
    assert outcomes["f7", MISSING].description == outcomes["f20", MISSING].description
    assert (outcomes["f7", MISSING].observed, outcomes["f7", MISSING].threshold) == (2.0, 21.0)
    assert outcomes["f7", "data_type_check"].status is CheckStatus.NOT_JUDGED
    assert outcomes["f0", "data_type_check"].status is CheckStatus.PASSED


COLUMNS = st.dictionaries(
    st.text(max_size=3),
    st.sampled_from([["1"] * 40, ["x", "y"] * 20, ["1.5", None] * 20, ["x"] * 39 + ["new"], [None] * 40]),
    min_size=1,
    max_size=5,
)


@pytest.mark.long
@given(COLUMNS, COLUMNS, st.data())
def test_columns_are_judged_by_their_names_alone(baseline, columns, data):
    current = list(columns.items())
    before = sorted(violated(current, baseline))

    assert sorted(violated(data.draw(st.permutations(current)), baseline)) == before

    name = data.draw(st.text(max_size=3).filter(lambda name: name not in {*baseline, *columns}))
    index = data.draw(st.integers(0, len(current)))
    assert sorted(violated([*current[:index], (name, ["1"] * 40), *current[index:]], baseline)) == sorted(
        [*before, (name, EXTRA)]
    )

    dropped = data.draw(st.sampled_from(current))
    if dropped[0] in baseline:
        own_violations = [(dropped[0], MISSING)]
    else:
        own_violations = []
    other_violations = [violation for violation in before if violation[0] != dropped[0]]
    assert sorted(violated([column for column in current if column is not dropped], baseline)) == sorted(
        [*other_violations, *own_violations]
    )
