"""The product on one page: a frame and a monitor give a baseline; a later frame beside it gives findings.

    from model_monitor.data_quality.monitor import DataQualityMonitor
    from model_monitor.runs.run import run_baseline, run_monitoring

    baseline = run_baseline(frame, DataQualityMonitor())
    findings = run_monitoring(later_frame, DataQualityMonitor(), baseline)
    findings.violations
    findings.write("reports/")

The same functions are behind the jobs. In a session of the caller's nothing is set.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame

from model_monitor.documents.document import Document
from model_monitor.documents.outcomes import CheckOutcome
from model_monitor.errors import NO_DATA, BadInput, NoData, ScriptFailed
from model_monitor.history.request_statistics import published_requests, request_statistics
from model_monitor.reading.damaged_files import damaged_files_named
from model_monitor.reading.dataset import Dataset
from model_monitor.reading.ledger import Ledger
from model_monitor.reading.quarantine import clear_quarantine, write_quarantine
from model_monitor.reading.remedies import remedy
from model_monitor.reading.scripts import SCRIPT_FAILED
from model_monitor.records.refusals import Refusal
from model_monitor.runs.kind import Scanned
from model_monitor.runs.kinds import kind_of
from model_monitor.runs.protocol import Known, Monitor
from model_monitor.runs.results import Baseline, Findings

if TYPE_CHECKING:
    from model_monitor.deequ.checks import CheckPlan

log = logging.getLogger(__name__)

MAX_QUARANTINED_SHARE = 0.01
"""Most records, as a share of those read, that may be refused before a run fails (C11b)."""


def run_baseline(
    data: DataFrame | Dataset,
    monitor: Monitor,
    *,
    checks: CheckPlan | None = None,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    output_path: str | None = None,
) -> Baseline:
    """Profile a data set and suggest constraints for later ones. One scan, whatever the number of columns.

    data: a frame, every column of which is a feature, or what `reading` made of files. checks: the user's own Deequ Checks,
    planned beforehand (`profiling.checks.plan`); they run on the states of the same scan. output_path: where refused records
    are put, below `quarantine/`, also when there are too many of them; without it they are only counted.

    Raises NoData for no rows, BadInput if more than `max_quarantined_share` of the records had to be refused.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.of(data)
    found, ledger = _read(dataset, monitor, checks, max_quarantined_share, output_path)
    return _described(monitor, found, ledger)


def run_monitoring(
    data: DataFrame | Dataset,
    monitor: Monitor,
    baseline: Baseline | Known | None,
    *,
    checks: CheckPlan | None = None,
    max_quarantined_share: float = MAX_QUARANTINED_SHARE,
    output_path: str | None = None,
) -> Findings:
    """Hold a window of data against a baseline. One scan; a second one only for data with another number of columns.

    data, checks, max_quarantined_share, output_path: as in `run_baseline`. baseline: of a run in this session, or read from
    files (`history.baselines`); None for the first run of all, which has nothing to be held against. Columns are matched by
    name if all names are there, else by position.

    Raises NoData for no rows, BadInput if more than `max_quarantined_share` of the records had to be refused.
    """
    dataset = data if isinstance(data, Dataset) else Dataset.of(data)
    if baseline is None:
        first = run_baseline(
            dataset, monitor, checks=checks, max_quarantined_share=max_quarantined_share, output_path=output_path
        )
        return _findings(monitor, first, (), first.constraints)
    known = monitor.known(baseline.constraints, None, baseline.state) if isinstance(baseline, Baseline) else baseline
    dataset = dataset.matching(known.names)
    found, ledger = _read(dataset, monitor, checks, max_quarantined_share, output_path)
    current = _described(monitor, found, ledger)
    return _findings(monitor, current, monitor.check(found.state, current.metrics, known), known.constraints)


def _read(
    dataset: Dataset,
    monitor: Monitor,
    checks: CheckPlan | None,
    max_quarantined_share: float,
    output_path: str | None,
) -> tuple[Scanned, Ledger]:
    """The scan of a data set and the account of its records, of which there are enough."""
    with damaged_files_named(dataset.engine, dataset.files):
        found = kind_of(monitor).scan(monitor.measures(), dataset, checks)
    columns = dataset.column_count(found.rows)
    reread = dataset.with_column_count(columns)
    if reread is not dataset:
        without = ", without the Deequ checks" if checks else ""
        log.warning("most records have %d columns, not %s; scanning again%s", columns, dataset.record_cells, without)
        return _read(reread, monitor, None, max_quarantined_share, output_path)
    dataset.require_one_layout(found.rows)
    ledger = dataset.ledger(found.rows)
    quarantine = _put_aside(dataset, ledger, output_path) if output_path else None
    _require_enough(ledger, max_quarantined_share, quarantine)
    return found, ledger


def _described(monitor: Monitor, found: Scanned, ledger: Ledger) -> Baseline:
    """The documents of what was scanned."""
    metrics = found.metrics() if found.metrics else monitor.metrics(found.state)
    documents = monitor.documents(found.state, metrics)
    checks = found.checks() if found.checks else None
    return Baseline(monitor, documents, found.state, metrics, ledger, checks, found.requests)


def _findings(
    monitor: Monitor, current: Baseline, outcomes: tuple[CheckOutcome, ...], constraints: Document
) -> Findings:
    """The verdict on a window: which of the outcomes are violations, and what is published of it all."""
    published = monitor.published(current.state, current.metrics, outcomes, constraints)
    if current.requests is not None:
        published += published_requests(request_statistics(current.requests))
    return Findings(monitor.violations(outcomes), outcomes, current, constraints, published)


def _put_aside(dataset: Dataset, ledger: Ledger, output_path: str) -> str | None:
    """The folder with the records that were refused; None if there are none, or no lines of text to put there."""
    if ledger.quarantined and dataset.has_lines:
        return write_quarantine(dataset, output_path)
    clear_quarantine(dataset.engine, output_path)
    return None


def _require_enough(ledger: Ledger, max_quarantined_share: float, quarantine: str | None) -> None:
    """A run rests on the records that were kept, and only as long as few were refused."""
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in ledger.refused.items())
    where = f"; they are in {quarantine}" if quarantine else ""
    if ledger.quarantined_share > max_quarantined_share:
        sentence = (
            f"{ledger.quarantined:,} of {ledger.read:,} records were refused ({reasons}), more than the allowed share of "
            f"{max_quarantined_share}{where}; {remedy(ledger.refused)}, or allow more with --max-quarantined-share"
        )
        if Refusal.SCRIPT_ERROR.text in ledger.refused:
            raise ScriptFailed(f"{SCRIPT_FAILED} {sentence}")
        raise BadInput(sentence)
    if ledger.quarantined:
        log.warning("refused %s of %s records (%s)%s", f"{ledger.quarantined:,}", f"{ledger.read:,}", reasons, where)
    if not ledger.kept:
        of = f" in {ledger.files[0].path}" if len(ledger.files) == 1 else ""
        raise NoData(f"{NO_DATA}: no record is left of {ledger.read:,}{of}")
