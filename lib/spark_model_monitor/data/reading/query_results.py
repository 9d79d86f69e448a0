"""The rows of a query to a database, by an ADBC driver: `--dataset-source adbc:URI --query …`. Driver only.

    read_query(engine, "adbc:duckdb:orders.duckdb", "SELECT * FROM orders", None, None)

The driver gives Arrow batches, which are read as a frame's are. A URI with a password comes from a variable, `adbc:$NAME`, so
that no command line, configuration, log or document has it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timezone
from importlib import import_module
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa

from spark_model_monitor.data.reading.formats import DATABASE
from spark_model_monitor.data.reading.frames import read_arrow
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, InputUnavailable, MissingDependency, explain_missing_import

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Connection, Cursor

    from spark_model_monitor.data.engine.engine_protocol import Engine
    from spark_model_monitor.data.reading.dataset import Dataset

_VARIABLE = re.compile(r"\$(\w+)|\$\{(\w+)\}")
_SECRETS = re.compile(r"pass|pwd|secret|token|(private|api|access)_?key|credential", re.IGNORECASE)
"""Matches the names of URI parameters whose values must stay secret."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

_NUMBERED_PARAMETERS = ("postgresql", "postgres")  # schemes whose SQL has $1 where others have ?


def require_no_password(source: str) -> None:
    """Raises BadConfiguration if the URI itself has a password, instead of the name of a variable."""
    if _list_secrets(source.removeprefix(DATABASE)):
        raise BadConfiguration(
            "dataset_source: a password stands in the URI, where every user of the machine and every log may see it; put the "
            "URI into a variable, and write 'adbc:$NAME'"
        )


def _list_secrets(uri: str) -> list[str]:
    """The passwords and other secrets in a URI."""
    parts = urlsplit(uri)
    secrets = [value for name, value in parse_qsl(parts.query) if _SECRETS.search(name)]
    # The host follows the last @. libpq and ODBC also take texts such as `host=… password=…`
    user, _, _ = parts.netloc.rpartition("@")
    secrets.append(user.partition(":")[2])
    for before, after in pairwise(uri.split("=")):
        name = re.split(r"[\s;&]", before.strip())[-1]
        if _SECRETS.search(name):
            secrets.append(re.split(r"[\s;&]", after.strip())[0])
    return [secret for secret in secrets if secret]


def read_query(engine: Engine, source: str, query: str, time_column: str | None, window: Window | None) -> Dataset:
    """The rows of a query. window: the times of the rows to return, by the time column; they become parameters of the query.

    Raises BadConfiguration if the variable isn't set; MissingDependency without the database's driver; InputUnavailable if
    the database refuses the query.
    """
    uri = _read_uri(source)
    # The query is put between parentheses, by us or by a driver: a last comment must not swallow the closing one
    query = query.rstrip().rstrip(";") + "\n"
    with _translate_errors(source, uri), open_connection(uri) as connection, connection.cursor() as cursor:
        if window is None or time_column is None:
            cursor.execute(query)
        else:
            _execute_window(cursor, query, time_column, window, urlsplit(uri).scheme)
        rows = cursor.fetch_record_batch()
        # Rows are read while the connection is open; rows that don't fit into memory go to a file
        return read_arrow(engine, pa.RecordBatchReader.from_batches(rows.schema, rows))


def _read_uri(source: str) -> str:
    """The URI, which the source has itself or in a variable."""
    uri = source.removeprefix(DATABASE)
    match = _VARIABLE.fullmatch(uri)
    if match is None:
        require_no_password(source)
        return uri
    name = match[1] or match[2]
    if not os.environ.get(name):
        raise BadConfiguration(f"dataset_source: the variable {name} is not set; put the URI of the database into it")
    return os.environ[name].removeprefix(DATABASE)


