"""Lines that are longer than a job takes: refused, counted and named by place, and never part of what is read."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta, timezone

import pytest
from tests.spark.merging.records import (
    FIRST,
    make_capture,
    make_label,
    read_ledger,
    read_truths,
    write_captures,
    write_labels,
)
from tests.unit.reading.read_data_sets import read_quarantine
from tests.unit.records.captured_lines import captured as capture
from tests.unit.records.captured_lines import encode_line

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat, ReadOptions
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.data.reading.scripts import read_script
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.merging.merge_request import MergeRequest
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.runs.monitoring_run import run_baseline

MOST = 2000
TOO_LONG = "longer than max_record_size"
ENGINE = LocalEngine(MOST, processes=1)


def list_places(folder):
    return [(record["line_number"], record["reason"]) for record in read_quarantine(folder)]


def pad(line, size):
    """A captured record of so many bytes."""
    return line[:-1] + b" " * (size - len(line)) + line[-1:]


def write(folder, name, lines):
    folder.mkdir(parents=True, exist_ok=True)
    content = b"\n".join(lines) + b"\n"
    if name.endswith(".gz"):
        content = gzip.compress(content)
    (folder / name).write_bytes(content)


def run(tmp_path, dataset_format, *options):
    """The names and the ledger of a baseline of `in`, whose quarantine is in `out`."""
    with read_path(ENGINE, str(tmp_path / "in"), dataset_format, *options) as data:
        output_path = str(tmp_path / "out")
        ledger = run_baseline(data, DataQualityMonitor(), max_quarantined_share=0.9, output_path=output_path).ledger
        return data.names, ledger


def test_a_long_line_of_captures_counts_in_the_window_whose_hour_folder_has_it(tmp_path):
    for hour in ("00", "01"):
        record = encode_line(capture(time=f"2022-04-18T{hour}:10:00Z"))
        write(tmp_path / "in/2022/04/18" / hour, "a.jsonl", [record, b"x" * (MOST + 1)])
    midnight = datetime(2022, 4, 18, tzinfo=timezone.utc)
    window = Window(midnight, midnight + timedelta(hours=1))
    _, ledger = run(tmp_path, CaptureFormat(), ReadOptions(window=window))

    assert (ledger.refused, ledger.kept, ledger.outside_window) == ({TOO_LONG: 1}, 1, 1)
    assert [record["file"].split("/")[-2] for record in read_quarantine(tmp_path / "out")] == ["00"]


def test_a_line_that_is_too_long_is_refused_by_its_place_and_its_size(tmp_path):
    first = b"age,city\n1,Bern"
    later_lines = [b"2," + b"x" * (MOST - 1), b"3", b"4," + b"y" * (MOST - 2), b"5,Genf"]
    write(tmp_path / "in", "a b.csv", [first, *later_lines])
    _, ledger = run(tmp_path, CsvFormat(header=True))

    assert ledger.to_json_dict()["records"] == {
        "read": 5,
        "kept": 3,  # one of them of 2,000 bytes
        "dropped_by_script": 0,
        "outside_window": 0,
        "sampled_out": 0,
        "without_data": 0,
        "quarantined": {TOO_LONG: 1, "wrong number of cells": 1},
    }
    long, short_record = read_quarantine(tmp_path / "out")
    assert long == {
        "reason": TOO_LONG,
        "file": short_record["file"],
        "line_number": 3,
        "line_start": len(first) + 1,
        "size_bytes": MOST + 1,
    }
    assert (short_record["line_number"], short_record["line"]) == (4, "3")


CAPTURES = [
    encode_line(capture()),
    pad(encode_line(capture()), MOST + 1),
    b"{cut",
    pad(encode_line(capture()), MOST),
]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("as_service", [False, True])
def test_captures_are_refused_alike_compressed_or_in_order(tmp_path, name, as_service):
    write(tmp_path / "in", name, [*CAPTURES, *[encode_line(capture())] * 20])  # compressed they would do with less
    _, ledger = run(tmp_path, CaptureFormat(), ReadOptions(("p", "a", "b"), as_service=as_service))

    assert (ledger.read, ledger.kept) == (24, 22)
    assert list_places(tmp_path / "out") == [(2, TOO_LONG), (3, "not a JSON object")]


LONG_OBJECT = json.dumps({"a": 2, "b": "x" * MOST}).encode()
OBJECTS = [b'{"a": 1}', LONG_OBJECT, b'{"a": 3}']


def test_a_script_never_gets_a_line_that_is_too_long(tmp_path):
    (tmp_path / "script.py").write_text("def preprocess_handler(record):\n    return {'size': str(record)}\n")
    for number, (dataset_format, lines) in enumerate([(JsonFormat(), OBJECTS), (CaptureFormat(), CAPTURES)]):
        folder = tmp_path / str(number)
        write(folder / "in", "a.jsonl", lines)
        _, ledger = run(folder, dataset_format, ReadOptions(script=read_script(str(tmp_path / "script.py"), ENGINE)))

        assert (ledger.read, ledger.kept, ledger.refused[TOO_LONG]) == (len(lines), 2, 1)
        assert list_places(folder / "out")[0] == (2, TOO_LONG)


def make_merged_record(number, size=0):
    line = json.dumps(capture(f"{number},2", "1") | {"groundTruthData": {"data": "1", "encoding": "CSV"}}).encode()
    return pad(line, max(size, len(line)))


@pytest.mark.parametrize("analysis", ["MODEL_QUALITY", "MODEL_BIAS"])
def test_merged_records_are_refused_for_every_analysis(tmp_path, analysis):
    write(
        tmp_path / "in",
        "a.jsonl",
        [make_merged_record(1), make_merged_record(2, MOST + 1), make_merged_record(3, MOST), b"{"],
    )
    analysis_config = {"label": "0", "label_values_or_threshold": [1], "facet": [{"name_or_index": 0}]}
    analysis_config["methods"] = {"pre_training_bias": {"methods": "all"}}
    (tmp_path / "analysis_config.json").write_text(json.dumps(analysis_config))
    flags = ["--analysis-type", analysis, "--dataset-format", "merged", "--dataset-source", str(tmp_path / "in")]
    flags += ["--output-path", str(tmp_path / "out"), "--problem-type", "BinaryClassification"]
    flags += ["--inference-attribute", "0", "--ground-truth-attribute", "0"]
    if analysis == "MODEL_BIAS":
        flags += ["--analysis-config", str(tmp_path / "analysis_config.json"), "--set=flip_test=no"]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    with read_source(ENGINE, config) as data:
        findings = run_baseline(
            data, create_monitor(config), max_quarantined_share=0.9, output_path=str(tmp_path / "out")
        )

    assert (findings.ledger.read, findings.ledger.kept) == (4, 2)
    assert [location for location in list_places(tmp_path / "out") if location[1] == TOO_LONG] == [(2, TOO_LONG)]


def test_a_merge_refuses_long_captures_and_long_labels(tmp_path):
    captures = [make_capture(number) for number in range(4)]
    labels = [make_label(f"event-{number}") for number in range(4)]
    captures[1]["more"] = labels[2]["more"] = "x" * MOST
    write_captures(tmp_path, 0, captures)
    write_labels(tmp_path, 0, labels)
    paths = (str(tmp_path / name) for name in ("captures", "labels", "merged"))
    merge(ENGINE, MergeRequest(*paths, first=FIRST, last=FIRST, max_quarantined_share=0.5))
    ledger = read_ledger(tmp_path / "merged")

    assert sorted(read_truths(tmp_path / "merged")) == ["event-0", "event-3"]
    for source in ("captures", "labels"):
        assert (ledger[source]["read"], ledger[source]["quarantined"]) == (4, {TOO_LONG: 1})
    assert [
        ("labels" if "/labels/" in record["file"] else "captures", record["line_number"])
        for record in read_quarantine(tmp_path / "merged")
    ] == [("captures", 2), ("labels", 3)]
