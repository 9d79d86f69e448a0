"""The engine interface: how the package cuts a source into partitions and processes them in parallel.

An engine lists and reads files, cuts them by size alone, maps pure functions over the partitions and returns the
results. What a line means, which states a column has, how states add and what documents contain is defined elsewhere,
in plain Python over Arrow batches, so every engine with this interface gives the same states and documents.

Nothing is read before `batches()` or `rows()` is called. The driver and executors import this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from spark_model_monitor.statistics.states import State, add_states, decode
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from spark_model_monitor.data.records.locations import FilesByKey
    from spark_model_monitor.storage import Storage


MAX_BATCH_STATES = 64  # states in one Arrow batch to the driver, because a KLL sketch has up to 45 KB (P3)

STATE_SCHEMA = pa.schema(
    [("feature", pa.int32()), ("kind", pa.string()), ("partition", pa.int32()), ("state", pa.binary())]
)

PARTITION = "partition"
"""The column with a batch's partition number, from 0, which `Partitions.add_partition_number` inserts as the first column."""

LINE_KEY = "key"  # an optional column of lines: Spark's xxhash64 of the line, independent of its location

Batches: TypeAlias = Iterable[pa.RecordBatch]
Task: TypeAlias = Callable[[Batches], Batches]
"""Processes a partition: takes its batches in order, and yields other batches. It has no side effects and is pickled by name."""

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])
Shared = TypeVar("Shared", covariant=True)


@value_class
class StateRow:
    """A state on its way to the driver; it is encoded when it leaves its process. feature: the position of its column, or
    FEATURE_OF_ROWS.
    """

    feature: int
    kind: str
    partition: int
    state: State | bytes

    @property
    def blob(self) -> bytes:
        """The encoded state."""
        if isinstance(self.state, State):
            return self.state.to_bytes()
        return self.state

    def __reduce__(self) -> tuple[type[StateRow], tuple[int, str, int, bytes]]:
        return StateRow, (self.feature, self.kind, self.partition, self.blob)


StateTask: TypeAlias = Callable[[Batches], Iterator[StateRow]]
"""Computes the states of a partition. It has no side effects and is pickled by name."""


def encode_states(task: StateTask, batches: Batches) -> Batches:
    """The states of a partition, as batches that the executor sends."""
    return _build_batches(task(batches))


def _build_batches(rows: Iterator[StateRow]) -> Batches:
    while state_rows := list(islice(rows, MAX_BATCH_STATES)):
        # A batch has several states, because each batch has a fixed cost
        columns = zip(*((row.feature, row.kind, row.partition, row.blob) for row in state_rows), strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, STATE_SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=STATE_SCHEMA)


def decode_states(batches: Batches) -> Iterator[StateRow]:
    """The states in batches of `encode_states`."""
    for batch in batches:
        for row in batch.to_pylist():
            yield StateRow(**row)


def fold_states(batches: Batches) -> Batches:
    """The sum of each (feature, kind), added in partition order; rows must be sorted by feature, kind and partition."""
    # The rows are sorted, so rows with equal keys are neighbours
    rows_by_key = groupby(decode_states(batches), key=lambda row: (row.feature, row.kind))
    return _build_batches(StateRow(*key, 0, add_encoded_states(row.state for row in rows)) for key, rows in rows_by_key)


def add_states_by_key(rows: Iterable[StateRow]) -> dict[tuple[int, str], State]:
    """The sum of each (feature, kind), in the order of the rows, which `States.rows` has sorted."""
    rows_by_key = groupby(rows, key=lambda row: (row.feature, row.kind))
    return {key: add_encoded_states(row.state for row in key_rows) for key, key_rows in rows_by_key}


def add_encoded_states(states: Iterable[State | bytes]) -> State:
    """The sum of states, encoded or not, added from left to right."""
    # States that were computed in this process aren't encoded
    decoded = (decode(state) if isinstance(state, bytes) else state for state in states)
    return add_states(decoded)


class Broadcast(Protocol[Shared]):
    """A value that every worker has. A task has only a reference to the value, and reads it on the worker."""

    @property
    def value(self) -> Shared: ...


@value_class
class CarriedValue(Generic[Value]):
    """A value that travels with each task, for engines without broadcast variables (`Partitions.broadcast`)."""

    value: Value


class States(Protocol):
    """The states that a task computes for every partition; they are evaluated lazily."""

    def concat(self, other: States) -> States:
        """These states and other states, computed in one pass."""

    def rows(self, adders: int = 0) -> list[StateRow]:
        """The states, sorted by feature, kind and partition.

        adders: number of tasks that first add the states of each feature and kind, in the order of partitions; 0: the caller
        adds the states. The sums have the same bytes in both cases.
        """


