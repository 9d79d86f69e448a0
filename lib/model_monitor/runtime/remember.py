"""What a monitoring job leaves to those that follow: how its window varied. Driver only."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from model_monitor.configuration.contract import JobConfig
from model_monitor.documents.check_results import CheckStatus
from model_monitor.documents.run_description import BaselineReference, moment
from model_monitor.inputs.baselines import baseline_id
from model_monitor.inputs.window import window_of, window_told
from model_monitor.monitors.protocol import Remembering
from model_monitor.reports.history.alerts import holding_alerts
from model_monitor.reports.history.variation import Entry, read_history, write_history
from model_monitor.reports.outputs.files import Run
from model_monitor.runs.results import Findings
from model_monitor.runtime.failures import failure_of
from model_monitor.storage import join

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)


def remember(
    findings: Findings, run: Run, config: JobConfig, spark: SparkSession | None, reference: BaselineReference | None
) -> None:
    """Enter the window into the history. A fault is a warning: the run's files stand in any case.

    reference: where its baseline lies. Without a window nothing is entered, and of monitors that learn from no history.
    """
    told, known = window_told(config), findings.known
    if told is None or not isinstance(known, Remembering) or config.replays_service:
        return
    violated = {each.feature or "" for each in findings.results if each.status is CheckStatus.VIOLATED}
    window, newest = window_of(config), findings.current.ledger.newest
    age = None if window is None or newest is None else window.end - newest
    found = known.raw_statistics(findings.current.state, violated, age)
    try:
        with holding_alerts(config.output_path, spark, config.lease_wait):
            history = read_history(config.output_path, spark)
            folder = run.folder.removeprefix(join(history.folder, ""))
            entry = Entry(moment(told[1]), told[0], run.run_id, folder, baseline_id(reference), findings.count > 0)
            write_history(history.with_window(entry, found), spark)
    except Exception as fault:
        log.warning("the history of windows: %s", failure_of(fault).reason)
