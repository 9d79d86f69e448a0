"""A job by a Spark connection of Airflow's: what the provider's hook submits, and a real run of it."""

import json
from pathlib import Path

import pytest
from tests.airflow.conftest import PRODUCT_PYTHON

from spark_model_monitor.airflow import SparkConnection
from spark_model_monitor.airflow.job_locations import JobCall
from spark_model_monitor.airflow.job_results import open_stored_files, read_job_end
from spark_model_monitor.errors import BadConfiguration, MissingDependency
from spark_model_monitor.running.configuration.command_line import write_flag

LOCAL = {"conn_type": "spark", "host": "local[2]", "extra": {"deploy-mode": "client"}}
YARN = {"conn_type": "spark", "host": "yarn", "extra": {"deploy-mode": "cluster", "queue": "monitoring"}}


def call(folder):
    flags = {
        "dataset_source": f"{folder}/orders.csv",
        "dataset_format": "csv",
        "output_path": f"{folder}/baseline",
    }
    return JobCall("baseline", "orders/baseline/manual", flags)


@pytest.fixture
def spark_home(tmp_path):
    """One whose spark-submit writes its words down, and fails as a job with violations may."""
    program = tmp_path / "spark" / "bin" / "spark-submit"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$0.words"\nexit 4\n')
    program.chmod(0o755)
    return tmp_path / "spark"


def test_the_connection_says_where_and_we_say_what(spark_home, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_CLUSTER", json.dumps(YARN))
    connection = SparkConnection(
        conn_id="spark_cluster",
        spark_home=str(spark_home),
        columns=200,
        conf={"spark.executor.cores": "2"},
        hook={"executor_memory": "4g", "conf": {"spark.yarn.tags": "nightly"}},
    )
    assert connection.begin(call(tmp_path)).wait() is None, (
        "the hook keeps the exit status to itself; the message tells"
    )
    words = (spark_home / "bin" / "spark-submit.words").read_text().splitlines()

    def after(word):
        return words[words.index(word) + 1]

    settings = dict(words[position + 1].split("=", 1) for position, word in enumerate(words) if word == "--conf")
    assert (after("--master"), after("--deploy-mode"), after("--queue")) == ("yarn", "cluster", "monitoring")
    assert (after("--name"), after("--executor-memory")) == ("orders/baseline/manual", "4g")
    assert Path(after("--py-files")).name.startswith("spark_model_monitor-")
    assert Path(after("--jars")).name.startswith("deequ-")
    # 384 MB beside the heap, and two Python workers of 140 MB + 0.2 MB for each of 200 columns (docs/operations.md)
    assert settings["spark.executor.memoryOverhead"] == f"{384 + 2 * (140 + 40)}m"
    assert settings["spark.yarn.maxAppAttempts"] == "1"
    assert (settings["spark.executor.cores"], settings["spark.yarn.tags"]) == ("2", "nightly")
    job = words.index(next(word for word in words if word.endswith("baseline.py")))
    assert words[job + 1 : job + 4] == [write_flag(name, text) for name, text in call(tmp_path).flags.items()]


def test_a_job_on_a_connection_leaves_what_any_other_leaves(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(LOCAL))
    monkeypatch.setenv("PYTHONPATH", "")
    (tmp_path / "orders.csv").write_text("amount,country\n12.5,DE\n40,FR\n7.25,DE\n")
    [spark] = Path(PRODUCT_PYTHON).parent.parent.glob("lib/python3*/site-packages/pyspark")
    connection = SparkConnection(python=PRODUCT_PYTHON, spark_home=str(spark))

    connection.begin(call(tmp_path)).wait()

    folder = str(tmp_path / "baseline")
    outcome = read_job_end(open_stored_files(folder, None), folder, None, window=None, compares=False)
    assert outcome.status == "Completed"
    constraints = json.loads(Path(outcome.paths["constraints.json"]).read_text())
    assert [feature["name"] for feature in constraints["features"]] == ["amount", "country"]


def test_options_of_spark_submit_are_said_in_the_hooks_words(tmp_path):
    with pytest.raises(BadConfiguration, match="a connection's run takes conf= and hook="):
        SparkConnection(spark_options=("--executor-memory", "4g")).begin(call(tmp_path))


def test_a_spark_that_is_not_there_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_SPARK_DEFAULT", json.dumps(LOCAL))
    with pytest.raises(MissingDependency, match="/nowhere/bin/spark-submit can't be started; spark_home= has to be"):
        SparkConnection(spark_home="/nowhere").begin(call(tmp_path)).wait()
