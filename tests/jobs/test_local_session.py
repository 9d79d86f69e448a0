"""The session that notebooks and scripts begin with is a job's: its JVM, its settings, its silence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from spark_model_monitor.spark.launch.deequ_jar import provide_jar
from spark_model_monitor.spark.launch.java import PINNED, find_java, find_spark_home

pytestmark = pytest.mark.nightly

LIB = Path(__file__).resolve().parents[2] / "lib"

PROGRAM = """
import json, os
import pandas
from spark_model_monitor import local_session
from spark_model_monitor.spark.deequ.jvm import find_fitting_deequ

before = dict(os.environ)
spark = local_session()
changed = sorted(set(os.environ.items()) ^ set(before.items()))
import pydeequ.checks
deequ = find_fitting_deequ(spark)
management = spark._jvm.java.lang.management.ManagementFactory
print(json.dumps({
    "midnight": spark.sql("SELECT CAST(TIMESTAMP'2026-01-01T00:00:00Z' AS STRING)").first()[0],
    "jvm": list(management.getRuntimeMXBean().getInputArguments()),
    "daemon": spark.conf.get("spark.python.daemon.module"),
    "deequ": str(deequ),
    "again": local_session() is spark,
    "name": spark.sparkContext.appName,
    "master": spark.sparkContext.master,
    "changed": changed,
    "missing texts": spark.createDataFrame(pandas.DataFrame({"x": ["a", float("nan")]})).where("x IS NULL").count(),
}))
"""


def run_program(**variables: str) -> tuple[dict[str, object], str]:
    """What the program tells of its session, and what it writes to its standard error, with some variables."""
    return run([sys.executable, "-c", PROGRAM], **variables)


def run(command: Sequence[str | Path], **variables: str) -> tuple[dict[str, object], str]:
    # without what the sessions of other tests have left
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    ended = subprocess.run(
        [str(word) for word in command],
        env={**environment, "PYTHONPATH": str(LIB), **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(ended.stdout.splitlines()[-1]), ended.stderr


@pytest.fixture(scope="module")
def session():
    return run_program(TZ="Asia/Tokyo")


def test_it_has_the_settings_of_a_job_is_made_once_and_starts_without_a_word(session):
    settings, printed = session

    assert settings["midnight"] == "2026-01-01 00:00:00"
    assert settings["daemon"] == "spark_model_monitor.spark.engine.worker"
    assert {"-Xmx2g", "-XX:+UseParallelGC"} <= set(settings["jvm"])
    assert settings["name"] == "spark-model-monitor"
    assert settings["deequ"] == PINNED.deequ
    assert settings["missing texts"] == 1, "a missing text of pandas is missing in a frame made of it"
    assert settings["again"]
    assert printed == ""


def test_the_environment_is_afterwards_as_it_was(session):
    """But for what PyDeequ asks for when it is imported, and what PySpark leaves there."""
    assert dict(session[0]["changed"]).keys() == {"SPARK_VERSION", "SPARK_AUTH_SOCKET_TIMEOUT", "SPARK_BUFFER_SIZE"}


def test_what_the_user_wants_of_the_jvm_wins():
    """But for the settings that results depend on."""
    options = "--driver-memory 1g --name mine --master local[1] --conf spark.sql.session.timeZone=Asia/Tokyo"
    settings, _ = run_program(PYSPARK_SUBMIT_ARGS=f"{options} pyspark-shell")

    assert "-Xmx1g" in settings["jvm"]
    assert (settings["name"], settings["master"], settings["midnight"]) == ("mine", "local[1]", "2026-01-01 00:00:00")
    assert "PYSPARK_SUBMIT_ARGS" not in dict(settings["changed"])


def test_under_spark_submit_it_is_the_session_that_was_submitted(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    options = [
        "--master",
        "local[1]",
        "--name",
        "mine",
        "--driver-memory",
        "1g",
        "--jars",
        str(provide_jar(os.environ)),
    ]
    submitted = [find_spark_home(os.environ) / "bin" / "spark-submit", *options, script]
    settings, _ = run(submitted, JAVA_HOME=str(find_java(os.environ).home), PYSPARK_PYTHON=sys.executable)

    assert (settings["name"], settings["master"], settings["midnight"]) == ("mine", "local[1]", "2026-01-01 00:00:00")
    assert "-Xmx1g" in settings["jvm"]
