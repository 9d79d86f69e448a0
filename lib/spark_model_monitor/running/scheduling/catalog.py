"""The tables of a warehouse or a catalog as entries of a fleet: nobody has to write schedules for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from spark_model_monitor.data.reading.listing import allow_outside_links, require_within
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Executions, Schedule, ScheduledJob
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError, explain_missing_import
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.alerts import SinkDestination
from spark_model_monitor.running.scheduling.fleet import Entry, Fleet
from spark_model_monitor.running.scheduling.schedule_plan import MODEL, make_plan
from spark_model_monitor.running.scheduling.schedules import NOW
from spark_model_monitor.storage import Storage, get_storage, join

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RECORD_SUFFIX = f".{Executions.FILE_NAME}"  # a record's name begins with the table's
STATE_FOLDER = "state"  # below the output: the records of runs
HIVE_SUFFIX = ".db"  # Hive's ending for the name of a schema's folder


def make_table_fleet(
    pattern: str,
    warehouse: str | None,
    output: Path,
    now: datetime,
    sinks: tuple[SinkDestination, ...] = (),
    spark: SparkSession | None = None,
    *,
    follow_links: bool = False,
) -> Fleet:
    """Every table with a matching name, each an entry that is due now.

    pattern: `sales.*` for a warehouse's folders or for Spark's catalog, `CATALOG.sales.*` for a catalog in pyiceberg's or
    Spark's settings. spark: the session whose catalog has the tables.
    Raises BadConfiguration for an invalid pattern, or one without matches; BadInput if the warehouse can't be listed.
    """
    # By table: how jobs name it, or why it can't be read
    listed_tables: dict[str, str | MonitorError]
    if warehouse:
        with allow_outside_links(follow_links):
            listed_tables = dict(_list_folder_tables(warehouse, pattern))
    elif spark is not None:
        listed_tables = dict(plugin("spark").list_catalog_tables(spark, pattern))
    else:
        listed_tables = dict(_list_catalog_tables(pattern))

    # A table that has a record, but doesn't exist any more, is an entry with this error
    missing_table = BadInput("the table is not there any more; restore it, or remove its record")
    past_names = (
        path.name.removesuffix(RECORD_SUFFIX) for path in sorted((output / STATE_FOLDER).glob(f"*{RECORD_SUFFIX}"))
    )
    tables = {name: missing_table for name in past_names if fnmatchcase(name, pattern)} | listed_tables
    if not tables:
        location = warehouse or ("Spark's catalog" if spark else "the catalog")
        advice = "write SCHEMA.TABLE, with * for any, such as 'sales.*'"
        raise BadConfiguration(f"{pattern!r} fits no table of {location}; {advice}")
    table_entries = tuple(
        _make_entry(name, table, output, now, follow_links=follow_links) for name, table in sorted(tables.items())
    )
    return Fleet(pattern, table_entries, sinks, noun="table")


def _make_entry(name: str, table: str | MonitorError, output: Path, now: datetime, *, follow_links: bool) -> Entry:
    if isinstance(table, MonitorError):
        return Entry(name, fault=table)
    # Each new commit is judged, so that the table needs no column of times
    variables = {
        "dataset_format": f"table:{table}",
        "output_path": str((output / name).absolute()),
        "each_commit": "true",
        MODEL: name,
    }
    if follow_links:
        variables["follow_links"] = "true"
    schedule = Schedule(
        name=name,
        monitoring_type="DataQuality",
        schedule_expression=NOW,
        starts=format_moment(now),
        jobs=(ScheduledJob(job="monitor", variables=variables),),
    )
    try:
        return Entry(name, make_plan(schedule, output / name))
    except MonitorError as fault:
        return Entry(name, fault=fault)


def _list_folder_tables(warehouse: str, pattern: str) -> Iterator[tuple[str, str | MonitorError]]:
    """The tables in folders of schemas: the name of each, with the name that jobs use or with its error."""
    storage = get_storage(warehouse)
    for folder in storage.list_folders(warehouse):
        # Hive's schema sales lies in the folder sales.db
        schema = folder.removesuffix(HIVE_SUFFIX)
        # Listing costs requests in an object store, so only the folders of matching schemas are listed
        if not fnmatchcase(schema, pattern.partition(".")[0]):
            continue
        try:
            tables = storage.list_folders(join(warehouse, folder))
        except MonitorError as fault:
            yield schema, fault
            continue
        for table in tables:
            if fnmatchcase(name := f"{schema}.{table}", pattern):
                yield name, _recognise_table(storage, warehouse, join(warehouse, f"{folder}/{table}"))


def _recognise_table(storage: Storage, warehouse: str, path: str) -> str | MonitorError:
    """A folder of a warehouse as a table, named with its format."""
    try:
        require_within(warehouse, [path])
        subfolders = storage.list_folders(path)
    except MonitorError as fault:
        return fault
    location = storage.resolved(path)
    # Delta and Iceberg keep their log in a folder; every other folder is read as Parquet
    if storage.exists(join(path, "_delta_log")):
        return f"delta.`{location}`"
    if "metadata" in subfolders and "data" in subfolders:
        return f"iceberg.`{location}`"
    return f"parquet.`{location}`"


def _list_catalog_tables(pattern: str) -> Iterator[tuple[str, str]]:
    catalog, _, table_pattern = pattern.partition(".")
    schema, _, _ = table_pattern.rpartition(".")
    if not schema:
        raise BadConfiguration(
            f"{pattern!r} has no catalog; write CATALOG.SCHEMA.TABLE of one that pyiceberg's settings name, or --warehouse "
            "and the folder above the schemas"
        )
    with explain_missing_import(
        "a catalog needs pyiceberg: pip install 'spark-model-monitor[iceberg]'; or write --warehouse"
    ):
        from pyiceberg.catalog import load_catalog
    try:
        open_catalog = load_catalog(catalog)
        # Names have a part for each level: CATALOG.SCHEMA.TABLE, and schemas may be nested
        for namespace in open_catalog.list_namespaces():
            if fnmatchcase(".".join(namespace), schema):
                for table in open_catalog.list_tables(namespace):
                    name = ".".join((catalog, *table))
                    if fnmatchcase(name, pattern):
                        yield name, name
    except Exception as fault:
        raise BadInput(f"the catalog {catalog!r} can't be listed ({type(fault).__name__}: {fault})") from fault
