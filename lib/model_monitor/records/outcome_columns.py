"""A table's columns as outcomes, a block of rows at a time. Runs on executors: no pyspark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.decoding import RecordRefused
from model_monitor.records.line_bytes import is_writable
from model_monitor.records.outcome_payloads import chosen, list_in
from model_monitor.records.outcome_values import OutcomeReading, OutcomeRows, judged
from model_monitor.records.refusals import REASON, Refusal

LABEL, PREDICTION, PROBABILITY = "label", "prediction", "probability"
"""The columns of a frame of outcomes."""


def outcomes_of_columns(block: pa.RecordBatch, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of rows whose columns are LABEL, PREDICTION and PROBABILITY, as far as they are asked for, and REASON.

    Columns are texts or numbers; prediction and probability may be lists, or texts that look like lists, of all classes.
    """
    nothing = pa.nulls(block.num_rows, pa.string())
    predictions = nothing if reading.prediction is None else block.column(PREDICTION)
    probabilities = nothing if reading.probability is None else block.column(PROBABILITY)
    reasons = block.column(REASON).to_numpy(zero_copy_only=False).astype(np.int32)
    if not reading.numeric and _has_lists(predictions):
        predictions, probabilities, faults = _of_all_classes(predictions, probabilities, reading)
        reasons = np.where(reasons > 0, reasons, faults)
    rows = np.arange(block.num_rows, dtype=np.int64)
    columns = (block.column(LABEL), predictions, probabilities)
    return judged(DecodedRows(columns, rows, reasons, np.zeros_like(reasons)), reading)


def _has_lists(column: pa.Array) -> bool:
    if pa.types.is_list(column.type):
        return True
    return bool(pc.any(pc.match_substring_regex(column, r"^\s*\["), min_count=0).as_py())


def _of_all_classes(predictions: pa.Array, probabilities: pa.Array, reading: OutcomeReading) -> Any:
    """Prediction, probability and fault of each row, of the labels of all classes the one of the largest probability."""
    found: list[tuple[str | None, str | None]] = []
    faults = np.zeros(len(predictions), dtype=np.int32)
    for row, (labels, numbers) in enumerate(zip(predictions.to_pylist(), probabilities.to_pylist(), strict=True)):
        try:
            texts = chosen(_listed(labels), _listed(numbers), reading)
            if not all(is_writable(text) for text in texts if text is not None):
                raise RecordRefused(Refusal.NOT_UTF_8)
            found.append(texts)
        except RecordRefused as refused:
            found.append((None, None))
            faults[row] = refused.reason
    columns = [pa.array([pair[place] for pair in found], pa.string()) for place in range(2)]
    return *columns, faults


def _listed(value: Any) -> Any:
    return list_in(value) if isinstance(value, str) else value
