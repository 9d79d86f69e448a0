"""Users' decisions: they accept alarms, and promote a run to a version of the baseline. One version is current."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from spark_model_monitor.documents.alert_files import Decision, Promotion, Promotions
from spark_model_monitor.documents.check_results import CheckResult, CheckResults
from spark_model_monitor.documents.run_description import RunDescription, format_moment
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput, suggest_names
from spark_model_monitor.reports.alerts import find_series_folder, open_alerts, read_alerts
from spark_model_monitor.reports.history.history_file import read_history, write_history
from spark_model_monitor.reports.outputs.run_files import (
    ANALYSIS,
    CONSTRAINTS,
    HOUR_FOLDERS,
    PAGE,
    RUNS,
    STATISTICS,
    NameKind,
    Run,
    compute_digests,
    is_valid_name,
    publish,
    read_current_run,
    read_document,
    read_document_file,
    read_intact_run,
    read_published,
    set_current_run,
)
from spark_model_monitor.storage import (
    exists,
    get_storage,
    hold,
    join,
    read_file,
    read_if_exists,
    using_session,
    write_file,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger(__name__)

DECISIONS_FOLDER = "_decisions"

MAX_NAMES = 10  # most features with a violation that an error lists


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

    The same change is not a violation again, as long as it has the same direction and is not larger. The window doesn't become
    an example of normal variation.

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
        If the run has no such violation, or stands alone, so that no later window would know of the decision.

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
    now = now or datetime.now(timezone.utc)
    with using_session(spark):
        run_path = os.fspath(run)
        published, checks = read_published(run_path, CheckResults)
        # Alarms are stored with their numbers, because a larger change is a violation again
        alarms = _select_alarms(checks, features, f"{run_path}: run {published.run_id}")
        subjects = {alarm.subject for alarm in alarms}
        unviolated = [check for check in checks.checks if check.subject in subjects and not check.is_violated]
        _require_series(run_path, published)
        # The lease keeps a run of the next window from writing the history at the same time
        with open_alerts(run_path):
            history = read_history(run_path)
            window = next((entry.window for entry in history.entries if entry.run_id == published.run_id), None)
            decision = Decision(
                run_id=published.run_id,
                window=window,
                features=tuple(features),
                time=format_moment(now),
                by=by,
                why=why,
                alarms=tuple(alarms),
                unviolated=tuple(unviolated),
            )
            # File names begin with the time, so that a listing is in order
            path = join(_name_folder(run_path), f"{now:%Y%m%dT%H%M%SZ}-{published.run_id}.json")
            write_file(path, decision.to_json().encode())
            # A window that isn't in the history can't be marked there
            if window is not None:
                write_history(history.mark_accepted(window, features))
    return decision


def _select_alarms(checks: CheckResults, features: Sequence[str], where: str) -> list[CheckResult]:
    """The violated results of these features or metrics; without features, all of them.

    Raises BadConfiguration if there are none, or if a feature has none: otherwise a misspelt name would accept nothing.
    """
    alarms = [check_result for check_result in checks.checks if check_result.is_violated]
    if not alarms:
        raise BadConfiguration(f"{where} has no violation")
    names = {name for alarm in alarms for name in (alarm.metric, alarm.feature) if name}
    # The error names the first unknown feature, and those with a violation
    unknown_names = sorted(set(features) - names)
    if unknown_names:
        known_names = sorted(names)
        instead = f"its violations are of {', '.join(map(repr, known_names[:MAX_NAMES]))}"
        hint = suggest_names(unknown_names[0], known_names, instead)
        raise BadConfiguration(f"{where} has no violation of {unknown_names[0]!r}; {hint}")
    if not features:
        return alarms
    return [alarm for alarm in alarms if alarm.metric in features or alarm.feature in features]


def _require_series(run_path: str, published: Run) -> None:
    """Raise BadConfiguration if no later run would read the decisions on this run."""
    if HOUR_FOLDERS.match(run_path):
        return
    description = read_document(published, RunDescription)
    has_window = description is not None and description.window is not None
    # Runs of several windows are a series even if each replaces the one before in the same folder
    if not has_window and len(read_alerts(run_path).windows) < 2:
        raise BadConfiguration(
            f"{run_path}: is a folder of one run, so no other window would know of the decision; write every window to its "
            "hour folder below one folder, such as --output-path reports/2026/04/03/00, and accept it there"
        )


def read_decisions(output_path: str) -> list[Decision]:
    """The decisions on the runs that `output_path` belongs to, the oldest first. Decisions that can't be read are left out."""
    folder = _name_folder(output_path)
    # The first decision creates the folder
    files = get_storage(folder).list_by_prefix(folder, "") if exists(folder) else ()
    decisions = []
    for file in sorted(files, key=lambda file: file.path):
        try:
            decisions.append(read_document_file(Decision, file.path))
        except BadDocument as error:
            log.warning("%s; the decision does not count", error)
    return decisions


