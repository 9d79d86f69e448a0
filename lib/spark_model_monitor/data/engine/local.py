"""The local engine: reads local files and in-memory tables in processes of this machine, without Spark or a JVM.

It cuts files and orders rows as Spark does, so states have the same bytes
(docs/decisions/0045-the-engine-without-a-jvm.md). For data that it can't read, it raises NeedsSpark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, TypeAlias, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine import local_files, partitions
from spark_model_monitor.data.engine.casts import double_of
from spark_model_monitor.data.engine.local_files import File, Piece
from spark_model_monitor.data.engine.partitions import WORTH_PROCESSES_OF_TEXTS, Made, Part, in_processes
from spark_model_monitor.data.engine.protocol import (
    LINE_KEY,
    PARTITION,
    Broadcast,
    Engine,
    Function,
    Given,
    Partitions,
    StateRow,
    States,
    StateTask,
    Task,
)
from spark_model_monitor.data.records.locations import BLOCK_START, FILE, FILE_KEY, LINE, MAX_RECORD_BYTES, FilesByKey
from spark_model_monitor.errors import NeedsSpark
from spark_model_monitor.storage import Storage, is_local, storage_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_model_monitor.data.engine.local_tables import TableFiles

Value = TypeVar("Value")

TYPES = {LINE: pa.string(), FILE: pa.string(), BLOCK_START: pa.int64(), FILE_KEY: pa.int64(), LINE_KEY: pa.int64()}

TABLES = ("parquet", "orc")

Batches: TypeAlias = Iterable[pa.RecordBatch]
Cut: TypeAlias = Callable[[File, int], list[Piece]]  # cuts a file into pieces of at most so many bytes


@dataclass
class LocalEngine:
    """The local engine (`protocol.Engine`). processes: number of parallel processes; None for one per core.

    piece_bytes, rows: bytes per partition and rows per batch of later reads.
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
        return storage_of(path)

    def way(self, function: Function) -> Function:
        return function

    def lines(
        self, places: Sequence[str], *, in_order: bool = False, with_blank: bool = False, whole_files: bool = False
    ) -> LocalLines:
        return LocalLines(self, local_files.listed(places), in_order, with_blank, whole_files)

    def table(
        self,
        places: Sequence[str],
        reader: str,
        options: Mapping[str, str],
        *,
        by_folders: bool = False,
        in_order: bool = False,
        left_out: Sequence[str] = (),
    ) -> tuple[tuple[str, ...], LocalPartitions]:
        if reader.lower() not in TABLES or options or by_folders:
            raise NeedsSpark(f"{places[0]}: the reader {reader!r}{' of folders like day=1' if by_folders else ''}")
        from spark_model_monitor.data.engine import local_tables

        files = local_files.listed(places)
        names, schema = local_tables.table_of_files(files, reader.lower(), left_out)
        cut = partial(local_tables.pieces, reader.lower())
        read = partial(local_tables.batches_of_piece, reader.lower())
        return names, self._of_files(files, cut, read, schema, in_order=in_order)

    def rows_of_table(self, table: TableFiles, *, in_order: bool) -> LocalPartitions:
        """The rows of a table version, cut like any Parquet files."""
        from spark_model_monitor.data.engine import local_tables

        read = partial(local_tables.batches_of_table, table=replace(table, files=()))
        return self._of_files(table.files, local_files.in_pieces, read, table.stored(), in_order=in_order)

    def _of_files(
        self, files: Sequence[File], cut: Cut, read: Callable[..., Batches], schema: pa.Schema, *, in_order: bool
    ) -> LocalPartitions:
        """Rows that are read piece by piece. read: takes a piece, a schema, and the maximum rows per batch."""

        def parts(wanted: pa.Schema) -> list[Part]:
            stored = [field for field in wanted if field.name not in (FILE_KEY, BLOCK_START)]
            read_piece: Callable[[Piece], Batches] = partial(read, schema=pa.schema(stored), rows=self.rows)
            if len(stored) < len(wanted):
                read_piece = partial(_with_file, read_piece)
            return _parts_of(self.packed(files, cut), read_piece, in_order)

        return LocalPartitions(self, schema, lambda: parts(schema), parts)

    def of_batches(self, schema: pa.Schema, batches: list[list[pa.RecordBatch]]) -> LocalPartitions:
        """Rows from in-memory batches, one list per partition."""
        return LocalPartitions(self, schema, lambda: [partial(iter, of_part) for of_part in batches])

    def is_readable(self, path: str) -> bool:
        return local_files.is_readable(path)

    def partitions_at_most(self, file_bytes: Iterable[int], partition_bytes: int) -> int:
        return partitions.partitions_at_most(file_bytes, partition_bytes, partitions.OPEN_COST_BYTES)

    def partition_by_size(self, total_bytes: int, groups: int = 1) -> int:
        self.piece_bytes = partitions.partition_bytes(total_bytes, groups)
        return self.piece_bytes

    def batch_by_width(self, columns: int, line_bytes: int = 0) -> int:
        self.rows = partitions.batch_rows(columns, line_bytes)
        return self.rows

    def read_lines_by_size(self, total_bytes: int, line_bytes: int) -> int:
        self.rows = partitions.rows_of_lines(line_bytes)
        return self.partition_by_size(total_bytes)

    def packed(self, files: Sequence[File], cut: Cut) -> list[list[Piece]]:
        """The pieces of the files by partition, with the current `piece_bytes`."""
        largest = partitions.largest_piece([file.size_bytes for file in files], self.piece_bytes)
        return partitions.packed([piece for file in files for piece in cut(file, largest)], largest)


