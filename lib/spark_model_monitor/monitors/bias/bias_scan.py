"""The passes of the bias monitor over the rows: counting rows by kind; the flip test, once enough rows are known to be
accepted; and reading the rows behind a change again. Driver only.

Counting is one Spark job. A second job counts distinct values, if the kind of a column depends on their number and minimum
and maximum don't decide it. The flip test takes two more jobs, whatever the number of groups.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import pyarrow as pa

from spark_model_monitor.data.profiling.contingency_scan import CountTask, count_rows, find_strays, select_first_runs
from spark_model_monitor.data.profiling.uniqueness import ValueCountRequest, count_values
from spark_model_monitor.data.reading.dataset import Dataset
from spark_model_monitor.data.reading.labelled_records import PREDICTION_COLUMN
from spark_model_monitor.documents.check_results import FACET_VALUE, CheckResult, Results
from spark_model_monitor.errors import BadInput
from spark_model_monitor.monitors.bias.bias_analysis import (
    BiasAnalysis,
    FlipTests,
    GroupChoices,
    analyse_contingency,
    choose_groups,
    needs_flip_test,
)
from spark_model_monitor.monitors.bias.bias_baseline import BiasBaseline
from spark_model_monitor.monitors.bias.bias_measures import BiasMeasures, build_plan
from spark_model_monitor.monitors.bias.bias_metrics import PRE_TRAINING
from spark_model_monitor.monitors.bias.choices import (
    Choice,
    choose_kind,
    depends_on_distinct_values,
    describe_unmatched,
)
from spark_model_monitor.monitors.bias.flip_test import KeyFilter, OutcomeBinner, SensitiveGroup, flip_test
from spark_model_monitor.monitors.causes import MarkedRows, add_causes
from spark_model_monitor.monitors.predictions import LabelRule, prepare_model, reject_unanswered, with_predictions
from spark_model_monitor.monitors.predictors import Model
from spark_model_monitor.monitors.protocol import ScanResult, select_violations
from spark_model_monitor.statistics.states import RowCounts, RowRuns
from spark_model_monitor.statistics.states.contingency import FACET, Contingency
from spark_model_monitor.statistics.states.contingency_plan import ContingencyPlan, ValuedColumn
from spark_model_monitor.statistics.user_choices import ValueKind

log = logging.getLogger(__name__)

MANY_VALUES = 20  # distinct integers among which a single configured one is rather a threshold than a category


def scan_rows(measures: BiasMeasures, dataset: Dataset) -> ScanResult:
    """The rows by kind. The flip test reads rows again, so the metrics are computed here.

    If a model makes the predictions, they are made once for all passes, and released with the metrics.
    """
    plan = build_plan(measures, dataset.names)
    open_resources = ExitStack()
    with open_resources:
        if measures.model is not None:
            dataset, plan = open_resources.enter_context(_add_predictions(measures, dataset, plan, measures.model))
        state, rows = scan_contingency(dataset, plan)
        plan_of_window = keep_baseline_kinds(plan, state, measures.baseline_kinds)
        # Few columns change their kind, so a second count is rare
        if plan_of_window != plan:
            plan = plan_of_window
            state, rows = scan_contingency(dataset, plan)
        counted_columns = _select_counted_columns(dataset, plan)
        runs: Sequence[RowRuns] = ()
        if measures.with_runs:
            runs = select_first_runs(counted_columns.table, counted_columns.names, plan, state)
        # The resources stay open after this function, because the flip test reads the predicted rows again
        resources = open_resources.pop_all()
    return ScanResult(state, rows, partial(_analyse_scan, resources, dataset, plan, state, measures), runs=runs)


@contextmanager
def _add_predictions(
    measures: BiasMeasures, dataset: Dataset, plan: ContingencyPlan, model: Model
) -> Iterator[tuple[Dataset, ContingencyPlan]]:
    """The data set with the model's predictions as its last feature, and the plan for it.

    Source: B1.1.
    """
    names = (*dataset.names, PREDICTION_COLUMN)
    label = plan.label.name
    label_rule = LabelRule(measures.threshold, measures.config.predictor_settings.label_headers)
    features = _list_features(dataset, plan, model)
    measures_with_prediction = replace(
        measures, label=label, prediction=len(dataset.names), model=replace(model, features=features)
    )
    with with_predictions(dataset, features, label, model, label_rule) as rows:
        yield replace(dataset, rows=rows, names=names, refusable=True), build_plan(measures_with_prediction, names)


def quarantine_unanswered(measures: BiasMeasures, dataset: Dataset, model: Model) -> Dataset:
    """The data set in which records that the model doesn't answer are refused."""
    features = _list_features(dataset, build_plan(measures, dataset.names), model)
    with prepare_model(dataset, features, model) as prepared:
        return reject_unanswered(prepared, dataset)


