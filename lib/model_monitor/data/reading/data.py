"""A pandas frame, an Arrow table or a path as a data set (`read_data`), and the engine that reads it.

In pandas NaN, None, NaT and NA are all missing values. A larger table goes through a Parquet file that lives as long as the data
set. docs/engines.md has the table of engines; the log says which was chosen, and why.
"""

from __future__ import annotations

import logging
import os
import sys
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING

from model_monitor.data.engine.local import TABLES, LocalEngine
from model_monitor.data.engine.protocol import Engine
from model_monitor.data.reading.formats import (
    DELTA,
    LIBRARIES,
    DatasetFormat,
    ParquetFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    keeper_at,
)
from model_monitor.data.reading.listing import Listing, list_dataset
from model_monitor.errors import BadConfiguration, MonitorError
from model_monitor.plugins import plugin
from model_monitor.storage import opens_here

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.data.engine.partitions import FILE_BYTES_OF_A_GROUP, MAX_BATCH_ROWS
from model_monitor.data.engine.protocol import Partitions
from model_monitor.data.reading.dataset import NO_FILES, Dataset
from model_monitor.data.reading.formats import format_named
from model_monitor.data.records.windows import Window
from model_monitor.errors import BadInput, OutputFailed
from model_monitor.storage.files import TemporaryFolder

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession


log = logging.getLogger(__name__)


