"""Texts that --missing-values names are missing values in every format of text; of other formats they are texts."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from tests.unit.records.captured_lines import captured

from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.records.missing_values import is_missing_word, replace_missing_values
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.configuration.reading import build_config
from spark_model_monitor.running.configuration.sources import read_sources
from spark_model_monitor.running.inputs.features import read_features
from spark_model_monitor.running.runs.monitoring_run import run_baseline

CELLS = ["1.5", "NA", " ? ", "2.5", "na"] * 20


def write_csv(number, cell):
    return f"{number},{cell}"


def write_capture(encoding):
    def write(number, cell):
        if encoding == "CSV":
            data = write_csv(number, cell)
        else:
            data = json.dumps({"n": number, "x": cell})
        return json.dumps(captured(data, None, encoding=encoding, eventId=str(number)))

    return write


@pytest.mark.parametrize(
    ("dataset_format", "write"),
    [
        ("csv-without-header", write_csv),
        ("jsonl", lambda number, cell: json.dumps({"n": number, "x": cell})),
        ("capture", write_capture("CSV")),
        ("capture", write_capture("JSON")),
    ],
)
def test_named_texts_are_missing(tmp_path, dataset_format, write):
    lines = [write(number, cell) for number, cell in enumerate(CELLS)]
    (tmp_path / "data").write_text("\n".join(lines))
    flags = ["--dataset-source", str(tmp_path / "data"), "--dataset-format", dataset_format]
    flags += ["--output-path", str(tmp_path / "out"), "--missing-values", "NA,?,na"]
    config = build_config("baseline", read_sources(flags, {}), in_container=False)
    run = run_baseline(read_features(LocalEngine(), config), DataQualityMonitor())
    feature = run.statistics.features[1]

    assert feature.inferred_type.value == "Fractional"
    assert feature.numerical_statistics.common.num_missing == 60


def test_the_baseline_remembers_them():
    from spark_model_monitor.running.configuration.contract import OPTIONS

    assert OPTIONS["missing_values"].remembered


def test_numbers_are_left_as_they_are():
    numbers = pa.array([1, 2])

    assert replace_missing_values(numbers, ("1",)) is numbers


@pytest.mark.parametrize("word", ["NA", " n/a", "?", "-", "null", "#N/A"])
def test_words_are_known_in_any_case(word):
    assert is_missing_word(word)
    assert is_missing_word(word.upper())
