"""Requests that failed, and were captured for their metadata alone: there is nothing of them to be labelled."""

from __future__ import annotations

from tests.spark.merging.records import captured, label, merged_records, read_ledger, write_captures, write_labels

METADATA = {"latencyMs": 1.5, "status": 503, "samplingPercentage": 100.0}


def test_a_request_that_failed_is_neither_merged_nor_a_fault(merge, tmp_path):
    failed = captured(1, requestMetadata=METADATA) | {"captureData": {}}
    answered = captured(2, requestMetadata=METADATA | {"status": 200})
    write_captures(tmp_path, 0, [failed, answered])
    write_labels(tmp_path, 0, [label("event-1"), label("event-2")])
    merge(0)
    captures = read_ledger(tmp_path / "merged")["captures"]

    assert [line["eventMetadata"]["eventId"] for line in merged_records(tmp_path / "merged")] == ["event-2"]
    assert (captures["read"], captures["matched"], captures["without_data"]) == (2, 1, 1)
    assert captures["quarantined"] == {}


def test_a_record_without_data_or_metadata_is_merged_as_it_was_captured(merge, tmp_path):
    write_captures(tmp_path, 0, [captured(1) | {"captureData": {}}])
    write_labels(tmp_path, 0, [label("event-1")])
    merge(0)

    assert read_ledger(tmp_path / "merged")["captures"]["without_data"] == 0
