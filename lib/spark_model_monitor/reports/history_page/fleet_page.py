"""The page of all: models × monitors, the worst first, each cell a link to its page; and common causes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from textwrap import TextWrapper

from spark_model_monitor.documents.outcome import group_by
from spark_model_monitor.documents.page import (
    Cell,
    Headline,
    Highlight,
    Hours,
    Link,
    Page,
    PageSection,
    Point,
    PointChart,
    TableLine,
    Track,
    Tracks,
    build_table,
    create_reading,
    format_noun_count,
    list_short_names,
    shorten_name,
)
from spark_model_monitor.documents.run_changes import KINDS
from spark_model_monitor.value_class import value_class

WINDOWS = 24  # in each line, and in the drawings over time
MAX_CAUSES = 8
MAX_LINES = 3_000  # models; the page says how many more there are
LONGEST = 100  # length of a sentence in characters, so that a line stays low

EXPLANATIONS = (
    "A line is a {noun}, a cell one of its monitors: it leads to the page of the last run. The bars are violations by window, "
    "red where the window had some.",
    "In alert: the last windows had violations. May have changed: the last run could not tell. Not checked: the last run "
    "failed, the entry can't be run, or no run has completed for two periods.",
)


class MonitorState(Enum):
    """The state of a monitor; the worst first. The value is the page's text."""

    IN_ALERT = "✗ in alert"
    FAILED = "! not checked"
    UNSURE = "? may have changed"
    WAITING = "– no run yet"
    OK = "✓ no alert"

    @property
    def rank(self) -> int:
        return list(MonitorState).index(self)


@value_class
class SeenWindow:
    """A monitored window. time: its end. causes: names whose changes were violations, the largest first. unsure: names
    of which the run could not tell whether they changed.
    """

    time: str
    violations: int
    causes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@value_class
class Watched:
    """A monitor of a model. kind: `DATA_QUALITY`, …; empty for an unreadable entry. since: start of the state. fault:
    why it was not checked. windows: the last ones. page: the last run's, relative to the page of all. source: its data.
    note: other news of the last run.
    """

    name: str
    state: MonitorState
    kind: str = ""
    model: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    since: str = ""
    fault: str = ""
    windows: tuple[SeenWindow, ...] = ()
    page: str = ""
    source: str = ""
    note: str = ""

    @property
    def causes(self) -> tuple[str, ...]:
        """The changes that the alert is about."""
        if self.state is MonitorState.IN_ALERT and self.windows:
            return self.windows[-1].causes
        return ()

    @property
    def unsure(self) -> tuple[str, ...]:
        """The names of which the last run could not tell whether they changed."""
        if self.windows:
            return self.windows[-1].unsure
        return ()

    @property
    def said(self) -> str:
        """What is wrong, in one line, or other news."""
        clauses = []
        if self.causes:
            clauses.append(f"{list_short_names(self.causes)} changed")
        if self.unsure:
            clauses.append(f"{list_short_names(self.unsure)} may have changed")
        return "; ".join(filter(None, (*clauses, self.fault, self.note)))


@value_class
class CommonCause:
    """What several monitors have in common: a column and a window, a source and a window, or one fault."""

    said: str
    of: tuple[Watched, ...]


def group_by_cause(news: Iterable[Watched]) -> list[CommonCause]:
    """The monitors, each once, grouped by their most likely common cause: first the changed column that most share,
    with the same start, then the same source, then the same fault; the rest stay alone.
    """
    left = list(news)
    causes = []
    while left:
        shared: dict[tuple[str, ...], list[Watched]] = {}
        for monitor in left:
            # A monitor counts for each cause that it could have, until one of them takes it
            for key in _list_cause_keys(monitor):
                shared.setdefault(key, []).append(monitor)
        # The most monitors; of equal ones the first, so that the page is the same each time
        key = max(shared, key=lambda key: (len(shared[key]), -list(shared).index(key)))
        monitors = shared[key]
        causes.append(CommonCause(_describe_cause(key, monitors), tuple(monitors)))
        left = [monitor for monitor in left if monitor not in monitors]
    return causes


def _list_cause_keys(monitor: Watched) -> list[tuple[str, ...]]:
    if monitor.state is MonitorState.IN_ALERT:
        columns: list[tuple[str, ...]] = [("column", cause, monitor.since) for cause in monitor.causes]
        # Without a known source each monitor is a source of its own
        return [*columns, ("source", monitor.source or monitor.name, monitor.since)]
    if monitor.state is MonitorState.UNSURE:
        return [("unsure",)]
    # The name is removed from a fault, so that one broken bucket is one cause for all
    return [("fault", re.sub(rf"\b{re.escape(monitor.name)}\b", "…", monitor.fault)), ("alone", monitor.name)]


