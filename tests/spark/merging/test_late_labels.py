"""Labels that come late: what waits, what is restated, and that the last label makes all runs one."""

from __future__ import annotations

import json
import os
import random

import pytest
from tests.spark.merging.records import (
    BRANCH,
    captured,
    format_folder,
    label,
    merged_files,
    read_ledger,
    truths,
    write_captures,
    write_labels,
)

WEEK = 7 * 24


def pending_ids(output, hour):
    path = output / "pending" / BRANCH / f"2024-03-04T{hour:02d}.jsonl"
    return {record["id"]: record.get("label") for record in map(json.loads, path.read_text().splitlines())}


def restatement(output):
    return json.loads((output / "restatement.json").read_text())["hours"]


def modified(output):
    return {path: os.stat(path).st_mtime_ns for path in sorted(output.rglob("*")) if path.is_file()}


@pytest.mark.timeout(1800)
def test_after_the_last_label_all_runs_have_written_what_one_run_writes(merge, tmp_path):
    """48 hours of captures with labels after minutes to days, some of which are corrected a day later."""
    rng = random.Random(5)
    labels = {}
    for hour in range(48):
        records = [captured(f"{hour}-{number}", hour=hour, minute=rng.randrange(60)) for number in range(6)]
        write_captures(tmp_path, hour, records)
        for number in range(6):
            delay = rng.choice([0, 0, 0, 1, 2, 5, 26, 49, None])
            if delay is not None:
                labels.setdefault(hour + delay, []).append(label(f"event-{hour}-{number}", str(rng.randrange(2))))
            if rng.random() < 0.1:
                labels.setdefault(hour + 24, []).append(label(f"event-{hour}-{number}", str(rng.randrange(2))))
    last = max(labels)

    start = 0
    for end in (*range(16, 49, 16), 72, last + 1):  # each run sees the labels that have come by then
        for hour in range(start, end):
            if hour in labels:
                write_labels(tmp_path, hour, labels[hour])
        merge(start, end - 1, late_hours=WEEK)
        start = end
    merge(0, last, output="at-once", late_hours=WEEK)

    assert merged_files(tmp_path / "merged") == merged_files(tmp_path / "at-once")
    assert len(merged_files(tmp_path / "merged")) == 48


def test_a_label_that_comes_later_restates_its_hour_and_no_other(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 0, [label("event-1")])
    output = tmp_path / "merged"
    merge(0, late_hours=WEEK)
    first = read_ledger(output)
    waiting = pending_ids(output, 0)

    write_labels(tmp_path, 1, [label("event-2", "0"), label("event-3")])
    merge(1, late_hours=WEEK)

    assert first["coverage"] == 0.5
    assert waiting["event-2"] is None
    assert waiting["event-1"] is not None
    assert truths(output) == {"event-1": "1", "event-2": "0", "event-3": "1"}
    assert restatement(output) == [
        {
            "folder": f"{BRANCH}/{format_folder(0)}",
            "labels": 1,
            "added": 1,
            "changed": 0,
            "labelled_as_absent": 0,
            "coverage_before": 0.5,
            "coverage": 1.0,
        }
    ]
    labels = read_ledger(output)["labels"]
    assert (labels["read"], labels["matched"], labels["matched_in_earlier_hours"], labels["outside_window"]) == (
        3,
        1,
        1,
        1,
    )


def test_waiting_and_restating_take_a_handful_of_jobs(merge, tmp_path, count_spark_jobs):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_labels(tmp_path, 0, [label("event-1")])
    with count_spark_jobs() as waiting:
        merge(0, late_hours=WEEK)
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 1, [label("event-2"), label("event-3")])
    with count_spark_jobs() as restating:
        merged = merge(1, late_hours=WEEK)

    assert [hour.added for hour in merged.restated] == [1]
    assert len(waiting) <= 3
    assert len(restating) <= 6  # the window, and the hour with news


def test_a_rerun_changes_no_file(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 0, [label("event-1")])
    merge(0, late_hours=WEEK)
    write_labels(tmp_path, 1, [label("event-2"), label("event-4")])
    merge(1, late_hours=WEEK)
    before = modified(tmp_path / "merged")

    second_merge = merge(1, late_hours=WEEK)

    assert modified(tmp_path / "merged") == before
    assert (second_merge.changed, second_merge.restated) == (0, ())


