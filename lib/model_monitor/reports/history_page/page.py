"""The history of many runs as one page: what is wrong now and since when, over time, and all of it as map and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from model_monitor.documents.check_results import WORST_FIRST, CheckResult, alarms_of, in_sentences, reason_of
from model_monitor.documents.page import (
    VERDICTS,
    Column,
    Line,
    Mark,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Spark,
    Tile,
    Track,
    Tracks,
    count_text,
    number_text,
)
from model_monitor.reports.history_page.history import History, Series, feature_map
from model_monitor.reports.history_page.past_run import NONE, VIOLATED, PastRun, name_of

MOST_ROWS = 12
"""Features and metrics that are shown first."""
MOST_METRICS = 8
"""Metrics over time, of each monitor."""
KINDS = {
    "DATA_QUALITY": "data quality",
    "MODEL_QUALITY": "model quality",
    "MODEL_BIAS": "bias",
    "MODEL_EXPLAINABILITY": "feature attribution",
}
FIRST = (
    *(Column("verdict"), Column("since"), Column("feature or metric", is_name=True), Column("what")),
    *(Column(title, is_number=True) for title in ("distance or value", "before → now", "median")),
    *(Column(title) for title in ("over time", "distribution")),
)
READING = (
    "Each column of the drawings is a window; an empty one has no run. A distance is 0 for equal distributions, and of features "
    "the number that is drawn; of metrics it is their value, and the band is the 95 % interval.",
    "Before → now: the mean and the median, of a metric its value; before is the latest window in which it was not violated. Of "
    "distributions the bars are the baseline, the line is the window, over the baseline's bins.",
    "For where a number comes from: model-monitor explain FEATURE --run FOLDER.",
)

Shares = Mapping[str, Mapping[str, Sequence[float]]]
"""Of baselines, by the run's id and the feature: how its values lie in its own bins."""


def page_of(
    history: History, title: str, baselines: Shares, most_bytes: int, judged: Sequence[Sequence[CheckResult]]
) -> Page:
    """baselines: as far as their folders could be read. most_bytes: of the page's map; what is left out is said there. judged:
    what the checks of the last run of each monitor say, nothing where no file tells it.
    """
    times = history.labels
    ranked = sorted((rank, series, row) for series in enumerate(history.series) for rank, row in _ranked(series[1]))
    bad = sum(rank[0] == VIOLATED for rank, *_ in ranked)
    lines = [_line(series, row, times, baselines, judged[place]) for _, (place, series), row in ranked[:MOST_ROWS]]
    since = history.alert_since()
    wrong = PageTable(FIRST, tuple(lines), _caption(len(ranked), bad))
    said = [sentence for results in judged for sentence in in_sentences(alarms_of(results))]
    sections = [
        PageSection(f"{times[-1]}: what is wrong" if bad else f"{times[-1]}: nothing is violated", (*said, wrong)),
        PageSection("Over time", (_tracks(history, times),)),
    ]
    shown = feature_map(history.series, times, baselines, most_bytes)
    sections.append(PageSection("Feature by window", tuple(shown)))
    sections.append(PageSection("All features and metrics", (_of_all(history, times),), folded=True))
    sections.append(PageSection("All windows", (_of_windows(history, times),), folded=True))
    if history.unread:
        table = PageTable(
            (Column("folder", is_name=True), Column("problem")),
            tuple(Line((each.place, each.problem.replace(each.folder, each.place))) for each in history.unread),
        )
        sections.append(PageSection("Runs that can't be read", (table,)))
    sections.append(PageSection("How to read this", READING))
    return Page(
        "history", title, _facts(history, times), tuple(sections), _tiles(history, times, bad, since), html_only=True
    )


def _facts(history: History, times: Sequence[str]) -> tuple[tuple[str, str], ...]:
    runs = [run for series in history.series for run in series.runs.values()]
    known = [dict.fromkeys(run.baseline_run_id for run in series.runs.values()) for series in history.series]
    baselines = [found for ids in known if (found := list(filter(None, ids)))]
    models = dict.fromkeys(run.model for run in runs if run.model)
    facts = [("model", ", ".join(models))] if models else []
    facts.append(
        ("monitors", ", ".join(KINDS.get(series.analysis_type, series.analysis_type) for series in history.series))
    )
    windows = f"{len(times):,}, {times[0]} to {times[-1]} UTC" if len(times) > 1 else times[0]
    facts.append(("windows", windows))
    if baselines:
        told = (ids[0] if len(ids) == 1 else f"{len(ids)} after each other" for ids in baselines)
        facts.append(("baseline", ", ".join(told)))
    return tuple(facts)


