"""The reports that the service left, by the hour that their runs were scheduled for."""

from __future__ import annotations

from datetime import datetime

from model_monitor.documents.check_results import Violations
from model_monitor.errors import BadConfiguration, BadDocument, BadInput
from model_monitor.replay.hour_folders import hour_folders
from model_monitor.replay.verdicts import Verdict
from model_monitor.reports.outputs.files import CONSTRAINTS, STATISTICS, VIOLATIONS
from model_monitor.storage import Storage, join

REPORT_FILES = (VIOLATIONS, STATISTICS, CONSTRAINTS)


def reports_of(storage: Storage, path: str) -> dict[datetime, str]:
    """The folders with a report by the hour that they name, the end of their window.

    Raises BadInput if there is nothing at `path`, BadConfiguration if two folders below it name one hour.
    Source: C1.5, `<output>/<endpoint>/<schedule>/yyyy/mm/dd/hh/`.
    """
    found: dict[datetime, str] = {}
    for hour, folder in hour_folders(storage, path):
        if not any(storage.exists(join(folder, name)) for name in REPORT_FILES):
            continue
        if hour in found:
            raise BadConfiguration(
                f"--reports {path} holds two reports of {hour:%Y-%m-%dT%HZ}, {found[hour]} and {folder}; "
                "name the folder of one schedule"
            )
        found[hour] = folder
    return found


def read_report(storage: Storage, folder: str) -> Verdict:
    """What a report says; one without a file of violations has none.

    Source: C11.7.
    """
    path = join(folder, VIOLATIONS)
    if not storage.exists(path):
        return Verdict()
    try:
        return Verdict.of(each.plain() for each in Violations.from_json(storage.read(path), path).violations)
    except (BadDocument, BadInput) as fault:
        return Verdict(failure=str(fault))
