"""One merge of a window: what joins, what is kept, what is counted, and what is written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from pyspark.sql import DataFrameReader
from tests.spark.merging.records import (
    BRANCH,
    FIRST,
    captured,
    format_folder,
    label,
    merged_files,
    merged_records,
    read_ledger,
    truths,
    write_captures,
    write_labels,
    write_lines,
)

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.partitions import MIN_BATCH_ROWS
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge as run_merge


@pytest.mark.parametrize("data", ["1\n", "0,\t1", 'a "quoted" one', "back\\slash", "süß"])
def test_many_labels_alike_are_written_as_json_writes_them(merge, tmp_path, data):
    numbers = range(100)  # enough for lines to be taken by what they have in common
    write_captures(tmp_path, 0, [captured(number) for number in numbers])
    write_labels(tmp_path, 0, [label(f"event-{number}", data) for number in numbers])

    merge(0, 0)

    assert truths(tmp_path / "merged") == {f"event-{number}": data for number in numbers}


@pytest.mark.parametrize("write", [write_captures, write_labels], ids=["captures", "labels"])
def test_a_truncated_gzip_is_named_and_nothing_is_published(merge, tmp_path, write):
    events = range(2_000)
    write_captures(tmp_path, 0, [captured(number) for number in events])
    write_labels(tmp_path, 0, [label(f"event-{number}") for number in events])
    records = [captured(f"{number}-{number * 7919}") for number in events]
    whole_file = write(
        tmp_path, 0, records if write is write_captures else [label(f"x-{n * 7919}") for n in events], "cut"
    )
    content = gzip.compress(whole_file.read_bytes())
    whole_file.unlink()
    whole_file.with_name("cut.jsonl.gz").write_bytes(content[: len(content) // 2])

    with pytest.raises(BadInput, match=r"cut\.jsonl\.gz: is cut short or damaged"):
        merge(0)
    assert merged_files(tmp_path / "merged") == {}


@pytest.mark.parametrize("write", [write_captures, write_labels], ids=["captures", "labels"])
@pytest.mark.parametrize("engine", ["spark"], indirect=True)  # whose reader changes the file
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:300])])
def test_a_file_that_changes_while_it_is_merged_is_named_and_nothing_is_published(
    merge, tmp_path, write, change, monkeypatch
):
    files = {
        write_captures: write_captures(tmp_path, 0, [captured(number) for number in range(50)]),
        write_labels: write_labels(tmp_path, 0, [label(f"event-{number}") for number in range(50)]),
    }
    listed = DataFrameReader.text
    changed = []

    def read(reader, *paths, **options):
        frame = listed(reader, *paths, **options)
        if files[write].parent.as_posix() in str(paths) and not changed:
            changed.append(change(files[write]))
        return frame

    monkeypatch.setattr(DataFrameReader, "text", read)

    with pytest.raises(BadInput, match=f"{files[write].name}: had [0-9,]+ bytes when it was listed"):
        merge(0)
    assert changed
    assert merged_files(tmp_path / "merged") == {}


def test_a_merge_is_a_handful_of_jobs_whatever_there_is_to_merge(merge, tmp_path, count_spark_jobs):
    """Both sides to their buckets, their lines to their hours, and the files: a job each, as Spark counts them."""
    for hours in (1, 6):
        for hour in range(hours):
            write_captures(tmp_path, hour, [captured(f"{hour}-{number}", hour=hour) for number in range(40)])
            write_labels(tmp_path, hour, [label(f"event-{hour}-{number}") for number in range(40)])
        with count_spark_jobs() as jobs:
            merge(0, hours - 1, output=f"merged-{hours}")

        assert len(jobs) <= 3


def test_every_record_of_both_sides_is_accounted_for(merge, tmp_path):
    """C11.14 and C11.15: captures are all kept, of an id's labels the last counts."""
    write_captures(
        tmp_path,
        0,
        [
            captured(1, inference_id="7"),
            captured(2, inference_id="7", minute=1),  # the same id twice
            captured(3, minute=2),
            captured(4, minute=3),
            captured(5, inference_id="", minute=4),
            "{cut",
            json.dumps({"eventMetadata": {"eventId": "no capture"}}),
            json.dumps({"captureData": {"endpointOutput": {"data": "1", "encoding": "CSV"}}}),
        ],
    )
    write_labels(tmp_path, 0, [label("7", "0"), label("event-3", "0"), label("nobody's")])
    write_labels(tmp_path, 1, [label("event-3", "1"), label("7", "0"), label("event-5", "1"), '{"eventVersion": "0"}'])
    merge(0, 1, max_quarantined_share=0.5)
    ledger = read_ledger(tmp_path / "merged")

    assert truths(tmp_path / "merged") == {"event-1": "0", "event-2": "0", "event-3": "1", "event-5": "1"}
    assert ledger["captures"] == {
        "read": 8,
        "matched": 4,
        "labelled_as_absent": 0,
        "without_label": {"up to PT1H": 0, "up to PT6H": 1, "up to P1D": 0, "up to P7D": 0, "over P7D": 0},
        "outside_window": 0,
        "without_data": 0,
        "quarantined": {"not a JSON object": 1, "not a captured record": 1, "no id to join by": 1},
        "with_the_id_of_another": 1,
    }
    assert ledger["labels"] == {
        "read": 7,
        "matched": 3,
        "matched_in_earlier_hours": 0,
        "without_capture": 1,
        "duplicates": {"same_label": 1, "another_label": 1},
        "outside_window": 0,
        "quarantined": {"not a ground-truth record": 1},
        "repaired": {},
    }
    assert ledger["coverage"] == 0.8
    quarantine = [
        json.loads(line) for line in (tmp_path / "merged" / "quarantine" / "00000.jsonl").read_text().splitlines()
    ]
    assert [(record["reason"], record["line_number"]) for record in quarantine] == [
        ("not a JSON object", 6),
        ("not a captured record", 7),
        ("no id to join by", 8),
        ("not a ground-truth record", 4),
    ]


