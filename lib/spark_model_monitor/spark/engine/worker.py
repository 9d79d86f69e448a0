"""A Python worker of Spark: its start, and a faster version of PySpark's work between two tasks. Runs on executors.

As a program, this is the process from which Spark forks its workers (setting `spark.python.daemon.module`). It has already loaded
the libraries that each worker needs, and prints only its port on the standard output. PySpark's own program (pyspark/daemon.py)
loads neither pyarrow nor pandas, so each worker has to load them: one worker for every core, and again after each idle minute,
because Spark ends idle workers.
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

TASK_MODULE = (
    "spark_model_monitor.data.profiling.partition"  # the module of most tasks; otherwise each worker would import it
)


def run_in_worker(task: Task, batches: Batches) -> Batches:
    """The result of `task` for the batches, without PySpark's delays before the worker's next task.

    After each task, PySpark 3.5 collects garbage (daemon.py), which visits every object of every imported library. Before each
    task, it makes Python 3.10 to 3.12 read the directories of all archives on the path again, including Spark's JAR (worker.py,
    importlib.invalidate_caches). Together this takes 60 ms, half as long as profiling 100,000 rows.
    """
    yield from task(batches)
    remove_archive_importers()
    _freeze_libraries()


def hide_texts(task: Task, batches: Batches) -> Batches:
    """The result of `task` for the batches. An exception that isn't ours loses its text, because the text may repeat a value.

    Executors log a worker's exceptions according to the cluster's settings. Source: P25.
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
    # The messages of UnicodeDecodeError and UnicodeEncodeError are made of an attribute that has the text
    if isinstance(error, UnicodeDecodeError):
        error.object = b""
    if isinstance(error, UnicodeEncodeError):
        error.object = ""


def _list_causes(error: BaseException) -> Iterator[BaseException]:
    # The chain of contexts may lead back to an error, so visited errors are remembered to end the loop
    visited: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        current = pending.pop()
        if current is not None and id(current) not in visited:
            visited.add(id(current))
            yield current
            pending += [current.__cause__, current.__context__]


def remove_archive_importers() -> None:
    """Remove the importers of archives, so that their directories aren't read again: an import recreates an importer from the
    directory that zipimport has stored.
    """
    for path, finder in list(sys.path_importer_cache.items()):
        if isinstance(finder, zipimporter):
            del sys.path_importer_cache[path]


@cache
def _freeze_libraries() -> None:
    """Exclude the libraries from garbage collection: they are the objects that exist after the worker's first task. The cache
    makes this happen once.

    gc.get_freeze_count() would also show whether it has happened, but it visits all these objects.
    """
    gc.collect()
    gc.freeze()


def with_libraries(batches: Batches) -> Batches:
    """The batches unchanged. Raises on executors that can't import the libraries of tasks."""
    import_module(TASK_MODULE)
    yield from batches


def _fork_workers() -> None:
    # Loaded before the fork, so that workers share the memory pages and start in milliseconds
    import pandas  # noqa: F401 -- pyarrow loads pandas when the first array is made
    import pyarrow.compute  # noqa: F401
    from pyspark.daemon import manager

    import_module(TASK_MODULE)
    remove_archive_importers()
    gc.freeze()  # garbage collection of the libraries would give each worker a copy of their memory pages
    manager()  # type: ignore[no-untyped-call]


def report_versions(batches: Batches) -> Batches:
    """For each row: the release of this package that the worker imports."""
    for batch in batches:
        yield pa.RecordBatch.from_pydict({"version": [spark_model_monitor.__version__] * batch.num_rows})


def unpack(batches: Batches) -> Batches:
    """The rows of the packed slices in a column."""
    for batch in batches:
        for cell in batch.column(0):
            yield from pa.ipc.open_stream(cell.as_buffer())


def read_footers(batches: Batches) -> Batches:
    """The rows with the schemas of Parquet files in place of their ends; null if an end is missing, incomplete or damaged."""
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
