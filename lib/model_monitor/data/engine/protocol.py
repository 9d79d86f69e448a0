"""The seam to the engine: what the package asks of whatever cuts a source into partitions and works on them side by side.

An engine lists and reads files, cuts them by their sizes alone, maps pure functions over the partitions and brings back what
they made. What a line means, what is gathered of a column, how states add and what the documents say is decided elsewhere,
in plain Python over Arrow batches, so every engine that keeps to this page gives the same states and the same documents.

Nothing is read before `batches()` or `rows()` is called. Pure: imported on the driver and on executors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from model_monitor.statistics.states import State, decode, sum_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from model_monitor.data.records.locations import FilesByKey
    from model_monitor.storage import Storage


STATES_PER_BATCH = 64  # states that leave in one Arrow batch: a KLL sketch has up to 45 KB (P3)

STATE_SCHEMA = pa.schema(
    [("feature", pa.int32()), ("kind", pa.string()), ("partition", pa.int32()), ("state", pa.binary())]
)


@dataclass(frozen=True, slots=True)
class StateRow:
    """A state on its way to the driver, which becomes bytes where it leaves its process. feature: position of its column, or
    FEATURE_OF_ROWS.
    """

    feature: int
    kind: str
    partition: int
    state: State | bytes

    @property
    def blob(self) -> bytes:
        """The state's bytes."""
        return self.state.to_bytes() if isinstance(self.state, State) else self.state

    def __reduce__(self) -> tuple[type[StateRow], tuple[int, str, int, bytes]]:
        return StateRow, (self.feature, self.kind, self.partition, self.blob)


StateTask: TypeAlias = Callable[[Iterable[pa.RecordBatch]], Iterator[StateRow]]
"""What is gathered of one partition. Pure, and pickled by name."""


