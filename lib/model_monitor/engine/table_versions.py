"""Versions of tables: Delta's, and Iceberg's snapshots. Driver only.

A run resolves what is asked for to one version first and reads that, so that it sees the same rows however often it reads.
Both keep a history, and both can tell what was appended between two versions; `_KEEPERS` says how each is asked.

Source: M17; Delta Lake, "Change data feed"; Apache Iceberg, "Spark queries".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

from model_monitor.errors import NO_DATA, BadConfiguration, NoData

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Version: TypeAlias = int | datetime
"""A version's number, or a moment: the version that was current then."""


@dataclass(frozen=True, slots=True)
class TableVersion:
    """The version of a table that a run looked at. since: only what was appended after this one."""

    name: str
    version: int
    since: int | None = None

    def to_json_dict(self) -> dict[str, Any]:
        """The member `table` of `ledger.json`."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class _Keeper:
    """history: a query for the versions, newest first. version, moment: its columns. span: a reader's options for what follows
    one version up to another. appended: which of these rows are new ones. marks: columns that such rows have beside their own.
    """

    history: str
    version: str
    moment: str
    span: Callable[[int, int], Mapping[str, int | bool]]
    appended: str
    marks: tuple[str, ...] = ()


_KEEPERS = {
    "delta": _Keeper(
        *("DESCRIBE HISTORY {}", "version", "timestamp"),
        lambda since, version: {"readChangeFeed": True, "startingVersion": since + 1, "endingVersion": version},
        "_change_type = 'insert'",
        ("_change_type", "_commit_version", "_commit_timestamp"),
    ),
    "iceberg": _Keeper(
        "SELECT * FROM {}.history WHERE is_current_ancestor ORDER BY made_current_at DESC",
        *("snapshot_id", "made_current_at"),
        lambda since, version: {"start-snapshot-id": since, "end-snapshot-id": version},
        "true",
    ),
}
"""By the provider that Spark names."""


def rows_of_table(
    spark: SparkSession, name: str, as_of: Version | None = None, since: Version | None = None
) -> tuple[DataFrame, TableVersion | None]:
    """A table's rows and their version; None of a table or view that keeps none, or has none yet.

    Raises BadConfiguration if there is no such version, or if nobody recorded what was appended; NoData if nothing was.
    """
    provider = spark.sql(f"DESCRIBE TABLE EXTENDED {name}").where("col_name = 'Provider'").collect()
    keeper = _KEEPERS.get(provider[-1]["data_type"].lower()) if provider else None
    if keeper is None:
        if as_of is not None or since is not None:
            raise BadConfiguration(
                f"{'since' if as_of is None else 'as_of'}: {name} keeps no versions; it has to be a table of Delta or Iceberg"
            )
        return spark.table(name), None
    asked = keeper.history.format(name) + (" LIMIT 1" if as_of is None and since is None else "")
    history = spark.sql(asked).selectExpr(keeper.version, f"unix_micros({keeper.moment})")
    versions = [(row[0], row[1]) for row in history.collect()]
    if not versions:
        return spark.table(name), None
    version = versions[0][0] if as_of is None else _version_at(as_of, versions, f"as_of: {name}")
    if since is None:
        return spark.sql(f"SELECT * FROM {name} VERSION AS OF {version}"), TableVersion(name, version)
    start = _version_at(since, versions, f"since: {name}")
    newest_first = [number for number, _ in versions]
    if newest_first.index(start) < newest_first.index(version):
        raise BadConfiguration(
            f"since: {name} had version {start} after version {version}, which is asked for; write an earlier one"
        )
    if start != version:
        rows = spark.read.options(**keeper.span(start, version)).table(name).where(keeper.appended).drop(*keeper.marks)
        if not _is_empty(rows, f"since: {name}, versions after {start}"):
            return rows, TableVersion(name, version, start)
    raise NoData(f"{NO_DATA}: nothing was appended to {name} after version {start} up to version {version}")


def _version_at(asked: Version, versions: Sequence[tuple[int, int]], where: str) -> int:
    """versions: with their microseconds since 1970, newest first."""
    if isinstance(asked, datetime):
        micros = round((asked - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1e6)
        found = [number for number, made in versions if made <= micros]
    else:
        found = [number for number, _ in versions if number == asked]
    if not found:
        (newest, _), (oldest, made) = versions[0], versions[-1]
        first = datetime.fromtimestamp(made / 1e6, timezone.utc).isoformat(timespec="seconds")
        raise BadConfiguration(f"{where} has no version {asked}; its versions are {oldest}, of {first}, to {newest}")
    return found[0]


def _is_empty(rows: DataFrame, where: str) -> bool:
    """A job of one row; whoever keeps the table looks here whether it recorded the changes."""
    try:
        return rows.isEmpty()
    except Exception as fault:
        said = " ".join(str(fault).split()).partition(". ")[0]
        raise BadConfiguration(
            f"{where}: can't be told what was appended ({said}); Delta records it while the table's property "
            "delta.enableChangeDataFeed is true"
        ) from fault