def _tiles(history: History, times: Sequence[str], bad: int, since: int | None) -> tuple[Tile, ...]:
    counts = [count for count in history.run_violations() if count is not None]
    now = Tile("alert", "no" if since is None else f"since {times[since]}", Mark.GOOD if since is None else Mark.BAD)
    violated = sum(map(bool, counts))
    names = sum(len(series.last[1].names) for series in history.series)
    tiles = [
        now,
        Tile("windows violated", f"{violated:,} of {len(counts):,}"),
        Tile("violated now", f"{bad:,} of {names:,}", Mark.BAD if bad else Mark.GOOD),
    ]
    records = _records(history)
    if any(count is not None for count in records):
        tiles.append(Tile("records", count_text(sum(count or 0 for count in records))))
    return tuple(tiles)


def _records(history: History) -> list[float | None]:
    """Rows of data by window; of the first monitor that tells them."""
    for series in history.series:
        found = [series.runs[place].rows if place in series.runs else None for place in range(len(history.windows))]
        if any(count is not None for count in found):
            return [None if count is None else float(count) for count in found]
    return []


def _ranked(series: Series) -> list[tuple[tuple[int, bool, float], int]]:
    """The rows that the last run looked at, each with its place: violated ones first, then features by their distance."""
    column, _ = series.last
    status = series.of("status")[:, column]
    distances = np.where(series.is_metric, 0.0, np.nan_to_num(series.of("distance")[:, column]))
    return [
        ((int(status[row]), bool(series.is_metric[row]), -float(distances[row])), int(row))
        for row in np.flatnonzero(status <= NONE)
    ]


def _line(series: Series, row: int, times: Sequence[str], baselines: Shares, judged: Sequence[CheckResult]) -> Line:
    column, run = series.last
    name, is_metric = series.names[row], bool(series.is_metric[row])
    status = int(series.of("status")[row, column])
    drawn = series.of("value" if is_metric else "distance")[row]
    threshold = _or_none(series.of("threshold")[row, column])
    since = series.since(row)
    mark, verdict = VERDICTS[WORST_FIRST[status]] if status < NONE else (Mark.NONE, "– no check")
    what = ", ".join(check.removesuffix("_check").replace("_", " ") for check in run.violated.get(name, ()))
    if status < NONE:
        what = what or reason_of((each for each in judged if name_of(each) == name), WORST_FIRST[status])
    number = number_text(_or_none(drawn[column]))
    told = f"{number} (threshold {number_text(threshold)})" if threshold is not None else number
    if threshold is not None and not is_metric and status == VIOLATED and drawn[column] <= threshold:
        told = f"{number}, by its test"
    known = drawn[~np.isnan(drawn)]
    trend = f"{number_text(float(known.min()))} to {number_text(float(known.max()))}" if known.size else "no number"
    cells = (
        *(verdict, "" if since is None else times[since], name, what, told),
        *(_moved(series, row, column, of) for of in ("value" if is_metric else "mean", "median")),
        Spark(_values(drawn), threshold, trend),
        overlay_of(run, name, baselines) or "–",
    )
    return Line(cells, mark)


def _moved(series: Series, row: int, column: int, of: str) -> str:
    numbers = series.of(of)[row]
    good = [
        place
        for place in series.ran
        if place < column and not series.is_violated[row, place] and not np.isnan(numbers[place])
    ]
    now = number_text(_or_none(numbers[column]))
    before = number_text(_or_none(numbers[good[-1]])) if good else now
    return now if before == now else f"{before} → {now}"


def overlay_of(run: PastRun, name: str, baselines: Shares) -> Overlay | None:
    """A feature's distribution in a run over its baseline's; None if it is not known."""
    if run.shares is None or np.isnan(now := run.shares[run.places[name]]).any():
        return None
    bins = run.bins.get(name) or ()
    baseline = tuple(baselines.get(run.baseline_run_id or "", {}).get(name, ()))
    is_number = len(bins) == 2 and not isinstance(bins[0], str)
    ends = (number_text(bins[0], 3), number_text(bins[1], 3)) if is_number else ("most frequent", "new")
    kept = (
        [*range(len(now))]
        if is_number
        else [place for place in range(len(now)) if place < len(bins) or place >= len(now) - 2]
    )
    shares = [
        tuple(float(side[place]) for place in kept) if len(side) == len(now) else ()
        for side in (baseline, now.tolist())
    ]
    return Overlay(shares[0], shares[1], f"{now[-1]:.1%} in the last bin", ends)


