"""Reads a pandas frame, an Arrow table or a path as a data set (`read_data`), and chooses the engine that reads it.

In pandas, NaN, None, NaT and NA are all missing values. A larger table goes through a Parquet file that lives as long
as the data set. docs/engines.md has the table of engines; the log says which was chosen, and why.
"""

from __future__ import annotations

import logging
import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from enum import Enum
from importlib.util import find_spec
from types import NoneType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.engine.local_engine import TABLES, LocalEngine
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.formats import (
    DELTA,
    LIBRARIES,
    CaptureFormat,
    CsvFormat,
    DatasetFormat,
    MergedFormat,
    ParquetFormat,
    QueryFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    find_request_log,
    parse_format,
    parse_table_path,
)
from spark_model_monitor.data.reading.frames import ArrowStream, read_arrow, stream_rows
from spark_model_monitor.data.reading.listing import (
    Listing,
    PathOrPaths,
    allow_outside_links,
    list_dataset,
    list_paths,
    list_window_folders,
)
from spark_model_monitor.data.records.windows import Window
from spark_model_monitor.errors import BadConfiguration, BadInput, MissingDependency, MonitorError, NoData
from spark_model_monitor.plugins import plugin
from spark_model_monitor.storage import can_open_without_spark

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession


log = logging.getLogger(__name__)

Paths: TypeAlias = "str | os.PathLike[str] | Sequence[str | os.PathLike[str]]"
Data: TypeAlias = "DataFrame | pd.DataFrame | ArrowStream | Paths | Dataset"  # the input of a run
GATEWAY = "PYSPARK_GATEWAY_PORT"  # set if spark-submit has started a JVM for this Python
MAX_LOCAL_BYTES = 10**9

MAX_LOCAL_BYTES_BY_FORMAT: Mapping[type, int] = {ParquetFormat: 10**10, CsvFormat: 10**10, CaptureFormat: 2 * 10**9}
"""The size in bytes, by format, above which "auto" chooses Spark. Up to these sizes, the local engine was faster than Spark
with the start of its JVM (measured in benchmarks/README.md, "auto")."""


def convert_pandas(frame: pd.DataFrame) -> pa.Table:
    """The columns of a frame, without its index.

    Raises BadInput for names that are not texts, and for a column whose values have several types.
    """
    _require_names(frame)
    if frame.index.names != [None]:
        index_names = ", ".join(repr(name) for name in frame.index.names if name is not None)
        log.warning("the index %s is no feature; write frame.reset_index() to make it one", index_names)
    columns = [_convert_column(values, str(name)) for name, values in frame.items()]
    return pa.table(columns, list(frame.columns))


def _require_names(frame: pd.DataFrame) -> None:
    if frame.columns.nlevels > 1:
        raise BadInput(
            f"the frame's columns have names of {frame.columns.nlevels} levels; write "
            "frame.columns = ['_'.join(map(str, name)) for name in frame.columns]"
        )
    for number, name in enumerate(frame.columns, start=1):
        # A text with half a surrogate pair can't be encoded
        if name != str(name).encode("utf-8", "replace").decode():
            raise BadInput(
                f"column {number} of the frame is called {name!r}, which is no text; write "
                "frame.columns = frame.columns.astype(str).str.encode('utf-8', 'replace').str.decode('utf-8')"
            )


def _convert_column(values: pd.Series, name: str) -> pa.Array | pa.ChunkedArray:
    """Converts one column to Arrow. The error omits Arrow's own text, since that shows values."""
    try:
        # Arrow looks up many attributes of a series, which takes longer than converting a small column
        is_plain = isinstance(values.dtype, np.dtype) or hasattr(values, "sparse")
        return pa.Array.from_pandas(values.to_numpy() if is_plain else values)
    except UnicodeEncodeError:
        fault = "has half a surrogate pair in a text, which no file can hold"
        remedy = f"frame[{name!r}].str.encode('utf-8', 'replace').str.decode('utf-8')"
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        types = sorted({type(value).__name__ for value in values.dropna()})
        fault = f"can't be stored as one type: its values are {' and '.join(types)}"
        remedy = f"frame[{name!r}].astype('string'), or .astype(float) for numbers"
    raise BadInput(f"column {name!r} of the frame ({values.dtype}) {fault}; write frame[{name!r}] = {remedy}")


