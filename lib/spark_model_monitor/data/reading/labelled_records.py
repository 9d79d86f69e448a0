"""Data sets of features with labels and predictions, from merged and captured records or JSON documents: for bias."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.csv_lines import find_listed_long_lines
from spark_model_monitor.data.reading.dataset import Dataset, DecodedLines
from spark_model_monitor.data.reading.file_heads import FORMAT_SAMPLE_FILES, FORMAT_SAMPLE_RECORDS, read_first_lines
from spark_model_monitor.data.reading.listing import Listing
from spark_model_monitor.data.records.decoded_rows import DecodedRecord
from spark_model_monitor.data.records.locations import NO_FILES
from spark_model_monitor.data.records.outcome_records import (
    LABEL,
    LabelledRecords,
    decode_document,
    decode_merged_record,
)
from spark_model_monitor.data.records.outcome_values import OUTCOMES, FeatureReading, OutcomeReading
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import BadConfiguration, BadInput
from spark_model_monitor.statistics.states.outcome_plan import THRESHOLD

PREDICTION_COLUMN = "predicted_label"  # the column's name if no header names it


def read_labelled(
    engine: Engine,
    source: Listing,
    reading: OutcomeReading,
    headers: Sequence[str] | None,
    names: Sequence[str] = (),
    *,
    threshold: float = THRESHOLD,
    documents: bool = False,
    whole_files: bool = False,
    as_service: bool = False,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed records as a data set. Starts no Spark job.

    headers: names of the features and, optionally, of the label and the prediction. None: the features are called as in the
    records (names), or `column_0`, … if the number of these names is wrong or one of them is taken. documents: whether
    records are JSON documents instead of captures. whole_files: whether each file, instead of each line, is one document.

    Raises BadConfiguration if there are too few or too many headers. Raises BadInput if no record can be read.
    """
    # The first records show the number of features
    first_records = _decode_first_records(engine, source, reading, documents, whole_files)
    features = _count_features(source.path, first_records)
    if headers is None and len({*names, LABEL, PREDICTION_COLUMN}) == features + 2 and "_c0" not in names:
        headers = names
    feature_reading = replace(
        reading.features or FeatureReading(), columns=features, names=tuple(headers or ())[:features]
    )
    full_reading = replace(reading, features=feature_reading)
    lines = engine.lines(
        source.paths_to_read, in_order=as_service and not whole_files, with_blank=whole_files, whole_files=whole_files
    )
    # The paths of files are only needed for a window: their folders may contain the hour
    files = NO_FILES
    if reading.records.selection.window is not None:
        files = lines.files_by_key()
    return Dataset(
        DecodedLines.of(lines, LabelledRecords(full_reading, files, threshold, documents)),
        _name_columns(headers, features, reading),
        source,
        refusable=True,
        max_partition_count=source.max_partition_count(engine, partition_bytes, in_order=as_service),
        record_cells=1,
        long_lines=() if whole_files else find_listed_long_lines(engine, source),
    )


def _name_columns(headers: Sequence[str] | None, features: int, reading: OutcomeReading) -> tuple[str, ...]:
    """The names of the columns: the headers, then default names."""
    outcomes = [LABEL] * reading.with_label + [PREDICTION_COLUMN] * reading.with_prediction
    # Headers name the features, and optionally the label and the prediction after them
    if headers is None:
        return (*(f"column_{position}" for position in range(features)), *outcomes)
    if not features <= len(headers) <= features + len(outcomes):
        more = ""
        if outcomes:
            more = f", or {features + len(outcomes)} with those of label and prediction"
        raise BadConfiguration(
            f"analysis_config.json: headers has {len(headers)} names, and a record has {features} features; "
            f"write {features} names{more}"
        )
    return (*headers, *outcomes[len(headers) - features :])


def _count_features(path: str, first_records: Iterable[DecodedRecord]) -> int:
    """The most frequent number of features of the first readable records. Raises BadInput if none of them is readable."""
    reason = Refusal.NO_PAYLOAD
    widths: Counter[int] = Counter()
    for decoded in first_records:
        if decoded.reason is None:
            widths[len(decoded.rows[0]) - OUTCOMES] += 1
        else:
            reason = decoded.reason
        if widths.total() >= FORMAT_SAMPLE_RECORDS:
            break
    if widths:
        return widths.most_common(1)[0][0]
    raise BadInput(
        f"{path}: none of the first records can be read ({reason.text}); name where features, label and prediction are "
        "with features, label and predicted_label in analysis_config.json, or with --set features_attribute=PATH, "
        "--ground-truth-attribute and --inference-attribute"
    )


def _decode_first_records(
    engine: Engine, source: Listing, reading: OutcomeReading, documents: bool, whole_files: bool
) -> Iterator[DecodedRecord]:
    """The first records of the first files, regardless of their time: a file is opened when its first record is needed."""
    unlimited_reading = replace(reading, records=reading.records.drop_limits())
    storage = engine.storage(source.path)
    for file in source.files[:FORMAT_SAMPLE_FILES]:
        # A whole file is one document
        lines = [storage.read(file.path)] if whole_files else read_first_lines(engine, file)
        for line in lines:
            if documents:
                yield decode_document(line, unlimited_reading)
            else:
                yield decode_merged_record(line, file.path, unlimited_reading)
