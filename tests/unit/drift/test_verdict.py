"""From a comparison to a verdict, each degenerate case of D2 among them."""

from __future__ import annotations

import pytest

from spark_model_monitor.statistics.drift import (
    DistanceComparison,
    NumericDistribution,
    Status,
    compare_numeric,
    judge,
)

ROWS = {"baseline_rows": 10, "current_rows": 10}


def make_comparison(distance: float | None, *, higher_is_more: bool = True) -> DistanceComparison:
    return DistanceComparison("Robust", distance, 10, 10, "the formula", higher_is_more=higher_is_more)


@pytest.mark.parametrize(
    ("p", "status"),
    [
        pytest.param(0.0999, Status.VIOLATED, id="below"),
        pytest.param(0.1, Status.PASSED, id="exactly at it"),
        pytest.param(1.0, Status.PASSED, id="above"),
    ],
)
def test_a_p_value_violates_below_its_threshold(p, status):
    assert judge(make_comparison(p, higher_is_more=False), 0.1, **ROWS).status is status


@pytest.mark.parametrize(
    ("baseline_rows", "current_rows", "reason"),
    [
        pytest.param(0, 10, "no data: no rows in the baseline", id="baseline"),
        pytest.param(10, 0, "no data: no rows in the current data", id="current data"),
        pytest.param(0, 0, "no data: no rows in the baseline and the current data", id="both"),
    ],
)
def test_no_row_at_all_is_not_judged(baseline_rows, current_rows, reason):
    baseline = NumericDistribution([[1.0] * baseline_rows])
    current = NumericDistribution([[1.0] * current_rows])
    comparison = compare_numeric(baseline, current)

    verdict = judge(comparison, 0.1, baseline_rows=baseline_rows, current_rows=current_rows)

    assert comparison.distance is None
    assert (verdict.status.value, verdict.reason) == ("not judged", reason)


def test_the_same_constant_passes_and_another_one_violates():
    sevens = NumericDistribution([[7.0] * 200])
    eights = NumericDistribution([[8.0] * 200])

    rows = {"baseline_rows": 200, "current_rows": 200}
    assert judge(compare_numeric(sevens, sevens), 0.1, **rows).status is Status.PASSED
    assert judge(compare_numeric(sevens, eights), 0.1, **rows).status is Status.VIOLATED
