"""Merge job: captured records and their ground truth -> merged records hour by hour, ledger.json, exit message.

./spark-submit.sh jobs/merge.py --dataset-source captures/ --ground-truth-source labels/ --output-path merged/
"""

from __future__ import annotations

import sys
from functools import partial

from spark_model_monitor.running.merging.merge_request import merge_request, publish_coverage
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.runtime.further_outputs import FurtherOutputs
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.running.runtime.status import completed


def main(argv: list[str]) -> int:
    with started("merge", argv) as job:
        request = merge_request(job.config)
        merged = merge(job.engine, request, before_publishing=job.lift_time_limit)
        further_outputs = FurtherOutputs()
        publish_metrics = partial(publish_coverage, merged.ledger, job.config)
        further_outputs.write("publish_cloudwatch_metrics", publish_metrics)
        further_outputs.note(request.output_path)
        message, status = further_outputs.end(completed())
        job.finish(message, status)
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
