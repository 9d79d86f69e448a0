"""`spark-model-monitor report`: the page of one run, or of the history of many."""

from __future__ import annotations

import fnmatch
import os
import re
import time
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.check_results import CheckResults, format_full_name, identify_subject
from spark_model_monitor.documents.constraints import Constraints, FeatureRole
from spark_model_monitor.documents.document import DocumentType
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import format_noun_count
from spark_model_monitor.documents.run_description import BaselineReference, name_of_place
from spark_model_monitor.errors import BadConfiguration, BadDocument, BadInput
from spark_model_monitor.reports.history_page.history import History, Series, is_file, read_history
from spark_model_monitor.reports.history_page.history_summary import PageContext, create_history_page
from spark_model_monitor.reports.history_page.past_run import UNSURE, VIOLATED, PastRun, read_run
from spark_model_monitor.reports.outputs.run_files import (
    PAGE,
    find_output_path,
    read_baseline_reference,
    read_current_run,
    read_document,
)
from spark_model_monitor.reports.page.page_files import Report
from spark_model_monitor.storage import holding, join, resolve_path, storage_of
from spark_model_monitor.value_class import value_class

MOST_BYTES = "5MB"
OUTPUT = "history.html"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", re.IGNORECASE)
_POWER = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}


@value_class(slots=False)
class HistoryRequest:
    """The content of the page. folders: output paths, folders above them, or files of Deequ's metrics repository. since,
    until: limits of the windows' starts, in ISO 8601. last: number of windows. features: patterns of names; empty for all.
    """

    folders: Sequence[str]
    since: str | None = None
    until: str | None = None
    last: int | None = None
    features: Sequence[str] = ()
    title: str | None = None
    most_bytes: str = MOST_BYTES


def create_report(request: HistoryRequest) -> Report:
    """The page of the runs at and below some folders.

    Raises BadInput if there are no runs, BadConfiguration for an invalid time or size.
    """
    return _report(_read_requested_history(request), request)


def report(
    *folders: str | os.PathLike[str],
    since: str | None = None,
    until: str | None = None,
    last: int | None = None,
    features: Sequence[str] = (),
    title: str | None = None,
    max_size: str = MOST_BYTES,
) -> Report:
    """Show the history of many runs as one page, in a notebook too.

    Parameters
    ----------
    folders : str or os.PathLike
        Output paths of runs, or folders above their hour folders; from this package or from the service.
        Or files of Deequ's metrics repository, whose metrics are shown, not judged.
    since, until : str, optional
        Only windows that start at or after `since` and before `until`: ISO 8601, in UTC unless the text has a time zone.
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
    paths = [os.fspath(folder) for folder in folders]
    return create_report(HistoryRequest(paths, since, until, last, tuple(features), title, max_size))


def main(request: HistoryRequest, output: str | None, out: TextIO, *, shown: bool = False) -> int:
    """Write the page, print its path. output: by default history.html in the first folder. shown: open a browser."""
    started = time.monotonic()
    history = _read_requested_history(request)
    # One folder is usual, so its page stands beside the runs that it shows
    path = output or _find_page(request.folders[0])
    report = _report(history, request, _find_links(history, path))
    with holding(storage_of(path), os.path.dirname(path) or "."):  # removes drafts of killed runs
        report.save(path)
    runs = sum(len(series.runs) for series in history.series)
    seconds = time.monotonic() - started
    # Seconds include reading: with many runs that is nearly all of the time
    counts = f"{format_noun_count(runs, 'run')} in {format_noun_count(len(history.windows), 'window')}"
    out.write(f"{path}: {counts}, {report.size:,} bytes, {seconds:.1f} s\n")
    if shown:
        webbrowser.open(Path(path).resolve().as_uri())
    return 0


def _find_page(path: str) -> str:
    """The page in a folder, or beside a file."""
    folder = path
    if is_file(path):
        folder = os.path.dirname(path) or "."
    return join(folder, OUTPUT)


def _read_requested_history(request: HistoryRequest) -> History:
    if request.last is not None and request.last < 1:
        raise BadConfiguration(f"--last is {request.last}; write how many windows, from 1 on")
    times = (_parse_time(request.since, "--since"), _parse_time(request.until, "--until"))
    # A slash at the end would make the last name of the path empty; the root has nothing else
    history = read_history([folder.rstrip("/") or "/" for folder in request.folders], *times, request.last)
    if not request.features:
        return history
    series = tuple(_restrict_series(series_of_kind, request.features) for series_of_kind in history.series)
    # A monitor of which no name matches isn't on the page; a pattern that matches nothing is a typing error
    matching_series = tuple(series_of_kind for series_of_kind in series if series_of_kind.names)
    if not matching_series:
        raise BadInput(f"--features is {','.join(request.features)!r}, which no feature or metric matches")
    return replace(history, series=matching_series)


def _name_of_folders(folders: Sequence[str]) -> str:
    """The names of the folders of runs without a model; a general one for folders without names, such as hours."""
    paths = [resolve_path(folder).removeprefix("file:") for folder in folders]
    names = dict.fromkeys(filter(None, map(name_of_place, paths)))
    return ", ".join(names) or "Model monitoring"


def _report(history: History, request: HistoryRequest, links: Mapping[str, str] | None = None) -> Report:
    models = dict.fromkeys(
        run.identity.model for series in history.series for run in series.runs.values() if run.identity.model
    )
    title = request.title or ", ".join(models) or _name_of_folders(request.folders)
    # Only the last runs' checks are read in full: earlier runs show what their summary has
    judged = [_select_checks(series, request.features) for series in history.series]
    page_context = PageContext(_read_baselines(history), _find_outputs(history), links or {})
    return Report(create_history_page(history, title, page_context, _parse_size(request.most_bytes), judged))


def _find_links(history: History, page: str) -> dict[str, str]:
    """The links from a page to the pages of runs below it, by the runs' folders."""
    top = page.rpartition("/")[0]
    links = {}
    for series in history.series:
        for run in series.runs.values():
            path = join(run.identity.folder, PAGE)
            # Links are relative, so that the page works after its folder is copied, and none leads out of it
            if top and path.startswith(f"{top}/") and storage_of(path).exists(path):
                links[run.identity.folder] = path.removeprefix(f"{top}/")
    return links


