"""A data set of which every column is a feature, read as the configuration says, with the session set for its size."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import SparkSession

from model_monitor.configuration.contract import JobConfig
from model_monitor.engine import engine_of
from model_monitor.engine.partitions import column_groups
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.window import window_of
from model_monitor.reading.captures import list_captures, read_captures
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.formats import CaptureFormat, CsvFormat, JsonFormat, MergedFormat, SparkFormat, TableFormat
from model_monitor.reading.handlers import Script
from model_monitor.reading.heads import longest_line
from model_monitor.reading.listing import Listing, list_dataset
from model_monitor.reading.readers import read_dataset, read_source, read_table
from model_monitor.reading.scripts import read_script
from model_monitor.reading.transforms import listed_outputs, read_transform
from model_monitor.runs.protocol import Known


def read_features(spark: SparkSession, config: JobConfig, baseline: Known | None = None) -> Dataset:
    """The data set that `dataset_source` and `dataset_format` name, without the features that are to be left out.

    baseline: whose features the columns of captures are, by position; without one they are called `_c0`, `_c1`, ….
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    dataset = without(
        read_columns(spark, config, baseline.names if baseline else None), config.exclude_features_attribute
    )
    if dataset.by_columns:
        dataset = _in_column_groups(dataset)
    engine_of(spark).batch_by_width(-(-len(dataset.names) // dataset.column_groups), _line_bytes(dataset))
    return dataset


def _in_column_groups(dataset: Dataset) -> Dataset:
    """The data set as its width is best read: a wide table some columns at a time, in partitions of more rows."""
    engine, listing = dataset.engine, dataset.listing
    groups = column_groups(len(dataset.names), [file.size_bytes for file in listing.files])
    at_most = listing.partitions_at_most(engine, engine.partition_by_size(listing.size_bytes, groups))
    return replace(dataset, column_groups=groups, partitions_at_most=at_most)


def _line_bytes(dataset: Dataset) -> int:
    """The longest line at the beginning of the first file, of lines that executors decode; else 0."""
    if dataset.lines is None:
        return 0
    first = dataset.files[0]
    return longest_line(dataset.engine.storage(first.path), first)


def read_columns(spark: SparkSession, config: JobConfig, names: tuple[str, ...] | None = None) -> Dataset:
    """The data set with all of its columns. names: as the baseline calls them, for captured records and transforms."""
    script = read_script(config.record_preprocessor_script, spark) if config.record_preprocessor_script else None
    if isinstance(config.dataset_format, TableFormat):
        _refuse_script(script, "a table")
        return read_table(spark, config.dataset_format, as_service=config.replays_service)
    if isinstance(config.dataset_format, SparkFormat) and not config.dataset_source:
        _refuse_script(script, "what a reader of Spark finds by itself")
        return read_source(spark, config.dataset_format, as_service=config.replays_service)
    if isinstance(config.dataset_format, (CaptureFormat, MergedFormat)):
        return _read_captures(spark, config, config.dataset_format, names, script)
    listing = list_dataset(spark, config.dataset_source)
    if names is not None and script is None and isinstance(config.dataset_format, (CsvFormat, JsonFormat)):
        return _read_transform(spark, config, config.dataset_format, names, listing)
    partition_bytes = engine_of(spark).partition_by_size(listing.size_bytes)
    return read_dataset(
        spark,
        listing,
        config.dataset_format,
        as_service=config.replays_service,
        script=script,
        flatten_json=config.flatten_json,
        partition_bytes=partition_bytes,
    )


def _refuse_script(script: Script | None, source: str) -> None:
    if script:
        raise BadConfiguration(
            f"record_preprocessor_script: {source} has no lines that a script could get; drop one of the two"
        )


def _read_captures(
    spark: SparkSession,
    config: JobConfig,
    capture_format: CaptureFormat | MergedFormat,
    names: tuple[str, ...] | None,
    script: Script | None,
) -> Dataset:
    window = window_of(config)
    source = list_captures(spark, config.dataset_source, window, lenient_window=config.lenient_window)
    return read_captures(
        spark,
        source,
        names,
        capture_format=capture_format,
        window=window,
        sample=config.sample,
        script=script,
        as_service=config.replays_service,
        flatten_json=config.flatten_json,
        lenient_window=config.lenient_window,
        allow_mixed_encodings=config.allow_mixed_encodings,
        partition_bytes=engine_of(spark).partition_by_size(source.size_bytes),
    )


def _read_transform(
    spark: SparkSession,
    config: JobConfig,
    dataset_format: CsvFormat | JsonFormat,
    names: tuple[str, ...],
    listing: Listing,
) -> Dataset:
    """Files that later data lies in, be they plain or what a batch transform left."""
    listing = listed_outputs(spark, listing)
    return read_transform(
        spark,
        listing,
        dataset_format,
        names,
        window=None if config.lenient_window else window_of(config),
        as_service=config.replays_service,
        flatten_json=config.flatten_json,
        partition_bytes=engine_of(spark).partition_by_size(listing.size_bytes),
    )


def without(dataset: Dataset, excluded: tuple[str, ...]) -> Dataset:
    """The data set without some features, each named or given by its 0-based index.

    Raises BadConfiguration if one of them is no feature of the data.
    """
    unknown = [name for name in excluded if name not in dataset.names and not _is_index(name, dataset)]
    if unknown:
        raise BadConfiguration(
            f"exclude_features_attribute: {unknown[0]!r} is neither a feature of the data nor an index below "
            f"{len(dataset.names)}; the features are {', '.join(dataset.names[:20])}{' …' if len(dataset.names) > 20 else ''}"
        )
    dropped = {name if name in dataset.names else dataset.names[int(name)] for name in excluded}
    return dataset.of_features([name for name in dataset.names if name not in dropped]) if dropped else dataset


def _is_index(name: str, dataset: Dataset) -> bool:
    return name.isdecimal() and int(name) < len(dataset.names)