def read_data(
    data: Data,
    dataset_format: str | DatasetFormat | None = None,
    *,
    names: Sequence[str] | None = None,
    window: Window | None = None,
    spark: SparkSession | None = None,
    engine: str = "auto",
    follow_links: bool = False,
) -> Dataset:
    """Convert data of any supported kind to a data set that several runs can share. Runs call this function themselves.

    Parameters
    ----------
    data : pandas, polars, DuckDB or Spark DataFrame, object with ``__arrow_c_stream__``, path, list of paths or Dataset
        The rows; every column is a feature. A path is a file, a folder of files or a glob, read as the jobs read it. In a
        pandas frame, NaN, None, NaT and NA are missing values, and the index is left out; in other frames, null is missing.
        Lazy data (polars, DuckDB relations, pyarrow and Hugging Face data sets, readers) is streamed. On this machine, large
        frames (from 8 to 20 MB, with many columns from 60 to 150 MB, with lists from 8 MB) go through a temporary file, which
        is deleted with the data set; on a cluster, they go through the memory of the driver.
    dataset_format : str or format, optional
        For a path: a format, or a value of `--dataset-format`. By default detected from the files.
    names : sequence of str, optional
        Names for the columns of captured records, by position.
    window : Window, optional
        For captured records: the times to include. By default all times.
    spark : pyspark.sql.SparkSession, optional
        The session that Spark reads in. By default the active session; if there is none, `local_session` starts one, which stays
        open. The session's settings don't change.
    engine : str, default "auto"
        `"spark"`, `"local"` (processes on this machine, no JVM), or `"auto"`: local for files on this machine, pandas frames
        and tables up to 1 GB (10 GB of Parquet and CSV) if no session is active.
    follow_links : bool, default False
        Whether links below the path may lead out of it; otherwise they are refused.

    Returns
    -------
    Dataset
        A context manager: `with` releases the resources that reading took.

    Raises
    ------
    NoData
        If all files are empty, or there are none.
    BadInput
        If the data can't be read as that format, or if a column doesn't fit one Spark type.
    BadConfiguration
        If the format can't be detected.
    TypeError
        If the data is something else.

    Examples
    --------
    >>> from pathlib import Path
    >>> from spark_model_monitor import read_data
    >>> _ = Path("orders.csv").write_text("order_id,amount\\no-1,12.50\\no-2,\\n")
    >>> read_data("orders.csv").names
    ('order_id', 'amount')
    """
    options = ReadOptions(None if names is None else tuple(names), window)
    return read_with_options(data, dataset_format, options, spark=spark, engine=engine, follow_links=follow_links)


def read_with_options(
    data: Data,
    dataset_format: str | DatasetFormat | None,
    options: ReadOptions,
    *,
    spark: SparkSession | None,
    engine: str,
    follow_links: bool = False,
) -> Dataset:
    """The data set of `read_data`. options: how to read paths; other data takes no options."""
    if isinstance(data, Dataset):
        return data
    # Data is a data set, one path or several, or a frame of Spark, pandas or another library
    is_path = isinstance(data, (str, os.PathLike)) or (
        isinstance(data, (list, tuple))
        and bool(data)
        and all(isinstance(path_like, (str, os.PathLike)) for path_like in data)
    )
    if is_path:
        with allow_outside_links(follow_links):
            return _read_files(engine, spark, cast("Paths", data), dataset_format, options)
    if dataset_format is not None or options.window is not None:
        option = "window"
        if dataset_format is not None:
            option = "dataset_format"
        raise BadConfiguration(f"{option} is for paths, and the data is of type {_describe_type(data)}; leave it out")
    if type(data).__module__.startswith("pyspark."):  # by module name, which loads nothing of Spark
        return Dataset.of(cast("DataFrame", data))
    pandas = sys.modules.get("pandas")  # a user with a pandas frame has loaded pandas
    is_frame = pandas is not None and isinstance(data, pandas.DataFrame)
    rows = convert_pandas(cast("pd.DataFrame", data)) if is_frame else stream_rows(data)
    if rows is not None:
        size_bytes = rows.nbytes if isinstance(rows, pa.Table) else 0
        return read_arrow(choose_engine(engine, spark, size_bytes=size_bytes), rows)
    raise TypeError(
        f"the data is of type {_describe_type(data)}; pass a DataFrame of pandas, polars or Spark, a Table of pyarrow, "
        "anything else that has __arrow_c_stream__, or the path of files"
    )


def read_again(
    path: Paths, read_by: Mapping[str, str], names: Sequence[str] | None, spark: SparkSession | None
) -> Dataset:
    """The rows of files, read as an earlier run did, without the columns that it left out. read_by: as in the run's run.json.

    Raises BadInput if an option of the run prevents that.
    """
    options = ReadOptions.recorded(read_by, None if names is None else tuple(names))
    dataset = _read_files("auto", spark, path, read_by.get("dataset_format"), options)
    # Select the run's columns, in the order of the files
    if names is None or not set(names) < set(dataset.names):
        return dataset
    return dataset.select_features([name for name in dataset.names if name in names])


