"""The data set of a job that monitors a model, read as its configuration describes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.profiling.row_sample import read_sampled_rows
from spark_model_monitor.data.reading import labelled_records, outcome_tables
from spark_model_monitor.data.reading.captures import find_input_columns, list_captures, select_records
from spark_model_monitor.data.reading.csv_headers import read_first_cells
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.file_heads import find_nonblank_file, measure_longest_line
from spark_model_monitor.data.reading.formats import (
    ADDRESS_OPTIONS,
    CaptureFormat,
    CsvFormat,
    JsonFormat,
    MergedFormat,
    find_request_log,
)
from spark_model_monitor.data.reading.listing import Listing, list_dataset
from spark_model_monitor.data.records import INPUT, OUTPUT_INDEXES
from spark_model_monitor.data.records.decoding import Reading
from spark_model_monitor.data.records.outcome_records import LineDecoder
from spark_model_monitor.data.records.outcome_values import NO_RECORDS, FeatureReading, OutcomeReading
from spark_model_monitor.documents.analysis_config import AnalysisConfig
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.monitors.explainability.attribution_results import AttributionBaseline
from spark_model_monitor.monitors.predictors.error_model import MAX_ROWS as ERROR_ROWS
from spark_model_monitor.monitors.predictors.error_model import NO_ERROR_MODEL, ErrorModel
from spark_model_monitor.monitors.protocol import StoredBaseline
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.option_types import read_analysis_config
from spark_model_monitor.running.inputs.data_set_join import join_data_sets
from spark_model_monitor.running.inputs.features import drop_features, read_columns, read_options
from spark_model_monitor.running.inputs.job_measures import (
    features_path,
    has_predictions,
    has_records,
    outcome_plan,
    probability_threshold,
    reads_label,
)
from spark_model_monitor.running.inputs.run_inputs import load_metrics
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.segments import has_columns

log = logging.getLogger(__name__)


def read_outcomes(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The outcomes in the data set of `dataset_source` and `dataset_format`.

    Raises BadConfiguration if the data has no labels or the configuration does not give their location, NoData if there
    is nothing to read.
    """
    require_numbers(config)
    data_format = config.dataset_format
    if isinstance(data_format, CaptureFormat):
        raise BadConfiguration(
            "dataset_format: captured records have no labels; run the merge job on them, and write --dataset-format merged "
            "for what it leaves"
        )
    if config.ground_truth_attribute is None and not isinstance(data_format, MergedFormat):
        raise BadConfiguration("ground_truth_attribute is missing; name the column of the label")
    # A window has the baseline's segments, whether it has rows of them or not
    labels = {cut: tuple(segments) for cut, segments in getattr(baseline, "segments", {}).items()}
    plan = outcome_plan(config, labels)
    if baseline is not None:  # the window's rows are grouped by the same column as the baseline's
        plan = replace(plan, group_column=getattr(baseline, "group_column", None))
    return _read_outcomes(engine, config, plan, with_label=True)


