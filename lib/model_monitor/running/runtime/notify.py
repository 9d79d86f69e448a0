"""What a monitoring job does with its findings: it keeps the alert of the last windows and notifies the sinks of `--sink`.

    require_sinks(job.config)  # before any data is read
    …
    notify(findings, run, job.config, job.spark)

Any monitor's findings do. A sink that fails is a warning, unless `--sink-required`; the run's files stand in any case. Driver
only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from typing import TYPE_CHECKING, TypeVar

from model_monitor.documents.alerts import Alarm, Alerts, AlertStatus, MonitoredWindow, alarms_of, cause
from model_monitor.documents.run_description import moment
from model_monitor.errors import BadConfiguration, SinkFailed
from model_monitor.reports.alerts import (
    AlertRule,
    after_delivery,
    deliver,
    holding_alerts,
    is_due,
    read_alerts,
    traffic_status,
    traffic_turned,
    usual_records,
    with_window,
    write_alerts,
)
from model_monitor.reports.notices import (
    DATA_HINT,
    MOST_VIOLATIONS,
    TRAFFIC_FELL,
    TRAFFIC_IS_BACK,
    AlertReport,
    Notice,
    Report,
    worst_of,
)
from model_monitor.reports.outputs.files import Run
from model_monitor.reports.outputs.printable import printable
from model_monitor.reports.sinks import Environment
from model_monitor.running.configuration.contract import JobConfig
from model_monitor.running.inputs.run_inputs import window_of, window_told
from model_monitor.running.kinds import KINDS
from model_monitor.running.runs.results import CHECKS, Findings
from model_monitor.running.runtime.failures import failure_of
from model_monitor.running.runtime.publishing import metrics_of
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

T = TypeVar("T")

ALARMS_NAMED = 10
"""In the log; the rest are counted."""

MOST_KEPT = 100
"""Alarms of a window that the next one is told of."""


def require_sinks(config: JobConfig, environment: Environment | None = None) -> None:
    """Raises BadConfiguration with all that the sinks need and don't have: variables, libraries, a region."""
    faults = []
    for destination in config.sink:
        try:
            destination.require_ready(environment or Environment())
        except BadConfiguration as fault:
            faults.append(str(fault))
    if faults:
        raise BadConfiguration.gathered(list(dict.fromkeys(faults)))


def notify(
    findings: Findings, run: Run, config: JobConfig, spark: SparkSession | None, environment: Environment | None = None
) -> None:
    """Enter the window into the history of alerts, and send a report to every sink that is due.

    `alerts.is_due` says which are due. Whether traffic fell (`--min-traffic`) is a status of its own.

    Raises SinkFailed if a sink fails and `--sink-required` is set.
    """
    _log_alarms(alarms_of(findings.results))
    failures: list[str] = []
    now = datetime.now(timezone.utc)
    rule = AlertRule(config.datapoints_to_alert, config.evaluation_period or config.datapoints_to_alert)
    with ExitStack() as alone:  # runs of other hours may keep the same history
        _tried(lambda: alone.enter_context(holding_alerts(config.output_path, spark, config.lease_wait)), failures)
        before = _tried(lambda: read_alerts(config.output_path, spark), failures) or Alerts()
        window = monitored_window(findings, run, config, now)
        alerts = with_window(before, window, rule)
        _tried(lambda: write_alerts(alerts, config.output_path, spark), failures)
        if alerts.status is not before.status:
            log.info("after this window the alert is %s (--datapoints-to-alert)", alerts.status.value)
        earlier = [each for each in alerts.windows if each.time < window.time]
        usual = usual_records(earlier, window.time)
        traffic = traffic_status(window, usual, config.min_traffic)
        if traffic is AlertStatus.IN_ALERT:
            log.warning("%s", _traffic_notice(window, usual, traffic).text)

        due = [to for to in config.sink if is_due(to, alerts, window, traffic, every=config.every)]
        if due:
            turned = any(traffic_turned(to, alerts, traffic) for to in due)
            notices = (
                *((_traffic_notice(window, usual, traffic),) if turned else ()),
                *(Notice(DATA_HINT, hint.description) for hint in findings.hints),
            )
            report = report_of(findings, run, config, now, _alert(before, alerts, rule), notices, spark)
            delivery = deliver(report, due, environment or Environment())
            failures += delivery.failures
            noted = after_delivery(alerts, window, traffic, delivery.reached)
            if noted != alerts:
                _tried(lambda: write_alerts(noted, config.output_path, spark), failures)
    _settle(failures, required=config.sink_required)


