"""Bias of a model that is asked for its predictions: the same as of the same predictions in the data."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.servers import http_server, send_reply

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.metric_comparison import Tolerances
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring

YES = {"label_values_or_threshold": ["yes"]}
ANSWERS_LABELS = {"predictor": {"label": 0}}


def make_table(rows=80, seed=0):
    random = np.random.default_rng(seed)
    columns = {"sex": random.integers(0, 2, rows), "age": random.integers(18, 90, rows) + 0.5}
    return pd.DataFrame({**columns, "id": range(rows), "bought": random.integers(0, 2, rows)})


def score(frame):
    assert list(frame.columns) == ["sex", "age"]  # neither the label nor what is excluded
    return frame["age"] / 100 + 0.1 * frame["sex"]


def make_config(**members):
    facet = [{"name_or_index": "sex", "value_or_threshold": [0]}]
    base_config = {"label": "bought", "label_values_or_threshold": [1], "facet": facet, "excluded_columns": ["id"]}
    return AnalysisConfig.from_json(json.dumps({**base_config, **members}))


def analyse(rows, config, model=None, engine="local", spark=None):
    monitor = BiasMonitor(BiasMeasures.of(config, model))
    return run_baseline(rows, monitor, engine=engine, spark=spark).constraints


def read_metrics(analysis):
    facet = json.loads(analysis.to_json())["post_training_bias_metrics"]["facets"]["sex"][0]
    return {metric["name"]: metric["value"] for metric in facet["metrics"]}


def make_answer(line):
    """An endpoint that answers a line of text to each row's age."""

    def answer(handler):
        rows = [cells.split(",") for cells in handler.server.requests[-1][2].decode().splitlines()]
        send_reply(handler, "".join(f"{line(float(age))}\n" for _, age in rows))

    return answer


def test_a_model_that_answers_labels_is_taken_at_its_word():
    rows = make_table().assign(bought=lambda frame: frame["age"] * 2 + 0.25)

    analysis = analyse(
        rows, make_config(label_values_or_threshold=[100], **ANSWERS_LABELS), lambda frame: frame["age"] * 2 + 0.25
    )

    metrics = read_metrics(analysis)
    assert (metrics["AD"], metrics["RD"]) == (0, 0)  # it is always right


def test_a_model_of_ones_own_may_answer_words():
    rows = make_table().replace({"bought": {0: "no", 1: "yes"}})
    predicted = rows.assign(p=np.where(rows["age"] > 50, "yes", "no"))

    analysis = analyse(
        rows, make_config(**YES, **ANSWERS_LABELS), lambda frame: np.where(frame["age"] > 50, "yes", "no")
    )

    assert analysis.to_json() == analyse(predicted, make_config(**YES, predicted_label="p")).to_json()


def raise_with_a_value(frame):
    raise ValueError(f"secret {frame['age'].iloc[0]}")


@pytest.mark.parametrize(
    ("members", "model", "error", "sentence"),
    [
        (ANSWERS_LABELS, lambda frame: ["yes"] * len(frame), BadInput, "answers words, and the labels of .* are numbers"),
        (ANSWERS_LABELS, lambda frame: [None, *[1] * (len(frame) - 1)], BadInput, "gives no label for 1 of 80 rows"),
        (ANSWERS_LABELS, lambda frame: np.ones((len(frame), 2)), BadInput, r"gives an array of shape \(80, 2\) for 80 rows"),
        ({"predictor": {"label_headers": ["a", "b", "c"]}}, score, BadInput, "has 3 names, and the model gives 1 scores"),
        ({}, raise_with_a_value, MonitorError, r"raise_with_a_value \(callable\) raised ValueError"),
    ],
)  # fmt: skip
def test_answers_that_say_nothing_of_the_rows_are_one_sentence_without_a_value(members, model, error, sentence):
    with pytest.raises(error, match=sentence) as fault:
        analyse(make_table(), make_config(**members), model)

    assert "secret" not in str(fault.value)


UNANSWERED = {"the model gives no finite answer for it": 1}


@pytest.mark.parametrize("age", ["n/a", "-1"])
def test_a_record_that_the_model_does_not_answer_is_quarantined(age, tmp_path):
    rows = make_table(400).astype(str)
    rows.drop(index=200).to_csv(tmp_path / "quiet.csv", index=False)
    rows.loc[200, "age"] = age
    rows.to_csv(tmp_path / "odd.csv", index=False)
    monitor = BiasMonitor(BiasMeasures.of(make_config(), lambda frame: score(frame).where(frame["age"] > 0)))

    quiet, odd = (run_baseline(str(tmp_path / f"{name}.csv"), monitor, engine="local") for name in ("quiet", "odd"))

    assert (quiet.ledger.refused, odd.ledger.refused) == ({}, UNANSWERED)
    assert odd.documents == quiet.documents


