"""A session that somebody started without us: no JAR, no settings, no Python named. Tests look at the lines of one program."""

from __future__ import annotations

import os
import sys
import venv

import pytest
from tests.programs import run_program
from tests.spark_lines import IS_REMOTE, ON_THREE

PROGRAM = """
import json, logging, os, sys
import pandas
from pyspark.sql import SparkSession
from spark_model_monitor import DataQualityMonitor, MissingDependency, MonitorError, run_baseline

logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="LOG %(message)s")
logging.getLogger("py4j").setLevel(logging.WARNING)
spark = SparkSession.builder.MASTER.config("spark.ui.enabled", "false").getOrCreate()
frame = pandas.DataFrame({"items": [1, 3, 2, None], "country": ["DE", "FR", None, "DE"]})
own = run_baseline(frame, DataQualityMonitor()).files()
local = run_baseline(frame, DataQualityMonitor(), engine="local").files()
print("SAME", local["statistics.json"] == own["statistics.json"] and local["constraints.json"] == own["constraints.json"])
print("DEEQU", json.loads(own["run.json"])["deequ"])
try:
    run_baseline(frame, DataQualityMonitor(), checks="json:loads")
except MonitorError as error:
    print("CHECKS", error)
if os.environ.get("OTHER_PYTHON"):
    spark.stop()
    os.environ["PYSPARK_PYTHON"] = os.environ["OTHER_PYTHON"]
    spark = SparkSession.builder.MASTER.config("spark.ui.enabled", "false").getOrCreate()
    try:
        run_baseline(spark.createDataFrame([(1, "DE")], "items int, country string"), DataQualityMonitor())
    except MissingDependency as error:
        print("WORKERS", error)
"""


@pytest.fixture(scope="module")
def program_output(request, tmp_path_factory):
    """The program's lines. Workers find no Python on the PATH that runs; the other one that they are given has no libraries."""
    folder = tmp_path_factory.mktemp("pythons")
    (folder / "python3").write_text("#!/bin/sh\nexit 7\n")
    (folder / "python3").chmod(0o755)
    venv.create(folder / "other", symlinks=True)
    if IS_REMOTE:
        master = f'remote("{request.getfixturevalue("address")}")'
    else:
        master = 'master("local[1]")'
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    for name in ("PYSPARK_GATEWAY_PORT", "PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON", "PYTHONPATH"):
        environment.pop(name, None)
    if not IS_REMOTE:
        environment["OTHER_PYTHON"] = str(folder / "other" / "bin" / "python")
    program = PROGRAM.replace("MASTER", master)
    ended = run_program([sys.executable, "-c", program], env=environment)
    assert not ended.returncode, ended.stderr[-900:]
    return ended.stdout.splitlines()


def test_without_a_jar_the_results_are_the_same_and_log_and_run_say_who_evaluated(program_output):
    assert "SAME True" in program_output
    assert "DEEQU None" in program_output
    assert "metrics are computed from the states without Deequ, and are the same: " in "\n".join(program_output)


def test_only_checks_of_a_function_ask_for_the_jar_by_its_coordinate(program_output):
    [refused] = [line for line in program_output if line.startswith("CHECKS")]

    jar = "give the session spark.jars=<path of the JAR of com.amazon.deequ:deequ:2.1.0-spark-3.5>"
    assert jar in refused if ON_THREE else "Deequ" in refused


@pytest.mark.skipif(IS_REMOTE, reason="the workers are the server's")
def test_workers_without_the_package_are_one_sentence_with_the_variable_to_set(program_output):
    """And those of a session on this machine, that nobody named a Python for, ran this one: else there were no results."""
    [sentence] = [line for line in program_output if line.startswith("WORKERS")]

    assert "the executors' Python has no spark_model_monitor" in sentence
    assert "PYSPARK_PYTHON names another Python" in sentence
