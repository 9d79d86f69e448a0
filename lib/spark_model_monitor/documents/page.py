"""The content of a report page, without its look: headline, cards, tables and charts. Pure.

Monitors create pages; `reports/page` renders them as HTML, notebook and PDF. All texts are plain text: the name of a feature
is shown literally, whatever it contains.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import Enum
from itertools import compress
from typing import Any, TypeAlias

from spark_model_monitor.value_class import value_class


class Highlight(Enum):
    """How a headline, a row or a point is highlighted."""

    NONE = ""
    GOOD = "passed"
    BAD = "violated"
    UNSURE = "may have changed"


BASELINE_HEADLINE = "{}; later windows are checked against this."
"""The headline of a baseline, after a description of its contents."""


@value_class
class Headline:
    """The main result in words.

    next_step: what to do now, one step.
    detail: the reason, the consequences, and what is unchanged.
    other_ways: alternatives to the next step.
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
        """The next step as a sentence; empty if there is none."""
        if not self.next_step:
            return ""
        if self.next_step.endswith("?"):
            return f"Next: {self.next_step}"
        return f"Next: {self.next_step}."


@value_class
class Overlay:
    """Two distributions over the same bins, as shares: the baseline's is drawn as bars, the window's as an outline.

    current: empty for a baseline.
    words: a sentence that describes the picture.
    ends: the axis labels at both ends; for numbers also in the middle.
    names: the categories of the bars, empty for numbers.
    beyond: a note about values outside the baseline's range.
    """

    baseline: tuple[float, ...]
    current: tuple[float, ...]
    words: str
    ends: tuple[str, ...]
    names: tuple[str, ...] = ()
    # Values outside the baseline's range have no bin
    beyond: str = ""

    def __str__(self) -> str:
        return self.words


@value_class
class Hours:
    """One number for each window, drawn as bars.

    values: None for a window without a run.
    are_violated: whether each window had violations.
    limit: drawn as a line.
    times: the labels of the windows.
    """

    values: tuple[float | None, ...]
    # As long as values; False for a window without a run
    are_violated: tuple[bool, ...]
    words: str
    limit: float | None = None
    times: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.words


@value_class
class Link:
    """A text that links to another page. path: relative to the current page."""

    text: str
    path: str

    def __str__(self) -> str:
        return self.text


Cell: TypeAlias = str | Overlay | Hours | Link


@value_class
class TableColumn:
    """A column of a table. is_number: align cells to the right. is_name: cells are names, which may be long."""

    title: str
    is_number: bool = False
    is_name: bool = False


@value_class
class TableLine:
    """A row of a table, with one cell for each column. history_name: the name of its subject in histories, empty without
    one.
    """

    cells: tuple[Cell, ...]
    mark: Highlight = Highlight.NONE
    history_name: str = ""


@value_class
class PageTable:
    """A table.

    caption: a sentence about the table, or empty.
    shades: the shade of each count, from 0 to 1, as in a confusion matrix.
    is_searchable: whether the table has a search field even if it is short.
    """

    columns: tuple[TableColumn, ...]
    lines: tuple[TableLine, ...]
    caption: str = ""
    shades: tuple[tuple[float, ...], ...] = ()
    is_searchable: bool = False

    def drop_empty_columns(self) -> PageTable:
        """The table without empty columns; unchanged if it has no lines."""
        if not self.lines:
            return self
        # Columns such as the owner or the share of missing values are often empty on a whole page. A dash stands for a missing
        # value
        is_filled = [False] * len(self.columns)
        for line in self.lines:
            for index, cell in enumerate(line.cells):
                if cell not in ("", "–"):
                    is_filled[index] = True
        columns = tuple(compress(self.columns, is_filled))
        lines = tuple(replace(line, cells=tuple(compress(line.cells, is_filled))) for line in self.lines)
        return replace(self, columns=columns, lines=lines)


@value_class
class Point:
    """One value of a chart, drawn as a bar on its own line.

    value: None if there is none.
    reference: the value with which it is compared.
    interval: the ends of its interval.
    """

    name: str
    value: float | None
    reference: float | None = None
    interval: tuple[float, float] | None = None
    mark: Highlight = Highlight.NONE


