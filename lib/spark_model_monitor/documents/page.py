"""The content of a report page, without its look: headline, cards, tables and charts. Pure.

Monitors make pages; `reports/page` renders them as HTML, notebook and PDF. All texts are plain text: a feature's name
is shown literally, whatever it contains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from typing import Any, TypeAlias

from spark_model_monitor.value_class import value_class


class Highlight(Enum):
    """How a headline, a row or a point is highlighted."""

    NONE = ""
    GOOD = "passed"
    BAD = "violated"
    UNSURE = "may have changed"


OF_BASELINE = "{}; later windows are checked against this."
"""The headline of a baseline, after what it has."""


@value_class
class Headline:
    """The main result in words.

    next_step: the one thing to do now.
    detail: why, the consequences, and what is fine.
    other_ways: what else would help.
    """

    text: str
    detail: str = ""
    mark: Highlight = Highlight.NONE
    next_step: str = ""
    other_ways: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.text} {self.next_sentence}".strip()

    @property
    def next_sentence(self) -> str:
        """The next step as a sentence; empty without one."""
        if not self.next_step:
            return ""
        return f"Next: {self.next_step}{'' if self.next_step.endswith('?') else '.'}"


@value_class
class Overlay:
    """Two distributions over the same bins, as shares: the baseline's as bars, the window's as an outline.

    current: empty for a baseline.
    words: the same in a sentence.
    ends: the axis labels at both ends, for numbers also in the middle.
    names: the bars' categories, empty for numbers.
    beyond: what lies outside the baseline's range.
    """

    baseline: tuple[float, ...]
    current: tuple[float, ...]
    words: str
    ends: tuple[str, ...]
    names: tuple[str, ...] = ()
    # Values outside the baseline's range have no bin of their own to be drawn in
    beyond: str = ""

    def __str__(self) -> str:
        return self.words


@value_class
class Hours:
    """A number for each window, as bars.

    values: None without a run.
    bad: which windows were violated.
    limit: drawn as a line.
    times: the windows' labels.
    """

    values: tuple[float | None, ...]
    # As many as values; a window without a run is not bad
    bad: tuple[bool, ...]
    words: str
    limit: float | None = None
    times: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words


@value_class
class Link:
    """A text that leads to another page. path: relative to this one."""

    text: str
    path: str

    def __str__(self) -> str:
        return self.text


Cell: TypeAlias = str | Overlay | Hours | Link


@value_class
class TableColumn:
    """A column of a table. is_number: cells are right-aligned. is_name: cells are names, which may be long."""

    title: str
    is_number: bool = False
    is_name: bool = False


@value_class
class TableLine:
    """A row of a table, with a cell for each column. history_name: of its subject in histories, empty without one."""

    cells: tuple[Cell, ...]
    mark: Highlight = Highlight.NONE
    history_name: str = ""


@value_class
class PageTable:
    """A table.

    caption: a sentence about it, or empty.
    shades: the shades of its counts, from 0 to 1, as in a confusion matrix.
    is_searchable: whether it can be searched by all its text, however few rows it has.
    """

    columns: tuple[TableColumn, ...]
    lines: tuple[TableLine, ...]
    caption: str = ""
    shades: tuple[tuple[float, ...], ...] = ()
    is_searchable: bool = False

    def drop_empty_columns(self) -> PageTable:
        """The table without its empty columns; without lines nobody knows which these are."""
        if not self.lines:
            return self
        # A dash stands for no value
        # Columns such as the owner or the share of missing values are often empty on a whole page
        indices = range(len(self.columns))
        filled = [index for index in indices if any(line.cells[index] not in ("", "–") for line in self.lines)]
        lines = tuple(replace(line, cells=tuple(line.cells[index] for index in filled)) for line in self.lines)
        return replace(self, columns=tuple(self.columns[index] for index in filled), lines=lines)


@value_class
class Point:
    """One value of a chart, a bar on its own line.

    value: None if there is none.
    reference: the value it is compared with.
    interval: its ends.
    """

    name: str
    value: float | None
    reference: float | None = None
    interval: tuple[float, float] | None = None
    mark: Highlight = Highlight.NONE


@value_class
class PointChart:
    """Values next to their references, each a bar from `neutral`. title: its name, which is not drawn in the chart.

    span: the range of the axis; a value outside is drawn at its end, with an arrow.
    """

    title: str
    points: tuple[Point, ...]
    # A few huge values would otherwise press all others to the neutral line
    span: tuple[float, float] = (-1.0, 1.0)
    neutral: float = 0.0
    value_label: str = "this run"
    reference_label: str = "baseline"

    @classmethod
    def from_zero(
        cls, title: str, points: Sequence[Point], value_label: str = "this run", reference_label: str = "baseline"
    ) -> PointChart:
        """A chart whose axis has 0, so that the lengths of bars compare, and all that is drawn."""
        numbers = [0.0]
        for point in points:
            for number in (point.value, point.reference, *(point.interval or ())):
                if number is not None and math.isfinite(number):
                    numbers.append(number)
        span = (min(numbers), max(numbers))
        if span == (0.0, 0.0):
            span = (0.0, 1.0)
        return cls(title, tuple(points), span, value_label=value_label, reference_label=reference_label)


@value_class
class CurveChart:
    """A curve between 0 and 1 on both axes.

    words: what it shows in a sentence.
    diagonal: whether to draw it for comparison.
    has_ends: whether the axes' names also say what their ends are instead of 0 and 1.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    axes: tuple[str, str]
    words: str
    diagonal: bool = False
    has_ends: bool = False

    @classmethod
    def from_numbers(
        cls, title: str, names: tuple[str, str], x: Sequence[float], y: Sequence[float], words: str = ""
    ) -> CurveChart:
        """A curve of any numbers, with axes from minimum to maximum. names: of x and y. words: by default the axes'."""
        # A curve is drawn in a square of side 1; the words of the axes say what its sides are
        axes = (_format_range(names[0], x), _format_range(names[1], y))
        return cls(
            title,
            tuple(zip(_scale_to_unit(x), _scale_to_unit(y), strict=True)),
            axes,
            words or f"{axes[1]} over {axes[0]}",
            has_ends=True,
        )

    def __str__(self) -> str:
        return f"{self.title}: {self.words}"