def table_of_pandas(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame; its index is none of them.

    Raises BadInput for names that are no texts, and for a column whose values are of several types.
    """
    _require_names(frame)
    if frame.index.names != [None]:
        named = ", ".join(repr(name) for name in frame.index.names if name is not None)
        log.warning("the index %s is no feature; write frame.reset_index() to make it one", named)
    columns = [_column(frame.iloc[:, place], name) for place, name in enumerate(frame.columns)]
    return pa.table(columns, list(frame.columns))


def _require_names(frame: pd.DataFrame) -> None:
    if frame.columns.nlevels > 1:
        raise BadInput(
            f"the frame's columns have names of {frame.columns.nlevels} levels; write "
            "frame.columns = ['_'.join(map(str, name)) for name in frame.columns]"
        )
    for place, name in enumerate(frame.columns, start=1):
        if not isinstance(name, str):
            raise BadInput(
                f"column {place} of the frame is called {name!r}, which is no text; write "
                "frame.columns = frame.columns.astype(str)"
            )


def _column(values: pd.Series, name: str) -> pa.Array | pa.ChunkedArray:
    """One column. The fault of Arrow, which shows values, is kept from the error."""
    try:
        return pa.Array.from_pandas(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        types = sorted({type(value).__name__ for value in values.dropna()})
    raise BadInput(
        f"column {name!r} of the frame ({values.dtype}) can't be stored as one type: its values are {' and '.join(types)}; "
        f"write frame[{name!r}] = frame[{name!r}].astype('string'), or pandas.to_numeric(…) for numbers"
    )


ROW_GROUP_BYTES = 8 * 2**20
"""Of a table in memory: row groups are what partitions are cut at, and a partition of a file is 16 MiB or more."""

CAST: Mapping[str, pa.DataType] = {
    "null": pa.string(),
    "halffloat": pa.float32(),
    "uint8": pa.int16(),
    "uint16": pa.int32(),
    "uint32": pa.int64(),
    "uint64": pa.decimal128(20, 0),
    "date64[ms]": pa.date32(),
    "string_view": pa.large_string(),
    "binary_view": pa.large_binary(),
}
"""What Spark has in place of types of Arrow that it lacks, by their names; no value changes."""

NO_TYPE_OF_SPARK = {
    "time32": "its text, or a number of seconds",
    "time64": "its text, or a number of seconds",
    "duration": "a number, such as frame[name].dt.total_seconds()",
    "month_day_nano_interval": "a number",
    "decimal256": "a decimal of at most 38 digits, or a double",
    "extension": "its text",
    "dense_union": "a struct",
    "sparse_union": "a struct",
    "run_end_encoded": "its plain values",
}
"""Types without a column of Spark, by how their names begin, and what to write in their place."""


def read_arrow(engine: Engine, table: pa.Table, *, by_tasks: bool | None = None) -> Dataset:
    """The rows of a table as a data set; what it takes is given back with the data set.

    by_tasks: whether the rows travel with the tasks; None: if executors are on other machines.
    Raises BadInput for columns that are called the same or that Spark has no type for, OutputFailed if this machine has no
    room for a file of them.
    """
    names = tuple(table.column_names)
    _require_columns(names)
    columns = [_stored(name, column) for name, column in zip(names, table.columns, strict=True)]
    # `Age` beside `age` is none of Spark's business
    stored = pa.table(columns, [f"c{place}" for place in range(len(names))])
    held = engine.way(rows_in_memory)(engine, stored, by_tasks)
    if held is not None:
        rows, partitions = held
        return Dataset(rows, names, partitions_at_most=partitions)
    folder = TemporaryFolder()
    _write(stored, folder.path / "rows.parquet")
    dataset = _read_files(engine, folder.path.as_uri(), ParquetFormat(), ReadOptions())
    return replace(dataset, names=names, listing=NO_FILES, folder=folder)


def rows_in_memory(engine: Engine, table: pa.Table, by_tasks: bool | None) -> tuple[Partitions, int] | None:
    """The rows without a file, in the types that a file of them is read in, and in how many partitions; None if they are many."""
    if table.nbytes > FILE_BYTES_OF_A_GROUP:  # a file of it would be read as several partitions
        return None
    from model_monitor.data.engine.local_tables import type_of_spark, typed

    types = [type_of_spark(field.type, f"column {place}") for place, field in enumerate(table.schema, start=1)]
    schema = pa.schema([(name, data_type) for name, data_type in zip(table.column_names, types, strict=True)])
    batches = [typed(batch, schema) for batch in table.combine_chunks().to_batches(max_chunksize=MAX_BATCH_ROWS)]
    return cast("LocalEngine", engine).of_batches(schema, [batches]), 1


def _require_columns(names: tuple[str, ...]) -> None:
    if not names:
        raise BadInput("the table has no columns, so there is nothing to monitor; pass one that has")
    for place, name in enumerate(names, start=1):
        first = names.index(name) + 1
        if first < place:
            raise BadInput(f"columns {first} and {place} of the table are both called {name!r}; rename one of them")


def _stored(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column in a type that Spark has."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", column.type.tz), safe=False)  # Spark's are of microseconds
    if str(column.type) in CAST:
        return column.cast(CAST[str(column.type)])
    for beginning, instead in NO_TYPE_OF_SPARK.items():
        if str(column.type).startswith(beginning):
            raise BadInput(f"column {name!r} holds {column.type}, which Spark has no type for; write {instead}")
    return column


def _write(table: pa.Table, path: Path) -> None:
    rows = max(1, table.num_rows * ROW_GROUP_BYTES // max(1, table.nbytes))
    try:
        pq.write_table(
            table,
            path,
            row_group_size=rows,
            coerce_timestamps="us",
            allow_truncated_timestamps=True,
            store_schema=False,
        )
    except OSError as fault:
        raise OutputFailed(
            f"{path.parent}: the table can't be kept there while it is read ({fault.strerror or 'no room'}); "
            "set TMPDIR to a folder with room"
        ) from fault


Data: TypeAlias = "DataFrame | pd.DataFrame | pa.Table | str | os.PathLike[str] | Dataset"  # what a run takes


def read_data(
    data: Data,
    dataset_format: str | DatasetFormat | None = None,
    *,
    names: Sequence[str] | None = None,
    window: Window | None = None,
    spark: SparkSession | None = None,
    engine: str = "auto",
) -> Dataset:
    """Whatever is at hand as a data set, which several runs can take. The runs call it themselves.

    Parameters
    ----------
    data : pandas.DataFrame, pyarrow.Table, pyspark.sql.DataFrame, path or Dataset
        The rows; every column is a feature. A path is a file or a folder of files, read as the jobs read it. In a frame of
        pandas NaN, None, NaT and NA are missing values, and the index is left out. On this machine frames of pandas and
        tables go through a temporary file of their size, which is deleted with the data set; on a cluster through the memory
        of the driver.
    dataset_format : str or format, optional
        Of a path: a format, or what `--dataset-format` takes. By default what the files look like.
    names : sequence of str, optional
        What to call the columns of captured records, by position.
    window : Window, optional
        Of captured records: the times to take. By default all.
    spark : pyspark.sql.SparkSession, optional
        Where Spark reads: by default the session at hand; if there is none, `local_session` starts one, which stays. No
        setting of it changes.
    engine : str, default "auto"
        `"spark"`, `"local"` for this machine's processes without a JVM, or `"auto"`: local for files of this machine, frames
        of pandas and tables up to 1 GB where no session is at hand.

    Returns
    -------
    Dataset
        Good for `with`, which gives back what reading it took.

    Raises
    ------
    NoData
        If there is no file with a byte.
    BadInput
        If the data can't be read as that format, or if a column can't be stored in one type of Spark.
    BadConfiguration
        If the format can't be told.
    TypeError
        If the data is something else.

    Examples
    --------
    >>> from pathlib import Path
    >>> from model_monitor import read_data
    >>> _ = Path("orders.csv").write_text("order_id,amount\\no-1,12.50\\no-2,\\n")
    >>> read_data("orders.csv").names
    ('order_id', 'amount')
    """
    import pandas as pd

    if isinstance(data, Dataset):
        return data
    is_path = isinstance(data, (str, os.PathLike))
    if not is_path and (dataset_format is not None or window is not None):
        given = "dataset_format" if dataset_format is not None else "window"
        raise BadConfiguration(f"{given} is for paths, and the data is of type {_type(data)}; leave it out")
    if type(data).__module__.startswith("pyspark."):  # by its name, so that nothing of Spark is loaded
        return Dataset.of(cast("DataFrame", data))
    if isinstance(data, (pd.DataFrame, pa.Table)):
        table = table_of_pandas(data) if isinstance(data, pd.DataFrame) else data
        return read_arrow(engine_for(engine, spark, size_bytes=table.nbytes), table)
    if isinstance(data, (str, os.PathLike)):
        data_format, path = None if dataset_format is None else format_named(dataset_format), os.fspath(data)
        options = ReadOptions(None if names is None else tuple(names), window)
        return _read_files(engine_for(engine, spark, path, data_format), path, data_format, options)
    raise TypeError(
        f"the data is of type {_type(data)}; pass a DataFrame of pandas or of Spark, a Table of pyarrow, or the path of files"
    )


def _read_files(engine: Engine, path: str, dataset_format: DatasetFormat | None, options: ReadOptions) -> Dataset:
    from model_monitor.data.reading.paths import read_files  # all readers, which rows at hand do without

    return read_files(engine, path, dataset_format, options)


def _type(thing: object) -> str:
    module = type(thing).__module__.partition(".")[0]
    return type(thing).__name__ if module == "builtins" else f"{module}.{type(thing).__name__}"


GATEWAY = "PYSPARK_GATEWAY_PORT"  # set where spark-submit has started a JVM for this Python already

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
    spark_engine: Engine = edge.SparkEngine(edge.beside(spark or edge.local_session()))
    return spark_engine


def why_spark(
    spark: SparkSession | None, path: str | None, dataset_format: DatasetFormat | None, size_bytes: int = 0
) -> str | None:
    """Why Spark reads where nobody chose; None if it doesn't."""
    if spark is not None or session_at_hand() is not None or GATEWAY in os.environ:
        return "a session is at hand"
    is_table_here = _keeps_versions_here(dataset_format)
    if isinstance(dataset_format, TableFormat):
        return None if is_table_here else "tables are Spark's"
    if is_table_here:
        dataset_format = None  # whatever its folder looks like
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


def _keeps_versions_here(dataset_format: DatasetFormat | None) -> bool:
    """Whether a format is a table that a library which is installed reads without Spark."""
    if dataset_format == DELTA:
        return find_spec(LIBRARIES["delta"]) is not None
    if not isinstance(dataset_format, TableFormat):
        return False
    if kept := keeper_at(dataset_format.name):
        return find_spec(LIBRARIES[kept[0]]) is not None
    if find_spec(LIBRARIES["iceberg"]) is None:
        return False
    from model_monitor.data.reading.tables import is_configured

    return is_configured(dataset_format.name.partition(".")[0])


def session_at_hand() -> SparkSession | None:
    """The session that runs in this process already; what has not been loaded has started nothing."""
    running: SparkSession | None = plugin("spark").running_session() if "pyspark" in sys.modules else None
    return running


def _listing(path: str) -> Listing | None:
    try:
        return list_dataset(LocalEngine(), path)
    except MonitorError:  # whoever reads it says so
        return None
