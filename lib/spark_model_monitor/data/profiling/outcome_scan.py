"""The scan of outcomes: takes blocks of raw rows, and returns the sums of two states. Executors run the tasks: no pyspark."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from spark_model_monitor.data.engine.engine_protocol import (
    LINE_KEY,
    PARTITION,
    Batches,
    Partitions,
    StateRow,
    add_states_by_key,
)
from spark_model_monitor.data.profiling.partition import MAX_BLOCK_ROWS, split_into_blocks
from spark_model_monitor.data.profiling.scan_plan import FEATURE_OF_ROWS, VALUE, Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.profiling.segment_cuts import Cut
from spark_model_monitor.data.profiling.segment_scan import Segments
from spark_model_monitor.errors import ScriptFailed
from spark_model_monitor.statistics import Doubles
from spark_model_monitor.statistics.states import ColumnType, RowCounts, RowRuns
from spark_model_monitor.statistics.states.hashing import hash_texts
from spark_model_monitor.statistics.states.outcome_builder import OutcomeBuilder
from spark_model_monitor.statistics.states.outcome_plan import OutcomePlan
from spark_model_monitor.statistics.states.outcomes import Outcomes
from spark_model_monitor.statistics.states.row_counts import MAX_RUNS, WINDOW_RUN_ROWS, build_first_runs
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.records.outcome_values import OutcomeRows


OutcomeMetric = Callable[[Any], Any]
"""A user's metric: takes a pandas frame of outcomes (label, prediction, probability), returns one value for each."""

log = logging.getLogger(__name__)

MAX_DRIVER_PARTITIONS = 200
"""The number of partitions up to which the driver adds the states itself. A state of outcomes has up to a few MB."""


@value_class
class OutcomeTask:
    """Computes the states of a partition.

    plan: the states of outcomes to compute.
    decoder: makes outcomes from a raw block.
    reasons: the number of reasons for refusing a record.
    metrics: the user's metrics with their names, in the order of `plan.values`.
    cuts: the cuts of the rows into segments, by columns that are named as in a scan of features.
    group: the column that names groups of rows; None without groups.
    """

    plan: OutcomePlan
    decoder: Callable[[pa.RecordBatch], OutcomeRows]
    reasons: int
    metrics: tuple[tuple[str, OutcomeMetric], ...] = ()
    cuts: tuple[Cut, ...] = ()
    group: str | None = None


def compute_outcome_states(task: OutcomeTask, batches: Batches) -> Iterator[StateRow]:
    """The states of a partition's outcomes and of its rows. A partition without rows has no states.

    batches: have the number of the partition, and the LINE_KEY of each record if records have one.
    """
    # The builders are made when the first block arrives, because it has the number of the partition
    builder: OutcomeBuilder | None = None
    cut_columns = sorted({f"{VALUE}{column.position}" for cut in task.cuts for column in cut.columns})
    builders_by_segment: dict[tuple[int, int], OutcomeBuilder] = {}
    first_row_kinds: list[Doubles] = []
    counted = RowCounts.zero(reasons=task.reasons, predicates=0)
    partition = 0
    for block in split_into_blocks(batches, MAX_BLOCK_ROWS):
        if builder is None:
            partition = block.column(PARTITION)[0].as_py()
            builder = OutcomeBuilder(task.plan, partition)
            segment_plan = replace(task.plan, group_column=None)
            segments = Segments(_plan_cuts(task.cuts), partition)
        # All rows are counted, and the accepted rows are evaluated
        rows = task.decoder(block)
        counted += _count_rows(rows, task.reasons)
        accepted = rows.where(rows.kept)
        _add_outcomes(builder, accepted, block, task)
        # The same outcomes are added again in each segment
        if task.cuts and len(accepted.sources):
            cut_cells = _select_cut_cells(accepted, block, cut_columns)
            for cut, codes in enumerate(segments.assign_rows(Block([cut_cells]))):
                for number in np.unique(codes).tolist():
                    segment_builder = builders_by_segment.setdefault(
                        (cut, number), OutcomeBuilder(segment_plan, partition)
                    )
                    _add_outcomes(segment_builder, accepted.where(codes == number), block, task)
        # Runs of neighbours are taken from the first block only
        if not first_row_kinds and len(accepted.sources):
            first_row_kinds.append(_compute_row_kinds(accepted, task.plan))
    if builder is None:
        return
    state = replace(builder.state(), segments=_build_segments(task.cuts, segments, builders_by_segment))
    yield StateRow(FEATURE_OF_ROWS, counted.KIND, partition, counted)
    yield StateRow(0, state.KIND, partition, state)
    if first_row_kinds:
        yield StateRow(0, RowRuns.KIND, partition, build_first_runs(first_row_kinds[0], partition))


def _build_segments(
    cuts: Sequence[Cut], segments: Segments, builders: Mapping[tuple[int, int], OutcomeBuilder]
) -> dict[str, dict[str, Outcomes]]:
    """The outcomes by cut and segment, sorted by name, so that the state's bytes don't depend on the order of the rows.

    builders: by cut and number of the segment.
    """
    outcomes_by_cut: dict[str, dict[str, Outcomes]] = {cut.name: {} for cut in sorted(cuts, key=attrgetter("name"))}
    for (cut, number), builder in builders.items():
        outcomes_by_cut[cuts[cut].name][segments.list_labels(cut)[number]] = builder.state()
    return {name: dict(sorted(outcomes.items())) for name, outcomes in outcomes_by_cut.items()}


