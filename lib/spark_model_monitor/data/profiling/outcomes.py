"""The scan of outcomes: takes blocks of raw rows, returns two summed states. Tasks run on executors: no pyspark."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from spark_model_monitor.data.engine.protocol import LINE_KEY, PARTITION, Partitions, StateRow, added
from spark_model_monitor.data.profiling.partition import MOST_BLOCK_ROWS, blocks
from spark_model_monitor.data.profiling.plan import FEATURE_OF_ROWS, VALUE, Block, ColumnPlan, ScanPlan
from spark_model_monitor.data.profiling.segments import Cut, Segments
from spark_model_monitor.errors import ScriptFailed
from spark_model_monitor.statistics.states import ColumnType, RowCounts, RowRuns
from spark_model_monitor.statistics.states.hashing import xxhash64_of_texts
from spark_model_monitor.statistics.states.outcomes import OutcomeBuilder, OutcomePlan, Outcomes
from spark_model_monitor.statistics.states.rows import MOST_RUNS, ROWS_OF_A_WINDOW, first_runs_of

if TYPE_CHECKING:
    from spark_model_monitor.data.records.outcome_values import OutcomeRows


OutcomeMetric = Callable[[Any], Any]
"""A user's metric: takes a pandas frame of outcomes (label, prediction, probability), returns one value for each."""


@dataclass(frozen=True, slots=True)
class OutcomeTask:
    """Computes the states of a partition. decoder: makes outcomes from a raw block. reasons: number of reasons for
    refusing a record. metrics: the user's own, by name, in the order of `plan.values`. cuts: cuts of the rows into
    segments, by columns named as in a scan of features. group: such a column, which names groups of rows."""

    plan: OutcomePlan
    decoder: Callable[[pa.RecordBatch], OutcomeRows]
    reasons: int
    metrics: tuple[tuple[str, OutcomeMetric], ...] = ()
    cuts: tuple[Cut, ...] = ()
    group: str | None = None


def states_of_outcomes(task: OutcomeTask, batches: Iterable[pa.RecordBatch]) -> Iterator[StateRow]:
    """The states of one partition's outcomes and of its rows. A partition without rows has none.

    batches: with their partition number, and the LINE_KEY of each record if there is one.
    """
    builder: OutcomeBuilder | None = None
    named = sorted({f"{VALUE}{part.position}" for cut in task.cuts for part in cut.parts})
    by_segment: dict[tuple[int, int], OutcomeBuilder] = {}
    first: list[NDArray[np.float64]] = []
    counted = RowCounts.zero(reasons=task.reasons, predicates=0)
    partition = 0
    for block in blocks(batches, MOST_BLOCK_ROWS):
        if builder is None:
            partition = block.column(PARTITION)[0].as_py()
            builder = OutcomeBuilder(task.plan, partition)
            of_segment = replace(task.plan, group_column=None)
            segments = Segments(_plan_of(task.cuts), partition)
        rows = task.decoder(block)
        counted += _counts(rows, task.reasons)
        kept = rows.where(rows.kept)
        _take(builder, kept, block, task)
        if task.cuts and len(kept.sources):
            of_kept = _cells_of(kept, block, named)
            for cut, codes in enumerate(segments.codes(Block([of_kept]))):
                for number in np.unique(codes).tolist():
                    in_segment = by_segment.setdefault((cut, number), OutcomeBuilder(of_segment, partition))
                    _take(in_segment, kept.where(codes == number), block, task)
        first += [_kinds_of(kept, task.plan)] if not first and len(kept.sources) else []
    if builder is None:
        return
    found: dict[str, dict[str, Outcomes]] = {cut.name: {} for cut in task.cuts}
    for (place, number), in_segment in by_segment.items():
        found[task.cuts[place].name][segments.labels(place)[number]] = in_segment.state()
    by_cut = {cut: dict(sorted(found[cut].items())) for cut in sorted(found)}
    state = replace(builder.state(), segments=by_cut)
    yield StateRow(FEATURE_OF_ROWS, counted.KIND, partition, counted)
    yield StateRow(0, state.KIND, partition, state)
    if first:
        yield StateRow(0, RowRuns.KIND, partition, first_runs_of(first[0], partition))


def _cells_of(kept: OutcomeRows, block: pa.RecordBatch, named: Sequence[str]) -> pa.RecordBatch:
    """The columns that cut the rows: from a table's block, or from the records' features, by position."""
    if not kept.features:
        return block.select(named).take(pa.array(kept.sources))
    return pa.RecordBatch.from_arrays([kept.features[int(name.removeprefix(VALUE))] for name in named], names=[*named])


def _plan_of(cuts: tuple[Cut, ...]) -> ScanPlan:
    """A plan for the columns that cut the rows, which are texts."""
    positions = sorted({part.position for cut in cuts for part in cut.parts})
    columns = tuple(ColumnPlan(position, ColumnType.TEXT, hashed_by_spark=False) for position in positions)
    return ScanPlan(columns, 0, cuts=cuts)


