"""Reads the runs below some folders as a history, and draws the map of all features × all windows."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from itertools import compress, pairwise

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.data.records.windows import EPOCH, HOUR
from spark_model_monitor.documents.outcome import Outcome, find_worst_outcome
from spark_model_monitor.documents.page import Block, FeatureMap, format_number
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.progress import show_progress
from spark_model_monitor.reports.history_page.deequ_history import read_metrics_repository
from spark_model_monitor.reports.history_page.past_run import (
    COLUMNS,
    NO_STATUS,
    VIOLATED,
    PastRun,
    is_run,
    read_run,
    show_end_of_path,
)
from spark_model_monitor.statistics import Bytes, Doubles, Flags, Integers
from spark_model_monitor.storage import get_storage, join
from spark_model_monitor.value_class import value_class

MAX_INSERTED_WINDOWS = 5_000  # with more windows, no windows are inserted for missing runs
MAX_ROWS = 2_000  # most features on the map
DETAILED_WINDOWS = 24  # number of last windows whose distributions of all features are on the page
BINS = 22  # bins of a distribution on the page
NO_VALUE = 255  # the byte of a missing distance

Window = tuple[datetime, datetime]
WindowKey = tuple[datetime, datetime, str, str | None]  # start, end, kind of monitor, model


@value_class
class UnreadRun:
    """A run that isn't shown, and the reason: a sentence without values of records."""

    folder: str
    problem: str

    @property
    def path_end(self) -> str:
        return show_end_of_path(self.folder)


@value_class(slots=False)
class Series:
    """The runs of one kind of monitor of one model. runs: the runs, by the index of their window."""

    analysis_type: str
    windows: tuple[Window, ...]
    runs: Mapping[int, PastRun]
    model: str | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names that any run examined, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for run in sorted(self.runs) for name in self.runs[run].names))

    @cached_property
    def columns(self) -> dict[str, Doubles]:
        """By column, which is a name in COLUMNS or "status": its values, shape (names, windows).

        A missing number is NaN; the status without a run is NO_STATUS + 1.
        """
        shape = (len(self.names), len(self.windows))
        rows = {name: row for row, name in enumerate(self.names)}
        columns: dict[str, Doubles] = {name: np.full(shape, np.nan) for name in COLUMNS}
        # The status of a name without a check is NO_STATUS; in a window without a run it is NO_STATUS + 1
        columns["status"] = np.full(shape, NO_STATUS + 1.0)
        for column, run in self.runs.items():
            rows_of_run = np.array([rows[name] for name in run.names], np.int64)
            for name in COLUMNS:
                columns[name][rows_of_run, column] = run.numbers[name]
            columns["status"][rows_of_run, column] = run.statuses
        return columns

    @cached_property
    def is_violated(self) -> Flags:
        """Which names are violated in which windows, shape (names, windows)."""
        is_violated: Flags = self.columns["status"] == VIOLATED
        return is_violated

    @property
    def last_index(self) -> int:
        """The index of the latest window with a run."""
        return max(self.runs)

    @property
    def last_run(self) -> PastRun:
        return self.runs[self.last_index]

    @cached_property
    def is_metric(self) -> Flags:
        metrics: set[str] = set()
        for run in self.runs.values():
            metrics.update(compress(run.names, run.is_metric))
        return np.array([name in metrics for name in self.names], bool)

    def find_violation_start(self, row: int) -> int | None:
        """The first of the consecutive windows up to the last run that have a violation of a name; None if the last has none."""
        return find_trailing_start({index: bool(self.is_violated[row, index]) for index in self.run_indices})

    def list_values(self, column: str, row: int) -> tuple[float | None, ...]:
        """By window: the number of a name in a column; None if it has no number."""
        return tuple(None if math.isnan(number) else number for number in self.columns[column][row].tolist())

    def find_last_limit(self, row: int) -> float | None:
        """The threshold of a name in the latest window that has a threshold for it; None if no window has one."""
        limits = (limit for limit in reversed(self.list_values("threshold", row)) if limit is not None)
        return next(limits, None)

    @cached_property
    def run_indices(self) -> list[int]:
        """The indices of the windows with a run."""
        return sorted(self.runs)