def test_a_corrected_label_restates_and_a_repeated_one_does_not(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 0, [label("event-1", "0"), label("event-2", "0")])
    merge(0, late_hours=WEEK)
    write_labels(tmp_path, 1, [label("event-1", "0"), label("event-2", "1")])
    merged = merge(1, late_hours=WEEK)

    assert truths(tmp_path / "merged") == {"event-1": "0", "event-2": "1"}
    [hour] = merged.restated
    assert (hour.added, hour.changed) == (0, 1)


def test_without_any_label_yet_a_run_succeeds_with_coverage_zero(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1)])
    merge(0, late_hours=WEEK)  # there is no folder of labels at all

    assert read_ledger(tmp_path / "merged")["coverage"] == 0
    assert merged_files(tmp_path / "merged") == {}
    coverage = tmp_path / "merged" / BRANCH / format_folder(0) / "_coverage.json"
    assert json.loads(coverage.read_text()) == {"captures": 1, "labelled": 0, "labelled_as_absent": 0, "coverage": 0.0}


def test_without_any_label_yet_a_bad_capture_is_put_aside(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), "{cut"])
    merge(0, late_hours=WEEK, max_quarantined_share=0.5)

    assert read_ledger(tmp_path / "merged")["captures"]["quarantined"] == {"not a JSON object": 1}
    [line] = (tmp_path / "merged" / "quarantine" / "00000.jsonl").read_text().splitlines()
    assert (json.loads(line)["line"], json.loads(line)["line_number"]) == ("{cut", 2)


def test_an_hour_without_captures_still_restates_earlier_ones(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1)])
    merge(0, late_hours=WEEK)
    write_labels(tmp_path, 3, [label("event-1")])
    merge(3, late_hours=WEEK)

    assert truths(tmp_path / "merged") == {"event-1": "1"}


def test_a_label_counts_for_captures_within_the_period_only(merge, tmp_path):
    """Ids are used again: each capture gets the last label that is at most two hours from it."""
    for hour in (0, 5):
        write_captures(tmp_path, hour, [captured(hour, inference_id="7", hour=hour)])
    write_labels(tmp_path, 1, [label("7", "0")])
    write_labels(tmp_path, 6, [label("7", "1")])
    write_labels(tmp_path, 9, [label("7", "2")])
    merge(0, 5, late_hours=2)

    assert truths(tmp_path / "merged") == {"event-0": "0", "event-5": "1"}


def test_an_hour_is_forgotten_when_no_label_can_reach_it_any_more(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1)])
    write_captures(tmp_path, 3, [captured(2, hour=3)])
    merge(0, late_hours=2)
    merge(3, late_hours=2)

    assert [path.name for path in (tmp_path / "merged" / "pending" / BRANCH).iterdir()] == ["2024-03-04T03.jsonl"]


def test_an_hour_whose_captures_are_gone_stays_as_it_is(merge, tmp_path, caplog):
    captures = write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 0, [label("event-1")])
    merge(0, late_hours=WEEK)
    captures.write_text(json.dumps(captured(2)) + "\n")  # somebody has deleted a part of them
    write_labels(tmp_path, 1, [label("event-2")])
    merged = merge(1, late_hours=WEEK)

    assert truths(tmp_path / "merged") == {"event-1": "1"}
    assert merged.restated == ()
    assert f"{format_folder(0)} is left unchanged" in caplog.text


def test_a_capture_without_an_event_is_labelled_as_absent_until_one_comes(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 2, [captured(3, hour=2)])
    write_labels(tmp_path, 0, [label("event-1")])
    absent = {"absent_label": "0", "after_hours": 2, "late_hours": WEEK}
    output = tmp_path / "merged"
    merge(0, **absent)
    waiting = truths(output)
    second = merge(2, **absent)
    after_two_hours = truths(output)
    coverage = json.loads((output / BRANCH / format_folder(0) / "_coverage.json").read_text())
    write_labels(tmp_path, 3, [label("event-2")])
    write_captures(tmp_path, 3, [captured(4, hour=3)])
    third = merge(3, **absent)

    assert waiting == {"event-1": "1"}
    assert after_two_hours == {"event-1": "1", "event-2": "0"}
    assert [(hour.added, hour.absent) for hour in second.restated] == [(0, 1)]
    assert coverage == {"captures": 2, "labelled": 1, "labelled_as_absent": 1, "coverage": 0.5}
    assert truths(output) == {"event-1": "1", "event-2": "1"}
    assert [(hour.added, hour.absent) for hour in third.restated] == [(1, 0)]
