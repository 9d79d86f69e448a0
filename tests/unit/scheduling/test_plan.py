"""Schedule entries: what they may say, and every fault with its place."""

from datetime import timedelta

import pytest
from tests.unit.scheduling.conftest import make_time

from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.running.scheduling.schedule_plan import read_plan


def test_an_entry_says_when_over_which_window_and_which_jobs(schedule):
    schedule.write(
        window={"start_offset": "-P8D", "end_offset": "-P1D"}, schedule_expression="cron(0 13 ? * * *)", cron=None
    )

    window = schedule.plan.window(make_time(9, 13))
    assert schedule.plan.clock.cron == "0 13 * * *"
    assert (window.start, window.end) == (make_time(1, 13), make_time(8, 13))  # C6.2b, the guide's own example
    assert schedule.plan.env_file(schedule.plan.entry.jobs[0]) == schedule.folder / "churn.env"


@pytest.mark.parametrize(
    ("members", "hours"),
    [
        pytest.param({"cron": "0 * * * *"}, 1, id="hourly"),
        pytest.param({"cron": None, "schedule_expression": "cron(0 0/6 ? * * *)"}, 6, id="every six hours"),
        pytest.param({"cron": "0 5 * * *"}, 24, id="daily"),
        pytest.param({"cron": None}, 24, id="no time: once a day, as the service does"),
    ],
)
def test_without_a_window_it_is_the_period_before(schedule, members, hours):
    schedule.write(**members)
    scheduled = schedule.plan.clock.latest(make_time(5, 12))
    window = schedule.plan.window(scheduled)

    assert window.end - window.start == timedelta(hours=hours)
    assert window.end == scheduled


def test_after_a_weekend_the_window_is_the_weekend(schedule):
    schedule.write(cron="0 6 * * MON-FRI")
    window = schedule.plan.window(make_time(4, 6))  # a Monday

    assert (window.start, window.end) == (make_time(1, 6), make_time(4, 6))


def test_a_run_at_ten_past_looks_at_whole_hours_as_its_job_does(schedule):
    schedule.write(cron="10 * * * *")
    window = schedule.plan.window(make_time(4, 22, 10))

    assert (window.start, window.end) == (make_time(4, 21), make_time(4, 22))


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        pytest.param({"cron": "hourly"}, "cron is 'hourly' (it has 1 fields of 5)", id="cron"),
        pytest.param({"cron": "*/15 * * * *"}, "which comes at several minutes of an hour", id="often"),
        pytest.param(
            {"cron": None, "schedule_expression": "rate(1 hour)"},
            "schedule_expression is 'rate(1 hour)'",
            id="rate",
        ),
        pytest.param(
            {"window": {"start_offset": "1H", "end_offset": "PT0S"}},
            "window.start_offset is '1H'; it has to be an ISO 8601 duration",
            id="offset",
        ),
        pytest.param(
            {"window": {"start_offset": "PT0H", "end_offset": "-PT1H"}},
            "the start has to be before the end",
            id="no length",
        ),
        pytest.param(
            {"delay": "1h"}, "delay is '1h'; it has to be an ISO 8601 duration, such as PT10M", id="no duration"
        ),
        pytest.param({"delay": "-PT1H"}, "delay is '-PT1H'; a run can't begin before its time", id="delay"),
        pytest.param({"starts": "soon"}, "starts is 'soon'; it has to be a time", id="starts"),
        pytest.param(
            {"starts": "0001-01-01T00:00:00Z"}, "it has to be a time from 1970 to 2999, such as", id="the first day"
        ),
        pytest.param(
            {"starts": "9999-12-31T23:59:59Z"}, "it has to be a time from 1970 to 2999, such as", id="the last day"
        ),
        pytest.param({"delay": "P9000000D"}, "delay is 'P9000000D'; it has to be at most 36,525 days", id="long delay"),
        pytest.param(
            {"window": {"start_offset": "-P900000D", "end_offset": "PT0S"}},
            "window.start_offset is '-P900000D'; it has to be at most 36,525 days",
            id="long window",
        ),
        pytest.param({"sinks": "pager"}, "sinks names no sink at place 1", id="sink"),
        pytest.param({"name": "../victim"}, "name is '../victim'; it has to be letters", id="name elsewhere"),
        pytest.param({"name": ""}, "name is ''; it has to be letters", id="no name"),
        pytest.param(
            {"jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "../%Y"}]},
            "jobs[0].output_folder is '../%Y'; it has to be a folder below output_path",
            id="folder elsewhere",
        ),
        pytest.param(
            {"jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "%Q/%m"}]},
            "jobs[0].output_folder is '%Q/%m'; it has to be a folder below output_path, by letters of strftime",
            id="no part of a time",
        ),
        pytest.param(
            {"jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "%Y/%"}]},
            "jobs[0].output_folder is '%Y/%'; it has to be a folder below output_path, by letters of strftime",
            id="half a part of a time",
        ),
        pytest.param({"jobs": []}, "jobs is empty; name one", id="no jobs"),
        pytest.param(
            {"jobs": [{"job": "montor", "env_file": "churn.env"}]}, "jobs[0].job is 'montor'; it is one of", id="job"
        ),
        pytest.param(
            {"jobs": [{"job": "monitor", "env_file": "chrn.env"}]},
            "jobs[0].env_file is 'chrn.env', and there is no file",
            id="env",
        ),
    ],
)
def test_a_wrong_member_is_reported_with_its_place_and_what_to_write(schedule, members, sentence):
    schedule.write(**members)
    with pytest.raises(BadConfiguration) as caught:
        read_plan(schedule.file)

    assert sentence in str(caught.value)
    assert str(caught.value).startswith(f"{schedule.file}: ")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        pytest.param({"catchup": 3}, "catchup is unknown; did you mean catch_up?", id="a slip of the pen"),
        pytest.param({"jobs": [{"job": "monitor", "env": "x"}]}, "jobs[0].env is unknown", id="inside"),
        pytest.param({"status": "Paused"}, 'status is "Paused"; it has to be one of "Pending", "Failed"', id="status"),
        pytest.param(
            {"monitoring_type": "Modelquality"},
            'monitoring_type is "Modelquality"; it has to be one of "DataQuality", "ModelQuality", "ModelBias", '
            '"ModelExplainability"; did you mean "ModelQuality"?',
            id="kind",
        ),
        pytest.param({"name": None}, "name is missing; it has to be a text", id="missing"),
    ],
)
def test_a_file_that_is_no_entry_is_reported_with_its_place(schedule, members, sentence):
    schedule.write(**members)
    with pytest.raises(BadDocument) as caught:
        read_plan(schedule.file)

    assert f"{schedule.file}: {sentence}" in str(caught.value)


def test_all_faults_are_reported_at_once(schedule):
    schedule.write(cron="hourly", delay="soon", starts="soon", sinks="pager")
    with pytest.raises(BadConfiguration) as caught:
        read_plan(schedule.file)

    assert len(str(caught.value).splitlines()) == 4


def test_a_file_that_is_not_there_is_reported_by_its_path(tmp_path):
    with pytest.raises(BadInput, match="absent.json"):
        read_plan(tmp_path / "absent.json")
