"""NannyML's CBPE over chunks of a table. Needs nothing of ours.

python nannyml_cbpe.py REFERENCE ANALYSIS LABEL PREDICTION SCORE ROWS     prints estimates by chunk, and the seconds of each step

SCORE: a column, or of many classes the columns of all by class, as a JSON object.
"""

from __future__ import annotations

import json
import sys
import time
import warnings

import nannyml
import pandas as pd

METRICS = {"auc": "roc_auc", "f1": "f1", "accuracy": "accuracy"}


def main(reference: str, analysis: str, label: str, prediction: str, score: str, rows: str) -> None:
    warnings.simplefilter("ignore")
    reference_rows, later = (pd.read_parquet(path) for path in (reference, analysis))
    of_classes = None
    if score.startswith("{"):
        of_classes = json.loads(score)
    began = time.process_time()
    estimator = nannyml.CBPE(
        metrics=list(METRICS.values()),
        y_true=label,
        y_pred=prediction,
        y_pred_proba=of_classes or score,
        problem_type="classification_multiclass" if of_classes else "classification_binary",
        chunk_size=int(rows),
    )
    estimator.fit(reference_rows)
    fitted = time.process_time()
    frame = estimator.estimate(later).filter(period="analysis").to_df()
    ended = time.process_time()
    estimates = {name: frame[(theirs, "value")].tolist() for name, theirs in METRICS.items()}
    print(
        json.dumps(
            {
                "fit": fitted - began,
                "estimate": ended - fitted,
                "calibrates": bool(estimator.needs_calibration),
                **estimates,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
