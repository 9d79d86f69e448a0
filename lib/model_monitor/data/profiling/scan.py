"""The one pass over the data: states made on the executors, added there or here, and given back as one profile.

However many columns there are, a scan is one pass; when the states themselves are many they are added on the executors first,
which keeps the driver's memory small (P3). The sums are the same.
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

from model_monitor.data.engine.protocol import Partitions, StateRow, States, added
from model_monitor.data.profiling.partition import Decode, columns_of, prepared, states_of_partition
from model_monitor.data.profiling.plan import (
    CUT_NO_ROWS,
    FEATURE_OF_ROWS,
    NO_GROUPS,
    ColumnPlan,
    LineMetadata,
    ScanPlan,
)
from model_monitor.errors import BadConfiguration
from model_monitor.statistics.states import (
    ColumnType,
    FeatureProfile,
    Profile,
    Requests,
    RowCounts,
    RowGroups,
    RowRuns,
    State,
)
from model_monitor.statistics.states.offences import Offences

if TYPE_CHECKING:
    from model_monitor.data.engine.local import LocalPartitions
    from model_monitor.data.profiling.expectations import Rules
    from model_monitor.data.profiling.segments import Cut

log = logging.getLogger(__name__)

LARGEST_FREQUENCY_LIMIT = 4096
FREQUENCY_BYTES = 64 * 2**20
BYTES_PER_VALUE = 110  # bounds of the counts by value: at most 4,096 values a column and 64 MiB in all (P15)

STATES_ON_THE_DRIVER = 4096
"""States of features times partitions up to which the driver adds them itself: 4,096 KLL sketches are about 180 MB."""

STATES_PER_FOLD, MOST_FOLDS = 1250, 200
"""States of features times partitions that one task adds, at most 56 MB of KLL sketches, and how many such tasks there are at
most."""

KINDS_OF_RUNS = (RowRuns.KIND, RowGroups.KIND)
UNKNOWN_PARTITIONS = 100  # what a frame is taken to have where nobody knows


@dataclass(frozen=True, slots=True)
class Scan:
    """What one pass found: the profile of the rows that were kept, and the counts of all rows.

    matches: rows for which each predicate was true, by its name. requests: those behind captured records; None if nothing is
    known of them. runs: of every feature, empty ones if none were kept, then of every feature in every segment. offences: of the
    rules; None without any.
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
) -> Scan:
    """Profile the first `len(names)` columns of a frame, or lines, in one pass. Of Spark that is one job (two when the states
    are added on executors).

    data: the rows, or the lines that `decode` makes rows of.
    names: the features' names, by position.
    reason: an integer column that is 0 for rows to keep, else a number from 1 to `reasons`.
    cells: an integer column whose values above 0 are counted (`RowCounts.widths`).
    predicates: boolean columns to count, by name; none where lines are decoded.
    counted: numeric features whose values are counted one by one, too.
    partitions_at_most: an upper bound of the partitions, if it is known; without it executors add the states.
    column_groups: in how many groups the columns are read, each by tasks of its own. The source is read as often, so it should
        be files that have their data column by column.
    decode: makes the features, `reason` and `cells` of lines on the executors; None if they are columns.
    time_column: the column by which rows are neighbours; None for the order in which they stand.
    group_column: the column that names the groups of rows, of which some are kept in place of runs.
    rules, cuts, pairs: as in `ScanPlan`; with one of them, as they are over any columns, these are read in one group.
    accept_exponents, metadata, column_metrics, run_rows, newest, times_of: as in `ScanPlan`.
    """
    if time_column is not None and time_column not in names:
        raise BadConfiguration(f"--time-column: {time_column!r} is no column; they are {', '.join(names[:20])}")
    started = time.monotonic()
    predicates = predicates or {}
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
        time_position=None if time_column is None else list(names).index(time_column),
        group_position=None if group_column is None else list(names).index(group_column),
        all_columns=len(names),
        newest=newest,
        times_of=times_of,
        rules=rules,
        cuts=tuple(cuts),
        pairs=pairs,
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
    """Raises BadConfiguration if rows are to be cut, or grouped, by a column of lists, maps or bytes."""
    if plan.group_column is not None and plan.group_column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
        raise BadConfiguration(NO_GROUPS)
    positions = {part.position: part.name for cut in plan.cuts for part in cut.parts}
    for column in plan.columns:
        if column.position in positions and column.column_type in (ColumnType.VECTOR, ColumnType.NESTED):
            raise BadConfiguration(CUT_NO_ROWS.format(name=positions[column.position]))


