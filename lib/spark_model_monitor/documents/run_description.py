"""run.json: the identity of the run in a folder, and the baseline with which it was compared."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from enum import Enum
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, Strict

from spark_model_monitor.documents.document import Count, Document, Expected, Name, Number, Section
from spark_model_monitor.documents.monitoring_settings import MonitoringConfig
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.value_class import value_class


class BaselineReference(Section):
    """The member `baseline` of run.json. Paths are absolute.

    run_id, folder: id and folder of a baseline run. constraints, statistics: paths of a baseline that was read from single
        files.
    """

    version: Number = 0.0
    run_id: Name | None = None
    folder: Name | None = None
    constraints: Name | None = None
    statistics: Name | None = None

    @property
    def name(self) -> str | None:
        """The baseline's name for people: the name of its folder, or the hour of an earlier window; None if it has neither."""
        folder = self.folder or (self.constraints or "").rpartition("/")[0]
        # The folder of an hourly run has a name such as `20`, which says nothing
        hour = _HOUR_FOLDER.search(folder)
        if hour is not None:
            return "the window of {}-{}-{} {}:00".format(*hour.groups())
        return find_data_name(folder)


@value_class
class RunContext:
    """The caller's information about a run.

    start, end: of its window.
    report: whether it writes a page.
    read_by: the options with which the job read its data; a later job may reuse them.
    evaluation_time: when the run took place, for documents that state this time. By default the end of the window, so that a
        rerun writes the same bytes.
    data: the name of the data set; by default the name of its file, folder or table.
    sends_values: whether values of the data may be sent to sinks and tables.
    """

    start: datetime | None = None
    end: datetime | None = None
    model: str | None = None
    schedule: str | None = None
    report: bool = True
    read_by: Mapping[str, str] | None = None
    evaluation_time: datetime | None = None
    data: str | None = None
    sends_values: bool = False

    @property
    def window(self) -> RunWindow | None:
        # With only one end, no row can be assigned to the window
        if self.start is None or self.end is None:
            return None
        return RunWindow(start=format_moment(self.start), end=format_moment(self.end))


MOMENT = "%Y-%m-%dT%H:%M:%SZ"

NO_CONTEXT = RunContext()


def format_moment(time: datetime) -> str:
    """A time in the format of the contract's files: 2021-05-06T22:00:00Z."""
    # In whole seconds and in UTC
    return time.astimezone(timezone.utc).strftime(MOMENT)


@lru_cache(1024)
def parse_moment(text: str) -> datetime:
    """The time that `format_moment` wrote. Raises ValueError for another text."""
    return datetime.strptime(text, MOMENT).replace(tzinfo=timezone.utc)


_MOMENT = Expected("a time such as 2026-03-04T20:00:00Z")
Moment = Annotated[str, Strict(), AfterValidator(lambda text: parse_moment(text) and text), _MOMENT]


_HOUR_FOLDER = re.compile(r"/(\d{4})/(\d\d)/(\d\d)/(\d\d)(?:/|$)", re.ASCII)
_NOT_IN_NAME = re.compile(
    r"(?<![-_.])[-_.]*[*?\[].*"  # `orders-*` is of `orders`
    r"|[-_.]?20\d\d-?[01]\d-?[0-3]\d(T[\d:.-]+Z?)?[-_]?"  # the file of a day has the name of the others
    r"|(\.(csv|tsv|txt|jsonl?|ndjson|parquet|orc|avro|gz|bz2|zst)){1,2}$",
    re.IGNORECASE,
)
_NO_NAME = re.compile(r"\d*|\.+|AllTraffic|[^=]+=.*|_runs|[a-z]+:", re.IGNORECASE)
"""Parts of a path that don't name the data: dates and hours, the usual variant, partitions, runs of this package, schemes."""


def find_data_name(path: str) -> str | None:
    """The name of the data at a location: `orders` for the path `/data/orders.csv.gz` or ``delta.`/data/orders` ``,
    `sales.orders` for the table `sales.orders`. None if the path has no name, such as `/`.
    """
    # A Delta path is in backquotes, and a Windows path has backslashes
    parts = path.rstrip("`").rpartition("`")[2].replace("\\", "/").split("/")
    # Names below `_runs` are ids of runs, which nobody knows
    if "_runs" in parts:
        parts = parts[: parts.index("_runs")]
    # The last part that names data, so that the innermost folder with a real name is taken
    for part in reversed(parts):
        name = _NOT_IN_NAME.sub("", part)
        if not _NO_NAME.fullmatch(name):
            return name
    return None


class RunWindow(Section):
    """The times of a window from `start` (included) to `end` (excluded): `2026-03-04T20:00:00Z`."""

    start: Moment
    end: Moment


class RunDescription(
    Document,
    file="run.json",
    meant="run.json of a run",
    foreign={"features": "a statistics.json or constraints.json"},
    # Written as null, so that readers of the file find every member
    nullable=("window", "model", "schedule", "baseline_run_id", "rows", "violations", "deequ"),
):
    """run.json: which run it is, what it was compared with, and how it ended.

    Attributes
    ----------
    version: Of the document's layout.
    job: baseline, monitor or merge-states.
    analysis_type: Which monitor it is.
    window: None for data without times.
    model: The name of its endpoint.
    schedule: The name of its schedule.
    baseline_run_id: None without a baseline, or if that was no run of ours.
    product: The release that wrote it; run ids don't depend on it.
    settings: The thresholds and methods that judged the run, or that it suggests.
    rows: Rows of data; None if a merged run doesn't know.
    violations, outcome: None if nothing was judged.
    read_by: The job's options for reading the data, set or recognised.
    deequ: The version of Deequ that evaluated the states; None if their own formulas did. Run ids don't depend on it.
    expectations: The sha256 that identifies the user's rules; None without rules.
    data: The name of the data set; None if it has none.
    baseline: The location of the baseline.
    outputs: Why an output besides the run's files failed, by its option, or `alerts`; added afterwards. None if none did.
    """

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
    outcome: Outcome | None = None
    read_by: Mapping[str, str] | None = None
    # Not part of the run's id, because another engine gives the same numbers
    deequ: Name | None = None
    expectations: Name | None = None
    data: Name | None = None
    baseline: BaselineReference | None = None
    outputs: Mapping[Name, Name] | None = None

    @property
    def name(self) -> str | None:
        """The name of the model, or else of the data set."""
        return self.model or self.data


class AnalysisType(str, Enum):
    """The monitor that a job runs (C1.1, C11c)."""

    DATA_QUALITY = "DATA_QUALITY"
    MODEL_QUALITY = "MODEL_QUALITY"
    MODEL_BIAS = "MODEL_BIAS"
    MODEL_EXPLAINABILITY = "MODEL_EXPLAINABILITY"
    ESTIMATED_QUALITY = "ESTIMATED_QUALITY"
