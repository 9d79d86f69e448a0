"""The page of all: models × monitors, the worst first, each cell a link to its page; and common causes. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from spark_model_monitor.documents.headline import KINDS
from spark_model_monitor.documents.page import (
    Block,
    Cell,
    Headline,
    Highlight,
    Hours,
    Link,
    Page,
    PageSection,
    PageTable,
    Point,
    PointChart,
    TableColumn,
    TableLine,
    Track,
    Tracks,
    format_noun_count,
    shorten_name,
)

WINDOWS = 24  # in each line, and in the drawings over time
NAMED = 3
MOST_CAUSES = 8
MOST_LINES = 3_000  # models; the page says how many more there are
LONGEST = 100  # length of a sentence in characters, so that a line stays low

HOW = (
    "A line is a {noun}, a cell one of its monitors: it leads to the page of the last run. The bars are violations by window, "
    "red where the window had some.",
    "In alert: the last windows had violations. May have changed: the last run could not tell. Not checked: the last run "
    "failed, the entry can't be run, or no run has completed for two periods.",
)


class State(Enum):
    """The state of a monitor; the worst first. The value is the page's text."""

    IN_ALERT = "✗ in alert"
    FAILED = "! not checked"
    UNSURE = "? may have changed"
    WAITING = "– no run yet"
    OK = "✓ no alert"

    @property
    def rank(self) -> int:
        return list(State).index(self)


