"""Which member of a label is its id."""

from __future__ import annotations

import json

import pytest

from spark_model_monitor.running.merging.labels import parse_label_line


@pytest.mark.parametrize(
    ("metadata", "event_id"),
    [
        ({"eventId": "a"}, "a"),
        ({"inferenceId": "a"}, "a"),
        ({"eventId": "", "inferenceId": "a"}, "a"),
        ({"eventId": "a", "inferenceId": "b"}, "a"),
        ({"inferenceId": 7}, "7"),
        ({"inferenceId": ""}, None),
        ({}, None),
    ],
)
def test_a_label_has_the_event_id_or_else_the_inference_id(metadata, event_id):
    record = {"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": metadata}

    [label] = parse_label_line(json.dumps(record).encode())

    assert label.event_id == event_id