@dataclass(frozen=True)
class LocalLines:
    """Lines of text files (`protocol.Lines`)."""

    engine: LocalEngine
    files: tuple[File, ...]
    in_order: bool
    with_blank: bool
    whole_files: bool

    def partitions(self, *names: str) -> LocalPartitions:
        schema = pa.schema([(name, TYPES[name]) for name in names])
        return LocalPartitions(self.engine, schema, partial(self._parts, names))

    def files_by_key(self) -> FilesByKey:
        return FilesByKey.of([local_files.input_name(file.path) for file in self.files])

    def _parts(self, names: tuple[str, ...]) -> list[Part]:
        read = partial(
            local_files.lines_of_piece,
            names=names,
            rows=self.engine.rows,
            with_blank=self.with_blank,
            max_bytes=None if self.whole_files else self.engine.max_line_bytes,
            whole=self.whole_files,
        )
        cut = local_files.whole if self.whole_files else local_files.pieces
        return _parts_of(self.engine.packed(self.files, cut), read, self.in_order)


@dataclass(frozen=True)
class LocalPartitions:
    """Partitions as functions that return their batches (`protocol.Partitions`).

    schema: schema of the batches. parts: makes the functions when rows are read, with the sizes set at that time. read:
    makes them for a schema, in which null columns need not be read; None if rows are read whole.
    """

    engine: LocalEngine
    schema: pa.Schema
    parts: Callable[[], list[Part]]
    read: Callable[[pa.Schema], list[Part]] | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    @property
    def frame(self) -> DataFrame:
        raise NeedsSpark("what was asked for")

    def selected(self, names: Sequence[str], called: Sequence[str]) -> LocalPartitions:
        schema = pa.schema([self.schema.field(name).with_name(new) for name, new in zip(names, called, strict=True)])
        rows = self.only(names).mapped(partial(_selected, tuple(names), tuple(called)), schema)
        if self.read is None:
            return rows
        return replace(rows, read=partial(self._read_selected, dict(zip(called, names, strict=True))))

    def _read_selected(self, former_names: Mapping[str, str], schema: pa.Schema) -> list[Part]:
        """Makes the functions of renamed columns for a schema of these."""
        names = [former_names.get(name, name) for name in schema.names]
        needed = [name for name, column in zip(names, schema, strict=True) if not pa.types.is_null(column.type)]
        task = partial(_selected, tuple(names), tuple(schema.names))
        return [partial(_mapped, part, task) for part in self.only(needed).parts()]

    def only(self, names: Collection[str]) -> LocalPartitions:
        """The same rows, of which only these columns are needed: files may be read without the others. FILE_KEY and
        BLOCK_START are added if they are wanted.
        """
        if self.read is None:
            return self
        wanted = {*names}
        schema = [each if each.name in wanted else each.with_type(pa.null()) for each in self.schema]
        schema += [pa.field(name, TYPES[name]) for name in (FILE_KEY, BLOCK_START) if name in wanted]
        return LocalPartitions(self.engine, self.schema, partial(self.read, pa.schema(schema)))

    def numbered(self) -> LocalPartitions:
        schema = pa.schema([pa.field(PARTITION, pa.int32()), *self.schema])
        return LocalPartitions(
            self.engine, schema, lambda: [partial(_numbered, part, place) for place, part in enumerate(self.parts())]
        )

    def mapped(self, task: Task, schema: pa.Schema) -> LocalPartitions:
        return LocalPartitions(self.engine, schema, lambda: [partial(_mapped, part, task) for part in self.parts()])

    def above(self, name: str, threshold: float, called: str) -> LocalPartitions:
        schema = self.schema.append(pa.field(called, pa.int32()))
        return self.mapped(partial(_with_above, name, threshold, schema), schema)

    def kept(self) -> LocalPartitions:
        return self.engine.of_batches(self.schema, self._collected())

    def release(self) -> None:
        """Does nothing: kept batches are freed with their owner."""

    def beside(self, other: Partitions) -> LocalPartitions:
        others = cast("LocalPartitions", other).parts
        return LocalPartitions(self.engine, self.schema, lambda: [*self.parts(), *others()])

    def together(self, by: str, order: Sequence[str], partitions: int, fewest: int | None = None) -> LocalPartitions:
        order = () if fewest == 1 else order
        return LocalPartitions(self.engine, self.schema, partial(self._together, by, order, fewest or partitions))

    def _together(self, by: str, order: Sequence[str], count: int) -> list[Part]:
        from spark_model_monitor.data.engine.local_exchange import brought_together

        return brought_together(self.parts(), self.schema, by, order, count, self.engine.processes)

    def write_texts(self, folder: str, by: str, text: str) -> None:
        from spark_model_monitor.data.engine.local_exchange import texts_left

        here = self.engine.processes if is_local(folder) else 1  # only this process knows S3's encryption settings
        written = [partial(_mapped, part, partial(texts_left, folder, by, text)) for part in self.parts()]
        in_processes(written, here, WORTH_PROCESSES_OF_TEXTS)

    def states(self, task: StateTask) -> LocalStates:
        return LocalStates(self, task)

    def batches(self) -> list[pa.RecordBatch]:
        return list(chain(*self._collected()))

    @contextmanager
    def sent(self, value: Value) -> Iterator[Broadcast[Value]]:
        yield Given(value)

    def _collected(self) -> list[list[pa.RecordBatch]]:
        return in_processes(self.parts(), self.engine.processes)


