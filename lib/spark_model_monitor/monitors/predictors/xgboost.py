"""XGBoost models, in its own file formats."""

from __future__ import annotations

import io
import json
import tarfile
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.predictors import (
    AdditivePredictor,
    Model,
    Predict,
    register_predictor,
    select_columns,
)
from spark_model_monitor.monitors.predictors.sums import Leaves, Sum, Tree

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray
    from xgboost import Booster

    from spark_model_monitor.documents.json_text import Json

MEMBER = "xgboost-model"  # the beginning of the model's file name in the archive of the service's container
PICKLE = b"\x80"  # first byte of a pickle; containers before 1.3 wrote pickles


LOG_ODDS_BY_OBJECTIVE = {"reg:squarederror": False, "binary:logistic": True}
"""Objectives for which the sum of the trees is the answer (False) or the log-odds of the answer (True)."""


@register_predictor(
    "xgboost",
    endings=(".json", ".ubj", ".bst", ".tar.gz"),
    remedy="install spark-model-monitor[xgboost], which brings xgboost-cpu, not together with xgboost: they are the same files",
)
def load_xgboost(model: Model) -> Predict:
    """A booster; predicts as its objective defines, on one thread."""
    import xgboost

    booster = xgboost.Booster()
    content = _unpack_content(model)
    if not content:  # with an empty file, xgboost 3 crashes the process
        raise BadConfiguration(f"the model {model.name} is empty; save it again")
    try:
        booster.load_model(bytearray(content))
    except xgboost.core.XGBoostError as error:
        # The format is JSON, so the content is wrong, and converting the format wouldn't help
        if content.lstrip().startswith(b"{"):
            raise
        file_format = "neither JSON nor UBJSON"
        advice = "with xgboost 1.7 call Booster(model_file='…').save_model('model.json')"
        if content.startswith(PICKLE):
            file_format = f"a pickle, and {file_format}"
            advice = (
                f"pickle.load it with the version that wrote it, save_model('model.bst'), and of that file {advice}"
            )
        raise BadConfiguration(
            f"the model {model.name} is {file_format}, which xgboost {xgboost.__version__} reads; if an older version saved "
            f"it, {advice}"
        ) from error
    # Spark already runs one task on each core
    booster.set_param({"nthread": 1})
    names = booster.feature_names or []

    def predict(frame: pd.DataFrame) -> NDArray[np.float32]:
        cells = select_columns(frame, names).to_numpy()
        return booster.inplace_predict(np.ascontiguousarray(cells, dtype=np.float32))

    return AdditivePredictor(predict, partial(convert_booster_to_sum, booster))


def convert_booster_to_sum(booster: Booster) -> Sum | None:
    """The booster as a sum of leaves, if it predicts one number from numeric features only; else None."""
    learner = json.loads(booster.save_raw("json"))["learner"]
    sums_log_odds = LOG_ODDS_BY_OBJECTIVE.get(learner["objective"]["name"])
    booster_members = learner["gradient_booster"]
    is_tree_booster = booster_members["name"] == "gbtree"
    if sums_log_odds is None or not is_tree_booster or learner["learner_model_param"]["num_target"] != "1":
        return None
    trees = booster_members["model"]["trees"]
    # A split by categories has no threshold
    if any(any(tree["split_type"]) for tree in trees):
        return None
    leaves = Leaves.of(map(_read_tree, trees))
    if leaves is None:
        return None
    return Sum(leaves, tuple(booster.feature_names or ()), sums_log_odds)


def _read_tree(tree: Mapping[str, Json]) -> Tree:
    # For a leaf, this is its value
    thresholds = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
    goes_left = [bool(left) for left in tree["default_left"]]
    left = tree["left_children"]
    right = tree["right_children"]
    return Tree(left, right, tree["split_indices"], thresholds.tolist(), goes_left, thresholds[:, None])


def _unpack_content(model: Model) -> bytes:
    if not model.name.lower().endswith(".tar.gz"):
        return model.content
    with tarfile.open(fileobj=io.BytesIO(model.content)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and member.name.rpartition("/")[2].startswith(MEMBER):
                return file.read()
    raise BadConfiguration(f"{model.name}: the archive has no file {MEMBER}; write the model's own file")
