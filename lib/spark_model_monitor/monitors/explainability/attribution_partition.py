"""The work of an executor for attributions: it calls the model for its partition's rows, and makes states from the answers.

The partial dependence at a value is the model's mean answer if every row had this value of the feature.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from spark_model_monitor.data.engine.engine_protocol import PARTITION, Batches, Broadcast, StateRow
from spark_model_monitor.data.profiling.partition import MAX_BLOCK_ROWS, split_into_blocks
from spark_model_monitor.data.profiling.scan_plan import FEATURE_OF_ROWS
from spark_model_monitor.data.records.refusals import CELLS, Refusal, drop_rejected, read_reasons
from spark_model_monitor.errors import UnansweredRows
from spark_model_monitor.monitors.explainability.kernel import (
    BUFFER_ROWS,
    Answers,
    Kernel,
    RowAttributions,
    limit_values,
)
from spark_model_monitor.monitors.predictions import PreparedModel
from spark_model_monitor.monitors.predictors import Cells
from spark_model_monitor.monitors.predictors.model_loading import convert_to_cells, simplify_type
from spark_model_monitor.statistics import Doubles, Hashes
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.attributions import Attributions, AttributionsBuilder
from spark_model_monitor.statistics.states.blocks import replace_keys_by_group
from spark_model_monitor.statistics.states.hashing import chain_hashes, hash_texts
from spark_model_monitor.statistics.states.row_counts import MAX_RUNS, WINDOW_RUN_ROWS, build_first_runs, count_widths
from spark_model_monitor.statistics.user_choices import Algorithm
from spark_model_monitor.value_class import value_class

MAX_CATEGORIES = 100


@value_class
class Grid:
    """Values of a feature for partial dependence, and the share of rows near each. left_out: number of rare values that
    were dropped.
    """

    is_numeric: bool
    values: tuple[Any, ...]
    shares: tuple[float, ...]
    left_out: int = 0


def build_grid(cells: Cells, resolution: int) -> Grid:
    """The grid of a feature from its cells, doubles or texts; missing cells are left out.

    Numbers that are fractional, or that have more values than the resolution, are put into buckets of equal width, each
    represented by its centre. Other features have their distinct values, or the most frequent ones if there are many.
    Source: E5.
    """
    is_number = cells.dtype == np.float64
    if is_number:
        present = cells[np.isfinite(cells)]
    else:
        present = np.array([cell for cell in cells if cell is not None], object)
    # Sorted, so that a curve runs from left to right
    values, counts = np.unique(present, return_counts=True)
    if is_number and len(values) and (len(values) > resolution or (values != np.rint(values)).any()):
        counts, edges = np.histogram(present, bins=resolution)
        return Grid(True, tuple((edges[:-1] + edges[1:]) / 2), tuple(counts / len(present)))
    most_frequent = np.sort(np.argsort(-counts, kind="stable")[:MAX_CATEGORIES])
    shares = counts[most_frequent] / max(1, len(present))
    return Grid(False, tuple(values[most_frequent].tolist()), tuple(shares), len(values) - len(most_frequent))


def sum_answers_over_grid(
    predict: Callable[[Cells], Answers], rows: Cells, column: int, values: tuple[float | str, ...]
) -> Answers:
    """The sums of the model's answers over all rows for each value of a column, shape (values, outputs)."""
    # Each value is combined with all rows, so only some values at once fit in memory
    chunk_size = max(1, BUFFER_ROWS // max(1, len(rows)))
    sums = []
    for start in range(0, len(values), chunk_size):
        chunk = values[start : start + chunk_size]
        filled = np.tile(rows, (len(chunk), 1))
        filled[:, column] = np.repeat(np.array(chunk, rows.dtype), len(rows))
        answers = limit_values(predict(filled))
        sums.append(answers.reshape(len(chunk), len(rows), -1).sum(axis=1))
    return np.concatenate(sums)


JOIN = "join"
GROUP = "group"
FEATURE = "f{}"
"""Names of columns: the reason why a row is refused (0: accepted), its number of cells, its identity, its group, a
feature's cells.
"""

KEY = "key"  # the key by which rows are selected for a sample
LOCAL_VALUES = "local_values"  # the kind of a row with lines of a file for the driver, instead of a state
BLOCK_BYTES = 2**25  # bytes of local values in a block of rows
MAX_RUN_VALUES = 2**20  # maximum number of values of first rows that a partition keeps to estimate the design effect

PROBE_SCHEMA = pa.schema(
    [
        ("expected", pa.list_(pa.float64())),
        ("seconds", pa.float64()),
        ("is_deterministic", pa.bool_()),
        ("exact", pa.bool_()),
        ("sums", pa.bool_()),
    ]
)
SUMS_SCHEMA = pa.schema([("feature", pa.int32()), ("sums", pa.binary())])


@value_class
class ExplainedModel(PreparedModel):
    """A model with its baseline rows.

    baseline, samples, seed, with_logit: as in `Kernel`.
    algorithm: how attributions are computed.
    """

    baseline: Cells
    samples: int
    seed: int
    with_logit: bool
    algorithm: Algorithm

    def kernel(self, *, shows_messages: bool = False) -> Kernel:
        caller = self.create_caller(shows_messages=shows_messages)
        compute_exact_values = None
        if self.algorithm is Algorithm.AUTO:
            compute_exact_values = caller.build_exact_attribution(self.baseline, with_logit=self.with_logit)
        return Kernel(caller, self.baseline, self.samples, self.seed, self.with_logit, compute_exact_values)


@value_class
class AttributionTask:
    """The task for one partition.

    empty_attributions: the attributions of no rows.
    explained_features: indexes of the features whose attributions are kept.
    with_local: whether local values are sent to the driver, too.
    with_runs: whether runs of first rows are sent, too.
    """

    explained: ExplainedModel
    empty_attributions: Attributions
    explained_features: tuple[int, ...]
    with_local: bool
    with_runs: bool = False


def attribute_partition(task: AttributionTask, batches: Batches) -> Iterator[StateRow]:
    """Yield the state of a partition's attributions, its local values if requested, and the counts of its rows."""
    counted = RowCounts.zero(reasons=len(Refusal), predicates=0)
    builder: AttributionsBuilder | None = None
    partition = chunk = 0
    kernel = task.explained.kernel()
    columns = [*map(FEATURE.format, range(len(task.explained.names)))]
    outputs = task.empty_attributions.outputs
    group_column = task.empty_attributions.group_column
    # Attributions of the first rows show whether neighbours are similar
    first_amounts: list[Doubles] = []
    values_per_row = max(1, len(task.explained_features) * len(outputs))
    max_first_rows = min(WINDOW_RUN_ROWS * MAX_RUNS, MAX_RUN_VALUES // values_per_row)
    block_rows = BLOCK_BYTES // (8 * len(task.explained.names) * len(outputs))
    for block in split_into_blocks(batches, max(1, min(MAX_BLOCK_ROWS, block_rows))):
        partition = block.column(PARTITION)[0].as_py()
        if builder is None:
            builder = AttributionsBuilder(replace(task.empty_attributions, expected=kernel.expected))
        accepted_rows = drop_rejected(block)
        if not accepted_rows.num_rows:
            counted += _count_records(block)
            continue
        # If the model doesn't answer some row, or a number is a text, the whole block is left out
        try:
            cells = task.explained.convert_cells(accepted_rows, columns)
            # Without features to explain, only partial dependence is requested
            attributions = RowAttributions(np.zeros((len(cells), len(outputs), 0)), 0)
            if task.explained_features:
                attributions = kernel.explain(cells)
        except UnansweredRows:  # the rows are read again later to find out which (`AnswerTask`)
            counted += _count_records(block, Refusal.IN_UNANSWERED_BATCH)
            continue
        counted += _count_records(block)
        keys = hash_rows(cells)
        if group_column:
            keys = replace_keys_by_group(keys, accepted_rows.column(GROUP))
        # Add the sums, the first rows and, if requested, the local values
        values = attributions.values[:, :, np.array(task.explained_features, int)]
        builder.update(values, keys, attributions.exact)
        remaining_rows = max_first_rows - sum(map(len, first_amounts))
        if task.with_runs and task.explained_features and remaining_rows > 0:
            first_amounts.append(np.abs(values[:remaining_rows]))
        if task.with_local:
            yield StateRow(chunk, LOCAL_VALUES, partition, _format_lines(values, accepted_rows))
            chunk += 1
    if builder is None:
        return
    # One output row for each state of this partition
    state = builder.state()
    yield StateRow(FEATURE_OF_ROWS, counted.KIND, partition, counted)
    yield StateRow(0, state.KIND, partition, state)
    if first_amounts:
        # A column for each output and feature
        amounts_by_row = np.concatenate(first_amounts)
        for index, amounts in enumerate(amounts_by_row.reshape(len(amounts_by_row), -1).T):
            yield StateRow(index, RowRuns.KIND, partition, build_first_runs(amounts, partition))


def sample_partition(features: int, rows: int, schema: pa.Schema, batches: Batches) -> Batches:
    """Yield the rows of a partition with the smallest keys, up to a limit; they are the same in every run."""
    smallest: pa.Table | None = None
    for block in split_into_blocks(batches, MAX_BLOCK_ROWS):
        accepted_rows = drop_rejected(block)
        columns = [simplify_type(accepted_rows.column(FEATURE.format(index))) for index in range(features)]
        numeric = [not pa.types.is_string(column.type) for column in columns]
        keys: Hashes = np.zeros(0, np.uint64)
        if accepted_rows.num_rows:
            keys = hash_rows(convert_to_cells(columns, [""] * features, numeric))
        block_rows = pa.Table.from_arrays([pa.array(keys.view(np.int64), pa.int64()), *columns], schema=schema)
        if smallest is not None:
            block_rows = pa.concat_tables([smallest, block_rows])
        # Reduce after every block, so that memory is limited by the sample, not by the partition
        order = pc.sort_indices(block_rows, [(KEY, "ascending")])
        smallest = block_rows.take(order[:rows])
    if smallest is not None:
        yield from smallest.combine_chunks().to_batches()


def probe(explained: ExplainedModel, shows_messages: bool, batches: Batches) -> Batches:
    """Yield the model's answers to the baseline rows, and its speed. It is called twice, to see whether its answers repeat."""
    for _ in batches:
        kernel = explained.kernel(shows_messages=shows_messages)
        # About 1,000 rows in one call, as on executors; with a single row, the overhead of the call would be measured
        times = max(1, 1000 // len(explained.baseline))
        expected = kernel.expected
        rows = np.repeat(explained.baseline, times, axis=0)
        began = time.monotonic()
        answers = explained.create_caller(shows_messages=shows_messages)(rows)
        seconds = (time.monotonic() - began) / len(rows)
        # Plain Python values, which are sent as one row
        answered = {
            "expected": expected.tolist(),
            "seconds": seconds,
            "is_deterministic": bool((kernel.predict(explained.baseline) == answers[::times]).all()),
            "exact": kernel.compute_exact_values is not None or not kernel.designs.of(len(explained.names)).is_singular,
            "sums": kernel.compute_exact_values is not None,
        }
        yield pa.RecordBatch.from_pylist([answered], PROBE_SCHEMA)


def compute_dependence(
    explained: ExplainedModel,
    grids: tuple[tuple[int, Grid], ...],
    rows: Broadcast[Cells],
    batches: Batches,
) -> Batches:
    """Yield the sums of the model's answers over each feature's grid. batches: the indexes in `grids` of the grids to
    compute.
    """
    for batch in batches:
        for grid_index in batch.column(0).to_pylist():
            feature, grid = grids[grid_index]
            sums = sum_answers_over_grid(explained.create_caller(), rows.value, feature, grid.values)
            yield pa.RecordBatch.from_pylist([{"feature": feature, "sums": sums.tobytes()}], SUMS_SCHEMA)


def hash_rows(cells: Cells) -> Hashes:
    """A hash of each row, for its selection and its block; it doesn't depend on where the row is stored."""
    if cells.dtype == np.float64:
        return chain_hashes(list(cells.T), [~np.isnan(column) for column in cells.T])
    rows = ["\x1f".join("" if cell is None else str(cell) for cell in row) for row in cells.tolist()]
    return hash_texts(pa.array(rows, pa.string()))


def _count_records(block: pa.RecordBatch, accepted_reason: int = 0) -> RowCounts:
    """The counts of a block's rows. accepted_reason: the reason that accepted rows get."""
    reasons = read_reasons(block)
    widths: tuple[tuple[int, int], ...] = ()
    if CELLS in block.schema.names and not accepted_reason:
        widths = count_widths(block.column(CELLS))
    # Reason 0 means accepted; these rows become refused if the model didn't answer them
    return RowCounts.from_reasons(np.where(reasons == 0, accepted_reason, reasons), len(Refusal), widths)


def _format_lines(values: Answers, block: pa.RecordBatch) -> bytes:
    """Local values as lines of CSV: the row's identity, then its values by output and feature."""
    lines = values.reshape(len(values), -1).tolist()
    if JOIN in block.schema.names:
        identities = pc.cast(block.column(JOIN), pa.string()).to_pylist()
        lines = [[identity, *line] for identity, line in zip(identities, lines, strict=True)]
    text = io.StringIO()
    csv.writer(text).writerows(lines)
    return text.getvalue().encode()
