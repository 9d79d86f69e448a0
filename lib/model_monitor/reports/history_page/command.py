"""`model-monitor report`: the page of one run, or of the history of many."""

from __future__ import annotations

import fnmatch
import os
import re
import time
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import TextIO

from model_monitor.documents.check_results import CheckResult, CheckResults, whose
from model_monitor.documents.document import DocumentType
from model_monitor.documents.run_description import BaselineReference
from model_monitor.errors import BadConfiguration, BadDocument, BadInput
from model_monitor.reports.history_page.history import History, Series, read_history
from model_monitor.reports.history_page.page import Shares, page_of
from model_monitor.reports.history_page.past_run import PastRun, read_run
from model_monitor.reports.outputs.files import current_run
from model_monitor.reports.page.files import Report
from model_monitor.storage import join, storage_of

MOST_BYTES = "5MB"
OUTPUT = "history.html"

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)B?", re.IGNORECASE)
_POWER = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9}


@dataclass(frozen=True)
class Request:
    """What the page is to show. folders: output paths, or folders above them. since, until: ISO 8601, of the windows' starts.
    last: how many windows. features: patterns of names, all if there is none.
    """

    folders: Sequence[str]
    since: str | None = None
    until: str | None = None
    last: int | None = None
    features: Sequence[str] = ()
    title: str | None = None
    most_bytes: str = MOST_BYTES


def report_of(request: Request) -> Report:
    """The page of the runs at and below some folders.

    Raises BadInput if there is none, BadConfiguration for a time or a size that can't be read.
    """
    return _report(_history(request), request)


def report(
    *folders: str | os.PathLike[str],
    since: str | None = None,
    until: str | None = None,
    last: int | None = None,
    features: Sequence[str] = (),
    title: str | None = None,
    max_size: str = MOST_BYTES,
) -> Report:
    """The history of many runs as one page, which a notebook shows.

    Parameters
    ----------
    folders : str or os.PathLike
        Output paths of runs, or folders above their hour folders; of this package or of the service.
    since, until : str, optional
        Only windows that start from this time on, and before this time: ISO 8601, UTC unless it says otherwise.
    last : int, optional
        Only so many windows, the latest ones.
    features : sequence of str, optional
        Patterns of names, such as ``"age*"``; all without one.
    title : str, optional
        What the page is called; by default the model.
    max_size : str, optional
        How large the page may be, such as ``"5MB"``. It says what is left out.

    Returns
    -------
    Report
        ``.save(path)`` writes it as one HTML file, ``.html`` is its text, ``.size`` its bytes.

    Raises
    ------
    BadInput
        If no run is there, or no name matches.
    BadConfiguration
        For a time or a size that can't be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from model_monitor import DataQualityMonitor, report, run_baseline, run_monitoring
    >>> baseline = run_baseline(pd.DataFrame({"items": [1, 3, 2]}), DataQualityMonitor())
    >>> later = pd.DataFrame({"items": [1, 2]})
    >>> _ = run_monitoring(later, DataQualityMonitor(), baseline).write("reports/2026/03/04/10")
    >>> report("reports", title="shop").page.title
    'shop'
    """
    given = [os.fspath(folder) for folder in folders]
    return report_of(Request(given, since, until, last, tuple(features), title, max_size))


def main(request: Request, output: str | None, out: TextIO, *, shown: bool = False) -> int:
    """Write the page and say where. output: by default history.html in the first folder. shown: open it in a browser."""
    started = time.monotonic()
    history = _history(request)
    report = _report(history, request)
    path = output or join(request.folders[0], OUTPUT)
    report.save(path)
    runs = sum(len(series.runs) for series in history.series)
    seconds = time.monotonic() - started
    out.write(f"{path}: {runs:,} runs in {len(history.windows):,} windows, {report.size:,} bytes, {seconds:.1f} s\n")
    if shown:
        webbrowser.open(Path(path).resolve().as_uri())
    return 0


def _history(request: Request) -> History:
    if request.last is not None and request.last < 1:
        raise BadConfiguration(f"--last is {request.last}; write how many windows, from 1 on")
    times = (_time(request.since, "--since"), _time(request.until, "--until"))
    found = read_history([folder.rstrip("/") or "/" for folder in request.folders], *times, request.last)
    if not request.features:
        return found
    series = tuple(_only(each, request.features) for each in found.series)
    kept = tuple(each for each in series if each.names)
    if not kept:
        raise BadInput(f"--features is {','.join(request.features)!r}, which no feature or metric matches")
    return replace(found, series=kept)


def _report(history: History, request: Request) -> Report:
    models = dict.fromkeys(run.model for series in history.series for run in series.runs.values() if run.model)
    title = request.title or (next(iter(models)) if len(models) == 1 else "Model monitoring")
    judged = [_judged(series, request.features) for series in history.series]
    return Report(page_of(history, title, _baselines(history), _bytes(request.most_bytes), judged))


def _judged(series: Series, patterns: Sequence[str]) -> list[CheckResult]:
    """What the checks of the last run say; nothing of runs that have no checks.json, or an older one."""
    found = _published(series.last[1].folder, CheckResults)
    results = found.checks if found else ()
    return [each for each in results if any(fnmatch.fnmatchcase(whose(each)[0], name) for name in patterns or ("*",))]


def _only(series: Series, patterns: Sequence[str]) -> Series:
    return replace(series, runs={place: _narrowed(run, patterns) for place, run in series.runs.items()})


def _narrowed(run: PastRun, patterns: Sequence[str]) -> PastRun:
    kept = [place for place, name in enumerate(run.names) if any(fnmatch.fnmatchcase(name, each) for each in patterns)]
    names = tuple(run.names[place] for place in kept)
    return replace(
        run,
        names=names,
        is_metric=run.is_metric[kept],
        numbers={name: column[kept] for name, column in run.numbers.items()},
        statuses=run.statuses[kept],
        violated={name: checks for name, checks in run.violated.items() if name in names},
        violations=sum(len(checks) for name, checks in run.violated.items() if name in names),
        shares=None if run.shares is None else run.shares[kept],
    )


def _baselines(history: History) -> Shares:
    """What features were like in the baselines, as far as their folders can be read from here."""
    found: dict[str, dict[str, list[float]]] = {}
    for series in history.series:
        for run in series.runs.values():
            if run.baseline_run_id and run.baseline_run_id not in found:
                found[run.baseline_run_id] = _baseline_of(run)
    return found


def _baseline_of(run: PastRun) -> dict[str, list[float]]:
    reference = _published(run.folder, BaselineReference)
    if reference is None or not reference.folder:
        return {}
    try:
        known = read_run(reference.folder.rpartition("/_runs/")[0])
    except (BadDocument, BadInput):
        return {}
    return {} if known.shares is None else {name: known.shares[place].tolist() for name, place in known.places.items()}


def _published(folder: str, kind: type[DocumentType]) -> DocumentType | None:
    """A document of the run that counts in a folder; None where it has none, or an older one."""
    run = current_run(folder)
    if run is None or kind.FILE_NAME not in run.digests:
        return None
    path = join(run.folder, kind.FILE_NAME)
    try:
        return kind.from_json(storage_of(path).read(path), path)
    except (BadDocument, BadInput):
        return None


def _time(text: str | None, flag: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise BadConfiguration(f"{flag} is {text!r}; write a time such as 2026-03-01 or 2026-03-01T06:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)


def _bytes(text: str) -> int:
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise BadConfiguration(f"--max-size is {text!r}; write a size such as 5MB")
    return int(float(found[1]) * _POWER[found[2].upper()])
