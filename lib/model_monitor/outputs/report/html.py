"""A page as one HTML file that asks for nothing else: styles and charts stand in it, and nothing of it runs.

Every text is escaped by the templates in `assets/`. The content security policy in its head makes browsers refuse whatever might
get in anyway.
"""

from __future__ import annotations

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from model_monitor.documents.page import Block, Mark, Page, PageTable, PointChart, number_text
from model_monitor.outputs.printable import printable
from model_monitor.outputs.report import svg

LONGEST_NAME = 60
"""Letters of a name that are shown; of longer ones both ends are, and the whole on pointing at it."""

_CLASSES = {Mark.GOOD: "good", Mark.BAD: "bad", Mark.UNSURE: "unsure"}


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
    words = svg.description_of(block) if isinstance(block, PointChart) else block.words
    drawn = _MACROS.points(block) if isinstance(block, PointChart) else _MACROS.curve(block)
    return Markup(_MACROS.chart(block.title, words, drawn))


def _named(name: str) -> Markup:
    """A name, which may be written from right to left, or be very long."""
    shown = printable(name)
    if len(shown) <= LONGEST_NAME:
        return Markup("<bdi>{}</bdi>").format(shown)
    cut = f"{shown[: LONGEST_NAME // 2]}…{shown[1 - LONGEST_NAME // 2 :]}"
    return Markup('<bdi title="{}">{}</bdi>').format(shown, cut)


def _class_of(mark: Mark) -> Markup:
    return Markup(' class="{}"').format(_CLASSES[mark]) if mark in _CLASSES else Markup()


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
    "named": _named,
    "number_text": number_text,
    "class_of": _class_of,
    "pairs": lambda columns, cells: zip(columns, cells, strict=True),
}
_MACROS: Any = _TEMPLATES.get_template("blocks.html").module
