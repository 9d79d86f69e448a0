"""Merged records of the real service, from the captures and labels that they were made of."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge


@pytest.fixture
def merged(engine, tmp_path):
    """`merged(captures, labels)` gives the merged records, and where they lie below the output."""

    def merging(captures, labels):
        output = tmp_path / "merged"
        merge(engine, MergeRequest(str(captures), str(labels), str(output)))
        paths = sorted(output.rglob("part-*.jsonl"))
        records = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
        return records, [path.parent.relative_to(output).as_posix() for path in paths]

    return merging


def make_label(record):
    return {name: record[name] for name in ("groundTruthData", "eventVersion")} | {
        "eventMetadata": {"eventId": record["eventMetadata"].get("inferenceId", record["eventMetadata"]["eventId"])}
    }


def with_data_read(record):
    """The record with its transform's data as JSON: the service wrote the number 1 as 1.0, we leave it as it was."""
    half = record["captureData"]["batchTransformOutput"]
    data = {"batchTransformOutput": {**half, "data": json.loads(half["data"])}}
    return {**record, "captureData": data}


def test_ids_that_come_again_and_again_each_get_their_label(merged, golden):
    """G19: 3,318 captures with 334 ids; the confusion matrix behind ten published violations."""
    folder = golden / "mq-churn-binary" / "run1-goldmermaid"
    records, folders = merged(folder / "capture.reconstructed.jsonl", folder / "ground-truth.reconstructed.jsonl")
    expected = json.loads((folder / "monitor-input.json").read_text())
    scores = [float(record["captureData"]["endpointOutput"]["data"]) for record in records]
    labels = [record["groundTruthData"]["data"] for record in records]
    counts = Counter(zip(labels, [str(int(score > 0.5)) for score in scores], strict=True))

    assert len(records) == expected["rows"]
    assert counts == {
        (label, prediction): count
        for label, row in expected["confusion_matrix"].items()
        for prediction, count in row.items()
    }
    assert folders == ["2022/04/18/00"]


def test_the_transform_of_the_bias_run_becomes_the_published_record(merged, golden, tmp_path):
    run = golden / "bias-adult-batch-json" / "run"
    published = json.loads((run / "merge" / "part-00000.jsonl").read_text())
    labels = tmp_path / "labels.jsonl"
    labels.write_text(json.dumps([make_label(published)], indent=1))  # as the notebook uploads it
    [record], folders = merged(run / "capture" / "test-dataset.json.out", labels)

    assert with_data_read(record) == with_data_read(published)
    assert folders == ["2024/01/19/19"]


def test_a_captured_record_becomes_the_published_one(merged, golden, tmp_path):
    published = json.loads((golden / "schema-examples" / "merged-record.endpoint-csv.json").read_text())
    capture = {name: value for name, value in published.items() if name != "groundTruthData"}
    (tmp_path / "captures.jsonl").write_text(json.dumps(capture) + "\n")
    (tmp_path / "labels.jsonl").write_text(json.dumps(make_label(published)) + "\n")
    [record], folders = merged(tmp_path / "captures.jsonl", tmp_path / "labels.jsonl")

    assert record == published
    assert folders == ["2024/02/19/11"]


def test_a_transform_of_lines_becomes_the_published_record(merged, golden, tmp_path):
    published = json.loads((golden / "schema-examples" / "merged-record.batch-transform-jsonlines.json").read_text())
    data = published["captureData"]["batchTransformOutput"]["data"]
    appended = f'"SageMakerInferenceId":"{published["eventMetadata"]["eventId"]}","SageMakerInferenceTime":"2023-01-21T01:29:04Z"'
    (tmp_path / "captures.jsonl.out").write_text(f"{{{appended},{data[1:]}\n")
    (tmp_path / "labels.jsonl").write_text(json.dumps(make_label(published)) + "\n")
    [record], _ = merged(tmp_path / "captures.jsonl.out", tmp_path / "labels.jsonl")

    assert record == published
