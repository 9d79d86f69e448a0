"""Baselining job: a data set -> statistics.json, constraints.json, the states behind them, exit message.

./spark-submit.sh jobs/baseline.py --dataset-source data.csv --dataset-format csv --output-path baseline/
"""

from __future__ import annotations

import sys
from functools import partial

from spark_model_monitor.running.inputs.data_sets import learn_errors
from spark_model_monitor.running.inputs.run_inputs import create_run_context, load_check_plan
from spark_model_monitor.running.kinds import create_monitor, read_source
from spark_model_monitor.running.runs.monitoring_run import run_baseline
from spark_model_monitor.running.runs.rule_suggestions import suggest_expectations, write_expectations
from spark_model_monitor.running.runtime.further_outputs import FurtherOutputs
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.running.runtime.publishing import run_postprocessor, write_results
from spark_model_monitor.running.runtime.status import completed


def main(argv: list[str]) -> int:
    with started("baseline", argv) as job:
        monitor = create_monitor(job.config)
        with read_source(job.engine, job.config) as data:
            checks = load_check_plan(job.config, data)
            baseline = run_baseline(
                data,
                monitor,
                checks=checks,
                max_quarantined_share=job.config.max_quarantined_share,
                output_path=job.config.output_path,
                context=create_run_context(job.config),
            )
            rules_path = job.config.suggest_expectations
            rules = None
            if rules_path:
                rules = suggest_expectations(data, baseline)
            error_model = learn_errors(job.engine, job.config, baseline.ledger.kept)
        job.lift_time_limit()
        run = baseline.write(job.config.output_path)
        # Published: each other output by itself
        further_outputs = FurtherOutputs()
        if rules_path is not None and rules is not None:
            further_outputs.write("suggest_expectations", partial(write_expectations, rules, rules_path))
        error_model_path = job.config.learn_errors
        if error_model_path is not None and error_model is not None:
            further_outputs.write("learn_errors", partial(error_model.write, error_model_path))
        further_outputs.write("results_table", partial(write_results, baseline, run, job.config))
        further_outputs.note(job.config.output_path)
        run_postprocessor(job.config.post_analytics_processor_script)
        message, status = further_outputs.end(completed())
        rows = baseline.ledger.kept
        job.finish(message, status, summary={"rows": rows, "output_path": job.config.output_path})
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
