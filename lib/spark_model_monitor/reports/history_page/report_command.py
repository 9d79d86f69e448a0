"""`spark-model-monitor report`: the page of one run, or of the history of many."""

from __future__ import annotations

import fnmatch
import os
import time
import webbrowser
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.arguments import require_instance, require_names
from spark_model_monitor.data.records.windows import read_time
from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.constraints import Constraints, FeatureRole
from spark_model_monitor.documents.document import DocumentType, parse_size
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.documents.run_description import RunDescription, find_data_name
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.history_page.history import History, Series, is_file, read_run_history
from spark_model_monitor.reports.history_page.history_summary import PageContext, create_history_page
from spark_model_monitor.reports.history_page.past_run import UNSURE, VIOLATED, PastRun, read_run
from spark_model_monitor.reports.outputs.run_files import PAGE, find_output_path, read_current_run, read_document
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.storage import exists, hold, join, resolve_path
from spark_model_monitor.value_class import value_class

MAX_SIZE = "5MB"  # default size of a page
DEFAULT_FILE_NAME = "history.html"


@value_class
class HistoryRequest:
    """The content of the page.

    Attributes
    ----------
    folders: Output paths, folders above output paths, or files of Deequ's metrics repository.
    since, until: Limits of the windows' starts, in ISO 8601.
    last: The number of latest windows.
    features: Patterns of names; empty for all names.
    title: The title of the page; by default the model, or the name of the folder.
    most_bytes: Maximum size of the page, such as 5MB.
    """

    folders: Sequence[str]
    since: str | date | None = None
    until: str | date | None = None
    last: int | None = None
    features: Sequence[str] = ()
    title: str | None = None
    most_bytes: str = MAX_SIZE


def create_report(request: HistoryRequest) -> Report:
    """The page of the runs at and below some folders.

    Raises BadInput if there are no runs, BadConfiguration for an invalid time or size.
    """
    return _report(_read_requested_history(request), request)


def report(
    *folders: str | os.PathLike[str],
    since: str | date | None = None,
    until: str | date | None = None,
    last: int | None = None,
    features: Sequence[str] = (),
    title: str | None = None,
    max_size: str = MAX_SIZE,
) -> Report:
    """Show the history of many runs as one page, in a notebook too.

    Parameters
    ----------
    folders : str or os.PathLike
        Output paths of runs, or folders above their hour folders; from this package or from the service.
        Or files of Deequ's metrics repository, whose metrics are shown, not judged.
    since, until : str, datetime or date, optional
        Only windows that start at or after `since` and before `until`: a text in ISO 8601. In UTC unless there is a time zone.
    last : int, optional
        Only the latest windows, this many.
    features : sequence of str, optional
        Patterns of names, such as ``"age*"``; by default all names.
    title : str, optional
        Title of the page; by default the model, or the name of the folder.
    max_size : str, optional
        Maximum size of the page, such as ``"5MB"``. The page says what is left out.

    Returns
    -------
    Report
        ``.save(path)`` writes it as one HTML file, ``.html`` is its text, ``.size`` its bytes.

    Raises
    ------
    BadInput
        If there is no run, or no name matches.
    BadDocument
        If a file is no such repository.
    BadConfiguration
        If a time or a size can't be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from spark_model_monitor import DataQualityMonitor, report, run_baseline, run_monitoring
    >>> baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    >>> later = pd.DataFrame({"items": [1, 2]})
    >>> _ = run_monitoring(later, DataQualityMonitor(), baseline).write("reports/2026/03/04/10")
    >>> report("reports", title="shop").page.title
    'shop'
    """
    require_names("features", features)
    require_instance("last", last, int | None, "how many windows, such as 24")
    paths = [os.fspath(folder) for folder in folders]
    return create_report(HistoryRequest(paths, since, until, last, tuple(features), title, max_size))


def main(request: HistoryRequest, output: str | None, out: TextIO, *, shown: bool = False) -> int:
    """Write the page and print its path. output: by default history.html in the first folder. shown: whether to open the page."""
    start_time = time.monotonic()
    history = _read_requested_history(request)
    # By default, the page is written into the first folder
    path = output or _find_page(request.folders[0])
    report = _report(history, request, _find_links(history, path))
    with hold(os.path.dirname(path) or "."):  # removes drafts of killed runs
        report.save(path)
    runs = sum(len(series.runs) for series in history.series)
    seconds = time.monotonic() - start_time
    # The printed seconds include reading, which takes nearly all of the time if there are many runs
    counts = f"{format_noun_count(runs, 'run')} in {format_noun_count(len(history.windows), 'window')}"
    out.write(f"{path}: {counts}, {report.size:,} bytes, {seconds:.1f} s\n")
    if shown:
        webbrowser.open(Path(path).resolve().as_uri())
    return 0


def _find_page(path: str) -> str:
    """The default path of the page: in the folder or, for a file, in the file's folder."""
    folder = path
    if is_file(path):
        folder = os.path.dirname(path) or "."
    return join(folder, DEFAULT_FILE_NAME)


def _read_requested_history(request: HistoryRequest) -> History:
    if request.last is not None and request.last < 1:
        raise BadConfiguration(f"--last is {request.last}; write how many windows, from 1 on")
    since = _parse_time(request.since, "--since")
    until = _parse_time(request.until, "--until")
    # A slash at the end is removed, because it would make the last component empty
    folders = [folder.rstrip("/") or "/" for folder in request.folders]
    history = read_run_history(folders, since, until, request.last)
    if not request.features:
        return history
    matching_series = []
    for series in history.series:
        runs = {index: _restrict_run(run, request.features) for index, run in series.runs.items()}
        # Monitors without a matching name are left out
        if any(run.names for run in runs.values()):
            matching_series.append(replace(series, runs=runs))
    if not matching_series:
        raise BadInput(f"--features is {','.join(request.features)!r}, which no feature or metric matches")
    return replace(history, series=tuple(matching_series))


