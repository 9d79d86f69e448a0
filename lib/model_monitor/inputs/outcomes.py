"""Labels beside predictions, read as the configuration says: what model quality looks at."""

from __future__ import annotations

from typing import Any

from model_monitor.configuration.contract import JobConfig
from model_monitor.data.engine import Session, engine_of
from model_monitor.data.reading.captures import list_captures
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.formats import CaptureFormat, JsonFormat, MergedFormat
from model_monitor.data.reading.headers import longest_line
from model_monitor.data.reading.listing import Listing, list_dataset
from model_monitor.data.reading.outcomes import outcomes, read_line_outcomes, reading_of
from model_monitor.data.records.csv_rows import RFC_4180_ESCAPE, SPARK_ESCAPE
from model_monitor.data.records.decoding import Reading
from model_monitor.data.records.outcome_payloads import OUTPUTS
from model_monitor.data.records.outcome_records import DocumentDecoder, LineDecoder
from model_monitor.errors import BadConfiguration
from model_monitor.inputs.features import read_columns
from model_monitor.inputs.outcome_plan import outcome_plan
from model_monitor.inputs.user_metrics import load_metrics
from model_monitor.inputs.window import window_of
from model_monitor.monitors.protocol import StoredBaseline


def read_outcomes(session: Session, config: JobConfig, baseline: StoredBaseline | None = None) -> Dataset:
    """The outcomes in the data set that `dataset_source` and `dataset_format` name.

    Raises BadConfiguration if the data has no labels or the configuration does not say where they are, NoData if there is
    nothing to read.
    """
    data_format = config.dataset_format
    if isinstance(data_format, CaptureFormat):
        raise BadConfiguration(
            "dataset_format: captured records have no labels; run the merge job on them, and write --dataset-format merged "
            "for what it leaves"
        )
    if isinstance(data_format, MergedFormat) and not config.record_preprocessor_script:
        return _merged(session, config, data_format)
    if config.ground_truth_attribute is None:
        raise BadConfiguration("ground_truth_attribute is missing; name the column of the label")
    if isinstance(data_format, JsonFormat) and data_format.lines and not config.record_preprocessor_script:
        return _json_lines(session, config)
    table = read_columns(session, config.model_copy(update={"flatten_json": True}))
    return outcomes(table, outcome_plan(config), metrics=load_metrics(config.metrics), **_addresses(config))


def _merged(session: Session, config: JobConfig, merged_format: MergedFormat) -> Dataset:
    halves = tuple(half for half in OUTPUTS if half in merged_format.index_names)
    if not halves:
        raise BadConfiguration(
            f"dataset_format: captureIndexNames names none of {', '.join(OUTPUTS)}, which hold the predictions"
        )
    window = window_of(config)
    source = list_captures(session, config.dataset_source, window, lenient_window=config.lenient_window)
    reading = reading_of(
        outcome_plan(config),
        config.ground_truth_attribute,
        config.inference_attribute,
        config.probability_attribute,
        Reading(
            halves,
            window=None if config.lenient_window else window,
            sample=config.sample,
            escape=SPARK_ESCAPE if config.replays_service else RFC_4180_ESCAPE,
            opens_base64=not config.replays_service,
        ),
    )
    return _of_lines(session, config, source, LineDecoder(reading))


def _json_lines(session: Session, config: JobConfig) -> Dataset:
    listing = list_dataset(session, config.dataset_source)
    reading = reading_of(
        outcome_plan(config), config.ground_truth_attribute, config.inference_attribute, config.probability_attribute
    )
    return _of_lines(session, config, listing, DocumentDecoder(reading))


def _of_lines(session: Session, config: JobConfig, source: Listing, decoder: LineDecoder | DocumentDecoder) -> Dataset:
    engine = engine_of(session)
    line_bytes = longest_line(engine.storage(source.path), source.files[0])
    return read_line_outcomes(
        engine,
        source,
        decoder,
        metrics=load_metrics(config.metrics),
        as_service=config.replays_service,
        partition_bytes=engine.read_lines_by_size(source.size_bytes, line_bytes),
    )


def _addresses(config: JobConfig) -> dict[str, Any]:
    """The columns that are named; those that are not aren't asked for by the plan."""
    named = {
        "label": config.ground_truth_attribute,
        "prediction": config.inference_attribute,
        "probability": config.probability_attribute,
    }
    return {name: address for name, address in named.items() if address is not None}
