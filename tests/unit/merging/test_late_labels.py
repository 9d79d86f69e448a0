"""Labels that come late: what waits, what is restated, and that the last label makes all runs one."""

from __future__ import annotations

import json
import os
import random

import pytest
from tests.spark.merging.records import (
    BRANCH,
    format_folder,
    make_capture,
    make_label,
    read_ledger,
    read_merged_files,
    read_truths,
    write_captures,
    write_labels,
)
from tests.unit.reading.read_data_sets import read_quarantine

WEEK = 7 * 24


def read_json(path):
    return json.loads(path.read_text())


def read_modification_times(folder):
    return {path: os.stat(path).st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def test_after_the_last_label_all_runs_have_written_what_one_run_writes(merge, tmp_path):
    """Four hours of captures with labels after minutes to hours, some of which are corrected later."""
    rng = random.Random(5)
    labels = {}
    for hour in range(4):
        write_captures(
            tmp_path, hour, [make_capture(f"{hour}-{n}", hour=hour, minute=rng.randrange(60)) for n in range(6)]
        )
        for number in range(6):
            delay = rng.choice([0, 0, 1, 2, 5, None])
            if delay is not None:
                labels.setdefault(hour + delay, []).append(make_label(f"event-{hour}-{number}", str(rng.randrange(2))))
            if rng.random() < 0.2:
                labels.setdefault(hour + 4, []).append(make_label(f"event-{hour}-{number}", str(rng.randrange(2))))
    last = max(labels)

    start = 0
    for end in (2, 4, last + 1):  # each run sees the labels that have come by then
        for hour in range(start, end):
            if hour in labels:
                write_labels(tmp_path, hour, labels[hour])
        merge(start, end - 1, late_hours=WEEK)
        start = end
    merge(0, last, output="at-once", late_hours=WEEK)

    assert read_merged_files(tmp_path / "merged") == read_merged_files(tmp_path / "at-once")
    assert len(read_merged_files(tmp_path / "merged")) == 4
    assert read_json(tmp_path / "merged" / "restatement.json")["hours"]


def test_labels_that_come_later_restate_their_hours_and_no_other(merge, tmp_path):
    write_captures(tmp_path, 0, [make_capture(1), make_capture(2), make_capture(5), make_capture(6)])
    write_captures(tmp_path, 1, [make_capture(3, hour=1)])
    write_labels(tmp_path, 0, [make_label("event-1"), make_label("event-5", "0")])
    merged_folder = tmp_path / "merged"
    merge(0, late_hours=WEEK)
    lines = (merged_folder / "pending" / BRANCH / "2024-03-04T00.jsonl").read_text().splitlines()
    waiting = {record["id"]: record.get("label") for record in map(json.loads, lines)}

    assert read_ledger(merged_folder)["coverage"] == 0.5
    assert [waiting[f"event-{number}"] is None for number in (1, 2, 5)] == [False, True, False]

    # One is added, one corrected, one repeated; one comes for the window itself, and one for nobody
    labels = [make_label("event-2", "0"), *map(make_label, ("event-3", "event-5", "event-1", "x"))]
    write_labels(tmp_path, 1, labels)
    merged = merge(1, late_hours=WEEK)

    assert read_truths(merged_folder) == {"event-1": "1", "event-2": "0", "event-3": "1", "event-5": "1"}
    [hour] = merged.restated
    assert (hour.added, hour.changed) == (1, 1)
    [restated] = read_json(merged_folder / "restatement.json")["hours"]
    assert restated == {
        "folder": f"{BRANCH}/{format_folder(0)}",
        "labels": 2,
        "added": 1,
        "changed": 1,
        "labelled_as_absent": 0,
        "coverage_before": 0.5,
        "coverage": 0.75,
    }
    labels = read_ledger(merged_folder)["labels"]
    assert [labels[name] for name in ("read", "matched", "matched_in_earlier_hours", "outside_window")] == [7, 1, 3, 2]

    # A run once more changes no file
    before = read_modification_times(merged_folder)
    second_run = merge(1, late_hours=WEEK)
    assert read_modification_times(merged_folder) == before
    assert second_run.restated == ()


@pytest.mark.parametrize(("later_label", "changed"), [("0", [1]), ("1", [])], ids=["another", "the same"])
def test_an_hour_in_which_a_label_alone_is_corrected_is_restated(merge, tmp_path, later_label, changed):
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 0, [make_label("event-1", "1")])
    merge(0, late_hours=WEEK)
    write_captures(tmp_path, 1, [make_capture(2, hour=1)])
    write_labels(tmp_path, 1, [make_label("event-1", later_label)])

    assert [hour.changed for hour in merge(1, late_hours=WEEK).restated] == changed


