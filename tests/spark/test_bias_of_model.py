"""Bias of a model that is asked for its predictions: the same as of the same predictions in the data, on both engines."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from tests.servers import http_server

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline

ENGINES = ("local", "spark")


def table(rows=400, seed=0):
    random = np.random.default_rng(seed)
    columns = {"sex": random.integers(0, 2, rows), "age": random.integers(18, 90, rows) + 0.5}
    return pd.DataFrame({**columns, "id": range(rows), "bought": random.integers(0, 2, rows)})


def scores(frame):
    assert list(frame.columns) == ["sex", "age"]  # neither the label nor what is excluded
    return frame["age"] / 100 + 0.1 * frame["sex"]


def make_config(**members):
    facet = [{"name_or_index": "sex", "value_or_threshold": [0]}]
    base_config = {"label": "bought", "label_values_or_threshold": [1], "facet": facet, "excluded_columns": ["id"]}
    return AnalysisConfig.from_json(json.dumps({**base_config, **members}))


def analysed(rows, config, model=None, engine="auto", spark=None):
    monitor = BiasMonitor(BiasMeasures.of(config, model))
    return run_baseline(rows, monitor, engine=engine, spark=spark if engine == "spark" else None).constraints


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("threshold", [None, 0.7])
def test_a_model_that_is_asked_is_as_biased_as_its_predictions(spark, engine, threshold):
    rows = table()
    if threshold is None:
        threshold_config = {}
    else:
        threshold_config = {"probability_threshold": threshold}
    predicted = rows.assign(p=(rows["age"] / 100 + 0.1 * rows["sex"] > (threshold or 0.5)).astype(int))

    analysis = analysed(rows, make_config(**threshold_config), scores, engine, spark)

    assert analysis.to_json() == analysed(predicted, make_config(predicted_label="p")).to_json()


@pytest.mark.parametrize("engine", ENGINES)
def test_classes_are_called_as_label_headers_says(spark, engine):
    rows = table().replace({"bought": {0: "no", 1: "yes"}})
    config = {"label_values_or_threshold": ["yes"], "predictor": {"label_headers": ["no", "yes"]}}
    predicted = rows.assign(p=np.where(rows["age"] / 100 + 0.1 * rows["sex"] > 0.5, "yes", "no"))

    def score_two_classes(frame):
        score = scores(frame)
        return np.stack([1 - score, score], axis=1)

    expected_json = analysed(predicted, make_config(**config, predicted_label="p")).to_json()
    assert analysed(rows, make_config(**config), score_two_classes, engine, spark).to_json() == expected_json
    assert analysed(rows, make_config(**config), scores, engine, spark).to_json() == expected_json


def test_a_model_that_answers_labels_is_taken_at_its_word():
    rows = table().assign(bought=lambda frame: frame["age"] * 2 + 0.25)
    config = {"label_values_or_threshold": [100], "predictor": {"label": 0}}

    analysis = analysed(rows, make_config(**config), lambda frame: frame["age"] * 2 + 0.25)

    facet = json.loads(analysis.to_json())["post_training_bias_metrics"]["facets"]["sex"][0]
    values = {metric["name"]: metric["value"] for metric in facet["metrics"]}
    assert (values["AD"], values["RD"]) == (0, 0)  # it is always right


def answering(line):
    """An endpoint that answers a line of text to each row's age."""

    def answer(handler):
        rows = [line.split(",") for line in handler.server.requests[-1][2].decode().splitlines()]
        body = "".join(f"{line(float(age))}\n" for _, age in rows).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def answer_three_classes(age):
    return json.dumps({"labels": ["yes", "no", "later"], "scores": [age / 100, 1 - age / 100, 0.25]})


