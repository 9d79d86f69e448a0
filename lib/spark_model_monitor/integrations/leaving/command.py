"""`spark-model-monitor leave`: the report of what a team has at the service, and how it runs here."""

from __future__ import annotations

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TextIO

from spark_model_monitor.errors import BadConfiguration, MonitorError
from spark_model_monitor.integrations.imports.command import make_sagemaker_client
from spark_model_monitor.integrations.imports.notebook import IsAnswered, import_notebook
from spark_model_monitor.integrations.leaving.costs import Prices, list_stop_calls, measure_usage
from spark_model_monitor.integrations.leaving.entries import list_entries
from spark_model_monitor.integrations.leaving.inventory import Inventory, fetch_inventory, read_inventory
from spark_model_monitor.integrations.leaving.report import NAME, LeavingReport, LeavingSchedule
from spark_model_monitor.integrations.leaving.trials import Trials
from spark_model_monitor.reports.page.files import render_html
from spark_model_monitor.running.replay.command import StartJob
from spark_model_monitor.storage import LocalStorage

ACCOUNT = "account"
"""The source that is the account itself."""

NOTEBOOKS = (".ipynb", ".py")


@dataclass(frozen=True)
class LeaveRequest:
    """source: a folder of exported JSON, or `account`. offered, is_answered: as for `import-notebook`."""

    source: str
    output: str
    prices: str | None = None
    captures: str | None = None
    days: int = 30
    region: str | None = None
    offered: frozenset[str] = frozenset()
    is_answered: IsAnswered = bool


def leave(request: LeaveRequest, out: TextIO, *, start_job: StartJob | None = None) -> LeavingReport:
    """Write the report, and print what it says first.

    start_job: starts a job and waits for it; None for a process of its own.
    Raises BadConfiguration if there is no schedule, BadInput if the account does not answer.
    """
    folder = Path(request.output)
    prices = None
    if request.prices is not None:
        prices = Prices.from_json(LocalStorage().read(request.prices), request.prices)
    inventory = _take_inventory(request)
    trials = Trials(folder, request.captures, request.days, start_job)
    schedules = []
    for schedule in inventory.schedules:
        out.write(f"{schedule.name} …\n")
        trial = trials.run(schedule)
        entries = {} if trial.not_moved else list_entries(schedule.description, trials.schedules)
        schedules.append(LeavingSchedule(schedule, measure_usage(schedule), trial, entries))
    report = LeavingReport(
        request.source,
        schedules,
        list(list_stop_calls(inventory, folder)),
        _import_notebooks(request, folder),
        inventory.remarks,
        prices,
    )
    LocalStorage().write(str(folder / f"{NAME}.json"), report.to_json().encode())
    page = report.to_page()
    LocalStorage().write(str(folder / f"{NAME}.html"), render_html(page).encode())
    out.write(f"{page.headline}\n{folder / NAME}.html has all of it, {NAME}.json beside it the same for programs\n")
    return report


def _take_inventory(request: LeaveRequest) -> Inventory:
    if request.source == ACCOUNT:
        return fetch_inventory(make_sagemaker_client(request.region))
    if not Path(request.source).is_dir():
        raise BadConfiguration(
            f"{request.source} is no folder; name one with the JSON of aws sagemaker describe-…, or write {ACCOUNT} for your own"
        )
    return read_inventory(request.source)


def _import_notebooks(request: LeaveRequest, folder: Path) -> dict[str, str]:
    """What `import-notebook` says of each notebook and module beside the descriptions, which it writes into a folder here."""
    remarks = {}
    source = Path(request.source)
    for path in sorted(source.rglob("*")) if source.is_dir() else ():
        if path.suffix in NOTEBOOKS and folder.resolve() not in path.resolve().parents:
            name = str(path.relative_to(source))
            printed = StringIO()
            try:
                output = str(folder / "notebooks" / name)
                import_notebook(str(path), output, request.offered, printed, request.is_answered)
            except MonitorError as error:
                printed.write(str(error))
            remarks[name] = printed.getvalue()
    return remarks
