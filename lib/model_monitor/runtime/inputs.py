"""A job's data set, read as its configuration says, with the session set for its size."""

from __future__ import annotations

import logging
import time

from pyspark.sql import SparkSession
from pyspark.sql.types import StringType

from model_monitor.errors import BadConfiguration
from model_monitor.reading.dataset import Dataset, list_dataset, read_dataset, read_table
from model_monitor.reading.formats import SparkFormat, TableFormat
from model_monitor.reading.scripts import read_script
from model_monitor.runtime.contract import JobConfig
from model_monitor.runtime.session import batch_by_width, partition_by_size

log = logging.getLogger(__name__)


def read_source(spark: SparkSession, config: JobConfig) -> Dataset:
    """The data set that `dataset_source` and `dataset_format` name, without the features that are to be left out.

    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    started = time.monotonic()
    dataset = without(_read(spark, config), config.exclude_features_attribute)
    batch_by_width(spark, len(dataset.names), _text_columns(dataset))
    size = sum(file.size_bytes for file in dataset.files)
    log.info(
        "found %d features in %d files, %s bytes, %.1f s",
        len(dataset.names),
        len(dataset.files),
        f"{size:,}",
        time.monotonic() - started,
    )
    return dataset


def _read(spark: SparkSession, config: JobConfig) -> Dataset:
    script = read_script(config.record_preprocessor_script, spark) if config.record_preprocessor_script else None
    if isinstance(config.dataset_format, TableFormat):
        if script:
            raise BadConfiguration(
                "record_preprocessor_script: a table has no lines that a script could get; drop one of the two"
            )
        return read_table(spark, config.dataset_format, as_service=config.replays_service)
    if isinstance(config.dataset_format, SparkFormat) and not config.dataset_source:
        return Dataset.of(
            spark.read.format(config.dataset_format.reader).options(**config.dataset_format.options).load()
        )
    listing = list_dataset(spark, config.dataset_source)
    partition_bytes = partition_by_size(spark, listing.size_bytes)
    return read_dataset(
        spark,
        listing,
        config.dataset_format,
        as_service=config.replays_service,
        script=script,
        flatten_json=config.flatten_json,
        partition_bytes=partition_bytes,
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


def _text_columns(dataset: Dataset) -> int:
    features = dataset.frame.schema.fields[: len(dataset.names)]
    return sum(isinstance(feature.dataType, StringType) for feature in features)


def _is_index(name: str, dataset: Dataset) -> bool:
    return name.isdecimal() and int(name) < len(dataset.names)
