"""A report as a page: what it says, in a headline, cards, tables and charts, and not what it looks like. Pure.

Monitors make pages, `reports/page` renders them as HTML, notebook and PDF. All texts are plain: whatever a feature is
called, it is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, TypeAlias

from model_monitor.documents.check_results import CheckStatus


class Mark(Enum):
    """How a headline, a row or a point stands out."""

    NONE = ""
    GOOD = "passed"
    BAD = "violated"


@dataclass(frozen=True, slots=True)
class Headline:
    """What a person has to know, in words. detail: what follows from it, and what is fine."""

    text: str
    detail: str = ""
    mark: Mark = Mark.NONE

    def __str__(self) -> str:
        return f"{self.text} {self.detail}".strip()


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two distributions over the same bins, as shares: the baseline's as bars, the window's as an outline.

    words: the same in a sentence. ends: what the axis says at its begin and end, of numbers at its middle too. current: empty of
    a baseline. names: of the categories that the bars are, empty of numbers. beyond: what lies outside the baseline's range.
    """

    baseline: tuple[float, ...]
    current: tuple[float, ...]
    words: str
    ends: tuple[str, ...]
    names: tuple[str, ...] = ()
    beyond: str = ""

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Hours:
    """A number over the windows, a bar each. values: None without a run. bad: which windows were violated. limit: drawn as a
    line. times: what the windows are called.
    """

    values: tuple[float | None, ...]
    bad: tuple[bool, ...]
    words: str
    limit: float | None = None
    times: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to another page. path: relative to this one."""

    text: str
    path: str

    def __str__(self) -> str:
        return self.text


Cell: TypeAlias = str | Overlay | Hours | Link


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. is_number: its cells stand to the right. is_name: they are names, which may be long."""

    title: str
    is_number: bool = False
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, with a cell for each column. of: what histories call that which it is of, empty of others."""

    cells: tuple[Cell, ...]
    mark: Mark = Mark.NONE
    of: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table. caption: a sentence on it, empty without one. shades: of its counts, as of a confusion matrix, from 0 to 1.
    of_all: searched by whatever its rows say, however few they are.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caption: str = ""
    shades: tuple[tuple[float, ...], ...] = ()
    of_all: bool = False

    def without_empty(self) -> PageTable:
        """The same without columns in which there is nothing."""
        places = range(len(self.columns))
        kept = [place for place in places if any(line.cells[place] not in ("", "–") for line in self.lines)]
        lines = tuple(replace(line, cells=tuple(line.cells[place] for place in kept)) for line in self.lines)
        return replace(self, columns=tuple(self.columns[place] for place in kept), lines=lines)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a chart, a bar on a line of its own.

    value: None if there is none. reference: what it is compared with. interval: its ends.
    """

    name: str
    value: float | None
    reference: float | None = None
    interval: tuple[float, float] | None = None
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class PointChart:
    """Values beside what they are compared with, a bar each from `neutral`. title: names it; it is not drawn into the chart.

    span: what the axis reaches over; a value beyond stands at its end, with an arrow.
    """

    title: str
    points: tuple[Point, ...]
    span: tuple[float, float] = (-1.0, 1.0)
    neutral: float = 0.0
    value_label: str = "this run"
    reference_label: str = "baseline"


@dataclass(frozen=True, slots=True)
class CurveChart:
    """A curve between 0 and 1 on both axes. words: what it shows in a sentence. diagonal: whether to draw it for comparison."""

    title: str
    points: tuple[tuple[float, float], ...]
    axes: tuple[str, str]
    words: str
    diagonal: bool = False

    @classmethod
    def of_numbers(
        cls, title: str, names: tuple[str, str], x: Sequence[float], y: Sequence[float], words: str = ""
    ) -> CurveChart:
        """A curve of any numbers, both axes from the least to the largest. names: of the numbers. words: else the axes' own."""
        axes = (_ends_of(names[0], x), _ends_of(names[1], y))
        return cls(title, tuple(zip(_scaled(x), _scaled(y), strict=True)), axes, words or f"{axes[1]} over {axes[0]}")

    def __str__(self) -> str:
        return f"{self.title}: {self.words}"


@dataclass(frozen=True, slots=True)
class Track:
    """A number over the windows of a page. values: None where there is no run. marks: how each stands out, of cells; empty for a
    line. low, high: of its interval. threshold: drawn as a line. links: to the windows' own pages. expected: what was estimated
    before the number was known, drawn dashed; empty where nothing was.
    """

    title: str
    note: str
    values: tuple[float | None, ...]
    marks: tuple[Mark, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    threshold: float | None = None
    links: tuple[str, ...] = ()
    expected: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Tracks:
    """Numbers over the same windows. times: what the windows are called. changes: windows before which the baseline changed."""

    title: str
    times: tuple[str, ...]
    tracks: tuple[Track, ...]
    changes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}: {len(self.times)} windows, {', '.join(track.title for track in self.tracks)}"


