"""The merge job: what its variables start, and what each outcome leaves."""

from __future__ import annotations

import json

import pytest
from tests.spark.merging.records import (
    BRANCH,
    captured,
    format_folder,
    label,
    read_ledger,
    truths,
    write_captures,
    write_labels,
)


def test_the_containers_three_variables_are_all_that_it_needs(jobs_here, tmp_path):
    """C1.2, C1.3 and C1.6: a drop-in for the service's merger."""
    write_captures(tmp_path, 0, [captured(1), captured(2)])
    write_labels(tmp_path, 0, [label("event-1")])
    opt_ml = tmp_path / "container" / "opt" / "ml"
    opt_ml.mkdir(parents=True)
    output = opt_ml / "processing" / "output"
    finished = jobs_here(
        "merge",
        MODEL_MONITOR_CONTAINER_ROOT=str(tmp_path / "container"),
        dataset_source=str(tmp_path / "captures"),
        ground_truth_source=str(tmp_path / "labels"),
        output_path=str(output),
    )

    assert finished.status == 0, finished.said
    assert (opt_ml / "output" / "message").read_text() == (
        "Completed: Job completed successfully with no violations.\n"
    )
    assert truths(output) == {"event-1": "1"}
    assert [path.name for path in (output / BRANCH / format_folder(0)).glob("part-00000-*.c000.jsonl")]
    metrics = (opt_ml / "output" / "metrics" / "cloudwatch" / "cloudwatch_metrics.jsonl").read_text().splitlines()
    assert {metric["MetricName"]: metric["Value"] for metric in map(json.loads, metrics)} == {
        "ground_truth_coverage": 0.5,
        "captures_read": 2,
        "captures_matched": 1,
        "captures_without_label": 1,
        "labels_read": 1,
        "labels_without_capture": 0,
    }


def test_a_merge_needs_no_deequ(job_processes, tmp_path):
    write_captures(tmp_path, 0, [captured(1)])
    write_labels(tmp_path, 0, [label("event-1")])
    flags = ("--dataset-source", "captures", "--ground-truth-source", "labels", "--output-path", "merged")
    finished = job_processes(
        "merge",
        *flags,
        MODEL_MONITOR_DEEQU_JAR="absent.jar",
    )

    assert finished.status == 0, finished.said
    assert truths(tmp_path / "merged") == {"event-1": "1"}


def test_a_scheduled_run_waits_for_labels_and_the_next_one_restates(jobs_here, tmp_path):
    write_captures(tmp_path, 22, [captured(1, hour=22)])
    flags = ("--dataset-source", "captures", "--ground-truth-source", "labels", "--output-path", "merged")
    waiting = jobs_here("merge", *flags, "--late-labels", "P7D", "--scheduled-time", "2024-03-04T23:07:00Z")
    write_labels(tmp_path, 23, [label("event-1")])
    coverage = read_ledger(tmp_path / "merged")["coverage"]
    restating = jobs_here("merge", *flags, "--late-labels", "P7D", "--scheduled-time", "2024-03-05T00:05:00Z")
    [hour] = json.loads((tmp_path / "merged" / "restatement.json").read_text())["hours"]

    assert (waiting.status, restating.status) == (0, 0), waiting.said + restating.said
    assert coverage == 0
    assert truths(tmp_path / "merged") == {"event-1": "1"}
    assert (hour["folder"], hour["labels"], hour["coverage"]) == (f"{BRANCH}/{format_folder(22)}", 1, 1.0)


@pytest.mark.parametrize(
    ("labels", "flags", "status", "sentence"),
    [
        pytest.param([label("x")], [], 255, "none of 1 labels has the id of one of 1 captures", id="nothing matches"),
        pytest.param([], [], 3, "Job inputs had no data: labels has no file that", id="no labels"),
        pytest.param([label("event-1")], ["--start-time", "2031-01-01T00:00:00Z", "--end-time", "2031-01-02T00:00:00Z"], 3,
                     "Job inputs had no data: captures has no file for 2031-01-01T00:00:00Z to 2031-01-02T00:00:00Z",
                     id="a window in the future"),
        pytest.param([label("event-1")], ["--scheduled-time", "2024-03-04T01:00:00Z", "--start-time-offset=-PT0H",
                     "--end-time-offset=-PT1H"], 2, "the start has to be before the end", id="offsets the wrong way round"),
    ],
)  # fmt: skip
def test_a_failure_is_one_sentence_and_its_exit_status(jobs_here, tmp_path, labels, flags, status, sentence):
    write_captures(tmp_path, 0, [captured(1)])
    write_labels(tmp_path, 0, labels)
    finished = jobs_here(
        "merge", "--dataset-source", "captures", "--ground-truth-source", "labels", "--output-path", "merged", *flags
    )

    assert finished.status == status, finished.said
    assert sentence in finished.said
    assert "Traceback" not in finished.said
    assert (tmp_path / "merged" / "message").read_text().startswith("Error: ")
