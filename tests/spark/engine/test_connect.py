"""Spark Connect: `REMOTE=1 make test SPARK=4.0 ARGS=tests/spark` runs on a server."""

import gc
import os
import sys

import pandas as pd
import pytest
from tests.programs import run_on_one_stream
from tests.running_jobs import ROOT, SECONDS, Finished
from tests.spark_lines import IS_REMOTE

from spark_model_monitor import DataQualityMonitor, run_baseline
from spark_model_monitor.errors import OutputFailed
from spark_model_monitor.spark.spark_session import new_job_session
from spark_model_monitor.spark.storage import ServerStorage

pytestmark = pytest.mark.skipif(not IS_REMOTE, reason="the tests' session is no Spark Connect: REMOTE=1 makes it one")

ROWS = "age,plan\n" + "".join(f"{age},{'basic' if age % 3 else 'plus'}\n" for age in range(20, 60))


@pytest.fixture
def rows(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS)
    return path


@pytest.fixture
def job(tmp_path):
    """`job("baseline", …)` runs it with the tests' own Python, whose PySpark is another than that of `.venv`."""

    def run(name, *flags):
        ended = run_on_one_stream(
            [sys.executable, ROOT / "jobs" / f"{name}.py", *map(str, flags)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "lib")},
            cwd=tmp_path,
            timeout=SECONDS,
        )
        return Finished(ended.returncode, ended.stdout)

    return run


def contents(folder):
    """Every file of an output."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_job_on_a_server_writes_the_bytes_of_one_without_a_jvm(job, address, rows, tmp_path):
    server_output = tmp_path / "there"
    local_output = tmp_path / "here"
    flags = ["--dataset-source", rows, "--dataset-format", "csv"]
    assert job("baseline", *flags, "--output-path", server_output, "--remote", address).status == 0
    assert job("baseline", *flags, "--output-path", local_output, "--engine", "local").status == 0
    assert contents(server_output) == contents(local_output)


def test_the_server_lists_folders_that_have_files_and_writes_nothing(spark, tmp_path):
    (tmp_path / "2026" / "01").mkdir(parents=True)
    (tmp_path / "2026" / "01" / "late.csv").write_text("a\n1\n")
    (tmp_path / "2025").mkdir()
    server = ServerStorage(spark)
    assert server.list_folders(str(tmp_path)) == ["2026"]
    assert server.list_folders(str(tmp_path / "2026" / "01" / "late.csv")) == []
    with pytest.raises(OutputFailed, match="local paths only"):
        server.write(str(tmp_path / "new"), b"")


@pytest.mark.nightly
def test_where_no_server_answers_the_job_says_so(job, rows, tmp_path):
    flags = ["--dataset-source", rows, "--dataset-format", "csv", "--output-path", tmp_path / "out"]
    ended = job("baseline", *flags, "--remote", "sc://localhost:1")
    assert ended.status == 255
    assert "--remote is 'sc://localhost:1', where no server answers" in ended.said
    assert not (tmp_path / "out" / "statistics.json").exists()


def test_the_token_of_an_address_is_in_no_log(job, address, rows, tmp_path):
    flags = ["--dataset-source", rows, "--dataset-format", "csv", "--output-path", tmp_path / "out"]
    token = os.environ["SPARK_CONNECT_AUTHENTICATE_TOKEN"]
    ended = job("baseline", *flags, "--remote", f"{address}/;token={token}")
    assert ended.status == 0
    assert token not in ended.said


def test_a_session_that_tells_names_by_case_reads_columns_that_differ_so(spark, tmp_path):
    pd.DataFrame({"age": [1], "Age": [0.5]}).to_parquet(tmp_path / "data.parquet")
    spark.conf.set("spark.sql.caseSensitive", "true")
    try:
        baseline = run_baseline(tmp_path, DataQualityMonitor(), spark=spark)
    finally:
        spark.conf.unset("spark.sql.caseSensitive")
    assert list(baseline.to_pandas()["mean"]) == [1, 0.5]


def test_a_runs_session_that_is_deleted_leaves_the_callers_own_working(spark):
    from pyspark.sql.connect.client.reattach import ExecutePlanResponseReattachableIterator

    assert spark.range(3).count() == 3
    threads = ExecutePlanResponseReattachableIterator._get_or_create_release_thread_pool()
    new_job_session(spark)
    gc.collect()

    assert threads.submit(len, "abc").result() == 3
