"""Frames of pandas on a standalone cluster, whose executors open no file of the driver."""

import os
import subprocess
import sys

import pytest
from tests.clusters.conftest import ROOT, SECONDS

PROGRAM = """
import numpy as np, pandas as pd
from spark_model_monitor import DataQualityMonitor, local_session, read_data, run_baseline

rng = np.random.default_rng(7)
rows = 1_000_000
frame = pd.DataFrame({"x": rng.lognormal(size=rows), "y": rng.integers(0, 9, rows), "w": rng.choice(["a", None], rows)})
spark = local_session()
with read_data(frame) as data:
    print(spark.sparkContext.master, data.folder is None, data.max_partition_count)
    baseline = run_baseline(data, DataQualityMonitor())
print(baseline.to_pandas()["num_missing"].to_dict(), int(frame["w"].isna().sum()))
"""


@pytest.fixture
def ended(cluster, tmp_path):
    """A program of a user's that was run on the cluster."""
    options = f"--master {cluster.master} --conf spark.ui.enabled=false"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={
            **environment,
            "PYTHONPATH": str(ROOT / "lib"),
            "PYSPARK_PYTHON": sys.executable,  # with the libraries that executors need; the package itself is sent
            "PYSPARK_SUBMIT_ARGS": f"{options} pyspark-shell",
            "SPARK_LOCAL_IP": "127.0.0.1",
            "TMPDIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_frame_of_pandas_is_profiled_by_executors_elsewhere(cluster, ended, tmp_path):
    assert ended.returncode == 0, ended.stderr
    summary_line, missing = ended.stdout.splitlines()[-2:]
    counts, absent = missing.rsplit(" ", 1)

    assert (
        summary_line == f"{cluster.master} True 2"
    )  # 25 MB of 8 bytes a number and 5 to 9 a text: two slices of 16 MiB at most
    assert counts == str({"x": 0, "y": 0, "w": int(absent)})
    assert list(tmp_path.glob("spark-model-monitor-*")) == []