def _select_checks(series: Series, patterns: Sequence[str]) -> CheckResults:
    """The check results of the last run; empty for runs without checks.json, or with one that can't be read."""
    check_results = _read_published(series.last[1].identity.folder, CheckResults) or CheckResults(checks=())
    named = (
        check
        for check in check_results.checks
        if any(fnmatch.fnmatchcase(identify_subject(check)[0], name) for name in patterns or ("*",))
    )
    return check_results.model_copy(update={"checks": tuple(named)})


def _restrict_series(series: Series, patterns: Sequence[str]) -> Series:
    return replace(series, runs={index: _restrict_run(run, patterns) for index, run in series.runs.items()})


def _restrict_run(run: PastRun, patterns: Sequence[str]) -> PastRun:
    indices = [
        index for index, name in enumerate(run.names) if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    names = tuple(run.names[index] for index in indices)
    # Without a checks.json these are the only descriptions, so they have to fit the names that are left
    violation_results = [violation for violation in run.violation_results if format_full_name(violation) in names]
    return replace(
        run,
        names=names,
        is_metric=run.is_metric[indices],
        numbers={name: column[indices] for name, column in run.numbers.items()},
        statuses=run.statuses[indices],
        violated={name: checks for name, checks in run.violated.items() if name in names},
        # Counted again: the page must not report violations of features that it doesn't show
        violations=sum(len(checks) for name, checks in run.violated.items() if name in names),
        shares=None if run.shares is None else run.shares[indices],
        outcome=run.outcome if run.outcome is None else _judge_statuses(run.statuses[indices]),
        violation_results=tuple(violation_results),
    )


def _judge_statuses(statuses: NDArray[np.uint8]) -> Outcome:
    if VIOLATED in statuses:
        return Outcome.CHANGED
    if UNSURE in statuses:
        return Outcome.CANNOT_TELL
    return Outcome.UNCHANGED


def _read_baselines(history: History) -> dict[str, PastRun]:
    """The baselines by their runs' ids, if their folders can be read from here."""
    # Most runs share one baseline, which is read once; None is stored, too, so that it isn't tried again
    runs: dict[str, PastRun | None] = {}
    for series in history.series:
        for run in series.runs.values():
            if run.identity.baseline_run_id and run.identity.baseline_run_id not in runs:
                runs[run.identity.baseline_run_id] = _read_baseline_run(run)
    return {run_id: run for run_id, run in runs.items() if run is not None}


def _read_baseline_run(run: PastRun) -> PastRun | None:
    reference = _read_reference(run.identity.folder)
    if reference is None or not reference.folder:
        return None
    try:
        return read_run(find_output_path(reference.folder))
    except (BadDocument, BadInput):
        return None


def _find_outputs(history: History) -> frozenset[str]:
    """The outputs of the models, if the constraints of their baselines can be read."""
    output_names: set[str] = set()
    for series in history.series:
        # The last run's baseline decides: the roles of features don't change from window to window
        reference = _read_reference(series.last[1].identity.folder)
        if reference is not None and reference.folder and series.analysis_type == "DATA_QUALITY":
            constraints = _read_published(find_output_path(reference.folder), Constraints)
            output_names |= (
                {feature.name for feature in constraints.features if feature.role is FeatureRole.PREDICTION}
                if constraints
                else set()
            )
    return frozenset(output_names)


def _read_published(folder: str, kind: type[DocumentType]) -> DocumentType | None:
    """A document of the current run in a folder; None if it has none that can be read."""
    run = read_current_run(folder)
    try:
        return read_document(run, kind) if run else None
    except (BadDocument, BadInput):
        return None


def _read_reference(folder: str) -> BaselineReference | None:
    """The baseline that the current run in a folder names; None likewise."""
    run = read_current_run(folder)
    try:
        return read_baseline_reference(run) if run else None
    except (BadDocument, BadInput):
        return None


def _parse_time(text: str | None, flag: str) -> datetime | None:
    if text is None:
        return None
    # Python 3.10 doesn't read the Z of UTC
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadConfiguration(f"{flag} is {text!r}; write a time such as 2026-03-01 or 2026-03-01T06:00:00Z") from None
    if moment.tzinfo:
        return moment
    return moment.replace(tzinfo=timezone.utc)


def _parse_size(text: str) -> int:
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise BadConfiguration(f"--max-size is {text!r}; write a size such as 5MB")
    # Powers of 1000, as for the sizes of mails and disks
    return int(float(match[1]) * _POWER[match[2].upper()])
