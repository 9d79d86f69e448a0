"""What a job does around publishing its files: metrics, alerts, the history of windows, `postprocess_handler` (C8f).

    require_sinks(job.config)  # before any data is read
    …
    notify(findings, run, job.config)

Works for the findings of any monitor. A failing sink is a warning, unless `sink_required`; the run's files stay in
any case. Driver only.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from spark_model_monitor.documents.alarms import collect_alarms, list_alarm_starts
from spark_model_monitor.documents.alert_files import Alerts, AlertStatus, MonitoredWindow
from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.run_description import BaselineReference, format_moment
from spark_model_monitor.errors import BadConfiguration, BadInput, ScriptFailed, SinkFailed
from spark_model_monitor.monitors.data_quality.checks.drift import seasonal_drift
from spark_model_monitor.monitors.protocol import PublishedMetric
from spark_model_monitor.reports.alerts import (
    AlertRule,
    SinkDestination,
    deliver,
    estimate_usual_records,
    has_traffic_changed,
    is_due,
    judge_traffic,
    open_alerts,
    read_alerts,
    record_delivery,
    record_window,
    write_alerts,
)
from spark_model_monitor.reports.history.history_file import WindowEntry, read_history, write_history
from spark_model_monitor.reports.history.rule_metrics import mark_window_with_rules
from spark_model_monitor.reports.notices import (
    DATA_HINT,
    MAX_VIOLATIONS,
    MISSED,
    TRAFFIC_FELL,
    TRAFFIC_IS_BACK,
    AlertReport,
    Notice,
    Report,
    ReportedRun,
    ReportedVerdict,
    select_worst,
)
from spark_model_monitor.reports.outputs.cloudwatch_metrics import (
    METRICS_FILE,
    MetricContext,
    create_cloudwatch_metrics,
    encode_metrics,
)
from spark_model_monitor.reports.outputs.junit import encode_junit
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS, PAGE, Run
from spark_model_monitor.reports.outputs.sql_tables import write_results_table
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.configuration.contract import JobConfig
from spark_model_monitor.running.configuration.option_types import ResultRows
from spark_model_monitor.running.inputs.run_inputs import identify_baseline, identify_window
from spark_model_monitor.running.kinds import KINDS
from spark_model_monitor.running.runtime.failures import describe_failure
from spark_model_monitor.running.runtime.status import IN_PASS, is_container
from spark_model_monitor.storage import join, read_file, resolve_path, write_file

if TYPE_CHECKING:
    from spark_model_monitor.running.runs.results import Baseline, Findings

log = logging.getLogger(__name__)

CONTAINER_FOLDER = "opt/ml/output/metrics/cloudwatch"  # where the service reads metrics
METRICS_FOLDER = "metrics"  # the folder of metrics outside a container, below the output path
HANDLER_NAME = "postprocess_handler"
MAX_CARRIED_ALARMS = 100
"""The most alarms, and features that may have changed, that the history of alerts stores of a window."""


def write_metrics(metrics: Iterable[PublishedMetric], config: JobConfig, time: datetime | None = None) -> None:
    """Write metrics for CloudWatch, if `publish_cloudwatch_metrics` is Enabled. time: their timestamp, unless it is
    configured, if not the window's.

    Raises OutputFailed if they can't be written.
    """
    if not config.publish_cloudwatch_metrics:
        return
    in_container = is_container(config.container_root)
    if in_container:
        folder = join(config.container_root, CONTAINER_FOLDER)
    else:
        folder = join(config.output_path, METRICS_FOLDER)
    metric_objects = create_cloudwatch_metrics(metrics, _make_context(config, time))
    write_file(join(folder, METRICS_FILE), encode_metrics(metric_objects))
    log.info("wrote %d metrics to %s", len(metric_objects), folder)


def write_results(outcome: Baseline | Findings, run: Run, config: JobConfig) -> None:
    """Write the rows of a published run to the tables of `--results-table`.

    Raises OutputFailed if they can't be written, BadInput if a file there can't be parsed.
    """
    if config.results_table is not None:
        tables = outcome.tables(hide_values=not config.sends_values)
        is_full = config.results_rows is ResultRows.ALL
        write_results_table(run, config.results_table, tables, is_full=is_full, is_in_pass=IN_PASS in os.environ)


def write_junit(findings: Findings, config: JobConfig) -> None:
    """Write the checks as JUnit XML, if `--junit` names a file.

    Raises OutputFailed if it can't be written.
    """
    if config.junit is not None:
        context = findings.current.context
        names = tuple(filter(None, (context.model or context.data, context.schedule)))
        content = encode_junit(findings.sendable.results, config.analysis_type.value, names)
        write_file(config.junit, content)


def _make_context(config: JobConfig, time: datetime | None = None) -> MetricContext:
    window = config.find_window()
    start = window.start if window else datetime.now(timezone.utc)
    names = (config.sagemaker_endpoint_name, config.sagemaker_monitoring_schedule_name)
    return MetricContext(config.metric_time or time or start, *names)


def publish_findings(findings: Findings, config: JobConfig, reference: BaselineReference | None) -> Run:
    """Publish the files of a window. reference: the location of its baseline.

    Raises OutputFailed if they can't be written.
    """
    as_service = config.replays_service and findings.violations.LEFT_OUT_IF_EMPTY
    omit_empty = config.omit_empty_violations or as_service
    return findings.write(config.output_path, omit_empty=omit_empty, baseline=reference)


def add_to_history(findings: Findings, run: Run, config: JobConfig, reference: BaselineReference | None) -> None:
    """Add the window to the history. reference: the location of its baseline.

    Does nothing without a window, or for monitors that don't use the history. Raises OutputFailed if it can't be written.
    """
    identified_window = identify_window(config)
    baseline = findings.baseline
    metrics = mark_window_with_rules(findings.results)
    if identified_window is None or (baseline is None and not metrics) or config.replays_service:
        return
    window_name, window_end = identified_window
    # Statistics of a violated feature would make its change look usual to later windows
    violated = seasonal_drift.find_lost_examples(findings.results)
    # How old the newest row was when the window ended
    window = config.find_window()
    newest = findings.current.ledger.newest
    age = None
    if window is not None and newest is not None:
        age = window.end - newest
    unsure = {feature.name for feature in findings.unsure}
    possibly_changed = {feature.name for feature in findings.unsure if feature.possible_change}
    # A window without a baseline has only the metrics of its rules, which later windows are compared with
    statistics = None
    if baseline is not None:
        statistics = baseline.raw_statistics(findings.current.state, violated, age, unsure, possibly_changed)
    if metrics and not statistics:
        statistics = metrics
    if statistics is None:
        return
    # Read and written under one lease, because runs of other hours add their windows
    with open_alerts(config.output_path, config.lease_wait):
        history = read_history(config.output_path)
        folder = run.folder.removeprefix(join(history.folder, ""))
        entry = WindowEntry(
            format_moment(window_end),
            window_name,
            run.run_id,
            folder,
            identify_baseline(reference),
            findings.count > 0,
        )
        history = history.with_window(entry, statistics)
        accepted = seasonal_drift.find_accepted_features(findings.results)
        if accepted:
            history = history.mark_accepted(entry.window, accepted)
        write_history(history)


def run_postprocessor(path: str | None) -> None:
    """Run the script's handler; does nothing without a script.

    Raises BadConfiguration if the script can't be read or has no handler, ScriptFailed if it raises. The run's files
    are already published then.
    """
    if path is None:
        return
    try:
        source = read_file(path).decode("utf-8")
    except (BadInput, UnicodeDecodeError) as error:
        raise BadConfiguration(f"post_analytics_processor_script: {error}") from error
    # Not __main__, so that the code below a script's guard isn't run
    namespace = {"__name__": "postprocessor", "__file__": path}
    try:
        exec(compile(source, path, "exec"), namespace)
        handler = namespace.get(HANDLER_NAME)
        if not callable(handler):
            raise BadConfiguration(f"post_analytics_processor_script: {path} has no function {HANDLER_NAME}()")
        handler()
    except BadConfiguration:
        raise
    except Exception as error:
        raise ScriptFailed(
            f"Exception while invoking postprocessor script. {path}: {type(error).__name__}; "
            "the documents of the run are in place, correct the script and run the job again"
        ) from error
    log.info("ran %s of %s", HANDLER_NAME, path)


def require_sinks(config: JobConfig, environment: Environment | None = None) -> None:
    """Raises BadConfiguration with everything that the sinks need but lack: variables, libraries, a region."""
    errors = []
    for destination in config.sink:
        try:
            destination.require_ready(environment or Environment())
        except BadConfiguration as error:
            errors.append(str(error))
    # Two sinks may lack the same variable
    BadConfiguration.raise_for(dict.fromkeys(errors))


def notify(findings: Findings, run: Run, config: JobConfig, environment: Environment | None = None) -> None:
    """Add the window to the history of alerts, and send a report to every sink that is due.

    `alerts.is_due` decides which are due. A drop in traffic (`min_traffic`) has its own status.

    Raises SinkFailed if the history can't be written, or if a sink fails and `sink_required` is set.
    """
    failures: list[str] = []
    now = datetime.now(timezone.utc)
    rule = AlertRule(config.datapoints_to_alert, config.evaluation_period or config.datapoints_to_alert)
    # The lease is held to the end, because runs of other hours may share the history
    with ExitStack() as lease_context:
        with _note_failure(failures):
            lease_context.enter_context(open_alerts(config.output_path, config.lease_wait))
        stored_alerts = Alerts()
        with _note_failure(failures):
            stored_alerts = read_alerts(config.output_path)
        # Otherwise unreadable alerts, or another run's additions, would be overwritten
        is_writable = not failures

        # The history with this window
        window = describe_window(findings, run, config, now)
        earlier_alerts = _drop_future_windows(stored_alerts, window, now)
        alerts = record_window(earlier_alerts, window, rule)
        if findings.new_roles is not None:
            alerts = alerts.model_copy(update={"roles": findings.new_roles})
        if is_writable:
            with _note_failure(failures):
                write_alerts(alerts, config.output_path)
        if alerts.status is not earlier_alerts.status:
            log.info("after this window the alert is %s (datapoints_to_alert)", alerts.status.value)

        # Whether there are too few records, compared with earlier windows
        earlier = [earlier_window for earlier_window in alerts.windows if earlier_window.time < window.time]
        expected_records = estimate_usual_records(earlier, window.time)
        traffic = judge_traffic(window, expected_records, config.min_traffic)
        if traffic is AlertStatus.IN_ALERT:
            log.warning("%s", _make_traffic_notice(window, expected_records, traffic).text)

        # Send the report to the sinks that are due: messages before series of numbers
        due_sinks = [sink for sink in config.sink if is_due(sink, alerts, window, traffic, every=config.every)]
        due_sinks.sort(key=lambda sink: sink.every_run)
        if due_sinks:
            # A drop in traffic is reported once, and so is its end
            has_changed = any(has_traffic_changed(sink, alerts, traffic) for sink in due_sinks)
            notices = _make_missed_notices(alerts, due_sinks, window)
            notices += [Notice(DATA_HINT, hint.description) for hint in findings.hints]
            if has_changed:
                notices.insert(0, _make_traffic_notice(window, expected_records, traffic))
            alert = AlertReport(
                alerts.status,
                changed=alerts.status is not earlier_alerts.status,
                violated=rule.count_violated(alerts.windows),
                datapoints_to_alert=rule.datapoints_to_alert,
                evaluation_period=rule.evaluation_period,
            )
            report = make_report(findings, run, config, now, alert, tuple(notices))
            delivery = deliver(report, due_sinks, environment or Environment())
            if config.sink_required:
                failures += delivery.failures
            else:
                for failure in delivery.failures:
                    log.warning("%s", failure)
            missed_sinks = [sink for sink in due_sinks if sink not in delivery.reached]
            delivered_alerts = record_delivery(alerts, window, traffic, delivery.reached, missed_sinks)
            if is_writable and delivered_alerts != alerts:
                with _note_failure(failures):
                    write_alerts(delivered_alerts, config.output_path)
    if failures:
        raise SinkFailed("\n".join(failures))


def _drop_future_windows(alerts: Alerts, window: MonitoredWindow, now: datetime) -> Alerts:
    """The alerts without windows of a wrong clock or path, which would count as later than this window until their time."""
    # Folders may be named by the hours of any time zone
    latest = max(window.time, format_moment(now + timedelta(hours=14)))
    past_windows = tuple(past_window for past_window in alerts.windows if past_window.time <= latest)
    if past_windows != alerts.windows:
        log.warning("windows in the future don't count for the alert; the latest is %s", alerts.windows[-1].window)
    return alerts.model_copy(update={"windows": past_windows})


def write_verdict(findings: Findings, run: Run, config: JobConfig) -> str:
    """The last line of a run's log: what changed, what to do, and the page. Without values of the data."""
    verdict = str(findings.without_values.headline())
    page = find_page(run, config)
    if (findings.count or findings.unsure) and page is not None:
        verdict += f" Page: {page}"
    return printable(verdict)