def test_without_any_label_yet_a_run_succeeds_and_an_hour_without_captures_restates(merge, tmp_path):
    write_captures(tmp_path, 0, [make_capture(1), "{cut"])
    merged_folder = tmp_path / "merged"
    merge(0, late_hours=WEEK, max_quarantined_share=0.5)  # there is no folder of labels at all

    assert (read_ledger(merged_folder)["coverage"], read_merged_files(merged_folder)) == (0, {})
    coverage = read_json(merged_folder / BRANCH / format_folder(0) / "_coverage.json")
    assert coverage == {"captures": 1, "labelled": 0, "labelled_as_absent": 0, "coverage": 0.0}
    assert read_ledger(merged_folder)["captures"]["quarantined"] == {"not a JSON object": 1}
    [record] = read_quarantine(merged_folder)
    assert (record["line"], record["line_number"]) == ("{cut", 2)
    write_labels(tmp_path, 3, [make_label("event-1")])
    merge(3, late_hours=WEEK, max_quarantined_share=0.5)
    assert read_truths(merged_folder) == {"event-1": "1"}


def test_a_label_counts_for_captures_within_the_period_and_an_hour_out_of_reach_is_forgotten(merge, tmp_path):
    """Ids are used again: each capture gets the last label that is at most two hours from it."""
    for hour in (0, 5):
        write_captures(tmp_path, hour, [make_capture(hour, inference_id="7", hour=hour)])
    for hour, data in ((1, "0"), (6, "1"), (9, "2")):
        write_labels(tmp_path, hour, [make_label("7", data)])
    merge(0, 5, late_hours=2)

    assert read_truths(tmp_path / "merged") == {"event-0": "0", "event-5": "1"}
    merge(5, late_hours=2)
    pending = tmp_path / "merged" / "pending" / BRANCH
    assert [path.name for path in pending.iterdir()] == ["2024-03-04T05.jsonl"]


def test_an_hour_whose_captures_are_gone_stays_as_it_is(merge, tmp_path, caplog):
    captures = write_captures(tmp_path, 0, [make_capture(1), make_capture(2)])
    write_captures(tmp_path, 1, [make_capture(3, hour=1)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    merge(0, late_hours=WEEK)
    captures.write_text(json.dumps(make_capture(2)) + "\n")  # somebody has deleted a part of them
    write_labels(tmp_path, 1, [make_label("event-2")])
    merged = merge(1, late_hours=WEEK)

    assert read_truths(tmp_path / "merged") == {"event-1": "1"}
    assert merged.restated == ()
    assert f"{format_folder(0)} is left unchanged" in caplog.text


def test_a_capture_without_an_event_is_labelled_as_absent_until_one_comes(merge, tmp_path):
    write_captures(tmp_path, 0, [make_capture(1), make_capture(2)])
    write_captures(tmp_path, 2, [make_capture(3, hour=2)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    absent = {"absent_label": "0", "after_hours": 2, "late_hours": WEEK}
    merged_folder = tmp_path / "merged"
    merge(0, **absent)
    waiting = read_truths(merged_folder)
    second = merge(2, **absent)
    after_two_hours = read_truths(merged_folder)
    coverage = read_json(merged_folder / BRANCH / format_folder(0) / "_coverage.json")
    write_labels(tmp_path, 3, [make_label("event-2")])
    write_captures(tmp_path, 3, [make_capture(4, hour=3)])
    third = merge(3, **absent)

    assert waiting == {"event-1": "1"}
    assert after_two_hours == {"event-1": "1", "event-2": "0"}
    assert [(hour.added, hour.absent) for hour in second.restated] == [(0, 1)]
    assert coverage == {"captures": 2, "labelled": 1, "labelled_as_absent": 1, "coverage": 0.5}
    assert read_truths(merged_folder) == {"event-1": "1", "event-2": "1"}
    assert [(hour.added, hour.absent) for hour in third.restated] == [(1, 0)]


@pytest.mark.parametrize(("hour", "remaining"), [(30, ["2024-03-04T00.jsonl"]), (366 * 24, ["2024-03-04T00.jsonl"])])
def test_a_window_without_captures_forgets_no_hour(merge, tmp_path, hour, remaining):
    """As that of a clock that is ahead: labels still come for the hours that wait."""
    write_captures(tmp_path, 0, [make_capture(1)])
    write_labels(tmp_path, 1, [make_label("x")])
    merge(0, 1, late_hours=24)
    merge(hour, late_hours=24)
    folder = tmp_path / "merged" / "pending" / BRANCH
    assert sorted(os.listdir(folder)) == remaining

    write_captures(
        tmp_path,
        30,
        [make_capture(2, hour=6)],
    )
    merge(30, late_hours=24)
    assert "2024-03-04T00.jsonl" not in os.listdir(folder), "a window with captures does"
