"""Attributions on executors: whatever the cut of the data, what their model raises, and the bytes of the engine without Spark."""

from __future__ import annotations

import json

import numpy as np
import pyspark.sql.functions as F
import pytest
from tests.servers import http_server, send_reply
from tests.unit.explainability.test_attribution_runs import (
    ONES,
    WEIGHTS,
    make_monitor,
    make_table,
    predict_crossed,
    predict_linear,
)

from spark_model_monitor.monitors.explainability.baseline_rows import LOCAL
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runtime.failures import describe_failure

SAVED = {"shap": {**ONES["shap"], "save_local_shap_values": True}}


@pytest.mark.parametrize("samples", [6, 14])
def test_local_values_have_the_same_bytes_however_the_data_is_cut(spark, samples):
    row_position = (F.col("id") + 1).cast("int")
    columns = [
        F.element_at(F.lit(values.tolist()), row_position).alias(name) for name, values in make_table(300).items()
    ]
    monitor = make_monitor(predict_crossed, {"shap": {**SAVED["shap"], "num_samples": samples}})
    runs = [run_baseline(spark.range(0, 300, 1, pieces).select(columns), monitor) for pieces in (1, 2, 5, 13)]

    assert len({run.files()[LOCAL] for run in runs}) == 1
    for run in runs[1:]:
        np.testing.assert_allclose(run.state.sums, runs[0].state.sums, rtol=1e-14, atol=1e-15)


def raise_error(frame):
    raise ValueError(f"could not convert {frame['age'].iloc[0]}")


def predict_one_row(frame):
    return [1.0]


def kill_worker(frame):
    import os

    if len(frame) > 1_000:
        os._exit(9)
    return frame["age"]


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (raise_error, "raised ValueError: could not convert 1.0, called with 1 rows"),
        (predict_one_row, "gave 1 answers for 1,000 rows"),
        (lambda frame: ["a"] * len(frame), "gives <U1 where scores are wanted"),
        (kill_worker, "a Python worker died"),
    ],
    ids=("raises", "too few", "texts", "killed"),
)
def test_a_model_that_fails_is_one_sentence(spark, model, sentence):
    with pytest.raises(Exception) as raised:  # noqa: PT011 - Spark's own, which the jobs make a sentence of
        run_baseline(make_table(), make_monitor(model, ONES))

    assert sentence in describe_failure(raised.value).reason


def test_what_the_model_says_of_captured_rows_is_not_repeated(spark):
    def predict_or_raise(frame):
        if frame["age"].iloc[0] != 1:
            raise ValueError(f"no such age: {frame['age'].iloc[0]}")
        return frame["age"]

    with pytest.raises(Exception) as raised:  # noqa: PT011
        run_baseline(make_table(), make_monitor(predict_or_raise, ONES))

    reason = describe_failure(raised.value).reason
    assert "raised ValueError, called with" in reason
    assert "no such age" not in reason


def test_a_model_behind_an_address_is_asked_by_the_executors(spark):
    def send_scores(handler):
        rows = [line.split(",") for line in handler.server.requests[-1][2].decode().splitlines()]
        send_reply(handler, "".join(f"{1 + np.dot(np.array(row, float), WEIGHTS)}\n" for row in rows))

    with http_server(503, send_scores) as server:
        run = run_baseline(make_table(40), make_monitor(f"{server.url}/invocations", ONES))

    expected = np.abs(WEIGHTS * (make_table(40) - 1)).mean()
    assert list(run.to_pandas()["value"]) == pytest.approx(list(expected), abs=1e-6)


def test_partial_dependence_alone_leaves_no_attributions(spark, tmp_path):
    run = run_baseline(
        make_table(30), make_monitor(predict_linear, {"pdp": {"grid_resolution": 4, "features": ["age"]}})
    )
    run.write(tmp_path)

    assert run.constraints.explanations.kernel_shap is None
    assert [dependence.feature_name for dependence in run.constraints.explanations.pdp] == ["age"]
    assert LOCAL not in run.files()
    assert "kernel_shap" not in (tmp_path / "analysis.json").read_text()


@pytest.mark.parametrize(
    "methods", [SAVED, {"shap": {"num_clusters": 2}, "pdp": {"grid_resolution": 3}}], ids=json.dumps
)
def test_both_engines_leave_the_same_bytes(spark, methods):
    monitor = make_monitor(predict_crossed, methods)

    runs = [run_baseline(make_table(300), monitor, engine=engine).files_of_data() for engine in ("local", "spark")]

    assert runs[0] == runs[1]
