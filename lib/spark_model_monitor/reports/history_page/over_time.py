"""Numbers over windows: a history as bars, lines and strips over time, and the hours around a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np

from spark_model_monitor.data.records.windows import parse_hour_of_path
from spark_model_monitor.documents.outcome import Outcome
from spark_model_monitor.documents.page import (
    NOTHING_AROUND,
    Around,
    Highlight,
    Hours,
    Track,
    Tracks,
    format_count,
    format_noun_count,
    format_number,
)
from spark_model_monitor.documents.run_description import RunDescription, parse_moment
from spark_model_monitor.errors import MonitorError
from spark_model_monitor.reports.history_page.history import History, Series, Window
from spark_model_monitor.reports.history_page.past_run import Numbers, of_summary
from spark_model_monitor.reports.outputs.files import HOUR_FOLDERS
from spark_model_monitor.reports.outputs.result_tables import SUMMARY
from spark_model_monitor.storage import Storage, join, storage_of

MOST_FIRST = 2  # metrics of each monitor that are drawn over time, before what changed
# bars over time in a card and in a cell; with more windows, several share a bar
MOST_BARS = 120
MOST_TICKS = 40


def hours_of(series: Series, row: int, times: Sequence[str], most: int = MOST_BARS) -> Hours:
    """A feature's distances, or a metric's values, by window; the limit if it separates violated ones from others."""
    is_metric = series.is_metric[row]
    bad = series.is_violated[row]
    name = series.names[row]
    drawn, limits = (series.of(each)[row] for each in ("value" if is_metric else "distance", "threshold"))
    known = limits[~np.isnan(limits)]
    limit = None
    if len(known) and (not is_metric or series.analysis_type == "MODEL_QUALITY"):
        limit = float(known[-1])
    if limit is not None and not _separates(limit, drawn[bad], drawn[~bad] if is_metric else drawn[:0]):
        limit = None
    words = f"{name} by window: violated in {int(bad.sum()):,} of {len(series.ran):,}"
    return thinned(Hours(_values(drawn), tuple(map(bool, bad)), words, limit, tuple(times)), most)


def _separates(limit: float, violated: Numbers, unviolated: Numbers) -> bool:
    """Whether the violated values, and no others, lie on one side of the limit. The suggested limit of a metric doesn't: it is
    the baseline's own value, which healthy windows exceed by chance.
    """
    is_upper = (violated >= limit).all() and not (unviolated > limit).any()
    is_lower = (violated <= limit).all() and not (unviolated < limit).any()
    return bool(is_upper or is_lower)


def thinned(hours: Hours, most: int) -> Hours:
    """The same with fewer bars: each shows the largest of neighbours, violated if one of them is."""
    step = -(-len(hours.values) // most)
    starts = range(0, len(hours.values), step)
    parts = [[value for value in hours.values[start : start + step] if value is not None] for start in starts]
    bad = tuple(any(hours.bad[start : start + step]) for start in starts)
    return replace(hours, values=tuple(max(part, default=None) for part in parts), bad=bad)


def records_of(history: History) -> list[float | None]:
    """Rows of data by window, from the first monitor that has them."""
    for series in history.series:
        found = [series.runs[place].rows if place in series.runs else None for place in range(len(history.windows))]
        if any(count is not None for count in found):
            return [None if count is None else float(count) for count in found]
    return []


def tracks_of(history: History, times: Sequence[str], links: Mapping[str, str]) -> Tracks:
    """Violations, records, and the metrics violated most often; tables and cards show the others."""
    counts = history.run_violations()
    marks = tuple(map(_mark, counts, history.run_outcomes()))
    num_windows = sum(count is not None for count in counts)
    note = f"in {sum(map(bool, counts)):,} of {format_noun_count(num_windows, 'window')}"
    runs = [[series.runs[place] for series in history.series if place in series.runs] for place in range(len(times))]
    found = tuple(next((links[run.folder] for run in each if run.folder in links), "") for each in runs)
    drawn = [Track("violations", note, tuple(counts), marks, links=found)]
    records = records_of(history)
    if records:
        note = f"{format_count(sum(count or 0 for count in records))} in all"
        drawn.append(Track("records", note, tuple(records), (Highlight.NONE,) * len(records)))
    estimates = {track.title: track for track in _before_labels(history)}
    drawn += [track for series in history.series for track in _metrics(series) if track.title not in estimates]
    drawn += estimates.values()
    ids = [
        next((run.baseline_run_id for series in history.series if (run := series.runs.get(place))), None)
        for place in range(len(times))
    ]
    known = [(place, run_id) for place, run_id in enumerate(ids) if run_id]
    changes = tuple(place for (_, before), (place, now) in pairwise(known) if before != now)
    return Tracks("Over time", tuple(times), tuple(drawn), changes)


def _mark(violations: int | None, outcome: Outcome | None) -> Highlight:
    """The highlight of a window."""
    if violations is None:
        return Highlight.NONE
    if violations:
        return Highlight.BAD
    if outcome is Outcome.CANNOT_TELL:
        return Highlight.UNSURE
    return Highlight.GOOD


def _metrics(series: Series) -> list[Track]:
    """The metrics with a threshold that were violated most often; estimates have their own lines."""
    if series.analysis_type == "ESTIMATED_QUALITY":
        return []
    has_threshold = ~np.isnan(series.of("threshold")).all(axis=1)
    rows = np.flatnonzero(series.is_metric & series.is_violated.any(axis=1) & has_threshold)
    most_violated_first = sorted(rows, key=lambda row: -int(series.is_violated[row].sum()))
    return [_metric_track(series, row) for row in most_violated_first[:MOST_FIRST]]


def _metric_track(series: Series, row: int) -> Track:
    """A metric's values over the windows, with its interval and the last threshold; an attribution has neither."""
    name = series.names[row]
    metric_values = series.of("value")[row]
    if is_of_changes(series):
        return Track(name, "attribution", _values(metric_values))
    thresholds = series.of("threshold")[row]
    threshold = float(thresholds[~np.isnan(thresholds)][-1])
    is_violated = series.is_violated[row]
    is_limit = _separates(threshold, metric_values[is_violated], metric_values[~is_violated])
    if is_limit:
        note = f"threshold {format_number(threshold)}"
    else:
        note = f"baseline {format_number(threshold)}"
    low = _values(series.of("low")[row])
    high = _values(series.of("high")[row])
    return Track(name, note, _values(metric_values), (), low, high, threshold)


