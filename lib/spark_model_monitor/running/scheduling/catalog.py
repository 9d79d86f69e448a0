"""The tables of a warehouse or a catalog as entries of a fleet: nobody has to write schedules for them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path

from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Executions, Schedule, ScheduledJob
from spark_model_monitor.errors import BadConfiguration, BadInput, MonitorError, needing
from spark_model_monitor.plugins import plugin
from spark_model_monitor.reports.alerts import Destination
from spark_model_monitor.running.scheduling.fleet import Entry, Fleet
from spark_model_monitor.running.scheduling.plan import MODEL, plan_of
from spark_model_monitor.running.scheduling.schedules import NOW
from spark_model_monitor.storage import Storage, join, storage_of

EXECUTIONS = f".{Executions.FILE_NAME}"  # a record's name begins with the table's
STATE = "state"  # below the output: the records of runs
HIVE = ".db"  # Hive's ending for the name of a schema's folder


def fleet_of_tables(
    pattern: str,
    warehouse: str | None,
    output: Path,
    now: datetime,
    sinks: tuple[Destination, ...] = (),
    *,
    of_spark: bool = False,
) -> Fleet:
    """Every table with a matching name, each an entry that is due now.

    pattern: `sales.*` of a warehouse's folders or of Spark's catalog, `CATALOG.sales.*` of a catalog in pyiceberg's or
    Spark's settings.
    Raises BadConfiguration for an invalid pattern, or one without matches; BadInput if the warehouse can't be listed.
    """
    if warehouse and of_spark:
        raise BadConfiguration("--warehouse and --catalog say both where the tables are; write one of them")
    listed = dict(_below(warehouse, pattern) if warehouse else (_of_spark if of_spark else _of_catalog)(pattern))
    gone = BadInput("the table is not there any more; restore it, or remove its record")
    known = (path.name.removesuffix(EXECUTIONS) for path in sorted((output / STATE).glob(f"*{EXECUTIONS}")))
    found = {name: gone for name in known if fnmatchcase(name, pattern)} | listed
    if not found:
        where = warehouse or ("Spark's catalog" if of_spark else "the catalog")
        write = "write SCHEMA.TABLE, with * for any, such as 'sales.*'"
        raise BadConfiguration(f"{pattern!r} fits no table of {where}; {write}")
    table_entries = tuple(_entry(name, told, output, now) for name, told in sorted(found.items()))
    return Fleet(pattern, table_entries, sinks, noun="table")


def _entry(name: str, table: str | MonitorError, output: Path, now: datetime) -> Entry:
    if isinstance(table, MonitorError):
        return Entry(name, fault=table)
    variables = {
        "dataset_format": f"table:{table}",
        "output_path": str((output / name).absolute()),
        "each_commit": "true",
        MODEL: name,
    }
    schedule = Schedule(
        name=name,
        monitoring_type="DataQuality",
        schedule_expression=NOW,
        starts=format_moment(now),
        jobs=(ScheduledJob(job="monitor", variables=variables),),
    )
    try:
        return Entry(name, plan_of(schedule, output / name))
    except MonitorError as fault:
        return Entry(name, fault=fault)


def _below(warehouse: str, pattern: str) -> Iterator[tuple[str, str | MonitorError]]:
    """The tables in folders of schemas, by name: how jobs name each, or the error."""
    storage = storage_of(warehouse)
    for folder in storage.list_folders(warehouse):
        schema = folder.removesuffix(HIVE)
        if not fnmatchcase(schema, pattern.partition(".")[0]):
            continue
        try:
            tables = storage.list_folders(join(warehouse, folder))
        except MonitorError as fault:
            yield schema, fault
            continue
        for table in tables:
            if fnmatchcase(name := f"{schema}.{table}", pattern):
                yield name, _kept(storage, join(warehouse, f"{folder}/{table}"))


def _kept(storage: Storage, path: str) -> str | MonitorError:
    """A folder as a table, named with its format."""
    try:
        within = storage.list_folders(path)
    except MonitorError as fault:
        return fault
    place = storage.resolved(path)
    if storage.exists(join(path, "_delta_log")):
        return f"delta.`{place}`"
    if "metadata" in within and "data" in within:
        return f"iceberg.`{place}`"
    return f"parquet.`{place}`"


def _of_spark(pattern: str) -> Iterator[tuple[str, str | MonitorError]]:
    """The tables of Spark's catalog, each by the location of its files: jobs read them as they read a warehouse's."""
    edge = plugin("spark")
    running = edge.running_session()
    session = running or edge.local_session()
    try:
        for name, told in edge.tables_of_catalog(session, pattern):
            is_there = not isinstance(told, MonitorError)
            yield name, f"{told[0]}.`{storage_of(told[1]).resolved(told[1])}`" if is_there else told
    finally:
        if running is None:
            edge.stop_session(session)


def _of_catalog(pattern: str) -> Iterator[tuple[str, str]]:
    catalog, _, rest = pattern.partition(".")
    schema, _, _ = rest.rpartition(".")
    if not schema:
        raise BadConfiguration(
            f"{pattern!r} has no catalog; write CATALOG.SCHEMA.TABLE of one that pyiceberg's settings name, or --warehouse "
            "and the folder above the schemas"
        )
    with needing("a catalog needs pyiceberg: pip install 'spark-model-monitor[iceberg]'; or write --warehouse"):
        from pyiceberg.catalog import load_catalog
    try:
        opened = load_catalog(catalog)
        for namespace in opened.list_namespaces():
            if fnmatchcase(".".join(namespace), schema):
                for table in opened.list_tables(namespace):
                    name = ".".join((catalog, *table))
                    if fnmatchcase(name, pattern):
                        yield name, name
    except Exception as fault:
        raise BadInput(f"the catalog {catalog!r} can't be listed ({type(fault).__name__}: {fault})") from fault