@contextmanager
def _translate_errors(source: str, uri: str) -> Iterator[None]:
    """Translates exceptions of a driver into our errors, without secrets.

    Raises InputUnavailable if the database refuses the query, MissingDependency without adbc-driver-manager.
    """
    with explain_missing_import("a query needs adbc-driver-manager: pip install 'spark-model-monitor[adbc]'"):
        import adbc_driver_manager

    try:
        yield
    except adbc_driver_manager.Error as fault:
        # A driver's message may repeat the URI or a part of it, percent-decoded or not
        reason = str(fault).partition("\n")[0].replace(uri, source)
        for secret in _list_secrets(uri):
            reason = reason.replace(secret, "…").replace(unquote(secret), "…")
        # Quoted text may be a value of a row
        reason = _QUOTED.sub("…", reason)
        raise InputUnavailable(f"{source}: the database refused the query ({reason})") from None


def open_connection(uri: str) -> Connection:
    """A connection by the driver of the URI's scheme. Raises MissingDependency if the driver isn't installed."""
    from adbc_driver_manager import dbapi

    scheme, _, file = uri.partition(":")
    # DuckDB's own library is its driver
    if scheme == "duckdb" and find_spec("_duckdb") is not None:
        library = import_module("_duckdb").__file__
        options = {"path": file, "access_mode": "READ_ONLY"}
        return dbapi.connect(driver=library, entrypoint="duckdb_adbc_init", db_kwargs=options, autocommit=True)
    package = "adbc_driver_" + {"postgres": "postgresql"}.get(scheme, scheme)
    if not scheme.isidentifier() or find_spec(package) is None:
        name = package.replace("_", "-")
        raise MissingDependency(f"a database of {scheme!r} needs its driver: pip install {name}")
    driver = import_module(package)._driver_path()
    # SQLite's driver takes the path of a file
    address = file if scheme == "sqlite" else uri
    return dbapi.connect(driver=driver, db_kwargs={"uri": address}, autocommit=True)


def _execute_window(cursor: Cursor, query: str, time_column: str, window: Window, scheme: str) -> None:
    """Run a query for the rows of a window. Raises BadConfiguration for a time column that the query lacks."""
    rows = f"SELECT * FROM ({query}) AS query_rows"
    # Ask for the columns and their types without rows; SQLite knows a type only from a value, so it returns one row
    first_row = "LIMIT 1" if scheme == "sqlite" else "WHERE 1 = 0"
    cursor.execute(f"{rows} {first_row}")
    schema = cursor.fetch_record_batch().schema
    if time_column not in schema.names:
        names = ", ".join(schema.names[:20])
        raise BadConfiguration(f"time_column: {time_column!r} is no column of the query; they are {names}")
    # Times without a zone are in UTC; SQLite stores times as texts
    column_type = schema.field(time_column).type
    ends: list[Any] = [moment.astimezone(timezone.utc) for moment in (window.start, window.end)]
    if not pa.types.is_timestamp(column_type) or column_type.tz is None:
        ends = [end.replace(tzinfo=None) for end in ends]
    is_text = pa.types.is_string(column_type) or pa.types.is_large_string(column_type)
    if is_text and scheme == "sqlite":
        ends = [end.isoformat(" ") for end in ends]
    elif not is_text and not pa.types.is_timestamp(column_type) and not pa.types.is_date(column_type):
        raise BadConfiguration(
            f"time_column: {time_column!r} is of type {column_type}; a window needs a timestamp or a date"
        )
    quote = "`" if scheme == "bigquery" else '"'
    column = quote + time_column.replace(quote, 2 * quote) + quote
    # One time can be written as text in many forms, so the database parses the text
    if is_text:
        column = f"datetime({column})" if scheme == "sqlite" else f"CAST({column} AS TIMESTAMP)"
    first, second = ("$1", "$2") if scheme in _NUMBERED_PARAMETERS else ("?", "?")
    cursor.execute(f"{rows} WHERE {column} >= {first} AND {column} < {second}", parameters=ends)
