"""What a few odd records do to a run: they are counted and quarantined, and the rest is judged as without them."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from spark_model_monitor import (
    AnalysisConfig,
    AttributionMeasures,
    BiasMeasures,
    BiasMonitor,
    DataQualityMonitor,
    ExplainabilityMonitor,
    ModelQualityMonitor,
    OutcomePlan,
    ProblemType,
    outcomes,
    run_baseline,
    run_monitoring,
)
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.profiling.contingency_scan import find_strays
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.format_readers import read_dataset
from spark_model_monitor.data.reading.formats import JsonFormat
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.data.reading.listing import list_dataset
from spark_model_monitor.data.records.decoded_rows import add_reason_field, reject_records
from spark_model_monitor.data.records.json_features import MAX_COLUMNS
from spark_model_monitor.data.records.refusals import CELLS, REASON, Refusal
from spark_model_monitor.errors import BadInput, NoData
from spark_model_monitor.running.runs.monitoring_run import _require_enough
from spark_model_monitor.statistics.states.contingency import CellKind, ColumnMetadata
from spark_model_monitor.statistics.states.contingency_plan import ValuedColumn

BINARY = OutcomePlan(ProblemType.BINARY_CLASSIFICATION)


def rows(count=200):
    random = np.random.default_rng(3)
    label = random.integers(0, 2, count)
    called = np.where(random.random(count) < 0.9, label, 1 - label)
    return pd.DataFrame({"age": random.integers(18, 80, count), "y": label, "a": called}).astype(str)


def odd(column, value, row_number=100):
    table = rows()
    more = table.iloc[[0]].assign(**{column: value})
    return pd.concat([table.iloc[:row_number], more, table.iloc[row_number:]], ignore_index=True)


@pytest.mark.parametrize(("column", "value"), [("y", "n/a"), ("a", "maybe"), ("y", "9" * 400)])
def test_a_third_class_in_a_binary_problem_is_quarantined(column, value, tmp_path):
    paths = [tmp_path / "quiet.csv", tmp_path / "window.csv"]
    for path, table in zip(paths, (rows(), odd(column, value)), strict=True):
        table.to_csv(path, index=False)
    monitor = ModelQualityMonitor(BINARY)
    data = [outcomes(str(path), BINARY, label="y", prediction="a", engine="local") for path in paths]
    baseline = run_baseline(data[0], monitor)

    quiet = run_monitoring(data[0], monitor, baseline)
    findings = run_monitoring(data[1], monitor, baseline, output_path=str(tmp_path / "out"))

    assert findings.results == quiet.results
    assert findings.current.state.confusion == quiet.current.state.confusion
    assert findings.current.ledger.refused == {Refusal.THIRD_CLASS.text: 1}
    [line] = (tmp_path / "out" / "quarantine" / "00000.jsonl").read_text().splitlines()
    assert (json.loads(line)["line_number"], json.loads(line)["reason"]) == (102, Refusal.THIRD_CLASS.text)


def test_as_the_service_a_third_class_ends_the_run():
    data = outcomes(odd("y", "n/a"), BINARY, label="y", prediction="a", engine="local")

    with pytest.raises(BadInput, match="a binary problem has two classes"):
        run_baseline(data, ModelQualityMonitor(BINARY, as_service=True))


def test_many_of_a_third_class_are_refused_by_their_share():
    table = pd.concat([rows(), rows().iloc[:3].assign(y="n/a")], ignore_index=True)
    data = outcomes(table, BINARY, label="y", prediction="a", engine="local")

    with pytest.raises(
        BadInput, match=r"3 of 203 records were refused \(label or prediction of a third class: 3\).*Multiclass"
    ):
        run_baseline(data, ModelQualityMonitor(BINARY))


@pytest.mark.parametrize("problem", ProblemType)
def test_lists_where_one_number_is_wanted_are_refused_with_what_to_write(problem):
    """As a frame has them of `predict_proba`, or of a network with one output."""
    of_numbers = problem is ProblemType.REGRESSION
    plan = OutcomePlan(problem, with_scores=not of_numbers, with_predictions=of_numbers)
    table = pd.DataFrame({"y": [1.0, 0.0] * 20, "list": [[0.25, 0.75]] * 40})
    if of_numbers:
        attributes = {"prediction": "list"}
    else:
        attributes = {"probability": "list"}

    with pytest.raises(BadInput, match=r"40 of 40 records were refused \(pr\w+ is not a number: 40\)") as raised:
        run_baseline(outcomes(table, plan, label="y", **attributes, engine="local"), ModelQualityMonitor(plan))
    assert of_numbers or "write one number, of the positive class" in str(raised.value)


def test_a_label_that_is_absent_in_a_table_of_csv_is_quarantined_with_its_line(tmp_path):
    odd("y", "").to_csv(tmp_path / "window.csv", index=False)
    data = outcomes(str(tmp_path / "window.csv"), BINARY, label="y", prediction="a", engine="local")

    run_baseline(data, ModelQualityMonitor(BINARY), output_path=str(tmp_path / "out"))

    [line] = (tmp_path / "out" / "quarantine" / "00000.jsonl").read_text().splitlines()
    assert (json.loads(line)["line_number"], json.loads(line)["reason"]) == (102, "no label")


def bias(**how):
    facet = '{"name_or_index": "age", "value_or_threshold": [40]}'
    text = f'{{"label": "y", "label_values_or_threshold": [1], "predicted_label": "a", "facet": [{facet}]}}'
    return BiasMonitor(replace(BiasMeasures.of(AnalysisConfig.from_json(text)), **how))


@pytest.mark.parametrize("column", ["age", "y", "a"])
@pytest.mark.parametrize("value", ["n/a", "", "0.5", "1.0", "9" * 400, "1e999", "True", "NaN"])
def test_a_cell_of_another_kind_does_not_decide_how_its_column_is_taken(column, value, tmp_path):
    paths = [tmp_path / "quiet.csv", tmp_path / "window.csv"]
    for path, table in zip(paths, (rows(), odd(column, value)), strict=True):
        table.to_csv(path, index=False)
    monitor = bias(untyped_texts=True)

    quiet, with_stray = (run_baseline(str(path), monitor, engine="local") for path in paths)

    assert with_stray.documents == quiet.documents
    assert with_stray.ledger.refused == {Refusal.STRAY.text: 1}
    as_service = run_baseline(str(paths[1]), bias(untyped_texts=True, as_service=True), engine="local")
    assert as_service.ledger.kept == 201


@pytest.mark.parametrize(("age", "refused"), [("n/a", {Refusal.UNANSWERED.text: 1}), ("50", {})])
def test_a_text_where_baseline_rows_have_numbers_is_quarantined(age, refused, tmp_path):
    odd("age", age).to_csv(tmp_path / "window.csv", index=False)
    config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[40, 0, 0]]}}}')
    monitor = ExplainabilityMonitor(AttributionMeasures.of(config, lambda frame: frame["age"]))

    explained = run_baseline(str(tmp_path / "window.csv"), monitor, engine="local")

    assert explained.ledger.refused == refused
    assert explained.state.count == 201 - len(refused)


INTEGRAL = CellKind.INTEGRAL
FRACTIONAL = CellKind.FRACTIONAL
TEXT = CellKind.TEXT
MISSING = CellKind.MISSING
BOOLEAN = CellKind.BOOLEAN
DIGITS = CellKind.INTEGER_TEXT


@pytest.mark.parametrize(
    ("kinds", "values", "strays"),
    [
        ({INTEGRAL: 99, TEXT: 1}, (1,), {TEXT}),
        ({INTEGRAL: 98, TEXT: 2}, (1,), set()),
        ({INTEGRAL: 990, TEXT: 3, MISSING: 3, FRACTIONAL: 3}, (1,), {TEXT, MISSING, FRACTIONAL}),
        ({INTEGRAL: 990, TEXT: 3, MISSING: 3}, (), {MISSING}),
        ({INTEGRAL: 500, FRACTIONAL: 495, TEXT: 5}, (1.5,), {TEXT}),
        ({INTEGRAL: 500, FRACTIONAL: 495, MISSING: 5}, (1.5,), set()),
        ({DIGITS: 99, MISSING: 1}, (1,), {MISSING}),
        ({DIGITS: 99, TEXT: 1}, (1,), {TEXT}),
        ({BOOLEAN: 99, TEXT: 1}, (True,), {TEXT}),
        ({BOOLEAN: 99, MISSING: 1}, (True,), set()),
        ({TEXT: 99, INTEGRAL: 1}, ("F",), set()),
        ({INTEGRAL: 100}, (1,), set()),
    ],
)
def test_strays_are_the_few_cells_that_would_change_what_a_column_is(kinds, values, strays):
    assert find_strays(ValuedColumn("c", values), ColumnMetadata(kinds)) == strays


def test_a_record_is_refused_as_a_whole_and_is_one_row_then():
    batch = pa.RecordBatch.from_pydict(
        {
            "c0": list("abcdefg"),
            REASON: pa.array([0, 0, 0, 5, 0, 0, 0], pa.int32()),
            CELLS: pa.array([1, 0, 0, 0, 1, 1, 0], pa.int32()),
        }
    )
    bad = np.array([False, True, False, True, False, False, True])

    rejected = reject_records(batch, bad, Refusal.STRAY, batch.schema)

    assert rejected.to_pydict() == {"c0": ["a", "d", "e", "f"], REASON: [47, 5, 0, 47], CELLS: [0, 0, 1, 0]}


def test_rows_that_nobody_could_refuse_get_a_reason():
    batch = pa.RecordBatch.from_pydict({"c0": [1, 2]})

    rejected = reject_records(batch, np.array([False, True]), Refusal.STRAY, add_reason_field(batch.schema))

    assert rejected.to_pydict() == {"c0": [1, 2], REASON: [0, 47]}


def test_more_columns_than_are_taken_are_a_sentence():
    names = tuple(f"c{number}" for number in range(MAX_COLUMNS + 1))

    assert len(Dataset(None, names[1:]).names) == MAX_COLUMNS
    with pytest.raises(BadInput, match="has 20,001 columns, and at most 20,000 are taken"):
        Dataset(None, names)


@pytest.mark.parametrize("in_file", [True, False])
def test_a_column_without_a_name_is_called_by_its_place(in_file, tmp_path):
    data = pd.DataFrame({"": range(30, 0, -1), "amount": range(30)})
    if in_file:
        data.to_parquet(tmp_path / "d.parquet")
        data = str(tmp_path / "d.parquet")

    assert run_baseline(data, DataQualityMonitor(), engine="local").to_pandas().index.tolist() == ["_c0", "amount"]


def test_a_document_of_json_may_be_as_large_as_a_record(tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([{"a": 1}] * 50))

    def read(maximum_bytes):
        return read_dataset(
            LocalEngine(maximum_bytes), list_dataset(LocalEngine(), str(tmp_path)), JsonFormat(lines=False)
        )

    assert read(500).names == ("a",)
    with pytest.raises(
        BadInput, match=r"x\.json: has 500 bytes, and a JSON document, .* may have 499; write one object a line"
    ):
        read(499)


def test_one_record_with_many_names_of_its_own_adds_no_columns(tmp_path):
    lines = [json.dumps({"a": number}) for number in range(200)]
    hundred_names, hundred_and_one_names = (
        {"a": 1, **{f"n{number}": 1 for number in range(count)}} for count in (100, 101)
    )
    monitor = DataQualityMonitor()
    for extra, names, refused in (
        (hundred_names, 101, {}),
        (hundred_and_one_names, 1, {Refusal.ANOTHER_SHAPE.text: 1}),
    ):
        (tmp_path / "x.jsonl").write_text("\n".join([*lines, json.dumps(extra)]))
        baseline = run_baseline(str(tmp_path / "x.jsonl"), monitor, engine="local")
        assert (len(baseline.statistics.features), baseline.ledger.refused) == (names, refused)


@pytest.mark.parametrize("row_number", [0, 5])
def test_the_first_captured_record_does_not_decide_how_all_are_read(row_number, tmp_path):
    def record(data, encoding="CSV"):
        half = {"observedContentType": "text/csv", "encoding": encoding, "mode": "INPUT", "data": data}
        return json.dumps(
            {"captureData": {"endpointInput": half}, "eventMetadata": {"eventId": "1"}, "eventVersion": "0"}
        )

    quiet = [record(f"{number},x") for number in range(150)]
    for strange, reason in (
        (record('{"a": 1}', "JSON"), "another encoding than the first record's"),
        (record("1,2,3"), None),
    ):
        (tmp_path / "x.jsonl").write_text("\n".join([*quiet[:row_number], strange, *quiet[row_number:]]))
        baseline = run_baseline(
            str(tmp_path / "x.jsonl"), DataQualityMonitor(), dataset_format="capture", engine="local"
        )
        assert baseline.ledger.refused == {reason or "wrong number of cells": 1}
        assert [feature.name for feature in baseline.statistics.features] == ["_c0", "_c1"]


@pytest.mark.parametrize(
    ("dataset_format", "content", "words"),
    [
        pytest.param("csv", "0,1\n" * 50, "write --dataset-format csv-without-header", id="no header"),
        pytest.param(
            "csv", "0,1\n1,0\n" * 50, "of its first line .* csv-without-header", id="no header, in another order"
        ),
    ],
)
def test_refused_records_are_reported_with_what_to_write_instead(dataset_format, content, words, tmp_path):
    (tmp_path / "a file").write_text(content)
    with pytest.raises(BadInput, match=words):
        run_baseline(str(tmp_path / "a file"), DataQualityMonitor(), dataset_format=dataset_format, engine="local")


def test_a_window_beside_which_all_records_lie_is_reported_as_such():
    with pytest.raises(NoData, match="no record is left of 200; 200 lie outside the window"):
        _require_enough(Ledger((), 200, 0, outside_window=200), 0.01, None)
