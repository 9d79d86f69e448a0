"""The scan: one pass over the data, in which executors compute states, which are added up to one profile.

A scan is one pass for any number of columns. Many states are added on the executors first, which keeps the driver's
memory small (P3); the sums are the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

from spark_model_monitor.data.engine.protocol import Partitions, StateRow, States, added
from spark_model_monitor.data.profiling.partition import Decode, columns_of, prepared, states_of_partition
from spark_model_monitor.data.profiling.plan import (
    CUT_NO_ROWS,
    FEATURE_OF_ROWS,
    NO_GROUPS,
    ColumnPlan,
    LineMetadata,
    ScanPlan,
)
from spark_model_monitor.data.records.locations import BLOCK_START, FILE_KEY
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
from spark_model_monitor.statistics.states.offences import Offences

if TYPE_CHECKING:
    from spark_model_monitor.data.engine.local import LocalPartitions
    from spark_model_monitor.data.profiling.expectations import Rules
    from spark_model_monitor.data.profiling.file_order import FileOrder
    from spark_model_monitor.data.profiling.segments import Cut

log = logging.getLogger(__name__)

LARGEST_FREQUENCY_LIMIT = 4096
FREQUENCY_BYTES = 64 * 2**20
BYTES_PER_VALUE = 110  # bounds of the counts by value: at most 4,096 values per column and 64 MiB in total (P15)

STATES_ON_THE_DRIVER = 4096
"""The number of features times partitions up to which the driver adds states: 4,096 KLL sketches are about 180 MB."""

STATES_PER_FOLD, MOST_FOLDS = 1250, 200
"""The number of features times partitions whose states one task adds, at most 56 MB of KLL sketches; and the maximum
number of such tasks."""

KINDS_OF_RUNS = (RowRuns.KIND, RowGroups.KIND)
UNKNOWN_PARTITIONS = 100  # assumed number of partitions of a frame if it is unknown


@dataclass(frozen=True, slots=True)
class Scan:
    """The result of one pass: the profile of the kept rows, and the counts of all rows.

    matches: number of rows for which each predicate was true, by name. requests: the requests behind captured records;
    None if unknown. runs: runs of every feature, empty if none were kept, then of every feature in every segment.
    offences: offences against the rules; None without rules.
    """

    profile: Profile
    rows: RowCounts
    matches: Mapping[str, int]
    requests: Requests | None = None
    runs: Sequence[RowRuns] = ()
    offences: Offences | None = None


def scan(
    data: Partitions,
    names: Sequence[str],
    *,
    reason: str | None = None,
    reasons: int = 0,
    cells: str | None = None,
    predicates: Mapping[str, Any] | None = None,
    counted: frozenset[str] = frozenset(),
    accept_exponents: bool = True,
    partitions_at_most: int | None = None,
    column_groups: int = 1,
    decode: Decode | None = None,
    metadata: LineMetadata | None = None,
    column_metrics: tuple[str, ...] = (),
    run_rows: int = 0,
    time_column: str | None = None,
    group_column: str | None = None,
    newest: Callable[[pa.Array], int] | None = None,
    times_of: Callable[[pa.Array], pa.Array] | None = None,
    rules: Rules | None = None,
    cuts: Sequence[Cut] = (),
    pairs: tuple[tuple[str, tuple[int, ...]], ...] = (),
    value_by_value: bool = False,
    file_order: FileOrder | None = None,
) -> Scan:
    """Profile the first `len(names)` columns of a frame, or lines, in one pass: one Spark job (two if executors add the
    states).

    data: the rows, or the lines from which `decode` makes rows.
    names: the feature names, by position.
    reason: an integer column: 0 for rows to keep, else a number from 1 to `reasons`.
    cells: an integer column whose values above 0 are counted (`RowCounts.widths`).
    predicates: boolean columns to count, by name; none if lines are decoded.
    counted: numeric features whose values are also counted by value.
    partitions_at_most: an upper bound on the number of partitions; if unknown, executors add the states.
    column_groups: number of groups in which the columns are read, each by tasks of its own. The source is read once per
    group, so it should be column-oriented files.
    decode: makes the features, `reason` and `cells` from lines on the executors; None if they are columns.
    time_column: the column that orders the rows; None for the order in the data.
    group_column: the column that names groups of rows, of which some are kept instead of runs.
    rules, cuts, pairs: as in `ScanPlan`; any of these needs all columns together, so they are read in one group.
    accept_exponents, metadata, column_metrics, run_rows, newest, times_of, value_by_value, file_order: as in `ScanPlan`.
    """
    if time_column is not None and time_column not in names:
        raise BadConfiguration(f"--time-column: {time_column!r} is no column; they are {', '.join(names[:20])}")
    started = time.monotonic()
    predicates = predicates or {}
    positions_by_name = {name: position for position, name in enumerate(names)}
    time_position = None if time_column is None else positions_by_name[time_column]
    group_position = None if group_column is None else positions_by_name[group_column]
    plan = partial(
        ScanPlan,
        frequency_limit=frequency_limit(len(names)),
        accept_exponents=accept_exponents,
        reasons=reasons,
        predicates=len(predicates),
        counts_cells=cells is not None,
        metadata=metadata,
        column_metrics=column_metrics,
        run_rows=run_rows,
        time_position=time_position,
        group_position=group_position,
        all_columns=len(names),
        newest=newest,
        times_of=times_of,
        rules=rules,
        cuts=tuple(cuts),
        pairs=pairs,
        value_by_value=value_by_value,
        file_order=file_order,
    )
    if decode is None:
        plans_of, states = data.engine.way(typed_columns)(data, predicates, reason, cells)
        groups = positions_of_groups(len(names), 1 if rules or cuts or pairs else column_groups)
        plans = [plan(plans_of(names, counted, positions)) for positions in groups]
        require_values(plans[0])
        counting = next((each for each in plans if each.time_column), plans[0])
        plans = [each if each is counting else each.without_rows() for each in plans]
    else:
        plans = [plan(decoded_columns(names, counted))]
        states = partial(states_of_rows, data, decode)
    states_of = [states(each) for each in plans]
    partials = reduce(lambda some, others: some.beside(others), states_of)
    few = partitions_at_most is not None and len(names) * partitions_at_most <= STATES_ON_THE_DRIVER
    sums = _sums(partials.rows(adders=0 if few else folds(len(names), partitions_at_most or UNKNOWN_PARTITIONS)))
    of_rows = {type(state): state for state in sums.get(FEATURE_OF_ROWS, [])}
    rows = of_rows.get(RowCounts, RowCounts.zero(reasons=reasons, predicates=len(predicates)))
    requests = of_rows.get(Requests)
    offences = of_rows.get(Offences, Offences.zero(len(rules.rules))) if rules is not None else None
    assert isinstance(rows, RowCounts)
    assert isinstance(requests, (Requests, type(None)))
    assert isinstance(offences, (Offences, type(None)))
    columns = [column for each in plans for column in each.columns]
    runs = [_taken(sums.get(column.position, [])) for column in columns]
    if cuts:
        runs += [each for column in columns for each in _taken_of_segments(sums.get(column.position, []))]
    features = tuple(
        FeatureProfile.of(name, column.column_type, sums.get(column.position, []))
        for name, column in zip(names, columns, strict=True)
    )
    log.info("scanned %s rows x %d columns, %.1f s", f"{rows.kept:,}", len(names), time.monotonic() - started)
    matches = dict(zip(predicates, rows.matches, strict=True))
    captured = requests if requests and requests.count else None
    return Scan(Profile(rows.kept, features), rows, matches, captured, runs, offences)


def require_values(plan: ScanPlan) -> None:
    """Raises BadConfiguration if a column of lists, maps or bytes is to cut or group the rows."""
    if plan.group_column is not None and plan.group_column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
        raise BadConfiguration(NO_GROUPS)
    positions = {part.position: part.name for cut in plan.cuts for part in cut.parts}
    for column in plan.columns:
        if column.position in positions and column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            raise BadConfiguration(CUT_NO_ROWS.format(name=positions[column.position]))


def _taken(states: list[State]) -> RowRuns:
    """The runs of rows, removed from a feature's states, since they are not part of its profile."""
    place = next((place for place, state in enumerate(states) if state.KIND in KINDS_OF_RUNS), None)
    return RowRuns() if place is None else cast("RowRuns", states.pop(place))


