"""Monitoring job: captured data against a baseline -> statistics.json, constraint_violations.json, checks.json, exit message.

./spark-submit.sh jobs/monitor.py --dataset-source captures/ --dataset-format capture --baseline baseline/ --output-path report/
"""

from __future__ import annotations

import sys

from spark_model_monitor.monitors.protocol import Monitor
from spark_model_monitor.running.inputs.run_inputs import (
    ReadBaseline,
    add_history,
    add_past_metrics_to_rules,
    create_run_context,
    drop_excluded_features,
    find_baseline_reference,
    load_check_plan,
    read_baseline,
    read_ongoing_violations,
    read_run_decisions,
)
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import read_expectations, run_monitoring
from spark_model_monitor.running.runtime.ending import describe_end, describe_result, show_findings
from spark_model_monitor.running.runtime.further_outputs import ALERTS, HISTORY, FurtherOutputs
from spark_model_monitor.running.runtime.job import Job, started
from spark_model_monitor.running.runtime.publishing import (
    add_to_history,
    find_page,
    notify,
    publish_findings,
    require_sinks,
    run_postprocessor,
    write_junit,
    write_metrics,
    write_results,
    write_verdict,
)


def main(argv: list[str], read_named: ReadBaseline | None = None) -> int:
    """read_named: reads the baseline, where the caller has many windows of one."""
    with started("monitor", argv) as job:
        monitor = create_monitor(job.config)
        require_sinks(job.config)
        if job.config.each_commit:
            monitor_each_commit(job, monitor)
        else:
            monitor_window(job, monitor, read_named)
    return job.exit_status


def monitor_window(job: Job, monitor: Monitor, read_named: ReadBaseline | None) -> None:
    engine = job.engine
    config = job.config
    rules = read_expectations(config.expectations, skip_unsupported=config.skip_unsupported)
    rules = add_past_metrics_to_rules(rules, config)
    baseline = read_baseline(config, monitor, read_named)
    baseline = add_history(baseline, config, monitor)
    output_path = config.output_path
    with read_source(engine, config, baseline) as data:
        checks = load_check_plan(config, data)
        findings = run_monitoring(
            data,
            monitor,
            drop_excluded_features(baseline, config),
            checks=checks,
            max_quarantined_share=config.max_quarantined_share,
            output_path=output_path,
            context=create_run_context(config),
            decisions=read_run_decisions(config),
            since=read_ongoing_violations(config),
            expectations=rules,
        )
    job.lift_time_limit()
    reference = find_baseline_reference(config, monitor)
    run = publish_findings(findings, config, reference)
    # Nothing else may keep the alert from people
    further_outputs = FurtherOutputs()
    further_outputs.write(ALERTS, lambda: notify(findings, run, config))
    further_outputs.write(HISTORY, lambda: add_to_history(findings, run, config, reference))
    further_outputs.write("results_table", lambda: write_results(findings, run, config))
    further_outputs.write("publish_cloudwatch_metrics", lambda: write_metrics(findings.published, config))
    further_outputs.write("junit", lambda: write_junit(findings, config))
    is_shown: bool | None = False
    if job.shows_findings:
        is_shown = further_outputs.write("stdout", lambda: show_findings(findings, sys.stdout))
    further_outputs.note(output_path)
    run_postprocessor(config.post_analytics_processor_script)
    verdict = ""
    if not is_shown:  # otherwise it stands above
        verdict = write_verdict(findings, run, config)
    ending = describe_end(findings, config)
    message, status = further_outputs.end(*ending)
    page = find_page(run, config)
    summary = describe_result(findings, output_path=output_path, page=page)
    job.finish(message, status, verdict=verdict, summary=summary)


def monitor_each_commit(job: Job, monitor: Monitor) -> None:
    from spark_model_monitor.running.runs.commits import monitor_commits

    job.finish(*monitor_commits(job, monitor))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
