"""The data-quality scan: the profile of every feature, in one pass. Driver only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from spark_model_monitor.data.engine.engine_protocol import Partitions
from spark_model_monitor.data.profiling.scan import RowSource, Scan, scan
from spark_model_monitor.data.profiling.scan_plan import RowPlan, ScanPlan
from spark_model_monitor.data.reading.dataset import Dataset, require_group_column
from spark_model_monitor.data.records.event_times import extract_times, find_newest_time
from spark_model_monitor.data.records.refusals import Refusal
from spark_model_monitor.errors import BadConfiguration, NeedsSpark
from spark_model_monitor.monitors.protocol import RuleOutcomes, ScanResult
from spark_model_monitor.statistics.states.profile import FeatureMetrics, Measures, Profile, compute_metrics
from spark_model_monitor.statistics.states.row_counts import MIN_ROWS

if TYPE_CHECKING:
    from spark_model_monitor.data.profiling.file_order import FileOrder
    from spark_model_monitor.data.profiling.segment_cuts import Cut
    from spark_model_monitor.monitors.data_quality.expectations import ExpectationPlan
    from spark_model_monitor.monitors.user_checks.check_plan import CheckPlan


def scan_data_set(measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> ScanResult:
    """The profile of every feature. Deequ computes metrics from its states and evaluates the checks."""
    deequ = dataset.engine.deequ  # known before the rows are read
    time, group = _choose_order_and_groups(measures, dataset)
    file_order = None
    if measures.run_rows and dataset.files and dataset.has_file_locations:
        from spark_model_monitor.data.profiling.file_order import FileOrder

        file_order = FileOrder.from_files(dataset.files)
    # Groups, and runs in the order of time, need all columns of a row together
    column_groups = 1
    if group is None and (time is None or not measures.run_rows):
        column_groups = dataset.column_groups
    source = _open_rows(dataset, checks, file_order, column_groups)
    plan = _plan_scan(measures, dataset, time, group, file_order)
    # A person's checks may count numbers by value
    counted = measures.counted
    if checks:
        counted |= checks.frequency_columns
    return _create_result(measures, dataset, checks, scan(source, plan, counted), deequ)


def _choose_order_and_groups(measures: Measures, dataset: Dataset) -> tuple[str | None, str | None]:
    """The column of times that orders the rows, and the column that groups them; None without one."""
    # A window may lack the columns that order or group the baseline's rows
    is_baseline = measures.run_rows == MIN_ROWS
    time = None
    if is_baseline or measures.time_column in dataset.names:
        time = measures.time_column
    group = measures.group_column
    if is_baseline:
        require_group_column(group, dataset.names)
    # A baseline's runs are of neighbouring rows; a window without runs keeps no groups
    if is_baseline or not measures.run_rows:
        group = None
    return time, group


def _open_rows(
    dataset: Dataset, checks: CheckPlan | None, file_order: FileOrder | None, column_groups: int
) -> RowSource:
    """The rows to scan: lines that executors decode, unless conditions in SQL need columns."""
    rows = dataset.table
    decode = None
    predicates: dict[str, Any] = {}
    if checks and checks.predicates:
        rows, predicates = dataset.engine.find_implementation(add_condition_columns)(dataset, checks.predicates)
    elif dataset.lines:
        decode = dataset.lines.decoding
        rows = dataset.lines.raw
        if file_order is not None:
            rows = dataset.lines.raw_with_files
    return RowSource(
        rows,
        dataset.names,
        counts_cells=dataset.record_cells is not None,
        predicates=predicates,
        max_partition_count=dataset.max_partition_count,
        column_groups=column_groups,
        decode=decode,
    )


def _plan_scan(
    measures: Measures, dataset: Dataset, time: str | None, group: str | None, file_order: FileOrder | None
) -> ScanPlan:
    """What the scan computes, with the positions of columns, by which executors know them."""
    names = dataset.names
    cuts: Sequence[Cut] = ()
    if measures.segments:
        from spark_model_monitor.data.profiling.segment_cuts import parse_cuts

        cuts = parse_cuts(measures.segments, names, measures.labels)
    pairs: tuple[tuple[str, tuple[int, ...]], ...] = ()
    if measures.pairs:
        from spark_model_monitor.data.profiling.pair_scan import locate_pairs

        pairs = locate_pairs(measures.pairs, names)
    time_position = None
    if time is not None:
        if time not in names:
            listed_names = ", ".join(names[:20])
            raise BadConfiguration(f"--time-column: {time!r} is no column; they are {listed_names}")
        time_position = names.index(time)
    group_position = None
    if group is not None:
        group_position = names.index(group)
    rules = None
    if measures.expected:
        rules = measures.expected.table.rules
    # Times of captured events, and of a window's time column
    is_baseline = measures.run_rows == MIN_ROWS
    metadata = dataset.metadata
    row_plan = RowPlan(
        reasons=len(Refusal) if dataset.refusable else 0,
        rules=rules,
        metadata=metadata,
        newest=find_newest_time if dataset.tells_times or not (metadata or is_baseline) else None,
        read_times=extract_times if metadata and (measures.run_rows or dataset.tells_times) else None,
    )
    return ScanPlan(
        accept_exponents=measures.accept_exponents,
        rows=row_plan,
        run_rows=measures.run_rows,
        time_position=time_position,
        group_position=group_position,
        cuts=tuple(cuts),
        pairs=pairs,
        value_by_value=measures.value_by_value,
        file_order=file_order,
    )


def _create_result(
    measures: Measures, dataset: Dataset, checks: CheckPlan | None, scan_result: Scan, deequ: str | None
) -> ScanResult:
    """The result of a scan. Metrics and check results are computed only when the run needs them."""
    implement = dataset.engine.find_implementation
    # A person's Deequ checks see the columns' types as Deequ does
    results = None
    if checks:
        from spark_model_monitor.monitors.user_checks.suite import checked

        results = partial(implement(checked), checks, dataset, scan_result.profile, scan_result.matches)
    scan_result = replace(scan_result, profile=measures.required_numbers.read(scan_result.profile))
    if measures.finds_pairs:
        from spark_model_monitor.monitors.data_quality.column_relations import add_relations

        scan_result = replace(scan_result, profile=add_relations(scan_result.profile, scan_result.runs))
    metrics = partial(implement(evaluated), dataset, scan_result.profile)
    judge = None
    if measures.expected:
        judge = partial(_judge_rules, measures.expected, dataset, scan_result)
    requests = scan_result.requests
    return ScanResult(scan_result.profile, scan_result.rows, metrics, results, requests, scan_result.runs, deequ, judge)


def _judge_rules(plan: ExpectationPlan, dataset: Dataset, scan_result: Scan) -> RuleOutcomes:
    """The results of a person's rules; rules about how often values occur take a pass of their own."""
    from spark_model_monitor.data.profiling.uniqueness import count_values
    from spark_model_monitor.monitors.data_quality.expectations import judge_expectations
    from spark_model_monitor.monitors.data_quality.rule_table import Measurements
    from spark_model_monitor.monitors.data_quality.rule_verdicts import judge_rule_set

    assert scan_result.rule_counts is not None  # rules were counted
    rows = scan_result.profile.item_count
    values = count_values(dataset, [*plan.table.value_requests.values()], rows)
    measured = Measurements(rows, scan_result.rule_counts, values)
    judged = judge_expectations(plan, measured)
    if plan.rule_set is None:
        return judged
    check_results = (*judged.results, *judge_rule_set(plan.rule_set, plan.bound_rules, measured))
    digest = plan.rule_set.digest
    if not plan.expectations.is_empty:
        digest = f"{judged.digest}{digest}"
    return replace(judged, results=check_results, digest=digest)


def evaluated(dataset: Dataset, profile: Profile) -> Mapping[str, FeatureMetrics]:
    """The metrics of every feature, from its states alone; where Deequ evaluates them, its metrics are equal."""
    return compute_metrics(profile)


def add_condition_columns(dataset: Dataset, conditions: Sequence[str]) -> tuple[Partitions, dict[str, Any]]:
    """The rows with a boolean column for each SQL expression over the features. Raises NeedsSpark: SQL is Spark's."""
    raise NeedsSpark("a condition in SQL")
