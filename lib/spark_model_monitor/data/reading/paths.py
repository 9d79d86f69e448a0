"""Reads the files at a path as a data set of features, on an engine configured for their size and width."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.format_detection import detect_format
from spark_model_monitor.data.reading.format_readers import configure_for_width, read_dataset, read_source, read_table
from spark_model_monitor.data.reading.formats import (
    DEFAULT_OPTIONS,
    DELTA,
    CaptureFormat,
    CsvFormat,
    DatasetFormat,
    JsonFormat,
    MergedFormat,
    QueryFormat,
    ReadOptions,
    SparkFormat,
    TableFormat,
    find_request_log,
    parse_format,
)
from spark_model_monitor.data.reading.listing import PathOrPaths, list_dataset, list_paths
from spark_model_monitor.data.reading.transform_outputs import list_outputs, read_transform
from spark_model_monitor.errors import BadConfiguration

if TYPE_CHECKING:
    from spark_model_monitor.data.reading.scripts import Script


def read_files(
    engine: Engine, path: PathOrPaths, dataset_format: DatasetFormat | None, options: ReadOptions = DEFAULT_OPTIONS
) -> Dataset:
    """The data set at `path`, with settings for its width. dataset_format: None to detect it from the files.

    Raises BadConfiguration if the format can't be detected, or is the format of a table; otherwise as `read_path`.
    """
    data_format = dataset_format or parse_format(detect_format(engine, path, options.window))
    if isinstance(data_format, TableFormat):
        raise BadConfiguration(
            f"dataset_format names a table, and {path} is a path; pass spark.table({data_format.name!r})"
        )
    return configure_for_width(engine, read_path(engine, path, data_format, options))


def read_path(
    engine: Engine, path: PathOrPaths, dataset_format: DatasetFormat, options: ReadOptions = DEFAULT_OPTIONS
) -> Dataset:
    """The data set at one path or several, with all columns; the path is empty for formats that need no path.

    Raises NoData if there is nothing to read, BadInput if the data can't be read in that format.
    """
    # Request logs and tables take one path; files take several
    first, *more_paths = list_paths(path)
    if more_paths and (isinstance(dataset_format, (TableFormat, SparkFormat)) or find_request_log(dataset_format)):
        raise BadConfiguration(
            "a list of paths is for CSV, JSON, Parquet and captures; pass the one path below which all of it is"
        )
    if isinstance(dataset_format, QueryFormat):
        _reject_script(options.script, "a database")
        from spark_model_monitor.data.reading.query_results import read_query  # rarely needed

        return read_query(engine, first, options.query or "", options.time_column, options.window)
    if dataset_format == DELTA and path:
        dataset_format = TableFormat(f"delta.`{engine.storage(first).resolved(first)}`")
    if isinstance(dataset_format, TableFormat):
        _reject_script(options.script, "a table")
        return read_table(engine, dataset_format, options)
    if isinstance(dataset_format, SparkFormat) and not path:
        _reject_script(options.script, "what a reader of Spark finds by itself")
        return read_source(engine, dataset_format, as_service=options.as_service)
    if isinstance(dataset_format, (CaptureFormat, MergedFormat)):
        from spark_model_monitor.data.reading.captures import list_captures, read_captures  # rarely needed

        source = list_captures(
            engine,
            path,
            options.window,
            lenient_window=options.lenient_window,
            request_log=find_request_log(dataset_format),
            staging=options.staging,
            halves=dataset_format.index_names,
        )
        return read_captures(engine, source, dataset_format, options, engine.set_partition_size(source.size_bytes))
    listing = list_dataset(engine, path)
    is_text = isinstance(dataset_format, (CsvFormat, JsonFormat))
    # If there is a baseline, text files may be outputs of a batch transform
    if options.names is not None and options.script is None and is_text:
        listing = list_outputs(engine, listing, options.manifest_root)
        return read_transform(engine, listing, dataset_format, options, engine.set_partition_size(listing.size_bytes))
    return read_dataset(engine, listing, dataset_format, options, engine.set_partition_size(listing.size_bytes))


def _reject_script(script: Script | None, source: str) -> None:
    if script:
        raise BadConfiguration(
            f"record_preprocessor_script: {source} has no lines that a script could get; drop one of the two"
        )
