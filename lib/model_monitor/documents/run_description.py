"""What says which run a folder holds: run.json, and baseline.json that it was held against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Strict

from model_monitor.documents.constraints import MonitoringConfig
from model_monitor.documents.document import Count, Document, Expected, Name, Number, Section


class BaselineReference(Document, file="baseline.json", meant="baseline.json of a monitoring run"):
    """baseline.json. run_id, folder: of a run, the folder below `_runs/`. constraints, statistics: of a baseline that was read
    from files. Paths are whole ones.
    """

    version: Number = 0.0
    run_id: Name | None = None
    folder: Name | None = None
    constraints: Name | None = None
    statistics: Name | None = None


@dataclass(frozen=True, slots=True)
class RunContext:
    """What a run is of, as far as somebody said it. start, end: of its window. report: whether it leaves a page. read_by:
    the options of a job by which its data is read, that may be asked for again."""

    start: datetime | None = None
    end: datetime | None = None
    model: str | None = None
    schedule: str | None = None
    report: bool = True
    read_by: Mapping[str, str] | None = None

    @property
    def window(self) -> RunWindow | None:
        if self.start is None or self.end is None:
            return None
        return RunWindow(start=moment(self.start), end=moment(self.end))


MOMENT = "%Y-%m-%dT%H:%M:%SZ"

NOBODY_SAID = RunContext()


def moment(time: datetime) -> str:
    """A time as the contract's files have it: 2021-05-06T22:00:00Z."""
    return time.astimezone(timezone.utc).strftime(MOMENT)


@lru_cache(1024)
def time_of(text: str) -> datetime:
    """The time that `moment` wrote. Raises ValueError for any other text."""
    return datetime.strptime(text, MOMENT).replace(tzinfo=timezone.utc)


_MOMENT = Expected("a time such as 2026-03-04T20:00:00Z")
Moment = Annotated[str, Strict(), AfterValidator(lambda text: time_of(text) and text), _MOMENT]


class RunWindow(Section):
    """The times from `start` up to, but without, `end`: `2026-03-04T20:00:00Z`."""

    start: Moment
    end: Moment


class RunDescription(Document, file="run.json", meant="run.json of a run"):
    """run.json. model: its endpoint. settings: thresholds and methods that the run was judged by, or that it suggests. rows: of
    the data, None if a merged run doesn't say. violations: None where nothing was judged. product: the release that wrote it,
    which no run id depends on. read_by: options of the job by which the data was read, as they were given or recognised. deequ:
    the version of the Deequ that evaluated the states, None where their own formulas did; no run id depends on it either.
    expectations: what tells the rules from others, their sha256; None without any.
    """

    FOREIGN: ClassVar[Mapping[str, str]] = {"features": "a statistics.json or constraints.json"}
    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {"window", "model", "schedule", "baseline_run_id", "rows", "violations", "deequ"}
    )

    version: Count = 1
    job: Name
    analysis_type: Name
    window: RunWindow | None
    model: Name | None
    schedule: Name | None
    baseline_run_id: Name | None
    product: Name
    settings: MonitoringConfig
    rows: Count | None
    violations: Count | None
    read_by: Mapping[str, str] | None = None
    deequ: Name | None = None
    expectations: Name | None = None


class AnalysisType(str, Enum):
    """Which monitor a job runs (C1.1, C11c)."""

    DATA_QUALITY = "DATA_QUALITY"
    MODEL_QUALITY = "MODEL_QUALITY"
    MODEL_BIAS = "MODEL_BIAS"
    MODEL_EXPLAINABILITY = "MODEL_EXPLAINABILITY"
    ESTIMATED_QUALITY = "ESTIMATED_QUALITY"
