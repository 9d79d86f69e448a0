"""What a DAG run looks at. Intervals and times are those that Airflow documents for its timetables."""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pendulum
import pytest

from spark_model_monitor.airflow.run_windows import get_run_window, get_scheduled_time
from spark_model_monitor.errors import BadConfiguration


def utc(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def context(start=None, end=None, logical_date=None, run_after=None):
    run = SimpleNamespace(run_after=run_after)
    return {"data_interval_start": start, "data_interval_end": end, "logical_date": logical_date, "dag_run": run}


@pytest.mark.parametrize(
    ("run_interval", "start", "end"),
    [
        pytest.param(context(utc(2026, 3, 3, 22), utc(2026, 3, 3, 23)), utc(2026, 3, 3, 22), utc(2026, 3, 3, 23),
                     id="an hour: the interval"),
        pytest.param(context(utc(2026, 3, 3), utc(2026, 3, 4)), utc(2026, 3, 3), utc(2026, 3, 4), id="a day: the interval"),
        pytest.param(context(utc(2026, 3, 3, 23), utc(2026, 3, 3, 23)), utc(2026, 3, 3, 22), utc(2026, 3, 3, 23),
                     id="CronTriggerTimetable, an interval without length: the hour before"),
        pytest.param(context(utc(2026, 3, 3, 23, 10), utc(2026, 3, 3, 23, 10)), utc(2026, 3, 3, 22), utc(2026, 3, 3, 23),
                     id="ten minutes past: the full hour before"),
        pytest.param(context(logical_date=utc(2026, 3, 3, 23, 7)), utc(2026, 3, 3, 22), utc(2026, 3, 3, 23),
                     id="no interval: by the logical date"),
        pytest.param(context(run_after=utc(2026, 3, 3, 23, 7)), utc(2026, 3, 3, 22), utc(2026, 3, 3, 23),
                     id="triggered by an asset: by the time of the run"),
    ],
)  # fmt: skip
def test_the_window_of_a_run(run_interval, start, end):
    window = get_run_window(run_interval)

    assert (window.start, window.end) == (start, end)
    assert window.start.tzinfo is timezone.utc


def test_labels_that_come_late_are_waited_for_and_the_run_keeps_its_name():
    lag = timedelta(days=1)
    window = get_run_window(context(utc(2026, 3, 3, 22), utc(2026, 3, 3, 23)), lag=lag)

    assert (window.start, window.end) == (utc(2026, 3, 2, 22), utc(2026, 3, 2, 23))
    assert get_scheduled_time(window, lag) == utc(2026, 3, 3, 23)


def test_a_day_at_a_change_of_the_clocks_has_the_hours_that_it_had():
    """In Berlin 2026-03-29 has 23 hours: it ends at 22:00 UTC and began at 23:00 UTC."""
    berlin = pendulum.timezone("Europe/Berlin")
    window = get_run_window(
        context(pendulum.datetime(2026, 3, 29, tz=berlin), pendulum.datetime(2026, 3, 30, tz=berlin))
    )

    assert (window.start, window.end) == (utc(2026, 3, 28, 23), utc(2026, 3, 29, 22))


def test_a_day_where_there_is_no_interval():
    window = get_run_window(context(logical_date=utc(2026, 3, 3, 5)), length=timedelta(days=1))

    assert (window.start, window.end) == (utc(2026, 3, 2, 5), utc(2026, 3, 3, 5))


def test_a_run_without_any_time_is_refused():
    with pytest.raises(BadConfiguration, match="trigger it with a logical date"):
        get_run_window(context())
