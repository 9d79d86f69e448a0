"""The local engine: reads local files and in-memory tables in processes of this machine, without Spark or a JVM.

It cuts files and orders rows in the same way as Spark, so states have the same bytes
(docs/decisions/0045-the-engine-without-a-jvm.md). It raises NeedsSpark for data that it can't read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine import local_files, partitions
from spark_model_monitor.data.engine.casts import parse_doubles
from spark_model_monitor.data.engine.engine_protocol import (
    LINE_KEY,
    PARTITION,
    Batches,
    Broadcast,
    CarriedValue,
    Engine,
    Function,
    Partitions,
    StateRow,
    States,
    StateTask,
    Task,
)
from spark_model_monitor.data.engine.local_files import File, Piece
from spark_model_monitor.data.engine.partitions import (
    MIN_PARALLEL_TEXT_PARTITIONS,
    PartitionReader,
    TaskResult,
    run_in_processes,
)
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, MAX_RECORD_BYTES, FilesByKey
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.storage import Storage, get_storage, is_local
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_model_monitor.data.engine.local_tables import TableFiles

Value = TypeVar("Value")

LOCATION_TYPES = {
    LINE: pa.string(),
    FILE: pa.string(),
    BLOCK_START: pa.int64(),
    FILE_KEY: pa.int64(),
    LINE_KEY: pa.int64(),
}

TABLES = ("parquet", "orc")

SplitFile: TypeAlias = Callable[[File, int], list[Piece]]  # cuts a file into pieces; takes the maximum bytes of a piece


@dataclass
class LocalEngine:
    """The local engine (`engine_protocol.Engine`).

    max_line_bytes: the maximum length of a line; longer lines are skipped.
    processes: the number of parallel processes; None: one per core.
    piece_bytes: the size of a partition in later reads.
    rows: the number of rows of a batch in later reads.
    """

    max_line_bytes: int = MAX_RECORD_BYTES
    processes: int | None = None
    piece_bytes: int = partitions.MIN_PARTITION_BYTES
    rows: int = partitions.MAX_BATCH_ROWS

    deequ: ClassVar[None] = None

    @property
    def spark(self) -> SparkSession:
        raise NeedsSpark("what was asked for")

    def storage(self, path: str) -> Storage:
        return get_storage(path)

    def find_implementation(self, function: Function) -> Function:
        return function

    def lines(
        self, paths: Sequence[str], *, in_order: bool = False, with_blank: bool = False, whole_files: bool = False
    ) -> LocalLines:
        return LocalLines(self, local_files.list_files(paths), in_order, with_blank, whole_files)

    def table(
        self,
        paths: Sequence[str],
        reader: str,
        options: Mapping[str, str],
        *,
        by_folders: bool = False,
        in_order: bool = False,
        left_out: Sequence[str] = (),
    ) -> tuple[tuple[str, ...], LocalPartitions]:
        if by_folders and reader.lower() != "parquet":
            raise NeedsSpark(f"{paths[0]}: the reader {reader!r} of folders like day=1")
        if reader.lower() not in TABLES or options:
            raise NeedsSpark(f"{paths[0]}: the reader {reader!r}")
        from spark_model_monitor.data.engine import local_tables

        files = local_files.list_files(paths)
        names, schema = local_tables.read_table_schema(files, reader.lower(), left_out)
        # Files are cut only when rows are read, because the sizes may be set later
        if reader.lower() == "orc":
            rows = self._read_files(
                files, local_tables.split_orc_file, local_tables.read_orc_piece, schema, in_order=in_order
            )
            return names, rows
        # Parquet files are read as files of a table with the columns of the first file
        table = local_tables.TableFiles((), local_tables.name_columns(names, schema))
        # The names of folders give columns to the files below them
        if by_folders:
            table, schema = local_tables.add_folder_columns(files, paths, table.schema, left_out)
        read = partial(local_tables.read_table_piece, table=table)
        rows = self._read_files(files, local_files.split_file, read, schema, in_order=in_order)
        return tuple(table.schema.names), rows

    def read_table_files(self, table: TableFiles, *, in_order: bool) -> LocalPartitions:
        """The rows of a table version, whose files are cut like other Parquet files."""
        from spark_model_monitor.data.engine import local_tables

        read = partial(local_tables.read_table_piece, table=replace(table, files=()))
        return self._read_files(table.files, local_files.split_file, read, table.convert_schema(), in_order=in_order)

    def _read_files(
        self,
        files: Sequence[File],
        split: SplitFile,
        read: Callable[..., Batches],
        schema: pa.Schema,
        *,
        in_order: bool,
    ) -> LocalPartitions:
        """The rows of files, which are read piece by piece. read: takes a piece, a schema, and the maximum rows per batch."""

        def make_readers(requested: pa.Schema) -> list[PartitionReader]:
            # FILE_KEY and BLOCK_START aren't columns of the file; they are added afterwards
            file_fields = [field for field in requested if field.name not in (FILE_KEY, BLOCK_START)]
            read_piece: Callable[[Piece], Batches] = partial(read, schema=pa.schema(file_fields), rows=self.rows)
            if len(file_fields) < len(requested):
                read_piece = partial(_add_file_columns, read_piece)
            return _make_partition_readers(self.pack_pieces(files, split), partial(_read_pieces, read_piece), in_order)

        return LocalPartitions(self, schema, lambda: make_readers(schema), make_readers)

    def make_partitions(self, schema: pa.Schema, batches: list[list[pa.RecordBatch]]) -> LocalPartitions:
        """Partitions of batches in memory. batches: one list per partition."""
        return LocalPartitions(
            self, schema, lambda: [partial(iter, partition_batches) for partition_batches in batches]
        )

    def is_readable(self, path: str) -> bool:
        return local_files.is_readable(path)

    def max_partition_count(self, file_bytes: Iterable[int], partition_bytes: int) -> int:
        return partitions.max_partition_count(file_bytes, partition_bytes, partitions.OPEN_COST_BYTES)

    def set_partition_size(self, total_bytes: int, groups: int = 1) -> int:
        self.piece_bytes = partitions.partition_bytes(total_bytes, groups)
        return self.piece_bytes

    def set_batch_size(self, columns: int, line_bytes: int = 0) -> int:
        self.rows = partitions.batch_rows(columns, line_bytes)
        return self.rows

    def set_line_sizes(self, total_bytes: int, line_bytes: int) -> int:
        self.rows = partitions.choose_batch_lines(line_bytes)
        return self.set_partition_size(total_bytes)

    def pack_pieces(self, files: Sequence[File], split: SplitFile) -> list[list[Piece]]:
        """For each partition, its pieces of the files, with the present `piece_bytes`."""
        # Files are cut and packed in the same way as in Spark, so that states have the same bytes
        max_piece_bytes = partitions.max_piece_bytes([file.size_bytes for file in files], self.piece_bytes)
        pieces = [piece for file in files for piece in split(file, max_piece_bytes)]
        return partitions.pack_pieces(pieces, max_piece_bytes)


@value_class
class LocalLines:
    """Lines of text files (`engine_protocol.Lines`)."""

    engine: LocalEngine
    files: tuple[File, ...]
    in_order: bool
    with_blank: bool
    whole_files: bool

    def partitions(self, *names: str) -> LocalPartitions:
        schema = pa.schema([(name, LOCATION_TYPES[name]) for name in names])
        return LocalPartitions(self.engine, schema, partial(self._make_line_readers, names))

    def files_by_key(self) -> FilesByKey:
        return FilesByKey.of([local_files.format_input_name(file.path) for file in self.files])

    def _make_line_readers(self, names: tuple[str, ...]) -> list[PartitionReader]:
        read = partial(
            local_files.read_lines_of_pieces,
            names=names,
            max_rows=self.engine.rows,
            with_blank=self.with_blank,
            max_bytes=None if self.whole_files else self.engine.max_line_bytes,
            is_one_line=self.whole_files,
        )
        split = local_files.make_whole_piece if self.whole_files else local_files.split_text_file
        return _make_partition_readers(self.engine.pack_pieces(self.files, split), read, self.in_order)


@value_class
class LocalPartitions:
    """Partitions as functions that return their batches (`engine_protocol.Partitions`).

    schema: the schema of the batches.
    make_readers: makes the functions when rows are read, with the sizes that are set at that time.
    make_schema_readers: makes the functions for a schema; columns of type null needn't be read.
        None if rows are always read whole.
    """

    engine: LocalEngine
    schema: pa.Schema
    make_readers: Callable[[], list[PartitionReader]]
    make_schema_readers: Callable[[pa.Schema], list[PartitionReader]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    @property
    def frame(self) -> DataFrame:
        raise NeedsSpark("what was asked for")

    def select_columns(self, names: Sequence[str], new_names: Sequence[str]) -> LocalPartitions:
        schema = pa.schema(
            [self.schema.field(name).with_name(alias) for name, alias in zip(names, new_names, strict=True)]
        )
        # Only these columns are read from files
        rows = self.restrict_columns(names).map_batches(
            partial(_select_columns, tuple(names), tuple(new_names)), schema
        )
        if self.make_schema_readers is None:
            return rows
        return replace(rows, make_schema_readers=partial(self._read_selected, dict(zip(new_names, names, strict=True))))

    def _read_selected(self, former_names: Mapping[str, str], schema: pa.Schema) -> list[PartitionReader]:
        """Makes the functions for renamed columns. former_names: by new name. schema: has the new names."""
        # The files' columns by their former names; columns of type null aren't read
        names = [former_names.get(name, name) for name in schema.names]
        needed = [name for name, column in zip(names, schema, strict=True) if not pa.types.is_null(column.type)]
        # The columns are renamed in each batch, without a copy
        task = partial(_select_columns, tuple(names), tuple(schema.names))
        return self.restrict_columns(needed).bind_task(task)

    def restrict_columns(self, names: Collection[str]) -> LocalPartitions:
        """The same rows, of which only these columns are needed, so that other columns needn't be read from files. FILE_KEY and
        BLOCK_START are added if they are in `names`.
        """
        if self.make_schema_readers is None:
            return self
        needed = {*names}
        # A column of type null isn't read, but stays at its position
        schema = [field if field.name in needed else field.with_type(pa.null()) for field in self.schema]
        schema += [pa.field(name, LOCATION_TYPES[name]) for name in (FILE_KEY, BLOCK_START) if name in needed]
        return LocalPartitions(self.engine, self.schema, partial(self.make_schema_readers, pa.schema(schema)))

    def add_partition_number(self) -> LocalPartitions:
        schema = pa.schema([pa.field(PARTITION, pa.int32()), *self.schema])
        return LocalPartitions(
            self.engine,
            schema,
            lambda: [
                partial(_add_partition_number, read_partition, number)
                for number, read_partition in enumerate(self.make_readers())
            ],
        )

    def map_batches(self, task: Task, schema: pa.Schema) -> LocalPartitions:
        return LocalPartitions(self.engine, schema, partial(self.bind_task, task))

    def bind_task(self, task: Callable[[Batches], Iterable[TaskResult]]) -> list[Callable[[], Iterable[TaskResult]]]:
        """For each partition, a function that runs a task on its batches."""
        return [partial(_run_task, read_partition, task) for read_partition in self.make_readers()]

    def select_between(self, name: str, start: datetime, end: datetime) -> LocalPartitions:
        # All rows are read, then filtered
        task = partial(_select_times, name, start, end)
        rows = self.map_batches(task, self.schema)
        if self.make_schema_readers is None:
            return rows
        return replace(rows, make_schema_readers=partial(self._read_between, name, task))

    def _read_between(self, name: str, task: Task, schema: pa.Schema) -> list[PartitionReader]:
        """Makes the functions for a schema. The column with the times is read even if the schema doesn't need it."""
        # Columns of type null aren't read
        needed = [column.name for column in schema if not pa.types.is_null(column.type)]
        return self.restrict_columns({*needed, name}).bind_task(task)

    def flag_above(self, name: str, threshold: float, new_name: str) -> LocalPartitions:
        schema = self.schema.append(pa.field(new_name, pa.int32()))
        return self.map_batches(partial(_add_flags, name, threshold, schema), schema)

    def persist(self) -> LocalPartitions:
        return self.engine.make_partitions(self.schema, self._collect())

    def release(self) -> None:
        """Does nothing, because persisted batches are freed together with the object that has them."""

    def concat(self, other: Partitions) -> LocalPartitions:
        # The partitions of both, unchanged
        make_other_readers = cast("LocalPartitions", other).make_readers
        return LocalPartitions(self.engine, self.schema, lambda: [*self.make_readers(), *make_other_readers()])

    def repartition_by(
        self, by: str, order: Sequence[str], partitions: int, min_partitions: int | None = None
    ) -> LocalPartitions:
        order = () if min_partitions == 1 else order
        return LocalPartitions(
            self.engine, self.schema, partial(self._repartition, by, order, min_partitions or partitions)
        )

    def _repartition(self, by: str, order: Sequence[str], count: int) -> list[PartitionReader]:
        from spark_model_monitor.data.engine.local_exchange import repartition

        return repartition(self.make_readers(), self.schema, by, order, count, self.engine.processes)

    def write_texts(self, folder: str, by: str, text: str) -> None:
        from spark_model_monitor.data.engine.local_exchange import write_partition_texts

        # Several processes, because writing texts takes longer than sending tasks
        processes = self.engine.processes if is_local(folder) else 1  # only this process knows S3's encryption settings
        tasks = self.bind_task(partial(write_partition_texts, folder, by, text))
        run_in_processes(tasks, processes, MIN_PARALLEL_TEXT_PARTITIONS)

    def states(self, task: StateTask) -> LocalStates:
        return LocalStates(self, task)

    def batches(self) -> list[pa.RecordBatch]:
        return list(chain(*self._collect()))

    @contextmanager
    def broadcast(self, value: Value) -> Iterator[Broadcast[Value]]:
        yield CarriedValue(value)

    def _collect(self) -> list[list[pa.RecordBatch]]:
        return run_in_processes(self.make_readers(), self.engine.processes)


