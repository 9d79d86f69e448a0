"""The history of many runs as one page: what is wrong now and since when, over time, and all of it as map and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

import numpy as np

from model_monitor.documents.check_results import (
    WORST_FIRST,
    CheckResult,
    CheckStatus,
    check_in_words,
    excess,
)
from model_monitor.documents.headline import KINDS, ONE_VALUE, change_of, evidence_of, headline_of, moved
from model_monitor.documents.page import (
    VERDICTS,
    Card,
    Cards,
    Column,
    Headline,
    Hours,
    Line,
    Mark,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    Track,
    Tracks,
    count_text,
    number_text,
    percent,
)
from model_monitor.documents.run_description import RunWindow, moment
from model_monitor.monitors.data_quality.page import other_unit, overlay
from model_monitor.reports.history_page.history import History, Series, feature_map
from model_monitor.reports.history_page.past_run import NONE, PastRun, name_of

MOST_FIRST = 2  # metrics of each monitor that are drawn over time before what changed
MOST_BARS, MOST_TICKS = 120, 40  # bars over time in a card and in a cell; more windows share them
MOST_METRICS = 8  # metrics over time, of each monitor
READING = (
    "Each column of the drawings is a window; an empty one has no run. A distance is 0 for equal distributions, and of "
    "features the "
    "number that is drawn; of metrics it is their value, and the band is the 95 % interval.",
    "Grey bars are the baseline, the blue outline is the last window, over the baseline's bins. Red bars are windows that were "
    "violated, the dashed line is the limit.",
    "For where a number comes from: model-monitor explain FEATURE --run FOLDER.",
)


@dataclass(frozen=True, slots=True)
class PageContext:
    """What else is at hand. baselines: by their runs' ids. outputs: features that a model puts out. links: to the pages of
    runs, by their folders.
    """

    baselines: Mapping[str, PastRun] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)


_CALM = (
    *(Column("feature or metric", is_name=True), Column("baseline and last window"), Column("before", is_number=True)),
    *(Column("now", is_number=True), Column("no change larger than"), Column("missing", is_number=True)),
    Column("over time"),
)


def page_of(
    history: History, title: str, known: PageContext, most_bytes: int, judged: Sequence[Sequence[CheckResult]]
) -> Page:
    """most_bytes: of the page's map; what is left out is said there. judged: what the checks of the last run of each monitor say,
    nothing where no file tells it.
    """
    times = history.labels
    cards, tables = [], []
    for series, results in zip(history.series, judged, strict=True):
        by_name: dict[str, list[CheckResult]] = {}
        for each in results:
            by_name.setdefault(name_of(each), []).append(each)
        found = {row: by_name.get(series.names[row], []) for row in _rows(series)}
        bad = [row for row in found if series.is_violated[row, series.last[0]]]
        bad.sort(key=lambda row: _rank(found[row]))
        cards += [_card(history, series, row, found[row], known) for row in bad]
        lines = tuple(_line(history, series, row, found[row], known) for row in found if row not in bad)
        if lines:
            kind = f"{series.model}, {_kind(series)}" if history.has_models else _kind(series)
            tables.append(PageTable(_CALM, lines, kind if len(history.series) > 1 else ""))
    first, others = _tracks(history, times, known.links)
    sections = [PageSection("The day" if len(_days(history)) == 1 else "Over time", (first,))]
    calm = sum(len(table.lines) for table in tables)
    if cards:
        note = f"{len(cards):,} of {len(cards) + calm:,}, the largest first"
        sections.append(PageSection("Changed now", (Cards(tuple(cards), ("baseline", "last window")),), note=note))
    if calm:
        sections.append(PageSection("No change seen", tuple(tables), note=f"{calm:,} in the last window"))
    if others.tracks:
        sections.append(PageSection("More over time", (others,), folded=True))
    shown = feature_map(history.series, times, known.baselines, most_bytes)
    sections.append(PageSection("Every feature, every window", tuple(shown)))
    sections.append(PageSection("All features and metrics", (_of_all(history, times),), folded=True))
    sections.append(PageSection("All windows", (_of_windows(history, times),), folded=True))
    if history.unread:
        table = PageTable(
            (Column("folder", is_name=True), Column("problem")),
            tuple(Line((each.place, each.problem.replace(each.folder, each.place))) for each in history.unread),
        )
        sections.append(PageSection("Runs that can't be read", (table,)))
    sections.append(PageSection("How to read this", READING, folded=True))
    kinds = dict.fromkeys(_kind(series) for series in history.series)
    span = f"{times[0]} to {times[-1]} UTC" if len(times) > 1 else times[0]
    links = known.links.get(_latest(history).folder)
    return Page(
        *("history", title, _facts(history), tuple(sections), _headline(history, judged, known.outputs)),
        trail=(title, span, ", ".join(kinds)),
        links=(("the last run", links),) if links else (),
        html_only=True,
    )


def _headline(history: History, judged: Sequence[Sequence[CheckResult]], outputs: frozenset[str]) -> Headline:
    """The sentences of the last runs together: the one with a violation first, and how it was before."""
    told = []
    for series, results in zip(history.series, judged, strict=True):
        place, run = series.last
        start, end = history.windows[place]
        found = headline_of(results or run.results(), RunWindow(start=moment(start), end=moment(end)), outputs)
        told.append(
            Headline(f"{series.model}: {found.text}", found.detail, found.mark) if history.has_models else found
        )
    order = (Mark.BAD, Mark.NONE, Mark.GOOD)
    first, *others = sorted(told, key=lambda each: order.index(each.mark))
    since, counts = history.alert_since(), [count for count in history.run_violations() if count is not None]
    bad = sum(map(bool, counts))
    if since is None:
        calm = first.text if first.mark is Mark.GOOD else f"No alert. {first.text}"
        many = f"{bad:,} of the" if bad else "None of the"
        past = f"{many} {len(counts):,} windows had violations." if len(counts) > 1 else ""
        said = " ".join(part for part in (first.detail, *(each.text for each in others), past) if part)
        return Headline(calm, said, first.mark)
    earlier = [not count for count in history.run_violations()[:since] if count is not None]
    fine = f"The {len(earlier):,}" if all(earlier) else f"{sum(earlier):,} of the {len(earlier):,}"
    before = f"{fine} windows before were without a finding." if earlier else ""
    said = " ".join(part for part in (first.detail, *(each.text for each in others), before) if part)
    time = _time(history, since)
    text = first.text.replace(f"It began at {time} with", "It began with")
    return Headline(f"In alert since {time}: {text}", said, first.mark)


def _kind(series: Series) -> str:
    return KINDS.get(series.analysis_type, series.analysis_type)


def _days(history: History) -> set[str]:
    return {label.rpartition(" ")[0] for label in history.labels}


def _latest(history: History) -> PastRun:
    return max((series.last for series in history.series), key=lambda each: each[0])[1]


def _facts(history: History) -> tuple[tuple[str, str], ...]:
    counts = [count for count in history.run_violations() if count is not None]
    facts = [("windows with violations", f"{sum(map(bool, counts)):,} of {len(counts):,}")]
    records = _records(history)
    if any(count is not None for count in records):
        facts.append(("records", count_text(sum(count or 0 for count in records))))
    ids = [dict.fromkeys(run.baseline_run_id for run in series.runs.values()) for series in history.series]
    known = [found for each in ids if (found := list(filter(None, each)))]
    if known:
        facts.append(
            (
                "baseline",
                ", ".join(each[0][:8] if len(each) == 1 else f"{len(each)} after each other" for each in known),
            )
        )
    return tuple(facts)


def _records(history: History) -> list[float | None]:
    """Rows of data by window; of the first monitor that tells them."""
    for series in history.series:
        found = [series.runs[place].rows if place in series.runs else None for place in range(len(history.windows))]
        if any(count is not None for count in found):
            return [None if count is None else float(count) for count in found]
    return []


def _rows(series: Series) -> list[int]:
    """The rows that the last run looked at."""
    column, _ = series.last
    return [int(row) for row in np.flatnonzero(series.of("status")[:, column] <= NONE)]


def _rank(results: Sequence[CheckResult]) -> tuple[float, float]:
    bad = [each for each in results if each.status is CheckStatus.VIOLATED]
    first = min((each.alarm for each in bad if each.alarm), default=float("inf"))
    return first, -max(map(excess, bad), default=0.0)


def _card(history: History, series: Series, row: int, results: Sequence[CheckResult], known: PageContext) -> Card:
    _, run = series.last
    name, times = series.names[row], history.labels
    first = min(
        (each for each in results if each.status is CheckStatus.VIOLATED), key=lambda each: _rank([each]), default=None
    )
    baseline = known.baselines.get(run.baseline_run_id or "")
    since = series.since(row)
    violated = int(series.is_violated[row].sum())
    when = "" if since is None else f"since {_time(history, since)}, {violated:,} of {len(series.ran):,} windows"
    of = "value" if series.is_metric[row] else "mean"
    now, before = run.number(of, name), baseline.number(of, name) if baseline else None
    change, by = "", ""
    if first is not None:
        change = change_of(first)
    if now is not None and before is not None and not (first and first.change and ONE_VALUE in first.change):
        what = "attribution" if _is_of_changes(series) else of
        change, by = f"{what} {number_text(before)} → {number_text(now)}", moved(before, now)[1]
    change = change or ", ".join(check.removesuffix("_check").replace("_", " ") for check in run.violated.get(name, ()))
    limit = run.number("threshold", name)
    picture: Overlay | PointChart | None = overlay_of(run, name, baseline)
    if picture is None and (value := run.number(of if series.is_metric[row] else "distance", name)) is not None:
        reference = before if before is not None else limit
        interval = (None, None) if _is_of_changes(series) else (run.number("low", name), run.number("high", name))
        ends = None if None in interval else (interval[0] or 0.0, interval[1] or 0.0)
        top = max(abs(value), abs(reference or 0.0), *(abs(end) for end in ends or (0.0,))) or 1.0
        span = (-top if min(value, reference or 0.0) < 0 else 0.0, top)
        label = "baseline" if before is not None else "limit"
        point = Point("now", value, reference, ends, Mark.BAD)
        picture = PointChart(name, (point, Point(label, reference)), span, reference_label=label)
    drawn = series.of("value" if series.is_metric[row] else "distance")[row]
    hints: tuple[str, ...] = ("a model output: it follows its inputs",) if name in known.outputs else ()
    if baseline is not None and not series.is_metric[row] and (unit := _other_unit(run, baseline, name)):
        hints += (unit,)
    also = [check_in_words(each) for each in results if each.status is CheckStatus.VIOLATED and each is not first]
    hints += (f"also: {', '.join(dict.fromkeys(also))}",) if also else ()
    hours = Hours(
        _values(drawn), _flags(series, row), f"{name} by window", None if series.is_metric[row] else limit, times
    )
    return Card(
        *(f"{series.model}: {name}" if history.has_models else name, change, by, when, picture, hints),
        _thinned(hours, MOST_BARS) if len(times) > 1 else None,
        evidence_of(first) if first else "",
    )


def _thinned(hours: Hours, most: int) -> Hours:
    """The same with fewer bars: the largest of neighbours, violated if one of them is."""
    step = -(-len(hours.values) // most)
    starts = range(0, len(hours.values), step)
    parts = [[value for value in hours.values[start : start + step] if value is not None] for start in starts]
    bad = tuple(any(hours.bad[start : start + step]) for start in starts)
    return replace(hours, values=tuple(max(part, default=None) for part in parts), bad=bad)


def _other_unit(run: PastRun, baseline: PastRun, name: str) -> str:
    pairs = [(baseline.number(column, name), run.number(column, name)) for column in ("mean", "median")]
    ratios = [now / before for before, now in pairs if before and now]
    return other_unit(ratios) if len(ratios) == len(pairs) else ""


def _time(history: History, place: int) -> str:
    label = history.labels[place]
    return label.rpartition(" ")[2] if len(_days(history)) == 1 else label


def _flags(series: Series, row: int) -> tuple[bool, ...]:
    return tuple(bool(each) for each in series.is_violated[row])


def _line(history: History, series: Series, row: int, results: Sequence[CheckResult], known: PageContext) -> Line:
    _, run = series.last
    name, of = series.names[row], "value" if series.is_metric[row] else "mean"
    baseline = known.baselines.get(run.baseline_run_id or "")
    largest = next((each.change for each in results if each.smallest_change is not None and each.change), None)
    present, missing = run.number("present", name), run.number("missing", name)
    lacking = (
        percent(missing / (present + missing))
        if present is not None and missing is not None and present + missing
        else "–"
    )
    flags = _flags(series, row)
    times = f"violated in {sum(flags):,} of {len(series.ran):,} windows"
    return Line(
        (
            f"{series.model}: {name}" if history.has_models else name,
            overlay_of(run, name, baseline) or "–",
            number_text(baseline.number(of, name) if baseline else None),
            number_text(run.number(of, name)),
            largest or "–",
            lacking,
            _thinned(Hours(tuple(float(bad) for bad in flags), flags, times), MOST_TICKS),
        )
    )


def overlay_of(run: PastRun, name: str, baseline: PastRun | None) -> Overlay | None:
    """A feature's distribution in a run over its baseline's; None if it is not known."""
    now = run.shares_of(name)
    if now is None:
        return None
    bins = run.bins.get(name) or ()
    before = (baseline.shares_of(name) if baseline else None) or [0.0] * len(now)
    words = f"{now[-1]:.1%} beyond the last bin"
    if len(bins) == 2 and not isinstance(bins[0], str):
        return overlay([np.array(before), np.array(now)], words, (float(bins[0]), float(bins[1])))
    kept = [place for place in range(len(now)) if place < len(bins) or place >= len(now) - 2]
    names = [*map(str, bins[: len(now) - 2]), "others", "new"]
    return overlay([np.array(side)[kept] for side in (before, now)], words, names=names)


def _tracks(history: History, times: Sequence[str], links: Mapping[str, str]) -> tuple[Tracks, Tracks]:
    """Those that the page begins with, and the others."""
    counts = history.run_violations()
    marks = tuple(Mark.NONE if count is None else Mark.BAD if count else Mark.GOOD for count in counts)
    note = f"in {sum(map(bool, counts)):,} of {sum(count is not None for count in counts):,} windows"
    runs = [[series.runs[place] for series in history.series if place in series.runs] for place in range(len(times))]
    found = tuple(next((links[run.folder] for run in each if run.folder in links), "") for each in runs)
    first, others = [Track("violations", note, tuple(counts), marks, links=found)], []
    records = _records(history)
    if records:
        note = f"{count_text(sum(count or 0 for count in records))} in all"
        first.append(Track("records", note, tuple(records), (Mark.NONE,) * len(records)))
    for series in history.series:
        metrics, bad = _metrics(series)
        first += metrics[: min(bad, MOST_FIRST)]
        others += metrics[min(bad, MOST_FIRST) :]
        present, missing = series.of("present"), series.of("missing")
        with np.errstate(invalid="ignore"):
            share = present / (present + missing)
        if not np.isnan(share).all():
            least = np.array([np.nan if np.isnan(each).all() else np.nanmin(each) for each in share.T])
            others.append(Track("completeness", "the least complete feature", _values(least)))
    ids = [
        next((run.baseline_run_id for series in history.series if (run := series.runs.get(place))), None)
        for place in range(len(times))
    ]
    known = [(place, run_id) for place, run_id in enumerate(ids) if run_id]
    changes = tuple(place for (_, before), (place, now) in pairwise(known) if before != now)
    return Tracks("Over time", tuple(times), tuple(first), changes), Tracks(
        "More over time", tuple(times), tuple(others), changes
    )


def _metrics(series: Series) -> tuple[list[Track], int]:
    """The metrics with a threshold, those violated most first, and how many of them were violated."""
    with_threshold = ~np.isnan(series.of("threshold")).all(axis=1)
    rows = list(np.flatnonzero(series.is_metric & with_threshold))
    rows.sort(key=lambda row: -int(series.is_violated[row].sum()))
    found = []
    for row in rows[:MOST_METRICS]:
        limits = series.of("threshold")[row]
        threshold = None if _is_of_changes(series) else _or_none(limits[~np.isnan(limits)][-1])
        low, high, value = (_values(series.of(name)[row]) for name in ("low", "high", "value"))
        note = "" if threshold is None else f"threshold {number_text(threshold)}"
        if _is_of_changes(series):
            low, high = (), ()
        found.append(Track(series.names[row], note, value, (), low, high, threshold))
    return found, int(series.is_violated[rows[:MOST_METRICS]].any(axis=1).sum()) if rows else 0


def _is_of_changes(series: Series) -> bool:
    """Whether thresholds and intervals are those of a change and not of the value."""
    return series.analysis_type == "MODEL_EXPLAINABILITY"


def _of_all(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        *(Column("feature or metric", is_name=True), Column("monitor"), Column("now"), Column("violated since")),
        *(
            Column(title, is_number=True)
            for title in ("windows violated", "largest distance or value", "distance or value now")
        ),
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
            told = (name, _kind(series), verdict, "–" if since is None else times[since])
            numbers = (number_text(largest), number_text(_or_none(drawn[column])))
            lines.append(Line((*told, f"{int(series.is_violated[row].sum()):,}", *numbers), mark))
    lines.sort(key=lambda line: (line.mark is not Mark.BAD, -int(str(line.cells[4]).replace(",", ""))))
    return PageTable(columns, tuple(lines), f"{len(lines):,} features and metrics")


def _of_windows(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        Column("window"),
        *(Column(title, is_number=True) for title in ("violations", "records")),
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
        cells = (times[place], f"{count:,}", "–" if rows is None else count_text(rows), told)
        lines.append(Line(cells, Mark.BAD if count else Mark.GOOD))
    return PageTable(columns, tuple(lines), f"{len(times):,} windows, the latest first")


def _or_none(number: float) -> float | None:
    return None if np.isnan(number) else float(number)


def _values(numbers: Sequence[float] | np.ndarray) -> tuple[float | None, ...]:  # type: ignore[type-arg]
    return tuple(_or_none(number) for number in numbers)
