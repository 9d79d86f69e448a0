"""What the schedules of one folder say about a model: which one a schedule watches, and what was found to move it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from urllib.parse import urlparse

from model_monitor.configuration.options import AnalysisType
from model_monitor.configuration.reading import sources_of
from model_monitor.documents.clarify import AttributionReport
from model_monitor.errors import MonitorError
from model_monitor.reports.outputs.files import file_at
from model_monitor.scheduling.plan import Plan, read_plan
from model_monitor.storage import storage_of

log = logging.getLogger(__name__)

MODEL = "sagemaker_endpoint_name"
"""The variable by which notices and metrics say of which model they are."""

ENTRIES = "*.schedule.json"


def model_of(plan: Plan) -> str | None:
    """The model that a schedule's jobs say they look at; None if none says so, or can be read."""
    return next(_told(plan, MODEL), None)


def attributions_of(plan: Plan) -> str | None:
    """The baseline of the one explainability schedule of a data-quality schedule's model, in the same folder; else None.

    One that can't be seen from here is not taken: a job should not fail for what only orders its page.
    """
    model = model_of(plan)
    if plan.analysis_type != AnalysisType.DATA_QUALITY or model is None:
        return None
    found = {
        path: other.name for other in _beside(plan) if model_of(other) == model for path in _told(other, "baseline")
    }
    there = {path: name for path, name in found.items() if _is_there(path, plan)}
    if len(there) > 1:
        log.info("%s: %s explain %s; write attributions=PATH", plan.name, " and ".join(there.values()), model)
        return None
    for path, name in there.items():
        log.info("%s: what moves %s more stands first, by %s, the baseline of %s", plan.name, model, path, name)
    return next(iter(there), None)


def _beside(plan: Plan) -> Iterator[Plan]:
    """The explainability schedules of the folder; those that can't be read say so in runs of their own."""
    for file in sorted(plan.folder.glob(ENTRIES)):
        try:
            other = read_plan(file)
        except MonitorError:
            continue
        if other.analysis_type == AnalysisType.MODEL_EXPLAINABILITY:
            yield other


def _told(plan: Plan, option: str) -> Iterator[str]:
    texts = (sources_of(["--env-file", str(plan.env_file(job))], {}).text(option) for job in plan.entry.jobs)
    return (text for text in texts if text is not None)


def _is_there(path: str, plan: Plan) -> bool:
    place = path if urlparse(path).scheme else str(plan.folder / path)
    try:
        return storage_of(place).exists(file_at(place, AttributionReport.FILE_NAME))
    except MonitorError:
        return False
