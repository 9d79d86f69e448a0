"""`--results-table`: the queries of docs/sql.md give the numbers of checks.json and statistics.json, in DuckDB and in Spark."""

from __future__ import annotations

import os
import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from jobs.baseline import main as baseline
from jobs.monitor import main as monitor
from tests.entries import read_checks

from spark_model_monitor.reports.outputs.sql_tables import _Catalog

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "sql.md").read_text()
STATEMENTS = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
DEFINITIONS = [statement for statement in STATEMENTS if statement.startswith("CREATE EXTERNAL TABLE")]
QUERIES = [statement for statement in STATEMENTS if statement not in DEFINITIONS]
VIEWS = re.search(r"^for folder in .*\n    duckdb\.sql.*$", DOCUMENT, re.MULTILINE)
FOLDERS = {
    "runs": "runs_by_month",
    "violations": "violations_by_month",
    "checks": "checks_by_day",
    "summary": "summary_by_day",
}
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
    """A baseline and three windows; their folders and that of the tables."""
    folder = tmp_path_factory.mktemp("runs")
    results_table = folder / "results"
    flags_of_all = ("--set", "results_rows=all")
    assert run(baseline, window(3_000, seed=7), folder / "baseline", results_table, *flags_of_all) == 0
    # Healthy, shifted, shifted and with holes
    windows = [window(800, seed=2), window(800, shift=40, seed=3), window(800, shift=55, without=300, seed=4)]
    for name, data in zip(HOURS, windows, strict=True):
        flags = ("--baseline", folder / "baseline", *hour_flags(name), *flags_of_all)
        assert run(monitor, data, folder / name, results_table, *flags) == 0
    return folder


def open_duckdb():
    if os.environ.get("CI") == "true":
        return __import__("duckdb").connect()
    return pytest.importorskip("duckdb").connect()


@pytest.fixture(params=["duckdb", "spark"])
def ask(request, runs):
    """Rows of a query as tuples."""
    if request.param == "spark":
        session = request.getfixturevalue("spark")
        for table, folder in FOLDERS.items():
            session.read.parquet(f"{runs}/results/{folder}").createOrReplaceTempView(table)
        return lambda query: [tuple(row) for row in session.sql(query).collect()]
    connection = open_duckdb()
    exec(VIEWS[0].replace("results/", f"{runs}/results/"), {"duckdb": connection})
    return lambda query: connection.sql(query).fetchall()


@pytest.fixture(params=["duckdb", "spark"])
def ask_athena(request, runs):
    """The same of the tables that are defined for Athena."""
    located = [statement.replace("s3://bucket/", f"{runs}/") for statement in DEFINITIONS]
    if request.param == "spark":
        session = request.getfixturevalue("spark")
        for statement in located:
            session.sql(statement.replace("EXTERNAL ", "").replace("STORED AS", "USING"))
        yield lambda query: [tuple(row) for row in session.sql(query).collect()]
        for table in ("runs", "violations"):
            session.sql(f"DROP TABLE {table}")
        return
    connection = open_duckdb()
    for statement in located:
        definition, _, folder = (
            statement.replace("EXTERNAL ", "").replace("`", '"').partition("STORED AS PARQUET LOCATION ")
        )
        connection.sql(definition)
        table = definition.split()[2]
        columns = ", ".join(f'"{name}"' for name in connection.sql(f"FROM {table}").columns)
        connection.sql(f"INSERT INTO {table} SELECT {columns} FROM '{folder.strip().strip(chr(39))}*.parquet'")
    yield lambda query: connection.sql(query).fetchall()


def time(name):
    return datetime(2026, 3, 4, int(name))


def read_run_checks(runs, name):
    return read_checks(runs / name / "checks.json")["checks"]


def violated(runs, name):
    violated_checks = [check for check in read_run_checks(runs, name) if check["status"] == "violated"]
    return sorted(violated_checks, key=lambda check: (check["feature"], check["check"]))


def test_models_with_violations_last_month_are_counted_from_the_runs(ask, runs):
    violations = [len(violated(runs, name)) for name in HOURS]
    query = QUERIES[0].replace("current_date", "DATE '2026-04-15'")
    assert ask(query) == [(None, sum(violations), sum(count > 0 for count in violations))]
    assert ask(QUERIES[0].replace("current_date", "DATE '2026-03-15'")) == []


