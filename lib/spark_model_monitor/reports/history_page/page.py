"""The history of many runs as one page: what is wrong now and since when, over time, all as map and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote

import numpy as np

from spark_model_monitor.documents.check_results import (
    CheckResult,
    CheckResults,
    CheckStatus,
    cause,
    compute_severity,
    format_check,
    format_full_name,
    group_by_cause,
    list_some,
)
from spark_model_monitor.documents.headline import (
    KINDS,
    ONE_VALUE,
    count_changes,
    describe_change,
    describe_evidence,
    describe_move,
    find_kind_of_change,
    format_largest_unseen_change,
    format_window,
    write_headline,
)
from spark_model_monitor.documents.outcome import Outcome, find_unsure_features
from spark_model_monitor.documents.page import (
    MOST_CARDS,
    Card,
    Cards,
    Headline,
    Highlight,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    TableColumn,
    TableLine,
    format_count,
    format_noun_count,
    format_number,
    format_percent,
)
from spark_model_monitor.documents.run_description import RunWindow, format_moment
from spark_model_monitor.monitors.data_quality.report.charts import create_overlay
from spark_model_monitor.reports.history_page.history import History, Series, feature_map
from spark_model_monitor.reports.history_page.over_time import (
    MOST_TICKS,
    hours_of,
    is_of_changes,
    records_of,
    tracks_of,
)
from spark_model_monitor.reports.history_page.past_run import PastRun

READING = (
    "Each column of the drawings is a window; an empty one has no run. A distance is 0 for equal distributions, and of features "
    "the number that is drawn; of metrics it is their value, and the band is the 95 % interval.",
    "Grey bars are the baseline, the blue outline is the last window, over the baseline's bins. Red bars are windows that were "
    "violated, the dashed line is the limit.",
    "For where a number comes from: spark-model-monitor explain FEATURE --run FOLDER.",
)


@dataclass(frozen=True, slots=True)
class PageContext:
    """Further data. baselines: by their runs' ids. outputs: features that are outputs of a model. links: to the pages
    of runs, by their folders.
    """

    baselines: Mapping[str, PastRun] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)


MOST_NAMED = 5  # names in a window's line

_CALM = (
    *(
        TableColumn("feature or metric", is_name=True),
        TableColumn("baseline and last window"),
        TableColumn("before", is_number=True),
    ),
    *(TableColumn("now", is_number=True), TableColumn("no change larger than"), TableColumn("missing", is_number=True)),
    TableColumn("over time"),
)


def page_of(history: History, title: str, known: PageContext, most_bytes: int, judged: Sequence[CheckResults]) -> Page:
    """most_bytes: limit of the page's map; the page says what is left out. judged: check results of the last run of
    each monitor, empty if no file has them.
    """
    times = history.labels
    cards: list[Card] = []
    unsure_cards: list[Card] = []
    tables: list[PageTable] = []
    earlier_tables: list[PageTable] = []
    counts = []
    for series, results in zip(history.series, judged, strict=True):
        by_name: dict[str, list[CheckResult]] = {}
        checks = results.current_checks
        for check_result in checks or series.last[1].violation_results:
            by_name.setdefault(format_full_name(check_result), []).append(check_result)
        found = {row: by_name.get(name, []) for row, name in enumerate(series.names)}
        bad = [row for row in found if series.is_violated[row, series.last[0]]]
        bad.sort(key=lambda row: _rank(series.names[row] in known.outputs, found[row]))
        twins: dict[str, list[int]] = {}
        for row in bad:
            metric = next((each for each in found[row] if each.metric), None)
            twins.setdefault(cause(metric) if metric else series.names[row], []).append(row)
        cards += [_card(history, series, rows, found[rows[0]], known) for rows in twins.values()]
        unsure = _unsure_cards(history, series, checks)
        unsure_cards += unsure
        unsure_names = {card.of for card in unsure}
        calm = [row for row in found if row not in bad and series.names[row] not in unsure_names]
        caption = ""
        if len(history.series) > 1:
            caption = f"{series.model}, {_kind(series)}" if history.has_models else _kind(series)
        was_violated: list[bool] = np.any(series.is_violated, axis=1, keepdims=False).tolist()
        num_earlier = sum(was_violated[row] for row in calm)
        for rows, own_tables in (
            ([row for row in calm if not was_violated[row]], tables),
            ([row for row in calm if was_violated[row]], earlier_tables),
        ):
            lines = tuple(_line(history, series, row, found[row], known) for row in rows)
            if lines:
                own_tables.append(PageTable(_CALM, lines, caption).drop_empty_columns())
        changed, compared, unit = count_changes(checks or series.last[1].results())
        calm_count = max(compared - len(changed) - len(unsure) - num_earlier, 0)
        counts.append((len(changed), calm_count, compared, f"{unit}{'' if compared == 1 else 's'}"))
    drawn = tracks_of(history, times, known.links)
    sections = [PageSection("The day" if len(_days(history)) == 1 else "Over time", (drawn,))]
    for series, results in zip(history.series, judged, strict=True):
        if said := find_kind_of_change(results.current_checks or series.last[1].results()):
            if history.has_models:
                whose = f"the last window of {series.model}"
            else:
                whose = "the last window with labels"
            sections.append(PageSection("What kind of change", (said,), note=whose))
    if cards:
        note = f"{', '.join(f'{bad:,} of {count:,} {unit}' for bad, _, count, unit in counts)}; the largest first"
        sections.append(PageSection("Changed now", (Cards(tuple(cards), ("baseline", "last window")),), note=note))
    if cards:
        name = quote(cards[0].name.rpartition(": ")[2])
        place = _latest(history).place
        told = f"spark-model-monitor explain {name} --run {place} derives its numbers."
        sections.append(
            PageSection("What to do next", (f"Open the last run (top right), which has its checks. {told}",))
        )
    if unsure_cards:
        note = "in the last window nobody can tell; each says why, and what to do"
        sections.append(PageSection("May have changed", (Cards(tuple(unsure_cards)),), note=note))
    if earlier_tables:
        note = "violated in an earlier window, not in the last one; red bars show when"
        sections.append(PageSection("Changed before", tuple(earlier_tables), note=note))
    if tables:
        note = ", ".join(f"{calm_count:,} of {count:,} {unit}" for _, calm_count, count, unit in counts)
        sections.append(PageSection("No change seen", tuple(tables), note=f"{note} in the last window"))
    shown = feature_map(history.series, times, known.baselines, most_bytes)
    sections.append(PageSection("Every feature, every window", tuple(shown)))
    sections.append(PageSection("All windows", (_of_windows(history, times),), folded=True))
    if history.unread:
        table = PageTable(
            (TableColumn("folder", is_name=True), TableColumn("problem")),
            tuple(TableLine((each.place, each.problem.replace(each.folder, each.place))) for each in history.unread),
        )
        sections.append(PageSection("Runs that can't be read", (table,)))
    sections.append(PageSection("How to read this", READING, folded=True))
    kinds = dict.fromkeys(_kind(series) for series in history.series)
    run_window = RunWindow(start=format_moment(history.windows[0][0]), end=format_moment(history.windows[-1][1]))
    is_timed = times[0].startswith(f"{history.windows[0][0]:%Y-%m-%d}")
    if is_timed:
        span = format_window(run_window)
    else:
        span = " to ".join(dict.fromkeys((times[0], times[-1])))
    links = known.links.get(_latest(history).folder)
    return Page(
        *("history", title, _facts(history), tuple(sections), _headline(history, judged, known.outputs)),
        trail=(title, span, ", ".join(kinds)),
        links=(("the last run", links),) if links else (),
        html_only=True,
    )


def _headline(history: History, judged: Sequence[CheckResults], outputs: frozenset[str]) -> Headline:
    """The sentences of the last runs together: those with violations first, with the previous state."""
    told = []
    for series, results in zip(history.series, judged, strict=True):
        place, run = series.last
        start, end = history.windows[place]
        window = RunWindow(start=format_moment(start), end=format_moment(end))
        told_of = results.current_checks or run.results()
        headline = write_headline(told_of, window, outputs, results.hints or ())
        told.append(
            Headline(f"{series.model}: {headline.text}", headline.detail, headline.mark)
            if history.has_models
            else headline
        )
    order = (Highlight.BAD, Highlight.UNSURE, Highlight.NONE, Highlight.GOOD)
    first, *others = sorted(told, key=lambda each: order.index(each.mark))
    since = history.alert_since()
    counts = [count for count in history.run_violations() if count is not None]
    bad = sum(map(bool, counts))
    if since is None:
        if first.mark in (Highlight.GOOD, Highlight.UNSURE):
            calm = first.text
        else:
            calm = f"No alert. {first.text}"
        many = f"{bad:,} of the" if bad else "None of the"
        past = ""
        if len(counts) > 1:
            past = f"{many} {format_noun_count(len(counts), 'window')} had violations."
        said = " ".join(part for part in (first.detail, *(each.text for each in others), past) if part)
        return Headline(calm, said, first.mark)
    earlier = [not count for count in history.run_violations()[:since] if count is not None]
    before = ""
    if len(earlier) == 1:
        before = f"The window before had {'no violation' if all(earlier) else 'violations, too'}."
    elif all(earlier) and earlier:
        before = f"The {len(earlier):,} windows before had no violation."
    elif earlier:
        before = f"{sum(earlier):,} of the {len(earlier):,} windows before had no violation."
    said = " ".join(part for part in (first.detail, *(each.text for each in others), before) if part)
    time = _time(history, since)
    text = first.text
    for told_twice in (f", all since {time}", f", the first of them since {time}", f", since {time}", f" at {time}"):
        text = text.replace(told_twice, "")
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
    unsure = history.run_outcomes().count(Outcome.CANNOT_TELL)
    if unsure:
        facts.append(("windows that may have changed", f"{unsure:,}"))
    records = records_of(history)
    if any(count is not None for count in records):
        facts.append(("records", format_count(sum(count or 0 for count in records))))
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


def _rank(is_output: bool, results: Sequence[CheckResult]) -> tuple[bool, float, float]:
    bad = [each for each in results if each.status is CheckStatus.VIOLATED]
    first = min((each.alarm for each in bad if each.alarm and not is_output), default=float("inf"))
    size = max(((each.distance or 0.0) if is_output else compute_severity(each) for each in bad), default=0.0)
    return is_output, first, -size


def _card(
    history: History, series: Series, twins: Sequence[int], results: Sequence[CheckResult], known: PageContext
) -> Card:
    """twins: the row of a feature, or the rows of metrics that say the same."""
    (_, run), row = series.last, twins[0]
    name = series.names[row]
    times = history.labels
    first = next((alike[0] for alike in group_by_cause(results)), None)
    baseline = known.baselines.get(run.baseline_run_id or "")
    since = series.since(row)
    violated = int(series.is_violated[row].sum())
    when = ""
    if since is not None:
        when = f"since {_time(history, since)}, {violated:,} of {format_noun_count(len(series.ran), 'window')}"
    of = "value" if series.is_metric[row] else "mean"
    now = run.number(of, name)
    before = baseline.number(of, name) if baseline else None
    change = ""
    by = ""
    if first is not None:
        change = describe_change(first)
    if now is not None and before is not None and not (first and first.change and ONE_VALUE in first.change):
        what = "attribution" if is_of_changes(series) else of
        change = f"{what} {format_number(before)} → {format_number(now)}"
        by = describe_move(before, now)[1]
    change = change or ", ".join(check.removesuffix("_check").replace("_", " ") for check in run.violated.get(name, ()))
    limit = run.number("threshold", name)
    picture: Overlay | PointChart | None = overlay_of(run, name, baseline)
    if picture is None and (value := run.number(of if series.is_metric[row] else "distance", name)) is not None:
        reference = before if before is not None else limit
        interval = (None, None) if is_of_changes(series) else (run.number("low", name), run.number("high", name))
        ends = None
        if None not in interval:
            ends = (interval[0] or 0.0, interval[1] or 0.0)
        top = max(abs(value), abs(reference or 0.0), *(abs(end) for end in ends or (0.0,))) or 1.0
        span = (-top if min(value, reference or 0.0) < 0 else 0.0, top)
        label = "baseline" if before is not None else "limit"
        point = Point("now", value, reference, ends, Highlight.BAD)
        picture = PointChart(name, (point, Point(label, reference)), span, reference_label=label)
    hints: tuple[str, ...] = ("a model output: it follows its inputs",) if name in known.outputs else ()
    hints += ("another unit?",) if first and "another unit?" in (first.change or "") else ()
    also = [format_check(each) for each in results if each.status is CheckStatus.VIOLATED and each is not first]
    also += [series.names[twin] for twin in twins[1:]]
    hints += (f"also: {', '.join(dict.fromkeys(also))}",) if also else ()
    return Card(
        *(f"{series.model}: {name}" if history.has_models else name, change, by, when, picture, hints),
        hours_of(series, row, [_time(history, place) for place in range(len(times))]) if len(times) > 1 else None,
        describe_evidence(first) if first else "",
    )


def _unsure_cards(history: History, series: Series, checks: Sequence[CheckResult]) -> list[Card]:
    """Features and metrics of which the last run could not tell whether they changed."""
    times = [_time(history, position) for position in range(len(history.labels))]
    rows = {name: row for row, name in enumerate(series.names)}
    cards = []
    for feature in find_unsure_features(checks)[:MOST_CARDS]:
        row = rows.get(feature.name)
        hours = None
        if row is not None and len(times) > 1:
            hours = hours_of(series, row, times)
        if history.has_models:
            name = f"{series.model}: {feature.name}"
        else:
            name = feature.name
        advice = (f"To find out: {feature.advice}",) if feature.advice else ()
        reason = feature.reason or ""
        cards.append(Card(name, reason, hints=advice, hours=hours, mark=Highlight.UNSURE, of=feature.name))
    return cards


def _time(history: History, place: int) -> str:
    label = history.labels[place]
    if len(_days(history)) == 1:
        return label.rpartition(" ")[2]
    return label


def _line(history: History, series: Series, row: int, results: Sequence[CheckResult], known: PageContext) -> TableLine:
    _, run = series.last
    name = series.names[row]
    of = "value" if series.is_metric[row] else "mean"
    baseline = known.baselines.get(run.baseline_run_id or "")
    if name in run.places:
        largest = format_largest_unseen_change(results)
    else:
        largest = "not in the last window"
    if results and all(each.status is CheckStatus.NOT_JUDGED for each in results):
        largest = results[0].reason or "not judged"
    lacking = " → ".join(dict.fromkeys(_lacking(each, name) for each in (baseline or run, run)))
    return TableLine(
        (
            f"{series.model}: {name}" if history.has_models else name,
            overlay_of(run, name, baseline) or "–",
            format_number(baseline.number(of, name) if baseline else None),
            format_number(run.number(of, name)),
            largest,
            lacking,
            hours_of(series, row, (), MOST_TICKS),
        )
    )


def _lacking(run: PastRun, name: str) -> str:
    present = run.number("present", name)
    missing = run.number("missing", name)
    if present is None or missing is None or not present + missing:
        return "–"
    return format_percent(missing / (present + missing))


def overlay_of(run: PastRun, name: str, baseline: PastRun | None) -> Overlay | None:
    """A feature's distribution in a run, compared with its baseline's; None if unknown."""
    now = run.shares_of(name)
    if now is None:
        return None
    bins = run.bins.get(name) or ()
    before = (baseline.shares_of(name) if baseline else None) or [0.0] * len(now)
    words = f"{now[-1]:.1%} beyond the last bin"
    if len(bins) == 2 and not isinstance(bins[0], str):
        return create_overlay([np.array(before), np.array(now)], words, (float(bins[0]), float(bins[1])))
    kept = [place for place in range(len(now)) if place < len(bins) or place >= len(now) - 2]
    names = [*map(str, bins[: len(now) - 2]), "others", "new"]
    return create_overlay([np.array(side)[kept] for side in (before, now)], words, names=names)


def _of_windows(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        TableColumn("window"),
        *(TableColumn(title, is_number=True) for title in ("violations", "records")),
        TableColumn("what"),
    )
    records = records_of(history) or [None] * len(times)
    lines = []
    for place in reversed(range(len(times))):
        runs = [series.runs[place] for series in history.series if place in series.runs]
        if not runs:
            lines.append(TableLine((times[place], "–", "–", "no run")))
            continue
        names = [name for run in runs for name in run.violated]
        count = sum(run.violations for run in runs)
        texts = [list_some(names, MOST_NAMED)] if names else []
        unsure = [name for run in runs for name in run.unsure]
        if unsure:
            texts.append(f"may have changed: {list_some(unsure, MOST_NAMED)}")
        rows = records[place]
        cells = (times[place], f"{count:,}", "–" if rows is None else format_count(rows), "; ".join(texts))
        lines.append(TableLine(cells, Highlight.BAD if count else Highlight.UNSURE if unsure else Highlight.GOOD))
    return PageTable(columns, tuple(lines), f"{format_noun_count(len(times), 'window')}, the latest first")
