"""Replay job: old captures, their old baseline and the service's reports -> replay.json, replay.txt, exit message.

./spark-submit.sh jobs/replay.py --windows captures/ --baseline baseline/ --reports reports/ --output-path replay/
"""

from __future__ import annotations

import os
import sys

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.running.replay.replay_command import DIFFERENT, EQUAL, JSON_NAME, TEXT_NAME, read_request
from spark_model_monitor.running.replay.replay_run import replay
from spark_model_monitor.running.runtime.job import started
from spark_model_monitor.storage import get_storage, join


def main(argv: list[str]) -> int:
    try:
        request = read_request(argv, os.environ)
    except MonitorError as error:
        sys.stderr.write(f"Error: {error}\n")
        return error.exit_status
    with started("monitor", request.monitor_flags) as job:
        certificate = replay(job.engine, job.config, request.recurrence, request.reports)
        storage = get_storage(request.output_path)
        storage.write(join(request.output_path, JSON_NAME), certificate.to_json().encode())
        storage.write(join(request.output_path, TEXT_NAME), certificate.to_text().encode())
        job.finish(certificate.message(), EQUAL if certificate.is_equal else DIFFERENT)
    return job.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
