"""Tables of a catalog are read by their names, in a session that refuses their files, as Unity Catalog does."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.refusing import reject_paths
from tests.request_log_samples import LOGS
from tests.running_jobs import restoring_log

from jobs import baseline
from spark_model_monitor.running.scheduling.schedule_command import watch_tables

DAY = 86_400
AT_FIRST = 1_767_225_600  # 2026-01-01T00:00:00Z
IN_CENTS = 6


@pytest.fixture
def catalog(spark, tmp_path, monkeypatch):
    """Tables in the schema `sales` of the session: orders of ten days, and the requests of a server."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(7)
    for day in range(10):
        amounts = random.lognormal(3, 0.6, 200) * (100 if day == IN_CENTS else 1)
        file = tmp_path / "orders" / f"{day:02}.parquet"
        file.parent.mkdir(exist_ok=True)
        pq.write_table(pa.table({"amount": amounts.round(2), "items": random.integers(1, 6, 200)}), file)
        os.utime(file, (AT_FIRST + day * DAY,) * 2)
    # What a server logged, as a table too
    log = next(log for log in LOGS if log.name == "databricks-source")
    spark.sql("CREATE DATABASE sales")
    for name, folder in (("orders", tmp_path / "orders"), ("payload", log.write(tmp_path))):
        spark.sql(f"CREATE TABLE sales.{name} USING parquet LOCATION '{folder}'")
    spark.sql("CREATE VIEW sales.big AS SELECT * FROM sales.orders WHERE items > 3")
    # From here on the session refuses paths
    reject_paths(monkeypatch, spark)
    with restoring_log():
        yield log
    monkeypatch.undo()
    spark.sql("DROP DATABASE sales CASCADE")


def test_each_commit_of_a_catalogs_tables_is_judged_by_its_name(catalog):
    printed = io.StringIO()
    watch_tables("sales.ord*", None, Path("tables"), printed, uses_spark_catalog=True)

    assert "sales.orders: 10 commits, 1 with violations: 2026-01-07T00:00:00Z (amount" in printed.getvalue()
    ledgers = [json.loads(path.read_text()) for path in Path("tables/sales.orders").rglob("ledger.json")]
    assert {ledger["table"]["name"] for ledger in ledgers if "table" in ledger} == {"sales.orders"}


def test_a_log_in_a_catalog_is_read_by_its_name(catalog, spark):
    def write_statistics(source, *flags):
        folder = Path(f"{source}-baseline")
        assert baseline.main([source, "--dataset-format", "databricks", "--output-path", str(folder), *flags]) == 0
        return (folder / "statistics.json").read_bytes()

    assert write_statistics("sales.payload") == write_statistics(catalog.name, "--engine", "local")
