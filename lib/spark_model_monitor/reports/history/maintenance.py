"""Deletes files that are no longer needed, and rebuilds history.parquet from the states of runs."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any, TypeVar

from spark_model_monitor.data.records.windows import HOUR, parse_hour_of_path, parse_time
from spark_model_monitor.documents.check_results import CheckResults
from spark_model_monitor.documents.outcome import find_unsure_features
from spark_model_monitor.documents.run_description import RunDescription, format_moment
from spark_model_monitor.errors import MESSAGE, BadConfiguration, BadInput, MonitorError, OutputHeld
from spark_model_monitor.monitors.data_quality.baseline.quality_baseline import QualityBaseline
from spark_model_monitor.monitors.data_quality.checks.drift.seasonal_drift import (
    find_accepted_features,
    find_lost_examples,
)
from spark_model_monitor.reports.history.baseline_extension import extend_baseline
from spark_model_monitor.reports.history.baselines import (
    HOUR_LEVELS,
    list_hours_from_latest,
    read_file_baseline,
    read_run_baseline,
)
from spark_model_monitor.reports.history.decisions import read_decisions
from spark_model_monitor.reports.history.history_file import WindowEntry, WindowHistory, write_history
from spark_model_monitor.reports.history.state_files import PROFILE, decode_state_file
from spark_model_monitor.reports.outputs.run_files import (
    CURRENT,
    HOUR_FOLDERS,
    PAGE,
    RUNS,
    UNFINISHED,
    Run,
    note_unfinished,
    read_baseline_reference,
    read_document,
    read_intact_run,
    read_run_file,
    remove_from_commit,
    restore_output,
)
from spark_model_monitor.storage import StoredFile, exists, get_storage, hold, is_local, join, local_path, remove
from spark_model_monitor.storage.lease import PREFIX, WAIT
from spark_model_monitor.value_class import value_class

log = logging.getLogger(__name__)


def rebuild_history(folder: str) -> WindowHistory:
    """Write the history of the monitoring runs in the hour folders below `folder`, from their states.

    A run whose baseline or states are gone is left out with a warning. Raises BadInput if there is no run.
    """
    history = WindowHistory(folder)
    baselines: dict[str | None, QualityBaseline] = {}
    with hold(folder):
        # The oldest first: each window is compared with the windows before it, as when it ran
        for hour in reversed([*list_hours_from_latest(folder)]):
            path = join(folder, hour.lstrip("/"))
            run = read_intact_run(path)
            if run is None or PROFILE not in run.digests:
                continue
            try:
                history = _add_run(history, run, path, baselines)
            # If a run can't be read, only its window is missing from the history
            except MonitorError as error:
                log.warning("%s: is left out of the history: %s", path, error)
        # Writing an empty history would hide that the user named a wrong folder
        if not history.table.num_rows:
            raise BadInput(f"{folder}: has no monitoring run of data quality in hour folders below it")
        # Accepted alarms aren't in the states, so decisions are applied again
        for decision in read_decisions(folder):
            history = history.mark_accepted(decision.window or "", decision.features)
        write_history(history)
    log.info("the history of %s has %d windows", folder, len(history.entries))
    return history


def _add_run(
    history: WindowHistory, run: Run, path: str, baselines: dict[str | None, QualityBaseline]
) -> WindowHistory:
    """The history with the window of a run. path: its output path. baselines: by id, those that are read already."""
    reference = read_baseline_reference(run)
    description = read_document(run, RunDescription)
    if reference is None or description is None:
        raise BadInput("it does not say which baseline it was compared with")
    # Several runs share a baseline, which is read and decoded once
    baseline_id = reference.run_id or reference.constraints
    if baseline_id not in baselines:
        if reference.folder is not None:
            baselines[baseline_id] = read_run_baseline(reference.folder)
        else:
            baselines[baseline_id] = read_file_baseline(reference.constraints or "", reference.statistics)
    # The window that the run names, or the hour of its folder
    name = time = ""
    if description.window:
        name = f"{description.window.start}/{description.window.end}"
        time = description.window.end
    elif hour_start := parse_hour_of_path(join(path, "")):
        name = time = format_moment(hour_start)
    # The path is relative, so that the tree of folders can be moved
    relative_path = path.removeprefix(join(history.folder, ""))
    entry = WindowEntry(time, name, run.run_id, relative_path, str(baseline_id), bool(description.violations))
    return _add_window(history, entry, baselines[baseline_id], run)


def _add_window(history: WindowHistory, entry: WindowEntry, baseline: QualityBaseline, run: Run) -> WindowHistory:
    """The history with a window, whose statistics are computed from the states of its run."""
    state: Any = decode_state_file(read_run_file(run, PROFILE), join(run.folder, PROFILE))
    # The baseline knows the windows before this one, as when the run was made
    extended_baseline = extend_baseline(history, baseline, entry.time, entry.baseline)
    checks = read_document(run, CheckResults)
    # A run without results had no alarms
    if checks is None:
        return history.with_window(entry, extended_baseline.raw_statistics(state))
    # The outcomes come from the run, because this release might judge differently
    violated = find_lost_examples(checks.checks)
    unsure_features = find_unsure_features(checks.checks)
    unsure = {feature.name for feature in unsure_features}
    possibly_changed = {feature.name for feature in unsure_features if feature.possible_change}
    statistics = extended_baseline.raw_statistics(state, violated, None, unsure, possibly_changed)
    history = history.with_window(entry, statistics)
    accepted = find_accepted_features(checks.checks)
    if not accepted:
        return history
    return history.mark_accepted(entry.window, accepted)


Listed = TypeVar("Listed")

QUARANTINE = "quarantine"
PENDING = "pending"
STATES = "states"

_RUN_FOLDER = re.compile(rf"{RUNS}/[^/]*/")
_PENDING_HOUR = re.compile(r".*/(\d{4}-\d\d-\d\dT\d\d)\.jsonl")


class PrunableKind(Enum):
    """What can be pruned; the value is its name for users."""

    CAPTURES = "captures"
    MERGED = "merged"
    QUARANTINE = "quarantine"
    PENDING = "pending"
    PAGES = "pages"
    STATES = "states"
    WINDOWS = "windows"


HOUR_FOLDER_KINDS = (PrunableKind.CAPTURES, PrunableKind.MERGED, PrunableKind.WINDOWS)  # whole folders `yyyy/mm/dd/hh`

RUN_FILE_KINDS = (PrunableKind.PAGES, PrunableKind.STATES)
"""Files, or folders of files, that the commit of a run names until they are deleted."""


@value_class
class Prunable:
    """A file or folder that can be pruned, with all the files in it.

    time: the time from which its age counts. output: the output path of the runs that wrote it; None for captures.
    """

    kind: PrunableKind
    path: str
    time: datetime
    files: int
    size_bytes: int
    output: str | None = None


@value_class
class PruneSelection:
    """What to prune, and where.

    Attributes
    ----------
    captures: Folders of captures.
    merged: Output paths of merges.
    reports: Output paths of runs, or folders above them.
    pages: Whether to prune the pages of runs in hour folders.
    keep_windows: The number of latest runs of each schedule to keep; older runs are pruned with all files. None: all.
    may_empty: Whether a schedule may lose all its runs.
    """

    captures: Sequence[str] = ()
    merged: Sequence[str] = ()
    reports: Sequence[str] = ()
    pages: bool = False
    keep_windows: int | None = None
    may_empty: bool = False


def find_prunable(trees: PruneSelection, before: datetime) -> list[Prunable]:
    """Everything in these trees that ended before a time. Without a Spark session, paths must be on this machine.

    Raises BadInput for an absent folder, BadConfiguration if a folder of captures or merged records has runs, or if a schedule
    would lose all its runs.
    """
    candidates: list[Prunable] = []
    for path in trees.captures:
        candidates += _find_hours(PrunableKind.CAPTURES, path)
    for path in trees.merged:
        candidates += _find_merge_files(path)
    for path in trees.reports:
        candidates += _find_quarantines(path)
    # Runs are only looked for on request: listing years of hours takes long in an object store
    if trees.pages or trees.keep_windows is not None:
        for path in trees.reports:
            candidates += _find_runs(trees, path, before)
    prunables = [candidate for candidate in candidates if candidate.time <= before]
    # Items inside a window that is pruned as a whole are not listed separately
    window_folders = tuple(join(prunable.path, "") for prunable in prunables if prunable.kind is PrunableKind.WINDOWS)
    return [prunable for prunable in prunables if not prunable.path.startswith(window_folders)]


def prune(prunables: Sequence[Prunable], *, outputs: Sequence[str] = ()) -> None:
    """Delete the listed files and folders, and the folders of days, months and years that become empty.

    outputs: paths; at and below them, a prune that was killed is finished, and hour folders of stopped runs are cleaned up.
    Raises OutputHeld if a run holds an output path for longer than the wait.
    """
    for output_path, group in groupby(prunables, attrgetter("output")):
        _prune_output(output_path, list(group))
    for top in outputs:
        _finish_stopped_prunes(top)
    log.info("deleted %d folders and files", len(prunables))


def _prune_output(output_path: str | None, prunables: Sequence[Prunable], wait: timedelta = WAIT) -> None:
    # The output is held, so that no run reads or writes these files meanwhile; captures have no output
    with hold(output_path, wait) if output_path else nullcontext():
        # The commit is changed before the files are deleted: if this process is killed between, the commit names no deleted file
        if output_path:
            files = [prunable.path for prunable in prunables if prunable.kind in RUN_FILE_KINDS]
            # The names in the commit, without the folder of a run
            names = {_RUN_FOLDER.sub("", _name_below(output_path, path)) for path in files}
            remove_from_commit(names, output_path)
        for prunable in prunables:
            _delete(prunable)
    # The folder of a window becomes empty only when the lease in it is deleted, too
    for prunable in prunables:
        if prunable.kind in HOUR_FOLDER_KINDS:
            _delete_if_empty(prunable.path)


def _name_below(hour_folder: str, path: str) -> str:
    """The name of a listed file relative to an hour folder. Listings have absolute paths, even if the folder is relative."""
    hour = "/".join(hour_folder.split("/")[-HOUR_LEVELS:])
    return path.rpartition(f"{hour}/")[2]


def _finish_stopped_prunes(top: str) -> None:
    """Clean up outputs at and below a folder whose run or prune was killed. The next run would do this, but an hour folder may
    never get another run.
    """
    if not exists(top):
        return
    files = get_storage(top).walk(top, hidden=True)
    # A killed process leaves its lease, and a note of what it was publishing
    notes = [file.path for file in files if file.name.startswith((PREFIX, f".{PREFIX}", UNFINISHED))]
    for folder in sorted({path.rpartition("/")[0].removesuffix(f"/{RUNS}") for path in notes}):
        # Taking the lease cleans up. There is no wait, because an output that a living run holds needs no clean-up
        with suppress(OutputHeld), hold(folder, timedelta(0)):
            if HOUR_FOLDERS.match(folder):
                restore_output(folder)
    _delete_empty_hours(top)


def _delete_empty_hours(top: str) -> None:
    """Delete folders of hours, days, months and years that a killed prune has emptied. Object stores have no empty folders."""
    if not is_local(top):
        return
    for folder in [*_list_unless_gone(_list_folders, top)]:
        is_hour = parse_hour_of_path(join(folder, "")) is not None
        if not is_hour:
            _delete_empty_hours(folder)
        if is_hour or DATE_FOLDER.fullmatch(folder.rpartition("/")[2]):
            # The innermost folder comes first. rmdir refuses a folder with files, so no file is lost
            for inner, _, _ in os.walk(local_path(folder), topdown=False):
                _delete_if_no_file(inner)


DATE_FOLDER = re.compile(r"\d{4}|\d{2}")  # a year, or a month or a day


def count_totals(prunables: Sequence[Prunable]) -> Mapping[PrunableKind, tuple[int, int]]:
    """By kind: the number of files and their bytes."""
    totals = dict.fromkeys(PrunableKind, (0, 0))
    for prunable in prunables:
        files, size_bytes = totals[prunable.kind]
        totals[prunable.kind] = files + prunable.files, size_bytes + prunable.size_bytes
    return totals


def _find_hours(kind: PrunableKind, top: str) -> Iterator[Prunable]:
    for folder, hour in _list_hour_folders(top):
        # If the user named the wrong folder, somebody's runs would be deleted
        if exists(join(folder, CURRENT)):
            raise BadConfiguration(
                f"{folder}: is the output path of a run, not an hour of {kind.value}; name the folder above it by --reports"
            )
        output = top if kind is PrunableKind.MERGED else None
        yield _create_item(kind, folder, hour + HOUR, [*_list_unless_gone(get_storage(top).list_files, folder)], output)


def _find_merge_files(top: str) -> Iterator[Prunable]:
    yield from _find_hours(PrunableKind.MERGED, top)
    yield from _find_quarantines(top)
    folder = join(top, PENDING)
    for file in get_storage(folder).list_files(folder) if exists(folder) else ():
        named = _PENDING_HOUR.fullmatch(file.path)
        if named is not None and (hour := parse_time(f"{named[1]}:00:00")) is not None:
            yield _create_item(PrunableKind.PENDING, file.path, hour + HOUR, [file], top)


def _find_quarantines(top: str) -> Iterator[Prunable]:
    """The quarantines at and below a folder. A quarantine's time is the hour of an hourly output path, or that of its youngest
    file.
    """
    for folder in _list_folders(top):
        if folder.rpartition("/")[2] != QUARANTINE:
            yield from _list_unless_gone(_find_quarantines, folder)
            continue
        files = [*_list_unless_gone(get_storage(folder).list_files, folder)]
        hour = parse_hour_of_path(folder)
        # An empty quarantine gets the time 1970, so that it can be deleted
        youngest_seconds = max((file.modified_ms for file in files), default=0) / 1000
        time = hour + HOUR if hour else datetime.fromtimestamp(youngest_seconds, timezone.utc)
        yield _create_item(PrunableKind.QUARANTINE, folder, time, files, top)


def _list_hour_folders(top: str) -> Iterator[tuple[str, datetime]]:
    for folder in _list_folders(top):
        hour = parse_hour_of_path(join(folder, ""))
        if hour is None:
            yield from _list_unless_gone(_list_hour_folders, folder)
        else:
            yield folder, hour


def _list_folders(top: str) -> Iterator[str]:
    """The folders in a folder, without links, because the user didn't name the links' targets."""
    for name in get_storage(top).list_folders(top):
        folder = join(top, name)
        if not (is_local(folder) and local_path(folder).is_symlink()):
            yield folder


def _list_unless_gone(list_folder: Callable[[str], Iterable[Listed]], folder: str) -> Iterator[Listed]:
    """The items that `list_folder` finds in a folder; no items if another prune has deleted the folder meanwhile."""
    try:
        yield from list_folder(folder)
    except BadInput:
        if exists(folder):
            raise


def _create_item(
    kind: PrunableKind, path: str, time: datetime, files: Sequence[StoredFile], output: str | None
) -> Prunable:
    return Prunable(kind, path, time, len(files), sum(file.size_bytes for file in files), output)


def _find_runs(trees: PruneSelection, top: str, before: datetime) -> Iterator[Prunable]:
    """The pages of runs in hour folders, and runs that are not among the latest of their schedule."""
    schedules: dict[str, list[tuple[datetime, str]]] = {}
    for folder, hour in _list_hour_folders(top):
        if _has_run(folder):
            # The folder above yyyy/mm/dd/hh
            schedule = folder.rsplit("/", HOUR_LEVELS)[0]
            schedules.setdefault(schedule, []).append((hour, folder))
    for schedule, runs in schedules.items():
        latest_first = sorted(runs, reverse=True)
        newest, _ = latest_first[0]
        # A mistake, such as a computer's clock that is ahead, must not delete all runs
        if trees.keep_windows == 0 and newest <= before and not trees.may_empty:
            raise BadConfiguration(
                f"{schedule}: all {len(runs)} windows would go, the newest of {format_moment(newest)}; keep the newest by "
                "--keep-windows 1, correct the time by --now, or write --all if the model is retired"
            )
        # Windows beyond the number to keep are pruned as a whole; the windows to keep lose at most their pages
        keep_count = trees.keep_windows
        if keep_count is None:
            keep_count = len(runs)
        for hour, folder in latest_first[keep_count:]:
            yield from _find_in_run(PrunableKind.WINDOWS, folder, hour)
        for hour, folder in latest_first[:keep_count] if trees.pages else ():
            yield from _find_in_run(PrunableKind.PAGES, folder, hour)


def _has_run(folder: str) -> bool:
    """Whether a run was published in an hour folder, or a prune that was killed has left a part of a run there."""
    list_unfinished = partial(get_storage(folder).list_by_prefix, start=UNFINISHED)
    return exists(join(folder, CURRENT)) or any(_list_unless_gone(list_unfinished, folder))


def _find_in_run(kind: PrunableKind, folder: str, hour: datetime) -> Iterator[Prunable]:
    """The items of one kind in the hour folder of a run: windows, pages or states."""
    files = [*_list_unless_gone(_list_run_files, folder)]
    if kind is PrunableKind.WINDOWS:
        yield _create_item(kind, folder, hour, files, folder)
    elif kind is PrunableKind.PAGES:
        for file in files:
            if file.name == PAGE:
                yield _create_item(kind, file.path, hour, [file], folder)
    else:
        names = [_name_below(folder, file.path) for file in files]
        state_folders = {STATES} | {name.rpartition("/")[0] for name in names}
        for name in sorted(state_folders):
            path = join(folder, name)
            if name.rpartition("/")[2] == STATES and exists(path):
                states = [file for file in files if _name_below(folder, file.path).startswith(f"{name}/")]
                yield _create_item(kind, path, hour, states, folder)


MAX_HOURS_AT_ONCE = 48
"""Hours of a schedule that one pass empties. Two days an hour keep a pass short, and delete years within some days."""


def expire(kind: PrunableKind, top: str, start: datetime | None, before: datetime) -> datetime:
    """Delete windows, pages or states of runs in the hour folders right below `top`: the oldest first, and at most
    `MAX_HOURS_AT_ONCE` hours in one call.

    start: the first hour to look at; None: the oldest. Returns the hour at which the next call continues, at most `before`.
    Raises the errors of `prune`, except that it returns at a window that another process holds.
    """
    if not exists(top):
        return before
    num_expired = 0
    for folder, hour in _list_hours_between(top, start, before):
        expired: list[Prunable] = []
        # An hour folder with other files doesn't belong to a monitor, so it isn't emptied
        if _has_run(folder) or (kind is PrunableKind.WINDOWS and _has_only_remains(folder)):
            expired = [*_find_in_run(kind, folder, hour)]
        if not expired:
            continue
        # Further hours are left to the next pass
        if num_expired == MAX_HOURS_AT_ONCE:
            return hour
        # A window that another process holds is left to the next pass
        try:
            _prune_output(folder, expired, timedelta(0))
        except OutputHeld:
            return hour
        num_expired += 1
    return before


def _has_only_remains(folder: str) -> bool:
    """Whether an hour folder is empty, or has only files that a failed run leaves."""
    for file in _list_unless_gone(_list_run_files, folder):
        name = _name_below(folder, file.path)
        # A failed run leaves its message and perhaps a quarantine
        if name != MESSAGE and not name.startswith((PREFIX, f"{QUARANTINE}/")):
            return False
    return True


def _list_hours_between(
    top: str, start: datetime | None, before: datetime, below: str = ""
) -> Iterator[tuple[str, datetime]]:
    """The folders `yyyy/mm/dd/hh` right below `top` from one hour up to another, in order of time. Deletes empty folders of days,
    months and years that it meets.
    """
    first = f"{start:/%Y/%m/%d/%H}" if start else ""
    last = f"{before:/%Y/%m/%d/%H}"
    for name in [*_list_unless_gone(get_storage(top).list_folders, top + below)]:
        path = f"{below}/{name}"
        # Sorted as texts, the names of years, months, days and hours are in order of time
        if not DATE_FOLDER.fullmatch(name) or not first[: len(path)] <= path <= last[: len(path)]:
            continue
        folder = top + path
        if path.count("/") < HOUR_LEVELS:
            yield from _list_hours_between(top, start, before, path)
            _delete_if_no_file(folder)
            continue
        hour = parse_hour_of_path(join(folder, ""))
        if hour is not None and hour < before:
            yield folder, hour


def _delete_if_no_file(folder: str) -> None:
    """Delete a folder without files. Object stores have no empty folders."""
    if is_local(folder):
        with suppress(OSError):
            os.rmdir(local_path(folder))


def _list_run_files(folder: str) -> list[StoredFile]:
    """All files of a run, including files in a hidden folder, in the order of their deletion: the commit comes first, notes of
    unfinished work come last.
    """

    def rank(file: StoredFile) -> tuple[bool, bool, str]:
        return file.name.startswith(UNFINISHED), file.name != CURRENT, file.path

    return sorted(get_storage(folder).walk(folder, hidden=True), key=rank)


def _delete(item: Prunable) -> None:
    """Delete an item, except the lease in the folder of a run."""
    if item.kind is not PrunableKind.WINDOWS:
        remove(item.path)
        return
    # If this process is killed, the next prune finds the remaining files by this note
    run = read_intact_run(item.path)
    if run is not None:
        note_unfinished(run, item.path)
    # The lease is deleted when it is released
    for file in _list_run_files(item.path):
        if not file.name.startswith(PREFIX):
            remove(file.path)


def _delete_if_empty(hour: str) -> None:
    """Delete the folder of an hour if it has no files, then the folders of its day, month and year if they are empty."""
    folder = hour
    for _ in range(HOUR_LEVELS):
        if exists(folder):
            if any(_list_unless_gone(partial(get_storage(folder).walk, hidden=True), folder)):
                return
            remove(folder)
        folder = folder.rpartition("/")[0]
