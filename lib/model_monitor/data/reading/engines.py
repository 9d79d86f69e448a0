"""Which engine reads: Spark, or this machine's processes without a JVM. The log says which, and why.

docs/engines.md has the table of it.
"""

from __future__ import annotations

import logging
import os
import sys
from enum import Enum
from typing import TYPE_CHECKING

from model_monitor.data.engine import engine_of
from model_monitor.data.engine.local import TABLES, LocalEngine
from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.formats import DatasetFormat, ParquetFormat, SparkFormat, TableFormat
from model_monitor.data.reading.listing import Listing, list_dataset
from model_monitor.errors import BadConfiguration, MonitorError
from model_monitor.plugins import plugin
from model_monitor.storage import opens_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

GATEWAY = "PYSPARK_GATEWAY_PORT"
"""Set where spark-submit has started a JVM for this Python already."""

LARGEST_BYTES = 10**9
"""Files of more bytes go to Spark where nobody chose: up to there this machine alone is done sooner (benchmarks/engines.py)."""


class EngineName(str, Enum):
    """What `--engine` and `engine=` take."""

    AUTO = "auto"
    LOCAL = "local"
    SPARK = "spark"


def engine_named(name: str) -> EngineName:
    """Raises BadConfiguration for a name that no engine has."""
    try:
        return EngineName(name)
    except ValueError:
        raise BadConfiguration(f"engine is {name!r}; write one of: {', '.join(EngineName)}") from None


def engine_for(
    name: EngineName | str,
    spark: SparkSession | None = None,
    path: str | None = None,
    dataset_format: DatasetFormat | None = None,
    size_bytes: int = 0,
) -> Engine:
    """The engine of this machine, or that of a session of Spark that is set as a job's.

    spark: the caller's session. path, dataset_format, size_bytes: of what is read; the size of a path is looked up.
    """
    asked = engine_named(name)
    reason = "it was asked for" if asked is EngineName.SPARK else why_spark(spark, path, dataset_format, size_bytes)
    if asked is EngineName.LOCAL or (asked is EngineName.AUTO and reason is None):
        log.info("engine: local, %s", "it was asked for" if asked is EngineName.LOCAL else "the data is opened here")
        return LocalEngine()
    log.info("engine: Spark, %s", reason)
    edge = plugin("spark")
    return engine_of(edge.beside(spark or edge.local_session()))


def why_spark(
    spark: SparkSession | None, path: str | None, dataset_format: DatasetFormat | None, size_bytes: int = 0
) -> str | None:
    """Why Spark reads where nobody chose; None if it doesn't."""
    if spark is not None or session_at_hand() is not None or GATEWAY in os.environ:
        return "a session is at hand"
    if isinstance(dataset_format, TableFormat):
        return "tables are Spark's"
    if isinstance(dataset_format, SparkFormat) and (dataset_format.options or dataset_format.reader not in TABLES):
        return f"the reader {dataset_format.reader!r} is Spark's"
    if path is not None:
        if not opens_here(path):
            return f"{path} is opened by it"
        listing = _listing(path)
        if listing is None:
            return None
        if listing.has_partition_folders and isinstance(dataset_format, (ParquetFormat, SparkFormat)):
            return "folders like day=1 are columns"
        size_bytes = listing.size_bytes
    return f"there are {size_bytes:,} bytes, more than {LARGEST_BYTES:,}" if size_bytes > LARGEST_BYTES else None


def session_at_hand() -> SparkSession | None:
    """The session that runs in this process already; what has not been loaded has started nothing."""
    running: SparkSession | None = plugin("spark").running_session() if "pyspark" in sys.modules else None
    return running


def _listing(path: str) -> Listing | None:
    try:
        return list_dataset(LocalEngine(), path)
    except MonitorError:  # whoever reads it says so
        return None
