"""smclarify's bias metrics of a folder of Parquet, timed. Runs in an environment of its own, which needs nothing of ours.

python smclarify_bias.py FOLDER     prints the seconds on the clock and those of processor cores
"""

from __future__ import annotations

import sys
import time

import pandas as pd
from processor_time import ProcessorTime
from smclarify.bias.metrics import POSTTRAINING_METRICS
from smclarify.bias.report import FacetColumn, LabelColumn, StageType, bias_report

FACETS = (("sex", ["F"]), ("age", ["old"]), ("income", [50_000]))
BUT_THE_FLIP_TEST = [metric.__name__ for metric in POSTTRAINING_METRICS if metric.__name__ != "FT"]


def analyse(folder: str) -> None:
    frame = pd.read_parquet(folder)
    label = LabelColumn("label", frame["label"], [1])
    predicted = LabelColumn("prediction", frame["prediction"], [1])
    for name, values in FACETS:
        facet = FacetColumn(name, values)
        bias_report(frame, facet, label, StageType.PRE_TRAINING, group_variable=frame["region"])
        stage = StageType.POST_TRAINING
        bias_report(frame, facet, label, stage, predicted, metrics=BUT_THE_FLIP_TEST, group_variable=frame["region"])


def main(folder: str) -> None:
    processor_time = ProcessorTime()
    began = time.perf_counter()
    began_cores = processor_time.seconds()
    analyse(folder)
    print(time.perf_counter() - began, processor_time.seconds() - began_cores)


if __name__ == "__main__":
    main(*sys.argv[1:])