def encoded(task: StateTask, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The states of a partition as they leave the executor."""
    return _batches_of_states(task(batches))


def _batches_of_states(rows: Iterator[StateRow]) -> Iterator[pa.RecordBatch]:
    while some := list(islice(rows, STATES_PER_BATCH)):
        columns = zip(*((row.feature, row.kind, row.partition, row.blob) for row in some), strict=True)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, STATE_SCHEMA, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=STATE_SCHEMA)


def rows_of_states(batches: Iterable[pa.RecordBatch]) -> Iterator[StateRow]:
    """What `encoded` made batches of."""
    for batch in batches:
        for row in batch.to_pylist():
            yield StateRow(**row)


def fold(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sum of each (feature, kind), in the order of partitions; rows come sorted by feature, kind and partition."""
    alike = groupby(rows_of_states(batches), key=lambda row: (row.feature, row.kind))
    return _batches_of_states(StateRow(*key, 0, added(row.state for row in rows)) for key, rows in alike)


def added(states: Iterable[State | bytes]) -> State:
    """The sum of states, encoded ones among them, from left to right."""
    decoded = (decode(state) if isinstance(state, bytes) else state for state in states)
    first, second = next(decoded), next(decoded, None)
    return first if second is None else sum_of(chain((first, second), decoded))


PARTITION = "partition"
"""The column with the number of a batch's partition, from 0, that `Partitions.numbered` puts in front."""

LINE_KEY = "key"  # a column that lines may be asked for: Spark's xxhash64 of the line, the same wherever it lies

Task: TypeAlias = Callable[[Iterable[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""What is done with one partition: its batches in, in their order, other batches out. Pure, and pickled by name."""

Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])
Shared = TypeVar("Shared", covariant=True)


class Broadcast(Protocol[Shared]):
    """A value that every worker has; a task takes it along and looks at it there."""

    @property
    def value(self) -> Shared: ...


@dataclass(frozen=True)
class Given(Generic[Value]):
    """A value that each task takes along as it is, where nothing is sent ahead (`Partitions.sent`)."""

    value: Value


class States(Protocol):
    """The states that a task makes of every partition, not yet made."""

    def beside(self, other: States) -> States:
        """These and others, made in one go."""

    def rows(self, adders: int = 0) -> list[StateRow]:
        """The states by feature, kind and partition, in this order.

        adders: how many tasks add the states of each feature and kind first, from the first partition to the last; 0 to
        leave that to the caller. The sums have the same bytes either way.
        """


class Partitions(Protocol):
    """Rows in partitions, as Arrow batches with these columns. A partition may be empty, and have no batch at all."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def engine(self) -> Engine: ...

    @property
    def schema(self) -> pa.Schema:
        """The columns with their types, as Arrow has them."""

    @property
    def frame(self) -> DataFrame:
        """The same rows as a frame of Spark, for what is said in SQL. Raises NeedsSpark where there is none."""

    def numbered(self) -> Partitions:
        """The same with the column PARTITION in front."""

    def selected(self, names: Sequence[str], called: Sequence[str]) -> Partitions:
        """Some of the columns, by other names."""

    def above(self, name: str, threshold: float, called: str) -> Partitions:
        """With a column behind the others: 1 where the column is a number, or the text of one, above the threshold, 0 where it
        is another, else null."""

    def kept(self) -> Partitions:
        """The same rows, made once and held until `release`, however often they are looked at."""

    def release(self) -> None:
        """Give back what `kept` holds."""

    def mapped(self, task: Task, schema: pa.Schema) -> Partitions:
        """What the task makes of every partition: batches of this schema."""

    def beside(self, other: Partitions) -> Partitions:
        """These rows and others with the same columns."""

    def together(self, by: str, order: Sequence[str], partitions: int, fewest: int | None = None) -> Partitions:
        """The same rows in so many partitions: all rows with a value of `by`, a text or an integer, are in one of them, and its
        rows are sorted by `order`, nulls first, texts by their bytes.

        fewest: how many are enough for what a task holds of each; of a single one it takes the rows as they stand `beside` each
        other, too. Where `order` is a column of int8, the rows come in the batches that they lie in.
        """

    def write_texts(self, folder: str, by: str, text: str) -> None:
        """Write the texts of a column, a line each in the order of the rows, to files below `folder`: one in `<by>=<value>/` for
        each value of an integer column that the rows are brought `together` and sorted by."""

    def states(self, task: StateTask) -> States:
        """The states that the task makes of every partition."""

    def batches(self) -> list[pa.RecordBatch]:
        """All of it, partitions in any order; for what is small by construction."""

    def sent(self, value: Value) -> AbstractContextManager[Broadcast[Value]]:
        """A value for the tasks over these partitions, on its way once; it is given back at the end."""


class Lines(Protocol):
    """The lines of text files, each of which knows where it stands."""

    @property
    def engine(self) -> Engine: ...

    def partitions(self, *names: str) -> Partitions:
        """The lines with these columns: of `locations.PLACES`, FILE_KEY and LINE_KEY. What nobody asks for is not read."""

    def files_by_key(self) -> FilesByKey:
        """The files by their FILE_KEY."""


class Engine(Protocol):
    """Where data is read, and where functions are mapped over it."""

    @property
    def spark(self) -> SparkSession:
        """The session, for what is said in SQL or read by Spark alone. Raises NeedsSpark where there is none."""

    def storage(self, path: str) -> Storage:
        """The storage that holds `path`. Raises BadInput if nothing here opens it."""

    @property
    def deequ(self) -> str | None:
        """The version of the Deequ that turns states into metrics; None where their own formulas do. The log says why."""

    def way(self, function: Function) -> Function:
        """The engine's own way of doing what a function of ours does, if it has one; else the function.

        Both give the same. Spark's are in `spark/`: what its SQL does sooner, and what it alone can do.
        """

    @property
    def max_line_bytes(self) -> int:
        """The bytes of the longest line that is taken; longer ones are passed over (`data/reading/lines.py` finds them)."""

    def lines(
        self, places: Sequence[str], *, in_order: bool = False, with_blank: bool = False, whole_files: bool = False
    ) -> Lines:
        """The lines of the files at or below these places, with no partition that spans a line.

        in_order: one partition, sorted by file and place. with_blank: blank lines, too. whole_files: each file is one line.
        """

    def table(
        self,
        places: Sequence[str],
        reader: str,
        options: Mapping[str, str],
        *,
        by_folders: bool = False,
        in_order: bool = False,
        left_out: Sequence[str] = (),
    ) -> tuple[tuple[str, ...], Partitions]:
        """The files at or below these places as the reader of a format (`parquet`, `orc`, …) reads them: what the columns are
        called there, and their rows with the columns c0, c1, ….

        by_folders: whether folders called `day=2026-01-01` are columns. in_order: as in `lines`.
        left_out: columns, by name or 0-based index, that may be null instead: nobody wants them.
        Raises BadInput if they can't be read so.
        """

    def is_readable(self, path: str) -> bool:
        """Whether a file of text can be read to its end, compressed or not. Reads it."""

    def partitions_at_most(self, file_bytes: Iterable[int], partition_bytes: int) -> int:
        """An upper bound of the partitions of files of these sizes."""

    def partition_by_size(self, total_bytes: int, groups: int = 1) -> int:
        """Cut the files that are read next by `partitions.partition_bytes`, which is returned."""

    def batch_by_width(self, columns: int, line_bytes: int = 0) -> int:
        """Make batches of what is read next as large as `partitions.batch_rows` says; returns their rows."""

    def read_lines_by_size(self, total_bytes: int, line_bytes: int) -> int:
        """The same for lines of which a few cells are wanted each: partitions by size, and small batches.

        line_bytes: of a long line. Returns the bytes of a partition.
        """
