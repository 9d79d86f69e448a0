"""How columns are matched with the baseline's."""

from __future__ import annotations

import pytest

from spark_model_monitor.data.records.decoded_rows import ColumnMatching, can_match_by_name, choose_matching


@pytest.mark.parametrize(
    ("carried", "baseline", "expected_matching"),
    [
        pytest.param(["a", "b"], ["b", "a"], ColumnMatching.NAME, id="the same names"),
        pytest.param(["a", "b", "c"], ["a", "c"], ColumnMatching.NAME, id="more than the baseline's"),
        pytest.param(["a", "b"], ["a", "c"], ColumnMatching.POSITION, id="one is called otherwise"),
        pytest.param(["_c0", "_c1"], ["_c0", "_c1"], ColumnMatching.POSITION, id="names that nobody gave"),
        pytest.param(["_c0", "b"], ["_c0", "b"], ColumnMatching.NAME, id="one of them is given"),
    ],
)
def test_columns_are_matched_by_names_that_somebody_gave(carried, baseline, expected_matching):
    assert choose_matching(carried, baseline) is expected_matching
    assert expected_matching.may_be_by_position == (expected_matching is ColumnMatching.POSITION)


@pytest.mark.parametrize(
    ("carried", "baseline", "is_matched"),
    [
        pytest.param(["a"], ["b"], True, id="nothing in common"),
        pytest.param(["a", "_c1"], ["b", "c", "d"], True, id="one that somebody gave"),
        pytest.param(["_c0", "_c1"], ["a", "b"], False, id="the data has none"),
        pytest.param(["a", "b"], ["_c0", "_c1"], False, id="the baseline has none"),
        pytest.param(["a", "0.5"], ["a", "0.9"], True, id="numbers among names that are known"),
        pytest.param(["gold", "0.5"], ["plan", "share"], False, id="a record as a header"),
        pytest.param(["gold", "-3"], ["plan", "change"], False, id="a record with a negative number"),
        pytest.param(["2019", "2020"], ["2018"], True, id="years"),
    ],
)
def test_columns_can_be_reported_by_names_that_are_names(carried, baseline, is_matched):
    assert can_match_by_name(carried, baseline) is is_matched