def _select_cut_cells(outcomes: OutcomeRows, block: pa.RecordBatch, names: Sequence[str]) -> pa.RecordBatch:
    """The columns that cut the rows: from a table's block, or from the records' features, which are named by position."""
    if not outcomes.features:
        return block.select(names).take(outcomes.sources)
    return pa.RecordBatch.from_arrays(
        [outcomes.features[int(name.removeprefix(VALUE))] for name in names], names=[*names]
    )


def _plan_cuts(cuts: tuple[Cut, ...]) -> ScanPlan:
    """The plan of the columns that cut the rows; all of them are texts."""
    positions = sorted({column.position for cut in cuts for column in cut.columns})
    columns = tuple(ColumnPlan(position, ColumnType.TEXT, hashed_by_spark=False) for position in positions)
    return ScanPlan(columns, 0, cuts=cuts)


def _compute_row_kinds(rows: OutcomeRows, plan: OutcomePlan) -> Doubles:
    """A number for each outcome, which neighbours may share: the error, or the pair of label and prediction."""
    first_rows: Any = rows.where(np.arange(len(rows.sources)) < WINDOW_RUN_ROWS * MAX_RUNS)
    labels = first_rows.labels
    predictions = first_rows.predictions
    # Neighbours with similar errors show that rows aren't independent
    if plan.is_regression:
        with np.errstate(over="ignore"):
            return np.nan_to_num(np.asarray(labels, np.float64) - np.asarray(predictions, np.float64))
    if not plan.with_predictions:
        predictions = pa.array((np.asarray(first_rows.scores) > plan.threshold).astype(str))
    label, prediction = (hash_texts(values.cast(pa.string())) for values in (labels, predictions))
    # A pair of label and prediction is one number. If hashes collide, two pairs become one, which hardly matters
    return (label % 1024 * 1024 + prediction % 1024).astype(np.float64)


def _count_rows(rows: OutcomeRows, reasons: int) -> RowCounts:
    records = int((rows.kept & rows.is_first).sum())
    return RowCounts.from_reasons(rows.reasons, reasons, ((1, records),) if records else ())


def _add_outcomes(builder: OutcomeBuilder, rows: OutcomeRows, block: pa.RecordBatch, task: OutcomeTask) -> None:
    if not len(rows.sources):
        return
    keys = None
    if LINE_KEY in block.schema.names:
        keys = block.column(LINE_KEY).to_numpy().view(np.uint64)[rows.sources]
    # Members that the plan doesn't request aren't evaluated, even if the data has them
    predictions = scores = scores_of_classes = metrics = groups = None
    if task.plan.with_predictions:
        predictions = rows.predictions
    if task.plan.with_scores:
        scores = rows.scores
        scores_of_classes = rows.of_classes
    if task.metrics:
        metrics = _compute_metrics(rows, task.metrics)
    if task.group is not None:
        groups = _select_cut_cells(rows, block, [task.group]).column(0)
    builder.update(rows.labels, predictions, scores, keys, metrics, scores_of_classes, groups)


def _compute_metrics(rows: OutcomeRows, metrics: tuple[tuple[str, OutcomeMetric], ...]) -> Doubles:
    """The values of the metrics, shape (outcomes, metrics); a value that isn't a number counts as missing."""
    import pandas as pd

    members = {"label": rows.labels, "prediction": rows.predictions, "probability": rows.scores}
    frame_columns = {
        name: cells.to_pandas() if isinstance(cells, pa.Array) else cells for name, cells in members.items()
    }
    frame = pd.DataFrame(frame_columns, index=range(len(rows.sources)))
    columns_of_values = []
    # A metric is the user's code. The type of its exception is reported without the text, which may quote data
    for name, metric in metrics:
        try:
            column = np.asarray(metric(frame), dtype=np.float64)
        except Exception as fault:
            raise ScriptFailed(f"metric {name!r} raised {type(fault).__name__}") from None
        if column.shape != (len(frame),):
            raise ScriptFailed(
                f"metric {name!r} gave {column.shape} values for {len(frame)} outcomes; it has to give one for each"
            )
        columns_of_values.append(np.where(np.isfinite(column), column, np.nan))
    return np.column_stack(columns_of_values)


@value_class
class OutcomeScan:
    """The result of one pass: the accepted outcomes, the counts of all rows, and runs of the first rows."""

    outcomes: Outcomes
    rows: RowCounts
    runs: RowRuns


def scan_outcomes(raw: Partitions, task: OutcomeTask, *, max_partition_count: int | None) -> OutcomeScan:
    """The outcomes of the rows in one pass (one Spark job, or two if executors add the states).

    raw: has the columns that the task's decoder needs, and LINE_KEY if records have one. max_partition_count: an upper bound on
    the number of partitions; if None, executors add the states.
    """
    start_time = time.monotonic()
    has_few_partitions = max_partition_count is not None and max_partition_count <= MAX_DRIVER_PARTITIONS
    partition_states = raw.add_partition_number().states(partial(compute_outcome_states, task))
    sums = add_states_by_key(
        partition_states.rows(adders=0 if has_few_partitions else 1)
    )  # small: two states per partition
    states: dict[str, Any] = {kind: state for (_, kind), state in sums.items()}
    outcomes = states.get(Outcomes.KIND, Outcomes.zero(task.plan))
    rows = states.get(RowCounts.KIND, RowCounts.zero(reasons=task.reasons, predicates=0))
    runs = states.get(RowRuns.KIND, RowRuns())
    log.info(f"scanned {rows.kept:,} outcomes, {time.monotonic() - start_time:.1f} s")
    return OutcomeScan(outcomes, rows, runs)
