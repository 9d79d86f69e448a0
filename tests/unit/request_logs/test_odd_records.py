"""What is odd about records of request logs ends no run: it is read, or refused alone and kept as it stands in the log."""

import base64
import hashlib
import json

import pyarrow as pa
import pytest
from pyarrow import parquet
from tests.request_log_samples import write_inference_table

from spark_model_monitor import DataQualityMonitor, read_data, run_baseline
from spark_model_monitor.data.records.locations import FILE, LINE
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.request_logs import find_log_reader
from spark_model_monitor.data.request_logs.capture_lines import ConvertedLog, format_rows

REQUEST = "org.kubeflow.serving.inference.request"
RESPONSE = REQUEST.replace("request", "response")
EVENT = {"id": "a", "type": REQUEST, "data": {"instances": [[1]]}}


def make_deep_array(depth):
    return b"[" * depth + b"]" * depth


def run(folder, report, request_log):
    """The ledger of a log, and its quarantine."""
    options = {"output_path": str(report), "max_quarantined_share": 1.0}
    with read_data(str(folder), request_log, engine="local") as data:
        ledger = run_baseline(data, DataQualityMonitor(), **options).ledger
    # A file, if anything was refused
    files = list(report.glob("quarantine/*.jsonl"))
    return ledger, [json.loads(line) for file in files for line in file.read_text().splitlines()]


OTHER_RECORDS = (b'{"a": "\\ud800"}', b'{"a": "\xc3\xa9"}', b'{"a": %s}' % make_deep_array(900))
NO_RECORDS = (b'{"a": %s}' % make_deep_array(200_000), b'[{"a": 1}', b"7")
RECORDS = dict.fromkeys(OTHER_RECORDS, Refusal.NOT_A_CAPTURE)
RECORDS |= dict.fromkeys(NO_RECORDS, Refusal.NOT_A_JSON_OBJECT)
RECORDS[b'{"request": "\xff"}'] = Refusal.NOT_UTF_8


@pytest.mark.parametrize(("record", "reason"), RECORDS.items(), ids=range(len(RECORDS)))
def test_a_refused_record_is_kept_as_it_stands_in_the_log(tmp_path, record, reason):
    path = tmp_path / "log/a.json"
    write_inference_table(path, lambda table: table)
    with path.open("ab") as file:
        file.write(record + b"\n")

    ledger, [quarantined] = run(tmp_path / "log", tmp_path / "out", "databricks")

    assert ledger.kept == 3
    assert dict(ledger.refused) == {reason.text: 1}
    assert quarantined["sha256"] == hashlib.sha256(record).hexdigest()
    content = base64.b64decode(quarantined.get("line_base64", ""))
    assert quarantined.get("line", "").encode() + content == record
    assert quarantined["file"] == f"file:{path}"


def test_an_element_of_an_array_is_refused_alone(tmp_path):
    event = json.dumps(EVENT)
    deep_array = make_deep_array(9_000).decode()
    array = f"[{event}, {deep_array}, 7,\n {event}]"
    task = ConvertedLog(find_log_reader("kserve"), "log")
    batch = pa.record_batch({LINE: [array], FILE: ["file:/log"]})

    [rows] = task([batch])

    assert rows.column("key").to_pylist() == ["a", None, None, "a"]


def set_column(table, name, column):
    position = table.schema.get_field_index(name)
    return table.set_column(position, name, column)


MOMENT = 1_793_527_200_000_000  # 2026-11-01T10:00:00Z
LATE = 400_000_000_000_000_000  # in the year 14645


TIMES = {
    pa.timestamp("us", "UTC"): LATE,
    pa.timestamp("us"): -LATE,
    pa.timestamp("us", "Mars/Phobos"): MOMENT,
    pa.timestamp("ns"): MOMENT * 1_000 + 1,
    pa.date32(): 2**31 - 1,
}


@pytest.mark.parametrize("column_type", TIMES, ids=str)
def test_a_time_that_python_cannot_hold_ends_no_run(tmp_path, column_type):
    times = pa.array([TIMES[column_type]] * 3, column_type)
    write_inference_table(tmp_path / "log/a.parquet", lambda table: set_column(table, "request_time", times))
    ledger, _ = run(tmp_path / "log", tmp_path / "out", "databricks")

    assert ledger.kept == 3


def test_a_time_is_the_same_in_every_zone():
    for zone in ("UTC", "Europe/Berlin", "Mars/Phobos", None):
        times = pa.array([[MOMENT]], pa.list_(pa.timestamp("us", zone)))
        [row] = format_rows(pa.record_batch({"at": times}))

        assert row == b'{"at": ["2026-11-01 10:00:00.000000Z"]}'


DAMAGED_TEXTS = {
    "request": b'{"instances": [["\xff", 1]]}',
    "response": b'{"predictions": ["\xff"]}',
    "databricks_request_id": b"\xff",
}


@pytest.mark.parametrize("name", DAMAGED_TEXTS)
def test_text_that_is_not_utf_8_refuses_its_row_alone(tmp_path, name):
    def damage(table):
        texts = table.column(name).cast(pa.binary()).to_pylist()
        texts[0] = DAMAGED_TEXTS[name]
        return set_column(table, name, pa.array(texts).view(pa.string()))

    write_inference_table(tmp_path / "log/a.parquet", damage)
    ledger, quarantined = run(tmp_path / "log", tmp_path / "out", "databricks")

    assert (ledger.kept, len(quarantined)) == (2, 1)
    assert dict(ledger.refused) == {"not UTF-8": 1}


def test_a_body_that_is_no_text_is_captured_in_base64(tmp_path):
    log = tmp_path / "log"
    log.mkdir()
    answer = b'{"predictions": [1]}'
    bodies = [b"\xff\x00", answer, b'{"instances": [[1]]}', answer]
    types = [REQUEST, RESPONSE] * 2
    table = pa.table({"id": [*"aabb"], "req_type": types, "bytes": bodies})
    parquet.write_table(table, log / "a.parquet")

    _, [quarantined] = run(log, tmp_path / "out", "kserve")
    capture = json.loads(quarantined["line"])

    assert capture["captureData"]["endpointInput"] == {"data": "/wA=", "encoding": "BASE64"}