def _log_alarms(alarms: Sequence[Alarm]) -> None:
    for alarm in alarms[:ALARMS_NAMED]:
        log.info("violated: %s", printable(alarm.sentence(with_values=False)))
    if len(alarms) > ALARMS_NAMED:
        log.info("and %s more; %s has them all", f"{len(alarms) - ALARMS_NAMED:,}", CHECKS)


def _traffic_notice(window: MonitoredWindow, usual: float | None, traffic: AlertStatus) -> Notice:
    counts = f"{window.records or 0:,} records where {usual or 0:,.0f} are usual"
    if traffic is AlertStatus.IN_ALERT:
        return Notice(TRAFFIC_FELL, f"traffic fell: {counts}")
    return Notice(TRAFFIC_IS_BACK, f"traffic is back: {counts}")


def monitored_window(findings: Findings, run: Run, config: JobConfig, now: datetime) -> MonitoredWindow:
    """The window as the history of alerts has it: by its times, else by the hour folder of the output, else by the run."""
    name, time = window_told(config) or (f"run {run.run_id}", now)
    given = window_of(config)
    began = moment(given.start if given is not None else time)
    kept = [each for alarm in alarms_of(findings.results) for each in alarm.results][:MOST_KEPT]
    return MonitoredWindow(
        window=name,
        time=moment(time),
        violations=findings.count,
        run_id=run.run_id,
        records=findings.current.ledger.kept,
        since={cause(each): each.since or began for each in kept} or None,
    )


def report_of(
    findings: Findings,
    run: Run,
    config: JobConfig,
    now: datetime,
    alert: AlertReport,
    notices: tuple[Notice, ...] = (),
    spark: SparkSession | None = None,
) -> Report:
    """What the run has to tell."""
    window = window_of(config)
    violations = [violation.plain() for violation in findings.violations.violations]
    alarms = alarms_of(findings.results)
    return Report(
        analysis_type=config.analysis_type.value,
        namespace=KINDS[config.analysis_type].type.NAMESPACE,
        run_id=run.run_id,
        time=now,
        alert=alert,
        violations=findings.count,
        worst=worst_of(violations, findings.results),
        endpoint=config.sagemaker_endpoint_name,
        schedule=config.sagemaker_monitoring_schedule_name,
        start=window.start if window else None,
        end=window.end if window else None,
        paths=_paths(run, config, spark),
        alarms=tuple(alarm.sentence() for alarm in alarms[:MOST_VIOLATIONS]),
        alarm_count=len(alarms),
        metrics=tuple(metrics_of(findings, config)),
        notices=notices,
        said=findings.headline(),
    )


def _paths(run: Run, config: JobConfig, spark: SparkSession | None) -> dict[str, str]:
    """The run's files by what they are, where they never change; whole paths, since who reads them is elsewhere."""
    names = {"page": "report.html", "violations": "constraint_violations.json", "checks": CHECKS}
    kept = {what: join(run.folder, name) for what, name in names.items() if name in run.digests}
    places = {"output": config.output_path, **kept}
    return {what: storage_of(path, spark).resolved(path).removeprefix("file:") for what, path in places.items()}


def _alert(before: Alerts, alerts: Alerts, rule: AlertRule) -> AlertReport:
    return AlertReport(
        alerts.status,
        changed=alerts.status is not before.status,
        violated=rule.violated(alerts.windows),
        datapoints_to_alert=rule.datapoints_to_alert,
        evaluation_period=rule.evaluation_period,
    )


def _tried(step: Callable[[], T], failures: list[str]) -> T | None:
    """What the step gives; if it fails that is noted, since a run that can't keep its alerts still has something to tell."""
    try:
        return step()
    except Exception as fault:
        failures.append(f"the history of alerts: {failure_of(fault).reason}")
        return None


def _settle(failures: list[str], *, required: bool) -> None:
    for failure in failures if not required else ():
        log.warning("%s", failure)
    if failures and required:
        raise SinkFailed("\n".join([*failures, "the documents of the run are in place"]))
