"""`--results-table`: the queries of docs/sql.md give the numbers of checks.json and statistics.json, in DuckDB and in Spark."""

from __future__ import annotations

import json
import os
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from jobs.baseline import main as baseline
from jobs.monitor import main as monitor

from spark_model_monitor.reports.outputs.sql_tables import _Catalog

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sql.md"
QUERIES = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
TABLES = ("summary", "checks")
HOURS = ("10", "11", "12")


def run(job, data, output, results_table, *flags, engine="local"):
    data.to_csv(output.with_suffix(".csv"), index=False)
    os.utime(output.with_suffix(".csv"), (0, 0))  # the ledger has the time, and the run's id is of the ledger as well
    job_flags = ["--dataset-source", output.with_suffix(".csv"), "--dataset-format", "csv", "--output-path", output]
    return job([str(flag) for flag in (*job_flags, "--results-table", results_table, "--engine", engine, *flags)])


def hour(name):
    return f"2026-03-04T{name}:00:00Z"


def hour_flags(name):
    return "--start-time", hour(name), "--end-time", hour(str(int(name) + 1))


def window(rows, *, shift=0.0, without=0, seed=1):
    random = np.random.default_rng(seed)
    amount = random.gamma(3, 7, rows) + shift
    items = random.integers(1, 9, rows).astype(float)
    items[:without] = np.nan
    return pd.DataFrame({"amount": amount, "items": items, "age": random.normal(40, 9, rows)})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A baseline and three windows: healthy, shifted, shifted and with holes; their folders and that of the tables."""
    folder = tmp_path_factory.mktemp("runs")
    results_table = folder / "results"
    assert run(baseline, window(3_000, seed=7), folder / "baseline", results_table) == 0
    windows = [window(800, seed=2), window(800, shift=40, seed=3), window(800, shift=55, without=300, seed=4)]
    for name, data in zip(HOURS, windows, strict=True):
        flags = ("--baseline", folder / "baseline", *hour_flags(name))
        assert run(monitor, data, folder / name, results_table, *flags) == 0
    return folder


@pytest.fixture(params=["duckdb", "spark"])
def ask(request, runs):
    """Rows of a query as tuples."""
    if request.param == "spark":
        session = request.getfixturevalue("spark")
        for table in TABLES:
            session.read.parquet(f"{runs}/results/{table}").createOrReplaceTempView(table)
        return lambda query: [tuple(row) for row in session.sql(query).collect()]
    if os.environ.get("CI") == "true":
        duckdb = __import__("duckdb")
    else:
        duckdb = pytest.importorskip("duckdb")
    connection = duckdb.connect()
    for table in TABLES:
        files = f"{runs}/results/{table}/*/*.parquet"
        connection.sql(f"CREATE VIEW {table} AS FROM read_parquet('{files}', hive_partitioning = true)")
    return lambda query: connection.sql(query).fetchall()


def time(name):
    return datetime(2026, 3, 4, int(name))


def read_checks(runs, name):
    return json.loads((runs / name / "checks.json").read_text())["checks"]


def read_statistics(runs, name):
    features = json.loads((runs / name / "statistics.json").read_text())["features"]
    return {feature["name"]: feature["numerical_statistics"] for feature in features}


def violated(runs, name):
    violated_checks = [check for check in read_checks(runs, name) if check["status"] == "violated"]
    return sorted(violated_checks, key=lambda check: (check["feature"], check["check"]))


def test_what_is_wrong_in_the_last_window_is_what_checks_json_has_as_violated(ask, runs):
    expected = [
        (check["feature"], check["check"], check["observed"], check["threshold"]) for check in violated(runs, "12")
    ]
    assert ask(QUERIES[0]) == expected
    assert {name for name, *_ in expected} == {"amount", "items"}


def test_how_often_and_since_when_are_the_windows_that_violated_it(ask, runs):
    hours = {}
    for name in HOURS:
        for check in violated(runs, name):
            hours.setdefault((check["feature"], check["check"]), []).append(time(name))
    expected = [(*key, len(times), min(times), max(times)) for key, times in hours.items()]
    assert ask(QUERIES[1]) == sorted(expected, key=lambda row: (-row[2], row[0], row[1]))


def test_the_drift_of_a_feature_has_every_digit_of_checks_json(ask, runs):
    def drift(name):
        [drift_check] = [
            check
            for check in read_checks(runs, name)
            if check["feature"] == "amount" and check["check"] == "baseline_drift_check"
        ]
        return time(name), drift_check.get("observed"), drift_check.get("threshold"), drift_check["status"]

    assert ask(QUERIES[2]) == [drift(name) for name in HOURS]


def test_the_least_complete_feature_is_counted_from_statistics_json(ask, runs):
    def least(name):
        counts = {feature: common["common"] for feature, common in read_statistics(runs, name).items()}
        shares = {
            feature: common["num_present"] / (common["num_present"] + common["num_missing"])
            for feature, common in counts.items()
        }
        feature = min(sorted(shares), key=shares.__getitem__)
        return time(name), feature, shares[feature]

    expected = [least(name) for name in HOURS]
    assert ask(QUERIES[3]) == expected
    assert expected[-1] == (time("12"), "items", 500 / 800)


def test_means_before_and_now_are_those_of_both_statistics(ask, runs):
    was = read_statistics(runs, "baseline")
    expected = [
        (time(name), feature, was[feature]["mean"], read_statistics(runs, name)[feature]["mean"])
        for name in HOURS
        for feature in sorted({check["feature"] for check in violated(runs, name)})
    ]
    assert ask(QUERIES[4]) == expected


def test_a_rerun_replaces_its_partition_and_takes_the_place_of_the_run_before_it(tmp_path):
    results_table = tmp_path / "results"
    flags = ("--baseline", tmp_path / "baseline", *hour_flags("10"))
    run(baseline, window(1_000), tmp_path / "baseline", results_table)

    def partitions(table):
        return sorted(folder.name for folder in (results_table / table).iterdir())

    run(monitor, window(300, seed=2), tmp_path / "w", results_table, *flags)
    first = partitions("checks")
    run(monitor, window(300, seed=2), tmp_path / "w", results_table, *flags)
    assert partitions("checks") == first
    run(monitor, window(300, seed=3), tmp_path / "w", results_table, *flags)
    assert len(partitions("checks")) == 1
    assert partitions("checks") != first
    assert len(partitions("summary")) == 2  # of the baseline, and of the window
    run(monitor, window(300, seed=3), tmp_path / "w", results_table, *flags[:2], *hour_flags("11"))
    assert len(partitions("checks")) == 2


def test_a_folder_makes_no_metastore_and_leaves_nothing_else(runs):
    tables = {path.relative_to(runs / "results").parts[0] for path in (runs / "results").rglob("*.parquet")}
    assert tables == set(TABLES)
    assert not list(runs.rglob("metastore_db"))
    assert not list(runs.rglob("spark-warehouse"))


def test_a_table_of_the_catalog_on_the_engine_without_one_is_one_sentence(tmp_path, caplog):
    assert run(baseline, window(10), tmp_path / "b", "quality") == 2
    assert "is 'quality', a table of Spark's catalog; write --engine spark, or a path such as ./quality" in caplog.text


def test_tables_of_the_catalog_have_the_same_rows_and_replace_partitions(spark, tmp_path):
    name = f"t{os.getpid()}"
    results_folder = tmp_path / "results"
    try:
        for results_table in (name, results_folder):
            assert run(baseline, window(500), tmp_path / "b", results_table, engine="spark") == 0
            flags = ("--baseline", tmp_path / "b", *hour_flags("10"))
            for seed in (2, 3, 3):
                assert run(monitor, window(200, seed=seed), tmp_path / "w", results_table, *flags, engine="spark") == 0
        for table in TABLES:
            named = spark.table(f"{name}_{table}")
            folder = spark.read.parquet(f"{results_folder}/{table}")
            assert named.columns == folder.columns
            assert sorted(map(str, named.collect())) == sorted(map(str, folder.collect())) != []
    finally:
        for table in TABLES:
            spark.sql(f"DROP TABLE IF EXISTS {name}_{table}")


def test_a_table_of_the_catalog_that_an_earlier_release_made_gets_the_new_columns(spark):
    name = f"earlier{os.getpid()}"
    try:
        _Catalog(name, spark).put("1", pa.table({"name": ["age"], "status": ["passed"]}))
        now = pa.table({"name": ["age"], "outcome": ["unchanged"], "status": ["passed"]})
        _Catalog(name, spark).put("2", now)

        assert spark.table(name).columns == ["name", "status", "outcome", "run_id"]
        rows = spark.table(name).orderBy("run_id").collect()
        assert [tuple(row) for row in rows] == [("age", "passed", None, "1"), ("age", "passed", "unchanged", "2")]
    finally:
        spark.sql(f"DROP TABLE IF EXISTS {name}")
