"""Users' decisions: accepted alarms, and versions of a baseline, one of which is current."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from datetime import datetime, timezone
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.alerts import Decision, Promotion, Promotions
from spark_model_monitor.documents.check_results import CheckResults, CheckStatus
from spark_model_monitor.documents.run_description import format_moment
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.alerts import holding_alerts, path_of
from spark_model_monitor.reports.history.variation import read_history, write_history
from spark_model_monitor.reports.outputs.files import (
    ANALYSIS,
    CONSTRAINTS,
    RUNS,
    STATISTICS,
    current_run,
    document_of,
    point_to,
    publish,
    run_before,
)
from spark_model_monitor.storage import holding, join, opened_by, storage_of
from spark_model_monitor.storage.files import NameKind, is_ours

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

FOLDER = "_decisions"


def accept(
    run: str | os.PathLike[str],
    features: Sequence[str] = (),
    *,
    by: str | None = None,
    why: str | None = None,
    now: datetime | None = None,
    spark: SparkSession | None = None,
) -> Decision:
    """Accept the alarms of a run: all of them, or those of some features or metrics.

    The window joins the history that later windows are compared with. The same change is not a violation again, as long as it
    has the same direction and is not larger.

    Parameters
    ----------
    run : path
        The output path of a monitoring run.
    features : sequence of str, optional
        Features or metrics whose alarms to accept; by default all.
    by, why : str, optional
        Who accepts the alarms, and the reason.
    now : datetime, optional
        Time of the decision, with its time zone; by default now.
    spark : pyspark.sql.SparkSession, optional
        The session that opens the path; without a session, the path must be local.

    Returns
    -------
    Decision
        The decision; its member ``alarms`` has the violations.

    Raises
    ------
    BadInput
        If no monitoring run was published there.
    BadConfiguration
        If the run has no such violation.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, accept, run_baseline, run_monitoring
    >>> orders = pd.DataFrame({"country": ["DE", "FR", "DE"] * 20})
    >>> baseline = run_baseline(orders, DataQualityMonitor())
    >>> findings = run_monitoring(orders.replace("FR", "ES"), DataQualityMonitor(), baseline)
    >>> _ = findings.write("reports/2026/03/04/20")
    >>> [alarm.feature for alarm in accept("reports/2026/03/04/20", by="anna", why="a new market").alarms]
    ['country']
    """
    with opened_by(spark):
        return _accepted(os.fspath(run), features, by, why, now or datetime.now(timezone.utc))


def _accepted(run_path: str, features: Sequence[str], by: str | None, why: str | None, now: datetime) -> Decision:
    published = current_run(run_path)
    checks = None
    if published:
        checks = document_of(published, CheckResults)
    if published is None or checks is None:
        raise BadInput(f"{run_path}: no monitoring run was published here; name the output path of a monitoring job")
    violated = [result for result in checks.checks if result.status is CheckStatus.VIOLATED]
    names = {name for result in violated for name in (result.metric, result.feature)}
    wrong = sorted(set(features) - names)
    if not violated or wrong:
        raise BadConfiguration(
            f"{run_path}: run {published.run_id} has no violation{f' of {wrong[0]!r}' if wrong else ''}"
        )
    alarms = tuple(each for each in violated if not features or {each.metric, each.feature} & set(features))
    noted: dict[str, Any] = {
        "features": tuple(features),
        "time": format_moment(now),
        "by": by,
        "why": why,
        "alarms": alarms,
    }
    with holding_alerts(run_path):
        history = read_history(run_path)
        window = next((entry.window for entry in history.entries if entry.run_id == published.run_id), None)
        decision = Decision(run_id=published.run_id, window=window, **noted)
        path = join(_folder_of(run_path), f"{now:%Y%m%dT%H%M%SZ}-{published.run_id}.json")
        storage_of(path).write(path, decision.to_json().encode())
        if window is not None:
            write_history(history.accepted(window, features))
    return decision


def read_decisions(output_path: str) -> list[Decision]:
    """The decisions on the runs that `output_path` belongs to, the oldest first; unreadable ones are ignored."""
    folder = _folder_of(output_path)
    storage = storage_of(folder)
    files = storage.list_beginning(folder, "") if storage.exists(folder) else ()
    decisions = []
    for file in sorted(files, key=lambda file: file.path):
        try:
            decisions.append(Decision.from_json(storage.read(file.path), file.path))
        except BadDocument as error:
            log.warning("%s; the decision does not count", error)
    return decisions


def _folder_of(output_path: str) -> str:
    return join(path_of(output_path).rpartition("/")[0] or ".", FOLDER)


PAGE = "report.html"
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}", re.ASCII)
"""A valid version name: a folder's name on any file system, which Spark does not take for a hidden one."""

