"""Records with labels and predictions as one data set: merged and captured records, JSON Lines, JSON documents.

The columns are the features, the label and the prediction, in this order. How many features there are is told from the first
record that can be read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from model_monitor.engine import Session, engine_of
from model_monitor.engine.protocol import Engine
from model_monitor.errors import BadConfiguration, BadInput
from model_monitor.reading.captures import FILES_LOOKED_AT
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.decoded_lines import DecodedLines
from model_monitor.reading.heads import head_of
from model_monitor.reading.listing import Listing
from model_monitor.reading.long_lines import long_lines_of
from model_monitor.records.files_by_key import NO_FILES
from model_monitor.records.labelled_lines import LabelledRecords
from model_monitor.records.outcome_records import document_of, record_of
from model_monitor.records.outcome_values import OUTCOMES, FeatureReading, OutcomeReading
from model_monitor.records.refusals import Refusal
from model_monitor.statistics.states.outcomes import THRESHOLD

log = logging.getLogger(__name__)

LABEL, PREDICTION = "label", "predicted_label"
"""What these columns are called if no header names them."""


def read_labelled(
    session: Session,
    source: Listing,
    reading: OutcomeReading,
    headers: Sequence[str] | None,
    *,
    threshold: float = THRESHOLD,
    documents: bool = False,
    whole_files: bool = False,
    as_service: bool = False,
    partition_bytes: int | None = None,
) -> Dataset:
    """The listed records as a data set. Starts no Spark job.

    headers: names of the features and, if they go on, of the label and the prediction; None to call them `column_0`, ….
    documents: whether records are JSON documents, and not captured ones; whole_files: one for each file, and not for each line.

    Raises BadConfiguration if the headers are too few, or too many. Raises BadInput if no record can be read.
    """
    engine = engine_of(session)
    features = _features_of_the_first(engine, source, reading, documents, whole_files)
    names = _names(headers, features, reading)
    where = replace(reading.features or FeatureReading(), columns=features, names=tuple(headers or ())[:features])
    fixed = replace(reading, features=where)
    lines = engine.lines(
        source.places, in_order=as_service and not whole_files, with_blank=whole_files, whole_files=whole_files
    )
    files = NO_FILES if reading.records.window is None else lines.files_by_key()
    decoded = DecodedLines.of(lines, LabelledRecords(fixed, files, threshold, documents))
    at_most = source.partitions_at_most(engine, partition_bytes, in_order=as_service)
    long_lines = () if whole_files else long_lines_of(engine, source.files)
    return Dataset(
        decoded, names, source, refusable=True, partitions_at_most=at_most, record_cells=1, long_lines=long_lines
    )


def _names(headers: Sequence[str] | None, features: int, reading: OutcomeReading) -> tuple[str, ...]:
    """The names of the columns: the headers as far as they go."""
    outcomes = [LABEL] * reading.with_label + [PREDICTION] * reading.with_prediction
    if headers is None:
        return (*(f"column_{position}" for position in range(features)), *outcomes)
    if not features <= len(headers) <= features + len(outcomes):
        more = f", or {features + len(outcomes)} with those of label and prediction" if outcomes else ""
        raise BadConfiguration(
            f"analysis_config.json: headers has {len(headers)} names, and a record has {features} features; "
            f"write {features} names{more}"
        )
    return (*headers, *outcomes[len(headers) - features :])


def _features_of_the_first(
    engine: Engine, source: Listing, reading: OutcomeReading, documents: bool, whole_files: bool
) -> int:
    """How many features the first record has that can be read, whatever its time.

    Raises BadInput if there is none among the first records.
    """
    anything = replace(reading, records=replace(reading.records, window=None, sample=None))
    storage = engine.storage(source.path)
    reason = Refusal.NO_PAYLOAD
    for file in source.files[:FILES_LOOKED_AT]:
        head = storage.read(file.path) if whole_files else head_of(storage, file, refuse_nul=False)
        for line in [head] if whole_files else head.splitlines():
            found = document_of(line, anything) if documents else record_of(line, file.path, anything)
            if found.reason is None:
                return len(found.rows[0]) - OUTCOMES
            reason = found.reason
    raise BadInput(
        f"{source.path}: none of the first records can be read ({reason.text}); name where features, label and prediction are "
        "with features, label and predicted_label in analysis_config.json, or with --features-attribute, "
        "--ground-truth-attribute and --inference-attribute"
    )
