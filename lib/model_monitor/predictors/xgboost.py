"""Models of XGBoost, in its own file formats."""

from __future__ import annotations

import io
import tarfile
from typing import Any

import numpy as np

from model_monitor.errors import BadConfiguration
from model_monitor.predictors import PREDICTORS, Model, Predict

MEMBER = "xgboost-model"
"""What the service's container calls the model in its archive."""


@PREDICTORS.register(
    "xgboost",
    endings=(".json", ".ubj", ".bst", ".tar.gz"),
    remedy="install spark-model-monitor[xgboost], which brings xgboost-cpu, and not beside xgboost: they are the same files",
)
def of_xgboost(model: Model) -> Predict:
    """A booster; its predictions as its objective has them, on one thread."""
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(_unpacked(model)))
    booster.set_param({"nthread": 1})
    names = booster.feature_names

    def predict(frame: Any) -> Any:
        wanted = frame[names] if names and set(names) == set(frame.columns) else frame
        return booster.inplace_predict(np.ascontiguousarray(wanted.to_numpy(), dtype=np.float32))

    return predict


def _unpacked(model: Model) -> bytes:
    if not model.name.lower().endswith(".tar.gz"):
        return model.content
    with tarfile.open(fileobj=io.BytesIO(model.content)) as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is not None and member.name.rpartition("/")[2].startswith(MEMBER):
                return file.read()
    raise BadConfiguration(f"{model.name}: the archive has no file {MEMBER}; write the model's own file")