def test_a_record_without_a_label_of_the_model_is_quarantined():
    rows = make_table(400)
    rows.loc[200, "age"] = -1
    measures = BiasMeasures.of(
        make_config(**ANSWERS_LABELS), lambda frame: [1 if age > 0 else None for age in frame["age"]]
    )

    assert run_baseline(rows, BiasMonitor(measures), engine="local").ledger.refused == UNANSWERED


def test_texts_of_numbers_are_numbers_to_the_model_and_words_stay_words(tmp_path):
    rows = make_table(60)
    rows["town"] = np.where(rows["sex"] == 0, "7", "Ulm")
    rows.to_csv(tmp_path / "rows.csv", index=False)

    def model(frame):
        column_kinds = {name: kind.kind for name, kind in frame.dtypes.items()}
        assert column_kinds == {"sex": "f", "age": "f", "town": "O"}, column_kinds
        return (frame["town"] == "Ulm").astype(float)

    assert read_metrics(analyse(str(tmp_path / "rows.csv"), make_config(), model))["DPPL"] == 1  # all of Ulm, none of 7


def test_times_are_texts_to_the_model():
    rows = make_table(60).assign(at=pd.Timestamp("2026-03-04"))

    read_metrics(analyse(rows, make_config(), lambda frame: frame["at"].str.startswith("2026").astype(float)))


def test_an_endpoint_is_asked_for_the_rows_that_are_preserved():
    rows = make_table()
    predicted = rows.assign(p=(rows["age"] > 50).astype(int))
    with http_server(503, make_answer(lambda age: "0.9" if age > 50 else "0.1")) as server:
        analysis = analyse(rows, make_config(), f"{server.url}/invocations")

    assert len(server.requests) == 2  # once for all passes over the rows
    assert analysis.to_json() == analyse(predicted, make_config(predicted_label="p")).to_json()


def test_without_predictions_and_without_a_model_the_sentence_says_what_to_write():
    methods = {"post_training_bias": {"methods": "all"}}
    sentence = r"needs the model's predictions; .* or write --model with the file of the model churn"
    with pytest.raises(BadConfiguration, match=sentence):
        BiasMeasures.of(make_config(methods=methods, predictor={"model_name": "churn"}))


def make_linear_model(tmp_path):
    """A file of a scikit-learn model, which refuses columns that it doesn't know."""
    skops = pytest.importorskip("skops.io")
    from sklearn.linear_model import LogisticRegression

    table = make_table()
    path = tmp_path / "model.skops"
    skops.dump(LogisticRegression().fit(table[["sex", "age"]], table["bought"]), path)
    return str(path)


OTHER_COLUMNS = [
    pytest.param(lambda rows: rows.assign(new="text")[["new", *rows.columns]], id="a new column"),
    pytest.param(lambda rows: rows[rows.columns[::-1]], id="another order"),
]


@pytest.mark.parametrize("change", OTHER_COLUMNS)
@pytest.mark.parametrize("kind", ["function", "file", "endpoint"])
def test_a_model_gets_the_columns_of_its_baseline_in_their_order(kind, change, tmp_path):
    rows = make_table()
    with http_server(make_answer(lambda age: "0.9" if age > 50 else "0.1")) as server:
        models = {"function": score, "file": make_linear_model(tmp_path), "endpoint": f"{server.url}/invocations"}
        measures = BiasMeasures.of(make_config(), models[kind])
        baseline = run_baseline(rows, BiasMonitor(measures, Tolerances(with_intervals=kind != "file")), engine="local")
        findings = run_monitoring(change(rows), BiasMonitor(measures), baseline, engine="local")

    assert findings.current.documents == baseline.documents
    assert not findings.violations.violations


def test_a_window_without_a_column_of_the_model_is_one_sentence():
    rows = make_table()
    monitor = BiasMonitor(BiasMeasures.of(make_config(), score))
    baseline = run_baseline(rows, monitor, engine="local")

    with pytest.raises(BadInput, match=r"the data lacks age, which the model score got .* these columns: sex, age$"):
        run_monitoring(rows.drop(columns="age"), monitor, baseline, engine="local")


def test_records_are_quarantined_in_a_window_with_a_new_column():
    rows = make_table(400)
    odd = rows.assign(new=1.0)
    odd.loc[200, "age"] = -1
    monitor = BiasMonitor(BiasMeasures.of(make_config(), lambda frame: score(frame).where(frame["age"] > 0)))

    findings = run_monitoring(odd, monitor, run_baseline(rows, monitor, engine="local"), engine="local")

    assert findings.current.ledger.refused == UNANSWERED


def test_a_model_that_names_its_columns_gets_no_others(tmp_path):
    model = make_linear_model(tmp_path)
    rows = make_table()

    with_further_column = analyse(rows.assign(further=1.0), make_config(), model)

    assert with_further_column.to_json() == analyse(rows, make_config(), model).to_json()
