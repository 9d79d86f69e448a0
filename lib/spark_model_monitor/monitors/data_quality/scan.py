"""The data-quality scan: the profile of every feature, in one pass. Driver only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.engine.protocol import Partitions
from spark_model_monitor.data.profiling.file_order import FileOrder
from spark_model_monitor.data.profiling.scan import RequestedStates, RowSource, Scan, scan
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.records.event_times import newest_time, times_of_lines
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import NeedsSpark, no_group_column
from spark_model_monitor.monitors.protocol import Judged, Scanned
from spark_model_monitor.statistics.states.profile import FeatureMetrics, Measures, Profile, metrics_of
from spark_model_monitor.statistics.states.rows import FEWEST_ROWS

if TYPE_CHECKING:
    from spark_model_monitor.data.profiling.segments import Cut
    from spark_model_monitor.monitors.data_quality.expectations import Plan
    from spark_model_monitor.monitors.user_checks.checks import CheckPlan


def scan_data_set(measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """The profile of every feature. Deequ computes metrics from its states and evaluates the checks."""
    engine = dataset.engine
    deequ = engine.deequ  # known before the rows are read
    asked = dict(checks.predicates) if checks else {}

    # A window may lack the columns that order or group the baseline's rows
    is_baseline = measures.run_rows == FEWEST_ROWS
    time = None
    if is_baseline or measures.time_column in dataset.names:
        time = measures.time_column
    group = measures.group_column
    if is_baseline and group is not None and group not in dataset.names:
        raise no_group_column(group, dataset.names)
    if is_baseline or not measures.run_rows:
        group = None

    # Lines are decoded on the executors, unless conditions in SQL need columns
    lines = None if asked else dataset.lines
    file_order = None
    if measures.run_rows and dataset.tells_files:
        file_order = FileOrder.from_files(dataset.files)
    rows: Partitions = lines.raw if lines else dataset.table
    if lines and file_order is not None:
        rows = lines.raw_with_files
    predicates: dict[str, Any] = {}
    if asked:
        rows, predicates = engine.way(with_conditions)(dataset, asked)

    # What is read, and what is computed from it
    if measures.segments:
        cuts = _cuts(measures, dataset.names)
    else:
        cuts = ()
    if measures.pairs:
        pairs = _pairs(measures, dataset.names)
    else:
        pairs = ()
    source = RowSource(
        rows,
        dataset.names,
        reason=dataset.reason,
        reasons=len(Refusal) if dataset.refusable else 0,
        cells=dataset.cells,
        predicates=predicates,
        partitions_at_most=dataset.partitions_at_most,
        column_groups=dataset.column_groups if group is None and (time is None or not measures.run_rows) else 1,
        decode=lines.decoding if lines else None,
        metadata=dataset.metadata,
        newest=newest_time if dataset.tells_times or not (dataset.metadata or is_baseline) else None,
        times_of=times_of_lines if dataset.metadata and (measures.run_rows or dataset.tells_times) else None,
        file_order=file_order,
    )
    requested = RequestedStates(
        counted=measures.counted | (checks.frequency_columns if checks else frozenset()),
        accept_exponents=measures.accept_exponents,
        column_metrics=measures.column_metrics,
        run_rows=measures.run_rows,
        time_column=time,
        group_column=group,
        rules=measures.expected.rules if measures.expected else None,
        cuts=cuts,
        pairs=pairs,
        value_by_value=measures.value_by_value,
    )
    scan_result = scan(source, requested)
    # A person's Deequ checks see the columns' types as Deequ does
    profile_of_deequ = scan_result.profile
    scan_result = replace(scan_result, profile=measures.required_numbers.read(scan_result.profile))
    if measures.finds_pairs:
        from spark_model_monitor.monitors.data_quality.column_relations import with_pairs

        scan_result = replace(scan_result, profile=with_pairs(scan_result.profile, scan_result.runs))
    counts = scan_result.rows
    if time is not None:
        counts = replace(counts, newest=engine.way(newest_in_utc)(dataset, counts.newest, time))
    metrics = partial(engine.way(evaluated), dataset, scan_result.profile)
    results = None
    if checks:
        from spark_model_monitor.monitors.user_checks.suite import checked

        results = partial(engine.way(checked), checks, dataset, profile_of_deequ, scan_result.matches)
    judge = None
    if measures.expected:
        judge = partial(_judged, measures.expected, dataset, scan_result)
    return Scanned(scan_result.profile, counts, metrics, results, scan_result.requests, scan_result.runs, deequ, judge)


def _cuts(measures: Measures, names: Sequence[str]) -> Sequence[Cut]:
    from spark_model_monitor.data.profiling.segments import cuts_of

    return cuts_of(measures.segments, names, measures.labels)


def _pairs(measures: Measures, names: Sequence[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    from spark_model_monitor.data.profiling.pairs import pairs_of

    return pairs_of(measures.pairs, names)


def _judged(plan: Plan, dataset: Dataset, found: Scan) -> Judged:
    """The results of a person's rules; `unique` takes a pass of its own."""
    from spark_model_monitor.data.profiling.uniqueness import repeated_rows
    from spark_model_monitor.monitors.data_quality.expectations import expectation_results

    assert found.offences is not None  # rules were counted
    rows = found.profile.item_count
    present = {at: found.profile.features[at].num_present for at in plan.unique}
    return expectation_results(plan, found.offences, rows, repeated_rows(dataset, plan.unique, rows), present)


def newest_in_utc(dataset: Dataset, newest: int, time: str) -> int:
    """The newest time of a column; an engine that prints times in another time zone has a way of its own."""
    return newest


def evaluated(dataset: Dataset, profile: Profile) -> Mapping[str, FeatureMetrics]:
    """The metrics of every feature, from its states alone; where Deequ evaluates them, its metrics are equal."""
    return metrics_of(profile)


def with_conditions(dataset: Dataset, conditions: Mapping[str, str]) -> tuple[Partitions, dict[str, Any]]:
    """The rows with a boolean column for each SQL expression over the features. Raises NeedsSpark: SQL is Spark's."""
    raise NeedsSpark("a condition in SQL")
