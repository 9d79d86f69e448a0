"""Windows, the quarantine and ground truth of request logs are those of captures."""

import json
import os
from datetime import datetime, timedelta, timezone

import pytest
from tests.request_log_samples import LOGS, WAITING
from tests.spark.merging.records import make_label

from spark_model_monitor import DataQualityMonitor, Window, read_data, run_baseline
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.formats import CaptureFormat
from spark_model_monitor.errors import NoData
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge

START = datetime(2026, 1, 31, 22, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)


def find_log(name):
    return next(log for log in LOGS if log.name == name)


def write_lines(path, events):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{event if isinstance(event, str) else json.dumps(event)}\n" for event in events))


def exchange(identifier, start, seconds=1.0, request=((1, 2),)):
    """A request and its answer some seconds later."""
    events = (("request", {"instances": request}, 0.0), ("response", {"predictions": [0]}, seconds))
    return [
        {
            "specversion": "1.0",
            "type": f"org.kubeflow.serving.inference.{kind}",
            "id": identifier,
            "time": (start + timedelta(seconds=delay)).isoformat(),
            "data": data,
        }
        for kind, data, delay in events
    ]


def monitor(folder, start, report, **options):
    """The ledger's records of an hour."""
    window = Window(start, start + HOUR)
    with read_data(str(folder), "kserve", window=window, engine="local") as data:
        run_baseline(data, DataQualityMonitor(), output_path=str(report), **options).write(str(report))
    return json.loads((report / "ledger.json").read_text())["records"]


def test_an_answer_in_the_next_hour_belongs_to_the_hour_of_its_request(tmp_path):
    # The answer of the first comes a second after the hour
    early = exchange("a", START + HOUR - timedelta(seconds=1), 2.0)
    late = exchange("b", START + HOUR, 1.0)
    for hour, events in (("22", early[:1]), ("23", [*early[1:], *late])):
        write_lines(tmp_path / "log/2026/01/31" / hour / "events.jsonl", events)

    first = monitor(tmp_path / "log", START, tmp_path / "first")
    second = monitor(tmp_path / "log", START + HOUR, tmp_path / "second")

    assert (first["read"], first["kept"], first["outside_window"]) == (2, 1, 1)
    assert (second["read"], second["kept"]) == (2, 1)
    assert second["not_in_log"] == {WAITING: 1}  # the answer whose request the first hour has


def test_objects_of_the_blob_store_have_the_time_of_their_last_change(tmp_path):
    log = find_log("kserve-blobs").write(tmp_path)
    for file in log.rglob("*.json"):
        os.utime(file, (START.timestamp() + 60, START.timestamp() + 60))

    assert monitor(log, START, tmp_path / "out")["kept"] == 1
    with pytest.raises(NoData):
        monitor(log, START + 2 * HOUR, tmp_path / "later")


def test_requests_and_answers_of_one_id_are_joined_in_the_order_of_their_times(tmp_path):
    # One id twice, the later exchange first in the file
    early = exchange("a", START, request=((1, 2),))
    late = exchange("a", START + timedelta(minutes=1), request=((3, 4),))
    late[1]["data"] = {"predictions": [7]}
    write_lines(tmp_path / "events.jsonl", [*late, *early])

    with read_data(str(tmp_path), "kserve", engine="local") as data:
        [batch] = data.table.batches()
        assert list(zip(*(batch.column(name).to_pylist() for name in ("c0", "c1", "c2")), strict=True)) == [
            ("0", "1", "2"),
            ("7", "3", "4"),
        ]


def test_a_record_without_a_time_is_in_no_window(tmp_path):
    row = {"request_id": "a", "request_payload": ["[1]"], "response_payload": ["2"]}
    write_lines(tmp_path / "log/part.json", [{**row, "logging_time": START.isoformat()}, {**row, "logging_time": None}])

    with read_data(str(tmp_path / "log"), "vertex", window=Window(START, START + HOUR), engine="local") as data:
        baseline = run_baseline(data, DataQualityMonitor(), max_quarantined_share=1.0)

    assert dict(baseline.ledger.refused) == {"no readable inferenceTime": 1}
    assert baseline.ledger.kept == 1


def test_the_quarantine_has_the_records_of_the_log_and_its_files(tmp_path):
    damaged = find_log("kserve-damaged")
    folder = damaged.write(tmp_path)

    with read_data(str(folder), "kserve", engine="local") as data:
        run_baseline(data, DataQualityMonitor(), output_path=str(tmp_path / "out"), max_quarantined_share=1.0)
    records = [json.loads(line) for line in (tmp_path / "out/quarantine/00000.jsonl").read_text().splitlines()]
    by_reason = {record["reason"]: record for record in records}

    assert len(records) == sum(damaged.quarantined.values())
    assert {record["file"] for record in records} == {f"file:{folder}/events.jsonl"}
    assert by_reason["not a JSON object"]["line"] == '{"specversion": "1.0", "id": "event-1", "type": "org.kubef'
    assert by_reason["not UTF-8"]["line_base64"] == "eyJpZCI6ICL/In0="
    assert json.loads(by_reason["wrong number of cells"]["line"])["eventMetadata"]["eventId"] == "event-4"


def test_labels_are_merged_with_a_log(tmp_path):
    events = [
        *exchange("a", START),
        *exchange("b", START),
        *exchange("c", START + 2 * HOUR),
        exchange("d", START)[0],
        "{",
    ]
    write_lines(tmp_path / "log/events.jsonl", events)
    # One label for the first request
    labels = tmp_path / "labels/2026/01/31/22"
    write_lines(labels / "labels.jsonl", [make_label("a")])
    hour = int(START.timestamp()) // 3600
    paths = (str(tmp_path / "log"), str(tmp_path / "labels"), str(tmp_path / "merged"))

    merge(
        LocalEngine(),
        MergeRequest(*paths, CaptureFormat(request_log="kserve"), hour, hour, max_quarantined_share=0.5),
    )
    ledger = json.loads((tmp_path / "merged/ledger.json").read_text())
    [merged] = (tmp_path / "merged/2026/01/31/22").glob("part-*.jsonl")
    [record] = map(json.loads, merged.read_text().splitlines())
    quarantined = json.loads((tmp_path / "merged/quarantine/00000.jsonl").read_text())

    # The record is a capture's, the account that of the log
    assert record["groundTruthData"]["data"] == "1"
    assert json.loads(record["captureData"]["endpointOutput"]["data"]) == {"predictions": [0]}
    assert (ledger["captures"]["read"], ledger["captures"]["matched"]) == (4, 1)
    assert ledger["captures"]["not_in_log"] == {WAITING: 1}
    assert [file["path"] for file in ledger["files"]["captures"]] == [f"file:{tmp_path}/log/events.jsonl"]
    assert (quarantined["file"], quarantined["line"]) == (f"file:{tmp_path}/log/events.jsonl", "{")


def test_captures_of_a_log_are_deleted_with_the_data_set(tmp_path):
    log = find_log("kserve-source").write(tmp_path)

    data = read_data(str(log), "kserve", engine="local")
    folder = data.listing.request_log.temporary_folder.path
    assert folder.exists()
    with data:
        pass
    del data

    assert not folder.exists()
