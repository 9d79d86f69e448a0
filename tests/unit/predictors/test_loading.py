"""Models by name, loaded once, and answers that are no scores."""

from __future__ import annotations

import hashlib
import operator
import pickle
from collections import OrderedDict

import numpy as np
import pytest

from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency
from spark_model_monitor.monitors.predictors import PREDICTORS, Model
from spark_model_monitor.monitors.predictors.model_loading import (
    ModelCaller,
    infer_flavour,
    load_model,
    read_content,
    resolve_model,
)
from spark_model_monitor.storage import LocalStorage

DIGEST = hashlib.sha256(b"a model").hexdigest()
ROWS = np.array([[1.0, 2.0], [3.0, 4.0]])


def make_caller(function, **options):
    return ModelCaller(Model("callable", "models:score", function=function), ("a", "b"), (True, True), **options)


@pytest.mark.parametrize(
    ("name", "flavour"),
    [
        ("s3://bucket/churn.json", "xgboost"),
        ("model.tar.gz", "xgboost"),
        ("/models/churn.UBJ", "xgboost"),
        ("churn.skops", "sklearn"),
        ("churn.pkl", "sklearn"),
        ("http://127.0.0.1:8080/invocations", "http"),
        ("scoring.churn:predict", "callable"),
    ],
)
def test_the_name_tells_the_flavour(name, flavour):
    assert infer_flavour(name) == flavour


def test_a_function_may_be_named_where_it_can_be_imported():
    assert resolve_model("operator:neg", {}).function is operator.neg


@pytest.mark.parametrize("name", ["churn.h5", "models/churn", "s3://bucket/churn"])
def test_a_name_that_tells_nothing_is_refused_with_what_to_write(name):
    with pytest.raises(BadConfiguration, match=r"whose flavour is not recognised; .*--set model_flavour=callable\|"):
        infer_flavour(name)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "churn.skops"
    path.write_bytes(b"a model")
    return str(path)


def test_what_is_loaded_is_reported_before_it_is(file, caplog):
    caplog.set_level("INFO", logger="spark_model_monitor")
    with pytest.raises(BadConfiguration, match=r"churn\.skops can't be loaded as sklearn \(BadZipFile"):
        read_content(resolve_model(file, {}, sha256=DIGEST), lambda path: LocalStorage())

    assert f"model: {file}, 7 bytes, sha256 {DIGEST}, loaded as sklearn" in caplog.text


def test_an_address_is_reported_without_its_secrets(caplog):
    caplog.set_level("INFO", logger="spark_model_monitor")
    read_content(
        resolve_model("http://user:secret@host.example/invocations?token=secret", {}), lambda path: LocalStorage()
    )

    assert "model: http://host.example/invocations, asked over HTTP" in caplog.text


def test_another_file_than_the_pinned_one_is_not_loaded(file):
    pinned = resolve_model(file, {}, sha256="0" * 64)
    with pytest.raises(BadConfiguration, match=f"model_sha256 is 0{{64}}, and {file} has {DIGEST}; it is not loaded"):
        read_content(pinned, lambda path: LocalStorage())


def test_only_a_file_is_pinned():
    with pytest.raises(BadConfiguration, match="model_sha256 is of a file, and operator:neg is none"):
        read_content(resolve_model("operator:neg", {}, sha256=DIGEST), lambda path: LocalStorage())


def test_a_model_is_loaded_once():
    loads = []

    def factory():
        loads.append(1)
        return lambda frame: frame["a"]

    caller = make_caller(factory)

    assert caller(ROWS).tolist() == [[1.0], [3.0]]
    assert caller(ROWS[:1]).tolist() == [[1.0]]
    assert (loads, caller.outputs) == ([1], 1)


def test_a_model_gets_columns_by_name_numbers_as_doubles_and_texts_as_they_are():
    frames = []
    cells = np.array([[1.0, "x"], [None, None]], dtype=object)

    ModelCaller(
        Model("callable", "m:f", function=lambda frame: frames.append(frame) or [0, 0]), ("n", "t"), (True, False)
    )(cells)

    assert frames[0]["n"].dtype == np.float64
    assert np.isnan(frames[0]["n"][1])
    assert frames[0]["t"].tolist() == ["x", None]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ([1.0], "gave 1 answers for 2 rows"),
        (["a", "b"], "where scores are wanted"),
        ([object(), object()], "where scores are wanted"),
        ([1j, 2j], "gives complex128 where scores"),
        ([[[1.0]], [[2.0]]], r"shape \(2, 1, 1\)"),
        (0.5, r"shape \(\)"),
        ([np.nan, 1.0], "NaN or infinity for 1 of 2 rows"),
        ([np.inf, -np.inf], "NaN or infinity for 2 of 2 rows"),
        (np.zeros((2, 0)), r"shape \(2, 0\)"),
    ],
)
def test_answers_that_are_no_scores_are_refused(answers, sentence):
    with pytest.raises(BadInput, match=rf"the model models:score \(callable\) .*{sentence}"):
        make_caller(lambda frame: answers)(ROWS)


def test_another_number_of_scores_than_before_is_refused():
    caller = make_caller(lambda frame: np.zeros((len(frame), 3 - len(frame))))
    caller(ROWS)

    with pytest.raises(BadInput, match="gives 2 scores a row, and gave 1 before"):
        caller(ROWS[:1])


def failing(frame):
    raise ValueError(f"could not convert {frame['a'][0]}" + "!" * 500)


def test_what_a_model_raises_is_named_without_its_words_which_may_repeat_a_value():
    with pytest.raises(BadInput, match=r"raised ValueError, called with 2 rows$"):
        make_caller(failing)(ROWS)


def test_of_baseline_rows_the_models_first_words_are_repeated():
    with pytest.raises(BadInput, match=r"raised ValueError: could not convert 1.0!+, called") as raised:
        make_caller(failing, shows_model_message=True)(ROWS)

    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("flavour", [name for name in PREDICTORS if name != "callable"])
def test_a_missing_library_is_one_sentence_that_says_what_to_install(flavour, monkeypatch):
    entry = PREDICTORS.get(flavour)

    def absent(model):
        raise ModuleNotFoundError("No module named 'absent'", name="absent")

    monkeypatch.setitem(PREDICTORS._entries, flavour, type(entry)(flavour, absent, entry.facts))

    with pytest.raises(MissingDependency, match=r"needs absent, .*; install spark-model-monitor\["):
        load_model(Model(flavour, f"model of {flavour}", b"x"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b'{"learner": 1}', r"broken.json can't be loaded as xgboost \(XGBoostError"),
        (b"", r"broken.json is empty; save it again"),
        (
            b"not a model",
            r"broken.json is neither JSON nor UBJSON, .* older version saved it, with xgboost 1\.7 call",
        ),
        (
            pickle.dumps(OrderedDict(of="a booster")),
            r"broken.json is a pickle, and neither .*, pickle.load it with the version that wrote it, .*xgboost 1\.7 call",
        ),
    ],
)
def test_a_file_that_is_no_model_is_one_sentence(content, sentence):
    pytest.importorskip("xgboost", reason="xgboost-cpu is not installed")

    with pytest.raises(BadConfiguration, match=sentence):
        load_model(Model("xgboost", "broken.json", content))
