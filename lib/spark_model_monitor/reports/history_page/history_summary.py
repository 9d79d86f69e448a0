"""The history of many runs as one page: what is wrong now and since when, over time, all as map and tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote

import numpy as np

from spark_model_monitor.documents.change_description import (
    ONE_VALUE,
    describe_change,
    describe_evidence,
    describe_move,
    format_window,
)
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
    count_changes,
    find_kind_of_change,
    format_largest_unseen_change,
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
from spark_model_monitor.reports.history_page.history import History, Series, create_feature_map
from spark_model_monitor.reports.history_page.over_time import (
    MOST_TICKS,
    count_records,
    create_hours,
    create_tracks,
    is_of_changes,
    mark_window,
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
    TableColumn("feature or metric", is_name=True),
    TableColumn("baseline and last window"),
    TableColumn("before", is_number=True),
    TableColumn("now", is_number=True),
    TableColumn("no change larger than"),
    TableColumn("missing", is_number=True),
    TableColumn("over time"),
)


def create_history_page(
    history: History, title: str, context: PageContext, most_bytes: int, judged: Sequence[CheckResults]
) -> Page:
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
        # The results of the last run by name, from checks.json or, for the service's runs, from its texts
        by_name: dict[str, list[CheckResult]] = {}
        checks = results.checks
        for check_result in checks or series.last[1].violation_results:
            by_name.setdefault(format_full_name(check_result), []).append(check_result)
        results_by_row = {row: by_name.get(name, []) for row, name in enumerate(series.names)}
        # What is violated now, the inputs before the outputs that follow them
        bad = [row for row in results_by_row if series.is_violated[row, series.last[0]]]
        bad.sort(key=lambda row: _rank_results(series.names[row] in context.outputs, results_by_row[row]))
        # Metrics that say the same share one card
        twins: dict[str, list[int]] = {}
        for row in bad:
            metric = next((feature_result for feature_result in results_by_row[row] if feature_result.metric), None)
            twins.setdefault(cause(metric) if metric else series.names[row], []).append(row)
        cards += [_create_card(history, series, rows, results_by_row[rows[0]], context) for rows in twins.values()]
        # Each name stands in one place: changed, maybe changed, changed before, or calm
        unsure = _create_unsure_cards(history, series, checks)
        unsure_cards += unsure
        unsure_names = {card.of for card in unsure}
        calm = [row for row in results_by_row if row not in bad and series.names[row] not in unsure_names]
        # Captions only if there is something to tell apart
        caption = ""
        if len(history.series) > 1:
            caption = f"{series.model}, {_name_kind(series)}" if history.has_models else _name_kind(series)
        was_violated: list[bool] = np.any(series.is_violated, axis=1, keepdims=False).tolist()
        num_earlier = sum(was_violated[row] for row in calm)
        # Calm now: those that never were violated, and those that were in an earlier window
        for rows, own_tables in (
            ([row for row in calm if not was_violated[row]], tables),
            ([row for row in calm if was_violated[row]], earlier_tables),
        ):
            lines = tuple(_create_line(history, series, row, results_by_row[row], context) for row in rows)
            if lines:
                own_tables.append(PageTable(_CALM, lines, caption).drop_empty_columns())
        # Counts for the notes of sections; names that weren't compared count nowhere
        changed, compared, unit = count_changes(checks or series.last[1].results())
        calm_count = max(compared - len(changed) - len(unsure) - num_earlier, 0)
        # How many there are is unknown to a file of violations
        changed_count = f"{len(changed):,}"
        if not series.last[1].are_violations_alone:
            changed_count += f" of {compared:,}"
        # Several of them end with an s
        units = unit
        if compared != 1:
            units += "s"
        counts.append((changed_count, calm_count, compared, units))
    # The sections, from time to detail
    drawn = create_tracks(history, times, context.links)
    sections = [PageSection("The day" if history.is_one_day else "Over time", (drawn,))]
    for series, results in zip(history.series, judged, strict=True):
        if kind_of_change := find_kind_of_change(results.checks or series.last[1].results()):
            # Which run the kind of change is about
            if history.has_models:
                whose = f"the last window of {series.model}"
            else:
                whose = "the last window with labels"
            sections.append(PageSection("What kind of change", (kind_of_change,), note=whose))
    # What to act on, then what to do about it
    if cards:
        listed = ", ".join(f"{bad} {unit}" for bad, _, _, unit in counts)
        note = f"{listed}; the largest first"
        changed_cards = Cards(tuple(cards), ("baseline", "last window"))
        sections.append(PageSection("Changed now", (changed_cards,), note=note))
        # A card's name may begin with its model; the command wants the feature, quoted for a shell
        name = quote(cards[0].name.rpartition(": ")[2])
        folder = _find_latest_run(history).place
        explain_hint = f"spark-model-monitor explain {name} --run {folder} derives its numbers."
        next_step = f"Open the last run (top right), which has its checks. {explain_hint}"
        sections.append(PageSection("What to do next", (next_step,)))
    if unsure_cards:
        note = "in the last window nobody can tell; each says why, and what to do"
        sections.append(PageSection("May have changed", (Cards(tuple(unsure_cards)),), note=note))
    if earlier_tables:
        note = "violated in an earlier window, not in the last one; red bars show when"
        sections.append(PageSection("Changed before", tuple(earlier_tables), note=note))
    if tables:
        note = ", ".join(f"{calm_count:,} of {count:,} {unit}" for _, calm_count, count, unit in counts if count)
        if note:
            sections.append(PageSection("No change seen", tuple(tables), note=f"{note} in the last window"))
        else:
            sections.append(PageSection("Not compared", tuple(tables)))
    # What a reader looks up: drawings and tables of everything
    shown = create_feature_map(history.series, times, context.baselines, most_bytes)
    sections.append(PageSection("Every feature, every window", tuple(shown)))
    sections.append(PageSection("All windows", (_create_window_table(history, times),), folded=True))
    if history.unread:
        table = PageTable(
            (TableColumn("folder", is_name=True), TableColumn("problem")),
            tuple(
                TableLine((unread_run.place, unread_run.problem.replace(unread_run.folder, unread_run.place)))
                for unread_run in history.unread
            ),
        )
        sections.append(PageSection("Runs that aren't shown", (table,)))
    sections.append(PageSection("How to read this", READING, folded=True))
    # Title, span and links
    kinds = dict.fromkeys(_name_kind(series) for series in history.series)
    run_window = RunWindow(start=format_moment(history.windows[0][0]), end=format_moment(history.windows[-1][1]))
    # Labels are folders' names if no run has a window; then made-up times must not appear
    is_timed = times[0].startswith(f"{history.windows[0][0]:%Y-%m-%d}")
    if is_timed:
        span = format_window(run_window)
    else:
        span = " to ".join(dict.fromkeys((times[0], times[-1])))
    links = context.links.get(_find_latest_run(history).folder)
    return Page(
        *("history", title, _list_facts(history), tuple(sections), _write_headline(history, judged, context.outputs)),
        trail=(title, span, ", ".join(kinds)),
        links=(("the last run", links),) if links else (),
        html_only=True,
    )


def _write_headline(history: History, judged: Sequence[CheckResults], outputs: frozenset[str]) -> Headline:
    """The sentences of the last runs together: those with violations first, with the previous state."""
    headlines = []
    for series, results in zip(history.series, judged, strict=True):
        # Each monitor's last run in its own words
        index, run = series.last
        start, end = history.windows[index]
        window = RunWindow(start=format_moment(start), end=format_moment(end))
        reported_checks = results.checks or run.results()
        headline = write_headline(
            reported_checks,
            window,
            outputs,
            results.hints or (),
            are_violations_alone=run.are_violations_alone,
        )
        if history.has_models:
            headline = replace(headline, text=f"{series.model}: {headline.text}")
        headlines.append(headline)
    # The worst sentence leads, the others follow as details
    order = (Highlight.BAD, Highlight.UNSURE, Highlight.NONE, Highlight.GOOD)
    first, *further_headlines = sorted(headlines, key=lambda further_headline: order.index(further_headline.mark))
    # Without an alert, the sentence still says how often there were violations
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
        detail = " ".join(
            part
            for part in (first.detail, *(further_headline.text for further_headline in further_headlines), past)
            if part
        )
        return replace(first, text=calm, detail=detail)
    # What was before the alert: a first alert means more than one of many
    earlier = [not count for count in history.run_violations()[:since] if count is not None]
    before = ""
    if len(earlier) == 1:
        before = f"The window before had {'no violation' if all(earlier) else 'violations, too'}."
    elif all(earlier) and earlier:
        before = f"The {len(earlier):,} windows before had no violation."
    elif earlier:
        before = f"{sum(earlier):,} of the {len(earlier):,} windows before had no violation."
    detail = " ".join(
        part
        for part in (first.detail, *(further_headline.text for further_headline in further_headlines), before)
        if part
    )
    # The headline begins with the time, so the sentence of the run needs none
    time = _format_time(history, since)
    text = first.text
    for told_twice in (f", the first since {time}", f", since {time}"):
        text = text.replace(told_twice, "")
    return replace(first, text=f"In alert since {time}: {text}", detail=detail)


def _name_kind(series: Series) -> str:
    return KINDS.get(series.analysis_type, series.analysis_type)


def _find_latest_run(history: History) -> PastRun:
    return max((series.last for series in history.series), key=lambda indexed_run: indexed_run[0])[1]


def _list_facts(history: History) -> tuple[tuple[str, str], ...]:
    counts = [count for count in history.run_violations() if count is not None]
    facts = []
    if counts:
        facts.append(("windows with violations", f"{sum(map(bool, counts)):,} of {len(counts):,}"))
    if history.unread:
        shown = sum(len(series.runs) for series in history.series)
        facts.append(("runs shown", f"{shown:,} of {shown + len(history.unread):,}"))
    unsure = history.run_outcomes().count(Outcome.CANNOT_TELL)
    if unsure:
        facts.append(("windows that may have changed", f"{unsure:,}"))
    records = count_records(history)
    if any(count is not None for count in records):
        facts.append(("records", format_count(sum(count or 0 for count in records))))
    # Several baselines one after another are a number; ids of dozens would fill the line
    ids = [dict.fromkeys(run.baseline_run_id for run in series.runs.values()) for series in history.series]
    baseline_ids = [present_ids for run_ids in ids if (present_ids := list(filter(None, run_ids)))]
    if baseline_ids:
        facts.append(
            (
                "baseline",
                ", ".join(
                    run_ids[0][:8] if len(run_ids) == 1 else f"{len(run_ids)} after each other"
                    for run_ids in baseline_ids
                ),
            )
        )
    return tuple(facts)


def _rank_results(is_output: bool, results: Sequence[CheckResult]) -> tuple[bool, float, float]:
    bad = [violation for violation in results if violation.status is CheckStatus.VIOLATED]
    # An output's alarm is a consequence, so its order among alarms says nothing
    first = min((violation.alarm for violation in bad if violation.alarm and not is_output), default=float("inf"))
    size = max(
        ((violation.distance or 0.0) if is_output else compute_severity(violation) for violation in bad), default=0.0
    )
    return is_output, first, -size


def _create_card(
    history: History, series: Series, twins: Sequence[int], results: Sequence[CheckResult], context: PageContext
) -> Card:
    """twins: the row of a feature, or the rows of metrics that say the same."""
    (_, run), row = series.last, twins[0]
    name = series.names[row]
    times = history.labels
    first = next((causes[0] for causes in group_by_cause(results)), None)
    # Since when, and how often
    baseline = context.baselines.get(run.baseline_run_id or "")
    since = series.since(row)
    violated = int(series.is_violated[row].sum())
    when = ""
    if since is not None:
        when = f"since {_format_time(history, since)}, {violated:,} of {format_noun_count(len(series.ran), 'window')}"
    # The change in words: of checks.json if there is one, of two numbers otherwise
    column = "value" if series.is_metric[row] else "mean"
    now = run.number(column, name)
    before = baseline.number(column, name) if baseline else None
    change = ""
    by = ""
    if first is not None:
        change = describe_change(first)
    # A column that has one value only is described by that, not by its mean
    if now is not None and before is not None and not (first and first.change and ONE_VALUE in first.change):
        quantity = "attribution" if is_of_changes(series) else column
        change = f"{quantity} {format_number(before)} → {format_number(now)}"
        by = describe_move(before, now)[1]
    change = change or ", ".join(check.removesuffix("_check").replace("_", " ") for check in run.violated.get(name, ()))
    # The picture: a distribution, or a point with its interval and what it is compared with
    limit = run.number("threshold", name)
    picture: Overlay | PointChart | None = draw_run_overlay(run, name, baseline)
    if picture is None and (value := run.number(column if series.is_metric[row] else "distance", name)) is not None:
        reference = before if before is not None else limit
        interval = (None, None) if is_of_changes(series) else (run.number("low", name), run.number("high", name))
        ends = None
        if None not in interval:
            ends = (interval[0] or 0.0, interval[1] or 0.0)
        # The axis has 0 and all that is drawn
        top = max(abs(value), abs(reference or 0.0), *(abs(end) for end in ends or (0.0,))) or 1.0
        span = (-top if min(value, reference or 0.0) < 0 else 0.0, top)
        label = "baseline" if before is not None else "limit"
        point = Point("now", value, reference, ends, Highlight.BAD)
        picture = PointChart(name, (point, Point(label, reference)), span, reference_label=label)
    # Hints for whoever looks for the cause
    hints: tuple[str, ...] = ("a model output: it follows its inputs",) if name in context.outputs else ()
    if first is not None and first.guess:
        hints += (first.guess,)
    also = [
        format_check(check_result)
        for check_result in results
        if check_result.status is CheckStatus.VIOLATED and check_result is not first
    ]
    also += [series.names[twin] for twin in twins[1:]]
    hints += (f"also: {', '.join(dict.fromkeys(also))}",) if also else ()
    return Card(
        *(f"{series.model}: {name}" if history.has_models else name, change, by, when, picture, hints),
        create_hours(series, row, [_format_time(history, index) for index in range(len(times))])
        if len(times) > 1
        else None,
        describe_evidence(first) if first else "",
    )


def _create_unsure_cards(history: History, series: Series, checks: Sequence[CheckResult]) -> list[Card]:
    """Features and metrics of which the last run could not tell whether they changed."""
    times = [_format_time(history, position) for position in range(len(history.labels))]
    rows = {name: row for row, name in enumerate(series.names)}
    cards = []
    for feature in find_unsure_features(checks)[:MOST_CARDS]:
        row = rows.get(feature.name)
        hours = None
        # One bar alone shows nothing
        if row is not None and len(times) > 1:
            hours = create_hours(series, row, times)
        if history.has_models:
            name = f"{series.model}: {feature.name}"
        else:
            name = feature.name
        advice = (f"To find out: {feature.advice}",) if feature.advice else ()
        reason = feature.reason or ""
        cards.append(Card(name, reason, hints=advice, hours=hours, mark=Highlight.UNSURE, of=feature.name))
    return cards


def _format_time(history: History, index: int) -> str:
    label = history.labels[index]
    if history.is_one_day:
        return label.rpartition(" ")[2]
    return label


def _create_line(
    history: History, series: Series, row: int, results: Sequence[CheckResult], context: PageContext
) -> TableLine:
    _, run = series.last
    name = series.names[row]
    column = "value" if series.is_metric[row] else "mean"
    baseline = context.baselines.get(run.baseline_run_id or "")
    if name in run.places:
        largest = format_largest_unseen_change(results)
    else:
        largest = "not in the last window"
    # The reason replaces a number that would look like a result
    if results and all(check_result.status is CheckStatus.NOT_JUDGED for check_result in results):
        largest = results[0].reason or "not judged"
    # One number if the share of missing values is the baseline's
    lacking = " → ".join(dict.fromkeys(_format_missing(check_result, name) for check_result in (baseline or run, run)))
    return TableLine(
        (
            f"{series.model}: {name}" if history.has_models else name,
            draw_run_overlay(run, name, baseline) or "–",
            format_number(baseline.number(column, name) if baseline else None),
            format_number(run.number(column, name)),
            largest,
            lacking,
            create_hours(series, row, (), MOST_TICKS),
        )
    )


def _format_missing(run: PastRun, name: str) -> str:
    present = run.number("present", name)
    missing = run.number("missing", name)
    if present is None or missing is None or not present + missing:
        return "–"
    return format_percent(missing / (present + missing))


def draw_run_overlay(run: PastRun, name: str, baseline: PastRun | None) -> Overlay | None:
    """A feature's distribution in a run, compared with its baseline's; None if unknown."""
    now = run.bin_shares(name)
    if now is None:
        return None
    bins = run.bins.get(name) or ()
    before = (baseline.bin_shares(name) if baseline else None) or [0.0] * len(now)
    words = f"{now[-1]:.1%} beyond the last bin"
    # Numbers have the ends of an axis; categories have names, then `others` and `new`
    if len(bins) == 2 and not isinstance(bins[0], str):
        return create_overlay([np.array(before), np.array(now)], words, (float(bins[0]), float(bins[1])))
    # Bins without a category are empty: columns with few values use fewer than there are
    shown_bins = [index for index in range(len(now)) if index < len(bins) or index >= len(now) - 2]
    names = [*map(str, bins[: len(now) - 2]), "others", "new"]
    return create_overlay([np.array(shares)[shown_bins] for shares in (before, now)], words, names=names)


def _create_window_table(history: History, times: Sequence[str]) -> PageTable:
    columns = (
        TableColumn("window"),
        *(TableColumn(title, is_number=True) for title in ("violations", "records")),
        TableColumn("what"),
    )
    # Lines for windows without a run, too: a gap is news
    records = count_records(history) or [None] * len(times)
    outcomes = history.run_outcomes()
    lines = []
    for index in reversed(range(len(times))):
        runs = [series.runs[index] for series in history.series if index in series.runs]
        if not runs:
            lines.append(TableLine((times[index], "–", "–", "no run")))
            continue
        names = [name for run in runs for name in run.violated]
        count = sum(run.violations for run in runs)
        texts = [list_some(names, MOST_NAMED)] if names else []
        unsure = [name for run in runs for name in run.unsure]
        if unsure:
            texts.append(f"may have changed: {list_some(unsure, MOST_NAMED)}")
        # Names are cut to a few; the run's page has them all
        rows = records[index]
        # A window in which nothing was judged is not fine
        mark = mark_window(count, outcomes[index])
        if mark is Highlight.NONE:
            texts.append("nothing was judged")
        cells = (times[index], f"{count:,}", "–" if rows is None else format_count(rows), "; ".join(texts))
        lines.append(TableLine(cells, mark))
    return PageTable(columns, tuple(lines), f"{format_noun_count(len(times), 'window')}, the latest first")