def _describe_cause(key: Sequence[str], monitors: Sequence[Watched]) -> str:
    names = list_short_names([monitor.name for monitor in monitors])
    monitor_count = format_noun_count(len(monitors), "monitor")
    if key[0] == "unsure":
        unsure = list_short_names(list(dict.fromkeys(name for monitor in monitors for name in monitor.unsure)))
        return f"{monitor_count} can't tell whether {unsure or 'something'} changed ({names})"
    # Monitors that are not in alert have no changes to name, only a fault
    if key[0] == "fault" or monitors[0].state is not MonitorState.IN_ALERT:
        return f"{monitor_count} could not check ({names}): {monitors[0].fault}"
    if key[0] == "column":
        subject = key[1]
    else:
        subject = list_short_names(monitors[0].causes) or "the data"
    return f"{subject} changed in {monitor_count} since {_format_time(monitors[0].since)} ({names})"


def create_fleet_page(
    watched: Sequence[Watched], title: str, budget: str = "each schedule's own", noun: str = "model"
) -> Page:
    """watched: the monitors of all models, in any order. budget: of false alarms, as text. noun: what is monitored: a
    model, or a table.
    """
    # A model stands where its worst monitor does
    models = group_by(sorted(watched, key=_rank_monitor), lambda monitor: monitor.model or monitor.name)
    kinds = [kind for kind in (*KINDS, "") if any(monitor.kind == kind for monitor in watched)]
    lines = [_create_line(name, monitors, kinds) for name, monitors in list(models.items())[:MAX_LINES]]
    titles = (noun, *(KINDS.get(kind, "entry") for kind in kinds))
    titles += ("since", "what", f"last {WINDOWS} windows", "owner", "tags")
    # The worst are kept, so what is left out needs no action
    left = len(models) - MAX_LINES
    more = ""
    if left > 0:
        more = f"{format_noun_count(left, f'more {noun}')}, of which none is worse, are left out."
    sections = []
    # What changed, then every model, then how it went over time
    bad = [monitor for monitor in watched if monitor.state is MonitorState.IN_ALERT]
    if bad:
        sections.append(
            PageSection("What changed", (_draw_common_causes(bad, noun),), note=f"{noun}s in which a column changed")
        )
    table = build_table(titles, lines, names=(noun,), caption=more).drop_empty_columns()
    table = replace(table, is_searchable=True)
    sections.append(PageSection(f"All {noun}s", (table,), note="the worst first"))
    # Times of different schedules mix: a day's window and an hour's have their own columns
    times = sorted({window.time for monitor in watched for window in monitor.windows})[-WINDOWS:]
    if times:
        sections.append(PageSection("Over time", (_draw_over_time(watched, times),)))
    sections.append(create_reading(sentence.format(noun=noun) for sentence in EXPLANATIONS))
    # A state's text begins with its sign and a space, which a fact doesn't need
    counts = ((state.value[2:], f"{sum(monitor.state is state for monitor in watched):,}") for state in MonitorState)
    facts = (*counts, ("false alarms allowed", budget))
    return Page(
        "index", title, facts, tuple(sections), _write_headline(models, bad, noun), trail=(title,), html_only=True
    )


def _rank_monitor(monitor: Watched) -> tuple[int, str, int, str]:
    last = monitor.windows[-1].violations if monitor.windows else 0
    # An alert that began earlier is worse; `~` sorts behind every time
    return monitor.state.rank, monitor.since or "~", -last, monitor.name


def _write_headline(models: dict[str, list[Watched]], bad: Sequence[Watched], noun: str) -> Headline:
    model_count = format_noun_count(len(models), noun)
    # The models with a monitor in each state
    names_by_state: dict[MonitorState, list[str]] = {state: [] for state in MonitorState}
    for name, monitors in models.items():
        for state in {monitor.state for monitor in monitors}:
            names_by_state[state].append(name)
    failed = names_by_state[MonitorState.FAILED]
    unsure = names_by_state[MonitorState.UNSURE]
    # What isn't known
    detail = []
    if failed:
        detail.append(f"Not checked: {list_short_names(failed)}.")
    if unsure:
        detail.append(f"May have changed: {list_short_names(unsure)}; its page says why nobody can tell.")
    # No alert: what could not be told, if anything
    if not bad:
        # Doubt alone has its own colour; with a failure the failure says more
        text = f"No alert in {model_count}."
        mark = Highlight.GOOD
        if failed:
            text = f"No alert, but {len(failed):,} of {model_count} could not be checked."
            mark = Highlight.NONE
        elif unsure:
            text = f"No alert, but {len(unsure):,} of {model_count} can't tell whether something changed."
            mark = Highlight.UNSURE
        return Headline(text, " ".join(detail), mark)
    # some models are in alert: those first, and since when somebody should have looked
    alerting = names_by_state[MonitorState.IN_ALERT]
    times = sorted({monitor.since for monitor in bad if monitor.since})
    began = ""
    if times:
        began = f", {'since' if len(times) == 1 else 'the first since'} {_format_time(times[0])}"
    # The cause that most of them share
    first, *further_causes = group_by_cause(bad)
    causes = [f"{first.said}."]
    if further_causes:
        causes.append(f"{format_noun_count(len(further_causes), 'further cause')}.")
    verb = "is" if len(alerting) == 1 else "are"
    text = f"{len(alerting):,} of {model_count} {verb} in alert{began}."
    return Headline(text, " ".join([*causes, *detail]), Highlight.BAD)


