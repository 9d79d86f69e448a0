"""A page as PDF, with reportlab (extra `report`)."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spark_model_monitor.documents.page import (
    Block,
    Cards,
    Highlight,
    Page,
    PageTable,
    PointChart,
    format_number,
    shorten_name,
)
from spark_model_monitor.reports.outputs.printable import printable
from spark_model_monitor.reports.page import svg

if TYPE_CHECKING:
    from reportlab.graphics.shapes import Drawing
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Flowable, Table

FONT = "DejaVuSans"
BOLD = "DejaVuSans-Bold"
"""These fonts come with matplotlib and have Latin, Greek, Cyrillic and Arabic letters; a PDF's own fonts have only Latin ones."""

MARGIN = 40  # points
WIDTH = 595 - 2 * MARGIN  # width of A4 paper without its margins
BAD = "#b3261e"
BAD_BACKGROUND = "#fdf3f2"

# Sizes of a chart in the page's pixels: most letters before the axis, its least length, room to its right, height of a line
NAME_LETTERS = 34
MIN_AXIS = 210
NUMBER_WIDTH = 60
LINE_HEIGHT = 26

MIN_LETTERS = 7
MAX_LETTERS = 44
"""Table columns share the width in proportion to the letters of their longest cells, within these limits."""


def is_available() -> bool:
    """Whether reportlab and matplotlib are installed."""
    return all(map(importlib.util.find_spec, ("reportlab", "matplotlib")))


def render_pdf(page: Page) -> bytes:
    """The page as the bytes of a PDF; the same page always gives the same bytes. Call it only if `is_available` is True."""
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    styles = _create_styles()
    story: list[Flowable] = [Paragraph(_format_text(page.title), styles["title"])]
    facts = " · ".join(f"{_format_text(word)}: <b>{_format_text(value)}</b>" for word, value in page.facts)
    if page.trail:
        story.append(Paragraph(_format_text(" › ".join(page.trail)), styles["text"]))
    # The headline with the verdict, then its reasons
    if page.headline:
        story.append(Paragraph(_format_text(str(page.headline)), styles["h3"]))
        paragraphs = [page.headline.detail, *page.headline.other_ways]
        story += [Paragraph(_format_text(paragraph), styles["text"]) for paragraph in filter(None, paragraphs)]
    story.append(Paragraph(facts, styles["text"]))
    for section in page.sections:
        story.append(Paragraph(_format_text(section.heading), styles[f"h{section.level}"]))
        story += [flowable for block in section.blocks for flowable in _create_flowables(block, styles)]
    buffer = io.BytesIO()
    margins = {f"{edge}Margin": MARGIN for edge in ("left", "right", "top", "bottom")}
    SimpleDocTemplate(buffer, pagesize=A4, title=printable(page.tab_title), invariant=1, **margins).build(story)
    return buffer.getvalue()


def _create_styles() -> dict[str, ParagraphStyle]:
    import matplotlib  # matplotlib brings the fonts
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (FONT, BOLD):
        if name not in pdfmetrics.getRegisteredFontNames():
            pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf")))
    pdfmetrics.registerFontFamily(FONT, normal=FONT, bold=BOLD, italic=FONT, boldItalic=BOLD)
    text = ParagraphStyle("text", fontName=FONT, fontSize=8.5, leading=12, spaceAfter=4, splitLongWords=1)
    cell = ParagraphStyle("cell", text, fontSize=7, leading=9, spaceAfter=0)
    return {
        "text": text,
        "cell": cell,
        "number": ParagraphStyle("number", cell, alignment=2),
        "title": ParagraphStyle("title", text, fontName=BOLD, fontSize=16, leading=20, spaceAfter=8),
        "h2": ParagraphStyle("h2", text, fontName=BOLD, fontSize=12, leading=15, spaceBefore=12),
        "h3": ParagraphStyle("h3", text, fontName=BOLD, fontSize=10, leading=13, spaceBefore=8),
    }


