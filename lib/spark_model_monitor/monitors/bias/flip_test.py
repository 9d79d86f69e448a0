"""The flip test, distributed: classifies the rows of a sensitive group by their nearest neighbours in the rest, with
scikit-learn.

Executors select the rows that may be neighbours, and test the group's rows. No pyspark.
"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, Broadcast, Partitions
from spark_model_monitor.data.profiling.contingency_cells import TypedCells, classify_cells, compute_keys
from spark_model_monitor.data.profiling.contingency_scan import CountTask
from spark_model_monitor.data.profiling.row_sample import MISSING
from spark_model_monitor.data.records.arrays import concat_rows
from spark_model_monitor.data.records.refusals import REASON, drop_rejected
from spark_model_monitor.monitors.bias.bias_metrics import FlipTest
from spark_model_monitor.statistics import Doubles, Flags
from spark_model_monitor.statistics.states.contingency import CellKind, Key
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn
from spark_model_monitor.statistics.states.hashing import chain_hashes
from spark_model_monitor.value_class import value_class

FEATURES = "features"
POSITIVE = "positive"
SENSITIVE = "sensitive"
DRAW = "draw"
TEXTS = "texts"

NEIGHBOURS = 5
NEIGHBOURS_OF_FEW = 1
FEW_OTHER_ROWS = 9
"""The service uses 5 neighbours, or 1 if the rest has at most 9 rows (B2.3)."""

ROWS_AT_ONCE = 4096

FLIP_SCHEMA = pa.schema(
    [("group", pa.int32()), ("to_negative", pa.int64()), ("to_positive", pa.int64()), ("tested", pa.int64())]
)


NUMERIC = (CellKind.INTEGRAL, CellKind.FRACTIONAL, CellKind.BOOLEAN)

DRAWS = 2**31  # number of different values of a random number that selects rows


@value_class
class KeyFilter:
    """The rows whose key in a column is one of `keys` (`contingency_cells.compute_keys`)."""

    column: ValuedColumn
    keys: tuple[Key, ...]

    def find(self, count: CountTask, batch: pa.RecordBatch) -> Flags:
        keys = compute_keys(count.read_cells(batch, self.column.name), self.column)
        selected_keys = pa.array([key for key in self.keys if key is not None], keys.type)
        is_selected: Flags = pc.is_in(keys, selected_keys).to_numpy(zero_copy_only=False)
        return is_selected


@value_class
class FlipGroup:
    """One sensitive group to test. features: indexes of the columns by which neighbours are found.

    neighbours, tested: the shares of the rest's rows and of the group's own rows that are used.
    """

    features: tuple[int, ...]
    neighbours: float
    tested: float


@value_class
class FlipRows:
    """Rows as numbers.

    features: shape (rows, features).
    positive: whether each row is predicted positive.
    sensitive: shape (rows, groups), whether a row belongs to a group.
    draw: a random number in [0, 1) for each row.
    """

    features: Doubles
    positive: Flags
    sensitive: Flags
    draw: Doubles

    @classmethod
    def of(cls, batch: pa.RecordBatch, groups: int) -> FlipRows:
        rows = batch.num_rows
        return cls(
            batch.column(FEATURES).flatten().to_numpy(zero_copy_only=False).reshape(rows, -1),
            batch.column(POSITIVE).to_numpy(zero_copy_only=False),
            batch.column(SENSITIVE).flatten().to_numpy(zero_copy_only=False).reshape(rows, groups),
            batch.column(DRAW).to_numpy(zero_copy_only=False),
        )

    def where(self, selection: Flags) -> FlipRows:
        return FlipRows(
            self.features[selection], self.positive[selection], self.sensitive[selection], self.draw[selection]
        )


def select_neighbours(groups: tuple[FlipGroup, ...], batches: Batches) -> Batches:
    """The rows of a partition that may be neighbours, and the first row of each batch with a text or a missing cell."""
    shares = np.array([group.neighbours for group in groups])
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = FlipRows.of(batch, len(groups))
        # The random number comes from a hash of the row, so that every run selects the same rows
        is_selected = np.any(~rows.sensitive & (rows.draw[:, None] < shares), axis=1)
        # If one row can't be used for distances, there is no test, so one such row is enough
        for is_unusable in (batch.column(TEXTS).to_numpy() > 0, np.isnan(rows.features).any(axis=1)):
            is_selected[np.flatnonzero(is_unusable)[:1]] = True
        yield batch.filter(pa.array(is_selected))


def count_flips(groups: tuple[FlipGroup, ...], neighbours: Broadcast[FlipRows], batches: Batches) -> Batches:
    """For each group, the number of a partition's rows that their neighbours classify differently."""
    counts = np.zeros((3, len(groups)), np.int64)
    neighbour_rows = neighbours.value
    classifiers: dict[int, Any] = {}  # classifiers by index of the group, for groups with rows in this partition
    for batch in batches:
        if not batch.num_rows:
            continue
        rows = FlipRows.of(batch, len(groups))
        for group_index, group in enumerate(groups):
            tested = rows.where(rows.sensitive[:, group_index] & (rows.draw < group.tested))
            # The distance matrix has tested rows times neighbours entries, so rows are tested in portions
            for start in range(0, len(tested.positive), ROWS_AT_ONCE):
                if group_index not in classifiers:
                    classifiers[group_index] = _fit_classifier(group, group_index, neighbour_rows)
                chunk = slice(start, start + ROWS_AT_ONCE)
                positive = tested.positive[chunk]
                predicted = classifiers[group_index].predict(tested.features[chunk][:, list(group.features)])
                counts[:, group_index] += (positive & ~predicted).sum(), (~positive & predicted).sum(), len(positive)
    columns = (np.arange(len(groups)), *counts)
    yield pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, FLIP_SCHEMA, strict=True)], schema=FLIP_SCHEMA
    )


