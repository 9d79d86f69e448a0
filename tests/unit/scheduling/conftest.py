"""A schedule in a folder of its own, and a clock that stands where a test puts it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest

from spark_model_monitor.machine import current_machine
from spark_model_monitor.reports.sinks import Environment
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.running.scheduling.schedule_plan import read_plan


def make_time(day: int, hour: int, minute: int = 0) -> datetime:
    """A time in March 2024."""
    return datetime(2024, 3, day, hour, minute, tzinfo=timezone.utc)


@dataclass
class Jobs:
    """Stands for spark-submit: notes the commands, and ends each with the next of `statuses`, 0 when there are no more.

    A status that is an exception is raised. message: what each job leaves in its message file. leaves: writes what else it
    leaves in its output path.
    """

    statuses: list[object] = field(default_factory=list)
    message: str = "Completed: Job completed successfully with no violations."
    leaves: Callable[[Path], object] = lambda output: None
    commands: list[SimpleNamespace] = field(default_factory=list)

    def __call__(self, command, note):
        note(process=str(current_machine().process()))
        status = self.statuses.pop(0) if self.statuses else 0
        self.commands.append(SimpleNamespace(command=command, flags=parse_flags(command)))
        if isinstance(status, BaseException):
            raise status
        report_folder = command.folder / command.output_path
        report_folder.mkdir(parents=True, exist_ok=True)
        (report_folder / "message").write_text(f"{self.message}\n")
        self.leaves(report_folder)
        return status

    @property
    def times(self):
        return [command.flags["--scheduled-time"] for command in self.commands]


def parse_flags(command):
    """What a job's command line sets, by flag; a setting has the flag that its name would have."""
    values = {}
    for word in command.words:
        name, equals, text = word.removeprefix("--set=").partition("=")
        if word.startswith("--") and equals:
            values[f"--{name.removeprefix('--').replace('_', '-')}"] = text
    return values


class Schedule:
    """One schedule entry with its env file, and what `run-due` makes of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "churn-hourly.schedule.json"
        self.jobs = Jobs()
        self.record = folder / "churn-hourly.executions.json"
        self.write_variables()
        self.write()

    def env_file(self, name: str, **variables: str) -> None:
        (self.folder / name).write_text("".join(f"{key}={text}\n" for key, text in variables.items()))

    def write_variables(self, **variables: str) -> None:
        """The job's env file, with more variables or other ones."""
        sources = {"dataset_source": "captures", "dataset_format": "capture", "output_path": "reports"}
        self.env_file("churn.env", **{**sources, **variables})

    def change_run(self, **members: object) -> None:
        """Write other members of the first run into the record."""
        record = json.loads(self.record.read_text())
        record["executions"][0] |= members
        self.record.write_text(json.dumps(record))

    def write(self, **members: object) -> None:
        """The entry: hourly monitoring, with other members where they are given; None takes one away."""
        schedule = {
            "name": "churn-hourly",
            "monitoring_type": "DataQuality",
            "cron": "0 * * * *",
            "jobs": [{"job": "monitor", "env_file": "churn.env", "output_folder": "%Y/%m/%d/%H"}],
            **members,
        }
        self.file.write_text(json.dumps({name: member for name, member in schedule.items() if member is not None}))

    @property
    def plan(self):
        return read_plan(self.file)

    def run(self, now: datetime, variables=None, **request_options: object):
        """`run-due` at a time: its exit status and what it printed."""
        out = io.StringIO()
        environment = Environment(variables or {}, pause=lambda seconds: None)
        request = Request((self.file,), **request_options)
        status = run_due(request, out, launch=self.jobs, now=lambda: now, environment=environment)
        return status, out.getvalue()

    @property
    def executions(self):
        """The record: scheduled time -> status."""
        record = json.loads((self.folder / "churn-hourly.executions.json").read_text())
        return {execution["scheduled_time"]: execution["status"] for execution in record["executions"]}


@pytest.fixture
def schedule(tmp_path):
    return Schedule(tmp_path)
