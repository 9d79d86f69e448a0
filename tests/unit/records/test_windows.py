"""Windows: which hours and folders belong to one, and what counts as a time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.data.reading.listing import list_window_folders
from spark_model_monitor.data.records.windows import Window, parse_hour_of_path, parse_time
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.storage import LocalStorage

UTC = timezone.utc


def make_time(hour, minute=0, day=18):
    return datetime(2022, 4, day, hour, minute, tzinfo=UTC)


class CountingStorage(LocalStorage):
    """The local storage, with the folders that were listed."""

    def __init__(self):
        self.listed = []

    def list_folders(self, path):
        self.listed.append(path)
        return super().list_folders(path)


@pytest.fixture
def iterate_hour_folders(tmp_path):
    """`endpoint/AllTraffic/yyyy/mm/dd/hh` for two days, with a file in each."""
    for day in (17, 18):
        for hour in range(24):
            folder = tmp_path / "endpoint" / "AllTraffic" / "2022" / "04" / f"{day:02d}" / f"{hour:02d}"
            folder.mkdir(parents=True)
            (folder / "a.jsonl").write_text("{}\n")
    return tmp_path


def test_a_window_holds_its_start_and_not_its_end():
    window = Window(make_time(1), make_time(2))

    assert make_time(1) in window
    assert make_time(1, 59) in window
    assert make_time(2) not in window
    assert make_time(0, 59) not in window


@pytest.mark.parametrize(
    ("window", "later", "hours"),
    [
        pytest.param(Window(make_time(1), make_time(2)), 0, [1], id="one hour"),
        pytest.param(Window(make_time(1), make_time(2)), 1, [1, 2], id="and the one after it"),
        pytest.param(Window(make_time(1, 30), make_time(2, 30)), 1, [1, 2, 3], id="not on the hour"),
        pytest.param(Window(make_time(22), make_time(0, day=19)), 1, [22, 23, 0], id="over midnight"),
    ],
)
def test_the_hours_of_a_window(window, later, hours):
    assert [hour.hour for hour in window.hours(later=later)] == hours


def test_a_window_is_judged_in_utc_whatever_zone_it_is_written_in():
    east = timezone(timedelta(hours=5, minutes=30))
    window = Window(datetime(2022, 4, 18, 6, 30, tzinfo=east), datetime(2022, 4, 18, 7, 30, tzinfo=east))

    assert [hour.hour for hour in window.hours()] == [1]


@pytest.mark.parametrize(
    ("start", "end", "sentence"),
    [
        (make_time(2), make_time(1), "the start has to be before the end"),
        (make_time(1), make_time(1), "the start has to be before the end"),
        (datetime(2022, 4, 18), datetime(2022, 4, 19), "has no time zone"),
    ],
)
def test_a_window_that_is_none_is_reported(start, end, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        Window(start, end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-04-18T00:21:48Z", datetime(2022, 4, 18, 0, 21, 48, tzinfo=UTC)),
        ("2024-01-19T20:06:08.123456", datetime(2024, 1, 19, 20, 6, 8, 123456, tzinfo=UTC)),  # the SDK's test data
        ("2024-01-19 20:06:08.1", datetime(2024, 1, 19, 20, 6, 8, 100000, tzinfo=UTC)),
        ("2024-01-19T20:06:08.123456789Z", datetime(2024, 1, 19, 20, 6, 8, 123456, tzinfo=UTC)),
        ("2024-01-19T20:06:08+02:00", datetime(2024, 1, 19, 18, 6, 8, tzinfo=UTC)),
        ("2024-01-19T20:06:08-05:30", datetime(2024, 1, 20, 1, 36, 8, tzinfo=UTC)),
        ("2024-01-19T20:06:08-0030", datetime(2024, 1, 19, 20, 36, 8, tzinfo=UTC)),
        ("2024-01-19T20:06:08+02", datetime(2024, 1, 19, 18, 6, 8, tzinfo=UTC)),
        ("2024-01-19t20:06:08,5z", datetime(2024, 1, 19, 20, 6, 8, 500000, tzinfo=UTC)),  # RFC 3339, ISO 8601
        ("2024-01-19T20:06:08+2", None),
        ("2024-01-19T20:06:08+02:", None),
        ("2024-02-30T20:06:08Z", None),
        ("2024-01-19T24:00:00Z", None),
        ("12:30", None),
        ("2022", None),
        ("2022-04-18", None),
        ("", None),
        ("２０２２-04-18T00:21:48Z", None),
    ],
)
def test_what_is_a_time(text, expected):
    assert parse_time(text) == expected


def test_the_folder_names_the_hour():
    assert parse_hour_of_path("s3a://bucket/x/AllTraffic/2022/04/18/07/48-871-0b7b.jsonl") == make_time(7)
    assert parse_hour_of_path("file:/data/a.jsonl") is None
    assert parse_hour_of_path("file:/data/2022/13/18/07/a.jsonl") is None


def test_only_the_hours_of_the_window_are_looked_at(iterate_hour_folders):
    storage = CountingStorage()
    folders = list_window_folders(storage, str(iterate_hour_folders), Window(make_time(23, day=17), make_time(0)))

    assert folders == [
        f"{iterate_hour_folders}/endpoint/AllTraffic/2022/04/17/23",
        f"{iterate_hour_folders}/endpoint/AllTraffic/2022/04/18/00",
    ]
    # root, endpoint, variant, year, month and two days; none of the 48 hours
    assert len(storage.listed) == 7


def test_a_mounted_hour_and_a_plain_folder_are_taken_as_they_are(iterate_hour_folders):
    hour = f"{iterate_hour_folders}/endpoint/AllTraffic/2022/04/17/03"
    (iterate_hour_folders / "plain" / "deep").mkdir(parents=True)

    assert list_window_folders(LocalStorage(), hour, Window(make_time(1), make_time(2))) == [hour]
    assert list_window_folders(LocalStorage(), f"{iterate_hour_folders}/plain", Window(make_time(1), make_time(2))) == [
        f"{iterate_hour_folders}/plain"
    ]


def test_hours_without_a_folder_are_left_out(iterate_hour_folders):
    late = Window(datetime(2022, 4, 18, 23, tzinfo=UTC), datetime(2022, 4, 19, 5, tzinfo=UTC))

    assert list_window_folders(LocalStorage(), str(iterate_hour_folders), late) == [
        f"{iterate_hour_folders}/endpoint/AllTraffic/2022/04/18/23"
    ]


@pytest.mark.parametrize("folder", ["2022/04/31", "2022/13", "2022/04/17/24", "2022/4", "0000"])
def test_a_folder_of_a_time_that_does_not_exist_is_named(iterate_hour_folders, folder, caplog):
    path = iterate_hour_folders / "endpoint" / "AllTraffic" / folder
    (path / "10").mkdir(parents=True)
    window = Window(make_time(23, day=17), make_time(0))

    folders = list_window_folders(LocalStorage(), str(iterate_hour_folders), window)

    assert [name[-13:] for name in folders] == ["2022/04/17/23", "2022/04/18/00"]
    assert [record.message for record in caplog.records] == [
        f"{path} is named by a time that doesn't exist, so no window reads it; rename it"
    ]


def test_a_window_of_centuries_costs_what_is_there(iterate_hour_folders):
    (iterate_hour_folders / "endpoint" / "AllTraffic" / "2022" / "04" / "18" / "99").mkdir()  # no hour
    storage = CountingStorage()
    folders = list_window_folders(
        storage, str(iterate_hour_folders), Window(datetime(1900, 1, 1, tzinfo=UTC), make_time(0)), later=0
    )

    assert folders == [f"{iterate_hour_folders}/endpoint/AllTraffic/2022/04/17/{hour:02}" for hour in range(24)]
    assert len(storage.listed) == 6  # root, endpoint, variant, year, month and the day before


def test_a_path_that_is_absent_is_named(tmp_path):
    with pytest.raises(BadInput, match="nowhere: there is no such file or directory"):
        list_window_folders(LocalStorage(), str(tmp_path / "nowhere"), Window(make_time(1), make_time(2)))