def test_no_character_of_a_capture_is_lost(merge, tmp_path):
    """Members that nobody knows, their order, numbers and blanks: the ground truth is put behind them."""
    line = (
        '{ "eventVersion":"0", "futureMember":{"n":1.10,"big":123456789012345678901234567890},'
        '"captureData":{"endpointOutput":{"data":"0.50\\n","encoding":"CSV","mode":"OUTPUT"}},'
        '"eventMetadata":{"eventId":"a","customAttributes":["é\\u00e9"],"inferenceTime":"2024-03-04T00:10:00Z"} }'
    )
    write_captures(tmp_path, 0, [line + "  "])
    write_labels(tmp_path, 0, [label("a", '{"label": 1}', "JSON")])
    merge(0)
    [content] = merged_files(tmp_path / "merged").values()

    assert content.decode() == line[:-1] + ',"groundTruthData":{"data":"{\\"label\\": 1}","encoding":"JSON"}}\n'


def test_records_stand_in_their_captures_folder_by_time_and_id(merge, tmp_path):
    """An hour's folder holds what was delivered in it; times of neighbouring hours stay there (C6.3)."""
    late = captured("late", hour=1, minute=59)
    early = captured("early", hour=0, minute=58)
    ties = [captured("b", hour=1, minute=5), captured("a", hour=1, minute=5)]
    untimed = captured("untimed")
    del untimed["eventMetadata"]["inferenceTime"]
    write_captures(tmp_path, 1, [late, *ties], name="2.jsonl")
    write_captures(tmp_path, 1, [early, untimed], name="1.jsonl")
    ids = ["late", "early", "a", "b", "untimed"]
    write_labels(tmp_path, 1, [label(f"event-{number}") for number in ids])
    merge(1)
    [path] = merged_files(tmp_path / "merged")

    assert path.startswith(f"{BRANCH}/{format_folder(1)}/part-00000-")
    assert path.endswith(".c000.jsonl")
    assert [record["eventMetadata"]["eventId"] for record in merged_records(tmp_path / "merged")] == [
        f"event-{number}" for number in ("early", "untimed", "a", "b", "late")
    ]


def test_the_result_does_not_depend_on_files_and_partitions(spark, merge, tmp_path):
    """The same records in one file and in many, in another order, give the same bytes and the same names."""
    records = [captured(number, minute=number % 60) for number in range(200)]
    labels = [label(f"event-{number}", str(number % 3)) for number in range(200)]
    write_captures(tmp_path, 0, records)
    write_labels(tmp_path, 0, labels)
    merge(0)
    for part in range(5):
        write_lines(tmp_path / "scattered" / BRANCH / format_folder(0) / f"{part}.jsonl", records[part::5][::-1])
        write_lines(tmp_path / "labels-scattered" / format_folder(0) / f"{part}.jsonl", labels[part::5][::-1])
    merge(0, output="scattered-merged", captures="scattered", labels="labels-scattered")

    assert merged_files(tmp_path / "merged") == merged_files(tmp_path / "scattered-merged")


def test_a_large_hour_is_put_together_from_slices_of_its_time(merge, tmp_path, monkeypatch):
    write_captures(tmp_path, 0, [captured(number, minute=number % 60) for number in range(100)])
    write_labels(tmp_path, 0, [label(f"event-{number}") for number in range(100)])
    merge(0)
    monkeypatch.setattr("spark_model_monitor.running.merging.staging.SLICE_BYTES", 4000)
    merge(0, output="sliced")

    assert merged_files(tmp_path / "sliced") == merged_files(tmp_path / "merged")


def test_captures_without_hour_folders_go_to_the_hour_of_their_time(merge, tmp_path):
    write_lines(tmp_path / "flat" / "all.jsonl", [captured(1), captured(2, hour=1), captured(3, hour=2)])
    write_lines(tmp_path / "truth.jsonl", [label(f"event-{number}") for number in (1, 2, 3)])
    merge(0, 1, captures="flat", labels="truth.jsonl")
    ledger = read_ledger(tmp_path / "merged")

    assert [path.rpartition("/")[0] for path in merged_files(tmp_path / "merged")] == [
        format_folder(0),
        format_folder(1),
    ]
    assert ledger["captures"]["outside_window"] == 1
    assert ledger["captures"]["read"] == 3


