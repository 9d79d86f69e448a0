"""The rows of a flip test, prepared of typed Arrow batches; as `flip_frames.py` says them in SQL. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_monitor.data.engine.protocol import PARTITION, Partitions
from model_monitor.data.profiling.contingency_cells import Cells, CountTask, key_of, typed_cells
from model_monitor.profiling.flip_partition import (
    DRAW,
    DRAWS,
    FEATURES,
    NUMERIC,
    POSITIVE,
    SENSITIVE,
    TEXTS,
    RowsOfKeys,
)
from model_monitor.statistics.states.contingency import CellKind, ContingencyPlan
from model_monitor.statistics.states.hashing import chained_hashes

SCHEMA = pa.schema(
    [
        (PARTITION, pa.int32()),
        (FEATURES, pa.list_(pa.float64())),
        (POSITIVE, pa.bool_()),
        (SENSITIVE, pa.list_(pa.bool_())),
        (DRAW, pa.float64()),
        (TEXTS, pa.int64()),
    ]
)


def prepared_by_arrow(
    table: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    features: Sequence[str],
    positive: RowsOfKeys,
    sensitive: Sequence[RowsOfKeys],
    reason: str | None,
) -> Partitions | None:
    """The kept rows as `flip_partition` wants them; None if a feature can't be a number, as far as types tell."""
    task = FlipTask(CountTask(plan, tuple(names), reason, None), tuple(features), positive, tuple(sensitive))
    schema = table.schema
    cells = [task.feature(pa.array([], schema.field(f"c{names.index(name)}").type)) for name in features]
    is_number = [cell.declared in NUMERIC or (cell.declared is None and plan.untyped_texts) for cell in cells]
    return table.numbered().mapped(task, SCHEMA) if cells and all(is_number) else None


@dataclass(frozen=True)
class FlipTask:
    """Makes those rows of a partition's."""

    count: CountTask
    features: tuple[str, ...]
    positive: RowsOfKeys
    sensitive: tuple[RowsOfKeys, ...]

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        reason = self.count.reason
        for batch in batches:
            yield self._rows(batch.filter(pc.equal(batch.column(reason), 0)) if reason else batch)

    def feature(self, values: pa.Array) -> Cells:
        return typed_cells(values, untyped_texts=self.count.plan.untyped_texts)

    def _rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        cells = [self.feature(batch.column(f"c{self.count.names.index(name)}")) for name in self.features]
        numbers = [
            np.zeros(len(cell)) if cell.number is None else np.where(cell.has_number, cell.number, 0.0)
            for cell in cells
        ]
        known = [cell.has_number for cell in cells]
        draw = (chained_hashes(numbers, known).view(np.int64) % DRAWS) / float(DRAWS)
        texts = sum(
            (cell.kind == CellKind.TEXT for cell in cells if cell.declared is None), np.zeros(batch.num_rows, int)
        )
        is_sensitive = np.array([self._among(batch, group) for group in self.sensitive]).T
        columns = [
            batch.column(PARTITION),
            _lists(np.array(numbers).T, ~np.array(known).T),
            pa.array(self._among(batch, self.positive)),
            _lists(is_sensitive),
            pa.array(draw),
            pa.array(texts, pa.int64()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)

    def _among(self, batch: pa.RecordBatch, rows: RowsOfKeys) -> NDArray[np.bool_]:
        keys = key_of(self.count.typed(batch, rows.column.name), rows.column)
        wanted = pa.array([key for key in rows.keys if key is not None], keys.type)
        found: NDArray[np.bool_] = pc.is_in(keys, wanted).to_numpy(zero_copy_only=False)
        return found


def _lists(cells: NDArray[np.generic], missing: NDArray[np.bool_] | None = None) -> pa.ListArray:
    """One list for each row. cells: shape (rows, elements)."""
    rows, elements = cells.shape
    flat = pa.array(cells.ravel(), mask=None if missing is None else missing.ravel())
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1) * elements, pa.int32()), flat)
