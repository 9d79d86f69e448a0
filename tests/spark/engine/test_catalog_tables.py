"""Tables of Spark's catalog as entries of a fleet: by their names, or by what is in the way."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone
from io import StringIO

import pytest

from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.running.scheduling.catalog import make_table_fleet
from spark_model_monitor.running.scheduling.schedule_command import watch_tables
from spark_model_monitor.spark import list_catalog_tables

NOW = datetime(2026, 3, 4, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def shop(spark, tmp_path_factory):
    """A schema with a table of Parquet, one of CSV, one that vanishes, and views."""
    folder = tmp_path_factory.mktemp("shop") / "shop_of_tests.db"
    spark.sql(f"CREATE DATABASE shop_of_tests LOCATION '{folder}'")
    spark.sql("CREATE TABLE shop_of_tests.orders USING parquet AS SELECT id FROM range(3)")
    spark.sql("CREATE TABLE shop_of_tests.letters (id BIGINT) USING csv")
    spark.sql("CREATE TABLE shop_of_tests.visits USING parquet AS SELECT id FROM range(3)")
    spark.sql("CREATE VIEW shop_of_tests.few AS SELECT * FROM shop_of_tests.orders LIMIT 1")
    spark.range(1).createOrReplaceTempView("passing")
    yield
    spark.catalog.dropTempView("passing")
    spark.sql("DROP DATABASE shop_of_tests CASCADE")


def test_each_table_is_an_entry_or_a_line_and_views_are_neither(spark, shop, tmp_path):
    fleet = make_table_fleet("shop_of_*.*", None, tmp_path, NOW, spark=spark)

    orders, visits = (entry_listed.plan.entry.jobs[0].variables for entry_listed in fleet.entries if entry_listed.plan)
    assert orders["dataset_format"] == "table:shop_of_tests.orders"
    assert visits["dataset_format"] == "table:shop_of_tests.visits"
    [letters] = [entry_listed for entry_listed in fleet.entries if not entry_listed.plan]
    assert letters.name == "shop_of_tests.letters"
    assert str(letters.fault) == "it is kept as csv; Delta, Iceberg and Parquet are watched"


class Session:
    """One in which a table is gone, or closed, between listing and looking."""

    def __init__(self, spark, prevent) -> None:
        self._spark = spark
        self._prevent = prevent

    def sql(self, query):
        self._prevent(query)
        return self._spark.sql(query)


def test_a_table_that_vanishes_meanwhile_is_a_line_and_the_others_go_on(spark, shop):
    def vanishes(query):
        if query.startswith("DESCRIBE") and "visits" in query:
            spark.sql("DROP TABLE IF EXISTS shop_of_tests.visits")

    tables = dict(list_catalog_tables(Session(spark, vanishes), "shop_of_tests.*"))
    with suppress(Exception):
        spark.sql("CREATE TABLE shop_of_tests.visits USING parquet AS SELECT id FROM range(3)")

    assert tables["shop_of_tests.orders"] == "shop_of_tests.orders"
    assert isinstance(tables["shop_of_tests.visits"], BadInput)
    assert "Spark can't describe it" in str(tables["shop_of_tests.visits"])


@pytest.mark.parametrize(
    ("closed", "name", "sentence"),
    [
        ("DESCRIBE TABLE EXTENDED shop_of_tests.orders", "shop_of_tests.orders", "can't describe it (no rights)"),
        ("SHOW TABLES IN shop_of_tests", "shop_of_tests", "its tables can't be listed (no rights)"),
    ],
)
def test_a_table_or_schema_that_needs_rights_is_a_line(spark, shop, closed, name, sentence):
    def refuses(query):
        if query == closed:
            raise PermissionError("no rights\n\tat org.example")

    assert sentence in str(dict(list_catalog_tables(Session(spark, refuses), "shop_of_tests.*"))[name])


@pytest.mark.parametrize(
    ("pattern", "error", "sentence"),
    [
        ("orders", BadConfiguration, "has no schema; write SCHEMA.TABLE"),
        ("shop_of_tests.none", BadConfiguration, "fits no table of Spark's catalog"),
        ("nowhere.sales.*", BadInput, "Spark's catalog can't be listed"),
    ],
)
def test_a_pattern_that_means_nothing_is_reported(spark, shop, tmp_path, pattern, error, sentence):
    with pytest.raises(error, match=sentence):
        make_table_fleet(pattern, None, tmp_path, NOW, spark=spark)


def test_a_warehouse_beside_a_catalog_is_refused(tmp_path):
    with pytest.raises(BadConfiguration, match="--warehouse and --catalog say both where the tables are"):
        watch_tables("shop_of_tests.o*", "/data", tmp_path, StringIO(), uses_spark_catalog=True)
