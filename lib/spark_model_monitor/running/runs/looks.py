"""Looks at a window that is not over: scans what came since the previous look, and adds the states to that look's.

All looks share a part of the window's budget of false alarms equally, whatever they find; the rest is for the whole
window. So no window has more false alarms than one that is looked at once. Source:
Dunn 1961, "Multiple comparisons among means".
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from spark_model_monitor.data.engine.engine_protocol import Engine
from spark_model_monitor.data.reading.ledger import Ledger
from spark_model_monitor.data.records.windows import format_duration
from spark_model_monitor.documents import json_text
from spark_model_monitor.documents.outcome import convert_count_to_outcome
from spark_model_monitor.documents.run_description import RunDescription, format_moment, parse_moment
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadState, NoData
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.protocol import Monitor, StoredBaseline
from spark_model_monitor.reports.alerts import open_alerts, resolve_alerts_path
from spark_model_monitor.reports.history.baselines import read_state_below
from spark_model_monitor.reports.history.variation import MOST_WINDOWS
from spark_model_monitor.reports.outputs.run_files import read_document, run_before
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.inputs.run_inputs import (
    configured_window,
    decisions_for,
    read_baseline,
    reference_to_baseline,
    run_context,
    violated_since,
    with_history,
    without_excluded_features,
)
from spark_model_monitor.running.kinds import read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline, run_monitoring
from spark_model_monitor.running.runs.results import LEDGER, Baseline
from spark_model_monitor.running.runtime.ending import exit_status
from spark_model_monitor.running.runtime.further_outputs import SINK, FurtherOutputs
from spark_model_monitor.running.runtime.job import Job
from spark_model_monitor.running.runtime.publishing import notify
from spark_model_monitor.running.runtime.status import ExitStatus, completed
from spark_model_monitor.statistics.states import Profile, State
from spark_model_monitor.statistics.states.encoding import MALFORMED
from spark_model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from spark_model_monitor.statistics.verdicts.expected_row_count import Earlier

log = logging.getLogger(__name__)

SHARE = 0.05  # part of a window's budget for all looks except the last
FOLDER = "_look"  # below the window's output, whose pages show whole windows
COUNTS = "_looks.json"


def count_looks(length: timedelta, every: timedelta) -> int:
    """The number of looks before a window is over."""
    return max(0, -(-length // every) - 1)


def budget_share_of_look(length: timedelta, every: timedelta, *, is_last: bool) -> float:
    """The part of the window's budget for one look, or for the verdict on the whole window."""
    looks = count_looks(length, every)
    if not looks:
        return 1.0
    if is_last:
        return 1 - SHARE
    return SHARE / looks


def with_budget_of_look(baseline: StoredBaseline | None, config: JobConfig) -> StoredBaseline | None:
    """The baseline with the budget of a look; unchanged if the window is looked at once."""
    window = configured_window(config)
    if config.look_every is None or window is None or not isinstance(baseline, QualityBaseline):
        return baseline
    # All looks and the verdict together alarm as rarely as a single verdict would
    share = budget_share_of_look(window.end - window.start, config.look_every, is_last=config.look_until is None)
    return baseline.replace_budget(baseline.constraints.monitoring.false_alarm_budget * share)


def run_look(job: Job, monitor: Monitor) -> tuple[str, int]:
    """Judge the window's data so far; returns the exit message and status. The history doesn't change.

    Raises BadConfiguration without a window around the look; and what a scan raises.
    """
    config = job.config
    window = configured_window(job.config)
    until = job.config.look_until
    if window is None or until is None or config.look_every is None or not window.start < until < window.end:
        raise BadConfiguration("look_until has to be a time within a window, and look_every how often it is looked at")
    engine = job.engine
    baseline = with_budget_of_look(with_history(read_baseline(config, monitor), config, monitor), config)
    if not isinstance(baseline, QualityBaseline):
        raise BadConfiguration("look_until is for the data quality of a window compared with a baseline")
    # How many rows earlier windows had by the same time after their start
    counts = _Counts(config.output_path, format_moment(window.end), format_duration(until - window.start))
    volume = baseline.volume and replace(baseline.volume, until=until, by_then=counts.earlier(baseline.volume.earlier))
    baseline = replace(baseline, volume=volume)
    # What came since the previous look is added to its states
    folder = join(config.output_path, FOLDER)
    context = replace(run_context(config), end=until)
    since, state, newest, violations = _look_before(folder, window.start, monitor)
    # A repeated call for the same look: its verdict is there already
    if since >= format_moment(until):
        return _close_look(violations, config)
    # Nothing new is no error: the state so far is judged again, as missing rows may be the news
    rows: Baseline | None = None
    try:
        rows = _scan_part(engine, config, monitor, baseline, (parse_moment(since) if since else window.start, until))
        if state is None:
            state = rows.state
        else:
            state = state + rows.state
    except NoData:
        if state is None:
            return completed(), ExitStatus.COMPLETED
    except BadState:  # the columns have changed in the meantime
        rows = _scan_part(engine, config, monitor, baseline, (window.start, until))
        state = rows.state
    # Numbers in texts are read as the baseline read them
    if isinstance(state, Profile):
        state = baseline.required_numbers.read(state)
    if rows:
        ledger = rows.ledger
        runs = rows.runs
    else:
        ledger = Ledger((), 0, 0)
        runs = ()
    ledger = replace(ledger, newest=ledger.newest or newest)  # without new data, the age of the newest row matters
    current = Baseline(monitor, state, monitor.metrics(state), ledger, context=context, runs=runs)
    findings = run_monitoring(
        current,
        monitor,
        without_excluded_features(baseline, config),
        context=context,
        decisions=decisions_for(config),
        since=violated_since(config),
    )
    run = findings.write(folder, baseline=reference_to_baseline(config, monitor))
    further_outputs = FurtherOutputs()
    if findings.count:
        further_outputs.write(SINK, lambda: notify(findings, run, config))
    rows_so_far = state.item_count if isinstance(state, Profile) else 0
    further_outputs.write("look_every", lambda: counts.remember(rows_so_far, config.lease_wait))
    further_outputs.note(folder)
    return further_outputs.end(*_close_look(findings.count, config))


