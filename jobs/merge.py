"""Merge job: captured records and their ground truth -> merged records hour by hour, ledger.json, exit message.

./spark-submit.sh jobs/merge.py --dataset-source captures/ --ground-truth-source labels/ --output-path merged/
"""

from __future__ import annotations

import sys

from spark_model_monitor.running.merging.merge_request import merge_request, publish_coverage
from spark_model_monitor.running.merging.merge_run import merge
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.running.runtime.status import completed


def main(argv: list[str]) -> int:
    with started("merge", argv) as job:
        request = merge_request(job.config)
        merged = merge(job.engine, request, before_publishing=job.lift_time_limit)
        publish_coverage(merged.ledger, job.config)
        job.finish(completed())
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