def _fit_classifier(group: FlipGroup, group_index: int, neighbours: FlipRows) -> Any:
    """A classifier that predicts the majority of the neighbours."""
    from sklearn.neighbors import KNeighborsClassifier

    rows = neighbours.where(~neighbours.sensitive[:, group_index] & (neighbours.draw < group.neighbours))
    # With at most nine rows, five neighbours would be most of them, so only the nearest one decides
    neighbour_count = NEIGHBOURS
    if len(rows.positive) <= FEW_OTHER_ROWS:
        neighbour_count = NEIGHBOURS_OF_FEW
    return KNeighborsClassifier(n_neighbors=neighbour_count).fit(rows.features[:, list(group.features)], rows.positive)


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


@value_class
class FlipTask:
    """Converts the rows of a partition into `SCHEMA`."""

    count: CountTask
    features: tuple[str, ...]
    positive: KeyFilter
    sensitive: tuple[KeyFilter, ...]

    def __call__(self, batches: Batches) -> Batches:
        for batch in batches:
            yield self._rows(drop_rejected(batch))

    def feature(self, values: pa.Array) -> TypedCells:
        return classify_cells(values, untyped_texts=self.count.plan.untyped_texts)

    def _rows(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        cells = [self.feature(batch.column(f"c{self.count.names.index(name)}")) for name in self.features]
        numbers = []
        for cell in cells:
            number = 0.0 if cell.number is None else cell.number
            numbers.append(np.where(cell.has_number, number, 0.0))
        has_number = [cell.has_number for cell in cells]
        # A number from 0 to 1 computed from the row's values: equal in every run and on every partition
        draw = (chain_hashes(numbers, has_number).view(np.int64) % DRAWS) / float(DRAWS)
        texts = sum(
            (cell.kind == CellKind.TEXT for cell in cells if cell.declared is None), np.zeros(batch.num_rows, int)
        )
        is_sensitive = np.array([group.find(self.count, batch) for group in self.sensitive]).T
        columns = [
            batch.column(PARTITION),
            _pack_lists(np.array(numbers).T, ~np.array(has_number).T),
            pa.array(self.positive.find(self.count, batch)),
            _pack_lists(is_sensitive),
            pa.array(draw),
            pa.array(texts, pa.int64()),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


@value_class
class OutcomeBinner:
    """A mark of rows: 3 for a row of the group (or of the rest) that is positive, or whose label and prediction differ; 2 for
    its other rows. parts: the selection of the group, then one or two selections of positive rows.
    """

    count: CountTask
    parts: tuple[KeyFilter, ...]
    in_group: bool

    bins = 4

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(f"c{self.count.names.index(rows.column.name)}" for rows in self.parts)

    def assign_bins(self, rows: pa.RecordBatch) -> NDArray[np.int16]:
        group, first_filter, *other_filters = (rows_of_keys.find(self.count, rows) for rows_of_keys in self.parts)
        is_positive = first_filter != other_filters[0] if other_filters else first_filter
        return np.where(group == self.in_group, 2 + is_positive, MISSING).astype(np.int16)


def _pack_lists(cells: NDArray[np.generic], missing: Flags | None = None) -> pa.ListArray:
    """An array with one list for each row. cells: shape (rows, elements)."""
    rows, elements = cells.shape
    flat = pa.array(cells.ravel(), mask=None if missing is None else missing.ravel())
    return pa.ListArray.from_arrays(pa.array(np.arange(rows + 1) * elements, pa.int32()), flat)


log = logging.getLogger(__name__)

NOT_NUMERIC = "FlipTest does not support non-numeric columns"

COUNT_COLUMNS = ("to_negative", "to_positive", "tested")  # columns of `FLIP_SCHEMA` that are added up over partitions


@value_class
class SensitiveGroup:
    """A group to test.

    sensitive: selects the group's rows.
    features: the columns by which neighbours are found.
    size, rest_size: number of rows in the group and in the rest.
    """

    sensitive: KeyFilter
    features: tuple[str, ...]
    size: int
    rest_size: int


def flip_test(
    table: Partitions,
    names: Sequence[str],
    plan: ContingencyPlan,
    positive: KeyFilter,
    groups: Sequence[SensitiveGroup],
) -> Sequence[FlipTest] | str:
    """The flip test of each group, or the reason why it can't be computed. Two Spark jobs.

    names: of the table's first columns. positive: selects the rows with a positive prediction.
    """
    # Checked on the driver, before two Spark jobs fail because scikit-learn is missing
    if importlib.util.find_spec("sklearn") is None:
        log.warning("the flip test is left out: scikit-learn is not installed (pip install spark-model-monitor[bias])")
        return "FlipTest needs scikit-learn; install spark-model-monitor[bias]"
    # Groups of different facets have different features; each row is packed with all of them
    features = tuple(dict.fromkeys(name for group in groups for name in group.features))
    sensitive = [group.sensitive for group in groups]
    task = FlipTask(CountTask(plan, tuple(names)), features, positive, tuple(sensitive))
    # Only these columns are selected, because others may have types that Arrow lacks
    needed = dict.fromkeys((*features, *(rows.column.name for rows in (positive, *sensitive))))
    columns = [f"c{names.index(name)}" for name in needed]
    if REASON in table.columns:
        columns.append(REASON)
    table = table.select_columns(columns, columns)
    # An empty column shows the declared type, without a Spark job
    declared_types = set()
    for name in features:
        column_type = table.schema.field(f"c{names.index(name)}").type
        declared_types.add(task.feature(pa.array([], column_type)).declared)
    # Untyped texts may be numbers
    if plan.untyped_texts:
        declared_types.discard(None)
    if not features or not declared_types.issubset(NUMERIC):
        return NOT_NUMERIC
    prepared = table.add_partition_number().map_batches(task, SCHEMA)
    started = time.monotonic()
    rows = plan.flip_rows
    tested = tuple(
        FlipGroup(
            tuple(map(features.index, group.features)),
            # Shares of rows to select, so that about `rows` rows of each side are used
            min(1.0, rows / max(group.rest_size, 1)),
            min(1.0, rows / max(group.size, 1)),
        )
        for group in groups
    )
    # The rows in which neighbours are searched, in the order of partitions
    collected = prepared.map_batches(partial(select_neighbours, tested), SCHEMA).batches()
    batches = [batch for batch in collected if batch.num_rows]
    batches.sort(key=lambda batch: int(batch.column(PARTITION)[0].as_py()))
    if any(batch.column(TEXTS).to_numpy().any() for batch in batches):
        return NOT_NUMERIC
    neighbours = concat_rows([FlipRows.of(batch, len(groups)) for batch in batches])
    if np.isnan(neighbours.features).any():
        return "FlipTest does not support missing values"
    flip_tests = _count_tested_flips(prepared, tested, neighbours, groups)
    log.info(
        f"tested {sum(counts.tested for counts in flip_tests):,} rows for flips, {time.monotonic() - started:.1f} s"
    )
    return flip_tests


def _count_tested_flips(
    prepared: Partitions, plan: tuple[FlipGroup, ...], neighbours: FlipRows, groups: Sequence[SensitiveGroup]
) -> list[FlipTest]:
    with prepared.broadcast(neighbours) as broadcast_neighbours:
        batches = prepared.map_batches(partial(count_flips, plan, broadcast_neighbours), FLIP_SCHEMA).batches()
    sums = np.zeros((len(plan), len(COUNT_COLUMNS)), np.int64)
    for row in pa.Table.from_batches(batches, FLIP_SCHEMA).to_pylist():
        sums[row["group"]] += [row[name] for name in COUNT_COLUMNS]
    flip_tests = []
    for group_index, group in enumerate(plan):
        # The number of neighbours that were selected for the group
        is_neighbour = ~neighbours.sensitive[:, group_index] & (neighbours.draw < group.neighbours)
        to_negative, to_positive, tested = sums[group_index].astype(np.float64)
        candidates = groups[group_index].rest_size
        flip_tests.append(FlipTest(to_negative, to_positive, int(tested), int(is_neighbour.sum()), candidates))
    return flip_tests
