"""Attributions from Python: what a run leaves, what later windows take from it, and what ends it."""

import csv
import json

import numpy as np
import pandas as pd
import pytest

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError, NoData
from spark_model_monitor.monitors.explainability.attribution_measures import AttributionMeasures
from spark_model_monitor.monitors.explainability.baseline_rows import FILE, LOCAL
from spark_model_monitor.monitors.explainability.monitor import ExplainabilityMonitor
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

WEIGHTS = np.array([2.0, -1.0, 0.5, 0.0])
NAMES = ("age", "income", "visits", "noise")
ONES = {"shap": {"baseline": [[1, 1, 1, 1]]}}


def predict_linear(frame):
    return 1.0 + (frame[list(NAMES)].to_numpy() * WEIGHTS).sum(axis=1)


def predict_crossed(frame):
    rows = frame[list(NAMES)].to_numpy()
    return np.stack([np.tanh(rows[:, 0] * rows[:, 1]), rows[:, 2] * rows[:, 0]], axis=1)


def make_table(rows=500, seed=0):
    random = np.random.default_rng(seed)
    return pd.DataFrame({name: random.integers(0, 9, rows) / 4 for name in NAMES})


def make_monitor(model, methods, *, baseline=None, **members):
    config = AnalysisConfig.from_json(json.dumps({"methods": methods, "label": "label", **members}))
    return ExplainabilityMonitor(AttributionMeasures.of(config, model, baseline=baseline))


def make_baseline(rows, monitor):
    return run_baseline(rows, monitor, engine="local")


def read_local_values(baseline):
    header, *lines = csv.reader(baseline.files()[LOCAL].decode().splitlines())
    return header, lines


def test_a_linear_models_attributions_and_partial_dependence_by_hand():
    rows = make_table(100)
    pdp = {"grid_resolution": 4, "top_k_features": 2}
    shap = {**ONES["shap"], "save_local_shap_values": True}

    run = make_baseline(rows, make_monitor(predict_linear, {"shap": shap, "pdp": pdp}))

    # Attributions: a weight times the distance from the baseline's row of ones
    expected = np.abs(WEIGHTS * (rows - 1)).mean()
    assert list(run.to_pandas()["value"]) == pytest.approx(list(expected), abs=1e-9)
    header, lines = read_local_values(run)
    assert header == [f"{name}_label0" for name in NAMES]
    np.testing.assert_allclose(np.array(lines, float), WEIGHTS * (rows - 1), atol=1e-9)
    assert run.state.exact == len(rows)
    assert run.files()[FILE] == b"age,income,visits,noise\r\n1,1,1,1\r\n"

    # Partial dependence: the other columns at their means
    age, income = run.constraints.explanations.pdp
    assert (age.feature_name, income.feature_name) == ("age", "income")
    assert age.feature_values == (0.25, 0.75, 1.25, 1.75)
    fixed_part = 1.0 - rows["income"].mean() + 0.5 * rows["visits"].mean()
    dependence = [fixed_part + 2 * centre for centre in age.feature_values]
    assert age.model_predictions[0] == pytest.approx(dependence, abs=1e-12)
    assert age.data_distribution == pytest.approx(np.histogram(rows["age"], bins=4)[0] / len(rows))


def test_baseline_rows_are_given_to_later_windows_and_others_are_refused(tmp_path):
    first = make_baseline(make_table(100), make_monitor(predict_crossed, ONES))
    first.write(tmp_path)
    monitor = make_monitor(predict_crossed, ONES, baseline=str(tmp_path))

    later = run_monitoring(make_table(100, seed=9), monitor, first, engine="local")

    assert later.current.files()[FILE] == first.files()[FILE]
    assert {ndcg.status.value for ndcg in later.results if ndcg.metric == "ndcg"} == {"passed"}
    assert not later.count

    monitor_of_twos = make_monitor(predict_crossed, {"shap": {"baseline": [[2, 1, 1, 1]]}}, baseline=str(tmp_path))
    with pytest.raises(
        BadConfiguration, match="has other rows than .*baseline.csv, so attributions could not be compared"
    ):
        make_baseline(make_table(50), monitor_of_twos)


def test_texts_missing_cells_booleans_and_a_join_column():
    columns = {"id": ["r1", "r2", "r3"], "colour": ["red", None, "blue"], "is_new": [True, False, True]}
    shap = {"baseline": [["blue", 1, 1.0]], "save_local_shap_values": True}

    def score_colours(frame):
        return (frame["colour"] == "red") * 4.0 + frame["is_new"] * 2.0 + frame["size"].isna() * 1.0

    monitor = make_monitor(score_colours, {"shap": shap}, joinsource_name_or_index="id")
    header, lines = read_local_values(make_baseline(pd.DataFrame({**columns, "size": [1.0, None, 2.0]}), monitor))

    assert header == ["id", "colour_label0", "is_new_label0", "size_label0"]
    assert [name for name, *_ in lines] == ["r1", "r2", "r3"]
    values = [list(map(float, values)) for _, *values in lines]
    np.testing.assert_allclose(values, [[4.0, 0.0, 0.0], [0.0, -2.0, 1.0], [0.0, 0.0, 0.0]], atol=1e-12)


def test_what_the_model_says_of_captured_rows_is_not_repeated():
    def predict_or_raise(frame):
        if frame["age"].iloc[0] != 1:
            raise ValueError(f"no such age: {frame['age'].iloc[0]}")
        return frame["age"]

    with pytest.raises(MonitorError, match="raised ValueError, called with") as raised:
        make_baseline(make_table(), make_monitor(predict_or_raise, ONES))

    assert "no such age" not in str(raised.value)


@pytest.mark.parametrize(
    ("rows", "model", "methods", "error", "sentence"),
    [
        (make_table(0), predict_crossed, {"shap": {"num_clusters": 2}}, NoData, "no row is left"),
        (
            pd.DataFrame({"age": [1.0], "tags": [["a"]]}),
            len,
            ONES,
            BadConfiguration,
            "'tags' holds list<.*excluded_columns",
        ),
        (make_table(5), Model("xgboost", "absent.json"), ONES, MonitorError, r"absent\.json"),
    ],
)
def test_what_ends_a_run_is_one_sentence(rows, model, methods, error, sentence):
    with pytest.raises(error, match=sentence):
        make_baseline(rows, make_monitor(model, methods))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows: rows.assign(new="text")[["new", *rows.columns]], id="a new column"),
        pytest.param(lambda rows: rows[rows.columns[::-1]], id="another order"),
    ],
)
def test_a_model_gets_the_columns_of_its_baseline_in_their_order(change):
    rows = make_table(120)
    methods = {"shap": {**ONES["shap"], "features_to_explain": ["income"]}}
    monitor = make_monitor(lambda frame: frame.to_numpy() @ WEIGHTS, methods)
    baseline = make_baseline(rows, monitor)

    findings = run_monitoring(change(rows), monitor, baseline, engine="local")

    assert findings.current.documents == baseline.documents


def test_a_window_without_a_column_of_the_model_is_one_sentence():
    monitor = make_monitor(predict_linear, ONES)
    baseline = make_baseline(make_table(), monitor)

    with pytest.raises(BadInput, match=r"the data lacks visits, which the model predict_linear got at the baseline"):
        run_monitoring(make_table().drop(columns="visits"), monitor, baseline, engine="local")