def test_a_window_reads_its_own_hours_only(merge, tmp_path):
    for hour in range(3):
        write_captures(tmp_path, hour, [captured(hour, hour=hour)])
        write_labels(tmp_path, hour, [label(f"event-{number}") for number in range(3)])
    merge(1)
    ledger = read_ledger(tmp_path / "merged")

    assert truths(tmp_path / "merged") == {"event-1": "1"}
    assert [len(ledger["files"][role]) for role in ("captures", "labels")] == [1, 1]
    assert ledger["window"] == {"start": "2024-03-04T01:00:00Z", "end": "2024-03-04T02:00:00Z"}


def test_other_parts_of_an_hour_are_replaced_and_other_files_stay(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1)])
    write_labels(tmp_path, 0, [label("event-1")])
    folder = tmp_path / "merged" / BRANCH / format_folder(0)
    services = write_lines(folder / "part-00000-0b7bfd33-0000-4000-8000-000000000000.c000.jsonl", ["{}"])
    own_notes = write_lines(folder / "notes.jsonl", ["{}"])
    merge(0)

    assert not services.exists()
    assert own_notes.exists()
    assert truths(tmp_path / "merged") == {"event-1": "1"}


def test_folders_may_be_called_what_they_like(merge, tmp_path):
    folder = tmp_path / "captures" / "an endpoint%20é" / "All+Traffic" / format_folder(0)
    write_lines(folder / "a b.jsonl", [captured(1)])
    write_labels(tmp_path, 0, [label("event-1")])
    merge(0)

    [path] = merged_files(tmp_path / "merged")
    assert path.startswith("an endpoint%20é/All+Traffic/2024/03/04/00/")


def test_one_id_of_all_captures_and_many_labels_of_it_are_joined(merge, tmp_path):
    """The worst skew there is: everything has one id."""
    write_captures(tmp_path, 0, [captured(number, inference_id="0", minute=number % 60) for number in range(3000)])
    write_labels(tmp_path, 0, [label("0", str(number)) for number in range(1000)])
    merge(0)
    ledger = read_ledger(tmp_path / "merged")

    assert set(truths(tmp_path / "merged").values()) == {"999"}
    assert ledger["captures"]["matched"] == 3000
    assert ledger["labels"]["duplicates"] == {"same_label": 0, "another_label": 999}


@pytest.mark.parametrize(
    ("captures", "labels", "failure", "sentence"),
    [
        pytest.param([], [label("a")], NoData, "inputs had no data: .*captures has no file for 2024-03-04T00", id="no captures"),
        pytest.param([captured(1)], [], NoData, "Job inputs had no data: .*labels has no file for 2024-03-04T00", id="no labels"),
        pytest.param([captured(1)], [label("x")], BadInput, "none of 1 labels has the id of one of 1", id="nothing matches"),
        pytest.param([captured(1), "x"], [label("event-1")], BadInput, "1 of 2 captures were refused", id="bad captures"),
        pytest.param(["0.7", "0.2"], [label("event-1")], BadInput, "a batch transform append ids to its out", id="no ids"),
        pytest.param([captured(1)], [label("event-1"), "x"], BadInput, "1 of 2 labels were refused", id="bad labels"),
        pytest.param(
            [captured(1)], [{"eventId": "event-1", "label": 1}], BadInput, 'write labels as {"groundTruthData"', id="own labels"
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_merged_is_said_in_a_sentence(merge, tmp_path, captures, labels, failure, sentence):
    write_captures(tmp_path, 0, captures)
    write_labels(tmp_path, 0, labels)

    with pytest.raises(failure, match=sentence):
        merge(0)
    assert merged_files(tmp_path / "merged") == {}
    assert not (tmp_path / "merged" / "_staging").exists()


def test_absent_labels_do_without_waiting(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_captures(tmp_path, 1, [captured(3, hour=1)])
    write_labels(tmp_path, 1, [label("event-1")])
    merge(0, 1, as_of=2, absent_label="0", after_hours=1)

    assert truths(tmp_path / "merged") == {"event-1": "1", "event-2": "0"}
    captures = read_ledger(tmp_path / "merged")["captures"]
    assert (captures["matched"], captures["labelled_as_absent"], captures["without_label"]["up to PT1H"]) == (1, 1, 1)


def test_the_hours_that_the_tests_count_from_are_those_of_the_folders():
    assert FIRST * 3600 == 1709510400  # 2024-03-04T00:00:00Z


def test_batches_are_as_small_as_captured_lines_are_long(tmp_path):
    write_captures(tmp_path, 0, [captured(1, output="5" * 2**18)])
    write_labels(tmp_path, 0, [label("event-1")])
    engine = LocalEngine()

    run_merge(engine, MergeRequest(str(tmp_path / "captures"), str(tmp_path / "labels"), str(tmp_path / "merged")))

    assert engine.rows == MIN_BATCH_ROWS
