"""What a check found, as checks.json has it."""

from math import inf, nan

import pytest

from spark_model_monitor.documents.check_results import CheckStatus
from spark_model_monitor.monitors.protocol import TOO_LARGE, Finding


@pytest.mark.parametrize("interval", [(-inf, inf), (nan, 1.0)])
def test_a_change_whose_interval_is_too_large_to_compute_is_not_judged(interval):
    finding = Finding(
        CheckStatus.VIOLATED, threshold=0.1, observed=1e303, interval=interval, n=300, description="moved"
    )
    result = finding.result("some_check", feature="x")

    assert (result.status, result.reason, result.n) == (CheckStatus.NOT_JUDGED, TOO_LARGE, 300)
    assert (result.observed, result.interval, result.description) == (1e303, None, None)


@pytest.mark.parametrize("observed", [1e303, inf])
def test_a_distance_may_be_endless(observed):
    """As KL is where the baseline has none of a value; documents have null for it."""
    result = Finding(CheckStatus.VIOLATED, threshold=0.1, observed=observed, interval=(0.0, 1e308)).result(
        "some_check", feature="x"
    )

    assert (result.status, result.interval) == (CheckStatus.VIOLATED, (0.0, 1e308))
    assert result.observed == (None if observed == inf else observed)


def test_a_finding_with_other_members_is_one_that_is_made_of_them():
    finding = Finding(CheckStatus.VIOLATED, threshold=0.1, observed=0.3, n=300, description="moved")

    assert finding.copy_with(observed=0.2, m=50) == Finding(
        CheckStatus.VIOLATED, threshold=0.1, observed=0.2, n=300, m=50, description="moved"
    )
    assert finding == Finding(CheckStatus.VIOLATED, threshold=0.1, observed=0.3, n=300, description="moved")
