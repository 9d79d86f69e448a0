"""The features in a payload that are named or found by a path: rows of a request, or of a JSON document. Pure.

Source: B1; C6.3, C7.2a.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model_monitor.records.csv_rows import Row, cells_of
from model_monitor.records.decoding import CSV, Half, RecordRefused, csv_rows, json_text
from model_monitor.records.outcome_payloads import documents_in, encoding_of, found_at
from model_monitor.records.outcome_values import FeatureReading
from model_monitor.records.refusals import Refusal

INPUT, OUTPUTS = "endpointInput", ("endpointOutput", "batchTransformOutput")


def features_of(request: Half | None, output: Half | None, reading: FeatureReading, escape: str) -> list[Row]:
    """The features of a record: those of its request, or of a batch transform's output, which holds the request as well.

    Raises RecordRefused if they can't be read, or are of another number.
    """
    half = request or output
    if half is None:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    if encoding_of(half) == CSV:
        rows = [cells_of(row, escape) for row in csv_rows(half.data)]
        # a batch transform joins its output behind the request
        return _of_so_many(rows if request else [row[: reading.columns] for row in rows], reading)
    found = [row for document in documents_in(half.data) for row in features_in(document, reading)]
    return _of_so_many(found, reading)


def features_in(document: Any, reading: FeatureReading) -> list[Row]:
    """The features in a JSON document: a list of lists, one list, objects or one object.

    Raises RecordRefused if there are none, or of another number.
    """
    found = document if reading.path is None else found_at(reading.path, document)
    rows = found if isinstance(found, list) and _are_rows(found) else [found]
    if not all(isinstance(row, (list, Mapping)) for row in rows):
        raise RecordRefused(
            Refusal.PAYLOAD_NOT_JSON if found is not None or reading.path is None else Refusal.NO_PAYLOAD
        )
    if not all(rows):
        raise RecordRefused(Refusal.NO_PAYLOAD)
    return _of_so_many([_cells(row, reading.names) for row in rows], reading)


def _are_rows(found: list[Any]) -> bool:
    return all(isinstance(item, list) for item in found) or all(isinstance(item, Mapping) for item in found)


def _cells(row: list[Any] | Mapping[str, Any], names: tuple[str, ...]) -> Row:
    """The cells of a row: by name where it carries some of the names."""
    values = row if isinstance(row, list) else list(row.values())
    if isinstance(row, Mapping) and not row.keys().isdisjoint(names):
        values = [row.get(name) for name in names]
    return tuple(None if value is None else json_text(value) for value in values)


def _of_so_many(rows: list[Row], reading: FeatureReading) -> list[Row]:
    if not rows:
        raise RecordRefused(Refusal.NO_PAYLOAD)
    columns = len(rows[0]) if reading.columns is None else reading.columns
    if any(len(row) != columns for row in rows):
        raise RecordRefused(Refusal.WRONG_NUMBER_OF_CELLS)
    return rows