def _list_features(dataset: Dataset, plan: ContingencyPlan, model: Model) -> tuple[str, ...]:
    """The columns that the model gets; one of lists has no single values."""
    schema = dataset.table.schema
    left_out = (plan.label.name, *plan.not_features)
    names = [
        name
        for index, name in enumerate(dataset.names)
        if name not in left_out and not pa.types.is_nested(schema.field(f"c{index}").type)
    ]
    return model.select_features(names)


def scan_contingency(dataset: Dataset, plan: ContingencyPlan) -> tuple[Contingency, RowCounts]:
    """The counts that `plan` requests, with enough metadata about each column to determine its kind. One or two Spark jobs.

    Raises BadInput if there are too many kinds of rows.
    """
    dataset = _select_counted_columns(dataset, plan)
    state, rows = count_rows(dataset.table, dataset.names, plan)
    # The kind of these columns depends on the number of distinct values, for which the scan has only bounds
    undecided_positions = [
        position
        for position, (column, metadata) in enumerate(zip(plan.valued, state.metadata, strict=True))
        if depends_on_distinct_values(column, metadata)
    ]
    if undecided_positions:
        requests = [
            ValueCountRequest((dataset.names.index(plan.valued[position].name),)) for position in undecided_positions
        ]
        metadata = list(state.metadata)
        for position, value_counts in zip(undecided_positions, count_values(dataset, requests, rows.kept), strict=True):
            distinct = value_counts.distinct
            metadata[position] = replace(metadata[position], at_least=distinct, at_most=distinct)
        state = replace(state, metadata=tuple(metadata))
    return state, rows


def keep_baseline_kinds(
    plan: ContingencyPlan, state: Contingency, baseline_kinds: Mapping[str, ValueKind]
) -> ContingencyPlan:
    """The plan, in which columns keep the baseline's kind if the window's values would give another kind. A column in which a
    few stray cells change the kind is left as it is; these cells are refused later.
    """

    columns = []
    for column, metadata in zip(plan.valued, state.metadata, strict=True):
        kind = baseline_kinds.get(column.name)
        has_strays = find_strays(column, metadata)
        if kind is not None and not has_strays and choose_kind(column, metadata) is not kind:
            log.info("column %r is taken as %s, as in the baseline", column.name, kind.value)
            column = replace(column, taken_as=kind)
        columns.append(column)
    facets = tuple(columns[: len(plan.facets)])
    label = columns[len(plan.facets)]
    prediction = None if plan.prediction is None else columns[-1]
    return replace(plan, facets=facets, label=label, prediction=prediction)


def _select_counted_columns(dataset: Dataset, plan: ContingencyPlan) -> Dataset:
    return dataset.select_features([name for name in dataset.names if name in plan.columns])


def _analyse_scan(
    resources: ExitStack, dataset: Dataset, plan: ContingencyPlan, state: Contingency, measures: BiasMeasures
) -> BiasAnalysis:
    """The analysis of counted rows, with the flip test. No Spark job, or two. resources: released at the end."""
    with resources:
        chosen = _explain_empty_groups(dataset, plan, choose_groups(state, plan))
        if not chosen.positives.keys and chosen.positives.kind is ValueKind.CATEGORICAL:
            for reason in _describe_unmatched_values(dataset, plan, plan.label, is_empty=True):
                log.warning("label %r: %s", plan.label.name, reason)
        _log_choices(plan, chosen)
        # A window treats columns like its baseline, which has warned already
        if not measures.baseline_kinds:
            _warn_of_thresholds(dataset, plan, state)
        flips = None
        if plan.with_flip_test and needs_flip_test(measures.methods, chosen):
            flips = _flip_tests(dataset, plan, state, chosen)
    return analyse_contingency(state, plan, measures.methods, flips, chosen=chosen)