@dataclass(frozen=True)
class LocalStates:
    """States of partitions (`protocol.States`)."""

    source: LocalPartitions
    task: StateTask
    others: tuple[LocalStates, ...] = ()

    def beside(self, other: States) -> LocalStates:
        return replace(self, others=(*self.others, cast("LocalStates", other)))

    def rows(self, adders: int = 0) -> list[StateRow]:
        parts = [partial(_mapped, part, each.task) for each in (self, *self.others) for part in each.source.parts()]
        rows = chain(*in_processes(parts, self.source.engine.processes))
        return sorted(rows, key=lambda row: (row.feature, row.kind, row.partition))


def batches_in_order(rows: Partitions) -> Iterator[pa.RecordBatch]:
    """The batches, one partition after the other; each is read only when needed."""
    return (batch for part in cast("LocalPartitions", rows).parts() for batch in part())


def numbers(engine: Engine, count: int) -> Partitions:
    """`count` partitions of one row, its number, in the column `id`: for tasks that don't read rows of the data."""
    batches = [[pa.RecordBatch.from_pydict({"id": [number]})] for number in range(count)]
    return cast("LocalEngine", engine).of_batches(pa.schema([("id", pa.int64())]), batches)


def _parts_of(packed: list[list[Piece]], read: Callable[[Piece], Batches], in_order: bool) -> list[Part]:
    """The partitions of these pieces; in_order: one partition, with the pieces in the order of their files."""
    if in_order:
        packed = [sorted(chain(*packed), key=lambda piece: (piece.uri.encode(), piece.start))]
    return [partial(_one_after_the_other, read, pieces) for pieces in packed]


def _one_after_the_other(read: Callable[[Piece], Batches], pieces: Sequence[Piece]) -> Iterator[pa.RecordBatch]:
    return chain.from_iterable(map(read, pieces))


def _with_file(read: Callable[[Piece], Batches], piece: Piece) -> Iterator[pa.RecordBatch]:
    """The batches of a piece with the columns FILE_KEY and BLOCK_START."""
    for batch in read(piece):
        for name in (FILE_KEY, BLOCK_START):
            batch = batch.append_column(name, local_files.location_column(name, piece, batch.num_rows))
        yield batch


def _mapped(part: Part, task: Callable[[Batches], Iterator[Made]]) -> Iterator[Made]:
    return task(iter(part()))


def _numbered(part: Part, number: int) -> Iterator[pa.RecordBatch]:
    for batch in part():
        numbers = pa.array(np.full(batch.num_rows, number, np.int32))
        yield pa.RecordBatch.from_arrays([numbers, *batch.columns], names=[PARTITION, *batch.schema.names])


def _with_above(name: str, threshold: float, schema: pa.Schema, batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        is_above = pc.greater(double_of(batch.column(name)), threshold).cast(pa.int32())
        yield pa.RecordBatch.from_arrays([*batch.columns, is_above], schema=schema)


def _selected(names: tuple[str, ...], called: tuple[str, ...], batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield pa.RecordBatch.from_arrays([batch.column(name) for name in names], names=list(called))
