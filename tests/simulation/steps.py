"""What somebody does in a month, and how it is done: Step, jobs by hand or by `run-due`, and the sink that is told."""

from __future__ import annotations

import argparse
import io
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from tests.simulation.world import World, get_world

from jobs import merge, monitor
from spark_model_monitor.cli import parser
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.documents.schedule import Execution, ExecutionStatus
from spark_model_monitor.machine import current_machine
from spark_model_monitor.reports import sinks
from spark_model_monitor.reports.notices import MISSED, Report
from spark_model_monitor.reports.sinks import SINKS, Environment
from spark_model_monitor.running.configuration.command_line import write_flag
from spark_model_monitor.running.configuration.contract import OPTIONS
from spark_model_monitor.running.configuration.option_types import variable_name
from spark_model_monitor.running.scheduling.job_processes import Note
from spark_model_monitor.running.scheduling.record import Record
from spark_model_monitor.running.scheduling.schedule_command import Request, run_due
from spark_model_monitor.running.scheduling.schedule_plan import JobCommand

DOCS = Path(__file__).resolve().parents[2] / "docs"
HOUR = timedelta(hours=1)
DONE = 0, 4
NO_DATA = 3
MARK = "zebra"  # stands in every record, and nowhere else: no log may have it

JOBS = {"merge": merge.main, "monitor": monitor.main}
SINK_OF = {"merge": (), "monitor": ("--sink", "simulated:all")}

OF_SINK = 0  # the call at which a fault of a sink stands
ABOUT_NOW = 240  # seconds; runs are called for five minutes after their time
OWN_CALLS = 30  # of a run-due, about; faults at later ones are its job's


@dataclass(frozen=True)
class Step:
    """Something that somebody does. at: when. job: what. hour: the one whose run it is. drivers: so many at once do it.
    schedule: whose run-due it is.
    """

    name: str
    at: datetime
    job: Callable[[World], object]
    hour: datetime | None = None
    drivers: int = 1
    ends_with: tuple[int, ...] = DONE
    schedule: str = "churn"


def put(file: Path, text: str, time: datetime) -> None:
    """A file of that time, which the ledger names."""
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    os.utime(file, (time.timestamp(), time.timestamp()))


LOCATIONS = ("dataset_source", "ground_truth_source", "baseline", "output_path")


def where(path: str) -> str:
    """A path of the world as jobs name it."""
    return f"{get_world().root}{path}"


def located(options: Mapping[str, str]) -> dict[str, str]:
    """Options whose paths are those of the world."""
    return {name: where(text) if name in LOCATIONS else text for name, text in options.items()}


def make_flags(options: Mapping[str, str]) -> list[str]:
    """Options as flags."""
    return [write_flag(name, text) for name, text in located(options).items()]


def write_entry(folder: Path, name: str, kind: str, began: datetime, jobs: Mapping[str, Mapping[str, str]]) -> None:
    """An hourly schedule's entry, and a file of variables for each of its jobs. The last one has a folder for each run."""
    entries = []
    for job, options in jobs.items():
        variables = {variable_name(option, OPTIONS[option]): text for option, text in located(options).items()}
        (folder / f"{name}-{job}.env").write_text(
            "".join(f"{variable}={text}\n" for variable, text in variables.items())
        )
        entries.append({"job": job, "env_file": f"{name}-{job}.env"})
    entries[-1]["output_folder"] = "%Y/%m/%d/%H"
    entry = {
        "name": name,
        "monitoring_type": kind,
        "cron": "0 * * * *",
        "starts": f"{began + HOUR:%Y-%m-%dT%H:%M:%SZ}",
        "jobs": entries,
    }
    (folder / f"{name}.schedule.json").write_text(json.dumps(entry))


@cache
def read_documented_calls() -> Mapping[str, argparse.Namespace]:
    """The options of `run-due` by schedule: as crontab has them in docs/schedules.md, and as Kubernetes in the reference."""
    tutorial, reference = (Path(DOCS, page).read_text() for page in ("schedules.md", "reference/schedules.md"))
    line = re.search(r"`10 \* \* \* \* spark-model-monitor (run-due .*)`", tutorial)
    manifest = re.search(r"- spark-model-monitor\n((?: +- \S+\n)+)", reference)
    assert line is not None
    assert manifest is not None
    calls = {"churn": line[1].split(), "credit": manifest[1].replace("- ", "").split()}
    return {schedule: parser().parse_words(words) for schedule, words in calls.items()}


