"""A model of XGBoost 0.90 is refused by a sentence, and what the sentence says makes one that is read."""

import json
import os
import subprocess

import numpy as np
import pandas as pd
import pytest
from tests.environments import require_client

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.predictors.model_loading import load_model

TRAINED = """
import json, pickle
import numpy as np, xgboost
cells = np.array([[row, row % 7] for row in range(80)], float)
asked = {"max_depth": 2, "objective": "binary:logistic", "nthread": 1}
booster = xgboost.train(asked, xgboost.DMatrix(cells, cells[:, 0] > 40), 3)
booster.save_model("saved.bst")
pickle.dump(booster, open("pickled.bst", "wb"))
print(json.dumps(booster.predict(xgboost.DMatrix(cells)).tolist()))
"""
UNPICKLED = "import pickle; pickle.load(open('pickled.bst', 'rb')).save_model('model.bst')"
CONVERTED = "import xgboost; xgboost.Booster(model_file={!r}).save_model('model.json')"


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A folder with two files of one model of 0.90, and its scores."""
    folder = tmp_path_factory.mktemp("old")
    return folder, json.loads(ran(require_client("xgboost-0.90"), TRAINED, folder).splitlines()[-1])


def ran(python, code, folder):
    quiet = {**os.environ, "OMP_NUM_THREADS": "1"}  # old ones spin while they wait for a thread
    done = subprocess.run(
        [str(python), "-c", code], cwd=folder, env=quiet, capture_output=True, text=True, check=True, timeout=500
    )
    return done.stdout


def model_at(path):
    return Model("xgboost", path.name, path.read_bytes())


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        (
            "saved.bst",
            r"version saved it, with xgboost 1\.7 call Booster\(model_file='…'\)\.save_model\('model\.json'\)$",
        ),
        (
            "pickled.bst",
            r"pickle.load it with the version that wrote it, save_model\('model.bst'\), and of that file with xgboost 1\.7",
        ),
    ],
)
def test_an_old_model_is_a_sentence_whose_way_makes_a_model_with_the_same_scores(old, name, remedy):
    pytest.importorskip("xgboost", reason="xgboost-cpu is not installed")
    folder, scores = old
    with pytest.raises(BadConfiguration, match=remedy):
        load_model(model_at(folder / name))

    if name == "pickled.bst":
        ran(require_client("xgboost-0.90"), UNPICKLED, folder)
    ran(require_client("xgboost-1.7"), CONVERTED.format("model.bst" if name == "pickled.bst" else name), folder)

    rows = pd.DataFrame({"f0": np.arange(80.0), "f1": np.arange(80.0) % 7})
    assert load_model(model_at(folder / "model.json"))(rows) == pytest.approx(scores, abs=1e-6)
