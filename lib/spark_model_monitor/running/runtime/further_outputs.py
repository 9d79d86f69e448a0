"""What a job sends and writes once its run is published: the alert first, then every other output by itself.

    further_outputs = FurtherOutputs()
    further_outputs.write(ALERTS, lambda: notify(findings, run, config))
    further_outputs.write("junit", lambda: write_junit(findings, config))
    further_outputs.note(config.output_path)
    job.finish(*further_outputs.end(*describe_end(findings, config)))

The window counts as done whatever fails here, since it is judged and published; but for a required sink and the histories of
alerts and windows, which a retry of the window is to reach. Driver only.
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
from spark_model_monitor.running.runtime.status import ExitStatus, failed, published_without
from spark_model_monitor.stopping import require_going_on
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)

T = TypeVar("T")

ALERTS = "alerts"  # to sinks, and their history
HISTORY = "history"  # of windows


@value_class
class FurtherOutputs:
    """failures: why an output failed, by the name of its option, or `alerts`."""

    failures: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, step: Callable[[], T]) -> T | None:
        """The result of a step that writes one output. A failure is a warning, and None is returned."""
        try:
            return step()
        except Exception as error:
            # What it raised may be the consequence of a signal
            require_going_on()
            failure = describe_failure(error)
            # A message of several lines is one value of run.json
            self.failures[name] = printable("; ".join(failure.reason.splitlines()))
            if failure.is_expected:
                log.warning("%s failed: %s", name, failure.reason)
            else:
                log.warning("%s failed: %s\n%s", name, failure.reason, format_trace(error))
            return None

    def note(self, output_path: str) -> None:
        """Write the failures into run.json of the published run, a merge's into its ledger.json.

        The run keeps its id, and a rerun without failures its bytes. An error is only a warning.
        """
        if not self.failures:
            return
        try:
            add_to_description({"outputs": self.failures}, output_path)
        except MonitorError as error:
            log.warning("%s doesn't name the outputs that failed: %s", output_path, error)

    def end(self, message: str, exit_status: int = ExitStatus.COMPLETED) -> tuple[str, int]:
        """The message and the status of the job, which had these if every output was written."""
        # A failure counts for more than what the run found
        if not self.failures:
            return message, exit_status
        unstored = [self.failures[name] for name in (ALERTS, HISTORY) if name in self.failures]
        if unstored:
            return failed("; ".join([*unstored, "the documents of the run are in place"])), ExitStatus.FAILED
        return published_without(list(self.failures), message), ExitStatus.FAILED
