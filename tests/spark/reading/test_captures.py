"""Captures through Spark: the pure decoder's account of them, whatever the partitions, in one job."""

from __future__ import annotations

import gzip
import os
from collections import Counter
from datetime import datetime, timezone

import pytest
from tests.unit.reading.read_data_sets import read_account, sort_rows
from tests.unit.reading.test_captured_windows import write_damaged_hours
from tests.unit.records.captured_lines import captured, encode_line, some_json_lines, some_lines

from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, ReadOptions
from spark_model_monitor.data.records.csv_rows import BYTE_ORDER_MARK
from spark_model_monitor.data.records.decoding import Reading, RecordSelection, decode
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.data_quality.monitor import DataQualityMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine

BOTH = ("endpointInput", "endpointOutput")
NAMES = ("p", "a", "b")
UTC = timezone.utc
WINDOW = Window(datetime(2022, 4, 18, tzinfo=UTC), datetime(2022, 4, 18, 1, tzinfo=UTC))

HALF_PAST = Window(datetime(2022, 4, 17, 23, 55, tzinfo=UTC), datetime(2022, 4, 18, 0, 30, tzinfo=UTC))


@pytest.fixture
def read(spark, tmp_path):
    """Reads the lines, or what lies in the folder already."""

    def read_captured(lines=(), window=None, partition_bytes=None, **options):
        if lines:
            content = b"\n".join(map(encode_line, lines))
            (tmp_path / "a.jsonl").write_bytes(content + b"\n")
        source = list_captures(SparkEngine(spark), str(tmp_path), window)
        options = ReadOptions(NAMES, window, **options)
        return read_captures(SparkEngine(spark), source, CaptureFormat(), options, partition_bytes)

    return read_captured


@pytest.mark.parametrize("seed", [4, 7, 8, 9])  # of JSON and CSV, in windows and none, sampled, as the service
def test_sparks_account_is_the_pure_decoders(read, seed):
    is_json = seed % 3 == 2
    if is_json:
        lines = some_json_lines(seed, 200)
    else:
        lines = some_lines(seed, 200)
    window = [None, WINDOW, HALF_PAST, WINDOW][seed % 4]
    sample = 0.4 if seed % 5 == 4 else None
    if seed % 8 == 7:
        encoding = None
    elif is_json:
        encoding = "JSON"
    else:
        encoding = "CSV"
    as_service = (
        is_json and seed % 2 == 0
    )  # not for CSV: the service's escape character leaves doubled quotes as they are
    reading = Reading(
        BOTH, NAMES, 3, encoding=encoding, selection=RecordSelection(window, sample), exact_keys=as_service
    )
    # The mark at the beginning of a file is none of its first record
    without_mark = [lines[0].removeprefix(BYTE_ORDER_MARK), *lines[1:]]
    decoded = [decode(line, reading) for line in without_mark]
    dataset = read(lines, window=window, sample=sample, allow_mixed_encodings=encoding is None, as_service=as_service)
    counted = dataset.frame.where(f"{REASON} > 0 or {CELLS} > 0").groupBy(REASON).count().collect()

    assert {row[REASON]: row["count"] for row in counted} == dict(
        Counter(int(decoded_line.reason or 0) for decoded_line in decoded)
    )
    assert Counter(sort_rows(dataset)) == Counter(row for decoded_line in decoded for row in decoded_line.rows)


def test_a_cut_gzip_is_named(read, tmp_path):
    content = b"\n".join(encode_line(captured(f"{n},{os.urandom(8).hex()}")) for n in range(20_000))
    compressed = gzip.compress(content)
    (tmp_path / "cut.jsonl.gz").write_bytes(compressed[: len(compressed) // 2])

    with pytest.raises(BadInput, match=r"cut\.jsonl\.gz: is cut short or damaged"):
        run_baseline(read(), DataQualityMonitor())


def test_one_scan_reads_captures_and_counts_them(read, count_spark_jobs):
    dataset = read([captured(), captured("1")], partition_bytes=2**25)

    with count_spark_jobs() as jobs:
        read_account(dataset)

    assert len(jobs) == 1


def test_a_damaged_line_counts_in_the_window_whose_hour_folder_has_it(read, tmp_path):
    write_damaged_hours(tmp_path)
    _, ledger, _ = read_account(read(window=WINDOW))

    assert (ledger.quarantined, ledger.kept, ledger.outside_window) == (4, 2, 5)
