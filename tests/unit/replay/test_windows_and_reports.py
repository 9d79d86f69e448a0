"""Which windows and reports a tree of folders holds."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadInput, NoData
from spark_model_monitor.running.replay.certificate import Verdict
from spark_model_monitor.running.replay.replay_run import find_reports, read_report
from spark_model_monitor.running.scheduling.schedules import Recurrence, list_windows
from spark_model_monitor.storage import LocalStorage

HOURLY = Recurrence(0, 1)
DAILY = Recurrence(5, 24)


def make_time(day: int, hour: int) -> datetime:
    return datetime(2024, 3, day, hour, tzinfo=timezone.utc)


@pytest.fixture
def tree(tmp_path):
    """Makes folders below one path, which it gives."""

    def make(*folders):
        for folder in folders:
            (tmp_path / folder).mkdir(parents=True)
        return str(tmp_path)

    return make


def test_each_hour_folder_is_a_window_whatever_lies_above_it(tree):
    path = tree("churn/AllTraffic/2024/03/04/22", "churn/AllTraffic/2024/03/05/00", "churn/canary/2024/03/05/00")

    assert list_windows(LocalStorage(), path, HOURLY) == [
        Window(make_time(4, 22), make_time(4, 23)),
        Window(make_time(5, 0), make_time(5, 1)),
    ]


def test_a_daily_schedule_has_the_windows_that_end_at_its_hour(tree):
    path = tree("2024/03/04/22", "2024/03/05/04", "2024/03/05/05")

    assert list_windows(LocalStorage(), path, DAILY) == [
        Window(make_time(4, 5), make_time(5, 5)),
        Window(make_time(5, 5), make_time(6, 5)),
    ]


def test_bounds_leave_windows_out(tree):
    path = tree("2024/03/04/21", "2024/03/04/22", "2024/03/04/23")

    assert list_windows(LocalStorage(), path, HOURLY, start=make_time(4, 22), end=make_time(4, 23)) == [
        Window(make_time(4, 22), make_time(4, 23))
    ]
    with pytest.raises(NoData, match="no window of them lies between the times asked for"):
        list_windows(LocalStorage(), path, HOURLY, start=make_time(6, 0))


@pytest.mark.parametrize("folders", [(), ("a/b/c",), ("2024/13/04/22",), ("2024/03/04/later",)])
def test_captures_without_hours_are_no_data(tree, folders):
    with pytest.raises(NoData, match="has no hour folders"):
        list_windows(LocalStorage(), tree(*folders), HOURLY)


def test_a_path_that_is_not_there_is_stated(tmp_path):
    with pytest.raises(BadInput, match="there is no such file or directory"):
        list_windows(LocalStorage(), str(tmp_path / "nowhere"), HOURLY)


def test_a_report_belongs_to_the_hour_at_which_its_run_was_scheduled(tree, tmp_path):
    path = tree("churn/schedule/2024/03/04/22", "churn/schedule/2024/03/04/23")
    folder = tmp_path / "churn/schedule/2024/03/04/22"
    (folder / "statistics.json").write_text("{}")

    assert find_reports(LocalStorage(), path) == {make_time(4, 22): str(folder)}  # the other folder is empty: no report


def test_two_reports_of_one_hour_are_refused_by_name(tree, tmp_path):
    path = tree("one/2024/03/04/22", "two/2024/03/04/22")
    for schedule in ("one", "two"):
        (tmp_path / schedule / "2024/03/04/22/constraints.json").write_text("{}")

    with pytest.raises(BadConfiguration, match=r"two reports of 2024-03-04T22Z.*name the folder of one schedule"):
        find_reports(LocalStorage(), path)


def test_a_report_without_a_file_of_violations_has_none(tmp_path):
    assert read_report(LocalStorage(), str(tmp_path)) == Verdict()


@pytest.mark.parametrize("content", ["{", '{"violations": [{}]}', "[]"])
def test_a_report_that_cannot_be_read_says_why(tmp_path, content):
    (tmp_path / "constraint_violations.json").write_text(content)

    assert str(tmp_path / "constraint_violations.json") in read_report(LocalStorage(), str(tmp_path)).failure
