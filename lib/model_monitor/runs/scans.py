"""The scan that a monitor asks for by the type of its measures, over a data set. Driver only.

`scanned` is the one place where a kind of measures meets its scan; a new kind registers its own function here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial, singledispatch
from typing import TYPE_CHECKING, Any

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.bias.measures import BiasMeasures, plan_of
from model_monitor.deequ import evaluation as deequ
from model_monitor.profiling.outcome_partition import OutcomeTask
from model_monitor.profiling.outcomes import scan_outcomes
from model_monitor.profiling.plan import LineMetadata
from model_monitor.profiling.scan import Scan, scan
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.outcomes import OutcomeDataset, outcomes
from model_monitor.records.places import LINE
from model_monitor.records.refusals import Refusal
from model_monitor.records.request_metadata import request_metadata
from model_monitor.runs.contingency_scan import analysed, scan_contingency
from model_monitor.states import OutcomePlan, Requests, RowCounts
from model_monitor.states.measures import Measures

if TYPE_CHECKING:
    from model_monitor.deequ.checks import CheckPlan, CheckResults


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scan brought back: the state of the rows that were kept, and the counts of all rows.

    metrics: an engine's own metrics of the state, in the place of the monitor's; checks: the results of the user's checks.
    Both are asked for when the rows have turned out to be enough; None if there are none. requests: those behind captured
    records; None if nothing is known of them.
    """

    state: Any
    rows: RowCounts
    metrics: Callable[[], Any] | None = None
    checks: Callable[[], CheckResults] | None = None
    requests: Requests | None = None


@singledispatch
def scanned(measures: Any, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """Make the states that `measures` asks for of a data set, in one scan. checks: the user's own Deequ Checks.

    Raises TypeError for measures that no scan is registered for, which is a fault of the monitor's author.
    """
    raise TypeError(f"no scan makes {type(measures).__name__}")


@scanned.register(Measures)
def _(measures: Measures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """The profile of every feature. Deequ turns its states into metrics and answers the checks."""
    asked = dict(checks.predicates) if checks else {}
    lines = None if asked else dataset.lines
    frame, predicates = (lines.raw, {}) if lines else _with_predicates(dataset, asked)
    found = scan(
        frame,
        dataset.names,
        reason=dataset.reason,
        reasons=len(Refusal) if dataset.refusable else 0,
        cells=dataset.cells,
        predicates=predicates,
        counted=measures.counted | (checks.frequency_columns if checks else frozenset()),
        accept_exponents=measures.accept_exponents,
        partitions_at_most=dataset.partitions_at_most,
        column_groups=dataset.column_groups,
        decode=lines.decoding if lines else None,
        metadata=LineMetadata(LINE, request_metadata) if dataset.carries_metadata else None,
        column_metrics=measures.column_metrics,
    )
    return Scanned(
        found.profile,
        found.rows,
        lambda: deequ.evaluate(dataset.engine.spark, found.profile),
        (lambda: _check_results(checks, found, dataset)) if checks else None,
        found.requests,
    )


def _check_results(plan: CheckPlan, found: Scan, dataset: Dataset) -> CheckResults:
    """What the user's checks say of the scan; PyDeequ is loaded for them only."""
    from model_monitor.deequ.check_suites import run_checks

    return run_checks(dataset.engine.spark, plan, found.profile, found.matches, dataset.named_frame())


@scanned.register(OutcomePlan)
def _(plan: OutcomePlan, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """Labels beside predictions. Of a data set that nobody has prepared the columns are called as `outcomes` wants them."""
    data = dataset if isinstance(dataset, OutcomeDataset) else outcomes(dataset, plan)
    task = OutcomeTask(plan, data.decoder, len(Refusal), data.metrics)
    found = scan_outcomes(data.raw, task, partitions_at_most=data.partitions_at_most)
    return Scanned(found.outcomes, found.rows)


@scanned.register(BiasMeasures)
def _(measures: BiasMeasures, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """The rows by kind. The flip test looks at rows again, so the metrics are made here."""
    plan = plan_of(measures, dataset.names)
    state, rows = scan_contingency(dataset, plan)
    return Scanned(state, rows, partial(analysed, dataset, plan, state, measures.methods))


def _with_predicates(dataset: Dataset, predicates: Mapping[str, str]) -> tuple[DataFrame, dict[str, Column]]:
    """The frame with a boolean column for each SQL expression over the features' names, and those columns by name."""
    if not predicates:
        return dataset.frame, {}
    names = [f"__predicate{index}" for index in range(len(predicates))]
    named = dataset.named_frame()
    with_predicates = named.select(
        "*", *[F.expr(sql).alias(name) for name, sql in zip(names, predicates.values(), strict=True)]
    )
    frame = with_predicates.toDF(*dataset.frame.columns, *names)
    return frame, {key: F.col(name) for key, name in zip(predicates, names, strict=True)}