def _read_files(
    engine_name: str,
    spark: SparkSession | None,
    paths: Paths,
    dataset_format: str | DatasetFormat | None,
    options: ReadOptions,
) -> Dataset:
    from spark_model_monitor.data.reading.paths import (
        read_files,  # imports all readers, which in-memory rows don't need
    )

    data_format = None
    if dataset_format is not None:
        data_format = parse_format(dataset_format)
    path = _normalize_paths(paths)
    engine = choose_engine(engine_name, spark, path, data_format, window=options.window)
    return read_files(engine, path, data_format, options)


def _normalize_paths(paths: Any) -> PathOrPaths:
    if isinstance(paths, (list, tuple)):
        return tuple(map(os.fspath, paths))
    path: str = os.fspath(paths)
    return path


def _describe_type(data: object) -> str:
    module = type(data).__module__.partition(".")[0]
    if module == "builtins":
        return type(data).__name__
    return f"{module}.{type(data).__name__}"


class EngineName(str, Enum):
    """The values of `--engine` and `engine=`."""

    AUTO = "auto"
    LOCAL = "local"
    SPARK = "spark"


def parse_engine_name(name: str) -> EngineName:
    """The engine with this name. Raises BadConfiguration if the name is unknown."""
    try:
        return EngineName(name)
    except ValueError:
        raise BadConfiguration(f"engine is {name!r}; write one of: {', '.join(EngineName)}") from None


def choose_engine(
    name: EngineName | str,
    spark: SparkSession | None = None,
    path: PathOrPaths | None = None,
    dataset_format: DatasetFormat | None = None,
    size_bytes: int = 0,
    window: Window | None = None,
) -> Engine:
    """The local engine, or the engine of a Spark session with a job's settings.

    spark: the caller's session. path, dataset_format, size_bytes, window: describe the data; the size of a path is looked up.
    """
    requested_engine = parse_engine_name(name)
    reason: str | None = "as requested"
    if requested_engine is not EngineName.SPARK:
        reason = find_reason_for_spark(spark, path, dataset_format, size_bytes, window)
    if requested_engine is EngineName.LOCAL:
        log.info("engine: local, as requested")
        return LocalEngine()
    if reason is None:
        log.info("engine: local, the data is read here")
        return LocalEngine()
    log.info("engine: Spark, %s", reason)
    spark_plugin = plugin("spark")
    session = spark_plugin.new_job_session(spark or spark_plugin.local_session())
    spark_engine: Engine = spark_plugin.SparkEngine(session)
    return spark_engine


def find_reason_for_spark(
    spark: SparkSession | None,
    path: PathOrPaths | None,
    dataset_format: DatasetFormat | None,
    size_bytes: int = 0,
    window: Window | None = None,
) -> str | None:
    """Why "auto" chooses Spark; None if it doesn't. window: for records in hour folders, of which only its hours are read."""
    # The rows of a log that a catalog names are fetched to this machine
    request_log = find_request_log(dataset_format)
    if request_log is not None and path is not None and _is_log_in_catalog(list_paths(path)[0], request_log):
        return None
    if spark is not None or get_running_session() is not None or GATEWAY in os.environ:
        return "a session is at hand"
    if isinstance(dataset_format, QueryFormat):
        return None
    is_versioned_table = _is_versioned_table(dataset_format)
    if not is_versioned_table:
        require_own_library(dataset_format)
    if isinstance(dataset_format, TableFormat):
        if is_versioned_table:
            return None
        return "tables are Spark's"
    if is_versioned_table:
        dataset_format = None  # the library reads the table, so the format of its files doesn't matter
    if isinstance(dataset_format, SparkFormat) and (dataset_format.options or dataset_format.reader not in TABLES):
        return f"the reader {dataset_format.reader!r} is Spark's"
    # Spark reads files that this process can't open; other files are read here unless they are large
    if path is not None:
        for file_path in list_paths(path):
            if not can_open_without_spark(file_path):
                require_opener(file_path)
                return f"{file_path} is opened by it"
        listed_window = None
        if isinstance(dataset_format, (CaptureFormat, MergedFormat, NoneType)):
            listed_window = window
        listing = _list_files(path, listed_window)
        if listing is None:
            return None
        if listing.has_partition_folders and isinstance(dataset_format, (ParquetFormat, SparkFormat)):
            from spark_model_monitor.data.engine.folder_columns import has_spark_only_values

            file_paths = [file.path for file in listing.files]
            if isinstance(dataset_format, SparkFormat) or has_spark_only_values(file_paths):
                return "folders like day=1 are columns"
        size_bytes = listing.size_bytes
        if dataset_format is None and size_bytes > MAX_LOCAL_BYTES:
            from spark_model_monitor.data.reading.format_detection import detect_format

            with suppress(MonitorError):  # the reader reports it
                dataset_format = parse_format(detect_format(LocalEngine(), path, window))
    largest = MAX_LOCAL_BYTES_BY_FORMAT.get(type(dataset_format), MAX_LOCAL_BYTES)
    if size_bytes > largest:
        return f"there are {size_bytes:,} bytes, more than {largest:,}"
    return None


