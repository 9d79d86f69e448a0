"""Old windows, run once more with the old baseline: as the service did, and as we do. One Spark application for all of them.

Two monitoring runs a window, one after the other, and nothing published: their verdicts go to a journal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence

from pyspark.sql import SparkSession

from model_monitor.configuration.contract import JobConfig
from model_monitor.configuration.options import Compatibility
from model_monitor.data.reading.captures import list_captures
from model_monitor.data.records.windows import Window
from model_monitor.documents.constraints import Constraints
from model_monitor.documents.statistics import InferredType
from model_monitor.errors import BadConfiguration, MonitorError, NoData
from model_monitor.inputs.baselines import PREVIOUS, compared_with, read_baseline
from model_monitor.monitors.protocol import StoredBaseline
from model_monitor.replay.certificate import Certificate, ReplayedWindow
from model_monitor.replay.journal import FOLDER, Journal, inputs_of, question_of
from model_monitor.replay.reports import read_report, reports_of
from model_monitor.replay.verdicts import Verdict
from model_monitor.replay.windows import windows_of
from model_monitor.runs.kinds import monitor_for, read_source
from model_monitor.runs.run import run_monitoring
from model_monitor.schedules import Recurrence
from model_monitor.storage import join, storage_of

log = logging.getLogger(__name__)

PACKAGE = "model_monitor"
"""The logger above those of the steps."""

EVERY = 24
"""Windows between two lines of the log."""


def replay(spark: SparkSession, config: JobConfig, recurrence: Recurrence, reports: str | None) -> Certificate:
    """Run every window that the captures of `config` hold, and put the service's report beside each.

    config: of a monitoring run; its window, if it has one, bounds the windows. reports: the path below which the service left
    its reports. Windows that the journal has are not run again.

    Raises NoData if there is no window, BadConfiguration if the baseline or the reports can't be used.
    """
    if config.baseline == PREVIOUS:
        raise BadConfiguration(
            "--baseline is 'previous'; a replay needs the one baseline that the service had: name its path"
        )
    baseline = read_baseline(spark, config, monitor_for(config))
    storage = storage_of(config.dataset_source, spark)
    windows = windows_of(storage, config.dataset_source, recurrence, start=config.start_time, end=config.end_time)
    folders = reports_of(storage_of(reports, spark), reports) if reports else {}
    journal = _journal(spark, config)
    log.info("found %s windows and %s reports", f"{len(windows):,}", f"{len(folders):,}")

    rows = []
    for window, (service, default) in zip(windows, _replayed(spark, config, baseline, windows, journal), strict=True):
        folder = folders.pop(window.end, None)
        report = None if folder is None else read_report(storage_of(folder, spark), folder)
        rows.append(ReplayedWindow(window, service, default, report, folder))
    return Certificate(rows, reports is not None, _types(baseline), tuple(folders[hour] for hour in sorted(folders)))


def _journal(spark: SparkSession, config: JobConfig) -> Journal:
    def read(path: str) -> bytes | None:
        storage = storage_of(path, spark)
        return storage.read(path) if storage.exists(path) else None

    folder = join(config.output_path, FOLDER, question_of(config, read))
    return Journal(storage_of(folder, spark), folder)


def _replayed(
    spark: SparkSession, config: JobConfig, baseline: StoredBaseline | None, windows: Sequence[Window], journal: Journal
) -> Iterator[tuple[Verdict, Verdict]]:
    """The verdicts on every window, with a line in the log for a day of them; the steps of a single one are left out."""
    began, steps, before = time.monotonic(), logging.getLogger(PACKAGE), logging.getLogger(PACKAGE).level
    log.setLevel(logging.INFO)
    steps.setLevel(logging.WARNING)
    try:
        for number, window in enumerate(windows, start=1):
            yield _verdicts(spark, config, baseline, window, journal)
            if number % EVERY == 0 or number == len(windows):
                log.info(
                    "replayed %s of %s windows, %.1f s", f"{number:,}", f"{len(windows):,}", time.monotonic() - began
                )
    finally:
        steps.setLevel(before)


def _verdicts(
    spark: SparkSession, config: JobConfig, baseline: StoredBaseline | None, window: Window, journal: Journal
) -> tuple[Verdict, Verdict]:
    """The verdicts on one window with `--compat service` and by default; a failed one is tried again by the next replay."""
    try:
        files = list_captures(spark, config.dataset_source, window, lenient_window=config.lenient_window).files
    except NoData as fault:
        return Verdict(failure=str(fault)), Verdict(failure=str(fault))
    inputs = inputs_of(files)
    known = journal.read(window, inputs)
    if known is not None:
        return known
    bounded = config.model_copy(update={"start_time": window.start, "end_time": window.end})
    (service, _), (default, tables) = (
        _verdict(spark, bounded.model_copy(update={"compat": compat}), baseline)
        for compat in (Compatibility.SERVICE, Compatibility.NONE)
    )
    if service.failure is None and default.failure is None:
        journal.write(window, inputs, service, default, tables)
    return service, default


def _verdict(
    spark: SparkSession, config: JobConfig, baseline: StoredBaseline | None
) -> tuple[Verdict, Mapping[str, bytes]]:
    """What one monitoring run says, and its tables; the sentence of its error if it fails."""
    try:
        with read_source(spark, config, baseline) as data:
            findings = run_monitoring(
                data,
                monitor_for(config),
                compared_with(baseline, config),
                max_quarantined_share=config.max_quarantined_share,
            )
    except MonitorError as fault:
        return Verdict(failure=str(fault)), {}
    return Verdict.of(violation.plain() for violation in findings.violations.violations), findings.tables()


def _types(baseline: StoredBaseline | None) -> dict[str, InferredType]:
    """The types of the baseline's features, for monitors whose constraints have features."""
    constraints = None if baseline is None else baseline.constraints
    if not isinstance(constraints, Constraints):
        return {}
    return {feature.name: feature.inferred_type for feature in constraints.features}
