"""A step or a job run: started, watched to its end. boto3's clients come from outside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tenacity import Retrying, retry_if_result, wait_fixed

from model_monitor.errors import MonitorError
from model_monitor.spark.launch.target import Kind

log = logging.getLogger(__name__)

SECONDS_BETWEEN_LOOKS = 15.0

ENDED_WELL = {Kind.EMR: ("COMPLETED",), Kind.SERVERLESS: ("SUCCESS",)}
ENDED_BADLY = {Kind.EMR: ("CANCELLED", "FAILED", "INTERRUPTED"), Kind.SERVERLESS: ("CANCELLED", "FAILED")}
"""States that a step or a job run doesn't leave. Source: EMR's API models (StepState, JobRunState)."""


@dataclass(frozen=True)
class State:
    """Where a run stands. reason: what the service says of a failure."""

    name: str
    reason: str = ""


@dataclass(frozen=True)
class Run:
    """A run that was started: of a cluster (or application) and its own identifier."""

    kind: Kind
    of: str
    identifier: str

    @classmethod
    def started(cls, kind: Kind, client: Any, request: Mapping[str, Any]) -> Run:
        """The run that a request of `requests` starts."""
        if kind is Kind.EMR:
            [identifier] = client.add_job_flow_steps(**request)["StepIds"]
            return cls(kind, request["JobFlowId"], identifier)
        return cls(kind, request["applicationId"], client.start_job_run(**request)["jobRunId"])

    def state(self, client: Any) -> State:
        """Where it stands now."""
        if self.kind is Kind.EMR:
            status = client.describe_step(ClusterId=self.of, StepId=self.identifier)["Step"]["Status"]
            failure = status.get("FailureDetails") or {}
            said = (
                failure.get("Reason"),
                failure.get("Message"),
                (status.get("StateChangeReason") or {}).get("Message"),
            )
            return State(status["State"], "; ".join(filter(None, said)))
        run = client.get_job_run(applicationId=self.of, jobRunId=self.identifier)["jobRun"]
        return State(run["state"], run.get("stateDetails") or "")

    def wait(self, client: Any, *, pause: Callable[[float], None] = time.sleep) -> State:
        """Its state when it has ended; each change on the way is a line of the log."""
        seen = [""]
        began = time.monotonic()

        def look() -> State:
            state = self.state(client)
            if state.name != seen[0]:
                log.info("%s %s is %s, %.0f s", self.kind.value, self.identifier, state.name, time.monotonic() - began)
                seen[0] = state.name
            return state

        running = retry_if_result(lambda state: state.name not in ENDED_WELL[self.kind] + ENDED_BADLY[self.kind])
        ended: State = Retrying(retry=running, wait=wait_fixed(SECONDS_BETWEEN_LOOKS), sleep=pause)(look)
        return ended


class RunFailed(MonitorError):
    """A step or a job run that ended badly and left no message of its own."""