def _report(history: History, request: HistoryRequest, links: Mapping[str, str] | None = None) -> Report:
    models = dict.fromkeys(run.identity.model for run in history.past_runs)
    # The title names the models or, if the runs have no model, the folders
    paths = [resolve_path(folder).removeprefix("file:") for folder in request.folders]
    folders = dict.fromkeys(map(find_data_name, paths))
    names = [*filter(None, models)] or [*filter(None, folders)]
    title = request.title or ", ".join(names) or "Model monitoring"
    # Only the last runs' checks are read; earlier runs are shown by their summaries
    judged = [_select_checks(series, request.features) for series in history.series]
    page_context = PageContext(_read_baselines(history), _find_outputs(history), links or {})
    return Report(create_history_page(history, title, page_context, _parse_size(request.most_bytes), judged))


def _find_links(history: History, page: str) -> dict[str, str]:
    """By the run's folder: the link from a page to the page of a run below it."""
    top = resolve_path(page).rpartition("/")[0]
    links = {}
    for run in history.past_runs:
        path = resolve_path(join(run.identity.folder, PAGE))
        # Links are relative and don't leave the page's folder, so that they still work when the folder is copied
        if path.startswith(f"{top}/") and exists(path):
            links[run.identity.folder] = path.removeprefix(f"{top}/")
    return links


def _select_checks(series: Series, patterns: Sequence[str]) -> CheckResults:
    """The check results of the last run: from checks.json or, as for the service's runs, from its texts."""
    run = series.last_run
    check_results = _read_published(run.identity.folder, CheckResults) or CheckResults(checks=())
    named = [
        check
        for check in check_results.checks
        if any(fnmatch.fnmatchcase(check.subject[0], name) for name in patterns or ("*",))
    ]
    return check_results.model_copy(update={"checks": tuple(named or run.create_check_results())})


def _restrict_run(run: PastRun, patterns: Sequence[str]) -> PastRun:
    indices = [
        index for index, name in enumerate(run.names) if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    names = tuple(run.names[index] for index in indices)
    violated = {name: checks for name, checks in run.violated.items() if name in names}
    # If there is no checks.json, these are the only descriptions
    violation_results = tuple(violation for violation in run.violation_results if violation.full_name in names)
    return replace(
        run,
        names=names,
        is_metric=run.is_metric[indices],
        numbers={name: column[indices] for name, column in run.numbers.items()},
        statuses=run.statuses[indices],
        violated=violated,
        # Only violations of the selected features count
        violations=sum(map(len, violated.values())),
        shares=None if run.shares is None else run.shares[indices],
        outcome=run.outcome and _judge_statuses(run.statuses[indices]),
        violation_results=violation_results,
    )


def _judge_statuses(statuses: NDArray[np.uint8]) -> Outcome:
    if VIOLATED in statuses:
        return Outcome.CHANGED
    if UNSURE in statuses:
        return Outcome.CANNOT_TELL
    return Outcome.UNCHANGED


def _read_baselines(history: History) -> dict[str, PastRun]:
    """The baselines by their runs' ids, if their folders can be read from here."""
    # Several runs share a baseline, which is read once; None is stored for a baseline that can't be read
    runs: dict[str, PastRun | None] = {}
    for run in history.past_runs:
        run_id = run.identity.baseline_run_id
        if run_id and run_id not in runs:
            runs[run_id] = None
            path = _find_baseline(run)
            with suppress(BadDocument, BadInput):
                runs[run_id] = read_run(path) if path else None
    return {run_id: run for run_id, run in runs.items() if run is not None}


def _find_baseline(run: PastRun) -> str | None:
    """The output path of the baseline that the current run in a folder names; None if the run names no baseline."""
    description = _read_published(run.identity.folder, RunDescription)
    if description is None or description.baseline is None or not description.baseline.folder:
        return None
    return find_output_path(description.baseline.folder)


def _find_outputs(history: History) -> frozenset[str]:
    """The outputs of the models, if the constraints of their baselines can be read."""
    output_names: set[str] = set()
    for series in history.series:
        # The baseline of the last run, because the roles of features rarely change
        path = _find_baseline(series.last_run)
        if path and series.analysis_type == "DATA_QUALITY":
            constraints = _read_published(path, Constraints)
            features = constraints.features if constraints else ()
            output_names.update(feature.name for feature in features if feature.role is FeatureRole.PREDICTION)
    return frozenset(output_names)


def _read_published(folder: str, kind: type[DocumentType]) -> DocumentType | None:
    """A document of the current run in a folder; None if the run has no such document, or it can't be read."""
    run = read_current_run(folder)
    try:
        return read_document(run, kind) if run else None
    except (BadDocument, BadInput):
        return None


def _parse_time(time: str | date | None, flag: str) -> datetime | None:
    if time is None:
        return None
    # A text without a time zone is in UTC
    try:
        return read_time(time)
    except ValueError:
        raise BadConfiguration(f"{flag} is {time!r}; write a time such as 2026-03-01 or 2026-03-01T06:00:00Z") from None


def _parse_size(text: str) -> int:
    # The units are powers of 1000, as for the sizes of mails and disks
    try:
        return parse_size(text)
    except ValueError:
        raise BadConfiguration(f"--max-size is {text!r}; write a size such as 5MB") from None
