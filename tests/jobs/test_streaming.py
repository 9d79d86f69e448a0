"""Structured Streaming by examples/streaming: parts add up, late rows restate, and a killed driver counts nothing twice."""

import json
import os
import random
import signal
import subprocess
import sys
from functools import reduce

import pytest
from pyspark.sql import DataFrame
from tests.jobs import kafka
from tests.running_jobs import ROOT
from tests.spark_lines import IS_REMOTE, has_deequ, on_spark_3

from spark_model_monitor import DataQualityMonitor, read_state, run_baseline
from spark_model_monitor.spark.launch.deequ_jar import provide_jar

EXAMPLE = ROOT / "examples" / "streaming"
sys.path.append(str(EXAMPLE))
import orders_stream  # noqa: E402

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.skipif(IS_REMOTE, reason="Spark Connect: the function of foreachBatch runs on the server"),
]

DAY = "2026/01/01"
FILES = ([0] * 150, [0] * 60 + [1] * 70, [1] * 50 + [0] * 10)
"""The hour of each row; the last ten of hour 0 are late."""
BEGINNING = """
import os, signal, sys
from pathlib import Path
import orders_stream
from pyspark.sql import SparkSession

def restate(hour, home, of_the_example=orders_stream.restate):
    of_the_example(hour, home)
    if len(list((home / "parts").rglob("_current.json"))) == 2:  # batch 1 has left hour 0 and lacks hour 1
        os.kill(os.getpid(), signal.SIGKILL)

settings = {"spark.jars": sys.argv[3], "spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false"}
session = SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
"""
KILLED = f"""{BEGINNING}
orders_stream.restate = restate
orders_stream.stream(session, Path(sys.argv[1]), Path(sys.argv[2])).awaitTermination()
"""
OF_KAFKA = f"""{BEGINNING}
servers, killed = sys.argv[4:]
lines = session.read.text(sys.argv[1]).coalesce(1)
lines.write.format("kafka").option("kafka.bootstrap.servers", servers).option("topic", "orders").save()
if killed == "killed":
    orders_stream.restate = restate
orders_stream.watch(orders_stream.orders_of(session, servers, "orders"), Path(sys.argv[2])).awaitTermination()
"""
"""Sends the lines of a file, and takes what has come."""


@pytest.fixture
def landing(tmp_path):
    """Three files of orders in the order in which they came."""
    folder = tmp_path / "landing"
    random_ = random.Random(7)
    folder.mkdir()
    for number, hours in enumerate(FILES):
        lines = [
            json.dumps(
                {
                    "country": random_.choice(["DE", "FR", "PL"]),
                    "items": random_.randint(1, 9),
                    "amount": random_.randint(1, 400) / 4,
                    "at": f"2026-01-01T{hour:02}:10:00Z",
                }
            )
            for hour in hours
        ]
        file = folder / f"{number}.json"
        file.write_text("\n".join(lines) + "\n")
        os.utime(file, (1_700_000_000 + number,) * 2)  # Spark takes the oldest file first
    return folder


def run_batch(spark, landing, hour, output):
    """The documents and states of one batch run over all rows of the hour, whose partitions are the files in their order."""
    files = [spark.read.schema(orders_stream.ROWS).json(str(file)) for file in sorted(landing.iterdir())]
    rows = reduce(DataFrame.union, files).where(f"hour(at) = {hour}").drop("at")
    run_baseline(rows, DataQualityMonitor()).write(output)
    return documents(output)


def documents(run):
    return {
        name: (run / name).read_bytes() for name in ("statistics.json", "constraints.json", "states/profile.parquet")
    }


def test_a_killed_driver_and_late_rows_leave_the_windows_of_one_batch_run(spark, landing, tmp_path):
    home = tmp_path / "home"
    killed = ended(KILLED, landing, home, str(provide_jar(os.environ)) if has_deequ() else "")
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    parts = home / "parts" / DAY
    before = {path.parent.relative_to(parts).as_posix() for path in parts.rglob("_current.json")}
    assert before == {"00/0000000000", "00/0000000001"}

    orders_stream.stream(spark, landing, home).awaitTermination()

    require_windows_of_one_run(spark, landing, home, tmp_path)


@on_spark_3("its source of Kafka is another JAR")
def test_of_kafka_they_are_the_same(spark, landing, tmp_path):
    """The records of a file are what a micro-batch finds; the driver that takes the second one is killed in its middle."""
    home = tmp_path / "home"
    jars = ",".join(map(str, kafka.provide(*kafka.SOURCE)))
    statuses = []
    with kafka.kafka_broker(tmp_path / "kafka") as servers:
        for file, ending in zip(sorted(landing.iterdir()), ("well", "killed", "well"), strict=True):
            run = ended(OF_KAFKA, file, home, jars, servers, ending)
            statuses.append(run.returncode)

    assert statuses == [0, -signal.SIGKILL, 0], run.stderr[-2000:]
    require_windows_of_one_run(spark, landing, home, tmp_path)


def ended(program, *words):
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, words)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'lib'}{os.pathsep}{EXAMPLE}", "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        check=False,
    )


def require_windows_of_one_run(spark, landing, home, tmp_path):
    parts = home / "parts" / DAY
    counted = {part.name: read_state(str(part)).item_count for part in sorted((parts / "00").iterdir())}
    assert counted == {
        "0000000000": 150,
        "0000000001": 60,
        "0000000002": 10,
    }  # as FILES has them: none lost, none twice
    for hour in (0, 1):
        window = home / "windows" / DAY / f"{hour:02}"
        assert documents(window) == run_batch(spark, landing, hour, tmp_path / f"run-{hour}")
    assert read_state(str(home / "windows" / DAY / "00")).item_count == 220