def _draw_common_causes(bad: Sequence[Watched], noun: str) -> PointChart:
    """How many models or tables have each change, compared with the window before."""
    now: Counter[str] = Counter()
    # The window before shows whether a change spreads over models or fades
    before: Counter[str] = Counter()
    for monitor in bad:
        # Each once, in their order, which decides between equal counts
        now.update(tuple(dict.fromkeys(monitor.causes)))
        for window in monitor.windows[-2:-1]:
            before.update(tuple(dict.fromkeys(window.causes)))
    # Model quality and bias name no columns; then there is one bar for all
    counts = now.most_common(MAX_CAUSES) or [("violations", len(bad))]
    points = tuple(Point(cause, float(count), float(before[cause]), mark=Highlight.BAD) for cause, count in counts)
    top = max(point.value or 1.0 for point in points)
    return PointChart(
        f"{noun.capitalize()}s by what changed",
        points,
        (0.0, top),
        value_label="the last window",
        reference_label="the window before",
    )


def _draw_over_time(watched: Sequence[Watched], times: Sequence[str]) -> Tracks:
    all_windows = (window for monitor in watched for window in monitor.windows)
    windows_by_time = group_by(all_windows, lambda window: window.time)
    windows = [windows_by_time.get(time, []) for time in times]
    # None, not 0, where nothing ran: an empty column is a gap, not a good hour
    values: list[float | None] = []
    for windows_of_time in windows:
        num_violated = sum(window.violations > 0 for window in windows_of_time)
        values.append(float(num_violated) if windows_of_time else None)
    note = f"windows with violations, of {len(watched):,} monitors"
    track = Track("violations", note, tuple(values), tuple(map(_mark, windows)))
    return Tracks("Over time", tuple(map(_format_time, times)), (track,))


def _mark(windows: Sequence[SeenWindow]) -> Highlight:
    """The highlight of a time, by the windows of all monitors."""
    if not windows:
        return Highlight.NONE
    if any(window.violations for window in windows):
        return Highlight.BAD
    if any(window.unsure for window in windows):
        return Highlight.UNSURE
    return Highlight.GOOD


def _create_line(name: str, monitors: Sequence[Watched], kinds: Sequence[str]) -> TableLine:
    worst = monitors[0]
    cells: list[Cell] = [shorten_name(name)]
    # A cell for each kind of monitor, a dash where the model has none
    for kind in kinds:
        monitor_of_kind = next((monitor for monitor in monitors if monitor.kind == kind), None)
        if monitor_of_kind is None:
            cells.append("–")
        elif monitor_of_kind.page:
            cells.append(Link(monitor_of_kind.state.value, monitor_of_kind.page))
        else:
            cells.append(monitor_of_kind.state.value)
    # The bars and texts are those of the worst monitor, which is why the line stands where it does
    bars = Hours(
        tuple(float(window.violations) for window in worst.windows),
        tuple(window.violations > 0 for window in worst.windows),
        f"violations of {worst.name} by window",
    )
    # Monitors of one model often share owners; each is named once
    owners: dict[str, None] = {}
    tags: dict[str, None] = {}
    for monitor in monitors:
        owners[monitor.owner] = None
        tags |= dict.fromkeys(monitor.tags)
    cells += [_format_time(worst.since), _shorten_sentence(worst.said), bars if worst.windows else "–"]
    cells += [", ".join(filter(None, owners)), ", ".join(filter(None, tags))]
    marks = {MonitorState.IN_ALERT: Highlight.BAD, MonitorState.UNSURE: Highlight.UNSURE}
    return TableLine(tuple(cells), marks.get(worst.state, Highlight.NONE))


PATH_PARTS = 4  # of a path that is shortened: it has a beginning besides its last two parts


def _shorten_path(word: str) -> str:
    """A path without its beginning: `…/churn/hourly` of `s3://team/models/churn/hourly`; any other word as it is."""
    parts = word.split("/")
    if len(parts) < PATH_PARTS:
        return word
    return "/".join(["…", *parts[-2:]])


def _shorten_sentence(sentence: str) -> str:
    """A sentence; if it is long, paths without their beginnings, and its first and last words. No word is cut."""
    if len(sentence) <= LONGEST:
        return sentence
    # Paths are the longest words; without their beginnings most sentences fit
    words = [_shorten_path(word) for word in sentence.split()]
    shortened = " ".join(words)
    if len(shortened) <= LONGEST:
        return shortened
    # The end of an error says most, so a third of the room is its own: the whole words in it, at least the last one
    _, _, end = shortened[-LONGEST // 3 :].partition(" ")
    end = end or words[-1]
    whole_words = TextWrapper(
        max(LONGEST - len(end) - 1, LONGEST // 3),
        max_lines=1,
        placeholder=" …",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return f"{whole_words.fill(shortened)} {end}"


def _format_time(text: str) -> str:
    return text[:16].replace("T", " ")