TUNED = (CONSTRAINTS, ANALYSIS)
"""Documents that users may edit where a run published them; the edits count."""


def promote(run_path: str, model_version: str, baselines: str, now: datetime, *, replace: bool = False) -> Promotion:
    """Store a run, or a folder with the service's documents, as the baseline of a version, and make it current.

    Thresholds tuned at `run_path` are included. replace: allow an existing version to become a different one. Promoting
    the same version with the same content again is always allowed.

    Raises BadInput if there is no baseline at `run_path`, BadConfiguration for a version that is invalid or exists.
    """
    if VERSION.fullmatch(model_version) is None:
        raise BadConfiguration(
            f"--model-version is {model_version!r}; it has to be letters, digits, '.' and '-', such as 7 or 2026-01-31"
        )
    files = _files_of(run_path)
    version = join(baselines, model_version)
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    with holding(storage_of(baselines), baselines):
        there = run_before(version)
        if there is not None and dict(there.digests) != digests and not replace:
            raise BadConfiguration(
                f"{version}: has run {there.run_id} already, which is another baseline; name another --model-version, or "
                "say --replace"
            )
        run = publish(files, version)
        known = read_promotions(baselines)
        promotion = Promotion(model_version=model_version, run_id=run.run_id, source=run_path, time=format_moment(now))
        standing = known.standing[-1] if known.standing else None
        if standing is None or (standing.model_version, standing.run_id) != (model_version, run.run_id):
            known = known.model_copy(update={"promotions": (*known.promotions, promotion)})
        _write(known, baselines)  # first: if something fails in between, running the same command again does the rest
        point_to(run, baselines)
    return promotion


def roll_back(baselines: str, now: datetime) -> Promotion:
    """Withdraw the current version, and make the one before it current again; returns that one.

    Raises BadConfiguration if there is none before it, BadInput if its files are gone.
    """
    with holding(storage_of(baselines), baselines):
        known = read_promotions(baselines)
        if len(known.standing) < 2:
            if known.standing:
                there = known.standing[-1].model_version
            else:
                there = "none"
            raise BadConfiguration(f"{baselines}: there is no version before the one that counts, which is {there}")
        *_, before, present = known.standing
        run = current_run(join(baselines, before.model_version))
        if run is None or run.run_id != before.run_id:
            raise BadInput(
                f"{baselines}: version {before.model_version} is no longer run {before.run_id}; promote the run that shall "
                "count"
            )
        taken_back = present.model_copy(update={"taken_back": format_moment(now)})
        promotions = tuple(taken_back if promotion is present else promotion for promotion in known.promotions)
        point_to(run, baselines)  # first: until the history has it, the same command again does the rest
        _write(known.model_copy(update={"promotions": promotions}), baselines)
    return before


def read_promotions(baselines: str) -> Promotions:
    """The promotions in this folder; empty for a new folder.

    Raises BadDocument if the file can't be understood or has an invalid version name, BadConfiguration if the folder is
    the output path of a run.
    """
    storage = storage_of(baselines)
    path = join(baselines, Promotions.FILE_NAME)
    if storage.exists(path):
        known = Promotions.from_json(storage.read(path), path)
        if not all(is_ours(promotion.model_version, NameKind.WORD) for promotion in known.promotions):
            raise BadDocument(
                f"{path}: a model_version is no name of a version; restore the file, or delete it and promote"
            )
        return known
    run = run_before(baselines)
    if run is not None and run.folder == join(baselines, RUNS, run.run_id):  # a promoted run is a version's
        raise BadConfiguration(f"{baselines}: is the output path of a run; name a folder for the versions")
    return Promotions()


def _write(promotions: Promotions, baselines: str) -> None:
    path = join(baselines, Promotions.FILE_NAME)
    storage_of(path).write(path, promotions.to_json().encode())


def _files_of(path: str) -> dict[str, bytes]:
    storage = storage_of(path)
    run = current_run(path)
    if run is None:
        names = [name for name in (STATISTICS, *TUNED) if storage.exists(join(path, name))]
        if not set(names) & set(TUNED):
            raise BadInput(
                f"{path}: there is neither a run of ours nor a {' or '.join(TUNED)}; name the output path of a baselining job"
            )
        return {name: storage.read(join(path, name)) for name in names}
    files = {}
    for name in run.digests:
        original = join(run.folder, name)
        if name != PAGE or storage.exists(original):  # a prune deletes pages
            files[name] = storage.read(original)
    for name in TUNED:
        if name in files and storage.exists(join(path, name)):
            files[name] = storage.read(join(path, name))
    return files
