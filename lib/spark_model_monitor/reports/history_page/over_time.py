"""Numbers over windows: draws a history as bars, lines and strips over time, and reads the hours around a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from spark_model_monitor.data.records.windows import HOUR_NAME, parse_hour_of_path
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import (
    NO_NEIGHBOUR_RUNS,
    Highlight,
    Hours,
    NeighbourRuns,
    Track,
    Tracks,
    format_count,
    format_noun_count,
    format_number,
)
from spark_model_monitor.documents.run_description import RunDescription, parse_moment
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.reports.history_page.history import History, Series, Window
from spark_model_monitor.reports.history_page.past_run import Numbers, PastRun, parse_summary
from spark_model_monitor.reports.outputs.result_tables import SUMMARY
from spark_model_monitor.reports.outputs.run_files import HOUR_FOLDERS, PAGE
from spark_model_monitor.storage import exists, join, read_file

MAX_METRIC_TRACKS = 2  # most metrics of each monitor that are drawn over time, above the changes
# most bars over time, in a card and in a cell; if there are more windows, several share a bar
MAX_BARS = 120
MAX_TICKS = 40


def create_hours(series: Series, row: int, times: Sequence[str], most_bars: int = MAX_BARS) -> Hours:
    """By window: a feature's distances or a metric's values. The limit is drawn if it separates the violated values."""
    is_metric = series.is_metric[row]
    is_violated = series.is_violated[row]
    name = series.names[row]
    limit = None
    column = "value" if is_metric else "distance"
    values = series.columns[column][row]
    # The values of a metric that aren't violated have to be on the other side of its limit; distances needn't be
    unviolated = values[~is_violated & is_metric]
    # The limits of bias and attributions don't apply to the numbers that the bars show
    if not is_metric or series.analysis_type == "MODEL_QUALITY":
        limit = series.find_last_limit(row)
    # A limit that bars cross without being violated would confuse readers
    if limit is not None and not _separates(limit, values[is_violated], unviolated):
        limit = None
    label = f"{name} by window: violated in {int(is_violated.sum()):,} of {len(series.run_indices):,}"
    hours = Hours(series.list_values(column, row), tuple(is_violated.tolist()), label, limit, tuple(times))
    return reduce_bars(hours, most_bars)


def _separates(limit: float, violated: Numbers, unviolated: Numbers) -> bool:
    """Whether one side of the limit has all violated values and no others. The suggested limit of a metric doesn't separate them:
    it is the baseline's own value, which healthy windows exceed by chance.
    """
    is_upper = (violated >= limit).all() and not (unviolated > limit).any()
    is_lower = (violated <= limit).all() and not (unviolated < limit).any()
    return bool(is_upper or is_lower)


def reduce_bars(hours: Hours, most_bars: int) -> Hours:
    """The hours with fewer bars: each bar shows the largest of some neighbours, and is violated if one of them is."""
    # Rounded up, so that there are never more bars than allowed
    step = -(-len(hours.values) // most_bars)
    starts = range(0, len(hours.values), step)
    values = []
    are_violated = []
    for start in starts:
        bar_values = [value for value in hours.values[start : start + step] if value is not None]
        values.append(max(bar_values, default=None))
        are_violated.append(any(hours.are_violated[start : start + step]))
    return replace(hours, values=tuple(values), are_violated=tuple(are_violated))


def count_records(history: History) -> list[float | None]:
    """By window: the number of rows of data, from the first monitor whose runs know it."""
    # Monitors of one model read the same rows, so adding their numbers would count the rows twice
    for series in history.series:
        # A window without a run, or whose run doesn't say it, has no number
        counts: list[float | None] = [None] * len(history.windows)
        for index, run in series.runs.items():
            if run.identity.rows is not None:
                counts[index] = float(run.identity.rows)
        if any(count is not None for count in counts):
            return counts
    return []


def create_tracks(history: History, links: Mapping[str, str]) -> Tracks:
    """The tracks of violations, of records, and of the metrics violated most often. Tables and cards show all other metrics."""
    counts = history.count_violations()
    marks = tuple(map(mark_window, counts, history.list_outcomes()))
    # Windows without a run have no count
    num_violated = sum(bool(count) for count in counts)
    num_windows = sum(count is not None for count in counts)
    note = f"in {num_violated:,} of {format_noun_count(num_windows, 'window')}"
    page_links = tuple(_find_page(runs, links) for runs in history.runs_by_window)
    tracks = [Track("violations", note, tuple(counts), marks, links=page_links)]
    # The number of records explains many violations, so it stands right below them
    records = count_records(history)
    if records:
        note = f"{format_count(sum(count or 0 for count in records))} in all"
        tracks.append(Track("records", note, tuple(records), (Highlight.NONE,) * len(records)))
    # If a metric has an estimate, one line shows both
    estimates = {track.title: track for track in _create_estimate_tracks(history)}
    for series in history.series:
        tracks += [track for track in _list_metric_tracks(series) if track.title not in estimates]
    tracks += estimates.values()
    return Tracks("Over time", history.labels, tuple(tracks), tuple(_find_new_baselines(history)))


def _find_page(runs: Sequence[PastRun], links: Mapping[str, str]) -> str:
    """The link to the page of one of a window's runs; empty if no run of the window has a page."""
    # The first monitor whose run has a page counts
    for run in runs:
        if run.identity.folder in links:
            return links[run.identity.folder]
    return ""


