"""Captured records that the real service wrote, or that were rebuilt from its runs, read as it read them."""

from __future__ import annotations

import csv
import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest

from spark_model_monitor.data.profiling.scan import RowSource, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.captures import list_captures, read_captures
from spark_model_monitor.data.reading.formats import CaptureFormat, JsonFormat, MergedFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.transform_outputs import list_outputs, read_transform
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.data.records.windows import Window


@pytest.fixture
def read(engine, golden):
    def reading(path, names=None, capture_format=CaptureFormat(), window=None, **options):  # noqa: B008
        source = list_captures(engine, str(golden / path), window)
        return read_captures(engine, source, capture_format, ReadOptions(names, window, **options))

    return reading


def account(dataset):
    findings = scan(
        RowSource(
            dataset.table,
            dataset.names,
            counts_cells=dataset.record_cells is not None,
            max_partition_count=1,
        ),
        ScanPlan(rows=RowPlan(reasons=len(Refusal))),
    )
    return findings.profile, dataset.ledger(findings.rows)


def read_rows(dataset, columns):
    """The cells of some columns of each row, by column."""
    return pa.Table.from_batches(dataset.table.select_columns(columns, columns).batches()).to_pylist()


def baseline_names(path):
    return [feature["name"] for feature in json.loads(path.read_text())["features"]]


@pytest.mark.parametrize("as_service", [False, True])
def test_the_churn_run_has_1977_records_of_70_columns_output_first(read, golden, as_service):
    names = baseline_names(golden / "dq-churn" / "constraints.json")
    window = Window(datetime(2022, 4, 18, tzinfo=timezone.utc), datetime(2022, 4, 18, 1, tzinfo=timezone.utc))
    dataset = read("dq-churn/run/capture.reconstructed.jsonl", names, window=window, as_service=as_service)
    profile, ledger = account(dataset)

    assert (ledger.read, ledger.kept, ledger.quarantined) == (1977, 1977, 0)
    assert dataset.names == tuple(names)
    assert len(names) == 70
    assert 0 < profile.feature("Churn").moments.minimum < profile.feature("Churn").moments.maximum < 1  # the scores
    # 7 of the 1,977 rows have fractions in 59 columns: 99.64592817400101 % are Integral (G14, dq-churn/run)
    assert profile.feature("State_NV").data_types.fractional == 7


def test_the_cookbook_run_is_its_18_rows(read, golden):
    names = baseline_names(golden / "dq-cookbook" / "baseline" / "constraints.json")
    dataset = read("dq-cookbook/run/capture.reconstructed.jsonl", names, as_service=True)
    profile, ledger = account(dataset)
    published = json.loads((golden / "dq-cookbook" / "run" / "statistics.json").read_text())

    assert ledger.kept == 18
    for feature in published["features"]:
        moments = profile.feature(feature["name"]).moments
        assert moments.mean == pytest.approx(feature["numerical_statistics"]["mean"], rel=1e-12)
        assert moments.maximum == feature["numerical_statistics"]["max"]


@pytest.mark.parametrize(
    ("path", "records", "columns"),
    [("endpoint-capture.3-records.jsonl", 3, 70), ("endpoint-capture.with-inference-id.jsonl", 2, 17)],
)
def test_captures_of_csv_endpoints(read, path, records, columns):
    dataset = read(f"schema-examples/{path}")
    _, ledger = account(dataset)

    assert (ledger.read, ledger.kept, len(dataset.names)) == (records, records, columns)


def test_many_json_records_in_one_request(read, golden):
    path = "schema-examples/endpoint-capture.json-many-records-per-request.jsonl"
    dataset = read(path, capture_format=CaptureFormat(("endpointInput",)))
    profile, ledger = account(dataset)
    lines = (golden / path).read_text().splitlines()
    requests = [json.loads(json.loads(line)["captureData"]["endpointInput"]["data"]) for line in lines]
    ages = [row["Age"] for request in requests for row in request]

    assert (ledger.read, ledger.kept, ledger.kept_rows) == (14, 14, len(ages))
    assert dataset.names == tuple(requests[0][0])
    assert profile.feature("Age").moments.sum == sum(ages)


def test_many_json_records_whose_answers_are_a_table_by_its_columns(read, golden):
    path = "schema-examples/endpoint-capture.json-many-records-per-request.jsonl"
    dataset = read(path)
    profile, ledger = account(dataset)
    lines = (golden / path).read_text().splitlines()
    answers = [json.loads(json.loads(line)["captureData"]["endpointOutput"]["data"]) for line in lines]

    assert (ledger.kept, ledger.refused) == (14, {})
    assert {"predictions", "scores", "Age"} < set(dataset.names)
    assert profile.feature("predictions").moments.sum == sum(sum(answer["predictions"]) for answer in answers)
    assert ledger.kept_rows == sum(len(answer["scores"]) for answer in answers)


def test_merged_records_of_endpoint_and_transform(read, golden, tmp_path):
    for name, half, columns in (
        ("endpoint-csv", "endpointInput", 59),
        ("batch-transform-jsonlines", "batchTransformOutput", 16),
    ):
        record = json.loads((golden / "schema-examples" / f"merged-record.{name}.json").read_text())
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.jsonl").write_text(json.dumps(record) + "\n")
        dataset = read(folder, capture_format=MergedFormat((half,)), flatten_json=True)
        _, ledger = account(dataset)

        assert (ledger.kept, len(dataset.names)) == (1, columns)


def test_the_merged_record_of_the_bias_run_is_read(read):
    merged = MergedFormat(("batchTransformOutput",))
    dataset = read("bias-adult-batch-json/run/merge/part-00000.jsonl", capture_format=merged, flatten_json=True)
    _, ledger = account(dataset)

    assert dataset.names == ("SageMakerOutput.predictions", "instances")
    assert ledger.kept == 1


def test_the_transform_of_the_bias_run_is_read_through_its_manifest(golden, tmp_path, engine):
    capture = golden / "bias-adult-batch-json" / "run" / "capture"
    manifest = json.loads((capture / "output-manifest.json").read_text())
    manifest[0]["prefix"] = f"{capture}/"  # the bucket of the run is not at hand
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    listing = list_outputs(engine, list_dataset(engine, str(tmp_path)), "/")
    dataset = read_transform(engine, listing, JsonFormat(lines=False))
    published = json.loads((capture / "test-dataset.json.out").read_text())

    assert dataset.names == ("predictions", "instances")
    [record] = read_rows(dataset, ["c0"])
    assert len(record["c0"]) == len(published["SageMakerOutput"]["predictions"])


def test_the_rows_of_the_churn_run_are_those_of_the_published_file(read, golden):
    with (golden / "dq-churn" / "run" / "test-dataset-input-cols.csv").open() as file:
        published = [tuple(row) for row in csv.reader(file)]
    dataset = read("dq-churn/run/capture.reconstructed.jsonl")
    inputs = [f"c{position}" for position in range(1, 70)]
    rows = {tuple(row.values()) for row in read_rows(dataset, inputs)}

    assert rows <= set(published)