def find_page(run: Run, config: JobConfig) -> str | None:
    """The path of a run's page; None if the run has no page."""
    if PAGE not in run.digests:
        return None
    return join(config.output_path, PAGE)


def _make_missed_notices(alerts: Alerts, due_sinks: Sequence[SinkDestination], window: MonitoredWindow) -> list[Notice]:
    """Changes in earlier windows that could not be sent to one of these destinations."""
    # The latest status that any destination missed, for each window; this window's is in the report
    status_by_window: dict[str, str] = {}
    for destination in due_sinks:
        for missed_status in alerts.find_missed(destination.key):
            status_by_window[missed_status.window] = missed_status.status.value
    status_by_window.pop(window.window, None)
    violation_counts = {earlier_window.window: earlier_window.violations for earlier_window in alerts.windows}
    notices = []
    for name, status in status_by_window.items():
        count = violation_counts.get(name, 0)
        notices.append(Notice(MISSED, f"not notified in time: {status} after {name}, {count:,} violations"))
    return notices


def _make_traffic_notice(window: MonitoredWindow, expected_records: float | None, traffic: AlertStatus) -> Notice:
    counts = f"{window.records or 0:,} records where {expected_records or 0:,.0f} are usual"
    if traffic is AlertStatus.IN_ALERT:
        return Notice(TRAFFIC_FELL, f"traffic fell: {counts}")
    return Notice(TRAFFIC_IS_BACK, f"traffic is back: {counts}")


