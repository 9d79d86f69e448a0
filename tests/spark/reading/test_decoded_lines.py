"""A scan that decodes lines itself finds what a scan of the decoded frame finds."""

from __future__ import annotations

import dataclasses

import pytest
from tests.unit.records.captured_lines import some_lines

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import CaptureFormat, CsvFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.refusals import REASON, Refusal
from spark_model_monitor.spark.engine.spark import SparkEngine

LONG = "x" * 300


@pytest.fixture
def csv(spark, tmp_path):
    rows = [f'{number},{number / 7},"{LONG if number % 5 == 0 else "né"}"' for number in range(3_000)]
    (tmp_path / "data.csv").write_text("\n".join(["age,share,note", *rows, "1,2", 'a"b,2,3']) + "\n")
    return read_dataset(SparkEngine(spark), list_dataset(SparkEngine(spark), str(tmp_path)), CsvFormat(header=True))


@pytest.fixture
def captures(spark, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(some_lines(11, 2_000)) + b"\n")
    source = list_captures(SparkEngine(spark), str(tmp_path))
    return read_captures(SparkEngine(spark), source, CaptureFormat(), ReadOptions(("p", "a", "b")))


def scan_features(dataset, **options):
    return scan(
        RowSource(
            dataset.lines.raw if options else dataset.table,
            dataset.names,
            counts_cells=dataset.record_cells is not None,
            max_partition_count=4,
            **options,
        ),
        ScanPlan(rows=RowPlan(reasons=len(Refusal))),
    )


@pytest.mark.parametrize("name", ["csv", "captures"])
def test_lines_and_their_frame_have_the_same_states(name, request):
    dataset = request.getfixturevalue(name)
    of_frame = scan_features(dataset)
    of_lines = scan_features(dataset, decode=dataset.lines.decoding)

    assert of_lines.rows == of_frame.rows
    assert of_lines.rows.kept > 1_000
    assert sum(of_lines.rows.refused) > 0
    assert [feature.states for feature in of_lines.profile.features] == [
        feature.states for feature in of_frame.profile.features
    ]


def test_some_of_the_features_are_decoded_too(csv):
    some = csv.select_features(["note", "age"])

    assert some.frame.where(f"{REASON} = 0").select("c0", "c1").first() == (LONG, "0")
    assert scan_features(some, decode=some.lines.decoding).profile.feature("note").frequencies.total == 3_000


def test_a_frame_that_is_something_else_than_its_lines_is_scanned_as_it_is(csv):
    assert csv.lines is not None
    assert dataclasses.replace(csv, rows=csv.frame.limit(5)).lines is None
