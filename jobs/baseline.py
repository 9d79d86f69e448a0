"""Baselining job: a data set -> statistics.json, constraints.json, the states behind them, exit message.

./spark-submit.sh jobs/baseline.py --dataset-source data.csv --dataset-format csv --output-path baseline/
"""

from __future__ import annotations

import sys

from spark_model_monitor.reports.outputs.sql_tables import write_results_table
from spark_model_monitor.running.inputs.data_sets import learn_errors
from spark_model_monitor.running.inputs.run_inputs import load_check_plan, run_context
from spark_model_monitor.running.kinds import monitor_for, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runs.rule_suggestions import suggest_expectations, write_expectations
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.running.runtime.publishing import run_postprocessor
from spark_model_monitor.running.runtime.status import completed


def main(argv: list[str]) -> int:
    with started("baseline", argv) as job:
        monitor = monitor_for(job.config)
        with read_source(job.engine, job.config) as data:
            checks = load_check_plan(job.config, data)
            baseline = run_baseline(
                data,
                monitor,
                checks=checks,
                max_quarantined_share=job.config.max_quarantined_share,
                output_path=job.config.output_path,
                context=run_context(job.config),
            )
            suggested = job.config.suggest_expectations
            rules = None
            if suggested:
                rules = suggest_expectations(data, baseline)
            errors = learn_errors(job.engine, job.config, baseline.ledger.kept)
        job.lift_time_limit()
        run = baseline.write(job.config.output_path)
        if suggested is not None and rules is not None:
            write_expectations(rules, suggested)
        if job.config.learn_errors is not None and errors is not None:
            errors.write(job.config.learn_errors)
        tables = baseline.tables(hide_values=not job.config.sends_values)
        write_results_table(run, job.config.results_table, tables)
        run_postprocessor(job.config.post_analytics_processor_script)
        job.finish(completed())
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
