"""The history of many runs as one page: what is wrong and since when, the windows over time, and everything as map and tables.

It reads no files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from operator import attrgetter
from shlex import quote

import numpy as np

from spark_model_monitor.documents.change_description import format_window
from spark_model_monitor.documents.check_results import CheckResult, CheckResults
from spark_model_monitor.documents.headline import write_headline
from spark_model_monitor.documents.outcome import Outcome, group_by
from spark_model_monitor.documents.page import (
    Headline,
    Highlight,
    Overlay,
    Page,
    PageSection,
    PageTable,
    Picture,
    Point,
    PointChart,
    TableLine,
    build_table,
    create_reading_guide,
    format_count,
    format_noun_count,
    format_number,
    format_percent,
    list_names,
)
from spark_model_monitor.documents.run_changes import DEEQU_METRICS, KINDS, describe_drift_type
from spark_model_monitor.documents.run_description import RunWindow, format_moment
from spark_model_monitor.monitors.change_cards import FeatureLine, PageFeature, create_change_sections
from spark_model_monitor.monitors.data_quality.report.charts import create_overlay
from spark_model_monitor.reports.history_page.history import History, Series, create_feature_map
from spark_model_monitor.reports.history_page.over_time import (
    MAX_TICKS,
    count_records,
    create_hours,
    create_tracks,
    is_of_changes,
    mark_window,
)
from spark_model_monitor.reports.history_page.past_run import PastRun
from spark_model_monitor.value_class import value_class

READING = (
    "Each column of the drawings is a window; an empty one has no run. A distance is 0 for equal distributions, and of features "
    "the number that is drawn; of metrics it is their value, and the band is the 95 % interval.",
    "Grey bars are the baseline, the blue outline is the last window, over the baseline's bins. Red bars are windows that were "
    "violated, the dashed line is the limit.",
    "For where a number comes from: spark-model-monitor explain --run FOLDER -- FEATURE.",
)


@value_class
class PageContext:
    """The data of a page besides the history. baselines: the baselines by their runs' ids. outputs: the features that are outputs
    of a model. links: the links to the pages of runs, by the runs' folders.
    """

    baselines: Mapping[str, PastRun] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)


MAX_NAMES = 5  # most names in a window's line


def create_history_page(
    history: History, title: str, context: PageContext, most_bytes: int, judged: Sequence[CheckResults]
) -> Page:
    """The page of a history.

    most_bytes: maximum size of the page's map, which says what it leaves out. judged: the results of each monitor's last run.
    """
    # The windows over time
    tracks = create_tracks(history, context.links)
    sections = [PageSection("The day" if history.is_one_day else "Over time", (tracks,))]
    for series, results in zip(history.series, judged, strict=True):
        if kind_of_change := describe_drift_type(results.checks):
            # The phrase for the run that has this kind of change
            run_phrase = "the last window with labels"
            if history.has_models:
                run_phrase = f"the last window of {series.model}"
            sections.append(PageSection("What kind of change", (kind_of_change,), note=run_phrase))
    # The changed features, and what to do about them
    features_by_caption = _group_features(history, judged, context)
    change_sections = create_change_sections(features_by_caption, ("baseline", "last window"))
    changed = [feature for features in features_by_caption.values() for feature in features if feature.violations]
    if changed:
        next_step = _write_next_step(history, changed)
        change_sections.insert(1, PageSection("What to do next", (next_step,)))
    sections += change_sections
    # Drawings and tables of everything that was examined
    feature_map = create_feature_map(history, context.baselines, most_bytes)
    sections.append(PageSection("Every feature, every window", tuple(feature_map)))
    sections.append(PageSection("All windows", (_create_window_table(history),), folded=True))
    if history.unread:
        rows = [(unread.path_end, unread.problem.replace(unread.folder, unread.path_end)) for unread in history.unread]
        table = build_table(("folder", "problem"), rows, names=("folder",))
        sections.append(PageSection("Runs that aren't shown", (table,)))
    sections.append(create_reading_guide(READING))
    # Title, span and links
    kinds = dict.fromkeys(map(_name_kind, history.series))
    link = context.links.get(_find_latest_run(history).identity.folder)
    return Page(
        "history",
        title,
        _list_facts(history),
        tuple(sections),
        _write_headline(history, judged, context.outputs),
        trail=(title, _format_span(history), ", ".join(kinds)),
        links=(("the last run", link),) if link else (),
        html_only=True,
    )


def _group_features(
    history: History, judged: Sequence[CheckResults], context: PageContext
) -> dict[str, list[PageFeature]]:
    """By caption: the features or metrics of a monitor. There are captions only if there are several monitors."""
    features_by_caption: dict[str, list[PageFeature]] = {}
    for series, results in zip(history.series, judged, strict=True):
        # The results of the last run by name
        results_by_name = group_by(results.checks, attrgetter("full_name"))
        caption = ""
        if len(history.series) > 1:
            caption = _name_with_model(history, series, _name_kind(series))
        features_by_caption[caption] = [
            _create_feature(history, series, row, results_by_name.get(name, []), context)
            for row, name in enumerate(series.names)
        ]
    return features_by_caption


def _write_next_step(history: History, changed: Sequence[PageFeature]) -> str:
    # The name and the path are quoted for a shell
    name = quote(min(changed, key=attrgetter("rank")).name)
    folder = quote(_find_latest_run(history).path_end.removeprefix("…/"))
    return (
        "Open the last run (top right), which has its checks. "
        f"In the folder that has {folder}, spark-model-monitor explain --run {folder} -- {name} derives its numbers."
    )


def _format_span(history: History) -> str:
    """The time of all windows. If no run has a window, the labels are names of folders, and the history's times are invented."""
    first = history.labels[0]
    start = history.windows[0][0]
    if first.startswith(f"{start:%Y-%m-%d}"):
        return format_window(RunWindow(start=format_moment(start), end=format_moment(history.windows[-1][1])))
    return " to ".join(dict.fromkeys((first, history.labels[-1])))