def _taken_of_segments(states: list[State]) -> Sequence[RowRuns]:
    """The runs of a feature in its segments, in the order of `in_segments`; removed from its states."""
    from spark_model_monitor.statistics.states.segments import Segmented

    runs: list[RowRuns] = []
    for place, state in enumerate(states):
        if isinstance(state, Segmented):
            states[place], runs = state.without_runs()
    return runs


def decoded_columns(names: Sequence[str], counted: frozenset[str]) -> tuple[ColumnPlan, ...]:
    """The plans of features that executors decode: all are texts."""
    return tuple(
        ColumnPlan(position, ColumnType.TEXT, hashed_by_spark=False, counted=name in counted)
        for position, name in enumerate(names)
    )


def frequency_limit(columns: int) -> int:
    """The maximum number of values that are counted individually per column."""
    return max(1, min(LARGEST_FREQUENCY_LIMIT, FREQUENCY_BYTES // (max(columns, 1) * BYTES_PER_VALUE)))


def folds(columns: int, partitions: int) -> int:
    """The number of tasks that add states; one task adds all states of a column."""
    return max(1, min(MOST_FOLDS, columns, -(-columns * partitions // STATES_PER_FOLD)))


def positions_of_groups(columns: int, groups: int) -> list[range]:
    """The columns in groups of neighbours, all but the last equally large; one empty group if there are no columns."""
    size = max(1, -(-columns // groups))
    return [range(start, min(start + size, columns)) for start in range(0, max(1, columns), size)]


def typed_columns(
    table: Partitions, predicates: Mapping[str, Any], reason: str | None, cells: str | None
) -> tuple[Callable[..., tuple[ColumnPlan, ...]], Callable[[ScanPlan], States]]:
    """Functions for the plans of typed columns and for the states of a plan. predicates: empty, they need SQL."""

    def states(plan: ScanPlan) -> States:
        line = plan.metadata.line if plan.metadata is not None else None
        names = {*filter(None, (reason, cells, line)), *(f"c{column.position}" for column in plan.columns)}
        if plan.file_order is not None:
            names |= {FILE_KEY, BLOCK_START}
        own = cast("LocalPartitions", table).only(names)
        return own.numbered().states(partial(_states_of_typed, plan, reason, cells))

    return partial(columns_of, table.schema), states


def states_of_rows(source: Partitions, decode: Decode | None, plan: ScanPlan) -> States:
    """The states that a plan requests, of prepared rows or of the rows that `decode` makes from lines."""
    return source.numbered().states(partial(states_of_partition, plan, decode))


def _states_of_typed(
    plan: ScanPlan, reason: str | None, cells: str | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[StateRow]:
    return states_of_partition(plan, None, prepared(plan, reason, cells, batches))


def _sums(partials: Iterable[StateRow]) -> dict[int, list[State]]:
    """The summed states of each feature; small by construction, one of each kind per feature and partition."""
    sums: dict[int, list[State]] = {}
    for (feature, _), same in groupby(partials, key=lambda row: (row.feature, row.kind)):
        sums.setdefault(feature, []).append(added(row.state for row in same))
    return sums
