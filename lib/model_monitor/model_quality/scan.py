"""The scan of model quality: labels beside predictions, counted in one pass. Driver only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_monitor.data.profiling.outcomes import OutcomeTask, scan_outcomes
from model_monitor.data.reading.dataset import Dataset
from model_monitor.data.reading.outcomes import OutcomeDataset, outcomes
from model_monitor.data.records.refusals import Refusal
from model_monitor.runs.kind import Scanned
from model_monitor.statistics.states import OutcomePlan

if TYPE_CHECKING:
    from model_monitor.deequ.checks import CheckPlan


def scanned(plan: OutcomePlan, dataset: Dataset, checks: CheckPlan | None) -> Scanned:
    """Labels beside predictions. Of a data set that nobody has prepared the columns are called as `outcomes` wants them."""
    data = dataset if isinstance(dataset, OutcomeDataset) else outcomes(dataset, plan)
    task = OutcomeTask(plan, data.decoder, len(Refusal), data.metrics)
    found = scan_outcomes(data.raw, task, partitions_at_most=data.partitions_at_most)
    return Scanned(found.outcomes, found.rows)
