"""Decisions beside the runs: alarms that a person found to be fine. The window joins the history, the same alarm stays silent."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from model_monitor.documents.check_results import CheckResults, CheckStatus, Decision
from model_monitor.documents.run_description import moment
from model_monitor.errors import BadConfiguration, BadDocument, BadInput
from model_monitor.history.alerts import holding_alerts, path_of
from model_monitor.history.variation import read_history, write_history
from model_monitor.outputs.files import current_run
from model_monitor.storage import join, storage_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

FOLDER, CHECKS = "_decisions", "checks.json"


def accept(
    run: str | os.PathLike[str],
    features: Sequence[str] = (),
    *,
    by: str | None = None,
    why: str | None = None,
    now: datetime | None = None,
    spark: SparkSession | None = None,
) -> Decision:
    """Say that the alarms of a run are fine: all of them, or those of some features or metrics.

    The window joins the history that later ones are held against, and what was violated is no violation again as long as it
    goes the same way and is no larger.

    Parameters
    ----------
    run : path
        The output path of a monitoring run.
    features : sequence of str, optional
        Features or metrics whose alarms are meant; by default all.
    by, why : str, optional
        Who says so, and the reason.
    now : datetime, optional
        When, with its time zone; by default now.
    spark : pyspark.sql.SparkSession, optional
        What opens the path; without one it has to be local.

    Returns
    -------
    Decision
        What was decided; its member ``alarms`` has the violations.

    Raises
    ------
    BadInput
        If no monitoring run was published there.
    BadConfiguration
        If it has no such violation.

    Examples
    --------
    >>> import pandas as pd
    >>> from model_monitor import DataQualityMonitor, accept, run_baseline, run_monitoring
    >>> orders = pd.DataFrame({"country": ["DE", "FR", "DE"] * 20})
    >>> baseline = run_baseline(orders, DataQualityMonitor())
    >>> findings = run_monitoring(orders.replace("FR", "ES"), DataQualityMonitor(), baseline)
    >>> _ = findings.write("reports/2026/03/04/20")
    >>> [alarm.feature for alarm in accept("reports/2026/03/04/20", by="anna", why="a new market").alarms]
    ['country']
    """
    run_path, now = os.fspath(run), now or datetime.now(timezone.utc)
    published = current_run(run_path, spark)
    if published is None or CHECKS not in published.digests:
        raise BadInput(f"{run_path}: no monitoring run was published here; name the output path of a monitoring job")
    where = join(published.folder, CHECKS)
    found = CheckResults.from_json(storage_of(where, spark).read(where), where).checks
    violated = [result for result in found if result.status is CheckStatus.VIOLATED]
    names = {result.metric or result.feature or "" for result in violated} | {
        result.feature or "" for result in violated
    }
    if not violated or set(features) - names:
        wrong = sorted(set(features) - names)
        raise BadConfiguration(
            f"{run_path}: run {published.run_id} has no violation{f' of {wrong[0]!r}' if wrong else ''}"
        )
    alarms = tuple(each for each in violated if not features or {each.metric, each.feature} & set(features))
    with holding_alerts(run_path, spark):
        history = read_history(run_path, spark)
        window = next((entry.window for entry in history.entries() if entry.run_id == published.run_id), None)
        decision = Decision(
            run_id=published.run_id,
            window=window,
            features=tuple(features),
            time=moment(now),
            by=by,
            why=why,
            alarms=alarms,
        )
        path = join(_folder_of(run_path), f"{now:%Y%m%dT%H%M%SZ}-{published.run_id}.json")
        storage_of(path, spark).write(path, decision.to_json().encode())
        if window is not None:
            write_history(history.accepted(window, features), spark)
    return decision


def read_decisions(output_path: str, spark: SparkSession | None = None) -> list[Decision]:
    """The decisions on the runs that `output_path` belongs to, the oldest first; one that can't be read does not count."""
    folder = _folder_of(output_path)
    storage = storage_of(folder, spark)
    found = []
    for file in (
        sorted(storage.list_beginning(folder, ""), key=lambda file: file.path) if storage.exists(folder) else ()
    ):
        try:
            found.append(Decision.from_json(storage.read(file.path), file.path))
        except BadDocument as fault:
            log.warning("%s; the decision does not count", fault)
    return found


def _folder_of(output_path: str) -> str:
    return join(path_of(output_path).rpartition("/")[0] or ".", FOLDER)