def _close_look(violations: int, config: JobConfig) -> tuple[str, int]:
    """Message and status: what a look can't tell, the whole window may."""
    return completed(violations), exit_status(convert_count_to_outcome(violations), config.fails_on)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many rows windows had at a look, this long after their start: a file next to their history. output_path,
    time: of the window and its end.
    """

    output_path: str
    time: str
    after: str

    @property
    def _path(self) -> str:
        return join(resolve_alerts_path(self.output_path).rpartition("/")[0] or ".", COUNTS)

    def _read(self) -> dict[str, dict[str, int]]:
        storage = storage_of(self._path)
        if not storage.exists(self._path):
            # Times are parsed and written again, so that odd spellings don't make two entries of one
            return {}
        try:
            counts_by_window = json_text.load(storage.read(self._path), self._path)
            return {
                after: {format_moment(parse_moment(time)): int(rows) for time, rows in counts.items()}
                for after, counts in counts_by_window.items()
            }
        except (BadDocument, *MALFORMED) as error:
            log.warning("%s: is no file of ours (%s); it begins anew", self._path, type(error).__name__)
            return {}

    def earlier(self, windows: Earlier) -> Earlier:
        """The counts of earlier windows whose number of rows was not an alarm."""
        counts = self._read().get(self.after, {})
        return [
            (end, float(counts[name]), 0.0)
            for end, *_ in windows
            if (name := format_moment(end)) in counts and name < self.time
        ]

    def remember(self, rows: int, wait: timedelta) -> None:
        """Record the window's count, replacing its earlier one; keeps the last `MOST_WINDOWS`. wait: for another look."""
        # The lease keeps two looks from losing each other's count
        with open_alerts(self.output_path, wait):
            counts_by_window = self._read()
            # Times in ISO 8601 sort as texts
            latest = sorted((counts_by_window.get(self.after, {}) | {self.time: rows}).items())[-MOST_WINDOWS:]
            content = json.dumps({**counts_by_window, self.after: dict(latest)}, sort_keys=True)
            storage_of(self._path).write(self._path, f"{content}\n".encode())


def _look_before(folder: str, start: datetime, monitor: Monitor) -> tuple[str, State | None, datetime | None, int]:
    """The last look at the window with this start: the end of its data, its states, the time of the newest row, and the
    number of violations."""
    run = run_before(folder)
    described = None
    if run is not None:
        described = read_document(run, RunDescription)
    # The folder still has the last look at the window before: this window begins without states
    if run is None or described is None or described.window is None or described.window.start != format_moment(start):
        return "", None, None, 0
    storage = storage_of(run.folder)
    path = join(run.folder, LEDGER)
    newest = json_text.load(storage.read(path), path).get("newest")
    state = read_state_below(run.folder, storage, monitor)
    return described.window.end, state, newest and parse_moment(newest), described.violations or 0


def _scan_part(
    engine: Engine, config: JobConfig, monitor: Monitor, baseline: StoredBaseline, part: tuple[datetime, datetime]
) -> Baseline:
    start, end = part
    part_config = config.model_copy(update={"start_time": start, "end_time": end, "scheduled_time": None})
    with read_source(engine, part_config, baseline) as data:
        matched = data.match_with(baseline.names, exact=monitor.exact_columns)
        return run_baseline(matched, monitor, max_quarantined_share=config.max_quarantined_share)
