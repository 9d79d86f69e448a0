"""A driver that runs job after job in one JVM, as it is told line by line: what a job is, without the seconds of its start.

    python runner.py < REQUESTS > ANSWERS

A request is `{"job": "monitor", "flags": […], "is_guest": false}`, whose answer is `{"status": 0}`, or `{"function":
"module:name", "arguments": {…}}` for a function of a session, whose answer is `{"result": …}` or, of an error of ours, `{"error":
"…"}`.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.running.runtime.logs import start_logging
from spark_model_monitor.spark.spark_session import start_session, stop_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Runner:
    """Holds the session that functions share; a job starts and stops one of its own, unless it is a guest of that one."""

    def __init__(self) -> None:
        # the first session of a JVM leaves it its settings, so that a job's must not be the first
        self.session: SparkSession | None = start_session("test")

    def run(self, job: str, flags: list[str], is_guest: bool) -> dict[str, Any]:
        if is_guest:
            self.session = self.session or start_session("test")
            start_logging()  # which a job leaves to its host
        else:
            self.end()
        return {"status": importlib.import_module(f"jobs.{job}").main(flags)}

    def call(self, function: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.session is None:
            self.session = start_session("test")
        module, _, name = function.partition(":")
        try:
            return {"result": getattr(importlib.import_module(module), name)(self.session, **arguments)}
        except MonitorError as error:
            return {"error": str(error)}

    def end(self) -> None:
        if self.session is not None:
            stop_session(self.session)
            self.session = None


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # the JVM, and who prints, speak to the log
    runner = Runner()
    for line in sys.stdin:
        request = json.loads(line)
        if "job" in request:
            answer = runner.run(**request)
        else:
            answer = runner.call(**request)
        answers.write(json.dumps(answer) + "\n")
    runner.end()


if __name__ == "__main__":
    main()
