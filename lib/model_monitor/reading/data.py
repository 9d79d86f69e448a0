"""Whatever data somebody has at hand in Python as a data set: `read_data`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import pyarrow as pa

from model_monitor.engine import Session, is_of_spark
from model_monitor.errors import BadConfiguration
from model_monitor.reading.arrow_tables import read_arrow
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.engines import session_for
from model_monitor.reading.formats import DatasetFormat, TableFormat
from model_monitor.reading.pandas_frames import table_of_pandas
from model_monitor.reading.paths import format_named, read_path, set_for_width
from model_monitor.reading.recognition import format_word_of
from model_monitor.records.windows import Window

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

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
    if is_of_spark(data):
        return Dataset.of(cast("DataFrame", data))
    if isinstance(data, (pd.DataFrame, pa.Table)):
        table = table_of_pandas(data) if isinstance(data, pd.DataFrame) else data
        return read_arrow(session_for(engine, spark, size_bytes=table.nbytes), table)
    if isinstance(data, (str, os.PathLike)):
        data_format, path = None if dataset_format is None else format_named(dataset_format), os.fspath(data)
        return _read_path(session_for(engine, spark, path, data_format), path, data_format, names, window)
    raise TypeError(
        f"the data is of type {_type(data)}; pass a DataFrame of pandas or of Spark, a Table of pyarrow, or the path of files"
    )


def _read_path(
    session: Session,
    path: str,
    dataset_format: DatasetFormat | None,
    names: Sequence[str] | None,
    window: Window | None,
) -> Dataset:
    given = dataset_format or format_named(format_word_of(session, path))
    if isinstance(given, TableFormat):
        raise BadConfiguration(f"dataset_format names a table, and {path} is a path; pass spark.table({given.name!r})")
    return set_for_width(session, read_path(session, path, given, names, window=window))


def _type(thing: object) -> str:
    module = type(thing).__module__.partition(".")[0]
    return type(thing).__name__ if module == "builtins" else f"{module}.{type(thing).__name__}"
