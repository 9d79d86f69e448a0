"""Lines that are longer than a job takes: refused, counted and named by place, and never part of what is read."""

from __future__ import annotations

import random

import pytest
from tests.spark_lines import on_a_jvm
from tests.unit.reading.test_long_records import CAPTURES, MOST, TOO_LONG, list_places, write
from tests.unit.records.captured_lines import captured as capture
from tests.unit.records.captured_lines import encode_line

from spark_model_monitor.data.engine.partitions import MAX_RECORD_SIZE
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine
from spark_model_monitor.spark.spark_session import new_job_session


@pytest.fixture
def session(spark):
    """A session that takes records of up to 2,000 bytes."""
    session = new_job_session(spark)
    session.conf.set(MAX_RECORD_SIZE, str(MOST))
    return session


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
    assert [number for number, _ in list_places(tmp_path / "out")] == [
        number for number, line in enumerate(lines, start=2) if len(line) > MOST
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
@pytest.mark.parametrize("as_service", [False, True])
def test_captures_are_refused_alike_compressed_or_in_order(session, tmp_path, name, as_service):
    write(tmp_path / "in", name, [*CAPTURES, *[encode_line(capture())] * 20])  # compressed they would do with less
    options = ReadOptions(("p", "a", "b"), as_service=as_service)
    with read_path(SparkEngine(session), str(tmp_path / "in"), CaptureFormat(), options) as data:
        findings = run_baseline(
            data, DataQualityMonitor(), max_quarantined_share=0.5, output_path=str(tmp_path / "out")
        )

    assert (findings.ledger.read, findings.ledger.kept) == (24, 22)
    assert list_places(tmp_path / "out") == [(2, TOO_LONG), (3, "not a JSON object")]


@on_a_jvm("its server starts other jobs")
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

    assert list_places(tmp_path / "long") == [(3, TOO_LONG)]
    assert jobs["long"] == jobs["short"]
