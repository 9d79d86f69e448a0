"""The scan: one pass over the data, in which executors compute states; the sums of the states are the profile.

A scan is one pass for any number of columns. If there are many states, executors add them first, so that the driver needs
less memory (P3); the sums are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from spark_model_monitor.data.engine.engine_protocol import Batches, Partitions, StateRow, States, add_states_by_key
from spark_model_monitor.data.profiling.partition import (
    Decode,
    compute_partition_states,
    plan_typed_columns,
    prepare_batches,
)
from spark_model_monitor.data.profiling.scan_plan import (
    CUT_NO_ROWS,
    FEATURE_OF_ROWS,
    NO_GROUPS,
    ColumnPlan,
    ScanPlan,
)
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY
from spark_model_monitor.data.records.refusals import CELLS, REASON
from spark_model_monitor.errors import BadConfiguration
from spark_model_monitor.statistics.states import (
    ColumnType,
    FeatureProfile,
    Profile,
    Requests,
    RowCounts,
    RowGroups,
    RowRuns,
    State,
)
from spark_model_monitor.statistics.states.rule_counts import RuleCounts
from spark_model_monitor.value_class import value_class

if TYPE_CHECKING:
    from spark_model_monitor.data.engine.local_engine import LocalPartitions

log = logging.getLogger(__name__)

# Limits of the counts by value (P15): the values of a column, the bytes of all columns' counts, and the bytes of one count
MAX_FREQUENCY_LIMIT = 4096
FREQUENCY_BYTES = 64 * 2**20
BYTES_PER_VALUE = 110

MAX_DRIVER_STATES = 4096
"""The number of features times partitions up to which the driver adds states: 4,096 KLL sketches are about 180 MB."""

STATES_PER_FOLD = 1250  # features times partitions whose states a task adds: at most 56 MB of KLL sketches
MAX_FOLDS = 200  # most tasks that add states

RUN_KINDS = (RowRuns.KIND, RowGroups.KIND)
ASSUMED_PARTITIONS = 100  # the assumed number of partitions if it is unknown

PROFILE_PLAN = ScanPlan()  # the plan for the states of each column, and nothing else


@value_class
class Scan:
    """The result of one pass: the profile of the accepted rows, and the counts of all rows.

    matches: by name of a predicate, the number of rows for which it was true. requests: the requests behind captured records;
    None if unknown. runs: the sampled runs of every feature, then of every feature in every segment; empty if none were sampled.
    rule_counts: the counts for the rules; None without rules.
    """

    profile: Profile
    rows: RowCounts
    matches: Mapping[str, int]
    requests: Requests | None = None
    runs: Sequence[RowRuns] = ()
    rule_counts: RuleCounts | None = None


@value_class
class RowSource:
    """The rows of a scan, or the lines with the rows, and facts about them."""

    data: Partitions
    """The columns of the features first, then columns about the rows, such as REASON: 0 for accepted rows, otherwise a number
    from 1 to the plan's `reasons`."""
    names: Sequence[str]
    """The feature names, by position."""
    counts_cells: bool = False
    """Whether the values of the column CELLS that are above 0 are counted (`RowCounts.widths`)."""
    predicates: Mapping[str, Any] = field(default_factory=dict)
    """By name: boolean columns whose true rows are counted; empty if lines are decoded."""
    max_partition_count: int | None = None
    """An upper bound on the number of partitions; if unknown, executors add the states."""
    column_groups: int = 1
    """Number of groups in which the columns are read, each with its own tasks. The source is read once per group, so it
    should be column-oriented files."""
    decode: Decode | None = None
    """Makes the features, REASON and CELLS from lines on the executors; None if they are columns."""


def scan(source: RowSource, requested: ScanPlan = PROFILE_PLAN, counted: frozenset[str] = frozenset()) -> Scan:
    """Profile the features of rows, or of lines, in one pass: one Spark job (two if executors add the states).

    requested: the plan, without the members that follow from the source. counted: numeric features that are also counted by
    value.
    """
    start_time = time.monotonic()
    plans, states = build_plans(source, requested, counted)

    # One pass over the rows computes the states of all partitions
    partition_states, *further_states = map(states, plans)
    for group_states in further_states:
        partition_states = partition_states.concat(group_states)
    features = len(source.names)
    max_partitions = source.max_partition_count
    has_few_states = max_partitions is not None and features * max_partitions <= MAX_DRIVER_STATES
    adders = 0 if has_few_states else choose_adder_count(features, max_partitions or ASSUMED_PARTITIONS)
    # The result is small by construction: one state of each kind per feature and partition
    sums: dict[int, list[State]] = {}
    for (feature, _), state in add_states_by_key(partition_states.rows(adders=adders)).items():
        sums.setdefault(feature, []).append(state)

    # The states of the rows themselves
    row_states: dict[type, Any] = {type(state): state for state in sums.get(FEATURE_OF_ROWS, [])}
    rows = row_states.get(RowCounts, RowCounts.zero(reasons=requested.rows.reasons, predicates=len(source.predicates)))
    requests = row_states.get(Requests)
    rules = requested.rows.rules
    rule_counts = None
    if rules is not None:
        rule_counts = row_states.get(RuleCounts, RuleCounts.zero(len(rules.conditions), len(rules.numbers)))

    # The states of the features, without their runs of rows, which aren't part of a profile
    columns = [column for plan in plans for column in plan.columns]
    states_by_column = [sums.get(column.position, []) for column in columns]
    runs = [*map(_pop_runs, states_by_column)]
    if requested.cuts:
        for column_states in states_by_column:
            runs += _pop_segment_runs(column_states)
    profiles = []
    for name, column, column_states in zip(source.names, columns, states_by_column, strict=True):
        profiles.append(FeatureProfile.of(name, column.column_type, column_states))

    log.info(f"scanned {rows.kept:,} rows x {features} columns, {time.monotonic() - start_time:.1f} s")
    matches = dict(zip(source.predicates, rows.matches, strict=True))
    # Requests are None, not 0, if the source has no captures
    captured_requests = requests if requests and requests.count else None
    return Scan(Profile(rows.kept, tuple(profiles)), rows, matches, captured_requests, runs, rule_counts)


