"""A table's columns as outcomes, a block of rows at a time. Runs on executors: no pyspark."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.records.outcome_payloads import RecordRefused, as_texts, chosen, list_in
from model_monitor.records.outcome_values import Cells, OutcomeReading, OutcomeRows, judged
from model_monitor.records.refusals import REASON

LABEL, PREDICTION, PROBABILITY = "label", "prediction", "probability"
"""The columns of a frame of outcomes."""


def outcomes_of_columns(block: pa.RecordBatch, reading: OutcomeReading) -> OutcomeRows:
    """The outcomes of rows whose columns are LABEL, PREDICTION and PROBABILITY, as far as they are asked for, and REASON.

    Columns are texts or numbers; prediction and probability may be lists, or texts that look like lists, of all classes.
    """
    predictions = None if reading.prediction is None else block.column(PREDICTION)
    probabilities = None if reading.probability is None else block.column(PROBABILITY)
    reasons = block.column(REASON).to_numpy(zero_copy_only=False).astype(np.int32)
    if not reading.numeric and predictions is not None and _has_lists(predictions):
        predictions, probabilities, faults = _of_all_classes(predictions, probabilities, reading)
        reasons = np.where(reasons > 0, reasons, faults)
    rows = np.arange(block.num_rows, dtype=np.int64)
    return judged(Cells(block.column(LABEL), predictions, probabilities, rows, reasons), reading)


def _has_lists(column: pa.Array) -> bool:
    if pa.types.is_list(column.type):
        return True
    return bool(pc.any(pc.match_substring_regex(column, r"^\s*\["), min_count=0).as_py())


def _of_all_classes(predictions: pa.Array, probabilities: pa.Array | None, reading: OutcomeReading) -> Any:
    """Prediction, probability and fault of each row, of the labels of all classes the one of the largest probability."""
    found: list[tuple[str | None, str | None]] = []
    faults = np.zeros(len(predictions), dtype=np.int32)
    others = [None] * len(predictions) if probabilities is None else probabilities.to_pylist()
    for row, (labels, numbers) in enumerate(zip(predictions.to_pylist(), others, strict=True)):
        try:
            found += as_texts([chosen(_listed(labels), _listed(numbers), reading)])
        except RecordRefused as refused:
            found.append((None, None))
            faults[row] = refused.reason
    columns = [pa.array([pair[place] for pair in found], pa.string()) for place in range(2)]
    return columns[0], None if probabilities is None else columns[1], faults


def _listed(value: Any) -> Any:
    return list_in(value) if isinstance(value, str) else value
