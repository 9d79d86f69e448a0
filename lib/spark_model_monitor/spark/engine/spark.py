"""The engine of a Spark session, and the settings of Hadoop's file systems that it needs. Runs on the driver only."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import pyarrow as pa
import pyspark.sql.functions as F
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

from spark_model_monitor.data.engine import partitions
from spark_model_monitor.data.engine.engine_protocol import (
    PARTITION,
    STATE_SCHEMA,
    Broadcast,
    CarriedValue,
    Engine,
    Function,
    Partitions,
    StateRow,
    States,
    StateTask,
    Task,
    decode_states,
    encode_states,
    fold_states,
)
from spark_model_monitor.spark.engine.application import LOG_VALUES, send_package
from spark_model_monitor.spark.engine.text_lines import (
    TextLines,
    escape_globs,
    get_max_record_bytes,
    limit_line_length,
    read_text_lines,
    require_file_column,
)
from spark_model_monitor.spark.engine.worker import hide_texts, run_in_worker
from spark_model_monitor.spark.storage import is_connect
from spark_model_monitor.storage import Storage, get_storage
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

    from spark_model_monitor.data.records.locations import FilesByKey


log = logging.getLogger(__name__)

S3A = "org.apache.hadoop.fs.s3a.S3AFileSystem"

BATCH_ROWS = "spark.sql.execution.arrow.maxRecordsPerBatch"

MANY_FILES = 1000  # from this number of files on, leaving out YARN's settings saves time (`prepare_for_many_files`)


def set_file_systems(spark: SparkSession) -> None:
    """Let S3A open `s3://` paths unless the cluster, like EMR, has its own file system for them. Also read and write local files
    without Hadoop's checksum files, because an edited file wouldn't have its checksum.
    """
    if is_connect(spark):
        return
    context: Any = spark.sparkContext
    configuration = context._jsc.hadoopConfiguration()
    # EMR has its own file system EMRFS, which knows the cluster's roles
    if configuration.get("fs.s3.impl") is None:
        configuration.set("fs.s3.impl", S3A)
    # the cached file system, because spark-submit may have opened it already, so that a setting would come too late
    local = context._jvm.org.apache.hadoop.fs.FileSystem.getLocal(configuration)
    local.setVerifyChecksum(False)
    local.setWriteChecksum(False)


def by_position(frame: DataFrame) -> SparkPartitions:
    """The frame with columns named c0, c1, …, because Spark can't distinguish `Age` from `age`, or address `a.b` (P9)."""
    return SparkPartitions(frame.toDF(*[f"c{position}" for position in range(len(frame.columns))]))


def make_one_row_partitions(engine: Engine, count: int) -> SparkPartitions:
    """`count` partitions of one row each. The row has the partition's number in the column `id`."""
    return SparkPartitions(engine.spark.range(0, count, 1, count))


def prepare_for_many_files(engine: Engine, files: int) -> None:
    """Make many files cheaper to open by leaving out YARN's settings, if the run is on this machine only.

    Hadoop copies all its settings for every file that it opens, and YARN has hundreds. files: the number of files to read.
    """
    spark = engine.spark
    if is_connect(spark):
        return
    context: Any = spark.sparkContext
    if files < MANY_FILES or not context._jsc.isLocal():
        return
    hadoop = context._jvm.org.apache.hadoop
    prefix = "yarn."
    hadoop.mapreduce.util.ConfigUtil.loadResources()  # otherwise YARN's settings come back when the first file is read
    settings = context._jsc.hadoopConfiguration()
    names = settings.getPropsWithPrefix(prefix).keySet()
    for name in hadoop.util.StringUtils.join("\n", names).split("\n"):  # one call fetches all names
        settings.unset(prefix + name)


IMPLEMENTATIONS = {
    "engine.rows": (
        *("prepare_typed_columns", "find_rejected_lines", "add_condition_columns"),
        *("read_in_memory", "read_catalog_table", "read_log_table", "read_with_reader", "make_staging_folder"),
    ),
    "engine.spark_tables": ("open_table",),
    "engine.contingency_query": ("count_kinds", "read_first_kinds"),
    "engine.spark": ("make_one_row_partitions", "prepare_for_many_files"),
    "deequ.deequ_checks": ("load_deequ_checks", "require_runnable"),
}
"""By function of a lower layer that Spark implements itself: the module here that has a function of the same name."""

DEEQU_IMPLEMENTATIONS = {"evaluated": "deequ.deequ_evaluation", "checked": "deequ.deequ_checks"}
"""By function that Deequ implements: the module. Without a fitting Deequ, the function itself gives the same results."""

Value = TypeVar("Value")

STATE_TYPE = from_arrow_schema(STATE_SCHEMA)


