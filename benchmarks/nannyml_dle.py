"""NannyML's DLE over chunks of a table of predicted numbers. Needs nothing of ours.

python nannyml_dle.py REFERENCE ANALYSIS LABEL PREDICTION ROWS FEATURE…     prints estimates by chunk, and the seconds
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import nannyml
import pandas as pd

METRICS = ["mae", "mse", "rmse"]


def main(reference: str, analysis: str, label: str, prediction: str, rows: str, *features: str) -> None:
    warnings.simplefilter("ignore")
    pd.set_option("future.infer_string", False)  # DLE takes texts as objects
    reference_rows, later = (pd.read_parquet(path) for path in (reference, analysis))
    began = time.process_time()
    estimator = nannyml.DLE(
        feature_column_names=list(features), y_pred=prediction, y_true=label, metrics=METRICS, chunk_size=int(rows)
    )
    estimator.fit(reference_rows)
    fitted = time.process_time()
    frame = estimator.estimate(later).filter(period="analysis").to_df()
    ended = time.process_time()
    estimates = {name: frame[(name, "value")].tolist() for name in METRICS}
    print(json.dumps({"fit": fitted - began, "estimate": ended - fitted, **estimates}))


if __name__ == "__main__":
    main(*sys.argv[1:])
