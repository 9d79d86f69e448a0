"""Decodes a record's features, from its request or a JSON document. Pure, one record at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spark_model_monitor.data.records import CSV
from spark_model_monitor.data.records.captured_payloads import EncodedText, format_optional_value
from spark_model_monitor.data.records.csv_rows import Row, split_csv_rows, split_row
from spark_model_monitor.data.records.json_lines import JsonMembers, JsonValue
from spark_model_monitor.data.records.outcome_payloads import check_encoding, find_value, parse_payload
from spark_model_monitor.data.records.outcome_values import FeatureReading
from spark_model_monitor.data.records.refusals import RecordRefused, Refusal


def decode_features(
    request: EncodedText | None, output: EncodedText | None, reading: FeatureReading, escape: str
) -> list[Row]:
    """The features of a record, read from the request, or from a batch transform's output, which repeats the request.

    Raises RecordRefused if the features can't be read, or if their number is wrong.
    """
    half = request or output
    if half is None:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if check_encoding(half) == CSV:
        rows = [split_row(row, escape) for row in split_csv_rows(half.data)]
        # In a batch transform's output, the cells of the request come first
        if not request:
            rows = [row[: reading.columns] for row in rows]
    else:
        rows = []
        for document in parse_payload(half.data):
            rows += decode_document_features(document, reading)
    return _check_widths(rows, reading)


def decode_document_features(document: JsonValue, reading: FeatureReading) -> list[Row]:
    """The features in a JSON document: a list of lists, a single list, a list of objects, or a single object.

    Raises RecordRefused if there are no features, or if their number is wrong.
    """
    features = document
    if reading.path is not None:
        features = find_value(reading.path, document)
    rows = [features]
    if isinstance(features, list) and _are_rows(features):
        rows = features
    if not all(isinstance(row, (list, Mapping)) for row in rows):
        is_absent = features is None and reading.path is not None
        raise RecordRefused(Refusal.NO_PAYLOAD if is_absent else Refusal.PAYLOAD_NOT_JSON)
    if not all(rows):
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _check_widths([_format_cells(row, reading.names) for row in rows], reading)


def _are_rows(rows: list[JsonValue]) -> bool:
    return all(isinstance(row, list) for row in rows) or all(isinstance(row, Mapping) for row in rows)


def _format_cells(row: list[JsonValue] | JsonMembers, names: tuple[str, ...]) -> Row:
    """The cells of a row: by name if it has some of the names."""
    values: Iterable[JsonValue] = row
    if isinstance(row, Mapping):
        # Members are taken by name if any name fits; an absent member is a missing value
        values = row.values()
        if not row.keys().isdisjoint(names):
            values = [row.get(name) for name in names]
    return tuple(map(format_optional_value, values))


def _check_widths(rows: list[Row], reading: FeatureReading) -> list[Row]:
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    # If no number of features is given, all rows must have as many as the first one
    columns = reading.columns
    if columns is None:
        columns = len(rows[0])
    if any(len(row) != columns for row in rows):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    return rows