@value_class
class Track:
    """A number over the windows of a page.

    values: None without a run.
    marks: the highlight of each cell; empty for a line.
    low, high: ends of its interval.
    threshold: drawn as a line.
    links: to the windows' own pages.
    expected: the estimates from before the number was known, drawn dashed; empty without any.
    """

    title: str
    note: str
    values: tuple[float | None, ...]
    marks: tuple[Highlight, ...] = ()
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    threshold: float | None = None
    links: tuple[str, ...] = ()
    expected: tuple[float | None, ...] = ()


@value_class
class Tracks:
    """Numbers over the same windows. times: the windows' labels. changes: windows before which the baseline changed."""

    title: str
    times: tuple[str, ...]
    tracks: tuple[Track, ...]
    changes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}: {len(self.times)} windows, {', '.join(track.title for track in self.tracks)}"


@value_class
class FeatureMap:
    """Features × windows, drawn by a script on the page. data: plain JSON values, as in `assets/page.js`."""

    title: str
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return self.title


Picture: TypeAlias = Overlay | PointChart | CurveChart
"""What a card can show."""


@value_class
class Card:
    """One thing that changed.

    since: when it began.
    change: what it was and is.
    picture: of both.
    hints: possible explanations.
    evidence: why it is not noise.
    more: its checks, behind a click.
    history_name: its name in histories, if not `name`.
    """

    name: str
    change: str
    since: str = ""
    picture: Picture | None = None
    hints: tuple[str, ...] = ()
    hours: Hours | None = None
    evidence: str = ""
    more: tuple[Block, ...] = ()
    mark: Highlight = Highlight.BAD
    history_name: str = ""

    def __str__(self) -> str:
        return ". ".join(filter(None, (f"{self.name}: {self.change}", self.since, *self.hints, self.evidence)))


@value_class
class Cards:
    """A card for each change, the largest first; those beyond `MAX_CARDS` fold. labels: of both sides of pictures."""

    cards: tuple[Card, ...]
    labels: tuple[str, str] = ("baseline", "this run")

    @property
    def has_overlays(self) -> bool:
        return any(isinstance(card.picture, Overlay) for card in self.cards)

    @property
    def chart(self) -> PointChart | None:
        """One of the cards' point charts, for its legend."""
        return next((card.picture for card in self.cards if isinstance(card.picture, PointChart)), None)

    def __str__(self) -> str:
        return "; ".join(map(str, self.cards))


Block: TypeAlias = str | PageTable | PointChart | CurveChart | Tracks | FeatureMap | Cards
"""A part of a section; a text is a paragraph."""


@value_class
class PageSection:
    """A part of the page.

    note: next to its heading.
    level: 2 (section) or 3 (subsection).
    folded: opens on click.
    """

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2
    folded: bool = False
    note: str = ""