def _create_flowables(block: Block, styles: dict[str, ParagraphStyle]) -> Iterator[Flowable]:
    from reportlab.platypus import Paragraph

    if isinstance(block, PageTable):
        if block.caption:
            yield Paragraph(_format_text(block.caption), styles["text"])
        yield _create_table(block, styles)
    elif isinstance(block, PointChart):
        yield Paragraph(_format_text(block.title), styles["text"])
        yield _draw_chart(block)
        yield Paragraph(_format_text(svg.write_legend(block)), styles["text"])
    elif isinstance(block, Cards):
        for card in block.cards:
            yield Paragraph(_format_text(str(card)), styles["text"])
            if isinstance(card.picture, PointChart):
                yield _draw_chart(card.picture)
    else:
        yield Paragraph(_format_text(str(block)), styles["text"])


def _draw_chart(chart: PointChart) -> Drawing:
    from reportlab.graphics.shapes import Drawing, Line, String
    from reportlab.lib.colors import HexColor

    # The axis is to the right of the longest name; a chart of a few lines has a minimum height
    longest = max((len(point.name) for point in chart.points), default=0)
    left = 14 + 6.4 * min(longest, NAME_LETTERS)
    right = max(left + MIN_AXIS, svg.WIDTH)
    pitch = max(LINE_HEIGHT, svg.MIN_HEIGHT / max(1, len(chart.points)))
    height = pitch * len(chart.points)
    # Positions are in the page's pixels, and the drawing is scaled to points
    scale = WIDTH / (right + NUMBER_WIDTH)
    drawing = Drawing(WIDTH, height * scale)
    drawing.scale(scale, scale)

    def locate(value: float) -> float:
        return left + (right - left) * svg.compute_fraction(value, chart) / svg.AXIS_UNITS

    def line(x: float, y: float, to: float, end: float, colour: str, width: float = 1) -> None:
        drawing.add(Line(x, y, to, end, strokeColor=HexColor(colour), strokeWidth=width))

    def text(x: float, y: float, label: str, anchor: str) -> None:
        style = {"fontName": FONT, "fontSize": 11, "textAnchor": anchor, "fillColor": HexColor("#1f2933")}
        drawing.add(String(x, y - 4, printable(label), **style))

    # In a PDF, y grows upwards, so the first row has the largest y
    neutral = locate(chart.neutral)
    line(neutral, 0, neutral, height, "#d9e0e6")
    for index, point in enumerate(chart.points):
        y = height - pitch * (index + 0.5)
        text(left - 8, y, shorten_name(point.name, NAME_LETTERS), "end")
        text(right + 8, y, svg.choose_arrow(point, chart) + format_number(point.value), "start")
        # Bar, interval and reference are drawn in this order, the widest first, so that none hides another
        if point.value is not None:
            line(neutral, y, locate(point.value), y, BAD if point.mark is Highlight.BAD else "#7fa3cc", 10)
        if point.interval is not None:
            low, high = (locate(end) for end in point.interval)
            line(low, y, high, y, "#5b6875", 2)
        if point.reference is not None:
            reference_x = locate(point.reference)
            line(reference_x, y - 8, reference_x, y + 8, "#17202a", 2)
    return drawing


def _create_table(table: PageTable, styles: dict[str, ParagraphStyle]) -> Table:
    from reportlab.lib import colors
    from reportlab.platypus import Paragraph, Table

    texts = [[f"<b>{_format_text(column.title)}</b>" for column in table.columns]]
    texts += [[_format_text(str(cell)) for cell in line.cells] for line in table.lines]
    column_styles = [styles["number" if column.is_number else "cell"] for column in table.columns]
    rows = [list(map(Paragraph, row, column_styles)) for row in texts]
    # A column's width follows its longest text, within limits, so that no column becomes too narrow
    letters = []
    for index, column in enumerate(table.columns):
        column_texts = [column.title, *(str(line.cells[index]) for line in table.lines)]
        longest = max(map(len, column_texts))
        letters.append(min(max(longest, MIN_LETTERS), MAX_LETTERS))
    widths = [WIDTH * count / sum(letters) for count in letters]
    # Positions are (column, row) pairs; -1 is the last column or row, row 0 is the header
    lines: list[Any] = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#d9e0e6")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    lines += [
        ("BACKGROUND", (0, index), (-1, index), colors.HexColor(BAD_BACKGROUND))
        for index, line in enumerate(table.lines, start=1)
        if line.mark is Highlight.BAD
    ]
    return Table(rows, colWidths=widths, repeatRows=1, style=lines)


def _format_text(text: str) -> str:
    """A text as reportlab's markup, without characters that XML doesn't allow."""
    return escape(printable(text))