def _write_headline(history: History, judged: Sequence[CheckResults], outputs: frozenset[str]) -> Headline:
    """The headlines of all monitors' last runs as one: the worst first, with the previous state of the alert."""
    headlines = []
    for series, results in zip(history.series, judged, strict=True):
        # The headline of this monitor's last run
        run = series.last_run
        start, end = history.windows[series.last_index]
        window = RunWindow(start=format_moment(start), end=format_moment(end))
        headline = write_headline(
            results.checks, window, outputs, results.hints or (), are_violations_alone=run.are_violations_alone
        )
        if series.analysis_type == DEEQU_METRICS:
            headline = Headline("These metrics of Deequ are imported, and not judged.")
        headlines.append(replace(headline, text=_name_with_model(history, series, headline.text)))
    # The worst headline comes first; the others become details, with the number of windows that had violations
    order = (Highlight.BAD, Highlight.UNSURE, Highlight.NONE, Highlight.GOOD)
    first, *further_headlines = sorted(headlines, key=lambda headline: order.index(headline.mark))
    details = [first.detail, *(headline.text for headline in further_headlines)]
    counts = [count for count in history.count_violations() if count is not None]
    num_bad = sum(map(bool, counts))
    if len(counts) > 1:
        bad_text = f"{num_bad:,}" if num_bad else "None"
        details.append(f"{bad_text} of the {format_noun_count(len(counts), 'window')} had violations.")
    # Whether there is an alert
    text = first.text
    since = history.find_alert_start()
    if since is not None:
        # The headline begins with the time already
        time = _format_time(history, since)
        for repeated in (f", the first since {time}", f", since {time}"):
            text = text.replace(repeated, "")
        text = f"In alert since {time}: {text}"
    elif first.mark not in (Highlight.GOOD, Highlight.UNSURE):
        text = f"No alert. {text}"
    return replace(first, text=text, detail=" ".join(filter(None, details)))


def _name_kind(series: Series) -> str:
    return KINDS.get(series.analysis_type, series.analysis_type)


def _find_latest_run(history: History) -> PastRun:
    return max(history.series, key=attrgetter("last_index")).last_run


def _list_facts(history: History) -> tuple[tuple[str, str], ...]:
    counts = [count for count in history.count_violations() if count is not None]
    facts = []
    if counts:
        facts.append(("windows with violations", f"{sum(map(bool, counts)):,} of {len(counts):,}"))
    if history.unread:
        num_runs = sum(len(series.runs) for series in history.series)
        facts.append(("runs shown", f"{num_runs:,} of {num_runs + len(history.unread):,}"))
    unsure = history.list_outcomes().count(Outcome.CANNOT_TELL)
    if unsure:
        facts.append(("windows that may have changed", f"{unsure:,}"))
    records = count_records(history)
    if any(count is not None for count in records):
        facts.append(("records", format_count(sum(count or 0 for count in records))))
    # Several baselines are counted, not named, because dozens of ids would fill the line
    baselines = []
    for series in history.series:
        ids = {run.identity.baseline_run_id for run in series.runs.values()} - {None}
        if len(ids) > 1:
            baselines.append(f"{len(ids)} after each other")
        else:
            baselines += [str(run_id)[:8] for run_id in ids]
    if baselines:
        facts.append(("baseline", ", ".join(baselines)))
    return tuple(facts)