class Partitions(Protocol):
    """Rows in partitions, as Arrow batches with these columns. An empty partition may have no batch at all."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def schema(self) -> pa.Schema:
        """The columns with their Arrow types."""

    @property
    def frame(self) -> DataFrame:
        """The same rows as a Spark frame, for SQL. Raises NeedsSpark if the engine has no Spark."""

    def add_partition_number(self) -> Partitions:
        """The same rows with the column PARTITION first."""

    def select_columns(self, names: Sequence[str], new_names: Sequence[str]) -> Partitions:
        """The columns `names`, renamed to `new_names`."""

    def select_between(self, name: str, start: datetime, end: datetime) -> Partitions:
        """The rows whose time or day in the column `name` is at or after `start` and before `end`."""

    def flag_above(self, name: str, threshold: float, new_name: str) -> Partitions:
        """The same rows with a column appended: 1 if the cell in column `name` is a number, or the text of a number, above the
        threshold; 0 for other numbers; null for other cells.
        """

    def persist(self) -> Partitions:
        """The same rows, which are computed once and held until `release`, even if they are read several times."""

    def release(self) -> None:
        """Release the rows that `persist` holds."""

    def map_batches(self, task: Task, schema: pa.Schema) -> Partitions:
        """The rows that a task returns for every partition. schema: the schema of the task's batches."""

    def concat(self, other: Partitions) -> Partitions:
        """These rows and other rows with the same columns."""

    def repartition_by(
        self, by: str, order: Sequence[str], partitions: int, min_partitions: int | None = None
    ) -> Partitions:
        """The same rows, repartitioned: all rows with one value of `by`, a text or integer column, are in one
        partition, and each partition is sorted by `order`, nulls first, texts by their bytes.

        min_partitions: number of partitions that is enough for the memory of a task; if 1, the task also accepts the rows in the
        order in which `concat` puts them. If `order` is an int8 column, rows stay in their batches.
        """

    def write_texts(self, folder: str, by: str, text: str) -> None:
        """Write the texts of a column, one line each in row order, to files below `folder`: one in `<by>=<value>/` for
        each value of the integer column by which `repartition_by` grouped and sorted the rows."""

    def states(self, task: StateTask) -> States:
        """The states that the task computes for every partition."""

    def batches(self) -> list[pa.RecordBatch]:
        """All batches, with the partitions in any order. Only for data that is small by construction."""

    def broadcast(self, value: Value) -> AbstractContextManager[Broadcast[Value]]:
        """A context with a value for the tasks over these partitions; it is sent once and released at the end."""


class Lines(Protocol):
    """The lines of text files, with their locations."""

    @property
    def engine(self) -> Engine: ...

    def partitions(self, *names: str) -> Partitions:
        """The lines with these columns only. names: from `locations.LOCATION_COLUMNS`, FILE_KEY and LINE_KEY."""

    def files_by_key(self) -> FilesByKey:
        """The files by FILE_KEY."""


class Engine(Protocol):
    """Reads data and maps functions over it."""

    @property
    def spark(self) -> SparkSession:
        """The session, for SQL and for sources that only Spark reads. Raises NeedsSpark if there is none."""

    def storage(self, path: str) -> Storage:
        """The storage that holds `path`. Raises BadInput if no storage opens it."""

    @property
    def deequ(self) -> str | None:
        """The version of the Deequ that computes metrics from states; None if our own formulas do, and the log says why."""

    def find_implementation(self, function: Function) -> Function:
        """The engine's own implementation of one of our functions; the function itself if the engine has no own implementation.

        Both give the same result. Spark's implementations are in `spark/`, for what SQL does faster or only Spark can do.
        """

    @property
    def max_line_bytes(self) -> int:
        """The maximum length of a line in bytes; longer lines are skipped (`data/reading/csv_lines.py` finds them)."""

    def lines(
        self, paths: Sequence[str], *, in_order: bool = False, with_blank: bool = False, whole_files: bool = False
    ) -> Lines:
        """The lines of the files at or below these paths; no line spans two partitions.

        in_order: return one partition, sorted by file and offset. with_blank: include blank lines. whole_files: each file is
        one line.
        """

    def table(
        self,
        paths: Sequence[str],
        reader: str,
        options: Mapping[str, str],
        *,
        by_folders: bool = False,
        in_order: bool = False,
        left_out: Sequence[str] = (),
    ) -> tuple[tuple[str, ...], Partitions]:
        """The files at or below these paths, read by a format's reader (`parquet`, `orc`, …): the names of their
        columns, and the rows with columns c0, c1, ….

        by_folders: whether folders like `day=2026-01-01` become columns. in_order: return one partition, sorted by file.
        left_out: unneeded columns, by name or 0-based index, which may be null instead.
        Raises BadInput if the files can't be read in this format.
        """

    def is_readable(self, path: str) -> bool:
        """Whether a text file, compressed or not, can be read to its end. Reads it."""

    def max_partition_count(self, file_bytes: Iterable[int], partition_bytes: int) -> int:
        """An upper bound on the number of partitions of files of these sizes."""

    def set_partition_size(self, total_bytes: int, groups: int = 1) -> int:
        """Set the partition size of later reads to `partitions.partition_bytes`; returns it."""

    def set_batch_size(self, columns: int, line_bytes: int = 0) -> int:
        """Set the batch size of later reads to `partitions.batch_rows`; returns it."""

    def set_line_sizes(self, total_bytes: int, line_bytes: int) -> int:
        """Set partitions by size and small batches for later reads of lines from which only a few cells are needed.

        line_bytes: bytes of a long line. Returns the bytes of a partition.
        """
