"""A report as a page: what it says, in sections of sentences, tables and charts, and not what it looks like. Pure.

Monitors make pages, `outputs/report` renders them as HTML, notebook and PDF. All texts are plain: whatever a feature is
called, it is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from model_monitor.documents.check_results import CheckStatus


class Mark(Enum):
    """How a row or a point stands out."""

    NONE = ""
    GOOD = "passed"
    BAD = "violated"
    UNSURE = "cannot tell"


@dataclass(frozen=True, slots=True)
class Tile:
    """One thing that the page says first: a word and its value."""

    word: str
    value: str
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class Overlay:
    """Two distributions over the same bins, as shares: the baseline's as bars, the window's as a line. Small enough for a cell.

    words: the same in a sentence. ends: what the first and the last bin are called. current: none of a baseline.
    """

    baseline: tuple[float, ...]
    current: tuple[float, ...]
    words: str
    ends: tuple[str, str]

    def __str__(self) -> str:
        return self.words


@dataclass(frozen=True, slots=True)
class Spark:
    """A number over time, small enough for a cell. values: None where there is none. threshold: a line. words: a sentence."""

    values: tuple[float | None, ...]
    threshold: float | None
    words: str

    def __str__(self) -> str:
        return self.words


Cell: TypeAlias = str | Overlay | Spark


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. is_number: its cells stand to the right. is_name: they are names, which may be long."""

    title: str
    is_number: bool = False
    is_name: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, with a cell for each column."""

    cells: tuple[Cell, ...]
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table. caption: a sentence on it, empty without one."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a chart, on a line of its own.

    value: None if there is none. reference: what it is held against. interval: its ends.
    """

    name: str
    value: float | None
    reference: float | None = None
    interval: tuple[float, float] | None = None
    mark: Mark = Mark.NONE


@dataclass(frozen=True, slots=True)
class PointChart:
    """Values beside what they are held against, a line each. title: names it; it is not drawn into the chart.

    span: what the axis reaches over; a value beyond stands at its end, with an arrow. neutral: where a line is drawn.
    """

    title: str
    points: tuple[Point, ...]
    span: tuple[float, float] = (-1.0, 1.0)
    neutral: float = 0.0
    value_label: str = "this run"
    reference_label: str = "baseline"


@dataclass(frozen=True, slots=True)
class CurveChart:
    """A curve between 0 and 1 on both axes. words: what it shows in a sentence."""

    title: str
    points: tuple[tuple[float, float], ...]
    axes: tuple[str, str]
    words: str

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
    line. low, high: of its interval. threshold: drawn as a line.
    """

    title: str
    note: str
    values: tuple[float | None, ...]
    marks: tuple[Mark, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    threshold: float | None = None


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
    """What was looked at × windows, for a script of the page. data: plain values of JSON (`assets/map.js` says which)."""

    title: str
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return self.title


Block: TypeAlias = str | PageTable | PointChart | CurveChart | Tracks | FeatureMap
"""A part of a section; a text is a paragraph."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of the page. level: 2 for a section, 3 for a part of the section before it. folded: whether it opens on demand."""

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A report. name: the stem of its files. facts: whose it is, as pairs of a word and a value. tiles: what it says first.
    html_only: whether a run leaves no notebook and no PDF of it.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[PageSection, ...]
    tiles: tuple[Tile, ...] = ()
    html_only: bool = False

    @property
    def has_map(self) -> bool:
        """Whether a script has something to draw on it."""
        return any(isinstance(block, FeatureMap) for section in self.sections for block in section.blocks)


VERDICTS = {
    CheckStatus.VIOLATED: (Mark.BAD, "✗ violated"),
    CheckStatus.PASSED: (Mark.GOOD, "✓ passed"),
    CheckStatus.CANNOT_TELL: (Mark.UNSURE, "? cannot tell"),
    CheckStatus.NOT_JUDGED: (Mark.NONE, "– not judged"),
}
"""How a page shows what became of a check: by colour, sign and word."""


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
