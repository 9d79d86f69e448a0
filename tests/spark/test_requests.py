"""Requests of captured records are counted in the one scan on Spark, as without it."""

from __future__ import annotations

from tests.unit.runs.test_requests import Served, monitor_hour

from spark_model_monitor.spark.engine.spark import SparkEngine


def test_requests_are_counted_in_the_one_scan(spark, tmp_path, count_spark_jobs):
    server = Served(tmp_path)
    for number in range(30):
        server.request(f"{number},x", seconds=number, milliseconds=number + 1)
    server.request("1,x", status=503)
    server.writer.close()
    engine = SparkEngine(spark)
    with count_spark_jobs() as jobs:
        findings = monitor_hour(tmp_path, engine=engine)

    assert len(jobs) <= 2  # two where executors add the states
    files = findings.files()
    for of_engine in (monitor_hour(tmp_path), monitor_hour(tmp_path, engine=engine, as_service=True)):
        assert of_engine.files()["requests.json"] == files["requests.json"]