def _tracks(history: History, times: Sequence[str]) -> Tracks:
    counts = history.run_violations()
    marks = tuple(Mark.NONE if count is None else Mark.BAD if count else Mark.GOOD for count in counts)
    tracks = [
        Track(
            "violations",
            f"in {sum(map(bool, counts)):,} of {sum(count is not None for count in counts):,} windows",
            tuple(counts),
            marks,
        )
    ]
    records = _records(history)
    if records:
        tracks.append(
            Track(
                "records",
                f"{count_text(sum(count or 0 for count in records))} in all",
                tuple(records),
                (Mark.NONE,) * len(records),
            )
        )
    for series in history.series:
        present, missing = series.of("present"), series.of("missing")
        with np.errstate(invalid="ignore"):
            share = present / (present + missing)
        if not np.isnan(share).all():
            least = np.array([np.nan if np.isnan(each).all() else np.nanmin(each) for each in share.T])
            tracks.append(Track("completeness", "the least complete feature", _values(least)))
        tracks += _metrics(series)
    ids = [
        next((run.baseline_run_id for series in history.series if (run := series.runs.get(place))), None)
        for place in range(len(times))
    ]
    known = [(place, run_id) for place, run_id in enumerate(ids) if run_id]
    changes = tuple(place for (_, before), (place, now) in pairwise(known) if before != now)
    return Tracks("Over time", tuple(times), tuple(tracks), changes)


def _metrics(series: Series) -> list[Track]:
    """The metrics with a threshold, those violated most first."""
    with_threshold = ~np.isnan(series.of("threshold")).all(axis=1)
    rows = list(np.flatnonzero(series.is_metric & with_threshold))
    rows.sort(key=lambda row: -int(series.is_violated[row].sum()))
    found = []
    for row in rows[:MOST_METRICS]:
        limits = series.of("threshold")[row]
        threshold = _or_none(limits[~np.isnan(limits)][-1])
        low, high, value = (_values(series.of(name)[row]) for name in ("low", "high", "value"))
        found.append(Track(series.names[row], f"threshold {number_text(threshold)}", value, (), low, high, threshold))
    return found


def _of_all(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        *(Column("feature or metric", is_name=True), Column("monitor"), Column("now")),
        *(
            Column(title, is_number=True)
            for title in ("windows violated", "largest distance or value", "distance or value now")
        ),
        Column("violated since"),
    )
    lines = []
    for series in history.series:
        column, _ = series.last
        for row, name in enumerate(series.names):
            drawn = series.of("value" if series.is_metric[row] else "distance")[row]
            status = int(series.of("status")[row, column])
            mark, verdict = VERDICTS[WORST_FIRST[status]] if status < NONE else (Mark.NONE, "–")
            since = series.since(row)
            largest = None if np.isnan(drawn).all() else _or_none(np.nanmax(drawn))
            lines.append(
                Line(
                    (
                        *(name, KINDS.get(series.analysis_type, series.analysis_type), verdict),
                        *(
                            f"{int(series.is_violated[row].sum()):,}",
                            number_text(largest),
                            number_text(_or_none(drawn[column])),
                        ),
                        "–" if since is None else times[since],
                    ),
                    mark,
                )
            )
    lines.sort(key=lambda line: (line.mark is not Mark.BAD, -int(str(line.cells[3]).replace(",", ""))))
    return PageTable(columns, tuple(lines), f"{len(lines):,} features and metrics")


def _of_windows(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        Column("window"),
        Column("violations", is_number=True),
        Column("records", is_number=True),
        Column("what"),
    )
    records = _records(history) or [None] * len(times)
    lines = []
    for place in reversed(range(len(times))):
        runs = [series.runs[place] for series in history.series if place in series.runs]
        if not runs:
            lines.append(Line((times[place], "–", "–", "no run")))
            continue
        names = [name for run in runs for name in run.violated]
        count = sum(run.violations for run in runs)
        told = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
        rows = records[place]
        lines.append(
            Line(
                (times[place], f"{count:,}", "–" if rows is None else count_text(rows), told),
                Mark.BAD if count else Mark.GOOD,
            )
        )
    return PageTable(columns, tuple(lines), f"{len(times):,} windows, the latest first")


def _caption(names: int, bad: int) -> str:
    return f"{min(MOST_ROWS, names)} of {names:,}, {bad:,} of them violated; violated ones first, then the largest distances"


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _values(numbers: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:  # type: ignore[type-arg]
    return tuple(_or_none(number) for number in numbers)