@value_class
class PointChart:
    """Values next to their references, each drawn as a bar that starts at `neutral`. title: the chart's name, not drawn in
    it.

    span: the range of the axis; a value outside is drawn at the end of the axis, with an arrow.
    """

    title: str
    points: tuple[Point, ...]
    # Without a fixed range, a few huge values would make all others too short to see
    span: tuple[float, float] = (-1.0, 1.0)
    neutral: float = 0.0
    value_label: str = "this run"
    reference_label: str = "baseline"

    @classmethod
    def from_zero(
        cls, title: str, points: Sequence[Point], value_label: str = "this run", reference_label: str = "baseline"
    ) -> PointChart:
        """A chart whose axis includes 0, so that the lengths of bars are comparable, and everything that is drawn."""
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
    """A curve whose axes both go from 0 to 1.

    words: a sentence that describes the curve.
    diagonal: whether to draw the diagonal for comparison.
    has_ends: whether the names of the axes say what their ends stand for instead of 0 and 1.
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
        """A curve through any numbers; axes go from minimum to maximum. names: of the axes x and y. words: by default
        from the axes.
        """
        # The curve is drawn in a unit square; the names of the axes say what the sides stand for
        x_name, y_name = names
        axes = (_format_range(x_name, x), _format_range(y_name, y))
        points = tuple(zip(_scale_to_unit(x), _scale_to_unit(y), strict=True))
        if not words:
            words = f"{axes[1]} over {axes[0]}"
        return cls(title, points, axes, words, has_ends=True)

    def __str__(self) -> str:
        return f"{self.title}: {self.words}"


@value_class
class Track:
    """One number over all windows of a page.

    values: None for a window without a run.
    marks: the highlight of each cell; empty if a line is drawn.
    low, high: ends of its interval.
    threshold: drawn as a line.
    links: links to the pages of the windows.
    expected: estimates that were made before the number was known, drawn dashed; empty if there are none.
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
    """Several numbers over the same windows. times: labels of the windows. changes: indices of windows before which the
    baseline changed.
    """

    title: str
    times: tuple[str, ...]
    tracks: tuple[Track, ...]
    changes: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.title}: {len(self.times)} windows, {', '.join(track.title for track in self.tracks)}"


@value_class
class FeatureMap:
    """A map of features by windows, which a script draws on the page. data: plain JSON values, as `assets/page.js` expects."""

    title: str
    data: Mapping[str, Any]

    def __str__(self) -> str:
        return self.title


Picture: TypeAlias = Overlay | PointChart | CurveChart
"""The kinds of pictures on a card."""


@value_class
class Card:
    """One change.

    since: when it began.
    change: what it was and what it is now.
    picture: a picture of both.
    hints: possible explanations.
    evidence: why it isn't noise.
    more: details of its checks, which open on click.
    history_name: its name in histories, if that isn't `name`.
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
    """One card for each change, the largest first; cards after `MAX_CARDS` are folded. labels: of the two sides of pictures."""

    cards: tuple[Card, ...]
    labels: tuple[str, str] = ("baseline", "this run")

    @property
    def has_overlays(self) -> bool:
        return any(isinstance(card.picture, Overlay) for card in self.cards)

    @property
    def chart(self) -> PointChart | None:
        """The point chart of one card, for the legend."""
        for card in self.cards:
            if isinstance(card.picture, PointChart):
                return card.picture
        return None

    def __str__(self) -> str:
        return "; ".join(map(str, self.cards))


Block: TypeAlias = str | PageTable | PointChart | CurveChart | Tracks | FeatureMap | Cards
"""A part of a section; a text becomes a paragraph."""


@value_class
class PageSection:
    """A section of the page.

    note: a text next to its heading.
    level: level of the heading: 2 (section) or 3 (subsection).
    folded: whether it opens on click.
    """

    heading: str
    blocks: tuple[Block, ...]
    level: int = 2
    folded: bool = False
    note: str = ""


@value_class
class Page:
    """A report.

    name: the stem of its file names.
    facts: what it is about, as pairs of a word and a value.
    headline: the main result.
    trail: model, monitor and window.
    links: links to neighbouring pages, as pairs of a word and a relative path.
    html_only: whether neither a notebook nor a PDF is written.
    files: names of the run's files in the same folder.
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
        """The title of the browser tab: `churn: Data quality, 4 March 2024, 20:00 to 21:00 UTC`."""
        name, *further_words = self.trail or (self.title,)
        title = self.title.lower()
        # The title may be the model's name, which would then appear twice
        words = [words for words in further_words if words.lower() != title]
        subject = self.title
        if name.lower() != title:
            subject = f"{name}: {self.title}"
        return ", ".join([subject, *words])

    @property
    def has_script(self) -> bool:
        """Whether the page has blocks that a script draws or searches."""
        # A page without such blocks has no script, so it opens anywhere
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, FeatureMap):
                    return True
                if isinstance(block, PageTable) and (block.is_searchable or len(block.lines) > MAX_LINES):
                    return True
        return False


