"""The quarantine: refused records as they were, with reason and place."""

from __future__ import annotations

import base64
import hashlib
import json
import stat

import pytest

from spark_model_monitor.data.reading.formats import CsvFormat
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.readers import read_dataset
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine


@pytest.fixture
def baseline(spark, tmp_path):
    def running(max_quarantined_share=1.0):
        dataset = read_dataset(
            SparkEngine(spark), list_dataset(SparkEngine(spark), str(tmp_path / "in")), CsvFormat(header=True)
        )
        return run_baseline(
            dataset,
            DataQualityMonitor(),
            max_quarantined_share=max_quarantined_share,
            output_path=str(tmp_path / "out"),
        )

    (tmp_path / "in").mkdir()
    return running


def quarantined(tmp_path):
    return [
        json.loads(line)
        for file in sorted((tmp_path / "out" / "quarantine").glob("*"))
        for line in file.read_text().splitlines()
    ]


def test_refused_lines_are_kept_as_they_were_with_reason_file_and_line_number(baseline, tmp_path):
    badly_encoded = "4,Zürich".encode("latin-1")
    (tmp_path / "in" / "a.csv").write_bytes(b"age,city\n1,Bern\n\n2\nage,city\n2\n" + badly_encoded + b"\n")
    (tmp_path / "in" / "b.csv").write_text("age,city\n5,Genf\n6,Basel,more\n")
    baseline()
    records = quarantined(tmp_path)

    assert [(record["file"].rsplit("/", 1)[-1], record["line_number"], record["reason"]) for record in records] == [
        ("a.csv", 4, "wrong number of cells"),
        ("a.csv", 5, "repeated header line"),
        ("a.csv", 6, "wrong number of cells"),
        ("a.csv", 7, "not UTF-8"),
        ("b.csv", 3, "wrong number of cells"),
    ]
    assert [record.get("line") for record in records] == ["2", "age,city", "2", None, "6,Basel,more"]
    assert base64.b64decode(records[3]["line_base64"]) == badly_encoded
    assert records[4]["sha256"] == hashlib.sha256(b"6,Basel,more").hexdigest()


def test_too_many_refused_lines_fail_the_run_and_are_kept_all_the_same(baseline, tmp_path):
    (tmp_path / "in" / "a.csv").write_text("age,city\n1,Bern\n2\n")

    with pytest.raises(BadInput, match=r"1 of 2 records were refused .* they are in .*/quarantine"):
        baseline(max_quarantined_share=0.01)
    assert len(quarantined(tmp_path)) == 1


def test_only_their_owner_may_read_refused_lines(baseline, tmp_path):
    (tmp_path / "in" / "a.csv").write_text("age,city\n1,Bern\n2\n")
    baseline()
    folder = tmp_path / "out" / "quarantine"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]


def test_a_later_run_without_refused_lines_leaves_no_quarantine(baseline, tmp_path):
    (tmp_path / "in" / "a.csv").write_text("age,city\n1,Bern\n2\n")
    baseline()
    (tmp_path / "in" / "a.csv").write_text("age,city\n1,Bern\n2,Genf\n")
    baseline()

    assert not (tmp_path / "out" / "quarantine").exists()