@value_class(slots=False)
class History:
    """The runs below some folders.

    Attributes
    ----------
    windows: All windows in order of time, including inserted windows between runs.
    labels: The windows' names: the start in UTC, or the run's folder if no run has a window.
    series: A series of runs for each model and kind of monitor.
    unread: Runs that aren't shown.
    """

    windows: tuple[Window, ...]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unread: tuple[UnreadRun, ...] = ()

    @property
    def past_runs(self) -> list[PastRun]:
        """The runs of all series."""
        return [run for series in self.series for run in series.runs.values()]

    @property
    def has_models(self) -> bool:
        """Whether there are runs of several models."""
        return len({series.model for series in self.series}) > 1

    @cached_property
    def is_one_day(self) -> bool:
        """Whether all windows are on one day. Cached, because it is read for each window."""
        return len({label.rpartition(" ")[0] for label in self.labels}) == 1

    @cached_property
    def runs_by_window(self) -> list[list[PastRun]]:
        """By window: the runs of all monitors."""
        return [
            [series.runs[index] for series in self.series if index in series.runs] for index in range(len(self.windows))
        ]

    def count_violations(self) -> list[int | None]:
        """By window: the number of violations of all monitors together; None without a run, or if nothing was judged."""
        counts: list[int | None] = []
        for runs in self.runs_by_window:
            # A monitor that judged nothing adds nothing
            judged_counts = [run.violations for run in runs if run.outcome is not None]
            counts.append(sum(judged_counts) if judged_counts else None)
        return counts

    def list_outcomes(self) -> list[Outcome | None]:
        """By window: the worst outcome of all monitors together; None without a run, or if nothing was judged."""
        return [find_worst_outcome(run.outcome for run in runs) for runs in self.runs_by_window]

    def find_alert_start(self) -> int | None:
        """The index of the first of the consecutive windows with violations up to the last window; None if the last has none."""
        counts = enumerate(self.count_violations())
        return find_trailing_start({index: count > 0 for index, count in counts if count is not None})


def find_trailing_start(flags: dict[int, bool]) -> int | None:
    """The index of the first of the consecutive set flags at the end; None if the last flag isn't set. flags: by index."""
    start = None
    for index, flag in reversed(flags.items()):
        if not flag:
            break
        start = index
    return start


def read_run_history(
    folders: Sequence[str], since: datetime | None = None, until: datetime | None = None, last: int | None = None
) -> History:
    """The runs at and below the folders, and the data sets in files of Deequ's metrics repository.

    since, until: limits of the windows' starts. last: number of latest windows.

    Raises BadInput if there are no runs, BadDocument for a file that isn't a metrics repository.
    """
    all_runs, unread = _read_runs(folders)
    runs = []
    for run in all_runs:
        # A run without a window is within any limits
        start = run.identity.start
        if start is None or ((since is None or start >= since) and (until is None or start < until)):
            runs.append(run)
    # The error says whether there are no runs, no runs in these times, or only damaged runs
    if not runs:
        problem = "no run here"
        if all_runs:
            problem = f"none of the {len(all_runs)} runs here is of a window in these times"
        if unread:
            problem += f"; {len(unread)} can't be read, the first: {unread[0].problem}"
        raise BadInput(f"{', '.join(folders)}: {problem}")
    runs_by_key, left_out = _group_by_window(runs)
    labels = {}
    if runs_by_key:
        unread += left_out
    # If no run has a window, the runs get invented hours in order of their folders; the folders become the labels
    else:
        for index, run in enumerate(runs):
            start = EPOCH + index * HOUR
            labels[start, start + HOUR] = run.identity.folder.rpartition("/")[2]
            runs_by_key[start, start + HOUR, run.identity.analysis_type, run.identity.model] = run
    # Missing windows count, too, so that --last 24 is a day of hours even after an outage
    windows = _fill_gaps(sorted({(start, end) for start, end, *_ in runs_by_key}))
    if last is not None:
        windows = windows[-last:]
    indices = {window: index for index, window in enumerate(windows)}
    # One series for each monitor of each model, over the same windows
    runs_by_monitor: dict[tuple[str, str | None], dict[int, PastRun]] = {}
    for (start, end, kind, model), run in runs_by_key.items():
        if (start, end) in indices:
            runs_by_monitor.setdefault((kind, model), {})[indices[start, end]] = run
    series = [Series(kind, tuple(windows), runs, model) for (kind, model), runs in runs_by_monitor.items()]
    window_labels = tuple(labels.get(window, f"{window[0]:%Y-%m-%d %H:%M}") for window in windows)
    return History(tuple(windows), window_labels, tuple(series), tuple(unread))


def _read_runs(paths: Sequence[str]) -> tuple[list[PastRun], list[UnreadRun]]:
    """The runs at and below some paths, and the runs that can't be read."""
    runs = []
    unread = []
    run_folders: dict[str, None] = {}
    for path in paths:
        # A file is a metrics repository of Deequ; a folder has runs at or below it
        if is_file(path):
            runs += read_metrics_repository(path)
        else:
            run_folders |= dict.fromkeys(list_run_folders(path))
    for folder in show_progress(run_folders, len(run_folders), "runs"):
        try:
            runs.append(read_run(folder))
        # A damaged run is listed on the page of the other runs
        except MonitorError as fault:
            unread.append(UnreadRun(folder, str(fault).splitlines()[0]))
    return runs, unread


