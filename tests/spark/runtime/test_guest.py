"""A job in a Spark that runs already, as in a notebook: what it does is its own affair, and Spark stays the host's."""

import json
import logging
import signal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.functions import col

from jobs import baseline as baseline_job
from spark_model_monitor.spark.spark_session import SETTINGS, local_session, session_within

OTHERS = {
    "spark.sql.session.timeZone": "Asia/Tokyo",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.files.ignoreCorruptFiles": "true",
    "spark.sql.files.openCostInBytes": "33554432",
}
"""What a host may have set: a job's results would be others by each of them."""

SLOW = "import time\n\ndef preprocess_handler(record):\n    time.sleep(60)\n    return {'a': '1'}\n"


@pytest.fixture
def flags(tmp_path):
    """A baselining job over times, and texts that are numbers but for one."""
    folder = tmp_path / "data"
    folder.mkdir()
    for part in range(4):
        rows = "".join(f"2026-03-0{1 + row % 9} 00:30:00,{row if row % 40 else 'x'}\n" for row in range(200))
        (folder / f"{part}.csv").write_text(f"day,amount\n{rows}")
    return ("--dataset-source", "data", "--dataset-format", "csv", "--output-path")


def run_id(folder):
    return json.loads((folder / "_current.json").read_text())["run_id"]


def test_what_the_host_has_set_changes_no_result(spark, jobs_here, flags, tmp_path):
    jobs_here("baseline", *flags, "usual")
    before = {name: spark.conf.get(name, None) for name in {**OTHERS, **SETTINGS}}
    try:
        for name, value in OTHERS.items():
            spark.conf.set(name, value)
        finished = jobs_here("baseline", *flags, "other")
        assert {name: spark.conf.get(name) for name in OTHERS} == OTHERS
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)

    assert finished.status == 0, finished.said
    assert run_id(tmp_path / "other") == run_id(tmp_path / "usual")


def test_expressions_are_made_with_the_jobs_settings_and_not_with_the_hosts(spark):
    """What "x" is as a number: an error where ansi is enabled, null elsewhere (Spark, "ANSI Compliance")."""
    spark.conf.set("spark.sql.ansi.enabled", "true")
    try:
        with session_within(spark) as session:
            assert session.sql("SELECT 'x' AS a").select(col("a").cast("int")).first()[0] is None
    finally:
        spark.conf.unset("spark.sql.ansi.enabled")


def test_the_hosts_session_log_and_signals_are_afterwards_as_they_were(spark, jobs_here, flags):
    def read_surroundings():
        root = logging.getLogger()
        return SparkSession.getActiveSession(), root.level, list(root.handlers), signal.getsignal(signal.SIGTERM)

    before = read_surroundings()
    finished = jobs_here("baseline", *flags, "out")

    assert finished.status == 0
    assert read_surroundings() == before
    assert local_session() is spark
    assert spark.range(3).count() == 3


def test_two_jobs_of_one_session_write_what_each_writes_alone(jobs_here, flags, tmp_path):
    runs = [jobs_here("baseline", *flags, str(number)).status for number in range(2)]

    assert runs == [0, 0]
    assert run_id(tmp_path / "0") == run_id(tmp_path / "1")


def test_a_job_over_its_longest_time_ends_alone_and_the_session_goes_on(spark, jobs_here, flags, tmp_path):
    (tmp_path / "slow.py").write_text(SLOW)
    slow = ("--record-preprocessor-script", "slow.py", "--max-runtime", "PT3S")
    stopped = jobs_here("baseline", *flags, "slow", *slow)

    assert stopped.status == 143, stopped.said
    assert (tmp_path / "slow" / "message").read_text() == (
        "Error: stopped after 0:00:03, as --max-runtime says; nothing was published\n"
    )
    assert spark.range(3).count() == 3
    assert jobs_here("baseline", *flags, "after").status == 0


def test_what_interrupts_the_host_goes_on_to_it_and_the_job_leaves_its_message(spark, flags, tmp_path, monkeypatch):
    (tmp_path / "after.py").write_text("def postprocess_handler():\n    raise KeyboardInterrupt\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(KeyboardInterrupt):
        baseline_job.main([*flags, "out", "--post-analytics-processor-script", "after.py"])

    assert (tmp_path / "out" / "message").read_text() == "Error: interrupted\n"
    assert spark.range(3).count() == 3


def test_encryption_that_the_running_spark_does_not_ask_for_is_refused(jobs_here, flags):
    finished = jobs_here("baseline", *flags, "out", "--set", "s3_encryption=SSE-S3", "--engine", "spark")

    assert finished.status == 2
    assert (
        "spark.hadoop.fs.s3a.encryption.algorithm has to be 'AES256' before Spark starts; set it where" in finished.said
    )
