"""What a job sends and writes after its run is published: the alert first, then every other output independently.

    further_outputs = FurtherOutputs()
    further_outputs.write(ALERTS, lambda: notify(findings, run, config))
    further_outputs.write("junit", lambda: write_junit(findings, config))
    further_outputs.note(config.output_path)
    job.finish(*further_outputs.end(*describe_end(findings, config)))

If an output fails, the window still counts as done, because it is judged and published. Exceptions are a required sink and the
histories of alerts and windows: without them the window isn't done, so that a retry reaches them. Driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import field
from typing import TypeVar

from spark_model_monitor.errors import MonitorError
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.outputs.run_files import add_to_description
from spark_model_monitor.running.runtime.failures import describe_failure, format_trace
from spark_model_monitor.running.runtime.status import ExitStatus, failed, format_partial_success
from spark_model_monitor.stopping import raise_if_stopped
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

T = TypeVar("T")

ALERTS = "alerts"  # the messages to sinks, and the history of alerts
HISTORY = "history"  # the history of windows


@value_class
class FurtherOutputs:
    """The further outputs of one run. failures: why an output failed, by its name: an option, ALERTS or HISTORY."""

    failures: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, step: Callable[[], T]) -> T | None:
        """The result of a step that writes one output. A failure is a warning, and None is returned."""
        try:
            return step()
        except Exception as error:
            # The error may be a consequence of a signal, which ends the job here
            raise_if_stopped()
            failure = describe_failure(error)
            # A message of several lines is one value of run.json
            self.failures[name] = printable("; ".join(failure.reason.splitlines()))
            if failure.is_expected:
                log.warning("%s failed: %s", name, failure.reason)
            else:
                log.warning("%s failed: %s\n%s", name, failure.reason, format_trace(error))
            return None

    def note(self, output_path: str) -> None:
        """Write the failures into run.json of the published run; for a merge, into its ledger.json.

        The run's id doesn't change, and without failures no file does. An error is only a warning.
        """
        if not self.failures:
            return
        try:
            add_to_description({"outputs": self.failures}, output_path)
        except MonitorError as error:
            log.warning("%s doesn't name the outputs that failed: %s", output_path, error)

    def end(self, message: str, exit_status: int = ExitStatus.COMPLETED) -> tuple[str, int]:
        """The message and the status of the job. message, exit_status: what they are if every output was written."""
        # A failure has priority over the findings of the run
        if not self.failures:
            return message, exit_status
        unstored = [self.failures[name] for name in (ALERTS, HISTORY) if name in self.failures]
        if unstored:
            return failed("; ".join([*unstored, "the documents of the run are in place"])), ExitStatus.FAILED
        return format_partial_success(list(self.failures), message), ExitStatus.FAILED