def _create_feature(
    history: History, series: Series, row: int, results: Sequence[CheckResult], context: PageContext
) -> PageFeature:
    run = series.last_run
    name = series.names[row]
    baseline = context.baselines.get(run.identity.baseline_run_id or "")
    # Since when the feature is violated, and how often it was
    since = series.find_violation_start(row)
    num_violated = int(series.is_violated[row].sum())
    when = ""
    if since is not None:
        when = f"since {_format_time(history, since)}, {num_violated:,} of {format_noun_count(len(series.run_indices), 'window')}"
    # The number of a metric is its value, the number of a feature is its mean
    column = "value" if series.is_metric[row] else "mean"
    before = None
    if baseline is not None:
        before = baseline.get_number(column, name)
    picture: Picture | None = draw_run_overlay(run, name, baseline)
    if picture is None and since is not None:
        picture = _draw_point(series, row, baseline)
    # Only cards have bars over time, and only if there are several windows
    hours = None
    if len(history.labels) > 1 and (since is not None or any(check_result.is_unsure for check_result in results)):
        hours = create_hours(series, row, [_format_time(history, index) for index in range(len(history.labels))])
    # A note replaces numbers that would look like a result
    note = ""
    if name not in run.index_by_name:
        note = "not in the last window"
    elif results and all(not check_result.is_judged for check_result in results):
        note = results[0].reason or "not judged"
    # If both shares are the same, one number is shown
    missing = dict.fromkeys((_format_missing(baseline or run, name), _format_missing(run, name)))
    line = FeatureLine(
        before=format_number(before),
        now=format_number(run.get_number(column, name)),
        missing=" → ".join(missing),
        trend=create_hours(series, row, (), MAX_TICKS),
        note=note,
    )
    return PageFeature(
        name=name,
        check_results=results,
        shown_name=_name_with_model(history, series, name),
        picture=picture,
        since=when,
        hours=hours,
        line=line,
        is_output=name in context.outputs,
        was_violated=num_violated > 0,
    )


def _draw_point(series: Series, row: int, baseline: PastRun | None) -> PointChart | None:
    """The chart of a metric or a distance, with its interval and the value or limit that it is compared with."""
    run = series.last_run
    name = series.names[row]
    value = run.get_number("value" if series.is_metric[row] else "distance", name)
    if value is None:
        return None
    # The reference is the baseline's value or the limit
    reference = None
    label = "baseline"
    if baseline is not None and series.is_metric[row]:
        reference = baseline.get_number("value", name)
    if reference is None:
        reference = run.get_number("threshold", name)
        label = "limit"
    interval = None
    low = run.get_number("low", name)
    high = run.get_number("high", name)
    if low is not None and high is not None and not is_of_changes(series):
        interval = (low, high)
    now = Point("now", value, reference, interval, Highlight.BAD)
    return PointChart.from_zero(name, (now, Point(label, reference)), reference_label=label)


def _name_with_model(history: History, series: Series, name: str) -> str:
    if history.has_models and series.model:
        return f"{series.model}: {name}"
    return name


def _format_time(history: History, index: int) -> str:
    label = history.labels[index]
    if history.is_one_day:
        return label.rpartition(" ")[2]
    return label


def _format_missing(run: PastRun, name: str) -> str:
    present = run.get_number("present", name)
    missing = run.get_number("missing", name)
    if present is None or missing is None or not present + missing:
        return "–"
    return format_percent(missing / (present + missing))


def draw_run_overlay(run: PastRun, name: str, baseline: PastRun | None) -> Overlay | None:
    """A feature's distribution in a run, drawn over the distribution in its baseline; None if it is unknown."""
    now = run.get_bin_shares(name)
    if now is None:
        return None
    bins = run.bins.get(name) or ()
    before = (baseline.get_bin_shares(name) if baseline else None) or [0.0] * len(now)
    description = f"{format_percent(now[-1])} beyond the last bin"
    # The bins of numbers are given as the two ends of an axis; those of categories as their names, then `others` and `new`
    if len(bins) == 2 and not isinstance(bins[0], str):
        return create_overlay([np.array(before), np.array(now)], description, (float(bins[0]), float(bins[1])))
    # Bins without a category are left out; they exist if the column has few values
    shown_bins = [index for index in range(len(now)) if index < len(bins) or index >= len(now) - 2]
    names = [*map(str, bins[: len(now) - 2]), "others", "new"]
    return create_overlay([np.array(shares)[shown_bins] for shares in (before, now)], description, names=names)


def _create_window_table(history: History) -> PageTable:
    times = history.labels
    records = count_records(history) or [None] * len(times)
    lines = []
    for time, runs, outcome, rows in zip(times, history.runs_by_window, history.list_outcomes(), records, strict=True):
        # A window without a run has a line, too
        if not runs:
            lines.append(TableLine((time, "–", "–", "no run")))
            continue
        names = [name for run in runs for name in run.violated]
        count = sum(run.violations for run in runs)
        texts = [list_names(names, MAX_NAMES)] if names else []
        unsure = [name for run in runs for name in run.unsure]
        if unsure:
            texts.append(f"may have changed: {list_names(unsure, MAX_NAMES)}")
        # A window in which nothing was judged isn't marked as good
        mark = mark_window(count, outcome)
        if mark is Highlight.NONE:
            texts.append("nothing was judged")
        cells = (time, f"{count:,}", "–" if rows is None else format_count(rows), "; ".join(texts))
        lines.append(TableLine(cells, mark))
    # The latest window comes first
    lines.reverse()
    numbers = ("violations", "records")
    caption = f"{format_noun_count(len(times), 'window')}, the latest first"
    return build_table(("window", *numbers, "what"), lines, numbers=numbers, caption=caption)
