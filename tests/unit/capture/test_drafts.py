from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from spark_model_monitor.capture import CaptureLimits
from spark_model_monitor.capture.spool import Drafts, Line, Spool

from .capturing import NOON, HandClock

LIMITS = CaptureLimits(rotate_seconds=60, rotate_bytes=10, spool_bytes=100)


@pytest.fixture
def hand():
    return HandClock()


@pytest.fixture
def drafts(tmp_path, hand):
    spool_drafts = Drafts(Spool(tmp_path / "spool"), "churn/AllTraffic", LIMITS, hand.clock)
    yield spool_drafts
    for draft in spool_drafts.take_all():
        draft.release()


def folders_and_contents(uploads) -> list[tuple[str, bytes]]:
    contents = [(draft.key.rpartition("/")[0], draft.path.read_bytes()) for draft in uploads]
    for draft in uploads:
        draft.release()
    return sorted(contents)


def test_a_file_is_named_by_its_first_record_in_the_folder_of_its_hour(drafts):
    drafts.append([Line(NOON, b"1\n"), Line(NOON + timedelta(minutes=3), b"2\n")])
    [draft] = drafts.take_all()

    assert draft.key.startswith("churn/AllTraffic/2024/03/04/12/05-06-789-")
    assert len(draft.key.rpartition("05-06-789-")[2]) == len("0b7bfd33-0000-0000-0000-000000000000.jsonl")
    draft.release()


def test_a_record_lies_in_its_own_hour_also_when_the_clock_went_back(drafts):
    times = [datetime(2024, 3, 4, 13, 0, 1, tzinfo=timezone.utc), datetime(2024, 3, 4, 12, 59, 58, tzinfo=timezone.utc)]
    drafts.append([Line(time, f"{time:%H}\n".encode()) for time in times])
    drafts.append([Line(time + timedelta(seconds=1), f"{time:%H}\n".encode()) for time in times])

    assert folders_and_contents(drafts.take_all()) == [
        ("churn/AllTraffic/2024/03/04/12", b"12\n12\n"),
        ("churn/AllTraffic/2024/03/04/13", b"13\n13\n"),
    ]


def test_a_file_is_finished_when_it_is_old_whatever_the_clock_on_the_wall_says(drafts, hand):
    drafts.append([Line(NOON, b"1\n")])
    hand.seconds += 59
    assert drafts.take_finished() == []

    hand.time -= timedelta(days=1)
    hand.seconds += 1
    assert folders_and_contents(drafts.take_finished()) == [("churn/AllTraffic/2024/03/04/12", b"1\n")]


def test_a_file_is_finished_when_it_is_large_and_another_one_begins(drafts):
    drafts.append([Line(NOON, b"123456789\n")])
    [first] = drafts.take_finished()
    drafts.append([Line(NOON, b"1\n")])
    [second] = drafts.take_all()

    assert first.size_bytes == 10
    assert second.path != first.path
    assert second.size_bytes == 2
    first.release()
    second.release()


def test_no_file_begins_when_as_much_as_may_be_waits_for_delivery(drafts, caplog):
    drafts.append([Line(NOON, b"x" * 99 + b"\n")])
    [waiting] = drafts.take_finished()
    line = Line(NOON, b"1\n")

    assert drafts.append([line]) == [line]
    assert "100 bytes wait there for delivery; spool_bytes allows 100" in caplog.text
    waiting.release()


def test_lines_that_a_full_disk_refuses_come_back(drafts, file_size_limit):
    lines = [Line(NOON, b"123456\n"), Line(NOON + timedelta(hours=1), b"1\n")]
    with file_size_limit(4):
        assert drafts.append(lines) == lines[:1]
    assert drafts.append(lines[:1]) == []

    assert [content for _, content in folders_and_contents(drafts.take_all())] == [b"123456\n", b"1\n"]
