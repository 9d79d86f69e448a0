"""The runs below some folders: windows over time, all features × all windows, and everything that was examined."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spark_model_monitor.documents.outcome import Outcome, find_worst_outcome
from spark_model_monitor.documents.page import Block, FeatureMap, format_number
from spark_model_monitor.errors import BadInput, MonitorError
from spark_model_monitor.progress import counted
from spark_model_monitor.reports.history_page.past_run import (
    COLUMNS,
    NONE,
    VIOLATED,
    PastRun,
    is_run,
    place_of,
    read_run,
)
from spark_model_monitor.storage import join, storage_of

MOST_GAPS = 5_000  # the most windows to insert between runs for missing ones

Window = tuple[datetime, datetime]


@dataclass(frozen=True)
class Unread:
    """A run that can't be read. problem: a sentence without values of records."""

    folder: str
    problem: str

    @property
    def place(self) -> str:
        return place_of(self.folder)


@dataclass(frozen=True)
class Series:
    """The runs of one kind of monitor of one model. runs: by the index of their window."""

    analysis_type: str
    windows: tuple[Window, ...]
    runs: Mapping[int, PastRun]
    model: str | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All names that any run examined, in the order of their first appearance."""
        return tuple(dict.fromkeys(name for run in sorted(self.runs) for name in self.runs[run].names))

    @cached_property
    def _columns(self) -> dict[str, NDArray[np.float64]]:
        """COLUMNS and "status", each an array names × windows."""
        shape = (len(self.names), len(self.windows))
        rows = {name: row for row, name in enumerate(self.names)}
        found: dict[str, NDArray[np.float64]] = {name: np.full(shape, np.nan) for name in COLUMNS}
        found["status"] = np.full(shape, NONE + 1.0)
        for column, run in self.runs.items():
            places = [rows[name] for name in run.names]
            for name in COLUMNS:
                found[name][places, column] = run.numbers[name]
            found["status"][places, column] = run.statuses
        return found

    def of(self, column: str) -> NDArray[np.float64]:
        """A column of the runs, names × windows: NaN without a number; for "status" NONE + 1 without a run."""
        return self._columns[column]

    @cached_property
    def is_violated(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = self.of("status") == VIOLATED
        return found

    @property
    def last(self) -> tuple[int, PastRun]:
        """The latest run and the index of its window."""
        place = max(self.runs)
        return place, self.runs[place]

    @cached_property
    def is_metric(self) -> NDArray[np.bool_]:
        metrics = {
            name for run in self.runs.values() for name, yes in zip(run.names, run.is_metric, strict=True) if yes
        }
        return np.array([name in metrics for name in self.names], bool)

    @property
    def violations(self) -> list[int | None]:
        """Number of violations by window; None without a run."""
        return [run.violations if (run := self.runs.get(place)) else None for place in range(len(self.windows))]

    def since(self, row: int) -> int | None:
        """The first of the consecutive windows up to the last run that violate a name; None if the last one doesn't."""
        return trailing(self.is_violated[row, self.ran].tolist(), self.ran)

    @cached_property
    def ran(self) -> list[int]:
        """The windows with a run."""
        return sorted(self.runs)


@dataclass(frozen=True)
class History:
    """windows: by time, including inserted ones between runs. labels: their names: the start in UTC, or the run's
    folder if no run has a window. series: by kind of monitor.
    """

    windows: tuple[Window, ...]
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unread: tuple[Unread, ...] = field(default=())

    @property
    def has_models(self) -> bool:
        """Whether there are runs of several models."""
        return len({series.model for series in self.series}) > 1

    def run_violations(self) -> list[int | None]:
        """Number of violations by window, of all monitors together; None without a run."""
        columns = [series.violations for series in self.series]
        return [
            None if all(n is None for n in each) else sum(n or 0 for n in each) for each in zip(*columns, strict=True)
        ]

    def run_outcomes(self) -> list[Outcome | None]:
        """The worst outcome by window, of all monitors together; None without a run, or if nothing was judged."""
        outcomes: list[Outcome | None] = []
        for position in range(len(self.windows)):
            runs = [series.runs[position] for series in self.series if position in series.runs]
            outcomes.append(find_worst_outcome(run.outcome for run in runs))
        return outcomes

    def alert_since(self) -> int | None:
        """The first of the consecutive windows with violations up to the last one; None if the last one has none."""
        counts = [(place, count) for place, count in enumerate(self.run_violations()) if count is not None]
        return trailing([bool(count) for _, count in counts], [place for place, _ in counts])


