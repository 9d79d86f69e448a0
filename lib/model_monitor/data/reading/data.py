"""Whatever data somebody has at hand in Python as a data set: `read_data` of a frame of pandas, an Arrow table, or a path.

Of pandas NaN, None, NaT and NA are missing alike. On this machine a table goes by way of a Parquet file that lives as long as the
data set.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import pyarrow as pa
import pyarrow.parquet as pq

from model_monitor.data.engine import is_of_pyspark
from model_monitor.data.engine.local import LocalEngine
from model_monitor.data.engine.partitions import FILE_BYTES_OF_A_GROUP, MAX_BATCH_ROWS
from model_monitor.data.engine.protocol import Engine, Partitions
from model_monitor.data.reading.dataset import NO_FILES, Dataset
from model_monitor.data.reading.engines import engine_for
from model_monitor.data.reading.formats import DatasetFormat, ParquetFormat, TableFormat
from model_monitor.data.reading.paths import format_named, format_word_of, read_path, set_for_width
from model_monitor.data.records.windows import Window
from model_monitor.errors import BadConfiguration, BadInput, OutputFailed
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


# An Arrow table at hand as a data set: on this machine by way of a Parquet file that lives as long as the data set.


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
    dataset = set_for_width(engine, read_path(engine, folder.path.as_uri(), ParquetFormat()))
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


# Whatever data somebody has at hand in Python as a data set: `read_data`.


Data: TypeAlias = "DataFrame | pd.DataFrame | pa.Table | str | os.PathLike[str] | Dataset"
"""What a run takes."""


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
    if is_of_pyspark(data):
        return Dataset.of(cast("DataFrame", data))
    if isinstance(data, (pd.DataFrame, pa.Table)):
        table = table_of_pandas(data) if isinstance(data, pd.DataFrame) else data
        return read_arrow(engine_for(engine, spark, size_bytes=table.nbytes), table)
    if isinstance(data, (str, os.PathLike)):
        data_format, path = None if dataset_format is None else format_named(dataset_format), os.fspath(data)
        return _read_path(engine_for(engine, spark, path, data_format), path, data_format, names, window)
    raise TypeError(
        f"the data is of type {_type(data)}; pass a DataFrame of pandas or of Spark, a Table of pyarrow, or the path of files"
    )


def _read_path(
    engine: Engine,
    path: str,
    dataset_format: DatasetFormat | None,
    names: Sequence[str] | None,
    window: Window | None,
) -> Dataset:
    given = dataset_format or format_named(format_word_of(engine, path))
    if isinstance(given, TableFormat):
        raise BadConfiguration(f"dataset_format names a table, and {path} is a path; pass spark.table({given.name!r})")
    return set_for_width(engine, read_path(engine, path, given, names, window=window))


def _type(thing: object) -> str:
    module = type(thing).__module__.partition(".")[0]
    return type(thing).__name__ if module == "builtins" else f"{module}.{type(thing).__name__}"
