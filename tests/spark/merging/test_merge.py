"""One merge of a window: what joins, what is kept, what is counted, and what is written."""

from pathlib import Path

import pytest
from tests.spark.merging.records import (
    BRANCH,
    format_folder,
    make_capture,
    make_label,
    read_merged_files,
    write_captures,
    write_labels,
    write_lines,
)

from spark_model_monitor.errors import BadInput


@pytest.mark.parametrize("write", [write_captures, write_labels], ids=["captures", "labels"])
@pytest.mark.parametrize("change", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:300])])
def test_a_file_that_changes_while_it_is_merged_is_named_and_nothing_is_published(
    merge, spark, tmp_path, write, change, monkeypatch
):
    files = {
        write_captures: write_captures(tmp_path, 0, [make_capture(number) for number in range(50)]),
        write_labels: write_labels(tmp_path, 0, [make_label(f"event-{number}") for number in range(50)]),
    }
    reader_class = type(spark.read)
    listed = reader_class.text
    changed = []

    def read(reader, *paths, **options):
        frame = listed(reader, *paths, **options)
        if files[write].parent.as_posix() in str(paths) and not changed:
            changed.append(change(files[write]))
        return frame

    # What the merge lists is there, and what it opens after that has changed
    monkeypatch.setattr(reader_class, "text", read)

    with pytest.raises(BadInput, match=f"{files[write].name}: had [0-9,]+ bytes when it was listed"):
        merge(0)
    assert changed
    assert read_merged_files(tmp_path / "merged") == {}


def test_a_merge_is_a_handful_of_jobs_whatever_there_is_to_merge(merge, tmp_path, count_spark_jobs):
    """Both sides to their buckets, their lines to their hours, and the files: a job each, as Spark counts them."""
    for hours in (1, 6):
        for hour in range(hours):
            write_captures(tmp_path, hour, [make_capture(f"{hour}-{number}", hour=hour) for number in range(40)])
            write_labels(tmp_path, hour, [make_label(f"event-{hour}-{number}") for number in range(40)])
        with count_spark_jobs() as jobs:
            merge(0, hours - 1, output=f"merged-{hours}")

        assert len(jobs) <= 3


def test_the_result_does_not_depend_on_files_and_partitions(spark, merge, tmp_path):
    """The same records in one file and in many, in another order, give the same bytes and the same names."""
    records = [make_capture(number, minute=number % 60) for number in range(200)]
    labels = [make_label(f"event-{number}", str(number % 3)) for number in range(200)]
    write_captures(tmp_path, 0, records)
    write_labels(tmp_path, 0, labels)
    merge(0)
    for part in range(5):
        write_lines(tmp_path / "scattered" / BRANCH / format_folder(0) / f"{part}.jsonl", records[part::5][::-1])
        write_lines(tmp_path / "labels-scattered" / format_folder(0) / f"{part}.jsonl", labels[part::5][::-1])
    merge(0, output="scattered-merged", captures="scattered", labels="labels-scattered")

    assert read_merged_files(tmp_path / "merged") == read_merged_files(tmp_path / "scattered-merged")


WEEK = 7 * 24


def test_waiting_and_restating_take_a_handful_of_jobs(merge, tmp_path, count_spark_jobs):
    write_captures(tmp_path, 0, [make_capture(1), make_capture(2)])
    write_labels(tmp_path, 0, [make_label("event-1")])
    with count_spark_jobs() as waiting:
        merge(0, late_hours=WEEK)
    write_captures(tmp_path, 1, [make_capture(3, hour=1)])
    write_labels(tmp_path, 1, [make_label("event-2"), make_label("event-3")])
    with count_spark_jobs() as restating:
        merged = merge(1, late_hours=WEEK)

    assert [hour.added for hour in merged.restated] == [1]
    assert len(waiting) <= 3
    assert len(restating) <= 6  # the window, and the hour with news