def trailing(flags: Sequence[bool], places: Sequence[int]) -> int | None:
    """The place of the first of the consecutive set flags at the end; None if the last is not set."""
    found = None
    for flag, place in zip(reversed(flags), reversed(places), strict=True):
        if not flag:
            break
        found = place
    return found


def read_history(
    folders: Sequence[str], since: datetime | None = None, until: datetime | None = None, last: int | None = None
) -> History:
    """The runs at and below the folders. since, until: limits of the windows' starts. last: number of latest windows.

    Raises BadInput if there are no runs.
    """
    runs = []
    unread = []
    places_of_runs = dict.fromkeys(run_folder for top in folders for run_folder in run_folders(top))
    for folder in counted(places_of_runs, len(places_of_runs), "runs"):
        try:
            run = read_run(folder)
        except MonitorError as fault:
            unread.append(Unread(folder, str(fault).splitlines()[0]))
            continue
        if run.start is None or ((since is None or run.start >= since) and (until is None or run.start < until)):
            runs.append(run)
    if not runs:
        if unread:
            damaged = f"; {len(unread)} can't be read, the first: {unread[0].problem}"
        else:
            damaged = ""
        other = len(places_of_runs) - len(unread)
        if other:
            found = f"none of the {other} runs here is of a window in these times"
        else:
            found = "no run here"
        raise BadInput(f"{', '.join(folders)}: {found}{damaged}")
    timed = {(run.start, run.end, run.analysis_type, run.model): run for run in runs if run.start and run.end}
    labels = None
    if not timed:
        labels = {_made_up(place): run.folder.rpartition("/")[2] for place, run in enumerate(runs)}
        timed = {(*_made_up(place), run.analysis_type, run.model): run for place, run in enumerate(runs)}
    else:
        unread += [
            Unread(run.folder, "is left out: the run has no window") for run in runs if not (run.start and run.end)
        ]
    windows = _filled(sorted({(start, end) for start, end, *_ in timed}))[-(last or 0) :]
    places = {window: place for place, window in enumerate(windows)}
    kinds: dict[tuple[str, str | None], dict[int, PastRun]] = {}
    for (start, end, kind, model), run in timed.items():
        if (start, end) in places:
            kinds.setdefault((kind, model), {})[places[start, end]] = run
    series = [Series(kind, tuple(windows), found, model) for (kind, model), found in kinds.items()]
    named = tuple(labels[window] if labels else f"{window[0]:%Y-%m-%d %H:%M}" for window in windows)
    return History(tuple(windows), named, tuple(series), tuple(unread))


def _made_up(place: int) -> Window:
    """A substitute window for a run without one, used if no run has one."""
    start = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(hours=place)
    return start, start + timedelta(hours=1)


def run_folders(top: str) -> Iterator[str]:
    """The folders at and below `top` in which a run was published.

    Raises BadInput if nothing exists at `top`.
    """
    if is_run(top):
        yield top
        return
    for name in storage_of(top).list_folders(top):
        yield from run_folders(join(top, name))


def _filled(windows: Sequence[Window]) -> list[Window]:
    """The windows, plus those missing between them, if all have one length and one rhythm and none overlap."""
    lengths = {end - start for start, end in windows}
    rhythm = min((later - start for (start, _), (later, _) in pairwise(windows)), default=timedelta(0))
    if len(lengths) != 1 or not rhythm >= (length := lengths.pop()) > timedelta(0):
        return list(windows)
    first = windows[0][0]
    steps = [(start - first) / rhythm for start, _ in windows]
    if any(step != round(step) for step in steps) or steps[-1] >= MOST_GAPS:
        return list(windows)
    return [(first + place * rhythm, first + place * rhythm + length) for place in range(round(steps[-1]) + 1)]


MOST_ROWS = 2_000
LAST = 24  # the last windows, which have distributions of all features on the page
BINS = 22
NO_VALUE = 255