def _group_by_window(runs: Iterable[PastRun]) -> tuple[dict[WindowKey, PastRun], list[UnreadRun]]:
    """The last run of each monitor in each window, and the runs that are left out."""
    runs_by_key: dict[WindowKey, PastRun] = {}
    duplicates = []
    without_window = []
    for run in runs:
        identity = run.identity
        if not (identity.start and identity.end):
            without_window.append(UnreadRun(identity.folder, "is left out: the run has no window"))
            continue
        key = (identity.start, identity.end, identity.analysis_type, identity.model)
        # A window counts once for each monitor, even if several folders have it
        if key in runs_by_key:
            reason = f"is left out: {run.path_end} is of the same window"
            duplicates.append(UnreadRun(runs_by_key[key].identity.folder, reason))
        runs_by_key[key] = run
    return runs_by_key, duplicates + without_window


def is_file(path: str) -> bool:
    """Whether a path is a single file. Raises BadInput if nothing exists at the path."""
    storage = get_storage(path)
    # Listing folders is tried first, because it is quick; a walk lists all files of all runs
    if storage.list_folders(path):
        return False
    return [file.name for file in storage.walk(path)] == [path.rpartition("/")[2]]


def list_run_folders(top: str) -> Iterator[str]:
    """The folders at and below `top` in which a run was published.

    Raises BadInput if nothing exists at `top`.
    """
    if is_run(top):
        yield top
        return
    for name in get_storage(top).list_folders(top):
        yield from list_run_folders(join(top, name))


def _fill_gaps(windows: Sequence[Window]) -> list[Window]:
    """The windows and the missing windows between them, if all windows have the same length and period and none overlap."""
    first_start, first_end = windows[0]
    length = first_end - first_start
    period = min((later - start for (start, _), (later, _) in pairwise(windows)), default=timedelta(0))
    # Windows of different lengths, or windows that overlap, have no period
    if any(end - start != length for start, end in windows) or not timedelta(0) < length <= period:
        return list(windows)
    steps = [(start - first_start) / period for start, _ in windows]
    # The windows have to be whole numbers of periods apart. Two runs a decade apart must not give a page of all hours between
    if any(step != round(step) for step in steps) or steps[-1] >= MAX_INSERTED_WINDOWS:
        return list(windows)
    starts = [first_start + index * period for index in range(round(steps[-1]) + 1)]
    return [(start, start + length) for start in starts]


def create_feature_map(history: History, baselines: Mapping[str, PastRun], most_bytes: int) -> list[Block]:
    """The map of features × windows, with notes on what it leaves out; or one sentence if no run examined features."""
    all_series_of_features = [series for series in history.series if not series.is_metric.all()]
    if not all_series_of_features:
        if any(series.names for series in history.series):
            return ["Only metrics were looked at; the tables have them all."]
        return ["No file names what was looked at."]
    series = all_series_of_features[0]
    # If there are too many features, the most important ones are shown
    order = _sort_rows(series)
    rows = order[:MAX_ROWS]
    map_distances = np.where(series.is_metric[:, None], np.nan, series.columns["distance"])[rows]
    # A distance from 0 to 1 is a byte from 0 to 250; 251 to 254 are unused
    quantised = np.rint(np.clip(np.nan_to_num(map_distances), 0, 1) * 250)
    distances = np.where(np.isnan(map_distances), NO_VALUE, quantised).astype(np.uint8)
    # The distributions that fit into the page's size, with mean, median and share of missing values
    detailed, left_out = _select_detailed_cells(series, rows, most_bytes)
    shares, cell_numbers = _collect_cells(series, rows, detailed)
    # The mask is 1 for a cell with a distribution; the distributions are in the order of the cells
    mask = np.zeros((len(rows), len(history.windows)), np.uint8)
    for line, window in detailed:
        mask[line, window] = 1
    last_run = series.last_run
    baseline = baselines.get(last_run.identity.baseline_run_id or "")
    baseline_shares = np.zeros((len(rows), BINS), np.uint8)
    names = [series.names[row] for row in rows]
    for line, name in enumerate(names):
        # The baseline may lack a feature
        bin_shares = baseline.get_bin_shares(name) if baseline else None
        if bin_shares:
            scaled = _scale_to_255(np.array(bin_shares[:BINS], np.float32))
            baseline_shares[line, : len(scaled)] = scaled
    # A window without a run has no folder
    folders = [""] * len(history.windows)
    for index, run in series.runs.items():
        folders[index] = run.path_end
    # The numbers are packed as bytes in base64, because JSON of the same numbers would be ten times as large
    data = {
        "names": names,
        "times": list(history.labels),
        "distances": _pack_numbers(distances),
        "statuses": _pack_numbers(series.columns["status"][rows].astype(np.uint8)),
        "cells": _pack_numbers(mask),
        "shares": _pack_numbers(shares),
        "numbers": _pack_numbers(cell_numbers),
        "baseline": _pack_numbers(baseline_shares),
        "bins": [_format_ends(last_run.bins.get(name)) for name in names],
        "folders": folders,
    }
    # The notes say what is left out, and how to get it
    notes = []
    if len(order) > MAX_ROWS:
        notes.append(f"{len(order) - MAX_ROWS:,} more features, which were violated less, stand in the tables.")
    if left_out:
        notes.append(
            f"Distributions of {left_out:,} windows of features are left out to keep the page small; --max-size lets them in, "
            "--features chooses."
        )
    return [FeatureMap("Distance of each feature in each window", data), *notes]


