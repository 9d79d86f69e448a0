"""Where the rows behind a loss are from: those of wrong answers, or of large errors. Driver only.

Source: D4.19.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.outcomes import OutcomeDataset, OutcomeMark, outcomes
from model_monitor.documents.check_results import CheckResult
from model_monitor.errors import BadInput
from model_monitor.monitors.causes import Marked, with_causes
from model_monitor.monitors.model_quality.checks import ModelBaseline
from model_monitor.monitors.model_quality.metrics import METRICS
from model_monitor.statistics.states.outcomes import OutcomePlan

LOSS = "loss"  # one for all metrics: they are made of the same answers
PARTS = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)  # of the baseline's RMSE, between which errors are counted


def pinned_down(
    results: tuple[CheckResult, ...],
    rows: int,
    known: ModelBaseline,
    data: Dataset,
    plan: OutcomePlan,
    level: float,
    *,
    hide_values: bool,
) -> tuple[CheckResult, ...]:
    """The results; violated ones with the segment and the origin of the loss, if it is in one. rows: of the window."""
    if known.source is None or known.evidence is None:
        return results
    source, cuts = known.source, tuple[float, ...]()
    if plan.is_regression:
        rmse = METRICS[plan.problem_type].get("rmse")(known.evidence).value or 1.0
        cuts = tuple(part * rmse for part in PARTS)

    def opened(held: ExitStack) -> tuple[Marked, Marked]:
        now = data if isinstance(data, OutcomeDataset) else outcomes(data, plan)
        before = held.enter_context(source())
        if not isinstance(before, OutcomeDataset):
            addresses: Any = now.source.addresses if now.source is not None else {}
            before = outcomes(before, plan, **addresses)
        return _marked(now, plan, cuts, rows), _marked(before, plan, cuts, known.rows or 0)

    return with_causes(results, {LOSS: opened}, lambda _: (LOSS,), level, hide_values=hide_values)


def _marked(data: OutcomeDataset, plan: OutcomePlan, cuts: tuple[float, ...], rows: int) -> Marked:
    where = data.source
    if where is None:
        raise BadInput("outcomes that somebody prepared are not read again")
    mark = OutcomeMark(data.decoder, plan, where.columns, data.raw.schema, cuts)
    names = where.dataset.names
    return Marked(where.dataset, mark, rows, frozenset(names[at] for at, _ in (where.columns or {}).values()))