@value_class(slots=False)
class SparkEngine:
    """The engine of a session (`engine_protocol.Engine`)."""

    spark: SparkSession

    def storage(self, path: str) -> Storage:
        location = urlsplit(path)[:2]
        # Opening a file system calls the JVM, which takes longer than reading a small file
        if location not in self._storages:
            self._storages[location] = get_storage(path, self.spark)
        return self._storages[location]

    @cached_property
    def _storages(self) -> dict[tuple[str, str], Storage]:
        """By scheme and authority: the storages that were opened already."""
        return {}

    @property
    def deequ(self) -> str | None:
        from spark_model_monitor.spark.deequ.jvm import find_fitting_deequ

        fitting_version = find_fitting_deequ(self.spark)
        if isinstance(fitting_version, str):
            return fitting_version
        log.info("metrics are computed from the states without Deequ, and are the same: %s", fitting_version)
        return None

    def find_implementation(self, function: Function) -> Function:
        name = function.__name__
        module = next((module for module, names in IMPLEMENTATIONS.items() if name in names), None)
        # Deequ's implementations need a fitting Deequ; without it, the function itself computes the same from the states
        if name in DEEQU_IMPLEMENTATIONS:
            from spark_model_monitor.spark.deequ.jvm import find_fitting_deequ

            module = None
            if isinstance(find_fitting_deequ(self.spark), str):
                module = DEEQU_IMPLEMENTATIONS[name]
        if module is None:
            return function
        spark_function: Function = getattr(import_module(f"spark_model_monitor.spark.{module}"), name)
        return spark_function

    def lines(
        self, paths: Sequence[str], *, in_order: bool = False, with_blank: bool = False, whole_files: bool = False
    ) -> SparkLines:
        require_file_column(self.spark, paths)
        return SparkLines(
            read_text_lines(self.spark, paths, in_order=in_order, with_blank=with_blank, whole_files=whole_files)
        )

    @property
    def max_line_bytes(self) -> int:
        return get_max_record_bytes(self.spark)

    def table(
        self,
        paths: Sequence[str],
        reader: str,
        options: Mapping[str, str],
        *,
        by_folders: bool = False,
        in_order: bool = False,
        left_out: Sequence[str] = (),
    ) -> tuple[tuple[str, ...], SparkPartitions]:
        from spark_model_monitor.spark.engine.table_files import read_table_files

        frame = read_table_files(self.spark, paths, reader, options, left_out, by_folders=by_folders, in_order=in_order)
        return tuple(frame.columns), by_position(frame)

    def is_readable(self, path: str) -> bool:
        if path.endswith(".zst"):  # only an exception shows whether Hadoop has the library
            return True
        try:
            self.spark.read.options(**limit_line_length(self.spark)).text(escape_globs(path)).count()
        except Exception:
            return False
        return True

    def max_partition_count(self, file_bytes: Iterable[int], partition_bytes: int) -> int:
        open_cost_bytes = partitions.parse_size(self.spark.conf.get("spark.sql.files.openCostInBytes"))
        return partitions.max_partition_count(file_bytes, partition_bytes, open_cost_bytes)

    def set_partition_size(self, total_bytes: int, groups: int = 1) -> int:
        size = partitions.partition_bytes(total_bytes, groups)
        self.spark.conf.set("spark.sql.files.maxPartitionBytes", str(size))
        return size

    def set_batch_size(self, columns: int, line_bytes: int = 0) -> int:
        rows = partitions.batch_rows(columns, line_bytes)
        self.spark.conf.set(BATCH_ROWS, str(rows))
        self.spark.conf.set("spark.sql.parquet.columnarReaderBatchSize", str(partitions.parquet_rows(columns)))
        return rows

    def set_line_sizes(self, total_bytes: int, line_bytes: int) -> int:
        self.spark.conf.set(BATCH_ROWS, str(partitions.choose_batch_lines(line_bytes)))
        return self.set_partition_size(total_bytes)


@value_class
class SparkLines:
    """Lines of text files (`engine_protocol.Lines`)."""

    text: TextLines

    @property
    def engine(self) -> SparkEngine:
        return SparkEngine(self.text.text.sparkSession)

    def partitions(self, *names: str) -> SparkPartitions:
        return SparkPartitions(self.text.of(*names))

    def files_by_key(self) -> FilesByKey:
        return self.text.files_by_key()


_TIME_LITERALS = {
    "timestamp": "TIMESTAMP_LTZ '{:%Y-%m-%d %H:%M:%S.%fZ}'",
    "timestamp_ntz": "TIMESTAMP_NTZ '{:%Y-%m-%d %H:%M:%S.%f}'",
    "date": "DATE '{:%Y-%m-%d}'",
}
"""By type of a column: an SQL literal for a moment in UTC. Spark pushes comparisons of equal types down to the files."""