def _find_new_baselines(history: History) -> Iterator[int]:
    """The windows with another baseline than the window before. Distances before and after such a window aren't comparable."""
    # Windows without a run, or whose run names no baseline, are skipped
    previous_id = None
    for index, runs in enumerate(history.runs_by_window):
        # The first monitor that ran in the window counts
        baseline_id = runs[0].identity.baseline_run_id if runs else None
        if not baseline_id:
            continue
        if previous_id is not None and baseline_id != previous_id:
            yield index
        previous_id = baseline_id


def mark_window(violations: int | None, outcome: Outcome | None) -> Highlight:
    """The highlight of a window."""
    if violations:
        return Highlight.BAD
    if violations is None or outcome is None:
        return Highlight.NONE
    if outcome is Outcome.CANNOT_TELL:
        return Highlight.UNSURE
    return Highlight.GOOD


def _list_metric_tracks(series: Series) -> list[Track]:
    """The tracks of the metrics with a threshold that were violated most often; estimates have their own tracks."""
    if series.analysis_type == "ESTIMATED_QUALITY":
        return []
    has_threshold = ~np.isnan(series.columns["threshold"]).all(axis=1)
    rows = np.flatnonzero(series.is_metric & series.is_violated.any(axis=1) & has_threshold)
    most_violated_first = sorted(rows, key=lambda row: -int(series.is_violated[row].sum()))
    return [_create_metric_track(series, row) for row in most_violated_first[:MAX_METRIC_TRACKS]]


def _create_metric_track(series: Series, row: int) -> Track:
    """A metric's values over the windows, with its interval and its last threshold; an attribution has neither of them."""
    name = series.names[row]
    if is_of_changes(series):
        return Track(name, "attribution", series.list_values("value", row))
    metric_values = series.columns["value"][row]
    threshold = series.find_last_limit(row)
    is_violated = series.is_violated[row]
    # A threshold that is just the baseline's value is named so
    is_limit = _separates(threshold or 0.0, metric_values[is_violated], metric_values[~is_violated])
    note = f"{'threshold' if is_limit else 'baseline'} {format_number(threshold)}"
    values, low, high = (series.list_values(column, row) for column in ("value", "low", "high"))
    return Track(name, note, values, (), low, high, threshold)


ESTIMATED_PREFIX = "estimated_"
ESTIMATED_METRICS = ("accuracy", "auc", "macro_auc", "mae")
ESTIMATE_NOTE = "dashed: estimated before labels"


