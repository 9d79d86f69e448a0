"""How columns are matched with the baseline's."""

from __future__ import annotations

import pytest

from model_monitor.records.matching import Matching, matching_of


@pytest.mark.parametrize(
    ("carried", "baseline", "found"),
    [
        pytest.param(["a", "b"], ["b", "a"], Matching.NAME, id="the same names"),
        pytest.param(["a", "b", "c"], ["a", "c"], Matching.NAME, id="more than the baseline's"),
        pytest.param(["a", "b"], ["a", "c"], Matching.POSITION, id="one is called otherwise"),
        pytest.param(["_c0", "_c1"], ["_c0", "_c1"], Matching.POSITION, id="names that nobody gave"),
        pytest.param(["_c0", "b"], ["_c0", "b"], Matching.NAME, id="one of them is given"),
    ],
)
def test_columns_are_matched_by_names_that_somebody_gave(carried, baseline, found):
    assert matching_of(carried, baseline) is found
    assert found.may_be_by_position == (found is Matching.POSITION)