def _sort_rows(series: Series) -> Integers:
    """The rows of features: first features violated now, then by number of violated windows, then by largest distance."""
    column = series.last_index
    with np.errstate(all="ignore"):
        distances = series.columns["distance"]
        largest = np.nan_to_num(np.where(np.isnan(distances), 0, distances).max(axis=1))
    features = np.flatnonzero(~series.is_metric)
    # lexsort sorts by the last key first
    keys = (-largest[features], -series.is_violated[features].sum(axis=1), ~series.is_violated[features, column])
    ordered: Integers = features[np.lexsort(keys)]
    return ordered


def _select_detailed_cells(series: Series, rows: Integers, most_bytes: int) -> tuple[list[tuple[int, int]], int]:
    """The cells (line of the map, window) whose distributions are on the page, and the number of cells without room.

    First come the last windows of all features, then all windows of violated features.
    """
    with_shares = [window_index for window_index in series.run_indices if series.runs[window_index].shares is not None]
    # Half of the page is for distributions, with one byte for each bin
    max_cells = max(most_bytes // 2, 0) // BINS
    candidates = [(line, index) for index in with_shares[-DETAILED_WINDOWS:] for line in range(len(rows))]
    violated = np.flatnonzero(series.is_violated[rows].any(axis=1)).tolist()
    candidates += [(line, index) for line in violated for index in with_shares[:-DETAILED_WINDOWS]]
    return sorted(candidates[:max_cells]), max(len(candidates) - max_cells, 0)


def _collect_cells(
    series: Series, rows: Integers, cells: Sequence[tuple[int, int]]
) -> tuple[Bytes, NDArray[np.float32]]:
    """For each cell: the shares of its bins in units of 1/255; and its mean, median and share of missing values."""
    # If a feature has fewer bins than BINS, the remaining shares stay 0
    shares = np.zeros((len(cells), BINS), np.uint8)
    numbers = np.full((len(cells), 3), np.nan, np.float32)
    rows_by_window = {window: run.index_by_name for window, run in series.runs.items()}
    shares_by_window = {
        window: _scale_to_255(run.shares) for window, run in series.runs.items() if run.shares is not None
    }
    # Looked up outside the loop, because each column is an array of all names and windows
    present, missing, mean, median = (series.columns[name] for name in ("present", "missing", "mean", "median"))
    for cell, (line, window) in enumerate(cells):
        row = int(rows[line])
        run_row = rows_by_window[window].get(series.names[row])
        # If the window's run lacks the feature, the cell stays empty
        if run_row is not None:
            window_shares = shares_by_window[window]
            shares[cell, : window_shares.shape[1]] = window_shares[run_row]
        total = present[row, window] + missing[row, window]
        # Without records the share of missing values is undefined
        share = missing[row, window] / total if total else np.nan
        numbers[cell] = mean[row, window], median[row, window], share
    return shares, numbers


def _scale_to_255(shares: NDArray[np.float32]) -> Bytes:
    return np.rint(np.clip(np.nan_to_num(shares), 0, 1) * 255).astype(np.uint8)


def _format_ends(bins: Sequence[object] | None) -> list[str]:
    """The labels at both ends of a drawing: for numbers the first and the last edge, for categories fixed words."""
    if bins and len(bins) == 2 and all(isinstance(end, (int, float)) for end in bins):
        return [format_number(float(end), 3) for end in bins]  # type: ignore[arg-type]
    return ["most frequent", "new"] if bins else []


def _pack_numbers(numbers: NDArray[np.generic]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(numbers).tobytes(), 9)).decode()
