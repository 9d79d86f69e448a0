"""What an executor does for the flip test: packs the rows that neighbours are looked for among, and tests the others. No pyspark.

A row arrives as its features, whether it is predicted positive, the groups that it is a sensitive row of, and a number in
[0, 1) made of its content, by which the same rows are sampled in every run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_monitor.data.engine.protocol import PARTITION, Sent
from model_monitor.statistics.states.contingency import CellKind, Key, ValuedColumn

FEATURES, POSITIVE, SENSITIVE, DRAW, TEXTS = "features", "positive", "sensitive", "draw", "texts"

NEIGHBOURS, NEIGHBOURS_OF_FEW, FEW = 5, 1, 9
"""The service asks 5 neighbours, or 1 where the rest has at most 9 rows (B2.3)."""

ROWS_AT_ONCE = 4096

ROW_SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("rows", pa.int64()),
        ("texts", pa.int64()),
        ("missing", pa.int64()),
        ("packed", pa.binary()),
    ]
)
FLIP_SCHEMA = pa.schema(
    [("group", pa.int32()), ("to_negative", pa.int64()), ("to_positive", pa.int64()), ("tested", pa.int64())]
)


NUMERIC = (CellKind.INTEGRAL, CellKind.FRACTIONAL, CellKind.BOOLEAN)

DRAWS = 2**31
"""Resolution of the numbers that rows are sampled by."""


@dataclass(frozen=True)
class RowsOfKeys:
    """Rows whose key in a column is one of these (`contingency_columns.key_of`)."""

    column: ValuedColumn
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class FlipGroup:
    """One sensitive group to test. features: places of the columns that neighbours are told by.

    neighbours, tested: shares of the rest's rows and of the group's own that are looked at.
    """

    features: tuple[int, ...]
    neighbours: float
    tested: float


@dataclass(frozen=True, slots=True)
class FlipRows:
    """Rows as numbers. features: shape (rows, features). sensitive: shape (rows, groups). draw: in [0, 1)."""

    features: NDArray[np.float64]
    positive: NDArray[np.bool_]
    sensitive: NDArray[np.bool_]
    draw: NDArray[np.float64]

    @classmethod
    def of(cls, batch: pa.RecordBatch, groups: int) -> FlipRows:
        rows = batch.num_rows
        return cls(
            batch.column(FEATURES).flatten().to_numpy(zero_copy_only=False).reshape(rows, -1),
            batch.column(POSITIVE).to_numpy(zero_copy_only=False),
            batch.column(SENSITIVE).flatten().to_numpy(zero_copy_only=False).reshape(rows, groups),
            batch.column(DRAW).to_numpy(zero_copy_only=False),
        )

    def where(self, wanted: NDArray[np.bool_]) -> FlipRows:
        return FlipRows(self.features[wanted], self.positive[wanted], self.sensitive[wanted], self.draw[wanted])

    def packed(self) -> bytes:
        """The rows as doubles, one after the other: features, positive, sensitive, draw."""
        parts = [self.features, self.positive[:, None], self.sensitive, self.draw[:, None]]
        return np.hstack([part.astype(np.float64) for part in parts]).tobytes()

    @classmethod
    def unpacked(cls, packed: bytes, features: int, groups: int) -> FlipRows:
        numbers = np.frombuffer(packed, dtype=np.float64).reshape(-1, features + groups + 2)
        return cls(
            numbers[:, :features],
            numbers[:, features].astype(bool),
            numbers[:, features + 1 : -1].astype(bool),
            numbers[:, -1],
        )


def pack_rows(groups: tuple[FlipGroup, ...], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The rows of one partition that are a neighbour for some group, and how many cells of all rows are texts or missing."""
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = FlipRows.of(batch, len(groups))
        shares = np.array([group.neighbours for group in groups])
        wanted = np.any(~rows.sensitive & (rows.draw[:, None] < shares), axis=1)
        counts = [batch.column(PARTITION)[0].as_py(), int(wanted.sum())]
        texts = int(batch.column(TEXTS).to_numpy().sum())
        missing = int(np.isnan(rows.features).sum())
        values = [*counts, texts, missing, rows.where(wanted).packed()]
        yield pa.RecordBatch.from_arrays(
            [pa.array([value], field.type) for value, field in zip(values, ROW_SCHEMA, strict=True)], schema=ROW_SCHEMA
        )


def count_flips(
    groups: tuple[FlipGroup, ...], neighbours: Sent[FlipRows], batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    """How many rows of one partition are decided otherwise by their neighbours, by group."""
    testers = [_Tester(group, place, neighbours.value) for place, group in enumerate(groups)]
    for batch in batches:
        if batch.num_rows:
            rows = FlipRows.of(batch, len(groups))
            for tester in testers:
                tester.test(rows)
    columns = zip(*[tester.counts() for tester in testers], strict=True)
    yield pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, FLIP_SCHEMA, strict=True)], schema=FLIP_SCHEMA
    )


class _Tester:
    """Tests the rows of one group against their neighbours; the neighbours are only learnt when a row needs them."""

    def __init__(self, group: FlipGroup, place: int, neighbours: FlipRows) -> None:
        self._group = group
        self._place = place
        self._neighbours = neighbours
        self._classifier: object | None = None
        self._to_negative = self._to_positive = self._tested = 0

    def test(self, rows: FlipRows) -> None:
        wanted = rows.sensitive[:, self._place] & (rows.draw < self._group.tested)
        tested = rows.where(wanted)
        for start in range(0, len(tested.positive), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            positive = tested.positive[part]
            decided = self._decide(tested.features[part][:, list(self._group.features)])
            self._to_negative += int((positive & ~decided).sum())
            self._to_positive += int((~positive & decided).sum())
            self._tested += len(positive)

    def counts(self) -> tuple[int, int, int, int]:
        return self._place, self._to_negative, self._to_positive, self._tested

    def _decide(self, features: NDArray[np.float64]) -> NDArray[np.bool_]:
        if self._classifier is None:
            self._classifier = self._learnt()
        decided: NDArray[np.bool_] = self._classifier.predict(features)  # type: ignore[attr-defined]
        return decided

    def _learnt(self) -> object:
        from sklearn.neighbors import KNeighborsClassifier

        rest = ~self._neighbours.sensitive[:, self._place] & (self._neighbours.draw < self._group.neighbours)
        rows = self._neighbours.where(rest)
        asked = NEIGHBOURS if len(rows.positive) > FEW else NEIGHBOURS_OF_FEW
        return KNeighborsClassifier(n_neighbors=asked).fit(rows.features[:, list(self._group.features)], rows.positive)
