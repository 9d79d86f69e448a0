"""A page as one HTML file that asks for nothing else: styles and charts stand in it, and nothing of it runs.

Every text is escaped by the templates in `assets/`. The content security policy in its head makes browsers refuse whatever might
get in anyway.
"""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from model_monitor.documents.page import Block, Page, PageTable, PointChart, number_text
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report import svg


def html_of(page: Page) -> str:
    """The page's HTML, the same for the same page."""
    return _TEMPLATES.get_template("page.html").render(page=page) + "\n"


def part_of(page: Page) -> str:
    """The same as a part of another page, with its styles, which reach nothing outside of it."""
    return f"<style>{_STYLE}</style>\n{_MACROS.body(page)}\n"


def block_html(block: Block) -> Markup:
    """One block's HTML."""
    if isinstance(block, PageTable):
        return Markup(_MACROS.table(block))
    if isinstance(block, str):
        return Markup(_MACROS.paragraph(block))
    if isinstance(block, PointChart):
        return Markup(_MACROS.chart(block.title, svg.description_of(block), points_svg(block), _MACROS.legend(block)))
    return Markup(_MACROS.chart(block.title, block.words, _MACROS.curve(block), ""))


def points_svg(chart: PointChart) -> Markup:
    """A chart of points as an SVG element that can stand alone."""
    return Markup(_MACROS.points(chart))


_TEMPLATES = Environment(
    loader=PackageLoader("model_monitor", "outputs/report/assets"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=lambda value: printable(value) if type(value) is str else value,  # not what is markup already
)
_STYLE = Markup(_TEMPLATES.loader.get_source(_TEMPLATES, "page.css")[0])  # type: ignore[union-attr]
_TEMPLATES.globals |= {
    "style": _STYLE,
    "rendered": block_html,
    "svg": svg,
    "number_text": number_text,
    "pairs": lambda columns, cells: zip(columns, cells, strict=True),
}
_MACROS: Any = _TEMPLATES.get_template("blocks.html").module