def feature_map(
    found: Sequence[Series],
    times: Sequence[str],
    baselines: Mapping[str, PastRun],
    most_bytes: int,
) -> list[Block]:
    """The map of the monitor of features, and what it leaves out; only a sentence if no run examined features."""
    series = next((each for each in found if not each.is_metric.all()), None)
    if series is None:
        return ["Only metrics were looked at; the tables have them all."]
    order = _worst_first(series)
    rows = order[:MOST_ROWS]
    drawn = np.where(series.is_metric[:, None], np.nan, series.of("distance"))[rows]
    detailed, left_out = _detailed(series, rows, most_bytes)
    shares, means = _cells(series, rows, detailed)
    _, last = series.last
    known = baselines.get(last.baseline_run_id or "")
    data = {
        "names": [series.names[row] for row in rows],
        "times": list(times),
        "distances": _packed(_quantised(drawn)),
        "statuses": _packed(series.of("status")[rows].astype(np.uint8)),
        "cells": _packed(_mask(detailed, (len(rows), len(times)))),
        "shares": _packed(shares),
        "numbers": _packed(means),
        "baseline": _packed(
            np.array([_of_baseline(known.shares_of(series.names[row]) if known else None) for row in rows], np.uint8)
        ),
        "bins": [_ends(last.bins.get(series.names[row])) for row in rows],
        "folders": [run.place if (run := series.runs.get(place)) else "" for place in range(len(times))],
    }
    if len(order) > MOST_ROWS:
        said = [f"{len(order) - MOST_ROWS:,} more features, which were violated less, stand in the tables."]
    else:
        said = []
    if left_out:
        said.append(
            f"Distributions of {left_out:,} windows of features are left out to keep the page small; --max-size lets them in, "
            "--features chooses."
        )
    return [FeatureMap("Distance of each feature in each window", data), *said]


def _worst_first(series: Series) -> NDArray[np.int64]:
    """Rows: names violated now, then those violated in most windows, then those with the largest distance."""
    column, _ = series.last
    with np.errstate(all="ignore"):
        largest = np.nan_to_num(np.where(np.isnan(series.of("distance")), 0, series.of("distance")).max(axis=1))
    features = np.flatnonzero(~series.is_metric)
    keys = (-largest[features], -series.is_violated[features].sum(axis=1), ~series.is_violated[features, column])
    ordered: NDArray[np.int64] = features[np.lexsort(keys)]
    return ordered


def _detailed(series: Series, rows: NDArray[np.int64], most_bytes: int) -> tuple[list[tuple[int, int]], int]:
    """The cells (line of the map, window) whose distributions are on the page: the last windows of all features, then
    all windows of violated ones, as space permits; and the number of cells left out."""
    ran = sorted(series.runs)
    with_shares = [place for place in ran if series.runs[place].shares is not None]
    recent = set(with_shares[-LAST:])
    room = max(most_bytes // 2, 0) // BINS
    wanted = [(line, index) for index in with_shares if index in recent for line in range(len(rows))]
    violated = np.flatnonzero(series.is_violated[rows].any(axis=1)).tolist()
    wanted += [(line, index) for line in violated for index in with_shares if index not in recent]
    return sorted(wanted[:room]), max(len(wanted) - room, 0)


def _mask(cells: Sequence[tuple[int, int]], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """1 for each cell with a distribution; the distributions follow in this order."""
    found = np.zeros(shape, np.uint8)
    for line, place in cells:
        found[line, place] = 1
    return found


def _cells(
    series: Series, rows: NDArray[np.int64], cells: Sequence[tuple[int, int]]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """For each cell the shares, in units of 1/255, and mean, median and share of missing values."""
    shares = np.zeros((len(cells), BINS), np.uint8)
    numbers = np.full((len(cells), 3), np.nan, np.float32)
    places = {place: run.places for place, run in series.runs.items()}
    parts = {place: _of_255(run.shares) for place, run in series.runs.items() if run.shares is not None}
    present, missing, mean, median = (series.of(name) for name in ("present", "missing", "mean", "median"))
    for cell, (line, place) in enumerate(cells):
        row = int(rows[line])
        of_row = places[place].get(series.names[row])
        if of_row is not None:
            shares[cell, : parts[place].shape[1]] = parts[place][of_row]
        total = present[row, place] + missing[row, place]
        share = missing[row, place] / total if total else np.nan
        numbers[cell] = mean[row, place], median[row, place], share
    return shares, numbers


def _of_baseline(shares: Sequence[float] | None) -> NDArray[np.uint8]:
    found = np.zeros(BINS, np.uint8)
    if shares:
        found[: len(shares)] = _of_255(np.array(shares[:BINS], np.float32))
    return found


def _of_255(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(np.clip(np.nan_to_num(shares), 0, 1) * 255).astype(np.uint8)


def _ends(bins: Sequence[object] | None) -> list[str]:
    """The labels at the ends of a drawing."""
    if bins and len(bins) == 2 and all(isinstance(end, (int, float)) for end in bins):
        return [format_number(float(end), 3) for end in bins]  # type: ignore[arg-type]
    return ["most frequent", "new"] if bins else []


def _quantised(distances: NDArray[np.float64]) -> NDArray[np.uint8]:
    """0 to 250 for a distance from 0 to 1."""
    found = np.rint(np.clip(np.nan_to_num(distances), 0, 1) * 250)
    return np.where(np.isnan(distances), NO_VALUE, found).astype(np.uint8)


def _packed(numbers: NDArray[np.generic]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(numbers).tobytes(), 9)).decode()
