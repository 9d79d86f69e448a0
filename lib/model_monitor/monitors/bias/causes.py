"""Where the rows behind a change of bias are from: those of the group, or of all others, that are positive, or judged wrongly.

Source: D4.19.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

from model_monitor.data.profiling.contingency import CountTask
from model_monitor.data.reading.dataset import Dataset
from model_monitor.documents.check_results import FACET_VALUE, CheckResult
from model_monitor.monitors.bias.analysis import chosen_of
from model_monitor.monitors.bias.comparison import BiasBaseline
from model_monitor.monitors.bias.flip_test import FlipTask, Positive, RowsOfKeys
from model_monitor.monitors.bias.metrics import PRE_TRAINING
from model_monitor.monitors.causes import Marked, with_causes
from model_monitor.monitors.protocol import violated
from model_monitor.statistics.states.contingency import Contingency, ContingencyPlan

OF_ERRORS = frozenset(
    {"AD", "RD", "SD", "TE", "DAR", "DRR", "DCA", "DCR"}
)  # metrics of answers that differ from labels
Part = tuple[str, str, bool, bool, bool]  # facet, its value, in the group or the rest, of predictions, of errors


def pinned_down(
    results: tuple[CheckResult, ...], state: Contingency, known: BiasBaseline, data: Dataset, level: float
) -> tuple[CheckResult, ...]:
    """The results; violated ones with the segment and the origin of the change, if it is in one."""
    if (source := known.source) is None:
        return results
    plan = ContingencyPlan.from_text(state.plan)
    chosen = chosen_of(state, plan)
    groups = {
        (facet.name, choice.configured): RowsOfKeys(facet, tuple(sorted(choice.keys, key=str)))
        for facet, choices in zip(plan.facets, chosen.groups, strict=True)
        for choice in choices
    }
    positive = {False: RowsOfKeys(plan.label, tuple(chosen.positives.keys))}
    if plan.prediction is not None and chosen.predicted is not None:
        positive[True] = RowsOfKeys(plan.prediction, tuple(chosen.predicted.keys))
    outcomes = frozenset(each.column.name for each in positive.values())

    def about(result: CheckResult) -> Iterator[Part]:
        facet, value = result.feature or "", (result.model_extra or {}).get(FACET_VALUE, "")
        of_predictions = (result.metric or "") not in PRE_TRAINING and True in positive
        for in_group in (True, False):
            yield facet, value, in_group, of_predictions, of_predictions and result.metric in OF_ERRORS

    def opened(part: Part, held: ExitStack) -> tuple[Marked, Marked]:
        facet, value, in_group, of_predictions, of_errors = part
        wanted = [groups[facet, value], positive[of_predictions], *([positive[False]] if of_errors else [])]

        def marked(dataset: Dataset, rows: int) -> Marked:
            task = FlipTask(CountTask(plan, dataset.names, None, None), (), wanted[1], tuple(wanted))
            return Marked(dataset, Positive(task, in_group), rows, outcomes | {facet})

        rows = sum(state.tables[0].values())
        return marked(data, rows), marked(held.enter_context(source()), rows)

    parts = {part for result in violated(results) for part in about(result) if part[:2] in groups}
    return with_causes(
        results, {part: partial(opened, part) for part in sorted(parts)}, about, level, hide_values=False
    )
