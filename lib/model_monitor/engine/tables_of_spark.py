"""Tables that Spark's own readers read: files, the catalog's, and what a reader finds by its options alone. Driver only."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence

from py4j.protocol import Py4JError
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession

from model_monitor.data.records.locations import BLOCK_START, FILE
from model_monitor.engine.table_versions import TableVersion, Version, rows_of_table
from model_monitor.engine.text_lines import in_file_order, with_places, without_globs
from model_monitor.errors import BadConfiguration, BadInput

log = logging.getLogger(__name__)


def catalog_table(
    spark: SparkSession, name: str, as_of: Version | None = None, since: Version | None = None, *, in_order: bool
) -> tuple[DataFrame, TableVersion | None]:
    """A table of the session's catalog, as `rows_of_table` has it. Raises BadConfiguration if there is none of that name."""
    try:
        frame, version = rows_of_table(spark, name, as_of, since)
    except AnalysisException as fault:
        raise BadConfiguration(
            f"dataset_format: Spark's catalog has no table {name!r}{_sentence(fault)}; SHOW TABLES lists what it has, and Delta "
            "needs its JAR and settings (docs/data.md)"
        ) from fault
    return _in_one_partition(frame) if in_order else frame, version


def loaded(spark: SparkSession, reader: str, options: Mapping[str, str], *, in_order: bool) -> DataFrame:
    """What a reader finds without a path. Raises what that reader raises."""
    frame = spark.read.format(reader).options(**options).load()
    return _in_one_partition(frame) if in_order else frame


def table_of_files(
    spark: SparkSession,
    places: Sequence[str],
    reader: str,
    options: Mapping[str, str],
    *,
    by_folders: bool,
    in_order: bool,
) -> DataFrame:
    """The files at or below the places, as `Engine.table` has it."""
    opened = spark.read.format(reader).options(**options)
    if not by_folders:
        opened = opened.option("recursiveFileLookup", "true")
    try:
        frame = opened.load([without_globs(place) for place in places])
        frame.schema  # noqa: B018 -- a session of Spark Connect looks at nothing before
    except Exception as fault:
        if "COLUMN_ALREADY_EXISTS" in str(fault):
            raise BadInput(
                f"{places[0]}: two columns have names that differ by case only; start the job with "
                "--conf spark.sql.caseSensitive=true"
            ) from fault
        if unknown := re.search(r"Illegal Parquet type: ([^.\n]+)", str(fault)):
            raise BadInput(
                f"{places[0]}: has a column of {unknown[1]}, which Spark doesn't read; times in nanoseconds are read by "
                "--engine local, others have to be written as another type"
            ) from fault
        raise BadInput(
            f"{places[0]}: can't be read as {reader}{_sentence(fault)}; "
            "write the --dataset-format that the files have, and --packages for a format that Spark does not bring"
        ) from fault
    return _in_one_partition(frame) if in_order else frame


def _in_one_partition(frame: DataFrame) -> DataFrame:
    """The rows in the order of their files; those of which Spark knows no files, a view's for instance, as they come."""
    try:
        ordered = in_file_order(with_places(frame)).drop(FILE, BLOCK_START)
        ordered.schema  # noqa: B018 -- as above
        return ordered
    except AnalysisException:
        log.warning("Spark doesn't know of which files the rows are; they are read in the order in which they come")
        return frame.coalesce(1)


def _sentence(fault: Exception) -> str:
    """What Spark says, in brackets; nothing if it says no more than that a call failed."""
    text = next(iter(str(fault).strip().splitlines()), type(fault).__name__)
    return "" if isinstance(fault, Py4JError) else f" ({text})"
