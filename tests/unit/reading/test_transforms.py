"""Outputs of batch transforms: manifests that name them, and the id and time that were appended to them."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from tests.unit.reading.read_data_sets import ENGINE, read_account, sort_rows

from spark_model_monitor.data.reading.formats import CsvFormat, JsonFormat, ReadOptions
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.reading.transform_outputs import list_outputs, read_transform
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadInput

ID = "1f1d57b1-0000-4000-8000-00000000000{}"
WINDOW = Window(datetime(2022, 8, 30, tzinfo=timezone.utc), datetime(2022, 8, 30, 1, tzinfo=timezone.utc))


@pytest.fixture
def read(tmp_path):
    def reading(dataset_format, names=None, path=tmp_path, **options):
        listing = list_dataset(ENGINE, str(path))
        root = options.get("manifest_root")
        listing = list_outputs(ENGINE, listing, root)
        return read_transform(ENGINE, listing, dataset_format, ReadOptions(names, **options))

    return reading


def test_the_last_two_columns_of_csv_are_id_and_time(read, tmp_path):
    # a blank after the comma is the guide's own spelling
    (tmp_path / "a.csv.out").write_text(
        f"7,0, {ID.format(1)},2022-08-30T00:49:15Z\n8,1,{ID.format(2)},2022-08-30T00:49:16Z\n"
    )
    dataset = read(CsvFormat(), ["age", "label"])

    assert dataset.names == ("age", "label")
    assert sort_rows(dataset) == [("7", "0"), ("8", "1")]
    (tmp_path / "a.csv.out").write_text("7,0\n8,1\n")  # without an id it keeps its columns
    assert read(CsvFormat()).names == ("_c0", "_c1")


def test_outputs_of_nothing_but_id_and_time_have_no_features(read, tmp_path):
    times = ["2022-08-30T00:49:15Z", "2022-08-30T01:00:00Z"]
    (tmp_path / "a.csv.out").write_text("".join(f"{ID.format(1)},{time}\n" for time in times))
    dataset = read(CsvFormat(), window=WINDOW)
    _, ledger, _ = read_account(dataset)

    assert dataset.names == ()
    assert (ledger.kept, ledger.outside_window) == (1, 1)


def test_rows_outside_the_window_are_counted(read, tmp_path):
    times = ["2022-08-30T00:49:15Z", "2022-08-30T01:00:00Z", "never", "2022-08-29T23:59:59Z"]
    lines = [f"7,0,{ID.format(number)},{time}" for number, time in enumerate(times)]
    (tmp_path / "a.csv.out").write_text("\n".join(lines) + "\n")
    _, ledger, _ = read_account(read(CsvFormat(), window=WINDOW))

    assert (ledger.read, ledger.kept, ledger.outside_window) == (4, 1, 2)
    assert ledger.refused == {"no readable inferenceTime": 1}


def make_joined(number, **members):
    output = {"predicted_label": number, "score": number / 4}
    return {
        "SageMakerInferenceId": ID.format(number),
        "SageMakerInferenceTime": "2022-08-30T00:49:15Z",
        "SageMakerOutput": output,
        **members,
    }


def test_joined_json_lines_give_the_models_output_first(read, tmp_path):
    lines = [json.dumps(make_joined(number, age=30 + number)) for number in (1, 2)]
    (tmp_path / "a.jsonl.out").write_text("\n".join(lines) + "\n")
    dataset = read(JsonFormat())

    assert dataset.names == ("predicted_label", "score", "age")
    assert sort_rows(dataset) == [(1, 0.25, 31), (2, 0.5, 32)]
    assert read(JsonFormat(), ["score", "age", "predicted_label"]).names == ("score", "age", "predicted_label")
    # Members of other names keep them but for the service
    baseline = ["predicted_label", "score", "years"]
    assert read(JsonFormat(), baseline).names == ("predicted_label", "score", "age")
    assert read(JsonFormat(), baseline, as_service=True).names == tuple(baseline)


def test_nested_input_is_flattened_unless_that_is_refused(read, tmp_path):
    (tmp_path / "a.jsonl.out").write_text(json.dumps(make_joined(1, who={"age": 7})) + "\n")

    with pytest.raises(BadInput, match="feature 'who' is a nested object; write --flatten-json"):
        read(JsonFormat(), flatten_json=False)
    assert read(JsonFormat()).names == ("predicted_label", "score", "who.age")


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ('[{"prefix": "/nowhere/"}, "a.csv.out"]', r"x\.json: names /nowhere/a\.csv\.out, which is absent"),
        ('[{"prefix": ["/nowhere/"]}, ["a"]]', r"x\.json: is no manifest"),
        ('[{"prefix": "/nowhere/"}, 5]', r"x\.json: is no manifest"),
        ('[{"prefix": "/nowhere/"}', r"x\.json: is no manifest"),
        ('[{"prefix": "/etc/"}, "hostname"]', r"x\.json: names a file that is not below manifest_root /nowhere"),
    ],
)
def test_a_bad_manifest_is_named(read, tmp_path, manifest, sentence):
    (tmp_path / "x.json").write_text(manifest)

    with pytest.raises(BadInput, match=sentence):
        read(CsvFormat(), manifest_root="/nowhere")