def read_predictions(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The predictions in the data set of `dataset_source` and `dataset_format`; labels, if there are any, are ignored.

    Raises BadConfiguration if the configuration does not give their location, NoData if there is nothing to read.
    """
    return _read_outcomes(engine, config, outcome_plan(config), with_label=False)


def learn_errors(engine: Engine, config: JobConfig, rows: int) -> ErrorModel | None:
    """The model of prediction errors learnt from the baseline's rows; None if it isn't requested. rows: the number of rows.

    Raises BadConfiguration or BadInput for rows from which errors can't be learnt.
    """
    if config.learn_errors is None:
        return None
    import pandas as pd

    prediction = config.inference_attribute
    label = config.ground_truth_attribute
    table = _read_table(engine, config)
    for option, name in (("inference_attribute", prediction), ("ground_truth_attribute", label)):
        if name not in table.names:
            columns = ", ".join(table.names)
            raise BadConfiguration(f"{option} is {name!r}; errors are learnt from columns, here {columns}")
    # At most ERROR_ROWS rows: the model is fitted in this process
    labelled_rows = read_sampled_rows(table, rows, ERROR_ROWS).to_pandas()
    for name in (prediction, label):  # the baseline counts rows without a number, and fails if they are too many
        labelled_rows = labelled_rows[np.isfinite(pd.to_numeric(labelled_rows[name], errors="coerce"))]
    return ErrorModel.learnt(labelled_rows, label=label or "", prediction=prediction or "")


def require_numbers(config: JobConfig) -> None:
    """Raises BadConfiguration if errors are requested for predictions that are not numbers in a table."""
    if config.learn_errors is None:
        return
    if not outcome_plan(config).is_regression or isinstance(config.dataset_format, CaptureFormat | MergedFormat):
        raise BadConfiguration(
            "learn_errors: errors are learnt of predicted numbers in a table, each row with its features; write --problem-type "
            "Regression and a table such as csv or parquet, or leave it out"
        )


def _read_outcomes(engine: Engine, config: JobConfig, plan: OutcomePlan, *, with_label: bool) -> Dataset:
    data_format = config.dataset_format
    errors = None
    # The error of a predicted number is estimated from the row's features, so the data must have them
    if not with_label and plan.is_regression:
        if isinstance(data_format, CaptureFormat | MergedFormat):
            raise BadConfiguration(
                "dataset_format: an estimate of predicted numbers takes a table, each row its features and its prediction; write "
                "--dataset-format csv, json or parquet, not capture or merged"
            )
        if config.error_model is None:
            raise BadConfiguration(NO_ERROR_MODEL)
        errors = ErrorModel.read(config.error_model)
    make_reading = partial(_build_outcome_reading, config, with_label=with_label)
    if isinstance(data_format, CaptureFormat | MergedFormat) and not config.record_preprocessor_script:
        # Only the reply of captures is read, unless segments, groups or the model of errors need the request
        halves = tuple(half for half in OUTPUT_INDEXES if half in data_format.index_names)
        if not halves:
            raise BadConfiguration(
                f"dataset_format: captureIndexNames names none of {', '.join(OUTPUT_INDEXES)}, which hold the predictions"
            )
        source = _list_captures(engine, config)
        reading = select_records(halves, read_options(config))
        names = find_input_columns(engine, source, reading) if plan.reads_features else ()
        # Segments whose columns no record has are left out, and the request needn't be read
        no_segments = not plan.segments or (plan.labels and not any(has_columns(cut, names) for cut in plan.segments))
        if no_segments and plan.group_column is None:
            return _read_lines(engine, config, source, LineDecoder(make_reading(reading)))
        feature_reading = FeatureReading(columns=len(names), names=names)
        # The request is decoded as well, which takes several times as long
        both_halves = replace(reading, halves=(INPUT, *halves))
        decoder = LineDecoder(replace(make_reading(both_halves), features=feature_reading))
        return _read_lines(engine, config, source, decoder, cut_by=plan)
    # JSON Lines are decoded by executors, other data sets are read as tables
    is_plain = errors is None and not plan.reads_features and not config.record_preprocessor_script
    if is_plain and isinstance(data_format, JsonFormat) and data_format.lines:
        decoder = LineDecoder(make_reading(), documents=True)
        return _read_lines(engine, config, list_dataset(engine, config.dataset_source), decoder)
    table = _read_table(engine, config)
    addresses = _collect_addresses(config) | ({} if with_label else {"label": None})
    return outcome_tables.outcomes(table, plan, metrics=load_metrics(config.metrics), errors=errors, **addresses)


def _read_table(engine: Engine, config: JobConfig) -> Dataset:
    """The data as a table. Members of nested JSON become columns with dotted names, like the features of data quality."""
    return read_columns(engine, config.model_copy(update={"flatten_json": True}))


def _list_captures(engine: Engine, config: JobConfig) -> Listing:
    window = config.find_window()
    return list_captures(
        engine,
        config.dataset_source,
        window,
        lenient_window=config.lenient_window,
        request_log=find_request_log(config.dataset_format),
        staging=config.output_path,
    )


def _build_outcome_reading(config: JobConfig, records: Reading = NO_RECORDS, *, with_label: bool) -> OutcomeReading:
    addresses = config.ground_truth_attribute, config.inference_attribute, config.probability_attribute
    return outcome_tables.build_reading(outcome_plan(config), *addresses, records, with_label=with_label)


def _read_lines(
    engine: Engine,
    config: JobConfig,
    source: Listing,
    decoder: LineDecoder,
    cut_by: OutcomePlan | None = None,
) -> Dataset:
    line_bytes = measure_longest_line(engine.storage(source.path), source.files[0])
    return outcome_tables.read_line_outcomes(
        engine,
        source,
        decoder,
        metrics=load_metrics(config.metrics),
        cut_by=cut_by,
        as_service=config.replays_service,
        partition_bytes=engine.set_line_sizes(source.size_bytes, line_bytes),
    )


def _collect_addresses(config: JobConfig) -> dict[str, Any]:
    """The configured addresses of label, prediction and probability; the plan requests no others."""
    address_by_name = {name: getattr(config, option) for name, option in ADDRESS_OPTIONS.items()}
    return {name: address for name, address in address_by_name.items() if address is not None}


WHOLE_OUTPUT_ADDRESS = "0"  # without attributes the output is one numeric score (C7.2a)


def read_bias(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set that the configuration names, with its label and, if there are any, its predictions as columns.

    Raises NoData if there is nothing to read, BadInput if it can't be read as that format, BadConfiguration if the
    configuration's headers don't fit it.
    """
    analysis = read_analysis_config(config.analysis_config or "")
    if has_records(config, analysis):
        reading = partial(_build_analysis_reading, config, analysis)
        dataset = read_records(engine, config, analysis, reading, (INPUT, *OUTPUT_INDEXES))
    elif isinstance(config.dataset_format, CsvFormat):
        dataset = read_joined_csv(engine, config, config.dataset_format, analysis)
    else:
        # A table has label, facets and predictions as columns already
        dataset = _read_table(engine, config)
    return drop_features(_add_prediction_column(dataset, config, analysis), config.exclude_features_attribute)


def read_joined_csv(engine: Engine, config: JobConfig, csv_format: CsvFormat, analysis: AnalysisConfig) -> Dataset:
    """The CSV files, joined with the data sets of the facets and of the predictions, if these are given (`data_set_join.py`)."""
    dataset = read_headed_csv(engine, config, csv_format, analysis)

    def read_second_data_set(uri: str | None, headers: tuple[str, ...] | None) -> Dataset | None:
        if uri is None:
            return None
        second_config = config.model_copy(update={"dataset_source": uri})
        return read_headed_csv(engine, second_config, csv_format, analysis.model_copy(update={"headers": headers}))

    # Each data set has headers of its own; without them its first line names the columns
    facets = read_second_data_set(analysis.facet_dataset_uri, analysis.facet_headers)
    predictions = read_second_data_set(analysis.predicted_label_dataset_uri, analysis.predicted_label_headers)
    if facets is None and predictions is None:
        return dataset
    return join_data_sets(dataset, facets, predictions, analysis)


def read_headed_csv(engine: Engine, config: JobConfig, csv_format: CsvFormat, analysis: AnalysisConfig) -> Dataset:
    """CSV files with the configuration's headers. A first line that has most of these names is a header, otherwise data."""
    if analysis.headers is None:
        return read_columns(engine, config)
    files = list_dataset(engine, config.dataset_source).files
    # Empty files come from writers with nothing to write; the first line decides
    first_file, head = find_nonblank_file(engine.storage(config.dataset_source), files)
    cells = read_first_cells(first_file, head, csv_format.separator)
    if len(cells) != len(analysis.headers):
        raise BadConfiguration(
            f"analysis_config.json: headers has {len(analysis.headers)} names, and {first_file.path} has {len(cells)} columns; "
            "name all of them"
        )
    first_line_cells = [cell.strip() for cell in cells]
    has_names = 2 * len(set(first_line_cells) & set(analysis.headers)) > len(first_line_cells)  # most of the first line
    is_header = first_line_cells == list(analysis.headers) or (has_names and not config.replays_service)
    dataset = read_columns(engine, config.model_copy(update={"dataset_format": replace(csv_format, header=is_header)}))
    # A header that lacks configured names can't be matched by position
    missing_names = [name for name in analysis.headers if name not in first_line_cells]
    if is_header and missing_names:
        raise BadConfiguration(
            f"analysis_config.json: headers names {missing_names[0]!r}, which the header line of {first_file.path} lacks; write "
            "the names that the columns have there"
        )
    # By name the columns may come in any order; by position they are as configured
    headed_dataset = replace(dataset, names=tuple(first_line_cells) if is_header else analysis.headers)
    return headed_dataset.select_features(analysis.headers)


def read_records(
    engine: Engine,
    config: JobConfig,
    analysis: AnalysisConfig,
    reading: Callable[[Reading], OutcomeReading],
    halves: tuple[str, ...],
) -> Dataset:
    """Captured or merged records, JSON Lines or JSON documents; paths locate features, label and prediction in a record.

    reading: returns what to read from the records that it gets. halves: the members of `captureData` to read.
    """
    data_format = config.dataset_format
    names: tuple[str, ...] = ()
    if isinstance(data_format, JsonFormat):
        source = list_dataset(engine, config.dataset_source)
        records = NO_RECORDS
        # A JSON document can't be split at its lines, so its whole file is read as one line
        whole_files = not data_format.lines
    else:
        source = _list_captures(engine, config)
        records = select_records(halves, read_options(config))
        whole_files = False
        # JSON names the features itself
        if not config.replays_service and features_path(config, analysis) is None:
            names = find_input_columns(engine, source, records)
    # The longest line decides how much Spark reads at once
    line_bytes = measure_longest_line(engine.storage(source.path), source.files[0])
    if whole_files:
        line_bytes = max(file.size_bytes for file in source.files)
    return labelled_records.read_labelled(
        engine,
        source,
        reading(records),
        analysis.headers,
        names,
        threshold=probability_threshold(config, analysis),
        documents=isinstance(data_format, JsonFormat),
        whole_files=whole_files,
        as_service=config.replays_service,
        partition_bytes=engine.set_line_sizes(source.size_bytes, line_bytes),
    )


def _build_analysis_reading(config: JobConfig, analysis: AnalysisConfig, records: Reading) -> OutcomeReading:
    is_json = isinstance(config.dataset_format, JsonFormat)
    prediction = config.inference_attribute
    if prediction is None and analysis.predicted_label is not None:
        prediction = str(analysis.predicted_label)
    probability = config.probability_attribute
    # If no attribute describes the reply, it is a single number: the probability
    if prediction is None and probability is None and not is_json:
        probability = WHOLE_OUTPUT_ADDRESS
    label = config.ground_truth_attribute
    is_merged_json = isinstance(config.dataset_format, MergedFormat) and features_path(config, analysis) is not None
    if label is None and (is_json or is_merged_json) and analysis.label is not None:
        label = str(analysis.label)  # labels in JSON have the same path as in the data set
    # If the data has no predictions, a model makes them, or only the labels are measured
    data_has_predictions = has_predictions(config, analysis)
    return OutcomeReading(
        label,
        prediction if data_has_predictions else None,
        probability if data_has_predictions else None,
        with_label=not isinstance(config.dataset_format, CaptureFormat),
        allows_missing=True,
        records=records,
        features=FeatureReading(features_path(config, analysis)),
    )


def _add_prediction_column(dataset: Dataset, config: JobConfig, analysis: AnalysisConfig) -> Dataset:
    """The data set; if its predictions are probabilities, with a last column of predicted labels."""
    configured_names = (config.inference_attribute, analysis.predicted_label, analysis.predicted_label_dataset_uri)
    has_configured_prediction = any(position_or_name is not None for position_or_name in configured_names)
    if has_records(config, analysis) or has_configured_prediction or config.probability_attribute is None:
        return dataset
    address = config.probability_attribute
    if address not in dataset.names and not (address.isdecimal() and int(address) < len(dataset.names)):
        raise BadConfiguration(f"probability_attribute is {address!r}, which is no column of the data")
    # A name counts before an index: a column may be called 3
    if address in dataset.names:
        position = dataset.names.index(address)
    else:
        position = int(address)
    rows = dataset.table.flag_above(f"c{position}", probability_threshold(config, analysis), f"c{len(dataset.names)}")
    further_columns = rows.columns[len(dataset.names) : -1]
    # Tables have features c0, c1, … first, then columns for the reader's own use
    columns = [*dataset.feature_columns, f"c{len(dataset.names)}", *further_columns]
    return replace(
        dataset, rows=rows.select_columns(columns, columns), names=(*dataset.names, labelled_records.PREDICTION_COLUMN)
    )


def read_explained(engine: Engine, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set that the configuration names; for captured records only the model's input.

    Raises NoData if there is nothing to read, BadInput if it can't be read as that format, BadConfiguration if the
    configuration's headers don't fit it.
    """
    analysis = read_analysis_config(config.analysis_config or "")
    if has_records(config, analysis):
        dataset = _read_records(engine, config, analysis, baseline)
    elif isinstance(config.dataset_format, CsvFormat):
        dataset = read_headed_csv(engine, config, config.dataset_format, analysis)
    else:
        dataset = _read_table(engine, config)
        # Keys that hardly any record has may be ids; they would be thousands of columns, too many for Shapley values
        expected_names = analysis.headers or _list_baseline_features(baseline) or ()
        rare_names = set(dataset.rare).difference(expected_names)
        if rare_names:
            log.warning("%d features that almost no record has are not explained", len(rare_names))
            dataset = dataset.drop_features(rare_names)
    return drop_features(dataset, config.exclude_features_attribute)


def _read_records(
    engine: Engine, config: JobConfig, analysis: AnalysisConfig, baseline: StoredBaseline | None
) -> Dataset:
    label = None
    if reads_label(config, analysis):
        label = analysis.label

    def reading(records: Reading) -> OutcomeReading:
        path = features_path(config, analysis)
        return OutcomeReading(
            None if label is None else str(label),
            None,
            None,
            with_label=label is not None,
            allows_missing=True,
            records=records,
            features=FeatureReading(path),
        )

    headers = analysis.headers
    if headers is None:
        headers = _list_baseline_features(baseline)
    # The configuration's headers may have the label, which captures lack
    if headers is not None and label is None:
        headers = tuple(name for name in headers if name not in (analysis.label, analysis.predicted_label))
    return read_records(engine, config, analysis.model_copy(update={"headers": headers}), reading, (INPUT,))


def _list_baseline_features(baseline: StoredBaseline | None) -> tuple[str, ...] | None:
    """The features of the baseline's columns, in their order; None if the baseline has none."""
    if not isinstance(baseline, AttributionBaseline):
        return None
    return next(map(tuple, baseline.constraints.values.values()), None)
