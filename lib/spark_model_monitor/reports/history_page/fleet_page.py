"""The page of a fleet: models × monitors, the worst first, with links to their pages, and the common causes of alerts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from enum import Enum
from textwrap import TextWrapper
from typing import NamedTuple

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
    create_reading_guide,
    format_noun_count,
    list_short_names,
    shorten_name,
)
from spark_model_monitor.documents.run_changes import KINDS
from spark_model_monitor.value_class import value_class

WINDOWS = 24  # windows in each line of the table, and in the drawing over time
MAX_CAUSES = 8  # most changed columns in the drawing of common causes
MAX_LINES = 3_000  # most models in the table; the page says how many more there are
MAX_SENTENCE_LENGTH = 100  # most characters of a sentence in the table, so that a line isn't too high

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
class WindowOutcome:
    """The outcome of a monitored window.

    time: its end. causes: features or metrics with violations, the largest change first. unsure: features or metrics that may
    have changed.
    """

    time: str
    violations: int
    causes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@value_class
class FleetMonitor:
    """A monitor of a model.

    Attributes
    ----------
    name: The name of its schedule.
    state: Its state after the last run.
    kind: `DATA_QUALITY`, …; empty if the schedule's entry can't be read.
    model, owner, tags: The members of the schedule's entry.
    since: The time at which the state began.
    fault: The reason why it was not checked.
    windows: The last windows, the oldest first.
    page: The page of the last run, relative to the page of the fleet.
    source: The path of its data.
    note: Other news of the last run.
    """

    name: str
    state: MonitorState
    kind: str = ""
    model: str = ""
    owner: str = ""
    tags: tuple[str, ...] = ()
    since: str = ""
    fault: str = ""
    windows: tuple[WindowOutcome, ...] = ()
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
        """The features or metrics that may have changed: the last run could not tell."""
        if self.windows:
            return self.windows[-1].unsure
        return ()

    @property
    def sentence(self) -> str:
        """One line that says what is wrong, or other news of the last run."""
        clauses = []
        if self.causes:
            clauses.append(f"{list_short_names(self.causes)} changed")
        if self.unsure:
            clauses.append(f"{list_short_names(self.unsure)} may have changed")
        return "; ".join(filter(None, (*clauses, self.fault, self.note)))


class CauseKey(NamedTuple):
    """What monitors with the same cause have in common. kind: column, source, unsure, fault or alone."""

    kind: str
    subject: str = ""
    since: str = ""


@value_class
class CommonCause:
    """A cause that several monitors share: a changed column or a source with the same start of the alert, or the same fault."""

    sentence: str
    monitors: tuple[FleetMonitor, ...]


def group_by_cause(monitors: Iterable[FleetMonitor]) -> list[CommonCause]:
    """The monitors grouped by their most likely common cause; the cause of most monitors comes first. Each is in one group.

    A cause is a changed column with the same start of the alert, a source with the same start, or a fault.
    """
    remaining = list(monitors)
    causes = []
    while remaining:
        monitors_by_key: dict[CauseKey, list[FleetMonitor]] = {}
        for monitor in remaining:
            # A monitor counts for each of its possible causes
            for key in _list_cause_keys(monitor):
                monitors_by_key.setdefault(key, []).append(monitor)
        # The cause of most monitors. If causes have equally many, the first one counts, so that the page is the same each time
        key = max(monitors_by_key, key=lambda key: len(monitors_by_key[key]))
        group = monitors_by_key[key]
        causes.append(CommonCause(_describe_cause(key, group), tuple(group)))
        remaining = [monitor for monitor in remaining if monitor not in group]
    return causes


def _list_cause_keys(monitor: FleetMonitor) -> list[CauseKey]:
    if monitor.state is MonitorState.IN_ALERT:
        columns = [CauseKey("column", cause, monitor.since) for cause in monitor.causes]
        # If the source of a monitor is unknown, it can't be the same as that of others
        return [*columns, CauseKey("source", monitor.source or monitor.name, monitor.since)]
    if monitor.state is MonitorState.UNSURE:
        return [CauseKey("unsure")]
    # The monitor's name is replaced, so that the same fault of several monitors has the same text
    fault = re.sub(rf"\b{re.escape(monitor.name)}\b", "…", monitor.fault)
    return [CauseKey("fault", fault), CauseKey("alone", monitor.name)]


def _describe_cause(key: CauseKey, monitors: Sequence[FleetMonitor]) -> str:
    names = list_short_names([monitor.name for monitor in monitors])
    monitor_count = format_noun_count(len(monitors), "monitor")
    if key.kind == "unsure":
        unsure = list_short_names(list(dict.fromkeys(name for monitor in monitors for name in monitor.unsure)))
        return f"{monitor_count} can't tell whether {unsure or 'something'} changed ({names})"
    # Monitors that are not in alert have a fault instead of changes
    if key.kind == "fault" or monitors[0].state is not MonitorState.IN_ALERT:
        return f"{monitor_count} could not check ({names}): {monitors[0].fault}"
    if key.kind == "column":
        subject = key.subject
    else:
        subject = list_short_names(monitors[0].causes) or "the data"
    return f"{subject} changed in {monitor_count} since {_format_time(monitors[0].since)} ({names})"


def create_fleet_page(
    monitors: Sequence[FleetMonitor], title: str, budget: str = "each schedule's own", noun: str = "model"
) -> Page:
    """The page of a fleet. monitors: the monitors of all models, in any order. budget: the false-alarm budget as text. noun: the
    word for what is monitored, `model` or `table`.
    """
    # Models are ordered by their worst monitor
    models = group_by(sorted(monitors, key=_rank_monitor), lambda monitor: monitor.model or monitor.name)
    kinds = [kind for kind in (*KINDS, "") if any(monitor.kind == kind for monitor in monitors)]
    lines = [_create_line(name, of_model, kinds) for name, of_model in list(models.items())[:MAX_LINES]]
    titles = (noun, *(KINDS.get(kind, "entry") for kind in kinds))
    titles += ("since", "what", f"last {WINDOWS} windows", "owner", "tags")
    # The table shows the worst models, so the models that are left out need no action
    num_left_out = len(models) - MAX_LINES
    caption = ""
    if num_left_out > 0:
        caption = f"{format_noun_count(num_left_out, f'more {noun}')}, of which none is worse, are left out."
    sections = []
    # The sections: what changed, then every model, then the numbers over time
    alerting = [monitor for monitor in monitors if monitor.state is MonitorState.IN_ALERT]
    if alerting:
        causes = _draw_common_causes(alerting, noun)
        sections.append(PageSection("What changed", (causes,), note=f"{noun}s in which a column changed"))
    table = build_table(titles, lines, names=(noun,), caption=caption).drop_empty_columns()
    table = replace(table, is_searchable=True)
    sections.append(PageSection(f"All {noun}s", (table,), note="the worst first"))
    # A column is the end of a window; windows of different lengths may share a column
    times = sorted({window.time for monitor in monitors for window in monitor.windows})[-WINDOWS:]
    if times:
        sections.append(PageSection("Over time", (_draw_over_time(monitors, times),)))
    sections.append(create_reading_guide(sentence.format(noun=noun) for sentence in EXPLANATIONS))
    # The text of a state begins with a sign and a space, which are left out
    counts = ((state.value[2:], f"{sum(monitor.state is state for monitor in monitors):,}") for state in MonitorState)
    facts = (*counts, ("false alarms allowed", budget))
    return Page(
        "index", title, facts, tuple(sections), _write_headline(models, alerting, noun), trail=(title,), html_only=True
    )


def _rank_monitor(monitor: FleetMonitor) -> tuple[int, str, int, str]:
    last = monitor.windows[-1].violations if monitor.windows else 0
    # An alert that began earlier is worse; `~` sorts after every time
    return monitor.state.rank, monitor.since or "~", -last, monitor.name


def _write_headline(models: dict[str, list[FleetMonitor]], alerting: Sequence[FleetMonitor], noun: str) -> Headline:
    model_count = format_noun_count(len(models), noun)
    # The models with a monitor in each state
    names_by_state: dict[MonitorState, list[str]] = {state: [] for state in MonitorState}
    for name, monitors in models.items():
        for state in {monitor.state for monitor in monitors}:
            names_by_state[state].append(name)
    failed = names_by_state[MonitorState.FAILED]
    unsure = names_by_state[MonitorState.UNSURE]
    # The models whose result is unknown
    detail = []
    if failed:
        detail.append(f"Not checked: {list_short_names(failed)}.")
    if unsure:
        detail.append(f"May have changed: {list_short_names(unsure)}; its page says why nobody can tell.")
    if not alerting:
        # If there are failures or uncertain results, the colour isn't that of a good state
        text = f"No alert in {model_count}."
        mark = Highlight.GOOD
        if failed:
            text = f"No alert, but {len(failed):,} of {model_count} could not be checked."
            mark = Highlight.NONE
        elif unsure:
            text = f"No alert, but {len(unsure):,} of {model_count} can't tell whether something changed."
            mark = Highlight.UNSURE
        return Headline(text, " ".join(detail), mark)
    # How many models are in alert, and since when
    num_alerting = len(names_by_state[MonitorState.IN_ALERT])
    times = sorted({monitor.since for monitor in alerting if monitor.since})
    began = ""
    if times:
        began = f", {'since' if len(times) == 1 else 'the first since'} {_format_time(times[0])}"
    # The cause that most alerting monitors share
    first, *further_causes = group_by_cause(alerting)
    causes = [f"{first.sentence}."]
    if further_causes:
        causes.append(f"{format_noun_count(len(further_causes), 'further cause')}.")
    verb = "is" if num_alerting == 1 else "are"
    text = f"{num_alerting:,} of {model_count} {verb} in alert{began}."
    return Headline(text, " ".join([*causes, *detail]), Highlight.BAD)


def _draw_common_causes(alerting: Sequence[FleetMonitor], noun: str) -> PointChart:
    """How many models or tables have each change, compared with the window before."""
    now: Counter[str] = Counter()
    # The counts of the window before show whether a change spreads over models or fades
    before: Counter[str] = Counter()
    for monitor in alerting:
        # A monitor's cause counts once. The order matters: among equal counts, the first cause is shown first
        now.update(tuple(dict.fromkeys(monitor.causes)))
        for window in monitor.windows[-2:-1]:
            before.update(tuple(dict.fromkeys(window.causes)))
    # Model quality and bias have no columns, so all of their violations share one bar
    counts = now.most_common(MAX_CAUSES) or [("violations", len(alerting))]
    points = tuple(Point(cause, float(count), float(before[cause]), mark=Highlight.BAD) for cause, count in counts)
    top = max(point.value or 1.0 for point in points)
    return PointChart(
        f"{noun.capitalize()}s by what changed",
        points,
        (0.0, top),
        value_label="the last window",
        reference_label="the window before",
    )


def _draw_over_time(monitors: Sequence[FleetMonitor], times: Sequence[str]) -> Tracks:
    all_windows = (window for monitor in monitors for window in monitor.windows)
    windows_by_time = group_by(all_windows, lambda window: window.time)
    windows = [windows_by_time.get(time, []) for time in times]
    # A time without a run has None, which is drawn as an empty column; 0 would look like a good result
    values: list[float | None] = []
    for windows_of_time in windows:
        num_violated = sum(window.violations > 0 for window in windows_of_time)
        values.append(float(num_violated) if windows_of_time else None)
    note = f"windows with violations, of {len(monitors):,} monitors"
    track = Track("violations", note, tuple(values), tuple(map(_highlight_time, windows)))
    return Tracks("Over time", tuple(map(_format_time, times)), (track,))


def _highlight_time(windows: Sequence[WindowOutcome]) -> Highlight:
    """The highlight of a time. windows: the windows of all monitors at this time."""
    if not windows:
        return Highlight.NONE
    if any(window.violations for window in windows):
        return Highlight.BAD
    if any(window.unsure for window in windows):
        return Highlight.UNSURE
    return Highlight.GOOD


def _create_line(name: str, monitors: Sequence[FleetMonitor], kinds: Sequence[str]) -> TableLine:
    worst = monitors[0]
    cells: list[Cell] = [shorten_name(name)]
    # A cell for each kind of monitor, with a dash if the model has no such monitor
    for kind in kinds:
        monitor_of_kind = next((monitor for monitor in monitors if monitor.kind == kind), None)
        if monitor_of_kind is None:
            cells.append("–")
        elif monitor_of_kind.page:
            cells.append(Link(monitor_of_kind.state.value, monitor_of_kind.page))
        else:
            cells.append(monitor_of_kind.state.value)
    # The bars and texts come from the worst monitor, by which the lines are sorted
    bars = Hours(
        tuple(float(window.violations) for window in worst.windows),
        tuple(window.violations > 0 for window in worst.windows),
        f"violations of {worst.name} by window",
    )
    # Monitors of one model often share owners; each owner is named once
    owners = dict.fromkeys(monitor.owner for monitor in monitors)
    tags = dict.fromkeys(tag for monitor in monitors for tag in monitor.tags)
    cells += [_format_time(worst.since), _shorten_sentence(worst.sentence), bars if worst.windows else "–"]
    cells += [", ".join(filter(None, owners)), ", ".join(filter(None, tags))]
    marks = {MonitorState.IN_ALERT: Highlight.BAD, MonitorState.UNSURE: Highlight.UNSURE}
    return TableLine(tuple(cells), marks.get(worst.state, Highlight.NONE))


MIN_SHORTENED_COMPONENTS = 4  # a path with at least so many components is shortened to its last two


def _shorten_path(word: str) -> str:
    """A path without its beginning: `s3://team/models/churn/hourly` becomes `…/churn/hourly`. Any other word is unchanged."""
    components = word.split("/")
    if len(components) < MIN_SHORTENED_COMPONENTS:
        return word
    return "/".join(["…", *components[-2:]])


def _shorten_sentence(sentence: str) -> str:
    """A sentence; if it is long, its paths are shortened, and if that isn't enough, words in the middle are left out."""
    if len(sentence) <= MAX_SENTENCE_LENGTH:
        return sentence
    # Paths are the longest words; without their beginnings most sentences fit
    words = [_shorten_path(word) for word in sentence.split()]
    shortened = " ".join(words)
    if len(shortened) <= MAX_SENTENCE_LENGTH:
        return shortened
    # The end of an error says most, so a third of the characters is for whole words at the end; the last word is always kept
    _, _, end = shortened[-MAX_SENTENCE_LENGTH // 3 :].partition(" ")
    end = end or words[-1]
    first_words = TextWrapper(
        max(MAX_SENTENCE_LENGTH - len(end) - 1, MAX_SENTENCE_LENGTH // 3),
        max_lines=1,
        placeholder=" …",
        break_on_hyphens=False,
        break_long_words=False,
    )
    return f"{first_words.fill(shortened)} {end}"


def _format_time(text: str) -> str:
    return text[:16].replace("T", " ")