@dataclass(frozen=True, slots=True)
class FeatureMap:
    """Features × windows, for a script of the page. data: plain values of JSON (`assets/page.js` says which)."""

    title: str
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return self.title


@dataclass(frozen=True, slots=True)
class Card:
    """One thing that changed. since: since when. said: what it was and is; by_how_much: in a person's terms. picture: of both.
    hints: what it may be. evidence: why that is no noise. more: its checks, behind a click. of: what histories call it, if not
    by `name`.
    """

    name: str
    said: str
    by_how_much: str = ""
    since: str = ""
    picture: Overlay | PointChart | CurveChart | None = None
    hints: tuple[str, ...] = ()
    hours: Hours | None = None
    evidence: str = ""
    more: tuple[Block, ...] = ()
    mark: Mark = Mark.BAD
    of: str = ""

    def __str__(self) -> str:
        said = " ".join(part for part in (self.said, self.by_how_much) if part)
        return ". ".join(part for part in (f"{self.name}: {said}", self.since, *self.hints, self.evidence) if part)


@dataclass(frozen=True, slots=True)
class Cards:
    """What changed, a card each, the largest first; those beyond `MOST_CARDS` fold. labels: of both sides of pictures."""

    cards: tuple[Card, ...]
    labels: tuple[str, str] = ("baseline", "this run")

    @property
    def has_overlays(self) -> bool:
        return any(isinstance(card.picture, Overlay) for card in self.cards)

    @property
    def chart(self) -> PointChart | None:
        """One of their charts of points, for its legend."""
        return next((card.picture for card in self.cards if isinstance(card.picture, PointChart)), None)

    def __str__(self) -> str:
        return "; ".join(map(str, self.cards))


Block: TypeAlias = str | PageTable | PointChart | CurveChart | Tracks | FeatureMap | Cards
"""A part of a section; a text is a paragraph."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of the page. note: beside its heading. level: 2 for a section, 3 for a part of one. folded: opens on demand."""

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2
    folded: bool = False
    note: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A report. name: the stem of its files. facts: whose it is, as pairs of a word and a value. headline: what it says first.
    trail: model, monitor and window. links: to its neighbours, as pairs of a word and a relative path. html_only: whether a
    run leaves no notebook and no PDF of it.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[PageSection, ...]
    headline: Headline | None = None
    trail: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    html_only: bool = False

    @property
    def has_script(self) -> bool:
        """Whether there is something on it that a script draws or searches."""
        blocks = [block for section in self.sections for block in section.blocks]
        long = (each.of_all or len(each.lines) > MOST_LINES for each in blocks if isinstance(each, PageTable))
        return any(isinstance(block, FeatureMap) for block in blocks) or any(long)


MOST_CARDS = 12  # cards that are open; the rest fold
MOST_LINES, LINES_SHOWN = 50, 20  # a longer table folds after so many rows, and can be searched

VERDICTS = {
    CheckStatus.VIOLATED: (Mark.BAD, "✗ violated"),
    CheckStatus.PASSED: (Mark.GOOD, "✓ passed"),
    CheckStatus.CANNOT_TELL: (Mark.NONE, "no change seen"),
    CheckStatus.NOT_JUDGED: (Mark.NONE, "– not judged"),
}
"""How a page shows what became of a check: by colour, sign and word."""


EXPLAIN = "model-monitor explain {name} --run FOLDER derives the numbers; FOLDER is where this page lies."


def number_text(value: float | None, digits: int = 4) -> str:
    """A number for people: `0.1324`, `-36.69`, `∞`; `–` for none."""
    if value is None:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    return f"{value:,.{digits}g}".replace("-", "−")


def count_text(count: float) -> str:
    """A count for people: `1,203,441`."""
    return f"{int(count):,}"


def counted(count: int, noun: str) -> str:
    """So many of something: `1 feature`, `1,203 features`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def percent(share: float) -> str:
    """A share for people: `29 %`."""
    return f"{100 * share:.3g} %"


def short_name(name: str, most: int = 60) -> str:
    """A name; of a long one both ends."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - 1) // 2 :]}"


def table_of(titles: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()) -> PageTable:
    """A plain table. numbers: titles of the columns that hold numbers."""
    columns = tuple(Column(title, title in numbers) for title in titles)
    return PageTable(columns, tuple(Line(tuple(row)) for row in rows))


def _scaled(numbers: Sequence[float]) -> list[float]:
    """Numbers from 0 for the least to 1 for the largest; all alike in the middle."""
    low, width = min(numbers), max(numbers) - min(numbers)
    return [(number - low) / width if width else 0.5 for number in numbers]


def _ends_of(name: str, numbers: Sequence[float]) -> str:
    return f"{name}, {number_text(min(numbers))} to {number_text(max(numbers))}"


@dataclass(frozen=True, slots=True)
class Around:
    """What lies around a run in a folder of its hour. hours: of each feature or metric, by what histories call it. links: pairs
    of a word and a path from the run's page."""

    hours: Mapping[str, Hours] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


NOTHING_AROUND = Around()