def _explain_empty_groups(dataset: Dataset, plan: ContingencyPlan, chosen: GroupChoices) -> GroupChoices:
    """The choices with the reason why a configured group has no row. Configured values without a row are logged.

    One Spark job for each facet without a row, or with several values.
    """
    groups = []
    for facet, choices in zip(plan.facets, chosen.groups, strict=True):
        # If each value is a group, no group is empty
        if not facet.values or choices[0].error is not None:
            groups.append(choices)
            continue
        choice = choices[0]
        reasons: list[str] = []
        # If no number is above the threshold, there are no values to look up
        if choice.kind is ValueKind.CONTINUOUS:
            if not choice.keys:
                reasons = [
                    f"no number is above the configured threshold {choice.configured}: another unit? If it is a code, write "
                    f"--set column_types={facet.name}=categorical"
                ]
        elif not choice.keys or len(facet.values) > 1:
            reasons = _describe_unmatched_values(dataset, plan, facet, is_empty=not choice.keys)
        for reason in reasons:
            log.warning("facet %r: %s", facet.name, reason)
        # If the facet has too many values to compare, only an empty group is known
        if not choice.keys and not reasons:
            reasons = [f"no row has the configured value {choice.configured!r}"]
        groups.append((replace(choice, reason_empty="; ".join(reasons) or None),))
    return replace(chosen, groups=tuple(groups))


def _describe_unmatched_values(
    dataset: Dataset, plan: ContingencyPlan, facet: ValuedColumn, *, is_empty: bool
) -> list[str]:
    """The configured values that no row has; empty if the facet has too many values to compare. is_empty: whether no row has
    any of the configured values.
    """
    # Count as categories without configured values, so that each value has its own key
    every_value = replace(facet, values=(), taken_as=ValueKind.CATEGORICAL)
    values_alone = ContingencyPlan((every_value,), plan.label, untyped_texts=plan.untyped_texts)
    columns = _select_counted_columns(dataset, values_alone)
    try:
        counts, _ = count_rows(columns.table, columns.names, values_alone)
    # There are too many distinct values to compare with the configured ones
    except BadInput:
        return []
    texts = {str(cell[FACET]) for cell in counts.tables[0] if cell[FACET] is not None}
    return list(describe_unmatched(facet, texts, is_empty=is_empty))


def _log_choices(plan: ContingencyPlan, chosen: GroupChoices) -> None:
    groups = [
        f"facet {facet.name!r} {choices[0].kind.value}, {len(choices)} group{'s' if len(choices) > 1 else ''}"
        for facet, choices in zip(plan.facets, chosen.groups, strict=True)
    ]
    label = plan.label.name
    kind = chosen.positives.kind.value
    log.info("label %r taken as %s; %s", label, kind, "; ".join(groups))
    otherwise = "--set column_types=COLUMN=categorical, or continuous, says otherwise"
    if not chosen.positives.keys:
        log.warning(
            "no label is positive, so no group can differ from the rest; write label_values_or_threshold as the data has it. "
            "%r is taken as %s; %s",
            label,
            kind,
            otherwise,
        )
    if plan.prediction is not None and chosen.predicted is not None and chosen.error_of_predictions:
        log.warning(
            "no metric of predictions: %r is taken as %s; %s (%s)",
            plan.prediction.name,
            chosen.predicted.kind.value,
            otherwise,
            chosen.error_of_predictions,
        )


def _warn_of_thresholds(dataset: Dataset, plan: ContingencyPlan, state: Contingency) -> None:
    """Warn if the only configured number of a column is one of its many integers, because a threshold is probably meant.

    One Spark job for all columns of integers that are far apart.
    """
    doubtful_columns = []
    for column, metadata in zip(plan.valued, state.metadata, strict=True):
        # A type that the user gives is what is meant
        is_category = column.taken_as is None and choose_kind(column, metadata) is ValueKind.CATEGORICAL
        span = (metadata.maximum or 0) - (metadata.minimum or 0)
        if column.threshold is not None and is_category and span >= MANY_VALUES:
            doubtful_columns.append(column)
    requests = [ValueCountRequest((dataset.names.index(column.name),)) for column in doubtful_columns]
    for column, counts in zip(doubtful_columns, count_values(dataset, requests, state.rows), strict=True):
        if counts.distinct >= MANY_VALUES:
            log.warning(
                "column %r: %s is taken as one of %d categories; for a threshold write --set column_types=%s=continuous, "
                "else =categorical",
                *(column.name, column.values[0], counts.distinct, column.name),
            )


