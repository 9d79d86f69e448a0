"""Rows with their labels and predictions, read as Clarify's configuration says: what the bias monitor looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from model_monitor.configuration.bias_options import read_analysis_config
from model_monitor.configuration.contract import JobConfig
from model_monitor.data.engine import Session, engine_of
from model_monitor.data.reading.captures import list_captures
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.formats import CaptureFormat, CsvFormat, JsonFormat
from model_monitor.data.reading.headers import first_cells, first_with_a_line, longest_line
from model_monitor.data.reading.listing import list_dataset
from model_monitor.data.reading.outcomes import PREDICTION_COLUMN, read_labelled
from model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from model_monitor.data.records.decoding import Reading
from model_monitor.data.records.outcome_payloads import INPUT, OUTPUTS
from model_monitor.data.records.outcome_values import NO_RECORDS, FeatureReading, OutcomeReading
from model_monitor.documents.analysis_config import AnalysisConfig
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.bias_measures import features_path, has_predictions, has_records, threshold_of
from model_monitor.inputs.features import read_columns, without
from model_monitor.inputs.window import window_of
from model_monitor.monitors.protocol import StoredBaseline

WHOLE_OUTPUT = "0"
"""With neither attribute the output is one numeric score (C7.2a)."""


def read_bias(session: Session, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The data set that the configuration names, with its label and, if there are any, its predictions as columns.

    Raises NoData if there is nothing to read, BadInput if it can't be read as that format, BadConfiguration if the
    configuration's headers don't fit it.
    """
    analysis = read_analysis_config(config.analysis_config or "")
    if has_records(config, analysis):
        dataset = read_records(session, config, analysis, partial(_reading, config, analysis), (INPUT, *OUTPUTS))
    elif isinstance(config.dataset_format, CsvFormat):
        dataset = read_headed_csv(session, config, config.dataset_format, analysis)
    else:
        dataset = read_columns(session, config.model_copy(update={"flatten_json": True}))
    return without(_with_prediction(dataset, config, analysis), config.exclude_features_attribute)


def read_headed_csv(session: Session, config: JobConfig, csv_format: CsvFormat, analysis: AnalysisConfig) -> Dataset:
    """CSV files, called by the configuration's headers. A first line that has most of them is a header; else it is data."""
    if analysis.headers is None:
        return read_columns(session, config)
    files = list_dataset(session, config.dataset_source).files
    first, head = first_with_a_line(engine_of(session).storage(config.dataset_source), files)
    cells = first_cells(first, head)
    if len(cells) != len(analysis.headers):
        raise BadConfiguration(
            f"analysis_config.json: headers has {len(analysis.headers)} names, and {first.path} has {len(cells)} columns; "
            "name all of them"
        )
    found = [cell.strip() for cell in cells]
    has_names = 2 * len(set(found) & set(analysis.headers)) > len(found)  # most of the first line
    is_header = found == list(analysis.headers) or (has_names and not config.replays_service)
    dataset = read_columns(session, config.model_copy(update={"dataset_format": replace(csv_format, header=is_header)}))
    absent = [name for name in analysis.headers if name not in found] if is_header else []
    if absent:
        raise BadConfiguration(
            f"analysis_config.json: headers names {absent[0]!r}, which the header line of {first.path} lacks; write the names "
            "that the columns have there"
        )
    named = replace(dataset, names=tuple(found) if is_header else analysis.headers)
    return named.of_features(analysis.headers)


def read_records(
    session: Session,
    config: JobConfig,
    analysis: AnalysisConfig,
    reading: Callable[[Reading], OutcomeReading],
    halves: tuple[str, ...],
) -> Dataset:
    """Captured or merged records, JSON Lines or JSON documents, in which paths say where everything is.

    reading: what is read of records of a kind. halves: the members of `captureData` that hold it.
    """
    window = window_of(config)
    is_json = isinstance(config.dataset_format, JsonFormat)
    source = (
        list_dataset(session, config.dataset_source)
        if is_json
        else list_captures(session, config.dataset_source, window, lenient_window=config.lenient_window)
    )
    records = NO_RECORDS
    if not is_json:
        records = Reading(
            halves,
            window=None if config.lenient_window else window,
            sample=config.sample,
            escape=SPARK_ESCAPE if config.replays_service else RFC_4180_ESCAPE,
            opens_base64=not config.replays_service,
        )
    whole_files = isinstance(config.dataset_format, JsonFormat) and not config.dataset_format.lines
    engine = engine_of(session)
    files, storage = source.files, engine.storage(source.path)
    line_bytes = max(file.size_bytes for file in files) if whole_files else longest_line(storage, files[0])
    return read_labelled(
        engine,
        source,
        reading(records),
        analysis.headers,
        threshold=threshold_of(config, analysis),
        documents=is_json,
        whole_files=whole_files,
        as_service=config.replays_service,
        partition_bytes=engine.read_lines_by_size(source.size_bytes, line_bytes),
    )


def _reading(config: JobConfig, analysis: AnalysisConfig, records: Reading) -> OutcomeReading:
    is_json = isinstance(config.dataset_format, JsonFormat)
    prediction = config.inference_attribute
    if prediction is None and analysis.predicted_label is not None:
        prediction = str(analysis.predicted_label)
    probability = config.probability_attribute
    if prediction is None and probability is None and not is_json:
        probability = WHOLE_OUTPUT
    label = config.ground_truth_attribute
    if label is None and is_json and analysis.label is not None:
        label = str(analysis.label)
    predicts = has_predictions(config, analysis)
    return OutcomeReading(
        label,
        prediction if predicts else None,
        probability if predicts else None,
        with_label=not isinstance(config.dataset_format, CaptureFormat),
        keeps_missing=True,
        records=records,
        features=FeatureReading(features_path(config, analysis)),
    )


def _with_prediction(dataset: Dataset, config: JobConfig, analysis: AnalysisConfig) -> Dataset:
    """A table whose predictions are probabilities, with a last column of what they predict."""
    named = config.inference_attribute is not None or analysis.predicted_label is not None
    if has_records(config, analysis) or named or config.probability_attribute is None:
        return dataset
    address = config.probability_attribute
    if address not in dataset.names and not (address.isdecimal() and int(address) < len(dataset.names)):
        raise BadConfiguration(f"probability_attribute is {address!r}, which is no column of the data")
    position = dataset.names.index(address) if address in dataset.names else int(address)
    rows = dataset.table.above(f"c{position}", threshold_of(config, analysis), f"c{len(dataset.names)}")
    rest = rows.columns[len(dataset.names) : -1]
    columns = [*(f"c{place}" for place in range(len(dataset.names) + 1)), *rest]
    return replace(dataset, rows=rows.selected(columns, columns), names=(*dataset.names, PREDICTION_COLUMN))
