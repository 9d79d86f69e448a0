"""A report as a page: what it says, in sections of sentences, tables and charts, and not what it looks like. Pure.

Monitors make pages, `outputs/report` renders them as HTML, notebook and PDF. All texts are plain: whatever a feature is
called, it is shown as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Mark(Enum):
    """How a row or a point stands out."""

    NONE = ""
    GOOD = "passed"
    BAD = "violated"
    UNSURE = "cannot tell"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table. is_number: its cells stand to the right."""

    title: str
    is_number: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, with a text for each column."""

    cells: tuple[str, ...]
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


Block: TypeAlias = str | PageTable | PointChart
"""A part of a section; a text is a paragraph."""


@dataclass(frozen=True, slots=True)
class PageSection:
    """A part of the page. level: 2 for a section, 3 for a part of the section before it."""

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2


@dataclass(frozen=True, slots=True)
class Page:
    """A report. name: the stem of its files. facts: what stands first, as pairs of a word and a value."""

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[PageSection, ...]


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