def _flip_tests(dataset: Dataset, plan: ContingencyPlan, state: Contingency, chosen: GroupChoices) -> FlipTests:
    """The flip test of every group with rows on both sides, by the indexes of facet and group."""
    if plan.prediction is None or chosen.predicted is None:
        return {}
    # Neighbours are similar in the features; the facet itself, the label and the prediction are no features
    left_out = {plan.label.name, plan.prediction.name, plan.group_column, *plan.not_features}
    tested = {}
    for facet_index, (facet, choices, table) in enumerate(zip(plan.facets, chosen.groups, state.tables, strict=True)):
        features = tuple(name for name in plan.model_features or dataset.names if name not in {*left_out, facet.name})
        # A group needs rows of its own, and neighbours in the rest
        for group_index, choice in enumerate(choices):
            size = sum(rows for cell, rows in table.items() if cell[FACET] in choice.keys)
            rest_size = sum(table.values()) - size
            if size and rest_size:
                group = SensitiveGroup(_select_rows(facet, choice), features, size, rest_size)
                tested[facet_index, group_index] = group
    if not tested:
        return {}
    flip_tests = flip_test(
        dataset.table,
        dataset.names,
        plan,
        _select_rows(plan.prediction, chosen.predicted),
        list(tested.values()),
    )
    # A reason applies to all groups
    if isinstance(flip_tests, str):
        return dict.fromkeys(tested, flip_tests)
    for group, flips in zip(tested.values(), flip_tests, strict=True):
        if flips.tested < group.size or flips.neighbours < group.rest_size:
            log.warning(
                f"flip test of facet {group.sensitive.column.name!r} by sample: {flips.tested:,} of "
                f"{group.size:,} rows and {flips.neighbours:,} of {group.rest_size:,} others"
            )
    return dict(zip(tested, flip_tests, strict=True))


def _select_rows(column: ValuedColumn, choice: Choice) -> KeyFilter:
    """The rows whose key in a column is one of the chosen keys."""
    return KeyFilter(column, tuple(sorted(choice.keys, key=str)))


# The rows behind a change of bias: those of the group, or of the rest, that are positive or were predicted wrongly


OF_ERRORS = frozenset({"AD", "RD", "SD", "TE", "DAR", "DRR", "DCA", "DCR"})
"""Metrics that compare errors of predictions."""

# Facet, its value; whether the group or the rest, predictions or labels, errors
CauseSubject = tuple[str, str, bool, bool, bool]


def find_causes(
    check_results: Results,
    state: Contingency,
    baseline: BiasBaseline,
    data: Dataset,
    level: float,
    *,
    hide_values: bool = False,
) -> Results:
    """The results; violations get the segment and the origin of their change, if there is one. Source: D4.19."""
    if (source := baseline.source) is None:
        return check_results
    plan = ContingencyPlan.from_text(state.plan)
    chosen = choose_groups(state, plan)
    # Selections of the rows of each group, and of the positive rows by label and by prediction
    groups = {
        (facet.name, choice.configured): _select_rows(facet, choice)
        for facet, choices in zip(plan.facets, chosen.groups, strict=True)
        for choice in choices
    }
    positive = {False: KeyFilter(plan.label, tuple(chosen.positives.keys))}
    if plan.prediction is not None and chosen.predicted is not None:
        positive[True] = KeyFilter(plan.prediction, tuple(chosen.predicted.keys))
    outcomes = frozenset(rows_of_keys.column.name for rows_of_keys in positive.values())

    def list_subjects(result: CheckResult) -> Iterator[CauseSubject]:
        facet = result.feature or ""
        value = (result.model_extra or {}).get(FACET_VALUE, "")
        about_predictions = (result.metric or "") not in PRE_TRAINING and True in positive
        for in_group in (True, False):
            yield facet, value, in_group, about_predictions, about_predictions and result.metric in OF_ERRORS

    # Mark the rows of window and baseline in the same way: rows of the part that have the outcome
    def open_marked_rows(subject: CauseSubject, resources: ExitStack) -> tuple[MarkedRows, MarkedRows]:
        facet, value, in_group, about_predictions, about_errors = subject
        key_filters = [groups[facet, value], positive[about_predictions]]
        if about_errors:
            key_filters.append(positive[False])

        def mark_rows(dataset: Dataset, rows: int) -> MarkedRows:
            mark = OutcomeBinner(CountTask(plan, dataset.names), tuple(key_filters), in_group)
            return MarkedRows(dataset, mark, rows, outcomes | {facet})

        return mark_rows(data, state.rows), mark_rows(resources.enter_context(source()), state.rows)

    # Each part is searched once, even if several violations are about it
    subjects = {
        subject
        for result in select_violations(check_results)
        for subject in list_subjects(result)
        if subject[:2] in groups
    }
    return add_causes(
        check_results,
        {subject: partial(open_marked_rows, subject) for subject in sorted(subjects)},
        list_subjects,
        level,
        hide_values=hide_values,
    )
