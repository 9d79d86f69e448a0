"""What a check found, as checks.json has it."""

from __future__ import annotations

import json
from math import inf, nan

import pytest

from model_monitor.documents.check_results import CheckStatus
from model_monitor.monitors.protocol import TOO_LARGE, Finding


@pytest.mark.parametrize(
    "numbers", [{"observed": inf}, {"statistic": nan, "p": 0.5}, {"observed": 1e303, "interval": (-inf, inf)}]
)
def test_what_is_too_large_to_compute_with_is_not_judged(numbers):
    result = Finding(CheckStatus.VIOLATED, 0.1, n=300, description="moved", **numbers).result("some_check", feature="x")

    assert (result.status, result.reason, result.n) == (CheckStatus.NOT_JUDGED, TOO_LARGE, 300)
    assert "description" not in json.loads(result.model_dump_json(exclude_none=True))


def test_numbers_that_are_none_too_large_are_judged():
    result = Finding(CheckStatus.VIOLATED, 0.1, observed=1e303, interval=(0.0, 1e308)).result("some_check", feature="x")

    assert (result.status, result.observed, result.interval) == (CheckStatus.VIOLATED, 1e303, (0.0, 1e308))