def _kinds_of(rows: OutcomeRows, plan: OutcomePlan) -> NDArray[np.float64]:
    """Values of outcomes that neighbours may share: the error, or the pair of label and prediction."""
    some: Any = rows.where(np.arange(len(rows.sources)) < ROWS_OF_A_WINDOW * MOST_RUNS)
    labels = some.labels
    predictions = some.predictions
    if plan.is_regression:
        with np.errstate(over="ignore"):
            return np.nan_to_num(np.asarray(labels, np.float64) - np.asarray(predictions, np.float64))
    if not plan.with_predictions:
        predictions = pa.array((np.asarray(some.scores) > plan.threshold).astype(str))
    label, prediction = (xxhash64_of_texts(side.cast(pa.string())) for side in (labels, predictions))
    return (label % 1024 * 1024 + prediction % 1024).astype(np.float64)


def _counts(rows: OutcomeRows, reasons: int) -> RowCounts:
    counts = np.bincount(rows.reasons, minlength=reasons + 1)
    records = int((rows.kept & rows.is_first).sum())
    refused = tuple(int(count) for count in counts[1:])
    return RowCounts(kept=int(counts[0]), refused=refused, widths=((1, records),) if records else ())


def _take(builder: OutcomeBuilder, rows: OutcomeRows, block: pa.RecordBatch, task: OutcomeTask) -> None:
    if not len(rows.sources):
        return
    keys = None
    if LINE_KEY in block.schema.names:
        keys = block.column(LINE_KEY).to_numpy().view(np.uint64)[rows.sources]
    plan = task.plan
    builder.update(
        rows.labels,
        rows.predictions if plan.with_predictions else None,
        rows.scores if plan.with_scores else None,
        keys,
        _values(rows, task.metrics) if task.metrics else None,
        rows.of_classes if plan.with_scores else None,
        None if task.group is None else _cells_of(rows, block, [task.group]).column(0),
    )


def _values(rows: OutcomeRows, metrics: tuple[tuple[str, OutcomeMetric], ...]) -> NDArray[np.float64]:
    """The metrics' values, shape (outcomes, metrics); a value that is not a number counts as missing."""
    import pandas as pd

    members = {"label": rows.labels, "prediction": rows.predictions, "probability": rows.scores}
    columns = {name: cells.to_pandas() if isinstance(cells, pa.Array) else cells for name, cells in members.items()}
    frame = pd.DataFrame(columns, index=range(len(rows.sources)))
    found = []
    for name, metric in metrics:
        try:
            column = np.asarray(metric(frame), dtype=np.float64)
        except Exception as fault:
            raise ScriptFailed(f"metric {name!r} raised {type(fault).__name__}") from None
        if column.shape != (len(frame),):
            raise ScriptFailed(
                f"metric {name!r} gave {column.shape} values for {len(frame)} outcomes; it has to give one for each"
            )
        found.append(np.where(np.isfinite(column), column, np.nan))
    return np.column_stack(found)


log = logging.getLogger(__name__)

PARTITIONS_ON_THE_DRIVER = 200
"""The number of partitions up to which the driver adds the states itself; one of outcomes has up to a few MB."""


@dataclass(frozen=True, slots=True)
class OutcomeScan:
    """The result of one pass: the kept outcomes, the counts of all rows, and runs of the first rows."""

    outcomes: Outcomes
    rows: RowCounts
    runs: RowRuns


def scan_outcomes(raw: Partitions, task: OutcomeTask, *, partitions_at_most: int | None = None) -> OutcomeScan:
    """The outcomes of `raw` in one pass (on Spark one job, two when the states are added on executors).

    raw: the columns that the task's decoder needs, and LINE_KEY if records have one. partitions_at_most: an upper bound
    on the number of partitions; if unknown, executors add the states.
    """
    started = time.monotonic()
    few = partitions_at_most is not None and partitions_at_most <= PARTITIONS_ON_THE_DRIVER
    partials = raw.numbered().states(partial(states_of_outcomes, task))
    found = groupby(partials.rows(adders=0 if few else 1), key=lambda row: row.kind)
    states = {kind: added(row.state for row in same) for kind, same in found}  # small: two per partition
    outcomes = states.get(Outcomes.KIND, Outcomes.zero(task.plan))
    rows = states.get(RowCounts.KIND, RowCounts.zero(reasons=task.reasons, predicates=0))
    assert isinstance(outcomes, Outcomes)  # executors send this kind
    runs = states.get(RowRuns.KIND, RowRuns())
    assert isinstance(rows, RowCounts)
    assert isinstance(runs, RowRuns)
    log.info("scanned %s outcomes, %.1f s", f"{rows.kept:,}", time.monotonic() - started)
    return OutcomeScan(outcomes, rows, runs)
