"""Captured and merged records, and JSON documents, as rows of features with labels and predictions. Pure; runs on executors.

What a record means is said by `outcome_records`, for every monitor. Here a label or a prediction may be missing, which is not
positive then (B1), and a probability above a threshold is a prediction of 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from model_monitor.records.decoded_rows import DecodedRows
from model_monitor.records.files_by_key import NO_FILES, FilesByKey
from model_monitor.records.line_bytes import CHUNK_BYTES
from model_monitor.records.outcome_decoders import DocumentDecoder, LineDecoder
from model_monitor.records.outcome_values import OutcomeReading, OutcomeRows
from model_monitor.statistics.states.outcomes import THRESHOLD


@dataclass(frozen=True, slots=True)
class LabelledRecords:
    """The decoder of captured and merged records.

    reading: with features, and a number of them. files: those that the lines are from. threshold: a probability above it is a
    prediction of 1, where there is no prediction. documents: whether the lines are JSON documents, a line or a whole file each.
    """

    reading: OutcomeReading
    files: FilesByKey = NO_FILES
    threshold: float = THRESHOLD
    documents: bool = False
    chunk_bytes: int = CHUNK_BYTES

    counts_cells = True
    keeps_lines = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return self.reading.records.inputs

    @property
    def features(self) -> int:
        """How many columns there are: the features, label and prediction."""
        return self.reading.columns + self.reading.with_label + self.reading.with_prediction

    def rows(self, batch: pa.RecordBatch) -> DecodedRows:
        """The rows of each record, of which the first is counted; one for a refused record."""
        decoder = DocumentDecoder if self.documents else partial(LineDecoder, files=self.files)
        found = decoder(self.reading, chunk_bytes=self.chunk_bytes)(batch)
        columns = [*found.features, *[found.labels] * self.reading.with_label]
        if self.reading.with_prediction:
            columns.append(predicted(found, self.threshold))
        return DecodedRows(tuple(columns), found.sources, found.reasons, (found.kept & found.is_first).astype(np.int32))


def predicted(rows: OutcomeRows, threshold: float) -> pa.StringArray:
    """The predictions, where there is none 1 or 0 by the probability, null where there is none either."""
    if rows.scores is None:
        return rows.predictions
    is_missing = pa.array(np.isnan(rows.scores))
    by_threshold = pc.if_else(is_missing, None, pc.if_else(pa.array(rows.scores > threshold), "1", "0"))
    return by_threshold if rows.predictions is None else pc.coalesce(rows.predictions, by_threshold)