@value_class
class LocalStates:
    """States of partitions (`engine_protocol.States`)."""

    source: LocalPartitions
    task: StateTask
    further_states: tuple[LocalStates, ...] = ()

    def concat(self, other: States) -> LocalStates:
        return replace(self, further_states=(*self.further_states, cast("LocalStates", other)))

    def rows(self, adders: int = 0) -> list[StateRow]:
        # One function for each partition of each source
        tasks = [task for states in (self, *self.further_states) for task in states.source.bind_task(states.task)]
        # All states are collected, because there are few per partition
        rows = chain(*run_in_processes(tasks, self.source.engine.processes))
        return sorted(rows, key=lambda row: (row.feature, row.kind, row.partition))


def iterate_batches(rows: Partitions) -> Batches:
    """The batches, one partition after the other. A partition is read only when its batches are needed."""
    readers = cast("LocalPartitions", rows).make_readers()
    return chain.from_iterable(read_partition() for read_partition in readers)


def make_one_row_partitions(engine: Engine, count: int) -> Partitions:
    """`count` partitions of one row each, which has the partition's number in the column `id`; for tasks that don't read data."""
    batches = [[pa.RecordBatch.from_pydict({"id": [number]})] for number in range(count)]
    return cast("LocalEngine", engine).make_partitions(pa.schema([("id", pa.int64())]), batches)


