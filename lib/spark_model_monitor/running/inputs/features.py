"""The features of a job's data set, read as its configuration describes, for the monitor of data quality."""

from __future__ import annotations

import logging
from dataclasses import replace

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.format_readers import configure_for_width, select_window
from spark_model_monitor.data.reading.formats import CaptureFormat, MergedFormat, QueryFormat, ReadOptions, add_quotes
from spark_model_monitor.data.reading.paths import read_path
from spark_model_monitor.documents.page import list_names
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.running.configuration.contract import JobConfig

log = logging.getLogger(__name__)


def read_features(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set of `dataset_source` and `dataset_format`, without the excluded features.

    baseline: its features name the columns of captures, by position; without it they are called `_c0`, `_c1`, ….
    Raises NoData if there is nothing to read, BadInput if it can't be read as that format.
    """
    if baseline is None:
        dataset = read_columns(engine, config)
    else:
        dataset = read_columns(engine, config, baseline.names, baseline)
    dataset = drop_features(dataset, config.exclude_features_attribute)
    # The label becomes known later: captures don't have it, but other data may have it as a column
    if config.label in dataset.names and not config.replays_service:
        dataset = drop_features(dataset, (config.label,))
    if config.id_column not in (None, *dataset.names):
        log.warning("--id-column: %r is no column of the data; no examples are kept", config.id_column)
    return configure_for_width(engine, dataset)


def read_columns(
    engine: Engine, config: JobConfig, names: tuple[str, ...] | None = None, baseline: StoredBaseline | None = None
) -> Dataset:
    """The data set with all its columns. names: the baseline's columns, which name the columns of captures and of batch
    transforms. baseline: gives the roles and the values of these columns.
    """
    is_captured = isinstance(config.dataset_format, (CaptureFormat, MergedFormat))
    if config.query is not None and not isinstance(config.dataset_format, QueryFormat):
        raise BadConfiguration(
            "--query is of a database (--dataset-source adbc:URI), and has no effect here; leave it out"
        )
    options = read_options(config, names)
    if baseline is not None:
        options = replace(options, roles=baseline.roles, values=baseline)
    if config.record_preprocessor_script:
        # The script travels with the tasks, as text: workers don't see this machine's files
        from spark_model_monitor.data.reading.scripts import read_script

        options = replace(options, script=read_script(config.record_preprocessor_script, engine))
    dataset = read_path(engine, config.dataset_source, config.selected_format, options)
    has_window_applied = is_captured or isinstance(config.dataset_format, QueryFormat)
    if options.window is None or config.time_column is None or has_window_applied:
        if not is_captured and config.time_column not in (None, *dataset.names):
            log.warning(
                "--time-column: %r is no column of this data; nothing is judged by the time of rows", config.time_column
            )
        return dataset
    return select_window(dataset, config.time_column, options.window)


def read_options(config: JobConfig, names: tuple[str, ...] | None = None) -> ReadOptions:
    """The configured reading options, except a script, which must be loaded. names: the names of the baseline's features."""
    return ReadOptions(
        names,
        config.find_window(),
        config.lenient_window,
        config.sample,
        target_model=config.target_model,
        manifest_root=config.manifest_root,
        as_service=config.replays_service,
        flatten_json=config.flattens_json,
        allow_mixed_encodings=config.allow_mixed_encodings,
        as_of=config.as_of,
        since=config.since,
        left_out=config.exclude_features_attribute,
        missing_values=config.missing_values,
        staging=config.output_path,
        query=config.query,
        time_column=config.time_column,
    )


def drop_features(dataset: Dataset, excluded: tuple[str, ...]) -> Dataset:
    """The data set without some features, each given by name or 0-based index.

    Raises BadConfiguration if one of them is not a feature of the data.
    """
    indexes = {str(index) for index in range(len(dataset.names))}
    unknown_names = [name for name in excluded if name not in (*dataset.names, *indexes)]
    if unknown_names:
        listed_names = list_names([*map(add_quotes, dataset.names)], 20)
        raise BadConfiguration(
            f"exclude_features_attribute: {unknown_names[0]!r} is neither a feature of the data nor an index below "
            f"{len(dataset.names)}; the features are {listed_names}"
        )
    # A name counts before an index: a column may be called 3
    dropped_names = {name if name in dataset.names else dataset.names[int(name)] for name in excluded}
    if dropped_names:
        return dataset.drop_features(dropped_names)
    return dataset
