"""A real FastAPI application under uvicorn, a load of 1,000 requests a second, and what is left of it in files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from benchmarks.http_load import Load, send_load
from benchmarks.model_process import served
from tests.waiting import wait_for

from spark_model_monitor.capture import CaptureOptions, CaptureWriter, LocalFolder
from spark_model_monitor.data.records import ENDPOINT_INDEXES
from spark_model_monitor.data.records.decoding import Reading, decode

PER_SECOND = 1_000


def lines_below(folder: Path, pattern: str = "churn/**/*.jsonl") -> list[bytes]:
    return [line for path in sorted(folder.glob(pattern)) for line in path.read_bytes().splitlines()]


def inference_ids(folder: Path) -> Counter[int]:
    return Counter(int(json.loads(line)["eventMetadata"]["inferenceId"]) for line in lines_below(folder))


def test_a_clean_stop_loses_nothing_of_a_thousand_requests_a_second(tmp_path):
    with served(tmp_path, "--flush-seconds", "0.2", "--rotate-seconds", "1") as server:
        answered = send_load(server.port, Load(requests=3_000, per_second=PER_SECOND))
        server.stop()

    assert len(answered) == 3_000
    assert inference_ids(tmp_path) == Counter(answer_read.number for answer_read in answered)
    decoded = [decode(line, Reading(ENDPOINT_INDEXES)) for line in lines_below(tmp_path)]
    assert {decoded_line.rows for decoded_line in decoded} == {(("3.5", "1.5", "2", "basic"),)}


def test_a_killed_server_loses_at_most_what_it_had_not_flushed(tmp_path):
    with served(tmp_path, "--flush-seconds", "0.2", "--rotate-seconds", "600") as server:
        send_load(server.port, Load(requests=1_000, per_second=PER_SECOND))
        wait_for(lambda: len(lines_below(tmp_path, ".spool/*.jsonl")) == 1_000, "all captures", server.process)
        send_load(server.port, Load(requests=100, per_second=PER_SECOND, first=1_000))
        server.kill()
    assert inference_ids(tmp_path) == Counter()

    with CaptureWriter(LocalFolder(tmp_path), CaptureOptions(endpoint="churn")):
        pass  # the server starts again
    counts_by_id = inference_ids(tmp_path)
    assert set(range(1_000)) <= set(counts_by_id) <= set(range(1_100))
    assert set(counts_by_id.values()) == {1}


def test_failing_requests_are_recorded_by_their_status_and_without_their_data(tmp_path):
    with served(tmp_path) as server:
        send_load(server.port, Load(requests=20, per_second=PER_SECOND))
        refused = send_load(server.port, Load(requests=5, per_second=PER_SECOND, first=20, body=b"fail,1,2"))
        server.stop()
    records = [json.loads(line) for line in lines_below(tmp_path)]

    assert [answer_read.status for answer_read in refused] == [503] * 5
    assert Counter(record["requestMetadata"]["status"] for record in records) == {200: 20, 503: 5}
    assert [record for record in records if record["captureData"] and record["requestMetadata"]["status"] == 503] == []
    assert all(record["requestMetadata"]["latencyMs"] > 0 for record in records)
