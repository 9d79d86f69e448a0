"""`spark-model-monitor leave`: the report of what a team has at the service, and how it runs here."""

from __future__ import annotations

import json
import os
import shlex
from io import StringIO
from pathlib import Path
from typing import TextIO

from spark_model_monitor.errors import BadConfiguration, MonitorError, suggest_path
from spark_model_monitor.integrations.imports.descriptions import ApiMembers, ScheduleDescription
from spark_model_monitor.integrations.imports.import_command import make_aws_client
from spark_model_monitor.integrations.imports.jobs import MINUTE, get_recurrence
from spark_model_monitor.integrations.imports.notebook import IsAnswered, import_notebook
from spark_model_monitor.integrations.leaving.costs import Prices, measure_usage, write_stop_calls
from spark_model_monitor.integrations.leaving.inventory import Inventory, fetch_inventory, read_inventory
from spark_model_monitor.integrations.leaving.report import NAME, LeavingReport, LeavingSchedule
from spark_model_monitor.integrations.leaving.trials import Trials
from spark_model_monitor.reports.page.page_files import render_html
from spark_model_monitor.storage import LocalStorage, write_text
from spark_model_monitor.value_class import value_class

ACCOUNT = "account"
"""The source that is the account itself."""


NOTEBOOKS = (".ipynb", ".py")


@value_class
class LeaveRequest:
    """The arguments of the command. source: a folder of exported JSON, or `account`. folder: the folder of the report. offered,
    is_answered: as in `import_notebook`.
    """

    source: str
    folder: str
    prices: str | None = None
    captures: str | None = None
    days: int = 30
    run_scripts: bool = False
    region: str | None = None
    offered: frozenset[str] = frozenset()
    is_answered: IsAnswered = bool


def leave(request: LeaveRequest, console: TextIO) -> LeavingReport:
    """Write the report, and print its first sentences.

    Raises BadConfiguration if there is no schedule, BadInput if the account does not answer.
    """
    folder = Path(request.folder).absolute()  # cron starts elsewhere
    # Prices are read first, so that an error in them shows before hours of replays
    prices = None
    if request.prices is not None:
        prices = Prices.from_json(LocalStorage().read(request.prices), request.prices)
    inventory = _find_inventory(request, folder)

    # Each schedule as it runs here, with its cost at the service
    trials = Trials(folder, request.captures, request.days, request.run_scripts)
    schedules = []
    for schedule in inventory.schedules:
        console.write(f"{schedule.name} …\n")
        trial = trials.run(schedule)
        starters: dict[str, str] = {}
        # A schedule that can't be moved has no files here that could be started
        if not trial.not_moved:
            starters = _write_starters(schedule.description, trials.schedules)
        usage = measure_usage(schedule)
        schedules.append(LeavingSchedule(schedule, usage, trial, starters))

    # Schedules that ran here can be stopped at the service; the others go on there
    successors = {
        schedule.monitored.name
        for schedule in schedules
        if schedule.trial.has_verdicts or trials.has_run(schedule.monitored.name)
    }
    stop_calls = write_stop_calls(inventory, folder, successors, request.captures)
    notebooks = _import_notebooks(request, folder)

    # The report, for people and for programs
    report = LeavingReport(
        request.source, schedules, stop_calls, notebooks, inventory.remarks, prices, inventory.other_resources
    )
    write_text(folder / f"{NAME}.json", report.to_json())
    page = report.to_page()
    write_text(folder / f"{NAME}.html", render_html(page))
    console.write(f"{page.headline}\n")
    console.writelines(f"{sentence}\n" for sentence in report.list_missed())
    console.write(f"{folder / NAME}.html has all of it, {NAME}.json beside it the same for programs\n")
    return report


def _write_starters(schedule: ScheduleDescription, folder: Path) -> dict[str, str]:
    """What starts an imported schedule here: a command, a line of crontab, and the files for Airflow and EventBridge Scheduler.

    folder: the folder of `import`'s files.
    """
    schedule_path = folder / f"{schedule.name}.schedule.json"
    command = f"spark-model-monitor run-due --schedule {shlex.quote(str(schedule_path))}"
    starters = {
        "command": command,
        "cron": f"{MINUTE} * * * * {command}",
        "Airflow": str(folder / f"{schedule.name}_dag.py"),
    }
    # A schedule that runs once has nothing to be started hourly
    if get_recurrence(schedule) is not None:
        path = folder / f"{schedule.name}.eventbridge.json"
        request = _make_scheduler_request(schedule.name, schedule_path.name)
        write_text(path, json.dumps(request, indent=2) + "\n")
        starters["EventBridge"] = f"aws scheduler create-schedule --cli-input-json {shlex.quote(f'file://{path}')}"
    return starters


def _make_scheduler_request(name: str, schedule_file: str) -> ApiMembers:
    """A request of EventBridge Scheduler that starts the image hourly and runs what is due. Users fill in words in capitals."""
    command = ["run-due", "--schedule", f"/schedules/{schedule_file}"]
    task = "arn:aws:ecs:REGION:ACCOUNT:task-definition/spark-model-monitor"
    return {
        "Name": name[:64],  # the API's limit
        "ScheduleExpression": f"cron({MINUTE} * * * ? *)",
        "ScheduleExpressionTimezone": "UTC",
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "Target": {
            "Arn": "arn:aws:ecs:REGION:ACCOUNT:cluster/CLUSTER",
            "RoleArn": "arn:aws:iam::ACCOUNT:role/ROLE",
            "EcsParameters": {"TaskDefinitionArn": task, "LaunchType": "FARGATE"},
            "Input": json.dumps({"containerOverrides": [{"name": "spark-model-monitor", "command": command}]}),
        },
    }


def _find_inventory(request: LeaveRequest, folder: Path) -> Inventory:
    # An account's descriptions are kept, because deleted schedules leave them nowhere else
    if request.source == ACCOUNT:
        return fetch_inventory(make_aws_client(request.region), folder / "exported")
    if not Path(request.source).is_dir():
        advice = f"name one with the JSON of aws sagemaker describe-…, or write {ACCOUNT} for your own"
        raise BadConfiguration(f"{request.source} is no folder{suggest_path(request.source, advice, os.path.isdir)}")
    return read_inventory(request.source, folder)


def _import_notebooks(request: LeaveRequest, folder: Path) -> dict[str, str]:
    """The output of `import-notebook` for each notebook and module in the source's folder; changed files are written here."""
    remarks: dict[str, str] = {}
    source = Path(request.source)
    # The account itself has no files
    if not source.is_dir():
        return remarks
    for path in sorted(source.rglob("*")):
        # The report's folder may be inside the source, with notebooks that an earlier call wrote
        if path.suffix in NOTEBOOKS and folder.resolve() not in path.resolve().parents:
            name = str(path.relative_to(source))
            changed_path = str(folder / "notebooks" / name)
            printed = StringIO()
            try:
                import_notebook(str(path), changed_path, request.offered, printed, request.is_answered)
            # An unreadable notebook becomes a remark, and the others are still imported
            except MonitorError as error:
                printed.write(str(error))
            remarks[name] = printed.getvalue()
    return remarks