def run_due_schedule(schedule: str, time: datetime, world: World, *, retry_failed: bool = False) -> int:
    """The documented call for a schedule; its jobs are processes of the world. retry_failed: by a person who saw a failed run."""

    def now() -> datetime:
        """The time of the caller's host, if it is near; none begins runs a day early."""
        assert world.current is not None
        ahead = world.current.host.ahead
        return time + timedelta(seconds=ahead if abs(ahead) < ABOUT_NOW else 0)

    def launch(command: JobCommand, note: Note) -> int:
        process = world.current
        assert process is not None
        job = next(word for word in command.words if word in JOBS)
        flags = [*command.words[command.words.index(job) + 1 :], *SINK_OF[job]]
        world.commands.append((job, flags))
        theirs = {call - OWN_CALLS: fault for call, fault in process.faults.items() if call > OWN_CALLS}
        theirs |= {call: fault for call, fault in process.faults.items() if call == OF_SINK}
        noted: list[bool] = []

        def begun() -> int:
            """The job, once the record has its number; not at all if whoever started it is killed before."""
            while not noted and not process.is_gone and not world.is_real:
                world.current.pause(0.1)
            if noted or world.is_real:
                return JOBS[job](flags)
            return 0

        # Its caller waits for it, as the record says who it is
        child = world.start(process.host, begun, theirs)
        with world.alone_at(f"the runs of {schedule}"):
            note(process=str(current_machine().process(child.number)))
            noted.append(True)
            return process.wait_for(child)

    options = read_documented_calls()[schedule]
    file = Path(world.folder, f"{schedule}.schedule.json")
    request = Request((file,), retry_failed=options.retry_failed or retry_failed, history=options.history)
    return run_due(request, io.StringIO(), launch=launch, now=now, environment=Environment({}))


def is_recorded(step: Step, world: World) -> bool:
    """Whether the schedule's record says that a step's run has ended whole, or found no data where there is none."""
    record = Record.read(Path(world.folder), step.schedule)
    execution = find_execution(step, record)
    if execution is not None and execution.status.has_completed:
        return True
    is_withdrawn = (record.executions.without_data or "") >= format_scheduled_time(step)
    is_without_data = execution is not None and "had no data" in (execution.exit_message or "")
    return NO_DATA in step.ends_with and (is_withdrawn or is_without_data)


def is_failed(step: Step, world: World) -> bool:
    """Whether a person has to repeat a step's run, or one before it: no call of cron does. There may be no data for those."""
    runs = Record.read(Path(world.folder), step.schedule).read_all()
    failed_runs = [run for run in runs if run.status is ExecutionStatus.FAILED]
    time = format_scheduled_time(step)
    return any(run.scheduled_time == time or "had no data" not in (run.exit_message or "") for run in failed_runs)


def format_scheduled_time(step: Step) -> str:
    assert step.hour is not None
    return format_moment(step.hour + HOUR)


def find_execution(step: Step, record: Record) -> Execution | None:
    """What a schedule's record says of a step's run."""
    time = format_scheduled_time(step)
    return next((run for run in record.read_all() if run.scheduled_time == time), None)


def register_sink() -> None:
    """Called by who plays months: the documentation has a table of all sinks that are registered."""
    if "simulated" not in SINKS:
        sinks.register_sink(
            "simulated",
            spelling="simulated:all",
            examined=lambda target: target,
            ready=lambda target, environment: None,
            every_run=False,
            adds_up=False,
        )(simulated)


def simulated(report: Report, target: str, environment: Environment) -> None:
    """What is told in a world."""
    schedule = str(report.run.schedule)
    if report.run.start is None:
        start = ""
    else:
        start = f"{report.run.start:%Y-%m-%dT%H}"
    missed = [notice.text for notice in report.notices if notice.kind == MISSED]
    late = [(schedule, *MISSED_TEXT.search(text).group(2, 1, 3)) for text in missed]
    for notification in late:
        get_world().tell(notification)
    if not late or late[-1][2] != report.alert.status.value:
        get_world().tell((schedule, start, report.alert.status.value, str(report.verdict.violations)))


MISSED_TEXT = re.compile(r"(\w+) after (.{13}).*, (\d+) violations")
