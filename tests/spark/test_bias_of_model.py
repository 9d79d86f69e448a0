"""Bias of a model that executors ask for its predictions: the same as of the same predictions in the data."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.servers import http_server
from tests.unit.bias.test_of_model import YES, analyse, make_answer, make_config, make_table, score


@pytest.mark.parametrize("engine", ["local", "spark"])
@pytest.mark.parametrize("threshold", [None, 0.7])
def test_a_model_that_is_asked_is_as_biased_as_its_predictions(spark, engine, threshold):
    rows = make_table(400)
    members = {} if threshold is None else {"probability_threshold": threshold}
    predicted = rows.assign(p=(rows["age"] / 100 + 0.1 * rows["sex"] > (threshold or 0.5)).astype(int))

    analysis = analyse(rows, make_config(**members), score, engine, spark)

    expected = analyse(predicted, make_config(predicted_label="p"))
    assert analysis.to_json() == expected.to_json()


@pytest.mark.parametrize("engine", ["local", "spark"])
def test_classes_are_called_as_label_headers_says(spark, engine):
    rows = make_table(400).replace({"bought": {0: "no", 1: "yes"}})
    config = {**YES, "predictor": {"label_headers": ["no", "yes"]}}
    predicted = rows.assign(p=np.where(rows["age"] / 100 + 0.1 * rows["sex"] > 0.5, "yes", "no"))

    def score_two_classes(frame):
        answers = score(frame)
        return np.stack([1 - answers, answers], axis=1)

    expected = analyse(predicted, make_config(**config, predicted_label="p"))
    for model in (score_two_classes, score):
        analysis = analyse(rows, make_config(**config), model, engine, spark)
        assert analysis.to_json() == expected.to_json()


def predict_three_classes(age):
    return json.dumps({"labels": ["yes", "no", "later"], "scores": [age / 100, 1 - age / 100, 0.25]})


def predict_label_and_score(age):
    return "yes,0.9" if age > 50 else "no,0.1"


WORDS = {
    "the label": ({"label": 0}, predict_label_and_score),
    "the label beside a score": ({"label": 0, "probability": 1}, predict_label_and_score),
    "the best of three": (
        {"accept_type": "application/jsonlines", "label": "labels", "probability": "scores"},
        predict_three_classes,
    ),
}


@pytest.mark.parametrize("engine", ["local", "spark"])
@pytest.mark.parametrize("form", WORDS)
def test_an_endpoint_that_answers_words_is_as_biased_as_these_words_in_the_data(spark, engine, form):
    predictor, line = WORDS[form]
    rows = make_table().replace({"bought": {0: "no", 1: "yes"}})
    predicted = rows.assign(p=np.where(rows["age"] > 50, "yes", "no"))

    with http_server(make_answer(line)) as server:
        config = make_config(**YES, predictor=predictor)
        analysis = analyse(rows, config, server.url, engine, spark)

    expected = analyse(predicted, make_config(**YES, predicted_label="p"))
    assert analysis.to_json() == expected.to_json()
