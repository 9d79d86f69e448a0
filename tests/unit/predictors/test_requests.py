"""Requests and answers in the forms of the service's configuration; expected texts are those of its guide's examples."""

from __future__ import annotations

import json
from itertools import chain

import pytest
from tests.fuzz.model_requests import require_law

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors.http import EndpointFormat

NAMES = ("Age", "Town")
ROWS = ((41.0, "Bonn"), (float("nan"), None))


@pytest.mark.parametrize(
    ("members", "body"),
    [
        ({}, "41,Bonn\n,\n"),
        ({"content_type": "application/jsonlines"}, '{"features":[41,"Bonn"]}\n{"features":[null,null]}'),
        (
            {"content_type": "application/jsonlines", "content_template": '{"data":{"row":$features}}'},
            '{"data":{"row":[41,"Bonn"]}}\n{"data":{"row":[null,null]}}',
        ),
        (
            {
                "content_type": "application/json",
                "content_template": '{"instances":$records}',
                "record_template": '{"features":$features}',
            },
            '{"instances":[{"features":[41,"Bonn"]},{"features":[null,null]}]}',
        ),
        (
            {"content_type": "application/json", "content_template": "$records", "record_template": "$features_kvp"},
            '[{"Age":41,"Town":"Bonn"},{"Age":null,"Town":null}]',
        ),
        (
            {
                "content_type": "application/json",
                "content_template": {"rows": "$records"},
                "record_template": '{"names":$feature_names,"values":$features}',
            },
            '{"rows":[{"names":["Age","Town"],"values":[41,"Bonn"]},{"names":["Age","Town"],"values":[null,null]}]}',
        ),
        (
            {
                "content_type": "application/json",
                "content_template": "$records",
                "record_template": '{"a":"${Age}","t":"${Town}"}',
            },
            '[{"a":41,"t":"Bonn"},{"a":null,"t":null}]',
        ),
    ],
)
def test_rows_are_sent_as_the_templates_say(members, body):
    assert EndpointFormat(members).write_body(NAMES, ROWS).decode() == body


@pytest.mark.parametrize("text", ["${Age}", "${nosuch}", "$features", "$features_kvp", '"${Age}"', "$records"])
def test_a_text_that_looks_like_a_placeholder_is_sent_as_it_is(text):
    members = {
        "content_type": "application/json",
        "content_template": '{"instances":$records}',
        "record_template": '{"all":$features_kvp,"names":$feature_names,"town":"${Town}","row":$features}',
    }
    [sent] = json.loads(EndpointFormat(members).write_body(NAMES, [(41.0, text)]))["instances"]

    assert sent == {"all": {"Age": 41, "Town": text}, "names": [*NAMES], "town": text, "row": [41, text]}


@pytest.mark.parametrize("seed", range(20))
def test_a_model_gets_the_values_of_its_records(seed):
    require_law(seed)


def test_a_placeholder_without_a_feature_is_a_sentence():
    members = {"content_type": "application/json", "content_template": "$records", "record_template": '["${Towns}"]'}
    with pytest.raises(
        BadConfiguration, match=r"\$\{Towns\}, which is no feature of the model's input; did you mean Town"
    ):
        EndpointFormat(members).write_body(NAMES, ROWS)


def test_a_template_of_one_record_sends_one():
    request = EndpointFormat(
        {"content_type": "application/json", "content_template": '{"row":$record}', "record_template": "$features"}
    )

    assert request.has_single_record
    assert request.write_body(NAMES, ROWS[:1]) == b'{"row":[41,"Bonn"]}'


def test_fractions_and_large_numbers_lose_nothing():
    assert EndpointFormat({}).write_body(("a",), [(0.1,), (1e300,), (-0.25,)]) == b"0.1\n1e+300\n-0.25\n"


@pytest.mark.parametrize(
    ("members", "answer", "scores"),
    [
        ({}, "0.25\n0.5\n", [[0.25], [0.5]]),
        ({}, "0.25,0.75\r\n0.5,0.5\r\n", [[0.25, 0.75], [0.5, 0.5]]),
        ({"probability": 1}, "1,0.25\n0,0.5\n", [0.25, 0.5]),
        ({"probability": 1}, '"cat","[0.75,0.25]"\n', [[0.75, 0.25]]),
        (
            {"accept_type": "application/jsonlines", "probability": "score"},
            '{"score":0.25}\n{"score":0.5}\n',
            [0.25, 0.5],
        ),
        (
            {"accept_type": "application/json", "label": "predictions[*].score"},
            json.dumps({"predictions": [{"score": 0.25}, {"score": 0.5}]}),
            [0.25, 0.5],
        ),
        (
            {"accept_type": "application/json", "probability": "p"},
            '{"p":[[0.1,0.9],[0.2,0.8]]}',
            [[0.1, 0.9], [0.2, 0.8]],
        ),
    ],
)
def test_scores_are_found_as_the_configuration_says(members, answer, scores):
    assert EndpointFormat(members).read_scores(answer.encode()) == scores


