"""scikit-learn's metrics of a folder of merged records, timed. In a process of its own, where nothing else takes memory.

python scikit_learn_quality.py FOLDER     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pandas as pd
from processor_time import ProcessorTime
from sklearn import metrics


def analyse(folder: Path) -> None:
    """One core: pandas' own reader, then the metrics that a run displays. No intervals."""
    read = pd.concat(pd.read_json(file, lines=True) for file in sorted(folder.rglob("*.jsonl")))
    frame = pd.DataFrame(
        {
            "label": read["groundTruthData"].str["data"].astype(int),
            "score": read["captureData"].str["endpointOutput"].str["data"].astype(float),
        }
    )
    predicted = (frame["score"] > 0.5).astype(int)
    metrics.confusion_matrix(frame["label"], predicted)
    metrics.accuracy_score(frame["label"], predicted)
    for beta in (0.5, 1, 2):
        metrics.precision_recall_fscore_support(frame["label"], predicted, beta=beta, average="binary")
    metrics.roc_auc_score(frame["label"], frame["score"])
    metrics.precision_recall_curve(frame["label"], frame["score"])
    metrics.log_loss(frame["label"], frame["score"])
    metrics.brier_score_loss(frame["label"], frame["score"])


def main(folder: str) -> None:
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    analyse(Path(folder))
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