@dataclass(frozen=True, slots=True)
class SeenWindow:
    """A monitored window. time: its end. causes: names whose changes were violations, the largest first. unsure: names
    of which the run could not tell whether they changed.
    """

    time: str
    violations: int
    causes: tuple[str, ...] = ()
    unsure: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor of a model. kind: `DATA_QUALITY`, …; empty for an unreadable entry. since: start of the state. fault:
    why it was not checked. windows: the last ones. page: the last run's, relative to the page of all. source: its data.
    note: other news of the last run.
    """

    name: str
    state: State
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
        if self.state is State.IN_ALERT and self.windows:
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
        if self.causes:
            changed = f"{_listed(self.causes)} changed"
        else:
            changed = ""
        if self.unsure:
            unsure = f"{_listed(self.unsure)} may have changed"
        else:
            unsure = ""
        return "; ".join(filter(None, (changed, unsure, self.fault, self.note)))


@dataclass(frozen=True, slots=True)
class Cause:
    """What several monitors have in common: a column and a window, a source and a window, or one fault."""

    said: str
    of: tuple[Watched, ...]


def causes_of(news: Iterable[Watched]) -> list[Cause]:
    """The monitors, each once, grouped by their most likely common cause: first the changed column that most share,
    with the same start, then the same source, then the same fault; the rest stay alone.
    """
    left = list(news)
    found = []
    while left:
        shared: dict[tuple[str, ...], list[Watched]] = {}
        for each in left:
            for key in _keys(each):
                shared.setdefault(key, []).append(each)
        key = max(shared, key=lambda key: (len(shared[key]), -list(shared).index(key)))
        together = shared[key]
        found.append(Cause(_said(key, together), tuple(together)))
        left = [each for each in left if each not in together]
    return found


def _keys(each: Watched) -> list[tuple[str, ...]]:
    if each.state is State.IN_ALERT:
        columns: list[tuple[str, ...]] = [("column", cause, each.since) for cause in each.causes]
        return [*columns, ("source", each.source or each.name, each.since)]
    if each.state is State.UNSURE:
        return [("unsure",)]
    return [("fault", re.sub(rf"\b{re.escape(each.name)}\b", "…", each.fault)), ("alone", each.name)]


def _said(key: Sequence[str], of: Sequence[Watched]) -> str:
    names = _listed([each.name for each in of])
    if len(of) > 1:
        many = f"{len(of):,} monitors"
    else:
        many = "1 monitor"
    if key[0] == "unsure":
        unsure = _listed(list(dict.fromkeys(name for each in of for name in each.unsure)))
        return f"{many} can't tell whether {unsure or 'something'} changed ({names})"
    if key[0] == "fault" or of[0].state is not State.IN_ALERT:
        return f"{many} could not check ({names}): {of[0].fault}"
    if key[0] == "column":
        what = key[1]
    else:
        what = _listed(of[0].causes) or "the data"
    return f"{what} changed in {many} since {_time(of[0].since)} ({names})"


def page_of_all(
    watched: Sequence[Watched], title: str, budget: str = "each schedule's own", noun: str = "model"
) -> Page:
    """watched: the monitors of all models, in any order. budget: of false alarms, as text. noun: what is monitored: a
    model, or a table.
    """
    models: dict[str, list[Watched]] = {}
    for each in sorted(watched, key=_worst_first):
        models.setdefault(each.model or each.name, []).append(each)
    kinds = [kind for kind in (*KINDS, "") if any(each.kind == kind for each in watched)]
    lines = tuple(_line(name, of, kinds) for name, of in list(models.items())[:MOST_LINES])
    columns = (
        TableColumn(noun, is_name=True),
        *(TableColumn(KINDS.get(kind, "entry")) for kind in kinds),
        *map(TableColumn, ("since", "what", f"last {WINDOWS} windows", "owner", "tags")),
    )
    left = len(models) - MOST_LINES
    if left > 0:
        more = f"{format_noun_count(left, f'more {noun}')}, of which none is worse, are left out."
    else:
        more = ""
    sections = []
    bad = [each for each in watched if each.state is State.IN_ALERT]
    if bad:
        sections.append(PageSection("What changed", (_common(bad, noun),), note=f"{noun}s in which a column changed"))
    table = PageTable(columns, lines, more, of_all=True).drop_empty_columns()
    sections.append(PageSection(f"All {noun}s", (table,), note="the worst first"))
    times = sorted({window.time for each in watched for window in each.windows})[-WINDOWS:]
    if times:
        sections.append(PageSection("Over time", (_over_time(watched, times),)))
    how = tuple[Block, ...](sentence.format(noun=noun) for sentence in HOW)
    sections.append(PageSection("How to read this", how, folded=True))
    counts = ((state.value[2:], f"{sum(each.state is state for each in watched):,}") for state in State)
    facts = (*counts, ("false alarms allowed", budget))
    return Page("index", title, facts, tuple(sections), _headline(models, bad, noun), trail=(title,), html_only=True)


def _worst_first(each: Watched) -> tuple[int, str, int, str]:
    last = each.windows[-1].violations if each.windows else 0
    return each.state.rank, each.since or "~", -last, each.name


def _headline(models: dict[str, list[Watched]], bad: Sequence[Watched], noun: str) -> Headline:
    many = format_noun_count(len(models), noun)
    failed = [name for name, monitors in models.items() if any(monitor.state is State.FAILED for monitor in monitors)]
    if failed:
        unchecked = f"Not checked: {_listed(failed)}."
    else:
        unchecked = ""
    unsure = [name for name, monitors in models.items() if any(monitor.state is State.UNSURE for monitor in monitors)]
    if unsure:
        may_have = f"May have changed: {_listed(unsure)}; its page says why nobody can tell."
    else:
        may_have = ""
    if not bad and unsure and not failed:
        text = f"No alert, but {len(unsure):,} of {many} can't tell whether something changed"
        return Headline(f"{text}.", may_have, Highlight.UNSURE)
    if not bad:
        if not failed:
            text = f"No alert in {many}"
        else:
            text = f"No alert, but {len(failed):,} of {many} could not be checked"
        said = " ".join(filter(None, (unchecked, may_have)))
        return Headline(f"{text}.", said, Highlight.NONE if failed else Highlight.GOOD)
    # some models are in alert: those first
    alerting = [name for name, of in models.items() if any(each.state is State.IN_ALERT for each in of)]
    times = sorted({each.since for each in bad if each.since})
    verb = "is" if len(alerting) == 1 else "are"
    if times:
        began = f", {'since' if len(times) == 1 else 'the first since'} {_time(times[0])}"
    else:
        began = ""
    first, *others = causes_of(bad)
    detail = [f"{first.said}."]
    if others:
        detail.append(f"{len(others):,} further cause{'s' if len(others) > 1 else ''}.")
    said = " ".join(filter(None, (*detail, unchecked, may_have)))
    return Headline(f"{len(alerting):,} of {many} {verb} in alert{began}.", said, Highlight.BAD)


def _common(bad: Sequence[Watched], noun: str) -> PointChart:
    """How many models or tables have each change, compared with the window before."""
    now = Counter(cause for each in bad for cause in dict.fromkeys(each.causes))
    before = Counter(cause for each in bad for window in each.windows[-2:-1] for cause in dict.fromkeys(window.causes))
    counts = now.most_common(MOST_CAUSES) or [("violations", len(bad))]
    points = tuple(Point(cause, float(count), float(before[cause]), mark=Highlight.BAD) for cause, count in counts)
    top = max(point.value or 1.0 for point in points)
    return PointChart(
        f"{noun.capitalize()}s by what changed",
        points,
        (0.0, top),
        value_label="the last window",
        reference_label="the window before",
    )


def _over_time(watched: Sequence[Watched], times: Sequence[str]) -> Tracks:
    windows_by_time: dict[str, list[SeenWindow]] = {time: [] for time in times}
    for each in watched:
        for window in each.windows:
            windows_by_time.setdefault(window.time, []).append(window)
    windows = [windows_by_time[time] for time in times]
    values = tuple(float(sum(window.violations > 0 for window in of_time)) if of_time else None for of_time in windows)
    marks = tuple(map(_mark, windows))
    note = f"windows with violations, of {len(watched):,} monitors"
    return Tracks("Over time", tuple(_time(time) for time in times), (Track("violations", note, values, marks),))


def _mark(windows: Sequence[SeenWindow]) -> Highlight:
    """The highlight of a time, by the windows of all monitors."""
    if not windows:
        return Highlight.NONE
    if any(window.violations for window in windows):
        return Highlight.BAD
    if any(window.unsure for window in windows):
        return Highlight.UNSURE
    return Highlight.GOOD


def _line(name: str, of: Sequence[Watched], kinds: Sequence[str]) -> TableLine:
    worst = of[0]
    cells: list[Cell] = [shorten_name(name)]
    for kind in kinds:
        each = next((each for each in of if each.kind == kind), None)
        text = each.state.value if each else "–"
        cells.append(Link(text, each.page) if each and each.page else text)
    bars = Hours(
        tuple(float(window.violations) for window in worst.windows),
        tuple(window.violations > 0 for window in worst.windows),
        f"violations of {worst.name} by window",
    )
    owners, tags = (
        dict.fromkeys(filter(None, texts)) for texts in ([o.owner for o in of], [t for o in of for t in o.tags])
    )
    cells += [_time(worst.since), _shortened(worst.said), bars if worst.windows else "–"]
    cells += [", ".join(owners), ", ".join(tags)]
    marks = {State.IN_ALERT: Highlight.BAD, State.UNSURE: Highlight.UNSURE}
    return TableLine(tuple(cells), marks.get(worst.state, Highlight.NONE))


_LONG_PATH = re.compile(r"\S*/\S*(/[^/\s]+/[^/\s]+)")


def _shortened(sentence: str) -> str:
    """A sentence; if it is long, paths without their beginnings, and its first and last words. No word is cut."""
    if len(sentence) <= LONGEST:
        return sentence
    words = _LONG_PATH.sub(r"…\1", sentence).split()
    if len(" ".join(words)) <= LONGEST:
        return " ".join(words)
    last_words = ["…", *_last_words(words, LONGEST // 3)]
    first_words = words[: 1 - len(last_words)]
    while len(" ".join([*first_words, *last_words])) > LONGEST and len(first_words) > 1:
        first_words.pop()
    return " ".join([*first_words, *last_words])


def _last_words(words: Sequence[str], maximum: int) -> list[str]:
    """The last words, of at most so many characters, but one at least."""
    count = 1
    while count < len(words) - 1 and len(" ".join(words[-count - 1 :])) <= maximum:
        count += 1
    return list(words[-count:])


def _time(text: str) -> str:
    return text[:16].replace("T", " ")


def _listed(names: Sequence[str]) -> str:
    if len(names) > NAMED:
        more = f" and {len(names) - NAMED:,} more"
    else:
        more = ""
    return ", ".join(shorten_name(name) for name in names[:NAMED]) + more
