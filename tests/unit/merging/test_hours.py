"""Hours, their folders and the names of their files."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.data.reading.ledger import MERGED_PART
from spark_model_monitor.running.merging.hourly_sources import (
    HourFolder,
    containing_hour,
    count_hours,
    format_hour,
    hour_start,
    parse_hour_folder,
)

HOUR = containing_hour(datetime(2024, 3, 4, 7, 59, tzinfo=timezone.utc))


def test_an_hour_holds_its_times():
    assert hour_start(HOUR) == datetime(2024, 3, 4, 7, tzinfo=timezone.utc)
    assert format_hour(HOUR) == "2024-03-04T07:00:00Z"


@pytest.mark.parametrize(("period", "hours"), [(timedelta(days=7), 168), (timedelta(minutes=61), 2), (timedelta(0), 0)])
def test_a_period_is_rounded_up_to_hours(period, hours):
    assert count_hours(period) == hours


@pytest.mark.parametrize(
    ("folder", "root", "expected"),
    [
        pytest.param("file:/in/churn/AllTraffic/2024/03/04/07", "file:/in", ("churn/AllTraffic", HOUR), id="an endpoint's"),
        pytest.param("file:/in/2024/03/04/07", "file:/in", ("", HOUR), id="hours right below"),
        pytest.param("file:/in/a/2024/03/04/07/deeper", "file:/in", ("a", HOUR), id="a folder in the hour"),
        pytest.param("file:/in/2024/03/04/07", "file:/in/2024/03/04/07", ("", HOUR), id="a mounted hour"),
        pytest.param("file:/in/2024/03/04/07/x", "file:/in/2024/03/04/07", ("", HOUR), id="below a mounted hour"),
        pytest.param("file:/in", "file:/in", ("", None), id="no hours"),
        pytest.param("file:/in/sub", "file:/in", ("sub", None), id="no hours in a folder"),
        pytest.param("file:/in/2024/13/04/07", "file:/in", ("", None), id="no such month"),
    ],
)  # fmt: skip
def test_a_folder_names_its_branch_and_hour(folder, root, expected):
    assert parse_hour_folder(folder, root) == expected


def test_an_hour_has_one_folder_and_one_file_name_for_ever():
    hour = HourFolder("churn/AllTraffic", HOUR)

    assert hour.path == "churn/AllTraffic/2024/03/04/07"
    assert HourFolder("", HOUR).path == "2024/03/04/07"
    assert MERGED_PART.fullmatch(hour.part)
    assert hour.part == HourFolder("churn/AllTraffic", HOUR).part != HourFolder("churn/B", HOUR).part
    assert HourFolder.parse_id_path(hour.id_path) == hour


@pytest.mark.parametrize("name", ["README.md", "2024-13-04T07.jsonl", "2024-3-4T7.jsonl", "2024-03-04T07.jsonl.bak"])
def test_a_file_of_another_name_is_no_hours(name):
    assert HourFolder.parse_id_path(f"churn/AllTraffic/{name}") is None
