"""The product on one page: a frame and a monitor give a baseline; a later frame beside it gives findings.

    from model_monitor.data_quality.monitor import DataQualityMonitor
    from model_monitor.monitor import run_baseline, run_monitoring

    baseline = run_baseline(frame, DataQualityMonitor())
    findings = run_monitoring(later_frame, DataQualityMonitor(), baseline)
    findings.violations
    findings.write("reports/")

The same functions are behind the jobs. In a session of the caller's nothing is set.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

import pyspark.sql.functions as F
from pyspark.sql import Column, DataFrame

from model_monitor.data_quality.known import KnownBaseline
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.outcomes import CheckOutcome
from model_monitor.documents.statistics import Statistics
from model_monitor.documents.violations import Violations
from model_monitor.errors import BadInput, NoData, ScriptFailed
from model_monitor.profiling import deequ
from model_monitor.profiling.scan import Scan, scan
from model_monitor.reading.dataset import NO_DATA, Dataset
from model_monitor.reading.ledger import Ledger
from model_monitor.reading.quarantine import clear_quarantine, write_quarantine
from model_monitor.reading.refusals import Refusal
from model_monitor.results import Baseline, Findings
from model_monitor.states import Profile
from model_monitor.states.measures import Measures
from model_monitor.states.metrics import FeatureMetrics

if TYPE_CHECKING:
    from model_monitor.profiling.checks import CheckPlan

log = logging.getLogger(__name__)

MAX_QUARANTINED_SHARE = 0.01
"""Most records, as a share of those read, that may be refused before a run fails (contract.md section 11)."""


class Monitor(Protocol):
    """One kind of monitoring: which states it needs, and what documents it makes of them. All of it is pure."""

    def measures(self) -> Measures:
        """The states that its scan makes."""

    def statistics(self, profile: Profile, metrics: Mapping[str, FeatureMetrics]) -> Statistics:
        """What the data is like. metrics: Deequ's metrics of the profile's features, by name."""

    def constraints(self, profile: Profile) -> Constraints:
        """What later data should be like."""

    def check(self, current: Profile, known: KnownBaseline, *, columns: int) -> tuple[CheckOutcome, ...]:
        """The outcome of every check of a window against a baseline. columns: how many its records have."""

    def violations(self, outcomes: tuple[CheckOutcome, ...]) -> Violations:
        """The violations among the outcomes, as the service writes them."""


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
    return _described(dataset, monitor, found, ledger, checks)


def run_monitoring(
    data: DataFrame | Dataset,
    monitor: Monitor,
    baseline: Baseline | KnownBaseline | None,
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
        return Findings(Violations(violations=()), (), first, first.constraints)
    if isinstance(baseline, Baseline):
        baseline = KnownBaseline.of_run(baseline.constraints, baseline.profile)
    dataset = dataset.matching(baseline.names)
    found, ledger = _read(dataset, monitor, checks, max_quarantined_share, output_path)
    outcomes = monitor.check(found.profile, baseline, columns=len(found.profile.features))
    current = _described(dataset, monitor, found, ledger, checks)
    return Findings(monitor.violations(outcomes), outcomes, current, baseline.constraints)


def _read(
    dataset: Dataset, monitor: Monitor, checks: CheckPlan | None, max_quarantined_share: float, output_path: str | None
) -> tuple[Scan, Ledger]:
    """The scan of a data set and the account of its records, of which there are enough."""
    found = _scanned(dataset, monitor.measures(), checks)
    columns = dataset.column_count(found.rows)
    reread = dataset.with_column_count(columns)
    if reread is not dataset:
        log.warning("most records have %d columns, not %s; scanning again", columns, dataset.record_cells)
        return _read(reread, monitor, None, max_quarantined_share, output_path)
    ledger = dataset.ledger(found.rows)
    quarantine = _put_aside(dataset, ledger, output_path) if output_path else None
    _require_enough(ledger, max_quarantined_share, quarantine)
    return found, ledger


def _described(dataset: Dataset, monitor: Monitor, found: Scan, ledger: Ledger, checks: CheckPlan | None) -> Baseline:
    """The documents of what was scanned. Deequ turns the states into metrics."""
    spark = dataset.frame.sparkSession
    metrics = deequ.evaluate(spark, found.profile)
    return Baseline(
        monitor.statistics(found.profile, metrics),
        monitor.constraints(found.profile),
        found.profile,
        ledger,
        checks.run(spark, found.profile, found.matches, dataset.named_frame()) if checks else None,
    )


def _scanned(dataset: Dataset, measures: Measures, checks: CheckPlan | None) -> Scan:
    predicates = dict(checks.predicates) if checks else {}
    frame, columns = _with_predicates(dataset, predicates)
    try:
        return scan(
            frame,
            dataset.names,
            reason=dataset.reason,
            reasons=len(Refusal) if dataset.refusable else 0,
            cells=dataset.cells,
            predicates=columns,
            counted=measures.counted | (checks.frequency_columns if checks else frozenset()),
            accept_exponents=measures.accept_exponents,
            partitions_at_most=dataset.partitions_at_most,
        )
    except Exception as fault:
        raise dataset.explained(fault) from fault


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


def _put_aside(dataset: Dataset, ledger: Ledger, output_path: str) -> str | None:
    """The folder with the records that were refused; None if there are none."""
    if ledger.quarantined:
        return write_quarantine(dataset, output_path)
    clear_quarantine(dataset, output_path)
    return None


def _require_enough(ledger: Ledger, max_quarantined_share: float, quarantine: str | None) -> None:
    """A run rests on the records that were kept, and only as long as few were refused."""
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in ledger.refused.items())
    where = f"; they are in {quarantine}" if quarantine else ""
    if ledger.quarantined:
        log.warning("refused %s of %s records: %s%s", f"{ledger.quarantined:,}", f"{ledger.read:,}", reasons, where)
    if ledger.quarantined_share > max_quarantined_share:
        failure = ScriptFailed if Refusal.SCRIPT_ERROR.text in ledger.refused else BadInput
        raise failure(
            f"{ledger.quarantined:,} of {ledger.read:,} records were refused ({reasons}), more than the allowed share of "
            f"{max_quarantined_share}{where}; mend them, or allow more with --max-quarantined-share"
        )
    if not ledger.kept:
        raise NoData(f"{NO_DATA}: no record is left of {ledger.read:,}")