def _name_folder(output_path: str) -> str:
    return join(find_series_folder(output_path), DECISIONS_FOLDER)


VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]{0,127}", re.ASCII)
"""A valid name of a version: it can be a folder on any file system, and Spark doesn't take the folder for a hidden one."""

EDITABLE = (CONSTRAINTS, ANALYSIS)
"""Documents at the output path whose edits by users have an effect."""


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
    files = _read_baseline_files(run_path)
    version = join(baselines, model_version)
    # A version with the same content isn't replaced, so a repeated command succeeds
    digests = compute_digests(files)
    with hold(baselines):
        existing_run = read_intact_run(version)
        if existing_run is not None and dict(existing_run.digests) != digests and not replace:
            raise BadConfiguration(
                f"{version}: has run {existing_run.run_id} already, which is another baseline; name another --model-version, or "
                "say --replace"
            )
        run = publish(files, version)
        promotions = read_promotions(baselines)
        promotion = Promotion(model_version=model_version, run_id=run.run_id, source=run_path, time=format_moment(now))
        # A repeated command adds nothing to the history of versions
        current = promotions.standing[-1] if promotions.standing else None
        if current is None or (current.model_version, current.run_id) != (model_version, run.run_id):
            promotions = promotions.model_copy(update={"promotions": (*promotions.promotions, promotion)})
        # The history is written first: if the command is killed between the two steps, repeating it completes it
        _write(promotions, baselines)
        set_current_run(run, baselines)
    return promotion


def roll_back(baselines: str, now: datetime) -> Promotion:
    """Withdraw the current version, and make the version before it current again; returns that earlier version.

    Raises BadConfiguration if there is no earlier version, BadInput if its files are gone.
    """
    # Checked before the lease is taken, because the lease would create a folder with a misspelt name
    if not read_promotions(baselines).standing:
        raise BadConfiguration(f"{baselines}: no version was promoted here; name the folder given to promote by --to")
    with hold(baselines):
        past_promotions = read_promotions(baselines)
        if len(past_promotions.standing) < 2:
            current_version = next((version.model_version for version in past_promotions.standing), "none")
            raise BadConfiguration(
                f"{baselines}: there is no version before the one that counts, which is {current_version}"
            )
        # The version may have become another run since; the history has the run that it was
        *_, before, current = past_promotions.standing
        run = read_current_run(join(baselines, before.model_version))
        if run is None or run.run_id != before.run_id:
            raise BadInput(
                f"{baselines}: version {before.model_version} is no longer run {before.run_id}; promote the run that shall "
                "count"
            )
        taken_back = current.model_copy(update={"taken_back": format_moment(now)})
        promotions = tuple(
            taken_back if promotion is current else promotion for promotion in past_promotions.promotions
        )
        # The history is written last: if the command is killed between the two steps, repeating it completes it
        set_current_run(run, baselines)
        _write(past_promotions.model_copy(update={"promotions": promotions}), baselines)
    return before


def read_promotions(baselines: str) -> Promotions:
    """The promotions in this folder; a new folder has none.

    Raises BadDocument if the file can't be understood or has an invalid version name, BadConfiguration if the folder is
    the output path of a run.
    """
    path = join(baselines, Promotions.FILE_NAME)
    if exists(path):
        promotions = read_document_file(Promotions, path)
        if not all(is_valid_name(promotion.model_version, NameKind.WORD) for promotion in promotions.promotions):
            raise BadDocument(
                f"{path}: a model_version is no name of a version; restore the file, or delete it and promote"
            )
        return promotions
    run = read_intact_run(baselines)
    # The folder of a promoted run belongs to its version, so a run in `_runs/` wasn't promoted
    if run is not None and run.folder.startswith(join(baselines, RUNS, "")):
        raise BadConfiguration(f"{baselines}: is the output path of a run; name a folder for the versions")
    return Promotions()


def _write(promotions: Promotions, baselines: str) -> None:
    path = join(baselines, Promotions.FILE_NAME)
    write_file(path, promotions.to_json().encode())


def _read_baseline_files(path: str) -> dict[str, bytes]:
    run = read_current_run(path)
    # A folder of the service has no run, but it must have constraints
    if run is None:
        documents = _read_files(path, (STATISTICS, *EDITABLE))
        if not documents.keys() & set(EDITABLE):
            raise BadInput(
                f"{path}: there is neither a run of ours nor a {' or '.join(EDITABLE)}; name the output path of a baselining job"
            )
        return documents
    files = {}
    for name in run.digests:
        original = join(run.folder, name)
        if name != PAGE or exists(original):  # a prune may have deleted the page
            files[name] = read_file(original)
    # Copies that a user edited have priority over the run's files
    return files | _read_files(path, files.keys() & set(EDITABLE))


def _read_files(folder: str, names: Iterable[str]) -> dict[str, bytes]:
    """By name: the contents of those files of a folder that exist."""
    contents = {name: read_if_exists(join(folder, name)) for name in names}
    return {name: content for name, content in contents.items() if content is not None}