def _is_log_in_catalog(path: str, request_log: str) -> bool:
    """Whether a request log is a table that Spark's catalog knows by name."""
    from spark_model_monitor.data.request_logs import find_log_reader
    from spark_model_monitor.data.request_logs.capture_folder import is_named_table  # rarely needed

    return can_open_without_spark(path) and is_named_table(
        LocalEngine().storage(path), path, find_log_reader(request_log)
    )


def require_opener(path: str) -> None:
    """Check that Spark can open a path that can't be opened without it.

    Raises BadInput for a web address, and MissingDependency for S3 if neither boto3 nor PySpark is installed.
    """
    scheme = path.partition("://")[0].lower()
    if scheme in ("http", "https"):
        raise BadInput(f"{path}: web addresses are not read; download the file, and name the copy")
    if scheme in ("s3", "s3a", "s3n") and find_spec("pyspark") is None:
        raise MissingDependency(f"{path} needs boto3: pip install 'spark-model-monitor[s3]'")


def require_own_library(dataset_format: DatasetFormat | None) -> None:
    """Raises MissingDependency for a table of Delta or Iceberg if neither its library nor PySpark is installed."""
    kind = _find_table_kind(dataset_format)
    # Searching for modules takes time in each window, so it is only done for these formats
    if kind not in ("delta", "iceberg") or find_spec("pyspark") is not None:
        return
    if find_spec(LIBRARIES[kind]) is None:
        raise MissingDependency(f"a table of {kind} needs {LIBRARIES[kind]}: pip install 'spark-model-monitor[{kind}]'")


def _find_table_kind(dataset_format: DatasetFormat | None) -> str | None:
    """The kind of a versioned table, such as `delta`; None for other data."""
    if dataset_format == DELTA:
        return "delta"
    if not isinstance(dataset_format, TableFormat):
        return None
    # A table without a path is in a catalog; without Spark, only catalogs of Iceberg are read
    kind, _ = parse_table_path(dataset_format.name) or ("iceberg", "")
    return kind


def _is_versioned_table(dataset_format: DatasetFormat | None) -> bool:
    """Whether a format is a table that an installed library reads without Spark."""
    kind = _find_table_kind(dataset_format)
    if kind is None or find_spec(LIBRARIES[kind]) is None:
        return False
    if not isinstance(dataset_format, TableFormat) or parse_table_path(dataset_format.name) is not None:
        return True
    from spark_model_monitor.data.reading.versioned_tables import is_configured

    return is_configured(dataset_format.name.partition(".")[0])


def get_running_session() -> SparkSession | None:
    """The session that is active in this process; None if there is none, as before pyspark is imported."""
    if "pyspark" not in sys.modules:
        return None
    session: SparkSession | None = plugin("spark").running_session()
    return session


def _list_files(path: PathOrPaths, window: Window | None) -> Listing | None:
    engine = LocalEngine()
    try:
        if window is not None:
            path = tuple(
                folder
                for data_path in list_paths(path)
                for folder in list_window_folders(engine.storage(data_path), data_path, window)
            )
        if path:
            return list_dataset(engine, path)
        return None
    except MonitorError:  # the reader reports it
        return None


class DataSource:
    """Opens data again while the caller keeps it. It isn't pickled: the rows are personal data.

    Raises NoData if the frame is gone.
    """

    def __init__(self, data: Data, read: Callable[[Data], Dataset]) -> None:
        self._read = read
        # Rows in memory are held weakly: a baseline must not keep a large frame alive
        if isinstance(data, Dataset):
            has_rows = not data.listing.path
        # A Spark frame has no rows of its own
        else:
            has_rows = hasattr(data, "__len__") and not isinstance(data, str | list | tuple)
        self._data: Callable[[], Data | None] = lambda: data
        if has_rows:
            with suppress(TypeError):
                self._data = weakref.ref(data)

    def __call__(self) -> Dataset:
        data = self._data()
        if data is None:
            raise NoData("the frame that the baseline was made from is not stored")
        return self._read(data)

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()