def test_the_tables_for_athena_have_the_runs_and_the_violations(ask_athena, runs):
    violations = [violated(runs, name) for name in HOURS]
    expected = [(check["feature"], check["check"], check["observed"]) for checks in violations for check in checks]
    assert (
        ask_athena("SELECT v.name, v.check, v.observed FROM violations v ORDER BY window_start, name, v.check")
        == expected
    )
    expected_runs = [
        (time(name), time(str(int(name) + 1)), 800, len(checks)) for name, checks in zip(HOURS, violations, strict=True)
    ]
    runs_query = (
        "SELECT window_start, window_end, records, violations FROM runs WHERE job = 'monitor' ORDER BY window_start"
    )
    assert ask_athena(runs_query) == expected_runs
    query = QUERIES[0].replace("current_date", "DATE '2026-04-15'")
    assert ask_athena(query) == [(None, len(expected), sum(map(bool, violations)))]


def test_what_is_wrong_in_the_last_window_is_what_checks_json_has_as_violated(ask, runs):
    """Where a test decided, its p and level are shown, and no distance that may be below its threshold."""
    checks = violated(runs, "12")

    rows = ask(QUERIES[1])

    assert [row[:2] for row in rows] == [(check["feature"], check["check"]) for check in checks]
    assert {name for name, *_ in rows} == {"amount", "items"}
    for check, (_, _, *decision, observed, threshold) in zip(checks, rows, strict=True):
        assert decision == [check.get(member) for member in ("decided_by", "adjusted_p", "level")]
        if "level" in check:
            assert (observed, threshold) == (None, None)
        else:
            assert (observed, threshold) == (check["observed"], check["threshold"])


def read_rows(folder):
    return pq.read_table(folder).to_pylist()


def test_a_rerun_takes_the_place_of_the_run_before_it_in_every_table(tmp_path):
    results_table = tmp_path / "results"
    flags = ("--baseline", tmp_path / "baseline", *hour_flags("10"), "--set", "results_rows=all")
    of_baseline = window(1_000)
    run(baseline, of_baseline, tmp_path / "baseline", results_table)

    def run_ids(table):
        return {row["run_id"] for row in read_rows(results_table / FOLDERS[table]) if row["job"] == "monitor"}

    run(monitor, window(300, without=200, seed=2), tmp_path / "w", results_table, *flags)
    first = {table: read_rows(results_table / folder) for table, folder in FOLDERS.items()}
    run(monitor, window(300, without=200, seed=2), tmp_path / "w", results_table, *flags)
    assert {table: read_rows(results_table / folder) for table, folder in FOLDERS.items()} == first

    # Other rows are another run, which takes its place
    before = run_ids("runs")
    run(monitor, window(300, without=200, seed=3), tmp_path / "w", results_table, *flags)
    assert [len(run_ids(table)) for table in FOLDERS] == [1, 1, 1, 1]
    assert run_ids("violations") == run_ids("runs") != before
    run(monitor, window(300, without=200, seed=3), tmp_path / "w", results_table, *flags[:2], *hour_flags("11"))
    assert [len(run_ids(table)) for table in FOLDERS] == [2, 2, 1, 1]  # without results_rows the others get nothing
    assert sorted(path.name for path in (results_table / "runs_by_month").iterdir()) == [
        "2026-03.parquet",
        "without_window.parquet",
    ]


def test_a_folder_makes_no_metastore_and_leaves_nothing_else(runs):
    files = sorted(
        path.relative_to(runs / "results").as_posix() for path in (runs / "results").rglob("*") if path.is_file()
    )
    assert files == [
        "checks_by_day/2026-03-04.parquet",
        "runs_by_month/2026-03.parquet",
        "runs_by_month/without_window.parquet",
        "summary_by_day/2026-03-04.parquet",
        "summary_by_day/without_window.parquet",
        "violations_by_month/2026-03.parquet",
    ]
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
            flags = ("--set", "results_rows=all")
            assert run(baseline, window(500), tmp_path / "b", results_table, *flags, engine="spark") == 0
            flags = ("--baseline", tmp_path / "b", *hour_flags("10"), *flags)
            for seed in (2, 3, 3):
                data = window(200, without=150, seed=seed)
                assert run(monitor, data, tmp_path / "w", results_table, *flags, engine="spark") == 0
        for table, folder_name in FOLDERS.items():
            named = spark.table(f"{name}_{table}")
            folder = spark.read.parquet(f"{results_folder}/{folder_name}")
            assert named.columns == folder.columns
            assert sorted(map(str, named.collect())) == sorted(map(str, folder.collect())) != []
    finally:
        for table in FOLDERS:
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