WORDS = {
    "the label": ({"label": 0}, lambda age: "yes,0.9" if age > 50 else "no,0.1"),
    "the label beside a score": ({"label": 0, "probability": 1}, lambda age: "yes,0.9" if age > 50 else "no,0.1"),
    "the best of three": (
        {"accept_type": "application/jsonlines", "label": "labels", "probability": "scores"},
        answer_three_classes,
    ),
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", WORDS)
def test_an_endpoint_that_answers_words_is_as_biased_as_these_words_in_the_data(spark, engine, form):
    predictor, line = WORDS[form]
    rows = table(80).replace({"bought": {0: "no", 1: "yes"}})
    predicted = rows.assign(p=np.where(rows["age"] > 50, "yes", "no"))
    words = {"label_values_or_threshold": ["yes"]}

    with http_server(answering(line)) as server:
        analysis = analysed(rows, make_config(**words, predictor=predictor), server.url, engine, spark)

    assert analysis.to_json() == analysed(predicted, make_config(**words, predicted_label="p")).to_json()


def test_a_model_of_ones_own_may_answer_words():
    rows = table(80).replace({"bought": {0: "no", 1: "yes"}})
    words = {"label_values_or_threshold": ["yes"]}
    predicted = rows.assign(p=np.where(rows["age"] > 50, "yes", "no"))

    analysis = analysed(
        rows,
        make_config(**words, predictor={"label": 0}),
        lambda frame: np.where(frame["age"] > 50, "yes", "no"),
        "local",
    )

    assert analysis.to_json() == analysed(predicted, make_config(**words, predicted_label="p")).to_json()


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (lambda frame: ["yes"] * len(frame), "answers words, and the labels of the data set are numbers"),
        (lambda frame: [None, *[1] * (len(frame) - 1)], "gives no label for 1 of 80 rows"),
        (lambda frame: np.ones((len(frame), 2)), r"gives an array of shape \(80, 2\) for 80 rows"),
    ],
)
def test_labels_that_cant_be_held_against_those_of_the_data_are_one_sentence(answer, sentence):
    with pytest.raises(BadInput, match=sentence):
        analysed(table(80), make_config(predictor={"label": 0}), answer, "local")


def test_texts_of_numbers_are_numbers_to_the_model_and_words_stay_words(tmp_path):
    rows = table(60)
    rows["town"] = np.where(rows["sex"] == 0, "7", "Ulm")
    rows.to_csv(tmp_path / "rows.csv", index=False)
    column_kinds = {}

    def model(frame):
        column_kinds.update({name: kind.kind for name, kind in frame.dtypes.items()})
        assert column_kinds == {"sex": "f", "age": "f", "town": "O"}, column_kinds
        return (frame["town"] == "Ulm").astype(float)

    analysis = analysed(str(tmp_path / "rows.csv"), make_config(), model, "local")

    facet = json.loads(analysis.to_json())["post_training_bias_metrics"]["facets"]["sex"][0]
    assert {metric["name"]: metric["value"] for metric in facet["metrics"]}["DPPL"] == 1  # all of Ulm, none of 7


def test_an_endpoint_is_asked_for_the_rows_that_are_preserved():
    rows = table(80)
    predicted = rows.assign(p=(rows["age"] > 50).astype(int))
    with http_server(503, answering(lambda age: "0.9" if age > 50 else "0.1")) as server:
        analysis = analysed(rows, make_config(), f"{server.url}/invocations", "local")

    assert len(server.requests) == 2  # once for all passes over the rows
    assert analysis.to_json() == analysed(predicted, make_config(predicted_label="p")).to_json()


def test_a_model_that_raises_ends_the_run_without_a_value_of_its_rows():
    def broken(frame):
        raise ValueError(f"secret {frame['age'].iloc[0]}")

    with pytest.raises(MonitorError) as fault:
        analysed(table(), make_config(), broken, "local")

    assert "broken (callable) raised ValueError" in str(fault.value)
    assert "secret" not in str(fault.value)


def test_labels_and_scores_have_to_be_as_many():
    with pytest.raises(BadInput, match="label_headers has 3 names, and the model gives 1 scores"):
        analysed(table(), make_config(predictor={"label_headers": ["a", "b", "c"]}), scores, "local")


def test_without_predictions_and_without_a_model_the_sentence_says_what_to_write():
    methods = {"post_training_bias": {"methods": "all"}}
    with pytest.raises(
        BadConfiguration, match=r"needs the model's predictions; .* or write --model with the file of the model churn"
    ):
        BiasMeasures.of(make_config(methods=methods, predictor={"model_name": "churn"}))
