"""What the hour of earlier days makes of a result: no words of a reason decide it, but a member of its own."""

from __future__ import annotations

import pytest

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import examples_lost, is_recurring
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK_DAY


def result(status=CheckStatus.NOT_JUDGED, **members):
    given = {"feature": "age", "check": "baseline_drift_check", "status": status, "threshold": 0.1, **members}
    return CheckResult.model_validate(given)


@pytest.mark.parametrize(
    ("members", "lost"),
    [
        ({"status": CheckStatus.VIOLATED}, {"age"}),
        ({"hour": "usual"}, {"age"}),
        ({"hour": "said"}, {"age"}),
        ({"hour": "open", "against": CLOCK_DAY}, {(CLOCK_DAY, "age")}),
        ({"status": CheckStatus.VIOLATED, "against": CLOCK_DAY}, {(CLOCK_DAY, "age")}),
        ({"against": CLOCK_DAY}, set()),
        ({"reason": "as usual at this hour: so a user's own check says"}, set()),
    ],
)
def test_what_was_an_alarm_but_for_its_hour_is_no_example_to_later_windows(members, lost):
    assert examples_lost([result(**members)]) == lost


def test_an_alarm_of_earlier_days_says_so():
    assert is_recurring(result(CheckStatus.VIOLATED, hour="recurring"))
    assert not is_recurring(result(CheckStatus.VIOLATED, reason="so at this hour"))
