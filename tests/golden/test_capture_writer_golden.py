"""What the real service captured, captured again: from the same payloads our writer makes the same bytes."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from spark_model_monitor.capture import CaptureOptions, Exchange, Payload
from spark_model_monitor.capture.records import build_halves, format_record
from spark_model_monitor.data.records.windows import parse_time

OPTIONS = CaptureOptions(endpoint="x")


def decode_payload(half: dict) -> Payload:
    data = half["data"]
    return Payload(b64decode(data) if half["encoding"] == "BASE64" else data.encode(), half["observedContentType"])


@pytest.mark.parametrize(
    "name",
    [
        "schema-examples/endpoint-capture.3-records.jsonl",
        "schema-examples/endpoint-capture.with-inference-id.jsonl",
        "schema-examples/endpoint-capture.json-many-records-per-request.jsonl",
        "dq-churn/run/capture.reconstructed.jsonl",
    ],
)
def test_a_record_of_the_service_comes_out_byte_for_byte(golden, name):
    lines = (golden / name).read_bytes().splitlines(keepends=True)
    for line in lines:
        record = json.loads(line)
        event = record["eventMetadata"]
        time = parse_time(event["inferenceTime"])
        exchange = Exchange(event["eventId"], time, 0.0, event.get("inferenceId"))
        halves = build_halves(*(decode_payload(half) for half in record["captureData"].values()), OPTIONS)

        assert format_record(exchange, halves, None) == line
    assert lines