MAX_LISTED_NAMES = 3
MAX_CARDS = 12  # number of open cards; further ones are folded
MAX_LINES = 50  # a table without a search that has more lines shows only the first LINES_SHOWN and folds the others
LINES_SHOWN = 20

EXPLAIN = "spark-model-monitor explain --run FOLDER -- {name} derives the numbers."  # a name behind -- is no flag


MAX_PLAIN_NUMBER = 1e12  # larger numbers may be shown as powers of ten


def format_number(value: float | None, digits: int = 4) -> str:
    """A number for people: `0.1324`, `−36.69`, `73,920`, `∞`; `–` if there is none."""
    if value is None:
        return "–"
    # The format would give `inf`
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:,.{digits}g}"
    # Large numbers with few digits would be formatted as powers of ten, which are hard to read
    if "e+" in text and abs(value) < MAX_PLAIN_NUMBER:
        text = f"{float(f'{value:.{digits}g}'):,.0f}"
    # A minus sign has the width of a plus sign, which aligns numbers in tables
    return text.replace("-", "−")


def format_interval(interval: tuple[float, float] | None) -> str:
    """An interval for people: `0.71 to 0.78`; `–` if there is none."""
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
    """A name; a long one is shortened to its beginning and its end."""
    if len(name) <= maximum:
        return name
    # Generated names often differ only at the end
    return f"{name[: maximum // 2]}…{name[len(name) - (maximum - 1) // 2 :]}"


def list_names(names: Sequence[str], maximum: int = MAX_LISTED_NAMES) -> str:
    """The first names, and the number of further ones."""
    listed = ", ".join(names[:maximum])
    if len(names) <= maximum:
        return listed
    return f"{listed} and {len(names) - maximum:,} more"


def list_short_names(names: Iterable[str]) -> str:
    """The first names, each shortened if it is long, and the number of further ones."""
    return list_names([shorten_name(name) for name in names])


def build_table(
    titles: Sequence[str],
    rows: Iterable[Sequence[Cell] | TableLine],
    *,
    numbers: Sequence[str] = (),
    names: Sequence[str] = (),
    caption: str = "",
) -> PageTable:
    """A table. rows: the cells of each line, or lines with a mark. numbers, names: titles of the columns that contain
    numbers, or names.
    """
    columns = tuple(TableColumn(title, title in numbers, title in names) for title in titles)
    lines = [row if isinstance(row, TableLine) else TableLine(tuple(row)) for row in rows]
    return PageTable(columns, tuple(lines), caption)


def create_reading_guide(paragraphs: Iterable[str]) -> PageSection:
    """The section that explains how to read a page; it opens on click."""
    return PageSection("How to read this", tuple(paragraphs), folded=True)


def _scale_to_unit(numbers: Sequence[float]) -> list[float]:
    """The numbers rescaled to 0 (minimum) to 1 (maximum); 0.5 if all are equal."""
    low = min(numbers)
    width = max(numbers) - low
    # A flat curve is drawn in the middle, not on an axis
    if width == 0:
        return [0.5] * len(numbers)
    return [(number - low) / width for number in numbers]


def _format_range(name: str, numbers: Sequence[float]) -> str:
    return f"{name}, {format_number(min(numbers))} to {format_number(max(numbers))}"


@value_class
class NeighbourRuns:
    """The runs before and after a run in an hour folder.

    hours: the numbers of each feature or metric, by its name in histories.
    links: pairs of a word and a path relative to the run's page.
    """

    hours: Mapping[str, Hours] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


NO_NEIGHBOUR_RUNS = NeighbourRuns()
