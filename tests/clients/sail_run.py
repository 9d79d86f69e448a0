"""The README's example, and files, on Sail: prints verdicts and which documents are those of the local engine.

    python sail_run.py FOLDER [without]

without: the server's Python can't import the package.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
from pyspark.sql import SparkSession

from model_monitor import DataQualityMonitor, run_baseline, run_monitoring
from model_monitor.errors import MissingDependency

ORDERS = pd.DataFrame({"country": ["DE", "FR", "DE", "PL"] * 50, "items": [1, 3, 2, 2] * 50})
MONITOR = DataQualityMonitor()


SERVER = """
import sys
from pysail.spark import SparkConnectServer

class Hidden:
    def find_spec(name, path, target=None):
        if name.startswith("model_monitor"):
            raise ModuleNotFoundError(f"No module named {name!r}")

if sys.argv[1:] == ["without"]:
    sys.meta_path.insert(0, Hidden)
server = SparkConnectServer("127.0.0.1", 0)
server.start(background=True)
print(server.listening_address[1], flush=True)
sys.stdin.read()
"""


def documents(baseline):
    return {name: baseline.files()[name] for name in ("constraints.json", "statistics.json")}


def results(spark):
    baseline = run_baseline(ORDERS, MONITOR, spark=spark)
    findings = run_monitoring(ORDERS.replace({"country": {"FR": "ES"}}), MONITOR, baseline, spark=spark)
    file = Path(sys.argv[1]) / "orders.parquet"
    ORDERS.to_parquet(file)
    here = documents(run_baseline(ORDERS, MONITOR, engine="local"))
    return {
        "violated": [violation.feature_name for violation in findings.violations.violations],
        "pandas": documents(baseline) == here,
        "frame": documents(run_baseline(spark.createDataFrame(ORDERS), MONITOR)) == here,
        "Parquet": documents(run_baseline(file, MONITOR, spark=spark)) == here,
        "rows of files": documents(run_baseline(spark.read.parquet(str(file)), MONITOR)) == here,
    }


with subprocess.Popen(
    [sys.executable, "-c", SERVER, *sys.argv[2:]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
) as server:
    spark = SparkSession.builder.remote(f"sc://127.0.0.1:{server.stdout.readline().strip()}").getOrCreate()
    try:
        print(json.dumps(results(spark)))
    except MissingDependency as fault:
        print(json.dumps(str(fault)))
    finally:
        spark.stop()
        server.stdin.close()
        server.wait(60)