ESTIMATED = "estimated_"
FIRST_ESTIMATES = ("accuracy", "auc", "macro_auc", "mae")
DASHED = "dashed: estimated before labels"


def _before_labels(history: History) -> Iterator[Track]:
    """Accuracy, area and mean error as they were estimated, and as computed since from labels."""
    for series in history.series:
        if series.analysis_type != "ESTIMATED_QUALITY":
            continue
        of_labels = [each for each in history.series if each.analysis_type == "MODEL_QUALITY"]
        realised = next((each for each in of_labels if each.model == series.model), None)
        for name in FIRST_ESTIMATES:
            if ESTIMATED + name not in series.names:
                continue
            row = series.names.index(ESTIMATED + name)
            low, high, expected = (_values(series.of(each)[row]) for each in ("low", "high", "value"))
            values: tuple[float | None, ...] = (None,) * len(expected)
            if realised is not None and name in realised.names:
                values = _values(realised.of("value")[realised.names.index(name)])
            limits = series.of("threshold")[row]
            threshold = next((float(limit) for limit in limits[::-1] if not np.isnan(limit)), None)
            yield Track(name, DASHED, values, (), low, high, threshold, expected=expected)


def is_of_changes(series: Series) -> bool:
    """Whether thresholds and intervals apply to the change of a value, not to the value."""
    return series.analysis_type == "MODEL_EXPLAINABILITY"


def _or_none(number: float) -> float | None:
    if np.isnan(number):
        return None
    return float(number)


def _values(numbers: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:  # type: ignore[type-arg]
    return tuple(_or_none(number) for number in numbers)


MOST_AROUND = 24  # windows on a run's page, including its own
HOUR = "%Y/%m/%d/%H"
PAGE = "report.html"
HISTORY = "history.html"


def around(output_path: str, described: RunDescription, summary: bytes) -> Around:
    """summary: the run's own. Nothing for a run without a window, or outside the folder of its hour (the start or the
    end of its window, as for the other runs).
    """
    found = HOUR_FOLDERS.match(output_path)
    hour = parse_hour_of_path(join(output_path, ""))
    if found is None or hour is None or described.window is None:
        return NOTHING_AROUND
    top = found["top"]
    storage = storage_of(output_path)
    start = parse_moment(described.window.start)
    end = parse_moment(described.window.end)
    length = end - start
    windows = [(start - place * length, end - place * length) for place in reversed(range(MOST_AROUND))]
    runs = {MOST_AROUND - 1: of_summary(summary, output_path, output_path, described, as_drawn=True)}
    for place, (began, _) in enumerate(windows[:-1]):
        path = join(top, f"{began + (hour - start):{HOUR}}", SUMMARY)
        try:
            runs[place] = of_summary(storage.read(path), path, path, described, as_drawn=True)
        except MonitorError:  # it is absent, or can't be read
            continue
    first = min(runs)
    series = Series(described.analysis_type, tuple(windows[first:]), {at - first: run for at, run in runs.items()})
    times = [f"{began:%H:%M}" if length < timedelta(days=1) else f"{began:%Y-%m-%d}" for began, _ in series.windows]
    if len(runs) > 1:
        hours = {name: hours_of(series, row, times) for row, name in enumerate(series.names)}
    else:
        hours = {}
    return Around(hours, tuple(_links(top, hour, (start, end), storage)))


def _links(top: str, hour: datetime, window: Window, storage: Storage) -> Iterator[tuple[str, str]]:
    start, end = window
    length = end - start
    for word, beside in ((f"← {start - length:%H:%M}", hour - length), (f"{end:%H:%M} →", hour + length)):
        if storage.exists(join(top, path := f"{beside:{HOUR}}/{PAGE}")):
            yield word, f"../../../../{path}"
    for word, folder, up in (("all windows", top, ""), ("the model", top.rpartition("/")[0], "../")):
        if folder and storage.exists(join(folder, HISTORY)):
            yield word, f"../../../../{up}{HISTORY}"
