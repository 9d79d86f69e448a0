"""Each flavour gives the scores that its own library gives."""

from __future__ import annotations

import io
import pickle
import tarfile

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors import PREDICTORS, Model
from spark_model_monitor.monitors.predictors.model_loading import ModelCaller, load_model
from spark_model_monitor.statistics.user_choices import FLAVOURS

ROWS = np.random.default_rng(0).normal(size=(60, 3))
BINARY = (ROWS[:, 0] > 0).astype(int)
THREE = BINARY + (ROWS[:, 1] > 0)
NAMES = ("a", "b", "c")


def answers(model):
    return ModelCaller(model, NAMES, (True,) * 3)(ROWS)


@pytest.fixture
def xgboost():
    return pytest.importorskip("xgboost", reason="xgboost-cpu is not installed")


@pytest.fixture
def skops():
    return pytest.importorskip("skops.io", reason="skops is not installed")


@pytest.mark.long
@pytest.mark.parametrize("form", ["json", "ubj"])
def test_xgboost_in_its_own_formats(xgboost, form):
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(ROWS, BINARY), 5)
    expected = booster.predict(xgboost.DMatrix(ROWS))

    predictions = answers(Model("xgboost", f"model.{form}", bytes(booster.save_raw(form))))

    np.testing.assert_array_equal(predictions[:, 0], expected.astype(np.float64))


def test_xgboost_in_the_archive_of_the_services_container(xgboost):
    booster = xgboost.train({"objective": "multi:softprob", "num_class": 3}, xgboost.DMatrix(ROWS, THREE), 3)
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        content = bytes(booster.save_raw("ubj"))
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))

    predictions = answers(Model("xgboost", "model.tar.gz", file.getvalue()))

    np.testing.assert_allclose(predictions, booster.predict(xgboost.DMatrix(ROWS)))


@pytest.mark.parametrize(
    "content",
    [b"binf" + bytes(200), b"\0\0\0?" + bytes(300), pickle.dumps({"handle": 9}, 3)],
    ids=["binary", "headless", "pickle"],
)
def test_xgboost_of_an_old_version_says_which_one_converts_it(xgboost, content):
    with pytest.raises(
        BadConfiguration, match=r"neither JSON nor UBJSON, .* older version saved it, .*with xgboost 1\.7 call"
    ):
        answers(Model("xgboost", "model.bst", content))


def test_xgboost_finds_its_columns_by_name(xgboost):
    frame = pd.DataFrame(ROWS, columns=["c", "a", "b"])
    booster = xgboost.train({"objective": "reg:squarederror"}, xgboost.DMatrix(frame, ROWS[:, 0] * 3), 5)

    predictions = answers(Model("xgboost", "model.json", bytes(booster.save_raw("json"))))

    frame = pd.DataFrame(ROWS, columns=list(NAMES))[["c", "a", "b"]]
    np.testing.assert_array_equal(predictions[:, 0], booster.predict(xgboost.DMatrix(frame)))


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (make_pipeline(StandardScaler(), LogisticRegression()), BINARY),
        (GradientBoostingClassifier(n_estimators=3), THREE),
        (RandomForestClassifier(3), THREE),
        (HistGradientBoostingClassifier(max_iter=3), BINARY),
        (LinearSVC(), BINARY),
        (LinearRegression(), ROWS[:, 1]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_scikit_learn_by_skops(skops, estimator, target):
    model = estimator.fit(ROWS, target)

    predictions = answers(Model("sklearn", "model.skops", skops.dumps(model)))

    if hasattr(model, "predict_proba"):
        scores = model.predict_proba(ROWS)
        expected = scores[:, 1:] if scores.shape[1] == 2 else scores
    else:
        expected = (model.decision_function if hasattr(model, "decision_function") else model.predict)(ROWS)[:, None]
    np.testing.assert_allclose(predictions, expected, atol=1e-12)


def test_a_model_of_scikit_learn_that_is_asked_for_labels_says_its_own_words(skops):
    words = np.where(BINARY == 1, "yes", "no")
    fitted = LogisticRegression().fit(ROWS, words)

    model = Model("sklearn", "model.skops", skops.dumps(fitted), labels=True)

    assert ModelCaller(model, NAMES, (True,) * 3).labels(ROWS).tolist() == fitted.predict(ROWS).tolist()


def test_a_skops_file_with_types_of_elsewhere_needs_trust(skops):
    content = skops.dumps(Tripling().fit(ROWS))
    name = next(name for name in skops.get_untrusted_types(data=content) if name.endswith("Tripling"))

    with pytest.raises(BadConfiguration, match="--set trust_type=.*Tripling"):
        load_model(Model("sklearn", "model.skops", content))
    np.testing.assert_array_equal(
        answers(Model("sklearn", "model.skops", content, trusted=(name,)))[:, 0], 3 * ROWS[:, 0]
    )


class Tripling:
    """A model of one's own."""

    def fit(self, rows):
        self.factor_ = 3.0
        return self

    def predict(self, rows):
        return self.factor_ * np.asarray(rows)[:, 0]


def test_a_pickle_is_refused_unless_it_is_allowed():
    file = io.BytesIO()
    joblib.dump(LogisticRegression().fit(ROWS, BINARY), file)

    with pytest.raises(BadConfiguration, match="a pickle runs code when it is loaded; .*--set allow_pickle=yes"):
        load_model(Model("sklearn", "model.joblib", file.getvalue()))
    allowed = Model("sklearn", "model.joblib", file.getvalue(), allows_pickle=True)
    expected = LogisticRegression().fit(ROWS, BINARY).predict_proba(ROWS)[:, 1]
    np.testing.assert_allclose(answers(allowed)[:, 0], expected)


def test_the_flavours_are_those_that_are_registered():
    assert tuple(PREDICTORS) == FLAVOURS
