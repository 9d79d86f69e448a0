"""Attributions from Python: what a run leaves, whatever the cut of its data, and what ends it."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
import pytest
from tests.servers import http_server

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, MonitorError, NoData
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.baseline_rows import FILE, LOCAL
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.running.runs.merging import merge_runs
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runtime.failures import describe_failure

WEIGHTS = np.array([2.0, -1.0, 0.5, 0.0])
NAMES = ("age", "income", "visits", "noise")


def linear(frame):
    return 1.0 + (frame[list(NAMES)].to_numpy() * WEIGHTS).sum(axis=1)


def crossed(frame):
    rows = frame[list(NAMES)].to_numpy()
    return np.stack([np.tanh(rows[:, 0] * rows[:, 1]), rows[:, 2] * rows[:, 0]], axis=1)


def table(rows=500, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame({name: random.integers(0, 9, rows) / 4 for name in NAMES})


def make_monitor(model, *, pdp=None, baseline=None, **shap):
    methods = {"shap": {"baseline": [[1, 1, 1, 1]], **shap}} | ({"pdp": pdp} if pdp else {})
    if baseline is not None:
        methods["shap"].pop("baseline")
    config = AnalysisConfig.from_json(json.dumps({"methods": methods, "label": "label"}))
    return ExplainabilityMonitor(AttributionMeasures.of(config, model, baseline=baseline))


def read_local_values(baseline):
    return baseline.files()[LOCAL]


def test_a_linear_models_attributions_by_hand(spark):
    rows = table()

    run = run_baseline(rows, make_monitor(linear, save_local_shap_values=True))

    expected = np.abs(WEIGHTS * (rows - 1)).mean()
    assert list(run.to_pandas()["value"]) == pytest.approx(list(expected), abs=1e-9)
    header, *lines = csv.reader(read_local_values(run).decode().splitlines())
    assert header == [f"{name}_label0" for name in NAMES]
    np.testing.assert_allclose(np.array(lines, float), WEIGHTS * (rows - 1), atol=1e-9)
    assert run.state.exact == len(rows)
    assert run.files()[FILE] == b"age,income,visits,noise\r\n1,1,1,1\r\n"


@pytest.mark.parametrize("samples", [6, 14])
def test_local_values_have_the_same_bytes_however_the_data_is_cut(spark, samples):
    row_position = (F.col("id") + 1).cast("int")
    columns = [F.element_at(F.lit(values.tolist()), row_position).alias(name) for name, values in table(300).items()]
    monitor = make_monitor(crossed, num_samples=samples, save_local_shap_values=True)
    local_values = set()
    sums = []

    for pieces in (1, 2, 5, 13):
        run = run_baseline(spark.range(0, 300, 1, pieces).select(columns), monitor)
        local_values.add(read_local_values(run))
        sums.append(run.state.sums)

    assert len(local_values) == 1
    for partial_sums in sums[1:]:
        np.testing.assert_allclose(partial_sums, sums[0], rtol=1e-14, atol=1e-15)


def test_hours_add_up_to_the_day(spark, tmp_path):
    rows = table(400)
    monitor = make_monitor(crossed)
    for hour in range(4):
        run_baseline(rows[hour * 100 : (hour + 1) * 100], monitor).write(tmp_path / str(hour))
    day = run_baseline(rows, monitor)

    merge_runs([str(tmp_path / str(hour)) for hour in range(4)], str(tmp_path / "day"))

    merged = json.loads((tmp_path / "day" / "analysis.json").read_text())["explanations"]["kernel_shap"]
    for output, values in day.constraints.values.items():
        assert merged[output]["global_shap_values"] == pytest.approx(values, rel=1e-12)


def test_partial_dependence_of_a_linear_model_by_hand(spark):
    rows = table(200)
    run = run_baseline(rows, make_monitor(linear, pdp={"grid_resolution": 4, "top_k_features": 2}))

    age, income = run.constraints.explanations.pdp
    assert (age.feature_name, income.feature_name) == ("age", "income")
    assert age.feature_values == (0.25, 0.75, 1.25, 1.75)
    fixed_part = 1.0 - rows["income"].mean() + 0.5 * rows["visits"].mean()
    assert age.model_predictions[0] == pytest.approx(
        [fixed_part + 2 * centre for centre in age.feature_values], abs=1e-12
    )
    assert age.data_distribution == pytest.approx(np.histogram(rows["age"], bins=4)[0] / 200)


def test_partial_dependence_alone_leaves_no_attributions(spark, tmp_path):
    rows = table(200)
    methods = {"pdp": {"grid_resolution": 4, "features": ["age"]}, "shap": {"baseline": [[1, 1, 1, 1]]}}
    shap_and_pdp, alone = (
        ExplainabilityMonitor(
            AttributionMeasures.of(AnalysisConfig.from_json(json.dumps({"methods": method_config})), linear)
        )
        for method_config in (methods, {"pdp": methods["pdp"]})
    )
    with_shap = run_baseline(rows, shap_and_pdp).constraints.explanations

    run = run_baseline(rows, alone)
    run.write(tmp_path)

    assert run.constraints.explanations.kernel_shap is None
    assert run.constraints.explanations.pdp == with_shap.pdp
    assert run.state.count == len(rows)
    assert LOCAL not in run.files()
    assert "kernel_shap" not in (tmp_path / "analysis.json").read_text()
    assert (tmp_path / "report.html").exists()


def test_baseline_rows_are_made_once_and_given_to_later_windows(spark, tmp_path):
    first = run_baseline(table(300), clustered())
    first.write(tmp_path / "baseline")

    later = run_monitoring(table(300, seed=9), clustered(baseline=str(tmp_path / "baseline")), first)

    baseline_rows = first.files()[FILE]
    assert len(baseline_rows.splitlines()) == 3
    assert later.current.files()[FILE] == baseline_rows
    judged = {result.status.value for result in later.results if result.metric == "ndcg"}
    assert judged == {"passed"}
    assert not later.count


def clustered(*, baseline=None, pdp=False):
    methods = {"shap": {"num_clusters": 2}} | ({"pdp": {"grid_resolution": 3}} if pdp else {})
    config = AnalysisConfig.from_json(json.dumps({"methods": methods}))
    return ExplainabilityMonitor(AttributionMeasures.of(config, crossed, baseline=baseline))


def test_a_configuration_with_other_baseline_rows_than_the_baseline_is_refused(spark, tmp_path):
    run_baseline(table(50), make_monitor(linear)).write(tmp_path / "baseline")
    config = AnalysisConfig.from_json('{"methods": {"shap": {"baseline": [[2, 1, 1, 1]]}}}')
    monitor = ExplainabilityMonitor(AttributionMeasures.of(config, linear, baseline=str(tmp_path / "baseline")))

    with pytest.raises(
        BadConfiguration, match="has other rows than .*baseline.csv, so attributions could not be compared"
    ):
        run_baseline(table(50), monitor)


def test_texts_missing_cells_booleans_and_a_join_column(spark):
    rows = pd.DataFrame(
        {
            "id": ["r1", "r2", "r3"],
            "colour": ["red", None, "blue"],
            "is_new": [True, False, True],
            "size": [1.0, None, 2.0],
        }
    )

    def model(frame):
        return (frame["colour"] == "red") * 4.0 + frame["is_new"] * 2.0 + frame["size"].isna() * 1.0

    config = AnalysisConfig.from_json(
        json.dumps(
            {
                "joinsource_name_or_index": "id",
                "methods": {"shap": {"baseline": [["blue", 1, 1.0]], "save_local_shap_values": True}},
            }
        )
    )
    run = run_baseline(rows, ExplainabilityMonitor(AttributionMeasures.of(config, model)))

    header, *lines = csv.reader(read_local_values(run).decode().splitlines())
    assert header == ["id", "colour_label0", "is_new_label0", "size_label0"]
    assert [name for name, *_ in lines] == ["r1", "r2", "r3"]
    values = [list(map(float, values)) for _, *values in lines]
    np.testing.assert_allclose(values, [[4.0, 0.0, 0.0], [0.0, -2.0, 1.0], [0.0, 0.0, 0.0]], atol=1e-12)


def broken(frame):
    raise ValueError(f"could not convert {frame['age'].iloc[0]}")


def short(frame):
    return [1.0]


def dying(frame):
    import os

    if len(frame) > 1_000:
        os._exit(9)
    return frame["age"]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (broken, "raised ValueError: could not convert 1.0, called with 1 rows"),
        (short, "gave 1 answers for 1,000 rows"),
        (lambda frame: ["a"] * len(frame), "gives <U1 where scores are wanted"),
        (dying, "a Python worker died"),
    ],
    ids=("raises", "too few", "texts", "killed"),
)
def test_a_model_that_fails_is_one_sentence(spark, model, sentence):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - Spark's own, which the jobs make a sentence of
        run_baseline(table(), make_monitor(model))

    assert sentence in describe_failure(raised.value).reason


def test_what_the_model_says_of_captured_rows_is_not_repeated(spark):
    def model(frame):
        if frame["age"].iloc[0] != 1:
            raise ValueError(f"no such age: {frame['age'].iloc[0]}")
        return frame["age"]

    with pytest.raises(Exception) as raised:  # noqa: PT011
        run_baseline(table(), make_monitor(model))

    reason = describe_failure(raised.value).reason
    assert "raised ValueError, called with" in reason
    assert "no such age" not in reason


def test_no_rows_of_baseline_and_none_of_data_is_no_data(spark):
    with pytest.raises(NoData):
        run_baseline(table(0), clustered())


def test_columns_that_hold_lists_are_refused_by_name(spark):
    rows = pd.DataFrame({"age": [1.0], "tags": [["a"]]})

    with pytest.raises(BadConfiguration, match=r"feature 'tags' holds list<.*excluded_columns"):
        run_baseline(rows, make_monitor(len))


def test_a_model_behind_an_address_is_asked_by_the_executors(spark):
    def scoring(handler):
        rows = [line.split(",") for line in handler.server.requests[-1][2].decode().splitlines()]
        body = "".join(f"{1 + np.dot(np.array(row, float), WEIGHTS)}\n" for row in rows).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    with http_server(503, scoring) as server:
        run = run_baseline(table(40), make_monitor(f"{server.url}/invocations"))

    expected = np.abs(WEIGHTS * (table(40) - 1)).mean()
    assert list(run.to_pandas()["value"]) == pytest.approx(list(expected), abs=1e-6)


def test_a_missing_model_is_one_sentence(spark, tmp_path):
    with pytest.raises(MonitorError, match=r"absent\.json"):
        run_baseline(table(5), make_monitor(Model("xgboost", str(tmp_path / "absent.json"))))


@pytest.mark.parametrize("baseline", [True, False], ids=("baseline rows", "clusters and dependence"))
def test_both_engines_leave_the_same_bytes(spark, baseline):
    if baseline:
        monitor = make_monitor(crossed, save_local_shap_values=True)
    else:
        monitor = clustered(pdp=True)

    runs = [run_baseline(table(300), monitor, engine=engine).files_of_data() for engine in ("local", "spark")]

    assert runs[0] == runs[1]
