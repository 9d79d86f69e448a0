"""Lines that are longer than a job takes: refused, counted and named by place, and never part of what is read."""

from __future__ import annotations

import gzip
import json
import random

import pytest
from tests.spark.merging.records import FIRST, captured, label, read_ledger, truths, write_captures, write_labels
from tests.unit.records.captured_lines import captured as capture
from tests.unit.records.captured_lines import encode_line

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.engine.partitions import MAX_RECORD_SIZE
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat, ReadOptions
from spark_model_monitor.data.reading.headers import HEAD_BYTES
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.reading.readers import read_dataset
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config, read_sources
from spark_model_monitor.running.kinds import monitor_for, read_source
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.spark_session import new_job_session

MOST = 2000
TOO_LONG = "longer than --max-record-size"


@pytest.fixture
def session(spark):
    """A session that takes records of up to 2,000 bytes."""
    session = new_job_session(spark)
    session.conf.set(MAX_RECORD_SIZE, str(MOST))
    return session


def quarantined(folder):
    lines = [line for file in sorted((folder / "quarantine").glob("*")) for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def places(folder):
    return [(record["line_number"], record["reason"]) for record in quarantined(folder)]


def padded(line, size):
    """A captured record of so many bytes."""
    return line[:-1] + b" " * (size - len(line)) + line[-1:]


def test_a_line_that_is_too_long_is_refused_by_its_place_and_its_size(session, tmp_path):
    first = b"age,city\n1,Bern\n"
    (tmp_path / "a b.csv").write_bytes(first + b"2," + b"x" * (MOST - 1) + b"\n3\n4," + b"y" * (MOST - 2) + b"\n5,Genf")
    with read_path(SparkEngine(session), str(tmp_path), CsvFormat(header=True)) as data:
        findings = run_baseline(
            data, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out")
        )

    assert findings.ledger.to_json_dict()["records"] == {
        "read": 5,
        "kept": 3,  # one of them of 2,000 bytes
        "dropped_by_script": 0,
        "outside_window": 0,
        "sampled_out": 0,
        "without_data": 0,
        "quarantined": {TOO_LONG: 1, "wrong number of cells": 1},
    }
    long, short_record = quarantined(tmp_path / "out")
    assert long == {
        "reason": TOO_LONG,
        "file": short_record["file"],
        "line_number": 3,
        "line_start": len(first),
        "size_bytes": MOST + 1,
    }
    assert (short_record["line_number"], short_record["line"]) == (4, "3")


@pytest.mark.parametrize("partition_bytes", [1500, 2000, 2001, 5000, 100_000])
def test_no_part_of_a_long_line_is_taken_for_a_line_however_the_file_is_cut(session, tmp_path, partition_bytes):
    """Rows are numbers in order, and a long line is made of what looks like rows between other ends of lines."""
    rng = random.Random(5)
    lines = [f"{number},ok" for number in range(300)]
    for position in sorted(rng.sample(range(300), 12), reverse=True):
        lines.insert(position, "7,ok" + "," * rng.choice([MOST - 3, 2 * MOST, 7 * MOST]))
    (tmp_path / "a.csv").write_text("number,state\n" + "\r\n".join(lines) + "\n")
    session.conf.set("spark.sql.files.maxPartitionBytes", str(partition_bytes))
    session.conf.set("spark.sql.files.openCostInBytes", "1")
    dataset = read_dataset(
        SparkEngine(session), list_dataset(SparkEngine(session), str(tmp_path)), CsvFormat(header=True)
    )
    findings = run_baseline(dataset, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out"))

    assert findings.ledger.kept == 300
    assert findings.ledger.refused == {TOO_LONG: 12}
    assert [number for number, _ in places(tmp_path / "out")] == [
        number for number, line in enumerate(lines, start=2) if len(line) > MOST
    ]


METHODS = {"pre_training_bias": {"methods": "all"}}
CAPTURES = [
    encode_line(capture()),
    padded(encode_line(capture()), MOST + 1),
    b"{cut",
    padded(encode_line(capture()), MOST),
]


def write(folder, name, lines):
    folder.mkdir(exist_ok=True)
    content = b"\n".join(lines) + b"\n"
    (folder / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("as_service", [False, True])
def test_captures_are_refused_alike_compressed_or_in_order(session, tmp_path, name, as_service):
    write(tmp_path / "in", name, [*CAPTURES, *[encode_line(capture())] * 20])  # compressed they would do with less
    session.conf.set(MAX_RECORD_SIZE, str(MOST))
    options = ReadOptions(("p", "a", "b"), as_service=as_service)
    with read_path(SparkEngine(session), str(tmp_path / "in"), CaptureFormat(), options) as data:
        findings = run_baseline(
            data, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out")
        )

    assert (findings.ledger.read, findings.ledger.kept) == (24, 22)
    assert places(tmp_path / "out") == [(2, TOO_LONG), (3, "not a JSON object")]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("makes_engine", [SparkEngine, lambda _: LocalEngine(MOST)], ids=["spark", "local"])
def test_a_first_record_longer_than_the_beginning_of_a_file_is_refused_as_any(session, tmp_path, name, makes_engine):
    record = encode_line(capture('{"a": 1}', '{"p": 2}', encoding="JSON"))
    write(tmp_path / "in", name, [padded(record, HEAD_BYTES + 9), *[record] * 20])
    with read_path(makes_engine(session), str(tmp_path / "in"), CaptureFormat()) as data:
        baseline = run_baseline(
            data, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out")
        )

    assert data.names == ("p", "a")
    assert (baseline.ledger.read, baseline.ledger.kept) == (21, 20)
    assert places(tmp_path / "out") == [(1, TOO_LONG)]


@pytest.mark.parametrize("dataset_format", [JsonFormat(), CaptureFormat()], ids=["rows", "captures"])
def test_a_script_never_gets_a_line_that_is_too_long(session, tmp_path, dataset_format):
    if isinstance(dataset_format, CaptureFormat):
        lines = CAPTURES
    else:
        lines = [b'{"a": 1}', b'{"a": 2}' + b" " * MOST, b'{"a": 3}']
    (tmp_path / "script.py").write_text("def preprocess_handler(record):\n    return {'size': str(record)}\n")
    write(tmp_path / "in", "a.jsonl", lines)
    script = read_script(str(tmp_path / "script.py"), SparkEngine(session))
    with read_path(SparkEngine(session), str(tmp_path / "in"), dataset_format, ReadOptions(script=script)) as data:
        findings = run_baseline(
            data, DataQualityMonitor(), max_quarantined_share=0.9, output_path=str(tmp_path / "out")
        )

    assert (findings.ledger.read, findings.ledger.kept) == (len(lines), 2)
    assert findings.ledger.refused[TOO_LONG] == 1
    assert places(tmp_path / "out")[0] == (2, TOO_LONG)


def test_json_lines_are_refused_and_their_keys_are_no_features(session, tmp_path):
    long = json.dumps({"a": 2, "b": "x" * 200_000})
    session.conf.set("spark.sql.files.maxPartitionBytes", "100000")
    (tmp_path / "a.jsonl").write_text('{"a": 1}\n' + long + '\n{"a": 3}\n')
    dataset = read_dataset(SparkEngine(session), list_dataset(SparkEngine(session), str(tmp_path)), JsonFormat())
    findings = run_baseline(dataset, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out"))

    assert dataset.names == ("a",)
    assert (findings.ledger.read, findings.ledger.kept) == (3, 2)
    assert places(tmp_path / "out") == [(2, TOO_LONG)]


def merged_record(number, size=0):
    halves = {
        "endpointInput": {"data": f"{number},2", "encoding": "CSV", "mode": "INPUT"},
        "endpointOutput": {"data": "1", "encoding": "CSV", "mode": "OUTPUT"},
    }
    event = {"eventId": str(number), "inferenceTime": "2026-01-31T22:00:00Z"}
    record = {"captureData": halves, "eventMetadata": event, "groundTruthData": {"data": "1", "encoding": "CSV"}}
    if size:
        return padded(json.dumps(record).encode(), size)
    return json.dumps(record).encode()


@pytest.mark.parametrize("analysis", ["MODEL_QUALITY", "MODEL_BIAS"])
def test_merged_records_are_refused_for_every_analysis(session, tmp_path, analysis):
    write(tmp_path / "in", "a.jsonl", [merged_record(1), merged_record(2, MOST + 1), merged_record(3, MOST), b"{"])
    (tmp_path / "analysis_config.json").write_text(
        json.dumps(
            {
                "label": "0",
                "label_values_or_threshold": [1],
                "facet": [{"name_or_index": 0}],
                "methods": METHODS,
            }
        )
    )
    flags = ["--analysis-type", analysis, "--dataset-format", "merged", "--dataset-source", str(tmp_path / "in")]
    flags += ["--output-path", str(tmp_path / "out"), "--problem-type", "BinaryClassification"]
    flags += ["--inference-attribute", "0", "--ground-truth-attribute", "0"]
    flags += ["--analysis-config", str(tmp_path / "analysis_config.json"), "--no-flip-test"]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    with read_source(SparkEngine(session), config) as data:
        findings = run_baseline(data, monitor_for(config), max_quarantined_share=0.9, output_path=str(tmp_path / "out"))

    assert (findings.ledger.read, findings.ledger.kept) == (4, 2)
    assert [location for location in places(tmp_path / "out") if location[1] == TOO_LONG] == [(2, TOO_LONG)]


def test_a_merge_refuses_long_captures_and_long_labels(session, tmp_path):
    captures = [captured(number) for number in range(4)]
    labels = [label(f"event-{number}") for number in range(4)]
    captures[1]["more"] = labels[2]["more"] = "x" * MOST
    write_captures(tmp_path, 0, captures)
    write_labels(tmp_path, 0, labels)
    paths = (str(tmp_path / name) for name in ("captures", "labels", "merged"))
    merge(SparkEngine(session), MergeRequest(*paths, first=FIRST, last=FIRST, max_quarantined_share=0.5))
    ledger = read_ledger(tmp_path / "merged")

    assert sorted(truths(tmp_path / "merged")) == ["event-0", "event-3"]
    assert (ledger["captures"]["read"], ledger["captures"]["quarantined"]) == (4, {TOO_LONG: 1})
    assert (ledger["labels"]["read"], ledger["labels"]["quarantined"]) == (4, {TOO_LONG: 1})
    assert [
        ("labels" if "/labels/" in record["file"] else "captures", record["line_number"])
        for record in quarantined(tmp_path / "merged")
    ] == [
        ("captures", 2),
        ("labels", 3),
    ]


def test_a_quarantine_of_long_lines_alone_reads_nothing_again(session, tmp_path, count_spark_jobs):
    jobs = {}
    for name, size in (("short", 10), ("long", MOST)):
        (tmp_path / f"{name}.csv").write_text("age,city\n1,Bern\n2," + "x" * size + "\n3,Genf\n")
        with (
            read_path(SparkEngine(session), str(tmp_path / f"{name}.csv"), CsvFormat(header=True)) as data,
            count_spark_jobs() as started,
        ):
            run_baseline(data, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / name))
        jobs[name] = len(started)

    assert places(tmp_path / "long") == [(3, TOO_LONG)]
    assert jobs["long"] == jobs["short"]
