"""Rows of a database: what a query gives, which rows a window takes, and that no password is seen anywhere."""

import json
import sqlite3
import sys
import warnings
from datetime import datetime, timezone
from pathlib import Path

import duckdb
import pytest

from jobs import baseline, monitor
from spark_model_monitor import read_data
from spark_model_monitor.data.engine.local_engine import LocalEngine
from spark_model_monitor.data.reading.query_results import read_query, require_no_password
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, MissingDependency, MonitorError

ROWS = [(hour, f"2026-03-01 {hour:02}:00:00") for hour in range(24)]
DATABASES = {"sqlite": sqlite3, "duckdb": duckdb}
SCHEMAS = {"duckdb": '"at" TIMESTAMP', "sqlite": '"at" TEXT', "zoned": '"at" TIMESTAMPTZ'}
WINDOW = ("--start-time", "2026-03-01T10:00:00Z", "--end-time", "2026-03-01T14:00:00Z", "--time-column", "at")
QUERY = ("--query", 'SELECT amount, "at" FROM orders WHERE amount <> 11; ')


def make_database(kind):
    """A file with a row for each hour of a day: its URI."""
    name = "sqlite" if kind == "sqlite" else "duckdb"
    connection = DATABASES[name].connect("orders.db")
    if name == "duckdb":
        connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE TABLE orders (amount INTEGER, {SCHEMAS[kind]})")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", ROWS)
    connection.commit()
    connection.close()
    return f"adbc:{name}:orders.db"


def run_job(job, source, *flags):
    """The exit status of a job, and the numbers of its rows."""
    folder = Path(job.__name__)
    status = job.main([source, *QUERY, "--output-path", str(folder), "--engine", "local", *flags])
    statistics = folder / "statistics.json"
    rows = json.loads(statistics.read_text())["dataset"]["item_count"] if statistics.exists() else None
    return status, rows


@pytest.fixture(autouse=True)
def change_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_a_window_is_cut_by_the_parameters_of_the_query(kind, monkeypatch):
    # Its times are compared in UTC, wherever the session is
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    source = make_database(kind)
    assert run_job(baseline, source) == (0, 23)
    assert run_job(monitor, source, *WINDOW, "--baseline", baseline.__name__)[1] == 3


# Half an hour after each hour of a day, as programs write it
WRITTEN_TIMES = [
    "2026-03-01T{:02}:30:00",
    "2026-03-01T{:02}:30:00Z",
    "2026-03-01 {:02}:30:00.123",
    "2026-03-01T{:02}:30:00+00:00",
]


@pytest.mark.parametrize("written", WRITTEN_TIMES)
@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_window_takes_times_that_are_texts_in_any_form(kind, written):
    connection = DATABASES[kind].connect("orders.db")
    connection.execute('CREATE TABLE orders (amount INTEGER, "at" VARCHAR)')
    rows = [(hour, written.format(hour)) for hour in range(24)]
    connection.executemany("INSERT INTO orders VALUES (?, ?)", rows)
    connection.commit()
    connection.close()
    assert run_job(baseline, f"adbc:{kind}:orders.db") == (0, 23)
    assert run_job(monitor, f"adbc:{kind}:orders.db", *WINDOW, "--baseline", baseline.__name__)[1] == 3


@pytest.mark.parametrize("ending", [";", " ; \n", " -- all orders", "\n-- all orders\n"])
def test_a_query_may_end_in_a_semicolon_or_a_comment(ending):
    source = make_database("sqlite")
    query = ("--query", "SELECT * FROM orders" + ending)
    assert run_job(baseline, source, *query)[1] == 24
    assert run_job(monitor, source, *query, *WINDOW, "--baseline", baseline.__name__)[1] == 4


def test_the_uri_may_come_from_a_variable_whose_password_nobody_sees(monkeypatch, capsys):
    secret = "s3cr%2Ft"
    monkeypatch.setenv("ORDERS", f"postgresql://me:{secret}@127.0.0.1:1/orders")

    assert run_job(baseline, "adbc:$ORDERS")[0] == 255
    logged = capsys.readouterr().err
    written = [path.read_text(errors="replace") for path in Path().rglob("*") if path.is_file()]
    assert [text for text in (*written, logged) if "s3cr" in text or "127.0.0.1:1/orders" in text] == []
    assert "adbc:$ORDERS: the database refused" in logged


@pytest.mark.parametrize(
    "uri",
    [
        "postgresql://me:secret@host/orders",
        "snowflake://me:secret@account/db",
        "postgresql://host/orders?user=me&password=secret",
        "postgresql:host=x password=secret",
        "bigquery:///project?access_token=secret",
    ],
)
def test_a_password_in_an_argument_is_refused_without_repeating_it(uri, capsys):
    with pytest.raises(BadConfiguration, match=r"put the URI into a\s+variable, and write 'adbc:\$NAME'"):
        require_no_password(f"adbc:{uri}")
    assert run_job(baseline, f"adbc:{uri}")[0] == 2
    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "query", "time_column", "sentence"),
    [
        ("adbc:$NOWHERE", "SELECT 1", None, "the variable NOWHERE is not set"),
        ("adbc:oracle:orders", "SELECT 1", None, "pip install adbc-driver-oracle"),
        ("adbc:sqlite:orders.db", "SELECT * FROM orders", "time", "'time' is no column of the query"),
        ("adbc:sqlite:orders.db", "SELECT * FROM orders", "amount", "'amount' is of type int64"),
        ("adbc:sqlite:orders.db", "SELECT absent FROM orders", None, "no such column"),
        ("adbc:duckdb:orders.db", "SELECT CAST('Alice' AS INTEGER)", None, "string … to INT32"),
    ],
)
def test_what_is_wrong_is_a_sentence_without_values(source, query, time_column, sentence):
    make_database("duckdb" if "duckdb" in source else "sqlite")
    window = Window(datetime(2026, 3, 1, tzinfo=timezone.utc), datetime(2026, 3, 2, tzinfo=timezone.utc))
    with pytest.raises(MonitorError, match=sentence):
        read_query(LocalEngine(), source, query, time_column, window)


def test_the_drivers_manager_is_named_where_it_is_absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "adbc_driver_manager", None)
    with pytest.raises(MissingDependency, match=r"pip install 'spark-model-monitor\[adbc\]'"):
        read_query(LocalEngine(), "adbc:sqlite:orders.db", "SELECT 1", None, None)


def test_a_database_without_a_query_is_refused(capsys):
    assert baseline.main(["adbc:sqlite:orders.db", "--output-path", "out"]) == 2
    assert "query is missing" in capsys.readouterr().err


def test_a_relation_of_duckdb_is_streamed_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        with read_data(duckdb.sql("SELECT range AS id FROM range(9)"), engine="local") as data:
            assert data.names == ("id",)