def _create_estimate_tracks(history: History) -> Iterator[Track]:
    """The tracks of accuracy, area under the curve and mean error: as estimated, and as computed later from labels."""
    for series in history.series:
        if series.analysis_type != "ESTIMATED_QUALITY":
            continue
        # Labels may come days later; until then, the line of computed values ends before the line of estimates
        computed_quality = next(
            (
                quality
                for quality in history.series
                if quality.analysis_type == "MODEL_QUALITY" and quality.model == series.model
            ),
            None,
        )
        for name in ESTIMATED_METRICS:
            if ESTIMATED_PREFIX + name not in series.names:
                continue
            # The band and the expected value belong to the estimate
            row = series.names.index(ESTIMATED_PREFIX + name)
            expected, low, high = (series.list_values(column, row) for column in ("value", "low", "high"))
            values: tuple[float | None, ...] = (None,) * len(expected)
            if computed_quality is not None and name in computed_quality.names:
                values = computed_quality.list_values("value", computed_quality.names.index(name))
            yield Track(name, ESTIMATE_NOTE, values, (), low, high, series.find_last_limit(row), expected=expected)


def is_of_changes(series: Series) -> bool:
    """Whether thresholds and intervals apply to the change of a value, not to the value."""
    return series.analysis_type == "MODEL_EXPLAINABILITY"


MAX_WINDOWS = 24  # most windows on a run's page, including its own window
HISTORY = "history.html"


def read_neighbour_runs(output_path: str, description: RunDescription, summary: bytes) -> NeighbourRuns:
    """The runs of the windows before a run, for its page. summary: the run's own summary.

    There are no neighbours for a run without a window, or for a run outside an hour folder of its window's start or end.
    """
    folders = HOUR_FOLDERS.match(output_path)
    hour = parse_hour_of_path(join(output_path, ""))
    if folders is None or hour is None or description.window is None:
        return NO_NEIGHBOUR_RUNS
    top = folders["top"]
    start = parse_moment(description.window.start)
    end = parse_moment(description.window.end)
    length = end - start
    # The windows of one length up to this window, whether or not they had a run
    windows = [(start - position * length, end - position * length) for position in reversed(range(MAX_WINDOWS))]
    # This run isn't published yet, so its summary is given; the others are read, one small file each
    runs = {MAX_WINDOWS - 1: parse_summary(summary, output_path, output_path, description)}
    for position, (began, _) in enumerate(windows[:-1]):
        path = join(top, f"{began + (hour - start):{HOUR_NAME}}", SUMMARY)
        try:
            runs[position] = parse_summary(read_file(path), path, path, description)
        except MonitorError:  # that run is absent, or can't be read
            continue
    # The page has no empty columns before the oldest run that was read
    first = min(runs)
    series = Series(
        description.analysis_type, tuple(windows[first:]), {index - first: run for index, run in runs.items()}
    )
    # Windows shorter than a day are named by their hour, whole days by their date
    times = [f"{began:%H:%M}" if length < timedelta(days=1) else f"{began:%Y-%m-%d}" for began, _ in series.windows]
    if len(runs) > 1:
        hours = {name: create_hours(series, row, times) for row, name in enumerate(series.names)}
    else:
        hours = {}
    return NeighbourRuns(hours, tuple(_find_links(top, hour, (start, end))))


def _find_links(top: str, hour: datetime, window: Window) -> Iterator[tuple[str, str]]:
    """The texts and addresses of links from a run's page: to the pages of its neighbours, and to the histories above."""
    start, end = window
    length = end - start
    # The links go up from hh, dd, mm and yyyy, so they work wherever the tree of folders is copied
    for word, neighbour in ((f"← {start - length:%H:%M}", hour - length), (f"{end:%H:%M} →", hour + length)):
        path = f"{neighbour:{HOUR_NAME}}/{PAGE}"
        if exists(join(top, path)):
            yield word, f"../../../../{path}"
    for word, folder, up in (("all windows", top, ""), ("the model", top.rpartition("/")[0], "../")):
        if folder and exists(join(folder, HISTORY)):
            yield word, f"../../../../{up}{HISTORY}"