JSON_LINES = {"accept_type": "application/jsonlines"}
JSON = {"accept_type": "application/json"}
ANIMALS = {"labels": ["cat", "dog", "fish"], "probabilities": [0.35, 0.25, 0.4]}


@pytest.mark.parametrize(
    ("members", "answer", "labels"),
    [
        # the examples of the SDK's ModelPredictedLabelConfig
        (JSON_LINES | {"label": "labels", "probability": "probabilities"}, json.dumps(ANIMALS), ["fish"]),
        (
            JSON_LINES | {"label": "predicted_label"},
            '{"predicted_label":"fish","probabilities":[0.35,0.25,0.4]}',
            ["fish"],
        ),
        ({"label": 0}, "yes,0.9\nno,0.2\n", ["yes", "no"]),
        ({"label": 0, "probability": 1}, "yes,0.9\nno,0.2\n", ["yes", "no"]),
        ({"label": 0, "probability": 1}, '"[""don\'t"",""do""]","[0.7,0.3]"\n', ["don't"]),
        ({"label": 0, "probability": 1}, '"[""don\'t"",\'do\']","[0.7,0.3]"\n', ["don't"]),
        ({"label": 0}, "[yes],0.9\nno,0.2\n", ["[yes]", "no"]),
        (
            {"label": 0, "probability": 1},
            "\"['cat','dog']\",\"[0.3,0.7]\"\n\"['cat','dog']\",\"[0.5,0.5]\"\n",
            ["dog", "cat"],
        ),
        (JSON | {"label": "predictions[*].label"}, '{"predictions":[{"label":"a"},{"label":1}]}', ["a", 1]),
        (
            JSON | {"label": "[*].labels", "probability": "[*].probabilities"},
            json.dumps([ANIMALS, ANIMALS]),
            ["fish", "fish"],
        ),
    ],
)
def test_labels_are_found_as_the_configuration_says(members, answer, labels):
    assert EndpointFormat(members).read_labels(answer.encode()) == labels


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        (JSON_LINES | {"label": "labels"}, json.dumps(ANIMALS)),
        (JSON_LINES | {"label": "labels", "probability": "probabilities[:2]"}, json.dumps(ANIMALS)),
        (JSON_LINES | {"label": "prediction"}, json.dumps(ANIMALS)),
        (JSON_LINES | {"label": "labels", "probability": "p"}, '{"labels":["cat","dog"],"p":[NaN,0.9]}'),
        ({"label": 2}, "yes,0.9\n"),
    ],
)
def test_labels_without_a_score_each_and_labels_that_are_not_there_are_an_error_of_their_reader(members, answer):
    with pytest.raises((ValueError, IndexError)):
        EndpointFormat(members).read_labels(answer.encode())


@pytest.mark.parametrize(
    ("members", "answer"),
    [
        ({}, "many\n"),
        ({"probability": 3}, "1,2\n"),
        ({"accept_type": "application/json", "probability": "p"}, '{"q":[1]}'),
        ({"accept_type": "application/json", "probability": "p"}, '{"p":[1'),
        ({"accept_type": "application/jsonlines", "probability": "p"}, "\xff"),
    ],
)
def test_an_answer_without_scores_is_an_error_of_its_reader(members, answer):
    with pytest.raises((ValueError, IndexError)):
        EndpointFormat(members).read_scores(answer.encode("latin-1"))


FAULTS = [
    ({"content_type": "image/png"}, "content_type is 'image/png'"),
    ({"content_type": "application/json"}, "content_template is missing"),
    ({"content_type": "application/json", "content_template": "$records"}, "record_template is missing"),
    ({"content_type": "application/jsonlines", "content_template": "{}"}, r"\$features once"),
    ({"content_type": "application/jsonlines", "content_template": "{$features"}, "content_template is no JSON"),
    (
        {"content_type": "application/json", "content_template": "{$records", "record_template": "$features"},
        "content_template is no JSON",
    ),
    (
        {"content_type": "application/json", "content_template": "$records", "record_template": '"age ${Age}'},
        "record_template is no JSON",
    ),
    ({"probability": "p"}, "probability is 'p'; of CSV write the index"),
    ({"label": "l", "probability": 1}, "label is 'l'; of CSV write the index"),
]


@pytest.mark.parametrize(("members", "sentence"), FAULTS)
def test_templates_that_are_none_are_refused(members, sentence):
    with pytest.raises(BadConfiguration, match=sentence):
        EndpointFormat(members)


def test_all_faults_of_a_configuration_are_reported_together():
    members = dict(chain.from_iterable(members.items() for members, _ in FAULTS[:2])) | {"accept_type": "text/html"}

    with pytest.raises(BadConfiguration) as raised:
        EndpointFormat(members)

    assert len(str(raised.value).splitlines()) == 3
