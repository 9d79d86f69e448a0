"""What an application of Spark is doing now, and what it did: its REST interface while it runs, its event log afterwards.

Source: Spark 3.5, "Monitoring and Instrumentation".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen


@dataclass(frozen=True)
class LiveApplication:
    """An application whose interface is at a port of this machine, which may not be there yet."""

    port: int

    @property
    def options(self) -> list[str]:
        """What spark-submit needs so that the application can be watched."""
        settings = ("spark.ui.enabled=true", f"spark.ui.port={self.port}", "spark.ui.liveUpdate.period=0")
        return [word for setting in settings for word in ("--conf", setting)]

    def running_in(self, stage: int) -> list[str]:
        """The executors that run a task of the stage now: `<application's id>/<executor's number>`."""
        applications = self._request("")
        if not applications:
            return []
        application = applications[0]["id"]
        attempts = self._request(f"/{application}/stages/{stage}?details=true")
        tasks = [task for attempt in attempts or () for task in (attempt.get("tasks") or {}).values()]
        running = {task["executorId"] for task in tasks if task["status"] == "RUNNING"}
        return [f"{application}/{executor}" for executor in sorted(running)]

    def find_running_stage(self, tasks: int) -> int | None:
        """The number of a stage of so many tasks that runs now."""
        applications = self._request("")
        if not applications:
            return None
        stages = self._request(f"/{applications[0]['id']}/stages?status=active")
        return next((stage["stageId"] for stage in stages or () if stage["numTasks"] == tasks), None)

    def _request(self, path: str) -> Any:
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/api/v1/applications{path}", timeout=10) as answer:
                return json.load(answer)
        except (URLError, OSError, ValueError):  # not there yet, or no such stage yet
            return None


@dataclass(frozen=True)
class Stage:
    """A stage by its number, and what its tasks read and wrote."""

    number: int
    reads_files: bool
    reads_shuffle: bool
    writes_shuffle: bool
    writes_files: bool

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Stage:
        """The stage that a `Stage Info` of the event log is about."""
        sums = {metric.get("Name"): metric["Value"] for metric in info["Accumulables"]}
        names = (
            "input.recordsRead",
            "shuffle.read.recordsRead",
            "shuffle.write.recordsWritten",
            "output.recordsWritten",
        )
        return cls(info["Stage ID"], *(bool(sums.get(f"internal.metrics.{name}")) for name in names))


@dataclass(frozen=True)
class EventLog:
    """The log of one application that has ended, in a folder of its own."""

    folder: Path

    @property
    def options(self) -> list[str]:
        """What spark-submit needs so that the log is written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        return ["--conf", "spark.eventLog.enabled=true", "--conf", f"spark.eventLog.dir={self.folder.as_uri()}"]

    def stages(self) -> list[Stage]:
        """The stages that ran to their end, in their order."""
        infos = [event["Stage Info"] for event in self._events("SparkListenerStageCompleted")]
        return [Stage.of(info) for info in infos if not info.get("Failure Reason")]

    def lost_in(self) -> set[int]:
        """The stages that lost a task with its executor."""
        ends = self._events("SparkListenerTaskEnd")
        return {end["Stage ID"] for end in ends if end["Task End Reason"]["Reason"] == "ExecutorLostFailure"}

    def _events(self, kind: str) -> list[dict[str, Any]]:
        [log] = [path for path in self.folder.iterdir() if path.is_file() and not path.name.startswith(".")]
        events = map(json.loads, log.read_text(encoding="utf-8").splitlines())
        return [event for event in events if event["Event"] == kind]
