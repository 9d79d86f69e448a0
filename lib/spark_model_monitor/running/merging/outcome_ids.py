"""Outcomes with the ids of their records. Executors import this module, but no module that merges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.records.locations import LINE
from spark_model_monitor.data.records.outcome_records import IDENTITY, Decoder
from spark_model_monitor.data.records.outcome_values import OF_CLASSES
from spark_model_monitor.running.merging.captured import RequestDecoder


def add_ids(decoder: Decoder, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The outcomes of raw batches, each with the id of its record and its position in the record."""
    for batch in batches:
        rows = decoder(batch)
        # Ids are in a table's column or in captured lines; otherwise they are null, and the caller numbers the rows
        ids = pa.nulls(batch.num_rows, pa.string())
        if IDENTITY in batch.schema.names:
            ids = batch.column(IDENTITY).cast(pa.string())
        elif LINE in batch.schema.names:
            ids = RequestDecoder()(batch.column(LINE)).keys
        numbers = np.arange(len(rows.sources))
        null_column = pa.nulls(len(numbers), schema.field("label").type)
        columns = [
            ids.take(rows.sources),
            # 0 for the first outcome of a record, 1 for the second, as a reply may have several rows
            numbers - np.maximum.accumulate(np.where(rows.is_first, numbers, 0)),
        ]
        columns += [
            null_column if values is None else values.cast(null_column.type)
            for values in (rows.labels, rows.predictions)
        ]
        columns += [pa.nulls(len(numbers), pa.float64()) if rows.scores is None else rows.scores, rows.reasons]
        columns.append(pa.nulls(len(numbers), OF_CLASSES) if rows.of_classes is None else rows.of_classes)
        yield pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=schema)