def build_plans(
    source: RowSource, requested: ScanPlan, counted: frozenset[str] = frozenset()
) -> tuple[list[ScanPlan], Callable[[ScanPlan], States]]:
    """The plans of a scan, one for each group of columns; and the function that computes the states of a plan."""
    names = source.names
    plan = replace(
        requested,
        frequency_limit=choose_frequency_limit(len(names)),
        rows=replace(requested.rows, predicates=len(source.predicates), counts_cells=source.counts_cells),
        all_columns=len(names),
    )
    # Lines are decoded by executors; typed columns are read directly, in groups if there are many
    if source.decode is not None:
        columns = plan_decoded_columns(names, counted)
        return [replace(plan, columns=columns)], partial(compute_row_states, source.data, source.decode)
    make_states = source.data.engine.find_implementation(prepare_typed_columns)
    plan_columns, states = make_states(source.data, source.predicates)
    # States over several columns need whole rows, so all columns are one group
    groups = split_columns(len(names), 1 if requested.needs_whole_rows else source.column_groups)
    plans = [replace(plan, columns=plan_columns(names, counted, positions)) for positions in groups]
    require_values(plans[0])
    # The group with the time column counts the rows
    counting_plan = next((group_plan for group_plan in plans if group_plan.time_column), plans[0])
    plans = [group_plan if group_plan is counting_plan else group_plan.drop_row_states() for group_plan in plans]
    return plans, states


def require_values(plan: ScanPlan) -> None:
    """Raises BadConfiguration if a column that cuts or groups the rows has lists, maps or bytes."""
    if plan.group_column is not None and plan.group_column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
        raise BadConfiguration(NO_GROUPS)
    names_by_position = {column.position: column.name for cut in plan.cuts for column in cut.columns}
    for column in plan.columns:
        if column.position in names_by_position and column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            raise BadConfiguration(CUT_NO_ROWS.format(name=names_by_position[column.position]))


def _pop_runs(states: list[State]) -> RowRuns:
    """Remove the runs of rows from a feature's states, because they aren't part of its profile; returns the runs."""
    index = next((index for index, state in enumerate(states) if state.KIND in RUN_KINDS), None)
    if index is None:
        return RowRuns()
    return cast("RowRuns", states.pop(index))


def _pop_segment_runs(states: list[State]) -> Sequence[RowRuns]:
    """Remove the runs in segments from a feature's states; returns them in the order of `SegmentProfiles`."""
    from spark_model_monitor.statistics.states.segments import SegmentProfiles

    runs: list[RowRuns] = []
    for index, state in enumerate(states):
        if isinstance(state, SegmentProfiles):
            states[index], runs = state.without_runs()
    return runs


def plan_decoded_columns(names: Sequence[str], counted: frozenset[str]) -> tuple[ColumnPlan, ...]:
    """The plans of features that executors decode from lines. All of them are texts."""
    return tuple(
        ColumnPlan(position, ColumnType.TEXT, hashed_by_spark=False, counted=name in counted)
        for position, name in enumerate(names)
    )


def choose_frequency_limit(columns: int) -> int:
    """The maximum number of values that are counted individually per column."""
    return max(1, min(MAX_FREQUENCY_LIMIT, FREQUENCY_BYTES // (max(columns, 1) * BYTES_PER_VALUE)))


def choose_adder_count(columns: int, partitions: int) -> int:
    """The number of tasks that add states; one task adds all states of a column."""
    return max(1, min(MAX_FOLDS, columns, -(-columns * partitions // STATES_PER_FOLD)))


def split_columns(columns: int, groups: int) -> list[range]:
    """The columns in groups of neighbours, which have the same size except for the last; without columns, one empty group."""
    group_size = max(1, -(-columns // groups))
    return [range(start, min(start + group_size, columns)) for start in range(0, max(1, columns), group_size)]


def prepare_typed_columns(
    table: Partitions, predicates: Mapping[str, Any]
) -> tuple[Callable[..., tuple[ColumnPlan, ...]], Callable[[ScanPlan], States]]:
    """Two functions: the first makes the plans of typed columns, the second the states of a plan. predicates: empty, because they
    need SQL.
    """

    def compute_states(plan: ScanPlan) -> States:
        # Only the columns that this group of features needs are read
        line = None if plan.rows.metadata is None else plan.rows.metadata.line
        names = {REASON, CELLS, *filter(None, (line,)), *(f"c{column.position}" for column in plan.columns)}
        if plan.file_order is not None:
            names |= {FILE_KEY, BLOCK_START}
        needed = cast("LocalPartitions", table).restrict_columns(names)
        return compute_typed_states(needed, plan)

    return partial(plan_typed_columns, table.schema), compute_states


def compute_row_states(source: Partitions, decode: Decode | None, plan: ScanPlan) -> States:
    """The states that a plan requests, of the rows that `decode` makes from lines."""
    return source.add_partition_number().states(partial(compute_partition_states, plan, decode))


def compute_typed_states(source: Partitions, plan: ScanPlan) -> States:
    """The states that a plan requests, of rows with typed columns."""
    return source.add_partition_number().states(partial(_prepare_and_compute, plan))


def _prepare_and_compute(plan: ScanPlan, batches: Batches) -> Iterator[StateRow]:
    return compute_partition_states(plan, None, prepare_batches(plan, batches))
