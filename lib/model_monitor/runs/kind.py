"""What one kind of monitoring is, from the reader of its data to the names of its metrics: one record, `Kind`. Driver only.

Each kind has its record in its own package (`data_quality/kind.py`), and `kinds.py` lists them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_monitor.runs.protocol import Monitor, StoredBaseline
from model_monitor.statistics.states import Requests, RowCounts, RowRuns, State

if TYPE_CHECKING:
    from model_monitor.configuration.contract import JobConfig
    from model_monitor.configuration.options import AnalysisType
    from model_monitor.data.engine import Session
    from model_monitor.data.reading.dataset import Dataset
    from model_monitor.deequ.checks import CheckPlan
    from model_monitor.deequ.suite_results import SuiteResults


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scan brought back: the state of the rows that were kept, and the counts of all rows.

    metrics: an engine's own metrics of the state, in the place of the monitor's; checks: the results of the user's checks.
    Both are asked for when the rows have turned out to be enough; None if there are none. requests: those behind captured
    records; None if nothing is known of them. runs: of neighbouring rows of every column, if they were asked for.
    """

    state: Any
    rows: RowCounts
    metrics: Callable[[], Any] | None = None
    checks: Callable[[], SuiteResults] | None = None
    requests: Requests | None = None
    runs: Sequence[RowRuns] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of monitoring.

    analysis_type: what a configuration calls it. namespace: the last part of the service's own namespace of its metrics (C9.2).
    state: the type of state that its scan makes and its runs keep. monitor: the monitor that a job's configuration asks for.
    read: the data set that a configuration names, as this kind looks at it; beside a baseline, if there is one. scan: the states
    that a monitor's measures ask for, made of a data set in one pass, with the user's own Deequ Checks. of_state: the monitor
    that makes documents of a sum of states, by the output path of the first of its runs.
    """

    analysis_type: AnalysisType
    namespace: str
    state: type[State]
    monitor: Callable[[JobConfig], Monitor]
    read: Callable[[Session, JobConfig, StoredBaseline | None], Dataset]
    scan: Callable[[Any, Dataset, CheckPlan | None], Scanned]
    of_state: Callable[[str, Any], Monitor]
