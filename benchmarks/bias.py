"""How long do all bias metrics but the flip test take, beside a bare Spark count of the same groups, and beside smclarify?

python benchmarks/bias.py [--quick]

10 M rows, three facets (two by value, one by threshold), 60 subgroups. smclarify has one core and a pandas frame; it gets
1 M rows, and its time for each row is what counts.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyspark.sql.functions as F
from data_sets import SEED, fill_folder, size_bytes
from pyspark.sql import SparkSession
from session import as_spark_comes, benchmark_session
from side_by_side import QUICK_SHARE, Contestant, Took, is_quick_run, own_process, race, report

from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures
from spark_model_monitor.monitors.bias.monitor import BiasMonitor
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.spark.engine.spark import SparkEngine

ROWS = 10_000_000
ROWS_OF_A_FILE = 1_000_000
GROUPS = 60
WARM_UP_ROWS = 100_000
WARM_UPS = 2

AT_MOST = 1.3
"""Times the bare count."""
FASTER_THAN_SMCLARIFY = 20
SHARE_OF_SMCLARIFY = 10
"""It gets a tenth of the rows."""

SMCLARIFY_VARIABLE = "MODEL_MONITOR_SMCLARIFY_PYTHON"
SMCLARIFY_ENVIRONMENT = Path(__file__).parent.parent / ".venv-smclarify"
SMCLARIFY_SCRIPT = Path(__file__).with_name("smclarify_bias.py")

CONFIG = """{
  "label": "label", "label_values_or_threshold": [1], "predicted_label": "prediction", "group_variable": "region",
  "facet": [{"name_or_index": "sex", "value_or_threshold": ["F"]}, {"name_or_index": "age", "value_or_threshold": ["old"]},
            {"name_or_index": "income", "value_or_threshold": [50000]}]
}"""


def people(rows: int) -> Path:
    """The folder with so many people, a label and a prediction of each."""

    def fill(folder: Path) -> None:
        for start in range(0, rows, ROWS_OF_A_FILE):
            rng = np.random.default_rng([SEED, start])
            size = min(ROWS_OF_A_FILE, rows - start)
            label = (rng.random(size) < 0.3).astype(np.int64)
            frame = {
                "sex": rng.choice(["F", "M"], size),
                "age": rng.choice(["young", "middle", "old"], size),
                "income": rng.lognormal(10.5, 0.7, size),
                "region": rng.choice([f"region-{number:02d}" for number in range(GROUPS)], size),
                "label": label,
                "prediction": np.where(rng.random(size) < 0.8, label, 1 - label),
            }
            pd.DataFrame(frame).to_parquet(folder / f"part-{start // ROWS_OF_A_FILE:05d}.parquet", index=False)

    return fill_folder(f"people-{rows}", fill)


def ours(spark: SparkSession, folder: Path) -> None:
    """Read in a job's partitions, count, all metrics of all groups, analysis.json."""
    SparkEngine(spark).set_partition_size(size_bytes(folder))
    measures = BiasMeasures.of(AnalysisConfig.from_json(CONFIG))
    without_flips = BiasMeasures(measures.config, "label", "prediction", measures.methods, with_flip_test=False)
    run_baseline(spark.read.parquet(str(folder)), BiasMonitor(without_flips)).constraints.to_json()


def bare_count(spark: SparkSession, folder: Path) -> None:
    """How many rows there are of each kind, and nothing else."""
    with as_spark_comes(spark):
        kinds = [F.col("sex") == "F", F.col("age") == "old", F.col("income") > 50_000]
        names = ("label", "prediction", "region")
        spark.read.parquet(str(folder)).groupBy(*kinds, *names).count().collect()


def smclarify(python: Path, folder: Path) -> Took:
    """What smclarify took, in a process of its own."""
    foreign = ("SPARK_HOME", "PYTHONPATH")
    environment = {key: value for key, value in os.environ.items() if key not in foreign}
    command = [str(python), str(SMCLARIFY_SCRIPT), str(folder)]
    took = own_process(command, environment)
    return Took(SHARE_OF_SMCLARIFY * took.seconds, SHARE_OF_SMCLARIFY * took.core_seconds)


def main() -> None:
    rows = ROWS // (QUICK_SHARE if is_quick_run(__doc__) else 1)
    folder = people(rows)
    warm_up = people(WARM_UP_ROWS)
    with benchmark_session() as spark:
        us = Contestant("ours: read, count, every metric of three groups", partial(ours, spark, folder))
        peers = [
            Contestant("(a) Spark's count of the same groups", partial(bare_count, spark, folder), at_most=AT_MOST)
        ]
        for run in (ours, bare_count):
            for _ in range(WARM_UPS):
                run(spark, warm_up)
        python = Path(os.environ.get(SMCLARIFY_VARIABLE) or SMCLARIFY_ENVIRONMENT / "bin" / "python")
        if python.is_file():
            sample = people(rows // SHARE_OF_SMCLARIFY)
            name = f"(b) smclarify 0.5 of a tenth of the rows, times {SHARE_OF_SMCLARIFY}"
            peers.append(Contestant(name, partial(smclarify, python, sample), FASTER_THAN_SMCLARIFY, rounds=1))
        else:
            print(
                f"without smclarify: {SMCLARIFY_ENVIRONMENT} is absent, README.md says how to make it", file=sys.stderr
            )
        race([us, *peers])
        report(f"{rows:,} rows x 3 facets x {GROUPS} subgroups, Parquet, {size_bytes(folder) / 1e6:,.0f} MB", us, peers)


if __name__ == "__main__":
    main()
