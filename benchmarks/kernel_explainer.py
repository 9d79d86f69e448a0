"""shap's KernelExplainer on the first rows of a file, timed. Runs in an environment of its own, which needs nothing of ours.

With 0 SAMPLES it is the TreeExplainer: interventional, of the log-odds, beside so many BASELINE rows.

python kernel_explainer.py FOLDER MODEL SAMPLES ROWS [BASELINE]     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import shap
import xgboost
from processor_time import ProcessorTime


def main(folder: str, model: str, samples: str, rows: str, baseline: str = "1") -> None:
    data = np.load(Path(folder) / "rows.npy")
    if model == "xgboost":
        booster = xgboost.Booster(model_file=Path(folder) / "model.ubj")
        booster.set_param({"nthread": 1})
        predict = booster.inplace_predict
    else:
        weights = np.load(Path(folder) / "weights.npy")

        def predict(cells: np.ndarray) -> np.ndarray:
            return 1 / (1 + np.exp(-(cells @ weights)))

    if int(samples):
        explainer = shap.KernelExplainer(predict, data[:1])
        options = {"nsamples": int(samples), "l1_reg": 0, "silent": True}
    else:
        explainer = shap.TreeExplainer(booster, data[: int(baseline)], feature_perturbation="interventional")
        options = {}
    explainer.shap_values(data[1:3], **options)
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    explainer.shap_values(data[1 : int(rows) + 1], **options)
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
