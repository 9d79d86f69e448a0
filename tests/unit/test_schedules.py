"""When schedules run, by hand from C10a and C10b, and by the SDK's own expressions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.running.configuration.offsets import read_offset
from spark_model_monitor.running.scheduling.schedules import CrontabTimes, Recurrence


def make_time(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 3, day, hour, minute, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("expression", "hours", "period", "cron"),
    [
        pytest.param("cron(0 * ? * * *)", range(24), 1, "0 * * * *", id="hourly"),
        pytest.param("cron(0 * * * ? *)", range(24), 1, "0 * * * *", id="hourly, as the SDK's own tests write it"),
        pytest.param("cron(0 0 ? * * *)", [0], 24, "0 0 * * *", id="daily at midnight"),
        pytest.param("cron(0 17 ? * * *)", [17], 24, "0 17 * * *", id="daily at five in the afternoon"),
        pytest.param("cron(0 0/6 ? * * *)", [0, 6, 12, 18], 6, "0 0,6,12,18 * * *", id="every six hours"),
        pytest.param(
            "cron(0 0/10 ? * * *)", [0, 10, 20], 10, "0 0,10,20 * * *", id="an interval that 24 is no multiple of"
        ),
        pytest.param(
            " cron(0 01/12 ? * * *) ", [1, 13], 12, "0 1,13 * * *", id="with a zero in front and blanks around"
        ),
    ],
)
def test_an_expression_runs_at_the_hours_that_it_says(expression, hours, period, cron):
    recurrence = Recurrence.of(expression)

    assert [time.hour for time in recurrence.times(make_time(4, 23), make_time(5, 23))] == [
        hour for hour in hours if hour <= 23
    ]
    assert recurrence.period == timedelta(hours=period)
    assert recurrence.cron == cron


def test_times_are_after_the_first_bound_and_up_to_the_second():
    hourly = Recurrence.of("cron(0 * ? * * *)")

    assert list(hourly.times(make_time(4, 22), make_time(5, 0))) == [make_time(4, 23), make_time(5, 0)]
    assert list(hourly.times(make_time(4, 22, 1), make_time(4, 22, 59))) == []


def test_now_is_no_recurrence():
    assert Recurrence.of("NOW") is None


@pytest.mark.parametrize(
    "expression", ["", "hourly", "cron(5 * ? * * *)", "cron(0 24 ? * * *)", "cron(0 */2 ? * * *)", "0 * * * *"]
)
def test_what_the_service_does_not_know_is_refused_with_what_it_does(expression):
    with pytest.raises(BadConfiguration, match=r"the service has cron\(0 \* \? \* \* \*\)"):
        Recurrence.of(expression)


@pytest.mark.parametrize(
    ("cron", "latest", "period"),
    [
        pytest.param("10 * * * *", make_time(5, 11, 10), timedelta(hours=1), id="ten past every hour"),
        pytest.param("0 6 * * MON-FRI", make_time(5, 6), timedelta(days=1), id="on weekdays"),
        pytest.param("0 0 1 * *", make_time(1, 0), timedelta(days=31), id="monthly, in March"),
    ],
)
def test_a_line_of_crontab_has_a_latest_time_and_a_period(cron, latest, period):
    clock = CrontabTimes.of(f" {cron} ", "cron")

    assert clock.latest(make_time(5, 12)) == latest  # the fifth of March 2024 was a Tuesday
    assert clock.latest(latest) == latest
    assert clock.period(make_time(5, 12)) == period


@pytest.mark.parametrize("text", ["", "hourly", "61 * * * *", "0 0 * * * *", "0 0 31 2 *"])
def test_another_line_of_crontab_is_refused_by_its_name(text):
    with pytest.raises(BadConfiguration, match=f"hourly.json: cron is {text!r}".replace("*", r"\*")):
        CrontabTimes.of(text, "hourly.json: cron")


@pytest.mark.parametrize("step", [0, 25])
def test_an_interval_is_one_to_twenty_four_hours(step):
    with pytest.raises(BadConfiguration, match="write 1 to 24"):
        Recurrence.of(f"cron(0 0/{step} ? * * *)")


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("-PT1H", timedelta(hours=-1)),
        ("-PT0H", timedelta(0)),
        ("PT0S", timedelta(0)),
        ("-P8D", timedelta(days=-8)),
        ("-P1DT12H", timedelta(hours=-36)),
        ("-PT30M", timedelta(minutes=-30)),
    ],
)
def test_offsets_are_iso_8601_durations(text, span):
    assert read_offset(text, "StartTimeOffset") == span


@pytest.mark.parametrize("text", ["", "1H", "-1", "3600", "P", "-PT", "one hour"])
def test_another_offset_is_refused_by_its_name(text):
    with pytest.raises(BadConfiguration, match=f"StartTimeOffset is '{text}'; it has to be an ISO 8601 duration"):
        read_offset(text, "StartTimeOffset")