@value_class
class SparkPartitions:
    """The partitions of a frame (`engine_protocol.Partitions`)."""

    frame: DataFrame

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.frame.columns)

    @property
    def engine(self) -> SparkEngine:
        return SparkEngine(self.frame.sparkSession)

    @property
    def schema(self) -> pa.Schema:
        return to_arrow_schema(self.frame.schema)

    def add_partition_number(self) -> SparkPartitions:
        return SparkPartitions(self.frame.select(F.spark_partition_id().alias(PARTITION), "*"))

    def select_columns(self, names: Sequence[str], new_names: Sequence[str]) -> SparkPartitions:
        return SparkPartitions(
            self.frame.select(
                *[F.col(f"`{name}`").alias(new_name) for name, new_name in zip(names, new_names, strict=True)]
            )
        )

    def select_between(self, name: str, start: datetime, end: datetime) -> SparkPartitions:
        # If the literal has the column's type, Spark pushes the filter down to the files
        literal = _TIME_LITERALS[dict(self.frame.dtypes)[name]]
        start_literal, end_literal = (literal.format(moment.astimezone(timezone.utc)) for moment in (start, end))
        # The comparison also drops nulls
        return SparkPartitions(self.frame.where(f"`{name}` >= {start_literal} AND `{name}` < {end_literal}"))

    def flag_above(self, name: str, threshold: float, new_name: str) -> SparkPartitions:
        is_above = F.expr(f"try_cast(`{name}` as double)") > F.lit(threshold)
        return SparkPartitions(self.frame.withColumn(new_name, is_above.cast("int")))

    def persist(self) -> SparkPartitions:
        return SparkPartitions(self.frame.persist(StorageLevel.MEMORY_AND_DISK))

    def release(self) -> None:
        self.frame.unpersist()

    def map_batches(self, task: Task, schema: pa.Schema) -> SparkPartitions:
        return SparkPartitions(_map_frame(self.frame, partial(run_in_worker, task), from_arrow_schema(schema)))

    def concat(self, other: Partitions) -> SparkPartitions:
        return SparkPartitions(self.frame.unionAll(other.frame))

    def repartition_by(
        self, by: str, order: Sequence[str], partitions: int, min_partitions: int | None = None
    ) -> SparkPartitions:
        return SparkPartitions(self.frame.repartition(partitions, by).sortWithinPartitions(*order))

    def write_texts(self, folder: str, by: str, text: str) -> None:
        self.frame.select(text, by).write.mode("overwrite").partitionBy(by).text(folder)

    def states(self, task: StateTask) -> SparkStates:
        return SparkStates(_map_frame(self.frame, partial(run_in_worker, partial(encode_states, task)), STATE_TYPE))

    def batches(self) -> list[pa.RecordBatch]:
        return collect_batches(self.frame)

    @contextmanager
    def broadcast(self, value: Value) -> Iterator[Broadcast[Value]]:
        # A Connect session has no broadcast variables, so the value travels within each task's function
        if is_connect(self.frame):
            yield CarriedValue(value)
            return
        broadcast_value = self.frame.sparkSession.sparkContext.broadcast(value)
        try:
            yield broadcast_value
        finally:
            broadcast_value.unpersist()


@value_class
class SparkStates:
    """The states of a frame's partitions, which are a frame, too (`engine_protocol.States`)."""

    frame: DataFrame

    def concat(self, other: States) -> SparkStates:
        return SparkStates(self.frame.union(cast("SparkStates", other).frame))

    def rows(self, adders: int = 0) -> list[StateRow]:
        """The states, by one Spark job, or by two if executors add them: that needs a shuffle, but less memory on the driver."""
        states = self.frame
        # States of one feature are in one partition and in a fixed order, because sums of doubles depend on their order
        if adders:
            in_order = states.repartition(adders, "feature").sortWithinPartitions("feature", "kind", "partition")
            states = _map_frame(in_order, partial(run_in_worker, fold_states), STATE_TYPE)
        return sorted(decode_states(collect_batches(states)), key=lambda row: (row.feature, row.kind, row.partition))


def _map_frame(frame: DataFrame, task: Task, schema: StructType) -> DataFrame:
    """The result of a task on a frame. The task's exceptions lose their texts unless the session's LOG_VALUES allows them."""
    spark = frame.sparkSession
    send_package(spark)
    # More people may read executors' logs than the data
    if spark.conf.get(LOG_VALUES, None) != "true":
        task = partial(hide_texts, task)
    return frame.mapInArrow(task, schema)


def collect_batches(frame: DataFrame) -> list[pa.RecordBatch]:
    """The rows as Arrow batches, collected as by `toPandas`. Pickling would convert a sketch's bytes to a text and back."""
    arrow_frame: Any = frame
    batches: list[pa.RecordBatch] = (
        arrow_frame.toArrow().to_batches() if is_connect(frame) else arrow_frame._collect_as_arrow()
    )
    return batches
