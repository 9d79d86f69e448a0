"""What the hour of earlier days makes of a result: no words of a reason decide it, but a member of its own."""

from types import SimpleNamespace

import pytest

from spark_model_monitor.documents.check_results import CheckResult, CheckStatus
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import (
    excuse_findings,
    find_lost_examples,
    is_recurring,
    leave_to_hour,
)
from spark_model_monitor.monitors.protocol import Finding
from spark_model_monitor.statistics.verdicts.seasonality import CLOCK_DAY, Season


def result(status=CheckStatus.NOT_JUDGED, **members):
    defaults = {"feature": "age", "check": "baseline_drift_check", "status": status, "threshold": 0.1, **members}
    return CheckResult.model_validate(defaults)


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
    assert find_lost_examples([result(**members)]) == lost


def test_an_alarm_of_earlier_days_says_so():
    assert is_recurring(result(CheckStatus.VIOLATED, hour="recurring"))
    assert not is_recurring(result(CheckStatus.VIOLATED, reason="so at this hour"))


@pytest.mark.parametrize(
    ("check", "limit", "is_excused"),
    [
        pytest.param("baseline_drift_check", None, True, id="drift"),
        pytest.param("completeness_check", "completeness", True, id="a limit that we suggested"),
        pytest.param("completeness_check", None, False, id="one that the user wrote"),
        pytest.param("categorical_values_check", "domain_content_threshold", True, id="suggested domain"),
        pytest.param("categorical_values_check", "completeness", False, id="another one was suggested"),
        pytest.param("data_type_check", None, False, id="a type"),
    ],
)
def test_the_hour_excuses_no_limit_that_the_user_wrote(check, limit, is_excused):
    feature = SimpleNamespace(suggested_limits={limit: 0.9} if limit else {})
    season = Season(stands_out=True, learnt=True)
    finding = Finding(CheckStatus.VIOLATED, threshold=0.9, observed=0.5)
    # A learnt hour, whose window is as usual
    findings = excuse_findings({check: finding}, feature, season, is_usual=True)

    assert (findings[check].status is not CheckStatus.VIOLATED) is is_excused


OPEN = {
    "baseline_drift_check": Finding(CheckStatus.CANNOT_TELL, threshold=0.1, reason="hours differ"),
    "completeness_check": Finding(CheckStatus.VIOLATED, threshold=0.9),
    "data_type_check": Finding(CheckStatus.CANNOT_TELL, threshold=0.9, reason="few rows"),
}


@pytest.mark.parametrize("status", [CheckStatus.PASSED, CheckStatus.VIOLATED, CheckStatus.CANNOT_TELL])
def test_what_the_whole_baseline_leaves_open_is_left_to_the_hour(status):
    judged = leave_to_hour(OPEN, {CLOCK_DAY: Finding(status, threshold=0.1)}, Season(learnt=True))

    assert judged["baseline_drift_check"].status is CheckStatus.NOT_JUDGED
    assert "same hour of earlier days" in judged["baseline_drift_check"].reason
    assert {name: judged[name] for name in [*OPEN][1:]} == {name: OPEN[name] for name in [*OPEN][1:]}


@pytest.mark.parametrize(
    ("by_reference", "season"),
    [
        pytest.param({CLOCK_DAY: Finding(CheckStatus.PASSED, threshold=0.1)}, Season(), id="not known for a week"),
        pytest.param(
            {CLOCK_DAY: Finding.not_judged(0.1, "no data")}, Season(learnt=True), id="an hour without a verdict"
        ),
        pytest.param({}, Season(learnt=True), id="no such hour"),
    ],
)
def test_without_a_verdict_of_the_hour_it_stays_open(by_reference, season):
    assert leave_to_hour(OPEN, by_reference, season) == OPEN