def describe_window(findings: Findings, run: Run, config: JobConfig, now: datetime) -> MonitoredWindow:
    """The window in the history of alerts: named by its times, otherwise by the output's hour folder, otherwise by the run."""
    name, time = identify_window(config) or (f"run {run.run_id}", now)
    window = config.find_window()
    start = format_moment(window.start if window is not None else time)
    since = list(list_alarm_starts(findings.results, start).items())[:MAX_CARRIED_ALARMS]
    # A window is recurring if each of its violations recurs with the season
    violated = [check_result for check_result in findings.results if check_result.is_violation]
    is_recurring = bool(violated) and all(map(seasonal_drift.is_recurring, violated))
    return MonitoredWindow(
        window=name,
        time=format_moment(time),
        violations=findings.count,
        run_id=run.run_id,
        records=findings.current.ledger.kept,
        since=dict(since) or None,
        recurring=is_recurring or None,
        outcome=None if config.replays_service else findings.outcome,
        unsure=tuple(feature.name for feature in findings.unsure[:MAX_CARRIED_ALARMS]) or None,
    )


def make_report(
    findings: Findings,
    run: Run,
    config: JobConfig,
    now: datetime,
    alert: AlertReport,
    notices: tuple[Notice, ...] = (),
) -> Report:
    """The report of the run. It names values of the data only if they may be sent."""
    page = None
    # If values may not be sent, the report has a second page without them
    if findings.sendable is not findings:
        page = findings.page_without_values
    findings = findings.sendable
    window = config.find_window()
    violations = [violation.plain() for violation in findings.violations.violations]
    alarms = collect_alarms(findings.results)
    reported_run = ReportedRun(
        config.analysis_type.value,
        run.run_id,
        config.sagemaker_endpoint_name,
        config.sagemaker_monitoring_schedule_name,
        findings.current.context.data,
        window.start if window else None,
        window.end if window else None,
    )
    verdict = ReportedVerdict(
        violations=findings.count,
        worst=select_worst(violations, findings.results),
        alarms=tuple(alarm.sentence() for alarm in alarms[:MAX_VIOLATIONS]),
        alarm_count=len(alarms),
        headline=findings.headline(),
        outcome=findings.outcome,
        unsure=findings.unsure,
    )
    return Report(
        reported_run,
        now,
        alert,
        verdict,
        namespace=KINDS[config.analysis_type].type.NAMESPACE,
        paths=_list_paths(run, config),
        metrics=tuple(create_cloudwatch_metrics(findings.published, _make_context(config))),
        notices=notices,
        page=page,
    )


def _list_paths(run: Run, config: JobConfig) -> dict[str, str]:
    """The absolute paths of the run's files by kind, in the run's folder. In an hour folder, the page's path is below the output
    path, so that its links to pages of other windows work.
    """
    names = {"page": PAGE, "violations": "constraint_violations.json", "checks": CheckResults.FILE_NAME}
    run_paths = {kind: join(run.folder, name) for kind, name in names.items() if name in run.digests}
    if "page" in run_paths and HOUR_FOLDERS.match(config.output_path):
        run_paths["page"] = join(config.output_path, names["page"])
    paths = {"output": config.output_path, **run_paths}
    return {kind: resolve_path(path).removeprefix("file:") for kind, path in paths.items()}


@contextmanager
def _note_failure(failures: list[str]) -> Iterator[None]:
    """Notes a failure of the body instead of raising it: a run that can't store its alerts still has to report."""
    try:
        yield
    except Exception as error:
        failures.append(f"the history of alerts: {describe_failure(error).reason}")