def _taken(states: list[State]) -> RowRuns:
    """The runs of rows, taken out of a feature's states: they are no part of its profile."""
    place = next((place for place, state in enumerate(states) if state.KIND in KINDS_OF_RUNS), None)
    return RowRuns() if place is None else cast("RowRuns", states.pop(place))


def _taken_of_segments(states: list[State]) -> Sequence[RowRuns]:
    """Those of a feature in its segments, in the order of `in_segments`."""
    from model_monitor.statistics.states.segments import Segmented

    runs: list[RowRuns] = []
    for place, state in enumerate(states):
        if isinstance(state, Segmented):
            states[place], runs = state.without_runs()
    return runs


def decoded_columns(names: Sequence[str], counted: frozenset[str]) -> tuple[ColumnPlan, ...]:
    """The plans of features that executors decode themselves: all of them are texts."""
    return tuple(
        ColumnPlan(position, ColumnType.TEXT, hashed_by_spark=False, counted=name in counted)
        for position, name in enumerate(names)
    )


def frequency_limit(columns: int) -> int:
    """How many values are counted apart in one of so many columns."""
    return max(1, min(LARGEST_FREQUENCY_LIMIT, FREQUENCY_BYTES // (max(columns, 1) * BYTES_PER_VALUE)))


def folds(columns: int, partitions: int) -> int:
    """How many tasks add the states of so many columns and partitions; those of one column are added by one of them."""
    return max(1, min(MOST_FOLDS, columns, -(-columns * partitions // STATES_PER_FOLD)))


def positions_of_groups(columns: int, groups: int) -> list[range]:
    """The columns in groups of neighbours, all but the last of one size; one group without columns if there are none."""
    size = max(1, -(-columns // groups))
    return [range(start, min(start + size, columns)) for start in range(0, max(1, columns), size)]


def typed_columns(
    table: Partitions, predicates: Mapping[str, Any], reason: str | None, cells: str | None
) -> tuple[Callable[..., tuple[ColumnPlan, ...]], Callable[[ScanPlan], States]]:
    """What makes the plans of typed columns, and the states of a plan. predicates: none, they take an engine with SQL."""

    def states(plan: ScanPlan) -> States:
        line = plan.metadata.line if plan.metadata is not None else None
        names = {*filter(None, (reason, cells, line)), *(f"c{column.position}" for column in plan.columns)}
        own = cast("LocalPartitions", table).only(names)
        return own.numbered().states(partial(_states_of_typed, plan, reason, cells))

    return partial(columns_of, table.schema), states


def states_of_rows(source: Partitions, decode: Decode | None, plan: ScanPlan) -> States:
    """The states that a plan asks of rows, prepared ones or those that `decode` makes of lines."""
    return source.numbered().states(partial(states_of_partition, plan, decode))


def _states_of_typed(
    plan: ScanPlan, reason: str | None, cells: str | None, batches: Iterable[pa.RecordBatch]
) -> Iterator[StateRow]:
    return states_of_partition(plan, None, prepared(plan, reason, cells, batches))


def _sums(partials: Iterable[StateRow]) -> dict[int, list[State]]:
    """The states of each feature; small by construction, one of each kind per feature and partition."""
    sums: dict[int, list[State]] = {}
    for (feature, _), same in groupby(partials, key=lambda row: (row.feature, row.kind)):
        sums.setdefault(feature, []).append(added(row.state for row in same))
    return sums