def _make_partition_readers(
    packed: list[list[Piece]], read: Callable[[Sequence[Piece]], Batches], in_order: bool
) -> list[PartitionReader]:
    """The partitions of these pieces. in_order: whether to make one partition, with the pieces in the order of their files."""
    # One partition reads the files one after the other
    if in_order:
        packed = [sorted(chain(*packed), key=lambda piece: (piece.uri.encode(), piece.start))]
    return [partial(read, pieces) for pieces in packed]


def _read_pieces(read: Callable[[Piece], Batches], pieces: Sequence[Piece]) -> Batches:
    return chain.from_iterable(map(read, pieces))


def _add_file_columns(read: Callable[[Piece], Batches], piece: Piece) -> Batches:
    """The batches of a piece with the columns FILE_KEY and BLOCK_START."""
    for batch in read(piece):
        # All rows of a piece have the same value
        for name in (FILE_KEY, BLOCK_START):
            batch = batch.append_column(name, local_files.make_location_column(name, piece, batch.num_rows))
        yield batch


def _run_task(read_partition: PartitionReader, task: Callable[[Batches], Iterable[TaskResult]]) -> Iterable[TaskResult]:
    return task(iter(read_partition()))


def _add_partition_number(read_partition: PartitionReader, number: int) -> Batches:
    for batch in read_partition():
        numbers = pa.array(np.full(batch.num_rows, number, np.int32))
        yield pa.RecordBatch.from_arrays([numbers, *batch.columns], names=[PARTITION, *batch.schema.names])


def _select_times(name: str, start: datetime, end: datetime, batches: Batches) -> Batches:
    # Times without a zone and days are in UTC
    bounds = [pa.scalar(moment.astimezone(timezone.utc).replace(tzinfo=None)) for moment in (start, end)]
    for batch in batches:
        times = batch.column(name)
        first, later = (bound.cast(times.type) for bound in bounds)
        # The filter drops nulls, as in SQL
        rows = batch.filter(pc.and_(pc.greater_equal(times, first), pc.less(times, later)))
        if rows.num_rows:
            yield rows


def _add_flags(name: str, threshold: float, schema: pa.Schema, batches: Batches) -> Batches:
    for batch in batches:
        is_above = pc.greater(parse_doubles(batch.column(name)), threshold).cast(pa.int32())
        yield pa.RecordBatch.from_arrays([*batch.columns, is_above], schema=schema)


def _select_columns(names: tuple[str, ...], new_names: tuple[str, ...], batches: Batches) -> Batches:
    for batch in batches:
        yield pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=list(new_names))
