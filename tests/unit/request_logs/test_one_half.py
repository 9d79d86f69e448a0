"""A log with requests alone, or with answers alone, is read as captures of that half."""

from __future__ import annotations

import json

import pytest
from tests.unit.reading.read_data_sets import sort_rows

from spark_model_monitor import CaptureFormat, read_data
from spark_model_monitor.data.records import INPUT, OUTPUT_INDEXES

REQUEST = {"age": 41, "plan": "basic"}
ANSWER = {"score": 0.5}
REQUEST_ROW = ("41", "basic")
ANSWER_ROW = ("0.5",)
RECORDS = 4


# An event of each server


def make_kserve_event(number, half, payload):
    event_type = f"org.kubeflow.serving.inference.{half}"
    return {"specversion": "1.0", "type": event_type, "id": str(number), "data": {"instances": [payload]}}


def make_azure_event(number, half, payload):
    collection = {"request": "inputs", "response": "outputs"}[half]
    event = {"specversion": "1.0", "type": f"azureml.inference.model_{collection}", "data": [payload]}
    return {**event, "correlationid": str(number)}


def make_databricks_row(number, half, payload):
    row = {"databricks_request_id": str(number), "request": None, "response": None}
    row["request_time"] = "2026-11-01T10:00:00Z"
    return {**row, half: json.dumps([payload])}


def make_mapped_record(number, half, payload):
    return {"trace": str(number), half: payload}


SERVERS = {
    "kserve": make_kserve_event,
    "azure-ml": make_azure_event,
    "databricks": make_databricks_row,
    "captures.yaml": make_mapped_record,
}
MAPPING = "id: trace\nrequest: request\nresponse: response\n"


@pytest.fixture
def write_log(tmp_path, monkeypatch):
    """`write_log(server, half, …)` writes a log with these halves, and a mapping file beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "captures.yaml").write_text(MAPPING)

    # A request, or its answer, or both one after the other
    def write(server, *halves):
        payloads = {"request": REQUEST, "response": ANSWER}
        events = [SERVERS[server](number, half, payloads[half]) for number in range(RECORDS) for half in halves]
        (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, events)))
        return "log.jsonl"

    return write


def read_log(path, data_format):
    with read_data(path, data_format, engine="local") as dataset:
        return dataset.names, sort_rows(dataset)


@pytest.mark.parametrize(
    ("half", "names", "row"), [("request", tuple(REQUEST), REQUEST_ROW), ("response", tuple(ANSWER), ANSWER_ROW)]
)
@pytest.mark.parametrize("server", SERVERS)
def test_one_half_is_enough(write_log, server, half, names, row):
    path = write_log(server, half)

    assert read_log(path, server) == (names, [row] * RECORDS)


def test_a_mapping_file_may_have_one_half(write_log, tmp_path):
    path = write_log("captures.yaml", "request")
    (tmp_path / "captures.yaml").write_text("id: nothing\nrequest: request\n")

    assert read_log(path, "captures.yaml") == (tuple(REQUEST), [REQUEST_ROW] * RECORDS)


@pytest.mark.parametrize(
    ("halves", "names", "row"),
    [((INPUT,), tuple(REQUEST), REQUEST_ROW), (OUTPUT_INDEXES[:1], tuple(ANSWER), ANSWER_ROW)],
)
def test_one_half_of_both_may_be_wanted(write_log, halves, names, row):
    path = write_log("kserve", "request", "response")
    data_format = CaptureFormat(halves, "kserve")

    assert read_log(path, data_format) == (names, [row] * RECORDS)