@value_class
class Page:
    """A report.

    name: the stem of its files.
    facts: what it is about, as pairs of a word and a value.
    headline: the main result.
    trail: model, monitor and window.
    links: to neighbouring pages, as pairs of a word and a relative path.
    html_only: whether a run writes no notebook and no PDF of it.
    files: names of the run's files beside it.
    """

    name: str
    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[PageSection, ...]
    headline: Headline | None = None
    trail: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    html_only: bool = False
    files: tuple[str, ...] = ()

    @property
    def tab_title(self) -> str:
        """Whose page it is, what it is about, and when: `churn: Data quality, 4 March 2024, 20:00 to 21:00 UTC`."""
        name, *further_parts = self.trail or (self.title,)
        title = self.title
        # A model's name may be the whole title, which would then stand there twice
        if name.lower() != title.lower():
            title = f"{name}: {title}"
        return ", ".join((title, *(part for part in further_parts if part.lower() != self.title.lower())))

    @property
    def has_script(self) -> bool:
        """Whether the page has anything that a script draws or searches."""
        blocks = [block for section in self.sections for block in section.blocks]
        # A page without such blocks has no script at all, so it opens anywhere
        long = (block.is_searchable or len(block.lines) > MAX_LINES for block in blocks if isinstance(block, PageTable))
        return any(isinstance(block, FeatureMap) for block in blocks) or any(long)


MAX_LISTED_NAMES = 3
MAX_CARDS = 12  # the number of open cards; the rest fold
MAX_LINES = 50  # of a table without a search; a longer one folds after LINES_SHOWN rows
LINES_SHOWN = 20

EXPLAIN = "spark-model-monitor explain {name} --run FOLDER derives the numbers."


MAX_PLAIN_NUMBER = 1e12  # from which a number is shown as a power of ten


def format_number(value: float | None, digits: int = 4) -> str:
    """A number for people: `0.1324`, `−36.69`, `73,920`, `∞`; `–` for none."""
    if value is None:
        return "–"
    # The format would write `inf`
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{digits}g}"
    # Rounded to few digits, large numbers come out as powers of ten, which few people read
    if "e+" in text and abs(value) < MAX_PLAIN_NUMBER:
        text = f"{float(f'{value:.{digits}g}'):,.0f}"
    # The minus sign, as wide as a plus in tables
    return text.replace("-", "−")


def format_interval(interval: tuple[float, float] | None) -> str:
    """An interval for people: `0.71 to 0.78`; `–` for none."""
    if interval is None:
        return "–"
    return " to ".join(format_number(end, 3) for end in interval)


def format_count(count: float) -> str:
    """A count for people: `1,203,441`."""
    return f"{int(count):,}"


def format_noun_count(count: int, noun: str) -> str:
    """A count with its noun: `1 feature`, `1,203 features`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def format_percent(share: float) -> str:
    """A share for people: `29 %`."""
    return f"{100 * share:.3g} %"


def shorten_name(name: str, maximum: int = 60) -> str:
    """A name; if it is long, its beginning and end."""
    if len(name) <= maximum:
        return name
    # Generated names often differ only at their end
    return f"{name[: maximum // 2]}…{name[len(name) - (maximum - 1) // 2 :]}"


def list_names(names: Sequence[str], maximum: int = MAX_LISTED_NAMES) -> str:
    """The first names, and the number of the others."""
    listed = ", ".join(names[:maximum])
    if len(names) <= maximum:
        return listed
    return f"{listed} and {len(names) - maximum:,} more"


def list_short_names(names: Iterable[str]) -> str:
    """The same of names that may be long."""
    return list_names([shorten_name(name) for name in names])


def build_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[Cell] | TableLine],
    *,
    numbers: Sequence[str] = (),
    names: Sequence[str] = (),
    caption: str = "",
) -> PageTable:
    """A table. rows: the cells of each line, or a line with its mark. numbers, names: titles of the columns that hold
    numbers, and names.
    """
    columns = tuple(TableColumn(title, title in numbers, title in names) for title in titles)
    lines = [row if isinstance(row, TableLine) else TableLine(tuple(row)) for row in rows]
    return PageTable(columns, tuple(lines), caption)


def create_reading(paragraphs: Iterable[str]) -> PageSection:
    """The section that says how to read a page, which opens on click."""
    return PageSection("How to read this", tuple(paragraphs), folded=True)


def _scale_to_unit(numbers: Sequence[float]) -> list[float]:
    """The numbers rescaled from 0 (minimum) to 1 (maximum); 0.5 if all are equal."""
    low = min(numbers)
    width = max(numbers) - min(numbers)
    # A flat curve lies in the middle rather than on an axis
    return [(number - low) / width if width else 0.5 for number in numbers]


def _format_range(name: str, numbers: Sequence[float]) -> str:
    return f"{name}, {format_number(min(numbers))} to {format_number(max(numbers))}"


@value_class
class NeighbourRuns:
    """The runs before and after a run in an hour folder.

    hours: of each feature or metric, by its name in histories.
    links: pairs of a word and a path from the run's page.
    """

    hours: Mapping[str, Hours] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


NO_NEIGHBOUR_RUNS = NeighbourRuns()
