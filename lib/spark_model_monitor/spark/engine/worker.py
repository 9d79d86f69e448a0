"""A Python worker of Spark: its start, and a faster version of PySpark's work between two tasks. Runs on executors.

As a program this is the process from which Spark forks its workers, by its setting `spark.python.daemon.module`, with
the libraries loaded that each of them needs; it prints only its port on the standard output. PySpark's own
(pyspark/daemon.py) loads neither pyarrow nor pandas, so that each worker loads them itself: one for every core, and
again after each idle minute, since Spark ends the worker then.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from zipimport import zipimporter

import pyarrow as pa

import spark_model_monitor
from spark_model_monitor.data.engine.engine_protocol import Batches, Task
from spark_model_monitor.errors import MonitorError

MAPPED = (
    "spark_model_monitor.data.profiling.partition"  # the module of most tasks; each worker would otherwise import it
)


def run_in_worker(task: Task, batches: Batches) -> Iterator[pa.RecordBatch]:
    """The result of `task` for the batches; the worker's next task then starts at once.

    PySpark 3.5 collects garbage after each task (daemon.py), which visits every object of every imported library, and
    before each it has Python 3.10 to 3.12 read the directories of all archives on its path again (worker.py,
    importlib.invalidate_caches), Spark's own JAR among them: 60 ms together, half as much as profiling 100,000 rows.
    """
    yield from task(batches)
    forget_archives()
    _freeze_libraries()


def hide_texts(task: Task, batches: Batches) -> Iterator[pa.RecordBatch]:
    """The result of `task` for the batches. An exception that is not ours loses its text, which may repeat a value.

    Executors log what a worker raises, by the cluster's own settings. Source: P25.
    """
    try:
        yield from task(batches)
    except Exception as fault:
        for error in _list_causes(fault):
            _forget_text(error)
        raise


def _forget_text(error: BaseException) -> None:
    if isinstance(error, MonitorError):
        return
    error.args = ()
    # These two repeat the text in an attribute, which their message is made of
    if isinstance(error, UnicodeDecodeError):
        error.object = b""
    if isinstance(error, UnicodeEncodeError):
        error.object = ""


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    # An error may be its own context by a detour, and the walk would not end
    visited: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        current = waiting.pop()
        if current is not None and id(current) not in visited:
            visited.add(id(current))
            yield current
            waiting += [current.__cause__, current.__context__]


def forget_archives() -> None:
    """Leave nothing to reread: an import recreates an archive's importer from the directory that zipimport keeps."""
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]


@cache
def _freeze_libraries() -> None:
    """Once: the objects alive after the worker's first task are the libraries, which stay alive.

    gc.get_freeze_count() would show whether that has been done, but it visits all of them.
    """
    gc.collect()
    gc.freeze()


def with_libraries(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The batches, on executors that can import what tasks need."""
    import_module(MAPPED)
    yield from batches


def _fork_workers() -> None:
    # Loaded before the fork, so that workers share these pages and start in milliseconds
    import pandas  # noqa: F401 -- pyarrow loads it when the first array is made
    import pyarrow.compute  # noqa: F401
    from pyspark.daemon import manager

    import_module(MAPPED)
    forget_archives()
    gc.freeze()  # garbage collection over the libraries would give each worker a copy of their pages
    manager()  # type: ignore[no-untyped-call]


def report_versions(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The release of this package that a worker imports, for each row."""
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"version": [spark_model_monitor.__version__] * batch.num_rows})


def unpack(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The rows of the slices in a column."""
    for batch in batches:
        for packed in batch.column(0):
            yield from pa.ipc.open_stream(packed.as_buffer())


def read_footers(batches: Batches) -> Iterator[pa.RecordBatch]:
    """The schemas of Parquet files in place of their ends; null where the end is missing, has no whole footer, or is damaged."""
    from pyarrow import parquet

    for batch in batches:
        schemas: list[bytes | None] = []
        for end in batch.column("end").to_pylist():
            schema = None
            with suppress(pa.ArrowException, OSError):
                schema = parquet.read_schema(pa.BufferReader(end or b"")).serialize().to_pybytes()
            schemas.append(schema)
        columns = [*batch.columns[:-1], pa.array(schemas, pa.binary())]
        yield pa.RecordBatch.from_arrays(columns, names=["path", "length", "modified_ms", "schema"])


if __name__ == "__main__":
    _fork_workers()
